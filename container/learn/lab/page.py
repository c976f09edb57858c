"""The page /lab: the three servers side by side, live, with switches.

    GET  /lab/now.json                        everything that there is to see
    POST /lab/switch?kind=idle&count=200      so many clients of a kind
    POST /lab/kill?model=event                kill -9 of one child; without model one of each server

pages/site.py answers for it; the AdminServer has a loop of its own, beside the Bench's threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files

from container.config import Settings
from container.front.admin import AdminServer
from container.learn.lab.bench import LIMITS, Bench
from container.learn.lab.experiment import to_json
from container.learn.lab.load import KINDS
from container.learn.lab.options import LabOptions, until_interrupted
from container.learn.pages import Data, Pages, Tab, Values
from container.mpm.executor import make_executor

__all__ = ["DEFAULTS", "lab_tab", "serve"]

_SILENCE_S = 30.0
DEFAULTS = {"idle": 200, "slow": 40, "stuck": 16}
"""How many clients a switch is for unless somebody says another number."""


def lab_tab(bench: Bench, until_s: float) -> Tab:
    """until_s: time.monotonic() of the end."""

    def answer(path: str, query: Values) -> Data | None:
        if path != "now.json":
            return None
        state = bench.state
        return Data(
            {
                "number": state.number,
                "remaining_s": max(0.0, round(until_s - time.monotonic(), 1)),
                "clients": asdict(bench.clients),
                "limits": LIMITS,
                "defaults": DEFAULTS,
                "models": [
                    {**each.to_json(), "history": bench.history(each.model)} for each in state.measured
                ],
                "seen": [to_json(each) for each in state.seen],
                "is_spent": state.is_spent,
            }
        )

    def change(path: str, query: Values) -> Data | None:
        if path == "switch":
            kind, count = query.get("kind", ""), query.get("count", "")
            if kind not in KINDS or not count.isdecimal() or len(count) > 6:
                return None
            return Data({"count": bench.switch(kind, int(count))})
        if path == "kill":
            known = [model.name for model in bench.models]
            models = [query["model"]] if "model" in query else known
            if not set(models) <= set(known):
                return None
            return Data({"killed": [model for model in models if bench.kill(model)]})
        return None

    return Tab("/lab", "lab", files("container.learn.lab") / "static", answer, change)


def serve(options: LabOptions, say: Callable[[str], None]) -> int:
    """Show the page until Ctrl-C, or until the duration is over; return the exit code."""
    settings = Settings(admin_port=options.port)
    with until_interrupted() as end, Bench(options.rate, options.connections, options.requests) as bench:
        until_s = time.monotonic() + options.duration_s
        pages = Pages([lab_tab(bench, until_s)])
        admin = AdminServer(settings, {}, dict.fromkeys(pages.paths, pages))
        executor = make_executor(settings)
        try:
            admin.start(executor)
            say(
                f"The process-model lab: {admin.url}/lab\n"
                f"It ends with Ctrl-C, or by itself after {options.duration_s:.0f} s."
            )
            number = 0
            while (left_s := until_s - time.monotonic()) > 0:
                number = bench.next_state(number, left_s + _SILENCE_S).number
            end()
        finally:
            admin.close()
            executor.stop(0.0)
    return 0
