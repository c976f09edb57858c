"""AsyncContext: when it may be started, what may be called when and what that does (11.1, 11.2)."""

from __future__ import annotations

import contextvars
import threading
from typing import Any

import pytest

from container.servlet import (
    AsyncContext,
    AsyncListener,
    DispatcherType,
    HttpServletRequestWrapper,
    HttpServletResponseWrapper,
)


def end(request: Any, response: Any) -> None:
    response.getWriter().write("end")


def start(request: Any, response: Any) -> None:
    response.getWriter().write(f"{request.isAsyncSupported()} ")
    request.startAsync().complete()


# --- 11.1 preconditions ---------------------------------------------------------------------------------


@pytest.mark.rules("RT-ASY-01")
def test_start_async_needs_a_servlet_and_filters_that_support_it(routes) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, response)

    assert routes({"/a": start}).get("/a").text == "True "
    sync = routes({"/a": start}, sync=("/a",), name="b").get("/a")
    assert (sync.status, "async-supported" in sync.text) == (500, False)
    filtered = routes({"/a": start}, around=around, supported=False, name="c").get("/a")
    assert filtered.status == 500
    assert routes({"/a": start}, around=around, name="d").get("/a").text == "True "


@pytest.mark.rules("RT-ASY-01")
def test_support_ends_with_the_first_component_that_lacks_it(routes, log) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        log.add(request.isAsyncSupported())  # not yet: only what has been passed counts
        chain.doFilter(request, response)
        log.add(request.isAsyncSupported())

    def including(request: Any, response: Any) -> None:
        log.add(request.isAsyncSupported())
        request.getRequestDispatcher("/sync").include(request, response)
        log.add(request.isAsyncSupported())

    routes({"/a": including, "/sync": end}, sync=("/sync",), around=around).get("/a")
    assert list(log) == [True, True, False, False]


@pytest.mark.rules("RT-ASY-01")
@pytest.mark.parametrize(
    "close",
    [
        lambda response: response.sendError(404),
        lambda response: response.sendRedirect("/x"),
        lambda response: response.getWriter().close(),
        lambda response: (response.setContentLength(1), response.getWriter().write("x")),
    ],
)
def test_start_async_needs_an_open_response(serve, log, outcome, close) -> None:
    def service(request: Any, response: Any) -> None:
        close(response)
        log.add(outcome(request.startAsync), request.isAsyncStarted())

    serve(service).get()
    assert log.until(False) == ["IllegalStateException", False]


@pytest.mark.rules("RT-ASY-02")
def test_one_start_async_in_a_dispatch_and_none_outside(routes, log, outcome, after_return) -> None:
    def service(request: Any, response: Any) -> None:
        if request.getDispatcherType() is DispatcherType.ASYNC:
            log.add(outcome(lambda: request.startAsync() is log.context))
            request.getAsyncContext().complete()
            return
        log.context = context = request.startAsync()
        log.add(outcome(request.startAsync))

        def later() -> None:
            log.add(outcome(request.startAsync))
            context.dispatch()

        after_return(context, later)

    routes({"/a": service}).get("/a")
    assert list(log) == ["IllegalStateException", "IllegalStateException", True]


@pytest.mark.rules("RT-ASY-03", "RT-ASY-26")
@pytest.mark.parametrize("given", ["none", "own", "wrapped"])
def test_the_context_has_the_given_objects_or_the_original_ones(serve, given: str) -> None:
    def service(request: Any, response: Any) -> None:
        pair: tuple[Any, ...] = ()
        expected = (request, response)
        if given != "none":
            pair = expected
        if given == "wrapped":
            pair = expected = (HttpServletRequestWrapper(request), HttpServletResponseWrapper(response))
        context = request.startAsync(*pair)
        same = (context.getRequest() is expected[0], context.getResponse() is expected[1])
        response.getWriter().write(f"{same} {context.hasOriginalRequestAndResponse()}")
        context.complete()

    assert serve(service).get().text == f"(True, True) {given != 'wrapped'}"


@pytest.mark.rules("RT-ASY-03")
def test_start_async_without_objects_uses_the_unwrapped_ones_behind_a_wrapping_filter(routes) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(HttpServletRequestWrapper(request), HttpServletResponseWrapper(response))

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        response.getWriter().write(f"{context.getRequest() is request.getRequest()} ")
        response.getWriter().write(f"{context.getResponse() is response.getResponse()} ")
        response.getWriter().write(f"{context.hasOriginalRequestAndResponse()}")
        context.complete()

    assert routes({"/a": service}, around=around).get("/a").text == "True True True"


@pytest.mark.rules("RT-ASY-03", "RT-ASY-04", "RT-ASY-26")
def test_given_objects_remain_in_later_cycles(routes, log) -> None:
    def service(request: Any, response: Any) -> None:
        if request.getDispatcherType() is DispatcherType.REQUEST:
            log.request = HttpServletRequestWrapper(request)
            log.context = request.startAsync(log.request, response)
            log.context.dispatch()
        else:
            context = request.startAsync()
            log.add(context is log.context, context.getRequest() is log.request)
            log.add(context.hasOriginalRequestAndResponse(), context.getTimeout())
            context.complete()

    routes({"/a": service}).get("/a")
    assert list(log) == [True, True, False, 30_000]


@pytest.mark.rules("RT-ASY-03")
def test_start_async_refuses_objects_that_are_not_the_requests_own(serve, log, outcome) -> None:
    class Foreign(HttpServletRequestWrapper):
        def __init__(self) -> None:
            pass

        def getRequest(self) -> Any:
            return None

    def service(request: Any, response: Any) -> None:
        log.add(outcome(lambda: request.startAsync(Foreign(), response)))
        log.add(outcome(lambda: request.startAsync(request, None)))
        log.add(request.isAsyncStarted())

    serve(service).get()
    assert list(log) == ["IllegalArgumentException", "NullPointerException", False]


@pytest.mark.rules("RT-ASY-05")
def test_there_is_no_async_context_before_the_first_start(serve, outcome) -> None:
    def service(request: Any, response: Any) -> None:
        before = outcome(request.getAsyncContext)
        context = request.startAsync()
        response.getWriter().write(f"{before} {request.getAsyncContext() is context}")
        context.complete()

    assert serve(service).get().text == "IllegalStateException True"


@pytest.mark.rules("RT-ASY-06")
def test_a_sync_servlet_may_forward_to_an_async_one_which_cannot_start(routes, log, outcome) -> None:
    def forwarding(request: Any, response: Any) -> None:
        request.getRequestDispatcher("/b").forward(request, response)

    def target(request: Any, response: Any) -> None:
        log.add(request.isAsyncSupported(), outcome(request.startAsync))
        response.getWriter().write("fine")

    assert routes({"/a": forwarding, "/b": target}, sync=("/a",)).get("/a").text == "fine"
    assert list(log) == [False, "IllegalStateException"]


@pytest.mark.rules("RT-ASY-07", "RT-ASY-24")
def test_an_async_request_may_be_dispatched_to_a_sync_servlet_which_ends_it(routes, log, listener) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener())
        context.dispatch("/sync")

    def sync(request: Any, response: Any) -> None:
        log.add(request.isAsyncSupported())
        response.getWriter().write("sync")

    assert routes({"/a": service, "/sync": sync}, sync=("/sync",)).get("/a").text == "sync"
    assert log.until("L.complete") == [False, "L.complete"]


# --- 11.2 states and calls ------------------------------------------------------------------------------

ISE = "IllegalStateException"
CALLS = {
    "startAsync": lambda request, context: request.startAsync(),
    "complete": lambda request, context: context.complete(),
    "dispatch": lambda request, context: context.dispatch("/end"),
    "addListener": lambda request, context: context.addListener(AsyncListener()),
    "setTimeout": lambda request, context: context.setTimeout(9000),
    "getRequest": lambda request, context: context.getRequest() is request,
    "getResponse": lambda request, context: context.getResponse() is not None,
    "isAsyncStarted": lambda request, context: request.isAsyncStarted(),
    "start": lambda request, context: context.start(lambda: None),
}
TABLE = {  # state: what each of CALLS gives, in its order
    "S": [ISE, None, None, None, None, True, True, True, None],
    "S, then complete": [ISE, ISE, ISE, ISE, ISE, ISE, ISE, True, ISE],
    "S, then dispatch": [ISE, ISE, ISE, ISE, ISE, ISE, ISE, True, ISE],
    "W": [ISE, None, None, ISE, ISE, True, True, True, None],
    "P": [ISE, ISE, ISE, ISE, ISE, ISE, ISE, False, ISE],
    "X": [ISE, ISE, ISE, ISE, ISE, ISE, ISE, False, ISE],
    "T": [ISE, None, None, ISE, ISE, True, True, True, None],
    "E": [ISE, None, None, ISE, ISE, True, True, True, None],
}


@pytest.mark.rules("RT-ASY-02", "RT-ASY-10", "RT-ASY-12", "RT-ASY-30", "RT-ASY-40")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", TABLE)
def test_what_may_be_called_in_which_state(
    routes, log, listener, outcome, after_return, clock, state: str, call: str
) -> None:
    may_go = threading.Event()  # to where the state ends

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()

        def check() -> None:
            log.add([outcome(lambda: CALLS[call](request, context))])
            may_go.set()

        if state.startswith("S"):
            if state == "S, then complete":
                context.complete()
            elif state == "S, then dispatch":
                context.dispatch("/end")
            check()
            if call not in ("complete", "dispatch") and state == "S":
                context.complete()
        elif state == "W":
            after_return(context, lambda: (check(), call in ("complete", "dispatch") or context.complete()))
        elif state == "P":
            after_return(context, lambda: (context.dispatch("/held"), check()))
        elif state == "X":
            context.addListener(listener(complete=lambda event: check()))
            context.complete()
        elif state == "T":
            context.addListener(listener(timeout=lambda event: check()))
        elif state == "E":
            context.addListener(listener(error=lambda event: check()))
            raise ValueError("the servlet fails")

    def held(request: Any, response: Any) -> None:
        may_go.wait()

    app = routes({"/a": service, "/end": end, "/held": held})
    if state == "T":
        in_time = threading.Thread(target=clock.pass_)
        in_time.start()
    app.get("/a")
    assert may_go.wait(10)
    expected = TABLE[state][list(CALLS).index(call)]
    assert [each for each in log if isinstance(each, list)] == [[expected]]


@pytest.mark.rules("RT-ASY-10", "RT-ASY-15")
def test_complete_takes_effect_when_the_dispatch_has_returned(routes, log, listener) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, response)
        log.add("unwinding", request.isAsyncStarted(), response.isCommitted())
        response.getWriter().write("c")

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener())
        response.getWriter().write("a")
        context.complete()
        response.getWriter().write("b")

    assert routes({"/a": service}, around=around).get("/a").text == "abc"
    assert log.until("L.complete") == ["unwinding", True, False, "L.complete"]


@pytest.mark.rules("RT-ASY-10", "RT-ASY-11", "RT-ASY-12")
def test_dispatch_takes_effect_when_the_dispatch_has_returned(routes, log, outcome) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, response)
        log.add("unwound", request.isAsyncStarted())

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.dispatch("/b")
        log.add(outcome(lambda: context.dispatch("/c")), outcome(context.complete))

    def target(request: Any, response: Any) -> None:
        log.add("target", request.isAsyncStarted())

    routes({"/a": service, "/b": target}, around=around).get("/a")
    assert log.until("target")[:6] == [ISE, ISE, "unwound", True, "target", False]


@pytest.mark.rules("RT-ASY-13")
def test_dispatch_returns_at_once_and_runs_in_a_thread_of_the_container(routes, log, after_return) -> None:
    returned = threading.Event()

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()

        def later() -> None:
            log.add(threading.get_ident())
            context.dispatch("/b")
            returned.set()

        after_return(context, later)

    def target(request: Any, response: Any) -> None:
        assert returned.wait(10)
        log.add(threading.get_ident())
        response.getWriter().write("b")

    assert routes({"/a": service, "/b": target}).get("/a").text == "b"
    assert log[0] != log[1]


@pytest.mark.rules("RT-ASY-14", "RT-ASY-15")
def test_the_response_is_open_while_the_request_waits_and_closed_by_complete(
    serve, log, listener, after_return
) -> None:
    def service(request: Any, response: Any) -> None:
        response.getWriter().write("early ")
        context = request.startAsync()

        def closed(event: Any) -> None:
            response.getWriter().write(" too late")
            log.add(response.isCommitted())

        context.addListener(listener(complete=closed))

        def later() -> None:
            log.add(response.isCommitted())
            response.setHeader("X-Late", "yes")
            response.getWriter().write("late")
            context.complete()

        after_return(context, later)

    answer = serve(service).get()
    assert (answer.text, answer.header("X-Late"), answer.header("Content-Length")) == (
        "early late",
        "yes",
        "10",
    )
    assert log.until(True) == [False, "L.complete", True]


@pytest.mark.rules("RT-ASY-14")
def test_what_is_flushed_while_the_request_waits_reaches_the_client_at_once(serve, after_return) -> None:
    read = threading.Event()

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        writer = response.getWriter()

        def later() -> None:
            writer.write("first")
            writer.flush()
            read.wait(10)
            writer.write("second")
            context.complete()

        after_return(context, later)

    client = (app := serve(service)).connect()
    client.send(f"GET {app.context.encoded_path}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    received = b""
    while b"first" not in received:
        received += client.socket.recv(4096)
    assert b"second" not in received
    read.set()
    while not received.endswith(b"0\r\n\r\n"):
        received += client.socket.recv(4096)
    assert b"second" in received


@pytest.mark.rules("RT-ASY-16")
@pytest.mark.parametrize("failure", [None, ValueError, SystemExit, GeneratorExit])
def test_start_runs_in_another_thread_whose_failure_is_logged(serve, log, failure) -> None:
    def service(request: Any, response: Any) -> None:
        context: AsyncContext = request.startAsync()
        first = threading.get_ident()

        def task() -> None:
            log.add(threading.get_ident() != first)
            if failure is not None:
                raise failure("as a task may")

        class Task:
            def run(self) -> None:
                response.getWriter().write("run")
                context.complete()

        context.start(task)
        context.start(Task())

    app = serve(service)
    assert app.get().text == "run"
    assert log.until(True) == [True]
    assert app.get().text == "run"


@pytest.mark.rules("RT-CTX-17")
def test_context_variables_reach_tasks_listeners_and_dispatches(routes, log, listener) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    def around(request: Any, response: Any, chain: Any) -> None:
        token = variable.set("set")
        chain.doFilter(request, response)
        variable.reset(token)

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener(complete=lambda event: log.add(("complete", variable.get()))))

        def task() -> None:
            log.add(("task", variable.get()))
            context.dispatch("/b")

        context.start(task)

    def target(request: Any, response: Any) -> None:
        log.add(("target", variable.get()))

    routes({"/a": service, "/b": target}, around=around).get("/a")
    assert log.until(("complete", "set")) == [
        ("task", "set"), ("target", "set"), "L.complete", ("complete", "set"),
    ]  # fmt: skip


def test_a_request_that_has_ended_leaves_nothing_to_the_next_one(serve, outcome, after_return) -> None:
    kept: list[Any] = []

    def service(request: Any, response: Any) -> None:
        if kept:
            calls = (kept[0].complete, kept[0].dispatch, kept[0].getRequest, kept[0].getResponse)
            response.getWriter().write(" ".join(str(outcome(call)) for call in calls))
        context = request.startAsync()
        kept.insert(0, context)
        context.complete()

    app = serve(service)
    client = app.connect()
    request = f"GET {app.context.encoded_path}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    client.send(request)
    client.answer()
    client.send(request)  # on the same connection
    assert client.answer().text == " ".join([ISE] * 4)
