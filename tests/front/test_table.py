"""The table of containers, for front processes that did not start them."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from container.front.table import RoutesTable
from container.mpm.scoreboard import Scoreboard


def test_any_thread_may_say_what_has_changed(tmp_path: Path) -> None:
    board = Scoreboard.make(None, 1, 1, "event", [])
    file = tmp_path / "containers.json"
    table = RoutesTable(file, board)
    table.admit("r1", "/run/1.sock")
    failures: list[Exception] = []

    def change(number: int) -> None:
        try:
            for each in range(200):
                table.plan({f"/{number}": each})
                table.suspect("r1", "/run/1.sock", bool(each % 2))
                json.loads(file.read_text())
        except Exception as error:  # noqa: BLE001  whatever it is
            failures.append(error)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert board.version == 1 + 4 * 200 * 2
