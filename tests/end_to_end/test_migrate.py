"""Tomcat's own example web apps: what `was migrate` makes of them starts under `was run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import programs
import pytest

from container.learn.lint import lint
from container.learn.migrate import migrate

pytestmark = [pytest.mark.socket, pytest.mark.program("tomcat10-examples")]


def test_tomcats_examples(tmp_path: Path, was_run: Callable[..., Any]) -> None:
    report = migrate(programs.TOMCAT_EXAMPLES, output=tmp_path / "out")
    assert len(report.to_write) == 23
    assert all(found.java for found in report.to_write)  # their sources are beside them
    assert report.problems == ()
    (tmp_path / "out" / "webapps").rename(tmp_path / "webapps")
    assert lint(tmp_path / "webapps").errors == 0

    users = '<tomcat-users><user username="tomcat" password="secret" roles="tomcat"/></tomcat-users>'
    (tmp_path / "users.xml").write_text(users)
    server = was_run("--users", "users.xml")
    assert server.get("/examples/")[0] == 200
    assert server.get("/examples/servlets/servlet/HelloWorldExample")[0] == 501
    status, page = server.get("/examples/jsp/dates/date.jsp")
    assert (status, page.startswith("<!doctype html>"), "is still to be written" in page) == (200, True, True)
    status, page = server.get("/examples/jsp/security/protected/index.jsp")  # FORM, as web.xml says
    assert (status, "login.jsp is still to be written" in page) == (200, True)
