"""The servlet that is called and its sessions; and what is answered where its class does not."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from container.engine.context import Context, is_default_servlet
from container.engine.dispatch import Dispatch
from container.engine.holder import ServletHolder
from container.engine.loader import ClassNotFound
from container.engine.request import Request
from container.errors import Problem, Source
from container.files import is_protected
from container.learn.explain.model import Answer, FilterStep, Servlet, Session
from container.learn.explain.place import Place, class_name
from container.servlet import HttpServlet, ServletException
from container.servlet.servlet import METHODS, answers

__all__ = ["file_answer", "servlet", "servlet_answer", "session"]


def servlet(
    place: Place, dispatch: Dispatch, method: str, passed: tuple[FilterStep, ...]
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
        what = f"servlet {holder.name}"
        if isinstance(cause, ClassNotFound):
            problem = Problem(declaration.source, f"{what}: {cause.reason}", cause.cure, code="WAS301")
        else:
            said = f"{type(error).__name__}: {error}".rstrip(".")
            problem = Problem(declaration.source, f"{what}: {said}", code="WAS309")
        return None, place.problem(problem)


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


def _why_async(
    context: Context, holder: ServletHolder, dispatch: Dispatch, passed: tuple[FilterStep, ...]
) -> str:
    if dispatch.target.async_supported:
        return "the servlet and all of its filters support it"
    if not holder.async_supported:
        return "the servlet does not say <async-supported>"
    names = [step.filter for step in passed if not context.filters[step.filter].async_supported]
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
    status = response.getStatus()
    return Answer(
        "default servlet", status, _why_file(place, holder, path, status), response.getHeader("Location")
    )


def _why_file(place: Place, holder: ServletHolder, path: str, status: int) -> str:
    if status == HTTPStatus.NOT_FOUND:
        if is_protected(path):
            return "WEB-INF and META-INF are not there for clients"
        if holder is place.context.nothing_there:
            return f"nothing answers {path}"
        return f"no servlet is mapped to {path}, and there is no such file"
    if status == HTTPStatus.FOUND:
        return "a directory has a / at its end"
    if status == HTTPStatus.FORBIDDEN:
        return "the file must not be read"
    if status >= 400:
        return "files do not answer this method"
    return f"the list of {path}" if path.endswith("/") else f"the file {path}"


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
