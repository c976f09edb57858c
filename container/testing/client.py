"""Client: a browser for a web app, without a socket.

    Client.get ──> webtest ── environ ──> front: a file?  ──> engine: pipeline, filters, servlet, error pages

What a request passes is what it passes in ``was run``, but for the connector. Of webtest there are pages,
forms, links, cookies; docs.pylonsproject.org/projects/webtest has all of it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from container.connectors.wsgi import WsgiExchange
from container.protocols.exchange import FrontFacts
from container.servlet import HttpSession

try:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # webob imports cgi, which is not our users' fault
        import webtest
except ImportError as error:
    raise ImportError(
        f"{error}: the fixtures of container.testing need webtest. pip install 'servlet-container[test]'"
    ) from error

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from container.engine.context import Context
    from container.learn.explain import Explanation
    from container.testing.deployment import Deploy

__all__ = ["Client", "Clock"]

_UNTOUCHED = "/!$&'()*+,=:@~-._;%?[]"  # the rest of a URL is encoded, as browsers do


class Clock:
    """What sessions grow old by: the real time, and what it has been advanced by."""

    def __init__(self, advanced: Callable[[float], object]) -> None:
        """Advanced is called with the new time."""
        self._advanced = advanced
        self._ahead_s = 0.0

    def __repr__(self) -> str:
        return f"<Clock {timedelta(seconds=self._ahead_s)} ahead>"

    def __call__(self) -> float:
        """As time.time()."""
        return time.time() + self._ahead_s

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass. Sessions that are too old then have ended when this returns, with their events."""
        self._ahead_s += timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days).total_seconds()
        self._advanced(self())


class _Request(webtest.TestRequest):  # type: ignore[misc]
    """A request for a URL relative to a web app. Each Client has a subclass of its own."""

    context_path = ""

    @classmethod
    def whole(cls, written: str) -> str:
        """Return what a browser would ask for."""
        return quote(written if "://" in written else cls.context_path + written, safe=_UNTOUCHED)

    @classmethod
    def blank(cls, path: str, environ: dict[str, Any] | None = None, **more: Any) -> Any:
        url = cls.whole(path)
        request = super().blank(url, environ, **more)
        inside = url.partition("://")[2] or url
        request.environ["REQUEST_URI"] = inside[inside.find("/") :].partition("?")[0]
        return request


class Client(webtest.TestApp):  # type: ignore[misc]
    """Somebody's browser at one web app: a webtest.TestApp with cookies of its own.

    A URL that begins with "/" is relative to the web app: client.get("/cart") asks for /shop/cart. A whole
    one, "http://localhost/blog/", may lead to another web app, and "https://..." is a secure connection.
    Links and forms of pages (page.click, page.form.submit) work as they are.
    """

    def __init__(self, deploy: Deploy, context_path: str) -> None:
        # HTTP/1.0, webtest's own, would change answers: 405 is 400 there (doPut and its like).
        environ = {"SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1"}
        super().__init__(self._answer, environ, lint=False)  # that refuses answers without a Content-Type
        self._deploy = deploy
        self._user: FrontFacts | None = None
        self.context_path = context_path
        of_web_app = {"context_path": self.context.encoded_path}
        self.RequestClass: type[_Request] = type("Request", (_Request,), of_web_app)

    def __repr__(self) -> str:
        return f"<Client of {self.context_path or '/'}{f', {self._user.user}' if self._user else ''}>"

    # --- whom and what it talks to-------------------------------------------------------------------------

    @property
    def context(self) -> Context:
        """The engine's view of the web app."""
        return self._deploy.container.contexts[self.context_path]

    @property
    def problems(self) -> list[str]:
        """What was found wrong when the web app started, and did not keep it from doing so."""
        return [str(problem) for problem in self.context.problems]

    @property
    def clock(self) -> Clock:
        """The clock of all sessions: client.clock.advance(minutes=31)."""
        return self._deploy.clock

    @property
    def session(self) -> HttpSession | None:
        """The session that the web app has for this browser; None if there is none, or it has ended."""
        sessions = self.context.sessions
        name = sessions.cookie_config.getName() or "JSESSIONID"
        ids = (cookie.value for cookie in self.cookiejar if cookie.name == name)
        return next((found for each in ids if (found := sessions.manager.find(each)) is not None), None)

    def new_browser(self) -> Client:
        """Return another one for the same web app: without cookies, nobody logged in."""
        return Client(self._deploy, self.context_path)

    # --- who it is-----------------------------------------------------------------------------------------

    def login(self, name: str, roles: Iterable[str] = ()) -> None:
        """Send requests as this user from now on, whatever way to log in the web app has declared.

        It is as if a web server before the container had asked for the password. To test the login itself,
        let there be users (deploy.add_user) and send their passwords.
        """
        self._deploy.add_user(name, roles=roles)
        login = self.context.web_app.login_config
        self._user = FrontFacts(name, (login and login.auth_method) or "BASIC")

    def logout(self) -> None:
        """Be nobody again."""
        self._user = None

    def as_user(self, name: str, roles: Iterable[str] = ()) -> Client:
        """Return a new browser that is logged in."""
        browser = self.new_browser()
        browser.login(name, roles)
        return browser

    # --- what happens to a request-------------------------------------------------------------------------

    def explain(self, url: str, method: str = "GET") -> Explanation:
        """Say what happens to a request, as ``was explain`` does: client.explain("/cart").to_text()."""
        return self._deploy.explain(method, self.RequestClass.whole(url))

    def assert_mapped(
        self,
        url: str,
        *,
        servlet: str | None = None,
        filters: Sequence[str] | None = None,
        path_info: str | None = None,
        constraint: str | None = None,
        roles: Sequence[str] | None = None,
        confidential: bool | None = None,
        method: str = "GET",
        dispatcher: str = "REQUEST",
    ) -> None:
        """Fail, with the explanation, unless a request for url is answered like this. Nothing is called.

        filters are the names of all of them, in order. constraint: "permitted", "authenticated", "roles" or
        "precluded"; roles: those of which one is needed, ["**"] for any user, [] for nobody. With another
        dispatcher ("FORWARD", "INCLUDE", "ERROR", "ASYNC") servlet and filters are those of a dispatch.
        """
        __tracebackhide__ = True
        from container.testing.mapped import Expected, differences

        expected = Expected(servlet, filters, path_info, constraint, roles, confidential)
        explanation = self.explain(url, method)
        found = list(differences(expected, explanation, self.context, dispatcher))
        if found:
            kind = "" if dispatcher == "REQUEST" else f"{dispatcher} of "
            lines = [f"{kind}{method} {url} is not mapped as expected", *(f"  {line}" for line in found)]
            raise AssertionError("\n".join([*lines, "", explanation.to_text()]))

    # --- requests------------------------------------------------------------------------------------------

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if query := environ.get("QUERY_STRING"):
            environ["REQUEST_URI"] += f"?{query}"

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            self._deploy.note_answer(exchange.id, int(status[:3]))
            return start_response(status, headers, *more)

        exchange = WsgiExchange(environ, start, self._deploy.next_number())
        exchange.front = self._user
        self._deploy.note(exchange.id, exchange.method, exchange.target.decode("latin-1"))
        return exchange.run(self._deploy.handler)
