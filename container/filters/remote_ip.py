"""RemoteIpFilter: client, scheme and host as a proxy in front tells them, for one web app.

What comes before the filters (sessions, transport guarantees, the access log) does not see it: the setting
trusted_proxies does the same for everything, and knows RFC 7239's Forwarded, too. Only a new session's cookie
becomes Secure with the request.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from container.filters.parameters import InitParameters
from container.protocols.forwarded import client_index, networks, read_host, read_port
from container.servlet import (
    Enumeration,
    FilterChain,
    HttpFilter,
    HttpServletRequest,
    HttpServletRequestWrapper,
    HttpServletResponse,
)
from container.servlet.servlet import Answer

__all__ = ["RemoteIpFilter"]

# The engine's sessions know this attribute.
SECURE = "org.apache.catalina.filters.RemoteIpFilter.secure"
_PRIVATE = networks(
    [
        "10.0.0.0/8",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "100.64.0.0/10",
        "172.16.0.0/12",
        "::1",
        "fe80::/10",
        "fc00::/7",
    ]
)


class RemoteIpFilter(HttpFilter):
    """Hops are compared as the text they are, so that trustedProxies may be names."""

    def init(self) -> None:
        parameters = InitParameters(self)
        self._is_internal = _test(parameters, "internalProxies", _is_private)
        self._is_trusted = _test(parameters, "trustedProxies", lambda hop: False)
        self._remote_ip = parameters.text("remoteIpHeader") or "x-forwarded-for"
        self._proxies = parameters.text("proxiesHeader") or "x-forwarded-by"
        self._protocol = parameters.text("protocolHeader")
        self._host = parameters.text("hostHeader")
        self._port = parameters.text("portHeader")
        self._https = parameters.text("protocolHeaderHttpsValue") or "https"
        self._ports = {
            "http": parameters.number("httpServerPort", 80),
            "https": parameters.number("httpsServerPort", 443),
        }
        self._change_local_name = parameters.flag("changeLocalName", False)
        self._change_local_port = parameters.flag("changeLocalPort", False)
        if parameters.flag("enableLookups", False):
            parameters.refuse("enableLookups", "not offered", "The container asks no name server.")
        parameters.finish(strict=False)

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        if not (self._is_internal(req.getRemoteAddr()) or self._is_trusted(req.getRemoteAddr())):
            return chain.doFilter(req, res)
        forwarded = ForwardedRequest(req)
        self._read_client(req, forwarded)
        self._read_scheme(req, forwarded)
        if self._host and (host := read_host(_value(req, self._host))[0]):
            forwarded.server_name = host
            if self._change_local_name:
                forwarded.local_name = host
        req.setAttribute("org.apache.tomcat.request.forwarded", True)
        req.setAttribute("org.apache.tomcat.remoteAddr", forwarded.remote_addr)
        if forwarded.secure:
            req.setAttribute(SECURE, True)
        return chain.doFilter(forwarded, res)

    def _read_client(self, req: HttpServletRequest, forwarded: ForwardedRequest) -> None:
        hops = [hop for hop in map(str.strip, _value(req, self._remote_ip).split(",")) if hop]
        if not hops:
            return
        client = client_index(hops, lambda hop: self._is_internal(hop) or self._is_trusted(hop))
        passed = [hop for hop in hops[client:] if self._is_trusted(hop) and not self._is_internal(hop)]
        forwarded.remote_addr = hops[client]
        forwarded.headers[self._remote_ip.lower()] = (self._remote_ip, ", ".join(hops[:client]))
        forwarded.headers[self._proxies.lower()] = (self._proxies, ",".join(passed))

    def _read_scheme(self, req: HttpServletRequest, forwarded: ForwardedRequest) -> None:
        if not self._protocol or req.getHeader(self._protocol) is None:
            return
        words = [word.strip().lower() for word in _value(req, self._protocol).split(",")]
        # Every proxy that says something has to say https.
        forwarded.secure = all(word == self._https.lower() for word in words)
        forwarded.scheme = "https" if forwarded.secure else "http"
        told = read_port(_value(req, self._port)) if self._port else None
        forwarded.server_port = told or self._ports[forwarded.scheme]
        if self._change_local_port:
            forwarded.local_port = forwarded.server_port


class ForwardedRequest(HttpServletRequestWrapper):
    """The request as the client has made it. headers: by lower-case name, (name, value); "" removes one."""

    def __init__(self, request: HttpServletRequest) -> None:
        super().__init__(request)
        self.remote_addr = request.getRemoteAddr()
        self.scheme = request.getScheme()
        self.secure = request.isSecure()
        self.server_name = request.getServerName()
        self.server_port = request.getServerPort()
        self.local_name = request.getLocalName()
        self.local_port = request.getLocalPort()
        self.headers: dict[str, tuple[str, str]] = {}

    def getRemoteAddr(self) -> str:
        return self.remote_addr

    def getRemoteHost(self) -> str:
        return self.remote_addr

    def getScheme(self) -> str:
        return self.scheme

    def isSecure(self) -> bool:
        return self.secure

    def getServerName(self) -> str:
        return self.server_name

    def getServerPort(self) -> int:
        return self.server_port

    def getLocalName(self) -> str:
        return self.local_name

    def getLocalPort(self) -> int:
        return self.local_port

    def getRequestURL(self) -> str:
        default = {"http": 80, "https": 443}[self.scheme]
        port = "" if self.server_port == default else f":{self.server_port}"
        return f"{self.scheme}://{self.server_name}{port}{self.getRequestURI()}"

    def getHeader(self, name: str) -> str | None:
        changed = self.headers.get(name.lower())
        return super().getHeader(name) if changed is None else changed[1] or None

    def getHeaders(self, name: str) -> Enumeration[str]:
        changed = self.headers.get(name.lower())
        if changed is None:
            return super().getHeaders(name)
        return Enumeration([changed[1]] if changed[1] else [])

    def getHeaderNames(self) -> Enumeration[str]:
        kept = [name for name in super().getHeaderNames() if name.lower() not in self.headers]
        return Enumeration([*kept, *(name for name, value in self.headers.values() if value)])


def _value(req: HttpServletRequest, name: str) -> str:
    """All lines of a header as one."""
    return ", ".join(req.getHeaders(name))


def _test(parameters: InitParameters, name: str, default: Callable[[str], bool]) -> Callable[[str], bool]:
    if parameters.given(name) is None:
        return default
    pattern = parameters.pattern(name)
    return lambda hop: pattern is not None and pattern.fullmatch(hop) is not None


def _is_private(hop: str) -> bool:
    try:
        address = ip_address(hop)
    except ValueError:
        return False
    return any(address in network for network in _PRIVATE)
