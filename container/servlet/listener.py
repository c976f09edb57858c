"""What a web app can be told, and by which events (§11).

A listener implements one interface or more; every method has an empty default, except those of AsyncListener
and ``sessionIdChanged``. Attribute events carry the new value when one is added, the removed one when it is
removed, and the *old* one when it is replaced.
"""

from __future__ import annotations

from types import EllipsisType
from typing import TYPE_CHECKING, Any

from container.servlet.exceptions import IllegalArgumentException

if TYPE_CHECKING:
    from container.servlet.context import ServletContext
    from container.servlet.dispatch import AsyncContext
    from container.servlet.request import ServletRequest
    from container.servlet.response import ServletResponse
    from container.servlet.session import HttpSession

__all__ = [
    "AsyncEvent",
    "AsyncListener",
    "EventListener",
    "EventObject",
    "HttpSessionActivationListener",
    "HttpSessionAttributeListener",
    "HttpSessionBindingEvent",
    "HttpSessionBindingListener",
    "HttpSessionEvent",
    "HttpSessionIdListener",
    "HttpSessionListener",
    "ServletContextAttributeEvent",
    "ServletContextAttributeListener",
    "ServletContextEvent",
    "ServletContextListener",
    "ServletRequestAttributeEvent",
    "ServletRequestAttributeListener",
    "ServletRequestEvent",
    "ServletRequestListener",
]


class EventObject:
    """Something that happened to its source."""

    __slots__ = ("_source",)

    def __init__(self, source: Any) -> None:
        if source is None:
            raise IllegalArgumentException(f"{type(self).__name__} needs a source, not None")
        self._source = source

    def getSource(self) -> Any:
        return self._source

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._source!r}>"


class ServletContextEvent(EventObject):
    """A web app starts or stops."""

    __slots__ = ()

    def __init__(self, source: ServletContext) -> None:
        super().__init__(source)

    def getServletContext(self) -> ServletContext:
        context: ServletContext = self._source
        return context


class ServletContextAttributeEvent(ServletContextEvent):
    """An attribute of a web app changed."""

    __slots__ = ("_name", "_value")

    def __init__(self, source: ServletContext, name: str, value: object) -> None:
        super().__init__(source)
        self._name = name
        self._value = value

    def getName(self) -> str:
        return self._name

    def getValue(self) -> Any:
        return self._value


class ServletRequestEvent(EventObject):
    """A request enters or leaves a web app, which is the source."""

    __slots__ = ("_request",)

    def __init__(self, sc: ServletContext, request: ServletRequest) -> None:
        super().__init__(sc)
        self._request = request

    def getServletRequest(self) -> ServletRequest:
        return self._request

    def getServletContext(self) -> ServletContext:
        context: ServletContext = self._source
        return context


class ServletRequestAttributeEvent(ServletRequestEvent):
    """An attribute of a request changed."""

    __slots__ = ("_name", "_value")

    def __init__(self, sc: ServletContext, request: ServletRequest, name: str, value: object) -> None:
        super().__init__(sc, request)
        self._name = name
        self._value = value

    def getName(self) -> str:
        return self._name

    def getValue(self) -> Any:
        return self._value


class HttpSessionEvent(EventObject):
    """A session begins, ends, moves or gets another id."""

    __slots__ = ()

    def __init__(self, source: HttpSession) -> None:
        super().__init__(source)

    def getSession(self) -> HttpSession:
        session: HttpSession = self._source
        return session


class HttpSessionBindingEvent(HttpSessionEvent):
    """An attribute of a session changed."""

    __slots__ = ("_name", "_value")

    def __init__(self, session: HttpSession, name: str, value: object = None) -> None:
        super().__init__(session)
        self._name = name
        self._value = value

    def getName(self) -> str:
        return self._name

    def getValue(self) -> Any:
        return self._value


class AsyncEvent:
    """Something happened to an asynchronous request.

    The Java forms: ``(context)``, ``(context, request, response)``, ``(context, throwable)`` and all four.
    Left out, request and response are those of the context; None says that the listener was added without
    them.
    """

    __slots__ = ("_context", "_request", "_response", "_throwable")

    def __init__(
        self,
        context: AsyncContext,
        request: ServletRequest | BaseException | EllipsisType | None = ...,
        response: ServletResponse | EllipsisType | None = ...,
        throwable: BaseException | None = None,
    ) -> None:
        if isinstance(request, BaseException):
            throwable, request = request, ...
        self._context = context
        self._request = context.getRequest() if request is ... else request
        self._response = context.getResponse() if response is ... else response
        self._throwable = throwable

    def getAsyncContext(self) -> AsyncContext:
        return self._context

    def getSuppliedRequest(self) -> ServletRequest | None:
        return self._request

    def getSuppliedResponse(self) -> ServletResponse | None:
        return self._response

    def getThrowable(self) -> BaseException | None:
        return self._throwable


class EventListener:
    """The base of all listeners."""

    __slots__ = ()


class ServletContextListener(EventListener):
    """Told when the web app starts and stops: the place to open what all requests share."""

    __slots__ = ()

    def contextInitialized(self, sce: ServletContextEvent) -> None:
        """The web app starts; no filter or servlet exists yet. An exception keeps it from starting."""

    def contextDestroyed(self, sce: ServletContextEvent) -> None:
        """The web app has stopped; all servlets and filters are destroyed."""


class ServletContextAttributeListener(EventListener):
    """Told about the web app's attributes."""

    __slots__ = ()

    def attributeAdded(self, event: ServletContextAttributeEvent) -> None:
        pass

    def attributeRemoved(self, event: ServletContextAttributeEvent) -> None:
        pass

    def attributeReplaced(self, event: ServletContextAttributeEvent) -> None:
        pass


class ServletRequestListener(EventListener):
    """Told when a client's request enters and leaves the web app (not for forwards and includes)."""

    __slots__ = ()

    def requestInitialized(self, sre: ServletRequestEvent) -> None:
        pass

    def requestDestroyed(self, sre: ServletRequestEvent) -> None:
        pass


class ServletRequestAttributeListener(EventListener):
    """Told about requests' attributes."""

    __slots__ = ()

    def attributeAdded(self, srae: ServletRequestAttributeEvent) -> None:
        pass

    def attributeRemoved(self, srae: ServletRequestAttributeEvent) -> None:
        pass

    def attributeReplaced(self, srae: ServletRequestAttributeEvent) -> None:
        pass


class HttpSessionListener(EventListener):
    """Told when sessions begin and end."""

    __slots__ = ()

    def sessionCreated(self, se: HttpSessionEvent) -> None:
        pass

    def sessionDestroyed(self, se: HttpSessionEvent) -> None:
        """The session is about to end and can still be read."""


class HttpSessionAttributeListener(EventListener):
    """Told about sessions' attributes."""

    __slots__ = ()

    def attributeAdded(self, event: HttpSessionBindingEvent) -> None:
        pass

    def attributeRemoved(self, event: HttpSessionBindingEvent) -> None:
        pass

    def attributeReplaced(self, event: HttpSessionBindingEvent) -> None:
        pass


class HttpSessionIdListener(EventListener):
    """Told when a session gets another id."""

    __slots__ = ()

    def sessionIdChanged(self, event: HttpSessionEvent, oldSessionId: str) -> None:
        raise NotImplementedError


class HttpSessionBindingListener(EventListener):
    """An attribute's value that is told when it is put into a session and taken out.

    Needs no registration.
    """

    __slots__ = ()

    def valueBound(self, event: HttpSessionBindingEvent) -> None:
        pass

    def valueUnbound(self, event: HttpSessionBindingEvent) -> None:
        pass


class HttpSessionActivationListener(EventListener):
    """An attribute's value that is told when its session is stored away and comes back.

    Needs no registration.
    """

    __slots__ = ()

    def sessionWillPassivate(self, se: HttpSessionEvent) -> None:
        pass

    def sessionDidActivate(self, se: HttpSessionEvent) -> None:
        pass


class AsyncListener(EventListener):
    """Told about one cycle of an asynchronous request. All methods are abstract."""

    __slots__ = ()

    def onComplete(self, event: AsyncEvent) -> None:
        raise NotImplementedError

    def onTimeout(self, event: AsyncEvent) -> None:
        raise NotImplementedError

    def onError(self, event: AsyncEvent) -> None:
        raise NotImplementedError

    def onStartAsync(self, event: AsyncEvent) -> None:
        """A new cycle begins; to hear of it too, add the listener to ``event.getAsyncContext()`` again."""
        raise NotImplementedError
