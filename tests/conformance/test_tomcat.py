"""What Tomcat 10.1 answered to the cases of tomcat/, and what we answer where a rule says otherwise."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

from container.config import Settings
from container.engine.container import Container
from container.front.routes import EmbeddedFront

FOLDER = Path(__file__).parent / "tomcat"


def load(name: str):
    """Import a module of the folder, as its own programs do when they run there."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


CASES = load("cases").CASES
answers = load("answers")
RECORDED = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
OURS = json.loads((FOLDER / "differences.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    webapps = tmp_path_factory.mktemp("tomcat") / "webapps"
    shutil.copytree(FOLDER / "webapps", webapps)
    for webapp in webapps.iterdir():
        (webapp / "WEB-INF/classes").mkdir()
        shutil.copy(FOLDER / "show.py", webapp / "WEB-INF/classes")
    container = Container(Settings(webapps=webapps, users=FOLDER / "tomcat-users.xml"))
    container.deploy_all(webapps)
    yield container
    container.stop()


@pytest.fixture
def port(server, container):
    server.handler = EmbeddedFront(container)
    container.on_static_plan(server.handler.publish)
    return server.port


@pytest.mark.parametrize("case", CASES, ids=answers.name_of)
def test_same_answer(port, case):
    name = answers.name_of(case)
    expected = RECORDED[name]
    answer = answers.ask(port, case)
    if name in OURS:
        assert answer != expected, "no longer a difference: take it out of differences.json"
        expected = {**expected, **OURS[name]["ours"]}
    assert answer == expected


def test_every_difference_has_a_reason():
    names = set(map(answers.name_of, CASES))
    assert names == set(RECORDED), "record.py has to be run again"
    assert set(OURS) <= names
    assert all(difference["reason"] for difference in OURS.values())
