"""Session: what HttpSession says, and whom each of its changes is told to (Servlet 6.1 §7.4).

    VALID ──> ENDING ──> INVALID

A Session is shared by all requests of its client, in several threads. Its lock guards its fields and is never
held while application code runs; listeners are called in the thread that caused the event. What goes beyond
one session (finding, expiry, stores) is its SessionManager's.
"""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from container.servlet import (
    Enumeration,
    HttpSession,
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
)

if TYPE_CHECKING:
    from container.session.manager import SessionManager
    from container.session.sync import Sync

__all__ = ["Session", "SessionListeners", "State", "log_failures"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SessionListeners:
    """The listeners of one web app, in the order of their declaration. Complete once it has started."""

    session: list[HttpSessionListener] = field(default_factory=list)
    attribute: list[HttpSessionAttributeListener] = field(default_factory=list)
    id: list[HttpSessionIdListener] = field(default_factory=list)


class State(enum.Enum):
    """Where a session is in its life. No request finds one that is not VALID."""

    VALID = enum.auto()
    ENDING = enum.auto()
    INVALID = enum.auto()


class Session(HttpSession):
    """One client's session. Made by a SessionManager.

    notes belong to the container (who has logged in, which request waits): applications do not see them, no
    listener is told of them, but they are stored like attributes.
    """

    __slots__ = (
        "_accessed_s", "_attributes", "_created_s", "_id", "_idle_since_s", "_in_use", "_lock", "_manager",
        "_max_inactive_s", "_new", "_previous_s", "_state", "_sync", "notes",
    )  # fmt: skip

    def __init__(
        self, manager: SessionManager, session_id: str, created_s: float, max_inactive_s: int
    ) -> None:
        self._manager = manager
        self._id = session_id
        self._created_s = self._accessed_s = self._previous_s = self._idle_since_s = created_s
        self._max_inactive_s = max_inactive_s
        self._attributes: dict[str, Any] = {}
        self._in_use = 0
        self._new: bool | None = None  # None: not accessed yet
        self._state = State.VALID
        self._sync: Sync | None = None
        self._lock = threading.Lock()  # guards all of the above, but not for reading
        self.notes: dict[str, object] = {}

    def __repr__(self) -> str:
        return (
            f"<Session {self._id[:6]}... {self._state.name} {len(self._attributes)} attributes, "
            f"{self._in_use} requests>"
        )

    def is_valid(self) -> bool:
        return self._state is not State.INVALID

    def getId(self) -> str:
        return self._id

    def getServletContext(self) -> ServletContext:
        return self._manager.context

    def getCreationTime(self) -> int:
        self._check("getCreationTime")
        return int(self._created_s * 1000)

    def getLastAccessedTime(self) -> int:
        self._check("getLastAccessedTime")
        return int(self._previous_s * 1000)

    def getMaxInactiveInterval(self) -> int:
        return self._max_inactive_s

    def setMaxInactiveInterval(self, interval: int) -> None:
        self._max_inactive_s = interval

    def isNew(self) -> bool:
        self._check("isNew")
        return self._new is not False

    def getAttribute(self, name: str) -> Any:
        self._check("getAttribute")
        if self._sync is not None:
            self._sync.used.add(name)
        return self._attributes.get(name)

    def getAttributeNames(self) -> Enumeration[str]:
        self._check("getAttributeNames")
        return Enumeration(list(self._attributes))

    def setAttribute(self, name: str, value: object) -> None:
        if name is None:
            raise IllegalArgumentException("a session attribute needs a name")
        if value is None:
            self.removeAttribute(name)
            return
        self._check("setAttribute")
        self._manager.check_storable(name, value)
        if isinstance(value, HttpSessionBindingListener) and self._attributes.get(name) is not value:
            value.valueBound(HttpSessionBindingEvent(self, name, value))
        old = self._manager.swap(self, name, value)
        if old is not value and isinstance(old, HttpSessionBindingListener):
            old.valueUnbound(HttpSessionBindingEvent(self, name, old))
        if old is None:
            for listener in self._manager.listeners.attribute:
                listener.attributeAdded(HttpSessionBindingEvent(self, name, value))
        else:
            for listener in self._manager.listeners.attribute:
                listener.attributeReplaced(HttpSessionBindingEvent(self, name, old))

    def removeAttribute(self, name: str) -> None:
        self._check("removeAttribute")
        if (old := self._manager.swap(self, name, None)) is not None:
            for call in self.farewells(name, old):
                call()

    def invalidate(self) -> None:
        with self._lock:
            self._check("invalidate")
            if self._state is State.ENDING:
                return  # a listener of its end, or another thread's, asks again
            self._state = State.ENDING
        failures = self._manager.finish(self, skip=True)
        log_failures(failures[1:])
        if failures:
            raise failures[0]

    def getAccessor(self) -> HttpSession.Accessor:
        self._check("getAccessor")
        return _Accessor(self._manager, self._id)

    def _check(self, method: str) -> None:
        if self._state is State.INVALID:
            raise IllegalStateException(f"{method}: the session has ended")

    def swap(self, name: str, value: object) -> Any:
        """Bind value, or with None nothing, and return what was bound. Only that: nobody is told."""
        with self._lock:
            self._check("setAttribute")
            old = self._attributes.pop(name, None) if value is None else self._attributes.get(name)
            if value is not None:
                self._attributes[name] = value
        return old

    def farewells(self, name: str, old: object) -> list[Callable[[], None]]:
        """Return whom to tell that an attribute is gone, in order: the value itself, then the listeners."""
        event = HttpSessionBindingEvent(self, name, old)
        calls: list[Callable[[], None]] = []
        if isinstance(old, HttpSessionBindingListener):
            calls.append(partial(old.valueUnbound, event))
        calls += (partial(listener.attributeRemoved, event) for listener in self._manager.listeners.attribute)
        return calls

    def activation_listeners(self) -> list[str]:
        """Return the names of the attributes that want to know when the session moves."""
        return [
            n for n, value in self._attributes.items() if isinstance(value, HttpSessionActivationListener)
        ]

    def is_expired(self, now_s: float) -> bool:
        """Never while a request is using it (RT-SES-33)."""
        return self._in_use <= 0 < self._max_inactive_s <= now_s - self._idle_since_s

    def last_alive_s(self, now_s: float) -> float:
        return now_s if self._in_use > 0 else self._idle_since_s


class _Accessor(HttpSession.Accessor):
    """Reaches a session by the id it had."""

    __slots__ = ("_id", "_manager")

    def __init__(self, manager: SessionManager, session_id: str) -> None:
        self._manager = manager
        self._id = session_id

    def access(self, sessionConsumer: Callable[[HttpSession], object]) -> None:
        session = self._manager.find(self._id)
        if session is None or not self._manager.access(session, returned=False):
            raise IllegalStateException(
                "the session has ended, or has another id by now. Ask it for a new accessor"
            )
        try:
            sessionConsumer(session)
        finally:
            self._manager.end_access(session)


def log_failures(failures: Iterable[BaseException]) -> None:
    for failure in failures:
        log.error("a listener failed at the end of a session", exc_info=failure)
