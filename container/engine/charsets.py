"""Names of character encodings, as the web and Java write them, and what Python makes of them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from container.servlet import UnsupportedEncodingException

__all__ = [
    "LATIN_1", "STATEFUL", "charset_of", "charset_parameter", "codec", "is_known", "java_name",
    "split_parameters",
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


_JAVA_NAMES = {
    "ascii": "US-ASCII", "big5": "Big5", "euc_jp": "EUC-JP", "euc_kr": "EUC-KR", "iso2022_jp": "ISO-2022-JP",
    "shift_jis": "Shift_JIS", "tis-620": "TIS-620", "utf-16-be": "UTF-16BE", "utf-16-le": "UTF-16LE",
}  # fmt: skip


def java_name(name: str) -> str:
    """Return what Java calls an encoding, "ISO-8859-1" for "latin1"; name itself where nothing is known.

    Raises UnsupportedEncodingException as codec does.
    """
    known = codec(name).name
    if known in _JAVA_NAMES:
        return _JAVA_NAMES[known]
    if known in ("gb18030", "gb2312", "gbk", "koi8-r", "koi8-u", "utf-8", "utf-16"):
        return known.upper()
    for python, java in (("iso8859-", "ISO-8859-"), ("cp125", "windows-125")):
        if known.startswith(python):
            return java + known.removeprefix(python)
    return name


_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_PARAMETER = re.compile(
    rf";[ \t]*+(?:({_TOKEN})[ \t]*+(?:=[ \t]*+({_TOKEN}|\"(?:[^\"\\]|\\.)*+\")?)?[ \t]*+)?", re.DOTALL
)
_MEDIA_TYPE = re.compile(rf"[ \t]*+{_TOKEN}/{_TOKEN}[ \t]*+((?:{_PARAMETER.pattern})*+)", re.DOTALL)


@lru_cache(512)
def charset_parameter(content_type: str) -> str | None:
    """Return the charset of a Content-Type, of several the last; "" where it has no value.

    None without one, and where the whole is no media type (RFC 9110 §8.3.1): nobody knows what it means.
    """
    match = _MEDIA_TYPE.fullmatch(content_type)
    charset = None
    for name, value in _PARAMETER.findall(match[1]) if match else ():
        if name.lower() == "charset":
            charset = re.sub(r"\\(.)", r"\1", value[1:-1]).strip() if value[:1] == '"' else value
    return charset


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
