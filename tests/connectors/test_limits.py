"""What keeps slow and greedy clients from taking more than their share. Time is passed in through sweep."""

from __future__ import annotations

import select
import socket
import tempfile
import threading
import time

import pytest

from container.connectors.http import Phase
from container.errors import ProtocolError
from container.protocols.exchange import Begin, ClientDisconnected

pytestmark = pytest.mark.socket
PATIENCE_S = 60.0  # only ever used up by a failure
MUCH = 50_000_000  # more than the kernel buffers for a client that reads nothing


def hello(exchange) -> None:
    exchange.start(200, [])
    exchange.finish(b"hello " + exchange.target)


def echo_length(exchange) -> None:
    length = len(exchange.read())
    exchange.start(200, [])
    exchange.finish(b"%d" % length)


def wait_until(running, is_so) -> None:
    """Wait until the loop's thread finds is_so(its only or last connection)."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not running.on_loop(lambda: any(map(is_so, running.connector._connections))):
        assert time.monotonic() < deadline_s


class Time:
    """Time for a connector's sweeps that only ever passes when a test says so."""

    def __init__(self, running) -> None:
        self.running = running
        self.later_s = 0.0

    def passes(self, seconds: float) -> None:
        self.later_s += seconds
        sweep = self.running.connector.sweep
        self.running.on_loop(lambda: sweep(time.monotonic() + self.later_s))


# --- clients that read slowly -----------------------------------------------------------------------------


def write_pieces(exchange) -> None:
    exchange.start(200, [("Content-Length", str(MUCH))])
    for _ in range(MUCH // 100_000):
        exchange.write(bytes(100_000))
    exchange.finish()


def finish_at_once(exchange) -> None:
    exchange.start(200, [])
    exchange.finish(bytes(MUCH))


def send_file(exchange) -> None:
    file = tempfile.TemporaryFile()  # noqa: SIM115  the connector closes it
    file.truncate(MUCH)
    exchange.start(200, [("Content-Length", str(MUCH))])
    exchange.send_file(file, 0, MUCH)
    exchange.finish()


ANSWERS = pytest.mark.parametrize("answer", [write_pieces, finish_at_once, send_file])


def is_stuck(connection) -> bool:
    return bool(connection._transport.get_write_buffer_size() or connection._file)


@ANSWERS
def test_a_client_that_reads_nothing_is_closed_after_the_send_timeout(run, answer, caplog):
    running = run(answer, send_timeout_s=30)
    client = running.connect()
    client.get()
    client.read_head()
    wait_until(running, is_stuck)
    clock = Time(running)
    deadline_s = time.monotonic() + PATIENCE_S
    while running.connector.connection_count:
        assert time.monotonic() < deadline_s
        clock.passes(31)
    assert "--send-timeout-s" in caplog.text
    received = 0
    try:
        while data := client.socket.recv(1_000_000):
            received += len(data)
    except ConnectionError:
        pass
    assert received < MUCH


def test_the_thread_that_answers_such_a_client_gets_free(run):
    raised = threading.Event()

    def answer(exchange) -> None:
        with pytest.raises(ClientDisconnected):
            write_pieces(exchange)
        raised.set()

    running = run(answer, threads=1)
    client = running.connect()
    client.get()
    client.read_head()
    wait_until(running, lambda connection: connection.writing_paused)
    clock = Time(running)
    deadline_s = time.monotonic() + PATIENCE_S
    while not raised.is_set():
        assert time.monotonic() < deadline_s
        clock.passes(61)


@ANSWERS
def test_a_client_that_reads_slowly_gets_everything(run, answer):
    running = run(answer, send_timeout_s=30)
    client = running.connect()
    client.get()
    assert int(client.read_head()[1]["content-length"]) == MUCH
    (connection,) = running.connector._connections
    received = 0

    def sweep_if_the_client_has_read(later_s: float) -> bool:
        if has_read := connection._progress() != connection._mark:
            running.connector.sweep(time.monotonic() + later_s)
        return has_read

    for later_s in 31, 62, 93:
        wait_until(running, is_stuck)
        while not running.on_loop(lambda later_s=later_s: sweep_if_the_client_has_read(later_s)):
            received += len(client._file.read1(1_000_000))
    assert received < MUCH
    assert len(client._file.read(MUCH - received)) == MUCH - received
    assert running.connector.connection_count == 1
    client.get()
    assert client.read_head()[0] == 200


@ANSWERS
def test_no_send_timeout(run, answer):
    running = run(answer, send_timeout_s=0)
    client = running.connect()
    client.get()
    client.read_head()
    wait_until(running, is_stuck)
    clock = Time(running)
    for _ in range(3):
        clock.passes(1e6)
    assert len(client._file.read(MUCH)) == MUCH


# --- bodies that come slowly ------------------------------------------------------------------------------


def post(client, length: int, body: bytes) -> None:
    client.get("/", f"Content-Length: {length}", method="POST")
    client.send(body)


def has_received(count: int):
    return lambda connection: connection.phase is Phase.BODY and connection._body_bytes == count


@pytest.mark.parametrize("begin", [Begin.BUFFERED, Begin.STREAMED])
@pytest.mark.parametrize(
    ("settings", "setting", "pauses_s"),
    [
        ({"body_timeout_s": 3000, "min_body_rate": 0}, "body_timeout_s", [2000, 1001]),
        ({"body_timeout_s": 0, "min_body_rate": 100}, "min_body_rate", [5, 16]),  # 20 s are given to each
    ],
)
def test_a_slow_body_is_408(run, begin, settings, setting, pauses_s, caplog):
    errors = []

    def handle(exchange) -> None:
        try:
            exchange.read()
        except ProtocolError as error:
            errors.append((error.status, error.setting))
            exchange.start(error.status, [])
            exchange.finish(b"too slow")

    running = run(handle, begin, **settings)
    client = running.connect()
    post(client, 10_000, b"ab")
    wait_until(running, has_received(2))
    clock = Time(running)
    clock.passes(pauses_s[0])
    assert not running.answered
    clock.passes(pauses_s[1])
    answer = client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert errors == ([] if begin is Begin.BUFFERED else [(408, setting)])
    assert "--" + setting.replace("_", "-") in caplog.text


@pytest.mark.parametrize("begin", [Begin.BUFFERED, Begin.STREAMED])
def test_a_body_that_is_fast_enough_may_take_its_time(run, begin):
    running = run(echo_length, begin, body_timeout_s=0, min_body_rate=10)
    client = running.connect()
    post(client, 10_001, bytes(10_000))
    wait_until(running, has_received(10_000))
    clock = Time(running)
    clock.passes(21)
    clock.passes(900)
    client.send(b"b")
    assert client.read_answer().body == b"10001"


def test_a_body_that_waits_for_its_reader_is_not_slow(run):
    may_read = threading.Event()

    def handle(exchange) -> None:
        assert may_read.wait(PATIENCE_S)
        echo_length(exchange)

    running = run(handle, Begin.STREAMED, body_memory_bytes=1000)
    client = running.connect()
    post(client, 300_000, bytes(200_000))
    wait_until(running, lambda connection: connection._reading_paused)
    clock = Time(running)
    for _ in range(3):
        clock.passes(1000)
    may_read.set()
    client.send(bytes(100_000))
    assert client.read_answer().body == b"300000"


# --- connections and requests -----------------------------------------------------------------------------


def test_more_connections_wait_until_others_are_closed(run):
    running = run(hello, max_connections=2)
    first, second = running.connect(), running.connect()
    for client in first, second:
        client.get()
        assert client.read_answer().status == 200
    waiting = running.connect()
    waiting.get("/waited")
    for _ in range(20):  # turns of the loop
        second.get()
        assert second.read_answer().status == 200
    assert running.on_loop(lambda: running.connector.connection_count) == 2
    assert not select.select([waiting.socket], [], [], 0)[0]
    first.close()
    assert waiting.read_answer().body == b"hello /waited"
    assert running.on_loop(lambda: running.connector.connection_count) == 2


@pytest.mark.parametrize(("most", "requests"), [(1, 1), (3, 3)])
def test_after_so_many_requests_a_connection_is_closed(run, most, requests):
    client = run(hello, max_keepalive_requests=most).connect()
    for number in range(1, requests + 1):
        client.get()
        assert client.read_answer().headers.get("connection") == ("close" if number == requests else None)
    assert client.rest() == b""


def test_what_is_pipelined_behind_the_last_request_is_not_answered(run):
    client = run(hello, max_keepalive_requests=2).connect()
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % each for each in range(5)))
    assert [client.read_answer().body for _ in range(2)] == [b"hello /0", b"hello /1"]
    assert client.rest() == b""


@pytest.mark.parametrize(
    ("settings", "request_bytes", "most_waiting_bytes"),
    [({"max_pipelined": 2}, 0, 300_000), ({"max_pipelined": 10_000}, 5000, 400_000)],
)
def test_a_client_that_runs_ahead_is_not_read_from(run, settings, request_bytes, most_waiting_bytes):
    may_answer = threading.Event()

    def handle(exchange) -> None:
        assert may_answer.wait(PATIENCE_S)
        hello(exchange)

    running = run(handle, **settings)
    client = running.connect()
    filler = b"A: " + request_bytes * b"b" + b"\r\n"
    requests = [b"GET /%d HTTP/1.1\r\nHost: a\r\n%b\r\n" % (each, filler) for each in range(500)]

    def send() -> None:
        client.send(requests[0])
        wait_until(running, lambda connection: connection.exchange is not None)
        client.send(b"".join(requests[1:]))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    wait_until(running, lambda connection: connection._reading_paused)
    waiting = running.on_loop(lambda: [len(c._parser.waiting) for c in running.connector._connections])
    assert 0 < waiting[0] <= most_waiting_bytes
    may_answer.set()
    assert [client.read_answer().body for _ in requests] == [b"hello /%d" % n for n in range(500)]
    sender.join(PATIENCE_S)


def test_a_client_that_closes_while_it_is_not_read_from_is_noticed(run):
    """Its answer fails; the connection does not stay for ever."""
    may_answer = threading.Event()

    def handle(exchange) -> None:
        assert may_answer.wait(PATIENCE_S)
        hello(exchange)

    running = run(handle, max_pipelined=1)
    client = running.connect()
    client.send(100 * b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(running, lambda connection: connection._reading_paused or connection._parser.waiting)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client._file.close()
    client.socket.close()
    may_answer.set()
    deadline_s = time.monotonic() + PATIENCE_S
    while running.on_loop(lambda: running.connector.connection_count):
        assert time.monotonic() < deadline_s
