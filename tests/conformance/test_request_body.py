"""The body of a request (6.3) and its trailers (6.9)."""

from __future__ import annotations

import hashlib
import json

import pytest

CHUNKED = b"POST /app/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n"
TRAILED = CHUNKED + b"Trailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\nOther: \r\n\r\n"


@pytest.mark.rules("RT-BODY-01")
@pytest.mark.parametrize(("one", "other"), [("getInputStream", "getReader"), ("getReader", "getInputStream")])
def test_stream_or_reader_but_not_both(tell, one, other):
    def ask(request):
        first = getattr(request, one)
        return [first() is first(), getattr(request, other), lambda: first() is not None]

    assert tell(ask).post("/", "x").json == [True, "IllegalStateException", True]


@pytest.mark.rules("RT-BODY-02")
@pytest.mark.parametrize(
    ("declared", "lengths"),
    [
        ("3", [3, 3]),
        ("0", [0, 0]),
        ("2147483647", [2147483647, 2147483647]),
        ("2147483648", [-1, 2147483648]),
        ("", [-1, -1]),
    ],
)
def test_content_length(tell, declared, lengths):
    app = tell(lambda request: [request.getContentLength(), request.getContentLengthLong()])
    assert json.loads(app.call(body=b"abc", CONTENT_LENGTH=declared)) == lengths


@pytest.mark.rules("RT-BODY-02")
def test_content_length_over_http(tell):
    app = tell(lambda request: [request.getContentLength(), request.getContentLengthLong()])
    assert app.post("/", "abc").json == [3, 3]
    assert app.get("/").json == [-1, -1]


@pytest.mark.rules("RT-BODY-03")
def test_a_chunked_body_has_no_length_and_ends_with_its_last_chunk(tell):
    app = tell(lambda r: [r.getContentLength(), r.getContentLengthLong(), r.getReader().read()])
    sent = CHUNKED + b"\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    assert app.send(sent, "POST")[0].json == [-1, -1, "abcde"]


def lines(stream, size):
    buffer, found = bytearray(20), []
    while (count := stream.readLine(buffer, 2, size)) > 0:
        found.append(bytes(buffer[2 : 2 + count]).decode())
    return [*found, count]


@pytest.mark.rules("RT-BODY-04")
@pytest.mark.parametrize(
    ("body", "size", "found"),
    [
        ("ab\ncd", 10, ["ab\n", "cd", -1]),
        ("ab\r\n\n", 10, ["ab\r\n", "\n", -1]),
        ("abcd\n", 3, ["abc", "d\n", -1]),
        ("abc\n", 3, ["abc", "\n", -1]),
        ("", 10, [-1]),
        ("ab", 0, [0]),
        ("ab", -1, [0]),
    ],
)
def test_read_line(tell, body, size, found):
    assert tell(lambda r: lines(r.getInputStream(), size)).post("/", body, "Content-Type: a/b").json == found


@pytest.mark.rules("RT-BODY-01")
def test_the_stream_is_a_binary_file(tell):
    def ask(request):
        stream, buffer = request.getInputStream(), bytearray(3)
        first = [stream.isFinished(), stream.isReady(), stream.read(1).decode(), stream.readinto(buffer)]
        return [*first, buffer.decode(), stream.readline().decode(), *map(bytes.decode, stream),
                stream.read().decode(), stream.isFinished()]  # fmt: skip

    found = tell(ask).post("/", "abcde\nf\ng", "Content-Type: a/b").json
    assert found == [False, True, "a", 3, "bcd", "e\n", "f\n", "g", "", True]


@pytest.mark.rules("RT-BODY-01")
def test_a_stream_is_finished_with_the_last_byte_of_a_declared_length(tell):
    def ask(request):
        stream = request.getInputStream()
        return [[stream.isFinished(), stream.read(2).decode(), stream.isFinished()] for _ in range(3)]

    found = tell(ask).post("/", "abc", "Content-Type: a/b").json
    assert found == [[False, "ab", False], [False, "c", True], [True, "", True]]


@pytest.mark.rules("RT-BODY-01")
@pytest.mark.parametrize("headers", [(), ("Content-Length: 0",), ("Transfer-Encoding: chunked",)])
def test_without_a_body_a_stream_is_finished_as_soon_as_that_is_known(tell, headers):
    def ask(request):
        stream = request.getInputStream()
        return [stream.isFinished(), stream.read().decode(), stream.isFinished()]

    app = tell(ask)
    client = app.connect()
    lines = ["POST /app/ HTTP/1.1", "Host: a", "Connection: close", *headers, "", ""]
    chunked = "chunked" in str(headers)
    client.send("\r\n".join(lines).encode() + b"0\r\n\r\n" * chunked)
    assert client.answer().json == [not chunked, "", True]


@pytest.mark.rules("RT-BODY-01")
def test_the_reader_is_a_text_file_with_javas_read_line(tell):
    def ask(request):
        reader = request.getReader()
        first = [reader.read(1), reader.readline(), reader.readLine()]
        return [*first, *reader, reader.readLine(), reader.read()]

    found = tell(ask).post("/", "ab\nc\r\nd\re", "Content-Type: a/b").json
    assert found == ["a", "b\n", "c", "d\r", "e", None, ""]


@pytest.mark.parametrize("size", [1, 8192, 70_000])
def test_a_body_larger_than_memory_arrives_whole(tell, size, is_worker):
    def ask(request):
        pieces = list(iter(lambda: request.getInputStream().read(size), b""))
        return [max(map(len, pieces)), hashlib.sha256(b"".join(pieces)).hexdigest()]

    body = bytes(range(1, 256)) * (4 if size == 1 else 2000)
    most = min(size, 65536) if is_worker else size  # there a body is read as it arrives
    assert tell(ask).post("/", body, "Content-Type: a/b").json == [most, hashlib.sha256(body).hexdigest()]


def test_a_body_that_breaks_its_framing_is_an_io_exception(tell):
    app = tell(lambda r: [lambda: r.getInputStream().read(), lambda: r.getParameter("a")])
    answer = app.send(CHUNKED + b"\r\n3\r\nabc\r\nzz\r\n", "POST")[0]
    assert answer.status == 200
    assert answer.json == ["OSError", None]


# Trailers


@pytest.mark.rules("RT-TRL-01", "RT-TRL-02")
def test_trailers_are_there_after_the_end_of_the_body(tell):
    def ask(request):
        before = [request.isTrailerFieldsReady(), request.getTrailerFields]
        stream = request.getInputStream()
        found = [outcome_of(each) if callable(each) else each for each in before]
        stream.read(3)
        stream.read(1)
        return [*found, request.isTrailerFieldsReady(), request.getTrailerFields()]

    def outcome_of(call):
        try:
            return call()
        except RuntimeError as error:
            return type(error).__name__

    found = tell(ask).send(TRAILED, "POST")[0].json
    assert found == [False, "IllegalStateException", True, {"x-sum": "1,2", "other": ""}]


@pytest.mark.rules("RT-TRL-01")
@pytest.mark.parametrize(
    "read", [lambda r: r.getInputStream().read(), lambda r: r.getReader().read(), lambda r: r.getParts()]
)
def test_whatever_reads_the_body_to_its_end_makes_them_ready(deploy, web_xml, tell, read):
    def ask(request):
        try:
            read(request)
        except RuntimeError:
            request.getInputStream().read()
        return request.getTrailerFields()

    assert tell(ask).send(TRAILED, "POST")[0].json == {"x-sum": "1,2", "other": ""}


@pytest.mark.rules("RT-TRL-01", "RT-TRL-02")
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_a_request_that_can_have_none_is_ready_at_once(tell, version):
    app = tell(lambda r: [r.isTrailerFieldsReady(), r.getTrailerFields()])
    assert app.request("POST", "/", body="x", version=version).json == [True, {}]
    assert app.request("GET", "/", version=version).json == [True, {}]


@pytest.mark.rules("RT-TRL-02")
def test_the_trailers_are_a_copy_and_empty_without_any(tell):
    def ask(request):
        request.getReader().read()
        request.getTrailerFields().clear()
        return request.getTrailerFields()

    app = tell(ask)
    assert app.send(TRAILED, "POST")[0].json == {"x-sum": "1,2", "other": ""}
    assert app.send(CHUNKED + b"\r\n0\r\n\r\n", "POST")[0].json == {}


@pytest.mark.rules("RT-TRL-03", "RT-BODY-03", "RT-HDR-04", "RT-HDR-05")
def test_what_a_wsgi_server_can_carry(tell):
    app = tell(
        lambda r: [r.getContentLength(), r.getContentType(), r.isTrailerFieldsReady(), r.getTrailerFields(),
                   list(r.getHeaders("X-A")), r.getReader().read()]
    )  # fmt: skip
    environ = {"CONTENT_TYPE": "", "CONTENT_LENGTH": "", "HTTP_X_A": "1,2", "wsgi.input_terminated": True}
    found = json.loads(app.call(body=b"abc", **environ))
    assert found == [-1, None, True, {}, ["1,2"], "abc"]
