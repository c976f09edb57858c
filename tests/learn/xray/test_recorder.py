"""The records of the last requests, and how those of several processes become one."""

from __future__ import annotations

import json

import pytest

from container.learn.xray import Recorder
from container.learn.xray.recorder import Part, part_of
from container.trace import CLIENT, CONTAINER, FRONT, Line, Trace

MS = 1_000_000


def trace_of_a_front(recorder: Recorder, id: str = "1-1") -> Trace:
    trace = recorder.trace(id)
    trace.tell(method="GET", target="/shop/", status=200, duration_us=9000.0, by="container")
    trace.mark(CLIENT, "waits", began_ns=10 * MS, ended_ns=19 * MS)
    trace.mark(FRONT, "accepted", began_ns=10 * MS)
    trace.mark(FRONT, "backend", "r1", began_ns=11 * MS, ended_ns=18 * MS)
    trace.is_over = True
    return trace


def part_of_a_container(joins: str | None = "1-1", id: str = "7-3") -> Part:
    trace = Trace(id)
    trace.tell(method="GET", target="/shop/", status=200, context="/shop", joins=joins)
    because = (Line("shop/WEB-INF/web.xml:4:5", "<url-pattern>/*</url-pattern>"),)
    trace.mark(CONTAINER, "filter", "auth", because, began_ns=12 * MS, ended_ns=17 * MS, passed=True)
    return part_of(trace, "r1")


def test_the_ring_keeps_the_newest():
    recorder = Recorder(limit=3)
    for number in range(5):
        recorder.trace(f"{number}-1").mark(FRONT, "accepted", began_ns=number)
    assert [record.id for record in recorder.records] == ["2-1", "3-1", "4-1"]
    assert [record.id for record in recorder.newest(2)] == ["4-1", "3-1"]
    assert recorder.find("0-1") is None
    recorder.clear()
    assert recorder.records == ()


def test_who_is_still_being_answered_stays():
    recorder = Recorder(limit=3)
    for number in range(6):
        trace = recorder.trace(f"{number}-1")
        trace.mark(FRONT, "accepted", began_ns=number)
        trace.is_over = number not in (0, 2)
    assert [record.id for record in recorder.records] == ["0-1", "2-1", "5-1"]


def test_more_than_fit_can_be_open():
    recorder = Recorder(limit=3)
    for number in range(6):
        recorder.trace(f"{number}-1").mark(FRONT, "accepted", began_ns=number)
    assert [record.id for record in recorder.records] == ["3-1", "4-1", "5-1"]


def test_a_request_has_one_trace():
    recorder = Recorder()
    assert recorder.trace("1-1") is recorder.trace("1-1")
    assert recorder.trace("1-1") is not recorder.trace("1-2")


def test_what_a_container_says_joins_the_front_s_record():
    recorder = Recorder(process="front")
    trace_of_a_front(recorder)
    recorder.take(part_of_a_container())
    [record] = recorder.records
    found = record.to_json()
    assert [(span["lane"], span["what"], span["process"]) for span in found["spans"]] == [
        (CLIENT, "waits", "front"),
        (FRONT, "accepted", "front"),
        (FRONT, "backend", "front"),
        (CONTAINER, "filter", "r1"),
    ]
    assert [(span["at_us"], span["took_us"]) for span in found["spans"]] == [
        (0, 9000),
        (0, 0),
        (1000, 7000),
        (2000, 5000),
    ]
    assert (found["processes"], found["context"], found["duration_us"]) == (["front", "r1"], "/shop", 9000)


def test_who_comes_first_does_not_matter():
    recorder = Recorder(process="front")
    recorder.take(part_of_a_container())
    assert recorder.records == ()  # nobody has asked yet, as far as this process knows
    trace_of_a_front(recorder)
    assert [part.process for part in recorder.records[0].parts] == ["front", "r1"]


def test_a_part_that_is_sent_again_takes_the_place_of_the_first():
    recorder = Recorder(process="front")
    trace_of_a_front(recorder)
    recorder.take(part_of_a_container())
    recorder.take(part_of_a_container())
    assert len(recorder.records[0].parts) == 2


def test_requests_of_siblings_are_records_of_their_own():
    recorder = Recorder(process="page")
    recorder.take(part_of_a_container(joins=None, id="1.1-1"))
    recorder.take(part_of_a_container(joins=None, id="2.1-1"))
    assert [record.id for record in recorder.records] == ["r1~1.1-1", "r1~2.1-1"]
    assert recorder.find("r1~2.1-1").target == "/shop/"


def test_other_processes_cannot_fill_the_memory():
    recorder = Recorder(limit=3)
    trace_of_a_front(recorder)
    for number in range(20):
        recorder.take(part_of_a_container(joins=None, id=f"{number}-1"))
        recorder.take(part_of_a_container(joins="1-1", id=f"{number}-2"))
    assert len(recorder.records) <= 6
    assert len(recorder.find("1-1").parts) < 10


def test_a_part_survives_json():
    part = part_of_a_container()
    assert Part.of(json.loads(json.dumps(part.values()))) == part


@pytest.mark.parametrize(
    "values", [{}, {"process": "r1"}, [], {**part_of_a_container().values(), "spans": 7}]
)
def test_what_is_no_part_is_refused(values):
    with pytest.raises((LookupError, TypeError, ValueError)):
        Part.of(values)


def test_a_request_that_goes_on_has_no_end():
    recorder = Recorder()
    trace = recorder.trace("1-1")
    trace.begin(CONTAINER, "servlet", "slow")
    [record] = recorder.records
    assert (record.is_over, record.status, record.to_json()["spans"][0]["took_us"]) == (False, 0, None)
    assert record.duration_us > 0
    assert "no answer yet" in record.to_text()


def test_the_text_of_a_record():
    recorder = Recorder(process="front")
    trace_of_a_front(recorder)
    recorder.take(part_of_a_container())
    assert recorder.records[0].to_text().splitlines() == [
        "GET /shop/ -> 200 in 9000.0 µs",
        "  request 1-1; at and took in µs",
        "  client (process front)",
        "           0.0     9000.0  waits",
        "  front (process front)",
        "           0.0             accepted",
        "        1000.0     7000.0  backend r1",
        "  container (process r1)",
        "        2000.0     5000.0  filter auth (passed=yes)",
        "                             shop/WEB-INF/web.xml:4:5: <url-pattern>/*</url-pattern>",
    ]
