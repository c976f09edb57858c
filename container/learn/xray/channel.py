"""Bring the records of several processes together: over a Unix socket in a folder of their own.

    Recorder of a container ── Sender ── a line of JSON for each part ──> Collector ──> Recorder of the page

A Sender looks a few times a second what has changed and sends that, so no request waits for it; the part of a
request that goes on is sent again when there is more. If the Collector ends, its next one gets everything
that is still in the ring.
"""

from __future__ import annotations

import contextlib
import json
import logging
import select
import selectors
import socket
import threading
import time
from pathlib import Path

from container.learn.xray.recorder import Part, Recorder, part_of

__all__ = ["SOCKET", "Collector", "Sender"]

SOCKET = "xray.sock"
"""Its name, in the folder that the processes share."""

_log = logging.getLogger("container.xray")

_EVERY_S = 0.2
_MOST_AT_ONCE = 100  # parts
_MOST_LINE_BYTES = 8 * 1024 * 1024
_SEND_TIMEOUT_S = 1.0
_AGAIN_S = 0.05
_BACKLOG = 256


class Sender:
    """Sends what a Recorder has. A thread of its own, from start to stop."""

    def __init__(self, recorder: Recorder, path: Path, *, joined: bool = False) -> None:
        """joined: only parts of requests that our front has a record of, not its own health checks."""
        self._recorder = recorder
        self._path = path
        self._joined = joined
        self._sent: dict[str, int] = {}  # Trace.changes when it was sent, by id
        self._socket: socket.socket | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None  # made where it starts: see Collector

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="xray-sender", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send what is left, if that is possible soon."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2 * _SEND_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self._send()
        give_up_s = time.monotonic() + _SEND_TIMEOUT_S
        while not self._send() and time.monotonic() < give_up_s:
            time.sleep(_AGAIN_S)  # the process of the page may be replaced just now
        self._close()

    def _send(self) -> bool:
        """Whether everything is sent that there is."""
        if self._socket is not None and _has_ended(self._socket):
            self._close()
        traces = self._recorder.traces()
        if self._joined:
            traces = [trace for trace in traces if trace.facts.get("joins")]
        changed = [trace for trace in traces if self._sent.get(trace.id) != trace.changes][-_MOST_AT_ONCE:]
        if not changed:
            return True
        self._sent = {trace.id: self._sent[trace.id] for trace in traces if trace.id in self._sent}
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.settimeout(_SEND_TIMEOUT_S)
                self._socket.connect(str(self._path))
            for trace in changed:
                changes = trace.changes
                part = part_of(trace, self._recorder.process)
                self._socket.sendall(json.dumps(part.values()).encode() + b"\n")
                self._sent[trace.id] = changes
            return len(changed) < _MOST_AT_ONCE
        except OSError as error:
            _log.debug("The records of this process cannot be sent: %s", error)
            self._close()
            return False

    def _close(self) -> None:
        self._sent.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _has_ended(connection: socket.socket) -> bool:
    """Whether the other side, which never says anything, has closed."""
    poll = select.poll()  # recv would wait for as long as the connection's timeout says
    poll.register(connection, select.POLLIN)
    try:
        return bool(poll.poll(0)) and connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class Collector:
    """Takes what Senders send into a Recorder. A thread of its own, from start to close."""

    def __init__(self, recorder: Recorder, path: Path) -> None:
        self._recorder = recorder
        self._path = path
        self._buffers: dict[socket.socket, bytearray] = {}
        # Made where it starts, which may be after a fork: CPython 3.13.0 takes every thread that the
        # parent had made for one that has ended.
        self._thread: threading.Thread | None = None
        self._listener: socket.socket
        self._wake: tuple[socket.socket, socket.socket]

    def start(self) -> None:
        """Listen at the path, which is in a folder that nobody else can enter."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path.unlink(missing_ok=True)  # of one that was killed
        self._listener.bind(str(self._path))
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="xray-collector", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Does nothing in a process where it was not started."""
        if self._thread is None:
            return
        self._wake[1].send(b"x")
        self._thread.join()
        for each in (self._listener, *self._wake):
            each.close()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake[0], selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._wake[0]:
                        for sender in self._buffers:
                            sender.close()
                        return
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    else:
                        assert isinstance(key.fileobj, socket.socket)
                        self._read(selector, key.fileobj)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(OSError):
            sender, _ = self._listener.accept()
            sender.setblocking(False)
            self._buffers[sender] = bytearray()
            selector.register(sender, selectors.EVENT_READ)

    def _read(self, selector: selectors.BaseSelector, sender: socket.socket) -> None:
        buffer = self._buffers[sender]
        try:
            data = sender.recv(256 * 1024)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        buffer += data
        *lines, rest = bytes(buffer).split(b"\n")
        buffer[:] = rest
        try:
            for line in lines:
                self._recorder.take(Part.of(json.loads(line)))
        except (LookupError, TypeError, ValueError) as error:
            _log.warning("A record of another process cannot be read: %s", error)
            data = b""
        if not data or len(buffer) > _MOST_LINE_BYTES:
            selector.unregister(sender)
            sender.close()
            del self._buffers[sender]
