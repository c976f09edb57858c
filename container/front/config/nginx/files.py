"""What the file system has for a request: nginx's static files, index files, try_files and file tests."""

from __future__ import annotations

import errno
import os
import re
import stat

from container.files import VARIANTS, is_hidden, is_protected
from container.front.config.nginx.answers import content_type
from container.front.config.nginx.model import Location, Root, with_charset
from container.front.config.nginx.variables import State
from container.front.site import FileAction, HeaderEdits

__all__ = ["Unreadable", "file_action", "kind_of", "test_file"]

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.EMLINK})
_GZIP = tuple(variant for variant in VARIANTS if variant[0] == "gzip")


class Unreadable(Exception):  # noqa: N818  it is an answer
    """There is something, but it cannot be read: the status to answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def kind_of(state: State, uri: str) -> str:
    """Return "file", "folder", "other", or "" for what is not there or must not be seen.

    Raises Unreadable.
    """
    if is_hidden(uri) or is_protected(uri) or "\0" in uri:
        return ""
    root = state.location.root.path
    if not root.constant and "/.." in root(state):
        return ""
    return _kind(state.file(uri))


def _kind(name: str) -> str:
    try:
        mode = os.stat(name).st_mode
    except UnicodeEncodeError:
        return ""
    except OSError as error:
        if error.errno in _MISSING:
            return ""
        raise Unreadable(403 if error.errno in _DENIED else 500) from error
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "other"


def test_file(name: str, operator: str) -> bool:
    """-f, -d, -e and -x of an if."""
    if "\0" in name:
        return False
    try:
        mode = os.stat(name).st_mode
    except (OSError, UnicodeEncodeError):
        return False
    match operator:
        case "f":
            return stat.S_ISREG(mode)
        case "d":
            return stat.S_ISDIR(mode)
        case "x":
            return bool(mode & 0o111)
    return True


def file_action(state: State, location: Location, edits: HeaderEdits) -> FileAction:
    """Serve the regular file that the state's path means."""
    root, path = _split(state, location.root)
    return FileAction(
        root=root,
        path=path,
        status=state.error_status or 200,
        content_type=content_type(location, state.uri) if location.root.is_alias else None,
        types=location.typed,
        default_type=with_charset(location, location.default_type),
        precompressed=_GZIP if location.gzip_static else (),
        edits=edits,
    )


def _split(state: State, root: Root) -> tuple[str, str]:
    """The folder that must not be left, and the path below it."""
    folder = state.folder(root)
    path = state.uri
    if root.is_alias:
        name = state.file(path)
        folder = (folder if root.cut is not None else name).rpartition("/")[0]
        path = name[len(folder) :]
    return folder or "/", re.sub("//+", "/", path) if "//" in path else path
