"""A Supervisor in a process of its own, as it forks."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from container.mpm.scoreboard import DRAINING

pytestmark = pytest.mark.socket  # it forks

FRAME = """
import os, signal, threading, time
from container.config import Settings
from container.mpm.population import Limits
from container.mpm.scoreboard import DRAINING, Scoreboard
from container.mpm.supervisor import StartError, Supervisor

def say(line):
    os.write(1, f"{line}\\n".encode())  # print may make several writes, with those of others between

class Late:
    def __del__(self):
        time.sleep(0.3)

class Server:
    def __init__(self, child):
        self.number = child.number
        self.ended = threading.Event()
        self.of_thread = threading.local()

    def run(self, ready):
        self.of_thread.late = Late()  # the thread takes its time to end, as on a busy machine
        if IS_EARLY and self.number == 1:
            os.kill(os.getppid(), signal.SIGTERM)
        while IS_EARLY and board.phase != DRAINING:
            time.sleep(0.001)
        ready()
        if self.number in KILLED:
            os.kill(os.getpid(), signal.SIGRTMIN + 1)
        if self.number == LAST:
            os.kill(os.getppid(), signal.SIGTERM)
        self.ended.wait()

    def drain(self):
        say(f"drained {self.number}")

    def stop(self, timeout_s):
        self.ended.set()

fork, calls = os.fork, []

def failing():
    calls.append(1)
    if len(calls) in FAILING:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()

os.fork = failing
board = Scoreboard.make(None, 4, 1, "event", [])
limits = Limits(2, 0, 0, 2, 4, 1, is_fixed=True)
settings = Settings(drain_s=3600.0 if IS_EARLY else 0.0)

def ready():
    if IS_EARLY:
        say(f"phase {chr(board.phase)}")
        os.kill(os.getpid(), signal.SIGTERM)

try:
    code = Supervisor(Server, limits, board, settings).run(ready)
except StartError as error:
    raise SystemExit(str(error))
states = [slot.state for slot in board.all_slots()]
raise SystemExit(code if states == [board.slot(3).state] * 4 else f"slots are left: {states}")
"""


def supervise(
    last: int, failing: str = "()", killed: str = "()", *, is_early: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run one whose child of this number has it stop; failing: which forks fail, counted from 1.

    killed: which children are killed by a signal that has no name. is_early: it is told to stop, with a
    time to drain, before a child is ready, and at once when one is.
    """
    known = f"LAST, FAILING, KILLED, IS_EARLY = {last}, {failing}, {killed}, {is_early}"
    program = f"{known}\n{textwrap.dedent(FRAME)}"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_fork_that_fails_is_tried_again_and_ends_nobody() -> None:
    done = supervise(3, "(2,)")
    assert done.returncode == 0, done.stderr
    assert "No process can be started: [Errno 11] Resource temporarily unavailable" in done.stderr


def test_without_any_process_the_start_fails_with_the_reason() -> None:
    done = supervise(0, "range(99)")
    assert done.returncode == 1
    assert "none of 3 processes became ready; the last one: [Errno 11] Resource temporarily" in done.stderr


def test_a_child_killed_by_a_signal_without_a_name_is_replaced() -> None:
    done = supervise(3, killed="(1,)")
    assert done.returncode == 0, done.stderr
    assert f"signal {signal.SIGRTMIN + 1}" in done.stderr


def test_a_server_that_is_told_to_stop_before_it_is_ready_drains_all_the_same() -> None:
    done = supervise(0, is_early=True)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert f"phase {chr(DRAINING)}" in done.stdout
    assert "drained" in done.stdout
