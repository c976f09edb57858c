"""The enumerations of the Servlet API.

Members compare by identity; ``valueOf`` and ``values`` are as in Java.
"""

from __future__ import annotations

import enum
from typing import Self

from container.servlet.exceptions import IllegalArgumentException

__all__ = [
    "DispatcherType",
    "EmptyRoleSemantic",
    "MappingMatch",
    "SessionTrackingMode",
    "TransportGuarantee",
]


class _JavaEnum(enum.Enum):
    @classmethod
    def valueOf(cls, name: str) -> Self:
        try:
            return cls[name]
        except KeyError:
            known = ", ".join(cls.__members__)
            raise IllegalArgumentException(f"{name!r} is no {cls.__name__}. It is one of: {known}") from None

    @classmethod
    def values(cls) -> list[Self]:
        """Return the members in the order of their declaration."""
        return list(cls)


class DispatcherType(_JavaEnum):
    """How a request came to a servlet or filter (§6.2.5, §9)."""

    FORWARD = "FORWARD"
    INCLUDE = "INCLUDE"
    REQUEST = "REQUEST"
    ASYNC = "ASYNC"
    ERROR = "ERROR"


class SessionTrackingMode(_JavaEnum):
    """How the client sends its session's id (§7.1)."""

    COOKIE = "COOKIE"
    URL = "URL"
    SSL = "SSL"


class MappingMatch(_JavaEnum):
    """The rule by which a path found its servlet (§12.2)."""

    CONTEXT_ROOT = "CONTEXT_ROOT"
    DEFAULT = "DEFAULT"
    EXACT = "EXACT"
    EXTENSION = "EXTENSION"
    PATH = "PATH"


class EmptyRoleSemantic(_JavaEnum):
    """What a constraint without roles means. Also ``ServletSecurity.EmptyRoleSemantic``."""

    PERMIT = "PERMIT"
    DENY = "DENY"


class TransportGuarantee(_JavaEnum):
    """Whether a constraint asks for an encrypted connection. Also ``ServletSecurity.TransportGuarantee``."""

    NONE = "NONE"
    CONFIDENTIAL = "CONFIDENTIAL"
