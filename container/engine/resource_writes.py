"""PUT and DELETE of files, for the default servlet's init parameter readonly=false.

A file is written beside its place and then moved there, so that nobody ever reads half of it and a broken
upload changes nothing. Only directories that exist, inside the root and outside of WEB-INF, are written to.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from typing import BinaryIO, NamedTuple

from container.files import is_protected, safe_join

__all__ = ["Part", "Refused", "delete", "put", "read_content_range"]

_CONTENT_RANGE = re.compile(r"bytes +([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_PIECE_BYTES = 65536


class Refused(Exception):  # noqa: N818  it tells an event
    """Something the client has to do otherwise; status is the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Part(NamedTuple):
    """Where what a PUT brings belongs in the file."""

    offset: int
    bytes: int


def read_content_range(text: str) -> Part:
    """Read "bytes 0-499/1234"; the whole length has to be known."""
    match = _CONTENT_RANGE.fullmatch(text.strip())
    first, last, whole = map(int, match.groups()) if match else (0, -1, 0)
    if last < first or whole <= last:
        raise Refused(400, f"Content-Range: {text}: write bytes <first>-<last>/<length>")
    return Part(first, last - first + 1)


def put(root: str, path: str, body: BinaryIO, part: Part | None = None) -> bool:
    """Store body, or only part of the file, at path; return whether the file is new. root is a real path."""
    name = _place(root, path)
    if path.endswith("/") or os.path.isdir(name):
        raise Refused(409, "a directory cannot be written")
    if not os.path.isdir(os.path.dirname(name)):
        raise Refused(409, "there is no such directory")
    is_new = not os.path.lexists(name)
    temporary = os.path.join(os.path.dirname(name), f".{secrets.token_hex(8)}.upload")
    try:
        with open(temporary, "xb") as file:
            if part is None:
                shutil.copyfileobj(body, file, _PIECE_BYTES)
            else:
                _put_part(name, is_new, file, body, part)
        if not is_new:
            shutil.copymode(name, temporary)
        os.replace(temporary, name)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise
    return is_new


def _put_part(name: str, is_new: bool, file: BinaryIO, body: BinaryIO, part: Part) -> None:
    if not is_new:
        with open(name, "rb") as before:
            shutil.copyfileobj(before, file)
    if part.offset > file.tell():
        raise Refused(400, f"Content-Range begins behind the file's end, {file.tell()}")
    file.seek(part.offset)
    left = part.bytes
    while left and (data := body.read(min(left, _PIECE_BYTES))):
        file.write(data)
        left -= len(data)
    if left or body.read(1):
        raise Refused(400, "Content-Range does not fit the body's length")


def delete(root: str, path: str) -> None:
    """Remove a file or an empty directory."""
    name = _place(root, path)
    if name == root:
        raise Refused(405, "the web app itself cannot be removed")
    try:
        if os.path.isdir(name) and not os.path.islink(name):
            os.rmdir(name)
        else:
            os.unlink(name)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(404, "there is no such file") from None
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise Refused(405, "the directory is not empty") from None


def _place(root: str, path: str) -> str:
    """Return the file name; its folder, links resolved, has to lie in root and outside of WEB-INF."""
    name = safe_join(root, path)
    if name is None:
        raise Refused(404, "there is no such path")
    if name == root:
        return name
    folder = os.path.realpath(os.path.dirname(name))
    if folder != root and not folder.startswith(root + os.sep):
        raise Refused(404, "that leads out of the web app")
    real = os.path.join(folder, os.path.basename(name))
    if is_protected(real[len(root) :]):
        raise Refused(404, "there is no such path")
    return real
