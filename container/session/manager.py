"""SessionManager: the sessions of one web app, from creation to their end (Servlet 6.1 chapter 7).

    request ── id ──> SessionManager.find ──> Session ── access ... end_access
                        │ only with a store: what another process has written comes in at find,
                        └ what this request has written goes out at save

Listeners are called in the thread that caused the event, without a lock. Times are seconds of the given
clock. Without a store, sessions live here and nowhere else, and cost about a microsecond a request.
"""

from __future__ import annotations

import logging
import os
import pickle
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from container.servlet import (
    HttpSessionActivationListener,
    HttpSessionBindingListener,
    HttpSessionEvent,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
)
from container.session.session import Session, SessionListeners, State, log_failures
from container.session.store import Change, Conflict, Store, StoredAttribute, StoredSession, StoreError
from container.session.sync import IMMUTABLE, NOTE, Sync, lag_s

__all__ = ["Session", "SessionListeners", "SessionManager"]

log = logging.getLogger(__name__)

_ID_BYTES = 16
_VALID = State.VALID


class SessionManager:
    """Keeps the sessions of one web app.

    timeout_s is what new sessions begin with; the engine may change it until the web app has started. With
    distributable, attributes that cannot be pickled are refused. With a route, ids end in a dot and the
    route, by which a balancer finds this container again. dumps and loads turn a value into bytes and back,
    in the web app's class loader; request_id names the request of the calling thread. The manager uses its
    store but does not close it.
    """

    def __init__(
        self,
        context: ServletContext,
        listeners: SessionListeners,
        *,
        store: Store | None = None,
        timeout_s: int = 1800,
        distributable: bool = False,
        route: str | None = None,
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
        self._id_end = "" if route is None else f".{route}"
        self._clock = clock
        self._dumps = dumps
        self._loads = loads
        self._request_id = request_id
        self._sessions: dict[str, Session] = {}
        self._complained: set[str] = set()  # names of attributes that could not be stored: said once
        self._leaving = False  # what is pickled now does not stay in this process

    def __repr__(self) -> str:
        return f"<SessionManager {len(self._sessions)} sessions, store {self._store!r}>"

    # --- for each request, in its thread ------------------------------------------------------------------

    @property
    def is_stored(self) -> bool:
        """Whether sessions outlive this process."""
        return self._store is not None

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
        if session.is_expired(now_s):
            self._expire(session, now_s)
            return None
        return session

    def create(self, session_id: str | None = None) -> Session:
        """Make a session and tell the listeners. Its first access is that of the request that makes it.

        session_id is that of the same client's session in another web app; normally it gets a new one. If a
        listener raises, there is no session: those who were told of it are told of its end.
        """
        now_s = self._clock()
        session = Session(self, session_id or self._new_id(), now_s, self.timeout_s)
        if self._store is not None:
            stored = StoredSession(session._id, now_s, now_s, session._max_inactive_s)
            self._store.create(stored)
            session._sync = Sync(stored)
            session._sync.version = 0
        self._sessions[session._id] = session
        event = HttpSessionEvent(session)
        told: list[HttpSessionListener] = []
        try:
            for listener in self.listeners.session:
                listener.sessionCreated(event)
                told.append(listener)
        except BaseException:
            session._state = State.ENDING
            log_failures(self._end(session, told, skip=False))
            raise
        return session

    def _new_id(self) -> str:
        return os.urandom(_ID_BYTES).hex().upper() + self._id_end

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

    def change_id(self, session: Session, announce: Callable[[str], None] | None = None) -> str:
        """Give the session another id and tell the listeners (RT-SES-09).

        announce tells the client, before any listener can fail.
        """
        new_id = self._new_id()
        with session._lock:
            if session._state is not _VALID:
                raise IllegalStateException("changeSessionId: the session has ended")
            old_id, session._id = session._id, new_id
            self._sessions[new_id] = session
            self._sessions.pop(old_id, None)
        if self._store is not None:
            self._store.rename(old_id, new_id)
        if announce is not None:
            announce(new_id)
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
            changes = sync.changes(session, self._request_id(), partial(self._pickled, session))
            alive_s, timeout_s = session.last_alive_s(self._clock()), session._max_inactive_s
            if not changes and sync.is_current(alive_s, timeout_s):
                return
            try:
                written = self._store.write(session._id, changes, alive_s, timeout_s)
            except StoreError as error:
                log.error("%r is not saved: %s", session, error)
                return
            if written is None:
                self._forget(session)  # another process has ended it
                return
            sync.note_written(changes, written, alive_s, timeout_s)
        for conflict in written.conflicts:
            _log_conflict(session, conflict)

    # --- from time to time, in the container's own thread -------------------------------------------------

    def sweep(self, now_s: float) -> list[str]:
        """End the sessions idle for too long and return their ids, oldest first (§7.5).

        now_s is the clock's time; a timeout of 0 or less means never. Listeners run in the caller's thread;
        one that raises is logged, and the others are still told. Raises StoreError if the store cannot be
        read.
        """
        if self._store is not None:
            self._fetch_expired(self._store, now_s)
        idle = [session for session in list(self._sessions.values()) if session.is_expired(now_s)]
        idle.sort(key=lambda session: session._idle_since_s)
        return [session._id for session in idle if self._expire(session, now_s)]

    def stop(self, passivate: bool = False) -> None:
        """End all sessions, oldest first, before the web app ends (RT-LST-11).

        With passivate they do not end, but leave this process: they are in the store, or were taken by
        export.
        """
        for session in sorted(self._sessions.values(), key=lambda session: session._idle_since_s):
            if passivate:
                if session._sync is not None:
                    self._leaving = True
                    session._sync.used.update(session.activation_listeners())
                self.save(session)
                self._leave_behind(session)
                self._forget(session)
            else:
                with session._lock:
                    if session._state is not _VALID:
                        continue
                    session._state = State.ENDING
                log_failures(self.finish(session, skip=False))

    def _leave_behind(self, session: Session) -> None:
        """Unbind the values that want to know of it and cannot be pickled: they are lost (§4.8)."""
        for name, value in list(session._attributes.items()):
            if isinstance(value, HttpSessionBindingListener):
                try:
                    self._dumps(value)
                except Exception:  # noqa: BLE001  pickling runs the value's own code
                    session._attributes.pop(name, None)  # not swap: saving may have found the session ended
                    failures: list[BaseException] = []
                    _tell(session.farewells(name, value), failures, skip=False)
                    log_failures(failures)

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
        if not self._distributable or isinstance(value, IMMUTABLE):
            return
        try:
            self._dumps(value)
        except Exception as error:  # pickling runs the value's own code
            raise IllegalArgumentException(
                f"session attribute {name!r}: a {type(value).__name__} cannot be pickled ({error}). "
                "The web app is <distributable/>, so its sessions must be able to move. "
                "Keep plain data or an id"
            ) from error

    def swap(self, session: Session, name: str, value: object) -> Any:
        """Let a session bind value, None for nothing, and note which request did it. Returns the old one."""
        sync = session._sync
        if sync is None:
            return session.swap(name, value)
        writer = self._request_id()
        with sync.lock:
            old = session.swap(name, value)
            other = sync.writers.get(name, writer)
            sync.writers[name] = writer
        if other != writer:
            _log_conflict(session, Conflict(name, writer, other))
        return old

    def finish(self, session: Session, *, skip: bool) -> list[BaseException]:
        """Tell everybody of the end of a session that is ENDING, and let it be INVALID (RT-SES-40).

        skip: after a listener that raises, the others of that event are not told (RT-LST-09). Returns what
        was raised.
        """
        return self._end(session, self.listeners.session, skip=skip)

    def _end(
        self, session: Session, listeners: Sequence[HttpSessionListener], *, skip: bool
    ) -> list[BaseException]:
        self._sessions.pop(session._id, None)
        if self._store is not None:
            try:
                self._store.delete(session._id)
            except StoreError as error:
                log.error("%r ends, but stays in the store: %s", session, error)
        failures: list[BaseException] = []
        event = HttpSessionEvent(session)
        _tell((partial(each.sessionDestroyed, event) for each in reversed(listeners)), failures, skip)
        for name in list(session._attributes):
            if (old := session.swap(name, None)) is not None:
                _tell(session.farewells(name, old), failures, skip)
        session._state = State.INVALID
        session.notes.clear()
        return failures

    # --- the rest -----------------------------------------------------------------------------------------

    def _expire(self, session: Session, now_s: float) -> bool:
        with session._lock:
            if session._state is not _VALID or not session.is_expired(now_s):
                return False
            if session._sync is None:
                session._state = State.ENDING
        if session._sync is not None and not self._claim(session, session._sync, now_s):
            return False
        session._state = State.ENDING
        log_failures(self.finish(session, skip=False))
        return True

    def _claim(self, session: Session, sync: Sync, now_s: float) -> bool:
        """Remove an expired session from the store; False if it lives on, or somebody else has ended it."""
        assert self._store is not None
        stored = self._store.load(session._id)
        if stored is not None:
            ours = stored.accessed_s <= sync.saved_alive_s
            if not stored.is_expired(now_s if ours else now_s - lag_s(stored.max_inactive_s)):
                session._idle_since_s = sync.saved_alive_s = stored.accessed_s
                session._max_inactive_s = sync.saved_timeout_s = stored.max_inactive_s
                return False
            if self._store.delete(session._id):
                return True
        self._forget(session)
        return False

    def _forget(self, session: Session) -> None:
        """Let a session go that lives on elsewhere, or was ended there. Nobody is told."""
        session._state = State.INVALID
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
        sync.merge(stored, partial(self._put, session))
        return session

    def _revive(self, stored: StoredSession) -> Session:
        """Make a session again of what was stored or exported."""
        session = Session(self, stored.id, stored.created_s, stored.max_inactive_s)
        session._accessed_s = session._previous_s = session._idle_since_s = stored.accessed_s
        session._new = False
        if self._store is not None:
            session._sync = Sync(stored)
            session._sync.merge(stored, partial(self._put, session))
        else:
            for name, attribute in stored.attributes.items():
                self._put(session, name, attribute.value)
        return session

    def _put(self, session: Session, name: str, data: bytes | None) -> None:
        """Let a session have a stored value, and tell that, if it listens (RT-SES-51)."""
        target: dict[str, Any] = session.notes if name.startswith(NOTE) else session._attributes
        name = name.removeprefix(NOTE)
        if data is None:
            target.pop(name, None)
            return
        try:
            value = target[name] = self._loads(data)
            if isinstance(value, HttpSessionActivationListener):
                value.sessionDidActivate(HttpSessionEvent(session))
        except BaseException as error:  # noqa: BLE001  (unpickling runs the web app's code, if it is still there)
            log.warning("%r: the stored attribute %r cannot be loaded: %r", session, name, error)

    def _pickled(self, session: Session, name: str, value: object) -> bytes | None:
        """Pickle one value; one that listens is told before, and after because it stays (RT-SES-51)."""
        listener = value if isinstance(value, HttpSessionActivationListener) else None
        event = HttpSessionEvent(session)
        try:
            if listener is not None:
                listener.sessionWillPassivate(event)
            data = self._dumps(value)
            if listener is not None and not self._leaving:
                listener.sessionDidActivate(event)
            return data
        except BaseException as error:  # noqa: BLE001  (pickling and the listener run the web app's code)
            if name not in self._complained:
                self._complained.add(name)
                log.warning(
                    "session attribute %r: a %s cannot be pickled (%s) and is lost when this process ends. "
                    "Keep plain data or an id in the session, or give the class __getstate__",
                    name, type(value).__name__, error,
                )  # fmt: skip
            return None

    def _exported(self, session: Session) -> StoredSession:
        values = {**session._attributes, **{NOTE + name: note for name, note in session.notes.items()}}
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


def _log_conflict(session: Session, conflict: Conflict) -> None:
    log.warning(
        "%r: request %s has replaced the attribute %r, which request %s had written meanwhile",
        session, conflict.writer, conflict.name, conflict.replaced_writer,
    )  # fmt: skip


def _tell(calls: Iterable[Callable[[], None]], failures: list[BaseException], skip: bool) -> None:
    for call in calls:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  (even exit() in a listener: the session ends all the same)
            failures.append(error)
            if skip:
                return
