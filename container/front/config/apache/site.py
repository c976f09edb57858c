"""A Site that decides as Apache with mod_jk does.

request ──> HttpdSite: which virtual host ──> Host: what to do ──> Action
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from container.front.balancer import Balancer
from container.front.config.apache.conf import read_httpd
from container.front.config.apache.groups import Groups
from container.front.config.apache.host import Host
from container.front.config.apache.model import Httpd, Listen
from container.front.config.mistakes import Mistakes
from container.front.health import Checked
from container.front.site import Action, Deny, FrontRequest

__all__ = ["HttpdSite", "read_site"]


def read_site(
    path: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    defines: Iterable[str] = (),
    now: Callable[[], float] = time.monotonic,
) -> HttpdSite:
    """Read an httpd.conf with all that it names. Raises BadConfiguration with all that is wrong."""
    mistakes = Mistakes("WAS811")
    config = read_httpd(path, mistakes, environ, defines=defines)
    site = HttpdSite(config, mistakes, now=now)
    mistakes.tell([*config.problems, *config.ignored])
    return site


class HttpdSite:
    """Everything that one httpd.conf says. Any thread may ask; whoever asks the groups guards them."""

    def __init__(
        self, config: Httpd, mistakes: Mistakes, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """mistakes: gets those that show when the parts are put together."""
        self.config = config
        self.now = now
        self._groups = Groups(config, mistakes)
        self._main = Host(config, self._groups, config.main, now, mistakes)
        self._hosts = [Host(config, self._groups, server, now, mistakes) for server in config.hosts]
        for server in config.hosts:
            if server.tls and server.certificate is None:
                mistakes.add(
                    server.source,
                    "SSLEngine is on, but there is no certificate",
                    "Write SSLCertificateFile",
                )

    def __repr__(self) -> str:
        return f"<HttpdSite {len(self._hosts)} virtual hosts, {len(self.groups)} groups>"

    @property
    def groups(self) -> Sequence[Balancer]:
        """All that are to be maintained."""
        return self._groups.all

    @property
    def checked(self) -> Sequence[Checked]:
        """The members with a health check."""
        return [
            Checked(backend.group, member, check)
            for backend in self._groups.proxies.values()
            for member in backend.group.members
            if (check := backend.members[member.name].check) is not None
        ]

    def tls_hosts(self, listen: Listen) -> list[Host]:
        """The hosts with SSLEngine on that answer at an address; none: it is spoken to without TLS."""
        address = "" if listen.host == "0.0.0.0" else listen.host
        return [
            host
            for host in self._hosts
            if host.server.tls
            and any(_fits(each, port, address or each, listen.port) for each, port in host.addresses)
        ]

    def decide(self, request: FrontRequest) -> Action:
        return self._host(request).decide(request)

    def decide_error(
        self, request: FrontRequest, status: int, answer_headers: Sequence[tuple[str, str]] = ()
    ) -> Action | None:
        action = self._host(request).error(request, request.path, status)
        return None if action == Deny(status) else action

    def log_line(self, request: FrontRequest, facts: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        return self._host(request).log_lines(request, facts)

    def _host(self, request: FrontRequest) -> Host:
        """The addresses decide first, then the names; the first host of an address is its default."""
        address, port = request.exchange.connection.local
        best, found = 0, []
        for host in self._hosts:
            score = max(
                (_fits(host_address, host_port, address, port) for host_address, host_port in host.addresses),
                default=0,
            )
            if score > best:
                best, found = score, [host]
            elif score and score == best:
                found.append(host)
        if not found:
            return self._main
        name = request.host.rstrip(".")
        return next((host for host in found if host.is_called(name)), found[0])


def _fits(host: str, host_port: str, address: str, port: int) -> int:
    """How well a VirtualHost's address fits: an address beats "*", a port beats "*"; 0: not at all."""
    if port and host_port not in ("*", str(port)):
        return 0
    if host != "*" and host != address:
        return 0
    return 1 + (host_port != "*") + 2 * (host != "*")
