"""Status and headers of an answer, and its trailers (Servlet 6.1 §5.2, §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp

from container.servlet import Cookie, IllegalArgumentException, IllegalStateException

Calls = Callable[[Any], object]


def headers_of(answer: Any, name: str = "X-A") -> list[str]:
    return list(answer.all(name))


@pytest.mark.rules("RT-RHD-01")
@pytest.mark.parametrize(
    ("calls", "values"),
    [
        (lambda r: (r.addHeader("X-A", "1"), r.addHeader("x-a", "2")), ["1", "2"]),
        (lambda r: (r.addHeader("X-A", "1"), r.addHeader("X-A", "2"), r.setHeader("x-A", "3")), ["3"]),
        (lambda r: (r.setIntHeader("X-A", -1), r.addIntHeader("X-A", 2147483647)), ["-1", "2147483647"]),
        (lambda r: r.setDateHeader("X-A", 1704103445678), ["Mon, 01 Jan 2024 10:04:05 GMT"]),
        (lambda r: r.addDateHeader("X-A", -1), ["Wed, 31 Dec 1969 23:59:59 GMT"]),
        (lambda r: (r.addDateHeader("X-A", 0), r.setIntHeader("X-A", 5)), ["5"]),
    ],
)
def test_set_replaces_and_add_appends(serve: Any, calls: Calls, values: list[str]) -> None:
    assert headers_of(serve(lambda request, response: calls(response)).get("/")) == values


@pytest.mark.rules("RT-RHD-02")
@pytest.mark.parametrize(
    "commit",
    [lambda r: r.flushBuffer(), lambda r: r.sendError(410), lambda r: r.sendRedirect("/x")],
    ids=["flush", "sendError", "sendRedirect"],
)
def test_after_the_commit_setters_are_ignored(serve: Any, commit: Calls) -> None:
    states: list[Any] = []

    def servlet(request: Any, response: Any) -> None:
        response.setHeader("X-A", "before")
        commit(response)
        for call in (
            lambda: response.setHeader("X-A", "after"),
            lambda: response.addHeader("X-B", "after"),
            lambda: response.setIntHeader("X-B", 1),
            lambda: response.addDateHeader("X-B", 1),
            lambda: response.addCookie(Cookie("late", "1")),
            lambda: response.setStatus(299),
            lambda: response.setContentType("text/late"),
            lambda: response.setHeader("Content-Type", "text/late"),
            lambda: response.setContentLength(5000),
            lambda: response.setContentLengthLong(5000),
            lambda: response.setLocale("de"),
            lambda: response.setCharacterEncoding("UTF-16"),
            response.sendEarlyHints,
        ):
            before = response.getStatus(), response.getContentType(), response.getCharacterEncoding()
            call()
            after = response.getStatus(), response.getContentType(), response.getCharacterEncoding()
            states.append(before == after)

    answer = serve(servlet).get("/")
    assert all(states)
    assert headers_of(answer) == ["before"]
    assert answer.header("X-B") is None
    assert answer.cookies == {}
    assert answer.status != 299
    assert not answer.broken


@pytest.mark.rules("RT-RHD-03")
@pytest.mark.parametrize(
    ("calls", "values"),
    [
        (lambda r: r.setHeader("X-A", None), []),
        (lambda r: r.addHeader("X-A", None), ["a"]),
        (lambda r: r.setHeader("X-A", ""), [""]),
        (lambda r: r.addHeader("X-A", ""), ["a", ""]),
        (lambda r: (r.setHeader(None, "x"), r.addHeader(None, "x")), ["a"]),
        (lambda r: (r.setHeader("", "x"), r.addHeader("", "x")), ["a"]),
    ],
    ids=["remove", "add nothing", "empty", "add empty", "no name", "empty name"],
)
def test_none_and_empty(serve: Any, calls: Calls, values: list[str]) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setHeader("X-A", "a")
        calls(response)

    assert headers_of(serve(servlet).get("/")) == values


@pytest.mark.rules("RT-RHD-04")
def test_headers_can_be_read_in_any_case_as_copies(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.addHeader("X-A", "1")
        response.addHeader("X-A", "2")
        response.setContentType("text/plain")
        response.setContentLengthLong(0)
        response.getHeaders("x-a").append("3")
        response.getHeaderNames().append("X-B")
        assert response.containsHeader("x-A")
        assert (response.getHeader("x-a"), response.getHeaders("X-a")) == ("1", ["1", "2"])
        assert response.getHeaderNames() == ["X-A", "Content-Type", "Content-Length"]
        assert (response.getHeader("content-type"), response.getHeader("CONTENT-LENGTH")) == (
            "text/plain",
            "0",
        )
        for name in ("X-B", "", None):
            assert not response.containsHeader(name)
            assert (response.getHeader(name), response.getHeaders(name)) == (None, [])
        response.setStatus(202)

    assert serve(servlet).get("/").status == 202


@pytest.mark.rules("RT-RHD-05")
def test_no_content_type_is_invented(serve: Any) -> None:
    answer = serve(lambda request, response: response.getOutputStream().write(b"<html>")).get("/")
    assert (answer.header("Content-Type"), answer.body) == (None, b"<html>")


@pytest.mark.rules("RT-RHD-06")
@pytest.mark.parametrize("setter", ["setHeader", "addHeader"])
def test_content_type_and_length_are_set_as_by_their_own_setters(serve: Any, setter: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        getattr(response, setter)("content-type", "text/plain;charset=UTF-8")
        getattr(response, setter)("content-length", "3")
        assert (response.getContentType(), response.getCharacterEncoding()) == (
            "text/plain;charset=UTF-8",
            "UTF-8",
        )
        response.getOutputStream().write(b"abcdef")

    answer = serve(servlet).get("/")
    assert (answer.body, answer.all("Content-Length")) == (b"abc", ["3"])
    assert answer.all("Content-Type") == ["text/plain;charset=UTF-8"]


@pytest.mark.rules("RT-RHD-06", "RT-RHD-08")
@pytest.mark.parametrize("value", ["abc", "-1", "", None, "5x", "٣", "1, 2"])
def test_a_length_that_is_none_does_not_reach_the_client(serve: Any, value: str | None) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setHeader("Content-Length", value)
        response.getOutputStream().write(b"four")

    answer = serve(servlet).get("/")
    assert (answer.body, answer.all("Content-Length")) == (b"four", ["4"])


@pytest.mark.rules("RT-RHD-07", "RT-EP-03")
@pytest.mark.parametrize("status", [200, 299, 404, 500, 599])
def test_set_status_keeps_everything_and_shows_no_error_page(routes: Any, status: int) -> None:
    def servlet(request: Any, response: Any) -> None:
        assert response.getStatus() == 200
        response.setHeader("X-A", "a")
        response.addCookie(Cookie("k", "v"))
        response.getWriter().write("body")
        response.setStatus(status)
        assert response.getStatus() == status

    pages = "".join(
        f"<error-page><error-code>{code}</error-code><location>/page</location></error-page>"
        for code in (404, 500)
    )
    app = routes(
        {"/s": servlet, "/page": lambda request, response: response.getWriter().write("page")}, pages
    )
    answer = app.get("/s")
    assert (answer.status, answer.text, answer.header("X-A"), answer.cookies) == (
        status,
        "body",
        "a",
        {"k": "v"},
    )


INJECTIONS: list[Calls] = [
    lambda r: r.setHeader("X-A", "a\r\nX-Evil: 1"),
    lambda r: r.addHeader("X-A", "a\nX-Evil: 1"),
    lambda r: r.setHeader("X-A", "a\rX-Evil: 1"),
    lambda r: r.setHeader("X-A", "a\0\x0b\x7fb"),
    lambda r: r.setContentType("text/html\r\nX-Evil: 1"),
    lambda r: r.setContentType("text/html;a=b\r\nX-Evil: 1;charset=UTF-8"),
    lambda r: r.setContentType('text/html;charset="UTF-8\r\nX-Evil: 1"'),
    lambda r: (r.setContentType("text/html"), r.setCharacterEncoding("UTF-8\r\nX-Evil: 1")),
    lambda r: r.sendRedirect("/x\r\nX-Evil: 1"),
    lambda r: r.setLocale("de\r\nX-Evil: 1"),
    lambda r: r.setIntHeader("X-A", True),
]


@pytest.mark.rules("RT-RHD-08")
@pytest.mark.parametrize("call", INJECTIONS)
def test_no_value_ends_its_line(serve: Any, call: Calls) -> None:
    def servlet(request: Any, response: Any) -> None:
        call(response)

    client = serve(servlet).connect()
    client.send(b"GET /app/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    head = b""
    while data := client.socket.recv(4096):
        head += data
    head = head.partition(b"\r\n\r\n")[0]
    assert b"\nX-Evil" not in head
    assert b"\rX-Evil" not in head
    assert not any(byte in head.replace(b"\r\n", b"") for byte in (0, 10, 11, 13, 127))


@pytest.mark.rules("RT-RHD-08")
@pytest.mark.parametrize("name", ["X A", "X:A", "X\r\nA", "X\0A", "Ä", "X\tA"])
@pytest.mark.parametrize("setter", ["setHeader", "addHeader", "setIntHeader", "addDateHeader"])
def test_a_name_that_cannot_be_one_is_refused(serve: Any, name: str, setter: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        with pytest.raises(IllegalArgumentException):
            getattr(response, setter)(name, 1 if "Int" in setter or "Date" in setter else "1")
        response.setStatus(202)

    assert serve(servlet).get("/").status == 202


@pytest.mark.rules("RT-RHD-08")
def test_latin_values_arrive_and_others_leave_a_mark(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setHeader("X-A", "café\tcrème")
        response.setHeader("X-B", "5 €")

    answer = serve(servlet).get("/")
    assert (answer.header("X-A"), answer.header("X-B")) == ("café\tcrème", "5 ?")


def received(app: Any, request: bytes) -> bytes:
    client = app.connect()
    client.send(request)
    data = b""
    while piece := client.socket.recv(4096):
        data += piece
    return data


@pytest.mark.rules("RT-RTR-01", "RT-RTR-02")
@pytest.mark.parametrize("flush", [True, False])
def test_trailers_follow_the_body_and_are_asked_for_at_its_end(serve: Any, flush: bool) -> None:
    def servlet(request: Any, response: Any) -> None:
        fields: dict[str, str] = {}
        supplier = lambda: fields  # noqa: E731
        assert response.getTrailerFields() is None
        response.setTrailerFields(supplier)
        assert response.getTrailerFields() is supplier
        response.setHeader("Trailer", "X-Sum")
        response.getWriter().write("body")
        if flush:
            response.flushBuffer()
        fields.update(
            {"X-Sum": "4\r\nX-Evil: 1", "Content-Length": "9", "transfer-encoding": "x", "Set-Cookie": "a=b"}
        )

    data = received(serve(servlet), b"GET /app/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"\r\nTrailer: X-Sum" in head
    assert b"Content-Length" not in head
    assert body == b"4\r\nbody\r\n0\r\nX-Sum: 4  X-Evil: 1\r\n\r\n"


@pytest.mark.rules("RT-RTR-02")
@pytest.mark.parametrize("supplier", [lambda: None, dict])
def test_a_supplier_may_have_nothing(serve: Any, supplier: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setTrailerFields(supplier)
        response.getWriter().write("body")

    answer = serve(servlet).get("/")
    assert (answer.text, answer.broken) == ("body", False)


@pytest.mark.rules("RT-RTR-02")
@pytest.mark.parametrize("supplier", [lambda: 1 / 0, lambda: {"bad name": "1"}])
def test_a_supplier_that_fails_breaks_the_answer_off_and_nothing_else(serve: Any, supplier: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("body")
        if request.getQueryString() is None:
            response.setTrailerFields(supplier)

    app = serve(servlet)
    assert not received(app, b"GET /app/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").endswith(
        b"0\r\n\r\n"
    )
    assert app.get("/?plain").text == "body"


@pytest.mark.rules("RT-RTR-01")
def test_a_length_that_is_set_later_leaves_the_trailers_out(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setTrailerFields(lambda: {"X-Sum": "1"})
        response.setContentLength(4)
        response.getWriter().write("body")

    client = serve(servlet).connect()
    for _ in range(2):
        client.send(b"GET /app/ HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = client.answer()
        assert (answer.body, answer.header("Content-Length")) == (b"body", "4")


@pytest.mark.rules("RT-RTR-01")
@pytest.mark.parametrize(
    ("version", "before"),
    [
        ("HTTP/1.0", None),
        ("HTTP/1.1", lambda r: r.flushBuffer()),
        ("HTTP/1.1", lambda r: r.setContentLength(5)),
    ],
    ids=["HTTP/1.0", "committed", "not chunked"],
)
def test_where_no_trailer_can_follow_they_are_refused(serve: Any, version: str, before: Calls | None) -> None:
    def servlet(request: Any, response: Any) -> None:
        if before is not None:
            before(response)
        try:
            response.setTrailerFields(dict)
        except IllegalStateException:
            response.getWriter().write("no!!!")

    assert serve(servlet).request("GET", "/", version=version).text == "no!!!"


@pytest.mark.rules("RT-RTR-03")
def test_under_a_hosting_wsgi_server_trailers_are_refused(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        with pytest.raises(IllegalStateException):
            response.setTrailerFields(dict)
        response.setContentType("text/plain")
        response.getWriter().write("refused")

    assert TestApp(serve(servlet).container).get("/app/").text == "refused"
