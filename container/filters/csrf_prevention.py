"""CsrfPreventionFilter: a request needs a nonce that an earlier answer of the same session has handed out.

Links and forms get it through response.encodeURL, which every page has to use. Entry points and plain files
(noNonceURLPatterns) may be asked for without one, by GET.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from container.filters.parameters import InitParameters
from container.servlet import (
    FilterChain,
    HttpFilter,
    HttpServletRequest,
    HttpServletResponse,
    HttpServletResponseWrapper,
)
from container.servlet.servlet import Answer

__all__ = ["CsrfPreventionFilter", "path_of", "random_class"]

NONCES = "org.apache.catalina.filters.CSRF_NONCE"
REQUEST_NONCE = "org.apache.catalina.filters.CSRF_REQUEST_NONCE"
PARAMETER_NAME = "org.apache.catalina.filters.CSRF_NONCE_PARAM_NAME"
_PLAIN_FILES = "*.css, *.js, *.gif, *.png, *.jpg, *.svg, *.ico, *.jpeg, *.mjs"


class CsrfPreventionFilter(HttpFilter):
    """See the module."""

    def init(self) -> None:
        parameters = InitParameters(self)
        self._entry_points = frozenset(parameters.items("entryPoints"))
        self._no_nonce = [
            _url_test(parameters, pattern) for pattern in parameters.items("noNonceURLPatterns", _PLAIN_FILES)
        ]
        self._size = parameters.number("nonceCacheSize", 5, minimum=1)
        self._parameter = parameters.text("nonceRequestParameterName") or NONCES
        self._enforce = parameters.flag("enforce", True)
        self._status = parameters.status("denyStatus", 403)
        random_class(parameters)
        parameters.finish()
        self._lock = threading.Lock()  # guards the nonces of all sessions
        self.getServletContext().setAttribute(PARAMETER_NAME, self._parameter)

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        if not self._needs_none(req) and not self._knows(req):
            if self._enforce:
                res.sendError(self._status)
                return None
            self.getServletContext().log(f"{req.getRequestURI()}: no valid CSRF nonce; let through (enforce)")
        nonce = secrets.token_hex(16).upper()
        self._keep(req, nonce)
        req.setAttribute(REQUEST_NONCE, nonce)
        return chain.doFilter(req, WithNonce(res, req, self._parameter, nonce, self.is_plain))

    def _needs_none(self, req: HttpServletRequest) -> bool:
        path = path_of(req)
        return req.getMethod() == "GET" and (path in self._entry_points or self.is_plain(path))

    def is_plain(self, url: str) -> bool:
        return any(matches(url) for matches in self._no_nonce)

    def _knows(self, req: HttpServletRequest) -> bool:
        session = req.getSession(False)
        nonces = None if session is None else session.getAttribute(NONCES)
        if nonces is None:
            return False
        given = req.getParameter(self._parameter)
        with self._lock:
            return given in nonces

    def _keep(self, req: HttpServletRequest, nonce: str) -> None:
        """Add the nonce to the session's last ones."""
        session = req.getSession()
        with self._lock:
            nonces = (*(session.getAttribute(NONCES) or ()), nonce)[-self._size :]
            session.setAttribute(NONCES, nonces)


class WithNonce(HttpServletResponseWrapper):
    """Adds the nonce to the URLs of the web app that pass encodeURL."""

    def __init__(
        self,
        response: HttpServletResponse,
        request: HttpServletRequest,
        parameter: str,
        nonce: str,
        is_plain: Callable[[str], bool],
    ) -> None:
        super().__init__(response)
        self._request = request
        self._pair = f"{parameter}={nonce}"
        self._is_plain = is_plain

    def encodeURL(self, url: str) -> str:
        return url if url is None or self._is_plain(url) else self._add(url, super().encodeURL(url))

    def encodeRedirectURL(self, url: str) -> str:
        return url if url is None or self._is_plain(url) else self._add(url, super().encodeRedirectURL(url))

    def _add(self, url: str, encoded: str) -> str:
        if not _is_ours(url, self._request):
            return encoded
        path, mark, fragment = encoded.partition("#")
        separator = "" if path.endswith(("?", "&")) else "&" if "?" in path else "?"
        return f"{path}{separator}{self._pair}{mark}{fragment}"


def _is_ours(url: str, req: HttpServletRequest) -> bool:
    """Whether the URL leads into the web app. A relative one does."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(req.getScheme())
    except ValueError:
        return False
    if parts.scheme or parts.netloc:
        place = (parts.scheme or req.getScheme(), (parts.hostname or ""), port)
        if place != (req.getScheme(), req.getServerName().lower().strip("[]"), req.getServerPort()):
            return False
    elif not url.startswith("/"):
        return True
    context_path = req.getContextPath()
    return parts.path.partition(";")[0] == context_path or parts.path.startswith(f"{context_path}/")


def path_of(req: HttpServletRequest) -> str:
    """Return the path inside the web app."""
    return f"{req.getServletPath()}{req.getPathInfo() or ''}"


def random_class(parameters: InitParameters) -> None:
    """Accept Tomcat's parameter for the source of randomness; here it is always the operating system."""
    name = parameters.text("randomClass", "java.security.SecureRandom")
    if name not in ("java.security.SecureRandom", "java.util.Random"):
        parameters.refuse("randomClass", "unknown", "Leave it out: nonces come from the operating system.")


def _url_test(parameters: InitParameters, pattern: str) -> Callable[[str], bool]:
    """Read one of noNonceURLPatterns: "*.css", "/static/*", or a regular expression "/^...$/"."""
    if len(pattern) > 2 and pattern.startswith("/^") and pattern.endswith("$/"):
        expression = parameters.compile("noNonceURLPatterns", pattern[1:-1].replace(r"\/", "/"))
        return lambda url: expression.fullmatch(url) is not None
    if pattern.startswith("*"):
        return lambda url: url.endswith(pattern[1:])
    if not pattern.endswith("*"):
        cure = "Write *.css, /static/* or /^...$/."
        parameters.refuse("noNonceURLPatterns", f"{pattern} is no pattern", cure)
    return lambda url: url.startswith(pattern[:-1])
