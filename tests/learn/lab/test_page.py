"""What the lab's page may ask and do, without servers."""

from __future__ import annotations

import json
import math

import pytest

from container.learn.lab.bench import LIMITS, Bench, State
from container.learn.lab.experiment import Clients, Measured, Seen, Traffic
from container.learn.lab.page import DEFAULTS, lab_tab
from container.learn.lab.report import SCENARIOS, Result, as_json, as_text
from container.learn.lab.servers import MODELS

MEASURED = Measured("event", 2, 24, (), (0, 3), 0, 54_000_000, Traffic(40.0, 0.8, 5.0), None)
SEEN = Seen("event", "good", (("answered", {"rate": "40", "p50": "0.8"}),))


class FakeBench:
    def __init__(self):
        self.models = MODELS
        self.clients = Clients()
        self.state = State(3, 1.0, Clients(), (MEASURED,), (SEEN,), 70)
        self.did = []

    def history(self, model):
        return [(40.0, 5.0), (0.0, None)]

    def switch(self, kind, count):
        self.did.append((kind, count))
        return count

    def kill(self, model):
        self.did.append(("kill", model))
        return model != "prefork"


@pytest.fixture
def bench():
    return FakeBench()


@pytest.fixture
def tab(bench: Bench):
    return lab_tab(bench, math.inf)


def test_everything_there_is_to_see_is_json(tab):
    now = json.loads(json.dumps(tab.answer("now.json", {}).content, allow_nan=True))
    assert now["models"][0]["history"] == [[40.0, 5.0], [0.0, None]]
    assert now["models"][0]["busy"] == 3
    assert now["seen"] == [
        {"model": "event", "level": "good", "parts": [["answered", {"rate": "40", "p50": "0.8"}]]}
    ]
    assert now["is_spent"] is False
    assert tab.answer("other.json", {}) is None


def test_switches_and_kills(tab, bench):
    assert tab.change("switch", {"kind": "idle", "count": "20"}).content == {"count": 20}
    assert tab.change("kill", {"model": "event"}).content == {"killed": ["event"]}
    assert tab.change("kill", {}).content == {"killed": ["worker", "event"]}
    assert bench.did[:2] == [("idle", 20), ("kill", "event")]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("switch", {}),
        ("switch", {"kind": "idle"}),
        ("switch", {"kind": "idle", "count": "-1"}),
        ("switch", {"kind": "idle", "count": "9" * 99}),
        ("switch", {"kind": "__class__", "count": "1"}),
        ("kill", {"model": "init"}),
        ("other", {}),
    ],
)
def test_nothing_else(tab, bench, path, query):
    assert tab.change(path, query) is None
    assert bench.did == []


def test_the_switches_of_the_page_are_within_the_limits():
    assert DEFAULTS.keys() == LIMITS.keys()
    assert all(DEFAULTS[kind] <= LIMITS[kind] for kind in LIMITS)


def test_the_report_for_terminals_and_for_programs(bench):
    results = [Result(SCENARIOS[0], bench.state)]
    lines = as_text(results).splitlines()
    assert lines[0] == "Nothing special:"
    assert lines[3].split() == ["event", "40.0", "0.8", "5.0", "3", "of", "24", "0", "0", "0", "0", "54"]
    assert lines[-1] == "  event: New requests are answered: 40/s, half of them within 0.8 ms."
    [result] = json.loads(as_json(results))
    assert result["scenario"] == "calm"
    assert result["seen"][0]["ko"] == "새 요청은 초당 40개 응답을 받으며, 절반은 0.8 ms 안에 받습니다."
