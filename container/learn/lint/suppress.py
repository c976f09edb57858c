"""Comments that say "this is meant", so that `was check` does not mention it.

<!-- was: ignore WAS203 -->     in XML: for the element that follows, and all that is in it
# was: ignore[WAS701, WAS702]   in Python and in nginx.conf: for its own line
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.parsers import expat

from container.errors import Problem, Source

__all__ = ["Suppressions"]

_IN_XML = re.compile(r"\s*was:\s*ignore\s+(WAS\d{3}(?:[\s,]+WAS\d{3})*)\s*")
_IN_LINE = re.compile(r"#\s*was:\s*ignore\[(WAS\d{3}(?:[\s,]+WAS\d{3})*)\]")
_CODE = re.compile(r"WAS\d{3}")

_Place = tuple[int, int]
_Span = tuple[_Place, _Place, frozenset[str]]


class Suppressions:
    """The comments of the files that problems are in, each read once."""

    def __init__(self) -> None:
        self._spans: dict[str, list[_Span]] = {}

    def cover(self, problem: Problem) -> bool:
        source = problem.source
        if source is None or not source.line:
            return False
        if source.file not in self._spans:
            self._spans[source.file] = _spans_of(source)
        place = (source.line, source.column)
        return any(
            problem.code in codes and first <= place <= last
            for first, last, codes in self._spans[source.file]
        )


def _spans_of(source: Source) -> list[_Span]:
    try:
        data = Path(source.file).read_bytes()
    except OSError:
        return []
    if source.file.endswith((".xml", ".example")):
        return _Elements().read(data)
    lines = data.decode("utf-8", "replace").split("\n")
    return [
        ((number, 0), (number, len(line) + 1), frozenset(_CODE.findall(found[1])))
        for number, line in enumerate(lines, 1)
        if (found := _IN_LINE.search(line))
    ]


class _Elements:
    """Where the element after each comment begins and ends."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []
        self._waiting: frozenset[str] = frozenset()
        self._open: list[tuple[_Place, frozenset[str]]] = []
        self._parser = parser = expat.ParserCreate()
        parser.CommentHandler = self._comment
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def read(self, data: bytes) -> list[_Span]:
        try:
            self._parser.Parse(data, True)
        except (expat.ExpatError, LookupError, ValueError):  # the latter two: its encoding
            return []  # nothing in such a file counts
        return self._spans

    def _here(self) -> _Place:
        return self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1

    def _comment(self, text: str) -> None:
        if found := _IN_XML.fullmatch(text):
            self._waiting |= frozenset(_CODE.findall(found[1]))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append((self._here(), self._waiting))
        self._waiting = frozenset()

    def _end(self, name: str) -> None:
        first, codes = self._open.pop()
        if codes:
            self._spans.append((first, self._here(), codes))
