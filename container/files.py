"""Which bytes of which file, or 304, 412, 416: static files, for the front and the default servlet.

    path ──> open_file ──> OpenFile ──> describe ──> FileInfo ─┐
    header fields ────────────────────────────> Conditions ────┴─> decide ──> Answer(status, headers, pieces)

Everything but open_file is pure. Two sets of Rules exist: WEB_APP answers as Tomcat's default servlet does,
whether the front or the engine serves the file, so that nobody can tell which; DOCUMENT_ROOT is for folders
that a front owns by itself, where RFC 9110 is read more leniently.

A StaticPlan says which files the front may serve without asking the engine: only those that no servlet,
filter, constraint or listener of the web app could have seen.
"""

from __future__ import annotations

import calendar
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import blake2b
from types import MappingProxyType
from typing import BinaryIO

if sys.platform == "darwin":
    from fcntl import F_GETPATH, fcntl

__all__ = [
    "DOCUMENT_ROOT", "MIME_TYPES", "VARIANTS", "WEB_APP", "Answer", "Conditions", "FileInfo", "OpenFile",
    "Rules", "Signature", "Span", "StaticPlan", "StaticRoot", "choose_encoding", "decide", "describe",
    "format_http_date", "is_hidden", "is_protected", "mime_table", "mime_type", "open_again", "open_file",
    "parse_http_date", "read_pieces", "safe_join", "signature", "static_root",
]  # fmt: skip


# --- rules -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """Where the readings of RFC 9110 differ. lenient: what is malformed is ignored instead of refused."""

    lenient: bool
    strong_etags: bool
    range_methods: frozenset[str]
    dates_in_304: bool
    multipart_end: bytes
    default_type: str | None


WEB_APP = Rules(
    lenient=False,
    strong_etags=False,
    range_methods=frozenset({"GET"}),
    dates_in_304=False,
    multipart_end=b"",
    default_type=None,
)
DOCUMENT_ROOT = Rules(
    lenient=True,
    strong_etags=True,
    range_methods=frozenset({"GET", "HEAD"}),
    dates_in_304=True,
    multipart_end=b"\r\n",
    default_type="application/octet-stream",
)

MAX_RANGES = (
    100  # more, or more bytes than the file has, is answered in full: nobody can multiply the traffic
)

VARIANTS = (("br", ".br"), ("gzip", ".gz"))
"""Content codings of precompressed files and how their names end, the preferred one first."""


# --- dates -------------------------------------------------------------------------------------

_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_WEEKDAY = r"(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)"
_TIME = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_ZONE = r"(?P<zone>GMT|UTC?|[ECMP][SD]T|[+-][0-9]{4})"
_DATES = tuple(
    re.compile(rf"{_WEEKDAY}{form}\b", re.IGNORECASE)
    for form in (
        rf", (?P<day>[0-9]{{1,2}}) (?P<month>[A-Z]{{3}}) (?P<year>[0-9]{{4}}) {_TIME} {_ZONE}",
        rf", (?P<day>[0-9]{{1,2}})-(?P<month>[A-Z]{{3}})-(?P<year>[0-9]{{2}}|[0-9]{{4}}) {_TIME} {_ZONE}",
        rf" (?P<month>[A-Z]{{3}}) (?P<day> ?[0-9]{{1,2}}) {_TIME} (?P<year>[0-9]{{4}})(?P<zone>)",
    )
)
_ZONE_HOURS = {"E": -5, "C": -6, "M": -7, "P": -8}


def format_http_date(time_s: float) -> str:
    """Write a time as HTTP does: "Mon, 01 Jan 2024 10:04:05 GMT"."""
    return formatdate(int(time_s), usegmt=True)


def parse_http_date(text: str) -> int | None:
    """Read one of the three forms of RFC 9110 §5.6.7, else None. Two-digit years are 1970 to 2069.

    As lenient as Tomcat: names in any case, days and hours with one digit, weekdays that do not fit, the
    zones of RFC 822, and whatever follows (some clients once sent "; length=...").
    """
    for form in _DATES:
        if match := form.match(text.strip()):
            month = _MONTHS.get(match["month"].title())
            year, day = int(match["year"]), int(match["day"])
            hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
            if len(match["year"]) == 2:
                year += 1900 if year >= 70 else 2000
            if month and year and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 60:
                local = calendar.timegm((year, month, day, hour, minute, second))
                return local - _zone_s(match["zone"].upper())
            return None
    return None


def _zone_s(zone: str) -> int:
    """How far a zone is ahead of GMT."""
    if zone[:1] in ("+", "-"):
        ahead = int(zone[1:3]) * 3600 + int(zone[3:]) * 60
        return ahead if zone[0] == "+" else -ahead
    if zone in ("", "GMT", "UTC", "UT"):
        return 0
    return (_ZONE_HOURS[zone[0]] + (zone[1] == "D")) * 3600


# --- media types -------------------------------------------------------------------------------

MIME_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "aac": "audio/aac",
        "apng": "image/apng",
        "atom": "application/atom+xml",
        "avif": "image/avif",
        "bmp": "image/bmp",
        "css": "text/css",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "epub": "application/epub+zip",
        "flac": "audio/flac",
        "gif": "image/gif",
        "htm": "text/html",
        "html": "text/html",
        "ico": "image/x-icon",
        "ics": "text/calendar",
        "jar": "application/java-archive",
        "jpeg": "image/jpeg",
        "jpg": "image/jpeg",
        "js": "text/javascript",
        "json": "application/json",
        "jsonld": "application/ld+json",
        "m4a": "audio/mp4",
        "map": "application/json",
        "md": "text/markdown",
        "mjs": "text/javascript",
        "mov": "video/quicktime",
        "mp3": "audio/mpeg",
        "mp4": "video/mp4",
        "odp": "application/vnd.oasis.opendocument.presentation",
        "ods": "application/vnd.oasis.opendocument.spreadsheet",
        "odt": "application/vnd.oasis.opendocument.text",
        "oga": "audio/ogg",
        "ogg": "audio/ogg",
        "ogv": "video/ogg",
        "opus": "audio/ogg",
        "otf": "font/otf",
        "pdf": "application/pdf",
        "png": "image/png",
        "ppt": "application/vnd.ms-powerpoint",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "rss": "application/rss+xml",
        "rtf": "application/rtf",
        "svg": "image/svg+xml",
        "tif": "image/tiff",
        "tiff": "image/tiff",
        "ttf": "font/ttf",
        "txt": "text/plain",
        "vtt": "text/vtt",
        "wasm": "application/wasm",
        "wav": "audio/wav",
        "weba": "audio/webm",
        "webm": "video/webm",
        "webmanifest": "application/manifest+json",
        "webp": "image/webp",
        "woff": "font/woff",
        "woff2": "font/woff2",
        "xhtml": "application/xhtml+xml",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xml": "application/xml",
        "xsd": "application/xml",
        "xsl": "application/xml",
        "zip": "application/zip",
    }
)
"""Written down here, so that an answer does not depend on the machine it is given on."""


def mime_table(mappings: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return the built-in types with a web app's <mime-mapping>s (extension, type) laid over them."""
    table = dict(MIME_TYPES)
    table.update((extension.lower(), mime) for extension, mime in mappings)
    return MappingProxyType(table)


def mime_type(name: str, table: Mapping[str, str] = MIME_TYPES) -> str | None:
    """Return the type that belongs to what follows a name's last dot, None if unknown (RT-DEF-05)."""
    _, dot, extension = name[name.rfind("/") + 1 :].rpartition(".")
    return table.get(extension.lower()) if dot else None


# --- paths -------------------------------------------------------------------------------------

_PROTECTED = frozenset({"WEB-INF", "META-INF"})


def is_protected(path: str) -> bool:
    """Whether a segment is WEB-INF or META-INF as any file system might spell it (RT-DEF-01)."""
    return "INF" in (upper := path.upper()) and any(
        segment.rstrip(" .") in _PROTECTED for segment in upper.split("/")
    )


def is_hidden(path: str) -> bool:
    """Whether a segment of path begins with a dot; /.well-known/ is public by its standard (RFC 8615)."""
    return "/." in (path[12:] if path.startswith("/.well-known/") else path)


def safe_join(root: str, path: str) -> str | None:
    """Return the file name of a canonical path below root, None if the path could mean a file elsewhere."""
    if "\0" in path or not path.startswith("/"):
        return None
    segments = path.strip("/").split("/") if path.strip("/") else []
    if any(segment in ("", ".", "..") for segment in segments):
        return None
    return os.path.join(root, *segments)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open regular file, with size and times of the very bytes that will be read; or a directory."""

    name: str
    file: BinaryIO | None  # None: a directory
    status: os.stat_result


# Not there, or nothing that can be sent. All else, such as too many open files, is the server's trouble.
_MISSING = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENXIO, errno.ENODEV, errno.EILSEQ}
)
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # O_NONBLOCK: opening a fifo must not hang


def open_file(root: str, path: str, *, protected: bool = True) -> OpenFile | None:
    """Open the file or directory at a canonical path below root; None if there is none that may be sent.

    root must be a real path (os.path.realpath). Symbolic links are followed as long as they stay inside the
    root (RT-DEF-07) and, while protected, do not lead into WEB-INF or META-INF. Raises PermissionError if it
    exists but cannot be read. The caller closes the file.
    """
    name = safe_join(root, path)
    if name is None:
        return None
    try:
        descriptor = os.open(name, _FLAGS)
    except UnicodeEncodeError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PermissionError(error.errno, error.strerror, name) from error
        if error.errno in _MISSING:
            return None
        raise
    try:
        status = os.fstat(descriptor)
        directory = stat.S_ISDIR(status.st_mode)
        if (directory or stat.S_ISREG(status.st_mode)) and _is_inside(
            root, name, descriptor, status, protected
        ):
            if directory:
                return OpenFile(name, None, status)
            file = os.fdopen(descriptor, "rb", buffering=0)
            descriptor = -1
            return OpenFile(name, file, status)
        return None
    finally:
        if descriptor >= 0:
            os.close(descriptor)


Signature = tuple[int, int, int, int]


def signature(status: os.stat_result) -> Signature:
    """Two files with the same signature are the same file with the same content, as far as one can tell."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def open_again(name: str, known: Signature) -> BinaryIO | None:
    """Open a file that open_file has checked before; None if it is not that very file any more."""
    try:
        file = os.fdopen(os.open(name, _FLAGS), "rb", buffering=0)
    except OSError:
        return None
    if signature(os.fstat(file.fileno())) == known:
        return file
    file.close()
    return None


def _is_inside(root: str, name: str, descriptor: int, status: os.stat_result, protected: bool) -> bool:
    """Whether what was opened, not what the name may mean by now, lies inside root."""
    real = os.path.realpath(name)
    if real != root and not real.startswith(root.rstrip("/") + "/"):
        return False
    if sys.platform == "darwin":  # its file systems open /SECRET for /secret, past every rule for /secret
        exact = fcntl(descriptor, F_GETPATH, bytes(1024)).rstrip(b"\0")
        if os.fsdecode(exact) != real:
            return False
    if protected and is_protected(real[len(root) :]):
        return False
    try:
        return os.path.samestat(status, os.lstat(real))
    except OSError:
        return False


# --- what a file is ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What decide needs to know of a file."""

    size: int
    mtime_s: int
    etag: str
    content_type: str | None
    encoding: str | None = None  # of a precompressed variant
    varies: bool = False  # has precompressed variants, or is one


def describe(
    status: os.stat_result,
    content_type: str | None,
    rules: Rules = WEB_APP,
    *,
    encoding: str | None = None,
    varies: bool = False,
) -> FileInfo:
    """Describe a file by the fstat of what will be sent; content_type is that of the uncompressed name."""
    if rules.strong_etags:
        etag = f'"{int(status.st_mtime):x}-{status.st_size:x}"'
    else:
        etag = f'W/"{status.st_size}-{status.st_mtime_ns // 1_000_000}"'
    content_type = content_type or rules.default_type
    return FileInfo(status.st_size, int(status.st_mtime), etag, content_type, encoding, varies)


def choose_encoding(accept_encoding: str | None, available: Iterable[str]) -> str | None:
    """Return which of the available codings, ours preferred first, the client likes best; None: identity."""
    if not accept_encoding:
        return None
    weights: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        name, _, parameters = item.partition(";")
        name = name.strip()
        weights["gzip" if name == "x-gzip" else name] = _quality(parameters)
    anything = weights.get("*", 0.0)
    best, best_weight = None, 0.0
    for coding in available:
        if (weight := weights.get(coding, anything)) > best_weight:
            best, best_weight = coding, weight
    return None if weights.get("identity", 0.0) > best_weight else best


def _quality(parameters: str) -> float:
    """Return the q of parameters, 1 without one; what is no weight accepts nothing."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if re.fullmatch(r"\s*(?:0(?:\.[0-9]*)?|1(?:\.0*)?)\s*", value) else 0.0
    return 1.0


# --- what the client asks ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Conditions:
    """The fields of a request that an answer can depend on; None if missing, lists joined by ", "."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None
    range: str | None = None
    if_range: str | None = None
    accept_encoding: str | None = None

    @classmethod
    def read(cls, get_all: Callable[[str], Iterable[str]]) -> Conditions:
        """Ask get_all for the values of each field by its name."""

        def joined(name: str) -> str | None:
            values = list(get_all(name))
            return ", ".join(values) if values else None

        def first(name: str) -> str | None:
            return next(iter(get_all(name)), None)

        return cls(
            if_match=joined("If-Match"),
            if_none_match=joined("If-None-Match"),
            if_modified_since=first("If-Modified-Since"),
            if_unmodified_since=first("If-Unmodified-Since"),
            range=first("Range"),
            if_range=joined("If-Range"),
            accept_encoding=joined("Accept-Encoding"),
        )


# --- the answer --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A run of bytes of the file."""

    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, its headers, and the body: bytes, and Spans of the file. An error has no body of its own."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    pieces: tuple[bytes | Span, ...] = ()


class _Decided(Exception):  # noqa: N818 - no error: 304 is the usual one
    """The answer is known before decide has come to its end."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        self.answer = Answer(status, headers)


_ACCEPT_RANGES = ("Accept-Ranges", "bytes")
_VARY = ("Vary", "Accept-Encoding")


def decide(method: str, info: FileInfo, asked: Conditions, rules: Rules = WEB_APP) -> Answer:
    """Answer a method that reads a file (GET, HEAD, or POST taken for GET): 200, 206, 304, 400, 412 or 416.

    For HEAD the headers are those of GET and there are no pieces.
    """
    try:
        _check_preconditions(method, info, asked, rules)
        spans = _ranges(method, info, asked, rules)
    except _Decided as decided:
        return decided.answer
    if spans is None:
        answer = Answer(200, _headers(info, info.size, info.content_type), (Span(0, info.size),))
    elif len(spans) == 1:
        place = ("Content-Range", _content_range(spans[0], info))
        answer = Answer(206, (*_headers(info, spans[0].count, info.content_type), place), spans)
    else:
        answer = _multipart(info, spans, rules)
    return Answer(answer.status, answer.headers) if method == "HEAD" else answer


def _headers(info: FileInfo, length: int, content_type: str | None) -> tuple[tuple[str, str], ...]:
    headers = [_ACCEPT_RANGES, ("ETag", info.etag), ("Last-Modified", format_http_date(info.mtime_s))]
    if info.encoding:
        headers.append(("Content-Encoding", info.encoding))
    if info.varies:
        headers.append(_VARY)
    if content_type:
        headers.append(("Content-Type", content_type))
    headers.append(("Content-Length", str(length)))
    return tuple(headers)


def _check_preconditions(method: str, info: FileInfo, asked: Conditions, rules: Rules) -> None:
    """Take the steps of RFC 9110 §13.2.2 in their order; the first that fails decides."""
    safe = method in ("GET", "HEAD")
    if asked.if_match is not None:
        if not _names(asked.if_match, info.etag, rules, strong=True):
            raise _Decided(412)
    elif asked.if_unmodified_since is not None:
        date = parse_http_date(asked.if_unmodified_since)
        if date is not None and info.mtime_s > date:
            raise _Decided(412)
    if asked.if_none_match is not None:
        if _names(asked.if_none_match, info.etag, rules, strong=False):
            raise _not_modified(info, rules) if safe else _Decided(412)
    elif asked.if_modified_since is not None and safe:
        date = parse_http_date(asked.if_modified_since)
        if date is not None and info.mtime_s <= date:
            raise _not_modified(info, rules)


def _not_modified(info: FileInfo, rules: Rules) -> _Decided:
    headers = [("ETag", info.etag)]
    if rules.dates_in_304:
        headers.append(("Last-Modified", format_http_date(info.mtime_s)))
    if info.varies:
        headers.append(_VARY)
    return _Decided(304, *headers)


_TAG = re.compile(r'(?:W/)?"[^"]*"')
_TAGS = re.compile(rf"\s*{_TAG.pattern}\s*(?:,\s*{_TAG.pattern}\s*)*")


def _names(value: str, etag: str, rules: Rules, *, strong: bool) -> bool:
    """Whether a list of entity tags, or "*", names etag (RFC 9110 §8.8.3.2)."""
    if value.strip() == "*":
        return True
    if not rules.lenient and not _TAGS.fullmatch(value):
        raise _Decided(400)
    tags = _TAG.findall(value)
    if strong:
        return not etag.startswith("W/") and etag in tags
    return etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in tags]


def _ranges(method: str, info: FileInfo, asked: Conditions, rules: Rules) -> tuple[Span, ...] | None:
    """Return the spans that the client wants, None for the whole file."""
    if asked.range is None or method not in rules.range_methods or not info.size:
        return None
    if asked.if_range is not None and not _is_unchanged(asked.if_range.strip(), info, rules):
        return None
    unit, equals, text = asked.range.partition("=")
    if not rules.lenient:
        unit, text = unit.strip(), text.strip()
    if equals and unit.lower() != "bytes":
        return None
    spans: list[Span] = []
    unsatisfiable = False
    for item in text.split(","):
        if rules.lenient and not item.strip():
            continue
        span = _span(item.strip(), info.size)
        if span is None and rules.lenient:
            return None
        if span is None or span.count <= 0:
            unsatisfiable = True
        else:
            spans.append(span)
    if unsatisfiable and not (spans and rules.lenient):
        raise _Decided(416, _ACCEPT_RANGES, ("Content-Range", f"bytes */{info.size}"))
    if not spans or len(spans) > MAX_RANGES or sum(span.count for span in spans) > info.size:
        return None
    return tuple(spans)


_RANGE = re.compile(r"([0-9]*)\s*-\s*([0-9]*)")


def _span(text: str, size: int) -> Span | None:
    """Cut a range to the file; a count of 0 or less means that it lies outside, None that it is no range."""
    if not (match := _RANGE.fullmatch(text)):
        return None
    first, last = match.groups()
    if not first:
        count = min(_number(last), size) if last else None
        return None if count is None else Span(size - count, count)
    start = _number(first)
    end = _number(last) if last else size - 1
    if last and end < start:
        return None
    return Span(start, min(end, size - 1) - start + 1)


def _number(digits: str) -> int:
    """Read a number; one of more than 18 digits is beyond every file, and not worth the work."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= 18 else 10**18


def _is_unchanged(if_range: str, info: FileInfo, rules: Rules) -> bool:
    """Compare as RFC 9110 §13.1.5 demands: a strong tag byte for byte, a date exactly."""
    if _TAG.fullmatch(if_range):
        return if_range == info.etag and not if_range.startswith("W/")
    date = parse_http_date(if_range)
    if date is None and not rules.lenient:
        raise _Decided(400, _ACCEPT_RANGES)
    return date == info.mtime_s


def _content_range(span: Span, info: FileInfo) -> str:
    return f"bytes {span.offset}-{span.offset + span.count - 1}/{info.size}"


def _multipart(info: FileInfo, spans: tuple[Span, ...], rules: Rules) -> Answer:
    """Lay out multipart/byteranges (RFC 9110 §14.6). The boundary follows from the file: both sides agree."""
    boundary = blake2b(f"{info.etag} {info.content_type}".encode(), digest_size=11).hexdigest()
    pieces: list[bytes | Span] = []
    kind = f"Content-Type: {info.content_type}\r\n" if info.content_type else ""
    for span in spans:
        place = f"Content-Range: {_content_range(span, info)}\r\n\r\n"
        pieces += [f"\r\n--{boundary}\r\n{kind}{place}".encode("latin-1"), span]
    pieces.append(f"\r\n--{boundary}--".encode() + rules.multipart_end)
    length = sum(len(piece) if isinstance(piece, bytes) else piece.count for piece in pieces)
    headers = _headers(info, length, f"multipart/byteranges;boundary={boundary}")
    return Answer(206, headers, tuple(pieces))


def read_pieces(file: BinaryIO, pieces: Iterable[bytes | Span], chunk_bytes: int = 65536) -> Iterator[bytes]:
    """Read the body of an Answer. A file that has shrunk meanwhile gives a body that is visibly too short."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        offset, end = piece.offset, piece.offset + piece.count
        while offset < end:
            data = os.pread(file.fileno(), min(chunk_bytes, end - offset), offset)
            if not data:
                return
            offset += len(data)
            yield data


# --- the static plan ---------------------------------------------------------------------------

_IMPLICIT = ("*.jinja", "*.jsp", "*.jspx")  # pages: the engine renders them, and their source never leaves


@dataclass(frozen=True, slots=True)
class StaticRoot:
    """The files of one web app that the front may serve by itself: all below folder but the excluded paths.

    Excluded are the paths that a url-pattern covers. They are kept in lower case, since a file system may
    ignore case: a path that is left out without need is only slower.
    """

    context_path: str
    folder: str
    mime_types: Mapping[str, str]
    precompressed: bool
    exact: frozenset[str]
    prefixes: frozenset[str]
    extensions: frozenset[str]

    def admits(self, path: str) -> bool:
        """Whether nothing but the default servlet could see path (plain ASCII, relative to the context)."""
        path = path.lower()
        if path in self.exact or is_protected(path) or is_hidden(path):
            return False
        dot = path.rfind(".")
        if dot > path.rfind("/") and path[dot + 1 :] in self.extensions:
            return False
        prefix = path
        while prefix:
            if prefix in self.prefixes:
                return False
            prefix = prefix[: prefix.rfind("/")]
        return True


def static_root(
    context_path: str,
    folder: str,
    *,
    servlet_patterns: Iterable[str] = (),
    filter_patterns: Iterable[str] = (),
    constraint_patterns: Iterable[str] = (),
    mime_types: Mapping[str, str] = MIME_TYPES,
    precompressed: bool = True,
    observed: bool = False,
) -> StaticRoot | None:
    """Say what the front may serve of a web app; None if that is nothing.

    servlet_patterns: of every servlet but the container's own default one; filter_patterns: of filters that
    see REQUEST dispatches; constraint_patterns: of all security constraints. observed: something sees every
    request: a ServletRequestListener, or a filter mapped to the default servlet by its name, or to "*".
    """
    patterns = {pattern.lower() for pattern in (*servlet_patterns, *constraint_patterns, *_IMPLICIT)}
    if (
        "/" in patterns
    ):  # an own default servlet, or a constraint on everything; for a filter it is just the path "/"
        return None
    patterns.update(pattern.lower() for pattern in filter_patterns)
    if observed or "/*" in patterns:
        return None
    return StaticRoot(
        context_path,
        os.path.realpath(folder),
        mime_types,
        precompressed,
        exact=frozenset(p for p in patterns if not p.endswith("/*") and not p.startswith("*.")),
        prefixes=frozenset(p[:-2] for p in patterns if p.endswith("/*")),
        extensions=frozenset(p[2:] for p in patterns if p.startswith("*.")),
    )


@dataclass(frozen=True, slots=True)
class StaticPlan:
    """What the front may serve by itself. roots has every context path; None where all is the engine's.

    A context that is missing here would lend its paths to the one above it: the plan must name them all.
    """

    roots: Mapping[str, StaticRoot | None]

    def find(self, path: str) -> tuple[StaticRoot, str] | None:
        """Return the root that may hold a canonical path, and the path inside it; None: ask the engine."""
        context_path = path
        while context_path not in self.roots:
            if not context_path:
                return None
            context_path = context_path[: context_path.rfind("/")]
        root = self.roots[context_path]
        inside = path[len(context_path) :]
        return (root, inside) if root and root.admits(inside) else None
