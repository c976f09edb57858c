"""Waker: a pipe by which a signal handler or another thread ends somebody's wait for sockets."""

from __future__ import annotations

import contextlib
import os

__all__ = ["Waker"]


class Waker:
    """Readable from ``wake`` until ``drain``. Any thread and any signal handler may call ``wake``."""

    __slots__ = ("_reader", "_writer")

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
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
        reader, writer = self._reader, self._writer
        self._reader = self._writer = -1
        os.close(writer)
        os.close(reader)
