"""Who has connected when a server stops is served, not reset."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from container.config import Settings
from container.mpm.event import EventServer, open_listener

pytestmark = pytest.mark.socket


class Echo(asyncio.Protocol):
    def __init__(self, connector) -> None:
        self.connector = connector

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.close()

    def connection_lost(self, error) -> None:
        self.connector.connection_count -= 1


class Connector:
    on_closed = None
    connection_count = 0

    def attach(self, loop) -> None: ...

    def sweep(self, now_s: float) -> None: ...

    def new_connection(self) -> Echo:
        self.connection_count += 1
        return Echo(self)

    def begin_stop(self, grace_s: float) -> None: ...

    def abort(self) -> None: ...


def test_connections_in_the_backlog_are_served() -> None:
    listener = open_listener("127.0.0.1", 0, 100)
    address = listener.getsockname()
    connector = Connector()
    server = EventServer([listener], lambda: connector, Settings())
    clients = []

    def connect_and_stop() -> None:
        """On the loop, which therefore cannot accept them before it stops."""
        for _ in range(20):
            clients.append(socket.create_connection(address))
        server.stop()

    def ready() -> None:
        asyncio.get_running_loop().call_soon(connect_and_stop)

    thread = threading.Thread(target=server.run, args=(ready,))
    thread.start()
    while len(clients) < 20:
        thread.join(0.01)
    for client in clients:
        with client:
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"
    thread.join()
