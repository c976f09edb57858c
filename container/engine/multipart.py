"""multipart/form-data: parts in memory or in temporary files (Servlet 6.1 §3.2).

werkzeug's decoder finds the parts; the limits are ours, and every one of them is the client's fault: 4xx.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData, Preamble

from container.engine.charsets import codec, content_type_parts
from container.engine.parameters import bad_request
from container.servlet import IllegalStateException, MultipartConfigElement, Part

if TYPE_CHECKING:
    from container.engine.request import Request

__all__ = ["UploadedPart", "read_parts"]

_PIECE_BYTES = 65536


class UploadedPart(Part):
    """One part. Small ones stay in memory.

    Larger ones are a file in the configured location until the request ends.
    """

    def __init__(
        self, name: str, file_name: str | None, headers: Headers, location: Path, threshold: int
    ) -> None:
        self._name = name
        self._file_name = file_name
        self._headers = headers
        self._location = location
        self._threshold = threshold
        self._memory: io.BytesIO | None = io.BytesIO()
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._size = 0

    def append(self, data: bytes) -> None:
        self._size += len(data)
        if self._file is None and self._size > self._threshold and self._file_name is not None:
            self._spool()
        target = self._file or self._memory
        assert target is not None
        target.write(data)

    def _spool(self) -> None:
        descriptor, path = tempfile.mkstemp(prefix="upload_", dir=self._location)
        self._path = Path(path)
        self._file = os.fdopen(descriptor, "wb")
        if self._memory is not None:
            self._file.write(self._memory.getvalue())
            self._memory = None

    def complete(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Remove what was stored. The end of the request, or delete()."""
        self.complete()
        self._memory = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def text(self, encoding: str) -> str:
        """The part as a parameter's value (RT-MP-06)."""
        charset = content_type_parts(self.getContentType() or "")[1]
        name = codec(charset).name if charset else encoding
        with self.getInputStream() as stream:
            return stream.read().decode(name, "replace")

    def getInputStream(self) -> BinaryIO:
        if self._path is not None:
            return self._path.open("rb")
        if self._memory is None:
            raise FileNotFoundError(f"part {self._name} has been deleted")
        return io.BytesIO(self._memory.getvalue())

    def getContentType(self) -> str | None:
        return self._headers.get("content-type")

    def getName(self) -> str:
        return self._name

    def getSubmittedFileName(self) -> str | None:
        return self._file_name

    def getSize(self) -> int:
        return self._size

    def write(self, fileName: str) -> None:
        target = Path(fileName)
        if not target.is_absolute():
            target = self._location / fileName
        if self._path is not None:
            shutil.move(self._path, target)  # the file belongs to the application now
            self._path = None
        else:
            with self.getInputStream() as stream:
                target.write_bytes(stream.read())

    def delete(self) -> None:
        self.discard()

    def getHeader(self, name: str) -> str | None:
        return self._headers.get(name)

    def getHeaders(self, name: str) -> list[str]:
        return self._headers.getlist(name)

    def getHeaderNames(self) -> list[str]:
        return list(dict.fromkeys(name.lower() for name in self._headers.keys()))  # noqa: SIM118  a multi-dict


def read_parts(request: Request) -> list[UploadedPart]:
    """Read the request's body to its end.

    Raises IllegalStateException for what is malformed or over a limit (RT-MP-02).
    """
    config = request._dispatch.target.holder.multipart_config
    if config is None:
        raise IllegalStateException("the servlet has no multipart configuration")
    content_type = request.getHeader("content-type") or ""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise bad_request("a multipart body without a boundary")
    settings = request._context.settings
    location = request._context.upload_location(config)
    length = request._exchange.content_length
    maximum = config.getMaxRequestSize()
    if 0 <= maximum < (length or 0):
        raise bad_request(f"a multipart request of {length} bytes", 413, "max-request-size")
    decoder = MultipartDecoder(
        boundary.encode("latin-1"), max_form_memory_size=None, max_parts=settings.max_part_count or None
    )
    reader = _PartReader(request, decoder, config, location)
    try:
        return reader.read()
    except RequestEntityTooLarge:
        reader.discard()
        raise bad_request(f"more than {settings.max_part_count} parts", 413, "max_part_count") from None
    except ValueError as error:
        reader.discard()
        raise bad_request(f"a malformed multipart body: {error}") from None
    except BaseException:
        reader.discard()
        raise


class _PartReader:
    """Drives the decoder over the request's body."""

    def __init__(
        self, request: Request, decoder: MultipartDecoder, config: MultipartConfigElement, location: Path
    ) -> None:
        self._request = request
        self._decoder = decoder
        self._config = config
        self._location = location
        self._encoding = request.getCharacterEncoding() or "utf-8"
        self._parts: list[UploadedPart] = []
        self._total = 0
        self._header_limit = request._context.settings.max_part_header_bytes

    def discard(self) -> None:
        for part in self._parts:
            part.discard()

    def read(self) -> list[UploadedPart]:
        maximum = self._config.getMaxRequestSize()
        complete = False
        while not complete:
            data = self._request._exchange.read(_PIECE_BYTES)
            self._total += len(data)
            if 0 <= maximum < self._total:
                raise bad_request(
                    f"a multipart request of more than {maximum} bytes", 413, "max-request-size"
                )
            self._decoder.receive_data(data or None)
            complete = self._take_events()
            if not data and not complete:
                raise bad_request("a multipart body that ends too early")
        while self._request._exchange.read(_PIECE_BYTES):
            pass  # what follows the last boundary has no meaning
        return self._parts

    def _take_events(self) -> bool:
        while True:
            event = self._decoder.next_event()
            if isinstance(event, NeedData):
                return False
            if isinstance(event, Epilogue):
                return True
            if isinstance(event, Field | File):
                self._begin(event)
            elif isinstance(event, Data):
                self._append(event)
            elif not isinstance(event, Preamble):
                return True

    def _begin(self, event: Field | File) -> None:
        size = sum(len(name) + len(value) + 4 for name, value in event.headers)
        if size > self._header_limit:
            raise bad_request(f"a part with {size} bytes of headers", 413, "max_part_header_bytes")
        if event.name is None:
            raise bad_request("a part without a name")
        file_name = event.filename if isinstance(event, File) else None
        self._parts.append(
            UploadedPart(
                event.name,
                file_name,
                event.headers,
                self._location,
                max(0, self._config.getFileSizeThreshold()),
            )
        )

    def _append(self, event: Data) -> None:
        part = self._parts[-1]
        part.append(event.data)
        maximum = self._config.getMaxFileSize()
        if 0 <= maximum < part.getSize():
            raise bad_request(f"part {part.getName()} has more than {maximum} bytes", 413, "max-file-size")
        if not event.more_data:
            part.complete()
