"""FailedRequestFilter: a request whose parameters cannot be read is refused before the servlet sees it."""

from __future__ import annotations

from container.filters.parameters import InitParameters
from container.servlet import FilterChain, HttpFilter, HttpServletRequest, HttpServletResponse
from container.servlet.servlet import Answer

__all__ = ["FailedRequestFilter"]


class FailedRequestFilter(HttpFilter):
    """Reads the parameters, and so the body of a form. The container answers what is wrong: 400 or 413."""

    def init(self) -> None:
        InitParameters(self).finish()

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        req.getParameterMap()
        return chain.doFilter(req, res)
