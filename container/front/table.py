"""The containers that there are, for front processes that did not start them.

    whoever starts them ── RoutesTable ──> a file, its version on the scoreboard
    each front process, once a second ── TableFollower.maintain ──> ContainersSite, EmbeddedFront, its slot

The version tells that there is something new, and the slots tell who knows it: before a container is asked to
end, everybody knows another one.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from container.front.containers import ContainersSite
from container.mpm.scoreboard import ENDING, WAITING, Scoreboard, Slot

__all__ = ["RoutesTable", "TableFollower"]

_LOOK_S = 0.02
_PATIENCE_S = 5.0  # with front processes that hang


@dataclass(slots=True)
class _Row:
    path: str
    """"": nobody serves the route at the moment."""
    is_silent: bool = False


@dataclass(slots=True)
class _State:
    rows: dict[str, _Row] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)


class RoutesTable:
    """Written by one process; any thread of it."""

    def __init__(self, file: Path, board: Scoreboard) -> None:
        self._file = file
        self._board = board
        self._lock = threading.Lock()  # guards the state and the writing of it
        self._state = _State()

    def __repr__(self) -> str:
        return f"<RoutesTable {self._state.rows}>"

    def admit(self, route: str, path: str, cookies: Sequence[str] = ()) -> None:
        """From now on the process that listens at path serves a route. Returns when everybody knows."""
        with self._lock:
            self._state.rows[route] = _Row(path)
            self._state.cookies = list(dict.fromkeys((*self._state.cookies, *cookies)))
            self._publish()
        self._wait_until_seen()

    def withdraw(self, route: str) -> None:
        with self._lock:
            self._state.rows[route] = _Row("")
            self._publish()

    def suspect(self, route: str, path: str, suspected: bool) -> None:
        with self._lock:
            row = self._state.rows.get(route)
            if row is not None and row.path == path:
                row.is_silent = suspected
                self._publish()

    def plan(self, values: Mapping[str, Any]) -> None:
        """What the containers have as files."""
        with self._lock:
            self._state.plan = dict(values)
            self._publish()

    def _publish(self) -> None:
        """Called with the lock."""
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(dataclasses.asdict(self._state)), encoding="utf-8")
        new.replace(self._file)
        self._board.version += 1

    def _wait_until_seen(self) -> None:
        version, end_s = self._board.version, time.monotonic() + _PATIENCE_S
        while time.monotonic() < end_s and any(
            slot.seen < version for slot in self._board.all_slots() if slot.state in (WAITING, ENDING)
        ):
            time.sleep(_LOOK_S)


class TableFollower:
    """In a front process: tells its site what the table says. Called where the balancer is maintained."""

    def __init__(
        self,
        file: Path,
        board: Scoreboard,
        slot: Slot,
        site: ContainersSite,
        publish: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._file = file
        self._board = board
        self._slot = slot
        self._site = site
        self._publish = publish
        self._rows: dict[str, tuple[str, bool]] = {}
        self._plan: dict[str, Any] = {}

    def maintain(self, now_s: float) -> None:
        version = self._board.version
        if self._slot.seen == version:
            return
        said = json.loads(self._file.read_text(encoding="utf-8"))
        for route, row in said["rows"].items():
            path, is_silent = row["path"], row["is_silent"]
            known_path, was_silent = self._rows.get(route, ("", False))
            if path != known_path and path:
                self._site.admit(route, path, said["cookies"])
            elif path != known_path:
                self._site.withdraw(route)
            if path and is_silent != (was_silent and path == known_path):
                self._site.suspect(route, path, is_silent)
            self._rows[route] = path, is_silent
        if said["plan"] != self._plan:
            self._plan = said["plan"]
            self._publish(self._plan)
        self._slot.seen = version
