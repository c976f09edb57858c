"""Settings in, running processes out: the only module that knows every part.

    Settings ──> Container (web apps) ──> EmbeddedFront (files) ──> a connector ──> an MPM
                                   └────── with ajp_port ──> AjpConnector ──> EventServer (another loop)
    Server.not_ready, Xray ──> AdminServer (a third loop)

    run(settings)           `was run`: a Server, its report, signals; returns the exit code
    make_application(...)   a started Container alone, for a WSGI server of somebody else

One process (event, the default) has three threads of ours beside the requests': the main one waits for
signals, the loop reads and writes sockets, the keeper ends expired sessions, reads changed certificates and,
with --dev, reloads changed web apps. Otherwise children do that and a supervisor forks them: a web app
starts in each of them after the fork, since neither its threads nor its connections to databases would
survive one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import logging.handlers
import math
import os
import platform
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container import __version__
from container.config import Settings
from container.engine.container import Container, require_folder
from container.engine.context import Context
from container.engine.lifecycle import State
from container.engine.reload import FileWatcher
from container.errors import ConfigError, DeploymentError, Problem
from container.mpm.population import MOST_SHOWN, Limits, settle, share
from container.mpm.unix import remove_socket
from container.trace import FRONT

if TYPE_CHECKING:
    from container.front.admin import Page
    from container.learn.xray.live import Xray
    from container.mpm.event import EventServer
    from container.mpm.prefork import PreforkServer
    from container.mpm.scoreboard import Slot
    from container.mpm.signals import SignalInbox
    from container.mpm.tls import ServerTls
    from container.protocols.exchange import Exchange, Handler
    from container.trace import AnsweredListener, Tracer

__all__ = [
    "Keeper",
    "Ports",
    "Server",
    "about_ports",
    "configure_logging",
    "make_application",
    "report",
    "report_text",
    "run",
    "served",
    "set_switch_interval",
    "start_container",
    "stop_in_time",
]

log = logging.getLogger("container.server")

_KEEPER_S = 1.0
_SWEEP_EVERY = 10  # rounds of the keeper
# Python's 5 ms make the loop wait long for the GIL beside servlets that compute: with four of them busy, half
# of all other requests took 177 ms, with this 38 ms (0.5 ms: 16 ms, but 3 % fewer requests without them).
_SWITCH_INTERVAL_S = 0.001
_FOREVER_S = 1e6  # what a thread can wait at most is not much more
_FOR_LIFE = (  # of what the supervisor has made, once
    "host", "port", "ajp_host", "ajp_port", "backlog", "tls_port", "tls_certificate", "tls_key",
    "tls_min_version", "admin_host", "admin_port", "xray", "mpm", "worker_processes", "server_limit",
    "thread_limit", "threads_per_child", "max_request_workers", "work", "session_store", "executor", "log",
    "log_level",
)  # fmt: skip
_ONE_PROCESS = {
    "event": "--worker-processes 1",
    "worker": "--server-limit 1",
    "prefork": "--max-request-workers 1",
}
_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
_HANDLED = (*_STOP, signal.SIGHUP, signal.SIGUSR1)
_LOOK_S = 0.1  # at whether a thread has ended
_STOP_GRACE_S = 2.0  # for destroy() and the last log lines, after the requests' own time


def make_application(webapps: str | os.PathLike[str] = "webapps", **settings: Any) -> Container:
    """Start the web apps of a folder and return their container: a PEP 3333 callable.

    settings are those of config.Settings by name; nothing else is read. The caller calls ``stop()``. Web apps
    that do not start answer 503, see ``contexts`` for their problems. Raises DeploymentError if there is no
    such folder.
    """
    return start_container(Settings(webapps=Path(webapps), **settings))


def start_container(settings: Settings, tracer: Tracer | None = None) -> Container:
    """Deploy the web apps of settings.webapps, in a container without a server. tracer: see Container."""
    container = Container(settings, tracer=tracer)
    try:
        container.deploy_all(settings.webapps)
    except BaseException:
        container.stop(0)
        raise
    return container


class Ports:
    """The sockets that a server listens on, and what those with TLS need. Children inherit them."""

    def __init__(self, settings: Settings) -> None:
        """Read the certificates and take the ports. Raises ConfigError."""
        from container.mpm.event import open_listener, url_of

        self.tls = make_tls(settings)
        self.secure: list[tuple[socket.socket, ServerTls]] = []
        self.ajp: socket.socket | None = None
        with contextlib.ExitStack() as undo:
            self.plain = undo.enter_context(open_listener(settings.host, settings.port, settings.backlog))
            self.urls = [url_of(self.plain)]
            if self.tls is not None:
                secure = open_listener(settings.host, settings.tls_port, settings.backlog, "tls-")
                self.secure.append((undo.enter_context(secure), self.tls))
                self.urls.append(url_of(secure, "https"))
            if settings.ajp_port:
                from container.connectors.ajp import open_ajp_listener

                self.ajp = undo.enter_context(open_ajp_listener(settings))
            self.close = undo.pop_all().close


def make_tls(settings: Settings) -> ServerTls | None:
    """Read the certificates; None without --tls-port. Raises ConfigError."""
    if not settings.tls_port:
        if settings.tls_redirect:
            raise ConfigError("--tls-redirect: there is no --tls-port to redirect to. Name one")
        if settings.tls_certificate or settings.tls_key:
            log.warning("--tls-certificate: nothing listens for https. Add --tls-port, for example 8443")
        return None
    from container.mpm.tls import MAKE_ONE, CertificateFiles, ServerTls

    certificates, keys = settings.tls_certificate, settings.tls_key
    if not certificates:
        raise ConfigError(f"--tls-port {settings.tls_port}: TLS needs --tls-certificate FILE. {MAKE_ONE}")
    if keys and len(keys) != len(certificates):
        raise ConfigError(
            f"--tls-key: {_count(len(keys), 'key')} for {_count(len(certificates), 'certificate')}. Name one "
            "for each certificate, in the same order, or none if they are in the same files"
        )
    files = [
        CertificateFiles(certificate, keys[i] if keys else None) for i, certificate in enumerate(certificates)
    ]
    return ServerTls(files, min_version=settings.tls_min_version, client_ca=settings.tls_client_ca)


class Server:
    """What serves in one process: a container behind its embedded front, and the MPM that accepts for it.

    Start and stop it once, from one thread: ``start`` has a thread of its own accept, ``run`` does it itself.
    """

    def __init__(
        self,
        settings: Settings,
        ports: Ports | None = None,
        slot: Slot | None = None,
        prefix: str = "",
        pages: Mapping[str, Page] | None = None,
        xray: Xray | None = None,
    ) -> None:
        """Take the ports, so that whoever connects while the web apps start waits and is not refused.

        slot and prefix: of a child, see mpm/supervisor.py; the prefix is that of its ids. pages: of the admin
        address, beside /healthz and /readyz. xray: where the life of each request is recorded, None: nowhere.
        """
        # Late, so that an application under another WSGI server does not load our own connectors.
        from container.connectors.access_log import AccessLog
        from container.front.admin import AdminServer, health_pages
        from container.front.routes import EmbeddedFront
        from container.mpm.executor import make_executor

        self.settings = settings
        self._xray = xray
        self.container = Container(settings, tracer=None if xray is None else xray.recorder)
        self._front = EmbeddedFront(self.container)
        if xray is not None and xray.lane == FRONT:
            from container.front.traced import TracedEmbeddedFront

            self._front = TracedEmbeddedFront(xray.recorder, self.container)
        if settings.mpm != "event":
            # Only AJP has a loop there: as many requests as there are threads for HTTP.
            settings = dataclasses.replace(settings, threads=slot.threads if slot else 1)
        self._executor = make_executor(settings)
        self._ports = ports or Ports(settings)
        self._slot = slot
        self.urls, self.tls = self._ports.urls, self._ports.tls
        self._keeper = Keeper(self.container, self.tls)
        self._phase: str | None = "starting"  # why the server as a whole is not ready; None: it is
        with contextlib.ExitStack() as undo:
            undo.callback(self._ports.close)
            all_pages = {**health_pages(self.not_ready), **(pages or {})}
            self._admin = AdminServer(settings, all_pages, {} if xray is None else xray.sites)
            undo.callback(self._admin.close)
            file, format = settings.access_log, settings.access_log_format
            self._access_log = None if file == "off" else AccessLog(file, format)
            undo.pop_all()
        listeners: list[AnsweredListener] = [] if self._access_log is None else [self._access_log]
        # A process of prefork does one thing at a time, whichever way the request has come.
        is_prefork = settings.mpm == "prefork" and self._ports.ajp is not None
        self._turn = threading.Lock() if is_prefork else None
        self._mpm = self._make_mpm(listeners, slot, prefix)
        self._ajp = self._make_ajp(listeners, prefix)
        self._timeout_s = settings.stop_timeout_s
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None
        """Why it accepts no more connections, if nobody has told it to stop."""

    def _make_mpm(
        self, listeners: list[AnsweredListener], slot: Slot | None, prefix: str
    ) -> EventServer | PreforkServer:
        settings, executor = self.settings, self._executor
        handler: Handler = self._front
        if self._turn is not None:
            handler = OneAtATime(handler, self._turn)
        if settings.tls_redirect:
            from container.front.redirect import RedirectToTls

            handler = RedirectToTls(handler, settings.tls_port, settings.trusted_proxies)
        if self._xray is not None:
            handler = traced = self._xray.around(handler)
            listeners = [*listeners, traced.answered]
        if settings.mpm == "event":
            from container.connectors.http import HttpConnector
            from container.mpm.event import EventServer

            return EventServer(
                [self._ports.plain],
                lambda: HttpConnector(handler, settings, executor, listeners, prefix),
                settings,
                slot,
                tls_listeners=self._ports.secure,
            )
        from container.connectors.http_blocking import BlockingHttpConnector
        from container.mpm.prefork import PreforkServer
        from container.mpm.worker import WorkerServer

        assert slot is not None, "prefork and worker run below a supervisor"
        kind = {"prefork": PreforkServer, "worker": WorkerServer}[settings.mpm]
        return kind(
            [self._ports.plain],
            lambda: BlockingHttpConnector(handler, settings, listeners, prefix),
            settings,
            slot,
            tls_listeners=self._ports.secure,
        )

    def _make_ajp(self, listeners: list[AnsweredListener], prefix: str) -> EventServer | None:
        """Web servers have the files that they want to serve themselves: all else is the container's."""
        if self._ports.ajp is None:
            return None
        from container.connectors.ajp import make_server

        handler: Handler = self.container
        if self._turn is not None:
            handler = OneAtATime(handler, self._turn)
        if self._xray is not None:
            handler = traced = self._xray.around(handler)
            listeners = [*listeners, traced.answered]
        listener, executor = self._ports.ajp, self._executor
        return make_server(handler, self.settings, executor, listeners, listener, prefix)

    def __repr__(self) -> str:
        return f"<Server {self.url} {self._mpm!r}>"

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def admin_url(self) -> str | None:
        return self._admin.url

    def not_ready(self) -> list[str]:
        """Why no new requests should come; empty: they may. Any thread may ask."""
        if self._phase is not None:
            return [self._phase]
        contexts = self.container.contexts.values()
        return [f"web app {each}: {each.state.value}" for each in contexts if each.state is not State.RUNNING]

    def start(self, ended: Callable[[], None] = lambda: None) -> None:
        """Deploy every web app, then accept connections. If it raises, nothing is left open.

        ended is called, in another thread, when none are accepted any more: see failure.
        """
        self._admin.start(self._executor)
        if self._xray is not None:
            self._xray.start()
        self._deploy()
        is_ready = threading.Event()

        def run() -> None:
            try:
                self._mpm.run(is_ready.set)
            except BaseException as error:  # for whoever waits for the end
                log.exception("No more connections are accepted")
                self.failure = error
            finally:
                is_ready.set()
                ended()

        self._thread = threading.Thread(target=run, name="accepting")
        self._thread.start()
        is_ready.wait()
        if self.failure is not None:
            self._give_up()
            raise self.failure
        if self._ajp is not None:
            self._ajp.start()
        self._keeper.start()
        self._phase = None

    def _deploy(self) -> None:
        try:
            self.container.deploy_all(self.settings.webapps)
        except BaseException:
            self._give_up()
            raise
        self.container.on_static_plan(self._front.publish)

    def _give_up(self) -> None:
        self._ports.close()
        self._admin.close()
        self._stop_container(0)
        if self._xray is not None:
            self._xray.close()

    def drain(self) -> None:
        """Say that no more requests should come, and serve those that do for settings.drain_s."""
        self._phase = "draining"
        if self.settings.drain_s:
            self.end_connections()
            time.sleep(self.settings.drain_s)

    def end_connections(self) -> None:
        """Have HTTP connections end with their next answer. For any thread."""
        self._mpm.drain()

    def stop(self, timeout_s: float | None = None) -> None:
        """Drain, end running requests within timeout_s (default: settings.stop_timeout_s), then web apps."""
        self.drain()
        self._phase = "stopping"
        timeout_s = self.settings.stop_timeout_s if timeout_s is None else timeout_s
        deadline_s = time.monotonic() + timeout_s
        self._keeper.stop()
        self.ask_to_stop(timeout_s)
        if self._thread is not None:
            self._thread.join()
        self._end(deadline_s)
        self._admin.close()

    def run(self, ready: Callable[[], None]) -> None:
        """Deploy every web app and serve in this thread until ``ask_to_stop``; ready says: from now on."""
        if self._xray is not None:
            self._xray.start()
        self._deploy()
        if self._slot is not None:
            contexts = self.container.contexts.values()
            self._slot.failed = sum(each.state is not State.RUNNING for each in contexts)
        self._keeper.start()
        if self._ajp is not None:
            self._ajp.start()
        self._mpm.run(ready)
        if self._ajp is not None:  # not yet told, if the process has served all the connections that it may
            self._ajp.stop(self._timeout_s)
        self._keeper.stop()
        self._end(time.monotonic() + self._timeout_s)

    def ask_to_stop(self, timeout_s: float) -> None:
        """Make ``run`` return. For another thread."""
        self._timeout_s = min(self._timeout_s, timeout_s)
        self._mpm.stop(timeout_s)
        if self._ajp is not None:
            self._ajp.stop(timeout_s)

    def _end(self, deadline_s: float) -> None:
        if self._ajp is not None:
            self._ajp.join()
        self._executor.stop(max(0.0, min(_FOREVER_S, deadline_s - time.monotonic())))
        self._stop_container(max(0.1, min(_FOREVER_S, deadline_s - time.monotonic())))
        if self._xray is not None:
            self._xray.close()

    def _stop_container(self, timeout_s: float) -> None:
        self.container.stop(timeout_s)
        if self._access_log is not None:
            self._access_log.close()


class OneAtATime:
    """An exchange.Handler that waits with a request until those with the same lock have been handled."""

    def __init__(self, behind: Handler, lock: threading.Lock) -> None:
        self._lock = lock
        self._handle = behind.handle
        self.begin = behind.begin

    def handle(self, exchange: Exchange) -> None:
        with self._lock:
            self._handle(exchange)


class Keeper:
    """A thread for what is due from time to time.

    Sessions expire; changed web apps are reloaded, and changed certificates read again.
    """

    def __init__(self, container: Container, tls: ServerTls | None = None) -> None:
        self._container = container
        self._tls = tls
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
                if self._tls is not None:
                    self._tls.poll()
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
            said = str(error)
            if isinstance(error, SyntaxError):
                said = "\n".join([error.msg, *map(str.rstrip, traceback.format_exception_only(error))])
            log.error("%s changed (%s) and does not start; %s: %s", context, names, kept, said)
        else:
            # The watcher goes with it: what changed while it was loaded is seen in the next round.
            self._watchers = {**self._watchers, fresh: self._watchers[context]}
            log.info("%s reloaded in %.0f ms: %s changed", context, fresh.started_ms, names)
            for problem in _found_wrong(fresh):
                log.warning("%s", problem)


def _compile(files: Iterable[Path]) -> None:
    """Raise SyntaxError for a half-written source before a running web app is given up for it."""
    for file in files:
        if file.suffix == ".py" and file.is_file():
            compile(file.read_bytes(), str(file), "exec", dont_inherit=True)


def run(
    settings: Settings,
    say: Callable[[str], None],
    began_s: float,
    reread: Callable[[], Settings] | None = None,
) -> int:
    """Serve until a signal says stop; return the exit code. say gets the report.

    SIGINT and SIGTERM stop within stop_timeout_s, a second one ends at once; SIGQUIT waits for the requests;
    SIGHUP starts everything anew, with the settings that reread returns; SIGUSR1 opens the logs anew.
    began_s is time.perf_counter() when the command began.
    """
    configure_logging(settings)
    set_switch_interval()
    limits, warnings = settle(settings)
    for warning in warnings:
        log.warning("%s", warning)
    _check_model(settings, limits)
    require_folder(settings.webapps)
    try:
        if settings.mpm == "event" and limits.start == 1 and not settings.max_connections_per_child:
            return _run_alone(share(settings, limits), say, began_s)
        return _run_children(settings, limits, say, began_s, reread or (lambda: settings))
    finally:
        remove_socket(settings.host)


def set_switch_interval() -> None:
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def _check_model(settings: Settings, limits: Limits) -> None:
    """Raise ConfigError for what a process model cannot do."""
    if settings.mpm != "event" and settings.executor != "auto":
        raise ConfigError(
            f"--executor {settings.executor}: under --mpm {settings.mpm} a connection's own thread runs its "
            "requests. Remove --executor, or use --mpm event"
        )
    if limits.most_children > 1 and settings.session_store == "memory":
        raise ConfigError(
            f"--mpm {settings.mpm}: each of up to {limits.most_children} processes would have its own "
            "sessions in memory, and a browser would lose its session now and then. Share them with "
            f"--session-store sqlite --work FOLDER, or have one process with {_ONE_PROCESS[settings.mpm]}"
        )


def _run_alone(settings: Settings, say: Callable[[str], None], began_s: float) -> int:
    """One process: this thread waits for signals, another one has the loop."""
    from container.front.admin import status_page
    from container.mpm.scoreboard import DRAINING, ENDING, WAITING, make_board
    from container.mpm.signals import SignalInbox

    ports = Ports(settings)
    board = make_board(settings, 1, min(settings.threads, MOST_SHOWN), ports.urls)
    try:
        slot = board.slot(0)
        slot.begin(0)
        slot.set_pid(os.getpid())
        with SignalInbox(_HANDLED, impatient=_STOP) as inbox:
            pages, xray = status_page(board, None), make_xray(settings)
            server = Server(settings, ports, slot, pages=pages, xray=xray)
            server.start(inbox.wake)
            slot.state = board.phase = WAITING
            say(report(server, time.perf_counter() - began_s, server.admin_url))
            number = _serve_until_stopped(server, inbox)
            slot.state = ENDING
            board.phase = DRAINING if settings.drain_s else ENDING
            if number == signal.SIGQUIT:
                say("Stopping when the running requests have ended. Ctrl-C ends at once.")
                timeout_s = settings.graceful_shutdown_timeout_s or math.inf
            else:
                within_s = settings.drain_s + settings.stop_timeout_s
                say(f"Stopping, within {within_s:g} s. Ctrl-C again ends at once.")
                timeout_s = settings.stop_timeout_s
            return stop_in_time(server, timeout_s, inbox) or int(server.failure is not None)
    finally:
        board.close()


def make_xray(settings: Settings, *, is_alone: bool = True) -> Xray | None:
    """The X-ray of a process that is everything, or of several below this one; None if it is off."""
    if not settings.records_requests:
        return None
    from container.learn.xray.live import Xray

    return Xray.alone() if is_alone else Xray.above()


def _serve_until_stopped(server: Server, inbox: SignalInbox) -> int:
    """Obey signals until one says stop; return that. A server that has failed is to be stopped as well."""
    while server.failure is None:
        for number in inbox.wait():
            if number == signal.SIGHUP:
                if server.tls is not None:
                    server.tls.reload()
                _reload_all(server.container)
            elif number == signal.SIGUSR1:
                log.info("The logs are opened anew")  # as soon as something is written to them
            else:
                return number
    return signal.SIGTERM


def _reload_all(container: Container) -> None:
    for context in list(container.contexts.values()):
        try:
            fresh = container.reload(context)
        except (DeploymentError, SyntaxError) as error:
            log.error("%s does not start anew, the one before goes on: %s", context, error)
        else:
            log.info("%s reloaded in %.0f ms", context, fresh.started_ms)


def _run_children(
    settings: Settings,
    limits: Limits,
    say: Callable[[str], None],
    began_s: float,
    reread: Callable[[], Settings],
) -> int:
    """Many processes below this one, which only supervises: it has no web app and no second thread."""
    from container.front.admin import AdminProcess, AdminServer, board_reasons, health_pages, status_page
    from container.mpm.scoreboard import make_board
    from container.mpm.supervisor import Child, Supervisor

    ports = Ports(settings)
    settings_of = {0: dataclasses.replace(settings, admin_port=0)}  # by generation
    turn, first_turn = os.pipe()  # the child that reads the one byte reports
    os.set_blocking(turn, False)
    os.write(first_turn, b"1")

    def reload(generation: int) -> None:
        """Take over what may change while the server runs. Raises ConfigError."""
        fresh = reread()
        for name in _FOR_LIFE:
            if getattr(fresh, name) != getattr(settings, name):
                log.warning("%s does not change until the server is started anew", name)
        fresh = dataclasses.replace(fresh, **{name: getattr(settings, name) for name in _FOR_LIFE})
        require_folder(fresh.webapps)
        if ports.tls is not None:
            ports.tls.reload()
        settings_of[generation] = dataclasses.replace(fresh, admin_port=0)

    class ChildServer:
        """Of one child, whose report is said if it is the first one to be ready."""

        def __init__(self, child: Child) -> None:
            admin.close()
            self._server = Server(
                share(settings_of[child.generation], limits),
                ports,
                child.slot,
                f"{child.number}.",
                xray=None if xray is None else xray.beside(),
            )
            self.drain = self._server.end_connections
            self.stop = self._server.ask_to_stop

        def run(self, ready: Callable[[], None]) -> None:
            def ready_and_report() -> None:
                ready()
                with contextlib.suppress(BlockingIOError):  # another one reports
                    os.read(turn, 1)
                    say(report(self._server, time.perf_counter() - began_s, admin_url))

            self._server.run(ready_and_report)

    def make_helper(child: Child) -> AdminProcess:
        ports.close()
        return AdminProcess(admin, settings, [] if xray is None else [xray])

    board = make_board(settings, limits.slots + limits.most_children, limits.threads, ports.urls)
    xray = make_xray(settings, is_alone=False)
    try:
        pages = {**health_pages(lambda: board_reasons(board)), **status_page(board, None)}
        admin = AdminServer(settings, pages, {} if xray is None else xray.sites)
        admin_url = admin.url
        supervisor = Supervisor(
            ChildServer,
            limits,
            board,
            stop_timeout_s=settings.stop_timeout_s,
            graceful_timeout_s=settings.graceful_shutdown_timeout_s,
            drain_s=settings.drain_s,
            make_helper=make_helper if admin_url else None,
            reload=reload,
            on_stop=ports.close,
            say=say,
        )
        with contextlib.closing(admin):
            return supervisor.run()
    finally:
        if xray is not None:
            xray.close()
        board.close()
        ports.close()
        os.close(turn)
        os.close(first_turn)


def stop_in_time(server: Server, timeout_s: float, inbox: SignalInbox) -> int:
    """Stop in a thread, so that a web app that hangs in destroy() cannot keep the process."""

    def stop() -> None:
        try:
            server.stop(timeout_s)
        finally:
            inbox.wake()

    thread = threading.Thread(target=stop, name="stop", daemon=True)
    thread.start()
    end_s = time.monotonic() + server.settings.drain_s + min(timeout_s, _FOREVER_S) + _STOP_GRACE_S
    while thread.is_alive() and time.monotonic() < end_s:
        inbox.wait(min(_LOOK_S, end_s - time.monotonic()))
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
    who = settings.route.replace("%", "%%") + " " if settings.route else ""  # of several that share a log
    handler.setFormatter(logging.Formatter(f"%(asctime)s {who}%(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.captureWarnings(True)


def report(server: Server, took_s: float, admin_url: str | None) -> str:
    """Say what is served and where, what is wrong, and where it is logged."""
    more = about_ports(server.settings, server.urls, server.tls, admin_url)
    return report_text(server.settings, server.url, served(server.container), took_s, more)


def about_ports(
    settings: Settings, urls: Sequence[str], tls: ServerTls | None, admin_url: str | None
) -> list[str]:
    """Lines for a report. The second of urls is that with TLS."""
    lines = []
    if tls is not None:
        names = ", ".join(tls.names) or "no name"
        lines.append(f"TLS, {settings.tls_min_version} or newer, on {urls[1]}/ for {names}.")
    if admin_url is not None and settings.records_requests:
        lines.append(f"X-ray of each request: {admin_url}/xray")
    if admin_url is not None:
        lines.append(f"Health: {admin_url}/healthz and /readyz.")
    return lines


def served(container: Container) -> dict[str, Any]:
    """What a container serves, in values that JSON has too: another process may report it."""
    contexts = container.contexts.values()
    return {
        "rows": [_row(context) for context in contexts],
        "problems": [str(problem) for context in contexts for problem in _found_wrong(context)],
    }


def _found_wrong(context: Context) -> Sequence[Problem]:
    """With --dev also what `was check` knows, such as a class that the first request would miss."""
    if context.container.settings.dev and context.state is State.RUNNING:
        from container.learn.lint import found_wrong

        return found_wrong(context)
    return context.problems


def report_text(
    settings: Settings, url: str, served: Mapping[str, Any], took_s: float, more: Iterable[str] = ()
) -> str:
    """The report of what is served at url, with more lines."""
    rows = [(f"{url}{path}", *cells) for path, *cells in served["rows"]]
    places = {"-": "standard output", "off": "off"}
    lines = [
        f"servlet-container {__version__} on {platform.python_implementation()} {platform.python_version()} "
        f"serves {settings.webapps}:",
        *_table(rows),
    ]
    if not rows:
        lines.append("  nothing: the folder has no sub-folder. `was new NAME` makes a web app.")
    if problems := served["problems"]:
        lines += ["Found wrong:", *(f"  {problem}" for problem in problems)]
    lines += [
        *more,
        f"Access log: {places.get(settings.access_log, settings.access_log)}. "
        f"Log: {'standard error' if settings.log == '-' else settings.log}.",
        *([f"AJP for web servers on {settings.ajp_host}:{settings.ajp_port}."] if settings.ajp_port else []),
        f"Ready after {took_s:.2f} s on {url}/. Ctrl-C stops.",
    ]
    return "\n".join(lines)


def _row(context: Context) -> tuple[str, ...]:
    where = f"{context.encoded_path}/"
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
