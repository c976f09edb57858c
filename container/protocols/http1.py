"""HTTP/1.0 and 1.1: bytes in, requests out; answers in, bytes out. No sockets, no threads, no clock.

    bytes ──> RequestParser ──> RequestHead, pieces of the body, trailers        (reading)
    status, headers, framing ──> answer_head, chunk, last_chunk ──> bytes        (writing)

llhttp (httptools) reads the header lines, one head at a time and always a whole one: it has no limits and no
opinion on methods, Host or codings, so the request line, every limit and every framing decision are made
here. A request that two readers could understand differently is refused rather than repaired, as that is how
requests are smuggled.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import NamedTuple

import httptools

from container.config import Settings
from container.errors import ProtocolError
from container.protocols.exchange import Headers, RawHeaders
from container.protocols.http1_body import BAD_LINE_END, BodyParser

__all__ = [
    "CONTINUE",
    "PLAIN_ANSWER",
    "PLAIN_STATUS_LINES",
    "Framing",
    "HeadParser",
    "HeaderLines",
    "HttpDate",
    "RequestHead",
    "RequestParser",
    "Sender",
    "answer_head",
    "chunk",
    "frame_answer",
    "header_line",
    "keeps_alive",
    "last_chunk",
    "own_length",
    "status_line",
]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
}
_VERSION_BYTES = len(b" HTTP/1.1")
_VERSIONS = {b"HTTP/1.1": "HTTP/1.1", b"HTTP/1.0": "HTTP/1.0"}
_ENDS_OF_LINES = frozenset((b" HTTP/1.1", b" HTTP/1.0"))
_STAND_IN = b"GET / HTTP/1.1"  # for a request line that llhttp would refuse or, as with CONNECT, obey

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VERSION = re.compile(rb"HTTP/(\d)\.(\d)")
_LIKE_A_VERSION = re.compile(rb"HTTP/[\d.]*")
# What RFC 3986 allows in a URI, "#" apart: a fragment is never sent.
_TARGET_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?@!$&'()*+,;=%"
_LABEL = rb"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(
    rb"(?:(?:(?:" + _LABEL + rb"\.)*" + _LABEL + rb"\.?|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{0,5})?)?"
)
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
_MOST_REMEMBERED = 256  # heads, and blocks of header lines
_MOST_REMEMBERED_BYTES = 2048  # each

# The header fields that this module decides by; all others pass unseen.
_FRAMING_FIELDS = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"))


class Sender(NamedTuple):
    """What a request's header says of its sender: the last field of each name; None without one."""

    host: bytes | None
    referer: bytes | None
    user_agent: bytes | None


class RequestHead:
    """Everything before the body, with what it says about the body and the connection.

    Requests that begin with the same bytes may have one in common.
    """

    __slots__ = (
        "_sender",
        "chunked",
        "content_length",
        "expects_continue",
        "has_body",
        "headers",
        "keep_alive",
        "method",
        "request_line",
        "target",
        "version",
    )

    method: str
    target: bytes
    version: str
    headers: RawHeaders
    request_line: bytes
    content_length: int | None
    """As declared; None without one."""
    chunked: bool
    has_body: bool
    keep_alive: bool
    expects_continue: bool
    _sender: Sender

    def __repr__(self) -> str:
        return f"<RequestHead {self.method} {self.target!r} {self.version}, {len(self.headers)} headers>"

    @property
    def sender(self) -> Sender:
        """Looked for when somebody asks, and once: a head may be that of many requests."""
        try:
            return self._sender
        except AttributeError:
            self._sender = sender = _sender_of(self.headers)
            return sender

    def repeat(self, method: str, target: bytes, request_line: bytes) -> RequestHead:
        """Return a head that says the same with another request line."""
        head = RequestHead()
        head.method = method
        head.target = target
        head.request_line = request_line
        head.version = self.version
        head.headers = self.headers
        head.content_length = self.content_length
        head.chunked = self.chunked
        head.has_body = self.has_body
        head.keep_alive = self.keep_alive
        head.expects_continue = self.expects_continue
        return head


class HeadParser:
    """Turn whole heads into RequestHeads. The connections of a thread share one.

    A client sends the same header lines again and again, so what bodiless requests said is remembered by
    their bytes: only the request line of the next one needs a look, and that not if it is the same as well.
    """

    __slots__ = ("_headers", "_llhttp", "_seen", "_settings", "known")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._headers: RawHeaders = []
        self.known: dict[bytes, RequestHead] = {}
        """By all their bytes; whoever finds one here need not call parse."""
        self._seen: dict[bytes, RequestHead] = {}  # by version and header lines
        self._renew()

    def _renew(self) -> None:
        """A fresh llhttp that leaves to us what we decide: codings, lengths beside them, keep-alive."""
        self._llhttp = httptools.HttpRequestParser(self)
        self._llhttp.set_dangerous_leniencies(
            lenient_transfer_encoding=True, lenient_chunked_length=True, lenient_keep_alive=True
        )

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by llhttp."""
        self._headers.append((name, value))

    def parse(self, head: bytes, line_end: int) -> RequestHead:
        """Parse head, which ends with its empty line and whose first line ends at line_end."""
        seen = self._seen.get(head[line_end - _VERSION_BYTES :])  # from the space before the version
        if seen is not None:
            line = head[:line_end]
            method, _, target = line[:-_VERSION_BYTES].partition(b" ")
            known_method = _METHODS.get(method)
            if known_method and target[:1] == b"/" and not target.translate(None, _TARGET_BYTES):
                request = seen.repeat(known_method, target, line)
                _remember(self.known, head, request)
                return request
        try:
            request = self._parse(head, line_end)
        except ProtocolError:
            self._renew()
            raise
        if request.has_body:
            self._renew()  # or llhttp would take the next head for the body
        elif not request.expects_continue:  # that changes when it has been obeyed
            _remember(self.known, head, request)
            if request.target[:1] == b"/" and head[line_end - _VERSION_BYTES : line_end] in _ENDS_OF_LINES:
                _remember(self._seen, head[line_end - _VERSION_BYTES :], request)
        return request

    def _parse(self, head: bytes, line_end: int) -> RequestHead:
        request = RequestHead()
        request.request_line = line = head[:line_end]
        try:
            method, target, version = line.split(b" ")
        except ValueError:
            raise ProtocolError(400, "the request line is not METHOD TARGET VERSION") from None
        known_method = _METHODS.get(method)
        known_version = _VERSIONS.get(version)
        if known_method and known_version:
            request.headers = headers = self._header_lines(head)
            request.method = known_method
            request.version = known_version
        else:
            request.method = known_method or _any_method(method)
            request.version = known_version or _any_version(version)
            request.headers = headers = self._header_lines(_STAND_IN + head[line_end:])
        if not target or target.translate(None, _TARGET_BYTES):
            raise ProtocolError(400, "the request target has a character that must be percent-encoded")
        request.target = target
        if b" \r\n" in head or b"\t\r\n" in head:
            request.headers = headers = [(name, value.rstrip(b" \t")) for name, value in headers]
        if len(headers) > self._settings.max_header_count:
            raise ProtocolError(431, f"{len(headers)} header lines", "max_header_count")
        _decide(request)
        if b"_" in head and not self._settings.underscore_headers:
            request.headers = [header for header in headers if b"_" not in header[0]]
        return request

    def _header_lines(self, head: bytes) -> RawHeaders:
        headers: RawHeaders = []
        self._headers = headers
        try:
            self._llhttp.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass  # an offer, which nobody here accepts
        except httptools.HttpParserError as error:
            raise ProtocolError(400, f"malformed header: {error}") from None
        return headers

    def trailers(self, lines: bytes) -> RawHeaders:
        """Parse trailer lines, each with its CRLF, without the empty one."""
        try:
            headers = self._header_lines(_STAND_IN + b"\r\n" + lines + b"\r\n")
        finally:
            self._renew()
        return [(name, value.rstrip(b" \t")) for name, value in headers]


def _sender_of(headers: RawHeaders) -> Sender:
    referer = user_agent = host = None
    for name, value in headers:
        field = name.lower()
        if field == b"user-agent":
            user_agent = value
        elif field == b"host":
            host = value
        elif field == b"referer":
            referer = value
    return Sender(host, referer, user_agent)


def _remember(heads: dict[bytes, RequestHead], data: bytes, head: RequestHead) -> None:
    if len(data) <= _MOST_REMEMBERED_BYTES:
        if len(heads) >= _MOST_REMEMBERED:
            heads.clear()
        heads[data] = head


def _any_method(method: bytes) -> str:
    if not _TOKEN.fullmatch(method):
        raise ProtocolError(400, "the method is not a token")
    return method.decode("ascii")


def _any_version(version: bytes) -> str:
    """A later HTTP/1.x is spoken to as 1.1, its highest version that we know (RFC 9110 §2.5)."""
    match = _VERSION.fullmatch(version)
    if match and match[1] == b"1":
        return "HTTP/1.1"
    if _LIKE_A_VERSION.fullmatch(version):
        raise ProtocolError(505, f"version {version.decode('latin-1')}")
    raise ProtocolError(400, "the request line does not end with an HTTP version")


def _decide(request: RequestHead) -> None:
    """Read the fields that govern body and connection (RFC 9112 §6, RFC 9110 §7.2, §10.1.1)."""
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    connection = expect = b""
    for name, value in request.headers:
        field = name.lower()
        if field not in _FRAMING_FIELDS:
            continue
        if field == b"host":
            hosts.append(value)
        elif field == b"connection":
            connection += b"," + value.lower()
        elif field == b"content-length":
            lengths.append(value)
        elif field == b"transfer-encoding":
            codings.append(value)
        else:
            expect += b"," + value.lower() if expect else value.lower()

    is_1_1 = request.version == "HTTP/1.1"
    _check_host(request.target, hosts, is_1_1)
    request.chunked = _check_coding(codings, bool(lengths), is_1_1) if codings else False
    request.content_length = _check_length(lengths) if lengths else None
    request.has_body = request.chunked or bool(request.content_length)
    request.keep_alive = is_1_1
    if connection:
        options = [option.strip(b" \t") for option in connection.split(b",")]
        request.keep_alive = b"close" not in options and (is_1_1 or b"keep-alive" in options)
    if expect and is_1_1 and expect != b"100-continue":
        raise ProtocolError(417, f"unknown expectation {expect.decode('latin-1')!r}")
    request.expects_continue = bool(expect) and is_1_1


def _check_host(target: bytes, hosts: Sequence[bytes], required: bool) -> None:
    if len(hosts) > 1:
        raise ProtocolError(400, "more than one Host")
    if required and not hosts:
        raise ProtocolError(400, "HTTP/1.1 without Host")
    names = list(hosts)
    if target[:1] != b"/" and b"://" in target:
        authority = target.split(b"://", 1)[1].partition(b"/")[0].partition(b"?")[0]
        names.append(authority.rpartition(b"@")[2])  # a user and a password before it mean nothing here
    for name in names:
        if not _is_host(name):
            raise ProtocolError(400, f"malformed host {name.decode('latin-1')!r}")
    if len({name.lower() for name in names}) > 1:
        raise ProtocolError(400, "the target names another host than Host")


def _is_host(name: bytes) -> bool:
    match = _HOST.fullmatch(name)
    if match is None:
        return False
    if match[1] is not None:
        try:
            IPv6Address(match[1].decode("ascii"))
        except ValueError:
            return False
    return True


def _check_coding(codings: Sequence[bytes], has_length: bool, allowed: bool) -> bool:
    names = [name.strip(b" \t").lower() for value in codings for name in value.split(b",")]
    if len(codings) > 1 or not all(
        _TOKEN.fullmatch(name.partition(b";")[0].rstrip(b" \t")) for name in names
    ):
        raise ProtocolError(400, "malformed Transfer-Encoding")
    if not allowed:
        raise ProtocolError(400, "Transfer-Encoding in HTTP/1.0")
    if b"chunked" in names[:-1]:
        raise ProtocolError(400, "chunked is not the last of the transfer codings, or not the only one")
    if names != [b"chunked"]:
        raise ProtocolError(501, f"transfer coding {codings[0].decode('latin-1')!r}")
    if has_length:
        raise ProtocolError(400, "Content-Length together with Transfer-Encoding")
    return True


def _check_length(lengths: Sequence[bytes]) -> int:
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise ProtocolError(400, "malformed Content-Length")
    return int(lengths[0])


class RequestParser(BodyParser):
    """One connection's bytes as requests, however the network has cut them.

    ``receive`` what arrives; then ask for ``next_head`` and for ``next_piece`` until that returns b"". Both
    return None when they need more bytes, and raise ProtocolError when nothing can be made of them: then
    close the connection.
    """

    __slots__ = ("_heads", "_scanned")

    def __init__(self, heads: HeadParser, settings: Settings) -> None:
        super().__init__(heads.trailers, settings)
        self._heads = heads
        self._scanned = 0  # bytes of an unfinished head that hold neither its end nor a mistake

    def __repr__(self) -> str:
        return f"<RequestParser {len(self.waiting)} bytes waiting{', in a body' if self.in_body else ''}>"

    def next_head(self) -> RequestHead | None:
        buffer = self.waiting
        # A long buffer holds more than one head, and would be hashed as a whole for each of them.
        head = self._heads.known.get(buffer) if len(buffer) <= _MOST_REMEMBERED_BYTES else None
        if head is not None:
            self.waiting = b""
            self._scanned = 0
            self.trailers = None
            return head
        if buffer[:1] == b"\r" and (empty_lines := _EMPTY_LINES.match(buffer)):
            self.waiting = buffer = buffer[
                empty_lines.end() :
            ]  # RFC 9112 §2.2: some clients send them after a body
        end = buffer.find(b"\r\n\r\n", self._scanned)
        if end < 0:
            self._check_unfinished(buffer)
            return None
        line_end = buffer.find(b"\r\n")
        settings = self._settings
        if line_end > settings.max_request_line_bytes or end - line_end > settings.max_header_bytes:
            self._check_size(line_end, end)
        end += 4
        head = self._heads.parse(buffer if end == len(buffer) else buffer[:end], line_end)
        self.waiting = buffer[end:]
        self._scanned = 0
        self.trailers = None
        if head.has_body:
            self.begin_body(None if head.chunked else head.content_length)
        return head

    def _check_size(self, line_bytes: int, head_bytes: int) -> None:
        settings = self._settings
        if line_bytes > settings.max_request_line_bytes:
            raise ProtocolError(414, f"request line of {line_bytes} bytes", "max_request_line_bytes")
        if head_bytes - line_bytes > settings.max_header_bytes:
            raise ProtocolError(431, f"{head_bytes - line_bytes} bytes of header lines", "max_header_bytes")

    def _check_unfinished(self, buffer: bytes) -> None:
        """Refuse at once what can never become a request, rather than wait for its end."""
        if not buffer:
            return
        if not _TOKEN.match(buffer) and buffer != b"\r":
            raise ProtocolError(400, "the first bytes are not HTTP; is the client speaking TLS?")
        if BAD_LINE_END.search(buffer, self._scanned):
            raise ProtocolError(400, "a line does not end with CR LF")
        line_end = buffer.find(b"\r\n")
        size = len(buffer.rstrip(b"\r\n"))  # the rest may be the head's end, which does not count
        self._check_size(size if line_end < 0 else line_end, size)
        self._scanned = max(0, len(buffer) - 3)


# Answers ------------------------------------------------------------------------------------------


class Framing(enum.Enum):
    """How the client knows where the answer's body ends."""

    NONE = enum.auto()
    """There is none, whatever is written: HEAD, 1xx, 204, 304."""
    LENGTH = enum.auto()
    CHUNKED = enum.auto()
    CLOSE = enum.auto()


# An attribute of an enum costs as much as a call: what every request passes uses these.
_NONE, _LENGTH, _CHUNKED, _CLOSE = Framing

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
# After these the client may have misjudged where its own request ends, or should leave us alone for a while.
_CLOSING = frozenset((400, 408, 411, 413, 414, 500, 501, 503))
_CHUNKED_LINE = b"Transfer-Encoding: chunked\r\n"
_CONNECTION_LINES = {  # by version and keep-alive
    "HTTP/1.1": (b"Connection: close\r\n", b""),
    "HTTP/1.0": (b"Connection: close\r\n", b"Connection: keep-alive\r\n"),
}
# The fields that frame an answer. Only the connector writes them, whatever an answer says about them.
_OWN_FIELDS = frozenset(("connection", "content-length", "date", "keep-alive", "transfer-encoding"))


def status_line(status: int, reason: str = "") -> bytes:
    """A reason with line ends or beyond ASCII cannot be sent; the usual one takes its place."""
    if reason and reason.isascii() and reason.isprintable():
        return f"HTTP/1.1 {status} {reason}\r\n".encode("ascii")
    return _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n".encode("ascii")


def frame_answer(method: str, version: str, status: int, content_length: int | None) -> Framing:
    """RFC 9112 §6.3."""
    if method == "HEAD" or status == 204 or status == 304 or status < 200:
        return _NONE
    if content_length is not None:
        return _LENGTH
    return _CHUNKED if version == "HTTP/1.1" else _CLOSE


def own_length(method: str, status: int, body_bytes: int) -> int | None:
    """The Content-Length for an answer that was given none, its body being known; None for no such line.

    A HEAD answered without a body may be one whose GET has one (RFC 9110 §8.6).
    """
    if status < 200 or status == 204 or status == 304 or (method == "HEAD" and not body_bytes):
        return None
    return body_bytes


def keeps_alive(request: RequestHead, status: int, framing: Framing, may_stay: bool | None = None) -> bool:
    """may_stay: what the answer itself says (Connection: keep-alive, close), None: nothing."""
    if may_stay is None:
        may_stay = status not in _CLOSING
    return may_stay and request.keep_alive and framing is not _CLOSE


def header_line(name: str, value: str) -> bytes:
    """Raises ValueError for a line end or NUL inside: nothing may write a line of its own."""
    text = f"{name}: {value}\r\n"
    if text.count("\n") + text.count("\r") != 2 or "\0" in text:
        raise ValueError(f"a header has a line end or NUL inside its name or value: {text[:-2]!r}")
    return text.encode("latin-1", "replace")


class HeaderLines:
    """Make header lines, and remember them: most lines of most answers are the same. For any thread.

    Of headers that cannot change, a tuple, all lines are remembered together.
    """

    __slots__ = ("_known", "_made")

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], bytes] = {}
        self._made: dict[Headers, tuple[bytes, int | None, bool | None]] = {}

    def make(self, headers: Headers) -> tuple[bytes, int | None, bool | None]:
        """The lines, but for those that frame the answer; of those, the length and what Connection says.

        That is whether the connection may stay, None: nothing about it.
        """
        if type(headers) is not tuple:
            return self._make(headers)
        made = self._made.get(headers)
        if made is None:
            made = self._make(headers)
            if len(self._made) >= _MOST_REMEMBERED:
                self._made.clear()
            if len(made[0]) <= _MOST_REMEMBERED_BYTES:
                self._made[headers] = made
        return made

    def _make(self, headers: Headers) -> tuple[bytes, int | None, bool | None]:
        known = self._known
        lines = b""
        content_length = None
        may_stay = None
        for header in headers:
            line = known.get(header)
            if line is not None:
                lines += line
                continue
            name, value = header
            field = name.lower()
            if field not in _OWN_FIELDS:
                lines += self._remember(header)
            elif field == "content-length":
                content_length = int(value)
            elif field == "connection":
                options = value.lower()
                may_stay = False if "close" in options else True if "keep-alive" in options else may_stay
        return lines, content_length, may_stay

    def _remember(self, header: tuple[str, str]) -> bytes:
        line = header_line(*header)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        if len(line) <= _MOST_REMEMBERED_BYTES:
            self._known[header] = line
        return line


def answer_head(
    version: str,
    status: int,
    reason: str,
    lines: bytes,
    framing: Framing,
    content_length: int | None,
    keep_alive: bool,
    date_line: bytes,
) -> bytes:
    return b"%b%b%b%b%b\r\n" % (
        status_line(status, reason) if reason else _STATUS_LINES.get(status) or status_line(status),
        lines,
        b"Content-Length: %d\r\n" % content_length
        if content_length is not None and status >= 200 and status != 204
        else _CHUNKED_LINE
        if framing is _CHUNKED
        else b"",
        date_line,
        _CONNECTION_LINES[version][keep_alive],
    )


# Of the answers whose framing depends on nothing but their length, and after which the connection may stay.
PLAIN_STATUS_LINES = {
    status: line
    for status, line in _STATUS_LINES.items()
    if status >= 200 and status not in (204, 205, 304) and status not in _CLOSING
}


PLAIN_ANSWER = b"%b%bContent-Length: %d\r\n%b\r\n%b"
"""Such an answer to HTTP/1.1: its PLAIN_STATUS_LINES line, other lines, length, Date line, body."""


def chunk(data: bytes) -> bytes:
    """One chunk; nothing for no data, as an empty chunk would be the last."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Headers = ()) -> bytes:
    return b"0\r\n%b\r\n" % b"".join([header_line(*each) for each in trailers])


class HttpDate:
    """The Date header line, made once a second."""

    __slots__ = ("_line", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self, now_s: float) -> bytes:
        second = int(now_s)
        if second != self._second:
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n".encode("ascii")
            self._second = second
        return self._line
