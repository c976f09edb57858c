"""The packets of AJP13, which web servers speak with containers: tables, and values to bytes and back.

    ForwardRequest ── encode_request ──> bytes ── Packets ──> payload ── decode_request ──> ForwardRequest

ajp13_ends.py knows which packet may come when, for either end of a connection. A packet is at most as large
as both ends have been told (8192 bytes unless they were), its own header included. Integers are big-endian;
strings are octets, preceded by their length and followed by a NUL that does not count.
"""

from __future__ import annotations

import enum
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from container.errors import ProtocolError
from container.protocols.exchange import RawHeaders

__all__ = [
    "ANSWER_FIELDS",
    "CPING",
    "CPONG",
    "FLUSH",
    "MAX_PACKET_BYTES",
    "MIN_PACKET_BYTES",
    "TO_CONTAINER",
    "TO_WEB_SERVER",
    "ForwardRequest",
    "NotAjpError",
    "PacketType",
    "Packets",
    "Reader",
    "body_chunks",
    "body_packet",
    "content_length",
    "decode_request",
    "encode_header",
    "encode_request",
    "end_response",
    "get_body_chunk",
    "send_headers",
]

MIN_PACKET_BYTES = 8192
MAX_PACKET_BYTES = 65536
HEADER_BYTES = 4
TO_CONTAINER = 0x1234
TO_WEB_SERVER = 0x4142  # "AB"


class NotAjpError(ProtocolError):
    """What has come is no AJP, or makes no sense here: close without an answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, reason)


# --- what the numbers mean ----------------------------------------------------------------------------------


class PacketType(enum.IntEnum):
    """The first byte of every payload but those of a request's body."""

    FORWARD_REQUEST = 2
    SEND_BODY_CHUNK = 3
    SEND_HEADERS = 4
    END_RESPONSE = 5
    GET_BODY_CHUNK = 6
    CPONG = 9
    CPING = 10


# 7 (SHUTDOWN) and 8 (PING) are sent by nobody any more and obeyed by nobody: they have no name here.

_METHODS = (
    "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "PROPFIND", "PROPPATCH", "MKCOL", "COPY",
    "MOVE", "LOCK", "UNLOCK", "ACL", "REPORT", "VERSION-CONTROL", "CHECKIN", "CHECKOUT", "UNCHECKOUT",
    "SEARCH", "MKWORKSPACE", "UPDATE", "LABEL", "MERGE", "BASELINE-CONTROL", "MKACTIVITY",
)  # fmt: skip
_METHOD_OF = dict(enumerate(_METHODS, 1))
_METHOD_CODES = {name: code for code, name in _METHOD_OF.items()}
_STORED_METHOD = 0xFF  # the name is in an attribute

_CODED = 0xA000  # a name with this high byte is a number, not the length of a string
_REQUEST_FIELDS = (
    b"accept accept-charset accept-encoding accept-language authorization connection content-type "
    b"content-length cookie cookie2 host pragma referer user-agent"
).split()
_REQUEST_FIELD_OF = dict(enumerate(_REQUEST_FIELDS, _CODED + 1))
_REQUEST_FIELD_CODES = {name: struct.pack(">H", code) for code, name in _REQUEST_FIELD_OF.items()}
_ANSWER_NAMES = (
    b"Content-Type Content-Language Content-Length Date Last-Modified Location Set-Cookie Set-Cookie2 "
    b"Servlet-Engine Status WWW-Authenticate"
).split()
ANSWER_FIELDS = dict(enumerate(_ANSWER_NAMES, _CODED + 1))
_ANSWER_FIELD_CODES = {
    name.decode("ascii").lower(): struct.pack(">H", code) for code, name in ANSWER_FIELDS.items()
}

_END = 0xFF
_CONTEXT, _SERVLET_PATH, _REQ_ATTRIBUTE, _KEY_SIZE, _STORED = 0x01, 0x02, 0x0A, 0x0B, 0x0D
# Attributes that are one string: the field of ForwardRequest. In the order in which web servers send them.
_TEXT_ATTRIBUTES = {
    0x0C: "secret",
    0x03: "remote_user",
    0x04: "auth_type",
    0x05: "query",
    0x06: "route",
    0x07: "ssl_cert",
    0x08: "ssl_cipher",
    0x09: "ssl_session",
}

# Of a target and of everything that becomes a line of its own somewhere.
_NO_TARGET = re.compile(rb"[\x00-\x20\x7f?]")
_CONTROL = re.compile(rb"[\x00\r\n]")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(r"HTTP/[0-9](?:\.[0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRequest:
    """A request as a web server forwards it: everything but the body. None: it was not said."""

    method: str
    version: str = "HTTP/1.1"
    uri: bytes
    """The path, encoded as the client sent it, without the query."""
    query: bytes | None = None
    remote_addr: str = ""
    remote_host: str | None = None
    server_name: str = ""
    server_port: int = 80
    is_ssl: bool = False
    headers: tuple[tuple[bytes, bytes], ...] = ()
    secret: bytes | None = None
    remote_user: bytes | None = None
    auth_type: bytes | None = None
    route: bytes | None = None
    ssl_cert: bytes | None = None
    """PEM, perhaps more than one certificate."""
    ssl_cipher: bytes | None = None
    ssl_session: bytes | None = None
    ssl_key_size: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> bytes:
        return self.uri if self.query is None else self.uri + b"?" + self.query


def content_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The declared length of a request's body. Raises ProtocolError if it is declared twice, or badly."""
    values = [value for name, value in headers if name.lower() == b"content-length"]
    if not values:
        return None
    if len(values) > 1 or not values[0].isdigit() or len(values[0]) > 18:
        raise ProtocolError(400, f"Content-Length {b', '.join(values)!r}")
    return int(values[0])


# --- reading and writing a payload --------------------------------------------------------------------------


class Reader:
    """A payload, read from its beginning. Raises ProtocolError where it ends too early."""

    __slots__ = ("_at", "_payload")

    def __init__(self, payload: bytes, at: int) -> None:
        self._payload = payload
        self._at = at

    def byte(self) -> int:
        try:
            value = self._payload[self._at]
        except IndexError:
            raise _too_short() from None
        self._at += 1
        return value

    def integer(self) -> int:
        end = self._at + 2
        if end > len(self._payload):
            raise _too_short()
        value = self._payload[self._at] << 8 | self._payload[self._at + 1]
        self._at = end
        return value

    def octets(self, length: int) -> bytes:
        """A string whose length is known. The NUL behind it has to be there."""
        end = self._at + length
        if self._payload[end : end + 1] != b"\0":
            raise ProtocolError(400, "a string of an AJP packet does not end where its length says")
        value = self._payload[self._at : end]
        self._at = end + 1
        return value

    def string(self) -> bytes | None:
        length = self.integer()
        return None if length == 0xFFFF else self.octets(length)

    def text(self) -> str | None:
        raw = self.string()
        if raw is not None and _CONTROL.search(raw):
            raise ProtocolError(400, f"a line end or NUL inside {raw!r}")
        return None if raw is None else raw.decode("latin-1")

    def needed(self, what: str) -> str:
        value = self.text()
        if not value:
            raise ProtocolError(400, f"no {what} in an AJP packet")
        return value

    def headers(self, names: Mapping[int, bytes]) -> RawHeaders:
        found = []
        for _ in range(self.integer()):
            number = self.integer()
            name = names.get(number) if number & 0xFF00 == _CODED else self.octets(number)
            if name is None or not _TOKEN.fullmatch(name):
                raise ProtocolError(400, f"header name {name if name is not None else hex(number)!r}")
            value = self.string() or b""
            if _CONTROL.search(value):
                raise ProtocolError(400, f"a line end or NUL in the value of {name!r}")
            found.append((name, value))
        return found

    def data(self) -> bytes:
        length = self.integer()
        end = self._at + length
        if end > len(self._payload):
            raise _too_short()
        data = self._payload[self._at : end]
        self._at = end
        return data


def _too_short() -> ProtocolError:
    return ProtocolError(400, "an AJP packet ends inside a value")


def _string(value: bytes | str | None) -> bytes:
    if value is None:
        return b"\xff\xff"
    raw = value.encode("latin-1", "replace") if isinstance(value, str) else value
    if len(raw) >= 0xFFFF:
        raise ProtocolError(413, f"a string of {len(raw)} bytes", "ajp_packet_bytes")
    return b"%b%b\0" % (struct.pack(">H", len(raw)), raw)


def _packet(magic: int, payload: bytes, packet_bytes: int) -> bytes:
    if len(payload) + HEADER_BYTES > packet_bytes:
        raise ProtocolError(
            413, f"{len(payload) + HEADER_BYTES} bytes in one AJP packet of at most {packet_bytes}",
            "ajp_packet_bytes",
        )  # fmt: skip
    return struct.pack(">HH", magic, len(payload)) + payload


class Packets:
    """Cut a byte stream into payloads, however the network split it. One for each end of a connection."""

    __slots__ = ("_limit", "_magic", "waiting")

    def __init__(self, magic: int, packet_bytes: int) -> None:
        self._magic = magic
        self._limit = packet_bytes - HEADER_BYTES
        self.waiting = b""
        """Received and not yet given out."""

    def receive(self, data: bytes) -> None:
        self.waiting = self.waiting + data if self.waiting else data

    def next_payload(self) -> bytes | None:
        waiting = self.waiting
        if len(waiting) < HEADER_BYTES:
            expected = struct.pack(">H", self._magic)
            if not expected.startswith(waiting[:2]):
                raise self._wrong_magic(waiting)
            return None
        magic, length = struct.unpack_from(">HH", waiting)
        if magic != self._magic:
            raise self._wrong_magic(waiting)
        if length > self._limit:
            raise NotAjpError(f"an AJP packet of {length + 4} bytes; at most {self._limit + 4} are agreed")
        end = HEADER_BYTES + length
        if len(waiting) < end:
            return None
        self.waiting = waiting[end:]
        return waiting[HEADER_BYTES:end]

    def _wrong_magic(self, waiting: bytes) -> NotAjpError:
        return NotAjpError(f"the first bytes are {waiting[:8]!r}: is the peer speaking HTTP?")


# --- the request --------------------------------------------------------------------------------------------


def decode_request(payload: bytes, max_headers: int = 0) -> ForwardRequest:
    """Read the payload of a FORWARD_REQUEST. max_headers 0: as many as fit.

    Raises ProtocolError with the status to answer.
    """
    reader = Reader(payload, 1)
    method_code = reader.byte()
    version = reader.needed("protocol")
    uri = reader.needed("URI").encode("latin-1")
    if _NO_TARGET.search(uri):
        raise ProtocolError(400, f"the URI {uri!r} has a character that has to be encoded")
    if not _VERSION.fullmatch(version):
        raise ProtocolError(400, f"the protocol {version!r}")
    facts: dict[str, Any] = {
        "version": version,
        "uri": uri,
        "remote_addr": reader.text() or "",
        "remote_host": reader.text(),
        "server_name": reader.text() or "",
        "server_port": reader.integer(),
        "is_ssl": reader.byte() != 0,
    }
    facts["headers"] = headers = tuple(reader.headers(_REQUEST_FIELD_OF))
    if max_headers and len(headers) > max_headers:
        raise ProtocolError(431, f"{len(headers)} header lines", "max_header_count")
    stored_method = _read_attributes(reader, facts)
    method = stored_method if method_code == _STORED_METHOD else _METHOD_OF.get(method_code)
    if method is None or not _TOKEN.fullmatch(method.encode("latin-1")):
        raise ProtocolError(400, f"method {method_code:#04x} {stored_method or ''}")
    query = facts.get("query")
    if query is not None and _CONTROL.search(query):
        raise ProtocolError(400, f"a line end or NUL in the query {query!r}")
    return ForwardRequest(method=method, **facts)


def _read_attributes(reader: Reader, facts: dict[str, Any]) -> str | None:
    """Read all attributes into facts; return the method's name, if it is one of them.

    The layout of an attribute that is not known is not known either: nothing behind it could be trusted.
    """
    stored_method = None
    attributes = []
    while (code := reader.byte()) != _END:
        if name := _TEXT_ATTRIBUTES.get(code):
            value = reader.string()
            if value is not None:
                facts[name] = value
        elif code == _REQ_ATTRIBUTE:
            attributes.append(
                (reader.needed("name of a request attribute"), (reader.string() or b"").decode("latin-1"))
            )
        elif code == _KEY_SIZE:
            facts["ssl_key_size"] = reader.integer()
        elif code == _STORED:
            stored_method = reader.text()
        elif code in (_CONTEXT, _SERVLET_PATH):  # defined, sent by nobody, and the container's own decision
            reader.string()
        else:
            raise ProtocolError(400, f"request attribute {code:#04x}")
    facts["attributes"] = tuple(attributes)
    return stored_method


def encode_request(request: ForwardRequest, packet_bytes: int = MIN_PACKET_BYTES) -> bytes:
    """A FORWARD_REQUEST. Raises ProtocolError (413) if it does not fit into one packet."""
    method_code = _METHOD_CODES.get(request.method, _STORED_METHOD)
    parts = [
        bytes((PacketType.FORWARD_REQUEST, method_code)),
        _string(request.version),
        _string(request.uri),
        _string(request.remote_addr),
        _string(request.remote_host),
        _string(request.server_name),
        struct.pack(">HBH", request.server_port, request.is_ssl, len(request.headers)),
    ]
    for name, value in request.headers:
        parts.append(_REQUEST_FIELD_CODES.get(name.lower()) or _string(name))
        parts.append(_string(value))
    for code, field in _TEXT_ATTRIBUTES.items():
        text: bytes | None = getattr(request, field)
        if text is not None:
            parts.append(bytes((code,)) + _string(text))
    if request.ssl_key_size is not None:
        parts.append(struct.pack(">BH", _KEY_SIZE, request.ssl_key_size))
    if method_code == _STORED_METHOD:
        parts.append(bytes((_STORED,)) + _string(request.method))
    for attribute, text_value in request.attributes:
        parts.append(bytes((_REQ_ATTRIBUTE,)) + _string(attribute) + _string(text_value))
    parts.append(bytes((_END,)))
    return _packet(TO_CONTAINER, b"".join(parts), packet_bytes)


def body_packet(data: bytes) -> bytes:
    """A piece of a request's body, which fits; without data, the end of it."""
    if not data:
        return struct.pack(">HH", TO_CONTAINER, 0)
    return struct.pack(">HHH", TO_CONTAINER, len(data) + 2, len(data)) + data


# --- the answer ---------------------------------------------------------------------------------------------


def encode_header(name: str, value: str) -> bytes:
    """A header of an answer, for send_headers. Raises ValueError for a line end or NUL inside."""
    pair = (_ANSWER_FIELD_CODES.get(name.lower()) or _string(name)) + _string(value)
    if (
        "\n" in value
        or "\r" in value
        or "\0" in value
        or not _TOKEN.fullmatch(name.encode("latin-1", "replace"))
    ):
        raise ValueError(
            f"a header has a line end or NUL inside, or no name that is one: {name!r}: {value!r}"
        )
    return pair


def send_headers(
    status: int, reason: str, headers: Iterable[bytes], packet_bytes: int = MIN_PACKET_BYTES
) -> bytes:
    """The head of an answer. Raises ProtocolError if it does not fit into one packet: there is no second.

    Not every web server can do with an empty reason: the usual one takes its place, and that of one that
    cannot be sent.
    """
    if not (reason and reason.isascii() and reason.isprintable()):
        reason = _PHRASES.get(status) or str(status)
    pairs = list(headers)
    payload = b"".join(
        [
            struct.pack(">BH", PacketType.SEND_HEADERS, status),
            _string(reason),
            struct.pack(">H", len(pairs)),
            *pairs,
        ]
    )
    return _packet(TO_WEB_SERVER, payload, packet_bytes)


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def body_chunks(data: bytes, packet_bytes: int = MIN_PACKET_BYTES) -> bytes:
    """Data of an answer, in as many packets as it takes; none for no data: an empty chunk means flush."""
    most = packet_bytes - 8
    if 0 < len(data) <= most:
        return b"%b%b\0" % (_chunk_head(len(data)), data)
    return b"".join(
        [
            b"%b%b\0" % (_chunk_head(len(piece)), piece)
            for piece in (data[at : at + most] for at in range(0, len(data), most))
        ]
    )


def _chunk_head(size: int) -> bytes:
    return struct.pack(">HHBH", TO_WEB_SERVER, size + 4, PacketType.SEND_BODY_CHUNK, size)


def get_body_chunk(size: int) -> bytes:
    return struct.pack(">HHBH", TO_WEB_SERVER, 3, PacketType.GET_BODY_CHUNK, size)


def end_response(reuse: bool) -> bytes:
    return _ENDS[reuse]


_ENDS = {
    reuse: struct.pack(">HHBB", TO_WEB_SERVER, 2, PacketType.END_RESPONSE, reuse) for reuse in (False, True)
}
FLUSH = _chunk_head(0) + b"\0"
"""Makes the web server send what it has to its client."""
CPONG = struct.pack(">HHB", TO_WEB_SERVER, 1, PacketType.CPONG)
CPING = struct.pack(">HHB", TO_CONTAINER, 1, PacketType.CPING)
