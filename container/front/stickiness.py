"""Find the session ids of a request, and the route that each names.

    /cart;jsessionid=A1.n2?x=1   Cookie: JSESSIONID=B7.n1   ──> ("A1.n2",)   ──> "n2"

An id is "random part.route". The container wrote both, and only the route is the front's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["route_of", "session_ids"]

_PAIRS = re.compile(r"[;,]")  # a comma stands where several fields were joined


def session_ids(
    target: str,
    cookies: Iterable[str] = (),
    cookie: str = "JSESSIONID",
    parameter: str = "jsessionid",
) -> tuple[str, ...]:
    """Return the ids in the order in which they count: the target's path parameter, else each such cookie.

    target is the raw one, cookies the values of the Cookie fields. Names are matched exactly.
    """
    path = target.partition("?")[0]
    _, found, rest = path.partition(f";{parameter}=")
    if found:
        value = re.split("[;/]", rest, maxsplit=1)[0]
        return (value,) if value else ()
    ids = []
    for field in cookies:
        for pair in _PAIRS.split(field):
            name, _, value = pair.partition("=")
            value = value.strip()
            if len(value) >= 2 and value[0] == value[-1] == '"':
                value = value[1:-1]
            if name.strip() == cookie and value:
                ids.append(value)
    return tuple(ids)


def route_of(session_id: str) -> str:
    """Return what follows the first dot, "" if there is none: a route may contain dots itself."""
    return session_id.partition(".")[2]
