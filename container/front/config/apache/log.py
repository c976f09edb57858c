"""Write access log lines as LogFormat says.

    LogFormat text ──compile_format──> a function of (request, facts, server) ──> the line

facts has what is only known at the end, under nginx's names: status, body_bytes_sent, request_time ...
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from container.errors import ConfigError
from container.front.site import FrontRequest

__all__ = ["COMMON", "LogEntry", "compile_format"]

COMMON = '%h %l %u %t "%r" %>s %b'
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What a line may tell."""

    request: FrontRequest
    facts: Mapping[str, str]
    server_name: str
    server_port: int


Part = Callable[[LogEntry, str], str]


def _escape(text: str) -> str:
    r"""Make text, one character for each byte, harmless as Apache does: \" \\ \n \xhh."""
    return _UNSAFE.sub(lambda match: _ESCAPES.get(match[0]) or f"\\x{ord(match[0]):02x}", text)


_UNSAFE = re.compile(r'["\\\x00-\x1f\x7f-\U0010ffff]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\v": "\\v"}


def _time(entry: LogEntry, form: str) -> str:
    """When the request was received."""
    at_s = float(entry.facts.get("time_s") or time.time())
    if form in ("sec", "msec", "usec"):
        return str(int(at_s * {"sec": 1, "msec": 1000, "usec": 1_000_000}[form]))
    local = time.localtime(at_s)
    if form:
        return time.strftime(form, local)
    zone = time.strftime("%z", local)
    return (
        f"[{local.tm_mday:02}/{_MONTHS[local.tm_mon - 1]}/{local.tm_year}"
        f":{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02} {zone}]"
    )


def _duration(entry: LogEntry, unit: str) -> str:
    factor = {"ms": 1000, "us": 1_000_000}.get(unit, 1)
    return str(int(float(entry.facts.get("request_time") or 0) * factor))


def _bytes(entry: LogEntry, _: str) -> str:
    count = entry.facts.get("body_bytes_sent", "0")
    return "-" if count == "0" else count


def _request_line(entry: LogEntry, _: str) -> str:
    exchange = entry.request.exchange
    return _escape(f"{exchange.method} {exchange.target.decode('latin-1')} {exchange.version}")


def _query(entry: LogEntry, _: str) -> str:
    return _escape(f"?{entry.request.query}") if entry.request.query else ""


def _cookie(entry: LogEntry, name: str) -> str:
    for pair in entry.request.headers.get("cookie", "").split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return _escape(value)
    return "-"


def _port(entry: LogEntry, which: str) -> str:
    connection = entry.request.exchange.connection
    if which in ("local", "remote"):
        return str((connection.local if which == "local" else connection.peer)[1])
    return str(entry.server_port or connection.local[1])


def _fact(name: str) -> Part:
    return lambda entry, _: _escape(entry.facts.get(name, "") or "-")


_PARTS: Mapping[str, Part] = {
    "a": lambda entry, _: entry.request.exchange.connection.peer[0] or "-",
    "A": lambda entry, _: entry.request.exchange.connection.local[0] or "-",
    "h": lambda entry, _: entry.request.exchange.connection.peer[0] or "-",
    "l": lambda entry, _: "-",
    "u": _fact("remote_user"),
    "t": _time,
    "r": _request_line,
    "s": _fact("status"),
    "b": _bytes,
    "B": _fact("body_bytes_sent"),
    "O": _fact("bytes_sent"),
    "I": _fact("request_length"),
    "D": lambda entry, _: _duration(entry, "us"),
    "T": _duration,
    "v": lambda entry, _: _escape(entry.server_name or "-"),
    "V": lambda entry, _: _escape(entry.request.host or entry.server_name or "-"),
    "p": _port,
    "m": lambda entry, _: _escape(entry.request.exchange.method),
    "U": lambda entry, _: _escape(os.fsencode(entry.request.path).decode("latin-1")),
    "q": _query,
    "H": lambda entry, _: entry.request.exchange.version,
    "L": lambda entry, _: entry.request.exchange.id,
    "i": lambda entry, name: _escape(entry.request.headers.get(name.lower(), "") or "-"),
    "o": lambda entry, name: _escape(
        entry.facts.get(f"sent_http_{name.lower().replace('-', '_')}", "") or "-"
    ),
    "e": lambda entry, name: _escape(entry.request.variables.get(name, "") or "-"),
    "n": lambda entry, name: _escape(entry.request.variables.get(name, "") or "-"),
    "C": _cookie,
    "k": lambda entry, _: "-",
    "X": lambda entry, _: "X" if entry.facts.get("status") == "499" else "+",
    "P": lambda entry, _: "-",
    "f": lambda entry, _: "-",
    "R": lambda entry, _: "-",
}
_TOKEN = re.compile(
    r"%(?P<codes>!?[0-9][0-9,]*)?[<>]?(?:\{(?P<name>[^}]*)\})?(?P<letters>\^?[A-Za-z]{1,2}|%)"
)


def compile_format(text: str, where: str = "LogFormat") -> Callable[[LogEntry], str]:
    """Make the function that writes a line. Raises ConfigError for what LogFormat cannot tell here."""
    pieces: list[str | tuple[Part, str, str]] = []
    end = 0
    text = text.replace("\\t", "\t").replace("\\n", "\n")
    for match in _TOKEN.finditer(text):
        pieces.append(text[end : match.start()])
        end = match.end()
        letter, name = match["letters"], match["name"] or ""
        if letter == "%":
            pieces.append("%")
            continue
        if not letter.startswith("^"):  # one letter; a second one is text
            end -= len(letter) - 1
            letter = letter[0]
        part = _PARTS.get(letter)
        if part is None:
            raise ConfigError(f"{where}: %{letter} is not known here. Leave it out.")
        pieces.append((part, name, match["codes"] or ""))
    pieces.append(text[end:])

    def line(entry: LogEntry) -> str:
        return "".join(piece if isinstance(piece, str) else _conditional(piece, entry) for piece in pieces)

    return line


def _conditional(piece: tuple[Part, str, str], entry: LogEntry) -> str:
    """The value, or "-" if the status is not one of the codes in front of it."""
    part, name, codes = piece
    if codes:
        listed = entry.facts.get("status", "") in codes.removeprefix("!").split(",")
        if listed is codes.startswith("!"):
            return "-"
    return part(entry, name)
