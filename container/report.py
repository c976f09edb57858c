"""What a server says when it is ready: what it serves and where, what is wrong, and where it is logged."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from container import __version__
from container.config import Settings
from container.engine.container import Container
from container.engine.context import Context
from container.engine.lifecycle import State
from container.errors import Problem

if TYPE_CHECKING:
    from container.mpm.tls import ServerTls

__all__ = ["about_ports", "counted", "found_wrong", "report_text", "served"]


def about_ports(
    settings: Settings, urls: Sequence[str], tls: ServerTls | None, admin_url: str | None
) -> list[str]:
    """Lines for a report. The second of urls is that with TLS."""
    lines = []
    if tls is not None:
        names = ", ".join(tls.names) or "no name"
        lines.append(f"TLS, {settings.tls_min_version} or newer, on {urls[1]}/ for {names}.")
    if admin_url is not None and settings.records_requests:
        lines.append(f"X-ray of each request: {admin_url}/xray")
    if admin_url is not None:
        lines.append(f"Health: {admin_url}/healthz and /readyz.")
    return lines


def served(container: Container) -> dict[str, Any]:
    """What a container serves, in values that JSON has too: another process may report it."""
    contexts = container.contexts.values()
    return {
        "rows": [_row(context) for context in contexts],
        "problems": [str(problem) for context in contexts for problem in found_wrong(context)],
        "logged": [
            str(problem)
            for context in contexts
            if context.state is not State.RUNNING
            for problem in context.problems
        ],
    }


def found_wrong(context: Context) -> Sequence[Problem]:
    """With --dev also what `was check` knows, such as a class that the first request would miss."""
    if context.container.settings.dev and context.state is State.RUNNING:
        from container.learn import lint

        return lint.found_wrong(context)
    return context.problems


def report_text(
    settings: Settings, url: str, served: Mapping[str, Any], took_s: float, more: Iterable[str] = ()
) -> str:
    """The report of what is served at url, with more lines."""
    rows = [(f"{url}{path}", *cells) for path, *cells in served["rows"]]
    places = {"-": "standard output", "off": "off"}
    lines = [
        f"servlet-container {__version__} on {platform.python_implementation()} {platform.python_version()} "
        f"serves {settings.webapps}:",
        *_table(rows),
    ]
    if not rows:
        lines.append("  nothing: the folder has no sub-folder. `was new NAME` makes a web app.")
    told = set(served["logged"]) if _is_beside_the_log(settings) else set()
    if told:
        lines.append("What keeps a web app from starting stands above, in the log.")
    if problems := [problem for problem in served["problems"] if problem not in told]:
        lines += ["Found wrong:", *(f"  {problem}" for problem in problems)]
    lines += [
        *more,
        f"Access log: {places.get(settings.access_log, settings.access_log)}. "
        f"Log: {'standard error' if settings.log == '-' else settings.log}.",
        *([f"AJP for web servers on {settings.ajp_host}:{settings.ajp_port}."] if settings.ajp_port else []),
        f"Ready after {took_s:.2f} s on {url}/. Ctrl-C stops.",
    ]
    return "\n".join(lines)


def _is_beside_the_log(settings: Settings) -> bool:
    """Whether who reads the report on standard output has read the log: on a terminal, or in one file."""
    if settings.log != "-":
        return False
    try:
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except OSError:  # one of them is none of the system's files
        return False


def _row(context: Context) -> tuple[str, ...]:
    where = f"{context.encoded_path}/"
    if context.state is not State.RUNNING:
        return (where, "DID NOT START, answers 503")
    servlets, filters = len(context.web_app.servlets), len(context.filters)
    took = f"started in {context.started_ms:.0f} ms"
    return (where, counted(servlets, "servlet"), counted(filters, "filter"), took)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Align the columns; a short row's last cell may reach into the next column."""
    widths = [max((len(row[i]) for row in rows if len(row) > max(i, 2)), default=0) for i in range(4)]
    widths[0] = max((len(row[0]) for row in rows), default=0)
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def counted(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
