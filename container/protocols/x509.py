"""What stands in a certificate, read from its DER (X.690, RFC 5280).

The ssl module tells the names of a peer's certificate only, and only while its connection is there. All of it
raises ValueError for what is no certificate: half a name could be somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

__all__ = ["end_of", "names_of", "subject_of"]

_SUBJECT_ALT_NAME, _COMMON_NAME = b"\x55\x1d\x11", b"\x55\x04\x03"
_DNS_NAME, _EXTENSIONS, _VERSION = 0x82, 0xA3, 0xA0  # tags
_UTC_TIME = 0x17
_VALIDITY, _SUBJECT = 3, 4  # their places in a certificate, the version not counted
_ENCODINGS = {0x0C: "utf-8", 0x14: "latin-1", 0x1E: "utf-16-be"}  # of tags; the others are ASCII
_ATTRIBUTES = {  # RFC 4514 §3, and what Java calls the last one
    _COMMON_NAME: "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x09": "STREET",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
    bytes.fromhex("0992268993f22c640119"): "DC",
    bytes.fromhex("0992268993f22c640101"): "UID",
    bytes.fromhex("2a864886f70d010901"): "EMAILADDRESS",
}
_SPECIAL = re.compile(r'[,+"\\<>;]|^[# ]| $')


def subject_of(der: bytes) -> str:
    """Return whom a certificate is for: "CN=Ann, O=Shop, C=KR", as RFC 4514 has it but for the spaces."""
    names = []
    for _, relative in _elements(_parts(der)[_SUBJECT][1]):
        pairs = []
        for _, pair in _elements(relative):
            (_, kind), (tag, value) = _elements(pair)
            text = value.decode(_ENCODINGS.get(tag, "ascii"), "replace")
            pairs.append(f"{_ATTRIBUTES.get(kind) or _dotted(kind)}={_SPECIAL.sub(_escape, text)}")
        names.append("+".join(pairs))
    return ", ".join(reversed(names))


def _escape(match: re.Match[str]) -> str:
    return "\\" + match[0]


def _dotted(oid: bytes) -> str:
    numbers, number = [], 0
    for byte in oid:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        raise ValueError("an attribute of a certificate has no type")
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def names_of(der: bytes) -> list[str]:
    """Return the DNS names a certificate is for, in lower case; the subject's name if it lists none."""
    parts = _parts(der)
    names = []
    for tag, content in parts:
        if tag == _EXTENSIONS:
            for _, extension in _elements(_inside(content)):
                fields = [field for _, field in _elements(extension)]
                if fields[:1] == [_SUBJECT_ALT_NAME]:
                    names += [name for kind, name in _elements(_inside(fields[-1])) if kind == _DNS_NAME]
    if not names:
        for _, relative in _elements(parts[_SUBJECT][1]):
            (_, kind), (_, value) = _elements(_inside(relative))
            if kind == _COMMON_NAME:
                names.append(value)
    return [name.decode("utf-8", "replace").lower().rstrip(".") for name in names]


def end_of(der: bytes) -> datetime:
    """Until when a certificate is valid."""
    parts = _parts(der)
    _, (tag, content) = _elements(parts[_VALIDITY][1])
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits for the year: 1950 to 2049 (RFC 5280 §4.1.2.5.1)
        text = ("19" if text[:1] >= "5" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _parts(der: bytes) -> list[tuple[int, bytes]]:
    parts = [part for part in _elements(_inside(_inside(der))) if part[0] != _VERSION]
    if len(parts) <= _SUBJECT:
        raise ValueError("a certificate without a subject")
    return parts


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element."""
    at = 0
    while at < len(der):
        tag, length = der[at], int.from_bytes(der[at + 1 : at + 2], "big")
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(der[at : at + count], "big")
            at += count
        if at + length > len(der):
            raise ValueError("an element of a certificate is cut off")
        yield tag, der[at : at + length]
        at += length


def _inside(der: bytes) -> bytes:
    for _, content in _elements(der):
        return content
    raise ValueError("an element of a certificate is empty")
