"""The event MPM: one loop accepts, reads and writes; requests run on the executor's threads.

    listeners ─> EventServer ─> connector.new_connection() for each accepted socket, connector.sweep() each
    second; a connection of a listener with TLS gets a TlsTransport

One signature for all MPMs: ``Server(listeners, make_connector, settings, slot)``, whose ``run(ready)``
blocks until ``stop(timeout_s)`` is called, from whichever thread or signal handler. It is what one process
does; there may be several, see supervisor.py, and slot is where this one shows what it does. Listeners are
made before, so that a port below 1024 can be bound, and a port in use be reported, before anything else
happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from container.config import Settings
from container.errors import ConfigError
from container.mpm.scoreboard import Activity, Slot
from container.mpm.tls import ServerTls
from container.mpm.tls_transport import TlsConnection, TlsTransport
from container.mpm.unix import UNIX, open_unix_listener

__all__ = ["EventServer", "LoopConnector", "has_ipv6", "open_listener", "url_of"]

_log = logging.getLogger("container.server")
_SWEEP_S = 1.0
_PAUSE_S = 0.2  # when there are no descriptors left
_POLL_S = 0.02  # while stopping
_STOP_GRACE_S = 0.5  # for what clients have sent before they could know


class LoopConnector(Protocol):
    """What this MPM needs of a connector: protocols for sockets, and to be told the time."""

    on_closed: Callable[[], None] | None
    """Called after each connection's end."""

    @property
    def connection_count(self) -> int: ...

    def attach(self, loop: asyncio.AbstractEventLoop) -> None: ...

    def new_connection(self) -> TlsConnection: ...

    def sweep(self, now_s: float) -> None: ...

    def activity(self, most: int) -> Activity: ...

    def drain(self) -> None: ...

    def begin_stop(self, grace_s: float) -> None: ...

    def abort(self) -> None: ...


def open_listener(
    host: str, port: int, backlog: int, prefix: str = "--", *, ipv6_only: bool = False
) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises ConfigError with the cure.

    host may be unix: and a path, see unix.py. prefix: of the settings' names, "--ajp-" for --ajp-host and
    --ajp-port, "" where they are not flags. ipv6_only: on "::" take no connections over IPv4.
    """
    if host.startswith(UNIX):
        return open_unix_listener(host.removeprefix(UNIX), backlog)
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(
            f"{prefix}host {host}: {error.strerror}. Give an address of this machine, or 0.0.0.0 for all."
        ) from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address[0] == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, ipv6_only)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ConfigError(f"{prefix}port {port}: {_cannot_listen(error, host, prefix)}") from None
    return listener


def has_ipv6() -> bool:
    """Whether this machine can listen on addresses of IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _cannot_listen(error: OSError, host: str, prefix: str) -> str:
    port = f"{prefix}port"
    if error.errno == errno.EADDRINUSE:
        return f"address already in use: another program listens there. Stop it, or choose another {port}."
    if error.errno == errno.EACCES:
        return f"permission denied: ports below 1024 are for the administrator. Choose another {port}."
    if error.errno == errno.EADDRNOTAVAIL:
        cure = f"Give another {prefix}host, or 0.0.0.0 for all addresses."
        return f"{host} is no address of this machine. {cure}"
    return f"{error.strerror or error}. Choose another {port} or {prefix}host."


def _new_loop() -> asyncio.AbstractEventLoop:
    """One of uvloop where there is uvloop: it is about twice as fast."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def run_in_thread(run: Callable[[Callable[[], None]], None], name: str) -> threading.Thread:
    """Start a thread for run(ready); returns when that has called ready, or has ended."""
    is_ready = threading.Event()

    def run_and_tell() -> None:
        try:
            run(is_ready.set)
        finally:
            is_ready.set()

    thread = threading.Thread(target=run_and_tell, name=name)
    thread.start()
    is_ready.wait()
    return thread


class EventServer:
    """One loop in the thread that calls ``run``, or in a thread of its own after ``start``."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        make_connector: Callable[[], LoopConnector],
        settings: Settings,
        slot: Slot | None = None,
        *,
        tls_listeners: Sequence[tuple[socket.socket, ServerTls]] = (),
        new_loop: Callable[[], asyncio.AbstractEventLoop] = _new_loop,
    ) -> None:
        self._tls = dict(tls_listeners)
        self._listeners = [*listeners, *self._tls]
        self._make_connector = make_connector
        self._settings = settings
        self._slot = slot
        self._new_loop = new_loop
        self._most = settings.max_connections_per_child if slot is not None else 0
        self._count = 0  # of connections, ever
        self._timeout_s = settings.stop_timeout_s
        self._deadline_s = math.inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connector: LoopConnector | None = None
        self._stopping: asyncio.Event | None = None
        self._accepting: list[asyncio.AbstractServer] = []
        self._is_full = False
        self._resuming: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        # Guards _loop, which stop may use from any thread, and from a handler that interrupts run.
        self._lock = threading.RLock()
        self._stop_was_called = False

    def __repr__(self) -> str:
        state = "stopping" if self._stop_was_called else "running" if self._loop else "not running"
        return f"<EventServer {', '.join(self.urls)}, {state}>"

    @property
    def urls(self) -> list[str]:
        return [
            url_of(listener, "https" if listener in self._tls else "http")
            for listener in self._listeners
            if listener.fileno() >= 0
        ]

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until ``stop``; ready is called when connections are accepted. Closes the listeners."""
        loop = self._new_loop()
        try:
            with self._lock:
                self._loop = loop
            loop.run_until_complete(self._serve(ready))
        finally:
            with self._lock:
                self._loop = None
            loop.close()
            for listener in self._listeners:
                listener.close()

    def close(self) -> None:
        """Give the listeners up without having run."""
        for listener in self._listeners:
            listener.close()

    def stop(self, timeout_s: float | None = None) -> None:
        """Make ``run`` return when running requests have ended, or timeout_s is over.

        The default is settings.stop_timeout_s. For any thread and any signal handler; again with less.
        """
        with self._lock:
            self._stop_was_called = True
            self._timeout_s = self._settings.stop_timeout_s if timeout_s is None else timeout_s
            self._deadline_s = min(self._deadline_s, time.monotonic() + self._timeout_s)
            if self._loop is not None and self._stopping is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)

    def drain(self) -> None:
        """Have connections end with their next answer, as ``stop`` will be called soon. For any thread."""
        with self._lock:
            if self._loop is not None and self._connector is not None:
                self._loop.call_soon_threadsafe(self._connector.drain)

    def start(self) -> None:
        """Run in a thread of its own; returns when connections are accepted."""
        self._thread = run_in_thread(self.run, "event-loop")

    def join(self) -> None:
        """Wait for the thread of ``start``."""
        if self._thread is not None:
            self._thread.join()

    async def _serve(self, ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._connector = connector = self._make_connector()
        connector.attach(loop)
        with self._lock:
            self._stopping = stopping = asyncio.Event()
            if self._stop_was_called:
                stopping.set()
        try:
            await self._accept()
            ready()
            while not stopping.is_set():
                try:
                    await asyncio.wait_for(stopping.wait(), _SWEEP_S)
                except TimeoutError:
                    connector.sweep(time.monotonic())
                    if self._slot is not None:
                        self._slot.publish(connector.activity(self._slot.threads))
            await self._end(connector)
        finally:
            self._pause_accepting()

    # Accepting ------------------------------------------------------------------------------------

    async def _accept(self) -> None:
        """Each server gets a duplicate of its listener: it can be closed while the backlog keeps waiting."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            make = self._maker(listener)
            server = await loop.create_server(make, sock=listener.dup(), backlog=self._settings.backlog)
            self._accepting.append(server)
            if self._is_full:  # meanwhile, of those before this one
                self._pause_accepting()
                return

    def _maker(self, listener: socket.socket) -> Callable[[], asyncio.Protocol]:
        tls = self._tls.get(listener)
        return self._new_connection if tls is None else partial(self._new_tls_connection, tls)

    def _new_tls_connection(self, tls: ServerTls) -> asyncio.Protocol:
        return TlsTransport(tls.context, self._new_connection())

    def _new_connection(self) -> TlsConnection:
        assert self._connector is not None
        connection = self._connector.new_connection()
        self._count += 1
        if self._count == self._most:
            self.stop(self._settings.graceful_shutdown_timeout_s or math.inf)
        if not self._is_full and self._connector.connection_count >= self._settings.max_connections:
            self._is_full = True
            _log.warning(
                "%d connections: more have to wait (--max-connections)", self._settings.max_connections
            )
            # Not now: asyncio has still to tell the server of the connection that is being made.
            asyncio.get_running_loop().call_soon(self._pause_accepting)
            self._connector.on_closed = self._resume_accepting
        return connection

    def _pause_accepting(self) -> None:
        for server in self._accepting:
            server.close()
        self._accepting.clear()

    def _resume_accepting(self) -> None:
        assert self._connector is not None
        self._connector.on_closed = None
        self._is_full = False
        if not self._stop_was_called:
            self._resuming = asyncio.get_running_loop().create_task(self._accept_again())

    async def _accept_again(self) -> None:
        assert self._stopping is not None
        while not self._stopping.is_set():
            try:
                await self._accept()
            except OSError as error:  # no descriptors left: others have to close some
                _log.error("No connection can be accepted: %s", error)
                self._pause_accepting()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _PAUSE_S)
            else:
                return

    # Stopping -------------------------------------------------------------------------------------

    async def _end(self, connector: LoopConnector) -> None:
        if self._resuming is not None:
            await self._resuming
        self._pause_accepting()
        await self._take_the_last()
        connector.begin_stop(min(_STOP_GRACE_S, self._timeout_s / 2))
        while connector.connection_count and time.monotonic() < self._deadline_s:
            connector.sweep(time.monotonic())
            await asyncio.sleep(_POLL_S)
        if connector.connection_count:
            _log.warning("%d connections did not end in time and are broken off", connector.connection_count)
            connector.abort()
            await asyncio.sleep(0)
            await asyncio.sleep(_POLL_S)  # connection_lost is called by the loop

    async def _take_the_last(self) -> None:
        """Close the listeners, and serve whoever has connected before: the kernel would reset them."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            last = []
            with contextlib.suppress(OSError):
                while not self._is_full:
                    last.append(listener.accept()[0])
            listener.close()
            make = self._maker(listener)
            for connection in last:
                connection.setblocking(False)
                with contextlib.suppress(OSError):  # it has left already
                    await loop.connect_accepted_socket(make, connection)


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    if listener.family == socket.AF_UNIX:
        return f"{UNIX}{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
