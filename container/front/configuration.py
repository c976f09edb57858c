"""A front's configuration file, whosever language it is in, as what a program needs to run it.

nginx.conf ──┐
httpd.conf ──┴─ by its content ──> FrontConfig: a Site, where to listen, whom to maintain
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path

from container.errors import ConfigError, Problem
from container.front.balancer import Balancer
from container.front.site import Site

__all__ = ["FrontConfig", "FrontListen", "is_httpd", "load_front"]

_COMMENT = re.compile(r"#.*")
# What only one of the two has at the beginning of a line.
_HTTPD = re.compile(
    r"^\s*(?:<\w+|(?:Listen|ServerRoot|ServerName|LoadModule|DocumentRoot|Define|JkWorkersFile|JkMount|ProxyPass|"
    r"Include(?:Optional)?|Timeout|KeepAlive|User)\s+[^\s{;]+[^;{]*$)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class FrontListen:
    """host "": every address. path: of a Unix socket, else ""."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host or '*'}:{self.port}"


@dataclass(frozen=True, slots=True)
class FrontConfig:
    """notes: what is known and without effect here, and warnings."""

    site: Site
    listens: tuple[FrontListen, ...]
    balancers: tuple[Balancer, ...] = ()
    notes: tuple[Problem, ...] = ()


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
    config = importlib.import_module("container.front.config.nginx").read(str(file))
    site = importlib.import_module("container.front.config.nginx_site").NginxSite(config)
    found = dict.fromkeys(
        FrontListen(listen.host, listen.port, listen.path)
        for server in config.servers
        for listen in server.listens
    )
    return FrontConfig(site, tuple(found), tuple(site.balancers.values()), tuple(config.notes))


def _httpd(file: Path) -> FrontConfig:
    config = importlib.import_module("container.front.config.httpd").read_httpd(file)
    site = importlib.import_module("container.front.config.httpd_site").HttpdSite(config)
    found = dict.fromkeys(FrontListen(listen.host, listen.port) for listen in config.listen)
    return FrontConfig(site, tuple(found), tuple(site.groups), (*config.problems, *config.ignored))
