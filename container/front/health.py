"""Active health checks: what a member is asked, and what follows from its answers. Pure.

HealthCheck ── checker.py asks ──> well or not ──> Judge: rise and fall ──> Balancer.mark
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from container.front.balancer import Balancer, Member

__all__ = ["Checked", "HealthCheck", "Judge"]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Times in seconds."""

    kind: Literal["http", "tcp", "ping"] = "http"
    """tcp: a connection is enough; ping: AJP's CPING."""
    method: str = "GET"
    target: str = "/"
    host: str = ""
    """"": the member's address."""
    http_version: Literal["1.0", "1.1"] = "1.1"
    least_status: int = 200
    most_status: int = 399
    interval_s: float = 5.0
    """From the beginning of a check to that of the next."""
    jitter_s: float = 0.0
    """At most so much is added to an interval, at random."""
    timeout_s: float = 5.0
    """For the whole check."""
    passes: int = 1
    """So many good answers in a row make an unhealthy member healthy (rise)."""
    fails: int = 1
    """So many bad ones make it unhealthy (fall)."""
    port: int = 0
    """0: the member's."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A member of a group, and how it is checked."""

    group: Balancer
    member: Member
    check: HealthCheck

    def __str__(self) -> str:
        return f"{self.group.name}: {self.member.name}"


class Judge:
    """Of one member. At the start it is healthy, unless somebody knows better."""

    def __init__(self, check: HealthCheck, healthy: bool = True) -> None:
        self._check = check
        self.healthy = healthy
        self._against = 0  # answers in a row that speak for the other state

    def __repr__(self) -> str:
        return f"<Judge {'healthy' if self.healthy else 'unhealthy'}, {self._against} against it>"

    def heard(self, is_well: bool) -> bool:
        """Take the result of a check; whether the state has changed with it."""
        if is_well is self.healthy:
            self._against = 0
            return False
        self._against += 1
        if self._against < (self._check.passes if is_well else self._check.fails):
            return False
        self.healthy, self._against = is_well, 0
        return True
