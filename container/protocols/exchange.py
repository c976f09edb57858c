"""Exchange: one request and its answer, without a socket: the seam between speaking a protocol and answering.

    connectors/http.py   HttpExchange  ─┐
    connectors/ajp.py    AjpExchange   ─┼─ Exchange ─> Handler: engine.Container, front
    connectors/wsgi.py   WsgiExchange  ─┘

The life of one exchange, in the order of the calls:

1. The connector has the whole head and calls ``handler.begin(exchange)`` in the thread that reads the socket.
   begin must not block. It says who goes on: DONE (it has answered, or will by itself), BUFFERED or STREAMED.
2. BUFFERED: the connector first collects the body, so that a slow client holds no thread; a body over the
   limit is answered by the connector and ``handle`` is never called. STREAMED: ``handle`` is called at once
   and ``read`` blocks.
3. ``handler.handle(exchange)`` runs in a request thread. It calls ``start`` once, ``write`` any number of
   times and ``finish`` once; the head leaves together with the first body bytes or with ``finish``.
4. A handler that wants to answer later calls ``suspend`` and returns; ``resume(task)`` runs task in a request
   thread; ``release`` is the end. A handler that returns without ``finish`` or ``suspend`` has failed: the
   connector aborts the exchange.

Header lists are lists of pairs because order and repetition carry meaning. Requests keep them raw, as bytes;
answers give text that is encoded as ISO-8859-1. The connector owns the framing headers (Connection,
Transfer-Encoding, Date, Keep-Alive): an answer must not set them, but for Connection: "close" asks to close
afterwards, "keep-alive" not to do so on account of the status.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from container.errors import ContainerError

__all__ = [
    "Begin",
    "ClientDisconnected",
    "Connection",
    "Exchange",
    "FrontFacts",
    "Handler",
    "Headers",
    "RawHeaders",
]

RawHeaders = list[tuple[bytes, bytes]]
Headers = Sequence[tuple[str, str]]


class ClientDisconnected(ContainerError, OSError):  # noqa: N818  it tells an event
    """The client has gone: nothing can be read from or written to it any more."""


class Begin(enum.Enum):
    """What ``Handler.begin`` decided."""

    DONE = enum.auto()
    """Answered, or going to be answered without ``handle``."""
    BUFFERED = enum.auto()
    """Call ``handle`` in a request thread when the body is complete."""
    STREAMED = enum.auto()
    """Call ``handle`` in a request thread now; it reads while the body arrives."""


class Connection(Protocol):
    """The facts of the physical connection, the same for all its exchanges. Not adjusted for proxies."""

    @property
    def id(self) -> str:
        """Unique in the life of the process."""

    @property
    def protocol(self) -> str:
        """The ALPN name: "http/1.0", "http/1.1", "unknown"."""

    @property
    def peer(self) -> tuple[str, int]:
        """Address and port; ("", 0) for a Unix socket."""

    @property
    def local(self) -> tuple[str, int]:
        """The same of our side."""

    @property
    def secure(self) -> bool:
        """Whether it is TLS."""

    @property
    def tls(self) -> dict[str, object] | None:
        """None without TLS.

        secure_protocol, cipher_suite, key_size, ssl_session_id, certificates (DER, the client's own first).
        """


@dataclass(frozen=True, slots=True)
class FrontFacts:
    """What a front that is trusted says of a request beyond HTTP."""

    user: str | None = None
    """Whom it has logged in."""
    auth_type: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Attributes of the request."""


class Exchange(Protocol):
    """One request and its answer.

    Belongs to the thread that handles it; on_disconnect and resume may be called from any.
    """

    user: str | None
    """None until whoever authenticates the request sets it; for the access log."""

    @property
    def id(self) -> str:
        """Unique in the life of the container; stands in the logs."""

    @property
    def front(self) -> FrontFacts | None:
        """None where there is no such front, or it has nothing to say."""

    @property
    def connection(self) -> Connection: ...

    @property
    def method(self) -> str: ...

    @property
    def target(self) -> bytes:
        """The request target exactly as received."""

    @property
    def version(self) -> str:
        """HTTP/1.0 or HTTP/1.1."""

    @property
    def headers(self) -> RawHeaders:
        """In the order and with the names as received; trailers are never mixed in.

        Requests may share a list: nobody changes it.
        """

    @property
    def started_s(self) -> float:
        """time.monotonic() when the head was complete."""

    @property
    def can_send_trailers(self) -> bool:
        """Whether the answer may have trailers: False where protocol or hosting server cannot carry them."""

    def read(self, size: int = -1) -> bytes:
        """Return up to size bytes of the body, at least one unless it has ended; -1 reads to the end.

        b"" is the end. Raises ClientDisconnected when the client leaves before the end, ProtocolError when
        the body is malformed or exceeds a limit (the handler should answer its status).
        """

    def read_soon(self, size: int = 65536) -> bytes | None:
        """As read, but never block: None if nothing has come yet, see when_readable.

        Also for what goes on after a ``begin`` that has said DONE.
        """

    def when_readable(self, callback: Callable[[], object]) -> None:
        """Call callback once, in any thread, when read_soon has something to tell."""

    def collect_body(self) -> None:
        """Wait for the whole body, so that read never blocks and any thread may call it. Raises as read."""

    @property
    def content_length(self) -> int | None:
        """Length of the body in bytes, if the client declared it; None if not, although there may be one."""

    @property
    def trailers(self) -> RawHeaders | None:
        """The trailers, once the body has been read to its end; None before. Empty without trailers."""

    def start(self, status: int, headers: Headers, reason: str = "") -> None:
        """Set the answer's head. Without Content-Length the connector frames the body itself."""

    def write(self, data: bytes) -> None:
        """Send a piece of the body soon, even an empty one: then the head leaves if it has not.

        Blocks while the client is too slow, unless called inside ``begin``; raises ClientDisconnected.
        """

    def write_soon(self, data: bytes) -> bool:
        """As write, but never block: False if the client is slow and less should come, see when_writable."""

    def when_writable(self, callback: Callable[[], object]) -> None:
        """Call callback once, in any thread, when there is room for more or the client has gone."""

    def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send count bytes of an open regular file as a piece of the body, without copying them if possible.

        The connector takes the file over and closes it, whatever happens.
        """

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        """End the answer with its last piece. Never raises for a client that has gone."""

    def abort(self) -> None:
        """Break the answer off so that the client can tell: it has no end, rather than an early one."""

    def inform(self, status: int, headers: Headers) -> None:
        """Send an interim answer (103). Without effect where the protocol has none."""

    def upgrade(self, headers: Headers) -> None:
        """Answer 101 and leave HTTP: from now on read and write carry the connection's bytes, finish closes.

        headers name the new protocol in Upgrade. Raises ProtocolError where that cannot be done.
        """

    def suspend(self) -> None:
        """Keep the exchange open when ``handle`` returns, from now on and until ``release``."""

    def resume(self, task: Callable[[], None]) -> None:
        """Run task in a request thread when one is free. Only after ``suspend``; any thread may call it.

        The tasks of an exchange run one after the other, the first one when ``handle`` has returned.
        """

    def release(self) -> None:
        """End what ``suspend`` has begun: the answer is finished, no more tasks will come. The last call."""

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call callback, in any thread, at most once, if the client leaves before ``finish``."""


class Handler(Protocol):
    """What a connector hands its exchanges to."""

    def begin(self, exchange: Exchange) -> Begin:
        """Decide who goes on. Runs where the socket is read: must not block."""

    def handle(self, exchange: Exchange) -> None:
        """Answer the exchange, in a request thread."""
