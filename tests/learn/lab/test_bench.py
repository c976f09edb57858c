"""The lab for real: three servers, their load, and that nothing of them is left."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from container.errors import ContainerError
from container.learn.lab.bench import LIMITS, Bench, State
from container.learn.lab.experiment import Measured
from container.learn.lab.servers import MODELS, LabServer

pytestmark = pytest.mark.socket
LIMIT_S = 180.0


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(rate=20, connections=8, requests=100_000) as bench:
        yield bench


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test finds the servers as they were."""
    yield
    if "bench" in request.fixturenames:
        bench = request.getfixturevalue("bench")
        for kind in LIMITS:
            bench.switch(kind, 0)
        until(bench, lambda state: all(each.busy <= 1 for each in state.measured))


def until(bench: Bench, is_so: Callable[[State], bool]) -> State:
    deadline_s = time.monotonic() + LIMIT_S
    state = bench.next_state(bench.state.number, LIMIT_S)
    while not is_so(state):
        assert time.monotonic() < deadline_s, state
        state = bench.next_state(state.number, LIMIT_S)
    return state


def by_model(state: State) -> dict[str, Measured]:
    return {each.model: each for each in state.measured}


def test_all_three_answer_the_same_load(bench):
    state = until(bench, lambda state: all(each.traffic.p50_ms for each in state.measured))
    for model, each in zip(MODELS, state.measured, strict=True):
        assert (each.model, each.serving, each.units) == (model.name, model.processes, model.units)
        assert each.memory_bytes > 10_000_000
        assert each.backlog is None or each.backlog >= 0
    assert state.requests > 0
    assert by_model(state)["event"].traffic.rate in [rate for rate, _ in bench.history("event")]


def test_idle_connections_starve_prefork_and_worker_only(bench):
    assert bench.switch("idle", 60) == 60
    state = until(
        bench,
        lambda state: (
            [each.is_starving for each in state.measured] == [True, True, False]
            and by_model(state)["event"].open_connections >= 60
            and by_model(state)["prefork"].count("K") == 6
            and by_model(state)["worker"].count("K") == 24
        ),
    )
    assert {seen.model: seen.level for seen in state.seen}["worker"] == "bad"
    assert [key for key, _ in state.seen[0].parts][:2] == ["idle-prefork", "waits"]


def test_slow_clients_hold_threads_whether_they_send_or_read(bench):
    bench.switch("slow", 10)
    until(
        bench,
        lambda state: (
            (worker := by_model(state)["worker"]).count("R", "W") >= 10
            and worker.count("W", request="GET /page") >= 1
            and worker.count("R") >= 1
        ),
    )


def test_a_stuck_servlet_holds_threads_everywhere(bench):
    bench.switch("stuck", 8)
    state = until(
        bench,
        lambda state: (
            by_model(state)["event"].busy >= 6
            and by_model(state)["worker"].busy >= 6
            and by_model(state)["prefork"].busy == 6
        ),
    )
    assert by_model(state)["event"].count("K") == 0


@pytest.mark.parametrize("model", [model.name for model in MODELS])
def test_a_killed_child_is_replaced(bench, model):
    before = {process.pid for process in by_model(bench.state)[model].processes}
    assert bench.kill(model)
    state = until(
        bench,
        lambda state: (
            (kill := by_model(state)[model].kill) is not None
            and not kill.is_pending
            and kill.new_pid in {process.pid for process in by_model(state)[model].processes}
        ),
    )
    kill = by_model(state)[model].kill
    assert kill is not None
    assert kill.pid in before
    assert kill.new_pid not in before
    assert any(key == "replaced" for seen in state.seen if seen.model == model for key, _ in seen.parts)


def test_counts_are_bounded(bench):
    assert bench.switch("stuck", -5) == 0
    assert bench.switch("idle", 10**9) == LIMITS["idle"]
    assert bench.switch("idle", 0) == 0
    assert not bench.kill("another")


def test_no_more_requests_than_are_allowed_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Bench(rate=100, connections=8, requests=12, models=MODELS[2:]) as bench:
        state = until(bench, lambda state: state.requests >= 12)
        state = bench.next_state(state.number, LIMIT_S)
        assert (state.requests, state.is_spent) == (12, True)
        [folder] = tmp_path.iterdir()
        pids = [process.pid for process in state.measured[0].processes]
    assert not folder.exists()
    assert not any(map(is_alive, pids))
    with pytest.raises(ContainerError, match="the load has ended"):
        bench.next_state(state.number + 10, LIMIT_S)


def test_a_server_that_does_not_start_is_said_with_its_words(tmp_path, monkeypatch):
    server = LabServer(MODELS[2], tmp_path / "event", tmp_path / "nothing")
    server.start()
    with pytest.raises(ContainerError, match=r"was run --mpm event does not start:\n.*nothing"):
        server.wait_ready()
    server.begin_stop()
    server.join()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
