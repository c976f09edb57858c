"""Where something is said, as somebody would type it to open the file."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass, replace
from typing import Any

from container.engine.context import Context
from container.engine.deployment import FilterDeclaration, ServletDeclaration
from container.errors import Problem, Source

__all__ = ["Place", "class_name"]


@dataclass(frozen=True, slots=True)
class Place:
    """Places of one web app, as somebody would type them to open the file."""

    context: Context
    folder: str

    @classmethod
    def of(cls, context: Context, folder: str | None) -> Place:
        """Call the folder by its path from the current directory, unless it is said how."""
        if folder is None:
            relative = os.path.relpath(context.folder)
            folder = os.fspath(context.folder.absolute()) if relative.startswith("..") else relative
        return cls(context, folder)

    def shown(self, source: Source | None) -> Source | None:
        """None where there is no such line: the container's own rules, what code has registered."""
        if source is None or not source.line:
            return None
        first, slash, rest = source.file.partition("/")
        if first != self.context.folder.name or not slash:
            return source
        return replace(source, file=f"{self.folder}/{rest}")

    def of_mapping(self, source: Source | None) -> Source | None:
        """The same for what has the place of the whole descriptor where nothing says it."""
        return None if source == self.context.web_app.source else self.shown(source)

    def of_code(self, code: Any) -> Source | None:
        """Where a function of the web app stands."""
        code = getattr(inspect.unwrap(code), "__code__", None)
        if code is None:
            return None
        file = os.path.relpath(code.co_filename, self.context.folder.resolve())
        return None if file.startswith("..") else Source(f"{self.folder}/{file}", code.co_firstlineno)

    def problem(self, problem: Problem) -> Problem:
        source = problem.source
        if source is not None and source.file.startswith(f"{self.context.folder.name}/"):
            source = replace(source, file=self.folder + source.file[len(self.context.folder.name) :])
        return replace(problem, source=source)


def class_name(context: Context, declaration: ServletDeclaration | FilterDeclaration) -> str:
    """How a descriptor would call the class of a servlet or filter; of a page servlet, the page."""
    if declaration.class_name is not None:
        return declaration.class_name
    found: type | None
    if isinstance(declaration, ServletDeclaration):
        if declaration.jsp_file is not None:
            return declaration.jsp_file
        found = declaration.servlet_class
    else:
        found = declaration.filter_class
    return context.loader.name_of(found or type(declaration.instance))
