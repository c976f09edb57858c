"""The sockets that a front listens on, by its configuration; a reload keeps those that it still wants.

FrontListens ──> FrontListeners: plain, secure ──> an MPM of each process, which inherits them
the FrontListeners before ── sockets that both want ──┘
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence

from container.errors import ConfigError
from container.front.configuration import FrontListen
from container.mpm.event import open_listener, url_of
from container.mpm.tls import ServerTls
from container.mpm.unix import open_unix_listener

__all__ = ["FrontListeners"]

_Address = tuple[str, int, str]


class FrontListeners:
    """Made, and closed, by the process that is there first."""

    def __init__(
        self, listens: Sequence[FrontListen], backlog: int, before: FrontListeners | None = None
    ) -> None:
        """Take the ports that before has not. Raises ConfigError, and has taken none then."""
        self._sockets: list[tuple[_Address, socket.socket]] = []
        self._paths: dict[socket.socket, str] = {}
        self.plain: list[socket.socket] = []
        self.secure: list[tuple[socket.socket, ServerTls]] = []
        kept = dict(before._sockets) if before else {}
        try:
            for listen in listens:
                address = (listen.host, listen.port, listen.path)
                listener = kept.pop(address, None) or _open(listen, backlog)
                self._sockets.append((address, listener))
                if listen.path:
                    self._paths[listener] = listen.path
                if listen.tls is None:
                    self.plain.append(listener)
                else:
                    tls = ServerTls(
                        listen.tls.certificates,
                        min_version=listen.tls.min_version,
                        max_version=listen.tls.max_version,
                        ciphers=listen.tls.ciphers,
                        choose=listen.tls.choose,
                    )
                    self.secure.append((listener, tls))
        except ConfigError:
            self.close(but=before)
            raise

    @classmethod
    def adopt(
        cls, plain: Sequence[socket.socket], secure: Sequence[tuple[socket.socket, ServerTls]]
    ) -> FrontListeners:
        """Of sockets that somebody else has opened."""
        listeners = cls((), 0)
        listeners.plain, listeners.secure = list(plain), list(secure)
        every = [*plain, *(listener for listener, _ in secure)]
        listeners._sockets = [(("", number, ""), each) for number, each in enumerate(every)]
        return listeners

    def __repr__(self) -> str:
        return f"<FrontListeners {', '.join(self.urls)}>"

    @property
    def urls(self) -> list[str]:
        secure = {listener for listener, _ in self.secure}
        return [url_of(each, "https" if each in secure else "http") for _, each in self._sockets]

    @property
    def tls(self) -> list[ServerTls]:
        return [tls for _, tls in self.secure]

    def close(self, but: FrontListeners | None = None) -> None:
        """Stop listening, but for what others go on with. Who has connected already is still served."""
        kept = {listener for _, listener in but._sockets} if but else set()
        for _, listener in self._sockets:
            if listener not in kept:
                listener.close()

    def remove_paths(self, but: FrontListeners | None = None) -> None:
        """Remove the files of Unix sockets, when nobody has to find them any more."""
        kept = set(but._paths.values()) if but else set()
        for path in self._paths.values():
            if path not in kept:
                with contextlib.suppress(OSError):
                    os.unlink(path)


def _open(listen: FrontListen, backlog: int) -> socket.socket:
    try:
        if listen.path:
            return open_unix_listener(listen.path, backlog)
        return open_listener(
            listen.host or "0.0.0.0", listen.port, backlog, prefix="", ipv6_only=listen.ipv6_only
        )
    except ConfigError as error:
        why = str(error).partition(": ")[2]
        raise ConfigError(f"listen {listen}: {why}") from None
