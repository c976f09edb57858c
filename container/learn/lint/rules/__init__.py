"""The table of rules: what each code of `was check` means.

RULES ──> explain(): `was check --explain WAS203`
      ──> as_markdown(): the second half of docs/check.md
      ──> the tests: each bad example gives exactly its code, each good one nothing
"""

from __future__ import annotations

import re
from difflib import get_close_matches, unified_diff
from textwrap import fill, indent

from container.errors import ConfigError
from container.learn.lint.rules import (
    classes,
    code,
    descriptors,
    filters,
    fronts,
    mappings,
    pages,
    security,
)
from container.learn.lint.rules.rule import Example, Rule, files_of

__all__ = ["AREAS", "RULES", "Rule", "as_markdown", "explain", "files_of", "rule_of"]

AREAS = {
    "1": "The descriptor's text",
    "2": "Mappings",
    "3": "Classes",
    "4": "Filters and asynchronous requests",
    "5": "Security",
    "6": "Pages, static files and sessions",
    "7": "Code",
    "8": "Configurations of a front",
}
"""By the first digit of a code."""

RULES: tuple[Rule, ...] = (
    *descriptors.RULES,
    *mappings.RULES,
    *classes.RULES,
    *filters.RULES,
    *security.RULES,
    *pages.RULES,
    *code.RULES,
    *fronts.RULES,
)


def rule_of(code: str) -> Rule:
    """The rule with a code, in capitals or not, or with its number. Raises ConfigError."""
    by_code = {rule.code: rule for rule in RULES}
    wanted = code.strip().upper()
    if wanted.isdigit():
        wanted = f"WAS{wanted}"
    if found := by_code.get(wanted):
        return found
    near = [each for each in by_code if each.startswith(wanted)]
    near = near or get_close_matches(wanted, by_code, n=1, cutoff=0.8)
    raise ConfigError(
        f"{code}: no such code. {f'Did you mean {near[0]}? ' if near else ''}"
        "docs/check.md lists all of them, as does `was check --explain all`."
    )


def explain(rule: Rule) -> str:
    """A rule for a terminal."""
    parts = [
        f"{rule.code} ({rule.severity}): {rule.title}",
        fill(rule.why, 88),
        fill(rule.cure, 88),
        *([_AT_START] if rule.at_start else []),
    ]
    for heading, example in (("Wrong:", rule.bad), ("Right:", rule.good)):
        if example:
            parts.append(f"{heading}\n{indent(_shown(example), '    ')}")
    return "\n\n".join(parts) + "\n"


_AT_START = "`was check` cannot see it: the web app says it when it starts."


def _shown(example: Example) -> str:
    """The files of an example; a web.xml alone needs no name."""
    if list(example) in (["web.xml"], ["WEB-INF/web.xml"]):
        return next(iter(example.values())).rstrip("\n")
    return "\n\n".join(f"[{_name(name)}]\n{text}".rstrip("\n") for name, text in example.items())


def _name(name: str) -> str:
    return f"WEB-INF/{name}" if name == "web.xml" else name


def as_markdown() -> str:
    """All rules, for docs/check.md and `--explain all`; examples as what has to change."""
    parts = []
    for digit, area in AREAS.items():
        parts.append(f"## {digit}xx: {area}")
        parts += (_section(rule) for rule in RULES if rule.code[3] == digit)
    return "\n\n".join(parts) + "\n"


def _section(rule: Rule) -> str:
    parts = [
        f"### {rule.code}: {_escaped(rule.title)}",
        fill(f"*{rule.severity.capitalize()}.* {_escaped(rule.why)}", 120, break_on_hyphens=False),
        fill(_escaped(rule.cure), 120, break_on_hyphens=False),
        *([_AT_START] if rule.at_start else []),
        *_blocks(rule.bad, rule.good),
    ]
    return "\n\n".join(parts)


_CODE = re.compile(r'<!--.*?-->|<[^\s<>]+>(?:[^\s<>]*<[^\s<>]+>)*|&\w+;|"([^"\s]*[*/_<][^"\s]*)"')


def _escaped(text: str) -> str:
    """Elements and patterns are code, or a page would take them for its own."""
    pieces = text.split("`")  # every second is code already
    pieces[::2] = [_CODE.sub(lambda found: f"`{found[1] or found[0]}`", piece) for piece in pieces[::2]]
    pieces = "`".join(pieces).split("`")
    pieces[::2] = [re.sub(r"[<*]", r"\\\g<0>", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def _blocks(bad: Example, good: Example) -> list[str]:
    """The files of both examples, with their names if there are several."""
    names = list({**bad, **good})
    heads = [f"`{_name(name)}`:\n\n" if len(names) > 1 or name[-4:] != ".xml" else "" for name in names]
    return [
        head + _block(name, bad.get(name, ""), good.get(name, ""))
        for head, name in zip(heads, names, strict=True)
    ]


def _block(name: str, bad: str, good: str) -> str:
    """A file, as a diff where the two differ."""
    if bad == good:
        return "```diff\n" + "".join(f" {line}".rstrip() + "\n" for line in good.splitlines()) + "```"
    lines = list(unified_diff(bad.splitlines(), good.splitlines(), n=4, lineterm=""))[2:]
    shown = (" ..." if line.startswith("@@") else line.rstrip() for line in lines[1:])
    return "```diff\n" + "\n".join(shown) + "\n```"
