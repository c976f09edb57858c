"""Settings in, running processes out: the only module that knows every part.

    Settings ──> Container (web apps) ──> EmbeddedFront (files) ──> HttpConnector ──> EventServer (loop, threads)

Three threads of ours beside the requests': the main one waits for signals, the loop reads and writes sockets, the
keeper ends expired sessions and, with --dev, reloads changed web apps.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from container import __version__
from container.config import Settings
from container.engine.container import Container
from container.engine.context import Context
from container.engine.lifecycle import State
from container.engine.reload import FileWatcher
from container.errors import ContainerError, DeploymentError

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Server", "make_application", "run"]

log = logging.getLogger("container.server")

_KEEPER_S = 1.0
_SWEEP_EVERY = 10  # rounds of the keeper


def make_application(webapps: str | Path = "webapps", **settings: Any) -> Container:
    """Start the web apps of a folder and return the container: a PEP 3333 callable.

    settings are those of config.Settings by name. The caller calls ``stop()`` when it is done; web apps that do not
    start answer 503, see ``contexts`` for their problems. Raises DeploymentError if there is no such folder.
    """
    chosen = Settings(webapps=Path(webapps), **settings)
    container = Container(chosen)
    container.deploy_all(chosen.webapps)
    return container


class Server:
    """A container behind its embedded front, on a listener. ``start``, then ``wait`` or ``stop``, by one thread."""

    def __init__(self, settings: Settings) -> None:
        # Late, so that an application under another WSGI server does not load our own connectors.
        from container.connectors.access_log import AccessLog
        from container.connectors.http import HttpConnector
        from container.front.routes import EmbeddedFront
        from container.mpm.event import EventServer, open_listener
        from container.mpm.executor import PerRequestExecutor, PoolExecutor

        self.settings = settings
        self.container = Container(settings)
        executor_class = PoolExecutor if settings.executor == "pool" else PerRequestExecutor
        self.executor = executor_class(settings.threads, settings.queue)
        self.front = EmbeddedFront(self.container)
        self.access_log = None if settings.access_log == "off" else AccessLog(settings)
        listeners = [] if self.access_log is None else [self.access_log]
        self._listener = open_listener(settings.host, settings.port, settings.backlog)
        self._events = EventServer(
            [self._listener],
            lambda: HttpConnector(self.front, settings, self.executor, listeners),
            settings,
        )
        self._stop_keeper = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._watchers: dict[str, FileWatcher] = {}
        self._begin = time.perf_counter()

    @property
    def url(self) -> str:
        return self._events.urls[0]

    def start(self) -> None:
        """Deploy every web app, then accept connections."""
        self.container.deploy_all(self.settings.webapps)
        self.container.on_static_plan(self.front.publish)
        if self.settings.dev:
            for context in self.container.contexts.values():
                self._watch(context)
        self._events.start()
        self._keeper.start()

    def report(self, out: TextIO) -> None:
        """Say what is served, where the logs are and what is wrong."""
        contexts = list(self.container.contexts.values())
        width = max((len(self.url + c.path) for c in contexts), default=0) + 1
        print(f"servlet-container {__version__}, {self.settings.webapps}:", file=out)
        for context in contexts:
            url = f"{self.url}{context.path}/"
            if context.state is State.RUNNING:
                counts = (
                    f"{len(context.web_app.servlets)} servlets, {len(context.filters)} filters, "
                    f"started in {context.started_ms:.0f} ms"
                )
            else:
                counts = "DID NOT START, answers 503"
            print(f"  {url:<{width}}  {counts}", file=out)
        for context in contexts:
            for problem in context.problems:
                print(f"  {problem}", file=out)
        access = {"-": "standard output", "off": "off"}.get(self.settings.access_log, self.settings.access_log)
        took_ms = (time.perf_counter() - self._begin) * 1000
        print(f"Logs: access log on {access}, the rest on standard error.", file=out)
        print(f"Ready after {took_ms:.0f} ms. Ctrl-C stops.", file=out, flush=True)

    def stop(self) -> None:
        """End running requests within stop_timeout_s, then the web apps."""
        deadline = time.monotonic() + self.settings.stop_timeout_s
        self._stop_keeper.set()
        self._events.stop()
        self._events.join()
        self.executor.stop(max(0.0, deadline - time.monotonic()))
        self.container.stop(max(0.1, deadline - time.monotonic()))
        if self.access_log is not None:
            self.access_log.close()

    # --- the keeper's thread ----------------------------------------------------------------------------------

    def _keep(self) -> None:
        rounds = 0
        while not self._stop_keeper.wait(_KEEPER_S):
            rounds += 1
            self._guarded(self._reload_changed)
            if rounds % _SWEEP_EVERY == 0:
                self._guarded(lambda: self.container.sweep(time.time()))

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # application code runs in here; the keeper has to go on
            log.exception("the keeper failed")

    def _watch(self, context: Context) -> None:
        web_inf = context.folder / "WEB-INF"
        watcher = FileWatcher([web_inf / "classes", web_inf / "lib"], [web_inf / "web.xml"])
        watcher.watch(context.loader.loaded_files())
        self._watchers[context.path] = watcher

    def _reload_changed(self) -> None:
        for path, watcher in list(self._watchers.items()):
            context = self.container.contexts[path]
            watcher.watch(context.loader.loaded_files())
            if not (changed := watcher.changed(time.monotonic())):
                continue
            names = ", ".join(sorted(file.name for file in changed)[:5])
            try:
                self._watch(self.container.reload(context))
            except DeploymentError as error:
                log.error("%s changed (%s); the new one does not start, the old one goes on:\n%s", context, names, error)
            else:
                log.info("%s reloaded: %s changed", context, names)


def run(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code. A second signal ends the process at once."""
    configure_logging(settings)
    server = Server(settings)
    asked = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise SystemExit(128 + number)
        asked.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    try:
        server.start()
    except ContainerError:
        server.container.stop(0)
        raise
    server.report(sys.stdout)
    asked.wait()
    print("Stopping ...", flush=True)
    server.stop()
    return 0


def configure_logging(settings: Settings) -> None:
    """Everything but the access log goes to standard error, one line for each record."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger("container")
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(settings.log_level.upper())
