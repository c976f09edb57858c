"""The files of a web app.

Its folder first, then META-INF/resources of its libraries (RT-CTX-06, RT-DEF-02).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from container.descriptor.model import MimeMapping
from container.engine.uri import resolve

__all__ = ["Resources"]


class Resources:
    """Paths begin with "/" and are relative to the web app.

    Whatever leaves a root through a link does not exist.
    """

    def __init__(self, folder: Path, libraries: Iterable[Path], mime_mappings: Sequence[MimeMapping]) -> None:
        self.roots = tuple(Path(os.path.realpath(root)) for root in (folder, *libraries))
        self.mime_types = {m.extension.lower(): m.mime_type for m in mime_mappings}

    def find(self, path: str) -> Path | None:
        """Return the file or folder at path, the first root's; None if there is none."""
        canonical = resolve("/", path)
        if canonical is None or "\0" in canonical:
            return None
        for root in self.roots:
            candidate = os.path.realpath(os.path.join(root, canonical[1:]))
            inside = candidate == str(root) or candidate.startswith(str(root) + os.sep)
            if inside and os.path.exists(candidate):
                if canonical.endswith("/") and canonical != "/" and not os.path.isdir(candidate):
                    continue
                return Path(candidate)
        return None

    def is_directory(self, path: str) -> bool:
        found = self.find(path)
        return found is not None and found.is_dir()

    def is_file(self, path: str) -> bool:
        found = self.find(path)
        return found is not None and found.is_file()

    def children(self, path: str) -> set[str] | None:
        """The direct children of a folder, folders with a "/" at the end (RT-CTX-08).

        None if there are none.
        """
        canonical = resolve("/", path)
        if canonical is None:
            return None
        base = canonical if canonical.endswith("/") else canonical + "/"
        names: set[str] = set()
        for root in self.roots:
            folder = os.path.join(root, canonical[1:])
            if os.path.isdir(folder):
                with os.scandir(folder) as entries:
                    names |= {base + entry.name + ("/" if entry.is_dir() else "") for entry in entries}
        return names or None
