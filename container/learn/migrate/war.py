"""The files of a Java web app, in a folder or in a .war or .jar, which is never unpacked.

    open_files(path) ──> Files ──> read(files, name), copy(files, name, target)

A name is a path within the web app with "/", as in WEB-INF/web.xml. A zip with a name that leads out of it,
or with more in it than a web app can have, is refused before anything is read.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from container.errors import ConfigError

__all__ = ["Files", "copy", "nested", "open_files", "read"]

MAX_BYTES = 1 << 30
MAX_FILES = 100_000
MAX_READ_BYTES = 256 << 20  # of one file that is looked into, such as a library


class Files(Protocol):
    """What a web app is made of. shown: how messages call it."""

    shown: str
    names: tuple[str, ...]

    def open(self, name: str) -> BinaryIO: ...


def read(files: Files, name: str) -> bytes:
    """All of one file. Raises ConfigError if it is too large to be looked into, or damaged."""
    try:
        with files.open(name) as file:
            data = file.read(MAX_READ_BYTES + 1)
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:
        raise ConfigError(f"{files.shown}/{name}: cannot be read: {e}. Build the web app again.") from None
    if len(data) > MAX_READ_BYTES:
        raise ConfigError(f"{files.shown}/{name}: has more than {MAX_READ_BYTES >> 20} MB. Leave it out.")
    return data


def copy(files: Files, name: str, target: Path) -> None:
    """Write one file to target, which must not be there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with files.open(name) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file)


class _Folder:
    """A folder; links that lead out of it are no part of it."""

    def __init__(self, path: Path, shown: str) -> None:
        self.shown = shown
        self._path = path.resolve()
        self.names = tuple(sorted(self._walk()))

    def _walk(self) -> Iterator[str]:
        for folder, _, names in os.walk(self._path):
            for name in names:
                path = Path(folder, name)
                if path.is_file() and path.resolve().is_relative_to(self._path):
                    yield path.relative_to(self._path).as_posix()

    def open(self, name: str) -> BinaryIO:
        return (self._path / name).open("rb")


class _Zip:
    """A .war or .jar."""

    def __init__(self, archive: zipfile.ZipFile, shown: str) -> None:
        self.shown = shown
        self._archive = archive
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise ConfigError(
                f"{shown}: has {len(entries)} files of {sum(entry.file_size for entry in entries)} bytes, "
                f"which no web app needs: more than {MAX_FILES} files or {MAX_BYTES} bytes are not read. "
                "Unpack it and name the folder, if you trust it."
            )
        for entry in entries:
            if why := _suspicious(entry):
                raise ConfigError(
                    f"{shown}: {entry.filename!r} {why}, as a web app never does. Do not trust it."
                )
        self.names = tuple(sorted({entry.filename for entry in entries}))

    def open(self, name: str) -> BinaryIO:
        return self._archive.open(name)  # type: ignore[return-value]  # IO[bytes], which has what is needed


def _suspicious(entry: zipfile.ZipInfo) -> str | None:
    path = PurePosixPath(entry.filename)
    if not path.parts or path.is_absolute() or ".." in path.parts or set(entry.filename) & set("\\:"):
        return "leads out of the archive"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link"
    if entry.flag_bits & 1:
        return "is encrypted"
    return None


@contextmanager
def open_files(path: Path) -> Iterator[Files]:
    """Read a folder or an archive. Raises ConfigError."""
    if path.is_dir():
        yield _Folder(path, str(path))
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as e:
        why = f"is neither a folder nor a readable .war: {e}"
        raise ConfigError(f"{path}: {why}. Name one of these, or a Maven project") from None
    with archive:
        yield _Zip(archive, str(path))


def nested(files: Files, name: str) -> Files | None:
    """Return the files of a library; None if it is no zip."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(read(files, name)))
    except zipfile.BadZipFile:
        return None
    return _Zip(archive, f"{files.shown}/{name}")
