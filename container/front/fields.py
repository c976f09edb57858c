"""Header fields as text, and which of them go on to a backend. Pure.

Clients send the same ones again and again, so short ones are remembered, unless they are secret.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from container.protocols.backend import HOP_BY_HOP, SECRETS

__all__ = ["Field", "end_to_end", "has_secrets", "read_field"]

_NOT_PASSED = HOP_BY_HOP | {"content-length", "expect", "proxy"}  # "Proxy" becomes HTTP_PROXY under CGI
_SHORT = 256  # bytes of a field that is remembered
_SECRETS = frozenset(name.encode() for name in SECRETS)


class Field(NamedTuple):
    """key: the name in lower case."""

    key: str
    name: str
    value: str


def _read(raw: tuple[bytes, bytes]) -> Field:
    name = raw[0].decode("latin-1")
    return Field(name.lower(), name, raw[1].decode("latin-1"))


_known = lru_cache(4096)(_read)


def read_field(raw: tuple[bytes, bytes]) -> Field:
    return _known(raw) if len(raw[1]) <= _SHORT and raw[0].lower() not in _SECRETS else _read(raw)


def has_secrets(raw: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether this header is not to be remembered as a whole."""
    return not _SECRETS.isdisjoint([name.lower() for name, _ in raw])


def end_to_end(raw: Iterable[tuple[bytes, bytes]], without: Collection[str] = ()) -> list[Field]:
    """Leave out what is about the connection, what Connection names, and framing: that is done anew.

    without: others, by lower-case names.
    """
    fields = [read_field(each) for each in raw]
    named: list[str] = []
    for key, _, value in fields:
        if key == "connection":
            named += [option.strip().lower() for option in value.split(",")]
    return [
        field
        for field in fields
        if (key := field[0]) not in _NOT_PASSED and key not in without and key not in named
    ]
