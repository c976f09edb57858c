"""ServletContainerInitializers: where they are found, when they run, what they are given (RT-SCI)."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

SERVICE = "META-INF/services/jakarta.servlet.ServletContainerInitializer"
STARTER = """
from container.servlet import *
import notes

class Starter(ServletContainerInitializer):
    made = 0
    def __init__(self): Starter.made += 1
    def onStartup(self, classes, context):
        names = None if classes is None else sorted(c.__qualname__ for c in classes)
        notes.log.append(f"{type(self).__name__} {self.made} {names}")
"""
NOTES = "log = []"
SAYS = """
from container.servlet import *
import notes

class Says(HttpServlet):
    def service(self, request, response): response.getWriter().write("; ".join(notes.log))

class Listens(ServletContextListener, ServletContextAttributeListener):
    def contextInitialized(self, event): notes.log.append("contextInitialized")
    def attributeAdded(self, event): notes.log.append("attributeAdded " + event.getName())
"""
SAYS_XML = """
  <listener><listener-class>says.Listens</listener-class></listener>
  <servlet><servlet-name>says</servlet-name><servlet-class>says.Says</servlet-class></servlet>
  <servlet-mapping><servlet-name>says</servlet-name><url-pattern>/</url-pattern></servlet-mapping>
"""
COMMON: dict[str, str | bytes] = {"WEB-INF/classes/notes.py": NOTES, "WEB-INF/classes/says.py": SAYS}


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return buffer.getvalue()


def entry_points(*names: str) -> str:
    lines = [f"{name.rpartition(':')[2]} = {name}" for name in names]
    return "\n".join(
        ["[console_scripts]", "x = nosuch:x", "[jakarta.servlet.ServletContainerInitializer]", *lines]
    )


def named(name: str) -> str:
    return f"""<web-fragment xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"><name>{name}</name>
        </web-fragment>"""


@pytest.mark.rules("RT-SCI-01", "RT-SCI-05", "RT-SCI-02")
@pytest.mark.parametrize(
    "library",
    [
        {
            "WEB-INF/lib/start.zip": archive(
                {"start.py": STARTER, SERVICE: "# ours\nstart.Starter  # once\n\n"}
            )
        },
        {
            "WEB-INF/lib/start-1.0-py3-none-any.whl": archive(
                {"start.py": STARTER, "start-1.0.dist-info/entry_points.txt": entry_points("start:Starter")}
            )
        },
        {
            "WEB-INF/lib/start.py": STARTER,
            "WEB-INF/lib/start-1.0.dist-info/entry_points.txt": entry_points("start:Starter [extra]"),
        },
        {f"WEB-INF/lib/start/{SERVICE}": "start.Starter", "WEB-INF/lib/start/__init__.py": STARTER},
        {f"WEB-INF/classes/{SERVICE}": "start.Starter", "WEB-INF/classes/start.py": STARTER},
        {  # named twice
            "WEB-INF/lib/start.zip": archive(
                {
                    "start.py": STARTER,
                    SERVICE: "start.Starter\nstart:Starter",
                    "start-1.0.dist-info/entry_points.txt": entry_points("start:Starter"),
                }
            )
        },
    ],
    ids=["services", "wheel", "pip --target", "package", "classes", "twice"],
)
def test_found_once_and_called_before_any_listener(deploy: Any, web_xml: Any, library: Any) -> None:
    app = deploy(web_xml(SAYS_XML), files={**COMMON, **library})
    assert app.problems == []
    assert app.get("/").text == "Starter 1 None; contextInitialized"


@pytest.mark.rules("RT-SCI-05")
def test_one_of_the_environment_serves_every_web_app(
    deploy: Any, web_xml: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its module is the environment's, even if the web app has one of the same name."""
    site = tmp_path / "site"
    (site / "shared_starter-1.0.dist-info").mkdir(parents=True)
    (site / "shared_starter-1.0.dist-info/entry_points.txt").write_text(entry_points("shared_starter:Adds"))
    (site / "shared_starter.py").write_text(
        "class Adds:\n    def onStartup(self, classes, context): context.setAttribute('shared', 'yes')"
    )
    monkeypatch.syspath_prepend(site)
    apps = [
        deploy(web_xml(""), name=name, files={"WEB-INF/classes/shared_starter.py": "", **COMMON})
        for name in ("one", "two")
    ]
    sys.modules.pop("shared_starter")
    assert [app.problems for app in apps] == [[], []]
    assert [app.context.facade.getAttribute("shared") for app in apps] == ["yes", "yes"]


@pytest.mark.rules("RT-SCI-01")
def test_the_order_is_environment_classes_libraries(deploy: Any, web_xml: Any) -> None:
    def starter(name: str) -> str:
        return STARTER.replace("Starter", name)

    files = {
        **COMMON,
        "WEB-INF/lib/a.zip": archive({"a.py": starter("A"), SERVICE: "a.A"}),
        "WEB-INF/lib/b.zip": archive(
            {"b.py": starter("B"), SERVICE: "b.B", "META-INF/web-fragment.xml": named("b")}
        ),
        f"WEB-INF/classes/{SERVICE}": "c.C",
        "WEB-INF/classes/c.py": starter("C"),
    }
    ordering = "<absolute-ordering><name>b</name><others/></absolute-ordering>"
    app = deploy(web_xml(SAYS_XML), files=files)
    assert app.get("/").text.startswith("C 1 None; A 1 None; B 1 None; ")
    app = deploy(web_xml(ordering + SAYS_XML), files=files, name="ordered")
    assert app.get("/").text == (
        "C 1 None; B 1 None; A 1 None; contextInitialized"  # orderedLibs was there before the listeners
    )


HANDLES = STARTER.replace("class Starter", "@HandlesTypes(TYPES)\nclass Starter")
PLUGINS = """
class Plugin: pass
class Other: pass
class Mark:
    def __call__(self, target):
        target.__Mark__ = self
        return target
"""


@pytest.mark.rules("RT-SCI-02", "RT-SCI-04")
@pytest.mark.parametrize(
    ("types", "names"),
    [
        ("Plugin", ["Direct", "Indirect", "Inner.Nested", "InLibrary"]),  # not Plugin itself
        ("[Plugin, Other]", ["Another", "Direct", "Indirect", "Inner.Nested", "InLibrary"]),
        ("Mark", ["Field", "Marked", "Method"]),
        ("WebServlet", ["Page"]),
        ("Servlet", ["Page", "Says"]),
        ("int", None),
        ("()", None),
    ],
)
def test_handles_types(deploy: Any, web_xml: Any, types: str, names: list[str] | None) -> None:
    source = """
from typing import Annotated
from container.servlet import HttpServlet, WebServlet
from plugins import *
class Direct(Plugin): pass
class Inner:
    class Nested(Plugin): pass
class Another(Other): pass
class Plain: pass
@Mark()
class Marked: pass
class Inherits(Marked): pass
class Method:
    @Mark()
    def method(self): pass
class Field:
    field: Annotated[int, Mark()]
    other: Annotated[int, "x"]
@WebServlet("/page")
class Page(HttpServlet): pass
"""
    app = deploy(
        web_xml(SAYS_XML),
        files={
            **COMMON,
            "WEB-INF/classes/app.py": source,
            "WEB-INF/classes/far.py": "import app\nclass Indirect(app.Direct): pass",
            "WEB-INF/classes/broken.py": "import nosuch  # a Plugin, a Mark, a Servlet",
            "WEB-INF/classes/untouched.py": "raise RuntimeError('nothing to do with it')",
            "WEB-INF/lib/start.zip": archive(
                {
                    "start.py": "from plugins import *\n" + HANDLES.replace("TYPES", types),
                    "plugins.py": PLUGINS,
                    "more.py": "from plugins import Plugin\nclass InLibrary(Plugin): pass",
                    SERVICE: "start.Starter",
                }
            ),
        },
    )
    assert app.problems == []
    expected = None if names is None else sorted(names)
    assert app.get("/").text == f"Starter 1 {expected}; contextInitialized"


@pytest.mark.rules("RT-SCI-03", "DD-MC-02", "DD-MC-03")
@pytest.mark.parametrize("complete", ["true", "false"])
def test_metadata_complete_changes_nothing_and_excluded_libraries_take_no_part(
    deploy: Any, web_xml: Any, complete: str
) -> None:
    def library(name: str) -> bytes:
        plugin = f"from plugins import Plugin\nclass Of{name}(Plugin): pass"
        starter = f"from plugins import *\n{HANDLES}".replace("TYPES", "Plugin").replace(
            "Starter", f"Starter{name}"
        )
        return archive(
            {
                f"plugin{name}.py": plugin,
                f"start{name}.py": starter,
                SERVICE: f"start{name}.Starter{name}",
                "META-INF/web-fragment.xml": named(name),
            }
        )

    app = deploy(
        web_xml(
            "<absolute-ordering><name>In</name></absolute-ordering>" + SAYS_XML,
            attributes=f'metadata-complete="{complete}"',
        ),
        files={
            **COMMON,
            "WEB-INF/classes/plugins.py": PLUGINS,
            "WEB-INF/lib/in.zip": library("In"),
            "WEB-INF/lib/out.zip": library("Out"),
        },
    )
    assert app.problems == []
    assert app.get("/").text == "StarterIn 1 ['OfIn']; contextInitialized"


@pytest.mark.rules("RT-SCI-06", "RT-SCI-01")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class S:\n    def onStartup(self, c, context): raise ServletException('no luck')", "no luck"),
        ("class S:\n    def onStartup(self, c, context): raise ValueError('bad')", "ValueError: bad"),
        ("class S:\n    def onStartup(self, c, context): raise SystemExit(3)", "SystemExit: 3"),
        (
            "class S:\n    def __init__(self, more): pass\n    def onStartup(self, c, context): pass",
            "TypeError",
        ),
        ("class S: pass", "start.S has no onStartup"),
        ("import nosuch", "No module named 'nosuch'"),
        ("", 'there is no class "start.S"'),
    ],
)
def test_a_failure_keeps_the_web_app_from_starting(deploy: Any, source: str, message: str) -> None:
    app = deploy(
        files={
            f"WEB-INF/classes/{SERVICE}": "\nstart.S\n",
            "WEB-INF/classes/start.py": f"from container.servlet import *\n{source}",
        }
    )
    assert not app.running
    assert message in app.problems[0]
    assert app.problems[0].startswith(f"app/WEB-INF/classes/{SERVICE}:2:1: ")
    assert app.get("/").status == 503


@pytest.mark.rules("RT-SCI-01", "RT-REG-08", "RT-LST-02")
def test_what_an_initializer_registers_runs(deploy: Any, web_xml: Any) -> None:
    """Servlets, filters, and listeners, which come after the declared ones."""
    source = """
from container.servlet import *
import notes
from says import Says

class Late(ServletContextListener):
    def contextInitialized(self, event): notes.log.append("late")
class Mark(Filter):
    def doFilter(self, request, response, chain):
        response.setHeader("X-Mark", "yes")
        chain.doFilter(request, response)
class Starter(ServletContainerInitializer):
    def onStartup(self, classes, context):
        context.addListener(Late)
        context.addServlet("added", Says).addMapping("/added")
        context.addFilter("mark", "start.Mark").addMappingForUrlPatterns(None, True, "/added")
"""
    app = deploy(
        web_xml(SAYS_XML),
        files={**COMMON, f"WEB-INF/classes/{SERVICE}": "start.Starter", "WEB-INF/classes/start.py": source},
    )
    answer = app.get("/added")
    assert (answer.text, answer.header("X-Mark")) == ("contextInitialized; late", "yes")
