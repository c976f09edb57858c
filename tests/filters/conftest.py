"""A web app with one of the filters, and a servlet that does what the request asks for.

``app = filtered("CorsFilter", {"cors.allowed.origins": "*"}, servlet)``: then ``app.get("/x", "Origin: …")``
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import pytest

_path = Path(__file__).parents[1] / "conformance" / "conftest.py"
_spec = importlib.util.spec_from_file_location("conformance_conftest", _path)
assert _spec is not None
assert _spec.loader is not None
_conformance = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_conformance)

server, deploy, serve = _conformance.server, _conformance.deploy, _conformance.serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.socket)


def filter_xml(name: str, parameters: Mapping[str, str], pattern: str = "/*") -> str:
    params = "".join(
        f"<init-param><param-name>{key}</param-name><param-value>{escape(value)}</param-value></init-param>"
        for key, value in parameters.items()
    )
    return (
        f"<filter><filter-name>{name}</filter-name>"
        f"<filter-class>org.apache.catalina.filters.{name}</filter-class>{params}</filter>"
        f"<filter-mapping><filter-name>{name}</filter-name><url-pattern>{pattern}</url-pattern></filter-mapping>"
    )


@pytest.fixture
def filtered(serve: Callable[..., Any]) -> Callable[..., Any]:
    def start(
        name: str,
        parameters: Mapping[str, str] | None = None,
        servlet: Callable[[Any, Any], None] = lambda request, response: None,
        more: str = "",
        **arguments: Any,
    ) -> Any:
        return serve(servlet, more + filter_xml(name, parameters or {}), **arguments)

    return start


@pytest.fixture
def matches() -> Callable[[Any, str], None]:
    """Assert that a web app has not started, and that a problem, which names the filter, says why."""

    def check(app: Any, pattern: str) -> None:
        assert not app.running
        assert any(re.search(pattern, problem) and "web.xml:" in problem for problem in app.problems), (
            app.problems
        )

    return check


@pytest.fixture
def web_xml() -> Callable[..., str]:
    """A descriptor with nothing but a filter: web_xml("ExpiresFilter", parameters)."""
    return lambda name, parameters: _conformance.web_xml(filter_xml(name, parameters))


@pytest.fixture
def descriptor() -> Callable[[str], str]:
    """A whole web.xml around some elements."""
    return _conformance.web_xml  # type: ignore[no-any-return]
