"""From construction to destroy (runtime, chapter 5). Threads meet at events; time is set by the test."""

from __future__ import annotations

import threading
from email.utils import parsedate_to_datetime

import pytest

from container.engine import holder
from container.servlet import (
    DispatcherType,
    Filter,
    HttpServlet,
    ServletRequestListener,
    UnavailableException,
)

PATIENCE_S = 60.0  # only ever used up by a failure


class Clock:
    """time.time for the servlets' availability."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_700_000_000.0
        monkeypatch.setattr(holder.time, "time", lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def calls() -> list[str]:
    """What happened, in order."""
    return []


@pytest.fixture
def recorder(calls):
    """Make a servlet class that records its calls and does what is given: recorder(init=..., service=...)."""

    def make(**actions) -> type[HttpServlet]:
        class Main(HttpServlet):
            instances = 0

            def __init__(self) -> None:
                type(self).instances += 1
                self.number = type(self).instances
                self.record("new")
                self.act("new")

            def record(self, what: str) -> None:
                calls.append(f"{what} {self.number}")

            def act(self, what: str, *arguments) -> None:
                if action := actions.get(what):
                    action(self, *arguments)

            def postConstruct(self) -> None:
                self.record("post-construct")

            def preDestroy(self) -> None:
                self.record("pre-destroy")

            def init(self, config) -> None:
                super().init(config)
                self.record("init")
                self.act("init", config)

            def service(self, request, response) -> None:
                self.record("service")
                self.act("service", request, response)

            def destroy(self) -> None:
                self.record("destroy")
                self.act("destroy")

        return Main

    return make


def servlet(name: str, pattern: str, more: str = "") -> str:
    return (
        f"<servlet><servlet-name>{name}</servlet-name><servlet-class>app.Main</servlet-class>{more}</servlet>"
        f"<servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>{pattern}</url-pattern>"
        "</servlet-mapping>"
    )


@pytest.fixture
def app(deploy, web_xml):
    def deploy_app(main: type, body: str = "", classes=(), **arguments):
        return deploy(web_xml(body or servlet("m", "/*")), classes=[main, *classes], **arguments)

    return deploy_app


def in_threads(*functions) -> list[threading.Thread]:
    threads = [threading.Thread(target=each, daemon=True) for each in functions]
    for thread in threads:
        thread.start()
    return threads


def join(threads) -> None:
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


# --- one instance, one sequence ---------------------------------------------------------------------------


@pytest.mark.rules("RT-LIFE-01", "RT-LIFE-02", "RT-LIFE-05")
def test_the_sequence_of_one_instance(app, recorder, calls):
    callbacks = "".join(
        f"<{element}><lifecycle-callback-class>app.Main</lifecycle-callback-class>"
        f"<lifecycle-callback-method>{method}</lifecycle-callback-method></{element}>"
        for element, method in (("post-construct", "postConstruct"), ("pre-destroy", "preDestroy"))
    )
    main = recorder()
    main.__qualname__, main.__module__ = "Main", "app"
    it = app(main, callbacks + servlet("m", "/*"))
    assert calls == []
    for _ in range(3):
        assert it.get().status == 200
    it.stop()
    it.stop()
    expected = ["new 1", "post-construct 1", "init 1", *["service 1"] * 3, "destroy 1", "pre-destroy 1"]
    assert calls == expected


@pytest.mark.rules("RT-LIFE-01", "RT-LIFE-03")
def test_each_declaration_has_its_own_instance_and_config(app, recorder):
    def show(self, request, response) -> None:
        config = self.getServletConfig()
        names = sorted(config.getInitParameterNames())
        words = [self.number, config.getServletName(), names, config.getInitParameter("a")]
        words.append(config.getServletContext() is request.getServletContext())
        response.getWriter().write(repr(words))

    def params(**values: str) -> str:
        return "".join(
            f"<init-param><param-name>{n}</param-name><param-value>{v}</param-value></init-param>"
            for n, v in values.items()
        )

    it = app(
        recorder(service=show),
        servlet("one", "/1", params(a="x", b="y")) + servlet("two", "/2", params(a="z")) + servlet("3", "/3"),
    )
    for _ in range(2):
        assert it.get("/1").text == "[1, 'one', ['a', 'b'], 'x', True]"
        assert it.get("/2").text == "[2, 'two', ['a'], 'z', True]"
        assert it.get("/3").text == "[3, '3', [], None, True]"


@pytest.mark.rules("RT-LIFE-05")
def test_load_on_startup_is_at_deployment_and_others_wait_for_a_request_or_dispatch(app, recorder, calls):
    def dispatch(self, request, response) -> None:
        if request.getDispatcherType() is DispatcherType.REQUEST:
            request.getRequestDispatcher("/lazy").include(request, response)

    eager = servlet("e", "/eager", "<load-on-startup>1</load-on-startup>")
    it = app(recorder(service=dispatch), eager + servlet("l", "/lazy") + servlet("unused", "/unused"))
    assert calls == ["new 1", "init 1"]
    assert it.get("/eager").status == 200
    assert calls[2:] == ["service 1", "new 2", "init 2", "service 2"]


@pytest.mark.rules("RT-LIFE-04")
def test_first_requests_wait_until_init_has_returned(app, recorder, calls):
    may_return, arrived = threading.Event(), threading.Semaphore(0)

    class Counts(ServletRequestListener):
        def requestInitialized(self, sre) -> None:
            arrived.release()

    def init(self, config) -> None:
        assert may_return.wait(PATIENCE_S)
        calls.append("initialised")

    listener = "<listener><listener-class>app.Counts</listener-class></listener>"
    it = app(recorder(init=init), listener + servlet("m", "/*"), classes=[Counts])
    statuses: list[int] = []
    threads = in_threads(*[lambda: statuses.append(it.get().status)] * 4)
    for _ in threads:
        assert arrived.acquire(timeout=PATIENCE_S)
    assert not statuses
    may_return.set()
    join(threads)
    assert statuses == [200] * 4
    assert calls == ["new 1", "init 1", "initialised", *["service 1"] * 4]


@pytest.mark.rules("RT-LIFE-09")
def test_service_runs_in_several_threads_at_once(app, recorder):
    together = threading.Barrier(3, timeout=PATIENCE_S)
    idents: list[int] = []

    def service(self, request, response) -> None:
        together.wait()  # broken unless three requests are in here
        idents.append(threading.get_ident())

    it = app(recorder(service=service))
    statuses: list[int] = []
    join(in_threads(*[lambda: statuses.append(it.get().status)] * 3))
    assert statuses == [200] * 3
    assert len(set(idents)) == 3


@pytest.mark.rules("RT-LIFE-15")
def test_filters_and_servlet_run_in_one_thread(app, recorder):
    idents: list[int] = []

    class Notes(Filter):
        def doFilter(self, request, response, chain) -> None:
            idents.append(threading.get_ident())
            chain.doFilter(request, response)
            idents.append(threading.get_ident())

    filters = "".join(
        f"<filter><filter-name>{n}</filter-name><filter-class>app.Notes</filter-class></filter>"
        f"<filter-mapping><filter-name>{n}</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
        for n in "ab"
    )
    main = recorder(service=lambda *_: idents.append(threading.get_ident()))
    assert app(main, filters + servlet("m", "/*"), classes=[Notes]).get().status == 200
    assert (len(idents), len(set(idents))) == (5, 1)


# --- init fails -------------------------------------------------------------------------------------------

FAILURES = [ValueError, OSError, SystemExit, KeyboardInterrupt, RecursionError]


@pytest.mark.rules("RT-LIFE-06", "RT-LIFE-08")
@pytest.mark.parametrize("where", ["new", "init"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_init_is_a_500_and_the_next_request_gets_a_new_instance(
    app, recorder, calls, failure, where
):
    def fail_once(self, *arguments) -> None:
        if self.number == 1:
            raise failure("a mistake")

    it = app(recorder(**{where: fail_once}))
    assert it.get().status == 500
    assert it.get().status == 200
    it.stop()
    first = ["new 1"] if where == "new" else ["new 1", "init 1"]
    assert calls == [*first, "new 2", "init 2", "service 2", "destroy 2"]


@pytest.mark.rules("RT-LIFE-06", "RT-LIFE-08")
@pytest.mark.parametrize("failure", [ValueError, SystemExit])
def test_a_failed_init_at_the_start_keeps_only_that_servlet_out(app, recorder, calls, failure):
    def fail_once(self, config) -> None:
        if self.number == 1:
            raise failure("a mistake")

    eager = "<load-on-startup>1</load-on-startup>"
    it = app(recorder(init=fail_once), servlet("a", "/a", eager) + servlet("b", "/b", eager))
    assert it.running
    assert "servlet a does not start" in it.problems[0]
    assert it.get("/b").status == 200
    assert it.get("/a").status == 200
    assert calls == ["new 1", "init 1", "new 2", "init 2", "service 2", "new 3", "init 3", "service 3"]


@pytest.mark.rules("RT-LIFE-08")
def test_a_failed_init_has_the_web_apps_error_page(app, recorder):
    def fail(self, config) -> None:
        raise LookupError("no stock")

    page = (
        "<error-page><exception-type>LookupError</exception-type><location>/page.txt</location></error-page>"
    )
    it = app(recorder(init=fail), page + servlet("m", "/m"), files={"page.txt": "out of stock"})
    answer = it.get("/m")
    assert (answer.status, answer.text) == (500, "out of stock")


@pytest.mark.rules("RT-LIFE-07", "RT-LIFE-08")
@pytest.mark.parametrize("eager", ["", "<load-on-startup>1</load-on-startup>"])
def test_unavailable_in_init_is_not_tried_again_before_its_time(app, recorder, calls, clock, eager):
    def fail_once(self, config) -> None:
        if self.number == 1:
            raise UnavailableException("not yet", 30)

    it = app(recorder(init=fail_once), servlet("m", "/*", eager))
    for passed_s in 0, 29:
        clock.now_s = 1_700_000_000 + passed_s
        answer = it.get()
        assert answer.status == 503
        assert parsedate_to_datetime(answer.header("Retry-After")).timestamp() == 1_700_000_030
    assert calls == ["new 1", "init 1"]
    clock.now_s += 1
    assert it.get().status == 200
    assert calls == ["new 1", "init 1", "new 2", "init 2", "service 2"]


@pytest.mark.rules("RT-LIFE-07", "RT-LIFE-08")
@pytest.mark.parametrize("eager", ["", "<load-on-startup>1</load-on-startup>"])
def test_unavailable_for_good_in_init_is_never_tried_again(app, recorder, calls, clock, eager):
    def fail(self, config) -> None:
        raise UnavailableException("never")

    it = app(recorder(init=fail), servlet("m", "/*", eager))
    for _ in range(2):
        answer = it.get()
        assert (answer.status, answer.header("Retry-After")) == (404, None)
        clock.now_s += 1e9
    it.stop()
    assert calls == ["new 1", "init 1"]


# --- unavailable in service -------------------------------------------------------------------------------


def unavailable_when_asked(self, request, response) -> None:
    if (seconds := request.getParameter("seconds")) is not None:
        error = (
            UnavailableException("so it is", int(seconds)) if seconds else UnavailableException("for good")
        )
        raise error


@pytest.mark.rules("RT-LIFE-10")
def test_unavailable_for_good(app, recorder, calls):
    it = app(recorder(service=unavailable_when_asked))
    assert it.get().status == 200
    for path in "/?seconds=", "/", "/x":
        answer = it.get(path)
        assert (answer.status, answer.header("Retry-After")) == (404, None)
    it.stop()
    assert calls == ["new 1", "init 1", "service 1", "service 1", "destroy 1"]


@pytest.mark.rules("RT-LIFE-10", "RT-LIFE-12")
def test_destroy_waits_for_the_requests_that_still_run(app, recorder, calls):
    running, may_end, destroyed = threading.Event(), threading.Event(), threading.Event()

    def service(self, request, response) -> None:
        if request.getPathInfo() == "/slow":
            running.set()
            assert may_end.wait(PATIENCE_S)
            self.record("end")
        unavailable_when_asked(self, request, response)

    it = app(recorder(service=service, destroy=lambda self: destroyed.set()))
    slow: list[int] = []
    threads = in_threads(lambda: slow.append(it.get("/slow").status))
    assert running.wait(PATIENCE_S)
    assert it.get("/?seconds=").status == 404
    assert it.get("/").status == 404
    assert not destroyed.is_set()
    may_end.set()
    join(threads)
    assert destroyed.wait(PATIENCE_S)
    assert slow == [200]
    assert calls == ["new 1", "init 1", "service 1", "service 1", "end 1", "destroy 1"]


@pytest.mark.rules("RT-LIFE-11")
@pytest.mark.parametrize(("seconds", "period_s"), [("30", 30), ("0", 60), ("-5", 60)])
def test_unavailable_for_a_while_and_then_as_before(app, recorder, calls, clock, seconds, period_s):
    it = app(recorder(service=unavailable_when_asked))
    start_s = clock.now_s
    for path in f"/?seconds={seconds}", "/":
        answer = it.get(path)
        assert answer.status == 503
        assert parsedate_to_datetime(answer.header("Retry-After")).timestamp() == start_s + period_s
    clock.now_s += period_s - 1
    assert it.get().status == 503
    clock.now_s += 1
    assert it.get().status == 200
    it.stop()
    assert calls == ["new 1", "init 1", "service 1", "service 1", "destroy 1"]


@pytest.mark.rules("RT-LIFE-11", "RT-LIFE-12")
def test_a_servlet_that_is_away_for_a_while_is_destroyed_with_the_web_app(app, recorder, calls):
    it = app(recorder(service=unavailable_when_asked))
    assert it.get("/?seconds=30").status == 503
    it.stop()
    assert calls == ["new 1", "init 1", "service 1", "destroy 1"]


@pytest.mark.rules("RT-LIFE-10", "RT-LIFE-11")
@pytest.mark.parametrize(("seconds", "status"), [("", 404), ("30", 503)])
def test_an_unavailable_servlet_has_an_error_page_and_leaves_others_alone(app, recorder, seconds, status):
    page = f"<error-page><error-code>{status}</error-code><location>/page.txt</location></error-page>"
    body = page + servlet("a", "/a") + servlet("b", "/b")
    it = app(recorder(service=unavailable_when_asked), body, files={"page.txt": "the page"})
    for path in f"/a?seconds={seconds}", "/a":
        answer = it.get(path)
        assert (answer.status, answer.text) == (status, "the page")
    assert it.get("/b").status == 200


@pytest.mark.rules("RT-LIFE-11")
def test_unavailable_thrown_by_a_filter_is_reported_in_the_same_way(app, recorder, calls, clock):
    class Refuses(Filter):
        def doFilter(self, request, response, chain) -> None:
            raise UnavailableException("not now", 5)

    more = """<filter><filter-name>f</filter-name><filter-class>app.Refuses</filter-class></filter>
      <filter-mapping><filter-name>f</filter-name><url-pattern>/f</url-pattern></filter-mapping>"""
    it = app(recorder(), more + servlet("m", "/*"), classes=[Refuses])
    answer = it.get("/f")
    assert answer.status == 503
    assert parsedate_to_datetime(answer.header("Retry-After")).timestamp() == clock.now_s + 5
    assert it.get("/other").status == 200


@pytest.mark.rules("RT-LIFE-10")
def test_unavailable_from_an_async_def_method_counts_too(app, calls):
    class Main(HttpServlet):
        async def doGet(self, request, response) -> None:
            calls.append("called")
            raise UnavailableException("for good")

    it = app(Main)
    assert [it.get().status, it.get().status] == [404, 404]
    assert calls == ["called"]


# --- destroy ----------------------------------------------------------------------------------------------


@pytest.mark.rules("RT-LIFE-12")
def test_at_the_stop_destroy_waits_for_running_requests_and_no_more_come(app, recorder, calls):
    running, may_end, destroyed = threading.Event(), threading.Event(), threading.Event()

    def service(self, request, response) -> None:
        if request.getPathInfo() == "/slow":
            running.set()
            assert may_end.wait(PATIENCE_S)
            self.record("end")

    it = app(recorder(service=service, destroy=lambda self: destroyed.set()))
    assert it.get("/known").status == 200
    slow: list[int] = []
    requests = in_threads(lambda: slow.append(it.get("/slow").status))
    assert running.wait(PATIENCE_S)
    stopping = threading.Event()
    wait_idle = it.context.wait_idle
    it.context.wait_idle = lambda timeout_s: (stopping.set(), wait_idle(timeout_s))[1]
    stops = in_threads(it.stop)
    assert stopping.wait(PATIENCE_S)
    assert [it.get(path).status for path in ("/new", "/known")] == [503, 503]
    assert not destroyed.is_set()
    may_end.set()
    join([*requests, *stops])
    assert slow == [200]
    assert calls == ["new 1", "init 1", "service 1", "service 1", "end 1", "destroy 1"]


@pytest.mark.rules("RT-LIFE-12", "RT-LIFE-14")
def test_a_reload_between_finding_and_calling_the_web_app(app, recorder, calls):
    """The old generation serves no more, and is not remembered for the path."""
    it = app(recorder())

    def reload_first(path: str):
        del it.container.context_for
        found = it.container.context_for(path)
        it.container.reload(found)
        return found

    it.container.context_for = reload_first
    assert it.get("/x").status == 503
    assert it.get("/x").status == 200
    assert calls == ["new 1", "init 1", "service 1"]


@pytest.mark.rules("RT-LIFE-12")
def test_a_request_that_outlasts_its_web_app_gets_no_new_servlet(app, recorder, calls):
    running, may_end = threading.Event(), threading.Event()

    def service(self, request, response) -> None:
        if request.getDispatcherType() is DispatcherType.REQUEST:
            running.set()
            assert may_end.wait(PATIENCE_S)
            request.getRequestDispatcher("/other").forward(request, response)

    it = app(recorder(service=service), servlet("m", "/m") + servlet("other", "/other"))
    statuses: list[int] = []
    requests = in_threads(lambda: statuses.append(it.get("/m").status))
    assert running.wait(PATIENCE_S)
    it.container.stop(0)
    may_end.set()
    join(requests)
    assert statuses == [404]
    assert calls == ["new 1", "init 1", "service 1", "destroy 1"]


@pytest.mark.rules("RT-LIFE-12")
def test_destroy_does_not_wait_for_ever(app, recorder, calls):
    running, may_end = threading.Event(), threading.Event()

    def service(self, request, response) -> None:
        running.set()
        assert may_end.wait(PATIENCE_S)

    it = app(recorder(service=service))
    requests = in_threads(it.get)
    assert running.wait(PATIENCE_S)
    it.container.stop(0)
    assert calls == ["new 1", "init 1", "service 1", "destroy 1"]
    may_end.set()
    join(requests)


@pytest.mark.rules("RT-LIFE-13")
@pytest.mark.parametrize("failure", [ValueError, OSError, SystemExit])
def test_what_destroy_raises_is_logged_and_the_rest_is_destroyed(app, recorder, calls, caplog, failure):
    def fail(self) -> None:
        raise failure("cannot let go")

    it = app(recorder(destroy=fail), servlet("a", "/a") + servlet("b", "/b"))
    assert [it.get("/a").status, it.get("/b").status] == [200, 200]
    it.stop()
    assert sorted(call for call in calls if "destroy" in call) == ["destroy 1", "destroy 2"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [failure] * 2


@pytest.mark.rules("RT-LIFE-14")
def test_after_destroy_there_is_a_new_instance(app, recorder, calls):
    it = app(recorder())
    assert it.get().status == 200
    it.container.reload(it.context)
    assert it.get().status == 200
    it.stop()
    assert calls == [
        f"{what} {number}" for number in (1, 2) for what in ("new", "init", "service", "destroy")
    ]
