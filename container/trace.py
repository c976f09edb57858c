"""The points a request passes, for whoever wants to know: the access log, and the X-ray (learn/xray).

A point costs nothing when nobody listens: one asks ``if listeners:`` before building an Answered. The spans
of a Trace cost nothing either: what records them is put around the parts (connectors/traced.py,
front/traced.py, engine/traced.py) when a server is put together with a Tracer, and is not there without one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

__all__ = [
    "CLIENT", "CONTAINER", "FRONT", "MOST_SPANS", "RECORD_FIELD",
    "Answered", "AnsweredListener", "Fact", "Line", "Span", "Trace", "Tracer", "nanoseconds",
]  # fmt: skip

MOST_SPANS = 400  # of one request in one process
RECORD_FIELD = "X-Was-Record"
"""The header field by which our front tells our container which of its records a request belongs to."""

CLIENT, FRONT, CONTAINER = "client", "front", "container"
"""The lanes: on whose side something happens."""

Fact = str | int | float | bool | None


class Answered(NamedTuple):  # a dataclass would take four times as long to make
    """An answer has left, or was broken off. Reported once for each request, malformed ones included."""

    peer: str
    """The client's address; behind trusted proxies the one that they tell."""
    user: str | None
    time_s: float
    """time.time() when the request's head was complete."""
    duration_s: float
    request_line: bytes
    """As received; empty if nothing could be parsed."""
    status: int
    """0 if the client left before there was one."""
    body_bytes: int
    """Sent body bytes, without the head and the framing."""
    referer: bytes | None
    user_agent: bytes | None
    host: bytes | None
    request_id: str


AnsweredListener = Callable[[Answered], None]


class Line(NamedTuple):
    """A line of a descriptor, or a decorator, that decided something."""

    where: str
    """file:line:column"""
    text: str


class Span:
    """A stretch of a request's life, or a moment of it (then it ends when it begins).

    what is a word of a fixed list, which pages translate; name is whose it is: a filter's, a servlet's.
    """

    __slots__ = ("because", "began_ns", "depth", "ended_ns", "facts", "lane", "name", "what")

    def __init__(
        self,
        lane: str,
        what: str,
        name: str,
        depth: int,
        began_ns: int,
        ended_ns: int | None,
        because: tuple[Line, ...],
        facts: dict[str, Fact],
    ) -> None:
        self.lane = lane
        self.what = what
        self.name = name
        self.depth = depth
        self.began_ns = began_ns
        self.ended_ns = ended_ns  # None while it goes on
        self.because = because
        self.facts = facts

    def __repr__(self) -> str:
        state = "goes on" if self.ended_ns is None else f"{(self.ended_ns - self.began_ns) / 1000:.1f} µs"
        return f"<Span {self.lane}: {self.what} {self.name}, {state}>"


class Trace:
    """What is recorded of one request in one process. Its threads take turns, as those of the request do.

    Times are time.monotonic_ns(), which is the same clock for all processes of a machine. Bounded: spans
    beyond MOST_SPANS are counted, not kept.
    """

    __slots__ = ("_depths", "changes", "dropped", "facts", "id", "is_over", "queued", "spans")

    def __init__(self, id: str) -> None:
        self.id = id
        self.spans: list[Span] = []
        self.facts: dict[str, Fact] = {}
        self.dropped = 0
        self.changes = 0  # only compared with an earlier value
        self.is_over = False
        self.queued: Span | None = None  # while the request waits for a thread
        self._depths = {CLIENT: 0, FRONT: 0, CONTAINER: 0}

    def __repr__(self) -> str:
        return f"<Trace {self.id}, {len(self.spans)} spans>"

    def begin(
        self, lane: str, what: str, name: str = "", because: tuple[Line, ...] = (), **facts: Fact
    ) -> Span:
        depth = self._depths[lane]
        self._depths[lane] = depth + 1
        return self._keep(Span(lane, what, name, depth, time.monotonic_ns(), None, because, facts))

    def end(self, span: Span, **facts: Fact) -> None:
        span.ended_ns = time.monotonic_ns()
        if facts:
            span.facts.update(facts)
        self._depths[span.lane] = span.depth
        self.changes += 1

    def mark(
        self,
        lane: str,
        what: str,
        name: str = "",
        because: tuple[Line, ...] = (),
        began_ns: int | None = None,
        ended_ns: int | None = None,
        **facts: Fact,
    ) -> Span:
        """Keep a moment, the present one if no other is given, or a stretch that is over."""
        began_ns = time.monotonic_ns() if began_ns is None else began_ns
        ended_ns = began_ns if ended_ns is None else ended_ns
        return self._keep(Span(lane, what, name, self._depths[lane], began_ns, ended_ns, because, facts))

    def _keep(self, span: Span) -> Span:
        if len(self.spans) < MOST_SPANS:
            self.spans.append(span)
        else:
            self.dropped += 1
        self.changes += 1
        return span

    def tell(self, **facts: Fact) -> None:
        """Facts about the whole request."""
        self.facts.update(facts)
        self.changes += 1


class Tracer(Protocol):
    """Whoever wants the traces. Any thread may ask."""

    def trace(self, request_id: str) -> Trace:
        """The trace of a request, begun if there is none yet. request_id: Exchange.id."""


def nanoseconds(seconds: float) -> int:
    """A time.monotonic() as a time of a Trace."""
    return int(seconds * 1e9)
