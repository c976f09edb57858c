"""The supervisor: one process with one thread that forks children and sees to it that there are enough.

    Supervisor ── fork ──> make_server(child).run(ready) in each child ──> its slot of the scoreboard
      │ 1/s: Population says how many to spawn or end; signals: reload, stop
      └── fork ──> make_helper(child): one process that takes no connections of clients

Children are told by signals: SIGUSR2 says that the end is near, SIGTERM ends them within stop_timeout_s,
SIGQUIT within graceful_timeout_s, and SIGKILL is for those that are late. The helper does what is to be done
once for all of them and needs a loop, which a process that forks must not have: it answers the admin address
until everything else has ended. If the supervisor is killed, its end of a pipe closes, and the children end
by themselves.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn, Protocol

from container.config import Settings
from container.errors import ContainerError
from container.mpm.population import Decision, Limits, Population
from container.mpm.scoreboard import DRAINING, ENDING, OPEN, STARTING, WAITING, Scoreboard, Slot
from container.mpm.signals import SignalInbox, how_ended

__all__ = ["Child", "ChildServer", "StartError", "Supervisor", "leave"]

_log = logging.getLogger("container.server")

_TICK_S = 1.0
_GRACE_S = 2.0  # for destroy() and the last log lines, after the requests' own time
_MAX_BACK_OFF_S = 30.0
_GIVE_UP_AFTER = 3  # children that died while starting, when none has ever been ready
_QUICK_S = 1.0  # a child that dies so soon after it was ready has not really started
_HANDLED = (
    signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH,
    signal.SIGUSR2, signal.SIGCHLD,
)  # fmt: skip


class StartError(ContainerError):
    """No child became ready."""


@dataclass(slots=True)
class Child:
    """A forked process, as the supervisor and as it itself knows it."""

    number: int
    """Counted from 1 over the life of the supervisor."""
    generation: int
    """Counted from 0; each reload begins a new one."""
    slot: Slot
    pid: int = 0
    is_asked_to_end: bool = False
    deadline_s: float | None = None
    begun_s: float = field(default_factory=time.monotonic)


class ChildServer(Protocol):
    """What a child does."""

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until ``stop``, in a thread that is not the main one; ready is called once it accepts."""

    def drain(self) -> None:
        """Have connections end with their next answer; called in the main thread, before ``stop`` is."""

    def stop(self, timeout_s: float) -> None:
        """Make ``run`` return within timeout_s; called in the main thread, perhaps again with less."""


class Supervisor:
    """Run it in the main thread of a process that has no other."""

    def __init__(
        self,
        make_server: Callable[[Child], ChildServer],
        limits: Limits,
        board: Scoreboard,
        settings: Settings,
        *,
        make_helper: Callable[[Child], ChildServer] | None = None,
        needs_helper: Callable[[], bool] = lambda: True,
        reload: Callable[[int], None] = lambda generation: None,
        settled: Callable[[int], None] = lambda generation: None,
        on_stop: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """make_server is called in each child, make_helper in the one that is the helper, if one is needed.

        reload is called before a generation of that number starts; a ContainerError keeps the old one.
        settled tells which generation goes on alone: the new one, or the old one if the new did not start.
        on_stop is called when the children are asked to end.
        """
        self._make_server = make_server
        self._make_helper = make_helper
        self._needs_helper = needs_helper
        self._settled = settled
        self._on_stop = on_stop
        self._drain_s = settings.drain_s
        self._stop_at_s: float | None = None  # the end of draining
        self._limits = limits
        self._board = board
        self._population = Population(limits)
        self._stop_timeout_s = settings.stop_timeout_s
        self._graceful_timeout_s = settings.graceful_shutdown_timeout_s or math.inf
        self._reload = reload
        self._say = say
        self._children: dict[int, Child] = {}
        self._helper: Child | None = None
        self._generation = 0
        self._number = 0
        self._inbox = SignalInbox(_HANDLED)
        self._lifeline_reader, self._lifeline_writer = os.pipe()
        self._stop_signals = 0
        self._is_stopping = False
        self._is_replacing = False
        """A new generation starts, and the old one still takes connections."""
        self._has_been_ready = False
        self._failures = 0  # children in a row that died while starting
        self._not_before_s = 0.0  # no spawning earlier, after failures
        self._exit_code = 0

    def __repr__(self) -> str:
        return f"<Supervisor {len(self._children)} children, generation {self._generation}>"

    def run(self, ready: Callable[[], None] = lambda: None) -> int:
        """Serve until a signal says stop; return the exit code. ready is called when a child accepts.

        Raises StartError if no child becomes ready.
        """
        assert threading.active_count() == 1, "fork with threads loses their locks"
        try:
            with self._inbox:
                self._fork_helper()
                self._spawn(self._limits.start)
                next_tick_s = time.monotonic() + _TICK_S
                while self._children or not self._is_stopping:
                    for number in self._inbox.wait(self._wait_s(next_tick_s)):
                        self._obey(number)
                    self._reap()
                    self._end_draining()
                    self._watch_the_new(ready)
                    self._kill_the_late()
                    if time.monotonic() >= next_tick_s:
                        next_tick_s = time.monotonic() + _TICK_S
                        self._maintain()
        finally:
            self._kill(signal.SIGKILL)
            self._board.phase = ENDING
            self._end_helper()
            for pid in list(self._children):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
            os.close(self._lifeline_reader)
            os.close(self._lifeline_writer)
        return self._exit_code

    def _wait_s(self, until_s: float) -> float:
        deadlines = [child.deadline_s for child in self._children.values() if child.deadline_s is not None]
        if self._stop_at_s is not None:
            deadlines.append(self._stop_at_s)
        return min([until_s, *deadlines]) - time.monotonic()

    def _obey(self, number: int) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stop_signals += 1
            if self._stop_signals > 1:
                self._exit_code = 128 + number
                self._stop(0.0)
            else:
                within_s = self._drain_s + self._stop_timeout_s
                self._say(f"Stopping, within {within_s:g} s. Once more ends at once.")
                self._drain()
        elif number == signal.SIGQUIT:
            self._say("Stopping when the running requests have ended.")
            self._stop(self._graceful_timeout_s + _GRACE_S, signal.SIGQUIT)
        elif number == signal.SIGHUP:
            self._begin_reload()
        elif number == signal.SIGUSR1:
            _log.info("The logs are opened anew")  # by each process, before it writes to them again

    # Children -------------------------------------------------------------------------------------

    def _spawn(self, count: int) -> None:
        free = (slot for slot in self._board.all_slots() if slot.state == OPEN)
        for slot, _ in zip(free, range(count), strict=False):
            try:
                self._fork(slot)
            except OSError as error:  # no memory, or too many processes: those that are there go on
                slot.clear()
                _log.error("No process can be started: %s", error)
                self._count_failure(str(error))
                return

    def _fork(self, slot: Slot) -> None:
        self._number += 1
        child = Child(self._number, self._generation, slot)
        slot.begin(self._generation)
        self._start(child, self._make_server)
        self._children[child.pid] = child

    def _start(self, child: Child, make_server: Callable[[Child], ChildServer]) -> None:
        # Until the child has an inbox of its own a signal waits: ours would swallow it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            child.pid = os.fork()
            if child.pid == 0:
                self._be_child(child, make_server)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        child.slot.set_pid(child.pid)

    def _fork_helper(self) -> None:
        if self._make_helper is None or not self._needs_helper():
            return
        self._number += 1
        slot = Scoreboard.make(None, 1, 1, "", []).slot(0)  # it is none of those that are shown
        helper = Child(self._number, self._generation, slot)
        try:
            self._start(helper, self._make_helper)
        except OSError as error:
            _log.error("The helper process cannot be started now: %s", error)
            return
        self._helper = helper

    def _end_helper(self) -> None:
        helper, self._helper = self._helper, None
        if helper is None:
            return
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(helper.pid, signal.SIGKILL)  # it has nothing to finish
            os.waitpid(helper.pid, 0)

    def _be_child(self, child: Child, make_server: Callable[[Child], ChildServer]) -> None:
        """In the child; does not return. A second thread serves, this one waits for signals."""
        code = 1
        try:
            os.close(self._lifeline_writer)
            child.pid = os.getpid()
            child.slot.set_pid(child.pid)
            for number in _HANDLED:  # a terminal sends most of them to all: the supervisor decides
                signal.signal(number, _ignore)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with SignalInbox([signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR2]) as inbox:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
                code = self._live(make_server(child), child, inbox)
        except ContainerError as error:
            print(error, file=sys.stderr)  # noqa: T201  as the command line does
        except BaseException:  # noqa: BLE001  nothing may get back into the supervisor's code
            traceback.print_exc()
        finally:
            leave(code)

    def _live(self, server: ChildServer, child: Child, inbox: SignalInbox) -> int:
        """Serve until told to stop; return the exit code."""
        failures: list[BaseException] = []
        has_ended = threading.Event()

        def ready() -> None:
            if self._board.phase == DRAINING:  # the signal that says so came too early for the server
                server.drain()
            child.slot.state = WAITING
            self._inbox.wake()

        def serve() -> None:
            try:
                server.run(ready)
            except BaseException as error:  # noqa: BLE001  raised again, by the main thread
                failures.append(error)
            finally:
                has_ended.set()  # before the wake-up, which may be taken for that of a signal
                inbox.wake()

        threading.Thread(target=serve, name="serve", daemon=True).start()
        lifeline = self._lifeline_reader
        while not has_ended.is_set():
            numbers = inbox.wait(None if lifeline >= 0 else _TICK_S, lifeline)
            if not numbers and lifeline >= 0 and _has_ended(lifeline):
                _log.error("The supervisor has been killed: process %d ends too", child.pid)
                numbers, lifeline = [signal.SIGTERM], -1
            for number in numbers:
                if number == signal.SIGUSR2:
                    server.drain()
                    continue
                is_quick = number == signal.SIGTERM
                server.stop(self._stop_timeout_s if is_quick else self._graceful_timeout_s)
        if failures:
            raise failures[0]
        return 0

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            child = self._children.pop(pid, None)
            if self._helper is not None and pid == self._helper.pid:
                self._helper = None
                _log.error("The helper process %d ended by itself; another one takes its place", pid)
            if child is not None:
                self._ended(child, os.waitstatus_to_exitcode(status))

    def _ended(self, child: Child, code: int) -> None:
        was_starting = child.slot.state == STARTING
        child.slot.clear()
        if child.is_asked_to_end:
            return
        how = how_ended(code)
        if was_starting or (code and time.monotonic() - child.begun_s < _QUICK_S):
            _log.error("Process %d ended right after its start: %s", child.pid, how)
            self._count_failure(how)
        elif code:
            _log.error("Process %d ended: %s. Another one takes its place.", child.pid, how)
        else:
            _log.info("Process %d has served its connections; another one takes its place", child.pid)
        if not self._is_stopping and not was_starting and child.generation == self._generation:
            self._spawn_if_allowed(1)

    def _count_failure(self, how: str) -> None:
        """Give up after several in a row, or else start no other process for a while."""
        self._failures += 1
        back_off_s = min(_MAX_BACK_OFF_S, 0.1 * 2**self._failures)
        self._not_before_s = time.monotonic() + back_off_s
        if self._is_replacing:
            if self._failures >= _GIVE_UP_AFTER:
                _log.error("The reload has failed: %d new processes ended while they started", self._failures)
                self._undo_reload()
            return
        if not self._has_been_ready and self._failures >= _GIVE_UP_AFTER:
            raise StartError(
                f"none of {self._number} processes became ready; the last one: {how}. "
                "What is wrong stands above, or in the log (--log)"
            )
        _log.warning("The next process is started in %.1f s at the earliest", back_off_s)

    def _spawn_if_allowed(self, count: int) -> None:
        if time.monotonic() >= self._not_before_s:
            self._spawn(count)

    def _current(self) -> list[Child]:
        """Those that take connections, or will."""
        return [
            child
            for child in self._children.values()
            if not child.is_asked_to_end and child.generation == self._generation
        ]

    def _watch_the_new(self, ready: Callable[[], None]) -> None:
        """React to children that have become ready."""
        is_ready = any(child.slot.state != STARTING for child in self._current())
        if not is_ready or self._is_stopping:
            return
        if not self._has_been_ready:
            self._has_been_ready = True
            self._failures = 0
            if (
                self._stop_at_s is None
            ):  # or it is told to stop already: a child says it is ready before we look
                self._board.phase = WAITING
            ready()
        if self._is_replacing and all(child.slot.state != STARTING for child in self._current()):
            self._failures = 0
            self._end_the_old()

    def _maintain(self) -> None:
        if self._helper is None:
            self._fork_helper()
        if self._is_stopping:
            return
        now_s = time.monotonic()
        if self._failures and now_s < self._not_before_s:
            return
        current = self._current()
        idle = sum(child.slot.idle_threads() for child in current)
        ending = sum(child.is_asked_to_end for child in self._children.values())
        decision = self._population.decide(idle, len(current), ending)
        self._act(decision, current)

    def _act(self, decision: Decision, current: list[Child]) -> None:
        if decision.error:
            _log.error(decision.error)
        if decision.notice:
            _log.warning(decision.notice)
        if decision.spawn:
            self._spawn(decision.spawn)
        if decision.end_one:
            idlest = max(current, key=lambda child: (child.slot.idle_threads(), child.number))
            self._end_gracefully(idlest)

    # Ending ---------------------------------------------------------------------------------------

    def _end_gracefully(self, child: Child) -> None:
        self._ask_to_end(child, self._graceful_timeout_s + _GRACE_S, signal.SIGQUIT)

    def _ask_to_end(self, child: Child, timeout_s: float, number: int = signal.SIGTERM) -> None:
        """By a signal that says how much time it has; after timeout_s kill it. May be repeated with less."""
        deadline_s = time.monotonic() + timeout_s
        if deadline_s < math.inf and (child.deadline_s is None or deadline_s < child.deadline_s):
            child.deadline_s = deadline_s
        if not child.is_asked_to_end:
            child.is_asked_to_end = True
            child.slot.state = ENDING
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, number)

    def _kill_the_late(self) -> None:
        now_s = time.monotonic()
        for child in self._children.values():
            if child.deadline_s is not None and now_s >= child.deadline_s:
                child.deadline_s = now_s + _TICK_S
                _log.warning(
                    "Process %d did not end in time and is killed "
                    "(--stop-timeout-s, --graceful-shutdown-timeout-s)",
                    child.pid,
                )
                self._exit_code = self._exit_code or int(self._is_stopping)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)

    def _kill(self, number: int) -> None:
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _drain(self) -> None:
        """Say that no more requests should come, and serve those that do for a while."""
        self._board.phase = DRAINING
        self._stop_at_s = time.monotonic() + self._drain_s
        if self._drain_s:
            self._kill(signal.SIGUSR2)
        self._end_draining()

    def _end_draining(self) -> None:
        if self._stop_at_s is not None and time.monotonic() >= self._stop_at_s:
            self._stop(self._stop_timeout_s + _GRACE_S)

    def _stop(self, timeout_s: float, number: int = signal.SIGTERM) -> None:
        self._stop_at_s = None
        self._board.phase = ENDING
        if not self._is_stopping:
            self._is_stopping = True
            self._on_stop()
        for child in self._children.values():
            self._ask_to_end(child, timeout_s, number)

    # Reloading ------------------------------------------------------------------------------------

    def _begin_reload(self) -> None:
        """Start a new generation; the old one goes on until the new one is ready."""
        if self._is_stopping or self._stop_at_s is not None:
            return
        if self._is_replacing:
            _log.warning("SIGHUP is ignored: a reload is under way")
            return
        try:
            self._reload(self._generation + 1)
        except ContainerError as error:
            _log.error("The reload has failed, the processes go on as they are:\n%s", error)
            return
        count = max(self._limits.start, len(self._current()))
        self._is_replacing = True
        self._generation += 1
        self._failures, self._not_before_s = 0, 0.0
        _log.info("Reloading: %d new processes start", count)
        self._spawn(count)

    def _end_the_old(self) -> None:
        self._is_replacing = False
        old = [child for child in self._children.values() if child.generation < self._generation]
        _log.info("Reloaded: %d old processes end when their requests have", len(old))
        for child in old:
            if not child.is_asked_to_end:
                self._end_gracefully(child)
        self._settled(self._generation)
        self._end_helper()
        self._fork_helper()

    def _undo_reload(self) -> None:
        self._is_replacing = False
        for child in self._current():
            self._ask_to_end(child, 0.0)
        survivors = [child.generation for child in self._children.values() if not child.is_asked_to_end]
        self._generation = max(survivors, default=self._generation)
        self._failures = 0
        self._settled(self._generation)


def leave(code: int) -> NoReturn:
    """End a forked process: what it has said gets out, and nothing of its parent's code runs on."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
        logging.shutdown()
    os._exit(code)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Unlike SIG_IGN this is not inherited by the programs that a web app starts."""


def _has_ended(lifeline: int) -> bool:
    """Whether nobody holds the other end of the pipe any more."""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    return bool(poll.poll(0))
