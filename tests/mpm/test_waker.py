"""Waker: woken by any thread, and nobody else's descriptor is written to when it closes meanwhile."""

from __future__ import annotations

import select
import threading

from container.mpm.waker import Waker


def readable(waker: Waker, timeout_s: float = 0) -> bool:
    poll = select.poll()
    poll.register(waker.fileno(), select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def test_readable_from_wake_until_drain() -> None:
    waker = Waker()
    assert not readable(waker)
    waker.wake()
    waker.wake()
    assert readable(waker)
    waker.drain()
    assert not readable(waker)
    waker.close()


def test_a_closed_waker_is_silent() -> None:
    waker = Waker()
    waker.close()
    waker.close()
    waker.wake()


def test_wake_while_another_thread_closes() -> None:
    """The descriptor is looked at and written to in one step: no write to a closed or reused one."""
    errors: list[OSError] = []
    for _ in range(200):
        waker = Waker()
        started = threading.Event()

        def wake(waker: Waker = waker, started: threading.Event = started) -> None:
            started.set()
            try:
                for _ in range(100):
                    waker.wake()
            except OSError as error:
                errors.append(error)

        thread = threading.Thread(target=wake)
        thread.start()
        started.wait()
        waker.close()
        thread.join()
    assert errors == []
