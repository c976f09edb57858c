"""`was front` in one process: a configuration behind listeners, without a container.

FrontConfig ──> Front ──> HttpConnector ──> EventServer (loop)
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType

from container.config import Settings
from container.connectors.http import HttpConnector
from container.errors import ConfigError
from container.front.configuration import FrontConfig, FrontListen
from container.front.front import Front
from container.mpm.event import EventServer, open_listener
from container.mpm.executor import Executor, make_executor
from container.mpm.tls import ServerTls

__all__ = ["FrontConnector", "FrontServer", "run"]


class FrontConnector(HttpConnector):
    """Counts the connections to backends, too, as each needs a file of the process; ends with them.

    It also looks after the certificates.
    """

    __slots__ = ("_front", "_tls")

    def __init__(
        self, front: Front, settings: Settings, executor: Executor, tls: Sequence[ServerTls] = ()
    ) -> None:
        super().__init__(front, settings, executor, [front.report])
        self._front = front
        self._tls = tls

    @property
    def connection_count(self) -> int:
        return super().connection_count + self._front.backend_count

    def sweep(self, now_s: float) -> None:
        super().sweep(now_s)
        self._front.maintain(now_s)
        for tls in self._tls:
            tls.poll()

    def begin_stop(self, grace_s: float = 0.0) -> None:
        super().begin_stop(grace_s)
        self._front.begin_stop()


class FrontServer:
    """Start and stop it once, from one thread."""

    def __init__(self, settings: Settings, config: FrontConfig) -> None:
        """Take the ports. Raises ConfigError."""
        # How long a body may be is the site's to say, not ours.
        self.settings = settings = replace(settings, max_body_bytes=0)
        self.config = config
        self.front = Front(config.site, settings, config.balancers)
        self._executor = make_executor(settings)
        self._listeners: list[socket.socket] = []
        tls_listeners: list[tuple[socket.socket, ServerTls]] = []
        try:
            for listen in config.listens:
                listener = _open(listen, settings)
                self._listeners.append(listener)
                if listen.tls is not None:
                    tls = ServerTls(listen.tls.certificates, choose=listen.tls.choose)
                    tls_listeners.append((listener, tls))
        except ConfigError:
            self._close_listeners()
            raise
        with_tls = dict(tls_listeners)
        self.addresses = [_address(each, "https" if each in with_tls else "http") for each in self._listeners]
        self._events = EventServer(
            [each for each in self._listeners if each not in with_tls],
            lambda: FrontConnector(self.front, settings, self._executor, [*with_tls.values()]),
            settings,
            tls_listeners=tls_listeners,
        )

    def __repr__(self) -> str:
        return f"<FrontServer {', '.join(self.addresses)}>"

    def start(self) -> None:
        self._events.start()

    def stop(self) -> None:
        """End running requests within settings.stop_timeout_s."""
        deadline_s = time.monotonic() + self.settings.stop_timeout_s
        self._events.stop()
        self._events.join()
        self._executor.stop(max(0.0, deadline_s - time.monotonic()))
        self.front.close()
        for listen in self.config.listens:
            if listen.path:
                with contextlib.suppress(OSError):
                    os.unlink(listen.path)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()


def run(settings: Settings, config: FrontConfig, say: Callable[[str], None], began_s: float) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code. A second signal ends the process at once.

    began_s is time.perf_counter() when the command began.
    """
    asked = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            os._exit(128 + number)
        asked.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    server = FrontServer(settings, config)
    server.start()
    took_s = time.perf_counter() - began_s
    say(f"Ready after {took_s:.2f} s on {', '.join(server.addresses)}. Ctrl-C stops.")
    asked.wait()
    say(f"Stopping, within {settings.stop_timeout_s:g} s. Ctrl-C again ends at once.")
    server.stop()
    return 0


def _open(listen: FrontListen, settings: Settings) -> socket.socket:
    if not listen.path:
        return open_listener(listen.host or "0.0.0.0", listen.port, settings.backlog)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_dead(listen.path)
        listener.bind(listen.path)
        listener.listen(settings.backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ConfigError(f"listen {listen}: {error.strerror}. Choose another path.") from None
    return listener


def _remove_dead(path: str) -> None:
    """Remove a socket that nobody listens on any more; raise OSError if somebody does."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, "another program listens there")


def _address(listener: socket.socket, scheme: str) -> str:
    name = listener.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{scheme}://{host}:{name[1]}"
