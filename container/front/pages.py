"""The front's own pages, for answers that nobody else gives a body."""

from __future__ import annotations

from http import HTTPStatus

from container.front.site import NO_EDITS, FixedAnswer, HeaderEdits
from container.protocols.exchange import Headers

__all__ = ["own_page", "phrase"]


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def own_page(status: int, headers: Headers = (), edits: HeaderEdits = NO_EDITS) -> FixedAnswer:
    title = f"{status} {phrase(status)}"
    body = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    has_body = status >= 200 and status not in (204, 205, 304)
    if not has_body:
        return FixedAnswer(status, b"", None, tuple(headers), edits)
    return FixedAnswer(status, body.encode(), "text/html", tuple(headers), edits)
