"""Which servlet and which filters a path leads to, what else matches, and why that does not count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from container.engine.mapper import Match
from container.errors import Source
from container.learn.explain.model import Candidate, FilterStep, Welcome
from container.learn.explain.place import Place, class_name
from container.servlet import DispatcherType, MappingMatch

__all__ = ["candidates", "filters", "unmatched", "welcome"]

_RULES = {  # MappingMatch: what it is called among others, and why it matches
    MappingMatch.EXACT: ("an exact match", "the path is exactly the pattern (rule 1 of §12.1)"),
    MappingMatch.CONTEXT_ROOT: ("the context root", 'the pattern "" is the root of the web app (§12.2)'),
    MappingMatch.PATH: ("a prefix", "{} covers {} and everything below it (rule 2 of §12.1)"),
    MappingMatch.EXTENSION: ("an extension", "the last segment ends in {} (rule 3 of §12.1)"),
    MappingMatch.DEFAULT: (
        "the default servlet",
        '"/" takes what no other pattern matches (rule 4 of §12.1)',
    ),
}


def _candidate(place: Place, match: Match, source: Source | None, why: str) -> Candidate:
    kind, shown = match.kind.name.lower(), place.of_mapping(source)
    by: Literal["file", "code", "container"] = "file"
    if shown is None:
        declaration = place.context.deployment.servlets[match.servlet_name]
        by = "code" if match.pattern in declaration.mappings else "container"
    return Candidate(match.servlet_name, match.pattern, kind, why, by, shown)


def _why_it_matches(match: Match) -> str:
    prefix = match.pattern[:-2] or "/"
    extension = match.pattern[1:]
    of_kind = {MappingMatch.PATH: (match.pattern, prefix), MappingMatch.EXTENSION: (extension,)}
    return _RULES[match.kind][1].format(*of_kind.get(match.kind, ()))


def candidates(place: Place, match: Match) -> tuple[Candidate, tuple[Candidate, ...]]:
    """The mapping that has won, and those that match as well."""
    path = match.servlet_path + (match.path_info or "")
    ranking = list(place.context.mapper.ranking(path))
    winner = next((each for each in ranking if each[0] == match), None)
    won = _candidate(place, match, None if winner is None else winner[1].source, _why_it_matches(match))
    lost = [(m, mapping) for m, mapping in ranking if m != match]
    return won, tuple(_candidate(place, m, mapping.source, _why_it_loses(m, match)) for m, mapping in lost)


def _why_it_loses(match: Match, winner: Match) -> str:
    if match.kind is winner.kind is MappingMatch.PATH:
        return f"matches, too, but {winner.pattern} is the longer prefix"
    return f"matches, too, but {_RULES[winner.kind][0]} goes before {_RULES[match.kind][0]}"


def unmatched(place: Place, matching: set[str]) -> Iterator[Candidate]:
    """The web app's own mappings that do not match, and why not."""
    for mapping in place.context.deployment.servlet_mappings():
        pattern = mapping.url_pattern
        if pattern in matching:
            continue
        if pattern.startswith("*."):
            rule, why = MappingMatch.EXTENSION, f"the last segment does not end in {pattern[1:]}"
        elif pattern.endswith("/*"):
            rule, why = MappingMatch.PATH, f"the path is neither {pattern[:-2]} nor below it"
        elif not pattern:
            rule, why = MappingMatch.CONTEXT_ROOT, "the path is not the root of the web app"
        else:
            rule, why = MappingMatch.EXACT, "the path is another one"
        source = place.of_mapping(mapping.source)
        by: Literal["file", "code"] = "code" if source is None else "file"
        yield Candidate(mapping.servlet_name, pattern, rule.name.lower(), why, by, source)


def welcome(place: Place, path: str) -> Iterator[Welcome]:
    """What is looked for in a directory, up to what is found; nothing for other paths."""
    if not path.endswith("/") or place.context.mapper.match_explicit(path) is not None:
        return
    for attempt in place.context.welcome_attempts(path):
        source = place.of_mapping(attempt.welcome.source)
        yield Welcome(attempt.path, "file" if attempt.as_file else "servlet", attempt.found, source)
        if attempt.found:
            return


def filters(place: Place, kind: DispatcherType, path: str, servlet_name: str) -> Iterator[FilterStep]:
    """First those that apply, in the order of the chain, then the others."""
    choice = place.context.filter_choice
    chosen = list(choice.chosen(kind, path, servlet_name))
    for entry in (*chosen, *(e for e in choice.mappings if all(e is not c for c in chosen))):
        declaration = entry.holder.declaration
        target = (
            f"url-pattern {entry.pattern}"
            if entry.pattern is not None
            else f"servlet-name {entry.servlet_name}"
        )
        applies = any(entry is c for c in chosen)
        if applies:
            why = f"{target}, dispatcher {kind.name}"
        elif kind.name not in entry.dispatchers:
            why = f"{target}, but only for dispatcher {', '.join(sorted(entry.dispatchers))}, not {kind.name}"
        elif entry.applies(path, servlet_name):
            why = f"{target} applies, too, but a filter is called once, at its first place"
        elif entry.pattern is not None:
            why = f"{target} does not cover {path}"
        else:
            why = f"{target} is another servlet than {servlet_name}"
        yield FilterStep(
            entry.holder.name,
            class_name(place.context, declaration),
            applies,
            why,
            place.shown(entry.source),
            place.shown(declaration.source),
        )
