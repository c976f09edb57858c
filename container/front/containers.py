"""Container processes behind a front of the same machine: who gets a request, and what it is told.

    request ──> ContainersSite.decide ──> ProxyAction: the process of its session's route, else the least busy
    supervisor ── admit, withdraw ──> ContainersSite: which process stands behind a route at the moment

All paths are the containers'. The choice is that of mod_jk's load balancer, by routes; only that a failed
process is left out until the supervisor admits another one, not for a fixed time, and that idempotent
requests alone are sent again. What the client is known to be is settled here: a container believes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from container.config import Settings
from container.front.balancer import Address, Ask
from container.front.fields import end_to_end
from container.front.jk import REPEAT_IDEMPOTENT, LbConfig, LoadBalancer, Worker, WorkerConfig
from container.front.site import Action, FrontRequest, Headers, ProxyAction, ProxyLimits
from container.front.stickiness import session_ids
from container.protocols.backend import SECRETS
from container.protocols.forwarded import Claim, TrustedProxies

__all__ = ["ContainersSite", "routes"]

# Said anew below: what the client says of it counts only if that is trusted.
_ABOUT_THE_CLIENT = frozenset(
    (
        "forwarded", "host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
        "x-forwarded-server", "x-real-ip",
    )
)  # fmt: skip
_COOKIE = "JSESSIONID"
_PARAMETER = "jsessionid"
_NOWHERE = Address("http", "", 0, "/nonexistent")
_KEPT_PER_CONTAINER = 64  # idle connections
_KEPT_S = 60.0
_PAUSE_S = 0.05  # before another round; a process may have been admitted meanwhile


def routes(count: int) -> list[str]:
    """The routes of so many containers: what their session ids end in."""
    return [f"r{number}" for number in range(1, count + 1)]


class ContainersSite:
    """A Site. Belongs to the thread of the loop, admit and withdraw too."""

    def __init__(self, routes: Sequence[str], settings: Settings) -> None:
        self._proxies = TrustedProxies(settings.trusted_proxies, settings.forwarded_headers)
        self._trusts_somebody = bool(settings.trusted_proxies)
        self.balancer = LoadBalancer(
            LbConfig(
                "containers",
                tuple(
                    WorkerConfig(route, _NOWHERE, retries=1, recovery_options=REPEAT_IDEMPOTENT)
                    for route in routes
                ),
                method="B",
                retries=2,
                retry_interval_s=_PAUSE_S,
                lb_retries=len(routes),
                recover_time_s=1,
                error_escalation_time_s=0,
                maintain_s=1,
            )
        )
        self._gone, self._silent = set(routes), set[str]()
        self._settle()
        self._limits = ProxyLimits(
            connect_timeout_s=5.0,
            send_timeout_s=0.0,
            read_timeout_s=0.0,  # a servlet may take its time, as in one process
            request_buffering=settings.request_buffering,
            max_body_bytes=settings.max_body_bytes,
            keepalive=_KEPT_PER_CONTAINER * len(routes),
            keepalive_timeout_s=_KEPT_S,
            keepalive_requests=0,
            upgrade=True,
        )
        self._cookies: tuple[str, ...] = (_COOKIE,)

    def __repr__(self) -> str:
        return f"<ContainersSite {self.balancer!r}>"

    # Told by the supervisor -----------------------------------------------------------------------

    def admit(self, route: str, path: str, cookies: Sequence[str] = ()) -> None:
        """From now on the process that listens at path serves a route. cookies: of its sessions, by name."""
        worker = self._worker(route)
        worker.address = Address("http", "", 0, path)
        worker.is_well()
        self._gone.discard(route)
        self._silent.discard(route)
        self._settle()
        self._cookies = tuple(dict.fromkeys((*self._cookies, *cookies)))

    def withdraw(self, route: str) -> None:
        """Nobody serves a route at the moment."""
        self._gone.add(route)
        self._settle()

    def suspect(self, route: str, path: str, suspected: bool = True) -> None:
        """The process that listens at path does not answer, or does again."""
        if self._worker(route).address.path == path:
            (self._silent.add if suspected else self._silent.discard)(route)
            self._settle()

    def _settle(self) -> None:
        """Who is silent gets no requests, unless all are: one that is only slow is better than nobody."""
        there = {worker.route for worker in self.balancer.members} - self._gone
        usable = there - self._silent or there
        for worker in self.balancer.members:
            worker.healthy = worker.route in usable

    def _worker(self, route: str) -> Worker:
        return next(worker for worker in self.balancer.members if worker.route == route)

    # A Site ---------------------------------------------------------------------------------------

    def decide(self, request: FrontRequest) -> Action:
        exchange, headers = request.exchange, request.headers
        client = exchange.connection.peer[0]
        claim = self._proxies.read(client, exchange.headers) if self._trusts_somebody else None
        if claim is not None and claim.client is not None:
            client = claim.client.address
        target = exchange.target
        sessions: tuple[str, ...] = ()
        cookie = headers.get("cookie")
        if cookie is not None or b";" in target:
            sessions = self._sessions(target.decode("latin-1"), cookie or "")
        return ProxyAction(
            self.balancer,
            Ask(exchange.method, client, sessions=sessions),
            target,
            self._headers(request, client, claim),
            self._limits,
        )

    def _sessions(self, target: str, cookie: str) -> tuple[str, ...]:
        found: list[str] = []
        for name in self._cookies:
            found += session_ids(target, (cookie,), name, _PARAMETER if name == _COOKIE else name)
        return tuple(dict.fromkeys(found))

    def _headers(self, request: FrontRequest, client: str, claim: Claim | None) -> Headers:
        exchange = request.exchange
        host = request.headers.get("host") or _authority(*exchange.connection.local)
        passed = _known_passed_headers if SECRETS.isdisjoint(request.headers) else _passed_headers
        headers = passed(tuple(exchange.headers), host, client, request.scheme)
        if claim is not None and claim.host is not None:
            headers += (("X-Forwarded-Host", claim.host),)
        if claim is not None and claim.port is not None:
            headers += (("X-Forwarded-Port", str(claim.port)),)
        return headers

    def decide_error(
        self, request: FrontRequest, status: int, answer_headers: Sequence[tuple[str, str]] = ()
    ) -> Action | None:
        return None

    def log_line(self, request: FrontRequest, facts: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """None: the connector's own access log has what there is to say."""
        return ()


def _passed_headers(raw: tuple[tuple[bytes, bytes], ...], host: str, client: str, scheme: str) -> Headers:
    passed = [(name, value) for _, name, value in end_to_end(raw, _ABOUT_THE_CLIENT)]
    return (*passed, ("Host", host), ("X-Forwarded-For", client), ("X-Forwarded-Proto", scheme))


_known_passed_headers = lru_cache(256)(_passed_headers)  # clients send the same header again and again


def _authority(host: str, port: int) -> str:
    """Where the client came to, if it has not said."""
    return f"{f'[{host}]' if ':' in host else host}:{port}"
