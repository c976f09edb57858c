"""Settings in, running processes out: the only module that knows every part.

    Settings ──> Container (web apps) ──> EmbeddedFront (files) ──> HttpConnector ──> EventServer (loop)
                                   └────────── with ajp_port ─────> AjpConnector ───> EventServer (another)

    run(settings)           `was run`: a Server, its report, signals; returns the exit code
    make_application(...)   a started Container alone, for a WSGI server of somebody else

Three threads of ours beside the requests': the main one waits for signals, the loop reads and writes sockets,
the keeper ends expired sessions and, with --dev, reloads changed web apps.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container import __version__
from container.config import Settings
from container.engine.container import Container
from container.engine.context import Context
from container.engine.lifecycle import State
from container.engine.reload import FileWatcher
from container.errors import ConfigError, DeploymentError

if TYPE_CHECKING:
    from types import FrameType

    from container.mpm.event import EventServer

__all__ = ["Keeper", "Server", "make_application", "report", "run", "start_container"]

log = logging.getLogger("container.server")

_KEEPER_S = 1.0
_SWEEP_EVERY = 10  # rounds of the keeper
# Python's 5 ms make the loop wait long for the GIL beside servlets that compute: with four of them busy, half
# of all other requests took 177 ms, with this 16 ms. The four got 8 % less done; else nothing changes.
_SWITCH_INTERVAL_S = 0.0005
_STOP_GRACE_S = 2.0  # for destroy() and the last log lines, after the requests' own time


def make_application(webapps: str | os.PathLike[str] = "webapps", **settings: Any) -> Container:
    """Start the web apps of a folder and return their container: a PEP 3333 callable.

    settings are those of config.Settings by name; nothing else is read. The caller calls ``stop()``. Web apps
    that do not start answer 503, see ``contexts`` for their problems. Raises DeploymentError if there is no
    such folder.
    """
    return start_container(Settings(webapps=Path(webapps), **settings))


def start_container(settings: Settings) -> Container:
    """Deploy the web apps of settings.webapps, in a container without a server."""
    container = Container(settings)
    try:
        container.deploy_all(settings.webapps)
    except BaseException:
        container.stop(0)
        raise
    return container


class Server:
    """A container behind its embedded front, on a listener. Start and stop it once, from one thread."""

    def __init__(self, settings: Settings) -> None:
        """Take the port, so that whoever connects while the web apps start waits and is not refused."""
        # Late, so that an application under another WSGI server does not load our own connectors.
        from container.connectors.access_log import AccessLog
        from container.connectors.http import HttpConnector
        from container.front.routes import EmbeddedFront
        from container.mpm.event import EventServer, open_listener
        from container.mpm.executor import make_executor

        self.settings = settings
        self.container = Container(settings)
        self._front = EmbeddedFront(self.container)
        self._executor = make_executor(settings)
        self._keeper = Keeper(self.container)
        self._listener = open_listener(settings.host, settings.port, settings.backlog)
        try:
            file, format = settings.access_log, settings.access_log_format
            self._access_log = None if file == "off" else AccessLog(file, format)
        except ConfigError:
            self._listener.close()
            raise
        listeners = [] if self._access_log is None else [self._access_log]
        self._events = EventServer(
            [self._listener],
            lambda: HttpConnector(self._front, settings, self._executor, listeners),
            settings,
        )
        self._ajp: EventServer | None = None
        if settings.ajp_port:
            from container.connectors.ajp import make_server

            try:
                # Web servers have the files that they want to serve themselves: all else is the container's.
                self._ajp = make_server(self.container, settings, self._executor, listeners)
            except ConfigError:
                self._close()
                raise

    def __repr__(self) -> str:
        return f"<Server {self._events!r}>"

    @property
    def url(self) -> str:
        return self._events.urls[0]

    def start(self) -> None:
        """Deploy every web app, then accept connections. If it raises, nothing is left open."""
        try:
            self.container.deploy_all(self.settings.webapps)
        except BaseException:
            self._close()
            raise
        self.container.on_static_plan(self._front.publish)
        self._events.start()
        if self._ajp is not None:
            self._ajp.start()
        self._keeper.start()

    def stop(self) -> None:
        """End running requests within settings.stop_timeout_s, then the web apps."""
        deadline_s = time.monotonic() + self.settings.stop_timeout_s
        self._keeper.stop()
        servers = [self._events] if self._ajp is None else [self._events, self._ajp]
        for server in servers:
            server.stop()
        for server in servers:
            server.join()
        self._executor.stop(max(0.0, deadline_s - time.monotonic()))
        self._stop_container(max(0.1, deadline_s - time.monotonic()))

    def _close(self) -> None:
        """Give up before anything has begun."""
        self._listener.close()
        if self._ajp is not None:
            self._ajp.close()
        self._stop_container(0)

    def _stop_container(self, timeout_s: float) -> None:
        self.container.stop(timeout_s)
        if self._access_log is not None:
            self._access_log.close()


class Keeper:
    """A thread for what is due from time to time: sessions expire, changed web apps are reloaded."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._watchers: dict[Context, FileWatcher] = {}

    def start(self) -> None:
        if self._container.settings.dev:
            self._watch()
        self._thread.start()

    def stop(self) -> None:
        """Take no further round; one that is under way is not waited for."""
        self._stopping.set()

    def _keep(self) -> None:
        rounds = 0
        while not self._stopping.wait(_KEEPER_S):
            rounds += 1
            try:
                if self._container.settings.dev:
                    self._reload_changed()
                if rounds % _SWEEP_EVERY == 0:
                    self._container.sweep(time.time())
            except Exception:  # listeners and servlets of web apps run in here; the next round has to come
                log.exception("A round of the keeper failed")

    def _watch(self) -> None:
        """Have a watcher for each web app there is now. A new one begins with the files as they are."""
        self._watchers = {
            context: self._watchers.get(context) or FileWatcher([context.folder / "WEB-INF"])
            for context in self._container.contexts.values()
        }

    def _reload_changed(self) -> None:
        self._watch()
        for context, watcher in self._watchers.items():
            if changed := watcher.changed(time.monotonic()):
                self._reload(context, changed)

    def _reload(self, context: Context, changed: set[Path]) -> None:
        names = ", ".join(sorted(path.name for path in changed)[:5])
        try:
            _compile(changed)
            fresh = self._container.reload(context)
        except (DeploymentError, SyntaxError) as error:
            kept = "the one before goes on" if context.state is State.RUNNING else "it answers 503"
            said = (
                "".join(traceback.format_exception_only(error)) if isinstance(error, SyntaxError) else error
            )
            log.error("%s changed (%s) and does not start; %s:\n%s", context, names, kept, said)
        else:
            # The watcher goes with it: what changed while it was loaded is seen in the next round.
            self._watchers = {**self._watchers, fresh: self._watchers[context]}
            log.info("%s reloaded in %.0f ms: %s changed", context, fresh.started_ms, names)


def _compile(files: Iterable[Path]) -> None:
    """Raise SyntaxError for a half-written source before a running web app is given up for it."""
    for file in files:
        if file.suffix == ".py" and file.is_file():
            compile(file.read_bytes(), str(file), "exec", dont_inherit=True)


def run(settings: Settings, say: Callable[[str], None], began_s: float) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code. say gets the report.

    A second signal ends the process at once. So does the end of the deadline, if a web app cannot be stopped.
    began_s is time.perf_counter() when the command began.
    """
    configure_logging(settings)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    asked = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            os._exit(128 + number)
        asked.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    server = Server(settings)
    server.start()
    say(report(server, time.perf_counter() - began_s))
    asked.wait()
    say(f"Stopping, within {settings.stop_timeout_s:g} s. Ctrl-C again ends at once.")
    return _stop_in_time(server)


def _stop_in_time(server: Server) -> int:
    """Stop in a thread, so that a web app that hangs in destroy() cannot keep the process."""
    thread = threading.Thread(target=server.stop, name="stop", daemon=True)
    thread.start()
    thread.join(server.settings.stop_timeout_s + _STOP_GRACE_S)
    if thread.is_alive():
        log.error("The web apps have not stopped in time and are given up (--stop-timeout-s)")
        os._exit(1)
    return 0


def configure_logging(settings: Settings) -> None:
    """Send the log records of the whole process, the web apps' own ones too, to one place."""
    if settings.log == "-":
        handler: logging.Handler = logging.StreamHandler()
    else:
        try:
            Path(settings.log).parent.mkdir(parents=True, exist_ok=True)
            handler = logging.handlers.WatchedFileHandler(settings.log, encoding="utf-8")
        except OSError as e:
            cure = "Name another file, or - for standard error."
            raise ConfigError(f"--log {settings.log}: cannot be written: {e.strerror}. {cure}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.captureWarnings(True)


def report(server: Server, took_s: float) -> str:
    """Say what is served and where, what is wrong, and where it is logged."""
    settings = server.settings
    contexts = server.container.contexts.values()
    places = {"-": "standard output", "off": "off"}
    lines = [
        f"servlet-container {__version__} on {platform.python_implementation()} {platform.python_version()} "
        f"serves {settings.webapps}:",
        *_table([_row(server.url, context) for context in contexts]),
    ]
    if not contexts:
        lines.append("  nothing: the folder has no sub-folder. `was new NAME` makes a web app.")
    if problems := [problem for context in contexts for problem in context.problems]:
        lines += ["Found wrong:", *(f"  {problem}" for problem in problems)]
    lines += [
        f"Access log: {places.get(settings.access_log, settings.access_log)}. "
        f"Log: {'standard error' if settings.log == '-' else settings.log}.",
        *([f"AJP for web servers on {settings.ajp_host}:{settings.ajp_port}."] if settings.ajp_port else []),
        f"Ready after {took_s:.2f} s on {server.url}/. Ctrl-C stops.",
    ]
    return "\n".join(lines)


def _row(url: str, context: Context) -> tuple[str, ...]:
    where = f"{url}{context.encoded_path}/"
    if context.state is not State.RUNNING:
        return (where, "DID NOT START, answers 503")
    servlets, filters = len(context.web_app.servlets), len(context.filters)
    took = f"started in {context.started_ms:.0f} ms"
    return (where, _count(servlets, "servlet"), _count(filters, "filter"), took)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Align the columns; a short row's last cell may reach into the next column."""
    widths = [max((len(row[i]) for row in rows if len(row) > max(i, 2)), default=0) for i in range(4)]
    widths[0] = max((len(row[0]) for row in rows), default=0)
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
