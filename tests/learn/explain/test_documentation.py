"""docs/explain.md: its table has every key. That its example is current, tests/docs sees."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from container.learn.explain import model

PAGE = (Path(__file__).parents[3] / "docs" / "explain.md").read_text(encoding="utf-8")


def test_the_table_has_every_key() -> None:
    table = PAGE[PAGE.index("| key |") : PAGE.index("In a program")]
    named = set(re.findall(r"`(\w+)`", table))
    for kind in (getattr(model, name) for name in model.__all__ if name != "Section"):
        assert {each.name for each in dataclasses.fields(kind)} <= named, kind
