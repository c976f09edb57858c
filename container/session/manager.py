"""SessionManager: the sessions of one web app, from creation to their end (Servlet 6.1 chapter 7).

    request ── id ──> SessionManager.find ──> Session ── access ... end_access
                        │ only with a store: what another process has written comes in at find,
                        └ what this request has written goes out at save

    VALID ──> ENDING ──> INVALID      a session that is ENDING is told to the listeners; no new request sees
    it

A Session is shared by all requests of its client, in several threads. Its lock guards its own fields and is
never held while application code runs; listeners are called in the thread that caused the event. Times are
seconds of the given clock.
"""

from __future__ import annotations

import enum
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from container.servlet import (
    Enumeration,
    HttpSession,
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingEvent,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionIdListener,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
)
from container.session.store import Change, Store, StoredAttribute, StoredSession, StoreError, Written

__all__ = ["Session", "SessionListeners", "SessionManager"]

log = logging.getLogger(__name__)

_ID_BYTES = 16
_LAG_S = 10.0  # how much the stored time of the last access may lag behind, at most
_NOTE = "\0"  # begins the stored names of notes; no attribute's name does
_IMMUTABLE = (str, int, float, bool, bytes, type(None))


@dataclass(slots=True)
class SessionListeners:
    """The listeners of one web app, in the order of their declaration. Complete once it has started."""

    session: list[HttpSessionListener] = field(default_factory=list)
    attribute: list[HttpSessionAttributeListener] = field(default_factory=list)
    id: list[HttpSessionIdListener] = field(default_factory=list)


class _State(enum.Enum):
    VALID = enum.auto()
    ENDING = enum.auto()
    INVALID = enum.auto()


_VALID = _State.VALID


class _Sync:
    """What a session knows of its copy in the store. Guarded by lock, taken before the session's own."""

    __slots__ = (
        "lock",
        "pickles",
        "saved_alive_s",
        "saved_timeout_s",
        "used",
        "version",
        "versions",
        "writers",
    )

    def __init__(self, stored: StoredSession) -> None:
        self.lock = threading.RLock()
        self.version = -1  # of the session when it was last loaded; -1: never
        self.versions: dict[str, int] = {}  # of each attribute when it was last loaded or written
        self.pickles: dict[str, bytes] = {}  # the same moment's value
        self.writers: dict[str, str] = {}  # attributes set or removed since: the request that did it
        self.used: set[str] = set()  # attributes that running requests hold: they may have changed inside
        self.saved_alive_s = stored.accessed_s
        self.saved_timeout_s = stored.max_inactive_s


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
        self._state = _VALID
        self._sync: _Sync | None = None
        self._lock = threading.Lock()  # guards all of the above, but not for reading
        self.notes: dict[str, object] = {}

    def __repr__(self) -> str:
        return (
            f"<Session {self._id[:6]}... {self._state.name} {len(self._attributes)} attributes, "
            f"{self._in_use} requests>"
        )

    def is_valid(self) -> bool:
        return self._state is not _State.INVALID

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
        with self._lock:
            self._check("setAttribute")
            old = self._attributes.get(name)
            self._attributes[name] = value
        self._manager.note_write(self, name)
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
        if (old := self._take(name)) is not None:
            self._manager.note_write(self, name)
            for call in self._farewells(name, old):
                call()

    def invalidate(self) -> None:
        with self._lock:
            self._check("invalidate")
            if self._state is _State.ENDING:
                return  # a listener of its end, or another thread's, asks again
            self._state = _State.ENDING
        failures = self._manager.finish(self, skip=True)
        _log_failures(failures[1:])
        if failures:
            raise failures[0]

    def getAccessor(self) -> HttpSession.Accessor:
        self._check("getAccessor")
        return _Accessor(self._manager, self._id)

    def _check(self, method: str) -> None:
        if self._state is _State.INVALID:
            raise IllegalStateException(f"{method}: the session has ended")

    def _take(self, name: str) -> Any:
        with self._lock:
            return self._attributes.pop(name, None)

    def _farewells(self, name: str, old: object) -> list[Callable[[], None]]:
        """Return whom to tell that an attribute is gone, in order: the value itself, then the listeners."""
        event = HttpSessionBindingEvent(self, name, old)
        calls: list[Callable[[], None]] = []
        if isinstance(old, HttpSessionBindingListener):
            calls.append(partial(old.valueUnbound, event))
        calls += (partial(listener.attributeRemoved, event) for listener in self._manager.listeners.attribute)
        return calls

    def _is_expired(self, now_s: float) -> bool:
        """Never while a request is using it (RT-SES-33)."""
        return self._in_use <= 0 < self._max_inactive_s <= now_s - self._idle_since_s

    def _last_alive_s(self, now_s: float) -> float:
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


class SessionManager:
    """Keeps the sessions of one web app.

    timeout_s is what new sessions begin with; the engine may change it until the web app has started. With
    distributable, attributes that cannot be pickled are refused. dumps and loads turn a value into bytes and
    back, in the web app's class loader; request_id names the request of the calling thread. The manager uses
    its store but does not close it.
    """

    def __init__(
        self,
        context: ServletContext,
        listeners: SessionListeners,
        *,
        store: Store | None = None,
        timeout_s: int = 1800,
        distributable: bool = False,
        clock: Callable[[], float] = time.time,
        dumps: Callable[[object], bytes] = pickle.dumps,
        loads: Callable[[bytes], object] = pickle.loads,
        request_id: Callable[[], str] = str,
    ) -> None:
        self.context = context
        self.listeners = listeners
        self.timeout_s = timeout_s
        self._store = store
        self._distributable = distributable
        self._clock = clock
        self._dumps = dumps
        self._loads = loads
        self._request_id = request_id
        self._sessions: dict[str, Session] = {}
        self._complained: set[str] = set()  # names of attributes that could not be stored: said once

    def __repr__(self) -> str:
        return f"<SessionManager {len(self._sessions)} sessions, store {self._store!r}>"

    # --- for each request, in its thread ------------------------------------------------------------------

    def has_sessions(self) -> bool:
        """Whether it is worth looking for one."""
        return bool(self._sessions) or self._store is not None

    def find(self, session_id: str) -> Session | None:
        """Return the session with this id, if there is one and it has not ended.

        One that was idle for too long ends now, with its events.
        """
        session = self._sessions.get(session_id)
        if self._store is not None:
            session = self._refresh(session_id, session)
        if session is None or session._state is not _VALID:
            return None
        now_s = self._clock()
        if session._is_expired(now_s):
            self._expire(session, now_s)
            return None
        return session

    def create(self) -> Session:
        """Make a session and tell the listeners. Its first access is that of the request that makes it."""
        now_s = self._clock()
        session = Session(self, _new_id(), now_s, self.timeout_s)
        if self._store is not None:
            stored = StoredSession(session._id, now_s, now_s, session._max_inactive_s)
            self._store.create(stored)
            session._sync = _Sync(stored)
            session._sync.version = 0
        self._sessions[session._id] = session
        event = HttpSessionEvent(session)
        for listener in self.listeners.session:
            listener.sessionCreated(event)
        return session

    def access(self, session: Session, returned: bool = True) -> bool:
        """Count a request as one of the session's, until end_access (RT-SES-31, 33); False if that has ended.

        After the first one, that of create, the client has returned the id and the session is new no longer;
        not so with returned=False.
        """
        now_s = self._clock()
        with session._lock:
            if session._state is not _VALID:
                return False
            session._in_use += 1
            if session._new is None:
                session._new = True
            else:
                session._previous_s = session._accessed_s
                session._accessed_s = now_s
                if returned:
                    session._new = False
        return True

    def end_access(self, session: Session) -> None:
        """Count a request as over, and save what it has written."""
        sync = session._sync
        if sync is not None:
            self.save(session)
        now_s = self._clock()
        with session._lock:
            session._in_use -= 1
            session._idle_since_s = now_s
            if sync is not None and session._in_use <= 0:
                sync.used.clear()  # nobody is left who could change them

    def change_id(self, session: Session) -> str:
        """Give the session another id and tell the listeners (RT-SES-09)."""
        new_id = _new_id()
        with session._lock:
            if session._state is not _VALID:
                raise IllegalStateException("changeSessionId: the session has ended")
            old_id, session._id = session._id, new_id
            self._sessions[new_id] = session
            self._sessions.pop(old_id, None)
        if self._store is not None:
            self._store.rename(old_id, new_id)
        event = HttpSessionEvent(session)
        for listener in self.listeners.id:
            listener.sessionIdChanged(event, old_id)
        return new_id

    def save(self, session: Session) -> None:
        """Bring what was written into the store, if there is one.

        Call it before the last bytes of an answer leave: whoever has the answer then finds what it promised,
        even after kill -9. A store that fails is logged, and tried again with the next request.
        """
        sync = session._sync
        if sync is None or self._store is None or session._state is not _VALID:
            return
        with sync.lock:
            changes = self._changes(session, sync)
            alive_s, timeout_s = session._last_alive_s(self._clock()), session._max_inactive_s
            is_fresh = alive_s - sync.saved_alive_s < _lag_s(timeout_s)
            if not changes and is_fresh and timeout_s == sync.saved_timeout_s:
                return
            try:
                written = self._store.write(session._id, changes, alive_s, timeout_s)
            except StoreError as error:
                log.error("%r is not saved: %s", session, error)
                return
            if written is None:
                self._forget(session)  # another process has ended it
                return
            sync.saved_alive_s, sync.saved_timeout_s = alive_s, timeout_s
            _note_written(sync, changes, written)
        for conflict in written.conflicts:
            log.warning(
                "%r: request %s has replaced the attribute %r, which request %s had written meanwhile",
                session, conflict.writer, conflict.name, conflict.replaced_writer,
            )  # fmt: skip

    # --- from time to time, in the container's own thread -------------------------------------------------

    def sweep(self, now_s: float) -> list[str]:
        """End the sessions idle for too long and return their ids, oldest first (§7.5).

        now_s is the clock's time; a timeout of 0 or less means never. Listeners run in the caller's thread;
        one that raises is logged, and the others are still told. Raises StoreError if the store cannot be
        read.
        """
        if self._store is not None:
            self._fetch_expired(self._store, now_s)
        idle = [session for session in list(self._sessions.values()) if session._is_expired(now_s)]
        idle.sort(key=lambda session: session._idle_since_s)
        return [session._id for session in idle if self._expire(session, now_s)]

    def stop(self, passivate: bool = False) -> None:
        """End all sessions, oldest first, before the web app ends (RT-LST-11).

        With passivate they do not end, but leave this process: they are in the store, or were taken by
        export.
        """
        for session in sorted(self._sessions.values(), key=lambda session: session._idle_since_s):
            if passivate:
                self.save(session)
                self._forget(session)
            else:
                with session._lock:
                    if session._state is not _VALID:
                        continue
                    session._state = _State.ENDING
                _log_failures(self.finish(session, skip=False))

    # --- from one generation of the web app to the next ---------------------------------------------------

    def export(self, dumps: Callable[[object], bytes] | None = None) -> list[StoredSession]:
        """Return all sessions, pickled. They stay: the new generation may still fail to start.

        An attribute that cannot be pickled is left out, with a warning. dumps replaces the manager's own.
        """
        self._dumps = dumps or self._dumps
        return [
            self._exported(session) for session in list(self._sessions.values()) if session._state is _VALID
        ]

    def import_(
        self, sessions: Iterable[StoredSession], loads: Callable[[bytes], object] | None = None
    ) -> None:
        """Take over what another generation has exported; a value that cannot be loaded is left out.

        loads replaces the manager's own.
        """
        self._loads = loads or self._loads
        for stored in sessions:
            if self._store is None:
                self._sessions.setdefault(stored.id, self._revive(stored))
            elif self._store.version(stored.id) is None:
                self._store.create(replace(stored, version=0, attributes={}))
                values = stored.attributes.items()
                changes = [Change(name, attribute.value, 0, attribute.writer) for name, attribute in values]
                self._store.write(stored.id, changes, stored.accessed_s, stored.max_inactive_s)

    # --- used by Session ----------------------------------------------------------------------------------

    def check_storable(self, name: str, value: object) -> None:
        """Refuse what a distributable web app must not keep in a session (RT-SES-50)."""
        if not self._distributable or isinstance(value, _IMMUTABLE):
            return
        try:
            self._dumps(value)
        except Exception as error:  # pickling runs the value's own code
            raise IllegalArgumentException(
                f"session attribute {name!r}: a {type(value).__name__} cannot be pickled ({error}). "
                "The web app is <distributable/>, so its sessions must be able to move"
            ) from error

    def note_write(self, session: Session, name: str) -> None:
        """Take note that the calling thread's request has set or removed an attribute."""
        sync = session._sync
        if sync is None:
            return
        writer = self._request_id()
        with sync.lock:
            other = sync.writers.get(name, writer)
            sync.writers[name] = writer
        if other != writer:
            log.warning(
                "%r: request %s has replaced the attribute %r, which request %s had written meanwhile",
                session, writer, name, other,
            )  # fmt: skip

    def finish(self, session: Session, *, skip: bool) -> list[Exception]:
        """Tell everybody of the end of a session that is ENDING, and let it be INVALID (RT-SES-40).

        skip: after a listener that raises, the others of that event are not told (RT-LST-09). Returns what
        was raised.
        """
        self._sessions.pop(session._id, None)
        if self._store is not None:
            try:
                self._store.delete(session._id)
            except StoreError as error:
                log.error("%r ends, but stays in the store: %s", session, error)
        failures: list[Exception] = []
        event = HttpSessionEvent(session)
        _tell((partial(r.sessionDestroyed, event) for r in reversed(self.listeners.session)), failures, skip)
        for name in list(session._attributes):
            if (old := session._take(name)) is not None:
                _tell(session._farewells(name, old), failures, skip)
        session._state = _State.INVALID
        session.notes.clear()
        return failures

    # --- the rest -----------------------------------------------------------------------------------------

    def _expire(self, session: Session, now_s: float) -> bool:
        with session._lock:
            if session._state is not _VALID or not session._is_expired(now_s):
                return False
            if session._sync is None:
                session._state = _State.ENDING
        if session._sync is not None and not self._claim(session, session._sync, now_s):
            return False
        session._state = _State.ENDING
        _log_failures(self.finish(session, skip=False))
        return True

    def _claim(self, session: Session, sync: _Sync, now_s: float) -> bool:
        """Remove an expired session from the store; False if it lives on, or somebody else has ended it."""
        assert self._store is not None
        stored = self._store.load(session._id)
        if stored is not None:
            ours = stored.accessed_s <= sync.saved_alive_s
            if not stored.is_expired(now_s if ours else now_s - _lag_s(stored.max_inactive_s)):
                session._idle_since_s = sync.saved_alive_s = stored.accessed_s
                session._max_inactive_s = sync.saved_timeout_s = stored.max_inactive_s
                return False
            if self._store.delete(session._id):
                return True
        self._forget(session)
        return False

    def _forget(self, session: Session) -> None:
        """Let a session go that lives on elsewhere, or was ended there. Nobody is told."""
        session._state = _State.INVALID
        self._sessions.pop(session._id, None)

    def _refresh(self, session_id: str, session: Session | None) -> Session | None:
        """Bring in what other processes have written."""
        assert self._store is not None
        try:
            version = self._store.version(session_id)
            if version is None:
                if session is not None:
                    self._forget(session)
                return None
            sync = session._sync if session is not None else None
            if sync is not None and sync.version == version:
                return session
            stored = self._store.load(session_id)
        except StoreError as error:
            if session is None:
                raise
            log.error("%r may be out of date: %s", session, error)
            return session
        if stored is None:
            return None
        if session is None or sync is None:
            return self._sessions.setdefault(session_id, self._revive(stored))
        self._merge(session, sync, stored)
        return session

    def _revive(self, stored: StoredSession) -> Session:
        """Make a session again of what was stored or exported."""
        session = Session(self, stored.id, stored.created_s, stored.max_inactive_s)
        session._accessed_s = session._previous_s = session._idle_since_s = stored.accessed_s
        session._new = False
        if self._store is not None:
            session._sync = _Sync(stored)
            self._merge(session, session._sync, stored)
        else:
            for name, attribute in stored.attributes.items():
                self._put(session, name, attribute)
        return session

    def _merge(self, session: Session, sync: _Sync, stored: StoredSession) -> None:
        """Take over each attribute that is newer in the store, unless a request here is about to write it."""
        with sync.lock:
            complete = True
            for name, attribute in stored.attributes.items():
                if attribute.version <= sync.versions.get(name, 0) or name in sync.writers:
                    continue
                if name in sync.used:
                    complete = False  # a running request holds it: look again when that is over
                    continue
                sync.versions[name] = attribute.version
                if attribute.value is None:
                    sync.pickles.pop(name, None)
                else:
                    sync.pickles[name] = attribute.value
                self._put(session, name, attribute)
            if complete:
                sync.version = stored.version

    def _put(self, session: Session, name: str, attribute: StoredAttribute) -> None:
        """Let a session have a stored value, and tell that, if it listens (RT-SES-51)."""
        target: dict[str, Any] = session.notes if name.startswith(_NOTE) else session._attributes
        name = name.removeprefix(_NOTE)
        if attribute.value is None:
            target.pop(name, None)
            return
        try:
            value = target[name] = self._loads(attribute.value)
            if isinstance(value, HttpSessionActivationListener):
                value.sessionDidActivate(HttpSessionEvent(session))
        except Exception as error:  # noqa: BLE001  (unpickling runs the web app's code, if it is still there)
            log.warning("%r: the stored attribute %r cannot be loaded: %r", session, name, error)

    def _changes(self, session: Session, sync: _Sync) -> list[Change]:
        """Pickle what was written, and what may have changed inside."""
        request_id = self._request_id()
        current: dict[str, object] = {name: session._attributes.get(name) for name in sync.writers}
        for name in list(sync.used):
            value = session._attributes.get(name)
            if type(value) not in _IMMUTABLE:
                current[name] = value
        for name in (*session.notes, *(n[1:] for n in sync.pickles if n.startswith(_NOTE))):
            current[_NOTE + name] = session.notes.get(name)
        changes = []
        for name, value in current.items():
            data = self._pickled(session, name, value) if value is not None else None
            if data is None and value is not None:
                continue  # it cannot be pickled
            if name in sync.writers or data != sync.pickles.get(name):
                writer = sync.writers.get(name, request_id)
                changes.append(Change(name, data, sync.versions.get(name, 0), writer))
        return changes

    def _pickled(self, session: Session, name: str, value: object) -> bytes | None:
        """Pickle one value; one that listens is told before, and after because it stays (RT-SES-51)."""
        listener = value if isinstance(value, HttpSessionActivationListener) else None
        event = HttpSessionEvent(session)
        try:
            if listener is not None:
                listener.sessionWillPassivate(event)
            data = self._dumps(value)
            if listener is not None:
                listener.sessionDidActivate(event)
            return data
        except Exception as error:  # noqa: BLE001  (pickling and the listener run the web app's code)
            if name not in self._complained:
                self._complained.add(name)
                log.warning(
                    "session attribute %r: a %s cannot be pickled (%s), so it stays in this process",
                    name, type(value).__name__, error,
                )  # fmt: skip
            return None

    def _exported(self, session: Session) -> StoredSession:
        values = {**session._attributes, **{_NOTE + name: note for name, note in session.notes.items()}}
        pickles = {name: self._pickled(session, name, value) for name, value in values.items()}
        attributes = {
            name: StoredAttribute(data, 1, "") for name, data in pickles.items() if data is not None
        }
        return StoredSession(
            session._id, session._created_s, session._accessed_s, session._max_inactive_s, 1, attributes
        )

    def _fetch_expired(self, store: Store, now_s: float) -> None:
        """Show others that sessions in use here live on; bring in those that nobody asks for, to end here."""
        for session in list(self._sessions.values()):
            if session._in_use > 0:
                store.write(session._id, (), now_s, session._max_inactive_s)
        for session_id in store.expired(now_s):
            if session_id not in self._sessions and (stored := store.load(session_id)) is not None:
                self._sessions.setdefault(session_id, self._revive(stored))


def _new_id() -> str:
    return os.urandom(_ID_BYTES).hex().upper()


def _lag_s(max_inactive_s: int) -> float:
    """Say how old the stored time of the last access may be; otherwise each request would have to write."""
    return min(_LAG_S, max_inactive_s / 10) if max_inactive_s > 0 else _LAG_S


def _note_written(sync: _Sync, changes: Iterable[Change], written: Written) -> None:
    for change in changes:
        sync.versions[change.name] = written.version
        sync.writers.pop(change.name, None)
        if change.value is None:
            sync.pickles.pop(change.name, None)
        else:
            sync.pickles[change.name] = change.value
    if written.version == sync.version + 1:  # otherwise somebody else wrote too, and is read at the next find
        sync.version = written.version


def _tell(calls: Iterable[Callable[[], None]], failures: list[Exception], skip: bool) -> None:
    for call in calls:
        try:
            call()
        except Exception as error:  # noqa: BLE001  (application code; the session ends all the same)
            failures.append(error)
            if skip:
                return


def _log_failures(failures: Iterable[Exception]) -> None:
    for failure in failures:
        log.error("a listener failed at the end of a session", exc_info=failure)
