"""`was front` in one process: a configuration behind listeners, without a container.

FrontConfig ──> Front ──> HttpConnector ──> EventServer (loop)
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import time
from dataclasses import replace

from container.config import Settings
from container.connectors.http import HttpConnector
from container.errors import ConfigError
from container.front.configuration import FrontConfig, FrontListen
from container.front.front import Front
from container.mpm.event import EventServer, open_listener
from container.mpm.executor import Executor, make_executor

__all__ = ["FrontConnector", "FrontServer"]


class FrontConnector(HttpConnector):
    """Counts the connections to backends, too, as each needs a file of the process; ends with them."""

    __slots__ = ("_front",)

    def __init__(self, front: Front, settings: Settings, executor: Executor) -> None:
        super().__init__(front, settings, executor, [front.report])
        self._front = front

    @property
    def connection_count(self) -> int:
        return super().connection_count + self._front.backend_count

    def begin_stop(self) -> None:
        super().begin_stop()
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
        try:
            for listen in config.listens:
                self._listeners.append(_open(listen, settings))
        except ConfigError:
            self._close_listeners()
            raise
        self.addresses = [_address(listener) for listener in self._listeners]
        self._events = EventServer(
            self._listeners,
            lambda: FrontConnector(self.front, settings, self._executor),
            settings,
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


def _address(listener: socket.socket) -> str:
    name = listener.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"
