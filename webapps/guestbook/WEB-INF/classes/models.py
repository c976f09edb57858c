"""What a guestbook holds, and the SQLite database that keeps it."""

import sqlite3
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    message TEXT NOT NULL,
    written_s INTEGER NOT NULL,
    picture_type TEXT,
    picture BLOB
)
"""
ENTRY_COLUMNS = "id, name, message, written_s, picture IS NOT NULL"


class NoSuchEntryError(LookupError):
    """An entry, or a picture of one, that is not there (any more)."""


@dataclass(frozen=True, slots=True)
class Picture:
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    name: str
    message: str
    written: datetime
    has_picture: bool

    @classmethod
    def from_row(cls, row: tuple[int, str, str, int, int]) -> "Entry":
        id, name, message, written_s, has_picture = row
        return cls(id, name, message, datetime.fromtimestamp(written_s, UTC), bool(has_picture))


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the entries; number counts from 1 to count."""

    entries: tuple[Entry, ...]
    number: int
    count: int
    total: int

    @property
    def newer(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def older(self) -> int | None:
        return self.number + 1 if self.number < self.count else None


class Guestbook:
    """The entries, in one SQLite file. Any thread may call any method.

    One connection serves all threads, one at a time: a guestbook is not that busy, and SQLite would let only
    one of them write anyway.
    """

    def __init__(self, file: Path | str) -> None:
        self._lock = threading.Lock()  # guards the connection
        self._connection = sqlite3.connect(file, check_same_thread=False)
        with self._connection:
            self._connection.execute(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def add(self, name: str, message: str, picture: Picture | None = None) -> int:
        """Write an entry and return its id."""
        written_s = int(datetime.now(UTC).timestamp())
        media_type, data = (picture.media_type, picture.data) if picture else (None, None)
        with self._lock, self._connection:
            cursor = self._connection.execute(
                "INSERT INTO entry (name, message, written_s, picture_type, picture) VALUES (?, ?, ?, ?, ?)",
                (name, message, written_s, media_type, data),
            )
        assert cursor.lastrowid is not None  # an INSERT always has one
        return cursor.lastrowid

    def delete(self, id: int) -> None:
        with self._lock, self._connection:
            cursor = self._connection.execute("DELETE FROM entry WHERE id = ?", (id,))
        if not cursor.rowcount:
            raise NoSuchEntryError(f"entry {id}")

    def page(self, number: int, size: int) -> Page:
        """The entries of one page, newest first. A number that is too high gives the last page."""
        with self._lock:
            (total,) = self._connection.execute("SELECT count(*) FROM entry").fetchone()
            count = max(1, -(-total // size))
            number = min(max(1, number), count)
            rows = self._connection.execute(
                f"SELECT {ENTRY_COLUMNS} FROM entry ORDER BY id DESC LIMIT ? OFFSET ?",
                (size, (number - 1) * size),
            ).fetchall()
        return Page(tuple(map(Entry.from_row, rows)), number, count, total)

    def entry(self, id: int) -> Entry:
        with self._lock:
            row = self._connection.execute(
                f"SELECT {ENTRY_COLUMNS} FROM entry WHERE id = ?", (id,)
            ).fetchone()
        if row is None:
            raise NoSuchEntryError(f"entry {id}")
        return Entry.from_row(row)

    def picture(self, id: int) -> Picture:
        with self._lock:
            row = self._connection.execute(
                "SELECT picture_type, picture FROM entry WHERE id = ? AND picture IS NOT NULL", (id,)
            ).fetchone()
        if row is None:
            raise NoSuchEntryError(f"picture of entry {id}")
        return Picture(*row)
