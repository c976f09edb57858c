"""nginx's configuration files as a tree of directives, includes put in their places.

    nginx.conf ──crossplane──> tokens, arguments, contexts ──> Directive

crossplane knows where nginx allows a directive and with how many arguments. What a directive means, and
whether it means anything here, is not decided in this module.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from container.errors import ConfigError, Problem, Source
from container.front.config.mistakes import BadConfiguration

__all__ = ["Directive", "known_to_nginx", "parse"]

_ESCAPE = re.compile(r"""\\([\\"'tnr])""")
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r"}
_DEEPEST_INCLUDE = 50
_NO_FILE = re.compile(r"\[Errno \d+\] (.*): '(.*)'")
_MISPLACED = re.compile(r'"(.*)" directive is not allowed here')
_PART = re.compile(r'"(?:server|upstream|map)" directive is not allowed here')
_PLACES = {
    "NGX_MAIN_CONF": "outside of all blocks",
    "NGX_EVENT_CONF": "in events",
    "NGX_HTTP_MAIN_CONF": "in http",
    "NGX_HTTP_UPS_CONF": "in upstream",
    "NGX_HTTP_SRV_CONF": "in server",
    "NGX_HTTP_LOC_CONF": "in location",
}


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive; block is None where it ends in a semicolon."""

    name: str
    args: tuple[str, ...]
    source: Source
    block: tuple[Directive, ...] | None = None

    def __str__(self) -> str:
        return " ".join((self.name, *self.args))


def known_to_nginx() -> frozenset[str]:
    """Every directive that nginx and its own modules have."""
    return frozenset(_crossplane().analyzer.DIRECTIVES)


def parse(path: str) -> tuple[Directive, ...]:
    """Read a file and all that it includes. Raises BadConfiguration with what crossplane finds wrong."""
    if not os.path.isfile(path):
        raise ConfigError(f"{path}: there is no such file. Name the nginx.conf.")
    payload = _crossplane().parse(path, catch_errors=True)
    problems = [_problem(found) for found in payload["errors"]]
    if problems:
        raise BadConfiguration(_of_part(path, problems) or problems)
    return tuple(_directives(payload["config"], 0, ()))


def _crossplane() -> Any:
    try:
        import crossplane
        import crossplane.analyzer
    except ImportError:
        raise ConfigError(
            "nginx configurations are read with crossplane, which is not installed. "
            "Run: pip install 'servlet-container[front]'"
        ) from None
    return crossplane


def _problem(found: dict[str, Any]) -> Problem:
    file, line = found["file"], found["line"] or 0
    error = found["error"].removesuffix(f" in {file}:{line}").removesuffix(f" in {file}")
    cure = ""
    if not error:  # how crossplane says it
        error, cure = 'unexpected end of file, expecting ";" or "}"', 'End each directive with ";".'
    elif error == 'unexpected end of file, expecting "}"':
        cure = 'Close each block with "}".'
    elif missing := _NO_FILE.fullmatch(error):
        error, cure = f'include "{missing[2]}": {missing[1]}', "Correct its path, or remove the include."
    elif (misplaced := _MISPLACED.fullmatch(error)) and (places := _places(misplaced[1])):
        cure = f"Its place is {places}."
    return Problem(Source(file, line), error, cure, code="WAS801")


def _places(name: str) -> str:
    """Where a directive may stand, in words; "" if that is nowhere that we know."""
    analyzer = _crossplane().analyzer
    masks = analyzer.DIRECTIVES.get(name, ())
    places = [
        words
        for context, words in _PLACES.items()
        if any(mask & getattr(analyzer, context) for mask in masks)
    ]
    return " or ".join(places)


def _of_part(path: str, problems: list[Problem]) -> list[Problem]:
    """One problem instead of many, if the file is one that an nginx.conf includes."""
    first = problems[0]
    if first.source is None or first.source.file != path or not _PART.match(first.message):
        return []
    message = f"{first.message}: this is a part of a configuration"
    cure = "Name the nginx.conf that includes it, or write events {} and http { } around it."
    return [Problem(first.source, message, cure, code="WAS801")]


def _directives(files: list[Any], index: int, above: tuple[str, ...]) -> Iterator[Directive]:
    file = files[index]["file"]
    if file in above or len(above) > _DEEPEST_INCLUDE:
        raise BadConfiguration([Problem(Source(above[-1]), f'"{file}" is included by itself', code="WAS801")])
    yield from _block(files, files[index]["parsed"], (*above, file))


def _block(files: list[Any], parsed: list[Any], above: tuple[str, ...]) -> Iterator[Directive]:
    for found in parsed:
        if found["directive"] == "include" and "includes" in found:
            for index in found["includes"]:
                yield from _directives(files, index, above)
            continue
        block = found.get("block")
        yield Directive(
            _unescape(found["directive"]),
            tuple(map(_unescape, found["args"])),
            Source(above[-1], found["line"]),
            None if block is None else tuple(_block(files, block, above)),
        )


def _unescape(token: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), token) if "\\" in token else token
