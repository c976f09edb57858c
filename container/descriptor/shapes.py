"""What the tables of reader.py are made of: Shapes and Rows, and the one walk that serves them all.

    Element ──Shape──> its children ──Row by Row──> values ──build──> one value of model.py

It is lenient where the order or number of elements is not what the schema asks (a warning), strict with
elements it does not know, because they are mostly typing errors (DD-DOC-22). An element that lacks something
essential is reported and left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from enum import Enum
from typing import Any

from container.descriptor import texts
from container.descriptor.markup import Element
from container.descriptor.model import DescriptionGroup
from container.descriptor.texts import Reading, quoted

__all__ = ["VERSIONS", "Build", "Count", "Row", "Shape", "Values", "homes", "kept", "made"]

VERSIONS = ("2.2", "2.3", "2.4", "2.5", "3.0", "3.1", "4.0", "5.0", "6.0", "6.1", "6.2")  # compare as strings
_ABOUT_KEYS = ("descriptions", "display_names", "icons")
_FREE_IN_DTD = ("description", "display-name", "icon")  # stood elsewhere in almost every element


class Count(Enum):
    """How often a child may occur."""

    ONE = "1"
    OPTIONAL = "0..1"  # repeated: a warning, and the last one counts
    ONCE = "0..1, strictly"  # repeated: an error, and the first one counts
    FLAG = "0..1, repeatable"  # repeated: the same as once (DD-DOC-25)
    ANY = "0..*"
    SOME = "1..*"


ONE, OPTIONAL, ONCE, FLAG, ANY, SOME = Count

Content = Callable[[Element, Reading], Any]
"""What makes a value of an element, and None after a report: a Shape, or a function as in texts.py."""

Values = dict[str, Any]
Build = Callable[[Element, Reading, Values], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One child that an element may hold."""

    name: str
    content: Content  # when it answers a tuple, all its items are added
    count: Count = OPTIONAL
    field: str | None = ""  # of the model; "" = the element's name with underscores, None = read, not kept
    since: str = "2.2"
    until: str = VERSIONS[-1]
    root: str = ""  # "web-app" or "web-fragment": only there
    beside: bool = False  # stands in the schema's order where the row before it stands
    platform: bool = False  # means something only to a full platform server

    @property
    def key(self) -> str | None:
        return self.name.replace("-", "_") if self.field == "" else self.field


class Shape:
    """An element that holds others: its rows in the schema's order, and what makes one value of theirs.

    The order is checked in versions up to ordered_until.
    """

    def __init__(self, build: Build, *rows: Row, ordered_until: str = VERSIONS[-1]) -> None:
        self.rows = {row.name: row for row in rows}
        self._build = build
        self._ordered_until = ordered_until
        self._places: dict[str, int] = {}
        for row in rows:
            self._places[row.name] = len(set(self._places.values())) - row.beside

    def __call__(self, element: Element, reading: Reading) -> Any:
        """The value of the element, or None if something essential is missing or wrong."""
        values: Values = {}
        seen: dict[str, Element] = {}
        _check_attributes(element, reading)
        if element.text:
            reading.warn(
                element,
                f"ignores the text {quoted(element.text)} between its elements",
                "Remove it.",
                code="WAS114",
            )
        self._check_order(element, reading)
        for child in element.children:
            row = self.rows.get(child.name) if reading.is_ours(child) else None
            if row is None:
                _report_unknown(child, element, self, reading)
            elif _counts(row, child, seen.get(child.name), reading):
                self._read_child(row, child, values, reading)
                seen[child.name] = child
        for row in self.rows.values():
            if row.count in (ONE, SOME) and row.name not in seen:
                reading.error(
                    element, f"has no <{row.name}>", f"Add <{row.name}>...</{row.name}>.", code="WAS108"
                )
        needed = {row.key for row in self.rows.values() if row.count is ONE and row.key is not None}
        if not needed <= values.keys():
            return None
        return self._build(
            element, reading, {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        )

    def _read_child(self, row: Row, child: Element, values: Values, reading: Reading) -> None:
        if not isinstance(row.content, Shape):
            _check_attributes(child, reading)
            if row.content is not texts.opaque:
                for inner in child.children:
                    _report_unknown(inner, child, None, reading)
        value = row.content(child, reading)
        if row.key is None:
            return
        if isinstance(value, tuple):
            values.setdefault(row.key, []).extend(value)
        elif row.count in (ANY, SOME):
            values.setdefault(row.key, []).extend([] if value is None else [value])
        elif value is not None:
            values[row.key] = value

    def _check_order(self, element: Element, reading: Reading) -> None:
        if reading.version > self._ordered_until:
            return
        latest, latest_name = -1, ""
        for child in element.children:
            if child.name not in self.rows or not reading.is_ours(child):
                continue
            if reading.is_dtd and child.name in _FREE_IN_DTD:
                continue
            place = self._places[child.name]
            if place < latest:
                reading.warn(
                    child,
                    f"stands after <{latest_name}>; the schema wants it before",
                    "Nothing is lost, but stricter readers refuse the file.",
                    code="WAS109",
                )
                return
            latest, latest_name = place, child.name


def _counts(row: Row, child: Element, earlier: Element | None, reading: Reading) -> bool:
    """Whether this child counts here; says so if it does not, or not quite."""
    root = "web-fragment" if reading.fragment else "web-app"
    if row.root not in ("", root):
        reading.warn(
            child, f"has no meaning in <{root}> and is ignored", f"It belongs in <{row.root}>.", code="WAS113"
        )
        return False
    if earlier is None:
        if not row.since <= reading.version <= row.until and child.name not in reading.told:
            reading.told.add(child.name)
            span = f"since {row.since}" if reading.version < row.since else f"until {row.until}"
            reading.warn(
                child,
                f"exists {span}, and this file says version {reading.version}; it is read all the same",
                f"Raise the version to {row.since} or more." if reading.version < row.since else "",
                code="WAS110",
            )
        return True
    first = f"first in line {earlier.source.line}"
    if row.count is ONCE:
        reading.error(
            child,
            f"may stand in a file only once ({first})",
            "Put everything into one (§14.2).",
            code="WAS111",
        )
        return False
    if row.count in (ONE, OPTIONAL):
        reading.warn(
            child,
            f"may stand here only once ({first}); the last one counts",
            "Remove the others.",
            code="WAS112",
        )
    return True


def _report_unknown(element: Element, parent: Element, shape: Shape | None, reading: Reading) -> None:
    if not reading.is_ours(element):
        reading.warn(element, f"of the namespace {element.namespace} is ignored", "", code="WAS113")
        return
    if shape is None:
        reading.error(
            element,
            f"stands in <{parent.name}>, which holds text only",
            f"Close <{parent.name}> before it.",
            code="WAS107",
        )
        return
    if known := reading.homes.get(element.name):
        reading.error(
            element,
            f"does not belong in <{parent.name}>",
            f"It belongs in <{'> or <'.join(known[:3])}>.",
            code="WAS107",
        )
        return
    near = get_close_matches(element.name, shape.rows, n=1) or get_close_matches(
        element.name, reading.homes, n=1
    )
    reading.error(
        element,
        f"is unknown in <{parent.name}>",
        f"Did you mean <{near[0]}>?" if near else "Remove it, or give it a namespace of its own.",
        code="WAS106",
    )


def _check_attributes(element: Element, reading: Reading) -> None:
    is_root = element.name in ("web-app", "web-fragment")
    known = ("id", "version", "metadata-complete") if is_root else ("id",)
    for attribute, value in element.attributes.items():
        if "}" in attribute:  # xml:lang, xsi:schemaLocation and whatever else has a namespace
            continue
        if attribute not in known:
            near = get_close_matches(attribute, known, n=1)
            reading.warn(
                element,
                f"has the unknown attribute {quoted(attribute)}",
                f"Did you mean {near[0]}?" if near else "Remove it.",
                code="WAS114",
            )
        elif attribute == "id":
            earlier = reading.ids.setdefault(value, element.source)
            if earlier is not element.source:
                reading.warn(
                    element,
                    f"has the id {quoted(value)} of line {earlier.line}",
                    "Make ids unique.",
                    code="WAS114",
                )


def homes(name: str, shape: Shape) -> dict[str, tuple[str, ...]]:
    """For each element below this one, the elements that may hold it."""
    found: dict[str, tuple[str, ...]] = {}
    for row in shape.rows.values():
        found[row.name] = (*found.get(row.name, ()), name)
        if isinstance(row.content, Shape):
            for inner, parents in homes(row.name, row.content).items():
                found[inner] = tuple(dict.fromkeys((*found.get(inner, ()), *parents)))
    return found


def made(model: type) -> Build:
    """The model's class, whose fields are the rows' keys."""
    has_about = "about" in {field.name for field in fields(model)}

    def build(element: Element, reading: Reading, values: Values) -> Any:
        if has_about:
            values["about"] = DescriptionGroup(*(values.pop(key, ()) for key in _ABOUT_KEYS))
        return model(source=element.source, **values)

    return build


def kept(read: Content = texts.string) -> Content:
    """Keep a child in ``values`` as (name, text), if it can be read at all."""
    return lambda element, reading: (
        None if read(element, reading) is None else ((element.name, element.text),)
    )
