"""The response (§5): its interfaces, and the wrappers that filters put around it.

Status and headers can be set until the response is committed, that is, until its first bytes leave; later
calls are ignored, except those that would change what has been sent (sendError, reset), which raise
IllegalStateException.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from container.servlet.exceptions import IllegalArgumentException

if TYPE_CHECKING:
    from codecs import CodecInfo

    from container.servlet.cookie import Cookie
    from container.servlet.locale import Locale
    from container.servlet.stream import PrintWriter, ServletOutputStream

__all__ = ["HttpServletResponse", "HttpServletResponseWrapper", "ServletResponse", "ServletResponseWrapper"]


class ServletResponse:
    """A response of any protocol.

    Valid until ``service`` returns, or until an asynchronous request is complete.
    """

    __slots__ = ()

    def getCharacterEncoding(self) -> str:
        """Return getWriter's encoding: the response's, else the web app's, else ISO-8859-1 (RT-CT-01)."""
        raise NotImplementedError

    def getContentType(self) -> str | None:
        """Return the type, with its charset once that is certain."""
        raise NotImplementedError

    def getOutputStream(self) -> ServletOutputStream:
        """Return the body for bytes. Raises IllegalStateException after getWriter."""
        raise NotImplementedError

    def getWriter(self) -> PrintWriter:
        """Return the body for text; from now on the encoding is fixed.

        Raises IllegalStateException after getOutputStream, UnsupportedEncodingException for an unknown
        encoding.
        """
        raise NotImplementedError

    def setCharacterEncoding(self, encoding: str | CodecInfo | None) -> None:
        """Set the encoding of getWriter; None takes it back. Ignored after getWriter."""
        raise NotImplementedError

    def setContentLength(self, len: int) -> None:
        raise NotImplementedError

    def setContentLengthLong(self, len: int) -> None:
        raise NotImplementedError

    def setContentType(self, type: str | None) -> None:
        """Set the type and, if it names one, the charset; None takes both back."""
        raise NotImplementedError

    def setBufferSize(self, size: int) -> None:
        """Ask for a buffer of at least size bytes.

        Raises IllegalStateException once something was written.
        """
        raise NotImplementedError

    def getBufferSize(self) -> int:
        """Return bytes; 0 if nothing is buffered."""
        raise NotImplementedError

    def flushBuffer(self) -> None:
        """Send what was written. Commits the response."""
        raise NotImplementedError

    def resetBuffer(self) -> None:
        """Forget what was written. Raises IllegalStateException if committed."""
        raise NotImplementedError

    def isCommitted(self) -> bool:
        raise NotImplementedError

    def reset(self) -> None:
        """Forget everything: body, headers, status, and whether the body is bytes or text.

        Raises IllegalStateException if committed.
        """
        raise NotImplementedError

    def setLocale(self, loc: Locale | None) -> None:
        """Set Content-Language and, unless it was set itself, the encoding; None takes both back."""
        raise NotImplementedError

    def getLocale(self) -> Locale:
        raise NotImplementedError


class HttpServletResponse(ServletResponse):
    """An HTTP response. Header names may be given in any case; a name of None has no effect."""

    __slots__ = ()

    SC_CONTINUE = 100
    SC_SWITCHING_PROTOCOLS = 101
    SC_EARLY_HINTS = 103
    SC_OK = 200
    SC_CREATED = 201
    SC_ACCEPTED = 202
    SC_NON_AUTHORITATIVE_INFORMATION = 203
    SC_NO_CONTENT = 204
    SC_RESET_CONTENT = 205
    SC_PARTIAL_CONTENT = 206
    SC_MULTIPLE_CHOICES = 300
    SC_MOVED_PERMANENTLY = 301
    SC_MOVED_TEMPORARILY = 302
    SC_FOUND = 302
    SC_SEE_OTHER = 303
    SC_NOT_MODIFIED = 304
    SC_USE_PROXY = 305
    SC_TEMPORARY_REDIRECT = 307
    SC_PERMANENT_REDIRECT = 308
    SC_BAD_REQUEST = 400
    SC_UNAUTHORIZED = 401
    SC_PAYMENT_REQUIRED = 402
    SC_FORBIDDEN = 403
    SC_NOT_FOUND = 404
    SC_METHOD_NOT_ALLOWED = 405
    SC_NOT_ACCEPTABLE = 406
    SC_PROXY_AUTHENTICATION_REQUIRED = 407
    SC_REQUEST_TIMEOUT = 408
    SC_CONFLICT = 409
    SC_GONE = 410
    SC_LENGTH_REQUIRED = 411
    SC_PRECONDITION_FAILED = 412
    SC_REQUEST_ENTITY_TOO_LARGE = 413
    SC_REQUEST_URI_TOO_LONG = 414
    SC_UNSUPPORTED_MEDIA_TYPE = 415
    SC_REQUESTED_RANGE_NOT_SATISFIABLE = 416
    SC_EXPECTATION_FAILED = 417
    SC_MISDIRECTED_REQUEST = 421
    SC_UNPROCESSABLE_CONTENT = 422
    SC_UPGRADE_REQUIRED = 426
    SC_PRECONDITION_REQUIRED = 428
    SC_TOO_MANY_REQUESTS = 429
    SC_REQUEST_HEADER_FIELDS_TOO_LARGE = 431
    SC_INTERNAL_SERVER_ERROR = 500
    SC_NOT_IMPLEMENTED = 501
    SC_BAD_GATEWAY = 502
    SC_SERVICE_UNAVAILABLE = 503
    SC_GATEWAY_TIMEOUT = 504
    SC_HTTP_VERSION_NOT_SUPPORTED = 505
    SC_NETWORK_AUTHENTICATION_REQUIRED = 511

    def addCookie(self, cookie: Cookie) -> None:
        """Add a Set-Cookie, one for each call."""
        raise NotImplementedError

    def containsHeader(self, name: str) -> bool:
        raise NotImplementedError

    def encodeURL(self, url: str) -> str:
        """Add the session's id if the client takes no cookies."""
        raise NotImplementedError

    def encodeRedirectURL(self, url: str) -> str:
        """Add the session's id to a location for sendRedirect if the client takes no cookies."""
        raise NotImplementedError

    def sendError(self, sc: int, msg: str | None = None) -> None:
        """Answer with the error page for the status, and close. Raises IllegalStateException if committed."""
        raise NotImplementedError

    def sendRedirect(self, location: str, sc: int = SC_FOUND, clearBuffer: bool = True) -> None:
        """Send the client elsewhere, and close: ``sendRedirect(location[, sc][, clearBuffer])``.

        A bool as second argument means clearBuffer. Raises IllegalStateException if committed.
        """
        raise NotImplementedError

    def setDateHeader(self, name: str, ms: int) -> None:
        """Set a header to a time given in epoch ms."""
        raise NotImplementedError

    def addDateHeader(self, name: str, ms: int) -> None:
        raise NotImplementedError

    def setHeader(self, name: str, value: str | None) -> None:
        """Replace all values of a header; None removes it."""
        raise NotImplementedError

    def addHeader(self, name: str, value: str | None) -> None:
        """Add one more value; None does nothing."""
        raise NotImplementedError

    def setIntHeader(self, name: str, value: int) -> None:
        raise NotImplementedError

    def addIntHeader(self, name: str, value: int) -> None:
        raise NotImplementedError

    def setStatus(self, sc: int) -> None:
        """Set the status without an error page."""
        raise NotImplementedError

    def getStatus(self) -> int:
        raise NotImplementedError

    def getHeader(self, name: str) -> str | None:
        """Return the first value set so far."""
        raise NotImplementedError

    def getHeaders(self, name: str) -> list[str]:
        raise NotImplementedError

    def getHeaderNames(self) -> list[str]:
        raise NotImplementedError

    def setTrailerFields(self, supplier: Callable[[], Mapping[str, str]]) -> None:
        """Have supplier called at the end for the trailers.

        Raises IllegalStateException if committed, or if the answer cannot have trailers (HTTP/1.0, not
        chunked).
        """

    def getTrailerFields(self) -> Callable[[], Mapping[str, str]] | None:
        return None

    def sendEarlyHints(self) -> None:
        """Send a 103 with the headers set so far; may be repeated, does not commit (Servlet 6.2)."""


class ServletResponseWrapper(ServletResponse):
    """Passes every method on to the response it wraps (§6.2.2)."""

    __slots__ = ("_response",)

    def __init__(self, response: ServletResponse) -> None:
        self.setResponse(response)

    def getResponse(self) -> ServletResponse:
        return self._response

    def setResponse(self, response: ServletResponse) -> None:
        if response is None:
            raise IllegalArgumentException(f"{type(self).__name__} needs a response to wrap, not None")
        self._response = response

    def isWrapperFor(self, wrapped: ServletResponse | type[ServletResponse]) -> bool:
        """Tell whether this wraps that response, or one of that class, directly or over other wrappers."""
        if isinstance(wrapped, type):
            if not issubclass(wrapped, ServletResponse):
                raise IllegalArgumentException(f"{wrapped.__name__} is no ServletResponse")
            found = isinstance(self._response, wrapped)
        else:
            found = self._response is wrapped
        inner = self._response
        return found or (isinstance(inner, ServletResponseWrapper) and inner.isWrapperFor(wrapped))

    def getCharacterEncoding(self) -> str:
        return self._response.getCharacterEncoding()

    def getContentType(self) -> str | None:
        return self._response.getContentType()

    def getOutputStream(self) -> ServletOutputStream:
        return self._response.getOutputStream()

    def getWriter(self) -> PrintWriter:
        return self._response.getWriter()

    def setCharacterEncoding(self, encoding: str | CodecInfo | None) -> None:
        self._response.setCharacterEncoding(encoding)

    def setContentLength(self, len: int) -> None:
        self._response.setContentLength(len)

    def setContentLengthLong(self, len: int) -> None:
        self._response.setContentLengthLong(len)

    def setContentType(self, type: str | None) -> None:
        self._response.setContentType(type)

    def setBufferSize(self, size: int) -> None:
        self._response.setBufferSize(size)

    def getBufferSize(self) -> int:
        return self._response.getBufferSize()

    def flushBuffer(self) -> None:
        self._response.flushBuffer()

    def resetBuffer(self) -> None:
        self._response.resetBuffer()

    def isCommitted(self) -> bool:
        return self._response.isCommitted()

    def reset(self) -> None:
        self._response.reset()

    def setLocale(self, loc: Locale | None) -> None:
        self._response.setLocale(loc)

    def getLocale(self) -> Locale:
        return self._response.getLocale()


class HttpServletResponseWrapper(ServletResponseWrapper, HttpServletResponse):
    """Passes every method on to the HTTP response it wraps."""

    __slots__ = ()

    _response: HttpServletResponse

    def __init__(self, response: HttpServletResponse) -> None:
        super().__init__(response)

    def addCookie(self, cookie: Cookie) -> None:
        self._response.addCookie(cookie)

    def containsHeader(self, name: str) -> bool:
        return self._response.containsHeader(name)

    def encodeURL(self, url: str) -> str:
        return self._response.encodeURL(url)

    def encodeRedirectURL(self, url: str) -> str:
        return self._response.encodeRedirectURL(url)

    def sendError(self, sc: int, msg: str | None = None) -> None:
        self._response.sendError(sc, msg)

    def sendRedirect(
        self, location: str, sc: int = HttpServletResponse.SC_FOUND, clearBuffer: bool = True
    ) -> None:
        self._response.sendRedirect(location, sc, clearBuffer)

    def setDateHeader(self, name: str, ms: int) -> None:
        self._response.setDateHeader(name, ms)

    def addDateHeader(self, name: str, ms: int) -> None:
        self._response.addDateHeader(name, ms)

    def setHeader(self, name: str, value: str | None) -> None:
        self._response.setHeader(name, value)

    def addHeader(self, name: str, value: str | None) -> None:
        self._response.addHeader(name, value)

    def setIntHeader(self, name: str, value: int) -> None:
        self._response.setIntHeader(name, value)

    def addIntHeader(self, name: str, value: int) -> None:
        self._response.addIntHeader(name, value)

    def setStatus(self, sc: int) -> None:
        self._response.setStatus(sc)

    def getStatus(self) -> int:
        return self._response.getStatus()

    def getHeader(self, name: str) -> str | None:
        return self._response.getHeader(name)

    def getHeaders(self, name: str) -> list[str]:
        return self._response.getHeaders(name)

    def getHeaderNames(self) -> list[str]:
        return self._response.getHeaderNames()

    def setTrailerFields(self, supplier: Callable[[], Mapping[str, str]]) -> None:
        self._response.setTrailerFields(supplier)

    def getTrailerFields(self) -> Callable[[], Mapping[str, str]] | None:
        return self._response.getTrailerFields()

    def sendEarlyHints(self) -> None:
        self._response.sendEarlyHints()
