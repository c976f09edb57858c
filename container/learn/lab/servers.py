"""The servers of the lab: `was run` in processes of their own, and what can be seen of them from outside.

    LabServer ── Popen ──> python -m container run --mpm ... ──> its children
              <── scoreboard, /proc, the gauges of the web app (webapps/ROOT)

Nothing asks them: what is seen is seen however busy they are.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from container.errors import ContainerError
from container.learn.lab.experiment import Kill
from container.mpm.scoreboard import ProcessStatus, ServerStatus, running_servers

__all__ = ["MODELS", "LabServer", "Model"]

_PATIENCE_S = 60.0  # only ever used up by a failure, or a machine that is very busy
_LOOK_S = 0.05
_STOP_S = 1  # --stop-timeout-s
_STOP_GRACE_S = 9.0
_WATCH_KILL_S = 30.0
_READY = re.compile(r"^Ready after .* on (http://\S+)/\.", re.MULTILINE)
_LISTEN = "0A"
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_MPM_THREADS, _MPM_PROCESSES = 12, 2


@dataclass(frozen=True, slots=True)
class Model:
    """A process model, made small, so that its limits are near."""

    name: str
    flags: Sequence[str]
    processes: int
    units: int
    """Processes (prefork) or threads (worker), each with a connection; threads for requests (event)."""


def _flags(**settings: int) -> tuple[str, ...]:
    return tuple(
        word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))
    )


MODELS = (
    Model(
        "prefork",
        # As many spares as there are at most: whoever is missing is replaced.
        _flags(start_servers=6, max_request_workers=6, min_spare_servers=6, max_spare_servers=7),
        processes=6,
        units=6,
    ),
    Model(
        "worker",
        _flags(
            start_servers=_MPM_PROCESSES,
            server_limit=_MPM_PROCESSES,
            threads_per_child=_MPM_THREADS,
            min_spare_threads=_MPM_PROCESSES * _MPM_THREADS,
            max_spare_threads=(_MPM_PROCESSES + 1) * _MPM_THREADS,
        ),
        processes=_MPM_PROCESSES,
        units=_MPM_PROCESSES * _MPM_THREADS,
    ),
    Model(
        "event",
        _flags(worker_processes=_MPM_PROCESSES, threads=_MPM_THREADS),
        processes=_MPM_PROCESSES,
        units=_MPM_PROCESSES * _MPM_THREADS,
    ),
)


class LabServer:
    """One of the three: start, wait_ready; begin_stop, join."""

    def __init__(self, model: Model, folder: Path, webapps: Path) -> None:
        """folder: of its own; the caller removes it."""
        self.model = model
        self._folder = folder
        self._webapps = webapps
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.kill: Kill | None = None
        """The last one. Replaced, never changed, so any thread may look."""

    def __repr__(self) -> str:
        return f"<LabServer {self.model.name} on port {self.port}>"

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        self._folder.mkdir(mode=0o700)
        # Only what is said here counts: no settings of the user's environment, no was.toml.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("WAS_")}
        environ |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LAB_FOLDER": str(self._folder)}
        environ["PYTHONUNBUFFERED"] = "1"
        command = [
            sys.executable, "-P", "-m", "container", "run", "--mpm", self.model.name, *self.model.flags,
            "--port", "0", "--webapps", str(self._webapps), "--work", str(self._folder / "work"),
            "--session-store", "sqlite", "--access-log", "off", "--idle-timeout-s", "600",
            "--send-buffer-bytes", "4m",
            "--stop-timeout-s", str(_STOP_S),
        ]  # fmt: skip
        with self._output.open("wb") as output:
            # A session of its own: Ctrl-C in a terminal is for the lab, which ends them in order.
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=environ, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip

    @property
    def _output(self) -> Path:
        return self._folder / "output"

    def wait_ready(self) -> None:
        """Return when all its processes serve. Raises ContainerError with what it has said."""
        assert self._process is not None
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            said = self._output.read_text("utf-8", "replace")
            status = self.status()
            if (found := _READY.search(said)) and status and self._serving(status) == self.model.processes:
                self.port = int(found[1].rpartition(":")[2])
                return
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise ContainerError(f"was run --mpm {self.model.name} does not start:\n{said}")
            time.sleep(_LOOK_S)

    def _serving(self, status: ServerStatus) -> int:
        return sum(process.state == "_" for process in status.processes)

    def status(self) -> ServerStatus | None:
        """What `was status` shows; None if it does not run."""
        return next((each for each in running_servers(self._folder / "work") if each.pid == self.pid), None)

    def in_servlets(self, processes: Sequence[ProcessStatus]) -> tuple[int, ...]:
        """How many requests are in servlets in each process: how many threads they hold."""
        return tuple(self._gauge(process.pid) for process in processes)

    def _gauge(self, pid: int) -> int:
        try:
            return int.from_bytes((self._folder / f"gauge-{pid}").read_bytes(), "little")
        except OSError:  # it is still starting
            return 0

    def memory_bytes(self, processes: Sequence[ProcessStatus]) -> int:
        """Of all its processes. PSS: what several share counts once; elsewhere than on Linux RSS."""
        pids = [self.pid, *(process.pid for process in processes if process.pid)]
        if sys.platform == "linux":
            total_kb = 0
            for pid in pids:
                with contextlib.suppress(OSError):  # it has just ended
                    found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
                    total_kb += int(found[1]) if found else 0
            return total_kb * 1024
        command = ["ps", "-o", "rss=", "-p", ",".join(map(str, pids))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return sum(map(int, done.stdout.split())) * 1024

    def backlog(self) -> int | None:
        """Connections that the kernel keeps until they are accepted; None where it does not tell."""
        with contextlib.suppress(OSError):
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
                _, local, _, state, queues, *_ = line.split()
                if state == _LISTEN and int(local.rpartition(":")[2], 16) == self.port:
                    return int(queues.rpartition(":")[2], 16)
        return None

    def kill_child(self) -> Kill | None:
        """End a child at once (SIGKILL), one with connections if there is one, and watch what follows.

        Returns at once. None: there is none that serves, or the last one killed is not replaced yet.
        """
        status = self.status()
        serving = [process for process in status.processes if process.state == "_"] if status else []
        if not serving or (self.kill is not None and self.kill.is_pending):
            return None
        victim = max(serving, key=lambda process: process.open_connections)
        known = frozenset(process.pid for process in serving)
        self.kill = kill = Kill(victim.pid, time.time(), victim.open_connections)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
        threading.Thread(target=self._watch, args=(kill, known), daemon=True).start()
        return kill

    def _watch(self, kill: Kill, known: frozenset[int]) -> None:
        began_s = time.monotonic()
        while (took_s := time.monotonic() - began_s) < _WATCH_KILL_S:
            status = self.status()
            if status is None:
                break
            new = [each.pid for each in status.processes if each.state == "_" and each.pid not in known]
            if new and all(each.pid != kill.pid for each in status.processes):
                self.kill = replace(kill, new_pid=new[0], replaced_after_s=round(took_s, 2))
                return
            time.sleep(_LOOK_S)
        self.kill = replace(kill, is_given_up=True)

    def begin_stop(self) -> None:
        """Ask it to end, without waiting, so that several end at the same time."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def join(self) -> None:
        """Return when all its processes have ended, by force those that are late."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S + _STOP_GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
