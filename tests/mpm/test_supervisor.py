"""A Supervisor in a process of its own, as it forks."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.socket  # it forks

FRAME = """
import os, signal, threading, time
from container.config import Settings
from container.mpm.population import Limits
from container.mpm.scoreboard import Scoreboard
from container.mpm.supervisor import StartError, Supervisor

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
        ready()
        if self.number == LAST:
            os.kill(os.getppid(), signal.SIGTERM)
        self.ended.wait()

    def drain(self):
        pass

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
try:
    code = Supervisor(Server, limits, board, Settings()).run()
except StartError as error:
    raise SystemExit(str(error))
states = [slot.state for slot in board.all_slots()]
raise SystemExit(code if states == [board.slot(3).state] * 4 else f"slots are left: {states}")
"""


def supervise(last: int, failing: str) -> subprocess.CompletedProcess[str]:
    """Run one whose child of this number has it stop; failing: which forks fail, counted from 1."""
    program = f"LAST, FAILING = {last}, {failing}\n{textwrap.dedent(FRAME)}"
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
