"""A front process and container processes, instead of one process that is both: `was run --containers N`.

    run_containers     Front ── HTTP over Unix sockets ──> containers; a Supervisor starts and watches them
                       the Front is a loop of this process (_OneLoop), or several processes (_Processes)
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from container.config import OPTIONS, Settings, keep
from container.connectors.access_log import AccessLog
from container.connectors.http import HttpConnector
from container.engine.container import require_folder
from container.errors import ConfigError, ContainerError
from container.front.admin import AdminServer, folder_of, health_pages
from container.front.configuration import FrontConfig
from container.front.containers import ContainersSite, routes
from container.front.fleet import Fleet, Pace, Process
from container.front.front import Front
from container.front.listeners import FrontListeners
from container.front.liveness import Liveness, LivenessWatch
from container.front.plans import plan_of_values, values_of_plan
from container.front.program import FrontChild, FrontServer
from container.front.redirect import RedirectToTls
from container.front.routes import EmbeddedFront
from container.front.status import FrontStatus, ProcessState, groups_of, remove_status
from container.front.supervisor import HANDLED, READY, Peer, Supervisor, remove_traces, work_path
from container.front.table import RoutesTable, TableFollower
from container.mpm import supervisor as mpm_supervisor
from container.mpm.event import EventServer, run_in_thread
from container.mpm.executor import make_executor
from container.mpm.population import Limits, is_alone, settle, share
from container.mpm.scoreboard import DRAINING, ENDING, WAITING, Scoreboard, make_board
from container.mpm.signals import SignalInbox
from container.mpm.unix import UNIX
from container.protocols.exchange import Handler
from container.report import about_ports, report_text, served
from container.server import (
    Ports,
    Server,
    configure_logging,
    raise_file_limit,
    set_switch_interval,
    stop_in_time,
)
from container.trace import AnsweredListener

if TYPE_CHECKING:
    from container.learn.xray.live import Xray

__all__ = ["container_environment", "run_containers", "serve_container"]

log = logging.getLogger("container.server")

_STATIC = "static"
_TABLE = "containers.json"
_LOOK_S = 0.1
_GRACE_S = 3.0
_OUR_HEADER_BYTES = 1024
_OUR_HEADER_COUNT = 8
_MOST_FOLDER_BYTES = 75  # a socket's path may have 103 bytes on some systems
_GROUPS_OF_BOTH = ("Listening", "TLS", "Health", "Limits", "Buffers", "Logs")
_FOR_LIFE = ("host", "port", "backlog", "work", "session_store", "xray", "log", "log_level")


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
    raise_file_limit(settings)
    _check(settings)
    require_folder(settings.webapps)
    with contextlib.ExitStack() as undo:
        inbox = undo.enter_context(SignalInbox(HANDLED))
        scene = _set_scene(settings, undo)
        return _FrontProcess(scene, say, began_s, reread, inbox).run()


def _private_folder() -> Path:
    """For sockets, whose paths must be short."""
    own = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="was-", dir=own if len(own) <= _MOST_FOLDER_BYTES else "/tmp"))


def _check(settings: Settings) -> None:
    """Raise ConfigError for what does not go together."""
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


@dataclass(frozen=True, slots=True)
class _Scene:
    """What accepting needs, however many processes do it."""

    settings: Settings
    limits: Limits
    names: Sequence[str]
    ports: Ports
    board: Scoreboard
    status: FrontStatus
    folder: Path
    """Private."""
    access_log: AccessLog | None
    """None: there is none, or each process has its own."""
    xray: Xray | None

    def handler(self, files: EmbeddedFront) -> Handler:
        settings = self.settings
        if not settings.tls_redirect:
            return files
        return RedirectToTls(files, settings.tls_port, settings.trusted_proxies)

    @property
    def heard(self) -> list[AnsweredListener]:
        return [] if self.access_log is None else [self.access_log]


def _set_scene(settings: Settings, undo: contextlib.ExitStack) -> _Scene:
    """Take ports and files, and have undo give them back. Raises ConfigError."""
    folder = _private_folder()
    undo.callback(shutil.rmtree, folder, ignore_errors=True)
    xray: Xray | None = None
    if settings.records_requests:
        from container.learn.xray.live import Xray

        xray = Xray.above(folder)
        undo.callback(xray.close)
    limits, warnings = settle(settings)
    for warning in warnings:
        log.warning("%s", warning)
    ports = Ports(settings)
    undo.callback(ports.close)
    access_log = None
    if settings.access_log != "off":
        access_log = AccessLog(settings.access_log, settings.access_log_format)
        undo.callback(access_log.close)
        if not is_alone(settings, limits):  # this was to see whether it can be written
            access_log.close()
            access_log = None
    board = make_board(settings, limits, ports.urls)
    undo.callback(board.close)
    status_folder = folder_of(settings)
    if status_folder is not None:
        undo.callback(remove_status, status_folder, os.getpid())
    status = FrontStatus.beside(status_folder)
    names = routes(settings.containers)
    return _Scene(settings, limits, names, ports, board, status, folder, access_log, xray)


class _FrontProcess(Peer):
    """The front: what accepts, and what a Supervisor tells it."""

    def __init__(
        self,
        scene: _Scene,
        say: Callable[[str], None],
        began_s: float,
        reread: Callable[[], Settings],
        inbox: SignalInbox,
    ) -> None:
        settings = scene.settings
        self._scene = scene
        self._settings = settings
        self._for_containers = settings
        self._say = say
        self._began_s = began_s
        self._reread = reread
        self._said: Mapping[str, Any] = {}
        self._stop_was_called = False
        self._has_settled = False
        self._phase: str | None = "starting"  # why no requests should come; None: they may
        drain_s = settings.stop_timeout_s + _GRACE_S
        fleet = Fleet(scene.names, Pace(drain_timeout_s=drain_s))
        self._supervisor = Supervisor(fleet, scene.folder, self._launch, self, inbox, settings, say)
        self._liveness = LivenessWatch(settings.hang_timeout_s, self._hear_of)
        sites = {} if scene.xray is None else scene.xray.sites
        self._admin = AdminServer(settings, health_pages(self._not_ready), sites)
        make = _OneLoop if is_alone(settings, scene.limits) else _Processes
        self._accepting: _OneLoop | _Processes = make(scene, self._supervisor.peer_has_ended)

    def run(self) -> int:
        self._say(_start_note(self._settings))
        try:
            self._accepting.prepare()  # before there is a second thread
            self._admin.start(make_executor(self._settings))  # without work: it answers on its loop
            if self._scene.xray is not None:
                self._scene.xray.start()
            return self._supervisor.run()
        finally:
            self._liveness.close()
            self._accepting.close()
            self._admin.close()

    # Containers -----------------------------------------------------------------------------------

    def _launch(self, path: Path, process: Process, descriptor: int) -> tuple[list[str], dict[str, str]]:
        settings = dataclasses.replace(
            self._for_containers,
            host=f"{UNIX}{path}",
            port=0,
            route=process.route,
            containers=0,
            mpm="event",
            worker_processes=1,
            worker_connections=None,
            max_connections_per_child=0,
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
            xray=self._scene.xray is not None,
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
        self._accepting.admit(process.route, str(path), said.get("cookies", ()))
        self._liveness.watch(process, path)

    def told(self, process: Process, said: Mapping[str, Any]) -> None:
        """What its web apps have as files: all containers have the same, and the last word counts."""
        self._accepting.plan(said[_STATIC])

    def withdrawn(self, process: Process) -> None:
        self._liveness.forget(process.route)
        self._accepting.withdraw(process.route)

    def _hear_of(self, process: Process, path: Path, liveness: Liveness) -> None:
        """What the watch finds out, in its thread."""
        if liveness is Liveness.HUNG:
            self._supervisor.is_hung(process)
            return
        is_silent = liveness is Liveness.SILENT
        if is_silent:
            log.warning(
                "The container of %s does not answer: it gets no requests while others do", process.route
            )
        else:
            log.info("The container of %s answers again", process.route)
        self._accepting.suspect(process.route, str(path), is_silent)

    def settled(self) -> None:
        if self._stop_was_called:
            return
        self._accepting.start()
        self._has_settled = True
        self._scene.board.phase = WAITING
        self._phase = None
        self.ticked()
        took_s = time.perf_counter() - self._began_s
        ports = self._scene.ports
        more = about_ports(self._settings, ports.urls, ports.tls, self._admin.url)
        self._say(report_text(self._settings, ports.urls[0], self._said, took_s, more))

    def _not_ready(self) -> list[str]:
        """Why no new requests should come. Called on the loop of the admin address."""
        if self._phase is not None:
            return [self._phase]
        return [] if self._supervisor.is_serving else ["no container is ready"]

    def ticked(self) -> None:
        if self._scene.ports.tls is not None:
            self._scene.ports.tls.poll()
        processes = [
            ProcessState(process.number, process.route, process.state.value, pid, process.why)
            for process, pid in self._supervisor.processes()
        ]
        self._accepting.tick()
        self._scene.status.write(processes)

    def stop(self, timeout_s: float) -> None:
        self._stop_was_called = True
        self._phase = "draining"
        self._scene.board.phase = DRAINING if timeout_s and self._settings.drain_s else ENDING
        if self._has_settled:
            self._accepting.stop(timeout_s)
        else:
            self._supervisor.peer_has_ended()

    def reload(self) -> None:
        if self._scene.ports.tls is not None:
            self._scene.ports.tls.reload()
        for_life = [*_FOR_LIFE, *(option.name for option in OPTIONS if option.group == "Processes")]
        fresh, kept = keep(self._reread(), self._settings, for_life)
        for option in OPTIONS:
            if option.name in kept:
                log.warning("%s does not change until the server is started anew", option.flag)
            elif option.group in _GROUPS_OF_BOTH and (
                getattr(fresh, option.name) != getattr(self._settings, option.name)
            ):
                log.warning("%s changes in the containers; the front keeps what it has", option.flag)
        _check(fresh)
        require_folder(fresh.webapps)
        raise_file_limit(fresh)  # of the containers that it starts
        self._for_containers = fresh


class _OneLoop:
    """A loop in a thread of this process. Its methods are for one other thread; suspect for any."""

    def __init__(self, scene: _Scene, has_ended: Callable[[], None]) -> None:
        """has_ended: to be called when nobody accepts any more."""
        self._scene = scene
        self._has_ended = has_ended
        settings = scene.settings
        self._site = ContainersSite(scene.names, settings)
        balancers = (self._site.balancer,)
        heard = list(scene.heard)
        if scene.xray is None:
            self._front = Front(self._site, settings, balancers, is_logged=False)
            self._files = EmbeddedFront(self._front)
        else:
            from container.front.traced import TracedEmbeddedFront, TracedFront

            self._front = TracedFront(scene.xray.recorder, self._site, settings, balancers)
            self._files = TracedEmbeddedFront(scene.xray.recorder, self._front)
            heard.insert(0, self._front.report)
        handler = scene.handler(self._files)
        if scene.xray is not None:
            handler = traced = scene.xray.around(handler)
            heard.insert(0, traced.answered)
        self._connector = _Connector(handler, settings, make_executor(settings), heard)
        self._connector.front = self._front
        self._slot = scene.board.slot(0)
        self._slot.begin(0)
        self._slot.set_pid(os.getpid())
        self._events = EventServer(
            scene.ports.plain,
            lambda: self._connector,
            settings,
            self._slot,
            tls_listeners=scene.ports.secure,
        )
        self._thread: threading.Thread | None = None

    def prepare(self) -> None:
        """Nothing."""

    def start(self) -> None:
        """Accept; the containers are there."""
        self._tell_status()

        def run(ready: Callable[[], None]) -> None:
            try:
                self._events.run(ready)
            finally:
                self._has_ended()

        self._thread = run_in_thread(run, "accepting")
        self._slot.state = WAITING

    def stop(self, timeout_s: float) -> None:
        self._slot.state = ENDING
        drain_s = self._scene.settings.drain_s
        if timeout_s and drain_s:
            self._events.drain()
            timer = threading.Timer(drain_s, self._events.stop, (timeout_s,))
            timer.daemon = True
            timer.start()
        else:
            self._events.stop(timeout_s)

    def close(self) -> None:
        self._events.stop(0.0)
        if self._thread is not None:
            self._thread.join()
        self._front.close()

    def tick(self) -> None:
        if self._thread is not None:
            self._connector.call_on_loop(self._tell_status)

    def _tell_status(self) -> None:
        self._scene.status.set_groups(groups_of([self._site.balancer], time.monotonic()))

    def admit(self, route: str, path: str, cookies: Sequence[str]) -> None:
        self._on_loop(lambda: self._site.admit(route, path, cookies))

    def withdraw(self, route: str) -> None:
        self._on_loop(lambda: self._site.withdraw(route))

    def suspect(self, route: str, path: str, suspected: bool) -> None:
        if self._thread is not None:
            self._connector.call_on_loop(lambda: self._site.suspect(route, path, suspected))

    def plan(self, values: dict[str, Any]) -> None:
        self._files.publish(plan_of_values(values))

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


class _Processes:
    """A master below this process, and front processes below that: mpm/supervisor.py.

    The master is forked before this process has a second thread. It waits until the containers are there.
    """

    def __init__(self, scene: _Scene, has_ended: Callable[[], None]) -> None:
        """has_ended: to be called when nobody accepts any more."""
        self._scene = scene
        self._has_ended = has_ended
        self._file = scene.folder / _TABLE
        self._table = RoutesTable(self._file, scene.board)
        self.admit = self._table.admit
        self.withdraw = self._table.withdraw
        self.suspect = self._table.suspect
        self.plan = self._table.plan
        self._go_reader, self._go = os.pipe()
        self._is_ready, self._ready = os.pipe()
        self._pid = 0
        self._thread: threading.Thread | None = None

    def prepare(self) -> None:
        self._pid = os.fork()
        if not self._pid:
            self._be_master()
        os.close(self._go_reader)
        os.close(self._ready)
        self._thread = threading.Thread(target=self._wait, name="front", daemon=True)
        self._thread.start()
        self._scene.ports.close()

    def start(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has ended, as _wait tells
            os.write(self._go, b"1")
        os.read(self._is_ready, 1)  # or it has ended

    def stop(self, timeout_s: float) -> None:
        is_quick = timeout_s in (0.0, self._scene.settings.stop_timeout_s)
        self._signal(signal.SIGTERM if is_quick else signal.SIGQUIT)  # the second SIGTERM ends it at once

    def close(self) -> None:
        """The master has ended, or nobody wants anything of it any more: without us it ends."""
        os.close(self._go)
        os.close(self._is_ready)
        if self._thread is not None and self._thread.is_alive():
            self._signal(signal.SIGTERM)
            self._thread.join(_GRACE_S)
            self._signal(signal.SIGKILL)
            self._thread.join()

    def tick(self) -> None:
        """Nothing: each process tells of itself."""

    def _wait(self) -> None:
        os.waitpid(self._pid, 0)
        self._has_ended()

    def _signal(self, number: int) -> None:
        if self._thread is not None and self._thread.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    # In the master ---------------------------------------------------------------------------------

    def _be_master(self) -> NoReturn:
        code = 1
        try:
            os.close(self._go)
            os.close(self._is_ready)
            os.setpgid(0, 0)  # a terminal's signals are for the process that has forked this one
            signal.set_wakeup_fd(-1)
            for number in HANDLED:
                signal.signal(number, signal.SIG_DFL)
            code = self._supervise() if os.read(self._go_reader, 1) else 0
        except ContainerError as error:
            log.error("%s", error)
        except BaseException:
            log.exception("The front has failed")
        finally:
            mpm_supervisor.leave(code)

    def _supervise(self) -> int:
        scene = self._scene
        supervisor = mpm_supervisor.Supervisor(
            self._make_child,
            scene.limits,
            scene.board,
            scene.settings,
            make_helper=self._make_helper,
            on_stop=scene.ports.close,
        )

        def ready() -> None:
            os.write(self._ready, b"1")

        return supervisor.run(ready)

    def _make_helper(self, child: mpm_supervisor.Child) -> _Lifeline:
        self._scene.ports.close()
        return _Lifeline(self._go_reader)

    def _make_child(self, child: mpm_supervisor.Child) -> FrontChild:
        scene = self._scene
        settings = share(scene.settings, scene.limits)
        site = ContainersSite(scene.names, settings)
        front: list[EmbeddedFront] = []

        def wrap(behind: Handler) -> Handler:
            front.append(EmbeddedFront(behind))
            return scene.handler(front[0])

        follower = TableFollower(
            self._file,
            scene.board,
            child.slot,
            site,
            lambda values: front[0].publish(plan_of_values(dict(values))),
        )
        is_logging = settings.access_log != "off"
        server = FrontServer(
            settings,
            FrontConfig(site, (), (site.balancer,)),
            FrontListeners.adopt(scene.ports.plain, scene.ports.secure),
            child.slot,
            f"{child.number}.",
            FrontStatus.beside(folder_of(settings), scene.board.pid),
            [follower],
            wrap,
            [AccessLog(settings.access_log, settings.access_log_format)] if is_logging else [],
        )
        return FrontChild(server)


class _Lifeline:
    """A ChildServer that ends its supervisor when the process before that has gone, however it has ended."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._parent = os.getppid()

    def run(self, ready: Callable[[], None]) -> None:
        ready()
        os.read(self._descriptor, 1)
        if os.getppid() == self._parent:
            os.kill(self._parent, signal.SIGTERM)

    def drain(self) -> None:
        """Nothing."""

    def stop(self, timeout_s: float) -> None:
        os._exit(0)


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
            server.start(inbox.wake)
            say({READY: _what_is_served(server)})
            server.container.on_static_plan(lambda plan: say({_STATIC: values_of_plan(plan)}))
            is_told = False
            while not (is_told or is_orphan.is_set() or server.failure is not None):
                is_told = signal.SIGTERM in inbox.wait()
            if is_orphan.is_set():
                log.error("The front has been killed: this container ends too")
            return stop_in_time(server, settings.stop_timeout_s, inbox) or int(server.failure is not None)
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
        for name in ("xray.sock", _TABLE):  # of the front that was killed, if it had them
            with contextlib.suppress(OSError):
                (path.parent / name).unlink()
        with contextlib.suppress(OSError):
            path.parent.rmdir()
