"""AJP13 on the wire: bytes that real programs send, round trips, and what is no AJP."""

from __future__ import annotations

import contextlib
import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.errors import ProtocolError
from container.protocols.ajp13 import (
    CPING,
    CPONG,
    FLUSH,
    ForwardRequest,
    NotAjpError,
    Packets,
    body_chunks,
    body_packet,
    content_length,
    decode_request,
    encode_header,
    encode_request,
    end_response,
    get_body_chunk,
    send_headers,
)
from container.protocols.ajp13_ends import (
    AnswerEnd,
    AnswerHead,
    BodyWanted,
    ContainerSide,
    Flush,
    Pong,
    WebServerSide,
)

# A GET with secret, route and remote port, as mod_jk sends it.
EXAMPLE = bytes.fromhex("""
    12 34 00 85 02 02 00 08 48 54 54 50 2f 31 2e 31 00 00 06 2f 61 70 70 2f 78 00 00 08 31 30 2e 30
    2e 30 2e 39 00 ff ff 00 10 77 77 77 2e 65 78 61 6d 70 6c 65 2e 74 65 73 74 00 00 50 00 00 02 a0
    0b 00 10 77 77 77 2e 65 78 61 6d 70 6c 65 2e 74 65 73 74 00 a0 08 00 01 30 00 0c 00 02 73 33 00
    05 00 03 71 3d 31 00 06 00 02 6e 31 00 0a 00 0f 41 4a 50 5f 52 45 4d 4f 54 45 5f 50 4f 52 54 00
    00 05 33 34 33 38 34 00 ff""")
EXAMPLE_REQUEST = ForwardRequest(
    method="GET",
    uri=b"/app/x",
    query=b"q=1",
    remote_addr="10.0.0.9",
    server_name="www.example.test",
    server_port=80,
    headers=((b"host", b"www.example.test"), (b"content-length", b"0")),
    secret=b"s3",
    route=b"n1",
    attributes=(("AJP_REMOTE_PORT", "34384"),),
)
ANSWER = bytes.fromhex("""
    41 42 00 23 04 00 c8 00 02 4f 4b 00 00 02 a0 01 00 0a 74 65 78 74 2f 70 6c 61 69 6e 00 00 03 58 2d 57 00
    00 01 41 00 41 42 00 09 03 00 05 68 65 6c 6c 6f 00 41 42 00 02 05 01""")


def request_with(*headers: tuple[bytes, bytes], **fields: object) -> ForwardRequest:
    return ForwardRequest(**{"method": "POST", "uri": b"/", "headers": headers, **fields})


@pytest.fixture(params=["whole", "byte by byte"])
def feed(request: pytest.FixtureRequest):
    """Give bytes to an end of a connection and collect what it tells."""

    def feed(end, data: bytes) -> list:
        pieces = [data] if request.param == "whole" else [data[i : i + 1] for i in range(len(data))]
        ask = end.next_request if isinstance(end, ContainerSide) else end.next_event
        told = []
        for piece in pieces:
            end.receive(piece)
            while (event := ask()) is not None:
                told.append(event)
        return told

    return feed


@pytest.fixture(params=["whole", "byte by byte"])
def pieces(request: pytest.FixtureRequest):
    """Give bytes to a container and collect the body; b"" if it has ended."""

    def pieces(end: ContainerSide, data: bytes) -> list:
        cut = [data] if request.param == "whole" else [data[i : i + 1] for i in range(len(data))]
        told = []
        for each in cut or [b""]:
            end.receive(each)
            while piece := end.next_piece():
                told.append(piece)
        return told + ([b""] if end.next_piece() == b"" else [])

    return pieces


# --- bytes --------------------------------------------------------------------------------------------------


def test_example_request(feed) -> None:
    assert feed(ContainerSide(), EXAMPLE) == [EXAMPLE_REQUEST]
    assert encode_request(EXAMPLE_REQUEST) == EXAMPLE


def test_example_answer(feed) -> None:
    client = WebServerSide()
    client.send_request(EXAMPLE_REQUEST)
    assert feed(client, ANSWER) == [
        AnswerHead(200, b"OK", ((b"Content-Type", b"text/plain"), (b"X-W", b"A"))),
        b"hello",
        AnswerEnd(True),
    ]
    headers = [encode_header("Content-Type", "text/plain"), encode_header("X-W", "A")]
    assert send_headers(200, "", headers) + body_chunks(b"hello") + end_response(True) == ANSWER


@pytest.mark.parametrize(
    ("packet", "octets"),
    [
        (CPING, "12 34 00 01 0a"),
        (CPONG, "41 42 00 01 09"),
        (get_body_chunk(8186), "41 42 00 03 06 1f fa"),
        (FLUSH, "41 42 00 04 03 00 00 00"),
        (body_packet(b"a=b"), "12 34 00 05 00 03 61 3d 62"),
        (body_packet(b""), "12 34 00 00"),
    ],
)
def test_small_packets(packet: bytes, octets: str) -> None:
    assert packet == bytes.fromhex(octets)


OCTETS = st.binary(max_size=30)
NO_CONTROLS = OCTETS.map(lambda raw: raw.translate(None, b"\0\r\n"))
TEXT = NO_CONTROLS.map(lambda raw: raw.decode("latin-1"))
TOKENS = st.from_regex(r"[A-Za-z!#$%&'*+.^_`|~0-9-]{1,12}", fullmatch=True)
MAYBE = st.none() | OCTETS
NAMES = st.sampled_from([b"host", b"content-type", b"cookie"]) | TOKENS.map(str.encode)
REQUESTS = st.builds(
    ForwardRequest,
    method=st.sampled_from(["GET", "POST", "PATCH", "MKACTIVITY", "PROPFIND"]) | TOKENS,
    version=st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]),
    uri=st.from_regex(rb"/[!-~\x80-\xff]{0,30}", fullmatch=True).map(lambda raw: raw.replace(b"?", b"")),
    query=st.none() | NO_CONTROLS,
    remote_addr=TEXT,
    remote_host=st.none() | TEXT,
    server_name=TEXT,
    server_port=st.integers(0, 65535),
    is_ssl=st.booleans(),
    headers=st.lists(st.tuples(NAMES, NO_CONTROLS), max_size=6).map(tuple),
    secret=MAYBE,
    remote_user=MAYBE,
    auth_type=MAYBE,
    route=MAYBE,
    ssl_cert=MAYBE,
    ssl_cipher=MAYBE,
    ssl_session=MAYBE,
    ssl_key_size=st.none() | st.integers(0, 65535),
    attributes=st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=3).map(tuple),
)


@given(REQUESTS)
def test_a_request_survives_the_wire(request: ForwardRequest) -> None:
    assert decode_request(encode_request(request)[4:]) == request


@given(st.binary(max_size=200))
def test_whatever_a_payload_is_only_a_protocol_error_comes_of_it(junk: bytes) -> None:
    for payload in (junk, b"\x02\x02\0\x08HTTP/1.1\0\0\x01/\0" + junk):
        with contextlib.suppress(ProtocolError):
            decode_request(payload)


@given(st.integers(0, len(EXAMPLE) - 5), st.binary(max_size=3))
def test_a_damaged_request(at: int, damage: bytes) -> None:
    payload = EXAMPLE[4:]
    with contextlib.suppress(ProtocolError):
        decode_request(payload[:at] + damage + payload[at + len(damage) :])
    with pytest.raises(ProtocolError):
        decode_request(payload[:at])


@given(st.binary(max_size=20000), st.sampled_from([8192, 9216, 65536]))
def test_a_body_is_cut_into_chunks_that_fit(data: bytes, packet_bytes: int) -> None:
    packets = Packets(0x4142, packet_bytes)
    packets.receive(body_chunks(data, packet_bytes))
    found = b""
    while (payload := packets.next_payload()) is not None:
        (size,) = struct.unpack(">H", payload[1:3])
        assert payload[0] == 3
        assert size
        assert payload[3 + size :] == b"\0"
        found += payload[3 : 3 + size]
    assert found == data
    assert packets.waiting == b""


# --- what is refused ----------------------------------------------------------------------------------------


def payload_of(
    method: int = 2, uri: bytes = b"/", tail: bytes = b"\0\0\xff", version: bytes = b"HTTP/1.1"
) -> bytes:
    """A request's payload; tail: its headers and attributes."""

    def string(raw: bytes) -> bytes:
        return struct.pack(">H", len(raw)) + raw + b"\0"

    facts = string(version) + string(uri) + string(b"1.2.3.4") + b"\xff\xff" + string(b"h") + b"\0\x50\0"
    return bytes((2, method)) + facts + tail


def test_the_helper_makes_a_request() -> None:
    assert decode_request(payload_of()) == ForwardRequest(
        method="GET", uri=b"/", remote_addr="1.2.3.4", server_name="h"
    )


@pytest.mark.parametrize(
    "payload",
    [
        payload_of(method=0),
        payload_of(method=28),
        payload_of(method=0xFF),  # and no attribute with its name
        payload_of(method=0xFF, tail=b"\0\0\x0d\0\x03A B\0\xff"),
        payload_of(uri=b""),
        payload_of(uri=b"/a?b"),
        payload_of(uri=b"/a b"),
        payload_of(uri=b"/a\r\nb"),
        payload_of(version=b"SPDY"),
        payload_of(tail=b"\0\x01\xa0\x0f\0\x01a\0\xff"),  # no header has this number
        payload_of(tail=b"\0\x01\0\x02a \0\0\x01a\0\xff"),
        payload_of(tail=b"\0\x01\0\0\0\0\x01a\0\xff"),
        payload_of(tail=b"\0\x01\xff\xff\0\x01a\0\xff"),
        payload_of(tail=b"\0\x01\xa0\x0b\0\x03a\nb\0\xff"),
        payload_of(tail=b"\0\x01\xa0\x0b\0\x01ab\xff"),  # no NUL where the length says
        payload_of(tail=b"\0\x02\xa0\x0b\0\x01a\0\xff"),  # one header fewer than was said
        payload_of(tail=b"\0\0\x20\0\x01a\0\xff"),  # an attribute nobody knows
        payload_of(tail=b"\0\0\x0a\xff\xff\0\x01a\0\xff"),
        payload_of(tail=b"\0\0\x05\0\x03a\nb\0\xff"),
        payload_of(tail=b"\0\0"),
    ],
)
def test_requests_that_are_answered_400(payload: bytes) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_request(payload)
    assert refused.value.status == 400


def test_null_means_absent() -> None:
    request = decode_request(
        payload_of(tail=b"\0\x01\xa0\x0b\xff\xff\x05\xff\xff\x03\xff\xff\x01\xff\xff\x0b\x01\0\xff")
    )
    assert (request.query, request.remote_user, request.headers) == (None, None, ((b"host", b""),))
    assert request.ssl_key_size == 256


def test_too_many_headers() -> None:
    request = dataclasses.replace(EXAMPLE_REQUEST, headers=((b"a", b"b"),) * 4)
    payload = encode_request(request)[4:]
    assert decode_request(payload, 4) == request
    with pytest.raises(ProtocolError) as refused:
        decode_request(payload, 3)
    assert (refused.value.status, refused.value.setting) == (431, "max_header_count")


@pytest.mark.parametrize(
    "headers",
    [
        ((b"Content-Length", b"1"), (b"content-length", b"1")),
        ((b"content-length", b"-1"),),
        ((b"content-length", b""),),
        ((b"content-length", b"9" * 5000),),
    ],
)
def test_lengths_that_are_refused(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    with pytest.raises(ProtocolError) as refused:
        content_length(headers)
    assert refused.value.status == 400
    assert content_length([(b"a", b"1"), (b"CONTENT-length", b"12")]) == 12
    assert content_length([]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"AB\0\x01\x0a",
        b"\x12\x35\0\x01\x0a",
        b"\x12\x34\x20\xfd\x02",  # one byte more than fits
        b"\x12\x34\0\x01\x07",
        b"\x12\x34\0\x01\x08",
        b"\x12\x34\0\x01\x63",
        b"\x12\x34\0\0",  # a body that nobody has asked for
    ],
)
def test_what_is_no_ajp(feed, data: bytes) -> None:
    end = ContainerSide()
    with pytest.raises(NotAjpError):
        feed(end, data)
    assert end.take_output() == b""


def test_what_does_not_fit_is_not_sent() -> None:
    large = request_with((b"a", b"b" * 8190))
    for make in (
        lambda: encode_request(large),
        lambda: send_headers(200, "", [encode_header("a", "b" * 8190)]),
    ):
        with pytest.raises(ProtocolError) as refused:
            make()
        assert (refused.value.status, refused.value.setting) == (413, "ajp_packet_bytes")
    assert decode_request(encode_request(large, 16384)[4:]) == large
    with pytest.raises(ProtocolError):
        encode_header("a", "b" * 65535)


@pytest.mark.parametrize(
    ("name", "value"), [("a", "b\nc"), ("a", "b\rc"), ("a", "\0"), ("a b", "c"), ("", "c")]
)
def test_headers_that_would_break_out(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        encode_header(name, value)


@pytest.mark.parametrize(
    ("status", "reason", "sent"),
    [(404, "", b"Not Found"), (299, "", b"299"), (200, "a\r\nb", b"OK"), (200, "So", b"So")],
)
def test_a_reason_is_never_empty(status: int, reason: str, sent: bytes) -> None:
    assert send_headers(status, reason, [])[9 : 9 + len(sent) + 1] == sent + b"\0"


# --- the container's end ------------------------------------------------------------------------------------


def test_a_ping_directly_before_a_request(feed) -> None:
    end = ContainerSide()
    assert feed(end, CPING + EXAMPLE) == [EXAMPLE_REQUEST]
    assert end.take_output() == CPONG
    assert end.take_output() == b""


def begin(*headers: tuple[bytes, bytes], **limits: int) -> ContainerSide:
    end = ContainerSide(**limits)
    end.receive(encode_request(request_with(*headers)))
    assert end.next_request() is not None
    return end


def test_no_body(pieces) -> None:
    end = begin((b"content-length", b"0"))
    assert not end.is_owed
    assert pieces(end, b"") == [b""]
    end.ask()
    assert end.take_output() == b""


def test_the_first_piece_of_a_known_length_comes_unasked_the_others_are_asked_for(pieces) -> None:
    end = begin((b"content-length", b"5"))
    assert end.is_owed
    end.ask()
    assert end.take_output() == b""
    assert pieces(end, body_packet(b"abc")) == [b"abc"]
    assert not end.is_owed
    end.ask()
    end.ask()
    assert end.take_output() == get_body_chunk(8186)
    assert pieces(end, body_packet(b"de")) == [b"de", b""]
    end.ask()
    assert end.take_output() == b""
    assert end.finish()


@pytest.mark.parametrize("end_packet", [b"\x12\x34\0\0", b"\x12\x34\0\x02\0\0"])  # mod_jk's, mod_proxy_ajp's
def test_a_body_of_unknown_length_is_asked_for_until_it_is_empty(pieces, end_packet: bytes) -> None:
    end = begin()
    assert not end.is_owed
    assert pieces(end, b"") == []
    end.ask()
    assert end.take_output() == get_body_chunk(8186)
    assert pieces(end, body_packet(b"abc")) == [b"abc"]
    end.ask()
    assert pieces(end, end_packet) == [b""]
    end.ask()
    assert end.take_output() == get_body_chunk(8186)  # only that of before
    assert end.finish()


@pytest.mark.parametrize(
    ("packets", "limits", "status"),
    [
        (body_packet(b""), {}, 400),  # the client has gone
        (body_packet(b"abcdef"), {}, 400),
        (b"\x12\x34\0\x01a", {}, 400),
        (b"\x12\x34\0\x04\0\x05ab", {}, 400),
    ],
)
def test_bodies_that_are_refused(packets: bytes, limits: dict, status: int) -> None:
    end = begin((b"content-length", b"5"), **limits)
    end.receive(packets)
    with pytest.raises(ProtocolError) as refused:
        end.next_piece()
    assert refused.value.status == status


def test_limits_of_the_body() -> None:
    with pytest.raises(ProtocolError) as refused:
        begin((b"content-length", b"5"), max_body_bytes=4)
    assert (refused.value.status, refused.value.setting) == (413, "max_body_bytes")
    end = begin(max_body_bytes=4)
    for piece in (b"ab", b"cd"):
        end.ask()
        end.receive(body_packet(piece))
        assert end.next_piece() == piece
    end.ask()
    end.receive(body_packet(b"e"))
    with pytest.raises(ProtocolError):
        end.next_piece()


def test_a_body_that_nobody_has_read_is_taken_as_far_as_it_is_on_its_way(feed) -> None:
    end = begin((b"content-length", b"20000"))
    assert not end.finish()
    end.receive(body_packet(b"a" * 8186))
    assert end.finish()
    assert end.waiting == b""
    assert feed(end, EXAMPLE) == [EXAMPLE_REQUEST]
    assert end.finish()


# --- the web server's end -----------------------------------------------------------------------------------


def answer(status: int = 200) -> bytes:
    return send_headers(status, "", [])


def test_a_ping(feed) -> None:
    client = WebServerSide()
    assert client.ping() == CPING
    assert not client.is_idle
    assert feed(client, CPONG) == [Pong()]
    assert client.is_idle


def test_the_first_piece_is_sent_unasked_and_the_others_when_they_are_wanted(feed) -> None:
    client = WebServerSide()
    client.send_request(request_with((b"Content-Length", b"20000")))
    assert client.wanted == 8186
    assert client.send_body(b"a" * 8186) == body_packet(b"a" * 8186)
    assert client.wanted is None
    assert feed(client, get_body_chunk(8186)) == [BodyWanted(8186)]
    client.send_body(b"a" * 8186)
    assert feed(client, get_body_chunk(8186)) == [BodyWanted(3628)]
    client.send_body(b"a" * 3628)
    assert feed(client, get_body_chunk(100)) == [BodyWanted(0)]
    assert client.end_body() == body_packet(b"")
    assert feed(client, answer() + end_response(True)) == [AnswerHead(200, b"OK", ()), AnswerEnd(True)]
    assert client.is_idle


def test_an_unknown_length_is_sent_only_when_it_is_wanted(feed) -> None:
    client = WebServerSide()
    client.send_request(request_with())
    assert client.wanted is None
    assert client.end_body() == b""
    with pytest.raises(RuntimeError):
        client.send_body(b"a")
    assert feed(client, get_body_chunk(5)) == [BodyWanted(5)]
    with pytest.raises(RuntimeError):
        client.send_body(b"abcdef")
    assert client.send_body(b"abc") == body_packet(b"abc")
    assert feed(client, get_body_chunk(9000)) == [BodyWanted(8186)]
    assert client.end_body() == body_packet(b"")


def test_flushes_and_pieces_that_are_asked_for_late(feed) -> None:
    client = WebServerSide()
    client.send_request(request_with())
    said = FLUSH + answer() + body_chunks(b"ab") + FLUSH + get_body_chunk(3) + body_chunks(b"cd")
    assert feed(client, said) == [AnswerHead(200, b"OK", ()), b"ab", Flush(), BodyWanted(3), b"cd"]


def test_a_connection_with_a_piece_still_owed_is_not_used_again(feed) -> None:
    client = WebServerSide()
    client.send_request(request_with((b"Content-Length", b"5")))
    assert feed(client, answer() + end_response(True))[-1] == AnswerEnd(False)
    assert not client.is_idle
    with pytest.raises(RuntimeError):
        client.send_request(EXAMPLE_REQUEST)


def test_a_connection_that_the_container_gives_up(feed) -> None:
    client = WebServerSide()
    client.send_request(EXAMPLE_REQUEST)
    assert feed(client, answer(403) + end_response(False))[-1] == AnswerEnd(False)
    assert not client.is_idle


def test_a_request_that_is_too_large_leaves_the_connection_usable() -> None:
    client = WebServerSide()
    with pytest.raises(ProtocolError) as refused:
        client.send_request(request_with((b"a", b"b" * 9000)))
    assert refused.value.status == 413
    assert client.is_idle


@pytest.mark.parametrize(
    "said",
    [
        CPONG,
        body_chunks(b"a"),
        end_response(True),
        answer() + answer(),
        answer() + CPONG,
        get_body_chunk(1) + get_body_chunk(1),
        answer() + end_response(True) + answer(),
        b"AB\0\x01\x07",
        b"AB\0\0",
        b"HTTP/1.1 200 OK\r\n",
        b"\x12\x34\0\x01\x0a",
        answer(100),
        b"AB\0\x06\x03\0\x05abc",
        b"AB\0\x08\x04\0\xc8\0\x02OK\0",
        b"AB\x1f\xfd\x03",
    ],
)
def test_answers_that_break_the_protocol(feed, said: bytes) -> None:
    client = WebServerSide()
    client.send_request(EXAMPLE_REQUEST)
    with pytest.raises(NotAjpError):
        feed(client, said)


@given(st.binary(max_size=40))
def test_whatever_an_answer_is_only_a_protocol_error_comes_of_it(junk: bytes) -> None:
    client = WebServerSide()
    client.send_request(EXAMPLE_REQUEST)
    client.receive(b"AB" + struct.pack(">H", len(junk)) + junk)
    with contextlib.suppress(NotAjpError):
        client.next_event()


@given(st.binary(max_size=30000), st.booleans(), st.sampled_from([8192, 10240]))
def test_both_ends_understand_each_other(body: bytes, is_length_known: bool, packet_bytes: int) -> None:
    client, container = WebServerSide(packet_bytes), ContainerSide(packet_bytes)
    headers = [(b"content-length", str(len(body)).encode())] if is_length_known else []
    request = request_with(*headers)
    container.receive(client.send_request(request))
    assert container.next_request() == request
    left, received = body, b""
    while True:
        if client.wanted is not None:
            piece, left = left[: client.wanted], left[client.wanted :]
            container.receive(client.send_body(piece) if piece else client.end_body())
        piece = container.next_piece()
        if piece == b"":
            break
        received += piece or b""
        container.ask()
        client.receive(container.take_output())
        assert client.next_event() is None or client.wanted is not None
    assert received == body
    assert container.finish()
    client.receive(answer() + body_chunks(received, packet_bytes) + end_response(True))
    events = list(iter(client.next_event, None))
    assert b"".join(event for event in events if isinstance(event, bytes)) == body
    assert client.is_idle
