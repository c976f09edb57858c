"""Notice that the files of a web app have changed, so that ``was run --dev`` starts it anew.

    WEB-INF/web.xml, classes, lib ── stat ──> FileWatcher.changed(now_s) ──> {paths}

It polls and has no thread: whoever owns it asks now and then. A folder is only listed again when its own time
has changed, so a poll costs one stat for each watched file and folder. Templates and static files are not
watched: they are read anew anyway.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["FileWatcher"]

SUFFIXES = (".py", ".xml", ".whl", ".zip", "entry_points.txt", "ServletContainerInitializer")
"""What a change of restarts a web app. Not data files: a web app that writes one would restart for ever."""

SETTLED_NS = 1_000_000_000
"""How old a folder's time must be to trust it: two changes within one tick of the clock look like one."""

Stamp = tuple[int, int, int]


class FileWatcher:
    """Compares snapshots of some files and of all sources below some folders. For one thread at a time."""

    def __init__(
        self, folders: Iterable[Path], files: Iterable[Path] = (), *, interval_s: float = 1.0
    ) -> None:
        """Folders and files may come and go; the first snapshot is taken now."""
        self._folders = tuple(str(folder) for folder in folders)
        self._files = {str(file) for file in files}
        self._interval_s = interval_s
        self._next_s = float("-inf")
        self._listings: dict[str, tuple[int, list[str], list[str]]] = {}
        self._seen = self._snapshot()

    def __repr__(self) -> str:
        return f"<FileWatcher of {len(self._seen)} files>"

    def changed(self, now_s: float) -> set[Path]:
        """Return what was changed, added or removed since the last call that returned something.

        now_s is any clock that goes forward. Looks at most once in interval_s, however often it is called.
        """
        if now_s < self._next_s:
            return set()
        self._next_s = now_s + self._interval_s
        seen = self._snapshot()
        changed = {file for file in seen.keys() | self._seen.keys() if seen.get(file) != self._seen.get(file)}
        self._seen = seen
        return {Path(file) for file in changed}

    def _snapshot(self) -> dict[str, Stamp | None]:
        snapshot = {file: _stamp(file) for file in self._files}
        for folder in self._folders:
            snapshot.update((file, _stamp(file)) for file in self._sources(folder, set()))
        return snapshot

    def _sources(self, folder: str, visited: set[tuple[int, int]]) -> Iterator[str]:
        """Yield the sources below folder, through links too, but each folder once."""
        try:
            status = os.stat(folder)
        except OSError:
            self._listings.pop(folder, None)
            return
        if (status.st_dev, status.st_ino) in visited:
            return
        visited.add((status.st_dev, status.st_ino))
        changed_ns = status.st_mtime_ns
        known_ns, files, folders = self._listings.get(folder, (-1, [], []))
        if known_ns != changed_ns:
            files, folders = _list(folder)
            settled = time.time_ns() - changed_ns > SETTLED_NS
            self._listings[folder] = (changed_ns if settled else -1, files, folders)
        yield from files
        for inner in folders:
            yield from self._sources(inner, visited)


def _list(folder: str) -> tuple[list[str], list[str]]:
    """Return the sources and the folders in a folder, without hidden ones and bytecode."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__pycache__":
                    continue
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.name.endswith(SUFFIXES):
                    files.append(entry.path)
    except OSError:
        pass  # removed meanwhile: the next snapshot tells
    return files, folders


def _stamp(file: str) -> Stamp | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
