"""The points a request passes, for whoever wants to know: the access log today, metrics and the X-ray later.

A point costs nothing when nobody listens: one asks ``if listeners:`` before building the event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Answered", "AnsweredListener"]


class Answered(NamedTuple):  # a dataclass would take four times as long to make
    """An answer has left, or was broken off. Reported once for each request, malformed ones included."""

    peer: str
    """The client's address; behind trusted proxies the one that they tell."""
    user: str | None
    time_s: float
    """time.time() when the request's head was complete."""
    duration_s: float
    request_line: bytes
    """As received; empty if nothing could be parsed."""
    status: int
    """0 if the client left before there was one."""
    body_bytes: int
    """Sent body bytes, without the head and the framing."""
    referer: bytes | None
    user_agent: bytes | None
    host: bytes | None
    request_id: str


AnsweredListener = Callable[[Answered], None]
