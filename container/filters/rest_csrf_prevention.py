"""RestCsrfPreventionFilter: requests that change something need a nonce, fetched with a harmless one before.

GET,  X-CSRF-Token: Fetch    ──> X-CSRF-Token: <nonce>, kept in the session
POST, X-CSRF-Token: <nonce>  ──> goes on; any other nonce: 403, X-CSRF-Token: Required
"""

from __future__ import annotations

import hmac
import secrets

from container.filters.csrf_prevention import path_of, random_class
from container.filters.parameters import InitParameters
from container.servlet import FilterChain, HttpFilter, HttpServletRequest, HttpServletResponse
from container.servlet.servlet import Answer

__all__ = ["RestCsrfPreventionFilter"]

HEADER = "X-CSRF-Token"
NONCE = "org.apache.catalina.filters.CSRF_REST_NONCE"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class RestCsrfPreventionFilter(HttpFilter):
    """pathsAcceptingParams: where the nonce may also be a parameter, as HTML forms need it."""

    def init(self) -> None:
        parameters = InitParameters(self)
        self._paths = frozenset(parameters.items("pathsAcceptingParams"))
        self._status = parameters.status("denyStatus", 403)
        random_class(parameters)
        parameters.finish()
        self.getServletContext().setAttribute(f"{NONCE}_HEADER_NAME", HEADER)

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        if req.getMethod() in _HARMLESS:
            if (req.getHeader(HEADER) or "").lower() == "fetch":
                res.setHeader(HEADER, _nonce(req))
        elif not self._is_valid(req):
            res.setHeader(HEADER, "Required")
            res.sendError(self._status, "CSRF nonce validation failed")
            return None
        return chain.doFilter(req, res)

    def _is_valid(self, req: HttpServletRequest) -> bool:
        session = req.getSession(False)
        expected = None if session is None else session.getAttribute(NONCE)
        given = req.getHeader(HEADER)
        if given is None and path_of(req) in self._paths:
            values = set(req.getParameterValues(HEADER) or ())
            given = values.pop() if len(values) == 1 else None
        return bool(expected and given and hmac.compare_digest(expected.encode(), given.encode()))


def _nonce(req: HttpServletRequest) -> str:
    """Return the session's nonce; both are made if need be."""
    session = req.getSession()
    nonce: str | None = session.getAttribute(NONCE)
    if nonce is None:
        nonce = secrets.token_hex(16).upper()
        session.setAttribute(NONCE, nonce)
    return nonce
