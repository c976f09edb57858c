"""Read httpd.conf and what it includes into a tree of directives, with their places.

    file ──lines──> words ──> Directive(name, args, children) ...

What decides about the text itself is done here: continuation lines, quotes, ${NAME}, Define, Include,
<IfModule>, <IfDefine>, <IfVersion>, <IfFile>, LoadModule. What directives mean is httpd.py's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from container.errors import ConfigError, Problem, Source
from container.front.config.mistakes import Mistakes

__all__ = ["VERSION", "Directive", "Tree", "read_tree", "words"]

VERSION = (2, 4, 65)  # whose behaviour this is, for <IfVersion>

# Compiled into Debian's Apache, so there is no LoadModule for them.
_BUILT_IN = frozenset({"core", "so", "http", "log_config", "logio", "unixd", "version", "watchdog"})

# Whose directives mean something here: taken to be loaded by a file that has no LoadModule at all.
_IMPLEMENTED = frozenset(
    {
        "alias", "authn_core", "authz_core", "authz_host", "dir", "env", "headers", "jk", "mime", "proxy",
        "proxy_ajp", "proxy_balancer", "proxy_http", "setenvif", "lbmethod_byrequests", "mpm_event",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive or section; a section has children, perhaps none."""

    name: str
    args: tuple[str, ...]
    source: Source
    children: tuple[Directive, ...] | None = None
    raw: str = ""
    """The arguments as they are written."""

    def __str__(self) -> str:
        return f"<{self.name} {self.raw}>" if self.children is not None else f"{self.name} {self.raw}".strip()


@dataclass(slots=True)
class Tree:
    """What was read. modules: by their names without mod_ and _module."""

    root: Path
    directives: list[Directive] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    """Warnings."""

    def path(self, name: str) -> Path:
        """A file's name as Apache takes it: relative to ServerRoot."""
        return self.root / name


_WORD = re.compile(r"""\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|(\S+))""", re.DOTALL)


def words(text: str) -> tuple[str, ...]:
    """Split arguments at white space. In quotes a backslash protects a quote and a backslash."""
    found = []
    for match in _WORD.finditer(text):
        double, single, plain = match.groups()
        if plain is not None:
            found.append(plain)
        else:
            quoted, quote = (double, '"') if double is not None else (single, "'")
            found.append(re.sub(rf"\\([{quote}\\])", r"\1", quoted))
    return tuple(found)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The logical lines and where each begins; comments and empty lines are left out."""
    number, held, began = 0, "", 0
    for line in text.split("\n"):
        number += 1
        line = line.rstrip("\r")
        began = began or number
        if line.endswith("\\"):
            held += line[:-1]
            continue
        whole, at = (held + line).strip(), began
        held, began = "", 0
        if whole and not whole.startswith("#"):
            yield at, whole
    if held.strip() and not held.strip().startswith("#"):
        yield began, held.strip()


class _Reader:
    def __init__(
        self, root: Path, environ: Mapping[str, str], defines: Iterable[str], mistakes: Mistakes
    ) -> None:
        self.tree = Tree(root)
        self.mistakes = mistakes
        self.environ = environ
        self.defines = dict.fromkeys(defines, "")
        self.loads = False
        self.including: list[str] = []

    def file(self, path: Path) -> list[Directive]:
        name = str(path)
        if name in self.including:
            raise ConfigError(f"{name}: the file includes itself. Remove the Include that leads back to it.")
        try:
            text = path.read_text("utf-8", "surrogateescape")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}. Name a file that can be read.") from error
        self.tree.files.append(name)
        self.including.append(name)
        try:
            return list(self._block(_lines(text), name, None))
        finally:
            self.including.pop()

    def _block(
        self, lines: Iterator[tuple[int, str]], file: str, opened: Directive | None
    ) -> Iterator[Directive]:
        """The directives up to the end of the section that was opened, or of the file."""
        for number, line in lines:
            source = Source(file, number, 1)
            if line.startswith("</"):
                closed = line[2:].rstrip("> \t")
                if opened is None or closed.lower() != opened.name.lower():
                    wanted = f"Write </{opened.name}> first." if opened else "Remove it."
                    raise ConfigError(f"{source}: </{closed}> closes nothing that is open. {wanted}")
                return
            if line.startswith("<"):
                yield from self._section(line, lines, source)
                continue
            name, _, rest = line.partition(" ") if "\t" not in line else _cut(line)
            rest = self._substitute(rest.strip(), source)
            with self.mistakes.kept():
                yield from self._directive(Directive(name, words(rest), source, None, rest))
        if opened is not None:
            raise ConfigError(f"{opened.source}: {opened} is never closed. Write </{opened.name}>.")

    def _section(self, line: str, lines: Iterator[tuple[int, str]], source: Source) -> Iterator[Directive]:
        if not line.endswith(">"):
            raise ConfigError(f'{source}: {line!r} has no ">" at its end.')
        name, rest = _cut(line[1:-1])[0], _cut(line[1:-1])[2].strip()
        rest = self._substitute(rest, source)
        section = Directive(name, words(rest), source, (), rest)
        condition = _CONDITIONS.get(name.lower())
        if condition is not None:
            holds = condition(self, section)
            if holds:
                yield from self._block(lines, source.file, section)
            else:
                _skip(lines, section)
            return
        children = tuple(self._block(lines, source.file, section))
        yield Directive(name, section.args, source, children, rest)

    def _directive(self, directive: Directive) -> Iterator[Directive]:
        name, args, source = directive.name.lower(), directive.args, directive.source
        if name in ("include", "includeoptional"):
            yield from self._include(directive, optional=name == "includeoptional")
        elif name == "define" and args:
            self.defines[args[0]] = args[1] if len(args) > 1 else ""
        elif name == "undefine" and args:
            self.defines.pop(args[0], None)
        elif name == "loadmodule" and args:
            self.loads = True
            self.tree.modules.add(_module(args[0]))
        elif name == "serverroot" and args:
            self.tree.root = Path(args[0])
        elif name == "error":
            raise ConfigError(f"{source}: the configuration says: {directive.raw}.")
        else:
            yield directive

    def _include(self, directive: Directive, *, optional: bool) -> Iterator[Directive]:
        if len(directive.args) != 1:
            raise ConfigError(f"{directive.source}: {directive.name} takes one file, folder or pattern.")
        pattern = self.tree.path(directive.args[0])
        is_pattern = any(letter in str(pattern) for letter in "*?[")
        found = sorted(Path("/").glob(str(pattern).lstrip("/"))) if is_pattern else [pattern]
        if not found or (not is_pattern and not pattern.exists()):
            if optional:
                return
            raise ConfigError(
                f"{directive.source}: there is no file {pattern}. Correct the name, or write IncludeOptional."
            )
        for path in found:
            if path.is_dir():
                for each in sorted(file for file in path.rglob("*") if file.is_file()):
                    yield from self.file(each)
            else:
                yield from self.file(path)

    def _substitute(self, text: str, source: Source) -> str:
        def of(match: re.Match[str]) -> str:
            value = self.defines.get(match[1], self.environ.get(match[1]))
            if value is None:
                self.tree.problems.append(
                    Problem(
                        source,
                        f"{match[0]} is not defined and stays as it is",
                        f"Write Define {match[1]} ..., or set the environment variable.",
                        "warning",
                        code="WAS812",
                    )
                )
                return match[0]
            return value

        return re.sub(r"\$\{([^}:%]+)\}", of, text)

    def has_module(self, name: str) -> bool:
        module = _module(name)
        known = self.tree.modules | _BUILT_IN
        return module in known or (not self.loads and module in _IMPLEMENTED)


def _cut(line: str) -> tuple[str, str, str]:
    name, *rest = line.split(None, 1)
    return name, " ", rest[0] if rest else ""


def _module(name: str) -> str:
    return re.sub(r"^mod_|(?:_module|\.c)$", "", name)


def _skip(lines: Iterator[tuple[int, str]], opened: Directive) -> None:
    """Pass over a section whose condition does not hold."""
    depth = [opened.name.lower()]
    for _, line in lines:
        if line.startswith("</"):
            if line[2:].rstrip("> \t").lower() == depth[-1]:
                depth.pop()
                if not depth:
                    return
        elif line.startswith("<"):
            depth.append(_cut(line[1:].rstrip(">") or "?")[0].lower())
    raise ConfigError(f"{opened.source}: {opened} is never closed. Write </{opened.name}>.")


def _argument(section: Directive) -> tuple[str, bool]:
    """The one argument of a condition, and whether it is to hold: "!" turns it round."""
    if len(section.args) != 1:
        raise ConfigError(f"{section.source}: <{section.name}> takes one argument.")
    argument = section.args[0]
    return argument.removeprefix("!"), not argument.startswith("!")


def _if_module(reader: _Reader, section: Directive) -> bool:
    name, wanted = _argument(section)
    return reader.has_module(name) is wanted


def _if_define(reader: _Reader, section: Directive) -> bool:
    name, wanted = _argument(section)
    return (name in reader.defines) is wanted


def _if_file(reader: _Reader, section: Directive) -> bool:
    name, wanted = _argument(section)
    return reader.tree.path(name).exists() is wanted


_COMPARISONS = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


def _if_version(reader: _Reader, section: Directive) -> bool:
    operator, version = section.args if len(section.args) == 2 else ("=", "".join(section.args))
    wanted = not operator.startswith("!")
    compare = _COMPARISONS.get(operator.removeprefix("!") or "=")
    if compare is None or not re.fullmatch(r"\d+(?:\.\d+){0,2}", version):
        raise ConfigError(f"{section.source}: write <IfVersion >= 2.4>; regular expressions are not read.")
    numbers = tuple(map(int, version.split(".")))
    return compare(VERSION[: len(numbers)], numbers) is wanted


_CONDITIONS = {
    "ifmodule": _if_module,
    "ifdefine": _if_define,
    "iffile": _if_file,
    "ifversion": _if_version,
}


_EXPORT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(\S*)\s*(?:#.*)?$", re.MULTILINE)


def _envvars(file: Path) -> dict[str, str]:
    """The variables of Debian's envvars file, which apachectl would have set; without its conditions."""
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return {}
    found: dict[str, str] = {"SUFFIX": ""}
    for name, value in _EXPORT.findall(text):
        if name != "SUFFIX":
            value = re.sub(r"\$\{?(\w+)\}?", lambda match: found.get(match[1], ""), value.strip("'\""))
            found[name] = value
    del found["SUFFIX"]
    return found


def read_tree(
    path: Path, mistakes: Mistakes, environ: Mapping[str, str] = os.environ, *, defines: Iterable[str] = ()
) -> Tree:
    """Read a configuration. ServerRoot is the file's folder until the file says otherwise.

    Raises ConfigError where it does not show which directive stands in which section.
    """
    path = path.absolute()
    reader = _Reader(path.parent, {**_envvars(path.parent / "envvars"), **environ}, defines, mistakes)
    reader.tree.directives = reader.file(path)
    return reader.tree
