"""Every setting once: its type, default, unit and help. Flags, environment variables, was.toml and the reference derive from it.

    flag  >  environment (WAS_PORT)  >  --config file  >  ./was.toml  >  default

A setting ``max_body_bytes`` is the flag ``--max-body-bytes``, the variable ``WAS_MAX_BODY_BYTES`` and the key
``max-body-bytes`` (or with underscores) of was.toml. 0 switches a limit off where its help says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Settings", "setting"]


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    group: str,
    minimum: int | float | None = None,
    choices: tuple[str, ...] = (),
    metavar: str = "",
    example: str = "",
) -> Any:
    """Declare a field of Settings; everything but the default is metadata for flags and documentation."""
    return field(
        default=default,
        metadata={
            "help": help,
            "unit": unit,
            "group": group,
            "minimum": minimum,
            "choices": choices,
            "metavar": metavar,
            "example": example,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process, checked. Immutable, so every part may keep the object it was given."""

    # where
    host: str = setting("127.0.0.1", "Address to listen on", group="Listening", example="0.0.0.0")
    port: int = setting(8080, "TCP port to listen on; 0 takes a free one", group="Listening", minimum=0)
    backlog: int = setting(
        511, "Connections the kernel keeps waiting", unit="connections", group="Listening", minimum=1
    )
    webapps: Path = setting(
        Path("webapps"),
        "Folder whose sub-folders are the web apps (ROOT is /, a#b is /a/b)",
        group="Web apps",
    )
    work: Path | None = setting(
        None, "Folder for temporary files; default: a private one, removed at the end", group="Web apps"
    )
    users: Path | None = setting(
        None,
        "Users and roles in the format of tomcat-users.xml; default: "
        "../conf/tomcat-users.xml beside the webapps folder",
        group="Web apps",
    )
    dev: bool = setting(False, "Reload changed web apps, show tracebacks in error pages", group="Web apps")
    # threads
    executor: str = setting(
        "pool",
        "Threads for requests: a bounded pool, or a new thread for each request",
        choices=("pool", "per-request"),
        group="Threads",
    )
    threads: int = setting(64, "Most threads that run requests", unit="threads", group="Threads", minimum=1)
    queue: int = setting(
        1000,
        "Most requests that wait for a thread; more are answered 503",
        unit="requests",
        group="Threads",
        minimum=0,
    )
    stop_timeout_s: float = setting(
        10.0, "Time for running requests to end when stopping", unit="s", group="Threads", minimum=0
    )
    # limits
    max_request_line_bytes: int = setting(
        8192, "Longest request line; longer is 414", unit="bytes", group="Limits", minimum=16
    )
    max_header_bytes: int = setting(
        32768,
        "Most bytes of all header lines together; more is 431",
        unit="bytes",
        group="Limits",
        minimum=16,
    )
    max_header_count: int = setting(
        100, "Most header lines; more is 431", unit="lines", group="Limits", minimum=1
    )
    max_trailer_bytes: int = setting(
        8192, "Most bytes of all trailer lines together; more is 431", unit="bytes", group="Limits", minimum=0
    )
    max_body_bytes: int = setting(
        1024**3, "Longest request body; longer is 413; 0 = no limit", unit="bytes", group="Limits", minimum=0
    )
    max_form_bytes: int = setting(
        2 * 1024**2,
        "Longest form body read for getParameter; longer is 413; 0 = no limit",
        unit="bytes",
        group="Limits",
        minimum=0,
    )
    max_parameter_count: int = setting(
        1000,
        "Most parameters of a request; more is 400; 0 = no limit",
        unit="parameters",
        group="Limits",
        minimum=0,
    )
    max_part_count: int = setting(
        50,
        "Most parts of a multipart body; more is 413; 0 = no limit",
        unit="parts",
        group="Limits",
        minimum=0,
    )
    max_part_header_bytes: int = setting(
        512, "Most header bytes of one part; more is 413", unit="bytes", group="Limits", minimum=16
    )
    max_cookie_count: int = setting(
        200, "Most cookies of a request; more is 400; 0 = no limit", unit="cookies", group="Limits", minimum=0
    )
    max_connections: int = setting(
        10000,
        "Most connections at once; more wait in the backlog",
        unit="connections",
        group="Limits",
        minimum=1,
    )
    max_pipelined: int = setting(
        16, "Most requests read ahead on a connection", unit="requests", group="Limits", minimum=1
    )
    max_keepalive_requests: int = setting(
        0,
        "Requests after which a connection is closed; 0 = never",
        unit="requests",
        group="Limits",
        minimum=0,
    )
    header_timeout_s: float = setting(
        60.0, "Time for a request's head, from its first byte; then 408", unit="s", group="Limits", minimum=0
    )
    body_timeout_s: float = setting(
        60.0, "Longest pause between two pieces of a body; then 408", unit="s", group="Limits", minimum=0
    )
    min_body_rate: int = setting(
        500,
        "Slowest body after its first 20 seconds; slower is 408; 0 = any",
        unit="bytes/s",
        group="Limits",
        minimum=0,
    )
    idle_timeout_s: float = setting(
        75.0, "Longest pause between two requests of a connection", unit="s", group="Limits", minimum=0
    )
    send_timeout_s: float = setting(
        60.0,
        "Longest time a client may take to read nothing of its answer",
        unit="s",
        group="Limits",
        minimum=0,
    )
    # buffers
    request_buffering: bool = setting(
        True, "Collect a request's body before a thread is taken", group="Buffers"
    )
    body_memory_bytes: int = setting(
        65536,
        "Part of a collected body kept in memory, the rest goes to a temporary file",
        unit="bytes",
        group="Buffers",
        minimum=0,
    )
    send_buffer_bytes: int = setting(
        1024**2,
        "Answer kept for a slow client before the request's thread waits",
        unit="bytes",
        group="Buffers",
        minimum=1024,
    )
    # logs
    access_log: str = setting(
        "-", "Access log: a file, - for standard output, off", group="Logs", metavar="FILE"
    )
    access_log_format: str = setting(
        "combined", "Format of the access log", choices=("common", "combined", "json"), group="Logs"
    )
    log_level: str = setting(
        "info", "Least level that is logged", choices=("debug", "info", "warning", "error"), group="Logs"
    )
