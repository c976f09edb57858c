"""A Report as text for people and as JSON for programs.

web.xml:4:5: error WAS201: <url-pattern> "cart" can never match: paths begin with "/". Write "/cart" (§12.2).
  4 |     <url-pattern>cart</url-pattern>
    |     ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
"""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

from container.errors import Problem, Source
from container.learn.lint import Report

__all__ = ["as_json", "as_text"]

JSON_VERSION = 1
_MOST_SHOWN = 110
_COLORS = {"error": "31;1", "warning": "33;1", "note": "36;1", "place": "1", "mark": "32;1"}
_ELEMENT = re.compile(r"<([\w-]+)[^<>]*(?:/>|>[^<]*</\1>|>)")
_WORD = re.compile(r"[\w.]+|\S")


def as_text(report: Report, *, color: bool = False) -> str:
    """All problems with the lines they are in; empty if there are none."""
    files: dict[str, list[str]] = {}
    return "\n".join(_shown(problem, files, color) for problem in report.problems)


def as_json(report: Report) -> str:
    """See docs/check.md for the shape."""
    problems = [
        {
            "code": problem.code,
            "severity": problem.severity,
            "file": problem.source.file if problem.source else None,
            "line": (problem.source.line or None) if problem.source else None,
            "column": (problem.source.column or None) if problem.source else None,
            "message": problem.message,
            "cure": problem.cure,
        }
        for problem in report.problems
    ]
    counts = {severity: report.count(severity) for severity in ("error", "warning", "note")}
    found = {"version": JSON_VERSION, "subject": report.subject, "counts": counts, "problems": problems}
    return json.dumps(found, indent=2, ensure_ascii=False)


def _shown(problem: Problem, files: dict[str, list[str]], color: bool) -> str:
    def paint(text: str, what: str) -> str:
        return f"\033[{_COLORS[what]}m{text}\033[0m" if color else text

    where = f"{paint(str(problem.source), 'place')}: " if problem.source else ""
    kind = paint(f"{problem.severity} {problem.code}", problem.severity)
    cure = f" {problem.cure}" if problem.cure else ""
    first = f"{where}{kind}: {problem.message}.{cure}"
    excerpt = _excerpt(problem.source, files) if problem.source else None
    if excerpt is None or problem.source is None:
        return first
    line, mark = excerpt
    number = str(problem.source.line).rjust(5)
    return f"{first}\n{number} | {line}\n{' ' * len(number)} | {paint(mark, 'mark')}".rstrip(" |")


def _excerpt(source: Source, files: dict[str, list[str]]) -> tuple[str, str] | None:
    """The line and what underlines the place in it. None where there is no such line."""
    if source.file not in files:
        try:
            files[source.file] = Path(source.file).read_text("utf-8", "replace").split("\n")
        except OSError:
            files[source.file] = []
    if not 0 < source.line <= len(files[source.file]):
        return None
    line = files[source.file][source.line - 1].rstrip("\r")
    begin = source.column - 1 if source.column else len(line) - len(line.lstrip())
    length = _length(line, begin) if source.column else len(line.rstrip()) - begin
    if begin > _MOST_SHOWN // 2:  # show what matters of a long line
        cut = begin - 30
        line, begin = f"…{line[cut + 1 :]}", begin - cut
    if len(line) > _MOST_SHOWN:
        line = f"{line[: _MOST_SHOWN - 1]}…"
    length = max(1, min(length, len(line) - begin))
    before = "".join("\t" if char == "\t" else " " * _width(char) for char in line[:begin])
    width = max(1, sum(map(_width, line[begin : begin + length])))
    return line, f"{before}^{'~' * (width - 1)}"


def _length(line: str, begin: int) -> int:
    """How long the thing is that begins there: an element, a dotted name, a character."""
    pattern = _ELEMENT if line[begin : begin + 1] == "<" else _WORD
    found = pattern.match(line, begin)
    return len(found[0]) if found else 1


def _width(char: str) -> int:
    """Columns of a terminal; ideographs take two."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
