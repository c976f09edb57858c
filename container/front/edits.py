"""What a site does to the header of an answer on its way out. Pure."""

from __future__ import annotations

import re

from container.front.record import Facts, Record
from container.front.site import NO_EDITS, HeaderEdits

__all__ = ["edit_headers", "on_one_line"]

_ADDED_TO = frozenset((200, 201, 204, 206, 301, 302, 303, 304, 307, 308))  # what add is for, as in nginx
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLACES = frozenset(("location", "content-location", "uri"))


def on_one_line(value: str) -> str:
    """Escape what would end a field; a decoded path may have brought it."""
    if _CONTROL.search(value) is None:
        return value
    return _CONTROL.sub(lambda match: f"%{ord(match[0]):02X}", value)


def edit_headers(
    status: int,
    headers: list[tuple[str, str]],
    edits: HeaderEdits,
    record: Record | None = None,
) -> list[tuple[str, str]]:
    """record: what is known of the backends that were asked, for edits that depend on it."""
    if edits is NO_EDITS:
        return headers
    if edits.later is not None:
        edits = edits.later(Facts(record or Record(), status))
    if edits.redirects:
        headers = [_redirected(header, edits.redirects) for header in headers]
    if rewrites := edits.rewrites:
        headers = [
            (name, rewrite(value)) if (rewrite := rewrites.get(name.lower())) else (name, value)
            for name, value in headers
        ]
    gone = edits.remove | {name.lower() for name, _ in edits.replace}
    if gone:
        headers = [header for header in headers if header[0].lower() not in gone]
    headers = [*headers, *edits.replace]
    if status in _ADDED_TO:
        headers += edits.add
    headers += edits.add_always
    return headers


def _redirected(header: tuple[str, str], redirects: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    name, value = header
    field = name.lower()
    if field in _PLACES:
        return name, _moved(value, redirects)
    if field == "refresh":
        seconds, mark, url = value.partition("url=")
        return name, f"{seconds}{mark}{_moved(url, redirects)}"
    return header


def _moved(url: str, redirects: tuple[tuple[str, str], ...]) -> str:
    for beginning, instead in redirects:
        if url.startswith(beginning):
            return instead + url[len(beginning) :]
    return url
