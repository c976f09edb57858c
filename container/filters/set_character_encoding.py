"""SetCharacterEncodingFilter: the encoding of a form's parameters where the client names none."""

from __future__ import annotations

from container.filters.parameters import InitParameters
from container.servlet import FilterChain, HttpFilter, HttpServletRequest, HttpServletResponse
from container.servlet.servlet import Answer

__all__ = ["SetCharacterEncodingFilter"]


class SetCharacterEncodingFilter(HttpFilter):
    """encoding counts where the request names none, with ignore=true always. Map it before the others."""

    def init(self) -> None:
        parameters = InitParameters(self)
        encoding = parameters.given("encoding")
        self._encoding = None if encoding is None else parameters.charset("encoding", encoding)
        self._ignore = parameters.flag("ignore", False)
        parameters.finish(strict=False)

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        if self._encoding and (self._ignore or req.getCharacterEncoding() is None):
            req.setCharacterEncoding(self._encoding)
        return chain.doFilter(req, res)
