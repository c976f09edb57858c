"""What people get wrong most often: the first line printed names the cause, at the place to change."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from container.config import Settings
from container.errors import DeploymentError
from container.learn.lint import lint
from container.learn.lint.report import as_text
from container.learn.lint.rules import files_of
from container.report import served
from container.server import start_container
from container.servlet import HttpServlet, WebServlet
from container.testing import Deploy

MISTAKES = tomllib.loads(Path(__file__).with_name("common_mistakes.toml").read_text(encoding="utf-8"))


each_mistake = pytest.mark.parametrize("mistake", MISTAKES["mistake"], ids=lambda mistake: mistake["name"])


def write(mistake: dict, folder: Path) -> Path:
    for name, text in files_of(mistake["files"]).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@each_mistake
def test_the_first_line_names_the_cause(
    mistake: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert as_text(lint(write(mistake, Path("shop")))).splitlines()[0] == mistake["first_line"]


@each_mistake
def test_so_does_the_start_of_a_server(mistake: dict, tmp_path: Path) -> None:  # `was run --dev`
    write(mistake, tmp_path / "shop")
    container = start_container(Settings(webapps=tmp_path, dev=True))
    first, *others = served(container)["problems"]
    container.stop()
    place, severity, code, said = re.fullmatch(r"(\S+): (\w+) (WAS\d+): (.*)", mistake["first_line"]).groups()
    if mistake["name"] in ("a class of Spring", "a servlet as a filter"):  # the engine has words of its own
        assert first.startswith("shop/WEB-INF/web.xml:4:3: filter log")
    else:
        assert first == f"{place}: {'' if severity == 'error' else f'{severity}: '}{said} [{code}]"
        assert "".join(others).count("there is no class") == 0


def test_the_first_line_of_the_log_names_the_cause(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DeploymentError):
        deploy(web_xml="<web-app>\n<servlet>\n</web-app>")
    assert re.match(r"/app does not start: app/WEB-INF/web\.xml:3:\d+: not well-formed", caplog.messages[-1])

    servlet = "<servlet><servlet-name>cart</servlet-name><servlet-class>Cart</servlet-class></servlet>"
    mapping = (
        "<servlet-mapping><servlet-name>cart</servlet-name><url-pattern>/</url-pattern></servlet-mapping>"
    )
    deploy(web_xml=f"<web-app>{servlet}{mapping}</web-app>").get("/", status=500)
    assert 'ServletException: app/WEB-INF/web.xml:1:10: there is no class "Cart"' in caplog.messages[-1]


def test_a_page_that_is_returned_as_in_flask(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    @WebServlet("/page")
    class Page(HttpServlet):
        def doGet(self, request, response):
            return "Hello"

    assert deploy(Page).get("/page").text == ""
    assert "returned a str, which nobody sends. Write it to response.getWriter()" in caplog.messages[-1]


@pytest.mark.parametrize("dev", [True, False])
def test_no_web_app_has_the_path(deploy: Deploy, caplog: pytest.LogCaptureFixture, dev: bool) -> None:
    caplog.set_level("INFO", "container.engine")
    client = deploy({"index.html": "shop"}, path="/shop", dev=dev)
    page = client.get("https://localhost/", status=404).text
    assert ("No web app has this path. There are: /shop/" in page) is dev
    assert "GET '/' [" in caplog.messages[-1]
