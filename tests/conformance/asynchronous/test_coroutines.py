"""``async def doGet`` and the like: what docs/async.md says."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from container.servlet import (
    DispatcherType,
    HttpFilter,
    HttpServlet,
    HttpServletResponseWrapper,
    ServletRequestListener,
    UnavailableException,
    UnsupportedOperationException,
)

PAGES = """
  <error-page><error-code>500</error-code><location>/page</location></error-page>
  <servlet><servlet-name>page</servlet-name><servlet-class>app.Page</servlet-class></servlet>
  <servlet-mapping><servlet-name>page</servlet-name><url-pattern>/page</url-pattern></servlet-mapping>
"""
FAILURES = ValueError, OSError, SystemExit, GeneratorExit, asyncio.CancelledError
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Page(HttpServlet):
    def doGet(self, request: Any, response: Any) -> None:
        error = request.getAttribute("jakarta.servlet.error.exception")
        response.getWriter().write(f"page {response.getStatus()} {type(error).__name__}")


async def hello(request: Any, response: Any) -> None:
    await asyncio.sleep(0)
    response.getWriter().write(f"hello from {threading.current_thread().name}")


class Handlers(HttpServlet):
    async def doGet(self, request: Any, response: Any) -> None:
        await asyncio.sleep(0)
        response.getWriter().write("got")

    async def doPost(self, request: Any, response: Any) -> None:
        await asyncio.sleep(0)
        body = request.getInputStream().read()
        response.getOutputStream().write(body[::-1])

    def doPut(self, request: Any, response: Any) -> None:
        response.getWriter().write(threading.current_thread().name)


HANDLERS = """
  <servlet><servlet-name>h</servlet-name><servlet-class>app.Handlers</servlet-class>
    <init-param><param-name>jakarta.servlet.http.legacyDoHead</param-name><param-value>true</param-value></init-param>
    <async-supported>{}</async-supported></servlet>
  <servlet-mapping><servlet-name>h</servlet-name><url-pattern>/h/*</url-pattern></servlet-mapping>
"""


@pytest.mark.parametrize("supported", ["true", "false"])
def test_each_method_may_be_a_coroutine_and_the_others_stay_as_they_are(
    deploy, web_xml, supported: str, is_worker: bool
) -> None:
    app = deploy(web_xml(HANDLERS.format(supported)), classes=[Handlers])
    assert app.get("/h").text == "got"
    assert app.post("/h", b"abc", "Content-Type: text/plain").text == "cba"
    assert app.request("PUT", "/h").text.startswith("worker-" if is_worker else "request-")
    head = app.request("HEAD", "/h")
    assert (head.status, head.header("Content-Length"), head.body) == (200, "3", b"")
    assert app.request("DELETE", "/h").status == 405
    big = b"x" * 500_000
    assert app.post("/h/big", big, "Content-Type: text/plain").body == big


def test_a_body_that_comes_slowly_keeps_no_other_coroutine(deploy, web_xml, log) -> None:
    app = deploy(web_xml(HANDLERS.format("true")), classes=[Handlers])
    app.get("/h")
    slow = app.connect()
    slow.send(b"POST /app/h HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
    assert app.post("/h", b"xyz", "Content-Type: text/plain").text == "zyx"
    slow.send(b"bc")
    assert slow.answer().text == "cba"


def test_bodies_that_come_slowly_hold_no_thread(deploy, web_xml) -> None:
    app = deploy(web_xml(HANDLERS.format("true")), classes=[Handlers])
    app.serve_by(server := type(app.server)(threads=2))
    app.get("/h")  # loads the servlet: from now on it is known to be a coroutine
    slow = [app.connect() for _ in range(10)]
    for client in slow:
        client.send(b"POST /app/h HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
    assert app.get("/h").text == "got"
    for client in slow:
        client.send(b"bc")
        assert client.answer().text == "cba"
        client.close()
    server.stop()


def test_the_first_request_of_a_servlet_finds_its_whole_body_too(deploy, web_xml) -> None:
    app = deploy(web_xml(HANDLERS.format("true")), classes=[Handlers])
    client = app.connect()
    client.send(b"POST /app/h HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert app.get("/h").text == "got"
    client.send(b"2\r\nde\r\n0\r\n\r\n")
    assert client.answer().text == "edcba"
    broken = app.send(
        b"POST /app/h HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"
    )
    assert broken[0].status == 400


@pytest.mark.rules("RT-ASY-14")
def test_filters_unwind_first_and_then_the_coroutine_runs(routes, log) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, response)
        log.add("unwound", request.isAsyncStarted())
        response.setHeader("X-Filter", "after")

    async def service(request: Any, response: Any) -> None:
        log.add("coroutine", request.isAsyncStarted(), response.getHeader("X-Filter"))
        response.getWriter().write(threading.current_thread().name)

    assert routes({"/a": service}, around=around).get("/a").text == "coroutines"
    assert list(log) == ["unwound", True, "coroutine", True, "after"]


@pytest.mark.parametrize("way", ["sync servlet", "sync filter", "include"])
def test_without_async_support_the_thread_waits_inside_the_chain(routes, log, way: str) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, response)
        response.getWriter().write(" after")
        log.add(request.isAsyncStarted())

    def including(request: Any, response: Any) -> None:
        request.getRequestDispatcher("/a").include(request, response)
        response.getWriter().write(" included")

    app = routes(
        {"/a": hello, "/include": including},
        around=around,
        sync=("/a",) if way == "sync servlet" else (),
        supported=way != "sync filter",
    )
    path, middle = ("/include", " included") if way == "include" else ("/a", "")
    assert app.get(path).text == f"hello from coroutines{middle} after"
    assert list(log) == [False]


@pytest.mark.rules("RT-ASY-50", "RT-ASY-51")
@pytest.mark.parametrize(
    ("supported", "failure"),
    [
        *((True, each) for each in (*FAILURES, KeyboardInterrupt)),
        *((False, each) for each in FAILURES),
    ],
)
def test_an_exception_of_a_coroutine_shows_the_error_page(
    routes, log, listener, supported: bool, failure: type[BaseException]
) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        try:
            chain.doFilter(request, response)
        except BaseException as error:
            log.add(f"filter saw {type(error).__name__}")
            raise

    async def service(request: Any, response: Any) -> None:
        if supported:
            request.getAsyncContext().addListener(listener())
        response.getWriter().write("never sent")
        await asyncio.sleep(0)
        raise failure("the coroutine fails")

    functions = {"/a": service, "/b": hello}
    app = routes(functions, around=around, supported=supported, more=PAGES, classes=(Page,))
    answer = app.get("/a")
    assert (answer.status, answer.text) == (500, f"page 500 {failure.__name__}")
    if supported:
        assert log.until("L.complete") == ["L.error", "L.complete"]
    else:
        assert list(log) == [f"filter saw {failure.__name__}"]
    assert app.get("/b").text == "hello from coroutines"


def test_a_system_exit_in_a_task_of_the_applications_own_keeps_the_loop_running(routes, log) -> None:
    async def ending() -> None:
        raise SystemExit("in a task")

    async def service(request: Any, response: Any) -> None:
        task = asyncio.create_task(ending())
        await asyncio.wait([task])
        log.add(type(task.exception()).__name__)

    app = routes({"/a": service})
    assert app.get("/a").status == 200
    assert list(log) == ["SystemExit"]


@pytest.mark.parametrize("supported", [True, False])
def test_an_unavailable_exception_takes_the_servlet_out_of_service(routes, supported: bool) -> None:
    async def service(request: Any, response: Any) -> None:
        raise UnavailableException("for a while", 100)

    app = routes({"/a": service}, sync=() if supported else ("/a",))
    assert [app.get("/a").status for _ in range(2)] == [503, 503]
    assert app.get("/a").header("Retry-After") is not None


@pytest.mark.parametrize("way", ["forward", "dispatch"])
def test_a_forward_and_an_async_dispatch_reach_a_coroutine(routes, log, way: str) -> None:
    def first(request: Any, response: Any) -> None:
        if way == "forward":
            request.getRequestDispatcher("/b?q=1").forward(request, response)
        else:
            request.startAsync().dispatch("/b?q=1")

    async def second(request: Any, response: Any) -> None:
        await asyncio.sleep(0)
        kind = request.getDispatcherType().name
        response.getWriter().write(f"{kind} {request.getServletPath()} {request.getParameter('q')}")

    app = routes({"/a": first, "/b": second})
    assert app.get("/a").text == f"{'FORWARD' if way == 'forward' else 'ASYNC'} /b 1"


@pytest.mark.rules("RT-ASY-11", "RT-ASY-20")
def test_a_coroutine_may_dispatch_to_a_page_which_then_ends_the_request(routes, log) -> None:
    async def service(request: Any, response: Any) -> None:
        request.getAsyncContext().dispatch("/WEB-INF/page.jinja")
        await asyncio.sleep(0)
        request.setAttribute("word", "known before the dispatch runs")

    app = routes({"/a": service}, files={"WEB-INF/page.jinja": "{{ word }}"})
    assert app.get("/a").text == "known before the dispatch runs"


def test_complete_in_a_coroutine_takes_effect_when_it_ends(routes, log, outcome) -> None:
    async def service(request: Any, response: Any) -> None:
        context = request.getAsyncContext()
        context.complete()
        log.add(outcome(context.complete), outcome(request.startAsync))
        await asyncio.sleep(0)
        response.getWriter().write("after complete")

    assert routes({"/a": service}).get("/a").text == "after complete"
    assert list(log) == ["IllegalStateException"] * 2


def test_a_coroutine_needs_no_listeners_of_streams(routes) -> None:
    async def service(request: Any, response: Any) -> None:
        for setter in request.getInputStream().setReadListener, response.getOutputStream().setWriteListener:
            with pytest.raises(UnsupportedOperationException, match="async def"):
                setter(object())
        response.setStatus(204)

    assert routes({"/a": service}).get("/a").status == 204


def test_wrapped_objects_reach_the_coroutine(routes) -> None:
    class Response(HttpServletResponseWrapper):
        pass

    def around(request: Any, response: Any, chain: Any) -> None:
        chain.doFilter(request, Response(response))

    async def service(request: Any, response: Any) -> None:
        response.getWriter().write(type(response).__name__)

    assert routes({"/a": service}, around=around).get("/a").text == "Response"


@pytest.mark.rules("RT-CTX-17")
@pytest.mark.parametrize("supported", [True, False])
def test_a_coroutine_has_the_context_variables_of_its_filters(routes, supported: bool) -> None:
    def around(request: Any, response: Any, chain: Any) -> None:
        token = variable.set("set by the filter")
        chain.doFilter(request, response)
        variable.reset(token)

    async def service(request: Any, response: Any) -> None:
        before = variable.get()
        variable.set("set by the coroutine")
        await asyncio.sleep(0)
        response.getWriter().write(f"{before}, {variable.get()}")

    app = routes({"/a": service, "/b": hello}, around=around, supported=supported)
    assert app.get("/a").text == "set by the filter, set by the coroutine"
    assert variable.get() == "unset"


# --- timeout, cancellation ---------------------------------------------------------------------------------


@pytest.mark.rules("RT-ASY-30", "RT-ASY-31")
def test_a_coroutine_that_takes_too_long_is_cancelled_and_answered_with_500(
    routes, log, listener, clock
) -> None:
    async def service(request: Any, response: Any) -> None:
        request.getAsyncContext().addListener(listener())
        try:
            log.add("running")
            await asyncio.Event().wait()
        finally:
            log.add("cancelled")

    app = routes({"/a": service}, more=PAGES, classes=(Page,))
    threading.Thread(target=lambda: (log.until("running"), clock.pass_())).start()
    answer = app.get("/a")
    assert (answer.status, answer.text) == (500, "page 500 NoneType")
    assert log.until("L.complete") == ["running", "cancelled", "L.timeout", "L.complete"]
    assert clock.delays_s == [30.0]


@pytest.mark.rules("RT-ASY-31")
def test_a_coroutine_may_answer_when_it_is_cancelled_for_its_timeout(routes, log, clock) -> None:
    async def service(request: Any, response: Any) -> None:
        try:
            log.add("running")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            response.setStatus(202)
            response.getWriter().write("not yet")

    app = routes({"/a": service})
    threading.Thread(target=lambda: (log.until("running"), clock.pass_())).start()
    answer = app.get("/a")
    assert (answer.status, answer.text) == (202, "not yet")


def test_a_coroutine_may_set_its_own_timeout(routes, clock) -> None:
    async def service(request: Any, response: Any) -> None:
        request.getAsyncContext().setTimeout(5000)
        request.getAsyncContext().setTimeout(0)

    assert routes({"/a": service}).get("/a").status == 200
    assert sorted(clock.delays_s) in ([5.0], [5.0, 30.0])


@pytest.mark.rules("RT-ASY-44")
@pytest.mark.parametrize(
    "supported", [True, pytest.param(False, marks=pytest.mark.on_a_loop("who would notice waits for it"))]
)
def test_a_coroutine_is_cancelled_when_its_client_leaves(routes, log, listener, supported: bool) -> None:
    class Requests(ServletRequestListener):
        def requestDestroyed(self, event: Any) -> None:
            log.add("destroyed")

    def around(request: Any, response: Any, chain: Any) -> None:
        try:
            chain.doFilter(request, response)
        except OSError as error:
            log.add(type(error).__name__)
            raise

    async def service(request: Any, response: Any) -> None:
        if supported:
            request.getAsyncContext().addListener(listener())
        try:
            log.add("running")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.add("cancelled")
            raise

    more = "<listener><listener-class>app.Requests</listener-class></listener>"
    app = routes({"/a": service}, around=around, supported=supported, more=more, classes=(Requests,))
    client = app.connect()
    client.send(b"GET /app/a HTTP/1.1\r\nHost: a\r\n\r\n")
    log.until("running")
    client.close()
    events = log.until("destroyed")
    told = ["L.error", "L.complete"] if supported else ["ClientDisconnected"]
    assert events == ["running", "cancelled", *told, "destroyed"]


def test_coroutines_are_cancelled_when_their_web_app_stops(routes, log) -> None:
    async def service(request: Any, response: Any) -> None:
        log.add("running")
        try:
            await asyncio.Event().wait()
        finally:
            log.add("cancelled")

    app = routes({"/a": service})
    client = app.connect()
    client.send(b"GET /app/a HTTP/1.1\r\nHost: a\r\n\r\n")
    log.until("running")
    app.container.stop(0)
    assert log.until("cancelled") == ["running", "cancelled"]
    assert client.answer().status == 500


def test_no_loop_is_started_without_coroutines_and_it_ends_with_the_container(routes) -> None:
    def named() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name in ("coroutines", "timeouts")}

    before = named()
    app = routes({"/a": hello, "/b": lambda request, response: None})
    app.get("/b")
    assert not named() - before
    app.get("/a")
    (loop,) = {each for each in named() - before if each.name == "coroutines"}
    app.stop()
    loop.join(10)
    assert not loop.is_alive()


# --- many at a time ----------------------------------------------------------------------------------------


@pytest.mark.on_a_loop("each connection holds one")
@pytest.mark.parametrize("how", ["async def", "startAsync"])
def test_500_requests_wait_without_a_thread(routes, log, how: str) -> None:
    waiting: list[Any] = []
    everyone = 500

    async def coroutine(request: Any, response: Any) -> None:
        event = asyncio.Event()
        waiting.append((asyncio.get_running_loop(), event))
        log.add("waiting")
        await event.wait()
        response.getWriter().write(f"done {request.getParameter('n')}")

    def starting(request: Any, response: Any) -> None:
        context = request.startAsync()
        waiting.append(context)
        log.add("waiting")

    app = routes({"/a": coroutine if how == "async def" else starting, "/quick": hello})
    app.serve_by(server := type(app.server)(threads=8))
    clients = [app.connect() for _ in range(everyone)]
    for number, client in enumerate(clients):
        client.send(f"GET /app/a?n={number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    log.until("waiting", everyone)
    assert len(server.executor._threads) <= 8
    assert app.get("/quick").text == "hello from coroutines"  # a thread is free
    for each in waiting:
        if how == "async def":
            loop, event = each
            loop.call_soon_threadsafe(event.set)
        else:
            each.getResponse().getWriter().write(f"done {each.getRequest().getParameter('n')}")
            each.complete()
    assert [client.answer().text for client in clients] == [f"done {n}" for n in range(everyone)]
    for client in clients:
        client.close()
    server.stop()


@pytest.mark.parametrize("supported", [True, False])
def test_a_slow_client_holds_its_own_coroutine_and_no_other(routes, log, supported: bool) -> None:
    piece = "x" * 100_000
    pieces = 200

    async def service(request: Any, response: Any) -> None:
        writer = response.getWriter()
        for number in range(pieces):
            writer.write(piece)
            log.add(number)
            await asyncio.sleep(0)

    app = routes({"/a": service, "/b": hello}, sync=() if supported else ("/a",))
    slow = app.connect()
    slow.send(b"GET /app/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    log.until(0)
    for _ in range(20):
        assert app.get("/b").text == "hello from coroutines"
    assert len(log) < pieces  # it has been held
    assert len(slow.answer().body) == pieces * len(piece)
    assert list(log) == list(range(pieces))


@pytest.mark.parametrize("supported", [True, False])
def test_a_write_in_one_of_the_applications_threads_keeps_its_place(routes, supported: bool) -> None:
    async def service(request: Any, response: Any) -> None:
        out = response.getOutputStream()
        for number in range(20):
            data = str(number % 10).encode() * 20_000
            if number % 2:
                await asyncio.to_thread(out.write, data)
            else:
                out.write(data)

    body = routes({"/a": service}, sync=() if supported else ("/a",)).get("/a").body
    assert body == b"".join(str(number % 10).encode() * 20_000 for number in range(20))


@pytest.mark.parametrize("supported", [True, False])
def test_a_coroutine_that_closes_its_writer_has_answered(routes, log, supported: bool) -> None:
    async def service(request: Any, response: Any) -> None:
        response.getWriter().write("x" * 10_000)
        response.flushBuffer()
        response.getWriter().close()
        response.getWriter().write("ignored")
        log.add("closed")

    app = routes({"/a": service}, sync=() if supported else ("/a",))
    assert app.get("/a").text == "x" * 10_000
    log.until("closed")


# --- what is not possible ----------------------------------------------------------------------------------


def test_a_filter_cannot_be_a_coroutine(deploy, web_xml) -> None:
    class Around(HttpFilter):
        async def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            chain.doFilter(request, response)

    xml = """<filter><filter-name>f</filter-name><filter-class>app.Around</filter-class></filter>
      <filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"""
    app = deploy(web_xml(xml), classes=[Around])
    assert not app.running
    assert "doFilter is async def" in app.problems[0]


def test_an_async_generator_is_refused(deploy, web_xml) -> None:
    class Handlers(HttpServlet):
        async def doGet(self, request: Any, response: Any) -> Any:
            yield "chunk"

    app = deploy(web_xml(HANDLERS.format("true")), classes=[Handlers], dev=True)
    answer = app.get("/h")
    assert (answer.status, "must not contain yield" in answer.text) == (500, True)


@pytest.mark.parametrize("call", ["forward", "include"])
def test_a_coroutine_cannot_call_another_one_through_a_dispatcher(routes, log, outcome, call: str) -> None:
    async def service(request: Any, response: Any) -> None:
        dispatcher = request.getRequestDispatcher(request.getParameter("to"))
        log.add(outcome(lambda: getattr(dispatcher, call)(request, response)))

    def plain(request: Any, response: Any) -> None:
        response.getWriter().write(f"plain {request.getDispatcherType() is DispatcherType.REQUEST}")

    app = routes({"/a": service, "/coroutine": hello, "/plain": plain})
    app.get("/a?to=/coroutine")
    assert list(log) == ["IllegalStateException"]
    assert app.get("/a?to=/plain").text == "plain False"


def test_an_error_page_may_be_a_coroutine(routes) -> None:
    async def failing(request: Any, response: Any) -> None:
        raise ValueError("x")

    async def page(request: Any, response: Any) -> None:
        await asyncio.sleep(0)
        response.getWriter().write(f"page {response.getStatus()}")

    more = "<error-page><error-code>500</error-code><location>/page</location></error-page>"
    answer = routes({"/a": failing, "/page": page}, more=more).get("/a")
    assert (answer.status, answer.text) == (500, "page 500")
