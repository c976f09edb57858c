"""Acceptor: wait at listeners that other processes may wait at too, until a connection comes or a stop.

    listeners, stop ──> Acceptor.accept() ──> socket, or None once it is time to stop

Where the kernel has EPOLLEXCLUSIVE a new connection wakes one of the waiting processes, not all of them.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
from collections import deque
from collections.abc import Sequence

from container.mpm.tls import ServerTls
from container.mpm.waker import Waker

__all__ = ["Acceptor"]

_log = logging.getLogger("container.server")
_MOST_LAST = 64  # connections for one process, when all end
_PAUSE_MS = 200  # when there are no descriptors left: others have to close some


class Acceptor:
    """For one thread at a time. Make it after forking: what it waits with must not be shared."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        stop: Waker,
        tls_listeners: Sequence[tuple[socket.socket, ServerTls]] = (),
    ) -> None:
        self._stop = stop
        self._tls = {listener.fileno(): tls for listener, tls in tls_listeners}
        listeners = [*listeners, *(listener for listener, _ in tls_listeners)]
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._poll: select.epoll | select.poll
        if hasattr(select, "epoll"):
            self._poll = select.epoll()
            events = select.EPOLLIN | select.EPOLLEXCLUSIVE
        else:
            self._poll = select.poll()
            events = select.POLLIN
        for descriptor in self._listeners:
            self._poll.register(descriptor, events)
        self._poll.register(stop.fileno(), select.POLLIN)
        self._pause = select.poll()
        self._pause.register(stop.fileno(), select.POLLIN)
        self._last: deque[socket.socket] | None = None

    def __repr__(self) -> str:
        return f"<Acceptor of {len(self._listeners)} listeners>"

    def accept(self) -> socket.socket | None:
        """Return a connection whose calls do not block; with TLS it has yet to shake hands.

        None: it is time to stop.

        One that comes together with the stop is accepted: it has woken this process and no other one, so
        nobody else would look at it until the next one comes.
        """
        stop = self._stop.fileno()
        while True:
            ready = [descriptor for descriptor, _ in self._poll.poll()]
            for descriptor in ready:
                if descriptor == stop:
                    continue
                try:
                    connection, _ = self._listeners[descriptor].accept()
                except (BlockingIOError, ConnectionAbortedError):  # another process was faster; it has left
                    continue
                except OSError as error:
                    _log.error("No connection can be accepted: %s", error)
                    self._pause.poll(_PAUSE_MS)
                    continue
                if (prepared := self._prepare(connection, descriptor)) is not None:
                    return prepared
            if stop in ready:
                return None

    def accept_last(self) -> socket.socket | None:
        """Return one of the connections that had come when this was called first; None: there are no more.

        The kernel would reset them when the last process stops listening. The listeners are closed.
        """
        if self._last is None:
            self._last = deque()
            for descriptor, listener in self._listeners.items():
                with contextlib.suppress(OSError):
                    while len(self._last) < _MOST_LAST:
                        if (prepared := self._prepare(listener.accept()[0], descriptor)) is not None:
                            self._last.append(prepared)
                listener.close()
        return self._last.popleft() if self._last else None

    def _prepare(self, connection: socket.socket, descriptor: int) -> socket.socket | None:
        """None: the client has reset it in the backlog, which the socket only says when it is used."""
        try:
            connection.setblocking(False)
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls = self._tls.get(descriptor)
            if tls is None:
                return connection
            connection.getpeername()  # wrap would find the same out, and leave the socket open
            return tls.wrap(connection)
        except OSError as error:
            _log.debug("A connection has ended before it was accepted: %s", error)
            connection.close()
            return None

    def close(self) -> None:
        if hasattr(self._poll, "close"):  # a poll object has nothing to close
            self._poll.close()
