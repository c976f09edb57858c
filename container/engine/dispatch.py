"""What one dispatch of a request looks at: which web app, which path, which servlet.

A request is dispatched once for the client and again for every forward, include, error page and async
dispatch. Each time the paths, the mapping, the standard attributes and the parameters that it shows may
differ; afterwards the old ones return. So all of that is one value, Dispatch, and a request holds the
current one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from container.servlet import DispatcherType, HttpServletMapping

if TYPE_CHECKING:
    from container.engine.chain import Target
    from container.engine.context import Context
    from container.engine.mapper import Match

__all__ = ["ASYNC", "ERROR", "FORWARD", "INCLUDE", "Dispatch", "Location", "path_attributes"]

FORWARD = "jakarta.servlet.forward."
INCLUDE = "jakarta.servlet.include."
ASYNC = "jakarta.servlet.async."
ERROR = "jakarta.servlet.error."


class Location:
    """A request path after canonicalisation and context selection. Immutable but for dispatch, a cache.

    uri and context_path are as the client wrote them (undecoded); path is canonical and relative to the
    context.
    """

    __slots__ = ("context", "context_path", "dispatch", "path", "session_parameter", "uri")

    def __init__(
        self, context: Context, uri: str, context_path: str, path: str, session_parameter: str | None
    ) -> None:
        self.context = context
        self.uri = uri
        self.context_path = context_path
        self.path = path
        self.session_parameter = session_parameter
        self.dispatch: Dispatch | None = None


class Dispatch:
    """One dispatch. Requests for a path share one: only attributes may change, None in a shared one."""

    __slots__ = (
        "attributes", "context", "context_path", "kind", "mapping", "path_info", "queries", "servlet_path",
        "target",
        "uri",
    )  # fmt: skip

    def __init__(
        self,
        kind: DispatcherType,
        context: Context,
        uri: str,
        context_path: str,
        match: Match,
        target: Target,
        *,
        attributes: dict[str, Any] | None = None,
        queries: tuple[str, ...] = (),
    ) -> None:
        self.kind = kind
        self.context = context
        self.uri = uri
        self.context_path = context_path
        self.servlet_path = match.servlet_path
        self.path_info = match.path_info
        self.mapping: HttpServletMapping = match
        self.target = target
        self.attributes = attributes  # the standard attributes, jakarta.servlet.forward.* and so on
        self.queries = queries  # query strings of the dispatchers passed so far, the innermost first

    def changed(self, **changes: Any) -> Dispatch:
        """Return a copy with other values."""
        copy = Dispatch.__new__(Dispatch)
        for name in Dispatch.__slots__:
            setattr(copy, name, changes[name] if name in changes else getattr(self, name))
        return copy


def path_attributes(prefix: str, dispatch: Dispatch, query: str | None) -> dict[str, Any]:
    """The six attributes that tell a target where a dispatch came from, or goes to.

    Absent where None (RT-ATT-04).
    """
    attributes: dict[str, Any] = {
        prefix + "request_uri": dispatch.uri,
        prefix + "context_path": dispatch.context_path,
        prefix + "servlet_path": dispatch.servlet_path,
        prefix + "mapping": dispatch.mapping,
    }
    if dispatch.path_info is not None:
        attributes[prefix + "path_info"] = dispatch.path_info
    if query is not None:
        attributes[prefix + "query_string"] = query
    return attributes
