"""Sync: what one process knows of a session's copy in the store, and so what to write and what to take over.

    Session ── changes ──> [Change] ──> Store
            <── merge ──── StoredSession

Values are compared by their pickles, so a list that was changed in place is found. Only what a request has
asked for can have changed so, and only that is pickled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from container.session.store import Change, StoredSession, Written

if TYPE_CHECKING:
    from container.session.session import Session

__all__ = ["IMMUTABLE", "NOTE", "Sync", "lag_s"]

NOTE = "\0"  # begins the stored names of notes; no attribute's name does
IMMUTABLE = (str, int, float, bool, bytes, type(None))
_LAG_S = 10.0  # how much the stored time of the last access may lag behind, at most


class Sync:
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

    def merge(self, stored: StoredSession, put: Callable[[str, bytes | None], None]) -> None:
        """Call put with each value that is newer in the store, unless a request here is about to write it."""
        with self.lock:
            complete = True
            for name, attribute in stored.attributes.items():
                if attribute.version <= self.versions.get(name, 0) or name in self.writers:
                    continue
                if name in self.used:
                    complete = False  # a running request holds it: look again when that is over
                    continue
                self._note(name, attribute.version, attribute.value)
                put(name, attribute.value)
            if complete:
                self.version = stored.version

    def changes(
        self, session: Session, request_id: str, pickled: Callable[[str, object], bytes | None]
    ) -> list[Change]:
        """Return what was written, and what has changed inside; what cannot be pickled is left out."""
        current: dict[str, object] = {name: session._attributes.get(name) for name in self.writers}
        for name in list(self.used):
            value = session._attributes.get(name)
            if type(value) not in IMMUTABLE:
                current[name] = value
        for name in (*session.notes, *(n[1:] for n in self.pickles if n.startswith(NOTE))):
            current[NOTE + name] = session.notes.get(name)
        changes = []
        for name, value in current.items():
            data = pickled(name, value) if value is not None else None
            if data is None and value is not None:
                continue
            if name in self.writers or data != self.pickles.get(name):
                writer = self.writers.get(name, request_id)
                changes.append(Change(name, data, self.versions.get(name, 0), writer))
        return changes

    def is_current(self, alive_s: float, timeout_s: int) -> bool:
        """Whether the stored times are near enough to these."""
        return timeout_s == self.saved_timeout_s and alive_s - self.saved_alive_s < lag_s(timeout_s)

    def note_written(
        self, changes: Iterable[Change], written: Written, alive_s: float, timeout_s: int
    ) -> None:
        self.saved_alive_s, self.saved_timeout_s = alive_s, timeout_s
        for change in changes:
            self._note(change.name, written.version, change.value)
            self.writers.pop(change.name, None)
        if written.version == self.version + 1:  # otherwise somebody else wrote too: read it at the next find
            self.version = written.version

    def _note(self, name: str, version: int, value: bytes | None) -> None:
        self.versions[name] = version
        if value is None:
            self.pickles.pop(name, None)
        else:
            self.pickles[name] = value


def lag_s(max_inactive_s: int) -> float:
    """Say how old the stored time of the last access may be; otherwise each request would have to write."""
    return min(_LAG_S, max_inactive_s / 10) if max_inactive_s > 0 else _LAG_S
