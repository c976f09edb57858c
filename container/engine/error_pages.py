"""Which page answers an error, and how it is shown (Servlet 6.1 §10.9).

    sendError(404)   ──> page for 404      ──> default page ──> built-in page
    an exception     ──> page for its class or nearest base ──> the same for a ServletException's root cause
                     ──> page for 500      ──> default page ──> built-in page

The choice is pure; ``ErrorPages.report`` and ``report_exception`` act on it, after the filters have unwound
(RT-ERR-04).
"""

from __future__ import annotations

import html
import logging
import traceback
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from container.descriptor.model import ErrorPage
from container.engine.client_errors import client_status
from container.engine.dispatch import ERROR
from container.engine.dispatcher import dispatch_error, include_error
from container.engine.holder import available_again_s, report_unavailable
from container.engine.names import exception_lineage
from container.protocols.exchange import ClientDisconnected
from container.servlet import ServletException, UnavailableException

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.engine.request import Request
    from container.engine.response import Response

__all__ = ["ErrorPages", "built_in_page", "choose_page"]

log = logging.getLogger("container.engine")


def choose_page(
    pages: Mapping[type[BaseException], ErrorPage], error: BaseException
) -> tuple[ErrorPage, BaseException] | None:
    """Return the page for an exception and the exception that matched.

    Itself or its root cause (RT-EP-10..12).
    """
    for candidate in (error, root_cause(error)):
        if candidate is not None:
            for base in exception_lineage(type(candidate)):
                if base in pages:
                    return pages[base], candidate
    return None


def root_cause(error: BaseException) -> BaseException | None:
    return error.getRootCause() if isinstance(error, ServletException) else None


class ErrorPages:
    """The error pages of one web app."""

    def __init__(
        self,
        context: Context,
        codes: Mapping[int, ErrorPage],
        types: Mapping[type[BaseException], ErrorPage],
        default: ErrorPage | None,
    ) -> None:
        self._context = context
        self.codes = dict(codes)
        self.types = dict(types)
        self.default = default

    def page_for(self, status: int) -> ErrorPage | None:
        return self.codes.get(status, self.default)

    def location_for(self, status: int) -> str | None:
        page = self.page_for(status)
        return None if page is None else page.location

    def report(self, request: Request, response: Response) -> None:
        """Answer a sendError that happened during the request."""
        assert response._error is not None
        status, message = response._error
        response._error = None
        attributes = {ERROR + "message": message or ""}
        self._show(request, response, status, message, self.location_for(status), attributes, None)

    def report_exception(self, request: Request, response: Response, error: BaseException) -> None:
        """Answer an exception that left the filter chain."""
        if isinstance(error, ClientDisconnected):
            log.debug("%s: the client left", request._dispatch.uri)
            response._abort()
            return
        if isinstance(error, UnavailableException):
            self._report_unavailable(request, response, error)
            return
        status = client_status(error)
        if status is not None:
            self._report_client_error(request, response, error, status)
            return
        log.error(
            "%s %s %s [%s]: uncaught exception in servlet %s: %s: %s",
            request._exchange.method,
            request._dispatch.uri,
            self._context,
            request.getRequestId(),
            request._dispatch.target.holder.name,
            type(error).__name__,
            error,  # what is wrong stands in the first line, before the traceback
            exc_info=error,
        )
        response._error = None  # an exception weighs more than a sendError before it
        cause = root_cause(error)
        chosen = choose_page(self.types, error)
        # Tomcat shows the root cause of a ServletException, with the outer message (RT-EP-24).
        shown = cause if chosen is not None and cause is not None else error
        attributes = {
            ERROR + "message": str(error),
            ERROR + "exception": shown,
            ERROR + "exception_type": type(shown),
        }
        if response._committed:
            self._add(request, response, chosen[0].location if chosen else None, attributes)
            return
        location = chosen[0].location if chosen else self.location_for(500)
        self._show(request, response, 500, None, location, attributes, error)

    def _report_unavailable(self, request: Request, response: Response, error: UnavailableException) -> None:
        if response._committed:
            response._break_off()
            return
        response._reset_for_error()
        report_unavailable(error, response, available_again_s(error))
        self.report(request, response)

    def _report_client_error(
        self, request: Request, response: Response, error: BaseException, status: int
    ) -> None:
        log.info("%s [%s]: %d, %s", request._dispatch.uri, request.getRequestId(), status, error)
        if response._committed:
            response._break_off()
            return
        self._show(
            request, response, status, None, self.location_for(status), {ERROR + "message": str(error)}, None
        )

    def _add(
        self, request: Request, response: Response, location: str | None, attributes: dict[str, Any]
    ) -> None:
        """Too late for an answer of its own: add the page to what was sent, then break it off (RT-EP-28)."""
        status = 500
        if location is None:
            status = response._status
            location = self.location_for(status)
        if location is not None and response._open:
            attributes |= self._request_attributes(request, status)
            try:
                include_error(self._context, request, response, location, attributes)
            except KeyboardInterrupt:
                raise
            except BaseException:  # the page is application code (RT-EP-29)
                log.exception("error page %s%s failed", self._context.path, location)
        response._break_off()

    @staticmethod
    def _request_attributes(request: Request, status: int) -> dict[str, Any]:
        holder = (request._location.dispatch or request._dispatch).target.holder
        attributes = {
            ERROR + "status_code": status,
            ERROR + "request_uri": request._location.uri,
            ERROR + "servlet_name": holder.name,
            ERROR + "method": request._method,
        }
        if request._query is not None:
            attributes[ERROR + "query_string"] = request._query
        return attributes

    def _show(
        self, request: Request, response: Response, status: int, message: str | None,
        location: str | None, attributes: dict[str, Any], error: BaseException | None,
    ) -> None:  # fmt: skip
        response._reset_for_error()
        response._status = status
        if location is not None:
            attributes |= self._request_attributes(request, status)
            try:
                if dispatch_error(self._context, request, response, location, attributes):
                    if response._error is None:
                        return
                    status, message = response._error
            except KeyboardInterrupt:
                raise
            except BaseException:  # the page is application code; its failure must not loop (RT-EP-29)
                log.exception("error page %s%s failed", self._context.path, location)
            if response._committed:
                response._break_off()
                return
            response._error = None
            response._reset_for_error()
            response._status = status
        self._show_built_in(request, response, status, message, error)

    def _show_built_in(
        self,
        request: Request,
        response: Response,
        status: int,
        message: str | None,
        error: BaseException | None,
    ) -> None:
        if status < 400:
            response._finish()
            return
        shown = error if self._context.settings.dev else None
        body = built_in_page(status, message, request.getRequestId(), shown).encode("utf-8")
        response._writer_used = False
        response.setContentType("text/html;charset=utf-8")
        response.setHeader("Content-Language", "en")
        response.getOutputStream().write(body)


def built_in_page(status: int, message: str | None, request_id: str, error: BaseException | None) -> str:
    """The page for an error that has none of its own; with the traceback if error is given (--dev)."""
    try:
        phrase, description = HTTPStatus(status).phrase, HTTPStatus(status).description
    except ValueError:
        phrase, description = "", ""
    title = f"{status} {phrase}".strip()
    parts = [f"<h1>{html.escape(title)}</h1>"]
    if message or description:
        parts.append(f"<p>{html.escape(message or description)}</p>")
    if error is not None:
        trace = "".join(traceback.format_exception(error))
        parts.append(f"<pre>{html.escape(trace)}</pre>")
    parts.append(f"<footer>request {html.escape(request_id)}</footer>")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><style>:root{color-scheme:light dark}'
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:3rem auto;padding:0 1rem}"
        "pre{overflow:auto;padding:1rem;border:1px solid #8888;border-radius:6px;font-size:13px}"
        f"footer{{color:#888;font-size:13px}}</style></head><body>{''.join(parts)}</body></html>"
    )


def page_tables(
    pages: Iterable[tuple[ErrorPage, type[BaseException] | None]],
) -> tuple[dict[int, ErrorPage], dict[type[BaseException], ErrorPage], ErrorPage | None]:
    """Sort pages and the classes that they name into the three tables."""
    codes: dict[int, ErrorPage] = {}
    types: dict[type[BaseException], ErrorPage] = {}
    default: ErrorPage | None = None
    for page, kind in pages:
        if page.error_code is not None:
            codes[page.error_code] = page
        elif kind is not None:
            types[kind] = page
        else:
            default = page
    return codes, types, default
