"""The threads of requests: bounded, in order, and no task that was taken is ever forgotten."""

from __future__ import annotations

import threading

import pytest

from container.config import Settings
from container.mpm import executor as module
from container.mpm.executor import PerRequestExecutor, PoolExecutor, make_executor

PATIENCE_S = 60.0  # only ever used up by a failure


@pytest.fixture(params=[PoolExecutor, PerRequestExecutor])
def make(request):
    """Make an executor that is looked at, as a connector does, and stopped at the end."""
    made = []
    is_over = threading.Event()

    def keep_looking() -> None:
        while not is_over.wait(module.PATIENCE_S):
            for executor in made:
                executor.look()

    def make_one(threads: int, queue: int):
        made.append(request.param(threads, queue))
        return made[-1]

    looking = threading.Thread(target=keep_looking)
    looking.start()
    yield make_one
    for executor in made:
        assert executor.stop(PATIENCE_S)
    is_over.set()
    looking.join()


class Gate:
    """A task that says when it runs, and runs until it is let go."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.let_go = threading.Event()

    def __call__(self) -> None:
        self.running.set()
        assert self.let_go.wait(PATIENCE_S)


class Counter:
    """Counts calls, and says when there have been so many."""

    def __init__(self, wanted: int) -> None:
        self.count = 0
        self.wanted = wanted
        self.reached = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.count += 1
            if self.count == self.wanted:
                self.reached.set()


def test_without_more_threads_of_the_system_those_that_are_there_have_to_do(make, monkeypatch):
    executor, first, done = make(3, 9), Gate(), Counter(3)

    def refuse(thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert not executor.submit(done)
    assert executor.submit(first)
    assert first.running.wait(PATIENCE_S)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert all(executor.submit(done) for _ in range(3))
        first.let_go.set()
        assert done.reached.wait(PATIENCE_S)


def test_a_task_runs_in_another_thread(make):
    seen = []
    done = threading.Event()
    assert make(2, 2).submit(lambda: (seen.append(threading.current_thread()), done.set()))
    assert done.wait(PATIENCE_S)
    assert seen[0] is not threading.current_thread()
    assert seen[0].name.startswith("request-")


def test_threads_and_queue_are_bounded(make):
    executor = make(2, 3)
    gates = [Gate(), Gate()]
    for gate in gates:
        assert executor.submit(gate)
        assert gate.running.wait(PATIENCE_S)
    done = Counter(4)
    assert [executor.submit(done) for _ in range(4)] == [True, True, True, False]
    assert executor.submit(done, always=True)
    assert done.count == 0
    for gate in gates:
        gate.let_go.set()
    assert done.reached.wait(PATIENCE_S)


def test_never_more_threads_than_allowed(make):
    executor = make(3, 1000)
    lock = threading.Lock()
    running, most = 0, 0
    done = Counter(300)

    def task() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        done()
        with lock:
            running -= 1

    assert all(executor.submit(task) for _ in range(300))
    assert done.reached.wait(PATIENCE_S)
    assert most <= 3


def test_tasks_run_although_earlier_ones_block(make):
    """Each waits for all the others, so every one needs a thread of its own."""
    executor = make(8, 8)
    barrier = threading.Barrier(9)
    for _ in range(8):
        assert executor.submit(lambda: barrier.wait(PATIENCE_S))
    barrier.wait(PATIENCE_S)


def test_a_thread_is_found_for_a_task_that_lets_a_blocked_one_go(make):
    executor = make(2, 10)
    for _ in range(20):
        gate = Gate()
        done = threading.Event()
        assert executor.submit(gate)
        assert executor.submit(lambda gate=gate, done=done: (gate.let_go.set(), done.set()))
        assert done.wait(PATIENCE_S)


def test_only_a_second_look_in_vain_brings_another_thread():
    executor, gates = PoolExecutor(4, 10), [Gate() for _ in range(5)]
    assert not executor.look()
    assert executor.submit(gates[0])
    assert gates[0].running.wait(PATIENCE_S)
    for gate in gates[1:]:
        assert executor.submit(gate)
    assert executor.look()  # the first task has been taken since the last look
    assert "1/4 threads" in repr(executor)
    assert executor.look()
    assert gates[1].running.wait(PATIENCE_S)
    assert "2/4 threads" in repr(executor)
    while executor.look():  # until there are no more threads to be had
        pass
    assert "4/4 threads" in repr(executor)
    for gate in gates:
        gate.let_go.set()
    assert executor.stop(PATIENCE_S)
    assert gates[4].running.is_set()


def test_a_task_that_raises_costs_nothing_else(make, caplog):
    executor = make(1, 10)

    def fail() -> None:
        raise SystemExit("not even this")

    done = threading.Event()
    assert executor.submit(fail)
    assert executor.submit(done.set)
    assert done.wait(PATIENCE_S)
    assert "outside the request" in caplog.text


def test_no_wake_up_is_lost(make):
    """Many short tasks from several threads, each waiting for its own before the next one."""
    executor = make(4, 1000)
    missed = []

    def submit_many() -> None:
        for _ in range(200):
            done = threading.Event()
            if not executor.submit(done.set) or not done.wait(PATIENCE_S):
                missed.append(done)
                return

    submitters = [threading.Thread(target=submit_many) for _ in range(4)]
    for each in submitters:
        each.start()
    for each in submitters:
        each.join()
    assert not missed


def test_all_tasks_of_several_submitters_run(make):
    executor = make(3, 0)
    done = Counter(4 * 200)
    submitters = [
        threading.Thread(target=lambda: [executor.submit(done, always=True) for _ in range(200)])
        for _ in range(4)
    ]
    for each in submitters:
        each.start()
    for each in submitters:
        each.join()
    assert done.reached.wait(PATIENCE_S)


def test_stop_waits_for_all_that_was_taken(make):
    executor = make(1, 10)
    gate, done = Gate(), Counter(3)
    executor.submit(gate)
    assert gate.running.wait(PATIENCE_S)
    for _ in range(3):
        assert executor.submit(done)
    assert not executor.stop(0.01)
    assert not executor.submit(done)
    assert not executor.submit(done, always=True)
    assert done.count == 0
    gate.let_go.set()
    assert executor.stop(PATIENCE_S)
    assert done.count == 3


def test_stop_of_an_executor_that_never_ran(make):
    assert make(2, 2).stop(0)


def test_stop_from_one_of_its_own_threads(make):
    """A task must not wait for itself."""
    executor = make(2, 2)
    stopped = threading.Event()
    executor.submit(lambda: (executor.stop(0.01), stopped.set()))
    assert stopped.wait(PATIENCE_S)


def test_the_pool_keeps_its_threads_and_ends_them_with_stop():
    executor = PoolExecutor(2, 2)
    used = set()
    for _ in range(20):
        done = threading.Event()
        executor.submit(lambda done=done: (used.add(threading.current_thread()), done.set()))
        assert done.wait(PATIENCE_S)
    assert 1 <= len(used) <= 2
    assert executor.stop(PATIENCE_S)
    assert not any(thread.is_alive() for thread in used)


def test_the_pool_refuses_beyond_its_queue_only():
    """None is refused while a thread is idle, which then takes it."""
    executor = PoolExecutor(2, 0)
    gates = [Gate(), Gate()]
    for gate in gates:
        assert executor.submit(gate)  # the second one although the first may not have been taken yet
    assert not executor.submit(Gate())
    for gate in gates:
        gate.let_go.set()
    assert executor.stop(PATIENCE_S)


def test_per_request_takes_a_new_thread_for_each_and_ends_it():
    executor = PerRequestExecutor(1, 100)
    local = threading.local()
    threads, leftovers = [], []
    done = Counter(20)

    def task() -> None:
        leftovers.append(hasattr(local, "value"))
        local.value = 1
        threads.append(threading.current_thread())
        done()

    for _ in range(20):
        assert executor.submit(task)
    assert done.reached.wait(PATIENCE_S)
    assert executor.stop(PATIENCE_S)
    assert len(set(threads)) == 20
    assert not any(leftovers)
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_the_setting_chooses():
    assert isinstance(make_executor(Settings()), PoolExecutor)
    assert isinstance(make_executor(Settings(executor="per-request")), PerRequestExecutor)
