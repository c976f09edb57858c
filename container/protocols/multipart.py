"""multipart/form-data (RFC 7578): bytes in, parts out.

    bytes ──feed──> PartHead, bytes, bytes ... PartEnd, PartHead ... ; close() when there are no more

As lenient as Tomcat's reader: whatever stands before the first boundary and after the last has no meaning, a
body without any boundary has no parts, and the last boundary may lack its "--".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator

from container.errors import ProtocolError

__all__ = ["MultipartParser", "PartEnd", "PartHead"]

_FOLD = re.compile(r"\r\n[ \t]+")


class PartHead:
    """A part begins. headers: names as written, values without blanks around them."""

    __slots__ = ("headers",)

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.headers = headers

    def __repr__(self) -> str:
        return f"<PartHead {self.headers}>"


class PartEnd:
    """The part that began last is complete."""

    __slots__ = ()


class State(enum.Enum):
    """What the next bytes are."""

    PREAMBLE = enum.auto()
    BOUNDARY = enum.auto()
    """The two bytes after a boundary: a line end, or "--" after the last one."""
    HEAD = enum.auto()
    CONTENT = enum.auto()
    EPILOGUE = enum.auto()


class MultipartParser:
    """Cut a body into its parts, however the network split it. One for each body."""

    def __init__(self, boundary: bytes, encoding: str, max_head_bytes: int) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._encoding = encoding
        self._max_head_bytes = max_head_bytes
        self._buffer = bytearray()
        self._state = State.PREAMBLE
        self._found_parts = False

    def __repr__(self) -> str:
        return f"<MultipartParser {self._state.name}, {len(self._buffer)} bytes waiting>"

    def feed(self, data: bytes) -> Iterator[PartHead | bytes | PartEnd]:
        """Take the next bytes and yield what they complete; pieces of content as they come.

        Raises ProtocolError. To be exhausted before the next call.
        """
        buffer = self._buffer
        buffer += data
        while True:
            state = self._state
            if state is State.CONTENT:
                end = buffer.find(self._delimiter)
                is_complete = end >= 0
                if not is_complete:  # the buffer may end with the beginning of a delimiter
                    end = len(buffer) - len(self._delimiter) + 1
                if end > 0:
                    yield bytes(buffer[:end])
                    del buffer[:end]
                if not is_complete:
                    return
                del buffer[: len(self._delimiter)]
                yield PartEnd()
                self._state = State.BOUNDARY
            elif state is State.HEAD:
                head = self._take_head()
                if head is None:
                    return
                yield head
                self._state = State.CONTENT
            elif state is State.BOUNDARY:
                if not self._pass_boundary():
                    return
            elif state is State.PREAMBLE:
                if not self._pass_preamble():
                    return
            else:
                buffer.clear()
                return

    def close(self) -> None:
        """There are no more bytes. Raises ProtocolError if a part is incomplete."""
        if self._state in (State.HEAD, State.CONTENT):
            raise ProtocolError(400, "a multipart body ends in the middle of a part")

    def _pass_preamble(self) -> bool:
        first = self._delimiter[2:]  # nothing need stand before it
        start = self._buffer.find(first)
        if start < 0:
            del self._buffer[: -len(first)]
            return False
        del self._buffer[: start + len(first)]
        self._state = State.BOUNDARY
        return True

    def _pass_boundary(self) -> bool:
        mark = bytes(self._buffer[:2])
        if mark[:1] == b"\n":
            mark = b"\n"
        elif len(mark) < 2:
            return False
        if mark in (b"\n", b"\r\n"):
            del self._buffer[: len(mark)]
            self._state = State.HEAD
            self._found_parts = True
        elif mark == b"--" or not self._found_parts:
            self._state = State.EPILOGUE
        else:
            raise ProtocolError(400, f"{mark!r} after the boundary of a multipart body")
        return True

    def _take_head(self) -> PartHead | None:
        buffer = self._buffer
        if buffer.startswith(b"\r\n"):  # no headers at all
            end, size = 0, 2
        else:
            end = buffer.find(b"\r\n\r\n")
            size = end + 4
        if max(size, len(buffer) if end < 0 else 0) > self._max_head_bytes:
            raise ProtocolError(
                413,
                f"a part with more than {self._max_head_bytes} bytes of headers",
                "max_part_header_bytes",
            )
        if end < 0:
            return None
        text = buffer[:end].decode(self._encoding, "replace")
        del buffer[:size]
        headers: list[tuple[str, str]] = []
        for line in _FOLD.sub(" ", text).split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and (name := name.strip()):
                headers.append((name, value.strip()))
        return PartHead(headers)
