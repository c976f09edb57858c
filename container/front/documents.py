"""Files of a document root that the front owns by itself.

    FileAction ──> Documents.serve ──> None: answered
                                   └─> (status, headers): a problem, for which there may be an error page

What an answer contains is decided in files.py, by its rules for document roots; small files are kept in
memory as for the embedded front, and looked at again once a second. All of it runs on the loop and waits
for nothing but the disk.
"""

from __future__ import annotations

import math
import os

from container.files import (
    DOCUMENT_ROOT,
    MIME_TYPES,
    Conditions,
    Span,
    choose_encoding,
    decide,
    is_hidden,
    is_protected,
    mime_type,
    open_again,
    open_file,
)
from container.front.compression import compressed
from container.front.edits import edit_headers
from container.front.record import Record
from container.front.site import FileAction, FrontRequest
from container.front.static import FRESH_S, File, Resource, cut, load
from container.front.targets import encode_path
from container.protocols.exchange import Exchange, Headers

__all__ = ["ALLOW", "Documents", "Problem"]

Problem = tuple[int, Headers]

ALLOW = ("Allow", "GET, HEAD, OPTIONS")
_READING = frozenset(("GET", "HEAD"))
_LOOKED_UP = _READING | {
    "POST",
    "OPTIONS",
}  # for these a missing file is 404, whatever it would be if it were there
_MEMORY_BYTES = 32 * 1024 * 1024
_MEMORY_COUNT = 4096
_MEMORY_ROOTS = 256

_Key = tuple[str, str, str | None, tuple[tuple[str, str], ...]]


class Documents:
    """Any number of roots. Belongs to one thread."""

    def __init__(self) -> None:
        self._roots: dict[str, tuple[str, float]] = {}  # where links lead, and when that was looked up
        self._known: dict[_Key, Resource] = {}
        self._size = 0  # bytes of the bodies in _known

    def __repr__(self) -> str:
        return f"<Documents {len(self._known)} files, {self._size} bytes in memory>"

    def serve(self, request: FrontRequest, action: FileAction, record: Record) -> Problem | None:
        """Answer the exchange, or say why not."""
        exchange = request.exchange
        method = exchange.method
        is_page = action.status != 200  # an error page answers whatever was asked
        if not is_page and method not in _LOOKED_UP:
            return 405, (ALLOW,)
        path = action.path if action.path.startswith("/") else f"/{action.path}"
        if is_hidden(path) or is_protected(path):
            return 404, ()
        try:
            resource = self._find(action, path, exchange.started_s)
            if isinstance(resource, int):
                return self._no_file(request, resource)
        except PermissionError:
            return 403, ()
        except OSError:
            return 500, ()
        if is_page or method in _READING:
            return _answer(request, action, resource, record)
        if method == "POST":
            return 405, (ALLOW,)
        exchange.start(204, edit_headers(204, [ALLOW], action.edits, record))
        exchange.finish()
        return None

    def _no_file(self, request: FrontRequest, status: int) -> Problem:
        if status != 301:
            return status, ()
        query = "" if request.query is None else f"?{request.query}"
        return 301, (("Location", f"{encode_path(request.path)}/{query}"),)

    def _find(self, action: FileAction, path: str, now_s: float) -> Resource | int:
        """Return what is there; the status if it is no file. Raises OSError."""
        types = MIME_TYPES if action.types is None else action.types
        content_type = action.content_type or mime_type(path, types) or action.default_type
        root = self._real(action.root, now_s)
        key = root, path, content_type, action.precompressed
        resource = self._known.get(key)
        if resource is not None:
            if now_s - resource.checked_s <= FRESH_S:
                return resource
            if resource.is_current():
                resource.checked_s = now_s
                return resource
            self._forget(key)
        # The path is canonical: only its end can be an empty segment, which no file has.
        opened = (
            None
            if len(path) > 1 and path.endswith("/") and os.path.isfile(root + path[:-1])
            else (open_file(root, path))
        )
        if opened is None:
            return 404
        if opened.file is None:
            return 403 if path.endswith("/") else 301
        opened.file.close()
        resource = load(root, path, content_type, action.precompressed, DOCUMENT_ROOT)
        if resource is None:
            return 404
        resource.checked_s = now_s
        self._remember(key, resource)
        return resource

    def _real(self, root: str, now_s: float) -> str:
        """The folder itself. A root may be a link to the release of the day, which changes."""
        real, looked_s = self._roots.get(root, ("", -math.inf))
        if now_s - looked_s > FRESH_S:
            if len(self._roots) >= _MEMORY_ROOTS:
                self._roots.clear()
            real = os.path.realpath(root)
            self._roots[root] = real, now_s
        return real

    def _remember(self, key: _Key, resource: Resource) -> None:
        self._known[key] = resource
        self._size += resource.size
        while len(self._known) > _MEMORY_COUNT or self._size > _MEMORY_BYTES:
            self._forget(next(iter(self._known)))

    def _forget(self, key: _Key) -> None:
        self._size -= self._known.pop(key).size


def _answer(request: FrontRequest, action: FileAction, resource: Resource, record: Record) -> Problem | None:
    exchange = request.exchange
    headers = request.headers
    file = resource.identity
    if resource.variants:
        coding = choose_encoding(headers.get("accept-encoding"), resource.variants)
        file = resource.variants.get(coding or "", file)
    if action.status != 200:
        answer = decide("GET", file.info, Conditions(), DOCUMENT_ROOT)
        status = action.status
    else:
        answer = decide(exchange.method, file.info, _conditions(request, action, file), DOCUMENT_ROOT)
        status = answer.status
        if status >= 400:
            return status, answer.headers
    exchange = compressed(exchange, headers, action.edits.compression)
    exchange.start(status, edit_headers(status, list(answer.headers), action.edits, record))
    if exchange.method == "HEAD" or not answer.pieces:
        exchange.finish()
    elif file.body is not None:
        exchange.finish(b"".join(cut(file.body, answer.pieces)))
    else:
        _send_pieces(exchange, file, answer.pieces)
    return None


def _conditions(request: FrontRequest, action: FileAction, file: File) -> Conditions:
    headers = request.headers
    how = action.edits.compression
    is_compressed = (
        how is not None
        and "range" in headers
        and how.may_compress(200, file.info.content_type, file.info.size)
        and how.is_taken(request.exchange, headers, dict(file.headers))
    )
    return Conditions(
        headers.get("if-match"),
        headers.get("if-none-match"),
        headers.get("if-modified-since"),
        headers.get("if-unmodified-since"),
        None if is_compressed else headers.get("range"),
        headers.get("if-range"),
    )


def _send_pieces(exchange: Exchange, file: File, pieces: tuple[bytes | Span, ...]) -> None:
    for piece in pieces:
        if isinstance(piece, bytes):
            exchange.write(piece)
            continue
        opened = open_again(file.name, file.signature)
        if opened is None:  # it has just been replaced
            exchange.abort()
            return
        exchange.send_file(opened, piece.offset, piece.count)
    exchange.finish()
