"""AdminSite: what is asked by those who operate a server, on an address of its own.

    GET /healthz   200 as long as the process lives
    GET /readyz    200 when new requests may come, 503 with the reasons when they should not

    pages, sites ──> AdminSite ──> HttpConnector ──> EventServer, all of them in an AdminServer

The answers are text, or JSON for who accepts that. What pages say is known elsewhere: a page is a function.
A site is a Handler of its own for all paths below one. They have a loop of their own, which answers from
before the web apps start until they have stopped.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from container.config import Settings
from container.connectors.http import HttpConnector
from container.mpm.event import EventServer, open_listener, url_of
from container.mpm.executor import Executor
from container.protocols.exchange import Begin, Exchange, Handler

__all__ = ["AdminServer", "AdminSite", "Page", "Reply", "health_pages"]


class Reply(NamedTuple):
    """What a page says, twice."""

    status: int
    text: str
    facts: Mapping[str, object]
    """As JSON."""


Page = Callable[[], Reply]
"""Called on the loop for each request: must not block."""


class AdminSite:
    """An exchange.Handler of a few pages, by path."""

    def __init__(
        self, pages: Mapping[str, Page], sites: Mapping[str, Handler] = MappingProxyType({})
    ) -> None:
        """sites: by the first segment of their paths ("/xray"); begin must answer."""
        self._pages = dict(pages)
        self._sites = dict(sites)

    def __repr__(self) -> str:
        return f"<AdminSite {', '.join([*self._pages, *self._sites])}>"

    def begin(self, exchange: Exchange) -> Begin:
        path = exchange.target.partition(b"?")[0].decode("latin-1")
        site = self._sites.get("/" + path[1:].partition("/")[0])
        if site is not None:
            return site.begin(exchange)
        headers: list[tuple[str, str]] = [("Cache-Control", "no-store")]
        page = self._pages.get(path)
        if page is None:
            there = [*self._pages, *self._sites]
            reply = Reply(404, f"There is {', '.join(there)}.\n", {"pages": there})
        elif exchange.method not in ("GET", "HEAD"):
            reply = Reply(405, "Use GET.\n", {"allow": ["GET", "HEAD"]})
            headers.append(("Allow", "GET, HEAD"))
        else:
            reply = page()
        if _accepts_json(exchange):
            kind, body = "application/json", json.dumps(reply.facts) + "\n"
        else:
            kind, body = "text/plain;charset=utf-8", reply.text
        content = body.encode()
        headers += [("Content-Type", kind), ("Content-Length", str(len(content)))]
        exchange.start(reply.status, headers)
        exchange.finish(content)
        return Begin.DONE

    def handle(self, exchange: Exchange) -> None:
        """Never needed, as begin has answered."""


def _accepts_json(exchange: Exchange) -> bool:
    return any(name.lower() == b"accept" and b"application/json" in value for name, value in exchange.headers)


def health_pages(reasons: Callable[[], Sequence[str]]) -> dict[str, Page]:
    """/healthz and /readyz. reasons: why no new requests should come; empty: they may."""

    def alive() -> Reply:
        return Reply(200, "alive\n", {"alive": True})

    def ready() -> Reply:
        found = list(reasons())
        text = "".join(["not ready\n", *(f"  {reason}\n" for reason in found)]) if found else "ready\n"
        return Reply(503 if found else 200, text, {"ready": not found, "reasons": found})

    return {"/healthz": alive, "/readyz": ready}


class AdminServer:
    """The admin address, if --admin-port names one or there are sites; without that nothing happens here."""

    def __init__(
        self,
        settings: Settings,
        pages: Mapping[str, Page],
        sites: Mapping[str, Handler] = MappingProxyType({}),
    ) -> None:
        """Take the port, a free one for sites alone. Raises ConfigError."""
        self._site = AdminSite(pages, sites)
        # A few connections are enough, and nobody is waited for.
        self._settings = dataclasses.replace(settings, max_connections=100, stop_timeout_s=0.0)
        host, port = settings.admin_host, settings.admin_port
        has_port = port or sites
        self._listener = open_listener(host, port, settings.backlog, "admin-") if has_port else None
        self.url = None if self._listener is None else url_of(self._listener)
        self._events: EventServer | None = None

    def start(self, executor: Executor) -> None:
        """Answer. executor: never used, as everything is answered on the loop, but connections have one."""
        if self._listener is not None:
            self._events = EventServer(
                [self._listener], lambda: HttpConnector(self._site, self._settings, executor), self._settings
            )
            self._events.start()

    def close(self) -> None:
        if self._events is not None:
            self._events.stop()
            self._events.join()
        elif self._listener is not None:
            self._listener.close()
