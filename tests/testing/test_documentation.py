"""docs/testing.md: its examples, run as one project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:python|ini)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.socket
def test_the_examples_pass(pytester: pytest.Pytester) -> None:
    for name, text in BLOCKS:
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    tests = sum(text.count("\ndef test_") for _, text in BLOCKS)
    plugin = ("-p", "container.testing.plugin", "-p", "no:cacheprovider")
    pytester.runpytest_subprocess(*plugin).assert_outcomes(passed=tests + PAGE.count("py\ndef test_"))


def test_every_block_is_run() -> None:
    assert len(BLOCKS) == PAGE.count("```") // 2
