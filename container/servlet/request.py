"""The request (§3): its interfaces, and the wrappers that filters put around it.

The engine implements HttpServletRequest. A wrapper passes every method on to what it wraps; a subclass
changes some:

    class Lowercase(HttpServletRequestWrapper):
        def getParameter(self, name):
            value = super().getParameter(name)
            return value and value.lower()

Where Java returns null, these methods return None; where it returns an Enumeration, an iterator that is one
too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from container.servlet.exceptions import IllegalArgumentException

if TYPE_CHECKING:
    from codecs import CodecInfo

    from container.servlet.connection import HttpUpgradeHandler, ServletConnection
    from container.servlet.context import ServletContext
    from container.servlet.cookie import Cookie
    from container.servlet.dispatch import AsyncContext, RequestDispatcher
    from container.servlet.enumeration import Enumeration
    from container.servlet.enums import DispatcherType, MappingMatch
    from container.servlet.locale import Locale
    from container.servlet.multipart import Part
    from container.servlet.response import HttpServletResponse, ServletResponse
    from container.servlet.security import Principal
    from container.servlet.session import HttpSession
    from container.servlet.stream import Reader, ServletInputStream

__all__ = [
    "HttpServletMapping",
    "HttpServletRequest",
    "HttpServletRequestWrapper",
    "PushBuilder",
    "ServletRequest",
    "ServletRequestWrapper",
]

H = TypeVar("H", bound="HttpUpgradeHandler")


class ServletRequest:
    """A request of any protocol.

    Valid until ``service`` returns, or until an asynchronous one is complete.
    """

    __slots__ = ()

    def getAttribute(self, name: str) -> Any:
        raise NotImplementedError

    def getAttributeNames(self) -> Enumeration[str]:
        raise NotImplementedError

    def setAttribute(self, name: str, o: object) -> None:
        """Set an attribute; None removes it."""
        raise NotImplementedError

    def removeAttribute(self, name: str) -> None:
        raise NotImplementedError

    def getCharacterEncoding(self) -> str | None:
        """Return the body's encoding: the request's or the web app's; None means that ISO-8859-1 is used."""
        raise NotImplementedError

    def setCharacterEncoding(self, encoding: str | CodecInfo | None) -> None:
        """Override the body's encoding. Without effect once parameters were read or getReader was called.

        Raises UnsupportedEncodingException.
        """
        raise NotImplementedError

    def getContentLength(self) -> int:
        """Return the body's length in bytes; -1 if it is unknown or above 2**31 - 1."""
        raise NotImplementedError

    def getContentLengthLong(self) -> int:
        """Return the body's length in bytes; -1 if it is unknown."""
        raise NotImplementedError

    def getContentType(self) -> str | None:
        """Return the type with its parameters."""
        raise NotImplementedError

    def getInputStream(self) -> ServletInputStream:
        """Return the body as bytes. Raises IllegalStateException after getReader."""
        raise NotImplementedError

    def getReader(self) -> Reader:
        """Return the body as text.

        Raises IllegalStateException after getInputStream, UnsupportedEncodingException for an unknown
        charset.
        """
        raise NotImplementedError

    def getParameter(self, name: str) -> str | None:
        """Return the first value of the query string or of a form's body.

        The four methods raise IllegalStateException for parameters that cannot be parsed (RT-PAR-10).
        """
        raise NotImplementedError

    def getParameterNames(self) -> Enumeration[str]:
        raise NotImplementedError

    def getParameterValues(self, name: str) -> list[str] | None:
        raise NotImplementedError

    def getParameterMap(self) -> Mapping[str, list[str]]:
        raise NotImplementedError

    def getProtocol(self) -> str:
        """Return name and version, such as "HTTP/1.1"."""
        raise NotImplementedError

    def getScheme(self) -> str:
        raise NotImplementedError

    def getServerName(self) -> str:
        """Return the host that the request was sent to."""
        raise NotImplementedError

    def getServerPort(self) -> int:
        raise NotImplementedError

    def getRemoteAddr(self) -> str:
        """Return the address of the client or of the last proxy."""
        raise NotImplementedError

    def getRemoteHost(self) -> str:
        """Return the client's name, or its address."""
        raise NotImplementedError

    def getRemotePort(self) -> int:
        raise NotImplementedError

    def getLocalAddr(self) -> str:
        """Return the address of the interface the request arrived on."""
        raise NotImplementedError

    def getLocalName(self) -> str:
        raise NotImplementedError

    def getLocalPort(self) -> int:
        raise NotImplementedError

    def getLocale(self) -> Locale:
        """Return the language that the client prefers."""
        raise NotImplementedError

    def getLocales(self) -> Enumeration[Locale]:
        """Return the client's languages, the preferred first; the container's own if it has no preference."""
        raise NotImplementedError

    def isSecure(self) -> bool:
        raise NotImplementedError

    def getRequestDispatcher(self, path: str) -> RequestDispatcher | None:
        """Return the way to a resource of this web app; path may be relative to the current request."""
        raise NotImplementedError

    def getServletContext(self) -> ServletContext:
        """Return the web app that handles the request now."""
        raise NotImplementedError

    def startAsync(
        self, servletRequest: ServletRequest | None = None, servletResponse: ServletResponse | None = None
    ) -> AsyncContext:
        """Keep the request open when ``service`` returns.

        Without arguments the original objects go on, else the given ones (RT-ASY-03, 20). Raises
        IllegalStateException if a filter or servlet on the way does not support it, if it was called already,
        or outside a dispatch.
        """
        raise NotImplementedError

    def isAsyncStarted(self) -> bool:
        raise NotImplementedError

    def isAsyncSupported(self) -> bool:
        """Tell whether every filter and servlet on the way so far supports it."""
        raise NotImplementedError

    def getAsyncContext(self) -> AsyncContext:
        """Return the last startAsync's result. Raises IllegalStateException if there was none."""
        raise NotImplementedError

    def getDispatcherType(self) -> DispatcherType:
        raise NotImplementedError

    def getRequestId(self) -> str:
        """Return an id that is unique in the life of the container."""
        raise NotImplementedError

    def getProtocolRequestId(self) -> str:
        """Return the protocol's id of the request; "" where it has none, as HTTP/1.x."""
        raise NotImplementedError

    def getServletConnection(self) -> ServletConnection:
        raise NotImplementedError


class HttpServletMapping:
    """How the request's path found its servlet (§12.2)."""

    __slots__ = ()

    def getMatchValue(self) -> str:
        """Return what matched: the "*" of a pattern, or an exact path without its leading "/"."""
        raise NotImplementedError

    def getPattern(self) -> str:
        """Return the url-pattern as it was declared."""
        raise NotImplementedError

    def getServletName(self) -> str:
        raise NotImplementedError

    def getMappingMatch(self) -> MappingMatch | None:
        raise NotImplementedError


class PushBuilder:
    """HTTP/2 server push.

    Deprecated: newPushBuilder returns None, the type is here for what still names it.
    """

    __slots__ = ()

    def method(self, method: str) -> Self:
        raise NotImplementedError

    def queryString(self, queryString: str | None) -> Self:
        raise NotImplementedError

    def sessionId(self, sessionId: str | None) -> Self:
        raise NotImplementedError

    def setHeader(self, name: str, value: str) -> Self:
        raise NotImplementedError

    def addHeader(self, name: str, value: str) -> Self:
        raise NotImplementedError

    def removeHeader(self, name: str) -> Self:
        raise NotImplementedError

    def path(self, path: str) -> Self:
        raise NotImplementedError

    def push(self) -> None:
        raise NotImplementedError

    def getMethod(self) -> str:
        raise NotImplementedError

    def getQueryString(self) -> str | None:
        raise NotImplementedError

    def getSessionId(self) -> str | None:
        raise NotImplementedError

    def getHeaderNames(self) -> set[str]:
        raise NotImplementedError

    def getHeader(self, name: str) -> str | None:
        raise NotImplementedError

    def getPath(self) -> str | None:
        raise NotImplementedError


class HttpServletRequest(ServletRequest):
    """An HTTP request. Header names may be given in any case."""

    __slots__ = ()

    BASIC_AUTH = "BASIC"
    FORM_AUTH = "FORM"
    CLIENT_CERT_AUTH = "CLIENT_CERT"
    DIGEST_AUTH = "DIGEST"

    def getAuthType(self) -> str | None:
        """Return BASIC_AUTH, FORM_AUTH and so on; None if nobody is authenticated."""
        raise NotImplementedError

    def getCookies(self) -> list[Cookie] | None:
        """Return the cookies with names and values only; None if the client sent none."""
        raise NotImplementedError

    def getDateHeader(self, name: str) -> int:
        """Return epoch ms; -1 if absent. Raises IllegalArgumentException if it is no HTTP date."""
        raise NotImplementedError

    def getHeader(self, name: str) -> str | None:
        """Return the first value."""
        raise NotImplementedError

    def getHeaders(self, name: str) -> Enumeration[str]:
        raise NotImplementedError

    def getHeaderNames(self) -> Enumeration[str]:
        raise NotImplementedError

    def getIntHeader(self, name: str) -> int:
        """Return a number; -1 if absent. Raises NumberFormatException if it is none."""
        raise NotImplementedError

    def getHttpServletMapping(self) -> HttpServletMapping:
        raise NotImplementedError

    def getMethod(self) -> str:
        raise NotImplementedError

    def getPathInfo(self) -> str | None:
        """Return what follows the servlet path, decoded; None if nothing does."""
        raise NotImplementedError

    def getPathTranslated(self) -> str | None:
        """Return getPathInfo as a path of the file system."""
        raise NotImplementedError

    def getContextPath(self) -> str:
        """Return the beginning of the path that selected the web app; "" for the root."""
        raise NotImplementedError

    def getQueryString(self) -> str | None:
        """Return what follows the "?", not decoded."""
        raise NotImplementedError

    def getRemoteUser(self) -> str | None:
        raise NotImplementedError

    def isUserInRole(self, role: str) -> bool:
        """Tell whether the caller has a role; "**" asks for anybody authenticated (RT-PSEC-03)."""
        raise NotImplementedError

    def getUserPrincipal(self) -> Principal | None:
        raise NotImplementedError

    def getRequestedSessionId(self) -> str | None:
        """Return the id that the client sent, whether it is valid or not."""
        raise NotImplementedError

    def getRequestURI(self) -> str:
        """Return the path as it was sent: not decoded, with path parameters, without the query."""
        raise NotImplementedError

    def getRequestURL(self) -> str:
        """Return scheme, host, port and getRequestURI. A plain str: there is no StringBuffer to change."""
        raise NotImplementedError

    def getServletPath(self) -> str:
        """Return the part of the path that selected the servlet, decoded."""
        raise NotImplementedError

    def getSession(self, create: bool = True) -> HttpSession | Any:
        """Return the session; without one make it, or return None if create is False.

        Raises IllegalStateException if a cookie would have to be sent and the response is committed.
        """
        raise NotImplementedError

    def changeSessionId(self) -> str:
        """Give the session a new id and return it. Raises IllegalStateException without a session."""
        raise NotImplementedError

    def isRequestedSessionIdValid(self) -> bool:
        raise NotImplementedError

    def isRequestedSessionIdFromCookie(self) -> bool:
        raise NotImplementedError

    def isRequestedSessionIdFromURL(self) -> bool:
        raise NotImplementedError

    def authenticate(self, response: HttpServletResponse) -> bool:
        """Establish who the caller is; False if the response now asks for it (RT-PSEC-06)."""
        raise NotImplementedError

    def login(self, username: str, password: str) -> None:
        """Check name and password.

        Raises ServletException if they are wrong or somebody is logged in already.
        """
        raise NotImplementedError

    def logout(self) -> None:
        raise NotImplementedError

    def getParts(self) -> list[Part]:
        """Return the parts of an upload.

        Raises ServletException if it is no multipart/form-data, IllegalStateException if the servlet has no
        multipart configuration or a limit is exceeded.
        """
        raise NotImplementedError

    def getPart(self, name: str) -> Part | None:
        """Return a part of an upload; raises as getParts."""
        raise NotImplementedError

    def upgrade(self, handlerClass: type[H]) -> H:
        """Let another protocol take the connection over after this request (§2.3.3.5)."""
        raise NotImplementedError

    def newPushBuilder(self) -> PushBuilder | None:
        """Return None. Deprecated."""
        return None

    def getTrailerFields(self) -> dict[str, str]:
        """Return the trailers with lower-case names. Raises IllegalStateException if not ready."""
        return {}

    def isTrailerFieldsReady(self) -> bool:
        """Tell whether the body has been read to its end, after which the trailers are known."""
        return True


class ServletRequestWrapper(ServletRequest):
    """Passes every method on to the request it wraps (§6.2.2)."""

    __slots__ = ("_request",)

    def __init__(self, request: ServletRequest) -> None:
        self.setRequest(request)

    def getRequest(self) -> ServletRequest:
        return self._request

    def setRequest(self, request: ServletRequest) -> None:
        if request is None:
            raise IllegalArgumentException(f"{type(self).__name__} needs a request to wrap, not None")
        self._request = request

    def isWrapperFor(self, wrapped: ServletRequest | type[ServletRequest]) -> bool:
        """Tell whether that request, or one of that class, is wrapped: directly or by wrappers in between."""
        if isinstance(wrapped, type):
            if not issubclass(wrapped, ServletRequest):
                raise IllegalArgumentException(f"{wrapped.__name__} is no ServletRequest")
            found = isinstance(self._request, wrapped)
        else:
            found = self._request is wrapped
        inner = self._request
        return found or (isinstance(inner, ServletRequestWrapper) and inner.isWrapperFor(wrapped))

    def getAttribute(self, name: str) -> Any:
        return self._request.getAttribute(name)

    def getAttributeNames(self) -> Enumeration[str]:
        return self._request.getAttributeNames()

    def setAttribute(self, name: str, o: object) -> None:
        self._request.setAttribute(name, o)

    def removeAttribute(self, name: str) -> None:
        self._request.removeAttribute(name)

    def getCharacterEncoding(self) -> str | None:
        return self._request.getCharacterEncoding()

    def setCharacterEncoding(self, encoding: str | CodecInfo | None) -> None:
        self._request.setCharacterEncoding(encoding)

    def getContentLength(self) -> int:
        return self._request.getContentLength()

    def getContentLengthLong(self) -> int:
        return self._request.getContentLengthLong()

    def getContentType(self) -> str | None:
        return self._request.getContentType()

    def getInputStream(self) -> ServletInputStream:
        return self._request.getInputStream()

    def getReader(self) -> Reader:
        return self._request.getReader()

    def getParameter(self, name: str) -> str | None:
        return self._request.getParameter(name)

    def getParameterNames(self) -> Enumeration[str]:
        return self._request.getParameterNames()

    def getParameterValues(self, name: str) -> list[str] | None:
        return self._request.getParameterValues(name)

    def getParameterMap(self) -> Mapping[str, list[str]]:
        return self._request.getParameterMap()

    def getProtocol(self) -> str:
        return self._request.getProtocol()

    def getScheme(self) -> str:
        return self._request.getScheme()

    def getServerName(self) -> str:
        return self._request.getServerName()

    def getServerPort(self) -> int:
        return self._request.getServerPort()

    def getRemoteAddr(self) -> str:
        return self._request.getRemoteAddr()

    def getRemoteHost(self) -> str:
        return self._request.getRemoteHost()

    def getRemotePort(self) -> int:
        return self._request.getRemotePort()

    def getLocalAddr(self) -> str:
        return self._request.getLocalAddr()

    def getLocalName(self) -> str:
        return self._request.getLocalName()

    def getLocalPort(self) -> int:
        return self._request.getLocalPort()

    def getLocale(self) -> Locale:
        return self._request.getLocale()

    def getLocales(self) -> Enumeration[Locale]:
        return self._request.getLocales()

    def isSecure(self) -> bool:
        return self._request.isSecure()

    def getRequestDispatcher(self, path: str) -> RequestDispatcher | None:
        return self._request.getRequestDispatcher(path)

    def getServletContext(self) -> ServletContext:
        return self._request.getServletContext()

    def startAsync(
        self, servletRequest: ServletRequest | None = None, servletResponse: ServletResponse | None = None
    ) -> AsyncContext:
        return self._request.startAsync(servletRequest, servletResponse)

    def isAsyncStarted(self) -> bool:
        return self._request.isAsyncStarted()

    def isAsyncSupported(self) -> bool:
        return self._request.isAsyncSupported()

    def getAsyncContext(self) -> AsyncContext:
        return self._request.getAsyncContext()

    def getDispatcherType(self) -> DispatcherType:
        return self._request.getDispatcherType()

    def getRequestId(self) -> str:
        return self._request.getRequestId()

    def getProtocolRequestId(self) -> str:
        return self._request.getProtocolRequestId()

    def getServletConnection(self) -> ServletConnection:
        return self._request.getServletConnection()


class HttpServletRequestWrapper(ServletRequestWrapper, HttpServletRequest):
    """Passes every method on to the HTTP request it wraps."""

    __slots__ = ()

    _request: HttpServletRequest

    def __init__(self, request: HttpServletRequest) -> None:
        super().__init__(request)

    def getAuthType(self) -> str | None:
        return self._request.getAuthType()

    def getCookies(self) -> list[Cookie] | None:
        return self._request.getCookies()

    def getDateHeader(self, name: str) -> int:
        return self._request.getDateHeader(name)

    def getHeader(self, name: str) -> str | None:
        return self._request.getHeader(name)

    def getHeaders(self, name: str) -> Enumeration[str]:
        return self._request.getHeaders(name)

    def getHeaderNames(self) -> Enumeration[str]:
        return self._request.getHeaderNames()

    def getIntHeader(self, name: str) -> int:
        return self._request.getIntHeader(name)

    def getHttpServletMapping(self) -> HttpServletMapping:
        return self._request.getHttpServletMapping()

    def getMethod(self) -> str:
        return self._request.getMethod()

    def getPathInfo(self) -> str | None:
        return self._request.getPathInfo()

    def getPathTranslated(self) -> str | None:
        return self._request.getPathTranslated()

    def getContextPath(self) -> str:
        return self._request.getContextPath()

    def getQueryString(self) -> str | None:
        return self._request.getQueryString()

    def getRemoteUser(self) -> str | None:
        return self._request.getRemoteUser()

    def isUserInRole(self, role: str) -> bool:
        return self._request.isUserInRole(role)

    def getUserPrincipal(self) -> Principal | None:
        return self._request.getUserPrincipal()

    def getRequestedSessionId(self) -> str | None:
        return self._request.getRequestedSessionId()

    def getRequestURI(self) -> str:
        return self._request.getRequestURI()

    def getRequestURL(self) -> str:
        return self._request.getRequestURL()

    def getServletPath(self) -> str:
        return self._request.getServletPath()

    def getSession(self, create: bool = True) -> HttpSession | Any:
        return self._request.getSession(create)

    def changeSessionId(self) -> str:
        return self._request.changeSessionId()

    def isRequestedSessionIdValid(self) -> bool:
        return self._request.isRequestedSessionIdValid()

    def isRequestedSessionIdFromCookie(self) -> bool:
        return self._request.isRequestedSessionIdFromCookie()

    def isRequestedSessionIdFromURL(self) -> bool:
        return self._request.isRequestedSessionIdFromURL()

    def authenticate(self, response: HttpServletResponse) -> bool:
        return self._request.authenticate(response)

    def login(self, username: str, password: str) -> None:
        self._request.login(username, password)

    def logout(self) -> None:
        self._request.logout()

    def getParts(self) -> list[Part]:
        return self._request.getParts()

    def getPart(self, name: str) -> Part | None:
        return self._request.getPart(name)

    def upgrade(self, handlerClass: type[H]) -> H:
        return self._request.upgrade(handlerClass)

    def newPushBuilder(self) -> PushBuilder | None:
        return self._request.newPushBuilder()

    def getTrailerFields(self) -> dict[str, str]:
        return self._request.getTrailerFields()

    def isTrailerFieldsReady(self) -> bool:
        return self._request.isTrailerFieldsReady()
