"""web.xml, fragments and annotations make one descriptor (§8.2.3): who wins, what adds up, what conflicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.descriptor.merge import merge
from container.descriptor.model import WebApp
from container.descriptor.ordering import Fragment
from container.descriptor.reader import read_descriptor
from container.errors import Problem, Source

NAMESPACE = "https://jakarta.ee/xml/ns/jakartaee"
NOT_APPLICABLE = {
    "DD-MRG-15": "there are no resource annotations; injection targets are attributes set by web.xml",
}


def read(xml: str, file: str, *, fragment: bool = False, attributes: str = "") -> WebApp:
    root = "web-fragment" if fragment else "web-app"
    text = f'<{root} xmlns="{NAMESPACE}" version="6.1" {attributes}>\n{xml}\n</{root}>'
    descriptor, problems = read_descriptor(text.encode(), file, fragment=fragment)
    assert [str(p) for p in problems if p.severity == "error"] == []
    return descriptor


def nothing(place: str) -> WebApp:
    return WebApp(Source(place))


def effective(
    web_xml: str = "", *fragments: str | Fragment, classes: str = "", attributes: str = ""
) -> tuple[WebApp, list[Problem]]:
    """Merge a web.xml, what annotations of WEB-INF/classes say in other words, and web-fragment.xml files."""
    return merge(
        read(web_xml, "web.xml", attributes=attributes),
        read(classes, "classes"),
        [f if isinstance(f, Fragment) else fragment(f, f"{i}.whl") for i, f in enumerate(fragments, 1)],
    )


def fragment(xml: str | None, library: str, annotated: str = "") -> Fragment:
    descriptor = nothing(library) if xml is None else read(xml, library, fragment=True)
    return Fragment(library, descriptor, read(annotated, f"{library}: annotations"))


def well(web_xml: str = "", *fragments: str | Fragment, classes: str = "", attributes: str = "") -> WebApp:
    web_app, problems = effective(web_xml, *fragments, classes=classes, attributes=attributes)
    assert [str(p) for p in problems if p.severity == "error"] == []
    return web_app


def conflict(*arguments: str) -> Problem:
    _, problems = effective(*arguments)
    [problem] = [p for p in problems if p.severity == "error"]
    return problem


def param(name: str, value: str, element: str = "context-param") -> str:
    return f"<{element}><param-name>{name}</param-name><param-value>{value}</param-value></{element}>"


def servlet(name: str, inside: str = "", of: str = "a.S") -> str:
    cls = f"<servlet-class>{of}</servlet-class>" if of else ""
    return f"<servlet><servlet-name>{name}</servlet-name>{cls}{inside}</servlet>"


def a_filter(name: str, inside: str = "") -> str:
    return f"<filter><filter-name>{name}</filter-name><filter-class>a.F</filter-class>{inside}</filter>"


def mapped(name: str, *patterns: str) -> str:
    inside = "".join(f"<url-pattern>{pattern}</url-pattern>" for pattern in patterns)
    return f"<servlet-mapping><servlet-name>{name}</servlet-name>{inside}</servlet-mapping>"


def filtered(name: str, pattern: str, *dispatchers: str) -> str:
    on = "".join(f"<dispatcher>{d}</dispatcher>" for d in dispatchers)
    return (
        f"<filter-mapping><filter-name>{name}</filter-name><url-pattern>{pattern}</url-pattern>{on}"
        "</filter-mapping>"
    )


def mime(extension: str, kind: str) -> str:
    return f"<mime-mapping><extension>{extension}</extension><mime-type>{kind}</mime-type></mime-mapping>"


def page(code: str, location: str) -> str:
    return f"<error-page>{code}<location>{location}</location></error-page>"


def listener(cls: str) -> str:
    return f"<listener><listener-class>{cls}</listener-class></listener>"


def env(name: str, value: str, target: str = "") -> str:
    injected = (
        f"<injection-target><injection-target-class>{target}</injection-target-class>"
        "<injection-target-name>x</injection-target-name></injection-target>"
    )
    return (
        f"<env-entry><env-entry-name>{name}</env-entry-name><env-entry-type>java.lang.String</env-entry-type>"
        f"<env-entry-value>{value}</env-entry-value>{injected if target else ''}</env-entry>"
    )


def database(name: str, url: str) -> str:
    return f"<data-source><name>{name}</name><url>{url}</url></data-source>"


def timeout(minutes: int) -> str:
    return f"<session-config><session-timeout>{minutes}</session-timeout></session-config>"


def cookie(inside: str) -> str:
    return f"<session-config><cookie-config>{inside}</cookie-config></session-config>"


def role(name: str) -> str:
    return f"<security-role><role-name>{name}</role-name></security-role>"


def login(method: str) -> str:
    return f"<login-config><auth-method>{method}</auth-method></login-config>"


def callback(kind: str, cls: str, method: str) -> str:
    return (
        f"<{kind}><lifecycle-callback-class>{cls}</lifecycle-callback-class>"
        f"<lifecycle-callback-method>{method}</lifecycle-callback-method></{kind}>"
    )


def welcome(*files: str) -> str:
    inside = "".join(f"<welcome-file>{file}</welcome-file>" for file in files)
    return f"<welcome-file-list>{inside}</welcome-file-list>"


def child_of_servlet(element: str, inner: str = "{}") -> Callable[[str], str]:
    return lambda value: servlet("s", f"<{element}>{inner.format(value)}</{element}>")


def size(element: str) -> Callable[[str], str]:
    return child_of_servlet("multipart-config", f"<{element}>{{}}</{element}>")


def role_link(to: str) -> str:
    ref = f"<security-role-ref><role-name>r</role-name><role-link>{to}</role-link></security-role-ref>"
    return servlet("s", ref) + role("a") + role("b")


def of_cookie(element: str) -> Callable[[str], str]:
    return lambda value: cookie(f"<{element}>{value}</{element}>")


def same_site(value: str) -> str:
    name = "<attribute-name>SameSite</attribute-name>"
    return cookie(f"<attribute>{name}<attribute-value>{value}</attribute-value></attribute>")


def charset(encoding: str) -> str:
    inside = f"<locale>ja</locale><encoding>{encoding}</encoding>"
    inside = f"<locale-encoding-mapping>{inside}</locale-encoding-mapping>"
    return f"<locale-encoding-mapping-list>{inside}</locale-encoding-mapping-list>"


def taglib(path: str) -> str:
    inside = f"<taglib-uri>u</taglib-uri><taglib-location>{path}</taglib-location>"
    return f"<jsp-config><taglib>{inside}</taglib></jsp-config>"


def reference(kind: str, name: str, child: str) -> Callable[[str], str]:
    return lambda value: f"<{kind}><{name}>r</{name}><{child}>{value}</{child}></{kind}>"


def constraint(title: str) -> str:
    resources = "<web-resource-name>r</web-resource-name><url-pattern>/r</url-pattern>"
    inside = f"<web-resource-collection>{resources}</web-resource-collection>"
    return f"<security-constraint><display-name>{title}</display-name>{inside}</security-constraint>"


def property_group(name: str) -> str:
    group = f"<jsp-property-group><url-pattern>/{name}</url-pattern></jsp-property-group>"
    return f"<jsp-config>{group}</jsp-config>"


def found(root: Any, place: str) -> Any:
    """A value somewhere in the model, as in "servlets.0.name"."""
    for name in place.split("."):
        root = root[int(name)] if name.isdecimal() else getattr(root, name)
    return root


def at(root: Any, place: str) -> str:
    value = found(root, place)
    return str(value).lower() if isinstance(value, bool) else str(value)


def of(items: Any, *names: str) -> list[Any]:
    """The values of some fields of each item."""
    values = [tuple(getattr(item, name) for name in names) for item in items or ()]
    return [value[0] for value in values] if len(names) == 1 else values


# --- what adds up -----------------------------------------------------------------------------------------


@pytest.mark.rules("DD-MRG-03", "DD-MRG-07", "DD-MRG-10", "DD-WEL-05", "DD-JSP-03", "DD-ORD-02")
@pytest.mark.parametrize(
    ("numbered", "field", "value"),
    [
        (lambda n: param(f"p{n}", n), "context_params", "value"),
        (lambda n: listener(f"a.L{n}"), "listeners", "listener_class"),
        (lambda n: welcome(n), "welcome_files", "path"),
        (lambda n: mime(n, "a/a"), "mime_mappings", "extension"),
        (lambda n: servlet(n), "servlets", "name"),
        (lambda n: a_filter(n), "filters", "name"),
        (lambda n: role(n), "security_roles", "name"),
        (lambda n: env(n, ""), "env_entries", "name"),
        (lambda n: page(f"<error-code>40{n}</error-code>", "/"), "error_pages", "error_code"),
        (lambda n: constraint(n), "security_constraints", "display_names.0.value"),
        (lambda n: charset("utf-8").replace("ja", f"aa_A{n}"), "locale_encoding_mappings", "locale"),
        (lambda n: property_group(n), "jsp_config.property_groups", "url_patterns.0"),
        (lambda n: f"<ejb-ref><ejb-ref-name>r{n}</ejb-ref-name></ejb-ref>", "platform_elements", "name"),
    ],
)  # fmt: skip
def test_repeatable_elements_add_up_in_order(numbered: Callable[[str], str], field: str, value: str) -> None:
    def numbers(web_app: WebApp) -> str:
        return "".join(str(at(item, value))[-1] for item in found(web_app, field))

    web_xml, first, second = numbered("1"), numbered("2"), numbered("3")
    assert numbers(well(web_xml, first, second)) == "123"
    assert numbers(well(web_xml, second, first)) == "132"
    assert numbers(well("", first, classes=web_xml)) == "12"  # WEB-INF/classes comes before fragments
    assert numbers(well(first, fragment(second, "x.whl", annotated=web_xml))) == "231"


@pytest.mark.rules("DD-MRG-10", "DD-LST-03")
def test_a_listener_class_counts_once() -> None:
    web_app = well(listener("a.L"), listener("a.M") + listener("a:L"), listener("a.M"))
    assert of(web_app.listeners, "listener_class") == ["a.L", "a.M"]


@pytest.mark.rules("DD-MRG-07", "DD-WEL-05")
def test_a_welcome_file_counts_once_and_no_list_stays_no_list() -> None:
    assert of(well(welcome("a"), welcome("b", "a")).welcome_files, "path") == ["a", "b"]
    assert well("", "").welcome_files is None
    assert well("<welcome-file-list/>", "").welcome_files == ()


# --- who wins ---------------------------------------------------------------------------------------------

SINGLES: list[tuple[Callable[[str], str], str, str, str]] = [
    # what makes the XML of a value, one value, another, where the model has it
    (child_of_servlet("load-on-startup"), "1", "2", "servlets.0.load_on_startup"),
    (child_of_servlet("enabled"), "true", "false", "servlets.0.enabled"),
    (child_of_servlet("async-supported"), "true", "false", "servlets.0.async_supported"),
    (child_of_servlet("run-as", "<role-name>{}</role-name>"), "a", "b", "servlets.0.run_as.role_name"),
    (lambda v: servlet("s", of=v), "a.A", "a.B", "servlets.0.servlet_class"),
    (lambda v: servlet("s", f"<jsp-file>{v}</jsp-file>", of=""), "/a", "/b", "servlets.0.jsp_file"),
    (lambda v: servlet("s", param("p", v, "init-param")), "1", "2", "servlets.0.init_params.0.value"),
    (role_link, "a", "b", "servlets.0.security_role_refs.0.role_link"),
    (size("location"), "1", "2", "servlets.0.multipart_config.location"),
    (size("max-file-size"), "1", "2", "servlets.0.multipart_config.max_file_size"),
    (size("max-request-size"), "1", "2", "servlets.0.multipart_config.max_request_size"),
    (size("file-size-threshold"), "1", "2", "servlets.0.multipart_config.file_size_threshold"),
    (
        lambda v: a_filter("f", f"<async-supported>{v}</async-supported>"),
        "true", "false", "filters.0.async_supported",
    ),
    (lambda v: a_filter("f", param("p", v, "init-param")), "1", "2", "filters.0.init_params.0.value"),
    (timeout, "1", "2", "session_config.timeout_minutes"),
    (of_cookie("name"), "A", "B", "session_config.cookie_config.name"),
    (of_cookie("domain"), "a", "b", "session_config.cookie_config.domain"),
    (of_cookie("path"), "/a", "/b", "session_config.cookie_config.path"),
    (of_cookie("max-age"), "1", "2", "session_config.cookie_config.max_age"),
    (of_cookie("http-only"), "true", "false", "session_config.cookie_config.http_only"),
    (of_cookie("secure"), "true", "false", "session_config.cookie_config.secure"),
    (same_site, "Lax", "None", "session_config.cookie_config.attributes.0.value"),
    (
        lambda v: f"<session-config><tracking-mode>{v}</tracking-mode></session-config>",
        "URL", "COOKIE", "session_config.tracking_modes.0",
    ),
    (login, "BASIC", "DIGEST", "login_config.auth_method"),
    (lambda v: param("p", v), "1", "2", "context_params.0.value"),
    (lambda v: mime("x", v), "a/1", "a/2", "mime_mappings.0.mime_type"),
    (lambda v: page("<error-code>404</error-code>", v), "/1", "/2", "error_pages.0.location"),
    (lambda v: page("<exception-type>a.E</exception-type>", v), "/1", "/2", "error_pages.0.location"),
    (lambda v: page("", v), "/1", "/2", "error_pages.0.location"),
    (charset, "utf-8", "euc-jp", "locale_encoding_mappings.0.encoding"),
    (taglib, "/a", "/b", "jsp_config.taglibs.0.location"),
    (lambda v: env("e", v), "a", "b", "env_entries.0.value"),
    (reference("resource-ref", "res-ref-name", "res-type"), "a.A", "a.B", "resource_refs.0.type"),
    (
        reference("resource-env-ref", "resource-env-ref-name", "resource-env-ref-type"),
        "a.A", "a.B", "resource_env_refs.0.type",
    ),
    (reference("ejb-ref", "ejb-ref-name", "remote"), "a.A", "a.B", "platform_elements.0.values.0.1"),
    (lambda v: database("d", v), "jdbc:a:b", "jdbc:a:c", "data_sources.0.values.0.1"),
    (reference("mail-session", "name", "host"), "a", "b", "mail_sessions.0.values.0.1"),
]  # fmt: skip


@pytest.mark.rules(
    "DD-MRG-02", "DD-MRG-04", "DD-MRG-05", "DD-MRG-06", "DD-MRG-12", "DD-MRG-13", "DD-MIME-04", "DD-DS-02",
    "DD-ERR-11", "DD-ERR-12", "DD-ERR-13",
)  # fmt: skip
@pytest.mark.parametrize(("xml", "one", "other", "place"), SINGLES)
def test_web_xml_beats_fragments_which_beat_annotations_and_must_agree(
    xml: Callable[[str], str], one: str, other: str, place: str
) -> None:
    def value(*arguments: Any, **more: Any) -> str:
        return at(well(*arguments, **more), place)

    assert value(xml(one), xml(other)) == one
    assert value(xml(one), xml(other), xml(one)) == one  # web.xml settles what fragments disagree about
    assert value("", xml(one)) == one
    assert value("", xml(one), xml(one)) == one
    assert value("", xml(one), classes=xml(other)) == one
    assert value("", fragment(xml(one), "a.whl", annotated=xml(other))) == one
    assert value("", fragment(None, "a.whl", annotated=xml(other)), xml(one)) == one
    assert value("", classes=xml(other)) == other
    assert value("", fragment(None, "a.whl", annotated=xml(other)), classes=xml(one)) == one
    problem = conflict("", "", xml(one), xml(other))
    assert problem.source is not None
    assert (problem.source.file, problem.source.line) == ("3.whl", 2)
    assert "2.whl:2:" in problem.message
    assert "web.xml" in problem.cure


@pytest.mark.rules("DD-MRG-02", "DD-ERR-11")
@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (
            lambda v: servlet("cart", param("size", v, "init-param")),
            '<servlet> "cart": <init-param> "size" is "2" here and "1" at 1.whl:2:77',
        ),
        (lambda v: mime("x", f"a/{v}"), '<mime-mapping> "x" is "a/2" here and "a/1" at 1.whl:2:1'),
        (lambda v: timeout(v), "<session-config> <session-timeout> is 2 here and 1 at 1.whl:2:1"),
        (lambda v: page("", f"/{v}"), '<error-page> for everything else is "/2" here and "/1" at 1.whl:2:1'),
        (lambda v: env("e", v), '<env-entry> "e" differs from that at 1.whl:2:1'),
        (
            lambda v: f"<ejb-ref><ejb-ref-name>r</ejb-ref-name><home>a.{v}</home></ejb-ref>",
            '<ejb-ref> "r" differs from that at 1.whl:2:1',
        ),
    ],
)
def test_a_conflict_names_both_places_element_and_values(xml: Callable[[str], str], message: str) -> None:
    problem = conflict("", xml("1"), xml("2"))
    assert problem.message == message
    assert str(problem.source).startswith("2.whl:2:")


@pytest.mark.rules("DD-MRG-02", "DD-MIME-02")
def test_spellings_of_one_key_are_one_key() -> None:
    assert of(well(mime("TXT", "a/1"), mime("txt", "a/2")).mime_mappings, "mime_type") == ["a/1"]


@pytest.mark.rules("DD-MRG-05", "DD-ANN-03")
def test_a_servlet_takes_from_each_part_what_the_higher_ones_leave_open() -> None:
    web_app = well(
        servlet("s", param("a", "xml", "init-param"), of=""),
        servlet("s", param("a", "fragment", "init-param") + param("b", "fragment", "init-param")
                + "<load-on-startup>3</load-on-startup>"),
        classes=servlet("s", param("b", "class", "init-param") + param("c", "class", "init-param")
                        + "<async-supported>true</async-supported>", of="a.Annotated"),
    )  # fmt: skip
    [merged] = web_app.servlets
    assert {p.name: p.value for p in merged.init_params} == {"a": "xml", "b": "fragment", "c": "class"}
    assert (merged.servlet_class, merged.load_on_startup, merged.async_supported) == ("a.S", 3, True)
    assert merged.source.file == "web.xml"
    assert {name: source.file for name, source in merged.inherited} == {
        "servlet_class": "1.whl",
        "load_on_startup": "1.whl",
        "async_supported": "classes",
    }


@pytest.mark.rules("DD-MRG-05", "DD-SRV-05")
def test_who_chooses_a_page_chooses_against_the_class_of_others() -> None:
    [merged] = well(
        servlet("s", "<jsp-file>/a.jinja</jsp-file>", of=""), servlet("s", "<enabled>false</enabled>")
    ).servlets
    assert (merged.servlet_class, merged.jsp_file, merged.enabled) == (None, "/a.jinja", False)


# --- mappings ---------------------------------------------------------------------------------------------


@pytest.mark.rules("DD-MRG-08", "DD-MRG-09", "DD-MRG-16", "DD-ANN-04", "DD-ANN-05")
@pytest.mark.parametrize(
    ("web_xml", "first", "second", "classes", "patterns"),
    [
        (["/x"], ["/1"], ["/2"], ["/c"], ["/x"]),
        ([], ["/1"], ["/2", "/3"], ["/c"], ["/1", "/2", "/3"]),
        ([], [], [], ["/c"], ["/c"]),
        ([], ["/1"], ["/1"], [], ["/1", "/1"]),
    ],
)
def test_mappings_of_the_highest_rank_replace_all_others(
    web_xml: list[str], first: list[str], second: list[str], classes: list[str], patterns: list[str]
) -> None:
    def servlets(of: list[str]) -> str:
        return servlet("s") + (mapped("s", *of) if of else "")

    def filters(of: list[str]) -> str:
        return a_filter("f") + "".join(filtered("f", pattern) for pattern in of)

    other = servlet("other") + mapped("other", "/other")
    web_app = well(servlets(web_xml), servlets(first) + other, servlets(second), classes=servlets(classes))
    mappings = of(web_app.servlet_mappings, "servlet_name", "url_pattern")
    assert [pattern for name, pattern in mappings if name == "s"] == patterns
    assert ("other", "/other") in mappings  # of another servlet, so nothing replaces it
    web_app = well(filters(web_xml), filters(first), filters(second), classes=filters(classes))
    assert of(web_app.filter_mappings, "url_pattern") == patterns


@pytest.mark.rules("DD-ANN-05", "DD-FM-07")
def test_dispatchers_of_the_descriptor_replace_annotated_ones() -> None:
    annotated = a_filter("f") + filtered("f", "/*", "ERROR", "ASYNC")
    [mapping] = well(filtered("f", "/*", "FORWARD"), classes=annotated).filter_mappings
    assert mapping.dispatchers == {"FORWARD"}


@pytest.mark.rules("DD-ANN-01", "DD-ANN-02")
def test_names_decide_whether_two_declarations_are_one() -> None:
    annotated = servlet("com.example.Foo", param("ccc", "333", "init-param"), of="com.example.Foo")
    annotated += mapped("com.example.Foo", "/MyPattern")
    others = servlet("Foo", param("aaa", "111", "init-param"), of="com.example.Foo") + mapped("Foo", "/foo/*")
    others += servlet("Fum", param("bbb", "222", "init-param"), of="com.example.Foo") + mapped(
        "Fum", "/fum/*"
    )
    web_app = well(others, classes=annotated)
    assert of(web_app.servlets, "name") == ["Foo", "Fum", "com.example.Foo"]
    assert of(web_app.servlet_mappings, "url_pattern") == ["/foo/*", "/fum/*", "/MyPattern"]

    same = servlet("com.example.Foo", param("aaa", "111", "init-param"), of="com.example.Foo")
    web_app = well(same + mapped("com.example.Foo", "/foo/*"), classes=annotated)
    [merged] = web_app.servlets
    assert {p.name: p.value for p in merged.init_params} == {"aaa": "111", "ccc": "333"}
    assert of(web_app.servlet_mappings, "url_pattern") == ["/foo/*"]

    filters = well(a_filter("F"), classes=a_filter("com.example.F")).filters
    assert of(filters, "name") == ["F", "com.example.F"]


# --- the rest ---------------------------------------------------------------------------------------------


@pytest.mark.rules("DD-MRG-11", "DD-CTX-06")
@pytest.mark.parametrize(
    ("web_xml", "fragments", "result"),
    [
        ("<distributable/>", [], True),
        ("<distributable/>", ["<distributable/>"], True),
        ("<distributable/>", ["<distributable/>", ""], False),
        ("", ["<distributable/>"], False),
        ("<distributable/>", [None], True),  # a library without web-fragment.xml promises and denies nothing
    ],
)
def test_all_descriptors_must_promise_to_be_distributable(
    web_xml: str, fragments: list[str | None], result: bool
) -> None:
    parts = [fragment(xml, f"{i}.whl") for i, xml in enumerate(fragments)]
    assert well(web_xml, *parts).distributable is result


@pytest.mark.rules("DD-MRG-12")
def test_fragments_add_injection_targets_to_the_resource_of_web_xml() -> None:
    [entry] = well(env("e", "web", "a.A"), env("e", "1", "a.B"), env("e", "2", "a.A")).env_entries
    assert (entry.value, of(entry.injection_targets, "target_class")) == ("web", ["a.A", "a.B"])


@pytest.mark.rules("DD-MRG-12", "DD-ERR-13")
def test_in_fragments_alone_even_the_injection_targets_are_the_same() -> None:
    assert "differs" in conflict("", env("e", "1", "a.A"), env("e", "1", "a.B")).message


@pytest.mark.rules("DD-MRG-14")
@pytest.mark.parametrize("kind", ["post-construct", "pre-destroy"])
def test_callbacks_of_web_xml_replace_those_of_fragments(kind: str) -> None:
    def callbacks(web_app: WebApp) -> list[Any]:
        return of(getattr(web_app, kind.replace("-", "_") + "s"), "callback_class", "method")

    fragments = (callback(kind, "a.A", "m"), callback(kind, "a.B", "n") + callback(kind, "a.A", "m"))
    assert callbacks(well(callback(kind, "a.C", "o"), *fragments)) == [("a.C", "o")]
    assert callbacks(well("", *fragments)) == [("a.A", "m"), ("a.B", "n")]
    assert "second method" in conflict("", callback(kind, "a.A", "m"), callback(kind, "a.A", "n")).message


@pytest.mark.rules("DD-FRG-04")
def test_what_a_fragment_says_about_itself_is_ignored() -> None:
    web_app = well(
        "<display-name>Shop</display-name>",
        "<display-name>Library</display-name><description>d</description>",
    )
    assert (of(web_app.about.display_names, "value"), web_app.about.descriptions) == (["Shop"], ())
    assert well("", "<display-name>Library</display-name>").about.display_names == ()


@pytest.mark.rules("DD-MC-01", "DD-FRG-05")
def test_metadata_complete_keeps_everything_else_out() -> None:
    parts = {"classes": servlet("c") + mapped("c", "/c")}
    complete = well(servlet("s"), servlet("f"), attributes='metadata-complete="true"', **parts)
    assert of(complete.servlets, "name") == ["s"]
    assert complete.servlet_mappings == ()
    assert of(well(servlet("s"), servlet("f"), **parts).servlets, "name") == ["s", "c", "f"]


@pytest.mark.rules("DD-MRG-01", "DD-MRG-17", "DD-ERR-05", "DD-ERR-03", "DD-ERR-17", "DD-SM-04")
@pytest.mark.parametrize(
    ("web_xml", "fragments", "message"),
    [
        (
            servlet("a") + mapped("a", "/x"),
            servlet("b") + mapped("b", "/x"),
            'pattern> "/x" is mapped to "b"',
        ),
        (mapped("nobody", "/x"), servlet("a"), 'unknown servlet "nobody"'),
        (filtered("nobody", "/x"), a_filter("f"), 'unknown filter "nobody"'),
        (
            servlet(
                "a", "<security-role-ref><role-name>r</role-name><role-link>x</role-link></security-role-ref>"
            ),
            role("y"),
            '<role-link> names the undeclared role "x"',
        ),
    ],
)
def test_the_effective_descriptor_is_checked_again(web_xml: str, fragments: str, message: str) -> None:
    assert message in conflict(web_xml, fragments).message
    # and it may put right what one file alone has wrong
    assert well(mapped("a", "/x") + filtered("f", "/x"), servlet("a") + a_filter("f")).servlets[0].name == "a"


@pytest.mark.rules("DD-MRG-05")
def test_nothing_to_merge_changes_nothing() -> None:
    web_app = read(servlet("s", "<multipart-config/>") + timeout(3) + mime("a", "a/a"), "web.xml")
    merged, problems = merge(web_app, nothing("classes"), [fragment(None, "a.whl")])
    assert (merged, problems) == (web_app, [])
