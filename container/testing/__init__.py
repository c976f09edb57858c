"""Test web apps: fixtures for pytest, strategies for Hypothesis. ``pip install servlet-container[test]``.

    plugin.py       the fixtures; pytest finds them by itself where the package is installed
    deployment.py   Deploy: files, folders and classes of a test become running web apps
    client.py       Client: webtest's TestApp, through the whole pipeline, without a socket
    processes.py    LiveServer and Cluster: the same web apps behind real sockets, in one process or several
    strategies.py   descriptors, right and wrong, and requests for them

Nothing is imported before a test asks for it. The names here are for annotations:

    def test_cart(deploy: Deploy) -> None: ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from container.testing.client import Client as Client
    from container.testing.client import Clock as Clock
    from container.testing.deployment import Deploy as Deploy
    from container.testing.processes import Cluster as Cluster
    from container.testing.processes import LiveServer as LiveServer

__all__ = ["Client", "Clock", "Cluster", "Deploy", "LiveServer"]

_MODULES = {
    "Client": "client",
    "Clock": "client",
    "Cluster": "processes",
    "Deploy": "deployment",
    "LiveServer": "processes",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"container.testing.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
