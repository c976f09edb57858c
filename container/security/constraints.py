"""Decide what a request needs: nothing, TLS, a login, a role; or that nobody may make it (Servlet 6.1 §13.8).

    SecurityConstraint (descriptor) ─┐
    ServletSecurityElement (code) ───┴─> Constraints ── decide(path, method) ──> Decision

Everything is combined when the web app starts: for each url-pattern one Decision for each method that
somebody names, and one for all the others. A request then costs one pattern match and one look-up. A
Constraints never changes, so any thread may ask it; it knows paths and methods, but neither requests nor
users (enforce.py brings them together).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from container.descriptor.model import (
    AuthConstraint,
    SecurityConstraint,
    UserDataConstraint,
    WebResourceCollection,
)
from container.errors import Problem, Source
from container.servlet import (
    EmptyRoleSemantic,
    HttpConstraintElement,
    ServletSecurityElement,
    TransportGuarantee,
)

__all__ = ["Access", "Considered", "Constraints", "Decision", "Uncovered", "constraints_of"]

_ANY_ROLE = "*"  # every declared role
_ANY_USER = "**"  # whoever has logged in
_LITERAL_STAR = "\0*"  # "*" in an annotation means a role of that name, which nobody can have (RT-SSA-06)


class Access(enum.Enum):
    """Who may go on, from everybody to nobody."""

    PERMITTED = enum.auto()
    AUTHENTICATED = enum.auto()
    ROLES = enum.auto()
    PRECLUDED = enum.auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """What a request needs. confidential: a secure connection, before anything else is asked."""

    access: Access
    roles: frozenset[str] = frozenset()
    """For Access.ROLES: one of them is needed. May be empty: then a login is asked for, in vain."""
    confidential: bool = False

    @property
    def needs_login(self) -> bool:
        return self.access is Access.AUTHENTICATED or self.access is Access.ROLES

    def allows(self, roles: frozenset[str]) -> bool:
        """Whether somebody who has logged in and has these roles may go on."""
        if self.access is Access.ROLES:
            return not self.roles.isdisjoint(roles)
        return self.access is not Access.PRECLUDED


PERMITTED = Decision(Access.PERMITTED)
PRECLUDED = Decision(Access.PRECLUDED)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Methods that no constraint of a pattern mentions, though others are constrained there (DD-SEC-20).

    inverse: all methods but these. source: of the first collection that names the pattern.
    """

    pattern: str
    methods: tuple[str, ...]
    inverse: bool
    source: Source

    def problem(self) -> Problem:
        return Problem(
            self.source,
            f"HTTP methods that no constraint covers: {self}",
            "Constrain all methods, or add <deny-uncovered-http-methods/> (§13.8.4).",
            "warning",
            code="WAS504",
        )

    def __str__(self) -> str:
        named = ", ".join(self.methods)
        return f"{self.pattern}: {f'every method but {named}' if self.inverse else named}"


_Found = list[tuple[SecurityConstraint, WebResourceCollection]]


@dataclass(frozen=True, slots=True)
class Considered:
    """A constraint whose pattern covers a path. best: no more specific pattern does; only then it counts."""

    pattern: str
    constraint: SecurityConstraint
    collection: WebResourceCollection
    best: bool
    names_method: bool


@dataclass(frozen=True, slots=True)
class _Rules:
    """One pattern's decisions: None where no constraint applies."""

    named: dict[str, Decision | None]
    others: Decision | None
    pattern: str
    found: _Found


class Constraints:
    """All security constraints of a web app, combined.

    deny_uncovered is <deny-uncovered-http-methods/>. The best pattern is chosen without a look at the method
    (RT-SEC-03): a constraint on "/a/*" for GET leaves POST to "/a/b" open, whatever "/*" says.
    """

    __slots__ = ("_default", "_exact", "_extension", "_prefix", "_rules", "_uncovered")

    def __init__(
        self,
        constraints: Iterable[SecurityConstraint],
        declared_roles: Iterable[str] = (),
        deny_uncovered: bool = False,
    ) -> None:
        roles = frozenset(declared_roles)
        self._uncovered = PRECLUDED if deny_uncovered else PERMITTED
        self._enter(
            {pattern: _combine(pattern, found, roles) for pattern, found in _by_pattern(constraints).items()}
        )

    def _enter(self, rules_of: dict[str, _Rules]) -> None:
        self._rules = rules_of
        self._default = rules_of.get("/")
        self._exact: dict[str, _Rules] = {}
        self._prefix: dict[str, _Rules] = {}  # "/a" for the pattern "/a/*", "" for "/*"
        self._extension: dict[str, _Rules] = {}
        for pattern, rules in rules_of.items():
            if pattern.startswith("/") and pattern.endswith("/*"):
                self._prefix[pattern[:-2]] = rules
            elif pattern.startswith("*."):
                self._extension[pattern[2:]] = rules
            elif pattern != "/":
                self._exact[pattern or "/"] = rules  # "" is the context root

    def __bool__(self) -> bool:
        return bool(self._rules)

    def decide(self, path: str, method: str) -> Decision:
        """Say what a request needs.

        path is what found the servlet: canonical, decoded, relative to the context, a welcome file's own
        path.
        """
        rules = self._best(path)
        if rules is None:
            return PERMITTED
        decision = rules.named.get(method, rules.others)
        return self._uncovered if decision is None else decision

    def pattern_for(self, path: str) -> str | None:
        """The url-pattern whose constraints decide about a path; None if no constraint names one."""
        best = self._best(path)
        return None if best is None else best.pattern

    def covers(self, pattern: str) -> bool:
        """Whether a constraint names exactly this pattern: annotations cannot touch it then (RT-SSA-04)."""
        return pattern in self._rules

    def considered(self, path: str, method: str) -> Iterator[Considered]:
        """Everything that decide looks at, the best pattern first. To explain a decision, not to make one."""
        left = dict(self._rules)
        is_best = True
        while (rules := self._only(left)._best(path)) is not None:
            for constraint, collection in rules.found:
                yield Considered(rules.pattern, constraint, collection, is_best, _occurs(method, collection))
            is_best = False
            del left[rules.pattern]

    def _only(self, rules: dict[str, _Rules]) -> Constraints:
        reduced = Constraints(())
        reduced._enter(rules)
        return reduced

    def places(self) -> Iterator[tuple[str, Source]]:
        """Every url-pattern, each time that a constraint names it, and where."""
        for pattern, rules in self._rules.items():
            for _, collection in rules.found:
                yield pattern, collection.source

    @property
    def patterns(self) -> frozenset[str]:
        """Every url-pattern that a constraint names: what lies under one must not bypass the engine."""
        return frozenset(self._rules)

    def uncovered(self) -> list[Uncovered]:
        """Return what whoever wrote the constraints may have forgotten, pattern by pattern (DD-SEC-20)."""
        found = []
        for pattern, rules in self._rules.items():
            covered = tuple(
                sorted(method for method, decision in rules.named.items() if decision is not None)
            )
            if rules.others is None:
                found.append(Uncovered(pattern, covered, inverse=True, source=rules.found[0][1].source))
            elif len(covered) < len(rules.named):
                missing = tuple(sorted(rules.named.keys() - set(covered)))
                found.append(Uncovered(pattern, missing, inverse=False, source=rules.found[0][1].source))
        return found

    def _best(self, path: str) -> _Rules | None:
        """Find the most specific pattern as §12.1 does: exact, longest prefix, extension, default."""
        if (rules := self._exact.get(path or "/")) is not None:
            return rules
        if self._prefix:
            prefix = path
            while True:
                if (rules := self._prefix.get(prefix)) is not None:
                    return rules
                if not prefix:
                    break
                prefix = prefix[: prefix.rfind("/")]
        if self._extension:
            dot = path.rfind(".")
            if dot > path.rfind("/") and (rules := self._extension.get(path[dot + 1 :])) is not None:
                return rules
        return self._default


# --- combining the constraints of one pattern (§13.8.1) ---------------------------------------------------


def _by_pattern(constraints: Iterable[SecurityConstraint]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for constraint in constraints:
        for collection in constraint.collections:
            for pattern in collection.url_patterns:
                found.setdefault(pattern, []).append((constraint, collection))
    return found


def _combine(pattern: str, found: _Found, declared_roles: frozenset[str]) -> _Rules:
    named = {
        method
        for _, collection in found
        for method in (*collection.http_methods, *collection.http_method_omissions)
    }

    def decision(method: str | None) -> Decision | None:
        applying = [constraint for constraint, collection in found if _occurs(method, collection)]
        return _decision(applying, declared_roles) if applying else None

    return _Rules({method: decision(method) for method in named}, decision(None), pattern, found)


def _occurs(method: str | None, collection: WebResourceCollection) -> bool:
    """Whether a method, or None for one that is named nowhere, is in the collection (RT-SEC-05)."""
    if collection.http_methods:
        return method in collection.http_methods
    return method not in collection.http_method_omissions


def _decision(applying: list[SecurityConstraint], declared_roles: frozenset[str]) -> Decision:
    auths = [constraint.auth_constraint for constraint in applying]
    if any(auth is not None and not auth.role_names for auth in auths):
        return PRECLUDED  # RT-SEC-10: beats everything, a secure connection too
    confidential = all(_confidential(constraint.user_data_constraint) for constraint in applying)
    if None in auths:
        return Decision(Access.PERMITTED, confidential=confidential)  # RT-SEC-11
    names = {name for auth in auths if auth is not None for name in auth.role_names}
    if _ANY_USER in names:
        return Decision(Access.AUTHENTICATED, confidential=confidential)  # RT-SEC-12
    roles = frozenset(names - {_ANY_ROLE}) | (declared_roles if _ANY_ROLE in names else frozenset())
    return Decision(Access.ROLES, roles, confidential)  # RT-SEC-13


def _confidential(constraint: UserDataConstraint | None) -> bool:
    """INTEGRAL is taken for CONFIDENTIAL: what is encrypted cannot be changed unseen either (DD-SEC-12)."""
    return constraint is not None and constraint.transport_guarantee != "NONE"


# --- constraints from code (§13.4.1) ----------------------------------------------------------------------


def constraints_of(
    element: ServletSecurityElement, patterns: Iterable[str], source: Source
) -> tuple[SecurityConstraint, ...]:
    """Write a ServletSecurityElement, from an annotation or setServletSecurity, as constraints (RT-SSA).

    The caller leaves out the patterns that the descriptor constrains (Constraints.covers). source is where
    the element was written.
    """
    return tuple(_constraints_of(element, tuple(patterns), source))


def _constraints_of(
    element: ServletSecurityElement, patterns: tuple[str, ...], source: Source
) -> Iterator[SecurityConstraint]:
    methods = tuple(element.getMethodNames())
    if not patterns:
        return
    if not _says_nothing(element):  # otherwise methods that are not named stay uncovered (RT-SSA-02)
        others = WebResourceCollection("others", source, patterns, http_method_omissions=methods)
        yield _constraint(element, others, source)
    for constraint in element.getHttpMethodConstraints():
        method = constraint.getMethodName()
        yield _constraint(
            constraint, WebResourceCollection(method, source, patterns, http_methods=(method,)), source
        )


def _says_nothing(element: HttpConstraintElement) -> bool:
    return (
        not element.getRolesAllowed()
        and element.getEmptyRoleSemantic() is EmptyRoleSemantic.PERMIT
        and element.getTransportGuarantee() is TransportGuarantee.NONE
    )


def _constraint(
    element: HttpConstraintElement, collection: WebResourceCollection, source: Source
) -> SecurityConstraint:
    roles = tuple(_LITERAL_STAR if role == _ANY_ROLE else role for role in element.getRolesAllowed())
    open_to_all = not roles and element.getEmptyRoleSemantic() is EmptyRoleSemantic.PERMIT
    confidential = element.getTransportGuarantee() is TransportGuarantee.CONFIDENTIAL
    return SecurityConstraint(
        source,
        (collection,),
        None if open_to_all else AuthConstraint(source, roles),
        UserDataConstraint("CONFIDENTIAL", source) if confidential else None,
    )
