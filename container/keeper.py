"""What a server does from time to time beside its requests, in a thread."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from container.engine.container import Container
from container.engine.context import Context
from container.engine.lifecycle import State
from container.engine.reload import FileWatcher
from container.errors import DeploymentError
from container.report import found_wrong

if TYPE_CHECKING:
    from container.mpm.tls import ServerTls

__all__ = ["Keeper"]

log = logging.getLogger("container.server")

_KEEPER_S = 1.0
_SWEEP_EVERY = 10  # rounds


class Keeper:
    """A thread for what is due from time to time.

    Sessions expire; changed web apps are reloaded, and changed certificates read again.
    """

    def __init__(self, container: Container, tls: ServerTls | None = None) -> None:
        self._container = container
        self._tls = tls
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._watchers: dict[Context, FileWatcher] = {}

    def start(self) -> None:
        if self._container.settings.dev:
            self._watch()
        self._thread.start()

    def stop(self) -> None:
        """Take no further round; one that is under way is not waited for."""
        self._stopping.set()

    def _keep(self) -> None:
        rounds = 0
        while not self._stopping.wait(_KEEPER_S):
            rounds += 1
            try:
                if self._tls is not None:
                    self._tls.poll()
                if self._container.settings.dev:
                    self._reload_changed()
                if rounds % _SWEEP_EVERY == 0:
                    self._container.sweep(time.time())
            except Exception:  # listeners and servlets of web apps run in here; the next round has to come
                log.exception("A round of the keeper failed")

    def _watch(self) -> None:
        """Have a watcher for each web app there is now. A new one begins with the files as they are."""
        self._watchers = {
            context: self._watchers.get(context) or FileWatcher([context.folder / "WEB-INF"])
            for context in self._container.contexts.values()
        }

    def _reload_changed(self) -> None:
        self._watch()
        for context, watcher in self._watchers.items():
            if changed := watcher.changed(time.monotonic()):
                self._reload(context, changed)

    def _reload(self, context: Context, changed: set[Path]) -> None:
        names = ", ".join(sorted(path.name for path in changed)[:5])
        try:
            _compile(changed)
            fresh = self._container.reload(context)
        except (DeploymentError, SyntaxError) as error:
            kept = "the one before goes on" if context.state is State.RUNNING else "it answers 503"
            said = str(error)
            if isinstance(error, SyntaxError):
                said = "\n".join([error.msg, *map(str.rstrip, traceback.format_exception_only(error))])
            log.error("%s changed (%s) and does not start; %s: %s", context, names, kept, said)
        else:
            # The watcher goes with it: what changed while it was loaded is seen in the next round.
            self._watchers = {**self._watchers, fresh: self._watchers[context]}
            log.info("%s reloaded in %.0f ms: %s changed", context, fresh.started_ms, names)
            for problem in found_wrong(fresh):
                log.warning("%s", problem)


def _compile(files: Iterable[Path]) -> None:
    """Raise SyntaxError for a half-written source before a running web app is given up for it."""
    for file in files:
        if file.suffix == ".py" and file.is_file():
            compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
