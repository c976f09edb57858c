"""Record how an exchange is accepted, waits for a thread and is answered: a Handler around another one.

    connector ──> TracedHandler ──> front or container, with a TracedExchange
    connector ──> TracedHandler.answered (how it has ended)

Only there when a server is put together with a Tracer.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, cast

from container.protocols.exchange import Begin, Exchange, Handler, Headers
from container.trace import CLIENT, CONTAINER, FRONT, RECORD_FIELD, Answered, Trace, Tracer, nanoseconds

__all__ = ["TracedExchange", "TracedHandler", "server_timing"]

_FIELD = RECORD_FIELD.lower().encode("ascii")
_MOST_TARGET = 2048  # characters of a request's target that are kept
# What Server-Timing calls it.
_METRICS = {
    "queue": "queue",
    "decide": "front",
    "map": "map",
    "security": "security",
    "session-load": "session",
    "filter": "filters",
    "servlet": "servlet",
}


class TracedHandler:
    """An exchange.Handler around another one, and an AnsweredListener (answered)."""

    def __init__(self, handler: Handler, tracer: Tracer, *, lane: str = FRONT, joins: bool = False) -> None:
        """joins: our own front is before us, and says to which of its records a request belongs.

        From anybody else that is not believed. lane: whose side this process is on.
        """
        self._handler = handler
        self._tracer = tracer
        self._lane = lane
        self._joins = joins
        self._is_alone = lane == CONTAINER and not joins
        self._local = _Threads()

    def __repr__(self) -> str:
        return f"<TracedHandler {self._handler!r}>"

    def begin(self, exchange: Exchange) -> Begin:
        trace = self._tracer.trace(exchange.id)
        lane = self._lane
        connection = exchange.connection
        if self._joins:
            trace.facts["joins"] = _take_field(exchange)
        trace.tell(
            method=exchange.method,
            target=exchange.target[:_MOST_TARGET].decode("latin-1"),
            version=exchange.version,
            received_s=time.time() - (time.monotonic() - exchange.started_s),
        )
        trace.mark(
            lane,
            "accepted",
            began_ns=nanoseconds(exchange.started_s),
            pid=os.getpid(),
            connection=connection.id,
            protocol=connection.protocol,
            secure=connection.secure,
            peer=_shown(connection.peer),
        )
        span = trace.begin(lane, "decide" if lane == FRONT else "begin")
        decision = self._handler.begin(_traced(exchange, trace, lane))
        trace.end(span, decision=decision.name.lower())
        if decision is not Begin.DONE:
            trace.queued = trace.begin(lane, "queue", body=bool(exchange.content_length) or None)
        return decision

    def handle(self, exchange: Exchange) -> None:
        trace = self._tracer.trace(exchange.id)
        if trace.queued is not None:
            trace.end(trace.queued)
            trace.queued = None
        self._local.requests += 1
        trace.mark(
            CONTAINER,
            "thread",
            threading.current_thread().name,
            new=self._local.requests == 1,
            requests=self._local.requests,
        )
        self._handler.handle(_traced(exchange, trace, self._lane))
        if self._is_alone:
            trace.is_over = True  # a server of somebody else does not tell

    def answered(self, answered: Answered) -> None:
        """An AnsweredListener: the answer is with the kernel."""
        trace = self._tracer.trace(answered.request_id)
        if not trace.spans:
            self._refused(trace, answered)
        elif trace.queued is not None:  # no thread was free, or the client has gone
            trace.end(trace.queued, handled=False)
            trace.queued = None
        now_ns = time.monotonic_ns()
        began_ns = trace.spans[0].began_ns
        trace.mark(
            self._lane, "answered", began_ns=now_ns, status=answered.status, body_bytes=answered.body_bytes
        )
        if self._lane == FRONT:
            trace.mark(CLIENT, "waits", began_ns=began_ns, ended_ns=now_ns, status=answered.status)
        trace.is_over = True
        trace.tell(status=answered.status, user=answered.user, duration_us=answered.duration_s * 1e6)

    def _refused(self, trace: Trace, answered: Answered) -> None:
        """The connector itself has answered: what has come is no request, or it exceeds a limit."""
        method, _, rest = answered.request_line.decode("latin-1").partition(" ")
        target = rest.rpartition(" ")[0] or rest
        trace.tell(method=method, target=target[:_MOST_TARGET], received_s=answered.time_s, by="front")
        began_ns = time.monotonic_ns() - nanoseconds(answered.duration_s)
        trace.mark(self._lane, "accepted", began_ns=began_ns, pid=os.getpid(), peer=answered.peer)
        trace.mark(self._lane, "refused", status=answered.status)


def _traced(exchange: Exchange, trace: Trace, lane: str) -> Exchange:
    return cast(Exchange, TracedExchange(exchange, trace, lane))  # the rest is there by __getattr__


class _Threads(threading.local):
    requests = 0
    """How many the calling thread has run."""


class TracedExchange:
    """An Exchange around another one that records when the answer is begun, and says Server-Timing."""

    __slots__ = ("_exchange", "_lane", "_trace", "finish", "id", "write", "write_soon")

    def __init__(self, exchange: Exchange, trace: Trace, lane: str) -> None:
        self._exchange = exchange
        self._trace = trace
        self._lane = lane
        self.id = exchange.id
        # Often called: past __getattr__.
        self.write, self.write_soon, self.finish = exchange.write, exchange.write_soon, exchange.finish

    def __repr__(self) -> str:
        return f"<TracedExchange of {self._exchange!r}>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    @property
    def user(self) -> str | None:
        return self._exchange.user

    @user.setter
    def user(self, user: str | None) -> None:
        self._exchange.user = user

    def start(self, status: int, headers: Headers, reason: str = "") -> None:
        trace = self._trace
        lane = CONTAINER if any(span.lane == CONTAINER for span in trace.spans) else self._lane
        trace.mark(lane, "commit", status=status)
        trace.facts["status"] = status
        timed = [*headers, ("Server-Timing", server_timing(trace))]
        self._exchange.start(status, timed, reason)


def server_timing(trace: Trace) -> str:
    """What is known of a request now, in milliseconds (W3C Server Timing).

    All of it is "total" where the client asks, and "container" in a container behind our front: a client sees
    the fields of both.
    """
    now_ns = time.monotonic_ns()
    sums: dict[str, int] = {}
    until: dict[str, int] = {}  # up to where a metric is counted: what lies inside is not counted again
    for span in trace.spans:
        metric = _METRICS.get(span.what)
        if metric is None or span.began_ns < until.get(metric, 0):
            continue
        ended_ns = now_ns if span.ended_ns is None else span.ended_ns
        took_ns = ended_ns - span.began_ns
        until[metric] = ended_ns
        sums[metric] = sums.get(metric, 0) + took_ns
        if metric == "servlet" and span.began_ns < until.get("filters", 0):
            sums["filters"] -= took_ns
    everything = "container" if trace.facts.get("joins") else "total"
    sums[everything] = now_ns - trace.spans[0].began_ns if trace.spans else 0
    return ", ".join(f"{name};dur={took_ns / 1e6:.3f}" for name, took_ns in sums.items())


def _take_field(exchange: Exchange) -> str | None:
    """The id of the front's record; the field is removed, as the web apps need not see it."""
    found = [value for name, value in exchange.headers if name.lower() == _FIELD]
    if not found:
        return None
    cast(Any, exchange).headers = [pair for pair in exchange.headers if pair[0].lower() != _FIELD]
    return found[-1].decode("latin-1")


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}" if host else "unix"
