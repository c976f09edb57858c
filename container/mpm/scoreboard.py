"""The scoreboard: what each process and each of its threads does, in memory that all of them share.

    child ── its own cells ──> mmap of a file <── Supervisor (how many are idle?)
                                              <── `was status`, any process that may read the file

Nobody locks: each cell has one writer, and a reader who comes in between sees a text half new, not a wrong
count. The letters are those of Apache's mod_status. The file carries a lock (flock) for as long as one of
its processes lives: that is how a reader knows what a killed server has left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import stat
import struct
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from container.config import Settings
from container.errors import ConfigError
from container.mpm.population import Limits

__all__ = [
    "ANSWERING",
    "DRAINING",
    "ENDING",
    "IDLE",
    "KEEPALIVE",
    "LINGERING",
    "OPEN",
    "READING",
    "STARTING",
    "WAITING",
    "Activity",
    "ProcessStatus",
    "Scoreboard",
    "ServerStatus",
    "Slot",
    "ThreadStatus",
    "ThreadWatch",
    "make_board",
    "running_servers",
    "status_folder",
]

_log = logging.getLogger("container.server")

OPEN, STARTING, WAITING, READING, ANSWERING, KEEPALIVE, LINGERING, ENDING, DRAINING = b".S_RWKCGD"
IDLE = (STARTING, WAITING)
MEANING = {
    OPEN: "open slot",
    STARTING: "starting",
    WAITING: "waiting for a connection",
    READING: "reading a request",
    ANSWERING: "answering",
    KEEPALIVE: "waiting for another request",
    LINGERING: "closing",
    ENDING: "ending gracefully",
    DRAINING: "draining",
}

_MAGIC = b"WASBRD1\n"
_HEADER = struct.Struct("<8sIIId16s256s")  # magic, pid, slots, threads, started, mpm, urls
_HEADER_BYTES = 512
_PHASE_AT = _HEADER_BYTES - 1
_VERSION_AT = _HEADER_BYTES - 16
_URLS_AT = struct.calcsize("<8sIIId16s")
_MOST_URLS_BYTES = 256
_PROCESS = struct.Struct("<BxxxIIId QQ I")  # state, pid, generation, -, started, connections, requests, open
_PROCESS_BYTES = 64
_THREAD = struct.Struct(
    "<Bxxxxxxx d QQ 46s 10s 112s"
)  # state, since, requests, connection, peer, method, target
_THREAD_BYTES = 200
# Parts of them, for what is written with each request or connection.
_PID = struct.Struct("<I")
_PID_AT = 4
_CONNECTIONS = struct.Struct("<Q")
_CONNECTIONS_AT = struct.calcsize("<BxxxIIId")
_FAILED_AT = _PROCESS.size  # a byte
_SEEN_AT = _PROCESS_BYTES - 8
_NUMBER = struct.Struct("<Q")
_ANSWERING = struct.Struct("<Bxxxxxxx d Q")
_REQUEST = struct.Struct("<10s 112s")
_REQUEST_AT = struct.calcsize("<Bxxxxxxx d QQ 46s")
_SUFFIX, _NEW_SUFFIX = ".status", ".new"


@dataclass(frozen=True, slots=True)
class ThreadStatus:
    """One thread. Under the event MPM: one request that is being answered."""

    state: str
    since_s: float
    requests: int
    connection: int
    peer: str
    request: str


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One child, or the only process."""

    pid: int
    state: str
    generation: int
    started_s: float
    connections: int
    """Ever."""
    requests: int
    open_connections: int
    threads: tuple[ThreadStatus, ...]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """A whole server, as it was at one moment or nearly so."""

    pid: int
    mpm: str
    urls: tuple[str, ...]
    started_s: float
    phase: str
    """S starting, _ serving, D draining, G ending."""
    processes: tuple[ProcessStatus, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """What the event MPM, whose connections have no thread, reports once a second."""

    connections: int
    requests: int
    open_connections: int
    answering: tuple[tuple[float, int, str, str, bytes], ...]
    """Of each request: since when (time.time()), connection, peer, method, target."""


def _make_file(path: Path, size: int) -> int:
    """Open it under another name, locked: a reader who finds an unlocked one removes it. Raises OSError."""
    new = path.with_suffix(_NEW_SUFFIX)
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)  # a full disk is found out now, not by a SIGBUS later
        else:
            os.ftruncate(descriptor, size)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        os.close(descriptor)
        new.unlink(missing_ok=True)
        raise
    return descriptor


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode("utf-8", "replace")


class Scoreboard:
    """Made by the first process of a server; its children inherit it."""

    def __init__(self, memory: mmap.mmap, path: Path | None, descriptor: int) -> None:
        self._memory = memory
        self._path = path
        self._descriptor = descriptor
        magic, self.pid, self.slots, self.threads, self._started_s, mpm, _ = _HEADER.unpack_from(memory)
        if magic != _MAGIC:
            raise ValueError("not a scoreboard")
        self._mpm = _text(mpm)
        self._slot_bytes = _PROCESS_BYTES + self.threads * _THREAD_BYTES
        if len(memory) < _HEADER_BYTES + self.slots * self._slot_bytes:
            raise ValueError("a scoreboard cut short")

    def __repr__(self) -> str:
        return f"<Scoreboard of {self.pid}, {self.slots} slots, {self.threads} threads each>"

    @classmethod
    def make(cls, folder: Path | None, slots: int, threads: int, mpm: str, urls: Iterable[str]) -> Scoreboard:
        """In a file of folder that `was status` finds; without folder only its children see it."""
        size = _HEADER_BYTES + slots * (_PROCESS_BYTES + threads * _THREAD_BYTES)
        path, descriptor = None, -1
        if folder is not None:
            path = folder / f"was-{os.getpid()}{_SUFFIX}"
            descriptor = _make_file(path, size)
        memory = mmap.mmap(descriptor, size)
        _HEADER.pack_into(memory, 0, _MAGIC, os.getpid(), slots, threads, time.time(), mpm.encode(), b"")
        memory[_PHASE_AT] = STARTING
        for index in range(slots):
            at = _HEADER_BYTES + index * (_PROCESS_BYTES + threads * _THREAD_BYTES)
            memory[at] = OPEN
            for thread in range(threads):
                memory[at + _PROCESS_BYTES + thread * _THREAD_BYTES] = OPEN
        board = cls(memory, path, descriptor)
        board.urls = urls
        if path is not None:
            path.with_suffix(_NEW_SUFFIX).replace(path)
        return board

    @classmethod
    def open(cls, path: Path) -> Scoreboard | None:
        """Of a server that runs; None if it does not any more, and its file is removed."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
                return None
            return cls(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), None, -1)
        finally:
            os.close(descriptor)

    def slot(self, index: int) -> Slot:
        return Slot(self._memory, _HEADER_BYTES + index * self._slot_bytes, self.threads)

    def all_slots(self) -> Iterator[Slot]:
        return map(self.slot, range(self.slots))

    @property
    def phase(self) -> int:
        """Of the whole server: STARTING, WAITING (it serves), DRAINING or ENDING."""
        return self._memory[_PHASE_AT]

    @phase.setter
    def phase(self, phase: int) -> None:
        self._memory[_PHASE_AT] = phase

    @property
    def version(self) -> int:
        """Of what the first process has to tell its children, whatever that is; Slot.seen is who knows it."""
        number: int = _NUMBER.unpack_from(self._memory, _VERSION_AT)[0]
        return number

    @version.setter
    def version(self, version: int) -> None:
        _NUMBER.pack_into(self._memory, _VERSION_AT, version)

    @property
    def urls(self) -> Iterable[str]:
        return tuple(_text(self._memory[_URLS_AT : _URLS_AT + _MOST_URLS_BYTES]).split())

    @urls.setter
    def urls(self, urls: Iterable[str]) -> None:
        shown = " ".join(urls).encode()[:_MOST_URLS_BYTES].ljust(_MOST_URLS_BYTES, b"\0")
        self._memory[_URLS_AT : _URLS_AT + _MOST_URLS_BYTES] = shown

    def status(self) -> ServerStatus:
        processes = [slot.status() for slot in self.all_slots() if slot.state != OPEN]
        phase = chr(self.phase)
        return ServerStatus(self.pid, self._mpm, tuple(self.urls), self._started_s, phase, tuple(processes))

    def close(self) -> None:
        """Called by the process that made it, when there is nothing left to show."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Slot:
    """One process's part of the scoreboard."""

    __slots__ = ("_at", "_memory", "threads")

    def __init__(self, memory: mmap.mmap, at: int, threads: int) -> None:
        self._memory = memory
        self._at = at
        self.threads = threads

    def __repr__(self) -> str:
        return f"<Slot {chr(self.state)} {self.pid}>"

    @property
    def state(self) -> int:
        return self._memory[self._at]

    @state.setter
    def state(self, state: int) -> None:
        self._memory[self._at] = state

    @property
    def pid(self) -> int:
        pid: int = _PROCESS.unpack_from(self._memory, self._at)[1]
        return pid

    @property
    def is_server_ending(self) -> bool:
        """Whether nobody takes the place of a process that ends."""
        return self._memory[_PHASE_AT] == ENDING

    def begin(self, generation: int) -> None:
        """A new process takes the slot. Called by the supervisor."""
        self.clear()
        _PROCESS.pack_into(self._memory, self._at, STARTING, 0, generation, 0, time.time(), 0, 0, 0)

    def set_pid(self, pid: int) -> None:
        """Parent and child both know it, and whichever comes first writes it."""
        _PID.pack_into(self._memory, self._at + _PID_AT, pid)

    def clear(self) -> None:
        size = _PROCESS_BYTES + self.threads * _THREAD_BYTES
        self._memory[self._at : self._at + size] = bytes(size)
        for index in range(self.threads):
            self._memory[self._thread_at(index)] = OPEN
        self._memory[self._at] = OPEN

    def _thread_at(self, index: int) -> int:
        return self._at + _PROCESS_BYTES + index * _THREAD_BYTES

    def watch(self, index: int) -> ThreadWatch:
        """Of one of the process's threads."""
        return ThreadWatch(self._memory, self._thread_at(index % self.threads), self._at)

    @property
    def failed(self) -> int:
        """How many web apps did not start in this process."""
        return self._memory[self._at + _FAILED_AT]

    @failed.setter
    def failed(self, count: int) -> None:
        self._memory[self._at + _FAILED_AT] = min(255, count)

    @property
    def seen(self) -> int:
        """Which version the process knows (Scoreboard.version)."""
        number: int = _NUMBER.unpack_from(self._memory, self._at + _SEEN_AT)[0]
        return number

    @seen.setter
    def seen(self, version: int) -> None:
        _NUMBER.pack_into(self._memory, self._at + _SEEN_AT, version)

    def idle_threads(self) -> int:
        """How many wait for a connection; all, of a process that is still starting."""
        if self.state == STARTING:
            return self.threads
        if self.state != WAITING:
            return 0
        return sum(self._memory[self._thread_at(index)] == WAITING for index in range(self.threads))

    def count_connections(self, count: int) -> None:
        """Show that the process has accepted its count-th connection."""
        _CONNECTIONS.pack_into(self._memory, self._at + _CONNECTIONS_AT, count)

    def publish(self, activity: Activity) -> None:
        """Show a process without a thread for each connection."""
        state, pid, generation, _, started_s, *_ = _PROCESS.unpack_from(self._memory, self._at)
        _PROCESS.pack_into(
            self._memory,
            self._at,
            state,
            pid,
            generation,
            0,
            started_s,
            activity.connections,
            activity.requests,
            activity.open_connections,
        )
        for index in range(self.threads):
            at = self._thread_at(index)
            if index < len(activity.answering):
                since_s, connection, peer, method, target = activity.answering[index]
                _THREAD.pack_into(
                    self._memory, at, ANSWERING, since_s, 0, connection,
                    peer.encode(), method.encode(), target[:112],
                )  # fmt: skip
            else:
                self._memory[at] = OPEN

    def status(self) -> ProcessStatus:
        state, pid, generation, _, started_s, connections, requests, is_open = _PROCESS.unpack_from(
            self._memory, self._at
        )
        threads = [status for index in range(self.threads) if (status := self._thread_status(index))]
        by_thread = sum(thread.requests for thread in threads)
        busy = sum(thread.state in "RWKC" for thread in threads)
        return ProcessStatus(
            pid,
            chr(state),
            generation,
            started_s,
            connections,
            requests or by_thread,
            is_open or busy,
            tuple(threads),
        )

    def _thread_status(self, index: int) -> ThreadStatus | None:
        state, since_s, requests, connection, peer, method, target = _THREAD.unpack_from(
            self._memory, self._thread_at(index)
        )
        if state == OPEN:
            return None
        if state == WAITING:
            return ThreadStatus(chr(state), since_s, requests, 0, "", "")
        request = f"{_text(method)} {target.rstrip(bytes(1)).decode('latin-1')}".strip()
        return ThreadStatus(chr(state), since_s, requests, connection, _text(peer), request)


class ThreadWatch:
    """Written by one thread (connectors.http_blocking.Watch)."""

    __slots__ = ("_at", "_memory", "_process", "_requests")

    def __init__(self, memory: mmap.mmap, at: int, process: int) -> None:
        self._memory = memory
        self._at = at
        self._process = process
        self._requests = 0
        self.closed()

    def connected(self, connection_id: int, peer: str) -> None:
        _THREAD.pack_into(
            self._memory,
            self._at,
            READING,
            time.time(),
            self._requests,
            connection_id,
            peer.encode(),
            b"",
            b"",
        )

    def idle(self) -> None:
        self._memory[self._at] = KEEPALIVE

    def reading(self) -> None:
        self._memory[self._at] = READING

    def answering(self, method: str, target: bytes) -> None:
        self._requests += 1
        memory, at = self._memory, self._at
        _ANSWERING.pack_into(memory, at, ANSWERING, time.time(), self._requests)
        _REQUEST.pack_into(memory, at + _REQUEST_AT, method.encode(), target)

    def lingering(self) -> None:
        self._memory[self._at] = LINGERING

    def closed(self) -> None:
        self._memory[self._at] = WAITING

    def ended(self) -> None:
        """The thread waits no more."""
        self._memory[self._at] = OPEN


# Finding one --------------------------------------------------------------------------------------


def status_folder(work: Path | None, *, make: bool = True) -> Path:
    """Where the servers of this user put their scoreboards: the work folder, or one in the temporary folder.

    Raises ConfigError if that cannot be trusted or made; make is for who writes there.
    """
    folder = work or Path(tempfile.gettempdir()) / f"servlet-container-{os.getuid()}"
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if work is None and os.path.lexists(folder):
            found = os.lstat(folder)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
                raise ConfigError(
                    f"{folder}: somebody else can write there, so it cannot tell what runs. Remove it, or "
                    "name a folder of your own with --work"
                )
    except OSError as error:
        cure = "Name another folder with --work"
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}. {cure}") from None
    return folder


def make_board(settings: Settings, limits: Limits, urls: Iterable[str]) -> Scoreboard:
    """That of this server: where `was status` finds it if that is possible, else for its children only."""
    slots = limits.slots + limits.most_children  # during a reload there are the old and the new ones
    try:
        return Scoreboard.make(status_folder(settings.work), slots, limits.threads, settings.mpm, urls)
    except (ConfigError, OSError) as error:
        _log.warning("`was status` will not find this server: %s", error)
        return Scoreboard.make(None, slots, limits.threads, settings.mpm, urls)


def running_servers(folder: Path) -> list[ServerStatus]:
    """Those whose scoreboards are in folder. Raises ConfigError if one is somebody else's."""
    found = []
    for path in sorted(folder.glob(f"was-*{_SUFFIX}")):
        try:
            if (board := Scoreboard.open(path)) is not None:
                found.append(board.status())
        except (FileNotFoundError, ValueError):
            continue
        except PermissionError as error:
            cure = "Ask as the user that the server runs as"
            raise ConfigError(f"{path}: cannot be read: {error.strerror}. {cure}") from None
    return found
