"""HttpExchange: one HTTP/1.x request and its answer, whatever carries the bytes.

    HttpConnection (loop), BlockingConnection (thread) = Carrier <── HttpExchange <── handler
                                                            └─> HttpCore: what a connector's connections share

Which thread: an exchange belongs to the thread that handles it. What it sends goes through its connector's
``deliver``, which gets it to the thread that owns the connection.
"""

from __future__ import annotations

import enum
import itertools
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import BinaryIO, NamedTuple, Protocol

from container.config import Settings
from container.connectors.request_body import CollectedBody, RequestBody
from container.errors import ProtocolError
from container.protocols.exchange import (
    ClientDisconnected,
    Connection,
    FrontFacts,
    Handler,
    Headers,
    RawHeaders,
)
from container.protocols.http1 import (
    PLAIN_ANSWER,
    PLAIN_STATUS_LINES,
    Framing,
    HeaderLines,
    HttpDate,
    RequestHead,
    answer_head,
    chunk,
    frame_answer,
    header_line,
    keeps_alive,
    last_chunk,
    own_length,
    status_line,
)
from container.trace import Answered, AnsweredListener

__all__ = ["Carrier", "FilePart", "HttpCore", "HttpExchange", "Phase", "log_refusal", "unreadable_head"]

_log = logging.getLogger("container.http")


class Phase(enum.Enum):
    """What a connection is doing, and so what its deadline means."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    """The head of a request has begun."""
    BODY = enum.auto()
    """A request's body is not complete; its answer may already be on the way."""
    ANSWER = enum.auto()
    TUNNEL = enum.auto()
    """Not HTTP any more: bytes pass as they are, in both directions."""
    LINGER = enum.auto()
    """The last answer is out; what still comes is thrown away, so that the client can read the answer."""
    CLOSING = enum.auto()
    """No more is read; closed when all has been sent."""
    CLOSED = enum.auto()


# An attribute of an enum costs as much as a call: what every request passes uses these.
_BODY, _ANSWER = Phase.BODY, Phase.ANSWER
_NONE, _LENGTH, _CHUNKED, _CLOSE = Framing


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


class Carrier(Connection, Protocol):
    """What an exchange, and whoever delivers what it sends, need of its connection."""

    exchange: HttpExchange | None
    """The one that is being answered; the connection serves one at a time."""
    has_ended: bool
    """The client sends no more."""
    may_stay_open: bool
    """For another request, after this one."""
    phase: Phase

    @property
    def connector(self) -> HttpCore: ...

    def body_is_open(self) -> bool:
        """Whether some of the request's body is still to come, now that nobody is going to read it."""

    def open_body(self, exchange: HttpExchange) -> RequestBody | None:
        """The body of an exchange for which begin said DONE, once it is wanted; None: there is none."""

    def watch_end(self) -> None:
        """Somebody wants to know when the client leaves. Called in the exchange's thread."""

    def open_tunnel(self, exchange: HttpExchange) -> RequestBody:
        """The exchange has answered 101: its body is whatever the client sends from now on."""

    def transmit(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        """Send data, in order; None breaks the answer off. In the connection's own thread."""

    def has_room(self, exchange: HttpExchange) -> bool:
        """Whether more may be sent. Any thread may ask."""

    def when_room(self, exchange: HttpExchange, callback: Callable[[], object]) -> None:
        """Have callback called when there is. Any thread may ask."""

    def wait_for_room(self, exchange: HttpExchange) -> None:
        """Wait until there is. Raises ClientDisconnected."""

    def run_later(self, task: Callable[[], None]) -> None:
        """Run task in a thread that may block, when one is free; any thread may ask."""

    def released(self, exchange: HttpExchange) -> None:
        """Called when exchange, which was suspended, is released; by any thread."""

    def abort(self) -> None:
        """Break the connection off."""


class HttpCore(ABC):
    """What all connections of one connector share, whatever carries their bytes.

    Given a handler, it knows neither a front nor a container.
    """

    __slots__ = (
        "_date",
        "_proxies",
        "date_line",
        "handle",
        "handler",
        "header_lines",
        "is_draining",
        "is_stopping",
        "listeners",
        "now_s",
        "numbers",
        "prefix",
        "settings",
        "work_folder",
    )

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        listeners: Sequence[AnsweredListener] = (),
        prefix: str = "",
    ) -> None:
        """Prefix: what makes the ids of this process's connections differ from those of its siblings."""
        self.handler = handler
        self.handle = handler.handle
        self.settings = settings
        self.listeners = listeners
        self.work_folder = str(settings.work) if settings.work else None
        self._proxies = None  # whose word on the client's address the listeners get
        if listeners and settings.trusted_proxies:
            from container.protocols.forwarded import TrustedProxies  # only where there are proxies

            self._proxies = TrustedProxies(settings.trusted_proxies, settings.forwarded_headers)
        self.header_lines = HeaderLines()
        self.numbers = itertools.count(1)  # of connections
        self.prefix = prefix
        self.is_draining = (
            False  # soon no more requests should come: each answer is the last of its connection
        )
        self.is_stopping = False
        self._date = HttpDate()
        self.tell_time(time.monotonic())

    @abstractmethod
    def deliver(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        """Have data transmitted, in the order of the calls. Any thread may call it."""

    def tell_time(self, now_s: float) -> None:
        """Once a second or more often: good enough for deadlines and the Date field."""
        self.now_s = now_s
        self.date_line = self._date.line(time.time())

    def report(self, exchange: HttpExchange) -> None:
        """Tell the listeners how an exchange has ended."""
        if not self.listeners:
            return
        duration_s = time.monotonic() - exchange.started_s
        head = exchange.head
        host, referer, user_agent = head.sender
        peer = exchange.connection.peer[0]
        if self._proxies is not None:
            claim = self._proxies.read(peer, exchange.headers)
            peer = claim.client.address if claim and claim.client else peer
        answered = Answered(
            peer=peer,
            user=exchange.user,
            time_s=time.time() - duration_s,
            duration_s=duration_s,
            request_line=head.request_line,
            status=exchange.status if exchange.framing else 0,
            body_bytes=exchange.body_bytes,
            referer=referer,
            user_agent=user_agent,
            host=host,
            request_id=exchange.id,
        )
        for listener in self.listeners:
            listener(answered)


class HttpExchange:
    """One HTTP request and its answer. protocols/exchange.py says what each member promises."""

    front: FrontFacts | None = None

    __slots__ = (
        "_callbacks",
        "_declared",
        "_delivered",
        "_lines",
        "_may_stay",
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
        "is_released",
        "keep_alive",
        "method",
        "started_s",
        "status",
        "target",
        "user",
        "version",
    )

    def __init__(self, connection: Carrier, head: RequestHead, number: int, started_s: float) -> None:
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
        self.is_released = False
        self.flushed = 0  # of _delivered, what the transport has; counted by the loop
        self._delivered = 0  # bytes handed to the loop; counted by the request's thread
        self._number = number
        self._lines = b""
        self._reason = ""
        self._declared: int | None = None
        self._may_stay: bool | None = None  # for another request, by what the answer says
        self._suspension: Suspension | None = None
        self._callbacks: list[Callable[[], None]] | None = None

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"started {self.status}" if self.status else "not started"
        return f"<HttpExchange {self.id} {self.method} {self.target!r}, {state}>"

    @property
    def id(self) -> str:
        return f"{self.connection.id}-{self._number}"

    @property
    def is_suspended(self) -> bool:
        """Whether it was ever; other threads may answer then."""
        return self._suspension is not None

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

    def read_soon(self, size: int = 65536) -> bytes | None:
        body = self.body or self.connection.open_body(self)
        return body.read_soon(size) if body else b""

    def when_readable(self, callback: Callable[[], object]) -> None:
        if self.body is None:
            callback()
        else:
            self.body.when_readable(callback)

    def collect_body(self) -> None:
        body = self.body
        if body is not None and not isinstance(body, CollectedBody):
            connector = self.connection.connector
            collected = CollectedBody(connector.settings.body_memory_bytes, connector.work_folder)
            try:
                while piece := body.read(65536):
                    collected.add(piece)
            except BaseException:
                collected.close()
                raise
            collected.complete(body.trailers or [])
            self.body = collected

    # The answer -----------------------------------------------------------------------------------

    def start(self, status: int, headers: Headers, reason: str = "") -> None:
        if self.framing is not None:
            raise RuntimeError("the head of this answer has been sent already")
        header_lines = self.connection.connector.header_lines
        self._lines, self._declared, self._may_stay = header_lines.make(headers)
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
            and keeps_alive(self.head, status, framing, self._may_stay)
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
        self.connection.when_room(self, callback)

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
        length = len(data)
        if (
            self.framing is None
            and (self._declared is None or self._declared == length)
            and trailers is None
            and (line := PLAIN_STATUS_LINES.get(self.status)) is not None
            and self.head.keep_alive
            and self.version == "HTTP/1.1"
            and self.method != "HEAD"
            and not self._reason
            and self._may_stay is not False
            and connection.may_stay_open
            and connection.phase is _ANSWER
        ):  # what nearly every answer is; the same as below, with nothing left to decide
            self.framing = _LENGTH
            self.keep_alive = self.finished = True
            self._callbacks = None
            self._declared = self.body_bytes = length
            connector = connection.connector
            answer = PLAIN_ANSWER % (line, self._lines, length, connector.date_line, data)
            connector.deliver(self, answer, True)
            return
        if self.framing is None:
            head = self._make_head(None if trailers and self.can_send_trailers else length)
        else:
            head = b""
        framing = self.framing
        if framing is _LENGTH and not self.body_bytes and length == self._declared:
            self.body_bytes = length
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
        self._callbacks = None  # they know the exchange: a circle would be left
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
            self._callbacks = None
            self.connection.connector.deliver(self, None, True)

    def inform(self, status: int, headers: Headers) -> None:
        if self.version == "HTTP/1.1" and self.framing is None:
            lines = b"".join([header_line(*header) for header in headers])
            self._deliver(status_line(status) + lines + b"\r\n")

    def upgrade(self, headers: Headers) -> None:
        connection = self.connection
        lines, _, _ = connection.connector.header_lines.make(headers)
        self.status = 101
        self.framing = _CLOSE  # what is written from now on goes out as it is
        self.keep_alive = False
        self._deliver(status_line(101) + lines + b"Connection: upgrade\r\n\r\n")
        self.body = connection.open_tunnel(self)

    def answer_error(self, status: int, headers: Headers = (), text: str = "") -> None:
        """The connector's own answer, for when the handler cannot give one. text goes on after the status."""
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Error"
        self.start(status, [("Content-Type", "text/plain"), *headers])
        self.finish(f"{status} {phrase}\n{text}".encode("ascii"))

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
            self.connection.run_later(lambda: self._run_tasks(suspension))

    def release(self) -> None:
        self._callbacks = None
        if not self.finished:
            _log.error("%s: the handler has ended without an answer", self.id)
            self.abort()
        self.is_released = True
        self.connection.released(self)

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
            self.connection.watch_end()
        self._callbacks.append(callback)
        if self.connection.exchange is not self or self.connection.has_ended:
            self.disconnected()

    def disconnected(self) -> None:
        """Tell whoever wants to know; each callback is called once."""
        callbacks, self._callbacks = self._callbacks, None
        if callbacks and not self.finished:
            for callback in callbacks:
                self.connection.run_later(callback)


def log_refusal(connection: Connection, error: ProtocolError) -> None:
    if error.setting:
        flag = "--" + error.setting.replace("_", "-")
        _log.warning("%s: answered %d: %s; the limit is %s", connection.id, error.status, error.reason, flag)
    else:
        _log.info("%s: answered %d: %s", connection.id, error.status, error.reason)


def unreadable_head(received: bytes, settings: Settings) -> RequestHead:
    """Stand in for what is not a request, so that its refusal is an answer like others."""
    line = received.partition(b"\r\n")[0]
    head = RequestHead()
    head.method = "HEAD" if line.startswith(b"HEAD ") else ""
    head.request_line = line[: settings.max_request_line_bytes]
    head.target = b""
    head.version = "HTTP/1.1"
    head.headers = []
    head.content_length = None
    head.chunked = head.keep_alive = head.expects_continue = False
    return head
