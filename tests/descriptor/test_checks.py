"""Rules between the values of one descriptor: chapter 4 of the rules, and url-patterns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from container.descriptor.checks import canonical_path, check, is_token, url_pattern_problem
from container.descriptor.model import Listener, ServletMapping, WebApp
from container.errors import Problem, Source

# --- url-patterns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "/",
        "/*",
        "/a",
        "/a/",
        "/a/*",
        "/a/b/*",
        "/a b",
        "/v1.0/*",
        "/café/*",
        "*.do",
        "*.x-y",
        "/pl+us",
        "/a?b",
    ],
)
def test_dd_up_01_good_patterns(pattern: str) -> None:
    assert url_pattern_problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "cure"),
    [
        ("foo", '"/foo"'),  # DD-UP-03
        ("foo/*", '"/foo/*"'),
        ("*", '"/*"'),
        ("*foo", '"*.foo"'),
        ("http://host/x", '"/http://host/x"'),
        (";x", '"/;x"'),
        ("*.x/", '"*.x"'),  # DD-UP-04
        ("*.do/*", '"*.do"'),
        ("/a/*.do", '"*.do" or "/a/*"'),  # DD-UP-05
        ("/*.do", '"*.do" or "/*"'),
        ("*.", '"*.html"'),  # DD-UP-07
        ("/a\nb", '"/ab", on one line'),  # DD-UP-08
        ("/a\r", '"/a"'),
        ("/../a", "inside the web app"),  # DD-DOC-16
        ("/a/../../*", "inside the web app"),
    ],
)
def test_dd_up_errors(pattern: str, cure: str) -> None:
    problem = url_pattern_problem(pattern)
    assert problem is not None
    assert problem.severity == "error"
    assert problem.message.startswith('"')
    assert "\n" not in problem.message
    assert cure in problem.cure


@pytest.mark.parametrize(
    ("pattern", "cure"),
    [
        ("/foo*", '"/foo/*"'),  # DD-UP-06
        ("/literal*star", '"/literal/*"'),
        ("/a/*/b/*", '"/a/*"'),
        ("*.foo.bar", '"*.bar"'),
        ("*.*", ""),
        ("/a;b", '"/a"'),  # DD-UP-11
        ("/a%20b", "not its %XX form"),
        ("/a/../b", '"/b"'),  # DD-DOC-15
        ("/a/./*", '"/a/*"'),
    ],
)
def test_dd_up_06_suspicious_patterns(pattern: str, cure: str) -> None:
    problem = url_pattern_problem(pattern)
    assert problem is not None
    assert problem.severity == "warning"
    assert cure in problem.cure


@pytest.mark.parametrize(
    ("path", "canonical"),
    [  # DD-DOC-15, DD-DOC-16
        ("/", "/"),
        ("/a/../b", "/b"),
        ("/a/./b", "/a/b"),
        ("/a/b/..", "/a/"),
        ("/.", "/"),
        ("/a//b", "/a//b"),
        ("/..a/...", "/..a/..."),
        ("/..", None),
        ("/a/../../b", None),
    ],
)
def test_dd_doc_15_canonical_paths(path: str, canonical: str | None) -> None:
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("text", "token"), [("GET", True), ("X-Y_z.1", True), ("", False), ("a b", False), ("é", False)]
)
def test_tokens(text: str, token: bool) -> None:
    assert is_token(text) is token


# --- between values -------------------------------------------------------------------------------------


def servlet(name: str, inside: str = "") -> str:
    of = f"<servlet-class>a.{name}</servlet-class>"
    return f"<servlet><servlet-name>{name}</servlet-name>{of}{inside}</servlet>\n"


def mapping(name: str, pattern: str) -> str:
    of = f"<servlet-name>{name}</servlet-name>"
    return f"<servlet-mapping>{of}<url-pattern>{pattern}</url-pattern></servlet-mapping>\n"


def a_filter(name: str) -> str:
    return f"<filter><filter-name>{name}</filter-name><filter-class>a.F</filter-class></filter>\n"


def filter_mapping(name: str, target: str) -> str:
    return f"<filter-mapping><filter-name>{name}</filter-name>{target}</filter-mapping>\n"


def constraint(inside: str) -> str:
    """Children of the collection, "|", children of the constraint behind it."""
    methods, _, rest = inside.partition("|")
    collection = f"<web-resource-name>w</web-resource-name><url-pattern>/x</url-pattern>{methods}"
    collection = f"<web-resource-collection>{collection}</web-resource-collection>"
    return f"<security-constraint>{collection}{rest}</security-constraint>\n"


def role(name: str) -> str:
    return f"<security-role><role-name>{name}</role-name></security-role>\n"


def env(type_name: str, value: str) -> str:
    of = f"<env-entry-type>{type_name}</env-entry-type>" if type_name else ""
    value = f"<env-entry-value>{value}</env-entry-value>"
    return f"<env-entry><env-entry-name>e</env-entry-name>{of}{value}{INJECTED}</env-entry>"


def error_page(inside: str) -> str:
    return f"<error-page>{inside}<location>/e</location></error-page>\n"


def param(name: str, value: str) -> str:
    return (
        f"<context-param><param-name>{name}</param-name><param-value>{value}</param-value></context-param>\n"
    )


def callback(kind: str, of: str = "") -> str:
    of = of and f"<lifecycle-callback-class>{of}</lifecycle-callback-class>"
    return f"<{kind}>{of}<lifecycle-callback-method>m</lifecycle-callback-method></{kind}>\n"


INJECTED = (
    "<injection-target><injection-target-class>a.A</injection-target-class>"
    "<injection-target-name>x</injection-target-name></injection-target>"
)
BASIC = "<login-config><auth-method>BASIC</auth-method></login-config>"
FORM = "<form-login-page>/a</form-login-page><form-error-page>/b</form-error-page>"
FORM = f"<form-login-config>{FORM}</form-login-config>"
TAGLIB = "<taglib><taglib-uri>u</taglib-uri><taglib-location>l</taglib-location></taglib>\n"
METHODS = "<http-method>GET</http-method><http-method-omission>PUT</http-method-omission>"
MAX_AGE = (
    "<session-config><cookie-config><attribute><attribute-name>Max-Age</attribute-name>"
    "<attribute-value>{}</attribute-value></attribute></cookie-config></session-config>"
)
COOKIE = "<session-config><cookie-config>{}</cookie-config></session-config>"
TRACKING = (
    "<session-config><tracking-mode>SSL</tracking-mode><tracking-mode>{}</tracking-mode></session-config>"
)


@pytest.mark.parametrize(
    ("rule", "inside", "line", "message"),
    [
        (
            "DD-ERR-01",
            servlet("a") + servlet("b") + servlet("a"),
            4,
            '<servlet> "a" is declared twice, first at web.xml:2:1',
        ),
        (
            "DD-SES-10",
            COOKIE.format("<domain>.example.com</domain>"),
            2,
            '<domain> ".example.com" is no host name that a cookie could have. Write example.com: it holds',
        ),
        (
            "DD-SES-10",
            COOKIE.format(
                "<attribute><attribute-name>Domain</attribute-name><attribute-value>a_b</attribute-value></attribute>"
            ),
            2,
            '<attribute> Domain "a_b" is no host name that a cookie could have. Write a name such as',
        ),
        (
            "DD-ERR-02",
            a_filter("a") + a_filter("a"),
            3,
            '<filter> "a" is declared twice, first at web.xml:2:1',
        ),
        (
            "DD-ERR-03",
            servlet("cart") + mapping("carrt", "/x"),
            3,
            '<servlet-mapping> of "/x" names the unknown servlet "carrt". Did you mean "cart"?',
        ),
        ("DD-ERR-03", mapping("zzz", "/x"), 2, "Declare it with <servlet-name>zzz</servlet-name>."),
        (
            "DD-ERR-04",
            filter_mapping("f", "<url-pattern>/x</url-pattern>"),
            2,
            'names the unknown filter "f"',
        ),
        (
            "DD-ERR-05",
            servlet("a") + servlet("b") + mapping("a", "/x") + mapping("b", "/x"),
            5,
            '<url-pattern> "/x" is mapped to "b" here and to "a" at web.xml:4:',
        ),
        ("DD-ERR-06", servlet("a") + mapping("a", "foo"), 3, '<url-pattern> "foo" can never match'),
        (
            "DD-ERR-06",
            servlet("a") + mapping("a", "/a\nb"),
            3,
            '<url-pattern> "/a\\nb" contains a line break',
        ),
        (
            "DD-ERR-06",
            a_filter("a") + filter_mapping("a", "<url-pattern>*.x/</url-pattern>"),
            3,
            '"*.x/" can never',
        ),
        (
            "DD-ERR-14",
            error_page("<error-code>404</error-code>") * 2,
            3,
            "<error-page> for 404 is declared twice, first at web.xml:2:1",
        ),
        (
            "DD-ERR-14",
            error_page("<exception-type>a.E</exception-type>") * 2,
            3,
            "<error-page> for a.E is declared twice",
        ),
        ("DD-ERR-14", error_page("") * 2, 3, "<error-page> for everything else is declared twice"),
        ("DD-ERR-16", constraint(METHODS + "|"), 2, "has both <http-method> and <http-method-omission>"),
        (
            "DD-ERR-17",
            role("boss")
            + servlet(
                "a",
                "<security-role-ref><role-name>r</role-name><role-link>bos</role-link></security-role-ref>",
            ),
            3,
            '<role-link> names the undeclared role "bos". Did you mean "boss"?',
        ),
        (
            "DD-CP-02",
            param("a", "1") + param("a", "2"),
            3,
            '<context-param> "a" is given twice, first at web.xml:2:1, with another value',
        ),
        ("DD-SRV-05", servlet("a", "<jsp-file>/a</jsp-file>"), 2, "has both <servlet-class> and <jsp-file>"),
        (
            "DD-EP-04",
            error_page("<error-code>404</error-code><exception-type>a</exception-type>"),
            2,
            "has both",
        ),
        ("DD-SES-08", TRACKING.format("SSL"), 2, "the tracking mode SSL, which is not supported"),
        ("DD-SES-06", TRACKING.format("URL"), 2, "combines the tracking mode SSL with another one"),
        ("DD-SES-10", MAX_AGE.format("x"), 2, 'Max-Age "x" is not a whole number of seconds'),
        (
            "DD-SEC-16",
            "<login-config><auth-method>FORM</auth-method></login-config>",
            2,
            "FORM needs <form-login-config>",
        ),
        ("DD-JSP-04", f"<jsp-config>\n{TAGLIB}{TAGLIB}</jsp-config>", 4, '<taglib> "u" is declared twice'),
        (
            "DD-ENV-01",
            env("java.lang.String", "x") + "\n" + env("java.lang.String", "x"),
            3,
            '<env-entry> "e" is',
        ),
        ("DD-ENV-02", env("", "x").replace(INJECTED, ""), 2, "has no <env-entry-type>"),
        (
            "DD-ENV-03",
            env("java.util.Date", "x"),
            2,
            '"e" has the type java.util.Date, which no entry can have',
        ),
        ("DD-ENV-03", env("Integer", "1"), 2, 'Did you mean "java.lang.Integer"?'),
        (
            "DD-ENV-05",
            env("java.lang.String", "x")
            .replace(INJECTED, "")
            .replace("<env-entry-value>x</env-entry-value>", ""),
            2,
            '<env-entry> "e" has no value',
        ),
        ("DD-ENV-04", env("java.lang.Byte", "128"), 2, '"128" is out of range: -128 to 127'),
        ("DD-ENV-04", env("java.lang.Integer", "1.5"), 2, '"1.5" is not a whole number'),
        ("DD-ENV-04", env("java.lang.Character", "ab"), 2, '"ab" is not exactly one character'),
        ("DD-ENV-04", env("java.lang.Double", "much"), 2, '"much" is not a number'),
        (
            "DD-RES-01",
            "<resource-ref><res-ref-name>r</res-ref-name></resource-ref>\n" * 2,
            3,
            '"r" is declared twice',
        ),
        (
            "DD-RES-01",
            "<resource-env-ref><resource-env-ref-name>r</resource-env-ref-name></resource-env-ref>\n" * 2,
            3,
            '"r" is declared twice',
        ),
        (
            "DD-DS-02",
            "<data-source><name>d</name></data-source>\n" * 2,
            3,
            '<data-source> "d" is declared twice',
        ),
        (
            "DD-MAIL-01",
            "<mail-session><name>d</name></mail-session>\n" * 2,
            3,
            '<mail-session> "d" is declared twice',
        ),
        (
            "DD-INJ-03",
            callback("post-construct", "a.A") * 2,
            3,
            "<post-construct> names a second method for a.A",
        ),
        (
            "DD-INJ-03",
            callback("pre-destroy") * 2,
            3,
            "<pre-destroy> names a second method for the same class",
        ),
    ],
)
def test_errors(read_well, rule: str, inside: str, line: int, message: str) -> None:
    (problem,) = (found for found in check(read_well(inside)) if found.severity == "error")
    assert problem.severity == "error"
    assert message in str(problem)
    assert problem.source is not None
    assert problem.source.line == line
    assert problem.cure.endswith((".", "?"))


@pytest.mark.parametrize(
    ("rule", "inside", "message"),
    [
        ("DD-CP-02", param("a", "1") * 2, '<context-param> "a" is given twice'),
        (
            "DD-FM-05",
            a_filter("f") + filter_mapping("f", "<servlet-name>s</servlet-name>"),
            'the unknown servlet "s"',
        ),
        ("DD-UP-06", servlet("a") + mapping("a", "/foo*"), '"/foo*" matches only this very text'),
        (
            "DD-MIME-04",
            "<mime-mapping><extension>a</extension><mime-type>a/b</mime-type></mime-mapping>"
            "<mime-mapping><extension>A</extension><mime-type>a/c</mime-type></mime-mapping>",
            "a/c counts",
        ),
        (
            "DD-SRV-16",
            servlet("a", "<run-as><role-name>r</role-name></run-as>"),
            '<run-as> names the undeclared role "r"',
        ),
        (
            "DD-SEC-10",
            BASIC + constraint("|<auth-constraint><role-name>r</role-name></auth-constraint>"),
            'names the undeclared role "r"',
        ),
        (
            "DD-SEC-16",
            f"<login-config><auth-method>BASIC</auth-method>{FORM}</login-config>",
            "means nothing with",
        ),
        (
            "DD-SEC-17",
            role("r") + constraint("|<auth-constraint><role-name>r</role-name></auth-constraint>"),
            "every request gets 403",
        ),
        ("DD-SEC-18", role("r") * 2, '<security-role> "r" is declared twice'),
        (
            "DD-EE-01",
            "<ejb-ref><ejb-ref-name>a</ejb-ref-name></ejb-ref><ejb-ref><ejb-ref-name>b</ejb-ref-name>"
            "</ejb-ref>",
            "<ejb-ref> needs a full Jakarta EE server and has no effect: a, b",
        ),
        (
            "DD-RES-02",
            "<resource-ref><res-ref-name>a</res-ref-name></resource-ref>"
            "<resource-ref><res-ref-name>b</res-ref-name></resource-ref>",
            "<resource-ref> asks for an object that is not provided: a, b",
        ),
        (
            "DD-ENV-06",
            env("java.lang.String", "x").replace(INJECTED, ""),
            "<env-entry> cannot be looked up by name yet: e. Add an <injection-target>",
        ),
        ("DD-DS-03", "<data-source><name>d</name></data-source>", "no database is opened: d"),
        ("DD-MAIL-01", "<mail-session><name>m</name></mail-session>", "no mail server is asked: m"),
    ],
)
def test_warnings(read_well, rule: str, inside: str, message: str) -> None:
    (problem,) = check(read_well(inside))
    assert problem.severity == "warning"
    assert message in str(problem)


@pytest.mark.parametrize(
    ("rule", "inside"),
    [
        ("DD-SM-05", servlet("a") + mapping("a", "/x") * 2),
        ("DD-SM-01", mapping("default", "*.css")),
        ("DD-FM-04", a_filter("f") + filter_mapping("f", "<servlet-name>*</servlet-name>")),
        ("DD-SRV-21", servlet("a")),
        ("DD-SRV-02", servlet("a") + servlet("A")),
        ("DD-FLT-05", a_filter("f")),
        ("DD-MIME-04", "<mime-mapping><extension>a</extension><mime-type>a/b</mime-type></mime-mapping>" * 2),
        ("DD-SES-10", MAX_AGE.format("-1")),
        ("DD-SEC-06", constraint("|")),
        ("DD-SEC-07", constraint("|<auth-constraint/>")),
        (
            "DD-SEC-08",
            BASIC
            + constraint(
                "|<auth-constraint><role-name>*</role-name><role-name>**</role-name></auth-constraint>"
            ),
        ),
        ("DD-SRV-19", servlet("a", "<security-role-ref><role-name>r</role-name></security-role-ref>")),
        ("DD-SEC-16", f"<login-config><auth-method>FORM</auth-method>{FORM}</login-config>"),
        ("DD-ENV-04", env("java.lang.Boolean", "perhaps")),
        ("DD-ENV-04", env("java.lang.Long", "-9223372036854775808")),
        ("DD-ENV-04", env("java.lang.Float", "1e-3")),
        ("DD-ENV-04", env("java.lang.Character", "é")),
        (
            "DD-INJ-03",
            callback("post-construct", "a.A")
            + callback("post-construct", "a.B")
            + callback("pre-destroy", "a.A"),
        ),
        (
            "DD-EP-06",
            error_page("")
            + error_page("<error-code>404</error-code>")
            + error_page("<error-code>500</error-code>"),
        ),
        ("DD-ERR-01", servlet("a") + a_filter("a")),
    ],
)
def test_nothing_wrong(read_well, rule: str, inside: str) -> None:
    assert list(map(str, check(read_well(inside)))) == []


def test_dd_env_05_a_value_may_come_from_elsewhere(read_well) -> None:
    no_value = env("java.lang.String", "x").replace("<env-entry-value>x</env-entry-value>", "")
    looked_up = no_value.replace(INJECTED, "<lookup-name>x</lookup-name>")
    for entry in (no_value, looked_up):
        assert [p for p in check(read_well(entry)) if p.severity == "error"] == []
    assert check(read_well(no_value.replace(INJECTED, "")), complete=False) == []


def test_dd_ord_27_before_and_after_all_others(read_well) -> None:
    ordering = "<ordering><after><others/></after><before><others/></before></ordering>"
    (problem,) = check(read_well(ordering, fragment=True), complete=False)
    assert problem.severity == "error"
    assert "before all others and after them" in problem.message


def test_incomplete_descriptors_may_name_what_others_declare(read_well) -> None:
    web_app = read_well(
        mapping("elsewhere", "/x")
        + filter_mapping("elsewhere", "<servlet-name>s</servlet-name>")
        + servlet("a", "<run-as><role-name>r</role-name></run-as>")
        + "<ejb-ref><ejb-ref-name>a</ejb-ref-name></ejb-ref>"
    )
    assert check(web_app, complete=False) == []
    assert len(check(web_app)) == 5


def test_the_containers_own_servlets_are_known(read_well) -> None:
    web_app = read_well(mapping("views", "*.jinja"))
    assert check(web_app, container_servlets=("default", "views")) == []


def test_dd_mrg_17_a_merged_descriptor_of_several_files(read_well) -> None:
    first = read_well(servlet("a") + mapping("a", "/x"))
    other = Source("lib/x.whl!/META-INF/web-fragment.xml", 9, 3)
    merged = replace(
        first,
        listeners=(Listener("a.L", other),),
        servlet_mappings=(*first.servlet_mappings, ServletMapping("b", "/x", other)),
    )
    messages = list(map(str, check(merged)))
    assert len(messages) == 2
    assert all(message.startswith(f"{other}: ") for message in messages)
    assert any('names the unknown servlet "b"' in message for message in messages)
    assert any('is mapped to "b" here and to "a" at web.xml:3:' in message for message in messages)


def test_repeated_checks_are_equal_values(read_well) -> None:
    web_app = read_well(servlet("a") * 2)
    twice: list[Problem] = check(web_app, complete=False) + check(web_app)
    assert len(dict.fromkeys(twice)) == 1


def test_an_app_without_descriptor_has_no_problems() -> None:
    assert check(WebApp(Source("web.xml"))) == []
