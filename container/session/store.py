"""Stores: where sessions survive the process, or are shared by several. Bytes in, bytes out.

    SessionManager ── values, pickled one by one ──> Store:  MemoryStore   in this process (tests, reloads)
                                                             SQLiteStore   in a file, survives kill -9

A session's attributes are stored apart, each with the version it was written in and the id of the request
that wrote it. So two requests in two processes lose nothing to each other unless they write the same
attribute; then the last one wins, and the store reports the Conflict. A removed attribute stays as a
tombstone (value None), for the same reason.

Any thread may call a store. None of its methods runs application code.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from container.errors import ConfigError, ContainerError

__all__ = [
    "Change",
    "Conflict",
    "MemoryStore",
    "SQLiteStore",
    "Store",
    "StoreError",
    "StoredAttribute",
    "StoredSession",
    "Written",
]


class StoreError(ContainerError):
    """The store cannot be read or written."""


@dataclass(frozen=True, slots=True)
class StoredAttribute:
    """One attribute. value is its pickle, None if it was removed; writer is the request that wrote it."""

    value: bytes | None
    version: int
    writer: str


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as stored. version grows with each write of an attribute and is that of the newest one."""

    id: str
    created_s: float
    accessed_s: float
    max_inactive_s: int
    version: int = 0
    attributes: Mapping[str, StoredAttribute] = field(default_factory=dict)

    def is_expired(self, now_s: float) -> bool:
        return 0 < self.max_inactive_s <= now_s - self.accessed_s


@dataclass(frozen=True, slots=True)
class Change:
    """An attribute to write. known_version is what the writer had seen of it, 0 for never."""

    name: str
    value: bytes | None
    known_version: int
    writer: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An attribute that somebody else had written meanwhile; ours has replaced it."""

    name: str
    writer: str
    replaced_writer: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: the session's version since then, which is also that of all its changes."""

    version: int
    conflicts: tuple[Conflict, ...] = ()


class Store(Protocol):
    """Keeps sessions. All methods but close raise StoreError when it cannot."""

    def create(self, session: StoredSession) -> None:
        """Add a session without attributes."""

    def version(self, session_id: str) -> int | None:
        """Return the session's version, None if there is no such session. Called for each request: cheap."""

    def load(self, session_id: str) -> StoredSession | None: ...

    def write(
        self, session_id: str, changes: Sequence[Change], accessed_s: float, max_inactive_s: int
    ) -> Written | None:
        """Write changes and times together; None if the session has ended. accessed_s never goes back."""

    def rename(self, session_id: str, new_id: str) -> bool:
        """Give a session another id; False if there is no such session."""

    def delete(self, session_id: str) -> bool:
        """Remove a session; True for the one caller who did, False if it was gone."""

    def expired(self, now_s: float) -> list[str]:
        """Return the ids of the sessions idle for too long, oldest first."""

    def close(self) -> None: ...


def _conflict(change: Change, stored: StoredAttribute | None) -> Conflict | None:
    if stored is None or stored.version <= change.known_version:
        return None
    if stored.writer == change.writer or stored.value == change.value:
        return None
    return Conflict(change.name, change.writer, stored.writer)


class MemoryStore:
    """A store in this process: for tests, and for the time between two generations of a web app."""

    def __init__(self) -> None:
        self._sessions: dict[str, StoredSession] = {}
        self._lock = threading.Lock()  # guards _sessions

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._sessions)} sessions>"

    def create(self, session: StoredSession) -> None:
        with self._lock:
            self._sessions[session.id] = session

    def version(self, session_id: str) -> int | None:
        session = self._sessions.get(session_id)
        return None if session is None else session.version

    def load(self, session_id: str) -> StoredSession | None:
        return self._sessions.get(session_id)

    def write(
        self, session_id: str, changes: Sequence[Change], accessed_s: float, max_inactive_s: int
    ) -> Written | None:
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                return None
            version = session.version + 1 if changes else session.version
            conflicts = [_conflict(change, session.attributes.get(change.name)) for change in changes]
            written = {
                change.name: StoredAttribute(change.value, version, change.writer) for change in changes
            }
            self._sessions[session_id] = replace(
                session,
                accessed_s=max(session.accessed_s, accessed_s),
                max_inactive_s=max_inactive_s,
                version=version,
                attributes={**session.attributes, **written},
            )
        return Written(version, tuple(conflict for conflict in conflicts if conflict is not None))

    def rename(self, session_id: str, new_id: str) -> bool:
        with self._lock:
            session = self._sessions.pop(session_id, None)
            if session is not None:
                self._sessions[new_id] = replace(session, id=new_id)
        return session is not None

    def delete(self, session_id: str) -> bool:
        with self._lock:
            return self._sessions.pop(session_id, None) is not None

    def expired(self, now_s: float) -> list[str]:
        with self._lock:
            ended = [session for session in self._sessions.values() if session.is_expired(now_s)]
        return [session.id for session in sorted(ended, key=lambda session: session.accessed_s)]

    def close(self) -> None:
        """Do nothing."""


_FORMAT = 1
_SCHEMA = f"""
CREATE TABLE session (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_s REAL NOT NULL,
    accessed_s REAL NOT NULL,
    max_inactive_s INTEGER NOT NULL,
    version INTEGER NOT NULL
);
CREATE TABLE attribute (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    name TEXT NOT NULL,
    value BLOB,
    version INTEGER NOT NULL,
    writer TEXT NOT NULL,
    PRIMARY KEY (session, name)
) WITHOUT ROWID;
CREATE INDEX idle ON session (accessed_s) WHERE max_inactive_s > 0;
PRAGMA user_version = {_FORMAT};
"""


_RETRY_S = 0.01


class SQLiteStore:
    """A store in one SQLite file, which several processes may share. Open it after forking.

    What is written when ``write`` returns survives the end of the process, however sudden. After a power cut
    the newest writes may be missing, but never a part of one (WAL with synchronous=NORMAL).

    Loading a pickle runs what it says. So the file's folder is made for its owner only, and a file that
    others may write is refused.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_timeout_s: float = 10.0) -> None:
        self.path = os.fspath(path)
        self._lock = threading.Lock()  # guards _connection
        _make_private(self.path)
        with _store_errors(self.path):
            self._connection = sqlite3.connect(
                self.path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            try:
                self._use_wal(time.monotonic() + busy_timeout_s)
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def __repr__(self) -> str:
        return f"<SQLiteStore {self.path}>"

    def _use_wal(self, until_s: float) -> None:
        """SQLite itself does not wait when two processes do this to a new file at once."""
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() >= until_s:
                    raise
                time.sleep(_RETRY_S)

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        with self._transaction() as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found == 0:
                for statement in _SCHEMA.split(";")[:-1]:
                    connection.execute(statement)
            elif found != _FORMAT:
                raise ConfigError(
                    f"{self.path}: sessions in format {found}, where {_FORMAT} is needed. Remove the file; "
                    "all clients lose their sessions"
                )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _store_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock, _store_errors(self.path):
            return self._connection.execute(sql, values).fetchall()

    def create(self, session: StoredSession) -> None:
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO session (id, created_s, accessed_s, max_inactive_s, version) "
                "VALUES (?, ?, ?, ?, ?)",
                (session.id, session.created_s, session.accessed_s, session.max_inactive_s, session.version),
            )

    def version(self, session_id: str) -> int | None:
        rows = self._query("SELECT version FROM session WHERE id = ?", session_id)
        return int(str(rows[0][0])) if rows else None

    def load(self, session_id: str) -> StoredSession | None:
        with self._lock, _store_errors(self.path):
            self._connection.execute("BEGIN")  # both tables at the same moment
            try:
                row = self._connection.execute(
                    "SELECT number, id, created_s, accessed_s, max_inactive_s, version FROM session "
                    "WHERE id = ?",
                    (session_id,),
                ).fetchone()
                if row is None:
                    return None
                attributes = self._connection.execute(
                    "SELECT name, value, version, writer FROM attribute WHERE session = ?", row[:1]
                ).fetchall()
            finally:
                self._connection.execute("COMMIT")
        _, stored_id, created_s, accessed_s, max_inactive_s, version = row
        values = {name: StoredAttribute(*rest) for name, *rest in attributes}
        return StoredSession(stored_id, created_s, accessed_s, max_inactive_s, version, values)

    def write(
        self, session_id: str, changes: Sequence[Change], accessed_s: float, max_inactive_s: int
    ) -> Written | None:
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT number, version FROM session WHERE id = ?", (session_id,)
            ).fetchone()
            if row is None:
                return None
            number, version = row[0], row[1] + bool(changes)
            connection.execute(
                "UPDATE session SET accessed_s = max(accessed_s, ?), max_inactive_s = ?, version = ? "
                "WHERE number = ?",
                (accessed_s, max_inactive_s, version, number),
            )
            conflicts = []
            for change in changes:
                found = connection.execute(
                    "SELECT value, version, writer FROM attribute WHERE session = ? AND name = ?",
                    (number, change.name),
                ).fetchone()
                conflicts.append(_conflict(change, StoredAttribute(*found) if found else None))
                connection.execute(
                    "INSERT OR REPLACE INTO attribute (session, name, value, version, writer) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (number, change.name, change.value, version, change.writer),
                )
        return Written(version, tuple(conflict for conflict in conflicts if conflict is not None))

    def rename(self, session_id: str, new_id: str) -> bool:
        with self._transaction() as connection:
            renamed = connection.execute("UPDATE session SET id = ? WHERE id = ?", (new_id, session_id))
            return renamed.rowcount > 0

    def delete(self, session_id: str) -> bool:
        with self._transaction() as connection:
            return connection.execute("DELETE FROM session WHERE id = ?", (session_id,)).rowcount > 0

    def expired(self, now_s: float) -> list[str]:
        rows = self._query(
            "SELECT id FROM session WHERE max_inactive_s > 0 AND ? - accessed_s >= max_inactive_s "
            "ORDER BY accessed_s",
            now_s,
        )
        return [str(row[0]) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._connection.close()


@contextlib.contextmanager
def _store_errors(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: the session store failed: {error}") from error


def _make_private(path: str) -> None:
    """Make the folder and the file, for their owner only; SQLite gives its side files the same mode."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _refuse_foreign(folder)
        os.chmod(folder, 0o700)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            _refuse_foreign(path)
    except OSError as error:
        raise ConfigError(f"{path}: sessions cannot be stored there: {error.strerror}") from error


def _refuse_foreign(path: str) -> None:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise ConfigError(
            f"{path}: others could have written here, and what is stored is run when it is loaded. "
            "Remove it, or let it belong to the user that runs the container, with mode 700 for a folder "
            "and 600 for a file"
        )
