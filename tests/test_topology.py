"""The settings of a front on their way to its containers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from container.config import OPTIONS, Settings, load
from container.topology import container_environment


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(
            stop_timeout_s=1234567.25,
            max_body_bytes=0,
            max_form_bytes=12345,
            work=Path("/var/lib/was"),
            users=Path("conf/users.xml"),
            users_database="sqlite3:a b.db",
            trusted_proxies=("unix:", "10.0.0.0/8"),
            route="r1",
            dev=True,
            underscore_headers=True,
            worker_processes=None,
            log_level="debug",
        ),
    ],
)
def test_the_environment_makes_the_same_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAS_USERS", "not/these.xml")
    monkeypatch.setenv("WAS_PORT", "1")
    environ = container_environment(settings)
    assert load({}, environ, Path(os.devnull)) == settings
    assert {name for name in environ if name.startswith("WAS_")} <= {option.variable for option in OPTIONS}
