"""The event MPM at its limits: of connections, and of descriptors."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading

import pytest

from container.config import Settings
from container.mpm.event import EventServer, open_listener

pytestmark = pytest.mark.socket
LIMIT_S = 120.0


class Connector:
    """Connections that echo what they get, until the client closes."""

    def __init__(self) -> None:
        self.on_closed = None
        self.connection_count = 0

    def attach(self, loop) -> None: ...

    def sweep(self, now_s: float) -> None: ...

    def new_connection(self) -> asyncio.Protocol:
        self.connection_count += 1
        connector = self

        class Echo(asyncio.Protocol):
            def connection_made(self, transport) -> None:
                self.transport = transport

            def data_received(self, data: bytes) -> None:
                self.transport.write(data)

            def connection_lost(self, error) -> None:
                connector.connection_count -= 1
                if connector.on_closed is not None:
                    connector.on_closed()

        return Echo()

    def begin_stop(self, grace_s: float) -> None: ...

    def abort(self) -> None: ...


@pytest.fixture
def server():
    listener = open_listener("127.0.0.1", 0, 100)
    server = EventServer([listener], Connector, Settings(max_connections=1, stop_timeout_s=0.0))
    server.start()
    yield server
    server.stop()
    server.join()


@pytest.fixture
def connect(server: EventServer):
    address = ("127.0.0.1", int(server.urls[0].rpartition(":")[2]))
    return lambda: socket.create_connection(address, timeout=LIMIT_S)


def echo(client: socket.socket) -> bytes:
    client.sendall(b"hello")
    return client.recv(5)


def test_without_a_descriptor_to_accept_again_it_is_tried_until_there_is_one(
    connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    duplicate, has_failed = socket.socket.dup, threading.Event()

    def dup(listener: socket.socket) -> socket.socket:
        if has_failed.is_set():
            return duplicate(listener)
        has_failed.set()
        raise OSError(errno.EMFILE, "Too many open files")

    with connect() as first:
        assert echo(first) == b"hello"
        monkeypatch.setattr(socket.socket, "dup", dup)
    assert has_failed.wait(LIMIT_S)
    with connect() as second:
        assert echo(second) == b"hello"
    assert ("container.server", logging.ERROR) in {(name, level) for name, level, _ in caplog.record_tuples}


def test_a_stop_ends_the_waiting_for_a_descriptor(
    server: EventServer, connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_failed = threading.Event()

    def dup(listener: socket.socket) -> socket.socket:
        has_failed.set()
        raise OSError(errno.EMFILE, "Too many open files")

    with connect() as first:
        assert echo(first) == b"hello"
        monkeypatch.setattr(socket.socket, "dup", dup)
    assert has_failed.wait(LIMIT_S)
    server.stop()
    server.join()
