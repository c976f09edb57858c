"""The life of container processes below a front: what is to be done, and when. Pure, the time is passed in.

    started, ready, died, hung, asked to end, time ──> Fleet ──> Command: start, admit, withdraw, kill ...

A place is what the balancer knows as a member: it has a route, and one process serves it. A reload starts a
second process for a place; when that is ready it is admitted, which is one step for the balancer, and the
first one ends its requests. So there are never fewer processes than before, and new ones that do not start
leave the old ones where they are. One place after the other is renewed.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = ["MOVES", "Command", "Do", "Event", "Fleet", "Pace", "Process", "State"]


Level = Literal["info", "warning", "error"]


class State(enum.Enum):
    """Of a process. The words are those of `was status`."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    """Ends its requests and gets no more."""
    BACKING_OFF = "backing off"
    """Has died, and another one takes its place when it is time."""
    FAILED = "failed"
    """Died while starting, and is not tried again."""
    STOPPED = "stopped"


class Event(enum.Enum):
    """What happens to a process."""

    SAID_READY = enum.auto()
    DIED = enum.auto()
    DIED_FOR_GOOD = enum.auto()
    """Another try would be no use."""
    HUNG = enum.auto()
    """It is there and answers nothing."""
    ASKED_TO_END = enum.auto()
    DUE = enum.auto()
    """The time that its state may last is over."""


class Do(enum.Enum):
    """What the driver does."""

    START = enum.auto()
    ADMIT = enum.auto()
    """Requests of its route, and new ones, go to this process from now on."""
    WITHDRAW = enum.auto()
    """Nothing goes there until a process is admitted again."""
    TERMINATE = enum.auto()
    KILL = enum.auto()


MOVES: Mapping[tuple[State, Event], tuple[State, Do | None]] = {
    (State.STARTING, Event.SAID_READY): (State.READY, Do.ADMIT),
    (State.STARTING, Event.DIED): (State.BACKING_OFF, None),
    (State.STARTING, Event.DIED_FOR_GOOD): (State.FAILED, None),
    (State.STARTING, Event.ASKED_TO_END): (State.DRAINING, Do.TERMINATE),
    (State.STARTING, Event.DUE): (State.STARTING, Do.KILL),
    (State.READY, Event.DIED): (State.BACKING_OFF, Do.WITHDRAW),
    (State.READY, Event.HUNG): (State.READY, Do.KILL),
    (State.READY, Event.ASKED_TO_END): (State.DRAINING, Do.TERMINATE),
    (State.DRAINING, Event.DIED): (State.STOPPED, None),
    (State.DRAINING, Event.DUE): (State.DRAINING, Do.KILL),
    (State.BACKING_OFF, Event.DUE): (State.STARTING, Do.START),
    (State.BACKING_OFF, Event.ASKED_TO_END): (State.STOPPED, None),
}
"""What is not here has no effect: a process may say that it is ready when it is too late."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds, and how often a start is tried."""

    start_timeout_s: float = 60.0
    drain_timeout_s: float = 10.0
    quick_s: float = 5.0
    """Who dies earlier after its start has died of it."""
    first_back_off_s: float = 0.2
    most_back_off_s: float = 30.0
    attempts: int = 3
    """Of each place, as long as none has ever become ready."""


@dataclass(slots=True, eq=False)
class Process:
    """One process, or the wish for one (backing off). number is that of its last start, never used again."""

    number: int
    route: str
    state: State = State.STARTING
    since_s: float = 0.0
    due_s: float | None = None
    failures: int = 0
    """Quick deaths in a row."""
    why: str = ""
    """How it has ended."""

    def __repr__(self) -> str:
        return f"<Process {self.number} of {self.route}: {self.state.value}>"


class Command(NamedTuple):
    """For the driver, to be obeyed in the order of the list."""

    do: Do
    process: Process


@dataclass(slots=True)
class _Place:
    route: str
    process: Process
    next: Process | None = None
    """Takes over when it is ready."""
    leaving: list[Process] = field(default_factory=list)

    def all(self) -> list[Process]:
        return [*self.leaving, self.process, *([self.next] if self.next else ())]


class Fleet:
    """All places. Each method returns what is to be done now. Belongs to one thread."""

    def __init__(self, routes: Sequence[str], pace: Pace = Pace()) -> None:
        self._pace = pace
        self._numbers = 0
        self._places = [_Place(route, self._new(route)) for route in routes]
        self._to_renew: list[_Place] = []
        self._has_been_ready = False
        self.is_stopping = False
        self.log: list[tuple[Level, str]] = []
        """What a person should know, for the driver to take."""

    def __repr__(self) -> str:
        return f"<Fleet {[each for place in self._places for each in place.all()]}>"

    # What is the case -----------------------------------------------------------------------------

    @property
    def processes(self) -> list[Process]:
        return [process for place in self._places for process in place.all()]

    @property
    def is_settled(self) -> bool:
        """Whether there is no use in waiting for more: each place has got its first process, or it failed."""
        first = [place.process for place in self._places]
        if self.is_serving:
            return all(each.state is not State.STARTING or each.failures for each in first)
        return all(each.state is State.FAILED for each in first)

    @property
    def is_serving(self) -> bool:
        return any(place.process.state is State.READY for place in self._places)

    @property
    def is_over(self) -> bool:
        """Nothing runs and nothing will."""
        return all(each.state in (State.STOPPED, State.FAILED) for each in self.processes)

    @property
    def is_reloading(self) -> bool:
        return bool(self._to_renew)

    @property
    def next_due_s(self) -> float | None:
        return min((each.due_s for each in self.processes if each.due_s is not None), default=None)

    # What happens ---------------------------------------------------------------------------------

    def begin(self, now_s: float) -> list[Command]:
        return [self._start(place.process, now_s) for place in self._places]

    def said_ready(self, process: Process, now_s: float) -> list[Command]:
        done = self._move(process, Event.SAID_READY, now_s)
        if not done:
            return []
        self._has_been_ready = True
        place = self._place_of(process)
        if process is place.next:
            old, place.process, place.next = place.process, process, None
            place.leaving.append(old)
            done += self._move(old, Event.ASKED_TO_END, now_s)
            done += self._clear(place, now_s)
        return done

    def died(self, process: Process, how: str, now_s: float, *, for_good: bool = False) -> list[Command]:
        """how: in words for the log. for_good: it has said that it cannot be started like this."""
        place, state = self._place_of(process), process.state
        process.why = how
        if state is State.DRAINING:
            self._move(process, Event.DIED, now_s)
            return self._clear(place, now_s)
        if process is place.next:
            return self._give_up_reload(place, process, how, now_s)
        quick = state is State.STARTING or now_s - process.since_s < self._pace.quick_s
        process.failures = process.failures + 1 if quick else 0
        gives_up = not self._has_been_ready and (for_good or process.failures >= self._pace.attempts)
        done = self._move(process, Event.DIED_FOR_GOOD if gives_up else Event.DIED, now_s)
        if process.state is State.BACKING_OFF:
            wait_s = self._back_off_s(process.failures)
            process.due_s = now_s + wait_s
            when = f"in {wait_s:g} s" if wait_s else "at once"
            self._say(
                "warning", f"The container of {place.route} ended: {how}. Another one is started {when}"
            )
        return done

    def hung(self, process: Process, now_s: float) -> list[Command]:
        """It has answered nothing for too long. That it is dead is still to be said."""
        if process not in self.processes or not (done := self._move(process, Event.HUNG, now_s)):
            return []
        self._say("warning", f"The container of {process.route} is killed: it answers nothing any more")
        return done

    def _back_off_s(self, failures: int) -> float:
        if not failures:
            return 0.0
        return min(self._pace.most_back_off_s, self._pace.first_back_off_s * 2.0 ** min(failures - 1, 20))

    def tick(self, now_s: float) -> list[Command]:
        """Do what is due."""
        done: list[Command] = []
        for place in self._places:
            for process in place.all():
                if process.due_s is None or now_s < process.due_s:
                    continue
                if process.state in _LATE:
                    self._say("warning", f"The container of {place.route} is killed: {_LATE[process.state]}")
                    process.due_s = now_s + 1.0  # once may not be enough
                else:
                    process.number = self._next_number()
                done += self._move(process, Event.DUE, now_s)
        return done

    def reload(self, now_s: float) -> list[Command]:
        """Renew one place after the other. One that has no process just gets another try."""
        if self.is_stopping or self._to_renew:
            return []
        self._to_renew = list(self._places)
        return self._renew_next(now_s)

    def stop(self, now_s: float, timeout_s: float) -> list[Command]:
        """End everything within timeout_s. May be repeated with less."""
        self.is_stopping = True
        self._to_renew = []
        done: list[Command] = []
        for process in self.processes:
            done += self._move(process, Event.ASKED_TO_END, now_s)
            if process.state is State.DRAINING:
                process.due_s = now_s + timeout_s
        return done

    # Inside ---------------------------------------------------------------------------------------

    def _say(self, level: Level, text: str) -> None:
        self.log.append((level, text))

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _new(self, route: str) -> Process:
        return Process(self._next_number(), route)

    def _place_of(self, process: Process) -> _Place:
        return next(place for place in self._places if process in place.all())

    def _start(self, process: Process, now_s: float) -> Command:
        process.since_s = now_s
        process.due_s = now_s + self._pace.start_timeout_s
        return Command(Do.START, process)

    def _move(self, process: Process, event: Event, now_s: float) -> list[Command]:
        move = MOVES.get((process.state, event))
        if move is None:
            return []
        state, do = move
        if state is not process.state:
            process.state, process.since_s, process.due_s = state, now_s, None
            if state is State.DRAINING:
                process.due_s = now_s + self._pace.drain_timeout_s
            elif state is State.STARTING:
                process.due_s = now_s + self._pace.start_timeout_s
        return [] if do is None else [Command(do, process)]

    def _renew_next(self, now_s: float) -> list[Command]:
        place = self._to_renew[0]
        if place.process.state in (State.STARTING, State.READY):
            place.next = self._new(place.route)
            return [self._start(place.next, now_s)]
        place.process = self._new(place.route)
        return [self._start(place.process, now_s), *self._clear(place, now_s)]

    def _clear(self, place: _Place, now_s: float) -> list[Command]:
        """Forget whoever has left; when nobody is on the way out, the next place's turn has come."""
        place.leaving = [each for each in place.leaving if each.state is not State.STOPPED]
        if not self._to_renew or self._to_renew[0] is not place or place.leaving or place.next:
            return []
        self._to_renew.pop(0)
        if self._to_renew:
            return self._renew_next(now_s)
        self._say("info", "Reloaded")
        return []

    def _give_up_reload(self, place: _Place, process: Process, how: str, now_s: float) -> list[Command]:
        self._move(process, Event.DIED_FOR_GOOD, now_s)
        place.next = None
        self._to_renew = []
        self._say(
            "error",
            f"The reload has failed: the new container of {place.route} ended while it started ({how}). "
            "The others go on as they are",
        )
        return []


_LATE = {
    State.STARTING: "it was not ready in time",
    State.DRAINING: "its requests have not ended in time (--stop-timeout-s)",
}
