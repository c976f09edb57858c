"""What a handler can do that answers on the loop: read without blocking, take the connection over."""

from __future__ import annotations

import asyncio
import functools

import pytest

from container.errors import ProtocolError
from container.protocols.exchange import Begin, ClientDisconnected

pytestmark = pytest.mark.socket


async def receive(exchange) -> bytes:
    while (piece := exchange.read_soon(65536)) is None:
        readable = asyncio.get_running_loop().create_future()
        exchange.when_readable(functools.partial(readable.set_result, None))
        await readable
    return piece


def on_loop(answer):
    """A begin that goes on as a task of the loop."""
    tasks = set()

    def begin(exchange) -> Begin:
        task = asyncio.get_running_loop().create_task(answer(exchange))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return Begin.DONE

    return begin


async def echo(exchange) -> None:
    body = b""
    while piece := await receive(exchange):
        body += piece
    exchange.start(200, [])
    exchange.finish(body)


async def echo_raw(exchange) -> None:
    exchange.upgrade([("Upgrade", "echo")])
    while piece := await receive(exchange):
        exchange.write_soon(piece)
    exchange.finish(b"bye")


def unused(exchange) -> None:
    raise AssertionError("handle is not called")


def test_a_body_is_read_while_it_comes(run):
    client = run(unused, on_loop(echo)).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
    client.send(b"cdef")
    assert client.read_answer().body == b"abcdef"
    client.get()  # and the connection stays
    assert client.read_answer().body == b""


def test_the_client_is_told_to_continue_when_its_body_is_wanted(run):
    client = run(unused, on_loop(echo)).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert client.read_head()[0] == 100
    client.send(b"ab")
    assert client.read_answer().body == b"ab"


def test_a_large_body_is_read_no_faster_than_it_is_wanted(run):
    running = run(unused, on_loop(echo), body_memory_bytes=1000)
    client = running.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n")
    client.send(b"x" * 300000)
    assert len(client.read_answer().body) == 300000


def test_pieces_leave_in_their_order_whatever_their_size(run):
    async def answer(exchange) -> None:
        exchange.start(200, [])
        for piece in (b"a", b"b" * 100_000, b"c", b"d" * 20_000, b"e"):
            exchange.write_soon(piece)
        exchange.finish(b"f")

    running = run(unused, on_loop(answer))
    client = running.connect()
    for _ in range(3):
        client.get()
        assert client.read_answer().body == b"a" + b"b" * 100_000 + b"c" + b"d" * 20_000 + b"ef"


def test_requests_sent_ahead_are_answered_in_order(run):
    async def answer(exchange) -> None:
        exchange.start(200, [])
        exchange.finish(exchange.target)

    client = run(unused, on_loop(answer)).connect()
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(5)))
    assert [client.read_answer().body for _ in range(5)] == [b"/%d" % number for number in range(5)]


def test_a_large_answer_follows_a_small_one_among_others(run, caplog):
    """The small ones of two clients are sent together; what the first one has asked since is large."""
    waiting = []

    def begin(exchange) -> Begin:
        exchange.start(200, [])
        if exchange.target == b"/large":
            exchange.finish(b"x" * 100_000)
        else:
            waiting.append(exchange)
            if len(waiting) == 2:
                for each in sorted(waiting, key=lambda each: each.target):
                    each.finish(each.target)
        return Begin.DONE

    running = run(unused, begin)
    first, second = running.connect(), running.connect()
    first.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    second.send(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert first.read_answer().body == b"/1"
    assert first.read_answer().body == b"x" * 100_000
    assert second.read_answer().body == b"/2"
    second.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    assert len(second.read_answer().body) == 100_000
    assert not caplog.records


@pytest.mark.parametrize(("sent", "error"), [(b"zz\r\n", ProtocolError), (None, ClientDisconnected)])
def test_a_broken_body_is_the_readers(run, sent, error):
    raised = []

    async def read(exchange) -> None:
        try:
            await receive(exchange)
        except (ProtocolError, ClientDisconnected) as e:
            raised.append(type(e))
            exchange.abort()

    client = run(unused, on_loop(read)).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    if sent is None:
        client.socket.shutdown(1)
    else:
        client.send(sent)
    client.rest()
    assert raised == [error]


def test_a_connection_is_taken_over(run):
    client = run(unused, on_loop(echo_raw)).connect()
    client.get("/", "Connection: upgrade", "Upgrade: echo")
    status, headers = client.read_head()
    assert (status, headers["connection"], headers["upgrade"]) == (101, "upgrade", "echo")
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert client._file.read(18) == b"GET / HTTP/1.1\r\n\r\n"
    client.socket.shutdown(1)
    assert client.rest() == b"bye"


def test_what_the_client_has_sent_ahead_is_not_lost(run):
    client = run(unused, on_loop(echo_raw)).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly")
    assert client.read_head()[0] == 101
    assert client._file.read(5) == b"early"


def test_a_connection_is_taken_over_by_a_thread(run):
    def handle(exchange) -> None:
        exchange.upgrade([("Upgrade", "echo")])
        while piece := exchange.read(100):
            exchange.write(piece)
        exchange.finish()

    client = run(handle).connect()
    client.get("/", "Connection: upgrade", "Upgrade: echo")
    assert client.read_head()[0] == 101
    client.send(b"ab")
    assert client._file.read(2) == b"ab"
    client.socket.shutdown(1)
    assert client.rest() == b""
