"""What holds for a connection of HTTP, whatever carries its bytes: when it is too slow, how it is refused."""

from __future__ import annotations

import math
import struct

from container.config import Settings
from container.errors import ProtocolError

__all__ = [
    "LATE_HEAD",
    "LINGER_BYTES",
    "LINGER_PAUSE_S",
    "LINGER_TOTAL_S",
    "MISDIRECTED",
    "RATE_GRACE_S",
    "RESET_ON_CLOSE",
    "SHORT_BODY",
    "slow_body",
]

LINGER_TOTAL_S = 30.0
LINGER_PAUSE_S = 5.0
LINGER_BYTES = 32 * 1024**2
RATE_GRACE_S = 20.0  # a body may begin slowly
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
MISDIRECTED = (
    ProtocolError(400, "the client speaks no TLS on a port for TLS"),
    "This port speaks TLS: use https.\n",
)
# To be answered, not raised: an error that is raised again and again keeps all its tracebacks.
LATE_HEAD = ProtocolError(408, "the head did not come in time", "header_timeout_s")
SHORT_BODY = ProtocolError(400, "the body ends too early")


def slow_body(settings: Settings, silent_s: float, elapsed_s: float, count: int) -> ProtocolError | None:
    """Why a body is not waited for any longer: nothing has come for silent_s, count bytes in elapsed_s."""
    if silent_s >= (settings.body_timeout_s or math.inf):
        return ProtocolError(408, "the body stopped coming", "body_timeout_s")
    if elapsed_s >= RATE_GRACE_S and count < settings.min_body_rate * elapsed_s:
        return ProtocolError(408, f"{count} bytes in {elapsed_s:.0f} s", "min_body_rate")
    return None
