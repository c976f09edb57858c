"""What is asked of the engine at each station of a request, in the words of an Explanation.

Each function asks one part of the engine, the one that decides this for requests, and says why it decided so.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from container.descriptor import model
from container.engine.context import Context, Watcher, is_default_servlet
from container.engine.dispatch import ERROR, Dispatch, Location
from container.engine.dispatcher import Dispatcher
from container.engine.holder import ServletHolder
from container.engine.mapper import Match
from container.engine.request import Request
from container.engine.response import Response
from container.engine.uri import CanonicalPath
from container.errors import ContainerError, Problem, Source
from container.learn.explain.model import (
    Answer,
    Candidate,
    Constraint,
    ErrorPage,
    FilterStep,
    Front,
    Line,
    Security,
    Servlet,
    Session,
    Welcome,
)
from container.learn.explain.probe import ProbeHost
from container.protocols.exchange import Exchange
from container.security.constraints import Access, Considered
from container.security.enforce import enforce
from container.servlet import (
    DispatcherType,
    HttpServlet,
    IllegalArgumentException,
    MappingMatch,
    ServletException,
)
from container.servlet.servlet import METHODS, answers

__all__ = [
    "Place", "at_security", "candidates", "constraints", "error_page", "error_pages", "file_answer",
    "filters", "front", "probe", "servlet", "servlet_answer", "session", "unmatched", "url_changes",
    "welcome",
]  # fmt: skip

_RULES = {  # MappingMatch: what it is called among others, and why it matches
    MappingMatch.EXACT: ("an exact match", "the path is exactly the pattern (rule 1 of §12.1)"),
    MappingMatch.CONTEXT_ROOT: ("the context root", 'the pattern "" is the root of the web app (§12.2)'),
    MappingMatch.PATH: ("a prefix", "{} covers {} and everything below it (rule 2 of §12.1)"),
    MappingMatch.EXTENSION: ("an extension", "the last segment ends in {} (rule 3 of §12.1)"),
    MappingMatch.DEFAULT: (
        "the default servlet",
        '"/" takes what no other pattern matches (rule 4 of §12.1)',
    ),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Places of one web app, as somebody would type them to open the file."""

    context: Context
    folder: str

    @classmethod
    def of(cls, context: Context, folder: str | None) -> Place:
        """Call the folder by its path from the current directory, unless it is said how."""
        if folder is None:
            relative = os.path.relpath(context.folder)
            folder = os.fspath(context.folder.absolute()) if relative.startswith("..") else relative
        return cls(context, folder)

    def shown(self, source: Source | None) -> Source | None:
        """None where there is no such line: the container's own rules, what code has registered."""
        if source is None or not source.line:
            return None
        first, slash, rest = source.file.partition("/")
        if first != self.context.folder.name or not slash:
            return source
        return replace(source, file=f"{self.folder}/{rest}")

    def of_mapping(self, source: Source | None) -> Source | None:
        """The same for what has the place of the whole descriptor where nothing says it."""
        return None if source == self.context.web_app.source else self.shown(source)

    def of_code(self, code: Any) -> Source | None:
        """Where a function of the web app stands."""
        code = getattr(inspect.unwrap(code), "__code__", None)
        if code is None:
            return None
        file = os.path.relpath(code.co_filename, self.context.folder.resolve())
        return None if file.startswith("..") else Source(f"{self.folder}/{file}", code.co_firstlineno)

    def problem(self, problem: Problem) -> Problem:
        source = problem.source
        if source is not None and source.file.startswith(f"{self.context.folder.name}/"):
            source = replace(source, file=self.folder + source.file[len(self.context.folder.name) :])
        return replace(problem, source=source)


def url_changes(typed: str, sent: bytes, raw_path: bytes, canonical: CanonicalPath) -> Iterator[str]:
    """Say what is done to a target before anything is decided on it."""
    if typed.encode() != sent:
        yield "spaces and letters beyond ASCII are sent as %XX, as a browser does"
    if not sent.startswith(raw_path):
        yield "scheme and host do not count for the path"
    if b"?" in sent:
        yield "the query is not part of the path"
    if canonical.path.encode() == raw_path:
        return
    for name, value in canonical.parameters:
        yield f"the path parameter ;{name}{'=' if value else ''}{value} is taken out"
    if b";" in raw_path and not canonical.parameters:
        yield "empty path parameters are taken out"
    if b"%" in raw_path:
        yield "%XX is decoded as UTF-8"
    segments = raw_path[1:].split(b"/")
    if b"." in segments or b".." in segments:
        yield 'the segments "." and ".." are resolved'
    if b"" in segments[:-1]:
        yield "empty segments are left out"


# --- mapping ----------------------------------------------------------------------------------------------


def _candidate(place: Place, match: Match, source: Source | None, why: str) -> Candidate:
    return Candidate(
        match.servlet_name, match.pattern, match.kind.name.lower(), why, place.of_mapping(source)
    )


def _why_it_matches(match: Match) -> str:
    prefix = match.pattern[:-2] or "/"
    extension = match.pattern[1:]
    of_kind = {MappingMatch.PATH: (match.pattern, prefix), MappingMatch.EXTENSION: (extension,)}
    return _RULES[match.kind][1].format(*of_kind.get(match.kind, ()))


def candidates(place: Place, match: Match) -> tuple[Candidate, tuple[Candidate, ...]]:
    """The mapping that has won, and those that match as well."""
    path = match.servlet_path + (match.path_info or "")
    ranking = list(place.context.mapper.ranking(path))
    winner = next((each for each in ranking if each[0] == match), None)
    won = _candidate(place, match, None if winner is None else winner[1].source, _why_it_matches(match))
    lost = [(m, mapping) for m, mapping in ranking if m != match]
    return won, tuple(_candidate(place, m, mapping.source, _why_it_loses(m, match)) for m, mapping in lost)


def _why_it_loses(match: Match, winner: Match) -> str:
    if match.kind is winner.kind is MappingMatch.PATH:
        return f"matches, too, but {winner.pattern} is the longer prefix"
    return f"matches, too, but {_RULES[winner.kind][0]} goes before {_RULES[match.kind][0]}"


def unmatched(place: Place, matching: set[str]) -> Iterator[Candidate]:
    """The web app's own mappings that do not match, and why not."""
    for mapping in place.context.deployment.servlet_mappings():
        pattern = mapping.url_pattern
        if pattern in matching:
            continue
        if pattern.startswith("*."):
            rule, why = MappingMatch.EXTENSION, f"the last segment does not end in {pattern[1:]}"
        elif pattern.endswith("/*"):
            rule, why = MappingMatch.PATH, f"the path is neither {pattern[:-2]} nor below it"
        elif not pattern:
            rule, why = MappingMatch.CONTEXT_ROOT, "the path is not the root of the web app"
        else:
            rule, why = MappingMatch.EXACT, "the path is another one"
        yield Candidate(
            mapping.servlet_name, pattern, rule.name.lower(), why, place.of_mapping(mapping.source)
        )


def welcome(place: Place, path: str) -> Iterator[Welcome]:
    """What is looked for in a directory, up to what is found."""
    for attempt in place.context.welcome_attempts(path):
        source = place.of_mapping(attempt.welcome.source)
        yield Welcome(attempt.path, "file" if attempt.as_file else "servlet", attempt.found, source)
        if attempt.found:
            return


# --- front ------------------------------------------------------------------------------------------------


def front(place: Place, method: str, location: Location, canonical: CanonicalPath, raw_path: bytes) -> Front:
    """Why the front hands a request over although it could be one for a file."""
    context = place.context
    path = location.path
    if method not in ("GET", "HEAD"):
        return Front(False, f"the front sends files for GET and HEAD only, not for {method}")
    seeing = [w for w in context.watchers() if not _admits(context, [w], path)]
    if seeing and _admits(context, [], path):
        reasons = tuple(Line(_watches(w), place.of_mapping(w.source)) for w in seeing)
        return Front(False, "the web app could see this request:", reasons)
    if not _admits(context, [], path):
        return Front(False, "the front sends no pages, no hidden files and nothing of WEB-INF and META-INF")
    if not context.resources.is_file(path):
        what = "the path is a directory" if context.resources.is_directory(path) else "there is no such file"
        return Front(False, f"{what}, and the front sends files only")
    if canonical.path.encode() != raw_path:
        return Front(False, "the front takes paths only that need no decoding")
    return Front(False, "this file is left to the container: it is not in the web app's own folder, "
                        "cannot be read, or has a type with parameters")  # fmt: skip


def _admits(context: Context, watchers: list[Watcher], path: str) -> bool:
    root = context.static_root_beside(watchers)
    return root is not None and root.admits(path)


def _watches(watcher: Watcher) -> str:
    if watcher.kind == "listener":
        return f"{watcher.name} is a ServletRequestListener: it hears of every request"
    if watcher.kind == "constraint":
        return f"a security constraint covers {watcher.pattern}"
    if watcher.kind == "filter":
        covers = (
            f"covers {watcher.pattern}" if watcher.pattern is not None else "is mapped to the default servlet"
        )
        return f"filter {watcher.name} {covers}"
    if watcher.pattern is None:
        return f"servlet {watcher.name} takes the place of the container's default servlet, or changes it"
    return f"servlet {watcher.name} is mapped to {watcher.pattern or chr(34) * 2}"


# --- security ---------------------------------------------------------------------------------------------


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
        Access.AUTHENTICATED: "whoever has logged in may pass",
        Access.ROLES: "whoever has one of the roles may pass",
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
        why = "the most specific pattern, and the method is named"
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
        return Answer("login page", None, "a form asks who it is", host.forwarded_to, None, source)
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


# --- filters ----------------------------------------------------------------------------------------------


def filters(place: Place, kind: DispatcherType, path: str, servlet_name: str) -> Iterator[FilterStep]:
    """First those that apply, in the order of the chain, then the others."""
    choice = place.context.filter_choice
    chosen = list(choice.chosen(kind, path, servlet_name))
    for entry in (*chosen, *(e for e in choice.mappings if all(e is not c for c in chosen))):
        declaration = entry.holder.declaration
        target = (
            f"url-pattern {entry.pattern}"
            if entry.pattern is not None
            else f"servlet-name {entry.servlet_name}"
        )
        applies = any(entry is c for c in chosen)
        if applies:
            why = f"{target}, dispatcher {kind.name}"
        elif kind.name not in entry.dispatchers:
            why = f"{target}, but only for dispatcher {', '.join(sorted(entry.dispatchers))}, not {kind.name}"
        elif entry.applies(path, servlet_name):
            why = f"{target} applies, too, but a filter is called once, at its first place"
        elif entry.pattern is not None:
            why = f"{target} does not cover {path}"
        else:
            why = f"{target} is another servlet than {servlet_name}"
        yield FilterStep(
            entry.holder.name,
            class_name(place.context, declaration),
            applies,
            why,
            place.shown(entry.source),
            place.shown(declaration.source),
        )


# --- servlet ----------------------------------------------------------------------------------------------


def class_name(context: Context, declaration: Any) -> str:
    """How a descriptor would call the class of a servlet or filter."""
    if declaration.class_name:
        return str(declaration.class_name)
    if getattr(declaration, "jsp_file", None):
        return str(declaration.jsp_file)
    found = getattr(declaration, "servlet_class", None) or getattr(declaration, "filter_class", None)
    return context.loader.name_of(found or type(declaration.instance))


def servlet(
    place: Place, dispatch: Dispatch, method: str, passed: tuple[str, ...]
) -> tuple[Servlet, Problem | None]:
    """The servlet of a dispatch, and what is wrong with its class, if anything is."""
    holder = dispatch.target.holder
    declaration = holder.declaration
    found, problem = _class_of(place, holder)
    calls, calls_source = (None, None) if found is None else _calls(place, found, method)
    declared = next((s for s in place.context.web_app.servlets if s.name == holder.name), None)
    config = declaration.multipart_config
    multipart: dict[str, int | str] | None = None
    if config is not None:
        multipart = {
            "location": config.getLocation() or "",
            "max_file_size": config.getMaxFileSize(),
            "max_request_size": config.getMaxRequestSize(),
            "file_size_threshold": config.getFileSizeThreshold(),
        }
    multipart_source = declared.multipart_config.source if declared and declared.multipart_config else None
    return Servlet(
        holder.name,
        class_name(place.context, declaration),
        dispatch.servlet_path,
        dispatch.path_info,
        calls,
        declaration.load_on_startup,
        dispatch.target.async_supported,
        _why_async(place.context, holder, dispatch, passed),
        multipart,
        place.shown(declaration.source),
        calls_source,
        place.shown(multipart_source or (declaration.source if config is not None else None)),
    ), problem


def _class_of(place: Place, holder: ServletHolder) -> tuple[type[Any] | None, Problem | None]:
    declaration = holder.declaration
    if declaration.instance is not None:
        return type(declaration.instance), None
    if declaration.jsp_file is not None:
        return None, None
    try:
        return place.context.class_of(declaration), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  importing runs application code, whose exit() ends nothing here
        cause = error.getRootCause() if isinstance(error, ServletException) else None
        said = str(cause) if isinstance(cause, ContainerError) else f"{type(error).__name__}: {error}"
        message = f"servlet {holder.name}: {said}".rstrip(".")
        return None, place.problem(Problem(declaration.source, message))


def _calls(place: Place, found: type[Any], method: str) -> tuple[str | None, Source | None]:
    """The method that the request reaches in the servlet's class."""
    name = METHODS.get(method, "service")
    if not issubclass(found, HttpServlet) or found.service is not HttpServlet.service:
        name = "service"
    elif method == "HEAD" and found.doHead is HttpServlet.doHead:
        name = "doGet"
    called = getattr(found, name, None)
    if called is None:
        return None, None
    owner = next((base for base in found.__mro__ if name in vars(base)), found)
    return f"{owner.__qualname__}.{name}", place.of_code(called)


def _why_async(context: Context, holder: ServletHolder, dispatch: Dispatch, passed: tuple[str, ...]) -> str:
    if dispatch.target.async_supported:
        return "the servlet and all of its filters support it"
    if not holder.async_supported:
        return "the servlet does not say <async-supported>"
    names = [name for name in passed if not context.filters[name].async_supported]
    return f"the servlet does, but not filter {', '.join(names)}"


def servlet_answer(place: Place, dispatch: Dispatch, request: Request) -> Answer | None:
    """What HttpServlet answers where the servlet's class lacks the method; None: the class answers."""
    found, _ = _class_of(place, dispatch.target.holder)
    method = request.getMethod()
    if found is None or not issubclass(found, HttpServlet) or found.service is not HttpServlet.service:
        return None
    if method in METHODS and answers(found, method):
        return None
    HttpServlet().service(request, request._response)
    lacks = f"{found.__qualname__} has no {METHODS[method]}" if method in METHODS else f"{method} is unknown"
    return Answer("servlet", request._response.getStatus(), f"{lacks}, and HttpServlet refuses it")


def file_answer(place: Place, dispatch: Dispatch, request: Request) -> Answer | None:
    """Let the container's own default servlet answer the probe; None if it is another servlet's affair."""
    holder = dispatch.target.holder
    own = holder is place.context.nothing_there or is_default_servlet(holder.declaration)
    if not own:
        return None
    path = dispatch.servlet_path + (dispatch.path_info or "")
    method = request.getMethod()
    readonly = holder.declaration.init_params.get("readonly", "true").lower() == "true"
    if method in ("PUT", "DELETE") and not readonly:
        return Answer("default servlet", None, f"readonly is false: {method} changes {path}")
    response = request._response
    try:
        holder.service(request, response)
    except Exception as error:  # noqa: BLE001  an init parameter of it may be wrong
        return Answer("default servlet", 500, f"{type(error).__name__}: {error}")
    status, location = response.getStatus(), response.getHeader("Location")
    words = {
        302: "a directory has a / at its end",
        404: f"no servlet is mapped to {path}, and there is no such file"
             if holder is not place.context.nothing_there
             else f"nothing answers {path}",
        405: "files have no other methods",
        403: "the file must not be read",
    }  # fmt: skip
    return Answer("default servlet", status, words.get(status, f"the file {path}"), location)


# --- session and errors -----------------------------------------------------------------------------------


def session(place: Place) -> Session:
    """How sessions of the web app are recognised and when they end."""
    sessions = place.context.sessions
    config = place.context.web_app.session_config
    cookie_config = None if config is None else config.cookie_config
    cookie = sessions.cookie_config.session_cookie("id", place.context.path, secure=False)
    attributes = {"Path": cookie.getPath() or "/", **cookie.getAttributes()}
    source = None if config is None else place.shown(config.source)
    return Session(
        tuple(sorted(mode.name for mode in sessions.modes)),
        sessions.cookie_config.cookie_name,
        tuple(sorted((name, value) for name, value in attributes.items() if value is not None)),
        sessions.parameter_name,
        int(sessions.manager.timeout_s // 60),
        source,
        source if config is not None and config.timeout_minutes is not None else None,
        place.shown(cookie_config.source) if cookie_config is not None else None,
        source if config is not None and config.tracking_modes else None,
    )


def error_pages(place: Place, request: Request, statuses: set[int]) -> Iterator[ErrorPage]:
    """What is shown for these statuses and those that the web app names, then for exceptions."""
    pages = place.context.error_pages
    for status in sorted(statuses | pages.codes.keys()):
        yield error_page(place, request, status)
    for page in {id(page): page for page in pages.types.values()}.values():
        why = "an exception of this class, or of one derived from it, that nobody catches"
        yield _error_page(place, request, 500, page.exception_type, page, why)


def error_page(place: Place, request: Request, status: int) -> ErrorPage:
    page = place.context.error_pages.page_for(status)
    why = "the container's own page: no <error-page> counts"
    if page is not None:
        why = f"<error-code>{status}" if page.error_code == status else "the page for everything else"
    return _error_page(place, request, status, None, page, why)


def _error_page(
    place: Place,
    request: Request,
    status: int,
    exception: str | None,
    page: model.ErrorPage | None,
    why: str,
) -> ErrorPage:
    if page is None:
        return ErrorPage(status, exception, None, why, None, (), None)
    context, source = place.context, place.shown(page.source)
    path, mark, query = page.location.partition("?")
    try:
        dispatcher = context.dispatcher(path, query if mark else None)
    except IllegalArgumentException:
        dispatcher = None
    answers, redirect = False, None
    if dispatcher is not None:
        answers, redirect = _shows(context, dispatcher, request, status, query if mark else None)
    if dispatcher is None or not answers:
        why += f"; but nothing answers {page.location}, so the container's own page is shown"
        return ErrorPage(status, exception, page.location, why, None, (), source)
    if redirect is not None:
        why += f"; but that is a directory, so the client is sent to {redirect}"
    name = dispatcher.match.servlet_name
    chosen = context.filter_choice.chosen(DispatcherType.ERROR, dispatcher.path, name)
    passed = tuple(entry.holder.name for entry in chosen)
    return ErrorPage(status, exception, page.location, why, name, passed, source, redirect)


def _shows(
    context: Context, dispatcher: Dispatcher, before: Request, status: int, query: str | None
) -> tuple[bool, str | None]:
    """Whether something answers an error dispatch, and where it redirects to.

    The container's own default servlet is asked; others are taken to answer.
    """
    holder = context.servlets[dispatcher.match.servlet_name]
    if not is_default_servlet(holder.declaration):
        return True, None
    attributes = {ERROR + "status_code": status}
    dispatch = dispatcher.dispatch(DispatcherType.ERROR, before._dispatch, attributes, None)
    request = probe(before._exchange, before._location, None, dispatch)
    request._method, request._query = "GET", before._query if query is None else query
    response = request._response
    response._status = status
    holder.service(request, response)
    return response._error is None, response.getHeader("Location")


def probe(exchange: Exchange, location: Location, query: bytes | None, dispatch: Dispatch) -> Request:
    """A request that has come as far as a dispatch, with a fresh response."""
    request = Request(exchange, location, query, dispatch)
    request._response = Response(exchange, request)
    return request
