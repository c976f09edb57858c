"""Every setting once: type, default, unit, help. Flags, environment, was.toml and documents derive from it.

    flag  >  environment (WAS_PORT)  >  --config file  >  ./was.toml  >  default

A setting ``max_body_bytes`` is the flag ``--max-body-bytes``, the variable ``WAS_MAX_BODY_BYTES`` and the key
``max-body-bytes`` (or with underscores) of was.toml. 0 switches a limit off where its help says so.

    Settings (the table) ──> OPTIONS: its rows, as flags, files and documents spell them
    load(flags, environ, file) ──> Settings, or one ConfigError that names each wrong value and its place
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from container.errors import ConfigError

__all__ = ["OPTIONS", "Option", "Settings", "keep", "load", "misspelt", "setting"]

DEFAULT_FILE = "was.toml"


def setting(
    default: Any,
    help: str,
    *,
    group: str,
    example: str = "",
    unit: str = "",
    minimum: int | float | None = None,
    maximum: int | None = None,
    choices: tuple[str, ...] = (),
    pattern: str = "",
    metavar: str = "",
    secret: bool = False,
) -> Any:
    """Declare a field of Settings; everything but the default is metadata for flags and documentation."""
    return field(
        default=default,
        repr=not secret,
        metadata={
            "help": help,
            "group": group,
            "example": example,
            "unit": unit,
            "minimum": minimum,
            "maximum": maximum,
            "choices": choices,
            "pattern": pattern,
            "metavar": metavar,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process, checked. Immutable, so every part may keep the object it was given."""

    # where
    host: str = setting(
        "127.0.0.1",
        "Address to listen on, or unix: and a path; off = on --ajp-port only",
        group="Listening",
        example="0.0.0.0",
    )
    port: int = setting(
        8080, "TCP port; 0 takes a free one", group="Listening", minimum=0, maximum=65535, example="80"
    )
    backlog: int = setting(
        511,
        "Connections the kernel keeps waiting (ListenBacklog)",
        unit="connections",
        group="Listening",
        minimum=1,
        example="4096",
    )
    tls_port: int = setting(
        0,
        "TCP port for https beside http; 0 = none",
        group="TLS",
        minimum=0,
        maximum=65535,
        example="8443",
    )
    tls_certificate: tuple[Path, ...] = setting(
        (),
        "Certificates in PEM, each with those of its issuers behind it; a client gets the one for the name "
        "it asks for, else the first. Changed files are read again",
        group="TLS",
        example="shop.pem, blog.pem",
    )
    tls_key: tuple[Path, ...] = setting(
        (),
        "Their keys, one for each certificate in the same order; none = they are in the certificates' files",
        group="TLS",
        example="shop.key, blog.key",
    )
    tls_client_ca: Path | None = setting(
        None,
        "Certificates in PEM of those who issue clients' certificates: a client is asked for one, and may "
        "have none (<auth-method> CLIENT-CERT); none = nobody is asked",
        group="TLS",
        example="clients.pem",
    )
    tls_min_version: str = setting(
        "TLSv1.2",
        "Oldest version of TLS that is spoken",
        choices=("TLSv1.2", "TLSv1.3"),
        group="TLS",
        example="TLSv1.3",
    )
    tls_redirect: bool = setting(
        False,
        "Answer every request without TLS with a redirect to https, except those of trusted proxies",
        group="TLS",
        example="on",
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        "Addresses and networks of proxies whose X-Forwarded-* or Forwarded fields are believed, unix: for "
        "Unix sockets; such a proxy must set or remove these fields itself",
        group="Listening",
        example="127.0.0.1, 10.0.0.0/8",
    )
    forwarded_headers: str = setting(
        "auto",
        "Which of a trusted proxy's fields count: X-Forwarded-*, Forwarded (RFC 7239), or auto: the former "
        "if there are any, else the latter",
        choices=("auto", "x-forwarded", "forwarded"),
        group="Listening",
        example="forwarded",
    )
    # AJP
    ajp_port: int = setting(
        0,
        "TCP port where web servers are served over AJP, beside HTTP; 0 = no AJP",
        group="AJP",
        minimum=0,
        maximum=65535,
        example="8009",
    )
    ajp_host: str = setting("127.0.0.1", "Address to listen on for AJP", group="AJP", example="10.0.0.5")
    ajp_secret: str | None = setting(
        None,
        "What a web server has to send with every request (secret of mod_jk, mod_proxy_ajp and Tomcat)",
        group="AJP",
        example="open sesame",
        secret=True,
    )
    ajp_secret_required: bool = setting(
        True,
        "Do not listen for AJP on more than the loopback interface without a secret",
        group="AJP",
        example="off",
    )
    ajp_packet_bytes: int = setting(
        8192,
        "Largest AJP packet, the same as the web server's (mod_jk's max_packet_size, Tomcat's packetSize)",
        unit="bytes",
        group="AJP",
        minimum=8192,
        maximum=65536,
        example="64k",
    )
    ajp_idle_timeout_s: float = setting(
        0.0,
        "Longest pause between two requests of an AJP connection, longer than the web server's own; 0 = no "
        "limit (Tomcat's keepAliveTimeout)",
        unit="s",
        group="AJP",
        minimum=0,
        example="10m",
    )
    ajp_remote_user: bool = setting(
        False,
        "Believe which user the web server has logged in (Tomcat's tomcatAuthentication=false)",
        group="AJP",
        example="on",
    )
    ajp_allowed_request_attributes: str | None = setting(
        None,
        "Names of further request attributes that a web server may set, a regular expression for the whole "
        "name (Tomcat's allowedRequestAttributesPattern); a request with any other is 403",
        group="AJP",
        metavar="REGEX",
        example="shop_.*",
    )
    webapps: Path = setting(
        Path("webapps"),
        "Folder whose sub-folders are the web apps (ROOT is /, a#b is /a/b)",
        group="Web apps",
        example="/srv/webapps",
    )
    work: Path | None = setting(
        None,
        "Folder for temporary files; without it a private one, removed at the end",
        group="Web apps",
        example="/var/tmp/was",
    )
    dev: bool = setting(
        False,
        "Reload changed web apps, say what `was check` finds, show tracebacks in error pages",
        group="Web apps",
        example="on",
    )
    cross_context: bool = setting(
        False, "Let ServletContext.getContext reach other web apps", group="Web apps", example="on"
    )
    # sessions and logins
    route: str | None = setting(
        None,
        "Name of this container among those of a balancer; session ids end in a dot and this name (Tomcat's "
        "jvmRoute)",
        group="Sessions and logins",
        pattern="[A-Za-z0-9_.-]+",
        example="n1",
    )
    session_store: str = setting(
        "memory",
        "Where sessions are kept: in memory, or in files of the work folder, which survive the process",
        choices=("memory", "sqlite"),
        group="Sessions and logins",
        example="sqlite",
    )
    users: Path | None = setting(
        None,
        "Users and roles in the format of tomcat-users.xml; without it conf/tomcat-users.xml beside the "
        "webapps folder, if there is one",
        group="Sessions and logins",
        example="conf/users.xml",
    )
    users_database: str = setting(
        "none",
        "Users and roles in a database instead: a DB-API module, a colon, and what its connect() takes",
        group="Sessions and logins",
        metavar="MODULE:DATABASE",
        example="sqlite3:conf/users.db",
        secret=True,
    )
    users_password_query: str = setting(
        "SELECT user_pass FROM users WHERE user_name = ?",
        "How a user's stored password is found there",
        group="Sessions and logins",
        metavar="SQL",
        example="SELECT hash FROM person WHERE login = ?",
    )
    users_roles_query: str = setting(
        "SELECT role_name FROM user_roles WHERE user_name = ?",
        "How a user's roles are found there",
        group="Sessions and logins",
        metavar="SQL",
        example="SELECT role FROM person_role WHERE login = ?",
    )
    login_failures: int = setting(
        5,
        "Different wrong passwords after which a user cannot log in for a while; 0 = no limit",
        unit="passwords",
        group="Sessions and logins",
        minimum=0,
        example="10",
    )
    login_lock_s: float = setting(
        300.0, "How long that is", unit="s", group="Sessions and logins", minimum=1, example="30m"
    )
    login_timeout_s: int = setting(
        120,
        "Idle time after which a session ends that a login page has begun, if nobody logs in",
        unit="s",
        group="Sessions and logins",
        minimum=1,
        example="10m",
    )
    max_saved_body_bytes: int = setting(
        4096,
        "Longest body of a request that a login page interrupts; longer is 403",
        unit="bytes",
        group="Sessions and logins",
        minimum=0,
        example="100k",
    )
    redirect_port: int = setting(
        0,
        "Port to which a request is redirected that needs TLS (<transport-guarantee>); 0 = --tls-port, and "
        "if that is 0 too the answer is 403",
        group="Sessions and logins",
        minimum=0,
        maximum=65535,
        example="443",
    )
    # processes
    containers: int = setting(
        0,
        "Container processes behind a front process of their own; 0 = one process is both",
        unit="processes",
        group="Processes",
        minimum=0,
        maximum=64,
        example="2",
    )
    hang_timeout_s: float = setting(
        30.0,
        "--containers: a container that answers nothing at all for so long is killed and replaced; 0 = never",
        unit="s",
        group="Processes",
        minimum=0,
        example="2m",
    )
    mpm: str = setting(
        "event",
        "Process model: a loop that accepts, and threads for requests; or a thread (worker), or a process "
        "(prefork), for each connection",
        choices=("event", "worker", "prefork"),
        group="Processes",
        example="worker",
    )
    worker_processes: int | None = setting(
        1,
        "event: processes, each with a loop; auto = as many as CPUs",
        unit="processes",
        group="Processes",
        example="auto",
    )
    worker_connections: int | None = setting(
        None,
        "event: most connections of each process; auto = --max-connections, shared among them",
        unit="connections",
        group="Processes",
        minimum=1,
        example="1000",
    )
    start_servers: int | None = setting(
        None,
        "prefork, worker: processes at the start; auto = 5 under prefork, 3 under worker",
        unit="processes",
        group="Processes",
        example="2",
    )
    min_spare_servers: int = setting(
        5,
        "prefork: with fewer idle processes more are started",
        unit="processes",
        group="Processes",
        example="2",
    )
    max_spare_servers: int = setting(
        10,
        "prefork: with more idle processes some are ended",
        unit="processes",
        group="Processes",
        example="5",
    )
    server_limit: int | None = setting(
        None,
        "prefork, worker: most processes; auto = 256 under prefork, 16 under worker",
        unit="processes",
        group="Processes",
        example="4",
    )
    max_request_workers: int | None = setting(
        None,
        "prefork, worker: most connections at once, the rest waits in the backlog; auto = 256 under prefork, "
        "server limit x threads per child under worker",
        unit="connections",
        group="Processes",
        example="150",
    )
    threads_per_child: int = setting(
        25, "worker: threads of each process", unit="threads", group="Processes", example="50"
    )
    thread_limit: int = setting(64, "worker: most of them", unit="threads", group="Processes", example="100")
    min_spare_threads: int = setting(
        75,
        "worker: with fewer idle threads in all processes another process is started",
        unit="threads",
        group="Processes",
        example="25",
    )
    max_spare_threads: int = setting(
        250,
        "worker: with more idle threads a process is ended",
        unit="threads",
        group="Processes",
        example="75",
    )
    max_connections_per_child: int = setting(
        0,
        "Connections after which a process is replaced by a new one; 0 = never",
        unit="connections",
        group="Processes",
        minimum=0,
        example="10000",
    )
    graceful_shutdown_timeout_s: float = setting(
        0.0,
        "Time for running requests of processes that are replaced, or stopped with SIGQUIT; 0 = no limit",
        unit="s",
        group="Processes",
        minimum=0,
        example="5m",
    )
    # threads
    executor: str = setting(
        "auto",
        "event: threads for requests: a bounded pool (auto is that too), or a new thread for each request",
        choices=("auto", "pool", "per-request"),
        group="Threads",
        example="per-request",
    )
    threads: int = setting(
        64,
        "event: most threads that run requests",
        unit="threads",
        group="Threads",
        minimum=1,
        example="200",
    )
    queue: int = setting(
        1000,
        "event: most requests that wait for a thread; more are answered 503",
        unit="requests",
        group="Threads",
        minimum=0,
        example="100",
    )
    stop_timeout_s: float = setting(
        10.0,
        "Time for running requests to end when stopping",
        unit="s",
        group="Threads",
        minimum=0,
        example="30",
    )
    drain_s: float = setting(
        0.0,
        "When stopping, time in which requests are still taken while /readyz says no more should come",
        unit="s",
        group="Health",
        minimum=0,
        example="10",
    )
    admin_port: int = setting(
        0,
        "TCP port for /healthz, /readyz and /status; 0 = none",
        group="Health",
        minimum=0,
        maximum=65535,
        example="8081",
    )
    admin_host: str = setting(
        "127.0.0.1", "Address of that port; whoever reaches it may ask", group="Health", example="10.0.0.5"
    )
    xray: bool | None = setting(
        None,
        "Record the life of each of the last requests in µs, and show it on a page of the admin address, for "
        "this machine only (without --admin-port on a free port); auto = with --dev",
        group="X-ray",
        example="on",
    )
    # limits
    max_request_line_bytes: int = setting(
        8192,
        "Longest request line; longer is 414",
        unit="bytes",
        group="Limits",
        minimum=16,
        example="16k",
    )
    max_header_bytes: int = setting(
        32768,
        "Most bytes of all header lines together; more is 431",
        unit="bytes",
        group="Limits",
        minimum=16,
        example="64k",
    )
    max_header_count: int = setting(
        100, "Most header lines; more is 431", unit="lines", group="Limits", minimum=1, example="200"
    )
    max_trailer_bytes: int = setting(
        8192,
        "Most bytes of all trailer lines together; more is 431",
        unit="bytes",
        group="Limits",
        minimum=0,
        example="1k",
    )
    max_chunk_extension_bytes: int = setting(
        8192,
        "Most bytes of chunk extensions in a body; more is 413",
        unit="bytes",
        group="Limits",
        minimum=0,
        example="1k",
    )
    max_body_bytes: int = setting(
        1024**3,
        "Longest request body; longer is 413; 0 = no limit",
        unit="bytes",
        group="Limits",
        minimum=0,
        example="200m",
    )
    underscore_headers: bool = setting(
        False,
        "Keep header fields with _ in their name, which CGI and WSGI cannot tell from those with -",
        group="Limits",
        example="on",
    )
    max_form_bytes: int = setting(
        2 * 1024**2,
        "Most bytes of a form, or of the fields of a multipart form; more is 413; 0 = no limit",
        unit="bytes",
        group="Limits",
        minimum=0,
        example="10m",
    )
    max_parameter_count: int = setting(
        1000,
        "Most parameters of a request; more is 400; 0 = no limit",
        unit="parameters",
        group="Limits",
        minimum=0,
        example="10000",
    )
    max_part_count: int = setting(
        50,
        "Most parts of a multipart body; more is 413; 0 = no limit",
        unit="parts",
        group="Limits",
        minimum=0,
        example="200",
    )
    max_part_header_bytes: int = setting(
        512,
        "Most header bytes of one part; more is 413",
        unit="bytes",
        group="Limits",
        minimum=16,
        example="1k",
    )
    max_cookie_count: int = setting(
        200,
        "Most cookies of a request; more is 400; 0 = no limit",
        unit="cookies",
        group="Limits",
        minimum=0,
        example="50",
    )
    max_connections: int = setting(
        10000,
        "event: most connections at once; more wait in the backlog",
        unit="connections",
        group="Limits",
        minimum=1,
        example="1000",
    )
    max_pipelined: int = setting(
        16,
        "Most requests read ahead on a connection",
        unit="requests",
        group="Limits",
        minimum=1,
        example="1",
    )
    max_keepalive_requests: int = setting(
        0,
        "Requests after which a connection is closed; 0 = never",
        unit="requests",
        group="Limits",
        minimum=0,
        example="1000",
    )
    header_timeout_s: float = setting(
        60.0,
        "Time for a request's head, from its first byte; then 408; 0 = no limit",
        unit="s",
        group="Limits",
        minimum=0,
        example="10",
    )
    body_timeout_s: float = setting(
        60.0,
        "Longest pause between two pieces of a body; then 408; 0 = no limit",
        unit="s",
        group="Limits",
        minimum=0,
        example="20",
    )
    min_body_rate: int = setting(
        500,
        "Slowest body after its first 20 seconds; slower is 408; 0 = any",
        unit="bytes/s",
        group="Limits",
        minimum=0,
        example="10k",
    )
    idle_timeout_s: float = setting(
        75.0,
        "Longest pause between two requests of a connection; 0 = no limit",
        unit="s",
        group="Limits",
        minimum=0,
        example="15",
    )
    send_timeout_s: float = setting(
        60.0,
        "Longest time a client may take to read nothing of its answer; 0 = no limit",
        unit="s",
        group="Limits",
        minimum=0,
        example="20",
    )
    # buffers
    request_buffering: bool = setting(
        True, "Collect a request's body before a thread is taken", group="Buffers", example="off"
    )
    body_memory_bytes: int = setting(
        65536,
        "Part of a collected body kept in memory, the rest goes to a temporary file",
        unit="bytes",
        group="Buffers",
        minimum=0,
        example="1m",
    )
    send_buffer_bytes: int = setting(
        1024**2,
        "Answer kept for a slow client before the request's thread waits",
        unit="bytes",
        group="Buffers",
        minimum=1024,
        example="256k",
    )
    # answers
    relative_redirects: bool = setting(
        True,
        "sendRedirect sends a relative Location, as Tomcat does; off: an absolute URL",
        group="Answers",
        example="off",
    )
    # logs
    access_log: str = setting(
        "-",
        "Access log: a file, - for standard output, off",
        group="Logs",
        metavar="FILE",
        example="logs/access.log",
    )
    access_log_format: str = setting(
        "combined",
        "Format of the access log",
        choices=("common", "combined", "json"),
        group="Logs",
        example="json",
    )
    log: str = setting(
        "-",
        "Log of the container and the web apps: a file, - for standard error",
        group="Logs",
        metavar="FILE",
        example="logs/was.log",
    )
    log_level: str = setting(
        "info",
        "Least level that is logged",
        choices=("debug", "info", "warning", "error"),
        group="Logs",
        example="debug",
    )

    @property
    def records_requests(self) -> bool:
        """Whether the X-ray is on."""
        return self.dev if self.xray is None else self.xray

    @property
    def secure_port(self) -> int | None:
        """Where clients are sent who need TLS; None: nowhere."""
        return self.redirect_port or self.tls_port or None

    def __post_init__(self) -> None:
        """Check what a program wrote; what comes from load() has been checked, with its place, before."""
        for option in OPTIONS:
            value = getattr(self, option.name)
            try:
                checked = option.convert(value)
            except ValueError as e:
                raise ConfigError(f"{option.name}={value!r}: {e}") from None
            object.__setattr__(self, option.name, checked)


# Suffixes of numbers, by unit; bytes as nginx writes them.
_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SUFFIXES: Mapping[str, Mapping[str, float]] = {
    "bytes": _BYTES,
    "bytes/s": _BYTES,
    "s": {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600},
}
_NUMBER = re.compile(r"(-?(?:\d+(?:\.\d*)?|\.\d+))\s*([a-z]*)", re.IGNORECASE)
_SWITCH = {
    "on": True,
    "true": True,
    "yes": True,
    "1": True,
    "off": False,
    "false": False,
    "no": False,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Option:
    """One row of Settings, as people write it in a flag, a variable or a file, and read it in the help."""

    name: str
    type: str
    default: Any
    help: str
    group: str
    example: str
    unit: str
    minimum: int | float | None
    maximum: int | float | None
    choices: tuple[str, ...]
    pattern: str
    metavar: str

    @property
    def key(self) -> str:
        return self.name.replace("_", "-")

    @property
    def flag(self) -> str:
        return f"--{self.key}"

    @property
    def variable(self) -> str:
        return f"WAS_{self.name.upper()}"

    @property
    def kind(self) -> str:
        """What to write for it, in a word: the metavar of the flag."""
        if self.choices:
            return "|".join(self.choices)
        return self.metavar or _KINDS[self.type][0](self)

    def spell(self, value: object) -> str:
        """Write a value as a person would in a flag or a file; load() reads it back."""
        if value is None:
            return "auto" if self.type in ("int | None", "bool | None") else "none"
        if isinstance(value, tuple):
            return ", ".join(map(str, value)) or "none"
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, int | float):
            if self.unit in ("bytes", "bytes/s") and value:
                for suffix in ("g", "m", "k"):
                    if value % _BYTES[suffix] == 0:
                        return f"{value // _BYTES[suffix]}{suffix}"
            return f"{value:g}" if isinstance(value, float) else str(value)
        return str(value)

    def convert(self, value: object) -> object:
        """Turn text, or a value of the right type, into the setting's value; ValueError tells the cure."""
        converted = _KINDS[self.type][1](self, value)
        if self.choices and converted not in self.choices:
            raise ValueError(
                f"unknown; {_nearest(str(converted), self.choices)}write {' or '.join(self.choices)}"
            )
        if self.pattern and isinstance(converted, str) and not re.fullmatch(self.pattern, converted):
            raise ValueError(f"not of the form {self.pattern}; write for example {self.example}")
        if isinstance(converted, int | float):
            if self.minimum is not None and converted < self.minimum:
                raise ValueError(f"too small; the least is {self.spell(self.minimum)}")
            if self.maximum is not None and converted > self.maximum:
                raise ValueError(f"too large; the most is {self.spell(self.maximum)}")
        return converted


def _number(option: Option, value: object) -> float:
    suffixes = _SUFFIXES.get(option.unit, {"": 1})
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value.strip())):
        factor = suffixes.get(match[2].lower())
        value = float(match[1]) * factor if factor is not None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        unit = f" of {option.unit}" if option.unit else ""
        known = [s for s in suffixes if s]
        hint = f", also with {', '.join(known)}" if known else ""
        raise ValueError(f"not a number{unit}; write for example {option.example}{hint}")
    return float(value)


def _whole_number(option: Option, value: object) -> int:
    number = _number(option, value)
    if number != int(number):
        raise ValueError(f"not a whole number; write for example {option.example}")
    return int(number)


def _whole_number_or_auto(option: Option, value: object) -> int | None:
    if value is None or (isinstance(value, str) and value.strip().lower() == "auto"):
        return None
    return _whole_number(option, value)


def _switch(option: Option, value: object) -> bool:
    if isinstance(value, str):
        value = _SWITCH.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise ValueError("neither on nor off; write one of the two")
    return value


def _switch_or_auto(option: Option, value: object) -> bool | None:
    if value is None or (isinstance(value, str) and value.strip().lower() == "auto"):
        return None
    return _switch(option, value)


def _text(option: Option, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"not a text; write for example {option.example}")
    return value


def _text_or_none(option: Option, value: object) -> str | None:
    return None if value is None or value == "none" else _text(option, value)


def _path(option: Option, value: object) -> Path | None:
    if value is None and option.default is None:
        return None
    if isinstance(value, str) and value:
        return Path(value)
    if not isinstance(value, Path):
        raise ValueError(f"not a path; write for example {option.example}")
    return value


def _paths(option: Option, value: object) -> tuple[Path, ...]:
    if isinstance(value, str):
        value = [] if value.strip() in ("", "none") else re.split(r"\s*,\s*", value.strip())
    if not isinstance(value, list | tuple) or not all(isinstance(each, str | Path) for each in value):
        raise ValueError(f"not a list of paths; write for example {option.example}")
    return tuple(map(Path, value))


def _networks(option: Option, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [] if value.strip() in ("", "none") else re.split(r"\s*,\s*|\s+", value.strip())
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"not a list of networks; write for example {option.example}")
    if value:
        from ipaddress import ip_network  # rarely needed, and slow to load

        for item in value:
            if item == "unix:":
                continue
            try:
                ip_network(item)
            except ValueError as error:
                raise ValueError(f"{error}; write for example {option.example}") from None
    return tuple(value)


_METAVARS = {"bytes": "SIZE", "bytes/s": "SIZE", "s": "TIME"}
# How a field's type is named in the help, and how its values are read.
_KINDS: Mapping[str, tuple[Callable[[Option], str], Callable[[Option, object], object]]] = {
    "str": (lambda _: "TEXT", _text),
    "str | None": (lambda _: "TEXT", _text_or_none),
    "int": (lambda option: _METAVARS.get(option.unit, "NUMBER"), _whole_number),
    "int | None": (lambda _: "NUMBER|auto", _whole_number_or_auto),
    "float": (lambda option: "TIME" if option.unit == "s" else "NUMBER", _number),
    "bool": (lambda _: "on|off", _switch),
    "bool | None": (lambda _: "on|off|auto", _switch_or_auto),
    "Path": (lambda _: "PATH", _path),
    "Path | None": (lambda _: "PATH", _path),
    "tuple[Path, ...]": (lambda _: "PATHS", _paths),
    "tuple[str, ...]": (lambda _: "NETWORKS", _networks),
}


OPTIONS = tuple(
    Option(name=f.name, type=str(f.type), default=f.default, **f.metadata) for f in fields(Settings)
)
"""Every setting, in the order of the table."""


def load(
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    file: Path | None = None,
    defaults: Mapping[str, object] | None = None,
) -> Settings:
    """Put the settings together; the strongest place wins, and every wrong value anywhere is an error.

    flags has the names of Settings. Without file ./was.toml is read, if there is one. A relative path in a
    file is relative to the file's folder. defaults take the place of some of ours. Raises one ConfigError
    with a line for each mistake.
    """
    values: dict[str, object] = {**(defaults or {})}
    mistakes: list[str] = []

    def take(option: Option, value: object, place: str, folder: Path = Path()) -> None:
        try:
            converted = option.convert(value)
        except ValueError as e:
            mistakes.append(f"{place}: {e}.")
        else:
            if isinstance(converted, Path):
                converted = folder / converted
            elif isinstance(converted, tuple):
                converted = tuple(folder / item if isinstance(item, Path) else item for item in converted)
            values[option.name] = converted

    path = file or Path(DEFAULT_FILE)
    if file is not None or os.path.isfile(path):  # Path.is_file raises if this folder may not be entered
        for option, value, place in _read_file(path, mistakes):
            take(option, value, place, path.parent)
    for option in OPTIONS:
        if (text := environ.get(option.variable)) is not None:
            take(option, text, f"{option.variable}={text}")
    for option in OPTIONS:
        if (text := flags.get(option.name)) is not None:
            take(option, text, f"{option.flag} {text}")
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return Settings(**values)  # type: ignore[arg-type]  # convert() gives each field its type


def keep(fresh: Settings, running: Settings, names: Iterable[str]) -> tuple[Settings, list[str]]:
    """Return fresh with what is running under these names, and which of them fresh had otherwise."""
    kept = {name: getattr(running, name) for name in names}
    return replace(fresh, **kept), [name for name in kept if getattr(fresh, name) != kept[name]]


def misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """Say which variables are nearly those of a setting; others may be somebody else's."""
    known = {option.variable for option in OPTIONS}
    for name in environ:
        if name.startswith("WAS_") and name not in known:
            for near in difflib.get_close_matches(name, known, 1, cutoff=0.85):
                yield f"{name}: there is no such setting, so it does not count; did you mean {near}?"


def _read_file(path: Path, mistakes: list[str]) -> list[tuple[Option, object, str]]:
    """Read a was.toml: option, value and the place it was written at, for each key that is known."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read: {e.strerror}. Name a TOML file with --config.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8. Save it as UTF-8, as TOML asks.") from None
    except tomllib.TOMLDecodeError as e:
        line = re.search(r"at line (\d+)", str(e))
        place = f"{path}:{line[1]}" if line else str(path)
        cure = 'A setting is written key = value, a text in "quotes".'
        if "Cannot overwrite" in str(e):
            cure = "It is there twice: remove one."
        raise ConfigError(f"{place}: {e}. {cure}") from None
    known = {option.key: option for option in OPTIONS}
    found = []
    for key, value in content.items():
        place = f"{path}:{_line_of(key, text)}"
        if option := known.get(key.replace("_", "-")):
            shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
            found.append((option, value, f"{place}: {key} = {shown}"))
        elif isinstance(value, dict):
            cure = "Settings stand by themselves: remove this line, and keep those below it"
            mistakes.append(f"{place}: [{key}]: there are no tables here. {cure}.")
        else:
            cure = _nearest(key.replace("_", "-"), known) or "`was run --help` lists all; "
            mistakes.append(f"{place}: {key}: there is no such setting; {cure}remove it or correct it.")
    return found


def _line_of(key: str, text: str) -> int:
    """Return the line of a top-level key or table, which tomllib does not tell; 1 if not found."""
    written = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return next((i for i, line in enumerate(text.splitlines(), 1) if written.match(line)), 1)


def _nearest(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]}? " if near else ""
