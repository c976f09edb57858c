"""HTTP/1.x in a thread per connection: the driver under the process models prefork and worker.

    socket ─ bytes ─> BlockingConnection ─ RequestParser ─> HttpExchange ─> handler.begin, handler.handle
    socket <─ bytes ─ BlockingConnection <─ transmit ─ write, finish              (all in one thread)

A connection keeps its thread from its first byte to its end: while a slow client sends or reads, and while
it is idle between two requests. Only what other threads want of it, once a request has been suspended,
comes through a queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Protocol, cast

from container.config import Settings
from container.connectors.http_connection import address_of, tls_facts
from container.connectors.http_exchange import (
    FilePart,
    HttpCore,
    HttpExchange,
    Phase,
    log_refusal,
    unreadable_head,
)
from container.connectors.http_limits import (
    LATE_HEAD,
    LINGER_BYTES,
    LINGER_PAUSE_S,
    LINGER_TOTAL_S,
    MISDIRECTED,
    RESET_ON_CLOSE,
    SHORT_BODY,
    slow_body,
)
from container.connectors.request_body import RequestBody
from container.errors import ProtocolError
from container.mpm.tls_transport import HANDSHAKE
from container.mpm.waker import Waker
from container.protocols.exchange import Begin, ClientDisconnected, Handler, RawHeaders
from container.protocols.http1 import CONTINUE, Framing, HeadParser, RequestHead, RequestParser
from container.trace import AnsweredListener

__all__ = ["BlockingConnection", "BlockingHttpConnector", "Watch"]

_log = logging.getLogger("container.http")

_IDLE, _HEAD, _BODY, _ANSWER = Phase.IDLE, Phase.HEAD, Phase.BODY, Phase.ANSWER
_TUNNEL, _LINGER, _CLOSING, _CLOSED = Phase.TUNNEL, Phase.LINGER, Phase.CLOSING, Phase.CLOSED
_READ_BYTES = 65536
_FILE_BYTES = 128 * 1024
_LOOK_S = 1.0  # how often the rate of a body is looked at
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_STOP_GRACE_S = 0.5  # what a client may have sent before it knew that we stop is still answered
_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Watch(Protocol):
    """Who wants to know what a thread does. mpm/scoreboard.py has one."""

    def connected(self, connection_id: int, peer: str) -> None: ...

    def idle(self) -> None:
        """Between two requests of a connection."""

    def reading(self) -> None:
        """A head or a body."""

    def answering(self, method: str, target: bytes) -> None: ...

    def lingering(self) -> None:
        """The last answer is out."""

    def closed(self) -> None: ...


class BlockingConnection:
    """One client's connection. Belongs to the thread that calls ``serve``; others may call what says so."""

    __slots__ = (
        "_begun_s",
        "_body_bytes",
        "_calls",
        "_connector",
        "_is_broken",
        "_is_waiting",
        "_last_piece_s",
        "_number",
        "_outbox",
        "_parser",
        "_poll",
        "_readers",
        "_room",
        "_room_callbacks",
        "_served",
        "_socket",
        "_thread",
        "_waker",
        "_watch",
        "_watching",
        "exchange",
        "has_ended",
        "may_stay_open",
        "phase",
    )

    def __init__(self, connector: BlockingHttpConnector, sock: socket.socket, watch: Watch) -> None:
        self._connector = connector
        self._socket = sock
        self._watch = watch
        self._number = next(connector.numbers)
        self._parser = RequestParser(connector.heads_of_thread(), connector.settings)
        self._thread = get_ident()
        self._poll = select.poll()  # on the socket, and on the stop of the server while it is idle
        self._poll.register(sock.fileno(), select.POLLIN)
        self._served = 0
        self._body_bytes = 0
        self._begun_s = self._last_piece_s = 0.0
        self._is_waiting = False  # for an answer that other threads give
        self._readers: list[Callable[[], object]] = []  # of when_readable
        self._watching: asyncio.AbstractEventLoop | None = None  # the loop that looks at the socket
        self._calls: deque[Callable[[], object]] = deque()  # what they want of this thread
        self._outbox: deque[tuple[HttpExchange, bytes | FilePart | None, bool]] = deque()  # what they send
        self._waker: Waker | None = None
        self._room: threading.Event | None = None
        self._room_callbacks: list[tuple[HttpExchange, Callable[[], object]]] = []
        self.exchange: HttpExchange | None = None
        self._is_broken = False  # by us, so that the client knows its answer is not complete
        self.has_ended = False
        self.may_stay_open = not (connector.is_stopping or connector.is_draining)
        self.phase = _IDLE

    def __repr__(self) -> str:
        return f"<BlockingConnection {self.id} {self.phase.name}, {self._served} requests>"

    @property
    def connector(self) -> BlockingHttpConnector:
        return self._connector

    # Facts (protocols.exchange.Connection) --------------------------------------------------------

    @property
    def id(self) -> str:
        return f"{self._connector.prefix}{self._number}"

    @property
    def protocol(self) -> str:
        return "http/1.0" if self.exchange and self.exchange.version == "HTTP/1.0" else "http/1.1"

    @property
    def peer(self) -> tuple[str, int]:
        try:
            return address_of(self._socket.getpeername())
        except OSError:  # it has gone
            return ("", 0)

    @property
    def local(self) -> tuple[str, int]:
        try:
            return address_of(self._socket.getsockname())
        except OSError:
            return ("", 0)

    @property
    def secure(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket)

    @property
    def tls(self) -> dict[str, object] | None:
        return tls_facts(self._socket if isinstance(self._socket, ssl.SSLSocket) else None)

    # Requests come in -----------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer every request of the connection."""
        self._watch.connected(self._number, self.peer[0])
        try:
            if not isinstance(self._socket, ssl.SSLSocket) or self._shake_hands(self._socket):
                self._serve_requests()
            if self.phase is _LINGER:
                self._linger()
        except OSError as error:
            _log.debug("%s: the connection has broken: %s", self.id, error)
            self._lost()
        finally:
            self._close()
            self._watch.closed()

    def _serve_requests(self) -> None:
        while (head := self._next_head()) is not None:
            self._answer(head)
            if self.phase is not _IDLE:
                break

    def _shake_hands(self, session: ssl.SSLSocket) -> bool:
        """Do the handshake of TLS; False if there is none."""
        until_s = time.monotonic() + (self._connector.settings.idle_timeout_s or math.inf)
        try:
            self._wait_for(select.POLLIN, until_s)
            first = socket.socket.recv(session, 1, socket.MSG_PEEK)
            if first and first[0] != HANDSHAKE:
                self._tell_of_tls(session)
                return False
            while True:
                try:
                    session.do_handshake()
                    return True
                except ssl.SSLWantReadError:
                    self._wait_for(select.POLLIN, until_s)
                except ssl.SSLWantWriteError:
                    self._wait_for(select.POLLOUT, until_s)
        except ssl.SSLError as error:
            _log.info("%s: the TLS handshake failed: %s", self.id, error)
            return False

    def _wait_for(self, events: int, until_s: float) -> None:
        """Raise TimeoutError if none of the events comes by then."""
        poll = select.poll()
        poll.register(self._socket.fileno(), events)
        wait_s = max(0.0, until_s - time.monotonic())
        if not poll.poll(None if wait_s == math.inf else wait_s * 1000):
            raise TimeoutError

    def _tell_of_tls(self, session: ssl.SSLSocket) -> None:
        """The client speaks HTTP, or whatever, on a port for TLS."""
        self._socket = socket.socket(fileno=session.detach())
        self._parser.receive(self._socket.recv(_READ_BYTES))
        self._refuse(*MISDIRECTED)

    def _say_goodbye(self) -> None:
        if isinstance(self._socket, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):  # the client need not say it too
                self._socket.unwrap()

    def _receive(self, until_s: float) -> bytes:
        """Wait for bytes until until_s (time.monotonic()): TimeoutError then; b"" is the client's end."""
        while True:
            wait_s = until_s - time.monotonic()
            if wait_s <= 0:
                raise TimeoutError
            if not self._poll.poll(None if wait_s == math.inf else wait_s * 1000):
                continue
            try:
                return self._socket.recv(_READ_BYTES)
            except _WOULD_BLOCK:
                continue

    def _next_head(self) -> RequestHead | None:
        """The next request; None if there is none, or if it was refused."""
        parser, settings = self._parser, self._connector.settings
        try:
            while True:
                head = parser.next_head() if parser.waiting else None
                if head is not None:
                    return head
                if self.has_ended:
                    return None
                if not parser.waiting:
                    data = self._receive_first()
                else:
                    if self.phase is _IDLE:
                        self.phase = _HEAD
                        self._watch.reading()
                        until_s = time.monotonic() + (settings.header_timeout_s or math.inf)
                    data = self._receive(until_s)
                if not data:
                    return None
                parser.receive(data)
        except TimeoutError:
            if self.phase is _HEAD:
                self._refuse(LATE_HEAD)
        except ProtocolError as error:
            self._refuse(error)
        return None

    def _receive_first(self) -> bytes:
        """Wait for a request, or until the server stops: then for one that is on its way already."""
        if self._served:
            self._watch.idle()
        until_s = time.monotonic() + (self._connector.settings.idle_timeout_s or math.inf)
        stop = self._connector.stop_fd
        self._poll.register(stop, select.POLLIN)
        try:
            while True:
                wait_s = until_s - time.monotonic()
                if wait_s <= 0:
                    raise TimeoutError
                ready = self._poll.poll(None if wait_s == math.inf else wait_s * 1000)
                if any(descriptor != stop for descriptor, _ in ready):
                    try:
                        return self._socket.recv(_READ_BYTES)
                    except _WOULD_BLOCK:
                        continue
                if ready:
                    break
        finally:
            self._poll.unregister(stop)
        self.may_stay_open = False
        return self._receive(min(until_s, time.monotonic() + _STOP_GRACE_S))

    def _answer(self, head: RequestHead) -> None:
        """Have one request answered, however long it takes."""
        connector = self._connector
        now_s = time.monotonic()
        connector.tell_time(now_s)
        self._served += 1
        if (
            connector.is_stopping
            or connector.is_draining
            or self._served == connector.settings.max_keepalive_requests
        ):
            self.may_stay_open = False
        self.exchange = exchange = HttpExchange(self, head, self._served, now_s)
        self.phase = _BODY if head.has_body else _ANSWER
        self._begun_s = self._last_piece_s = now_s
        self._body_bytes = 0
        self._watch.answering(head.method, head.target)
        self._is_waiting = True  # another thread may answer before begin has returned
        try:
            decision = connector.handler.begin(exchange)
        except Exception as error:  # noqa: BLE001  foreign code: it ends this request only
            self._is_waiting = False
            exchange.fail(error)
            return
        if decision is Begin.DONE:
            if self.exchange is exchange:
                self._wait_for_others(lambda: self.exchange is not exchange)
            self._is_waiting = False
            return
        self._is_waiting = False
        if head.has_body:
            exchange.body = body = _SocketBody(self, exchange)
            if decision is Begin.STREAMED:
                body.prefetch()
            elif not self._collect(exchange):
                return
        elif head.expects_continue and decision is Begin.BUFFERED:
            self._send(CONTINUE)
        exchange.run()
        self._unwatch()
        if exchange.is_suspended:
            self._wait_for_others(lambda: exchange.is_released)

    def _collect(self, exchange: HttpExchange) -> bool:
        """Receive the whole body; False if that has become the answer."""
        self._watch.reading()
        try:
            exchange.collect_body()
        except ProtocolError as error:
            exchange.answer_error(error.status)
            return False
        except ClientDisconnected:
            log_refusal(self, SHORT_BODY)
            exchange.answer_error(SHORT_BODY.status)
            return False
        except OSError as failure:  # the temporary file, most likely: no space left
            _log.error("%s: the body cannot be kept", exchange.id, exc_info=failure)
            exchange.answer_error(503)
            return False
        self._watch.answering(exchange.method, exchange.target)
        return True

    # For a handler that runs a loop in this thread -------------------------------------------------

    def open_body(self, exchange: HttpExchange) -> RequestBody | None:
        if self.exchange is not exchange:
            raise ClientDisconnected(f"{exchange.id}: the client has gone")
        if self.phase is not _BODY:
            return None
        exchange.body = body = _SocketBody(self, exchange)
        self._begun_s = time.monotonic()
        self._body_bytes = 0
        return body

    def open_tunnel(self, exchange: HttpExchange) -> RequestBody:
        self.phase = _TUNNEL
        return _SocketBody(self, exchange)

    def receive_soon(self) -> bytes | None:
        """What has come, b"" at the end; None if that is nothing."""
        try:
            return self._socket.recv(_READ_BYTES)
        except _WOULD_BLOCK:
            return None
        except OSError:
            self.has_ended = True
            return b""

    def when_readable(self, callback: Callable[[], object]) -> None:
        loop = self._running_loop()
        if loop is None:
            callback()
        else:
            self._readers.append(callback)
            self._watch_socket(loop)

    def watch_end(self) -> None:
        if (loop := self._running_loop()) is not None:
            self._watch_socket(loop)

    def _running_loop(self) -> asyncio.AbstractEventLoop | None:
        try:
            return asyncio.get_running_loop() if get_ident() == self._thread else None
        except RuntimeError:
            return None

    def _watch_socket(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._watching is None:
            self._watching = loop
            loop.add_reader(self._socket.fileno(), self._on_readable)

    def _unwatch(self) -> None:
        if self._watching is not None:
            self._watching.remove_reader(self._socket.fileno())
            self._watching = None
        self._readers.clear()

    def _on_readable(self) -> None:
        readers = self._readers.copy()
        if not readers:
            self._look_for_end(0)
        self._unwatch()  # also if there is something to read that has to wait
        for callback in readers:
            callback()

    def read_piece(self, exchange: HttpExchange) -> bytes:
        """The next bytes of the body, b"" at its end. Raises as Exchange.read."""
        is_tunnel = self.phase is _TUNNEL
        piece = self._read_piece(
            exchange, (lambda: self._receive(math.inf)) if is_tunnel else self._receive_piece
        )
        assert piece is not None
        return piece

    def read_piece_soon(self, exchange: HttpExchange) -> bytes | None:
        """The same; None if nothing has come yet."""
        return self._read_piece(exchange, self.receive_soon)

    def _read_piece(self, exchange: HttpExchange, receive: Callable[[], bytes | None]) -> bytes | None:
        if self.phase is _TUNNEL:
            early, self._parser.waiting = self._parser.waiting, b""
            return early or receive()
        if self.phase is not _BODY:
            return b""
        if exchange.head.expects_continue and exchange.framing is None:
            exchange.head.expects_continue = False
            self._send(CONTINUE)
        try:
            while (piece := self.next_piece()) is None:
                data = receive()
                if data is None:
                    return None
                if not data:
                    self.has_ended = True
                    raise ClientDisconnected(f"{exchange.id}: the body ends too early")
                self._parser.receive(data)
        except ProtocolError as error:
            log_refusal(self, error)
            raise
        except ClientDisconnected:
            raise
        except OSError as error:
            self.has_ended = True
            raise ClientDisconnected(f"{exchange.id}: the client has gone: {error}") from None
        return piece

    def next_piece(self) -> bytes | None:
        """What of the body has been received; None if that is nothing, b"" at its end."""
        piece = self._parser.next_piece()
        if piece is not None:
            self._body_bytes += len(piece)
            if not self._parser.in_body:
                self.phase = _ANSWER
        return piece

    @property
    def trailers(self) -> RawHeaders | None:
        """Of the request; None before the end of its body."""
        return None if self.phase is _BODY else self._parser.trailers or []

    def _receive_piece(self) -> bytes:
        settings = self._connector.settings
        self._last_piece_s = time.monotonic()  # before, nobody wanted one
        while True:
            now_s = time.monotonic()
            silent_s, elapsed_s = now_s - self._last_piece_s, now_s - self._begun_s
            error = slow_body(settings, silent_s, elapsed_s, self._body_bytes)
            if error is not None:
                raise error
            try:
                return self._receive(now_s + min(_LOOK_S, settings.body_timeout_s or math.inf))
            except TimeoutError:
                continue

    def body_is_open(self) -> bool:
        """Whether some of the request's body is still to come, now that nobody is going to read it."""
        exchange = self.exchange
        if self.phase is _BODY and exchange is not None and exchange.body is None:
            try:
                while piece := self._parser.next_piece():
                    pass
                if piece is not None:
                    self.phase = _ANSWER
            except ProtocolError:
                pass
        return self.phase is _BODY

    def _refuse(self, error: ProtocolError, text: str = "") -> None:
        """Answer what is not a request."""
        log_refusal(self, error)
        head = unreadable_head(self._parser.waiting, self._connector.settings)
        self._connector.tell_time(time.monotonic())
        self.exchange = exchange = HttpExchange(self, head, self._served + 1, self._connector.now_s)
        self.phase = _BODY  # that is how the rest of it is treated
        exchange.answer_error(error.status, text=text)
        if self.phase is _LINGER:
            self._linger()

    # Answers go out -------------------------------------------------------------------------------

    def deliver(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        """Any thread may call it. What others send before the request is suspended they send themselves."""
        if get_ident() == self._thread:
            if self._outbox:
                self._flush()
            self.transmit(exchange, data, is_last)
        elif self._is_waiting or exchange.is_suspended:
            self._outbox.append((exchange, data, is_last))
            self._wake()
        else:
            self.transmit(exchange, data, is_last)

    def _flush(self) -> None:
        while self._outbox:
            self.transmit(*self._outbox.popleft())

    def transmit(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        """Send data, in order; None breaks the answer off. A client that has gone raises nothing."""
        if exchange is not self.exchange:
            if isinstance(data, FilePart):
                data.file.close()
            return
        if data is None:
            self._break_off(exchange)
            return
        try:
            if isinstance(data, FilePart):
                self._send_file(exchange, data)
            elif data:
                self._send(data)
                exchange.flushed += len(data)
        except OSError as error:
            _log.debug("%s: the client has gone: %s", exchange.id, error)
            self._lost()
            return
        if is_last:
            self._answered(exchange)
        elif self._room is not None or self._room_callbacks:
            self._signal_room()

    def _send(self, data: bytes) -> None:
        try:
            sent = self._socket.send(data)
        except _WOULD_BLOCK:
            sent = 0
        if sent == len(data):
            return
        rest = memoryview(data)[sent:]
        while rest:
            self._wait_writable()
            with contextlib.suppress(*_WOULD_BLOCK):
                rest = rest[self._socket.send(rest) :]

    def _wait_writable(self) -> None:
        """Wait until the client has read some of the answer."""
        limit_s = self._connector.settings.send_timeout_s
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLOUT)
        if not poll.poll(limit_s * 1000 if limit_s else None):
            _log.warning("%s: closed: the client reads nothing; the limit is --send-timeout-s", self.id)
            raise TimeoutError("the client reads nothing")

    def _send_file(self, exchange: HttpExchange, part: FilePart) -> None:
        file, offset, size = part
        copies = self.secure or not hasattr(os, "sendfile")
        with file:
            end = offset + size
            while offset < end:
                if not copies:
                    try:
                        sent = os.sendfile(self._socket.fileno(), file.fileno(), offset, end - offset)
                    except BlockingIOError:
                        self._wait_writable()
                        continue
                    except (BrokenPipeError, ConnectionResetError):
                        raise
                    except OSError:  # this kind of file cannot be sent so: it can be read
                        copies = True
                        continue
                else:
                    data = os.pread(file.fileno(), min(end - offset, _FILE_BYTES), offset)
                    self._send(data)
                    sent = len(data)
                if not sent:
                    _log.warning("%s: a file became shorter while it was being sent", exchange.id)
                    raise OSError("the file has become shorter while it was being sent")
                offset += sent
        exchange.flushed += size

    def _answered(self, exchange: HttpExchange) -> None:
        self.exchange = None
        if exchange.body is not None:
            exchange.body.close()
        if self._connector.listeners:
            self._connector.report(exchange)
        self._signal_room()
        if exchange.keep_alive:  # also when the server stops since: the client has been told that it may
            self.phase = _IDLE
        elif self.has_ended or not (self.phase is _BODY or self._parser.waiting):
            self.phase = _CLOSING
        else:
            self.phase = _LINGER

    def _break_off(self, exchange: HttpExchange) -> None:
        """End the connection so that the client knows the answer is not complete."""
        self.exchange = None
        if exchange.body is not None:
            exchange.body.close()
        self._connector.report(exchange)
        if exchange.framing is Framing.CLOSE:  # a regular end of the connection would be the answer's
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self._is_broken = True
        self.phase = _CLOSING
        self._signal_room()

    def _lost(self) -> None:
        """The client has gone."""
        self.has_ended = True
        self.phase = _CLOSING
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            if exchange.body is not None:
                exchange.body.fail(ClientDisconnected(f"{exchange.id}: the client has gone"))
            exchange.disconnected()
            self._connector.report(exchange)
        self._signal_room()

    def _linger(self) -> None:
        """Closing with bytes unread would be a reset, which can destroy the answer: read and forget them."""
        self.phase = _CLOSING
        self._watch.lingering()
        end_s = time.monotonic() + LINGER_TOTAL_S
        count = 0
        with contextlib.suppress(OSError):  # TimeoutError is one
            self._say_goodbye()
            self._socket.shutdown(socket.SHUT_WR)
            while count <= LINGER_BYTES and not self._connector.is_aborting:
                data = self._receive(min(time.monotonic() + LINGER_PAUSE_S, end_s))
                if not data:
                    break
                count += len(data)

    def _close(self) -> None:
        self.phase = _CLOSED
        self._connector.forget(self)
        if self.exchange is not None:
            self._lost()
        if not self._is_broken:
            self._say_goodbye()
        with contextlib.suppress(OSError):
            self._socket.close()
        self._flush()
        while self._calls:
            self._call(self._calls.popleft())
        waker, self._waker = self._waker, None
        if waker is not None:
            waker.close()

    # What other threads want ----------------------------------------------------------------------

    def _wait_for_others(self, is_over: Callable[[], bool]) -> None:
        """Do what other threads ask for, until the answer that they give is over; notice a client's end."""
        self._is_waiting = True
        if self._waker is None:
            self._waker = Waker()
        waker = self._waker
        self._poll.register(waker.fileno(), select.POLLIN)
        looks = True
        try:
            while True:
                waker.drain()
                is_last_round = is_over()  # first: what was asked for before that is still done
                self._flush()
                while self._calls:
                    self._call(self._calls.popleft())
                if is_last_round:
                    return
                if is_over():
                    continue
                for descriptor, events in self._poll.poll():
                    if descriptor != waker.fileno():
                        self._look_for_end(events)
                        self._poll.unregister(descriptor)  # an end, or bytes that have to wait
                        looks = False
        finally:
            self._is_waiting = False
            self._poll.unregister(waker.fileno())
            if not looks:
                self._poll.register(self._socket.fileno(), select.POLLIN)

    def _look_for_end(self, events: int) -> None:
        try:
            is_end = not self._socket.recv(1, socket.MSG_PEEK)
        except _WOULD_BLOCK:
            is_end = False
        except (OSError, ValueError):  # ValueError: TLS cannot peek
            is_end = bool(events & _GONE)
        if is_end:
            self.has_ended = True
            if self.exchange is not None:
                self.exchange.disconnected()

    @staticmethod
    def _call(call: Callable[[], object]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001  what others ask for is foreign code; the connection goes on
            _log.exception("What another thread asked for failed")

    def _ask(self, call: Callable[[], object]) -> None:
        if self.phase is _CLOSED:
            self._call(call)
            return
        self._calls.append(call)
        self._wake()

    def _wake(self) -> None:
        waker = self._waker
        if waker is not None:
            waker.wake()

    def run_later(self, task: Callable[[], None]) -> None:
        if (loop := self._running_loop()) is not None:
            loop.call_soon(task)
        else:
            self._ask(task)

    def released(self, exchange: HttpExchange) -> None:
        self._ask(lambda: None)

    def has_room(self, exchange: HttpExchange) -> bool:
        limit = self._connector.settings.send_buffer_bytes
        return self.exchange is not exchange or exchange.unsent <= limit

    def when_room(self, exchange: HttpExchange, callback: Callable[[], object]) -> None:
        self._ask(lambda: self._tell_room(exchange, callback))

    def _tell_room(self, exchange: HttpExchange, callback: Callable[[], object]) -> None:
        if self.has_room(exchange):
            callback()
        else:
            self._room_callbacks.append((exchange, callback))

    def _signal_room(self) -> None:
        if self._room is not None:
            self._room.set()
        if self._room_callbacks:
            waiting, self._room_callbacks = self._room_callbacks, []
            for exchange, callback in waiting:
                self._tell_room(exchange, callback)

    def wait_for_room(self, exchange: HttpExchange) -> None:
        if get_ident() != self._thread and not self.has_room(exchange):
            room = self._room = threading.Event()  # first to be seen by the connection's thread; then wait
            try:
                while not self.has_room(exchange):
                    room.wait()
                    room.clear()
            finally:
                self._room = None
        if self.exchange is not exchange:
            raise ClientDisconnected(f"{exchange.id}: the client has gone")

    def abort(self) -> None:
        """Any thread may call it: every call on the socket ends."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class _SocketBody:
    """A body that is received when it is read, in the reading thread."""

    __slots__ = ("_connection", "_error", "_exchange", "_piece", "trailers")

    def __init__(self, connection: BlockingConnection, exchange: HttpExchange) -> None:
        self._connection = connection
        self._exchange = exchange
        self._piece = b""
        self._error: Exception | None = None
        self.trailers: RawHeaders | None = None

    def prefetch(self) -> None:
        """Take what has arrived with the head: if it is the whole body, the connection may stay open."""
        try:
            self._piece = self._connection.next_piece() or b""
        except ProtocolError as error:
            log_refusal(self._connection, error)
            self._error = error

    def add(self, piece: bytes) -> bool:
        raise NotImplementedError("nobody but read receives")

    def complete(self, trailers: RawHeaders) -> None:
        raise NotImplementedError("nobody but read receives")

    def fail(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self._read_some(_READ_BYTES), b""))
        return self._read_some(size) if size else b""

    def read_soon(self, size: int) -> bytes | None:
        if not self._piece and self._error is None:
            try:
                piece = self._connection.read_piece_soon(self._exchange)
            except (ProtocolError, ClientDisconnected) as error:
                self._error = error
                raise
            if piece is None:
                return None
            self._piece = piece
            if not piece:
                self.trailers = self._connection.trailers
                return b""
        return self._read_some(size)

    def when_readable(self, callback: Callable[[], object]) -> None:
        self._connection.when_readable(callback)

    def _read_some(self, size: int) -> bytes:
        if not self._piece:
            if self._error is not None:
                raise self._error
            try:
                self._piece = self._connection.read_piece(self._exchange)
            except (ProtocolError, ClientDisconnected) as error:
                self._error = error
                raise
        piece = self._piece
        self._piece = piece[size:]
        if not self._piece:
            self.trailers = self._connection.trailers
        return piece[:size]

    def close(self) -> None:
        """A kept exchange may still be read: there is nothing that was not read already."""
        self._error = self._error or ClientDisconnected("the answer is over")


class BlockingHttpConnector(HttpCore):
    """What the connections of one process share. Any thread may call ``serve``."""

    __slots__ = ("_connections", "_of_thread", "is_aborting", "stop_fd")

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        listeners: Sequence[AnsweredListener] = (),
        prefix: str = "",
    ) -> None:
        super().__init__(handler, settings, listeners, prefix)
        self.is_aborting = False
        self.stop_fd = -1
        self._of_thread = threading.local()
        self._connections: set[BlockingConnection] = set()

    def __repr__(self) -> str:
        stopping = ", stopping" if self.is_stopping else ""
        return f"<BlockingHttpConnector {len(self._connections)} connections{stopping}>"

    def attach(self, stop_fd: int) -> None:
        """stop_fd becomes readable when the server stops. Called once, before connections are served."""
        self.stop_fd = stop_fd

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def heads_of_thread(self) -> HeadParser:
        """That of the calling thread: two that parse at once would get each other's header lines."""
        heads: HeadParser | None = getattr(self._of_thread, "heads", None)
        if heads is None:
            self._of_thread.heads = heads = HeadParser(self.settings)
        return heads

    def serve(self, sock: socket.socket, watch: Watch) -> None:
        """Serve a connection until its end, in this thread. sock must not block."""
        connection = BlockingConnection(self, sock, watch)
        self._connections.add(connection)
        connection.serve()

    def forget(self, connection: BlockingConnection) -> None:
        self._connections.discard(connection)

    def deliver(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        cast(BlockingConnection, exchange.connection).deliver(exchange, data, is_last)

    def drain(self) -> None:
        """Say with every answer from now on that its connection ends. Any thread may call it."""
        self.is_draining = True
        for connection in list(self._connections):
            connection.may_stay_open = False

    def begin_stop(self) -> None:
        """Take no further requests; answers that are due still leave. For a signal handler too."""
        self.is_stopping = True
        for connection in list(self._connections):
            connection.may_stay_open = False

    def abort(self) -> None:
        """Break off whatever is still open."""
        self.is_aborting = True
        for connection in list(self._connections):
            connection.abort()
