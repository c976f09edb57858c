"""The access log: one line for each request, in Apache's common or combined format or as JSON.

connector ── Answered ──> AccessLog (a listener) ── lines ──> its thread ── one write for many ──> file

A line is made at once, in the thread that reports the answer: a thread that made many would keep the
interpreter from the requests. A full disk or a slow terminal holds nobody up: lines beyond a bound
are dropped and counted.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from container.errors import ConfigError
from container.trace import Answered

__all__ = ["FORMATS", "AccessLog", "Lines", "open_log"]

_log = logging.getLogger("container.access")

_MAX_WAITING = 100_000
_GATHER_S = 0.1  # how long lines may gather before they are written
CLIENT_LEFT = 499  # nginx's status for a client that left before it was answered

_UNSAFE = re.compile(rb'["\\\x00-\x1f\x7f-\xff]')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _escaped(raw: bytes | None) -> str:
    r"""Write what a client sent so that it can neither end its field nor its line: \xHH, as nginx does."""
    if not raw:
        return "-"
    return _UNSAFE.sub(lambda match: b"\\x%02X" % match[0][0], raw).decode("ascii")


def _local_time(second: int) -> str:
    at = time.localtime(second)
    return time.strftime(f"[%d/{_MONTHS[at.tm_mon - 1]}/%Y:%H:%M:%S %z]", at)  # English in every locale


class Lines:
    """Makes the lines of one log. Remembers what repeats: seconds, paths, browsers."""

    def __init__(self) -> None:
        self._text = lru_cache(4096)(_escaped)
        self._time = lru_cache(4)(_local_time)

    def common(self, answered: Answered) -> str:
        """Apache's common log format: host, user, time, request, status, bytes of the body."""
        text = self._text
        user = "-" if answered.user is None else text(answered.user.encode()).replace(" ", "\\x20")
        return (
            f"{answered.peer or '-'} - {user} {self._time(int(answered.time_s))} "
            f'"{text(answered.request_line)}" {answered.status or CLIENT_LEFT} {answered.body_bytes}'
        )

    def combined(self, answered: Answered) -> str:
        """Common, then the Referer and the User-Agent."""
        return f'{self.common(answered)} "{self._text(answered.referer)}" "{self._text(answered.user_agent)}"'

    def json(self, answered: Answered) -> str:
        """One object; missing values are null, times in UTC and seconds."""

        def text(raw: bytes | None) -> str | None:
            return None if raw is None else raw.decode("utf-8", "backslashreplace")

        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(answered.time_s))
        row = {
            "time": f"{at}.{int(answered.time_s % 1 * 1000):03d}Z",
            "id": answered.request_id,
            "peer": answered.peer or None,
            "user": answered.user,
            "request": text(answered.request_line),
            "status": answered.status or CLIENT_LEFT,
            "body_bytes": answered.body_bytes,
            "duration_s": round(answered.duration_s, 6),
            "host": text(answered.host),
            "referer": text(answered.referer),
            "user_agent": text(answered.user_agent),
        }
        return json.dumps(row, ensure_ascii=False)


FORMATS: Mapping[str, Callable[[Lines, Answered], str]] = {
    "common": Lines.common,
    "combined": Lines.combined,
    "json": Lines.json,
}


def open_log(path: Path) -> int:
    """Open a file to write lines at its end, and make the folder it is in. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)


class AccessLog:
    """A trace.AnsweredListener. Any thread may call it; close writes what still waits."""

    def __init__(self, file: str, format: str) -> None:
        """File: a path, or "-" for standard output. Raises ConfigError if it cannot be written."""
        self._path = None if file == "-" else Path(file)
        self._line = FORMATS[format]
        self._lines = Lines()
        try:
            self._descriptor = self._open()
        except OSError as e:
            raise ConfigError(
                f"access log {self._path}: cannot be written: {e.strerror}. Name another file, - or off."
            ) from None
        self._waiting: deque[str] = deque()
        self._lost = 0
        self._is_awake = False
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="access-log", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<AccessLog {self._path or 'standard output'}, {len(self._waiting)} lines waiting>"

    def __enter__(self) -> AccessLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> int:
        if self._path is None and sys.stdout is None:  # it was closed at our start
            return os.open(os.devnull, os.O_WRONLY)
        if self._path is None:
            return os.dup(sys.stdout.fileno())
        return open_log(self._path)

    def __call__(self, answered: Answered) -> None:
        self.add(self._line(self._lines, answered))

    def add(self, line: str) -> None:
        """Write a line that somebody else has made."""
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.append(line)
        else:
            self._lost += 1
        if not self._is_awake:
            self._is_awake = True
            self._wake.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, within timeout_s, and let the file go."""
        if not self._closed.is_set():
            self._closed.set()
            self._wake.set()
            self._thread.join(timeout_s)
            if not self._thread.is_alive():
                os.close(self._descriptor)

    # The log's own thread

    def _work(self) -> None:
        while not self._closed.is_set():
            self._wake.wait()
            self._wake.clear()
            self._closed.wait(_GATHER_S)
            self._is_awake = False  # before the list is taken: what comes from now on wakes again
            self._write()
        self._write()

    def _write(self) -> None:
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        lost, self._lost = self._lost, 0
        if lost:
            _log.warning("%d lines of the access log were lost: it is written too slowly", lost)
        data = memoryview("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
        try:
            self._follow_rotation()
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as e:
            _log.warning("%d lines of the access log were lost: %s", len(lines), e.strerror)

    def _follow_rotation(self) -> None:
        """Open the file anew if it was renamed or removed, as logrotate does."""
        if self._path is None:
            return
        try:
            is_same = os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except FileNotFoundError:
            is_same = False
        if not is_same:
            descriptor = self._open()
            os.close(self._descriptor)
            self._descriptor = descriptor
