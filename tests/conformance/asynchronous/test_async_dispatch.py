"""Where AsyncContext.dispatch leads and what the target sees (rulebook 11.3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from container.security.realm import UsersFileRealm
from container.servlet import (
    AsyncContext,
    DispatcherType,
    HttpServletRequestWrapper,
    HttpServletResponseWrapper,
)

ASYNC = "jakarta.servlet.async."
NAMES = ("request_uri", "context_path", "servlet_path", "path_info", "query_string")


def show(request: Any, response: Any) -> None:
    response.getWriter().write(f"{request.getDispatcherType().name} {request.getRequestURI()}")


def is_async(request: Any) -> bool:
    return request.getDispatcherType() is DispatcherType.ASYNC


def original(request: Any) -> list[Any]:
    return [request.getAttribute(ASYNC + name) for name in NAMES]


@pytest.mark.rules("RT-ASY-20")
@pytest.mark.parametrize("when", ["in the target", "after the forward", "later"])
@pytest.mark.parametrize(("given", "reached"), [("none", "/app/a"), ("own", "/app/b"), ("wrapped", "/app/b")])
def test_dispatch_without_a_path_after_a_forward(
    routes, after_return, when: str, given: str, reached: str
) -> None:
    def first(request: Any, response: Any) -> None:
        if is_async(request):
            show(request, response)
            return
        request.getRequestDispatcher("/b").forward(request, response)
        if when == "after the forward":
            request.getAsyncContext().dispatch()

    def second(request: Any, response: Any) -> None:
        if is_async(request):
            show(request, response)
            return
        if given == "none":
            context = request.startAsync()
        elif given == "own":
            context = request.startAsync(request, response)
        else:
            context = request.startAsync(HttpServletRequestWrapper(request), response)
        if when == "in the target":
            context.dispatch()
        elif when == "later":
            after_return(context, context.dispatch)

    assert routes({"/a": first, "/b": second}).get("/a").text == f"ASYNC {reached}"


@pytest.mark.rules("RT-ASY-20")
def test_dispatch_without_a_path_in_a_later_cycle_repeats_the_last_dispatch(routes, log) -> None:
    def service(request: Any, response: Any) -> None:
        log.add(request.getRequestURI())
        if len(log) < 4:
            context = request.startAsync()
            if len(log) == 1:
                context.dispatch("/b/x")
            else:
                context.dispatch()

    routes({"/a": service, "/b/*": service}).get("/a")
    assert list(log) == ["/app/a", "/app/b/x", "/app/b/x", "/app/b/x"]


@pytest.mark.rules("RT-ASY-20")
@pytest.mark.parametrize("path", ["/a/%41%20b", "/a/x;v=1", "/a/%C3%A9", "/a/%2541"])
def test_dispatch_without_a_path_keeps_an_encoded_path(routes, path: str) -> None:
    def service(request: Any, response: Any) -> None:
        if is_async(request):
            response.setContentType("text/plain;charset=UTF-8")
            response.getWriter().write(f"{request.getRequestURI()} {request.getPathInfo()}")
        else:
            request.setAttribute("info", request.getPathInfo())
            request.startAsync().dispatch()

    answer = routes({"/a/*": service}).get(path)
    assert answer.text == f"/app{path} {unquote(path.partition(';')[0].removeprefix('/a'))}"


@pytest.mark.rules("RT-ASY-20")
def test_dispatch_without_a_path_goes_where_a_given_wrapper_says(routes) -> None:
    class Elsewhere(HttpServletRequestWrapper):
        def getRequestURI(self) -> str:
            return "/app/b"

    def service(request: Any, response: Any) -> None:
        request.startAsync(Elsewhere(request), response).dispatch()

    def target(request: Any, response: Any) -> None:
        response.getWriter().write(f"b {type(request).__name__}")

    assert routes({"/a": service, "/b": target}).get("/a").text == "b Elsewhere"


@pytest.mark.rules("RT-ASY-21", "RT-ASY-22")
def test_dispatch_to_a_path_shows_the_targets_path_elements(routes) -> None:
    def service(request: Any, response: Any) -> None:
        request.startAsync().dispatch("/b/in%20fo?y=2")

    def target(request: Any, response: Any) -> None:
        mapping = request.getHttpServletMapping()
        shown = [
            request.getDispatcherType().name,
            request.getRequestURI(),
            request.getContextPath(),
            request.getServletPath(),
            request.getPathInfo(),
            request.getQueryString(),
            mapping.getPattern(),
            request.getAttribute(AsyncContext.ASYNC_MAPPING).getPattern(),
            *original(request),
        ]
        response.getWriter().write(repr(shown))

    answer = routes({"/a/*": service, "/b/*": target}).get("/a/i?x=1")
    assert eval(answer.text) == [
        "ASYNC", "/app/b/in%20fo", "/app", "/b", "/in fo", "y=2", "/b/*",
        "/a/*", "/app/a/i", "/app", "/a", "/i", "x=1",
    ]  # fmt: skip


@pytest.mark.rules("RT-ASY-22")
def test_the_async_attributes_keep_the_original_values_over_forwards_and_cycles(routes, log) -> None:
    def first(request: Any, response: Any) -> None:
        request.getRequestDispatcher("/b?y=2").forward(request, response)

    def second(request: Any, response: Any) -> None:
        log.add(original(request))
        context = request.startAsync()
        context.dispatch("/c?z=3" if not is_async(request) else "/d")

    def last(request: Any, response: Any) -> None:
        log.add(original(request))

    routes({"/a": first, "/b": second, "/c": second, "/d": last}).get("/a?x=1")
    client = ["/app/a", "/app", "/a", None, "x=1"]
    assert list(log) == [[None] * 5, client, client]


@pytest.mark.rules("RT-ASY-22")
def test_filters_for_async_run_around_the_target_and_no_others(routes, log) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        log.add(f"{request.getDispatcherType().name} {request.getServletPath()}")
        chain.doFilter(request, response)

    def service(request: Any, response: Any) -> None:
        request.startAsync().dispatch("/b")

    routes({"/a": service, "/b": show}, around=around, dispatchers="ASYNC").get("/a")
    assert list(log) == ["ASYNC /b"]
    log.clear()
    routes({"/a": service, "/b": show}, around=around, dispatchers="REQUEST", name="c").get("/a")
    assert list(log) == ["REQUEST /a"]


@pytest.mark.rules("RT-ASY-22", "RT-RD-17")
def test_the_target_gets_the_contexts_own_objects(routes, log) -> None:
    class Request(HttpServletRequestWrapper):
        pass

    class Response(HttpServletResponseWrapper):
        pass

    def service(request: Any, response: Any) -> None:
        request.startAsync(Request(request), Response(response)).dispatch("/b")

    def target(request: Any, response: Any) -> None:
        log.add(type(request).__name__, type(response).__name__, request.getServletPath())

    routes({"/a": service, "/b": target}).get("/a")
    assert list(log) == ["Request", "Response", "/b"]


@pytest.mark.rules("RT-RD-17")
def test_objects_given_in_a_forward_show_the_forward_later_and_the_forwarder_its_own(
    routes, log, after_return
) -> None:
    def first(request: Any, response: Any) -> None:
        request.getRequestDispatcher("/b?y=2").forward(request, response)
        log.add(f"back {request.getServletPath()} {request.getParameter('y')}")

    def second(request: Any, response: Any) -> None:
        context = request.startAsync(request, response)

        def later() -> None:
            given = context.getRequest()
            log.add(f"later {given.getServletPath()} {given.getQueryString()} {given.getParameter('y')}")
            context.complete()

        after_return(context, later)

    routes({"/a": first, "/b": second}).get("/a?x=1")
    assert list(log) == ["back /a None", "later /b y=2 2"]


@pytest.mark.rules("RT-ASY-21")
def test_dispatch_into_another_web_app(routes, deploy, web_xml, log) -> None:
    def service(request: Any, response: Any) -> None:
        other = request.getServletContext().getContext("/other")
        request.startAsync().dispatch(other, "/b/x")

    def again(request: Any, response: Any) -> None:
        web_app = request.getServletContext().getContextPath()
        log.add(f"{request.getContextPath()} {request.getServletPath()} {web_app}")
        if len(log) == 1:
            request.startAsync().dispatch()  # in the other web app
        elif len(log) == 2:
            request.startAsync().dispatch("/b/y")  # in the web app of startAsync
        else:
            log.add(original(request)[0])

    routes({"/b/*": again}, name="other", cross_context=True)
    app = routes({"/a": service})
    assert app.get("/a").status == 200
    assert list(log) == ["/other /b /other"] * 3 + ["/app/a"]


@pytest.mark.rules("RT-ASY-21")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("b",), "IllegalArgumentException"),
        ((None,), "UnsupportedOperationException"),
        (("/../../x",), "UnsupportedOperationException"),
        ((None, "/b"), "NullPointerException"),
        (("context", None), "UnsupportedOperationException"),
        (("context", "b"), "IllegalArgumentException"),
    ],
)
def test_a_wrong_path_is_refused_at_once_and_another_one_may_follow(
    routes, log, outcome, arguments, error: str
) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        real = [request.getServletContext() if each == "context" else each for each in arguments]
        log.add(outcome(lambda: context.dispatch(*real)))
        context.dispatch("/b")

    assert routes({"/a": service, "/b": show}).get("/a").text == "ASYNC /app/b"
    assert list(log) == [error]


@pytest.mark.rules("RT-ASY-21")
def test_dispatch_to_a_path_that_nothing_answers_is_404(routes) -> None:
    def service(request: Any, response: Any) -> None:
        request.startAsync().dispatch("/missing.txt")

    assert routes({"/a": service}).get("/a").status == 404


@pytest.mark.rules("RT-ASY-21")
def test_dispatch_reaches_files_and_pages(routes) -> None:
    def service(request: Any, response: Any) -> None:
        request.setAttribute("word", "seen")
        request.startAsync().dispatch(request.getParameter("to"))

    files = {"a.txt": "a file", "WEB-INF/page.jinja": "page: {{ word }}"}
    app = routes({"/a": service}, files=files)
    assert app.get("/a?to=/a.txt").text == "a file"
    assert app.get("/a?to=/WEB-INF/page.jinja").text == "page: seen"


@pytest.mark.rules("RT-ASY-23")
def test_dispatch_keeps_buffer_and_headers_and_works_after_the_commit(routes) -> None:
    def service(request: Any, response: Any) -> None:
        response.setHeader("X-Before", "kept")
        response.setStatus(202)
        response.getWriter().write("before ")
        if request.getParameter("flush"):
            response.flushBuffer()
        request.startAsync().dispatch("/b")

    app = routes({"/a": service, "/b": show})
    for path in ("/a", "/a?flush=1"):
        answer = app.get(path)
        assert (answer.status, answer.header("X-Before")) == (202, "kept")
        assert answer.text == "before ASYNC /app/b"


@pytest.mark.rules("RT-ASY-24")
def test_the_response_is_closed_when_the_target_has_not_started_again(routes, log, listener) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener())
        context.dispatch("/b" if request.getServletPath() == "/a" else "/c")

    app = routes({"/a": service, "/b": service, "/c": show})
    assert app.get("/a").text == "ASYNC /app/c"
    assert log.until("L.complete") == ["L.start", "L.complete"]


@pytest.mark.rules("RT-ASY-25")
def test_the_paths_parameters_come_before_those_of_the_request(routes, log) -> None:
    def service(request: Any, response: Any) -> None:
        request.startAsync().dispatch("/b?p=3&q=4")

    def target(request: Any, response: Any) -> None:
        log.add(request.getParameterValues("p"), request.getParameter("q"), request.getQueryString())
        if len(log) == 3:
            request.startAsync().dispatch("/b")

    routes({"/a": service, "/b": target}).post("/a?p=1", "p=2")
    assert log[:3] == [["3", "1", "2"], "4", "p=3&q=4"]
    assert log[3:5] == [["1", "2"], None]


@pytest.mark.rules("RT-ASY-52")
def test_the_callers_identity_stays_until_login_or_logout(routes, log, tmp_path) -> None:
    users = tmp_path / "tomcat-users.xml"
    users.write_text('<tomcat-users><user username="ann" password="pw" roles="r"/></tomcat-users>')

    def service(request: Any, response: Any) -> None:
        log.add(request.getRemoteUser())
        paths = ["/a", "/b", "/c"]
        if request.getServletPath() == "/b":
            request.logout()
        log.add(request.getRemoteUser())
        if request.getServletPath() != "/c":
            request.startAsync().dispatch(paths[paths.index(request.getServletPath()) + 1])

    def first(request: Any, response: Any) -> None:
        request.login("ann", "pw")
        service(request, response)

    routes({"/a": first, "/b": service, "/c": service}, realm=UsersFileRealm(users)).get("/a")
    assert list(log) == ["ann", "ann", "ann", None, None, None]
