"""``was check``: everything that can be said about web apps and configurations without starting them.

    lint(path) ──> Report of Problems: errors first, each kind in the order of files and lines
    found_wrong(context) ──> the same of a web app that runs, with what its start has found: `was run --dev`
    RULES      ──> what each code means: --explain, docs/check.md and the tests are made of this one table

    rules/                          the table, one file for each area
    app.py, python.py               what the checks look at: the effective descriptor, the files, the code
    mapping.py (2xx, 4xx), classes.py (3xx), security.py (5xx), pages.py (6xx)       checks of declarations
    code.py, order.py, links.py (7xx)                                                checks of code
    suppress.py                     comments that say "this is meant"
    report.py                       text and JSON

What is wrong with a descriptor in itself (1xx and many others) the engine finds; it says the codes, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from container.descriptor.checks import check
from container.descriptor.reader import read_file
from container.engine.context import Context
from container.engine.loader import loader_of
from container.engine.scanner import Effective, misplaced, packed
from container.errors import ConfigError, Problem, Severity
from container.front.config.apache.check import check as check_apache
from container.learn.effective import opened, web_app_of
from container.learn.lint import classes, code, links, mapping, pages, security
from container.learn.lint.app import App
from container.learn.lint.rules import RULES, rule_of
from container.learn.lint.suppress import Suppressions

__all__ = ["Report", "found_wrong", "lint"]

FRAGMENT = "web-fragment.xml"
_NGINX_BLOCK = re.compile(r"^\s*(?:events|http|server|upstream\s+\S+)\s*\{", re.MULTILINE)
_UNREADABLE = ("WAS101", "WAS102", "WAS103", "WAS104", "WAS134")
_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, and what was read: "3 web apps"."""

    problems: tuple[Problem, ...]
    subject: str

    def count(self, severity: Severity) -> int:
        return sum(problem.severity == severity for problem in self.problems)

    @property
    def errors(self) -> int:
        return self.count("error")

    def failed(self, *, strict: bool = False) -> bool:
        """Whether there are errors or, if that is strict, warnings. Notes never fail."""
        return bool(self.errors or (strict and self.count("warning")))

    def summary(self) -> str:
        counts = ", ".join(_count(n, severity) for severity in _SEVERITIES if (n := self.count(severity)))
        return f"{self.subject}: {counts or 'no problem'}"


def lint(
    path: Path, *, select: Iterable[str] = (), ignore: Iterable[str] = (), https: bool = False
) -> Report:
    """Check a web app, a folder of web apps, a descriptor, or a front's configuration. Raises ConfigError.

    select and ignore are codes, or how they begin: "WAS7" is all about code. https: whether the server that
    is meant has a way to TLS.
    """
    wanted, unwanted = _codes(select) or ("",), _codes(ignore)
    problems, subject = _found(path, https)
    suppressions = Suppressions()
    kept = (
        problem
        for problem in dict.fromkeys(problems)
        if problem.code.startswith(wanted)
        and not (unwanted and problem.code.startswith(unwanted))
        and not suppressions.cover(problem)
    )
    return Report(tuple(sorted(kept, key=_rank)), subject)


def found_wrong(context: Context) -> list[Problem]:
    """Errors and warnings of a web app that runs, the worst first; places are named as the context does."""
    folder, https = context.folder, context.container.settings.secure_port is not None

    def shown(text: str) -> str:
        return text.replace(f"{folder}/", f"{folder.name}/")

    found = set()
    for each in lint(folder, https=https).problems:
        if each.severity != "note":
            source = each.source and replace(each.source, file=shown(each.source.file))
            found.add(replace(each, source=source, message=shown(each.message), cure=shown(each.cure)))
    said = {_first_quoted(each) for each in found if each.code.startswith("WAS3")}  # at its own element
    found |= {each for each in context.problems if each.code != "WAS301" or _first_quoted(each) not in said}
    return sorted(found, key=_rank)


def _first_quoted(problem: Problem) -> str:
    """Of a class that is not there: its name."""
    return problem.message.partition('"')[2].partition('"')[0]


def _codes(given: Iterable[str]) -> tuple[str, ...]:
    codes = tuple(code.strip().upper() for each in given for code in each.split(",") if code.strip())
    for code_ in codes:
        if not any(rule.code.startswith(code_) for rule in RULES):
            rule_of(code_)  # raises with the nearest one
    return codes


def _found(path: Path, https: bool) -> tuple[Iterable[Problem], str]:
    if path.is_file() and _is_nginx(path):
        from container.front.config.nginx.conf import check as check_nginx

        return check_nginx(os.fspath(path)), _count(1, "nginx configuration")
    if path.is_file() and (apache := check_apache(path)) is not None:
        return apache[0], _count(1, apache[1])
    if path.is_file() and path.absolute().parts[-2:] != ("WEB-INF", "web.xml"):
        return _alone(path), _count(1, "descriptor")
    wars = list(packed(path))
    folders = _web_apps(path, but=wars)
    problems = [problem for folder in folders for problem in _web_app(folder, https)]
    if folders != [path]:
        problems += wars
    return problems, _count(len(folders), "web app")


def _is_nginx(path: Path) -> bool:
    """Whether a file is a configuration of nginx, by the blocks it has."""
    return path.suffix != ".xml" and bool(_NGINX_BLOCK.search(path.read_text(errors="replace")))


def _alone(path: Path) -> list[Problem]:
    """A file that is not in its place, so it is not known what belongs to it."""
    fragment = path.name == FRAGMENT
    web_app, problems = read_file(path, fragment=fragment)
    problems += check(web_app, complete=not fragment)
    if any(problem.code in _UNREADABLE for problem in problems):
        return problems
    loader, _ = loader_of(path.parent / "no-such-folder")
    try:
        app = App(path.parent, Effective(web_app, (), (), None), loader)
        return [*problems, *_check_descriptor(app)]
    finally:
        loader.close()


def _web_app(folder: Path, https: bool) -> list[Problem]:
    with opened(folder) as (effective, loader):
        problems = list(effective.problems)
        if any(problem.code in _UNREADABLE for problem in problems):
            return problems
        app = App(folder, effective, loader, https=https)
        known = {(p.code, p.source.file) for p in problems if p.source}
        for checking in (mapping, security, pages, classes, code, links):
            for problem in checking.check(app):
                # A module that cannot be imported has said so.
                file = problem.source.file if problem.source else ""
                if not (problem.code in ("WAS305", "WAS309") and (problem.code, file) in known):
                    problems.append(problem)
        return [*problems, *_check_descriptor(app)]


def _check_descriptor(app: App) -> Iterator[Problem]:
    for checking in (mapping, security, pages):
        yield from checking.check_descriptor(app)


def _web_apps(path: Path, but: Sequence[Problem]) -> list[Path]:
    """Those at path. Raises ConfigError if there is none, but something is said of it."""
    if path.is_file() or path.name == "WEB-INF" or (path / "WEB-INF").is_dir():
        return [web_app_of(path)]
    if any(misplaced(path, "")):  # a web app without a WEB-INF: that is what is wrong with it
        return [path]
    folders = _below(path)
    if not folders and not but:
        cure = "Name a web app, a folder of web apps, or a web.xml."
        if (webapps := path / "webapps").is_dir() and _below(webapps):
            cure = f"There are some in {webapps}: name that."
        raise ConfigError(
            f"{path}: no web app is here: neither a WEB-INF folder nor a sub-folder with one. {cure}"
        )
    return folders


def _below(path: Path) -> list[Path]:
    return sorted(app for app in path.iterdir() if os.path.isdir(app / "WEB-INF") or any(misplaced(app, "")))


def _rank(problem: Problem) -> tuple[int, str, int, int, str]:
    source = problem.source
    place = (source.file, source.line, source.column) if source else ("", 0, 0)
    return (_SEVERITIES.index(problem.severity), *place, problem.code)


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
