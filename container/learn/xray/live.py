"""The X-ray of a running process: what records, and how the records come to the page.

    alone     one process is everything: Recorder and page
    above     a front of our containers, or a process for the page alone: a Collector, too
    below     a container of ours behind our front: a Sender; it knows which record of the front a request is
    beside    one of several processes that all accept: a Sender

PageProcess is where the page is if no process of the server is there all the time and has a second thread.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path

from container.config import Settings
from container.connectors.traced import TracedHandler
from container.front.admin import AdminServer
from container.learn.pages import Pages
from container.learn.xray.channel import SOCKET, Collector, Sender
from container.learn.xray.page import xray_tab
from container.learn.xray.recorder import Recorder
from container.mpm.executor import make_executor
from container.protocols.exchange import Handler
from container.trace import CONTAINER, FRONT

__all__ = ["PageProcess", "Xray"]


class Xray:
    """See the module."""

    def __init__(
        self,
        recorder: Recorder,
        channel: Sender | Collector | None,
        *,
        has_page: bool,
        is_below: bool = False,
    ) -> None:
        self.recorder = recorder
        self._channel = channel
        self._is_below = is_below
        pages = Pages([xray_tab(recorder)]) if has_page else None
        self.sites: Mapping[str, Handler] = {} if pages is None else dict.fromkeys(pages.paths, pages)

    @classmethod
    def alone(cls) -> Xray:
        return cls(Recorder(), None, has_page=True)

    @classmethod
    def above(cls, folder: Path) -> Xray:
        """folder: of the processes' own, for their sockets."""
        recorder = Recorder()
        return cls(recorder, Collector(recorder, folder / SOCKET), has_page=True)

    @classmethod
    def below(cls, folder: Path, route: str) -> Xray:
        recorder = Recorder(process=route)
        return cls(recorder, Sender(recorder, folder / SOCKET), has_page=False, is_below=True)

    @classmethod
    def beside(cls, folder: Path) -> Xray:
        recorder = Recorder()
        return cls(recorder, Sender(recorder, folder / SOCKET), has_page=False)

    @property
    def lane(self) -> str:
        return CONTAINER if self._is_below else FRONT

    def around(self, handler: Handler) -> TracedHandler:
        """What a connector is given in place of a handler; with its ``answered`` as a listener."""
        return TracedHandler(handler, self.recorder, lane=self.lane, joins=self._is_below)

    def start(self) -> None:
        if self._channel is not None:
            self._channel.start()

    def stop(self) -> None:
        if isinstance(self._channel, Sender):
            self._channel.stop()
        elif self._channel is not None:
            self._channel.close()


class PageProcess:
    """A forked process that has the page, and that other processes send their records to.

    Made by a process with one thread. It ends with close(), or when all who could close it have gone.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="was-xray-"))
        xray = Xray.above(self.folder)
        try:
            admin = AdminServer(settings, {}, xray.sites)
        except BaseException:
            xray.stop()
            self.folder.rmdir()
            raise
        self.url = f"{admin.url}/xray"
        lifeline, self._lifeline = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(self._lifeline)
            _be_page(settings, xray, admin, lifeline, self.folder)
        os.close(lifeline)
        admin.close()
        xray.stop()

    def close(self) -> None:
        os.close(self._lifeline)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGTERM)
            os.waitpid(self._pid, 0)
        shutil.rmtree(self.folder, ignore_errors=True)


def _be_page(settings: Settings, xray: Xray, admin: AdminServer, lifeline: int, folder: Path) -> None:
    """In the child; does not return."""
    try:
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        xray.start()
        admin.start(make_executor(settings))
        os.read(lifeline, 1)
        shutil.rmtree(folder, ignore_errors=True)  # whoever would do that may have been killed
    except BaseException:  # noqa: BLE001  nothing may get back into the parent's code
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(0)
