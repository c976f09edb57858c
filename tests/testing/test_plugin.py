"""The plugin as pytest sees it: found, configured, reported, and not noticed by those who do not use it."""

from __future__ import annotations

import pytest

PLUGIN = ("-p", "container.testing.plugin")
WEB_XML = """
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <filter><filter-name>log</filter-name><filter-class>cart.Log</filter-class></filter>
  <filter-mapping><filter-name>log</filter-name><url-pattern>/*</url-pattern></filter-mapping>
  <servlet><servlet-name>cart</servlet-name><servlet-class>cart.Cart</servlet-class></servlet>
  <servlet-mapping><servlet-name>cart</servlet-name><url-pattern>/cart</url-pattern></servlet-mapping>
</web-app>
"""
CART = """
from container.servlet import Filter, HttpServlet

class Cart(HttpServlet):
    def doGet(self, request, response):
        response.getWriter().write("a cart")

class Log(Filter):
    def doFilter(self, request, response, chain):
        chain.doFilter(request, response)
"""
TEST = """
def test_cart(client):
    assert client.get("/cart").text == "a cart"
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a web app and a test that uses the fixture client."""
    folder = pytester.path / "webapps" / "shop" / "WEB-INF"
    (folder / "classes").mkdir(parents=True)
    (folder / "web.xml").write_text(WEB_XML.lstrip())
    (folder / "classes" / "cart.py").write_text(CART)
    pytester.makeini("[pytest]\nwas_webapp = webapps/shop\n")
    pytester.makepyfile(TEST)
    return pytester


def test_the_client_is_that_of_was_webapp(project: pytest.Pytester) -> None:
    project.runpytest(*PLUGIN).assert_outcomes(passed=1)


def test_several_web_apps_may_be_named(project: pytest.Pytester) -> None:
    (project.path / "webapps" / "blog").mkdir()
    (project.path / "webapps" / "blog" / "index.html").write_text("a blog")
    (project.path / "tox.ini").unlink()
    project.makepyprojecttoml(
        """
        [tool.pytest.ini_options]
        was_webapp = ["webapps/blog", "webapps/shop"]
        """
    )
    project.makepyfile(
        """
        def test_both(client, deploy):
            assert client.get("/").text == "a blog"
            assert client.get("http://localhost/shop/cart").text == "a cart"
            assert list(deploy.container.contexts) == ["/blog", "/shop"]
        """
    )
    project.runpytest(*PLUGIN).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "arguments", [("--import-mode=importlib",), ("-p", "no:cacheprovider"), ("-W", "error")]
)
def test_it_works_with(project: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    project.runpytest_subprocess(*PLUGIN, *arguments).assert_outcomes(passed=1)


def test_it_works_with_xdist(project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    project.makepyfile(
        """
        import urllib.request
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_page(client, live_server, number):
            assert client.get("/cart").text == "a cart"
            with urllib.request.urlopen(f"{live_server.url}/cart") as answer:
                assert answer.read() == b"a cart"
        """
    )
    project.runpytest_subprocess(*PLUGIN, "-n", "2").assert_outcomes(passed=4)


def test_a_run_that_does_not_use_it_imports_nothing_of_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_modules():
            of_ours = {name for name in sys.modules if name.partition(".")[0] == "container"}
            assert of_ours == {"container", "container.testing", "container.testing.plugin"}
            assert not {"webtest", "lxml", "jinja2", "werkzeug", "httptools"} & set(sys.modules)
        """
    )
    project.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def test_without_webtest_the_extra_is_named(project: pytest.Pytester) -> None:
    project.makeconftest("import sys; sys.modules['webtest'] = None")
    result = project.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *webtest*pip install 'servlet-container?test?'"])


def test_without_hypothesis_the_extra_is_named(project: pytest.Pytester) -> None:
    project.makepyfile("import sys; sys.modules['hypothesis'] = None\nimport container.testing.strategies")
    result = project.runpytest_subprocess(*PLUGIN, "-p", "no:hypothesispytest")
    result.stdout.fnmatch_lines(["E *hypothesis*pip install 'servlet-container?test?'"])


def test_without_was_webapp_the_cure_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST)
    result = pytester.runpytest(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["E *ConfigError: which web app? Set was_webapp = FOLDER in pytest's settings*"]
    )


def test_a_wrong_was_webapp_is_named(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nwas_webapp = webapps/shopp\n")
    result = project.runpytest(*PLUGIN)
    result.stdout.fnmatch_lines(["E *was_webapp: *webapps/shopp: there is no such folder"])


def test_a_web_app_that_does_not_start_is_shown_with_file_and_line(project: pytest.Pytester) -> None:
    web_xml = project.path / "webapps" / "shop" / "WEB-INF" / "web.xml"
    web_xml.write_text(web_xml.read_text().replace("<url-pattern>/cart<", "<url-pattern>cart<"))
    result = project.runpytest(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *webapps/shop/WEB-INF/web.xml:5:*can never match*"])
    result.stdout.no_fnmatch_line("*deployment.py*")  # no line of ours comes before the message


def test_a_failing_test_shows_how_its_last_requests_were_mapped(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_cart(client):
            client.get("/first", status=404)
            client.get("/carts", status=404)
            assert client.get("/cart?a=1").text == "no cart"

        def test_passes(client):
            client.get("/unseen", status=404)

        def test_without_requests(deploy):
            assert False
        """
    )
    result = project.runpytest(*PLUGIN)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*- GET /shop/carts explained -*",
            "*- GET /shop/cart?a=1 explained -*",
            "Mapping * /cart -> cart*webapps/shop/WEB-INF/web.xml:5:*",
            "Filters * log*",
            "*- GET /shop/cart?a=1 X-ray -*",
            "GET /shop/cart?a=1 -> 200 in *",
            "*filter log*",
            "*servlet cart*",
        ]
    )
    for unseen in ("/first explained", "/unseen explained"):
        result.stdout.no_fnmatch_line(f"*{unseen}*")


def test_requests_to_a_live_server_are_explained_too(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import urllib.request

        def test_cart(live_server):
            with urllib.request.urlopen(f"{live_server.url}/cart") as answer:
                assert answer.read() == b"no cart"
        """
    )
    result = project.runpytest(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*- GET /shop/cart explained -*", "Mapping * /cart -> cart*", "GET /shop/cart -> 200 in *"]
    )


def test_what_cannot_be_explained_hides_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import container.learn.explain

        def test_cart(client, monkeypatch):
            monkeypatch.setattr(container.learn.explain, "explain", None)
            assert client.get("/cart").text == "no cart"
        """
    )
    result = project.runpytest(*PLUGIN)
    result.stdout.fnmatch_lines(["E *assert 'a cart' == 'no cart'", "cannot be explained: TypeError*"])


def test_pytest_knows_the_fixtures_and_the_setting(project: pytest.Pytester) -> None:
    fixtures = project.runpytest(*PLUGIN, "--fixtures").stdout
    for name in ("deploy", "client", "live_server", "cluster"):
        fixtures.fnmatch_lines([f"{name} -- *"])
    project.runpytest(*PLUGIN, "--help").stdout.fnmatch_lines(["*was_webapp (paths):*"])
