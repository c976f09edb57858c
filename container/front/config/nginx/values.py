r"""The values in nginx's directives: times, sizes, switches, regular expressions, texts with variables.

    "$scheme://$host/x" ──> Template ──with Variables──> "https://shop.test/x"
    "~*\.(?<kind>png)$" ──> Pattern ──search──> captures, named ones as variables

PCRE and re agree on nearly everything that configurations use; what re does not know is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from container.front.config.mistakes import BadDirective

__all__ = [
    "Pattern",
    "Template",
    "Variables",
    "flag",
    "number",
    "seconds",
    "size",
    "template",
    "whole_seconds",
]


class Variables(Protocol):
    """What a text with variables asks for its values."""

    captures: tuple[str | None, ...]

    def variable(self, name: str) -> str | None:
        """The value of $name; None if there is none now, which a text shows as nothing."""


# --- texts --------------------------------------------------------------------------------------

_PART = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<capture>[1-9])|(?P<name>\w+))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Template:
    """A text in which variables stand. parts: literal text, the name of a variable, literal text, ..."""

    text: str
    parts: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The variables in it; captures are named by their digit."""
        return self.parts[1::2]

    @property
    def constant(self) -> bool:
        return len(self.parts) == 1

    def __call__(self, variables: Variables) -> str:
        parts = self.parts
        if len(parts) == 1:
            return parts[0]
        return "".join(
            (value_of(name, variables) or "") if odd else name
            for odd, name in zip(_alternate(len(parts)), parts, strict=True)
        )


@lru_cache
def _alternate(count: int) -> tuple[int, ...]:
    return tuple(index % 2 for index in range(count))


def value_of(name: str, variables: Variables) -> str | None:
    if len(name) == 1 and "1" <= name <= "9":
        index = int(name)
        return variables.captures[index] if index < len(variables.captures) else None
    return variables.variable(name)


def template(text: str) -> Template:
    parts = [""]
    end = 0
    for match in _PART.finditer(text):
        parts[-1] += text[end : match.start()]
        parts += [(match["braced"] or match["capture"] or match["name"]).lower(), ""]
        end = match.end()
    parts[-1] += text[end:]
    if "$" in "".join(parts[::2]).removesuffix("$"):
        raise BadDirective(f'invalid variable name in "{text}"', "A variable is $name or ${name}")
    return Template(text, tuple(parts))


# --- regular expressions ------------------------------------------------------------------------

_NAMED = re.compile(r"\(\?<(?=[A-Za-z_])")
_POSIX = {
    "[:alpha:]": "A-Za-z", "[:digit:]": "0-9", "[:alnum:]": "A-Za-z0-9", "[:upper:]": "A-Z",
    "[:lower:]": "a-z", "[:space:]": r"\s", "[:xdigit:]": "0-9A-Fa-f", "[:word:]": r"\w",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression. Searched for, not anchored."""

    text: str
    regex: re.Pattern[str]

    @classmethod
    def of(cls, text: str, *, ignore_case: bool = False) -> Pattern:
        python = _NAMED.sub("(?P<", text)
        for posix, members in _POSIX.items():
            python = python.replace(posix, members)
        try:
            return cls(text, re.compile(python, re.ASCII | (re.IGNORECASE if ignore_case else 0)))
        except re.error as error:
            raise BadDirective(
                f'the regular expression "{text}" cannot be used: {error}', "Python's are read here"
            ) from None

    @property
    def names(self) -> Iterable[str]:
        return [name.lower() for name in self.regex.groupindex]

    @property
    def groups(self) -> int:
        return self.regex.groups


# --- numbers ------------------------------------------------------------------------------------

_TIME = re.compile(r"(\d+)(ms|[smhdwMy]?)")
_UNITS = {
    "ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0,
    "M": 2592000.0, "y": 31536000.0,
}  # fmt: skip
_SIZE = re.compile(r"(\d+)([kKmMgG]?)")
_SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def seconds(text: str) -> float:
    """Read "1m30s", "500ms" or "10"."""
    total = 0.0
    end = 0
    while end < len(text) and (match := _TIME.match(text, end)):
        total += int(match[1]) * _UNITS[match[2]]
        end = match.end()
        while text[end : end + 1] == " ":
            end += 1
    if not text or end < len(text):
        raise BadDirective(f'invalid time "{text}"', "Times are 500ms, 10s, 1m30s, 2h or 7d")
    return total


def whole_seconds(text: str) -> int:
    return int(seconds(text))


def size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match:
        raise BadDirective(f'invalid size "{text}"', "Sizes are 512, 8k, 1m or 1g")
    return int(match[1]) * _SIZES[match[2].lower()]


def number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BadDirective(f'invalid number "{text}"', "Write digits only")
    return int(text)


def flag(text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise BadDirective(f'invalid value "{text}"', "It must be on or off")
    return text.lower() == "on"


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
