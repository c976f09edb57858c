"""SignalInbox: signals as things to wait for, so that what they ask for is done outside their handlers."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any

from container.mpm.waker import Waker

__all__ = ["SignalInbox", "how_ended"]


class SignalInbox:
    """Takes some signals for as long as it is entered. For the main thread.

    A signal that comes between two instructions of the interpreter does not end a wait that begins right
    after it; a byte in a pipe, which the C level writes at once (set_wakeup_fd), does.
    """

    def __init__(self, numbers: Iterable[int], impatient: Iterable[int] = ()) -> None:
        """Impatient: the second of these ends the process at once, whatever it is doing."""
        self._numbers = tuple(numbers)
        self._impatient = frozenset(impatient)
        self._is_impatient = False
        self._waker = Waker()
        self._received: list[int] = []
        self._before: list[tuple[int, Any]] = []
        self._wakeup_fd = -1

    def __repr__(self) -> str:
        return f"<SignalInbox {self._received}>"

    def __enter__(self) -> SignalInbox:
        self._before = [(number, signal.signal(number, self._on_signal)) for number in self._numbers]
        self._wakeup_fd = signal.set_wakeup_fd(self._waker.writer, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_fd)
        for number, handler in self._before:
            signal.signal(number, handler)
        self._waker.close()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number in self._impatient:
            if self._is_impatient:
                os._exit(128 + number)
            self._is_impatient = True
        self._received.append(number)

    def wake(self) -> None:
        """End a wait, from any thread, or from a child of this process."""
        self._waker.wake()

    def wait(self, timeout_s: float | None = None, descriptor: int = -1) -> list[int]:
        """Return the signals that have come, in their order, as soon as there are some.

        None have come if timeout_s is over, if ``wake`` was called, or if descriptor has become readable.
        """
        if not self._received:
            poll = select.poll()
            poll.register(self._waker.fileno(), select.POLLIN)
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
            poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000)
        self._waker.drain()
        received, self._received = self._received, []
        return received


def how_ended(code: int) -> str:
    """Say how a process has ended: its exit code, or minus the number of a signal, which may have no name."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"
