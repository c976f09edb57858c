"""HttpSession: what the container remembers of a client between its requests (§7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from container.servlet.context import ServletContext
    from container.servlet.enumeration import Enumeration

__all__ = ["HttpSession"]


class HttpSession:
    """A client's session.

    Most methods raise IllegalStateException once it is invalidated. Times are epoch ms.
    """

    __slots__ = ()

    class Accessor:
        """Reaches a session outside its requests, as if inside one (RT-SES-52)."""

        __slots__ = ()

        def access(self, sessionConsumer: Callable[[HttpSession], object]) -> None:
            """Call sessionConsumer with the session.

            Raises IllegalStateException if the session is invalidated or its id has changed.
            """
            raise NotImplementedError

    def getCreationTime(self) -> int:
        raise NotImplementedError

    def getId(self) -> str:
        """Return the id, also of an invalidated session."""
        raise NotImplementedError

    def getLastAccessedTime(self) -> int:
        """Return when the client's previous request came in, in ms (RT-SES-31)."""
        raise NotImplementedError

    def getServletContext(self) -> ServletContext:
        raise NotImplementedError

    def setMaxInactiveInterval(self, interval: int) -> None:
        """Set the seconds without a request after which the session ends; 0 or less: never."""
        raise NotImplementedError

    def getMaxInactiveInterval(self) -> int:
        """Return seconds (the descriptor's session-timeout is in minutes); 0 or less: never."""
        raise NotImplementedError

    def getAttribute(self, name: str) -> Any:
        raise NotImplementedError

    def getAttributeNames(self) -> Enumeration[str]:
        raise NotImplementedError

    def setAttribute(self, name: str, value: object) -> None:
        """Bind value; None removes. Tells the listeners and both values (HttpSessionBindingListener)."""
        raise NotImplementedError

    def removeAttribute(self, name: str) -> None:
        raise NotImplementedError

    def invalidate(self) -> None:
        """End the session and unbind everything. Raises IllegalStateException if it has ended already."""
        raise NotImplementedError

    def isNew(self) -> bool:
        """Tell whether the client does not know of the session yet."""
        raise NotImplementedError

    def getAccessor(self) -> Accessor | None:
        """Return a way to the session outside its requests; None if the store offers none."""
        return None
