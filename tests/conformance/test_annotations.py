"""Decorated classes of WEB-INF/classes and WEB-INF/lib, and when they count (descriptor.md §1, §7, §8.1)."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from container.engine.reload import FileWatcher
from container.errors import DeploymentError

IMPORTS = """
from container.servlet import *
"""
CART = (
    IMPORTS
    + """
@WebServlet("/cart/*", initParams=[WebInitParam("currency", "EUR")])
class Cart(HttpServlet):
    def doGet(self, request, response):
        config = self.getServletConfig()
        params = sorted(f"{n}={config.getInitParameter(n)}" for n in config.getInitParameterNames())
        response.getWriter().write(f"{self.getServletName()} {' '.join(params)}")
"""
)


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return buffer.getvalue()


def fragment(body: str, attributes: str = "") -> str:
    namespace = "https://jakarta.ee/xml/ns/jakartaee"
    return f'<web-fragment xmlns="{namespace}" version="6.1" {attributes}>{body}</web-fragment>'


def servlet(name: str, pattern: str = "", class_name: str = "", more: str = "") -> str:
    """<servlet> and <servlet-mapping>."""
    declared = f"<servlet-class>{class_name}</servlet-class>" if class_name else ""
    mapping = (
        f"<servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>{pattern}</url-pattern></servlet-mapping>"
        if pattern
        else ""
    )
    return f"<servlet><servlet-name>{name}</servlet-name>{declared}{more}</servlet>{mapping}"


@pytest.mark.rules("DD-DOC-02", "DD-DOC-03", "DD-ANN-09")
def test_a_web_app_needs_no_web_xml(deploy: Any) -> None:
    app = deploy(files={"WEB-INF/classes/shop.py": CART})
    assert app.running
    assert app.get("/cart/1").text == "shop.Cart currency=EUR"
    context = app.context.facade
    assert (context.getEffectiveMajorVersion(), context.getEffectiveMinorVersion()) == (6, 1)
    assert app.problems == []


@pytest.mark.rules("DD-DOC-02")
def test_a_web_app_of_files_alone_needs_no_web_xml(deploy: Any) -> None:
    app = deploy(files={"hello.txt": "hello"})
    assert (app.running, app.get("/hello.txt").text) == (True, "hello")


@pytest.mark.rules("DD-ANN-09", "DD-DOC-03")
def test_importing_registers_nothing(deploy: Any, web_xml: Any) -> None:
    """A class registers where it is defined, not where it is imported."""
    app = deploy(
        web_xml(""),
        files={
            "WEB-INF/classes/shop.py": CART,
            "WEB-INF/classes/other.py": "from shop import Cart\nfrom container.servlet import WebServlet",
        },
    )
    assert list(app.context.web_app.servlets) == [
        s for s in app.context.web_app.servlets if s.name == "shop.Cart"
    ]
    assert len(app.context.web_app.servlets) == 1


@pytest.mark.rules("DD-ANN-09")
def test_what_no_module_mentions_is_not_imported(deploy: Any) -> None:
    app = deploy(
        files={"WEB-INF/classes/plain.py": "raise RuntimeError('imported')", "WEB-INF/classes/shop.py": CART}
    )
    assert (app.running, app.problems) == (True, [])


@pytest.mark.rules("DD-ANN-09")
def test_subclasses_inherit_no_declaration(deploy: Any) -> None:
    app = deploy(files={"WEB-INF/classes/shop.py": CART + "\nclass Better(Cart): pass"})
    assert [s.name for s in app.context.web_app.servlets] == ["shop.Cart"]


def test_nested_classes_and_packages_are_found(deploy: Any) -> None:
    source = IMPORTS + (
        'class Outer:\n    @WebServlet("/inner")\n    class Inner(HttpServlet):\n'
        "        def doGet(self, request, response): response.getWriter().write(self.getServletName())\n"
    )
    app = deploy(files={"WEB-INF/classes/a/b.py": source, "WEB-INF/classes/pack/__init__.py": CART})
    assert app.get("/inner").text == "a.b.Outer$Inner"
    assert app.get("/cart/").text == "pack.Cart currency=EUR"


def test_everything_an_annotation_says_counts(deploy: Any) -> None:
    source = (
        IMPORTS
        + """
log = []
@WebServlet(name="eager", urlPatterns=["/a", "*.b"], loadOnStartup=1, asyncSupported=True,
            displayName="Eager")
@MultipartConfig(maxFileSize=3)
class Eager(HttpServlet):
    def init(self, config=None):
        log.append("eager")
        self.getServletContext() if config is None else super().init(config)
    def service(self, request, response):
        response.getWriter().write(f"{request.isAsyncSupported()} {log}")
    def doPost(self, request, response): pass

@WebFilter(filterName="mark", value="/a", servletNames="other", dispatcherTypes=[DispatcherType.REQUEST],
           initParams=WebInitParam("with", "X-Mark"), asyncSupported=True)
class Mark(Filter):
    def init(self, config): self.header = config.getInitParameter("with")
    def doFilter(self, request, response, chain):
        response.setHeader(self.header, "yes")
        chain.doFilter(request, response)

@WebServlet(name="other", value="/other")
class Other(HttpServlet):
    def service(self, request, response):
        response.getWriter().write(self.getServletContext().getAttribute("said"))

@WebListener("Says something")
class Says(ServletContextListener):
    def contextInitialized(self, event):
        event.getServletContext().setAttribute("said", f"listened before {log}")
"""
    )
    app = deploy(files={"WEB-INF/classes/app.py": source})
    assert app.problems == []
    for path, marked in (("/a", "yes"), ("/x.b", None), ("/other", "yes")):
        assert app.get(path).header("X-Mark") == marked, path
    assert app.get("/a").text == "True ['eager']"
    assert app.get("/other").text == "listened before []"
    (declared,) = (s for s in app.context.web_app.servlets if s.name == "eager")
    assert declared.multipart_config.max_file_size == 3
    assert declared.about.display_names[0].value == "Eager"
    assert declared.source.file == "app/WEB-INF/classes/app.py"
    assert declared.source.line == 8  # of the class statement, for an editor


@pytest.mark.rules("DD-ANN-01", "DD-ANN-03", "DD-ANN-04")
def test_the_example_of_the_rulebook(deploy: Any, web_xml: Any) -> None:
    def param(name: str, value: str) -> str:
        return f"<init-param><param-name>{name}</param-name><param-value>{value}</param-value></init-param>"

    source = CART.replace('"/cart/*"', '"/MyPattern"').replace('"currency", "EUR"', '"ccc", "333"')
    app = deploy(
        web_xml(
            servlet("Foo", "/foo/*", "shop.Cart", param("aaa", "111"))
            + servlet("Fum", "/fum/*", "shop.Cart", param("bbb", "222"))
        ),
        files={"WEB-INF/classes/shop.py": source},
    )
    assert app.get("/foo/").text == "Foo aaa=111"
    assert app.get("/fum/").text == "Fum bbb=222"
    assert app.get("/MyPattern").text == "shop.Cart ccc=333"

    app = deploy(
        web_xml(servlet("shop.Cart", "/foo/*", "shop.Cart", param("aaa", "111"))),
        files={"WEB-INF/classes/shop.py": source},
        name="second",
    )
    assert app.get("/foo/").text == "shop.Cart aaa=111 ccc=333"
    assert app.get("/MyPattern").status == 404


@pytest.mark.rules("DD-ANN-02", "DD-ANN-05", "DD-ANN-04")
def test_a_descriptors_filter_mapping_replaces_the_annotated_one(deploy: Any, web_xml: Any) -> None:
    source = (
        IMPORTS
        + """
@WebFilter(filterName="mark", value=["/a", "/b"], initParams=[WebInitParam("x", "annotated")])
class Mark(Filter):
    def init(self, config): self.value = config.getInitParameter("x")
    def doFilter(self, request, response, chain):
        response.setHeader("X-Mark", self.value)
        chain.doFilter(request, response)

@WebServlet("/*")
class Any(HttpServlet):
    def service(self, request, response):
        if request.getPathInfo() == "/go":
            request.getRequestDispatcher("/b").forward(request, response)
"""
    )
    body = (
        "<filter><filter-name>mark</filter-name><init-param><param-name>x</param-name>"
        "<param-value>declared</param-value></init-param></filter>"
        "<filter-mapping><filter-name>mark</filter-name><url-pattern>/b</url-pattern>"
        "<dispatcher>FORWARD</dispatcher></filter-mapping>"
    )
    app = deploy(web_xml(body), files={"WEB-INF/classes/shop.py": source})
    assert app.problems == []
    assert [app.get(path).header("X-Mark") for path in ("/a", "/b", "/go")] == [None, None, "declared"]


@pytest.mark.rules("DD-SRV-04", "DD-ANN-04")
def test_annotations_complete_what_web_xml_begins(deploy: Any, web_xml: Any) -> None:
    """A servlet without a class, and a mapping of a servlet that only the annotation declares."""
    source = CART + CART.replace('"/cart/*"', '"/b", name="b"').replace("class Cart", "class B")
    mapping = "<servlet-mapping><servlet-name>b</servlet-name><url-pattern>/x</url-pattern></servlet-mapping>"
    app = deploy(web_xml(servlet("shop.Cart") + mapping), files={"WEB-INF/classes/shop.py": source})
    assert app.problems == []
    assert [app.get(path).text for path in ("/cart/", "/x")] == ["shop.Cart currency=EUR", "b currency=EUR"]
    assert app.get("/b").status == 404


@pytest.mark.rules("DD-ANN-06")
def test_annotated_classes_come_in_the_order_of_their_names(deploy: Any) -> None:
    source = IMPORTS + "".join(
        f"@WebFilter('/*')\nclass {name}(Filter):\n    def doFilter(self, request, response, chain):\n"
        f"        response.addHeader('X-Order', '{name}')\n        chain.doFilter(request, response)\n"
        for name in ("C", "A", "B")
    )
    app = deploy(
        files={"WEB-INF/classes/z.py": source, "WEB-INF/classes/k.py": source.replace("'C'", "'K.C'")}
    )
    assert app.get("/").all("X-Order") == ["A", "B", "K.C", "A", "B", "C"]


@pytest.mark.rules("DD-ANN-07", "RT-REG-06")
def test_registering_an_annotated_class_ignores_its_web_servlet_annotation(deploy: Any) -> None:
    source = (
        CART
        + """
@WebListener
class Adds(ServletContextListener):
    def contextInitialized(self, event):
        event.getServletContext().addServlet("again", Cart).addMapping("/again")
"""
    )
    app = deploy(files={"WEB-INF/classes/shop.py": source})
    assert app.get("/again").text == "again "
    assert app.get("/cart/").text == "shop.Cart currency=EUR"


@pytest.mark.rules("RT-REG-06", "DD-ORD-06")
@pytest.mark.parametrize("how", ["web.xml", "class", "class name", "created"])
def test_the_other_annotations_of_a_class_count_however_it_is_declared(
    deploy: Any, web_xml: Any, how: str
) -> None:
    source = (
        IMPORTS
        + """
@MultipartConfig(maxFileSize=7)
@ServletSecurity(HttpConstraint(EmptyRoleSemantic.DENY))
@RunAs("clerk")
@DeclareRoles("customer", "clerk")
class Cart(HttpServlet): pass

class Adds(ServletContextListener):
    def contextInitialized(self, event):
        context = event.getServletContext()
        how = context.getInitParameter("how")
        if how != "web.xml":
            created = {"class": Cart, "class name": "shop.Cart", "created": context.createServlet(Cart)}[how]
            context.addServlet("cart", created).addMapping("/cart")
"""
    )
    body = (
        f"<context-param><param-name>how</param-name><param-value>{how}</param-value></context-param>"
        "<listener><listener-class>shop.Adds</listener-class></listener>"
    )
    if how == "web.xml":
        body += servlet("cart", "/cart", "shop.Cart")
    app = deploy(web_xml(body), files={"WEB-INF/classes/shop.py": source})
    assert app.get("/cart").status == 403
    declared = app.context.deployment.servlets["cart"]
    assert declared.multipart_config.getMaxFileSize() == 7
    assert declared.run_as == "clerk"
    assert app.context.deployment.roles == ["customer", "clerk"]


@pytest.mark.rules("RT-REG-06")
def test_an_instance_made_by_the_application_has_no_annotations(deploy: Any) -> None:
    source = (
        IMPORTS
        + """
@ServletSecurity(HttpConstraint(EmptyRoleSemantic.DENY))
class Cart(HttpServlet):
    def service(self, request, response): response.getWriter().write("open")

@WebListener
class Adds(ServletContextListener):
    def contextInitialized(self, event):
        event.getServletContext().addServlet("cart", Cart()).addMapping("/cart")
"""
    )
    assert deploy(files={"WEB-INF/classes/shop.py": source}).get("/cart").text == "open"


@pytest.mark.rules("DD-ANN-08", "DD-ERR-18", "DD-ERR-19")
@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ('@WebServlet("/a")\nclass Bad(Servlet): pass', "@WebServlet stands on"),
        ('@WebFilter("/a")\nclass Bad(HttpServlet): pass', "@WebFilter stands on"),
        ("@WebListener\nclass Bad(AsyncListener): pass", "@WebListener stands on"),
        ('@WebServlet("/a", urlPatterns="/b")\nclass Bad(HttpServlet): pass', "both value and urlPatterns"),
        ("@WebServlet(name='x')\nclass Bad(HttpServlet): pass", "needs a url pattern"),
        ('@WebFilter("/a", urlPatterns="/b")\nclass Bad(Filter): pass', "both value and urlPatterns"),
        ("@WebFilter(filterName='x')\nclass Bad(Filter): pass", "needs a url pattern or servlet names"),
        ('@WebServlet("a")\nclass Bad(HttpServlet): pass', '"a" can never match'),
        ('@WebServlet("/a")\nclass Bad(HttpServlet)', "SyntaxError"),
        ('import nosuch\n@WebServlet("/a")\nclass Bad(HttpServlet): pass', "No module named 'nosuch'"),
        ('import sys; sys.exit()\n@WebServlet("/a")\nclass Bad(HttpServlet): pass', "SystemExit"),
    ],
)
def test_a_wrong_annotation_keeps_the_web_app_from_starting(
    deploy: Any, declaration: str, message: str
) -> None:
    app = deploy(files={"WEB-INF/classes/bad.py": IMPORTS + declaration})
    assert not app.running
    (problem,) = app.problems
    assert message in problem
    assert problem.startswith("app/WEB-INF/classes/bad.py:")
    assert problem.split(":")[1] in {"3", "4"}
    assert app.get("/a").status == 503


def test_what_only_mentions_a_decorator_and_cannot_be_imported_is_a_warning(deploy: Any) -> None:
    app = deploy(files={"WEB-INF/classes/tool.py": "import nosuch  # for WebServlet", "x.txt": ""})
    assert app.running
    assert "warning: module tool cannot be imported" in app.problems[0]


def test_two_annotated_servlets_of_one_name_are_an_error(deploy: Any) -> None:
    again = '@WebServlet("/other", name="shop.Cart")\nclass Other(HttpServlet): pass'
    app = deploy(files={"WEB-INF/classes/shop.py": CART + again})
    assert not app.running
    assert "shop.py" in app.problems[0]


@pytest.mark.rules("DD-DOC-04", "DD-DOC-05", "DD-DOC-06", "DD-MC-05")
@pytest.mark.parametrize("kind", ["wheel", "zip", "unpacked", "package", "module"])
def test_every_kind_of_library(deploy: Any, kind: str) -> None:
    """Annotated classes of a library count with and without a fragment; its resources are static files."""
    xml = fragment(servlet("extra", "/extra", "tags.Cart"))
    inside = {
        "tags/__init__.py": CART,
        "META-INF/web-fragment.xml": xml,
        "META-INF/resources/tags.css": "css",
    }
    files: dict[str, str | bytes]
    if kind in ("wheel", "zip"):
        name = {"wheel": "tags-1.0-py3-none-any.whl", "zip": "tags.zip"}[kind]
        files = {f"WEB-INF/lib/{name}": archive(inside)}
    elif kind == "unpacked":
        files = {f"WEB-INF/lib/tags-1.0/{path}": text for path, text in inside.items()}
    elif kind == "package":
        files = {f"WEB-INF/lib/tags/{path.removeprefix('tags/')}": text for path, text in inside.items()}
    else:
        files = {"WEB-INF/lib/tags.py": CART}
    app = deploy(files=files)
    assert app.problems == []
    assert app.get("/cart/").text == "tags.Cart currency=EUR"
    if kind != "module":
        assert app.get("/extra").text == "extra "
        assert app.get("/tags.css").text == "css"


@pytest.mark.rules("DD-DOC-06")
def test_static_resources_in_classes(deploy: Any) -> None:
    app = deploy(files={"WEB-INF/classes/META-INF/resources/a/x.css": "css"})
    assert app.get("/a/x.css").text == "css"


@pytest.mark.rules("DD-DOC-04")
@pytest.mark.parametrize("place", ["WEB-INF/classes", "WEB-INF", "."])
def test_a_fragment_anywhere_else_does_not_exist(deploy: Any, place: str) -> None:
    xml = fragment(servlet("extra", "/extra", "shop.Cart"))
    app = deploy(files={f"{place}/META-INF/web-fragment.xml": xml, "WEB-INF/classes/shop.py": CART})
    assert app.get("/extra").status == 404


@pytest.mark.rules("DD-DOC-04", "DD-DOC-07")
def test_a_fragment_with_another_root_is_an_error_and_names_its_place(deploy: Any, web_xml: Any) -> None:
    app = deploy(files={"WEB-INF/lib/tags.zip": archive({"META-INF/web-fragment.xml": web_xml("")})})
    assert not app.running
    assert app.problems[0].startswith("app/WEB-INF/lib/tags.zip/META-INF/web-fragment.xml:1:1: ")


def test_an_archive_that_cannot_be_read_keeps_only_its_web_app_from_starting(deploy: Any) -> None:
    app = deploy(files={"WEB-INF/lib/tags.zip": b"no zip"})
    assert not app.running
    assert "tags.zip: cannot be unpacked" in app.problems[0]
    assert app.get("/").status == 503
    assert deploy(files={"x.txt": "x"}, name="other").get("/x.txt").text == "x"


@pytest.mark.parametrize("broken", ["web.xml", "fragment"])
def test_with_an_error_in_a_descriptor_nothing_is_imported(deploy: Any, web_xml: Any, broken: str) -> None:
    bad = servlet("x", "never", "shop.Cart") + (
        "<servlet-mapping><servlet-name>shop.Cart</servlet-name><url-pattern>/x</url-pattern></servlet-mapping>"
    )
    files: dict[str, str | bytes] = {"WEB-INF/classes/shop.py": "raise ValueError\n" + CART}
    if broken == "fragment":
        files["WEB-INF/lib/tags.zip"] = archive({"META-INF/web-fragment.xml": fragment(bad)})
    app = deploy(web_xml(bad if broken == "web.xml" else ""), files=files)
    assert not app.running
    (problem,) = app.problems
    assert "can never match" in problem


def test_of_two_modules_of_one_name_the_first_counts(deploy: Any) -> None:
    app = deploy(
        files={
            "WEB-INF/classes/shop.py": CART,
            "WEB-INF/lib/old.zip": archive({"shop.py": CART.replace("/cart/*", "/old")}),
        }
    )
    assert app.get("/old").status == 404
    assert app.get("/cart/").status == 200


COMPLETE = 'metadata-complete="true"'


@pytest.mark.rules("DD-MC-01", "DD-MC-04", "DD-MC-05")
@pytest.mark.parametrize(
    ("version", "attributes", "counts"),
    [
        ("6.1", COMPLETE, False), ("6.1", 'metadata-complete="false"', True), ("6.1", "", True),
        ("3.0", COMPLETE, False), ("3.0", "", True), ("2.5", COMPLETE, False), ("2.5", "", True),
        ("2.4", "", True), (None, "", True),
    ],
)  # fmt: skip
def test_metadata_complete(deploy: Any, version: str | None, attributes: str, counts: bool) -> None:
    namespaces = {
        "6.1": "https://jakarta.ee/xml/ns/jakartaee",
        "3.0": "http://java.sun.com/xml/ns/javaee",
        "2.5": "http://java.sun.com/xml/ns/javaee",
        "2.4": "http://java.sun.com/xml/ns/j2ee",
    }
    xml = version and f'<web-app xmlns="{namespaces[version]}" version="{version}" {attributes}></web-app>'
    secured = CART.replace(
        "class Cart", "@ServletSecurity(HttpConstraint(EmptyRoleSemantic.DENY))\nclass Cart"
    )
    app = deploy(
        xml,
        files={
            "WEB-INF/classes/shop.py": CART,
            "WEB-INF/classes/secured.py": secured.replace("/cart/*", "/secured"),
            "WEB-INF/lib/tags.zip": archive(
                {
                    "META-INF/web-fragment.xml": fragment(servlet("extra", "/extra", "shop.Cart")),
                    "tags.py": CART.replace("/cart/*", "/tags"),
                }
            ),
        },
    )
    assert any("annotations and fragments count" in problem for problem in app.problems) == (version == "2.4")
    expected = [200, 403, 200, 200] if counts else [404] * 4
    assert [app.get(path).status for path in ("/cart/", "/secured", "/extra", "/tags")] == expected


@pytest.mark.rules("DD-MC-01")
def test_with_metadata_complete_no_annotation_of_a_declared_servlet_counts(deploy: Any, web_xml: Any) -> None:
    source = (
        IMPORTS
        + """
@MultipartConfig(maxFileSize=7)
@ServletSecurity(HttpConstraint(EmptyRoleSemantic.DENY))
@RunAs("clerk")
@DeclareRoles("customer")
class Cart(HttpServlet):
    said = "nothing"
    @PostConstruct
    def begin(self): self.said = "constructed"
    def service(self, request, response): response.getWriter().write(self.said)
"""
    )
    files = {"WEB-INF/classes/shop.py": source}
    app = deploy(web_xml(servlet("cart", "/", "shop.Cart"), attributes=COMPLETE), files=files)
    assert app.get("/").text == "nothing"
    declared = app.context.deployment.servlets["cart"]
    assert (declared.multipart_config, declared.run_as, app.context.deployment.roles) == (None, None, [])


@pytest.mark.rules("DD-MC-01", "DD-FRG-05")
def test_a_complete_fragment_is_used_without_the_annotations_of_its_archive(deploy: Any) -> None:
    def library(attributes: str, name: str) -> bytes:
        xml = fragment(servlet(f"{name}-extra", f"/{name}/extra", f"{name}.Cart"), attributes)
        return archive({"META-INF/web-fragment.xml": xml, f"{name}.py": CART.replace("/cart/*", f"/{name}")})

    app = deploy(
        files={
            "WEB-INF/lib/a.zip": library(COMPLETE, "a"),
            "WEB-INF/lib/b.zip": library("", "b"),
            "WEB-INF/classes/shop.py": CART,
        }
    )
    answers = [app.get(path).status for path in ("/a", "/a/extra", "/b", "/b/extra", "/cart/")]
    assert answers == [404, 200, 200, 200, 200]


@pytest.mark.rules("DD-ORD-05", "DD-ORD-09", "DD-ORD-06", "DD-ORD-29")
def test_an_excluded_library_is_not_scanned_but_stays_importable(deploy: Any, web_xml: Any) -> None:
    def library(name: str) -> bytes:
        return archive(
            {
                "META-INF/web-fragment.xml": fragment(f"<name>{name}</name>"),
                f"META-INF/resources/{name}.txt": name,
                f"{name}.py": CART.replace("/cart/*", f"/{name}"),
            }
        )

    app = deploy(
        web_xml("<absolute-ordering><name>b</name></absolute-ordering>" + servlet("used", "/used", "a.Cart")),
        files={"WEB-INF/lib/a.zip": library("a"), "WEB-INF/lib/b.zip": library("b")},
    )
    assert [app.get(path).status for path in ("/a", "/b", "/used")] == [404, 200, 200]
    assert [app.get(path).text for path in ("/a.txt", "/b.txt")] == ["a", "b"]
    assert app.context.facade.getAttribute("jakarta.servlet.context.orderedLibs") == ["b.zip"]


@pytest.mark.rules("DD-ORD-29")
def test_without_ordering_there_are_no_ordered_libraries(deploy: Any) -> None:
    app = deploy(files={"WEB-INF/lib/a.zip": archive({"a.py": ""})})
    assert app.context.facade.getAttribute("jakarta.servlet.context.orderedLibs") is None


def test_a_reload_finds_what_has_been_declared_and_keeps_the_old_when_that_is_wrong(deploy: Any) -> None:
    app = deploy(files={"WEB-INF/classes/shop.py": CART})
    classes = app.context.folder / "WEB-INF/classes"
    watcher = FileWatcher([classes.parent], interval_s=0)
    (classes / "more.py").write_text(CART.replace("/cart/*", "/more"))
    library = classes.parent / "lib/tags.zip"
    library.parent.mkdir()
    library.write_bytes(archive({"tags.py": CART.replace("/cart/*", "/tags")}))
    assert watcher.changed(1) == {classes / "more.py", library}
    app.container.reload(app.context)
    assert [app.get(path).status for path in ("/cart/", "/more", "/tags")] == [200, 200, 200]
    (classes / "more.py").write_text(CART.replace("/cart/*", "more"))
    with pytest.raises(DeploymentError, match="can never match"):
        app.container.reload(app.container.contexts["/app"])
    assert [app.get(path).status for path in ("/cart/", "/more", "/tags")] == [200, 200, 200]
