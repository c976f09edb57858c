"""Filters: which ones a dispatch passes, in which order, and what they may do (Servlet 6.1, chapter 6)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import (
    DispatcherType,
    Filter,
    HttpServletRequestWrapper,
    HttpServletResponseWrapper,
    NullPointerException,
    ServletContextListener,
    ServletException,
    UnavailableException,
)

Step = Callable[[Any, Any, Any], None]
ALL = "REQUEST FORWARD INCLUDE ERROR ASYNC"


def declared(name: str, *, more: str = "") -> str:
    return (
        f"<filter><filter-name>{name}</filter-name><filter-class>app.{name}</filter-class>"
        f"<async-supported>true</async-supported>{more}</filter>"
    )


def mapped(name: str, *, pattern: str = "", servlet: str = "", on: str = "") -> str:
    target = (
        f"<url-pattern>{pattern}</url-pattern>" if not servlet else f"<servlet-name>{servlet}</servlet-name>"
    )
    types = "".join(f"<dispatcher>{each}</dispatcher>" for each in on.split())
    return f"<filter-mapping><filter-name>{name}</filter-name>{target}{types}</filter-mapping>"


def make(name: str, step: Step) -> type[Filter]:
    def do_filter(self: Any, request: Any, response: Any, chain: Any) -> None:
        step(request, response, chain)

    return type(name, (Filter,), {"doFilter": do_filter})


def tracing(name: str) -> type[Filter]:
    """A filter that says its name in a header, once for every call."""

    def step(request: Any, response: Any, chain: Any) -> None:
        response.addHeader("X-Passed", f"{name}:{request.getDispatcherType().name}")
        chain.doFilter(request, response)

    return make(name, step)


def names(*letters: str) -> list[type[Filter]]:
    return [tracing(letter) for letter in letters]


def passed(answer: Any) -> list[str]:
    return [value.partition(":")[0] for value in answer.all("X-Passed")]


def ok(request: Any, response: Any) -> None:
    response.getWriter().write("ok")


@pytest.mark.rules("RT-FLT-03")
def test_url_patterns_come_before_servlet_names_each_in_order(routes: Any) -> None:
    app = routes(
        {"/s": ok},
        declared("A") + declared("B") + declared("C") + declared("D")
        + mapped("D", servlet="/s") + mapped("B", pattern="/*")
        + mapped("C", servlet="*") + mapped("A", pattern="/s"),
        classes=names("A", "B", "C", "D"),
    )  # fmt: skip
    assert passed(app.get("/s")) == ["B", "A", "D", "C"]


@pytest.mark.rules("RT-FLT-05")
@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("/s", ["/s"], ["/s/", "/s/x", "/t"]),
        ("/s/*", ["/s", "/s/", "/s/x/y"], ["/st", "/t"]),
        ("/*", ["/", "/s", "/t/x.do"], []),
        ("*.do", ["/x.do", "/t/x.do"], ["/do", "/x.do/y", "/x.doo"]),
        ("/", ["/"], ["/s", "/x"]),
        ("", ["/"], ["/s", "/x"]),
    ],
)
def test_a_pattern_matches_the_whole_path(
    routes: Any, pattern: str, matching: list[str], others: list[str]
) -> None:
    app = routes({"/*": ok}, declared("A") + mapped("A", pattern=pattern), classes=names("A"))
    assert [path for path in (*matching, *others) if passed(app.get(path))] == matching


@pytest.mark.rules("RT-FLT-05", "RT-FLT-08")
def test_every_matching_mapping_counts_but_a_filter_runs_once_at_its_first_place(routes: Any) -> None:
    app = routes(
        {"/s/*": ok},
        declared("A") + declared("B")
        + mapped("A", pattern="/s/*") + mapped("B", pattern="/*")
        + mapped("A", pattern="/*") + mapped("A", servlet="*"),
        classes=names("A", "B"),
    )  # fmt: skip
    assert passed(app.get("/s/x")) == ["A", "B"]
    assert passed(app.get("/other")) == ["B", "A"]


def forward(request: Any, response: Any) -> None:
    request.getRequestDispatcher("/target").forward(request, response)


def include(request: Any, response: Any) -> None:
    request.getRequestDispatcher("/target").include(request, response)


def fail(request: Any, response: Any) -> None:
    response.sendError(410)


def asynchronous(request: Any, response: Any) -> None:
    request.startAsync().dispatch("/target")


@pytest.mark.rules("RT-FLT-04", "RT-FLT-06", "RT-EP-21", "RT-RD-14", "RT-INC-03")
@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("/target", "REQUEST"),
        ("/forward", "FORWARD"),
        ("/include", ""),  # it ran, but an include cannot set headers: see below
        ("/fail", "ERROR"),
        ("/async", "ASYNC"),
    ],
)
def test_a_mapping_counts_for_its_dispatcher_types_and_the_path_of_the_target(
    routes: Any, path: str, types: str
) -> None:
    entered: list[str] = []

    def note(request: Any, response: Any, chain: Any) -> None:
        entered.append(request.getDispatcherType().name)
        response.addHeader("X-Passed", request.getDispatcherType().name)
        chain.doFilter(request, response)

    page = "<error-page><error-code>410</error-code><location>/target</location></error-page>"
    app = routes(
        {"/target": ok, "/forward": forward, "/include": include, "/fail": fail, "/async": asynchronous},
        declared("A") + mapped("A", pattern="/target", on=ALL) + page,
        classes=[make("A", note)],
    )
    assert app.get(path).all("X-Passed") == ([types] if types else [])
    assert entered == [types or "INCLUDE"]


@pytest.mark.rules("RT-FLT-04")
@pytest.mark.parametrize("path", ["/forward", "/include", "/fail", "/async"])
def test_without_dispatcher_elements_a_mapping_is_for_requests_only(routes: Any, path: str) -> None:
    page = "<error-page><error-code>410</error-code><location>/target</location></error-page>"
    app = routes(
        {"/target": ok, "/forward": forward, "/include": include, "/fail": fail, "/async": asynchronous},
        declared("A") + mapped("A", pattern="/target") + page,
        classes=names("A"),
    )
    answer = app.get(path)
    assert (answer.text, passed(answer)) == ("ok", [])


@pytest.mark.rules("RT-FLT-07")
def test_only_servlet_names_match_a_named_dispatch(routes: Any) -> None:
    def named(request: Any, response: Any) -> None:
        request.getServletContext().getNamedDispatcher("/target").forward(request, response)

    app = routes(
        {"/target": ok, "/named": named},
        declared("A") + declared("B") + declared("C")
        + mapped("A", pattern="/*", on="FORWARD") + mapped("B", servlet="/target", on="FORWARD")
        + mapped("C", servlet="*", on="FORWARD"),
        classes=names("A", "B", "C"),
    )  # fmt: skip
    assert passed(app.get("/named")) == ["B", "C"]


@pytest.mark.rules("RT-FLT-09", "RT-FLT-10", "RT-FLT-06")
@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/page.html", 200, ["A"]),
        ("/nothing", 404, ["A"]),
        ("/", 200, ["A", "W"]),
        ("/WEB-INF/x", 404, []),
    ],
)
def test_files_welcome_files_and_missing_ones_are_filtered_too(
    routes: Any, path: str, status: int, expected: list[str]
) -> None:
    app = routes(
        {"/s": ok, "/start": ok},
        declared("A") + declared("W") + mapped("A", pattern="/*") + mapped("W", servlet="/start")
        + "<welcome-file-list><welcome-file>start</welcome-file></welcome-file-list>",
        classes=names("A", "W"),
        files={"page.html": "<p>"},
    )  # fmt: skip
    answer = app.get(path)
    assert (answer.status, passed(answer)) == (status, expected)


@pytest.mark.rules("RT-FLT-11", "RT-FLT-19")
def test_the_next_one_gets_exactly_the_objects_passed_on(routes: Any) -> None:
    given: list[Any] = []

    def wrap(request: Any, response: Any, chain: Any) -> None:
        given[:] = [HttpServletRequestWrapper(request), HttpServletResponseWrapper(response)]
        chain.doFilter(*given)

    def same(request: Any, response: Any) -> None:
        response.getWriter().write(f"{request is given[0]} {response is given[1]}")

    app = routes({"/s": same}, declared("A") + mapped("A", pattern="/s"), classes=[make("A", wrap)])
    assert app.get("/s").text == "True True"


@pytest.mark.rules("RT-FLT-19", "RT-RD-10", "RT-INC-02")
@pytest.mark.parametrize("how", ["forward", "include", "async"])
def test_a_dispatch_target_sees_the_wrappers_it_was_given(routes: Any, how: str) -> None:
    class Request(HttpServletRequestWrapper):
        def getParameter(self, name: str) -> Any:
            return "wrapped"

    class Response(HttpServletResponseWrapper):
        def getWriter(self) -> Any:
            writer = super().getWriter()
            writer.write("<")
            return writer

    def source(request: Any, response: Any) -> None:
        wrapped = Request(request), Response(response)
        if how == "async":
            request.startAsync(*wrapped).dispatch("/target")
        else:
            getattr(request.getRequestDispatcher("/target"), how)(*wrapped)

    def target(request: Any, response: Any) -> None:
        response.getWriter().write(request.getParameter("x"))

    app = routes({"/s": source, "/target": target})
    assert app.get("/s").text.startswith("<wrapped")


@pytest.mark.rules("RT-FLT-12")
def test_a_filter_that_does_not_go_on_owns_the_response(routes: Any) -> None:
    def block(request: Any, response: Any, chain: Any) -> None:
        response.setStatus(402)
        response.getWriter().write("blocked")

    app = routes(
        {"/s": ok},
        declared("A") + declared("B") + mapped("A", pattern="/*") + mapped("B", pattern="/*"),
        classes=[make("A", block), tracing("B")],
    )
    answer = app.get("/s")
    assert (answer.status, answer.text, passed(answer)) == (402, "blocked", [])


@pytest.mark.rules("RT-FLT-13")
def test_after_the_chain_a_filter_sees_and_changes_headers_until_the_commit(routes: Any) -> None:
    def look(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, response)
        response.setHeader(
            "X-Seen", f"{response.getStatus()} {response.getHeader('X-S')} {response.isCommitted()}"
        )

    def servlet(request: Any, response: Any) -> None:
        response.setStatus(202)
        response.setHeader("X-S", "s")
        response.getWriter().write("ok")
        if request.getQueryString() == "flush":
            response.flushBuffer()

    app = routes({"/s": servlet}, declared("A") + mapped("A", pattern="/*"), classes=[make("A", look)])
    assert app.get("/s").header("X-Seen") == "202 s False"
    assert app.get("/s?flush").header("X-Seen") is None


@pytest.mark.rules("RT-FLT-14", "RT-FLT-15")
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnavailableException("for good"), 404),
        (UnavailableException("for a while", 30), 503),
        (ServletException("no"), 500),
        (KeyError("k"), 500),
        (SystemExit(), 500),
    ],
)
def test_what_a_filter_raises_ends_the_chain_and_is_answered(
    routes: Any, error: BaseException, status: int
) -> None:
    failing = [True]
    seen: list[str] = []

    def outer(request: Any, response: Any, chain: Any) -> None:
        try:
            chain.doFilter(request, response)
        except BaseException as raised:
            seen.append(type(raised).__name__)
            raise

    def inner(request: Any, response: Any, chain: Any) -> None:
        if failing[0]:
            raise error
        chain.doFilter(request, response)

    def servlet(request: Any, response: Any) -> None:
        seen.append("servlet")
        ok(request, response)

    app = routes(
        {"/s": servlet},
        declared("A") + declared("B") + mapped("A", pattern="/*") + mapped("B", pattern="/*"),
        classes=[make("A", outer), make("B", inner)],
    )
    assert app.get("/s").status == status
    assert seen == [type(error).__name__]
    failing[0] = False
    assert app.get("/s").text == "ok"


@pytest.mark.rules("RT-FLT-01", "RT-FLT-16")
def test_a_filter_lives_as_long_as_the_web_app(routes: Any) -> None:
    events: list[str] = []

    class A(Filter):
        def __init__(self) -> None:
            events.append("made")

        def init(self, config: Any) -> None:
            events.append(f"init {config.getFilterName()} {config.getInitParameter('p')}")

        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            events.append("doFilter")
            chain.doFilter(request, response)

        def destroy(self) -> None:
            events.append("destroy")

    parameter = "<init-param><param-name>p</param-name><param-value>v</param-value></init-param>"
    app = routes(
        {"/s": ok},
        declared("A", more=parameter) + mapped("A", pattern="/s") + mapped("A", servlet="*", on="FORWARD"),
        classes=[A],
    )
    assert events == ["made", "init A v"]
    app.get("/s")
    app.get("/s")
    app.stop()
    assert events[2:] == ["doFilter", "doFilter", "destroy"]


@pytest.mark.rules("RT-FLT-16")
def test_destroy_waits_for_the_calls_that_run(routes: Any) -> None:
    inside, go_on = threading.Event(), threading.Event()
    events: list[str] = []

    class A(Filter):
        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            inside.set()
            assert go_on.wait(10)
            chain.doFilter(request, response)
            events.append("left")

        def destroy(self) -> None:
            events.append("destroyed")

    app = routes({"/s": ok}, declared("A") + mapped("A", pattern="/*"), classes=[A])
    client = app.connect()
    client.send(f"GET {app.context.path}/s HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert inside.wait(10)
    stopping = threading.Thread(target=app.stop)
    stopping.start()
    go_on.set()
    stopping.join(10)
    assert events == ["left", "destroyed"]


@pytest.mark.rules("RT-FLT-02")
@pytest.mark.parametrize(
    "error", [UnavailableException("not yet", 1), ServletException("no"), ValueError("no")]
)
def test_a_filter_whose_init_fails_keeps_the_web_app_from_starting(
    deploy: Any, web_xml: Any, error: Exception
) -> None:
    class A(Filter):
        def init(self, config: Any) -> None:
            raise error

    app = deploy(web_xml(declared("A") + mapped("A", pattern="/*")), classes=[A])
    assert not app.running
    assert any("filter A" in problem for problem in app.problems)


@pytest.mark.rules("RT-FLT-17")
def test_programmatic_mappings_stand_before_or_after_the_declared_ones(routes: Any) -> None:
    types = {DispatcherType.REQUEST}

    class Setup(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            context = event.getServletContext()
            for name in "PQRS":
                context.addFilter(name, tracing(name)()).setAsyncSupported(True)
            context.getFilterRegistration("P").addMappingForUrlPatterns(types, True, "/s")
            context.getFilterRegistration("Q").addMappingForUrlPatterns(types, False, "/s")
            context.getFilterRegistration("R").addMappingForUrlPatterns(types, False, "/*")
            context.getFilterRegistration("S").addMappingForServletNames(types, False, "/s")

    app = routes(
        {"/s": ok},
        declared("A") + declared("B") + mapped("B", servlet="/s") + mapped("A", pattern="/*")
        + "<listener><listener-class>app.Setup</listener-class></listener>",
        classes=[*names("A", "B"), Setup],
    )  # fmt: skip
    assert passed(app.get("/s")) == ["Q", "R", "A", "P", "S", "B"]


@pytest.mark.rules("RT-FLT-17", "RT-FLT-04")
@pytest.mark.parametrize(
    ("path", "type_"),
    [("/forward", DispatcherType.FORWARD), ("/async", DispatcherType.ASYNC), ("/fail", DispatcherType.ERROR)],
)
def test_programmatic_mappings_have_dispatcher_types_and_none_means_requests(
    routes: Any, path: str, type_: DispatcherType
) -> None:
    class Setup(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            for name, kinds in (("P", {type_}), ("Q", None)):
                registration = event.getServletContext().addFilter(name, tracing(name)())
                registration.setAsyncSupported(True)
                registration.addMappingForUrlPatterns(kinds, True, "/target")

    page = "<error-page><error-code>410</error-code><location>/target</location></error-page>"
    app = routes(
        {"/target": ok, "/forward": forward, "/async": asynchronous, "/fail": fail},
        "<listener><listener-class>app.Setup</listener-class></listener>" + page,
        classes=[Setup],
    )
    assert passed(app.get(path)) == ["P"]
    assert passed(app.get("/target")) == ["Q"]


@pytest.mark.rules("RT-FLT-18")
@pytest.mark.parametrize(("supported", "expected"), [("true", "True"), ("false", "False")])
def test_a_filter_without_async_support_takes_it_from_everything_below(
    routes: Any, supported: str, expected: str
) -> None:
    def say(request: Any, response: Any) -> None:
        response.getWriter().write(str(request.isAsyncSupported()))

    xml = declared("A").replace("<async-supported>true", f"<async-supported>{supported}")
    app = routes({"/s": say, "/t": say}, xml + mapped("A", pattern="/s"), classes=names("A"))
    assert (app.get("/s").text, app.get("/t").text) == (expected, "True")


@pytest.mark.rules("RT-FLT-11")
def test_going_on_without_a_request_is_the_filters_mistake(routes: Any) -> None:
    def step(request: Any, response: Any, chain: Any) -> None:
        try:
            chain.doFilter(None, None)
        except NullPointerException:
            response.getWriter().write("refused")

    app = routes(
        {"/s": ok},
        declared("A") + declared("B").replace("<async-supported>true", "<async-supported>false")
        + mapped("A", pattern="/*") + mapped("B", pattern="/*"),
        classes=[make("A", step), tracing("B")],
    )  # fmt: skip
    assert app.get("/s").text == "refused"


@pytest.mark.rules("RT-FLT-20")
def test_security_constraints_come_before_the_filters(routes: Any) -> None:
    app = routes(
        {"/s": ok},
        declared("A") + mapped("A", pattern="/*")
        + "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
        "<url-pattern>/s</url-pattern></web-resource-collection><auth-constraint/></security-constraint>",
        classes=names("A"),
    )  # fmt: skip
    answer = app.get("/s")
    assert (answer.status, passed(answer)) == (403, [])


@pytest.mark.rules("RT-FLT-21")
def test_a_filter_that_changes_the_body_may_take_the_length_away(routes: Any) -> None:
    class Upper(HttpServletResponseWrapper):
        def getOutputStream(self) -> Any:
            return self

        def setContentLengthLong(self, len: int) -> None:
            pass

        def setContentLength(self, len: int) -> None:
            pass

        def write(self, data: bytes) -> None:
            self.getResponse().getOutputStream().write(data.upper() + b"!")

    def step(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, Upper(response))

    def servlet(request: Any, response: Any) -> None:
        response.setContentLength(3)
        response.getOutputStream().write(b"abc")

    app = routes({"/s": servlet}, declared("A") + mapped("A", pattern="/*"), classes=[make("A", step)])
    answer = app.get("/s")
    assert (answer.body, answer.header("Content-Length")) == (b"ABC!", "4")
