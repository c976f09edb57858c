"""The order of what a request passes inside one web app: this list, and nothing else.

    Context.handle: map the path ──> request_listeners ──> error_pages ──> sessions ──> security ──> filters,
    servlet

A step wraps the next one. Steps whose feature a web app does not use are not in its list, so they cost
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.engine.request import Request
    from container.engine.response import Response

__all__ = ["Handler", "Step", "build_pipeline"]

Handler = Callable[["Request", "Response"], None]
Step = Callable[[Handler], Handler]


def build_pipeline(context: Context) -> Handler:
    """Everything a request passes inside one web app, outermost first. Built once, at start."""
    steps: list[Step] = []
    if context.request_listeners:
        steps.append(request_listeners(context))
    steps.append(error_pages(context))
    if context.sessions.used:
        steps.append(sessions(context))
    if context.security.active:
        steps.append(security(context))
    handler: Handler = run_target
    for step in reversed(steps):
        handler = step(handler)
    return handler


def run_target(request: Request, response: Response) -> None:
    """The innermost step: the filters that the mapping chose, then the servlet."""
    request._dispatch.target.run(request, response)


def request_listeners(context: Context) -> Step:
    """Tell the listeners that a request begins.

    That it ended is told in Context.end, after async completion.
    """

    def step(next_handler: Handler) -> Handler:
        def handle(request: Request, response: Response) -> None:
            try:
                context.fire_request_initialized(request)
            except BaseException as error:  # noqa: BLE001  a listener is application code (RT-EP-05)
                context.error_pages.report_exception(request, response, error)
                return
            next_handler(request, response)

        return handle

    return step


def error_pages(context: Context) -> Step:
    """Answer what went wrong further in: a sendError, or an exception that nobody caught (§10.9.2)."""
    pages = context.error_pages

    def step(next_handler: Handler) -> Handler:
        def handle(request: Request, response: Response) -> None:
            try:
                next_handler(request, response)
            except KeyboardInterrupt as error:
                pages.report_exception(request, response, error)
                raise
            except BaseException as error:  # noqa: BLE001  not even SystemExit may end our thread
                if request._async is not None and request._async.takes_error(error):
                    return
                pages.report_exception(request, response, error)
                return
            if response._error is not None:
                pages.report(request, response)
                if request._async is not None and request._async.is_started():
                    response._close()  # whoever has refused the request need not complete it to be heard

        return handle

    return step


def sessions(context: Context) -> Step:
    """A request that carries a session's id counts as its access.

    Whether it asks for the session or not (RT-SES-32).
    """
    touch, writer = context.sessions.touch, context.sessions.writer
    has_sessions = context.sessions.manager.has_sessions

    def step(next_handler: Handler) -> Handler:
        def handle(request: Request, response: Response) -> None:
            if has_sessions():
                touch(request)
            next_handler(request, response)

        def handle_stored(request: Request, response: Response) -> None:
            writer.request_id = request.getRequestId()
            try:
                handle(request, response)
            finally:
                writer.request_id = ""

        return handle_stored if context.sessions.manager.is_stored else handle

    return step


def security(context: Context) -> Step:
    """Let pass who may pass; whoever may not has been answered (RT-SEC, 17.3)."""
    allows = context.security.allows

    def step(next_handler: Handler) -> Handler:
        def handle(request: Request, response: Response) -> None:
            if allows(request, response):
                next_handler(request, response)

        return handle

    return step
