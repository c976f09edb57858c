"""What is remembered of a request while it passes the front, and the facts of it that logs may tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from container.protocols.exchange import Headers
from container.trace import Answered

__all__ = ["Attempt", "Facts", "Record", "facts"]

CLIENT_LEFT = 499
_FIELD = "upstream_http_"


class Attempt:
    """One try at one backend; times in seconds since it began, None for what was not reached."""

    status = 0
    connect_s: float | None = None
    header_s: float | None = None
    response_s: float | None = None
    sent_bytes = 0
    received_bytes = 0
    body_bytes = 0
    headers: Headers = ()
    """As the backend has sent them."""

    def __init__(self, address: object, began_s: float, status: int = 0) -> None:
        """address: of the backend, or the name of a group of which none could be asked; logged as text."""
        self.address = address
        self.began_s = began_s
        self.status = status


class Record:
    """Of one request."""

    status = 0
    """What logs say instead of the answer's status; 0: nothing else."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []


_ANSWERED: Mapping[str, Callable[[Answered], str]] = {
    "body_bytes_sent": lambda a: str(a.body_bytes),
    "bytes_sent": lambda a: str(a.body_bytes),
    "request_time": lambda a: f"{a.duration_s:.3f}",
    "time_s": lambda a: f"{a.time_s:.6f}",
    "remote_user": lambda a: a.user or "",
    "request_id": lambda a: a.request_id,
    "request": lambda a: a.request_line.decode("latin-1"),
}
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


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


class Facts(Mapping[str, str]):
    """The facts by their names, which are those of nginx's variables; made when they are asked for.

    "-" stands for what has not happened. Of several attempts each has its value, in order, with ", " between
    them; the text is empty if no backend was asked. Without answered, as while an answer is being made, there
    are only the status and what is known of the attempts so far.
    """

    __slots__ = ("_answered", "_record", "_status")

    def __init__(self, record: Record, status: int, answered: Answered | None = None) -> None:
        self._record = record
        self._status = status
        self._answered = answered

    def __getitem__(self, name: str) -> str:
        if name == "status":
            return str(self._status)
        if (of_attempt := _UPSTREAM.get(name)) is not None:
            return ", ".join([str(of_attempt(each)) for each in self._record.attempts])
        if name.startswith(_FIELD):
            return self._field(name.removeprefix(_FIELD))
        if self._answered is None:
            raise KeyError(name)
        return _ANSWERED[name](self._answered)

    def _field(self, name: str) -> str:
        """A header field of the last attempt: $upstream_http_content_type."""
        headers = self._record.attempts[-1].headers if self._record.attempts else ()
        values = [value for key, value in headers if key.lower().replace("-", "_") == name]
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(("status", *_UPSTREAM, *(_ANSWERED if self._answered is not None else ())))

    def __len__(self) -> int:
        return 1 + len(_UPSTREAM) + (len(_ANSWERED) if self._answered is not None else 0)


def facts(record: Record, answered: Answered) -> Facts:
    """What the access log may tell of a request that is over."""
    return Facts(record, record.status or answered.status or CLIENT_LEFT, answered)
