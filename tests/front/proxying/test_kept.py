"""Over a kept connection the usual answer is passed on without a task; all others need to be as good."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

pytestmark = pytest.mark.socket
PATIENCE_S = 60.0  # only ever used up by a failure
OK = b"HTTP/1.1 200 OK\r\n"


def wait_until(condition) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def then(serve):
    """A backend whose first connection begins with a plain answer; the rest is up to serve."""

    def start(peer) -> None:
        if peer.number == 1:
            peer.read()
            peer.answer(b"warm")
        serve(peer)

    return start


def says(*pieces: bytes):
    def serve(peer) -> None:
        while peer.read():
            for number, piece in enumerate(pieces):
                if number:
                    time.sleep(0.001)  # most likely a read of its own
                peer.send(piece)

    return serve


@pytest.fixture
def kept(before, stub):
    """A front that has one kept connection to a backend that goes on with serve."""

    def start(serve, **limits):
        front = before(stub(then(serve)), **limits)
        assert front.get("/warm").body == b"warm"
        return front

    return start


WHOLE = OK + b"Content-Length: 5\r\nX-A: b\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\nX-A: b\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [WHOLE],
        [CHUNKED],
        [WHOLE[:20], WHOLE[20:]],
        [WHOLE[:-5], WHOLE[-5:]],
        [WHOLE[:-2], WHOLE[-2:]],
        [CHUNKED[:-9], CHUNKED[-9:]],
        [WHOLE[index : index + 1] for index in range(len(WHOLE))],
        [CHUNKED[index : index + 1] for index in range(len(CHUNKED))],
        [b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + WHOLE],
        [b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE],
        [WHOLE.replace(b"\r\nX", b"\nX")],
    ],
)
def test_an_answer_is_the_same_however_it_comes(kept, pieces):
    client = kept(says(*pieces)).connect()
    for _ in range(3):
        client.ask()
        if b"103" in pieces[0]:
            assert client.head()[0] == 103
        answer = client.answer()
        assert (answer.status, answer.body, answer["x-a"], answer.complete) == (200, b"hello", "b", True)


@pytest.mark.parametrize(
    ("method", "said", "length"),
    [
        ("HEAD", OK + b"Content-Length: 5\r\n\r\n", "5"),
        ("HEAD", OK + b"Content-Length: 0\r\n\r\n", "0"),
        ("GET", OK + b"Content-Length: 0\r\n\r\n", "0"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 5\r\n\r\n', "5"),
    ],
)
def test_answers_without_a_body(kept, method, said, length):
    client = kept(says(said)).connect()
    for _ in range(2):
        client.ask(method=method)
        answer = client.answer(method)
        assert (answer.status, answer["content-length"]) == (int(said[9:12]), length)


def test_a_large_answer(kept):
    body = b"x" * 3_000_000
    client = kept(says(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)).connect()
    for _ in range(2):
        client.ask()
        assert client.answer().body == body


@pytest.mark.parametrize("buffering", [True, False])
@pytest.mark.parametrize("size", [3, 300_000])
def test_a_body_goes_along(kept, buffering, size):
    def serve(peer) -> None:
        while request := peer.read():
            peer.answer(request[2])

    client = kept(serve, request_buffering=buffering).connect()
    for _ in range(2):
        client.ask(method="POST", body=b"x" * size)
        assert client.answer().body == b"x" * size


def test_an_answer_to_the_end_of_the_connection(kept):
    def serve(peer) -> None:
        peer.read()
        peer.send(OK + b"\r\nall that")
        peer.send(b" there is")

    answer = kept(serve).get()
    assert (answer.status, answer.body) == (200, b"all that there is")


@pytest.mark.parametrize(
    "said", [OK + b"Content-Length: 9\r\n\r\nhello", OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe"]
)
def test_a_broken_answer_is_seen_to_be_broken(kept, said):
    def serve(peer) -> None:
        peer.read()
        peer.send(said)

    assert not kept(serve).get().complete


def test_no_answer_in_time(kept):
    front = kept(lambda peer: peer.file.read())
    front.site.limits = replace(front.site.limits, read_timeout_s=0.1)  # after the first answer
    assert front.get().status == 504
    assert front.wait_for_line(2)["upstream_status"] == "504"


def test_a_client_that_leaves_takes_its_backend_along(kept):
    asked, left = [], []

    def serve(peer) -> None:
        asked.append(peer.read())
        left.append(peer.file.read(1))

    front = kept(serve)
    client = front.connect()
    client.ask()
    wait_until(lambda: asked)
    client.close()
    wait_until(lambda: left)
    facts = front.wait_for_line(2)
    assert (facts["status"], facts["upstream_status"]) == ("499", "-")


def test_a_client_that_leaves_and_a_backend_that_answers_then(kept):
    """Whoever is first, neither disturbs the next request."""

    def serve(peer) -> None:
        while peer.read():
            peer.answer(b"hello")

    front = kept(serve)
    for _ in range(20):
        client = front.connect()
        client.ask()
        client.close()
    assert front.get().body == b"hello"


def test_a_status_on_the_list(before, stub):
    busy = stub(then(says(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")))
    other = stub(says(WHOLE))
    front = before(busy, other, conditions="http_503")
    bodies = [front.get().body for _ in range(4)]
    assert sorted(bodies[:2]) == [b"hello", b"warm"]
    assert bodies[2:] == [b"hello", b"hello"]


def test_a_websocket(kept):
    def serve(peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nhi")
        while data := peer.socket.recv(65536):
            peer.send(data)

    client = kept(serve, upgrade=True).connect()
    client.ask("/", "Connection: Upgrade", "Upgrade: websocket")
    assert client.head()[0] == 101
    assert client.file.read(2) == b"hi"
    client.socket.sendall(b"x" * 100_000)
    assert client.file.read(100_000) == b"x" * 100_000


def test_requests_sent_ahead_are_answered_in_order(kept):
    def serve(peer) -> None:
        while request := peer.read():
            peer.answer(request[0].encode())

    client = kept(serve).connect()
    for number in range(5):
        client.ask(f"/{number}")
    assert [client.answer().body for _ in range(5)] == [b"GET /%d HTTP/1.1" % n for n in range(5)]


def test_many_at_once(kept):
    def serve(peer) -> None:
        while request := peer.read():
            peer.answer(request[0].encode() * 100)

    front = kept(serve, keepalive=4)
    clients = [front.connect() for _ in range(16)]
    for turn in range(5):
        for number, client in enumerate(clients):
            client.ask(f"/{turn}/{number}")
        for number, client in enumerate(clients):
            assert client.answer().body == b"GET /%d/%d HTTP/1.1" % (turn, number) * 100


@pytest.mark.parametrize("buffering", [True, False])
def test_a_slow_client_gets_it_all(kept, buffering):
    body = b"x" * 1_000_000
    front = kept(
        says(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body),
        response_buffering=buffering,
        settings={"kernel_buffer_bytes": 16384, "send_buffer_bytes": 4096},
    )
    client = front.connect()
    client.ask()
    time.sleep(0.05)
    assert client.answer().body == body
