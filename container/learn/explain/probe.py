"""A request that nobody sends: with it the engine is asked what it would do, and nothing leaves.

ProbeExchange ── Request, Response ──> security, default servlet     keeps what they answer
ProbeHost ── authenticator                                           keeps where it would forward to
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import BinaryIO

from container.engine.dispatch import Dispatch, Location
from container.engine.request import Request
from container.engine.response import Response
from container.engine.security import RequestHost
from container.protocols.exchange import Exchange, FrontFacts, Headers, RawHeaders
from container.security.authenticator import SavedRequest

__all__ = ["ProbeConnection", "ProbeExchange", "ProbeHost", "probe"]


class ProbeConnection:
    """From this machine to this machine."""

    id = "explain"
    protocol = "http/1.1"
    peer = ("127.0.0.1", 0)
    tls: dict[str, object] | None = None

    def __init__(self, secure: bool) -> None:
        self.secure = secure
        self.local = ("127.0.0.1", 443 if secure else 80)


class ProbeExchange:
    """An Exchange without a client. status is None until it has been answered."""

    id = "explain"
    front: FrontFacts | None = None
    version = "HTTP/1.1"
    started_s = 0.0
    can_send_trailers = False
    content_length: int | None = 0
    trailers: RawHeaders | None = None

    def __init__(self, method: str, target: bytes, host: str, secure: bool) -> None:
        self.user: str | None = None
        self.connection = ProbeConnection(secure)
        self.method = method
        self.target = target
        self.headers: RawHeaders = [(b"Host", host.encode("latin-1", "replace"))]
        self.status: int | None = None
        self.location: str | None = None

    def start(self, status: int, headers: Headers, reason: str = "") -> None:
        self.status = status
        self.location = next((value for name, value in headers if name.lower() == "location"), None)

    def read(self, size: int = -1) -> bytes:
        return b""

    def read_soon(self, size: int = 65536) -> bytes | None:
        return b""

    def when_readable(self, callback: Callable[[], object]) -> None:
        callback()

    def collect_body(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        pass

    def write_soon(self, data: bytes) -> bool:
        return True

    def when_writable(self, callback: Callable[[], object]) -> None:
        callback()

    def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        file.close()

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        pass

    def abort(self) -> None:
        pass

    def inform(self, status: int, headers: Headers) -> None:
        pass

    def upgrade(self, headers: Headers) -> None:
        pass

    def suspend(self) -> None:
        pass

    def resume(self, task: Callable[[], None]) -> None:
        pass

    def release(self) -> None:
        pass

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        pass


class ProbeHost(RequestHost):
    """What an authenticator needs of somebody without a session. It forwards to nothing."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.forwarded_to: str | None = None

    def notes(self, create: bool = False) -> MutableMapping[str, object] | None:
        return None

    def limit_session(self, seconds: int | None) -> None:
        pass

    def change_session_id(self) -> None:
        pass

    def capture(self, max_body_bytes: int) -> SavedRequest | None:
        request = self._request
        return SavedRequest(request.getMethod(), request.getRequestURI(), None, (), b"", request.isSecure())

    def forward(self, path: str, method: str) -> None:
        self.forwarded_to = path


def probe(exchange: Exchange, location: Location, query: bytes | None, dispatch: Dispatch) -> Request:
    """A request that has come as far as a dispatch, with a fresh response."""
    request = Request(exchange, location, query, dispatch)
    request._response = Response(exchange, request)
    return request
