"""Go through directives and collect what is wrong with them: what all the readers of nginx's blocks share."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping

from container.errors import Problem, Source
from container.front.config.mistakes import Mistakes
from container.front.config.nginx.directives import REFUSED, REPEATABLE, why_without_effect
from container.front.config.nginx.syntax import Directive, known_to_nginx
from container.front.config.nginx.values import Pattern, Template, template

__all__ = ["Handler", "Notebook"]

Handler = Callable[[Directive], object]


class Notebook:
    """What has been found so far in one configuration."""

    def __init__(self, file: str) -> None:
        self.prefix = os.path.dirname(os.path.abspath(file))
        self.mistakes = Mistakes("WAS801")
        self.notes: list[Problem] = []
        self.variables: set[str] = set()
        """Those that the configuration itself gives values to."""
        self.logs: dict[str, Source] = {}
        """Access logs, those without variables, and where they are first named."""
        self._used: list[tuple[str, Source]] = []
        self._noted: set[str] = set()

    def read(
        self,
        directives: Iterable[Directive],
        handlers: Mapping[str, Handler],
        *,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        """Give each directive to its handler, or say what becomes of it."""
        seen: set[str] = set()
        for directive in directives:
            name = directive.name
            if name in skip:
                continue
            if name in seen and name not in REPEATABLE:
                self.problem(directive.source, f'"{name}" directive is duplicate', "Keep one of them")
                continue
            seen.add(name)
            if handler := handlers.get(name):
                self.attempt(handler, directive)
            else:
                self._without_handler(directive)

    def attempt(self, handler: Handler, directive: Directive) -> None:
        with self.mistakes.kept(directive.source):
            handler(directive)

    def problem(self, source: Source, message: str, cure: str = "") -> None:
        self.mistakes.add(source, message, cure)

    def note(self, source: Source, message: str, cure: str = "") -> None:
        self.notes.append(Problem(source, message, _sentence(cure), "warning", code="WAS802"))

    def template(self, text: str, source: Source) -> Template:
        """Read a text with variables, and remember which, to see later whether all of them are known."""
        found = template(text)
        self._used.extend((name, source) for name in found.names)
        return found

    def path(self, text: str, source: Source) -> Template:
        """Read the name of a file; a relative one is relative to the configuration."""
        if not text.startswith(("/", "$")):
            text = os.path.join(self.prefix, text)
        return self.template(text, source)

    def pattern(self, text: str, *, ignore_case: bool = False) -> Pattern:
        """Read a regular expression; its named captures are variables."""
        found = Pattern.of(text, ignore_case=ignore_case)
        self.variables.update(found.names)
        return found

    def check_variables(self, known: Callable[[str], bool], missing: Callable[[str], bool]) -> None:
        for name, source in self._used:
            if not (name.isdigit() or name in self.variables or known(name)):
                if missing(name):
                    self.problem(source, f'the variable "{name}" is not supported', "Leave it out")
                else:
                    self.problem(source, f'unknown "{name}" variable', f"Correct its name, or set ${name}")

    def _without_handler(self, directive: Directive) -> None:
        name, source = directive.name, directive.source
        if reason := why_without_effect(name):
            if name not in self._noted:
                self._noted.add(name)
                self.note(source, f'"{name}" has no effect here: {reason}')
        elif cure := REFUSED.get(name):
            self.problem(source, f'"{name}" is not supported', cure)
        elif name in known_to_nginx():
            self.problem(source, f'"{name}" is not supported', "Remove it, or keep nginx in front for it")
        else:
            near = difflib.get_close_matches(name, known_to_nginx(), 1)
            self.problem(source, f'unknown directive "{name}"', f'Did you mean "{near[0]}"?' if near else "")


def _sentence(cure: str) -> str:
    return cure if not cure or cure.endswith("?") else f"{cure}."
