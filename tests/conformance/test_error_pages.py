"""Error pages: what triggers one, which one it is, how it is shown (Servlet 6.1 §10.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import (
    Cookie,
    Filter,
    HttpServletRequestWrapper,
    HttpServletResponseWrapper,
    ServletException,
    ServletRequestListener,
    UnavailableException,
)

Servlet = Callable[[Any, Any], None]
ERROR = "jakarta.servlet.error."


class Base(Exception):  # noqa: N818
    """The application's own."""


class Derived(Base):
    """Nearer than Base."""


class Other(Exception):  # noqa: N818
    """No page knows it."""


class OwnServletException(ServletException):
    """With a page of its own in some tests."""


def page(location: str, *, code: int | None = None, kind: str | None = None) -> str:
    what = (
        f"<error-code>{code}</error-code>"
        if code
        else f"<exception-type>{kind}</exception-type>"
        if kind
        else ""
    )
    return f"<error-page>{what}<location>{location}</location></error-page>"


def raising(error: BaseException) -> Servlet:
    def servlet(request: Any, response: Any) -> None:
        raise error

    return servlet


def sending(status: int, message: str | None = None) -> Servlet:
    return lambda request, response: response.sendError(status, message)


def tell(request: Any, response: Any) -> None:
    """The page: which one it is, and what it knows."""
    values = {
        name: request.getAttribute(ERROR + name)
        for name in (
            "status_code",
            "message",
            "exception",
            "exception_type",
            "request_uri",
            "servlet_name",
            "method",
        )
    }
    exception, kind = values["exception"], values["exception_type"]
    values["exception"] = None if exception is None else type(exception).__name__
    values["exception_type"] = None if kind is None else kind.__name__
    path = request.getAttribute("jakarta.servlet.include.path_info") or request.getPathInfo()
    response.getWriter().write(f"{path} {' '.join(map(str, values.values()))}")


CLASSES = [Base, Derived, Other, OwnServletException]


def shown(routes: Any, servlet: Servlet, *pages: str, path: str = "/s", **more: Any) -> Any:
    """The answer of a servlet at /s, with pages at /page/*."""
    table = {"/s": servlet, "/page/*": tell, **more.pop("table", {})}
    return routes(table, "".join(pages), classes=CLASSES, **more).get(path)


def which(answer: Any) -> str:
    return str(answer.text.partition(" ")[0])


# --- when and which ---------------------------------------------------------------------------------------

PAGES = [
    page("/page/404", code=404),
    page("/page/500", code=500),
    page("/page/base", kind="app.Base"),
    page("/page/derived", kind="app.Derived"),
]


@pytest.mark.rules("RT-EP-01", "RT-EP-10", "RT-EP-12")
@pytest.mark.parametrize(
    ("servlet", "status", "location"),
    [
        (sending(404), 404, "/404"),
        (sending(500), 500, "/500"),
        (sending(410), 410, "/default"),
        (raising(Base()), 500, "/base"),
        (raising(Derived()), 500, "/derived"),  # the nearest class
        (raising(Other()), 500, "/500"),
        (raising(SystemExit()), 500, "/500"),
        (raising(ServletException("m", Derived())), 500, "/derived"),  # its root cause
        (raising(ServletException("m", Other())), 500, "/500"),
        (raising(ServletException("m", ServletException("n", Base()))), 500, "/500"),  # one level only
        (raising(RuntimeError(Base())), 500, "/500"),
        (raising(UnavailableException("for good")), 404, "/404"),
        (raising(UnavailableException("for a while", 9)), 503, "/default"),
        (raising(ServletException("m", UnavailableException("root"))), 500, "/500"),
    ],
)
def test_which_page_answers(routes: Any, servlet: Servlet, status: int, location: str) -> None:
    answer = shown(routes, servlet, *PAGES, page("/page/default"))
    assert (answer.status, which(answer)) == (status, location)


@pytest.mark.rules("RT-EP-11")
@pytest.mark.parametrize("kind", ["jakarta.servlet.ServletException", "app.OwnServletException"])
def test_a_page_for_the_servlet_exception_beats_that_of_its_cause(routes: Any, kind: str) -> None:
    error = OwnServletException("outer", Base("root"))
    assert which(shown(routes, raising(error), *PAGES, page("/page/servlet", kind=kind))) == "/servlet"


@pytest.mark.rules("RT-EP-12")
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("java.lang.Throwable", Other()),
        ("java.lang.Exception", Other()),
        ("java.io.IOException", FileNotFoundError()),
        ("java.lang.RuntimeException", ValueError()),
        ("builtins.LookupError", KeyError()),
        ("Exception", KeyError()),
    ],
)
def test_class_names_may_be_pythons_or_javas(routes: Any, kind: str, error: Exception) -> None:
    assert which(shown(routes, raising(error), page("/page/it", kind=kind))) == "/it"


@pytest.mark.rules("RT-EP-01")
def test_missing_files_and_filters_have_pages_too(routes: Any) -> None:
    class Failing(Filter):
        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            if request.getQueryString():
                raise Base
            chain.doFilter(request, response)

    filter_ = (
        "<filter><filter-name>f</filter-name><filter-class>app.Failing</filter-class></filter>"
        "<filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )
    app = routes({"/page/*": tell}, filter_ + "".join(PAGES), classes=[*CLASSES, Failing])
    assert [which(app.get(path)) for path in ("/nothing", "/WEB-INF/web.xml", "/x?fail")] == [
        "/404",
        "/404",
        "/base",
    ]


@pytest.mark.rules("RT-EP-01")
def test_an_exception_means_500_whatever_was_set_or_sent_before(routes: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        if request.getQueryString() == "set":
            response.setStatus(404)
        else:
            response.sendError(404)
        raise Other

    app = routes({"/s": servlet, "/page/*": tell}, "".join(PAGES), classes=CLASSES)
    for path in ("/s?set", "/s?sent"):
        answer = app.get(path)
        assert (answer.status, which(answer)) == (500, "/500")


@pytest.mark.rules("RT-EP-02")
def test_the_calling_component_may_deal_with_an_exception_itself(routes: Any) -> None:
    class Catching(Filter):
        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            try:
                chain.doFilter(request, response)
            except Base:
                response.setStatus(299)
                response.getWriter().write("caught")

    filter_ = (
        "<filter><filter-name>f</filter-name><filter-class>app.Catching</filter-class></filter>"
        "<filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )
    app = routes(
        {"/s": raising(Base()), "/page/*": tell}, filter_ + "".join(PAGES), classes=[*CLASSES, Catching]
    )
    answer = app.get("/s")
    assert (answer.status, answer.text) == (299, "caught")


@pytest.mark.rules("RT-EP-04", "RT-ERR-02")
@pytest.mark.parametrize("dev", [False, True])
def test_without_a_page_an_exception_is_answered_with_one_that_tells_its_cause_to_developers_only(
    routes: Any, dev: bool
) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("half a page")
        raise Other("<detail>")

    answer = shown(routes, servlet, dev=dev)
    assert (answer.status, answer.header("Content-Type")) == (500, "text/html;charset=utf-8")
    assert "half a page" not in answer.text
    assert ("&lt;detail&gt;" in answer.text, "<detail>" in answer.text) == (dev, False)


@pytest.mark.rules("RT-EP-05")
def test_a_request_listener_that_fails_is_answered_like_a_servlet(routes: Any) -> None:
    events: list[str] = []

    def listener(name: str, error: Exception | None) -> type[ServletRequestListener]:
        def initialized(self: Any, event: Any) -> None:
            events.append(name)
            if error is not None and event.getServletRequest().getRequestURI().endswith("/s"):
                raise error

        return type(name, (ServletRequestListener,), {"requestInitialized": initialized})

    xml = "".join(
        f"<listener><listener-class>app.{name}</listener-class></listener>" for name in ("One", "Two")
    )
    app = routes(
        {"/s": lambda request, response: events.append("servlet"), "/page/*": tell, "/ok": sending(404)},
        "".join(PAGES) + xml,
        classes=[*CLASSES, listener("One", Base()), listener("Two", None)],
    )
    answer = app.get("/s")
    assert (answer.status, which(answer), events) == (500, "/base", ["One"])
    assert which(app.get("/ok")) == "/404"


# --- how it is shown --------------------------------------------------------------------------------------


@pytest.mark.rules("RT-EP-20", "RT-EP-21", "RT-EP-22")
def test_a_page_is_a_forward_of_the_original_objects_as_get(routes: Any) -> None:
    seen: list[Any] = []

    class Wrapping(Filter):
        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            chain.doFilter(HttpServletRequestWrapper(request), HttpServletResponseWrapper(response))

    def shown_page(request: Any, response: Any) -> None:
        seen.extend(
            [isinstance(request, HttpServletRequestWrapper), isinstance(response, HttpServletResponseWrapper)]
        )
        seen.extend([request.getMethod(), request.getDispatcherType().name, request.getRequestURI()])
        seen.extend(
            [request.getServletPath(), request.getPathInfo(), request.getHttpServletMapping().getPattern()]
        )
        seen.extend([request.getAttribute("jakarta.servlet.forward.request_uri"), request.getParameter("x")])

    filter_ = (
        "<filter><filter-name>f</filter-name><filter-class>app.Wrapping</filter-class></filter>"
        "<filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )
    app = routes(
        {"/s": sending(404), "/error/*": shown_page},
        filter_ + page("/error/404", code=404),
        classes=[Wrapping],
    )
    app.post("/s", "x=1")
    assert seen == [
        False, False, "GET", "ERROR", "/app/error/404", "/error", "/404", "/error/*", "/app/s", "1",
    ]  # fmt: skip


@pytest.mark.rules("RT-EP-22", "RT-EP-23", "RT-EP-24", "RT-EP-25")
@pytest.mark.parametrize(
    ("servlet", "seen"),
    [
        (sending(404, "why"), "/404 404 why None None /app/s /s GET"),
        (sending(404), "/404 404  None None /app/s /s GET"),
        (raising(Base("why")), "/base 500 why Base Base /app/s /s GET"),
        (raising(Other("why")), "/500 500 why Other Other /app/s /s GET"),
        (
            raising(ServletException("outer", Derived("root"))),
            "/derived 500 outer Derived Derived /app/s /s GET",
        ),
    ],
)
def test_what_a_page_is_told(routes: Any, servlet: Servlet, seen: str) -> None:
    assert shown(routes, servlet, *PAGES).text == seen


@pytest.mark.rules("RT-EP-24")
def test_the_page_of_a_servlet_exception_is_told_its_root_cause(routes: Any) -> None:
    servlet = raising(ServletException("outer", Other("root")))
    answer = shown(routes, servlet, page("/page/it", kind="jakarta.servlet.ServletException"))
    assert answer.text == "/it 500 outer Other Other /app/s /s GET"


@pytest.mark.rules("RT-EP-22")
def test_a_page_is_told_the_query_and_the_method_of_the_request(routes: Any) -> None:
    def tell_query(request: Any, response: Any) -> None:
        names = ERROR + "query_string", ERROR + "method"
        response.getWriter().write(
            f"{[request.getAttribute(name) for name in names]} {request.getQueryString()}"
        )

    app = routes({"/s": sending(404), "/page": tell_query}, page("/page?own=1", code=404))
    assert app.post("/s?q=1", "").text == "['q=1', 'POST'] own=1"


@pytest.mark.rules("RT-EP-26")
@pytest.mark.parametrize(("new", "status"), [(None, 410), (200, 200), (503, 503)])
def test_the_page_has_the_errors_status_and_may_change_it(routes: Any, new: int | None, status: int) -> None:
    def changing(request: Any, response: Any) -> None:
        response.getWriter().write(f"{response.getStatus()} {response.isCommitted()}")
        if new is not None:
            response.setStatus(new)

    answer = routes({"/s": sending(410), "/page": changing}, page("/page")).get("/s")
    assert (answer.status, answer.text) == (status, "410 False")


@pytest.mark.rules("RT-EP-27")
@pytest.mark.parametrize("output", ["getWriter", "getOutputStream"])
def test_the_page_begins_with_an_empty_buffer_without_length_and_with_the_headers(
    routes: Any, output: str
) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.setHeader("X-A", "a")
        response.addCookie(Cookie("k", "v"))
        response.setContentLength(5000)
        response.getOutputStream().write(b"gone")
        raise Other

    def by(request: Any, response: Any) -> None:
        getattr(response, output)().write("page" if output == "getWriter" else b"page")

    answer = routes({"/s": servlet, "/page": by}, page("/page")).get("/s")
    assert (answer.text, answer.header("Content-Length")) == ("page", "4")
    assert (answer.header("X-A"), answer.cookies) == ("a", {"k": "v"})


@pytest.mark.rules("RT-EP-28")
@pytest.mark.parametrize(
    ("pages", "text"),
    [
        ([], "sent buffered"),
        ([page("/page/base", kind="app.Base")], "sent buffered/base 500  Base Base /app/s /s GET"),
        ([page("/page/default")], "sent buffered/default 200  Base Base /app/s /s GET"),
        ([page("/page/500", code=500)], "sent buffered"),
        ([page("/nothing", kind="app.Base")], "sent buffered"),
    ],
)
def test_what_was_sent_before_an_exception_is_followed_by_the_page_and_no_end(
    routes: Any, pages: list[str], text: str
) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("sent ")
        response.flushBuffer()
        response.getWriter().write("buffered")
        raise Base

    answer = shown(routes, servlet, *pages)
    assert (answer.status, answer.text, answer.broken) == (200, text, True)


@pytest.mark.rules("RT-EP-28", "RT-EP-29")
def test_a_page_that_fails_then_does_not_matter(routes: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("sent")
        response.flushBuffer()
        raise Base

    app = routes({"/s": servlet, "/page": raising(Other()), "/ok": sending(200)}, page("/page"))
    answer = app.get("/s")
    assert (answer.text, answer.broken) == ("sent", True)


@pytest.mark.rules("RT-EP-28")
def test_an_exception_after_the_answer_was_closed_does_not_break_it(routes: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write("complete")
        response.getWriter().close()
        raise Base

    client = (app := routes({"/s": servlet})).connect()
    for _ in range(2):
        client.send(b"GET /app/s HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = client.answer()
        assert (answer.text, answer.broken) == ("complete", False)
    assert app.running


@pytest.mark.rules("RT-EP-29")
@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (raising(Base()), 404),
        (raising(SystemExit()), 404),
        (sending(404), 404),
        (sending(503), 503),
    ],
)
def test_a_page_that_fails_is_replaced_and_never_loops(routes: Any, bad: Servlet, status: int) -> None:
    calls: list[int] = []

    def counted(request: Any, response: Any) -> None:
        calls.append(1)
        response.getWriter().write("half")
        bad(request, response)

    app = routes({"/s": sending(404), "/page": counted}, page("/page"))
    answer = app.get("/s")
    assert (answer.status, calls) == (status, [1])
    assert "<!doctype html>" in answer.text
    assert "half" not in answer.text


@pytest.mark.rules("RT-EP-30")
@pytest.mark.parametrize(
    "header",
    [
        "Accept: */*",
        "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
        "If-None-Match: *",
        "Range: bytes=0-1",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_file_as_page_keeps_the_errors_status(routes: Any, header: str, method: str) -> None:
    app = routes({"/s": sending(404)}, page("/missing.html", code=404), files={"missing.html": "<p>missing"})
    answer = app.request(method, "/s", header)
    assert (answer.status, answer.text, answer.header("Content-Type")) == (404, "<p>missing", "text/html")


@pytest.mark.rules("RT-EP-31")
def test_a_page_that_is_not_there_is_replaced(routes: Any) -> None:
    answer = shown(routes, sending(404, "why"), page("/nothing.html", code=404))
    assert (answer.status, "<!doctype html>" in answer.text) == (404, True)


@pytest.mark.rules("RT-EP-32")
def test_pages_serve_their_own_web_app_only(routes: Any) -> None:
    with_page = routes({"/s": sending(404), "/page/*": tell}, page("/page/404", code=404))
    assert which(with_page.get("/s")) == "/404"
    without = routes({"/s": sending(404)}, name="other")
    assert "<!doctype html>" in without.get("/s").text
    unknown = without.send(b"GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")[0]
    assert (unknown.status, "/404" in unknown.text) == (404, False)


@pytest.mark.rules("RT-EP-33")
@pytest.mark.parametrize("how", ["dispatch", "raise"])
def test_an_asynchronous_request_has_its_page_too(routes: Any, how: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        context = request.startAsync()
        if how == "raise":
            raise Base
        context.dispatch("/failing")

    answer = shown(routes, servlet, *PAGES, table={"/failing": raising(Base())})
    assert (answer.status, which(answer)) == (500, "/base")


@pytest.mark.rules("RT-EP-29")
def test_head_gets_the_pages_head_only(routes: Any) -> None:
    app = routes({"/s": sending(404), "/page/*": tell}, page("/page/404", code=404))
    get, head = app.get("/s"), app.request("HEAD", "/s")
    assert (head.status, head.body) == (404, b"")
    assert head.header("Content-Length") == str(len(get.body) + len("HEAD") - len("GET"))
