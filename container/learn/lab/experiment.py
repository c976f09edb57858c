"""What the lab measures of each server, and the sentences that follow from it. Values only.

    ServerStatus (scoreboard), Traffic (clients), Kill ──> Measured ──> what_is_seen ──> Seen ──> words

A sentence is made of parts: what happens to a model's processes or threads (why), then what new requests feel
of it. Each part is a key of static/strings.json with the values in it, so that there is one sentence for the
page and the terminal, in each language.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from container.mpm.scoreboard import ProcessStatus

__all__ = [
    "BAD",
    "GOOD",
    "NOTE",
    "PATIENCE_S",
    "Clients",
    "Counts",
    "Kill",
    "Measured",
    "Part",
    "Seen",
    "Traffic",
    "percentile",
    "render",
    "to_json",
    "what_is_seen",
]

GOOD, BAD, NOTE = "good", "bad", "note"
PATIENCE_S = 5.0
"""How long a client waits for an answer."""
_WAITED_S = 1.0  # a request that waits so long feels it
_SHOW_KILL_S = 20.0
_IDLE, _READING, _ANSWERING, _KEEPALIVE = "_", "R", "W", "K"
_SLOW_READER, _STUCK = "GET /page", "GET /stuck"


@dataclass(frozen=True, slots=True)
class Clients:
    """How many clients of each kind are switched on, for each server."""

    idle: int = 0
    slow: int = 0
    stuck: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the clients of one server saw in some time, and what is open at its end."""

    timed_out: int = 0
    broken: int = 0
    """Requests whose connection was refused or ended before the answer, and answers other than 200."""
    held_back: int = 0
    """Not sent, because too many waited."""
    waiting: int = 0
    """Ordinary requests without an answer yet."""
    oldest_s: float = 0.0
    idle: int = 0
    """Connections that have had an answer and keep silent."""
    slow: int = 0
    stuck: int = 0


@dataclass(frozen=True, slots=True)
class Traffic(Counts):
    """Of the last few seconds."""

    rate: float = 0.0
    """Requests answered per second."""
    p50_ms: float | None = None
    """None: nothing was answered."""
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """A child that was killed."""

    pid: int
    at_s: float
    """time.time()."""
    connections: int
    """That it had open."""
    new_pid: int = 0
    replaced_after_s: float | None = None
    is_given_up: bool = False

    @property
    def is_pending(self) -> bool:
        return self.replaced_after_s is None and not self.is_given_up


@dataclass(frozen=True, slots=True)
class Measured:
    """One server at one moment."""

    model: str
    expected: int
    """Processes."""
    units: int
    """Processes (prefork), threads (worker, event)."""
    processes: tuple[ProcessStatus, ...]
    in_servlets: tuple[int, ...]
    """Requests in servlets, of each of the processes."""
    backlog: int | None
    memory_bytes: int
    traffic: Traffic
    kill: Kill | None = None

    @property
    def threads(self) -> tuple[tuple[str, str], ...]:
        """(state, request) of each thread of the processes that serve."""
        return tuple(
            (thread.state, thread.request)
            for process in self.processes
            if process.state == _IDLE
            for thread in process.threads
        )

    def count(self, *states: str, request: str = "") -> int:
        return sum(state in states and asked.startswith(request) for state, asked in self.threads)

    @property
    def has_loop(self) -> bool:
        return self.model == "event"

    @property
    def busy(self) -> int:
        """Units that are taken. Event's scoreboard shows requests, so its threads count themselves."""
        if self.has_loop:
            return min(self.units, sum(self.in_servlets))
        return sum(state not in (_IDLE, ".") for state, _ in self.threads)

    @property
    def serving(self) -> int:
        return sum(process.state == _IDLE for process in self.processes)

    @property
    def open_connections(self) -> int:
        return sum(process.open_connections for process in self.processes)

    @property
    def queue(self) -> int:
        """Requests inside that wait for a thread: only event takes more than it has threads for."""
        if not self.has_loop or not self.full:
            return 0
        return max(0, self.traffic.waiting + self.traffic.stuck - sum(self.in_servlets))

    @property
    def full(self) -> int:
        """Processes all of whose threads run servlets."""
        threads = self.units // self.expected
        return sum(running >= threads for running in self.in_servlets)

    @property
    def is_starving(self) -> bool:
        """Whether new requests wait because no unit is free, of event: none in the process that has them."""
        is_full = self.full > 0 if self.has_loop else self.busy >= self.units
        traffic = self.traffic
        return is_full and (traffic.timed_out > 0 or (traffic.waiting > 0 and traffic.oldest_s >= _WAITED_S))

    def to_json(self) -> dict[str, Any]:
        kill = None if self.kill is None else {**asdict(self.kill), "is_pending": self.kill.is_pending}
        return {
            "model": self.model,
            "expected": self.expected,
            "serving": self.serving,
            "units": self.units,
            "busy": self.busy,
            "open_connections": self.open_connections,
            "backlog": self.backlog,
            "queue": self.queue,
            "is_starving": self.is_starving,
            "in_servlets": self.in_servlets,
            "memory_bytes": self.memory_bytes,
            **asdict(self.traffic),
            "kill": kill,
            "processes": [
                {
                    "pid": process.pid,
                    "state": process.state,
                    "threads": "".join(thread.state for thread in process.threads),
                    "doing": [thread.request for thread in process.threads],
                    "open_connections": process.open_connections,
                    "requests": process.requests,
                    "started_s": process.started_s,
                }
                for process in self.processes
            ],
        }


Part = tuple[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A sentence, or two, on a server; model "" is all of them."""

    model: str
    level: str
    parts: tuple[Part, ...]


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that at least so many percent do not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def what_is_seen(clients: Clients, measured: Sequence[Measured], now_s: float) -> list[Seen]:
    """The sentences on what was just measured. now_s: time.time()."""
    seen = []
    for each in measured:
        parts = [*_why(clients, each), *_killed(each, now_s)]
        level, effects = _effect(each)
        if parts or level == BAD:
            seen.append(Seen(each.model, level, (*parts, *effects)))
    return seen or list(_calm(measured))


def _why(clients: Clients, each: Measured) -> Iterable[Part]:
    """What the clients that are switched on do to a server, as its scoreboard shows it."""
    traffic, common = each.traffic, {"units": each.units, "busy": each.busy}
    if clients.idle:
        held = {"idle": clients.idle, "held": each.count(_KEEPALIVE), "kept": traffic.idle}
        yield f"idle-{each.model}", {**common, **held}
    if clients.slow:
        slow = each.count(_READING) + each.count(_ANSWERING, request=_SLOW_READER)
        yield f"slow-{each.model}", {**common, "slow": clients.slow, "held": slow, "kept": traffic.slow}
    stuck = each.busy if each.has_loop else each.count(_ANSWERING, request=_STUCK)
    if clients.stuck:
        yield f"stuck-{each.model}", {**common, "stuck": clients.stuck, "held": stuck}
    elif stuck and (not each.has_loop or each.is_starving):
        yield f"still-stuck-{each.model}", {**common, "held": stuck}


def _killed(each: Measured, now_s: float) -> Iterable[Part]:
    kill = each.kill
    if kill is None or now_s - kill.at_s > _SHOW_KILL_S:
        return
    yield "killed", {"pid": kill.pid, "connections": kill.connections}
    if kill.replaced_after_s is not None:
        yield "replaced", {"new": kill.new_pid, "after": _short(kill.replaced_after_s)}
    else:
        yield "not-replaced", {"serving": each.serving, "expected": each.expected}


def _effect(each: Measured) -> tuple[str, list[Part]]:
    """What ordinary requests feel."""
    traffic = each.traffic
    parts: list[Part] = []
    if traffic.broken:
        parts.append(("broken", {"count": traffic.broken}))
    if each.is_starving:
        oldest_s = PATIENCE_S if traffic.timed_out else traffic.oldest_s
        values: dict[str, object] = {"waiting": traffic.waiting, "oldest": _short(oldest_s)}
        if traffic.timed_out:
            parts.insert(0, ("gave-up", {"count": traffic.timed_out}))
        if not each.has_loop:
            key = "waits"
        elif each.full == each.serving:
            key = "waits-inside"
        else:
            key = "waits-in-one"
            values |= {"full": each.full, "serving": each.serving, "free": each.units - each.busy}
        return BAD, [(key, {**values, "queue": each.queue}), *parts]
    if traffic.p50_ms is None:
        return (BAD, [*parts, ("silent", {"waiting": traffic.waiting})]) if traffic.waiting else (NOTE, parts)
    if traffic.p50_ms >= _WAITED_S * 1000:
        late = {"rate": _short(traffic.rate), "p50": _short(traffic.p50_ms / 1000)}
        return BAD, [*parts, ("late", late)]
    answered = {"rate": _short(traffic.rate), "p50": _short(traffic.p50_ms)}
    return GOOD, [*parts, ("answered", answered)]


def _calm(measured: Sequence[Measured]) -> Iterable[Seen]:
    """With nothing switched on there is one thing to see: what each model costs."""
    if not measured or any(each.traffic.p50_ms is None for each in measured):
        return
    memory = {each.model: round(each.memory_bytes / 1e6) for each in measured}
    units = {f"{each.model}_units": each.units for each in measured}
    rate = min(each.traffic.rate for each in measured)
    yield Seen("", NOTE, (("calm", {"rate": _short(rate)}), ("memory", {**memory, **units})))


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def to_json(seen: Seen) -> dict[str, Any]:
    return {
        "model": seen.model,
        "level": seen.level,
        "parts": [[key, dict(values)] for key, values in seen.parts],
    }


def render(seen: Seen, words: Mapping[str, str]) -> str:
    """words: static/strings.json in one language."""
    return " ".join(words[f"saw-{key}"].format_map(values) for key, values in seen.parts)
