"""What the checks of `was check` look at: one web app, read but not started.

    folder ──App──> web_app (the effective descriptor), sources (its Python), files, the engine's own tables

The tables are the engine's, made of what is declared. What code registers at the start is not known here;
``registers`` says whether there may be such a thing, and checks that miss something are quiet then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from container.descriptor import model
from container.engine.archives import archives_of
from container.engine.container import context_path_of
from container.engine.context import DEFAULT_CLASSES, DEFAULT_SERVLET
from container.engine.loader import Loader
from container.engine.mapper import Mapper, Match
from container.engine.scanner import Effective
from container.errors import Source
from container.files import is_hidden, is_protected
from container.learn.lint.python import Found, PythonClass, Sources
from container.security.constraints import Constraints

__all__ = ["IMPLICIT", "PAGES", "App", "overlap"]

PAGES = ("jinja", "jsp", "jspx")
"""Implicit servlets, which answer for pages that exist."""

IMPLICIT = (DEFAULT_SERVLET, *PAGES)

_REGISTERING = ("addServlet", "addJspFile", "addFilter")
_MOST_FILES = 2000


class App:
    """One web app. shown is how messages call its folder; https says whether the server has a TLS port."""

    def __init__(self, folder: Path, effective: Effective, loader: Loader, *, https: bool = False) -> None:
        self.folder = folder
        self.shown = str(folder)
        self.web_app = effective.web_app
        self.loader = loader
        self.https = https
        self.sources = Sources(*archives_of(self.shown, loader))
        self.context_path = context_path_of(folder.resolve().name)

    # Declarations

    @cached_property
    def servlets(self) -> dict[str, model.Servlet]:
        return {servlet.name: servlet for servlet in self.web_app.servlets if servlet.enabled is not False}

    @cached_property
    def filters(self) -> dict[str, model.Filter]:
        return {filter_.name: filter_ for filter_ in self.web_app.filters}

    @cached_property
    def mappings(self) -> list[model.ServletMapping]:
        """Those of servlets that are declared and enabled."""
        known = (*self.servlets, *IMPLICIT)
        return [m for m in self.web_app.servlet_mappings if m.servlet_name in known]

    @cached_property
    def mapper(self) -> Mapper:
        implicit = {"*.jinja": "jinja", "*.jsp": "jsp", "*.jspx": "jspx"}
        for mapping in self.mappings:
            implicit.pop(mapping.url_pattern, None)
        pages = [model.ServletMapping(name, pattern, Source("")) for pattern, name in implicit.items()]
        return Mapper([*self.mappings, *pages])

    @cached_property
    def constraints(self) -> Constraints:
        roles = [role.name for role in self.web_app.security_roles]
        return Constraints(self.web_app.security_constraints, roles, self.web_app.deny_uncovered_http_methods)

    @cached_property
    def registers(self) -> bool:
        """Whether code may add servlets and filters at the start."""
        return any(map(self.sources.mentions, _REGISTERING))

    def patterns_of(self, servlet_name: str) -> list[str]:
        return [m.url_pattern for m in self.mappings if m.servlet_name == servlet_name]

    def servlet_class(self, servlet_name: str) -> PythonClass | None:
        """The class of a servlet, if it is one of the web app's own."""
        servlet = self.servlets.get(servlet_name)
        return self.class_of(servlet.servlet_class) if servlet is not None else None

    def class_of(self, name: str | None) -> PythonClass | None:
        found: Found | list[str] | None = self.sources.find(name) if name is not None else None
        return found if isinstance(found, PythonClass) else None

    # Files

    @cached_property
    def static_files(self) -> list[str]:
        """Paths of the files that the default servlet would send, in the web app's folder."""
        found: list[str] = []
        for folder, folders, names in os.walk(self.folder):
            inside = Path(folder).relative_to(self.folder)
            folders[:] = sorted(
                name for name in folders if not is_protected(f"/{name}") and not name.startswith(".")
            )
            for name in sorted(names):
                path = f"/{(inside / name).as_posix()}"
                if not is_hidden(path) and not name.endswith((".jinja", ".jsp", ".jspx")):
                    found.append(path)
            if len(found) > _MOST_FILES:
                break
        return found

    def has_file(self, path: str) -> bool:
        """Whether a path of the web app is a file, also one of a library's META-INF/resources."""
        roots = (self.folder, *self.loader.resource_roots)
        return any((root / path.lstrip("/")).is_file() for root in roots)

    def has_page(self, path: str) -> bool:
        """The same, where /x.jsp also means the page /x.jinja."""
        stem, dot, extension = path.rpartition(".")
        return self.has_file(path) or (
            dot == "." and extension in ("jsp", "jspx") and self.has_file(f"{stem}.jinja")
        )

    def pages(self) -> Iterator[tuple[str, Path]]:
        """Every file that holds HTML, static or template: how messages call it, and where it is."""
        for pattern in ("*.html", "*.htm", "*.jinja"):
            for path in sorted(self.folder.rglob(pattern)):
                inside = path.relative_to(self.folder).as_posix()
                if not inside.startswith(("WEB-INF/lib/", "WEB-INF/classes/")):
                    yield f"{self.shown}/{inside}", path

    def quotes(self, name: str) -> bool:
        """Whether code or a page has a name in quotes, as an argument."""
        quoted = (f'"{name}"', f"'{name}'")
        return any(map(self.sources.mentions, quoted)) or any(
            mark in path.read_text("utf-8", "replace") for _, path in self.pages() for mark in quoted
        )

    def sends_files(self, servlet_name: str) -> bool:
        """Whether a servlet is the default one, under whatever name."""
        servlet = self.servlets.get(servlet_name)
        if servlet is None or servlet.servlet_class is None:
            return servlet_name == DEFAULT_SERVLET
        return servlet.servlet_class in DEFAULT_CLASSES

    # Requests

    def match(self, path: str) -> Match | None:
        return self.mapper.match(path)

    def answers(self, path: str) -> bool:
        """Whether a request for path, or a dispatch to it, finds something: a file or somebody's servlet."""
        path = path.partition("?")[0]
        if self.has_page(path):
            return True
        match = self.match(path)
        if match is None or match.servlet_name in PAGES or self.sends_files(match.servlet_name):
            return self.registers
        return True

    def how_to_write(self, path: str, otherwise: str) -> str:
        """The cure for a path that nothing answers: often the context path stands before it."""
        inner = path.removeprefix(self.context_path)
        if self.context_path and inner != path and inner.startswith("/") and self.answers(inner):
            return (
                f'Write "{inner}": such paths count from the root of the web app, without its context path.'
            )
        return otherwise

    # Places

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        return {}

    def lines(self, file: str) -> list[str]:
        if file not in self._lines:
            try:
                self._lines[file] = Path(file).read_text("utf-8", "replace").split("\n")
            except OSError:
                self._lines[file] = []
        return self._lines[file]

    def inside(self, source: Source, text: str) -> Source:
        """Where text stands next, from a place on: a child whose place the model does not keep."""
        for number, line in enumerate(self.lines(source.file)[source.line - 1 :], source.line):
            begin = source.column - 1 if number == source.line else 0
            if (column := line.find(text, max(begin, 0))) >= 0:
                return Source(source.file, number, column + 1)
        return source


def overlap(one: str, other: str) -> bool:
    """Whether some path fits both url-patterns."""
    if "/" in (one, other):
        return True  # the default pattern, which answers what is left
    kinds = sorted(((_kind(one), one), (_kind(other), other)))
    match kinds:
        case [("exact", a), ("exact", b)]:
            return a == b
        case [("exact", a), ("extension", b)]:
            return a.rpartition("/")[2].endswith(b[1:])
        case [("exact", a), ("prefix", b)]:
            return f"{a}/".startswith(b[:-1])
        case [("extension", a), ("extension", b)]:
            return a == b
        case [("prefix", a), ("prefix", b)]:
            return a[:-1].startswith(b[:-1]) or b[:-1].startswith(a[:-1])
    return True  # an extension, anywhere below a prefix


def _kind(pattern: str) -> str:
    if pattern.startswith("*."):
        return "extension"
    return "prefix" if pattern.endswith("/*") else "exact"
