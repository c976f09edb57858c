"""Timeouts, AsyncListener and errors of asynchronous requests (rulebook 11.4 to 11.6)."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Any

import pytest

from container.servlet import AsyncListener, DispatcherType, HttpServletRequestWrapper, ServletRequestListener

PAGES = """
  <error-page><error-code>500</error-code><location>/page</location></error-page>
  <error-page><exception-type>LookupError</exception-type><location>/lookup</location></error-page>
"""


def page(request: Any, response: Any) -> None:
    error = request.getAttribute("jakarta.servlet.error.exception")
    shown = request.getDispatcherType().name, response.getStatus(), type(error).__name__
    response.getWriter().write(f"page {shown}")


def end(request: Any, response: Any) -> None:
    response.getWriter().write(f"end {request.getDispatcherType().name} {response.getStatus()}")


def wait(listener: Any) -> Any:
    """A servlet that waits for its timeout, with a listener."""

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        if listener is not None:
            context.addListener(listener)

    return service


# --- 11.4 timeout ---------------------------------------------------------------------------------------


@pytest.mark.rules("RT-ASY-30")
@pytest.mark.parametrize(("timeout_ms", "delays_s"), [(None, [30.0]), (1500, [1.5]), (0, []), (-1, [])])
def test_the_time_counts_from_the_return_of_the_dispatch(
    routes, log, clock, after_return, timeout_ms, delays_s
) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, response)
        log.add(list(clock.delays_s))

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        log.add(context.getTimeout())
        if timeout_ms is not None:
            context.setTimeout(timeout_ms)
        after_return(context, context.complete)

    assert routes({"/a": service}, around=around).get("/a").status == 200
    assert (list(log), clock.delays_s) == ([30_000, []], delays_s)


@pytest.mark.rules("RT-ASY-30", "RT-ASY-31")
def test_a_real_timeout_comes(serve, log, listener) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.setTimeout(20)
        context.addListener(listener())

    assert serve(service).get().status == 500
    assert log.until("L.complete") == ["L.timeout", "L.complete"]


@pytest.mark.rules("RT-ASY-31")
def test_a_timeout_nobody_reacts_to_is_an_error_dispatch_with_500(routes, log, listener, clock) -> None:
    app = routes({"/a": wait(listener()), "/page": page}, more=PAGES)
    threading.Thread(target=clock.pass_).start()
    answer = app.get("/a")
    assert (answer.status, answer.text) == (500, "page ('ERROR', 500, 'NoneType')")
    assert log.until("L.complete") == ["L.timeout", "L.complete"]


@pytest.mark.rules("RT-ASY-31")
@pytest.mark.parametrize(
    ("reaction", "status", "text"),
    [
        (lambda context: (context.getResponse().getWriter().write("late"), context.complete()), 200, "late"),
        (lambda context: context.dispatch("/end"), 200, "end ASYNC 200"),
    ],
)
def test_a_listener_that_completes_or_dispatches_has_dealt_with_the_timeout(
    routes, log, listener, clock, reaction, status: int, text: str
) -> None:
    second = listener("M")

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener(timeout=lambda event: reaction(event.getAsyncContext())))
        context.addListener(second)

    app = routes({"/a": service, "/end": end, "/page": page}, more=PAGES)
    threading.Thread(target=clock.pass_).start()
    answer = app.get("/a")
    assert (answer.status, answer.text) == (status, text)
    assert log.until("M.complete") == ["L.timeout", "M.timeout", "L.complete", "M.complete"]


@pytest.mark.rules("RT-ASY-31", "RT-ASY-50")
@pytest.mark.parametrize("reason", ["timeout", "error"])
@pytest.mark.parametrize("reaction", ["complete", "dispatch"])
def test_an_error_page_may_complete_or_dispatch(
    routes, log, listener, clock, reason: str, reaction: str
) -> None:
    def service(request: Any, response: Any) -> None:
        request.startAsync().addListener(listener())
        if reason == "error":
            raise ValueError("the servlet fails")

    def reacting(request: Any, response: Any) -> None:
        response.getWriter().write("page ")
        if reaction == "complete":
            request.getAsyncContext().complete()
        else:
            request.getAsyncContext().dispatch("/end")

    app = routes({"/a": service, "/end": end, "/page": reacting}, more=PAGES)
    if reason == "timeout":
        threading.Thread(target=clock.pass_).start()
    answer = app.get("/a")
    text = "page " if reaction == "complete" else "page end ASYNC 500"
    assert (answer.status, answer.text) == (500, text)
    assert log.until("L.complete") == [f"L.{reason}", "L.complete"]


@pytest.mark.rules("RT-ASY-31")
def test_after_the_commit_a_timeout_breaks_the_answer_off(serve, clock) -> None:
    def service(request: Any, response: Any) -> None:
        response.getWriter().write("begun")
        response.flushBuffer()
        request.startAsync()
        response.getWriter().write(", not sent yet")

    app = serve(service)
    threading.Thread(target=clock.pass_).start()
    answer = app.get()
    assert (answer.status, answer.text, answer.broken) == (200, "begun, not sent yet", True)


def test_an_ended_request_does_not_time_out(serve, log, listener, clock, after_return) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener())
        after_return(context, context.complete)

    serve(service).get()
    log.until("L.complete")
    clock.pass_()
    assert list(log) == ["L.complete"]


# --- 11.5 listeners -------------------------------------------------------------------------------------


@pytest.mark.rules("RT-ASY-40")
def test_listeners_are_called_in_the_order_of_their_addition(serve, log, listener) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        for name in "CAB":
            context.addListener(listener(name))
        context.complete()

    serve(service).get()
    assert log.until("B.complete") == ["C.complete", "A.complete", "B.complete"]


@pytest.mark.rules("RT-ASY-40", "RT-ASY-41")
def test_a_new_cycle_drops_the_listeners_unless_they_add_themselves_again(routes, log, listener) -> None:
    again = listener("A", startAsync=None)

    def re_add(event: Any) -> None:
        event.getAsyncContext().addListener(again)

    again.reactions = {"start": re_add}

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        if request.getDispatcherType() is DispatcherType.REQUEST:
            context.addListener(listener("Once"))
            context.addListener(again)
            context.dispatch()
        else:
            log.add("started")
            context.addListener(listener("New"))
            context.complete()

    routes({"/a": service}).get("/a")
    assert log.until("New.complete") == ["Once.start", "A.start", "started", "A.complete", "New.complete"]


@pytest.mark.rules("RT-ASY-42")
def test_an_event_supplies_what_its_listener_was_added_with(serve, log) -> None:
    class Asking(AsyncListener):
        def onComplete(self, event: Any) -> None:
            supplied = event.getSuppliedRequest(), event.getSuppliedResponse()
            log.add((*map(type, supplied), event.getThrowable(), event.getAsyncContext() is log.context))

    class Wrapped(HttpServletRequestWrapper):
        pass

    def service(request: Any, response: Any) -> None:
        log.context = request.startAsync()
        log.context.addListener(Asking())
        log.context.addListener(Asking(), Wrapped(request), response)
        log.response = type(response)
        log.context.complete()

    serve(service).get()
    none = type(None)
    assert log.until((Wrapped, log.response, None, True)) == [
        (none, none, None, True), (Wrapped, log.response, None, True),
    ]  # fmt: skip


@pytest.mark.rules("RT-ASY-43")
@pytest.mark.parametrize("failure", [OSError, ValueError, SystemExit, asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("event", ["complete", "error", "timeout", "start"])
def test_a_listener_that_fails_stops_no_other(routes, log, listener, clock, event: str, failure) -> None:
    def fail(event: Any) -> None:
        raise failure("a listener fails")

    def service(request: Any, response: Any) -> None:
        if request.getDispatcherType() is not DispatcherType.REQUEST:
            request.startAsync().complete()
            return
        context = request.startAsync()
        context.addListener(listener("A", **{event: fail}))
        context.addListener(listener("B"))
        if event == "error":
            raise KeyError("the servlet fails")
        if event == "start":
            context.dispatch()
        elif event == "complete":
            context.complete()

    app = routes({"/a": service})
    if event == "timeout":
        threading.Thread(target=clock.pass_).start()
    assert app.get("/a").status == (500 if event in ("error", "timeout") else 200)
    assert log.until(f"B.{event}")[:2] == [f"A.{event}", f"B.{event}"]
    app.wait_idle()


@pytest.mark.rules("RT-ASY-44")
@pytest.mark.parametrize("stream", ["getOutputStream", "getWriter"])
def test_listeners_are_told_when_a_thread_writes_to_a_client_that_has_left(
    serve, log, listener, stream: str
) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.setTimeout(0)
        context.addListener(listener(error=lambda event: log.add(event.getThrowable())))

        def write() -> None:
            data = b"x" * 65536 if stream == "getOutputStream" else "x" * 65536
            out = getattr(response, stream)()
            try:
                while "L.error" not in log:
                    out.write(data)
            except OSError as error:
                log.add(type(error).__name__)

        context.start(write)

    app = serve(service)
    client = app.connect()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.send(f"GET {app.context.encoded_path}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    client.socket.recv(100)
    client.close()  # a reset
    log.until("L.complete")
    events = [each for each in log if str(each).startswith("L.")]
    assert events == ["L.error", "L.complete"]
    assert any(isinstance(each, OSError) for each in log)


@pytest.mark.rules("RT-ASY-45")
def test_create_listener_makes_one_or_raises_a_servlet_exception(serve, log, outcome) -> None:
    class Fine(AsyncListener):
        def onComplete(self, event: Any) -> None:
            log.add("fine")

    class Failing(AsyncListener):
        def __init__(self) -> None:
            raise ValueError("no")

    class Needing(AsyncListener):
        def __init__(self, argument: Any) -> None:
            pass

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(context.createListener(Fine))
        classes = (Failing, Needing, object)
        log.add(*(outcome(lambda each=each: context.createListener(each)) for each in classes))
        context.complete()

    serve(service).get()
    assert log.until("fine") == ["ServletException", "ServletException", "ServletException", "fine"]


# --- 11.6 errors ----------------------------------------------------------------------------------------


def failing(where: str, listener: Any, failure: BaseException) -> dict[str, Any]:
    """Servlets for an exception after startAsync ("start"), or in an async dispatch ("dispatch")."""

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener)
        if where == "start":
            raise failure
        context.dispatch("/b")

    def target(request: Any, response: Any) -> None:
        if where == "dispatch and start":
            request.startAsync().addListener(listener)
        raise failure

    return {"/a": service, "/b": target, "/end": end, "/page": page, "/lookup": page}


WHERE = pytest.mark.parametrize("where", ["start", "dispatch", "dispatch and start"])


@WHERE
@pytest.mark.rules("RT-ASY-44", "RT-ASY-50", "RT-ASY-51", "RT-EP-33")
@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (ValueError("x"), "ValueError"),
        (KeyError("x"), "KeyError"),
        (SystemExit("x"), "SystemExit"),
        (asyncio.CancelledError("x"), "CancelledError"),
    ],
)
def test_an_exception_is_told_to_the_listeners_then_shown_then_the_request_completes(
    routes, log, listener, where: str, failure: BaseException, name: str
) -> None:
    first = listener("A", error=lambda event: log.add(type(event.getThrowable()).__name__))
    app = routes(failing(where, first, failure), more=PAGES)
    answer = app.get("/a")
    assert (answer.status, answer.text) == (500, f"page ('ERROR', 500, '{name}')")
    events = [each for each in log.until("A.complete") if each != "A.start"]
    assert events == ["A.error", name, "A.complete"]
    assert app.get("/end").text == "end REQUEST 200"


@WHERE
@pytest.mark.rules("RT-ASY-50", "RT-ASY-51")
def test_all_listeners_hear_of_an_exception_and_one_of_them_may_deal_with_it(
    routes, log, listener, where: str
) -> None:
    def dispatching(event: Any) -> None:
        event.getAsyncContext().dispatch("/end")

    app = routes(failing(where, listener(error=dispatching), ValueError("x")), more=PAGES)
    answer = app.get("/a")
    assert (answer.status, answer.text) == (500, "end ASYNC 500")  # as it is when the exception arrives
    events = [each for each in log.until("L.complete") if each != "L.start"]
    assert events == ["L.error", "L.complete"]


@WHERE
@pytest.mark.rules("RT-ASY-50", "RT-ASY-51")
def test_a_listener_may_answer_an_exception_itself(routes, log, listener, where: str) -> None:
    def answering(event: Any) -> None:
        context = event.getAsyncContext()
        context.getResponse().setStatus(418)
        context.getResponse().getWriter().write("listener")
        context.complete()

    app = routes(failing(where, listener(error=answering), ValueError("x")), more=PAGES)
    answer = app.get("/a")
    assert (answer.status, answer.text) == (418, "listener")


@pytest.mark.rules("RT-ASY-51")
def test_filters_see_the_exception_first(routes, log, listener) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        try:
            chain.doFilter(request, response)
        except ValueError:
            log.add("caught")
            request.getAsyncContext().complete()

    app = routes(failing("start", listener(), ValueError("x")), around=around)
    assert app.get("/a").status == 200
    assert log.until("L.complete") == ["caught", "L.complete"]


@pytest.mark.rules("RT-ASY-51")
def test_an_exception_after_complete_is_an_error_page_without_on_error(routes, log, listener) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener())
        context.complete()
        raise ValueError("x")

    answer = routes({"/a": service, "/page": page}, more=PAGES).get("/a")
    assert (answer.status, answer.text) == (500, "page ('ERROR', 500, 'ValueError')")
    assert log.until("L.complete") == ["L.complete"]


@pytest.mark.rules("RT-ASY-50")
def test_an_error_page_that_fails_too_leaves_the_built_in_one(routes, log, listener) -> None:
    def broken(request: Any, response: Any) -> None:
        raise ValueError("the page fails, too")

    functions = failing("dispatch", listener(), ValueError("x")) | {"/page": broken}
    app = routes(functions, more=PAGES)
    answer = app.get("/a")
    assert (answer.status, "<h1>500" in answer.text) == (500, True)
    assert log.until("L.complete")


@pytest.mark.rules("RT-ASY-50", "RT-ASY-31")
@pytest.mark.parametrize("how", ["before complete", "by a thread", "in a dispatch"])
def test_send_error_shows_its_page(routes, log, listener, after_return, how: str) -> None:
    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener())

        def refuse() -> None:
            response.sendError(404, "gone")
            context.complete()

        if how == "before complete":
            refuse()
        elif how == "by a thread":
            after_return(context, refuse)
        else:
            context.dispatch("/b")

    def target(request: Any, response: Any) -> None:
        response.sendError(404, "gone")

    more = "<error-page><error-code>404</error-code><location>/page</location></error-page>"
    answer = routes({"/a": service, "/b": target, "/page": page}, more=more).get("/a")
    assert (answer.status, answer.text) == (404, "page ('ERROR', 404, 'NoneType')")
    assert log.until("L.complete") == ["L.complete"]


@pytest.mark.rules("RT-ERR-04", "RT-ASY-14")
def test_the_page_of_a_send_error_leaves_when_the_chain_has_unwound(routes, log, after_return) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, response)
        log.add("unwound")

    answered = threading.Event()

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        response.sendError(404)

        def later() -> None:
            answered.wait()
            response.getWriter().write("ignored")
            context.complete()
            log.add("completed")

        after_return(context, later)

    def not_found(request: Any, response: Any) -> None:
        log.add("page")
        response.getWriter().write("page")

    more = "<error-page><error-code>404</error-code><location>/page</location></error-page>"
    answer = routes({"/a": service, "/page": not_found}, around=around, more=more).get("/a")
    answered.set()
    assert (answer.status, answer.text) == (404, "page")
    assert log.until("completed") == ["unwound", "page", "completed"]


@pytest.mark.rules("RT-ASY-53")
@pytest.mark.parametrize("how", ["complete", "thread", "dispatch", "timeout", "error"])
def test_request_destroyed_is_told_once_when_all_is_over(
    routes, log, listener, clock, after_return, how: str
) -> None:
    class Requests(ServletRequestListener):
        def requestInitialized(self, event: Any) -> None:
            log.add("initialized")

        def requestDestroyed(self, event: Any) -> None:
            log.add("destroyed", event.getServletRequest().getServletPath())

    def service(request: Any, response: Any) -> None:
        context = request.startAsync()
        context.addListener(listener())
        if how == "complete":
            context.complete()
        elif how == "thread":
            after_return(context, context.complete)
        elif how == "dispatch":
            context.dispatch("/end")
        elif how == "error":
            raise ValueError("x")

    more = "<listener><listener-class>app.Requests</listener-class></listener>"
    app = routes({"/a": service, "/end": end}, more=more, classes=(Requests,))
    if how == "timeout":
        threading.Thread(target=clock.pass_).start()
    app.get("/a")
    events = log.until("destroyed")
    assert (events[0], events[-3:], log.count("destroyed")) == (
        "initialized", ["L.complete", "destroyed", "/a"], 1,
    )  # fmt: skip
