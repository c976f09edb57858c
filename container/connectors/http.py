"""HTTP/1.x on an event loop: connections, their limits and timeouts, and the Exchange of each request.

    transport ─ bytes ─> HttpConnection ─ RequestParser ─> HttpExchange ─> handler.begin  (loop's thread)
                                                              └─ executor ─> handler.handle  (request thread)
    transport <─ bytes ─ HttpConnection <─ outbox ─ write, finish

Which thread: connections, and all that touches a transport, belong to the loop's thread. An exchange belongs
to the thread that handles it; what it sends goes into the connector's outbox, which the loop empties once for
all the answers that have come together. On the loop's own thread the outbox is bypassed, and nothing blocks.

A connection serves one request at a time. What its client sends ahead stays unparsed and, beyond a bound,
unread.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import logging
import math
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from threading import get_ident
from typing import BinaryIO, NamedTuple, cast

from container.config import Settings
from container.connectors.file_sender import FileSender
from container.connectors.request_body import CollectedBody, RequestBody, StreamedBody
from container.errors import ProtocolError
from container.mpm.executor import Executor
from container.protocols.exchange import Begin, ClientDisconnected, Handler, Headers, RawHeaders
from container.protocols.http1 import (
    CONTINUE,
    PLAIN_STATUS_LINES,
    Framing,
    HeaderLines,
    HeadParser,
    HttpDate,
    RequestHead,
    RequestParser,
    answer_head,
    chunk,
    frame_answer,
    header_line,
    keeps_alive,
    last_chunk,
    own_length,
    plain_answer,
    status_line,
)
from container.trace import Answered, AnsweredListener

__all__ = ["HttpConnection", "HttpConnector", "HttpExchange"]

_log = logging.getLogger("container.http")

_LINGER_TOTAL_S = 30.0
_LINGER_PAUSE_S = 5.0
_LINGER_BYTES = 32 * 1024**2
_RATE_GRACE_S = 20.0  # a body may begin slowly
_READ_AHEAD_BYTES = 65536
_RETRY_AFTER_S = 1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class Phase(enum.Enum):
    """What a connection is doing, and so what its deadline means."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    """The head of a request has begun."""
    BODY = enum.auto()
    """A request's body is not complete; its answer may already be on the way."""
    ANSWER = enum.auto()
    LINGER = enum.auto()
    """The last answer is out; what still comes is thrown away, so that the client can read the answer."""
    CLOSING = enum.auto()
    """No more is read; closed when all has been sent."""
    CLOSED = enum.auto()


# An attribute of an enum costs as much as a call: what every request passes uses these.
_IDLE, _HEAD, _BODY, _ANSWER, _LINGER, _CLOSING, _CLOSED = Phase
_NONE, _LENGTH, _CHUNKED, _CLOSE = Framing
_DONE, _BUFFERED, _STREAMED = Begin


class FilePart(NamedTuple):
    """A piece of an answer that is still a file."""

    file: BinaryIO
    offset: int
    size: int


class Suspension:
    """The tasks of an exchange that is answered later: one after the other, in request threads."""

    __slots__ = ("is_running", "lock", "tasks")

    def __init__(self) -> None:
        self.lock = threading.Lock()  # guards both
        self.tasks: deque[Callable[[], None]] = deque()
        self.is_running = True  # suspend is called by a running handler


class HttpExchange:
    """One HTTP request and its answer. protocols/exchange.py says what each member promises."""

    __slots__ = (
        "_callbacks",
        "_close_after",
        "_declared",
        "_delivered",
        "_lines",
        "_number",
        "_reason",
        "_suspension",
        "body",
        "body_bytes",
        "connection",
        "finished",
        "flushed",
        "framing",
        "head",
        "headers",
        "keep_alive",
        "method",
        "started_s",
        "status",
        "target",
        "user",
        "version",
    )

    def __init__(self, connection: HttpConnection, head: RequestHead, number: int, started_s: float) -> None:
        self.connection = connection
        self.head = head
        self.method = head.method
        self.target = head.target
        self.version = head.version
        self.headers = head.headers
        self.started_s = started_s
        self.user: str | None = None
        self.body: RequestBody | None = None
        self.status = 0
        self.framing: Framing | None = None  # decided when the head leaves
        self.keep_alive = False
        self.body_bytes = 0  # of the answer, without its framing
        self.finished = False
        self.flushed = 0  # of _delivered, what the transport has; counted by the loop
        self._delivered = 0  # bytes handed to the loop; counted by the request's thread
        self._number = number
        self._lines = b""
        self._reason = ""
        self._declared: int | None = None
        self._close_after = False
        self._suspension: Suspension | None = None
        self._callbacks: list[Callable[[], None]] | None = None

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"started {self.status}" if self.status else "not started"
        return f"<HttpExchange {self.id} {self.method} {self.target!r}, {state}>"

    @property
    def id(self) -> str:
        return f"{self.connection.id}-{self._number}"

    @property
    def can_send_trailers(self) -> bool:
        return self.version == "HTTP/1.1" and self.method != "HEAD" and self._declared is None

    # The request ----------------------------------------------------------------------------------

    @property
    def content_length(self) -> int | None:
        return self.head.content_length

    @property
    def trailers(self) -> RawHeaders | None:
        return self.body.trailers if self.body else []

    def read(self, size: int = -1) -> bytes:
        return self.body.read(size) if self.body else b""

    def collect_body(self) -> None:
        body = self.body
        if isinstance(body, StreamedBody):
            connector = self.connection.connector
            collected = CollectedBody(connector.settings.body_memory_bytes, connector.work_folder)
            while piece := body.read(65536):
                collected.add(piece)
            collected.complete(body.trailers or [])
            self.body = collected

    # The answer -----------------------------------------------------------------------------------

    def start(self, status: int, headers: Headers, reason: str = "") -> None:
        if self.framing is not None:
            raise RuntimeError("the head of this answer has been sent already")
        header_lines = self.connection.connector.header_lines
        self._lines, self._declared, self._close_after = header_lines.make(headers)
        self._reason = reason
        self.status = status

    def _make_head(self, body_bytes: int | None) -> bytes:
        """The head, framed for body_bytes or for a body of unknown length; from now on it counts as sent."""
        status = self.status
        declared = self._declared
        if not status:
            raise RuntimeError("start has not been called")
        if status == 205:
            self._declared = declared = 0  # RFC 9110 §15.3.6: no body either
        elif declared is None and body_bytes is not None:
            self._declared = declared = own_length(self.method, status, body_bytes)
        self.framing = framing = frame_answer(self.method, self.version, status, declared)
        connection = self.connection
        self.keep_alive = keep_alive = (
            connection.may_stay_open
            and not self._close_after
            and keeps_alive(self.head, status, framing)
            and (connection.phase is not _BODY or not connection.body_is_open())
        )
        return answer_head(
            self.version,
            status,
            self._reason,
            self._lines,
            framing,
            declared,
            keep_alive,
            connection.connector.date_line,
        )

    def _cut(self, data: bytes) -> bytes:
        """What of data belongs to the body: nothing where there is none, no more than was declared."""
        framing = self.framing
        if framing is _NONE:
            return b""
        if framing is _LENGTH:
            room = (self._declared or 0) - self.body_bytes
            if len(data) > room:
                _log.warning(
                    "%s: the answer is longer than its Content-Length %s and has been cut",
                    self.id,
                    self._declared,
                )
                data = data[:room]
        self.body_bytes += len(data)
        return data

    def write(self, data: bytes) -> None:
        self._write(data)
        self.connection.wait_for_room(self)

    def write_soon(self, data: bytes) -> bool:
        self._write(data)
        return self.connection.has_room(self)

    def when_writable(self, callback: Callable[[], object]) -> None:
        connection = self.connection
        connection.connector.call_on_loop(lambda: connection.tell_room(self, callback))

    def _write(self, data: bytes) -> None:
        head = b"" if self.framing else self._make_head(None)
        if self.finished:
            raise RuntimeError("this answer has been finished already")
        data = self._cut(data)
        self._deliver(head + (chunk(data) if self.framing is _CHUNKED else data))

    def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        try:
            head = b"" if self.framing else self._make_head(None)
            if self.framing is _LENGTH:
                count = min(count, (self._declared or 0) - self.body_bytes)
            if self.framing is _NONE or not count:
                file.close()
                self._deliver(head)
                return
        except BaseException:
            file.close()
            raise
        self.body_bytes += count
        is_chunked = self.framing is _CHUNKED
        self._deliver(head + (b"%x\r\n" % count if is_chunked else b""))
        self._deliver(FilePart(file, offset, count))
        if is_chunked:
            self._deliver(b"\r\n")
        self.connection.wait_for_room(self)

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        if self.finished:
            return
        connection = self.connection
        if (
            self.framing is None
            and self._declared is None
            and trailers is None
            and (line := PLAIN_STATUS_LINES.get(self.status)) is not None
            and self.head.keep_alive
            and self.version == "HTTP/1.1"
            and self.method != "HEAD"
            and not self._reason
            and not self._close_after
            and connection.may_stay_open
            and connection.phase is _ANSWER
        ):  # what nearly every answer is; the same as below, with nothing left to decide
            self.framing = _LENGTH
            self.keep_alive = self.finished = True
            self._declared = self.body_bytes = length = len(data)
            connector = connection.connector
            connector.deliver(self, plain_answer(line, self._lines, length, connector.date_line, data), True)
            return
        if self.framing is None:
            head = self._make_head(None if trailers and self.can_send_trailers else len(data))
        else:
            head = b""
        framing = self.framing
        if framing is _LENGTH and not self.body_bytes and len(data) == self._declared:
            self.body_bytes = len(data)
        elif data:
            data = self._cut(data)
        if framing is _CHUNKED:
            data = chunk(data) + last_chunk(trailers or ())
        elif framing is _LENGTH and self.body_bytes < (self._declared or 0):
            _log.warning(
                "%s: the answer has %d of the %s bytes of its Content-Length; the connection is closed",
                self.id,
                self.body_bytes,
                self._declared,
            )
            self.keep_alive = False
        self.finished = True
        connection.connector.deliver(self, head + data if data else head, True)

    def _deliver(self, data: bytes | FilePart) -> None:
        connection = self.connection
        if connection.exchange is not self:
            if isinstance(data, FilePart):
                data.file.close()
            raise ClientDisconnected(f"{self.id}: the client has gone")
        self._delivered += data.size if isinstance(data, FilePart) else len(data)
        connection.connector.deliver(self, data, False)

    @property
    def unsent(self) -> int:
        return self._delivered - self.flushed

    def abort(self) -> None:
        if not self.finished:
            self.finished = True
            self.connection.connector.deliver(self, None, True)

    def inform(self, status: int, headers: Headers) -> None:
        if self.version == "HTTP/1.1" and self.framing is None:
            lines = b"".join([header_line(*header) for header in headers])
            self._deliver(status_line(status) + lines + b"\r\n")

    def answer_error(self, status: int, headers: Headers = ()) -> None:
        """The connector's own answer, for when the handler cannot give one."""
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Error"
        self.start(status, [("Content-Type", "text/plain"), *headers])
        self.finish(f"{status} {phrase}\n".encode("ascii"))

    # In a request thread --------------------------------------------------------------------------

    def run(self) -> None:
        """What the executor is given."""
        try:
            self.connection.connector.handle(self)
        except BaseException as error:  # noqa: BLE001  foreign code: whatever it is ends this request only
            self.fail(error)
        if self._suspension is not None:
            self._run_tasks(self._suspension)
        elif not self.finished:
            _log.error("%s: the handler returned without an answer", self.id)
            self.abort()

    def fail(self, error: BaseException) -> None:
        if isinstance(error, ClientDisconnected):
            _log.debug("%s: the client has gone", self.id)
            self.abort()
            return
        _log.error("%s: %s %s failed", self.id, self.method, self.target.decode("latin-1"), exc_info=error)
        if self.framing is None and not self.finished:
            self.answer_error(500)
        else:
            self.abort()

    def suspend(self) -> None:
        if self._suspension is None:
            self._suspension = Suspension()

    def resume(self, task: Callable[[], None]) -> None:
        suspension = self._suspension
        if suspension is None:
            raise RuntimeError("resume without suspend")
        with suspension.lock:
            suspension.tasks.append(task)
            is_first = not suspension.is_running
            suspension.is_running = True
        if is_first:
            self.connection.connector.executor.submit(lambda: self._run_tasks(suspension), always=True)

    def release(self) -> None:
        self._callbacks = None
        if not self.finished:
            _log.error("%s: the handler has ended without an answer", self.id)
            self.abort()

    def _run_tasks(self, suspension: Suspension) -> None:
        while True:
            with suspension.lock:
                if not suspension.tasks:
                    suspension.is_running = False
                    return
                task = suspension.tasks.popleft()
            try:
                task()
            except BaseException as error:  # noqa: BLE001  as above
                self.fail(error)

    # The client leaves ----------------------------------------------------------------------------

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(callback)
        if self.connection.exchange is not self or self.connection.has_ended:
            self.disconnected()

    def disconnected(self) -> None:
        """Tell whoever wants to know; each callback is called once."""
        callbacks, self._callbacks = self._callbacks, None
        if callbacks and not self.finished:
            for callback in callbacks:
                self.connection.connector.executor.submit(callback, always=True)


class HttpConnection(asyncio.Protocol):
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
        "_reading_paused",
        "_room",
        "_room_callbacks",
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

    def __init__(self, connector: HttpConnector, number: int) -> None:
        self.connector = connector
        self.exchange: HttpExchange | None = None
        self.deadline_s = math.inf  # when sweep has to look at this connection
        self.has_ended = False  # the client sends no more
        self.may_stay_open = True  # for another request, after this one
        self.writing_paused = False
        self._number = number
        self._parser = RequestParser(connector.heads, connector.settings)
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

    def __repr__(self) -> str:
        return f"<HttpConnection {self.id} {self.phase.name}, {self._served} requests>"

    # Facts (protocols.exchange.Connection) --------------------------------------------------------

    @property
    def id(self) -> str:
        return str(self._number)

    @property
    def protocol(self) -> str:
        return "http/1.0" if self.exchange and self.exchange.version == "HTTP/1.0" else "http/1.1"

    @property
    def peer(self) -> tuple[str, int]:
        return _address(self._transport.get_extra_info("peername"))

    @property
    def local(self) -> tuple[str, int]:
        return _address(self._transport.get_extra_info("sockname"))

    @property
    def secure(self) -> bool:
        return self._transport.get_extra_info("ssl_object") is not None

    @property
    def tls(self) -> dict[str, object] | None:
        session = self._transport.get_extra_info("ssl_object")
        if session is None:
            return None
        name, version, bits = session.cipher() or (None, None, None)
        certificate = session.getpeercert(binary_form=True)
        return {
            "secure_protocol": session.version() or version,
            "cipher_suite": name,
            "key_size": bits,
            "ssl_session_id": session.session.id.hex() if session.session else None,
            "certificates": [certificate] if certificate else [],
        }

    # Called by the loop: bytes come in ------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(self.connector.settings.send_buffer_bytes)
        self.deadline_s = time.monotonic() + (self.connector.settings.idle_timeout_s or math.inf)

    def data_received(self, data: bytes) -> None:
        if self.phase is _LINGER:
            self._discard(data)
            return
        self._parser.receive(data)
        exchange = self.exchange
        if exchange is None:
            self._next_requests()
        elif self.phase is _BODY and exchange.body is not None:
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
        self.exchange = exchange = HttpExchange(self, head, self._served, now_s)
        if head.has_body:
            self.phase = _BODY
            self._begun_s = self._last_piece_s = now_s
            self._body_bytes = 0
            self.deadline_s = now_s + min(connector.settings.body_timeout_s or math.inf, _RATE_GRACE_S)
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
                exchange.body = StreamedBody(connector.settings.body_memory_bytes, self._reader_waits)
            self.connector.dispatch(exchange)
            if exchange.body is not None and self.exchange is exchange:
                self._pump_body(exchange, exchange.body)

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
        self._log_refusal(error)
        self._pause_reading()
        body.fail(error)
        if isinstance(body, CollectedBody):
            exchange.answer_error(error.status)

    def _reader_waits(self) -> None:
        """Called by the request's thread."""
        self.connector.call_on_loop(self._feed_reader)

    def _feed_reader(self) -> None:
        exchange = self.exchange
        if exchange is None or self.phase is not _BODY:
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
        if self.phase is _BODY and exchange.body is not None:
            if isinstance(exchange.body, CollectedBody):
                self._fail_body(exchange, exchange.body, ProtocolError(400, "the body ends too early"))
            else:
                exchange.body.fail(ClientDisconnected(f"{exchange.id}: the body ends too early"))
        exchange.disconnected()
        return not self.secure

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
        if not exchange.keep_alive or connector.is_stopping:
            self._shut()
            return
        self.phase = _IDLE
        self.deadline_s = connector.now_s + (connector.settings.idle_timeout_s or math.inf)
        if self._reading_paused:
            self._resume_reading()
        if self._parser.waiting or self.has_ended:
            self._next_requests()

    def _refuse_head(self, error: ProtocolError) -> None:
        """Answer what is not a request."""
        self._log_refusal(error)
        received = self._parser.waiting.partition(b"\r\n")[0]
        head = RequestHead()
        head.method = "HEAD" if received.startswith(b"HEAD ") else ""
        head.request_line = received[: self.connector.settings.max_request_line_bytes]
        head.target = b""
        head.version = "HTTP/1.1"
        head.headers = []
        head.content_length = None
        head.chunked = head.keep_alive = head.expects_continue = False
        self.exchange = exchange = HttpExchange(self, head, self._served + 1, time.monotonic())
        self.phase = _BODY  # that is how the rest of it is treated
        self.deadline_s = math.inf
        exchange.answer_error(error.status)

    def _log_refusal(self, error: ProtocolError) -> None:
        if error.setting:
            flag = "--" + error.setting.replace("_", "-")
            _log.warning("%s: answered %d: %s; the limit is %s", self.id, error.status, error.reason, flag)
        else:
            _log.info("%s: answered %d: %s", self.id, error.status, error.reason)

    def _break_off(self, exchange: HttpExchange) -> None:
        """End the connection so that the client knows the answer is not complete."""
        self.exchange = None
        self._drop_file()
        if exchange.body is not None:
            exchange.body.close()
        self.connector.report(exchange)
        if exchange.framing is _CLOSE:  # here a regular end of the connection would be the end of the answer
            if sock := self._transport.get_extra_info("socket"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
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
        elif self.phase is _ANSWER:
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

    # Deadlines ------------------------------------------------------------------------------------

    def on_deadline(self, now_s: float) -> None:
        if self._file is not None or self._transport.get_write_buffer_size():
            self._check_sending(now_s)
        elif self.phase is _BODY:
            self._check_body(now_s)
        elif self.phase is _HEAD:
            self._refuse_head(ProtocolError(408, "the head did not come in time", "header_timeout_s"))
        elif self.phase is _IDLE:
            self.close()
        elif self.phase is _ANSWER:
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
        settings = self.connector.settings
        exchange = self.exchange
        if exchange is None or exchange.body is None or self._reading_paused:
            self._begun_s = self._last_piece_s = now_s  # the client waits for us
            self._body_bytes = 0
            return
        elapsed_s = now_s - self._begun_s
        if now_s - self._last_piece_s >= (settings.body_timeout_s or math.inf):
            error = ProtocolError(408, "the body stopped coming", "body_timeout_s")
        elif elapsed_s >= _RATE_GRACE_S and self._body_bytes < settings.min_body_rate * elapsed_s:
            error = ProtocolError(408, f"{self._body_bytes} bytes in {elapsed_s:.0f} s", "min_body_rate")
        else:
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

    def close_if_idle(self) -> None:
        """The server stops: no further request is taken from this connection."""
        self.may_stay_open = False
        if self.phase is _IDLE:
            self.close()

    def abort(self) -> None:
        self._transport.abort()

    def _shut(self) -> None:
        """After the last answer. Closing with bytes unread would be a reset, which can destroy the answer."""
        if self.has_ended or not (self.phase is _BODY or self._parser.waiting):
            self.close()
            return
        self.phase = _LINGER
        now_s = time.monotonic()
        self._linger_end_s = now_s + _LINGER_TOTAL_S
        self.deadline_s = now_s + _LINGER_PAUSE_S
        self._body_bytes = 0
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume_reading()

    def _discard(self, data: bytes) -> None:
        self._body_bytes += len(data)
        self.deadline_s = min(time.monotonic() + _LINGER_PAUSE_S, self._linger_end_s)
        if self._body_bytes > _LINGER_BYTES:
            self.close()


def _address(name: object) -> tuple[str, int]:
    """IPv6 names have four parts, Unix sockets are one string."""
    return (name[0], name[1]) if isinstance(name, tuple) else ("", 0)


class HttpConnector:
    """What the connections of one loop share. Given a handler, it knows neither a front nor a container.

    ``attach`` it to a loop; each call of ``new_connection`` makes a protocol for one accepted socket. Whoever
    runs the loop calls ``sweep`` about once a second.
    """

    __slots__ = (
        "_connections",
        "_date",
        "_flush_is_scheduled",
        "_loop_thread",
        "_numbers",
        "_outbox",
        "_proxies",
        "_ready",
        "date_line",
        "executor",
        "handle",
        "handler",
        "header_lines",
        "heads",
        "is_stopping",
        "listeners",
        "loop",
        "now_s",
        "on_closed",
        "settings",
        "work_folder",
    )

    loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        executor: Executor,
        listeners: Sequence[AnsweredListener] = (),
    ) -> None:
        self.handler = handler
        self.handle = handler.handle
        self.settings = settings
        self.executor = executor
        self.listeners = listeners
        self.work_folder = str(settings.work) if settings.work else None
        self._proxies = None  # whose word on the client's address the listeners get
        if listeners and settings.trusted_proxies:
            from container.protocols.forwarded import TrustedProxies  # only where there are proxies

            self._proxies = TrustedProxies(settings.trusted_proxies, settings.forwarded_headers)
        self.heads = HeadParser(settings)
        self.header_lines = HeaderLines()
        self._date = HttpDate()
        self.date_line = self._date.line(time.time())  # a second old at most, like the sweeps
        self.is_stopping = False
        self.now_s = time.monotonic()  # of the last sweep or batch: good enough for deadlines
        self.on_closed: Callable[[], None] | None = None
        self._numbers = itertools.count(1)
        self._connections: set[HttpConnection] = set()
        self._outbox: deque[tuple[HttpExchange, bytes | FilePart | None, bool]] = deque()
        self._flush_is_scheduled = False
        self._ready: list[HttpExchange] = []
        self._loop_thread = 0

    def __repr__(self) -> str:
        return (
            f"<HttpConnector {len(self._connections)} connections{', stopping' if self.is_stopping else ''}>"
        )

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called once, in the thread that runs the loop."""
        self.loop = loop
        self._loop_thread = get_ident()

    def is_on_loop(self) -> bool:
        return get_ident() == self._loop_thread

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def new_connection(self) -> HttpConnection:
        connection = HttpConnection(self, next(self._numbers))
        connection.may_stay_open = not self.is_stopping
        self._connections.add(connection)
        return connection

    def forget(self, connection: HttpConnection) -> None:
        self._connections.discard(connection)
        if self.on_closed is not None:
            self.on_closed()

    # From the loop to request threads -------------------------------------------------------------

    def dispatch(self, exchange: HttpExchange) -> None:
        """Have exchange handled in a request thread, together with all that arrives in this turn of the loop.

        A thread that is woken wants the GIL, and gets it between any two of the loop's callbacks: to wake one
        for each request would have the two take turns, request by request.
        """
        self._ready.append(exchange)
        if len(self._ready) == 1:
            self.loop.call_soon(self._submit_ready)

    def _submit_ready(self) -> None:
        ready, self._ready = self._ready, []
        submit = self.executor.submit
        for exchange in ready:
            if not submit(exchange.run):
                _log.warning(
                    "%s: 503: no thread is free, the queue is full (--threads, --queue)", exchange.id
                )
                exchange.answer_error(503, [("Retry-After", str(_RETRY_AFTER_S))])

    # From request threads to the loop -------------------------------------------------------------

    def deliver(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        """Send data, in the order of the calls. Any thread may call it."""
        if get_ident() == self._loop_thread:
            if self._outbox:
                self._flush()
            exchange.connection.transmit(exchange, data, is_last)
            return
        self._outbox.append((exchange, data, is_last))
        if not self._flush_is_scheduled:
            self._flush_is_scheduled = True
            self.call_on_loop(self._flush)

    def call_on_loop(self, function: Callable[[], None]) -> None:
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop has been closed: the server has stopped, there is no client left
            _log.debug("A request ended after the server had stopped")

    def _flush(self) -> None:
        self._flush_is_scheduled = False  # before draining: what comes from now on schedules the next one
        self.now_s = time.monotonic()
        outbox = self._outbox
        for _ in range(len(outbox)):
            exchange, data, is_last = outbox.popleft()
            try:
                exchange.connection.transmit(exchange, data, is_last)
            except Exception:  # noqa: BLE001  a broken transport must not cost the batch's other answers
                _log.exception("%s: the answer could not be sent", exchange.id)
                exchange.connection.abort()

    def report(self, exchange: HttpExchange) -> None:
        """Tell the listeners how an exchange has ended."""
        if not self.listeners:
            return
        duration_s = time.monotonic() - exchange.started_s
        referer = user_agent = host = None
        for name, value in exchange.headers:
            field = name.lower()
            if field == b"user-agent":
                user_agent = value
            elif field == b"host":
                host = value
            elif field == b"referer":
                referer = value
        peer = exchange.connection.peer[0]
        if self._proxies is not None:
            claim = self._proxies.read(peer, exchange.headers)
            peer = claim.client.address if claim and claim.client else peer
        answered = Answered(
            peer=peer,
            user=exchange.user,
            time_s=time.time() - duration_s,
            duration_s=duration_s,
            request_line=exchange.head.request_line,
            status=exchange.status if exchange.framing else 0,
            body_bytes=exchange.body_bytes,
            referer=referer,
            user_agent=user_agent,
            host=host,
            request_id=exchange.id,
        )
        for listener in self.listeners:
            listener(answered)

    # Called by whoever runs the loop --------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """Do what is due by now_s (time.monotonic())."""
        self.now_s = now_s
        self.date_line = self._date.line(time.time())
        for connection in [each for each in self._connections if each.deadline_s <= now_s]:
            connection.on_deadline(now_s)

    def begin_stop(self) -> None:
        """Close what is idle and take no further requests; answers that are due still leave."""
        self.is_stopping = True
        for connection in list(self._connections):
            connection.close_if_idle()

    def abort(self) -> None:
        """Break off whatever is still open."""
        for connection in list(self._connections):
            connection.abort()
