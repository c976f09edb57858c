"""AddDefaultCharsetFilter: no text leaves without the name of its encoding, which a browser would guess."""

from __future__ import annotations

import codecs
import locale

from container.filters.parameters import InitParameters
from container.servlet import (
    FilterChain,
    HttpFilter,
    HttpServletRequest,
    HttpServletResponse,
    HttpServletResponseWrapper,
)
from container.servlet.servlet import Answer

__all__ = ["AddDefaultCharsetFilter"]


class AddDefaultCharsetFilter(HttpFilter):
    """encoding: a name, "default" (ISO-8859-1), or "system" for that of the process's locale."""

    def init(self) -> None:
        parameters = InitParameters(self)
        encoding = parameters.text("encoding") or "default"
        special = {"default": "ISO-8859-1", "system": locale.getencoding()}
        self._encoding = parameters.charset("encoding", special.get(encoding.lower(), encoding))
        parameters.finish(strict=False)

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        return chain.doFilter(req, WithCharset(res, self._encoding))


class WithCharset(HttpServletResponseWrapper):
    """Adds the encoding to every text/* type that comes without one."""

    def __init__(self, response: HttpServletResponse, encoding: str) -> None:
        super().__init__(response)
        self._encoding = encoding

    def setContentType(self, type: str | None) -> None:
        if type and type.lower().startswith("text/") and "charset=" not in type.lower():
            type = f"{type};charset={self._encoding}"
        super().setContentType(type)

    def setCharacterEncoding(self, encoding: str | codecs.CodecInfo | None) -> None:
        super().setCharacterEncoding(encoding)
        if encoding is not None:  # somebody has chosen: that counts for types set later, too
            self._encoding = encoding if isinstance(encoding, str) else encoding.name

    def setHeader(self, name: str, value: str | None) -> None:
        if name.lower() == "content-type":
            self.setContentType(value)
        else:
            super().setHeader(name, value)

    def addHeader(self, name: str, value: str | None) -> None:
        if name.lower() == "content-type":
            self.setContentType(value)
        else:
            super().addHeader(name, value)
