"""ExpiresFilter: Expires and Cache-Control: max-age, by the type of the answer, like Apache's mod_expires.

    "access plus 1 month 15 days"  "now 10 minutes"  "modification plus 2 hours"  "A3600"  "M3600"

The headers are added when the body begins: only then is the type known. What the web app says itself wins.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from typing import Any, NamedTuple, NoReturn

from container.filters.parameters import InitParameters
from container.servlet import (
    FilterChain,
    HttpFilter,
    HttpServletRequest,
    HttpServletResponse,
    HttpServletResponseWrapper,
    PrintWriter,
    ServletOutputStream,
    WriteListener,
)
from container.servlet.servlet import Answer

__all__ = ["ExpiresFilter"]

BY_TYPE, DEFAULT, EXCLUDED = "ExpiresByType", "ExpiresDefault", "ExpiresExcludedResponseStatusCodes"
_EXAMPLE = "Write for example access plus 1 month 15 days."
_UNITS: dict[str, Callable[[datetime, int], datetime]] = {
    "year": lambda at, n: _add_months(at, 12 * n),
    "month": lambda at, n: _add_months(at, n),
    "week": lambda at, n: at + timedelta(weeks=n),
    "day": lambda at, n: at + timedelta(days=n),
    "hour": lambda at, n: at + timedelta(hours=n),
    "minute": lambda at, n: at + timedelta(minutes=n),
    "second": lambda at, n: at + timedelta(seconds=n),
}


class Expiry(NamedTuple):
    """When an answer expires: some amounts of units after its beginning."""

    after_modification: bool
    amounts: tuple[tuple[str, int], ...]

    def at(self, beginning: datetime) -> datetime:
        for unit, number in self.amounts:
            beginning = _UNITS[unit](beginning, number)
        return beginning


class ExpiresFilter(HttpFilter):
    """See the module."""

    clock: Callable[[], float] = staticmethod(time.time)

    def init(self) -> None:
        parameters = InitParameters(self)
        names = {name.lower(): name for name in self.getInitParameterNames()}  # their case means nothing
        by_type = f"{BY_TYPE} ".lower()
        self._by_type = {
            key.removeprefix(by_type).strip(): _expiry(parameters, name)
            for key, name in names.items()
            if key.startswith(by_type)
        }
        default = names.get(DEFAULT.lower(), DEFAULT)
        self._default = None if parameters.given(default) is None else _expiry(parameters, default)
        excluded = names.get(EXCLUDED.lower(), EXCLUDED)
        codes = parameters.items(excluded, "304")
        if not all(re.fullmatch(r"[0-9]{3}", code) for code in codes):
            parameters.refuse(excluded, "no list of status codes", "Write for example 302, 500, 503.")
        self._excluded = frozenset(map(int, codes))
        parameters.finish(strict=False)

    def doFilter(self, req: HttpServletRequest, res: HttpServletResponse, chain: FilterChain) -> Answer:
        if res.isCommitted() or req.getMethod() not in ("GET", "HEAD"):
            return chain.doFilter(req, res)
        expiring = Expiring(res, self._add_headers)
        answer = chain.doFilter(req, expiring)
        if not req.isAsyncStarted():
            expiring.begin()
        return answer

    def _add_headers(self, res: HttpServletResponse) -> None:
        cached = ", ".join(res.getHeaders("Cache-Control"))
        expiry = self._expiry_for(res.getContentType())
        if (
            expiry is None
            or res.getStatus() in self._excluded
            or res.containsHeader("Expires")
            or "max-age" in cached
            or "no-store" in cached
        ):
            return
        now = datetime.fromtimestamp(int(self.clock()), UTC)
        beginning = (_modified(res) if expiry.after_modification else None) or now
        expires = expiry.at(beginning)
        max_age = f"max-age={int((expires - now).total_seconds())}"
        res.setHeader("Cache-Control", f"{cached}, {max_age}" if cached else max_age)
        res.setHeader("Expires", format_datetime(expires, usegmt=True))

    def _expiry_for(self, content_type: str | None) -> Expiry | None:
        """The most specific: with charset, without, the major type, the default."""
        whole = (content_type or "").lower()
        plain = whole.partition(";")[0].strip()
        for key in (whole, plain, plain.partition("/")[0]):
            if key and (found := self._by_type.get(key)):
                return found
        return self._default


class Expiring(HttpServletResponseWrapper):
    """Calls add before the first byte of the body, unless the head has left by then."""

    def __init__(self, response: HttpServletResponse, add: Callable[[HttpServletResponse], None]) -> None:
        super().__init__(response)
        self._add: Callable[[HttpServletResponse], None] | None = add
        self._stream: ServletOutputStream | None = None
        self._writer: PrintWriter | None = None
        if send_file := getattr(
            response, "send_file", None
        ):  # the container's own can: files go out uncopied
            self.send_file = partial(self._send_file, send_file)

    def _send_file(self, send_file: Callable[..., None], *arguments: Any) -> None:
        self.begin()
        send_file(*arguments)

    def begin(self) -> None:
        add, self._add = self._add, None
        if add is not None and not self._response.isCommitted():
            add(self._response)

    def getOutputStream(self) -> ServletOutputStream:
        if self._stream is None:
            self._stream = ExpiringStream(super().getOutputStream(), self.begin)
        return self._stream

    def getWriter(self) -> PrintWriter:
        if self._writer is None:
            self._writer = ExpiringWriter(super().getWriter(), self.begin)
        return self._writer

    def reset(self) -> None:
        super().reset()
        self._stream = self._writer = None


class ExpiringStream(ServletOutputStream):
    """Calls begin first."""

    def __init__(self, stream: ServletOutputStream, begin: Callable[[], None]) -> None:
        self._stream = stream
        self._begin = begin

    def write(self, data: bytes | bytearray | memoryview | int) -> int:
        self._begin()
        return self._stream.write(data)

    def flush(self) -> None:
        self._begin()
        self._stream.flush()

    def close(self) -> None:
        self._begin()
        self._stream.close()

    def isReady(self) -> bool:
        return self._stream.isReady()

    def setWriteListener(self, listener: WriteListener) -> None:
        self._stream.setWriteListener(listener)


class ExpiringWriter(PrintWriter):
    """Calls begin first."""

    def __init__(self, writer: PrintWriter, begin: Callable[[], None]) -> None:
        self._writer = writer
        self._begin = begin

    def write(self, text: str) -> int:
        self._begin()
        return self._writer.write(text)

    def flush(self) -> None:
        self._begin()
        self._writer.flush()

    def close(self) -> None:
        self._begin()
        self._writer.close()

    def checkError(self) -> bool:
        self._begin()
        return self._writer.checkError()


def _modified(res: HttpServletResponse) -> datetime | None:
    try:
        return parsedate_to_datetime(res.getHeader("Last-Modified") or "")
    except ValueError:
        return None


def _expiry(parameters: InitParameters, name: str) -> Expiry:
    def refuse(why: str) -> NoReturn:
        parameters.refuse(name, why, _EXAMPLE)

    words = parameters.text(name).lower().split()
    if words and (short := re.fullmatch(r"([am])(-?[0-9]+)", words[0])) and len(words) == 1:
        expiry = Expiry(short[1] == "m", (("second", int(short[2])),))
    else:
        if not words or words[0] not in ("access", "now", "modification"):
            refuse("it has to begin with access, now, modification, A<seconds> or M<seconds>")
        rest = words[2:] if words[1:2] == ["plus"] else words[1:]
        if not rest or len(rest) % 2:
            refuse("a number or its unit is missing")
        amounts = []
        for number, unit in zip(rest[::2], rest[1::2], strict=True):
            if not re.fullmatch(r"[+-]?[0-9]+", number):
                refuse(f"{number} is no whole number")
            if unit.removesuffix("s") not in _UNITS:
                refuse(f"{unit} is none of {', '.join(f'{known}s' for known in _UNITS)}")
            amounts.append((unit.removesuffix("s"), int(number)))
        expiry = Expiry(words[0] == "modification", tuple(amounts))
    try:
        expiry.at(datetime(2100, 1, 1, tzinfo=UTC))
    except (OverflowError, ValueError):
        refuse("that is beyond all calendars")
    return expiry


def _add_months(at: datetime, months: int) -> datetime:
    """Keep the day, or take the last one of a shorter month."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, calendar.monthrange(year, month + 1)[1]))
