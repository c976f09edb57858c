"""Asynchronous requests: what goes on after ``service`` has returned (Servlet 6.1 §2.3.3.3).

    DISPATCHED ─ startAsync ─> STARTED ─ the chain unwinds ─> WAITING ─ complete ─> COMPLETING ──> COMPLETED
         ^                        │                              │
         └─────── dispatch ───────┴──────────────────────────────┘

One RequestAsync belongs to a request for its whole life. Its methods may be called by any thread; the lock
guards the state, and whatever runs because of a call runs outside the lock, in a request thread of the
exchange (``resume``), one after the other.

An ``async def doGet`` starts such a cycle by itself, if it may. While its coroutine runs the state stays
STARTED, as if ``service`` had not returned: complete and dispatch take effect when the coroutine ends.
"""

from __future__ import annotations

import asyncio
import contextvars
import enum
import logging
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from types import EllipsisType
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from container.engine.coroutines import CoroutineRun, Waiter
from container.engine.dispatch import ASYNC, INCLUDE, Dispatch, path_attributes
from container.engine.dispatcher import Dispatcher, without
from container.engine.holder import guarded
from container.engine.nonblocking import Reading, Writing
from container.engine.request import raw_request
from container.engine.response import raw_response
from container.engine.timers import Timer
from container.protocols.exchange import ClientDisconnected, Exchange, Headers
from container.servlet import (
    AsyncContext,
    AsyncEvent,
    AsyncListener,
    DispatcherType,
    HttpServletRequest,
    IllegalArgumentException,
    IllegalStateException,
    NullPointerException,
    ReadListener,
    ServletContext,
    ServletException,
    ServletRequest,
    ServletResponse,
    UnavailableException,
    UnsupportedOperationException,
    WriteListener,
)

if TYPE_CHECKING:
    from container.engine.context import Context
    from container.engine.request import Request
    from container.engine.streams import RequestInputStream, ResponseOutputStream

__all__ = ["RequestAsync", "run_coroutine"]

log = logging.getLogger("container.engine")

DEFAULT_TIMEOUT_MS = 30_000

Listening = tuple[AsyncListener, ServletRequest | None, ServletResponse | None]


class State(enum.Enum):
    """Where a request is. The values say why a call came at the wrong time."""

    DISPATCHED = "startAsync has not been called in this dispatch"
    STARTED = "startAsync has been called already"
    MUST_COMPLETE = "complete has been called already"
    MUST_DISPATCH = "dispatch has been called already"
    WAITING = "the dispatch that called startAsync has returned"
    TIMING_OUT = "the request has timed out"
    ERROR = "the request has failed"
    DISPATCHING = "the request is being dispatched"
    COMPLETING = "the request is being completed"
    COMPLETED = "the request is over"


_D, _S, _MUST_COMPLETE, _MUST_DISPATCH, _W, _T, _E, _P, _C, _X = State

_MOVES: dict[str, dict[State, State]] = {
    "startAsync": {_D: _S},
    "complete": {_S: _MUST_COMPLETE, _W: _C, _T: _C, _E: _C},
    "dispatch": {_S: _MUST_DISPATCH, _W: _P, _T: _P, _E: _P},
    "addListener": {_S: _S},
    "setTimeout": {_S: _S},
    "getRequest": {_S: _S, _W: _W, _T: _T, _E: _E},
    "getResponse": {_S: _S, _W: _W, _T: _T, _E: _E},
    "start": {_S: _S, _W: _W, _T: _T, _E: _E},
}
"""What may be called in which state, and the state afterwards. All else is IllegalStateException."""

_IS_STARTED = frozenset({_S, _MUST_COMPLETE, _MUST_DISPATCH, _W, _T, _E})


class RequestAsync(AsyncContext):
    """The AsyncContext of one request (RT-ASY-04: the same object in every cycle)."""

    __slots__ = (
        "_attributes", "_calls", "_client", "_context", "_coroutine", "_cycles", "_dispatcher", "_given",
        "_listeners", "_lock", "_original", "_owner", "_raw", "_reading", "_request", "_response", "_run",
        "_shown", "_state", "_timeout_ms", "_timer", "_timing", "_unavailable", "_variables", "_write_error",
        "_writing",
    )  # fmt: skip

    def __init__(self, owner: Context, raw: Request) -> None:
        self._owner = owner  # the web app that the client asked
        self._context = owner  # the one that startAsync was called in
        self._raw = raw
        self._lock = threading.RLock()
        self._state = State.DISPATCHED
        self._cycles = 0
        self._request: ServletRequest = raw
        self._response: ServletResponse = raw._response
        self._original = True
        self._given = False  # request and response, in this cycle
        self._client = (raw._container_dispatch, raw._sent_query())
        self._shown = self._client  # what the objects of this context show while no dispatch runs (RT-RD-17)
        self._attributes: dict[str, Any] | None = None  # jakarta.servlet.async.*, of the first dispatch
        self._listeners: list[Listening] = []
        self._timeout_ms = DEFAULT_TIMEOUT_MS
        self._timer: Timer | None = None
        self._timing: object = None  # of the timer that counts: others may be due before they are cancelled
        self._dispatcher: Dispatcher | None = None
        self._variables = contextvars.Context()
        self._coroutine: Coroutine[Any, Any, Any] | None = None  # to be run when the chain has unwound
        self._unavailable: Callable[[UnavailableException], None] | None = None  # for the coroutine's holder
        self._run: CoroutineRun | None = None
        self._write_error: ClientDisconnected | None = None
        self._reading: Reading | None = None
        self._writing: Writing | None = None
        self._calls: list[Callable[[], None]] = []  # of listeners of streams, when no dispatch runs
        raw._response._exchange = cast(Exchange, Output(raw._exchange, self))

    def __repr__(self) -> str:
        return f"<RequestAsync of {self._raw!r}, {self._state.name}>"

    # --- asked by request, dispatcher and pipeline --------------------------------------------------------

    def is_started(self) -> bool:
        return self._state in _IS_STARTED

    def is_available(self) -> bool:
        """Whether there has been a cycle (RT-ASY-05)."""
        return self._cycles > 0

    def takes_error(self, error: BaseException) -> bool:
        """An exception that left the chain after startAsync is told to the listeners (RT-ASY-51).

        Not if the request ends with this dispatch anyway.
        """
        if self._state not in _IS_STARTED or self._state is State.MUST_COMPLETE:
            return False
        self._fail(error)
        return True

    # --- AsyncContext -------------------------------------------------------------------------------------

    def _move(self, call: str) -> State:
        """Make the move of a call; return the state before. With the lock, unless the call moves nothing."""
        before = self._state
        after = _MOVES[call].get(before)
        if after is None:
            raise IllegalStateException(f"{call} is not possible now: {before.value}")
        if after is not before:
            self._state = after
        return before

    def start_async(self, request: ServletRequest | None, response: ServletResponse | None) -> RequestAsync:
        raw, answer = self._raw, self._raw._response
        given = request is not None or response is not None
        if given:
            if request is None or response is None:
                raise NullPointerException("startAsync needs both, request and response, or neither")
            if raw_request(request) is not raw or raw_response(response) is not answer:
                raise IllegalArgumentException("startAsync: not this request's objects, nor wrappers")
        with self._lock:
            if self._state is State.DISPATCHED and not answer._open:
                raise IllegalStateException("startAsync is not possible now: the response has been closed")
            self._move("startAsync")
            self._cycles += 1
            self._context = raw._dispatch.context
            self._timeout_ms = DEFAULT_TIMEOUT_MS
            self._variables = contextvars.copy_context()
            self._given = given
            self._write_error = None
            if request is not None and response is not None:
                self._request, self._response = request, response
                self._original = request is raw and response is answer
                self._shown = (raw._dispatch, raw._query)
            listeners, self._listeners = self._listeners, []
        self._tell("onStartAsync", listeners=listeners)
        return self

    def getRequest(self) -> ServletRequest:
        self._move("getRequest")
        return self._request

    def getResponse(self) -> ServletResponse:
        self._move("getResponse")
        return self._response

    def hasOriginalRequestAndResponse(self) -> bool:
        return self._original

    def setTimeout(self, ms: int) -> None:
        with self._lock:
            self._move("setTimeout")
            self._timeout_ms = ms
            if self._run is not None:
                self._start_timer()

    def getTimeout(self) -> int:
        return self._timeout_ms

    def addListener(
        self,
        listener: AsyncListener,
        servletRequest: ServletRequest | None = None,
        servletResponse: ServletResponse | None = None,
    ) -> None:
        with self._lock:
            self._move("addListener")
            if listener is None:
                raise NullPointerException("addListener needs a listener")
            self._listeners.append((listener, servletRequest, servletResponse))

    def createListener(self, clazz: type[Any]) -> Any:
        try:
            listener = clazz()
            if not isinstance(listener, AsyncListener):
                raise TypeError(f"{clazz!r} is no AsyncListener")
            self._context.injection.begin(listener)
        except Exception as error:  # the constructor is application code
            raise ServletException(f"{clazz!r} cannot be created: {error}", error) from error
        return listener

    def start(self, run: Any) -> None:
        self._move("start")
        task = run if callable(run) else run.run
        variables = self._variables.copy()
        self._owner.container.run_in_background(
            lambda: guarded("AsyncContext.start", lambda: variables.run(task))
        )

    def complete(self) -> None:
        with self._lock:
            before = self._move("complete")
        if before is State.WAITING:
            self._cancel_timer()
            self._resume(self._finish)

    def dispatch(
        self,
        context: ServletContext | str | EllipsisType | None = ...,
        path: str | EllipsisType | None = ...,
    ) -> None:
        if path is ... and not isinstance(context, ServletContext):
            context, path = ..., context
        with self._lock:
            if self._state not in _MOVES["dispatch"]:
                self._move("dispatch")
            self._dispatcher = self._target(context, path)
            before = self._move("dispatch")
            if self._attributes is None:
                self._attributes = path_attributes(ASYNC, *self._client)
        if before is State.WAITING:
            self._cancel_timer()
            self._resume(self._run_dispatch)

    def _target(
        self, context: ServletContext | str | EllipsisType | None, path: str | EllipsisType | None
    ) -> Dispatcher:
        """Find the target now, so that a wrong path fails in the caller's hands (RT-ASY-20, RT-ASY-21)."""
        if path is ...:
            before, path = self._last_dispatch()
            context = before.context.facade
        elif context is ...:
            context = self._context.facade
        if not isinstance(context, ServletContext):
            raise NullPointerException("dispatch needs a ServletContext, or a path alone")
        dispatcher = context.getRequestDispatcher(path)  # type: ignore[arg-type]  # None: there is none
        if not isinstance(dispatcher, Dispatcher):
            raise UnsupportedOperationException(f"nothing can be dispatched to {path!r} in {context!r}")
        return dispatcher

    def _last_dispatch(self) -> tuple[Dispatch, str]:
        """RT-ASY-20: what the given request shows, or else the container's last dispatch."""
        raw = self._raw
        dispatch, request = raw._container_dispatch, self._request
        uri, context_path = dispatch.uri, dispatch.context_path
        if self._given and isinstance(request, HttpServletRequest):
            before, dispatch = raw._dispatch, self._shown[0]
            raw._dispatch = dispatch  # a forward may have returned meanwhile
            try:
                uri, context_path = request.getRequestURI(), request.getContextPath()
            finally:
                raw._dispatch = before
        return dispatch, uri.removeprefix(context_path) or "/"

    # --- the cycle, in request threads --------------------------------------------------------------------

    def _resume(self, task: Callable[[], None]) -> None:
        self._raw._exchange.resume(partial(self._go_on, task))

    def _go_on(self, task: Callable[[], None]) -> None:
        """Run what the request does next, with the context variables of where it was started (RT-CTX-17)."""
        try:
            self._variables.copy().run(task)
        except BaseException:  # whatever it was, the request must end, and only the request
            log.exception("%s: the asynchronous request failed", self)
            self._raw._response._abort()
            self._state = State.COMPLETED
            self._owner.end(self._raw, self._raw._response)

    def unwound(self) -> bool:
        """The container's dispatch has returned. True if the request goes on without this thread."""
        raw = self._raw
        coroutine = None
        calls: list[Callable[[], None]] = []
        with self._lock:
            state = self._state
            if self._cycles:
                self._show()
            coroutine, self._coroutine = self._coroutine, None
            if state is State.STARTED:
                raw._exchange.suspend()
                if self._write_error is not None and coroutine is None:
                    self._state = State.ERROR
                elif coroutine is None:
                    self._state = State.WAITING
                    self._start_timer()
                    calls, self._calls = self._calls, []
            elif state in (State.MUST_DISPATCH, State.DISPATCHING):
                raw._exchange.suspend()
                self._state = State.DISPATCHING
            else:
                self._state = State.COMPLETING
        if state is State.STARTED:
            if coroutine is not None:
                self._launch(coroutine)
            elif self._state is State.ERROR and self._write_error is not None:
                self._resume(partial(self._handle_write_failed, self._write_error))
            for call in calls:
                self._resume(call)
            return True
        if coroutine is not None:
            coroutine.close()  # a filter has decided otherwise
        if self._state is State.DISPATCHING:
            self._resume(self._run_dispatch)
            return True
        self._tell_completed()
        return False

    def _show(self) -> None:
        """Let the request show again what it is to show outside a dispatch."""
        raw = self._raw
        dispatch, query = self._shown
        if raw._dispatch is not dispatch:
            raw._dispatch, raw._query, raw._parameters = dispatch, query, None

    def _after_dispatch(self) -> None:
        if not self.unwound():
            self._owner.end(self._raw, self._raw._response)

    def _run_dispatch(self) -> None:
        raw, answer = self._raw, self._raw._response
        with self._lock:
            dispatcher, self._dispatcher = self._dispatcher, None
            self._state = State.DISPATCHED
        assert dispatcher is not None
        before = raw._dispatch
        attributes = {**without(before.attributes, INCLUDE), **(self._attributes or {})}
        query = dispatcher._query
        raw._dispatch = raw._container_dispatch = dispatcher.dispatch(
            DispatcherType.ASYNC, before, attributes, query
        )
        if query is not None:
            raw._query = query
            raw._parameters = None
        raw._async_supported = True
        try:
            raw._dispatch.target.run(self._request, self._response)
        except BaseException as error:  # noqa: BLE001  as in the pipeline: a servlet must not end our thread
            if self._state is State.MUST_COMPLETE:
                self._owner.error_pages.report_exception(raw, answer, error)
            else:
                self._fail(error)
        else:
            self._report_error()
        self._after_dispatch()

    def _report_error(self) -> None:
        """Answer a sendError that no page has answered yet; nothing can be added then."""
        answer = self._raw._response
        if answer._error is not None:
            self._owner.error_pages.report(self._raw, answer)
            if self.is_started():
                answer._close()

    def _finish(self) -> None:
        self._report_error()
        self._after_dispatch()

    def _tell_completed(self) -> None:
        with self._lock:
            if self._state is State.COMPLETED:
                return
            self._state = State.COMPLETED
        guarded("the end of an answer", self._raw._response._finish)
        self._tell("onComplete")

    # --- timeout and errors -------------------------------------------------------------------------------

    def _start_timer(self) -> None:
        """Count from now on; with the lock."""
        self._cancel_timer()
        if self._timeout_ms > 0:
            self._timing = timing = object()
            self._timer = self._owner.container.timers.call_later(
                self._timeout_ms / 1000, partial(self._timed_out, timing)
            )

    def _cancel_timer(self) -> None:
        timer, self._timer, self._timing = self._timer, None, None
        if timer is not None:
            timer.cancel()

    def _timed_out(self, timing: object) -> None:
        """In the timers' thread. A coroutine first gets the chance to end."""
        with self._lock:
            if timing is not self._timing:
                return  # cancelled at the last moment
            run = self._run if self._state is State.STARTED else None
            if run is None and self._state is not State.WAITING:
                return
            self._state = State.TIMING_OUT
        if run is not None:
            run.cancel(TimeoutError(f"no answer within {self._timeout_ms} ms"))
        else:
            self._resume(self._handle_timeout)

    def _handle_timeout(self, answered: bool = False) -> None:
        """answered: a coroutine has caught its cancellation and given an answer."""
        self._tell("onTimeout")
        if self._state is State.TIMING_OUT and not answered:
            self._show_timeout()
        self._leave_error()
        self._finish()

    def _show_timeout(self) -> None:
        """RT-ASY-31: an error dispatch with status 500."""
        answer = self._raw._response
        log.warning("%r: no answer within %d ms", self._raw, self._timeout_ms)
        if answer._committed:
            answer._break_off()
        else:
            answer._reset_for_error()
            answer.sendError(500)
            self._owner.error_pages.report(self._raw, answer)

    def _fail(self, error: BaseException) -> None:
        """RT-ASY-50: the listeners first; who completes or dispatches has dealt with it."""
        with self._lock:
            self._state = State.ERROR
        self._cancel_timer()
        answer = self._raw._response
        if not answer._committed and answer._status < 400:
            answer._status = 500  # also for whatever a listener dispatches to
        self._handle_error(error)

    def _handle_error(self, error: BaseException) -> None:
        log.debug("%s: failed", self, exc_info=error)
        self._tell("onError", error)
        if self._state is State.ERROR:
            self._owner.error_pages.report_exception(self._raw, self._raw._response, error)
        self._leave_error()

    def _leave_error(self) -> None:
        with self._lock:
            if self._state in (State.ERROR, State.TIMING_OUT):
                self._state = State.COMPLETING

    def write_failed(self, error: ClientDisconnected) -> None:
        """The client has gone while an application's thread wrote (RT-ASY-44). In any thread."""
        with self._lock:
            if self._state is State.STARTED:
                self._write_error = error  # until the dispatch has returned, whoever it was that wrote
            if self._state is not State.WAITING:
                return
            self._state = State.ERROR
        self._cancel_timer()
        self._resume(partial(self._handle_write_failed, error))

    def _handle_write_failed(self, error: ClientDisconnected) -> None:
        self._handle_error(error)
        self._after_dispatch()

    def _tell(
        self, what: str, error: BaseException | None = None, listeners: list[Listening] | None = None
    ) -> None:
        for listener, request, response in list(self._listeners if listeners is None else listeners):
            event = AsyncEvent(self, request, response, error)
            guarded(what, lambda listener=listener, event=event: getattr(listener, what)(event))  # type: ignore[misc]

    # --- streams with listeners ---------------------------------------------------------------------------

    def read_with(self, listener: ReadListener, stream: RequestInputStream) -> None:
        self._check_listener(self._reading)
        self._reading = Reading(self, self._raw, stream, listener)
        self._reading.begin()

    def write_with(self, listener: WriteListener, stream: ResponseOutputStream) -> None:
        self._check_listener(self._writing)
        self._writing = Writing(self, self._raw._exchange, stream, listener)
        self._writing.begin()

    def _check_listener(self, present: Reading | Writing | None) -> None:
        if present is not None:
            raise IllegalStateException("the stream has its listener already")
        if self._run is not None or self._coroutine is not None:
            raise UnsupportedOperationException(
                "an async def method needs no listener: nothing that it reads or writes blocks, and the "
                "request ends with it"
            )

    def call_back(self, call: Callable[[], None], on_error: Callable[[BaseException], None]) -> None:
        """Run a call of a stream's listener as soon as nothing else of the request runs. Any thread may ask.

        The call counts as a dispatch of the container (RT-ASY-11); on_error gets what it raises.
        """
        task = partial(self._call_back, call, on_error)
        exchange = None
        with self._lock:
            if self._state is State.WAITING:
                exchange = self._raw._exchange  # another thread may complete the request meanwhile
            elif self._state not in (State.COMPLETING, State.COMPLETED):
                self._calls.append(task)
        if exchange is not None:
            exchange.resume(partial(self._go_on, task))

    def _call_back(self, call: Callable[[], None], on_error: Callable[[BaseException], None]) -> None:
        with self._lock:
            if self._state is not State.WAITING:
                self._calls.append(partial(self._call_back, call, on_error))
                return
            self._state = State.STARTED
            self._cancel_timer()
        try:
            call()
        except BaseException as error:  # noqa: BLE001  as in the pipeline: a listener must not end our thread
            guarded("onError", partial(on_error, error))
            if self._state is State.STARTED:
                self._fail(error)
        else:
            self._report_error()
        self._after_dispatch()

    def goes_on(self) -> bool:
        """Whether neither complete nor dispatch has been called since the last dispatch began."""
        return self._state is State.STARTED

    # --- coroutines ---------------------------------------------------------------------------------------

    def may_start_coroutine(self) -> bool:
        """Whether the chain may unwind before an async def method runs; if not, the thread waits for it."""
        raw, answer = self._raw, self._raw._response
        return (
            self._state is State.DISPATCHED
            and raw._async_supported
            and answer._open
            and not answer._include_depth  # the includer goes on writing behind it
            and raw._dispatch.kind is not DispatcherType.ERROR
        )

    def start_coroutine(
        self, coroutine: Coroutine[Any, Any, Any], request: ServletRequest, response: ServletResponse,
        unavailable: Callable[[UnavailableException], None],
    ) -> None:  # fmt: skip
        """Start a cycle for a coroutine, which begins when the chain has unwound."""
        self.start_async(request, response)
        self._coroutine, self._unavailable = coroutine, unavailable

    def _launch(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        exchange = self._raw._exchange
        self._run = run = CoroutineRun(
            coroutine,
            self._owner,
            exchange,
            partial(self._resume, self._after_coroutine),
            self._variables.copy(),
        )
        run.begin(self._owner.container.coroutines)
        exchange.on_disconnect(partial(run.cancel, _left(self._raw)))
        with self._lock:
            self._start_timer()

    def _after_coroutine(self) -> None:
        run, self._run = self._run, None
        assert run is not None
        self._cancel_timer()
        error = run.error
        if isinstance(error, asyncio.CancelledError) and run.cancelled_for is not None:
            error = run.cancelled_for
        if isinstance(error, UnavailableException) and self._unavailable is not None:
            self._unavailable(error)
        with self._lock:
            state = self._state
            if error is None and state is State.STARTED:
                self._state = State.MUST_COMPLETE
        if state is State.TIMING_OUT:
            if error is not None and error is not run.cancelled_for:
                log.error("%r: failed after its timeout", self._raw, exc_info=error)
            self._handle_timeout(answered=error is None)
        elif error is None:
            self._finish()
        elif state is State.MUST_COMPLETE:
            self._owner.error_pages.report_exception(self._raw, self._raw._response, error)
            self._after_dispatch()
        else:
            self._fail(error)
            self._after_dispatch()

    def wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine to its end while this thread waits, and raise what it raises."""
        exchange = self._raw._exchange
        waiter = Waiter(exchange)
        self._run = run = CoroutineRun(coroutine, self._owner, waiter, waiter.end, contextvars.copy_context())
        run.begin(self._owner.container.coroutines)
        exchange.on_disconnect(partial(run.cancel, _left(self._raw)))
        waiter.work()
        self._run = None
        error = run.error
        if isinstance(error, asyncio.CancelledError) and run.cancelled_for is not None:
            raise run.cancelled_for from error
        if error is not None:
            raise error


def _left(raw: Request) -> ClientDisconnected:
    return ClientDisconnected(f"{raw._exchange.id}: the client has gone")


def run_coroutine(
    context: Context, coroutine: Coroutine[Any, Any, Any], request: ServletRequest, response: ServletResponse,
    unavailable: Callable[[UnavailableException], None],
) -> None:  # fmt: skip
    """Run what an ``async def doXxx`` has returned: later, by itself, if that is possible here, or else now.

    unavailable is called if it raises UnavailableException later.
    """
    raw = raw_request(request)
    if context.container.coroutines.is_here():
        coroutine.close()
        raise IllegalStateException(
            "a coroutine cannot forward to an async def servlet or include it: its loop would wait for "
            "itself. Use request.getAsyncContext().dispatch(path)"
        )
    raw._exchange.collect_body()
    request_async = raw._async
    if request_async is None:
        request_async = raw._async = raw._location.context.new_async(raw)
    if request_async.may_start_coroutine():
        request_async.start_coroutine(coroutine, request, response, unavailable)
    else:
        request_async.wait_for(coroutine)


class Output:
    """What the response of an asynchronous request writes to: its exchange, or its coroutine's run."""

    __slots__ = ("_exchange", "_request_async", "abort", "inform", "start")

    def __init__(self, exchange: Exchange, request_async: RequestAsync) -> None:
        self._exchange = exchange
        self._request_async = request_async
        self.start, self.inform, self.abort = exchange.start, exchange.inform, exchange.abort

    @property
    def version(self) -> str:
        return self._exchange.version

    @property
    def can_send_trailers(self) -> bool:
        return self._exchange.can_send_trailers

    def write(self, data: bytes) -> None:
        request_async = self._request_async
        if request_async._writing is not None:
            request_async._writing.write(data)
            return
        run = request_async._run
        try:
            if run is None:
                self._exchange.write(data)
            else:
                run.write(data)
        except ClientDisconnected as error:
            request_async.write_failed(error)
            raise

    def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        run = self._request_async._run
        if run is None:
            self._exchange.send_file(file, offset, count)
            return
        with file:
            file.seek(offset)
            run.write(file.read(count))

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        run = self._request_async._run
        if run is None:
            self._exchange.finish(data, trailers)
        else:
            run.finish(data, trailers)
