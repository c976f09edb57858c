"""Configurations as they stand in a file, and requests without a socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from container.front.config.nginx.conf import Config, read
from container.front.config.nginx.paths import canonical_path
from container.front.config.nginx.site import NginxSite
from container.front.site import Action, FrontRequest

HOSTS = {"two.test": ["10.0.0.1", "10.0.0.2"], "localhost": ["127.0.0.1"]}


def resolve(host: str) -> list[str]:
    if host not in HOSTS:
        raise OSError(host)
    return HOSTS[host]


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Config]:
    """Read what stands in http {}; with main=True the whole file."""

    def configure(text: str, *, main: bool = False) -> Config:
        file = tmp_path / "nginx.conf"
        file.write_text(text if main else f"events {{ }}\nhttp {{\n{text}\n}}\n")
        return read(str(file), resolve)

    return configure


class Visitor:
    """Asks one Site, at 2023-11-14T22:13:20Z."""

    def __init__(self, config: Config) -> None:
        self.site = NginxSite(config, lambda: 1_700_000_000.0)

    def request(
        self,
        target: str,
        method: str = "GET",
        header: Mapping[str, str] | None = None,
        *,
        port: int = 80,
        peer: str = "192.0.2.7",
        length: int | None = None,
        scheme: str = "http",
    ) -> FrontRequest:
        fields = {"Host": "site.test", **(header or {})}
        raw, mark, query = target.partition("?")
        path = canonical_path(raw.encode())
        assert path is not None
        exchange: Any = SimpleNamespace(
            method=method,
            target=target.encode(),
            version="HTTP/1.1",
            headers=[(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
            content_length=length,
            connection=SimpleNamespace(
                id="c1", peer=(peer, 4711 if peer else 0), local=("192.0.2.1", port), tls=None, secure=False
            ),
        )
        lower = {name.lower(): value for name, value in fields.items()}
        host = re.sub(r":\d+$", "", lower["host"].lower())
        return FrontRequest(exchange, scheme, host, path, query if mark else None, lower)

    def ask(self, target: str, *args: Any, **facts: Any) -> Action:
        return self.site.decide(self.request(target, *args, **facts))


@pytest.fixture
def visit(configure: Callable[..., Config]) -> Callable[..., Visitor]:
    """A visitor of one server, or of all that stands in http {} if there is a server in it."""

    def visit(text: str) -> Visitor:
        return Visitor(configure(text if "server {" in text else f"server {{ {text} }}"))

    return visit
