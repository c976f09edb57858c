"""From raw paths to decoded, canonical ones and back, as nginx does it."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

__all__ = ["canonical_path", "escape_args", "escape_path", "escape_redirect"]

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_IN_ARGS = re.compile(rb'[\x00-\x20"#%&+;<>?\\^`{|}\x7f-\xff]')
_IN_PATH = re.compile(rb'[\x00-\x20"#%<>?\\^`{|}\x7f-\xff]')
_IN_REDIRECT = re.compile(rb'[\x00-\x20"#%?\x7f-\xff]')


def canonical_path(raw: bytes, *, merge_slashes: bool = True) -> str | None:
    """Decode a path once and resolve its dots; None for one that is answered 400."""
    if not raw.startswith(b"/") or b"#" in raw or _BAD_ESCAPE.search(raw):
        return None
    data = unquote_to_bytes(raw) if b"%" in raw else raw
    if b"\0" in data:
        return None
    text = data.decode("utf-8", "surrogateescape")
    if merge_slashes and "//" in text:
        text = re.sub("//+", "/", text)
    if "/." not in text:
        return text
    segments: list[str] = []
    parts = text[1:].split("/")
    for part in parts:
        if part == "..":
            if not segments:
                return None
            segments.pop()
        elif part != ".":
            segments.append(part)
    end = "/" if parts[-1] in (".", "..") and segments else ""
    return "/" + "/".join(segments) + end


def escape_args(text: str) -> str:
    """Escape what would end a value in a query."""
    return _escape(text, _IN_ARGS)


def escape_path(text: str) -> str:
    """Escape a path for a request target."""
    return _escape(text, _IN_PATH)


def escape_redirect(text: str) -> str:
    """Escape a path for a Location field."""
    return _escape(text, _IN_REDIRECT)


def _escape(text: str, what: re.Pattern[bytes]) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return what.sub(lambda match: b"%%%02X" % match[0][0], data).decode(
        "ascii" if text.isascii() else "latin-1"
    )
