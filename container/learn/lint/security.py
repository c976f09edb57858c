"""Checks 5xx that need more than one descriptor's values: roles, the login, the session's cookie."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from container.engine.security import without_login
from container.errors import Problem, Source
from container.learn.lint.app import App
from container.learn.lint.python import PythonClass, dotted

__all__ = ["check", "check_descriptor"]


def check(app: App) -> Iterator[Problem]:
    yield from _unused_roles(app)
    yield from _no_login(app)
    yield from _login_pages(app)
    yield from _no_tls(app)


def check_descriptor(app: App) -> Iterator[Problem]:
    """What needs no other file."""
    if not app.web_app.deny_uncovered_http_methods:
        yield from (uncovered.problem() for uncovered in app.constraints.uncovered())
    yield from _cookie(app)
    yield from _nobody(app)


def _unused_roles(app: App) -> Iterator[Problem]:
    web_app = app.web_app
    used = {
        role
        for constraint in web_app.security_constraints
        if constraint.auth_constraint
        for role in constraint.auth_constraint.role_names
    }
    for servlet in web_app.servlets:
        used |= {servlet.run_as.role_name} if servlet.run_as else set()
        used |= {ref.role_link or ref.role_name for ref in servlet.security_role_refs}
    if "*" in used:
        return
    for role in web_app.security_roles:
        if role.name not in used and not app.quotes(role.name):
            yield Problem(
                role.source,
                f'<security-role> "{role.name}" is declared, but nothing asks for it',
                "Name it in an <auth-constraint> or in isUserInRole(), or remove it.",
                "note",
                code="WAS502",
            )


def _no_login(app: App) -> Iterator[Problem]:
    """Of @ServletSecurity; of descriptors their own checks say it."""
    login = app.web_app.login_config
    if app.web_app.metadata_complete or (login is not None and login.auth_method is not None):
        return
    for servlet in app.web_app.servlets:
        found = app.servlet_class(servlet.name)
        if found is not None and _names_roles(found):
            yield without_login(servlet.source)
            return


def _names_roles(found: PythonClass) -> bool:
    for each in found.lineage():
        for decorator in each.node.decorator_list if isinstance(each, PythonClass) else ():
            if isinstance(decorator, ast.Call) and (dotted(decorator.func) or "").endswith("ServletSecurity"):
                return any(
                    isinstance(node, ast.keyword) and node.arg == "rolesAllowed"
                    for node in ast.walk(decorator)
                )
    return False


def _login_pages(app: App) -> Iterator[Problem]:
    login = app.web_app.login_config
    if login is None or login.form is None or login.auth_method != "FORM":
        return
    for element, path in (
        ("form-login-page", login.form.login_page),
        ("form-error-page", login.form.error_page),
    ):
        source = app.inside(login.form.source, f"<{element}>")
        if not app.answers(path):
            yield Problem(
                source,
                f'<{element}> "{path}" does not exist: whoever should log in gets 404',
                app.how_to_write(
                    path,
                    "Write the page: a form with method post, action j_security_check and the fields "
                    "j_username and j_password (§13.6.3).",
                ),
                "error",
                code="WAS507",
            )
        elif app.constraints.decide(path.partition("?")[0], "GET").needs_login:
            yield Problem(
                source,
                f'<{element}> "{path}" lies under a constraint itself: it is shown, but style sheets and '
                "images beside it are answered with the login page, too, and after the login the browser is "
                "sent to one",
                "Put what needs a login below a path of its own and constrain that, not the login page.",
                "warning",
                code="WAS508",
            )


def _confidential(app: App) -> list[Source]:
    return [
        constraint.user_data_constraint.source
        for constraint in app.web_app.security_constraints
        if constraint.user_data_constraint and constraint.user_data_constraint.transport_guarantee != "NONE"
    ]


def _cookie(app: App) -> Iterator[Problem]:
    session = app.web_app.session_config
    cookie = session.cookie_config if session else None
    if cookie is not None and cookie.http_only is False:
        yield Problem(
            app.inside(cookie.source, "<http-only>"),
            "the session cookie is not HttpOnly: a script in any page can read and send it away",
            "Write <http-only>true</http-only>, or leave it out.",
            "warning",
            code="WAS513",
        )
    everywhere = any(app.constraints.decide(path, "GET").confidential for path in ("/", "/any-path"))
    confidential = _confidential(app)
    if confidential and not everywhere and not (cookie is not None and cookie.secure):
        place = app.inside(cookie.source, "<secure>") if cookie is not None else confidential[0]
        yield Problem(
            place,
            "some paths are CONFIDENTIAL, but the session cookie is not Secure: it also travels over plain "
            "HTTP, where others can read it and go on with the session",
            "Add <secure>true</secure> to <cookie-config> of <session-config>.",
            "warning",
            code="WAS512",
        )


def _no_tls(app: App) -> Iterator[Problem]:
    confidential = _confidential(app)
    if confidential and not app.https:
        yield Problem(
            app.inside(confidential[0], "<transport-guarantee>"),
            "<transport-guarantee> sends requests over HTTP to HTTPS, and the settings here have no port for "
            "it",
            "Start with --tls-port and --tls-certificate, or name the front's port with --redirect-port.",
            "note",
            code="WAS514",
        )


def _nobody(app: App) -> Iterator[Problem]:
    for constraint in app.web_app.security_constraints:
        auth = constraint.auth_constraint
        if auth is not None and not auth.role_names:
            yield Problem(
                auth.source,
                "<auth-constraint> without a role lets nobody pass, not even who has logged in",
                "If that is not meant: <role-name>**</role-name> is whoever has logged in; without the "
                "element everybody may pass (§13.8.1).",
                "note",
                code="WAS516",
            )
