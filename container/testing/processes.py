"""Web apps behind real sockets: LiveServer in this process, Cluster in processes of their own.

Both listen on 127.0.0.1, on a port that the system chooses, and end with the test. What talks HTTP can talk
to them: requests, httpx, a browser through Playwright.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from shutil import copytree, ignore_patterns
from types import TracebackType
from typing import Any

from container.config import Settings
from container.connectors.http import HttpConnector
from container.engine.container import context_path_of
from container.errors import ConfigError, ContainerError
from container.front.fleet import State
from container.front.status import read_status
from container.mpm.event import EventServer, open_listener, run_in_thread, url_of
from container.mpm.executor import make_executor
from container.mpm.worker import WorkerServer
from container.protocols.exchange import Begin, Exchange, Handler
from container.testing.deployment import Deploy, What, folder_name_of
from container.topology import container_environment
from container.trace import Answered, AnsweredListener

__all__ = ["Cluster", "LiveServer", "SocketServer"]

_PATIENCE_S = 120.0  # only ever used up by a failure
_LOOK_S = 0.02
_READY = re.compile(r"^Ready after .* on (http://\S+)/\.", re.MULTILINE)
_FAILED = "DID NOT START"


class SocketServer:
    """A connector with its event loop in a thread of this process, for a handler."""

    def __init__(
        self, handler: Handler, settings: Settings, listeners: Sequence[AnsweredListener] = ()
    ) -> None:
        self.handler = handler
        """Who answers; another one may take its place between two requests."""
        self.settings = settings
        self.executor = make_executor(settings)
        self._listeners = listeners
        listener = open_listener("127.0.0.1", 0, settings.backlog)
        self.url = url_of(listener)
        self._mpm = self.make_mpm(listener)
        self._thread = run_in_thread(self._mpm.run, "live server")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def make_mpm(self, listener: socket.socket) -> EventServer | WorkerServer:
        return EventServer(
            [listener],
            lambda: HttpConnector(self, self.settings, self.executor, self._listeners),
            self.settings,
        )

    def begin(self, exchange: Exchange) -> Begin:
        return self.handler.begin(exchange)

    def handle(self, exchange: Exchange) -> None:
        self.handler.handle(exchange)

    def stop(self) -> None:
        self._mpm.stop()
        self._thread.join()
        self.executor.stop(self.settings.stop_timeout_s)


class LiveServer:
    """Serves the web apps of a test, those that are deployed later too. It starts when its url is asked for.

    They are the same as the test's clients see: with them it shares sessions, clock and users.
    """

    def __init__(self, deploy: Deploy) -> None:
        self._deploy = deploy
        self._server: SocketServer | None = None

    def __repr__(self) -> str:
        return f"<LiveServer {self._server}>"

    def __enter__(self) -> LiveServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()

    @property
    def origin(self) -> str:
        """The server's address, "http://127.0.0.1:54321"."""
        if self._server is None:
            settings = self._deploy.container.settings
            self._server = SocketServer(self._deploy.new_front(), settings, [self._note])
        return self._server.url

    @property
    def url(self) -> str:
        """The address of the web app deployed first, "http://127.0.0.1:54321/shop"."""
        return self.origin + self._deploy.client.context.encoded_path

    def _note(self, answered: Answered) -> None:
        method, _, rest = answered.request_line.decode("latin-1").partition(" ")
        self._deploy.note(answered.request_id, method, rest.partition(" ")[0])
        self._deploy.note_answer(answered.request_id, answered.status)


class Cluster:
    """Container processes behind a front process: ``was run --containers N``.

    They have the users of the test, but not its clock. The containers have numbers from 1, as their routes
    r1, r2 ...
    """

    def __init__(
        self,
        deploy: Deploy,
        containers: int,
        /,
        *what: What,
        web_xml: str | None = None,
        path: str | None = None,
        **settings: Any,
    ) -> None:
        """What, web_xml and path are those of Deploy; settings those of ``was run``, by their names."""
        source, classes = deploy.write(*what, web_xml=web_xml, path=path)
        if classes:
            raise ConfigError(
                f"cluster: class {classes[0].__name__} of the test: another process cannot see it. "
                'Write its module, {"classes/shop.py": "..."}'
            )
        self._folder = deploy.new_folder()
        name = source.name if path is None else folder_name_of(path)
        copytree(source, self._folder / "webapps" / name, ignore=ignore_patterns("__pycache__"))
        (self._folder / "work").mkdir(mode=0o700)
        given: dict[str, Any] = {
            "access_log": "off",
            "users": deploy.write_users(self._folder / "users.xml"),
            "work": self._folder / "work",
            **settings,
        }
        webapps = self._folder / "webapps"
        self._settings = Settings(**{**given, "webapps": webapps, "port": 0, "containers": containers})
        self._path = context_path_of(name)
        self._count = containers
        self._ended: set[int] = set()  # processes that the status may still show
        self._process: subprocess.Popen[bytes]
        self.origin = ""
        """The front's address, "http://127.0.0.1:54321"."""

    def __repr__(self) -> str:
        return f"<Cluster {self.origin} {self.pids}>"

    @property
    def url(self) -> str:
        """The web app's address, "http://127.0.0.1:54321/shop"."""
        return self.origin + self._path

    @property
    def output(self) -> str:
        """What all its processes have logged."""
        return (self._folder / "output").read_text("utf-8", "replace")

    @property
    def pids(self) -> dict[int, int]:
        """The process id of each container that is ready, by its number."""
        status = read_status(self._settings.work or self._folder, self._process.pid) or {"containers": []}
        return {
            int(each["route"].removeprefix("r")): each["pid"]
            for each in status["containers"]
            if each["state"] == State.READY.value and each["pid"] not in self._ended
        }

    def start(self) -> Cluster:
        """Return when all containers are ready. Raises ContainerError, with what they have said."""
        environ = container_environment(self._settings)
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # what can be imported here
        environ["PYTHONUNBUFFERED"] = "1"
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "container", "run"],
                env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait(lambda: _READY.search(self.output) is not None)
            if _FAILED in self.output:
                raise ContainerError(f"the cluster does not start:\n{self.output}")
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        self.origin = found[1] if (found := _READY.search(self.output)) else ""
        return self

    def wait_ready(self) -> None:
        """Wait until every container is ready, those too that take the place of killed ones."""
        self._wait(lambda: len(self.pids) == self._count)

    def kill(self, number: int) -> None:
        """End a container at once (SIGKILL), whatever it is doing. The front starts another in its place."""
        self.wait_ready()
        pid = self.pids[number]
        self._ended.add(pid)
        os.kill(pid, signal.SIGKILL)
        self._wait(lambda: not _is_alive(pid))

    def restart(self) -> None:
        """Renew the containers one after the other, as ``was reload`` does; return when all are ready."""
        self.wait_ready()
        self._ended.update(self.pids.values())
        self._process.send_signal(signal.SIGHUP)
        self.wait_ready()

    def stop(self) -> None:
        """End all processes."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(self._settings.stop_timeout_s + _PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def _wait(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + _PATIENCE_S
        while not is_so():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                state = "has ended" if self._process.poll() is not None else "is not ready"
                raise ContainerError(f"the cluster {state}; it has said:\n{self.output}")
            time.sleep(_LOOK_S)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
