"""The watch for processes that answer nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from container.front.fleet import Process
from container.front.liveness import LivenessWatch

pytestmark = pytest.mark.socket
LIMIT_S = 60.0


def test_its_end_is_that_of_a_check_under_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(LIMIT_S)
        watch = LivenessWatch(6.0, lambda process, path, liveness: None)
        watch.watch(Process(1, "r1"), path)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(LIMIT_S)
            assert connection.recv(1000).startswith(b"OPTIONS * ")
            watch.close()
            assert connection.recv(1000) == b""
    assert caplog.records == []
