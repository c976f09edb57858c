"""docs/tomcat-names.md: its examples are deployed, its tables name what there is."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import container.filters
from container.engine.names import TOMCAT_CLASSES
from container.filters import FILTERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tomcat-names.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def example(deploy: Callable[..., Any], descriptor: Callable[[str], str]) -> Callable[[str], Any]:
    """The web app of the example that holds a word, with a few files."""

    def start(word: str) -> Any:
        found = [text for text in EXAMPLES if word in text]
        assert len(found) == 1
        files = {"a.png": "p", "a.js": "j", "a.txt": "t", "files/b.txt": "b"}
        app = deploy(descriptor(found[0]), files=files)
        assert app.running
        assert app.problems == []
        return app

    return start


def test_cors(example: Callable[[str], Any]) -> None:
    app = example("CorsFilter")
    allowed = app.get("/a.txt", "Origin: https://shop.example")
    assert (allowed.text, allowed.header("Access-Control-Allow-Origin")) == ("t", "https://shop.example")
    assert app.get("/a.txt", "Origin: https://other.example").status == 403


def test_expires(example: Callable[[str], Any]) -> None:
    app = example("ExpiresFilter")
    assert app.get("/a.js").header("Cache-Control") == "max-age=600"
    assert int(app.get("/a.png").header("Cache-Control").removeprefix("max-age=")) >= 28 * 86400
    assert app.get("/a.txt").header("Cache-Control") is None


def test_proxy_and_limit(example: Callable[[str], Any]) -> None:
    app = example("RemoteIpFilter")
    assert app.get("/a.txt", "X-Forwarded-For: 192.0.2.1").text == "t"
    assert list(app.context.filters["limit"].filter._counts) == ["192.0.2.1"]


def test_files(example: Callable[[str], Any]) -> None:
    app = example("DefaultServlet")
    assert "b.txt" in app.get("/files/").text
    assert app.get("/files/b.txt").text == "b"
    assert app.get("/a.txt").status == 404


def test_every_example_is_tested() -> None:
    assert len(EXAMPLES) == 4


def test_every_class_is_listed() -> None:
    rows = [line.split("|")[1:4] for line in PAGE.splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`(\w+Filter)`", row[0])}
    assert listed == set(FILTERS)
    for name in TOMCAT_CLASSES:
        assert name.rpartition(".")[2] in PAGE


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_parameter_is_listed(name: str) -> None:
    found = getattr(container.filters, name)
    shared = list(FILTERS.values()).count(FILTERS[name]) > 1
    source = inspect.getsource(found if shared else sys.modules[found.__module__])
    asked = r'parameters\.(?:text|items|flag|number|status|choice|pattern|given)\(\s*"([\w.]+)"'
    row = next(line for line in PAGE.splitlines() if f"`{name}`" in line and line.startswith("| `"))
    missing = [parameter for parameter in re.findall(asked, source) if f"`{parameter}" not in row]
    assert missing == []
