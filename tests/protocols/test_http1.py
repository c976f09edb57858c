"""Requests from bytes and answers to bytes: framing, limits, and what is refused rather than guessed at."""

from __future__ import annotations

import pytest

from container.config import Settings
from container.errors import ProtocolError
from container.protocols.http1 import (
    Framing,
    HeaderLines,
    HeadParser,
    HttpDate,
    RequestHead,
    RequestParser,
    answer_head,
    chunk,
    frame_answer,
    header_line,
    keeps_alive,
    last_chunk,
    own_length,
    status_line,
)


def make_parser(**settings) -> RequestParser:
    checked = Settings(**settings)
    return RequestParser(HeadParser(checked), checked)


def drain(parser: RequestParser, found: list) -> None:
    """Take all that can be taken: (head, body, trailers) of each whole request."""
    while True:
        if not parser.in_body:
            head = parser.next_head()
            if head is None:
                return
            found.append([head, b"", parser.trailers])
        while piece := parser.next_piece():
            found[-1][1] += piece
        if piece is None:
            return
        found[-1][2] = parser.trailers


def feed(pieces: list[bytes], **settings) -> list:
    parser, found = make_parser(**settings), []
    for piece in pieces:
        parser.receive(piece)
        drain(parser, found)
    return found


def parse(data: bytes, **settings) -> list:
    """Parse data as a whole and byte by byte, with the same result."""
    whole = feed([data], **settings)
    by_byte = feed([data[at : at + 1] for at in range(len(data))], **settings)
    assert [_facts(*each) for each in by_byte] == [_facts(*each) for each in whole]
    return whole


def _facts(head: RequestHead, body: bytes, trailers) -> tuple:
    fields = [getattr(head, name) for name in RequestHead.__slots__ if name[0] != "_"]
    return (*fields, body, trailers)


def refusal(data: bytes, **settings) -> ProtocolError:
    """Data is refused, whole and byte by byte, with the same status."""
    with pytest.raises(ProtocolError) as whole:
        feed([data], **settings)
    with pytest.raises(ProtocolError) as by_byte:
        feed([data[at : at + 1] for at in range(len(data))], **settings)
    assert by_byte.value.status == whole.value.status
    assert by_byte.value.setting == whole.value.setting
    return whole.value


def request(*lines: str, line: str = "POST / HTTP/1.1", host: str = "a", body: str = "") -> bytes:
    hosts = [f"Host: {host}"] if host else []
    return ("\r\n".join([line, *hosts, *lines]) + "\r\n\r\n" + body).encode("latin-1")


# The head -----------------------------------------------------------------------------------------


def test_a_plain_request():
    [[head, body, _]] = parse(b"GET /a?b=c HTTP/1.1\r\nHost: example.org:80\r\nX-Y:  z \t\r\n\r\n")
    assert (head.method, head.target, head.version) == ("GET", b"/a?b=c", "HTTP/1.1")
    assert head.headers == [(b"Host", b"example.org:80"), (b"X-Y", b"z")]
    assert head.request_line == b"GET /a?b=c HTTP/1.1"
    assert head.keep_alive
    assert not head.has_body
    assert not head.expects_continue
    assert (head.content_length, body) == (None, b"")


def test_headers_keep_order_repetition_and_case():
    [[head, _, _]] = parse(request("b: 1", "A: 2", "b: 3"))
    assert head.headers[1:] == [(b"b", b"1"), (b"A", b"2"), (b"b", b"3")]


@pytest.mark.parametrize("method", ["GET", "CONNECT", "PROPFIND", "get", "X!#$%&'*+-.^_`|~1"])
def test_any_token_is_a_method(method):
    [[head, _, _]] = parse(request(line=f"{method} / HTTP/1.1"))
    assert head.method == method


def test_an_offered_upgrade_is_a_request_like_others():
    offer = request("Connection: Upgrade", "Upgrade: websocket", line="GET /u HTTP/1.1")
    again = request("Connection: Upgrade", "Upgrade: h2c", line="GET /v HTTP/1.1")
    heads = [head for head, _, _ in parse(offer + again + request("X: y", line="GET /w HTTP/1.1"))]
    assert [head.target for head in heads] == [b"/u", b"/v", b"/w"]
    assert heads[1].headers[2] == (b"Upgrade", b"h2c")
    assert heads[2].headers == [(b"Host", b"a"), (b"X", b"y")]


@pytest.mark.parametrize(
    ("version", "lines", "keeps"),
    [
        ("1.1", [], True),
        ("1.1", ["Connection: close"], False),
        ("1.1", ["Connection: x", "Connection: y, Close"], False),
        ("1.0", [], False),
        ("1.0", ["Connection: Keep-Alive"], True),
        ("1.0", ["Connection: keep-alive, close"], False),
    ],
)
def test_keep_alive(version, lines, keeps):
    [[head, _, _]] = parse(request(*lines, line=f"GET / HTTP/{version}"))
    assert head.keep_alive is keeps


def test_expect_continue():
    [[head, _, _]] = parse(request("Expect: 100-Continue", "Content-Length: 1", body="x"))
    assert head.expects_continue
    [[head, _, _]] = parse(request("Expect: 100-continue", line="POST / HTTP/1.0"))
    assert not head.expects_continue
    assert refusal(request("Expect: 200-ok")).status == 417


def test_empty_lines_before_a_request_are_skipped():
    [[head, _, _]] = parse(b"\r\n\r\n" + request())
    assert head.method == "POST"


# How the framing table of a request is decided ----------------------------------------------------


@pytest.mark.parametrize(
    ("status", "data"),
    {
        "length and coding together": (400, request("Content-Length: 3", "Transfer-Encoding: chunked")),
        "coding before length": (400, request("Transfer-Encoding: chunked", "Content-Length: 3")),
        "another coding": (501, request("Transfer-Encoding: gzip")),
        "chunked is not alone": (501, request("Transfer-Encoding: gzip, chunked")),
        "chunked twice": (400, request("Transfer-Encoding: chunked, chunked")),
        "chunked is not the last": (400, request("Transfer-Encoding: chunked, gzip")),
        "identity": (501, request("Transfer-Encoding: identity")),
        "two codings": (400, request("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
        "a coding that is no token": (400, request("Transfer-Encoding: \x0bchunked")),
        "an empty coding": (400, request("Transfer-Encoding:")),
        "coding in HTTP/1.0": (400, request("Transfer-Encoding: chunked", line="POST / HTTP/1.0")),
        "another coding in HTTP/1.0": (400, request("Transfer-Encoding: gzip", line="POST / HTTP/1.0")),
        "two lengths": (400, request("Content-Length: 3", "Content-Length: 3")),
        "two lengths that differ": (400, request("Content-Length: 3", "Content-Length: 4")),
        "a list of lengths": (400, request("Content-Length: 3, 3")),
        "length +3": (400, request("Content-Length: +3")),
        "length -1": (400, request("Content-Length: -1")),
        "length abc": (400, request("Content-Length: abc")),
        "length 1_0": (400, request("Content-Length: 1_0")),
        "no length": (400, request("Content-Length:")),
        "no Host": (400, request(host="")),
        "two Hosts": (400, request("Host: a")),
        "bad Host": (400, request(host="a/b")),
        "Host with a user": (400, request(host="u@a")),
        "Host with a bad IPv6 address": (400, request(host="[1::2::3]")),
        "Host with half an IPv6 address": (400, request(host="[::1")),
        "Host with a bad port": (400, request(host="a:b")),
        "Host with an endless port": (400, request(host="a:" + "9" * 5000)),
        "Host with a port only": (400, request(host=":80")),
        "two Hosts in HTTP/1.0": (400, request("Host: b", line="GET / HTTP/1.0")),
        "Host and target differ": (400, request(line="GET http://b/ HTTP/1.1")),
        "a continuation line": (400, request("A: b", " c")),
        "a continuation line by tab": (400, request("A: b", "\tc")),
        "a continuation line first": (400, request("  A: b", host="")),
        "space before the colon": (400, request("A : b")),
        "no colon": (400, request("A")),
        "no name": (400, request(": b")),
        "NUL in a header": (400, request("A: b\0c")),
        "CR in a header": (400, request("A: b\rc")),
        "space in the target": (400, request(line="GET /a b HTTP/1.1")),
        "tab for space": (400, request(line="GET\t/ HTTP/1.1")),
        "two spaces": (400, request(line="GET  / HTTP/1.1")),
        "a byte above 7f in the target": (400, request(line="GET /\xe4 HTTP/1.1")),
        "a fragment in the target": (400, request(line="GET /#a HTTP/1.1")),
        "LF line ends": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
        "one LF line end": (400, b"GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n"),
        "a method that is no token": (400, request(line="G(T / HTTP/1.1")),
        "HTTP/0.9": (400, b"GET /\r\n\r\n"),
        "HTTP/2.0": (505, request(line="GET / HTTP/2.0")),
        "HTTP/0.9 by its number": (505, request(line="GET / HTTP/0.9")),
        "an impossible version": (505, request(line="GET / HTTP/1.10")),
        "a version of one number": (505, request(line="GET / HTTP/3")),
        "not a version": (400, request(line="GET / HTTP/a.b")),
        "another protocol": (400, request(line="GET / RTSP/1.0")),
        "TLS": (400, b"\x16\x03\x01\x02\x00\x01"),
    }.values(),
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_refused_rather_than_guessed_at(status, data):
    assert refusal(data).status == status


def test_a_later_minor_version_is_treated_as_1_1():
    [[head, _, _]] = parse(request(line="GET / HTTP/1.2"))
    assert (head.version, head.keep_alive) == ("HTTP/1.1", True)
    assert refusal(request(line="GET / HTTP/1.2", host="")).status == 400


@pytest.mark.parametrize("host", ["a", "a.b-c.d.", "127.0.0.1:8080", "[::1]:80", "a:"])
def test_good_hosts(host):
    [[head, _, _]] = parse(request(host=host))
    assert head.headers == [(b"Host", host.encode())]


def test_an_absolute_target_names_the_same_host():
    [[head, _, _]] = parse(request(line="GET http://A/b HTTP/1.1"))
    assert head.target == b"http://A/b"


def test_http_1_0_needs_no_host():
    assert len(parse(request(line="GET / HTTP/1.0", host=""))) == 1


def test_header_names_with_underscores_are_dropped_unless_wanted():
    data = request("X_Forwarded_For: evil", "X-Forwarded-For: b_c")
    [[head, _, _]] = parse(data)
    assert head.headers == [(b"Host", b"a"), (b"X-Forwarded-For", b"b_c")]
    [[head, _, _]] = parse(data, underscore_headers=True)
    assert (b"X_Forwarded_For", b"evil") in head.headers


# Bodies -------------------------------------------------------------------------------------------


def test_a_body_of_declared_length_and_what_follows():
    first, second = parse(request("Content-Length: 3", body="abc") + request(line="GET /2 HTTP/1.1"))
    assert (first[0].content_length, first[1], first[2]) == (3, b"abc", [])
    assert second[0].target == b"/2"


def test_length_zero_is_no_body():
    [[head, body, _]] = parse(request("Content-Length: 0"))
    assert (head.content_length, head.has_body, body) == (0, False, b"")


CHUNKED = "Transfer-Encoding: chunked"


def test_a_chunked_body():
    [[head, body, trailers]] = parse(request(CHUNKED, body="3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n"))
    assert head.chunked
    assert head.has_body
    assert head.content_length is None
    assert (body, trailers) == (b"abc0123456789", [])


def test_coding_names_have_no_case():
    [[head, body, _]] = parse(request("Transfer-Encoding: Chunked ", body="1\r\na\r\n0\r\n\r\n"))
    assert head.chunked
    assert body == b"a"


def test_extensions_are_dropped_and_trailers_kept_apart():
    body = '3;a=b;c="d e"\r\nabc\r\n0;last\r\nX-Sum:  1 \r\nX-Sum: 2\r\n\r\n'
    found = parse(request(CHUNKED, body=body) + request(line="GET /2 HTTP/1.1"))
    assert found[0][1:] == [b"abc", [(b"X-Sum", b"1"), (b"X-Sum", b"2")]]
    assert found[0][0].headers == [(b"Host", b"a"), (b"Transfer-Encoding", b"chunked")]
    assert found[1][0].target == b"/2"


def test_trailers_are_unknown_until_the_body_has_ended():
    parser = make_parser()
    parser.receive(request(CHUNKED, body="1\r\na\r\n"))
    assert parser.next_head() is not None
    assert parser.next_piece() == b"a"
    assert parser.next_piece() is None
    assert parser.trailers is None
    parser.receive(b"0\r\n\r\n")
    assert parser.next_piece() == b""
    assert parser.trailers == []


@pytest.mark.parametrize(
    "body",
    [
        "x\r\n",
        "\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        " 1\r\n",
        "1 \r\na\r\n",
        "1\na\r\n",
        "1_0\r\n",
        "1\r\nabc\r\n",
        "1\r\na\n0\r\n\r\n",
        "11112222333344445\r\n",
        "1;a\0\r\na\r\n",
        "1;a\rb\r\na\r\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\nA: b\n\r\n\r\n",
        "0\r\nA\r\n\r\n",
        "0\r\nA: b\r\n c\r\n\r\n",
    ],
)
def test_malformed_chunks(body):
    assert refusal(request(CHUNKED, body=body)).status == 400


# Pipelining ---------------------------------------------------------------------------------------


def test_pipelined_requests_with_and_without_bodies():
    data = b"".join(
        [
            request(line="GET /1 HTTP/1.1"),
            request("Content-Length: 2", line="PUT /2 HTTP/1.1", body="ab"),
            request(CHUNKED, line="PUT /3 HTTP/1.1", body="1\r\nc\r\n0\r\n\r\n"),
            request(line="OPTIONS * HTTP/1.1"),
            request("Connection: close", line="GET /5 HTTP/1.1"),
            request(line="GET /6 HTTP/1.1"),
        ]
    )
    found = parse(data)
    assert [(head.target, body) for head, body, _ in found] == [
        (b"/1", b""), (b"/2", b"ab"), (b"/3", b"c"), (b"*", b""), (b"/5", b""), (b"/6", b""),
    ]  # fmt: skip


def test_connections_that_share_a_head_parser_do_not_meet():
    settings = Settings()
    heads = HeadParser(settings)
    one, two = RequestParser(heads, settings), RequestParser(heads, settings)
    one.receive(request(CHUNKED, line="POST /1 HTTP/1.1", body="1\r\na"))
    assert one.next_head().target == b"/1"
    assert one.next_piece() == b"a"
    two.receive(b"G(T /2 HTTP/1.1\r\n\r\n")
    with pytest.raises(ProtocolError):
        two.next_head()
    one.receive(b"\r\n0\r\nT: u\r\n\r\n" + request(line="GET /3 HTTP/1.1"))
    assert one.next_piece() == b""
    assert one.trailers == [(b"T", b"u")]
    assert one.next_head().target == b"/3"


# Limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "limit", "status", "fits", "exceeds"),
    [
        (
            "max_request_line_bytes",
            20,
            414,
            request(line="GET /123456 HTTP/1.1"),
            request(line="GET /1234567 HTTP/1.1"),
        ),
        ("max_header_bytes", 30, 431, request("A: b"), request("A: " + 30 * "b")),
        ("max_header_count", 2, 431, request("A: b"), request("A: b", "C: d")),
        (
            "max_trailer_bytes",
            6,
            431,
            request(CHUNKED, body="0\r\nA: b\r\n\r\n"),
            request(CHUNKED, body="0\r\nA: bbbb\r\n\r\n"),
        ),
        (
            "max_header_count",
            2,
            431,
            request(CHUNKED, body="0\r\nA: b\r\n\r\n"),
            request(CHUNKED, body="0\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"),
        ),
        (
            "max_chunk_extension_bytes",
            6,
            413,
            request(CHUNKED, body="1;a\r\na\r\n0;a\r\n\r\n"),
            request(CHUNKED, body="1;ab\r\na\r\n1;ab\r\na\r\n0;\r\n\r\n"),
        ),
        (
            "max_body_bytes",
            3,
            413,
            request("Content-Length: 3", body="abc"),
            request("Content-Length: 4"),
        ),
        (
            "max_body_bytes",
            3,
            413,
            request(CHUNKED, body="2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
            request(CHUNKED, body="2\r\nab\r\n2\r\n"),
        ),
    ],
)
def test_limits(setting, limit, status, fits, exceeds):
    assert len(parse(fits, **{setting: limit})) == 1
    error = refusal(exceeds, **{setting: limit})
    assert (error.status, error.setting) == (status, setting)


def test_without_an_end_in_sight_limits_hold_too():
    assert refusal(b"GET /" + 100 * b"a", max_request_line_bytes=50).status == 414
    assert refusal(b"GET / HTTP/1.1\r\n" + 50 * b"A: b\r\n", max_header_bytes=100).status == 431
    assert refusal(request(CHUNKED, body="0\r\n" + 50 * "A: b\r\n"), max_trailer_bytes=100).status == 431


def test_zero_is_no_limit_for_bodies():
    parser = make_parser(max_body_bytes=0)
    parser.receive(request(f"Content-Length: {2**40}"))
    assert parser.next_head().content_length == 2**40


# Remembered header lines --------------------------------------------------------------------------


def test_same_lines_another_target():
    first, second, third = (
        head
        for head, _, _ in parse(
            request("A: b", line="GET /1 HTTP/1.1")
            + request("A: b", line="HEAD /2?x HTTP/1.1")
            + request("A: b", line="GET /3 HTTP/1.0")
        )
    )
    assert (second.method, second.target, second.request_line) == ("HEAD", b"/2?x", b"HEAD /2?x HTTP/1.1")
    assert second.headers == first.headers == [(b"Host", b"a"), (b"A", b"b")]
    assert second.keep_alive
    assert not third.keep_alive


@pytest.mark.parametrize("more", [[], ["Expect: 100-continue"], ["Content-Length: 1"]])
def test_what_begins_with_the_same_bytes_has_a_head_in_common_unless_that_changes(more):
    parser = RequestParser(HeadParser(Settings()), Settings())
    heads = []
    for _ in range(2):
        parser.receive(request("A: b", *more, line="GET / HTTP/1.1"))
        heads.append(parser.next_head())
        parser.receive(b"a" * (heads[-1].content_length or 0))
        assert (parser.next_piece() or b"a", parser.waiting) == (b"a", b"")
    assert heads[0].headers == heads[1].headers == [(b"Host", b"a"), (b"A", b"b"), *map(pair, more)]
    assert (heads[0] is heads[1]) == (not more)


def pair(line: str) -> tuple[bytes, bytes]:
    name, _, value = line.encode().partition(b": ")
    return name, value


def test_what_is_refused_is_refused_again():
    heads = HeadParser(Settings())
    good, bad = request(line="GET / HTTP/1.1"), request(line="GET / HTTP/1.1", host="a/b")
    heads.parse(good, good.index(b"\r\n"))
    for _ in range(2):
        with pytest.raises(ProtocolError, match="malformed host"):
            heads.parse(bad, bad.index(b"\r\n"))


@pytest.mark.parametrize("line", ["GET /\xe4 HTTP/1.1", "GET http://b/ HTTP/1.1", "G(T / HTTP/1.1"])
def test_known_lines_excuse_no_bad_request_line(line):
    heads = HeadParser(Settings())
    good, bad = request(line="GET / HTTP/1.1"), request(line=line)
    heads.parse(good, good.index(b"\r\n"))
    with pytest.raises(ProtocolError):
        heads.parse(bad, bad.index(b"\r\n"))


def test_known_lines_with_a_body_each():
    data = request("Content-Length: 1", body="a")
    assert [body for _, body, _ in parse(3 * data)] == [b"a", b"a", b"a"]


# Answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "version", "status", "length", "framing"),
    [
        ("GET", "HTTP/1.1", 200, 3, Framing.LENGTH),
        ("GET", "HTTP/1.1", 200, None, Framing.CHUNKED),
        ("GET", "HTTP/1.0", 200, None, Framing.CLOSE),
        ("HEAD", "HTTP/1.1", 200, 3, Framing.NONE),
        ("GET", "HTTP/1.1", 204, None, Framing.NONE),
        ("GET", "HTTP/1.1", 304, 3, Framing.NONE),
        ("GET", "HTTP/1.1", 103, None, Framing.NONE),
    ],
)
def test_how_an_answer_ends(method, version, status, length, framing):
    assert frame_answer(method, version, status, length) is framing


def test_the_length_of_an_answer_that_was_given_none():
    assert own_length("GET", 200, 3) == 3
    assert own_length("GET", 200, 0) == 0
    assert own_length("HEAD", 200, 3) == 3
    assert own_length("HEAD", 200, 0) is None
    assert own_length("GET", 204, 0) is None
    assert own_length("GET", 304, 0) is None


def test_keep_alive_of_an_answer():
    [[head, _, _]] = parse(request())
    assert keeps_alive(head, 200, Framing.CHUNKED)
    assert keeps_alive(head, 404, Framing.LENGTH)
    assert not keeps_alive(head, 200, Framing.CLOSE)
    assert not keeps_alive(head, 413, Framing.LENGTH)
    assert keeps_alive(head, 500, Framing.LENGTH, may_stay=True)
    assert not keeps_alive(head, 500, Framing.CLOSE, may_stay=True)
    assert not keeps_alive(head, 200, Framing.LENGTH, may_stay=False)


def test_status_lines():
    assert status_line(200) == b"HTTP/1.1 200 OK\r\n"
    assert status_line(200, "Fine") == b"HTTP/1.1 200 Fine\r\n"
    assert status_line(299) == b"HTTP/1.1 299 \r\n"
    assert status_line(200, "a\r\nb: c") == status_line(200, "ä") == status_line(200)


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "a\0b"])
def test_no_header_writes_a_line_of_its_own(value):
    with pytest.raises(ValueError, match="line end or NUL"):
        header_line("A", value)
    with pytest.raises(ValueError, match="line end or NUL"):
        HeaderLines().make([("A", value)])


def test_header_lines_leave_out_what_frames():
    headers = [("A", "é"), ("Content-Length", "3"), ("Connection", "Close"), ("date", "x"), ("A", "é")]
    lines = HeaderLines()
    for _ in range(2):
        assert lines.make(headers) == (2 * "A: é\r\n".encode("latin-1"), 3, False)
    assert lines.make([("connection", "Keep-Alive")]) == (b"", None, True)
    assert lines.make([]) == (b"", None, None)


def test_answer_heads():
    date = HttpDate().line(0)
    assert date == b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    assert answer_head("HTTP/1.1", 200, "", b"A: b\r\n", Framing.LENGTH, 3, True, date) == (
        b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n" + date + b"\r\n"
    )
    assert answer_head("HTTP/1.1", 200, "", b"", Framing.CHUNKED, None, False, date) == (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + date + b"Connection: close\r\n\r\n"
    )
    assert answer_head("HTTP/1.0", 200, "", b"", Framing.LENGTH, 0, True, date) == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + date + b"Connection: keep-alive\r\n\r\n"
    )
    assert b"Content-Length" not in answer_head("HTTP/1.1", 204, "", b"", Framing.NONE, 0, True, date)


def test_chunks():
    assert chunk(b"0123456789abcdef") == b"10\r\n0123456789abcdef\r\n"
    assert chunk(b"") == b""
    assert last_chunk() == b"0\r\n\r\n"
    assert last_chunk([("A", "b")]) == b"0\r\nA: b\r\n\r\n"
