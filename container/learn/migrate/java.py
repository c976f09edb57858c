"""What the classes of .java files say of themselves: bases, methods, annotations. Bodies are not looked into.

    .java ──tree-sitter──> JavaClass, JavaImport ──> JavaSources, which follows the bases from file to file

Needs the extra "migrate". A file with mistakes is read as far as it makes sense.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from container.errors import ConfigError, Source

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["Annotation", "Expression", "JavaClass", "JavaImport", "JavaSources", "Value", "read_java"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A value that is no literal, as written: Paths.CART."""

    text: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """@Name(element = value): name without its package; the element without a name is "value"."""

    name: str
    values: Mapping[str, Value]
    source: Source


Value = str | int | bool | Expression | Annotation | tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Method:
    """A method that subclasses could have."""

    name: str
    parameters: int
    source: Source


@dataclass(frozen=True, slots=True)
class JavaImport:
    """name: of a class, or of a package with ".*"."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class JavaClass:
    """A class, interface, record or enum. name: as a descriptor writes it, a.b.Outer$Inner."""

    name: str
    source: Source
    bases: tuple[str, ...] = ()  # the superclass first, as written
    methods: tuple[Method, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    imports: tuple[JavaImport, ...] = field(default=(), repr=False)

    def candidates(self, written: str) -> Iterator[str]:
        """Yield what a class name in this file may mean, likeliest first."""
        yield f"{self.name}${written}"
        outer = self.name
        while "$" in outer:
            outer = outer.rpartition("$")[0]
            yield f"{outer}${written}"
        for imported in self.imports:
            if imported.name.rpartition(".")[2] == written:
                yield imported.name
        package = self.name.rpartition(".")[0]
        yield f"{package}.{written}" if package else written
        for imported in self.imports:
            if imported.name.endswith(".*"):
                yield imported.name[:-1] + written
        yield written


class JavaSources:
    """All classes there is a source of."""

    def __init__(self, classes: Iterable[JavaClass] = ()) -> None:
        self.classes = {found.name: found for found in classes}

    def lineage(self, found: JavaClass) -> list[JavaClass | str]:
        """Return the class and all its bases, nearest first: classes, or names where there is no source."""
        line: list[JavaClass | str] = []
        pending: list[JavaClass | str] = [found]
        while pending:
            item = pending.pop(0)
            if item in line:
                continue
            line.append(item)
            if isinstance(item, JavaClass):
                pending += (self._base(item, written) for written in item.bases)
        return line

    def _base(self, found: JavaClass, written: str) -> JavaClass | str:
        for name in found.candidates(written):
            if name in self.classes and name != found.name:
                return self.classes[name]
        explicit = (i.name for i in found.imports if i.name.rpartition(".")[2] == written)
        return next(explicit, written)


def read_java(data: bytes, shown: str) -> list[JavaClass]:
    """Return the classes of a file, nested ones too. Raises ConfigError without the extra."""
    try:
        import tree_sitter_java
        from tree_sitter import Language, Parser
    except ImportError:
        raise ConfigError(
            f"{shown}: reading Java needs tree-sitter. Install servlet-container[migrate]."
        ) from None
    utf8 = data.decode("utf-8", "replace").encode()
    return _File(utf8, shown).classes(Parser(Language(tree_sitter_java.language())).parse(utf8).root_node)


_CLASSES = {
    "class_declaration",
    "interface_declaration",
    "enum_declaration",
    "record_declaration",
}
_LITERALS: Mapping[str, Value] = {"true": True, "false": False}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "s": " "}


class _File:
    """One file while it is read."""

    def __init__(self, utf8: bytes, shown: str) -> None:
        self._lines = utf8.split(b"\n")
        self._shown = shown

    def classes(self, root: Node) -> list[JavaClass]:
        package = ""
        imports: list[JavaImport] = []
        for node in root.named_children:
            if node.type == "package_declaration":
                package = f"{_text(node.named_children[-1])}."
            elif node.type == "import_declaration":
                name = next((_text(c) for c in node.named_children if c.type.endswith("identifier")), "")
                if any(child.type == "static" for child in node.children):
                    name = name.rpartition(".")[0]  # its last part is a member
                star = ".*" if any(child.type == "asterisk" for child in node.named_children) else ""
                imports.append(JavaImport(name + star, self._source(node)))
        return list(self._classes(root, package, tuple(imports)))

    def _classes(self, parent: Node, prefix: str, imports: tuple[JavaImport, ...]) -> Iterator[JavaClass]:
        for node in parent.named_children:
            name = node.child_by_field_name("name")
            body = node.child_by_field_name("body")
            if node.type not in _CLASSES or name is None or body is None:
                continue
            full = prefix + _text(name)
            yield JavaClass(
                full,
                self._source(name),
                tuple(self._bases(node)),
                tuple(self._methods(body)),
                tuple(self._annotations(node)),
                imports,
            )
            yield from self._classes(body, f"{full}$", imports)

    def _bases(self, declaration: Node) -> Iterator[str]:
        for part in ("superclass", "super_interfaces", "extends_interfaces"):
            for node in (child for child in declaration.named_children if child.type == part):
                for child in node.named_children:
                    types = child.named_children if child.type == "type_list" else [child]
                    for base in types:
                        # Without type arguments: Bar<Z> is Bar
                        yield _text(base.named_children[0] if base.type == "generic_type" else base)

    def _methods(self, body: Node) -> Iterator[Method]:
        for node in body.named_children:
            name = node.child_by_field_name("name")
            parameters = node.child_by_field_name("parameters")
            if node.type == "method_declaration" and name is not None and parameters is not None:
                modifiers = {
                    m.type for child in node.children if child.type == "modifiers" for m in child.children
                }
                if not modifiers & {"static", "private", "abstract"}:
                    count = sum(child.type.endswith("parameter") for child in parameters.named_children)
                    yield Method(_text(name), count, self._source(name))

    def _annotations(self, declaration: Node) -> Iterator[Annotation]:
        for child in declaration.named_children:
            if child.type == "modifiers":
                for node in child.named_children:
                    if node.type in ("annotation", "marker_annotation"):
                        yield self._annotation(node)

    def _annotation(self, node: Node) -> Annotation:
        name = node.child_by_field_name("name")
        arguments = node.child_by_field_name("arguments")
        values: dict[str, Value] = {}
        for argument in _children(arguments) if arguments else ():
            key, value = argument.child_by_field_name("key"), argument.child_by_field_name("value")
            if key is not None and value is not None:
                values[_text(key)] = self._value(value)
            else:
                values["value"] = self._value(argument)
        return Annotation(_text(name).rpartition(".")[2] if name else "", values, self._source(node))

    def _value(self, node: Node) -> Value:
        if node.type in ("annotation", "marker_annotation"):
            return self._annotation(node)
        if node.type == "element_value_array_initializer":
            return tuple(map(self._value, _children(node)))
        if node.type == "string_literal" and not _text(node).startswith('"""'):
            return _unescaped(_text(node)[1:-1])
        if node.type == "decimal_integer_literal" or (
            node.type == "unary_expression" and _text(node.named_children[0]).isdecimal()
        ):
            try:
                return int(re.sub(r"[_\sLl]", "", _text(node)))
            except ValueError:
                pass  # an operator other than the sign
        if node.type == "binary_expression":
            sides = [self._value(child) for child in _children(node)]
            if all(isinstance(side, str) for side in sides) and any(c.type == "+" for c in node.children):
                return "".join(map(str, sides))
        if node.type in _LITERALS:
            return _LITERALS[node.type]
        return Expression(_text(node))

    def _source(self, node: Node) -> Source:
        row, column = node.start_point
        return Source(self._shown, row + 1, len(self._lines[row][:column].decode("utf-8", "replace")) + 1)


def _children(node: Node) -> list[Node]:
    return [child for child in node.named_children if not child.type.endswith("comment")]


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return _ESCAPES.get(match[2], match[2])

    return re.sub(r"\\(?:u+([0-9a-fA-F]{4})|(.))", character, text)
