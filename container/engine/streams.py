"""The streams a servlet reads from and writes to. Each knows only its request or response, and dies with it.

When a request is over its class is swapped (request.py), so that every access below raises
IllegalStateException: streams that were kept need no check of their own.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import TYPE_CHECKING

from container.engine.client_errors import broken_body
from container.servlet import (
    NullPointerException,
    PrintWriter,
    ReadListener,
    ServletInputStream,
    ServletOutputStream,
    WriteListener,
)

if TYPE_CHECKING:
    from container.engine.request import Request
    from container.engine.response import Response

__all__ = ["RequestInputStream", "RequestReader", "ResponseOutputStream", "ResponseWriter", "StatefulWriter"]


class RequestInputStream(ServletInputStream):
    """The body as bytes (§3.5)."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._count = 0
        self._finished = False

    def _read(self, size: int) -> bytes:
        data = self._request._read_body(size)
        self._count += len(data)
        if size != 0 and (not data or size < 0 or self._count == self._request._exchange.content_length):
            self._finished = True
        return data

    def isFinished(self) -> bool:
        self._request._check_alive()
        return self._finished or self._request._has_no_body()

    def setReadListener(self, listener: ReadListener) -> None:
        request_async = self._request._async
        if listener is None or request_async is None or not request_async.is_started():
            super().setReadListener(listener)  # says why not
        else:
            request_async.read_with(listener, self)

    def isReady(self) -> bool:
        self._request._check_alive()
        return True


class RequestReader:
    """The body as text: read, readline, iteration. IOException for bytes that are not in the encoding."""

    def __init__(self, request: Request, info: codecs.CodecInfo) -> None:
        self._request = request
        self._decoder = info.incrementaldecoder("strict")
        self._text = ""
        self._ended = False

    def _fill(self) -> bool:
        if self._ended:
            self._request._check_alive()
            return False
        data = self._request._read_body(8192)
        self._ended = not data
        try:
            self._text += self._decoder.decode(data, final=not data)
        except UnicodeError as error:
            raise broken_body(error) from None
        return not self._ended

    def read(self, size: int | None = -1) -> str:
        """Return up to size characters, all of them for -1; "" at the end."""
        if size is None or size < 0:
            pieces = [self._text]
            self._text = ""
            while self._fill():
                pieces.append(self._text)
                self._text = ""
            text = "".join(pieces) + self._text
            self._text = ""
            return text
        while len(self._text) < size and self._fill():
            pass
        text, self._text = self._text[:size], self._text[size:]
        return text

    def readline(self, size: int = -1) -> str:
        r"""Return the next line with its end (\n, \r or \r\n); "" at the end."""
        while True:
            end = self._line_end()
            if end:
                break
            if not self._fill():
                end = len(self._text)
                break
        if 0 <= size < end:
            end = size
        line, self._text = self._text[:end], self._text[end:]
        return line

    def _line_end(self) -> int:
        text = self._text
        newline, carriage = text.find("\n"), text.find("\r")
        if carriage >= 0 and (newline < 0 or carriage < newline):
            if carriage + 1 == len(text) and not self._ended:
                return 0  # a "\n" may follow
            return carriage + 2 if text[carriage + 1 : carriage + 2] == "\n" else carriage + 1
        return newline + 1

    def readLine(self) -> str | None:
        """Java's form: the next line without its end, None when there is no more."""
        line = self.readline()
        return line.rstrip("\r\n") if line else None

    def readlines(self) -> list[str]:
        return list(self)

    def lines(self) -> Iterator[str]:
        return (line.rstrip("\r\n") for line in self)

    def ready(self) -> bool:
        self._request._check_alive()
        return bool(self._text)

    def __iter__(self) -> Iterator[str]:
        while line := self.readline():
            yield line

    def close(self) -> None:
        """Nothing to close: the rest of the body is skipped by the connector."""

    def __enter__(self) -> RequestReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ResponseOutputStream(ServletOutputStream):
    """The body as bytes, into the response's buffer (§5.1)."""

    __slots__ = ("_response",)

    def __init__(self, response: Response) -> None:
        self._response = response

    def write(self, data: bytes | bytearray | memoryview | int) -> int:
        if type(data) is not bytes:
            if data is None:
                raise NullPointerException("write needs bytes")
            data = bytes((data & 0xFF,)) if isinstance(data, int) else bytes(data)
        self._response._write(data)
        return len(data)

    def isReady(self) -> bool:
        self._response._check_alive()
        return True

    def setWriteListener(self, listener: WriteListener) -> None:
        request_async = self._response._request._async
        if listener is None or request_async is None or not request_async.is_started():
            super().setWriteListener(listener)  # says why not
        else:
            request_async.write_with(listener, self)

    def flush(self) -> None:
        self._response._flush()

    def close(self) -> None:
        self._response._close()


class ResponseWriter(PrintWriter):
    """The body as text in the response's encoding.

    Never raises for a client that left, but remembers (checkError).
    """

    __slots__ = ("_encoding", "_failed", "_response")

    def __init__(self, response: Response, encoding: str) -> None:
        self._response = response
        self._encoding = encoding
        self._failed = False

    def write(self, text: str) -> int:
        try:
            self._response._write(text.encode(self._encoding, "replace"))
        except OSError:
            self._failed = True
        return len(text)

    def flush(self) -> None:
        try:
            self._response._flush()
        except OSError:
            self._failed = True

    def close(self) -> None:
        try:
            self._response._close()
        except OSError:
            self._failed = True

    def checkError(self) -> bool:
        self.flush()
        return self._failed


class StatefulWriter(ResponseWriter):
    """A ResponseWriter for an encoding whose pieces depend on each other (charsets.STATEFUL)."""

    __slots__ = ("_encode",)

    def __init__(self, response: Response, info: codecs.CodecInfo) -> None:
        super().__init__(response, info.name)
        self._encode = info.incrementalencoder("replace").encode

    def write(self, text: str) -> int:
        try:
            self._response._write(self._encode(text))
        except OSError:
            self._failed = True
        return len(text)
