"""A Server whose loop fails: whoever has started it is told. How many files its process may open."""

from __future__ import annotations

import resource
import socket
import threading
from pathlib import Path

import pytest

from container.config import Settings
from container.mpm.event import EventServer
from container.server import Ports, Server, raise_file_limit

pytestmark = pytest.mark.socket


@pytest.fixture
def server(tmp_path: Path) -> Server:
    settings = Settings(webapps=tmp_path, port=0, access_log="off", stop_timeout_s=1.0)
    return Server(settings, Ports(settings))


def test_a_start_that_fails_leaves_nothing_open(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(mpm: EventServer) -> None:
        raise OSError("no descriptors")

    monkeypatch.setattr(EventServer, "_accept", fail)
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="no descriptors"):
        server.start()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_loop_that_fails_later_says_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    fails, has_ended = threading.Event(), threading.Event()

    def sweep(connector, now_s: float) -> None:
        if fails.is_set() and connector.settings is server.settings:  # other servers of this process go on
            raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("container.connectors.http.HttpConnector.sweep", sweep)
    server.start(has_ended.set)
    assert server.failure is None
    fails.set()
    assert has_ended.wait(30)
    assert str(server.failure) == "a mistake of ours"
    server.stop(0.0)


@pytest.mark.parametrize(
    ("limits", "most_connections", "then", "is_told"),
    [
        ((1024, 524288), 10000, (20200, 524288), False),
        ((1024, 4096), 1000, (2200, 4096), False),
        ((1024, 4096), 10000, (4096, 4096), True),
        ((40000, 524288), 10000, (40000, 524288), False),
        ((256, resource.RLIM_INFINITY), 10000, (20200, resource.RLIM_INFINITY), False),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 10000, None, False),
    ],
)
def test_as_many_files_as_connections_need(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    limits: tuple[int, int],
    most_connections: int,
    then: tuple[int, int] | None,
    is_told: bool,
) -> None:
    found = [limits]
    monkeypatch.setattr(resource, "getrlimit", lambda what: found[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda what, new: found.append(new))
    raise_file_limit(Settings(max_connections=most_connections))
    assert found[-1] == (then or limits)
    assert ("too few for --max-connections 10000" in caplog.text) is is_told
