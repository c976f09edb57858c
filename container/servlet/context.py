"""The web app as its code sees it (§4): ServletContext, and what can be registered while it starts (§4.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeVar

if TYPE_CHECKING:
    from codecs import CodecInfo

    from container.servlet.dispatch import RequestDispatcher
    from container.servlet.enumeration import Enumeration
    from container.servlet.enums import DispatcherType, SessionTrackingMode
    from container.servlet.filter import Filter
    from container.servlet.listener import EventListener
    from container.servlet.multipart import MultipartConfigElement
    from container.servlet.security import ServletSecurityElement
    from container.servlet.servlet import Servlet

__all__ = [
    "ClassLoader",
    "FilterRegistration",
    "JspConfigDescriptor",
    "JspPropertyGroupDescriptor",
    "Registration",
    "ServletContainerInitializer",
    "ServletContext",
    "ServletRegistration",
    "SessionCookieConfig",
    "TaglibDescriptor",
]

S = TypeVar("S", bound="Servlet")
F = TypeVar("F", bound="Filter")
L = TypeVar("L", bound="EventListener")


class Registration:
    """A servlet or filter that is declared.

    Changes raise IllegalStateException once the web app has started.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        Dynamic: TypeAlias = "_DynamicRegistration"

    def getName(self) -> str:
        raise NotImplementedError

    def getClassName(self) -> str | None:
        """Return the dotted name; None as long as only the name is known (a preliminary registration)."""
        raise NotImplementedError

    def setInitParameter(self, name: str, value: str) -> bool:
        """Set a parameter; False, and nothing done, if there is one of that name."""
        raise NotImplementedError

    def getInitParameter(self, name: str) -> str | None:
        raise NotImplementedError

    def setInitParameters(self, params: Mapping[str, str]) -> set[str]:
        """Set all parameters, or none if some exist: then their names are returned."""
        raise NotImplementedError

    def getInitParameters(self) -> Mapping[str, str]:
        raise NotImplementedError


class _DynamicRegistration(Registration):
    """What code registered, with what only code can set."""

    __slots__ = ()

    def setAsyncSupported(self, flag: bool) -> None:
        raise NotImplementedError


class ServletRegistration(Registration):
    """A servlet that is declared."""

    __slots__ = ()

    if TYPE_CHECKING:
        Dynamic: TypeAlias = "_DynamicServletRegistration"

    def addMapping(self, *urlPatterns: str) -> set[str]:
        """Map patterns, or none if some belong to another servlet: then these are returned."""
        raise NotImplementedError

    def getMappings(self) -> list[str]:
        raise NotImplementedError

    def getRunAsRole(self) -> str | None:
        """Return the role the servlet takes when it calls others; None for the caller's."""
        raise NotImplementedError


class _DynamicServletRegistration(ServletRegistration, _DynamicRegistration):
    """What addServlet returns. The last call of each setter wins."""

    __slots__ = ()

    def setLoadOnStartup(self, loadOnStartup: int) -> None:
        """Initialise at start, in this order; negative (the default): at the first request."""
        raise NotImplementedError

    def setServletSecurity(self, constraint: ServletSecurityElement) -> set[str]:
        """Set the constraint; return the patterns for which the descriptor's stays."""
        raise NotImplementedError

    def setMultipartConfig(self, config: MultipartConfigElement) -> None:
        raise NotImplementedError

    def setRunAsRole(self, roleName: str) -> None:
        raise NotImplementedError


class FilterRegistration(Registration):
    """A filter that is declared."""

    __slots__ = ()

    if TYPE_CHECKING:
        Dynamic: TypeAlias = "_DynamicFilterRegistration"

    def addMappingForServletNames(
        self, dispatcherTypes: Collection[DispatcherType] | None, isMatchAfter: bool, *servletNames: str
    ) -> None:
        """Map to servlets, before or after the mappings declared elsewhere. No dispatcher types: REQUEST."""
        raise NotImplementedError

    def addMappingForUrlPatterns(
        self, dispatcherTypes: Collection[DispatcherType] | None, isMatchAfter: bool, *urlPatterns: str
    ) -> None:
        """Map to paths, before or after the mappings declared elsewhere. No dispatcher types: REQUEST."""
        raise NotImplementedError

    def getServletNameMappings(self) -> list[str]:
        raise NotImplementedError

    def getUrlPatternMappings(self) -> list[str]:
        raise NotImplementedError


class _DynamicFilterRegistration(FilterRegistration, _DynamicRegistration):
    """What addFilter returns."""

    __slots__ = ()


if not TYPE_CHECKING:  # Java's nested types extend the type around them, which a nested class cannot
    Registration.Dynamic = _DynamicRegistration
    ServletRegistration.Dynamic = _DynamicServletRegistration
    FilterRegistration.Dynamic = _DynamicFilterRegistration


class SessionCookieConfig:
    """The cookie that carries the session's id.

    Setters raise IllegalStateException once the web app has started.
    """

    __slots__ = ()

    def getName(self) -> str | None:
        """Return the name; None if it was not set (the cookie is then JSESSIONID)."""
        raise NotImplementedError

    def setName(self, name: str) -> None:
        raise NotImplementedError

    def getDomain(self) -> str | None:
        raise NotImplementedError

    def setDomain(self, domain: str) -> None:
        raise NotImplementedError

    def getPath(self) -> str | None:
        """Return the path; None if it was not set (the cookie's is then the context path)."""
        raise NotImplementedError

    def setPath(self, path: str) -> None:
        raise NotImplementedError

    def getComment(self) -> str | None:
        """Return None. Deprecated, as setComment: RFC 6265 has no comments."""
        return None

    def setComment(self, comment: str) -> None:
        """Do nothing."""

    def isHttpOnly(self) -> bool:
        raise NotImplementedError

    def setHttpOnly(self, flag: bool) -> None:
        raise NotImplementedError

    def isSecure(self) -> bool:
        """Tell whether the cookie is always secure; otherwise it is when the request is."""
        raise NotImplementedError

    def setSecure(self, flag: bool) -> None:
        raise NotImplementedError

    def getMaxAge(self) -> int:
        """Return seconds; -1 (the default): until the client is closed."""
        raise NotImplementedError

    def setMaxAge(self, seconds: int) -> None:
        raise NotImplementedError

    def getAttribute(self, name: str) -> str | None:
        raise NotImplementedError

    def setAttribute(self, name: str, value: str | None) -> None:
        """Set any attribute, the ones above too, by the rules of Cookie.setAttribute."""
        raise NotImplementedError

    def getAttributes(self) -> Mapping[str, str]:
        raise NotImplementedError


class TaglibDescriptor:
    """A <taglib> of the descriptor."""

    __slots__ = ()

    def getTaglibURI(self) -> str:
        raise NotImplementedError

    def getTaglibLocation(self) -> str:
        raise NotImplementedError


class JspPropertyGroupDescriptor:
    """A <jsp-property-group> of the descriptor. None stands for what it does not say."""

    __slots__ = ()

    def getUrlPatterns(self) -> list[str]:
        raise NotImplementedError

    def getElIgnored(self) -> str | None:
        raise NotImplementedError

    def getErrorOnELNotFound(self) -> str | None:
        raise NotImplementedError

    def getPageEncoding(self) -> str | None:
        raise NotImplementedError

    def getScriptingInvalid(self) -> str | None:
        raise NotImplementedError

    def getIsXml(self) -> str | None:
        raise NotImplementedError

    def getIncludePreludes(self) -> list[str]:
        raise NotImplementedError

    def getIncludeCodas(self) -> list[str]:
        raise NotImplementedError

    def getDeferredSyntaxAllowedAsLiteral(self) -> str | None:
        raise NotImplementedError

    def getTrimDirectiveWhitespaces(self) -> str | None:
        raise NotImplementedError

    def getDefaultContentType(self) -> str | None:
        raise NotImplementedError

    def getBuffer(self) -> str | None:
        raise NotImplementedError

    def getErrorOnUndeclaredNamespace(self) -> str | None:
        raise NotImplementedError


class JspConfigDescriptor:
    """The <jsp-config> of the descriptor."""

    __slots__ = ()

    def getTaglibs(self) -> list[TaglibDescriptor]:
        raise NotImplementedError

    def getJspPropertyGroups(self) -> list[JspPropertyGroupDescriptor]:
        raise NotImplementedError


class ClassLoader:
    """Finds the web app's classes by name, for code that has only a name."""

    __slots__ = ()

    def loadClass(self, name: str) -> type:
        """Return a class of the web app, by the name a descriptor would give it."""
        raise NotImplementedError


class ServletContext:
    """A web app. Methods that register something raise IllegalStateException once it has started.

    They and some others raise UnsupportedOperationException when a listener calls them that is neither in a
    descriptor nor annotated (RT-REG-02). A name of None raises NullPointerException.
    """

    __slots__ = ()

    TEMPDIR = "jakarta.servlet.context.tempdir"
    """Attribute with a folder (pathlib.Path) for the web app alone."""
    ORDERED_LIBS = "jakarta.servlet.context.orderedLibs"
    """Attribute with the names of the libraries in their order, if one was asked for."""

    def getContextPath(self) -> str:
        """Return the beginning of all the web app's paths; "" for the root."""
        raise NotImplementedError

    def getContext(self, uripath: str) -> ServletContext | None:
        """Return the web app that answers a path of the server; None if it is missing or not allowed."""
        raise NotImplementedError

    def getMajorVersion(self) -> int:
        raise NotImplementedError

    def getMinorVersion(self) -> int:
        raise NotImplementedError

    def getEffectiveMajorVersion(self) -> int:
        """Return the version that the descriptor is written for."""
        raise NotImplementedError

    def getEffectiveMinorVersion(self) -> int:
        raise NotImplementedError

    def getMimeType(self, file: str) -> str | None:
        """Return the type that goes with a file's extension."""
        raise NotImplementedError

    def getResourcePaths(self, path: str) -> set[str] | None:
        """Return what lies directly below path, folders with "/" at the end."""
        raise NotImplementedError

    def getResource(self, path: str) -> str | None:
        """Return the URL of a file of the web app.

        Raises MalformedURLException if path has no leading "/".
        """
        raise NotImplementedError

    def getResourceAsStream(self, path: str) -> BinaryIO | None:
        raise NotImplementedError

    def getRequestDispatcher(self, path: str) -> RequestDispatcher | None:
        """Return the way to a path of this web app, with a query if it has one."""
        raise NotImplementedError

    def getNamedDispatcher(self, name: str) -> RequestDispatcher | None:
        """Return the way to a servlet by its name."""
        raise NotImplementedError

    def log(self, msg: str, throwable: BaseException | None = None) -> None:
        """Write to the web app's log, with the throwable's traceback."""
        raise NotImplementedError

    def getRealPath(self, path: str) -> str | None:
        """Return where a path lies in the file system."""
        raise NotImplementedError

    def getServerInfo(self) -> str:
        """Return name/version, and perhaps more in parentheses."""
        raise NotImplementedError

    def getInitParameter(self, name: str) -> str | None:
        """Return a <context-param>."""
        raise NotImplementedError

    def getInitParameterNames(self) -> Enumeration[str]:
        raise NotImplementedError

    def setInitParameter(self, name: str, value: str) -> bool:
        """Set a parameter; False, and nothing done, if there is one of that name."""
        raise NotImplementedError

    def getAttribute(self, name: str) -> Any:
        raise NotImplementedError

    def getAttributeNames(self) -> Enumeration[str]:
        raise NotImplementedError

    def setAttribute(self, name: str, object: object) -> None:
        """Set an attribute; None removes it. Tells the listeners."""
        raise NotImplementedError

    def removeAttribute(self, name: str) -> None:
        raise NotImplementedError

    def getServletContextName(self) -> str | None:
        """Return the descriptor's <display-name>."""
        raise NotImplementedError

    def addServlet(
        self, servletName: str, servlet: str | type[Servlet] | Servlet
    ) -> ServletRegistration.Dynamic | None:
        """Register a servlet by class name, class or instance.

        None if there is a complete one of that name, or if the instance is registered already (RT-REG-04,
        05).
        """
        raise NotImplementedError

    def addJspFile(self, servletName: str, jspFile: str) -> ServletRegistration.Dynamic | None:
        """Register a page as a servlet."""
        raise NotImplementedError

    def createServlet(self, clazz: type[S]) -> S:
        """Make a servlet, to be changed before addServlet.

        Raises ServletException if its constructor fails.
        """
        raise NotImplementedError

    def getServletRegistration(self, servletName: str) -> ServletRegistration | None:
        raise NotImplementedError

    def getServletRegistrations(self) -> dict[str, ServletRegistration]:
        raise NotImplementedError

    def addFilter(
        self, filterName: str, filter: str | type[Filter] | Filter
    ) -> FilterRegistration.Dynamic | None:
        """Register a filter by class name, class or instance; None as with addServlet."""
        raise NotImplementedError

    def createFilter(self, clazz: type[F]) -> F:
        """Make a filter, to be changed before addFilter. Raises ServletException if its constructor fails."""
        raise NotImplementedError

    def getFilterRegistration(self, filterName: str) -> FilterRegistration | None:
        raise NotImplementedError

    def getFilterRegistrations(self) -> dict[str, FilterRegistration]:
        raise NotImplementedError

    def addListener(self, listener: str | type[EventListener] | EventListener) -> None:
        """Register a listener by class name, class or instance (RT-REG-08)."""
        raise NotImplementedError

    def createListener(self, clazz: type[L]) -> L:
        """Make a listener, to be changed before addListener.

        Raises ServletException if its constructor fails.
        """
        raise NotImplementedError

    def getSessionCookieConfig(self) -> SessionCookieConfig:
        raise NotImplementedError

    def setSessionTrackingModes(self, modes: Iterable[SessionTrackingMode]) -> None:
        """Replace the modes. Raises IllegalArgumentException for SSL together with another."""
        raise NotImplementedError

    def getDefaultSessionTrackingModes(self) -> set[SessionTrackingMode]:
        raise NotImplementedError

    def getEffectiveSessionTrackingModes(self) -> set[SessionTrackingMode]:
        raise NotImplementedError

    def getJspConfigDescriptor(self) -> JspConfigDescriptor | None:
        raise NotImplementedError

    def getClassLoader(self) -> ClassLoader:
        raise NotImplementedError

    def declareRoles(self, *roleNames: str) -> None:
        raise NotImplementedError

    def getVirtualServerName(self) -> str:
        """Return a name that is the same for all web apps of a logical host."""
        raise NotImplementedError

    def getSessionTimeout(self) -> int:
        """Return minutes."""
        raise NotImplementedError

    def setSessionTimeout(self, minutes: int) -> None:
        """Set after how long without a request a session ends; 0 or less: never."""
        raise NotImplementedError

    def getRequestCharacterEncoding(self) -> str | None:
        raise NotImplementedError

    def setRequestCharacterEncoding(self, encoding: str | CodecInfo | None) -> None:
        raise NotImplementedError

    def getResponseCharacterEncoding(self) -> str | None:
        raise NotImplementedError

    def setResponseCharacterEncoding(self, encoding: str | CodecInfo | None) -> None:
        raise NotImplementedError


class ServletContainerInitializer:
    """Code of a library that prepares every web app it is in (§8.2.4).

    A distribution names its class as an entry point of the group
    ``jakarta.servlet.ServletContainerInitializer``; an archive of WEB-INF/lib may name it in
    ``META-INF/services/jakarta.servlet.ServletContainerInitializer`` instead.
    """

    __slots__ = ()

    def onStartup(self, c: set[type] | None, ctx: ServletContext) -> None:
        """Called before any listener. c: the classes asked for with HandlesTypes, None if there are none."""
        raise NotImplementedError
