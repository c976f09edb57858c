"""The scoreboard: written without locks, read by anybody who may."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys

import pytest

from container.errors import ConfigError
from container.mpm.scoreboard import (
    WAITING,
    Activity,
    Scoreboard,
    running_servers,
    status_folder,
)
from container.mpm.status import as_json_text, as_text


@pytest.fixture
def board(tmp_path):
    made = Scoreboard.make(tmp_path, 3, 2, "worker", ["http://127.0.0.1:8080"])
    yield made
    made.close()


def test_a_thread_shows_what_it_does(board: Scoreboard) -> None:
    slot = board.slot(1)
    slot.begin(0)
    slot.set_pid(77)
    first, second = slot.watch(0), slot.watch(1)
    slot.state = WAITING
    assert slot.idle_threads() == 2

    first.connected(5, "10.0.0.1")
    assert slot.idle_threads() == 1
    first.answering("GET", b"/shop/cart?id=1")
    (process,) = board.status().processes
    assert (process.pid, process.state, process.requests, process.open_connections) == (77, "_", 1, 1)
    assert (process.threads[0].state, process.threads[0].connection) == ("W", 5)
    assert (process.threads[0].peer, process.threads[0].request) == ("10.0.0.1", "GET /shop/cart?id=1")

    states = []
    for tell in (first.idle, first.reading, first.lingering, first.closed):
        tell()
        states.append(board.status().processes[0].threads[0].state)
    assert states == ["K", "R", "C", "_"]
    second.ended()
    assert len(board.status().processes[0].threads) == 1


def test_a_starting_process_counts_as_idle(board: Scoreboard) -> None:
    slot = board.slot(0)
    slot.begin(0)
    assert slot.idle_threads() == 2
    slot.clear()
    assert slot.idle_threads() == 0
    assert board.status().processes == ()


def test_a_process_with_a_loop_publishes_now_and_then(board: Scoreboard) -> None:
    slot = board.slot(0)
    slot.begin(3)
    slot.set_pid(7)
    slot.state = WAITING
    request = (1.0, 9, "::1", "POST", b"/" + b"x" * 500)
    slot.publish(Activity(12, 34, 5, (request,)))
    (process,) = board.status().processes
    assert (process.pid, process.generation, process.connections) == (7, 3, 12)
    assert (process.requests, process.open_connections) == (34, 5)
    assert process.threads[0].request.startswith("POST /xxx")
    slot.publish(Activity(12, 35, 4, ()))
    assert board.status().processes[0].threads == ()


def test_it_is_found_while_its_processes_live(board: Scoreboard, tmp_path) -> None:
    (found,) = running_servers(tmp_path)
    assert (found.pid, found.mpm, found.urls) == (os.getpid(), "worker", ("http://127.0.0.1:8080",))
    board.close()
    assert running_servers(tmp_path) == []


@pytest.mark.socket
def test_what_a_killed_server_left_behind_is_removed(tmp_path) -> None:
    code = "import os, sys, pathlib; from container.mpm.scoreboard import Scoreboard; "
    code += "Scoreboard.make(pathlib.Path(sys.argv[1]), 1, 1, 'event', []); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert running_servers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_who_looks_while_it_is_made_does_not_remove_it(tmp_path, monkeypatch) -> None:
    lock = fcntl.flock

    def look_first(descriptor: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX:
            assert running_servers(tmp_path) == []
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", look_first)
    board = Scoreboard.make(tmp_path, 1, 1, "event", [])
    assert [server.pid for server in running_servers(tmp_path)] == [os.getpid()]
    board.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, monkeypatch) -> None:
    def no_space(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_space)
    with pytest.raises(OSError, match="No space left"):
        Scoreboard.make(tmp_path, 1, 1, "event", [])
    assert list(tmp_path.iterdir()) == []


def test_one_that_may_not_be_read_is_said_with_the_cure(board: Scoreboard, tmp_path, monkeypatch) -> None:
    def refuse(path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Scoreboard, "open", refuse)
    with pytest.raises(ConfigError, match=r"was-\d+.status: cannot be read: .* Ask as the user"):
        running_servers(tmp_path)


def test_other_files_are_left_alone(tmp_path, board) -> None:
    (tmp_path / "was-1.txt").touch()
    assert len(running_servers(tmp_path)) == 1
    assert (tmp_path / "was-1.txt").exists()


def test_a_folder_that_others_may_write_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = status_folder(None)
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="--work"):
        status_folder(None)


def test_what_is_printed(board: Scoreboard) -> None:
    slot = board.slot(0)
    slot.begin(0)
    slot.set_pid(77)
    slot.state = WAITING
    slot.watch(0)
    slot.watch(1).connected(3, "10.0.0.9")
    status = board.status()
    text = as_text([status], status.started_s + 90)
    assert text.startswith("http://127.0.0.1:8080  --mpm worker, process")
    assert "1 process, 1 connection open" in text
    assert "\n_R\n" in text
    assert "connection 3  10.0.0.9" in text
    assert json.loads(as_json_text([status]))[0]["processes"][0]["threads"][1]["state"] == "R"
    assert "No server of yours runs" in as_text([], 0)
