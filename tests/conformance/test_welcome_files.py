"""Welcome files and directories (runtime, chapter 3)."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest

from container.servlet import DispatcherType, Filter, HttpServlet


class Shows(HttpServlet):
    def service(self, request, response) -> None:
        words = self.getServletName(), request.getServletPath(), request.getPathInfo()
        response.getWriter().write(" ".join(map(str, words)))


def servlet(name: str, *patterns: str) -> str:
    mapped = "".join(f"<url-pattern>{pattern}</url-pattern>" for pattern in patterns)
    return (
        f"<servlet><servlet-name>{name}</servlet-name><servlet-class>app.Shows</servlet-class></servlet>"
        f"<servlet-mapping><servlet-name>{name}</servlet-name>{mapped}</servlet-mapping>"
    )


def welcome(*names: str) -> str:
    files = "".join(f"<welcome-file>{name}</welcome-file>" for name in names)
    return f"<welcome-file-list>{files}</welcome-file-list>"


@pytest.fixture
def app(deploy, web_xml):
    """A web app of servlets, welcome files and files: app(welcome(...) + servlet(...), files=...)."""

    def deploy_app(body: str, files=(), **arguments):
        return deploy(web_xml(body), classes=[Shows], files=dict.fromkeys(files, "a file"), **arguments)

    return deploy_app


@pytest.mark.rules("RT-WEL-01")
@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/d", "/app/d/"),
        ("/d?a=%20b", "/app/d/?a=%20b"),
        ("/d/e", "/app/d/e/"),
        ("/x/../d", "/app/x/../d/"),
        ("/%64", "/app/%64/"),
        ("/empty", "/app/empty/"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_directory_without_its_slash_is_redirected(app, path, location, method):
    it = app(welcome("index.html"), ["d/index.html", "d/e/index.html", "empty/.keep"])
    answer = it.request(method, path)
    assert (answer.status, answer.header("Location"), answer.body) == (302, location, b"")


@pytest.mark.rules("RT-WEL-01")
def test_the_redirect_names_no_other_host(deploy, web_xml):
    it = deploy(web_xml(""), files={"evil.example/x": ""}, name="ROOT")
    assert it.get("//evil.example").header("Location") == "/evil.example/"


@pytest.mark.rules("RT-WEL-02")
@pytest.mark.parametrize(
    ("names", "files", "patterns", "shown"),
    [
        (["a.txt", "b.txt"], ["d/a.txt", "d/b.txt"], [], "a file"),
        (["b.txt", "a.txt"], ["d/a.txt"], [], "a file"),
        (["a.do", "b.txt"], ["d/b.txt"], ["*.do"], "a file"),  # every name as a file first
        (["a.do", "b.txt"], [], ["*.do"], "it /d/a.do None"),
        (["b.txt", "a.do"], ["d/x"], ["*.do"], "it /d/a.do None"),
        (["a", "b.do"], [], ["/d/a", "*.do"], "it /d/a None"),
        (["b.do", "a"], [], ["/d/a", "*.do"], "it /d/b.do None"),
        (["sub/a.txt"], ["d/sub/a.txt"], [], "a file"),
        (["a.do"], ["d/a.do"], ["*.do"], "it /d/a.do None"),  # a file that a servlet has
        (["a"], ["d/a/x.txt", "d/b"], ["/d/a/*"], "it /d/a None"),  # a folder is no welcome file
    ],
)
def test_first_every_name_as_a_file_then_every_name_as_a_servlet(app, names, files, patterns, shown):
    it = app(welcome(*names) + (servlet("it", *patterns) if patterns else ""), files)
    assert it.get("/d/").text == shown


@pytest.mark.rules("RT-WEL-02")
def test_the_context_root_is_a_directory_too(app):
    it = app(welcome("none.html", "home.do") + servlet("it", "*.do"))
    assert it.get("/").text == "it /home.do None"
    assert it.get("").header("Location") == "/app/"
    assert app("", ["index.htm"], name="two").get("/").text == "a file"


@pytest.mark.rules("RT-WEL-03")
def test_delivery_is_by_mapping_again_before_filters_are_chosen(deploy, web_xml):
    class Sees(Filter):
        def doFilter(self, request, response, chain) -> None:
            words = request.getServletPath(), request.getDispatcherType().name, request.getRequestURI()
            response.setHeader("X-Seen", " ".join(words))
            chain.doFilter(request, response)

    it = deploy(
        web_xml(
            welcome("index.txt", "home.do")
            + servlet("it", "*.do")
            + """
            <filter><filter-name>f</filter-name><filter-class>app.Sees</filter-class></filter>
            <filter-mapping><filter-name>f</filter-name><url-pattern>*.txt</url-pattern>
              <url-pattern>*.do</url-pattern></filter-mapping>"""
        ),
        classes=[Shows, Sees],
        files={"d/index.txt": "a file"},
    )
    assert it.get("/d/").header("X-Seen") == "/d/index.txt REQUEST /app/d/"
    assert it.get("/").header("X-Seen") == "/home.do REQUEST /app/"


@pytest.mark.rules("RT-WEL-04")
@pytest.mark.parametrize("path", ["/d/", "/nothing/", "/"])
def test_without_a_welcome_file_a_directory_is_404(app, path):
    it = app(welcome("none.html", "none.do"), ["d/a.txt"])
    answer = it.get(path)
    assert answer.status == 404
    assert "a.txt" not in answer.text


@pytest.mark.rules("RT-WEL-04")
def test_a_welcome_file_list_replaces_the_usual_one(app):
    it = app(welcome("home.txt"), ["index.html", "d/home.txt"])
    assert it.get("/").status == 404
    assert it.get("/d/").text == "a file"


@pytest.mark.rules("RT-WEL-05")
def test_a_servlet_that_has_the_path_gets_it(app):
    it = app(welcome("index.html") + servlet("it", "/d/*", "/e/"), ["d/index.html", "e/index.html"])
    assert it.get("/d/").text == "it /d /"
    assert it.get("/d").text == "it /d None"
    assert it.get("/e/").text == "it /e/ None"
    it = app(welcome("index.html") + servlet("it", "/"), ["d/index.html"], name="two")
    assert it.get("/d/").text == "it /d/index.html None"  # the web app's default servlet serves the file
    assert it.get("/x/").text == "it /x/ None"


@pytest.mark.rules("RT-WEL-05")
def test_in_a_forward_to_a_directory_welcome_files_count(deploy, web_xml):
    class Forwards(HttpServlet):
        def service(self, request, response) -> None:
            assert request.getDispatcherType() is DispatcherType.REQUEST
            request.getRequestDispatcher("/d/").forward(request, response)

    body = """<servlet><servlet-name>f</servlet-name><servlet-class>app.Forwards</servlet-class></servlet>
      <servlet-mapping><servlet-name>f</servlet-name><url-pattern>/f</url-pattern></servlet-mapping>"""
    it = deploy(web_xml(welcome("index.txt") + body), classes=[Forwards], files={"d/index.txt": "a file"})
    assert it.get("/f").text == "a file"


@pytest.mark.rules("RT-WEL-06")
def test_a_welcome_file_may_come_from_a_library_and_the_web_apps_own_wins(deploy, web_xml):
    library = BytesIO()
    with zipfile.ZipFile(library, "w") as archive:
        for name in "d/index.txt", "e/index.txt":
            archive.writestr(f"META-INF/resources/{name}", f"library's {name}")
    it = deploy(
        web_xml(welcome("index.txt")),
        files={"WEB-INF/lib/it-1-py3-none-any.whl": library.getvalue(), "e/index.txt": "the web app's"},
    )
    assert it.get("/d/").text == "library's d/index.txt"
    assert it.get("/d").header("Location") == "/app/d/"
    assert it.get("/e/").text == "the web app's"
