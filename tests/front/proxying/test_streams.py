"""Bodies larger than memory, clients slower than backends, and connections that are no HTTP any more."""

from __future__ import annotations

import contextlib
import gc
import resource
import socket
import threading

import pytest

pytestmark = pytest.mark.socket
PIECE = b"x" * 65536
FILES = 8000
LARGE_BYTES = 200 * 1024**2
MOST_GROWTH_BYTES = 60 * 1024**2  # of buffers on both sides; far below a body


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("buffering", [True, False])
def test_a_large_body_up_and_down(before, stub, buffering):
    """The bodies pass, and memory does not grow with them."""

    def serve(peer) -> None:
        _, headers = peer.read_head()
        left = int(headers["content-length"])
        while left:
            left -= len(peer.file.read(min(left, 65536)))
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE_BYTES)
        for _ in range(LARGE_BYTES // len(PIECE)):
            peer.send(PIECE)

    front = before(stub(serve), request_buffering=buffering, response_buffering=buffering)
    client = front.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LARGE_BYTES)
    gc.collect()
    before_bytes = most_bytes = resident_bytes()
    for _ in range(LARGE_BYTES // len(PIECE)):
        client.socket.sendall(PIECE)
    most_bytes = max(most_bytes, resident_bytes())
    assert client.head()[0] == 200
    left = LARGE_BYTES
    while left:
        left -= len(client.file.read(min(left, 65536)))
        if not left % (64 * len(PIECE)):
            most_bytes = max(most_bytes, resident_bytes())
    assert most_bytes - before_bytes < MOST_GROWTH_BYTES


def test_a_slow_client_does_not_hold_a_backend(before, stub):
    """The backend is free before the client has read anything: the rest waits in a file."""
    size = 20 * 1024**2

    def serve(peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(PIECE)):
            peer.send(PIECE)
        peer.read()  # the connection is kept, so that the next request comes here

    backend = stub(serve)
    done = threading.Event()
    serve_before = backend.serve

    def serve_and_tell(peer) -> None:
        serve_before(peer)
        done.set()

    backend.serve = serve_and_tell
    front = before(backend, keepalive=0, settings={"send_buffer_bytes": 65536})
    client = front.connect()
    client.ask()
    assert done.wait(60)
    answer = client.answer()
    assert (answer.complete, len(answer.body)) == (True, size)


def test_without_buffering_a_slow_client_slows_its_backend(before, stub):
    sent = []

    def serve(peer) -> None:
        peer.read()
        peer.socket.settimeout(0.2)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE_BYTES)
        try:
            for _ in range(LARGE_BYTES // len(PIECE)):
                peer.send(PIECE)
                sent.append(None)
        except TimeoutError:
            backend.released.set()

    backend = stub(serve)
    front = before(backend, response_buffering=False, settings={"send_buffer_bytes": 65536})
    client = front.connect()
    client.ask()
    assert backend.released.wait(60)
    assert len(sent) < LARGE_BYTES // len(PIECE)


@pytest.fixture
def many_files():
    """Leave to open as many files as the test needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"only {hard} files may be open at once")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_slow_clients_do_not_keep_a_quick_one_waiting(before, stub, many_files):
    """A thousand clients that read nothing of their answers; one that comes last is answered."""

    def serve(peer) -> None:
        while request := peer.read():
            peer.answer(b"quick" if " /quick " in request[0] else b"s" * 262_144)

    settings = {"send_buffer_bytes": 1024, "kernel_buffer_bytes": 4096}
    front = before(stub(serve), settings=settings, keepalive=64)
    with contextlib.ExitStack() as slow:
        for _ in range(1000):
            sock = slow.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.connect(("127.0.0.1", front.port))
            sock.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        assert front.get("/quick").body == b"quick"
        assert front.connector.connection_count >= 1000  # more than the kernel's buffers hold is still here


def echo(peer) -> None:
    _, headers = peer.read_head()
    peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: " + headers["sec-websocket-key"].encode() + b"\r\n\r\nhi"
    )
    while data := peer.socket.recv(65536):
        peer.send(data)
    peer.send(b"bye")


UPGRADE = ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")


def test_a_websocket(before, stub):
    front = before(stub(echo), upgrade=True)
    client = front.connect()
    client.ask("/chat", *UPGRADE)
    status, headers = client.head()
    assert status == 101
    assert {k.lower(): v for k, v in headers} == {
        "upgrade": "websocket",
        "sec-websocket-accept": "k",
        "connection": "upgrade",
    }
    assert client.file.read(2) == b"hi"
    for data in b"a", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000:
        client.socket.sendall(data)
        assert client.file.read(len(data)) == data
    client.close()
    facts = front.wait_for_line()
    assert (facts["status"], facts["upstream_status"]) == ("101", "101")


def test_the_backend_ends_a_websocket(before, stub):
    def serve(peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nbye")

    client = before(stub(serve), upgrade=True).connect()
    client.ask("/", *UPGRADE)
    assert client.head()[0] == 101
    assert client.file.read() == b"bye"


def test_a_silent_websocket_is_closed(before, stub):
    client = before(stub(echo), upgrade=True, read_timeout_s=1.0).connect()
    client.ask("/", *UPGRADE)
    assert client.head()[0] == 101
    assert client.file.read() == b"hi"


def hello(peer) -> None:
    while request := peer.read():
        peer.answer(request[1].get("upgrade", "none").encode())


@pytest.mark.parametrize(
    ("upgrade", "lines", "seen"),
    [
        (True, UPGRADE, b"websocket"),  # refused by the backend, with an ordinary answer
        (False, UPGRADE, b"none"),
        (True, ("Connection: upgrade", "Upgrade: h2c"), b"none"),
        (True, ("Upgrade: websocket",), b"none"),
    ],
)
def test_upgrades_that_do_not_happen(before, stub, upgrade, lines, seen):
    front = before(stub(hello), upgrade=upgrade)
    client = front.connect()
    for _ in range(2):
        client.ask("/", *lines)
        answer = client.answer()
        assert (answer.status, answer.body) == (200, seen)
