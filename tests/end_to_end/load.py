"""Clients that load a server while something is done to it, and what tests of that kind wait for."""

from __future__ import annotations

import http.client
import itertools
import select
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

LIMIT_S = 180.0  # for whatever a test waits for; never how long it takes


class Load:
    """Clients that ask without a pause until the block ends, or the server is gone. Nothing is repeated.

    answers counts the answers by the first word of their bodies; failures has all that was no 200. Every
    other client connects anew each time, unless keep_alive says it for all.
    """

    def __init__(
        self,
        connect: Callable[[], http.client.HTTPConnection],
        target: str,
        methods: Sequence[str] = ("GET",),
        *,
        clients: int = 4,
        keep_alive: bool | None = None,
    ) -> None:
        self._connect = connect
        self._target = target
        self._methods = methods
        self._stopping = False
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._threads = [
            threading.Thread(target=self._ask, args=(number % 2 == 0 if keep_alive is None else keep_alive,))
            for number in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        for thread in self._threads:
            thread.join()

    def go_on(self, answers: int = 100) -> None:
        """Wait for so many more answers."""
        wanted = self.answers.total() + answers
        wait_until(lambda: self.answers.total() >= wanted)

    def _ask(self, keep_alive: bool) -> None:
        connection = self._connect()
        for method in itertools.cycle(self._methods):
            if self._stopping:
                break
            if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
                connection.close()  # a server that stops does not wait long for whoever is silent
            is_new = connection.sock is None
            try:
                if is_new:
                    connection.connect()
            except OSError:
                break  # the server has stopped
            try:
                connection.request(method, self._target, b"body" if method != "GET" else None)
                answer = connection.getresponse()
                body = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # What comes into the backlog while that is closed is reset by the system, whoever serves.
                if is_new and self._is_gone():
                    break
                self.failures.append(f"{method}: {error!r}")
            else:
                if answer.status == 200:
                    self.answers[body.split()[0]] += 1
                else:
                    self.failures.append(f"{method}: {answer.status} {body}")
            if not keep_alive:
                connection.close()
        connection.close()

    def _is_gone(self) -> bool:
        connection = self._connect()
        try:
            connection.connect()
        except OSError:
            return True
        connection.close()
        return False


def wait_until(is_so: Callable[[], object]) -> None:
    limit_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < limit_s
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        # The second: it was reaped between the opening of the file and the reading.
        return True
