"""The ServletContext of a web app.

What it sees of its Context, and how code registers components (Servlet 6.1 §4).
"""

from __future__ import annotations

import codecs
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from container import __version__
from container.descriptor import model
from container.descriptor.checks import url_pattern_problem
from container.engine.charsets import charset_of, codec
from container.engine.deployment import (
    FilterDeclaration,
    FilterMappingDeclaration,
    ServletDeclaration,
)
from container.engine.uri import resolve
from container.files import mime_type
from container.servlet import (
    DispatcherType,
    Enumeration,
    EventListener,
    Filter,
    FilterRegistration,
    IllegalArgumentException,
    IllegalStateException,
    JspConfigDescriptor,
    JspPropertyGroupDescriptor,
    MalformedURLException,
    MultipartConfigElement,
    NullPointerException,
    RequestDispatcher,
    Servlet,
    ServletContext,
    ServletContextListener,
    ServletException,
    ServletRegistration,
    ServletSecurityElement,
    SessionCookieConfig,
    SessionTrackingMode,
    TaglibDescriptor,
    UnsupportedOperationException,
)
from container.servlet.annotations import LISTENERS

if TYPE_CHECKING:
    from container.engine.context import Context

__all__ = ["ApplicationContext"]

T = TypeVar("T")

# A ServletContextListener that is one of these as well is added, as in Tomcat, and never hears of the start.
_LATE_LISTENERS = tuple(kind for kind in LISTENERS if kind is not ServletContextListener)


class ApplicationContext(ServletContext):
    """See the module. One for each web app.

    Any thread may call it, registration only until the app has started.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.RLock()  # guards _attributes
        self._attributes: dict[str, Any] = {ServletContext.TEMPDIR: context.work}
        self._frozen = False
        self._initializing = False
        self._restricted = False
        self._created: list[object] = []  # by createServlet
        self._log = logging.getLogger(f"container.webapp.{context.folder.name}")

    def __repr__(self) -> str:
        return f"<ServletContext {self._context.path or '/'}>"

    def freeze(self) -> None:
        """The web app has started: registration is over (RT-REG-01)."""
        self._frozen = True

    @contextmanager
    def initializing(self) -> Iterator[None]:
        """While a ServletContainerInitializer runs: it may add context listeners (RT-REG-08)."""
        self._initializing = True
        try:
            yield
        finally:
            self._initializing = False

    @contextmanager
    def restricted(self) -> Iterator[None]:
        """While a context listener runs that nothing declares: it may not register (RT-REG-02)."""
        self._restricted = True
        try:
            yield
        finally:
            self._restricted = False

    def _check_declared(self, what: str) -> None:
        if self._restricted:
            raise UnsupportedOperationException(
                f"{what} is for context listeners that a descriptor or an annotation declares (§4.4)"
            )

    def _check_open(self, what: str) -> None:
        self._check_declared(what)
        if self._frozen:
            raise IllegalStateException(f"{what} is possible only until the web app has started (§4.4)")

    # --- identity------------------------------------------------------------------------------------------

    def getContextPath(self) -> str:
        return self._context.path

    def getContext(self, uripath: str) -> ServletContext | None:
        """Another web app's context.

        Its own, or any other's where the setting cross_context is on (RT-RD-07).
        """
        if uripath is None or not uripath.startswith("/"):
            return None
        found = self._context.container.context_for(uripath)
        if found is None or (found is not self._context and not self._context.settings.cross_context):
            return None
        return found.facade

    def getMajorVersion(self) -> int:
        return 6

    def getMinorVersion(self) -> int:
        return 1

    def getEffectiveMajorVersion(self) -> int:
        return int(self._context.web_app.version.partition(".")[0])

    def getEffectiveMinorVersion(self) -> int:
        return int(self._context.web_app.version.partition(".")[2] or 0)

    def getServerInfo(self) -> str:
        return f"servlet-container/{__version__}"

    def getVirtualServerName(self) -> str:
        return "localhost"

    def getServletContextName(self) -> str | None:
        names = self._context.web_app.about.display_names
        return names[0].value if names else None  # DD-DESC-02; Tomcat takes the last

    def getClassLoader(self) -> Any:
        return self._context.loader

    def log(self, message: str, throwable: BaseException | None = None) -> None:
        self._log.info("%s", message, exc_info=throwable)

    # --- parameters and attributes-------------------------------------------------------------------------

    def getInitParameter(self, name: str) -> str | None:
        return self._context.deployment.context_params.get(_not_none(name))

    def getInitParameterNames(self) -> Enumeration[str]:
        return Enumeration(self._context.deployment.context_params)

    def setInitParameter(self, name: str, value: str) -> bool:
        _not_none(name)
        self._check_open("setInitParameter")
        params = self._context.deployment.context_params
        if name in params:
            return False
        params[name] = value
        return True

    def getAttribute(self, name: str) -> Any:
        return self._attributes.get(_not_none(name))

    def getAttributeNames(self) -> Enumeration[str]:
        with self._lock:
            return Enumeration(list(self._attributes))

    def setAttribute(self, name: str, object: Any) -> None:
        _not_none(name)
        if object is None:
            self.removeAttribute(name)
            return
        with self._lock:
            old = self._attributes.get(name)
            self._attributes[name] = object
        self._context.listeners.context_attribute_changed(self, name, old, object)

    def removeAttribute(self, name: str) -> None:
        with self._lock:
            old = self._attributes.pop(_not_none(name), None)
        if old is not None:
            self._context.listeners.context_attribute_changed(self, name, old, None)

    # --- resources-----------------------------------------------------------------------------------------

    def getMimeType(self, file: str) -> str | None:
        if file is None:
            return None
        extension = file.rpartition(".")[2].lower() if "." in file else ""
        return self._context.resources.mime_types.get(extension) or mime_type(file)

    def getResourcePaths(self, path: str) -> set[str] | None:
        if path is None:
            return None
        if not path.startswith("/"):
            raise IllegalArgumentException(f'getResourcePaths: "{path}" must start with "/"')
        return self._context.resources.children(path)

    def getResource(self, path: str) -> str | None:
        if path is None or not path.startswith("/"):
            raise MalformedURLException(f'getResource: "{path}" must start with "/"')
        found = self._context.resources.find(path)
        return None if found is None else found.as_uri()

    def getResourceAsStream(self, path: str) -> BinaryIO | None:
        if path is None or not path.startswith("/"):
            return None
        found = self._context.resources.find(path)
        return found.open("rb") if found is not None and found.is_file() else None

    def getRealPath(self, path: str) -> str | None:
        if path is None:
            return None
        canonical = resolve("/", path if path.startswith("/") else "/" + path)
        if canonical is None:
            return None
        resources = self._context.resources
        found = resources.find(canonical) or resources.roots[0] / canonical[1:]
        return str(found) + (os.sep if canonical.endswith("/") and canonical != "/" else "")

    def getRequestDispatcher(self, path: str) -> RequestDispatcher | None:
        if path is None:
            return None
        if path and not path.startswith("/"):
            raise IllegalArgumentException(f'getRequestDispatcher: "{path}" must start with "/"')
        plain, mark, query = path.partition("#")[0].partition("?")
        return self._context.dispatcher(plain or "/", query if mark else None)

    def getNamedDispatcher(self, name: str) -> RequestDispatcher | None:
        return None if name is None else self._context.named_dispatcher(name)

    # --- encodings, sessions-------------------------------------------------------------------------------

    def getRequestCharacterEncoding(self) -> str | None:
        return self._context.deployment.request_encoding

    def setRequestCharacterEncoding(self, encoding: str | codecs.CodecInfo | None) -> None:
        self._check_open("setRequestCharacterEncoding")
        self._context.deployment.request_encoding = _encoding(encoding)

    def getResponseCharacterEncoding(self) -> str | None:
        return self._context.deployment.response_encoding

    def setResponseCharacterEncoding(self, encoding: str | codecs.CodecInfo | None) -> None:
        self._check_open("setResponseCharacterEncoding")
        self._context.deployment.response_encoding = _encoding(encoding)

    def getSessionTimeout(self) -> int:
        return self._context.deployment.session_timeout_minutes

    def setSessionTimeout(self, sessionTimeout: int) -> None:
        self._check_open("setSessionTimeout")
        self._context.deployment.session_timeout_minutes = sessionTimeout

    def getSessionCookieConfig(self) -> SessionCookieConfig:
        self._check_declared("getSessionCookieConfig")
        return self._context.sessions.cookie_config

    def setSessionTrackingModes(self, sessionTrackingModes: Iterable[SessionTrackingMode]) -> None:
        self._check_open("setSessionTrackingModes")
        modes = frozenset(sessionTrackingModes)
        if SessionTrackingMode.SSL in modes:
            raise IllegalArgumentException(
                "tracking by SSL is not supported"
                if len(modes) == 1
                else "SSL excludes the other tracking modes"
            )
        self._context.sessions.modes = modes

    def getDefaultSessionTrackingModes(self) -> set[SessionTrackingMode]:
        return {SessionTrackingMode.COOKIE, SessionTrackingMode.URL}

    def getEffectiveSessionTrackingModes(self) -> set[SessionTrackingMode]:
        return set(self._context.sessions.modes)

    def declareRoles(self, *roleNames: str) -> None:
        self._check_open("declareRoles")
        if not all(roleNames):
            raise IllegalArgumentException("a role needs a name")
        self._context.deployment.declare_roles(roleNames)

    def getJspConfigDescriptor(self) -> JspConfigDescriptor | None:
        config = self._context.web_app.jsp_config
        return None if config is None else JspConfigView(config)

    # --- registration (RT-REG)-----------------------------------------------------------------------------

    def addServlet(
        self, servletName: str, servlet: str | type[Servlet] | Servlet
    ) -> ServletRegistration.Dynamic | None:
        self._check_open("addServlet")
        servlets = self._context.deployment.servlets
        declaration = servlets.get(_name(servletName, "servlet"))
        _check_component(servlet, "service")
        if declaration is not None and not declaration.preliminary:
            return None
        if isinstance(servlet, str):
            found: dict[str, Any] = {"class_name": servlet}
        elif isinstance(servlet, type):
            found = {"servlet_class": servlet, "class_name": self._context.loader.name_of(servlet)}
        else:
            if not self._context.container.claim(servlet, self._context):
                return None
            found = {
                "instance": servlet,
                "created": any(servlet is created for created in self._created),
                "class_name": self._context.loader.name_of(type(servlet)),
            }
        if declaration is None:
            declaration = servlets[servletName] = ServletDeclaration(servletName)
        for key, value in found.items():
            setattr(declaration, key, value)
        return ServletView(self, declaration)

    def addJspFile(self, servletName: str, jspFile: str) -> ServletRegistration.Dynamic | None:
        self._check_open("addJspFile")
        if not jspFile or not jspFile.startswith("/"):
            raise IllegalArgumentException(f'a page\'s path must start with "/": "{jspFile}"')
        servlets = self._context.deployment.servlets
        declaration = servlets.get(_name(servletName, "servlet"))
        if declaration is not None and not declaration.preliminary:
            return None
        declaration = servlets.setdefault(servletName, ServletDeclaration(servletName))
        declaration.jsp_file = jspFile
        return ServletView(self, declaration)

    def createServlet(self, clazz: type[T]) -> T:
        self._check_declared("createServlet")
        servlet = self._create(clazz)
        self._created.append(servlet)
        return servlet

    def createFilter(self, clazz: type[T]) -> T:
        self._check_declared("createFilter")
        return self._create(clazz)

    def createListener(self, clazz: type[T]) -> T:
        self._check_declared("createListener")
        if not (isinstance(clazz, type) and issubclass(clazz, LISTENERS)):
            raise IllegalArgumentException(f"{clazz!r} implements no listener interface")
        return self._create(clazz)

    def _create(self, clazz: type[T]) -> T:
        try:
            instance = clazz()
            self._context.injection.begin(instance)
        except Exception as error:  # the constructor is application code
            raise ServletException(f"{clazz!r} cannot be created: {error}", error) from error
        return instance

    def getServletRegistration(self, servletName: str) -> ServletRegistration | None:
        self._check_declared("getServletRegistration")
        declaration = self._context.deployment.servlets.get(servletName)
        return None if declaration is None else ServletView(self, declaration)

    def getServletRegistrations(self) -> dict[str, ServletRegistration]:
        self._check_declared("getServletRegistrations")
        return {name: ServletView(self, d) for name, d in self._context.deployment.servlets.items()}

    def addFilter(
        self, filterName: str, filter: str | type[Filter] | Filter
    ) -> FilterRegistration.Dynamic | None:
        self._check_open("addFilter")
        filters = self._context.deployment.filters
        declaration = filters.get(_name(filterName, "filter"))
        _check_component(filter, "doFilter")
        if declaration is not None and not declaration.preliminary:
            return None
        if isinstance(filter, str):
            found: dict[str, Any] = {"class_name": filter}
        elif isinstance(filter, type):
            found = {"filter_class": filter, "class_name": self._context.loader.name_of(filter)}
        else:
            if not self._context.container.claim(filter, self._context):
                return None
            found = {"instance": filter, "class_name": self._context.loader.name_of(type(filter))}
        if declaration is None:
            declaration = filters[filterName] = FilterDeclaration(filterName)
        for key, value in found.items():
            setattr(declaration, key, value)
        return FilterView(self, declaration)

    def getFilterRegistration(self, filterName: str) -> FilterRegistration | None:
        self._check_declared("getFilterRegistration")
        declaration = self._context.deployment.filters.get(filterName)
        return None if declaration is None else FilterView(self, declaration)

    def getFilterRegistrations(self) -> dict[str, FilterRegistration]:
        self._check_declared("getFilterRegistrations")
        return {name: FilterView(self, d) for name, d in self._context.deployment.filters.items()}

    def addListener(self, listener: str | type[EventListener] | EventListener) -> None:
        self._check_open("addListener")
        instance: Any = listener
        try:
            if isinstance(instance, str):
                instance = self._context.loader.load_class(instance)
            if isinstance(instance, type):
                instance = self._create(instance)
        except Exception as error:  # importing and the constructor are application code
            raise IllegalArgumentException(f"listener {listener}: {error}") from error
        if not isinstance(instance, LISTENERS if self._initializing else _LATE_LISTENERS):
            name = type(instance).__qualname__
            if isinstance(instance, ServletContextListener):
                raise IllegalArgumentException(
                    f"{name} is a ServletContextListener, which only an initializer can add (§4.4.3)"
                )
            raise IllegalArgumentException(f"{name} implements no listener interface that can be added")
        self._context.add_listener(instance)


class RegistrationView:
    """What ServletRegistration and FilterRegistration share: a view of a declaration."""

    def __init__(self, owner: ApplicationContext, declaration: Any) -> None:
        self._owner = owner
        self._declaration = declaration

    def _check_open(self, what: str) -> None:
        self._owner._check_open(what)

    def getName(self) -> str:
        name: str = self._declaration.name
        return name

    def getClassName(self) -> str | None:
        name: str | None = self._declaration.class_name
        return name

    def setInitParameter(self, name: str, value: str) -> bool:
        self._check_open("setInitParameter")
        if name is None or value is None:
            raise IllegalArgumentException("an init parameter needs a name and a value")
        if name in self._declaration.init_params:
            return False
        self._declaration.init_params[name] = value
        return True

    def getInitParameter(self, name: str) -> str | None:
        value: str | None = self._declaration.init_params.get(name)
        return value

    def setInitParameters(self, initParameters: Mapping[str, str]) -> set[str]:
        self._check_open("setInitParameters")
        if any(name is None or value is None for name, value in initParameters.items()):
            raise IllegalArgumentException("an init parameter needs a name and a value")
        conflicts = set(initParameters) & set(self._declaration.init_params)
        if not conflicts:
            self._declaration.init_params.update(initParameters)
        return conflicts

    def getInitParameters(self) -> Mapping[str, str]:
        return MappingProxyType(dict(self._declaration.init_params))

    def setAsyncSupported(self, isAsyncSupported: bool) -> None:
        self._check_open("setAsyncSupported")
        self._declaration.async_supported = bool(isAsyncSupported)


class ServletView(RegistrationView, ServletRegistration.Dynamic):
    """ServletRegistration.Dynamic over a ServletDeclaration."""

    _declaration: ServletDeclaration

    def addMapping(self, *urlPatterns: str) -> set[str]:
        self._check_open("addMapping")
        if not urlPatterns or any(pattern is None for pattern in urlPatterns):
            raise IllegalArgumentException("addMapping needs at least one url-pattern")
        _check_patterns(urlPatterns)
        deployment = self._owner._context.deployment
        taken = {
            pattern for pattern in urlPatterns
            if (owner := deployment.owner_of(pattern)) is not None and owner is not self._declaration
        }  # fmt: skip
        if not taken:
            for pattern in urlPatterns:
                if pattern not in self._declaration.mappings:
                    self._declaration.mappings.append(pattern)
        return taken

    def getMappings(self) -> list[str]:
        return list(self._declaration.mappings)

    def getRunAsRole(self) -> str | None:
        return self._declaration.run_as

    def setLoadOnStartup(self, loadOnStartup: int) -> None:
        self._check_open("setLoadOnStartup")
        self._declaration.load_on_startup = loadOnStartup

    def setServletSecurity(self, constraint: ServletSecurityElement) -> set[str]:
        self._check_open("setServletSecurity")
        if constraint is None:
            raise IllegalArgumentException("setServletSecurity needs a ServletSecurityElement")
        self._declaration.security = constraint
        declared = {
            pattern
            for item in self._owner._context.web_app.security_constraints
            for collection in item.collections
            for pattern in collection.url_patterns
        }
        return declared & set(self._declaration.mappings)

    def setMultipartConfig(self, multipartConfig: MultipartConfigElement) -> None:
        self._check_open("setMultipartConfig")
        if multipartConfig is None:
            raise IllegalArgumentException("setMultipartConfig needs a MultipartConfigElement")
        self._declaration.multipart_config = multipartConfig

    def setRunAsRole(self, roleName: str) -> None:
        self._check_open("setRunAsRole")
        if roleName is None:
            raise IllegalArgumentException("setRunAsRole needs a role")
        self._declaration.run_as = roleName
        self._owner._context.deployment.declare_roles((roleName,))


class FilterView(RegistrationView, FilterRegistration.Dynamic):
    """FilterRegistration.Dynamic over a FilterDeclaration."""

    _declaration: FilterDeclaration

    def addMappingForServletNames(
        self, dispatcherTypes: Iterable[DispatcherType] | None, isMatchAfter: bool, *servletNames: str
    ) -> None:
        self._add(dispatcherTypes, isMatchAfter, servletNames, by_pattern=False)

    def addMappingForUrlPatterns(
        self, dispatcherTypes: Iterable[DispatcherType] | None, isMatchAfter: bool, *urlPatterns: str
    ) -> None:
        self._add(dispatcherTypes, isMatchAfter, urlPatterns, by_pattern=True)

    def _add(
        self, types: Iterable[DispatcherType] | None, after: bool, names: tuple[str, ...], *, by_pattern: bool
    ) -> None:
        self._check_open("addMapping")
        if not names or any(name is None for name in names):
            raise IllegalArgumentException("a filter mapping needs at least one pattern or servlet name")
        if by_pattern:
            _check_patterns(names)
        dispatchers = frozenset(kind.name for kind in types or ()) or frozenset({"REQUEST"})
        mappings = self._owner._context.deployment.filter_mappings
        new = [
            FilterMappingDeclaration(self._declaration.name, dispatchers, url_pattern=name)
            if by_pattern
            else FilterMappingDeclaration(self._declaration.name, dispatchers, servlet_name=name)
            for name in names
        ]
        if after:
            mappings.extend(new)
        else:
            place = self._owner._context.deployment.mappings_before
            mappings[place:place] = new
            self._owner._context.deployment.mappings_before += len(new)

    def getServletNameMappings(self) -> list[str]:
        return self._targets(lambda m: m.servlet_name)

    def getUrlPatternMappings(self) -> list[str]:
        return self._targets(lambda m: m.url_pattern)

    def _targets(self, pick: Callable[[FilterMappingDeclaration], str | None]) -> list[str]:
        mappings = self._owner._context.deployment.filter_mappings
        names = [pick(m) for m in mappings if m.filter_name == self._declaration.name]
        return list(dict.fromkeys(name for name in names if name is not None))


class JspConfigView(JspConfigDescriptor):
    """<jsp-config> as the API shows it."""

    def __init__(self, config: model.JspConfig) -> None:
        self._config = config

    def getTaglibs(self) -> list[TaglibDescriptor]:
        return [TaglibView(taglib) for taglib in self._config.taglibs]

    def getJspPropertyGroups(self) -> list[JspPropertyGroupDescriptor]:
        return [PropertyGroupView(group) for group in self._config.property_groups]


class TaglibView(TaglibDescriptor):
    """<taglib>."""

    def __init__(self, taglib: model.Taglib) -> None:
        self._taglib = taglib

    def getTaglibURI(self) -> str:
        return self._taglib.uri

    def getTaglibLocation(self) -> str:
        return self._taglib.location


class PropertyGroupView(JspPropertyGroupDescriptor):
    """<jsp-property-group>."""

    def __init__(self, group: model.JspPropertyGroup) -> None:
        self._group = group

    def getUrlPatterns(self) -> list[str]:
        return list(self._group.url_patterns)

    def getElIgnored(self) -> str | None:
        return self._group.el_ignored

    def getErrorOnELNotFound(self) -> str | None:
        return self._group.error_on_el_not_found

    def getPageEncoding(self) -> str | None:
        return self._group.page_encoding

    def getScriptingInvalid(self) -> str | None:
        return self._group.scripting_invalid

    def getIsXml(self) -> str | None:
        return self._group.is_xml

    def getIncludePreludes(self) -> list[str]:
        return list(self._group.include_preludes)

    def getIncludeCodas(self) -> list[str]:
        return list(self._group.include_codas)

    def getDeferredSyntaxAllowedAsLiteral(self) -> str | None:
        return self._group.deferred_syntax_allowed_as_literal

    def getTrimDirectiveWhitespaces(self) -> str | None:
        return self._group.trim_directive_whitespaces

    def getDefaultContentType(self) -> str | None:
        return self._group.default_content_type

    def getBuffer(self) -> str | None:
        return self._group.buffer

    def getErrorOnUndeclaredNamespace(self) -> str | None:
        return self._group.error_on_undeclared_namespace


def _not_none(name: str) -> str:
    if name is None:
        raise NullPointerException("the name is None")
    return name


def _name(name: str, kind: str) -> str:
    if not name:
        raise IllegalArgumentException(f"a {kind} needs a name")
    return name


def _check_component(component: object, method: str) -> None:
    if not isinstance(component, str) and not callable(getattr(component, method, None)):
        raise IllegalArgumentException(f"{component!r} has no method {method}")


def _check_patterns(patterns: Iterable[str]) -> None:
    for pattern in patterns:
        problem = url_pattern_problem(pattern)
        if problem is not None and problem.severity == "error":
            raise IllegalArgumentException(f"{problem.message}. {problem.cure}")


def _encoding(encoding: str | codecs.CodecInfo | None) -> str | None:
    name = charset_of(encoding)
    if name is not None:
        codec(name)
    return name
