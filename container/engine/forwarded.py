"""Origins for a container behind proxies: nothing of the engine sees the raw facts.

Only ServletConnection and the getLocal… methods still tell of the connection itself (RT-CON-06).
"""

from __future__ import annotations

from container.config import Settings
from container.engine.request import Origin, Origins, default_port
from container.protocols.exchange import Exchange
from container.protocols.forwarded import TrustedProxies

__all__ = ["ForwardedOrigins"]


class ForwardedOrigins(Origins):
    """Origins with what trusted proxies say laid over the connection's facts."""

    def __init__(self, settings: Settings) -> None:
        self._proxies = TrustedProxies(settings.trusted_proxies, settings.forwarded_headers)

    def origin(self, exchange: Exchange) -> Origin:
        origin = super().origin(exchange)
        claim = self._proxies.read(origin.remote_addr, exchange.headers)
        if claim is None:
            return origin
        if claim.client is not None:
            origin.remote_addr = claim.client.address
            # Of a client whose port is unknown, the API allows the port of "the last proxy".
            origin.remote_port = claim.client.port or origin.remote_port
        if claim.scheme is not None and claim.scheme != origin.scheme:
            if origin.server_port == default_port(origin.scheme):
                origin.server_port = default_port(claim.scheme)
            origin.scheme = claim.scheme
        if claim.host is not None:
            origin.server_name = claim.host
            origin.server_port = default_port(origin.scheme)
        if claim.port is not None:
            origin.server_port = claim.port
        return origin
