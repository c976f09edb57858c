"""LivenessWatch: find processes that are there and do nothing, as one that waits for itself does.

    processes <── OPTIONS * ── LivenessWatch ──> told(process, SILENT | ANSWERS | HUNG)

The request is answered on the loop of a container, by no web app and no thread: servlets may take their time,
and all threads may be busy. Who does not answer even that serves nobody.
"""

from __future__ import annotations

import asyncio
import enum
import threading
import time
from collections.abc import Callable
from pathlib import Path

from container.front.balancer import Address
from container.front.checker import probe
from container.front.fleet import Process
from container.front.health import HealthCheck

__all__ = ["Liveness", "LivenessWatch"]

_PER_TIMEOUT = 6  # checks in the time that a process may be silent


class Liveness(enum.Enum):
    """What is found out about a process."""

    SILENT = enum.auto()
    """One check was not answered: it may be very busy."""
    ANSWERS = enum.auto()
    """It does again."""
    HUNG = enum.auto()
    """None was answered for the whole time; it is not asked any more."""


class LivenessWatch:
    """Has a loop in a thread of its own, which calls told. Its methods are for one other thread."""

    def __init__(self, timeout_s: float, told: Callable[[Process, Path, Liveness], None]) -> None:
        """timeout_s: how long a process may be silent; 0: nobody is watched."""
        self._timeout_s = timeout_s
        self._told = told
        every_s = timeout_s / _PER_TIMEOUT
        self._check = HealthCheck(
            method="OPTIONS",
            target="*",
            least_status=100,
            most_status=599,
            interval_s=every_s,
            timeout_s=every_s,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by route; of the loop's thread
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<LivenessWatch of {', '.join(self._tasks)}>"

    def watch(self, process: Process, path: Path) -> None:
        """From now on it is this process, at path, that serves its route."""
        if not self._timeout_s:
            return
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._run, args=(self._loop,), name="liveness", daemon=True
            )
            self._thread.start()
        self._loop.call_soon_threadsafe(self._begin, process, path)

    def forget(self, route: str) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel, route)

    def close(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        """Until ``close``: then each task ends, with the connection it may have."""
        loop.run_forever()
        for task in (tasks := asyncio.all_tasks(loop)):
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        loop.close()

    def _begin(self, process: Process, path: Path) -> None:
        self._cancel(process.route)
        assert self._loop is not None
        self._tasks[process.route] = self._loop.create_task(self._watch(process, path))

    def _cancel(self, route: str) -> None:
        if task := self._tasks.pop(route, None):
            task.cancel()

    async def _watch(self, process: Process, path: Path) -> None:
        check, address = self._check, Address("http", "", 0, str(path))
        heard_s = time.monotonic()
        is_silent = False
        while True:
            await asyncio.sleep(check.interval_s)
            wrong = await probe(address, check)
            now_s = time.monotonic()
            if not wrong:
                heard_s = now_s
                if is_silent:
                    is_silent = False
                    self._told(process, path, Liveness.ANSWERS)
                continue
            if not is_silent:
                is_silent = True
                self._told(process, path, Liveness.SILENT)
            if now_s - heard_s >= self._timeout_s:
                self._told(process, path, Liveness.HUNG)
                return
