"""Which backend gets a request, and which one after it has failed: the words that all balancing shares.

    Balancer ──ask(Ask, now_s)──> Attempts ──next──> Member | Pause | Exhausted
                                     └── succeeded, failed ──> counters, quarantine

Pure: the time is passed in (time.monotonic()), nothing is sent and nothing sleeps here. upstream.py has what
nginx decides, jk.py what mod_jk decides. A Balancer belongs to one thread, that of the loop; processes do not
share one.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = [
    "IDEMPOTENT",
    "RECENT_PICKS",
    "Address",
    "Ask",
    "Attempts",
    "Balancer",
    "Exhausted",
    "Failure",
    "Member",
    "MemberStatus",
    "Pause",
    "Sent",
]

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""What may be done twice by its meaning (RFC 9110 §9.2.2). nginx has another rule: see upstream.py."""
RECENT_PICKS = 16
"""So many of its last choices a group remembers, for `was status`."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a backend listens. path is that of a Unix socket; host and port are then "" and 0."""

    protocol: Literal["http", "https", "ajp"]
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"


class Member(Protocol):
    """One backend of a group, as it was configured; its state belongs to the Balancer."""

    @property
    def name(self) -> str:
        """As the configuration writes it; for logs, status and hashes."""

    @property
    def address(self) -> Address: ...


class Failure(enum.Enum):
    """How an attempt ended that gave no answer which could be passed on."""

    CONNECT = enum.auto()
    """Refused, unreachable, or the protocol's ping was not answered."""
    CONNECT_TIMEOUT = enum.auto()
    BUSY = enum.auto()
    """No connection was free."""
    SEND = enum.auto()
    READ = enum.auto()
    """Closed or reset before the answer's head."""
    READ_TIMEOUT = enum.auto()
    INVALID_HEADER = enum.auto()
    STATUS = enum.auto()
    """An answer whose status is on the failover list."""
    STALE = enum.auto()
    """A kept connection turned out to be dead: neither a failure of the member nor an attempt."""
    BROKEN = enum.auto()
    """The answer ended too early, after its head had been passed on."""
    CLIENT = enum.auto()
    """The client has gone: nobody's failure."""


class Sent(enum.IntEnum):
    """How much the backend may have seen of a request."""

    NOTHING = 0
    SOME = 1
    ALL = 2


@dataclass(slots=True)  # one for each request, and frozen it would take twice as long to make
class Ask:
    """What a choice may depend on, of one request of a client."""

    method: str
    client: str
    """The client's address."""
    key: str = ""
    """What a hash method's key amounts to."""
    sessions: tuple[str, ...] = ()
    """Session ids in the order in which they count, the URL's before the cookies'."""
    replayable: bool = True
    """Whether the whole body is at hand for another attempt."""
    stateless: bool = False
    has_query: bool = False
    """mod_proxy does not repeat such a request over AJP."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so long, then ask for the next one again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Nobody is left: what the client gets, and why, for the log."""

    status: int
    reason: str


class Attempts(Protocol):
    """The attempts of one request, one after the other."""

    def next(self, now_s: float) -> Member | Pause | Exhausted:
        """Choose; the member counts as busy until the attempt has ended."""

    def succeeded(self, now_s: float, *, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        """The attempt has ended with an answer that was passed on to its end."""

    def failed(self, failure: Failure, now_s: float, *, sent: Sent = Sent.NOTHING, status: int = 0) -> bool:
        """The attempt has failed; whether the request may be sent again: then ask for the next one.

        Ask this with STATUS about every status of 400 and more before anything of the answer is passed on.
        False means that the answer stands: pass it on; the attempt is not over and ends as any other does.
        After False for another failure next() says what the client gets, if it has got nothing yet.
        """

    @property
    def reason(self) -> str:
        """Why the last choice was made, in words for `was status` and the X-ray."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """One line of `was status`."""

    name: str
    state: str
    busy: int
    picks: int
    failures: int
    detail: str


class Balancer(Protocol):
    """A group while it runs."""

    @property
    def name(self) -> str: ...

    @property
    def members(self) -> Sequence[Member]: ...

    def ask(self, ask: Ask, now_s: float) -> Attempts:
        """Begin the attempts of a request."""

    def maintain(self, now_s: float) -> None:
        """Do what is due by now; called about once a second."""

    def mark(self, member: Member, healthy: bool, now_s: float) -> None:
        """Tell what an active check has found out; members are healthy until it says otherwise.

        A member is usable if no check finds it unhealthy and it is not in quarantine.
        """

    def drain(self, member: Member, draining: bool = True) -> None:
        """Give a member no new clients, only what is bound to it; False takes that back."""

    def status(self, now_s: float) -> list[MemberStatus]: ...
