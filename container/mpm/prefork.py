"""The prefork MPM: one connection at a time in a process, from its first request to its last.

    listeners ─> Acceptor ─> connector.serve(socket) ─> the next

See event.py for the signature that all MPMs share. ``run`` is what one process does; supervisor.py has many
of them. Nothing of a connection can harm another, and each costs a whole process, also while it is idle.
"""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from container.config import Settings
from container.mpm.acceptor import Acceptor
from container.mpm.scoreboard import Slot, ThreadWatch
from container.mpm.tls import ServerTls
from container.mpm.waker import Waker

__all__ = ["PreforkServer", "ThreadConnector"]

_log = logging.getLogger("container.server")


class ThreadConnector(Protocol):
    """What the MPMs with a thread for each connection need of a connector. Any thread may call it."""

    @property
    def connection_count(self) -> int: ...

    def attach(self, stop_fd: int) -> None:
        """Called once, first: stop_fd is readable from ``stop`` on."""

    def serve(self, sock: socket.socket, watch: ThreadWatch) -> None:
        """Serve a connection that does not block until its end."""

    def drain(self) -> None: ...

    def begin_stop(self) -> None: ...

    def abort(self) -> None: ...


class PreforkServer:
    """Serves in the thread that calls ``run``."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        make_connector: Callable[[], ThreadConnector],
        settings: Settings,
        slot: Slot,
        *,
        tls_listeners: Sequence[tuple[socket.socket, ServerTls]] = (),
    ) -> None:
        self._listeners = listeners
        self._tls_listeners = tls_listeners
        self._make_connector = make_connector
        self._settings = settings
        self._most = settings.max_connections_per_child or math.inf
        self._slot = slot
        self._stop = Waker()
        self._connector: ThreadConnector | None = None
        self._is_stopping = False
        self._count = 0  # of connections

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {self._count} connections{', stopping' * self._is_stopping}>"

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until ``stop``; ready is called when connections are accepted. Closes the listeners."""
        self._connector = connector = self._make_connector()
        connector.attach(self._stop.fileno())
        if self._is_stopping:
            connector.begin_stop()
        acceptor = Acceptor(self._listeners, self._stop, self._tls_listeners)
        try:
            self._serve(acceptor, connector, ready)
        finally:
            acceptor.close()
            for listener in (*self._listeners, *(listener for listener, _ in self._tls_listeners)):
                listener.close()
            self._stop.close()

    def drain(self) -> None:
        """Have connections end with their next answer, as ``stop`` will be called soon. For any thread."""
        if self._connector is not None:
            self._connector.drain()

    def stop(self, timeout_s: float | None = None) -> None:
        """Make ``run`` return when what is being answered has been. For any thread and any signal handler.

        A process that does not come to its end in time has to be killed: its only thread is busy. timeout_s
        is for whoever can keep it.
        """
        self._is_stopping = True
        if self._connector is not None:
            self._connector.begin_stop()
        self._stop.wake()

    def _serve(self, acceptor: Acceptor, connector: ThreadConnector, ready: Callable[[], None]) -> None:
        watch = self._slot.watch(0)
        ready()
        while (sock := self._accept(acceptor)) is not None:
            self._counted()
            self._serve_one(connector, sock, watch)

    def _accept(self, acceptor: Acceptor) -> socket.socket | None:
        """The next connection; when the whole server ends those that are left; None: no more."""
        sock = None if self._is_stopping else acceptor.accept()
        if sock is None and self._slot.is_server_ending:
            sock = acceptor.accept_last()
        return sock

    @staticmethod
    def _serve_one(connector: ThreadConnector, sock: socket.socket, watch: ThreadWatch) -> None:
        try:
            connector.serve(sock, watch)
        except Exception:  # noqa: BLE001  a mistake of ours must not cost the thread or the process
            _log.exception("A connection has failed")

    def _counted(self) -> None:
        self._count += 1
        self._slot.count_connections(self._count)
        if self._count >= self._most:
            self.stop(math.inf)
