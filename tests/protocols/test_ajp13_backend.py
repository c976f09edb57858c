"""AJP as a front speaks it: what a container is told, and bodies whose length nobody knows."""

from __future__ import annotations

from container.protocols.ajp13 import decode_request, end_response, get_body_chunk, send_headers
from container.protocols.ajp13_backend import Ajp13Backend
from container.protocols.backend import AnswerEnd, AnswerHead, BackendRequest, Origin, TlsFacts


def test_what_a_container_is_told():
    origin = Origin(
        address="192.0.2.7",
        port=4711,
        host="peer.test",
        server_name="shop.test",
        server_port=443,
        local_address="192.0.2.1",
        is_secure=True,
        tls=TlsFacts("TLSv1.3", "TLS_AES", 256, "5e55", (b"first" * 20, b"second")),
        user="alice",
        auth_type="BASIC",
        route="n1",
    )
    request = BackendRequest(
        "GET", b"/a?b", (("Host", "shop.test"),), origin=origin, attributes=(("A", "b"),)
    )
    told = decode_request(Ajp13Backend(secret="s").begin(request)[4:])
    assert (told.remote_addr, told.remote_host, told.server_name) == ("192.0.2.7", "peer.test", "shop.test")
    assert (told.remote_user, told.auth_type, told.route, told.secret) == (b"alice", b"BASIC", b"n1", b"s")
    assert (told.is_ssl, told.ssl_cipher, told.ssl_key_size, told.ssl_session) == (
        True,
        b"TLS_AES",
        256,
        b"5e55",
    )
    assert told.ssl_cert is not None
    assert told.ssl_cert.count(b"-----BEGIN CERTIFICATE-----\n") == 2
    assert max(map(len, told.ssl_cert.splitlines())) == 64
    assert told.attributes == (
        ("AJP_SSL_PROTOCOL", "TLSv1.3"),
        ("AJP_REMOTE_PORT", "4711"),
        ("AJP_LOCAL_ADDR", "192.0.2.1"),
        ("A", "b"),
    )


def test_what_is_not_known_is_not_told():
    told = decode_request(Ajp13Backend().begin(BackendRequest("GET", b"/", ()))[4:])
    assert (told.remote_host, told.remote_user, told.route, told.ssl_cert) == (None, None, None, None)
    assert told.attributes == ()


def asked(wire: Ajp13Backend, size: int = 8186) -> int:
    wire.receive(get_body_chunk(size))
    assert wire.next_event() is None
    return wire.room


def test_a_body_of_unknown_length_is_sent_as_it_is_asked_for():
    wire = Ajp13Backend()
    told = decode_request(wire.begin(BackendRequest("POST", b"/", (), body_bytes=None))[4:])
    assert told.headers == ((b"Transfer-Encoding", b"chunked"),)
    assert wire.room == 0
    assert asked(wire) == 8186
    assert wire.send(b"abc") == b"\x12\x34\x00\x05\x00\x03abc"
    assert (wire.room, wire.take_output()) == (0, b"")
    assert asked(wire, 100) == 100
    assert wire.end() == b"\x12\x34\x00\x00"
    wire.receive(get_body_chunk(100))  # asks once more, though it has been told the end
    assert wire.next_event() is None
    assert wire.take_output() == b"\x12\x34\x00\x00"
    wire.receive(send_headers(200, "OK", []) + end_response(True))
    assert wire.next_event() == AnswerHead(200, "OK", ())
    assert wire.next_event() == AnswerEnd([])
    assert wire.can_stay_open


def test_a_container_need_not_ask():
    wire = Ajp13Backend()
    wire.begin(BackendRequest("POST", b"/", (), body_bytes=None))
    wire.receive(send_headers(200, "OK", []) + end_response(True))
    assert wire.next_event() == AnswerHead(200, "OK", ())
    assert wire.next_event() == AnswerEnd([])
    assert wire.can_stay_open
