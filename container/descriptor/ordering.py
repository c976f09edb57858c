"""Which fragments of WEB-INF/lib count, and in which order (Servlet 6.1, §8.2.2).

    Fragments ──absolute-ordering of web.xml, or else their own <ordering>s──> Ordered ──> merge.py

Where the order is free, it is that of the libraries' names, so that it never depends on the file system.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from container.descriptor import checks, model
from container.descriptor.texts import quoted
from container.errors import Problem

__all__ = ["Fragment", "Ordered", "order"]


@dataclass(frozen=True, slots=True)
class Fragment:
    """One library of WEB-INF/lib, with a META-INF/web-fragment.xml or without."""

    library: str  # the archive's file name
    descriptor: model.WebApp  # an empty one whose source has no line if there is no web-fragment.xml
    annotations: model.WebApp  # what its decorated classes declare; empty if they are not scanned

    @property
    def has_descriptor(self) -> bool:
        return self.descriptor.source.line > 0


@dataclass(frozen=True, slots=True)
class Ordered:
    """The fragments that count, in their order, and those that absolute-ordering leaves out."""

    fragments: tuple[Fragment, ...]
    excluded: tuple[Fragment, ...] = ()
    problems: tuple[Problem, ...] = ()
    ordering_used: bool = False  # whether anybody asked for an order: DD-ORD-29


def order(fragments: Sequence[Fragment], absolute: model.AbsoluteOrdering | None) -> Ordered:
    """Bring the fragments into the order web.xml asks for, or else the one they ask for themselves.

    After an error the order means nothing.
    """
    by_library = sorted(fragments, key=lambda fragment: fragment.library)
    return _in_relative_order(by_library) if absolute is None else _in_absolute_order(by_library, absolute)


# --- Absolute (DD-ORD-01 to -09) --------------------------------------------------------------------------


def _in_absolute_order(fragments: Sequence[Fragment], absolute: model.AbsoluteOrdering) -> Ordered:
    others = [f for f in fragments if f.descriptor.name is None or f.descriptor.name not in absolute.names]
    ordered: list[Fragment] = []
    problems: list[Problem] = []
    for name in dict.fromkeys(absolute.names):
        named = others if name is None else [f for f in fragments if f.descriptor.name == name]
        ordered += named
        if name is not None and not named:
            message = f"<absolute-ordering> names {quoted(name)}, but no library of WEB-INF/lib has that name"
            cure = "Remove it, or add the library (§8.2.2)."
            problems.append(Problem(absolute.source, message, cure, "warning", code="WAS132"))
    excluded = () if None in absolute.names else tuple(others)
    return Ordered(tuple(ordered), excluded, tuple(problems), ordering_used=True)


# --- Relative (DD-ORD-20 to -28) --------------------------------------------------------------------------

_Edges = dict[int, set[int]]  # position of a fragment -> of those that must come after it


def _in_relative_order(fragments: Sequence[Fragment]) -> Ordered:
    orderings = [fragment.descriptor.ordering for fragment in fragments]
    used = any(orderings)
    problems = [*_equal_names(fragments), *filter(None, map(checks.contradictory_ordering, orderings))]
    if problems:
        return Ordered(tuple(fragments), problems=tuple(problems), ordering_used=used)
    followers = _followers(fragments)
    front = _reachable((i for i, o in enumerate(orderings) if o and _others(o.before)), _reversed(followers))
    end = _reachable((i for i, o in enumerate(orderings) if o and _others(o.after)), followers)
    circle = [i for i in followers if i in _reachable(followers[i], followers) or (i in front and i in end)]
    if circle:
        return Ordered(tuple(fragments), problems=(_circle(fragments, circle),), ordering_used=used)
    groups = [0 if i in front else 2 if i in end else 1 for i in followers]
    return Ordered(tuple(fragments[i] for i in _sorted(followers, groups)), ordering_used=used)


def _equal_names(fragments: Sequence[Fragment]) -> Iterable[Problem]:
    first: dict[str, Fragment] = {}
    for fragment in fragments:
        name = fragment.descriptor.name
        if name is not None and first.setdefault(name, fragment) is not fragment:
            yield Problem(
                fragment.descriptor.source,
                f"<name> {quoted(name)} is that of two fragments, also of {first[name].descriptor.source}",
                "Rename one, or say their order with <absolute-ordering> in web.xml (§8.2.2).",
                code="WAS131",
            )


def _others(names: model.OrderingNames | None) -> bool:
    return names is not None and names.others


def _followers(fragments: Sequence[Fragment]) -> _Edges:
    """For each fragment those that must follow it; names that nobody has do not count (DD-ORD-20)."""
    places = {fragment.descriptor.name: i for i, fragment in enumerate(fragments)}
    followers: _Edges = {i: set() for i in range(len(fragments))}
    for i, fragment in enumerate(fragments):
        ordering = fragment.descriptor.ordering
        for name in ordering.before.names if ordering and ordering.before else ():
            if name in places:
                followers[i].add(places[name])
        for name in ordering.after.names if ordering and ordering.after else ():
            if name in places:
                followers[places[name]].add(i)
    return followers


def _reversed(edges: _Edges) -> _Edges:
    return {i: {j for j, following in edges.items() if i in following} for i in edges}


def _reachable(start: Iterable[int], edges: _Edges) -> set[int]:
    """A fragment that must precede one of the front group belongs to it, and likewise at the end."""
    found: set[int] = set()
    waiting = list(start)
    while waiting:
        i = waiting.pop()
        if i not in found:
            found.add(i)
            waiting += edges[i]
    return found


def _sorted(followers: _Edges, groups: Sequence[int]) -> list[int]:
    """Positions, by group and then by library, but after those they follow."""
    waits_for = {i: len(before) for i, before in _reversed(followers).items()}
    ready = [(groups[i], i) for i, count in waits_for.items() if not count]
    heapq.heapify(ready)
    positions: list[int] = []
    while ready:
        _, i = heapq.heappop(ready)
        positions.append(i)
        for j in followers[i]:
            waits_for[j] -= 1
            if not waits_for[j]:
                heapq.heappush(ready, (groups[j], j))
    return positions


def _circle(fragments: Sequence[Fragment], circle: Sequence[int]) -> Problem:
    names = ", ".join(quoted(fragments[i].descriptor.name or fragments[i].library) for i in circle)
    asking = next((o for i in circle if (o := fragments[i].descriptor.ordering)), None)
    return Problem(
        asking.source if asking else fragments[circle[0]].descriptor.source,
        f"<ordering> is circular: {names} cannot each come before the other",
        "Remove one wish, or say the order with <absolute-ordering> in web.xml (§8.2.2).",
        code="WAS131",
    )
