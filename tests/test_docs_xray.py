"""docs/xray.md says what is so: its program runs, its commands exist, its pictures are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import container
from container.config import load

ROOT = Path(container.__file__).parents[1]
TEXT = (ROOT / "docs" / "xray.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", re.findall(r"^    was run (.*?)(?:  .*)?$", TEXT, re.MULTILINE))
def test_its_commands_record_requests(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = command.split()
    flags = {
        word[2:].replace("-", "_"): words[i + 1] if i + 1 < len(words) and words[i + 1][0] != "-" else "on"
        for i, word in enumerate(words)
        if word.startswith("--")
    }
    assert load(flags, {}).records_requests


def test_dev_without(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not load({"dev": "on", "xray": "off"}, {}).records_requests
    assert not load({}, {}).records_requests


def test_its_program(tmp_path):
    [program] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    folder = tmp_path / "webapps" / "ROOT"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    asked = "\nfrom webtest import TestApp\nTestApp(container).get('/a.txt')\n# ... let it answer requests"
    done = subprocess.run(
        [sys.executable, "-c", program.replace("\n# ... let it answer requests", asked)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"GET /a.txt -> 200 in [\d.]+ µs\n", done.stdout)


def test_its_pictures():
    pictures = re.findall(r"!\[[^]]+\]\((.*?)\)", TEXT)
    assert pictures
    assert [each for each in pictures if not (ROOT / "docs" / each).is_file()] == []
