"""How requests and sessions find each other.

Ids in cookies and URLs, the cookie that is sent (Servlet 6.1 §7.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from container.servlet import HttpSession, IllegalStateException, SessionTrackingMode

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.engine.request import Request
    from container.session.cookies import CookieConfig
    from container.session.manager import Session, SessionManager

__all__ = ["ContextSessions"]


class ContextSessions:
    """The sessions of one web app, seen from its requests."""

    def __init__(self, context: Context, manager: SessionManager, cookie_config: CookieConfig) -> None:
        self._context = context
        self.manager = manager
        self.cookie_config = cookie_config
        self.modes: frozenset[SessionTrackingMode] = frozenset(
            {SessionTrackingMode.COOKIE, SessionTrackingMode.URL}
        )
        self.used = True
        self._cookie_name = "JSESSIONID"
        self._cookie_prefix = b"JSESSIONID="
        self.parameter_name = "jsessionid"

    def freeze(self) -> None:
        """The web app has started: settings no longer change."""
        name = self.cookie_config.getName()
        self._cookie_name = name or "JSESSIONID"
        self.parameter_name = name or "jsessionid"
        self._cookie_prefix = self._cookie_name.encode("latin-1") + b"="
        self.cookie_config.freeze()

    def requested_id(self, request: Request) -> tuple[str, str]:
        """Return the id the client sent and where: a cookie wins over the URL (RT-CKI-04)."""
        if SessionTrackingMode.COOKIE in self.modes:
            found: list[str] = []
            for name, value in request._exchange.headers:
                if len(name) == 6 and self._cookie_prefix in value and name.lower() == b"cookie":
                    found += self._ids_in(value.decode("latin-1"))
            if found:
                valid = next((i for i in found if self.manager.find(i) is not None), None)
                return valid or found[0], "cookie"
        if SessionTrackingMode.URL in self.modes and (parameter := request._location.session_parameter):
            return parameter, "url"
        return "", ""

    def _ids_in(self, header: str) -> list[str]:
        ids = []
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name.strip() == self._cookie_name:
                ids.append(value.strip().strip('"'))
        return ids

    def touch(self, request: Request) -> None:
        if not self.manager.has_sessions():
            return
        requested = request._session_id()[0]
        if requested and (session := self.manager.find(requested)) is not None:
            request._session = session
            self.manager.access(session)

    def is_valid(self, session_id: str) -> bool:
        return self.manager.find(session_id) is not None

    def session_of(self, request: Request, create: bool) -> HttpSession | None:
        session = request._session
        if session is not None:
            if session.is_valid() and session.getServletContext() is self._context.facade:
                return session
            if session.getServletContext() is self._context.facade:
                request._session = None
            else:
                session = None
        if request._session is None:
            requested = request._session_id()[0]
            found = self.manager.find(requested) if requested else None
            if found is not None:
                request._session = found
                self.manager.access(found)
                return found
        return self._create(request) if create else None

    def _create(self, request: Request) -> Session:
        response = request._response
        cookies = SessionTrackingMode.COOKIE in self.modes
        if cookies and response._committed:
            raise IllegalStateException(
                "a new session needs a cookie, and the response is committed: call getSession earlier"
            )
        session = self.manager.create()
        request._session = session
        self.manager.access(session)
        if cookies:
            self._send_cookie(request, session.getId())
        return session

    def _send_cookie(self, request: Request, session_id: str) -> None:
        context_path = request._location.context_path if request._location else self._context.path
        cookie = self.cookie_config.session_cookie(session_id, context_path, request.isSecure())
        response = request._response
        locked, response._locked = (
            response._locked,
            response._committed,
        )  # an include may still begin a session
        try:
            response._replace_cookie(cookie)
        finally:
            response._locked = locked

    def change_id(self, request: Request, session: Session) -> str:
        new_id = self.manager.change_id(session)
        if SessionTrackingMode.COOKIE in self.modes:
            self._send_cookie(request, new_id)
        request._requested_session = None if request._session is None else request._requested_session
        return new_id

    def end(self, request: Request) -> None:
        session = request._session
        if session is not None:
            self.manager.end_access(session)

    def encode_url(self, request: Request, url: str) -> str:
        """Add the session's id to url where the client needs it (RT-URL-01)."""
        if url is None or SessionTrackingMode.URL not in self.modes or url.startswith(("#", "?")):
            return url
        session = request._session
        if session is None or not session.is_valid() or request.isRequestedSessionIdFromCookie():
            return url
        if not self._is_ours(request, url):
            return url
        path, mark, rest = _cut(url)
        marker = f";{self.parameter_name}="
        if marker in path:
            return url
        if "://" in path and path.count("/") == 2:
            path += "/"
        return f"{path}{marker}{session.getId()}{mark}{rest}"

    def _is_ours(self, request: Request, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if parts.scheme or parts.netloc:
            if parts.scheme and parts.scheme.lower() != request.getScheme():
                return False
            default = {"http": 80, "https": 443}.get(request.getScheme())
            try:
                port = parts.port or default
            except ValueError:
                return False
            if (parts.hostname or "").lower() != request.getServerName().lower():
                return False
            if port != request.getServerPort():
                return False
        elif not url.startswith("/"):
            return True
        context_path = self._context.path
        path = parts.path
        return (
            not context_path
            or path == context_path
            or path.startswith((context_path + "/", context_path + ";"))
        )


def _cut(url: str) -> tuple[str, str, str]:
    """Split before the first "?" or "#"."""
    ends = [position for position in (url.find("?"), url.find("#")) if position >= 0]
    if not ends:
        return url, "", ""
    end = min(ends)
    return url[:end], url[end], url[end + 1 :]
