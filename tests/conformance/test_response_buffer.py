"""The buffer of an answer, when it is sent, and when nothing more is taken (Servlet 6.1 §5.1, §5.5, §5.7)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import IllegalStateException

NOT_APPLICABLE = {
    "RT-BUF-14": "about a hosting WSGI server; the connector sends at the commit (RT-BUF-03, RT-BUF-04)",
}

Calls = Callable[[Any], object]


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except IllegalStateException:
        return True
    return False


def write(response: Any, text: str = "x") -> None:
    response.getWriter().write(text)


@pytest.mark.rules("RT-BUF-01", "RT-BUF-02")
@pytest.mark.parametrize(
    ("asked", "size"), [(0, 8192), (-1, 8192), (10, 8192), (8193, 8193), (30_000, 30_000)]
)
def test_the_buffer_is_at_least_as_large_as_asked_for(serve: Any, asked: int, size: int) -> None:
    def servlet(request: Any, response: Any) -> None:
        before = response.getBufferSize()
        response.setBufferSize(asked)
        after = response.getBufferSize()
        response.getOutputStream().write(b"x" * size)
        response.setHeader("X-Sizes", f"{before} {after} {response.isCommitted()}")

    assert serve(servlet).get("/").header("X-Sizes") == f"8192 {size} False"


@pytest.mark.rules("RT-BUF-02")
@pytest.mark.parametrize(
    "first",
    [
        lambda r: r.getWriter().write("x"),
        lambda r: r.getOutputStream().write(b"x"),
        lambda r: r.flushBuffer(),
    ],
    ids=["text", "bytes", "commit"],
)
def test_the_size_cannot_change_once_there_is_content(serve: Any, first: Calls) -> None:
    seen: list[bool] = []

    def servlet(request: Any, response: Any) -> None:
        first(response)
        seen.append(refused(lambda: response.setBufferSize(10_000)))

    serve(servlet).get("/")
    assert seen == [True]


@pytest.mark.rules("RT-BUF-03", "RT-BUF-13")
def test_a_full_buffer_is_sent_at_once(serve: Any) -> None:
    seen: list[bool] = []

    def servlet(request: Any, response: Any) -> None:
        for _ in range(3):
            response.getOutputStream().write(b"x" * 4096)
            seen.append(response.isCommitted())

    answer = serve(servlet).get("/")
    assert seen == [False, False, True]
    assert (len(answer.body), answer.header("Transfer-Encoding")) == (3 * 4096, "chunked")


@pytest.mark.rules("RT-BUF-04", "RT-BUF-09")
@pytest.mark.parametrize(
    "commit",
    [
        lambda r: r.flushBuffer(),
        lambda r: r.getWriter().flush(),
        lambda r: r.getOutputStream().flush(),
        lambda r: r.getWriter().close(),
        lambda r: r.getOutputStream().close(),
        lambda r: (r.setContentLength(3), r.getOutputStream().write(b"abc")),
        lambda r: (r.getOutputStream().write(b"abc"), r.setContentLength(3)),
        lambda r: r.sendError(410),
        lambda r: r.sendRedirect("/x"),
        lambda r: r.getOutputStream().write(b"x" * 9000),
    ],
    ids=["flushBuffer", "writer.flush", "stream.flush", "writer.close", "stream.close", "full", "full later",
         "sendError", "sendRedirect", "overflow"],
)  # fmt: skip
def test_what_commits(serve: Any, commit: Calls) -> None:
    """And what is refused from then on: all that would change what has left."""
    seen: list[bool] = []

    def servlet(request: Any, response: Any) -> None:
        seen.append(response.isCommitted())
        commit(response)
        seen.append(response.isCommitted())
        seen.append(refused(response.reset))
        seen.append(refused(response.resetBuffer))
        seen.append(refused(lambda: response.setBufferSize(10_000)))
        seen.append(refused(lambda: response.sendError(500)))
        seen.append(refused(lambda: response.sendRedirect("/y")))
        seen.append(refused(lambda: response.setTrailerFields(dict)))

    app = serve(servlet)
    app.get("/")
    app.wait_idle()
    assert seen == [False, *[True] * 7]


@pytest.mark.rules("RT-BUF-05")
def test_a_refused_reset_changes_nothing(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setStatus(202)
        response.setHeader("X-A", "a")
        write(response, "kept")
        response.flushBuffer()
        assert refused(response.reset)
        assert refused(response.resetBuffer)
        write(response, " and more")

    answer = serve(servlet).get("/")
    assert (answer.status, answer.header("X-A"), answer.text) == (202, "a", "kept and more")


@pytest.mark.rules("RT-BUF-06")
def test_reset_forgets_everything(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setStatus(404)
        response.setHeader("X-A", "a")
        response.setContentType("text/html;charset=UTF-8")
        response.setLocale("de")
        response.setContentLength(2000)
        write(response, "gone")
        response.reset()
        state = response.getStatus(), response.getContentType(), response.getCharacterEncoding()
        response.getOutputStream().write(f"{state} {response.getHeaderNames()}".encode())

    answer = serve(servlet).get("/")
    assert (answer.status, answer.text) == (200, "(200, None, 'ISO-8859-1') []")
    assert (answer.header("Content-Type"), answer.header("Content-Language")) == (None, None)


@pytest.mark.rules("RT-BUF-07")
def test_reset_buffer_forgets_the_body_only(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setStatus(202)
        response.setHeader("X-A", "a")
        write(response, "gone")
        response.resetBuffer()
        assert refused(response.getOutputStream)
        write(response, "kept")

    answer = serve(servlet).get("/")
    assert (answer.status, answer.header("X-A"), answer.text) == (202, "a", "kept")


@pytest.mark.rules("RT-BUF-08")
@pytest.mark.parametrize(
    ("first", "other"), [("getWriter", "getOutputStream"), ("getOutputStream", "getWriter")]
)
def test_one_of_writer_and_stream(serve: Any, first: str, other: str) -> None:
    seen: list[bool] = []

    def servlet(request: Any, response: Any) -> None:
        output = getattr(response, first)()
        seen.extend([refused(getattr(response, other)), getattr(response, first)() is output])

    serve(servlet).get("/")
    assert seen == [True, True]


@pytest.mark.rules("RT-BUF-09", "RT-BUF-10")
@pytest.mark.parametrize(
    ("close", "body"),
    [
        (lambda r: r.getWriter().close(), "before"),
        (lambda r: r.setContentLength(6), "before"),
        (lambda r: r.sendRedirect("/x"), ""),
    ],
    ids=["close", "length", "redirect"],
)
def test_after_the_close_output_is_dropped(serve: Any, close: Calls, body: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        write(response, "before")
        close(response)
        write(response, "after")
        response.getWriter().flush()
        response.flushBuffer()

    assert serve(servlet).get("/").text == body


@pytest.mark.rules("RT-BUF-10")
def test_the_stream_drops_what_comes_after_the_declared_length(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setContentLength(3)
        for data in (b"ab", b"cd", b"ef"):
            response.getOutputStream().write(data)

    client = (app := serve(servlet)).connect()
    for _ in range(2):  # the connection stays in step
        client.send(b"GET /app/ HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.answer().body == b"abc"
    assert app.get("/").header("Content-Length") == "3"


@pytest.mark.rules("RT-BUF-11")
def test_a_length_of_zero_does_not_close(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setContentLength(0)
        assert not response.isCommitted()
        response.setStatus(202)
        write(response, "surplus")

    answer = serve(servlet).get("/")
    assert (answer.status, answer.header("Content-Length"), answer.body) == (202, "0", b"")


@pytest.mark.rules("RT-BUF-12")
@pytest.mark.parametrize(("size", "length"), [(0, "0"), (5, "5"), (8192, "8192"), (8193, None)])
def test_a_body_that_fits_gets_its_length(serve: Any, size: int, length: str | None) -> None:
    app = serve(lambda request, response: response.getOutputStream().write(b"x" * size))
    answer = app.get("/")
    assert (len(answer.body), answer.header("Content-Length")) == (size, length)


@pytest.mark.rules("RT-BUF-13")
def test_an_old_client_gets_an_answer_without_chunks(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        write(response, "a")
        response.flushBuffer()
        write(response, "b")

    answer = serve(servlet).request("GET", "/", version="HTTP/1.0")
    assert (answer.text, answer.header("Transfer-Encoding"), answer.will_close) == ("ab", None, True)


@pytest.mark.rules("RT-BUF-04")
def test_a_flush_reaches_the_client_before_the_servlet_has_returned(serve: Any) -> None:
    arrived = threading.Event()

    def servlet(request: Any, response: Any) -> None:
        write(response, "first")
        response.flushBuffer()
        assert arrived.wait(10)
        write(response, "last")

    client = serve(servlet).connect()
    client.send(b"GET /app/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    received = b""
    while b"first" not in received:
        received += client.socket.recv(4096)
    arrived.set()
    while data := client.socket.recv(4096):
        received += data
    assert received.endswith(b"4\r\nlast\r\n0\r\n\r\n")


@pytest.mark.rules("RT-BUF-15")
@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", 200, "4"), ("GET", 204, None), ("GET", 304, None)]
)
def test_some_answers_have_no_body_whatever_was_written(
    serve: Any, method: str, status: int, length: str | None
) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setStatus(status)
        write(response, "body")

    client = serve(servlet).connect()
    for _ in range(2):
        client.send(f"{method} /app/ HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        answer = client.answer(method)
        assert (answer.status, answer.body, answer.header("Content-Length")) == (status, b"", length)


@pytest.mark.rules("RT-BUF-16")
@pytest.mark.parametrize("size", [2, 9000])
def test_more_than_the_declared_length_is_cut(serve: Any, size: int) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setContentLength(size)
        response.getOutputStream().write(b"x" * (size + 7))

    answer = serve(servlet).get("/")
    assert (len(answer.body), answer.header("Content-Length"), answer.broken) == (size, str(size), False)


@pytest.mark.rules("RT-BUF-16")
def test_less_than_the_declared_length_breaks_the_answer_off(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setContentLength(10)
        response.getOutputStream().write(b"short")

    answer = serve(servlet).get("/")
    assert (answer.body, answer.broken) == (b"short", True)
