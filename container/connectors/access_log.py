"""The access log: one line for each request, as common, combined or JSON (docs of Apache and nginx agree on both).

Each line leaves in one append, so that processes can share a file. ``reopen`` follows a rotation.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time

from container.config import Settings
from container.trace import Answered

__all__ = ["AccessLog", "combined_line", "common_line", "json_line"]

_UNSAFE = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _escaped(raw: bytes | None) -> str:
    r"""Escape as nginx does: ", \, control characters and bytes beyond ASCII become \xHH."""
    if raw is None:
        return "-"
    return _UNSAFE.sub(lambda match: rb"\x%02X" % match[0][0], raw).decode("ascii")


def _time(time_s: float) -> str:
    t = time.localtime(time_s)
    offset = time.strftime("%z", t)
    return f"{t.tm_mday:02}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}:{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} {offset}"


def common_line(a: Answered) -> str:
    """``host ident user [time] "request line" status bytes``; 499 where the client left before there was a status."""
    user = "-" if a.user is None else _escaped(a.user.encode("utf-8")).replace(" ", "\\x20") or '""'
    line = _escaped(a.request_line) or "-"
    return f'{a.peer or "-"} - {user} [{_time(a.time_s)}] "{line}" {a.status or 499} {a.body_bytes}'


def combined_line(a: Answered) -> str:
    """The common line with referer and user agent."""
    return f'{common_line(a)} "{_escaped(a.referer)}" "{_escaped(a.user_agent)}"'


def json_line(a: Answered) -> str:
    """One JSON object; absent values are null."""

    def text(raw: bytes | None) -> str | None:
        return None if raw is None else raw.decode("utf-8", "backslashreplace")

    return json.dumps(
        {
            "time": a.time_s, "peer": a.peer, "user": a.user, "request": text(a.request_line),
            "status": a.status or 499, "bytes": a.body_bytes, "duration_s": round(a.duration_s, 6),
            "host": text(a.host), "referer": text(a.referer), "user_agent": text(a.user_agent),
            "request_id": a.request_id,
        },
        ensure_ascii=False,
    )  # fmt: skip


_FORMATS = {"common": common_line, "combined": combined_line, "json": json_line}


class AccessLog:
    """A listener for trace.Answered. Lines are collected and written by a thread of its own, at most 0.2 s later."""

    def __init__(self, settings: Settings) -> None:
        self._format = _FORMATS[settings.access_log_format]
        self._path = settings.access_log
        self._pending: list[Answered] = []
        self._wake = threading.Event()
        self._closing = False
        self._file_lock = threading.Lock()  # guards _descriptor
        self._descriptor = self._open()
        self._thread = threading.Thread(target=self._write_lines, name="access-log", daemon=True)
        self._thread.start()

    def _open(self) -> int:
        if self._path == "-":
            return os.dup(sys.stdout.fileno())
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    def __call__(self, answered: Answered) -> None:
        self._pending.append(answered)
        if not self._wake.is_set():
            self._wake.set()

    def _write_lines(self) -> None:
        while True:
            self._wake.wait()
            if not self._closing:
                time.sleep(0.2)  # collect: one write for many lines
            self._wake.clear()
            pending, self._pending = self._pending, []
            if pending:
                data = ("\n".join(map(self._format, pending)) + "\n").encode("utf-8", "backslashreplace")
                with self._file_lock:
                    os.write(self._descriptor, data)
            if self._closing and not self._pending:
                return

    def reopen(self) -> None:
        """Open the file anew: the old one was renamed."""
        with self._file_lock:
            old, self._descriptor = self._descriptor, self._open()
        os.close(old)

    def close(self) -> None:
        """Write what is pending and end."""
        self._closing = True
        self._wake.set()
        self._thread.join(5)
        os.close(self._descriptor)
