"""What is recorded of a request in the engine: the steps, and the lines that decided."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from webtest import TestApp

from container.config import Settings
from container.engine.container import Container
from container.learn.xray import Recorder

WEB_XML = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <filter>
    <filter-name>outer</filter-name>
    <filter-class>app.Passing</filter-class>
  </filter>
  <filter>
    <filter-name>wall</filter-name>
    <filter-class>app.Wall</filter-class>
  </filter>
  <filter-mapping>
    <filter-name>outer</filter-name>
    <url-pattern>/main/*</url-pattern>
    <dispatcher>REQUEST</dispatcher>
    <dispatcher>INCLUDE</dispatcher>
  </filter-mapping>
  <filter-mapping>
    <filter-name>wall</filter-name>
    <url-pattern>/main/wall</url-pattern>
  </filter-mapping>
  <servlet>
    <servlet-name>main</servlet-name>
    <servlet-class>app.Main</servlet-class>
    <async-supported>true</async-supported>
  </servlet>
  <servlet>
    <servlet-name>page</servlet-name>
    <servlet-class>app.Page</servlet-class>
  </servlet>
  <servlet-mapping>
    <servlet-name>main</servlet-name>
    <url-pattern>/main/*</url-pattern>
    <url-pattern>/secret/*</url-pattern>
    <url-pattern>*.async</url-pattern>
  </servlet-mapping>
  <servlet-mapping>
    <servlet-name>page</servlet-name>
    <url-pattern>/page</url-pattern>
  </servlet-mapping>
  <welcome-file-list>
    <welcome-file>page</welcome-file>
  </welcome-file-list>
  <error-page>
    <error-code>404</error-code>
    <location>/page</location>
  </error-page>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>secret</web-resource-name>
      <url-pattern>/secret/*</url-pattern>
    </web-resource-collection>
    <auth-constraint/>
  </security-constraint>
</web-app>
"""
APP = """
from container.servlet import Filter, HttpServlet, HttpServletRequestWrapper

class Passing(Filter):
    def doFilter(self, request, response, chain):
        chain.doFilter(HttpServletRequestWrapper(request), response)

class Wall(Filter):
    def doFilter(self, request, response, chain):
        response.setStatus(451)

class Main(HttpServlet):
    def doGet(self, request, response):
        match request.getPathInfo():
            case "/forward":
                request.getRequestDispatcher("/page").forward(request, response)
            case "/include":
                request.getRequestDispatcher("/page").include(request, response)
            case "/session":
                request.getSession().setAttribute("a", 1)
            case "/raise":
                raise KeyError("x")
            case "/missing":
                response.sendError(404)
            case "/flush":
                response.flushBuffer()
            case None:
                request.startAsync().dispatch("/page")

class Page(HttpServlet):
    def doGet(self, request, response):
        response.getWriter().write("page")
"""


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(recorder: Recorder, tmp_path: Path) -> Iterator[TestApp]:
    folder = tmp_path / "shop" / "WEB-INF"
    (folder / "classes").mkdir(parents=True)
    (folder / "web.xml").write_text(WEB_XML)
    (folder / "classes" / "app.py").write_text(textwrap.dedent(APP))
    container = Container(Settings(webapps=tmp_path), tracer=recorder)
    container.deploy_all(tmp_path)
    yield TestApp(container, lint=False)
    container.stop(0)


@pytest.fixture
def spans(client: TestApp, recorder: Recorder) -> Callable[..., list[dict]]:
    """The spans of one request: those of what is asked for, or all."""

    def of(path: str, *what: str, status: int = 200) -> list[dict]:
        client.get(path, status=status)
        found = recorder.records[-1].to_json()["spans"]
        return [span for span in found if not what or span["what"] in what]

    return of


def lines(span: dict) -> list[tuple[int, str]]:
    """Line number and text of what decided."""
    return [(int(line["where"].split(":")[1]), line["text"]) for line in span["because"]]


def test_the_steps_of_a_request_in_their_order(spans):
    assert [(span["what"], span["depth"]) for span in spans("/shop/main/x")] == [
        ("accepted", 0),
        ("begin", 0),
        ("queue", 0),
        ("thread", 0),
        ("context", 0),
        ("map", 1),
        ("created", 1),
        ("security", 1),
        ("session-load", 2),
        ("filter", 1),
        ("servlet", 2),
        ("finish", 1),
        ("commit", 2),
        ("destroyed", 1),
    ]


def test_the_mapping_that_won(spans):
    [found] = spans("/shop/main/x", "map")
    assert (found["name"], found["facts"]["pattern"], found["facts"]["rule"]) == ("main", "/main/*", "path")
    assert (found["facts"]["servlet_path"], found["facts"]["path_info"]) == ("/main", "/x")
    assert lines(found) == [(31, "<url-pattern>/main/*</url-pattern>")]


def test_the_welcome_file_that_completed_the_path(spans):
    [found] = spans("/shop/", "map")
    assert found["name"] == "page"
    assert [text for _, text in lines(found)] == [
        "<url-pattern>/page</url-pattern>",
        "<welcome-file>page</welcome-file>",
    ]


def test_filters_in_order_with_their_mappings_and_who_let_nothing_pass(spans):
    outer, wall = spans("/shop/main/wall", "filter", "servlet", status=451)
    assert (outer["name"], outer["facts"]["passed"]) == ("outer", True)
    assert lines(outer) == [(12, "<url-pattern>/main/*</url-pattern>")]
    assert (wall["name"], wall["depth"], wall["facts"]["passed"]) == ("wall", outer["depth"] + 1, False)
    assert lines(wall) == [(18, "<url-pattern>/main/wall</url-pattern>")]


def test_the_servlet_and_that_the_first_request_made_it(spans):
    [first], [second] = spans("/shop/main/x", "servlet"), spans("/shop/main/x", "servlet")
    assert (first["facts"]["class"], first["facts"].get("first")) == ("Main", True)
    assert "first" not in second["facts"]
    assert lines(first) == [
        (
            20,
            "<servlet> <servlet-name>main</servlet-name> <servlet-class>app.Main</servlet-class> "
            "<async-supported>true</async-supported> </servlet>",
        )
    ]


def test_a_forward_runs_without_the_filters_of_requests(spans):
    found = spans("/shop/main/forward", "filter", "servlet", "forward")
    assert [(span["what"], span["name"]) for span in found] == [
        ("filter", "outer"),
        ("servlet", "main"),
        ("forward", "page"),
        ("servlet", "page"),
    ]
    assert (found[2]["facts"]["uri"], lines(found[2])) == (
        "/shop/page",
        [(37, "<url-pattern>/page</url-pattern>")],
    )
    depths = [span["depth"] for span in found]
    assert depths == sorted(depths)


def test_an_include_names_its_own_target(spans):
    [found] = spans("/shop/main/include", "include")
    assert (found["name"], found["facts"]["uri"]) == ("page", "/shop/page")


def test_an_async_dispatch(spans):
    found = spans("/shop/x.async", "async-started", "async", "servlet", "destroyed")
    assert [(span["what"], span["name"]) for span in found] == [
        ("servlet", "main"),
        ("async-started", ""),
        ("async", "page"),
        ("servlet", "page"),
        ("destroyed", "Request, Response"),
    ]


def test_an_error_page_and_the_line_that_names_it(spans):
    page, dispatch = spans("/shop/main/missing", "error-page", "error", status=404)
    assert (page["facts"]["status"], page["facts"]["page"]) == (404, "/page")
    assert lines(page) == [
        (42, "<error-page> <error-code>404</error-code> <location>/page</location> </error-page>")
    ]
    assert (dispatch["name"], dispatch["facts"]["status"]) == ("page", 404)


def test_an_exception_is_named_where_it_passes(spans):
    found = spans("/shop/main/raise", "filter", "servlet", "error-page", status=500)
    assert [(span["what"], span["facts"].get("raised")) for span in found] == [
        ("filter", "KeyError"),
        ("servlet", "KeyError"),
        ("error-page", "KeyError"),
    ]


def test_the_constraint_that_let_nobody_pass(spans):
    found = spans("/shop/secret/x", "security", "servlet", status=403)
    [security] = [span for span in found if span["what"] == "security"]
    assert (security["facts"]["allowed"], security["facts"]["needs"]) == (False, "precluded")
    assert security["facts"]["pattern"] == "/secret/*"
    assert [number for number, _ in lines(security)] == [47]
    assert not [span for span in found if span["name"] == "main"]


def test_sessions_are_looked_for_made_and_saved(spans):
    made = [span["facts"] for span in spans("/shop/main/session", "session-load", "session-save")]
    assert made[-2:] == [{"create": True, "found": False, "created": True}, {"stored": False}]
    found = spans("/shop/main/session", "session-load", "session-save")
    assert found[0]["facts"] == {"source": "cookie", "found": True}
    assert [span["what"] for span in found] == ["session-load", "session-save"]


def test_no_session_id_is_recorded(client: TestApp, recorder: Recorder):
    client.get("/shop/main/session")
    client.get("/shop/main/session")
    assert client.cookies["JSESSIONID"] not in str([record.to_json() for record in recorder.records])


def test_a_commit_stands_where_it_happens(spans):
    found = [span["what"] for span in spans("/shop/main/flush")]
    assert found.index("servlet") < found.index("commit") < found.index("finish")


def test_server_timing_says_what_is_known_at_the_commit(client: TestApp):
    timing = client.get("/shop/main/forward").headers["Server-Timing"]
    names = [metric.partition(";dur=")[0] for metric in timing.split(", ")]
    assert names == ["queue", "map", "security", "session", "filters", "servlet", "total"]
    milliseconds = [float(metric.partition(";dur=")[2]) for metric in timing.split(", ")]
    assert all(0 <= each <= milliseconds[-1] for each in milliseconds)


def test_a_record_has_the_requests_facts(client: TestApp, recorder: Recorder):
    client.get("/shop/main/x?y=1")
    record = recorder.records[-1]
    assert (record.method, record.target, record.status) == ("GET", "/shop/main/x?y=1", 200)
    assert record.is_over
    assert recorder.find(record.id).target == record.target


def test_without_a_tracer_nothing_of_it_is_there(tmp_path: Path, client: TestApp):
    container = Container(Settings(webapps=tmp_path))
    try:
        [context] = container.deploy_all(tmp_path)
        assert type(context).__module__ == "container.engine.context"
        parts = (context.filter_choice, context.sessions, context.security, context.error_pages)
        assert not [part for part in parts if "traced" in type(part).__module__]
        assert "Server-Timing" not in TestApp(container, lint=False).get("/shop/main/x").headers
    finally:
        container.stop(0)
