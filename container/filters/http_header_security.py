"""HttpHeaderSecurityFilter: HSTS, X-Frame-Options, X-Content-Type-Options and X-XSS-Protection."""

from __future__ import annotations

from urllib.parse import urlsplit

from container.filters.parameters import InitParameters
from container.servlet import (
    FilterChain,
    HttpFilter,
    HttpServletRequest,
    HttpServletResponse,
    ServletException,
)
from container.servlet.servlet import Answer

__all__ = ["HttpHeaderSecurityFilter"]


class HttpHeaderSecurityFilter(HttpFilter):
    """Strict-Transport-Security goes to secure requests only; everything else to all."""

    def init(self) -> None:
        parameters = InitParameters(self)
        self._hsts = _hsts(parameters)
        self._headers: list[tuple[str, str]] = []
        option = parameters.choice("antiClickJackingOption", "DENY", "DENY", "SAMEORIGIN", "ALLOW-FROM")
        uri = _uri(parameters)
        if option == "ALLOW-FROM":
            if not uri:
                parameters.refuse("antiClickJackingOption", "without a URI", "Set antiClickJackingUri.")
            option = f"ALLOW-FROM {uri}"
        if parameters.flag("antiClickJackingEnabled", True):
            self._headers.append(("X-Frame-Options", option))
        if parameters.flag("blockContentTypeSniffingEnabled", True):
            self._headers.append(("X-Content-Type-Options", "nosniff"))
        if parameters.flag("xssProtectionEnabled", False):
            self._headers.append(("X-XSS-Protection", "1; mode=block"))
        parameters.finish()

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        if res.isCommitted():
            raise ServletException("the response is committed: this filter has to come first")
        if self._hsts and req.isSecure():
            res.setHeader("Strict-Transport-Security", self._hsts)
        for name, value in self._headers:
            res.setHeader(name, value)
        return chain.doFilter(req, res)


def _hsts(parameters: InitParameters) -> str | None:
    value = f"max-age={max(0, parameters.number('hstsMaxAgeSeconds', 0))}"
    if parameters.flag("hstsIncludeSubDomains", False):
        value += ";includeSubDomains"
    if parameters.flag("hstsPreload", False):
        value += ";preload"
    return value if parameters.flag("hstsEnabled", True) else None


def _uri(parameters: InitParameters) -> str:
    uri = parameters.text("antiClickJackingUri")
    try:
        urlsplit(uri)
    except ValueError:
        uri = " "
    if any(character.isspace() for character in uri):
        parameters.refuse("antiClickJackingUri", "no URI", "Write for example https://partner.example/.")
    return uri
