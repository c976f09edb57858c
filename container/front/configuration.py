"""A front's configuration file, whosever language it is in, as what a program needs to run it.

nginx.conf ──┐
httpd.conf ──┴─ by its content ──> FrontConfig: a Site, where to listen, whom to maintain
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from container.connectors.access_log import open_log
from container.errors import ConfigError, Problem, Source
from container.front.balancer import Balancer
from container.front.health import Checked
from container.front.site import Site
from container.mpm.event import has_ipv6
from container.mpm.tls import REJECTED, CertificateFiles, Choose

if TYPE_CHECKING:
    from container.front.config.apache.model import Listen as HttpdListen
    from container.front.config.apache.site import HttpdSite
    from container.front.config.nginx.model import Config, Listen
    from container.front.config.nginx.site import NginxSite

__all__ = ["FrontConfig", "FrontListen", "FrontTls", "is_httpd", "load_front"]

_COMMENT = re.compile(r"#.*")
# What only one of the two has at the beginning of a line.
_HTTPD = re.compile(
    r"^\s*(?:<\w+|(?:Listen|ServerRoot|ServerName|LoadModule|DocumentRoot|Define|JkWorkersFile|JkMount|ProxyPass|"
    r"Include(?:Optional)?|Timeout|KeepAlive|User)\s+[^\s{;]+[^;{]*$)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class FrontTls:
    """choose: the number of the certificate for a name; None: the first."""

    certificates: tuple[CertificateFiles, ...]
    choose: Choose = field(compare=False)
    min_version: str = "TLSv1.2"
    max_version: str = "TLSv1.3"
    ciphers: str | None = None


@dataclass(frozen=True, slots=True)
class FrontListen:
    """host "": every address of IPv4; "::": of IPv6, without ipv6_only of both. path: of a Unix socket."""

    host: str
    port: int
    path: str = ""
    tls: FrontTls | None = None
    ipv6_only: bool = True

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"{f'[{self.host}]' if ':' in self.host else self.host or '*'}:{self.port}"


@dataclass(frozen=True, slots=True)
class FrontConfig:
    """notes: what is known and without effect here, and warnings.

    settings: what the file says of processes, by the names of config.Settings. checked: the members that are
    checked while nobody asks them. logs: the access logs, each with the line that says so; those
    whose names depend on the request are left out.
    """

    site: Site
    listens: tuple[FrontListen, ...]
    balancers: tuple[Balancer, ...] = ()
    notes: tuple[Problem, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    checked: tuple[Checked, ...] = ()
    logs: Mapping[str, Source | None] = field(default_factory=dict)

    def check_logs(self) -> None:
        """Open each log for a moment. Raises ConfigError with all that cannot be written."""
        wrong = []
        for file, source in self.logs.items():
            try:
                os.close(open_log(Path(file)))
            except OSError as error:
                wrong.append(
                    f"{source}: the access log {file} cannot be written: {error.strerror}. "
                    "Name another file, or let the front's user write there."
                )
        if wrong:
            raise ConfigError("\n".join(wrong))


def is_httpd(text: str) -> bool:
    """Whether a configuration is httpd's rather than nginx's."""
    return bool(_HTTPD.search(_COMMENT.sub("", text)))


def load_front(file: Path) -> FrontConfig:
    """Raises ConfigError with all that is wrong."""
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ConfigError(
            f"--config {file}: cannot be read: {error.strerror}. Name an nginx.conf or httpd.conf."
        ) from None
    return _httpd(file) if is_httpd(text) else _nginx(file)


# Imported when wanted: a front reads one language, and crossplane may not be installed.


def _nginx(file: Path) -> FrontConfig:
    from container.front.config.nginx.conf import read
    from container.front.config.nginx.site import NginxSite

    config = read(str(file))
    site = NginxSite(config)
    listens = [
        FrontListen(
            each.host,
            each.port,
            each.path,
            _nginx_tls(config, site, each) if each.ssl else None,
            ipv6_only=each.ipv6_only,
        )
        for each in config.listens
    ]
    balancers = tuple(site.balancers.values())
    checked = tuple(
        Checked(site.balancers[name], member, check)
        for name, check in config.checks.items()
        for member in site.balancers[name].members
    )
    return FrontConfig(
        site, _once(listens), balancers, config.notes, config.process_settings, checked, config.logs
    )


def _nginx_tls(config: Config, site: NginxSite, listen: Listen) -> FrontTls:
    """Who asks for a server without a certificate gets the default server's; protocols are all that one's."""
    of_listen = config.servers_of(listen)
    servers = [server for server in of_listen if server.certificates]
    pairs = [[(Path(pem), Path(key)) for pem, key in server.certificates] for server in servers]
    files = tuple(CertificateFiles(*first, others=tuple(others)) for first, *others in pairs)
    numbers = {id(server): REJECTED for server in of_listen if server.rejects_handshake}
    numbers |= {id(server): number for number, server in enumerate(servers)}
    default = of_listen[0]
    return FrontTls(
        files,
        lambda name: numbers.get(id(site.server_for(listen, name))),
        default.tls_versions[0],
        default.tls_versions[1],
        default.tls_ciphers,
    )


def _httpd(file: Path) -> FrontConfig:
    from container.front.config.apache.mpm import process_settings
    from container.front.config.apache.site import read_site

    site = read_site(file)
    config = site.config
    listens = [
        FrontListen(host, each.port, tls=_httpd_tls(site, each))
        for each in config.listen
        for host in ([each.host] if each.host else _every_address())
    ]
    settings, notes = process_settings(config)
    return FrontConfig(
        site,
        _once(listens),
        tuple(site.groups),
        (*config.problems, *config.ignored, *notes),
        settings,
        tuple(site.checked),
        {log.file: log.source for server in (config.main, *config.hosts) for log in server.logs},
    )


def _httpd_tls(site: HttpdSite, listen: HttpdListen) -> FrontTls | None:
    hosts = site.tls_hosts(listen)
    files = []
    for host in hosts:
        certificate, key = host.server.certificate, host.server.certificate_key
        assert certificate is not None  # the site would not be there
        files.append(CertificateFiles(Path(certificate), Path(key) if key else None))

    def choose(name: str) -> int | None:
        return next((number for number, host in enumerate(hosts) if host.is_called(name)), None)

    return FrontTls(tuple(files), choose) if hosts else None


def _every_address() -> Sequence[str]:
    """Two sockets: on one for both families, clients of IPv4 would have addresses like ::ffff:127.0.0.1."""
    return ("0.0.0.0", "::") if has_ipv6() else ("0.0.0.0",)


def _once(listens: list[FrontListen]) -> tuple[FrontListen, ...]:
    return tuple(dict.fromkeys(listens))
