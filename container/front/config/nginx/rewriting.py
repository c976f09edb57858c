"""What proxy_redirect and proxy_cookie_... do to the fields of a backend's answer.

rules of a location, State ──rewrites──> {"location": ..., "refresh": ..., "set-cookie": ...} for HeaderEdits
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from container.front.config.nginx.model import Location, Replacement
from container.front.config.nginx.values import Pattern, Template
from container.front.config.nginx.variables import State, to_header

__all__ = ["rewrites"]

Rewrite = Callable[[str], str]

_FLAGS = {"secure": "Secure", "httponly": "HttpOnly"}


def rewrites(state: State, location: Location, redirects: Sequence[Replacement]) -> Mapping[str, Rewrite]:
    """How fields of an answer to the state's request are changed. Of rules of a kind the first one counts."""
    found: dict[str, Rewrite] = {}
    if redirects:

        def moved(value: str) -> str:
            changed = _replaced(state, redirects, value)
            return value if changed is None else to_header(changed)

        def refreshed(value: str) -> str:
            seconds, mark, url = value.partition("url=")
            return f"{seconds}{mark}{moved(url)}"

        found = {"location": moved, "refresh": refreshed}
    if location.cookie_domains or location.cookie_paths or location.cookie_flags:
        found["set-cookie"] = lambda value: to_header(_cookie(state, location, value))
    return found


def _replaced(state: State, rules: Sequence[Replacement], value: str) -> str | None:
    """What becomes of value; None if no rule is about it."""
    for rule in rules:
        if isinstance(rule.source, Pattern):
            if match := rule.source.regex.search(value):
                return (
                    value[: match.start()] + _with_captures(state, match, rule.target) + value[match.end() :]
                )
        elif value.startswith(beginning := rule.source(state)):
            return rule.target(state) + value[len(beginning) :]
    return None


def _with_captures(state: State, match: re.Match[str], target: Template) -> str:
    before = state.captures
    try:
        state.capture(match)
        return target(state)
    finally:
        state.captures = before


def _cookie(state: State, location: Location, value: str) -> str:
    """A Set-Cookie after the rules; as it was if none is about it."""
    name, equals, _ = value.partition("=")
    parts = [part.strip() for part in value.split(";")]
    changed = [parts[0], *(_attribute(state, location, part) for part in parts[1:])]
    for rule in location.cookie_flags:
        if equals and _is_about(state, rule.name, name.strip()):
            for flag in rule.flags:
                changed = _flagged(changed, flag)
            break
    return value if changed == parts else "; ".join(changed)


def _attribute(state: State, location: Location, attribute: str) -> str:
    name, equals, text = attribute.partition("=")
    new: str | None = None
    if name.lower() == "domain":
        new = _domain(state, location.cookie_domains, text)
    elif name.lower() == "path":
        new = _replaced(state, location.cookie_paths, text)
    return attribute if new is None else f"{name}{equals}{new}"


def _domain(state: State, rules: Sequence[Replacement], value: str) -> str | None:
    """As _replaced, but a domain is compared as a whole, without the dot before it."""
    bare = value.removeprefix(".")
    dot = value[: len(value) - len(bare)]
    for rule in rules:
        if isinstance(rule.source, Pattern):
            if match := rule.source.regex.search(bare):
                return dot + _with_captures(state, match, rule.target)
        elif rule.source(state).removeprefix(".").lower() == bare.lower():
            return dot + rule.target(state)
    return None


def _is_about(state: State, rule: Template | Pattern, name: str) -> bool:
    if isinstance(rule, Pattern):
        return rule.regex.search(name) is not None
    return rule(state).lower() == name.lower()


def _flagged(parts: list[str], flag: str) -> list[str]:
    """A cookie with a flag, or without what "no" stands before."""
    name = flag.removeprefix("no").partition("=")[0].lower()
    kept = [parts[0], *(part for part in parts[1:] if part.partition("=")[0].lower() != name)]
    if flag.startswith("no"):
        return kept
    value = flag.partition("=")[2]
    return [*kept, f"SameSite={value.capitalize()}" if value else _FLAGS[flag]]
