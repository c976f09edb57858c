"""The HTTP connector over real sockets: what a client sees, and what a handler does."""

from __future__ import annotations

import os
import tempfile
import threading
import time

import pytest

from container.errors import ProtocolError
from container.protocols.exchange import Begin, ClientDisconnected

pytestmark = pytest.mark.socket
PATIENCE_S = 60.0  # only ever used up by a failure
CHUNKED = "Transfer-Encoding: chunked"


def hello(exchange) -> None:
    exchange.start(200, [("Content-Type", "text/plain")])
    exchange.finish(b"hello " + exchange.target)


def echo(exchange) -> None:
    body = exchange.read()
    exchange.start(200, [])
    exchange.finish(body)


def answer_in_begin(exchange) -> Begin:
    hello(exchange)
    return Begin.DONE


@pytest.mark.parametrize("begin", [Begin.BUFFERED, Begin.STREAMED, answer_in_begin])
@pytest.mark.parametrize("executor", ["pool", "per-request"])
def test_hello_and_keep_alive(run_either, begin, executor):
    client = run_either(hello, begin, executor=executor).connect()
    for target in "/1", "/2", "/3":
        client.get(target)
        answer = client.read_answer()
        assert (answer.status, answer.body) == (200, b"hello " + target.encode())
        assert answer.headers["content-length"] == "8"
        assert "date" in answer.headers
        assert "connection" not in answer.headers


def test_close_when_asked(run_either):
    client = run_either(hello).connect()
    client.get("/", "Connection: close")
    assert client.read_answer().headers["connection"] == "close"
    assert client.rest() == b""


def test_the_answer_may_ask_to_close(run_either):
    def handle(exchange) -> None:
        exchange.start(200, [("Connection", "close")])
        exchange.finish()

    client = run_either(handle).connect()
    client.get()
    assert client.read_answer().headers["connection"] == "close"
    assert client.rest() == b""


def test_http_1_0(run_either):
    running = run_either(hello)
    client = running.connect(b"GET /a HTTP/1.0\r\n\r\n")
    assert client.read_answer().headers["connection"] == "close"
    assert client.rest() == b""
    client = running.connect()
    for _ in range(2):
        client.get("/", "Connection: keep-alive", version="HTTP/1.0")
        assert client.read_answer().headers["connection"] == "keep-alive"


def in_pieces(exchange) -> None:
    exchange.start(200, [])
    exchange.write(b"ab")
    exchange.write(b"")
    exchange.write(b"cd")
    exchange.finish(b"e")


def test_an_answer_of_unknown_length(run_either):
    running = run_either(in_pieces)
    client = running.connect()
    for _ in range(2):
        client.get()
        answer = client.read_answer()
        assert (answer.headers["transfer-encoding"], answer.body) == ("chunked", b"abcde")
    client = running.connect(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    answer = client.read_answer()
    assert (answer.headers["connection"], answer.body) == ("close", b"abcde")
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize("handle", [hello, in_pieces])
def test_head_has_no_body(run_either, handle):
    client = run_either(handle).connect()
    for _ in range(2):
        client.get(method="HEAD")
        assert client.read_answer(has_body=False).status == 200


def test_pipelined_requests_are_answered_in_order(run_either):
    client = run_either(hello, max_pipelined=2).connect()
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % each for each in range(50)))
    assert [client.read_answer().body for _ in range(50)] == [b"hello /%d" % each for each in range(50)]


def test_trailers(run_either):
    seen = []

    def handle(exchange) -> None:
        body = exchange.read()
        seen.append(exchange.trailers)
        exchange.start(200, [])
        exchange.finish(body, [("X-Sum", "1")])

    client = run_either(handle, Begin.STREAMED).connect()
    client.get("/", CHUNKED, method="POST")
    client.send(b"1\r\na\r\n0\r\nA: b\r\n\r\n")
    answer = client.read_answer()
    assert (answer.body, answer.trailers, seen) == (b"a", [b"X-Sum: 1"], [[(b"A", b"b")]])


# Bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [Begin.BUFFERED, Begin.STREAMED])
@pytest.mark.parametrize("size", [1, 1000, 300_000])
def test_bodies(run_either, begin, size, tmp_path):
    body = os.urandom(size)
    client = run_either(echo, begin, body_memory_bytes=1000, work=tmp_path).connect()
    for _ in range(2):
        client.get("/", f"Content-Length: {size}", method="POST")
        client.send(body)
        assert client.read_answer().body == body
        client.get("/", CHUNKED, method="POST")
        client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (size, body))
        assert client.read_answer().body == body
    assert list(tmp_path.iterdir()) == []


def test_a_collected_body_takes_no_thread_until_it_is_complete(run_either):
    called = threading.Event()

    def handle(exchange) -> None:
        called.set()
        echo(exchange)

    running = run_either(handle)
    client = running.connect()
    client.get("/", "Content-Length: 2", method="POST")
    client.send(b"a")
    other = running.connect()
    other.get()  # the loop has read the first by the time it has answered the second
    assert other.read_answer().status == 200
    called.clear()
    client.send(b"b")
    assert client.read_answer().body == b"ab"
    assert called.is_set()


def test_continue_comes_before_a_collected_body(run_either):
    client = run_either(echo).connect()
    client.get("/", "Content-Length: 1", "Expect: 100-continue", method="POST")
    assert client.read_head()[0] == 100
    client.send(b"a")
    assert client.read_answer().body == b"a"


def test_continue_comes_when_a_streamed_body_is_read(run_either):
    may_read = threading.Event()

    def handle(exchange) -> None:
        exchange.inform(103, [("Link", "</a>")])
        assert may_read.wait(PATIENCE_S)
        echo(exchange)

    client = run_either(handle, Begin.STREAMED).connect()
    client.get("/", "Content-Length: 1", "Expect: 100-continue", method="POST")
    assert client.read_head() == (103, {"link": "</a>"})
    may_read.set()
    assert client.read_head()[0] == 100
    client.send(b"a")
    assert client.read_answer().body == b"a"


def test_no_continue_without_a_reader(run_either):
    client = run_either(hello, Begin.STREAMED).connect()
    client.get("/", "Content-Length: 1", "Expect: 100-continue", method="POST")
    answer = client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert client.rest() == b""


# Limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [Begin.BUFFERED, Begin.STREAMED])
@pytest.mark.parametrize("lines", [[], ["Expect: 100-continue"]])
def test_a_declared_length_over_the_limit_is_413_before_100(run_either, begin, lines):
    client = run_either(echo, begin, max_body_bytes=10).connect()
    client.get("/", "Content-Length: 11", *lines, method="POST")
    answer = client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    client.send(b"never read")
    assert client.rest() == b""


def test_a_chunked_body_over_the_limit(run_either):
    seen = []

    def handle(exchange) -> None:
        with pytest.raises(ProtocolError) as caught:
            exchange.read()
        seen.append(caught.value.status)
        exchange.start(413, [])
        exchange.finish(b"too long")

    for begin in Begin.BUFFERED, Begin.STREAMED:
        client = run_either(handle, begin, max_body_bytes=10).connect()
        client.get("/", CHUNKED, method="POST")
        client.send(b"5\r\nabcde\r\n6\r\n")
        assert client.read_answer().status == 413
    assert seen == [413]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + 9000 * b"a", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + 40000 * b"b", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + 101 * b"A: b\r\n" + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"\x16\x03\x01", 400),
    ],
)
def test_what_is_no_request_is_refused(run_either, data, status):
    running = run_either(hello)
    client = running.connect(data)
    answer = client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert client.rest() == b""
    assert [each.status for each in running.answered] == [status]


def test_a_slow_head_is_408(run):
    running = run(hello)
    client = running.connect(b"GET / HT")
    running.sweep_until(61, lambda: running.answered)
    assert client.read_answer().status == 408


def test_a_slow_body_is_408(run):
    running = run(hello)
    client = running.connect()
    client.get("/", "Content-Length: 3", method="POST")
    running.sweep_until(61, lambda: running.answered)
    assert client.read_answer().status == 408


def test_an_idle_connection_is_closed_without_an_answer(run):
    running = run(hello)
    client = running.connect()
    client.get()
    client.read_answer()
    running.sweep_until(76, lambda: not running.connector.connection_count)
    assert client.rest() == b""


def test_timeouts_of_zero_are_no_limit(run):
    running = run(
        echo, header_timeout_s=0, body_timeout_s=0, idle_timeout_s=0, send_timeout_s=0, min_body_rate=0
    )
    client = running.connect()

    def pass_time() -> None:
        running.on_loop(lambda: running.connector.sweep(running.connector.now_s + 1e6))

    for piece in b"POST / HT", b"TP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", b"a", b"b":
        pass_time()
        client.send(piece)
        other = running.connect()
        other.get()
        assert other.read_answer().status == 200
    assert client.read_answer().body == b"ab"


def test_no_thread_and_no_place_in_the_queue_is_503(run):
    running_handlers = threading.Semaphore(0)
    let_go = threading.Event()

    def handle(exchange) -> None:
        running_handlers.release()
        assert let_go.wait(PATIENCE_S)
        hello(exchange)

    running = run(handle, threads=1, queue=0)
    first = running.connect()
    first.get()
    assert running_handlers.acquire(timeout=PATIENCE_S)
    second = running.connect()
    second.get()
    answer = second.read_answer()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert second.rest() == b""
    let_go.set()
    assert first.read_answer().status == 200


# Handlers that fail -------------------------------------------------------------------------------


def declare(length: int, *pieces: bytes):
    def handle(exchange) -> None:
        exchange.start(200, [("Content-Length", str(length))])
        for piece in pieces:
            exchange.write(piece)
        exchange.finish()

    return handle


def test_an_answer_shorter_than_its_length_closes(run_either):
    client = run_either(declare(5, b"abc")).connect()
    client.get()
    assert client.read_head()[1]["content-length"] == "5"
    assert client.rest() == b"abc"


def test_an_answer_longer_than_its_length_is_cut(run_either):
    client = run_either(declare(5, b"abc", b"def", b"ghi")).connect()
    for _ in range(2):
        client.get()
        assert client.read_answer().body == b"abcde"


def test_a_handler_that_raises_is_500(run_either, caplog):
    def handle(exchange) -> None:
        raise LookupError("a mistake")

    client = run_either(handle).connect()
    client.get()
    assert client.read_answer().status == 500
    assert "a mistake" in caplog.text


def test_begin_that_raises_is_500(run_either):
    def begin(exchange) -> Begin:
        raise LookupError("a mistake")

    client = run_either(hello, begin).connect()
    client.get()
    assert client.read_answer().status == 500


def test_a_handler_that_raises_later_breaks_the_answer_off(run_either):
    def handle(exchange) -> None:
        exchange.start(200, [])
        exchange.write(b"abc")
        raise LookupError("a mistake")

    client = run_either(handle).connect()
    client.get()
    assert client.read_head()[0] == 200
    assert client.rest() == b"3\r\nabc\r\n"  # no last chunk: the client can tell


def test_a_handler_that_returns_without_an_answer_is_aborted(run_either):
    client = run_either(lambda exchange: None).connect()
    client.get()
    assert client.rest() == b""


# Later answers ------------------------------------------------------------------------------------


def test_suspend_and_resume(run_either):
    kept = []
    is_kept = threading.Event()
    order = []

    def handle(exchange) -> None:
        exchange.suspend()
        exchange.resume(lambda: order.append("first"))
        order.append("handle")
        kept.append(exchange)
        is_kept.set()

    def end() -> None:
        order.append("second")
        hello(kept[0])
        kept[0].release()

    client = run_either(handle).connect()
    client.get("/later")
    assert is_kept.wait(PATIENCE_S)
    kept[0].resume(end)
    assert client.read_answer().body == b"hello /later"
    assert order == ["handle", "first", "second"]


def write_much(exchange) -> None:
    for _ in range(100_000):
        exchange.write(1000 * b"b")


def test_on_disconnect_is_told_once_and_writing_raises(run):
    has_gone, wrote = threading.Event(), threading.Event()
    calls = []

    def handle(exchange) -> None:
        exchange.on_disconnect(lambda: (calls.append(1), has_gone.set()))
        exchange.start(200, [])
        exchange.write(b"a")
        assert has_gone.wait(PATIENCE_S)
        with pytest.raises(ClientDisconnected):
            write_much(exchange)
        wrote.set()
        exchange.finish()

    client = run(handle).connect()
    client.get()
    client.read_head()
    client.close()
    assert wrote.wait(PATIENCE_S)
    assert calls == [1]


def test_a_client_that_leaves_within_a_streamed_body(run_either):
    caught = threading.Event()

    def handle(exchange) -> None:
        with pytest.raises(ClientDisconnected):
            exchange.read()
        caught.set()
        raise ClientDisconnected

    client = run_either(handle, Begin.STREAMED).connect()
    client.get("/", "Content-Length: 5", method="POST")
    client.send(b"ab")
    client.close()
    assert caught.wait(PATIENCE_S)


# Files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
@pytest.mark.parametrize("declared", [True, False])
def test_send_file(run_either, size, declared):
    content = os.urandom(size + 20)
    files = []

    def handle(exchange) -> None:
        file = tempfile.TemporaryFile()  # noqa: SIM115  the connector closes it
        file.write(content)
        file.flush()
        files.append(file)
        exchange.start(200, [("Content-Length", str(size))] if declared else [])
        exchange.send_file(file, 10, size)
        exchange.finish()

    client = run_either(handle).connect()
    for _ in range(2):
        client.get()
        assert client.read_answer().body == content[10 : size + 10]
    deadline_s = time.monotonic() + PATIENCE_S
    while not all(file.closed for file in files):  # the client may know before
        assert time.monotonic() < deadline_s


# Stopping -----------------------------------------------------------------------------------------


def test_stop_lets_running_requests_end_and_closes_idle_connections(run_either):
    is_running, let_go = threading.Event(), threading.Event()

    def handle(exchange) -> None:
        if exchange.target == b"/slow":
            is_running.set()
            assert let_go.wait(PATIENCE_S)
        hello(exchange)

    running = run_either(handle)
    idle, busy = running.connect(), running.connect()
    idle.get()
    idle.read_answer()
    busy.get("/slow")
    assert is_running.wait(PATIENCE_S)
    running.server.stop()
    assert idle.rest() == b""
    let_go.set()
    answer = busy.read_answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert busy.rest() == b""


def test_stop_breaks_off_what_does_not_end(run_either):
    is_running, let_go = threading.Event(), threading.Event()

    def handle(exchange) -> None:
        is_running.set()
        assert let_go.wait(PATIENCE_S)
        hello(exchange)

    running = run_either(handle, stop_timeout_s=0)
    client = running.connect()
    client.get()
    assert is_running.wait(PATIENCE_S)
    running.server.stop()
    running.join()
    assert client.rest() == b""
    let_go.set()
