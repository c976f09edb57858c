"""AdminSite: what is asked by those who operate a server, on an address of its own.

    GET /healthz   200 as long as the process lives
    GET /readyz    200 when new requests may come, 503 with the reasons when they should not
    GET /status    what `was status` prints

    pages, sites ──> AdminSite ──> HttpConnector ──> EventServer, all of them in an AdminServer
    AdminProcess: that as the helper of a supervisor, where several processes serve

The answers are text, or JSON for who accepts that. What pages say is known elsewhere: a page is a function. A
site is a Handler of its own for all paths below one. They have a loop of their own, which answers from before
the web apps start until they have stopped. Of several processes the scoreboard tells.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from container.config import Settings
from container.connectors.http import HttpConnector
from container.errors import ConfigError
from container.front import status
from container.mpm.event import EventServer, open_listener, url_of
from container.mpm.executor import Executor, make_executor
from container.mpm.scoreboard import DRAINING, ENDING, STARTING, WAITING, Scoreboard, status_folder
from container.mpm.status import as_text
from container.protocols.exchange import Begin, Exchange, Handler

__all__ = [
    "AdminProcess",
    "AdminServer",
    "AdminSite",
    "Page",
    "Reply",
    "board_reasons",
    "folder_of",
    "health_pages",
    "status_page",
]


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


_PHASES = {STARTING: "starting", DRAINING: "draining", ENDING: "stopping"}


def board_reasons(board: Scoreboard) -> list[str]:
    """Why no new requests should come to a server of several processes; empty: they may."""
    if reason := _PHASES.get(board.phase):
        return [reason]
    ready = [slot for slot in board.all_slots() if slot.state == WAITING]
    if not ready:
        return ["no process is ready"]
    failed = max(slot.failed for slot in ready)
    return [f"web apps that did not start: {failed}"] if failed else []


def status_page(board: Scoreboard, folder: Path | None) -> dict[str, Page]:
    """/status. folder: where the processes of a front write what their balancers do."""

    def show() -> Reply:
        server = board.status()
        of_front = status.read_status(folder, server.pid) if folder else None
        parts = [as_text([server], time.time()), *([status.as_text(of_front)] if of_front else ())]
        return Reply(200, "\n\n".join(parts) + "\n", {**dataclasses.asdict(server), "front": of_front})

    return {"/status": show}


def folder_of(settings: Settings) -> Path | None:
    """That of the scoreboards; None if there is none, as make_board has said."""
    try:
        return status_folder(settings.work)
    except ConfigError:
        return None


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
        self._listener = open_listener(host, port, settings.backlog, "--admin-") if has_port else None
        self.url = url_of(self._listener) if self._listener is not None else None
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


class Service(Protocol):
    """What else a helper process does."""

    def start(self) -> None: ...

    def close(self) -> None: ...


class AdminProcess:
    """A ChildServer (mpm/supervisor.py) that answers the admin address for other processes."""

    def __init__(self, admin: AdminServer, settings: Settings, services: Sequence[Service] = ()) -> None:
        self._admin = admin
        self._settings = settings
        self._services = services
        self._stopping = threading.Event()

    def run(self, ready: Callable[[], None]) -> None:
        executor = make_executor(self._settings)
        self._admin.start(executor)
        for each in self._services:
            each.start()
        ready()
        self._stopping.wait()
        for each in self._services:
            each.close()
        self._admin.close()
        executor.stop(0.0)

    def drain(self) -> None:
        """Nothing: it answers until the end."""

    def stop(self, timeout_s: float) -> None:
        self._stopping.set()
