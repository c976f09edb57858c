"""Compress answers while they are sent, as nginx's gzip does.

    HeaderEdits.compression ──compressed──> GzipExchange ── start, write_soon, finish ──> Exchange

Whether an answer is compressed is decided when its head leaves: by its status, type and length, and by what
the client takes. What is compressed has no length beforehand and no ranges, and a weak ETag.
"""

from __future__ import annotations

import logging
import re
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

from container.files import choose_encoding, parse_http_date
from container.protocols.exchange import ClientDisconnected, Exchange, Headers

__all__ = ["AS_IN_NGINX", "Compression", "compressed"]

_log = logging.getLogger("container.front")

_CODINGS = ("gzip",)
_STATUSES = frozenset((200, 403, 404))
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_GONE = frozenset(("content-length", "accept-ranges"))
_PIECE_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Compression:
    """Which answers are compressed, and how well."""

    types: frozenset[str] = frozenset(("text/html",))
    """Without parameters; "*": all."""
    min_bytes: int = 20
    level: int = 1
    vary: bool = False
    """Whether answers that might have been compressed say so to caches."""
    http_1_0: bool = False
    """Whether HTTP/1.0 clients get compressed answers."""
    proxied: frozenset[str] = frozenset()
    """What lets an answer be compressed for a client that is a proxy (Via), in the words of gzip_proxied."""
    except_for: tuple[re.Pattern[str], ...] = ()
    """User agents that get none."""

    def may_compress(self, status: int, content_type: str | None, length: int | None) -> bool:
        """Whether an answer is of the kind that is compressed."""
        if status not in _STATUSES or content_type is None:
            return False
        kind = content_type.partition(";")[0].strip().lower()
        return (length is None or length >= self.min_bytes) and (kind in self.types or "*" in self.types)

    def is_taken(self, exchange: Exchange, asked: Mapping[str, str], answer: Mapping[str, str]) -> bool:
        """Whether this client takes it. asked, answer: header fields by lower-case name."""
        if exchange.version == "HTTP/1.0" and not self.http_1_0:
            return False
        agent = asked.get("user-agent", "")
        return (
            choose_encoding(asked.get("accept-encoding"), _CODINGS) is not None
            and not any(pattern.search(agent) for pattern in self.except_for)
            and ("via" not in asked or self._may_be_cached_so(asked, answer))
        )

    def _may_be_cached_so(self, asked: Mapping[str, str], answer: Mapping[str, str]) -> bool:
        words = self.proxied
        if not words or "any" in words:
            return bool(words)
        if "auth" in words and "authorization" in asked:
            return True
        if "expires" in answer:
            expires = parse_http_date(answer["expires"])
            return "expired" in words and expires is not None and expires < time.time()
        if "cache-control" in answer:
            control = answer["cache-control"].lower()
            return any(word in words and word in control for word in ("no-cache", "no-store", "private"))
        return not any(
            word in words and field in answer
            for word, field in (("no_last_modified", "last-modified"), ("no_etag", "etag"))
        )


AS_IN_NGINX = Compression()
"""What holds where only gzip on is said."""


def compressed(exchange: Exchange, asked: Mapping[str, str], how: Compression | None) -> Exchange:
    """The exchange whose answer is compressed where that is said."""
    return exchange if how is None else cast(Exchange, GzipExchange(exchange, asked, how))


class GzipExchange:
    """An Exchange but for its answer, which it may compress."""

    def __init__(self, exchange: Exchange, asked: Mapping[str, str], how: Compression) -> None:
        self._exchange = exchange
        self._asked = asked
        self._how = how
        self._head: tuple[int, list[tuple[str, str]], str] | None = None  # until it leaves
        self._packer: zlib._Compress | None = None
        self._file: tuple[BinaryIO, int] | None = None  # and how much of it is still to be sent
        self._end: tuple[bytes, Headers | None] | None = None  # once it is known

    def __getattr__(self, name: str) -> object:
        return getattr(self._exchange, name)

    def start(self, status: int, headers: Headers, reason: str = "") -> None:
        self._head = status, list(headers), reason

    def _leave(self, length: int | None) -> None:
        """Decide, and let the head go."""
        if self._head is None:
            return
        (status, headers, reason), self._head = self._head, None
        fields = {name.lower(): value for name, value in headers}
        if "content-length" in fields:
            length = int(fields["content-length"])
        if "content-encoding" not in fields and self._how.may_compress(
            status, fields.get("content-type"), length
        ):
            if self._how.is_taken(self._exchange, self._asked, fields):
                headers = _for_compressed(headers)
                headers.append(("Content-Encoding", "gzip"))
                self._packer = zlib.compressobj(self._how.level, zlib.DEFLATED, _GZIP_FORMAT)
            if self._how.vary:
                headers.append(("Vary", "Accept-Encoding"))
        self._exchange.start(status, headers, reason)

    def _packed(self, data: bytes) -> bytes:
        """All of it: whoever sends a piece wants it to arrive."""
        if self._packer is None or not data:
            return data
        return self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def write(self, data: bytes) -> None:
        self._leave(None)
        self._exchange.write(self._packed(data))

    def write_soon(self, data: bytes) -> bool:
        self._leave(None)
        return self._exchange.write_soon(self._packed(data))

    def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        self._leave(None)
        if self._packer is None:
            self._exchange.send_file(file, offset, count)
            return
        file.seek(offset)
        self._file = file, count
        self._go_on()

    def finish(self, data: bytes = b"", trailers: Headers | None = None) -> None:
        self._leave(len(data))
        if self._packer is None:
            self._exchange.finish(data, trailers)
            return
        self._end = data, trailers
        if self._file is None:
            self._finish(data, trailers)

    def _finish(self, data: bytes, trailers: Headers | None) -> None:
        assert self._packer is not None
        last = (self._packer.compress(data) if data else b"") + self._packer.flush()
        with suppress(ClientDisconnected):  # as finish itself
            self._exchange.write_soon(last)
        self._exchange.finish(b"", trailers)

    def _go_on(self) -> None:
        """Send the file as fast as the client takes it; called again when it takes more."""
        assert self._packer is not None
        assert self._file is not None
        file, left = self._file
        try:
            while left:
                data = file.read(min(left, _PIECE_BYTES))
                if not data:  # it has become shorter meanwhile
                    self._exchange.abort()
                    break
                left -= len(data)
                piece = self._packer.compress(data)
                if piece and not self._exchange.write_soon(piece) and left:
                    self._file = file, left
                    self._exchange.when_writable(self._go_on)
                    return
        except (ClientDisconnected, OSError) as error:
            _log.debug("%s: %s", self._exchange.id, error)
            self._exchange.abort()
        file.close()
        self._file = None
        if self._end is not None:
            self._finish(*self._end)


def _for_compressed(headers: Headers) -> list[tuple[str, str]]:
    """The header without what is only true of the answer as it was."""
    kept = []
    for name, value in headers:
        field = name.lower()
        if field == "etag" and value.startswith('"'):
            kept.append((name, f"W/{value}"))
        elif field not in _GONE and (field != "etag" or value.startswith("W/")):
            kept.append((name, value))
    return kept
