"""The physical connection a request came by, and what it can be upgraded to (§2.3.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from container.servlet.stream import ServletInputStream, ServletOutputStream

__all__ = ["HttpUpgradeHandler", "ServletConnection", "WebConnection"]


class ServletConnection:
    """The connection itself: the same for all its requests and not adjusted for proxies."""

    __slots__ = ()

    def getConnectionId(self) -> str:
        """Return an id that is unique in the life of the process."""
        raise NotImplementedError

    def getProtocol(self) -> str:
        """Return the ALPN name, such as "http/1.1", or "unknown"."""
        raise NotImplementedError

    def getProtocolConnectionId(self) -> str:
        """Return the protocol's own id; "" where it has none, as HTTP/1.x and HTTP/2."""
        raise NotImplementedError

    def isSecure(self) -> bool:
        raise NotImplementedError


class WebConnection:
    """An upgraded connection: bytes in both directions."""

    __slots__ = ()

    def getInputStream(self) -> ServletInputStream:
        raise NotImplementedError

    def getOutputStream(self) -> ServletOutputStream:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HttpUpgradeHandler:
    """Speaks another protocol on a connection that began with HTTP.

    Made by ``HttpServletRequest.upgrade``.
    """

    __slots__ = ()

    def init(self, wc: WebConnection) -> None:
        """Take the connection over, when ``service`` and all filters are done."""
        raise NotImplementedError

    def destroy(self) -> None:
        """The connection is over."""
        raise NotImplementedError
