"""Listening on a Unix socket: an address that is unix: and a path, as nginx writes it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat

from container.errors import ConfigError

__all__ = ["UNIX", "open_unix_listener", "remove_socket"]

UNIX = "unix:"

_CURES = {
    errno.ENAMETOOLONG: "Name a shorter one: some 100 bytes are the most the kernel takes",
    errno.ENOENT: "Make its folder, or name a path in one that is there",
    errno.EACCES: "Name a path in a folder where you may write",
    errno.EADDRINUSE: "Stop it, or name another path",
}


def open_unix_listener(path: str, backlog: int) -> socket.socket:
    """A socket that listens at path; one there that nobody listens at any more is removed.

    Raises ConfigError with the cure. Whoever stops listening removes the path.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_dead_socket(path)
        listener.bind(path)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        cure = _CURES.get(error.errno or errno.ENAMETOOLONG, "Name another path")
        raise ConfigError(f"{UNIX}{path}: {why}. {cure}") from None
    return listener


def remove_socket(address: str) -> None:
    """Remove what listening at address has left behind, if that was a Unix socket; not one in use."""
    if address.startswith(UNIX):
        with contextlib.suppress(OSError):
            _remove_dead_socket(address.removeprefix(UNIX))


def _remove_dead_socket(path: str) -> None:
    """Raises OSError if somebody listens there, or if it is something else."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, "there is a file of that name")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
            visitor.setblocking(False)  # with a full backlog it would wait for whoever listens
            try:
                visitor.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
                return
            except BlockingIOError:
                pass
        raise OSError(errno.EADDRINUSE, "another program listens there")
