"""Asynchronous requests: what goes on after ``service`` has returned (Servlet 6.1 §2.3.3.3).

    DISPATCHED ── startAsync ──> STARTED ── chain unwinds ──> WAITING ── complete ──> COMPLETED
         ^                          │                            │
         └────────────── dispatch ──┴────────────────────────────┘

One RequestAsync belongs to a request for its whole life. Its methods may be called by any thread; the lock
guards the
state, and whatever runs because of it runs outside the lock, in a request thread of the exchange
(``resume``).
"""

from __future__ import annotations

import asyncio
import enum
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from container.engine.dispatch import ASYNC, Dispatch, path_attributes
from container.engine.holder import guarded
from container.engine.uri import canonicalize
from container.servlet import (
    AsyncContext,
    AsyncEvent,
    AsyncListener,
    DispatcherType,
    HttpServletRequest,
    IllegalStateException,
    ServletContext,
    ServletException,
    ServletRequest,
    ServletRequestWrapper,
    ServletResponse,
)

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.engine.request import Request

__all__ = ["RequestAsync", "run_coroutine"]

log = logging.getLogger("container.engine")

DEFAULT_TIMEOUT_MS = 30_000


class State(enum.Enum):
    """Where a request is between startAsync and its end."""

    DISPATCHED = enum.auto()  # a container dispatch runs, nothing started
    STARTED = enum.auto()  # startAsync was called, the dispatch has not returned
    COMPLETING = enum.auto()  # ... and complete was called meanwhile
    DISPATCHING = enum.auto()  # ... and dispatch was called meanwhile, or its task is on its way
    WAITING = enum.auto()  # the dispatch has returned
    ERROR = enum.auto()  # listeners are told of a timeout or an error
    COMPLETED = enum.auto()


_OPEN = (State.STARTED, State.WAITING, State.ERROR)


class RequestAsync(AsyncContext):
    """The AsyncContext of one request (RT-ASY-04: the same object in every cycle)."""

    __slots__ = (
        "_context", "_dispatch_to", "_kept", "_listeners", "_lock", "_original", "_raw", "_request",
        "_response",
        "_state", "_timeout_ms", "_timer",
    )  # fmt: skip

    def __init__(self, context: Context, raw: Request) -> None:
        self._context = context
        self._raw = raw
        self._lock = threading.RLock()
        self._state = State.DISPATCHED
        self._request: ServletRequest = raw
        self._response: ServletResponse = raw._response
        self._original = True
        self._listeners: list[tuple[AsyncListener, ServletRequest | None, ServletResponse | None]] = []
        self._timeout_ms = DEFAULT_TIMEOUT_MS
        self._timer: threading.Timer | None = None
        self._dispatch_to: Callable[[], None] | None = None
        self._kept: Dispatch | None = None

    # --- asked by request, dispatcher and pipeline---------------------------------------------------------

    def is_started(self) -> bool:
        return self._state in (
            State.STARTED, State.WAITING, State.COMPLETING, State.DISPATCHING, State.ERROR,
        )  # fmt: skip

    def is_available(self) -> bool:
        return True

    def keeps_dispatch(self, dispatch: Dispatch) -> bool:
        """Whether the objects given to startAsync(req, res) go on showing this dispatch (RT-RD-17)."""
        return self._kept is dispatch and self.is_started()

    def takes_error(self, error: BaseException) -> bool:
        """An exception that left the chain after startAsync is told to the listeners (RT-ASY-51)."""
        if not self.is_started():
            return False
        self._fail(error)
        return True

    # --- AsyncContext--------------------------------------------------------------------------------------

    def start_async(self, request: ServletRequest | None, response: ServletResponse | None) -> RequestAsync:
        with self._lock:
            if self._state is not State.DISPATCHED:
                raise IllegalStateException("startAsync has been called already in this dispatch")
            if not self._raw._response._open:
                raise IllegalStateException("startAsync after the response was closed")
            self._state = State.STARTED
            self._timeout_ms = DEFAULT_TIMEOUT_MS
            listeners, self._listeners = self._listeners, []
            if request is not None and response is not None:
                self._request, self._response = request, response
                self._original = not isinstance(request, ServletRequestWrapper)
                self._kept = self._raw._dispatch
            self._dispatch_to = None
        self._tell("onStartAsync", listeners=listeners)
        return self

    def _check(self, *states: State) -> None:
        if self._state not in states:
            raise IllegalStateException(f"not possible while the asynchronous request is {self._state.name}")

    def getRequest(self) -> ServletRequest:
        self._check(*_OPEN)
        return self._request

    def getResponse(self) -> ServletResponse:
        self._check(*_OPEN)
        return self._response

    def hasOriginalRequestAndResponse(self) -> bool:
        return self._original

    def setTimeout(self, ms: int) -> None:
        self._check(State.STARTED)
        self._timeout_ms = ms

    def getTimeout(self) -> int:
        return self._timeout_ms

    def addListener(
        self,
        listener: AsyncListener,
        servletRequest: ServletRequest | None = None,
        servletResponse: ServletResponse | None = None,
    ) -> None:
        self._check(State.STARTED)
        self._listeners.append((listener, servletRequest, servletResponse))

    def createListener(self, clazz: type[Any]) -> Any:
        try:
            return clazz()
        except Exception as error:  # the constructor is application code
            raise ServletException(f"{clazz!r} cannot be created: {error}", error) from error

    def start(self, run: Any) -> None:
        self._check(*_OPEN)
        task = run if callable(run) else run.run
        self._context.container.run_in_background(lambda: guarded("AsyncContext.start", task))

    def complete(self) -> None:
        with self._lock:
            self._check(*_OPEN)
            waiting = self._state is State.WAITING
            self._state = State.COMPLETING
        if waiting:
            self._cancel_timer()
            self._raw._exchange.resume(self._finish)

    def dispatch(self, context: ServletContext | str | None = None, path: str | None = None) -> None:
        if isinstance(context, str):
            context, path = None, context
        with self._lock:
            self._check(*_OPEN)
            if self._dispatch_to is not None:
                raise IllegalStateException("dispatch has been called already in this cycle")
            target = self._context if context is None else context._context  # type: ignore[attr-defined]
            self._dispatch_to = self._prepare(target, path)
            waiting = self._state is State.WAITING
            self._state = State.DISPATCHING
        if waiting:
            self._cancel_timer()
            self._raw._exchange.resume(self._run_dispatch)

    def _prepare(self, context: Context, path: str | None) -> Callable[[], None]:
        """Find the target now, so that a wrong path fails in the caller's hands (RT-ASY-20, RT-ASY-21)."""
        if path is None:
            uri = self._raw._container_dispatch.uri
            if self._kept is not None and isinstance(self._request, HttpServletRequest):
                uri = self._request.getRequestURI()
            path = canonicalize(uri.encode("latin-1")).path[len(context.path) :] or "/"
            query: str | None = None
        else:
            path, mark, rest = path.partition("?")
            query = rest if mark else None
        dispatcher = context.dispatcher(path, query)
        if dispatcher is None:
            raise IllegalStateException(f"nothing answers at {path}")
        raw = self._raw

        def run() -> None:
            before = raw._dispatch
            attributes = dict(before.attributes or {})
            if ASYNC + "request_uri" not in attributes:
                attributes.update(path_attributes(ASYNC, before, raw._query))
            raw._dispatch = dispatcher._dispatch(DispatcherType.ASYNC, before, attributes, query)
            raw._container_dispatch = raw._dispatch
            if query is not None:
                raw._query = query
                raw._parameters = None
            raw._async_supported = True
            raw._dispatch.target.run(self._request, self._response)

        return run

    # --- the cycle-----------------------------------------------------------------------------------------

    def unwound(self) -> bool:
        """The container's dispatch has returned. True if the request goes on without this thread."""
        with self._lock:
            if self._state is State.STARTED:
                self._state = State.WAITING
                self._raw._exchange.suspend()
                self._start_timer()
                return True
            state = self._state
        if state is State.DISPATCHING:
            self._raw._exchange.suspend()
            self._raw._exchange.resume(self._run_dispatch)
            return True
        if state is State.COMPLETING:
            self._tell_completed()
        elif state is State.DISPATCHED:
            self._tell_completed()  # an async dispatch that did not start again (RT-ASY-24)
        return False

    def _run_dispatch(self) -> None:
        with self._lock:
            run, self._dispatch_to = self._dispatch_to, None
            self._state = State.DISPATCHED
        raw, answer = self._raw, self._raw._response
        try:
            assert run is not None
            run()
        except BaseException as error:  # noqa: BLE001  as in the pipeline: a servlet must not end our thread
            self._fail(error)
        else:
            if answer._error is not None and not self.is_started():
                self._context.error_pages.report(raw, answer)
        if not self.unwound():
            self._context.end(raw, answer)

    def _finish(self) -> None:
        if self._raw._response._error is not None:
            self._context.error_pages.report(self._raw, self._raw._response)
        self._tell_completed()
        self._context.end(self._raw, self._raw._response)

    def _tell_completed(self) -> None:
        with self._lock:
            if self._state is State.COMPLETED:
                return
            self._state = State.COMPLETED
        answer = self._raw._response
        if not answer._finished and answer._error is None:
            guarded("the end of an answer", answer._finish)
        self._tell("onComplete")

    def _start_timer(self) -> None:
        if self._timeout_ms > 0:
            self._timer = threading.Timer(self._timeout_ms / 1000, self._timed_out)
            self._timer.daemon = True
            self._timer.start()

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _timed_out(self) -> None:
        with self._lock:
            if self._state is not State.WAITING:
                return
            self._state = State.ERROR
        self._raw._exchange.resume(self._handle_timeout)

    def _handle_timeout(self) -> None:
        self._tell("onTimeout")
        if self._state is State.ERROR:
            self._show_error(None)
        self._after_error()

    def _fail(self, error: BaseException) -> None:
        """RT-ASY-50: the listeners first; who completes or dispatches has dealt with it."""
        with self._lock:
            self._state = State.ERROR
        self._cancel_timer()
        log.debug("asynchronous request failed", exc_info=error)
        self._tell("onError", error)
        if self._state is State.ERROR:
            self._show_error(error)
            with self._lock:
                if self._state is State.ERROR:
                    self._state = State.COMPLETING

    def _show_error(self, error: BaseException | None) -> None:
        raw, answer = self._raw, self._raw._response
        if error is not None:
            self._context.error_pages.report_exception(raw, answer, error)
        elif not answer._committed:
            answer._open = True
            answer.sendError(500)
            self._context.error_pages.report(raw, answer)

    def _after_error(self) -> None:
        with self._lock:
            state = self._state
            if state is State.ERROR:
                self._state = state = State.COMPLETING
        if state is State.COMPLETING:
            self._finish()
        elif state is State.DISPATCHING:
            self._run_dispatch()

    def _tell(
        self,
        what: str,
        error: BaseException | None = None,
        listeners: list[tuple[AsyncListener, ServletRequest | None, ServletResponse | None]] | None = None,
    ) -> None:
        for listener, request, response in list(self._listeners if listeners is None else listeners):
            event = AsyncEvent(self, request, response, error)
            guarded(what, lambda listener=listener, event=event: getattr(listener, what)(event))  # type: ignore[misc]


def run_coroutine(
    context: Context, coroutine: Coroutine[Any, Any, Any], request: ServletRequest, response: ServletResponse
) -> None:
    """Run an ``async def doXxx`` to its end, in this thread."""
    asyncio.run(coroutine)
