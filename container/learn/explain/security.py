"""What the security constraints ask for, and what somebody gets who has not logged in."""

from __future__ import annotations

from http import HTTPStatus

from container.engine.context import Context
from container.engine.request import Request
from container.learn.explain.model import Answer, Constraint, Security
from container.learn.explain.place import Place
from container.learn.explain.probe import ProbeHost
from container.security.constraints import Access, Considered
from container.security.enforce import enforce

__all__ = ["at_security", "constraints"]


def constraints(place: Place, path: str, method: str) -> Security:
    """What all security constraints together ask for."""
    security = place.context.security
    decision = security.constraints.decide(path, method)
    considered = list(security.constraints.considered(path, method))
    applying = [each for each in considered if each.best and each.names_method]
    best = next((each.pattern for each in considered), None)
    login = place.context.web_app.login_config
    return Security(
        decision.access.name.lower(),
        tuple(sorted(map(_role, decision.roles))),
        decision.confidential,
        best is not None and not applying,
        _why_so(place.context, best, bool(applying), decision.access, path, method),
        security.authenticator.auth_type if decision.needs_login else None,
        place.shown(login.source) if login is not None and decision.needs_login else None,
        tuple(_constraint(place, each, best, method) for each in considered),
    )


def _why_so(context: Context, best: str | None, applies: bool, access: Access, path: str, method: str) -> str:
    if best is None:
        return "no security constraint covers this path"
    if path in context.security.authenticator.pages:
        return "it is a page of the login, which is open to everybody"
    if not applies and access is Access.PRECLUDED:
        return (
            f"no constraint of {best} names {method}, and <deny-uncovered-http-methods/> refuses what is left"
        )
    if not applies:
        return f"{method} is uncovered: constraints of {best} name other methods only, so everybody may pass"
    return {
        Access.PERMITTED: "a constraint without <auth-constraint> lets everybody pass",
        Access.AUTHENTICATED: "the constraints that apply ask for it",
        Access.ROLES: "the constraints that apply ask for it",
        Access.PRECLUDED: "an <auth-constraint> without roles lets nobody pass",
    }[access]


def _role(name: str) -> str:
    return name.lstrip("\0")


def _constraint(place: Place, each: Considered, best: str | None, method: str) -> Constraint:
    collection, auth, transport = (
        each.collection,
        each.constraint.auth_constraint,
        each.constraint.user_data_constraint,
    )
    if collection.http_methods:
        methods = ", ".join(collection.http_methods)
    elif collection.http_method_omissions:
        methods = "all but " + ", ".join(collection.http_method_omissions)
    else:
        methods = "all methods"
    if not each.best:
        why = f"{each.pattern} covers the path, too, but {best} is more specific"
    elif not each.names_method:
        why = f"it is not about {method}"
    else:
        why = f"the most specific pattern, and it is about {method}"
    return Constraint(
        each.pattern,
        methods,
        None if auth is None else tuple(map(_role, auth.role_names)),
        "NONE" if transport is None else transport.transport_guarantee,
        each.best and each.names_method,
        why,
        place.shown(collection.source),
    )


def at_security(place: Place, request: Request, path: str, security: Security) -> Answer | None:
    """Let the engine apply the constraints to somebody who is not logged in. None: they may pass."""
    context = place.context
    if not context.security.active:
        return None
    response, host = request._response, ProbeHost(request)
    passes = enforce(
        context.security.constraints,
        context.security.authenticator,
        request,
        response,
        host,
        path,
        context.settings.secure_port,
    )
    if passes:
        return None
    source = next((each.source for each in security.constraints if each.applies), None)
    if host.forwarded_to is not None:
        asks = host.forwarded_to == context.security.authenticator.login_page
        why = "a form asks who it is" if asks else "the login has failed"
        return Answer("login page", None, why, host.forwarded_to, None, source)
    if response._error is None:
        why = "the connection has to be encrypted"
        return Answer("container", response.getStatus(), why, response.getHeader("Location"), None, source)
    status = response._error[0]
    return Answer("container", status, _why_refused(status, request, security, context), None, None, source)


def _why_refused(status: int, request: Request, security: Security, context: Context) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "the client has to say who it is"
    if status == HTTPStatus.BAD_REQUEST:
        return "a login form has to be posted"
    if security.access == "precluded":
        return "nobody may pass"
    if not security.confidential and context.security.authenticator.auth_type == "NONE":
        return "there is no way to log in"
    return "the connection has to be encrypted, and no --tls-port or --redirect-port is known"
