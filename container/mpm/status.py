"""What `was status` prints of a scoreboard: for people, or as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence

from container.mpm.scoreboard import MEANING, ProcessStatus, ServerStatus

__all__ = ["as_json_text", "as_text"]

_PHASES = {"S": ", starting", "D": ", draining", "G": ", ending"}
_SHOWN_IDLE = ("_", ".")  # threads that need no line of their own


def as_json_text(servers: Iterable[ServerStatus]) -> str:
    return json.dumps([dataclasses.asdict(server) for server in servers], indent=2)


def as_text(servers: Sequence[ServerStatus], now_s: float) -> str:
    """now_s: time.time()."""
    if not servers:
        return "No server of yours runs. Does it have a work folder? Name it with --work."
    return "\n\n".join(_server(server, now_s) for server in servers)


def _server(server: ServerStatus, now_s: float) -> str:
    processes = server.processes
    letters = "".join(
        "".join(thread.state for thread in process.threads) if process.state == "_" else process.state
        for process in processes
    )
    used = sorted(set(letters) & {chr(letter) for letter in MEANING})
    lines = [
        f"{' '.join(server.urls)}  --mpm {server.mpm}, process {server.pid}, "
        f"up {_age(now_s - server.started_s)}{_PHASES.get(server.phase, '')}",
        f"{_count(len(processes), 'process', 'processes')}, "
        f"{_count(sum(process.open_connections for process in processes), 'connection')} open, "
        f"{_count(sum(process.requests for process in processes), 'request')} since the processes began",
    ]
    if letters:
        lines += [letters, "  ".join(f"{letter} {MEANING[ord(letter)]}" for letter in used)]
    for process in processes:
        lines += _process(process, now_s)
    return "\n".join(lines)


def _process(process: ProcessStatus, now_s: float) -> list[str]:
    idle = sum(thread.state == "_" for thread in process.threads)
    idle_threads = f", {_count(idle, 'idle thread')}" if idle else ""
    lines = [
        f"{process.pid:>8} {process.state}  generation {process.generation}, "
        f"up {_age(now_s - process.started_s)}, {_count(process.connections, 'connection')}, "
        f"{_count(process.requests, 'request')}{idle_threads}"
    ]
    for number, thread in enumerate(process.threads, 1):
        if thread.state not in _SHOWN_IDLE:
            lines.append(
                f"{number:>12} {thread.state}  {_age(now_s - thread.since_s):>6}  "
                f"connection {thread.connection}  {thread.peer or '-'}  {thread.request or '-'}"
            )
    return lines


def _count(number: int, word: str, plural: str = "") -> str:
    return f"{number} {word if number == 1 else plural or word + 's'}"


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(0.0, seconds):.1f} s"
