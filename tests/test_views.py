"""Jinja2 pages, through a whole container."""

import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from webtest import TestApp

from container.server import make_application

SERVLETS = '''
from container.servlet import *

class Forward(HttpServlet):
    """Sets what the query says as attributes and lets a page answer."""
    def service(self, request, response):
        for name in request.getParameterNames():
            request.setAttribute(name, request.getParameter(name))
        self.prepare(request, response)
        request.getRequestDispatcher(self.getInitParameter("page")).forward(request, response)

    def prepare(self, request, response): pass

class Include(HttpServlet):
    def service(self, request, response):
        response.setContentType("text/plain;charset=UTF-8")
        response.getWriter().print("before ")
        request.getRequestDispatcher("/parts/part.jinja").include(request, response)
        response.getWriter().print(" after")

class Scopes(Forward):
    def prepare(self, request, response):
        self.getServletContext().setAttribute("a", "application")
        self.getServletContext().setAttribute("b", "application")
        self.getServletContext().setAttribute("c", "application")
        request.getSession().setAttribute("b", "session")
        request.getSession().setAttribute("c", "session")
        request.setAttribute("c", "request")
        request.setAttribute("range", "no longer Jinja's")

class Latin(Forward):
    def prepare(self, request, response):
        response.setContentType("text/html;charset=ISO-8859-1")

class Typed(Forward):
    def prepare(self, request, response):
        response.setContentType("text/markdown")

class Failing(Forward):
    def prepare(self, request, response):
        request.setAttribute("call", self.fail)
    def fail(self):
        raise KeyError("from the model")
'''


def web_xml(servlets: str = "", more: str = "") -> str:
    """A descriptor; servlets: "Class /page.jinja", one a line, at /Class."""
    rows = [line.split() for line in servlets.strip().splitlines()]
    declared = "".join(
        f"<servlet><servlet-name>{name}</servlet-name><servlet-class>servlets.{name}</servlet-class><init-param>"
        f"<param-name>page</param-name><param-value>{page}</param-value></init-param></servlet>"
        f"<servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>/{name}</url-pattern></servlet-mapping>"
        for name, page in rows
    )
    return f'<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">{declared}{more}</web-app>'


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Callable[..., TestApp]]:
    """A factory: pages (paths in the web app) and a descriptor become a web app at /shop."""
    running = []

    def start(pages: dict[str, str | bytes], descriptor: str = web_xml()) -> TestApp:
        files = {"WEB-INF/web.xml": descriptor, "WEB-INF/classes/servlets.py": SERVLETS, **pages}
        for name, content in files.items():
            file = tmp_path / "webapps/shop" / name.removeprefix("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        running.append(make_application(tmp_path / "webapps"))
        return TestApp(running[-1])

    yield start
    for container in running:
        container.stop()


@pytest.fixture
def show(deploy: Callable[..., TestApp]) -> Callable[..., str]:
    """What a page, given as its text, shows."""

    def text(page: str, query: str = "", **options: object) -> str:
        return deploy({"/page.jinja": page}).get(f"/shop/page.jinja{query}", **options).text

    return text


# What there is in a page


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("{{ param.name }}", "Ada"),
        ("{{ param['name'] }}", "Ada"),
        ("{{ param.items }}", "the parameter"),  # not a method of the mapping
        ("[{{ param.missing }}]", "[]"),
        ("{{ 'name' in param }} {{ 'x' in param }}", "True False"),
        ("{{ param|sort|join(' ') }}", "items n name"),
        ("{{ paramValues.n|join('+') }} {{ param.n }}", "1+2 1"),
        ("{{ header['X-Tint'] }} {{ header['x-tint'] }}", "red red"),
        ("{{ headerValues['X-Tint']|join }}", "red"),
        ("{{ cookie.theme }} [{{ cookie.other }}]", "dark []"),
        ("{{ request.getMethod() }} {{ application.getContextPath() }}", "GET /shop"),
        ("{{ response.getStatus() }}", "200"),
        ("{{ url('/cart') }} {{ url('next') }}", "/shop/cart next"),
        ("{{ url('/cart', item=3, q='a b') }}", "/shop/cart?item=3&amp;q=a+b"),
        ("{{ url('/cart?x=1', item=[1, 2]) }}", "/shop/cart?x=1&amp;item=1&amp;item=2"),
        ("{% if session %}yes{% else %}no{% endif %}", "no"),
        ("{{ range(3)|join }}", "012"),
        ("{{ exception is defined }}", "False"),
        ("{{ undefined_name }}.", "."),
        ("{% set param = 'mine' %}{{ param }}", "mine"),
        ("Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_names_in_a_page(show: Callable[..., str], page: str, text: str) -> None:
    query = "?name=Ada&n=1&n=2&items=the+parameter"
    assert show(page, query, headers={"X-Tint": "red", "Cookie": "theme=dark"}) == text


def test_what_a_client_sends_is_escaped(deploy: Callable[..., TestApp]) -> None:
    app = deploy({"/page.jinja": "{{ param.q }} {{ q }}"}, web_xml("Forward /page.jinja"))
    text = app.get("/shop/Forward?q=<script>'\"%26").text
    assert text == "&lt;script&gt;&#39;&#34;&amp; &lt;script&gt;&#39;&#34;&amp;"


def test_text_pages_are_not_escaped(deploy: Callable[..., TestApp]) -> None:
    response = deploy({"/mail.txt.jinja": "{{ param.q }}"}).get("/shop/mail.txt.jinja?q=<>")
    assert (response.content_type, response.text) == ("text/plain", "<>")


def test_scopes_are_asked_nearest_first(deploy: Callable[..., TestApp]) -> None:
    page = (
        "{{ a }} {{ b }} {{ c }} {{ range }} {% for c in [1] %}{{ c }}{% include 'part.jinja' %}{% endfor %}"
    )
    app = deploy({"/page.jinja": page, "/part.jinja": "({{ c }})"}, web_xml("Scopes /page.jinja"))
    assert app.get("/shop/Scopes").text == "application session request no longer Jinja&#39;s 1(1)"


def test_init_parameters(deploy: Callable[..., TestApp]) -> None:
    more = (
        "<context-param><param-name>shop.name</param-name><param-value>Corner</param-value></context-param>"
    )
    app = deploy({"/page.jinja": "{{ initParam['shop.name'] }}"}, web_xml(more=more))
    assert app.get("/shop/page.jinja").text == "Corner"


@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("{{ session.user }}", False),
        ("{% if session and session.user %}{% endif %}", False),
        ("{{ session.getAttribute('user') }}", False),
        ("{% if false %}{{ session.getId() }}{% endif %}", False),
        ("{{ session.getId() }}", True),
        ("{{ session.setAttribute('user', 'Ada') or '' }}", True),
    ],
)
def test_a_session_is_made_when_a_page_needs_one(
    deploy: Callable[..., TestApp], page: str, made: bool
) -> None:
    response = deploy({"/page.jinja": page}).get("/shop/page.jinja")
    assert ("Set-Cookie" in response.headers) == made


def test_session_attributes_by_name(deploy: Callable[..., TestApp]) -> None:
    app = deploy(
        {
            "/set.jinja": "{{ session.setAttribute('user', 'Ada') or '' }}",
            "/get.jinja": "{{ user }} {{ session.user }} {{ session['user'] }} [{{ session.missing }}]",
        }
    )
    app.get("/shop/set.jinja")
    assert app.get("/shop/get.jinja").text == "Ada Ada Ada []"


# How pages use each other


def test_layouts_includes_and_macros(deploy: Callable[..., TestApp]) -> None:
    app = deploy(
        {
            "/WEB-INF/layout.jinja": "<{% block main %}{% endblock %}|{{ url('/') }}>",
            "/WEB-INF/macros.jinja": "{% macro bold(x) %}*{{ x }}*{% endmacro %}",
            "/a/list.jinja": "{% extends '/WEB-INF/layout.jinja' %}"
            "{% from '../WEB-INF/macros.jinja' import bold %}{% block main %}{{ bold(param.x) }}"
            "{% include 'row.jinja' %}{% include 'rows/last.jinja' %}{% endblock %}",
            "/a/row.jinja": "row {{ param.x }} ",
            "/a/rows/last.jinja": "{% include '../row.jinja' %}{% include 'none.jinja' ignore missing %}",
        }
    )
    assert app.get("/shop/a/list.jinja?x=1").text == "<*1*row 1 row 1 |/shop/>"


def test_variables_of_a_page_reach_what_it_includes(deploy: Callable[..., TestApp]) -> None:
    page = "{% set top = 1 %}{% for n in [2] %}{% include 'part.jinja' %}{% endfor %}"
    app = deploy({"/page.jinja": page, "/part.jinja": "{{ top }}{{ n }}{{ param.q }}{{ url('/') }}"})
    assert app.get("/shop/page.jinja?q=3").text == "123/shop/"


def test_a_page_is_read_anew_when_it_changes(deploy: Callable[..., TestApp], tmp_path: Path) -> None:
    app = deploy({"/page.jinja": "{% include 'part.jinja' %}", "/part.jinja": "old"})
    assert app.get("/shop/page.jinja").text == "old"
    (tmp_path / "webapps/shop/part.jinja").write_text("new")
    assert app.get("/shop/page.jinja").text == "new"
    (tmp_path / "webapps/shop/page.jinja").unlink()
    assert app.get("/shop/page.jinja", status=404)


# How a request gets to a page


def test_pages_answer_get_head_and_post_and_no_more(deploy: Callable[..., TestApp]) -> None:
    app = deploy({"/page.jinja": "{{ request.getMethod() }}"})
    assert app.post("/shop/page.jinja").text == "POST"
    head = app.head("/shop/page.jinja")
    assert (head.body, head.content_length) == (b"", 4)
    app.put("/shop/page.jinja", status=405, extra_environ={"SERVER_PROTOCOL": "HTTP/1.1"})
    assert app.options("/shop/page.jinja").headers["Allow"] == "GET, HEAD, POST, TRACE, OPTIONS"


def test_forward_shows_a_page_whatever_the_method(deploy: Callable[..., TestApp]) -> None:
    app = deploy({"/WEB-INF/page.jinja": "{{ request.getMethod() }}"}, web_xml("Forward /WEB-INF/page.jinja"))
    assert app.put("/shop/Forward").text == "PUT"


def test_rt_inc_02_include_shows_the_included_page(deploy: Callable[..., TestApp]) -> None:
    app = deploy({"/parts/part.jinja": "part {{ request.getServletPath() }} ü"}, web_xml("Include -"))
    response = app.get("/shop/Include")
    assert (response.content_type, response.text) == ("text/plain", "before part /Include ü after")


def test_rt_inc_08_a_missing_page_cannot_be_included(
    deploy: Callable[..., TestApp], caplog: pytest.LogCaptureFixture
) -> None:
    deploy({}, web_xml("Include -")).get("/shop/Include", status=500)
    assert "FileNotFoundError: there is no page /parts/part.jinja to include" in caplog.text


def test_missing_pages_and_those_below_web_inf_are_404(deploy: Callable[..., TestApp]) -> None:
    app = deploy({"/WEB-INF/page.jinja": "secret"}, web_xml("Forward /WEB-INF/none.jinja"))
    for path in ("none.jinja", "none.jsp", "WEB-INF/page.jinja", "WEB-INF/page.jsp", "Forward"):
        assert "secret" not in app.get(f"/shop/{path}", status=404).text


def test_the_source_never_leaves(deploy: Callable[..., TestApp]) -> None:
    app = deploy({"/page.jinja": "{# hidden #}shown", "/old.jsp": "<% hidden %>"})
    assert app.get("/shop/page.jinja").text == "shown"
    for path in ("old.jsp", "page.jinja/", "page.jinja%00", "page.JINJA", "old.jsp;x=1"):
        assert "hidden" not in app.get(f"/shop/{path}", expect_errors=True).text


@pytest.mark.parametrize("jsp_file", ["/WEB-INF/about.jinja", "/WEB-INF/about.jsp"])
def test_dd_srv_06_jsp_file(deploy: Callable[..., TestApp], jsp_file: str) -> None:
    more = (
        f"<servlet><servlet-name>about</servlet-name><jsp-file>{jsp_file}</jsp-file></servlet>"
        "<servlet-mapping><servlet-name>about</servlet-name><url-pattern>/about/*</url-pattern></servlet-mapping>"
    )
    app = deploy({"/WEB-INF/about.jinja": "about {{ request.getPathInfo() }}"}, web_xml(more=more))
    assert app.get("/shop/about/us").text == "about /us"


def test_error_pages(deploy: Callable[..., TestApp]) -> None:
    more = "<error-page><location>/error.jinja</location></error-page>"
    page = "{{ exception }} {{ request.getAttribute('jakarta.servlet.error.status_code') }}"
    app = deploy({"/error.jinja": page, "/bad.jinja": "{{ call() }}"}, web_xml("Failing /bad.jinja", more))
    assert app.get("/shop/Failing", status=500).text == "&#39;from the model&#39; 500"
    assert app.get("/shop/none", status=404).text == " 404"


# JSP


@pytest.mark.parametrize("path", ["/cart.jsp", "/cart.jspx"])
def test_a_jsp_shows_the_jinja_page_in_its_place(deploy: Callable[..., TestApp], path: str) -> None:
    app = deploy({path: "<% java %>", "/cart.jinja": "{% include 'top.jspf' %} cart", "/top.jinja": "top"})
    assert app.get(f"/shop{path}").text == "top cart"


def test_a_jsp_without_jinja_page_says_the_cure_in_the_log(
    deploy: Callable[..., TestApp], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level(logging.INFO):
        response = deploy({"/cart.jsp": "<% java %>"}).get("/shop/cart.jsp", status=500)
    assert "java" not in response.text
    assert f"Write {(tmp_path / 'webapps/shop/cart.jinja').resolve()} beside it" in caplog.text


# Type and encoding


@pytest.mark.parametrize(
    ("servlet", "content_type"),
    [
        ("Forward", "text/html;charset=UTF-8"),
        ("Latin", "text/html;charset=ISO-8859-1"),
        ("Typed", "text/markdown;charset=UTF-8"),
    ],
)
def test_content_type(deploy: Callable[..., TestApp], servlet: str, content_type: str) -> None:
    app = deploy({"/page.jinja": "ü"}, web_xml(f"{servlet} /page.jinja"))
    response = app.get(f"/shop/{servlet}")
    assert response.headers["Content-Type"] == content_type
    assert response.text == "ü"


def test_the_web_apps_encoding_is_kept(deploy: Callable[..., TestApp]) -> None:
    more = "<response-character-encoding>UTF-16</response-character-encoding>"
    response = deploy({"/page.jinja": "ü"}, web_xml(more=more)).get("/shop/page.jinja")
    assert response.headers["Content-Type"] == "text/html;charset=UTF-16"
    assert response.body.decode("utf-16") == "ü"


def test_a_page_may_set_its_type(show: Callable[..., str]) -> None:
    assert show("{{ response.setContentType('text/css;charset=UTF-8') or '' }}p{}") == "p{}"


# Mistakes in pages


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("one\n{% if %}", r"page\.jinja:2: Expected an expression"),
        ("one\n\n{{ usr.name }}", r"page\.jinja:3: 'usr' is undefined"),
        ("{% extends 'none.jinja' %}", r"page\.jinja:1: there is no page /none\.jinja"),
        ("\n{% include '/bad.jinja' %}", r"bad\.jinja:2: 'usr' is undefined"),
        ("\n{% include '/broken.jinja' %}", r"broken\.jinja:1: Encountered unknown tag 'nonsense'"),
        (
            "{% from '/macros.jinja' import m %}{{ m() }}",
            r"macros\.jinja:1: 'url' is undefined.*with context",
        ),
        (b"one\n\xff", r"page\.jinja:2: this is not UTF-8"),
        ("{{ 1 // 0 }}", r"page\.jinja:1: the page was here"),
    ],
)
def test_errors_name_the_page_and_the_line(
    deploy: Callable[..., TestApp], caplog: pytest.LogCaptureFixture, page: str | bytes, words: str
) -> None:
    app = deploy(
        {
            "/page.jinja": page,
            "/bad.jinja": "\n{{ usr.name }}",
            "/broken.jinja": "{% nonsense %}",
            "/macros.jinja": "{% macro m() %}{{ url('/') }}{% endmacro %}",
        }
    )
    response = app.get("/shop/page.jinja", status=500)
    assert "one" not in re.sub("None|none", "", response.text.partition("Traceback")[0])
    assert re.search(words, caplog.text)


def test_an_error_of_the_web_app_keeps_its_class(
    deploy: Callable[..., TestApp], caplog: pytest.LogCaptureFixture
) -> None:
    app = deploy({"/page.jinja": "\n{{ call() }}"}, web_xml("Failing /page.jinja"))
    app.get("/shop/Failing", status=500)
    assert "KeyError: 'from the model'" in caplog.text
    assert re.search(r"page\.jinja:2: the page was here", caplog.text)
    assert app.get("/shop/page.jinja", status=500)  # and nothing is left of the first request


# <jsp-config>


def groups(*texts: str) -> str:
    inner = "".join(f"<jsp-property-group>{text}</jsp-property-group>" for text in texts)
    return web_xml(more=f"<jsp-config>{inner}</jsp-config>")


def test_dd_jsp_05_prelude_and_coda_are_added_up(deploy: Callable[..., TestApp]) -> None:
    descriptor = groups(
        "<url-pattern>*.jinja</url-pattern><include-prelude>/top.jspf</include-prelude>"
        "<include-coda>/end.jinja</include-coda>",
        "<url-pattern>/a/*</url-pattern><include-prelude>/a/top.jinja</include-prelude>",
    )
    parts = {
        "/top.jinja": "top {{ param.q }} ",
        "/a/top.jinja": "a ",
        "/end.jinja": " end",
        "/layout.jinja": "L",
    }
    app = deploy({**parts, "/a/page.jinja": "page", "/b.jinja": "{% extends 'layout.jinja' %}"}, descriptor)
    assert app.get("/shop/a/page.jinja?q=1").text == "top 1 a page end"
    assert app.get("/shop/b.jinja").text == "top  L end"


def test_dd_jsp_05_the_most_specific_pattern_wins(deploy: Callable[..., TestApp]) -> None:
    kind = "<default-content-type>text/{}</default-content-type>".format
    descriptor = groups(
        f"<url-pattern>*.jinja</url-pattern>{kind('suffix')}",
        f"<url-pattern>/a/*</url-pattern>{kind('prefix')}",
        f"<url-pattern>/a/b/*</url-pattern>{kind('longer')}",
        f"<url-pattern>/a/exact.jinja</url-pattern>{kind('exact')}",
        f"<url-pattern>*.jsp</url-pattern>{kind('jsp')}",
    )
    pages = ("/x.jinja", "/a/x.jinja", "/a/b/x.jinja", "/a/exact.jinja")
    app = deploy(dict.fromkeys(pages, ""), descriptor)
    kinds = [app.get(f"/shop{page}").content_type for page in (*pages, "/x.jsp")]
    assert kinds == ["text/suffix", "text/prefix", "text/longer", "text/exact", "text/jsp"]


def test_dd_jsp_05_page_encoding(deploy: Callable[..., TestApp]) -> None:
    descriptor = groups("<url-pattern>/old/*</url-pattern><page-encoding>ISO-8859-1</page-encoding>")
    app = deploy({"/old/page.jinja": "ü".encode("latin-1"), "/page.jinja": "ü"}, descriptor)
    assert app.get("/shop/old/page.jinja").text == app.get("/shop/page.jinja").text == "ü"


@pytest.mark.parametrize(("buffer", "whole"), [("none", False), ("1kb", False), ("1024kb", True)])
def test_dd_jsp_05_buffer(deploy: Callable[..., TestApp], buffer: str, whole: bool) -> None:
    descriptor = groups(f"<url-pattern>/*</url-pattern><buffer>{buffer}</buffer>")
    page = "{% for n in range(100) %}{{ 'x' * 1000 }}{% endfor %}{{ response.isCommitted() }}"
    text = deploy({"/page.jinja": page}, descriptor).get("/shop/page.jinja").text
    assert text == "x" * 100_000 + str(not whole)


# Start time


def test_jinja2_is_loaded_with_the_first_page(tmp_path: Path) -> None:
    program = "import sys, container.views, container.engine.container; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
