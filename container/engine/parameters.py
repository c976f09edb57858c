"""Request parameters out of a query string or a form body (Servlet 6.1 §3.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from container.engine.charsets import codec
from container.engine.client_errors import bad_request

__all__ = ["merge", "parse_form"]

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_form(data: bytes, encoding: str, limit: int) -> list[tuple[str, str]]:
    """Decode "a=1&b=2" into pairs, in order; "a" is the same as "a=" and a pair without a name is skipped.

    Raises bad_request for a bad escape, for bytes that are not in the encoding, and for more than limit
    pairs (0: any number).
    """
    if not data:
        return []
    decode = codec(encoding).decode
    pieces = data.split(b"&")
    if limit and len(pieces) > limit:
        raise bad_request(f"more than {limit} parameters", 400, "max_parameter_count")
    pairs: list[tuple[str, str]] = []
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        if not name:
            continue
        pairs.append((_decode(name, decode, encoding), _decode(value, decode, encoding)))
    return pairs


def _decode(raw: bytes, decode: Callable[[bytes, str], tuple[str, int]], encoding: str) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise bad_request("an invalid % escape in a parameter")
        raw = unquote_to_bytes(raw)
    try:
        return decode(raw, "strict")[0]
    except UnicodeError:
        raise bad_request(f"a parameter that is not {encoding}") from None


def merge(*sources: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Collect values by name: names in order of appearance, values of the first source first (RT-PAR-01)."""
    merged: dict[str, list[str]] = {}
    for source in sources:
        for name, value in source:
            if (values := merged.get(name)) is None:
                merged[name] = [value]
            else:
                values.append(value)
    return merged
