"""Fixtures hand out functions that read a few lines of XML as if they stood in a web.xml."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from container.descriptor.model import WebApp
from container.descriptor.reader import NAMESPACES, read_descriptor
from container.errors import Problem

Read = Callable[..., tuple[WebApp, list[Problem]]]


@pytest.fixture
def read() -> Read:
    """Read children of <web-app>; they begin in line 2, column 1."""

    def read_inside(
        inside: str, version: str = "6.1", fragment: bool = False
    ) -> tuple[WebApp, list[Problem]]:
        root = "web-fragment" if fragment else "web-app"
        namespace = f' xmlns="{NAMESPACES[version]}"' if NAMESPACES[version] else ""
        xml = f'<{root}{namespace} version="{version}">\n{inside}\n</{root}>'
        return read_descriptor(xml.encode(), "web.xml", fragment=fragment)

    return read_inside


@pytest.fixture
def read_well(read: Read) -> Callable[..., WebApp]:
    """The same for descriptors without any problem."""

    def read_without_problems(inside: str, version: str = "6.1", fragment: bool = False) -> WebApp:
        web_app, problems = read(inside, version, fragment)
        assert list(map(str, problems)) == []
        return web_app

    return read_without_problems
