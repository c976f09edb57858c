"""The first stations: what is done to the URL, and whether the front sends a file by itself."""

from __future__ import annotations

from collections.abc import Iterator

from container.engine.context import Context, Watcher
from container.engine.dispatch import Location
from container.engine.uri import CanonicalPath
from container.learn.explain.model import Front, Line
from container.learn.explain.place import Place

__all__ = ["front", "url_changes"]


def url_changes(typed: str, sent: bytes, raw_path: bytes, canonical: CanonicalPath) -> Iterator[str]:
    """Say what is done to a target before anything is decided on it."""
    if typed.encode() != sent:
        yield "spaces and letters beyond ASCII are sent as %XX, as a browser does"
    if not sent.startswith(raw_path):
        yield "scheme and host do not count for the path"
    if b"?" in sent:
        yield "the query is not part of the path"
    if canonical.path.encode() == raw_path:
        return
    for name, value in canonical.parameters:
        yield f"the path parameter ;{name}{'=' if value else ''}{value} is taken out"
    if b";" in raw_path and not canonical.parameters:
        yield "empty path parameters are taken out"
    if b"%" in raw_path:
        yield "%XX is decoded as UTF-8"
    segments = raw_path[1:].split(b"/")
    if b"." in segments or b".." in segments:
        yield 'the segments "." and ".." are resolved'
    if b"" in segments[:-1]:
        yield "empty segments are left out"


def front(place: Place, method: str, location: Location, raw_path: bytes) -> Front:
    """Why the front hands a request over although it could be one for a file."""
    context = place.context
    path = location.path
    if method not in ("GET", "HEAD"):
        return Front(False, f"the front sends files for GET and HEAD only, not for {method}")
    seeing = [w for w in context.watchers() if not _admits(context, [w], path)]
    if seeing and _admits(context, [], path):
        reasons = tuple(Line(_watches(w), place.of_mapping(w.source)) for w in seeing)
        return Front(False, "the web app could see this request", reasons)
    if not _admits(context, [], path):
        return Front(False, "the front sends no pages, no hidden files and nothing of WEB-INF and META-INF")
    if not context.resources.is_file(path):
        what = "the path is a directory" if context.resources.is_directory(path) else "there is no such file"
        return Front(False, f"{what}, and the front sends files only")
    if (context.path + path).encode() != raw_path:
        return Front(False, "the front takes paths only that need no decoding")
    return Front(False, "this file is left to the container: it is not in the web app's own folder, "
                        "cannot be read, or has a type with parameters")  # fmt: skip


def _admits(context: Context, watchers: list[Watcher], path: str) -> bool:
    root = context.static_root_beside(watchers)
    return root is not None and root.admits(path)


def _watches(watcher: Watcher) -> str:
    if watcher.kind == "listener":
        return f"{watcher.name} is a ServletRequestListener: it hears of every request"
    if watcher.kind == "constraint":
        return f"a security constraint covers {watcher.pattern}"
    if watcher.kind == "filter":
        covers = (
            f"covers {watcher.pattern}" if watcher.pattern is not None else "is mapped to the default servlet"
        )
        return f"filter {watcher.name} {covers}"
    if watcher.pattern is None:
        return f"servlet {watcher.name} takes the place of the container's default servlet, or changes it"
    return f"servlet {watcher.name} is mapped to {watcher.pattern or chr(34) * 2}"
