"""What the decorated classes of a web app declare, written down as a descriptor (Servlet 6.1, §8.1).

    sources ── those that mention a decorator ── import ── classes ──> model.WebApp

A module whose source never mentions a decorator is not imported, so it costs nothing at the start. What a
descriptor has no place for (ServletSecurity) is asked of the class when the web app's tables are made.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from container.descriptor import checks, model
from container.engine.archives import SourceModule, classes_of, place_of
from container.engine.deployment import ServletDeclaration
from container.engine.loader import Loader
from container.errors import Problem, Source
from container.servlet import (
    DeclareRoles,
    IllegalArgumentException,
    MultipartConfig,
    MultipartConfigElement,
    RunAs,
    WebFilter,
    WebInitParam,
    WebListener,
    WebServlet,
)

if TYPE_CHECKING:
    from container.engine.context import Context

__all__ = ["annotated_class", "annotations_of", "apply_annotations", "may_declare"]

A = TypeVar("A", WebServlet, WebFilter, WebListener)

log = logging.getLogger("container.engine")

_MENTIONS = re.compile(rb"Web(?:Servlet|Filter|Listener)")  # begins with a literal: much faster than \b
_DECORATES = re.compile(rb"^[ \t]*@.*\bWeb(?:Servlet|Filter|Listener)\b", re.MULTILINE)


def may_declare(source: SourceModule) -> bool:
    """Whether it has to be imported to know what it declares."""
    return _MENTIONS.search(source.text) is not None


class Decorated(NamedTuple):
    """A class that may be decorated: its name as in a descriptor, and its class statement's place."""

    name: str
    type: type
    source: Source


def annotations_of(
    shown: str, sources: Iterable[SourceModule], loader: Loader, given: Iterable[type] = ()
) -> tuple[model.WebApp, list[Problem]]:
    """What the decorated classes of some sources declare, in the order of their names (DD-ANN-06).

    shown is how messages call what holds the sources. given: classes without such a source.
    """
    found = [Decorated(loader.name_of(each), each, place_of(each)) for each in given]
    problems: list[Problem] = []
    for source in sources:
        if not may_declare(source):
            continue
        try:
            module = source.load(loader)
        except (Exception, SystemExit) as error:  # noqa: BLE001  importing runs application code
            problems.append(_cannot_be_imported(source, error))
            continue
        if module is not None:
            found += (Decorated(loader.name_of(c), c, source.source_of(c)) for c in classes_of(module))
    found.sort(key=lambda each: each.name)
    servlets, filters = _with(WebServlet, found), _with(WebFilter, found)
    declared = model.WebApp(
        Source(shown),
        fragment=True,
        servlets=tuple(_servlet(said, each) for said, each in servlets),
        servlet_mappings=tuple(
            model.ServletMapping(said.name or each.name, pattern, each.source)
            for said, each in servlets
            for pattern in said.patterns()
        ),
        filters=tuple(_filter(said, each) for said, each in filters),
        filter_mappings=tuple(target for said, each in filters for target in _targets(said, each)),
        listeners=tuple(_listener(said, each) for said, each in _with(WebListener, found)),
    )
    return declared, [*problems, *checks.check(declared, complete=False)]


def _with(annotation: type[A], found: Iterable[Decorated]) -> list[tuple[A, Decorated]]:
    """Those that have an annotation, each behind what it says."""
    return [(said, each) for each in found if (said := annotation.of(each.type)) is not None]


def _cannot_be_imported(source: SourceModule, error: BaseException) -> Problem:
    if isinstance(error, IllegalArgumentException):  # a decorator's own words
        return Problem(source.place(error), str(error), code="WAS312")
    decorates = _DECORATES.search(source.text) is not None
    frames = error.__traceback__
    while frames and frames.tb_frame.f_globals.get("__name__", "").startswith("container."):
        frames = frames.tb_next  # ours: the first to be seen is the web app's
    log.error("%s cannot be imported", source.shown, exc_info=(type(error), error, frames))
    what = "so what its decorators declare is missing" if decorates else "so it is not known what it declares"
    said = "".join(traceback.format_exception_only(error)[-1:]).strip().rstrip(".")
    return Problem(
        source.place(error),
        f"module {source.name} cannot be imported, {what}: {said}",
        "The traceback is in the log.",
        "error" if decorates else "warning",
        code="WAS305" if isinstance(error, SyntaxError) else "WAS309",
    )


# One function for each element; what is left at its default counts as not said, so that merging works


def _servlet(said: WebServlet, decorated: Decorated) -> model.Servlet:
    return model.Servlet(
        said.name or decorated.name,
        decorated.source,
        servlet_class=decorated.name,
        init_params=_params(said.initParams, decorated.source),
        load_on_startup=None if said.loadOnStartup < 0 else said.loadOnStartup,
        async_supported=said.asyncSupported or None,
        multipart_config=_multipart(decorated),
        about=_about(said, decorated.source),
    )


def _filter(said: WebFilter, decorated: Decorated) -> model.Filter:
    return model.Filter(
        said.filterName or decorated.name,
        decorated.source,
        filter_class=decorated.name,
        async_supported=said.asyncSupported or None,
        init_params=_params(said.initParams, decorated.source),
        about=_about(said, decorated.source),
    )


def _targets(said: WebFilter, decorated: Decorated) -> Iterator[model.FilterMapping]:
    name = said.filterName or decorated.name
    kinds = frozenset(kind.name for kind in said.dispatcherTypes) or frozenset({"REQUEST"})
    for pattern in said.patterns():
        yield model.FilterMapping(name, decorated.source, url_pattern=pattern, dispatchers=kinds)
    for servlet in said.servletNames:
        yield model.FilterMapping(name, decorated.source, servlet_name=servlet, dispatchers=kinds)


def _listener(said: WebListener, decorated: Decorated) -> model.Listener:
    descriptions = (model.Text(said.value, decorated.source),) if said.value else ()
    return model.Listener(decorated.name, decorated.source, model.DescriptionGroup(descriptions))


def _params(params: Iterable[WebInitParam], source: Source) -> tuple[model.Param, ...]:
    return tuple(model.Param(param.name, param.value, source) for param in params)


def _about(said: WebServlet | WebFilter, source: Source) -> model.DescriptionGroup:
    icon = (said.smallIcon or None, said.largeIcon or None)
    return model.DescriptionGroup(
        (model.Text(said.description, source),) if said.description else (),
        (model.Text(said.displayName, source),) if said.displayName else (),
        (icon,) if any(icon) else (),
    )


def _multipart(decorated: Decorated) -> model.MultipartConfig | None:
    said = MultipartConfig.of(decorated.type)
    if said is None:
        return None
    return model.MultipartConfig(
        decorated.source,
        said.location or None,
        None if said.maxFileSize < 0 else said.maxFileSize,
        None if said.maxRequestSize < 0 else said.maxRequestSize,
        said.fileSizeThreshold or None,
    )


# Annotations of a servlet's class that count wherever the servlet is declared (RT-REG-06)


def annotated_class(context: Context, declaration: ServletDeclaration) -> type | None:
    """The class whose annotations count for a servlet; None if none do, or if it cannot be loaded."""
    if context.web_app.metadata_complete:
        return None
    if declaration.instance is not None:
        return type(declaration.instance) if declaration.created else None
    if declaration.servlet_class is None and declaration.class_name is not None:
        return context.loaded_class(declaration)
    return declaration.servlet_class


def apply_annotations(context: Context, declaration: ServletDeclaration) -> None:
    """@MultipartConfig, @RunAs and @DeclareRoles, unless a descriptor or a call has said otherwise."""
    found = annotated_class(context, declaration)
    if found is None:
        return
    multipart, run_as, roles = MultipartConfig.of(found), RunAs.of(found), DeclareRoles.of(found)
    if multipart is not None and declaration.multipart_config is None:
        declaration.multipart_config = MultipartConfigElement(multipart)
    if run_as is not None and declaration.run_as is None:
        declaration.run_as = run_as.value
    known = context.deployment.roles
    known += (role for role in (roles.value if roles else ()) if role not in known)
