"""The worker MPM: a fixed number of threads in a process, and a connection keeps its thread until its end.

    listeners ─> Acceptor ─ whichever thread is free and first in line ─> connector.serve(socket)

See event.py for the signature that all MPMs share; ``run`` is what one process does. The threads take turns
at waiting for a connection, so none has to be handed over, and with all of them busy the rest waits in the
backlog, for this process or for another one.
"""

from __future__ import annotations

import logging
import math
import select
import threading
import time
from collections.abc import Callable

from container.mpm.acceptor import Acceptor
from container.mpm.prefork import PreforkServer, ThreadConnector

__all__ = ["WorkerServer"]

_SLICE_S = 0.1
_log = logging.getLogger("container.server")


class WorkerServer(PreforkServer):
    """Serves in settings.threads_per_child threads of its own; the one that calls ``run`` waits."""

    _deadline_s = math.inf

    def stop(self, timeout_s: float | None = None) -> None:
        """Make ``run`` return when what is being answered has been, or timeout_s is over.

        The default is settings.stop_timeout_s.
        """
        timeout_s = self._settings.stop_timeout_s if timeout_s is None else timeout_s
        self._deadline_s = min(self._deadline_s, time.monotonic() + timeout_s)
        super().stop(timeout_s)

    def _serve(self, acceptor: Acceptor, connector: ThreadConnector, ready: Callable[[], None]) -> None:
        turn = threading.Lock()
        threads = [
            threading.Thread(
                target=self._work,
                args=(acceptor, connector, turn, index),
                name=f"worker-{index + 1}",
                daemon=True,
            )
            for index in range(self._slot.threads)
        ]
        for thread in threads:
            thread.start()
        ready()
        stop = select.poll()
        stop.register(self._stop.fileno(), select.POLLIN)
        stop.poll()
        while any(thread.is_alive() for thread in threads) and not self._is_late():
            _join(threads, _SLICE_S)
        if connector.connection_count:
            _log.warning("%d connections did not end in time and are broken off", connector.connection_count)
            connector.abort()
        _join(threads, _SLICE_S)

    def _is_late(self) -> bool:
        return time.monotonic() >= self._deadline_s

    def _work(self, acceptor: Acceptor, connector: ThreadConnector, turn: threading.Lock, index: int) -> None:
        watch = self._slot.watch(index)
        while True:
            with turn:
                sock = self._accept(acceptor)
                if sock is not None:
                    self._counted()
            if sock is None:
                break
            self._serve_one(connector, sock, watch)
        watch.ended()


def _join(threads: list[threading.Thread], timeout_s: float) -> None:
    """Wait until all have ended, or for timeout_s altogether."""
    end_s = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
