"""Names of character encodings, as the web and Java write them, and what Python makes of them."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from container.servlet import UnsupportedEncodingException

__all__ = ["LATIN_1", "charset_of", "codec", "content_type_parts", "is_known", "split_parameters"]

LATIN_1 = "ISO-8859-1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]*")  # Python itself is content with much less


@lru_cache(256)
def codec(name: str) -> codecs.CodecInfo:
    """Look an encoding up; UnsupportedEncodingException for an unknown one.

    And for codecs that are not text.
    """
    try:
        if not _NAME.fullmatch(name):
            raise UnsupportedEncodingException(name)
        info = codecs.lookup(name)
        "a".encode(info.name)  # refuses Python's bytes-to-bytes and text-to-text codecs
    except (LookupError, ValueError, TypeError):
        raise UnsupportedEncodingException(name) from None
    if info.name in ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"):
        raise UnsupportedEncodingException(name)
    return info


def is_known(name: str) -> bool:
    try:
        codec(name)
    except UnsupportedEncodingException:
        return False
    return True


def charset_of(value: str | codecs.CodecInfo | None) -> str | None:
    """The name in an argument that may be a str or a CodecInfo (the Charset overloads of 6.1)."""
    return value.name if isinstance(value, codecs.CodecInfo) else value


@lru_cache(512)
def content_type_parts(value: str) -> tuple[str, str | None]:
    """Split a Content-Type into the type with its other parameters, and the charset.

    ("text/html", "utf-8").
    """
    if ";" not in value:
        return value.strip(), None
    pieces = split_parameters(value)
    kept, charset = [pieces[0].strip()], None
    for piece in pieces[1:]:
        name, _, parameter = piece.partition("=")
        if name.strip().lower() == "charset":
            if charset is None:
                charset = parameter.strip().strip('"').strip() or None
        elif piece.strip():
            kept.append(piece.strip())
    return ";".join(kept), charset


def split_parameters(value: str) -> list[str]:
    pieces, start, quoted, index = [], 0, False, 0
    while index < len(value):
        character = value[index]
        if character == "\\" and quoted:
            index += 1
        elif character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            pieces.append(value[start:index])
            start = index + 1
        index += 1
    pieces.append(value[start:])
    return pieces
