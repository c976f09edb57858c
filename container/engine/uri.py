"""From the request target to the one path that everything is decided on (Servlet 6.1 §3.5.2).

    b"/shop;v=1/a%20b?x=1"  ──> split_target ──> b"/shop;v=1/a%20b", b"x=1"
    b"/shop;v=1/a%20b"      ──> canonicalize ──> "/shop/a b", and the path parameters

Suspicious sequences are refused here, before anybody looks at the path, so that no two parts can read it
differently. Nothing in this module knows about requests; the results are cached by whoever asks often.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from container.errors import ContainerError

__all__ = [
    "BadTarget",
    "CanonicalPath",
    "canonicalize",
    "decode_path",
    "encode_path",
    "resolve",
    "split_target",
]

# What needs none of the ten steps: no escape, parameter, empty or dot segment. "." may not begin a segment.
_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9_~!$&'()*+,=:@.-]*)*/?")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED_DOT = re.compile(rb"%2e", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
# What a request target may not hold unescaped (RFC 3986); Tomcat answers 400 as well.
_ILLEGAL = re.compile(rb'[\x00-\x20"<>\[\]^`{|}\x7f-\xff]')
_SAFE = "/!$&'()*+,;=:@~-._"


class BadTarget(ContainerError):  # noqa: N818  it is the target that is bad
    """A request target that is answered 400; the message is for the log.

    Context_path may still find an error page.
    """


@dataclass(frozen=True, slots=True)
class CanonicalPath:
    """The decoded path, without parameters, empty and dot segments; parameters as (name, value), in order.

    They stay as the client wrote them: only segments are decoded (step 5).
    """

    path: str
    parameters: tuple[tuple[str, str], ...] = ()


def split_target(target: bytes) -> tuple[bytes, bytes | None]:
    """Return raw path and raw query of a target in origin-form or absolute-form (§3.5.1).

    Query is None without "?".
    """
    if target[:1] != b"/" and (authority := re.match(rb"(?i:https?)://[^/?#]*", target)):
        target = target[authority.end() :] or b"/"
        if target[:1] == b"?":
            target = b"/" + target
    path, mark, query = target.partition(b"?")
    return path, query if mark else None


def canonicalize(raw: bytes) -> CanonicalPath:
    """Take the ten steps of §3.5.2; BadTarget for everything suspicious (RT-URI-11)."""
    if _PLAIN.fullmatch(raw):
        return CanonicalPath(raw.decode("ascii")) if raw else CanonicalPath("/")
    if b"#" in raw:
        raise BadTarget("a fragment (#) in the request target")
    if not raw.startswith(b"/"):
        raise BadTarget("the path does not start with /")
    if _BAD_ESCAPE.search(raw):
        raise BadTarget("an invalid % escape in the path")
    if _ILLEGAL.search(raw):
        raise BadTarget("a character in the path that must be percent-encoded")
    segments: list[str] = []
    parameters: list[tuple[str, str]] = []
    raw_segments = raw[1:].split(b"/")
    last = len(raw_segments) - 1
    trailing = len(raw_segments)  # where the run of empty segments at the end begins
    while trailing > 1 and not raw_segments[trailing - 1].partition(b";")[0]:
        trailing -= 1
    for index, raw_segment in enumerate(raw_segments):
        name, semicolon, raw_parameters = raw_segment.partition(b";")
        if semicolon:
            if not name and index < last and index < trailing:
                raise BadTarget("an empty path segment with a parameter")
            for parameter in raw_parameters.split(b";"):
                if parameter:
                    _decode(parameter)  # for what it refuses
                    key, _, value = parameter.decode("ascii").partition("=")
                    parameters.append((key, value))
        segment = _decode(name)
        if segment in (".", ".."):
            if semicolon:
                raise BadTarget("a dot segment with a parameter")
            if b"%" in name:
                raise BadTarget("an encoded dot segment")
            if segment == ".." and not _pop(segments):
                raise BadTarget("the path leaves the root (..)")
        elif segment:
            segments.append(segment)
    # A path that ends in an empty segment keeps its slash; one that ends in a dot segment has none
    # (RT-URI-14).
    end = "/" if segments and not raw_segments[-1].partition(b";")[0] else ""
    return CanonicalPath("/" + "/".join(segments) + end, tuple(parameters))


def _pop(segments: list[str]) -> bool:
    if not segments:
        return False
    segments.pop()
    return True


def _decode(raw: bytes) -> str:
    if b"%" not in raw:
        if b"\\" in raw:
            raise BadTarget("a backslash in the path")
        return raw.decode("ascii")
    data = unquote_to_bytes(raw)
    if b"/" in data:
        raise BadTarget("an encoded slash (%2F)")
    if b"\\" in data:
        raise BadTarget("a backslash in the path")
    if _CONTROL.search(data):
        raise BadTarget("a control character in the path")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadTarget("a path that is not UTF-8") from None


def resolve(base: str, path: str) -> str | None:
    """Resolve a decoded path of the application against the folder of base.

    None if it leaves the root (RT-RD-03).

    An absolute path is only normalised. Used for dispatchers and resources, whose paths never were
    percent-encoded. A backslash is a slash, as in Tomcat: no name that a client may ask for has one.
    """
    if not path.startswith("/"):
        path = base[: base.rfind("/") + 1] + path
    path = path.replace("\\", "/")
    if "//" not in path and "/." not in path:
        return path
    segments: list[str] = []
    for segment in path[1:].split("/"):
        if segment == "..":
            if not _pop(segments):
                return None
        elif segment not in ("", "."):
            segments.append(segment)
    end = "/" if segments and path.endswith("/") else ""  # not after a dot segment (RT-URI-14)
    return "/" + "/".join(segments) + end


def decode_path(path: str) -> str | None:
    """Decode a dispatcher's path as Tomcat does: without path parameters, escapes decoded.

    None if it cannot be.
    """
    if ";" in path:
        path = "/".join(segment.partition(";")[0] for segment in path.split("/"))
    if "%" not in path:
        return path
    if _BAD_ESCAPE.search(path.encode("utf-8")):
        return None
    try:
        return unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return None


def encode_path(path: str) -> str:
    """Percent-encode a decoded path, as it would stand in a request target."""
    return quote(path, safe=_SAFE)
