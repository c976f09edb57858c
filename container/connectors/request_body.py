"""A request's body between the loop, which receives it, and the request's thread, which reads it.

CollectedBody is complete before a thread sees it, StreamedBody is read while it arrives. Any connector may
use them.
"""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Protocol

from container.protocols.exchange import RawHeaders

__all__ = ["CollectedBody", "RequestBody", "StreamedBody"]


class RequestBody(Protocol):
    """The loop calls add, complete, fail and close; the request's thread calls read."""

    trailers: RawHeaders | None
    """None until the body is complete."""

    def add(self, piece: bytes) -> bool:
        """Take a piece; False if no more should come for now."""

    def complete(self, trailers: RawHeaders) -> None:
        """There is no more."""

    def fail(self, error: Exception) -> None:
        """There will be no more, and it is not complete: whoever reads gets error."""

    def read(self, size: int) -> bytes:
        """As Exchange.read."""

    def read_soon(self, size: int) -> bytes | None:
        """As Exchange.read_soon."""

    def when_readable(self, callback: Callable[[], object]) -> None:
        """As Exchange.when_readable."""

    def close(self) -> None:
        """Nobody will read any more."""


class CollectedBody:
    """In memory up to memory_bytes, then in a temporary file in folder."""

    __slots__ = ("_file", "trailers")

    def __init__(self, memory_bytes: int, folder: str | None) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max(1, memory_bytes), dir=folder)  # noqa: SIM115  closed by close
        self.trailers: RawHeaders | None = None

    def add(self, piece: bytes) -> bool:
        self._file.write(piece)
        return True

    def complete(self, trailers: RawHeaders) -> None:
        self._file.seek(0)
        self.trailers = trailers

    def fail(self, error: Exception) -> None:
        """Nobody has begun to read."""

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def read_soon(self, size: int) -> bytes | None:
        return self._file.read(size)

    def when_readable(self, callback: Callable[[], object]) -> None:
        callback()

    def close(self) -> None:
        self._file.close()


class StreamedBody:
    """Holds about memory_bytes; beyond that the client is not read from.

    on_hungry is called, in the reading thread, when a reader begins to wait and when a full buffer has room
    again.
    """

    __slots__ = (
        "_changed",
        "_complete",
        "_error",
        "_limit",
        "_on_hungry",
        "_pieces",
        "_size",
        "_waiting",
        "trailers",
    )

    def __init__(self, memory_bytes: int, on_hungry: Callable[[], None]) -> None:
        self._limit = max(1, memory_bytes)
        self._on_hungry = on_hungry
        self._changed = threading.Condition()  # guards all below
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._complete = False
        self._error: Exception | None = None
        self._waiting: list[Callable[[], object]] = []  # of when_readable
        self.trailers: RawHeaders | None = None

    def add(self, piece: bytes) -> bool:
        with self._changed:
            self._pieces.append(piece)
            self._size += len(piece)
            self._changed.notify()
            is_hungry = self._size < self._limit
        self._tell_waiting()
        return is_hungry

    def complete(self, trailers: RawHeaders) -> None:
        with self._changed:
            self._complete = True
            self.trailers = trailers
            self._changed.notify()
        self._tell_waiting()

    def fail(self, error: Exception) -> None:
        with self._changed:
            if not self._complete and self._error is None:
                self._error = error
            self._changed.notify()
        self._tell_waiting()

    def _tell_waiting(self) -> None:
        if self._waiting:
            with self._changed:
                waiting, self._waiting = self._waiting, []
            for callback in waiting:
                callback()

    def when_readable(self, callback: Callable[[], object]) -> None:
        with self._changed:
            must_wait = not (self._pieces or self._complete or self._error)
            if must_wait:
                self._waiting.append(callback)
        if not must_wait:
            callback()

    def close(self) -> None:
        """A kept exchange may still be read: what has arrived stays until it is forgotten."""

    def read(self, size: int) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self._read_some(self._limit), b""))
        return self._read_some(size) if size else b""

    def read_soon(self, size: int) -> bytes | None:
        with self._changed:
            must_wait = not (self._pieces or self._complete or self._error)
        if must_wait:
            self._on_hungry()
            return None
        return self._read_some(size)

    def _read_some(self, size: int) -> bytes:
        with self._changed:
            must_wait = not (self._pieces or self._complete or self._error)
        if must_wait:
            self._on_hungry()
        with self._changed:
            while not self._pieces:
                if self._error is not None:
                    raise self._error
                if self._complete:
                    return b""
                self._changed.wait()
            was_full = self._size >= self._limit
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            self._size -= len(piece)
            has_room = was_full and self._size < self._limit
        if has_room:
            self._on_hungry()
        return piece
