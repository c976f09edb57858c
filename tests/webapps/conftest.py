"""The web apps that come with the project. Each test has its own copy, so nothing of a run stays behind."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from webtest import TestApp

from container import make_application

WEBAPPS = Path(__file__).parents[2] / "webapps"
USERS = """<tomcat-users xmlns="http://tomcat.apache.org/xml" version="1.0">
  <user username="ann" password="keeper" roles="manager"/>
  <user username="bob" password="reader" roles="reader"/>
</tomcat-users>"""


def _files(folder: Path) -> set[Path]:
    """All but Python's own bytecode."""
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture
def webapps(tmp_path: Path) -> Iterator[Path]:
    """A folder with the web apps, to which no file may be added, and a users file where one is looked for."""
    folder = tmp_path / "webapps"
    shutil.copytree(WEBAPPS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "tomcat-users.xml").write_text(USERS)
    files = _files(folder)
    yield folder
    assert _files(folder) == files


@pytest.fixture
def open_browser(webapps: Path) -> Iterator[Callable[[], TestApp]]:
    """A function that gives another browser, with its own cookies, on the same running container."""
    application = make_application(webapps)
    yield lambda: TestApp(application)
    application.stop()


@pytest.fixture
def browser(open_browser: Callable[[], TestApp]) -> TestApp:
    return open_browser()
