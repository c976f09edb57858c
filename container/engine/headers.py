"""What may stand in the header of an answer: names, values, a Content-Type.

All of it comes from the application and some of that from its clients, so nothing here may end a line.
"""

from __future__ import annotations

import re
from functools import lru_cache

from container.engine.charsets import is_known, split_parameters
from container.servlet import IllegalArgumentException

__all__ = ["check_name", "clean", "content_type_header", "media_type"]

_BLANK = str.maketrans(dict.fromkeys((*range(9), *range(10, 32), 127), " "))  # a tab may stay
_MEDIA_TYPE = re.compile(r"\s*([!#-'*+.^-`|~\w-]+/[!#-'*+.^-`|~\w-]+)\s*(;.*)?", re.ASCII)


def clean(value: object) -> str:
    """Make a header value safe: no line break, NUL or character beyond ISO-8859-1 (RT-RHD-08, RT-WSGI-02)."""
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_BLANK).encode("latin-1", "replace").decode("latin-1")


def check_name(name: str) -> str:
    """Return name; IllegalArgumentException for one that could not be read as a name again."""
    if not name.isascii() or not name.isprintable() or " " in name or ":" in name:
        raise IllegalArgumentException(f"{name!r} cannot be the name of a header")
    return name


@lru_cache(512)
def media_type(value: str) -> tuple[str, str | None]:
    """Split a Content-Type into the rest and its charset, of several the last; None if it has none.

    Without a charset, or where it is no media type at all, it stays as it was written.
    """
    value = clean(value)
    match = _MEDIA_TYPE.fullmatch(value)
    if match is None or match[2] is None:
        return value, None
    kept, charset = [match[1]], None
    for parameter in split_parameters(match[2])[1:]:
        name, mark, text = parameter.partition("=")
        name, text = name.strip().lower(), text.strip()
        if name == "charset":
            charset = text.strip('"').strip()
        elif name:
            kept.append(f"{name}{mark}{text}")
    return (value, None) if charset is None else (";".join(kept), charset)


@lru_cache(512)
def content_type_header(content_type: str, charset: str) -> str:
    """Put the two together again. A charset that nobody here can write is not promised."""
    return f"{content_type};charset={charset}" if is_known(charset) else content_type
