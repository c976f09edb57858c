"""Waker: a pipe by which a signal handler or another thread ends somebody's wait for sockets."""

from __future__ import annotations

import contextlib
import os
import threading

__all__ = ["Waker"]


class Waker:
    """Readable from ``wake`` until ``drain``. Any thread and any signal handler may call ``wake``."""

    __slots__ = ("_lock", "_reader", "_writer")

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        # ``close`` in one thread must not fall between the look at the descriptor and the write of
        # another: by then the number may be somebody else's. Re-entrant, since a signal handler may
        # call ``wake`` in the thread that holds it.
        self._lock = threading.RLock()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def __repr__(self) -> str:
        return f"<Waker {self._reader}>"

    def fileno(self) -> int:
        """What to wait for."""
        return self._reader

    @property
    def writer(self) -> int:
        """For signal.set_wakeup_fd."""
        return self._writer

    def wake(self) -> None:
        with self._lock:
            if self._writer < 0:
                return
            with contextlib.suppress(BlockingIOError):  # full: it is awake
                os.write(self._writer, b"\0")

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                pass

    def close(self) -> None:
        """From now on ``wake`` does nothing."""
        with self._lock:
            reader, writer = self._reader, self._writer
            self._reader = self._writer = -1
            if writer >= 0:
                os.close(writer)
                os.close(reader)
