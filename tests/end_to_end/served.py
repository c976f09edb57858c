"""A running server, seen from outside: what it answers, and what `was status` says of its processes."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from load import LIMIT_S


def ask(port: int, target: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("GET", target, headers={"Connection": "close", **(headers or {})})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


class Served:
    """Listens on 127.0.0.1. running: what `start` of conftest.py has returned."""

    flags: Sequence[str] = ("--work", "work")
    """Of commands, so that they find it."""

    def __init__(self, running: Any, port: int) -> None:
        self.running = running
        self.port = port

    @property
    def pid(self) -> int:
        return self.running.process.pid

    def command(self, *arguments: str) -> str:
        """What another `was` command says of it."""
        return self.running.command(*arguments, *self.flags)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)

    def ask(self, target: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        return ask(self.port, target, headers)

    def get(self, target: str, headers: dict[str, str] | None = None) -> str:
        status, body = self.ask(target, headers)
        assert status == 200, (status, body)
        return body


class Processes(Served):
    """A server of several processes."""

    def status(self) -> dict[str, Any]:
        servers = json.loads(self.command("status", "--json") or "[]")
        return servers[0] if servers else {"processes": []}

    def pids(self) -> set[int]:
        """Of the children that accept connections."""
        return {each["pid"] for each in self.status()["processes"] if each["state"] == "_"}

    def wait_for(self, is_so: Callable[[set[int]], bool]) -> set[int]:
        """Wait until the children are as wanted."""
        limit_s = time.monotonic() + LIMIT_S
        while not is_so(pids := self.pids()):
            assert time.monotonic() < limit_s, (pids, "".join(self.running.said))
            time.sleep(0.05)
        return pids
