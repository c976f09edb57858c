"""How many children there should be, from the tables of Apache's and nginx's documentation."""

from __future__ import annotations

import pytest

from container.config import Settings
from container.mpm.population import Decision, Limits, Population, settle


@pytest.mark.parametrize(
    ("mpm", "limits"),
    [
        ("prefork", Limits(start=5, min_spare=5, max_spare=10, most_children=256, slots=256, threads=1)),
        ("worker", Limits(start=3, min_spare=75, max_spare=250, most_children=16, slots=16, threads=25)),
    ],
)
def test_the_defaults_are_apaches(mpm: str, limits: Limits) -> None:
    assert settle(Settings(mpm=mpm)) == (limits, [])


@pytest.mark.parametrize(
    ("given", "changed", "warning"),
    [
        ({"max_spare_servers": 5}, {"max_spare": 6}, "MaxSpareServers 5 is not more than MinSpareServers 5"),
        ({"max_spare_servers": 3}, {"max_spare": 6}, "MaxSpareServers 3"),
        ({"min_spare_servers": 0}, {"min_spare": 1}, "MinSpareServers 0 is less than 1"),
        ({"start_servers": 0}, {"start": 1}, "StartServers 0 is less than 1"),
        ({"max_request_workers": 300}, {"most_children": 256}, "MaxRequestWorkers 300 is more than 256"),
        ({"max_request_workers": 0}, {"most_children": 1, "start": 1}, "MaxRequestWorkers 0 is less than 1"),
        ({"server_limit": 0}, {"slots": 1, "most_children": 1, "start": 1}, "ServerLimit 0 is less than 1"),
        ({"server_limit": 200_001}, {"slots": 200_000}, "ServerLimit 200001 is more than 200000"),
    ],
)
def test_corrections_of_prefork(given: dict, changed: dict, warning: str) -> None:
    limits, warnings = settle(Settings(mpm="prefork", **given))
    for name, value in changed.items():
        assert getattr(limits, name) == value, name
    assert any(warning in said for said in warnings), warnings


@pytest.mark.parametrize(
    ("given", "changed", "warning"),
    [
        ({"threads_per_child": 65}, {"threads": 64}, "ThreadsPerChild 65 is more than 64 (ThreadLimit)"),
        ({"threads_per_child": 0}, {"threads": 1}, "ThreadsPerChild 0 is less than 1"),
        ({"thread_limit": 0}, {"threads": 1}, "ThreadLimit 0 is less than 1"),
        ({"thread_limit": 20_001}, {"threads": 25}, "ThreadLimit 20001 is more than 20000"),
        (
            {"max_request_workers": 10},
            {"most_children": 1},
            "MaxRequestWorkers 10 is less than ThreadsPerChild",
        ),
        ({"max_request_workers": 60}, {"most_children": 2}, "MaxRequestWorkers 60 is no multiple of"),
        ({"max_request_workers": 500}, {"most_children": 16}, "MaxRequestWorkers 500 needs more than 16"),
        ({"max_spare_threads": 80}, {"max_spare": 100}, "MaxSpareThreads 80"),
        ({"start_servers": 0}, {"start": 1}, "StartServers 0 is less than 1"),
        ({"server_limit": 0}, {"slots": 1, "most_children": 1}, "ServerLimit 0 is less than 1"),
    ],
)
def test_corrections_of_worker(given: dict, changed: dict, warning: str) -> None:
    limits, warnings = settle(Settings(mpm="worker", **given))
    for name, value in changed.items():
        assert getattr(limits, name) == value, name
    assert any(warning in said for said in warnings), warnings


def test_64_threads_are_the_default_limit_not_an_absolute_one() -> None:
    limits, warnings = settle(Settings(mpm="worker", threads_per_child=100, thread_limit=128))
    assert limits.threads == 100
    assert not any("ThreadsPerChild" in warning for warning in warnings if warning.startswith("Threads"))


@pytest.mark.parametrize(("given", "processes"), [(1, 1), (3, 3), (None, 8), (0, 1)])
def test_event_has_as_many_processes_as_it_is_told(given: int | None, processes: int) -> None:
    limits, _ = settle(Settings(mpm="event", worker_processes=given), cpus=8)
    assert (limits.start, limits.most_children, limits.is_fixed) == (processes, processes, True)


def population(**changed: int) -> Population:
    limits = {"start": 5, "min_spare": 5, "max_spare": 10, "most_children": 256, "slots": 256, "threads": 1}
    return Population(Limits(**{**limits, **changed}))


def test_the_rate_doubles_up_to_32_while_there_are_too_few() -> None:
    one = population(most_children=10_000, slots=10_000)
    decisions = [one.decide(0, 50, 0) for _ in range(8)]
    assert [decision.spawn for decision in decisions] == [1, 2, 4, 8, 16, 32, 32, 32]
    assert ["busy" in decision.notice for decision in decisions] == [False] * 3 + [True] * 5


@pytest.mark.parametrize("between", [(7, 50), (11, 50)])
def test_enough_idle_ones_reset_the_rate(between: tuple[int, int]) -> None:
    one = population()
    for _ in range(4):
        one.decide(0, 50, 0)
    one.decide(*between, 0)
    assert one.decide(0, 50, 0).spawn == 1


def test_one_child_is_ended_at_a_time() -> None:
    one = population()
    assert one.decide(11, 20, 0) == one.decide(40, 40, 0) == Decision(end_one=True)
    assert one.decide(10, 10, 0) == Decision()


def test_the_last_child_is_never_ended() -> None:
    assert population(max_spare=10, threads=25).decide(25, 1, 0) == Decision()


def test_reaching_the_most_is_said_once() -> None:
    one = population(most_children=8, slots=8)
    first = one.decide(0, 8, 0)
    assert "server reached MaxRequestWorkers" in first.error
    assert first.spawn == 0
    assert one.decide(0, 8, 0) == Decision()


def test_no_more_are_spawned_than_there_is_room_for() -> None:
    one = population(most_children=8, slots=8)
    for _ in range(3):
        one.decide(0, 1, 0)
    assert one.decide(0, 6, 0).spawn == 2


def test_ending_children_keep_their_slots() -> None:
    one = population(most_children=8, slots=8)
    assert "scoreboard is full, not at MaxRequestWorkers" in one.decide(0, 4, 4).error


def test_worker_counts_threads_over_all_children() -> None:
    one = population(min_spare=75, max_spare=250, most_children=16, slots=16, threads=25)
    assert one.decide(75, 3, 0) == Decision()
    assert one.decide(74, 3, 0).spawn == 1
    assert one.decide(251, 11, 0).end_one


def test_event_keeps_its_number() -> None:
    one = Population(Limits(3, 0, 0, 3, 3, 64, is_fixed=True))
    assert [one.decide(0, active, 0).spawn for active in (3, 2, 0)] == [0, 1, 3]
