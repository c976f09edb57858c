"""The access log: one line for each request, in Apache's common or combined format or as JSON.

connector ── Answered ──> AccessLog (a listener) ── deque ──> its thread ── one write for many lines ──> file

A request costs one append; lines are made and written by a thread of the log's own. A full disk or a slow
terminal holds nobody up: what exceeds the bound is dropped, and the number of lost lines is logged.
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
from pathlib import Path
from types import TracebackType

from container.errors import ConfigError
from container.trace import Answered

__all__ = ["FORMATS", "AccessLog", "Clock"]

_log = logging.getLogger("container.access")

_MAX_WAITING = 100_000
_GATHER_S = 0.1  # how long lines may gather before they are written
CLIENT_LEFT = 499  # nginx's status for a client that left before it was answered

_UNSAFE = re.compile(rb'["\\\x00-\x1f\x7f-\xff]')


def _text(raw: bytes | None) -> str:
    r"""Write what a client sent so that it can neither end its field nor its line: \xHH, as nginx does."""
    if not raw:
        return "-"
    return _UNSAFE.sub(lambda match: b"\\x%02X" % match[0][0], raw).decode("ascii")


class Clock:
    """Apache's time of a log line; made once for each second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, time_s: float) -> str:
        second = int(time_s)
        if second != self._second:
            self._second = second
            # The month in English, whatever the locale.
            at = time.localtime(second)
            month = "JanFebMarAprMayJunJulAugSepOctNovDec"[3 * at.tm_mon - 3 : 3 * at.tm_mon]
            self._text = time.strftime(f"[%d/{month}/%Y:%H:%M:%S %z]", at)
        return self._text


def common(answered: Answered, clock: Callable[[float], str]) -> str:
    user = _text(answered.user.encode()).replace(" ", "\\x20") if answered.user else "-"
    return (
        f"{answered.peer or '-'} - {user} {clock(answered.time_s)} "
        f'"{_text(answered.request_line)}" {answered.status or CLIENT_LEFT} {answered.body_bytes}'
    )


def combined(answered: Answered, clock: Callable[[float], str]) -> str:
    return f'{common(answered, clock)} "{_text(answered.referer)}" "{_text(answered.user_agent)}"'


def as_json(answered: Answered, clock: Callable[[float], str]) -> str:
    """One object; missing values are null, times in UTC and seconds."""

    def text(raw: bytes | None) -> str | None:
        return None if raw is None else raw.decode("utf-8", "backslashreplace")

    at = time.gmtime(answered.time_s)
    row = {
        "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', at)}.{int(answered.time_s % 1 * 1000):03d}Z",
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


FORMATS: Mapping[str, Callable[[Answered, Callable[[float], str]], str]] = {
    "common": common,
    "combined": combined,
    "json": as_json,
}


class AccessLog:
    """A trace.AnsweredListener. Any thread may call it; close writes what still waits."""

    def __init__(self, file: str, format: str) -> None:
        """File: a path, or "-" for standard output. Raises ConfigError if it cannot be written."""
        self._path = None if file == "-" else Path(file)
        self._format = FORMATS[format]
        try:
            self._descriptor = self._open()
        except OSError as e:
            raise ConfigError(
                f"--access-log {self._path}: cannot be written: {e.strerror}. Name another file, - or off."
            ) from None
        self._clock = Clock()
        self._waiting: deque[Answered] = deque()
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
        if self._path is None:
            return os.dup(sys.stdout.fileno())
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    def __call__(self, answered: Answered) -> None:
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.append(answered)
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
        answers = [self._waiting.popleft() for _ in range(len(self._waiting))]
        lost, self._lost = self._lost, 0
        if lost:
            _log.warning("%d lines of the access log were lost: it is written too slowly", lost)
        lines = "".join(f"{self._format(answered, self._clock)}\n" for answered in answers)
        data = memoryview(lines.encode("utf-8", "backslashreplace"))
        try:
            self._follow_rotation()
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as e:
            _log.warning("%d lines of the access log were lost: %s", len(answers), e.strerror)

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
