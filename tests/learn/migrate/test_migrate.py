"""What becomes of a Java web app: the report in three parts, and the skeleton that starts."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings

import container
from container.errors import ConfigError
from container.learn import lint
from container.learn.effective import declared
from container.learn.migrate import Report, as_json, as_text, migrate
from container.learn.migrate import war as war_files
from container.learn.migrate.naming import python_names, snake_case
from container.testing import Deploy
from container.testing.strategies import WebApp, web_apps

XML = '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">{}</web-app>'


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # so that places are short


@pytest.fixture
def report(shop: Path) -> Report:
    return migrate(Path("shop.war"), Path("src"))


def folder(web_xml: str, **classes: str) -> Path:
    """A web app in a folder; classes are Java sources by name."""
    path = Path("app")
    (path / "WEB-INF" / "classes").mkdir(parents=True)
    (path / "WEB-INF" / "web.xml").write_text(XML.format(web_xml))
    for name, text in classes.items():
        (path / "WEB-INF" / "classes" / f"{name}.java").write_text(text)
    return path


def servlet(class_name: str) -> str:
    return f"<servlet><servlet-name>a</servlet-name><servlet-class>{class_name}</servlet-class></servlet>"


def war(*names: str | zipfile.ZipInfo) -> Path:
    path = Path("bad.war")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("WEB-INF/web.xml", XML.format(""))
        for name in names:
            archive.writestr(name, b"x")
    return path


# The report


@pytest.mark.parametrize(
    "line",
    [
        'shop.war/WEB-INF/web.xml:7:3: <context-param> "currency"',
        'shop.war/WEB-INF/web.xml:9:3: filter "encoding" org.apache.catalina.filters.'
        "SetCharacterEncodingFilter: is container.filters.set_character_encoding.SetCharacterEncodingFilter",
        'shop.war/WEB-INF/web.xml:49:3: servlet "about": shows /about.jsp as a Jinja2 page',
        "shop.war/WEB-INF/web.xml:60:3: <exception-type> java.io.IOException: is OSError",
        'shop.war/WEB-INF/web.xml:50:53: <servlet-mapping> "/cart/*" to "cart"',
        "shop.war/WEB-INF/lib/stats.jar/META-INF/web-fragment.xml:6:54: "
        '<servlet-mapping> "/stats" to "stats"',
    ],
)
def test_what_maps_cleanly(report: Report, line: str) -> None:
    clean = as_text(report).partition("Needs a Python class or page\n")[0]
    assert f"  {line}\n" in clean


@pytest.mark.parametrize(
    "line",
    [
        # methods of the class and its bases; not those in comments, strings, bodies, private or abstract ones
        'shop.war/WEB-INF/web.xml:34:3: servlet "cart" com.acme.shop.web.CartServlet -> shop_web:CartServlet '
        "(doPost, init, doGet; src/com/acme/shop/web/CartServlet.java:7)",
        'shop.war/WEB-INF/web.xml:45:3: servlet "legacy" com.acme.old.http.Legacy -> old_http:Legacy '
        "(methods unknown; no source of it)",
        "shop.war/WEB-INF/web.xml:31:3: listener com.acme.shop.Startup -> shop:Startup "
        "(ServletContextListener, HttpSessionListener; src/com/acme/shop/Startup.java:2)",
        "src/com/acme/shop/web/Search.java:5:1: @WebServlet com.acme.shop.web.Search -> shop_web:Search "
        "(doGet; src/com/acme/shop/web/Search.java:8)",
        "src/com/acme/shop/web/Search.java:10:5: @WebFilter com.acme.shop.web.Search$Log -> "
        "shop_web:SearchLog (doFilter; src/com/acme/shop/web/Search.java:11)",
        "shop.war/WEB-INF/classes/com/acme/shop/web/Feed.class: class file with @WebServlet "
        "com.acme.shop.web.Feed -> shop_web:Feed (methods unknown; no source of it)",
        'shop.war/WEB-INF/web.xml:41:3: servlet "spring" org.springframework.web.servlet.'
        "DispatcherServlet -> stand_ins:DispatcherServlet (a stand-in, see below)",
        "shop.war/error.jsp: page -> error.jinja",
    ],
)
def test_what_needs_a_class(report: Report, line: str) -> None:
    to_write = as_text(report).partition("Needs a Python class or page\n")[2].partition("No counterpart\n")[0]
    assert f"  {line}\n" in to_write


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ('shop.war/META-INF/context.xml:2:3: <Valve> "org.apache.x.AccessLogValve" sees', "--access-log"),
        ("shop.war/WEB-INF/applicationContext.xml: applicationContext.xml makes Java objects", "Listener"),
        ("shop.war/WEB-INF/lib/gson-2.10.jar: gson-2.10.jar reads and writes JSON", "Python's json"),
        ("shop.war/WEB-INF/shop.tld: shop.tld is a library of Java tags", "macros"),
        ('shop.war/WEB-INF/web.xml:41:3: servlet "spring" org.springframework', "@RequestMapping"),
        ('shop.war/WEB-INF/web.xml:63:3: <resource-ref> "jdbc/shop" asks for a database', "pool"),
        ('shop.war/WEB-INF/web.xml:66:3: <ejb-ref> "ejb/Orders" asks for an enterprise bean', "Python class"),
        ("src/com/acme/shop/web/CartServlet.java:3:1: import javax.naming.InitialContext", "attribute"),
        ("javax.servlet.ServletContainerInitializer:2:1: com.acme.stats.Init runs Java code", "in Python"),
    ],
)
def test_what_has_no_counterpart(report: Report, line: str, instead: str) -> None:
    missing = as_text(report).partition("No counterpart\n")[2].splitlines()
    [found] = [known for known in missing if line in known]
    assert instead in found


def test_the_same_as_json(report: Report) -> None:
    document = json.loads(as_json(report))
    assert [len(document[part]) for part in ("clean", "to_write", "pages", "missing", "problems")] == [
        len(part) for part in (report.clean, report.to_write, report.pages, report.missing, report.problems)
    ]
    [cart] = [item for item in document["to_write"] if item["python"] == "shop_web:CartServlet"]
    assert (cart["file"], cart["line"], cart["methods"]) == (
        "shop.war/WEB-INF/web.xml",
        34,
        ["doPost", "init", "doGet"],
    )
    assert document["pages"][0]["tag_libraries"] == ["http://java.sun.com/jsp/jstl/core"]


def test_a_complete_web_xml_has_no_annotations(shop: Path) -> None:
    path = folder("", Search='@WebServlet("/search") class Search extends HttpServlet {}')
    assert [found.java_name for found in migrate(path).to_write] == ["Search"]
    xml = XML.replace('version="6.1"', 'version="6.1" metadata-complete="true"').format("")
    (path / "WEB-INF" / "web.xml").write_text(xml)
    assert migrate(path).to_write == ()


def test_a_maven_project_has_its_sources_beside_it(shop: Path) -> None:
    web_inf = Path("store/src/main/webapp/WEB-INF")
    web_inf.mkdir(parents=True)
    (web_inf / "web.xml").write_text(XML.format(servlet("com.acme.shop.web.CartServlet")))
    Path("src").rename("store/src/main/java")
    report = migrate(Path("store"))
    assert report.name == "store"
    assert report.to_write[0].java is not None


def test_wrong_descriptors_come_first_and_have_no_skeleton() -> None:
    path = folder("<servlet-mapping/>")
    report = migrate(path)
    assert as_text(report).startswith("Wrong in any container\n  app/WEB-INF/web.xml:1:")
    with pytest.raises(ConfigError, match="Mend this first"):
        migrate(path, output=Path("out"))


# The skeleton


def test_the_skeleton_is_sound_and_its_test_passes(shop: Path) -> None:
    migrate(Path("shop.war"), Path("src"), Path("out"))
    assert [
        problem for problem in lint.lint(Path("out/webapps")).problems if problem.severity == "error"
    ] == []
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "container.testing.plugin"],
        cwd="out",
        env={**os.environ, "PYTHONPATH": str(Path(container.__file__).parents[1]), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stdout.splitlines()[-1].startswith("8 passed"), result.stdout


def test_what_is_copied_and_what_is_not(shop: Path) -> None:
    migrate(Path("shop.war"), Path("src"), Path("out"))
    web_app = Path("out/webapps/shop")
    copied = {path.relative_to(web_app).as_posix() for path in web_app.rglob("*") if path.is_file()}
    assert copied == {
        *("index.html", "img/logo.svg", "about.jinja", "error.jinja", "WEB-INF/messages.json"),
        *(f"WEB-INF/classes/{name}.py" for name in ("shop", "shop_web", "old_http", "stats", "stand_ins")),
        "WEB-INF/classes/com/acme/shop/labels.properties",
        "WEB-INF/web.xml",
        "WEB-INF/lib/stats/META-INF/web-fragment.xml",
        "WEB-INF/lib/stats/META-INF/resources/stats.css",
    }


def test_web_xml_keeps_everything_but_the_class_names(shop: Path) -> None:
    with zipfile.ZipFile(shop) as archive:
        java = archive.read("WEB-INF/web.xml").decode("iso-8859-1")
    migrate(Path("shop.war"), Path("src"), Path("out"))
    python = Path("out/webapps/shop/WEB-INF/web.xml").read_text(encoding="utf-8")
    assert "<!-- The shop of Müller & Söhne -->" in python
    assert '<?xml version="1.0" encoding="UTF-8"?>' in python
    for old, new in [
        ("ISO-8859-1", "UTF-8"),
        ("\n      com.acme.shop.web.CartServlet\n    ", "shop_web.CartServlet"),
        ("com.acme.shop.web.AuditFilter", "shop_web.AuditFilter"),
        ("com.acme.shop.Startup", "shop.Startup"),
        ("com.acme.shop.OutOfStock", "shop.OutOfStock"),
        ("com.acme.old.http.Legacy", "old_http.Legacy"),
        ("org.springframework.web.servlet.DispatcherServlet", "stand_ins.DispatcherServlet"),
        ("org.springframework.web.filter.DelegatingFilterProxy", "stand_ins.DelegatingFilterProxy"),
        ("org.springframework.web.context.ContextLoaderListener", "stand_ins.ContextLoaderListener"),
    ]:
        java = java.replace(old, new)
    assert python == java


def test_the_classes_have_the_methods_of_the_java_classes(shop: Path) -> None:
    migrate(Path("shop.war"), Path("src"), Path("out"))
    text = Path("out/webapps/shop/WEB-INF/classes/shop_web.py").read_text()
    cart = text.partition("class CartServlet")[2].partition("\nclass ")[0]
    assert [line.split("(")[0].split()[1] for line in cart.splitlines() if "    def " in line] == [
        *("init", "doPost", "doGet")
    ]
    assert '@WebServlet(\n    name="search",' in text
    assert 'initParams=WebInitParam(name="limit", value="100"),' in text
    assert "# TODO: location = Paths.UPLOADS\n@MultipartConfig(maxFileSize=5 * 1024 * 1024)\n" in text
    effective = declared(Path("out/webapps/shop")).web_app
    search = {m.url_pattern for m in effective.servlet_mappings if m.servlet_name == "search"}
    assert search == {"/search", "/find/*"}
    assert [m.dispatchers for m in effective.filter_mappings if m.url_pattern == "/search"] == [
        {"REQUEST", "FORWARD"}
    ]


def test_nobody_passes_the_stand_in_of_a_filter_that_guards(shop: Path, deploy: Deploy) -> None:
    migrate(Path("shop.war"), Path("src"), Path("out"))
    client = deploy(Path("out/webapps/shop").absolute())
    client.get("/admin/anything", status=503)
    client.get("/index.html", status=200)
    client.get("/stats.css", status=200)
    client.get("/cart/", status=501)
    assert "still to be written" in client.get("/about.jsp").text


def test_the_modules_are_typed(shop: Path) -> None:
    migrate(Path("shop.war"), Path("src"), Path("out"))
    for path in Path("out/webapps/shop/WEB-INF/classes").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.returns is not None
                assert all(argument.annotation or argument.arg == "self" for argument in node.args.args)


def test_one_listener_method_for_events_of_two_kinds() -> None:
    path = folder(
        "<listener><listener-class>a.B</listener-class></listener>",
        B="package a; class B implements ServletContextAttributeListener, HttpSessionAttributeListener {}",
    )
    migrate(path, output=Path("out"))
    text = Path("out/webapps/app/WEB-INF/classes/a.py").read_text()
    assert text.count("def attributeAdded(") == 1
    assert "event: ServletContextAttributeEvent | HttpSessionBindingEvent" in text


@pytest.mark.parametrize("there", ["a folder with a file", "a file"])
def test_nothing_is_overwritten(shop: Path, there: str) -> None:
    out = Path("out")
    if there == "a file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "mine").write_text("mine")
    with pytest.raises(ConfigError, match="out: is there already, and nothing is overwritten"):
        migrate(shop, output=out)
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["out", "shop.war", "src"]  # no rest of it


@settings(max_examples=25)
@given(app=web_apps().filter(lambda app: app.login != "FORM"))  # whose login page has no form
def test_skeletons_of_generated_web_apps_are_sound(app: WebApp) -> None:
    """Whatever the descriptor says: no error is found, and the skeleton's own test passes."""
    with tempfile.TemporaryDirectory() as folder:
        war = Path(folder, "app.war")
        with zipfile.ZipFile(war, "w") as archive:
            for name, content in app.files.items():
                place = f"WEB-INF/{name}" if name == "web.xml" else name
                if not name.endswith(".py"):
                    archive.writestr(place, content)
        migrate(war, output=Path(folder, "out"))
        web_app = Path(folder, "out/webapps/app")
        assert [p for p in lint.lint(web_app).problems if p.severity == "error"] == []
        test = Path(folder, "out/tests/test_app.py").read_text()
        rows = re.findall(r'^        \("(.*)", "(.*)"\),$', test, re.MULTILINE)
        with Deploy() as deploy:
            client = deploy(web_app)
            for url, servlet in rows:
                client.assert_mapped(url, servlet=servlet)
                assert client.get(url, status="*").status_int not in (404, 500), url


# Bad archives


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.txt", "leads out of the archive"),
        ("a/../../evil.txt", "leads out of the archive"),
        ("/etc/evil", "leads out of the archive"),
        ("C:/evil", "leads out of the archive"),
        ("a\\..\\evil", "leads out of the archive"),
    ],
)
def test_an_archive_that_leads_out_of_itself(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        migrate(war(name), output=Path("out"))
    assert not Path("out").exists()


def test_an_archive_with_a_link() -> None:
    link = zipfile.ZipInfo("etc")
    link.external_attr = 0o120777 << 16
    with pytest.raises(ConfigError, match="is a link"):
        migrate(war(link))


def test_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(war_files, "MAX_BYTES", 1 << 20)
    path = Path("bomb.war")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("WEB-INF/web.xml", XML.format(""))
        archive.writestr("zeros.txt", bytes(1 << 20))
    with pytest.raises(ConfigError, match="which no web app needs"):
        migrate(path)


def test_what_is_no_archive() -> None:
    Path("a.war").write_text("no zip")
    with pytest.raises(ConfigError, match=r"a\.war: is neither a folder nor a readable \.war"):
        migrate(Path("a.war"))
    Path("empty").mkdir()
    with pytest.raises(ConfigError, match="no Java web app is here"):
        migrate(Path("empty"))


def test_a_link_that_leads_out_of_a_folder_is_no_part_of_it() -> None:
    path = folder("")
    Path("secret.txt").write_text("secret")
    (path / "a.txt").symlink_to(Path("secret.txt").absolute())
    migrate(path, output=Path("out"))
    assert not Path("out/webapps/app/a.txt").exists()


def test_python_in_a_java_web_app_is_not_run() -> None:
    path = folder("")
    (path / "WEB-INF/classes/evil.py").write_text("@WebServlet\nopen('was-here', 'w')")
    migrate(path, output=Path("out"))
    assert not Path("was-here").exists()


# Names


def test_names() -> None:
    names = python_names(
        [
            "com.acme.shop.CartServlet",
            "com.acme.shop.async.Poll",
            "com.acme.shop.Cart$Item",
            "com.acme.shop.CartItem",
            "com.acme.shop.json.HttpServlet",
        ]
    )
    assert names == {
        "com.acme.shop.CartServlet": "shop.CartServlet",
        "com.acme.shop.Cart$Item": "shop.CartItem",
        "com.acme.shop.CartItem": "shop.CartItem2",
        "com.acme.shop.async.Poll": "async_.Poll",
        "com.acme.shop.json.HttpServlet": "json_.AppHttpServlet",
    }
    assert python_names(["Hello"]) == {"Hello": "servlets.Hello"}
    assert [snake_case(name) for name in ("compressionFilters", "JSPViews", "web2")] == [
        *("compression_filters", "jsp_views", "web2")
    ]
