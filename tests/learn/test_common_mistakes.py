"""What people get wrong most often: the first line printed names the cause, at the place to change."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from container.learn.lint import lint
from container.learn.lint.report import as_text
from container.learn.lint.rules import files_of

MISTAKES = tomllib.loads(Path(__file__).with_name("common_mistakes.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mistake", MISTAKES["mistake"], ids=lambda mistake: mistake["name"])
def test_the_first_line_names_the_cause(
    mistake: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files_of(mistake["files"]).items():
        path = Path("shop", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert as_text(lint(Path("shop"))).splitlines()[0] == mistake["first_line"]
