"""AJP13 spoken to a backend: ajp13_ends.WebServerSide as a BackendProtocol."""

from __future__ import annotations

import base64
from collections.abc import Iterator

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
    TlsFacts,
)

__all__ = ["Ajp13Backend"]

_NO_TLS = TlsFacts()
_NOT_SENT = HOP_BY_HOP | {"content-length", "expect", "proxy"}


class Ajp13Backend:
    """A backend.BackendProtocol. A container asks for each packet of a body but the first.

    It asks for the first one too, if it has not been told a length.
    """

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
        self._may_stay = False
        self._has_sent_all = request.body_bytes == 0
        origin = request.origin or Origin()
        tls = origin.tls or _NO_TLS
        path, mark, query = request.target.partition(b"?")
        headers = [(_octets(n), _octets(v)) for n, v in request.headers if n.lower() not in _NOT_SENT]
        if request.body_bytes is None:
            headers.append((b"Transfer-Encoding", b"chunked"))  # there is a body; it is not sent in chunks
        elif request.body_bytes or request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"Content-Length", b"%d" % request.body_bytes))
        return self._end.send_request(
            ForwardRequest(
                method=request.method,
                version=origin.version,
                uri=path,
                query=query if mark else None,
                remote_addr=origin.address,
                remote_host=origin.host,
                server_name=origin.server_name,
                server_port=origin.server_port,
                is_ssl=origin.is_secure,
                headers=tuple(headers),
                secret=self._secret,
                remote_user=_octets_or_none(origin.user),
                auth_type=_octets_or_none(origin.auth_type),
                route=_octets_or_none(origin.route),
                ssl_cert=b"".join(map(_pem, tls.certificates)) or None,
                ssl_cipher=_octets_or_none(tls.cipher),
                ssl_session=_octets_or_none(tls.session),
                ssl_key_size=tls.key_bits,
                attributes=(*_facts(origin, tls), *request.attributes),
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

    def take_answer(self) -> None:
        return None

    @property
    def can_stay_open(self) -> bool:
        return self._may_stay and self._end.is_idle


def _end_to_end(raw: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[str, str], ...]:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
    return tuple([header for header in headers if header[0].lower() not in HOP_BY_HOP])


def _facts(origin: Origin, tls: TlsFacts) -> Iterator[tuple[str, str]]:
    """What web servers tell as attributes, as the packet has no place of its own for it."""
    if tls.version:
        yield "AJP_SSL_PROTOCOL", tls.version
    if origin.port:
        yield "AJP_REMOTE_PORT", str(origin.port)
    if origin.local_address:
        yield "AJP_LOCAL_ADDR", origin.local_address


def _pem(certificate: bytes) -> bytes:
    text = base64.b64encode(certificate)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""])


def _octets_or_none(text: str | None) -> bytes | None:
    return None if text is None else _octets(text)


def _octets(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
