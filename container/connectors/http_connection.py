"""HttpConnection: one client's connection on an event loop, with its limits and timeouts.

    transport ─ bytes ─> HttpConnection ─ RequestParser ─> HttpExchange ─> handler.begin  (loop's thread)
                                                              └─ executor ─> handler.handle  (request thread)

A connection serves one request at a time. What its client sends ahead stays unparsed and, beyond a bound,
unread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from container.connectors.file_sender import FileSender
from container.connectors.http_exchange import FilePart, HttpExchange, Phase, log_refusal, unreadable_head
from container.connectors.http_limits import (
    LATE_HEAD,
    LINGER_BYTES,
    LINGER_PAUSE_S,
    LINGER_TOTAL_S,
    MISDIRECTED,
    RATE_GRACE_S,
    RESET_ON_CLOSE,
    SHORT_BODY,
    slow_body,
)
from container.connectors.request_body import CollectedBody, RequestBody, StreamedBody
from container.errors import ProtocolError
from container.mpm.tls_transport import TlsConnection
from container.protocols.exchange import Begin, ClientDisconnected, RawHeaders
from container.protocols.http1 import CONTINUE, Framing, RequestHead, RequestParser

if TYPE_CHECKING:
    import ssl

    from container.connectors.http import HttpConnector

__all__ = ["HttpConnection", "Requests", "address_of", "tls_facts"]

_log = logging.getLogger("container.http")

_READ_AHEAD_BYTES = 65536

# An attribute of an enum costs as much as a call: what every request passes uses these.
_IDLE, _HEAD, _BODY, _ANSWER, _TUNNEL, _LINGER, _CLOSING, _CLOSED = Phase
_CLOSE = Framing.CLOSE
_BUFFERED, _STREAMED = Begin.BUFFERED, Begin.STREAMED


class Requests(Protocol):
    """A connection's bytes as requests; http1.RequestParser says what each member does."""

    waiting: bytes
    trailers: RawHeaders | None

    def receive(self, data: bytes) -> None: ...

    def next_head(self) -> RequestHead | None: ...

    def next_piece(self) -> bytes | None: ...


class HttpConnection(TlsConnection):
    """One client's connection. Belongs to the loop's thread, but for wait_for_room and the plain flags."""

    __slots__ = (
        "_begun_s",
        "_behind_file",
        "_body_bytes",
        "_file",
        "_is_beginning",
        "_last_piece_s",
        "_linger_end_s",
        "_mark",
        "_mark_s",
        "_number",
        "_parser",
        "_peer",
        "_reading_paused",
        "_room",
        "_room_callbacks",
        "_secure",
        "_served",
        "_transport",
        "_written",
        "connector",
        "deadline_s",
        "exchange",
        "has_ended",
        "may_stay_open",
        "phase",
        "writing_paused",
    )

    new_exchange: Callable[[Any, Any, int, float], HttpExchange] = HttpExchange
    """Of the connection, a head, its number and the time."""

    def __init__(self, connector: HttpConnector, number: int) -> None:
        self.connector = connector
        self.exchange: HttpExchange | None = None
        self.deadline_s = math.inf  # when sweep has to look at this connection
        self.has_ended = False  # the client sends no more
        self.may_stay_open = True  # for another request, after this one
        self.writing_paused = False
        self._number = number
        self._parser: Requests = self._new_parser()
        self.phase = _IDLE
        self._served = 0
        self._is_beginning = False
        self._reading_paused = False
        self._written = 0
        self._mark = -1  # of what has been sent, how much at _mark_s
        self._mark_s = 0.0
        self._file: FileSender | None = None
        self._behind_file: deque[tuple[HttpExchange, bytes | FilePart, bool]] | None = None
        self._room: threading.Event | None = None  # what a request's thread waits for
        self._room_callbacks: list[tuple[HttpExchange, Callable[[], object]]] = []
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._peer: tuple[str, int] | None = None  # as every request may ask; a transport takes its time
        self._secure: bool | None = None

    def _new_parser(self) -> Requests:
        return RequestParser(self.connector.heads, self.connector.settings)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.phase.name}, {self._served} requests>"

    # Facts (protocols.exchange.Connection) --------------------------------------------------------

    @property
    def id(self) -> str:
        return f"{self.connector.prefix}{self._number}"

    @property
    def protocol(self) -> str:
        return "http/1.0" if self.exchange and self.exchange.version == "HTTP/1.0" else "http/1.1"

    @property
    def peer(self) -> tuple[str, int]:
        if self._peer is None:
            self._peer = address_of(self._transport.get_extra_info("peername"))
        return self._peer

    @property
    def local(self) -> tuple[str, int]:
        return address_of(self._transport.get_extra_info("sockname"))

    @property
    def secure(self) -> bool:
        if self._secure is None:
            self._secure = self._transport.get_extra_info("ssl_object") is not None
        return self._secure

    @property
    def tls(self) -> dict[str, object] | None:
        return tls_facts(self._transport.get_extra_info("ssl_object"))

    # Called by the loop: bytes come in ------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(self.connector.settings.send_buffer_bytes)
        self.deadline_s = time.monotonic() + (self.connector.settings.idle_timeout_s or math.inf)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        phase = self.phase
        if phase is _LINGER:
            self._discard(data)
            return
        if phase is _TUNNEL:
            self._pass_through(exchange, data)
            return
        self._parser.receive(data)
        if exchange is None:
            self._next_requests()
        elif phase is _BODY and exchange.body is not None:
            self._pump_body(exchange, exchange.body)
        elif self._is_far_ahead():
            self._pause_reading()

    def _is_far_ahead(self) -> bool:
        waiting = self._parser.waiting
        return (
            len(waiting) > _READ_AHEAD_BYTES
            or waiting.count(b"\r\n\r\n") >= self.connector.settings.max_pipelined
        )

    def _pause_reading(self) -> None:
        if not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def _next_requests(self) -> None:
        """Begin what has been received, until a request has to wait for its body or its answer."""
        if self._is_beginning:  # an answer given inside begin leads here again
            return
        self._is_beginning = True
        parser = self._parser
        try:
            while self.exchange is None and (self.phase is _IDLE or self.phase is _HEAD):
                head = parser.next_head() if parser.waiting else None
                if head is None:
                    if parser.waiting or self.has_ended:
                        self._await_head()
                    return
                self._begin(head)
        except ProtocolError as error:
            self._refuse_head(error)
        finally:
            self._is_beginning = False

    def _await_head(self) -> None:
        if self.has_ended:
            self.close()
        elif self.phase is _IDLE and self._parser.waiting:
            self.phase = _HEAD
            self.deadline_s = time.monotonic() + (self.connector.settings.header_timeout_s or math.inf)

    def _begin(self, head: RequestHead) -> None:
        connector = self.connector
        self._served += 1
        if self._served == connector.settings.max_keepalive_requests:
            self.may_stay_open = False
        now_s = time.monotonic()
        self.exchange = exchange = self.new_exchange(self, head, self._served, now_s)
        if head.has_body:
            self.phase = _BODY
            self._begun_s = self._last_piece_s = now_s
            self._body_bytes = 0
            self.deadline_s = now_s + min(connector.settings.body_timeout_s or math.inf, RATE_GRACE_S)
        else:
            self.phase = _ANSWER
            self.deadline_s = math.inf
        try:
            decision = connector.handler.begin(exchange)
        except Exception as error:  # noqa: BLE001  foreign code, and the loop has other connections
            exchange.fail(error)
            return
        if decision is _BUFFERED:
            if head.has_body or head.expects_continue:
                self._collect(exchange)
            else:
                connector.dispatch(exchange)
        elif decision is _STREAMED:
            if head.has_body:
                exchange.body = self.new_streamed_body()
            self.connector.dispatch(exchange)
            if exchange.body is not None and self.exchange is exchange:
                self._pump_body(exchange, exchange.body)

    def new_streamed_body(self) -> StreamedBody:
        return StreamedBody(self.connector.settings.body_memory_bytes, self._reader_waits)

    def open_body(self, exchange: HttpExchange) -> RequestBody | None:
        """The body of an exchange that is answered on the loop, once it is wanted; None: there is none."""
        if self.exchange is not exchange:
            raise ClientDisconnected(f"{exchange.id}: the client has gone")
        if self.phase is not _BODY:
            return None
        exchange.body = body = self.new_streamed_body()
        self._begun_s = self._last_piece_s = time.monotonic()
        self._body_bytes = 0
        self._pump_body(exchange, body)
        return body

    def watch_end(self) -> None:
        """The loop always looks."""

    def open_tunnel(self, exchange: HttpExchange) -> RequestBody:
        """Any thread may call it."""
        self.connector.call_on_loop(lambda: self._begin_tunnel(exchange))
        return self.new_streamed_body()

    def _begin_tunnel(self, exchange: HttpExchange) -> None:
        if self.exchange is exchange:
            self.phase = _TUNNEL
            self.deadline_s = math.inf
            early = self._parser.waiting
            self._parser.waiting = b""
            self._pass_through(exchange, early)
            if self.has_ended and exchange.body is not None:
                exchange.body.complete([])

    def _pass_through(self, exchange: HttpExchange | None, data: bytes) -> None:
        if data and exchange is not None and exchange.body is not None and not exchange.body.add(data):
            self._pause_reading()

    def _collect(self, exchange: HttpExchange) -> None:
        settings = self.connector.settings
        if exchange.head.expects_continue:
            self._write(CONTINUE)
        if exchange.head.has_body:
            exchange.body = body = CollectedBody(settings.body_memory_bytes, self.connector.work_folder)
            self._pump_body(exchange, body)
        else:
            self.connector.dispatch(exchange)

    def _pump_body(self, exchange: HttpExchange, body: RequestBody) -> None:
        parser = self._parser
        is_hungry = True
        try:
            while piece := parser.next_piece():
                self._body_bytes += len(piece)
                is_hungry = body.add(piece)
        except ProtocolError as error:
            self._fail_body(exchange, body, error)
            return
        except OSError as error:  # the temporary file, most likely: no space left
            _log.error("%s: the body cannot be kept", exchange.id, exc_info=error)
            self._fail_body(exchange, body, ProtocolError(503, f"the body cannot be kept: {error}"))
            return
        if piece is None:
            self._last_piece_s = time.monotonic()
            if not is_hungry:
                self._pause_reading()
            return
        self.phase = _ANSWER
        self.deadline_s = math.inf
        body.complete(parser.trailers or [])
        if isinstance(body, CollectedBody):
            self.connector.dispatch(exchange)

    def _fail_body(self, exchange: HttpExchange, body: RequestBody, error: ProtocolError) -> None:
        """Body and connection are lost; whoever answers says so."""
        log_refusal(self, error)
        self._pause_reading()
        body.fail(error)
        if isinstance(body, CollectedBody):
            exchange.answer_error(error.status)

    def _reader_waits(self) -> None:
        """Called by the request's thread, which may be the loop's."""
        if self.connector.is_on_loop():
            self._feed_reader()
        else:
            self.connector.call_on_loop(self._feed_reader)

    def _feed_reader(self) -> None:
        exchange = self.exchange
        if exchange is None or (self.phase is not _BODY and self.phase is not _TUNNEL):
            return
        if exchange.head.expects_continue and exchange.framing is None:
            exchange.head.expects_continue = False
            self._write(CONTINUE)
        self._last_piece_s = time.monotonic()
        self._resume_reading()

    def body_is_open(self) -> bool:
        """Whether some of the request's body is still to come, now that nobody is going to read it."""
        exchange = self.exchange
        if self.phase is _BODY and exchange and not exchange.body and self.connector.is_on_loop():
            try:
                while piece := self._parser.next_piece():
                    pass
                if piece is not None:
                    self.phase = _ANSWER
            except ProtocolError:
                pass
        return self.phase is _BODY

    def eof_received(self) -> bool:
        """The client has closed its side: it may have left, or still be reading. True: keep ours open."""
        self.has_ended = True
        exchange = self.exchange
        if exchange is None:
            return False
        if self.phase is _TUNNEL:
            if exchange.body is not None:
                exchange.body.complete([])
            return not self.secure
        if self.phase is _BODY and exchange.body is not None:
            if isinstance(exchange.body, CollectedBody):
                self._fail_body(exchange, exchange.body, SHORT_BODY)
            else:
                exchange.body.fail(ClientDisconnected(f"{exchange.id}: the body ends too early"))
        exchange.disconnected()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        collecting = self.phase is _BODY
        self.phase = _CLOSED
        self.deadline_s = math.inf
        self.has_ended = True
        self.connector.forget(self)
        self._drop_file()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            if exchange.body is not None:
                exchange.body.fail(ClientDisconnected(f"{exchange.id}: the client has gone"))
                if collecting and isinstance(exchange.body, CollectedBody):
                    exchange.body.close()
            exchange.disconnected()
            self.connector.report(exchange)
        self._signal_room()

    # Answers go out -------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        self._written += len(data)
        self._transport.write(data)

    def transmit(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        """Send data, in order; None breaks the answer off."""
        if exchange is not self.exchange:
            self._too_late(exchange, data, is_last)
        elif self._file is not None and data is not None:
            self._queued().append((exchange, data, is_last))
        elif isinstance(data, bytes):
            if data:
                exchange.flushed += len(data)
                self._written += len(data)
                self._transport.write(data)
            if is_last:
                self._answered(exchange)
            elif self._room is not None or self._room_callbacks:
                self._signal_room()
        elif data is None:
            self._break_off(exchange)
        else:
            self._send_file(exchange, data)

    def _queued(self) -> deque[tuple[HttpExchange, bytes | FilePart, bool]]:
        if self._behind_file is None:
            self._behind_file = deque()
        return self._behind_file

    def _too_late(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        if isinstance(data, FilePart):
            data.file.close()
        if is_last and exchange.body is not None:
            exchange.body.close()

    def _answered(self, exchange: HttpExchange) -> None:
        self.exchange = None
        if exchange.body is not None:
            exchange.body.close()
        connector = self.connector
        if connector.listeners:
            connector.report(exchange)
        if not exchange.keep_alive:
            self._shut()
            return
        self.phase = _IDLE
        self.deadline_s = connector.now_s + (connector.settings.idle_timeout_s or math.inf)
        if connector.is_stopping:  # since its head said that the connection stays open
            self.end_soon(connector.stop_grace_s)
        if self._reading_paused:
            self._resume_reading()
        if self._parser.waiting or self.has_ended:
            self._next_requests()

    def misdirected(self, data: bytes) -> None:
        """The client speaks HTTP, or whatever, on a port for TLS: it is told so."""
        self._parser.receive(data)
        self._refuse_head(*MISDIRECTED)

    def _refuse_head(self, error: ProtocolError, text: str = "") -> None:
        """Answer what is not a request."""
        log_refusal(self, error)
        head = unreadable_head(self._parser.waiting, self.connector.settings)
        self.exchange = exchange = self.new_exchange(self, head, self._served + 1, time.monotonic())
        self.phase = _BODY  # that is how the rest of it is treated
        self.deadline_s = math.inf
        exchange.answer_error(error.status, text=text)

    def _break_off(self, exchange: HttpExchange) -> None:
        """End the connection so that the client knows the answer is not complete."""
        self.exchange = None
        self._drop_file()
        if exchange.body is not None:
            exchange.body.close()
        self.connector.report(exchange)
        if exchange.framing is _CLOSE:  # here a regular end of the connection would be the end of the answer
            if sock := self._transport.get_extra_info("socket"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.phase = _CLOSING
            self._transport.abort()
        else:
            self.close()

    # Files ----------------------------------------------------------------------------------------

    def _send_file(self, exchange: HttpExchange, part: FilePart) -> None:
        def on_done(error: OSError | None) -> None:
            self._file_sent(exchange, part.size, error)

        self._file = FileSender(self.connector.loop, self._transport, *part, on_done)
        self._watch_sending()
        self._file.start(is_plain=not self.secure)

    def _file_sent(self, exchange: HttpExchange, count: int, error: OSError | None) -> None:
        sender, self._file = self._file, None
        if sender is not None:
            self._written += sender.sent_bytes
        self._transport.set_write_buffer_limits(self.connector.settings.send_buffer_bytes)
        if error is not None:
            _log.warning("%s: a file could not be sent: %s", exchange.id, error)
            self._break_off(exchange)
            return
        exchange.flushed += count
        if not self.writing_paused:
            self.deadline_s = math.inf
        behind, self._behind_file = self._behind_file, None
        for waiting in behind or ():
            self.transmit(*waiting)
        self._signal_room()

    def _drop_file(self) -> None:
        sender, self._file = self._file, None
        if sender is not None:
            sender.cancel()
        behind, self._behind_file = self._behind_file, None
        for exchange, data, is_last in behind or ():
            self._too_late(exchange, data, is_last)

    # A client that reads slowly -------------------------------------------------------------------

    def pause_writing(self) -> None:
        self.writing_paused = True
        self._watch_sending()

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._file is not None:
            self._file.on_room()
        elif self.phase is _ANSWER or self.phase is _TUNNEL:
            self.deadline_s = math.inf
        elif self.phase is _IDLE:  # the answer was finished long ago, but only now it has left
            self.deadline_s = self.connector.now_s + (self.connector.settings.idle_timeout_s or math.inf)
        self._signal_room()

    def _signal_room(self) -> None:
        if self._room is not None:
            self._room.set()
        if self._room_callbacks:
            waiting, self._room_callbacks = self._room_callbacks, []
            for exchange, callback in waiting:
                self.tell_room(exchange, callback)

    def has_room(self, exchange: HttpExchange) -> bool:
        """Whether more may be sent. Any thread may ask."""
        limit = self.connector.settings.send_buffer_bytes
        return self.exchange is not exchange or (exchange.unsent <= limit and not self.writing_paused)

    def when_room(self, exchange: HttpExchange, callback: Callable[[], object]) -> None:
        self.connector.call_on_loop(lambda: self.tell_room(exchange, callback))

    def tell_room(self, exchange: HttpExchange, callback: Callable[[], object]) -> None:
        """Call callback now if there is room, or else when there is."""
        if self.has_room(exchange):
            callback()
        else:
            self._room_callbacks.append((exchange, callback))

    def wait_for_room(self, exchange: HttpExchange) -> None:
        """Called by the request's thread: wait while more than the allowed is on its way to a slow client."""
        limit = self.connector.settings.send_buffer_bytes
        if (exchange.unsent <= limit and not self.writing_paused) or self.connector.is_on_loop():
            return
        room = self._room = threading.Event()  # first to be seen by the loop; then look again, then wait
        try:
            while self.exchange is exchange and (exchange.unsent > limit or self.writing_paused):
                room.wait()
                room.clear()
        finally:
            self._room = None
        if self.exchange is not exchange:
            raise ClientDisconnected(f"{exchange.id}: the client has gone")

    def run_later(self, task: Callable[[], None]) -> None:
        self.connector.run_later(task)

    def released(self, exchange: HttpExchange) -> None:
        """Nothing of the loop's waits for it."""

    # Deadlines ------------------------------------------------------------------------------------

    @property
    def served(self) -> int:
        """Requests that have begun."""
        return self._served

    @property
    def number(self) -> int:
        return self._number

    def on_deadline(self, now_s: float) -> None:
        if self._file is not None or self._transport.get_write_buffer_size():
            self._check_sending(now_s)
        elif self.phase is _BODY:
            self._check_body(now_s)
        elif self.phase is _HEAD:
            self._refuse_head(LATE_HEAD)
        elif self.phase is _IDLE:
            self.close()
        elif self.phase is _ANSWER or self.phase is _TUNNEL:
            self.deadline_s = math.inf
        else:
            self._transport.abort()

    def _progress(self) -> int:
        """Bytes that have gone to the kernel."""
        by_file = self._file.sent_bytes if self._file is not None else 0
        return self._written + by_file - self._transport.get_write_buffer_size()

    def _watch_sending(self) -> None:
        self._mark = self._progress()
        self._mark_s = self.connector.now_s
        self.deadline_s = self._mark_s + (self.connector.settings.send_timeout_s or math.inf)

    def _check_sending(self, now_s: float) -> None:
        """Called when the send timeout is over, or another one while the answer is still on its way."""
        limit_s = self.connector.settings.send_timeout_s or math.inf
        progress = self._progress()
        if progress != self._mark:
            self._mark, self._mark_s = progress, now_s
        elif now_s - self._mark_s >= limit_s:
            _log.warning("%s: closed: the client reads nothing; the limit is --send-timeout-s", self.id)
            self._transport.abort()
            return
        self.deadline_s = self._mark_s + limit_s if limit_s < math.inf else now_s

    def _check_body(self, now_s: float) -> None:
        exchange = self.exchange
        if exchange is None or exchange.body is None or self._reading_paused:
            self._begun_s = self._last_piece_s = now_s  # the client waits for us
            self._body_bytes = 0
            return
        silent_s, elapsed_s = now_s - self._last_piece_s, now_s - self._begun_s
        error = slow_body(self.connector.settings, silent_s, elapsed_s, self._body_bytes)
        if error is None:
            self.deadline_s = now_s  # look again at the next sweep
            return
        self.deadline_s = math.inf
        self._fail_body(exchange, exchange.body, error)

    # The end --------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close when what is buffered has been sent."""
        self.phase = _CLOSING
        self._watch_sending()
        self._transport.close()

    def end_soon(self, grace_s: float) -> None:
        """The server stops: one more request is answered, if its client sends it within grace_s."""
        self.may_stay_open = False
        if self.phase is _IDLE:
            self.deadline_s = min(self.deadline_s, time.monotonic() + grace_s)

    def abort(self) -> None:
        self._transport.abort()

    def _shut(self) -> None:
        """After the last answer. Closing with bytes unread would be a reset, which can destroy the answer."""
        if self.has_ended or not (self.phase is _BODY or self._parser.waiting):
            self.close()
            return
        self.phase = _LINGER
        now_s = time.monotonic()
        self._linger_end_s = now_s + LINGER_TOTAL_S
        self.deadline_s = now_s + LINGER_PAUSE_S
        self._body_bytes = 0
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume_reading()

    def _discard(self, data: bytes) -> None:
        self._body_bytes += len(data)
        self.deadline_s = min(time.monotonic() + LINGER_PAUSE_S, self._linger_end_s)
        if self._body_bytes > LINGER_BYTES:
            self.close()


def address_of(name: object) -> tuple[str, int]:
    """IPv6 names have four parts, Unix sockets are one string."""
    return (name[0], name[1]) if isinstance(name, tuple) else ("", 0)


def tls_facts(session: ssl.SSLObject | ssl.SSLSocket | None) -> dict[str, object] | None:
    """protocols.exchange.Connection.tls of a TLS session; None without one."""
    if session is None:
        return None
    name, version, bits = session.cipher() or (None, None, None)
    certificate = session.getpeercert(binary_form=True)
    return {
        "secure_protocol": session.version() or version,
        "cipher_suite": name,
        "key_size": bits,
        "ssl_session_id": _tls_session_id(session),
        "certificates": [certificate] if certificate else [],
    }


def _tls_session_id(session: ssl.SSLObject | ssl.SSLSocket) -> str | None:
    """The session's own; TLS 1.2 with tickets has none, there it is what is unique to the handshake."""
    id = session.session.id if session.session else b""
    id = id or session.get_channel_binding("tls-unique") or b""
    return id.hex() or None
