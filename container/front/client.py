"""The client's side of an exchange for a coroutine, and a body at hand.

    Exchange ──> Client: read, write, room ──> proxy.py
             └─> collect ──> Collected: a body that can be sent as often as needed

The coroutine's loop may be the connector's own, as under the event MPM, or one of a request's thread. So
whatever the exchange tells comes back to the coroutine through call_soon_threadsafe.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from typing import IO

from container.errors import ProtocolError
from container.protocols.exchange import Exchange

__all__ = ["Client", "Collected", "collect"]

PIECE_BYTES = 65536


class Client:
    """Belongs to one coroutine, or to one that reads and one that writes."""

    __slots__ = ("_loop", "body", "exchange")

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self.exchange = exchange
        self.body: Collected | None = None
        """The whole body once it has been collected, for every backend that may yet be asked."""
        self._loop = loop

    def close(self) -> None:
        """Let go of the body."""
        if self.body is not None:
            self.body.close()

    async def read(self, size: int = PIECE_BYTES) -> bytes:
        """The next piece of the body, b"" at its end. Raises as Exchange.read."""
        while (piece := self.exchange.read_soon(size)) is None:
            await self._told(self.exchange.when_readable)
        return piece

    async def write(self, data: bytes) -> None:
        """Send data; when the client is slow, return when there is room for more."""
        if not self.exchange.write_soon(data):
            await self.room()

    async def room(self) -> None:
        await self._told(self.exchange.when_writable)

    async def _told(self, tell: Callable[[Callable[[], object]], None]) -> None:
        told = self._loop.create_future()
        tell(lambda: self._call(told))
        await told

    def _call(self, told: asyncio.Future[None]) -> None:
        def tell() -> None:
            if not told.done():
                told.set_result(None)

        self._soon(tell)

    def on_gone(self, callback: Callable[[], object]) -> None:
        """Call callback on the coroutine's loop if the client leaves before it has its answer."""
        self.exchange.on_disconnect(lambda: self._soon(callback))

    def _soon(self, callback: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)


class Collected:
    """A complete body: in memory while it is small, then in a temporary file."""

    __slots__ = ("_file", "size")

    def __init__(self, memory_bytes: int, folder: str | None) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max(1, memory_bytes), dir=folder)  # noqa: SIM115  closed by close
        self.size = 0

    def add(self, piece: bytes) -> None:
        self._file.seek(self.size)
        self._file.write(piece)
        self.size += len(piece)

    def read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()


async def collect(client: Client, limit: int, memory_bytes: int, folder: str | None) -> Collected:
    """Read the whole body. Raises ProtocolError 413 for one longer than limit, if that is not 0."""
    body = Collected(memory_bytes, folder)
    try:
        while piece := await client.read():
            body.add(piece)
            if limit and body.size > limit:
                raise ProtocolError(413, f"a body of more than {limit} bytes")
    except BaseException:
        body.close()
        raise
    return body
