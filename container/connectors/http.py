"""HTTP/1.x on an event loop: connections, their limits and timeouts, and the Exchange of each request.

    transport ─ bytes ─> HttpConnection ─ RequestParser ─> HttpExchange ─> handler.begin  (loop's thread)
                                                              └─ executor ─> handler.handle  (request thread)
    transport <─ bytes ─ HttpConnection <─ outbox ─ write, finish

Which thread: connections, and all that touches a transport, belong to the loop's thread. An exchange belongs
to the thread that handles it; what it sends goes into the connector's outbox, which the loop empties once for
all the answers that have come together. So it is with small answers of the loop's own thread, which never
blocks.

http_exchange.py has the exchange, which also blocking connections use, http_connection.py the connection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import get_ident

from container.config import Settings
from container.connectors.http_connection import HttpConnection
from container.connectors.http_exchange import FilePart, HttpCore, HttpExchange, Phase
from container.mpm.executor import PATIENCE_S, Executor, Task
from container.mpm.scoreboard import Activity
from container.protocols.exchange import Handler
from container.protocols.http1 import HeadParser
from container.trace import AnsweredListener

__all__ = ["FilePart", "HttpConnection", "HttpConnector", "HttpExchange", "Phase"]

_log = logging.getLogger("container.http")

_RETRY_AFTER_S = 1
_MOST_GATHERED = 64  # requests that are handed over together
_SMALL_BYTES = 16 * 1024  # of an answer that waits for others, so that their clients are woken together


class HttpConnector(HttpCore):
    """What the connections of one loop share.

    ``attach`` it to a loop; each call of ``new_connection`` makes a protocol for one accepted socket. Whoever
    runs the loop calls ``sweep`` about once a second.
    """

    __slots__ = (
        "_connection_total",
        "_connections",
        "_flush_is_scheduled",
        "_gathered",
        "_is_looking",
        "_loop_thread",
        "_outbox",
        "_ready",
        "_requests",
        "executor",
        "heads",
        "loop",
        "on_closed",
        "stop_grace_s",
    )

    loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        executor: Executor,
        listeners: Sequence[AnsweredListener] = (),
        prefix: str = "",
    ) -> None:
        super().__init__(handler, settings, listeners, prefix)
        self.executor = executor
        self.heads = HeadParser(settings)  # of all connections, as the loop has one thread
        self.on_closed: Callable[[], None] | None = None
        self._connections: set[HttpConnection] = set()
        self._outbox: deque[tuple[HttpExchange, bytes | FilePart | None, bool]] = deque()
        self._flush_is_scheduled = False
        self._ready: list[HttpExchange] = []
        self._gathered = 0  # how many of them there were a turn ago
        self._is_looking = False  # a look at the executor is due
        self._loop_thread = 0
        self._connection_total = 0
        self.stop_grace_s = 0.0
        self._requests = 0  # of connections that have ended

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

    def _make_connection(self) -> HttpConnection:
        return HttpConnection(self, next(self.numbers))

    def new_connection(self) -> HttpConnection:
        self._connection_total += 1
        connection = self._make_connection()
        connection.may_stay_open = not (self.is_stopping or self.is_draining)
        self._connections.add(connection)
        return connection

    def forget(self, connection: HttpConnection) -> None:
        self._connections.discard(connection)
        self._requests += connection.served
        if self.on_closed is not None:
            self.on_closed()

    # From the loop to request threads -------------------------------------------------------------

    def dispatch(self, exchange: HttpExchange) -> None:
        """Have exchange handled in a request thread, together with all that arrive before the loop has rest.

        A thread that is woken wants the GIL, and gets it between any two of the loop's callbacks: to wake one
        for each request would have the two take turns, request by request. Each turn costs more than a short
        request, as the interpreter's memory has to move from one processor's cache to the other's.
        """
        self._ready.append(exchange)
        if len(self._ready) == 1:
            self.loop.call_soon(self._submit_ready)

    def _submit_ready(self) -> None:
        ready = self._ready
        if self._gathered < len(ready) < _MOST_GATHERED:  # the last turn has brought some: so may the next
            self._gathered = len(ready)
            self.loop.call_soon(self._submit_ready)
            return
        self._ready = []
        self._gathered = 0
        submit = self.executor.submit
        for exchange in ready:
            if not submit(exchange.run):
                _log.warning(
                    "%s: 503: no thread is free, the queue is full (--threads, --queue)", exchange.id
                )
                exchange.answer_error(503, [("Retry-After", str(_RETRY_AFTER_S))])
        self._look_soon()

    def run_later(self, task: Task) -> None:
        """Run the rest of a request in a request thread. Any thread may call it."""
        self.executor.submit(task, always=True)
        if not self._is_looking:
            self.call_on_loop(self._look_soon)

    def _look_soon(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self.loop.call_later(PATIENCE_S, self._look)

    def _look(self) -> None:
        self._is_looking = False  # before the look: for what is submitted from now on there is another one
        if self.executor.look():
            self._look_soon()

    # From request threads to the loop -------------------------------------------------------------

    def deliver(self, exchange: HttpExchange, data: bytes | FilePart | None, is_last: bool) -> None:
        """Send data, in the order of the calls. Any thread may call it."""
        if get_ident() != self._loop_thread:
            self._outbox.append((exchange, data, is_last))
            if not self._flush_is_scheduled:
                self._flush_is_scheduled = True
                self.call_on_loop(self._flush)
        elif isinstance(data, bytes) and len(data) <= _SMALL_BYTES:
            self._outbox.append((exchange, data, is_last))
            if not self._flush_is_scheduled:
                self._flush_is_scheduled = True
                self.loop.call_soon(self._flush)
        else:
            if self._outbox:
                self._flush()
            exchange.connection.transmit(exchange, data, is_last)

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
            if not outbox:  # one of them has led to a large answer, which sends the others first
                return
            exchange, data, is_last = outbox.popleft()
            try:
                exchange.connection.transmit(exchange, data, is_last)
            except Exception:  # noqa: BLE001  a broken transport must not cost the batch's other answers
                _log.exception("%s: the answer could not be sent", exchange.id)
                exchange.connection.abort()

    # Called by whoever runs the loop --------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """Do what is due by now_s (time.monotonic())."""
        self.tell_time(now_s)
        for connection in [each for each in self._connections if each.deadline_s <= now_s]:
            connection.on_deadline(now_s)

    def activity(self, most: int) -> Activity:
        """What goes on, with most of the requests that are being answered. In the loop's thread."""
        open_ones = self._connections
        busy = [each for each in open_ones if each.exchange is not None][:most]
        wall_s = time.time() - time.monotonic()
        return Activity(
            connections=self._connection_total,
            requests=self._requests + sum(each.served for each in open_ones),
            open_connections=len(open_ones),
            answering=tuple(
                (wall_s + exchange.started_s, each.number, each.peer[0], exchange.method, exchange.target)
                for each in busy
                if (exchange := each.exchange) is not None
            ),
        )

    def drain(self) -> None:
        """Say with every answer from now on that its connection ends."""
        self.is_draining = True
        for connection in self._connections:
            connection.may_stay_open = False

    def begin_stop(self, grace_s: float = 0.0) -> None:
        """Close what is idle when grace_s are over; then no further requests are taken.

        Answers that are due still leave. A request that its client has sent before it could know is answered.
        """
        self.is_stopping = True
        self.stop_grace_s = grace_s
        for connection in list(self._connections):
            connection.end_soon(grace_s)

    def abort(self) -> None:
        """Break off whatever is still open."""
        for connection in list(self._connections):
            connection.abort()
