"""What web.xml says about the web app as a whole: names, parameters, encodings, files, errors, pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import HttpServlet, Locale

Deploy = Callable[..., Any]
WebXml = Callable[..., str]
Serve = Callable[..., Any]

NOT_APPLICABLE = {
    "DD-JSP-06": "defaults of a JSP engine; what a group does not say is None",
    "DD-EE-02": "nothing requires it; <managed-executor> is reported as not provided",
}
LATER = {
    "DD-ENV-06": "entries cannot be looked up by name; the start says which; injection targets get values",
    "DD-RES-02": "there is no registry of resources; the start says which are asked for",
    "DD-RES-03": "there is no registry of resources; the start says which are asked for",
    "DD-DS-01": "no data source is opened; the start says which are declared",
}


def param(name: str, value: str) -> str:
    inside = f"<param-name>{name}</param-name><param-value>{value}</param-value>"
    return f"<context-param>{inside}</context-param>"


def servlet(of: str, *patterns: str) -> str:
    inside = f"<servlet-name>{of}</servlet-name>"
    mapped = "".join(f"<url-pattern>{pattern}</url-pattern>" for pattern in patterns)
    declared = f"<servlet>{inside}<servlet-class>app.{of}</servlet-class></servlet>"
    return declared + f"<servlet-mapping>{inside}{mapped}</servlet-mapping>"


# --- names and parameters -----------------------------------------------------------------------------------


@pytest.mark.rules("DD-DESC-01", "DD-DESC-03", "DD-DESC-04")
def test_descriptive_elements_change_nothing(deploy: Deploy, web_xml: WebXml) -> None:
    about = (
        "<description>d</description><description xml:lang='de'>b</description>"
        "<icon><small-icon>/s.png</small-icon><large-icon>/l.png</large-icon></icon><icon/>"
        "<module-name>other</module-name>"
    )
    app = deploy(web_xml(about + param("a", "1")), files={"a.txt": "a file"})
    assert app.problems == []
    assert app.context.facade.getServletContextName() is None
    assert app.get("/a.txt").text == "a file"
    assert app.context.path == "/app"


@pytest.mark.rules("DD-CP-01", "DD-CP-03")
def test_context_parameters(deploy: Deploy, web_xml: WebXml) -> None:
    described = param("b", "").replace("<param-name>", "<description>d</description><param-name>")
    context = deploy(web_xml(param("a", "x &amp; y") + described)).context.facade
    assert sorted(context.getInitParameterNames()) == ["a", "b"]
    values = [context.getInitParameter(name) for name in ("a", "b", "c", "A")]
    assert values == ["x & y", "", None, None]  # empty is the empty string


# --- encodings ----------------------------------------------------------------------------------------------


REQUEST_UTF_8 = "<request-character-encoding>UTF-8</request-character-encoding>"
RESPONSE_UTF_8 = "<response-character-encoding>UTF-8</response-character-encoding>"


@pytest.mark.rules("DD-CTX-03", "DD-CTX-04")
@pytest.mark.parametrize(
    ("body", "content_type", "seen", "sent"),
    [
        ("", "", ["None", "Ã¼"], "ISO-8859-1"),
        (REQUEST_UTF_8, "", ["UTF-8", "ü"], "ISO-8859-1"),
        (REQUEST_UTF_8, ";charset=ISO-8859-1", ["ISO-8859-1", "Ã¼"], "ISO-8859-1"),
        (RESPONSE_UTF_8, "", ["None", "Ã¼"], "UTF-8"),
        (REQUEST_UTF_8 + RESPONSE_UTF_8, "", ["UTF-8", "ü"], "UTF-8"),
    ],
)
def test_the_web_apps_encodings_are_those_of_what_names_none(
    serve: Serve, body: str, content_type: str, seen: list[str], sent: str
) -> None:
    found: list[str] = []

    def read(request: Any, response: Any) -> None:
        found.extend((str(request.getCharacterEncoding()), request.getParameter("p")))
        response.setContentType("text/plain")
        response.getWriter().write("")

    app = serve(read, body)
    form = f"Content-Type: application/x-www-form-urlencoded{content_type}"
    answer = app.post("/", b"p=%C3%BC", form)
    assert (found, answer.header("Content-Type")) == (seen, f"text/plain;charset={sent}")
    context = app.context.facade
    assert context.getRequestCharacterEncoding() == ("UTF-8" if "<request" in body else None)
    assert context.getResponseCharacterEncoding() == ("UTF-8" if "<response" in body else None)


@pytest.mark.rules("DD-CTX-04", "DD-LOC-03")
@pytest.mark.parametrize(
    ("how", "charset"),
    [
        (lambda r: None, "utf-8"),
        (lambda r: r.setContentType("text/html;charset=euc-kr"), "euc-kr"),
        (lambda r: r.setCharacterEncoding("utf-16"), "utf-16"),
        (lambda r: r.setLocale(Locale.forLanguageTag("ja")), "euc-jp"),
        (lambda r: r.setLocale(Locale.forLanguageTag("ja-JP")), "shift_jis"),  # with the country first
        (lambda r: r.setLocale(Locale.forLanguageTag("ja-US")), "euc-jp"),
        (lambda r: r.setLocale(Locale.forLanguageTag("zh-TW")), "big5"),  # "zh-TW" in the descriptor
        (lambda r: r.setLocale(Locale.forLanguageTag("zh")), "utf-8"),
        (lambda r: r.setLocale(Locale.forLanguageTag("de")), "utf-8"),
    ],
)
def test_an_answers_own_encoding_and_that_of_its_locale_come_first(
    serve: Serve, how: Callable[[Any], None], charset: str
) -> None:
    def answer(request: Any, response: Any) -> None:
        response.setContentType("text/html")
        how(response)
        response.getWriter().write("x")

    mappings = "".join(
        f"<locale-encoding-mapping><locale>{locale}</locale><encoding>{encoding}</encoding></locale-encoding-mapping>"
        for locale, encoding in (("ja", "euc-jp"), ("ja_JP", "shift_jis"), ("zh-TW", "big5"))
    )
    body = "<response-character-encoding>utf-8</response-character-encoding>"
    app = serve(answer, f"{body}<locale-encoding-mapping-list>{mappings}</locale-encoding-mapping-list>")
    assert (app.get("/").header("Content-Type") or "").lower() == f"text/html;charset={charset}"


# --- files --------------------------------------------------------------------------------------------------


def mime(extension: str, kind: str) -> str:
    inside = f"<extension>{extension}</extension><mime-type>{kind}</mime-type>"
    return f"<mime-mapping>{inside}</mime-mapping>"


@pytest.mark.rules("DD-MIME-01", "DD-MIME-02", "DD-MIME-04", "DD-MIME-05")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.odd", "text/odd"),
        ("a.ODD", "text/odd"),
        ("a.x.odd", "text/odd"),  # what follows the last dot
        ("odd", None),
        ("a.txt", "text/mine"),  # before the container's own table
        ("a.css", "text/css"),
        ("a.twice", "text/second"),  # the later one counts
        ("a.nothing-of-the-kind", None),
    ],
)
def test_mime_mappings(deploy: Deploy, web_xml: WebXml, name: str, kind: str | None) -> None:
    body = mime("odd", "text/odd") + mime("txt", "text/mine") + mime("twice", "text/first")
    app = deploy(web_xml(body + mime("TWICE", "text/second")), files={name: "x"})
    assert app.context.facade.getMimeType(name) == kind
    assert app.get(f"/{name}").header("Content-Type") == kind


def welcome(*names: str) -> str:
    inside = "".join(f"<welcome-file>{name}</welcome-file>" for name in names)
    return f"<welcome-file-list>{inside}</welcome-file-list>"


class Start(HttpServlet):
    def doGet(self, request: Any, response: Any) -> None:
        response.getWriter().write(f"servlet {request.getServletPath()}")


@pytest.mark.rules("DD-WEL-01", "DD-WEL-03", "DD-WEL-04", "DD-WEL-06")
@pytest.mark.parametrize(
    ("listed", "files", "text"),
    [
        ("", ["index.html", "index.htm"], "index.html"),
        ("", ["index.htm"], "index.htm"),
        ("", ["start.html"], None),
        (welcome("b", "a"), ["a", "b"], "b"),
        (welcome("b", "a"), ["a"], "a"),
        (welcome("b", "a"), ["index.html"], None),  # a list replaces the defaults
        ("<welcome-file-list/>", ["index.html"], None),
        (welcome("sub/start.html"), ["sub/start.html"], "sub/start.html"),
        (welcome("start.do"), [], "servlet /d/start.do"),
        (welcome("start.do", "a"), ["a"], "a"),  # files before servlets
    ],
)
def test_welcome_files(
    deploy: Deploy, web_xml: WebXml, listed: str, files: list[str], text: str | None
) -> None:
    app = deploy(
        web_xml(listed + servlet("Start", "*.do")),
        classes=[Start],
        files={"d/other.txt": "", **{f"d/{name}": name for name in files}},
    )
    answer = app.get("/d/")
    assert (answer.status, answer.text if answer.status == 200 else None) == (
        (200, text) if text else (404, None)
    )


@pytest.mark.rules("DD-WEL-07")
def test_a_welcome_servlet_of_6_2_is_no_file(deploy: Deploy, web_xml: WebXml) -> None:
    listed = "<welcome-file-list><welcome-servlet>start.do</welcome-servlet></welcome-file-list>"
    files = {"start.do": "a file", "d/start.do": "a file"}
    app = deploy(
        web_xml(listed + servlet("Start", "/d/start.do"), version="6.2"), classes=[Start], files=files
    )
    assert app.get("/d/").text == "servlet /d/start.do"
    assert app.get("/").status == 404


# --- errors -------------------------------------------------------------------------------------------------


class ShopError(Exception):
    pass


class StockError(ShopError):
    pass


class Fails(HttpServlet):
    """Fails as the query says: a status to send or to set, or an exception to raise."""

    def doGet(self, request: Any, response: Any) -> None:
        how, _, what = request.getQueryString().partition("=")
        if how == "raise":
            raise {"shop": ShopError, "stock": StockError, "key": KeyError, "os": OSError}[what]("x")
        {"send": response.sendError, "set": response.setStatus}[how](int(what))


def page(of: str, location: str) -> str:
    return f"<error-page>{of}<location>{location}</location></error-page>"


def code(status: int) -> str:
    return f"<error-code>{status}</error-code>"


def kind(name: str) -> str:
    return f"<exception-type>{name}</exception-type>"


PAGES = (
    page(code(404), "/404.txt") + page(code(500), "/500.txt") + page(code(299), "/299.txt")
    + page(kind("app.ShopError"), "/shop.txt") + page(kind("java.io.IOException"), "/io.txt")
)  # fmt: skip


@pytest.mark.rules("DD-EP-01", "DD-EP-02", "DD-EP-03", "DD-EP-05", "DD-EP-07")
@pytest.mark.parametrize(
    ("query", "status", "text", "with_default"),
    [
        ("send=404", 404, "404.txt", "404.txt"),
        ("send=403", 403, None, "other.txt"),
        ("send=299", 299, "299.txt", "299.txt"),  # outside of 400 to 599: only for sendError
        ("set=299", 299, "", ""),
        ("set=404", 404, "", ""),
        ("raise=shop", 500, "shop.txt", "shop.txt"),
        ("raise=stock", 500, "shop.txt", "shop.txt"),
        ("raise=os", 500, "io.txt", "io.txt"),
        ("raise=key", 500, "500.txt", "500.txt"),
    ],
)
@pytest.mark.parametrize("default", ["", page("", "/other.txt")])
def test_error_pages(
    deploy: Deploy,
    web_xml: WebXml,
    query: str,
    status: int,
    text: str | None,
    with_default: str,
    default: str,
) -> None:
    files = {name: name for name in ("404.txt", "500.txt", "299.txt", "shop.txt", "io.txt", "other.txt")}
    app = deploy(
        web_xml(servlet("Fails", "/f") + PAGES + default), classes=[Fails, ShopError, StockError], files=files
    )
    answer = app.get(f"/f?{query}")
    expected = with_default if default else text
    assert answer.status == status
    assert answer.text == expected if expected is not None else "403" in answer.text


@pytest.mark.rules("DD-EP-05")
@pytest.mark.parametrize(
    ("location", "text"), [("/e.txt", "file"), ("/e?a=1", "servlet a=1"), ("/e.jinja?b=2", "page 2")]
)
def test_an_error_page_is_a_file_a_servlet_or_a_template(
    deploy: Deploy, web_xml: WebXml, location: str, text: str
) -> None:
    class Error(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            response.getWriter().write(f"servlet {request.getQueryString()}")

    app = deploy(
        web_xml(servlet("Error", "/e") + page(code(404), location)),
        classes=[Error],
        files={"e.txt": "file", "e.jinja": "page {{ request.getParameter('b') }}"},
    )
    answer = app.get("/nothing")
    assert (answer.status, answer.text) == (404, text)


@pytest.mark.rules("DD-EP-02")
def test_an_exception_type_that_is_no_exception_is_said(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(web_xml("\n" + page(kind("app.Start"), "/e")), classes=[Start])
    assert app.running
    [problem] = app.problems
    assert problem.startswith("app/WEB-INF/web.xml:2:1: warning: ")
    assert "app.Start" in problem


# --- pages --------------------------------------------------------------------------------------------------

GROUPS = """
<jsp-config>
  <taglib><taglib-uri>u</taglib-uri><taglib-location>/WEB-INF/u.tld</taglib-location></taglib>
  <jsp-property-group>
    <url-pattern>*.jinja</url-pattern><url-pattern>/p/*</url-pattern>
    <el-ignored>true</el-ignored><error-on-el-not-found>true</error-on-el-not-found>
    <page-encoding>euc-jp</page-encoding><scripting-invalid>false</scripting-invalid><is-xml>false</is-xml>
    <include-prelude>/a</include-prelude><include-prelude>/b</include-prelude><include-coda>/c</include-coda>
    <deferred-syntax-allowed-as-literal>true</deferred-syntax-allowed-as-literal>
    <trim-directive-whitespaces>false</trim-directive-whitespaces>
    <default-content-type>text/x</default-content-type><buffer>4kb</buffer>
    <error-on-undeclared-namespace>true</error-on-undeclared-namespace>
  </jsp-property-group>
  <jsp-property-group><url-pattern>*.jsp</url-pattern></jsp-property-group>
</jsp-config>
"""


@pytest.mark.rules("DD-JSP-01", "DD-JSP-02")
def test_jsp_config_is_shown_as_it_is_written(deploy: Deploy, web_xml: WebXml) -> None:
    config = deploy(web_xml(GROUPS)).context.facade.getJspConfigDescriptor()
    [taglib] = config.getTaglibs()
    assert (taglib.getTaglibURI(), taglib.getTaglibLocation()) == ("u", "/WEB-INF/u.tld")
    full, bare = config.getJspPropertyGroups()
    assert list(full.getUrlPatterns()) == ["*.jinja", "/p/*"]
    assert (list(full.getIncludePreludes()), list(full.getIncludeCodas())) == (["/a", "/b"], ["/c"])
    said = {
        "getElIgnored": "true", "getErrorOnELNotFound": "true", "getPageEncoding": "euc-jp",
        "getScriptingInvalid": "false", "getIsXml": "false", "getDeferredSyntaxAllowedAsLiteral": "true",
        "getTrimDirectiveWhitespaces": "false", "getDefaultContentType": "text/x", "getBuffer": "4kb",
        "getErrorOnUndeclaredNamespace": "true",
    }  # fmt: skip
    assert {name: getattr(full, name)() for name in said} == said
    assert {name: getattr(bare, name)() for name in said} == dict.fromkeys(said)
    assert (list(bare.getIncludePreludes()), list(bare.getIncludeCodas())) == ([], [])


@pytest.mark.rules("DD-JSP-01")
def test_without_jsp_config_there_is_none(deploy: Deploy, web_xml: WebXml) -> None:
    assert deploy(web_xml("")).context.facade.getJspConfigDescriptor() is None
    public_id = "-//Sun Microsystems, Inc.//DTD Web Application 2.3//EN"
    dtd = f'<!DOCTYPE web-app PUBLIC "{public_id}" "web.dtd"><web-app>'
    taglib = "<taglib><taglib-uri>u</taglib-uri><taglib-location>/t</taglib-location></taglib></web-app>"
    config = deploy(dtd + taglib, name="old").context.facade.getJspConfigDescriptor()
    assert [tag.getTaglibURI() for tag in config.getTaglibs()] == ["u"]


@pytest.mark.rules("DD-JSP-05")
def test_templates_take_what_jsp_config_says_of_them(deploy: Deploy, web_xml: WebXml) -> None:
    group = (
        "<jsp-config><jsp-property-group><url-pattern>*.jinja</url-pattern><page-encoding>euc-jp</page-encoding>"
        "<default-content-type>text/x</default-content-type></jsp-property-group></jsp-config>"
    )
    app = deploy(web_xml(group), files={"p.jinja": "日".encode("euc-jp")})
    answer = app.get("/p.jinja")
    assert (answer.header("Content-Type") or "").lower() == "text/x;charset=utf-8"
    assert answer.text == "日"  # read as the descriptor says, sent as every page


# --- secrets ------------------------------------------------------------------------------------------------


@pytest.mark.rules("DD-DS-03", "DD-MAIL-01")
@pytest.mark.parametrize("kind", ["data-source", "mail-session"])
def test_passwords_are_never_said(
    deploy: Deploy, web_xml: WebXml, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    with caplog.at_level(0):
        app = deploy(web_xml(f"<{kind}><name>n</name><user>u</user><password>hush</password></{kind}>"))
    assert app.running
    assert [problem for problem in app.problems if kind in problem]
    assert "hush" not in "".join(app.problems) + caplog.text
