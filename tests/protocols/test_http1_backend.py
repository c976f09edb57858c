"""HTTP/1.1 as a client speaks it: requests as bytes, answers from bytes, however they are cut."""

from __future__ import annotations

import pytest

from container.errors import ProtocolError
from container.protocols.backend import AnswerEnd, AnswerHead, BackendRequest, Interim
from container.protocols.http1_backend import Http1Backend

GET = BackendRequest("GET", b"/a?b", (("Host", "h"),))


def events(answer: bytes, request: BackendRequest = GET, *, ends: bool = False, size: int = 0):
    """All that an answer amounts to, received at once or in pieces, with its body as one."""
    wire = Http1Backend()
    wire.begin(request)
    found = []

    def take() -> None:
        while (event := wire.next_event()) is not None:
            if isinstance(event, bytes) and found and isinstance(found[-1], bytes):
                found[-1] += event
            else:
                found.append(event)
            if isinstance(event, AnswerEnd):
                break

    for start in range(0, len(answer), size or len(answer)):
        wire.receive(answer[start : start + (size or len(answer))])
        if not (found and isinstance(found[-1], AnswerEnd)):
            take()
    if ends:
        wire.receive_eof()
        if not (found and isinstance(found[-1], AnswerEnd)):
            take()
    return found, wire.can_stay_open


OK = b"HTTP/1.1 200 OK\r\n"
HEAD = AnswerHead(200, "OK", ())
LENGTH_3 = [HEAD._replace(headers=(("Content-Length", "3"),)), b"abc", AnswerEnd([])]


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize(
    ("answer", "expected", "stays"),
    [
        (
            OK + b"Content-Length: 3\r\n\r\nabc",
            [HEAD._replace(headers=(("Content-Length", "3"),)), b"abc", AnswerEnd([])],
            True,
        ),
        (
            OK + b"Content-Length: 0\r\n\r\n",
            [HEAD._replace(headers=(("Content-Length", "0"),)), AnswerEnd([])],
            True,
        ),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
            [HEAD, b"abc", AnswerEnd([(b"A", b"b")])],
            True,
        ),
        (
            OK + b"Transfer-Encoding: Chunked\r\nContent-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n",
            [HEAD, b"a", AnswerEnd([])],
            False,
        ),
        (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", LENGTH_3, False),
        (OK + b"Content-Length: 3\n\r\nabc", LENGTH_3, False),
        (OK + b"Content-Length: 3\r\n\nabc", LENGTH_3, False),
        (
            OK + b"A: b\nContent-Length: 1\r\n\r\na",
            [HEAD._replace(headers=(("A", "b"), ("Content-Length", "1"))), b"a", AnswerEnd([])],
            False,
        ),
        (OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na", None, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", None, False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", None, True),
        (b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n", None, True),
        (b"HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n", None, True),
        (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", None, True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", None, True),
        (
            b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 100 C\r\n\r\n"
            + OK
            + b"Content-Length: 0\r\n\r\n",
            [
                Interim(103, [("Link", "a")]),
                Interim(100, []),
                HEAD._replace(headers=(("Content-Length", "0"),)),
                AnswerEnd([]),
            ],
            True,
        ),
        (
            OK + b"Connection: X-A, keep-alive\r\nX-A: 1\r\nTE: x\r\nX-B: 1\r\nContent-Length: 0\r\n\r\n",
            [HEAD._replace(headers=(("X-B", "1"), ("Content-Length", "0"))), AnswerEnd([])],
            True,
        ),
    ],
)
def test_answers(answer, expected, stays, size):
    found, can_stay_open = events(answer, size=size)
    assert isinstance(found[-1], AnswerEnd)
    assert expected is None or found == expected
    assert can_stay_open is stays


def test_an_answer_to_the_end_of_the_connection():
    found, stays = events(OK + b"\r\nabc", ends=True, size=2)
    assert (found, stays) == ([HEAD, b"abc", AnswerEnd([])], False)


def test_head_has_no_body():
    found, stays = events(OK + b"Content-Length: 3\r\n\r\n", BackendRequest("HEAD", b"/", ()))
    assert found == [HEAD._replace(headers=(("Content-Length", "3"),)), AnswerEnd([])]
    assert stays


def test_bytes_after_the_end_are_nobodys():
    _, stays = events(OK + b"Content-Length: 1\r\n\r\nabc")
    assert not stays


def test_a_connection_is_of_no_use_before_the_answer_has_ended():
    wire = Http1Backend()
    wire.begin(GET)
    assert not wire.can_stay_open
    wire.receive(OK + b"Content-Length: 3\r\n\r\n")
    wire.next_event()
    assert not wire.can_stay_open
    wire.receive(b"abc")
    wire.next_event()
    assert wire.can_stay_open


def test_after_a_101_there_are_only_bytes():
    wire = Http1Backend()
    wire.begin(GET)
    wire.receive(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: 1\r\n\r\n\0\1")
    assert wire.next_event() == AnswerHead(101, "", (("X", "1"),), "websocket")
    assert wire.next_event() == b"\0\1"
    assert wire.next_event() is None
    wire.receive_eof()
    assert wire.next_event() == AnswerEnd([])


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize(
    "answer",
    [
        b"garbage",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        OK + b" a: b\r\n\r\n",
        OK + b"a : b\r\n\r\n",
        OK + b"a\r\n\r\n",
        OK + b"a: b\rc: d\r\n\r\n",
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\na\n0\n\n",
        OK + b"a: b\0\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: 1, 1\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\n",
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 101 S\r\nConnection: upgrade\r\n\r\n",
        OK + b"a: " + b"x" * 40_000,
    ],
)
def test_what_is_no_answer(answer, size):
    with pytest.raises(ProtocolError):
        events(answer, size=size if len(answer) < 1000 else 1000)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1", OK, OK + b"Content-Length: 3\r\n\r\nab", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"],
)
def test_an_end_that_comes_too_early(answer):
    with pytest.raises(ProtocolError):
        events(answer, ends=True)


def test_requests():
    wire = Http1Backend()
    request = BackendRequest(
        "POST", b"/a", (("Host", "h"), ("Connection", "x"), ("Expect", "100-continue"), ("Proxy", "p")), 3
    )
    assert wire.begin(request) == b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"
    assert wire.send(b"abc") + wire.end() == b"abc"
    request = BackendRequest("POST", b"/a", (("Host", "h"),), None, keep_alive=False)
    assert wire.begin(request) == (
        b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    assert wire.send(b"abc") + wire.end() == b"3\r\nabc\r\n0\r\n\r\n"
    request = BackendRequest("GET", b"/a", (("Host", "h"), ("Upgrade", "x")), upgrade="websocket")
    assert wire.begin(request) == (
        b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    )


def test_http_1_0():
    wire = Http1Backend("1.0")
    assert wire.begin(GET) == b"GET /a?b HTTP/1.0\r\nHost: h\r\nConnection: close\r\n\r\n"
    with pytest.raises(ProtocolError):
        wire.begin(BackendRequest("POST", b"/", (), None))


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "a\0b"])
def test_no_header_writes_lines_of_its_own(value):
    with pytest.raises(ValueError, match="inside its name or value"):
        Http1Backend().begin(BackendRequest("GET", b"/", (("A", value),)))


@pytest.mark.parametrize("target", [b"/a\r\nb: c", b"/a\nb", b"/a\rb"])
def test_no_target_writes_lines_of_its_own(target):
    with pytest.raises(ValueError, match="line end inside"):
        Http1Backend().begin(BackendRequest("GET", target, ()))


def test_text_beyond_latin_1_goes_out_as_it_came_in():
    assert b"A: \xff\xc3\xa9" in Http1Backend().begin(BackendRequest("GET", b"/", (("A", "\udcffé"),)))
