"""Names of character encodings, as the web and Java write them, and what Python makes of them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from container.servlet import UnsupportedEncodingException

__all__ = [
    "LATIN_1", "STATEFUL", "charset_of", "codec", "content_type_parts", "is_known", "split_parameters",
]  # fmt: skip

LATIN_1 = "ISO-8859-1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]*")  # Python itself is content with much less
STATEFUL = frozenset((
    "utf-16", "utf-8-sig", "utf-7", "hz", "iso2022_kr", "iso2022_jp", "iso2022_jp_1",
    "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext",
))  # fmt: skip
"""Codecs, by name, that need one encoder for all pieces of a text: they write a mark first, or shift."""


class Utf16Decoder(codecs.BufferedIncrementalDecoder):
    """UTF-16 as in Java: big endian, unless a byte-order mark says otherwise; Python needs the mark."""

    def __init__(self, errors: str = "strict") -> None:
        super().__init__(errors)
        self._decode: Callable[[bytes, str, bool], tuple[str, int]] | None = None

    def _buffer_decode(self, input: Any, errors: str, final: bool) -> tuple[str, int]:
        input = bytes(input)
        mark = b""
        if self._decode is None:
            if len(input) < 2 and not final:
                return "", 0
            is_little = input[:2] == codecs.BOM_UTF16_LE
            self._decode = codecs.utf_16_le_decode if is_little else codecs.utf_16_be_decode
            mark = input[:2] if is_little or input[:2] == codecs.BOM_UTF16_BE else b""
        text, used = self._decode(input[len(mark) :], errors, final)
        return text, used + len(mark)


class Utf16Encoder(codecs.IncrementalEncoder):
    """UTF-16 as in Java: big endian with a byte-order mark; Python takes the machine's order."""

    def __init__(self, errors: str = "strict") -> None:
        super().__init__(errors)
        self._mark = codecs.BOM_UTF16_BE

    def encode(self, input: str, final: bool = False) -> bytes:
        if not input:
            return b""
        mark, self._mark = self._mark, b""
        return mark + input.encode("utf-16-be", self.errors)


_JAVA_UTF_16 = codecs.CodecInfo(
    lambda text, errors="strict": (Utf16Encoder(errors).encode(text), len(text)),
    lambda data, errors="strict": (Utf16Decoder(errors).decode(bytes(data), True), len(data)),
    incrementalencoder=Utf16Encoder,
    incrementaldecoder=Utf16Decoder,
    name="utf-16",
)
_AS_IN_JAVA = {"utf-16": _JAVA_UTF_16, "utf-32": codecs.lookup("utf-32-be")}


@lru_cache(256)
def codec(name: str) -> codecs.CodecInfo:
    """Look an encoding up; UnsupportedEncodingException for an unknown one, and for codecs that are not text.

    To be used through the CodecInfo: what Python finds by its name differs for UTF-16.
    """
    try:
        if not _NAME.fullmatch(name):
            raise UnsupportedEncodingException(name)
        info = codecs.lookup(name)
        "a".encode(info.name)  # refuses Python's bytes-to-bytes and text-to-text codecs
    except (LookupError, ValueError, TypeError):
        raise UnsupportedEncodingException(name) from None
    if info.name in ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"):
        raise UnsupportedEncodingException(name)
    return _AS_IN_JAVA.get(info.name, info)


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
    """Split a Content-Type into the type with its other parameters, and the charset: ("text/html", "utf-8").

    The charset is "" where the parameter has no value.
    """
    if ";" not in value:
        return value.strip(), None
    pieces = split_parameters(value)
    kept, charset = [pieces[0].strip()], None
    for piece in pieces[1:]:
        name, _, parameter = piece.partition("=")
        if name.strip().lower() == "charset":
            if charset is None:
                charset = parameter.strip().strip('"').strip()
        elif piece.strip():
            kept.append(piece.strip())
    return ";".join(kept), charset


def split_parameters(value: str) -> list[str]:
    """Split a header's value at each ";" outside of quotes."""
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
