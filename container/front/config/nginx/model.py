"""What an nginx configuration says, as frozen values: Config > Server > Location, groups, maps, log formats.

A Location is complete: whatever it does not say itself it has inherited already, so nobody looks upwards
while a request is answered. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from container.errors import Problem, Source
from container.front.compression import AS_IN_NGINX, Compression
from container.front.config.nginx.values import Pattern, Template, words
from container.front.health import HealthCheck
from container.front.site import ProxyLimits
from container.front.upstream import NextUpstream, UpstreamConfig

__all__ = [
    "AccessLog",
    "AddHeader",
    "Config",
    "CookieFlags",
    "ErrorPage",
    "Expires",
    "Group",
    "If",
    "Jump",
    "Listen",
    "Location",
    "LogFormat",
    "Map",
    "Operation",
    "PeerRule",
    "ProxyPass",
    "Replacement",
    "Return",
    "Rewrite",
    "Root",
    "Server",
    "SetVariable",
    "Sticky",
    "Test",
    "with_charset",
]  # fmt: skip

# --- what the rewrite module does, one after the other ------------------------------------------


@dataclass(frozen=True, slots=True)
class SetVariable:
    """set."""

    name: str
    value: Template


@dataclass(frozen=True, slots=True)
class Return:
    """text is the body, or where a redirect leads; None if only a status is given."""

    status: int
    text: Template | None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """args is what follows the first "?" of the replacement; None without one."""

    pattern: Pattern
    uri: Template
    args: Template | None
    keep_args: bool
    flag: Literal["", "last", "break", "redirect", "permanent"]


@dataclass(frozen=True, slots=True)
class Jump:
    """break."""


@dataclass(frozen=True, slots=True)
class Test:
    """The condition of an if. operator "": neither empty nor 0; "f", "d", "e", "x": the tests of files."""

    subject: Template
    operator: Literal["", "=", "~", "f", "d", "e", "x"]
    negated: bool = False
    value: Template | None = None
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class If:
    """location takes the place of the one around it, if the test succeeds."""

    test: Test
    operations: tuple[Operation, ...]
    location: Location | None


Operation = SetVariable | Return | Rewrite | Jump | If

# --- what holds at a place ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Root:
    """A document root. cut: how much of the path an alias takes the place of; None: the whole path is."""

    path: Template
    cut: int | None = 0
    is_alias: bool = False


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """overwrite: the status to answer instead; 0: that of the page; None: the error's."""

    status: int
    overwrite: int | None
    page: Template


@dataclass(frozen=True, slots=True)
class AddHeader:
    """add_header."""

    name: str
    value: Template
    always: bool


@dataclass(frozen=True, slots=True)
class Expires:
    """value: seconds, or a text with variables that says what the directive would."""

    value: Template
    modified: bool = False


@dataclass(frozen=True, slots=True)
class PeerRule:
    """allow or deny. network: as ipaddress reads it; "": everybody; "unix:": who comes through a socket."""

    allow: bool
    network: str


@dataclass(frozen=True, slots=True)
class LogFormat:
    """log_format."""

    line: Template
    escape: Literal["default", "json", "none"] = "default"


@dataclass(frozen=True, slots=True)
class AccessLog:
    """access_log."""

    file: Template
    format: LogFormat
    condition: Template | None = None


@dataclass(frozen=True, slots=True)
class ProxyPass:
    """Where a location sends its requests.

    upstream: the group's name; None where url has variables, and then says everything. uri: what takes the
    place of the location's name; None: the request target goes on as it is.
    """

    url: Template
    scheme: Literal["http", "https"]
    upstream: str | None
    host: str
    uri: str | None
    location: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """One rule: what takes the place of a beginning (a text), or of a whole value (a pattern)."""

    source: Template | Pattern
    target: Template

    @property
    def is_plain(self) -> bool:
        return isinstance(self.source, Template) and self.source.constant


@dataclass(frozen=True, slots=True)
class CookieFlags:
    """One proxy_cookie_flags. name: of cookies; flags: "secure", "nohttponly", "samesite=lax", ..."""

    name: Template | Pattern
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Everything that holds for a request at one place."""

    source: Source
    kind: Literal["server", "=", "", "^~", "~", "@", "if"] = "server"
    name: str = ""
    pattern: Pattern | None = None
    # found and left
    exact: Mapping[str, Location] = field(default_factory=dict)
    prefixes: tuple[Location, ...] = ()
    """The longest first; those marked ^~ among them."""
    regexes: tuple[Location, ...] = ()
    slashed: Mapping[str, Location] = field(default_factory=dict)
    """Those that answer their name without the slash at its end with a redirect: all that are proxied."""
    operations: tuple[Operation, ...] = ()
    internal: bool = False
    peers: tuple[PeerRule, ...] = ()
    # files
    root: Root = Root(Template("html", ("html",)))
    index: tuple[Template, ...] = (Template("index.html", ("index.html",)),)
    try_files: tuple[Template, ...] = ()
    """The last one is where to go; "=404" for a status."""
    types: Mapping[str, str] = field(
        default_factory=lambda: {"html": "text/html", "gif": "image/gif", "jpg": "image/jpeg"}
    )
    """By extension, without the charset."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """The same with the charset."""
    default_type: str = "text/plain"
    charset: str = ""
    charset_types: frozenset[str] = words(
        "text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml"
    )
    gzip_static: bool = False
    etag: bool = True
    # proxying
    proxy: ProxyPass | None = None
    set_headers: tuple[tuple[str, Template], ...] = ()
    hide_headers: frozenset[str] = frozenset()
    pass_headers: frozenset[str] = frozenset()
    redirects: tuple[Replacement, ...] | None = None
    """None: the default."""
    cookie_domains: tuple[Replacement, ...] = ()
    cookie_paths: tuple[Replacement, ...] = ()
    cookie_flags: tuple[CookieFlags, ...] = ()
    limits: ProxyLimits = field(default_factory=lambda: ProxyLimits(max_body_bytes=1024 * 1024))
    next_upstream: NextUpstream = field(default_factory=NextUpstream)
    method: Template | None = None
    pass_request_headers: bool = True
    pass_request_body: bool = True
    health_check: HealthCheck | None = None
    # answers
    error_pages: tuple[ErrorPage, ...] = ()
    recursive_error_pages: bool = False
    add_headers: tuple[AddHeader, ...] = ()
    expires: Expires | None = None
    absolute_redirect: bool = False
    server_name_in_redirect: bool = False
    port_in_redirect: bool = True
    max_body_bytes: int = 1024 * 1024
    gzip: bool = False
    compression: Compression = AS_IN_NGINX
    """How, where gzip is on."""
    logs: tuple[AccessLog, ...] = ()

    def __repr__(self) -> str:
        return f"<Location {self.kind} {self.name} {self.source}>"


def with_charset(location: Location, found: str) -> str:
    wants = location.charset and found in location.charset_types
    return f"{found}; charset={location.charset}" if wants else found


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on. host "": every one, IPv4; "::": IPv6. path: of a Unix socket, else ""."""

    host: str
    port: int
    path: str = ""
    ssl: bool = False
    default_server: bool = False
    backlog: int = 511
    reuse_port: bool = False
    ipv6_only: bool = True

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"{f'[{self.host}]' if ':' in self.host else self.host or '0.0.0.0'}:{self.port}"

    @property
    def address(self) -> tuple[str, int, str]:
        return self.host, self.port, self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """names: as they are written, regular expressions as Patterns."""

    source: Source
    names: tuple[str | Pattern, ...]
    listens: tuple[Listen, ...]
    location: Location
    named: Mapping[str, Location]
    merge_slashes: bool = True
    underscores_in_headers: bool = False
    certificates: tuple[tuple[str, str], ...] = ()
    """(certificate, key): names of PEM files."""
    tls_versions: tuple[str, str] = ("TLSv1.2", "TLSv1.3")
    """The oldest and the newest."""
    tls_ciphers: str | None = None
    rejects_handshake: bool = False

    @property
    def name(self) -> str:
        """$server_name: the first one; "" if there is none."""
        first = self.names[0] if self.names else ""
        return f"~{first.text}" if isinstance(first, Pattern) else first


@dataclass(frozen=True, slots=True)
class Sticky:
    """What binds a client to a server: routes are texts of which the first one that says something counts.

    cookie: the one that nginx sets itself, with its attributes; "": none.
    """

    routes: tuple[Template, ...]
    cookie: str = ""
    max_age_s: int | None = None
    attributes: tuple[Template, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An upstream block and what of it is not the balancer's affair.

    key: what a hash method takes. implicit: made by a proxy_pass that names a host instead of a group.
    """

    source: Source
    upstream: UpstreamConfig
    key: Template | None = None
    sticky: Sticky | None = None
    keepalive: int = 32
    keepalive_timeout_s: float = 60.0
    keepalive_requests: int = 1000
    implicit: bool = False


@dataclass(frozen=True, slots=True)
class Map:
    """A variable that depends on another text."""

    name: str
    subject: Template
    exact: Mapping[str, Template]
    patterns: tuple[tuple[Pattern, Template], ...]
    default: Template
    hostnames: Mapping[str, Template]
    """*.example.com and www.example.*, as they are written."""
    source: Source

    @property
    def texts(self) -> Iterator[Template]:
        """All that a value may depend on."""
        yield self.subject
        yield self.default
        yield from self.exact.values()
        yield from self.hostnames.values()
        yield from (value for _, value in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration that can be used. notes: what is known and has no effect, and warnings."""

    file: str
    servers: tuple[Server, ...]
    groups: Mapping[str, Group]
    maps: Mapping[str, Map]
    variables: frozenset[str]
    """Those that set and named captures give a value."""
    notes: tuple[Problem, ...] = ()
    worker_processes: int = 1
    """0: one for each processor (auto)."""
    worker_connections: int = 512
    worker_shutdown_timeout_s: float = 0.0
    checks: Mapping[str, HealthCheck] = field(default_factory=dict)
    """health_check, by the name of the upstream."""
    named: frozenset[str] = frozenset()
    """Which of these three the file says something about."""
    logs: Mapping[str, Source] = field(default_factory=dict)
    """Each access_log whose name is the same for every request, and where it is first named."""
    connection_settings: Mapping[str, object] = field(default_factory=dict)
    """Timeouts and limits of clients' connections, by the names of config.Settings."""

    @property
    def process_settings(self) -> Mapping[str, object]:
        """What the file says of processes and clients' connections, by the names of config.Settings."""
        values: dict[str, object] = {
            "worker_processes": self.worker_processes or None,
            "worker_connections": self.worker_connections,
            "graceful_shutdown_timeout_s": self.worker_shutdown_timeout_s,
        }
        directives = {"graceful_shutdown_timeout_s": "worker_shutdown_timeout"}
        named = {name: value for name, value in values.items() if directives.get(name, name) in self.named}
        return {**named, **self.connection_settings}

    @property
    def listens(self) -> tuple[Listen, ...]:
        """Where to listen, each address once. TLS, if one of its servers says so."""
        found: dict[tuple[str, int, str], Listen] = {}
        for server in self.servers:
            for listen in server.listens:
                known = found.setdefault(listen.address, listen)
                if (listen.ssl and not known.ssl) or listen.default_server:
                    found[listen.address] = replace(listen, ssl=listen.ssl or known.ssl)
        return tuple(found.values())

    def servers_of(self, listen: Listen) -> tuple[Server, ...]:
        """The servers of an address, the default one first: whose certificates it needs."""
        servers = [
            each for each in self.servers if any(one.address == listen.address for one in each.listens)
        ]

        def is_default(server: Server) -> bool:
            return any(one.default_server for one in server.listens if one.address == listen.address)

        return tuple(sorted(servers, key=lambda server: not is_default(server)))
