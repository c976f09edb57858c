"""What is remembered of a request while it passes the front, and the facts of it that logs may tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from container.trace import Answered

__all__ = ["Attempt", "Record", "facts"]

CLIENT_LEFT = 499


@dataclass(slots=True)
class Attempt:
    """One try at one backend; times in seconds since it began, None for what was not reached."""

    address: str
    began_s: float
    status: int = 0
    connect_s: float | None = None
    header_s: float | None = None
    response_s: float | None = None
    sent_bytes: int = 0
    received_bytes: int = 0
    body_bytes: int = 0


@dataclass(slots=True)
class Record:
    """Of one request. status: what logs say instead of the answer's, 0 if nothing else."""

    attempts: list[Attempt] = field(default_factory=list)
    status: int = 0


def facts(record: Record, answered: Answered) -> dict[str, str]:
    """The facts by their names, which are those of nginx's variables; "-" for what has not happened.

    Of several attempts each has its value, in order, with ", " between them.
    """
    found = {
        "status": str(record.status or answered.status or CLIENT_LEFT),
        "body_bytes_sent": str(answered.body_bytes),
        "bytes_sent": str(answered.body_bytes),
        "request_time": f"{answered.duration_s:.3f}",
        "time_s": f"{answered.time_s:.6f}",
        "remote_user": answered.user or "",
        "request_id": answered.request_id,
        "request": answered.request_line.decode("latin-1"),
    }
    found.update(upstream_facts(record))
    return found


_UPSTREAM: Mapping[str, Callable[[Attempt], object]] = {
    "upstream_addr": lambda a: a.address,
    "upstream_status": lambda a: a.status or "-",
    "upstream_connect_time": lambda a: _seconds(a.connect_s),
    "upstream_header_time": lambda a: _seconds(a.header_s),
    "upstream_response_time": lambda a: _seconds(a.response_s),
    "upstream_bytes_sent": lambda a: a.sent_bytes,
    "upstream_bytes_received": lambda a: a.received_bytes,
    "upstream_response_length": lambda a: a.body_bytes,
}


def upstream_facts(record: Record) -> dict[str, str]:
    """Those that are known while the answer is being made, too. Empty texts if no backend was asked."""
    attempts = record.attempts
    return {name: ", ".join([str(read(each)) for each in attempts]) for name, read in _UPSTREAM.items()}


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
