"""Who the caller is (Principal), and the constraints that code puts on a servlet (§13.4)."""

from __future__ import annotations

from collections.abc import Iterable

from container.servlet.annotations import ServletSecurity
from container.servlet.enums import EmptyRoleSemantic, TransportGuarantee
from container.servlet.exceptions import IllegalArgumentException

__all__ = ["HttpConstraintElement", "HttpMethodConstraintElement", "Principal", "ServletSecurityElement"]


class Principal:
    """Somebody who is authenticated."""

    __slots__ = ()

    def getName(self) -> str:
        raise NotImplementedError


class HttpConstraintElement:
    """Which roles may call, over which connections.

    The Java forms: ``()``, ``(semantic)``, ``(guarantee, *roleNames)`` and ``(semantic, guarantee,
    *roleNames)``.
    """

    __slots__ = ("_guarantee", "_roles", "_semantic")

    def __init__(self, *args: EmptyRoleSemantic | TransportGuarantee | str) -> None:
        rest = list(args)
        self._semantic = EmptyRoleSemantic.PERMIT
        self._guarantee = TransportGuarantee.NONE
        if rest and isinstance(rest[0], EmptyRoleSemantic):
            self._semantic = rest[0]
            del rest[0]
        if rest and isinstance(rest[0], TransportGuarantee):
            self._guarantee = rest[0]
            del rest[0]
        roles = [role for role in rest if isinstance(role, str)]
        if len(roles) < len(rest) or (roles and not any(isinstance(arg, TransportGuarantee) for arg in args)):
            raise IllegalArgumentException(
                "HttpConstraintElement takes ([semantic], [guarantee, *roleNames]): "
                f"an EmptyRoleSemantic, a TransportGuarantee and names, not {args!r}"
            )
        if roles and self._semantic is EmptyRoleSemantic.DENY:
            raise IllegalArgumentException(
                f"DENY lets nobody in: it takes no roles ({', '.join(roles)}). Use PERMIT to let these in"
            )
        self._roles = tuple(roles)

    def getEmptyRoleSemantic(self) -> EmptyRoleSemantic:
        """Return what holds without roles."""
        return self._semantic

    def getTransportGuarantee(self) -> TransportGuarantee:
        return self._guarantee

    def getRolesAllowed(self) -> list[str]:
        """Return the roles; "**" is anybody authenticated, "*" has no special meaning."""
        return list(self._roles)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._semantic.name} {self._guarantee.name} {list(self._roles)}>"

    def _arguments(self) -> tuple[EmptyRoleSemantic | TransportGuarantee | str, ...]:
        return (self._semantic, self._guarantee, *self._roles)


class HttpMethodConstraintElement(HttpConstraintElement):
    """A constraint for one HTTP method."""

    __slots__ = ("_method_name",)

    def __init__(self, methodName: str, constraint: HttpConstraintElement | None = None) -> None:
        if not methodName:
            raise IllegalArgumentException("HttpMethodConstraintElement needs the name of an HTTP method")
        super().__init__(*(constraint._arguments() if constraint is not None else ()))
        self._method_name = methodName

    def getMethodName(self) -> str:
        return self._method_name


class ServletSecurityElement(HttpConstraintElement):
    """A constraint for all HTTP methods but those that have their own.

    The Java forms: ``()``, ``(constraint)``, ``(methodConstraints)``, ``(constraint, methodConstraints)``,
    and ``(annotation)`` with a ServletSecurity.
    """

    __slots__ = ("_method_constraints",)

    def __init__(
        self,
        constraint: HttpConstraintElement
        | ServletSecurity
        | Iterable[HttpMethodConstraintElement]
        | None = None,
        methodConstraints: Iterable[HttpMethodConstraintElement] | None = None,
    ) -> None:
        general, by_method = constraint, methodConstraints
        if isinstance(general, ServletSecurity):
            general, by_method = _elements(general)
        elif general is not None and not isinstance(general, HttpConstraintElement):
            general, by_method = None, general
        super().__init__(*(general._arguments() if general is not None else ()))
        self._method_constraints = tuple(by_method or ())
        names = self.getMethodNames()
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise IllegalArgumentException(f"more than one constraint for {', '.join(twice)}. Join them")

    def getHttpMethodConstraints(self) -> list[HttpMethodConstraintElement]:
        return list(self._method_constraints)

    def getMethodNames(self) -> list[str]:
        return [constraint.getMethodName() for constraint in self._method_constraints]


def _elements(annotation: ServletSecurity) -> tuple[HttpConstraintElement, list[HttpMethodConstraintElement]]:
    rule = annotation.value
    return HttpConstraintElement(rule.value, rule.transportGuarantee, *rule.rolesAllowed), [
        HttpMethodConstraintElement(
            method.value,
            HttpConstraintElement(method.emptyRoleSemantic, method.transportGuarantee, *method.rolesAllowed),
        )
        for method in annotation.httpMethodConstraints
    ]
