"""What an httpd.conf says of processes, as settings: LoadModule mpm_..., StartServers and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping

from container.errors import Problem, Source
from container.front.config.apache.model import Httpd

__all__ = ["process_settings"]

_SETTINGS = {"ListenBacklog": "backlog", "GracefulShutdownTimeout": "graceful_shutdown_timeout_s"}
_OF_EVERY_MODEL = frozenset({"MaxConnectionsPerChild", *_SETTINGS})


def process_settings(config: Httpd) -> tuple[Mapping[str, object], tuple[Problem, ...]]:
    """By the names of config.Settings, with notes. The process model is that of the module that is loaded."""
    model = next((name for name in ("prefork", "worker") if f"mpm_{name}" in config.modules), "event")
    settings: dict[str, object] = {"mpm": model}
    for name, value in config.mpm.items():
        setting = _SETTINGS.get(name) or re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
        settings[setting] = float(value) if setting.endswith("_s") else value
    idle = sorted(config.mpm.keys() - _OF_EVERY_MODEL)
    if model != "event" or not idle:
        return settings, ()
    note = Problem(
        Source(config.files[0] if config.files else ""),
        f"{', '.join(idle)}: no effect under --mpm event, whose processes have no thread for each connection",
        "--worker-processes says how many there are; --mpm worker and prefork use these.",
        "warning",
        code="WAS813",
    )
    return settings, (note,)
