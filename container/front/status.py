"""What `was status` shows of a front: its groups with their members and last choices, its containers.

    each process ── once a second ──> was-SERVER-PROCESS.front (JSON, beside the scoreboard) ──> `was status`

Nothing asks the front, as with the scoreboard (mpm/scoreboard.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container.front.balancer import Balancer, MemberStatus

__all__ = [
    "FrontStatus",
    "GroupStatus",
    "ProcessState",
    "as_text",
    "groups_of",
    "read_status",
    "remove_status",
]

_SUFFIX = ".front"


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """A group of backends."""

    name: str
    members: tuple[MemberStatus, ...]
    picks: tuple[tuple[str, str], ...]
    """The last choices, oldest first: (member, reason)."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A container process of `was run --containers`."""

    number: int
    route: str
    state: str
    pid: int
    """0: none at the moment."""
    why: str
    """How the one before has ended, "" if that was nothing to speak of."""


def groups_of(balancers: Iterable[Balancer], now_s: float) -> list[GroupStatus]:
    """To be called in the balancers' thread."""
    return [
        GroupStatus(each.name, tuple(each.status(now_s)), tuple(getattr(each, "recent", ())))
        for each in balancers
    ]


class FrontStatus:
    """What one process of a front has to tell. Any thread may call it."""

    def __init__(self, path: Path | None) -> None:
        """None: nobody wants to know."""
        self._path = path
        self._groups: list[GroupStatus] = []
        self._written = ""
        self._lock = threading.Lock()  # so that nothing is written after ``remove``

    def __repr__(self) -> str:
        return f"<FrontStatus {self._path}>"

    @classmethod
    def beside(cls, folder: Path | None, server_pid: int | None = None) -> FrontStatus:
        """Of this process, in the folder of the scoreboards; server_pid: whose scoreboard, if not its own."""
        if folder is None:
            return cls(None)
        own = os.getpid()
        return cls(folder / f"was-{server_pid or own}-{own}{_SUFFIX}")

    def set_groups(self, groups: list[GroupStatus]) -> None:
        self._groups = groups

    def write(self, processes: Sequence[ProcessState] = ()) -> None:
        """Write what there is, if it is new."""
        text = json.dumps(
            {
                "groups": [{**dataclasses.asdict(each), "process": os.getpid()} for each in self._groups],
                "containers": [dataclasses.asdict(each) for each in processes],
            }
        )
        with self._lock:
            if self._path is None or text == self._written:
                return
            self._written = text
            new = self._path.with_suffix(f"{_SUFFIX}.new")
            with contextlib.suppress(OSError):  # a full disk is no reason to stop serving
                new.write_text(text, encoding="utf-8")
                new.replace(self._path)

    def remove(self) -> None:
        """Leave nothing behind, whoever writes just now."""
        with self._lock:
            path, self._path = self._path, None
            if path is not None:
                path.unlink(missing_ok=True)


def read_status(folder: Path, pid: int) -> dict[str, Any] | None:
    """Of the front with this process id, as JSON has it; None if there is none. Removes what others left.

    Several processes have each its own groups, as each balances by itself.
    """
    found: dict[str, Any] = {"groups": [], "containers": []}
    is_there = False
    for path in sorted(folder.glob(f"was-*{_SUFFIX}*")):
        with contextlib.suppress(ValueError, OSError):
            server, own = map(int, path.name.removeprefix("was-").partition(".")[0].split("-"))
            if not _is_alive(own):
                path.unlink()
            elif server == pid and path.suffix == _SUFFIX:
                is_there = True
                for name, rows in json.loads(path.read_text(encoding="utf-8")).items():
                    found[name] += rows
    return found if is_there else None


def remove_status(folder: Path, pid: int) -> None:
    """Remove what processes of the server with this process id have left."""
    for path in folder.glob(f"was-{pid}-*{_SUFFIX}*"):  # and what was only half written
        path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def as_text(status: dict[str, Any]) -> str:
    """For people."""
    lines = []
    for process in status["containers"]:
        pid = f"process {process['pid']}" if process["pid"] else "no process"
        why = f"; the one before ended: {process['why']}" if process["why"] else ""
        lines.append(f"container {process['route']}: {process['state']}, {pid}{why}")
    groups = status["groups"]
    are_several = len({group["process"] for group in groups}) > 1
    for group in groups:
        whose = f", as process {group['process']} has it" if are_several else ""
        lines.append(f"group {group['name']}{whose}:")
        width = max((len(member["name"]) for member in group["members"]), default=0)
        for member in group["members"]:
            lines.append(
                f"  {member['name']:<{width}}  {member['state']:<8}  {member['busy']} busy, "
                f"{member['picks']} picked, {member['failures']} failed  ({member['detail']})"
            )
        if group["picks"]:
            lines.append("  last choices, oldest first:")
        lines += [f"    {name:<{width}}  {reason}" for name, reason in group["picks"]]
    return "\n".join(lines)
