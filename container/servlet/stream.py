"""The streams of requests, responses and upgraded connections (§3.5, §5.4, §3.8).

A stream implements the primitive methods (``_read``; ``write``, ``flush``, ``close``); everything else stands
on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, Self, overload

from container.servlet.exceptions import CharConversionException, IllegalStateException, NullPointerException
from container.servlet.listener import EventListener

__all__ = [
    "PrintWriter",
    "ReadListener",
    "Reader",
    "ServletInputStream",
    "ServletOutputStream",
    "WriteListener",
]

Buffer = bytearray | memoryview


class ReadListener(EventListener):
    """Told when a stream can be read without blocking (§3.8). All methods are abstract."""

    __slots__ = ()

    def onDataAvailable(self) -> None:
        """The first time by itself, later only after isReady() was False."""
        raise NotImplementedError

    def onAllDataRead(self) -> None:
        raise NotImplementedError

    def onError(self, t: BaseException) -> None:
        raise NotImplementedError


class WriteListener(EventListener):
    """Told when a stream can be written without blocking (§5.4). All methods are abstract."""

    __slots__ = ()

    def onWritePossible(self) -> None:
        """The first time by itself, later only after isReady() was False."""
        raise NotImplementedError

    def onError(self, t: BaseException) -> None:
        raise NotImplementedError


class Reader(Protocol):
    """The text file that ``getReader`` returns."""

    def read(self, size: int | None = -1, /) -> str: ...

    def readline(self, size: int = -1, /) -> str: ...

    def __iter__(self) -> Iterator[str]: ...

    def close(self) -> None: ...


class ServletInputStream:
    """A request's body as a binary file. A subclass implements ``_read`` (or ``read``) and ``isFinished``."""

    __slots__ = ()

    def _read(self, size: int) -> bytes:
        """Return up to size bytes, at least one unless the stream has ended; all of them for -1."""
        raise NotImplementedError

    def isFinished(self) -> bool:
        """Tell whether the end has been read."""
        raise NotImplementedError

    def isReady(self) -> bool:
        """Tell whether read would not block; always True unless there is a ReadListener."""
        return True

    def setReadListener(self, listener: ReadListener) -> None:
        """Switch to non-blocking reading, once, in an asynchronous or upgraded request (RT-NIO-01, 02)."""
        if listener is None:
            raise NullPointerException("setReadListener needs a ReadListener")
        raise IllegalStateException("only asynchronous or upgraded requests can be read without blocking")

    @overload
    def read(self, n: int = -1, /) -> bytes: ...
    @overload
    def read(self, n: Buffer, /) -> int: ...
    def read(self, n: int | Buffer = -1, /) -> bytes | int:
        """Return up to n bytes, b"" at the end; without n, everything up to the end.

        Given a buffer instead, as Java does, fill its beginning and return the number of bytes: -1 at the
        end, 0 for an empty buffer.
        """
        if isinstance(n, int):
            return self._read(n)
        if n is None:
            raise NullPointerException("read needs a buffer or a number of bytes")
        return self.readinto(n) or (-1 if len(n) else 0)

    def readinto(self, buffer: Buffer) -> int:
        """Fill the beginning of buffer and return the number of bytes; 0 at the end."""
        size = len(buffer)
        return _put(self.read(size), buffer, 0) if size else 0

    def readline(self, limit: int = -1) -> bytes:
        """Return the bytes through the next newline, at most limit; b"" at the end."""
        line = (
            bytearray()
        )  # byte by byte, as nothing can be given back; a stream with a buffer overrides this
        while len(line) != limit and (byte := self.read(1)):
            line += byte
            if byte == b"\n":
                break
        return bytes(line)

    def readLine(self, b: bytearray | memoryview, off: int, len: int) -> int:
        """Put a line of at most len bytes, newline included, at b[off]; return its length, -1 at the end."""
        if len <= 0:
            return 0
        return _put(self.readline(len), b, off) or -1

    def readlines(self) -> list[bytes]:
        return list(self)

    def readAllBytes(self) -> bytes:
        return b"".join(iter(lambda: self.read(65536), b""))

    @overload
    def readNBytes(self, b: int, /) -> bytes: ...
    @overload
    def readNBytes(self, b: Buffer, off: int, n: int, /) -> int: ...
    def readNBytes(self, b: int | Buffer, off: int = 0, n: int = 0, /) -> bytes | int:
        """Read until so many bytes have come or the stream ends: returned, or put at b[off] and counted."""
        if not isinstance(b, int):
            return _put(self.readNBytes(n), b, off)
        data = bytearray()
        while (missing := b - len(data)) > 0 and (piece := self.read(missing)):
            data += piece
        return bytes(data)

    def close(self) -> None:
        """Nothing to close: what was not read is skipped."""

    def readable(self) -> bool:
        return True

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _put(data: bytes, buffer: Buffer, off: int) -> int:
    memoryview(buffer)[off : off + len(data)] = data
    return len(data)


def _text(value: object) -> str:
    """Java's text form of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class ServletOutputStream:
    """A response's body as a binary file.

    A subclass implements ``write``, and ``flush`` and ``close`` if they matter.
    """

    __slots__ = ()

    def write(self, data: bytes | bytearray | memoryview | int) -> int:
        """Write bytes, or one byte given as a number; return how many."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send what was written. Commits the response."""

    def close(self) -> None:
        """Flush, and accept nothing more."""

    def isReady(self) -> bool:
        """Tell whether write would not block; always True unless there is a WriteListener."""
        return True

    def setWriteListener(self, listener: WriteListener) -> None:
        """Switch to non-blocking writing, once, in an asynchronous or upgraded request (RT-NIO-01, 02)."""
        if listener is None:
            raise NullPointerException("setWriteListener needs a WriteListener")
        raise IllegalStateException("only asynchronous or upgraded requests can be written without blocking")

    def print(self, x: object) -> None:
        """Write a value as text, a byte for each character (up to U+00FF): for protocols, not for pages."""
        try:
            self.write(_text(x).encode("iso-8859-1"))
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise CharConversionException(
                f"a ServletOutputStream cannot print {character!r} (U+{ord(character):04X}). "
                'Write text with getWriter(), after setContentType("text/html;charset=UTF-8")'
            ) from None

    def println(self, x: object = "") -> None:
        """Like print, and end the line with CR LF."""
        self.print(_text(x) + "\r\n")

    def writelines(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self.write(line)

    def writable(self) -> bool:
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PrintWriter:
    """A response's body as a text file. It never raises for a client that has gone: ask checkError.

    A subclass implements ``write``, ``flush``, ``close`` and ``checkError``.
    """

    __slots__ = ()

    def write(self, text: str) -> int:
        raise NotImplementedError

    def flush(self) -> None:
        """Send what was written. Commits the response."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush, and accept nothing more."""
        raise NotImplementedError

    def checkError(self) -> bool:
        """Flush, and tell whether anything could not be written."""
        raise NotImplementedError

    def print(self, x: object) -> None:
        """Write a value as text: None is "null", True is "true"."""
        self.write(_text(x))

    def println(self, x: object = "") -> None:
        """Like print, and end the line."""
        self.write(_text(x) + "\n")

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def writable(self) -> bool:
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
