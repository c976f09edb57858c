"""All that is wrong with a configuration, told at once, whichever language it is in.

    line ──reader──> ConfigError ──Mistakes.kept──> Problem ... ──tell──> BadConfiguration

A reader raises at the first thing that is wrong with one directive. Whoever goes through the directives
keeps that and goes on with the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from container.errors import ConfigError, Problem, Source

__all__ = ["BadConfiguration", "BadDirective", "Mistakes"]

_PLACE = re.compile(r"(?P<file>[^\n]*?):(?P<line>[0-9]+)(?::(?P<column>[0-9]+))?: (?P<message>.*)", re.DOTALL)


class BadConfiguration(ConfigError):  # noqa: N818  it is the configuration that is bad
    """A configuration that cannot be used. problems: also the warnings, which the text leaves out."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(each) for each in self.problems if each.severity == "error"))


class BadDirective(Exception):  # noqa: N818  it is the directive that is bad
    """What is wrong with the directive that is being read; whoever reads it adds the place."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


class Mistakes:
    """Those of one configuration so far, each once. code: of those that come without one."""

    def __init__(self, code: str) -> None:
        self.problems: list[Problem] = []
        self._code = code

    def __repr__(self) -> str:
        return f"<Mistakes {len(self.problems)}>"

    def add(self, source: Source | None, message: str, cure: str = "") -> None:
        """cure: a sentence, with or without its full stop."""
        if cure and not cure.endswith(("?", ".")):
            cure += "."
        self._add(Problem(source, message, cure, code=self._code))

    @contextmanager
    def kept(self, source: Source | None = None) -> Iterator[None]:
        """Keep what is raised inside; the rest of that is passed over. source: of a BadDirective."""
        try:
            yield
        except BadDirective as error:
            self.add(source, error.message, error.cure)
        except BadConfiguration as error:
            for problem in error.problems:
                self._add(problem)
        except ConfigError as error:
            self.add(*_parts(str(error)))

    def tell(self, warnings: Iterable[Problem] = ()) -> None:
        """Raise BadConfiguration if there are any. warnings: for those who want to know everything."""
        if self.problems:
            files = [each.source.file for each in self.problems if each.source]
            self.problems.sort(
                key=lambda each: (files.index(each.source.file), each.source.line) if each.source else (-1, 0)
            )
            raise BadConfiguration([*self.problems, *warnings])

    def _add(self, problem: Problem) -> None:
        if problem not in self.problems:  # servers inherit from others, with the mistakes
            self.problems.append(problem)


def _parts(text: str) -> tuple[Source | None, str, str]:
    """Place, message and cure of an error's text."""
    source = None
    text = text.removesuffix(".")
    if match := _PLACE.match(text):
        source = Source(match["file"], int(match["line"]), int(match["column"] or 1))
        text = match["message"]
    message, _, cure = text.partition(". ")
    return source, message, cure
