"""The timeouts' thread, with a clock of the test's own."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from container.engine.timers import Timers

PATIENCE_S = 60.0  # only ever used up by a failure


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def timers(now: list[float]) -> Iterator[Timers]:
    timers = Timers(lambda: now[0])
    yield timers
    timers.stop()


@pytest.fixture
def called() -> queue.SimpleQueue[str]:
    return queue.SimpleQueue()


def test_functions_are_called_in_the_order_of_their_times(timers, now, called) -> None:
    timers.call_later(3000, lambda: called.put("last"))
    timers.call_later(2000, lambda: called.put("second"))
    timers.call_later(2000, lambda: called.put("third"))
    cancelled = timers.call_later(1500, lambda: called.put("cancelled"))
    cancelled.cancel()
    with timers._changed:  # so that the thread does not look at the clock between the two
        now[0] += 5000
        timers.call_later(-4000, lambda: called.put("first"))  # due before the others, and wakes the thread
    order = [called.get(timeout=PATIENCE_S) for _ in range(4)]
    assert order == ["first", "second", "third", "last"]


def test_a_function_that_fails_stops_no_other(timers, called, caplog) -> None:
    timers.call_later(0, lambda: 1 // 0)
    timers.call_later(0, lambda: called.put("second"))
    assert called.get(timeout=PATIENCE_S) == "second"
    assert "A timeout failed" in caplog.text


def test_cancelled_timers_do_not_pile_up(timers) -> None:
    kept = timers.call_later(9000, lambda: None)
    for _ in range(10_000):
        timers.call_later(8000, lambda: None).cancel()
    assert len(timers._heap) < 500
    assert kept.function is not None


def test_nothing_is_called_after_the_stop(timers, now, called) -> None:
    timers.call_later(1000, lambda: called.put("late"))
    timers.stop()
    now[0] += 2000
    timers._thread.join(PATIENCE_S)
    assert called.empty()
