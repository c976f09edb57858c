"""For all tests."""

from __future__ import annotations

import programs
import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["container.testing.plugin", "pytester"]  # installed, it is there by itself

settings.register_profile(  # no test depends on the time it takes
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a program that is not there."""
    for mark in item.iter_markers("program"):
        for name in mark.args:
            if reason := programs.missing(name):
                pytest.skip(reason)
