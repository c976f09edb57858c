"""The two ends of an AJP13 connection, without I/O: which packet may come when.

    web server                                                       container
    WebServerSide ── FORWARD_REQUEST, body, CPING ──────────────────> ContainerSide
                  <── SEND_HEADERS, SEND_BODY_CHUNK, END_RESPONSE ──   (the functions of ajp13.py)
                  <── GET_BODY_CHUNK, CPONG ────────────────────────   take_output

Either end is given what has arrived, however the network has cut it, and tells what it means; what it has to
say in return is bytes. A connection serves one request at a time.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from container.errors import ProtocolError
from container.protocols.ajp13 import (
    ANSWER_FIELDS,
    CPING,
    CPONG,
    MIN_PACKET_BYTES,
    TO_CONTAINER,
    TO_WEB_SERVER,
    ForwardRequest,
    NotAjpError,
    Packets,
    PacketType,
    Reader,
    body_packet,
    content_length,
    decode_request,
    encode_request,
    get_body_chunk,
)

__all__ = [
    "AnswerEnd",
    "AnswerHead",
    "BodyWanted",
    "ContainerSide",
    "Event",
    "Flush",
    "Pong",
    "WebServerSide",
]


class ContainerSide(Packets):
    """The container's end of one connection.

    ``receive`` what arrives; then ask for ``next_request``, and for ``next_piece`` until that returns b"".
    Both return None when they need more bytes, and raise ProtocolError when nothing can be made of them:
    answer its status and close, or, for a NotAjpError, only close. Whatever ``take_output`` has is to be sent
    first.
    """

    __slots__ = (
        "_asked", "_ended", "_left", "_max_body_bytes", "_max_headers", "_output", "_packet_bytes",
        "_received", "declared", "request",
    )  # fmt: skip

    def __init__(
        self, packet_bytes: int = MIN_PACKET_BYTES, *, max_headers: int = 0, max_body_bytes: int = 0
    ) -> None:
        super().__init__(TO_CONTAINER, packet_bytes)
        self._packet_bytes = packet_bytes
        self._max_headers = max_headers
        self._max_body_bytes = max_body_bytes
        self._output = b""
        self._asked = False  # a body packet is on its way
        self._ended = True  # the body
        self.request: ForwardRequest | None = None
        """The last one, even if it was refused; None if it could not be read."""
        self.declared: int | None = None
        """The length of its body; None: not known."""
        self._left = 0  # of a body whose length was declared
        self._received = 0

    def __repr__(self) -> str:
        body = "body ended" if self._ended else "asked for body" if self._asked else "in a body"
        return f"<ContainerSide {body}, {len(self.waiting)} bytes waiting>"

    @property
    def is_owed(self) -> bool:
        """Whether a packet of the body is on its way: nothing else can come before it."""
        return self._asked

    def take_output(self) -> bytes:
        """What is to be sent now: answers to pings, and what ``ask`` has asked for."""
        output, self._output = self._output, b""
        return output

    def next_request(self) -> ForwardRequest | None:
        """The next request. The one before must have ended, see ``finish``."""
        self.request = None
        while (payload := self.next_payload()) is not None:
            kind = payload[0] if payload else 0
            if kind == PacketType.CPING:
                self._output += CPONG
            elif kind == PacketType.FORWARD_REQUEST:
                return self._begin(decode_request(payload, self._max_headers))
            else:
                raise NotAjpError(f"an AJP packet of type {kind} where a request is due")
        return None

    def _begin(self, request: ForwardRequest) -> ForwardRequest:
        self.request = request
        self.declared = length = content_length(request.headers)
        self._received = 0
        self._left = length or 0
        self._ended = length == 0
        self._asked = bool(length)  # the first packet comes unasked
        if self._max_body_bytes and self._left > self._max_body_bytes:
            raise _too_long(self._left)
        return request

    def ask(self) -> None:
        """Ask for more of the body, unless that is on its way already, or there is no more."""
        if not self._asked and not self._ended:
            self._asked = True
            self._output += get_body_chunk(self._packet_bytes - 6)

    def next_piece(self) -> bytes | None:
        """A piece of the body; b"" is its end, None: it has yet to come, perhaps after ``ask``."""
        if self._ended:
            return b""
        if not self._asked:
            return None
        payload = self.next_payload()
        if payload is None:
            return None
        self._asked = False
        data = Reader(payload, 0).data() if payload else b""
        self._received += len(data)
        if self.declared is None:
            self._ended = not data
        elif not data:
            raise ProtocolError(400, f"the body ends {self._left} bytes too early")
        elif len(data) > self._left:
            raise ProtocolError(400, f"the body is {len(data) - self._left} bytes too long")
        else:
            self._left -= len(data)
            self._ended = self._left == 0
        if self._max_body_bytes and self._received > self._max_body_bytes:
            raise _too_long(self._received)
        return data

    def finish(self) -> bool:
        """Be ready for another request, the answer being complete but for its end.

        False: not before the packet that is on its way; call again when more has been received. Whatever else
        of the body there is stays with the web server, which drops it.
        """
        if self._asked:
            if self.next_payload() is None:
                return False
            self._asked = False
        self._ended = True
        return True


def _too_long(size: int) -> ProtocolError:
    return ProtocolError(413, f"a body of {size} bytes", "max_body_bytes")


# --- the web server's end -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """Status, reason and headers, those with a code under their usual names."""

    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class BodyWanted:
    """The container wants more of the body: ``send_body``, or ``end_body`` if there is no more."""

    size: int


@dataclass(frozen=True, slots=True)
class Flush:
    """What has come should go on to the client now."""


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The answer is complete. reuse: the connection may serve another request."""

    reuse: bool


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping."""


Event = AnswerHead | bytes | BodyWanted | Flush | AnswerEnd | Pong
"""What a container says; bytes are a piece of the answer's body."""


class _State(enum.Enum):
    IDLE = enum.auto()
    PINGED = enum.auto()
    ASKED = enum.auto()
    """A request is out, its answer has not begun."""
    ANSWERING = enum.auto()
    CLOSED = enum.auto()
    """The connection can serve no further request."""


_IDLE, _PINGED, _ASKED, _ANSWERING, _CLOSED = _State
# What a container may say, and where that leads. What is not here is against the protocol.
_MOVES: dict[tuple[_State, int], _State] = {
    (_PINGED, PacketType.CPONG): _IDLE,
    (_ASKED, PacketType.GET_BODY_CHUNK): _ASKED,
    (_ASKED, PacketType.SEND_HEADERS): _ANSWERING,
    (_ANSWERING, PacketType.GET_BODY_CHUNK): _ANSWERING,
    (_ANSWERING, PacketType.SEND_BODY_CHUNK): _ANSWERING,
    (_ANSWERING, PacketType.END_RESPONSE): _IDLE,
}
_NOTHING_TO_FLUSH = bytes((PacketType.SEND_BODY_CHUNK, 0, 0))  # before the head: without effect


class WebServerSide(Packets):
    """The web server's end of one connection, which may be used again while ``is_idle``.

    ``send_request``, ``send_body`` and the like return bytes to send; ``receive`` what arrives, then ask for
    ``next_event`` until that is None. Raises NotAjpError when the container breaks the protocol: close.
    An end of the stream before AnswerEnd is a broken answer.
    """

    __slots__ = ("_left", "_packet_bytes", "_state", "wanted")

    def __init__(self, packet_bytes: int = MIN_PACKET_BYTES) -> None:
        super().__init__(TO_WEB_SERVER, packet_bytes)
        self._packet_bytes = packet_bytes
        self._state = _IDLE
        self._left: int | None = 0  # of the body, what has not been sent; None: not known
        self.wanted: int | None = None
        """How many bytes ``send_body`` may take now; 0: only ``end_body``; None: nobody has asked."""

    def __repr__(self) -> str:
        return f"<WebServerSide {self._state.name}, wants {self.wanted}>"

    @property
    def is_idle(self) -> bool:
        """Whether a request or a ping may be sent. What has come unasked makes a connection useless."""
        return self._state is _IDLE and not self.waiting

    def ping(self) -> bytes:
        self._leave_idle(_PINGED)
        return CPING

    def send_request(self, request: ForwardRequest) -> bytes:
        """Begin a request. With a Content-Length its first bytes are ``wanted`` at once, unasked.

        Raises ProtocolError with the status for the client if it does not fit into a packet, or has two
        lengths; the connection is as before then.
        """
        packet = encode_request(request, self._packet_bytes)
        length = content_length(request.headers)
        self._leave_idle(_ASKED)
        self._left = length
        self.wanted = self._most(self._packet_bytes) if length else None
        return packet

    def _leave_idle(self, state: _State) -> None:
        if not self.is_idle:
            raise RuntimeError(f"{self!r} is in use")
        self._state = state

    def _most(self, asked: int) -> int:
        most = min(asked, self._packet_bytes - 6)
        return most if self._left is None else min(most, self._left)

    def send_body(self, data: bytes) -> bytes:
        """A piece of the body, of at least one byte and at most ``wanted``."""
        if not data or self.wanted is None or len(data) > self.wanted:
            raise RuntimeError(f"{len(data)} bytes of the body, but {self.wanted} are wanted")
        if self._left is not None:
            self._left -= len(data)
        self.wanted = None
        return body_packet(data)

    def end_body(self) -> bytes:
        """Say that there is no more; nothing if nobody has asked."""
        was_wanted, self.wanted = self.wanted, None
        return b"" if was_wanted is None else body_packet(b"")

    def next_event(self) -> Event | None:
        while (payload := self.next_payload()) is not None:
            kind = payload[0] if payload else 0
            if self._state is _ASKED and payload[:3] == _NOTHING_TO_FLUSH:
                continue
            state = _MOVES.get((self._state, kind))
            if state is None:
                raise NotAjpError(f"an AJP packet of type {kind} where {self!r}")
            self._state = state
            try:
                event = _EVENTS[kind](payload)
            except ProtocolError as error:
                raise NotAjpError(error.reason) from None
            if isinstance(event, BodyWanted):
                if self.wanted is not None:
                    raise NotAjpError("a container asks for a second piece before it has the first")
                self.wanted = self._most(event.size)
                event = BodyWanted(self.wanted)
            elif isinstance(event, AnswerEnd) and (not event.reuse or self.wanted is not None):
                self._state = _CLOSED  # a piece that was still owed would be taken for a request
                event = AnswerEnd(False)
            return event
        return None


def _answer_head(payload: bytes) -> AnswerHead:
    reader = Reader(payload, 1)
    status = reader.integer()
    reason = (reader.text() or "").encode("latin-1")
    headers = tuple(reader.headers(ANSWER_FIELDS))
    if not 200 <= status <= 999:
        raise ProtocolError(502, f"status {status}")
    return AnswerHead(status, reason, headers)


def _answer_data(payload: bytes) -> bytes | Flush:
    return Reader(payload, 1).data() or Flush()


_EVENTS: dict[int, Callable[[bytes], Event]] = {
    PacketType.CPONG: lambda _: Pong(),
    PacketType.GET_BODY_CHUNK: lambda payload: BodyWanted(Reader(payload, 1).integer()),
    PacketType.SEND_HEADERS: _answer_head,
    PacketType.SEND_BODY_CHUNK: _answer_data,
    PacketType.END_RESPONSE: lambda payload: AnswerEnd(Reader(payload, 1).byte() != 0),
}
