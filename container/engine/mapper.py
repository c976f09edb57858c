"""Map a path to the servlet that answers it (Servlet 6.1, chapter 12).

    ServletMapping (descriptor) ──> Mapper ──> Match(servlet_name, servlet_path, path_info)

A Mapper is built once per web app and never changes, so any thread may call it. It sees strings, not
requests: context.py owns it and acts on the Match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from container.descriptor.model import ServletMapping
from container.servlet import HttpServletMapping, MappingMatch

__all__ = ["Mapper", "Match", "matches"]


@dataclass(frozen=True, slots=True)
class Match(HttpServletMapping):
    """Which servlet, and how the path was divided to find it (§12.3). What getHttpServletMapping returns."""

    servlet_name: str
    pattern: str
    kind: MappingMatch
    match_value: str
    servlet_path: str
    path_info: str | None

    def getMatchValue(self) -> str:
        return self.match_value

    def getPattern(self) -> str:
        return self.pattern

    def getServletName(self) -> str:
        return self.servlet_name

    def getMappingMatch(self) -> MappingMatch | None:
        return self.kind


class Mapper:
    """Four tables, asked in the order of §12.1: exact, longest prefix, extension, default."""

    __slots__ = ("_default", "_exact", "_extension", "_has_prefixes", "_mappings", "_prefix")

    def __init__(self, mappings: Iterable[ServletMapping]) -> None:
        self._exact: dict[str, str] = {}
        self._prefix: dict[str, str] = {}  # "/a" for the pattern "/a/*", "" for "/*"
        self._extension: dict[str, str] = {}
        self._default: str | None = None
        self._mappings = tuple(mappings)
        for mapping in self._mappings:
            pattern, name = mapping.url_pattern, mapping.servlet_name
            if pattern == "/":
                self._default = name
            elif pattern.endswith("/*") and pattern.startswith("/"):
                self._prefix[pattern[:-2]] = name
            elif pattern.startswith("*."):
                self._extension[pattern[2:]] = name
            else:
                self._exact[pattern] = name
        self._has_prefixes = bool(self._prefix)

    def match(self, path: str) -> Match | None:
        """Return the one that answers path (canonical, relative to the context, "" or "/" = its root)."""
        return self.match_explicit(path) or self.match_default(path)

    def match_default(self, path: str) -> Match | None:
        if self._default is None:
            return None
        return Match(self._default, "/", MappingMatch.DEFAULT, "", path, None)

    def match_explicit(self, path: str) -> Match | None:
        """Like match, without the default servlet.

        Before that one, welcome files are looked for (RT-MAP-13).
        """
        if (name := self._exact.get(path)) is not None and path:
            return Match(name, path, MappingMatch.EXACT, path[1:], path, None)
        if path in ("", "/") and (name := self._exact.get("")) is not None:
            return Match(name, "", MappingMatch.CONTEXT_ROOT, "", "", "/")
        if self._has_prefixes:
            prefix = path
            while True:
                if (name := self._prefix.get(prefix)) is not None:
                    info = path[len(prefix) :] or None
                    value = info[1:] if info else ""
                    return Match(name, prefix + "/*", MappingMatch.PATH, value, prefix, info)
                if not prefix:
                    break
                prefix = prefix[: prefix.rfind("/")]
        if self._extension:
            dot = path.rfind(".")
            if dot > path.rfind("/") and (name := self._extension.get(path[dot + 1 :])) is not None:
                return Match(name, "*" + path[dot:], MappingMatch.EXTENSION, path[1:dot], path, None)
        return None

    def ranking(self, path: str) -> Iterator[tuple[Match, ServletMapping]]:
        """All mappings that would answer path, the one that does first.

        Each is the best without those before it. To explain a match, not to make one.
        """
        left = {mapping.url_pattern: mapping for mapping in self._mappings}
        while (match := Mapper(left.values()).match(path)) is not None:
            yield match, left.pop(match.pattern)


def matches(pattern: str, path: str) -> bool:
    """Whether a filter's or property group's url-pattern covers path.

    Every one that does counts (RT-FLT-05).
    """
    if pattern == path:
        return True
    if pattern.endswith("/*") and pattern.startswith("/"):
        prefix = pattern[:-2]
        return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")
    if pattern.startswith("*."):
        dot = path.rfind(".")
        return dot > path.rfind("/") and path[dot + 1 :] == pattern[2:]
    return pattern == "" and path == "/"
