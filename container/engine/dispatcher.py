"""RequestDispatcher: forward and include (Servlet 6.1, chapter 9).

Both give the request another Dispatch for the time of the call and put the old one back afterwards; the
objects stay the ones the caller had, so an application's wrappers keep working.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from container.engine.dispatch import ERROR, FORWARD, INCLUDE, Dispatch, path_attributes
from container.engine.request import Request, raw_request
from container.engine.response import Response, raw_response
from container.servlet import (
    DispatcherType,
    IllegalStateException,
    RequestDispatcher,
    ServletException,
    ServletRequest,
    ServletResponse,
)

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.engine.mapper import Match

MAX_DEPTH = 20

__all__ = ["Dispatcher", "NamedDispatcher", "dispatch_error", "include_error"]


class Dispatcher(RequestDispatcher):
    """A dispatcher obtained by path.

    Path is canonical and relative to the context, query is None without "?".

    uri is what getRequestURI shows: the path as it was written, behind the context's.
    """

    def __init__(self, context: Context, match: Match, path: str, uri: str, query: str | None) -> None:
        self._context = context
        self.match = match
        self.path = path
        self._uri = uri
        self._query = query

    def __repr__(self) -> str:
        return f"<Dispatcher {self._context.path}{self.path}>"

    def forward(self, request: ServletRequest, response: ServletResponse) -> None:
        raw, answer = begin_forward(request, response)
        before, query = raw._dispatch, raw._query
        attributes = forward_attributes(before, query)
        self._run(raw, request, response, DispatcherType.FORWARD, attributes, self._query)
        end_forward(raw, answer, response)

    def _run(
        self, raw: Request, request: ServletRequest, response: ServletResponse,
        kind: DispatcherType, attributes: dict[str, Any], query: str | None,
    ) -> None:  # fmt: skip
        dispatch = self.dispatch(kind, raw._dispatch, attributes, query)
        with_dispatch(raw, dispatch, raw._query if query is None else query, request, response)

    def dispatch(
        self, kind: DispatcherType, before: Dispatch, attributes: dict[str, Any], query: str | None
    ) -> Dispatch:
        """What the request is to look at while the target runs."""
        context = self._context
        return Dispatch(
            kind,
            context,
            self._uri,
            context.encoded_path,
            self.match,
            context.target(kind, self.path, self.match),
            attributes=attributes,
            queries=before.queries if not query else (query, *before.queries),
        )

    def include(self, request: ServletRequest, response: ServletResponse) -> None:
        raw, answer = raw_request(request), raw_response(response)
        before = raw._dispatch
        query = self._query
        target = self.dispatch(DispatcherType.INCLUDE, before, {}, query)
        attributes = without(before.attributes, INCLUDE)
        attributes.update(path_attributes(INCLUDE, target, query))
        # The target sees the caller's paths and mapping; only the attributes tell its own (RT-INC-02).
        dispatch = before.changed(
            kind=DispatcherType.INCLUDE,
            attributes=attributes,
            queries=target.queries,
            target=target.target,
            context=self._context,
        )
        include(raw, answer, dispatch, request, response)


class NamedDispatcher(RequestDispatcher):
    """A dispatcher obtained by servlet name: the paths stay those of the caller (RT-FWD-04, RT-INC-06)."""

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self._name = name

    def _changed(self, kind: DispatcherType, before: Dispatch) -> Dispatch:
        return before.changed(
            kind=kind,
            context=self._context,
            target=self._context.named_target(kind, self._name),
            attributes=without(before.attributes, INCLUDE),
        )

    def forward(self, request: ServletRequest, response: ServletResponse) -> None:
        raw, answer = begin_forward(request, response)
        with_dispatch(
            raw, self._changed(DispatcherType.FORWARD, raw._dispatch), raw._query, request, response
        )
        end_forward(raw, answer, response)

    def include(self, request: ServletRequest, response: ServletResponse) -> None:
        raw, answer = raw_request(request), raw_response(response)
        include(raw, answer, self._changed(DispatcherType.INCLUDE, raw._dispatch), request, response)


def without(attributes: dict[str, Any] | None, prefix: str) -> dict[str, Any]:
    """Copy the standard attributes of the dispatch before, apart from those of one kind."""
    return {name: value for name, value in (attributes or {}).items() if not name.startswith(prefix)}


def forward_attributes(before: Dispatch, query: str | None) -> dict[str, Any]:
    """The attributes a forward's target sees.

    The first request of a chain of forwards is what they tell (RT-FWD-05).
    """
    attributes = without(before.attributes, INCLUDE)
    if FORWARD + "request_uri" not in attributes:
        attributes.update(path_attributes(FORWARD, before, query))
    return attributes


def begin_forward(request: ServletRequest, response: ServletResponse) -> tuple[Request, Response]:
    """RT-FWD-01, RT-FWD-02. An application's wrapper is asked, so that it can drop what it has captured."""
    if response.isCommitted():
        raise IllegalStateException("forward after the response was committed")
    raw, answer = raw_request(request), raw_response(response)
    if response is answer:
        answer._drop_buffer()  # even inside an include
    else:
        response.resetBuffer()
    return raw, answer


def end_forward(raw: Request, answer: Response, response: ServletResponse) -> None:
    """RT-FWD-07: what the target wrote is sent and nothing can be added, unless async was started.

    An application's wrapper is closed instead, as Tomcat does: what it captured is the application's affair.
    """
    if raw._async is not None and raw._async.is_started():
        return
    if response is answer:
        answer._complete()
    else:
        try:
            response.getWriter().close()
        except IllegalStateException:
            response.getOutputStream().close()


def with_dispatch(
    raw: Request, dispatch: Dispatch, query: str | None, request: ServletRequest, response: ServletResponse
) -> None:
    """Run a dispatch's target and put everything back."""
    if raw._depth >= MAX_DEPTH:
        raise ServletException(
            f"more than {MAX_DEPTH} forwards and includes inside each other: an endless chain?"
        )
    raw._depth += 1
    before, old_query, parameters = raw._dispatch, raw._query, raw._parameters
    raw._dispatch = dispatch
    raw._query = query
    if dispatch.queries is not before.queries:
        raw._parameters = None
    try:
        dispatch.target.run(request, response)
    finally:
        raw._depth -= 1
        raw._dispatch = before
        raw._query = old_query
        if dispatch.queries is not before.queries:
            raw._parameters = parameters


def include(
    raw: Request, answer: Response, dispatch: Dispatch, request: ServletRequest, response: ServletResponse
) -> None:
    """Run a dispatch that may write, but not change status.

    Headers or the state of the response (RT-INC-03).
    """
    locked = answer._locked
    answer._include_depth += 1
    answer._locked = True
    try:
        with_dispatch(raw, dispatch, raw._query, request, response)
    finally:
        answer._include_depth = max(0, answer._include_depth - 1)
        if answer._include_depth == 0:
            answer._locked = locked or answer._committed


def include_error(
    context: Context, raw: Request, answer: Response, location: str, attributes: dict[str, Any]
) -> None:
    """Add an error page to an answer whose beginning has been sent already (RT-EP-28)."""
    path, mark, query = location.partition("?")
    dispatcher = context.dispatcher(path, query if mark else None)
    if dispatcher is not None:
        raw._dispatch = raw._dispatch.changed(
            attributes=without(raw._dispatch.attributes, ERROR) | attributes
        )
        dispatcher.include(raw, answer)


def dispatch_error(
    context: Context, raw: Request, answer: Response, location: str, attributes: dict[str, Any]
) -> bool:
    """Show an error page: a forward with the original objects, as GET (RT-EP-20..22).

    False if nothing answers there.
    """
    path, mark, query = location.partition("?")
    dispatcher = context.dispatcher(path, query if mark else None)
    if dispatcher is None:
        return False
    before = raw._dispatch
    kept = {
        name: value
        for name, value in (before.attributes or {}).items()
        if not name.startswith((INCLUDE, ERROR))
    }
    kept.update(forward_attributes(before.changed(attributes=kept), raw._query))
    kept.update(attributes)
    raw._method = "GET"
    dispatcher._run(raw, raw, answer, DispatcherType.ERROR, kept, query if mark else None)
    return True
