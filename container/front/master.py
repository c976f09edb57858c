"""`was front`: a master process with the sockets, and children that serve what the configuration says.

    nginx.conf, httpd.conf ──> FrontConfig ─┐
    flags, environment ──> Settings ────────┴──> a generation ── fork ──> FrontServer in each child
    mpm/supervisor.py: how many, signals                  └── fork ──> AdminProcess: the admin address

A reload makes another generation: the files are read again, sockets that are still wanted are kept, and when
all of its children accept connections the old ones end, with the requests that they have and the
configuration that they know. A configuration that is wrong makes none.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from container.config import Settings, keep
from container.errors import ConfigError
from container.front.admin import (
    AdminProcess,
    AdminServer,
    board_reasons,
    folder_of,
    health_pages,
    status_page,
)
from container.front.checker import HealthBoard, HealthChecker, HealthFollower
from container.front.configuration import FrontConfig
from container.front.listeners import FrontListeners
from container.front.program import FrontChild, FrontServer
from container.front.status import FrontStatus, remove_status
from container.mpm.population import Limits, settle, share
from container.mpm.scoreboard import make_board
from container.mpm.supervisor import Child, Supervisor

__all__ = ["run"]

_log = logging.getLogger("container.front")

_FOR_LIFE = (  # of what the master has made, once
    "backlog", "admin_host", "admin_port", "mpm", "worker_processes", "server_limit", "thread_limit",
    "threads_per_child", "max_request_workers", "start_servers", "min_spare_servers", "max_spare_servers",
    "min_spare_threads", "max_spare_threads", "graceful_shutdown_timeout_s", "stop_timeout_s", "drain_s",
    "work", "log", "log_level",
)  # fmt: skip

Reread = Callable[[], tuple[Settings, FrontConfig]]


@dataclass(frozen=True, slots=True)
class _Generation:
    """What the children of one generation have in common."""

    settings: Settings
    config: FrontConfig
    listeners: FrontListeners
    health: HealthBoard


def run(read: Reread, say: Callable[[str], None], began_s: float) -> int:
    """Serve until a signal says stop; return the exit code. read: the settings and the configuration.

    Signals are those of `was run`. began_s is time.perf_counter() when the command began. Raises
    ContainerError if nothing can be served.
    """
    settings, config = read()
    config.check_logs()
    limits, warnings = settle(settings)
    for warning in warnings:
        _log.warning("%s", warning)
    return _Master(settings, config, limits, read, say, began_s).run()


class _Master:
    """Runs in a process of one thread."""

    def __init__(
        self,
        settings: Settings,
        config: FrontConfig,
        limits: Limits,
        read: Reread,
        say: Callable[[str], None],
        began_s: float,
    ) -> None:
        """Take the ports. Raises ConfigError."""
        self._settings = settings
        self._limits = limits
        self._read = read
        self._say = say
        self._began_s = began_s
        self._folder = folder_of(settings)
        listeners = FrontListeners(config.listens, settings.backlog)
        self._generations = {0: _Generation(settings, config, listeners, HealthBoard(config.checked))}
        self._current = 0
        self._board = make_board(settings, limits, listeners.urls)
        pages = {
            **health_pages(lambda: board_reasons(self._board)),
            **status_page(self._board, self._folder),
        }
        try:
            self._admin = AdminServer(settings, pages)
        except ConfigError:
            self._board.close()
            listeners.close()
            listeners.remove_paths()
            raise

    def run(self) -> int:
        supervisor = Supervisor(
            self._make_child,
            self._limits,
            self._board,
            self._settings,
            make_helper=self._make_helper,
            needs_helper=self._needs_helper,
            reload=self._reload,
            settled=self._settle,
            on_stop=self._close_listeners,
            say=self._say,
        )
        try:
            return supervisor.run(self._report)
        finally:
            self._board.close()
            self._admin.close()
            self._close_listeners()
            for each in self._generations.values():
                each.listeners.remove_paths()
            if self._folder is not None:
                remove_status(self._folder, os.getpid())

    def _close_listeners(self) -> None:
        for each in self._generations.values():
            each.listeners.close()

    # In children ----------------------------------------------------------------------------------

    def _make_child(self, child: Child) -> FrontChild:
        generation = self._generations[child.generation]
        self._let_go(generation)
        settings = share(generation.settings, self._limits)
        status = FrontStatus.beside(self._folder, self._board.pid)
        return FrontChild(
            FrontServer(
                settings,
                generation.config,
                generation.listeners,
                child.slot,
                f"{child.number}.",
                status,
                [HealthFollower(generation.health)],
            )
        )

    def _make_helper(self, child: Child) -> AdminProcess:
        self._close_listeners()
        checker = HealthChecker(self._generations[child.generation].health)
        return AdminProcess(self._admin, self._settings, [checker])

    def _needs_helper(self) -> bool:
        """Whether somebody may ask, or is to be asked: once for all children."""
        return bool(self._settings.admin_port or self._generations[self._current].config.checked)

    def _let_go(self, generation: _Generation) -> None:
        """Close what is not ours: a port that only we kept open would be one where nobody answers."""
        self._admin.close()
        for other in self._generations.values():
            if other is not generation:
                other.listeners.close(but=generation.listeners)

    # In the master --------------------------------------------------------------------------------

    def _report(self) -> None:
        took_s = time.perf_counter() - self._began_s
        listeners = self._generations[self._current].listeners
        if (admin_url := self._admin.url) is not None:
            self._say(f"Health: {admin_url}/healthz and /readyz; /status.")
        count = self._limits.start
        processes = f"{count} process{'es' if count > 1 else ''}"
        self._say(f"--mpm {self._settings.mpm}, {processes}.")
        self._say(f"Ready after {took_s:.2f} s on {', '.join(listeners.urls)}. Ctrl-C stops.")

    def _reload(self, number: int) -> None:
        """Make ready for another generation. Raises ConfigError, and nothing has changed then."""
        read, config = self._read()
        config.check_logs()
        fresh, kept = keep(read, self._settings, _FOR_LIFE)
        for name in kept:
            _log.warning("%s does not change until the front is started anew", name)
        before = self._generations[self._current]
        listeners = FrontListeners(config.listens, fresh.backlog, before.listeners)
        health = HealthBoard(config.checked, before.health)
        self._generations[number] = _Generation(fresh, config, listeners, health)

    def _settle(self, number: int) -> None:
        """Let go of what only other generations need: their children have it for themselves."""
        self._current = number
        kept = self._generations[number]
        for other in [each for each in self._generations if each != number]:
            listeners = self._generations.pop(other).listeners
            listeners.close(but=kept.listeners)
            listeners.remove_paths(but=kept.listeners)
        self._board.urls = kept.listeners.urls
