"""sendError, sendRedirect and the rewriting of URLs (Servlet 6.1 §5.5, §7.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import Cookie, IllegalArgumentException, IllegalStateException

Calls = Callable[[Any], object]


def pages(*codes: int) -> str:
    return "".join(
        f"<error-page><error-code>{code}</error-code><location>/page</location></error-page>"
        for code in codes
    )


def page(request: Any, response: Any) -> None:
    response.getWriter().write(f"page {response.getStatus()}")


@pytest.mark.rules("RT-ERR-01")
def test_send_error_clears_the_buffer_and_ends_the_answer_for_the_application(serve: Any) -> None:
    seen: list[Any] = []

    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("gone")
        response.sendError(410, "moved out")
        seen.append((response.isCommitted(), response.getStatus()))
        response.getWriter().write("ignored")
        response.flushBuffer()
        for call in (lambda: response.sendError(411), lambda: response.sendRedirect("/x"), response.reset):
            with pytest.raises(IllegalStateException):
                call()

    answer = serve(servlet).get("/")
    assert seen == [(True, 410)]
    assert answer.status == 410
    assert "gone" not in answer.text
    assert "ignored" not in answer.text
    assert "moved out" in answer.text


@pytest.mark.rules("RT-ERR-01", "RT-RED-03")
@pytest.mark.parametrize("call", [lambda r: r.sendError(410), lambda r: r.sendRedirect("/x")])
def test_after_the_commit_both_are_refused(serve: Any, call: Calls) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("sent")
        response.flushBuffer()
        with pytest.raises(IllegalStateException):
            call(response)

    answer = serve(servlet).get("/")
    assert (answer.status, answer.text) == (200, "sent")


@pytest.mark.rules("RT-ERR-02", "RT-EP-31")
@pytest.mark.parametrize("status", [400, 404, 418, 499, 500, 599])
def test_without_a_page_there_is_one_in_html_with_the_message_escaped(serve: Any, status: int) -> None:
    answer = serve(lambda request, response: response.sendError(status, "<b>&")).get("/")
    assert (answer.status, answer.header("Content-Type")) == (status, "text/html;charset=utf-8")
    assert "&lt;b&gt;&amp;" in answer.text
    assert "<b>" not in answer.text


@pytest.mark.rules("RT-ERR-02")
def test_a_page_of_the_web_app_answers_instead(routes: Any) -> None:
    app = routes({"/s": lambda request, response: response.sendError(410), "/page": page}, pages(410))
    answer = app.get("/s")
    assert (answer.status, answer.text) == (410, "page 410")


@pytest.mark.rules("RT-ERR-03")
def test_cookies_and_headers_survive_an_error(routes: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.addCookie(Cookie("k", "v"))
        response.setHeader("X-A", "a")
        response.setContentLength(1)
        response.sendError(410)

    for more in ("", pages(410)):
        answer = routes({"/s": servlet, "/page": page}, more, name=f"app{len(more)}").get("/s")
        assert (answer.status, answer.cookies, answer.header("X-A")) == (410, {"k": "v"}, "a")
        assert len(answer.body) > 1


@pytest.mark.rules("RT-ERR-04")
def test_the_page_runs_after_everything_has_returned(routes: Any) -> None:
    events: list[str] = []

    def servlet(request: Any, response: Any) -> None:
        response.sendError(410)
        events.append("servlet returned")

    def shown(request: Any, response: Any) -> None:
        events.append("page")

    routes({"/s": servlet, "/page": shown}, pages(410)).get("/s")
    assert events == ["servlet returned", "page"]


@pytest.mark.rules("RT-ERR-05", "RT-RED-06", "RT-INC-03")
@pytest.mark.parametrize("call", [lambda r: r.sendError(410), lambda r: r.sendRedirect("/x")])
@pytest.mark.parametrize("flush", [False, True])
def test_inside_an_include_both_do_nothing(routes: Any, call: Calls, flush: bool) -> None:
    def outer(request: Any, response: Any) -> None:
        if flush:
            response.flushBuffer()
        request.getRequestDispatcher("/inner").include(request, response)
        response.getWriter().write(" after")

    def inner(request: Any, response: Any) -> None:
        call(response)
        response.getWriter().write("inner")

    answer = routes({"/s": outer, "/inner": inner}).get("/s")
    assert (answer.status, answer.header("Location"), answer.text) == (200, None, "inner after")


@pytest.mark.rules("RT-RED-02")
def test_after_a_redirect_writer_and_stream_are_the_same_nothing(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("buffered")
        response.sendRedirect("/x")
        response.getOutputStream().write(b"ignored")

    answer = serve(servlet).get("/")
    assert (answer.status, answer.header("Location"), answer.text) == (302, "/x", "")


@pytest.mark.rules("RT-RED-01", "RT-RED-02", "RT-RED-07")
@pytest.mark.parametrize(
    ("arguments", "status", "body"),
    [
        (("/x",), 302, ""),
        (("/x", 307), 307, ""),
        (("/x", False), 302, "buffered"),
        (("/x", True), 302, ""),
        (("/x", 303, False), 303, "buffered"),
        (("/x", 301, True), 301, ""),
        (("/x", 201), 201, ""),
    ],
)
def test_send_redirect(serve: Any, arguments: tuple[Any, ...], status: int, body: str) -> None:
    seen: list[bool] = []

    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("buffered")
        response.sendRedirect(*arguments)
        seen.append(response.isCommitted())
        response.getWriter().write("ignored")

    answer = serve(servlet).get("/")
    assert seen == [True]
    assert (answer.status, answer.header("Location"), answer.text) == (status, "/x", body)


@pytest.mark.rules("RT-RED-03")
@pytest.mark.parametrize("location", [None, "//[bad"])
def test_what_is_no_location_is_refused(serve: Any, location: str | None) -> None:
    def servlet(request: Any, response: Any) -> None:
        with pytest.raises(IllegalArgumentException):
            response.sendRedirect(location)
        response.getWriter().write("still open")

    assert serve(servlet, relative_redirects=False).get("/").text == "still open"


@pytest.mark.rules("RT-RED-04", "RT-RED-05")
@pytest.mark.parametrize("setting", [True, False], ids=["relative", "absolute"])
@pytest.mark.parametrize(
    ("location", "relative", "absolute"),
    [
        ("/x", "/x", "http://test.example/x"),
        ("x", "x", "http://test.example/app/a/x"),
        ("../x", "../x", "http://test.example/app/x"),
        ("?q=1", "?q=1", "http://test.example/app/a/b?q=1"),
        ("//host/x", "//host/x", "http://host/x"),
        ("https://host/x", "https://host/x", "https://host/x"),
        ("mailto:a@b", "mailto:a@b", "mailto:a@b"),
    ],
)
def test_a_location_is_relative_to_the_request_and_the_server(
    serve: Any, location: str, relative: str, absolute: str, setting: bool
) -> None:
    app = serve(lambda request, response: response.sendRedirect(location), relative_redirects=setting)
    assert app.get("/a/b").header("Location") == (relative if setting else absolute)


@pytest.mark.rules("RT-RED-04")
def test_after_a_forward_a_relative_location_is_relative_to_the_target(routes: Any) -> None:
    def source(request: Any, response: Any) -> None:
        request.getRequestDispatcher("/deep/target").forward(request, response)

    app = routes({"/s": source, "/deep/target": lambda request, response: response.sendRedirect("x")})
    assert app.get("/s").header("Location") in ("/app/deep/x", "http://test.example/app/deep/x")


@pytest.mark.rules("RT-RED-08")
def test_a_redirect_shows_no_error_page(routes: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.sendRedirect("/x", 410)

    answer = routes({"/s": servlet, "/page": page}, pages(410, 302)).get("/s")
    assert (answer.status, answer.header("Location"), answer.text) == (410, "/x", "")


URL = "<session-config><tracking-mode>URL</tracking-mode></session-config>"


def encoded(serve: Any, url: str, more: str = URL, *, session: bool = True, call: str = "encodeURL") -> str:
    """What becomes of url at /app/a/b; the session's id is written as ID."""
    found: list[str] = []

    def servlet(request: Any, response: Any) -> None:
        number = request.getSession().getId() if session else "ID"
        found.append(str(getattr(response, call)(url)).replace(number, "ID"))

    serve(servlet, more).get("/a/b")
    return found[0]


@pytest.mark.rules("RT-URL-01", "RT-URL-02")
@pytest.mark.parametrize("call", ["encodeURL", "encodeRedirectURL"])
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/app/x", "/app/x;jsessionid=ID"),
        ("/app", "/app;jsessionid=ID"),
        ("/app/x?q=1#f", "/app/x;jsessionid=ID?q=1#f"),
        ("/app/x#f", "/app/x;jsessionid=ID#f"),
        ("/app/x;p=1?q", "/app/x;p=1;jsessionid=ID?q"),
        ("x", "x;jsessionid=ID"),
        ("../x", "../x;jsessionid=ID"),
        ("http://test.example/app/x", "http://test.example/app/x;jsessionid=ID"),
        ("HTTP://TEST.example:80/app/x", "HTTP://TEST.example:80/app/x;jsessionid=ID"),
        ("//test.example/app/x", "//test.example/app/x;jsessionid=ID"),
        ("#f", "#f"),
        ("?q=1", "?q=1"),
        ("/other/x", "/other/x"),
        ("/application", "/application"),
        ("/app/../other", "/app/../other"),
        ("../../x", "../../x"),
        ("http://else.example/app/x", "http://else.example/app/x"),
        ("https://test.example/app/x", "https://test.example/app/x"),
        ("http://test.example:81/app/x", "http://test.example:81/app/x"),
        ("mailto:a@b", "mailto:a@b"),
        ("javascript:void(0)", "javascript:void(0)"),
    ],
)
def test_the_id_goes_to_urls_of_this_web_app(serve: Any, call: str, url: str, expected: str) -> None:
    assert encoded(serve, url, call=call) == expected


@pytest.mark.rules("RT-URL-02")
def test_the_empty_url_is_the_folder_of_the_request(serve: Any) -> None:
    assert encoded(serve, "") == "http://test.example/app/a/;jsessionid=ID"


@pytest.mark.rules("RT-URL-04")
@pytest.mark.parametrize(
    "url",
    ["http://test.example:port/app", "http://[bad/app", "/app/a b", "\\x", "/app/%zz", "/app/<x>", "http://"],
)
def test_what_is_no_url_stays_as_it_is(serve: Any, url: str) -> None:
    assert encoded(serve, url) == url


@pytest.mark.rules("RT-URL-01")
def test_without_a_session_or_url_tracking_nothing_is_added(serve: Any) -> None:
    assert encoded(serve, "/app/x", session=False) == "/app/x"


@pytest.mark.rules("RT-URL-01")
def test_with_cookie_tracking_only_nothing_is_added(serve: Any) -> None:
    assert encoded(serve, "/app/x", URL.replace("URL", "COOKIE")) == "/app/x"


@pytest.mark.rules("RT-URL-01")
def test_the_parameter_has_the_cookies_own_name(serve: Any) -> None:
    named = (
        "<session-config><cookie-config><name>SID</name></cookie-config>"
        "<tracking-mode>URL</tracking-mode><tracking-mode>COOKIE</tracking-mode></session-config>"
    )
    assert encoded(serve, "/app/x", named) == "/app/x;SID=ID"


@pytest.mark.rules("RT-URL-01", "RT-URL-03")
def test_until_the_client_shows_the_cookie_urls_are_rewritten(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        request.getSession()
        response.getWriter().write(response.encodeURL("/app/x"))

    app = serve(servlet)
    first = app.get("/")
    session_id = first.cookies["JSESSIONID"]
    assert first.text == f"/app/x;jsessionid={session_id}"
    assert app.get("/", f"Cookie: JSESSIONID={session_id}").text == "/app/x"
    assert app.get(f"/;jsessionid={session_id}").text == f"/app/x;jsessionid={session_id}"


@pytest.mark.rules("RT-URL-01")
def test_an_ended_session_adds_nothing(serve: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        request.getSession().invalidate()
        response.getWriter().write(response.encodeURL("/app/x"))

    assert serve(servlet).get("/").text == "/app/x"
