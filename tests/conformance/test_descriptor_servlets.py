"""<servlet>, <multipart-config>, <servlet-mapping> and url-patterns (rulebook §3.4 to §3.7)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from container.security.realm import PasswordRealm
from container.security.users_file import User
from container.servlet import HttpFilter, HttpServlet, IllegalStateException, ServletContextListener

Deploy = Callable[..., Any]
WebXml = Callable[..., str]

NOT_APPLICABLE = {
    "DD-SRV-13": "pages are templates, compiled when they are first used; nothing is precompiled"
}


class Main(HttpServlet):
    """Say everything about the declaration that was called."""

    def doGet(self, request: Any, response: Any) -> None:
        config = self.getServletConfig()
        mapping = request.getHttpServletMapping()
        answer = {
            "name": self.getServletName(),
            "params": {name: config.getInitParameter(name) for name in config.getInitParameterNames()},
            "pattern": mapping.getPattern(),
            "match": mapping.getMappingMatch().name,
            "path": [request.getServletPath(), request.getPathInfo()],
            "id": id(self),
        }
        response.getWriter().write(json.dumps(answer))


class Other(Main):
    pass


def servlet(name: str = "main", inside: str = "", of: str = "app.Main") -> str:
    cls = f"<servlet-class>{of}</servlet-class>" if of else ""
    return f"<servlet><servlet-name>{name}</servlet-name>{cls}{inside}</servlet>"


def mapped(name: str, *patterns: str) -> str:
    inside = "".join(f"<url-pattern>{pattern}</url-pattern>" for pattern in patterns)
    return f"<servlet-mapping><servlet-name>{name}</servlet-name>{inside}</servlet-mapping>"


def param(name: str, value: str) -> str:
    inside = f"<param-name>{name}</param-name><param-value>{value}</param-value>"
    return f"<init-param>{inside}</init-param>"


def said(answer: Any) -> dict[str, Any]:
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.text)
    return found


# --- names and classes ------------------------------------------------------------------------------------


@pytest.mark.rules("DD-SRV-01", "DD-SRV-02")
def test_names_differ_by_case(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(web_xml(servlet("a") + servlet("A") + mapped("a", "/1") + mapped("A", "/2")), classes=[Main])
    assert [said(app.get(path))["name"] for path in ("/1", "/2")] == ["a", "A"]
    assert app.problems == []


@pytest.mark.rules("DD-SRV-03")
@pytest.mark.parametrize(
    "name", ["app.Main", "app:Main", "shop.cart.Cart", "shop.cart:Cart", "shop.cart.Page$Inner"]
)
def test_classes_are_named_by_module_and_class(deploy: Deploy, web_xml: WebXml, name: str) -> None:
    shop = (
        "from container.servlet import HttpServlet\n"
        "class Cart(HttpServlet):\n    def doGet(self, q, r): r.getWriter().write('cart')\n"
        "class Page:\n    class Inner(Cart): pass\n"
    )
    app = deploy(
        web_xml(servlet(of=name) + mapped("main", "/a")),
        classes=[Main],
        files={"WEB-INF/classes/shop/cart.py": shop},
    )
    assert app.get("/a").status == 200


@pytest.mark.rules("DD-SRV-03")
@pytest.mark.parametrize("of", ["app.Missing", "nowhere.Main", "app.Plain", "builtins.open"])
def test_a_class_that_is_none_or_no_servlet_fails_when_it_is_needed(
    deploy: Deploy, web_xml: WebXml, of: str
) -> None:
    class Plain:
        pass

    app = deploy(
        web_xml(servlet(of=of) + mapped("main", "/a") + servlet("good") + mapped("good", "/good")),
        classes=[Main, Plain],
    )
    assert app.get("/a").status in (404, 500)
    assert app.get("/good").status == 200


@pytest.mark.rules("DD-SRV-04")
def test_a_servlet_without_class_may_be_completed_by_code(deploy: Deploy, web_xml: WebXml) -> None:
    class Completes(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            context = event.getServletContext()
            assert context.getServletRegistration("main").getClassName() is None
            context.addServlet("main", Main)

    listener = "<listener><listener-class>app.Completes</listener-class></listener>"
    declared = servlet(of="", inside=param("a", "1")) + mapped("main", "/a")
    completed = deploy(web_xml(declared + listener), classes=[Main, Completes])
    assert said(completed.get("/a"))["params"] == {"a": "1"}


@pytest.mark.rules("DD-SRV-04")
def test_a_servlet_that_nobody_completes_answers_nothing(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(
        web_xml(servlet(of="") + mapped("main", "/a") + servlet("good") + mapped("good", "/good")),
        classes=[Main],
    )
    assert app.get("/a").status in (404, 500)
    assert app.get("/good").status == 200


@pytest.mark.rules("DD-SRV-06", "DD-JSP-05")
def test_a_jsp_file_is_a_template(deploy: Deploy, web_xml: WebXml) -> None:
    page = "<jsp-file>/WEB-INF/pages/about.jinja</jsp-file>"
    app = deploy(
        web_xml(servlet("about", page + param("who", "us"), of="") + mapped("about", "/about")),
        files={"WEB-INF/pages/about.jinja": "{{ 1 + 1 }} of {{ request.getServletPath() }}"},
    )
    assert app.get("/about").text == "2 of /about"


@pytest.mark.rules("DD-SRV-07", "DD-SRV-08")
def test_each_declaration_has_its_own_instance_and_parameters(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(
        web_xml(
            servlet("a", param("p", "first") + param("p", "second") + param("q", ""))
            + servlet("b", param("p", "other"))
            + mapped("a", "/a", "/aa")
            + mapped("b", "/b")
        ),
        classes=[Main],
    )
    a, aa, b = (said(app.get(path)) for path in ("/a", "/aa", "/b"))
    assert a["params"] == {"p": "first", "q": ""}  # the first of equal names counts
    assert b["params"] == {"p": "other"}
    assert a["id"] == aa["id"] != b["id"]


# --- load-on-startup, enabled, async-supported --------------------------------------------------------------


@pytest.mark.rules("DD-SRV-09", "DD-SRV-10", "DD-SRV-11")
@pytest.mark.parametrize(
    ("numbers", "order"),
    [
        ({"a": "2", "b": "1", "c": "0"}, "cba"),
        ({"a": "1", "b": "1", "c": "0"}, "cab"),  # equal ones as declared
        ({"a": "", "b": "5", "c": "2147483647"}, "bac"),  # empty is the highest number
        ({"a": "-1", "b": "0", "c": None}, "b"),  # negative or absent: when it is needed
        ({"a": "+3", "b": " 2 "}, "ba"),
    ],
)
def test_load_on_startup_is_the_order_of_initialisation(
    deploy: Deploy, web_xml: WebXml, numbers: dict[str, str | None], order: str
) -> None:
    started: list[str] = []

    class Starts(HttpServlet):
        def init(self, config: Any) -> None:
            super().init(config)
            started.append(config.getServletName())

        def doGet(self, request: Any, response: Any) -> None:
            response.getWriter().write("answered")

    body = "".join(
        servlet(name, "" if n is None else f"<load-on-startup>{n}</load-on-startup>", "app.Starts")
        + mapped(name, f"/{name}")
        for name, n in numbers.items()
    )
    app = deploy(web_xml(body), classes=[Starts])
    assert "".join(started) == order
    for name in numbers:
        assert app.get(f"/{name}").text == "answered"
    assert sorted(started) == sorted(numbers)  # each once


@pytest.mark.rules("DD-SRV-14")
def test_a_servlet_that_is_not_enabled_is_not_mapped(deploy: Deploy, web_xml: WebXml) -> None:
    off = servlet("off", "<enabled>false</enabled>") + mapped("off", "/a", "/x/y", "*.do")
    on = servlet("on", "<enabled>true</enabled>") + mapped("on", "/x/*")
    app = deploy(web_xml(off + on), classes=[Main], files={"b.do": "a file"})
    assert app.get("/a").status == 404
    assert app.get("/b.do").text == "a file"
    assert said(app.get("/x/y"))["pattern"] == "/x/*"


@pytest.mark.rules("DD-SRV-15", "DD-FLT-04")
@pytest.mark.parametrize(
    ("on_servlet", "on_filter", "supported"),
    [
        (True, True, True),
        (True, None, True),
        (True, False, False),
        (False, True, False),
        (False, None, False),
    ],
)
def test_async_needs_servlet_and_filters_to_support_it(
    deploy: Deploy, web_xml: WebXml, on_servlet: bool, on_filter: bool | None, supported: bool
) -> None:
    class Asks(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            response.getWriter().write(f"{request.isAsyncSupported()} ")
            try:
                request.startAsync().complete()
            except IllegalStateException as error:
                response.getWriter().write(type(error).__name__)

    class Passes(HttpFilter):
        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            chain.doFilter(request, response)

    def flag(value: bool | None) -> str:
        return "<async-supported>true</async-supported>" if value else ""

    body = servlet("asks", flag(on_servlet), "app.Asks") + mapped("asks", "/a")
    if on_filter is not None:
        cls = "<filter-name>f</filter-name><filter-class>app.Passes</filter-class>"
        body += f"<filter>{cls}{flag(on_filter)}</filter>"
        body += "<filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    text = deploy(web_xml(body), classes=[Asks, Passes]).get("/a").text
    assert text == ("True " if supported else "False IllegalStateException")


# --- roles ------------------------------------------------------------------------------------------------


class Ann(PasswordRealm):
    """Knows Ann, who is a clerk and in the role that no servlet links."""

    def lookup(self, username: str) -> User | None:
        return User("ann", "secret", frozenset({"clerk", "plain"})) if username == "ann" else None


AUTHORIZED = "Authorization: Basic " + base64.b64encode(b"ann:secret").decode()
LOGIN = (
    "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>"
    "<url-pattern>/*</url-pattern></web-resource-collection><auth-constraint><role-name>*</role-name>"
    "</auth-constraint></security-constraint><login-config><auth-method>BASIC</auth-method></login-config>"
    "<security-role><role-name>clerk</role-name></security-role>"
    "<security-role><role-name>boss</role-name></security-role>"
    "<security-role><role-name>plain</role-name></security-role>"
)


@pytest.mark.rules("DD-SRV-16", "DD-SRV-17", "DD-SRV-19", "DD-SRV-20")
def test_role_references_are_those_of_each_servlet(deploy: Deploy, web_xml: WebXml) -> None:
    class Asks(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            roles = ("seller", "plain", "clerk", "boss", "nobody")
            found = [role for role in roles if request.isUserInRole(role)]
            response.getWriter().write(" ".join([*found, request.getRemoteUser()]))

    def ref(name: str, link: str = "") -> str:
        link = f"<role-link>{link}</role-link>" if link else ""
        return f"<security-role-ref><role-name>{name}</role-name>{link}</security-role-ref>"

    run_as = "<run-as><description>d</description><role-name>boss</role-name></run-as>"
    body = (
        servlet("a", run_as + ref("seller", "clerk") + ref("plain"), "app.Asks")
        + servlet("b", ref("seller", "boss") + ref("boss", "clerk"), "app.Asks")
        + servlet("c", of="app.Asks")
        + mapped("a", "/a") + mapped("b", "/b") + mapped("c", "/c")
    )  # fmt: skip
    app = deploy(web_xml(body + LOGIN), classes=[Asks], realm=Ann())
    assert app.get("/a", AUTHORIZED).text == "seller plain clerk ann"  # run-as does not change who calls
    assert app.get("/b", AUTHORIZED).text == "plain clerk boss ann"
    assert app.get("/c", AUTHORIZED).text == "plain clerk ann"
    assert app.context.facade.getServletRegistration("a").getRunAsRole() == "boss"
    assert app.context.facade.getServletRegistration("b").getRunAsRole() is None


@pytest.mark.rules("DD-SRV-21")
def test_a_servlet_without_mapping_is_reached_by_its_name(deploy: Deploy, web_xml: WebXml) -> None:
    class Forwards(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            self.getServletContext().getNamedDispatcher("hidden").forward(request, response)

    app = deploy(
        web_xml(servlet("hidden") + servlet("forwards", of="app.Forwards") + mapped("forwards", "/f")),
        classes=[Main, Forwards],
    )
    assert app.get("/hidden").status == 404
    assert said(app.get("/f"))["name"] == "hidden"


# --- multipart-config ---------------------------------------------------------------------------------------

BODY = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    + b"0123456789"
    + b'\r\n--x\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n--x--\r\n'
)


class Upload(HttpServlet):
    def doPost(self, request: Any, response: Any) -> None:
        try:
            part = request.getPart("file")
        except IllegalStateException as error:
            response.getWriter().write(type(error).__name__)
            return
        response.getWriter().write(f"{part.getSize()} {request.getParameter('field')}")


def upload(deploy: Deploy, web_xml: WebXml, config: str, **files: Any) -> Any:
    app = deploy(web_xml(servlet("u", config, "app.Upload") + mapped("u", "/u")), classes=[Upload], **files)
    return app, app.post("/u", BODY, "Content-Type: multipart/form-data; boundary=x")


@pytest.mark.rules("DD-MP-01", "DD-MP-03")
@pytest.mark.parametrize(
    ("config", "answer"),
    [
        ("", "IllegalStateException"),
        ("<multipart-config/>", "10 value"),
        ("<multipart-config><max-file-size>-1</max-file-size></multipart-config>", "10 value"),
        ("<multipart-config><max-file-size>10</max-file-size></multipart-config>", "10 value"),
        ("<multipart-config><max-file-size>9</max-file-size></multipart-config>", "IllegalStateException"),
        (
            f"<multipart-config><max-request-size>{len(BODY)}</max-request-size></multipart-config>",
            "10 value",
        ),
        (
            f"<multipart-config><max-request-size>{len(BODY) - 1}</max-request-size></multipart-config>",
            "IllegalStateException",
        ),
    ],
)
def test_multipart_config_switches_uploads_on_and_limits_them(
    deploy: Deploy, web_xml: WebXml, config: str, answer: str
) -> None:
    assert upload(deploy, web_xml, config)[1].text == answer


@pytest.mark.rules("DD-MP-02", "DD-MP-04")
@pytest.mark.parametrize(
    ("location", "threshold", "where"),
    [
        ("", 0, "temp"),
        ("uploads", 0, "temp/uploads"),
        ("{absolute}", 0, "absolute"),
        ("uploads", 10, ""),  # small enough for the memory
        ("uploads", 9, "temp/uploads"),
    ],
)
def test_parts_wait_where_the_location_says(
    deploy: Deploy, web_xml: WebXml, tmp_path: Path, location: str, threshold: int, where: str
) -> None:
    found: list[str] = []
    absolute = tmp_path / "absolute"

    class Looks(HttpServlet):
        def doPost(self, request: Any, response: Any) -> None:
            request.getParts()
            temp = Path(self.getServletContext().getAttribute("jakarta.servlet.context.tempdir"))
            for name, folder in (("absolute", absolute), ("temp/uploads", temp / "uploads"), ("temp", temp)):
                if folder.is_dir() and any(p.is_file() and p.stat().st_size == 10 for p in folder.iterdir()):
                    found.append(name)

    written = f"<location>{location.format(absolute=absolute)}</location>" if location else ""
    written += f"<file-size-threshold>{threshold}</file-size-threshold>"
    config = f"<multipart-config>{written}</multipart-config>"
    app = deploy(web_xml(servlet("u", config, "app.Looks") + mapped("u", "/u")), classes=[Looks])
    app.post("/u", BODY, "Content-Type: multipart/form-data; boundary=x")
    assert found == ([where] if where else [])


# --- servlet-mapping and url-patterns -----------------------------------------------------------------------


@pytest.mark.rules("DD-SM-03", "DD-SM-05")
def test_mappings_of_one_servlet_add_up(deploy: Deploy, web_xml: WebXml) -> None:
    body = servlet() + mapped("main", "/a", "/b") + mapped("main", "/c") + mapped("main", "/a")
    app = deploy(web_xml(body), classes=[Main])
    assert [said(app.get(path))["pattern"] for path in ("/a", "/b", "/c")] == ["/a", "/b", "/c"]
    assert list(app.context.facade.getServletRegistration("main").getMappings()) == ["/a", "/b", "/c"]
    assert app.problems == []


@pytest.mark.rules("DD-SM-06")
@pytest.mark.parametrize(
    ("pattern", "path"),
    [("/", "/file.txt"), ("*.jinja", "/page.jinja"), ("*.jsp", "/page.jsp"), ("*.txt", "/file.txt")],
)
def test_a_mapping_overrides_the_containers_own(
    deploy: Deploy, web_xml: WebXml, pattern: str, path: str
) -> None:
    files = {"file.txt": "a file", "page.jinja": "a page", "page.jsp": "a page"}
    app = deploy(web_xml(servlet() + mapped("main", pattern)), classes=[Main], files=files)
    assert said(app.get(path))["pattern"] == pattern


@pytest.mark.rules("DD-SM-01")
def test_the_containers_default_servlet_can_be_mapped(deploy: Deploy, web_xml: WebXml) -> None:
    body = servlet() + mapped("main", "/*") + mapped("default", "/static/*", "*.css")
    app = deploy(web_xml(body), classes=[Main], files={"static/a.txt": "a file", "b.css": "a style"})
    assert app.problems == []
    assert (app.get("/static/a.txt").text, app.get("/b.css").status) == ("a file", 200)
    assert said(app.get("/else"))["name"] == "main"


PATTERNS = ("", "/a", "/b/", "/c*", "/p/*", "/p/q/*", "*.do", "/e%20f")


@pytest.mark.rules("DD-UP-01", "DD-UP-02", "DD-UP-06", "DD-UP-09", "DD-UP-12")
@pytest.mark.parametrize(
    ("path", "pattern", "match", "parts"),
    [
        ("/", "", "CONTEXT_ROOT", ["", "/"]),
        ("/a", "/a", "EXACT", ["/a", None]),
        ("/A", None, None, None),
        ("/a/", None, None, None),
        ("/b/", "/b/", "EXACT", ["/b/", None]),
        ("/b", None, None, None),
        ("/c*", "/c*", "EXACT", ["/c*", None]),  # a star elsewhere is a star
        ("/cat", None, None, None),
        ("/p", "/p/*", "PATH", ["/p", None]),
        ("/p/", "/p/*", "PATH", ["/p", "/"]),
        ("/p/x.do", "/p/*", "PATH", ["/p", "/x.do"]),
        ("/p/q/r", "/p/q/*", "PATH", ["/p/q", "/r"]),
        ("/pq", None, None, None),
        ("/x/y.do", "*.do", "EXTENSION", ["/x/y.do", None]),
        ("/x/y.DO", None, None, None),
        ("/x.do/y", None, None, None),
        ("/e%2520f", "/e%20f", "EXACT", ["/e%20f", None]),
    ],
)
def test_patterns_mean_what_their_form_says(
    deploy: Deploy, web_xml: WebXml, path: str, pattern: str | None, match: str, parts: list[str | None]
) -> None:
    app = deploy(web_xml(servlet() + mapped("main", *PATTERNS)), classes=[Main])
    assert list(app.context.facade.getServletRegistration("main").getMappings()) == list(PATTERNS)
    answer = app.get(path)
    if pattern is None:
        assert answer.status == 404
    else:
        found = said(answer)
        assert (found["pattern"], found["match"], found["path"]) == (pattern, match, parts)


@pytest.mark.rules("DD-UP-01", "DD-SM-06")
def test_slash_alone_is_what_nothing_else_matches(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(web_xml(servlet() + mapped("main", "/")), classes=[Main])
    found = said(app.get("/any/thing.txt"))
    assert (found["match"], found["path"]) == ("DEFAULT", ["/any/thing.txt", None])
