"""The X-ray of a running process: what records, and how the records come to the page.

alone     one process is everything: Recorder and page
above     a front of our containers, or the helper of a supervisor: page and Collector
below     a container of ours behind our front: a Sender; it knows which record of the front a request is
beside    one of several processes that all accept: a Sender
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from container.connectors.traced import TracedHandler
from container.learn.pages import Pages
from container.learn.xray.channel import SOCKET, Collector, Sender
from container.learn.xray.page import xray_tab
from container.learn.xray.recorder import Recorder
from container.protocols.exchange import Handler
from container.trace import CONTAINER, FRONT

__all__ = ["Xray"]


class Xray:
    """See the module. A server starts and closes it, in the process where it is to work."""

    def __init__(self, recorder: Recorder, channel: Sender | Collector | None = None) -> None:
        self.recorder = recorder
        self._channel = channel
        self._is_below = False
        self._folder: Path | None = None
        self._own_folder = False
        pages = None if isinstance(channel, Sender) else Pages([xray_tab(recorder)])
        self.sites: Mapping[str, Handler] = {} if pages is None else dict.fromkeys(pages.paths, pages)
        """For the admin address; empty where another process has the page."""

    def __repr__(self) -> str:
        return f"<Xray {self.recorder!r}, {self._channel!r}>"

    @classmethod
    def alone(cls) -> Xray:
        return cls(Recorder())

    @classmethod
    def above(cls, folder: Path | None = None) -> Xray:
        """folder: of the processes' own, where their sockets are; one is made if there is none yet."""
        recorder = Recorder()
        its_folder = folder or Path(tempfile.mkdtemp(prefix="was-xray-"))
        xray = cls(recorder, Collector(recorder, its_folder / SOCKET))
        xray._folder, xray._own_folder = its_folder, folder is None
        return xray

    @classmethod
    def below(cls, folder: Path, route: str) -> Xray:
        recorder = Recorder(process=route)
        xray = cls(recorder, Sender(recorder, folder / SOCKET, joined=True))
        xray._is_below = True
        return xray

    def beside(self) -> Xray:
        """That of a process whose records come to the page of this one, which is above."""
        assert self._folder is not None
        recorder = Recorder()
        return Xray(recorder, Sender(recorder, self._folder / SOCKET))

    @property
    def lane(self) -> str:
        return CONTAINER if self._is_below else FRONT

    def around(self, handler: Handler) -> TracedHandler:
        """What a connector is given in place of a handler; with its ``answered`` as a listener."""
        return TracedHandler(handler, self.recorder, lane=self.lane, joins=self._is_below)

    def start(self) -> None:
        if self._channel is not None:
            self._channel.start()

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._own_folder and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
