"""Import a web app's classes where no other web app sees them, and forget them when it stops.

    WEB-INF/classes, WEB-INF/lib ──> Loader ──> sys.modules["shop__1.models"]

``import models`` inside a web app means its own models.py. Python asks ``sys.modules`` before any finder, so
a finder cannot tell two web apps apart. Hence each module of generation 1 of the web app "shop" is really
named ``shop__1.x`` and carries its own ``__builtins__``, whose ``__import__`` looks (RT-CTX-17)

    1. into WEB-INF/classes, then into each library of WEB-INF/lib, in order, for ``shop__1.models``;
    2. into the environment, for ``models``. ``container`` and the interpreter's own modules are only there.

From there on everything is Python's own import system: locks, circular imports, bytecode, packages with and
without an ``__init__``, relative imports. The real name works everywhere (``sys.modules[__name__]``,
dataclasses, type hints, pickle); the plain one works in import statements and ``importlib.import_module`` of
the web app's own modules, in descriptors and in ``loadClass``. What imports by a string from outside
(frameworks with import strings, ``unittest.mock.patch("models.X")``) and C extensions cannot follow: they
belong into the environment. A pickle with real names ends with its generation, one from ``dumps`` does not.
A module's builtins are a copy: what is added to ``builtins`` later is not seen.
"""

from __future__ import annotations

import builtins
import difflib
import importlib
import importlib.util
import io
import os
import pickle
import re
import shutil
import sys
import tempfile
import time
import typing
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from itertools import islice
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

from container.engine.names import TOMCAT_CLASSES, java_class
from container.errors import ContainerError, DeploymentError, Problem, Source
from container.servlet import ClassLoader

__all__ = ["PLATFORM", "ClassNotFound", "Loader", "import_roots", "loader_of", "modules", "readings"]

PLATFORM = frozenset({"container", "__main__", *sys.builtin_module_names})
"""Names that a web app's files never replace."""

ARCHIVES = frozenset({".whl", ".zip"})
CLASS_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*(?::[^\W\d]\w*(?:\.[^\W\d]\w*)*)?")  # "$" stands for "."
CLASS_STATEMENT = re.compile(r"^class\s+(\w+)", re.MULTILINE)
NO_MODULE = "there is no module"
MOST_FILES_SEARCHED = 500  # for a name like the one that was not found
TOO_YOUNG_S = 2.0


class ClassNotFound(ContainerError):  # noqa: N818  (Java's name is ClassNotFoundException)
    """No class of that name: reason lists what was tried, cure has the nearest name if there is one."""

    def __init__(self, name: str, tried: Sequence[str], cure: str) -> None:
        self.reason = f'there is no class "{name}": {"; ".join(tried)}'
        super().__init__(f"{self.reason}. {cure}")
        self.name = name
        self.tried = tuple(tried)
        self.cure = cure


class Loader(ClassLoader):
    """The classes of one generation of a web app; what ``ServletContext.getClassLoader()`` returns.

    package is the name in ``sys.modules`` that all its modules begin with. Any thread may call any method;
    ``close`` belongs to whoever made the loader.
    """

    def __init__(
        self,
        context_name: str,
        generation: int,
        classes: Path | None,
        libs: Sequence[Path] = (),
        *,
        work: Path | None = None,
        given: Iterable[type] = (),
    ) -> None:
        """Libs are the entries of WEB-INF/lib in their order; wheels are unpacked into a new folder in work.

        Raises DeploymentError for an archive that cannot be unpacked.
        """
        self.context_name = context_name
        self.classes = classes
        self.given = {each.__name__: each for each in given}
        """Classes that are in no file of the web app, by the name that descriptors use."""
        self._closed = False
        self._unpacked: Path | None = None
        self._finders: dict[str, FileFinder] = {}
        self._loaded_files: set[Path] = set()
        self._foreign: set[str] = set()  # top-level names that the environment has and the web app has not
        self._builtins: dict[str, Any] = {**vars(builtins), "__import__": self._import}
        self._importlib = self._own_importlib()
        self.libraries: Mapping[Path, Path] = self._unpack(libs, work)
        """Each entry of WEB-INF/lib, and the folder that holds its files (and META-INF)."""
        self.search_path = tuple(dict.fromkeys(_search_path(classes, self.libraries)))
        self._root = ModuleType("", f"The modules of generation {generation} of the web app {context_name}.")
        self._root.__path__ = [str(folder) for folder in self.search_path]
        vars(self._root)["__loader__"] = self  # how ModulesOfWebApps finds us
        self.package = _enter(self._root, context_name, generation)
        if ModulesOfWebApps not in sys.meta_path:
            sys.meta_path.insert(0, ModulesOfWebApps)

    def __repr__(self) -> str:
        return f"<Loader {self.package}{' closed' if self._closed else ''}>"

    # Loading by name

    def load_class(self, name: str) -> type:
        """Return the class that a descriptor calls name.

        "a.b.C" is attribute C of module a.b, else of module a.b.C; "a.b:C" says which is the module; "$"
        nests; Java's names of the platform mean their counterparts. Raises ClassNotFound; whatever a module
        raises while it is imported passes through, with a note that says for which class that was.
        """
        if counterpart := java_class(name):
            return counterpart
        if (given := self.given.get(name)) is not None:
            return given
        tried: list[str] = []
        for module_name, attribute in readings(name):
            try:
                found = self._look_up(module_name, attribute)
            except BaseException as error:
                error.add_note(f'This happened while the class "{name}" was loaded.')
                if isinstance(error, ImportError) and (hint := self._hint(error)):
                    error.add_note(hint)
                raise
            if isinstance(found, type):
                return found
            tried.append(found)
        raise self.not_found(name, tried)

    def not_found(self, name: str, tried: Sequence[str]) -> ClassNotFound:
        """Say it with the nearest name, or what else may be the cure."""
        return ClassNotFound(name, tried or ["that is not how a class is named"], self._cure(name, tried))

    def loadClass(self, name: str) -> type:
        """Java's spelling of load_class."""
        return self.load_class(name)

    def name_of(self, found: type) -> str:
        """Return the name of a class as a descriptor writes it, without the real name of our package."""
        if self.given.get(found.__name__) is found:
            return found.__name__
        module = found.__module__.removeprefix(self.package).removeprefix(".")
        return f"{module}.{found.__qualname__.replace('.', '$')}".removeprefix(".")

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """Import a module by the name that the web app knows it by; as ``importlib.import_module`` does."""
        # A fromlist asks for "b" of "import a.b"; every module has a __name__.
        module = self._import(importlib.util.resolve_name(name, package), fromlist=("__name__",))
        return cast(ModuleType, module)

    def _look_up(self, module_name: str, attribute: str) -> type | str:
        """Return the class, or why it is not there."""
        try:
            found: object = self.import_module(module_name)
        except ModuleNotFoundError as error:
            missing = (error.name or "").removeprefix(f"{self.package}.")
            if not missing or not f"{module_name}.".startswith(f"{missing}."):
                raise  # it exists, but imports something that does not
            return f"{NO_MODULE} {module_name}"
        for part in attribute.split("."):
            if not hasattr(found, part):
                return f"module {module_name} has no {attribute}"
            found = getattr(found, part)
        if isinstance(found, type):
            return found
        return f"{attribute} of module {module_name} is no class but of type {type(found).__name__}"

    # What "import" means inside the web app

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """Stand for ``__import__`` in each of our modules."""
        try:
            if level:  # relative to a package whose real name is in globals
                return builtins.__import__(name, globals, locals, fromlist or (), level)
            top = name.partition(".")[0]
            if not self._has(top):
                module = builtins.__import__(name, globals, locals, fromlist or (), 0)
                self._foreign.add(top)
                return self._importlib if module is importlib else module
            module = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist or (), 0)
            return module if fromlist else sys.modules[f"{self.package}.{top}"]
        except BaseException as error:
            if self._closed and isinstance(error, ImportError):
                error.add_note(f"The web app {self.context_name} has been stopped, its modules are gone.")
            if error.__traceback__:
                error.__traceback__ = error.__traceback__.tb_next  # without a line of ours for each import
            raise

    def _has(self, top: str) -> bool:
        """Whether the web app has a module top. A folder without __init__ yields to an installed module."""
        if f"{self.package}.{top}" in sys.modules:
            return True
        if self._closed or top in self._foreign or top in PLATFORM:
            return False
        spec = self.find_spec(f"{self.package}.{top}", self._root.__path__)
        return spec is not None and (spec.loader is not None or not _is_installed(top))

    def find_spec(self, fullname: str, path: Sequence[str]) -> ModuleSpec | None:
        """Find a module by its real name in the folders of path. The import system calls, with its locks."""
        folders: list[str] = []
        for entry in path:
            spec = self._finder(entry).find_spec(fullname)
            if spec is None:
                continue
            if isinstance(spec.loader, ExtensionFileLoader):
                plain = fullname.removeprefix(f"{self.package}.")
                raise ImportError(
                    f"{plain} is a C extension, which no web app can have for itself: {spec.origin}. "
                    "Install it into the environment that runs the container, remove it from WEB-INF/lib.",
                    name=fullname,
                    path=spec.origin,
                )
            if spec.loader is not None:
                self._loaded_files.add(Path(spec.origin or ""))
                return spec
            folders += spec.submodule_search_locations or ()
        if not folders:
            return None
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = folders
        return spec

    def _finder(self, folder: str) -> FileFinder:
        if folder not in self._finders:
            # typeshed asks for a class where the import system calls whatever it is given
            sources = cast(type[SourceFileLoader], partial(ModuleLoader, self._builtins))
            self._finders[folder] = FileFinder(
                folder, (ExtensionFileLoader, EXTENSION_SUFFIXES), (sources, SOURCE_SUFFIXES)
            )
        return self._finders[folder]

    def _own_importlib(self) -> ModuleType:
        """Return a stand-in for importlib whose import_module knows the web app's modules."""
        module = ModuleType("importlib")
        vars(module).update(vars(importlib))
        vars(module).update(import_module=self.import_module, __getattr__=partial(getattr, importlib))
        return module

    # Pickling

    def dumps(self, value: object) -> bytes:
        """Pickle value, the web app's classes under their plain names, for the next generation to read."""
        buffer = io.BytesIO()
        Pickler(buffer, self.package).dump(value)
        return buffer.getvalue()

    def loads(self, data: bytes) -> object:
        """Unpickle what dumps gave, with the classes of this generation."""
        return Unpickler(io.BytesIO(data), self._pickled).load()

    def _pickled(self, module_name: str, name: str) -> object:
        """Find what a pickle names, as an import statement of the web app would."""
        found: object = self.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
        return found

    # Files

    def loaded_files(self) -> set[Path]:
        """Return the source files imported so far."""
        return set(self._loaded_files)

    @property
    def resource_roots(self) -> tuple[Path, ...]:
        """The META-INF/resources folders of WEB-INF/classes and of the libraries, in order (DD-DOC-06)."""
        holders = (*([self.classes] if self.classes else ()), *self.libraries.values())
        folders = (folder / "META-INF" / "resources" for folder in holders)
        return tuple(folder for folder in folders if folder.is_dir())

    def source_files(self) -> Iterator[tuple[str, Path]]:
        """Yield the plain name and the file of each module that could be imported."""
        for folder in self.search_path:
            yield from modules(folder, folder)

    def _unpack(self, libs: Sequence[Path], work: Path | None) -> dict[Path, Path]:
        folders = {}
        for lib in libs:
            folders[lib] = lib
            if lib.suffix.lower() not in ARCHIVES or not lib.is_file():
                continue
            if self._unpacked is None:
                self._unpacked = Path(tempfile.mkdtemp(prefix="lib-", dir=work))
            folders[lib] = self._unpacked / lib.name
            try:
                with zipfile.ZipFile(lib) as archive:
                    archive.extractall(folders[lib])
            except (zipfile.BadZipFile, OSError) as error:
                shutil.rmtree(self._unpacked, ignore_errors=True)
                cure = "Build or download it again, or remove it from WEB-INF/lib."
                raise DeploymentError(
                    [Problem(Source(str(lib)), f"cannot be unpacked: {error}", cure, code="WAS313")]
                ) from error
        return folders

    # The end

    def close(self) -> None:
        """Forget all modules, so that they can be collected, and remove what was unpacked.

        Code that still runs keeps what it has, but cannot import any more.
        """
        self._closed = True
        for name in list(sys.modules):
            if name == self.package or name.startswith(f"{self.package}."):
                sys.modules.pop(name, None)
        vars(self._root).clear()
        self._finders.clear()
        for clear_cache in getattr(typing, "_cleanups", ()):  # typing remembers each class it was given
            clear_cache()
        if self._unpacked:
            shutil.rmtree(self._unpacked, ignore_errors=True)

    # Words for what went wrong

    def _cure(self, name: str, tried: Sequence[str]) -> str:
        plain = name.replace("$", ".").replace(":", ".")
        for folder in self.search_path:
            for suffix in (".class", ".java"):
                if (java := folder / f"{plain.replace('.', '/')}{suffix}").is_file():
                    return f"{java} is Java: write the class in Python, in {java.with_suffix('.py')}."
        if plain.startswith("org.apache.") and not self._has("org"):
            there = ", ".join(sorted(known.rpartition(".")[2] for known in TOMCAT_CLASSES))
            return f"That is a class of Tomcat's; of these there are here: {there}."
        if nearest := self._nearest(plain):
            return f'Did you mean "{nearest}"?'
        if plain.partition(".")[0] in PLATFORM:
            return "Modules of this name are the platform's; a file in WEB-INF/classes cannot add to them."
        if tried and not tried[0].startswith(NO_MODULE):
            return "Write the class there, or correct the name."
        return (
            "Put its module into WEB-INF/classes, or install its distribution into the environment that runs "
            "the container."
        )

    def _nearest(self, plain: str) -> str | None:
        """Find the class most like it: in the web app's sources, unimported, or in an imported module."""
        outer, _, wanted = plain.rpartition(".")
        found = [
            (class_name, module_name)
            for module_name, file in islice(self.source_files(), MOST_FILES_SEARCHED)
            for class_name in CLASS_STATEMENT.findall(file.read_text("utf-8", errors="replace"))
        ]
        if module := sys.modules.get(outer):
            found += [(name, outer) for name, value in vars(module).items() if isinstance(value, type)]
        found += [(name, "") for name in self.given]
        for word in difflib.get_close_matches(wanted, {name for name, _ in found}, n=1):
            modules = [module_name for name, module_name in found if name == word]
            return f"{difflib.get_close_matches(outer, modules, n=1, cutoff=0.0)[0]}.{word}".lstrip(".")
        return None

    def _hint(self, error: ImportError) -> str | None:
        """Explain that a module of the web app was asked for from outside, by its plain name."""
        name = error.name or ""
        if not name or name.startswith(f"{self.package}.") or not self._has(name.partition(".")[0]):
            return None
        return (
            f"{name} is a module of the web app {self.context_name}, which a library of the environment "
            "cannot import. Give the library the module or class itself, or install "
            f"{name} into the environment."
        )


class ModulesOfWebApps:
    """The finder in ``sys.meta_path``, one for all loaders: the top package says whose its modules are."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader = getattr(sys.modules.get(fullname.partition(".")[0]), "__loader__", None)
        return loader.find_spec(fullname, path) if isinstance(loader, Loader) and path is not None else None


class ModuleLoader(SourceFileLoader):
    """Python's loader of source files, whose modules have builtins of their own."""

    def __init__(self, builtins: dict[str, Any], fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self._builtins = builtins

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name)
        vars(module)["__builtins__"] = self._builtins
        return module

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Let young files neither use nor leave bytecode.

        Bytecode knows its source by size and second, so a source that changes once more within its second
        would go unnoticed. Raising OSError is how the import system is told.
        """
        stats = super().path_stats(path)
        if time.time() - stats["mtime"] < TOO_YOUNG_S:
            raise OSError(f"{path} has just been changed")
        return stats


class Pickler(pickle.Pickler):
    """Write a web app's classes and functions as persistent ids: plain module name and qualified name."""

    def __init__(self, file: io.BytesIO, package: str) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._prefix = f"{package}."
        self._ids: dict[
            object, tuple[str, str]
        ] = {}  # the same tuple each time, so that pickle writes it once

    def persistent_id(self, value: object) -> tuple[str, str] | None:
        if not isinstance(value, (type, FunctionType)) or not value.__module__.startswith(self._prefix):
            return None
        plain = value.__module__.removeprefix(self._prefix)
        return self._ids.setdefault(value, (plain, value.__qualname__))


class Unpickler(pickle.Unpickler):
    """Find the classes of a pickle, by persistent id or by plain name, with find."""

    def __init__(self, file: io.BytesIO, find: Callable[[str, str], object]) -> None:
        super().__init__(file)
        self._find = find

    def persistent_load(self, pid: tuple[str, str]) -> object:
        return self._find(*pid)

    def find_class(self, module_name: str, name: str) -> object:
        return self._find(module_name, name)


def _enter(root: ModuleType, context_name: str, generation: int) -> str:
    """Put root into sys.modules under a name nobody has, and return it: "shop__1", "a_b__1", "a_b_2__1"."""
    base = re.sub(r"\W", "_", context_name or "ROOT")
    number = 1
    while True:
        name = f"{base}__{generation}" if number == 1 else f"{base}_{number}__{generation}"
        root.__name__ = root.__package__ = name
        root.__spec__ = ModuleSpec(name, None, is_package=True)
        if sys.modules.setdefault(name, root) is root:
            return name
        number += 1


def _search_path(classes: Path | None, libraries: Mapping[Path, Path]) -> Iterator[Path]:
    """Yield the folders modules are looked for in.

    An unpacked library (a wheel, or a folder with META-INF or *.dist-info) is one itself; for a package or
    module, as ``pip install --target WEB-INF/lib`` leaves them, it is the folder around them.
    """
    if classes and classes.is_dir():
        yield classes.resolve()
    for lib, folder in libraries.items():
        yield from (root for root, _ in import_roots(lib, folder))


def loader_of(
    folder: Path, generation: int = 1, *, work: Path | None = None, given: Iterable[type] = ()
) -> tuple[Loader, Sequence[Problem]]:
    """The loader of a web app's folder; one without libraries, and the reason, if one cannot be unpacked."""
    classes, lib = folder / "WEB-INF" / "classes", folder / "WEB-INF" / "lib"
    make = partial(Loader, folder.name, generation, work=work, given=tuple(given))
    there, libraries = None, list[Path]()
    try:
        for each in (classes, lib):
            if os.path.isdir(each):  # Path.is_dir raises where we may not look
                libraries = sorted(each.iterdir()) if each is lib else []
                os.scandir(each).close()
        there = classes if os.path.isdir(classes) else None
        return make(there, libraries), ()
    except DeploymentError as error:
        return make(there, ()), error.problems
    except OSError as error:
        source = Source(f"{folder.name}/{Path(error.filename).relative_to(folder)}")
        message, cure = f"cannot be read: {error.strerror}", "Check its permissions."
        return make(None, ()), [Problem(source, message, cure, code="WAS134")]


def import_roots(lib: Path, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield where the modules of an entry of WEB-INF/lib are looked for, and what of that is its own.

    folder is where it has been unpacked to, lib itself if that was not needed.
    """
    if folder != lib or _is_unpacked_library(lib):
        for root in (folder.resolve(), *sorted(folder.resolve().glob("*.data/*lib"))):  # purelib, platlib
            yield root, root
    elif lib.is_dir() or lib.suffix in SOURCE_SUFFIXES:
        yield lib.parent.resolve(), lib.parent.resolve() / lib.name


def modules(root: Path, within: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of each module that importing from root can find in within, sorted."""
    for file in sorted(within.rglob("*.py")) if within.is_dir() else [within]:
        *parents, name = file.relative_to(root).with_suffix("").parts
        parts = parents if name == "__init__" else [*parents, name]
        if parts and all(part.isidentifier() for part in parts):
            yield ".".join(parts), file


def _is_unpacked_library(folder: Path) -> bool:
    if not folder.is_dir() or (folder / "__init__.py").exists():
        return False
    return (folder / "META-INF").is_dir() or any(folder.glob("*.dist-info"))


def readings(name: str) -> Iterator[tuple[str, str]]:
    """Yield what a class name may mean: a module, and an attribute path in it."""
    plain = name.replace("$", ".")
    if not CLASS_NAME.fullmatch(plain):
        return
    module_name, colon, attribute = plain.partition(":")
    if colon:
        yield module_name, attribute
        return
    outer, *nested = name.split("$")
    module_name, _, last = outer.rpartition(".")
    attribute = ".".join([last, *nested])
    if module_name:
        yield module_name, attribute
    yield outer, attribute
    if not module_name:
        yield "builtins", attribute


def _is_installed(top: str) -> bool:
    """Whether the environment has a real module of that name, more than a folder."""
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # in sys.modules, made by hand
        return True
    return spec is not None and spec.origin is not None
