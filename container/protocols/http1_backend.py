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
from container.protocols.backend import HOP_BY_HOP, AnswerEnd, AnswerHead, BackendRequest, Event, Interim
from container.protocols.exchange import RawHeaders
from container.protocols.http1 import chunk
from container.protocols.http1_body import BodyParser

__all__ = ["Http1Backend"]

MAX_HEAD_BYTES = 32 * 1024
_SHORT = 256  # bytes of a line that is remembered
_LIMITS = Settings(max_body_bytes=0)
_NOT_SENT = HOP_BY_HOP | {"content-length", "expect", "proxy"}  # "Proxy" becomes HTTP_PROXY under CGI
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([^\r\n\0]*))?")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
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
        "_to_close",
        "_version",
        "max_head_bytes",
    )

    def __init__(self, version: str = "1.1", max_head_bytes: int = MAX_HEAD_BYTES) -> None:
        super().__init__(_read_trailers, _LIMITS)
        self.max_head_bytes = max_head_bytes
        self._version = version
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
        lines = [f"{name}: {value}\r\n" for name, value in request.headers if name.lower() not in _NOT_SENT]
        if request.body_bytes is None:
            lines.append("Transfer-Encoding: chunked\r\n")
        elif request.body_bytes or request.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {request.body_bytes}\r\n")
        if request.upgrade:
            lines.append(f"Connection: upgrade\r\nUpgrade: {request.upgrade}\r\n")
        elif not self._is_open:
            lines.append("Connection: close\r\n")
        text = "".join(lines)
        if text.count("\n") != len(lines) + bool(request.upgrade) or text.count("\r") != text.count("\n"):
            raise ValueError("a header for the backend has a line end inside its name or value")
        if "\0" in text:
            raise ValueError("a header for the backend has a NUL inside its name or value")
        try:
            encoded = text.encode("latin-1")
        except UnicodeEncodeError:
            encoded = text.encode("utf-8", "surrogateescape")
        return b"%b %b HTTP/%b\r\n%b\r\n" % (
            request.method.encode("ascii"),
            request.target,
            self._version.encode("ascii"),
            encoded,
        )

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

    @property
    def can_stay_open(self) -> bool:
        has_all = not (self._awaits_head or self.in_body or self._to_close)
        return has_all and self._is_open and not self._has_ended and not self.waiting

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
        status_line, _, lines = buffer[: end + 2].partition(b"\r\n")
        match = _STATUS_LINE.fullmatch(status_line)
        if match is None:
            raise ProtocolError(502, f"malformed status line {status_line[:60]!r}")
        found = _read_lines(lines)
        self.waiting = buffer[end + 4 :]
        status = int(match[2])
        if status < 200 and status != 101:
            return Interim(status, [line.header for line in found])
        self._awaits_head = False
        return self._decide(match, status, found)

    def _with_crlf(self, buffer: bytes, end: int) -> tuple[bytes, int]:
        """Put CRLF where lines of the head end with a LF alone; the same again if it has not come whole."""
        empty_line = _EMPTY_LINE.search(buffer)
        if empty_line is None:
            return buffer, end
        self._is_open = False
        head = _BARE_LF.sub(b"\r\n", buffer[: empty_line.start() + 1])
        return b"%b\r\n%b" % (head, buffer[empty_line.end() :]), len(head) - 2

    def _decide(self, line: re.Match[bytes], status: int, found: list[_Line]) -> AnswerHead:
        """Read what governs body and connection, and leave it out of the header."""
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
        if "close" in options or (line[1] == b"0" and "keep-alive" not in options):
            self._is_open = False
        if status == 101:
            if not upgrade:
                raise ProtocolError(502, "a 101 without Upgrade")
            self._to_close = True
            self._is_open = False
            return AnswerHead(status, "", headers, upgrade)
        length = self._length(codings, lengths)
        if self._method == "HEAD" or status in _BODILESS:
            self.in_body = False
            self.trailers = []
        elif codings:
            self.begin_body(None)
        elif length is None:
            self._to_close = True
            self._is_open = False
        elif length:
            self.begin_body(length)
        else:
            self.in_body = False
            self.trailers = []
        if length is not None and not codings:
            headers.append(("Content-Length", str(length)))
        return AnswerHead(status, (line[3] or b"").decode("latin-1"), headers)

    def _length(self, codings: list[str], lengths: set[str]) -> int | None:
        if codings and codings != ["chunked"]:
            raise ProtocolError(502, f"the answer has the transfer coding {', '.join(codings)}")
        if codings and lengths:
            self._is_open = False  # whoever sends both may have been fooled
        if len(lengths) > 1 or any(not each.isdigit() or not each.isascii() for each in lengths):
            raise ProtocolError(502, f"the answer has the Content-Length {', '.join(sorted(lengths))}")
        return int(lengths.pop()) if lengths else None
