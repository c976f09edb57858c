"""For all tests."""

from __future__ import annotations

import programs
import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a program that is not there."""
    for mark in item.iter_markers("program"):
        for name in mark.args:
            if reason := programs.missing(name):
                pytest.skip(reason)
