"""A declaration and what runs of it: one ServletHolder or FilterHolder for each <servlet> and <filter>.

A holder owns the instance: when it is made, whether it may be called, when it is destroyed (Servlet 6.1
§2.3). Requests call ``ServletHolder.service`` from any thread; the lock guards only the making of the
instance.
"""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

from container.engine.deployment import FilterDeclaration, ServletDeclaration
from container.servlet import (
    Enumeration,
    Filter,
    FilterConfig,
    HttpServletResponse,
    MultipartConfigElement,
    Servlet,
    ServletConfig,
    ServletContext,
    ServletException,
    ServletRequest,
    ServletResponse,
    UnavailableException,
)
from container.servlet.servlet import METHODS

if TYPE_CHECKING:
    from container.engine.context import Context

__all__ = ["FilterHolder", "ServletHolder"]

log = logging.getLogger("container.engine")

UNKNOWN_DURATION_S = 60  # of an UnavailableException that does not say how long (RT-LIFE-11)


class Config(ServletConfig, FilterConfig):
    """ServletConfig and FilterConfig.

    The name, the init parameters and the context of one declaration (RT-LIFE-03).
    """

    def __init__(self, name: str, parameters: Mapping[str, str], context: ServletContext) -> None:
        self._name = name
        self._parameters = dict(parameters)
        self._context = context

    def getServletName(self) -> str:
        return self._name

    def getFilterName(self) -> str:
        return self._name

    def getServletContext(self) -> ServletContext:
        return self._context

    def getInitParameter(self, name: str) -> str | None:
        return self._parameters.get(name)

    def getInitParameterNames(self) -> Enumeration[str]:
        return Enumeration(self._parameters)


class ServletHolder:
    """One declared servlet."""

    def __init__(self, declaration: ServletDeclaration, context: Context) -> None:
        self.declaration = declaration
        self.context = context
        self.name = declaration.name
        self.async_supported = bool(declaration.async_supported)
        self.is_coroutine = False  # whether it has async def methods; known when it is loaded
        self.multipart_config: MultipartConfigElement | None = declaration.multipart_config
        self.config = Config(declaration.name, declaration.init_params, context.facade)
        self._servlet: Servlet | None = None  # in service
        self._suspended: Servlet | None = None  # out of service for a while; comes back as it is
        self._lock = threading.Lock()
        self._unavailable: UnavailableException | None = None  # the lock guards this and the three around it
        self._available_again_s = 0.0

    def __repr__(self) -> str:
        state = "unavailable" if self._unavailable else "in service" if self._servlet else "not loaded"
        return f"<ServletHolder {self.name}, {state}>"

    def service(self, request: ServletRequest, response: ServletResponse) -> None:
        """Call the servlet, making it first if need be; answers 503 or 404 itself while it is unavailable."""
        servlet = self._servlet
        if servlet is None and (servlet := self._obtain(response)) is None:
            return
        try:
            result: Any = servlet.service(request, response)
            if result is not None:
                self._run(result, servlet, request, response)
        except UnavailableException as error:
            self._take_out(error, servlet)
            raise

    def _run(
        self, result: object, servlet: Servlet, request: ServletRequest, response: ServletResponse
    ) -> None:
        """See to what an async def method has returned; a page that is returned, as in Flask, is told of."""
        if inspect.isasyncgen(result):
            raise ServletException(f"servlet {self.name}: an async def method must not contain yield")
        if inspect.iscoroutine(result):
            unavailable = partial(self._take_out, servlet=servlet)
            self.context.run_coroutine(result, request, response, unavailable)
        elif isinstance(result, (str, bytes, dict, list, tuple)):
            what = type(result).__name__
            log.warning(
                "servlet %s returned a %s, which nobody sends. Write it to response.getWriter()",
                self.name,
                what,
            )

    def _obtain(self, response: ServletResponse) -> Servlet | None:
        with self._lock:  # the first requests wait here for init (RT-LIFE-04)
            if self._servlet is not None:
                return self._servlet
            if self._unavailable is None or self._is_over():
                self._unavailable = None
                self._servlet, self._suspended = self._suspended, None
                return self._servlet or self._load()
            error, again_s = self._unavailable, self._available_again_s
        report_unavailable(error, response, again_s)
        return None

    def load(self) -> None:
        """Make and initialise the instance now (load-on-startup)."""
        with self._lock:
            if self._servlet is None and self._unavailable is None:
                self._load()

    def _load(self) -> Servlet:
        servlet: Servlet = self.context.instantiate_servlet(self.declaration)
        try:
            servlet.init(self.config)
        except UnavailableException as error:
            self._mark(error)
            raise
        self._servlet = servlet
        self.is_coroutine = has_coroutines(servlet)
        self.context.holder_loaded(self)
        return servlet

    def _mark(self, error: UnavailableException) -> None:
        self._unavailable = error
        self._available_again_s = available_again_s(error)

    def _is_over(self) -> bool:
        assert self._unavailable is not None
        return not self._unavailable.isPermanent() and time.time() >= self._available_again_s

    def _take_out(self, error: UnavailableException, servlet: Servlet) -> None:
        """RT-LIFE-10, RT-LIFE-11: out of service, for a while or for good."""
        with self._lock:
            if servlet is not self._servlet and servlet is not self._suspended:
                return
            self._mark(error)
            self._servlet, self._suspended = None, None if error.isPermanent() else servlet
            if error.isPermanent():
                self.context.when_idle(lambda: self._destroy(servlet))
        log.warning("servlet %s of %s is unavailable: %s", self.name, self.context, error)

    def destroy(self) -> None:
        """The web app stops."""
        with self._lock:
            servlets = [self._servlet, self._suspended]
            self._servlet = self._suspended = None
            self._mark(UnavailableException("the web app has been stopped"))
        for servlet in servlets:
            if servlet is not None:
                self._destroy(servlet)

    def _destroy(self, servlet: Servlet) -> None:
        guarded(f"destroy of servlet {self.name}", servlet.destroy)
        self.context.injection.end(servlet)


class FilterHolder:
    """One declared filter; made and initialised when the web app starts."""

    def __init__(self, declaration: FilterDeclaration, context: Context) -> None:
        self.declaration = declaration
        self.context = context
        self.name = declaration.name
        self.async_supported = bool(declaration.async_supported)
        self.config = Config(declaration.name, declaration.init_params, context.facade)
        self.filter: Filter | None = None

    def __repr__(self) -> str:
        return f"<FilterHolder {self.name}>"

    def load(self) -> None:
        instance: Filter = self.context.instantiate_filter(self.declaration)
        if inspect.iscoroutinefunction(instance.doFilter):
            raise ServletException(
                f"{type(instance).__qualname__}.doFilter is async def, which a filter cannot be: "
                "write def doFilter, and let the servlet behind it be async"
            )
        instance.init(self.config)
        self.filter = instance

    def destroy(self) -> None:
        instance, self.filter = self.filter, None
        if instance is not None:
            guarded(f"destroy of filter {self.name}", instance.destroy)
            self.context.injection.end(instance)


def has_coroutines(servlet: Servlet) -> bool:
    """Whether any of the methods that answer requests is ``async def``."""
    methods = (getattr(servlet, name, None) for name in ("service", *METHODS.values()))
    return any(map(inspect.iscoroutinefunction, methods))


def guarded(what: str, call: Callable[[], object]) -> None:
    """Call application code whose failure, even exit(), must not stop the rest (RT-LIFE-13)."""
    try:
        call()
    except KeyboardInterrupt:
        raise
    except BaseException:  # a SystemExit would end more than the web app
        log.exception("%s failed", what)


def available_again_s(error: UnavailableException) -> float:
    """When what raised error may be asked again, as time.time(); RT-LIFE-11."""
    seconds = error.getUnavailableSeconds()
    return time.time() + (seconds if seconds > 0 else UNKNOWN_DURATION_S)


def report_unavailable(error: UnavailableException, response: ServletResponse, again_s: float) -> None:
    """Answer 404 for good, 503 with Retry-After for a while (RT-LIFE-10, RT-LIFE-11)."""
    if not isinstance(response, HttpServletResponse):
        raise ServletException("an unavailable servlet can only be reported over HTTP")
    if error.isPermanent():
        response.sendError(404)
    else:
        response.setHeader("Retry-After", formatdate(again_s, usegmt=True))
        response.sendError(503)
