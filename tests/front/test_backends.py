"""Requests that leave together."""

from __future__ import annotations

import asyncio

from container.front.backends import BackendConnection, Backends
from container.front.balancer import Address
from container.protocols.http1_backend import Http1Backend


class Transport:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(data)

    def abort(self) -> None:
        """As if it was no news."""


def test_one_that_has_closed_takes_no_other_along():
    async def send() -> None:
        backends = Backends()
        loop = asyncio.get_running_loop()
        transports = [Transport(), Transport(RuntimeError("the handler is closed")), Transport(), Transport()]
        connections = []
        for transport in transports:
            connection = BackendConnection(
                Address("http", "", 0, "/a"), Http1Backend(), loop, lambda connection: None
            )
            connection.connection_made(transport)
            connections.append(connection)
            backends.send_soon(connection, b"GET")
        connections[2].close()
        assert not transports[0].sent
        await asyncio.sleep(0)
        assert [transport.sent for transport in transports] == [[b"GET"], [], [], [b"GET"]]
        assert [connection.is_open for connection in connections] == [True, False, False, True]
        backends.send_soon(connections[0], b"more")  # the next turn has its own
        await asyncio.sleep(0)
        assert transports[0].sent == [b"GET", b"more"]
        assert connections[0].sent_bytes == len(b"GETmore")

    asyncio.run(send())
