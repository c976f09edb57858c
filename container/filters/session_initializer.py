"""SessionInitializerFilter: every request has a session before anything is sent."""

from __future__ import annotations

from container.servlet import FilterChain, HttpFilter, HttpServletRequest, HttpServletResponse
from container.servlet.servlet import Answer

__all__ = ["SessionInitializerFilter"]


class SessionInitializerFilter(HttpFilter):
    """Has no init parameters, and no opinion of unknown ones."""

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        req.getSession()
        return chain.doFilter(req, res)
