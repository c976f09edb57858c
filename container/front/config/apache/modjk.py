"""Read workers.properties, as mod_jk does.

    text ──parse──> Property ... ──read_workers──> Workers: AjpWorker, LbWorker, StatusWorker

A property sets a worker's directive or a variable. What mod_jk refuses is a ConfigError with file:line; what
it takes without effect is a Problem with the severity "warning".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from container.errors import ConfigError, Problem, Source
from container.front.balancer import Address
from container.front.config.mistakes import Mistakes
from container.front.jk import Activation, LbConfig, Method, WorkerConfig

__all__ = [
    "AjpWorker",
    "LbWorker",
    "Property",
    "StatusWorker",
    "Workers",
    "parse",
    "read_workers",
    "read_workers_file",
    "split_list",
    "to_bool",
    "to_int",
]


@dataclass(frozen=True, slots=True)
class Property:
    """One line ``name = value``."""

    name: str
    value: str
    source: Source


@dataclass(frozen=True, slots=True)
class AjpWorker:
    """One container: how it is chosen (config) and how it is spoken to. Times are seconds, 0: no limit."""

    config: WorkerConfig
    secret: str | None = None
    connect_timeout_s: float = 0.0
    socket_timeout_s: float = 0.0
    reply_timeout_s: float = 0.0
    connect_ping_s: float = 0.0
    """How long the answer to the ping after a connect may take; 0: no such ping."""
    request_ping_s: float = 0.0
    """The same before each request."""
    pool_size: int = 0
    """0: as many as there are threads."""
    pool_timeout_s: float = 0.0
    acquire_timeout_s: float = 0.0
    max_packet_size: int = 8192
    source: Source | None = None

    @property
    def name(self) -> str:
        return self.config.name


@dataclass(frozen=True, slots=True)
class LbWorker:
    """Several containers of which one is chosen."""

    config: LbConfig
    members: tuple[AjpWorker, ...]
    session_cookie: str = "JSESSIONID"
    session_path: str = ";jsessionid"
    set_session_cookie: bool = False
    session_cookie_path: str = "/"
    source: Source | None = None

    @property
    def name(self) -> str:
        return self.config.name


@dataclass(frozen=True, slots=True)
class StatusWorker:
    """The page that shows the others."""

    name: str
    read_only: bool = False
    users: tuple[str, ...] = ()
    prefix: str = "worker"
    css: str = ""
    source: Source | None = None


Worker = AjpWorker | LbWorker | StatusWorker


@dataclass(frozen=True, slots=True)
class Workers:
    """What a workers.properties says.

    mounted: the workers of worker.list, the only ones that a JkMount can name; members need not be there.
    mounts: (pattern, worker) of the mount directives.
    """

    mounted: Mapping[str, Worker]
    maintain_s: int = 60
    mounts: tuple[tuple[str, str, Source], ...] = ()
    problems: tuple[Problem, ...] = ()


# --- the file ----------------------------------------------------------------------------------


def parse(text: str, file: str, mistakes: Mistakes, first: int = 1) -> list[Property]:
    """Cut lines into properties. "#" begins a comment anywhere in a line, in a value as well.

    first: the number of the first line.
    """
    found = []
    for number, line in enumerate(text.split("\n"), first):
        name, equals, value = line.partition("#")[0].partition("=")
        if name.strip() and equals:
            found.append(Property(name.strip(), value.strip(), Source(file, number, 1)))
        elif name.strip():
            mistakes.add(
                Source(file, number, 1),
                f"{name.strip()!r} has no value",
                f"Write {name.strip()}=..., or put # before it",
            )
    return found


def split_list(value: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^,\s]+", value))


_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}


def to_int(value: str, source: Source, what: str) -> int:
    """Read a number; k and m multiply by 1024 and 1048576, also where the unit is seconds."""
    if match := re.fullmatch(r"([+-]?[0-9]+)([km]?)", value, re.IGNORECASE):
        return int(match[1]) * _UNITS[match[2].lower()]
    raise ConfigError(f"{source}: {what}={value} is not a number. Write digits, with k or m behind them.")


def to_bool(value: str, default: bool) -> bool:
    """Read a switch; what is neither on nor off means the default."""
    text = value.lower()
    if text in ("off", "0") or text[:1] in ("f", "n"):
        return False
    if text in ("on", "1") or text[:1] in ("t", "y"):
        return True
    return default


# --- directives --------------------------------------------------------------------------------

_RENAMED = {
    "balanced_workers": "balance_workers",
    "jvm_route": "route",
    "cachesize": "connection_pool_size",
    "cache_timeout": "connection_pool_timeout",
    "recycle_timeout": "connection_pool_timeout",
    "disabled": "activation",
    "stopped": "activation",
}
_LISTS = frozenset({"balance_workers", "mount", "user", "good", "bad", "fail_on_status"})


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_AJP = _names("""
    host port source socket_timeout socket_connect_timeout socket_keepalive socket_buffer ping_mode
    ping_timeout connect_timeout prepost_timeout connection_ping_interval connection_pool_size
    connection_pool_minsize connection_pool_timeout connection_acquire_timeout reply_timeout retries
    retry_interval recovery_options fail_on_status busy_limit max_packet_size secret prefer_ipv6 mount
    lbfactor route domain distance redirect activation
""")
_LB = _names("""
    balance_workers sticky_session sticky_session_force method lock retries retry_interval lb_retries
    recover_time error_escalation_time max_reply_timeouts session_cookie session_path set_session_cookie
    session_cookie_path secret max_packet_size mount
""")
_STATUS = _names("css read_only user user_case_insensitive good bad prefix ns xmlns doctype mount")
_KNOWN = _AJP | _LB | _STATUS | {"type", "reference", *_RENAMED}

_WITHOUT_EFFECT = {
    "source": "connections leave from the address that the system chooses",
    "socket_keepalive": "idle connections are watched",
    "socket_buffer": "buffers are the connection's own affair",
    "connection_ping_interval": "idle connections are watched, so a dead one is noticed at once",
    "connection_pool_minsize": "idle connections are closed when they have timed out",
    "prefer_ipv6": "names are resolved in the order of the system",
    "lock": "the counters of a process are changed by one thread",
    "ns": "the status page has one form",
    "xmlns": "the status page has one form",
    "doctype": "the status page has one form",
    "good": "the status page has one form",
    "bad": "the status page has one form",
}


class _Worker:
    """The properties of one worker, with those that it refers to."""

    def __init__(self, name: str, values: dict[str, Property]) -> None:
        self.name = name
        self.values = values

    @property
    def source(self) -> Source | None:
        return next((item.source for item in self.values.values()), None)

    def text(self, name: str, default: str = "") -> str:
        return self.values[name].value if name in self.values else default

    def number(self, name: str, default: int = 0) -> int:
        if name not in self.values:
            return default
        item = self.values[name]
        return to_int(item.value, item.source, item.name)

    def switch(self, name: str, default: bool) -> bool:
        return to_bool(self.text(name), default)

    def list(self, name: str) -> tuple[str, ...]:
        return split_list(self.text(name))


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.variables: dict[str, str] = {}
        self.names: list[str] = []
        self.maintain_s = 60
        self.own: dict[str, dict[str, Property]] = {}
        self.problems: list[Problem] = []
        self.listed = False
        self.refused: set[str] = set()
        """Workers with a line that cannot be read, of which less is known than the file says."""

    def add(self, item: Property) -> None:
        item = Property(item.name, self._substitute(item.value), item.source)
        if not item.name.startswith("worker."):
            self.variables[item.name] = item.value
        elif item.name == "worker.list":
            self.listed = True
            self.names += (name for name in split_list(item.value) if name not in self.names)
        elif item.name == "worker.maintain":
            self.maintain_s = max(1, to_int(item.value, item.source, item.name))
        else:
            self._add_directive(item)

    def _substitute(self, value: str) -> str:
        def of(match: re.Match[str]) -> str:
            return self.variables.get(match[1], self.environ.get(match[1], match[0]))

        return re.sub(r"\$\(([^)]*)\)", of, value)

    def _add_directive(self, item: Property) -> None:
        match = re.fullmatch(r"worker\.([A-Za-z0-9_-]+)\.([a-z0-9_]+)", item.name)
        if match is None:
            raise ConfigError(
                f"{item.source}: {item.name!r} is neither worker.list nor a worker's directive. "
                "Write worker.<name>.<directive>; names have letters, digits, _ and -."
            )
        worker, directive = match.groups()
        if directive not in _KNOWN:
            self.refused.add(worker)
            near = get_close_matches(directive, _KNOWN, 1)
            raise ConfigError(
                f"{item.source}: a worker has no directive {directive!r}. "
                + (f"Did you mean {near[0]}?" if near else "Remove it: mod_jk does not start with it either.")
            )
        if directive in ("disabled", "stopped"):
            if not to_bool(item.value, False):
                return
            item = Property(item.name, directive, item.source)
        directive = _RENAMED.get(directive, directive)
        if directive in _WITHOUT_EFFECT:
            self.warn(item, f"{directive} has no effect here: {_WITHOUT_EFFECT[directive]}")
        values = self.own.setdefault(worker, {})
        if directive in values and directive in _LISTS:
            item = Property(item.name, f"{values[directive].value} {item.value}", item.source)
        elif directive in values:
            self.warn(item, f"{item.name} is written again, this line counts", "Remove one of the two.")
        values[directive] = item

    def warn(self, item: Property, message: str, cure: str = "") -> None:
        self.problems.append(Problem(item.source, message, cure, "warning", code="WAS822"))

    def resolve(self, name: str) -> _Worker:
        """The properties of a worker: its own, then those of the worker it refers to, and so on."""
        values = dict(self.own.get(name, {}))
        reference = values.get("reference")
        for _ in range(20):
            if reference is None:
                break
            target = reference.value.removeprefix("worker.")
            if target == reference.value or target not in self.own:
                raise ConfigError(
                    f"{reference.source}: {reference.name}={reference.value} names no worker of this file. "
                    "Write reference=worker.<name> with a name that has directives here."
                )
            more = self.own[target]
            values = {**more, **values}
            reference = more.get("reference")
        else:
            if reference is not None:
                raise ConfigError(f"{reference.source}: more than 20 references in a row. Is there a circle?")
        return _Worker(name, values)

    def build(self, name: str, member_of: str = "") -> Worker:
        worker = self.resolve(name)
        kind = worker.text("type", "ajp13").lower()
        if kind == "ajp14":
            self.warn(worker.values["type"], "ajp14 is obsolete and means ajp13", "Write ajp13.")
            kind = "ajp13"
        if kind == "ajp13":
            return self._ajp(worker)
        if kind in ("lb", "status") and member_of:
            item = worker.values["type"]
            raise ConfigError(
                f"{item.source}: {name} is of type {kind} and cannot be balanced by {member_of}. "
                "Name workers of type ajp13."
            )
        if kind == "lb":
            return self._lb(worker)
        if kind == "status":
            return StatusWorker(
                name,
                worker.switch("read_only", False),
                worker.list("user"),
                worker.text("prefix", "worker"),
                worker.text("css"),
                worker.source,
            )
        item = worker.values["type"]
        raise ConfigError(
            f"{item.source}: there is no worker type {item.value!r}. Write ajp13, lb or status."
        )

    def _ajp(self, worker: _Worker) -> AjpWorker:
        host, port = worker.text("host", "localhost"), worker.number("port", 8009)
        if host.count(":") == 1:
            self.warn(
                worker.values["host"],
                f"host={host} cannot be resolved, so {worker.name} is never contacted",
                f"Write host={host.partition(':')[0]} and port={host.partition(':')[2]}.",
            )
            port = 0
        mode = worker.text("ping_mode").upper()
        ping_ms = worker.number("ping_timeout", 10000)
        connect_ms = worker.number("connect_timeout", ping_ms if set(mode) & {"C", "A"} else 0)
        prepost_ms = worker.number("prepost_timeout", ping_ms if set(mode) & {"P", "A"} else 0)
        socket_s = max(0, worker.number("socket_timeout"))
        retries = max(1, worker.number("retries", 2))
        interval_ms = worker.number("retry_interval", 100)
        activation = _activation(worker.text("activation"))
        return AjpWorker(
            WorkerConfig(
                worker.name,
                Address("ajp", host, port),
                lbfactor=max(1, worker.number("lbfactor", 1)),
                route=worker.text("route", worker.name),
                domain=worker.text("domain"),
                distance=worker.number("distance"),
                redirect=worker.text("redirect"),
                activation=activation if port > 0 else Activation.STOPPED,
                retries=retries,
                retry_interval_s=interval_ms / 1000,
                recovery_options=worker.number("recovery_options"),
                fail_on_status=tuple(
                    to_int(code, worker.values["fail_on_status"].source, "fail_on_status")
                    for code in worker.list("fail_on_status")
                ),
                busy_limit=worker.number("busy_limit"),
            ),
            secret=worker.text("secret") or None,
            connect_timeout_s=max(0, worker.number("socket_connect_timeout", socket_s * 1000)) / 1000,
            socket_timeout_s=float(socket_s),
            reply_timeout_s=max(0, worker.number("reply_timeout")) / 1000,
            connect_ping_s=max(0, connect_ms) / 1000,
            request_ping_s=max(0, prepost_ms) / 1000,
            pool_size=max(0, worker.number("connection_pool_size")),
            pool_timeout_s=float(max(0, worker.number("connection_pool_timeout"))),
            acquire_timeout_s=worker.number("connection_acquire_timeout", retries * interval_ms) / 1000,
            max_packet_size=min(65536, max(8192, -(-worker.number("max_packet_size", 8192) // 1024) * 1024)),
            source=worker.source,
        )

    def _lb(self, worker: _Worker) -> LbWorker:
        names = worker.list("balance_workers")
        if not names and worker.name not in self.refused:
            raise ConfigError(
                f"{worker.source}: {worker.name} balances nobody. "
                f"Write worker.{worker.name}.balance_workers=<name>,<name>."
            )
        members: list[AjpWorker] = []
        for name in dict.fromkeys(names):
            if name not in self.own:
                self.warn(
                    worker.values["balance_workers"],
                    f"{worker.name} balances {name!r}, which is not described: it means localhost:8009",
                    f"Write worker.{name}.host and worker.{name}.port, or correct the name.",
                )
            member = self.build(name, member_of=worker.name)
            assert isinstance(member, AjpWorker)
            route = member.config.route
            if twin := next((each for each in members if each.config.route == route), None):
                raise ConfigError(
                    f"{member.source or worker.source}: {twin.name} and {member.name} of {worker.name} have "
                    f"the same route {route!r}, so a session would not say whose it is. "
                    "Give each its own route, the jvmRoute of its container."
                )
            if member.secret is None and worker.text("secret"):
                member = replace(member, secret=worker.text("secret"))
            members.append(member)
        routes = {member.config.route for member in members}
        for member in members:
            if member.config.redirect and member.config.redirect not in routes:
                self.problems.append(
                    Problem(
                        member.source,
                        f"{member.name} is redirected to {member.config.redirect!r}, the route of no "
                        f"member of {worker.name}",
                        f"Name one of {', '.join(sorted(routes))}.",
                        "warning",
                        code="WAS822",
                    )
                )
        method = worker.text("method").upper()[:1]
        recover_s = max(1, worker.number("recover_time", 60))
        config = LbConfig(
            worker.name,
            tuple(member.config for member in members),
            method=_METHODS.get(method, "R"),
            sticky_session=worker.switch("sticky_session", True),
            sticky_session_force=worker.switch("sticky_session_force", False),
            retries=max(1, worker.number("retries", 2)),
            retry_interval_s=worker.number("retry_interval", 100) / 1000,
            lb_retries=max(1, worker.number("lb_retries", 2)),
            recover_time_s=recover_s,
            error_escalation_time_s=worker.number("error_escalation_time", recover_s // 2),
            max_reply_timeouts=worker.number("max_reply_timeouts"),
            maintain_s=self.maintain_s,
        )
        return LbWorker(
            config,
            tuple(members),
            session_cookie=worker.text("session_cookie", "JSESSIONID"),
            session_path=worker.text("session_path", ";jsessionid"),
            set_session_cookie=worker.switch("set_session_cookie", False),
            session_cookie_path=worker.text("session_cookie_path", "/"),
            source=worker.source,
        )


_METHODS: Mapping[str, Method] = {"R": "R", "S": "S", "N": "N", "T": "T", "B": "B"}


def _activation(text: str) -> Activation:
    letters = {"D": Activation.DISABLED, "S": Activation.STOPPED}
    return letters.get(text.upper()[:1], Activation.ACTIVE)


def read_workers(
    properties: Iterable[Property], mistakes: Mistakes, environ: Mapping[str, str] = os.environ
) -> Workers:
    """Make workers of properties. Raises BadConfiguration where mod_jk would not start.

    mistakes: those of the lines that are not among the properties.
    """
    reader = _Reader(environ)
    for item in properties:
        with mistakes.kept():
            reader.add(item)
    mounted: dict[str, Worker] = {}
    mounts: list[tuple[str, str, Source]] = []
    for name in reader.names if reader.listed else ["ajp13"]:
        with mistakes.kept():
            mounted[name] = reader.build(name)
        if mount := reader.own.get(name, {}).get("mount"):
            mounts += ((pattern, name, mount.source) for pattern in split_list(mount.value))
    mistakes.tell(reader.problems)
    return Workers(mounted, reader.maintain_s, tuple(mounts), tuple(reader.problems))


def read_workers_file(path: Path, environ: Mapping[str, str] = os.environ) -> Workers:
    try:
        text = path.read_text("latin-1")
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}. JkWorkersFile names a file that can be read."
        ) from error
    mistakes = Mistakes("WAS821")
    return read_workers(parse(text, str(path), mistakes), mistakes, environ)
