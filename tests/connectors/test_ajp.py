"""The AJP connector behind a real socket, and a web server's end that speaks with it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import threading

import pytest
from ajp_front import AjpFront

from container.config import Settings
from container.connectors.ajp import AjpConnector, Trust
from container.errors import ConfigError, ProtocolError
from container.mpm.event import open_listener
from container.protocols.ajp13 import CPING, CPONG, ForwardRequest, body_packet, encode_request
from container.protocols.ajp13_ends import AnswerEnd, AnswerHead, BodyWanted, Flush
from container.protocols.exchange import Begin, ClientDisconnected

pytestmark = pytest.mark.socket
PATIENCE_S = 60.0  # only ever used up by a failure


class Front(AjpFront):
    """A web server that knows the connector behind the socket."""

    def reported(self) -> list:
        """What the access log was told; a connection tells it behind the last byte of an answer."""
        self.running.on_loop(lambda: None)
        return self.running.answered


def get(target: str = "/", *headers: tuple[bytes, bytes], **facts: object) -> ForwardRequest:
    facts = {
        "method": "GET",
        "uri": target.encode(),
        "remote_addr": "10.0.0.9",
        "server_name": "shop",
        **facts,
    }
    return ForwardRequest(headers=((b"host", b"shop"), *headers), **facts)


def post(length: int | None, *headers: tuple[bytes, bytes], **facts: object) -> ForwardRequest:
    known = () if length is None else ((b"content-length", str(length).encode()),)
    return get("/", *known, *headers, method="POST", **facts)


CHUNKED = (b"Transfer-Encoding", b"chunked")


@pytest.fixture
def serve(run):
    """Run an AJP connector and connect: serve(handle, begin, **settings) -> Front, with .running."""
    fronts = []

    def serve(handle, begin=Begin.BUFFERED, **settings):
        running = run(handle, begin, make=AjpConnector, **settings)

        def connect():
            front = Front(running.port, settings.get("ajp_packet_bytes", 8192))
            front.running = running
            front.connect = connect
            fronts.append(front)
            return front

        return connect()

    yield serve
    for front in fronts:
        front.close()


def hello(exchange) -> None:
    exchange.start(200, [("Content-Type", "text/plain")])
    exchange.finish(b"hello")


def echo(exchange) -> None:
    body = exchange.read()
    exchange.start(200, [("X-Length", str(exchange.content_length))])
    exchange.finish(body)


def fields(head: AnswerHead) -> dict[bytes, bytes]:
    return dict(head.headers)


# --- requests -----------------------------------------------------------------------------------------------


def test_many_requests_on_one_connection(serve) -> None:
    front = serve(hello)
    for _ in range(3):
        assert front.ask(get()) == (
            AnswerHead(200, b"OK", ((b"Content-Type", b"text/plain"), (b"Content-Length", b"5"))),
            b"hello",
            AnswerEnd(True),
        )
    assert [answered.request_id for answered in front.reported()] == ["a1-1", "a1-2", "a1-3"]


def test_what_a_handler_is_told(serve) -> None:
    told = []

    def handle(exchange) -> None:
        connection = exchange.connection
        told.append((exchange.method, exchange.target, exchange.version, exchange.headers))
        told.append(
            (connection.peer, connection.local, connection.secure, connection.tls, connection.protocol)
        )
        told.append((exchange.content_length, exchange.trailers, exchange.can_send_trailers, exchange.front))
        hello(exchange)

    front = serve(handle)
    facts = (("AJP_REMOTE_PORT", "34384"), ("AJP_LOCAL_ADDR", "10.0.0.1"))
    front.ask(get("/a%20b", (b"X-A", b"\xe4"), query=b"c=d", attributes=facts, server_port=81))
    assert told == [
        ("GET", b"/a%20b?c=d", "HTTP/1.1", [(b"host", b"shop"), (b"X-A", b"\xe4")]),
        (("10.0.0.9", 34384), ("10.0.0.1", 81), False, None, "ajp"),
        (None, None, False, None),
    ]


def test_the_facts_of_an_answered_request_stay_its_own(serve) -> None:
    kept = []

    def handle(exchange) -> None:
        kept.append(exchange.connection)
        hello(exchange)

    front = serve(handle)
    front.ask(get(remote_addr="10.0.0.1"))
    front.ask(get(remote_addr="10.0.0.2"))
    assert [connection.peer[0] for connection in kept] == ["10.0.0.1", "10.0.0.2"]
    assert [answered.peer for answered in front.reported()] == ["10.0.0.1", "10.0.0.2"]


def test_tls_between_client_and_web_server(serve) -> None:
    told = []
    front = serve(
        lambda exchange: (told.append((exchange.connection.secure, exchange.connection.tls)), hello(exchange))
    )
    pem = b"".join(
        b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----\n" % base64.encodebytes(der).strip()
        for der in (b"own" * 40, b"issuer")
    )
    front.ask(
        get(
            is_ssl=True,
            ssl_cert=pem,
            ssl_cipher=b"TLS_AES_256_GCM_SHA384",
            ssl_session=b"ab",
            ssl_key_size=256,
            attributes=(("AJP_SSL_PROTOCOL", "TLSv1.3"),),
        )
    )
    assert told == [
        (
            True,
            {
                "secure_protocol": "TLSv1.3",
                "cipher_suite": "TLS_AES_256_GCM_SHA384",
                "key_size": 256,
                "ssl_session_id": "ab",
                "certificates": [b"own" * 40, b"issuer"],
            },
        )
    ]


@pytest.mark.parametrize(("port", "host"), [(80, b"shop"), (8443, b"shop:8443")])
def test_a_request_without_host_is_for_the_server_that_the_web_server_names(
    serve, port: int, host: bytes
) -> None:
    told = []
    front = serve(lambda exchange: (told.append(exchange.headers), hello(exchange)))
    front.ask(dataclasses.replace(get(server_port=port), headers=(), version="HTTP/1.0"))
    assert told == [[(b"host", host)]]


def test_names_with_underscores_are_dropped_unless_they_are_wanted(serve) -> None:
    def names(exchange) -> None:
        exchange.start(200, [])
        exchange.finish(b",".join(name for name, _ in exchange.headers))

    assert serve(names).ask(get("/", (b"X_A", b"1")))[1] == b"host"
    assert serve(names, underscore_headers=True).ask(get("/", (b"X_A", b"1")))[1] == b"host,X_A"


def test_cookie_fields_that_a_web_server_has_joined(serve) -> None:
    told = []
    front = serve(lambda exchange: (told.append(dict(exchange.headers)[b"cookie"]), hello(exchange)))
    front.ask(get("/", (b"Cookie", b"a=1, b=2; c=x,y; d=,e=3")))
    assert told == [b"a=1; b=2; c=x,y; d=; e=3"]


# --- bodies -------------------------------------------------------------------------------------------------

SIZES = (0, 1, 8186, 8187, 100_000, 3_000_000)


@pytest.mark.parametrize("begin", [Begin.BUFFERED, Begin.STREAMED])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_length_known", [True, False])
def test_bodies(serve, begin: Begin, size: int, is_length_known: bool) -> None:
    front = serve(echo, begin)
    body = bytes(range(256)) * (size // 256 + 1)
    request = post(size) if is_length_known else post(None, CHUNKED)
    for _ in range(2):
        head, answer, end = front.ask(request, body[:size])
        assert (head.status, answer == body[:size], end) == (200, True, AnswerEnd(True))
        assert fields(head)[b"X-Length"] == (str(size).encode() if is_length_known else b"None")


def test_a_larger_packet(serve) -> None:
    front = serve(echo, ajp_packet_bytes=65536)
    front.send(post(100_000, (b"a", b"b" * 30_000)), b"a" * 100_000)
    sizes = []
    while not isinstance(event := front.next(), AnswerEnd):
        if isinstance(event, BodyWanted):
            front.send_wanted()
        elif isinstance(event, bytes):
            sizes.append(len(event))
    assert sizes == [65528, 34472]


def test_a_body_that_may_be_there_is_asked_for_only_by_who_reads(serve) -> None:
    front = serve(hello)
    front.send(get())
    assert isinstance(front.next(), AnswerHead)
    assert [front.next(), front.next()] == [b"hello", AnswerEnd(True)]
    front = serve(echo)
    front.send(get())
    assert front.next() == BodyWanted(8186)
    front.left = b"surprise"
    front.send_wanted()
    assert front.answer()[1] == b"surprise"


@pytest.mark.parametrize("begin", [Begin.BUFFERED, Begin.STREAMED])
def test_a_body_that_nobody_reads(serve, begin: Begin) -> None:
    front = serve(hello, begin)
    for _ in range(2):
        assert front.ask(post(10_000), b"a" * 10_000)[1:] == (b"hello", AnswerEnd(True))
    assert front.ask(get())[2] == AnswerEnd(True)


def test_an_answer_that_is_ready_before_the_first_packet_ends_after_it(serve) -> None:
    front = serve(hello, Begin.STREAMED)
    front.socket.sendall(front.end.send_request(post(10)))
    assert isinstance(front.next(), AnswerHead)
    assert front.next() == b"hello"
    assert not front.end.is_idle
    front.left = b"0123456789"
    front.send_wanted()
    assert front.next() == AnswerEnd(True)
    assert front.ask(get())[1] == b"hello"


def test_a_first_packet_that_never_comes(serve) -> None:
    front = serve(hello, Begin.STREAMED, body_timeout_s=5)
    front.socket.sendall(front.end.send_request(post(10)))
    assert [type(front.next()), front.next()] == [AnswerHead, b"hello"]
    front.running.sweep_until(6, lambda: not front.running.connector.connection_count)
    assert front.next() is None


def test_a_streamed_body_is_asked_for_as_fast_as_it_is_read(serve) -> None:
    may_read = threading.Event()

    def handle(exchange) -> None:
        first = exchange.read(1)
        assert may_read.wait(PATIENCE_S)
        rest = exchange.read()
        exchange.start(200, [])
        exchange.finish(str(len(first + rest)).encode())

    front = serve(handle, Begin.STREAMED, body_memory_bytes=20_000)
    front.send(post(200_000), b"a" * 200_000)
    sent = 1
    while sent * 8186 < 20_000:
        assert isinstance(front.next(), BodyWanted)
        front.send_wanted()
        sent += 1
    front.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        front.next()  # it has enough for now
    front.socket.settimeout(PATIENCE_S)
    may_read.set()
    assert front.answer()[1] == b"200000"


def test_a_body_that_is_too_long(serve) -> None:
    for begin in (Begin.BUFFERED, Begin.STREAMED):
        front = serve(echo, begin, max_body_bytes=10_000)
        head, _, end = front.ask(post(10_001), b"a" * 10_001)
        assert (head.status, end) == (413, AnswerEnd(False))
        assert front.next() is None
    front = serve(echo, max_body_bytes=10_000)
    head, _, end = front.ask(post(None, CHUNKED), b"a" * 10_001)
    assert (head.status, end) == (413, AnswerEnd(False))
    assert front.reported()[-1].status == 413


def test_a_body_that_is_broken_off(serve) -> None:
    front = serve(echo)
    front.send(post(10), b"")  # mod_jk's way to say that the client has gone
    assert front.answer()[0].status == 400
    failed = []

    def handle(exchange) -> None:
        with pytest.raises(ProtocolError) as failure:
            exchange.read()
        failed.append(failure.value.status)
        exchange.start(400, [])
        exchange.finish()

    front = serve(handle, Begin.STREAMED)
    front.send(post(10), b"abc")
    assert front.answer()[2] == AnswerEnd(False)
    assert failed == [400]


def test_a_body_that_stops_coming(serve) -> None:
    front = serve(echo, body_timeout_s=5)
    front.socket.sendall(front.end.send_request(post(10)))
    running = front.running
    running.sweep_until(6, lambda: running.answered)
    assert running.answered[0].status == 408


def test_a_reader_that_takes_its_time_is_no_timeout(serve) -> None:
    may_read = threading.Event()

    def handle(exchange) -> None:
        assert may_read.wait(PATIENCE_S)
        echo(exchange)

    front = serve(handle, Begin.STREAMED, body_timeout_s=5)
    front.send(post(None))
    for _ in range(3):
        front.running.on_loop(lambda: front.running.connector.sweep(1e12))
    may_read.set()
    assert front.answer()[0].status == 200


# --- answers ------------------------------------------------------------------------------------------------


def test_an_answer_in_pieces_is_flushed(serve) -> None:
    proceed = threading.Event()

    def handle(exchange) -> None:
        exchange.start(200, [])
        exchange.write(b"")
        for piece in (b"one", b"two"):
            assert proceed.wait(PATIENCE_S)
            proceed.clear()
            exchange.write(piece)
        assert proceed.wait(PATIENCE_S)
        exchange.finish(b"end")

    front = serve(handle)
    front.send(get())
    assert [front.next(), front.next()] == [AnswerHead(200, b"OK", ()), Flush()]
    for piece in (b"one", b"two"):
        proceed.set()
        assert [front.next(), front.next()] == [piece, Flush()]
    proceed.set()
    assert [front.next(), front.next()] == [b"end", AnswerEnd(True)]


@pytest.mark.parametrize(
    ("method", "status", "headers", "length"),
    [
        ("HEAD", 200, [], None),
        ("HEAD", 200, [("Content-Length", "7")], b"7"),
        ("GET", 204, [], None),
        ("GET", 304, [], None),
        ("GET", 205, [], b"0"),
    ],
)
def test_answers_without_a_body(serve, method: str, status: int, headers: list, length: bytes | None) -> None:
    def handle(exchange) -> None:
        exchange.start(status, headers)
        exchange.write(b"nothing")
        exchange.finish()

    front = serve(handle)
    head, body, end = front.ask(get(method=method))
    assert (head.status, fields(head).get(b"Content-Length"), body, end) == (
        status,
        length,
        b"",
        AnswerEnd(True),
    )


def test_fields_that_are_the_web_servers_affair(serve) -> None:
    def handle(exchange) -> None:
        names = ("Connection", "Transfer-Encoding", "Keep-Alive", "Date")
        exchange.start(200, [*((name, "x") for name in names), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")])
        exchange.inform(103, [("Link", "x")])
        exchange.finish()

    head, _, end = serve(handle).ask(get())
    assert head.headers == ((b"Set-Cookie", b"a=b"), (b"Set-Cookie", b"c=d"), (b"Content-Length", b"0"))
    assert end == AnswerEnd(True)


def test_a_head_that_does_not_fit(serve, caplog: pytest.LogCaptureFixture) -> None:
    def handle(exchange) -> None:
        exchange.start(200, [("X-A", "a" * 8180)])
        exchange.write(b"lost")
        exchange.finish(b"lost")

    front = serve(handle)
    for _ in range(2):
        assert front.ask(get()) == (
            AnswerHead(500, b"Internal Server Error", ((b"Content-Length", b"0"),)),
            b"",
            AnswerEnd(True),
        )
    assert "--ajp-packet-bytes" in caplog.text


def test_a_field_that_would_break_out_is_an_error(serve, caplog: pytest.LogCaptureFixture) -> None:
    front = serve(lambda exchange: exchange.start(200, [("a", "b\r\nc: d")]))
    assert front.ask(get())[0].status == 500
    assert "line end" in caplog.text


def test_an_answer_that_is_longer_than_it_said(serve) -> None:
    def handle(exchange) -> None:
        exchange.start(200, [("Content-Length", "3")])
        exchange.finish(b"abcdef")

    assert serve(handle).ask(get())[1:] == (b"abc", AnswerEnd(True))


def short(exchange) -> None:
    exchange.start(200, [("Content-Length", "10")])
    exchange.finish(b"abc")


def aborted(exchange) -> None:
    exchange.start(200, [])
    exchange.write(b"abc")
    exchange.abort()


def raising(exchange) -> None:
    exchange.start(200, [])
    exchange.write(b"abc")
    raise RuntimeError("half way")


@pytest.mark.parametrize("handle", [short, aborted, raising])
def test_an_answer_that_is_not_complete_has_no_end(serve, handle) -> None:
    front = serve(handle)
    assert front.ask(get()) == (AnswerHead(200, b"OK", front_length(handle)), b"abc", None)
    assert front.reported()[0].body_bytes == 3


def front_length(handle) -> tuple:
    return ((b"Content-Length", b"10"),) if handle is short else ()


def test_a_handler_that_fails(serve, caplog: pytest.LogCaptureFixture) -> None:
    def handle(exchange) -> None:
        raise RuntimeError("no")

    front = serve(handle)
    head, body, end = front.ask(get())
    assert (head.status, body, end) == (500, b"500 Internal Server Error\n", AnswerEnd(True))
    assert "RuntimeError: no" in caplog.text


@pytest.mark.parametrize("size", [0, 10_000, 1_000_000])
def test_a_file(serve, tmp_path, size: int) -> None:
    path = tmp_path / "file"
    content = bytes(range(256)) * (size // 256 + 1)
    path.write_bytes(b"before" + content[:size] + b"after")

    def handle(exchange) -> None:
        exchange.start(200, [])
        exchange.send_file(path.open("rb"), 6, size)
        exchange.finish(b"!")

    front = serve(handle)
    for _ in range(2):
        _, body, end = front.ask(get())
        assert (len(body), body == content[:size] + b"!", end) == (size + 1, True, AnswerEnd(True))


def test_a_file_is_flushed(serve, tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 5000)
    proceed = threading.Event()

    def handle(exchange) -> None:
        exchange.start(200, [])
        exchange.send_file(path.open("rb"), 0, 5000)
        assert proceed.wait(PATIENCE_S)
        exchange.finish()

    front = serve(handle)
    front.send(get())
    while (event := front.next()) != b"a" * 5000:
        assert isinstance(event, AnswerHead | Flush)  # the head may have left before the file
    assert front.next() == Flush()
    proceed.set()
    assert front.next() == AnswerEnd(True)


def test_a_file_sent_on_the_loop(serve, tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 3_000_000)

    def begin(exchange) -> Begin:
        exchange.start(200, [("Content-Length", "3000000")])
        exchange.send_file(path.open("rb"), 0, 3_000_000)
        exchange.finish()
        return Begin.DONE

    front = serve(None, begin)
    assert front.ask(get())[1] == b"a" * 3_000_000


def test_a_web_server_that_reads_slowly_stops_the_handler(serve) -> None:
    written = []

    def handle(exchange) -> None:
        exchange.start(200, [])
        for _ in range(200):
            exchange.write(b"a" * 100_000)
            written.append(100_000)
        exchange.finish()

    front = serve(handle, send_buffer_bytes=65536)
    front.send(get())
    assert isinstance(front.next(), AnswerHead)
    assert sum(written) < 20_000_000
    assert len(front.answer()[1]) == 20_000_000


def test_write_soon_and_when_writable(serve) -> None:
    done = threading.Event()

    def handle(exchange) -> None:
        exchange.suspend()
        exchange.start(200, [])
        left = [b"a" * 100_000] * 100

        def more() -> None:
            while left:
                if not exchange.write_soon(left.pop()):
                    exchange.when_writable(lambda: exchange.resume(more))
                    return
            exchange.finish()
            exchange.release()
            done.set()

        exchange.resume(more)

    front = serve(handle, send_buffer_bytes=65536)
    assert len(front.ask(get())[1]) == 10_000_000
    assert done.wait(PATIENCE_S)


def test_collect_body_in_a_streamed_exchange(serve) -> None:
    def handle(exchange) -> None:
        exchange.collect_body()
        echo(exchange)

    front = serve(handle, Begin.STREAMED)
    assert front.ask(post(20_000), b"a" * 20_000)[1] == b"a" * 20_000


@pytest.mark.parametrize("is_length_known", [True, False])
def test_a_body_read_on_the_loop(serve, is_length_known: bool) -> None:
    """As a front does that passes the request on."""
    body = bytes(range(256)) * 400

    def begin(exchange) -> Begin:
        received = []

        def more() -> None:
            while piece := exchange.read_soon():
                received.append(piece)
            if piece is None:
                exchange.when_readable(more)
            else:
                exchange.start(200, [])
                exchange.finish(b"".join(received))

        more()
        return Begin.DONE

    front = serve(None, begin, body_memory_bytes=20_000)
    for _ in range(2):
        request = post(len(body)) if is_length_known else post(None, CHUNKED)
        assert front.ask(request, body)[1:] == (body, AnswerEnd(True))
        assert front.ask(get())[1:] == (b"", AnswerEnd(True))


def test_no_upgrades(serve) -> None:
    def handle(exchange) -> None:
        with pytest.raises(ProtocolError) as refused:
            exchange.upgrade([("Upgrade", "websocket")])
        exchange.start(refused.value.status, [])
        exchange.finish()

    assert serve(handle).ask(get())[0].status == 501


# --- the client leaves --------------------------------------------------------------------------------------


def test_a_web_server_that_goes_away_is_noticed(serve) -> None:
    gone, began, failed = threading.Event(), threading.Event(), threading.Event()

    def handle(exchange) -> None:
        exchange.on_disconnect(gone.set)
        began.set()
        assert gone.wait(PATIENCE_S)
        exchange.start(200, [])
        try:
            while True:
                exchange.write(b"a" * 1000)
        except ClientDisconnected:
            failed.set()
            raise

    front = serve(handle)
    front.send(get())
    assert began.wait(PATIENCE_S)
    front.close()
    assert failed.wait(PATIENCE_S)


def test_a_web_server_that_goes_away_inside_a_body(serve) -> None:
    failed = threading.Event()

    def handle(exchange) -> None:
        try:
            exchange.read()
        except ClientDisconnected:
            failed.set()
            raise

    front = serve(handle, Begin.STREAMED)
    front.send(post(20_000), b"a" * 8186)
    assert isinstance(front.next(), BodyWanted)
    front.close()
    assert failed.wait(PATIENCE_S)


# --- who is served ------------------------------------------------------------------------------------------


def test_pings_need_no_thread_and_no_secret(serve) -> None:
    front = serve(hello, ajp_secret="s3")
    front.socket.sendall(CPING + CPING + encode_request(get(secret=b"s3")))
    received = b""
    while len(received) < 10:
        received += front.socket.recv(10 - len(received))
    assert received == CPONG * 2
    front.end.send_request(get())
    assert front.answer()[1] == b"hello"


@pytest.mark.parametrize(
    ("settings", "facts", "status"),
    [
        ({"ajp_secret": "s3"}, {"secret": b"s3"}, 200),
        ({"ajp_secret": "s3"}, {"secret": b"S3"}, 403),
        ({"ajp_secret": "s3"}, {"secret": b""}, 403),
        ({"ajp_secret": "s3"}, {}, 403),
        ({"ajp_secret": "s3", "ajp_secret_required": False}, {}, 403),
        ({}, {"secret": b"whatever"}, 200),
        ({}, {"attributes": (("JK_LB_ACTIVATION", "ACT"), ("CERT_ISSUER", "x"))}, 200),
        ({}, {"attributes": (("javax.servlet.include.path_info", "/WEB-INF/web.xml"),)}, 403),
        ({}, {"attributes": (("shop_a", "1"),)}, 403),
        ({"ajp_allowed_request_attributes": "shop_.*"}, {"attributes": (("shop_a", "1"),)}, 200),
        ({"ajp_allowed_request_attributes": "shop_"}, {"attributes": (("shop_a", "1"),)}, 403),
    ],
)
def test_who_is_served(serve, settings: dict, facts: dict, status: int) -> None:
    front = serve(hello, **settings)
    head, _, end = front.ask(get(**facts))
    assert (head.status, end) == (status, AnswerEnd(status == 200))
    if status != 200:
        assert front.next() is None
        assert front.reported()[0].request_line == b"GET / HTTP/1.1"


def test_a_refusal_is_readable_although_a_body_is_on_its_way(serve) -> None:
    front = serve(hello, ajp_secret="s3")
    head, _, end = front.ask(post(8000), b"a" * 8000)
    assert (head.status, end) == (403, AnswerEnd(False))
    assert front.next() is None


def test_attributes_and_the_user_reach_the_handler_if_they_are_believed(serve) -> None:
    told = []

    def handle(exchange) -> None:
        told.append((exchange.user, exchange.front))
        hello(exchange)

    said = get(
        remote_user=b"ann",
        auth_type=b"Basic",
        attributes=(("shop_a", "1"), ("AJP_REMOTE_PORT", "1"), ("JK_LB_ACTIVATION", "DIS")),
    )
    front = serve(handle, ajp_allowed_request_attributes="shop_.*")
    front.ask(said)
    front = serve(handle, ajp_allowed_request_attributes="shop_.*", ajp_remote_user=True)
    front.ask(said)
    attributes = {"shop_a": "1", "JK_LB_ACTIVATION": "DIS"}
    assert [(user, front.user, front.auth_type, front.attributes) for user, front in told] == [
        (None, None, None, attributes),
        ("ann", "ann", "Basic", attributes),
    ]
    assert front.reported()[0].user == "ann"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x12\x34\0\x01\x07",
        b"\x12\x34\0\x01\x08",
        b"\x12\x34\0\x01\x63",
        b"\x12\x34\x21\0\x02" + b"a" * 8447,
        body_packet(b"abc"),
    ],
)
def test_what_is_no_ajp_is_not_answered(serve, data: bytes) -> None:
    front = serve(hello)
    front.socket.sendall(data)
    with contextlib.suppress(ConnectionResetError):  # it may close before it has read everything
        assert front.rest() == b""


@pytest.mark.parametrize("request_", [post(1, (b"Content-Length", b"1")), get("/a b"), get(version="X")])
def test_requests_that_make_no_sense(serve, request_: ForwardRequest) -> None:
    front = serve(hello)
    front.end.send_request(get())
    front.socket.sendall(encode_request(request_))
    head, _, end = front.answer()
    assert (head.status, end) == (400, AnswerEnd(False))
    assert front.next() is None


def test_too_many_headers(serve) -> None:
    front = serve(hello, max_header_count=3)
    head, _, end = front.ask(get("/", *((b"a", b"b"),) * 3))
    assert (head.status, end) == (431, AnswerEnd(False))


# --- times, and the end -------------------------------------------------------------------------------------


def test_idle_connections_stay_unless_a_setting_says_so(serve) -> None:
    front = serve(hello, idle_timeout_s=5)
    front.ask(get())
    front.running.on_loop(lambda: front.running.connector.sweep(1e12))
    assert front.ask(get())[1] == b"hello"
    front = serve(hello, ajp_idle_timeout_s=5)
    front.ask(get())
    front.running.sweep_until(6, lambda: not front.running.connector.connection_count)
    assert front.next() is None


def test_half_a_packet(serve) -> None:
    front = serve(hello, header_timeout_s=5)
    front.socket.sendall(CPING + encode_request(get())[:20])
    assert front.socket.recv(5) == CPONG
    front.running.sweep_until(6, lambda: not front.running.connector.connection_count)
    assert front.next() is None


def test_so_many_requests_for_each_connection(serve) -> None:
    front = serve(hello, max_keepalive_requests=2)
    assert front.ask(get())[2] == AnswerEnd(True)
    assert front.ask(get())[2] == AnswerEnd(False)
    assert front.next() is None


def test_stopping_ends_idle_connections_and_lets_others_finish(serve) -> None:
    began, proceed = threading.Event(), threading.Event()

    def handle(exchange) -> None:
        began.set()
        assert proceed.wait(PATIENCE_S)
        hello(exchange)

    front = serve(handle)
    idle = front.connect()
    idle.socket.sendall(CPING)
    assert idle.socket.recv(5) == CPONG
    front.send(get())
    assert began.wait(PATIENCE_S)
    front.running.server.stop()
    assert idle.next() is None
    proceed.set()
    assert front.answer()[1:] == (b"hello", AnswerEnd(False))


def test_no_thread_is_free(serve) -> None:
    began, proceed = threading.Event(), threading.Event()

    def handle(exchange) -> None:
        began.set()
        assert proceed.wait(PATIENCE_S)
        hello(exchange)

    front = serve(handle, threads=1, queue=0)
    front.send(get())
    assert began.wait(PATIENCE_S)
    other = front.connect()
    head, _, end = other.ask(get())
    assert (head.status, end) == (503, AnswerEnd(True))
    proceed.set()
    assert front.answer()[1] == b"hello"


# --- listening ----------------------------------------------------------------------------------------------


def test_strangers_need_a_secret() -> None:
    with open_listener("127.0.0.1", 0, 1) as loopback, open_listener("0.0.0.0", 0, 1) as anywhere:
        Trust(Settings()).check_listener(loopback)
        Trust(Settings(ajp_secret="s3")).check_listener(anywhere)
        Trust(Settings(ajp_secret_required=False)).check_listener(anywhere)
        with pytest.raises(ConfigError, match="--ajp-secret"):
            Trust(Settings()).check_listener(anywhere)


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(ConfigError, match="--ajp-allowed-request-attributes"):
        Trust(Settings(ajp_allowed_request_attributes="("))


def test_the_secret_is_not_shown() -> None:
    assert "open" not in repr(Settings(ajp_secret="open"))
