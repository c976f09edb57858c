"""Checks 3xx: the classes that a descriptor names, as far as their text shows it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from container.engine.loader import PLATFORM
from container.engine.names import java_exception
from container.errors import Problem, Severity, Source
from container.learn.lint.app import IMPLICIT, App
from container.learn.lint.python import Module, PythonClass, is_installed
from container.learn.migrate.known import CLASSES, advice_for
from container.servlet import EventListener, Filter, Servlet

__all__ = ["check"]

_JAVA = re.compile(
    r"(?:com|org|net|edu|gov|io|info|biz|java|javax|jakarta|[a-z]{2})(?:\.[a-z_]\w*)+\.[A-Z]\w*"
)
_FILE = re.compile(r".*\.(?:py|class|java)|.*/.*")


def check(app: App) -> Iterator[Problem]:
    """What cannot be read is said once, however many descriptors name classes of it."""
    for module in app.sources.own():
        yield from _unreadable(module)
    for element, name, source, kind, example in _named(app):
        yield from _class(app, element, name, source, kind, example)
    for module in app.sources.own():
        yield from _imports(app, module)
    yield from _names(app)
    yield from _no_class(app)


def _unreadable(module: Module) -> Iterator[Problem]:
    if error := module.syntax_error:
        yield Problem(
            Source(module.shown, error.lineno or 0, error.offset or 0),
            f"module {module.name} is not Python: {error.msg}",
            "Correct the line, or what stands before it.",
            code="WAS305",
        )


_KINDS: dict[type, tuple[str, str]] = {
    Servlet: ("servlet", "WAS303"),
    Filter: ("filter", "WAS303"),
    EventListener: ("listener", "WAS307"),
    BaseException: ("exception", "WAS308"),
}
_METHODS: dict[type, tuple[str, ...]] = {Servlet: ("init", "service"), Filter: ("init", "doFilter")}
_Named = tuple[str, str, Source, type, str]


def _named(app: App) -> Iterator[_Named]:
    web_app = app.web_app
    for servlet in web_app.servlets:
        if servlet.servlet_class is not None:
            yield "servlet-class", servlet.servlet_class, servlet.source, Servlet, "HttpServlet"
    for filter_ in web_app.filters:
        if filter_.filter_class is not None:
            yield "filter-class", filter_.filter_class, filter_.source, Filter, "HttpFilter"
    for listener in web_app.listeners:
        yield (
            "listener-class",
            listener.listener_class,
            listener.source,
            EventListener,
            "ServletContextListener",
        )
    for page in web_app.error_pages:
        if page.exception_type is not None and java_exception(page.exception_type) is None:
            yield "exception-type", page.exception_type, page.source, BaseException, "Exception"


def _class(app: App, element: str, name: str, source: Source, kind: type, example: str) -> Iterator[Problem]:
    found = app.sources.find(name)
    source = app.inside(source, f"<{element}>")
    if isinstance(found, list):
        yield _missing(app, element, name, source, found)
    elif isinstance(found, PythonClass):
        if not found.is_opaque and not found.is_a(kind) and not _looks_like(found, kind):
            yield _wrong_kind(element, name, source, kind, example, f"{found.place()}")
        elif kind is not BaseException:
            yield from _constructor(found)
    elif isinstance(found, type) and not issubclass(found, kind):
        yield _wrong_kind(element, name, source, kind, example, "")


def _missing(app: App, element: str, name: str, source: Source, tried: list[str]) -> Problem:
    severity: Severity = "warning" if element == "exception-type" else "error"
    error = app.loader.not_found(name, tried)
    is_java = ".java" in error.cure or "is Java" in error.cure
    if element != "exception-type" and _FILE.fullmatch(name):
        meant = re.sub(r"\.(?:py|class|java)$", "", name).replace("/", ".").strip(".")
        last = meant.rpartition(".")[2]
        meant = meant if last[:1].isupper() else f"{meant}.{last.capitalize()}"
        return Problem(
            source,
            f'<{element}> "{name}" is a file, not a class',
            f'Write module.Class, as in "{meant}".',
            code="WAS304",
        )
    if is_java or _JAVA.fullmatch(name):
        cure = error.cure
        if not name.startswith("org.apache."):  # of those the loader says which there are
            module, _, last = name.rpartition(".")
            file = f"{(module or last).replace('.', '/')}.py"
            near = f" {cure}" if cure.startswith("Did you mean") else ""
            cure = f"Write class {last} in WEB-INF/classes/{file}, or let `was migrate` begin it.{near}"
            if advice := advice_for(name, CLASSES):
                cure = advice.instead
        words = f'<{element}> "{name}" is a Java class, and there is no Python class of that name'
        return Problem(source, words, cure, severity, code="WAS302")
    return Problem(
        source,
        f'<{element}>: there is no class "{name}": {"; ".join(tried) or error.tried[0]}',
        error.cure,
        severity,
        code="WAS308" if element == "exception-type" else "WAS301",
    )


def _looks_like(found: PythonClass, kind: type) -> bool:
    """A class may also just have the methods: the container asks for no more."""
    needed = _METHODS.get(kind)
    return needed is not None and all(map(found.overrides, needed))


def _wrong_kind(element: str, name: str, source: Source, kind: type, example: str, place: str) -> Problem:
    what, code = _KINDS[kind]
    return Problem(
        source,
        f'<{element}> "{name}" is no {what}{f": the class ({place})" if place else ": it"} does not inherit '
        "from "
        f"{'one' if kind is BaseException else f'{example} or another {what}'}",
        f"Write class {name.rpartition('.')[2]}({example}), or name another class.",
        "warning" if kind in (EventListener, BaseException) else "error",
        code=code,
    )


def _constructor(found: PythonClass) -> Iterator[Problem]:
    """The container calls the class without arguments (§2.3.1)."""
    for each in found.lineage():
        if not isinstance(each, PythonClass):
            return
        for function in each.functions():
            if function.name == "__init__":
                arguments = function.args
                positional = len(arguments.posonlyargs) + len(arguments.args) - 1 - len(arguments.defaults)
                keyword = sum(default is None for default in arguments.kw_defaults)
                if positional > 0 or keyword:
                    yield Problem(
                        each.module.place(function),
                        f"__init__ of {found.name} needs arguments, but the container gives none",
                        "Take them from init parameters, in def init(self): self.getInitParameter(...).",
                        code="WAS715",
                    )
                return


def _imports(app: App, module: Module) -> Iterator[Problem]:
    """Imports at the top level that cannot work; those inside try are somebody's plan B."""
    for statement in module.tree.body:
        names: list[str] = []
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
            names = [statement.module]
        for name in names:
            top = name.partition(".")[0]
            if top == "__future__" or _has(app, top) or is_installed(top):
                continue
            yield Problem(
                module.place(statement),
                f"module {module.name} imports {name}, which is neither in the web app nor installed",
                f"Install it into the environment that runs the container: pip install {top}; or put it into "
                "WEB-INF/lib.",
                code="WAS309",
            )


def _names(app: App) -> Iterator[Problem]:
    """Modules that are called like one of Python's own, if somebody may mean that one."""
    imported = {
        name.partition(".")[0] for module in app.sources.modules.values() for name in module.imports.values()
    }
    for module in app.sources.own():
        name = module.name
        if name in PLATFORM:
            message = f"module {name} is never imported: the interpreter has its own"
        elif name in sys.stdlib_module_names and name in imported:
            message = (
                f"module {name} hides the one of the standard library: import {name} means this file in the "
                "whole web app, its libraries included"
            )
        else:
            continue
        yield Problem(Source(module.shown, 1, 1), message, "Rename it.", "warning", code="WAS316")


def _has(app: App, top: str) -> bool:
    modules = app.sources.modules
    return top in modules or any(name.startswith(f"{top}.") for name in modules)


def _no_class(app: App) -> Iterator[Problem]:
    """From 3.0 on a <servlet> may leave its class to somebody else, who has to come, though (DD-SRV-04)."""
    if app.registers:
        return
    for servlet in app.web_app.servlets:
        if not (servlet.servlet_class or servlet.jsp_file or servlet.name in IMPLICIT):
            yield _without_class("servlet", servlet.name, servlet.source, "warning")
    for filter_ in app.web_app.filters:
        if not filter_.filter_class:
            yield _without_class("filter", filter_.name, filter_.source, "error")


def _without_class(kind: str, name: str, source: Source, severity: Severity) -> Problem:
    cure = f"Add <{kind}-class>, or register it from a listener."
    return Problem(source, f'<{kind}> "{name}" has no class', cure, severity, code="WAS306")
