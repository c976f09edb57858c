"""What a front records: why a file is not its own, and whom it asks."""

from __future__ import annotations

import pytest

from container.files import StaticPlan, static_root
from container.front.balancer import Address, Ask, Exhausted, Failure, Pause
from container.front.site import FixedAnswer, FrontRequest, ProxyAction
from container.front.traced import TracedAttempts, TracedSite, why_not_static
from container.learn.xray import Recorder
from container.trace import RECORD_FIELD, Trace


class Exchange:
    id = "1-1"

    def __init__(self, target="/", method="GET"):
        self.target = target.encode()
        self.method = method


@pytest.mark.parametrize(
    ("target", "method", "why"),
    [
        ("/shop/a.css", "POST", "method"),
        ("/shop/cart.do?x=1", "GET", "mapped"),
        ("/shop/admin/a.css", "GET", "mapped"),
        ("/shop/missing.css", "GET", "no-file"),
        ("/seen/a.css", "GET", "all-observed"),
        ("/elsewhere", "GET", "no-context"),
    ],
)
def test_why_a_request_is_no_file(target, method, why):
    shop = static_root("/shop", "/nowhere", servlet_patterns=["*.do"], constraint_patterns=["/admin/*"])
    plan = StaticPlan({"/shop": shop, "/seen": None})
    assert why_not_static(plan, Exchange(target, method)) == why


class Member:
    def __init__(self, name):
        self.name = name
        self.address = Address("http", "", 0, f"/run/{name}.sock")


class Attempts:
    """Plays what it is given."""

    reason = "session of r1"

    def __init__(self, *choices):
        self.choices = list(choices)
        self.told = []

    def next(self, now_s):
        return self.choices.pop(0)

    def succeeded(self, now_s, **more):
        self.told.append("succeeded")

    def failed(self, failure, now_s, **more):
        self.told.append(failure)
        return bool(self.choices)


def test_each_attempt_is_a_span_from_choice_to_end():
    trace = Trace("1-1")
    plain = Attempts(Member("r1"), Pause(0.1), Member("r2"))
    attempts = TracedAttempts(plain, trace)
    assert attempts.next(0.0).name == "r1"
    assert trace.spans[0].ended_ns is None
    assert attempts.failed(Failure.READ, 0.0)
    attempts.next(0.0)
    attempts.next(0.0)
    attempts.succeeded(0.0, sent_bytes=3, received_bytes=5)
    assert [(span.what, span.name) for span in trace.spans] == [
        ("backend", "r1"),
        ("pause", ""),
        ("backend", "r2"),
    ]
    first, _, second = trace.spans
    assert (first.facts["why"], first.facts["failure"]) == ("session of r1", "read")
    assert (second.facts["sent_bytes"], second.facts["received_bytes"]) == (3, 5)
    assert second.ended_ns is not None
    assert plain.told == [Failure.READ, "succeeded"]


def test_an_answer_that_stands_ends_no_attempt():
    trace = Trace("1-1")
    attempts = TracedAttempts(Attempts(Member("r1")), trace)
    attempts.next(0.0)
    assert not attempts.failed(Failure.STATUS, 0.0, status=503)
    assert trace.spans[0].ended_ns is None
    attempts.succeeded(0.0)
    assert trace.spans[0].ended_ns is not None


def test_nobody_is_left():
    trace = Trace("1-1")
    assert TracedAttempts(Attempts(Exhausted(503, "all are down")), trace).next(0.0).status == 503
    assert (trace.spans[0].what, trace.spans[0].facts["why"]) == ("exhausted", "all are down")


class Group:
    name = "containers"

    def ask(self, ask, now_s):
        return Attempts(Member("r1"))


class Site:
    decide_error = log_line = None

    def __init__(self, action):
        self.action = action

    def decide(self, request):
        return self.action


def decide(action) -> tuple:
    recorder = Recorder()
    request = FrontRequest(Exchange(), "http", "", "/", None, {})
    return TracedSite(Site(action), recorder).decide(request), recorder.trace("1-1")


def test_our_container_learns_to_which_record_a_request_belongs_and_no_client_can_say_it():
    headers = (("Host", "a"), (RECORD_FIELD.upper(), "9-9"))
    asked = Ask("GET", "127.0.0.1", sessions=("0123456789.r1.east",))
    action, trace = decide(ProxyAction(Group(), asked, b"/", headers))
    assert action.headers == (("Host", "a"), (RECORD_FIELD, "1-1"))
    assert action.group.name == "containers"
    assert trace.spans[0].facts == {"action": "pass", "session_of": "r1.east"}
    action.group.ask(asked, 0.0).next(0.0)
    assert [span.what for span in trace.spans] == ["route", "backend"]


def test_what_is_answered_at_once_stays_as_it_is():
    fixed = FixedAnswer(204)
    action, trace = decide(fixed)
    assert action is fixed
    assert trace.spans[0].facts == {"action": "FixedAnswer"}
