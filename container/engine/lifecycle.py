"""The states of a web app, and which may follow which."""

from __future__ import annotations

import enum

from container.errors import ContainerError

__all__ = ["State", "check_move"]


class State(enum.Enum):
    """Where a Context is between its folder being found and being gone."""

    NEW = "new"
    STARTING = "starting"
    EXAMINED = "examined"  # its tables are made, and nothing of it runs: for who explains a web app
    RUNNING = "running"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


# A context never runs twice: a reload makes a new one. What stands in no row cannot happen.
_NEXT = {
    State.NEW: {State.STARTING, State.STOPPED},
    State.STARTING: {State.EXAMINED, State.RUNNING, State.FAILED},
    State.EXAMINED: {State.STOPPING},
    State.RUNNING: {State.STOPPING},
    State.FAILED: {State.STOPPED},
    State.STOPPING: {State.STOPPED},
    State.STOPPED: set(),
}


def check_move(now: State, to: State) -> State:
    """Return to, or raise ContainerError if no row leads there."""
    if to not in _NEXT[now]:
        raise ContainerError(f"a web app that is {now.value} cannot become {to.value}")
    return to
