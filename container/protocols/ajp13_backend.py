"""AJP13 spoken to a backend: ajp13_ends.WebServerSide as a BackendProtocol."""

from __future__ import annotations

from container.errors import ProtocolError
from container.protocols.ajp13 import ForwardRequest
from container.protocols.ajp13_ends import AnswerEnd as AjpEnd
from container.protocols.ajp13_ends import AnswerHead as AjpHead
from container.protocols.ajp13_ends import Pong as AjpPong
from container.protocols.ajp13_ends import WebServerSide
from container.protocols.backend import (
    HOP_BY_HOP,
    AnswerEnd,
    AnswerHead,
    BackendRequest,
    Event,
    Origin,
    Pong,
)

__all__ = ["Ajp13Backend"]

_NOT_SENT = HOP_BY_HOP | {"content-length", "expect", "proxy"}


class Ajp13Backend:
    """A backend.BackendProtocol. A container asks for each packet of a body but the first."""

    __slots__ = ("_end", "_has_sent_all", "_may_stay", "_secret")

    def __init__(self, packet_bytes: int = 8192, secret: str | None = None) -> None:
        self._end = WebServerSide(packet_bytes)
        self._secret = None if secret is None else secret.encode()
        self._has_sent_all = True
        self._may_stay = False

    def __repr__(self) -> str:
        return f"<Ajp13Backend {self._end!r}>"

    def ping(self) -> bytes:
        return self._end.ping()

    def begin(self, request: BackendRequest) -> bytes:
        if request.body_bytes is None:
            raise ProtocolError(411, "a body of unknown length is not sent over AJP")
        self._may_stay = False
        self._has_sent_all = not request.body_bytes
        origin = request.origin or Origin()
        path, mark, query = request.target.partition(b"?")
        headers = [(_octets(n), _octets(v)) for n, v in request.headers if n.lower() not in _NOT_SENT]
        if request.body_bytes or request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"Content-Length", b"%d" % request.body_bytes))
        return self._end.send_request(
            ForwardRequest(
                method=request.method,
                version=origin.version,
                uri=path,
                query=query if mark else None,
                remote_addr=origin.address,
                server_name=origin.server_name,
                server_port=origin.server_port,
                is_ssl=origin.is_secure,
                headers=tuple(headers),
                secret=self._secret,
                remote_user=None if origin.user is None else _octets(origin.user),
                attributes=tuple(request.attributes),
            )
        )

    @property
    def room(self) -> int:
        return self._end.wanted or 0

    def send(self, piece: bytes) -> bytes:
        return self._end.send_body(piece)

    def end(self) -> bytes:
        self._has_sent_all = True
        return self._end.end_body()

    def receive(self, data: bytes) -> None:
        self._end.receive(data)

    def receive_eof(self) -> None:
        """An AJP answer has an end of its own."""

    def take_output(self) -> bytes:
        return self._end.end_body() if self._has_sent_all else b""

    def next_event(self) -> Event | None:
        while (event := self._end.next_event()) is not None:
            if isinstance(event, bytes):
                return event
            if isinstance(event, AjpHead):
                return AnswerHead(event.status, event.reason.decode("latin-1"), _end_to_end(event.headers))
            if isinstance(event, AjpEnd):
                self._may_stay = event.reuse
                return AnswerEnd([])
            if isinstance(event, AjpPong):
                return Pong()
        return None

    @property
    def can_stay_open(self) -> bool:
        return self._may_stay and self._end.is_idle


def _end_to_end(raw: tuple[tuple[bytes, bytes], ...]) -> list[tuple[str, str]]:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
    return [header for header in headers if header[0].lower() not in HOP_BY_HOP]


def _octets(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
