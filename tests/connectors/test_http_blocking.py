"""What is special about connections that have a thread of their own. test_http.py has what both have."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from container.config import Settings
from container.connectors.http_blocking import BlockingHttpConnector
from container.errors import ProtocolError
from container.protocols.exchange import Begin, ClientDisconnected

pytestmark = pytest.mark.socket
PATIENCE_S = 60.0  # only ever used up by a failure
SOON_S = 0.05  # timeouts that a test waits for


def hello(exchange) -> None:
    exchange.start(200, [])
    exchange.finish(b"hello " + exchange.target)


def echo(exchange) -> None:
    body = exchange.read()
    exchange.start(200, [])
    exchange.finish(body)


def write_much(exchange) -> None:
    for _ in range(1000):
        exchange.write(bytes(100_000))


def test_a_slow_head_is_408(run_threads):
    running = run_threads(hello, header_timeout_s=SOON_S)
    client = running.connect(b"GET / HT")
    assert client.read_answer().status == 408
    assert client.rest() == b""
    assert [answered.status for answered in running.answered] == [408]


@pytest.mark.parametrize("begin", [Begin.BUFFERED, Begin.STREAMED])
def test_a_slow_body_is_408(run_threads, begin):
    def handle(exchange) -> None:
        try:
            echo(exchange)
        except ProtocolError as error:
            exchange.answer_error(error.status)

    client = run_threads(handle, begin, body_timeout_s=SOON_S).connect()
    client.get("/", "Content-Length: 3", method="POST")
    answer = client.read_answer()
    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_an_idle_connection_is_closed_without_an_answer(run_threads):
    running = run_threads(hello)
    client = running.connect()
    client.get()
    client.read_answer()
    running.connector.settings = replace(running.settings, idle_timeout_s=SOON_S)  # for the next wait
    client.get()
    client.read_answer()
    assert client.rest() == b""


def test_a_client_that_reads_nothing_is_closed_after_the_send_timeout(run_threads, caplog):
    raised = threading.Event()

    def handle(exchange) -> None:
        exchange.start(200, [])
        with pytest.raises(ClientDisconnected):
            write_much(exchange)
        raised.set()
        exchange.finish()

    client = run_threads(handle, send_timeout_s=SOON_S).connect()
    client.get()
    assert raised.wait(PATIENCE_S)
    assert "--send-timeout-s" in caplog.text


def test_a_connection_keeps_its_thread(run_threads):
    threads = []

    def handle(exchange) -> None:
        threads.append(threading.current_thread().name)
        hello(exchange)

    client = run_threads(handle).connect()
    for _ in range(3):
        client.get()
        client.read_answer()
    assert len(set(threads)) == 1
    assert threads[0].startswith("worker-")


def test_with_all_threads_taken_the_next_waits_in_the_backlog(run_threads):
    running = run_threads(hello, threads_per_child=2)
    holders = [running.connect() for _ in range(2)]
    for holder in holders:
        holder.get()
        holder.read_answer()  # and keeps its thread, idle
    late = running.connect()
    late.get("/late")
    late.socket.settimeout(SOON_S)
    with pytest.raises(TimeoutError):
        late.socket.recv(1)
    holders[0].close()
    late.socket.settimeout(PATIENCE_S)
    assert late.socket.recv(65536).startswith(b"HTTP/1.1 200")


def test_what_was_on_its_way_when_the_server_stops_is_answered(run_threads, monkeypatch):
    monkeypatch.setattr("container.connectors.http_blocking._STOP_GRACE_S", PATIENCE_S)
    running = run_threads(hello)
    used, fresh = running.connect(), running.connect()
    used.get()
    used.read_answer()
    deadline_s = time.monotonic() + PATIENCE_S
    while running.connector.connection_count < 2:
        assert time.monotonic() < deadline_s
    running.server.stop()
    for client in used, fresh:
        client.get()
    for client in used, fresh:
        answer = client.read_answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.rest() == b""


def test_the_server_ends_after_so_many_connections(run_threads):
    running = run_threads(hello, max_connections_per_child=2)
    clients = [running.connect() for _ in range(2)]
    for client in clients:
        client.get("/", "Connection: close")
        assert client.read_answer().status == 200
    running.join()


def test_the_scoreboard_shows_what_the_threads_do(run_threads):
    is_running, let_go = threading.Event(), threading.Event()

    def handle(exchange) -> None:
        is_running.set()
        assert let_go.wait(PATIENCE_S)
        hello(exchange)

    running = run_threads(handle, threads_per_child=2)
    client = running.connect()
    client.get("/busy")
    assert is_running.wait(PATIENCE_S)
    slot = running.board.slot(0)
    slot.state = ord("_")
    (process,) = running.board.status().processes
    (busy,) = [thread for thread in process.threads if thread.state == "W"]
    assert (busy.request, busy.peer, process.connections) == ("GET /busy", "127.0.0.1", 1)
    let_go.set()
    client.read_answer()


# Requests that are answered later, by other threads -----------------------------------------------


def later(work):
    """A handler that suspends, and has work answer in another thread and release."""

    def handle(exchange) -> None:
        exchange.suspend()

        def do() -> None:
            try:
                work(exchange)
            finally:
                exchange.release()

        threading.Thread(target=do).start()

    return handle


def test_another_thread_answers(run_threads):
    def work(exchange) -> None:
        exchange.start(200, [])
        for _ in range(100):
            exchange.write(1000 * b"a")
        exchange.finish(b"b")

    client = run_threads(later(work)).connect()
    for _ in range(3):
        client.get()
        assert client.read_answer().body == 100_000 * b"a" + b"b"


def test_tasks_run_in_the_connections_thread(run_threads):
    names = []

    def work(exchange) -> None:
        done = threading.Event()
        exchange.resume(lambda: (names.append(threading.current_thread().name), hello(exchange), done.set()))
        assert done.wait(PATIENCE_S)

    client = run_threads(later(work)).connect()
    client.get()
    assert client.read_answer().status == 200
    assert names[0].startswith("worker-")


def test_writing_without_blocking(run_threads):
    is_full, has_room = threading.Event(), threading.Event()

    def work(exchange) -> None:
        exchange.start(200, [])
        count = 0
        while exchange.write_soon(bytes(100_000)):
            count += 1
        is_full.set()
        exchange.when_writable(has_room.set)
        assert has_room.wait(PATIENCE_S)
        exchange.finish(b"%d" % (count + 1))

    client = run_threads(later(work), send_buffer_bytes=1024).connect()
    client.get()
    assert is_full.wait(PATIENCE_S)
    body = client.read_answer().body
    count = int(body.lstrip(bytes(1)))
    assert len(body) == count * 100_000 + len(str(count))


def test_a_client_that_leaves_while_others_work_is_noticed(run_threads):
    has_gone, ended = threading.Event(), threading.Event()

    def work(exchange) -> None:
        exchange.on_disconnect(has_gone.set)
        assert has_gone.wait(PATIENCE_S)
        exchange.start(200, [])
        exchange.finish(b"too late")
        ended.set()

    client = run_threads(later(work)).connect()
    client.get()
    client.close()
    assert ended.wait(PATIENCE_S)


def test_a_pipelined_request_waits_while_others_work(run_threads):
    go = threading.Event()

    def work(exchange) -> None:
        assert go.wait(PATIENCE_S)
        hello(exchange)

    client = run_threads(later(work)).connect()
    client.get("/1")
    client.get("/2")
    go.set()
    assert [client.read_answer().body for _ in range(2)] == [b"hello /1", b"hello /2"]


def test_begin_may_have_another_thread_answer(run_threads):
    def begin(exchange) -> Begin:
        threading.Thread(target=hello, args=(exchange,)).start()
        return Begin.DONE

    client = run_threads(hello, begin).connect()
    for _ in range(3):
        client.get("/a")
        assert client.read_answer().body == b"hello /a"


def test_each_thread_parses_heads_for_itself() -> None:
    """What parses a head keeps its lines meanwhile: another thread's must not come among them."""
    connector = BlockingHttpConnector(OnlyHandle(), Settings())
    with ThreadPoolExecutor(1) as executor:
        theirs = executor.submit(connector.heads_of_thread).result()
    own = connector.heads_of_thread()
    assert own is connector.heads_of_thread()
    assert own is not theirs


class OnlyHandle:
    def begin(self, exchange) -> Begin:
        return Begin.BUFFERED

    def handle(self, exchange) -> None:
        exchange.finish()
