"""The concrete HttpServletRequest, over an Exchange.

One object for each request of a client, used by the thread that runs the request, never reused. Everything
is decoded when it is first asked for; what the body holds is form.py's. When the request is over ``_end``
drops what it held and swaps the class, so that a kept request, its kept methods and its kept streams all
raise IllegalStateException (RT-LIFE-20).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from container.engine.charsets import LATIN_1, charset_of, charset_parameter, codec, java_name
from container.engine.client_errors import broken_body, log_limit
from container.engine.cookies import parse_cookies
from container.engine.dispatch import Dispatch, Location
from container.engine.form import parameters_of, parts_of
from container.engine.locales import accepted_locales
from container.engine.multipart import UploadedPart, discard_parts
from container.engine.streams import RequestInputStream, RequestReader
from container.engine.uri import encode_path
from container.errors import ProtocolError
from container.files import parse_http_date
from container.protocols.exchange import Exchange, RawHeaders
from container.servlet import (
    AsyncContext,
    Cookie,
    DispatcherType,
    Enumeration,
    HttpServletMapping,
    HttpServletRequest,
    HttpServletResponse,
    HttpUpgradeHandler,
    IllegalArgumentException,
    IllegalStateException,
    Locale,
    NumberFormatException,
    Part,
    RequestDispatcher,
    ServletConnection,
    ServletContext,
    ServletException,
    ServletRequest,
    ServletResponse,
)

if TYPE_CHECKING:
    from container.engine.async_context import RequestAsync
    from container.engine.context import Context
    from container.engine.response import Response
    from container.engine.sessions import ContextSessions
    from container.security.authenticator import Identity
    from container.security.realm import Principal
    from container.session.manager import Session

__all__ = ["Request", "raw_request"]

_NO_NAME = "the name of an attribute cannot be None"
_INTEGER = re.compile(r"[+-]?[0-9]{1,99}")


class ConnectionFacts(ServletConnection):
    """getServletConnection: the physical connection, not adjusted for proxies (RT-CON-06)."""

    def __init__(self, exchange: Exchange) -> None:
        self._connection = exchange.connection
        self._protocol = exchange.connection.protocol

    def getConnectionId(self) -> str:
        return self._connection.id

    def getProtocol(self) -> str:
        return self._protocol

    def getProtocolConnectionId(self) -> str:
        return ""

    def isSecure(self) -> bool:
        return self._connection.secure


class Request(HttpServletRequest):
    """See the module. Names with an underscore are for the engine; the steps of the pipeline use them."""

    __slots__ = (
        "_async", "_async_supported", "_attributes", "_container_dispatch", "_cookies",
        "_depth", "_dispatch", "_encoding", "_exchange",
        "_form", "_headers", "_id", "_identity", "_initialized", "_input", "_locales", "_location", "_method",
        "_multipart",
        "_origin", "_other_sessions", "_parameters",
        "_query", "_requested_session", "_response", "_session",
    )  # fmt: skip

    def __init__(
        self, exchange: Exchange, location: Location, query: bytes | None, dispatch: Dispatch
    ) -> None:
        self._exchange = exchange
        self._location = location
        self._method = exchange.method
        self._query = None if query is None else query.decode("latin-1")
        self._dispatch = dispatch
        self._container_dispatch = dispatch  # the client's, or the last async one
        self._attributes: dict[str, Any] | None = None
        self._headers: dict[str, list[str]] | None = None
        self._parameters: dict[str, list[str]] | None = None
        self._form: list[tuple[str, str]] | IllegalStateException | None = None  # what the body's form has
        self._encoding: str | None = None
        self._input: RequestInputStream | RequestReader | None = None
        self._cookies: list[Cookie] | None = None
        self._session: Session | None = None
        self._other_sessions: dict[ContextSessions, Session] | None = None  # where it was dispatched to
        self._requested_session: tuple[str | None, str] | None = None
        self._locales: list[Locale] | None = None
        self._identity: Identity | None = None
        self._async: RequestAsync | None = None
        self._async_supported = True
        self._depth = 0  # of forwards and includes inside each other
        self._multipart: list[UploadedPart] | Exception | None = None  # what parts_of found
        self._origin: Origin | None = None
        self._id: str | None = None
        self._initialized: int  # how many ServletRequestListeners were told of it, if there are any
        self._response: Response

    def __repr__(self) -> str:
        return f"<Request {self._method} {self._dispatch.uri} {self._dispatch.kind.name}>"

    # --- for the engine------------------------------------------------------------------------------------

    @property
    def _context(self) -> Context:
        return self._dispatch.context

    def _check_alive(self) -> None:
        """Raise IllegalStateException when the request is over; the class swap is what does it."""

    def _end(self) -> None:
        """Drop everything and die. The last thing that happens to a request."""
        parts = self._multipart
        if type(parts) is list:
            discard_parts(parts)
        self._exchange = self._location = self._dispatch = self._container_dispatch = self._response = None  # type: ignore[assignment]
        self._attributes = self._headers = self._parameters = self._form = self._input = self._cookies = None
        self._session = self._other_sessions = self._requested_session = None
        self._identity = self._async = self._multipart = None
        self.__class__ = DeadRequest

    def _header_index(self) -> dict[str, list[str]]:
        index = self._headers
        if index is None:
            index = self._headers = {}
            for raw_name, raw_value in self._exchange.headers:
                name = raw_name.decode("latin-1").lower()
                value = raw_value.decode("latin-1")
                if (values := index.get(name)) is None:
                    index[name] = [value]
                else:
                    values.append(value)
        return index

    def _read_body(self, size: int) -> bytes:
        try:
            return self._exchange.read(size)
        except ProtocolError as error:
            raise broken_body(error) from None

    def _read_body_soon(self, size: int) -> bytes | None:
        try:
            return self._exchange.read_soon(size)
        except ProtocolError as error:
            raise broken_body(error) from None

    def _body_encoding(self) -> str:
        return self.getCharacterEncoding() or LATIN_1

    # --- attributes (RT-ATT)-------------------------------------------------------------------------------

    def getAttribute(self, name: str) -> Any:
        if name is None:
            raise IllegalArgumentException(_NO_NAME)
        standard = self._dispatch.attributes
        if standard is not None and name in standard:
            return standard[name]
        attributes = self._attributes
        if attributes is not None and name in attributes:
            return attributes[name]
        if name.startswith("jakarta.servlet.request.") and self._exchange.connection.tls:
            return self._tls_attribute(name)
        return None

    def _tls_attribute(self, name: str) -> Any:
        tls = self._exchange.connection.tls or {}
        key = name.removeprefix("jakarta.servlet.request.")
        return tls.get("certificates" if key == "X509Certificate" else key) or None

    def getAttributeNames(self) -> Enumeration[str]:
        names = dict.fromkeys(self._dispatch.attributes or ())
        names.update(dict.fromkeys(self._attributes or ()))
        if tls := self._exchange.connection.tls:
            for key, value in tls.items():
                if value:
                    name = "X509Certificate" if key == "certificates" else key
                    names["jakarta.servlet.request." + name] = None
        return Enumeration(names)

    def setAttribute(self, name: str, o: Any) -> None:
        if name is None:
            raise IllegalArgumentException(_NO_NAME)
        if o is None:
            self.removeAttribute(name)
            return
        standard = self._dispatch.attributes
        if standard is not None and name in standard:
            standard[name] = o
            return
        attributes = self._attributes
        if attributes is None:
            attributes = self._attributes = {}
        listeners = self._dispatch.context.request_attribute_listeners
        if not listeners:
            attributes[name] = o
            return
        old = attributes.get(name)
        attributes[name] = o
        listeners.changed(self, name, old, o)

    def removeAttribute(self, name: str) -> None:
        if name is None:
            raise IllegalArgumentException(_NO_NAME)
        standard = self._dispatch.attributes
        if standard is not None and name in standard:
            del standard[name]
            return
        attributes = self._attributes
        if attributes is None or name not in attributes:
            return
        old = attributes.pop(name)
        if listeners := self._dispatch.context.request_attribute_listeners:
            listeners.changed(self, name, old, None)

    # --- headers (RT-HDR)----------------------------------------------------------------------------------

    def getHeader(self, name: str) -> str | None:
        values = (self._headers or self._header_index()).get(name.lower())
        return values[0] if values else None

    def getHeaders(self, name: str) -> Enumeration[str]:
        return Enumeration(self._header_index().get(name.lower(), ()))

    def getHeaderNames(self) -> Enumeration[str]:
        names: dict[str, str] = {}
        for raw_name, _ in self._exchange.headers:
            name = raw_name.decode("latin-1")
            names.setdefault(name.lower(), name)
        return Enumeration(names.values())

    def getIntHeader(self, name: str) -> int:
        value = self.getHeader(name)
        if value is None:
            return -1
        number = int(value) if _INTEGER.fullmatch(value) else None
        if number is None or not -(2**31) <= number < 2**31:
            raise NumberFormatException(f'header {name} is "{value}", which is no int')
        return number

    def getDateHeader(self, name: str) -> int:
        value = self.getHeader(name)
        if value is None:
            return -1
        time_s = parse_http_date(value)
        if time_s is None:
            raise IllegalArgumentException(f'header {name} is "{value}", which is no date')
        return int(time_s) * 1000

    def getContentType(self) -> str | None:
        return self.getHeader("content-type")

    def getContentLength(self) -> int:
        length = self.getContentLengthLong()
        return length if length <= 2**31 - 1 else -1

    def getContentLengthLong(self) -> int:
        value = self.getHeader("content-length")
        return int(value) if value is not None and value.isdecimal() else -1

    def getCookies(self) -> list[Cookie] | None:
        cookies = self._cookies
        if cookies is None:
            values = self._header_index().get("cookie")
            limit = self._context.settings.max_cookie_count
            try:
                cookies = self._cookies = parse_cookies(values, limit) if values else []
            except IllegalStateException as error:
                log_limit(self, error)
                raise
        return list(cookies) if cookies else None

    def getTrailerFields(self) -> dict[str, str]:
        if not self.isTrailerFieldsReady():
            raise IllegalStateException("read the body to its end before its trailers")
        fields: dict[str, str] = {}
        for raw_name, raw_value in self._exchange.trailers or ():
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            fields[name] = f"{fields[name]},{value}" if name in fields else value
        return fields

    def isTrailerFieldsReady(self) -> bool:
        if "transfer-encoding" not in self._header_index() or self._exchange.version == "HTTP/1.0":
            return True
        return self._exchange.trailers is not None and self._body_ended()

    def _has_no_body(self) -> bool:
        """Whether that is known before anybody reads: by AJP there may be one that nothing announces."""
        exchange = self._exchange
        announced = exchange.content_length or "transfer-encoding" in self._header_index()
        return not announced and exchange.trailers is not None

    def _body_ended(self) -> bool:
        stream = self._input
        if isinstance(stream, RequestInputStream):
            return stream._finished
        return self._form is not None or self._multipart is not None or bool(stream and stream._ended)

    # --- body (RT-BODY, RT-ENC)----------------------------------------------------------------------------

    def getCharacterEncoding(self) -> str | None:
        if self._encoding is not None:
            return self._encoding
        content_type = self.getHeader("content-type")
        if content_type is not None:
            charset = charset_parameter(content_type)
            if charset is not None:
                return charset
        return self._context.request_encoding

    def setCharacterEncoding(self, encoding: str | codecs.CodecInfo | None) -> None:
        if self._parameters is not None or isinstance(self._input, RequestReader):
            return
        name = charset_of(encoding)
        self._encoding = None if name is None else java_name(name)

    def getInputStream(self) -> RequestInputStream:
        stream = self._input
        if stream is None:
            stream = self._input = RequestInputStream(self)
        elif not isinstance(stream, RequestInputStream):
            raise IllegalStateException("getReader has been called for this request")
        return stream

    def getReader(self) -> RequestReader:
        reader = self._input
        if reader is None:
            encoding = self.getCharacterEncoding()
            reader = self._input = RequestReader(self, codec(LATIN_1 if encoding is None else encoding))
        elif not isinstance(reader, RequestReader):
            raise IllegalStateException("getInputStream has been called for this request")
        return reader

    # --- parameters (RT-PAR)-------------------------------------------------------------------------------

    def _sent_query(self) -> str | None:
        """The query string that the client sent; None without a "?"."""
        query = self._exchange.target.partition(b"?")
        return query[2].decode("latin-1") if query[1] else None

    def getParameter(self, name: str) -> str | None:
        values = (self._parameters or parameters_of(self)).get(name)
        return values[0] if values else None

    def getParameterNames(self) -> Enumeration[str]:
        return Enumeration(parameters_of(self))

    def getParameterValues(self, name: str) -> list[str] | None:
        values = parameters_of(self).get(name)
        return None if values is None else list(values)

    def getParameterMap(self) -> Mapping[str, list[str]]:
        return MappingProxyType({name: list(values) for name, values in parameters_of(self).items()})

    # --- multipart (RT-MP)---------------------------------------------------------------------------------

    def getParts(self) -> list[Part]:
        return list(parts_of(self))

    def getPart(self, name: str) -> Part | None:
        return next((part for part in self.getParts() if part.getName() == name), None)

    # --- paths (RT-PATH)-----------------------------------------------------------------------------------

    def getMethod(self) -> str:
        return self._method

    def getRequestURI(self) -> str:
        return self._dispatch.uri

    def getContextPath(self) -> str:
        return self._dispatch.context_path

    def getServletPath(self) -> str:
        return self._dispatch.servlet_path

    def getPathInfo(self) -> str | None:
        return self._dispatch.path_info

    def getPathTranslated(self) -> str | None:
        info = self._dispatch.path_info
        return None if info is None else self._context.facade.getRealPath(info)

    def getQueryString(self) -> str | None:
        return self._query

    def getRequestURL(self) -> str:
        scheme, port = self.getScheme(), self.getServerPort()
        default = {"http": 80, "https": 443}.get(scheme)
        host = self.getServerName()
        authority = host if port == default else f"{host}:{port}"
        return f"{scheme}://{authority}{self._dispatch.uri}"

    def getHttpServletMapping(self) -> HttpServletMapping:
        return self._dispatch.mapping

    def getServletContext(self) -> ServletContext:
        return self._dispatch.context.facade

    def getDispatcherType(self) -> DispatcherType:
        return self._dispatch.kind

    def getRequestDispatcher(self, path: str) -> RequestDispatcher | None:
        if path is None:
            return None
        path, mark, query = path.partition("#")[0].partition("?")
        attributes = self._dispatch.attributes or {}
        base = attributes.get("jakarta.servlet.include.servlet_path")
        if base is None or self._dispatch.kind is not DispatcherType.INCLUDE:
            base = self._dispatch.servlet_path + (self._dispatch.path_info or "")
        else:
            base += attributes.get("jakarta.servlet.include.path_info") or ""
        if not path.startswith("/"):
            path = encode_path(base[: base.rfind("/") + 1]) + path
        return self._context.dispatcher(path, query if mark else None)

    # --- connection (RT-CON)-------------------------------------------------------------------------------

    def getProtocol(self) -> str:
        return self._exchange.version

    def _from(self) -> Origin:
        origin = self._origin
        if origin is None:
            origin = self._origin = self._context.container.origins.origin(self._exchange)
        return origin

    def getScheme(self) -> str:
        return self._from().scheme

    def isSecure(self) -> bool:
        return self._from().scheme == "https"

    def getServerName(self) -> str:
        return self._from().server_name

    def getServerPort(self) -> int:
        return self._from().server_port

    def getRemoteAddr(self) -> str:
        return self._from().remote_addr

    def getRemoteHost(self) -> str:
        return self._from().remote_addr

    def getRemotePort(self) -> int:
        return self._from().remote_port

    def getLocalAddr(self) -> str:
        return self._exchange.connection.local[0]

    def getLocalName(self) -> str:
        return self._exchange.connection.local[0]

    def getLocalPort(self) -> int:
        return self._exchange.connection.local[1]

    def getRequestId(self) -> str:
        request_id = self._id
        if request_id is None:
            request_id = self._id = self._exchange.id
        return request_id

    def getProtocolRequestId(self) -> str:
        return ""

    def getServletConnection(self) -> ServletConnection:
        return ConnectionFacts(self._exchange)

    def getLocale(self) -> Locale:
        return self._all_locales()[0]

    def getLocales(self) -> Enumeration[Locale]:
        return Enumeration(self._all_locales())

    def _all_locales(self) -> list[Locale]:
        locales = self._locales
        if locales is None:
            values = self._header_index().get("accept-language", ())
            locales = self._locales = accepted_locales(values) or [Locale.getDefault()]
        return locales

    # --- sessions (RT-SES, RT-CKI)-------------------------------------------------------------------------

    def _session_id(self) -> tuple[str | None, str]:
        """The id the client sent and where it stood: "cookie", "url" or, without one, ""."""
        requested = self._requested_session
        if requested is None:
            requested = self._requested_session = self._context.sessions.requested_id(self)
        return requested

    def getRequestedSessionId(self) -> str | None:
        return self._session_id()[0]

    def isRequestedSessionIdFromCookie(self) -> bool:
        return self._session_id()[1] == "cookie"

    def isRequestedSessionIdFromURL(self) -> bool:
        return self._session_id()[1] == "url"

    def isRequestedSessionIdValid(self) -> bool:
        return self._context.sessions.is_requested_valid(self)

    def getSession(self, create: bool = True) -> Session | None:
        return self._context.sessions.session_of(self, create)

    def changeSessionId(self) -> str:
        session = self.getSession(False)
        if session is None:
            raise IllegalStateException("there is no session whose id could be changed")
        return self._context.sessions.change_id(self, session)

    # --- security (RT-PSEC)--------------------------------------------------------------------------------

    def getAuthType(self) -> str | None:
        identity = self._context.security.identity_of(self)
        return None if identity is None else identity.auth_type

    def getUserPrincipal(self) -> Principal | None:
        identity = self._context.security.identity_of(self)
        return None if identity is None else identity.principal

    def getRemoteUser(self) -> str | None:
        principal = self.getUserPrincipal()
        return None if principal is None else principal.getName()

    def isUserInRole(self, role: str) -> bool:
        return self._context.security.is_in_role(self, role)

    def authenticate(self, response: HttpServletResponse) -> bool:
        return self._context.security.authenticate(self, response)

    def login(self, username: str, password: str) -> None:
        self._context.security.login(self, username, password)

    def logout(self) -> None:
        self._context.security.logout(self)

    # --- async (RT-ASY)------------------------------------------------------------------------------------

    def isAsyncSupported(self) -> bool:
        return self._async_supported

    def isAsyncStarted(self) -> bool:
        return self._async is not None and self._async.is_started()

    def startAsync(
        self, servletRequest: ServletRequest | None = None, servletResponse: ServletResponse | None = None
    ) -> AsyncContext:
        if not self._async_supported:
            raise IllegalStateException(
                "startAsync needs <async-supported>true</async-supported> on the servlet "
                "and on every filter before it"
            )
        if self._async is None:
            self._async = self._context.new_async(self)
        return self._async.start_async(servletRequest, servletResponse)

    def getAsyncContext(self) -> AsyncContext:
        if self._async is None or not self._async.is_available():
            raise IllegalStateException("startAsync has not been called for this request")
        return self._async

    # --- what this protocol does not have------------------------------------------------------------------

    def upgrade(self, handlerClass: type[HttpUpgradeHandler]) -> NoReturn:
        raise ServletException("upgrade is not supported: this container speaks nothing but HTTP yet")

    def newPushBuilder(self) -> None:
        return None  # RT-PUSH-01: may always be None


class DeadRequest(Request):
    """What a Request becomes when its request is over."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name in ("__class__", "__repr__", "__doc__"):
            return object.__getattribute__(self, name)
        raise IllegalStateException(
            f"this request is over, {name} cannot be used any more (Servlet 6.1 §3.14)"
        )

    def __repr__(self) -> str:
        return "<Request, over>"


class Origin:
    """Who sent the request and to which address.

    The connection's facts, or what a trusted proxy says of them.
    """

    __slots__ = ("remote_addr", "remote_port", "scheme", "server_name", "server_port")

    def __init__(
        self, scheme: str, server_name: str, server_port: int, remote_addr: str, remote_port: int
    ) -> None:
        self.scheme = scheme
        self.server_name = server_name
        self.server_port = server_port
        self.remote_addr = remote_addr
        self.remote_port = remote_port


class Origins:
    """Find a request's Origin.

    Host or the absolute target; what trusted proxies say comes in engine/forwarded.py.
    """

    def origin(self, exchange: Exchange) -> Origin:
        connection = exchange.connection
        scheme = "https" if connection.secure else "http"
        authority = _authority(exchange)
        name, port = split_authority(authority)
        return Origin(
            scheme,
            name or connection.local[0],
            port if port is not None else (not name and connection.local[1]) or default_port(scheme),
            *connection.peer[:2],
        )


def default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _authority(exchange: Exchange) -> str:
    target = exchange.target
    if target[:1] != b"/" and b"://" in target:
        authority = target.partition(b"://")[2].split(b"/", 1)[0].split(b"?", 1)[0]
        return authority.rpartition(b"@")[2].decode("latin-1")  # without user and password
    return first_header(exchange.headers, b"host") or ""


def first_header(headers: RawHeaders, name: bytes) -> str | None:
    """Return the first value of a header, name in lower case; for those who have no index."""
    for raw_name, value in headers:
        if len(raw_name) == len(name) and raw_name.lower() == name:
            return value.decode("latin-1").strip()
    return None


def split_authority(authority: str) -> tuple[str, int | None]:
    """Split "host:port"; an IPv6 host keeps its brackets, as getServerName shows it."""
    host, colon, port = authority.rpartition(":")
    if colon and port.isdecimal() and ("]" in host or ":" not in host):
        return host, int(port) if len(port) <= 5 else None
    return authority.removesuffix(":"), None


def raw_request(request: ServletRequest) -> Request:
    """Return the container's own object inside an application's wrappers."""
    while not isinstance(request, Request):
        inner = getattr(request, "getRequest", None)
        if inner is None:
            raise IllegalArgumentException(
                f"{request!r} is neither a request of this container nor wraps one"
            )
        request = inner()
    return request
