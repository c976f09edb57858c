"""Write a descriptor's values as XML of the newest version: reader.py the other way round, with its tables.

    WebApp ──the shapes of reader.py──> text, with a comment behind each element that says where it comes from

Reading what was written gives equal values, but for the places and the version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from container.descriptor.model import AbsoluteOrdering, Servlet, Text, WebApp, WelcomeFile
from container.descriptor.reader import NAMESPACES, NEWEST, WEB_APP
from container.descriptor.shapes import Count, Row, Shape
from container.errors import Source

__all__ = ["write"]

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_KEPT = object()


@dataclass(slots=True)
class _Node:
    """One element to write. text is None if it holds others or nothing."""

    name: str
    source: Source | None = None
    text: str | None = None
    children: list[_Node] = field(default_factory=list)
    attributes: Mapping[str, str] = field(default_factory=dict)


def write(web_app: WebApp, *, comments: bool = True) -> str:
    """A whole file. comments: say of each element which file and line, or which class, it comes from."""
    attributes = {"xmlns": NAMESPACES[NEWEST], "version": NEWEST}
    if web_app.metadata_complete:
        attributes["metadata-complete"] = "true"
    name = "web-fragment" if web_app.fragment else "web-app"
    root = _Node(name, web_app.source, children=list(_children(WEB_APP, web_app)), attributes=attributes)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', *_lines(root, "", "", comments)]
    return "\n".join(lines) + "\n"


# Values to nodes


def _children(shape: Shape, value: Any) -> Iterator[_Node]:
    """What the rows of a shape find in a value of the model."""
    if isinstance(value, AbsoluteOrdering):  # the only one whose children of two kinds have an order
        yield from (_Node("others") if name is None else _Node("name", text=name) for name in value.names)
        return
    inherited = dict(getattr(value, "inherited", ()))
    for row in shape.rows.values():
        if row.until < NEWEST:
            continue
        held = _held(row, value)
        if isinstance(row.content, Shape) and "items" in {inner.key for inner in row.content.rows.values()}:
            if held is not None and (held or row.name == "welcome-file-list"):
                yield _Node(row.name, children=list(_items(row.content, held)))
        elif held is not _NOT_KEPT:
            for item in held if isinstance(held, tuple) else (held,):
                yield from _node(row, item, inherited.get(row.key))


def _held(row: Row, value: Any) -> Any:
    """What a value holds of a row: None, one item or a tuple of them."""
    if row.key is None:
        return _NOT_KEPT
    if isinstance(value, dict):
        return value.get(row.key)
    if row.key == "values":
        return tuple(text for name, text in value.values if name == row.name)
    if row.key == "icons":
        return tuple({"small_icon": small, "large_icon": large} for small, large in value.about.icons)
    if row.key in ("descriptions", "display_names") and hasattr(value, "about"):
        return getattr(value.about, row.key)
    if row.platform:
        return tuple(element for element in value.platform_elements if element.kind == row.name)
    name = row.key if hasattr(value, row.key) else row.name.replace("-", "_")  # mappings are expanded
    held = getattr(value, name, _NOT_KEPT)
    return tuple(sorted(held)) if isinstance(held, frozenset) else held


def _items(shape: Shape, items: Iterable[Any]) -> Iterator[_Node]:
    for item in items:
        if isinstance(item, WelcomeFile):
            yield _Node("welcome-servlet" if item.servlet_only else "welcome-file", item.source, item.path)
        else:
            [row] = shape.rows.values()
            yield from _node(row, item, None)


def _node(row: Row, item: Any, source: Source | None) -> Iterator[_Node]:
    source = getattr(item, "source", source)
    if item is None or (row.count is Count.FLAG and not item):
        return
    if isinstance(row.content, Shape):
        yield _Node(row.name, source, children=list(_children(row.content, item)))
    elif row.count is Count.FLAG:
        yield _Node(row.name, source)
    elif isinstance(item, Text):
        attributes = {} if item.lang == "en" else {"xml:lang": item.lang}
        yield _Node(row.name, source, item.value, attributes=attributes)
    else:
        yield _Node(row.name, source, _text(item))


def _text(item: Any) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return "" if item == Servlet.LOAD_LAST else str(item)


# Nodes to text


def _lines(node: _Node, indent: str, said: str, comments: bool) -> Iterator[str]:
    """said: the place that the element around this one has named already."""
    place = _place(node.source) or said
    comment = f"  <!-- {place} -->" if comments and place != said else ""
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in node.attributes.items())
    start = f"{indent}<{node.name}{attributes}"
    if node.children:
        yield f"{start}>{comment}"
        for child in node.children:
            yield from _lines(child, indent + "  ", place, comments)
        yield f"{indent}</{node.name}>"
    elif node.text is None:
        yield f"{start}/>{comment}"
    else:
        text = escape(_NO_XML.sub("\ufffd", node.text), {"\r": "&#13;"})
        yield f"{start}>{text}</{node.name}>{comment}"


def _place(source: Source | None) -> str:
    if source is None:
        return ""
    place = f"{source.file}:{source.line}" if source.line else source.file
    return _NO_XML.sub("\ufffd", place).replace("--", "- -")
