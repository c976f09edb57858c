"""Who may pass, for the requests of one web app.

Constraints, authenticator and realm put together (Servlet 6.1 ch. 13).
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from container.descriptor.checks import undeclared_roles
from container.engine.annotations import annotated_class
from container.engine.deployment import ServletDeclaration
from container.engine.uri import split_target
from container.errors import Problem, Source
from container.protocols.exchange import Exchange, FrontFacts, RawHeaders
from container.security import enforce as decision
from container.security.authenticator import (
    Authenticator,
    Identity,
    NoLogin,
    SavedRequest,
    make_authenticator,
)
from container.security.constraints import Access, Constraints, constraints_of
from container.security.realm import Principal
from container.servlet import (
    HttpConstraintElement,
    HttpServletResponse,
    ServletSecurity,
    ServletSecurityElement,
)

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.engine.request import Request
    from container.engine.response import Response
    from container.session.manager import Session

__all__ = ["ContextSecurity", "context_security"]

USUAL_NOTE = "usual-interval"  # of a session that is limited until somebody has logged in


class ContextSecurity:
    """The security of one web app, seen from its requests."""

    def __init__(self, context: Context, constraints: Constraints, authenticator: Authenticator) -> None:
        self._context = context
        self.constraints = constraints
        self.authenticator = authenticator
        self.active = bool(constraints) or not isinstance(authenticator, NoLogin)
        self._secure_port = context.settings.secure_port
        self._declared = frozenset(context.deployment.roles)

    def believe(self, request: Request, front: FrontFacts) -> None:
        """Take over what a trusted front says. Whom it has logged in has the roles that the realm knows."""
        request._attributes = dict(front.attributes) or None
        if front.user is not None:
            realm = self._context.container.realm
            principal = (realm.find(front.user) if realm is not None else None) or Principal(front.user)
            request._identity = Identity(principal, front.auth_type or "")

    def allows(self, request: Request, response: Response) -> bool:
        """The security step: True = go on, False = the response holds the answer."""
        dispatch = request._dispatch
        return decision.enforce(
            self.constraints,
            self.authenticator,
            request,
            response,
            RequestHost(request),
            dispatch.servlet_path + (dispatch.path_info or ""),
            self._secure_port,
        )

    def is_in_role(self, request: Request, role: str) -> bool:
        """RT-PSEC-03."""
        identity = self._identity(request)
        refs = request._dispatch.target.holder.declaration.role_refs
        principal = None if identity is None else identity.principal
        return decision.is_in_role(principal, role, refs, self._declared)

    def _identity(self, request: Request) -> Identity | None:
        if request._identity is None and not self.active:
            decision.recall(RequestHost(request))  # somebody may have used login() in an open web app
        return request._identity

    def identity_of(self, request: Request) -> Identity | None:
        return request._identity if request._identity is not None else self._identity(request)

    def authenticate(self, request: Request, response: HttpServletResponse) -> bool:
        return decision.authenticate(self.authenticator, request, response, RequestHost(request))

    def login(self, request: Request, username: str, password: str) -> None:
        decision.login(self.authenticator, RequestHost(request), username, password)

    def logout(self, request: Request) -> None:
        decision.logout(RequestHost(request))


def context_security(context: Context) -> ContextSecurity:
    """Combine descriptor, annotations and registrations; report what is uncovered or cannot be enforced."""
    web_app = context.web_app
    declared = list(web_app.security_constraints)
    fixed = {p for c in declared for collection in c.collections for p in collection.url_patterns}
    for servlet in context.deployment.servlets.values():
        element = servlet.security or _annotated(context, servlet)
        if element is not None:
            context.deployment.declare_roles(_roles(element))
            patterns = [p for p in servlet.mappings if p not in fixed]
            declared.extend(constraints_of(element, patterns, servlet.source or web_app.source))
    _forgive_declared(context)
    constraints = Constraints(declared, context.deployment.roles, web_app.deny_uncovered_http_methods)
    authenticator, problems = make_authenticator(
        web_app.login_config, context.container.realm, context.container.mechanisms
    )
    context.problems.extend(problems)
    in_code = declared[len(web_app.security_constraints) :]  # of the others its checks say it
    if isinstance(authenticator, NoLogin) and not problems and _needs_login(Constraints(in_code)):
        context.problems.append(without_login(in_code[0].source))
    if not web_app.deny_uncovered_http_methods:
        context.problems += (uncovered.problem() for uncovered in constraints.uncovered())
    return ContextSecurity(context, constraints, authenticator)


def without_login(source: Source) -> Problem:
    """What is said of a constraint in code that nobody can meet."""
    return Problem(
        source,
        "@ServletSecurity or setServletSecurity asks for a login, but there is no <login-config>: its paths "
        "answer 403",
        "Add <login-config><auth-method>BASIC</auth-method></login-config> (§13.6).",
        "warning",
        code="WAS503",
    )


def _forgive_declared(context: Context) -> None:
    """Take back the warnings of undeclared roles that code has declared meanwhile (DD-SEC-10)."""
    own = [role.name for role in context.web_app.security_roles]
    said, left = (
        {(problem.source, problem.message) for problem in undeclared_roles(context.web_app, roles)}
        for roles in (own, context.deployment.roles)
    )
    context.problems = [p for p in context.problems if (p.source, p.message) not in said - left]


def _roles(element: ServletSecurityElement) -> list[str]:
    """The roles that an element names, which declares them (ServletContext.declareRoles)."""
    parts: list[HttpConstraintElement] = [element, *element.getHttpMethodConstraints()]
    return [role for part in parts for role in part.getRolesAllowed() if role not in ("*", "**")]


def _annotated(context: Context, servlet: ServletDeclaration) -> ServletSecurityElement | None:
    """@ServletSecurity of a servlet's class, where that counts (RT-SSA-04, RT-SSA-05)."""
    servlet_class = annotated_class(context, servlet)
    annotation = None if servlet_class is None else ServletSecurity.of(servlet_class)
    return None if annotation is None else ServletSecurityElement(annotation)


def _needs_login(constraints: Constraints) -> bool:
    return any(
        constraints.decide(pattern.replace("*", "x"), method).access in (Access.ROLES, Access.AUTHENTICATED)
        for pattern in constraints.patterns
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD")
    )


class RequestHost:
    """What an authenticator needs of a request and the API has no method for (authenticator.Host)."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @property
    def identity(self) -> Identity | None:
        return self._request._identity

    @identity.setter
    def identity(self, identity: Identity | None) -> None:
        self._request._identity = identity
        self._request._exchange.user = None if identity is None else identity.principal.getName()

    def notes(self, create: bool = False) -> MutableMapping[str, object] | None:
        session: Session | None = self._request.getSession(create)
        return None if session is None else session.notes

    def limit_session(self, seconds: int | None) -> None:
        session = self._request.getSession(False)
        if session is None:
            return
        usual_s = session.getMaxInactiveInterval()
        if seconds is not None and session.isNew() and (usual_s <= 0 or seconds < usual_s):
            session.notes[USUAL_NOTE] = usual_s
            session.setMaxInactiveInterval(seconds)
        elif seconds is None and isinstance(before_s := session.notes.pop(USUAL_NOTE, None), int):
            session.setMaxInactiveInterval(before_s)

    def change_session_id(self) -> None:
        if self._request.getSession(False) is not None:
            self._request.changeSessionId()

    def capture(self, max_body_bytes: int) -> SavedRequest | None:
        request = self._request
        exchange = request._exchange
        body = bytearray()
        while len(body) <= max_body_bytes and (piece := exchange.read(65536)):
            body += piece
        if len(body) > max_body_bytes:
            return None
        return SavedRequest(
            request._method,
            request._dispatch.uri,
            request._query,
            tuple(exchange.headers),
            bytes(body),
            request.isSecure(),
        )

    def replay(self, saved: SavedRequest) -> None:
        request = self._request
        while request._exchange.read(65536):
            pass
        request._exchange = Replay(request._exchange, saved)
        request._method = saved.method
        request._query = saved.query
        request._headers = request._parameters = request._form = request._input = None
        request._cookies = request._locales = request._multipart = None

    def forward(self, path: str, method: str) -> None:
        request = self._request
        plain, mark, query = path.partition("?")
        dispatcher = request._context.dispatcher(plain, query if mark else None)
        if dispatcher is None:
            request._response.sendError(404)
            return
        own, request._method = request._method, method
        try:
            dispatcher.forward(request, request._response)
        finally:
            request._method = own


class Replay:
    """An Exchange whose request is a saved one; everything else is the present one's."""

    can_send_trailers = True

    def __init__(self, exchange: Exchange, saved: SavedRequest) -> None:
        self._exchange = exchange
        self.id = exchange.id
        self.method = saved.method
        self.version = exchange.version
        self.connection = exchange.connection
        self.started_s = exchange.started_s
        self.user = exchange.user
        path, _ = split_target(exchange.target)
        self.target = path if saved.query is None else path + b"?" + saved.query.encode("latin-1")
        cookies = [pair for pair in exchange.headers if pair[0].lower() == b"cookie"]
        self.headers: RawHeaders = [*saved.headers, *cookies]
        if saved.body:
            self.headers.append((b"Content-Length", str(len(saved.body)).encode()))
        self._body = saved.body
        self.content_length: int | None = len(saved.body)

    def read(self, size: int = -1) -> bytes:
        taken = self._body if size < 0 else self._body[:size]
        self._body = self._body[len(taken) :]
        return taken

    @property
    def trailers(self) -> RawHeaders | None:
        return [] if not self._body else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)
