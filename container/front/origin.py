"""Where a request comes from, for backends that are told beside the header: AJP."""

from __future__ import annotations

from container.front.site import FrontRequest
from container.protocols.backend import Origin, TlsFacts

__all__ = ["origin_of"]


def origin_of(request: FrontRequest) -> Origin:
    """What the front itself sees of it."""
    exchange = request.exchange
    connection = exchange.connection
    _, colon, port = request.headers.get("host", "").rpartition(":")
    usual = 443 if request.scheme == "https" else 80
    return Origin(
        address=connection.peer[0],
        port=connection.peer[1],
        version=exchange.version,
        server_name=request.host or connection.local[0],
        server_port=int(port) if colon and port.isdigit() else usual if request.host else connection.local[1],
        local_address=connection.local[0],
        is_secure=request.scheme == "https",
        tls=_tls_facts(connection.tls),
        user=exchange.user,
    )


def _tls_facts(tls: dict[str, object] | None) -> TlsFacts | None:
    if tls is None:
        return None

    def text(name: str) -> str | None:
        value = tls.get(name)
        return str(value) if value else None

    bits, certificates = tls.get("key_size"), tls.get("certificates")
    return TlsFacts(
        text("secure_protocol"),
        text("cipher_suite"),
        bits if isinstance(bits, int) else None,
        text("ssl_session_id"),
        tuple(certificates) if isinstance(certificates, (list, tuple)) else (),
    )
