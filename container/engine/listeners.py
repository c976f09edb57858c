"""The listeners of one web app, by kind and in order (Servlet 6.1, chapter 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from container.engine.holder import guarded
from container.servlet import (
    HttpSessionAttributeListener,
    HttpSessionIdListener,
    HttpSessionListener,
    ServletContext,
    ServletContextAttributeEvent,
    ServletContextAttributeListener,
    ServletContextEvent,
    ServletContextListener,
    ServletRequestAttributeEvent,
    ServletRequestAttributeListener,
    ServletRequestEvent,
    ServletRequestListener,
)
from container.session.manager import SessionListeners

if TYPE_CHECKING:
    from container.engine.request import Request

__all__ = ["AttributeListeners", "Listeners"]


class Listeners:
    """One instance may stand in several lists: it serves all interfaces of its class (DD-LST-06)."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.context: list[ServletContextListener] = []
        self.context_attribute: list[ServletContextAttributeListener] = []
        self.request: list[ServletRequestListener] = []
        self.request_attribute: list[ServletRequestAttributeListener] = []
        self.sessions = SessionListeners(session=[], attribute=[], id=[])
        self.complete = False  # whether the declared ones exist
        self._initialized: list[ServletContextListener] = []

    def add(self, listener: Any) -> bool:
        """Add a listener to the lists of its interfaces; False if it has none."""
        known = False
        lists: list[tuple[type, list[Any]]] = [
            (ServletContextListener, self.context),
            (ServletContextAttributeListener, self.context_attribute),
            (ServletRequestListener, self.request),
            (ServletRequestAttributeListener, self.request_attribute),
            (HttpSessionListener, self.sessions.session),
            (HttpSessionAttributeListener, self.sessions.attribute),
            (HttpSessionIdListener, self.sessions.id),
        ]
        for kind, listeners in lists:
            if isinstance(listener, kind):
                listeners.append(listener)
                known = True
        self.all.append(listener)
        return known

    def context_initialized(self, listener: ServletContextListener, context: ServletContext) -> None:
        """Tell one of them; from now on it will be told of the end, too."""
        self._initialized.append(listener)
        listener.contextInitialized(ServletContextEvent(context))

    def context_destroyed(self, context: ServletContext) -> None:
        """In reverse order, those that were initialised; failures are logged."""
        event = ServletContextEvent(context)
        for listener in reversed(self._initialized):
            guarded("contextDestroyed", lambda listener=listener: listener.contextDestroyed(event))  # type: ignore[misc]
        self._initialized.clear()

    def request_initialized(self, context: ServletContext, request: Request) -> None:
        """In order; the first failure ends the request (RT-LST-10)."""
        event = ServletRequestEvent(context, request)
        request._initialized = 0
        for listener in self.request:
            listener.requestInitialized(event)
            request._initialized += 1

    def request_destroyed(self, context: ServletContext, request: Request) -> None:
        """In reverse order, those that were told of its beginning; failures are logged."""
        event = ServletRequestEvent(context, request)
        for listener in reversed(self.request[: request._initialized]):
            guarded("requestDestroyed", lambda listener=listener: listener.requestDestroyed(event))  # type: ignore[misc]

    def request_attributes(self, context: ServletContext) -> AttributeListeners | None:
        return AttributeListeners(context, self.request_attribute) if self.request_attribute else None

    def context_attribute_changed(self, context: ServletContext, name: str, old: Any, new: Any) -> None:
        """RT-LST-07: the new value when added, the old one when replaced or removed."""
        if not self.context_attribute:
            return
        event = ServletContextAttributeEvent(context, name, new if old is None else old)
        for listener in self.context_attribute:
            getattr(listener, _what(old, new))(event)


class AttributeListeners:
    """Those that want to know about request attributes."""

    def __init__(self, context: ServletContext, listeners: list[ServletRequestAttributeListener]) -> None:
        self._context = context
        self._listeners = listeners

    def changed(self, request: Request, name: str, old: Any, new: Any) -> None:
        event = ServletRequestAttributeEvent(self._context, request, name, new if old is None else old)
        for listener in self._listeners:
            getattr(listener, _what(old, new))(event)


def _what(old: Any, new: Any) -> str:
    if old is None:
        return "attributeAdded"
    return "attributeRemoved" if new is None else "attributeReplaced"
