"""What was found out about a Java web app, as values, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from container.errors import Problem, Source
from container.learn.migrate.java import JavaClass

__all__ = ["Clean", "Missing", "Page", "Report", "ToWrite", "as_json", "as_text"]


@dataclass(frozen=True, slots=True)
class Clean:
    """Something that works here as it is. what: how people call it, note: what it means here."""

    source: Source
    what: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ToWrite:
    """A Java class that needs one in Python.

    roles: "servlet", "filter", "listener", "exception", each once. declared: the places in descriptors, or
    of the annotation. methods: names the Java class has; () if it was not read. listens: the listeners'
    interfaces. java: the class, if there is a source of it. stand_in_for: why the Java class is no model
    for one in Python, then this class is only there so that the web app starts.
    """

    java_name: str
    python_name: str
    roles: tuple[str, ...]
    declared: tuple[tuple[str, Source], ...]
    methods: tuple[tuple[str, Source], ...] = ()
    listens: tuple[str, ...] = ()
    base: str = ""
    java: JavaClass | None = field(default=None, repr=False)
    annotated: bool = False  # and not in a descriptor
    stand_in_for: Missing | None = None
    guards: bool = False

    @property
    def source(self) -> Source:
        return self.declared[0][1]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something without a counterpart: what it is, why, and a sentence on what to do instead."""

    source: Source
    what: str
    why: str
    instead: str


@dataclass(frozen=True, slots=True)
class Page:
    """A JSP page or tag file. name: its path in the web app."""

    name: str
    source: Source
    lines: int
    tag_libraries: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return f"{self.name.rpartition('.')[0]}.jinja"


@dataclass(frozen=True, slots=True)
class Report:
    """A Java web app. problems: what is wrong with its descriptors, whatever container runs it."""

    name: str
    shown: str
    clean: tuple[Clean, ...]
    to_write: tuple[ToWrite, ...]
    missing: tuple[Missing, ...]
    pages: tuple[Page, ...]
    problems: tuple[Problem, ...]

    def place(self, source: Source) -> str:
        """Where something is, within the web app and without the column: short, for comments."""
        file = source.file.removeprefix(f"{self.shown}/")
        return f"{file}:{source.line}" if source.line else file

    def summary(self) -> str:
        return (
            f"{self.shown}: maps cleanly: {len(self.clean)}, classes to write: {len(self.to_write)}, "
            f"pages to write: {len(self.pages)}, without a counterpart: {len(self.missing)}"
        )


def as_text(report: Report) -> str:
    """One line for each finding, in three parts; problems of the descriptors come first."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    if report.problems:
        yield "Wrong in any container"
        yield from (f"  {problem}" for problem in report.problems)
        yield ""
    yield "Maps cleanly"
    yield from _or_nothing(f"  {c.source}: {c.what}{f': {c.note}' if c.note else ''}" for c in report.clean)
    yield ""
    yield "Needs a Python class or page"
    yield from _or_nothing(
        [
            *(line for found in report.to_write for line in _to_write(found, report)),
            *(f"  {page.source}: page -> {page.target}" for page in report.pages),
        ]
    )
    yield ""
    yield "No counterpart"
    yield from _or_nothing(f"  {m.source}: {m.what} {m.why}. {m.instead}" for m in report.missing)


def _or_nothing(lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    yield from found or ["  nothing"]


def _to_write(found: ToWrite, report: Report) -> Iterator[str]:
    for what, source in found.declared:
        yield f"  {source}: {what} {found.java_name} -> {spelled(found.python_name)}{_details(found, report)}"


def spelled(python_name: str) -> str:
    """module:Class, which is how a person sees where the module ends."""
    return ":".join(python_name.rsplit(".", 1))


def _details(found: ToWrite, report: Report) -> str:
    if found.stand_in_for is not None:
        return " (a stand-in, see below)"
    names = ", ".join((*found.listens, *(name for name, _ in found.methods)))
    where = f"; {report.place(found.java.source)}" if found.java else "; no source of it"
    return f" ({names or 'methods unknown'}{where})"


def as_json(report: Report) -> str:
    """The same for programs."""
    document = {
        "webapp": report.shown,
        "name": report.name,
        "problems": [
            {**_place(p.source), "severity": p.severity, "message": p.message, "cure": p.cure}
            for p in report.problems
        ],
        "clean": [{**_place(c.source), "what": c.what, "note": c.note} for c in report.clean],
        "to_write": [
            {
                **_place(found.source),
                "java": found.java_name,
                "python": spelled(found.python_name),
                "roles": found.roles,
                "declared": [{**_place(source), "what": what} for what, source in found.declared],
                "methods": [name for name, _ in found.methods],
                "listens": found.listens,
                "java_source": _place(found.java.source) if found.java else None,
                "stand_in": found.stand_in_for is not None,
            }
            for found in report.to_write
        ],
        "pages": [
            {**_place(page.source), "page": page.name, "target": page.target, "lines": page.lines,
             "tag_libraries": page.tag_libraries}
            for page in report.pages
        ],
        "missing": [
            {**_place(m.source), "what": m.what, "why": m.why, "instead": m.instead} for m in report.missing
        ],
    }  # fmt: skip
    return json.dumps(document, indent=2, ensure_ascii=False)


def _place(source: Source | None) -> dict[str, Any]:
    return asdict(source) if source else {}
