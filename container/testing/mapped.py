"""What client.assert_mapped compares: what a test expects of a path, with what the engine has decided.

Expected ──differences──> lines; none: it is so
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from container.engine.context import Context
from container.learn.explain import Explanation
from container.servlet import DispatcherType

__all__ = ["Expected", "differences"]


@dataclass(frozen=True, slots=True)
class Expected:
    """None: whatever it is."""

    servlet: str | None = None
    filters: Sequence[str] | None = None
    path_info: str | None = None
    constraint: str | None = None
    roles: Sequence[str] | None = None
    confidential: bool | None = None


def differences(
    expected: Expected, explanation: Explanation, context: Context, dispatcher: str
) -> Iterator[str]:
    """Say what is not as it is expected, a line for each."""
    if dispatcher == DispatcherType.REQUEST.name:
        servlet, filters, path_info = _of_request(explanation)
    else:
        servlet, filters, path_info = _of_dispatch(context, explanation, DispatcherType[dispatcher])
    security = explanation.security
    access, roles = (security.access, security.roles) if security else ("permitted", ())
    rows: list[tuple[str, object, object]] = [
        ("servlet", expected.servlet, servlet),
        ("filters", None if expected.filters is None else list(expected.filters), filters),
        ("path_info", expected.path_info, path_info),
        ("constraint", expected.constraint, access),
        ("confidential", expected.confidential, security is not None and security.confidential),
    ]
    if expected.roles is not None:
        rows.append(("roles", sorted(expected.roles), _who(access, roles)))
    for name, wanted, found in rows:
        if wanted is not None and wanted != found:
            yield f"{name}: expected {wanted!r}, is {found!r}"


def _of_request(explanation: Explanation) -> tuple[str | None, list[str], str | None]:
    servlet = explanation.servlet
    names = [step.filter for step in explanation.filters]
    return (None, names, None) if servlet is None else (servlet.name, names, servlet.path_info)


def _of_dispatch(
    context: Context, explanation: Explanation, kind: DispatcherType
) -> tuple[str | None, list[str], str | None]:
    """What a forward and its like to the path would pass."""
    path = urlsplit(explanation.target).path.removeprefix(context.encoded_path)
    dispatcher = context.dispatcher(path, None)
    if dispatcher is None:
        return None, [], None
    match = dispatcher.match
    chosen = context.filter_choice.chosen(kind, dispatcher.path, match.servlet_name)
    return match.servlet_name, [mapping.holder.name for mapping in chosen], match.path_info


def _who(access: str, roles: Sequence[str]) -> list[str]:
    """Return the roles that may pass, "**" for all who have logged in."""
    named = {"roles": sorted(roles), "authenticated": ["**"], "precluded": []}
    return named.get(access, ["everybody"])
