"""Serve files on the event loop: the front's part of what a StaticPlan admits.

    exchange ──> StaticFiles.serve ──> True: answered
                                   └─> False: the container's

Only GET and HEAD of an existing file, and only answers 200, 206 and 304, are given here; everything else
is left to the engine, whose default servlet gives the same answers with the same headers. The usual request
costs one dict lookup by its target: small files are kept in memory, together with their headers, and looked
at again once a second. Everything here runs in the thread of the event loop; there are no locks.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from container.files import (
    VARIANTS,
    WEB_APP,
    Conditions,
    FileInfo,
    OpenFile,
    Rules,
    Signature,
    Span,
    StaticPlan,
    choose_encoding,
    decide,
    describe,
    mime_type,
    open_again,
    open_file,
    read_pieces,
    signature,
)
from container.protocols.exchange import Exchange, Headers

__all__ = ["FRESH_S", "File", "Resource", "StaticFiles", "cut", "load"]

FRESH_S = 1.0  # a file is looked at again when it was last seen longer ago
MEMORY_FILE_BYTES = 256 * 1024  # a larger file is sent from the disk
MEMORY_BYTES = 32 * 1024 * 1024  # of all files in memory
MEMORY_COUNT = 4096  # paths that are remembered

# A path that needs no canonicalising, without a hidden segment; the engine says what any other one means.
_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9_~!$&'()*+,=:@.-]*)+")
_PLAIN_QUERY = re.compile(rb"[A-Za-z0-9_~!$&'()*+,;=:@./?%-]*")

# The fields that change an answer, by the name that Conditions has for them. "": the engine must see it.
_FIELDS = {
    b"if-match": "if_match",
    b"if-none-match": "if_none_match",
    b"if-modified-since": "if_modified_since",
    b"if-unmodified-since": "if_unmodified_since",
    b"range": "range",
    b"if-range": "if_range",
    b"accept-encoding": "accept_encoding",
    b"content-length": "",
    b"transfer-encoding": "",
    b"expect": "",
}
_LISTS = frozenset({"if_match", "if_none_match", "accept_encoding"})
_NOTHING = Conditions()


class File:
    """One file, ready to be sent: the resource as it is, or precompressed."""

    __slots__ = ("body", "headers", "info", "name", "signature")

    def __init__(self, opened: OpenFile, info: FileInfo, body: bytes | None, rules: Rules) -> None:
        self.name = opened.name
        self.signature = signature(opened.status)
        self.info = info
        self.headers: Headers = decide("GET", info, _NOTHING, rules).headers
        self.body = body  # None: too large to be kept


class Resource:
    """What a path stands for: a file and its precompressed variants, as they were when last looked at."""

    __slots__ = ("checked_s", "identity", "seen", "size", "variants")

    def __init__(self, files: dict[str, File], seen: dict[str, Signature | None]) -> None:
        self.identity = files.pop("")
        self.variants = files  # by content coding
        self.seen = seen  # every name that was looked for; None if it was not there
        self.size = sum(len(file.body or b"") for file in (self.identity, *files.values()))
        self.checked_s = 0.0

    def is_current(self) -> bool:
        return all(_look(name) == known for name, known in self.seen.items())


_UNKNOWN = Resource.__new__(Resource)


class StaticFiles:
    """The files of one plan. A new plan gets a new object, so nothing of the old one can be served."""

    __slots__ = ("_known", "_plan", "_size")

    def __init__(self, plan: StaticPlan) -> None:
        self._plan = plan
        self._known: dict[bytes, Resource | None] = {}  # by path; None: always the engine's
        self._size = 0  # bytes of the bodies in _known

    def __repr__(self) -> str:
        return f"<StaticFiles {len(self._known)} paths, {self._size} bytes in memory>"

    def serve(self, exchange: Exchange) -> bool:
        """Answer the exchange if it asks for a file of the plan; False leaves it untouched."""
        method = exchange.method
        if method != "GET" and method != "HEAD":
            return False
        resource = self._known.get(exchange.target, _UNKNOWN)
        if resource is _UNKNOWN or (
            resource is not None and exchange.started_s - resource.checked_s > FRESH_S
        ):
            resource = self._find(exchange.target, exchange.started_s)
        if resource is None:
            return False
        asked: dict[str, str] | None = None
        for name, value in exchange.headers:
            if (field := _FIELDS.get(name.lower())) is not None:
                if not field:
                    return False
                asked = {} if asked is None else asked
                text = value.decode("latin-1")
                if field not in asked:
                    asked[field] = text
                elif field in _LISTS:
                    asked[field] += ", " + text
        file = resource.identity
        if asked is not None:
            encoding = asked.pop("accept_encoding", None)
            if encoding is not None and resource.variants:
                file = resource.variants.get(choose_encoding(encoding, resource.variants) or "", file)
            if asked:
                return _answer(exchange, file, Conditions(**asked))
        if method == "HEAD":
            exchange.start(200, file.headers)
            exchange.finish()
        elif file.body is not None:
            exchange.start(200, file.headers)
            exchange.finish(file.body)
        else:
            return _answer(exchange, file, _NOTHING)
        return True

    def _find(self, target: bytes, now_s: float) -> Resource | None:
        """Return what the target stands for now, None for what is the engine's."""
        path, mark, query = target.partition(b"?")
        if not _PLAIN.fullmatch(path) or (mark and not _PLAIN_QUERY.fullmatch(query)):
            return None
        resource = self._known.get(path, _UNKNOWN)
        if resource is None:
            return None
        if resource is not _UNKNOWN:
            if now_s - resource.checked_s <= FRESH_S:
                return resource
            if resource.is_current():
                resource.checked_s = now_s
                return resource
            self._forget(path)
        place = self._plan.find(path.decode("ascii"))
        if place is None:
            self._remember(path, None)
            return None
        root, inside = place
        content_type = mime_type(inside, root.mime_types)
        if content_type is not None and ";" in content_type:
            return None  # the engine writes parameters in its own form
        resource = load(root.folder, inside, content_type, VARIANTS if root.precompressed else ())
        if resource is not None:
            resource.checked_s = now_s
            self._remember(path, resource)
        return resource

    def _remember(self, path: bytes, resource: Resource | None) -> None:
        """Keep what path stands for: a file in place of the oldest entries, None only where there is room."""
        if resource is None:
            if len(self._known) < MEMORY_COUNT:
                self._known[path] = None
            return
        self._known[path] = resource
        self._size += resource.size
        while len(self._known) > MEMORY_COUNT or self._size > MEMORY_BYTES:
            self._forget(next(iter(self._known)))

    def _forget(self, path: bytes) -> None:
        if resource := self._known.pop(path):
            self._size -= resource.size


def _answer(exchange: Exchange, file: File, asked: Conditions) -> bool:
    """Give the answer that depends on conditions or on the disk, if it is the front's to give."""
    answer = decide(exchange.method, file.info, asked)
    if answer.status >= 400:
        return False
    if not answer.pieces:
        exchange.start(answer.status, answer.headers)
        exchange.finish()
    elif (body := file.body) is not None:
        exchange.start(answer.status, answer.headers)
        exchange.finish(b"".join(cut(body, answer.pieces)))
    else:
        span = answer.pieces[0]
        if len(answer.pieces) > 1 or not isinstance(span, Span):
            return False  # several pieces of a large file are better read in a thread
        opened = open_again(file.name, file.signature)
        if opened is None:
            return False
        exchange.start(answer.status, answer.headers)
        exchange.send_file(opened, span.offset, span.count)
        exchange.finish()
    return True


def cut(body: bytes, pieces: Iterable[bytes | Span]) -> Iterable[bytes]:
    for piece in pieces:
        yield piece if isinstance(piece, bytes) else body[piece.offset : piece.offset + piece.count]


def load(
    folder: str,
    path: str,
    content_type: str | None,
    variants: Iterable[tuple[str, str]],
    rules: Rules = WEB_APP,
) -> Resource | None:
    """Read what is at path; None if that is no regular file, or cannot be read.

    variants: content codings to look for beside it, and how the names of such files end.
    """
    opened: dict[str, OpenFile] = {}
    seen: dict[str, Signature | None] = {}
    try:
        for coding, suffix in (("", ""), *variants):
            found = open_file(folder, path + suffix)
            regular = found is not None and found.file is not None
            if found is not None and regular:
                opened[coding] = found
            elif not coding:
                return None
            seen[folder + path + suffix] = signature(found.status) if found and regular else None
        files = {}
        for coding, found in opened.items():
            info = describe(
                found.status, content_type, rules, encoding=coding or None, varies=len(opened) > 1
            )
            body = None
            if info.size <= MEMORY_FILE_BYTES and found.file is not None:
                body = b"".join(read_pieces(found.file, (Span(0, info.size),)))
                if len(body) != info.size:
                    return None  # it is being written: the engine may try
            files[coding] = File(found, info, body, rules)
        return Resource(files, seen)
    except OSError:
        return None  # the engine will find the same, and say so
    finally:
        for found in opened.values():
            if found.file is not None:
                found.file.close()


def _look(name: str) -> Signature | None:
    try:
        status = os.stat(name)
    except OSError:
        return None
    return signature(status) if stat.S_ISREG(status.st_mode) else None
