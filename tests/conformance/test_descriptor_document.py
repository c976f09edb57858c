"""web.xml as a file: where it is, what its texts mean, in which order and version it may be written (§14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.descriptor.reader import NAMESPACES
from container.security.realm import PasswordRealm
from container.servlet import (
    HttpFilter,
    HttpServlet,
    IllegalArgumentException,
    Locale,
    ServletContextListener,
    ServletException,
)

Deploy = Callable[..., Any]
WebXml = Callable[..., str]

PUBLIC_ID = "-//Sun Microsystems, Inc.//DTD Web Application {}//EN"
VERSIONS = [version for version in NAMESPACES if version != "6.2"]


class Main(HttpServlet):
    """Say who was called; raise what the query asks for."""

    def doGet(self, request: Any, response: Any) -> None:
        if request.getQueryString() == "raise":
            raise ServletException("asked for")
        response.getWriter().write(f"{self.getServletName()} {request.getHttpServletMapping().getPattern()}")


LISTENER = "jakarta.servlet.ServletContextListener"


def document(body: str, version: str) -> str:
    if version <= "2.3":
        return f'<!DOCTYPE web-app PUBLIC "{PUBLIC_ID.format(version)}" "web.dtd"><web-app>{body}</web-app>'
    return f'<web-app xmlns="{NAMESPACES[version]}" version="{version}">{body}</web-app>'


def main(*patterns: str, name: str = "main") -> str:
    servlet = f"<servlet-name>{name}</servlet-name><servlet-class>app.Main</servlet-class>"
    mappings = "".join(
        f"<servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>{pattern}</url-pattern></servlet-mapping>"
        for pattern in patterns
    )
    return f"<servlet>{servlet}</servlet>{mappings}"


def param(name: str, value: str) -> str:
    inside = f"<param-name>{name}</param-name><param-value>{value}</param-value>"
    return f"<context-param>{inside}</context-param>"


@pytest.mark.rules("DD-DOC-01")
def test_the_descriptor_is_web_inf_web_xml_and_no_other_file(deploy: Deploy, web_xml: WebXml) -> None:
    other = web_xml(main("/other"))
    files = dict.fromkeys(
        ("web.xml", "META-INF/web.xml", "WEB-INF/classes/web.xml", "WEB-INF/Web.xml"), other
    )
    app = deploy(web_xml(main("/a")), classes=[Main], files=files)
    assert (app.get("/a").status, app.get("/other").status) == (200, 404)
    assert app.get("/WEB-INF/web.xml").status == 404


@pytest.mark.rules("DD-DOC-10")
def test_white_space_around_a_text_does_not_count(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(web_xml(main("\n\t /a\r\n ", name=" \n main ") + param("\n p\t", " v ")), classes=[Main])
    assert app.get("/a").text == "main /a"
    assert app.context.facade.getInitParameter("p") == "v"


@pytest.mark.rules("DD-DOC-10")
def test_only_what_xml_calls_white_space_is_removed(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(web_xml(param("p", "\u00a0v\u2003")))
    assert app.context.facade.getInitParameter("p") == "\u00a0v\u2003"


@pytest.mark.rules("DD-DOC-11")
def test_inner_white_space_of_names_is_one_space_and_of_values_is_kept(
    deploy: Deploy, web_xml: WebXml
) -> None:
    app = deploy(
        web_xml(main("/a", name="my \n\t main") + param("a \n b", "c \n\t d")).replace(
            "<servlet-name>my \n\t main</servlet-name><url-pattern>",
            "<servlet-name>my main</servlet-name><url-pattern>",
        ),
        classes=[Main],
    )
    assert app.get("/a").text == "my main /a"
    assert app.context.facade.getInitParameter("a b") == "c \n\t d"


@pytest.mark.rules("DD-DOC-12", "DD-DOC-14", "DD-UP-10", "DD-UP-11")
@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a b", "/a%20b", True),
        ("/a b", "/a%20%20b", False),
        ("/a  b", "/a%20%20b", True),  # white space in a pattern is kept
        ("/a%20b", "/a%20b", False),  # and a pattern is decoded already
        ("/a%20b", "/a%2520b", True),
        ("/ü", "/%C3%BC", True),
        ("/a+b", "/a+b", True),
        ("/a+b", "/a%20b", False),
        ("/a", "/x/../a", True),
        ("/a", "/./a", True),
        ("/a", "/a;v=1", True),
        ("/a;v=1", "/a;v=1", False),
    ],
)
def test_patterns_are_compared_with_decoded_paths(
    deploy: Deploy, web_xml: WebXml, pattern: str, path: str, matches: bool
) -> None:
    app = deploy(web_xml(main(pattern)), classes=[Main])
    assert app.get(path).status == (200 if matches else 404)


@pytest.mark.rules("DD-DOC-15")
@pytest.mark.parametrize("written", ["/x/../e.txt", "/./e.txt", "/x/./../e.txt"])
def test_paths_are_made_canonical(deploy: Deploy, web_xml: WebXml, written: str) -> None:
    page = f"<error-page><error-code>404</error-code><location>{written}</location></error-page>"
    app = deploy(web_xml(page), files={"e.txt": "the page"})
    assert app.get("/nothing").text == "the page"


@pytest.mark.rules("DD-DOC-15", "DD-UP-12")
@pytest.mark.parametrize(("written", "pattern"), [("/x/../a", "/a"), ("/a/./*", "/a/*"), ("/x/../*", "/*")])
def test_patterns_are_made_canonical(deploy: Deploy, web_xml: WebXml, written: str, pattern: str) -> None:
    app = deploy(web_xml(main(written)), classes=[Main])
    assert app.get("/a").text == f"main {pattern}"


@pytest.mark.rules("DD-DOC-20")
@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("true", True),
        ("false", True),
        ("1", True),
        ("0", True),
        (" true ", True),
        ("yes", False),
        ("TRUE", False),
    ],
)
def test_metadata_complete_is_an_xml_boolean(deploy: Deploy, web_xml: WebXml, text: str, valid: bool) -> None:
    app = deploy(web_xml(main("/a"), attributes=f'metadata-complete="{text}"'), classes=[Main])
    assert app.running is valid
    assert valid is not any("metadata-complete=" in problem for problem in app.problems)


ANY_ORDER = (
    "<welcome-file-list/><servlet-mapping><servlet-name>main</servlet-name><url-pattern>/a</url-pattern>"
    "</servlet-mapping>" + main() + param("late", "1")
)


@pytest.mark.rules("DD-DOC-21", "DD-COMP-01")
@pytest.mark.parametrize("version", VERSIONS)
def test_the_roots_children_may_stand_in_any_order_since_2_4(deploy: Deploy, version: str) -> None:
    app = deploy(document(ANY_ORDER, version), classes=[Main])
    assert (app.get("/a").text, app.context.facade.getInitParameter("late")) == ("main /a", "1")
    said = [problem for problem in app.problems if "the schema wants it before" in problem]
    assert bool(said) is (version <= "2.3")


@pytest.mark.rules("DD-DOC-24", "DD-WEL-01", "DD-LOC-04")
def test_lists_are_joined_in_the_order_of_the_document(deploy: Deploy, web_xml: WebXml) -> None:
    def charset(encoding: str) -> str:
        inside = f"<locale>ja</locale><encoding>{encoding}</encoding>"
        inside = f"<locale-encoding-mapping>{inside}</locale-encoding-mapping>"
        return f"<locale-encoding-mapping-list>{inside}</locale-encoding-mapping-list>"

    class Japanese(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            response.setContentType("text/plain")
            response.setLocale(Locale.forLanguageTag("ja"))
            response.getWriter().write("")

    body = "".join(
        f"<welcome-file-list><welcome-file>{name}</welcome-file></welcome-file-list>"
        for name in ("a", "b", "c")
    )
    app = deploy(
        web_xml(body + charset("euc-jp") + charset("shift_jis") + main("/ja").replace("Main", "Japanese")),
        classes=[Japanese],
        files={"d/b": "b", "d/c": "c", "e/c": "c"},
    )
    assert [app.get(path).text for path in ("/d/", "/e/")] == ["b", "c"]
    assert app.get("/ja").header("Content-Type") == "text/plain;charset=shift_jis"  # the later one


@pytest.mark.rules("DD-DOC-25", "DD-CTX-06")
@pytest.mark.parametrize("times", [0, 1, 2])
def test_distributable_however_often_lets_only_what_can_travel_into_sessions(
    serve: Callable[..., Any], times: int
) -> None:
    def store(request: Any, response: Any) -> None:
        session = request.getSession()
        session.setAttribute("text", ["can be pickled"])
        try:
            session.setAttribute("lambda", lambda: None)
        except IllegalArgumentException:
            response.getWriter().write("refused")

    app = serve(store, "<distributable/>" * times)
    assert app.get("/").text == ("refused" if times else "")
    assert app.problems == []


@pytest.mark.rules("DD-DOC-28", "DD-DESC-02")
@pytest.mark.parametrize(
    ("names", "name"),
    [
        ("<display-name>Shop</display-name><display-name xml:lang='de'>Laden</display-name>", "Shop"),
        ("<display-name>one</display-name><display-name>two</display-name>", "one"),
        ("<display-name>\n My  Shop </display-name>", "My Shop"),
        ("", None),
    ],
)
def test_the_first_display_name_names_the_context(
    deploy: Deploy, web_xml: WebXml, names: str, name: str | None
) -> None:
    assert deploy(web_xml(names)).context.facade.getServletContextName() == name


# --- versions ---------------------------------------------------------------------------------------------


@pytest.mark.rules("DD-DOC-30", "DD-VER-01")
@pytest.mark.parametrize("version", VERSIONS)
def test_descriptors_of_every_version_work(deploy: Deploy, version: str) -> None:
    app = deploy(document(param("p", "v") + main("/a"), version), classes=[Main])
    assert (app.get("/a").text, app.problems) == ("main /a", [])
    context = app.context.facade
    assert f"{context.getEffectiveMajorVersion()}.{context.getEffectiveMinorVersion()}" == version


@pytest.mark.rules("DD-VER-02", "DD-VER-01")
@pytest.mark.parametrize(
    ("root", "said"),
    [
        ('version="9.9"', 'has the unknown version "9.9"; taken for 6.1'),
        ('version="three"', 'has the unknown version "three"; taken for 6.1'),
        ("", "states no version; taken for 6.1"),
    ],
)
def test_an_unknown_version_is_the_newest_one(deploy: Deploy, root: str, said: str) -> None:
    app = deploy(f'<web-app xmlns="{NAMESPACES["6.1"]}" {root}>{main("/a")}</web-app>', classes=[Main])
    [problem] = app.problems
    assert said in problem
    context = app.context.facade
    assert (context.getEffectiveMajorVersion(), context.getEffectiveMinorVersion()) == (6, 1)
    assert app.get("/a").status == 200


@pytest.mark.rules("DD-VER-03")
@pytest.mark.parametrize(
    ("namespace", "prefix"),
    [
        (each, prefix)
        for each in sorted(set(NAMESPACES.values()))
        for prefix in ("", "j:")
        if each or not prefix
    ],
)
def test_elements_of_every_namespace_count(deploy: Deploy, namespace: str, prefix: str) -> None:
    xmlns = f'xmlns{prefix and ":j"}="{namespace}"'
    body = main("/a").replace("</", "&").replace("<", f"<{prefix}").replace("&", f"</{prefix}")
    app = deploy(f'<{prefix}web-app {xmlns} version="6.1">{body}</{prefix}web-app>', classes=[Main])
    assert app.get("/a").text == "main /a"
    belongs = namespace == NAMESPACES["6.1"]
    assert belongs is not any("of version 6.1 has" in problem for problem in app.problems)


@pytest.mark.rules("DD-VER-04")
@pytest.mark.parametrize("version", ["2.2", "2.3"])
def test_dtd_descriptors_may_leave_the_first_slash_out(deploy: Deploy, version: str) -> None:
    page = "<error-page><error-code>404</error-code><location>e.txt</location></error-page>"
    app = deploy(document(main("a/*") + page, version), classes=[Main], files={"e.txt": "page"})
    assert (app.get("/a/b").text, app.get("/x").text) == ("main /a/*", "page")
    assert len([problem for problem in app.problems if "warning" in problem and "taken for" in problem]) == 2


@pytest.mark.rules("DD-VER-04")
@pytest.mark.parametrize("version", ["2.4", "2.5", "3.1", "6.1"])
def test_later_descriptors_may_not(deploy: Deploy, version: str) -> None:
    assert not deploy(document(main("a/*"), version), classes=[Main]).running


@pytest.mark.rules("DD-VER-05", "DD-EP-02")
@pytest.mark.parametrize(
    "name",
    [
        "javax.servlet.ServletException",
        "jakarta.servlet.ServletException",
        "java.lang.Exception",
        "java.lang.Throwable",
        "container.servlet.ServletException",
        "builtins.Exception",
    ],
)
def test_class_names_of_java_mean_their_python_counterparts(deploy: Deploy, name: str) -> None:
    page = f"<error-page><exception-type>{name}</exception-type><location>/e.txt</location></error-page>"
    app = deploy(document(main("/a") + page, "2.5"), classes=[Main], files={"e.txt": "page"})
    answer = app.get("/a?raise")
    assert (answer.status, answer.text, app.problems) == (500, "page", [])


@pytest.mark.rules("DD-COMP-01")
@pytest.mark.parametrize(
    ("version", "body", "said"),
    [
        # several patterns and targets
        ("2.4", main() + "<servlet-mapping><servlet-name>main</servlet-name><url-pattern>/a</url-pattern>"
         "<url-pattern>/b</url-pattern></servlet-mapping>", "2.4 allows one"),
        ("2.5", main() + "<servlet-mapping><servlet-name>main</servlet-name><url-pattern>/a</url-pattern>"
         "<url-pattern>/b</url-pattern></servlet-mapping>", None),
        # empty load-on-startup
        ("2.3", main("/a").replace("</servlet>", "<load-on-startup/></servlet>"), None),
        ("2.4", main("/a").replace("</servlet>", "<load-on-startup/></servlet>"), "is empty, which 2.4"),
        ("2.5", main("/a").replace("</servlet>", "<load-on-startup/></servlet>"), None),
        # elements that did not exist yet, or no longer
        ("2.5", main("/a").replace("</servlet>", "<async-supported>true</async-supported></servlet>"),
         "exists since 3.0"),
        ("2.3", main("/a") + "<jsp-config/>", "exists since 2.4"),
        ("2.2", f"<listener><listener-class>{LISTENER}</listener-class></listener>" + main("/a"),
         "exists since 2.3"),
        ("2.4", main("/a") + "<taglib><taglib-uri>u</taglib-uri><taglib-location>/l</taglib-location>"
         "</taglib>", "exists until 2.3"),
        ("2.5", main("/a") + "<error-page><location>/e</location></error-page>", "exists since 3.0"),
        ("6.0", main("/a") + "<session-config><cookie-config><comment>c</comment></cookie-config>"
         "</session-config>", "obsolete since 6.0"),
        # the description of a parameter
        ("2.4", param("p", "v").replace("</context", "<description>d</description></context") + main("/a"),
         "<description> stands after"),
    ],
)  # fmt: skip
def test_what_a_version_does_not_have_is_a_warning(
    deploy: Deploy, version: str, body: str, said: str | None
) -> None:
    app = deploy(document(body, version), classes=[Main])
    assert app.get("/a").text == "main /a"
    warnings = [problem for problem in app.problems if "the schema wants it before" not in problem or said]
    assert len(warnings) == (said is not None)
    assert said is None or said in warnings[0]


@pytest.mark.rules("DD-COMP-01", "DD-SRV-04", "DD-FLT-03")
@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("<servlet><servlet-name>s</servlet-name></servlet>", "has neither <servlet-class> nor <jsp-file>"),
        ("<filter><filter-name>f</filter-name></filter>", "has no <filter-class>"),
    ],
)
def test_classes_are_needed_until_2_5(deploy: Deploy, element: str, said: str) -> None:
    app = deploy(document(element, "2.5"))
    assert not app.running
    assert any(said in problem for problem in app.problems)
    later = deploy(document(element, "3.0"), name="later")
    assert not any(said in problem for problem in later.problems)


@pytest.mark.rules("DD-COMP-02")
@pytest.mark.parametrize(
    ("version", "starts"), [("2.2", True), ("2.3", True), ("2.4", False), ("6.1", False)]
)
def test_resources_without_a_pattern_protect_nothing(deploy: Deploy, version: str, starts: bool) -> None:
    resources = "<web-resource-collection><web-resource-name>w</web-resource-name></web-resource-collection>"
    constraint = f"<security-constraint>{resources}<auth-constraint/></security-constraint>"
    app = deploy(document(main("/a") + constraint, version), classes=[Main])
    assert any("has no <url-pattern>, so it protects nothing" in problem for problem in app.problems)
    assert app.running is starts
    if starts:
        assert app.get("/a").status == 200


# --- what a servlet container must know ---------------------------------------------------------------------

EVERYTHING = """
  <context-param><param-name>p</param-name><param-value>v</param-value></context-param>
  <session-config><session-timeout>7</session-timeout></session-config>
  <filter><filter-name>f</filter-name><filter-class>app.Mark</filter-class></filter>
  <filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>
  <listener><listener-class>app.Told</listener-class></listener>
  <mime-mapping><extension>odd</extension><mime-type>text/odd</mime-type></mime-mapping>
  <welcome-file-list><welcome-file>start.odd</welcome-file></welcome-file-list>
  <error-page><error-code>404</error-code><location>/gone.odd</location></error-page>
  <locale-encoding-mapping-list><locale-encoding-mapping><locale>ja</locale><encoding>euc-jp</encoding>
  </locale-encoding-mapping></locale-encoding-mapping-list>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>w</web-resource-name><url-pattern>/secret</url-pattern><http-method>GET</http-method>
    </web-resource-collection>
    <auth-constraint><role-name>boss</role-name></auth-constraint>
  </security-constraint>
  <deny-uncovered-http-methods/>
  <login-config><auth-method>BASIC</auth-method><realm-name>Shop</realm-name></login-config>
  <security-role><role-name>boss</role-name></security-role>
"""


class Nobody(PasswordRealm):
    def lookup(self, username: str) -> None:
        return None


@pytest.mark.rules("DD-GEN-01")
def test_everything_that_a_servlet_container_must_support_works_together(
    deploy: Deploy, web_xml: WebXml
) -> None:
    class Mark(HttpFilter):
        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            response.setHeader("X-Filter", "passed")
            chain.doFilter(request, response)

    class Told(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            event.getServletContext().setAttribute("told", event.getServletContext().getInitParameter("p"))

    app = deploy(
        web_xml(main("/a") + EVERYTHING),
        classes=[Main, Mark, Told],
        files={"start.odd": "start", "gone.odd": "gone"},
        realm=Nobody(),
    )
    context = app.context.facade
    assert (context.getAttribute("told"), context.getSessionTimeout()) == ("v", 7)
    assert (app.get("/a").text, app.get("/a").header("X-Filter")) == ("main /a", "passed")
    start = app.get("/")
    assert (start.text, start.header("Content-Type")) == ("start", "text/odd")
    gone = app.get("/nothing")
    assert (gone.status, gone.text) == (404, "gone")
    secret = app.get("/secret")
    assert (secret.status, (secret.header("WWW-Authenticate") or "")[:18]) == (401, 'Basic realm="Shop"')
    assert app.request("PUT", "/secret").status == 403
