"""Filters (§6): what a request passes on its way to a servlet, and the response on its way back.

class Timed(HttpFilter):
    def doFilter(self, request, response, chain):
        started_s = time.perf_counter()
        chain.doFilter(request, response)
        self.getServletContext().log(f"{request.getRequestURI()}: {time.perf_counter() - started_s:.3f} s")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from container.servlet.configuration import Configured, in_either_form
from container.servlet.exceptions import ServletException
from container.servlet.request import HttpServletRequest
from container.servlet.response import HttpServletResponse

if TYPE_CHECKING:
    from container.servlet.context import ServletContext
    from container.servlet.enumeration import Enumeration
    from container.servlet.request import ServletRequest
    from container.servlet.response import ServletResponse
    from container.servlet.servlet import Answer, AnyRequest, AnyResponse

__all__ = ["Filter", "FilterChain", "FilterConfig", "GenericFilter", "HttpFilter"]


class FilterConfig:
    """A filter's declaration: its name, its init parameters and the web app it belongs to."""

    __slots__ = ()

    def getFilterName(self) -> str:
        raise NotImplementedError

    def getServletContext(self) -> ServletContext:
        raise NotImplementedError

    def getInitParameter(self, name: str) -> str | None:
        raise NotImplementedError

    def getInitParameterNames(self) -> Enumeration[str]:
        raise NotImplementedError


class FilterChain:
    """The way that is left: the next filter, at last the servlet."""

    __slots__ = ()

    def doFilter(self, request: ServletRequest, response: ServletResponse) -> Answer:
        """Go on with exactly these objects."""
        raise NotImplementedError


class Filter:
    """Anything that requests can pass."""

    __slots__ = ()

    @in_either_form
    def init(self, filterConfig: FilterConfig) -> None:
        """Prepare; called once, before any ``doFilter``. An exception keeps the filter out of service."""

    def doFilter(self, request: AnyRequest, response: AnyResponse, chain: FilterChain) -> Answer:
        """Look at the request, let it go on with ``chain.doFilter`` (or answer it), look at the response."""
        raise NotImplementedError

    def destroy(self) -> None:
        """Clean up; called once, when no ``doFilter`` is running any more."""


class GenericFilter(Configured[FilterConfig], Filter, FilterConfig):
    """A filter of any protocol, which is also its own config. A subclass implements ``doFilter``."""

    def getFilterConfig(self) -> FilterConfig | None:
        """Return what ``init`` got; None before."""
        return self._config

    def getFilterName(self) -> str:
        return self._configured().getFilterName()


class HttpFilter(GenericFilter):
    """A filter for HTTP. A subclass overrides ``doFilter``; this one lets everything pass."""

    def doFilter(self, req: AnyRequest, res: AnyResponse, chain: FilterChain) -> Answer:
        if not (isinstance(req, HttpServletRequest) and isinstance(res, HttpServletResponse)):
            raise ServletException(f"{type(self).__name__} filters HTTP only, not {req!r} with {res!r}")
        return chain.doFilter(req, res)
