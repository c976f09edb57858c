"""The Servlet API that web apps import: Jakarta names, Jakarta case (Servlet 6.1).

    from container.servlet import HttpServlet, WebServlet

    servlet.py filter.py listener.py annotations.py     what a web app subclasses or decorates with
    request.py response.py session.py context.py        what the engine implements, and the wrappers
    stream.py dispatch.py connection.py multipart.py    what requests and responses lead to
    cookie.py locale.py enums.py security.py            values
    enumeration.py exceptions.py configuration.py       what the others are made of

Interfaces are plain classes whose methods raise NotImplementedError: an ABC would make isinstance slow on the
hot path.
"""

from container.servlet.annotations import (
    DeclareRoles,
    HandlesTypes,
    HttpConstraint,
    HttpMethodConstraint,
    MultipartConfig,
    PostConstruct,
    PreDestroy,
    RunAs,
    ServletSecurity,
    WebFilter,
    WebInitParam,
    WebListener,
    WebServlet,
)
from container.servlet.connection import (
    HttpUpgradeHandler,
    ServletConnection,
    WebConnection,
)
from container.servlet.context import (
    ClassLoader,
    FilterRegistration,
    JspConfigDescriptor,
    JspPropertyGroupDescriptor,
    Registration,
    ServletContainerInitializer,
    ServletContext,
    ServletRegistration,
    SessionCookieConfig,
    TaglibDescriptor,
)
from container.servlet.cookie import (
    Cookie,
)
from container.servlet.dispatch import (
    AsyncContext,
    RequestDispatcher,
    Runnable,
)
from container.servlet.enumeration import (
    Enumeration,
)
from container.servlet.enums import (
    DispatcherType,
    EmptyRoleSemantic,
    MappingMatch,
    SessionTrackingMode,
    TransportGuarantee,
)
from container.servlet.exceptions import (
    CharConversionException,
    IllegalArgumentException,
    IllegalStateException,
    IOException,
    MalformedURLException,
    NullPointerException,
    NumberFormatException,
    ServletException,
    UnavailableException,
    UnsupportedEncodingException,
    UnsupportedOperationException,
)
from container.servlet.filter import (
    Filter,
    FilterChain,
    FilterConfig,
    GenericFilter,
    HttpFilter,
)
from container.servlet.listener import (
    AsyncEvent,
    AsyncListener,
    EventListener,
    EventObject,
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionIdListener,
    HttpSessionListener,
    ServletContextAttributeEvent,
    ServletContextAttributeListener,
    ServletContextEvent,
    ServletContextListener,
    ServletRequestAttributeEvent,
    ServletRequestAttributeListener,
    ServletRequestEvent,
    ServletRequestListener,
)
from container.servlet.locale import (
    Locale,
)
from container.servlet.multipart import (
    MultipartConfigElement,
    Part,
)
from container.servlet.request import (
    HttpServletMapping,
    HttpServletRequest,
    HttpServletRequestWrapper,
    PushBuilder,
    ServletRequest,
    ServletRequestWrapper,
)
from container.servlet.response import (
    HttpServletResponse,
    HttpServletResponseWrapper,
    ServletResponse,
    ServletResponseWrapper,
)
from container.servlet.security import (
    HttpConstraintElement,
    HttpMethodConstraintElement,
    Principal,
    ServletSecurityElement,
)
from container.servlet.servlet import (
    GenericServlet,
    HttpServlet,
    Servlet,
    ServletConfig,
)
from container.servlet.session import (
    HttpSession,
)
from container.servlet.stream import (
    PrintWriter,
    Reader,
    ReadListener,
    ServletInputStream,
    ServletOutputStream,
    WriteListener,
)

__all__ = [
    "AsyncContext",
    "AsyncEvent",
    "AsyncListener",
    "CharConversionException",
    "ClassLoader",
    "Cookie",
    "DeclareRoles",
    "DispatcherType",
    "EmptyRoleSemantic",
    "Enumeration",
    "EventListener",
    "EventObject",
    "Filter",
    "FilterChain",
    "FilterConfig",
    "FilterRegistration",
    "GenericFilter",
    "GenericServlet",
    "HandlesTypes",
    "HttpConstraint",
    "HttpConstraintElement",
    "HttpFilter",
    "HttpMethodConstraint",
    "HttpMethodConstraintElement",
    "HttpServlet",
    "HttpServletMapping",
    "HttpServletRequest",
    "HttpServletRequestWrapper",
    "HttpServletResponse",
    "HttpServletResponseWrapper",
    "HttpSession",
    "HttpSessionActivationListener",
    "HttpSessionAttributeListener",
    "HttpSessionBindingEvent",
    "HttpSessionBindingListener",
    "HttpSessionEvent",
    "HttpSessionIdListener",
    "HttpSessionListener",
    "HttpUpgradeHandler",
    "IOException",
    "IllegalArgumentException",
    "IllegalStateException",
    "JspConfigDescriptor",
    "JspPropertyGroupDescriptor",
    "Locale",
    "MalformedURLException",
    "MappingMatch",
    "MultipartConfig",
    "MultipartConfigElement",
    "NullPointerException",
    "NumberFormatException",
    "Part",
    "PostConstruct",
    "PreDestroy",
    "Principal",
    "PrintWriter",
    "PushBuilder",
    "ReadListener",
    "Reader",
    "Registration",
    "RequestDispatcher",
    "RunAs",
    "Runnable",
    "Servlet",
    "ServletConfig",
    "ServletConnection",
    "ServletContainerInitializer",
    "ServletContext",
    "ServletContextAttributeEvent",
    "ServletContextAttributeListener",
    "ServletContextEvent",
    "ServletContextListener",
    "ServletException",
    "ServletInputStream",
    "ServletOutputStream",
    "ServletRegistration",
    "ServletRequest",
    "ServletRequestAttributeEvent",
    "ServletRequestAttributeListener",
    "ServletRequestEvent",
    "ServletRequestListener",
    "ServletRequestWrapper",
    "ServletResponse",
    "ServletResponseWrapper",
    "ServletSecurity",
    "ServletSecurityElement",
    "SessionCookieConfig",
    "SessionTrackingMode",
    "TaglibDescriptor",
    "TransportGuarantee",
    "UnavailableException",
    "UnsupportedEncodingException",
    "UnsupportedOperationException",
    "WebConnection",
    "WebFilter",
    "WebInitParam",
    "WebListener",
    "WebServlet",
    "WriteListener",
]
