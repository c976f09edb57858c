"""ThreadCalls: what other threads have for one thread to do."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from threading import get_ident
from typing import TypeVar

from container.protocols.exchange import ClientDisconnected

__all__ = ["ThreadCalls", "ignoring_disconnect"]

T = TypeVar("T")


class ThreadCalls:
    """Belongs to the thread that makes it and calls ``work``; the other methods are for any thread.

    What is asked for after ``end`` raises ClientDisconnected: nobody would ever do it.
    """

    def __init__(self) -> None:
        self._thread = get_ident()
        self._lock = threading.Lock()  # guards _ended
        self._ended = False
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()

    def is_elsewhere(self) -> bool:
        """Whether the caller is another thread."""
        return get_ident() != self._thread

    def put(self, call: Callable[[], object]) -> None:
        """Have call called, in the order of asking."""
        with self._lock:
            if self._ended:
                raise ClientDisconnected("the answer is over")
            self._calls.put(call)

    def do(self, call: Callable[[], T]) -> T:
        """Have call called and wait for it."""
        done: Future[T] = Future()

        def settle() -> None:
            try:
                done.set_result(call())
            except BaseException as error:  # noqa: BLE001  the affair of whoever has asked
                done.set_exception(error)

        self.put(settle)
        return done.result()

    def end(self) -> None:
        with self._lock:
            self._ended = True
            self._calls.put(None)

    def work(self) -> None:
        """Do everything that is asked for before ``end``, which any of the calls may be the one to call."""
        while (call := self._calls.get()) is not None:
            call()


def ignoring_disconnect(call: Callable[[], None]) -> None:
    """Do what nobody waits for; that the client has gone is told to those who listen for it."""
    with contextlib.suppress(ClientDisconnected):
        call()
