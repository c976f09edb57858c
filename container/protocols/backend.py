"""The other end of the wire: one connection to a backend as bytes, whatever protocol it speaks. Pure.

    BackendRequest ──begin, send, end──> bytes ──> backend
    backend ──> bytes ──receive, receive_eof──> next_event ──> Interim*, AnswerHead, bytes*, AnswerEnd

http1_backend.py and ajp13_backend.py fulfil it; front/backends.py moves the bytes.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from container.protocols.exchange import Headers, RawHeaders

__all__ = [
    "HOP_BY_HOP",
    "SECRETS",
    "AnswerEnd",
    "AnswerHead",
    "BackendProtocol",
    "BackendRequest",
    "Event",
    "Interim",
    "Origin",
    "Pong",
    "TlsFacts",
]

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Fields that concern one connection only (RFC 9110 §7.6.1), beside those that Connection names."""
SECRETS = frozenset(("authorization", "cookie", "proxy-authorization"))
"""Fields of requests that are forgotten with them: no cache has their values."""


class TlsFacts(NamedTuple):
    """What is known of the client's TLS connection."""

    version: str | None = None
    cipher: str | None = None
    key_bits: int | None = None
    session: str | None = None
    certificates: tuple[bytes, ...] = ()
    """DER, the client's own first."""


class Origin(NamedTuple):
    """Where a request comes from, and by which way, for protocols that tell."""

    address: str = ""
    port: int = 0
    host: str | None = None
    """The client's name, if somebody has looked it up."""
    version: str = "HTTP/1.1"
    server_name: str = ""
    server_port: int = 80
    local_address: str = ""
    """Where the client has connected to."""
    is_secure: bool = False
    tls: TlsFacts | None = None
    user: str | None = None
    auth_type: str | None = None
    route: str | None = None
    """Of the backend that was chosen."""


class BackendRequest(NamedTuple):  # a dataclass would take several times as long to make
    """A request as a backend gets it; framing and connection are the protocol's affair."""

    method: str
    target: bytes
    headers: Headers
    """End to end; what is not is left out."""
    body_bytes: int | None = 0
    """None: the length is not known."""
    keep_alive: bool = True
    upgrade: str = ""
    """The protocol to change to, if the backend agrees."""
    origin: Origin | None = None
    attributes: Headers = ()
    """Of the request, for AJP."""


class Interim(NamedTuple):
    """An answer before the answer: 100, 103."""

    status: int
    headers: Headers


class AnswerHead(NamedTuple):
    """Status and end-to-end header, Content-Length included where it is to be believed."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    upgrade: str = ""
    """Of a 101: the new protocol. What follows are bytes, both ways."""


class AnswerEnd(NamedTuple):
    """The answer is complete."""

    trailers: RawHeaders


class Pong(NamedTuple):
    """The backend has answered a ping."""


Event = Interim | AnswerHead | bytes | AnswerEnd | Pong


class BackendProtocol(Protocol):
    """One connection, one request at a time. Methods that return bytes return what is to be sent.

    What the backend sends wrongly raises ProtocolError; then the connection is of no use any more.
    """

    def ping(self) -> bytes:
        """Ask whether anybody is there; nothing where the protocol has no such question."""

    def begin(self, request: BackendRequest) -> bytes:
        """Raises ValueError for a header that cannot be sent."""

    @property
    def room(self) -> int:
        """How much of the body may be sent now; AJP's containers ask for each piece."""

    def send(self, piece: bytes) -> bytes:
        """A piece of the body, not longer than room."""

    def end(self) -> bytes:
        """The body has ended."""

    def receive(self, data: bytes) -> None: ...

    def take_output(self) -> bytes:
        """What is owed to the backend for what it has said."""

    def receive_eof(self) -> None:
        """The backend has closed: the end of an answer that has no other."""

    def next_event(self) -> Event | None:
        """None: more bytes are needed."""

    def take_answer(self) -> tuple[AnswerHead, bytes] | None:
        """Head and body, if what has come is just that. None: it may be anything, ask next_event."""

    @property
    def can_stay_open(self) -> bool:
        """After the answer's end: whether another request may follow."""
