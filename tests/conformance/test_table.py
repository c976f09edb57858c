"""The table of rules in docs/conformance.md is that of the tests, and nothing in it is open."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("conformance_table", Path(__file__).parent / "table.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_rule_is_open(table):
    rules = table.collect()
    assert not rules.wrong
    assert [rule for ids in rules.chapters.values() for rule in ids if rules.state(rule) == "open"] == []


def test_the_pages_are_up_to_date(table):
    rules = table.collect()
    cure = "run: python tests/conformance/table.py --write"
    assert table.page_with(table.table(rules)) == table.PAGE.read_text(encoding="utf-8"), cure
    assert table.every_rule(rules) == table.ALL_RULES.read_text(encoding="utf-8"), cure
