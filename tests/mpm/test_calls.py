"""Calls of other threads, done by one."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from container.mpm.calls import ThreadCalls, ignoring_disconnect
from container.protocols.exchange import ClientDisconnected


def elsewhere(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def test_calls_are_done_in_order_in_the_thread_that_works() -> None:
    calls, done, results = ThreadCalls(), [], []

    def ask() -> None:
        assert calls.is_elsewhere()
        calls.put(lambda: done.append(threading.get_ident()))
        results.append(calls.do(lambda: len(done)))
        with pytest.raises(ZeroDivisionError):
            calls.do(lambda: 1 // 0)
        calls.end()

    thread = elsewhere(ask)
    calls.work()
    thread.join()
    assert (done, results) == ([threading.get_ident()], [1])
    assert not calls.is_elsewhere()


def test_what_was_asked_for_before_the_end_is_done_and_the_rest_refused() -> None:
    calls, done = ThreadCalls(), []
    calls.put(calls.end)
    calls.put(lambda: done.append("done"))
    calls.work()
    assert done == ["done"]
    with pytest.raises(ClientDisconnected):
        calls.put(lambda: done.append("too late"))
    with pytest.raises(ClientDisconnected):
        calls.do(lambda: done.append("too late"))


def test_what_nobody_waits_for_may_find_the_client_gone() -> None:
    def write() -> None:
        raise ClientDisconnected("gone")

    ignoring_disconnect(write)
