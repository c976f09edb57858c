"""docs/explain.md: its example is what the command prints, and its table has every key."""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from container.cli import was
from container.learn.explain import model

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _beside_nothing_but_the_web_apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "webapps", tmp_path / "webapps", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)


def test_the_example_is_what_is_printed() -> None:
    found = re.search(r"<!-- explain -->\n```\n\$ was (.*)\n([^`]*(?:`[^`]+`[^`]*)*)```\n", PAGE)
    assert found is not None
    result = CliRunner().invoke(was, shlex.split(found[1]))
    assert result.output == found[2], "put the new output into docs/explain.md"


def test_the_table_has_every_key() -> None:
    table = PAGE[PAGE.index("| key |") : PAGE.index("In a program")]
    named = set(re.findall(r"`(\w+)`", table))
    for kind in (getattr(model, name) for name in model.__all__ if name not in ("Section",)):
        assert {each.name for each in dataclasses.fields(kind)} <= named, kind


def test_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert program is not None
    exec(compile(program[1], "docs/explain.md", "exec"), {})
    assert capsys.readouterr().out.startswith("GET /guestbook/entries\n")
