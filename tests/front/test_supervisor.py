"""The driver of container processes, where the system fails it."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from container.config import Settings
from container.errors import ContainerError
from container.front.fleet import Fleet, Pace
from container.front.supervisor import HANDLED, Peer, Supervisor
from container.mpm.signals import SignalInbox

pytestmark = pytest.mark.socket  # it handles signals


def test_a_process_that_the_system_does_not_give_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(command, **more) -> None:
        asked.append(command)
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    class Front(Peer):
        def ticked(self) -> None: ...

    monkeypatch.setattr(subprocess, "Popen", refuse)
    fleet = Fleet(["r1"], Pace(attempts=2, first_back_off_s=0.01))
    with SignalInbox(HANDLED) as inbox:
        supervisor = Supervisor(
            fleet, tmp_path, lambda path, process, descriptor: (["was"], {}), Front(), inbox, Settings()
        )
        with pytest.raises(ContainerError, match=r"cannot be started: .* Resource temporarily unavailable"):
            supervisor.run()
    assert asked == [["was"], ["was"]]
