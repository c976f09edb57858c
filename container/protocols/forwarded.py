"""What proxies say of the client behind them: X-Forwarded-* and Forwarded (RFC 7239). Pure.

    peer, headers ──> TrustedProxies.read ──> Claim: the client's address, scheme and host
    hops ──> client_index ──> the last one that is no trusted proxy, seen from us

Anybody may send these fields, and a proxy appends to what it got: only what stands to the right of the first
hop that is not trusted was written by a proxy of ours. So everything is read from the right, and what cannot
be read ends the walk: the client is then the last proxy whose address is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeVar

from container.protocols.exchange import RawHeaders

__all__ = ["Claim", "Node", "TrustedProxies", "client_index", "networks", "read_elements", "read_node"]

T = TypeVar("T")

UNIX = "unix:"
"""As nginx writes it. The address of such a peer is ""."""

_FIELDS = frozenset(
    (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto")
)
_NODE = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?")
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::(?P<port>[0-9]{1,5}))?")
_SEPARATOR = re.compile(r"\s*;\s*")
_PAIR = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:\"([^\"\\]*)\"|([!#$%&'*+.^_`|~0-9A-Za-z:\[\]-]+))")


class Node(NamedTuple):
    """One end of a hop; the port only if it was told."""

    address: str
    port: int | None


class Claim(NamedTuple):
    """What a trusted proxy says; None for what it says nothing of."""

    client: Node | None
    scheme: str | None
    host: str | None
    """A name or an address (IPv6 in brackets), without port."""
    port: int | None


class TrustedProxies:
    """Reads the forwarding fields that a trusted peer sends. Any thread may use it."""

    def __init__(self, trusted: Collection[str], fields: str = "auto") -> None:
        """Trust networks as in ``networks``, and with "unix:" whoever comes by a Unix socket.

        fields: "x-forwarded", "forwarded", or "auto": the former if there is any, else the latter.
        """
        self._trusts_unix = UNIX in trusted
        self._networks = networks(each for each in trusted if each != UNIX)
        self._fields = fields
        self.trusts = lru_cache(1024)(self._trusts)

    def __repr__(self) -> str:
        return f"<TrustedProxies {', '.join(map(str, self._networks))}>"

    def _trusts(self, address: str) -> bool:
        if not address:
            return self._trusts_unix
        node = read_node(address)
        if node is None:
            return False
        parsed = ip_address(node.address)
        return any(parsed in network for network in self._networks)

    def read(self, peer: str, headers: RawHeaders) -> Claim | None:
        """Return what is said of a request; None if nothing is, or nobody trusted says it."""
        fields: dict[bytes, list[str]] = {}
        for name, value in headers:
            if (field := name.lower()) in _FIELDS:
                fields.setdefault(field, []).append(value.decode("latin-1"))
        if not fields or not self.trusts(peer):
            return None
        forwarded = fields.pop(b"forwarded", None)
        if self._fields == "forwarded" or (self._fields == "auto" and not fields):
            return self._forwarded(forwarded) if forwarded else None
        return self._x_forwarded(fields) if fields else None

    def _x_forwarded(self, fields: dict[bytes, list[str]]) -> Claim:
        hops = [read_node(hop) for hop in _items(fields.get(b"x-forwarded-for", ()))]
        client, depth = self._client(hops)
        host, port = read_host(_aligned(_items(fields.get(b"x-forwarded-host", ())), depth))
        told = _aligned(_items(fields.get(b"x-forwarded-port", ())), depth)
        scheme = read_scheme(_aligned(_items(fields.get(b"x-forwarded-proto", ())), depth))
        return Claim(client, scheme, host, read_port(told) or port)

    def _forwarded(self, values: Sequence[str]) -> Claim:
        elements = read_elements(values)
        client, depth = self._client([read_node((element or {}).get("for", "")) for element in elements])
        element = _aligned(elements, depth) or {}
        host, port = read_host(element.get("host"))
        return Claim(client, read_scheme(element.get("proto")), host, port)

    def _client(self, hops: Sequence[Node | None]) -> tuple[Node | None, int]:
        """Return the client and how many hops to the right of it are ours."""
        index = client_index(hops, lambda hop: hop is not None and self.trusts(hop.address))
        known = next((hop for hop in hops[index:] if hop is not None), None) if hops else None
        return known, max(0, len(hops) - 1 - index)


def networks(texts: Iterable[str], *, strict: bool = True) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read addresses and networks; ValueError names the first that is none. strict: "10.0.0.1/8" is none."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text, strict))
        except ValueError as error:
            raise ValueError(f"{text}: {error}") from None
    return tuple(found)


def client_index(hops: Sequence[T], trusts: Callable[[T], bool]) -> int:
    """Return which hop is the client: the last one not trusted, the first one if all are."""
    return next((i for i in range(len(hops) - 1, 0, -1) if not trusts(hops[i])), 0)


def read_node(text: str) -> Node | None:
    """Read an address, with or without port; None for a name, "unknown" and the like."""
    match = _NODE.fullmatch(text)
    if match and int(match["port"] or 0) > 65535:
        return None
    try:
        address = ip_address(text if match is None else match["v6"] or match["v4"])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address  # how a socket of both families shows an IPv4 peer
    return Node(str(address), read_port(match["port"]) if match else None)


def read_host(text: str | None) -> tuple[str | None, int | None]:
    """Split host and port; (None, None) if it cannot be a host."""
    match = _HOST.fullmatch(text or "")
    if match is None or (match["port"] and read_port(match["port"]) is None):
        return None, None
    return match["name"], read_port(match["port"])


def read_port(text: str | None) -> int | None:
    port = int(text) if text and len(text) <= 5 and text.isascii() and text.isdigit() else 0
    return port if 0 < port < 65536 else None


def read_scheme(text: str | None) -> str | None:
    scheme = (text or "").lower()
    return scheme if scheme in ("http", "https") else None


def read_elements(values: Iterable[str]) -> list[dict[str, str] | None]:
    """Read the elements of Forwarded fields; None for one that is malformed."""
    return [_element(text) for value in values for text in _split(value)]


def _split(value: str) -> list[str]:
    """Cut at the commas outside of quotes, from the right: an open quote far left hides nothing of ours."""
    parts: list[str] = []
    end, quoted = len(value), False
    for i in range(len(value) - 1, -1, -1):
        if value[i] == '"':
            quoted = not quoted
        elif value[i] == "," and not quoted:
            parts.append(value[i + 1 : end].strip())
            end = i
    parts.append(value[:end].strip())
    return [part for part in reversed(parts) if part]


def _element(text: str) -> dict[str, str] | None:
    pairs: dict[str, str] = {}
    position = 0
    while match := _PAIR.match(text, position):
        name = match[1].lower()
        if name in pairs:
            return None
        pairs[name] = match[2] if match[2] is not None else match[3]
        position = match.end()
        if position == len(text):
            return pairs
        if (separator := _SEPARATOR.match(text, position)) is None:
            return None
        position = separator.end()
    return None


def _items(values: Iterable[str]) -> list[str]:
    return [item.strip() for value in values for item in value.split(",") if item.strip()]


def _aligned(items: Sequence[T], depth: int) -> T | None:
    """Return the item that stands where the client stands among the hops; the first of fewer items."""
    return items[max(0, len(items) - 1 - depth)] if items else None
