"""A request target as the path that everything is decided by (spec: what is matched is what is opened). Pure.

    b"/a//b/%2e%2e/c?x=1" ──> Target(path="/a/c", query="x=1")

One decoding, one normalisation, before anything looks at the path: rules for one spelling and files for
another are how rules are evaded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from container.errors import ProtocolError
from container.files import is_protected

__all__ = ["Target", "encode_path", "is_secret", "read_target", "split_absolute"]

_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9_~!$&'()*+,;=:@.-]*)+/?|/")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)")
_SHORT = 256  # bytes of a target that is remembered
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PARAMETERS = re.compile(r";[^/]*")
_SAFE = "/-._~!$&'()*+,;=:@"


class Target(NamedTuple):
    """authority: of an absolute target; it counts instead of Host."""

    path: str
    query: str | None
    authority: str | None = None


def split_absolute(raw: bytes) -> tuple[str | None, bytes]:
    """The authority of an absolute target, without a user, and the target without it; None: it has none."""
    match = None if raw.startswith(b"/") else _ABSOLUTE.match(raw)
    if match is None:
        return None, raw
    rest = raw[match.end() :]
    return match[1].rpartition(b"@")[2].decode("latin-1"), rest if rest.startswith(b"/") else b"/" + rest


def read_target(raw: bytes) -> Target:
    """Raises ProtocolError 400 for what is no path, or one that leaves the root."""
    return _known_target(raw) if len(raw) <= _SHORT else _read_target(raw)


def _read_target(raw: bytes) -> Target:
    authority, raw = split_absolute(raw)
    if not raw.startswith(b"/"):
        if raw == b"*":
            return Target("*", None)
        raise ProtocolError(400, "the target does not begin with /")
    if b"#" in raw:
        raise ProtocolError(400, "a fragment in the target")
    path, mark, query = raw.partition(b"?")
    text = query.decode("latin-1") if mark else None
    if _PLAIN.fullmatch(path):
        return Target(path.decode("ascii"), text, authority)
    return Target(_normalise(path), text, authority)


_known_target = lru_cache(1024)(_read_target)  # pages ask for the same again and again


def _normalise(raw: bytes) -> str:
    if _BAD_ESCAPE.search(raw):
        raise ProtocolError(400, "a malformed % escape")
    path = unquote_to_bytes(raw)
    if b"\0" in path:
        raise ProtocolError(400, "a NUL in the path")
    segments: list[bytes] = []
    parts = path.split(b"/")
    for part in parts:
        if part == b"..":
            if not segments:
                raise ProtocolError(400, "the path leaves the root")
            segments.pop()
        elif part not in (b"", b"."):
            segments.append(part)
    is_folder = bool(segments) and parts[-1] in (b"", b".", b"..")
    return (b"/" + b"/".join(segments) + (b"/" if is_folder else b"")).decode("utf-8", "surrogateescape")


def encode_path(path: str) -> str:
    """Percent-encode a decoded path, as it would stand in a target."""
    return quote(path.encode("utf-8", "surrogateescape"), safe=_SAFE)


def is_secret(path: str) -> bool:
    """Whether a segment is WEB-INF or META-INF: nobody gets these, from whatever server behind us."""
    return "INF" in path.upper() and is_protected(_PARAMETERS.sub("", path))
