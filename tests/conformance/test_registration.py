"""Servlets, filters and listeners that code registers, and until when it may (RT-REG)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import (
    DispatcherType,
    Filter,
    HttpServlet,
    HttpSessionAttributeListener,
    HttpSessionIdListener,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    MultipartConfigElement,
    Servlet,
    ServletContainerInitializer,
    ServletContextAttributeListener,
    ServletContextListener,
    ServletException,
    ServletRequestAttributeListener,
    ServletRequestListener,
    ServletSecurityElement,
    SessionTrackingMode,
    UnsupportedOperationException,
)

SERVICE = "WEB-INF/classes/META-INF/services/jakarta.servlet.ServletContainerInitializer"
LISTENER = "<listener><listener-class>app.Registers</listener-class></listener>"
PRELIMINARY = """
  <servlet><servlet-name>pre</servlet-name><init-param><param-name>a</param-name><param-value>1</param-value>
  </init-param></servlet>
  <servlet-mapping><servlet-name>pre</servlet-name><url-pattern>/pre</url-pattern></servlet-mapping>
  <filter><filter-name>pref</filter-name></filter>
"""


class Hello(HttpServlet):
    def service(self, request: Any, response: Any) -> None:
        params = ",".join(f"{n}={self.getInitParameter(n)}" for n in self.getInitParameterNames())
        response.getWriter().write(f"{self.getServletName()} {params}".strip())


class Mark(Filter):
    def doFilter(self, request: Any, response: Any, chain: Any) -> None:
        response.addHeader("X-Mark", "yes")
        chain.doFilter(request, response)


class Cannot(HttpServlet):
    def __init__(self) -> None:
        raise ValueError("no")


@pytest.fixture
def register(deploy: Any, web_xml: Any) -> Callable[..., Any]:
    """register(function, more_xml): call function with the ServletContext in contextInitialized."""

    def register_with(function: Callable[[Any], None], more: str = "", **arguments: Any) -> Any:
        class Registers(ServletContextListener):
            def contextInitialized(self, event: Any) -> None:
                function(event.getServletContext())

        classes = [Registers, Hello, Mark, *arguments.pop("classes", ())]
        return deploy(web_xml(LISTENER + more), classes=classes, **arguments)

    return register_with


@pytest.mark.rules("RT-REG-04", "RT-REG-15")
@pytest.mark.parametrize("how", [Hello, "app.Hello", Hello()], ids=["class", "name", "instance"])
def test_add_servlet_by_class_name_and_instance(register: Any, how: Any) -> None:
    def registers(context: Any) -> None:
        added = context.addServlet("added", how)
        assert added.addMapping("/added") == set()
        added.setInitParameter("x", "y")
        assert added.getName() == "added"
        assert added.getClassName().endswith("Hello")
        assert context.addServlet("added", Hello) is None

    app = register(registers)
    assert app.problems == []
    assert app.get("/added").text == "added x=y"


@pytest.mark.rules("RT-REG-04", "RT-REG-15", "DD-SRV-04")
@pytest.mark.parametrize("how", ["class", "name", "instance"])
def test_preliminary_declarations_are_completed(register: Any, how: str) -> None:
    servlet = {"class": Hello, "name": "app.Hello", "instance": Hello()}[how]
    filter_ = {"class": Mark, "name": "app.Mark", "instance": Mark()}[how]

    def registers(context: Any) -> None:
        assert context.getServletRegistration("pre").getClassName() is None
        assert set(context.getServletRegistrations()) == {"pre"}
        assert set(context.getFilterRegistrations()) == {"pref"}
        completed = context.addServlet("pre", servlet)
        assert completed.getMappings() == ["/pre"]
        assert completed.getInitParameters() == {"a": "1"}
        assert context.addServlet("pre", servlet) is None
        completed = context.addFilter("pref", filter_)
        assert completed.getClassName().endswith("Mark")
        completed.addMappingForServletNames(None, False, "pre")
        assert context.addFilter("pref", filter_) is None

    app = register(registers, PRELIMINARY)
    assert app.problems == []
    answer = app.get("/pre")
    assert (answer.text, answer.header("X-Mark")) == ("pre a=1", "yes")


def test_a_preliminary_filter_that_nobody_completes_is_an_error(deploy: Any, web_xml: Any) -> None:
    app = deploy(web_xml("<filter><filter-name>pref</filter-name></filter>"))
    assert not app.running
    assert 'filter "pref" has no class' in app.problems[0]


@pytest.mark.rules("RT-REG-04")
def test_add_jsp_file(register: Any) -> None:
    def registers(context: Any) -> None:
        context.addJspFile("page", "/page.jinja").addMapping("/page")
        assert context.addJspFile("page", "/page.jinja") is None
        with pytest.raises(IllegalArgumentException):
            context.addJspFile("other", "page.jinja")

    app = register(registers, files={"page.jinja": "{{ 1 + 1 }}"})
    assert app.get("/page").text == "2"


@pytest.mark.rules("RT-REG-03", "RT-REG-08", "RT-REG-09", "RT-REG-11", "RT-REG-12", "RT-REG-13", "RT-REG-07")
@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.addServlet(None, Hello),
        lambda c: c.addServlet("", Hello),
        lambda c: c.addServlet("x", None),
        lambda c: c.addServlet("x", Mark()),
        lambda c: c.addJspFile("", "/x.jinja"),
        lambda c: c.addJspFile("x", None),
        lambda c: c.addFilter(None, Mark),
        lambda c: c.addFilter("", Mark),
        lambda c: c.addFilter("x", Hello),
        lambda c: c.addListener("app.Nosuch"),
        lambda c: c.addListener(Hello),
        lambda c: c.addListener(Cannot),
        lambda c: c.addListener(object()),
        lambda c: c.addListener(None),
        lambda c: c.addListener(type("Late", (ServletContextListener,), {})),
        lambda c: c.createListener(Hello),
        lambda c: c.declareRoles("ok", ""),
        lambda c: c.declareRoles(None),
        lambda c: c.addServlet("x", Hello).addMapping(),
        lambda c: c.addServlet("x", Hello).addMapping("/a", None),
        lambda c: c.addServlet("x", Hello).addMapping("a"),
        lambda c: c.addServlet("x", Hello).setInitParameter(None, "v"),
        lambda c: c.addServlet("x", Hello).setInitParameter("n", None),
        lambda c: c.addServlet("x", Hello).setInitParameters({"n": None}),
        lambda c: c.addServlet("x", Hello).setMultipartConfig(None),
        lambda c: c.addServlet("x", Hello).setRunAsRole(None),
        lambda c: c.addServlet("x", Hello).setServletSecurity(None),
        lambda c: c.addFilter("x", Mark).addMappingForUrlPatterns(None, True),
        lambda c: c.addFilter("x", Mark).addMappingForUrlPatterns(None, True, None),
        lambda c: c.addFilter("x", Mark).addMappingForUrlPatterns(None, True, "a"),
        lambda c: c.addFilter("x", Mark).addMappingForServletNames(None, True),
        lambda c: c.addFilter("x", Mark).addMappingForServletNames(None, True, None),
        lambda c: c.addFilter("x", Mark).setInitParameter(None, "v"),
    ],
)
def test_what_cannot_be_meant_is_refused(register: Any, call: Callable[[Any], Any]) -> None:
    refused = []

    def registers(context: Any) -> None:
        with pytest.raises(IllegalArgumentException) as caught:
            call(context)
        refused.append(caught.value)

    assert register(registers).running
    assert len(refused) == 1
    assert str(refused[0])


@pytest.mark.rules("RT-REG-05")
def test_an_instance_is_registered_once_in_all_of_the_container(register: Any) -> None:
    servlet, filter_ = Hello(), Mark()
    said: list[bool] = []

    def registers(context: Any) -> None:
        said.append(context.addServlet("one", servlet) is not None)
        said.append(context.addServlet("two", servlet) is not None)
        said.append(context.addFilter("one", filter_) is not None)
        said.append(context.addFilter("two", filter_) is not None)

    register(registers)
    assert said == [True, False, True, False]
    app = register(registers, name="other")
    assert said[4:] == [False] * 4
    app.container.undeploy("/app")
    app.container.reload(app.context)
    assert said[8:] == [True, False, True, False]  # the first web app has let go of them


@pytest.mark.rules("RT-REG-07")
def test_create(register: Any) -> None:
    def registers(context: Any) -> None:
        servlet = context.createServlet(Hello)
        assert type(servlet) is Hello
        context.addServlet("created", servlet).addMapping("/created")
        context.addFilter("created", context.createFilter(Mark)).addMappingForUrlPatterns(None, True, "/*")
        assert isinstance(context.createListener(Heard), Heard)
        for create in (context.createServlet, context.createFilter):
            with pytest.raises(ServletException, match="no"):
                create(Cannot)

        class CannotListen(Cannot, HttpSessionListener):
            pass

        with pytest.raises(ServletException):
            context.createListener(CannotListen)

    class Heard(ServletRequestListener):
        pass

    app = register(registers)
    answer = app.get("/created")
    assert (answer.text, answer.header("X-Mark")) == ("created", "yes")


@pytest.mark.rules("RT-REG-08")
@pytest.mark.parametrize("how", ["class", "name", "instance"])
def test_add_listener(register: Any, how: str) -> None:
    heard: list[str] = []

    class Hears(ServletRequestListener, ServletContextAttributeListener, ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            heard.append("never: it was added too late")

        def requestInitialized(self, event: Any) -> None:
            heard.append("request")

        def attributeAdded(self, event: Any) -> None:
            heard.append(event.getName())

    def registers(context: Any) -> None:
        context.addListener({"class": Hears, "name": "app.Hears", "instance": Hears()}[how])
        context.setAttribute("x", 1)  # heard at once

    app = register(registers, classes=[Hears])
    assert app.get("/").status == 404
    assert heard == ["x", "request"]


@pytest.mark.rules("RT-REG-08", "RT-LST-02")
@pytest.mark.parametrize("how", ["class", "name", "instance"])
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (ServletContextListener, "contextInitialized"),
        (ServletContextAttributeListener, "attributeAdded"),
        (ServletRequestListener, "requestInitialized"),
        (ServletRequestAttributeListener, "attributeAdded"),
        (HttpSessionListener, "sessionCreated"),
        (HttpSessionAttributeListener, "attributeAdded"),
        (HttpSessionIdListener, "sessionIdChanged"),
    ],
)
def test_an_initializer_adds_listeners_of_every_kind_behind_the_declared_ones(
    serve: Any, kind: type, method: str, how: str
) -> None:
    heard: list[str] = []

    def hears(self: Any, event: Any, *old: Any) -> None:
        heard.append(type(self).__name__)

    declared, added = (type(name, (kind,), {method: hears}) for name in ("Declared", "Added"))

    class Starter(ServletContainerInitializer):
        def onStartup(self, classes: Any, context: Any) -> None:
            context.addListener({"class": added, "name": "app.Added", "instance": added()}[how])

    def service(request: Any, response: Any) -> None:
        request.getServletContext().setAttribute("a", 1)
        request.setAttribute("a", 1)
        request.getSession().setAttribute("a", 1)
        request.changeSessionId()

    app = serve(
        service,
        LISTENER.replace("Registers", "Declared"),
        classes=[Starter, declared, added],
        files={SERVICE: "app.Starter"},
    )
    app.get("/")
    assert heard == ["Declared", "Added"]


@pytest.mark.rules("RT-REG-09")
def test_add_mapping_is_all_or_nothing(register: Any) -> None:
    def registers(context: Any) -> None:
        first, second = context.addServlet("first", Hello), context.addServlet("second", Hello)
        assert first.addMapping("/a", "/b") == set()
        assert second.addMapping("/a", "/c", "/b") == {"/a", "/b"}
        assert second.getMappings() == []
        assert first.addMapping("/a", "/d") == set()  # its own
        assert first.getMappings() == ["/a", "/b", "/d"]

    app = register(registers)
    assert [app.get(path).text for path in ("/a", "/b", "/d")] == ["first"] * 3
    assert app.get("/c").status == 404


@pytest.mark.rules("RT-REG-10")
def test_the_containers_own_mappings_may_be_taken(register: Any) -> None:
    def registers(context: Any) -> None:
        assert context.addServlet("mine", Hello).addMapping("/", "*.jsp", "*.jinja") == set()

    app = register(registers, files={"x.txt": "a file", "x.jinja": "a page"})
    assert [app.get(path).text for path in ("/x.txt", "/x.jinja", "/a.jsp")] == ["mine"] * 3


@pytest.mark.rules("RT-REG-11")
@pytest.mark.parametrize("kind", ["servlet", "filter"])
def test_init_parameters(register: Any, kind: str) -> None:
    def registers(context: Any) -> None:
        added = context.addServlet("x", Hello) if kind == "servlet" else context.addFilter("x", Mark)
        assert added.setInitParameter("a", "1") is True
        assert added.setInitParameter("a", "2") is False
        assert added.getInitParameter("a") == "1"
        assert added.getInitParameter("b") is None
        assert added.setInitParameters({"b": "2", "a": "3"}) == {"a"}
        assert added.getInitParameters() == {"a": "1"}
        with pytest.raises(IllegalArgumentException):
            added.setInitParameters({"b": "2", "c": None})
        assert added.getInitParameters() == {"a": "1"}
        assert added.setInitParameters({"b": "2", "c": "3"}) == set()
        assert added.getInitParameters() == {"a": "1", "b": "2", "c": "3"}

    assert register(registers).problems == []


@pytest.mark.rules("RT-REG-12")
def test_the_last_call_wins(register: Any) -> None:
    order: list[str] = []

    class Eager(HttpServlet):
        def init(self, config: Any = None) -> None:
            order.append(config.getServletName())

    def registers(context: Any) -> None:
        for name, numbers in (("third", [0, 7]), ("first", [1]), ("lazy", [3, -1]), ("second", [5, 2])):
            added = context.addServlet(name, Eager)
            for number in numbers:
                added.setLoadOnStartup(number)
        context.addServlet("default", Eager)  # -1 unless it says otherwise
        order.append("listener")
        added = context.addServlet("x", Hello)
        for text in ("a", "b"):
            added.setRunAsRole(text)
            added.setMultipartConfig(MultipartConfigElement(text))
        for supported in (True, False, True):
            added.setAsyncSupported(supported)
        assert added.getRunAsRole() == "b"

    app = register(registers)
    assert order == ["listener", "first", "second", "third"]
    declared = app.context.deployment.servlets["x"]
    assert (declared.multipart_config.getLocation(), declared.async_supported) == ("b", True)


@pytest.mark.rules("RT-REG-13")
def test_filter_mappings(register: Any) -> None:
    def marks(text: str) -> Mark:
        class Marks(Mark):
            def doFilter(self, request: Any, response: Any, chain: Any) -> None:
                response.addHeader("X-Order", text)
                chain.doFilter(request, response)

        return Marks()

    def registers(context: Any) -> None:
        context.addServlet("x", Hello).addMapping("/x")
        for name, types, after in (
            ("after", None, True),
            ("before", set(), False),
            ("forward", {DispatcherType.FORWARD}, True),
            ("both", {DispatcherType.REQUEST, DispatcherType.FORWARD}, False),
        ):
            added = context.addFilter(name, marks(name))
            added.addMappingForUrlPatterns(types, after, "/x", "/y")
            assert added.getUrlPatternMappings() == ["/x", "/y"]
            assert added.getServletNameMappings() == []
        by_name = context.addFilter("by name", marks("by name"))
        by_name.addMappingForServletNames(None, True, "x")
        assert by_name.getServletNameMappings() == ["x"]

    declared = """
      <filter><filter-name>declared</filter-name><filter-class>app.Declared</filter-class></filter>
      <filter-mapping><filter-name>declared</filter-name><url-pattern>/*</url-pattern></filter-mapping>
    """
    app = register(registers, declared, classes=[type("Declared", (type(marks("declared")),), {})])
    assert app.get("/x").all("X-Order") == ["before", "both", "declared", "after", "by name"]


@pytest.mark.rules("RT-REG-14")
def test_what_is_returned_is_a_copy(register: Any) -> None:
    def registers(context: Any) -> None:
        added = context.addServlet("x", Hello)
        added.addMapping("/x")
        added.getMappings().clear()
        context.getServletRegistrations().clear()
        context.addFilter("f", Mark).addMappingForUrlPatterns(None, True, "/x")
        context.getFilterRegistrations().clear()
        context.getFilterRegistration("f").getUrlPatternMappings().clear()
        with pytest.raises(TypeError):
            added.getInitParameters()["a"] = "b"
        assert context.getServletRegistration("x").getMappings() == ["/x"]
        assert context.getFilterRegistration("f").getUrlPatternMappings() == ["/x"]
        assert context.getServletRegistration("nosuch") is None
        assert context.getFilterRegistration("nosuch") is None

    answer = register(registers).get("/x")
    assert (answer.text, answer.header("X-Mark")) == ("x", "yes")


@pytest.mark.rules("RT-REG-15")
def test_registrations_include_declared_annotated_and_added_ones(register: Any) -> None:
    annotated = """
from container.servlet import *
@WebServlet("/annotated", name="annotated")
class Annotated(HttpServlet): pass
@WebFilter("/none", filterName="annotated filter")
class OfAnnotation(Filter): pass
"""
    names: list[set[str]] = []

    def registers(context: Any) -> None:
        context.addServlet("added", Hello)
        names.append(set(context.getServletRegistrations()))
        names.append(set(context.getFilterRegistrations()))
        context.addFilter("pref", Mark)

    app = register(registers, PRELIMINARY, files={"WEB-INF/classes/annotated.py": annotated})
    assert names == [{"pre", "added", "annotated"}, {"pref", "annotated filter"}]
    assert app.context.facade.getServletRegistration("annotated").getClassName() == "annotated.Annotated"


REGISTERING: dict[str, Callable[[Any], Any]] = {
    "addServlet by class": lambda c: c.addServlet("x", Hello),
    "addServlet by name": lambda c: c.addServlet("y", "app.Hello"),
    "addServlet by instance": lambda c: c.addServlet("z", Hello()),
    "addJspFile": lambda c: c.addJspFile("x", "/x.jinja"),
    "addFilter by class": lambda c: c.addFilter("x", Mark),
    "addFilter by name": lambda c: c.addFilter("y", "app.Mark"),
    "addFilter by instance": lambda c: c.addFilter("z", Mark()),
    "addListener by class": lambda c: c.addListener(ServletRequestListener),
    "addListener by name": lambda c: c.addListener("container.servlet.ServletRequestListener"),
    "addListener by instance": lambda c: c.addListener(ServletRequestListener()),
    "declareRoles": lambda c: c.declareRoles("clerk"),
    "setInitParameter": lambda c: c.setInitParameter("x", "y"),
    "setSessionTrackingModes": lambda c: c.setSessionTrackingModes({SessionTrackingMode.COOKIE}),
    "setSessionTimeout": lambda c: c.setSessionTimeout(5),
    "setRequestCharacterEncoding": lambda c: c.setRequestCharacterEncoding("utf-8"),
    "setResponseCharacterEncoding": lambda c: c.setResponseCharacterEncoding("utf-8"),
}
ASKING: dict[str, Callable[[Any], Any]] = {
    "createServlet": lambda c: c.createServlet(Hello),
    "createFilter": lambda c: c.createFilter(Mark),
    "createListener": lambda c: c.createListener(ServletRequestListener),
    "getServletRegistration": lambda c: c.getServletRegistration("x"),
    "getServletRegistrations": lambda c: c.getServletRegistrations(),
    "getFilterRegistration": lambda c: c.getFilterRegistration("x"),
    "getFilterRegistrations": lambda c: c.getFilterRegistrations(),
    "getSessionCookieConfig": lambda c: c.getSessionCookieConfig(),
}
CHANGING: dict[str, Callable[[Any], Any]] = {
    "servlet.addMapping": lambda c: c.getServletRegistration("main").addMapping("/x"),
    "servlet.setInitParameter": lambda c: c.getServletRegistration("main").setInitParameter("x", "y"),
    "servlet.setInitParameters": lambda c: c.getServletRegistration("main").setInitParameters({"x": "y"}),
    "servlet.setLoadOnStartup": lambda c: c.getServletRegistration("main").setLoadOnStartup(1),
    "servlet.setServletSecurity": lambda c: c.getServletRegistration("main").setServletSecurity(
        ServletSecurityElement()
    ),
    "servlet.setMultipartConfig": lambda c: c.getServletRegistration("main").setMultipartConfig(
        MultipartConfigElement("")
    ),
    "servlet.setRunAsRole": lambda c: c.getServletRegistration("main").setRunAsRole("clerk"),
    "servlet.setAsyncSupported": lambda c: c.getServletRegistration("main").setAsyncSupported(True),
    "filter.addMappingForUrlPatterns": lambda c: c.getFilterRegistration("mark").addMappingForUrlPatterns(
        None, True, "/x"
    ),
    "filter.addMappingForServletNames": lambda c: c.getFilterRegistration("mark").addMappingForServletNames(
        None, True, "main"
    ),
    "filter.setInitParameter": lambda c: c.getFilterRegistration("mark").setInitParameter("x", "y"),
    "filter.setAsyncSupported": lambda c: c.getFilterRegistration("mark").setAsyncSupported(True),
}


@pytest.mark.rules("RT-REG-01", "RT-REG-09", "RT-REG-11", "RT-CTX-15")
def test_registration_ends_with_context_initialized(serve: Any) -> None:
    """Not in a filter's or servlet's init any more, and not in a request."""
    refused: dict[str, set[str]] = {}

    def try_all(place: str, context: Any) -> None:
        refused[place] = set()
        for name, call in {**REGISTERING, **CHANGING}.items():
            try:
                call(context)
            except IllegalStateException:
                refused[place].add(name)
        for call in ASKING.values():
            call(context)

    class First(Filter):
        def init(self, config: Any) -> None:
            try_all("filter", config.getServletContext())

        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            chain.doFilter(request, response)

    app = serve(
        lambda request, response: try_all("request", request.getServletContext()),
        "<filter><filter-name>mark</filter-name><filter-class>app.First</filter-class></filter>",
        classes=[First],
    )
    assert app.get("/").status == 200
    every = {*REGISTERING, *CHANGING}
    assert refused == {"filter": every, "request": every}


@pytest.mark.rules("RT-REG-01", "RT-REG-02", "RT-REG-08", "RT-LST-02")
def test_a_context_listener_that_an_initializer_adds_may_not_register(
    deploy: Any, web_xml: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: set[str] = set()
    allowed: list[Any] = []

    class Added(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            context = event.getServletContext()
            for name, call in {**REGISTERING, **ASKING}.items():
                try:
                    call(context)
                except UnsupportedOperationException:
                    refused.add(name)
            allowed.extend(
                [
                    context.getClassLoader() is not None,
                    context.getEffectiveMajorVersion(),
                    context.getEffectiveMinorVersion(),
                    context.getDefaultSessionTrackingModes() != set(),
                    context.getEffectiveSessionTrackingModes() != set(),
                    context.getJspConfigDescriptor(),
                ]
            )

    class Starter(ServletContainerInitializer):
        def onStartup(self, classes: Any, context: Any) -> None:
            for call in REGISTERING.values():
                call(context)
            context.addListener(Added)
            context.addServlet("direct", Hello).addMapping("/direct")

    class Registers(ServletContextListener):
        """A declared one may, whatever else there is."""

        def contextInitialized(self, event: Any) -> None:
            event.getServletContext().addServlet("declared", Hello).addMapping("/declared")

    app = deploy(web_xml(LISTENER), classes=[Starter, Registers, Hello, Mark], files={SERVICE: "app.Starter"})
    assert app.problems == []
    assert refused == {*REGISTERING, *ASKING}
    assert allowed == [True, 6, 1, True, True, None]
    assert [app.get(path).text for path in ("/direct", "/declared")] == ["direct", "declared"]


@pytest.mark.rules("RT-REG-04")
def test_an_added_servlet_whose_class_does_not_exist_fails_when_it_is_needed(register: Any) -> None:
    def registers(context: Any) -> None:
        context.addServlet("x", "app.Nosuch").addMapping("/x")
        context.addServlet("y", Hello).addMapping("/y")

    app = register(registers)
    assert [app.get(path).status for path in ("/x", "/y")] == [500, 200]


@pytest.mark.rules("RT-REG-05")
def test_servlets_are_found_by_their_methods(register: Any) -> None:
    """A class with a service method is a servlet; it need not extend one."""

    class Plain:
        def init(self, config: Any) -> None:
            pass

        def service(self, request: Any, response: Any) -> None:
            response.getWriter().write("plain")

        def destroy(self) -> None:
            pass

    def registers(context: Any) -> None:
        context.addServlet("plain", Plain()).addMapping("/plain")

    assert not issubclass(Plain, Servlet)
    assert register(registers).get("/plain").text == "plain"
