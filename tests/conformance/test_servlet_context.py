"""What a ServletContext says and keeps (RT-CTX)."""

from __future__ import annotations

import io
import logging
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from container.servlet import (
    IllegalArgumentException,
    MalformedURLException,
    NullPointerException,
    ServletContext,
    ServletContextAttributeListener,
    ServletContextListener,
)

LISTENER = "<listener><listener-class>app.L</listener-class></listener>"


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return buffer.getvalue()


FILES: dict[str, str | bytes] = {
    "welcome.html": "welcome",
    "catalog/index.html": "catalog",
    "catalog/offers/books.html": "books",
    "customer/login.jinja": "{{ 1 + 1 }}",
    "WEB-INF/classes/shop.py": "",
    "both.txt": "the web app's",
    "WEB-INF/lib/tags.zip": archive(
        {
            "META-INF/resources/both.txt": "the library's",
            "META-INF/resources/tags.css": "css",
            "META-INF/resources/catalog/more.html": "more",
            "tags.py": "",
        }
    ),
}


@pytest.fixture
def app(deploy: Any, web_xml: Any) -> Any:
    return deploy(
        web_xml(
            "<context-param><param-name>currency</param-name><param-value>EUR</param-value></context-param>"
            "<display-name>Shop</display-name>"
            "<mime-mapping><extension>odd</extension><mime-type>text/odd</mime-type></mime-mapping>"
            "<security-constraint><web-resource-collection><web-resource-name>all</web-resource-name>"
            "<url-pattern>/*</url-pattern></web-resource-collection><auth-constraint/></security-constraint>"
        ),
        files=FILES,
    )


@pytest.fixture
def context(app: Any) -> ServletContext:
    found: ServletContext = app.context.facade
    return found


@pytest.mark.rules("RT-CTX-01")
def test_there_is_one_object_for_each_web_app(serve: Any) -> None:
    seen: list[Any] = []

    class L(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            seen.append(event.getServletContext())

    def service(request: Any, response: Any) -> None:
        seen.append(request.getServletContext())
        seen.append(request.getSession().getServletContext())
        if request.getPathInfo() == "/go":
            request.getRequestDispatcher("/there").forward(request, response)

    app = serve(service, LISTENER, classes=[L])
    assert app.get("/go").status == 200
    assert len(seen) == 5
    assert len(set(map(id, seen))) == 1
    assert serve(service, name="other").context.facade is not app.context.facade


@pytest.mark.rules("RT-CTX-02")
@pytest.mark.parametrize(
    ("version", "effective"), [("6.1", (6, 1)), ("5.0", (5, 0)), ("2.5", (2, 5)), ("4.0", (4, 0))]
)
def test_versions(deploy: Any, version: str, effective: tuple[int, int]) -> None:
    namespace = {
        "2.5": "http://java.sun.com/xml/ns/javaee",
        "4.0": "http://xmlns.jcp.org/xml/ns/javaee",
    }.get(version, "https://jakarta.ee/xml/ns/jakartaee")
    context = deploy(f'<web-app xmlns="{namespace}" version="{version}"/>').context.facade
    assert (context.getMajorVersion(), context.getMinorVersion()) == (6, 1)
    assert (context.getEffectiveMajorVersion(), context.getEffectiveMinorVersion()) == effective


@pytest.mark.rules("RT-CTX-03")
@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.getInitParameter(None),
        lambda c: c.setInitParameter(None, "x"),
        lambda c: c.getAttribute(None),
        lambda c: c.setAttribute(None, 1),
        lambda c: c.removeAttribute(None),
    ],
)
def test_none_is_no_name(context: ServletContext, call: Any) -> None:
    with pytest.raises(NullPointerException):
        call(context)


@pytest.mark.rules("RT-CTX-04", "RT-CTX-15")
def test_what_may_be_set_before_the_end_of_the_start(deploy: Any, web_xml: Any) -> None:
    class L(ServletContextListener):
        def contextInitialized(self, event: Any) -> None:
            context = event.getServletContext()
            assert context.setInitParameter("new", "1") is True
            assert context.setInitParameter("new", "2") is False
            assert context.getSessionTimeout() == 30
            context.setSessionTimeout(5)

    app = deploy(web_xml(LISTENER), classes=[L])
    context = app.context.facade
    assert list(context.getInitParameterNames()) == ["new"]
    assert (context.getInitParameter("new"), context.getInitParameter("old")) == ("1", None)
    assert context.getSessionTimeout() == 5


@pytest.mark.rules("RT-CTX-05")
def test_attributes(deploy: Any, web_xml: Any) -> None:
    heard: list[tuple[str, str, Any]] = []

    class L(ServletContextAttributeListener):
        def attributeAdded(self, event: Any) -> None:
            heard.append(("added", event.getName(), event.getValue()))

        def attributeReplaced(self, event: Any) -> None:
            heard.append(("replaced", event.getName(), event.getValue()))

        def attributeRemoved(self, event: Any) -> None:
            heard.append(("removed", event.getName(), event.getValue()))

    app = deploy(web_xml(LISTENER), classes=[L])
    context = app.context.facade
    heard.clear()
    context.setAttribute("a", 1)
    context.setAttribute("a", 2)
    assert context.getAttribute("a") == 2
    assert "a" in list(context.getAttributeNames())
    context.setAttribute("a", None)
    context.removeAttribute("a")
    context.setAttribute("b", None)
    context.setAttribute("c", 0)
    context.removeAttribute("c")
    assert (context.getAttribute("a"), "a" in list(context.getAttributeNames())) == (None, False)
    assert heard == [
        ("added", "a", 1), ("replaced", "a", 1), ("removed", "a", 2), ("added", "c", 0), ("removed", "c", 0),
    ]  # fmt: skip
    other = deploy(web_xml(""), name="other").context.facade
    context.setAttribute("mine", 1)
    assert other.getAttribute("mine") is None


@pytest.mark.rules("RT-CTX-06", "RT-CTX-07", "RT-CTX-11")
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/welcome.html", "welcome"),  # whatever a constraint says
        ("/catalog/../welcome.html", "welcome"),
        ("/catalog/./index.html", "catalog"),
        ("/both.txt", "the web app's"),
        ("/tags.css", "css"),
        ("/customer/login.jinja", "{{ 1 + 1 }}"),
        ("/WEB-INF/classes/shop.py", ""),
        ("/nosuch", None),
        ("/Welcome.html", None),
        ("/../app/welcome.html", None),
        ("/welcome.html/", None),
    ],
)
def test_resources(context: ServletContext, path: str, content: str | None) -> None:
    url, stream = context.getResource(path), context.getResourceAsStream(path)
    if content is None:
        assert (url, stream) == (None, None)
        return
    assert url is not None
    assert stream is not None
    assert url.startswith("file:/")
    with stream:
        assert stream.read().decode() == content


@pytest.mark.rules("RT-CTX-06", "RT-CTX-07", "RT-CTX-08")
@pytest.mark.parametrize("path", ["welcome.html", "", None])
def test_a_path_to_a_resource_begins_with_a_slash(context: ServletContext, path: Any) -> None:
    with pytest.raises(MalformedURLException):
        context.getResource(path)
    assert context.getResourceAsStream(path) is None
    if path is None:
        assert context.getResourcePaths(path) is None
    else:
        with pytest.raises(IllegalArgumentException):
            context.getResourcePaths(path)


@pytest.mark.rules("RT-CTX-08", "RT-CTX-11")
@pytest.mark.parametrize(
    ("path", "paths"),
    [
        ("/", {"/welcome.html", "/catalog/", "/customer/", "/WEB-INF/", "/both.txt", "/tags.css"}),
        ("/catalog", {"/catalog/index.html", "/catalog/offers/", "/catalog/more.html"}),
        ("/catalog/", {"/catalog/index.html", "/catalog/offers/", "/catalog/more.html"}),
        ("/customer/../catalog/offers", {"/catalog/offers/books.html"}),
        ("/WEB-INF/classes", {"/WEB-INF/classes/shop.py"}),
        ("/nosuch", None),
        ("/welcome.html", None),
    ],
)
def test_resource_paths(context: ServletContext, path: str, paths: set[str] | None) -> None:
    found = context.getResourcePaths(path)
    if found is not None:
        found = {each for each in found if "__pycache__" not in each}
    assert found == paths
    if found is not None:
        (context.getResourcePaths(path) or set()).clear()  # a copy
        assert context.getResourcePaths(path)


@pytest.mark.rules("RT-CTX-09", "RT-CTX-11")
def test_real_paths(app: Any, context: ServletContext) -> None:
    folder = app.context.folder.resolve()
    assert context.getRealPath("/welcome.html") == str(folder / "welcome.html")
    assert context.getRealPath("welcome.html") == str(folder / "welcome.html")
    assert context.getRealPath("/catalog/../welcome.html") == str(folder / "welcome.html")
    assert context.getRealPath("/WEB-INF/web.xml") == str(folder / "WEB-INF/web.xml")
    assert context.getRealPath("/nosuch") == str(folder / "nosuch")
    assert context.getRealPath("/nosuch/") == f"{folder / 'nosuch'}/"
    assert Path(context.getRealPath("/tags.css") or "").read_text() == "css"
    assert context.getRealPath("/../x") is None
    assert context.getRealPath(None) is None  # type: ignore[arg-type]


@pytest.mark.rules("RT-CTX-10")
@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("a.html", "text/html"),
        ("/x/a.PNG", "image/png"),
        ("a.odd", "text/odd"),
        ("a", None),
        ("a.nosuch", None),
    ],
)
def test_mime_types(context: ServletContext, file: str, found: str | None) -> None:
    assert context.getMimeType(file) == found


@pytest.mark.rules("RT-CTX-12", "RT-CTX-13")
def test_server(deploy: Any, web_xml: Any, context: ServletContext) -> None:
    assert re.fullmatch(r"[\w-]+/[\w.+]+( \(.*\))?", context.getServerInfo())
    other = deploy(web_xml(""), name="other").context.facade
    assert context.getVirtualServerName() == other.getVirtualServerName()
    assert context.getServletContextName() == "Shop"
    assert other.getServletContextName() is None


@pytest.mark.rules("RT-CTX-14")
def test_each_web_app_has_a_folder_for_temporary_files(deploy: Any, context: ServletContext) -> None:
    folder = context.getAttribute(ServletContext.TEMPDIR)
    assert folder.is_dir()
    (folder / "x").write_text("writable")
    other = deploy(None, name="other", files={"x": "x"}).context.facade.getAttribute(ServletContext.TEMPDIR)
    assert other.is_dir()
    assert not (other / "x").exists()
    assert folder not in other.parents
    assert folder.stat().st_mode & 0o077 == 0  # private


@pytest.mark.rules("RT-CTX-16")
def test_log(app: Any, context: ServletContext, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        context.log("with 100% of it")
        context.log("failed", ValueError("why"))
    assert "with 100% of it" in caplog.text
    assert "failed" in caplog.text
    assert "ValueError: why" in caplog.text
    assert {record.name for record in caplog.records} == {"container.webapp.app"}


SAYS = """
import {imported}
from container.servlet import *
@WebServlet("/")
class Says(HttpServlet):
    def service(self, request, response):
        response.getWriter().write({imported}.WHERE)
"""


@pytest.mark.rules("RT-CTX-17")
def test_a_web_app_sees_its_own_classes_first(deploy: Any) -> None:
    """WEB-INF/classes, then WEB-INF/lib, then the environment; and no other web app's."""
    library = archive({"shared.py": "WHERE = 'lib'", "calendar.py": "WHERE = 'my calendar'"})
    for name, where in (("one", "one"), ("two", "two")):
        files = {
            "WEB-INF/lib/x.zip": library,
            "WEB-INF/classes/shared.py": f"WHERE = '{where}'",
            "WEB-INF/classes/says.py": SAYS.format(imported="shared"),
        }
        assert deploy(name=name, files=files).get("/").text == where
    files = {"WEB-INF/lib/x.zip": library, "WEB-INF/classes/says.py": SAYS.format(imported="calendar")}
    assert deploy(name="three", files=files).get("/").text == "my calendar"
    files = {"WEB-INF/lib/x.zip": library, "WEB-INF/classes/says.py": SAYS.format(imported="shared")}
    assert deploy(name="four", files=files).get("/").text == "lib"


@pytest.mark.rules("RT-CTX-17")
def test_no_web_app_replaces_the_api(deploy: Any) -> None:
    files = {
        "WEB-INF/classes/container/servlet.py": "raise RuntimeError('mine')",
        "WEB-INF/classes/shared.py": "WHERE = 'the API is there'",
        "WEB-INF/classes/says.py": SAYS.format(imported="shared"),
    }
    assert deploy(files=files).get("/").text == "the API is there"


@pytest.mark.rules("RT-CTX-19")
def test_the_class_loader(deploy: Any) -> None:
    files = {"WEB-INF/classes/shop.py": "class Cart: pass"}
    one, two = (deploy(name=name, files=files).context.facade.getClassLoader() for name in ("one", "two"))
    assert one.loadClass("shop.Cart") is one.loadClass("shop:Cart")
    assert one.loadClass("shop.Cart") is not two.loadClass("shop.Cart")
