"""Filters around a servlet, linked when the web app starts.

    Target(holder) ── chain ──> FilterLink(filter) ──> FilterLink(filter) ──> ServletLink(holder)

Which filters a dispatch passes depends on its type, its path and its servlet only (Servlet 6.1 §6.2.4), so
links are made once, hold no request, and are shared by all threads. A link is the FilterChain that the filter
before it gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from container.engine.mapper import matches
from container.engine.request import Request, raw_request
from container.errors import Source
from container.protocols.exchange import Begin
from container.servlet import (
    DispatcherType,
    Filter,
    FilterChain,
    NullPointerException,
    ServletRequest,
    ServletResponse,
)

if TYPE_CHECKING:
    from container.engine.holder import FilterHolder, ServletHolder

__all__ = ["FilterChoice", "FilterMappingEntry", "Target"]


class Target:
    """What a dispatch runs: the servlet, behind its filters.

    begin says whether the body is collected first; None: it depends on the request, ask begin_with.
    """

    __slots__ = ("async_supported", "begin", "holder", "run")

    def __init__(self, holder: ServletHolder, chain: FilterChain, *, async_supported: bool = False) -> None:
        self.holder = holder
        self.run = chain.doFilter
        self.async_supported = async_supported
        self.begin: Begin | None
        self.holder_loaded()

    def holder_loaded(self) -> None:
        """Decide begin. A coroutine must not block for its body; one that is not known yet collects it."""
        holder = self.holder
        if holder.is_coroutine:
            self.begin = Begin.BUFFERED
        elif self.async_supported:
            self.begin = Begin.STREAMED
        else:
            self.begin = None if _max_request_bytes(holder) >= 0 else Begin.BUFFERED

    def begin_with(self, body_bytes: int | None) -> Begin:
        """Collect no body that may be longer than <max-request-size>: getParts refuses it when it sees that.

        body_bytes is None if the client has not said.
        """
        if self.begin is not None:
            return self.begin
        fits = body_bytes is not None and body_bytes <= _max_request_bytes(self.holder)
        return Begin.BUFFERED if fits else Begin.STREAMED


def _max_request_bytes(holder: ServletHolder) -> int:
    config = holder.multipart_config
    return -1 if config is None else config.getMaxRequestSize()


def refuse_async(request: ServletRequest) -> None:
    """Below here startAsync is refused (RT-FLT-18)."""
    if request is None:
        raise NullPointerException("chain.doFilter needs a request")
    raw_request(request)._async_supported = False


class ServletLink(FilterChain):
    """The end of a chain."""

    __slots__ = ("_service",)

    def __init__(self, holder: ServletHolder) -> None:
        self._service = holder.service

    def doFilter(self, request: ServletRequest, response: ServletResponse) -> None:
        self._service(request, response)


class SyncServletLink(ServletLink):
    """The end of a chain whose servlet does not support async."""

    __slots__ = ()

    def doFilter(self, request: ServletRequest, response: ServletResponse) -> None:
        if type(request) is Request:  # no filter has wrapped it
            request._async_supported = False
        else:
            refuse_async(request)
        self._service(request, response)


class FilterLink(FilterChain):
    """A filter and what comes after it."""

    __slots__ = ("_filter", "_next")

    def __init__(self, filter_: Filter, next_: FilterChain) -> None:
        self._filter = filter_
        self._next = next_

    def doFilter(self, request: ServletRequest, response: ServletResponse) -> None:
        self._filter.doFilter(request, response, self._next)


class SyncFilterLink(FilterLink):
    """A filter that does not support async."""

    __slots__ = ()

    def doFilter(self, request: ServletRequest, response: ServletResponse) -> None:
        refuse_async(request)
        self._filter.doFilter(request, response, self._next)


@dataclass(frozen=True, slots=True)
class FilterMappingEntry:
    """One filter mapping of the effective descriptor, resolved to its holder.

    Pattern or servlet_name is set.
    """

    holder: FilterHolder
    dispatchers: frozenset[str]
    pattern: str | None = None
    servlet_name: str | None = None
    source: Source | None = None

    def applies(self, path: str | None, servlet_name: str) -> bool:
        if self.pattern is not None:
            return path is not None and matches(self.pattern, path)
        return self.servlet_name in ("*", servlet_name)


class FilterChoice:
    """Chooses the filters of a dispatch: patterns first, then servlet names, each in order (RT-FLT-03)."""

    def __init__(self, mappings: Sequence[FilterMappingEntry]) -> None:
        by_pattern = [m for m in mappings if m.pattern is not None]
        by_name = [m for m in mappings if m.pattern is None]
        self.mappings = (*by_pattern, *by_name)
        self._by_type = {
            kind: tuple(m for m in self.mappings if kind.name in m.dispatchers) for kind in DispatcherType
        }

    def target(self, kind: DispatcherType, path: str | None, holder: ServletHolder) -> Target:
        """Link the chain of one dispatch; path is None for a named dispatcher (RT-FLT-07)."""
        mappings = self.chosen(kind, path, holder.name)
        supported = holder.async_supported and all(mapping.holder.async_supported for mapping in mappings)
        chain = self.last_link(holder)
        for mapping in reversed(mappings):
            if mapping.holder.filter is not None:
                chain = self.link(mapping, mapping.holder.filter, chain)
        return Target(holder, chain, async_supported=supported)

    def last_link(self, holder: ServletHolder) -> FilterChain:
        return ServletLink(holder) if holder.async_supported else SyncServletLink(holder)

    def link(self, mapping: FilterMappingEntry, filter_: Filter, next_: FilterChain) -> FilterChain:
        return (FilterLink if mapping.holder.async_supported else SyncFilterLink)(filter_, next_)

    def chosen(self, kind: DispatcherType, path: str | None, servlet_name: str) -> list[FilterMappingEntry]:
        """The mappings that bring their filters into a chain, in its order."""
        chosen: dict[int, FilterMappingEntry] = {}  # a filter counts once, at its first position (RT-FLT-08)
        for mapping in self._by_type[kind]:
            if mapping.applies(path, servlet_name):
                chosen.setdefault(id(mapping.holder), mapping)
        return list(chosen.values())

    def any_for(self, kind: DispatcherType) -> bool:
        return bool(self._by_type[kind])
