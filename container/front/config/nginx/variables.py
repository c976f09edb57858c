"""One request on its way through an nginx configuration, and the values of $variables for it.

    set, named captures  >  map  >  built in  >  $http_*, $arg_*, $cookie_*, $sent_http_*, $upstream_*

All text is made of the octets that came, as UTF-8 with surrogates for what is none: what a client sends comes
out again as it was. What depends on the answer is taken from facts, which are there when the answer is.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TypeVar

from container.front.config.nginx.model import Config, Location, Map, Root, Server
from container.front.config.nginx.values import words
from container.front.edits import on_one_line
from container.front.site import FrontRequest
from container.front.targets import split_absolute

_T = TypeVar("_T")

__all__ = [
    "MAX_CHANGES",
    "State",
    "from_header",
    "is_builtin",
    "is_late",
    "is_missing",
    "look_up_wildcard",
    "octets",
    "to_header",
]

MAX_CHANGES = 10
"""How often the path of a request may change; once more is a cycle."""


def octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def from_header(value: str) -> str:
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "surrogateescape")


def to_header(text: str) -> str:
    """Write a text as a field's value; what would end the field is escaped."""
    if text.isascii() and text.isprintable():
        return text
    text = on_one_line(text)
    return text if text.isascii() else octets(text).decode("latin-1")


class State:
    """What has become of a request so far. Belongs to the loop; one for each request."""

    __slots__ = (
        "args",
        "captures",
        "changes",
        "clock",
        "error_page",
        "error_status",
        "facts",
        "internal",
        "location",
        "location_valid",
        "maps",
        "merge_slashes",
        "method",
        "own_variables",
        "plus",
        "proxy_host",
        "quoted",
        "raw_path_valid",
        "request",
        "server",
        "target",
        "underscores_in_headers",
        "uri",
        "uri_changed",
    )  # fmt: skip

    def __init__(
        self,
        request: FrontRequest,
        server: Server,
        default_server: Server,
        config: Config,
        clock: Callable[[], float],
    ) -> None:
        self.request = request
        self.server = server
        self.merge_slashes = default_server.merge_slashes
        self.underscores_in_headers = default_server.underscores_in_headers
        self.location: Location = server.location
        self.maps = config.maps
        self.own_variables = config.variables
        self.clock = clock
        self.method = request.exchange.method
        _, target = split_absolute(request.exchange.target)
        self.target = target.partition(b"#")[0].decode("utf-8", "surrogateescape")
        path, _, self.args = self.target.partition("?")
        self.quoted = "%" in path
        """Whether the path had escapes, so that it needs some again when it is sent."""
        self.plus = "+" in path
        self.uri = request.path
        self.captures: tuple[str | None, ...] = ()
        self.changes = MAX_CHANGES + 1
        self.error_page = False
        self.error_status: int | None = None
        """The status that an error page is answered with; 0: its own."""
        self.internal = False
        self.uri_changed = False
        self.raw_path_valid = True
        """Whether the request target still says where the request goes."""
        self.location_valid = True
        """Whether uri still begins with the location's name."""
        self.proxy_host = ""
        self.facts: Mapping[str, str] = {}

    def capture(self, match: re.Match[str]) -> None:
        self.captures = (match[0], *match.groups())
        for name, value in match.groupdict().items():
            self.request.variables[name.lower()] = value or ""

    def header(self, name: str) -> str | None:
        value = self.request.headers.get(name)
        return None if value is None else from_header(value)

    def variable(self, name: str) -> str | None:
        """The value of $name, given in lower case; None if it has none."""
        value = self.request.variables.get(name)
        if value is not None:
            return value
        if name in self.maps:
            return self._map(self.maps[name])
        if builtin := _BUILTIN.get(name):
            return builtin(self)
        for prefix, read in _PREFIXES.items():
            if name.startswith(prefix):
                return read(self, name.removeprefix(prefix))
        if name in self.own_variables:
            return ""  # it has not been set yet
        return self.facts.get(name) or None

    def _map(self, table: Map) -> str:
        subject = table.subject(self)
        key = subject.lower()
        found = table.exact.get(key)
        if found is None and table.hostnames:
            found = look_up_wildcard(table.hostnames, key)
        if found is None:
            for pattern, value in table.patterns:
                if match := pattern.regex.search(subject):
                    self.capture(match)
                    return value(self)
            found = table.default
        return found(self)

    def file(self, uri: str) -> str:
        """The name of the file that uri means at this location."""
        root = self.location.root
        return self.folder(root) + (
            uri if not root.is_alias else uri[root.cut :] if root.cut is not None else ""
        )

    def folder(self, root: Root) -> str:
        return root.path(self)

    @property
    def request_line(self) -> str:
        exchange = self.request.exchange
        target = exchange.target.decode("utf-8", "surrogateescape")
        return f"{exchange.method} {target} {exchange.version}"


def look_up_wildcard(table: Mapping[str, _T], name: str) -> _T | None:
    """Find the longest *.end (.end means end itself, too), else the longest that ends in .* and begins so."""
    if (found := table.get(f".{name}")) is not None:
        return found
    rest = name
    while rest:
        _, dot, rest = rest.partition(".")
        if dot:
            for key in (f"*.{rest}", f".{rest}"):
                if (found := table.get(key)) is not None:
                    return found
    rest = name
    while "." in rest:
        rest = rest.rpartition(".")[0]
        if (found := table.get(f"{rest}.*")) is not None:
            return found
    return None


# --- what is built in ---------------------------------------------------------------------------


def _remote_user(state: State) -> str | None:
    scheme, _, credentials = (state.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name = base64.b64decode(credentials.strip(), validate=True).decode("utf-8", "surrogateescape")
    except binascii.Error:
        return None
    return name.partition(":")[0] or None


def _forwarded_for(state: State) -> str:
    before = state.header("x-forwarded-for")
    peer = state.request.exchange.connection.peer[0]
    return f"{before}, {peer}" if before else peer


def _tls(key: str) -> Callable[[State], str | None]:
    def read(state: State) -> str | None:
        value = (state.request.exchange.connection.tls or {}).get(key)
        return None if value is None else str(value)

    return read


def _request_id(state: State) -> str:
    return state.request.variables.setdefault("request_id", uuid.uuid4().hex)


def _local_time(state: State, form: str) -> str:
    return time.strftime(form, time.localtime(state.clock()))


def _iso8601(state: State) -> str:
    text = _local_time(state, "%Y-%m-%dT%H:%M:%S%z")
    return f"{text[:-2]}:{text[-2:]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _time_local(state: State) -> str:
    now = time.localtime(state.clock())
    month = _MONTHS[now.tm_mon - 1]
    return time.strftime(f"%d/{month}/%Y:%H:%M:%S %z", now)


def _packed_address(state: State) -> str:
    peer = state.request.exchange.connection.peer[0]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, peer).decode("utf-8", "surrogateescape")
        except OSError:
            continue
    return ""


_BUILTIN: Mapping[str, Callable[[State], str | None]] = {
    "args": lambda s: s.args,
    "query_string": lambda s: s.args,
    "is_args": lambda s: "?" if s.args else "",
    "uri": lambda s: s.uri,
    "document_uri": lambda s: s.uri,
    "request_uri": lambda s: s.target,
    "request": lambda s: s.request_line,
    "request_method": lambda s: s.method,
    "request_filename": lambda s: s.file(s.uri),
    "document_root": lambda s: s.folder(s.location.root),
    "realpath_root": lambda s: os.path.realpath(s.folder(s.location.root)),
    "request_id": _request_id,
    "scheme": lambda s: s.request.scheme,
    "https": lambda s: "on" if s.request.scheme == "https" else "",
    "host": lambda s: s.request.host.removesuffix(".") or s.server.name,
    "hostname": lambda s: socket.gethostname(),
    "server_name": lambda s: s.server.name,
    "server_addr": lambda s: s.request.exchange.connection.local[0],
    "server_port": lambda s: str(s.request.exchange.connection.local[1] or ""),
    "server_protocol": lambda s: s.request.exchange.version,
    "remote_addr": lambda s: s.request.exchange.connection.peer[0] or "unix:",
    "binary_remote_addr": _packed_address,
    "remote_port": lambda s: str(s.request.exchange.connection.peer[1] or ""),
    "remote_user": _remote_user,
    "connection": lambda s: s.request.exchange.connection.id,
    "content_type": lambda s: s.header("content-type"),
    "content_length": lambda s: s.header("content-length"),
    "proxy_add_x_forwarded_for": _forwarded_for,
    "proxy_host": lambda s: s.proxy_host,
    "proxy_port": lambda s: s.proxy_host.rpartition(":")[2] if ":" in s.proxy_host else "80",
    "msec": lambda s: f"{s.clock():.3f}",
    "time_local": _time_local,
    "time_iso8601": _iso8601,
    "pid": lambda s: str(os.getpid()),
    "pipe": lambda s: ".",
    "limit_rate": lambda s: "0",
    "nginx_version": lambda s: "1.22.1",
    "realip_remote_addr": lambda s: s.request.exchange.connection.peer[0] or "unix:",
    "http2": lambda s: "",
    "ssl_client_verify": lambda s: "NONE" if s.request.scheme == "https" else None,
    "ssl_server_name": lambda s: s.request.host if s.request.scheme == "https" else None,
    "ssl_protocol": _tls("secure_protocol"),
    "ssl_cipher": _tls("cipher_suite"),
    "ssl_session_id": _tls("ssl_session_id"),
}  # fmt: skip

# Those that are known when the answer is; the front tells them by these names.
_LATE = words(
    "status body_bytes_sent bytes_sent request_time request_length request_completion "
    "connection_requests connection_time upstream_addr upstream_status upstream_response_time "
    "upstream_connect_time upstream_header_time upstream_bytes_sent upstream_bytes_received "
    "upstream_response_length upstream_cache_status upstream_queue_time gzip_ratio"
)
_LATE_PREFIXES = ("sent_http_", "upstream_http_", "upstream_cookie_")


def _argument(state: State, name: str) -> str | None:
    for pair in state.args.split("&"):
        key, equals, value = pair.partition("=")
        if equals and key.lower() == name:
            return value
    return None


def _cookie(state: State, name: str) -> str | None:
    for pair in (state.header("cookie") or "").split(";"):
        key, equals, value = pair.strip().partition("=")
        if equals and key.strip().lower() == name:
            return value.strip()
    return None


_PREFIXES: Mapping[str, Callable[[State, str], str | None]] = {
    "http_": lambda s, name: s.header(name.replace("_", "-")),
    "arg_": _argument,
    "cookie_": _cookie,
}


# Those that nginx has, of modules or at moments that there are not here.
_MISSING = words(
    "request_body request_body_file date_local date_gmt invalid_referer secure_link uid_got uid_set"
)
_MISSING_PREFIXES = (
    "ssl_",
    "geoip_",
    "proxy_protocol_",
    "realip_",
    "tcpinfo_",
    "upstream_trailer_",
    "jwt_",
    "http3",
)


def is_missing(name: str) -> bool:
    """Whether nginx has a variable that this front does not have."""
    return not is_builtin(name) and (name in _MISSING or name.startswith(_MISSING_PREFIXES))


def is_late(name: str) -> bool:
    """Whether a variable is known only when the answer is."""
    return name in _LATE or name.startswith(_LATE_PREFIXES)


def is_builtin(name: str) -> bool:
    name = name.lower()
    return name in _BUILTIN or is_late(name) or name.startswith(tuple(_PREFIXES))
