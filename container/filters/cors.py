"""CorsFilter: which other origins' scripts may use the web app (Fetch standard, CORS protocol).

Origin? ──> kind of request: not CORS, simple, actual, pre-flight, invalid
allowed ──> Access-Control-* headers, and on to the servlet; a pre-flight is answered here
else    ──> 403 without a body
"""

from __future__ import annotations

import re

from container.filters.parameters import InitParameters
from container.servlet import (
    FilterChain,
    HttpFilter,
    HttpServletRequest,
    HttpServletResponse,
)
from container.servlet.servlet import Answer

__all__ = ["CorsFilter"]

ANY = "*"
_SIMPLE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_METHODS = "GET,POST,HEAD,OPTIONS"
_HEADERS = (
    "Origin,Accept,X-Requested-With,Content-Type,Access-Control-Request-Method,Access-Control-Request-Headers"
)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#%]+", re.IGNORECASE)


class CorsFilter(HttpFilter):
    """See the module. Without cors.allowed.origins nobody else is allowed."""

    def init(self) -> None:
        parameters = InitParameters(self)
        origins = parameters.items("cors.allowed.origins")
        self._any = origins == [ANY]
        self._origins = frozenset(origins)
        self._methods = parameters.items("cors.allowed.methods", _METHODS)
        self._headers = [name.lower() for name in parameters.items("cors.allowed.headers", _HEADERS)]
        self._exposed = parameters.items("cors.exposed.headers")
        self._credentials = parameters.flag("cors.support.credentials", False)
        self._max_age_s = parameters.number("cors.preflight.maxage", 1800)
        self._decorate = parameters.flag("cors.request.decorate", True)
        parameters.finish(strict=False)
        if self._credentials and self._any:
            why = "browsers refuse that while cors.allowed.origins is *"
            parameters.refuse("cors.support.credentials", why, "Name the origins.")

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        kind = _kind(req)
        if kind != "invalid" and kind != "not_cors" and not self._allows(req, kind):
            kind = "invalid"
        if kind == "invalid":
            res.resetBuffer()
            res.setContentType("text/plain")
            res.setStatus(403)
            return None
        if self._decorate:
            _decorate(req, kind)
        self._add_headers(req, res, kind)
        return None if kind == "pre_flight" else chain.doFilter(req, res)

    def _allows(self, req: HttpServletRequest, kind: str) -> bool:
        if not self._any and req.getHeader("Origin") not in self._origins:
            return False
        if kind != "pre_flight":
            return req.getMethod() in self._methods
        wanted = (req.getHeader("Access-Control-Request-Headers") or "").strip().lower()
        return (req.getHeader("Access-Control-Request-Method") or "").strip() in self._methods and (
            not wanted or all(name.strip() in self._headers for name in wanted.split(","))
        )

    def _add_headers(self, req: HttpServletRequest, res: HttpServletResponse, kind: str) -> None:
        if not self._any:
            _vary(res, "Origin")
        if kind == "not_cors":
            return
        origin = ANY if self._any else req.getHeader("Origin")
        res.setHeader("Access-Control-Allow-Origin", origin)
        if self._credentials:
            res.setHeader("Access-Control-Allow-Credentials", "true")
        if self._exposed:
            res.setHeader("Access-Control-Expose-Headers", ",".join(self._exposed))
        if req.getMethod() == "OPTIONS":
            _vary(res, "Access-Control-Request-Method", "Access-Control-Request-Headers")
            if self._max_age_s > 0:
                res.setHeader("Access-Control-Max-Age", str(self._max_age_s))
            if self._methods:
                res.setHeader("Access-Control-Allow-Methods", ",".join(self._methods))
            if self._headers:
                res.setHeader("Access-Control-Allow-Headers", ",".join(self._headers))


def _kind(req: HttpServletRequest) -> str:
    origin = req.getHeader("Origin")
    if origin is None:
        return "not_cors"
    if origin != "null" and not _ORIGIN.fullmatch(origin):
        return "invalid"
    if _is_own(origin, req):
        return "not_cors"
    method = req.getMethod()
    if method == "OPTIONS":
        asked = req.getHeader("Access-Control-Request-Method")
        return "actual" if asked is None else "pre_flight" if asked.strip() else "invalid"
    if method == "POST":
        media_type = (req.getContentType() or "").partition(";")[0].strip().lower()
        return "simple" if not media_type or media_type in _SIMPLE_TYPES else "actual"
    return "simple" if method in ("GET", "HEAD") else "actual"


def _is_own(origin: str, req: HttpServletRequest) -> bool:
    """Whether it is the origin that the request itself went to, as browsers write it."""
    scheme, host, port = req.getScheme(), req.getServerName(), req.getServerPort()
    default = {"http": 80, "https": 443}.get(scheme)
    return origin == f"{scheme}://{host}:{port}" or (port == default and origin == f"{scheme}://{host}")


def _decorate(req: HttpServletRequest, kind: str) -> None:
    """Tell the web app what was found out, in attributes."""
    req.setAttribute("cors.isCorsRequest", kind != "not_cors")
    if kind != "not_cors":
        req.setAttribute("cors.request.origin", req.getHeader("Origin"))
        req.setAttribute("cors.request.type", kind)
    if kind == "pre_flight":
        req.setAttribute("cors.request.headers", req.getHeader("Access-Control-Request-Headers") or "")


def _vary(res: HttpServletResponse, *names: str) -> None:
    """Add names to Vary, in one line."""
    varied = [name.strip() for value in res.getHeaders("Vary") for name in value.split(",")]
    if ANY not in varied:
        known = {name.lower() for name in varied}
        res.setHeader("Vary", ", ".join([*varied, *(name for name in names if name.lower() not in known)]))
