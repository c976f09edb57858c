"""RemoteAddrFilter, RemoteHostFilter, RemoteCIDRFilter: who may come in, by where they come from.

deny wins; then what allow names may pass; without allow, everybody that deny does not name. With neither
nobody passes.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from container.filters.parameters import InitParameters
from container.protocols.forwarded import networks, read_node
from container.servlet import FilterChain, HttpFilter, HttpServletRequest, HttpServletResponse
from container.servlet.servlet import Answer

__all__ = ["RemoteAddrFilter", "RemoteCIDRFilter", "RemoteHostFilter"]

Test = Callable[[str], bool]


class RemoteFilter(HttpFilter):
    """What the three have in common. A test is None where its parameter is not set."""

    _allow: Test | None
    _deny: Test | None
    _status = 403

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        if self.admits(self.property(req)):
            return chain.doFilter(req, res)
        res.sendError(self._status)
        return None

    def property(self, req: HttpServletRequest) -> str:
        return req.getRemoteAddr()

    def admits(self, value: str) -> bool:
        if self._deny is not None and self._deny(value):
            return False
        if self._allow is not None:
            return self._allow(value)
        return self._deny is not None


class RemoteAddrFilter(RemoteFilter):
    """allow and deny are regular expressions for the whole address; denyStatus is what the others get."""

    def init(self) -> None:
        parameters = InitParameters(self)
        self._allow, self._deny = (_pattern_test(parameters, name) for name in ("allow", "deny"))
        self._status = parameters.status("denyStatus", 403)
        parameters.finish()


class RemoteHostFilter(RemoteAddrFilter):
    """The same for getRemoteHost, which is the address: the container asks no name server."""

    def property(self, req: HttpServletRequest) -> str:
        return req.getRemoteHost()


class RemoteCIDRFilter(RemoteFilter):
    """allow and deny are lists of addresses and networks: "10.0.0.0/8, ::1"."""

    def init(self) -> None:
        parameters = InitParameters(self)
        self._allow, self._deny = (_network_test(parameters, name) for name in ("allow", "deny"))
        parameters.finish()

    def admits(self, value: str) -> bool:
        node = read_node(value)  # what is no address is in no network, not even in one that deny leaves out
        return node is not None and super().admits(node.address)


def _pattern_test(parameters: InitParameters, name: str) -> Test | None:
    pattern = parameters.pattern(name)
    return None if pattern is None else lambda value: pattern.fullmatch(value) is not None


def _network_test(parameters: InitParameters, name: str) -> Test | None:
    items = parameters.items(name)
    try:
        known = networks(items, strict=False)
    except ValueError as error:
        parameters.refuse(name, str(error), "Write for example 10.0.0.0/8, ::1.")
    if not known:
        return None

    return lambda address: any(ip_address(address) in network for network in known)
