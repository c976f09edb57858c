"""A header field as text. Clients send the same ones again and again, so short ones are remembered. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

__all__ = ["Field", "read_field"]

_SHORT = 256  # bytes of a field that is remembered


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
    return _known(raw) if len(raw[1]) <= _SHORT else _read(raw)
