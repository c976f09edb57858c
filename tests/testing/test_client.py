"""The fixtures deploy and client, used as in the tests of a web app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from container.errors import ConfigError, DeploymentError
from container.servlet import (
    Filter,
    HttpServlet,
    HttpSessionEvent,
    HttpSessionListener,
    ServletException,
    WebFilter,
    WebListener,
    WebServlet,
)
from container.testing import Deploy

XML = '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">{}</web-app>'
CART = """
    from container.servlet import HttpServlet, WebServlet

    @WebServlet("/cart")
    class Cart(HttpServlet):
        def doGet(self, request, response):
            response.getWriter().write(f"{request.getContextPath()} {request.getServletPath()}")
"""


@WebServlet(name="whoami", urlPatterns=["/who", "/admin/who"])
class Who(HttpServlet):
    def doGet(self, request: Any, response: Any) -> None:
        principal = request.getUserPrincipal()
        said = [principal.getName() if principal else "nobody", request.isUserInRole("admin")]
        response.getWriter().write(f"{said} {request.getAuthType()} {request.isSecure()}")


def test_files_become_a_web_app(deploy: Deploy) -> None:
    client = deploy({"classes/cart.py": CART, "index.html": "<h1>Shop</h1>", "WEB-INF/secret.txt": "s"})
    assert isinstance(client, TestApp)
    assert client.get("/cart").text == "/app /cart"
    assert client.get("/").html.h1.text == "Shop"
    assert client.get("", status=302).location == "/app/"
    client.get("/WEB-INF/secret.txt", status=404)


def test_pages_are_in_views(deploy: Deploy) -> None:
    class Show(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            request.setAttribute("who", "Ada")
            request.getRequestDispatcher("/WEB-INF/views/hello.jinja").forward(request, response)

    xml = XML.format(
        "<servlet><servlet-name>show</servlet-name><servlet-class>Show</servlet-class></servlet>"
        "<servlet-mapping><servlet-name>show</servlet-name><url-pattern>/show</url-pattern></servlet-mapping>"
    )
    client = deploy(Show, {"views/hello.jinja": "Hello {{ who }}"}, web_xml=xml)
    assert client.get("/show").text == "Hello Ada"


def test_classes_of_the_test_count_with_their_decorators(deploy: Deploy) -> None:
    seen = []

    @WebServlet("/here")
    class Here(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            seen.append("servlet")

    @WebFilter("/*")
    class Log(Filter):
        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            seen.append("filter")
            chain.doFilter(request, response)

    deploy(Here, Log).get("/here")
    assert seen == ["filter", "servlet"]


def test_a_static_file_is_the_front_s(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    client = deploy({"a.txt": "text", "classes/cart.py": CART})
    monkeypatch.setattr(deploy.container, "begin", lambda exchange: pytest.fail("it came to the container"))
    answer = client.get("/a.txt")
    assert (answer.text, answer.content_type) == ("text", "text/plain")


def test_error_pages_are_part_of_it(deploy: Deploy) -> None:
    @WebServlet("/broken")
    class Broken(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            raise ServletException("broken")

    page = "<error-page><error-code>{0}</error-code><location>/e{0}.html</location></error-page>"
    files = {"e404.html": "nothing here", "e500.html": "sorry"}
    client = deploy(Broken, files, web_xml=XML.format(page.format(404) + page.format(500)))
    assert client.get("/nowhere", status=404).text == "nothing here"
    assert client.get("/broken", status=500).text == "sorry"


def test_a_folder_is_served_in_place(deploy: Deploy, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "a.txt").write_text("as it is")
    client = deploy(folder)
    assert client.context_path == "/shop"
    assert client.context.folder == folder
    assert client.get("/a.txt").text == "as it is"


def test_files_are_put_into_a_copy_of_a_folder(deploy: Deploy, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    client = deploy(folder, {"a.txt": "of the test"})
    assert (client.get("/a.txt").text, client.get("/b.txt").text) == ("of the test", "b")
    assert (folder / "a.txt").read_text() == "a"


def test_several_web_apps_share_a_container_and_a_browser_can_go_from_one_to_the_other(
    deploy: Deploy,
) -> None:
    shop = deploy({"index.html": '<a href="/blog/">blog</a>'}, path="/shop")
    blog = deploy({"index.html": "a blog"}, path="blog")
    root = deploy({"index.html": "the root"}, path="")
    assert shop.get("/").click("blog").text == "a blog"
    assert blog.get("http://localhost/shop/").html.a
    assert (root.context_path, root.get("/").text) == ("", "the root")
    assert list(deploy.container.contexts) == ["", "/blog", "/shop"]


def test_it_is_undeployed_at_the_end(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from container.servlet import HttpServlet, WebServlet

        @WebServlet(value="/x", loadOnStartup=1)
        class Main(HttpServlet):
            def destroy(self):
                print("destroyed")

        def test_one(deploy):
            deploy(Main)
        """
    )
    result = pytester.runpytest("-p", "container.testing.plugin", "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*destroyed*"])


# What is wrong


def test_a_web_app_that_does_not_start_is_an_error_with_file_and_line(deploy: Deploy) -> None:
    xml = """
        <web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
          <servlet-mapping><servlet-name>cart</servlet-name><url-pattern>/cart</url-pattern></servlet-mapping>
        </web-app>
    """
    with pytest.raises(DeploymentError, match=r"^shop/WEB-INF/web\.xml:2:\d+: .*cart"):
        deploy(web_xml=xml, path="/shop")
    deploy({"index.html": "mended"}, path="/shop").get("/")


def test_a_class_of_the_test_is_named_where_it_stands(deploy: Deploy) -> None:
    first = WebServlet("/same")(type("A", (Who,), {}))

    @WebServlet("same")
    class Wrong(HttpServlet):
        pass

    with pytest.raises(DeploymentError, match=r"test_client\.py:\d+:5: .*same"):
        deploy(first, Wrong)


def test_an_unknown_class_has_the_nearest_of_the_test(
    deploy: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    xml = "<servlet><servlet-name>a</servlet-name><servlet-class>Whoo</servlet-class></servlet>"
    xml += "<servlet-mapping><servlet-name>a</servlet-name><url-pattern>/a</url-pattern></servlet-mapping>"
    client = deploy(Who, web_xml=XML.format(xml))
    client.get("/a", status=500)
    assert 'Did you mean "Who"?' in caplog.text


def test_what_deploy_cannot_use_is_named(deploy: Deploy, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: there is no such folder\. Relative names begin at "):
        deploy("nowhere")
    with pytest.raises(ConfigError, match="was_webapp = FOLDER"), Deploy(Path, tmp_path) as other:
        other()
    with pytest.raises(ConfigError, match="outside the web app"):
        deploy({"../x": ""})
    with pytest.raises(ConfigError, match="two folders"):
        deploy(tmp_path, tmp_path)
    deploy({})
    with pytest.raises(ConfigError, match="max_form_bytes: there is a container already"):
        deploy({}, path="/b", max_form_bytes=1)
    with pytest.raises(DeploymentError, match='context path "/app" is taken'):
        deploy({})


# The browser


def test_the_path_arrives_as_it_was_written(deploy: Deploy) -> None:
    @WebServlet("/*")
    class Uri(HttpServlet):
        def doGet(self, request: Any, response: Any) -> None:
            response.getWriter().write(f"{request.getRequestURI()} {request.getQueryString()}")

        doPost = doGet  # noqa: N815

    client = deploy(Uri, path="/ö")
    assert client.get("/a%41b;x=1?q=%20").text == "/%C3%B6/a%41b;x=1 q=%20"
    assert client.get("/ü b", {"q": "1"}).text == "/%C3%B6/%C3%BC%20b q=1"
    assert client.post("/form?a=1", {"b": "2"}).text == "/%C3%B6/form a=1"


def test_http_1_1_is_spoken(deploy: Deploy) -> None:
    deploy(Who).put("/who", status=405)  # HTTP/1.0 would be answered 400


@WebServlet("/count")
class Count(HttpServlet):
    def doGet(self, request: Any, response: Any) -> None:
        session = request.getSession()
        session.setAttribute("count", (session.getAttribute("count") or 0) + 1)
        response.getWriter().write(str(session.getAttribute("count")))


def test_the_session_is_visible_and_belongs_to_a_browser(deploy: Deploy) -> None:
    client = deploy(Count)
    assert client.session is None
    client.get("/count")
    client.get("/count")
    assert client.session is not None
    assert client.session.getAttribute("count") == 2
    assert client.cookies == {"JSESSIONID": client.session.getId()}
    client.session.setAttribute("count", 7)
    assert client.get("/count").text == "8"
    other = client.new_browser()
    assert other.get("/count").text == "1"
    other.reset()
    assert other.session is None


def test_sessions_expire_when_the_clock_is_advanced(deploy: Deploy) -> None:
    ended = []

    @WebListener()
    class Told(HttpSessionListener):
        def sessionDestroyed(self, se: HttpSessionEvent) -> None:
            ended.append(se.getSession().getId())

    client = deploy(Count, Told)
    client.get("/count")
    session = client.session
    assert session is not None
    client.clock.advance(minutes=29)
    assert client.get("/count").text == "2"
    client.clock.advance(minutes=29, seconds=59)
    assert client.session is session
    assert not ended
    client.clock.advance(seconds=2)
    assert ended == [session.getId()]
    assert client.session is None
    assert client.get("/count").text == "1"
    assert "0:58:59" not in repr(client.clock)
    assert repr(client.clock) == "<Clock 0:59:01 ahead>"


CONSTRAINT = """
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>admin</web-resource-name><url-pattern>/admin/*</url-pattern>
    </web-resource-collection>
    <auth-constraint><role-name>admin</role-name></auth-constraint>
  </security-constraint>
  <login-config><auth-method>{}</auth-method>{}</login-config>
  <security-role><role-name>admin</role-name></security-role>
"""
FORM = (
    "<form-login-config><form-login-page>/login.html</form-login-page>"
    "<form-error-page>/error.html</form-error-page></form-login-config>"
)


@pytest.mark.parametrize(("method", "more"), [("BASIC", ""), ("DIGEST", ""), ("FORM", FORM)])
def test_a_user_is_logged_in_whatever_the_way(deploy: Deploy, method: str, more: str) -> None:
    files = {"login.html": "who are you?", "error.html": "no"}
    client = deploy(Who, files, web_xml=XML.format(CONSTRAINT.format(method, more)))
    assert client.get("/admin/who", status="*").text != "['ann', True]"
    client.login("ann", roles=["admin"])
    assert client.get("/admin/who").text == f"['ann', True] {method} False"
    assert client.get("/who").text == f"['ann', True] {method} False"
    bob = client.as_user("bob", roles=["reader"])
    bob.get("/admin/who", status=403)
    assert client.get("/admin/who").text.startswith("['ann', True]")
    client.logout()
    assert client.get("/who").text == "['nobody', False] None False"
    assert repr(bob) == "<Client of /app, bob>"


def test_real_logins_work_too(deploy: Deploy) -> None:
    client = deploy(Who, web_xml=XML.format(CONSTRAINT.format("BASIC", "")))
    deploy.add_user("ann", "secret", roles=["admin"])
    client.get("/admin/who", status=401)
    client.authorization = ("Basic", ("ann", "secret"))
    client.get("/admin/who", status=200)
    client.authorization = ("Basic", ("ann", "guess"))
    client.get("/admin/who", status=401)
    client.login("eve", roles=[])  # has no password, so nobody can log in as she
    browser = client.new_browser()
    browser.authorization = ("Basic", ("eve", ""))
    browser.get("/admin/who", status=401)


def test_an_https_url_is_a_secure_connection(deploy: Deploy) -> None:
    assert deploy(Who).get("https://localhost/app/who").text.endswith("True")


def test_warnings_are_there_to_be_asserted(deploy: Deploy) -> None:
    client = deploy(Who, web_xml=XML.format(CONSTRAINT.format("BASIC", "").partition("<security-role>")[0]))
    assert any('role "admin"' in problem for problem in client.problems), client.problems


def test_settings_are_the_container_s(deploy: Deploy) -> None:
    @WebServlet("/form")
    class Form(HttpServlet):
        def doPost(self, request: Any, response: Any) -> None:
            response.getWriter().write(str(request.getParameter("a")))

    client = deploy(Form, max_form_bytes=10)
    assert client.post("/form", {"a": "1"}).text == "1"
    client.post("/form", {"a": "1" * 20}, status=413)
