"""What a front tells `was status`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from container.config import Settings
from container.front.containers import ContainersSite
from container.front.status import FrontStatus, ProcessState, as_text, groups_of, read_status


def test_what_is_written_is_read_and_shown(tmp_path: Path) -> None:
    site = ContainersSite(["r1", "r2"], Settings())
    site.admit("r1", "/run/r1.sock")
    site.balancer.ask(request_of_r1(), 0).next(0)
    status = FrontStatus.beside(tmp_path)
    status.set_groups(groups_of([site.balancer], 0))
    status.write(
        [ProcessState(1, "r1", "ready", 4711, ""), ProcessState(2, "r2", "backing off", 0, "exit code 1")]
    )
    found = read_status(tmp_path, os.getpid())
    assert found is not None
    assert as_text(found).splitlines() == [
        "container r1: ready, process 4711",
        "container r2: backing off, no process; the one before ended: exit code 1",
        "group containers:",
        "  r1  OK        1 busy, 1 picked, 0 failed  (ACT, factor 1, value 1)",
        "  r2  OK/IDLE   0 busy, 0 picked, 0 failed  (ACT, factor 1, value 0, found unhealthy)",
        "  last choices, oldest first:",
        "    r1  session of r1",
    ]
    status.remove()
    assert read_status(tmp_path, os.getpid()) is None
    status.write([])  # a thread that has not heard of the end
    assert list(tmp_path.iterdir()) == []


def request_of_r1():
    from container.front.balancer import Ask

    return Ask("GET", "127.0.0.1", sessions=("A.r1",))


def test_what_a_killed_front_has_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for suffix in (".front", ".front.new"):
        (tmp_path / f"was-{ended.pid}-{ended.pid}{suffix}").write_text("{}")
    other = tmp_path / "was-x.front"
    other.write_text("")
    assert read_status(tmp_path, 1) is None
    assert list(tmp_path.iterdir()) == [other]


def test_without_a_folder_nothing_is_written() -> None:
    status = FrontStatus.beside(None)
    status.write()
    status.remove()
