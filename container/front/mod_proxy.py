"""Choose among backends as Apache's mod_proxy and mod_proxy_balancer do.

    GroupConfig ──> ProxyGroup ──ask──> attempts of one request: choose, fail, choose another one

A ProxyPass to one URL is a group of one. A backend that could not be reached is in error: nobody gets it
until `retry` seconds have passed, and then the first request is the test. Another backend is only asked
when the first one could not be reached, or, over AJP, has not answered a request that may be repeated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
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
    Sent,
)
from container.front.stickiness import route_of

__all__ = ["BackendConfig", "GroupConfig", "Method", "ProxyGroup"]

Method = Literal["byrequests", "bybusyness", "bytraffic"]

_UNREACHABLE = frozenset({Failure.CONNECT, Failure.CONNECT_TIMEOUT})


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """One BalancerMember. status: the letters of D disabled, S stopped, N draining, H standby, R spare, I."""

    name: str
    address: Address
    loadfactor: float = 1.0
    route: str = ""
    redirect: str = ""
    lbset: int = 0
    retry_s: float = 60.0
    status: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """One balancer://, or the URL of one ProxyPass."""

    name: str
    backends: tuple[BackendConfig, ...]
    method: Method = "byrequests"
    sticky: bool = False
    max_attempts: int | None = None
    """How many others are asked; None: all."""
    no_failover: bool = False
    force_recovery: bool = True
    fail_on_status: frozenset[int] = frozenset()
    is_balancer: bool = True
    """Not the URL of one ProxyPass: only members of a balancer are in error for what they did not answer."""


@dataclass(slots=True, eq=False)
class Backend:
    """A member while it runs."""

    config: BackendConfig
    name: str
    address: Address
    error_s: float | None = None
    """Since when it is in error."""
    value: float = 0.0
    traffic: int = 0
    busy: int = 0
    picks: int = 0
    failures: int = 0
    healthy: bool = True
    draining: bool = False

    @property
    def is_draining(self) -> bool:
        return self.draining or "N" in self.config.status

    @property
    def is_sound(self) -> bool:
        return self.error_s is None and not self.config.status & {"D", "S"}

    def usable(self, now_s: float) -> bool:
        config = self.config
        if config.status & {"D", "S"} or not self.healthy:
            return False
        return self.error_s is None or "I" in config.status or now_s - self.error_s >= config.retry_s


class ProxyGroup:
    """A group of backends: a Balancer."""

    def __init__(self, config: GroupConfig) -> None:
        self.config = config
        self.backends = [Backend(each, each.name, each.address) for each in config.backends]
        self.recent: deque[tuple[str, str]] = deque(maxlen=RECENT_PICKS)
        """The last choices, oldest first: (member, reason)."""

    def __repr__(self) -> str:
        return f"<ProxyGroup {self.name} {[(each.name, each.error_s is None) for each in self.backends]}>"

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def members(self) -> Sequence[Backend]:
        return self.backends

    def ask(self, ask: Ask, now_s: float) -> ProxyAttempts:
        return ProxyAttempts(self, ask)

    def mark(self, member: Member, healthy: bool, now_s: float) -> None:
        for each in self.backends:
            if each.name == member.name:
                each.healthy = healthy

    def drain(self, member: Member, draining: bool = True) -> None:
        for each in self.backends:
            if each.name == member.name:
                each.draining = draining

    def maintain(self, now_s: float) -> None:
        """Nothing is due: errors are looked at when somebody asks."""

    def status(self, now_s: float) -> list[MemberStatus]:
        return [
            MemberStatus(
                each.name,
                "HcFl" if not each.healthy else "Ok" if each.error_s is None else "Err",
                each.busy,
                each.picks,
                each.failures,
                f"loadfactor {each.config.loadfactor:g}, route {each.config.route or '-'}",
            )
            for each in self.backends
        ]


class ProxyAttempts:
    """The attempts of one request."""

    __slots__ = ("_ask", "_backend", "_forced", "_group", "_left", "_over", "_tried", "_why")

    def __init__(self, group: ProxyGroup, ask: Ask) -> None:
        self._group = group
        self._ask = ask
        self._tried: list[Backend] = []
        self._backend: Backend | None = None
        self._over: Exhausted | None = None
        self._forced = False
        most = group.config.max_attempts
        self._left = 1 + (len(group.backends) - 1 if most is None else most)
        self._why = ""

    @property
    def reason(self) -> str:
        return self._why

    def next(self, now_s: float) -> Backend | Exhausted:
        if self._over is not None:
            return self._over
        backend = self._choose(now_s) if self._left > 0 else None
        if backend is None:
            self._over = Exhausted(503, f"{self._group.name}: no backend is usable")
            return self._over
        self._left -= 1
        self._tried.append(backend)
        self._backend = backend
        backend.busy += 1
        backend.picks += 1
        self._group.recent.append((backend.name, self._why))
        return backend

    def succeeded(self, now_s: float, *, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        backend = self._end()
        backend.error_s = None
        backend.traffic += sent_bytes + received_bytes
        self._over = Exhausted(502, "the request is over")

    def failed(self, failure: Failure, now_s: float, *, sent: Sent = Sent.NOTHING, status: int = 0) -> bool:
        config = self._group.config
        if failure is Failure.STATUS:
            if status in config.fail_on_status and self._backend is not None:
                self._backend.error_s = now_s
                self._backend.failures += 1
            return False
        backend = self._end()
        if failure is Failure.STALE and (sent is Sent.NOTHING or self._may_repeat()):
            self._tried.remove(backend)
            self._left += 1
            return True
        if failure in (Failure.CLIENT, Failure.BROKEN):
            self._over = Exhausted(502, "the request is over")
            return False
        backend.failures += 1
        repeat = failure in _UNREACHABLE
        if backend.address.protocol == "ajp" and not repeat:
            repeat = self._may_repeat() and not self._ask.has_query
            if config.is_balancer and failure is not Failure.BUSY:
                backend.error_s = now_s
        elif repeat:
            backend.error_s = now_s
        if repeat and not config.no_failover:
            return True
        self._over = Exhausted(_final(failure, backend, repeat), f"{backend.name}: {failure.name}")
        return False

    def _may_repeat(self) -> bool:
        return self._ask.method in IDEMPOTENT and self._ask.replayable

    def _end(self) -> Backend:
        backend = self._backend
        if backend is None:
            raise RuntimeError("no attempt is under way")
        self._backend = None
        backend.busy -= 1
        return backend

    def _choose(self, now_s: float) -> Backend | None:
        group = self._group
        if group.config.sticky and not self._tried:
            for session in self._ask.sessions:
                bound = self._bound(route_of(session), now_s)
                if bound is not None:
                    _charge(bound, [each for each in group.backends if each.is_sound])
                    return bound
                if group.config.no_failover and route_of(session):
                    return None
        best = self._best([each for each in group.backends if each.usable(now_s)])
        if best is None and group.config.force_recovery and not self._forced and not self._tried:
            self._forced = True
            for each in group.backends:
                each.error_s = None if len(group.backends) > 1 else each.error_s
            best = self._best([each for each in group.backends if each.usable(now_s)])
        return best

    def _bound(self, route: str, now_s: float) -> Backend | None:
        backends = self._group.backends
        for _ in range(2):  # the owner, then its stand-in
            backend = next((each for each in backends if route and each.config.route == route), None)
            if backend is None:
                return None
            if backend.usable(now_s):
                self._why = f"session of {route}"
                return backend
            route = backend.config.redirect
        return None

    def _best(self, usable: list[Backend]) -> Backend | None:
        """The best of the lowest lbset; standbys and spares only where there is nobody else."""
        usable = [each for each in usable if each not in self._tried and not each.is_draining]
        for lbset in sorted({each.config.lbset for each in usable}):
            inside = [each for each in usable if each.config.lbset == lbset]
            for spare in (frozenset(), frozenset("R"), frozenset("H")):
                candidates = [each for each in inside if each.config.status & {"R", "H"} == spare]
                if candidates:
                    self._why = self._group.config.method
                    return self._pick(candidates)
        return None

    def _pick(self, candidates: list[Backend]) -> Backend:
        method = self._group.config.method
        if method == "bytraffic":
            return min(candidates, key=lambda each: each.traffic / each.config.loadfactor)
        if method == "bybusyness":
            best = min(candidates, key=lambda each: (each.busy, -each.value - each.config.loadfactor))
        else:
            best = max(candidates, key=lambda each: each.value + each.config.loadfactor)
        _charge(best, candidates)
        return best


def _charge(chosen: Backend, among: list[Backend]) -> None:
    """Let everybody's turn come nearer, and the chosen one pay for all. Sessions count as well."""
    for each in among:
        each.value += each.config.loadfactor
        chosen.value -= each.config.loadfactor


def _final(failure: Failure, backend: Backend, repeatable: bool) -> int:
    """What the client gets when this was the last attempt."""
    if failure in _UNREACHABLE or failure is Failure.BUSY or repeatable:
        return 503
    return 500 if backend.address.protocol == "ajp" else 502
