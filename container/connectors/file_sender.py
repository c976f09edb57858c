"""Send part of a file over a transport of the event loop, if possible without a copy, and never blocking.

    HttpConnection ── FileSender(...).start() ──> on_done(error) later, or at once, on the loop's thread

With plain TCP the kernel copies (sendfile). uvloop has no sendfile and allows no second watcher on a
transport's own descriptor, so once the transport is drained the file goes out through a duplicate of it.
Everywhere else (TLS, a small file, a platform or file system without sendfile) the file is read in pieces,
the next one when the transport has room.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import BinaryIO

__all__ = ["FileSender"]

_READ_BYTES = 128 * 1024
_SENDFILE_FROM_BYTES = 256 * 1024  # below, a second descriptor and a drained transport cost more than a copy
_SENDFILE_AT_ONCE_BYTES = 2 * 1024**2  # then others get their turn, however fast this client reads


class FileSender:
    """One part of one file on its way. Belongs to the loop's thread; closes the file, whatever happens."""

    __slots__ = (
        "_file",
        "_frame",
        "_is_watching",
        "_loop",
        "_offset",
        "_on_done",
        "_remaining",
        "_socket_fd",
        "_transport",
        "sent_bytes",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        file: BinaryIO,
        offset: int,
        count: int,
        on_done: Callable[[OSError | None], None],
        frame: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """Frame: what makes of a piece of the file what is to be sent, if that is not the piece itself."""
        self._loop = loop
        self._transport = transport
        self._file = file
        self._offset = offset
        self._remaining = count
        self._on_done = on_done
        self._frame = frame
        self._socket_fd = -1
        self._is_watching = False
        self.sent_bytes = 0  # given to the transport or, past it, to the kernel

    def __repr__(self) -> str:
        how = "sendfile" if self._socket_fd >= 0 else "read"
        return f"<FileSender {getattr(self._file, 'name', '')!r} by {how}, {self._remaining} bytes to go>"

    def start(self, *, is_plain: bool) -> None:
        """is_plain: the transport's socket carries our bytes as they are."""
        if (
            is_plain
            and self._frame is None
            and self._remaining >= _SENDFILE_FROM_BYTES
            and hasattr(os, "sendfile")
        ):
            self._socket_fd = os.dup(self._transport.get_extra_info("socket").fileno())
            self._transport.set_write_buffer_limits(0)  # from now on resume_writing means: drained
        self.on_room()

    def on_room(self) -> None:
        """The transport has room again. Harmless at any other time."""
        if self._is_watching:
            return
        try:
            if self._socket_fd < 0:
                self._read()
            elif not self._transport.get_write_buffer_size():
                self._sendfile()
        except OSError as error:
            self._end(error)

    def cancel(self) -> None:
        """The transport is gone."""
        self._release()

    def _read(self) -> None:
        _, high = self._transport.get_write_buffer_limits()
        while self._remaining:
            if self._transport.get_write_buffer_size() > high:
                return
            data = os.pread(self._file.fileno(), min(self._remaining, _READ_BYTES), self._offset)
            if not data:
                raise OSError("the file has become shorter while it was being sent")
            self._advance(len(data))
            self._transport.write(data if self._frame is None else self._frame(data))
        self._end(None)

    def _sendfile(self) -> None:
        budget = _SENDFILE_AT_ONCE_BYTES
        while self._remaining and budget > 0:
            try:
                sent = os.sendfile(
                    self._socket_fd, self._file.fileno(), self._offset, min(self._remaining, budget)
                )
            except (BlockingIOError, InterruptedError):
                break
            except (BrokenPipeError, ConnectionResetError):
                raise
            except OSError:  # this kind of file cannot be sent so: it can be read
                self._stop_sendfile()
                self._read()
                return
            if not sent:
                raise OSError("the file has become shorter while it was being sent")
            self._advance(sent)
            budget -= sent
        if self._remaining:
            self._is_watching = True
            self._loop.add_writer(self._socket_fd, self._on_writable)
        else:
            self._end(None)

    def _on_writable(self) -> None:
        self._unwatch()
        try:
            self._sendfile()
        except OSError as error:
            self._end(error)

    def _advance(self, count: int) -> None:
        self._offset += count
        self._remaining -= count
        self.sent_bytes += count

    def _unwatch(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._loop.remove_writer(self._socket_fd)

    def _stop_sendfile(self) -> None:
        self._unwatch()
        if self._socket_fd >= 0:
            os.close(self._socket_fd)
            self._socket_fd = -1

    def _release(self) -> None:
        self._stop_sendfile()
        self._file.close()

    def _end(self, error: OSError | None) -> None:
        self._release()
        self._on_done(error)
