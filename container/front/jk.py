"""Choose among workers as mod_jk's load balancer does.

    LbConfig ──> LoadBalancer ──ask──> attempts of one request: choose, fail, repeat, pause, choose again

Weights, states and the two loops of retries are mod_jk's: the inner one repeats an attempt at one member, the
outer one goes from member to member, in rounds. A worker that is mounted alone is a group of one (single).
Never repeated, whatever recovery_options say, is a request of whose answer the client has seen something.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import lcm
from typing import Literal

from container.front.balancer import (
    IDEMPOTENT,
    RECENT_PICKS,
    Address,
    Ask,
    Exhausted,
    Failure,
    Member,
    MemberStatus,
    Pause,
    Sent,
)
from container.front.stickiness import route_of

__all__ = [
    "Activation",
    "LbConfig",
    "LbRule",
    "LoadBalancer",
    "Method",
    "State",
    "WorkerConfig",
    "may_repeat",
    "single",
]

Method = Literal["R", "S", "N", "T", "B"]

# The bits of recovery_options that decide. 2 is always set here; 4 is for whoever holds the connection.
NOT_AFTER_REQUEST = 1
REPEAT_HEAD = 8
REPEAT_GET = 16
REPEAT_IDEMPOTENT = 32
"""Not mod_jk's: whatever may be repeated by its meaning (RFC 9110 §9.2.2), and nothing else."""

_METHOD_WORDS: dict[Method, str] = {
    "R": "fewest requests for its weight",
    "S": "fewest new sessions for its weight",
    "N": "fewest new sessions for its weight",
    "T": "least traffic for its weight",
    "B": "fewest requests in progress for its weight",
}

# What the client gets if this was the last attempt.
_FINAL = {
    Failure.CONNECT: 503,
    Failure.CONNECT_TIMEOUT: 503,
    Failure.BUSY: 503,
    Failure.SEND: 503,
    Failure.READ: 502,
    Failure.READ_TIMEOUT: 504,
    Failure.INVALID_HEADER: 502,
    Failure.STATUS: 503,
    Failure.STALE: 502,
    Failure.BROKEN: 502,
    Failure.CLIENT: 502,
}


class Activation(enum.Enum):
    """What an administrator allows."""

    ACTIVE = "ACT"
    DISABLED = "DIS"
    """Only sessions with its route, and as a stand-in."""
    STOPPED = "STP"


class State(enum.Enum):
    """What is known of a member, in the words of mod_jk's status page."""

    IDLE = "OK/IDLE"
    OK = "OK"
    BUSY = "OK/BUSY"
    ERROR = "ERR"
    RECOVER = "ERR/REC"
    """Out of quarantine: the next request is a test."""
    FORCED = "ERR/FRC"
    """Nobody else was left, so it is tried in spite of its error."""
    PROBE = "ERR/PRB"
    """Being tested by one request, and nobody else's meanwhile."""


# An attribute of an enum costs as much as a call: what every request passes uses these.
_IDLE, _OK, _BUSY, _ERROR, _RECOVER, _FORCED, _PROBE = State
_ACTIVE, _DISABLED, _STOPPED = Activation
_FINE = (_IDLE, _OK, _RECOVER, _FORCED)
_SOUND = (_IDLE, _OK, _BUSY)


_ANSWERED = Exhausted(502, "the request is over")


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What an ajp13 worker has to do with choosing and repeating."""

    name: str
    address: Address
    lbfactor: int = 1
    route: str = ""
    """"": its name."""
    domain: str = ""
    """"": its route's part before the first dot, if it has one."""
    distance: int = 0
    redirect: str = ""
    activation: Activation = Activation.ACTIVE
    retries: int = 2
    retry_interval_s: float = 0.1
    recovery_options: int = 0
    fail_on_status: tuple[int, ...] = ()
    """Negative: a failure of the request, not of the member."""
    busy_limit: int = 0


@dataclass(frozen=True, slots=True)
class LbConfig:
    """An lb worker."""

    name: str
    workers: tuple[WorkerConfig, ...]
    method: Method = "R"
    sticky_session: bool = True
    sticky_session_force: bool = False
    retries: int = 2
    retry_interval_s: float = 0.1
    lb_retries: int = 2
    recover_time_s: int = 60
    error_escalation_time_s: int | None = None
    """None: half of recover_time_s."""
    max_reply_timeouts: int = 0
    maintain_s: int = 60
    """worker.maintain; 0: no maintenance, hence no recovery but the forced one."""


@dataclass(frozen=True, slots=True)
class LbRule:
    """What a mount's extensions change. sticky_ignore and stateless are said in the Ask."""

    fail_on_status: tuple[int, ...] | None = None
    activation: Mapping[str, Activation] = field(default_factory=dict)
    """By the member's name."""


def single(config: WorkerConfig) -> LoadBalancer:
    """Return an ajp13 worker that is mounted by itself: every request tries it, whatever happened before."""
    return LoadBalancer(LbConfig(config.name, (config,), "B", retries=1, lb_retries=1, maintain_s=0))


def may_repeat(options: int, method: str, failure: Failure, sent: Sent, replayable: bool) -> bool:
    """Tell whether recovery_options allow a request to be sent again after this failure."""
    if failure is Failure.BROKEN or failure is Failure.CLIENT:
        return False
    if sent is Sent.NOTHING:
        return True
    if not replayable:
        return False
    if options & REPEAT_IDEMPOTENT:
        return method in IDEMPOTENT
    if failure is Failure.SEND or failure is Failure.STATUS or not options & NOT_AFTER_REQUEST:
        return True
    if options & REPEAT_HEAD:
        return method == "HEAD"
    return method == "GET" and bool(options & REPEAT_GET)


@dataclass(slots=True, eq=False)
class Worker:
    """A member while it runs. Seconds are whole ones."""

    config: WorkerConfig
    name: str
    address: Address
    route: str
    domain: str
    mult: int
    activation: Activation
    state: State = _IDLE
    value: int = 0
    busy: int = 0
    picks: int = 0
    picks_seen: int = 0
    failures: int = 0
    first_error_s: int | None = None
    last_error_s: int = 0
    reply_timeouts: int = 0
    healthy: bool = True

    def is_well(self) -> None:
        self.state = _OK
        self.first_error_s = None

    def is_broken(self, now: int) -> None:
        self.state = _ERROR
        self.last_error_s = now


@dataclass(slots=True)
class _Group:
    """What all views of a load balancer share."""

    config: LbConfig
    workers: list[Worker]
    escalation_s: int
    visits: int
    """Of members, in one round."""
    offset: int = 0  # where the next search begins
    maintained_s: int | None = None
    recent: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=RECENT_PICKS))

    def by_route(self, route: str) -> Worker | None:
        return next((worker for worker in self.workers if worker.route == route), None)

    def force(self) -> list[Worker]:
        """Let those in error be tried once more."""
        forced = [worker for worker in self.workers if worker.state is _ERROR]
        for worker in forced:
            worker.state = _FORCED
        return forced


class LoadBalancer:
    """A group of workers: a Balancer."""

    def __init__(self, config: LbConfig, rule: LbRule = LbRule()) -> None:
        multiple = lcm(*(max(1, each.lbfactor) for each in config.workers))
        workers = []
        for each in config.workers:
            route = each.route or each.name
            head, dot, _ = route.partition(".")
            domain = each.domain or (head if dot else "")
            mult = multiple // max(1, each.lbfactor)
            workers.append(Worker(each, each.name, each.address, route, domain, mult, each.activation))
        escalation_s = config.error_escalation_time_s
        if escalation_s is None:
            escalation_s = config.recover_time_s // 2
        self._group = _Group(config, workers, escalation_s, min(config.lb_retries, len(workers)))
        self.name = config.name
        self._rule = rule

    def __repr__(self) -> str:
        return f"<LoadBalancer {self.name} {[(each.name, each.state.value) for each in self.members]}>"

    def with_rule(self, rule: LbRule) -> LoadBalancer:
        """Return the same workers, with their states, under another rule."""
        view = object.__new__(LoadBalancer)
        view._group = self._group
        view._rule = rule
        view.name = self.name
        return view

    @property
    def members(self) -> Sequence[Worker]:
        return self._group.workers

    @property
    def recent(self) -> Sequence[tuple[str, str]]:
        """The last choices, oldest first: (worker, reason)."""
        return tuple(self._group.recent)

    def ask(self, ask: Ask, now_s: float) -> LbAttempts:
        return LbAttempts(self._group, self._rule, ask)

    def mark(self, member: Member, healthy: bool, now_s: float) -> None:
        for worker in self.members:
            if worker.name == member.name:
                worker.healthy = healthy

    def drain(self, member: Member, draining: bool = True) -> None:
        for worker in self.members:
            if worker.name == member.name:
                worker.activation = _DISABLED if draining else worker.config.activation

    def activation_of(self, name: str) -> Activation:
        """What holds for a member under this view's rule."""
        worker = next(worker for worker in self.members if worker.name == name)
        return self._rule.activation.get(name, worker.activation)

    def activate(self, member: Member, activation: Activation) -> None:
        """Change what is configured, as the status page does."""
        for worker in self.members:
            if worker.name == member.name:
                worker.activation = activation

    def maintain(self, now_s: float) -> None:
        group, now = self._group, int(now_s)
        interval = group.config.maintain_s
        if group.maintained_s is None:
            group.maintained_s = now
        elapsed = now - group.maintained_s
        if not interval or elapsed < interval:
            return
        group.maintained_s = now
        _decay(group, elapsed // interval)
        highest = max(worker.value for worker in group.workers)
        for worker in group.workers:
            _review(group, worker, now, highest)

    def status(self, now_s: float) -> list[MemberStatus]:
        return [
            MemberStatus(
                worker.name,
                worker.state.value,
                worker.busy,
                worker.picks,
                worker.failures,
                _detail(worker, int(now_s)),
            )
            for worker in self.members
        ]


def _decay(group: _Group, times: int) -> None:
    """Let the past count less."""
    method = group.config.method
    smallest = min(worker.value for worker in group.workers)
    for worker in group.workers:
        worker.reply_timeouts >>= times
        if method == "N":
            worker.value -= smallest
        elif method != "B":
            worker.value >>= times


def _review(group: _Group, worker: Worker, now: int, highest: int) -> None:
    if worker.state is _ERROR:
        if now - worker.last_error_s > group.config.recover_time_s:
            worker.state = _RECOVER
            if group.config.method != "B":
                worker.value = highest  # or all the requests that it has missed would come at once
    elif worker.state not in _SOUND:
        return
    elif worker.first_error_s is not None and now - worker.first_error_s >= group.escalation_s:
        worker.state = _ERROR
    elif worker.state is _OK and worker.picks == worker.picks_seen:
        worker.state = _IDLE
    worker.picks_seen = worker.picks


def _detail(worker: Worker, now: int) -> str:
    words = [worker.activation.value, f"factor {worker.config.lbfactor}", f"value {worker.value}"]
    if not worker.healthy:
        words.append("found unhealthy")
    if worker.state is _ERROR:
        words.append(f"error {now - worker.last_error_s} s ago")
    if worker.reply_timeouts:
        words.append(f"{worker.reply_timeouts} reply timeouts")
    return ", ".join(words)


class LbAttempts:
    """The attempts of one request. Most have but one: what only the others need is not made before."""

    _avoid: Sequence[Worker] = ()  # has failed in this round
    _worker: Worker | None = None  # an attempt is under way
    _again: Worker | None = None  # is to be tried once more
    _tries = 0  # at this member
    _visits = 0  # of members in this round
    _round = 0
    _forced = False
    _pause_s = 0.0
    _status = 503  # what the client gets if this was all,
    _said = ""  # and why
    _over: Exhausted | None = None
    _why = ""

    def __init__(self, group: _Group, rule: LbRule, ask: Ask) -> None:
        self._group = group
        self._rule = rule
        self._ask = ask
        self._sessions = ask.sessions if group.config.sticky_session else ()

    @property
    def reason(self) -> str:
        return self._why

    def next(self, now_s: float) -> Worker | Pause | Exhausted:
        if not self._visits and not self._round:
            return self._visit()
        if self._worker is not None:
            raise RuntimeError(f"the attempt at {self._worker.name} has not ended")
        if self._over is not None:
            return self._over
        if self._pause_s:
            pause = Pause(self._pause_s)
            self._pause_s = 0.0
            return pause
        worker = self._again
        if worker is not None:
            self._again = None
            return self._begin(worker)
        return self._visit()

    def _visit(self) -> Worker | Pause | Exhausted:
        """Go on to another member, in the next round if this one is over."""
        group = self._group
        config = group.config
        while True:
            if self._visits >= group.visits:
                self._round += 1
                if self._round >= config.retries:
                    self._over = Exhausted(self._status, f"{config.name}: {self._said}")
                    return self._over
                self._visits = 0
                self._avoid = []
                if config.retry_interval_s:
                    return Pause(config.retry_interval_s)
            self._visits += 1
            worker = self._choose()
            if worker is None:
                self._status, self._said = 503, self._why
                self._force()
            elif 0 < worker.config.busy_limit <= worker.busy:
                self._status, self._said = 503, f"{worker.name}: BUSY"
                self._avoid = [*self._avoid, worker]
                _is_busy(worker)
            else:
                worker.picks += 1
                self._tries = 0
                if config.method != "B" or worker.state is not _OK:
                    self._count(worker)
                group.recent.append((worker.name, self._why))
                return self._begin(worker)

    def _force(self) -> None:
        """Nobody is usable: once in a request, turn to those in error, which uses up no visit."""
        if self._forced:
            return
        self._forced = True
        forced = self._group.force()
        if forced:
            self._avoid = [worker for worker in self._avoid if worker not in forced]
            self._visits -= 1

    def _count(self, worker: Worker) -> None:
        """What a choice means beyond itself."""
        method = self._group.config.method
        if method == "R" or (method in "SN" and not self._sessions and not self._ask.stateless):
            worker.value += worker.mult
        if worker.state is _RECOVER:
            self._why += ", a test after its error"
        elif worker.state is _FORCED:
            self._why += ", in spite of its error"

    def _begin(self, worker: Worker) -> Worker:
        if worker.state is _RECOVER:
            worker.state = _PROBE
        self._tries += 1
        worker.busy += 1
        if self._group.config.method == "B":
            worker.value += worker.mult
        self._worker = worker
        return worker

    def _end(self) -> Worker:
        worker = self._worker
        if worker is None:
            raise RuntimeError("no attempt is under way")
        self._worker = None
        worker.busy -= 1
        if self._group.config.method == "B":
            worker.value = worker.value - worker.mult if worker.value > worker.mult else 0
        if worker.state is _BUSY:
            worker.state = _OK
        return worker

    def succeeded(self, now_s: float, *, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        worker = self._end()
        if self._group.config.method == "T":
            worker.value += (sent_bytes + received_bytes) * worker.mult
        worker.is_well()
        self._over = _ANSWERED

    def failed(self, failure: Failure, now_s: float, *, sent: Sent = Sent.NOTHING, status: int = 0) -> bool:
        fatal = failure is not Failure.STATUS or self._is_listed(status)
        if not fatal and not self._is_listed(-status):
            return False
        worker = self._end()
        config = worker.config
        repeatable = may_repeat(
            config.recovery_options, self._ask.method, failure, sent, self._ask.replayable
        )
        stale = failure is Failure.STALE
        if repeatable and (stale or (failure is not Failure.BUSY and self._tries < config.retries)):
            self._again = worker
            if stale:
                self._tries -= 1
            else:
                self._pause_s = config.retry_interval_s
            _is_untested(worker)  # the client may leave before it is tried again
            return True
        self._avoid = [*self._avoid, worker]
        self._judge(worker, failure, int(now_s), fatal)
        self._status, self._said = _FINAL[failure], f"{worker.name}: {failure.name}"
        if repeatable:
            return True
        self._over = Exhausted(self._status, f"{self._said}; the request is not sent again")
        return failure is Failure.STATUS  # its answer does not stand

    def _is_listed(self, status: int) -> bool:
        listed = self._rule.fail_on_status
        if listed is None:
            listed = self._worker.config.fail_on_status if self._worker else ()
        return status in listed

    def _judge(self, worker: Worker, failure: Failure, now: int, fatal: bool) -> None:
        """Draw the conclusions about the member, after the last attempt at it."""
        config = self._group.config
        if failure is Failure.CLIENT or failure is Failure.STALE:
            _is_untested(worker)
        elif failure is Failure.BUSY:
            _is_busy(worker)
        elif not fatal:
            worker.is_well()
        elif failure is Failure.READ_TIMEOUT:
            worker.failures += 1
            worker.reply_timeouts += 1
            if worker.reply_timeouts > config.max_reply_timeouts:
                worker.is_broken(now)
            else:
                _is_untested(worker)
        else:
            worker.failures += 1
            if worker.first_error_s is None:
                worker.first_error_s = now
            # Others are being answered by it, so this may be no more than bad luck.
            local = worker.busy and now - worker.first_error_s < self._group.escalation_s
            if failure is Failure.STATUS or worker.state is _PROBE or not local:
                worker.is_broken(now)

    # The choice.

    def _activation(self, worker: Worker) -> Activation:
        special = self._rule.activation
        return special.get(worker.name, worker.activation) if special else worker.activation

    def _is_fine(self, worker: Worker) -> bool:
        """Whether it may have its own sessions, and stand in."""
        return (
            worker.state in _FINE
            and worker not in self._avoid
            and worker.healthy
            and self._activation(worker) is not _STOPPED
        )

    def _choose(self) -> Worker | None:
        workers = self._group.workers
        if len(workers) == 1 and self._activation(workers[0]) is not _DISABLED:
            self._why = "the only worker"
            return workers[0] if self._is_fine(workers[0]) else None
        for session in self._sessions:
            route = route_of(session)
            worker = self._bound(route) if route else None
            if worker is not None:
                return worker
        if self._sessions and self._group.config.sticky_session_force:
            self._why = "sticky_session_force: nobody is usable for this session"
            return None
        worker = self._best()
        if worker is not None:
            self._why = "in turn" if self._ask.stateless else _METHOD_WORDS[self._group.config.method]
            return worker
        redirect = next((each.config.redirect for each in workers if each.config.redirect), "")
        worker = self._group.by_route(redirect) if redirect else None
        if worker is not None and self._is_fine(worker):
            self._why = "stand-in, as nobody else is usable"
            return worker
        self._why = "nobody is usable"
        return None

    def _bound(self, route: str) -> Worker | None:
        """Return who serves the sessions of this route now."""
        owner = self._group.by_route(route)
        if owner is None:
            self._why = f"session of the domain {route}"
            return self._best(route.partition(".")[0])
        if self._is_fine(owner):
            self._why = f"session of {route}"
            return owner
        if self._group.config.sticky_session_force:
            return None
        if owner.config.redirect:
            self._why = f"stand-in for {route}"
            other = self._group.by_route(owner.config.redirect)
            return other if other is not None and self._is_fine(other) else None
        self._why = f"same domain as {route}"
        return self._best(owner.domain) if owner.domain else None

    def _best(self, domain: str = "") -> Worker | None:
        """Return the active worker with the least to do, of this domain if there is one."""
        group = self._group
        best: Worker | None = None
        least = (0, 0)
        for index in range(group.offset, group.offset + len(group.workers)):
            worker = group.workers[index % len(group.workers)]
            if domain and worker.domain != domain:
                continue
            if self._activation(worker) is _ACTIVE and self._is_fine(worker):
                load = (worker.config.distance, 0 if self._ask.stateless else worker.value)
                if best is None or load < least:
                    best, least = worker, load
                    offset = index + 1
        if best is not None:
            group.offset = offset % len(group.workers)
        return best


def _is_untested(worker: Worker) -> None:
    if worker.state is _PROBE:
        worker.state = _RECOVER


def _is_busy(worker: Worker) -> None:
    """It has no slot; where nobody holds one of ours, nobody could tell when it has one again."""
    _is_untested(worker)
    if worker.busy and worker.state in _SOUND:
        worker.state = _BUSY
