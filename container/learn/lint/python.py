"""A web app's Python as its text says it, parsed and never run.

    Archives ──> Sources ── find("cart.Cart") ──> PythonClass (of the web app) | type (of ours) | why not

What is inherited from an installed library cannot be seen: such a class is ``opaque``, and whoever asks must
not conclude anything from what it seems to lack.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from container.engine.archives import Archive, SourceModule
from container.engine.loader import readings
from container.engine.names import java_class
from container.errors import Source
from container.servlet.servlet import METHODS

__all__ = [
    "ANSWERING",
    "UNKNOWN",
    "Found",
    "Function",
    "Module",
    "PythonClass",
    "Sources",
    "Unknown",
    "calls",
    "dotted",
    "is_installed",
]

ANSWERING = (*METHODS.values(), "service", "doFilter")
"""The methods that are called for a request."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Unknown:
    """Something whose text we do not have."""


UNKNOWN = Unknown()


class Module:
    """One source file. tree is empty where the text is no Python; syntax_error says why."""

    def __init__(self, source: SourceModule, *, own: bool) -> None:
        self.name = source.name
        self.shown = source.shown
        self.is_own = own  # of WEB-INF/classes, not of a library
        self.text = source.text
        self.is_package = source.path.name == "__init__.py"

    @cached_property
    def _parsed(self) -> tuple[ast.Module, SyntaxError | None]:
        try:
            return ast.parse(self.text), None
        except SyntaxError as error:
            return ast.Module([], []), error
        except ValueError as error:  # null bytes
            return ast.Module([], []), SyntaxError(str(error))

    @property
    def tree(self) -> ast.Module:
        return self._parsed[0]

    @property
    def syntax_error(self) -> SyntaxError | None:
        return self._parsed[1]

    @cached_property
    def names(self) -> dict[str, ast.stmt]:
        """What the module's top level binds, each name with the last statement that does."""
        return dict(_bound(self.tree.body))

    @cached_property
    def has_star(self) -> bool:
        """Whether names may come from somewhere that cannot be seen here."""
        return "*" in self.names or "__getattr__" in self.names

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name -> dotted name, of every import in the file: "sleep" -> "time.sleep"."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    found[alias.asname or name] = name
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{self.absolute(node)}.{alias.name}"
        return found

    def absolute(self, node: ast.ImportFrom) -> str:
        """The full name of the module that ``from ... import`` means."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        parts = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*parts, *filter(None, [node.module])])

    def place(self, node: ast.AST) -> Source:
        line: int = getattr(node, "lineno", 0)
        offset: int = getattr(node, "col_offset", 0)
        before = self.text.split(b"\n")[line - 1][:offset] if line else b""
        return Source(self.shown, line, len(before.decode("utf-8", "replace")) + 1 if line else 0)


@dataclass(frozen=True, slots=True, eq=False)
class PythonClass:
    """A class of the web app. bases: those that are known; opaque: a base is not."""

    name: str  # as in the file
    module: Module
    node: ast.ClassDef
    bases: tuple[PythonClass | type, ...] = ()
    opaque: bool = False

    def lineage(self) -> Iterator[PythonClass | type]:
        """The class and all that it inherits from, nearest first."""
        yield self
        for base in self.bases:
            if isinstance(base, PythonClass):
                yield from base.lineage()
            else:
                yield from base.__mro__

    @property
    def is_opaque(self) -> bool:
        return any(isinstance(each, PythonClass) and each.opaque for each in self.lineage())

    def is_a(self, kind: type) -> bool:
        return any(isinstance(each, type) and issubclass(each, kind) for each in self.lineage())

    def functions(self) -> Iterator[Function]:
        for node in self.node.body:
            if isinstance(node, Function):
                yield node

    def binds(self, name: str) -> bool:
        """Whether the class itself says what name is, by def or by assignment."""
        return any(bound == name for bound, _ in _bound(self.node.body))

    def overrides(self, name: str) -> bool:
        """Whether it or a base in the web app, or a library's class that we know, answers name itself."""
        for each in self.lineage():
            if isinstance(each, PythonClass):
                if each.binds(name):
                    return True
            elif not each.__module__.startswith("container.servlet.") and name in vars(each):
                return True
        return False

    def place(self) -> Source:
        """Of the word "class", not of the decorators before it."""
        return self.module.place(self.node)


Found = PythonClass | type | Unknown


class Sources:
    """All modules of a web app, by the names it imports them by; those of WEB-INF/classes come first."""

    def __init__(self, classes: Iterable[Archive], libraries: Iterable[Archive]) -> None:
        self.modules: dict[str, Module] = {}
        for archives, own in ((classes, True), (libraries, False)):
            for archive in archives:
                for source in archive.sources():
                    self.modules.setdefault(source.name, Module(source, own=own))
        self._classes: dict[tuple[str, str], Found | None] = {}

    def own(self) -> Iterator[Module]:
        return (module for module in self.modules.values() if module.is_own)

    def own_classes(self) -> Iterator[PythonClass]:
        """Every class at the top level of WEB-INF/classes."""
        for module in self.own():
            for name, node in module.names.items():
                found = self.look_up(module.name, name) if isinstance(node, ast.ClassDef) else None
                if isinstance(found, PythonClass):
                    yield found

    def mentions(self, text: str) -> bool:
        """Whether any file of WEB-INF/classes or a library has text in it."""
        return any(text.encode() in module.text for module in self.modules.values())

    def find(self, name: str) -> Found | list[str]:
        """What a descriptor's class name means, or what was tried, in the words of the loader."""
        if counterpart := java_class(name):
            return counterpart
        tried = []
        for module_name, attribute in readings(name):
            if (found := self.look_up(module_name, attribute)) is not None:
                return found
            has = module_name in self.modules or module_name == "builtins"
            tried.append(
                f"module {module_name} has no {attribute}" if has else f"there is no module {module_name}"
            )
        return tried

    def look_up(self, module_name: str, attribute: str) -> Found | None:
        """What a name of a module is; None if it is not there."""
        key = (module_name, attribute)
        if key not in self._classes:
            self._classes[key] = UNKNOWN  # while it is looked for: a class that inherits from itself
            self._classes[key] = self._look_up(module_name, attribute)
        return self._classes[key]

    def _look_up(self, module_name: str, attribute: str) -> Found | None:
        module = self.modules.get(module_name)
        if module is None:
            return self._of_environment(module_name, attribute)
        first, *nested = attribute.split(".")
        node = module.names.get(first)
        if node is None:
            if f"{module_name}.{first}" in self.modules:
                return None  # a sub-module, which is no class
            return UNKNOWN if module.has_star or module.syntax_error else None
        for name in nested:
            if not isinstance(node, ast.ClassDef):
                return UNKNOWN
            node = dict(_bound(node.body)).get(name)
        if isinstance(node, ast.ClassDef):
            return self._class(attribute, module, node)
        if isinstance(node, ast.ImportFrom) and not nested:
            original = next(a.name for a in node.names if first in (a.asname, a.name))
            return self.look_up(module.absolute(node), original) or UNKNOWN
        return UNKNOWN if node is not None else None

    def _of_environment(self, module_name: str, attribute: str) -> Found | None:
        top = module_name.partition(".")[0]
        if top == "builtins":
            found = getattr(builtins, attribute, None)
            return found if isinstance(found, type) else None
        if top == "container":  # ours, which is here anyway
            try:
                found = getattr(import_module(module_name), attribute, None)
            except ImportError:
                return None
            return found if isinstance(found, type) else None
        if top in self.modules or any(name.startswith(f"{top}.") for name in self.modules):
            return None
        return UNKNOWN if is_installed(top) else None

    def _class(self, name: str, module: Module, node: ast.ClassDef) -> PythonClass:
        bases: list[PythonClass | type] = []
        opaque = False
        for expression in node.bases:
            found = self._base(expression, module)
            if isinstance(found, (PythonClass, type)):
                bases.append(found)
            else:
                opaque = True
        opaque = (
            opaque or bool(node.keywords) or not all(_is_harmless(d, module) for d in node.decorator_list)
        )
        return PythonClass(name, module, node, tuple(bases) or (object,), opaque)

    def _base(self, expression: ast.expr, module: Module) -> Found | None:
        if isinstance(expression, ast.Subscript):  # Generic[T]
            expression = expression.value
        parts = dotted(expression)
        if parts is None:
            return UNKNOWN
        first, _, rest = parts.partition(".")
        if not rest:
            if first in module.names:
                return self.look_up(module.name, first)
            found = getattr(builtins, first, None)
            return found if isinstance(found, type) else UNKNOWN
        outer, _, last = f"{module.imports.get(first, first)}.{rest}".rpartition(".")
        return self.look_up(outer, last)


def calls(node: ast.AST, *names: str) -> Iterator[ast.Call]:
    """The calls below a node of methods with these names, on whatever object."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in names:
            yield each


def dotted(node: ast.AST) -> str | None:
    """Write an expression like a.b.c as text; None for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (outer := dotted(node.value)) is not None:
        return f"{outer}.{node.attr}"
    return None


def _is_harmless(decorator: ast.expr, module: Module) -> bool:
    """Whether a decorator of a class is known to leave its methods alone."""
    name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
    first, dot, rest = name.partition(".")
    full = f"{module.imports.get(first, first)}{dot}{rest}"
    return full.startswith(("container.servlet.", "dataclasses.", "typing.", "functools.")) or (
        module.has_star and not rest
    )


def is_installed(top: str) -> bool:
    """Whether the environment has a module of that name. Nothing is imported."""
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return top in sys.modules


def _bound(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """The names that statements bind in their own scope, also in the branches of if, try, with and for."""
    for statement in statements:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name, statement
            case ast.Import() | ast.ImportFrom():
                for alias in statement.names:
                    yield alias.asname or alias.name.partition(".")[0], statement
            case ast.Assign():
                for target in statement.targets:
                    yield from ((n.id, statement) for n in ast.walk(target) if isinstance(n, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                yield name, statement
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for field in ("body", "orelse", "finalbody"):
                    yield from _bound(getattr(statement, field, ()))
                for handler in getattr(statement, "handlers", ()):
                    yield from _bound(handler.body)
