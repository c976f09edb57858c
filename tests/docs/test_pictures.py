"""The pictures that the documentation shows are there."""

from __future__ import annotations

import re

import pages
import pytest


@pytest.mark.parametrize("page", sorted((pages.ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_pictures_are_there(page):
    shown = re.findall(r"!\[[^]]*\]\((.*?)\)", page.read_text(encoding="utf-8"))
    assert [each for each in shown if not (page.parent / each).is_file()] == []
