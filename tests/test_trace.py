"""A trace: what is kept of one request in one process."""

from __future__ import annotations

from container.trace import CONTAINER, FRONT, MOST_SPANS, Line, Trace


def test_spans_lie_in_each_other_by_lane():
    trace = Trace("1-1")
    outer = trace.begin(CONTAINER, "filter", "a", (Line("web.xml:1:2", "<x/>"),), pattern="/*")
    front = trace.begin(FRONT, "queue")
    inner = trace.begin(CONTAINER, "servlet", "b")
    moment = trace.mark(CONTAINER, "commit", status=200)
    trace.end(inner, raised="KeyError")
    trace.end(front)
    trace.end(outer)
    assert [span.depth for span in (outer, front, inner, moment)] == [0, 0, 1, 2]
    assert outer.began_ns <= inner.began_ns <= inner.ended_ns <= outer.ended_ns
    assert moment.began_ns == moment.ended_ns
    assert inner.facts == {"raised": "KeyError"}
    assert trace.begin(CONTAINER, "finish").depth == 0


def test_an_outer_span_ends_what_was_left_open_inside():
    trace = Trace("1-1")
    outer = trace.begin(CONTAINER, "context")
    trace.begin(CONTAINER, "servlet")  # an exception has passed it
    trace.end(outer)
    assert trace.begin(CONTAINER, "finish").depth == 0


def test_a_request_cannot_fill_the_memory():
    trace = Trace("1-1")
    for _ in range(MOST_SPANS + 3):
        trace.end(trace.begin(CONTAINER, "include"))
    assert (len(trace.spans), trace.dropped) == (MOST_SPANS, 3)


def test_each_change_can_be_told():
    trace = Trace("1-1")
    seen = {trace.changes}
    span = trace.begin(CONTAINER, "servlet")
    seen.add(trace.changes)
    trace.end(span)
    seen.add(trace.changes)
    trace.tell(status=200)
    assert len({*seen, trace.changes}) == 4
