"""What can go wrong, and where: the tree of errors and the place in a file they point at.

    ContainerError
    ├── ConfigError        a setting, flag or file the person who starts us wrote
    ├── DeploymentError    a web app that cannot start: one or more Problems
    └── ProtocolError      the peer broke a protocol's rule; carries the status to answer

Every message says where, what, and the cure: ``shop/WEB-INF/web.xml:42:5: <url-pattern> "cart" can never
match: paths begin with "/". Write "/cart" (§12.2). [WAS201]``
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "ConfigError",
    "ContainerError",
    "DeploymentError",
    "Problem",
    "ProtocolError",
    "Severity",
    "Source",
]


Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a file, for an editor; lines and columns count from 1. 0: the whole file, the whole line."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a web app, in words for the person who wrote it.

    message says what is wrong and ends without a full stop; cure is a whole sentence that says what to write
    instead. An "error" keeps the web app from starting, a "warning" does not; a "note" is only for who asks,
    with `was check`. code names the kind of mistake and never changes: `was check --explain WAS201`.
    """

    source: Source | None
    message: str
    cure: str = ""
    severity: Severity = "error"
    code: str = field(kw_only=True)

    def __str__(self) -> str:
        where = f"{self.source}: " if self.source else ""
        kind = "" if self.severity == "error" else f"{self.severity}: "
        cure = f" {self.cure}" if self.cure else ""
        return f"{where}{kind}{self.message}.{cure} [{self.code}]"


class ContainerError(Exception):
    """Everything that this package raises of its own, apart from the Servlet API's exceptions."""


class ConfigError(ContainerError):
    """A setting that cannot be used. The message names where it was written, the setting and the cure."""


class DeploymentError(ContainerError):
    """A web app that cannot start, with all its problems at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ProtocolError(ContainerError):
    """The peer broke a rule of its protocol: answer status, then close.

    reason is for the log, not for the peer. setting names the limit that was exceeded, if it was one, so
    that the log can say which to raise.
    """

    def __init__(self, status: int, reason: str, setting: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.setting = setting
