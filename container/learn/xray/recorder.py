"""Keep the records of the last requests: a Tracer.

    TracedHandler, TracedContext ... ── trace(id) ──> Recorder ── records ──> page, failing tests
    other processes ── values ──> Recorder.take

What several processes have recorded of one request is one Record.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from container.learn.xray.text import as_text
from container.trace import CLIENT, CONTAINER, FRONT, Trace

__all__ = ["KEPT", "Part", "Record", "Recorder", "part_of"]

KEPT = 500  # requests
_MOST_PARTS = 8  # processes that may say something about one request

_ORDER = {CLIENT: 0, FRONT: 1, CONTAINER: 2}

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What one process has recorded of a request, in values that JSON has."""

    process: str
    """Which one: a container's route, else the process id."""
    id: str
    joins: str | None
    """The id that the front has for the same request."""
    facts: Values
    spans: Sequence[Values]
    dropped: int
    is_over: bool

    def values(self) -> dict[str, Any]:
        return {
            "process": self.process,
            "id": self.id,
            "joins": self.joins,
            "facts": dict(self.facts),
            "spans": list(self.spans),
            "dropped": self.dropped,
            "is_over": self.is_over,
        }

    @classmethod
    def of(cls, values: Values) -> Part:
        """Read what values() has made. Raises LookupError, TypeError or ValueError for anything else."""
        return cls(
            str(values["process"]),
            str(values["id"]),
            None if values["joins"] is None else str(values["joins"]),
            dict(values["facts"]),
            [dict(span) for span in values["spans"]],
            int(values["dropped"]),
            bool(values["is_over"]),
        )


def part_of(trace: Trace, process: str) -> Part:
    spans = [
        {
            "lane": span.lane,
            "what": span.what,
            "name": span.name,
            "depth": span.depth,
            "began_ns": span.began_ns,
            "ended_ns": span.ended_ns,
            "because": [list(line) for line in span.because],
            "facts": {key: value for key, value in list(span.facts.items()) if value is not None},
        }
        for span in list(trace.spans)
    ]
    facts = {key: value for key, value in list(trace.facts.items()) if value is not None}
    joins = facts.pop("joins", None)
    return Part(
        process, trace.id, None if joins is None else str(joins), facts, spans, trace.dropped, trace.is_over
    )


class Record:
    """One request, as all its processes have recorded it so far. Made when asked for; does not change."""

    def __init__(self, id: str, parts: Sequence[Part]) -> None:
        self.id = id
        self.parts = parts
        facts: dict[str, Any] = {}
        for part in reversed(parts):  # the first one is the front's, whose word counts
            facts.update(part.facts)
        self._facts = facts
        self.spans = _together(parts)
        self.began_ns = min((span["began_ns"] for span in self.spans), default=0)
        self.is_over = bool(parts) and parts[0].is_over

    def __repr__(self) -> str:
        return f"<Record {self.id} {self.method} {self.target}: {self.status}>"

    @property
    def method(self) -> str:
        return str(self._facts.get("method", ""))

    @property
    def target(self) -> str:
        return str(self._facts.get("target", ""))

    @property
    def status(self) -> int:
        """0 if there is no answer yet."""
        return int(self._facts.get("status", 0))

    @property
    def duration_us(self) -> float:
        """From the complete head to the end of the answer, or until now."""
        if "duration_us" in self._facts:
            return float(self._facts["duration_us"])
        if any(span["ended_ns"] is None for span in self.spans):
            return (time.monotonic_ns() - self.began_ns) / 1000
        return (max((span["ended_ns"] for span in self.spans), default=self.began_ns) - self.began_ns) / 1000

    def summary(self) -> dict[str, Any]:
        """What a list shows of it."""
        facts = self._facts
        return {
            "id": self.id,
            "method": self.method,
            "target": self.target,
            "status": self.status,
            "duration_us": round(self.duration_us, 1),
            "received_s": facts.get("received_s"),
            "by": facts.get("by", "container"),
            "context": facts.get("context"),
            "processes": [part.process for part in self.parts],
            "is_over": self.is_over,
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, with times in µs since the request's head was complete."""
        spans = []
        for span in self.spans:
            ended_ns = span["ended_ns"]
            spans.append(
                {
                    "lane": span["lane"],
                    "process": span["process"],
                    "what": span["what"],
                    "name": span["name"],
                    "depth": span["depth"],
                    "at_us": round((span["began_ns"] - self.began_ns) / 1000, 1),
                    "took_us": None if ended_ns is None else round((ended_ns - span["began_ns"]) / 1000, 1),
                    "because": [{"where": where, "text": text} for where, text in span["because"]],
                    "facts": span["facts"],
                }
            )
        return {
            **self.summary(),
            "dropped": sum(part.dropped for part in self.parts),
            "facts": self._facts,
            "spans": spans,
        }

    def to_text(self) -> str:
        """A line for each step: when it began and how long it took in µs, and the lines that decided it."""
        return as_text(self.to_json())


def _together(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The spans of all parts in the order of their beginnings; outer ones first."""
    spans = [{**span, "process": part.process} for part in parts for span in part.spans]
    spans.sort(key=lambda span: (span["began_ns"], _ORDER.get(span["lane"], 0), span["depth"]))
    return spans


class Recorder:
    """The records of the last requests. A Tracer; any thread may call it."""

    def __init__(self, limit: int = KEPT, process: str = "") -> None:
        """process: how to call this one, by its process id if nothing is given."""
        self._limit = limit
        self._process = process
        self._lock = threading.Lock()  # guards the tables; a Trace is its request's own
        self._traces: dict[str, Trace] = {}  # by id, the oldest first
        self._foreign: dict[str, dict[str, Part]] = {}  # parts of other processes, by the id of the record

    def __repr__(self) -> str:
        return f"<Recorder {len(self._traces)} of {self._limit} requests>"

    @property
    def process(self) -> str:
        return self._process or str(os.getpid())

    # A Tracer -------------------------------------------------------------------------------------

    def trace(self, request_id: str) -> Trace:
        trace = self._traces.get(request_id)
        if trace is None:
            with self._lock:
                trace = self._traces.setdefault(request_id, Trace(request_id))
                self._make_room()
        return trace

    def _make_room(self) -> None:
        while len(self._traces) > self._limit:  # who is still being answered stays, if that is possible
            oldest = next(iter(self._traces))
            del self._traces[next((id for id, trace in self._traces.items() if trace.is_over), oldest)]
        while len(self._foreign) > self._limit:
            del self._foreign[next(iter(self._foreign))]

    # Other processes ------------------------------------------------------------------------------

    def take(self, part: Part) -> None:
        """Keep what another process has recorded, in place of what it has said before."""
        name = f"{part.process}~{part.id}"
        key = part.joins or name
        with self._lock:
            parts = self._foreign.setdefault(key, {})
            if len(parts) < _MOST_PARTS or name in parts:
                parts[name] = part
            self._make_room()

    def traces(self) -> list[Trace]:
        """Those of this process, the oldest first."""
        with self._lock:
            return list(self._traces.values())

    # What there is --------------------------------------------------------------------------------

    @property
    def records(self) -> tuple[Record, ...]:
        """The oldest first."""
        return tuple(self._made(self._ids()))

    def newest(self, count: int) -> list[Record]:
        """The last ones, the newest first."""
        return list(self._made(self._ids()[-count:]))[::-1]

    def find(self, id: str) -> Record | None:
        return next(self._made([id]), None)

    def clear(self) -> None:
        with self._lock:
            self._traces.clear()
            self._foreign.clear()

    def _ids(self) -> list[str]:
        with self._lock:
            own = {
                id: trace.spans[0].began_ns for id, trace in self._traces.items() if trace.spans
            }  # a request of a connection that has said nothing of itself is none
            others = {
                id: min((span["began_ns"] for part in parts.values() for span in part.spans), default=0)
                for id, parts in self._foreign.items()
                if id not in own and "~" in id  # a record whose front has forgotten it is no use
            }
        began = own | others
        return sorted(began, key=began.__getitem__)

    def _made(self, ids: Sequence[str]) -> Iterator[Record]:
        for id in ids:
            with self._lock:
                trace = self._traces.get(id)
                parts = list(self._foreign.get(id, {}).values())
            own = [] if trace is None else [part_of(trace, self.process)]
            if own or parts:
                yield Record(id, [*own, *parts])
