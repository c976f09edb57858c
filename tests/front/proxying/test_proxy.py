"""Requests and answers on their way through the front, over real sockets."""

from __future__ import annotations

import re
import socket

import pytest

from container.front.site import HeaderEdits

pytestmark = pytest.mark.socket

ERRORS = (400, 404, 413, 500, 501, 502, 503, 505)


def hello(peer) -> None:
    """Answer each request of a connection with what it was."""
    while request := peer.read():
        line, headers, body = request
        peer.answer(f"{line} | {headers.get('host')} | ".encode() + body)


def recorder(requests):
    def serve(peer) -> None:
        while request := peer.read():
            requests.append(request)
            peer.answer(b"ok")

    return serve


def test_a_request_and_its_answer(before, stub):
    front = before(stub(hello))
    answer = front.get("/shop/a%20b?x=1")
    assert (answer.status, answer.complete) == (200, True)
    assert answer.body == b"GET /shop/a%20b?x=1 HTTP/1.1 | shop.example | "


def test_connections_are_kept_and_used_again(before, stub):
    backend = stub(hello)
    front = before(backend)
    for _ in range(5):
        assert front.get().status == 200
    assert backend.connections == 1


@pytest.mark.parametrize("in_threads", [0, 2])
def test_a_backends_error_is_no_reason_to_part_with_the_client(before, stub, in_threads):
    backend = stub(lambda peer: [peer.answer(b"no", f"{status} No") for status in ERRORS if peer.read()])
    client = before(backend, settings={"in_threads": in_threads}).connect()
    for status in ERRORS:
        client.ask()
        answer = client.answer()
        assert (answer.status, answer.body, answer["Connection"]) == (status, b"no", None)


def test_lines_of_an_answer_may_end_with_a_line_feed_alone(before, stub):
    def serve(peer) -> None:
        while peer.read():
            peer.send(b"HTTP/1.1 200 OK\nX-A: b\nContent-Length: 2\n\nok")

    backend = stub(serve)
    front = before(backend)
    for _ in range(2):
        answer = front.get()
        assert (answer.status, answer.body, answer["X-A"]) == (200, b"ok", "b")
    assert backend.connections == 2  # who writes so is not trusted to say where an answer ends


def test_without_keepalive_each_request_has_its_connection(before, stub):
    requests = []
    backend = stub(recorder(requests))
    front = before(backend, keepalive=0)
    for _ in range(3):
        assert front.get().status == 200
    assert backend.connections == 3
    assert {headers["connection"] for _, headers, _ in requests} == {"close"}


def test_a_connection_is_closed_after_so_many_requests(before, stub):
    backend = stub(hello)
    front = before(backend, keepalive_requests=2)
    for _ in range(4):
        front.get()
    assert backend.connections == 2


def test_over_a_unix_socket(before, stub, tmp_path):
    front = before(stub(hello, family=socket.AF_UNIX, path=str(tmp_path / "s")))
    assert front.get().status == 200


def test_hop_by_hop_fields_stay_here(before, stub):
    requests = []
    front = before(stub(recorder(requests)))
    lines = ["Connection: x-mine", "X-Mine: 1", "TE: trailers", "Keep-Alive: 5", "Proxy: evil", "X-Other: 2"]
    front.get("/", *lines, "Proxy-Connection: keep-alive")
    _, headers, _ = requests[0]
    assert headers.keys().isdisjoint(("connection", "te", "keep-alive", "proxy", "proxy-connection"))
    assert headers["x-other"] == "2"


def test_fields_of_the_answer(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.send(
            b"HTTP/1.1 200 Fine\r\nServer: x\r\nDate: y\r\nX-Accel-Expires: 0\r\nKeep-Alive: timeout=5\r\n"
            b"Connection: x-hop\r\nX-Hop: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
            b"Content-Length: 2\r\n\r\nok"
        )

    answer = before(stub(serve)).get()
    names = [name.lower() for name, _ in answer.headers]
    assert names == ["set-cookie", "set-cookie", "content-length", "date"]
    assert answer["Date"] != "y"


def test_edits(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.answer(b"", "302 Found", "Location: http://inner:81/app/x", "X-Gone: 1", "X-Old: 1")

    edits = HeaderEdits(
        add=(("X-Add", "1"),),
        add_always=(("X-Always", "1"),),
        remove=frozenset({"x-gone"}),
        replace=(("X-Old", "2"),),
        redirects=(("http://inner:81/app/", "/shop/"),),
    )
    answer = before(stub(serve), edits=edits).get()
    assert (answer["Location"], answer["X-Gone"], answer["X-Old"]) == ("/shop/x", None, "2")
    assert (answer["X-Add"], answer["X-Always"]) == ("1", "1")


@pytest.mark.parametrize("size", [0, 10, 100_000, 1_000_000])
@pytest.mark.parametrize("buffering", [True, False])
def test_bodies_of_requests(before, stub, size, buffering):
    requests = []
    front = before(stub(recorder(requests)), request_buffering=buffering)
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert front.get("/", method="PUT", body=body).status == 200
    assert requests[0][2] == body


@pytest.mark.parametrize(("buffering", "framing"), [(True, "content-length"), (False, "transfer-encoding")])
def test_a_chunked_body(before, stub, buffering, framing):
    requests = []
    front = before(stub(recorder(requests)), request_buffering=buffering)
    client = front.connect(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert client.answer().status == 200
    _, headers, body = requests[0]
    assert body == b"abcde"
    assert framing in headers


def test_a_body_of_unknown_length_is_collected_for_http_1_0(before, stub):
    requests = []
    front = before(stub(recorder(requests)), request_buffering=False, http_version="1.0")
    client = front.connect(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    )
    assert client.answer().status == 200
    assert requests[0][0] == "POST / HTTP/1.0"
    assert requests[0][1]["content-length"] == "1"


def test_the_client_is_told_to_continue_by_the_front(before, stub):
    requests = []
    front = before(stub(recorder(requests)))
    client = front.connect(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert client.head()[0] == 100
    client.socket.sendall(b"ab")
    assert client.answer().status == 200
    assert "expect" not in requests[0][1]


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(before, stub):
    front = before(stub(hello), max_body_bytes=10)
    client = front.connect(
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"
    )
    assert client.answer().status == 413


@pytest.mark.parametrize("buffering", [True, False])
def test_a_chunked_body_that_grows_too_large(before, stub, buffering):
    front = before(stub(hello), max_body_bytes=10, request_buffering=buffering)
    client = front.connect(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\n"
    )
    assert client.answer().status == 413


def test_chunks_without_length(before, stub):
    def serve(peer) -> None:
        while peer.read():
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            peer.send(b"2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n")

    backend = stub(serve)
    front = before(backend)
    for _ in range(2):
        answer = front.get()
        assert (answer.body, answer["Transfer-Encoding"]) == (b"abcde", "chunked")
    assert backend.connections == 1


def test_an_answer_to_the_end_of_the_connection(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.0 200 OK\r\n\r\nabc")

    answer = before(stub(serve)).get()
    assert (answer.body, answer.complete) == (b"abc", True)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body(before, stub, status):
    def serve(peer) -> None:
        while peer.read():
            peer.send(f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode())

    backend = stub(serve)
    front = before(backend)
    for _ in range(2):
        answer = front.get()
        assert (answer.status, answer["ETag"]) == (int(status[:3]), "x")
    assert backend.connections == 1


def test_head(before, stub):
    def serve(peer) -> None:
        while peer.read():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    backend = stub(serve)
    front = before(backend)
    for _ in range(2):
        answer = front.get("/", method="HEAD")
        assert (answer.status, answer["Content-Length"]) == (200, "1000")
    assert backend.connections == 1


def test_interim_answers_are_skipped_and_103_is_passed_on(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\n\r\n")
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        peer.answer(b"ok")

    client = before(stub(serve)).connect()
    client.ask()
    status, headers = client.head()
    assert (status, dict(headers)) == (103, {"Link": "</a>"})
    assert client.answer().body == b"ok"


def test_pieces_are_passed_on_as_they_come(before, stub):
    """Server-sent events: the second one is not sent before the client has the first."""

    def serve(peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert backend.released.wait(60)
        peer.send(b"5\r\nfirst\r\n")
        peer.file.read(1)

    backend = stub(serve)
    client = before(backend).connect()
    client.ask()
    assert client.head()[0] == 200  # although nothing of the body is there
    backend.released.set()
    assert client.file.readline() == b"5\r\n"
    assert client.file.readline() == b"first\r\n"


def test_the_facts_for_the_log(before, stub, nobody):
    front = before(nobody, stub(hello))
    front.get("/a")
    front.get("/b")
    facts = front.wait_for_line()
    backend = front.site.group.members[1].address
    assert facts["status"] == "200"
    assert facts["upstream_addr"] == f"{nobody}, {backend}"
    assert facts["upstream_status"] == "502, 200"
    assert re.fullmatch(r"-, \d+\.\d+", facts["upstream_connect_time"])
    assert facts["request"] == "GET /a HTTP/1.1"
