"""Timeouts of requests that wait: one thread for all of them, started with the first.

A thread for each would be what asynchronous requests are there to avoid. Most timeouts are cancelled long
before they are due, and a new one is hardly ever the next to be due: so neither wakes the thread.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

__all__ = ["Timer", "Timers"]

log = logging.getLogger("container.engine")

_FEW = 100  # cancelled timers that are not worth a clean-up


class Timer:
    """A function that waits until it is due; None once it has been called or cancelled."""

    __slots__ = ("_timers", "function")

    def __init__(self, timers: Timers, function: Callable[[], None]) -> None:
        self._timers = timers
        self.function: Callable[[], None] | None = function

    def cancel(self) -> None:
        """Any thread may call it; a function that runs already is not stopped."""
        if self.function is not None:
            self.function = None
            self._timers.cancelled()


class Timers:
    """Any thread may call any method. The functions run in the timers' thread and must be short."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()  # guards all below
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._thread: threading.Thread | None = None
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Timers {len(self._heap)}, {self._cancelled} of them cancelled>"

    def call_later(self, delay_s: float, function: Callable[[], None]) -> Timer:
        timer = Timer(self, function)
        entry = (self._clock() + delay_s, next(self._numbers), timer)
        with self._changed:
            heapq.heappush(self._heap, entry)
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="timeouts", daemon=True)
                self._thread.start()
            if self._heap[0] is entry:
                self._changed.notify()
        return timer

    def cancelled(self) -> None:
        with self._changed:
            self._cancelled += 1
            if self._cancelled > max(_FEW, len(self._heap) // 2):
                self._heap = [entry for entry in self._heap if entry[2].function is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def stop(self) -> None:
        """Nothing becomes due any more."""
        with self._changed:
            self._stopped = True
            self._heap.clear()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and (wait_s := self._wait_s()) != 0:
                    self._changed.wait(wait_s)
                if self._stopped:
                    return
                timer = heapq.heappop(self._heap)[2]
                function, timer.function = timer.function, None
                if function is None:
                    self._cancelled = max(0, self._cancelled - 1)
            if function is not None:
                try:
                    function()
                except Exception:  # the thread has to outlive whatever one request's timeout does
                    log.exception("A timeout failed")

    def _wait_s(self) -> float | None:
        """Seconds until the next is due; None without one."""
        return max(0.0, self._heap[0][0] - self._clock()) if self._heap else None
