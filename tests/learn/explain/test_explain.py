"""What ``was explain`` says at each station, and which line it names."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from container.cli import was
from container.config import Settings
from container.engine.container import Container
from container.learn.explain import Explanation, explain
from container.learn.explain.unstarted import explain_unstarted

WEB_XML = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet>
    <servlet-name>cart</servlet-name>
    <servlet-class>shop.Cart</servlet-class>
    <load-on-startup>3</load-on-startup>
    <async-supported>true</async-supported>
    <multipart-config><max-file-size>100</max-file-size></multipart-config>
  </servlet>
  <servlet-mapping>
    <servlet-name>cart</servlet-name>
    <url-pattern>/cart/*</url-pattern>
    <url-pattern>*.do</url-pattern>
  </servlet-mapping>
  <filter><filter-name>log</filter-name><filter-class>shop.Log</filter-class></filter>
  <filter-mapping>
    <filter-name>log</filter-name>
    <url-pattern>/cart/*</url-pattern>
    <servlet-name>cart</servlet-name>
  </filter-mapping>
  <filter-mapping>
    <filter-name>log</filter-name>
    <url-pattern>/*</url-pattern>
    <dispatcher>ERROR</dispatcher>
  </filter-mapping>
  <listener><listener-class>shop.Starter</listener-class></listener>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>all</web-resource-name>
      <url-pattern>/*</url-pattern>
    </web-resource-collection>
  </security-constraint>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>writing</web-resource-name>
      <url-pattern>/cart/*</url-pattern>
      <http-method>POST</http-method>
    </web-resource-collection>
    <auth-constraint><role-name>buyer</role-name></auth-constraint>
    <user-data-constraint><transport-guarantee>CONFIDENTIAL</transport-guarantee></user-data-constraint>
  </security-constraint>
  <login-config><auth-method>BASIC</auth-method></login-config>
  <security-role><role-name>buyer</role-name></security-role>
  <session-config>
    <session-timeout>5</session-timeout>
    <cookie-config><name>SHOP</name></cookie-config>
    <tracking-mode>COOKIE</tracking-mode>
  </session-config>
  <error-page><error-code>404</error-code><location>/gone.html</location></error-page>
  <error-page><exception-type>shop.SoldOut</exception-type><location>/cart/sold-out</location></error-page>
</web-app>
"""
CLASSES = """\
from container.servlet import Filter, HttpServlet, ServletContextListener, WebServlet

class SoldOut(Exception):
    pass

class Cart(HttpServlet):
    def __init__(self):
        raise AssertionError("no servlet is made")

    def doGet(self, request, response):
        pass

@WebServlet("/decorated")
class Decorated(Cart):
    pass

class Log(Filter):
    def __init__(self):
        raise AssertionError("no filter is made")

    def doFilter(self, request, response, chain):
        pass

class Starter(ServletContextListener):
    def __init__(self):
        raise AssertionError("no listener is made")
"""
USERS = '<tomcat-users><user username="ann" password="x" roles="buyer"/></tomcat-users>'

Write = Callable[..., Path]
Explain = Callable[..., Explanation]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a web app below webapps/, here; the current directory is above it."""
    monkeypatch.chdir(tmp_path)
    for name in ("conf", "webapps"):
        (tmp_path / name).mkdir()
    (tmp_path / "conf" / "tomcat-users.xml").write_text(USERS)

    def write_web_app(name: str = "shop", web_xml: str = WEB_XML, **files: str) -> Path:
        folder = Path("webapps", name)
        contents = {"WEB-INF/web.xml": web_xml, "WEB-INF/classes/shop.py": CLASSES} | files
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
        return folder

    return write_web_app


@pytest.fixture
def explained(write: Write) -> Explain:
    """Explain a request to the shop."""
    folder = write(**{"gone.html": "gone", "style.css": ""})
    return lambda target, method="GET": explain_unstarted(Settings(), method, target, web_app=folder)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(was, ["explain", *arguments])


def line_of(text: str) -> int:
    return WEB_XML[: WEB_XML.index(text)].count("\n") + 1


# --- mapping ----------------------------------------------------------------------------------------------


def test_the_winner_the_losers_and_their_lines(explained: Explain) -> None:
    found = explained("/shop/cart/x.do")
    assert found.mapping is not None
    assert (found.mapping.servlet, found.mapping.pattern, found.mapping.rule) == ("cart", "/cart/*", "path")
    assert str(found.mapping.source) == f"webapps/shop/WEB-INF/web.xml:{line_of('/cart/*</url')}:5"
    assert [(each.pattern, each.by) for each in found.candidates] == [("*.do", "file"), ("/", "container")]
    assert "a prefix goes before an extension" in found.candidates[0].why
    assert [each.pattern for each in found.unmatched] == ["/decorated"]


def test_a_decorator_is_named_by_its_class(explained: Explain) -> None:
    mapping = explained("/shop/decorated").mapping
    assert mapping is not None
    line = CLASSES[: CLASSES.index("class Decorated")].count("\n") + 1
    assert str(mapping.source) == f"webapps/shop/WEB-INF/classes/shop.py:{line}:1"


def test_welcome_files_up_to_the_one_that_is_there(write: Write) -> None:
    web_xml = "<web-app><welcome-file-list><welcome-file>a</welcome-file><welcome-file>b</welcome-file>"
    folder = write(web_xml=web_xml + "</welcome-file-list></web-app>", b="here", **{"dir/x": ""})
    found = explain_unstarted(Settings(), "GET", "/shop/", web_app=folder)
    assert [(each.path, each.looked_for, each.found) for each in found.welcome] == [
        ("/a", "file", False),
        ("/b", "file", True),
    ]
    assert all(each.source is not None and each.source.line == 1 for each in found.welcome)
    assert found.answer.status == 200
    assert found.servlet is not None
    assert found.servlet.servlet_path == "/b"


# --- URL and front ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "path", "change"),
    [
        ("/shop/cart;v=1/a", "/shop/cart/a", "the path parameter ;v=1 is taken out"),
        ("/shop/%63art", "/shop/cart", "%XX is decoded as UTF-8"),
        ("/shop/x/../cart", "/shop/cart", 'the segments "." and ".." are resolved'),
        ("/shop//cart", "/shop/cart", "empty segments are left out"),
        ("/shop/카트", "/shop/카트", "spaces and letters beyond ASCII are sent as %XX, as a browser does"),
        ("http://localhost:8080/shop/cart?x=1", "/shop/cart", "the query is not part of the path"),
    ],
)
def test_what_is_done_to_the_url(explained: Explain, target: str, path: str, change: str) -> None:
    url = explained(target).url
    assert url.path == path
    assert change in url.changes


def test_a_plain_url_needs_no_words(explained: Explain) -> None:
    assert explained("/shop/cart").url.changes == ()


@pytest.mark.parametrize(
    ("target", "status"),
    [("/shop/%2e/x", 400), ("/shop/%zz", 400), ("/shop/a#b", 400), ("shop", 400), ("/else", 404)],
)
def test_what_no_web_app_sees(explained: Explain, target: str, status: int) -> None:
    found = explained(target)
    assert (found.answer.by, found.answer.status) == ("container", status)
    assert found.web_app is None


def test_the_context_path_gets_its_slash(explained: Explain) -> None:
    answer = explained("/shop?x=1").answer
    assert (answer.status, answer.location) == (302, "/shop/?x=1")


def test_who_keeps_a_file_from_the_front(explained: Explain) -> None:
    front = explained("/shop/style.css").front
    assert not front.serves
    assert [line.text for line in front.reasons] == ["a security constraint covers /*"]
    assert front.reasons[0].source is not None


def test_a_file_that_the_front_sends(write: Write) -> None:
    folder = write(web_xml="<web-app/>", **{"x.txt": "x"})
    found = explain_unstarted(Settings(), "GET", "/shop/x.txt", web_app=folder)
    assert found.front.serves
    assert (found.answer.by, found.answer.status) == ("front", 200)


def test_the_longest_context_path_wins(write: Write) -> None:
    for name in ("ROOT", "shop", "shop#admin"):
        write(name, web_xml="<web-app/>")
    for target, path in {"/shop/admin/x": "/shop/admin", "/shop/adm": "/shop", "/x": ""}.items():
        found = explain_unstarted(Settings(webapps=Path("webapps")), "GET", target)
        assert found.web_app is not None
        assert found.web_app.path == path


# --- security, filters, servlet ---------------------------------------------------------------------------


def test_the_constraint_that_applies_and_who_may_pass(explained: Explain) -> None:
    found = explained("https://localhost/shop/cart", method="POST")
    security = found.security
    assert security is not None
    assert (security.access, security.roles, security.confidential) == ("roles", ("buyer",), True)
    assert (security.login, security.uncovered) == ("BASIC", False)
    assert [(each.pattern, each.applies) for each in security.constraints] == [
        ("/cart/*", True),
        ("/*", False),
    ]
    assert security.constraints[0].source is not None
    assert security.constraints[0].source.line == line_of("<web-resource-name>writing") - 1
    assert found.answer.status == 401
    assert explained("/shop/cart", method="POST").answer.status == 403  # no TLS port is known


def test_a_method_that_nobody_covers(explained: Explain) -> None:
    security = explained("/shop/cart").security
    assert security is not None
    assert (security.access, security.uncovered) == ("permitted", True)
    assert "GET is uncovered" in security.why


def test_filters_in_order_and_those_left_out(explained: Explain) -> None:
    found = explained("/shop/cart")
    assert [(step.filter, step.why) for step in found.filters] == [
        ("log", "url-pattern /cart/*, dispatcher REQUEST")
    ]
    assert [step.why for step in found.skipped_filters] == [
        "url-pattern /*, but only for dispatcher ERROR, not REQUEST",
        "servlet-name cart applies, too, but a filter is called once, at its first place",
    ]
    assert all(step.source is not None and step.declared is not None for step in found.skipped_filters)


def test_what_the_servlet_is_declared_to_be(explained: Explain) -> None:
    servlet = explained("/shop/cart/7").servlet
    assert servlet is not None
    assert (servlet.class_name, servlet.servlet_path, servlet.path_info) == ("shop.Cart", "/cart", "/7")
    assert (servlet.load_on_startup, servlet.calls) == (3, "Cart.doGet")
    assert str(servlet.calls_source).startswith("webapps/shop/WEB-INF/classes/shop.py:")
    assert servlet.multipart is not None
    assert servlet.multipart["max_file_size"] == 100
    assert servlet.async_why == "the servlet does, but not filter log"


def test_a_method_that_the_class_lacks(explained: Explain) -> None:
    answer = explained("/shop/cart", method="PUT").answer
    assert (answer.status, answer.why) == (405, "Cart has no doPut, and HttpServlet refuses it")


def test_fragments_and_decorators_are_named_by_their_own_files(write: Write) -> None:
    fragment = """<web-fragment>
      <filter><filter-name>log</filter-name><filter-class>shop.Log</filter-class></filter>
      <filter-mapping><filter-name>log</filter-name><url-pattern>/*</url-pattern></filter-mapping>
    </web-fragment>"""
    secured = """@ServletSecurity(HttpConstraint(rolesAllowed=("buyer",)))
@WebServlet("/secured")
class Secured(Cart):
    pass
"""
    files = {
        "WEB-INF/classes/shop.py": CLASSES + "from container.servlet import *\n" + secured,
        "WEB-INF/lib/menu/META-INF/web-fragment.xml": fragment,
        "WEB-INF/lib/menu/menu/__init__.py": "",
    }
    folder = write(web_xml='<web-app version="6.1"/>', **files)
    found = explain_unstarted(Settings(), "GET", "/shop/secured", web_app=folder)
    assert found.security is not None
    assert found.security.roles == ("buyer",)
    for source, file in {
        found.filters[0].source: "WEB-INF/lib/menu/META-INF/web-fragment.xml:3:",
        found.security.constraints[0].source: "WEB-INF/classes/shop.py:",
    }.items():
        assert str(source).startswith(f"webapps/shop/{file}")


# --- session and errors -----------------------------------------------------------------------------------


def test_the_session_rule(explained: Explain) -> None:
    session = explained("/shop/cart").session
    assert session is not None
    assert (session.tracking, session.cookie, session.timeout_minutes) == (("COOKIE",), "SHOP", 5)
    assert session.cookie_source is not None
    assert session.cookie_source.line == line_of("<cookie-config>")


def test_error_pages(explained: Explain) -> None:
    pages = {page.exception or page.status: page for page in explained("/shop/cart").error_pages}
    assert (pages[404].location, pages[404].servlet, pages[404].filters) == (
        "/gone.html",
        "default",
        ("log",),
    )
    assert (pages["shop.SoldOut"].location, pages["shop.SoldOut"].servlet) == ("/cart/sold-out", "cart")
    assert (pages[500].location, pages[500].source) == (None, None)


def test_the_answer_of_an_error_page_names_its_line(explained: Explain) -> None:
    (page_404,) = (page for page in explained("/shop/cart").error_pages if page.status == 404)
    answer = explained("/shop/nothing").answer
    assert (answer.status, answer.error_page, answer.source) == (404, "/gone.html", page_404.source)


def test_an_error_page_that_is_not_there(write: Write) -> None:
    page = "<error-page><error-code>404</error-code><location>/no.html</location></error-page>"
    folder = write(web_xml=f"<web-app>{page}</web-app>")
    found = explain_unstarted(Settings(), "GET", "/shop/x", web_app=folder)
    (page_404,) = (page for page in found.error_pages if page.status == 404)
    assert page_404.servlet is None
    assert "nothing answers /no.html" in page_404.why
    assert found.answer.error_page is None


# --- a running web app ------------------------------------------------------------------------------------


@pytest.fixture
def running(write: Write) -> Iterator[Container]:
    listener = """
from container.servlet import HttpServlet, ServletContextListener
class S(HttpServlet):
    pass
class Starter(ServletContextListener):
    def contextInitialized(self, event):
        event.getServletContext().addServlet("late", S()).addMapping("/late")
"""
    web_xml = "<web-app><listener><listener-class>shop.Starter</listener-class></listener></web-app>"
    folder = write(web_xml=web_xml, **{"WEB-INF/classes/shop.py": listener})
    container = Container(Settings())
    container.deploy(folder.absolute(), "/shop")
    yield container
    container.stop(0)


def test_code_has_registered_a_servlet(running: Container) -> None:
    found = explain(running.contexts["/shop"], "GET", "/shop/late")
    assert found.mapping is not None
    assert (found.mapping.servlet, found.mapping.by, found.mapping.source) == ("late", "code", None)
    assert found.notes == ()
    assert "late (registered by code)" in found.to_text()


def test_code_that_was_not_run_is_named(running: Container) -> None:
    found = explain_unstarted(Settings(), "GET", "/shop/late", web_app=Path("webapps/shop"))
    assert found.answer.status == 404
    assert [line.text for line in found.notes] == [
        "shop.Starter was not run; it may register more when the web app starts"
    ]


# --- the command ------------------------------------------------------------------------------------------


def test_text_goes_the_way_of_the_request(write: Write) -> None:
    write()
    result = run("/shop/cart", "--webapp", "webapps/shop")
    assert result.exit_code == 0, result.output
    titles = [line.split(" ")[0] for line in result.output.splitlines()[1:] if line[:1].strip()]
    assert titles[:10] == [
        *("URL", "Front", "Web", "Mapping", "Security"),
        *("Filters", "Servlet", "Session", "Errors", "Answer"),
    ]
    assert "\x1b" not in result.output


def test_colors_mark_what_counts(explained: Explain) -> None:
    found = explained("/shop/cart")
    colored = found.to_text(color=True)
    assert "\x1b[32m" in colored
    assert "\x1b" not in found.to_text()


def test_json_has_the_fields_of_the_model(write: Write) -> None:
    write()
    result = run("POST", "/shop/cart", "--webapp", "webapps/shop", "--json")
    value = json.loads(result.output)
    assert list(value) == [each.name for each in dataclasses.fields(Explanation)]
    assert value["mapping"] == {
        "servlet": "cart",
        "pattern": "/cart/*",
        "rule": "path",
        "why": "/cart/* covers /cart and everything below it (rule 2 of §12.1)",
        "by": "file",
        "source": {"file": "webapps/shop/WEB-INF/web.xml", "line": line_of("/cart/*</url"), "column": 5},
    }


@pytest.mark.parametrize(
    ("wrong", "right", "first"),
    [
        ("/cart/*</url", "cart</url", ':11:5: <url-pattern> "cart" can never match: paths begin with "/"'),
        ("shop.Log", "shop.Lag", ':14:3: filter log: there is no class "shop.Lag"'),
        ("shop.Cart<", "shop.Card<", ':2:3: servlet cart: there is no class "shop.Card"'),
        ("shop.Starter", "shop.Start", ':25:3: listener shop.Start: there is no class "shop.Start"'),
        ("</web-app>", "<web-app>", ": not well-formed XML"),
    ],
)
def test_a_wrong_descriptor_is_the_first_line(write: Write, wrong: str, right: str, first: str) -> None:
    write(web_xml=WEB_XML.replace(wrong, right, 1))
    result = run("/shop/cart", "--webapp", "webapps/shop")
    assert result.exit_code == 1
    line = result.output.splitlines()[0]
    assert line.startswith("webapps/shop/WEB-INF/web.xml")
    assert first in line
    assert line not in result.output.replace("warning: ", "").splitlines()[1:]  # said once


def test_a_folder_of_web_apps_as_was_run_has_it(write: Write) -> None:
    write()
    assert "cart -> " not in run("/shop/x.do").output
    assert "*.do -> cart" in run("/shop/x.do").output
    assert "*.do -> cart" in run("/shop/x.do", "--webapps", "webapps").output


def test_settings_count(write: Write) -> None:
    write()
    Path("our.toml").write_text("redirect-port = 8443\n")
    result = run("POST", "http://shop.example/shop/cart", "--config", "our.toml")
    assert "Location: https://shop.example:8443/shop/cart" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("GET", "/x", "/y"), "one METHOD and one URL"),
        (("/x", "--webapp", "webapps", "--webapps", "webapps"), "use one"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_done_as_written(write: Write, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output
