"""Backends that misbehave: what the client gets, who is asked again, and that nothing broken looks whole."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from container.front.balancer import Address

pytestmark = pytest.mark.socket
PATIENCE_S = 60.0  # only ever used up by a failure


def hello(peer) -> None:
    while request := peer.read():
        peer.answer(b"hello " + request[2])


def closes(peer) -> None:
    peer.read()


def resets(peer) -> None:
    peer.read()
    peer.reset()


def sends(data: bytes):
    """A backend that answers so, and closes."""

    def serve(peer) -> None:
        peer.read()
        peer.send(data)

    return serve


def hangs(stub):
    """A backend that has read the request, and says nothing until it is stopped."""
    held = []

    def serve(peer) -> None:
        while peer.read():
            held[0].requests.append(None)
            held[0].released.wait(PATIENCE_S)
            return

    held.append(stub(serve))
    return held[0]


HEAD = b"HTTP/1.1 200 OK\r\n"


def test_refused(before, nobody):
    assert before(nobody).get().status == 502


def test_connecting_takes_too_long(before):
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # more than fit into the queue: whoever comes now is not answered at all
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        front = before(Address("http", *listener.getsockname()), connect_timeout_s=0.1)
        assert front.get().status == 504


def test_no_connection_is_free_in_time(before, stub):
    backend = hangs(stub)
    front = before(backend, max_connections=1, acquire_timeout_s=0.1)
    client = front.connect()
    client.ask()
    wait_until(lambda: backend.requests)
    assert front.get().status == 502
    backend.released.set()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b""])
def test_a_connection_becomes_free(before, stub, answer):
    def serve(peer) -> None:
        while peer.read():
            backend.requests.append(None)
            backend.released.wait(PATIENCE_S)
            peer.send(answer or b"no HTTP")

    backend = stub(serve)
    front = before(backend, max_connections=1)
    clients = [front.connect() for _ in range(5)]
    for client in clients:
        client.ask()
    clients[3].close()  # one of those that wait, or the one that is answered
    wait_until(lambda: backend.requests)
    backend.released.set()
    statuses = [client.answer().status for number, client in enumerate(clients) if number != 3]
    assert statuses == [200 if answer else 502] * 4


@pytest.mark.parametrize("serve", [closes, resets])
def test_no_answer(before, stub, serve):
    assert before(stub(serve)).get().status == 502


def test_no_answer_in_time(before, stub):
    front = before(hangs(stub), read_timeout_s=0.1)
    assert front.get().status == 504
    assert front.wait_for_line()["upstream_status"] == "504"


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b"A: b\r\n folded\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
        HEAD + b"X: " + b"x" * 40_000 + b"\r\n\r\n",
        HEAD + b"Content-Len",
    ],
)
def test_what_is_no_answer(before, stub, data):
    assert before(stub(sends(data))).get().status == 502


def test_another_backend_is_asked(before, stub, nobody):
    front = before(nobody, stub(closes), stub(hello))
    for _ in range(3):
        assert front.get().status == 200


def test_a_post_that_may_have_been_done_is_not_sent_again(before, stub):
    backend = stub(hello)
    front = before(stub(closes), backend)
    assert front.get(method="POST", body=b"x").status == 502
    assert backend.connections == 0


def test_a_post_that_was_never_sent_is(before, stub, nobody):
    front = before(nobody, stub(hello))
    answer = front.get(method="POST", body=b"x" * 100_000)
    assert answer.body == b"hello " + b"x" * 100_000


def test_a_body_that_is_streamed_is_not_sent_again(before, stub):
    backend = stub(hello)
    front = before(stub(closes), backend, request_buffering=False)
    assert front.get(method="PUT", body=b"x").status == 502
    assert backend.connections == 0


def test_a_body_that_was_kept_is_sent_again(before, stub):
    front = before(stub(closes), stub(hello))
    assert front.get(method="PUT", body=b"x" * 200_000).body == b"hello " + b"x" * 200_000


def test_a_status_on_the_list(before, stub):
    failing = stub(sends(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"))
    front = before(failing, stub(hello), conditions="http_503")
    assert front.get().body == b"hello "
    front = before(failing, conditions="http_503")
    answer = front.get()
    assert (answer.status, answer.body) == (503, b"busy")  # nobody else is left: it stands


def test_a_kept_connection_that_has_died(before, stub):
    """The backend closes after its answer, without having said so."""

    def serve(peer) -> None:
        peer.read()
        peer.answer(b"ok")

    front = before(stub(serve))
    for _ in range(5):
        assert front.get().status == 200


def test_a_kept_connection_that_dies_with_the_next_request(before, stub):
    """It looks alive until a request has been sent."""

    def serve(peer) -> None:
        peer.read()
        peer.answer(b"ok")
        peer.read()  # and no answer

    backend = stub(serve)
    front = before(backend)
    assert front.get().status == 200
    assert front.get().status == 200
    assert front.get(method="POST", body=b"x").status == 502
    assert front.wait_for_line(2)["upstream_status"] == "502, 200"


def test_bytes_after_an_answer_make_a_connection_useless(before, stub):
    def serve(peer) -> None:
        while peer.read():
            peer.answer(b"ok")
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")

    front = before(stub(serve))
    for _ in range(5):
        assert front.get().body == b"ok"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 10\r\n\r\nabc",
        HEAD + b"Content-Length: 10\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 90_000,
    ],
)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_broken_answer_is_seen_to_be_broken(before, stub, data, version):
    front = before(stub(sends(data)))
    client = front.connect(f"GET / {version}\r\nHost: a\r\n\r\n".encode())
    answer = client.answer()
    assert not answer.complete
    assert front.wait_for_line()["status"] in ("200", "499")


def test_an_answer_that_stops_coming_is_broken_off(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.send(HEAD + b"Content-Length: 10\r\n\r\nabc")
        peer.file.read(1)

    answer = before(stub(serve), read_timeout_s=1.0).get()
    assert (answer.status, answer.body, answer.complete) == (200, b"abc", False)


def test_an_answer_before_the_request_was_read(before, stub):
    """The backend refuses the body with a status of its own, and does not read it."""

    def serve(peer) -> None:
        peer.read_head()
        peer.answer(b"no", "413 Too Large")
        peer.file.read(1)

    front = before(stub(serve), request_buffering=False)
    client = front.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
    answer = client.answer()
    assert (answer.status, answer.body) == (413, b"no")


def test_a_client_that_leaves_takes_its_backend_along(before, stub):
    backend = hangs(stub)
    left = []

    def serve(peer) -> None:
        peer.read()
        backend.requests.append(None)
        left.append(peer.file.read(1))

    backend.serve = serve
    front = before(backend)
    client = front.connect()
    client.ask()
    wait_until(lambda: backend.requests)
    client.close()
    wait_until(lambda: left)  # the backend has seen the end of its connection
    facts = front.wait_for_line()
    assert (facts["status"], facts["upstream_status"]) == ("499", "-")


def test_a_client_that_leaves_while_it_sends(before, stub):
    front = before(stub(hello))
    client = front.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
    client.close()
    assert front.wait_for_line()["status"] in ("499", "400")


def test_a_malformed_body_of_the_client(before, stub):
    for buffering in True, False:
        front = before(stub(hello), request_buffering=buffering)
        client = front.connect(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert client.answer().status == 400


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/../x", 400),
        ("/%2e%2e/x", 400),
        ("/..%2f..%2fetc/passwd", 400),
        ("/%zz", 400),
        ("/a%00b", 400),
        ("/WEB-INF/web.xml", 404),
        ("/app/%57eb-inf/web.xml", 404),
        ("/app;x/WEB-INF;y/web.xml", 404),
        ("/META-INF", 404),
        ("/ok/../fine", 200),
    ],
)
def test_targets_that_go_nowhere(before, stub, target, status):
    front = before(stub(hello))
    assert front.get(target).status == status
    facts = front.wait_for_line()
    assert (facts["status"], facts["request"]) == (str(status), f"GET {target} HTTP/1.1")


@pytest.mark.parametrize(("method", "status"), [("TRACE", 405), ("CONNECT", 405)])
def test_methods_that_go_nowhere(before, stub, method, status):
    answer = before(stub(hello)).get("/", method=method)
    assert (answer.status, answer["Allow"]) == (status, "GET, HEAD, OPTIONS")


def wait_until(is_so) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_101_that_nobody_has_asked_for(before, stub):
    data = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    for upgrade in True, False:
        assert before(stub(sends(data)), upgrade=upgrade).get().status == 502
