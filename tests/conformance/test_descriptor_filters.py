"""<filter> and <filter-mapping> as declared (rulebook §3.8 and §3.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import HttpFilter, HttpServlet, ServletContextListener

Deploy = Callable[..., Any]
WebXml = Callable[..., str]


class Mark(HttpFilter):
    """Adds its name to the answer's header, in the order of the calls."""

    def doFilter(self, request: Any, response: Any, chain: Any) -> None:
        response.addHeader("X-Mark", self.getFilterName())
        chain.doFilter(request, response)


class Main(HttpServlet):
    """Answers, or does to "target" what the query says."""

    def doGet(self, request: Any, response: Any) -> None:
        query = (request.getQueryString() or "") if request.getDispatcherType().name == "REQUEST" else ""
        how, _, target = query.partition("=")
        if how == "error":
            response.sendError(418)
        elif how == "name":
            self.getServletContext().getNamedDispatcher(target).forward(request, response)
        elif how:
            getattr(request.getRequestDispatcher(target), how)(request, response)
        else:
            response.getWriter().write(self.getServletName())


def a_filter(name: str, of: str = "app.Mark", inside: str = "") -> str:
    cls = f"<filter-class>{of}</filter-class>" if of else ""
    return f"<filter><filter-name>{name}</filter-name>{cls}{inside}</filter>"


def on(name: str, *targets: str, dispatchers: str = "") -> str:
    """Targets: paths, or names of servlets behind a colon."""
    inside = "".join(
        f"<servlet-name>{target[1:]}</servlet-name>"
        if target[0] == ":"
        else f"<url-pattern>{target}</url-pattern>"
        for target in targets
    )
    inside += "".join(f"<dispatcher>{each}</dispatcher>" for each in dispatchers.split())
    return f"<filter-mapping><filter-name>{name}</filter-name>{inside}</filter-mapping>"


def servlet(name: str, *patterns: str) -> str:
    inside = f"<servlet-name>{name}</servlet-name>"
    body = f"<servlet>{inside}<servlet-class>app.Main</servlet-class></servlet>"
    mapped = "".join(f"<url-pattern>{pattern}</url-pattern>" for pattern in patterns)
    return body + (f"<servlet-mapping>{inside}{mapped}</servlet-mapping>" if patterns else "")


SERVLETS = servlet("a", "/a/*") + servlet("b", "/b/*", "/e") + servlet("hidden")
ERROR_PAGE = "<error-page><error-code>418</error-code><location>/e</location></error-page>"


@pytest.fixture
def marks(deploy: Deploy, web_xml: WebXml) -> Callable[..., list[str]]:
    """The names of the filters that each path's request passed, separated by blanks."""
    called: list[str] = []

    class Notes(HttpFilter):
        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            called.append(self.getFilterName())
            chain.doFilter(request, response)

    def ask(body: str, *paths: str) -> list[str]:
        body = body.replace("app.Mark", "app.Notes")
        app = deploy(web_xml(SERVLETS + ERROR_PAGE + body), classes=[Main, Notes])
        assert app.problems == []
        found = []
        for path in paths:
            called.clear()
            assert app.get(path).status in (200, 404, 418)
            found.append(" ".join(called))
        return found

    return ask


@pytest.mark.rules("DD-FLT-02", "DD-FLT-05", "DD-FLT-06")
def test_each_filter_is_one_instance_made_at_the_start(deploy: Deploy, web_xml: WebXml) -> None:
    started: list[tuple[str, str, int]] = []

    class Starts(HttpFilter):
        def init(self, config: Any) -> None:
            super().init(config)
            started.append((config.getFilterName(), config.getInitParameter("p"), id(self)))

        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            response.addHeader("X-Mark", f"{self.getFilterName()} {id(self)}")
            chain.doFilter(request, response)

    def param(value: str) -> str:
        inside = f"<param-name>p</param-name><param-value>{value}</param-value>"
        return f"<init-param>{inside}</init-param>"

    body = (
        a_filter("1", "app.Starts", param("x"))
        + a_filter("2", "app.Starts", param("y"))
        + a_filter("unmapped", "app.Starts", param("z"))
        + on("1", "/*")
        + on("2", "/*")
    )
    app = deploy(web_xml(SERVLETS + body), classes=[Main, Starts])
    assert [(name, value) for name, value, _ in started] == [("1", "x"), ("2", "y"), ("unmapped", "z")]
    assert len({instance for _, _, instance in started}) == 3
    for _ in range(2):
        assert app.get("/a").all("X-Mark") == [f"{name} {number}" for name, _, number in started[:2]]
    assert len(started) == 3


@pytest.mark.rules("DD-FLT-03")
def test_a_filter_without_class_may_be_completed_by_code(deploy: Deploy, web_xml: WebXml) -> None:
    class Completes(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            event.getServletContext().addFilter("f", Mark)

    listener = "<listener><listener-class>app.Completes</listener-class></listener>"
    body = SERVLETS + a_filter("f", "") + on("f", "/*") + listener
    assert deploy(web_xml(body), classes=[Main, Mark, Completes]).get("/a").all("X-Mark") == ["f"]


@pytest.mark.rules("DD-FLT-03")
def test_a_filter_that_nobody_completes_is_an_error(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(web_xml(SERVLETS + a_filter("f", "") + on("f", "/*")), classes=[Main])
    assert not app.running
    assert any('filter "f" has no class' in problem for problem in app.problems)


@pytest.mark.rules("DD-FM-03", "DD-FM-09")
def test_filters_are_called_in_the_order_of_their_mappings_paths_first(
    marks: Callable[..., list[str]],
) -> None:
    body = (
        "".join(map(a_filter, ("1", "2", "3", "4")))
        + on("3", ":a", "/a/*", "/a/x")  # as if it were three mappings
        + on("1", ":a")
        + on("4", "/*")
        + on("2", "/a/*")
    )
    assert marks(body, "/a", "/a/x", "/b") == ["3 4 2 1", "3 4 2 1", "4"]  # each once


@pytest.mark.rules("DD-FM-04")
def test_the_servlet_name_star_means_every_servlet_by_path_or_name(marks: Callable[..., list[str]]) -> None:
    body = a_filter("all") + on("all", ":*", dispatchers="REQUEST FORWARD INCLUDE")
    paths = ("/a", "/b", "/nothing.txt", "/a?forward=/b", "/a?include=/b", "/a?name=hidden")
    assert marks(body, *paths) == ["all", "all", "all", "all all", "all all", "all all"]


@pytest.mark.rules("DD-FM-07", "DD-FM-08")
@pytest.mark.parametrize(
    ("dispatchers", "called"),  # on a request, a forward, an include, an error
    [
        ("", "f f f f"),  # each begins with a request
        ("REQUEST", "f f f f"),
        ("FORWARD", "- f - -"),
        ("INCLUDE", "- - f -"),
        ("ERROR", "- - - f"),
        ("ASYNC", "- - - -"),
        ("REQUEST FORWARD", "f ff f f"),
        ("REQUEST REQUEST ERROR ERROR", "f f f ff"),
        ("FORWARD INCLUDE ERROR", "- f f f"),
    ],
)
def test_dispatchers_say_on_what_occasion(
    marks: Callable[..., list[str]], dispatchers: str, called: str
) -> None:
    body = a_filter("f") + on("f", "/*", dispatchers=dispatchers)
    found = marks(body, "/a", "/a?forward=/b", "/a?include=/b", "/a?error")
    assert " ".join(each.replace(" ", "") or "-" for each in found) == called
