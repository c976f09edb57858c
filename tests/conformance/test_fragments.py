"""web-fragment.xml in WEB-INF/lib: what it may hold, and that it counts, from archive to answer (§8.2)."""

from __future__ import annotations

import enum
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from container.config import Settings
from container.descriptor.reader import NAMESPACES
from container.engine.container import Container
from container.servlet import HttpFilter, HttpServlet

Deploy = Callable[..., Any]
WebXml = Callable[..., str]

PLACE = "app/WEB-INF/lib/{}/META-INF/web-fragment.xml"


class Main(HttpServlet):
    def doGet(self, request: Any, response: Any) -> None:
        response.getWriter().write(f"{self.getServletName()} {self.getInitParameter('p')}")


class Mark(HttpFilter):
    def doFilter(self, request: Any, response: Any, chain: Any) -> None:
        response.addHeader("X-Mark", self.getFilterName())
        chain.doFilter(request, response)


def fragment(body: str, attributes: str = "") -> str:
    """A web-fragment.xml whose children begin in line 2."""
    return f'<web-fragment xmlns="{NAMESPACES["6.1"]}" version="6.1" {attributes}>\n{body}\n</web-fragment>'


def archive(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return data.getvalue()


def libraries(**bodies: str) -> dict[str, bytes]:
    """One zip for each name, with nothing in it but the fragment."""
    return {
        f"WEB-INF/lib/{name}.zip": archive({"META-INF/web-fragment.xml": fragment(body)})
        for name, body in bodies.items()
    }


def param(name: str, value: str) -> str:
    inside = f"<param-name>{name}</param-name><param-value>{value}</param-value>"
    return f"<init-param>{inside}</init-param>"


def servlet(name: str, *patterns: str, inside: str = "") -> str:
    declared = f"<servlet-name>{name}</servlet-name><servlet-class>app.Main</servlet-class>{inside}"
    body = f"<servlet>{declared}</servlet>"
    for pattern in patterns:
        named = f"<servlet-name>{name}</servlet-name><url-pattern>{pattern}</url-pattern>"
        body += f"<servlet-mapping>{named}</servlet-mapping>"
    return body


def a_filter(name: str) -> str:
    return (
        f"<filter><filter-name>{name}</filter-name><filter-class>app.Mark</filter-class></filter>"
        f"<filter-mapping><filter-name>{name}</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )


# --- what a fragment may hold -------------------------------------------------------------------------------


@pytest.mark.rules("DD-FRG-01")
@pytest.mark.parametrize(
    "element",
    [
        "<module-name>m</module-name>",
        "<default-context-path>/other</default-context-path>",
        "<request-character-encoding>UTF-8</request-character-encoding>",
        "<response-character-encoding>UTF-8</response-character-encoding>",
        "<deny-uncovered-http-methods/>",
        "<absolute-ordering/>",
    ],
)
def test_what_belongs_to_web_xml_alone_is_ignored_in_a_fragment(
    deploy: Deploy, web_xml: WebXml, element: str
) -> None:
    app = deploy(web_xml(""), classes=[Main], files=libraries(lib=element + servlet("s", "/s")))
    assert app.get("/s").status == 200  # also with the fragment's own absolute-ordering
    [problem] = app.problems
    assert problem.startswith(f"{PLACE.format('lib.zip')}:2:1: warning: {element.split('>')[0].rstrip('/')}>")
    assert "has no meaning in <web-fragment> and is ignored. It belongs in <web-app>" in problem
    context = app.context.facade
    assert (app.context.path, context.getRequestCharacterEncoding()) == ("/app", None)
    assert context.getResponseCharacterEncoding() is None


@pytest.mark.rules("DD-FRG-02", "DD-FRG-01")
@pytest.mark.parametrize("element", ["<ordering><after><others/></after></ordering>", "<name>shop</name>"])
def test_what_belongs_to_fragments_alone_is_ignored_in_web_xml(
    deploy: Deploy, web_xml: WebXml, element: str
) -> None:
    app = deploy(web_xml(f"\n{element}"), files={"a.txt": "a file"})
    assert app.get("/a.txt").status == 200
    [problem] = app.problems
    assert problem.startswith("app/WEB-INF/web.xml:2:1: warning: ")
    assert "has no meaning in <web-app> and is ignored. It belongs in <web-fragment>" in problem


@pytest.mark.rules("DD-FRG-03", "DD-ERR-08")
@pytest.mark.parametrize(
    ("names", "starts", "said"),
    [
        ("<name>shop_1$</name>", True, None),
        ("<name>größe</name>", True, None),
        ("", True, None),
        ("<name>my-shop</name>", True, '"my-shop" is no Java identifier'),
        ("<name>1st</name>", True, '"1st" is no Java identifier'),
        ("<name/>", False, "<name> is empty"),
        ("<name>a</name><name>b</name>", False, "<name> may stand in a file only once"),
        ("<ordering/><ordering/>", False, "<ordering> may stand in a file only once"),
        ("<ordering><after/><after/></ordering>", False, "<after> may stand in a file only once"),
        ("<ordering><before/><before/></ordering>", False, "<before> may stand in a file only once"),
    ],
)
def test_the_name_of_a_fragment(
    deploy: Deploy, web_xml: WebXml, names: str, starts: bool, said: str | None
) -> None:
    app = deploy(web_xml(""), files=libraries(lib=names))
    assert app.running is starts
    assert len(app.problems) == (said is not None)
    assert said is None or said in app.problems[0]


@pytest.mark.rules("DD-ORD-04", "DD-ORD-07")
@pytest.mark.parametrize(
    ("inside", "starts", "said"),
    [
        ("<others/><others/>", False, "<absolute-ordering> has <others/> more than once"),
        ("<name>a</name><others/><name>a</name>", True, "says something twice; only the first counts"),
    ],
)
def test_what_stands_twice_in_an_absolute_ordering(
    deploy: Deploy, web_xml: WebXml, inside: str, starts: bool, said: str
) -> None:
    app = deploy(
        web_xml(f"<absolute-ordering>{inside}</absolute-ordering>"), files=libraries(a="<name>a</name>")
    )
    assert app.running is starts
    assert said in app.problems[0]


@pytest.mark.rules("DD-FRG-04")
def test_the_display_name_of_a_fragment_is_not_the_web_apps(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(web_xml(""), files=libraries(lib="<display-name>Library</display-name><icon/>"))
    assert app.problems == []
    assert app.context.facade.getServletContextName() is None


# --- from the archive to the answer -------------------------------------------------------------------------


@pytest.mark.rules("DD-MRG-03", "DD-MRG-04", "DD-MRG-08", "DD-MRG-16")
def test_fragments_complete_web_xml(deploy: Deploy, web_xml: WebXml) -> None:
    app = deploy(
        web_xml(servlet("s", "/mine", inside=param("p", "web.xml"))),
        classes=[Main],
        files=libraries(
            a=servlet("s", "/theirs", inside=param("p", "a")) + servlet("a", "/a", inside=param("p", "1")),
            b=servlet("b", "/b", inside=param("p", "2")),
        ),
    )
    assert app.problems == []
    assert [app.get(path).text for path in ("/mine", "/a", "/b")] == ["s web.xml", "a 1", "b 2"]
    assert app.get("/theirs").status == 404


@pytest.mark.rules("DD-ORD-02", "DD-ORD-20", "DD-ORD-03", "DD-MRG-09")
@pytest.mark.parametrize(
    ("web_xml_body", "marks"),
    [
        ("", ["own", "b", "a"]),  # as the fragments ask
        ("<absolute-ordering><name>a</name><name>b</name></absolute-ordering>", ["own", "a", "b"]),
        ("<absolute-ordering><name>a</name></absolute-ordering>", ["own", "a"]),
        ("<absolute-ordering/>", ["own"]),
    ],
)
def test_filters_are_called_in_the_order_of_the_fragments(
    deploy: Deploy, web_xml: WebXml, web_xml_body: str, marks: list[str]
) -> None:
    app = deploy(
        web_xml(servlet("s", "/s") + a_filter("own") + web_xml_body),
        classes=[Main, Mark],
        files=libraries(
            a="<name>a</name><ordering><after><name>b</name></after></ordering>" + a_filter("a"),
            b="<name>b</name>" + a_filter("b"),
        ),
    )
    assert app.get("/s").all("X-Mark") == marks


MIME = "<mime-mapping><extension>x</extension><mime-type>a/{}</mime-type></mime-mapping>"
ORDERING = "<ordering><after><name>{}</name></after></ordering>"
TIMEOUT = "<session-config><session-timeout>{}</session-timeout></session-config>"
DATABASE = "<data-source><name>d</name><url>jdbc:a:{}</url></data-source>"


@pytest.mark.rules(
    "DD-MRG-02", "DD-MRG-06", "DD-MRG-13", "DD-ERR-05", "DD-ERR-09", "DD-ERR-10", "DD-ERR-11", "DD-ERR-12",
    "DD-ERR-13",
)  # fmt: skip
@pytest.mark.parametrize(
    ("first", "second", "said", "cure"),
    [
        (MIME.format(1), MIME.format(2), '<mime-mapping> "x" is "a/2" here and "a/1" at', MIME.format(3)),
        (
            servlet("s", inside=param("p", "1")),
            servlet("s", inside=param("p", "2")),
            '<servlet> "s": <init-param> "p" is "2" here and "1" at',
            servlet("s", inside=param("p", "3")),
        ),
        (TIMEOUT.format(1), TIMEOUT.format(2), "<session-timeout> is 2 here and 1 at", TIMEOUT.format(3)),
        (
            DATABASE.format(1),
            DATABASE.format(2),
            '<data-source> "d" differs from that at',
            DATABASE.format(3),
        ),
        (
            "<name>n</name>",
            "<name>n</name>",
            '<name> "n" is that of two fragments',
            "<absolute-ordering><name>n</name></absolute-ordering>",
        ),
        (
            "<name>a</name>" + ORDERING.format("b"),
            "<name>b</name>" + ORDERING.format("a"),
            "<ordering> is circular",
            "<absolute-ordering><others/></absolute-ordering>",
        ),
        (servlet("s", "/x"), servlet("t", "/x"), '<url-pattern> "/x" is mapped to "t"', None),
    ],
)
def test_contradictions_of_two_fragments_keep_the_web_app_from_starting(
    deploy: Deploy, web_xml: WebXml, first: str, second: str, said: str, cure: str | None
) -> None:
    app = deploy(web_xml(""), files=libraries(a=first, b=second))
    assert not app.running
    [error] = [problem for problem in app.problems if ": warning: " not in problem]
    assert said in error
    assert error.startswith(tuple(f"{PLACE.format(name)}:" for name in ("a.zip", "b.zip")))
    if cure is not None:
        cured = deploy(web_xml(cure), name="cured", files=libraries(a=first, b=second))
        assert cured.running


@pytest.mark.rules("DD-DOC-31")
@pytest.mark.parametrize("version", [version for version in NAMESPACES if version != "6.2"])
def test_the_version_of_web_xml_does_not_decide_whether_annotations_count(
    deploy: Deploy, version: str
) -> None:
    source = (
        "from container.servlet import HttpServlet, WebServlet\n"
        "@WebServlet('/annotated')\nclass Annotated(HttpServlet):\n"
        "    def doGet(self, request, response): response.getWriter().write('annotated')\n"
    )
    root = f'xmlns="{NAMESPACES[version]}"' if NAMESPACES[version] else ""
    app = deploy(f'<web-app {root} version="{version}"/>', files={"WEB-INF/classes/shop.py": source})
    assert app.get("/annotated").text == "annotated"


# --- the place of the web app -------------------------------------------------------------------------------


@pytest.mark.rules("DD-CTX-01", "DD-CTX-02")
@pytest.mark.parametrize(
    ("declared", "path"),
    [
        ("<default-context-path>/shop</default-context-path>", "/shop"),
        ("<default-context-path>/a/b</default-context-path>", "/a/b"),
        ("<default-context-path/>", ""),
        ("", "/app"),
    ],
)
def test_the_default_context_path_is_used_where_the_server_says_none(
    deploy: Deploy, web_xml: WebXml, declared: str, path: str
) -> None:
    app = deploy(web_xml(declared), files={"x.txt": "a file"})
    assert app.context.facade.getContextPath() == path
    assert (app.get("/x.txt").text, app.problems) == ("a file", [])


@pytest.mark.rules("DD-CTX-01")
def test_in_a_folder_of_web_apps_the_folders_name_wins(tmp_path: Path, web_xml: WebXml) -> None:
    for name, declared in (("one", "/shop"), ("two", "/two"), ("ROOT", "")):
        path = tmp_path / name / "WEB-INF" / "web.xml"
        path.parent.mkdir(parents=True)
        path.write_text(web_xml(f"<default-context-path>{declared}</default-context-path>"))
    container = Container(Settings(webapps=tmp_path))
    container.deploy_all(tmp_path)
    one, two, root = (container.contexts[path] for path in ("/one", "/two", ""))
    assert (two.problems, root.problems) == ([], [])
    [problem] = map(str, one.problems)
    assert problem.startswith("one/WEB-INF/web.xml:1:1: warning: ")
    assert '<default-context-path> "/shop" does not count: the server says "/one"' in problem
    container.stop(1)


# --- env-entry ----------------------------------------------------------------------------------------------


class Color(enum.Enum):
    RED = "r"


VALUES: list[tuple[str, str, Any]] = [
    ("java.lang.String", " a  b ", "a  b"),
    ("java.lang.String", "", ""),
    ("java.lang.Boolean", "true", True),
    ("java.lang.Boolean", "TRUE", True),
    ("java.lang.Boolean", "yes", False),
    ("java.lang.Byte", "-128", -128),
    ("java.lang.Short", "32767", 32767),
    ("java.lang.Integer", "+7", 7),
    ("java.lang.Long", "-9223372036854775808", -(2**63)),
    ("java.lang.Float", "1.5", 1.5),
    ("java.lang.Double", "-1e3", -1000.0),
    ("java.lang.Character", "é", "é"),
    ("java.lang.Class", "app.Color", Color),
    ("app.Color", "RED", Color.RED),
]


@pytest.mark.rules("DD-ENV-02", "DD-ENV-03", "DD-ENV-04", "DD-ENV-05")
@pytest.mark.parametrize(("kind", "text", "value"), VALUES)
def test_an_entry_is_a_python_value(
    deploy: Deploy, web_xml: WebXml, kind: str, text: str, value: Any
) -> None:
    found: list[Any] = []

    class Asks(HttpServlet):
        setting: Any = "unset"

        def init(self, config: Any) -> None:
            super().init(config)
            found.append(self.setting)

    def entry(name: str, inside: str) -> str:
        target = "<injection-target-class>app.Asks</injection-target-class>"
        target += f"<injection-target-name>{name}</injection-target-name>"
        target = f"<injection-target>{target}</injection-target>"
        return f"<env-entry><env-entry-name>{name}</env-entry-name>{inside}{target}</env-entry>"

    typed = f"<env-entry-type>{kind}</env-entry-type><env-entry-value>{text}</env-entry-value>"
    declared = "<servlet><servlet-name>s</servlet-name><servlet-class>app.Asks</servlet-class>"
    declared += "<load-on-startup>1</load-on-startup></servlet>"
    app = deploy(web_xml(declared + entry("setting", typed)), classes=[Asks, Color])
    assert (app.problems, found) == ([], [value])
    assert type(found[0]) is type(value)
    # without a value nothing is injected, and the type is that of the target
    deploy(web_xml(declared + entry("setting", "")), classes=[Asks, Color], name="second")
    assert found[1:] == ["unset"]
