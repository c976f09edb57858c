"""The Bench: three servers and their load, measured twice a second.

thread that starts it   start, close
any thread              switch, kill, state
"measuring"             a line of the load ──> Measured of each server ──> state
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import as_file, files
from pathlib import Path
from types import TracebackType
from typing import Any

from container.errors import ContainerError
from container.learn.lab.experiment import Clients, Measured, Seen, Traffic, percentile, what_is_seen
from container.learn.lab.load import END, REPORT_S, Config, Report
from container.learn.lab.servers import MODELS, LabServer, Model

__all__ = ["LIMITS", "Bench", "State"]

LIMITS = {"idle": 400, "slow": 60, "stuck": 40}
"""Most clients of each kind, of each server."""
_WINDOW = round(3 / REPORT_S)  # reports that a figure is made of
_HISTORY = round(60 / REPORT_S)
_MEMORY_EVERY = 4  # reports: to ask the kernel for it takes a while
_END_S = 5.0


@dataclass(frozen=True, slots=True)
class State:
    """Everything at one moment. A new one takes its place twice a second."""

    number: int = 0
    at_s: float = 0.0
    """time.time()."""
    clients: Clients = field(default_factory=Clients)
    measured: tuple[Measured, ...] = ()
    seen: tuple[Seen, ...] = ()
    requests: int = 0
    """Answered since the beginning, by all servers."""
    is_spent: bool = False
    """Whether as many ordinary requests have been sent as are allowed."""
    lost: str = ""
    """Why there will be no further one."""


@dataclass(slots=True)
class _Watched:
    server: LabServer
    reports: deque[Report] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    history: deque[tuple[float, float | None]] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    memory_bytes: int = 0


class Bench:
    """See the module. A context manager: leaving it ends everything that it has started."""

    def __init__(
        self, rate: float, connections: int, requests: int, models: Sequence[Model] = MODELS
    ) -> None:
        self._config = Config({}, rate, connections, requests)
        self._models = models
        self._watched: list[_Watched] = []
        self._folder: Path | None = None
        self._load: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()  # guards _clients and _state
        self._clients = Clients()
        self._state = State()
        self._is_closing = False

    def __repr__(self) -> str:
        return f"<Bench {[each.server for each in self._watched]}, {self._clients}>"

    def __enter__(self) -> Bench:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the servers and the load. Raises ContainerError if one does not start; then ``close``."""
        self._folder = folder = Path(tempfile.mkdtemp(prefix="was-lab-"))
        with as_file(files("container.learn.lab") / "webapps") as webapps:
            shutil.copytree(webapps, folder / "webapps", ignore=shutil.ignore_patterns("__pycache__"))
        for model in self._models:
            server = LabServer(model, folder / model.name, folder / "webapps")
            self._watched.append(_Watched(server))
            server.start()
        for each in self._watched:
            each.server.wait_ready()
        ports = {each.server.model.name: each.server.port for each in self._watched}
        pids = [each.server.pid for each in self._watched]
        config = json.dumps(asdict(replace(self._config, ports=ports, pids=pids, folder=str(folder))))
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._load = subprocess.Popen(
            [sys.executable, "-P", "-m", "container.learn.lab.load", config],
            env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._measure, name="measuring")
        self._thread.start()

    def close(self) -> None:
        """End all processes and remove the folder."""
        self._is_closing = True
        for each in self._watched:
            each.server.begin_stop()
        if self._load is not None:
            assert self._load.stdin is not None
            self._order({END: 1})
            with contextlib.suppress(BrokenPipeError):
                self._load.stdin.close()
            try:
                self._load.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._load.kill()
                self._load.wait()
        if self._thread is not None:
            self._thread.join()
        if self._load is not None and self._load.stdout is not None:
            self._load.stdout.close()
        for each in self._watched:
            each.server.join()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # Switches -------------------------------------------------------------------------------------

    def switch(self, kind: str, count: int) -> int:
        """Have so many clients of a kind, LIMITS at most; return how many it will be."""
        with self._changed:
            counts: dict[str, int] = asdict(self._clients)
            counts[kind] = max(0, min(count, LIMITS[kind]))
            self._clients = Clients(**counts)
            self._order(counts)
            return counts[kind]

    def _order(self, counts: dict[str, int]) -> None:
        assert self._load is not None
        assert self._load.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended: the state tells
            self._load.stdin.write(json.dumps(counts) + "\n")
            self._load.stdin.flush()

    def kill(self, model: str) -> bool:
        """Kill a child of a server; False: there is none to kill at the moment."""
        return any(each.server.kill_child() for each in self._watched if each.server.model.name == model)

    # What is seen ---------------------------------------------------------------------------------

    @property
    def models(self) -> Sequence[Model]:
        return self._models

    @property
    def clients(self) -> Clients:
        """Those that are switched on, which the next state will show."""
        return self._clients

    @property
    def state(self) -> State:
        return self._state

    def history(self, model: str) -> list[tuple[float, float | None]]:
        """(requests per second, p99 in ms) of the last minute, the oldest first."""
        return next(list(each.history) for each in self._watched if each.server.model.name == model)

    def next_state(self, number: int, timeout_s: float) -> State:
        """Wait for one later than number, or that none will come. Raises ContainerError after timeout_s."""
        with self._changed:
            is_there = self._changed.wait_for(
                lambda: self._state.number > number or bool(self._state.lost), timeout_s
            )
            if not is_there or self._state.lost:
                raise ContainerError(f"the lab measures nothing: {self._state.lost or 'its load is silent'}")
            return self._state

    def _measure(self) -> None:
        assert self._load is not None
        assert self._load.stdout is not None
        why = "the load has ended"
        try:
            for number, line in enumerate(self._load.stdout, 1):
                self._take(number, json.loads(line))
        except Exception as error:  # noqa: BLE001  whatever it is, who waits for a state is told
            why = f"{type(error).__name__}: {error}"
        with self._changed:
            self._state = replace(self._state, lost=why)
            self._changed.notify_all()

    def _take(self, number: int, reports: dict[str, dict[str, Any]]) -> None:
        if self._is_closing:
            return
        measured, answered = [], self._state.requests
        for each in self._watched:
            report = Report(**reports[each.server.model.name])
            each.reports.append(report)
            answered += len(report.latencies_ms)
            measured.append(_measured(each, with_memory=number % _MEMORY_EVERY == 1))
        now_s = time.time()
        with self._changed:
            clients = self._clients
            seen = what_is_seen(clients, measured, now_s)
            self._state = State(
                number, now_s, clients, tuple(measured), tuple(seen), answered, report.is_spent
            )
            self._changed.notify_all()


def _measured(watched: _Watched, *, with_memory: bool) -> Measured:
    server, model = watched.server, watched.server.model
    status = server.status()
    processes = status.processes if status is not None else ()
    if with_memory:
        watched.memory_bytes = server.memory_bytes(processes)
    traffic = _traffic(watched.reports)
    watched.history.append((traffic.rate, traffic.p99_ms))
    return Measured(
        model.name,
        model.processes,
        model.units,
        processes,
        server.in_servlets(processes),
        server.backlog(),
        watched.memory_bytes,
        traffic,
        server.kill,
    )


def _traffic(reports: Sequence[Report]) -> Traffic:
    latencies = [latency for report in reports for latency in report.latencies_ms]
    last = reports[-1]
    return Traffic(
        round(len(latencies) / sum(report.took_s for report in reports), 1),
        percentile(latencies, 50),
        percentile(latencies, 99),
        timed_out=sum(report.timed_out for report in reports),
        broken=sum(report.broken for report in reports),
        held_back=sum(report.held_back for report in reports),
        waiting=last.waiting,
        oldest_s=last.oldest_s,
        idle=last.idle,
        slow=last.slow,
        stuck=last.stuck,
    )
