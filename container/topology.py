"""A front process and container processes, instead of one process that is both: `was run --containers N`.

    run_containers     Front ── HTTP over Unix sockets ──> containers; a Supervisor starts and watches them
    serve_container    one of these: a Server that tells its Supervisor when it is ready

The front has the port. Files it serves itself, by the static plan that a container publishes when its web
apps have started; about everything else it decides by itself (front/containers.py). The containers are other
programs for it, and those that `was container` starts alone are no different. They get the front's
settings in their environment: one process reads flags and files, and nothing can be read in two ways.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container.config import OPTIONS, Settings
from container.connectors.http import HttpConnector
from container.engine.container import require_folder
from container.errors import ConfigError
from container.front.admin import AdminServer, health_pages
from container.front.containers import ContainersSite, routes
from container.front.fleet import Fleet, Pace, Process
from container.front.front import Front
from container.front.liveness import Liveness, LivenessWatch
from container.front.plans import plan_of_values, values_of_plan
from container.front.redirect import RedirectToTls
from container.front.routes import EmbeddedFront
from container.front.status import FrontStatus, ProcessState, groups_of
from container.front.supervisor import HANDLED, READY, Peer, Supervisor, remove_traces, work_path
from container.mpm.event import EventServer
from container.mpm.executor import make_executor
from container.mpm.scoreboard import ENDING, WAITING, make_board, status_folder
from container.mpm.signals import SignalInbox
from container.mpm.unix import UNIX
from container.protocols.exchange import Handler
from container.server import (
    Ports,
    Server,
    about_ports,
    configure_logging,
    report_text,
    served,
    set_switch_interval,
    stop_in_time,
)
from container.trace import AnsweredListener

if TYPE_CHECKING:
    from container.learn.xray.live import Xray

__all__ = ["container_environment", "run_containers", "serve_container"]

log = logging.getLogger("container.server")

_STATIC = "static"
_LOOK_S = 0.1
_GRACE_S = 3.0
_OUR_HEADER_BYTES = 1024
_OUR_HEADER_COUNT = 8
_MOST_FOLDER_BYTES = 75  # a socket's path may have 103 bytes on some systems
_GROUPS_OF_BOTH = ("Listening", "TLS", "Health", "Limits", "Buffers", "Logs")
_FOR_LIFE = (
    "host", "port", "backlog", "containers", "work", "session_store", "xray", "log", "log_level",
    "hang_timeout_s",
)  # fmt: skip


def run_containers(
    settings: Settings,
    say: Callable[[str], None],
    began_s: float,
    reread: Callable[[], Settings],
) -> int:
    """Serve until a signal says stop; return the exit code. See server.run.

    Raises ContainerError if the containers cannot be started.
    """
    configure_logging(settings)
    _check(settings)
    require_folder(settings.webapps)
    folder = _private_folder()
    try:
        with SignalInbox(HANDLED) as inbox:
            return _FrontProcess(settings, folder, say, began_s, reread, inbox).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _private_folder() -> Path:
    """For sockets, whose paths must be short."""
    own = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="was-", dir=own if len(own) <= _MOST_FOLDER_BYTES else "/tmp"))


def _check(settings: Settings) -> None:
    """Raise ConfigError for what does not go together."""
    if settings.mpm != "event" or settings.worker_processes != 1:
        raise ConfigError(
            "--containers: the front is one process with one loop, and so is each container. Remove --mpm "
            "and --worker-processes"
        )
    if settings.ajp_port:
        raise ConfigError(
            f"--ajp-port {settings.ajp_port}: the front of --containers speaks HTTP. Remove it; for a web "
            "server that speaks AJP start each container alone, with `was container --ajp`"
        )
    if settings.session_store != "memory" and settings.work is None:
        raise ConfigError(
            f"--session-store {settings.session_store}: the containers share their sessions in the work "
            "folder, and a private one is removed at the end. Name one of your own, for example --work "
            "/var/lib/was"
        )
    if settings.host.startswith(UNIX):
        raise ConfigError("--containers: the front listens on a TCP port. Give --host an address")


class _Connector(HttpConnector):
    """Ends with its connections to containers."""

    __slots__ = ("front",)

    front: Front

    def begin_stop(self, grace_s: float = 0.0) -> None:
        super().begin_stop(grace_s)
        self.front.begin_stop()


class _FrontProcess(Peer):
    """The front: what accepts, and what a Supervisor tells it."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        say: Callable[[str], None],
        began_s: float,
        reread: Callable[[], Settings],
        inbox: SignalInbox,
    ) -> None:
        from container.connectors.access_log import AccessLog

        self._settings = settings
        self._for_containers = settings
        self._folder = folder
        self._say = say
        self._began_s = began_s
        self._reread = reread
        self._said: Mapping[str, Any] = {}
        self._stop_was_called = False
        names = routes(settings.containers)
        drain_s = settings.stop_timeout_s + _GRACE_S
        self._supervisor = Supervisor(
            Fleet(names, Pace(drain_timeout_s=drain_s)),
            folder,
            self._launch,
            self,
            inbox,
            stop_timeout_s=settings.stop_timeout_s,
            graceful_timeout_s=settings.graceful_shutdown_timeout_s,
            say=say,
        )
        self._liveness = LivenessWatch(settings.hang_timeout_s, self._hear_of)
        self._site = ContainersSite(names, settings)
        self._xray: Xray | None = None
        if settings.records_requests:
            from container.front.traced import TracedEmbeddedFront, TracedFront
            from container.learn.xray.live import Xray

            self._xray = Xray.above(folder)
            recorder = self._xray.recorder
            self._front: Front = TracedFront(recorder, self._site, settings, (self._site.balancer,))
            self._files: EmbeddedFront = TracedEmbeddedFront(recorder, self._front)
        else:
            self._front = Front(self._site, settings, (self._site.balancer,))
            self._files = EmbeddedFront(self._front)
        self._phase: str | None = "starting"  # why no requests should come; None: they may
        self._access_log: AccessLog | None = None
        self._ports = Ports(settings)
        with contextlib.ExitStack() as undo:
            undo.callback(self._ports.close)
            sites = {} if self._xray is None else self._xray.sites
            self._admin = AdminServer(settings, health_pages(self._not_ready), sites)
            undo.callback(self._admin.close)
            if settings.access_log != "off":
                self._access_log = AccessLog(settings.access_log, settings.access_log_format)
            undo.pop_all()
        listeners: list[AnsweredListener] = [self._front.report]
        if self._access_log is not None:
            listeners.append(self._access_log)
        self._executor = make_executor(settings)  # without work: a Front waits for containers on its loop
        handler: Handler = self._files
        if settings.tls_redirect:
            handler = RedirectToTls(handler, settings.tls_port, settings.trusted_proxies)
        if self._xray is not None:
            handler = traced = self._xray.around(handler)
            listeners.insert(0, traced.answered)
        self._connector = _Connector(handler, settings, self._executor, listeners)
        self._connector.front = self._front
        self._board = make_board(settings, 1, 64, self._ports.urls)
        self._slot = self._board.slot(0)
        self._slot.begin(0)
        self._slot.set_pid(os.getpid())
        self._events = EventServer(
            [self._ports.plain],
            lambda: self._connector,
            settings,
            self._slot,
            tls_listeners=self._ports.secure,
        )
        self._thread: threading.Thread | None = None
        self._status = FrontStatus.beside(self._board_folder())

    def _board_folder(self) -> Path | None:
        try:
            return status_folder(self._settings.work)
        except ConfigError:
            return None  # make_board has said so

    def run(self) -> int:
        self._say(_start_note(self._settings))
        try:
            self._admin.start(self._executor)
            if self._xray is not None:
                self._xray.start()
            return self._supervisor.run()
        finally:
            self._liveness.close()
            self._events.stop(0.0)
            if self._thread is not None:
                self._thread.join()
            self._admin.close()
            if self._xray is not None:
                self._xray.close()
            self._ports.close()
            self._front.close()
            if self._access_log is not None:
                self._access_log.close()
            self._status.remove()
            self._board.close()

    # Containers -----------------------------------------------------------------------------------

    def _launch(self, path: Path, process: Process, descriptor: int) -> tuple[list[str], dict[str, str]]:
        settings = dataclasses.replace(
            self._for_containers,
            host=f"{UNIX}{path}",
            port=0,
            route=process.route,
            containers=0,
            work=self._for_containers.work or work_path(path),
            trusted_proxies=(UNIX,),
            forwarded_headers="x-forwarded",
            access_log="off",
            # TLS and health are the front's.
            redirect_port=self._for_containers.secure_port or 0,
            tls_port=0,
            tls_certificate=(),
            tls_key=(),
            tls_redirect=False,
            admin_port=0,
            drain_s=0.0,
            xray=self._xray is not None,
            # The front ends idle connections, and its own lines come on top of the client's.
            idle_timeout_s=0,
            max_keepalive_requests=0,
            max_header_bytes=self._for_containers.max_header_bytes + _OUR_HEADER_BYTES,
            max_header_count=self._for_containers.max_header_count + _OUR_HEADER_COUNT,
        )
        # Only where we have the current folder on the path, a container has it too.
        isolation = [] if {"", os.getcwd()} & set(sys.path) else ["-P"]
        command = [sys.executable, *isolation, "-m", "container", "container", "--channel", str(descriptor)]
        return command, container_environment(settings)

    # What the Supervisor tells --------------------------------------------------------------------

    def admitted(self, process: Process, path: Path, said: Mapping[str, Any]) -> None:
        self._said = said
        self._on_loop(lambda: self._site.admit(process.route, str(path), said.get("cookies", ())))
        self._liveness.watch(process, path)

    def told(self, process: Process, said: Mapping[str, Any]) -> None:
        """What its web apps have as files: all containers have the same, and the last word counts."""
        self._files.publish(plan_of_values(said[_STATIC]))

    def withdrawn(self, process: Process) -> None:
        self._liveness.forget(process.route)
        self._on_loop(lambda: self._site.withdraw(process.route))

    def _hear_of(self, process: Process, path: Path, liveness: Liveness) -> None:
        """What the watch finds out, in its thread."""
        if liveness is Liveness.HUNG:
            self._supervisor.is_hung(process)
            return
        is_silent = liveness is Liveness.SILENT
        if is_silent:
            log.warning("The container of %s does not answer: it gets no more requests", process.route)
        else:
            log.info("The container of %s answers again", process.route)
        if self._thread is not None:
            self._connector.call_on_loop(lambda: self._site.suspect(process.route, str(path), is_silent))

    def _on_loop(self, task: Callable[[], None]) -> None:
        """The balancer is the loop's, as soon as there is one. Returns when task is done.

        So an old process is not asked to end before the loop knows the new one.
        """
        if self._thread is None:
            task()
            return
        is_done = threading.Event()

        def do() -> None:
            task()
            is_done.set()

        self._connector.call_on_loop(do)
        while self._thread.is_alive() and not is_done.wait(_LOOK_S):
            pass

    def settled(self) -> None:
        if self._stop_was_called:
            return
        self._status.set_groups(groups_of([self._site.balancer], time.monotonic()))
        is_ready = threading.Event()

        def run() -> None:
            try:
                self._events.run(is_ready.set)
            finally:
                is_ready.set()
                self._supervisor.peer_has_ended()

        self._thread = threading.Thread(target=run, name="accepting")
        self._thread.start()
        is_ready.wait()
        self._slot.state = WAITING
        self._phase = None
        self.ticked()
        took_s = time.perf_counter() - self._began_s
        ports = self._ports
        more = about_ports(self._settings, ports.urls, ports.tls, self._admin.url)
        self._say(report_text(self._settings, ports.urls[0], self._said, took_s, more))

    def _not_ready(self) -> list[str]:
        """Why no new requests should come. Called on the loop of the admin address."""
        if self._phase is not None:
            return [self._phase]
        return [] if self._supervisor.is_serving else ["no container is ready"]

    def ticked(self) -> None:
        if self._ports.tls is not None:
            self._ports.tls.poll()
        processes = [
            ProcessState(process.number, process.route, process.state.value, pid, process.why)
            for process, pid in self._supervisor.processes()
        ]
        if self._thread is not None:

            def publish() -> None:
                self._status.set_groups(groups_of([self._site.balancer], time.monotonic()))

            self._connector.call_on_loop(publish)
        self._status.write(processes)

    def stop(self, timeout_s: float) -> None:
        self._stop_was_called = True
        self._slot.state = ENDING
        self._phase = "draining"
        if self._thread is None:
            self._supervisor.peer_has_ended()
        elif timeout_s and self._settings.drain_s:
            self._events.drain()
            timer = threading.Timer(self._settings.drain_s, self._events.stop, (timeout_s,))
            timer.daemon = True
            timer.start()
        else:
            self._events.stop(timeout_s)

    def reload(self) -> None:
        if self._ports.tls is not None:
            self._ports.tls.reload()
        fresh = self._reread()
        for option in OPTIONS:
            if getattr(fresh, option.name) == getattr(self._settings, option.name):
                continue
            if option.name in _FOR_LIFE:
                log.warning("%s does not change until the server is started anew", option.flag)
            elif option.group in _GROUPS_OF_BOTH:
                log.warning("%s changes in the containers; the front keeps what it has", option.flag)
        kept = {name: getattr(self._settings, name) for name in _FOR_LIFE}
        fresh = dataclasses.replace(fresh, **kept)
        require_folder(fresh.webapps)
        self._for_containers = fresh


def _start_note(settings: Settings) -> str:
    """What holds for sessions, in a sentence."""
    count = settings.containers
    if settings.session_store != "memory":
        return f"Starting {count} containers behind a front. They share their sessions in {settings.work}."
    if count == 1:
        return "Starting 1 container behind a front. Its sessions are in its memory and end with it."
    return (
        f"Starting {count} containers behind a front. Each has its own sessions in memory: the front keeps a "
        "client at the container of its session (ids end in .r1, .r2 ...), and the sessions end with the "
        "process. --session-store sqlite --work FOLDER keeps and shares them."
    )


# One container ------------------------------------------------------------------------------------


def container_environment(settings: Settings) -> dict[str, str]:
    """Our environment with every setting as a variable; config.load makes the same settings of them."""
    environ = dict(os.environ)
    for option in OPTIONS:
        value = getattr(settings, option.name)
        if value is None and option.default is None:
            environ.pop(option.variable, None)
        else:
            environ[option.variable] = _spelled(option.spell, value)
    return environ


def _spelled(spell: Callable[[object], str], value: object) -> str:
    return f"{value:f}" if isinstance(value, float) else spell(value)  # :g would round


def serve_container(settings: Settings, descriptor: int) -> int:
    """Serve until SIGTERM, or until the supervisor at the other end of the descriptor has gone."""
    os.set_inheritable(descriptor, False)
    path = Path(settings.host.removeprefix(UNIX))
    configure_logging(settings)
    set_switch_interval()
    # A terminal sends these to everybody: the supervisor decides.
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    is_orphan = threading.Event()
    with SignalInbox((signal.SIGTERM, signal.SIGUSR1)) as inbox, socket.socket(fileno=descriptor) as channel:
        lock = threading.Lock()  # for whole lines

        def say(message: Mapping[str, Any]) -> None:
            with lock, contextlib.suppress(OSError):
                channel.sendall(json.dumps(message).encode() + b"\n")

        def watch() -> None:
            """Wait for the end of the supervisor, who says nothing."""
            with contextlib.suppress(OSError):
                channel.recv(1)
            is_orphan.set()
            inbox.wake()
            time.sleep(settings.stop_timeout_s + _GRACE_S)
            _leave(path, is_orphan=True)
            os._exit(1)  # it hangs, perhaps since it started

        threading.Thread(target=watch, name="channel", daemon=True).start()
        try:
            server = Server(settings, xray=_xray_below(settings, path.parent))
            server.start()
            say({READY: _what_is_served(server)})
            server.container.on_static_plan(lambda plan: say({_STATIC: values_of_plan(plan)}))
            while not is_orphan.is_set() and signal.SIGTERM not in inbox.wait():
                pass
            if is_orphan.is_set():
                log.error("The front has been killed: this container ends too")
            return stop_in_time(server, settings.stop_timeout_s, inbox)
        finally:
            _leave(path, is_orphan.is_set())


def _xray_below(settings: Settings, folder: Path) -> Xray | None:
    if not settings.records_requests:
        return None
    from container.learn.xray.live import Xray

    return Xray.below(folder, settings.route or "")


def _what_is_served(server: Server) -> dict[str, Any]:
    contexts = server.container.contexts.values()
    cookies = {context.sessions.cookie_config.getName() or "JSESSIONID" for context in contexts}
    return {**served(server.container), "cookies": sorted(cookies)}


def _leave(path: Path, is_orphan: bool) -> None:
    """Remove our traces; the last of several orphans removes the folder, too."""
    remove_traces(path)
    if is_orphan:
        with contextlib.suppress(OSError):
            (path.parent / "xray.sock").unlink()  # of the front that was killed, if it had an X-ray
        with contextlib.suppress(OSError):
            path.parent.rmdir()
