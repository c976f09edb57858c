"""The lab's sentences follow from what was measured, and there is one for each case in each language."""

from __future__ import annotations

import dataclasses
import json
import re
from importlib.resources import files

import pytest

from container.learn.lab.experiment import (
    BAD,
    GOOD,
    NOTE,
    Clients,
    Kill,
    Measured,
    Traffic,
    percentile,
    render,
    to_json,
    what_is_seen,
)
from container.mpm.scoreboard import ProcessStatus, ThreadStatus

WORDS = json.loads((files("container.learn.lab") / "static" / "strings.json").read_text(encoding="utf-8"))
UNITS = {"prefork": (6, 1), "worker": (2, 12), "event": (2, 12)}
FINE = Traffic(rate=40.0, p50_ms=1.24, p99_ms=9.0)
NOTHING = Traffic(waiting=8, oldest_s=3.26)


def measured(model, letters="", in_servlets=(0, 0), traffic=FINE, request="", **more) -> Measured:
    """letters: one for each thread that is not free, from the first process on."""
    count, threads = UNITS[model]
    all_letters = letters.ljust(count * threads, "_")
    processes = tuple(
        ProcessStatus(
            100 + i,
            "_",
            0,
            0.0,
            0,
            0,
            0,
            tuple(
                ThreadStatus(letter, 0.0, 0, 0, "", "" if letter == "_" else request)
                for letter in all_letters[i * threads : (i + 1) * threads]
            ),
        )
        for i in range(count)
    )
    figures = {"backlog": 0, "memory_bytes": 50_000_000, **more}
    return Measured(model, count, count * threads, processes, in_servlets, traffic=traffic, **figures)


def say(clients: Clients, each: Measured, now_s: float = 0.0, language: str = "en") -> tuple[str, str]:
    [seen] = what_is_seen(clients, [each], now_s)
    return seen.level, render(seen, WORDS[language])


def test_idle_connections_hold_processes_and_threads():
    idle = Clients(idle=200)
    assert say(idle, measured("prefork", "K" * 6, traffic=NOTHING)) == (
        BAD,
        "200 idle connections: 6 of prefork's 6 processes wait for the next request of one. "
        "None is free: 8 new requests wait outside, for up to 3.3 s.",
    )
    assert say(idle, measured("worker", "K" * 24, traffic=NOTHING)) == (
        BAD,
        "200 idle connections: 24 of worker's 24 threads wait for the next request of one. "
        "None is free: 8 new requests wait outside, for up to 3.3 s.",
    )


def test_a_few_idle_connections_leave_room():
    assert say(Clients(idle=3), measured("worker", "KKK")) == (
        GOOD,
        "3 idle connections: 3 of worker's 24 threads wait for the next request of one. "
        "New requests are answered: 40/s, half of them within 1.2 ms.",
    )


def test_event_keeps_idle_connections_in_its_loops():
    traffic = dataclasses.replace(FINE, idle=199)
    assert say(Clients(idle=200), measured("event", traffic=traffic)) == (
        GOOD,
        "200 idle connections: event keeps 199 in its loops, 0 of its 24 threads are taken. "
        "New requests are answered: 40/s, half of them within 1.2 ms.",
    )


def test_slow_clients_are_those_that_are_read_from_and_written_to():
    board = measured("worker", "RR" + "W" * 3, request="GET /page")
    assert (
        "40 slow clients: 5 of worker's 24 threads wait for their bytes." in say(Clients(slow=40), board)[1]
    )
    others = measured("worker", "RR" + "W" * 3, request="GET /hello")
    assert "2 of worker's 24 threads wait" in say(Clients(slow=40), others)[1]


def test_a_stuck_servlet_holds_threads_of_event_too():
    traffic = Traffic(waiting=8, oldest_s=2.0, stuck=30)
    level, text = say(Clients(stuck=30), measured("event", in_servlets=(12, 12), traffic=traffic))
    assert level == BAD
    assert text == (
        "30 clients ask for a servlet that sleeps: it holds 24 of event's 24 threads, for a loop cannot help "
        "there. None is free: event has accepted the new requests, 14 wait inside for a thread, "
        "for up to 2.0 s."
    )


def test_one_process_of_event_may_be_full_while_the_other_is_free():
    traffic = Traffic(rate=20.0, p50_ms=1.0, waiting=5, oldest_s=1.5, stuck=16)
    level, text = say(Clients(stuck=16), measured("event", in_servlets=(12, 4), traffic=traffic))
    assert level == BAD
    assert text.endswith(
        "All threads of 1 of its 2 processes are taken: 5 requests wait that such a process has accepted, "
        "for up to 1.5 s, while 8 threads of others are free."
    )


def test_who_gave_up_has_waited_although_nobody_waits_for_long_now():
    traffic = Traffic(waiting=6, oldest_s=0.1, timed_out=8)
    level, text = say(Clients(idle=200), measured("prefork", "K" * 6, traffic=traffic))
    assert level == BAD
    assert text.endswith(
        "None is free: 6 new requests wait outside, for up to 5.0 s. 8 gave up in the last seconds."
    )


def test_when_the_stuck_clients_have_left_their_requests_go_on():
    board = measured("worker", "W" * 7, request="GET /stuck")
    assert say(Clients(), board)[1].startswith(
        "7 of worker's 24 threads still sleep for clients that have left."
    )


def test_late_answers_are_not_called_good():
    late = Traffic(rate=2.6, p50_ms=3484.0, p99_ms=3600.0)
    assert say(Clients(stuck=16), measured("prefork", "W" * 6, traffic=late, request="GET /stuck")) == (
        BAD,
        "16 clients ask for a servlet that sleeps: it holds 6 of prefork's 6 processes. "
        "New requests are answered late: 2.6/s, half of them after 3.5 s or more.",
    )


def test_a_killed_child_and_the_one_that_replaces_it():
    killed = Kill(812, at_s=1000.0, connections=12)
    few = measured("worker", kill=killed)
    few = dataclasses.replace(few, processes=few.processes[:1])
    assert say(Clients(), few, 1001.0)[1].startswith(
        "Process 812 was killed; open connections that ended with it: 12. "
        "It is not replaced yet: 1 of 2 processes serve."
    )
    replaced = measured("worker", kill=dataclasses.replace(killed, new_pid=830, replaced_after_s=0.83))
    assert (
        "The supervisor put process 830 in its place, ready after 0.8 s."
        in say(Clients(), replaced, 1002.0)[1]
    )
    later = what_is_seen(Clients(), [replaced], 1100.0)
    assert [seen.model for seen in later] == [""]  # it is history


def test_requests_that_failed_are_counted():
    traffic = dataclasses.replace(FINE, broken=3)
    assert "Requests that failed: 3." in say(Clients(idle=1), measured("worker", "K", traffic=traffic))[1]


def test_with_nothing_switched_on_it_says_what_each_model_costs():
    seen = what_is_seen(
        Clients(), [measured(model, memory_bytes=n * 10_000_000) for n, model in enumerate(UNITS, 5)], 0.0
    )
    assert [(each.model, each.level) for each in seen] == [("", NOTE)]
    text = render(seen[0], WORDS["en"])
    assert text.startswith("All three answer 40 requests/s. For that prefork takes 50 MB")
    assert "worker 60 MB for 24; event takes 70 MB" in text


def test_nothing_is_said_before_anything_was_answered():
    assert what_is_seen(Clients(), [measured("prefork", traffic=Traffic())], 0.0) == []


@pytest.mark.parametrize("model", UNITS)
@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize(
    "traffic", [FINE, NOTHING, Traffic(), dataclasses.replace(NOTHING, timed_out=2, broken=1)]
)
@pytest.mark.parametrize("in_servlets", [(0, 0), (12, 0), (12, 12)])
def test_each_sentence_is_there_in_each_language(model, language, traffic, in_servlets):
    for clients in (Clients(idle=9), Clients(slow=9), Clients(stuck=9), Clients(9, 9, 9), Clients()):
        each = measured(
            model,
            "W" * (UNITS[model][0] * UNITS[model][1]),
            in_servlets,
            traffic,
            request="GET /stuck",
            kill=Kill(7, 0.0, 1),
        )
        [seen] = what_is_seen(clients, [each], 1.0)
        assert not re.search(r"[{}]", render(seen, WORDS[language]))
        assert json.loads(json.dumps(to_json(seen)))["model"] == model
        assert json.loads(json.dumps(each.to_json()))["units"] == each.units


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1), (0, 1)]
)  # the nearest-rank definition
def test_percentiles(percent, expected):
    assert percentile(list(range(100, 0, -1)), percent) == expected
    assert percentile([], percent) is None
    assert percentile([7.0], percent) == 7.0
