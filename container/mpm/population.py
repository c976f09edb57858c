"""How many children there should be: settings as in Apache and nginx, corrected, and idle maintenance.

    Settings ── settle ──> Limits, warnings
    Population.decide(idle, active, free slots), once a second ──> Decision: spawn so many, end one, say this

No process, no clock: supervisor.py asks and acts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from container.config import Settings

__all__ = ["MAX_SPAWN", "Decision", "Limits", "Population", "is_alone", "settle", "share"]

MAX_SPAWN = 32
_MOST_SHOWN = 64  # requests of one process that `was status` shows under the event MPM
_BUSY_FROM = 8  # children at once: then a person may want to know
_MOST_SERVERS = 200_000  # Apache's compiled ceilings of ServerLimit and ThreadLimit
_MOST_THREADS = 20_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings mean, once corrected. Spares are threads, over all children."""

    start: int
    """Children at the start."""
    min_spare: int
    max_spare: int
    most_children: int
    """That take connections."""
    slots: int
    """Children that may exist, the ending ones included."""
    threads: int
    """Of each child; 1 under prefork."""
    is_fixed: bool = False
    """As many children as at the start, always: the event MPM."""


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


class _Corrector:
    """Keeps the warnings of what it has changed."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def between(self, name: str, value: int, least: int, most: int, why_most: str = "") -> int:
        if value < least:
            self.warnings.append(f"{name} {value} is less than {least}: {least} is used")
            return least
        if value > most:
            why = f" ({why_most})" if why_most else ""
            self.warnings.append(f"{name} {value} is more than {most}{why}: {most} is used")
            return most
        return value

    def change(self, name: str, value: int, better: int, why: str) -> int:
        if value != better:
            self.warnings.append(f"{name} {value} {why}: {better} is used")
        return better


def settle(settings: Settings, cpus: int | None = None) -> tuple[Limits, list[str]]:
    """Turn the settings of settings.mpm into limits that fit together; each correction is a warning."""
    correct = _Corrector()
    limits = {"prefork": _prefork, "worker": _worker, "event": _event}[settings.mpm](
        settings, correct, cpus or os.cpu_count() or 1
    )
    return limits, correct.warnings


def is_alone(settings: Settings, limits: Limits) -> bool:
    """Whether one process, for as long as the server lives, does everything: it needs no supervisor."""
    return settings.mpm == "event" and limits.start == 1 and not settings.max_connections_per_child


def share(settings: Settings, limits: Limits) -> Settings:
    """Turn the connections of all processes into those of each."""
    if settings.mpm != "event":
        return settings
    each = settings.worker_connections or -(-settings.max_connections // limits.start)
    return replace(settings, max_connections=each)


def _prefork(settings: Settings, correct: _Corrector, cpus: int) -> Limits:
    server_limit = correct.between("ServerLimit", _or(settings.server_limit, 256), 1, _MOST_SERVERS)
    most = correct.between(
        "MaxRequestWorkers", _or(settings.max_request_workers, 256), 1, server_limit, "ServerLimit"
    )
    start = correct.between("StartServers", _or(settings.start_servers, 5), 1, server_limit)
    min_spare = correct.between("MinSpareServers", settings.min_spare_servers, 1, _MOST_SERVERS)
    max_spare = settings.max_spare_servers
    if max_spare <= min_spare:
        max_spare = correct.change(
            "MaxSpareServers", max_spare, min_spare + 1, f"is not more than MinSpareServers {min_spare}"
        )
    return Limits(min(start, most), min_spare, max_spare, most, server_limit, 1)


def _worker(settings: Settings, correct: _Corrector, cpus: int) -> Limits:
    server_limit = correct.between("ServerLimit", _or(settings.server_limit, 16), 1, _MOST_SERVERS)
    thread_limit = correct.between("ThreadLimit", settings.thread_limit, 1, _MOST_THREADS)
    threads = correct.between("ThreadsPerChild", settings.threads_per_child, 1, thread_limit, "ThreadLimit")
    name = "MaxRequestWorkers"
    workers = _or(settings.max_request_workers, server_limit * threads)
    if workers < threads:
        workers = correct.change(name, workers, threads, f"is less than ThreadsPerChild {threads}")
    workers = correct.change(
        name, workers, workers - workers % threads, f"is no multiple of ThreadsPerChild {threads}"
    )
    if workers // threads > server_limit:
        workers = correct.change(
            name, workers, server_limit * threads, f"needs more than {server_limit} children (ServerLimit)"
        )
    start = correct.between("StartServers", _or(settings.start_servers, 3), 1, server_limit)
    min_spare = correct.between("MinSpareThreads", settings.min_spare_threads, 1, _MOST_SERVERS)
    max_spare = settings.max_spare_threads
    if max_spare < min_spare + threads:
        max_spare = correct.change(
            "MaxSpareThreads",
            max_spare,
            min_spare + threads,
            "is less than the least and one child",
        )
    most = workers // threads
    return Limits(min(start, most), min_spare, max_spare, most, server_limit, threads)


def _event(settings: Settings, correct: _Corrector, cpus: int) -> Limits:
    processes = cpus if settings.worker_processes is None else settings.worker_processes
    processes = correct.between("worker_processes", processes, 1, _MOST_SERVERS)
    shown = min(settings.threads, _MOST_SHOWN)
    return Limits(processes, 0, 0, processes, processes, shown, is_fixed=True)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now."""

    spawn: int = 0
    end_one: bool = False
    error: str = ""
    """To be logged."""
    notice: str = ""


class Population:
    """Idle maintenance. Remembers how fast it spawns and what it has complained of."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rate = 1
        self._complained = False

    def __repr__(self) -> str:
        return f"<Population {self._limits}, spawns {self._rate}>"

    def decide(self, idle_threads: int, active: int, ending: int) -> Decision:
        """Called once a second.

        active: children that take connections, those that still start included; their threads are idle.
        ending: children that only finish what they have, and keep their slots until then.
        """
        limits = self._limits
        if limits.is_fixed:
            return Decision(spawn=max(0, limits.start - active))
        if idle_threads > limits.max_spare and active > 1:
            self._rate = 1
            return Decision(end_one=True)
        if idle_threads >= limits.min_spare:
            self._rate = 1
            return Decision()
        if active >= limits.most_children:
            return self._complain("server reached MaxRequestWorkers: more connections wait in the backlog")
        free = min(limits.most_children - active, limits.slots - active - ending)
        if free <= 0:
            return self._complain("scoreboard is full, not at MaxRequestWorkers: ending children keep slots")
        spawn = min(self._rate, free)
        notice = ""
        if self._rate >= _BUSY_FROM:
            notice = f"server seems busy: spawning {spawn} children; there are {idle_threads} idle threads"
        self._rate = min(MAX_SPAWN, self._rate * 2)
        return Decision(spawn, notice=notice)

    def _complain(self, error: str) -> Decision:
        self._rate = 1
        if self._complained:
            return Decision()
        self._complained = True
        return Decision(error=f"{error} (--max-request-workers)")
