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
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container.config import Settings, keep
from container.engine.container import Container, require_folder
from container.engine.lifecycle import State
from container.errors import ConfigError, DeploymentError
from container.keeper import Keeper
from container.mpm.population import Limits, is_alone, settle, share
from container.mpm.unix import remove_socket
from container.report import about_ports, counted, report_text, served
from container.trace import FRONT

if TYPE_CHECKING:
    from container.front.admin import AdminProcess, AdminServer, Page
    from container.learn.xray.live import Xray
    from container.mpm.event import EventServer
    from container.mpm.prefork import PreforkServer
    from container.mpm.scoreboard import Slot
    from container.mpm.signals import SignalInbox
    from container.mpm.supervisor import Child
    from container.mpm.tls import ServerTls
    from container.protocols.exchange import Exchange, Handler
    from container.trace import AnsweredListener, Tracer

__all__ = [
    "Ports",
    "Server",
    "configure_logging",
    "make_application",
    "raise_file_limit",
    "report",
    "run",
    "set_switch_interval",
    "start_container",
    "stop_in_time",
]

log = logging.getLogger("container.server")

# Python's 5 ms make the loop wait long for the GIL beside servlets that compute: with four of them busy, half
# of all other requests took 177 ms, with this 38 ms (0.5 ms: 16 ms, but 3 % fewer requests without them).
_SWITCH_INTERVAL_S = 0.001
_FILES_BESIDE_CONNECTIONS = 200  # listeners, logs, what servlets read
_OPEN_MAX = 10240  # macOS gives no more, whatever its hard limit says
_FOREVER_S = 1e6  # what a thread can wait at most is not much more
_FOR_LIFE = (  # of what the supervisor has made, once
    "host", "port", "ajp_host", "ajp_port", "backlog", "tls_port", "tls_certificate", "tls_key",
    "tls_client_ca", "tls_min_version", "admin_host", "admin_port", "xray", "mpm", "containers",
    "worker_processes", "server_limit", "thread_limit", "threads_per_child", "max_request_workers",
    "start_servers", "min_spare_servers", "max_spare_servers", "min_spare_threads", "max_spare_threads",
    "graceful_shutdown_timeout_s", "stop_timeout_s", "drain_s", "work", "session_store", "executor", "log",
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
        self.plain: list[socket.socket] = []
        self.urls: list[str] = []
        self.secure: list[tuple[socket.socket, ServerTls]] = []
        self.ajp: socket.socket | None = None
        with contextlib.ExitStack() as undo:
            if settings.host != "off":
                plain = open_listener(settings.host, settings.port, settings.backlog)
                self.plain.append(undo.enter_context(plain))
                self.urls.append(url_of(plain))
            elif settings.tls_port or not settings.ajp_port:
                raise ConfigError("--host off: that is for --ajp-port alone. Name an address to listen on")
            if self.tls is not None:
                secure = open_listener(settings.host, settings.tls_port, settings.backlog, "--tls-")
                self.secure.append((undo.enter_context(secure), self.tls))
                self.urls.append(url_of(secure, "https"))
            if settings.ajp_port:
                from container.connectors.ajp import open_ajp_listener

                self.ajp = undo.enter_context(open_ajp_listener(settings))
                if not self.plain:
                    self.urls.append(url_of(self.ajp, "ajp"))
            self.close = undo.pop_all().close


def make_tls(settings: Settings) -> ServerTls | None:
    """Read the certificates; None without --tls-port. Raises ConfigError."""
    _check_redirect(settings)
    if not settings.tls_port:
        if settings.tls_certificate or settings.tls_key:
            log.warning("--tls-certificate: nothing listens for https. Add --tls-port, for example 8443")
        return None
    from container.mpm.tls import MAKE_ONE, CertificateFiles, ServerTls

    certificates, keys = settings.tls_certificate, settings.tls_key
    if not certificates:
        raise ConfigError(f"--tls-port {settings.tls_port}: TLS needs --tls-certificate FILE. {MAKE_ONE}")
    if keys and len(keys) != len(certificates):
        raise ConfigError(
            f"--tls-key: {counted(len(keys), 'key')} for {counted(len(certificates), 'certificate')}. "
            "Name one for each certificate, in the same order, or none if they are in the same files"
        )
    files = [
        CertificateFiles(certificate, keys[i] if keys else None) for i, certificate in enumerate(certificates)
    ]
    return ServerTls(files, min_version=settings.tls_min_version, client_ca=settings.tls_client_ca)


def _check_redirect(settings: Settings) -> None:
    if settings.tls_redirect and not settings.tls_port:
        raise ConfigError("--tls-redirect: there is no --tls-port to redirect to. Name one")


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
                self._ports.plain,
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
            self._ports.plain,
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
        from container.mpm.event import run_in_thread

        self._deploy()

        def run(ready: Callable[[], None]) -> None:
            try:
                self._mpm.run(ready)
            except BaseException as error:  # for whoever waits for the end
                log.exception("No more connections are accepted")
                self.failure = error
            finally:
                ended()

        self._thread = run_in_thread(run, "accepting")
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
    raise_file_limit(settings)
    set_switch_interval()
    limits, warnings = settle(settings)
    for warning in warnings:
        log.warning("%s", warning)
    _check_model(settings, limits)
    require_folder(settings.webapps)
    try:
        if is_alone(settings, limits):
            return _run_alone(settings, limits, say, began_s)
        return _run_children(settings, limits, say, began_s, reread or (lambda: settings))
    finally:
        remove_socket(settings.host)


def set_switch_interval() -> None:
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def raise_file_limit(settings: Settings) -> None:
    """Let this process, and those that it starts, open as many files as the connections of one may take.

    A shell's usual limit is 1024, and a connection is a file: at the limit nobody could read a page either.
    """
    import resource  # not on Windows

    if settings.mpm != "event":  # a process of the others has few connections
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most_connections = settings.worker_connections or settings.max_connections
    if settings.containers:  # whose connections are not divided
        most_connections = max(most_connections, settings.max_connections)
    wanted = 2 * most_connections + _FILES_BESIDE_CONNECTIONS  # a front has a backend for each
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    for most in (wanted, _OPEN_MAX):
        if soft != resource.RLIM_INFINITY and soft < most <= wanted:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                soft = most
    if soft != resource.RLIM_INFINITY and soft < most_connections + _FILES_BESIDE_CONNECTIONS:
        log.warning(
            "Only %d files may be open, which is too few for %d connections. Raise the limit (ulimit -Hn, "
            "LimitNOFILE= of systemd), or lower --max-connections, or --worker-connections if that is set",
            soft,
            most_connections,
        )


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


def _run_alone(settings: Settings, limits: Limits, say: Callable[[str], None], began_s: float) -> int:
    """One process: this thread waits for signals, another one has the loop."""
    from container.front.admin import status_page
    from container.mpm.scoreboard import DRAINING, ENDING, WAITING, make_board
    from container.mpm.signals import SignalInbox

    ports = Ports(settings)
    board = make_board(settings, limits, ports.urls)
    try:
        slot = board.slot(0)
        slot.begin(0)
        slot.set_pid(os.getpid())
        with SignalInbox(_HANDLED, impatient=_STOP) as inbox:
            pages, xray = status_page(board, None), make_xray(settings)
            server = Server(share(settings, limits), ports, slot, pages=pages, xray=xray)
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
    from container.front.admin import AdminServer, board_reasons, health_pages, status_page
    from container.mpm.scoreboard import make_board
    from container.mpm.supervisor import Supervisor

    with contextlib.ExitStack() as undo:
        ports = Ports(settings)
        undo.callback(ports.close)
        board = make_board(settings, limits, ports.urls)
        undo.callback(board.close)
        xray = make_xray(settings, is_alone=False)
        if xray is not None:
            undo.callback(xray.close)
        pages = {**health_pages(lambda: board_reasons(board)), **status_page(board, None)}
        admin = undo.enter_context(
            contextlib.closing(AdminServer(settings, pages, {} if xray is None else xray.sites))
        )
        forks = _Forks(settings, limits, ports, admin, xray, say, began_s, reread)
        undo.callback(forks.close)
        return Supervisor(
            forks.make_child,
            limits,
            board,
            settings,
            make_helper=forks.make_helper if admin.url else None,
            reload=forks.reload,
            on_stop=ports.close,
            say=say,
        ).run()


class _Forks:
    """What a Supervisor forks: children that serve, and a helper with the admin address."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        ports: Ports,
        admin: AdminServer,
        xray: Xray | None,
        say: Callable[[str], None],
        began_s: float,
        reread: Callable[[], Settings],
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._ports = ports
        self._admin = admin
        self._xray = xray
        self._say = say
        self._began_s = began_s
        self._reread = reread
        self._settings_of = {0: settings}  # by generation
        self._turn, first_turn = os.pipe()  # the child that reads the one byte reports
        os.write(first_turn, b"1")
        os.close(first_turn)

    def close(self) -> None:
        os.close(self._turn)

    def make_child(self, child: Child) -> _ChildServer:
        self._admin.close()
        settings = dataclasses.replace(self._settings_of[child.generation], admin_port=0)
        server = Server(
            share(settings, self._limits),
            self._ports,
            child.slot,
            f"{child.number}.",
            xray=None if self._xray is None else self._xray.beside(),
        )
        return _ChildServer(server, self._report)

    def make_helper(self, child: Child) -> AdminProcess:
        from container.front.admin import AdminProcess

        self._ports.close()
        return AdminProcess(self._admin, self._settings, [] if self._xray is None else [self._xray])

    def reload(self, generation: int) -> None:
        """Take over what may change while the server runs. Raises ConfigError."""
        fresh, kept = keep(self._reread(), self._settings, _FOR_LIFE)
        for name in kept:
            log.warning("%s does not change until the server is started anew", name)
        _check_redirect(fresh)
        require_folder(fresh.webapps)
        raise_file_limit(fresh)
        if self._ports.tls is not None:
            self._ports.tls.reload()
        self._settings_of[generation] = fresh

    def _report(self, server: Server) -> None:
        """Say what is served, in the child that is ready first."""
        if os.read(self._turn, 1):
            self._say(report(server, time.perf_counter() - self._began_s, self._admin.url))


class _ChildServer:
    """A Server as a supervisor.ChildServer."""

    def __init__(self, server: Server, report: Callable[[Server], None]) -> None:
        self._server = server
        self._report = report
        self.drain = server.end_connections
        self.stop = server.ask_to_stop

    def run(self, ready: Callable[[], None]) -> None:
        def ready_and_report() -> None:
            ready()
            self._report(self._server)

        self._server.run(ready_and_report)


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
