"""The same front where requests have threads: the coroutine runs on a loop of its thread."""

from __future__ import annotations

import threading

import pytest

pytestmark = pytest.mark.socket
IN_THREADS = {"in_threads": 8}


def echo(peer) -> None:
    while request := peer.read():
        peer.answer(request[0].encode() + b" " + request[2])


@pytest.mark.parametrize("buffering", [True, False])
def test_bodies(before, stub, buffering):
    front = before(stub(echo), settings=IN_THREADS, request_buffering=buffering)
    for size in 0, 1, 1_000_000:
        body = b"x" * size
        assert front.get("/a", method="PUT", body=body).body == b"PUT /a HTTP/1.1 " + body


def test_another_backend_is_asked(before, stub, nobody):
    front = before(nobody, stub(echo), settings=IN_THREADS)
    client = front.connect()
    for _ in range(4):
        client.ask("/a")
        assert client.answer().body == b"GET /a HTTP/1.1 "


def test_connections_are_kept_by_each_thread(before, stub):
    backend = stub(echo)
    front = before(backend, settings={"in_threads": 1})
    for _ in range(5):
        assert front.get().status == 200
    assert backend.connections == 1


def test_a_kept_connection_that_has_died(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.answer(b"ok")

    front = before(stub(serve), settings={"in_threads": 1})
    for _ in range(5):
        assert front.get().status == 200


def test_a_client_that_leaves(before, stub):
    asked, left = threading.Event(), threading.Event()

    def serve(peer) -> None:
        peer.read()
        asked.set()
        peer.file.read(1)
        left.set()

    front = before(stub(serve), settings=IN_THREADS)
    client = front.connect()
    client.ask()
    assert asked.wait(60)
    client.close()
    assert left.wait(60)
    assert front.wait_for_line()["status"] == "499"


def test_a_slow_client(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.answer(b"x" * 5_000_000)

    front = before(stub(serve), settings={**IN_THREADS, "send_buffer_bytes": 4096})
    client = front.connect()
    client.ask()
    answer = client.answer()
    assert (len(answer.body), answer.complete) == (5_000_000, True)


def test_a_websocket(before, stub):
    def serve(peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        while data := peer.socket.recv(65536):
            peer.send(data)

    client = before(stub(serve), settings=IN_THREADS, upgrade=True).connect()
    client.ask("/", "Connection: upgrade", "Upgrade: websocket")
    assert client.head()[0] == 101
    for data in b"a", b"x" * 100_000:
        client.socket.sendall(data)
        assert client.file.read(len(data)) == data


def test_a_broken_answer(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    answer = before(stub(serve), settings=IN_THREADS).get()
    assert (answer.body, answer.complete) == (b"abc", False)
