"""What a web app is declared to be: web.xml, the fragments of its libraries, the decorators of its classes.

    WEB-INF/web.xml ─────────────────────────────┐
    WEB-INF/lib/* ── META-INF/web-fragment.xml ──┤──order, merge──> Effective
    WEB-INF/classes, WEB-INF/lib/* ── @WebServlet ┘

A module that is only imported when a request needs it costs nothing at the start; so does one here whose
source never mentions a decorator. What mentions one is imported, through the web app's own Loader, and what
its classes say becomes a descriptor value like a file's, so that merging knows one kind of input. What a
descriptor has no place for (ServletSecurity) is asked of the class when the tables are made.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from container.descriptor import checks, model, reader
from container.descriptor.merge import Fragment, merge, order
from container.engine.loader import Loader, import_roots, modules
from container.errors import Problem, Source
from container.servlet import MultipartConfig, WebFilter, WebInitParam, WebListener, WebServlet

__all__ = [
    "Archive",
    "Effective",
    "SourceModule",
    "classes_of",
    "effective",
    "read_effective",
    "read_web_app",
]

log = logging.getLogger("container.engine")

WEB_XML = "WEB-INF/web.xml"
FRAGMENT_XML = "META-INF/web-fragment.xml"
_MENTIONS = re.compile(rb"Web(?:Servlet|Filter|Listener)")  # begins with a literal: much faster than \b
_DECORATES = re.compile(rb"^[ \t]*@.*\bWeb(?:Servlet|Filter|Listener)\b", re.MULTILINE)
_SKIPPED = (".dist-info", ".egg-info", ".data", "__pycache__")


_EMPTY = model.WebApp(Source(""), fragment=True)


@dataclass(frozen=True, slots=True)
class SourceModule:
    """A source file and the name it is imported by."""

    name: str
    path: Path
    shown: str  # as messages call the file
    text: bytes

    @property
    def mentions(self) -> bool:
        """Whether it may declare something."""
        return _MENTIONS.search(self.text) is not None

    def load(self, loader: Loader) -> ModuleType | None:
        """Import it; None if another file of that name comes before it. Raises what the module raises."""
        module = loader.import_module(self.name)
        return module if getattr(module, "__file__", None) == str(self.path) else None

    def place(self, error: BaseException) -> Source:
        """Where in this file an import failed."""
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            return Source(self.shown, error.lineno or 0, error.offset or 0)
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(self.path)]
        return Source(self.shown, lines[-1] or 0, 1) if lines else Source(self.shown)

    def source_of(self, found: type) -> Source:
        """Where its class statement stands."""
        statement = re.search(rb"^[ \t]*class[ \t]+%b\b" % found.__name__.encode(), self.text, re.MULTILINE)
        if statement is None:
            return Source(self.shown)
        line_start = statement.start()
        column = statement[0].index(b"class") + 1
        return Source(self.shown, self.text.count(b"\n", 0, line_start) + 1, column)


@dataclass(frozen=True, slots=True)
class Archive:
    """WEB-INF/classes, or an entry of WEB-INF/lib: wheel, zip, folder of a package, module (DD-DOC-06)."""

    name: str  # the entry's; "" for WEB-INF/classes
    shown: str
    folder: Path  # that holds its META-INF
    roots: tuple[tuple[Path, Path], ...]  # see loader.import_roots

    def sources(self) -> Iterator[SourceModule]:
        for root, within in self.roots:
            for name, path in modules(root, within):
                try:
                    text = path.read_bytes()
                except OSError:
                    continue  # gone meanwhile, or a link that leads nowhere
                inside = "" if within.is_file() else f"/{path.relative_to(within).as_posix()}"
                yield SourceModule(name, path, self.shown + inside, text)


@dataclass(frozen=True, slots=True)
class Effective:
    """A web app's effective descriptor, and what is wrong with what it was made of."""

    web_app: model.WebApp
    problems: tuple[Problem, ...]
    archives: tuple[Archive, ...]  # WEB-INF/classes, then the libraries that count, in order
    ordered_libraries: tuple[str, ...] | None  # None: nothing orders them (DD-ORD-29)


def read_web_app(folder: Path, shown: str = "") -> tuple[model.WebApp, list[Problem]]:
    """Read a web app's own descriptor; an empty one if there is no web.xml (DD-DOC-02, DD-DOC-03)."""
    path = folder / WEB_XML
    shown = f"{shown or folder.name}/{WEB_XML}"
    return reader.read_file(path, shown) if path.is_file() else (model.WebApp(Source(shown)), [])


def read_effective(folder: Path, loader: Loader, shown: str = "") -> Effective:
    """Read everything that declares a web app. Imports the modules that have decorated classes.

    shown is how messages call the folder, by its name unless it is given.
    """
    web_app, problems = read_web_app(folder, shown)
    return effective(web_app, problems, shown or folder.name, loader)


def effective(web_app: model.WebApp, problems: Iterable[Problem], shown: str, loader: Loader) -> Effective:
    """Complete a web.xml by fragments and annotations, unless it says that it is complete (DD-MC).

    With an error in a descriptor nothing is imported.
    """
    found = [*problems, *checks.check(web_app, complete=False)]
    classes = _classes(shown, loader)
    archives = [_library(shown, lib, unpacked) for lib, unpacked in libraries(loader)]
    complete = web_app.metadata_complete
    by_name = {archive.name: archive for archive in archives}
    fragments = [Fragment(archive.name, _nothing(archive), _nothing(archive)) for archive in archives]
    if not complete or web_app.absolute_ordering is not None:  # which says who may initialise (DD-MC-03)
        for i, archive in enumerate(archives):
            fragments[i], problems = _read_fragment(archive)
            found += () if complete else problems
    ordered = order(fragments, web_app.absolute_ordering)
    counted = [by_name[fragment.library] for fragment in ordered.fragments]
    annotations, fragments, guessed = _EMPTY, list(ordered.fragments), False
    if complete:
        fragments = []
    else:
        found += ordered.problems
        if not any(problem.severity == "error" for problem in found):
            annotations = _annotate(classes, fragments, counted, loader, found)
            found += _too_old(web_app, annotations, fragments)
        else:  # names that seem unknown may be those of decorators that nobody has looked at
            guessed = any(source.mentions for each in (*classes, *counted) for source in each.sources())
    merged, problems = merge(web_app, annotations, fragments)
    found += () if guessed else problems
    return Effective(
        merged,
        tuple(dict.fromkeys(found)),
        (*classes, *counted),
        tuple(fragment.library for fragment in ordered.fragments) if ordered.ordering_used else None,
    )


def _annotate(
    classes: Iterable[Archive],
    fragments: list[Fragment],
    counted: Iterable[Archive],
    loader: Loader,
    found: list[Problem],
) -> model.WebApp:
    """Scan every archive; complete the fragments, return what WEB-INF/classes declares."""
    annotations = _EMPTY
    for archive in classes:
        annotations, problems = annotations_of(archive, loader)
        found += problems
    for i, archive in enumerate(counted):
        if not fragments[i].descriptor.metadata_complete:  # DD-FRG-05
            declared, problems = annotations_of(archive, loader)
            fragments[i] = replace(fragments[i], annotations=declared)
            found += problems
    return annotations


def _too_old(
    web_app: model.WebApp, annotations: model.WebApp, fragments: Iterable[Fragment]
) -> Iterator[Problem]:
    """DD-MC-04: before 2.5 nobody could have said that the descriptor is complete."""
    parts = [annotations, *(part for f in fragments for part in (f.descriptor, f.annotations))]
    if web_app.version in ("2.2", "2.3", "2.4") and any(
        replace(p, source=_EMPTY.source) != _EMPTY for p in parts
    ):
        yield Problem(
            web_app.source,
            f"annotations and fragments count, although web.xml is of version {web_app.version}",
            'Say what is meant with version 6.1 and metadata-complete="true" or "false" (§8.1).',
            "warning",
        )


def libraries(loader: Loader) -> Iterator[tuple[Path, Path]]:
    """The entries of WEB-INF/lib that hold code, and where each has been unpacked to."""
    for lib, folder in loader.libraries.items():
        if (
            not lib.name.startswith(".")
            and not lib.name.endswith(_SKIPPED)
            and any(import_roots(lib, folder))
        ):
            yield lib, folder


def _classes(shown: str, loader: Loader) -> tuple[Archive, ...]:
    if loader.classes is None:
        return ()
    root = loader.classes.resolve()
    return (Archive("", f"{shown}/WEB-INF/classes", root, ((root, root),)),)


def _library(shown: str, lib: Path, unpacked: Path) -> Archive:
    return Archive(lib.name, f"{shown}/WEB-INF/lib/{lib.name}", unpacked, tuple(import_roots(lib, unpacked)))


def _nothing(archive: Archive) -> model.WebApp:
    return replace(_EMPTY, source=Source(archive.shown))


def _read_fragment(archive: Archive) -> tuple[Fragment, list[Problem]]:
    """DD-DOC-04, DD-DOC-05: a library without web-fragment.xml is a nameless fragment."""
    nothing = _nothing(archive)
    path = archive.folder / FRAGMENT_XML
    if not path.is_file():
        return Fragment(archive.name, nothing, nothing), []
    descriptor, problems = reader.read_file(path, f"{archive.shown}/{FRAGMENT_XML}", fragment=True)
    problems += checks.check(descriptor, complete=False)
    return Fragment(archive.name, descriptor, nothing), problems


# Annotations


def annotations_of(archive: Archive, loader: Loader) -> tuple[model.WebApp, list[Problem]]:
    """What the decorated classes of an archive declare, in the order of their names (DD-ANN-06)."""
    found: list[tuple[str, type, Source]] = []
    problems: list[Problem] = []
    for source in archive.sources():
        if not source.mentions:
            continue
        try:
            module = source.load(loader)
        except (Exception, SystemExit) as error:  # noqa: BLE001  importing runs application code
            problems.append(_cannot_be_imported(source, error))
            continue
        if module is not None:
            found += ((loader.name_of(c), c, source.source_of(c)) for c in classes_of(module))
    found.sort(key=lambda entry: entry[0])
    declared = _declared(archive.shown, found)
    return declared, [*problems, *checks.check(declared, complete=False)]


def _cannot_be_imported(source: SourceModule, error: BaseException) -> Problem:
    decorates = _DECORATES.search(source.text) is not None
    log.error("%s cannot be imported", source.shown, exc_info=error)
    what = "so what its decorators declare is missing" if decorates else "so it is not known what it declares"
    said = "".join(traceback.format_exception_only(error)[-1:]).strip().rstrip(".")
    return Problem(
        source.place(error),
        f"module {source.name} cannot be imported, {what}: {said}",
        "The traceback is in the log.",
        "error" if decorates else "warning",
    )


def classes_of(module: ModuleType) -> list[type]:
    """The classes that a module defines and that can be found by their names, nested ones too."""
    found: list[type] = []
    pending = [("", vars(module))]
    while pending:
        prefix, namespace = pending.pop()
        for name, value in list(namespace.items()):
            if (
                isinstance(value, type)
                and value.__module__ == module.__name__
                and value.__qualname__ == prefix + name
            ):
                found.append(value)
                pending.append((f"{value.__qualname__}.", dict(vars(value))))
    return found


def _declared(shown: str, found: Iterable[tuple[str, type, Source]]) -> model.WebApp:
    """Write down what decorators say, as a descriptor. Defaults count as not said, so that merging works."""
    servlets: list[model.Servlet] = []
    servlet_mappings: list[model.ServletMapping] = []
    filters: list[model.Filter] = []
    filter_mappings: list[model.FilterMapping] = []
    listeners: list[model.Listener] = []
    for class_name, declared, source in found:
        if (servlet := WebServlet.of(declared)) is not None:
            name = servlet.name or class_name
            servlets.append(
                model.Servlet(
                    name,
                    source,
                    servlet_class=class_name,
                    init_params=_params(servlet.initParams, source),
                    load_on_startup=None if servlet.loadOnStartup < 0 else servlet.loadOnStartup,
                    async_supported=servlet.asyncSupported or None,
                    multipart_config=_multipart(declared, source),
                    about=_about(servlet, source),
                )
            )
            servlet_mappings += (
                model.ServletMapping(name, pattern, source) for pattern in servlet.patterns()
            )
        if (filter_ := WebFilter.of(declared)) is not None:
            name = filter_.filterName or class_name
            filters.append(
                model.Filter(
                    name,
                    source,
                    filter_class=class_name,
                    async_supported=filter_.asyncSupported or None,
                    init_params=_params(filter_.initParams, source),
                    about=_about(filter_, source),
                )
            )
            kinds = frozenset(kind.name for kind in filter_.dispatcherTypes) or frozenset({"REQUEST"})
            filter_mappings += (
                model.FilterMapping(name, source, url_pattern=pattern, dispatchers=kinds)
                for pattern in filter_.patterns()
            )
            filter_mappings += (
                model.FilterMapping(name, source, servlet_name=servlet_name, dispatchers=kinds)
                for servlet_name in filter_.servletNames
            )
        if (listener := WebListener.of(declared)) is not None:
            descriptions = (model.Text(listener.value, source),) if listener.value else ()
            listeners.append(model.Listener(class_name, source, model.DescriptionGroup(descriptions)))
    return model.WebApp(
        Source(shown),
        fragment=True,
        servlets=tuple(servlets),
        servlet_mappings=tuple(servlet_mappings),
        filters=tuple(filters),
        filter_mappings=tuple(filter_mappings),
        listeners=tuple(listeners),
    )


def _params(params: Iterable[WebInitParam], source: Source) -> tuple[model.Param, ...]:
    return tuple(model.Param(param.name, param.value, source) for param in params)


def _about(said: WebServlet | WebFilter, source: Source) -> model.DescriptionGroup:
    icon = (said.smallIcon or None, said.largeIcon or None)
    return model.DescriptionGroup(
        (model.Text(said.description, source),) if said.description else (),
        (model.Text(said.displayName, source),) if said.displayName else (),
        (icon,) if any(icon) else (),
    )


def _multipart(declared: type, source: Source) -> model.MultipartConfig | None:
    said = MultipartConfig.of(declared)
    if said is None:
        return None
    return model.MultipartConfig(
        source,
        said.location or None,
        None if said.maxFileSize < 0 else said.maxFileSize,
        None if said.maxRequestSize < 0 else said.maxRequestSize,
        said.fileSizeThreshold or None,
    )
