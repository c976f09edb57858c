"""The threads that run requests: a bounded pool, or a new thread for each request.

    connector ── submit(task) ──> Executor ──> a thread calls task()
               └─ look(), soon after

Both are bounded twice: in threads, and in the tasks that wait for one. ``submit`` says False instead of
letting the queue grow, so that overload is answered (503) while it is still cheap to answer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Protocol, TypeVar

from container.config import Settings

__all__ = ["PATIENCE_S", "Executor", "PerRequestExecutor", "PoolExecutor", "Task", "make_executor"]

T = TypeVar("T")
Task = Callable[[], None]
PATIENCE_S = 0.001
"""How long after submit to look."""
_log = logging.getLogger("container.executor")


class Executor(Protocol):
    """Runs tasks in threads. Any thread may submit."""

    def submit(self, task: Task, *, always: bool = False) -> bool:
        """Run task soon; False if too many are waiting already or the executor has been stopped.

        always: however many are waiting, as for the rest of a request that has begun.
        """

    def look(self) -> bool:
        """See to it that tasks do not wait behind one that waits itself; False when there is no need to.

        Whoever submits calls it PATIENCE_S later, and again while it says True. Any thread may call it.
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

    Threads that all want the GIL only get into each other's way, and waking one costs more than a short
    request. So a task wakes a thread only if none is at work; otherwise whoever is at work takes it next. If
    nobody gets on, because their tasks wait for something, look wakes or starts more: one after a
    millisecond, then two, four ... (that is how long a task may wait beside an idle thread). A thread of our
    own that looked would want the GIL a thousand times a second, which cost a tenth of the requests.

    No lock on the way of a task: deque's methods are atomic, and the order of the steps in ``_work`` loses no
    wake-up.
    """

    __slots__ = (
        "_asleep", "_done", "_max_threads", "_max_waiting", "_more", "_seen", "_starting", "_stopped",
        "_tasks", "_threads",
    )  # fmt: skip

    def __init__(self, threads: int, queue: int) -> None:
        self._max_threads = threads
        self._max_waiting = queue
        self._tasks: deque[Task] = deque()
        self._threads: list[threading.Thread] = []
        self._asleep: deque[Lock] = deque()  # of each thread that waits, the lock whose release wakes it
        self._done = 0  # tasks taken; only compared with an earlier value
        self._seen = 0  # _done at the last look
        self._more = 1  # threads to wake at the next one, if nobody has got on
        self._starting = threading.Lock()  # guards _threads and _stopped
        self._stopped = False

    def __repr__(self) -> str:
        return (
            f"<PoolExecutor {len(self._threads)}/{self._max_threads} threads, {len(self._asleep)} idle, "
            f"{len(self._tasks)} tasks waiting{', stopped' if self._stopped else ''}>"
        )

    def submit(self, task: Task, *, always: bool = False) -> bool:
        tasks = self._tasks
        is_full = len(tasks) >= self._max_waiting
        if self._stopped or (is_full and not self._has_room() and not always):
            return False
        tasks.append(task)
        if is_full or len(self._asleep) == len(self._threads):  # it would wait in vain, or nobody is at work
            self._wake_or_start()
            if not self._threads and _remove(tasks, task):  # and none to be had
                return False
        return True

    def look(self) -> bool:
        if not self._tasks or not self._has_room():  # all are at work: whoever is done first takes the next
            self._more = 1
            return False
        if self._done == self._seen:
            for _ in range(min(self._more, len(self._tasks))):
                self._wake_or_start()
            self._more *= 2
        else:
            self._seen = self._done
            self._more = 1
        return True

    def _has_room(self) -> bool:
        return bool(self._asleep) or len(self._threads) < self._max_threads

    def _wake_or_start(self) -> None:
        try:
            self._asleep.pop().release()
        except IndexError:
            self._start_thread()

    def _start_thread(self) -> None:
        with self._starting:
            if self._stopped or len(self._threads) >= self._max_threads:
                return
            try:
                name = f"request-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
            except RuntimeError as error:  # the system has no more: those that are there have to do
                _log.error("No thread can be started: %s", error)
                self._threads = [each for each in self._threads if each.ident is not None]

    def _work(self) -> None:
        tasks, asleep = self._tasks, self._asleep
        wake = threading.Lock()
        wake.acquire()
        while True:
            try:
                task = tasks.popleft()
            except IndexError:
                if self._stopped:
                    return
                asleep.append(wake)
                # A task that came before the line above may have seen us at work: look once more.
                if (tasks or self._stopped) and _remove(asleep, wake):
                    continue
                wake.acquire()
                continue
            self._done += 1
            _run(task)

    def stop(self, timeout_s: float) -> bool:
        with self._starting:
            self._stopped = True
            threads = list(self._threads)
        for _ in threads:
            with contextlib.suppress(IndexError):
                self._asleep.pop().release()
        return _join(threads, timeout_s)


def _remove(items: deque[T], item: T) -> bool:
    """Take one back; False if somebody else has taken it."""
    try:
        items.remove(item)
    except ValueError:
        return False
    return True


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
            if len(self._threads) < self._max_threads and self._start(task):
                return True
            if not self._threads:  # and none to be had
                return False
            if always or len(self._waiting) < self._max_waiting:
                self._waiting.append(task)
                return True
        return False

    def look(self) -> bool:
        """No task waits while there may be one more thread."""
        return False

    def _start(self, task: Task) -> bool:
        """Called with the lock. False: the system has no more threads."""
        self._started += 1
        thread = threading.Thread(
            target=self._work, args=(task,), name=f"request-{self._started}", daemon=True
        )
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:
            _log.error("No thread can be started: %s", error)
            self._threads.discard(thread)
            return False
        return True

    def _work(self, task: Task) -> None:
        next_task: Task | None = task
        while next_task is not None:
            _run(next_task)
            with self._lock:
                next_task = self._waiting.popleft() if self._waiting else None
                if next_task is None or self._start(next_task):
                    self._threads.discard(threading.current_thread())
                    return

    def stop(self, timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        with self._lock:
            self._stopped = True
        while True:
            with self._lock:
                threads = self._threads - {threading.current_thread()}
            if not threads:
                return True
            if not _join(threads, deadline_s - time.monotonic()):
                return False
