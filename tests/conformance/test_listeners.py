"""Listeners: RT-LST. Those of sessions are also in test_sessions.py."""

from __future__ import annotations

import threading

import pytest

from container.servlet import (
    AsyncListener,
    EventListener,
    Filter,
    HttpServlet,
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
    ReadListener,
    ServletContext,
    ServletContextAttributeListener,
    ServletContextListener,
    ServletRequestAttributeListener,
    ServletRequestListener,
    WriteListener,
)

WITH_DEFAULTS = [
    ServletContextListener,
    ServletContextAttributeListener,
    ServletRequestListener,
    ServletRequestAttributeListener,
    HttpSessionListener,
    HttpSessionAttributeListener,
    HttpSessionBindingListener,
    HttpSessionActivationListener,
]
WITHOUT = [AsyncListener, ReadListener, WriteListener, HttpSessionIdListener]
EVERY_KIND = (*WITH_DEFAULTS[:6], HttpSessionIdListener)


def methods_of(kind):
    return [name for name, value in vars(kind).items() if callable(value) and not name.startswith("_")]


class LateTeller(*EVERY_KIND[1:]):
    """Says what it is told, with its tag; fails where asked to. Of the kinds that code may add anywhere."""

    tag = ""
    said: list[str]
    fails = ""
    error: type[BaseException] = ValueError

    def tell(self, what):
        self.said.append(f"{self.tag} {what}".strip())
        if what.startswith(self.fails or "\0"):
            raise self.error(f"{self.tag} does not like {what}")


class Teller(LateTeller, ServletContextListener):
    """Of every kind."""


def _method(name):
    def method(self, event, *old_id):
        named = hasattr(event, "getName")
        # The context's and the request's own attributes are not what the tests are about.
        if named and "." in event.getName():
            return
        self.tell(f"{name} {event.getName()}={event.getValue()}" if named else name)

    return method


for kind in EVERY_KIND:
    for name in methods_of(kind):
        setattr(LateTeller, name, _method(name))


def tellers(said, *tags, **fails):
    """Classes of listeners by these tags, in one log. A="attributeAdded": A fails in that."""
    return [type(tag, (Teller,), {"tag": tag, "said": said, "fails": fails.get(tag, "")}) for tag in tags]


def declared(*names):
    return "".join(f"<listener><listener-class>app.{name}</listener-class></listener>" for name in names)


@pytest.mark.rules("RT-LST-01")
@pytest.mark.parametrize("kind", WITH_DEFAULTS)
def test_all_methods_have_empty_defaults(kind):
    listener = type("L", (kind,), {})()
    for name in methods_of(kind):
        assert getattr(listener, name)(None) is None


@pytest.mark.rules("RT-LST-01")
@pytest.mark.parametrize("kind", WITHOUT)
def test_but_for_some_kinds(kind):
    listener = type("L", (kind,), {})()
    raising = 0
    for name in methods_of(kind):
        try:
            getattr(listener, name)(*(None,) * (2 if name == "sessionIdChanged" else 1))
        except (NotImplementedError, TypeError):
            raising += 1
    assert raising > 0


@pytest.mark.rules("RT-LST-02", "RT-LST-03", "RT-LST-05", "RT-LST-06", "RT-LST-11")
def test_every_event_is_told_in_order_of_declaration_and_every_end_in_reverse(serve):
    said = []
    classes = tellers(said, "A", "B")
    added = type("Added", (LateTeller,), {"tag": "Added", "said": said})

    class Adds(ServletContextListener):
        def contextInitialized(self, event):
            event.getServletContext().addListener(added)

    told = threading.Event()  # the last listener, of the request's end
    classes[0].requestDestroyed = lambda self, event: (self.tell("requestDestroyed"), told.set())

    class Main(HttpServlet):
        def init(self, config=None):
            said.append("servlet init")

        def destroy(self):
            said.append("servlet destroy")

        def service(self, request, response):
            said.append("service")
            session = request.getSession()
            for holder in (request, session, request.getServletContext()):
                holder.setAttribute("a", 1)
                holder.setAttribute("a", 2)
                holder.removeAttribute("a")
            request.changeSessionId()
            if request.getParameter("end"):
                session.invalidate()

    class Around(Filter):
        def init(self, config=None):
            said.append("filter init")

        def doFilter(self, request, response, chain):
            said.append("filter")
            chain.doFilter(request, response)
            said.append("/filter")

        def destroy(self):
            said.append("filter destroy")

    more = (
        declared("A", "Adds", "B")
        + "<filter><filter-name>f</filter-name><filter-class>app.Around</filter-class></filter>"
        "<filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )
    app = serve(None, more, classes=[*classes, Adds, Main, Around])
    start = ["A contextInitialized", "B contextInitialized", "filter init"]
    assert said == start
    said.clear()
    app.get("/x?end=1")
    assert told.wait(10)

    def everybody(*whats, tags=("A", "B", "Added")):
        return [f"{tag} {what}" for what in whats for tag in tags]

    changes = ("attributeAdded a=1", "attributeReplaced a=1", "attributeRemoved a=2")
    ends = ("Added", "B", "A")
    assert said == [
        *everybody("requestInitialized"),
        "filter",
        "servlet init",
        "service",
        *everybody("sessionCreated"),
        *everybody(*changes, *changes, *changes),
        *everybody("sessionIdChanged"),
        *everybody("sessionDestroyed", tags=ends),
        "/filter",
        *everybody("requestDestroyed", tags=ends),
    ]
    told.clear()
    app.get("/y")
    assert told.wait(10)
    said.clear()
    app.stop()
    assert said == [
        "servlet destroy",
        "filter destroy",
        *everybody("sessionDestroyed", tags=ends),
        "B contextDestroyed",
        "A contextDestroyed",
    ]


@pytest.mark.rules("RT-LST-03")
@pytest.mark.parametrize("order", ["A B C", "C A B", "B C A"])
def test_the_order_is_that_of_the_descriptor(serve, order):
    said = []
    serve(lambda request, response: None, declared(*order.split()), classes=tellers(said, "A", "B", "C"))
    assert said == [f"{tag} contextInitialized" for tag in order.split()]


@pytest.mark.rules("RT-LST-03")
def test_those_of_web_xml_come_before_those_of_fragments_in_their_order(deploy, web_xml):
    said = []
    deploy(
        web_xml("<absolute-ordering><name>two</name><name>one</name></absolute-ordering>" + declared("A")),
        classes=tellers(said, "A", "B", "C"),
        files={
            f"WEB-INF/lib/{name}/META-INF/web-fragment.xml": web_xml(
                f"<name>{name}</name>" + declared(tag)
            ).replace("web-app", "web-fragment")
            for name, tag in (("one", "B"), ("two", "C"))
        },
    )
    assert [line[0] for line in said] == ["A", "C", "B"]


@pytest.mark.rules("RT-LST-04")
def test_every_instance_is_made_before_the_first_request_and_there_is_one_of_each(serve):
    made = []

    class Everything(*EVERY_KIND):
        def __init__(self):
            made.append(self)

        def contextInitialized(self, event):
            assert made == [self]

        def sessionIdChanged(self, event, oldSessionId):
            assert made == [self]

        def requestInitialized(self, event):
            assert made == [self]

    app = serve(lambda request, response: request.getSession(), declared("Everything"), classes=[Everything])
    assert len(made) == 1
    assert [app.get("/x").status for _ in range(2)] == [200, 200]
    assert len(made) == 1


@pytest.mark.rules("RT-LST-05")
def test_a_context_is_destroyed_after_all_servlets_and_filters(serve):
    said = []

    class Last(ServletContextListener):
        def contextDestroyed(self, event):
            said.append("context")

    class Other(HttpServlet):
        def destroy(self):
            said.append("servlet")

    class Around(Filter):
        def doFilter(self, request, response, chain):
            chain.doFilter(request, response)

        def destroy(self):
            said.append("filter")

    more = (
        declared("Last") + "<servlet><servlet-name>o</servlet-name><servlet-class>app.Other</servlet-class>"
        "<load-on-startup>1</load-on-startup></servlet>"
        "<filter><filter-name>f</filter-name><filter-class>app.Around</filter-class></filter>"
    )
    serve(lambda request, response: None, more, classes=[Last, Other, Around]).stop()
    assert said == ["servlet", "filter", "context"]


@pytest.mark.rules("RT-LST-06")
@pytest.mark.parametrize("path", ["/forward", "/include", "/error", "/raise", "/async", "/missing.txt", "/x"])
def test_a_request_begins_and_ends_once_whatever_is_dispatched(serve, path):
    said = []

    def answer(request, response):
        said.append(request.getDispatcherType().name)
        what = request.getPathInfo()
        if request.getDispatcherType().name != "REQUEST":
            return
        if what in ("/forward", "/include"):
            getattr(request.getRequestDispatcher("/page"), what[1:])(request, response)
        elif what == "/error":
            response.sendError(404)
        elif what == "/raise":
            raise ValueError("no")
        elif what == "/async":
            request.startAsync().dispatch("/page")

    more = declared("A") + "<error-page><location>/page</location></error-page>"
    app = serve(answer, more, classes=tellers(said, "A"))
    said.clear()
    app.get(path)
    app.stop()  # which waits until the end of the request has been told
    said.remove("A contextDestroyed")
    assert (said[0], said[-1]) == ("A requestInitialized", "A requestDestroyed")
    assert sum("request" in line for line in said) == 2


@pytest.mark.rules("RT-LST-07", "RT-LST-08", "RT-LST-12")
@pytest.mark.parametrize("scope", ["request", "session", "context"])
def test_an_attribute_event_carries_value_and_source_and_comes_after_the_change(serve, scope):
    said = []
    sources = {}

    def holder_of(event):
        return {
            "request": lambda: event.getServletRequest(),
            "session": lambda: event.getSession(),
            "context": lambda: event.getServletContext(),
        }[scope]()

    kind = {
        "request": ServletRequestAttributeListener,
        "session": HttpSessionAttributeListener,
        "context": ServletContextAttributeListener,
    }[scope]

    def listen(what):
        def method(self, event):
            if event.getName() == "a":
                said.append((what, event.getValue(), holder_of(event).getAttribute("a")))
                sources[event.getSource()] = holder_of(event)

        return method

    names = ("attributeAdded", "attributeReplaced", "attributeRemoved")
    listener = type("L", (kind,), {name: listen(name) for name in names})
    held = []

    def answer(request, response):
        holder = {
            "request": request,
            "session": request.getSession(),
            "context": request.getServletContext(),
        }[scope]
        held.append(holder)
        holder.setAttribute("a", "one")
        holder.setAttribute("a", "two")
        holder.setAttribute("a", None)
        holder.removeAttribute("a")  # unknown: no event
        (source,) = sources
        expected = request.getServletContext() if scope == "request" else holder
        assert source is expected
        assert sources[source] is holder

    app = serve(answer, declared("L"), classes=[listener])
    assert app.get("/x").status == 200
    assert said == [
        ("attributeAdded", "one", "one"),
        ("attributeReplaced", "one", "two"),
        ("attributeRemoved", "two", None),
    ]


@pytest.mark.rules("RT-LST-12")
def test_the_source_of_an_event_is_what_it_is_about(serve):
    seen = {}

    class Look(ServletContextListener, ServletRequestListener, HttpSessionListener, HttpSessionIdListener):
        def contextInitialized(self, event):
            seen["context"] = event.getSource() is event.getServletContext()

        def requestInitialized(self, event):
            seen["request"] = isinstance(event.getSource(), ServletContext)
            seen["path"] = event.getServletRequest().getRequestURI()

        def sessionCreated(self, event):
            seen["session"] = event.getSource() is event.getSession()

        def sessionIdChanged(self, event, oldSessionId):
            seen["id"] = event.getSource() is event.getSession()

    def answer(request, response):
        request.getSession()
        request.changeSessionId()

    assert serve(answer, declared("Look"), classes=[Look]).get("/x").status == 200
    assert seen == {"context": True, "request": True, "path": "/app/x", "session": True, "id": True}


ERROR_PAGE = "<error-page><exception-type>ValueError</exception-type><location>/error</location></error-page>"


@pytest.mark.rules("RT-LST-09")
@pytest.mark.parametrize("caught", [False, True])
@pytest.mark.parametrize(
    ("what", "act"),
    [
        ("attributeAdded", lambda request: request.setAttribute("a", 1)),
        ("attributeReplaced", lambda request: [request.setAttribute("a", n) for n in (1, 2)]),
        ("attributeRemoved", lambda request: [request.setAttribute("a", n) for n in (1, None)]),
        ("attributeAdded", lambda request: request.getSession().setAttribute("a", 1)),
        ("attributeRemoved", lambda request: [request.getSession().setAttribute("a", n) for n in (1, None)]),
        ("attributeAdded", lambda request: request.getServletContext().setAttribute("a", 1)),
        ("sessionCreated", lambda request: request.getSession()),
        ("sessionDestroyed", lambda request: request.getSession().invalidate()),
        ("sessionIdChanged", lambda request: (request.getSession(), request.changeSessionId())),
    ],
)
def test_what_a_listener_raises_goes_to_the_caller_and_then_to_the_error_page(serve, what, act, caught):
    said = []

    def answer(request, response):
        if request.getPathInfo() == "/error":
            response.getWriter().write(f"page for {request.getAttribute('jakarta.servlet.error.message')}")
            return
        if not caught:
            act(request)
            return
        with pytest.raises(ValueError, match="B does not like"):
            act(request)

    classes = tellers(said, "A", "B", "C", B=what)
    app = serve(answer, declared("A", "B", "C") + ERROR_PAGE, classes=classes)
    said.clear()
    answered = app.get("/x")
    # The others of the event are skipped: those after B, or before it where the order is the reverse.
    first = "C" if what == "sessionDestroyed" else "A"
    told = [line for line in said if what in line]
    assert [line[0] for line in told] == [first, "B"]
    assert answered.status == (200 if caught else 500)
    if not caught:
        assert answered.text.startswith("page for B does not like " + what)
    assert app.get("/error").status == 200  # it goes on


@pytest.mark.rules("RT-LST-10")
def test_a_context_listener_that_raises_keeps_the_web_app_from_starting(serve):
    said = []
    app = serve(
        lambda request, response: None,
        declared("A", "B", "C"),
        classes=tellers(said, "A", "B", "C", B="contextInitialized"),
    )
    assert not app.running
    assert any("B does not like contextInitialized" in problem for problem in app.problems)
    assert said[:2] == ["A contextInitialized", "B contextInitialized"]
    assert "A contextDestroyed" in said
    assert not any(line.startswith("C context") for line in said)
    assert app.get("/x").status == 503


@pytest.mark.rules("RT-LST-10")
@pytest.mark.parametrize("error", [ValueError, SystemExit, RecursionError, GeneratorExit])
def test_a_request_listener_that_raises_at_the_beginning_ends_the_request(serve, error):
    said = []
    classes = tellers(said, "A", "B", "C", B="requestInitialized")
    classes[1].error = error
    app = serve(lambda request, response: said.append("service"), declared("A", "B", "C"), classes=classes)
    for _ in range(2):
        app.wait_idle()
        said.clear()
        assert app.get("/x").status == 500
        assert said[:2] == ["A requestInitialized", "B requestInitialized"]
    app.stop()  # which waits until the end of the last request has been told
    assert said[2] == "A requestDestroyed"
    assert not any("request" in line for line in said[3:])


@pytest.mark.rules("RT-LST-10")
@pytest.mark.parametrize("error", [ValueError, SystemExit, RecursionError, GeneratorExit])
def test_a_request_listener_that_raises_at_the_end_is_logged_and_the_others_are_told(serve, caplog, error):
    said = []
    classes = tellers(said, "A", "B", "C", B="requestDestroyed")
    classes[1].error = error
    sessions = []
    app = serve(
        lambda request, response: sessions.append(request.getSession()),
        declared("A", "B", "C"),
        classes=classes,
    )
    assert app.get("/x").status == 200
    app.stop()  # which waits until the end of the request has been told
    assert [line for line in said if "requestDestroyed" in line] == [f"{t} requestDestroyed" for t in "CBA"]
    assert "requestDestroyed failed" in caplog.text
    assert sessions[0]._in_use == 0  # what comes after the listeners has happened, too


@pytest.mark.rules("RT-LST-10", "RT-LST-11")
@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_listeners_that_raise_do_not_keep_a_web_app_from_stopping(serve, caplog, error):
    said = []
    classes = tellers(said, "A", "B", "C", B="sessionDestroyed", C="contextDestroyed")
    for each in classes:
        each.error = error
    app = serve(lambda request, response: request.getSession(), declared("A", "B", "C"), classes=classes)
    app.get("/x")
    app.wait_idle()
    said.clear()
    app.stop()
    assert said == [f"{tag} {what}" for what in ("sessionDestroyed", "contextDestroyed") for tag in "CBA"]
    assert app.context.state.value == "stopped"


@pytest.mark.rules("RT-LST-13")
def test_two_requests_can_be_in_a_listener_at_once(serve):
    both = threading.Barrier(2)

    class Meet(ServletContextAttributeListener):
        def attributeAdded(self, event):
            if event.getName().startswith("meet"):
                both.wait(10)

    def answer(request, response):
        request.getServletContext().setAttribute("meet " + request.getPathInfo(), 1)

    app = serve(answer, declared("Meet"), classes=[Meet])
    statuses = []
    threads = [threading.Thread(target=lambda n=n: statuses.append(app.get(f"/{n}").status)) for n in "12"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200]


def test_a_listener_of_no_known_kind_is_warned_of(serve):
    class Odd(EventListener):
        pass

    app = serve(lambda request, response: None, declared("Odd"), classes=[Odd])
    assert any("warning" in problem and "Odd" in problem for problem in app.problems)
    assert app.get("/x").status == 200
