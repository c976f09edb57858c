"""Call the ServletContainerInitializers of a web app, before any listener hears of it (Servlet 6.1, §8.2.4).

    entry points, META-INF/services ──> find ──> [Declared] ──> start: onStartup(classes, context)

A distribution names its initializers as entry points of the group
``jakarta.servlet.ServletContainerInitializer``; one in the environment that runs the container serves every
web app, one in WEB-INF/lib its own. An archive of WEB-INF/lib, and WEB-INF/classes, may also name them in
META-INF/services, one class a line.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_origin

from container.engine.archives import Archive, SourceModule, classes_of
from container.engine.loader import Loader
from container.errors import DeploymentError, Problem, Source
from container.servlet import HandlesTypes

if TYPE_CHECKING:
    from container.engine.context import Context

__all__ = ["Declared", "call_initializers", "of_environment"]

log = logging.getLogger("container.engine")

SERVICE = "jakarta.servlet.ServletContainerInitializer"
_ENTRY_POINTS = "*.dist-info/entry_points.txt"


@dataclass(frozen=True, slots=True)
class Declared:
    """Where a class is named as an initializer."""

    class_name: str
    source: Source
    shared: bool = False  # the environment's, not the web app's


def of_environment() -> tuple[Declared, ...]:
    """The initializers of the distributions installed beside the container (RT-SCI-05)."""
    folders = dict.fromkeys(path or "." for path in sys.path)
    return tuple(each for path in folders for each in _of_metadata(Path(path), path, shared=True))


def of_web_app(archives: Sequence[Archive]) -> Iterator[Declared]:
    """The initializers of WEB-INF/classes and of the libraries that count, in their order."""
    for archive in archives:
        for name, line in _services(archive.folder / "META-INF" / "services" / SERVICE):
            yield Declared(name, Source(f"{archive.shown}/META-INF/services/{SERVICE}", line, 1))
        yield from _of_metadata(archive.folder, archive.shown)
        for root, within in archive.roots:
            if within != root:  # as pip install --target leaves it: the metadata lies beside the package
                beside = _of_metadata(root, archive.shown.removesuffix(f"/{archive.name}"))
                yield from (d for d in beside if re.split(r"[.:]", d.class_name)[0] == within.stem)


def _of_metadata(folder: Path, shown: str, *, shared: bool = False) -> Iterator[Declared]:
    """The entry points of the distributions whose metadata lies in a folder."""
    for file in sorted(folder.glob(_ENTRY_POINTS)):
        for name, line in _entry_points(file):
            yield Declared(name, Source(f"{shown}/{file.parent.name}/{file.name}", line, 1), shared)


def _services(file: Path) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(_lines(file), 1):
        if name := line.partition("#")[0].strip():
            yield name, number


def _entry_points(file: Path) -> Iterator[tuple[str, int]]:
    section = ""
    for number, line in enumerate(_lines(file), 1):
        if line.startswith("["):
            section = line.strip()[1:-1].strip()
        elif section == SERVICE and "=" in line and not line.startswith(("#", ";")):
            yield line.partition("=")[2].partition("[")[0].strip(), number


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


Guard = Callable[[Source, str, Callable[[], Any]], Any]
"""Calls application code and turns what it raises into a DeploymentError."""


def call_initializers(
    context: Context, declared: Iterable[Declared], archives: Sequence[Archive], guard: Guard
) -> None:
    """Make one instance of each and call onStartup, in order."""
    classes = ApplicationClasses(archives, context.loader)
    known: set[type] = set()
    for each in declared:
        what = f"initializer {each.class_name}"
        found = guard(each.source, what, partial(_load, each, context.loader))
        if found in known:
            continue
        known.add(found)
        handled = HandlesTypes.of(found)
        wanted = None if handled is None else classes.matching(handled.value)
        with context.facade.initializing():
            guard(each.source, what, partial(_call, found, wanted, context))


def _load(declared: Declared, loader: Loader) -> type:
    found: Any
    if declared.shared:  # by its own name: the web app may have a module of that name
        module_name, _, path = declared.class_name.partition(":")
        found = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    else:
        found = loader.load_class(declared.class_name)
    if not (isinstance(found, type) and callable(getattr(found, "onStartup", None))):
        cure = "Derive the class from ServletContainerInitializer, or remove the line."
        raise DeploymentError(
            [Problem(declared.source, f"{declared.class_name} has no onStartup", cure, code="WAS315")]
        )
    return found


def _call(initializer: type[Any], classes: set[type] | None, context: Context) -> None:
    initializer().onStartup(classes, context.facade)


class ApplicationClasses:
    """Finds the classes of a web app that an initializer wants, importing as little as possible.

    A class that extends X, or has X as a decorator, stands in a module that mentions X, or that mentions
    another class that extends X. Only such modules are imported; one that cannot be is left out (RT-SCI-04).
    """

    def __init__(self, archives: Sequence[Archive], loader: Loader) -> None:
        self._archives = archives
        self._loader = loader
        self._sources: list[SourceModule] | None = None

    def matching(self, types: Sequence[type]) -> set[type] | None:
        """The classes that extend or are annotated with one of types; None if there is none (RT-SCI-02)."""
        if self._sources is None:
            self._sources = [source for archive in self._archives for source in archive.sources()]
        pending = self._sources
        words = {each.__name__ for each in _with_subclasses(types)}
        found: set[type] = set()
        while words:
            mentions = re.compile(rb"\b(?:%b)\b" % b"|".join(map(str.encode, words)))
            mentioning: list[SourceModule] = []
            rest: list[SourceModule] = []
            for source in pending:
                (mentioning if mentions.search(source.text) else rest).append(source)
            pending = rest
            new = {c for source in mentioning for c in self._classes(source) if _matches(c, types)}
            found |= new
            words = {each.__name__ for each in new}
        return found or None

    def _classes(self, source: SourceModule) -> list[type]:
        try:
            module = source.load(self._loader)
        except (Exception, SystemExit) as error:  # noqa: BLE001  importing runs application code
            log.info("%s is not looked at: %s: %s", source.shown, type(error).__name__, error)
            return []
        return [] if module is None else classes_of(module)


def _with_subclasses(types: Iterable[type]) -> set[type]:
    """Types and what is known to extend them: who extends HttpServlet need not mention Servlet."""
    found: set[type] = set()
    pending = list(types)
    while pending:
        if (each := pending.pop()) not in found:
            found.add(each)
            pending += type.__subclasses__(each)
    return found


def _matches(found: type, types: Sequence[type]) -> bool:
    """Whether a class, one of its methods or one of its fields is of, or annotated with, one of types.

    An annotation X notes itself as ``__X__`` on a class or method; on a field it is ``Annotated[..., X()]``.
    """
    if found in types:
        return False
    try:
        if issubclass(found, tuple(types)):
            return True
    except TypeError:  # of a metaclass that does not take part
        pass
    members = vars(found)
    noted = [members, *(getattr(member, "__dict__", {}) for member in members.values())]
    fields = members.get("__annotations__", {}).values()
    return any(
        isinstance(attributes.get(f"__{each.__name__}__"), each) for attributes in noted for each in types
    ) or any(
        isinstance(said, tuple(types))
        for field in fields
        if get_origin(field) is Annotated
        for said in field.__metadata__
    )
