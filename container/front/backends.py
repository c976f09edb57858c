"""Connections to backends, kept and new: they move bytes, a BackendProtocol says what the bytes mean.

    Backends ──take──> BackendConnection ── bytes ──> BackendProtocol (HTTP/1.1, AJP) ──event──> proxy.py
             <──keep──

All of it belongs to one loop. An idle connection is watched: one that says anything or closes is gone
before anybody takes it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import cast

from container.errors import ProtocolError
from container.front.balancer import Address, Failure
from container.front.site import ProxyLimits
from container.protocols.ajp13_backend import Ajp13Backend
from container.protocols.backend import BackendProtocol, Event, Pong
from container.protocols.http1_backend import Http1Backend

__all__ = ["AttemptFailed", "BackendConnection", "Backends", "client_context"]

_READ_AHEAD_BYTES = 256 * 1024  # of an answer that nobody takes; beyond, the backend has to wait
_KEPT_AT_MOST_S = 3600.0


class AttemptFailed(Exception):  # noqa: N818  it says what happened, and the balancer what that means
    """A backend gave no answer, or not all of it. message is for the log."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class BackendConnection(asyncio.Protocol):
    """One connection to a backend. One coroutine reads its events, at most another one sends."""

    def __init__(
        self,
        address: Address,
        wire: BackendProtocol,
        loop: asyncio.AbstractEventLoop,
        on_lost: Callable[[BackendConnection], None],
    ) -> None:
        self.address = address
        self._on_lost = on_lost
        self.wire = wire
        self.requests = 0
        self.sent_bytes = 0  # of the request under way
        self.received_bytes = 0  # of its answer
        self.is_open = False
        self.on_idle_end: Callable[[BackendConnection], None] | None = None  # only while it is kept
        self.on_free: Callable[[], None] | None = None  # while it is one of those that are counted
        self._loop = loop
        self._made_s = loop.time()
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._error: Exception | None = None
        self._unread = 0  # bytes received since an event was last asked for
        self._reading_paused = False
        self._writing_paused = False
        self._is_late = False  # nothing has come in time
        self._on_news: Callable[[], None] | None = None  # what is called instead of
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._roomy: asyncio.Future[None] | None = None
        self._deadline_s = 0.0
        self._timer_s = 0.0  # when _timer is due
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<BackendConnection {self.address}, {state}, {self.requests} requests>"

    @property
    def is_reused(self) -> bool:
        return self.requests > 1

    # Called by the loop ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self.on_idle_end is not None:  # nobody has asked for anything
            self.close()
            return
        size = len(data)
        self.received_bytes += size
        self._unread += size
        self.wire.receive(data)
        if self._unread > _READ_AHEAD_BYTES and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> bool:
        self.wire.receive_eof()
        self._end()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self._error = error
        elif self.is_open:
            self.wire.receive_eof()
        self._end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_lost(self)

    def _end(self) -> None:
        self.is_open = False
        self._wake_reader()
        self.resume_writing()
        self._end_idle()

    def _end_idle(self) -> None:
        on_end, self.on_idle_end = self.on_idle_end, None
        if on_end is not None:
            on_end(self)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _wake_reader(self) -> None:
        on_news = self._on_news
        if on_news is not None:
            self._on_news = None
            on_news()
        elif self._readable is not None and not self._readable.done():
            self._readable.set_result(None)

    # Reading --------------------------------------------------------------------------------------

    def next_event(self) -> Event | None:
        """The next part of the answer if it is there already. Raises AttemptFailed."""
        try:
            event = self.wire.next_event()
        except ProtocolError as error:
            failure = Failure.READ if not self.is_open and not self.received_bytes else Failure.INVALID_HEADER
            raise AttemptFailed(failure, str(error)) from None
        if owed := self.wire.take_output():
            self.write(owed)
        if self._roomy is not None and not self._roomy.done() and (self.wire.room or not self.is_open):
            self._roomy.set_result(None)
        if event is None and not self.is_open:
            why = str(self._error) if self._error is not None else "the backend closed the connection"
            raise AttemptFailed(Failure.READ, why)
        return event

    async def event(self, timeout_s: float) -> Event:
        """The next part of the answer. timeout_s: the longest pause between two pieces of it; 0: any."""
        while (event := self.next_event()) is None:
            self._unread = 0
            if self._reading_paused:
                self._reading_paused = False
                self._transport.resume_reading()
            await self.news(timeout_s)
        return event

    async def news(self, timeout_s: float) -> None:
        """Wait until there is something to look at, if only the end. Raises AttemptFailed after timeout_s."""
        if self.is_open and not self._unread and not self._is_late:
            self._set_deadline(timeout_s)
            self._readable = self._loop.create_future()
            try:
                await self._readable
            finally:
                self._readable = None
        if self._is_late:
            self._is_late = False
            raise AttemptFailed(Failure.READ_TIMEOUT, f"nothing came for {timeout_s:g} s")

    def when_news(self, callback: Callable[[], None], timeout_s: float) -> None:
        """As news, but call callback, at once and whatever it is; news knows if it has not come in time."""
        if timeout_s:
            self._set_deadline(timeout_s)
        else:
            self._deadline_s = 0.0
        self._on_news = callback

    def _set_deadline(self, timeout_s: float) -> None:
        """One timer for many deadlines: it looks at where the deadline has moved to, and goes on."""
        if not timeout_s:
            self._deadline_s = 0.0
            return
        self._deadline_s = deadline_s = self._loop.time() + timeout_s
        if self._timer is None or self._timer_s > deadline_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_s = deadline_s
            self._timer = self._loop.call_at(deadline_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        is_awaited = self._on_news is not None or self._readable is not None
        if not self._deadline_s or not (is_awaited or self.on_idle_end is not None):
            return
        if self._loop.time() < self._deadline_s:
            self._timer_s = self._deadline_s
            self._timer = self._loop.call_at(self._deadline_s, self._on_timer)
        elif not is_awaited:
            self.close()
        elif self._readable is None or not self._readable.done():
            self._is_late = True
            self._wake_reader()

    # Writing --------------------------------------------------------------------------------------

    def begin(self, *, is_another: bool = True) -> None:
        """A request, and its answer; False: what was sent and received before it does not count."""
        self.requests += is_another
        self.sent_bytes = self.received_bytes = self._unread = 0

    def write(self, data: bytes) -> None:
        self.sent_bytes += len(data)
        self._transport.write(data)

    async def drain(self, timeout_s: float) -> None:
        """Wait until there is room for more. Raises AttemptFailed."""
        while self._writing_paused and self.is_open:
            self._writable = self._loop.create_future()
            unsent = self._transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(timeout_s or None):
                    await self._writable
            except TimeoutError:
                if self._transport.get_write_buffer_size() == unsent:
                    raise AttemptFailed(
                        Failure.READ_TIMEOUT, f"nothing could be sent for {timeout_s:g} s"
                    ) from None
            finally:
                self._writable = None
        if not self.is_open:
            raise AttemptFailed(Failure.SEND, "the backend closed the connection while it was being asked")

    async def room(self) -> int:
        """How much of the request's body the backend takes now; waits until it takes some."""
        while not (room := self.wire.room):
            if not self.is_open:
                raise AttemptFailed(
                    Failure.SEND, "the backend closed the connection while it was being asked"
                )
            self._roomy = self._loop.create_future()
            await self._roomy
        return room

    # The end --------------------------------------------------------------------------------------

    def keep(self, timeout_s: float, on_end: Callable[[BackendConnection], None]) -> bool:
        """Be idle, for timeout_s at most; on_end tells of the end. False: closed, as it is too old."""
        now_s = self._loop.time()
        if now_s - self._made_s > _KEPT_AT_MOST_S:
            self.close()
            return False
        self.on_idle_end = on_end
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        if timeout_s and self._timer is not None and self._timer_s <= now_s + timeout_s:
            self._deadline_s = now_s + timeout_s
        else:
            self._set_deadline(timeout_s)
        return True

    def close(self) -> None:
        """Whatever is under way is given up."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()
        self._end_idle()
        self.free()

    def free(self) -> None:
        """Nobody uses it any more."""
        on_free, self.on_free = self.on_free, None
        if on_free is not None:
            on_free()


@lru_cache(1)
def client_context() -> ssl.SSLContext:
    """As nginx without proxy_ssl_verify: what the backend shows is not checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Slots:
    """How many connections of a pool are in use, where that has a limit."""

    def __init__(self) -> None:
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, limits: ProxyLimits) -> None:
        """Raises AttemptFailed if none has become free in time."""
        if self._used >= limits.max_connections:
            freed = asyncio.get_running_loop().create_future()
            self._waiting.append(freed)
            try:
                async with asyncio.timeout(limits.acquire_timeout_s or None):
                    await freed  # whoever frees one hands it over
            except BaseException as error:
                if freed.done() and not freed.cancelled():
                    self.free()
                if isinstance(error, TimeoutError):
                    message = f"all {limits.max_connections} connections are in use"
                    raise AttemptFailed(Failure.BUSY, message) from None
                raise
        else:
            self._used += 1

    def free(self) -> None:
        while self._waiting:
            freed = self._waiting.popleft()
            if not freed.done():
                freed.set_result(None)
                return
        self._used -= 1


class Backends:
    """The connections of one loop, in pools. Of those kept in one the least recently used one has to go."""

    def __init__(self) -> None:
        self._idle: dict[str, deque[BackendConnection]] = {}  # by pool, the most recently used one last
        self._slots: dict[str, _Slots] = {}  # the same
        self._open: set[BackendConnection] = set()
        self._is_stopping = False
        self._unsent: list[tuple[BackendConnection, bytes]] = []

    def __repr__(self) -> str:
        return f"<Backends { ({pool: len(idle) for pool, idle in self._idle.items()}) } idle>"

    @property
    def count(self) -> int:
        """All of them, idle or not."""
        return len(self._open)

    async def take(self, pool: str, address: Address, limits: ProxyLimits) -> BackendConnection:
        """An idle connection to address, else a new one. Raises AttemptFailed."""
        if limits.max_connections:
            return await self._take_counted(pool, address, limits)
        return await self._take(pool, address, limits)

    async def _take_counted(self, pool: str, address: Address, limits: ProxyLimits) -> BackendConnection:
        slots = self._slots.setdefault(pool, _Slots())
        await slots.take(limits)
        try:
            connection = await self._take(pool, address, limits)
        except BaseException:
            slots.free()
            raise
        connection.on_free = slots.free
        return connection

    async def _take(self, pool: str, address: Address, limits: ProxyLimits) -> BackendConnection:
        connection = self._take_idle(pool, address)
        if connection is not None:
            ping_s = limits.ajp_ping_timeout_s
        else:
            connection = await self._connect(address, limits)
            ping_s = limits.ajp_connect_ping_timeout_s
            connection.begin()
        if ping_s and (ping := connection.wire.ping()):
            await self._ping(connection, ping, ping_s)
        return connection

    def take_at_once(self, pool: str, address: Address, limits: ProxyLimits) -> BackendConnection | None:
        """An idle connection, if neither a limit nor a ping is in the way."""
        if limits.max_connections or limits.ajp_ping_timeout_s:
            return None
        return self._take_idle(pool, address)

    def _take_idle(self, pool: str, address: Address) -> BackendConnection | None:
        """The one that was used last."""
        idle = self._idle.get(pool)
        if not idle:
            return None
        connection = idle[-1]
        if connection.address is address:
            idle.pop()
        else:
            for connection in reversed(idle):
                if connection.address == address:
                    break
            else:
                return None
            idle.remove(connection)
        connection.on_idle_end = None
        connection.begin()
        return connection

    async def _ping(self, connection: BackendConnection, ping: bytes, timeout_s: float) -> None:
        try:
            connection.write(ping)
            answer = await connection.event(timeout_s)
        except AttemptFailed as failed:
            connection.close()
            failure = Failure.STALE if connection.is_reused else Failure.CONNECT
            raise AttemptFailed(failure, f"no answer to a ping: {failed}") from None
        except BaseException:
            connection.close()
            raise
        if not isinstance(answer, Pong):
            connection.close()
            raise AttemptFailed(Failure.CONNECT, f"a ping was answered with {answer!r}")
        connection.begin(is_another=False)

    async def _connect(self, address: Address, limits: ProxyLimits) -> BackendConnection:
        loop = asyncio.get_running_loop()
        connection = BackendConnection(address, _speak(address, limits), loop, self._open.discard)
        context = client_context() if address.protocol == "https" else None
        try:
            async with asyncio.timeout(limits.connect_timeout_s or None):
                if address.path:
                    name = "localhost" if context else None
                    await loop.create_unix_connection(
                        lambda: connection, address.path, ssl=context, server_hostname=name
                    )
                else:
                    await loop.create_connection(lambda: connection, address.host, address.port, ssl=context)
        except TimeoutError:
            connection.close()
            message = f"no connection within {limits.connect_timeout_s:g} s"
            raise AttemptFailed(Failure.CONNECT_TIMEOUT, message) from None
        except OSError as error:
            raise AttemptFailed(Failure.CONNECT, str(error)) from None
        self._open.add(connection)
        return connection

    def send_soon(self, connection: BackendConnection, data: bytes) -> None:
        """Send it with all else of this turn of the loop.

        A backend that is woken for each request would have to go back to sleep after each.
        """
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send_unsent)
        self._unsent.append((connection, data))

    def _send_unsent(self) -> None:
        unsent, self._unsent = self._unsent, []
        for connection, data in unsent:
            if not connection.is_open:
                continue  # whoever waits for its answer has been told
            try:
                connection.write(data)
            except RuntimeError:  # uvloop's transport has been closed; whoever waits will be told
                connection.close()

    def give_back(self, pool: str, connection: BackendConnection, limits: ProxyLimits) -> None:
        """The request is over: keep the connection if it may be used again, else close it."""
        most = limits.keepalive
        if (
            not most
            or self._is_stopping
            or not connection.is_open
            or not connection.wire.can_stay_open
            or (limits.keepalive_requests and connection.requests >= limits.keepalive_requests)
        ):
            connection.close()
            return
        idle = self._idle.get(pool)
        if idle is None:
            idle = self._idle[pool] = deque()
        if connection.keep(limits.keepalive_timeout_s, idle.remove):
            while len(idle) >= most:
                idle[0].close()
            idle.append(connection)
        connection.free()

    def begin_stop(self) -> None:
        """Close what is idle, and keep nothing any more."""
        self._is_stopping = True
        for idle in self._idle.values():
            for connection in list(idle):
                connection.close()


def _speak(address: Address, limits: ProxyLimits) -> BackendProtocol:
    if address.protocol == "ajp":
        return Ajp13Backend(limits.ajp_packet_bytes, limits.ajp_secret)
    return Http1Backend(limits.http_version)
