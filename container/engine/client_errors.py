"""What a client did wrong and application code runs into: exceptions that are answered with 4xx.

They are the API's own, so that applications can catch them, and carry what error_pages.py answers when
nobody does, ``client_status``, and until that has been logged ``limit``, the setting that was exceeded.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from container.errors import ProtocolError
from container.servlet import IllegalStateException, ServletException

if TYPE_CHECKING:
    from container.engine.request import Request

__all__ = ["bad_request", "broken_body", "client_status", "log_limit", "wrong_media_type"]

log = logging.getLogger("container.engine")

E = TypeVar("E", bound=Exception)


def bad_request(message: str, status: int = 400, setting: str | None = None) -> IllegalStateException:
    """Return the exception for what cannot be understood or is over a limit (RT-PAR-10, RT-MP-02)."""
    return _marked(IllegalStateException(message), status, setting)


def broken_body(error: ProtocolError | UnicodeError) -> OSError:
    """Return the exception for a body that is not what its headers say, to be raised where it is read."""
    status, setting = (error.status, error.setting) if isinstance(error, ProtocolError) else (400, None)
    return _marked(OSError(str(error)), status, setting)


def wrong_media_type(message: str) -> ServletException:
    """Return the exception for a body of another kind than the servlet reads (RT-MP-02)."""
    return _marked(ServletException(message), 415, None)


def _marked(error: E, status: int, setting: str | None) -> E:
    error.client_status = status  # type: ignore[attr-defined]
    error.limit = setting  # type: ignore[attr-defined]
    return error


def client_status(error: BaseException) -> int | None:
    """What to answer if nobody catches error; None if it is not the client's doing."""
    if isinstance(error, ProtocolError):
        return error.status
    status: int | None = getattr(error, "client_status", None)
    return status


def log_limit(request: Request, error: Exception) -> None:
    """Say, once, which limit was exceeded, if that is what happened, and where it is set.

    Called where the error is made, as applications may catch it.
    """
    if setting := getattr(error, "limit", None):
        error.limit = None  # type: ignore[attr-defined]
        place = "--" + setting.replace("_", "-") if "_" in setting else f"<{setting}> of the servlet"
        uri, request_id = request._dispatch.uri, request._exchange.id
        log.warning("%s [%s]: %s; the limit is %s", uri, request_id, error, place)
