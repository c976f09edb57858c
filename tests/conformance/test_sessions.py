"""Sessions: RT-SES, and <session-config>: DD-SES."""

from __future__ import annotations

import pickle
import re
import threading
from typing import ClassVar

import pytest

from container.servlet import (
    HttpServlet,
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContextListener,
    ServletRequestListener,
    SessionTrackingMode,
)

COOKIE, URL, SSL = SessionTrackingMode.COOKIE, SessionTrackingMode.URL, SessionTrackingMode.SSL


def config(body):
    return f"<session-config>{body}</session-config>"


def listener(name):
    return f"<listener><listener-class>app.{name}</listener-class></listener>"


def with_session(session_id, name="JSESSIONID"):
    return f"Cookie: {name}={session_id}"


def session_id_of(answer, name="JSESSIONID"):
    return answer.cookies[name]


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s

    def advance(self, app, seconds=0, to_s=None):
        app.wait_idle()
        self.now_s = self.now_s + seconds if to_s is None else to_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def talk(serve):
    """A web app that runs what a test gives it: run(path-like name) by the request's path."""

    def make(more="", classes=(), **steps):
        said = []

        def service(request, response):
            value = steps[request.getPathInfo()[1:]](request, response)
            said.append(value)
            response.getWriter().write(str(value))

        app = serve(service, more, classes=classes)
        app.said = said
        return app

    return make


# --- creation and identity --------------------------------------------------------------------------------


@pytest.mark.rules("RT-SES-01", "RT-SES-08", "RT-SES-10")
def test_a_session_begins_when_it_is_asked_for_and_is_found_by_its_cookie(talk):
    app = talk(
        look=lambda request, _: request.getSession(False),
        begin=lambda request, _: (
            request.getSession().isNew(),
            request.getSession() is request.getSession(True) is request.getSession(False),
        ),
        again=lambda request, _: (request.getSession(False).getId(), request.getSession().isNew()),
    )
    assert app.get("/look").text == "None"
    begun = app.get("/begin")
    assert begun.text == "(True, True)"
    found = session_id_of(begun)
    again = app.get("/again", with_session(found))
    assert again.text == f"('{found}', False)"
    assert again.all("Set-Cookie") == []


@pytest.mark.rules("RT-SES-02")
@pytest.mark.parametrize(
    ("modes", "outcome"),
    [("", "IllegalStateException"), ("<tracking-mode>URL</tracking-mode>", "Session")],
)
def test_a_committed_response_can_take_no_cookie(talk, modes, outcome):
    def late(request, response):
        response.flushBuffer()
        try:
            return type(request.getSession()).__name__
        except IllegalStateException as error:
            return type(error).__name__

    app = talk(config(modes), late=late)
    assert app.get("/late").text == outcome
    assert app.context.sessions.manager.has_sessions() == (outcome == "Session")


class Inner(HttpServlet):
    def doGet(self, request, response):
        session = request.getSession(request.getParameter("only-look") is None)
        if session is not None:
            session.setAttribute("visits", (session.getAttribute("visits") or 0) + 1)
            visits = session.getAttribute("visits")
            response.getWriter().write(f"{request.getServletContext().getContextPath()} {visits}")


class Outer(HttpServlet):
    def doGet(self, request, response):
        inner = request.getServletContext().getContext("/inner")
        kind = request.getParameter("kind")
        getattr(inner.getRequestDispatcher("/in"), kind)(request, response)
        if kind == "include":
            session = request.getSession(False)
            names = None if session is None else list(session.getAttributeNames())
            response.getWriter().write(f" / {request.getServletContext().getContextPath()} {names}")


SERVLET = """<servlet><servlet-name>s</servlet-name><servlet-class>app.{}</servlet-class></servlet>
<servlet-mapping><servlet-name>s</servlet-name><url-pattern>/in</url-pattern></servlet-mapping>"""


@pytest.mark.rules("RT-SES-03")
@pytest.mark.parametrize(("kind", "tail"), [("include", " / /outer []"), ("forward", "")])
def test_a_session_belongs_to_the_web_app_that_a_request_was_dispatched_to(deploy, web_xml, kind, tail):
    inner = deploy(web_xml(SERVLET.format("Inner")), classes=[Inner, Outer], name="inner", cross_context=True)
    outer = deploy(web_xml(SERVLET.format("Outer")), classes=[Inner, Outer], name="outer")
    assert outer.get(f"/in?kind={kind}&only-look").text == (f" / /outer {None}" if tail else "")
    answer = outer.get(f"/in?kind={kind}")
    assert answer.text == "/inner 1" + tail
    of_path = {re.search("Path=([^;]+)", value)[1]: value for value in answer.all("Set-Cookie")}
    assert sorted(of_path) == ["/inner", "/outer"]
    session = with_session(re.search("=([^;]+)", of_path["/outer"])[1])
    again = outer.get(f"/in?kind={kind}", session)
    assert (again.text, again.all("Set-Cookie")) == ("/inner 2" + tail, [])
    assert inner.get("/in", with_session(re.search("=([^;]+)", of_path["/inner"])[1])).text == "/inner 3"
    outer.wait_idle()
    inner.wait_idle()
    sessions = [context.sessions.manager._sessions.values() for context in (inner.context, outer.context)]
    assert [session._in_use for found in sessions for session in found] == [0, 0]  # both can expire


@pytest.mark.rules("RT-SES-03")
def test_the_same_id_in_another_web_app_is_another_session(deploy, web_xml):
    inner = deploy(web_xml(SERVLET.format("Inner")), classes=[Inner], name="inner")
    other = deploy(web_xml(SERVLET.format("Inner")), classes=[Inner], name="other")
    found = with_session(session_id_of(inner.get("/in")))
    assert other.get("/in?only-look", found).text == ""
    assert other.get("/in", found).text == "/other 1"
    assert inner.get("/in", found).text == "/inner 2"


@pytest.mark.rules("RT-SES-04", "DD-SES-11")
@pytest.mark.parametrize(
    ("xml", "cookie", "parameter"),
    [
        ("", "JSESSIONID", "jsessionid"),
        ("<cookie-config><name>shop</name></cookie-config>", "shop", "shop"),
        ("<cookie-config/>", "JSESSIONID", "jsessionid"),
    ],
)
def test_cookie_and_url_parameter_have_the_configured_name(talk, xml, cookie, parameter):
    app = talk(
        config(xml),
        begin=lambda request, response: (request.getSession().getId(), response.encodeURL("/app/x"))[1],
        id=lambda request, _: request.getSession(False) and request.getSession().getId(),
    )
    answer = app.get("/begin")
    found = session_id_of(answer, cookie)
    assert answer.text == f"/app/x;{parameter}={found}"
    assert app.get("/id", with_session(found, cookie)).text == found
    assert app.get(f"/id;{parameter}={found}").text == found
    assert app.get("/id", with_session(found, "other")).text == "None"
    assert app.get(f"/id;other={found}").text == "None"


@pytest.mark.rules("RT-SES-05", "DD-SES-09")
@pytest.mark.parametrize(
    ("xml", "attributes"),
    [
        ("", "Path=/app; HttpOnly"),
        ("<path>/</path><domain>x.test</domain>", "Domain=x.test; Path=/; HttpOnly"),
        ("<http-only>false</http-only>", "Path=/app; HttpOnly"),  # the container's default is stricter
        ("<secure>true</secure><max-age>60</max-age>", "Max-Age=60; Path=/app; Secure; HttpOnly"),
        (
            "<attribute><attribute-name>SameSite</attribute-name><attribute-value>Lax</attribute-value>"
            "</attribute><attribute><attribute-name>secure</attribute-name><attribute-value/></attribute>",
            "Path=/app; Secure; HttpOnly; SameSite=Lax",
        ),
    ],
)
def test_the_cookie_has_the_configured_attributes(talk, xml, attributes):
    app = talk(config(f"<cookie-config>{xml}</cookie-config>"), begin=lambda request, _: request.getSession())
    assert app.get("/begin").header("Set-Cookie").partition("; ")[2] == attributes


@pytest.mark.rules("RT-SES-05")
def test_the_cookie_of_the_root_web_app_has_the_path_slash(deploy, web_xml):
    app = deploy(web_xml(SERVLET.format("Inner")), classes=[Inner], name="ROOT")
    assert "; Path=/;" in app.get("/in").header("Set-Cookie")


@pytest.mark.rules("RT-SES-05", "RT-SES-09")
@pytest.mark.parametrize("folder", ["/app;x=1", "/a%70p"])
def test_the_cookies_path_is_the_web_apps_however_the_client_writes_it(talk, folder):
    app = talk(change=lambda request, _: (request.getSession(), request.changeSessionId()))
    request = f"GET {folder}/change HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n"
    (answer,) = app.send(request.encode())
    assert answer.header("Set-Cookie").split("; ")[1] == "Path=/app"


@pytest.mark.rules("RT-SES-05")
@pytest.mark.parametrize("proto", ["http", "https"])
def test_the_cookie_is_secure_if_the_request_was(serve, proto):
    app = serve(lambda request, response: request.getSession(), trusted_proxies="127.0.0.1")
    cookie = app.get("/x", f"X-Forwarded-Proto: {proto}").header("Set-Cookie")
    assert ("; Secure" in cookie) == (proto == "https")


@pytest.mark.rules("DD-SES-09")
def test_attributes_and_accessors_of_the_cookie_configuration_agree(talk):
    seen = []

    class Starter(ServletContextListener):
        def contextInitialized(self, event):
            cookie = event.getServletContext().getSessionCookieConfig()
            seen.extend([cookie.getMaxAge(), cookie.isSecure(), cookie.getAttribute("Path")])
            cookie.setPath("/p")
            cookie.setAttribute("Domain", "d.test")
            cookie.setMaxAge(7)
            seen.extend([cookie.getAttribute("PATH"), cookie.getDomain(), cookie.getAttribute("max-age")])

    one = "<attribute><attribute-name>{}</attribute-name><attribute-value>{}</attribute-value></attribute>"
    xml = one.format("Max-Age", 60) + one.format("Secure", "true") + one.format("Path", "/q")
    app = talk(
        listener("Starter") + config(f"<cookie-config>{xml}</cookie-config>"),
        [Starter],
        begin=lambda request, _: request.getSession(),
    )
    assert seen == [60, True, "/q", "/p", "d.test", "7"]
    expected = "Max-Age=7; Domain=d.test; Path=/p; Secure; HttpOnly"
    assert app.get("/begin").header("Set-Cookie").endswith("; " + expected)


@pytest.mark.rules("RT-SES-06", "RT-SES-11")
def test_a_client_without_cookies_keeps_its_session_by_url(talk):
    app = talk(
        begin=lambda request, response: (request.getSession(), response.encodeURL("count"))[1],
        count=lambda request, response: (request.getSession(False).getId(), response.encodeURL("count")),
    )
    begun = app.get("/begin")
    found = session_id_of(begun)
    assert begun.text == f"count;jsessionid={found}"
    assert app.get("/" + begun.text).text == f"('{found}', 'count;jsessionid={found}')"
    assert app.get("/count", with_session(found)).text == f"('{found}', 'count')"  # it takes cookies
    both = app.get(f"/count;jsessionid={'0' * 32}", with_session(found))
    assert both.text == f"('{found}', 'count')"


@pytest.mark.rules("RT-SES-07")
@pytest.mark.parametrize("planted", ["0123456789ABCDEF0123456789ABCDEF", "", "x", "../../etc", '"quoted"'])
@pytest.mark.parametrize("where", ["cookie", "url"])
def test_an_unknown_id_is_never_adopted(talk, planted, where):
    app = talk(begin=lambda request, _: request.getSession().getId())
    if where == "cookie":
        answer = app.get("/begin", with_session(planted))
    else:
        answer = app.get("/begin;jsessionid=" + planted.replace('"', "%22").replace("/", "%2F"))
        if answer.status == 400:  # what no path may hold does not get that far
            return
    assert re.fullmatch("[0-9A-F]{32}", answer.text)
    assert answer.text not in ("", planted)
    assert session_id_of(answer) == answer.text


@pytest.mark.rules("RT-SES-09")
def test_an_id_can_change_and_the_old_one_is_forgotten(talk):
    told = []

    class Ids(HttpSessionIdListener):
        def sessionIdChanged(self, event, oldSessionId):
            told.append((oldSessionId, event.getSession().getId()))

    def change(request, response):
        session = request.getSession()
        session.setAttribute("a", "kept")
        new_id = request.changeSessionId()
        assert request.isRequestedSessionIdValid()
        return new_id, session.getId(), session.getAttribute("a"), request.getSession() is session

    def no_session(request, response):
        with pytest.raises(IllegalStateException):
            request.changeSessionId()

    app = talk(
        listener("Ids"),
        [Ids],
        begin=lambda request, _: request.getSession().getId(),
        change=change,
        none=no_session,
        look=lambda request, _: request.getSession(False) and request.getSession().getAttribute("a"),
    )
    assert app.get("/none").text == "None"
    old = app.get("/begin").text
    answer = app.get("/change", with_session(old))
    new = session_id_of(answer)
    assert answer.text == str((new, new, "kept", True))
    assert new != old
    assert told == [(old, new)]
    assert app.get("/look", with_session(new)).text == "kept"
    assert app.get("/look", with_session(old)).text == "None"


@pytest.mark.rules("RT-SES-09", "RT-LST-09")
def test_a_changed_id_reaches_the_client_although_a_listener_fails(talk):
    class Ids(HttpSessionIdListener):
        def sessionIdChanged(self, event, oldSessionId):
            raise ValueError("no")

    app = talk(
        listener("Ids"),
        [Ids],
        change=lambda request, _: (request.getSession().setAttribute("a", 1), request.changeSessionId()),
        look=lambda request, _: request.getSession(False).getAttribute("a"),
    )
    answer = app.get("/change")
    assert answer.status == 500
    assert app.get("/look", with_session(session_id_of(answer))).text == "1"


@pytest.mark.rules("RT-SES-10")
def test_after_invalidate_there_is_another_session_with_another_id(talk):
    def again(request, response):
        old = request.getSession()
        old_id = old.getId()
        old.invalidate()
        missing = request.getSession(False)
        new = request.getSession()
        return missing, new is old, new.getId() == old_id, new.isNew(), request.isRequestedSessionIdValid()

    app = talk(begin=lambda request, _: request.getSession().getId(), again=again)
    old = app.get("/begin").text
    answer = app.get("/again", with_session(old))
    assert answer.text == str((None, False, False, True, False))
    assert len(answer.all("Set-Cookie")) == 1
    assert session_id_of(answer) != old


# --- attributes and binding -------------------------------------------------------------------------------


class Bound(HttpSessionBindingListener):
    """Says when it comes and goes, and what is visible then."""

    def __init__(self, name, events):
        self.name, self.events = name, events

    def __repr__(self):
        return self.name

    def valueBound(self, event):
        self.events.append(f"{self} bound to {event.getName()}, visible {self._visible(event)}")

    def valueUnbound(self, event):
        self.events.append(f"{self} unbound from {event.getName()}, visible {self._visible(event)}")

    def _visible(self, event):
        return event.getSession().getAttribute(event.getName())


def attribute_listener(events, tag=""):
    class Attributes(HttpSessionAttributeListener):
        def attributeAdded(self, event):
            events.append(f"{tag}added {event.getName()}={event.getValue()}, {self._visible(event)}")

        def attributeReplaced(self, event):
            events.append(f"{tag}replaced {event.getName()}={event.getValue()}, {self._visible(event)}")

        def attributeRemoved(self, event):
            events.append(f"{tag}removed {event.getName()}={event.getValue()}, {self._visible(event)}")

        def _visible(self, event):
            return event.getSession().getAttribute(event.getName())

    return Attributes


@pytest.mark.rules("RT-SES-20", "RT-SES-22", "RT-SES-23", "RT-LST-07", "RT-LST-08")
@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (
            lambda session, one, two: (session.setAttribute("a", one), session.setAttribute("a", two)),
            [
                "one bound to a, visible None",
                "added a=one, one",
                "two bound to a, visible one",
                "one unbound from a, visible two",
                "replaced a=one, two",
            ],
        ),
        (
            lambda session, one, two: (session.setAttribute("a", one), session.setAttribute("a", one)),
            ["one bound to a, visible None", "added a=one, one", "replaced a=one, one"],
        ),
        (
            lambda session, one, two: (session.setAttribute("a", one), session.removeAttribute("a")),
            [
                "one bound to a, visible None",
                "added a=one, one",
                "one unbound from a, visible None",
                "removed a=one, None",
            ],
        ),
        (lambda session, one, two: session.removeAttribute("never"), []),
        (lambda session, one, two: session.setAttribute("never", None), []),
    ],
    ids=["replace", "same object", "remove", "remove unknown", "set None"],
)
def test_attributes_and_listeners_are_told_in_order(talk, calls, expected):
    events = []
    app = talk(
        listener("Attributes"),
        [attribute_listener(events)],
        go=lambda request, _: calls(request.getSession(), Bound("one", events), Bound("two", events)),
    )
    assert app.get("/go").status == 200
    assert events == expected


@pytest.mark.rules("RT-SES-21")
def test_setting_none_removes_and_a_name_is_needed(talk):
    def go(request, response):
        session = request.getSession()
        session.setAttribute("a", 1)
        session.setAttribute("a", None)
        for value in (1, None):
            with pytest.raises(IllegalArgumentException):
                session.setAttribute(None, value)
        return list(session.getAttributeNames()), session.getAttribute("a")

    assert talk(go=go).get("/go").text == "([], None)"


@pytest.mark.rules("RT-SES-24")
def test_many_requests_at_once_lose_no_attribute(talk):
    def put(request, response):
        for number in range(50):
            request.getSession().setAttribute(f"{request.getParameter('by')}-{number}", number)

    app = talk(put=put, count=lambda request, _: len(list(request.getSession().getAttributeNames())))
    session = with_session(session_id_of(app.get("/put?by=first")))
    threads = [threading.Thread(target=app.get, args=(f"/put?by={n}", session)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert app.get("/count", session).text == "250"


@pytest.mark.rules("RT-SES-25")
@pytest.mark.parametrize(
    ("method", "arguments", "refused"),
    [
        ("getCreationTime", (), True),
        ("getLastAccessedTime", (), True),
        ("getAttribute", ("a",), True),
        ("setAttribute", ("a", 1), True),
        ("setAttribute", ("a", None), True),
        ("removeAttribute", ("a",), True),
        ("getAttributeNames", (), True),
        ("invalidate", (), True),
        ("isNew", (), True),
        ("getAccessor", (), True),
        ("getId", (), False),
        ("getServletContext", (), False),
        ("getMaxInactiveInterval", (), False),
        ("setMaxInactiveInterval", (5,), False),
    ],
)
def test_an_ended_session_refuses_all_but_a_few_methods(talk, method, arguments, refused):
    def go(request, response):
        session = request.getSession()
        session.invalidate()
        try:
            getattr(session, method)(*arguments)
        except IllegalStateException:
            return True
        return False

    assert talk(go=go).get("/go").text == str(refused)


# --- time -------------------------------------------------------------------------------------------------


@pytest.mark.rules("RT-SES-30", "DD-SES-01", "DD-SES-02", "DD-SES-04")
@pytest.mark.parametrize(
    ("xml", "minutes", "interval", "ends"),
    [
        ("", 30, 1800, True),
        ("<session-timeout>5</session-timeout>", 5, 300, True),
        ("<session-timeout>0</session-timeout>", 0, 0, False),
        ("<session-timeout>-1</session-timeout>", -1, -60, False),
    ],
)
def test_the_timeout_is_minutes_and_the_interval_seconds(talk, clock, xml, minutes, interval, ends):
    app = talk(
        config(xml),
        begin=lambda request, _: (
            request.getServletContext().getSessionTimeout(),
            request.getSession().getMaxInactiveInterval(),
        ),
        look=lambda request, _: request.getSession(False) is not None,
    )
    app.context.sessions.manager._clock = clock
    answer = app.get("/begin")
    assert answer.text == f"({minutes}, {interval})"
    session = with_session(session_id_of(answer))
    clock.advance(app, max(interval, 3600) - 1)
    assert app.get("/look", session).text == str(not ends or interval >= 3600 or interval > 3599)
    clock.advance(app, 10**6)
    assert app.get("/look", session).text == str(not ends)


@pytest.mark.rules("RT-SES-30", "RT-SES-41")
@pytest.mark.parametrize(("interval", "ends"), [(10, True), (0, False), (-1, False)])
@pytest.mark.parametrize("how", ["sweep", "next access"])
def test_a_session_idle_for_its_interval_ends(talk, clock, interval, ends, how):
    events = []

    class Ends(HttpSessionListener):
        def sessionDestroyed(self, event):
            events.append(event.getSession().getAttribute("a"))

    def begin(request, response):
        request.getSession().setMaxInactiveInterval(interval)
        request.getSession().setAttribute("a", Bound("one", events))

    app = talk(
        listener("Ends"),
        [Ends],
        begin=begin,
        look=lambda request, _: request.getSession(False) is not None,
    )
    app.context.sessions.manager._clock = clock
    session = with_session(session_id_of(app.get("/begin")))
    events.clear()
    clock.advance(app, 9.5)
    app.container.sweep(clock.now_s)
    assert app.get("/look", session).text == "True"
    clock.advance(app, 10)
    if how == "sweep":
        app.container.sweep(clock.now_s)
    else:
        assert app.get("/look", session).text == str(not ends)
    assert [str(event) for event in events] == (["one", "one unbound from a, visible None"] if ends else [])
    assert app.get("/look", session).text == str(not ends)


@pytest.mark.rules("RT-SES-31", "RT-SES-32", "RT-SES-34")
def test_the_last_access_is_the_request_before_and_counts_without_getSession(talk, clock):
    def times(request, response):
        session = request.getSession()
        session.setAttribute("a", 1)  # no access
        clock.now_s += 0.25  # nor is the time that the request takes
        return session.getCreationTime(), session.getLastAccessedTime()

    app = talk(times=times, silent=lambda request, _: None)
    app.context.sessions.manager._clock = clock
    answer = app.get("/times")
    assert answer.text == "(1000000, 1000000)"
    session = with_session(session_id_of(answer))
    clock.advance(app, to_s=1100.5)
    assert app.get("/times", session).text == "(1000000, 1000000)"
    clock.advance(app, to_s=1200.5)
    app.get("/silent", session)
    clock.advance(app, to_s=1300)
    assert app.get("/times", session).text == "(1000000, 1200500)"


@pytest.mark.rules("RT-SES-33")
def test_a_session_does_not_time_out_under_a_request(talk, clock):
    inside, go_on = threading.Event(), threading.Event()

    def slow(request, response):
        inside.set()
        assert go_on.wait(10)
        return request.getSession(False).getAttribute("a")

    def begin(request, response):
        request.getSession().setMaxInactiveInterval(10)
        request.getSession().setAttribute("a", "there")

    app = talk(begin=begin, slow=slow, look=lambda request, _: request.getSession(False) is not None)
    app.context.sessions.manager._clock = clock
    session = with_session(session_id_of(app.get("/begin")))
    client = app.connect()
    client.send(f"GET /app/slow HTTP/1.1\r\nHost: x\r\n{session}\r\n\r\n".encode())
    assert inside.wait(10)
    clock.now_s += 60
    app.container.sweep(clock.now_s)
    go_on.set()
    assert client.answer().text == "there"
    clock.advance(app, 9)
    assert app.get("/look", session).text == "True"
    clock.advance(app, 10)
    assert app.get("/look", session).text == "False"


@pytest.mark.rules("RT-SES-33")
def test_a_request_does_not_see_a_session_that_is_being_invalidated(talk):
    ending, go_on = threading.Event(), threading.Event()

    class Ends(HttpSessionListener):
        def sessionDestroyed(self, event):
            ending.set()
            assert go_on.wait(10)

    app = talk(
        listener("Ends"),
        [Ends],
        begin=lambda request, _: request.getSession(),
        end=lambda request, _: request.getSession().invalidate(),
        look=lambda request, _: request.getSession(False),
    )
    session = with_session(session_id_of(app.get("/begin")))
    client = app.connect()
    client.send(f"GET /app/end HTTP/1.1\r\nHost: x\r\n{session}\r\n\r\n".encode())
    assert ending.wait(10)
    assert app.get("/look", session).text == "None"
    go_on.set()
    assert client.answer().status == 200


# --- the end ----------------------------------------------------------------------------------------------


@pytest.mark.rules("RT-SES-40", "RT-SES-42")
def test_invalidate_tells_the_listeners_in_reverse_and_then_unbinds(talk):
    events = []

    class First(HttpSessionListener):
        tag = "first"

        def sessionDestroyed(self, event):
            events.append(f"{self.tag} {list(event.getSession().getAttributeNames())}")

    class Second(First):
        tag = "second"

    def go(request, response):
        session = request.getSession()
        session.setAttribute("a", Bound("one", events))
        events.clear()
        session.invalidate()

    app = talk(
        "".join(map(listener, ("First", "Second", "Attributes"))),
        [First, Second, attribute_listener(events)],
        go=go,
        begin=lambda request, _: request.getSession(),
        end=lambda request, _: request.getSession().invalidate(),
    )
    app.get("/go")
    assert events == [
        "second ['a']",
        "first ['a']",
        "one unbound from a, visible None",
        "removed a=one, None",
    ]
    ended = app.get("/end", with_session(session_id_of(app.get("/begin"))))
    assert ended.all("Set-Cookie") == []  # nor is the cookie deleted


# --- distribution, stores, accessor -----------------------------------------------------------------------


class Plain:  # at module level, so that it can be pickled
    pass


class Traveller(HttpSessionActivationListener):
    """Says when it travels; the list stays here."""

    told: ClassVar[list[str]] = []

    def sessionWillPassivate(self, se):
        self.told.append(f"passivate {se.getSession().getAttribute('t') is self}")

    def sessionDidActivate(self, se):
        self.told.append(f"activate {se.getSession().getAttribute('t') is self}")


@pytest.mark.rules("RT-SES-50")
@pytest.mark.parametrize(
    ("value", "distributable", "outcome"),
    [
        (Plain(), True, "stored"),
        ([1, {"a": None}], True, "stored"),
        (threading.Lock(), True, "IllegalArgumentException"),
        (lambda: 1, True, "IllegalArgumentException"),
        (lambda: 1, False, "stored"),
    ],
)
def test_a_distributable_web_app_takes_only_what_can_move(talk, value, distributable, outcome):
    def go(request, response):
        try:
            request.getSession().setAttribute("a", value)
        except IllegalArgumentException as error:
            found = request.getSession().getAttribute("a")
            return type(error).__name__ if "'a'" in str(error) and found is None else str(error)
        return "stored"

    assert talk("<distributable/>" if distributable else "", go=go).get("/go").text == outcome


STORED = {"session_store": "sqlite"}


@pytest.fixture
def stored(serve, tmp_path, monkeypatch):
    """A web app whose sessions are in SQLite files: make(steps) -> App; calling it again restarts it."""

    def make(more="", classes=(), **steps):
        def service(request, response):
            response.getWriter().write(str(steps[request.getPathInfo()[1:]](request, response)))

        return serve(service, more, classes=classes, work=tmp_path / "work", **STORED)

    return make


@pytest.fixture
def restart(server, tmp_path):
    """Stop a web app's container and start its folder again in a new one."""
    from container.engine.container import Container
    from container.front.routes import EmbeddedFront

    started = []

    def restart(app):
        app.stop()
        settings = app.container.settings
        app.container = Container(settings)
        app.context = app.container.deploy(app.context.folder)
        server.handler = EmbeddedFront(app.container)
        started.append(app)
        return app

    yield restart
    for app in started:
        app.stop()


@pytest.mark.rules("RT-SES-51", "RT-LST-11")
def test_stored_sessions_survive_a_restart_and_values_are_told_that_they_travel(stored, restart, monkeypatch):
    ended = []
    Traveller.told.clear()

    class Ends(HttpSessionListener):
        def sessionDestroyed(self, event):
            ended.append(event)

    def begin(request, response):
        request.getSession().setAttribute("t", Traveller())
        request.getSession().setAttribute("n", [1])
        request.getSession().setMaxInactiveInterval(77)

    def look(request, response):
        session = request.getSession(False)
        return (
            type(session.getAttribute("t")).__name__,
            session.getAttribute("n"),
            session.isNew(),
            (session.getMaxInactiveInterval()),
        )

    app = stored(listener("Ends"), [Ends], begin=begin, look=look)
    session = with_session(session_id_of(app.get("/begin")))
    app.get("/look", session)
    app.wait_idle()
    assert set(zip(Traveller.told[::2], Traveller.told[1::2], strict=True)) == {
        ("passivate True", "activate True")  # it is saved, and stays here
    }
    Traveller.told.clear()
    restart(app)
    assert Traveller.told == ["passivate True"]
    assert app.get("/look", session).text == "('Traveller', [1], False, 77)"
    app.wait_idle()
    assert Traveller.told[:2] == ["passivate True", "activate True"]
    assert ended == []


@pytest.mark.rules("RT-SES-20", "RT-SES-51")
@pytest.mark.parametrize(("keeps", "left"), [(True, []), (False, ["unbound", "removed a"])])
def test_a_reload_unbinds_what_cannot_come_along(talk, keeps, left):  # §4.8
    told = []

    class Bound(HttpSessionBindingListener):
        def __reduce__(self):
            if keeps:
                return (str, ())
            raise TypeError("a connection, say")

        def valueUnbound(self, event):
            told.append("unbound" if event.getSession().getAttribute("a") is None else "too early")

    class Hears(HttpSessionAttributeListener):
        def attributeRemoved(self, event):
            told.append(f"removed {event.getName()}")

    app = talk(
        listener("Hears"),
        [Hears],
        begin=lambda request, _: request.getSession().setAttribute("a", Bound()),
        look=lambda request, _: request.getSession(False).getAttribute("a"),
    )
    session = with_session(session_id_of(app.get("/begin")))
    app.wait_idle()
    app.container.reload(app.context)
    assert told == left
    assert app.get("/look", session).text == ("" if keeps else "None")


@pytest.mark.rules("RT-SES-50")
def test_what_cannot_be_stored_is_said_with_its_name_and_the_cure(stored, caplog):
    app = stored(begin=lambda request, _: request.getSession().setAttribute("lock", threading.Lock()))
    assert app.get("/begin").status == 200
    (record,) = [record for record in caplog.records if "'lock'" in record.message]
    assert re.search("a lock cannot be pickled.*Keep plain data or an id", record.message)


def test_two_requests_that_write_one_attribute_are_logged_and_the_last_one_wins(stored, caplog):
    meet = threading.Barrier(2)
    first_wrote = threading.Event()

    def write(request, response):
        who = request.getParameter("who")
        if who == "second":
            assert first_wrote.wait(10)
        request.getSession().setAttribute("a", who)
        request.getSession().setAttribute(f"only {who}", who)
        first_wrote.set()
        meet.wait(10)
        return request.getRequestId()

    def look(request, response):
        session = request.getSession()
        return {name: session.getAttribute(name) for name in sorted(session.getAttributeNames())}

    app = stored(begin=lambda request, _: request.getSession(), write=write, look=look)
    session = with_session(session_id_of(app.get("/begin")))
    ids = {}
    threads = [
        threading.Thread(target=lambda who=who: ids.update({who: app.get(f"/write?who={who}", session).text}))
        for who in ("first", "second")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert app.get("/look", session).text == str(
        {"a": "second", "only first": "first", "only second": "second"}
    )
    (record,) = [record for record in caplog.records if "has replaced the attribute" in record.message]
    assert record.message.endswith(
        f"request {ids['second']} has replaced the attribute 'a', which request {ids['first']} had written "
        "meanwhile"
    )


def test_a_change_inside_a_value_is_there_before_the_client_has_the_answer(stored):
    def add(request, response):
        session = request.getSession()
        if session.getAttribute("list") is None:
            session.setAttribute("list", [])
        session.getAttribute("list").append(request.getParameter("x"))

    app = stored(add=add)
    session_id = session_id_of(app.get("/add?x=1"))
    assert app.get("/add?x=2", with_session(session_id)).status == 200
    (attribute,) = app.context._store.load(session_id).attributes.values()
    assert pickle.loads(attribute.value) == ["1", "2"]


@pytest.mark.rules("RT-SES-52")
def test_an_accessor_reaches_the_session_outside_of_requests(talk, clock):
    kept = {}

    def begin(request, response):
        session = request.getSession()
        session.setMaxInactiveInterval(10)
        kept["accessor"] = session.getAccessor()

    app = talk(
        begin=begin,
        look=lambda request, _: request.getSession(False).getAttribute("a"),
        change=lambda request, _: request.changeSessionId(),
        end=lambda request, _: request.getSession().invalidate(),
    )
    app.context.sessions.manager._clock = clock
    session = with_session(session_id_of(app.get("/begin")))
    clock.advance(app, 9)
    kept["accessor"].access(lambda session: session.setAttribute("a", "from outside"))
    clock.advance(app, 9)  # the access counted
    assert app.get("/look", session).text == "from outside"
    changed = app.get("/change", session)
    with pytest.raises(IllegalStateException):
        kept["accessor"].access(lambda session: None)
    app.get("/end", with_session(changed.text))
    with pytest.raises(IllegalStateException):
        kept["accessor"].access(lambda session: None)


def test_a_store_that_fails_makes_requests_fail_and_nothing_else(stored, caplog):
    app = stored(
        begin=lambda request, _: request.getSession().setAttribute("a", 1),
        look=lambda request, _: request.getSession(False).getAttribute("a"),
        open=lambda request, _: "fine",
    )
    session = with_session(session_id_of(app.get("/begin")))
    app.wait_idle()
    app.context._store.close()
    assert app.get("/look", session).text == "1"  # it is in memory, too
    assert "may be out of date" in caplog.text
    assert app.get("/look", with_session("0" * 32)).status == 500
    assert app.get("/begin").status == 500
    assert app.get("/open").text == "fine"
    app.container.sweep(0.0)
    assert "end of expired sessions failed" in caplog.text


# --- tracking modes ---------------------------------------------------------------------------------------


def starter(act):
    class Starter(ServletContextListener):
        def contextInitialized(self, event):
            act(event.getServletContext())

    return Starter


@pytest.mark.rules("RT-SES-60", "DD-SES-05", "DD-SES-07")
@pytest.mark.parametrize(
    ("xml", "effective"),
    [
        ("", {COOKIE, URL}),
        ("<tracking-mode>COOKIE</tracking-mode>", {COOKIE}),
        ("<tracking-mode>URL</tracking-mode><tracking-mode>URL</tracking-mode>", {URL}),
        ("<tracking-mode>URL</tracking-mode><tracking-mode>COOKIE</tracking-mode>", {COOKIE, URL}),
    ],
)
def test_effective_modes_are_those_declared_else_the_defaults(talk, xml, effective):
    seen = []

    def look(context):
        for modes in (context.getDefaultSessionTrackingModes(), context.getEffectiveSessionTrackingModes()):
            seen.append(set(modes))
            modes.clear()  # a copy

    app = talk(listener("Starter") + config(xml), [starter(look)], look=lambda request, _: None)
    look(app.context.facade)
    assert seen == [{COOKIE, URL}, effective] * 2


@pytest.mark.rules("RT-SES-61")
@pytest.mark.parametrize(
    ("modes", "error"),
    [({URL}, None), ({COOKIE}, None), ({SSL}, True), ({SSL, COOKIE}, True), ({SSL, URL, COOKIE}, True)],
)
def test_modes_can_be_set_until_the_start_is_over(talk, modes, error):
    outcome = []

    def set_modes(context):
        try:
            context.setSessionTrackingModes(modes)
            outcome.append(context.getEffectiveSessionTrackingModes())
        except IllegalArgumentException:
            outcome.append(True)

    app = talk(listener("Starter"), [starter(set_modes)], look=lambda request, _: None)
    assert outcome == [error or modes]
    with pytest.raises(IllegalStateException):
        app.context.facade.setSessionTrackingModes({COOKIE})


@pytest.mark.rules("RT-SES-62")
@pytest.mark.parametrize("mode", ["COOKIE", "URL"])
def test_a_mode_that_is_not_effective_is_neither_sent_nor_read(talk, mode):
    app = talk(
        config(f"<tracking-mode>{mode}</tracking-mode>"),
        begin=lambda request, response: (request.getSession().getId(), response.encodeURL("x")),
        look=lambda request, _: (request.getRequestedSessionId(), request.getSession(False) is not None),
    )
    answer = app.get("/begin")
    found = re.search("[0-9A-F]{32}", answer.text)[0]
    assert answer.text == str((found, "x" if mode == "COOKIE" else f"x;jsessionid={found}"))
    assert list(answer.cookies) == (["JSESSIONID"] if mode == "COOKIE" else [])
    read, ignored = str((found, True)), str((None, False))
    assert app.get("/look", with_session(found)).text == (read if mode == "COOKIE" else ignored)
    assert app.get(f"/look;jsessionid={found}").text == (read if mode == "URL" else ignored)


# --- mistakes in <session-config> -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        pytest.param(
            f"<session-timeout>{text}</session-timeout>",
            "session-timeout",
            marks=pytest.mark.rules("DD-SES-03"),
        )
        for text in ("30.5", "30m", "")
    ]
    + [
        pytest.param(
            "<tracking-mode>TLS</tracking-mode>", "tracking-mode", marks=pytest.mark.rules("DD-SES-05")
        ),
        pytest.param(
            "<tracking-mode>SSL</tracking-mode><tracking-mode>URL</tracking-mode>",
            "SSL",
            marks=pytest.mark.rules("DD-SES-06"),
        ),
        pytest.param("<tracking-mode>SSL</tracking-mode>", "SSL", marks=pytest.mark.rules("DD-SES-08")),
        pytest.param(
            "<cookie-config><attribute><attribute-name>a b</attribute-name><attribute-value>x"
            "</attribute-value></attribute></cookie-config>",
            "a b",
            marks=pytest.mark.rules("DD-SES-10"),
        ),
        pytest.param(
            "<cookie-config><attribute><attribute-name>Max-Age</attribute-name><attribute-value>soon"
            "</attribute-value></attribute></cookie-config>",
            "Max-Age",
            marks=pytest.mark.rules("DD-SES-10"),
        ),
    ],
)
def test_a_mistake_in_the_session_configuration_keeps_the_web_app_from_starting(talk, xml, message):
    app = talk(config(xml), look=lambda request, _: None)
    assert not app.running
    assert any(message in problem for problem in app.problems)
    assert app.get("/look").status == 503


# --- robustness -------------------------------------------------------------------------------------------


def test_a_session_whose_listener_fails_at_its_beginning_is_none(talk):
    told = []

    class First(HttpSessionListener):
        def sessionCreated(self, event):
            event.getSession().setAttribute("a", Bound("one", told))
            told.append("created")

        def sessionDestroyed(self, event):
            told.append("destroyed")

    class Second(HttpSessionListener):
        def sessionCreated(self, event):
            raise SystemExit("no")

        def sessionDestroyed(self, event):
            told.append("never")

    app = talk(
        listener("First") + listener("Second"),
        [First, Second],
        begin=lambda request, _: request.getSession(),
        look=lambda request, _: request.getSession(False),
    )
    answer = app.get("/begin")
    assert (answer.status, answer.all("Set-Cookie")) == (500, [])
    assert told == [
        "one bound to a, visible None",
        "created",
        "destroyed",
        "one unbound from a, visible None",
    ]
    assert not app.context.sessions.manager.has_sessions()
    assert app.get("/look").text == "None"


def test_a_request_listener_that_asks_for_the_session_does_not_keep_it_alive(talk, clock):
    class Early(ServletRequestListener):
        def requestInitialized(self, event):
            event.getServletRequest().getSession(False)

    app = talk(
        listener("Early"),
        [Early],
        begin=lambda request, _: request.getSession().setMaxInactiveInterval(10),
        look=lambda request, _: request.getSession(False) is not None,
    )
    app.context.sessions.manager._clock = clock
    session = with_session(session_id_of(app.get("/begin")))
    assert app.get("/look", session).text == "True"
    clock.advance(app, 10)
    app.container.sweep(clock.now_s)
    assert not app.context.sessions.manager.has_sessions()


@pytest.mark.parametrize("what", [ValueError, SystemExit, RecursionError])
def test_a_listener_that_fails_in_the_background_stops_neither_the_others_nor_the_container(
    talk, clock, caplog, what
):
    told = []

    class First(HttpSessionListener):
        def sessionDestroyed(self, event):
            told.append("first")

    class Second(HttpSessionListener):
        def sessionDestroyed(self, event):
            raise what("no")

    app = talk(
        listener("First") + listener("Second"),
        [First, Second],
        begin=lambda request, _: request.getSession().setMaxInactiveInterval(10),
    )
    app.context.sessions.manager._clock = clock
    for _ in range(2):
        app.get("/begin")
    clock.advance(app, 10)
    app.container.sweep(clock.now_s)
    assert told == ["first", "first"]
    assert caplog.text.count("a listener failed at the end of a session") == 2
    assert app.get("/begin").status == 200
