"""``was check``: everything that can be said about web apps without running them.

    lint(path) ──> Report of Problems, in the order of the files and lines

descriptor/ finds the problems; here is only what is read, and how it is summed up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from container.descriptor.checks import check
from container.descriptor.reader import read_descriptor
from container.errors import ConfigError, Problem

__all__ = ["Report", "lint"]

WEB_XML = Path("WEB-INF", "web.xml")
FRAGMENT = "web-fragment.xml"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, and how many descriptors were read."""

    problems: tuple[Problem, ...]
    descriptors: int

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    def summary(self) -> str:
        warnings = len(self.problems) - self.errors
        counts = ", ".join(
            _count(n, word) for n, word in ((self.errors, "error"), (warnings, "warning")) if n
        )
        return f"{_count(self.descriptors, 'descriptor')}: {counts or 'no problem'}"


def lint(path: Path) -> Report:
    """Check a web app, a folder of web apps, or one descriptor. Raises ConfigError for any other path."""
    problems: list[Problem] = []
    descriptors = list(_descriptors(path))
    for descriptor in descriptors:
        web_app, found = read_descriptor(
            descriptor.read_bytes(), str(descriptor), fragment=descriptor.name == FRAGMENT
        )
        problems += sorted([*found, *check(web_app)], key=_place)
    return Report(tuple(problems), len(descriptors))


def _descriptors(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if path.name == "WEB-INF":
        path = path.parent
    if (path / "WEB-INF").is_dir():
        web_apps = [path]
    else:
        web_apps = sorted(app for app in path.iterdir() if (app / "WEB-INF").is_dir())
    if not web_apps:
        raise ConfigError(
            f"{path}: no web app is here: neither a WEB-INF folder nor a sub-folder with one. "
            "Name a web app, a folder of web apps, or a web.xml."
        )
    # A web app without a web.xml is complete; there is nothing to check in it.
    yield from (descriptor for app in web_apps if (descriptor := app / WEB_XML).is_file())


def _place(problem: Problem) -> tuple[int, int]:
    return (problem.source.line, problem.source.column) if problem.source else (0, 0)


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
