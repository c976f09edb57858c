"""The life of container processes, without a process: what the fleet wants done, and when."""

from __future__ import annotations

import pytest

from container.front.fleet import MOVES, Command, Do, Event, Fleet, Pace, Process, State

PACE = Pace(
    start_timeout_s=60, drain_timeout_s=10, quick_s=5, first_back_off_s=0.2, most_back_off_s=2, attempts=3
)


def texts(commands: list[Command]) -> list[str]:
    return [f"{do.name} {process.route}-{process.number}" for do, process in commands]


def running(count: int = 2) -> Fleet:
    """A fleet whose processes are ready, at second 1."""
    fleet = Fleet([f"r{n}" for n in range(1, count + 1)], PACE)
    fleet.begin(0)
    for process in fleet.processes:
        fleet.said_ready(process, 1)
    return fleet


def states(fleet: Fleet) -> str:
    return " ".join(f"{process.number}:{process.state.value}" for process in fleet.processes)


def one(fleet: Fleet, number: int) -> Process:
    return next(process for process in fleet.processes if process.number == number)


def test_starts_all_and_admits_each_when_it_is_ready() -> None:
    fleet = Fleet(["r1", "r2"], PACE)
    assert texts(fleet.begin(0)) == ["START r1-1", "START r2-2"]
    assert not fleet.is_settled
    assert texts(fleet.said_ready(one(fleet, 2), 1)) == ["ADMIT r2-2"]
    assert fleet.is_serving
    assert not fleet.is_settled
    assert texts(fleet.said_ready(one(fleet, 1), 2)) == ["ADMIT r1-1"]
    assert fleet.is_settled


def test_who_dies_after_a_long_life_is_replaced_at_once() -> None:
    fleet = running()
    assert texts(fleet.died(one(fleet, 1), "signal 9", 100)) == ["WITHDRAW r1-1"]
    assert states(fleet) == "1:backing off 2:ready"
    assert fleet.next_due_s == 100
    assert texts(fleet.tick(100)) == ["START r1-3"]
    assert texts(fleet.said_ready(one(fleet, 3), 101)) == ["ADMIT r1-3"]


def test_who_dies_young_is_replaced_after_longer_and_longer_pauses() -> None:
    fleet, now_s, pauses = running(), 2.0, []
    for _ in range(6):
        process = fleet.processes[0]
        fleet.died(process, "exit code 1", now_s)
        assert process.due_s is not None
        pauses.append(round(process.due_s - now_s, 3))
        assert fleet.tick(process.due_s - 0.01) == []
        now_s = process.due_s
        assert texts(fleet.tick(now_s)) == [f"START r1-{process.number}"]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 2, 2]


def test_a_long_life_makes_good_for_early_deaths() -> None:
    fleet = running()
    process = one(fleet, 1)
    fleet.died(process, "exit code 1", 2)
    fleet.tick(3)
    fleet.said_ready(process, 4)
    fleet.died(process, "exit code 1", 100)
    assert process.due_s == 100


def test_gives_up_when_none_has_ever_become_ready() -> None:
    fleet, now_s = Fleet(["r1"], PACE), 0.0
    fleet.begin(now_s)
    for _ in range(2):
        fleet.died(fleet.processes[0], "exit code 1", now_s)
        assert not fleet.is_settled
        now_s = fleet.processes[0].due_s or 0
        fleet.tick(now_s)
    fleet.died(fleet.processes[0], "exit code 1", now_s)
    assert fleet.is_settled
    assert not fleet.is_serving
    assert fleet.is_over
    assert fleet.processes[0].why == "exit code 1"


def test_who_says_it_cannot_start_is_not_tried_again() -> None:
    fleet = Fleet(["r1", "r2"], PACE)
    fleet.begin(0)
    for process in fleet.processes:
        fleet.died(process, "exit code 2", 0.1, for_good=True)
    assert states(fleet) == "1:failed 2:failed"


def test_never_gives_up_what_has_worked_once() -> None:
    fleet = running(1)
    for second in range(2, 30):
        fleet.died(fleet.processes[0], "exit code 2", second, for_good=True)
        assert fleet.processes[0].state is State.BACKING_OFF
        fleet.tick(second + 10)


def test_nobody_waits_for_one_that_keeps_dying() -> None:
    fleet = Fleet(["r1", "r2"], PACE)
    fleet.begin(0)
    fleet.said_ready(one(fleet, 1), 1)
    assert not fleet.is_settled
    fleet.died(one(fleet, 2), "exit code 3", 2)
    assert fleet.is_settled
    fleet.tick(3)
    assert states(fleet) == "1:ready 3:starting"
    assert fleet.is_settled


def test_who_is_not_ready_in_time_is_killed_until_it_dies() -> None:
    fleet = Fleet(["r1"], PACE)
    fleet.begin(0)
    assert fleet.tick(59.9) == []
    assert texts(fleet.tick(60)) == ["KILL r1-1"]
    assert fleet.tick(60.5) == []
    assert texts(fleet.tick(61)) == ["KILL r1-1"]


def test_a_reload_renews_one_place_after_the_other_and_starts_before_it_ends() -> None:
    fleet = running()
    assert texts(fleet.reload(10)) == ["START r1-3"]
    assert texts(fleet.said_ready(one(fleet, 3), 11)) == ["ADMIT r1-3", "TERMINATE r1-1"]
    assert states(fleet) == "1:draining 3:ready 2:ready"
    assert texts(fleet.died(one(fleet, 1), "exit code 0", 12)) == ["START r2-4"]
    assert texts(fleet.said_ready(one(fleet, 4), 13)) == ["ADMIT r2-4", "TERMINATE r2-2"]
    assert fleet.is_reloading
    assert texts(fleet.died(one(fleet, 2), "exit code 0", 14)) == []
    assert not fleet.is_reloading
    assert states(fleet) == "3:ready 4:ready"
    assert fleet.log == [("info", "Reloaded")]


def test_who_does_not_drain_in_time_is_killed_and_the_reload_goes_on() -> None:
    fleet = running()
    fleet.reload(10)
    fleet.said_ready(one(fleet, 3), 11)
    assert texts(fleet.tick(20.9)) == []
    assert texts(fleet.tick(21)) == ["KILL r1-1"]
    assert texts(fleet.died(one(fleet, 1), "signal 9", 21.1)) == ["START r2-4"]


def test_a_successor_that_does_not_start_ends_the_reload_and_nothing_else() -> None:
    fleet = running()
    fleet.reload(10)
    assert fleet.died(one(fleet, 3), "exit code 1", 11) == []
    assert not fleet.is_reloading
    assert states(fleet) == "1:ready 2:ready"
    assert "The reload has failed" in fleet.log[-1][1]
    assert texts(fleet.reload(20)) == ["START r1-4"]


def test_a_second_reload_waits_for_nothing_and_does_nothing() -> None:
    fleet = running()
    fleet.reload(10)
    assert fleet.reload(10.5) == []


def test_the_old_one_may_die_while_its_successor_starts() -> None:
    fleet = running()
    fleet.reload(10)
    assert texts(fleet.died(one(fleet, 1), "signal 9", 10.5)) == ["WITHDRAW r1-1"]
    assert texts(fleet.said_ready(one(fleet, 3), 10.5)) == ["ADMIT r1-3", "START r2-4"]
    assert states(fleet) == "3:ready 2:ready 4:starting"


def test_a_reload_tries_again_what_has_failed() -> None:
    fleet = Fleet(["r1", "r2"], PACE)
    fleet.begin(0)
    fleet.died(one(fleet, 1), "exit code 2", 0.5, for_good=True)
    fleet.said_ready(one(fleet, 2), 1)
    assert texts(fleet.reload(10)) == ["START r1-3", "START r2-4"]


def test_stopping_ends_whatever_runs_and_starts_nothing() -> None:
    fleet = running(3)
    fleet.died(one(fleet, 1), "signal 9", 2)
    fleet.reload(2)
    assert set(texts(fleet.stop(3, 10))) == {
        "TERMINATE r1-4",
        "TERMINATE r2-2",
        "TERMINATE r3-3",
        "TERMINATE r2-5",
    }
    assert fleet.said_ready(one(fleet, 4), 4) == []
    assert fleet.reload(4) == []
    for number in (4, 2, 5):
        assert fleet.died(one(fleet, number), "exit code 0", 5) == []
    assert not fleet.is_over
    assert texts(fleet.tick(13)) == ["KILL r3-3"]
    fleet.died(one(fleet, 3), "signal 9", 13)
    assert fleet.is_over


def test_stopping_again_shortens_the_time() -> None:
    fleet = running(1)
    fleet.stop(3, 10)
    assert fleet.stop(4, 0) == []
    assert texts(fleet.tick(4)) == ["KILL r1-1"]


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", [State.FAILED, State.STOPPED])
def test_an_end_is_an_end(state: State, event: Event) -> None:
    assert (state, event) not in MOVES


def test_every_state_but_the_first_can_be_reached() -> None:
    reached = {state for state, _ in MOVES.values()}
    assert reached == set(State)


def test_only_who_is_ready_is_ever_admitted() -> None:
    assert [(state, event) for (state, event), (_, do) in MOVES.items() if do is Do.ADMIT] == [
        (State.STARTING, Event.SAID_READY)
    ]


def test_who_answers_nothing_is_killed_and_replaced_when_it_is_dead() -> None:
    fleet = running()
    process = one(fleet, 1)
    assert texts(fleet.hung(process, 100)) == ["KILL r1-1"]
    assert states(fleet) == "1:ready 2:ready"
    assert texts(fleet.died(process, "signal 9 (SIGKILL)", 100)) == ["WITHDRAW r1-1"]
    assert texts(fleet.tick(100)) == ["START r1-3"]


def test_who_is_on_the_way_out_may_be_silent() -> None:
    fleet = running()
    process = one(fleet, 1)
    fleet.stop(2, 10)
    assert fleet.hung(process, 3) == []
    fleet.died(process, "exit code 0", 4)
    assert fleet.hung(process, 5) == []
