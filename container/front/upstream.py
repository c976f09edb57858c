"""Choose among servers as nginx does in an upstream block.

    UpstreamConfig ──> Upstream ──ask──> attempts of one request: choose, fail, choose again

Methods, quarantine and the rules of proxy_next_upstream are nginx's, its whole seconds included. What is
proxy_next_upstream's belongs to a location, not to the group: with_policy gives a second view of the same
servers. In two places nginx is not followed: a dead pooled connection does not count against its server, and
a client that goes away does not make an untested server count as tested.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import md5
from ipaddress import ip_address
from itertools import accumulate
from typing import Literal
from zlib import crc32

from container.front.balancer import (
    RECENT_PICKS,
    Address,
    Ask,
    Exhausted,
    Failure,
    Member,
    MemberStatus,
    Sent,
)

__all__ = ["Method", "NextUpstream", "ServerConfig", "Upstream", "UpstreamConfig"]

Method = Literal["round_robin", "least_conn", "ip_hash", "hash", "consistent", "random", "random_two"]

MAX_DRAWS = 20  # of a hash or at random, for one request; then it is the turn of round robin
POINTS_PER_WEIGHT = 160  # on the ring of the consistent hash
NOT_IDEMPOTENT = frozenset({"POST", "LOCK", "PATCH"})

# What a failure is called in proxy_next_upstream, and what the client gets after the last one.
_CONDITIONS = {
    Failure.CONNECT: ("error", 502),
    Failure.CONNECT_TIMEOUT: ("timeout", 504),
    Failure.BUSY: ("error", 502),
    Failure.SEND: ("error", 502),
    Failure.READ: ("error", 502),
    Failure.READ_TIMEOUT: ("timeout", 504),
    Failure.INVALID_HEADER: ("invalid_header", 502),
    Failure.STALE: ("error", 502),
}
_ANSWERED = Exhausted(502, "the request is over")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One address of a `server` line; a name with several addresses makes several of the same name."""

    name: str
    """As it is written: the consistent hash is made of it."""
    address: Address
    weight: int = 1
    max_fails: int = 1
    fail_timeout_s: int = 10
    backup: bool = False
    down: bool = False
    max_conns: int = 0
    route: str = ""
    """What binds a client to it (sticky); "": the MD5 of its address."""
    drain: bool = False
    """Only for clients that are bound to it."""


@dataclass(frozen=True, slots=True)
class UpstreamConfig:
    """An `upstream` block."""

    name: str
    servers: tuple[ServerConfig, ...]
    method: Method = "round_robin"
    sticky: bool = False
    """Whether the sessions of an Ask are routes of servers: the first one that is usable gets it."""


@dataclass(frozen=True, slots=True)
class NextUpstream:
    """proxy_next_upstream and its two limits; 0: no limit."""

    conditions: frozenset[str] = frozenset({"error", "timeout"})
    """In nginx's words; empty: off."""
    tries: int = 0
    timeout_s: float = 0.0


@dataclass(slots=True, eq=False)
class Server:
    """A server while it runs. Seconds are whole ones."""

    config: ServerConfig
    name: str
    address: Address
    weight: int
    effective: int
    current: int = 0
    fails: int = 0
    failed_s: int = 0
    checked_s: int = 0
    conns: int = 0
    picks: int = 0
    failures: int = 0
    healthy: bool = True
    draining: bool = False
    route: str = ""

    @property
    def off(self) -> bool:
        return self.config.down or self.draining or not self.healthy

    def quarantined(self, now: int) -> bool:
        config = self.config
        return 0 < config.max_fails <= self.fails and now - self.checked_s <= config.fail_timeout_s

    def full(self) -> bool:
        return 0 < self.config.max_conns <= self.conns

    def usable(self, now: int) -> bool:
        return not (self.off or self.quarantined(now) or self.full())

    def usable_for_its_own(self, now: int) -> bool:
        """Whether clients that are bound to it may come."""
        return not (self.config.down or not self.healthy or self.quarantined(now) or self.full())

    def has_failed(self, now: int) -> None:
        self.fails += 1
        self.failures += 1
        self.failed_s = self.checked_s = now
        if limit := self.config.max_fails:
            self.effective = max(0, self.effective - self.weight // limit)

    def has_answered(self) -> None:
        if self.failed_s < self.checked_s:  # chosen again since its quarantine: it has passed the test
            self.fails = 0


@dataclass(slots=True)
class _Group:
    """What all views of an upstream share."""

    config: UpstreamConfig
    primaries: list[Server]
    backups: list[Server]
    draw: Callable[[int], int]
    ring: list[tuple[int, str]] = field(default_factory=list)
    bounds: list[int] = field(default_factory=list)  # the primaries' weights, added up
    recent: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=RECENT_PICKS))

    @property
    def single(self) -> bool:
        """Whether there is nobody else to turn to: then nothing is counted and nobody left out."""
        return len(self.primaries) == 1 and not self.backups

    def at(self, weight: int) -> Server:
        """Return the primary at this place of the total weight, which includes those that are down."""
        return self.primaries[bisect_left(self.bounds, weight + 1)]


class Upstream:
    """A group of servers: a Balancer. draw(n) gives a random number below n."""

    def __init__(
        self,
        config: UpstreamConfig,
        policy: NextUpstream = NextUpstream(),
        draw: Callable[[int], int] = random.randrange,
    ) -> None:
        servers = [_run(each) for each in config.servers]
        primaries = [server for server in servers if not server.config.backup]
        group = _Group(config, primaries, [server for server in servers if server.config.backup], draw)
        group.bounds = list(accumulate(server.weight for server in primaries))
        if config.method == "consistent":
            group.ring = make_ring(primaries)
        self._group = group
        self._policy = policy

    def __repr__(self) -> str:
        return f"<Upstream {self.name} {[(server.name, server.conns) for server in self.members]}>"

    def with_policy(self, policy: NextUpstream) -> Upstream:
        """Return the same servers, with their counters, under another proxy_next_upstream."""
        view = object.__new__(Upstream)
        view._group = self._group
        view._policy = policy
        return view

    @property
    def name(self) -> str:
        return self._group.config.name

    @property
    def members(self) -> Sequence[Server]:
        return self._group.primaries + self._group.backups

    @property
    def recent(self) -> Sequence[tuple[str, str]]:
        """The last choices, oldest first: (server, reason)."""
        return tuple(self._group.recent)

    def ask(self, ask: Ask, now_s: float) -> UpstreamAttempts:
        return UpstreamAttempts(self._group, self._policy, ask, now_s)

    def maintain(self, now_s: float) -> None:
        """Nothing is ever due: a quarantine ends when somebody looks."""

    def mark(self, member: Member, healthy: bool, now_s: float) -> None:
        for server in self._named(member):
            server.healthy = healthy

    def drain(self, member: Member, draining: bool = True) -> None:
        for server in self._named(member):
            server.draining = draining

    def _named(self, member: Member) -> list[Server]:
        key = (member.name, member.address)
        return [server for server in self.members if (server.name, server.address) == key]

    def status(self, now_s: float) -> list[MemberStatus]:
        now = int(now_s)
        return [
            MemberStatus(
                server.name,
                self._state(server, now),
                server.conns,
                server.picks,
                server.failures,
                _detail(server, now),
            )
            for server in self.members
        ]

    def _state(self, server: Server, now: int) -> str:
        if server.config.down:
            return "down"
        if server.draining:
            return "draining"
        if not server.healthy:
            return "unhealthy"
        if not self._group.single and server.quarantined(now):
            return "quarantine"
        if server.full():
            return "full"
        return "backup" if server.config.backup else "up"


def _run(config: ServerConfig) -> Server:
    route = config.route or md5(str(config.address).encode(), usedforsecurity=False).hexdigest()
    weight = config.weight
    return Server(config, config.name, config.address, weight, weight, draining=config.drain, route=route)


def _detail(server: Server, now: int) -> str:
    config = server.config
    words = [f"weight {server.weight}"]
    if server.effective != server.weight:
        words.append(f"at present {server.effective}")
    if server.fails and config.max_fails:
        words.append(f"{server.fails} of {config.max_fails} fails")
    if server.quarantined(now):
        words.append(f"tried again in {server.checked_s + config.fail_timeout_s + 1 - now} s")
    if config.max_conns:
        words.append(f"at most {config.max_conns} at a time")
    return ", ".join(words)


class UpstreamAttempts:
    """The attempts of one request."""

    __slots__ = (
        "_ask",
        "_draws",
        "_group",
        "_hash",
        "_left",
        "_over",
        "_policy",
        "_rehash",
        "_server",
        "_servers",
        "_stale",
        "_started_s",
        "_tried",
        "_why",
    )

    def __init__(self, group: _Group, policy: NextUpstream, ask: Ask, now_s: float) -> None:
        self._group = group
        self._policy = policy
        self._ask = ask
        self._started_s = now_s
        self._servers = group.primaries
        self._left = sum(not (server.config.down or server.draining) for server in group.primaries)
        self._left += sum(not (server.config.down or server.draining) for server in group.backups)
        if policy.tries:
            self._left = min(self._left, policy.tries)
        self._server: Server | None = None
        self._tried: list[Server] = []
        self._stale: list[Server] = []
        self._over: Exhausted | None = None
        self._why = ""
        self._draws = 0
        self._hash = 89 if group.config.method == "ip_hash" else 0
        self._rehash = 0

    @property
    def reason(self) -> str:
        return self._why

    def next(self, now_s: float) -> Server | Exhausted:
        if self._server is not None:
            raise RuntimeError(f"the attempt at {self._server.name} has not ended")
        if self._over is not None:
            return self._over
        now = int(now_s)
        server = self._choose(now)
        if server is None and self._stale:
            # Nobody else is there: it deserves a new connection.
            self._tried = [tried for tried in self._tried if tried not in self._stale]
            self._stale = []
            server = self._choose(now)
        if server is None:
            self._over = Exhausted(502, f"no live upstreams in {self._group.config.name}")
            return self._over
        if 0 < server.config.max_fails <= server.fails:
            self._why += ", a test after its quarantine"
        if self._tried:
            self._why += f", after {self._tried[-1].name}"
        if now - server.checked_s > server.config.fail_timeout_s:
            server.checked_s = now  # until this one has ended, nobody else tries a server that had failed
        server.conns += 1
        server.picks += 1
        self._tried.append(server)
        self._server = server
        self._group.recent.append((server.name, self._why))
        return server

    def succeeded(self, now_s: float, *, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        server = self._release()
        if not self._group.single:
            server.has_answered()
        self._over = _ANSWERED

    def failed(self, failure: Failure, now_s: float, *, sent: Sent = Sent.NOTHING, status: int = 0) -> bool:
        if failure is Failure.STATUS:
            return self._status(status, now_s, sent)
        server = self._release()
        if failure is Failure.CLIENT or failure is Failure.BROKEN:
            if failure is Failure.BROKEN and not self._group.single:
                server.has_answered()  # its head came, and that is what is counted
            self._over = _ANSWERED
            return False
        condition, final = _CONDITIONS[failure]
        if failure is Failure.STALE:
            self._stale.append(server)
        else:
            self._count_failure(server, int(now_s))
        refusal = "" if failure is Failure.STALE and not sent else self._refusal(condition, now_s, sent)
        if not refusal and self._left:
            return True
        self._over = Exhausted(final, f"{server.name}: {failure.name}; {refusal or 'no attempt is left'}")
        return False

    def _status(self, status: int, now_s: float, sent: Sent) -> bool:
        if self._left <= 1 or self._refusal(f"http_{status}", now_s, sent):
            return False
        server = self._release()
        if status in (403, 404):  # not what a broken server says
            server.has_answered()
            self._left -= 1
        else:
            self._count_failure(server, int(now_s))
        return True

    def _count_failure(self, server: Server, now: int) -> None:
        if self._group.single:
            server.failures += 1
            self._left = 0
        else:
            server.has_failed(now)
            self._left -= 1

    def _release(self) -> Server:
        server = self._server
        if server is None:
            raise RuntimeError("no attempt is under way")
        server.conns -= 1
        self._server = None
        return server

    def _refusal(self, condition: str, now_s: float, sent: Sent) -> str:
        """Return why the request may not be sent again after this; "" if it may."""
        policy = self._policy
        if condition not in policy.conditions:
            return f"{condition} is not in proxy_next_upstream"
        if sent and not self._ask.replayable:
            return "its body cannot be sent again"
        if sent and self._ask.method in NOT_IDEMPOTENT and "non_idempotent" not in policy.conditions:
            return f"{self._ask.method} is not sent twice"
        if policy.timeout_s and now_s - self._started_s >= policy.timeout_s:
            return "proxy_next_upstream_timeout has passed"
        return ""

    # The choice. Each method returns a usable server that has not been tried, or None.

    def _choose(self, now: int) -> Server | None:
        group = self._group
        if group.config.sticky and not self._tried and (bound := self._bound(now)):
            return bound
        if group.single:
            server = group.primaries[0]
            self._why = "the only server"
            return None if server.off or server.full() or server in self._tried else server
        if self._servers is group.primaries:
            server_or_none = _METHODS[group.config.method](self, now)
            if server_or_none is not None or not group.backups:
                return server_or_none
            self._servers = group.backups
        method = _least_conn if group.config.method == "least_conn" else _round_robin
        server_or_none = method(self, now)
        self._why = f"backup, {self._why}"
        return server_or_none

    def _bound(self, now: int) -> Server | None:
        for route in self._ask.sessions:
            for server in (*self._group.primaries, *self._group.backups):
                if server.route == route and server.usable_for_its_own(now):
                    self._why = f"bound to {route}"
                    return server
        return None

    def _usable(self, now: int) -> list[Server]:
        return [each for each in self._servers if each not in self._tried and each.usable(now)]

    def _free(self, server: Server, now: int) -> bool:
        return server not in self._tried and server.usable(now)


def _round_robin(attempts: UpstreamAttempts, now: int) -> Server | None:
    attempts._why = "round robin"
    return _step(attempts._usable(now))


def _step(servers: Sequence[Server]) -> Server | None:
    """Do one step of the smooth weighted round robin among these."""
    best: Server | None = None
    total = 0
    for server in servers:
        server.current += server.effective
        total += server.effective
        if server.effective < server.weight:
            server.effective += 1
        if best is None or server.current > best.current:
            best = server
    if best is not None:
        best.current -= total
    return best


def _least_conn(attempts: UpstreamAttempts, now: int) -> Server | None:
    attempts._why = "fewest connections"
    least: list[Server] = []
    for server in attempts._usable(now):
        difference = server.conns * least[0].weight - least[0].conns * server.weight if least else -1
        if difference < 0:
            least = [server]
        elif difference == 0:
            least.append(server)
    return _step(least) if len(least) > 1 else least[0] if least else None


def _ip_hash(attempts: UpstreamAttempts, now: int) -> Server | None:
    group = attempts._group
    octets = _octets(attempts._ask.client)
    while attempts._draws <= MAX_DRAWS:
        for octet in octets:
            attempts._hash = (attempts._hash * 113 + octet) % 6271
        server = group.at(attempts._hash % group.bounds[-1])
        if attempts._free(server, now):
            attempts._why = "hash of the client's address"
            return server
        attempts._draws += 1
    return _round_robin(attempts, now)


@lru_cache(maxsize=1024)
def _octets(client: str) -> bytes:
    """Return what of a client's address is hashed: a network of IPv4, a whole address of IPv6."""
    try:
        address = ip_address(client)
    except ValueError:
        return b"\0\0\0"  # a Unix socket
    return address.packed[:3] if address.version == 4 else address.packed


def _hash(attempts: UpstreamAttempts, now: int) -> Server | None:
    group = attempts._group
    key = attempts._ask.key.encode(errors="surrogateescape")
    while key and attempts._draws <= MAX_DRAWS:
        prefix = b"%d" % attempts._rehash if attempts._rehash else b""
        attempts._hash += crc32(prefix + key) >> 16 & 0x7FFF
        attempts._rehash += 1
        server = group.at(attempts._hash % group.bounds[-1])
        if attempts._free(server, now):
            attempts._why = "hash of the key"
            return server
        attempts._draws += 1
    return _round_robin(attempts, now)


def _consistent(attempts: UpstreamAttempts, now: int) -> Server | None:
    ring = attempts._group.ring
    key = attempts._ask.key.encode(errors="surrogateescape")
    start = bisect_left(ring, (crc32(key), ""))
    while key and attempts._draws <= MAX_DRAWS:
        _point, name = ring[(start + attempts._draws) % len(ring)]
        server = _step([each for each in attempts._usable(now) if each.name == name])
        if server is not None:
            attempts._why = "consistent hash of the key"
            return server
        attempts._draws += 1
    return _round_robin(attempts, now)


def make_ring(servers: Sequence[Server]) -> list[tuple[int, str]]:
    """Return the points of the consistent hash in order, each with the name of its servers."""
    ring: dict[int, str] = {}
    for server in servers:
        name = server.name
        host, colon, port = name.rpartition(":")
        if name.lower().startswith("unix:"):
            host, port = name[5:], ""
        elif not colon or not (port.isascii() and port.isdigit()):
            host, port = name, ""
        base = crc32(host.encode() + b"\0" + port.encode())
        point = 0
        for _ in range(server.weight * POINTS_PER_WEIGHT):
            point = crc32(point.to_bytes(4, "little"), base)
            ring.setdefault(point, name)
    return sorted(ring.items())


def _random(attempts: UpstreamAttempts, now: int) -> Server | None:
    group = attempts._group
    while attempts._draws <= MAX_DRAWS:
        server = group.at(group.draw(group.bounds[-1]))
        if attempts._free(server, now):
            attempts._why = "at random"
            return server
        attempts._draws += 1
    return _round_robin(attempts, now)


def _random_two(attempts: UpstreamAttempts, now: int) -> Server | None:
    group = attempts._group
    first: Server | None = None
    while attempts._draws <= MAX_DRAWS:
        server = group.at(group.draw(group.bounds[-1]))
        if server is not first and attempts._free(server, now):
            if first is not None:
                attempts._why = "fewer connections of two at random"
                return first if server.conns * first.weight > first.conns * server.weight else server
            first = server
        attempts._draws += 1
    return _round_robin(attempts, now)


_METHODS: dict[Method, Callable[[UpstreamAttempts, int], Server | None]] = {
    "round_robin": _round_robin,
    "least_conn": _least_conn,
    "ip_hash": _ip_hash,
    "hash": _hash,
    "consistent": _consistent,
    "random": _random,
    "random_two": _random_two,
}
