"""``was check``: everything that can be said about web apps and configurations without starting them.

    lint(path) ──> Report of Problems, in the order of the files and lines

descriptor/ and the scanner find the problems; here is only what is read, and how it is summed up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from container.descriptor.checks import check
from container.descriptor.reader import read_file
from container.errors import ConfigError, Problem
from container.front.config.apache.check import check as check_apache
from container.learn.effective import declared, web_app_of

__all__ = ["Report", "lint"]

FRAGMENT = "web-fragment.xml"
_NGINX_BLOCK = re.compile(r"^\s*(?:events|http)\s*\{", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, and what was read: "3 web apps"."""

    problems: tuple[Problem, ...]
    subject: str

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    def summary(self) -> str:
        warnings = len(self.problems) - self.errors
        counts = ", ".join(
            _count(n, word) for n, word in ((self.errors, "error"), (warnings, "warning")) if n
        )
        return f"{self.subject}: {counts or 'no problem'}"


def lint(path: Path) -> Report:
    """Check a web app, a folder of web apps, a descriptor, or a front's configuration. Raises ConfigError."""
    if path.is_file() and _is_nginx(path):
        from container.front.config.nginx.conf import check as check_nginx

        return Report(_sorted(check_nginx(os.fspath(path))), _count(1, "nginx configuration"))
    if path.is_file() and (apache := check_apache(path)) is not None:
        return Report(_sorted(apache[0]), _count(1, apache[1]))
    if path.is_file() and path.absolute().parts[-2:] != ("WEB-INF", "web.xml"):
        return Report(_sorted(_alone(path)), _count(1, "descriptor"))
    folders = _web_apps(path)
    problems = (problem for folder in folders for problem in declared(folder).problems)
    return Report(_sorted(problems), _count(len(folders), "web app"))


def _is_nginx(path: Path) -> bool:
    """Whether a file is a configuration of nginx, by the blocks it has."""
    return path.suffix == ".conf" and bool(_NGINX_BLOCK.search(path.read_text(errors="replace")))


def _alone(path: Path) -> list[Problem]:
    """A file that is not in its place, so it is not known what belongs to it."""
    fragment = path.name == FRAGMENT
    web_app, problems = read_file(path, fragment=fragment)
    return [*problems, *check(web_app, complete=not fragment)]


def _web_apps(path: Path) -> list[Path]:
    if path.is_file() or path.name == "WEB-INF" or (path / "WEB-INF").is_dir():
        return [web_app_of(path)]
    folders = sorted(app for app in path.iterdir() if (app / "WEB-INF").is_dir())
    if not folders:
        raise ConfigError(
            f"{path}: no web app is here: neither a WEB-INF folder nor a sub-folder with one. "
            "Name a web app, a folder of web apps, or a web.xml."
        )
    return folders


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=_place))


def _place(problem: Problem) -> tuple[str, int, int]:
    source = problem.source
    return (source.file, source.line, source.column) if source else ("", 0, 0)


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
