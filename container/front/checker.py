"""HealthChecker: ask members whether they are well, from time to time, and tell everybody.

    HealthChecker ── HTTP, AJP, TCP ──> members                                in one process
        └── HealthBoard: a byte for each member
                └── HealthFollower.maintain ──> Balancer.mark                  in all that balance

Whoever answers too late, not at all, or with another status than it should is not well; health.py has when
that makes it unhealthy.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import random
import re
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from container.front.backends import client_context
from container.front.balancer import Address
from container.front.health import Checked, HealthCheck, Judge

__all__ = ["HealthBoard", "HealthChecker", "HealthFollower", "probe"]

_log = logging.getLogger("container.front")

_UNHEALTHY, _HEALTHY = 0, 1
_CPING, _CPONG = b"\x12\x34\x00\x01\x0a", b"AB\x00\x01\x09"
_STATUS_LINE = re.compile(rb"HTTP/1\.\d (\d{3})\b")
_MOST_BODY_BYTES = 64 * 1024


async def probe(address: Address, check: HealthCheck) -> str:
    """Return "" if the member at address is well, else what is wrong with it."""
    try:
        async with asyncio.timeout(check.timeout_s or None):
            return await _ask(address, check)
    except TimeoutError:
        return f"no answer within {check.timeout_s:g} s"
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        return str(error) or type(error).__name__


async def _ask(address: Address, check: HealthCheck) -> str:
    context: ssl.SSLContext | None = client_context() if address.protocol == "https" else None
    if address.path:
        name = "localhost" if context else None
        reader, writer = await asyncio.open_unix_connection(address.path, ssl=context, server_hostname=name)
    else:
        reader, writer = await asyncio.open_connection(address.host, check.port or address.port, ssl=context)
    try:
        if check.kind == "tcp":
            return ""
        if check.kind == "ping":
            writer.write(_CPING)
            answer = await reader.readexactly(len(_CPONG))
            return "" if answer == _CPONG else f"CPING is answered with {answer!r}"
        return await _ask_http(address, check, reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _ask_http(
    address: Address, check: HealthCheck, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> str:
    host = check.host or ("localhost" if address.path else str(address))
    writer.write(
        f"{check.method} {check.target} HTTP/{check.http_version}\r\nHost: {host}\r\n"
        "User-Agent: was-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode("latin-1")
    )
    line = await reader.readline()
    if not line:
        return "the connection was closed without an answer"
    match = _STATUS_LINE.match(line)
    if match is None:
        return f"no HTTP: {line[:60]!r}"
    taken = len(line)  # the rest is read, so that the member has nothing to complain of
    while taken < _MOST_BODY_BYTES and (data := await reader.read(_MOST_BODY_BYTES)):
        taken += len(data)
    status = int(match[1])
    if check.least_status <= status <= check.most_status:
        return ""
    return f"{check.method} {check.target} is answered with {status}"


class HealthBoard:
    """What is known of each member, in memory that processes share. One of them writes."""

    def __init__(self, checked: Sequence[Checked], before: HealthBoard | None = None) -> None:
        """Members are healthy, unless before, of the configuration before this one, has them as unhealthy."""
        self.checked = tuple(checked)
        self._memory = mmap.mmap(-1, max(1, len(self.checked)))
        ill = (
            {_key(each) for number, each in enumerate(before.checked) if not before[number]} if before else ()
        )
        for number, each in enumerate(self.checked):
            self[number] = _key(each) not in ill

    def __repr__(self) -> str:
        return f"<HealthBoard {[(str(each), self[number]) for number, each in enumerate(self.checked)]}>"

    def __getitem__(self, number: int) -> bool:
        return self._memory[number] == _HEALTHY

    def __setitem__(self, number: int, healthy: bool) -> None:
        self._memory[number] = _HEALTHY if healthy else _UNHEALTHY


def _key(each: Checked) -> tuple[str, str, Address]:
    return each.group.name, each.member.name, each.member.address


class HealthFollower:
    """Tells the balancers of this process what the board says. Called where they are maintained."""

    def __init__(self, board: HealthBoard) -> None:
        self._board = board
        self._told = [True] * len(board.checked)

    def maintain(self, now_s: float) -> None:
        for number, each in enumerate(self._board.checked):
            healthy = self._board[number]
            if healthy is not self._told[number]:
                self._told[number] = healthy
                each.group.mark(each.member, healthy, now_s)


class HealthChecker:
    """Asks all members of a board, each in its own time, on a loop in a thread of its own."""

    def __init__(self, board: HealthBoard) -> None:
        self._board = board
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def __repr__(self) -> str:
        return f"<HealthChecker of {self._board!r}>"

    def start(self) -> None:
        if self._board.checked:
            self._thread.start()
            self._is_running.wait()

    def close(self) -> None:
        loop = self._loop
        if loop is None:
            return
        for task in self._tasks:
            loop.call_soon_threadsafe(task.cancel)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._watch_all())

    async def _watch_all(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self._watch(number, each)) for number, each in enumerate(self._board.checked)
        ]
        self._is_running.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, number: int, each: Checked) -> None:
        check = each.check
        judge = Judge(check, self._board[number])
        await asyncio.sleep(random.uniform(0.0, min(1.0, check.interval_s)))  # not all of them at once
        while True:
            began_s = time.monotonic()
            wrong = await probe(each.member.address, check)
            if judge.heard(not wrong):
                self._board[number] = judge.healthy
                if wrong:
                    _log.warning("%s is unhealthy: %s", each, wrong)
                else:
                    _log.info("%s is healthy again", each)
            wait_s = check.interval_s + random.uniform(0.0, check.jitter_s)
            await asyncio.sleep(max(0.05, wait_s - (time.monotonic() - began_s)))
