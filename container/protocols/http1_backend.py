"""HTTP/1.x spoken to a backend: requests out, answers in. No sockets, no clock.

An answer's framing is decided as RFC 9112 §6.3 says: none for HEAD, 1xx, 204 and 304; chunked before a
Content-Length; else to the end of the connection. Lines of a head may end with a LF alone (§2.2). An answer
that two readers could understand differently, as one of those, ends the connection's use.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from container.config import Settings
from container.errors import ProtocolError
from container.protocols.backend import (
    HOP_BY_HOP,
    SECRETS,
    AnswerEnd,
    AnswerHead,
    BackendRequest,
    Event,
    Interim,
)
from container.protocols.exchange import Headers, RawHeaders
from container.protocols.http1 import chunk
from container.protocols.http1_body import BodyParser

__all__ = ["Http1Backend"]

MAX_HEAD_BYTES = 32 * 1024
_SHORT = 256  # bytes of a line that is remembered
_SHORT_HEAD = 1024  # and of a head
_LIMITS = Settings(max_body_bytes=0)
_NOT_SENT = HOP_BY_HOP | {"content-length", "expect", "proxy"}  # "Proxy" becomes HTTP_PROXY under CGI
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([^\r\n\0]*))?")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BODILY = ("POST", "PUT", "PATCH")  # these say so if they have no body
_BODILESS = frozenset((204, 304))


class _Line(NamedTuple):
    header: tuple[str, str]
    field: str
    """The name in lower case."""


def _read_line(line: bytes) -> _Line:
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name) or b"\n" in value or b"\r" in value or b"\0" in value:
        raise ProtocolError(502, f"malformed header line {line[:60]!r}")
    text = name.decode("ascii")
    return _Line((text, value.strip(b" \t").decode("latin-1")), text.lower())


_known_line = lru_cache(1024)(_read_line)  # backends send the same lines again and again


def _read_lines(lines: bytes) -> list[_Line]:
    """Read lines, each with its CRLF. Raises ProtocolError."""
    return [
        _known_line(line) if len(line) <= _SHORT else _read_line(line) for line in lines.split(b"\r\n")[:-1]
    ]


def _request_line(name: str, value: str) -> bytes:
    """Raises ValueError for what cannot be sent."""
    text = f"{name}: {value}"
    if "\n" in text or "\r" in text:
        raise ValueError("a header for the backend has a line end inside its name or value")
    if "\0" in text:
        raise ValueError("a header for the backend has a NUL inside its name or value")
    try:
        return text.encode("latin-1") + b"\r\n"
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape") + b"\r\n"


def _request_lines(headers: Headers) -> bytes:
    return b"".join(
        [
            _known_request_line(name, value)
            if len(value) <= _SHORT and field not in SECRETS
            else _request_line(name, value)
            for name, value in headers
            if (field := name.lower()) not in _NOT_SENT
        ]
    )


_known_request_line = lru_cache(1024)(_request_line)
_known_request_lines = lru_cache(256)(_request_lines)  # and clients send the same header


def _read_trailers(lines: bytes) -> RawHeaders:
    headers = [line.header for line in _read_lines(lines)]
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]


class Http1Backend(BodyParser):
    """A backend.BackendProtocol. version: what the backend is asked with, "1.1" or "1.0"."""

    __slots__ = (
        "_awaits_head",
        "_has_ended",
        "_is_chunked_request",
        "_is_open",
        "_method",
        "_protocol",
        "_to_close",
        "_version",
        "max_head_bytes",
    )

    def __init__(self, version: str = "1.1", max_head_bytes: int = MAX_HEAD_BYTES) -> None:
        super().__init__(_read_trailers, _LIMITS)
        self.max_head_bytes = max_head_bytes
        self._version = version
        self._protocol = f"HTTP/{version}".encode("ascii")
        self._method = ""
        self._is_chunked_request = False
        self._awaits_head = False
        self._to_close = False  # the answer's body ends with the connection
        self._has_ended = False
        self._is_open = True

    def __repr__(self) -> str:
        return f"<Http1Backend {self._method}, {len(self.waiting)} bytes waiting>"

    # The request ----------------------------------------------------------------------------------

    def ping(self) -> bytes:
        return b""

    def take_output(self) -> bytes:
        return b""

    def begin(self, request: BackendRequest) -> bytes:
        self._method = request.method
        self._awaits_head = True
        self._to_close = False
        self._is_open = request.keep_alive and self._version == "1.1"
        self._is_chunked_request = request.body_bytes is None
        if self._is_chunked_request and self._version != "1.1":
            raise ProtocolError(411, "HTTP/1.0 has no body of unknown length")
        method, headers = request.method, request.headers
        is_known = isinstance(headers, tuple) and SECRETS.isdisjoint([name.lower() for name, _ in headers])
        lines = _known_request_lines(headers) if is_known else _request_lines(headers)
        if request.body_bytes is None:
            lines += b"Transfer-Encoding: chunked\r\n"
        elif request.body_bytes or method in _BODILY:
            lines += b"Content-Length: %d\r\n" % request.body_bytes
        if request.upgrade:
            lines += b"Connection: upgrade\r\n" + _request_line("Upgrade", request.upgrade)
        elif not self._is_open:
            lines += b"Connection: close\r\n"
        target = request.target
        if b"\n" in target or b"\r" in target:
            raise ValueError("the target for the backend has a line end inside")
        return b"%b %b %b\r\n%b\r\n" % (method.encode("ascii"), target, self._protocol, lines)

    @property
    def room(self) -> int:
        return 65536

    def send(self, piece: bytes) -> bytes:
        return chunk(piece) if self._is_chunked_request else piece

    def end(self) -> bytes:
        return b"0\r\n\r\n" if self._is_chunked_request else b""

    # The answer -----------------------------------------------------------------------------------

    def receive_eof(self) -> None:
        self._has_ended = True
        self._is_open = False

    def next_event(self) -> Event | None:
        if not self.waiting and not self._has_ended and (self._awaits_head or self.in_body):
            return None
        if self._awaits_head:
            return self._next_head()
        if self._to_close:
            if piece := self.waiting:
                self.waiting = b""
                return piece
            return AnswerEnd([]) if self._has_ended else None
        try:
            piece_or_none = self.next_piece()
        except ProtocolError:
            self._is_open = False
            raise
        if piece_or_none == b"":
            if self.waiting:
                self._is_open = False  # bytes after the end belong to nothing that was asked
            return AnswerEnd(self.trailers or [])
        if piece_or_none is None and self._has_ended:
            raise ProtocolError(502, "the backend closed inside the body of its answer")
        return piece_or_none

    def take_answer(self) -> tuple[AnswerHead, bytes] | None:
        buffer = self.waiting
        end = buffer.find(b"\r\n\r\n") + 4
        if not 4 <= end <= _SHORT_HEAD or not self._awaits_head or self._method == "HEAD":
            return None
        try:
            head = _known_head(buffer[: end - 2])
        except ProtocolError:
            return None
        if isinstance(head, Interim) or len(buffer) - end != head.plain_bytes:
            return None
        self._awaits_head = False
        self.waiting = b""
        if head.closes:
            self._is_open = False
        return head.answer, buffer[end:]

    @property
    def can_stay_open(self) -> bool:
        return self._is_open and not (
            self._awaits_head or self.in_body or self._to_close or self._has_ended or self.waiting
        )

    def _next_head(self) -> Event | None:
        buffer = self.waiting
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or buffer.count(b"\n", 0, end) != buffer.count(b"\r\n", 0, end):
            buffer, end = self._with_crlf(buffer, end)
        if end > self.max_head_bytes or (end < 0 and len(buffer) > self.max_head_bytes):
            raise ProtocolError(502, f"the head of the answer has more than {self.max_head_bytes} bytes")
        if end < 0:
            if buffer and not (b"HTTP/1.".startswith(buffer[:7]) or buffer.startswith(b"HTTP/1.")):
                raise ProtocolError(502, f"the answer begins with {buffer[:20]!r}, not with HTTP/1.1")
            if self._has_ended:
                raise ProtocolError(502, "the backend closed inside the head of its answer")
            return None
        text = buffer[: end + 2]
        head = _known_head(text) if end <= _SHORT_HEAD else _read_head(text)
        self.waiting = buffer[end + 4 :]
        if isinstance(head, Interim):
            return head
        self._awaits_head = False
        return self._decide(head)

    def _with_crlf(self, buffer: bytes, end: int) -> tuple[bytes, int]:
        """Put CRLF where lines of the head end with a LF alone; the same again if it has not come whole."""
        empty_line = _EMPTY_LINE.search(buffer)
        if empty_line is None:
            return buffer, end
        self._is_open = False
        head = _BARE_LF.sub(b"\r\n", buffer[: empty_line.start() + 1])
        return b"%b\r\n%b" % (head, buffer[empty_line.end() :]), len(head) - 2

    def _decide(self, head: _Head) -> AnswerHead:
        """Act upon what governs body and connection."""
        status, length = head.answer.status, head.length
        if head.closes:
            self._is_open = False
        if status == 101:
            self._to_close = True
        elif self._method == "HEAD" or status in _BODILESS:
            self.in_body = False
            self.trailers = []
        elif head.is_chunked:
            self.begin_body(None)
        elif length is None:
            self._to_close = True
            self._is_open = False
        elif length:
            self.begin_body(length)
        else:
            self.in_body = False
            self.trailers = []
        return head.answer


class _Head(NamedTuple):
    """What a head says by itself; what it means depends on the request, too."""

    answer: AnswerHead
    length: int | None = None
    is_chunked: bool = False
    closes: bool = False
    plain_bytes: int = -1
    """Of the body, if that is just as long as it says, whatever was asked but HEAD."""


def _read_head(text: bytes) -> _Head | Interim:
    """Raises ProtocolError. text: a status line and header lines, each with its CRLF."""
    status_line, _, lines = text.partition(b"\r\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise ProtocolError(502, f"malformed status line {status_line[:60]!r}")
    found = _read_lines(lines)
    status = int(match[2])
    if status < 200 and status != 101:
        return Interim(status, [line.header for line in found])
    options: list[str] = []
    codings: list[str] = []
    lengths: set[str] = set()
    upgrade = ""
    headers = []
    for header, field in found:
        value = header[1]
        if field == "content-length":
            lengths.add(value)
        elif field not in HOP_BY_HOP:
            headers.append(header)
        elif field == "connection":
            options += [option.strip().lower() for option in value.split(",")]
        elif field == "transfer-encoding":
            codings += [coding.strip().lower() for coding in value.split(",")]
        elif field == "upgrade":
            upgrade = value
    if options:
        named = {option for option in options if option not in ("close", "keep-alive", "upgrade")}
        headers = [header for header in headers if header[0].lower() not in named]
    closes = "close" in options or (match[1] == b"0" and "keep-alive" not in options)
    if status == 101:
        if not upgrade:
            raise ProtocolError(502, "a 101 without Upgrade")
        return _Head(AnswerHead(status, "", tuple(headers), upgrade), closes=True)
    if codings and codings != ["chunked"]:
        raise ProtocolError(502, f"the answer has the transfer coding {', '.join(codings)}")
    if len(lengths) > 1 or any(not each.isdecimal() or len(each) > 18 for each in lengths):
        raise ProtocolError(502, f"the answer has the Content-Length {', '.join(sorted(lengths))}")
    length = int(*lengths) if lengths else None
    if length is not None and not codings:
        headers.append(("Content-Length", str(length)))
    return _Head(
        AnswerHead(status, (match[3] or b"").decode("latin-1"), tuple(headers)),
        length,
        bool(codings),
        closes or bool(codings and lengths),  # whoever sends both may have been fooled
        -1 if length is None or codings or status in _BODILESS else length,
    )


_known_head = lru_cache(256)(_read_head)  # an answer is often repeated, within the second that its Date tells
