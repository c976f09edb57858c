"""TlsTransport: TLS between a connection and the loop's transport for its socket.

    socket ── transport <─ encrypted ─ TlsTransport <─ plain ─ connection
                        ── encrypted ─> (OpenSSL)   ── plain ─>

To the loop it is a protocol, to the connection a transport. asyncio and uvloop have their own, in which what
a slow client has not read yet cannot be seen, a half-closed connection is closed, and a client that speaks
plain HTTP is dropped without a word. This one is a cipher and nothing more: buffers, limits and deadlines are
those of the transport below and of the connection above.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import Any, cast

__all__ = ["HANDSHAKE", "TlsConnection", "TlsTransport"]

_log = logging.getLogger("container.server")

HANDSHAKE = 0x16  # the content type of what a client begins with
_RECORD_BYTES = 16384
_PIECE_BYTES = 1024 * 1024  # encrypted at a time, so that there are not three copies of a large answer


class TlsConnection(asyncio.Protocol):
    """A connection that may have TLS below it.

    connection_made is called before the handshake: the time for that is the connection's affair.
    """

    __slots__ = ()

    def misdirected(self, data: bytes) -> None:
        """The client has begun with data, and speaks no TLS; the transport is the plain one now."""
        raise NotImplementedError


class TlsTransport(asyncio.Protocol, asyncio.Transport):
    """Belongs to the loop's thread."""

    __slots__ = (
        "_connection",
        "_has_begun",
        "_has_ended",
        "_incoming",
        "_is_closing",
        "_is_shaken",
        "_outgoing",
        "_session",
        "_wire",
    )

    def __init__(self, context: ssl.SSLContext, connection: TlsConnection) -> None:
        super().__init__()
        self._connection = connection
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._has_begun = False  # the handshake
        self._is_shaken = False  # and all that belongs to it is done
        self._has_ended = False  # the client has said goodbye
        self._is_closing = False  # we have
        self._wire: asyncio.Transport = cast(asyncio.Transport, None)

    def __repr__(self) -> str:
        return f"<TlsTransport {self._session.version() or 'before the handshake'} of {self._connection!r}>"

    # Called by the loop ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)
        self._connection.connection_made(self)

    def data_received(self, data: bytes) -> None:
        if self._is_closing:  # it only wants to know that there was something
            self._connection.data_received(data)
            return
        if not self._is_shaken:
            if not self._has_begun and data[0] != HANDSHAKE:
                self._step_aside(data)
                return
            self._has_begun = True
            self._incoming.write(data)
            self._shake_hands()
        else:
            self._incoming.write(data)
        if self._is_shaken and not self._is_closing:
            self._decrypt()

    def eof_received(self) -> bool | None:
        if self._has_ended or not self._is_shaken:
            return self._is_shaken
        self._has_ended = True
        return self._connection.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._connection.connection_lost(error)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    # The cipher -----------------------------------------------------------------------------------

    def _step_aside(self, data: bytes) -> None:
        self._wire.set_protocol(self._connection)
        self._connection.connection_made(self._wire)
        self._connection.misdirected(data)

    def _shake_hands(self) -> None:
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            _log.info("%s: the TLS handshake failed: %s", self._wire.get_extra_info("peername"), error)
            self._flush()  # the alert that says why
            self._is_closing = True
            self._wire.close()
        else:
            self._is_shaken = True
            self._flush()

    def _decrypt(self) -> None:
        pieces = []
        try:
            while self._incoming.pending or self._session.pending():
                if not (piece := self._session.read(_RECORD_BYTES)):
                    self._has_ended = True
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._has_ended = True
        except ssl.SSLError as error:
            _log.info("%s: TLS is broken: %s", self._wire.get_extra_info("peername"), error)
            self._flush()
            self._wire.abort()
            return
        if self._outgoing.pending:  # the answer to a change of keys
            self._flush()
        if pieces:
            self._connection.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._has_ended and not self._connection.eof_received():
            self.close()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._wire.write(self._outgoing.read())

    def _say_goodbye(self) -> None:
        self._is_closing = True
        if self._is_shaken:
            with contextlib.suppress(ssl.SSLError):  # the client has not said it yet
                self._session.unwrap()
            self._flush()

    # Called by the connection ---------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) <= _RECORD_BYTES:
            self._encrypt(data)
            return
        with memoryview(data) as view:
            for start in range(0, len(view), _PIECE_BYTES):
                self._encrypt(view[start : start + _PIECE_BYTES])

    def _encrypt(self, data: bytes | bytearray | memoryview) -> None:
        if not data or self._is_closing or self._wire.is_closing():
            return
        try:
            count = self._session.write(data)
            while count < len(data):
                count += self._session.write(memoryview(data)[count:])
        except ssl.SSLError as error:
            _log.info("%s: TLS is broken: %s", self._wire.get_extra_info("peername"), error)
            self._wire.abort()
            return
        self._wire.write(self._outgoing.read())

    def can_write_eof(self) -> bool:
        return self._wire.can_write_eof()

    def write_eof(self) -> None:
        """Say goodbye and go on reading, undecrypted."""
        self._say_goodbye()
        self._wire.write_eof()

    def close(self) -> None:
        """Say goodbye; the socket is closed when what is buffered has left."""
        if not self._is_closing:
            self._say_goodbye()
        self._wire.close()

    def abort(self) -> None:
        self._wire.abort()

    def is_closing(self) -> bool:
        return self._wire.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._session if name == "ssl_object" else self._wire.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._wire.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._wire.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._wire.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        self._wire.pause_reading()

    def resume_reading(self) -> None:
        self._wire.resume_reading()

    def is_reading(self) -> bool:
        return self._wire.is_reading()
