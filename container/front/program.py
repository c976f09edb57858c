"""One process of `was front`: a configuration behind listeners, without a container.

    FrontConfig ──> Front ──> HttpConnector ──> EventServer (one loop)
                      └────> BlockingHttpConnector ──> WorkerServer, PreforkServer (a thread each)

master.py has several of them. Once a second each does what its balancers have to do, looks at its
certificates, and writes down for `was status` what its balancers have done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from container.config import Settings
from container.connectors.access_log import AccessLog
from container.connectors.http import HttpConnector
from container.connectors.http_blocking import BlockingHttpConnector
from container.front.configuration import FrontConfig
from container.front.front import Front, Maintained
from container.front.listeners import FrontListeners
from container.front.status import FrontStatus
from container.mpm.event import EventServer, run_in_thread
from container.mpm.executor import Executor, make_executor
from container.mpm.prefork import PreforkServer
from container.mpm.scoreboard import Slot
from container.mpm.worker import WorkerServer
from container.protocols.exchange import Handler
from container.trace import AnsweredListener

__all__ = ["FrontChild", "FrontConnector", "FrontServer"]

_TICK_S = 1.0
_FOREVER_S = 1e6
_log = logging.getLogger("container.front")


def _nothing() -> None:
    pass


class FrontConnector(HttpConnector):
    """Counts the connections to backends, too, as each needs a file of the process; ends with them."""

    __slots__ = ("_front", "_tick")

    def __init__(
        self,
        front: Front,
        settings: Settings,
        executor: Executor,
        tick: Callable[[], None] = _nothing,
        prefix: str = "",
        handler: Handler | None = None,
        listeners: Sequence[AnsweredListener] = (),
    ) -> None:
        """tick: called on the loop about once a second. handler: in front of the front; listeners: others."""
        super().__init__(handler or front, settings, executor, [front.report, *listeners], prefix)
        self._front = front
        self._tick = tick

    @property
    def connection_count(self) -> int:
        return super().connection_count + self._front.backend_count

    def sweep(self, now_s: float) -> None:
        super().sweep(now_s)
        self._front.maintain(now_s)
        self._tick()

    def begin_stop(self, grace_s: float = 0.0) -> None:
        super().begin_stop(grace_s)
        self._front.begin_stop()


class FrontServer:
    """Run it once: ``run`` serves in the calling thread, ``start`` in one of its own."""

    def __init__(
        self,
        settings: Settings,
        config: FrontConfig,
        listeners: FrontListeners | None = None,
        slot: Slot | None = None,
        prefix: str = "",
        status: FrontStatus | None = None,
        maintained: Sequence[Maintained] = (),
        wrap: Callable[[Front], Handler] = lambda front: front,
        logs: Sequence[AccessLog] = (),
    ) -> None:
        """Take the ports, unless listeners are given. Raises ConfigError.

        slot, prefix: of a child, see mpm/supervisor.py. maintained: what else is to be maintained, before the
        balancers are. wrap: what stands before the front. logs: beside those of the site.
        """
        # How long a body may be is the site's to say, not ours.
        self.settings = settings = replace(settings, max_body_bytes=0)
        self.config = config
        self.front = Front(config.site, settings, config.balancers, maintained)
        self._handler = wrap(self.front)
        self._logs = logs
        self._executor = make_executor(settings)
        self._listeners = listeners or FrontListeners(config.listens, settings.backlog)
        self._owns_paths = listeners is None
        self._status = status or FrontStatus(None)
        self.addresses = self._listeners.urls
        self._timeout_s = settings.stop_timeout_s
        self._ended = threading.Event()
        self._mpm = self._make_mpm(slot, prefix)
        self._thread: threading.Thread | None = None

    def _make_mpm(self, slot: Slot | None, prefix: str) -> EventServer | PreforkServer:
        settings, listeners = self.settings, self._listeners
        if settings.mpm == "event":
            return EventServer(
                listeners.plain,
                lambda: FrontConnector(
                    self.front, settings, self._executor, self._tick, prefix, self._handler, self._logs
                ),
                settings,
                slot,
                tls_listeners=listeners.secure,
            )
        assert slot is not None, "prefork and worker run below a supervisor"
        kind = {"prefork": PreforkServer, "worker": WorkerServer}[settings.mpm]
        return kind(
            listeners.plain,
            lambda: BlockingHttpConnector(self._handler, settings, [self.front.report, *self._logs], prefix),
            settings,
            slot,
            tls_listeners=listeners.secure,
        )

    def __repr__(self) -> str:
        return f"<FrontServer {', '.join(self.addresses)}>"

    def run(self, ready: Callable[[], None] = _nothing) -> None:
        """Serve in this thread until ``ask_to_stop``; ready says: from now on."""
        if self.settings.mpm != "event":
            threading.Thread(target=self._keep_ticking, name="keeper", daemon=True).start()
        self.front.maintain(time.monotonic())
        try:
            self._mpm.run(ready)
        finally:
            self._ended.set()
            self._executor.stop(min(_FOREVER_S, self._timeout_s))
            self.front.close()
            for log in self._logs:
                log.close()
            self._status.remove()

    def drain(self) -> None:
        """Have connections end with their next answer. For any thread."""
        self._mpm.drain()

    def ask_to_stop(self, timeout_s: float) -> None:
        """Make ``run`` return. For any thread."""
        self._timeout_s = min(self._timeout_s, timeout_s)
        self._mpm.stop(timeout_s)

    def start(self) -> None:
        """Run in a thread; returns when connections are accepted."""
        self._thread = run_in_thread(self.run, "front")

    def stop(self) -> None:
        """End running requests within settings.stop_timeout_s."""
        self.ask_to_stop(self.settings.stop_timeout_s)
        if self._thread is not None:
            self._thread.join()
        self._listeners.close()
        if self._owns_paths:
            self._listeners.remove_paths()

    def _keep_ticking(self) -> None:
        """Do once a second what a loop would."""
        while not self._ended.wait(_TICK_S):
            try:
                self.front.maintain(time.monotonic())
                self._tick()
            except Exception:  # noqa: BLE001  a mistake of ours; the next round has to come
                _log.exception("A round of the keeper failed")

    def _tick(self) -> None:
        for tls in self._listeners.tls:
            tls.poll()
        self._status.set_groups(self.front.status(time.monotonic()))
        self._status.write()


class FrontChild:
    """A FrontServer as a supervisor.ChildServer."""

    def __init__(self, server: FrontServer) -> None:
        self.run = server.run
        self.drain = server.drain
        self.stop = server.ask_to_stop
