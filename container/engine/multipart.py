"""multipart/form-data: parts in memory or in temporary files (Servlet 6.1 §3.2).

    Request ──read_parts──> MultipartParser ──> UploadedParts, which the end of the request discards

A malformed body raises OSError, one over a limit IllegalStateException, both with the status to answer.
"""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

from container.engine.charsets import codec, split_parameters
from container.engine.client_errors import bad_request, broken_body
from container.errors import ProtocolError
from container.protocols.multipart import MultipartParser, PartEnd, PartHead
from container.servlet import MultipartConfigElement, Part, UnsupportedEncodingException

if TYPE_CHECKING:
    from container.engine.request import Request

__all__ = ["UploadedPart", "discard_parts", "read_parts"]

log = logging.getLogger("container.engine")

_PIECE_BYTES = 65536
_ESCAPE = re.compile(r"\\(.)")


class UploadedPart(Part):
    """One part: in memory up to threshold bytes, then a file in the location, to the request's end.

    A field is going to be a parameter in any case: in memory it may have some bytes more.
    """

    def __init__(
        self, name: str, file_name: str | None, headers: list[tuple[str, str]], location: Path, threshold: int
    ) -> None:
        self._name = name
        self._file_name = file_name
        self._headers = headers
        self._location = location
        self._threshold = threshold if file_name is not None else max(threshold, _PIECE_BYTES)
        self._memory: io.BytesIO | None = io.BytesIO()
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._size = 0

    def __repr__(self) -> str:
        return f"<UploadedPart {self._name}, {self._size} bytes in {self._path or 'memory'}>"

    def append(self, data: bytes) -> None:
        self._size += len(data)
        if self._memory is not None and self._size > self._threshold:
            descriptor, path = tempfile.mkstemp(prefix="upload_", dir=self._location)
            self._path = Path(path)
            self._file = os.fdopen(descriptor, "wb")
            self._file.write(self._memory.getvalue())
            self._memory = None
        target = self._file or self._memory
        assert target is not None
        target.write(data)

    def complete(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def discard(self) -> None:
        """Remove what was stored. The end of the request, or delete()."""
        path, self._path, self._memory = self._path, None, None
        try:
            self.complete()
        finally:
            if path is not None:
                path.unlink(missing_ok=True)

    def text(self, encoding: str) -> str:
        """The part as a parameter's value (RT-MP-06)."""
        with self.getInputStream() as stream:
            data = stream.read()
        try:
            return codec(encoding).decode(data, "strict")[0]
        except UnicodeError:
            raise bad_request(f"parameter {self._name} is not {encoding}") from None

    def getInputStream(self) -> BinaryIO:
        if self._path is not None:
            return self._path.open("rb")
        if self._memory is None:
            raise FileNotFoundError(f"part {self._name} has been deleted, or its file moved by write")
        return io.BytesIO(self._memory.getvalue())

    def getContentType(self) -> str | None:
        return self.getHeader("content-type")

    def getName(self) -> str:
        return self._name

    def getSubmittedFileName(self) -> str | None:
        return self._file_name

    def getSize(self) -> int:
        return self._size

    def write(self, fileName: str) -> None:
        target = self._location / fileName  # an absolute name replaces the location
        if self._path is not None:
            shutil.move(self._path, target)  # the file belongs to the application now
            self._path = None
        else:
            with self.getInputStream() as stream:
                target.write_bytes(stream.read())

    def delete(self) -> None:
        self.discard()

    def getHeader(self, name: str) -> str | None:
        return next(iter(self.getHeaders(name)), None)

    def getHeaders(self, name: str) -> list[str]:
        key = name.lower()
        return [value for each, value in self._headers if each.lower() == key]

    def getHeaderNames(self) -> list[str]:
        return list(dict.fromkeys(name.lower() for name, _ in self._headers))


def read_parts(request: Request, config: MultipartConfigElement) -> list[UploadedPart]:
    """Read what is left of the request's body, to its end. Keeps nothing of it when it raises (RT-MP-02)."""
    content_type = request.getHeader("content-type") or ""
    boundary = _parameters(content_type).get("boundary")
    if not boundary:
        raise broken_body(ProtocolError(400, "a multipart body without a boundary"))
    length = request._exchange.content_length
    maximum = config.getMaxRequestSize()
    if 0 <= maximum < (length or 0):
        raise bad_request(f"a multipart request of {length} bytes", 413, "max-request-size")
    reader = _PartReader(request, config, boundary.encode("latin-1"))
    try:
        return reader.read()
    except BaseException as error:
        discard_parts(reader.parts)
        if not isinstance(error, ProtocolError):
            raise
        if error.setting:
            raise bad_request(error.reason, error.status, error.setting) from None
        raise broken_body(error) from None


def discard_parts(parts: list[UploadedPart]) -> None:
    """Remove what is stored of them; the request is over, so nobody could act on what fails."""
    for part in parts:
        try:
            part.discard()
        except OSError:
            log.exception("a temporary file of %r stays", part)


class _PartReader:
    """Drives the parser over the request's body."""

    def __init__(self, request: Request, config: MultipartConfigElement, boundary: bytes) -> None:
        settings = request._context.settings
        self._request = request
        self._config = config
        self._location = request._context.upload_location(config)
        self._max_parts = settings.max_part_count
        self._max_field_bytes = settings.max_form_bytes
        self._field_bytes = 0
        self.parts: list[UploadedPart] = []
        self._part: UploadedPart | None = None  # the current one, unless it is skipped
        try:
            encoding = codec(request.getCharacterEncoding() or "utf-8").name
        except UnsupportedEncodingException:
            encoding = "utf-8"
        self._parser = MultipartParser(boundary, encoding, settings.max_part_header_bytes)

    def read(self) -> list[UploadedPart]:
        maximum = self._config.getMaxRequestSize()
        total = 0
        while data := self._request._read_body(_PIECE_BYTES):
            total += len(data)
            if 0 <= maximum < total:
                raise bad_request(
                    f"a multipart request of more than {maximum} bytes", 413, "max-request-size"
                )
            for event in self._parser.feed(data):
                if isinstance(event, PartHead):
                    self._begin(event.headers)
                elif isinstance(event, PartEnd):
                    if self._part is not None:
                        self._part.complete()
                elif self._part is not None:
                    self._append(self._part, event)
        self._parser.close()
        return self.parts

    def _begin(self, headers: list[tuple[str, str]]) -> None:
        """A part that is no form-data, or has no name, is skipped."""
        self._part = None
        disposition = next((value for name, value in headers if name.lower() == "content-disposition"), "")
        parameters = _parameters(disposition)
        name = parameters.get("name", "").strip()
        if not name or disposition.partition(";")[0].strip().lower() != "form-data":
            return
        if self._max_parts and len(self.parts) == self._max_parts:
            raise bad_request(f"more than {self._max_parts} parts", 413, "max_part_count")
        file_name = parameters.get("filename")
        if file_name is not None:
            file_name = _ESCAPE.sub(r"\1", file_name.strip())
        threshold = max(0, self._config.getFileSizeThreshold())
        self._part = UploadedPart(name, file_name, headers, self._location, threshold)
        self.parts.append(self._part)

    def _append(self, part: UploadedPart, data: bytes) -> None:
        maximum = self._config.getMaxFileSize()
        if 0 <= maximum < part.getSize() + len(data):
            raise bad_request(f"part {part.getName()} has more than {maximum} bytes", 413, "max-file-size")
        if part.getSubmittedFileName() is None:
            self._field_bytes += len(data)
            if 0 < self._max_field_bytes < self._field_bytes:
                message = f"a form with more than {self._max_field_bytes} bytes"
                raise bad_request(message, 413, "max_form_bytes")
        part.append(data)


def _parameters(value: str) -> dict[str, str]:
    """Return the parameters of a header's value; names in lower case, values without their quotes.

    Escapes stay: only file names are read without, as Tomcat does. ``name*=`` is decoded and replaces
    ``name=``.
    """
    parameters: dict[str, str] = {}
    for piece in split_parameters(value)[1:]:
        name, _, text = piece.partition("=")
        name, text = name.strip().lower(), text.strip()
        if len(text) >= 2 and text[0] == text[-1] == '"':
            text = text[1:-1]
        if name.endswith("*"):
            name, text = name[:-1], _extended(text)
        parameters[name] = text
    return parameters


def _extended(text: str) -> str:
    """Decode RFC 8187's ``UTF-8'en'na%C3%AFve``; what is not of that form stays."""
    charset, _, rest = text.partition("'")
    _, quote, value = rest.partition("'")
    try:
        return unquote(value, codec(charset).name) if quote else text
    except UnsupportedEncodingException:
        return text
