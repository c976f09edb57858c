"""What one can choose of a lab, and how it ends."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

__all__ = ["LabOptions", "until_interrupted"]

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class LabOptions:
    """Those of `was lab`, which knows their bounds."""

    duration_s: float
    rate: float
    """Requests per second, of each server."""
    connections: int
    """Ordinary clients at once, of each server."""
    requests: int
    """Of ordinary clients, of all servers."""
    port: int = 0
    """Of the page; 0 takes a free one."""


@contextlib.contextmanager
def until_interrupted() -> Iterator[Callable[[], None]]:
    """Ctrl-C and its like end the block, once: from then on nothing interrupts what ends the processes.

    It yields a function to be called before the block ends by itself, for the same reason. For the main
    thread.
    """

    def end() -> None:
        for number in _STOP:
            signal.signal(number, signal.SIG_IGN)

    def interrupt(number: int, frame: FrameType | None) -> None:
        end()
        raise KeyboardInterrupt

    before = [(number, signal.signal(number, interrupt)) for number in _STOP]
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield end
    finally:
        for number, handler in before:
            signal.signal(number, handler)
