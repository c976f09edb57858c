"""What is recorded around a connector's handler, and how it is told in Server-Timing."""

from __future__ import annotations

import pytest

from container.connectors.traced import TracedHandler, server_timing
from container.learn.xray import Recorder
from container.protocols.exchange import Begin
from container.trace import CONTAINER, FRONT, Answered, Trace

MS = 1_000_000


class Connection:
    id = "7"
    protocol = "http/1.1"
    secure = False

    def __init__(self, peer=("127.0.0.1", 5000)):
        self.peer = peer


class Exchange:
    id = "7-1"
    method = "GET"
    target = b"/a?b"
    version = "HTTP/1.1"
    started_s = 1.0
    content_length = 0
    user = None

    def __init__(self, headers=(), peer=("127.0.0.1", 5000)):
        self.headers = list(headers)
        self.connection = Connection(peer)
        self.sent = []

    def start(self, status, headers, reason=""):
        self.sent.append((status, dict(headers), reason))

    def write(self, data):
        self.sent.append(data)

    write_soon = finish = write


class Handler:
    """Answers in begin, or in handle."""

    def __init__(self, decision=Begin.BUFFERED):
        self.decision = decision
        self.seen = []

    def begin(self, exchange):
        self.seen.append(exchange)
        if self.decision is Begin.DONE:
            self.handle(exchange)
        return self.decision

    def handle(self, exchange):
        exchange.user = "ada"
        exchange.start(201, [("A", "b")], "Made")
        exchange.finish(b"x")


def answered(status=200, line=b"GET /a?b HTTP/1.1") -> Answered:
    return Answered("127.0.0.1", None, 5.0, 0.25, line, status, 3, None, None, None, "7-1")


def whats(recorder: Recorder) -> list[str]:
    return [span.what for span in recorder.trace("7-1").spans]


def test_the_handler_s_exchange_is_the_connector_s_with_one_field_more():
    handler, exchange = Handler(), Exchange()
    traced = TracedHandler(handler, Recorder())
    assert traced.begin(exchange) is Begin.BUFFERED
    traced.handle(exchange)
    [head, body] = exchange.sent
    assert (head[0], head[2], body, exchange.user) == (201, "Made", b"x", "ada")
    assert head[1].keys() == {"A", "Server-Timing"}
    assert (handler.seen[0].target, handler.seen[0].id, handler.seen[0].user) == (b"/a?b", "7-1", "ada")


def test_a_request_that_waits_for_a_thread():
    recorder, exchange = Recorder(), Exchange()
    traced = TracedHandler(Handler(), recorder)
    traced.begin(exchange)
    traced.handle(exchange)
    traced.answered(answered())
    assert whats(recorder) == ["accepted", "decide", "queue", "thread", "commit", "answered", "waits"]
    trace = recorder.trace("7-1")
    assert trace.is_over
    assert trace.facts["target"] == "/a?b"
    assert [span for span in trace.spans if span.ended_ns is None] == []


def test_a_request_that_is_answered_at_once():
    recorder = Recorder()
    TracedHandler(Handler(Begin.DONE), recorder).begin(Exchange())
    assert whats(recorder) == ["accepted", "decide", "commit"]


def test_a_thread_is_new_once():
    recorder = Recorder()
    traced = TracedHandler(Handler(), recorder)
    for _ in range(2):
        traced.begin(Exchange())
        traced.handle(Exchange())
    new = [span.facts["new"] for span in recorder.trace("7-1").spans if span.what == "thread"]
    assert new == [True, False]


def test_nobody_was_free_for_it():
    recorder = Recorder()
    traced = TracedHandler(Handler(), recorder)
    traced.begin(Exchange())
    traced.answered(answered(503))
    queue = next(span for span in recorder.trace("7-1").spans if span.what == "queue")
    assert (queue.facts["handled"], queue.ended_ns is None) == (False, False)


@pytest.mark.parametrize(
    ("line", "method", "target"),
    [(b"GET /<a> HTTP/1.1", "GET", "/<a>"), (b"\x16\x03\x01", "\x16\x03\x01", ""), (b"", "", "")],
)
def test_what_the_connector_refuses_by_itself(line, method, target):
    recorder = Recorder()
    TracedHandler(Handler(), recorder).answered(answered(400, line))
    assert whats(recorder) == ["accepted", "refused", "answered", "waits"]
    [record] = recorder.records
    assert (record.method, record.target, record.status) == (method, target, 400)


def test_only_a_container_below_our_front_believes_whose_record_it_is():
    headers = [(b"Host", b"a"), (b"x-was-record", b"3-1"), (b"X-Was-Record", b"4-1")]
    recorder, exchange = Recorder(), Exchange(headers)
    TracedHandler(Handler(), recorder, lane=CONTAINER, joins=True).begin(exchange)
    assert (recorder.trace("7-1").facts["joins"], exchange.headers) == ("4-1", [(b"Host", b"a")])
    recorder, exchange = Recorder(), Exchange(headers)
    TracedHandler(Handler(), recorder).begin(exchange)
    assert "joins" not in recorder.trace("7-1").facts
    assert exchange.headers == headers


def test_server_timing_counts_nothing_twice():
    trace = Trace("1-1")
    trace.mark(FRONT, "queue", began_ns=0, ended_ns=2 * MS)
    trace.mark(CONTAINER, "filter", "a", began_ns=2 * MS, ended_ns=20 * MS)
    trace.mark(CONTAINER, "filter", "b", began_ns=3 * MS, ended_ns=19 * MS)
    trace.mark(CONTAINER, "servlet", "x", began_ns=5 * MS, ended_ns=15 * MS)
    trace.mark(CONTAINER, "servlet", "forwarded to", began_ns=6 * MS, ended_ns=14 * MS)
    *known, total = server_timing(trace).split(", ")
    assert known == ["queue;dur=2.000", "filters;dur=8.000", "servlet;dur=10.000"]
    assert total.startswith("total;dur=")
    trace.facts["joins"] = "3-1"  # the front's record, which has the total
    assert server_timing(trace).rpartition(", ")[2].startswith("container;dur=")
