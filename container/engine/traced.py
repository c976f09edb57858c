"""A web app whose requests leave a trace: what happens to each, how long it takes, which lines decided it.

    TracedContext ── makes ──> TracedFilterChoice ──> TracedFilter, TracedEnd around each filter and servlet
                          ├──> TracedSessions, TracedSecurity, TracedErrorPages
                          └──> the first step of the pipeline: what was mapped

A Container makes it in place of a Context when it has a Tracer. Everything is put around the parts when the
web app starts, so that the parts themselves know nothing of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container.descriptor import model
from container.engine.async_context import RequestAsync
from container.engine.chain import FilterChoice, FilterMappingEntry, Target
from container.engine.context import Context
from container.engine.dispatch import ERROR, INCLUDE, Location
from container.engine.error_pages import ErrorPages, choose_page
from container.engine.holder import ServletHolder
from container.engine.pipeline import Handler
from container.engine.request import Request, raw_request
from container.engine.response import Response
from container.engine.security import ContextSecurity
from container.engine.sessions import ContextSessions
from container.errors import Problem, Source
from container.protocols.exchange import Exchange
from container.servlet import (
    DispatcherType,
    Filter,
    FilterChain,
    ServletRequest,
    ServletResponse,
    UnavailableException,
)
from container.session.manager import Session
from container.trace import CONTAINER, Line, Span, Trace, Tracer

if TYPE_CHECKING:
    from container.engine.container import Container

__all__ = ["Lines", "TracedContext"]

_MOST_EXCERPT = 160  # characters
_MOST_LINES = 8


class TracedContext(Context):
    """See the module."""

    def __init__(
        self,
        tracer: Tracer,
        container: Container,
        path: str,
        folder: Path,
        web_app: model.WebApp,
        problems: Sequence[Problem] = (),
        *,
        generation: int = 1,
        classes: Iterable[type] = (),
    ) -> None:
        self._tracer = tracer
        super().__init__(container, path, folder, web_app, problems, generation=generation, classes=classes)
        self.lines = Lines(folder)

    def trace_of(self, request: Request) -> Trace:
        return self._tracer.trace(request._exchange.id)

    # What is made when it starts ------------------------------------------------------------------

    def freeze(self) -> None:
        super().freeze()
        self.lines.take(self)

    def _new_pipeline(self) -> Handler:
        pipeline = super()._new_pipeline()

        def handle(request: Request, response: Response) -> None:
            trace = self.trace_of(request)
            dispatch = request._dispatch
            mapping = dispatch.mapping
            pattern = mapping.getPattern()
            now_ns = time.monotonic_ns()
            began_ns = next((s.began_ns for s in reversed(trace.spans) if s.what == "context"), now_ns)
            trace.mark(
                CONTAINER,
                "map",
                mapping.getServletName(),
                self.lines.mapping(pattern) + self.lines.welcome(request),
                began_ns=began_ns,
                ended_ns=now_ns,
                pattern=pattern,
                rule=_name(mapping.getMappingMatch()),
                servlet_path=dispatch.servlet_path,
                path_info=dispatch.path_info,
            )
            trace.mark(CONTAINER, "created", "Request, Response")
            pipeline(request, response)

        return handle

    def _new_filter_choice(self, mappings: list[FilterMappingEntry]) -> FilterChoice:
        return TracedFilterChoice(self, mappings)

    def _new_security(self) -> ContextSecurity:
        plain = super()._new_security()
        return TracedSecurity(self, plain.constraints, plain.authenticator)

    def _new_sessions(self) -> ContextSessions:
        plain = super()._new_sessions()
        traced = TracedSessions(self, plain.manager, plain.cookie_config, plain.writer)
        traced.modes = plain.modes
        return traced

    def _new_error_pages(self) -> ErrorPages:
        plain = super()._new_error_pages()
        return TracedErrorPages(self, plain.codes, plain.types, plain.default)

    # What happens to a request --------------------------------------------------------------------

    def handle(self, exchange: Exchange, location: Location, query: bytes | None) -> None:
        trace = self._tracer.trace(exchange.id)
        trace.facts["context"] = self.path or "/"
        span = trace.begin(CONTAINER, "context", self.path or "/", known=location.dispatch is not None)
        try:
            super().handle(exchange, location, query)
        finally:
            trace.end(span)

    def end(self, request: Request, response: Response) -> None:
        trace = self.trace_of(request)
        span = trace.begin(CONTAINER, "finish")
        try:
            super().end(request, response)
        finally:
            trace.end(span)
        trace.mark(CONTAINER, "destroyed", "Request, Response")
        trace.is_over = True

    def fire_request_initialized(self, request: Request) -> None:
        trace = self.trace_of(request)
        span = trace.begin(CONTAINER, "listeners", "requestInitialized")
        try:
            super().fire_request_initialized(request)
        finally:
            trace.end(span)

    def fire_request_destroyed(self, request: Request) -> None:
        trace = self.trace_of(request)
        span = trace.begin(CONTAINER, "listeners", "requestDestroyed")
        try:
            super().fire_request_destroyed(request)
        finally:
            trace.end(span)

    def new_async(self, request: Request) -> RequestAsync:
        self.trace_of(request).mark(CONTAINER, "async-started")
        return super().new_async(request)

    def run_coroutine(
        self, coroutine: Coroutine[Any, Any, Any], request: ServletRequest, response: ServletResponse,
        unavailable: Callable[[UnavailableException], None],
    ) -> None:  # fmt: skip
        name = getattr(coroutine, "__qualname__", "")
        self.trace_of(raw_request(request)).mark(CONTAINER, "coroutine", name)
        super().run_coroutine(coroutine, request, response, unavailable)


class TracedFilterChoice(FilterChoice):
    """Puts a span around each filter, each servlet, and each dispatch but the client's."""

    def __init__(self, context: TracedContext, mappings: list[FilterMappingEntry]) -> None:
        super().__init__(mappings)
        self._context = context

    def target(self, kind: DispatcherType, path: str | None, holder: ServletHolder) -> Target:
        target = super().target(kind, path, holder)
        if kind is not DispatcherType.REQUEST:
            target.run = TracedDispatch(self._context, kind, target).doFilter
        return target

    def last_link(self, holder: ServletHolder) -> FilterChain:
        return TracedEnd(self._context, holder, super().last_link(holder))

    def link(self, mapping: FilterMappingEntry, filter_: Filter, next_: FilterChain) -> FilterChain:
        return super().link(mapping, TracedFilter(self._context, mapping, filter_), next_)


class TracedFilter(Filter):
    """A span around a filter; what is inside it is what the filter let pass."""

    def __init__(self, context: TracedContext, mapping: FilterMappingEntry, filter_: Filter) -> None:
        self._context = context
        self._filter = filter_
        self._name = mapping.holder.name
        self._class = type(filter_).__qualname__
        self._pattern = mapping.pattern if mapping.pattern is not None else f"<{mapping.servlet_name}>"
        self._because = context.lines.at(mapping.source or mapping.holder.declaration.source)

    def doFilter(self, request: ServletRequest, response: ServletResponse, chain: FilterChain) -> None:
        trace = self._context.trace_of(raw_request(request))
        span = trace.begin(
            CONTAINER, "filter", self._name, self._because, pattern=self._pattern, **{"class": self._class}
        )
        count = len(trace.spans)
        try:
            self._filter.doFilter(request, response, chain)
        except BaseException as error:
            trace.end(span, raised=type(error).__name__)
            raise
        trace.end(span, passed=_has_passed(trace, span, count))


def _has_passed(trace: Trace, span: Span, count: int) -> bool:
    """Whether a filter has called the chain: then something deeper has been recorded since."""
    return trace.dropped > 0 or any(
        each.depth > span.depth and each.what in ("filter", "servlet") for each in trace.spans[count:]
    )


class TracedEnd(FilterChain):
    """A span around a servlet."""

    def __init__(self, context: TracedContext, holder: ServletHolder, link: FilterChain) -> None:
        self._context = context
        self._holder = holder
        self._link = link
        self._because = context.lines.at(holder.declaration.source)

    def doFilter(self, request: ServletRequest, response: ServletResponse) -> None:
        raw = raw_request(request)
        trace = self._context.trace_of(raw)
        holder = self._holder
        span = trace.begin(
            CONTAINER,
            "servlet",
            holder.name,
            self._because,
            method=raw._method,
            first=holder._servlet is None or None,
        )
        try:
            self._link.doFilter(request, response)
        except BaseException as error:
            trace.end(span, raised=type(error).__name__)
            raise
        trace.end(span, **{"class": type(holder._servlet).__qualname__})


class TracedDispatch(FilterChain):
    """A span around a forward, an include, an error page or an async dispatch."""

    def __init__(self, context: TracedContext, kind: DispatcherType, target: Target) -> None:
        self._context = context
        self._what = kind.name.lower()
        self._name = target.holder.name
        self._run = target.run

    def doFilter(self, request: ServletRequest, response: ServletResponse) -> None:
        raw = raw_request(request)
        trace = self._context.trace_of(raw)
        dispatch = raw._dispatch
        attributes = dispatch.attributes or {}
        mapping = attributes.get(INCLUDE + "mapping", dispatch.mapping)
        uri = attributes.get(INCLUDE + "request_uri", dispatch.uri)
        span = trace.begin(
            CONTAINER,
            self._what,
            self._name,
            self._context.lines.mapping(mapping.getPattern()),
            uri=uri,
            pattern=mapping.getPattern(),
            status=attributes.get(ERROR + "status_code") if self._what == "error" else None,
        )
        try:
            self._run(request, response)
        except BaseException as error:
            trace.end(span, raised=type(error).__name__)
            raise
        trace.end(span)


class TracedSecurity(ContextSecurity):
    """A span around the decision who may pass."""

    _context: TracedContext

    def allows(self, request: Request, response: Response) -> bool:
        trace = self._context.trace_of(request)
        dispatch = request._dispatch
        path = dispatch.servlet_path + (dispatch.path_info or "")
        decision = self.constraints.decide(path, request.getMethod())
        pattern = self.constraints.pattern_for(path)
        span = trace.begin(
            CONTAINER,
            "security",
            "",
            self._context.lines.constraint(pattern),
            pattern=pattern,
            needs=decision.access.name.lower(),
            roles=", ".join(sorted(decision.roles)) or None,
            confidential=decision.confidential or None,
        )
        allowed = False
        try:
            allowed = super().allows(request, response)
        finally:
            identity = request._identity
            user = None if identity is None else identity.principal.getName()
            trace.end(span, allowed=allowed, user=user)
        return allowed


class TracedSessions(ContextSessions):
    """Spans where a session is looked for, made and saved."""

    _context: TracedContext

    def touch(self, request: Request) -> None:
        if not request._session_id()[0]:
            return  # the client has none
        trace = self._context.trace_of(request)
        span = trace.begin(CONTAINER, "session-load", source=request._session_id()[1])
        try:
            super().touch(request)
        finally:
            trace.end(span, found=request._session is not None)

    def session_of(self, request: Request, create: bool) -> Session | None:
        known = request._session
        if known is not None and known.is_valid() and request._location.context is self._context:
            return super().session_of(request, create)
        trace = self._context.trace_of(request)
        span = trace.begin(CONTAINER, "session-load", create=create)
        session = None
        try:
            session = super().session_of(request, create)
        finally:
            is_new = session is not None and session.isNew()
            trace.end(span, found=session is not None and not is_new, created=is_new or None)
        return session

    def save(self, request: Request) -> None:
        trace = self._context.trace_of(request)
        span = trace.begin(CONTAINER, "session-save", stored=self.manager.is_stored)
        try:
            super().save(request)
        finally:
            trace.end(span)


class TracedErrorPages(ErrorPages):
    """Spans around what answers an error."""

    _context: TracedContext

    def report(self, request: Request, response: Response) -> None:
        assert response._error is not None
        status = response._error[0]
        trace = self._context.trace_of(request)
        page = self.page_for(status)
        span = trace.begin(CONTAINER, "error-page", because=self._lines(page), status=status)
        super().report(request, response)
        trace.end(span, page=None if page is None else page.location)

    def report_exception(self, request: Request, response: Response, error: BaseException) -> None:
        trace = self._context.trace_of(request)
        chosen = choose_page(self.types, error)
        page = chosen[0] if chosen else self.page_for(500)
        span = trace.begin(CONTAINER, "error-page", because=self._lines(page), raised=type(error).__name__)
        super().report_exception(request, response, error)
        trace.end(span, status=response._status, page=None if page is None else page.location)

    def _lines(self, page: model.ErrorPage | None) -> tuple[Line, ...]:
        return () if page is None else self._context.lines.at(page.source)


class Lines:
    """Lines of a web app's descriptors, looked up once for each, when something that they decided is made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, list[str]] = {}
        self._known: dict[Source, tuple[Line, ...]] = {}
        self._mappings: dict[str, Source] = {}
        self._constraints: dict[str, list[Source]] = {}
        self._welcome: dict[str, Source] = {}

    def take(self, context: Context) -> None:
        """Learn where the mappings and constraints of a web app are written."""
        for mapping in context.deployment.all_servlet_mappings():
            self._mappings.setdefault(mapping.url_pattern, mapping.source)
        for pattern, source in context.security.constraints.places():
            self._constraints.setdefault(pattern, []).append(source)

        for file in context.web_app.welcome_files or ():
            self._welcome.setdefault(file.path.strip("/"), file.source)

    def welcome(self, request: Request) -> tuple[Line, ...]:
        """The <welcome-file> that has completed a path, if one has."""
        asked, dispatch = request._location.path, request._dispatch
        found = dispatch.servlet_path + (dispatch.path_info or "")
        if not asked.endswith("/") or found == asked or not found.startswith(asked):
            return ()
        return self.at(self._welcome.get(found[len(asked) :]))

    def mapping(self, pattern: str) -> tuple[Line, ...]:
        return self.at(self._mappings.get(pattern))

    def constraint(self, pattern: str | None) -> tuple[Line, ...]:
        found = self._constraints.get(pattern or "", []) if pattern is not None else []
        return tuple(line for source in found for line in self.at(source))

    def at(self, source: Source | None) -> tuple[Line, ...]:
        if source is None or not source.line:
            return ()
        line = self._known.get(source)
        if line is None:
            line = self._known[source] = (Line(str(source), self._excerpt(source)),)
        return line

    def _excerpt(self, source: Source) -> str:
        lines = self._files.get(source.file)
        if lines is None:
            try:
                text = (self._folder.parent / source.file).read_text(encoding="utf-8", errors="replace")
            except OSError:  # inside a library, for one
                text = ""
            lines = self._files[source.file] = text.splitlines()
        first = source.line - 1
        if source.file.endswith(".py"):  # the place is that of the class, whose decorators stand above
            while 0 < first < len(lines) and lines[first - 1].startswith("@"):
                first -= 1
            return _shortened(" ".join(line.strip() for line in lines[first : source.line]))
        # An element that only begins there says little without what is in it.
        found = [line.strip() for line in lines[first : first + _MOST_LINES]]
        if found and re.fullmatch(r"<[\w-]+>", found[0]):
            closing = f"</{found[0][1:]}"
            end = next((i for i, line in enumerate(found) if line.startswith(closing)), len(found) - 1)
            text = re.sub(r"<description>.*?(</description>|$)\s*", "", " ".join(found[: end + 1]))
        else:
            text = found[0] if found else ""
        return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_EXCERPT else text[: _MOST_EXCERPT - 1] + "…"


def _name(member: Any) -> str | None:
    return None if member is None else member.name.lower()
