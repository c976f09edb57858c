"""What happens to a request before any filter sees it: the steps of Servlet 6.1 §13.8.3, in one function.

    enforce                         the engine's security step: True = go on, False = the answer is written
    login, logout, authenticate     what HttpServletRequest's methods of these names do
    is_in_role                      the same for isUserInRole

All of them take a Host for the request at hand, and keep nothing themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from container.security.authenticator import (
    IDENTITY_NOTE,
    SAVED_REQUEST_NOTE,
    Authenticator,
    Host,
    Identity,
    SavedRequest,
    remember,
)
from container.security.constraints import Access, Constraints
from container.security.realm import Principal
from container.servlet import (
    HttpServletRequest,
    HttpServletResponse,
    IllegalStateException,
    NullPointerException,
    ServletException,
)

__all__ = ["authenticate", "enforce", "is_in_role", "login", "logout", "recall"]

_LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"


def recall(host: Host) -> None:
    """Take the caller from the session, where an earlier login has put them (RT-AUTH-10, RT-SES-43)."""
    if host.identity is None and (notes := host.notes()) is not None:
        identity = notes.get(IDENTITY_NOTE)
        if isinstance(identity, Identity):
            host.identity = identity


def enforce(
    constraints: Constraints,
    authenticator: Authenticator,
    request: HttpServletRequest,
    response: HttpServletResponse,
    host: Host,
    path: str,
    secure_port: int | None,
) -> bool:
    """Apply the constraints to a client's request; not to a forward, an include or an error page (RT-SEC-01).

    path is what found the servlet (Constraints.decide). secure_port is where the same container listens with
    TLS, None if nowhere: then what needs a secure connection is refused. Returns True if the request may go
    on to the filters; otherwise the response holds the answer.
    """
    recall(host)
    decision = constraints.decide(path, request.getMethod())
    claimed = authenticator.claims(request, host)
    is_page = path in authenticator.pages
    if decision.access is Access.PRECLUDED and not claimed and not is_page:
        response.sendError(HttpServletResponse.SC_FORBIDDEN)
        return False
    asks = decision.needs_login and not is_page
    if not request.isSecure() and (
        decision.confidential
        or (asks and host.identity is None and _login_is_confidential(constraints, authenticator))
        or (claimed and _login_was_secure(constraints, authenticator, host))
    ):
        _ask_for_tls(request, response, secure_port)
        return False
    if not asks and not claimed:
        return True
    if request.getMethod() != "POST":
        _forbid_shared_caching(response)
    principal = authenticator.authenticate(request, response, host)
    if principal is None:
        return False
    if claimed:
        decision = constraints.decide(
            path, request.getMethod()
        )  # the saved request may have had another method
    if not decision.allows(principal.roles):
        response.sendError(HttpServletResponse.SC_FORBIDDEN)
        return False
    return True


def _login_is_confidential(constraints: Constraints, authenticator: Authenticator) -> bool:
    page = authenticator.login_page
    return page is not None and constraints.decide(page, "GET").confidential


def _login_was_secure(constraints: Constraints, authenticator: Authenticator, host: Host) -> bool:
    """Whether the login page, or the request that it interrupted, needed a secure connection (RT-AUTH-08)."""
    saved = (host.notes() or {}).get(SAVED_REQUEST_NOTE)
    interrupted_secure = isinstance(saved, SavedRequest) and saved.secure
    return interrupted_secure or _login_is_confidential(constraints, authenticator)


def _ask_for_tls(request: HttpServletRequest, response: HttpServletResponse, secure_port: int | None) -> None:
    if secure_port is None:
        response.sendError(HttpServletResponse.SC_FORBIDDEN)
        return
    name = request.getServerName()
    host = f"[{name}]" if ":" in name and not name.startswith("[") else name
    port = "" if secure_port == 443 else f":{secure_port}"
    query = request.getQueryString()
    uri = request.getRequestURI()
    response.sendRedirect(f"https://{host}{port}{uri}{'' if query is None else f'?{query}'}")


def _forbid_shared_caching(response: HttpServletResponse) -> None:
    """What one user may see, no proxy may keep for another (RT-SEC-24)."""
    response.setHeader("Cache-Control", "private")
    response.setHeader("Expires", _LONG_AGO)


def login(authenticator: Authenticator, host: Host, username: str | None, password: str | None) -> None:
    """Do what HttpServletRequest.login does (RT-PSEC-04)."""
    recall(host)
    if host.identity is not None:
        raise ServletException(f"{host.identity.principal} is logged in already. Call logout() first")
    principal = None
    if username is not None and password is not None:
        principal = authenticator.login(username, password)
    if principal is None:
        raise ServletException("the login failed: unknown user or wrong password")
    remember(host, Identity(principal, authenticator.auth_type), authenticator.remembers)


def logout(host: Host) -> None:
    """Do what HttpServletRequest.logout does: nobody any more, in the session neither (RT-PSEC-05)."""
    host.identity = None
    if (notes := host.notes()) is not None:
        notes.pop(IDENTITY_NOTE, None)
        notes.pop(SAVED_REQUEST_NOTE, None)


def authenticate(
    authenticator: Authenticator,
    request: HttpServletRequest,
    response: HttpServletResponse | None,
    host: Host,
) -> bool:
    """Do what HttpServletRequest.authenticate does (RT-PSEC-06)."""
    if response is None:
        raise NullPointerException("authenticate needs the response, where it may have to ask for a login")
    recall(host)
    if response.isCommitted():
        if host.identity is not None:
            return True
        raise IllegalStateException(
            "the response is committed: it is too late to ask for a login. Call authenticate() before writing"
        )
    return authenticator.authenticate(request, response, host) is not None


def is_in_role(
    principal: Principal | None,
    role: str | None,
    role_refs: Mapping[str, str | None],
    declared_roles: Collection[str],
) -> bool:
    """Answer isUserInRole (RT-PSEC-03).

    role_refs are the <security-role-ref>s of the servlet that the request is mapped to: name to role-link.
    """
    if principal is None or role is None or role == "*":
        return False
    if role == "**" and role not in declared_roles:
        return True
    return (role_refs.get(role) or role) in principal.roles
