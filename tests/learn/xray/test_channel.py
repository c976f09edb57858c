"""Records on their way from one process to another."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from container.learn.xray import Recorder
from container.learn.xray.channel import Collector, Sender
from container.trace import CONTAINER, FRONT

pytestmark = pytest.mark.socket
LIMIT_S = 120.0


@pytest.fixture
def page() -> Recorder:
    return Recorder(process="page")


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("x") / "s"


@pytest.fixture
def collector(page: Recorder, path: Path) -> Iterator[Collector]:
    collector = Collector(page, path)
    collector.start()
    yield collector
    collector.close()


def wait_for(is_so: Callable[[], object]) -> None:
    limit_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < limit_s
        time.sleep(0.01)


def test_records_arrive_and_again_when_there_is_more(collector, page, path):
    recorder = Recorder(process="r1")
    sender = Sender(recorder, path)
    sender.start()
    try:
        trace = recorder.trace("1-1")
        span = trace.begin(CONTAINER, "servlet", "slow")
        wait_for(lambda: page.records)
        assert page.records[0].to_json()["spans"][0]["took_us"] is None
        trace.end(span)
        wait_for(lambda: page.records[0].to_json()["spans"][0]["took_us"])
    finally:
        sender.close()


def test_what_is_left_is_sent_at_the_end(collector, page, path):
    recorder = Recorder(process="r1")
    sender = Sender(recorder, path)
    sender.start()
    for number in range(5):
        recorder.trace(f"{number}-1").mark(CONTAINER, "servlet")
    sender.close()
    wait_for(lambda: len(page.records) == 5)


def test_the_health_checks_of_a_front_are_not_sent(collector, page, path):
    recorder = Recorder(process="r1")
    sender = Sender(recorder, path, joined=True)
    sender.start()
    recorder.trace("1-1").mark(CONTAINER, "accepted")  # OPTIONS *, of which the front has no record
    page.trace("7-1").mark(FRONT, "accepted")
    trace = recorder.trace("2-1")
    trace.tell(joins="7-1")
    trace.mark(CONTAINER, "accepted")
    sender.close()
    wait_for(lambda: page.records[0].to_json()["processes"] == ["page", "r1"])
    assert len(page.records) == 1


def test_a_sender_waits_for_a_collector(page, path):
    recorder = Recorder(process="r1")
    recorder.trace("1-1").mark(CONTAINER, "servlet")
    sender = Sender(recorder, path)
    sender.start()
    collector = Collector(page, path)
    collector.start()
    try:
        wait_for(lambda: page.records)
    finally:
        sender.close()
        collector.close()
    assert not path.exists()


def test_the_next_collector_gets_everything(page, path):
    recorder = Recorder(process="r1")
    recorder.trace("1-1").mark(CONTAINER, "servlet")
    following = Recorder(process="next page")
    sender, collectors = Sender(recorder, path), [Collector(page, path), Collector(following, path)]
    sender.start()
    try:
        collectors[0].start()
        wait_for(lambda: page.records)
        collectors[0].close()
        collectors[1].start()
        wait_for(lambda: following.records)
    finally:
        sender.close()
        collectors[1].close()


@pytest.mark.parametrize("said", [b"nonsense\n", b"[1]\n", b'{"process": 1}\n', b"\xff\xfe\n"])
def test_who_speaks_another_language_is_left(collector, page, path, said):
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.settimeout(LIMIT_S)
        visitor.connect(str(path))
        visitor.sendall(said)
        assert visitor.recv(1) == b""
    assert page.records == ()
