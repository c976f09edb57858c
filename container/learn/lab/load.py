"""The load of the lab: a process that asks all servers the same, and tells twice a second what came of it.

    python -m container.learn.lab.load '{"ports": {...}, "rate": ..., "connections": ..., "requests": ...}'

    standard input    lines of JSON: {"idle": 200, "slow": 0, "stuck": 0}, how many clients of each kind
    standard output   lines of JSON: {"event": Report, ...}

Ordinary clients come at a fixed rate, each on a connection of its own, however slowly others are answered:
that is how visitors come. At most so many of them at once; who would be one too many is not sent.

It ends when standard input does. If that is without an order {"end": 1}, the process that has started it has
been killed: then it also ends the servers and removes their folder, so that nothing is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from container.learn.lab.experiment import PATIENCE_S, Counts

__all__ = ["END", "KINDS", "REPORT_S", "Config", "Report", "run"]

END = "end"
KINDS = ("idle", "slow", "stuck")
REPORT_S = 0.5
_HOST = "127.0.0.1"
_AGAIN_S = 0.5
_END_S = 10.0
_STAGGER_S = 0.15  # so that the stuck requests do not all end at the same time
_BYTE_S = 0.2  # between two bytes of a request that is sent slowly
_PIECE_S = 0.1
_PIECE_BYTES = 512  # of an answer that is read slowly: 5 KB/s
_RECEIVE_BUFFER_BYTES = 4096
_CONNECT_AT_ONCE = 16
_MOST_BEHIND_S = 0.5  # a machine that is too busy for the rate gets less, not all of it later


@dataclass(frozen=True)
class Config:
    """What is asked, of whom."""

    ports: dict[str, int]
    rate: float
    """Requests per second, of each server."""
    connections: int
    """Ordinary clients at once, of each server."""
    requests: int
    """Of ordinary clients, of all servers together; then no more come."""
    pids: list[int] = field(default_factory=list)
    """Of the servers, each the first of a process group."""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Report(Counts):
    """Of the time since the last one."""

    took_s: float = REPORT_S
    latencies_ms: list[float] = field(default_factory=list)
    """Of each request that was answered."""
    is_spent: bool = False
    """Whether Config.requests have been sent."""


class _Clients:
    """All clients of one server."""

    def __init__(self, port: int, config: Config, may_send: Callable[[], bool]) -> None:
        self._address = (_HOST, port)
        self._config = config
        self._may_send = may_send
        self._loop = asyncio.get_running_loop()
        self._connecting = asyncio.Semaphore(_CONNECT_AT_ONCE)
        self._tasks: dict[str, list[asyncio.Task[None]]] = {kind: [] for kind in KINDS}
        self._ordinary: set[asyncio.Task[None]] = set()
        self._began: dict[int, float] = {}
        self._count = 0
        self._reported_s = time.monotonic()
        self._open = dict.fromkeys(KINDS, 0)
        self._latencies_ms: list[float] = []
        self._timed_out = self._broken = self._held_back = 0

    def report(self, *, is_spent: bool) -> Report:
        now_s = time.monotonic()
        report = Report(
            round(now_s - self._reported_s, 3),
            [round(each, 2) for each in self._latencies_ms],
            is_spent,
            timed_out=self._timed_out,
            broken=self._broken,
            held_back=self._held_back,
            waiting=len(self._began),
            oldest_s=round(now_s - min(self._began.values(), default=now_s), 2),
            **self._open,
        )
        self._reported_s = now_s
        self._latencies_ms = []
        self._timed_out = self._broken = self._held_back = 0
        return report

    # Ordinary clients -----------------------------------------------------------------------------

    async def keep_coming(self) -> None:
        every_s = 1 / self._config.rate
        next_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            next_s = max(next_s + every_s, now_s - _MOST_BEHIND_S)
            await asyncio.sleep(max(0.0, next_s - now_s))
            if len(self._began) >= self._config.connections:
                self._held_back += 1
            elif self._may_send():
                self._count += 1
                task = asyncio.create_task(self._ask_once(self._count))
                self._ordinary.add(task)
                task.add_done_callback(self._ordinary.discard)

    async def _ask_once(self, number: int) -> None:
        began_s = self._began[number] = time.monotonic()
        answer = b""
        try:
            async with asyncio.timeout(PATIENCE_S):
                with self._socket() as sock:
                    await self._loop.sock_connect(sock, self._address)
                    await self._loop.sock_sendall(sock, _request("/hello", "close"))
                    while data := await self._loop.sock_recv(sock, 65536):
                        answer += data
        except TimeoutError:
            self._timed_out += 1
            return
        except OSError:
            self._broken += 1
            return
        finally:
            del self._began[number]
        if answer.startswith(b"HTTP/1.1 200"):
            self._latencies_ms.append((time.monotonic() - began_s) * 1000)
        else:
            self._broken += 1

    # The others -----------------------------------------------------------------------------------

    def be(self, kind: str, count: int) -> None:
        """Have so many clients of a kind."""
        lives = {"idle": self._idle, "slow": self._slow, "stuck": self._stuck}
        tasks = self._tasks[kind]
        while len(tasks) > count:
            tasks.pop().cancel()
        while len(tasks) < count:
            tasks.append(asyncio.create_task(self._again_and_again(lives[kind], len(tasks))))

    async def _again_and_again(
        self, live: Callable[[socket.socket, int], Coroutine[Any, Any, None]], number: int
    ) -> None:
        if live == self._stuck:
            await asyncio.sleep(_STAGGER_S * (number % 16))
        while True:
            with contextlib.suppress(OSError), self._socket() as sock:
                if live == self._slow:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
                async with self._connecting:
                    await self._loop.sock_connect(sock, self._address)
                await live(sock, number)
            await asyncio.sleep(_AGAIN_S)

    async def _idle(self, sock: socket.socket, number: int) -> None:
        await self._loop.sock_sendall(sock, _request("/hello", "keep-alive"))
        if await self._loop.sock_recv(sock, 65536):
            with self._counted("idle"):
                await self._loop.sock_recv(sock, 1)  # until the server has enough of it

    async def _slow(self, sock: socket.socket, number: int) -> None:
        """Every other one sends slowly, the others read slowly."""
        with self._counted("slow"):
            if number % 2 == 0:
                for byte in _request("/hello", "close"):
                    await self._loop.sock_sendall(sock, bytes([byte]))
                    await asyncio.sleep(_BYTE_S)
            else:
                await self._loop.sock_sendall(sock, _request("/page", "close"))
            while await self._loop.sock_recv(sock, _PIECE_BYTES):
                await asyncio.sleep(_PIECE_S)

    async def _stuck(self, sock: socket.socket, number: int) -> None:
        with self._counted("stuck"):
            await self._loop.sock_sendall(sock, _request("/stuck", "close"))
            while await self._loop.sock_recv(sock, 65536):
                pass

    @contextlib.contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        self._open[kind] += 1
        try:
            yield
        finally:
            self._open[kind] -= 1

    def _socket(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        return sock


def _request(path: str, connection: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {_HOST}\r\nConnection: {connection}\r\n\r\n".encode()


async def run(config: Config, orders: Callable[[Callable[[dict[str, int]], None]], None]) -> None:
    """Ask until orders returns. It is called in a thread, and calls what it is given for each order."""
    left = config.requests

    def may_send() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    loop = asyncio.get_running_loop()
    all_clients = {name: _Clients(port, config, may_send) for name, port in config.ports.items()}
    has_ended = asyncio.Event()

    def obey(order: dict[str, int]) -> None:
        for clients in all_clients.values():
            for kind in KINDS:
                clients.be(kind, order.get(kind, 0))

    def take(order: dict[str, int]) -> None:
        loop.call_soon_threadsafe(obey, order)

    def listen() -> None:
        orders(take)
        loop.call_soon_threadsafe(has_ended.set)

    threading.Thread(target=listen, daemon=True).start()
    coming = [asyncio.create_task(each.keep_coming()) for each in all_clients.values()]
    while not has_ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(has_ended.wait(), REPORT_S)
        reports = {name: asdict(clients.report(is_spent=left <= 0)) for name, clients in all_clients.items()}
        sys.stdout.write(json.dumps(reports) + "\n")
        sys.stdout.flush()
    for task in coming:
        task.cancel()


class _Orders:
    """What comes on standard input."""

    was_told_to_end = False

    def __call__(self, obey: Callable[[dict[str, int]], None]) -> None:
        for line in sys.stdin:
            order = json.loads(line)
            if END in order:
                self.was_told_to_end = True
                return
            obey(order)


def _clean_up(config: Config) -> None:
    """In place of the process that should have done it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in config.pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number) if number == signal.SIGKILL else os.kill(pid, number)
        deadline_s = time.monotonic() + _END_S
        while any(map(_is_there, config.pids)) and time.monotonic() < deadline_s:
            time.sleep(0.05)
    if config.folder:
        shutil.rmtree(config.folder, ignore_errors=True)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    config, orders = Config(**json.loads(sys.argv[1])), _Orders()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)) if hard > 0 else soft, hard))
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(run(config, orders))
    # All reports are out, or nobody reads them: Python shall not try again, and complain, at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not orders.was_told_to_end:
        _clean_up(config)


if __name__ == "__main__":
    main()
