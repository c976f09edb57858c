"""The walk through the tree of an httpd.conf: what stands where, and whose turn it is.

    Directive ──Reader.apply──> Row.apply(reader, where, directive) ──> Server, Rules

A Row says how many arguments a directive takes, where it may stand and what it does. The tables of rows are
in directives.py, access.py and backends.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from container.errors import ConfigError, Problem, Source
from container.front.config.apache.known import KNOWN, REFUSED
from container.front.config.apache.model import Balance, Listen, Rules, Section, Server
from container.front.config.apache.modjk import Property
from container.front.config.apache.syntax import Directive, Tree
from container.front.config.mistakes import Mistakes

__all__ = [
    "Reader",
    "Row",
    "Where",
    "number",
    "number_value",
    "on",
    "regex",
    "switch_value",
    "time_value",
    "value",
]

_NOT_OF_PROXIES = frozenset({"adddefaultcharset", "options", "allowoverride"})
_SECTIONS: Mapping[str, tuple[Literal["directory", "files", "location"], bool]] = {
    "directory": ("directory", False),
    "directorymatch": ("directory", True),
    "files": ("files", False),
    "filesmatch": ("files", True),
    "location": ("location", False),
    "locationmatch": ("location", True),
}


@dataclass(slots=True)
class Where:
    """What a directive stands in. section None: directly in a server."""

    server: Server
    rules: Rules
    section: Section | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A directive: its handler, how many arguments it takes, where it may stand."""

    apply: Callable[[Reader, Where, Directive], None]
    least: int = 1
    most: int | None = 1
    """None: any number."""
    place: Literal["main", "server", "any"] = "any"


class Reader:
    """What has been read so far. rows: the directives by lower-case name."""

    def __init__(
        self, tree: Tree, environ: Mapping[str, str], rows: Mapping[str, Row], mistakes: Mistakes
    ) -> None:
        self.rows = rows
        self.tree = tree
        self.mistakes = mistakes
        self.environ = environ
        self.main = Server()
        self.hosts: list[Server] = []
        self.listen: list[Listen] = []
        self.balances: dict[str, Balance] = {}
        self.mpm: dict[str, int] = {}
        self.types: dict[str, str] | None = None
        self.jk: dict[str, str] = {}
        self.workers_file: tuple[Path, Source] | None = None
        self.properties: list[Property] = []
        self.problems = tree.problems
        self.ignored: list[Problem] = []

    def at_server(self, directive: Directive, server: Server) -> None:
        if directive.children is None:
            self.apply(directive, Where(server, server.base))
            return
        name = directive.name.lower()
        if name == "virtualhost":
            self._virtual_host(directive, server)
        elif name == "proxy":
            self._proxy(directive, server)
        elif name in _SECTIONS:
            self._section(directive, server, None)
        else:
            raise _no_section(directive)

    def _virtual_host(self, directive: Directive, outer: Server) -> None:
        if outer is not self.main:
            raise ConfigError(
                f"{directive.source}: a VirtualHost cannot stand in another one. End that first."
            )
        if not directive.args:
            raise ConfigError(f"{directive.source}: {directive} names no address. Write <VirtualHost *:80>.")
        server = Server(source=directive.source, addresses=tuple(map(_address, directive.args)))
        self.hosts.append(server)
        for child in directive.children or ():
            with self.mistakes.kept():
                self.at_server(child, server)

    def _section(self, directive: Directive, server: Server, around: Section | None) -> None:
        name = directive.name.lower()
        kind, is_regex = _SECTIONS[name]
        args = directive.args
        if args and args[0] == "~":
            args, is_regex = args[1:], True
        if len(args) != 1:
            raise ConfigError(f"{directive.source}: {directive} takes one argument.")
        pattern = args[0]
        if kind == "directory" and not is_regex:
            pattern = os.path.normpath(self.tree.path(pattern))
        compiled = regex(pattern, directive) if is_regex else None
        section = Section(kind, pattern, compiled, Rules(), around)
        server.sections.append(section)
        where = Where(server, section.rules, section)
        for child in directive.children or ():
            with self.mistakes.kept():
                if child.children is None or child.name.lower() in self.rows:
                    self.apply(child, where)
                elif child.name.lower() in ("files", "filesmatch") and kind == "directory":
                    self._section(child, server, section)
                else:
                    raise _no_section(child)

    def _proxy(self, directive: Directive, server: Server) -> None:
        url = directive.args[0] if directive.args else ""
        balance = self.balance(url) if url.startswith("balancer://") else None
        where = Where(server, Rules())
        for child in directive.children or ():
            name = child.name.lower()
            with self.mistakes.kept():
                if name in ("balancermember", "proxyset") and balance is not None:
                    self.apply(replace(child, args=(url, *child.args)), where)
                elif name in ("require", "order", "allow", "deny", "requireall", "requireany"):
                    self.apply(child, where)
                elif name in KNOWN or name in _NOT_OF_PROXIES:
                    self.note(child.source, f"{child} has no effect here: answers are passed on as they are")
                else:
                    raise ConfigError(
                        f"{child.source}: {child} has no meaning inside {directive}. "
                        "BalancerMember, ProxySet and Require are what stands there."
                    )
        if where.rules.access is not None and not where.rules.access.lets_everybody_in:
            raise ConfigError(
                f"{directive.source}: access rules of {directive} are not looked at here. "
                "Put them into a <Location> with the path of the ProxyPass."
            )

    def apply(self, directive: Directive, where: Where) -> None:
        name = directive.name.lower()
        row = self.rows.get(name)
        if row is None:
            self._without_row(directive)
            return
        if row.place != "any" and not _may_stand(row.place, where, self.main):
            places = {
                "main": "outside of every section and VirtualHost",
                "server": "in the main server or a VirtualHost, outside of sections",
            }
            raise ConfigError(f"{directive.source}: {directive.name} must stand {places[row.place]}.")
        count = len(directive.args)
        if count < row.least or (row.most is not None and count > row.most):
            wanted = (
                f"{row.least}" if row.least == row.most else f"{row.least} to {row.most or 'any number of'}"
            )
            plural = "" if wanted == "1" else "s"
            raise ConfigError(
                f"{directive.source}: {directive.name} takes {wanted} argument{plural}, not {count}."
            )
        row.apply(self, where, directive)

    def _without_row(self, directive: Directive) -> None:
        name = directive.name.lower()
        if reason := KNOWN.get(name):
            self.note(directive.source, f"{directive.name} has no effect here: {reason}")
        elif cure := REFUSED.get(name):
            raise ConfigError(f"{directive.source}: {directive.name} is not implemented. {cure}")
        else:
            near = get_close_matches(name, [*self.rows, *KNOWN], 1)
            hint = f"Did you mean {near[0]}?" if near else "Remove it, or correct its name."
            raise ConfigError(f"{directive.source}: {directive.name} is no directive that is known. {hint}")

    def warn(self, source: Source | None, message: str, cure: str = "") -> None:
        self.problems.append(Problem(source, message, cure, "warning", code="WAS812"))

    def note(self, source: Source | None, message: str, cure: str = "") -> None:
        self.ignored.append(Problem(source, message, cure, "warning", code="WAS813"))

    def balance(self, url: str, source: Source | None = None) -> Balance:
        name = url.removeprefix("balancer://").partition("/")[0].lower()
        return self.balances.setdefault(name, Balance(name, source=source))


def _may_stand(place: str, where: Where, main: Server) -> bool:
    return where.section is None and (place == "server" or where.server is main)


def _no_section(directive: Directive) -> ConfigError:
    cure = REFUSED.get(directive.name.lower(), "Put its directives where they hold in any case.")
    return ConfigError(f"{directive.source}: <{directive.name}> is not implemented here. {cure}")


def _address(text: str) -> tuple[str, str]:
    """Host and port of a VirtualHost, "*" for any."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9*]+))?", text)
    host, port = (match[1], match[2] or "*") if match else (text, "*")
    return ("*" if host in ("_default_", "*", "") else host.strip("[]").lower()), port


def regex(text: str, directive: Directive, flags: int = 0) -> re.Pattern[str]:
    try:
        return re.compile(text, flags)
    except re.error as error:
        raise ConfigError(
            f"{directive.source}: {text!r} is no regular expression: {error}. "
            "Python's are read here; they lack a few forms of PCRE."
        ) from error


def on(directive: Directive) -> bool:
    value = directive.args[0].lower()
    if value not in ("on", "off"):
        raise ConfigError(f"{directive.source}: {directive.name} is On or Off, not {directive.args[0]}.")
    return value == "on"


def number(directive: Directive, text: str | None = None) -> int:
    text = directive.args[0] if text is None else text
    if not re.fullmatch(r"-?[0-9]+", text):
        raise ConfigError(f"{directive.source}: {directive.name} takes a whole number, not {text!r}.")
    return int(text)


def value(reader: Reader, where: Where, directive: Directive) -> None:
    where.server.values[directive.name.lower()] = directive.args[0]


def number_value(reader: Reader, where: Where, directive: Directive) -> None:
    number(directive)
    value(reader, where, directive)


def switch_value(reader: Reader, where: Where, directive: Directive) -> None:
    on(directive)
    value(reader, where, directive)


def time_value(reader: Reader, where: Where, directive: Directive) -> None:
    match = re.fullmatch(r"([0-9]+)(ms|s|min|mi|h)?", directive.args[0].lower())
    if match is None:
        raise ConfigError(f"{directive.source}: {directive.args[0]!r} is no time. Write seconds, or 500ms.")
    seconds = int(match[1]) * {"ms": 0.001, "min": 60, "mi": 60, "h": 3600}.get(match[2] or "s", 1)
    where.server.values[directive.name.lower()] = f"{seconds:g}"
