"""Jinja2 pages where a client sees them: over sockets, in every kind of dispatch, and when they fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import HttpServlet

TEMPLATES = {
    "undefined": ("one\n\n{{ usr.name }}", "page.jinja:3: 'usr' is undefined"),
    "syntax": ("one\n{% if %}", "page.jinja:2: Expected an expression"),
    "own code": ("one\n{{ 1 // 0 }}", "page.jinja:2: the page was here"),
    "layout": ("{% extends '/none.jinja' %}", "page.jinja:1: there is no page /none.jinja"),
    "included": ("{% include 'deep/part.jinja' %}", "deep/part.jinja:2: 'usr' is undefined"),
}
PART = {"deep/part.jinja": "\n{{ usr.name }}"}


class Forward(HttpServlet):
    """Forwards to or includes what the query names."""

    def service(self, request: Any, response: Any) -> None:
        kind, _, path = request.getQueryString().partition("=")
        response.setContentType("text/html;charset=UTF-8")
        if kind == "include":
            response.getWriter().print("<before>")
        getattr(request.getRequestDispatcher(path), kind)(request, response)
        if kind == "include":
            response.getWriter().print("<after>")


FORWARD = """
<servlet><servlet-name>f</servlet-name><servlet-class>app.Forward</servlet-class></servlet>
<servlet-mapping><servlet-name>f</servlet-name><url-pattern>/f</url-pattern></servlet-mapping>
"""


@pytest.fixture
def pages(deploy: Callable[..., Any], web_xml: Callable[..., str]) -> Callable[..., Any]:
    """A web app of pages: pages({"a.jinja": "..."}, descriptor="", **settings)."""

    def start(files: dict[str, str | bytes], descriptor: str = "", **settings: Any) -> Any:
        return deploy(web_xml(FORWARD + descriptor), classes=[Forward], files=files, **settings)

    return start


def group(pattern: str, *properties: str) -> str:
    inner = "".join(
        f"<{name}>{value}</{name}>" for name, value in (text.split("=", 1) for text in properties)
    )
    return f"<jsp-property-group><url-pattern>{pattern}</url-pattern>{inner}</jsp-property-group>"


def config(*groups: str) -> str:
    return f"<jsp-config>{''.join(groups)}</jsp-config>"


# mistakes


@pytest.mark.parametrize("dev", [True, False])
@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("path", ["/page.jinja", "/f?forward=/page.jinja", "/f?include=/page.jinja"])
def test_template_and_line_are_told_under_dev_and_not_otherwise(
    pages: Callable[..., Any], caplog: pytest.LogCaptureFixture, name: str, path: str, dev: bool
) -> None:
    page, words = TEMPLATES[name]
    answer = pages({"page.jinja": page, **PART}, dev=dev).get(path)
    assert answer.status == 500
    told = answer.text.replace("&#x27;", "'")
    assert (words in told) is dev
    assert dev or "jinja" not in answer.text
    assert words in caplog.text


def test_a_page_that_fails_when_half_of_it_has_left_is_broken_off(
    pages: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    files = {
        "page.jinja": "{% for n in range(9) %}{{ 'x' * 1000 }}{% endfor %}{{ usr.name }}",
        "ok.jinja": "ok",
    }
    app = pages(files, config(group("*.jinja", "buffer=1kb")))
    answer = app.get("/page.jinja")
    assert (answer.status, answer.broken) == (200, True)
    assert set(answer.text) == {"x"}
    assert "page.jinja:1: 'usr' is undefined" in caplog.text
    assert app.get("/ok.jinja").text == "ok"


def test_a_page_that_fails_shows_nothing_of_itself(pages: Callable[..., Any]) -> None:
    page = "{{ 'mine' * 10000 }}{{ response.setHeader('X-Mine', '1') or '' }}{{ usr.name }}"
    answer = pages({"page.jinja": page}).get("/page.jinja")
    assert answer.status == 500
    assert "minemine" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/none.jinja", 404),
        ("/none.jsp", 404),
        ("/f?forward=/none.jinja", 404),
        ("/f?include=/none.jinja", 500),
        ("/deep/none.jinja", 404),
        ("/deep/", 404),
    ],
)
def test_a_page_that_is_not_there(pages: Callable[..., Any], path: str, status: int) -> None:
    assert pages({"deep/x.jinja": "x"}).get(path).status == status


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("[{{ usr }}]", "[]"),
        ("{% for each in usr %}x{% endfor %}.", "."),
        ("{% if usr %}x{% endif %}.", "."),
        ("{{ usr|default('nobody') }}", "nobody"),
        ("{{ usr is defined }}", "False"),
    ],
)
def test_a_name_that_nothing_knows_is_nothing(pages: Callable[..., Any], page: str, text: str) -> None:
    assert pages({"page.jinja": page}).get("/page.jinja").text == text


# dispatches


def test_pages_in_folders_in_every_dispatch(pages: Callable[..., Any]) -> None:
    app = pages(
        {
            "a/list.jinja": "{% extends '/WEB-INF/layout.jinja' %}"
            "{% block main %}{{ param.q }}{% endblock %}",
            "WEB-INF/layout.jinja": "<{% block main %}{% endblock %}>",
            "WEB-INF/b/own.jinja": "{% include '../layout.jinja' %}{{ request.getServletPath() }}",
        }
    )
    assert app.get("/a/list.jinja?q=%3Cb%3E").text == "<&lt;b&gt;>"
    assert app.get("/f?forward=/WEB-INF/b/own.jinja").text == "<>/WEB-INF/b/own.jinja"
    assert app.get("/f?include=/WEB-INF/b/own.jinja").text == "<before><>/f<after>"
    assert app.get("/WEB-INF/b/own.jinja").status == 404


ERROR = "<error-page><location>/WEB-INF/error.jinja</location></error-page>"


def test_an_error_page(pages: Callable[..., Any]) -> None:
    error = (
        "{{ request.getAttribute('jakarta.servlet.error.status_code') }} "
        "{{ request.getAttribute('jakarta.servlet.error.request_uri') }} {{ exception is defined }}"
    )
    app = pages({"WEB-INF/error.jinja": error, "page.jinja": "\n{{ 1 // 0 }}"}, ERROR)
    for path, status, known in (("/none", 404, False), ("/page.jinja", 500, True)):
        answer = app.get(path)
        assert (answer.status, answer.text) == (status, f"{status} /app{path} {known}")
        assert answer.header("Content-Type") == "text/html;charset=UTF-8"


def test_an_error_page_that_fails_itself(pages: Callable[..., Any]) -> None:
    app = pages({"WEB-INF/error.jinja": "mine {{ usr.name }}"}, ERROR)
    answer = app.get("/none")
    assert answer.status == 404
    assert "mine" not in answer.text
    assert "usr" not in answer.text


# <jsp-config>


@pytest.mark.parametrize("pattern", ["*.jinja", "/old/*", "/old/page.jinja", "*.jsp", "/old/page.jsp"])
@pytest.mark.parametrize("path", ["/old/page.jinja", "/old/page.jsp", "/f?forward=/old/page.jsp"])
def test_a_page_has_one_encoding_whatever_its_name(
    pages: Callable[..., Any], pattern: str, path: str
) -> None:
    app = pages({"old/page.jinja": "ü".encode("latin-1")}, config(group(pattern, "page-encoding=ISO-8859-1")))
    assert app.get(path).text == "ü"


def test_a_byte_order_mark_is_no_text(pages: Callable[..., Any]) -> None:
    assert pages({"page.jinja": b"\xef\xbb\xbf\xc3\xbc"}).get("/page.jinja").text == "ü"


def test_an_encoding_that_is_none(pages: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    app = pages({"page.jinja": "x"}, config(group("/*", "page-encoding=nonsense")))
    assert app.get("/page.jinja").status == 500
    assert '<page-encoding> "nonsense" is unknown. Write UTF-8' in caplog.text


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [
        ("text/xml", "text/xml;charset=UTF-8", "ü".encode()),
        ("text/xml;charset=ISO-8859-1", "text/xml;charset=ISO-8859-1", b"\xfc"),
    ],
)
def test_a_default_content_type(pages: Callable[..., Any], kind: str, content_type: str, body: bytes) -> None:
    app = pages({"page.jinja": "ü"}, config(group("*.jinja", f"default-content-type={kind}")))
    answer = app.get("/page.jinja")
    assert (answer.header("Content-Type"), answer.body) == (content_type, body)
    assert app.get("/f?forward=/page.jinja").header("Content-Type") == "text/html;charset=UTF-8"


def test_preludes_and_codas_belong_to_the_page_in_every_dispatch(pages: Callable[..., Any]) -> None:
    files = {"WEB-INF/top.jinja": "top ", "WEB-INF/end.jinja": " end", "page.jinja": "page"}
    groups = config(group("*.jinja", "include-prelude=/WEB-INF/top.jspf", "include-coda=/WEB-INF/end.jinja"))
    jsp_file = (
        "<servlet><servlet-name>p</servlet-name><jsp-file>/page.jinja</jsp-file></servlet>"
        "<servlet-mapping><servlet-name>p</servlet-name><url-pattern>/p</url-pattern></servlet-mapping>"
    )
    app = pages(files, groups + jsp_file)
    assert app.get("/page.jinja").text == app.get("/p").text == "top page end"
    assert app.get("/f?forward=/page.jinja").text == "top page end"
    assert app.get("/f?include=/page.jinja").text == "<before>top page end<after>"


def test_a_prelude_that_is_not_there(pages: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    app = pages({"page.jinja": "page"}, config(group("*.jinja", "include-prelude=/none.jinja")))
    assert app.get("/page.jinja").status == 500
    assert "there is no page /none.jinja" in caplog.text


@pytest.mark.parametrize(("buffer", "early"), [("none", True), ("1kb", True), ("64kb", False)])
def test_buffers(pages: Callable[..., Any], buffer: str, early: bool) -> None:
    page = "{{ 'x' * 9000 }}{{ response.isCommitted() }}"
    answer = pages({"page.jinja": page}, config(group("*.jinja", f"buffer={buffer}"))).get("/page.jinja")
    assert answer.text == "x" * 9000 + str(early)
