"""RequestDumperFilter: writes what is known of each request and response to the log. For looking for errors.

It reads the parameters, and so a form's body: a later setCharacterEncoding has no effect. What it logs may be
secret.
"""

from __future__ import annotations

from collections.abc import Iterator

from container.servlet import FilterChain, HttpFilter, HttpServletRequest, HttpServletResponse
from container.servlet.servlet import Answer

__all__ = ["RequestDumperFilter"]


class RequestDumperFilter(HttpFilter):
    """Has no init parameters. Each line is name=value, names are those of Tomcat's."""

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        self._log(_before(req))
        try:
            return chain.doFilter(req, res)
        finally:
            self._log(_after(req, res))

    def _log(self, facts: Iterator[tuple[str, object]]) -> None:
        lines = (f"{name:>18}={'null' if value is None else _one_line(value)}" for name, value in facts)
        self.getServletContext().log("request dump\n" + "\n".join(lines))


def _one_line(value: object) -> str:
    """A parameter may hold line breaks, and must not look like a line of ours."""
    return str(value).replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def _before(req: HttpServletRequest) -> Iterator[tuple[str, object]]:
    yield "requestURI", req.getRequestURI()
    yield "authType", req.getAuthType()
    yield "characterEncoding", req.getCharacterEncoding()
    yield "contentLength", req.getContentLengthLong()
    yield "contentType", req.getContentType()
    yield "contextPath", req.getContextPath()
    for cookie in req.getCookies() or ():
        yield "cookie", f"{cookie.getName()}={cookie.getValue()}"
    for name in req.getHeaderNames():
        for value in req.getHeaders(name):
            yield "header", f"{name}={value}"
    yield "locale", req.getLocale()
    yield "method", req.getMethod()
    for name, values in req.getParameterMap().items():
        yield "parameter", f"{name}={', '.join(values)}"
    yield "pathInfo", req.getPathInfo()
    yield "protocol", req.getProtocol()
    yield "queryString", req.getQueryString()
    yield "remoteAddr", req.getRemoteAddr()
    yield "remoteHost", req.getRemoteHost()
    yield "remoteUser", req.getRemoteUser()
    yield "requestedSessionId", req.getRequestedSessionId()
    yield "scheme", req.getScheme()
    yield "serverName", req.getServerName()
    yield "serverPort", req.getServerPort()
    yield "servletPath", req.getServletPath()
    yield "isSecure", str(req.isSecure()).lower()


def _after(req: HttpServletRequest, res: HttpServletResponse) -> Iterator[tuple[str, object]]:
    yield "authType", req.getAuthType()
    yield "contentType", res.getContentType()
    for name in res.getHeaderNames():
        for value in res.getHeaders(name):
            yield "header", f"{name}={value}"
    yield "remoteUser", req.getRemoteUser()
    yield "status", res.getStatus()
