"""HTTP over TLS, on real sockets, both loops and threads: the same answers, and what TLS brings with it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import ssl
import tempfile
import threading
import time
from functools import partial

import pytest
import uvloop

from container.protocols.exchange import Begin

pytestmark = pytest.mark.socket
PATIENCE_S = 60.0  # only ever used up by a failure


def hello(exchange) -> None:
    exchange.start(200, [("Content-Type", "text/plain")])
    exchange.finish(b"hello " + exchange.target)


def echo(exchange) -> None:
    body = exchange.read()
    exchange.start(200, [])
    exchange.finish(body)


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run_loop(request: pytest.FixtureRequest, run, server_tls, client_tls):
    return partial(run, tls=server_tls, client_tls=client_tls, new_loop=LOOPS[request.param])


@pytest.fixture(params=[*LOOPS, "threads"])
def run_tls(request: pytest.FixtureRequest, run, run_threads, server_tls, client_tls):
    how = {"tls": server_tls, "client_tls": client_tls}
    if request.param == "threads":
        return partial(run_threads, **how)
    return partial(run, **how, new_loop=LOOPS[request.param])


@pytest.fixture
def plain_client(monkeypatch: pytest.MonkeyPatch):
    """A function that connects without TLS."""

    def connect(running, data: bytes = b""):
        monkeypatch.setattr(running, "client_tls", None)
        return running.connect(data)

    return connect


def wait_for_count(running, count: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while running.connector.connection_count != count:
        assert time.monotonic() < deadline_s


def test_hello_and_keep_alive(run_tls):
    client = run_tls(hello).connect()
    for target in "/1", "/2", "/3":
        client.get(target)
        assert client.read_answer().body == b"hello " + target.encode()
    client.get("/", "Connection: close")
    assert client.read_answer().status == 200
    assert client.rest() == b""  # a goodbye of TLS: otherwise SSLEOFError


def test_a_handshake_may_come_byte_by_byte(run_tls, client_tls):
    running = run_tls(hello)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = client_tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send() -> None:
            for byte in outgoing.read():
                sock.sendall(bytes([byte]))

        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                send()
                incoming.write(sock.recv(65536))
        session.write(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        send()
        answer = b""
        while b"hello /x" not in answer:
            incoming.write(sock.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += session.read(65536)


def test_large_bodies_pass_both_ways(run_tls):
    client = run_tls(echo, Begin.STREAMED).connect()
    body = os.urandom(5_000_000)
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" + body)
    assert client.read_answer().body == body


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_files_are_encrypted_too(run_tls, size):
    content = os.urandom(size + 10)

    def handle(exchange) -> None:
        file = tempfile.TemporaryFile()  # noqa: SIM115  the connector closes it
        file.write(content)
        file.flush()
        exchange.start(200, [("Content-Length", str(size))])
        exchange.send_file(file, 10, size)
        exchange.finish()

    client = run_tls(handle).connect()
    for _ in range(2):
        client.get()
        assert client.read_answer().body == content[10:]


def test_a_slow_client_is_waited_for_after_the_last_answer(run_loop):
    """A large answer is still in the buffer when the connection is to be closed."""
    much = 20_000_000

    def handle(exchange) -> None:
        exchange.start(200, [("Connection", "close")])
        exchange.finish(bytes(much))

    running = run_loop(handle)
    client = running.connect()
    client.get()
    client.read_head()
    received = 0
    for _ in range(3):
        received += len(client._file.read(100_000))
        running.on_loop(lambda: running.connector.sweep(time.monotonic() + 40))
    assert received + len(client.rest()) == much


def test_a_client_that_reads_nothing_is_closed_after_the_send_timeout(run_loop):
    def handle(exchange) -> None:
        exchange.start(200, [])
        exchange.finish(bytes(20_000_000))

    running = run_loop(handle, send_timeout_s=30)
    client = running.connect()
    client.get()
    client.read_head()
    later = itertools.count(31, 31)
    deadline_s = time.monotonic() + PATIENCE_S
    while running.connector.connection_count:
        assert time.monotonic() < deadline_s
        running.on_loop(lambda: running.connector.sweep(time.monotonic() + next(later)))


def test_a_client_that_closes_its_side_still_gets_its_answer(run_loop):
    is_closed, has_noticed = threading.Event(), threading.Event()

    def handle(exchange) -> None:
        exchange.on_disconnect(has_noticed.set)
        assert is_closed.wait(PATIENCE_S)
        assert has_noticed.wait(PATIENCE_S)
        hello(exchange)

    client = run_loop(handle).connect()
    client.get("/x", "Connection: close")
    with socket.socket(fileno=os.dup(client.socket.fileno())) as tcp:
        tcp.shutdown(socket.SHUT_WR)
    is_closed.set()
    assert client.read_answer().body == b"hello /x"


def test_an_answer_that_is_broken_off_can_be_told_from_a_complete_one(run_tls):
    def handle(exchange) -> None:
        exchange.start(200, [])
        exchange.write(b"the beginning")
        raise ValueError("and no end")

    client = run_tls(handle).connect()
    client.get("/", version="HTTP/1.0")  # no length, no chunks: the end of the connection is the answer's
    client.socket.suppress_ragged_eofs = False  # to Python's own clients the end is the end
    with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):  # and no goodbye
        client.read_head(), client.rest()


def test_what_is_known_of_the_connection(run_tls):
    facts = []

    def handle(exchange) -> None:
        facts.append((exchange.connection.secure, exchange.connection.tls, exchange.connection.local[0]))
        hello(exchange)

    client = run_tls(handle).connect()
    client.get()
    client.read_answer()
    ((secure, tls, local),) = facts
    assert (secure, local) == (True, "127.0.0.1")
    name, version, bits = client.socket.cipher()
    assert (tls["cipher_suite"], tls["secure_protocol"], tls["key_size"]) == (name, version, bits)
    assert len(bytes.fromhex(tls["ssl_session_id"])) > 8
    assert tls["certificates"] == []


def test_a_session_has_an_id_under_tls_1_2_too(run_tls, authority):
    ids = []

    def handle(exchange) -> None:
        ids.append(exchange.connection.tls["ssl_session_id"])
        hello(exchange)

    old = ssl.create_default_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.configure_trust(old)
    running = run_tls(handle, client_tls=old)
    for _ in range(2):
        client = running.connect()
        for _ in range(2):
            client.get()
            client.read_answer()
    assert ids[0]
    assert ids[0] == ids[1] != ids[2] == ids[3]


# Who does not speak TLS -------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"G", b"\r\n", b"\x80\x00rubbish"])
def test_who_speaks_no_tls_is_told_so(run_tls, plain_client, data):
    running = run_tls(hello)
    client = plain_client(running, data)
    answer = client.read_answer()
    assert answer.status == 400
    assert answer.body == b"400 Bad Request\nThis port speaks TLS: use https.\n"
    assert answer.headers["connection"] == "close"
    client.socket.shutdown(socket.SHUT_WR)
    assert client.rest() == b""
    (answered,) = running.answered
    assert answered.status == 400


def test_a_large_body_without_tls_is_answered_all_the_same(run_tls, plain_client):
    client = plain_client(run_tls(hello), b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
    client.send(bytes(1_000_000))
    assert client.read_answer().status == 400


def test_a_failed_handshake_harms_nobody_else(run_tls, plain_client):
    running = run_tls(hello)
    good = running.connect()
    trusts_nobody = ssl.create_default_context()
    sock = socket.create_connection(("127.0.0.1", running.port), PATIENCE_S)
    with sock, pytest.raises(ssl.SSLCertVerificationError):
        trusts_nobody.wrap_socket(sock, server_hostname="localhost")
    bad = plain_client(running, b"\x16\x03\x01\x00\x05rubbish that is no hello")
    with contextlib.suppress(ConnectionResetError):
        assert bad.rest()[:1] == b"\x15"  # an alert, then the end
    wait_for_count(running, 1)
    good.get("/x")
    assert good.read_answer().body == b"hello /x"


def test_rubbish_after_the_handshake_ends_the_connection(run_tls):
    client = run_tls(hello).connect()
    with socket.socket(fileno=os.dup(client.socket.fileno())) as tcp:
        tcp.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises((ConnectionResetError, ssl.SSLError)):
        client.socket.recv(1000)


def test_a_handshake_that_never_comes_does_not_hold_the_connection(run_loop, plain_client):
    running = run_loop(hello)
    silent = plain_client(running)
    plain_client(running, b"\x16\x03\x01")
    wait_for_count(running, 2)
    running.sweep_until(76, lambda: not running.connector.connection_count)
    assert silent.rest() == b""


def test_stopping_does_not_wait_for_handshakes_and_lets_answers_end(run_loop, plain_client):
    is_running, let_go = threading.Event(), threading.Event()

    def handle(exchange) -> None:
        is_running.set()
        assert let_go.wait(PATIENCE_S)
        hello(exchange)

    running = run_loop(handle)
    busy = running.connect()
    silent = plain_client(running)
    plain_client(running, b"\x16\x03\x01")
    wait_for_count(running, 3)
    busy.get("/x")
    assert is_running.wait(PATIENCE_S)
    running.server.stop()
    assert silent.rest() == b""
    let_go.set()
    assert busy.read_answer().body == b"hello /x"
    assert busy.rest() == b""


def test_tls_on_the_plain_port_is_answered_400(run, client_tls):
    client = run(hello).connect()
    session = client_tls.wrap_bio(ssl.MemoryBIO(), outgoing := ssl.MemoryBIO(), server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    client.send(outgoing.read())
    assert client.read_answer().status == 400
