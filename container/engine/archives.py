"""Where the code of a web app lies: WEB-INF/classes and each library of WEB-INF/lib, seen as source files.

    Loader ──archives_of──> Archives ──sources──> SourceModules ──load, classes_of──> classes

Reading a source costs little, importing it runs it: so whoever looks for classes reads first and imports only
what may have them.
"""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from container.engine.loader import Loader, import_roots, modules
from container.errors import Source

__all__ = ["Archive", "SourceModule", "archives_of", "classes_of", "place_of"]

_NO_LIBRARIES = (".dist-info", ".egg-info", ".data", "__pycache__")


@dataclass(frozen=True, slots=True)
class SourceModule:
    """A source file and the name it is imported by."""

    name: str
    path: Path
    shown: str  # as messages call the file
    text: bytes

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
        line = self.text.count(b"\n", 0, statement.start()) + 1
        return Source(self.shown, line, statement[0].index(b"class") + 1)


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


def archives_of(shown: str, loader: Loader) -> tuple[list[Archive], list[Archive]]:
    """Return WEB-INF/classes, if there is one, and the libraries in the order of their names.

    shown is how messages call the web app's folder.
    """
    classes = []
    if loader.classes is not None:
        root = loader.classes.resolve()
        classes.append(Archive("", f"{shown}/WEB-INF/classes", root, ((root, root),)))
    libraries = []
    for lib, unpacked in loader.libraries.items():
        roots = tuple(import_roots(lib, unpacked))
        if roots and not lib.name.startswith(".") and not lib.name.endswith(_NO_LIBRARIES):
            libraries.append(Archive(lib.name, f"{shown}/WEB-INF/lib/{lib.name}", unpacked, roots))
    return classes, libraries


def place_of(found: type) -> Source:
    """Where the class statement of a class stands, wherever that may be."""
    try:
        file = Path(inspect.getsourcefile(found) or "")
        lines, first = inspect.getsourcelines(found)
    except (OSError, TypeError):  # it was made by code
        return Source(found.__module__)
    if file.is_relative_to(Path.cwd()):
        file = file.relative_to(Path.cwd())
    for number, line in enumerate(lines, first):
        if line.lstrip().startswith("class "):
            return Source(str(file), number, line.index("class") + 1)
    return Source(str(file), first)


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
