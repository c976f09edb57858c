"""DD-VER and chapter 10: what a descriptor's version and namespace decide."""

from __future__ import annotations

import pytest

from container.descriptor.model import WebApp
from container.descriptor.reader import NAMESPACES, NEWEST, read_descriptor
from container.descriptor.shapes import VERSIONS
from container.errors import Problem

DTD = '<!DOCTYPE web-app PUBLIC "-//Sun Microsystems, Inc.//DTD Web Application {}//EN" "http://127.0.0.1:9/x.dtd">'
MAPPING = "<servlet-mapping><servlet-name>a</servlet-name>{}</servlet-mapping>"


def whole(xml: str, fragment: bool = False) -> tuple[WebApp, list[Problem]]:
    return read_descriptor(xml.encode(), "web.xml", fragment=fragment)


@pytest.mark.parametrize("version", VERSIONS)
def test_dd_ver_01_every_version_with_its_namespace(read_well, version: str) -> None:
    assert read_well("<display-name>x</display-name>", version).version == version


@pytest.mark.parametrize("version", ["2.2", "2.3"])
def test_dd_ver_01_a_doctype_states_the_version(version: str) -> None:
    web_app, problems = whole(DTD.format(version) + "<web-app/>")
    assert (web_app.version, problems) == (version, [])
    system_id = f"http://java.sun.com/dtd/web-app_{version.replace('.', '_')}.dtd"
    web_app, problems = whole(f'<!DOCTYPE web-app SYSTEM "{system_id}"><web-app/>')
    assert (web_app.version, problems) == (version, [])


def test_dd_ver_01_an_unknown_doctype_states_nothing() -> None:
    xmlns = NAMESPACES["5.0"]
    web_app, problems = whole(f'<!DOCTYPE web-app SYSTEM "x.dtd"><web-app xmlns="{xmlns}" version="5.0"/>')
    assert (web_app.version, problems) == ("5.0", [])


@pytest.mark.parametrize(
    ("root", "version"),
    [
        ("<web-app/>", NEWEST),
        (f'<web-app xmlns="{NAMESPACES["2.4"]}"/>', "2.4"),
        (f'<web-app xmlns="{NAMESPACES["3.0"]}"/>', "3.0"),
        (f'<web-app xmlns="{NAMESPACES["4.0"]}"/>', "4.0"),
        (f'<web-app xmlns="{NAMESPACES["6.1"]}"/>', NEWEST),
        (f'<web-app xmlns="{NAMESPACES["6.1"]}" version=""/>', NEWEST),
    ],
)
def test_dd_ver_01_no_version_at_all(root: str, version: str) -> None:
    web_app, (problem,) = whole(root)
    assert web_app.version == version
    assert str(problem) == (
        f"web.xml:1:1: warning: <web-app> states no version; taken for {version}. "
        f'Add version="{version}". [WAS105]'
    )


def test_dd_ver_02_an_unknown_version_is_the_newest() -> None:
    web_app, (problem,) = whole(f'<web-app xmlns="{NAMESPACES["6.1"]}" version="9.9"/>')
    assert web_app.version == NEWEST
    assert problem.severity == "warning"
    assert 'unknown version "9.9"' in problem.message


@pytest.mark.parametrize(
    ("prefix", "namespace"),
    [(prefix, uri) for uri in sorted(set(NAMESPACES.values())) for prefix in ("", "x:")[: 2 if uri else 1]],
)
def test_dd_ver_03_elements_of_all_namespaces_count(prefix: str, namespace: str) -> None:
    xmlns = f'xmlns{":x" if prefix else ""}="{namespace}"'
    inside = f"<{prefix}display-name>Shop</{prefix}display-name><zzz xmlns='urn:other'><y/></zzz>"
    web_app, problems = whole(f'<{prefix}web-app {xmlns} version="3.0">{inside}</{prefix}web-app>')
    assert web_app.about.display_names[0].value == "Shop"
    assert {problem.severity for problem in problems} == {"warning"}


@pytest.mark.parametrize(
    ("namespace", "version", "cure"),
    [
        (NAMESPACES["2.4"], "6.0", f'Write xmlns="{NAMESPACES["6.0"]}" with this version.'),
        ("", "3.1", f'Write xmlns="{NAMESPACES["3.1"]}" with this version.'),
        ("urn:typing-error", "6.1", f'Write xmlns="{NAMESPACES["6.1"]}" with this version.'),
        (NAMESPACES["2.4"], "2.3", "Write no namespace with this version."),
    ],
)
def test_dd_ver_03_namespace_and_version_must_belong_together(
    namespace: str, version: str, cure: str
) -> None:
    web_app, (problem,) = whole(
        f'<web-app xmlns="{namespace}" version="{version}"><distributable/></web-app>'
    )
    assert web_app.distributable
    assert (problem.severity, problem.cure) == ("warning", cure)


LOGIN = "<form-login-page>{}</form-login-page><form-error-page>/e</form-error-page>"
LOGIN = f"<login-config><form-login-config>{LOGIN}</form-login-config></login-config>"


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        (MAPPING.format("<url-pattern>x/*</url-pattern>"), '"x/*" does not begin with "/"; taken for "/x/*"'),
        (MAPPING.format("<url-pattern>*</url-pattern>"), '"*" does not begin with "/"; taken for "/*"'),
        ("<error-page><error-code>404</error-code><location>e?x</location></error-page>", 'taken for "/e"'),
        (LOGIN.format("in"), '"in" does not begin with "/"; taken for "/in"'),
    ],
)
@pytest.mark.parametrize("version", ["2.2", "2.3"])
def test_dd_ver_04_a_missing_slash_is_repaired_in_dtd_times(
    read, inside: str, what: str, version: str
) -> None:
    web_app, (problem,) = read(inside, version)
    assert problem.severity == "warning"
    assert what in problem.message
    read_paths = [
        *(mapping.url_pattern for mapping in web_app.servlet_mappings),
        *(page.location for page in web_app.error_pages),
        *([web_app.login_config.form.login_page] if web_app.login_config else ()),
    ]
    assert all(path.startswith("/") for path in read_paths)
    assert len(read_paths) == 1


@pytest.mark.parametrize("pattern", ["", "/", "/x", "*.do"])
def test_dd_ver_04_good_patterns_of_dtd_times_are_left_alone(read_well, pattern: str) -> None:
    web_app = read_well(MAPPING.format(f"<url-pattern>{pattern}</url-pattern>"), "2.3")
    assert web_app.servlet_mappings[0].url_pattern == pattern


PARAM_OF_2_3 = (
    "<context-param><param-name>a</param-name><param-value>b</param-value><description/></context-param>"
)
COLLECTION = (
    "<security-constraint><web-resource-collection><web-resource-name>w</web-resource-name>{}"
    "</web-resource-collection></security-constraint>"
)
FILTER = "<filter-mapping><filter-name>f</filter-name>{}</filter-mapping>"


@pytest.mark.parametrize(
    ("version", "inside", "message"),
    [  # DD-COMP-01; None: nothing to say
        (
            "2.3",
            "<servlet><icon/><servlet-name>a</servlet-name><display-name/><jsp-file>/a</jsp-file></servlet>",
            None,
        ),
        ("2.3", PARAM_OF_2_3, None),
        ("2.4", PARAM_OF_2_3, "<description> stands after <param-value>"),
        (
            "2.3",
            "<servlet-mapping/>\n<listener><listener-class>a</listener-class></listener>",
            "<listener> stands after",
        ),
        (
            "2.4",
            "<welcome-file-list/><context-param><param-name>a</param-name><param-value/></context-param>",
            None,
        ),
        (
            "2.2",
            "<filter><filter-name>a</filter-name><filter-class>a</filter-class></filter>",
            "<filter> exists since 2.3",
        ),
        (
            "2.3",
            "<jsp-config/>",
            "<jsp-config> exists since 2.4, and this file says version 2.3; it is read all the same",
        ),
        (
            "2.4",
            "<taglib><taglib-uri>u</taglib-uri><taglib-location>l</taglib-location></taglib>",
            "exists until 2.3",
        ),
        ("2.5", "<absolute-ordering/>", "<absolute-ordering> exists since 3.0"),
        (
            "6.1",
            "<welcome-file-list><welcome-servlet>x</welcome-servlet></welcome-file-list>",
            "exists since 6.2",
        ),
        (
            "2.3",
            FILTER.format("<url-pattern>/a</url-pattern><dispatcher>REQUEST</dispatcher>"),
            "exists since 2.4",
        ),
        (
            "2.5",
            FILTER.format("<url-pattern>/a</url-pattern><dispatcher>ASYNC</dispatcher>"),
            "does not know",
        ),
        (
            "2.4",
            FILTER.format("<url-pattern>/a</url-pattern><servlet-name>b</servlet-name>"),
            "2.4 allows one",
        ),
        ("2.5", FILTER.format("<url-pattern>/a</url-pattern><servlet-name>b</servlet-name>"), None),
        (
            "2.4",
            MAPPING.format("<url-pattern>/a</url-pattern><url-pattern>/b</url-pattern>"),
            "holds 2 <url-pattern>",
        ),
        ("2.5", MAPPING.format("<url-pattern>/a</url-pattern><url-pattern>/b</url-pattern>"), None),
        (
            "2.4",
            "<servlet><servlet-name>a</servlet-name><jsp-file>/a</jsp-file><load-on-startup/></servlet>",
            "is empty",
        ),
        (
            "2.3",
            "<servlet><servlet-name>a</servlet-name><jsp-file>/a</jsp-file><load-on-startup/></servlet>",
            None,
        ),
        ("2.5", "<error-page><location>/a</location></error-page>", "without code and type exists since 3.0"),
        (
            "2.4",
            COLLECTION.format("<url-pattern>/a</url-pattern><http-method>PATCH</http-method>"),
            "seven methods",
        ),
        (
            "2.3",
            COLLECTION.format("<url-pattern>/a</url-pattern><http-method>a b</http-method>"),
            "never matches",
        ),
        ("2.5", COLLECTION.format("<url-pattern>/a</url-pattern><http-method>PATCH</http-method>"), None),
        (
            "2.5",
            COLLECTION.format(
                "<url-pattern>/a</url-pattern><http-method-omission>GET</http-method-omission>"
            ),
            "<http-method-omission> exists since 3.0",
        ),
        ("2.3", COLLECTION.format(""), "has no <url-pattern>, so it protects nothing"),  # DD-COMP-02
        (
            "2.2",
            "<resource-ref><res-ref-name>a</res-ref-name><res-auth>SERVLET</res-auth></resource-ref>",
            None,
        ),
        ("3.0", "<session-config><cookie-config><comment>c</comment></cookie-config></session-config>", None),
    ],
)
def test_dd_comp_01_versions_differ_by_warnings(read, version: str, inside: str, message: str | None) -> None:
    _, problems = read(inside, version)
    problems = [problem for problem in problems if "servlet-mapping> has no" not in problem.message]
    assert [problem.severity for problem in problems] == (["warning"] if message else [])
    assert message is None or message in problems[0].message


@pytest.mark.parametrize(
    ("inside", "since"),
    [  # DD-SRV-04, DD-FLT-03
        (
            "<servlet><servlet-name>a</servlet-name></servlet>",
            "<servlet> has neither <servlet-class> nor <jsp-file>",
        ),
        ("<filter><filter-name>a</filter-name></filter>", "<filter> has no <filter-class>"),
    ],
)
def test_dd_srv_04_classes_were_needed_until_2_5(read, inside: str, since: str) -> None:
    _, (problem,) = read(inside, "2.5")
    assert problem.severity == "error"
    assert problem.message == since
    assert read(inside, "3.0")[1] == []


def test_what_the_version_does_not_allow_is_said_once(read) -> None:
    async_supported = "<servlet><servlet-name>{}</servlet-name><servlet-class>a</servlet-class>"
    async_supported += "<async-supported>true</async-supported></servlet>"
    web_app, problems = read(async_supported.format("a") + async_supported.format("b"), "2.5")
    assert len(problems) == 1
    assert [servlet.async_supported for servlet in web_app.servlets] == [True, True]


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("false", False), ("0", False), (" true ", True)]
)
@pytest.mark.parametrize("fragment", [False, True])
def test_dd_doc_20_metadata_complete(text: str, value: bool, fragment: bool) -> None:
    root = "web-fragment" if fragment else "web-app"
    web_app, problems = whole(
        f'<{root} xmlns="{NAMESPACES["3.0"]}" version="3.0" metadata-complete="{text}"/>', fragment
    )
    assert (web_app.metadata_complete, problems) == (value, [])


def test_dd_doc_20_metadata_complete_problems() -> None:
    _, (problem,) = whole(f'<web-app xmlns="{NAMESPACES["3.0"]}" version="3.0" metadata-complete="yes"/>')
    assert problem.severity == "error"
    assert 'Write "true" or "false"' in problem.cure
    _, (problem,) = whole(f'<web-app xmlns="{NAMESPACES["2.4"]}" version="2.4" metadata-complete="true"/>')
    assert problem.severity == "warning"  # DD-MC-04


def test_xsi_and_xml_attributes_mean_nothing() -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"'
    _, problems = whole(
        f'<web-app xmlns="{NAMESPACES["6.0"]}" {xsi} version="6.0" id="WebApp_ID" xml:space="preserve"/>'
    )
    assert problems == []
