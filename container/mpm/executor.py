"""The threads that run requests: a bounded pool, or a new thread for each request.

    connector ── submit(task) ──> Executor ──> a thread calls task()

Both are bounded twice: in threads, and in the tasks that wait for one. ``submit`` says False instead of
letting the queue grow, so that overload is answered (503) while it is still cheap to answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Protocol

from container.config import Settings

__all__ = ["Executor", "PerRequestExecutor", "PoolExecutor", "Task", "make_executor"]

Task = Callable[[], None]
_log = logging.getLogger("container.executor")


class Executor(Protocol):
    """Runs tasks in threads. Any thread may submit."""

    def submit(self, task: Task, *, always: bool = False) -> bool:
        """Run task soon; False if too many are waiting already or the executor has been stopped.

        always: however many are waiting, as for the rest of a request that has begun.
        """

    def stop(self, timeout_s: float) -> bool:
        """Take no more tasks and wait for those taken; False if some still run or wait after timeout_s."""


def make_executor(settings: Settings) -> PoolExecutor | PerRequestExecutor:
    kind = PerRequestExecutor if settings.executor == "per-request" else PoolExecutor
    return kind(settings.threads, settings.queue)


def _run(task: Task) -> None:
    try:
        task()
    except BaseException:  # noqa: BLE001  tasks report their own errors; the thread outlives what they missed
        _log.exception("A task failed outside the request that it belonged to")


def _join(threads: Iterable[threading.Thread], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    alive = False
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline_s - time.monotonic()))
            alive = alive or thread.is_alive()
    return not alive


class PoolExecutor:
    """At most so many threads, started when they are needed and kept.

    No lock on the way of a task: a SimpleQueue hands it over, and the counts that decide about one more
    thread or a refusal may be off by the tasks that other threads submit at the same moment.
    """

    __slots__ = ("_idle", "_max_threads", "_max_waiting", "_starting", "_stopped", "_tasks", "_threads")

    def __init__(self, threads: int, queue: int) -> None:
        self._max_threads = threads
        self._max_waiting = queue
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle: deque[None] = (
            deque()
        )  # one element for each thread that waits: counting that needs no lock
        self._starting = threading.Lock()  # guards _threads and _stopped
        self._stopped = False

    def __repr__(self) -> str:
        return (
            f"<PoolExecutor {len(self._threads)}/{self._max_threads} threads, {len(self._idle)} idle, "
            f"{self._tasks.qsize()} tasks waiting{', stopped' if self._stopped else ''}>"
        )

    def submit(self, task: Task, *, always: bool = False) -> bool:
        unserved = self._tasks.qsize() - len(self._idle)
        if unserved >= 0 and not self._make_room(unserved) and not always:
            return False
        if self._stopped:
            return False
        self._tasks.put(task)
        return True

    def _make_room(self, unserved: int) -> bool:
        """Called when no thread is idle: whether one could be started, or the task may wait."""
        if len(self._threads) < self._max_threads:
            with self._starting:
                if len(self._threads) < self._max_threads and not self._stopped:
                    name = f"request-{len(self._threads) + 1}"
                    thread = threading.Thread(target=self._work, name=name, daemon=True)
                    self._threads.append(thread)
                    thread.start()
                    return True
        return unserved < self._max_waiting

    def _work(self) -> None:
        next_task, idle = self._tasks.get, self._idle
        while True:
            idle.append(None)
            task = next_task()
            idle.pop()
            if task is None:
                return
            _run(task)

    def stop(self, timeout_s: float) -> bool:
        with self._starting:
            self._stopped = True
            threads = list(self._threads)
        for _ in threads:
            self._tasks.put(None)
        return _join(threads, timeout_s)


class PerRequestExecutor:
    """A new thread for each task, ended with it: easy to follow, and no thread-local survives a request.

    At most so many at once; the others wait in the order of their coming.
    """

    __slots__ = ("_lock", "_max_threads", "_max_waiting", "_started", "_stopped", "_threads", "_waiting")

    def __init__(self, threads: int, queue: int) -> None:
        self._max_threads = threads
        self._max_waiting = queue
        self._lock = threading.Lock()  # guards all below
        self._threads: set[threading.Thread] = set()
        self._waiting: deque[Task] = deque()
        self._started = 0
        self._stopped = False

    def __repr__(self) -> str:
        return (
            f"<PerRequestExecutor {len(self._threads)}/{self._max_threads} threads, "
            f"{len(self._waiting)} tasks waiting{', stopped' if self._stopped else ''}>"
        )

    def submit(self, task: Task, *, always: bool = False) -> bool:
        with self._lock:
            if self._stopped:
                return False
            if len(self._threads) < self._max_threads:
                self._start(task)
            elif always or len(self._waiting) < self._max_waiting:
                self._waiting.append(task)
            else:
                return False
        return True

    def _start(self, task: Task) -> None:
        """Called with the lock."""
        self._started += 1
        thread = threading.Thread(
            target=self._work, args=(task,), name=f"request-{self._started}", daemon=True
        )
        self._threads.add(thread)
        thread.start()

    def _work(self, task: Task) -> None:
        _run(task)
        with self._lock:
            self._threads.discard(threading.current_thread())
            if self._waiting:
                self._start(self._waiting.popleft())

    def stop(self, timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        with self._lock:
            self._stopped = True
        while True:
            with self._lock:
                threads = list(self._threads)
            if not threads:
                return True
            if not _join(threads, deadline_s - time.monotonic()):
                return False
