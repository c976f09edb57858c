"""RedirectToTls: a handler that sends clients without TLS to the port that has it.

exchange ──> RedirectToTls ─┬─ without TLS ──> 301 or 308 to https
                            └─ with TLS, or from a trusted proxy ──> the handler behind it
"""

from __future__ import annotations

from collections.abc import Collection

from container.front.targets import split_absolute
from container.protocols.exchange import Begin, Exchange, Handler
from container.protocols.forwarded import TrustedProxies

__all__ = ["RedirectToTls"]


class RedirectToTls:
    """An exchange.Handler in front of another one.

    A trusted proxy has had its own conversation with the client, perhaps with TLS: a redirect could lead
    round in circles.
    """

    __slots__ = ("_behind", "_port", "_proxies", "handle")

    def __init__(self, behind: Handler, port: int, trusted_proxies: Collection[str] = ()) -> None:
        self._behind = behind
        self._port = port
        self._proxies = TrustedProxies(trusted_proxies)
        self.handle = behind.handle

    def begin(self, exchange: Exchange) -> Begin:
        connection = exchange.connection
        if connection.secure or self._proxies.trusts(connection.peer[0]) or exchange.method == "CONNECT":
            return self._behind.begin(exchange)
        location = self._location(exchange)
        if location is None:
            return self._behind.begin(exchange)
        # 308, so that what is not GET stays what it is (RFC 9110 §15.4.9).
        status = 301 if exchange.method in ("GET", "HEAD") else 308
        exchange.start(status, [("Location", location), ("Content-Length", "0")])
        exchange.finish()
        return Begin.DONE

    def _location(self, exchange: Exchange) -> str | None:
        """None for a target that is no place: OPTIONS *."""
        hosts = [value.decode("latin-1") for name, value in exchange.headers if name.lower() == b"host"]
        authority, raw = split_absolute(exchange.target)
        target = raw.decode("latin-1")
        if not target.startswith("/"):
            return None
        host = authority or (hosts[0] if hosts else "")  # RFC 9112 §3.2.2: the target's beats Host
        name = _without_port(host) or _spell(exchange.connection.local[0])
        return f"https://{name}{'' if self._port == 443 else f':{self._port}'}{target}"


def _without_port(host: str) -> str:
    return host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]


def _spell(address: str) -> str:
    return f"[{address}]" if ":" in address else address
