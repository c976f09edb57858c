"""The body of an HTTP/1.1 message out of a byte stream, whichever side has sent it (RFC 9112 §6, §7.1)."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable

from container.config import Settings
from container.errors import ProtocolError
from container.protocols.exchange import RawHeaders

__all__ = ["BAD_LINE_END", "BodyParser"]

BAD_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_MAX_CHUNK_LINE_BYTES = 4096


class _Chunk(enum.Enum):
    """What a chunked body continues with."""

    SIZE = enum.auto()
    DATA = enum.auto()
    DATA_END = enum.auto()
    TRAILERS = enum.auto()


class BodyParser:
    """A connection's bytes, as far as they are bodies; whoever inherits reads the heads between them.

    ``next_piece`` returns None when it needs more bytes and b"" at the body's end; it raises ProtocolError if
    nothing can be made of them: then close the connection.
    """

    __slots__ = (
        "_chunk",
        "_extension_bytes",
        "_read_lines",
        "_remaining",
        "_settings",
        "_total",
        "in_body",
        "trailers",
        "waiting",
    )

    def __init__(self, read_lines: Callable[[bytes], RawHeaders], settings: Settings) -> None:
        self._read_lines = read_lines  # of trailers
        self._settings = settings
        self.waiting = b""  # received and not yet given out
        self._chunk: _Chunk | None = None
        self._remaining = 0  # of the body, or of the chunk
        self._total = 0
        self._extension_bytes = 0
        self.in_body = False
        self.trailers: RawHeaders | None = None

    def receive(self, data: bytes) -> None:
        self.waiting = self.waiting + data if self.waiting else data

    def begin_body(self, length: int | None) -> None:
        """None: chunked."""
        self.in_body = True
        self._total = self._extension_bytes = 0
        if length is None:
            self._chunk = _Chunk.SIZE
        else:
            self._chunk = None
            self._remaining = length
            self._count(length)

    def _count(self, size: int) -> None:
        self._total += size
        limit = self._settings.max_body_bytes
        if limit and self._total > limit:
            raise ProtocolError(413, f"a body of {self._total} bytes or more", "max_body_bytes")

    def next_piece(self) -> bytes | None:
        """The next bytes of the body; b"" once it has ended, when ``trailers`` are known too."""
        if not self.in_body:
            return b""
        if not self.waiting:
            return None
        return self._plain_piece() if self._chunk is None else self._chunked_piece()

    def _plain_piece(self) -> bytes:
        piece = self.waiting[: self._remaining]
        self.waiting = self.waiting[self._remaining :]
        self._remaining -= len(piece)
        if not self._remaining:
            self._end_body([])
        return piece

    def _end_body(self, trailers: RawHeaders) -> None:
        self.in_body = False
        self.trailers = trailers

    def _chunked_piece(self) -> bytes | None:
        """All data of the chunks received so far as one piece, as a client may send them byte by byte."""
        buffer = self.waiting
        position = 0
        pieces = []
        while self.in_body:
            step, length = self._chunk_step(buffer, position)
            if not length:
                break
            if step is _Chunk.DATA:
                pieces.append(buffer[position : position + length])
            position += length
        self.waiting = buffer[position:]
        return b"".join(pieces) if pieces or not self.in_body else None

    def _chunk_step(self, buffer: bytes, at: int) -> tuple[_Chunk, int]:
        """Take one step of RFC 9112 §7.1: what it was and its length, 0 if more bytes are needed."""
        step = self._chunk
        if step is _Chunk.DATA:
            length = min(self._remaining, len(buffer) - at)
            self._remaining -= length
            if not self._remaining:
                self._chunk = _Chunk.DATA_END
            return step, length
        if step is _Chunk.DATA_END:
            return step, self._chunk_end(buffer, at)
        if step is _Chunk.SIZE:
            return step, self._chunk_size(buffer, at)
        return _Chunk.TRAILERS, self._trailer_lines(buffer, at)

    def _chunk_end(self, buffer: bytes, at: int) -> int:
        if not b"\r\n".startswith(buffer[at : at + 2]):
            raise ProtocolError(400, "a chunk is longer than its size")
        if len(buffer) - at < 2:
            return 0
        self._chunk = _Chunk.SIZE
        return 2

    def _chunk_size(self, buffer: bytes, at: int) -> int:
        line_end = buffer.find(b"\r\n", at)
        line = buffer[at:] if line_end < 0 else buffer[at:line_end]
        if len(line) > _MAX_CHUNK_LINE_BYTES or b"\n" in line:
            raise ProtocolError(400, "malformed chunk size")
        if line_end < 0:
            return 0
        match = _CHUNK_SIZE.fullmatch(line)
        if not match:
            raise ProtocolError(400, f"malformed chunk size {line[:20]!r}")
        self._extension_bytes += len(line) - len(match[1])
        if self._extension_bytes > self._settings.max_chunk_extension_bytes:
            raise ProtocolError(
                413, f"{self._extension_bytes} bytes of chunk extensions", "max_chunk_extension_bytes"
            )
        self._remaining = int(match[1], 16)
        self._count(self._remaining)
        self._chunk = _Chunk.DATA if self._remaining else _Chunk.TRAILERS
        return len(line) + 2

    def _trailer_lines(self, buffer: bytes, at: int) -> int:
        if buffer.startswith(b"\r\n", at):
            self._end_body([])
            return 2
        end = buffer.find(b"\r\n\r\n", at)
        size = (len(buffer.rstrip(b"\r\n")) if end < 0 else end) - at
        if size > self._settings.max_trailer_bytes:
            raise ProtocolError(431, f"{size} bytes of trailer lines", "max_trailer_bytes")
        if end < 0:
            if BAD_LINE_END.search(buffer, at):
                raise ProtocolError(400, "a trailer line does not end with CR LF")
            return 0
        trailers = self._read_lines(buffer[at : end + 2])
        if len(trailers) > self._settings.max_header_count:
            raise ProtocolError(431, f"{len(trailers)} trailer lines", "max_header_count")
        self._end_body(trailers)
        return end + 4 - at
