"""The concrete HttpServletResponse, over an Exchange.

Buffer, commit, headers, charset (Servlet 6.1, chapter 5).

Three flags decide what a call may still do:

    _committed   status and headers have left (RT-BUF-04)
    _open        the application may still write; closed by sendError, sendRedirect, a full Content-Length
                 and the end. Committed or closed: reset and sendError are refused, isCommitted says so
    _locked      setters are ignored: committed, closed, or inside an include (RT-INC-03)

Like the request it belongs to one thread, is never reused, and dies when the request is over.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin

from container.engine.charsets import LATIN_1, STATEFUL, charset_of, codec
from container.engine.cookies import format_cookie
from container.engine.headers import check_name, clean, content_type_header, media_type
from container.engine.streams import ResponseOutputStream, ResponseWriter, StatefulWriter
from container.files import format_http_date
from container.protocols.exchange import Exchange
from container.servlet import (
    Cookie,
    HttpServletResponse,
    IllegalArgumentException,
    IllegalStateException,
    Locale,
    ServletResponse,
)

if TYPE_CHECKING:
    from container.engine.request import Request

__all__ = ["BODILESS", "DEFAULT_BUFFER_BYTES", "Response", "raw_response"]

DEFAULT_BUFFER_BYTES = 8192
BODILESS = frozenset({204, 205, 304, *range(100, 200)})
_TYPELESS = BODILESS - {204}  # Tomcat keeps the Content-Type of a 204
_FORBIDDEN_TRAILERS = frozenset(
    """
    transfer-encoding content-length host content-encoding content-type content-range trailer cache-control
    connection authorization set-cookie te expect max-forwards age expires date location retry-after vary
    warning www-authenticate proxy-authenticate proxy-authorization upgrade keep-alive proxy-connection
    """.split()  # noqa: SIM905  a list of names reads better than forty quotes
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

log = logging.getLogger("container.engine")


class Response(HttpServletResponse):
    """See the module. Names with an underscore are for the engine."""

    __slots__ = (
        "_buffer", "_buffer_bytes", "_buffered", "_charset", "_charset_given", "_closed_by", "_committed",
        "_content_length", "_content_type", "_error", "_exchange", "_finished", "_headers", "_include_depth",
        "_locale",
        "_locked", "_open", "_output", "_request", "_sent", "_status", "_trailers", "_writer_used",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, request: Request) -> None:
        self._exchange = exchange
        self._request = request
        self._status = 200
        self._headers: dict[str, tuple[str, list[str]]] | None = (
            None  # lower-case name -> name as given, values
        )
        self._content_type: str | None = None  # without its charset
        self._charset: str | None = None  # set for this response, in one of the three ways
        self._charset_given = False  # ... explicitly, so setLocale no longer changes it (RT-CT-02)
        self._writer_used = False  # getWriter froze the charset
        self._content_length = -1
        self._locale: Locale | None = None
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._buffer_bytes = DEFAULT_BUFFER_BYTES
        self._sent = 0  # body bytes given to the exchange
        self._output: ResponseOutputStream | ResponseWriter | None = None
        self._committed = False
        self._open = True
        self._locked = False
        self._finished = False
        self._include_depth = 0
        self._error: tuple[int, str | None] | None = None  # of a sendError that no page has answered yet
        self._trailers: Callable[[], Mapping[str, str]] | None = None

    def __repr__(self) -> str:
        state = "committed" if self._committed else f"{self._buffered} bytes buffered"
        return f"<Response {self._status} {state}>"

    # --- for the engine: body------------------------------------------------------------------------------

    def _check_alive(self) -> None:
        """Raise IllegalStateException when the request is over; the class swap is what does it."""

    def _write(self, data: bytes) -> None:
        """Take body bytes: buffer them, send them when the buffer is full.

        Drop what is too much (RT-BUF-16).
        """
        if not self._open:
            return
        size = len(data)
        length = self._content_length
        if length >= 0 and self._sent + self._buffered + size > length:
            log.warning("%r: more than the declared Content-Length of %d bytes; cut", self._request, length)
            data = data[: max(0, length - self._sent - self._buffered)]
            size = len(data)
        if size == 0:
            return
        if self._buffered + size > self._buffer_bytes:
            self._overflow(data)
        else:
            self._buffer.append(data)
            self._buffered += size
        if 0 < length == self._sent + self._buffered:
            self._complete()

    def _overflow(self, data: bytes) -> None:
        """Send the full buffer and keep the rest.

        In pieces of the buffer's size as Tomcat does (RT-BUF-03).
        """
        self._buffer.append(data)
        total = b"".join(self._buffer)
        keep = len(total) % self._buffer_bytes if self._buffer_bytes else 0
        if keep == 0:
            keep = min(self._buffer_bytes, len(total)) if len(total) <= self._buffer_bytes else 0
        send = total[: len(total) - keep]
        self._buffer = [total[len(send) :]] if keep else []
        self._buffered = keep
        self._send(send)

    def _send(self, data: bytes) -> None:
        if not self._committed:
            self._commit()
        if data:
            self._sent += len(data)
            self._exchange.write(data)

    def _flush(self) -> None:
        """Send what is buffered; commits (RT-BUF-04)."""
        if not self._open:
            return
        data = b"".join(self._buffer)
        self._drop_buffer()
        if not self._committed:
            self._commit()
            if not data:
                self._exchange.write(b"")  # the head alone
        if data:
            self._sent += len(data)
            self._exchange.write(data)

    def _close(self) -> None:
        """Close the stream or writer: the application's call, which an include may not make (RT-INC-07)."""
        if not self._include_depth:
            self._complete()

    def _complete(self) -> None:
        """Take nothing more and send what there is (RT-BUF-09)."""
        if not self._open:
            return
        if self._committed:
            self._flush()
            self._open = False
        else:
            self._finish()

    def _drop_buffer(self) -> None:
        self._buffer = []
        self._buffered = 0

    def _finish(self) -> None:
        """Send everything that is left and end the answer. Does nothing the second time."""
        if self._finished:
            return
        self._finished = True
        self._open = False
        if self._request._session is not None:
            self._request._location.context.sessions.save(self._request)
        buffer = self._buffer
        data = buffer[0] if len(buffer) == 1 else b"".join(buffer)
        if not self._committed:
            self._commit()  # the exchange sees the whole body and adds its length (RT-BUF-12)
        self._sent += len(data)
        if self._trailers is None:
            self._exchange.finish(data)
        else:
            self._exchange.finish(data, self._trailer_fields())

    def _trailer_fields(self) -> list[tuple[str, str]]:
        assert self._trailers is not None
        fields = self._trailers() or {}
        return [
            (check_name(name), clean(value))
            for name, value in fields.items()
            if name.lower() not in _FORBIDDEN_TRAILERS
        ]

    def _commit(self) -> None:
        """Send status and headers."""
        self._committed = True
        self._locked = True
        status = self._status
        headers: list[tuple[str, str]] = []
        if status not in _TYPELESS and (content_type := self._full_content_type()) is not None:
            headers.append(("Content-Type", content_type))
        if self._headers is not None:
            for name, values in self._headers.values():
                for value in values:
                    headers.append((name, value))
        if self._content_length >= 0 and status not in BODILESS:
            headers.append(("Content-Length", str(self._content_length)))
        self._exchange.start(status, headers)

    def _full_content_type(self) -> str | None:
        content_type = self._content_type
        if content_type is not None and self._charset is not None:
            return content_type_header(content_type, self._charset)
        return content_type

    def _reset_for_error(self) -> None:
        """Make the response ready for an error page.

        Empty buffer, no length, output choice free (RT-EP-27).
        """
        self._drop_buffer()
        self._content_length = -1
        self._output = None
        self._writer_used = False
        self._open = True
        self._locked = False
        self._include_depth = 0
        self._trailers = None

    def _break_off(self) -> None:
        """Send what is buffered of a committed answer, and no end, so that the client notices (RT-EP-28)."""
        if self._finished:
            return
        with suppress(OSError):
            self._flush()
        self._abort()

    def _abort(self) -> None:
        self._finished = True
        self._open = False
        self._exchange.abort()

    def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send part of an open file as body, if possible without reading it; the file is closed in any case.

        For the default servlet; without effect on the buffer but for the order of bytes.
        """
        if not self._open:
            file.close()
            return
        self._flush_before_file()
        self._sent += count
        self._exchange.send_file(file, offset, count)

    def _flush_before_file(self) -> None:
        if self._buffered:
            self._flush()
        elif not self._committed:
            self._commit()

    def _end(self) -> None:
        """Die with the request."""
        self._exchange = self._request = self._headers = self._output = self._trailers = None  # type: ignore[assignment]
        self._buffer = []
        self.__class__ = DeadResponse

    # --- buffer (RT-BUF)-----------------------------------------------------------------------------------

    def getOutputStream(self) -> ResponseOutputStream:
        output = self._output
        if output is None:
            output = self._output = ResponseOutputStream(self)
        elif not isinstance(output, ResponseOutputStream):
            raise IllegalStateException("getWriter has been called for this response")
        return output

    def getWriter(self) -> ResponseWriter:
        output = self._output
        if output is None:
            encoding = self._charset
            if encoding is None:
                encoding = self._request._dispatch.context.response_encoding or LATIN_1
                if not self._committed:
                    self._charset = encoding
            info = codec(encoding)
            self._writer_used = True
            name = info.name
            output = StatefulWriter(self, info) if name in STATEFUL else ResponseWriter(self, name)
            self._output = output
        elif not isinstance(output, ResponseWriter):
            raise IllegalStateException("getOutputStream has been called for this response")
        return output

    def setBufferSize(self, size: int) -> None:
        if self.isCommitted() or self._buffered or self._sent:
            raise IllegalStateException("the buffer's size cannot change once content has been written")
        if not self._locked:
            self._buffer_bytes = max(self._buffer_bytes, size)

    def getBufferSize(self) -> int:
        return self._buffer_bytes

    def flushBuffer(self) -> None:
        self._flush()

    def resetBuffer(self) -> None:
        if self._committed or not self._open:
            raise IllegalStateException("the response is committed: its buffer has been sent")
        if self._locked:
            return
        self._drop_buffer()

    def isCommitted(self) -> bool:
        return self._committed or not self._open

    def reset(self) -> None:
        if self._committed or not self._open:
            raise IllegalStateException("the response is committed: status and headers have been sent")
        if self._locked:
            return
        self._drop_buffer()
        self._status = 200
        self._headers = None
        self._content_type = self._charset = self._locale = None
        self._charset_given = self._writer_used = False
        self._content_length = -1
        self._output = None

    # --- status and headers (RT-RHD)-----------------------------------------------------------------------

    def setStatus(self, sc: int) -> None:
        if not self._locked:
            self._status = int(sc)

    def getStatus(self) -> int:
        return self._status

    def setHeader(self, name: str, value: str | None) -> None:
        if self._locked or not name:
            return
        key = name.lower()
        if key in _DEDICATED:
            self._set_dedicated(key, value)
            return
        headers = self._headers
        if headers is None:
            headers = self._headers = {}
        if value is None:
            headers.pop(key, None)
        else:
            headers[check_name(key)] = (name, [clean(value)])

    def addHeader(self, name: str, value: str | None) -> None:
        if self._locked or not name or value is None:
            return
        key = name.lower()
        if key in _DEDICATED:
            self._set_dedicated(key, value)
            return
        headers = self._headers
        if headers is None:
            headers = self._headers = {}
        if (entry := headers.get(key)) is None:
            headers[check_name(key)] = (name, [clean(value)])
        else:
            entry[1].append(clean(value))

    def _set_dedicated(self, key: str, value: str | None) -> None:
        """Content-Type and Content-Length act like their own setters (RT-RHD-06)."""
        if key == "content-type":
            self.setContentType(value)
        elif value is None:
            self._content_length = -1
        elif _LENGTH.fullmatch(value):  # whatever else would break the framing
            self.setContentLengthLong(int(value))

    def setIntHeader(self, name: str, value: int) -> None:
        self.setHeader(name, str(int(value)))

    def addIntHeader(self, name: str, value: int) -> None:
        self.addHeader(name, str(int(value)))

    def setDateHeader(self, name: str, date: int) -> None:
        self.setHeader(name, format_http_date(date // 1000))

    def addDateHeader(self, name: str, date: int) -> None:
        self.addHeader(name, format_http_date(date // 1000))

    def containsHeader(self, name: str) -> bool:
        return self.getHeader(name) is not None

    def getHeader(self, name: str) -> str | None:
        values = self._header_values(name)
        return values[0] if values else None

    def getHeaders(self, name: str) -> list[str]:
        return self._header_values(name)

    def _header_values(self, name: str) -> list[str]:
        key = (name or "").lower()
        if key == "content-type":
            content_type = self._full_content_type()
            return [] if content_type is None else [content_type]
        if key == "content-length":
            return [] if self._content_length < 0 else [str(self._content_length)]
        entry = self._headers.get(key) if self._headers else None
        return list(entry[1]) if entry else []

    def getHeaderNames(self) -> list[str]:
        names = [name for name, _ in self._headers.values()] if self._headers else []
        if self._content_type is not None:
            names.append("Content-Type")
        if self._content_length >= 0:
            names.append("Content-Length")
        return names

    def addCookie(self, cookie: Cookie) -> None:
        if self._locked or cookie is None:
            return
        self.addHeader("Set-Cookie", format_cookie(cookie))

    def _replace_cookie(self, cookie: Cookie) -> None:
        """Add a cookie in place of an earlier one of its name.

        A session's new id replaces the old (RT-SES-09).
        """
        if self._locked:
            return
        if self._headers and (entry := self._headers.get("set-cookie")):
            prefix, path = cookie.getName() + "=", f"Path={cookie.getPath()}"
            entry[1][:] = [
                value for value in entry[1] if not value.startswith(prefix) or path not in value.split("; ")
            ]
        self.addHeader("Set-Cookie", format_cookie(cookie))

    # --- content type, charset, locale (RT-CT)-------------------------------------------------------------

    def getCharacterEncoding(self) -> str:
        charset = self._charset
        return charset if charset is not None else self._request._context.response_encoding or LATIN_1

    def setCharacterEncoding(self, encoding: str | codecs.CodecInfo | None) -> None:
        if self._locked or self._writer_used:
            return
        self._charset = charset_of(encoding)
        self._charset_given = self._charset is not None

    def getContentType(self) -> str | None:
        return self._full_content_type()

    def setContentType(self, type: str | None) -> None:
        if self._locked:
            return
        if type is None:
            self._content_type = None
            if not self._writer_used:
                self._charset = None
                self._charset_given = False
            return
        self._content_type, charset = media_type(type)
        if charset is not None and not self._writer_used:
            self._charset = charset
            self._charset_given = True

    def setContentLength(self, len: int) -> None:
        self.setContentLengthLong(len)

    def setContentLengthLong(self, len: int) -> None:
        if self._locked:
            return
        self._content_length = len
        if 0 < len <= self._buffered:  # as if it had been written just now
            self._buffer = [b"".join(self._buffer)[:len]]
            self._buffered = len
            self._complete()

    def setLocale(self, loc: Locale | str | None) -> None:
        if self._locked:
            return
        free = not (self._charset_given or self._writer_used)
        if loc is None:
            self._locale = None
            self.setHeader("Content-Language", None)
            if free:
                self._charset = None
            return
        locale = loc if isinstance(loc, Locale) else Locale.forLanguageTag(str(loc).replace("_", "-"))
        self._locale = locale
        self.setHeader("Content-Language", locale.toLanguageTag())
        if free and (charset := self._request._context.locale_charset(locale)) is not None:
            self._charset = charset

    def getLocale(self) -> Locale:
        return self._locale or Locale.getDefault()

    # --- sendError, sendRedirect (RT-ERR, RT-RED)----------------------------------------------------------

    def sendError(self, sc: int, msg: str | None = None) -> None:
        if self._include_depth:
            return
        if self.isCommitted():
            raise IllegalStateException("sendError after the response was committed")
        self._drop_buffer()
        self._status = int(sc)
        self._error = (int(sc), msg)
        self._open = False
        self._locked = True

    def sendRedirect(self, location: str, sc: int | bool = 302, clearBuffer: bool = True) -> None:
        if isinstance(sc, bool):  # sendRedirect(location, clearBuffer); a bool is an int in Python
            self.sendRedirect(location, 302, sc)
            return
        if self._include_depth:
            return
        if self.isCommitted():
            raise IllegalStateException("sendRedirect after the response was committed")
        if location is None:
            raise IllegalArgumentException("sendRedirect needs a location")
        target = self._redirect_target(location)
        if clearBuffer:
            self.resetBuffer()
            self._output = None  # nothing comes of either now, and a filter may take the other one
        self._status = int(sc)
        self.setHeader("Location", target)
        self._open = False
        self._locked = True

    def _redirect_target(self, location: str) -> str:
        """Resolve location against the current request's URI.

        Which after a forward the client does not know.
        """
        request = self._request
        relative = request._context.settings.relative_redirects
        if _SCHEME.match(location) or (relative and location.startswith("/")):
            return location
        if relative and request._dispatch.uri is request._location.uri:
            return location  # the client resolves it against what it asked for
        try:
            return urljoin(request._dispatch.uri if relative else request.getRequestURL(), location)
        except ValueError as error:
            raise IllegalArgumentException(f'sendRedirect: "{location}" is no URL: {error}') from None

    def encodeURL(self, url: str) -> str:
        return self._request._context.sessions.encode_url(self._request, url)

    def encodeRedirectURL(self, url: str) -> str:
        return url and self._request._context.sessions.encode_url(self._request, url)

    # --- trailers (RT-RTR)---------------------------------------------------------------------------------

    def setTrailerFields(self, supplier: Callable[[], Mapping[str, str]]) -> None:
        if self.isCommitted():
            raise IllegalStateException("trailers cannot be set once the response is committed")
        if self._exchange.version == "HTTP/1.0" or not self._exchange.can_send_trailers:
            raise IllegalStateException("this protocol cannot carry trailers")
        if self._content_length >= 0:
            raise IllegalStateException("trailers need a chunked body: do not set a Content-Length")
        self._trailers = supplier

    def getTrailerFields(self) -> Callable[[], Mapping[str, str]] | None:
        return self._trailers

    def sendEarlyHints(self) -> None:
        """Send 103 with the current headers (draft of 6.2)."""
        if self._headers and not self.isCommitted():
            self._exchange.inform(
                103, [(n, value) for n, values in self._headers.values() for value in values]
            )


class DeadResponse(Response):
    """What a Response becomes when its request is over."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name in ("__class__", "__repr__", "__doc__"):
            return object.__getattribute__(self, name)
        raise IllegalStateException(
            f"this response is over, {name} cannot be used any more (Servlet 6.1 §5.8)"
        )

    def __repr__(self) -> str:
        return "<Response, over>"


_DEDICATED = frozenset({"content-type", "content-length"})
_LENGTH = re.compile(r"-?[0-9]+")


def raw_response(response: ServletResponse) -> Response:
    """Return the container's own object inside an application's wrappers."""
    while not isinstance(response, Response):
        inner = getattr(response, "getResponse", None)
        if inner is None:
            raise IllegalArgumentException(
                f"{response!r} is neither a response of this container nor wraps one"
            )
        response = inner()
    return response


def phrase(status: int) -> str:
    """The reason phrase of a status, "Unknown" for one without a name."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
