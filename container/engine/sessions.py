"""How requests and sessions find each other.

Ids in cookies and URLs, the cookie that is sent (Servlet 6.1 §7.1).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from container.engine.cookies import cookie_pairs
from container.servlet import IllegalStateException, SessionTrackingMode

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.engine.request import Request
    from container.session.cookies import CookieConfig
    from container.session.manager import Session, SessionManager

__all__ = ["ContextSessions", "Writer"]

FORWARDED_SECURE = "org.apache.catalina.filters.RemoteIpFilter.secure"  # set by container.filters.remote_ip
_NO_URL = re.compile(r'[\s"<>\\^`{|}\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})')  # what no URI may contain


class Writer(threading.local):
    """The id of the request that the calling thread runs: who has written what into a shared store."""

    request_id = ""


class ContextSessions:
    """The sessions of one web app, seen from its requests."""

    def __init__(
        self, context: Context, manager: SessionManager, cookie_config: CookieConfig, writer: Writer
    ) -> None:
        self._context = context
        self.manager = manager
        self.writer = writer
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

    def requested_id(self, request: Request) -> tuple[str | None, str]:
        """Return the id the client sent and where: a cookie wins over the URL (RT-CKI-04).

        Of several cookies the first counts that names a session, else the last.
        """
        if SessionTrackingMode.COOKIE in self.modes:
            headers = request._exchange.headers
            lines = [
                value.decode("latin-1")
                for name, value in headers
                if len(name) == 6 and self._cookie_prefix in value and name.lower() == b"cookie"
            ]
            if lines:
                found = [value for _, value in cookie_pairs(lines, only=self._cookie_name)]
                if len(found) > 1:
                    found = [i for i in found if self.manager.find(i) is not None][:1] or found
                if found:
                    return found[-1], "cookie"
        if SessionTrackingMode.URL in self.modes:
            parameter = request._location.session_parameter
            if parameter is not None:
                return parameter, "url"
        return None, ""

    def touch(self, request: Request) -> None:
        if request._session is not None:
            return  # a ServletRequestListener was faster
        requested = request._session_id()[0]
        if requested and (session := self.manager.find(requested)) is not None:
            request._session = session
            self.manager.access(session)

    def is_requested_valid(self, request: Request) -> bool:
        """Whether the client's id led to a session that is still there, by that id or another (RT-CKI-05)."""
        if not request._session_id()[0]:
            return False
        session = self.session_of(request, create=False)
        return session is not None and not session.isNew()

    def session_of(self, request: Request, create: bool) -> Session | None:
        """Return the request's session in this web app (RT-SES-01, 10)."""
        if self.manager.is_stored:
            self.writer.request_id = request.getRequestId()
        if request._location.context is not self._context:
            return self._session_elsewhere(request, create)
        session = request._session
        if session is not None and session.is_valid():
            return session
        if session is None:
            requested = request._session_id()[0]
            session = self.manager.find(requested) if requested else None
        else:
            session = None  # it has ended during this request
        if session is None and create:
            session = self._create(request)
        elif session is not None:
            self.manager.access(session)
        request._session = session
        return session

    def _session_elsewhere(self, request: Request, create: bool) -> Session | None:
        """Return the session of a request that another web app has dispatched to this one (RT-SES-03).

        It has the id of the client's session there, which is what the client sends with the next such
        request, and a cookie of its own for when the client comes here directly.
        """
        others = request._other_sessions
        session = None if others is None else others.get(self)
        if session is not None and session.is_valid():
            return session
        own = request._location.context.sessions.session_of(request, create)
        if own is None:
            return None
        if session is None:
            session = self.manager.find(own.getId())
        else:
            session = None  # it has ended during this request: the next one has another id
            own = None
        if session is not None:
            self.manager.access(session)
        elif create:
            session = self._create(request, None if own is None else own.getId())
        else:
            return None
        if others is None:
            others = request._other_sessions = {}
        others[self] = session
        return session

    def _create(self, request: Request, session_id: str | None = None) -> Session:
        cookies = SessionTrackingMode.COOKIE in self.modes
        if cookies and request._response.isCommitted():
            raise IllegalStateException(
                "a new session needs a cookie, and the response is committed: call getSession earlier"
            )
        session = self.manager.create(session_id)
        self.manager.access(session)
        if cookies:
            self._send_cookie(request, session.getId())
        return session

    def _send_cookie(self, request: Request, session_id: str) -> None:
        secure = request.isSecure() or request.getAttribute(FORWARDED_SECURE) is True
        cookie = self.cookie_config.session_cookie(session_id, self._context.encoded_path, secure)
        response = request._response
        # An include may still begin a session.
        locked, response._locked = response._locked, response._committed
        try:
            response._replace_cookie(cookie)
        finally:
            response._locked = locked

    def change_id(self, request: Request, session: Session) -> str:
        if SessionTrackingMode.COOKIE in self.modes:
            return self.manager.change_id(session, partial(self._send_cookie, request))
        return self.manager.change_id(session)

    def save(self, request: Request) -> None:
        """Bring what the request has written into the store, if there is one.

        Called before the end of the answer is sent: whoever has it finds what it promised (kill -9).
        """
        for session, manager in self._of(request):
            manager.save(session)

    def end(self, request: Request) -> None:
        for session, manager in self._of(request):
            manager.end_access(session)

    def _of(self, request: Request) -> Iterator[tuple[Session, SessionManager]]:
        """Yield the request's sessions, here and where it was dispatched to, with their managers."""
        if request._session is not None:
            yield request._session, self.manager
        for sessions, session in (request._other_sessions or {}).items():
            yield session, sessions.manager

    def encode_url(self, request: Request, url: str) -> str:
        """Add the session's id to url where the client needs it (RT-URL-01).

        "" is the folder of the current request, and becomes absolute.
        """
        if url is None or SessionTrackingMode.URL not in self.modes or url.startswith(("#", "?")):
            return url
        if request.isRequestedSessionIdFromCookie() or (session := self.session_of(request, False)) is None:
            return url
        here = request.getRequestURL()
        try:
            absolute = urlsplit(url)
            if not absolute.scheme:
                absolute = urlsplit(urljoin(here, url or "."))
            if _NO_URL.search(url) or not self._is_ours(request, absolute):
                return url
        except ValueError:
            return url
        path, mark, rest = _cut(url or absolute.geturl())
        marker = f";{self.parameter_name}="
        if marker in path:
            return url
        if not absolute.path:
            path += "/"
        return f"{path}{marker}{session.getId()}{mark}{rest}"

    def _is_ours(self, request: Request, url: SplitResult) -> bool:
        """Tell whether an absolute URL leads into this web app. ValueError for a port that is none."""
        scheme = request.getScheme()
        port = url.port or {"http": 80, "https": 443}.get(scheme)
        context_path, path = self._context.path, unquote(url.path)
        return (
            url.scheme == scheme
            and url.hostname == request.getServerName().lower().strip("[]")
            and port == request.getServerPort()
            and (
                not context_path
                or path == context_path
                or path.startswith((context_path + "/", context_path + ";"))
            )
        )


def _cut(url: str) -> tuple[str, str, str]:
    """Split before the first "?" or "#"."""
    ends = [position for position in (url.find("?"), url.find("#")) if position >= 0]
    if not ends:
        return url, "", ""
    end = min(ends)
    return url[:end], url[end], url[end + 1 :]
