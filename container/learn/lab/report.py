"""`was lab --once`: one scenario after the other, without a page; then a table and the sentences."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any

from container.learn.lab.bench import Bench, State
from container.learn.lab.experiment import Clients, Measured, render
from container.learn.lab.load import KINDS
from container.learn.lab.options import LabOptions, until_interrupted

__all__ = ["SCENARIOS", "Result", "Scenario", "as_json", "as_text", "once", "words"]

_SILENCE_S = 30.0
_KILL = 0.3  # of a scenario's time
_ALMOST = 0.9
_COMING_S = 90.0  # only ever used up where clients cannot come
_ON = 0.6  # of a scenario's time; the rest is for all to become as before
_COLUMNS = ("", "requests/s", "p50 ms", "p99 ms", "taken", "waiting", "backlog", "open", "failed", "MB")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is switched on, and whether a child of each server is killed after a while."""

    name: str
    title: str
    clients: Clients = field(default_factory=Clients)
    kills: bool = False


SCENARIOS = (
    Scenario("calm", "Nothing special"),
    Scenario("idle", "200 idle keep-alive connections", Clients(idle=200)),
    Scenario("slow", "40 slow clients", Clients(slow=40)),
    Scenario("stuck", "16 clients of a servlet that sleeps", Clients(stuck=16)),
    Scenario("killed", "4 idle connections, then a child of each model is killed", Clients(idle=4), True),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured at the end of a scenario."""

    scenario: Scenario
    state: State


def once(options: LabOptions, say: Callable[[str], None], *, form: Callable[[Sequence[Result]], str]) -> int:
    """Run all scenarios within options.duration_s, say the result; return the exit code, 1 if interrupted."""
    results: list[Result] = []
    with until_interrupted() as end, Bench(options.rate, options.connections, options.requests) as bench:
        share_s = options.duration_s / len(SCENARIOS)
        for scenario in SCENARIOS:
            results.append(_play(bench, scenario, share_s))
        end()
    if len(results) < len(SCENARIOS):
        return 1
    say(form(results))
    return 0


def _play(bench: Bench, scenario: Scenario, share_s: float) -> Result:
    began_s = time.monotonic()
    for kind in KINDS:
        bench.switch(kind, getattr(scenario.clients, kind))
    # A machine that is busy takes its time to make so many clients.
    _watch(bench, lambda state: _are_there(state) or time.monotonic() - began_s > _COMING_S)
    began_s = time.monotonic()
    if scenario.kills:
        _watch(bench, lambda _: time.monotonic() - began_s > share_s * _KILL)
        for model in bench.models:
            bench.kill(model.name)
    state = _watch(bench, lambda _: time.monotonic() - began_s > share_s * _ON)
    for kind in KINDS:
        bench.switch(kind, 0)
    _watch(bench, lambda state: time.monotonic() - began_s > share_s or all(map(_is_calm, state.measured)))
    return Result(scenario, state)


def _watch(bench: Bench, is_enough: Callable[[State], bool]) -> State:
    state = bench.next_state(bench.state.number, _SILENCE_S)
    while not is_enough(state):
        state = bench.next_state(state.number, _SILENCE_S)
    return state


def _are_there(state: State) -> bool:
    """Whether the clients that are switched on have come; the last server is the one that serves them all."""
    traffic, clients = state.measured[-1].traffic, state.clients
    return all(getattr(traffic, kind) >= getattr(clients, kind) * _ALMOST for kind in KINDS)


def _is_calm(measured: Measured) -> bool:
    """Whether nothing of the last scenario is left, also in the figures, which are of the last seconds."""
    traffic = measured.traffic
    return measured.busy <= 1 and traffic.waiting <= 1 and not traffic.timed_out and not traffic.held_back


def words() -> dict[str, dict[str, str]]:
    """Those of the page, by language."""
    text = (files("container.learn.lab") / "static" / "strings.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found


def as_json(results: Sequence[Result]) -> str:
    languages = words()
    return json.dumps([_result(result, languages) for result in results], ensure_ascii=False, indent=2)


def _result(result: Result, languages: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "scenario": result.scenario.name,
        "clients": asdict(result.scenario.clients),
        "models": [each.to_json() for each in result.state.measured],
        "seen": [
            {
                "model": seen.model,
                "level": seen.level,
                **{code: render(seen, strings) for code, strings in languages.items()},
            }
            for seen in result.state.seen
        ],
    }


def as_text(results: Sequence[Result]) -> str:
    english = words()["en"]
    lines = []
    for result in results:
        rows = [_COLUMNS, *map(_row, result.state.measured)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += [f"{result.scenario.title}:", ""]
        for row in rows:
            cells = [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
            lines.append(("  " + "  ".join(cells)).rstrip())
        lines += ["", *(f"  {_named(seen.model)}{render(seen, english)}" for seen in result.state.seen), ""]
    return "\n".join(lines).rstrip()


def _named(model: str) -> str:
    return f"{model}: " if model else ""


def _row(each: Measured) -> tuple[str, ...]:
    traffic = each.traffic
    return (
        each.model,
        f"{traffic.rate:.1f}",
        _ms(traffic.p50_ms),
        _ms(traffic.p99_ms),
        f"{each.busy} of {each.units}",
        str(traffic.waiting),
        "?" if each.backlog is None else str(each.backlog),
        str(each.open_connections),
        str(traffic.timed_out + traffic.broken),
        f"{each.memory_bytes / 1e6:.0f}",
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
