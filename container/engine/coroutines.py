"""The event loop that ``async def doGet`` and the like run on: one thread, started with the first of them.

    request thread ── CoroutineRun ──> Coroutines ──> loop's thread: the coroutine, step by step
                   <── on_end ─────────────┘

It is not the loop of the sockets: whatever an application does in a coroutine, connections go on. Writing to
a response never blocks the loop. What a slow client has not taken is kept, and the coroutine that wrote it is
not resumed, at its next ``await``, before there is room again.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from threading import get_ident
from typing import Any, Protocol

from container.mpm.calls import ThreadCalls, ignoring_disconnect
from container.protocols.exchange import Exchange, Headers

__all__ = ["CoroutineRun", "Coroutines", "Sink", "Waiter"]

log = logging.getLogger("container.engine")

_GRACE_S = 1.0  # for coroutines to end when they have been cancelled, and for the loop's thread


class Sink(Protocol):
    """Where a coroutine's output goes: an Exchange, or a Waiter in front of it."""

    def write(self, data: bytes) -> None: ...

    def write_soon(self, data: bytes) -> bool: ...

    def when_writable(self, callback: Callable[[], object]) -> None: ...

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None: ...


class CoroutineRun:
    """One coroutine on its way through the loop. error and cancelled_for tell its end, once on_end is called.

    on_end is called in the loop's thread. write and finish are for the loop's thread, cancel for any.
    """

    __slots__ = (
        "_coroutine", "_coroutines", "_on_end", "_room", "_sink", "_task", "_variables", "cancelled_for",
        "error", "owner",
    )  # fmt: skip

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], owner: object, sink: Sink, on_end: Callable[[], None],
        variables: contextvars.Context,
    ) -> None:  # fmt: skip
        self._coroutine = coroutine
        self._sink = sink
        self._on_end = on_end
        self._variables = variables
        self._coroutines: Coroutines | None = None
        self._task: asyncio.Task[None] | None = None
        self._room: asyncio.Event | None = None  # while the client is too slow
        self.owner = owner
        self.error: BaseException | None = None
        self.cancelled_for: BaseException | None = None

    def __repr__(self) -> str:
        return f"<CoroutineRun {self._coroutine!r}>"

    def is_here(self) -> bool:
        """Whether the caller is in the loop's thread."""
        return self._coroutines is not None and self._coroutines.is_here()

    def cancel(self, reason: BaseException) -> None:
        """Raise CancelledError in the coroutine, at the ``await`` where it is; the first reason is kept."""
        if self.cancelled_for is None:
            self.cancelled_for = reason
        if self._coroutines is not None:
            self._coroutines.call(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def write(self, data: bytes) -> None:
        """Take data without blocking; in a thread of the coroutine's (asyncio.to_thread), send it."""
        if not self.is_here():
            self._sink.write(data)
        elif not self._sink.write_soon(data) and self._room is None:
            assert self._coroutines is not None
            self._room = room = asyncio.Event()
            self._sink.when_writable(partial(self._coroutines.call, room.set))

    def finish(self, data: bytes, trailers: Headers | None) -> None:
        self._sink.finish(data, trailers)

    def begin(self, coroutines: Coroutines) -> None:
        """Hand the coroutine to the loop; if that has stopped, end at once with an error."""
        self._coroutines = coroutines
        if not coroutines.call(self._begin, self._variables):
            self.error = RuntimeError("the container has stopped")
            self._coroutine.close()
            self._on_end()

    def _begin(self) -> None:
        assert self._coroutines is not None
        self._coroutines.runs.add(self)
        self._task = asyncio.get_running_loop().create_task(self._drive())
        self._task.add_done_callback(self._ended)

    async def _drive(self) -> None:
        try:
            await self
        except BaseException as error:  # noqa: BLE001  a SystemExit would end the loop; it ends this request
            self.error = error

    def __await__(self) -> Generator[Any, None, None]:
        """Pass on what the coroutine waits for, and hold it while the client has to catch up."""
        coroutine = self._coroutine
        error: BaseException | None = None
        while True:
            try:
                waits_for = coroutine.send(None) if error is None else coroutine.throw(error)
            except StopIteration:
                return
            error = None
            try:
                yield waits_for
                if self._room is not None:
                    yield from self._room.wait().__await__()
                    self._room = None
            except BaseException as thrown:  # noqa: BLE001  CancelledError, most likely: the coroutine's affair
                error = thrown

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before its first step
            self.error = asyncio.CancelledError()
            self._coroutine.close()
        if self._coroutines is not None:
            self._coroutines.runs.discard(self)
        self._on_end()


class Coroutines:
    """The loop and its thread. runs belongs to the loop's thread."""

    def __init__(self) -> None:
        self.runs: set[CoroutineRun] = set()
        self._lock = threading.Lock()  # guards the two below
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._ident = 0

    def __repr__(self) -> str:
        return f"<Coroutines {len(self.runs)} running{'' if self._loop else ', no loop'}>"

    def is_here(self) -> bool:
        return get_ident() == self._ident

    def call(self, function: Callable[[], object], variables: contextvars.Context | None = None) -> bool:
        """Call function soon in the loop's thread, in order; False if the loop has been stopped."""
        with self._lock:
            if self._stopped:
                return False
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=(loop,), name="coroutines", daemon=True
                )
                self._thread.start()
            self._loop.call_soon_threadsafe(function, context=variables)
        return True

    def cancel(self, owner: object, reason: BaseException) -> None:
        """Cancel the coroutines of one web app."""
        if self._loop is not None:
            self.call(partial(self._cancel, owner, reason))

    def _cancel(self, owner: object, reason: BaseException) -> None:
        for run in list(self.runs):
            if run.owner is owner:
                run.cancel(reason)

    def stop(self) -> None:
        """Cancel whatever still runs and end the thread, waiting a moment for both."""
        with self._lock:
            self._stopped = True
            loop = self._loop
            if loop is not None:
                loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None and not self.is_here():
            self._thread.join(3 * _GRACE_S)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ident = get_ident()
        asyncio.set_event_loop(loop)
        while not self._stopped:
            _outlive(loop.run_forever)
        _outlive(lambda: loop.run_until_complete(_end(loop)))
        with contextlib.suppress(RuntimeError):
            loop.close()


def _outlive(call: Callable[[], object]) -> None:
    try:
        call()
    except BaseException:  # a SystemExit in a task of the application's own comes up to here
        log.exception("The coroutines' loop was interrupted and goes on")


async def _end(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_GRACE_S)
    await loop.shutdown_asyncgens()


class Waiter:
    """A request's thread that waits for a coroutine, and meanwhile writes what the coroutine has written."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._calls = ThreadCalls()
        self.end = self._calls.end
        self.work = self._calls.work

    def write(self, data: bytes) -> None:
        self._calls.do(partial(self._exchange.write, data))

    def write_soon(self, data: bytes) -> bool:
        self._calls.put(partial(ignoring_disconnect, partial(self._exchange.write, data)))
        return False

    def when_writable(self, callback: Callable[[], object]) -> None:
        self._calls.put(callback)

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        self._calls.put(partial(self._exchange.finish, data, trailers))
