"""Everything wrong with a web.xml is said with file, line, column, element and value.

An error keeps the web app from starting, a warning does not. » stands where the problem is; the first column
names the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from container.descriptor.reader import NAMESPACES

PUBLIC_ID = "-//Sun Microsystems, Inc.//DTD Web Application {}//EN"

Deploy = Callable[..., Any]


def document(body: str, version: str = "6.1") -> str:
    """A web.xml whose root element begins and ends on lines of their own."""
    if version <= "2.3":
        public_id = PUBLIC_ID.format(version)
        return f'<!DOCTYPE web-app PUBLIC "{public_id}" "web.dtd"><web-app>\n{body}\n</web-app>'
    return f'<web-app xmlns="{NAMESPACES[version]}" version="{version}">\n{body}\n</web-app>'


def table(rows: Sequence[tuple[str, str, str]]) -> Any:
    cases = [pytest.param(body, message, id=f"{rule}: {message[:50]}") for rule, body, message in rows]
    return pytest.mark.parametrize(("body", "message"), cases)


def marked(text: str) -> tuple[str, str]:
    """A text without its mark, and the place of the mark as messages say it."""
    before = text.partition("»")[0].split("\n")
    return text.replace("»", ""), f"app/WEB-INF/web.xml:{len(before)}:{len(before[-1]) + 1}: "


def fails(deploy: Deploy, body: str, message: str, version: str = "6.1") -> None:
    text, place = marked(document(body, version))
    app = deploy(text)
    assert not app.running
    [error] = [problem for problem in app.problems if ": warning: " not in problem]
    assert error.startswith(place)
    assert message in error
    assert app.get("/").status == 503


def warns(deploy: Deploy, body: str, message: str, version: str = "6.1") -> None:
    text, place = marked(document(body, version))
    app = deploy(text)
    assert app.running
    [warning] = [problem for problem in app.problems if "[WAS301]" not in problem]  # there is no app.S
    assert warning.startswith(f"{place}warning: ")
    assert message in warning
    assert app.get("/nothing-here").status == 404


# --- pieces of web.xml ------------------------------------------------------------------------------------


def servlet(inside: str = "", name: str = "s") -> str:
    cls = "<servlet-class>app.S</servlet-class>"
    return f"<servlet><servlet-name>{name}</servlet-name>{cls}{inside}</servlet>"


def mapped(pattern: str, name: str = "s") -> str:
    return f"<servlet-mapping><servlet-name>{name}</servlet-name>{pattern}</servlet-mapping>"


def at(pattern: str) -> str:
    """A servlet mapped to a pattern that is marked as a problem."""
    return f"{servlet()}\n{mapped(f'»<url-pattern>{pattern}</url-pattern>')}"


def a_filter(name: str = "f") -> str:
    cls = "<filter-class>jakarta.servlet.GenericFilter</filter-class>"
    return f"<filter><filter-name>{name}</filter-name>{cls}</filter>"


def filtered(inside: str, name: str = "f") -> str:
    return f"<filter-mapping><filter-name>{name}</filter-name>{inside}</filter-mapping>"


def dispatched(dispatcher: str) -> str:
    inside = f"<url-pattern>/x</url-pattern>»<dispatcher>{dispatcher}</dispatcher>"
    return a_filter() + filtered(inside)


def multipart(name: str, value: str) -> str:
    return servlet(f"<multipart-config>»<{name}>{value}</{name}></multipart-config>")


def page(inside: str, location: str = "<location>/e</location>") -> str:
    return f"<error-page>{inside}{location}</error-page>"


def param(name: str, value: str) -> str:
    inside = f"<param-name>{name}</param-name><param-value>{value}</param-value>"
    return f"<context-param>{inside}</context-param>"


def init_param(name: str, value: str) -> str:
    return param(name, value).replace("context-param", "init-param")


def protected(inside: str) -> str:
    inside = f"»<web-resource-collection><web-resource-name>w</web-resource-name>{inside}"
    return f"<security-constraint>{inside}</web-resource-collection></security-constraint>"


def mime(inside: str) -> str:
    return f"<mime-mapping>{inside}</mime-mapping>"


def welcome(inside: str) -> str:
    return f"<welcome-file-list>{inside}</welcome-file-list>"


def charset(inside: str) -> str:
    inside = f"<locale-encoding-mapping>{inside}</locale-encoding-mapping>"
    return f"<locale-encoding-mapping-list>{inside}</locale-encoding-mapping-list>"


def property_group(inside: str) -> str:
    group = f"<jsp-property-group><url-pattern>*.jinja</url-pattern>{inside}</jsp-property-group>"
    return f"<jsp-config>{group}</jsp-config>"


def entry(inside: str, name: str = "e") -> str:
    return f"<env-entry><env-entry-name>{name}</env-entry-name>{inside}</env-entry>"


def typed(kind: str, value: str) -> str:
    inside = f"<env-entry-type>{kind}</env-entry-type><env-entry-value>{value}</env-entry-value>"
    return "»" + entry(inside)


LINK = "<security-role-ref><role-name>r</role-name><role-link>boss</role-link></security-role-ref>"
RUN_AS = "<run-as><role-name>boss</role-name></run-as>"
TAGLIB = "<taglib><taglib-uri>u</taglib-uri><taglib-location>/t</taglib-location></taglib>"
TEXT = "<env-entry-type>java.lang.String</env-entry-type><env-entry-value/>"


# --- the document -----------------------------------------------------------------------------------------


@pytest.mark.rules(
    "DD-DOC-13", "DD-DOC-16", "DD-DOC-17", "DD-DOC-18", "DD-DOC-19", "DD-DOC-22", "DD-DOC-23", "DD-DOC-26",
    "DD-ERR-07", "DD-ERR-08", "DD-ERR-24", "DD-ERR-25",
)  # fmt: skip
@table(
    [
        ("DD-DOC-22", "»<servlt/>", "<servlt> is unknown in <web-app>. Did you mean <servlet>?"),
        ("DD-DOC-22", "»<bogus><inner/></bogus>", "<bogus> is unknown in <web-app>"),
        ("DD-DOC-22", servlet("»<bogus/>"), "<bogus> is unknown in <servlet>"),
        ("DD-DOC-22", "»<url-pattern>/x</url-pattern>", "<url-pattern> does not belong in <web-app>"),
        ("DD-DOC-13", page("", "»<location>/a&#10;b</location>"), '"/a\\nb" contains a line break'),
        ("DD-DOC-13", welcome("»<welcome-file>a&#13;b</welcome-file>"), '"a\\rb" contains a line break'),
        ("DD-DOC-16", page("", "»<location>/../x</location>"), '"/../x" leads out of the web app'),
        ("DD-DOC-16", page("", "»<location>/a/../../x</location>"), '"/a/../../x" leads out'),
        ("DD-DOC-16", welcome("»<welcome-file>../x</welcome-file>"), '"../x" leads out of the web app'),
        ("DD-DOC-16", at("/a/../../x"), '"/a/../../x" leads out of the web app'),
        ("DD-DOC-17", page("", "»<location>e.html</location>"), '"e.html" does not begin with "/"'),
        (
            "DD-DOC-18",
            servlet("»<enabled>TRUE</enabled>"),
            '"TRUE" is not true or false. Write true: the case',
        ),
        ("DD-DOC-18", dispatched("request"), '"request" is not FORWARD, INCLUDE, REQUEST, ASYNC or ERROR'),
        (
            "DD-DOC-18",
            "<login-config>»<auth-method>Basic</auth-method></login-config>",
            "Write BASIC: the case",
        ),
        ("DD-DOC-19", servlet("»<async-supported>1</async-supported>"), '"1" is not true or false'),
        ("DD-DOC-19", servlet("»<enabled>yes</enabled>"), '"yes" is not true or false'),
        *(
            (rule, f"<{name}/>\n»<{name}/>", f"<{name}> may stand in a file only once (first in line 2)")
            for rule, name in (
                ("DD-DOC-23", "session-config"),
                ("DD-DOC-23", "jsp-config"),
                ("DD-DOC-23", "login-config"),
                ("DD-DOC-26", "absolute-ordering"),
            )
        ),
    ]
)
def test_errors_of_the_document(deploy: Deploy, body: str, message: str) -> None:
    fails(deploy, body, message)


@pytest.mark.rules("DD-DOC-22", "DD-DOC-27", "DD-DOC-29")
@table(
    [
        ("DD-DOC-22", '»<x:y xmlns:x="urn:other"><x:z/></x:y>', "<y> of the namespace urn:other is ignored"),
        (
            "DD-DOC-22",
            "<servlet><servlet-class>app.S</servlet-class>»<servlet-name>s</servlet-name></servlet>",
            "<servlet-name> stands after <servlet-class>; the schema wants it before",
        ),
        ("DD-DOC-22", '»<distributable idd="a"/>', 'has the unknown attribute "idd". Did you mean id?'),
        (
            "DD-DOC-27",
            '<distributable id="a"/>\n»<module-name id="a">m</module-name>',
            'has the id "a" of line 2. Make ids unique',
        ),
        ("DD-DOC-29", servlet(f"»{RUN_AS}"), '<run-as> names the undeclared role "boss"'),
    ]
)
def test_warnings_of_the_document(deploy: Deploy, body: str, message: str) -> None:
    warns(deploy, body, message)


@pytest.mark.rules("DD-DOC-07", "DD-DOC-08", "DD-DOC-09")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("»<web-application/>", "the root element is <web-application>, not <web-app>"),
        (
            f'»<web-fragment xmlns="{NAMESPACES["6.1"]}" version="6.1"/>',
            "It belongs in META-INF/web-fragment.xml",
        ),
        ("<web-app>\n <servlet>\n»</web-app>", "<servlet> of line 2 is still open here"),
        ("<web-app>\n a » & b</web-app>", "not well-formed XML"),
        ("»", "not well-formed XML: no element found. Write at least <web-app/>"),
        ("no xml", "not well-formed XML"),
        (
            '<!DOCTYPE web-app [»<!ENTITY e "x">]><web-app><display-name>&e;</display-name></web-app>',
            "entity 'e'",
        ),
        (
            '<!DOCTYPE web-app [»<!ENTITY e SYSTEM "file:///etc/passwd">]><web-app/>',
            "entities are never expanded",
        ),
        (
            '<!DOCTYPE web-app [»<!ENTITY % e SYSTEM "http://127.0.0.1:9/e">]><web-app/>',
            "declares the entity 'e'",
        ),
        (
            '<!DOCTYPE web-app SYSTEM "web.dtd"><web-app>»&nbsp;</web-app>',
            "external document types are never",
        ),
    ],
)
def test_a_file_that_is_no_descriptor_does_not_start(deploy: Deploy, text: str, message: str) -> None:
    text, place = marked(text)
    app = deploy(text)
    assert not app.running
    [problem] = app.problems
    assert message in problem
    if "»" in text:
        assert problem.startswith(place)


# --- the web app ------------------------------------------------------------------------------------------


@pytest.mark.rules("DD-CTX-02", "DD-CTX-05", "DD-CP-02", "DD-CP-04", "DD-ERR-26")
@table(
    [
        *(
            (
                "DD-CTX-02",
                f"»<default-context-path>{path}</default-context-path>",
                f'<default-context-path> "{path}" must begin with "/" and must not end with it',
            )
            for path in ("/", "shop", "/shop/", "shop/")
        ),
        *(
            ("DD-CTX-05", f"»<{name}>x-y</{name}>", f'<{name}> Python knows no encoding "x-y"')
            for name in ("request-character-encoding", "response-character-encoding")
        ),
        (
            "DD-CP-02",
            f"{param('a', '1')}\n»{param('a', '2')}",
            '<context-param> "a" is given twice, first at app/WEB-INF/web.xml:2:1, with another value',
        ),
        (
            "DD-CP-02",
            "<context-param>»<param-name> </param-name><param-value/></context-param>",
            "<param-name> is empty",
        ),
        ("DD-CP-04", "»<context-param><param-value/></context-param>", "<context-param> has no <param-name>"),
        (
            "DD-CP-04",
            "»<context-param><param-name>a</param-name></context-param>",
            "<context-param> has no <param-value>",
        ),
    ]
)
def test_errors_of_the_web_app(deploy: Deploy, body: str, message: str) -> None:
    fails(deploy, body, message)


# --- servlets and filters ---------------------------------------------------------------------------------


@pytest.mark.rules(
    "DD-SRV-01", "DD-SRV-02", "DD-SRV-05", "DD-SRV-06", "DD-SRV-12", "DD-SRV-18", "DD-MP-05", "DD-SM-01",
    "DD-SM-02", "DD-SM-04", "DD-UP-03", "DD-UP-04", "DD-UP-05", "DD-UP-07", "DD-UP-08", "DD-ERR-01",
    "DD-ERR-03", "DD-ERR-05", "DD-ERR-06", "DD-ERR-17",
)  # fmt: skip
@table(
    [
        (
            "DD-SRV-01",
            f"{servlet()}\n»{servlet()}",
            '<servlet> "s" is declared twice, first at app/WEB-INF/web.xml:2:1',
        ),
        ("DD-SRV-01", f"{servlet()}\n»{servlet(name=' s ')}", '<servlet> "s" is declared twice'),
        (
            "DD-SRV-01",
            "»<servlet><servlet-class>app.S</servlet-class></servlet>",
            "<servlet> has no <servlet-name>",
        ),
        ("DD-SRV-01", "<servlet>»<servlet-name/></servlet>", "<servlet-name> is empty"),
        (
            "DD-SRV-05",
            "»" + servlet("<jsp-file>/a</jsp-file>"),
            'servlet> "s" has both <servlet-class> and <jsp-file>',
        ),
        (
            "DD-SRV-06",
            "<servlet><servlet-name>s</servlet-name>»<jsp-file>a.jinja</jsp-file></servlet>",
            '<jsp-file> "a.jinja" does not begin with "/"',
        ),
        *(
            ("DD-SRV-12", servlet(f"»<load-on-startup>{n}</load-on-startup>"), f'"{n}" is not a whole number')
            for n in ("soon", "1.5", "1 2")
        ),
        (
            "DD-SRV-12",
            servlet("»<load-on-startup>2147483648</load-on-startup>"),
            "2147483648 is out of range",
        ),
        ("DD-SRV-18", servlet(f"»{LINK}"), '<role-link> names the undeclared role "boss"'),
        ("DD-MP-05", multipart("max-file-size", "5MB"), '"5MB" is not a whole number of bytes'),
        ("DD-MP-05", multipart("max-request-size", ""), '"" is not a whole number of bytes'),
        ("DD-MP-05", multipart("file-size-threshold", "3000000000"), "3000000000 is out of range"),
        (
            "DD-SM-01",
            mapped("»<url-pattern>/x</url-pattern>", "S") + servlet(),
            '<servlet-mapping> of "/x" names the unknown servlet "S". Did you mean "s"?',
        ),
        ("DD-SM-02", f"{servlet()}\n»{mapped('')}", "<servlet-mapping> has no <url-pattern>"),
        (
            "DD-SM-04",
            servlet()
            + servlet(name="t")
            + mapped("<url-pattern>/x</url-pattern>")
            + mapped("»<url-pattern>/x</url-pattern>", "t"),
            '<url-pattern> "/x" is mapped to "t" here and to "s" at app/WEB-INF/web.xml:2:',
        ),
        *(
            ("DD-UP-03", at(text), f'<url-pattern> "{text}" can never match: paths begin with "/"')
            for text in ("foo", "foo/*", "*", "*foo", "foo.do")
        ),
        ("DD-UP-04", at("*.x/"), '"*.x/" can never match: an extension holds no "/"'),
        ("DD-UP-04", at("*.do/*"), '"*.do/*" can never match: an extension holds no "/"'),
        ("DD-UP-05", at("/a/*.do"), '"/a/*.do" mixes a path and an extension'),
        ("DD-UP-05", at("/*.do"), '"/*.do" mixes a path and an extension'),
        ("DD-UP-07", at("*."), '"*." names no extension'),
        ("DD-UP-08", at("/a\nb"), '"/a\\nb" contains a line break'),
        ("DD-UP-08", at("/a&#13;b"), '"/a\\rb" contains a line break'),
    ]
)
def test_errors_of_servlets(deploy: Deploy, body: str, message: str) -> None:
    fails(deploy, body, message)


@pytest.mark.rules("DD-FLT-01", "DD-FM-01", "DD-FM-02", "DD-FM-06", "DD-ERR-02", "DD-ERR-04", "DD-ERR-06")
@table(
    [
        ("DD-FLT-01", f"{a_filter()}\n»{a_filter()}", '<filter> "f" is declared twice, first at'),
        (
            "DD-FLT-01",
            "»<filter><filter-class>app.F</filter-class></filter>",
            "<filter> has no <filter-name>",
        ),
        ("DD-FM-01", filtered("»<url-pattern>/x</url-pattern>"), 'names the unknown filter "f"'),
        ("DD-FM-01", a_filter() + filtered("»<servlet-name>*</servlet-name>", "F"), 'the unknown filter "F"'),
        ("DD-FM-02", f"{a_filter()}\n»{filtered('')}", "has neither <url-pattern> nor <servlet-name>"),
        (
            "DD-FM-06",
            dispatched("BOGUS"),
            '<dispatcher> "BOGUS" is not FORWARD, INCLUDE, REQUEST, ASYNC or ERROR',
        ),
        (
            "DD-ERR-06",
            a_filter() + filtered("»<url-pattern>x</url-pattern>"),
            '<url-pattern> "x" can never match',
        ),
    ]
)
def test_errors_of_filters(deploy: Deploy, body: str, message: str) -> None:
    fails(deploy, body, message)


@pytest.mark.rules("DD-SRV-07", "DD-SRV-16", "DD-UP-06", "DD-UP-11", "DD-FM-05", "DD-DOC-15")
@table(
    [
        (
            "DD-SRV-07",
            servlet(init_param("a", "1") + "\n»" + init_param("a", "2")),
            '<init-param> "a" is given twice; that of line 2 counts',
        ),
        ("DD-SRV-16", servlet(f"»{RUN_AS}"), '<run-as> names the undeclared role "boss"'),
        ("DD-UP-06", at("/foo*"), '"/foo*" matches only this very text'),
        ("DD-UP-06", at("*.tar.gz"), '"*.tar.gz" never matches: the extension is what follows the last dot'),
        ("DD-UP-11", at("/a;b"), '"/a;b" never matches: path parameters are removed'),
        ("DD-UP-11", at("/a%20b"), '"/a%20b" is compared with decoded paths'),
        ("DD-DOC-15", at("/a/../b"), '"/a/../b" holds "." or ".." as in a path; taken for "/b"'),
        (
            "DD-FM-05",
            a_filter() + filtered("»<servlet-name>s</servlet-name>"),
            '<filter-mapping> of "f" names the unknown servlet "s"',
        ),
    ]
)
def test_warnings_of_servlets_and_filters(deploy: Deploy, body: str, message: str) -> None:
    warns(deploy, body, message)


# --- files, errors, languages, pages ----------------------------------------------------------------------


@pytest.mark.rules(
    "DD-MIME-03", "DD-WEL-02", "DD-EP-01", "DD-EP-04", "DD-EP-05", "DD-EP-06", "DD-LOC-01", "DD-JSP-04",
    "DD-ERR-14", "DD-ERR-15", "DD-ERR-16",
)  # fmt: skip
@table(
    [
        *(
            (
                "DD-MIME-03",
                mime(f"<extension>a</extension>»<mime-type>{text}</mime-type>"),
                f'<mime-type> "{text}" is not of the form type/subtype without spaces',
            )
            for text in ("text", "text/", "/x", "text/x; a=b", "a b/c")
        ),
        *(
            (
                "DD-WEL-02",
                welcome(f"»<welcome-file>{text}</welcome-file>"),
                f'"{text}" begins or ends with "/"',
            )
            for text in ("/index.html", "start/")
        ),
        *(
            ("DD-EP-01", page(f"»<error-code>{text}</error-code>"), f'"{text}" is not an HTTP status')
            for text in ("40", "4o4", "000", "99999", "-40", "")
        ),
        (
            "DD-EP-04",
            "»" + page("<error-code>404</error-code><exception-type>a.E</exception-type>"),
            "<error-page> has both <error-code> and <exception-type>",
        ),
        (
            "DD-EP-05",
            page("", "»<location>e</location>"),
            '<location> "e" does not begin with "/". Write "/e"',
        ),
        ("DD-ERR-15", "»" + page("<error-code>404</error-code>", ""), "<error-page> has no <location>"),
        *(
            ("DD-EP-06", f"{page(of)}\n»{page(of)}", "is declared twice, first at app/WEB-INF/web.xml:2:1")
            for of in (
                "<error-code>404</error-code>",
                "<exception-type>builtins.KeyError</exception-type>",
                "",
            )
        ),
        *(
            (
                "DD-LOC-01",
                charset(f"»<locale>{text}</locale><encoding>utf-8</encoding>"),
                f'<locale> "{text}" is no locale',
            )
            for text in ("JA", "jpn", "ja_JPN", "j", "")
        ),
        ("DD-JSP-04", f"<jsp-config>{TAGLIB}\n»{TAGLIB}</jsp-config>", '<taglib> "u" is declared twice'),
        ("DD-ERR-24", property_group("»<is-xml>yes</is-xml>"), '<is-xml> "yes" is not true or false'),
        (
            "DD-ERR-16",
            protected(
                "<url-pattern>/x</url-pattern><http-method>GET</http-method>"
                "<http-method-omission>PUT</http-method-omission>"
            ),
            "has both <http-method> and <http-method-omission>",
        ),
    ]
)
def test_errors_of_files_errors_languages_and_pages(deploy: Deploy, body: str, message: str) -> None:
    fails(deploy, body, message)


@pytest.mark.rules("DD-MIME-01", "DD-MIME-04", "DD-EP-02", "DD-LOC-02", "DD-JSP-05", "DD-CP-02", "DD-WEL-07")
@table(
    [
        (
            "DD-CP-02",
            f"{param('a', '1')}\n»{param('a', '1')}",
            '<context-param> "a" is given twice, first at',
        ),
        (
            "DD-MIME-01",
            mime("»<extension>.txt</extension><mime-type>a/b</mime-type>"),
            '<extension> ".txt" never matches',
        ),
        (
            "DD-MIME-04",
            mime("<extension>a</extension><mime-type>a/b</mime-type>")
            + "\n»"
            + mime("<extension>A</extension><mime-type>a/c</mime-type>"),
            '<mime-mapping> of "A" was a/b at app/WEB-INF/web.xml:2:1; a/c counts',
        ),
        ("DD-EP-02", "»" + page("<exception-type>shop.NotThere</exception-type>"), "shop.NotThere"),
        (
            "DD-LOC-02",
            charset("<locale>ja</locale>»<encoding>x-y</encoding>"),
            '<encoding> Python knows no encoding "x-y"',
        ),
        ("DD-WEL-07", welcome("»<welcome-servlet>x</welcome-servlet>"), "<welcome-servlet> exists since 6.2"),
    ]
)
def test_warnings_of_files_errors_and_languages(deploy: Deploy, body: str, message: str) -> None:
    warns(deploy, body, message)


# --- resources --------------------------------------------------------------------------------------------


@pytest.mark.rules(
    "DD-ENV-01", "DD-ENV-02", "DD-ENV-03", "DD-ENV-04", "DD-ENV-05", "DD-RES-01", "DD-DS-03", "DD-MAIL-01"
)
@table(
    [
        ("DD-ENV-01", f"{entry(TEXT)}\n»{entry(TEXT)}", '<env-entry> "e" is declared twice, first at'),
        ("DD-ENV-01", "»<env-entry/>", "<env-entry> has no <env-entry-name>"),
        ("DD-ENV-02", "»" + entry("<env-entry-value>1</env-entry-value>"), '"e" has no <env-entry-type>'),
        (
            "DD-ENV-03",
            typed("java.util.Date", "x"),
            '"e" has the type java.util.Date, which no entry can have',
        ),
        ("DD-ENV-03", typed("Integer", "1"), 'Did you mean "java.lang.Integer"?'),
        ("DD-ENV-04", typed("java.lang.Byte", "128"), '"128" is out of range: -128 to 127'),
        ("DD-ENV-04", typed("java.lang.Short", "-32769"), '"-32769" is out of range'),
        ("DD-ENV-04", typed("java.lang.Integer", "2147483648"), '"2147483648" is out of range'),
        ("DD-ENV-04", typed("java.lang.Long", "9223372036854775808"), "is out of range"),
        ("DD-ENV-04", typed("java.lang.Integer", "1.5"), '"1.5" is not a whole number'),
        ("DD-ENV-04", typed("java.lang.Double", "much"), '"much" is not a number'),
        ("DD-ENV-04", typed("java.lang.Character", "ab"), '"ab" is not exactly one character'),
        (
            "DD-ENV-05",
            "»" + entry("<env-entry-type>java.lang.String</env-entry-type>"),
            '<env-entry> "e" has no value',
        ),
        *(
            (
                "DD-RES-01",
                f"<{kind}><{name}>r</{name}></{kind}>\n»<{kind}><{name}>r</{name}></{kind}>",
                '"r" is declared twice',
            )
            for kind, name in (
                ("resource-ref", "res-ref-name"),
                ("resource-env-ref", "resource-env-ref-name"),
                ("ejb-ref", "ejb-ref-name"),
            )
        ),
        (
            "DD-RES-01",
            "<resource-ref><res-ref-name>r</res-ref-name>»<res-auth>container</res-auth></resource-ref>",
            '<res-auth> "container" is not Application or Container',
        ),
        (
            "DD-DS-03",
            "<data-source><name>d</name>»<port-number>x</port-number></data-source>",
            '<port-number> "x" is not a whole number',
        ),
        (
            "DD-DS-03",
            "<data-source><name>d</name>»<isolation-level>NONE</isolation-level></data-source>",
            '<isolation-level> "NONE" is not TRANSACTION_READ_UNCOMMITTED',
        ),
        (
            "DD-DS-03",
            "<data-source><name>d</name></data-source>\n»<data-source><name>d</name></data-source>",
            "twice",
        ),
        ("DD-MAIL-01", "»<mail-session/>", "<mail-session> has no <name>"),
        (
            "DD-MAIL-01",
            "<mail-session><name>m</name></mail-session>\n»<mail-session><name>m</name></mail-session>",
            "twice",
        ),
    ]
)
def test_errors_of_resources(deploy: Deploy, body: str, message: str) -> None:
    fails(deploy, body, message)


@pytest.mark.rules("DD-GEN-02", "DD-EE-01", "DD-DS-03", "DD-MAIL-01")
@table(
    [
        (
            "DD-ENV-06",
            "»" + entry(TEXT) + entry(TEXT, "f"),
            "<env-entry> cannot be looked up by name yet: e, f",
        ),
        (
            "DD-RES-02",
            "»<resource-ref><res-ref-name>jdbc/shop</res-ref-name><res-type>javax.sql.DataSource</res-type></resource-ref>",
            "<resource-ref> asks for an object that is not provided: jdbc/shop",
        ),
        (
            "DD-RES-02",
            "»<resource-env-ref><resource-env-ref-name>q</resource-env-ref-name></resource-env-ref>",
            "<resource-env-ref> asks for an object that is not provided: q",
        ),
        (
            "DD-DS-01",
            "»<data-source><name>d</name><server-name>h</server-name><port-number>1</port-number>"
            "<database-name>b</database-name><url>jdbc:a:b</url><password>secret</password></data-source>",
            "<data-source> is read, but no database is opened: d. Provide the object in a context listener",
        ),
        (
            "DD-MAIL-01",
            "»<mail-session><name>m</name><host>h</host><password>secret</password></mail-session>",
            "<mail-session> is read, but no mail server is asked: m",
        ),
        *(
            (
                "DD-EE-01",
                f"»<{kind}><{name}>a</{name}></{kind}><{kind}><{name}>b</{name}></{kind}>",
                f"<{kind}> needs a full Jakarta EE server and has no effect: a, b",
            )
            for kind, name in (
                ("ejb-ref", "ejb-ref-name"),
                ("ejb-local-ref", "ejb-ref-name"),
                ("service-ref", "service-ref-name"),
                ("persistence-context-ref", "persistence-context-ref-name"),
                ("persistence-unit-ref", "persistence-unit-ref-name"),
                ("message-destination-ref", "message-destination-ref-name"),
                ("message-destination", "message-destination-name"),
                ("jms-connection-factory", "name"),
                ("jms-destination", "name"),
                ("connection-factory", "name"),
                ("administered-object", "name"),
                ("context-service", "name"),
                ("managed-executor", "name"),
                ("managed-scheduled-executor", "name"),
                ("managed-thread-factory", "name"),
            )
        ),
    ]
)
def test_what_is_asked_for_and_not_provided_is_said_at_the_start(
    deploy: Deploy, body: str, message: str
) -> None:
    warns(deploy, body, message)
