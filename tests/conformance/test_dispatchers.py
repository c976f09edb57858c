"""RequestDispatcher: where it leads, what its target sees, what is left afterwards (Servlet 6.1 §9)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import (
    DispatcherType,
    HttpServletRequestWrapper,
    HttpServletResponseWrapper,
    IllegalArgumentException,
    IllegalStateException,
    ServletException,
    ServletRequestListener,
    UnavailableException,
)

Servlet = Callable[[Any, Any], None]
FORWARD, INCLUDE = "jakarta.servlet.forward.", "jakarta.servlet.include."
NAMES = ("request_uri", "context_path", "servlet_path", "path_info", "query_string")


def go(how: str, path: str) -> Servlet:
    """A servlet that forwards or includes; "named forward" by the servlet's name, which is its pattern."""

    def servlet(request: Any, response: Any) -> None:
        name, _, kind = how.rpartition(" ")
        find = request.getServletContext().getNamedDispatcher if name else request.getRequestDispatcher
        getattr(find(path), kind)(request, response)

    return servlet


def paths(request: Any) -> str:
    """Say where the request seems to be."""
    mapping = request.getHttpServletMapping()
    seen = request.getRequestURI(), request.getServletPath(), request.getPathInfo(), request.getQueryString()
    return " ".join(map(str, (*seen, mapping.getPattern(), request.getDispatcherType().name)))


def tell_paths(request: Any, response: Any) -> None:
    response.getWriter().write(paths(request))


def attributes(request: Any, prefix: str) -> str:
    """Say the standard attributes that are there."""
    names = set(request.getAttributeNames())
    present = [name for name in NAMES if prefix + name in names]
    text = " ".join(f"{name}={request.getAttribute(prefix + name)}" for name in present)
    mapping = request.getAttribute(prefix + "mapping")
    return text if mapping is None else f"{text} mapping={mapping.getPattern()}"


def tell_attributes(prefix: str) -> Servlet:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write(attributes(request, prefix))

    return servlet


def write(text: str) -> Servlet:
    def servlet(request: Any, response: Any) -> None:
        response.getWriter().write(text)

    return servlet


def answer_of(routes: Any, function: Servlet, path: str = "/a/b?q=1", **more: Any) -> str:
    """The text of one servlet at /a/*, next to /t/* which tells its paths."""
    return str(routes({"/a/*": function, "/t/*": tell_paths}, **more).get(path).text)


# --- obtaining one ----------------------------------------------------------------------------------------


@pytest.mark.rules("RT-RD-01", "RT-RD-08")
@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/t/x", "/app/t/x /t /x q=1 /t/* FORWARD"),
        ("/t/x?c=2", "/app/t/x /t /x c=2 /t/* FORWARD"),
        ("/t/x?c=2;d", "/app/t/x /t /x c=2;d /t/* FORWARD"),
        ("/t/./y/../x", "/app/t/./y/../x /t /x q=1 /t/* FORWARD"),
        ("/t//x", "/app/t//x /t /x q=1 /t/* FORWARD"),
        ("/t/%41%2Fb", "/app/t/%41%2Fb /t /A/b q=1 /t/* FORWARD"),
        ("/t/a;p=1/b", "/app/t/a;p=1/b /t /a/b q=1 /t/* FORWARD"),
        ("/t/x/.", "/app/t/x/. /t /x q=1 /t/* FORWARD"),
        ("/t/x/y/..", "/app/t/x/y/.. /t /x q=1 /t/* FORWARD"),
        ("/t/x#f?g", "/app/t/x /t /x q=1 /t/* FORWARD"),
        ("/t/x?c=2#f", "/app/t/x /t /x c=2 /t/* FORWARD"),
        ("/t\\x", "/app/t\\x /t /x q=1 /t/* FORWARD"),
    ],
)
def test_a_dispatcher_of_the_context(routes: Any, path: str, seen: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        request.getServletContext().getRequestDispatcher(path).forward(request, response)

    assert answer_of(routes, servlet) == seen


@pytest.mark.rules("RT-RD-01")
@pytest.mark.parametrize(("path", "text"), [("/file.txt", "file"), ("", "start"), ("/", "start")])
def test_files_and_the_empty_path_have_dispatchers_too(routes: Any, path: str, text: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        request.getServletContext().getRequestDispatcher(path).forward(request, response)

    assert answer_of(routes, servlet, files={"file.txt": "file", "index.html": "start"}) == text


@pytest.mark.rules("RT-RD-01", "RT-RD-02", "RT-RD-03", "RT-RD-05", "RT-RD-07")
@pytest.mark.parametrize(
    ("find", "result"),
    [
        (lambda request: request.getServletContext().getRequestDispatcher(None), "None"),
        (lambda request: request.getServletContext().getRequestDispatcher("t/x"), "IllegalArgumentException"),
        (lambda request: request.getServletContext().getRequestDispatcher("/../x"), "None"),
        (
            lambda request: request.getServletContext().getRequestDispatcher("/t/%zz"),
            "IllegalArgumentException",
        ),
        (lambda request: request.getServletContext().getRequestDispatcher("/t/%00"), "None"),
        (lambda request: request.getRequestDispatcher(None), "None"),
        (lambda request: request.getRequestDispatcher("../../x"), "None"),
        (lambda request: request.getRequestDispatcher("/t/%"), "IllegalArgumentException"),
        (lambda request: request.getServletContext().getNamedDispatcher(None), "None"),
        (lambda request: request.getServletContext().getNamedDispatcher("nobody"), "None"),
        (lambda request: request.getServletContext().getContext("/nowhere"), "None"),
        (lambda request: request.getServletContext().getContext(None), "None"),
    ],
)
def test_what_has_no_dispatcher(routes: Any, find: Callable[[Any], Any], result: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        try:
            found = str(find(request))
        except IllegalArgumentException as error:
            found = type(error).__name__
        response.getWriter().write(found)

    assert answer_of(routes, servlet) == result


@pytest.mark.rules("RT-RD-03")
@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("x", "/app/t/x /t /x"),
        ("./x", "/app/t/./x /t /x"),
        ("../t/x", "/app/t/../t/x /t /x"),
        ("/t/x", "/app/t/x /t /x"),
        ("?c=2", "/app/t/ /t /"),
        ("#f", "/app/t/ /t /"),
    ],
)
def test_a_dispatcher_of_the_request_is_relative_to_its_path(routes: Any, path: str, seen: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        if request.getDispatcherType() is DispatcherType.REQUEST:
            request.getRequestDispatcher(path).forward(request, response)
        else:
            tell_paths(request, response)

    assert routes({"/t/*": servlet}).get("/t/start").text.startswith(seen)


@pytest.mark.rules("RT-RD-04")
def test_in_an_include_relative_means_relative_to_the_included_path(routes: Any) -> None:
    app = routes({"/a": go("include", "/t/deep/b"), "/t/deep/b": go("forward", "c"), "/t/*": tell_paths})
    assert app.get("/a").text.startswith("/app/t/deep/c ")


@pytest.mark.rules("RT-RD-05", "RT-FWD-04")
def test_a_named_forward_leaves_the_paths_alone(routes: Any) -> None:
    def target(request: Any, response: Any) -> None:
        response.getWriter().write(f"{paths(request)}|{attributes(request, FORWARD)}")

    app = routes({"/a/*": go("named forward", "/t"), "/t": target})
    assert app.get("/a/b?q=1").text == "/app/a/b /a /b q=1 /a/* FORWARD|"


@pytest.mark.rules("RT-RD-06")
@pytest.mark.parametrize("how", ["forward", "include"])
@pytest.mark.parametrize("path", ["/WEB-INF/view.txt", "/secret/x", "/META-INF/view.txt"])
def test_dispatchers_pass_what_is_closed_to_clients(routes: Any, how: str, path: str) -> None:
    closed = (
        "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
        "<url-pattern>/secret/*</url-pattern></web-resource-collection><auth-constraint/></security-constraint>"
    )
    app = routes(
        {"/a": go(how, path), "/secret/*": write("view")},
        closed,
        files={"WEB-INF/view.txt": "view", "META-INF/view.txt": "view"},
    )
    assert (app.get("/a").text, app.get(path).status) == ("view", 403 if "secret" in path else 404)


@pytest.mark.rules("RT-RD-07")
def test_other_web_apps_are_out_of_reach(serve: Any, deploy: Any, web_xml: Any) -> None:
    def servlet(request: Any, response: Any) -> None:
        context = request.getServletContext()
        found = context.getContext("/other"), context.getContext("/app") is context
        response.getWriter().write(str(found))

    app = serve(servlet)
    deploy(web_xml(""), name="other")
    assert app.get("/").text == "(None, True)"


# --- what every dispatch has in common --------------------------------------------------------------------


@pytest.mark.rules("RT-RD-10")
@pytest.mark.parametrize("how", ["forward", "include"])
@pytest.mark.parametrize("wrong", ["request", "response"])
def test_only_the_requests_own_objects_can_be_dispatched(routes: Any, how: str, wrong: str) -> None:
    def servlet(request: Any, response: Any) -> None:
        arguments = [object(), response] if wrong == "request" else [request, object()]
        try:
            getattr(request.getRequestDispatcher("/t/x"), how)(*arguments)
        except (IllegalArgumentException, AttributeError):
            response.getWriter().write("refused")

    assert answer_of(routes, servlet) == "refused"


@pytest.mark.rules("RT-RD-11")
@pytest.mark.parametrize("how", ["forward", "include"])
def test_the_target_runs_in_the_same_thread(routes: Any, how: str) -> None:
    threads: list[int] = []

    def source(request: Any, response: Any) -> None:
        threads.append(threading.get_ident())
        go(how, "/t")(request, response)

    routes({"/a": source, "/t": lambda request, response: threads.append(threading.get_ident())}).get("/a")
    assert threads[0] == threads[1]


@pytest.mark.rules("RT-RD-12", "RT-FWD-06")
@pytest.mark.parametrize("how", ["forward", "include"])
@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("a=2&c=3", {"a": ["2", "1"], "b": ["1"], "c": ["3"]}),
        ("a=2&a=3", {"a": ["2", "3", "1"], "b": ["1"]}),
        ("", {"a": ["1"], "b": ["1"]}),
        ("a", {"a": ["", "1"], "b": ["1"]}),
    ],
)
def test_parameters_of_the_dispatcher_come_first_and_for_its_time_only(
    routes: Any, how: str, query: str, values: dict[str, list[str]]
) -> None:
    seen: list[Any] = []

    def look(request: Any, response: Any) -> None:
        seen.append({name: list(value) for name, value in request.getParameterMap().items()})

    def source(request: Any, response: Any) -> None:
        look(request, response)
        go(how, f"/t?{query}")(request, response)
        look(request, response)

    routes({"/a": source, "/t": look}).get("/a?a=1&b=1")
    plain = {"a": ["1"], "b": ["1"]}
    assert seen == [plain, values, plain]


@pytest.mark.rules("RT-RD-13", "RT-FWD-03", "RT-INC-02", "RT-INC-05")
@pytest.mark.parametrize("how", ["forward", "include", "named forward", "named include"])
def test_afterwards_the_request_is_as_before(routes: Any, how: str) -> None:
    seen: list[str] = []

    def look(request: Any) -> None:
        seen.append(f"{paths(request)} {attributes(request, FORWARD)} {attributes(request, INCLUDE)}")

    def source(request: Any, response: Any) -> None:
        look(request)
        go(how, "/t")(request, response)
        look(request)

    routes({"/a/*": source, "/t": lambda request, response: look(request)}).get("/a/b?q=1")
    assert seen[0] == seen[2]
    assert how.rpartition(" ")[2].upper() in seen[1]


class CheckedError(Exception):
    """Of the application's own."""


@pytest.mark.rules("RT-RD-15", "RT-FWD-08", "RT-EP-02")
@pytest.mark.parametrize("how", ["forward", "include"])
@pytest.mark.parametrize("error", [OSError, ServletException, RuntimeError, CheckedError, SystemExit])
def test_the_caller_gets_what_the_target_raises_and_goes_on(
    routes: Any, how: str, error: type[BaseException]
) -> None:
    thrown = error("boom")

    def target(request: Any, response: Any) -> None:
        response.getWriter().write("target ")
        raise thrown

    def source(request: Any, response: Any) -> None:
        try:
            go(how, "/t")(request, response)
        except BaseException as caught:  # noqa: BLE001  SystemExit, too
            response.setStatus(202)
            response.getWriter().write(str(caught is thrown))

    answer = routes({"/a": source, "/t": target}).get("/a")
    assert (answer.status, answer.text) == (202, "target True")


@pytest.mark.rules("RT-RD-16")
@pytest.mark.parametrize(
    ("error", "status"), [(UnavailableException("x"), 404), (UnavailableException("x", 9), 503)]
)
def test_an_unavailable_target(routes: Any, error: Exception, status: int) -> None:
    def target(request: Any, response: Any) -> None:
        raise error

    app = routes({"/a": go("forward", "/t"), "/t": target})
    assert [app.get("/a").status for _ in range(2)] == [status, status]


@pytest.mark.rules("RT-RD-17")
@pytest.mark.parametrize("how", ["forward", "include"])
def test_what_the_target_keeps_for_later_stays_forwarded_or_included(routes: Any, how: str) -> None:
    def target(request: Any, response: Any) -> None:
        context = request.startAsync(request, response)

        def later() -> None:
            request = context.getRequest()
            context.getResponse().getWriter().write(f"{paths(request)}|{attributes(request, INCLUDE)}")
            context.complete()

        context.start(later)

    text = routes({"/a": go(how, "/t"), "/t": target}).get("/a").text
    assert text == {
        "forward": "/app/t /t None None /t FORWARD|",
        "include": "/app/a /a None None /a INCLUDE|"
        "request_uri=/app/t context_path=/app servlet_path=/t mapping=/t",
    }[how]  # fmt: skip


@pytest.mark.rules("RT-RD-18")
@pytest.mark.parametrize("how", ["forward", "include"])
def test_request_listeners_hear_of_the_request_only_once(routes: Any, how: str) -> None:
    events: list[str] = []

    class Listener(ServletRequestListener):
        def requestInitialized(self, event: Any) -> None:
            events.append("initialized")

        def requestDestroyed(self, event: Any) -> None:
            events.append("destroyed")

    listener = "<listener><listener-class>app.Listener</listener-class></listener>"
    app = routes({"/a": go(how, "/t"), "/t": write("t")}, listener, classes=[Listener])
    app.get("/a")
    assert app.context.wait_idle(10)
    assert events == ["initialized", "destroyed"]


def test_an_endless_chain_ends(routes: Any) -> None:
    app = routes({"/a": go("include", "/a"), "/b": go("forward", "/b"), "/ok": write("ok")})
    assert [app.get(path).status for path in ("/a", "/b")] == [500, 500]
    assert app.get("/ok").text == "ok"


# --- forward ----------------------------------------------------------------------------------------------


@pytest.mark.rules("RT-FWD-01")
@pytest.mark.parametrize(
    "close",
    [
        lambda r: r.flushBuffer(),
        lambda r: r.sendError(410),
        lambda r: r.sendRedirect("/x"),
        lambda r: r.getWriter().close(),
    ],
    ids=["flush", "sendError", "sendRedirect", "close"],
)  # fmt: skip
def test_nothing_is_forwarded_after_the_commit(routes: Any, close: Callable[[Any], None]) -> None:
    events: list[str] = []

    def source(request: Any, response: Any) -> None:
        close(response)
        with pytest.raises(IllegalStateException):
            go("forward", "/t")(request, response)
        events.append("refused")

    routes({"/a": source, "/t": lambda request, response: events.append("target")}).get("/a")
    assert events == ["refused"]


@pytest.mark.rules("RT-FWD-02", "RT-FWD-09")
@pytest.mark.parametrize("how", ["forward", "named forward"])
def test_a_forward_clears_the_buffer_and_keeps_status_headers_and_method(routes: Any, how: str) -> None:
    def source(request: Any, response: Any) -> None:
        response.setStatus(202)
        response.setHeader("X-A", "a")
        response.getWriter().write("gone")
        go(how, "/t")(request, response)

    def target(request: Any, response: Any) -> None:
        response.getWriter().write(f"target {request.getMethod()}")

    answer = routes({"/a": source, "/t": target}).post("/a", "x=1")
    assert (answer.status, answer.header("X-A"), answer.text) == (202, "a", "target POST")


@pytest.mark.rules("RT-FWD-02")
def test_a_forward_inside_an_include_clears_what_the_caller_wrote(routes: Any) -> None:
    def source(request: Any, response: Any) -> None:
        response.getWriter().write("before ")
        go("include", "/i")(request, response)
        response.getWriter().write(" after")

    app = routes({"/a": source, "/i": go("forward", "/t"), "/t": write("target")})
    assert app.get("/a").text == "target"


@pytest.mark.rules("RT-FWD-03", "RT-FWD-06")
@pytest.mark.parametrize(
    ("path", "seen"),
    [("/t/x?c=2", "/app/t/x /t /x c=2 /t/* FORWARD"), ("/t/x", "/app/t/x /t /x q=1 /t/* FORWARD")],
)
def test_by_path_the_target_sees_its_own_paths(routes: Any, path: str, seen: str) -> None:
    assert answer_of(routes, go("forward", path)) == seen


FIRST = "request_uri=/app/a/b context_path=/app servlet_path=/a path_info=/b query_string=q=1 mapping=/a/*"


@pytest.mark.rules("RT-FWD-05", "RT-FWD-10")
@pytest.mark.parametrize(
    "chain",
    [
        ["forward /t"],
        ["forward /one", "forward /t"],
        ["forward /one", "include /two", "forward /t"],
        ["include /one", "forward /t"],
        ["forward /one?x=y", "forward /two?z", "forward /t"],
    ],
)
def test_forward_attributes_tell_of_the_first_request(routes: Any, chain: list[str]) -> None:
    def target(request: Any, response: Any) -> None:
        response.getWriter().write(f"{attributes(request, FORWARD)}|{attributes(request, INCLUDE)}")

    table = {"/a/*": go(*chain[0].split()), "/t": target}
    for name, step in zip(("/one", "/two"), chain[1:], strict=False):
        table[name] = go(*step.split())
    assert routes(table).get("/a/b?q=1").text == FIRST + "|"


@pytest.mark.rules("RT-FWD-05")
def test_an_attribute_without_a_value_is_absent(routes: Any) -> None:
    app = routes({"/a": go("forward", "/t"), "/t": tell_attributes(FORWARD)})
    assert app.get("/a").text == "request_uri=/app/a context_path=/app servlet_path=/a mapping=/a"


@pytest.mark.rules("RT-FWD-07")
@pytest.mark.parametrize("how", ["forward", "named forward"])
def test_after_a_forward_the_answer_is_sent_and_closed(routes: Any, how: str) -> None:
    seen: list[bool] = []

    def source(request: Any, response: Any) -> None:
        go(how, "/t")(request, response)
        seen.append(response.isCommitted())
        response.setHeader("X-Late", "1")
        response.getWriter().write("ignored")

    answer = routes({"/a": source, "/t": write("target")}).get("/a")
    assert (answer.text, answer.header("X-Late"), seen) == ("target", None, [True])


@pytest.mark.rules("RT-FWD-07")
def test_unless_async_was_started(routes: Any) -> None:
    def target(request: Any, response: Any) -> None:
        response.getWriter().write("target ")
        request.startAsync()

    def source(request: Any, response: Any) -> None:
        go("forward", "/t")(request, response)
        response.getWriter().write("source")
        request.getAsyncContext().complete()

    assert routes({"/a": source, "/t": target}).get("/a").text == "target source"


@pytest.mark.rules("RT-FWD-07", "RT-FWD-02")
@pytest.mark.parametrize("output", ["getWriter", "getOutputStream"])
def test_a_wrappers_own_output_is_cleared_before_and_closed_after_a_forward(routes: Any, output: str) -> None:
    calls: list[str] = []

    class Output:
        def write(self, data: Any) -> None:
            calls.append(str(data))

        def close(self) -> None:
            calls.append("closed")

    class Capture(HttpServletResponseWrapper):
        def getWriter(self) -> Any:
            if output == "getOutputStream":
                raise IllegalStateException
            return Output()

        def getOutputStream(self) -> Any:
            return Output()

        def resetBuffer(self) -> None:
            calls.append("cleared")

    def source(request: Any, response: Any) -> None:
        request.getRequestDispatcher("/t").forward(request, Capture(response))
        response.getWriter().write(" ".join(calls))

    def target(request: Any, response: Any) -> None:
        getattr(response, output)().write("target")

    assert routes({"/a": source, "/t": target}).get("/a").text == "cleared target closed"


@pytest.mark.rules("RT-FWD-08")
def test_a_forward_that_fails_closes_nothing(routes: Any) -> None:
    def target(request: Any, response: Any) -> None:
        raise KeyError

    def source(request: Any, response: Any) -> None:
        with pytest.raises(KeyError):
            go("forward", "/t")(request, response)
        assert not response.isCommitted()
        go("forward", "/other")(request, response)

    assert routes({"/a": source, "/t": target, "/other": write("other")}).get("/a").text == "other"


# --- include ----------------------------------------------------------------------------------------------


@pytest.mark.rules("RT-INC-01")
@pytest.mark.parametrize("flush", [False, True])
def test_an_include_is_possible_at_any_time(routes: Any, flush: bool) -> None:
    def source(request: Any, response: Any) -> None:
        response.getWriter().write("before ")
        if flush:
            response.flushBuffer()
        go("include", "/t")(request, response)
        response.getWriter().write(" after")

    assert routes({"/a": source, "/t": write("target")}).get("/a").text == "before target after"


@pytest.mark.rules("RT-INC-02")
def test_an_included_target_sees_the_callers_paths_and_its_own_in_attributes(routes: Any) -> None:
    def target(request: Any, response: Any) -> None:
        response.getWriter().write(f"{paths(request)}|{attributes(request, INCLUDE)}")

    text = routes({"/a/*": go("include", "/t/x?c=2"), "/t/*": target}).get("/a/b?q=1").text
    assert text == (
        "/app/a/b /a /b q=1 /a/* INCLUDE|"
        "request_uri=/app/t/x context_path=/app servlet_path=/t path_info=/x query_string=c=2 mapping=/t/*"
    )


@pytest.mark.rules("RT-INC-03")
@pytest.mark.parametrize(
    "call",
    [
        lambda r: r.setStatus(404),
        lambda r: r.setHeader("X-A", "target"),
        lambda r: r.addHeader("X-A", "target"),
        lambda r: r.setIntHeader("X-A", 1),
        lambda r: r.addDateHeader("X-A", 1),
        lambda r: r.setContentType("text/target"),
        lambda r: r.setHeader("Content-Type", "text/target"),
        lambda r: r.setCharacterEncoding("UTF-16"),
        lambda r: r.setLocale("de"),
        lambda r: r.setContentLength(1),
        lambda r: r.reset(),
        lambda r: r.resetBuffer(),
        lambda r: r.sendError(410),
        lambda r: r.sendRedirect("/x"),
    ],
)
def test_an_included_target_writes_and_changes_nothing_else(routes: Any, call: Callable[[Any], None]) -> None:
    def source(request: Any, response: Any) -> None:
        response.setHeader("X-A", "source")
        response.setContentType("text/plain;charset=UTF-8")
        response.getWriter().write("before ")
        go("include", "/t")(request, response)
        response.addHeader("X-A", "after")  # and the caller is free again
        response.getWriter().write(" after")

    def target(request: Any, response: Any) -> None:
        call(response)
        response.getWriter().write("target")

    answer = routes({"/a": source, "/t": target}).get("/a")
    assert (answer.status, answer.text, answer.all("X-A")) == (
        200,
        "before target after",
        ["source", "after"],
    )
    assert answer.header("Content-Type") == "text/plain;charset=UTF-8"
    assert answer.header("Content-Language") is None


@pytest.mark.rules("RT-INC-03")
def test_an_included_target_does_not_change_the_buffers_size(routes: Any) -> None:
    sizes: list[int] = []

    def source(request: Any, response: Any) -> None:
        go("include", "/t")(request, response)
        sizes.append(response.getBufferSize())

    routes({"/a": source, "/t": lambda request, response: response.setBufferSize(20_000)}).get("/a")
    assert sizes == [8192]


@pytest.mark.rules("RT-INC-03")
@pytest.mark.parametrize("commit", [lambda r: r.flushBuffer(), lambda r: r.getWriter().write("x" * 9000)])
def test_an_included_target_may_commit(routes: Any, commit: Callable[[Any], None]) -> None:
    seen: list[bool] = []

    def source(request: Any, response: Any) -> None:
        go("include", "/t")(request, response)
        seen.append(response.isCommitted())
        response.setStatus(404)

    assert routes({"/a": source, "/t": lambda request, response: commit(response)}).get("/a").status == 200
    assert seen == [True]


@pytest.mark.rules("RT-INC-04")
@pytest.mark.parametrize(("flush", "cookies"), [(False, ["JSESSIONID"]), (True, [])])
def test_a_session_begins_in_an_include_only_while_its_cookie_can_be_sent(
    routes: Any, flush: bool, cookies: list[str]
) -> None:
    refused: list[bool] = []

    def target(request: Any, response: Any) -> None:
        if flush:
            response.flushBuffer()
        try:
            request.getSession()
            refused.append(False)
        except IllegalStateException:
            refused.append(True)

    answer = routes({"/a": go("include", "/t"), "/t": target}).get("/a")
    assert (list(answer.cookies), refused) == (cookies, [flush])


@pytest.mark.rules("RT-INC-05", "RT-INC-06")
def test_nested_includes_replace_the_attributes_for_their_time(routes: Any) -> None:
    seen: list[str] = []

    def look(request: Any, response: Any) -> None:
        seen.append(str(request.getAttribute(INCLUDE + "servlet_path")))

    def middle(request: Any, response: Any) -> None:
        look(request, response)
        go("include", "/inner")(request, response)
        look(request, response)
        go("named include", "/inner")(request, response)
        look(request, response)

    routes({"/a": go("include", "/middle"), "/middle": middle, "/inner": look}).get("/a")
    assert seen == ["/middle", "/inner", "/middle", "None", "/middle"]


@pytest.mark.rules("RT-INC-07")
@pytest.mark.parametrize("output", ["getWriter", "getOutputStream"])
def test_an_include_cannot_close_the_callers_output(routes: Any, output: str) -> None:
    def put(response: Any, text: str) -> None:
        getattr(response, output)().write(text if output == "getWriter" else text.encode())

    def source(request: Any, response: Any) -> None:
        put(response, "before ")
        go("include", "/t")(request, response)
        put(response, " after")

    def target(request: Any, response: Any) -> None:
        put(response, "target")
        getattr(response, output)().close()

    assert routes({"/a": source, "/t": target}).get("/a").text == "before target after"


@pytest.mark.rules("RT-INC-08")
@pytest.mark.parametrize("caught", [True, False])
def test_including_a_file_that_is_not_there(routes: Any, caught: bool) -> None:
    def source(request: Any, response: Any) -> None:
        try:
            go("include", "/nothing.txt")(request, response)
        except FileNotFoundError:
            if not caught:
                raise
            response.getWriter().write("caught")

    answer = routes({"/a": source}).get("/a")
    assert (answer.status, answer.text == "caught") == ((200, True) if caught else (500, False))


@pytest.mark.rules("RT-DEF-04", "RT-RED-06", "RT-INC-09")
@pytest.mark.parametrize("path", ["/folder", "/folder/", "/WEB-INF/", "/folder/empty.txt"])
def test_including_a_folder_without_a_welcome_file_or_an_empty_file_adds_nothing(
    routes: Any, path: str
) -> None:
    def source(request: Any, response: Any) -> None:
        go("include", path)(request, response)
        response.getWriter().write("there")

    answer = routes({"/a": source}, files={"folder/empty.txt": ""}).get("/a")
    assert (answer.status, answer.text) == (200, "there")


@pytest.mark.rules("RT-INC-09")
@pytest.mark.parametrize(
    ("outer", "inner"), [("getWriter", "getOutputStream"), ("getOutputStream", "getWriter")]
)
def test_caller_and_target_must_agree_on_writer_or_stream(routes: Any, outer: str, inner: str) -> None:
    def source(request: Any, response: Any) -> None:
        getattr(response, outer)()
        with pytest.raises(IllegalStateException):
            go("include", "/t")(request, response)
        response.setStatus(202)

    app = routes({"/a": source, "/t": lambda request, response: getattr(response, inner)()})
    assert app.get("/a").status == 202


@pytest.mark.rules("RT-RD-10", "RT-RD-12")
@pytest.mark.parametrize("how", ["forward", "include"])
def test_a_wrapper_stays_in_place_and_hides_what_it_hides(routes: Any, how: str) -> None:
    class Hiding(HttpServletRequestWrapper):
        def getParameter(self, name: str) -> Any:
            return None if name == "secret" else super().getParameter(name)

        def getRequestDispatcher(self, path: str) -> Any:
            return super().getRequestDispatcher(path)

    def source(request: Any, response: Any) -> None:
        hiding = Hiding(request)
        getattr(hiding.getRequestDispatcher("/t?more=1"), how)(hiding, response)

    def target(request: Any, response: Any) -> None:
        names = "secret", "shown", "more"
        response.getWriter().write(str([request.getParameter(name) for name in names]))

    assert routes({"/a": source, "/t": target}).get("/a?secret=1&shown=1").text == "[None, '1', '1']"
