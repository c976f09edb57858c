"""Start, watch and signal the container processes that a Fleet wants.

    Fleet ── Command ──> Supervisor ── Popen, signals ──> process ── "ready" on its channel ──> Supervisor
                                  └── admitted, withdrawn ──> whoever balances

Each process has a channel, a socket pair. There it says in lines of JSON that it is ready, {"ready": what it
has started}, and whatever else its front should know. The channel's end tells either side that the other one
has gone: a process whose supervisor was killed stops by itself. The Supervisor decides nothing: it tells the
Fleet what happens and does what that says. All of it runs in the thread that calls run.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import queue
import selectors
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container.config import Settings
from container.errors import ContainerError
from container.front.fleet import Command, Do, Fleet, Process, State
from container.mpm.signals import SignalInbox, how_ended

__all__ = [
    "HANDLED",
    "READY",
    "REFUSED",
    "Launch",
    "Peer",
    "Supervisor",
    "remove_traces",
    "socket_path",
    "work_path",
]

_log = logging.getLogger("container.front")

_TICK_S = 1.0
_GRACE_S = 3.0  # for destroy() and the last log lines, after the requests' own time
HANDLED = (
    signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD,
)  # fmt: skip
"""What the inbox of a Supervisor takes."""
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
READY = "ready"
REFUSED = 2
"""The exit code of a process that cannot be started as it is configured."""

Launch = Callable[[Path, Process, int], tuple[Sequence[str], Mapping[str, str]]]
"""(socket, process, the channel's descriptor): the command and environment that start a container."""


def socket_path(folder: Path, process: Process) -> Path:
    """Where a process listens; another one of the same route listens somewhere else."""
    return folder / f"{process.route}-{process.number}.sock"


def work_path(path: Path) -> Path:
    """The folder for the temporary files of the process that listens at path."""
    return path.with_suffix(".work")


def remove_traces(path: Path) -> None:
    """Remove what a process that listened at path leaves behind."""
    path.unlink(missing_ok=True)
    shutil.rmtree(work_path(path), ignore_errors=True)


class Peer:
    """Who has to know what there is to be asked. Its methods are called in the Supervisor's thread."""

    def admitted(self, process: Process, path: Path, said: Mapping[str, Any]) -> None:
        """Requests of its route go to path from now on. said: what it told when it was ready."""

    def told(self, process: Process, said: Mapping[str, Any]) -> None:
        """Something else that a process says when it has been admitted."""

    def withdrawn(self, process: Process) -> None:
        """Nobody serves its route any more, for now."""

    def settled(self) -> None:
        """Each process is ready or will not be, and at least one is: once."""

    def ticked(self) -> None:
        """Called about once a second."""

    def stop(self, timeout_s: float) -> None:
        """Take no more requests, and call Supervisor.peer_has_ended when those under way are over."""

    def reload(self) -> None:
        """Get ready for processes that are started from now on. A ContainerError keeps the old ones."""


@dataclass(slots=True)
class _Child:
    process: Process
    popen: subprocess.Popen[bytes]
    channel: socket.socket
    path: Path
    heard: bytes = b""
    """The beginning of a line."""


class Supervisor:
    """See the module. Run it in the main thread, because of the signals; other threads are welcome."""

    def __init__(
        self,
        fleet: Fleet,
        folder: Path,
        launch: Launch,
        peer: Peer,
        inbox: SignalInbox,
        settings: Settings,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """folder: private, for the sockets. inbox: of HANDLED, entered, and for as long as the peer lives."""
        self._fleet = fleet
        self._folder = folder
        self._launch = launch
        self._peer = peer
        self._inbox = inbox
        self._drain_s = settings.drain_s
        self._stop_timeout_s = settings.stop_timeout_s
        self._graceful_timeout_s = settings.graceful_shutdown_timeout_s or math.inf
        self._say = say
        self._children: dict[Process, _Child] = {}
        self._channels = selectors.DefaultSelector()
        self._hung: queue.SimpleQueue[Process] = queue.SimpleQueue()
        self._stop_signals = 0
        self._has_settled = False
        self._peer_ended = False
        self._stop_deadline_s: float | None = None
        self._exit_code = 0

    def __repr__(self) -> str:
        return f"<Supervisor of {self._fleet!r}>"

    def processes(self) -> list[tuple[Process, int]]:
        """Each process of the fleet with its process id, 0 if it has none. From the thread of run."""
        return [
            (process, child.popen.pid if (child := self._children.get(process)) else 0)
            for process in self._fleet.processes
        ]

    @property
    def is_serving(self) -> bool:
        """Whether there is a container that is ready. From any thread."""
        return self._fleet.is_serving

    def is_hung(self, process: Process) -> None:
        """A process that is ready answers nothing. Called from any thread."""
        self._hung.put(process)
        self._inbox.wake()

    def peer_has_ended(self) -> None:
        """Called from any thread."""
        self._peer_ended = True
        self._inbox.wake()

    def run(self) -> int:
        """Serve until a signal says stop; return the exit code. Raises ContainerError if nothing starts."""
        try:
            self._obey(self._fleet.begin(time.monotonic()))
            next_tick_s = time.monotonic() + _TICK_S
            while not (self._fleet.is_stopping and self._fleet.is_over):
                self._heed(self._wait(next_tick_s))
                while not self._hung.empty():
                    self._obey(self._fleet.hung(self._hung.get(), time.monotonic()))
                self._reap()
                self._obey(self._fleet.tick(time.monotonic()))
                self._settle()
                self._end_after_peer()
                if time.monotonic() >= next_tick_s:
                    next_tick_s = time.monotonic() + _TICK_S
                    self._peer.ticked()
        finally:
            self._kill_all()
            self._channels.close()
        return self._exit_code

    # Waiting --------------------------------------------------------------------------------------

    def _wait(self, until_s: float) -> list[int]:
        """Return the signals that have come; what was said on channels is heard already."""
        due_s = self._fleet.next_due_s
        wait_s = min(until_s, until_s if due_s is None else due_s) - time.monotonic()
        received = self._inbox.wait(wait_s, self._channels.fileno())
        for key, _ in self._channels.select(0):
            self._hear(key.data)
        return received

    def _hear(self, child: _Child) -> None:
        try:
            data = child.channel.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._close(child)  # SIGCHLD follows
            return
        *lines, child.heard = (child.heard + data).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if READY in said:
                self._obey(self._fleet.said_ready(child.process, time.monotonic()), said[READY])
            elif child.process.state is State.READY:
                self._peer.told(child.process, said)

    def _heed(self, signals: Sequence[int]) -> None:
        for number in signals:
            if number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
                self._stop_signals += 1
                if self._stop_signals > 1:
                    self._exit_code = 128 + number
                    self._end_now()
                elif number == signal.SIGQUIT:
                    self._say("Stopping when the running requests have ended. Once more ends at once.")
                    self._stop(self._graceful_timeout_s)
                else:
                    within_s = self._drain_s + self._stop_timeout_s
                    self._say(f"Stopping, within {within_s:g} s. Once more ends at once.")
                    self._stop(self._stop_timeout_s)
            elif number == signal.SIGHUP:
                self._reload()
            elif number == signal.SIGUSR1:
                for child in self._children.values():
                    child.popen.send_signal(number)

    def _stop(self, timeout_s: float) -> None:
        self._stop_deadline_s = time.monotonic() + timeout_s
        self._peer.stop(timeout_s)

    def _reload(self) -> None:
        if self._stop_signals:
            return
        if self._fleet.is_reloading:
            _log.warning("SIGHUP is ignored: a reload is under way")
            return
        try:
            self._peer.reload()
        except ContainerError as error:
            _log.error("The reload has failed, the containers go on as they are:\n%s", error)
            return
        _log.info("Reloading: each container is replaced when its successor is ready, one after the other")
        self._obey(self._fleet.reload(time.monotonic()))

    # Doing what the fleet says --------------------------------------------------------------------

    def _obey(self, commands: Sequence[Command], said: Mapping[str, Any] | None = None) -> None:
        for do, process in commands:
            child = self._children.get(process)
            if do is Do.START:
                self._start(process)
            elif do is Do.WITHDRAW:
                self._peer.withdrawn(process)
            elif child is None:
                continue
            elif do is Do.ADMIT:
                self._peer.admitted(process, child.path, said or {})
            elif do is Do.TERMINATE:
                child.popen.terminate()
            elif do is Do.KILL:
                child.popen.kill()
        for level, line in self._fleet.log:
            _log.log(_LEVELS[level], "%s", line)
        self._fleet.log.clear()

    def _start(self, process: Process) -> None:
        try:
            ours, theirs = socket.socketpair()
            with theirs, contextlib.ExitStack() as undo:
                undo.enter_context(ours)
                path = socket_path(self._folder, process)
                command, environ = self._launch(path, process, theirs.fileno())
                popen = subprocess.Popen(
                    command, env=environ, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
                )
                undo.pop_all()
        except OSError as error:  # no memory, no descriptors, too many processes: those that are there go on
            self._obey(self._fleet.died(process, f"it cannot be started: {error}", time.monotonic()))
            return
        ours.setblocking(False)
        child = self._children[process] = _Child(process, popen, ours, path)
        self._channels.register(ours, selectors.EVENT_READ, child)

    def _reap(self) -> None:
        for child in list(self._children.values()):
            if (code := child.popen.poll()) is not None:
                self._forget(child)
                why, for_good = how_ended(code), code == REFUSED
                self._obey(self._fleet.died(child.process, why, time.monotonic(), for_good=for_good))

    def _forget(self, child: _Child) -> None:
        del self._children[child.process]
        self._close(child)
        remove_traces(child.path)

    def _close(self, child: _Child) -> None:
        if child.channel.fileno() >= 0:
            self._channels.unregister(child.channel)
            child.channel.close()

    def _settle(self) -> None:
        if self._has_settled or not self._fleet.is_settled:
            return
        if not self._fleet.is_serving:
            if not self._stop_signals:
                failed = next(each for each in self._fleet.processes if each.state is State.FAILED)
                raise ContainerError(
                    f"None of {len(self._fleet.processes)} containers could be started; the last one ended "
                    f"with {failed.why}. What is wrong stands above, or in the log (--log)"
                )
            return
        self._has_settled = True
        self._peer.settled()

    # The end --------------------------------------------------------------------------------------

    def _end_after_peer(self) -> None:
        """Containers go when nobody asks them any more."""
        if not self._peer_ended or self._fleet.is_stopping:
            return
        now_s = time.monotonic()
        if self._stop_deadline_s is None:
            self._stop_deadline_s = now_s
            self._exit_code = 1
            _log.error("The front has ended by itself: so do the containers")
        self._obey(self._fleet.stop(now_s, max(1.0, self._stop_deadline_s - now_s) + _GRACE_S))

    def _end_now(self) -> None:
        self._peer.stop(0.0)
        self._obey(self._fleet.stop(time.monotonic(), 0.0))

    def _kill_all(self) -> None:
        for child in list(self._children.values()):
            child.popen.kill()
            child.popen.wait()
            self._forget(child)
