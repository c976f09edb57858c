"""The order of a web app's start and end, what fails it, listeners and injection (DD-DEP, DD-LST, DD-INJ)."""

from __future__ import annotations

import enum
import gc
import threading
import weakref
from typing import Any

import pytest

from container.engine.lifecycle import State
from container.errors import DeploymentError
from container.servlet import (
    AsyncListener,
    Filter,
    HttpServlet,
    HttpSessionAttributeListener,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
    PostConstruct,
    PreDestroy,
    ServletContainerInitializer,
    ServletContextAttributeListener,
    ServletContextListener,
    ServletException,
    ServletRequestAttributeListener,
    ServletRequestListener,
)

PATIENCE_S = 60.0  # only ever used up by a failure
SERVICE = "WEB-INF/classes/META-INF/services/jakarta.servlet.ServletContainerInitializer"


def listener(name: str) -> str:
    return f"<listener><listener-class>app.{name}</listener-class></listener>"


def servlet(name: str, more: str = "", pattern: str = "") -> str:
    mapped = f"<servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>{pattern or '/' + name}"
    return (
        f"<servlet><servlet-name>{name}</servlet-name><servlet-class>app.{name}</servlet-class>{more}"
        f"</servlet>{mapped}</url-pattern></servlet-mapping>"
    )


def filter_(name: str) -> str:
    return (
        f"<filter><filter-name>{name}</filter-name><filter-class>app.{name}</filter-class></filter>"
        f"<filter-mapping><filter-name>{name}</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )


EAGER = "<load-on-startup>{}</load-on-startup>"


class Recording:
    """Classes that write down what happens to them."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def listener(self, name: str) -> type:
        log = self.log

        def __init__(self: Any) -> None:  # noqa: N807
            log.append(f"new {name}")

        return type(
            name,
            (ServletContextListener, HttpSessionListener),
            {
                "__init__": __init__,
                "contextInitialized": lambda self, event: log.append(f"{name} initialized"),
                "contextDestroyed": lambda self, event: log.append(f"{name} destroyed"),
                "sessionDestroyed": lambda self, event: log.append(f"{name} session"),
            },
        )

    def filter(self, name: str) -> type:
        log = self.log
        return type(
            name,
            (Filter,),
            {
                "init": lambda self, config: log.append(f"init {name}"),
                "doFilter": lambda self, request, response, chain: chain.doFilter(request, response),
                "destroy": lambda self: log.append(f"destroy {name}"),
            },
        )

    def servlet(self, name: str, service: Any = None) -> type:
        log = self.log
        return type(
            name,
            (HttpServlet,),
            {
                "init": lambda self, config=None: log.append(f"init {name}"),
                "service": service or (lambda self, request, response: request.getSession()),
                "destroy": lambda self: log.append(f"destroy {name}"),
            },
        )


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.mark.rules("DD-DEP-01", "RT-LST-04", "RT-LST-05", "DD-LST-02", "DD-SRV-10")
def test_the_order_of_a_start(deploy: Any, web_xml: Any, recording: Recording) -> None:
    class Starter(ServletContainerInitializer):
        def onStartup(self, classes: Any, context: Any) -> None:
            recording.log.append("initializer")

    app = deploy(
        web_xml(
            servlet("Lazy")
            + servlet("Late", EAGER.format(9))
            + servlet("Early", EAGER.format(0))
            + servlet("Empty", "<load-on-startup/>")
            + filter_("First")
            + filter_("Second")
            + listener("A")
            + listener("B")
        ),
        classes=[
            Starter,
            *(recording.listener(name) for name in "AB"),
            *(recording.filter(name) for name in ("First", "Second")),
            *(recording.servlet(name) for name in ("Lazy", "Late", "Early", "Empty")),
        ],
        files={SERVICE: "app.Starter"},
    )
    assert app.running
    assert recording.log == [
        "initializer", "new A", "new B", "A initialized", "B initialized", "init First", "init Second",
        "init Early", "init Late", "init Empty",
    ]  # fmt: skip


@pytest.mark.rules("DD-DEP-02", "DD-DEP-03", "RT-LST-11", "RT-LST-05")
def test_the_order_of_an_end(deploy: Any, web_xml: Any, recording: Recording) -> None:
    """No new requests; the running one ends first; servlets, filters, sessions, then listeners backwards."""
    inside, go_on, log = threading.Event(), threading.Event(), recording.log

    def service(self: Any, request: Any, response: Any) -> None:
        request.getSession()
        inside.set()
        go_on.wait(PATIENCE_S)
        log.append("answered")
        response.getWriter().write("done")

    app = deploy(
        web_xml(listener("A") + listener("B") + filter_("Mark") + servlet("Slow")),
        classes=[
            recording.listener("A"),
            recording.listener("B"),
            recording.filter("Mark"),
            recording.servlet("Slow", service),
        ],
    )
    client = app.connect()
    client.send(b"GET /app/Slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert inside.wait(PATIENCE_S)
    log.clear()
    gone = threading.Event()
    app.container.on_static_plan(lambda plan: gone.set() if "/app" not in app.container.contexts else None)
    undeploying = threading.Thread(target=app.container.undeploy, args=("/app",))
    undeploying.start()
    assert gone.wait(PATIENCE_S)
    assert app.get("/Slow").status == 404
    assert log == []
    go_on.set()
    assert client.answer().text == "done"
    undeploying.join(PATIENCE_S)
    assert log == [
        "answered", "destroy Slow", "destroy Mark", "B session", "A session", "B destroyed", "A destroyed",
    ]  # fmt: skip


@pytest.mark.rules("DD-DEP-02", "RT-LIFE-13")
def test_nothing_that_is_raised_at_the_end_keeps_the_rest_from_ending(deploy: Any, web_xml: Any) -> None:
    ended: list[str] = []

    def fails(name: str, error: BaseException) -> Any:
        def fail(*_: Any) -> None:
            ended.append(name)
            raise error

        return fail

    classes = [
        type("S", (HttpServlet,), {"destroy": fails("servlet", ValueError()), "service": lambda *_: None}),
        type("F", (Filter,), {"destroy": fails("filter", SystemExit()), "doFilter": lambda *_: None}),
        type("A", (ServletContextListener,), {"contextDestroyed": fails("A", GeneratorExit())}),
        type("B", (ServletContextListener,), {"contextDestroyed": fails("B", ServletException())}),
    ]
    app = deploy(
        web_xml(servlet("S", EAGER.format(1)) + filter_("F") + listener("A") + listener("B")), classes=classes
    )
    app.container.undeploy("/app")
    assert ended == ["servlet", "filter", "B", "A"]
    assert app.context.state is State.STOPPED


@pytest.mark.rules("DD-ERR-20", "RT-CTX-18")
def test_the_second_web_app_of_a_context_path_is_refused(deploy: Any, web_xml: Any) -> None:
    """Paths are compared case-sensitively."""
    with_path = web_xml("<default-context-path>/app</default-context-path>")
    app = deploy(web_xml(""), files={"x.txt": "first"})
    with pytest.raises(DeploymentError, match='the context path "/app" is taken by app'):
        deploy(with_path, name="second")
    assert deploy(web_xml(""), name="App", files={"x.txt": "other"}).get("/x.txt").text == "other"
    assert app.get("/x.txt").text == "first"


ERRORS = [ValueError("bad"), ServletException("bad"), SystemExit("bad"), GeneratorExit("bad")]


@pytest.mark.rules("DD-ERR-21", "RT-LST-10")
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_a_context_listener_that_raises_fails_the_web_app(
    deploy: Any, web_xml: Any, recording: Recording, error: BaseException
) -> None:
    class Raises(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            raise error

    app = deploy(
        web_xml("\n" + listener("A") + "\n" + listener("Raises") + listener("B") + filter_("F")),
        classes=[Raises, recording.listener("A"), recording.listener("B"), recording.filter("F")],
    )
    assert not app.running
    assert app.problems[0].startswith("app/WEB-INF/web.xml:3:")
    assert f"contextInitialized of app.Raises failed: {type(error).__name__}: bad" in app.problems[0]
    assert app.get("/").status == 503
    assert recording.log == ["new A", "new B", "A initialized", "A destroyed"]
    assert deploy(web_xml(""), name="other", files={"x.txt": "x"}).get("/x.txt").text == "x"


@pytest.mark.rules("DD-ERR-22")
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_a_filter_that_does_not_initialise_fails_the_web_app(
    deploy: Any, web_xml: Any, recording: Recording, error: BaseException
) -> None:
    class Raises(Filter):
        def init(self, config: Any) -> None:
            raise error

    app = deploy(
        web_xml(listener("A") + filter_("F") + filter_("Raises")),
        classes=[Raises, recording.filter("F"), recording.listener("A")],
    )
    assert not app.running
    assert f"filter Raises failed: {type(error).__name__}: bad" in app.problems[0]
    assert recording.log == ["new A", "A initialized", "init F", "destroy F", "A destroyed"]


@pytest.mark.rules("DD-ERR-23")
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_a_servlet_that_fails_at_the_start_is_alone_out_of_service(
    deploy: Any, web_xml: Any, recording: Recording, error: BaseException
) -> None:
    class Raises(HttpServlet):
        def init(self, config: Any = None) -> None:
            raise error

    app = deploy(
        web_xml(servlet("Raises", EAGER.format(1)) + servlet("Good", EAGER.format(2))),
        classes=[Raises, recording.servlet("Good")],
    )
    assert app.running
    assert "warning: servlet Raises does not start" in app.problems[0]
    assert [app.get(path).status for path in ("/Good", "/Raises")] == [200, 500]


@pytest.mark.rules("DD-LST-01")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Nosuch", 'there is no class "app.Nosuch"'),
        ("Wants", "TypeError"),
        ("Raises", "ValueError: bad"),
        ("Exits", "SystemExit: bad"),
        ("helper", "no class but of type"),
    ],
)
def test_a_listener_that_cannot_be_made_fails_the_web_app(
    deploy: Any, web_xml: Any, name: str, message: str
) -> None:
    class Wants(ServletContextListener):
        def __init__(self, more: int) -> None:
            pass

    class Raises(ServletContextListener):
        def __init__(self) -> None:
            raise ValueError("bad")

    class Exits(ServletContextListener):
        @PostConstruct
        def begin(self) -> None:
            raise SystemExit("bad")

    def helper() -> None:
        pass

    app = deploy(web_xml("\n" + listener(name)), classes=[Wants, Raises, Exits, helper])
    assert not app.running
    assert app.problems[0].startswith("app/WEB-INF/web.xml:2:")
    assert message in app.problems[0]


@pytest.mark.rules("DD-LST-03", "DD-LST-06")
def test_one_class_is_one_listener_for_all_its_interfaces(deploy: Any, web_xml: Any) -> None:
    heard: list[tuple[int, str]] = []

    class A(ServletContextListener, ServletRequestListener, ServletContextAttributeListener):
        def contextInitialized(self, event: Any) -> None:
            heard.append((id(self), "context"))
            event.getServletContext().setAttribute("x", 1)

        def attributeAdded(self, event: Any) -> None:
            heard.append((id(self), "attribute"))

        def requestInitialized(self, event: Any) -> None:
            heard.append((id(self), "request"))

    twice = listener("A") * 2 + "<listener><listener-class>app:A</listener-class></listener>"
    app = deploy(web_xml(twice), classes=[A])
    app.get("/")
    assert [what for _, what in heard] == ["context", "attribute", "request"]
    assert len({who for who, _ in heard}) == 1


@pytest.mark.rules("DD-LST-04", "DD-LST-05")
@pytest.mark.parametrize("base", [object, AsyncListener, HttpSessionBindingListener])
def test_what_cannot_be_declared_as_a_listener_is_a_warning(deploy: Any, web_xml: Any, base: type) -> None:
    app = deploy(web_xml("\n" + listener("A")), classes=[type("A", (base,), {})])
    assert app.running
    (problem,) = app.problems
    assert problem.startswith("app/WEB-INF/web.xml:2:")
    assert "warning: app.A implements no listener interface" in problem


# Injection


def env_entry(name: str, kind: str, value: str, owner: str = "app.S", target: str = "") -> str:
    return (
        f"<env-entry><env-entry-name>{name}</env-entry-name><env-entry-type>java.lang.{kind}</env-entry-type>"
        f"<env-entry-value>{value}</env-entry-value><injection-target><injection-target-class>{owner}"
        f"</injection-target-class><injection-target-name>{target or name}</injection-target-name>"
        "</injection-target></env-entry>"
    )


def callback(kind: str, owner: str, method: str) -> str:
    return (
        f"<{kind}><lifecycle-callback-class>app.{owner}</lifecycle-callback-class>"
        f"<lifecycle-callback-method>{method}</lifecycle-callback-method></{kind}>"
    )


@pytest.mark.rules("DD-INJ-01", "DD-INJ-02", "DD-INJ-04", "DD-INJ-05", "RT-LIFE-02")
def test_injection_and_callbacks_around_a_life(deploy: Any, web_xml: Any) -> None:
    log: list[str] = []

    class Base(HttpServlet):
        rate: float

        def __init__(self) -> None:
            self.greeting = "none"
            self.limit = 0

        def setLimit(self, limit: int) -> None:
            self.limit = limit * 2

        def of_base(self) -> None:
            log.append("of_base")

    class S(Base):
        def begin(self) -> None:
            log.append(f"begin {self.greeting} {self.limit} {self.rate}")

        def init(self, config: Any = None) -> None:
            log.append("init")

        def service(self, request: Any, response: Any) -> None:
            log.append("service")

        def destroy(self) -> None:
            log.append("destroy")

        def end(self) -> None:
            log.append("end")

    app = deploy(
        web_xml(
            servlet("S")
            + env_entry("greeting", "String", "hi")
            + env_entry("limit", "Integer", "21")
            + env_entry("rate", "Double", "1.5", "app.Base")
            + callback("post-construct", "S", "begin")
            + callback("post-construct", "Base", "of_base")
            + callback("pre-destroy", "S", "end")
        ),
        classes=[Base, S],
    )
    assert app.problems == []
    app.get("/S")
    app.container.undeploy("/app")
    assert log == ["of_base", "begin hi 42 1.5", "init", "service", "destroy", "end"]


class Colour(enum.Enum):
    RED = 1


@pytest.mark.rules("DD-INJ-01", "DD-ENV-03", "DD-ENV-04", "DD-ENV-05")
@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("java.lang.String", " kept ", "kept"),
        ("java.lang.Character", "x", "x"),
        ("java.lang.Boolean", "TRUE", True),
        ("java.lang.Boolean", "yes", False),
        ("java.lang.Byte", "-1", -1),
        ("java.lang.Short", "300", 300),
        ("java.lang.Integer", "5", 5),
        ("java.lang.Long", "5000000000", 5000000000),
        ("java.lang.Float", "1.5", 1.5),
        ("java.lang.Double", "1e3", 1000.0),
        ("java.lang.Class", "app.Colour", Colour),
        ("app.Colour", "RED", Colour.RED),
        (None, "7", 7),  # as the attribute is declared
        ("java.lang.Integer", None, "not set"),
        ("app.Colour", "BLUE", "error"),
        ("java.lang.Class", "app.Nosuch", "error"),
    ],
)
def test_values_that_are_injected(
    deploy: Any, web_xml: Any, kind: str | None, text: str | None, value: Any
) -> None:
    got: list[Any] = []

    class S(HttpServlet):
        said: int = "not set"  # type: ignore[assignment]

        def init(self, config: Any = None) -> None:
            got.append(self.said)

    entry = (
        (
            f"<env-entry><env-entry-name>x</env-entry-name><env-entry-type>{kind}</env-entry-type>"
            f"<env-entry-value>{text}</env-entry-value><injection-target><injection-target-class>app.S"
            "</injection-target-class><injection-target-name>said</injection-target-name></injection-target>"
            "</env-entry>"
        )
        .replace("<env-entry-type>None</env-entry-type>", "")
        .replace("<env-entry-value>None</env-entry-value>", "")
    )
    app = deploy(web_xml(servlet("S", EAGER.format(1)) + entry), classes=[S, Colour])
    if value == "error":
        assert not app.running
        assert "<env-entry> x has no value of type" in app.problems[0]
    else:
        assert app.running
        assert got == [value]
        assert type(got[0]) is type(value)


@pytest.mark.rules("DD-INJ-02", "DD-INJ-04", "DD-INJ-05")
def test_callbacks_by_annotation_for_every_kind_of_component(deploy: Any, web_xml: Any) -> None:
    log: list[str] = []

    class Called:
        @PostConstruct
        def begin(self) -> None:
            log.append(f"begin {type(self).__name__}")

        @PreDestroy
        def end(self) -> None:
            log.append(f"end {type(self).__name__}")

    class L(Called, ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            log.append("initialized")
            event.getServletContext().createServlet(S)

    class F(Called, Filter):
        def init(self, config: Any) -> None:
            log.append("init F")

    class S(Called, HttpServlet):
        pass

    app = deploy(
        web_xml(listener("L") + filter_("F") + servlet("S", EAGER.format(1))), classes=[L, F, S, Called]
    )
    app.container.undeploy("/app")
    assert log == [
        "begin L", "initialized", "begin S", "begin F", "init F", "begin S", "end S", "end F", "end L",
    ]  # fmt: skip


@pytest.mark.rules("DD-INJ-01", "DD-INJ-02", "DD-INJ-04", "DD-INJ-05", "RT-ASY-45")
@pytest.mark.parametrize(
    "kind",
    [
        Filter, ServletContextListener, ServletContextAttributeListener, ServletRequestListener,
        ServletRequestAttributeListener, HttpSessionListener, HttpSessionAttributeListener,
        HttpSessionIdListener, AsyncListener,
    ],
)  # fmt: skip
def test_every_kind_of_component_is_injected(deploy: Any, web_xml: Any, kind: type) -> None:
    log: list[str] = []

    class C(kind):
        who = "nobody"

        def begin(self) -> None:
            log.append(f"begin {self.who}")

        def end(self) -> None:
            log.append("end")

    class S(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            context = request.startAsync()
            log.append(context.createListener(C).who)
            context.complete()

    by_code = kind is AsyncListener
    declared = filter_("C") if kind is Filter else "" if by_code else listener("C")
    app = deploy(
        web_xml(
            servlet("S", "<async-supported>true</async-supported>")
            + declared
            + env_entry("who", "String", "somebody", "app.C")
            + callback("post-construct", "C", "begin")
            + callback("pre-destroy", "C", "end")
        ),
        classes=[C, S],
    )
    assert app.problems == []
    if by_code:
        app.get("/S")
    app.container.undeploy("/app")
    assert log == ["begin somebody", "somebody" if by_code else "end"]


@pytest.mark.rules("DD-INJ-04")
def test_a_component_whose_post_construct_fails_is_not_used(deploy: Any, web_xml: Any) -> None:
    served: list[str] = []

    class S(HttpServlet):
        def begin(self) -> None:
            raise ValueError("not today")

        def init(self, config: Any = None) -> None:
            served.append("init")

        def service(self, request: Any, response: Any) -> None:
            served.append("service")

    app = deploy(web_xml(servlet("S") + callback("post-construct", "S", "begin")), classes=[S])
    assert (app.get("/S").status, served) == (500, [])


@pytest.mark.rules("DD-INJ-05")
def test_a_pre_destroy_that_fails_is_only_logged(deploy: Any, web_xml: Any, caplog: Any) -> None:
    class S(HttpServlet):
        def end(self) -> None:
            raise SystemExit

    app = deploy(web_xml(servlet("S", EAGER.format(1)) + callback("pre-destroy", "S", "end")), classes=[S])
    app.container.undeploy("/app")
    assert app.context.state is State.STOPPED
    assert "pre-destroy method end" in caplog.text


@pytest.mark.rules("DD-INJ-01", "DD-INJ-03")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (env_entry("greeting", "String", "hi", "app.Nosuch"), 'there is no class "app.Nosuch"'),
        (env_entry("nosuch", "String", "hi"), "app.S has no attribute nosuch"),
        (callback("post-construct", "Nosuch", "begin"), 'there is no class "app.Nosuch"'),
        (callback("pre-destroy", "S", "nosuch"), "app.S has no method nosuch"),
        (
            callback("post-construct", "S", "begin") + callback("post-construct", "S", "end"),
            "names a second method",
        ),
    ],
)
def test_wrong_injections_and_callbacks_are_errors(
    deploy: Any, web_xml: Any, body: str, message: str
) -> None:
    class S(HttpServlet):
        def begin(self) -> None:
            pass

        end = begin

    app = deploy(web_xml(servlet("S") + body), classes=[S])
    assert not app.running
    assert message in app.problems[0]
    assert app.problems[0].startswith("app/WEB-INF/web.xml:1:")


def test_an_ended_web_app_leaves_nothing_behind(deploy: Any) -> None:
    source = """
from container.servlet import *
@WebServlet("/", loadOnStartup=1)
class S(HttpServlet): pass
@WebListener
class L(ServletContextListener):
    def contextInitialized(self, event):
        event.getServletContext().addServlet("instance", S())
"""
    app = deploy(files={"WEB-INF/classes/shop.py": source})
    left = weakref.ref(app.context.loader.load_class("shop.S"))
    app.container.undeploy("/app")
    app.context = None
    gc.collect()
    assert left() is None
