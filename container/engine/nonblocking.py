"""Reading and writing without blocking: when listeners of streams are told (Servlet 6.1 §3.8, §5.4).

    stream.isReady() is False ──> Exchange.when_readable, when_writable ──> RequestAsync.call_back
    listener.onDataAvailable, onWritePossible  <── in a request thread, when nothing else of the request runs

A stream becomes one of those below when it is given its listener; what they know is kept in a Reading and a
Writing. Each belongs to whoever has the request: the container's dispatch, a listener's call, a thread of the
application's. Only _readable and _writable are called by other threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from container.engine.streams import RequestInputStream, ResponseOutputStream
from container.protocols.exchange import ClientDisconnected, Exchange
from container.servlet import IllegalStateException, ReadListener, WriteListener

if TYPE_CHECKING:
    from container.engine.async_context import RequestAsync
    from container.engine.request import Request

__all__ = ["Reading", "Writing"]

_PIECE_BYTES = 8192


class Reading:
    """A request's body on its way to a ReadListener, a piece ahead of what has been read."""

    __slots__ = (
        "_awaited", "_error", "_exchange", "_listener", "_piece", "_request", "_request_async", "_told",
        "is_finished",
    )  # fmt: skip

    def __init__(
        self,
        request_async: RequestAsync,
        request: Request,
        stream: RequestInputStream,
        listener: ReadListener,
    ) -> None:
        self._request_async = request_async
        self._request = request
        self._exchange = request._exchange
        self._listener = listener
        self._piece = b""
        self._error: OSError | None = None
        self._awaited = False  # _readable is going to be called
        self._told = False  # onAllDataRead
        self.is_finished = False
        stream.__class__ = NonBlockingInputStream

    def begin(self) -> None:
        """Tell the listener as soon as there is something. The stream may find this Reading by now."""
        self._look_ahead()
        self._await()

    def is_ready(self) -> bool:
        if not self._piece and not self._awaited:
            self._look_ahead()
            if not self._piece and not self._told:
                self._await()
        return bool(self._piece)

    def read(self, size: int) -> bytes:
        if size < 0:
            _refuse("read() without a number of bytes")
        if not (self._piece or self._awaited):
            self._look_ahead()
        if self._error is not None:
            if not self._awaited:
                self._await()  # for onError: whoever reads may be a thread of the application's
            raise self._error
        piece = self._piece
        if not piece and not self.is_finished and size:
            raise IllegalStateException("nothing can be read now: isReady() is False")
        self._piece = piece[size:]
        if piece and not self._piece:
            self._look_ahead()
        return piece[:size]

    def _look_ahead(self) -> None:
        self._fetch(self._request._read_body_soon)

    def _fetch(self, read: Callable[[int], bytes | None]) -> None:
        if self.is_finished or self._error is not None:
            return
        try:
            piece = read(_PIECE_BYTES)
        except OSError as error:
            self._error = error
            return
        if piece is not None:
            self._piece = piece
            self.is_finished = not piece

    def _await(self) -> None:
        self._awaited = True
        if self._piece or self.is_finished or self._error is not None:
            self._readable()
        else:
            self._exchange.when_readable(self._readable)

    def _readable(self) -> None:
        self._request_async.call_back(self._tell, self._listener.onError)

    def _tell(self) -> None:
        self._awaited = False
        if not self._piece:  # does not block, but where a thread has to wait (RT-NIO-11)
            self._fetch(self._request._read_body)
        if self._error is not None:
            raise self._error
        if self._piece:
            self._listener.onDataAvailable()
            if self._error is not None:
                raise self._error
        if self.is_finished and not self._told and self._request_async.goes_on():
            self._told = True
            self._listener.onAllDataRead()


class Writing:
    """What a WriteListener writes. The exchange takes whatever it is given, and says when it has enough."""

    __slots__ = ("_awaited", "_exchange", "_has_failed", "_listener", "_request_async", "has_room")

    def __init__(
        self,
        request_async: RequestAsync,
        exchange: Exchange,
        stream: ResponseOutputStream,
        listener: WriteListener,
    ) -> None:
        self._request_async = request_async
        self._exchange = exchange
        self._listener = listener
        self._awaited = False
        self._has_failed = False
        self.has_room = True
        stream.__class__ = NonBlockingOutputStream

    def begin(self) -> None:
        """Tell the listener that it may write. The stream may find this Writing by now."""
        self._awaited = True
        self._writable()

    def is_ready(self) -> bool:
        if not self.has_room and not self._awaited:
            self._awaited = True
            self._exchange.when_writable(self._writable)
        return self.has_room

    def write(self, data: bytes) -> None:
        """Send what the response's buffer does not hold any more.

        A failure is told to the listener as well, whoever wrote: a thread of the application's, maybe.
        """
        try:
            self.has_room = self._exchange.write_soon(data)
        except ClientDisconnected as error:
            if not self._has_failed:
                self._has_failed = True
                self._request_async.call_back(partial(_raise, error), self._listener.onError)
            raise

    def _writable(self) -> None:
        self._request_async.call_back(self._tell, self._listener.onError)

    def _tell(self) -> None:
        self._awaited = False
        self.has_room = True
        self._listener.onWritePossible()


class NonBlockingInputStream(RequestInputStream):
    """What a body is read from once it has a ReadListener."""

    @property
    def _reading(self) -> Reading:
        request_async = self._request._async
        assert request_async is not None
        assert request_async._reading is not None
        return request_async._reading

    def _read(self, size: int) -> bytes:
        return self._reading.read(size)

    def isReady(self) -> bool:
        return self._reading.is_ready()

    def isFinished(self) -> bool:
        return self._reading.is_finished

    def readline(self, limit: int = -1) -> bytes:
        _refuse("reading lines")

    def readAllBytes(self) -> bytes:
        _refuse("readAllBytes")

    def readNBytes(self, b: Any, off: int = 0, n: int = 0, /) -> Any:
        _refuse("readNBytes")


class NonBlockingOutputStream(ResponseOutputStream):
    """What an answer is written to once it has a WriteListener."""

    __slots__ = ()

    @property
    def _writing(self) -> Writing:
        request_async = self._response._request._async
        assert request_async is not None
        assert request_async._writing is not None
        return request_async._writing

    def _check_ready(self) -> None:
        if not self._writing.has_room:
            raise IllegalStateException("nothing can be written now: isReady() is False")

    def write(self, data: bytes | bytearray | memoryview | int) -> int:
        self._check_ready()
        return super().write(data)

    def flush(self) -> None:
        self._check_ready()
        super().flush()

    def isReady(self) -> bool:
        return self._writing.is_ready()


def _raise(error: Exception) -> NoReturn:
    raise error


def _refuse(what: str) -> NoReturn:
    raise IllegalStateException(
        f"{what} would wait for the client, which a stream with a ReadListener must not: "
        "call read(8192) while isReady() is True"
    )
