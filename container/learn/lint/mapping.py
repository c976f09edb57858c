"""Checks 2xx and 4xx: what a path finds, and the filters before it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from container.descriptor import model
from container.errors import Problem, Source
from container.learn.lint.app import IMPLICIT, App, overlap

__all__ = ["check", "check_descriptor"]


def check(app: App) -> Iterator[Problem]:
    yield from _never_mapped(app)
    yield from _hides_files(app)
    yield from _with_context_path(app)
    yield from _unused_filters(app)


def check_descriptor(app: App) -> Iterator[Problem]:
    """What needs no other file."""
    yield from _hidden(app)
    yield from _with_slash(app)
    yield from _not_one_path(app)
    yield from _filter_order(app)
    yield from _not_asynchronous(app)


def _never_mapped(app: App) -> Iterator[Problem]:
    mapped = {mapping.servlet_name for mapping in app.web_app.servlet_mappings}
    for name, servlet in app.servlets.items():
        if name in mapped or servlet.load_on_startup is not None:  # one that only starts something
            continue
        if name not in IMPLICIT and not app.quotes(name):
            yield Problem(
                servlet.source,
                f'<servlet> "{name}" has no mapping, so no request ever reaches it',
                f"Add <servlet-mapping> with <servlet-name>{name}</servlet-name> and a <url-pattern>.",
                "warning",
                code="WAS209",
            )


def _hidden(app: App) -> Iterator[Problem]:
    """Only "/*" takes everything from patterns of other kinds (§12.1)."""
    everything = next((m for m in app.mappings if m.url_pattern == "/*"), None)
    if everything is None:
        return
    for mapping in app.mappings:
        pattern = mapping.url_pattern
        if (pattern == "/" or pattern.startswith("*.")) and mapping.servlet_name != everything.servlet_name:
            yield Problem(
                mapping.source,
                f'<url-pattern> "{pattern}" never matches: "/*" of servlet "{everything.servlet_name}" '
                f"({everything.source}) comes before it",
                f'Map "{everything.servlet_name}" to "/", which takes only what nothing else does (§12.1).',
                "warning",
                code="WAS210",
            )


def _hides_files(app: App) -> Iterator[Problem]:
    for mapping in app.mappings:
        if mapping.url_pattern not in ("/", "/*") or app.sends_files(mapping.servlet_name):
            continue
        lost = [path for path in app.static_files if _servlet_of(app, path) == mapping.servlet_name]
        if lost:
            yield Problem(
                mapping.source,
                f'<url-pattern> "{mapping.url_pattern}": servlet "{mapping.servlet_name}" gets the requests '
                f"for {_some(lost)}, so the static files are never sent",
                "Give the servlet a pattern of its own, or map the files back: "
                f"<servlet-name>default</servlet-name> to {_patterns_for(lost)}.",
                "warning",
                code="WAS211",
            )


def _servlet_of(app: App, path: str) -> str | None:
    match = app.match(path)
    return match.servlet_name if match else None


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}"


def _patterns_for(paths: list[str]) -> str:
    folders = {path.split("/")[1] for path in paths if path.count("/") > 1}
    patterns = [f'"/{folder}/*"' for folder in sorted(folders)]
    patterns += [f'"{path}"' for path in paths if path.count("/") == 1]
    return " and ".join(patterns[:2])


def _patterns(app: App) -> Iterator[tuple[str, Source]]:
    """Every pattern of the descriptor but those of jsp-property-groups."""
    yield from ((m.url_pattern, m.source) for m in app.web_app.servlet_mappings)
    yield from ((m.url_pattern, m.source) for m in app.web_app.filter_mappings if m.url_pattern)
    for constraint in app.web_app.security_constraints:
        for collection in constraint.collections:
            for pattern in collection.url_patterns:
                yield pattern, app.inside(collection.source, f">{pattern}<")


def _with_context_path(app: App) -> Iterator[Problem]:
    prefix = app.context_path
    for pattern, source in _patterns(app):
        if prefix and (pattern == prefix or pattern.startswith(f"{prefix}/")):
            inner = pattern.removeprefix(prefix) or "/"
            if any(path.startswith(f"{prefix}/") for path in app.static_files):
                continue  # a folder of that name
            yield Problem(
                source,
                f'<url-pattern> "{pattern}" begins with the context path {prefix}: it answers '
                f"{prefix}{pattern}",
                f'Patterns begin behind the context path: write "{inner}".',
                "warning",
                code="WAS212",
            )


def _with_slash(app: App) -> Iterator[Problem]:
    exact = {mapping.url_pattern for mapping in app.mappings}
    for mapping in app.mappings:
        pattern = mapping.url_pattern
        if len(pattern) > 1 and pattern.endswith("/") and not {pattern[:-1], f"{pattern}*"} & exact:
            yield Problem(
                mapping.source,
                f'<url-pattern> "{pattern}" answers only this very path, with the slash, and nothing below '
                "it",
                f'Write "{pattern}*" for everything below it, or "{pattern[:-1]}" for one path (§12.2).',
                "warning",
                code="WAS213",
            )


_SEVERAL = re.compile(r"[,|\s]\s*(?=/|\*\.)")
_VARIABLE = re.compile(r"\{\w*\}|/:\w|\([^)]*\|[^)]*\)|\[.*\]|\\|\^|\$$")


def _not_one_path(app: App) -> Iterator[Problem]:
    """Patterns of other programs, which are just unusual paths here."""
    for pattern, source in _patterns(app):
        if len(several := _SEVERAL.split(pattern)) > 1:
            each = "".join(f"<url-pattern>{one}</url-pattern>" for one in several if one)
            yield Problem(
                source,
                f'<url-pattern> "{pattern}" is one path with all these characters in it, not several '
                "patterns",
                f"Write {each} (§12.2).",
                "warning",
                code="WAS214",
            )
        elif found := _VARIABLE.search(pattern):
            prefix = pattern[: found.start()].rpartition("/")[0]
            yield Problem(
                source,
                f'<url-pattern> "{pattern}" matches only this very text: {found[0]} is no variable and no '
                "regular "
                "expression here",
                f'Write "{prefix}/*" and look at request.getPathInfo() (§12.2).',
                "warning",
                code="WAS215",
            )


# Filters


def _unused_filters(app: App) -> Iterator[Problem]:
    mapped = defaultdict(list)
    for mapping in app.web_app.filter_mappings:
        mapped[mapping.filter_name].append(mapping)
    for name, filter_ in app.filters.items():
        if name not in mapped and not app.registers and not app.quotes(name):
            yield Problem(
                filter_.source,
                f'<filter> "{name}" has no mapping, so no request passes it',
                f"Add <filter-mapping> with <filter-name>{name}</filter-name> and "
                "<url-pattern>/*</url-pattern>.",
                "warning",
                code="WAS403",
            )
    for mapping in app.web_app.filter_mappings:
        pattern = mapping.url_pattern
        if pattern is not None and mapping.filter_name in app.filters and not _reaches(app, pattern):
            yield Problem(
                mapping.source,
                f'<filter-mapping> of "{mapping.filter_name}": no servlet and no file answers to '
                f'"{pattern}", '
                "so the filter sees only requests that end with 404",
                _nearest_pattern(app, pattern),
                "warning",
                code="WAS404",
            )


def _reaches(app: App, pattern: str) -> bool:
    if app.registers or pattern in ("/*", "/") or any(overlap(pattern, m.url_pattern) for m in app.mappings):
        return True
    if pattern.startswith("*.") or pattern.startswith("/WEB-INF/"):
        pages = app.folder.rglob(f"*{pattern[1:]}") if pattern.startswith("*.") else iter([app.folder])
        return next(iter(pages), None) is not None
    inside = app.folder / pattern.removesuffix("/*").lstrip("/")
    return inside.exists() or pattern.endswith("/j_security_check")


def _nearest_pattern(app: App, pattern: str) -> str:
    known = sorted({m.url_pattern for m in app.mappings if m.url_pattern not in ("", "/")})
    return (
        f"Write a pattern that requests have; servlets are mapped to {', '.join(known[:5])}." if known else ""
    )


def _targets(app: App, mapping: model.FilterMapping) -> set[str]:
    """The servlets that a filter mapping stands before."""
    if mapping.servlet_name == "*":
        return set(app.servlets)
    if mapping.servlet_name is not None:
        return {mapping.servlet_name}
    pattern = mapping.url_pattern or ""
    return {m.servlet_name for m in app.mappings if overlap(pattern, m.url_pattern)}


def _filter_order(app: App) -> Iterator[Problem]:
    """Mappings by pattern come first, whatever the order in the file (§6.2.4)."""
    mappings = [m for m in app.web_app.filter_mappings if m.filter_name in app.filters]
    for position, by_name in enumerate(mappings):
        if by_name.servlet_name is None:
            continue
        for later in mappings[position + 1 :]:
            if later.url_pattern is None or later.filter_name == by_name.filter_name:
                continue
            if _targets(app, later) & _targets(app, by_name) and later.dispatchers & by_name.dispatchers:
                yield Problem(
                    by_name.source,
                    f'filter "{by_name.filter_name}" runs after "{later.filter_name}", although its mapping '
                    f"stands before that of {later.source}: mappings by <url-pattern> come first",
                    "Map both by <url-pattern>, or write them in the order in which they run (§6.2.4).",
                    "note",
                    code="WAS405",
                )
                break


def _not_asynchronous(app: App) -> Iterator[Problem]:
    told: set[str] = set()
    for name, servlet in app.servlets.items():
        if not servlet.async_supported:
            continue
        for mapping in app.web_app.filter_mappings:
            filter_ = app.filters.get(mapping.filter_name)
            if filter_ is None or filter_.async_supported or filter_.name in told:
                continue
            if "REQUEST" in mapping.dispatchers and name in _targets(app, mapping):
                told.add(filter_.name)
                yield Problem(
                    filter_.source,
                    f'<filter> "{filter_.name}" is not async-supported, but stands before the asynchronous '
                    f'servlet "{name}": startAsync() raises IllegalStateException there',
                    "Add <async-supported>true</async-supported> to the filter (§2.3.3.3).",
                    "warning",
                    code="WAS406",
                )
