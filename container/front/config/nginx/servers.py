"""Read nginx's http block: its servers with their addresses and names, maps and log formats."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from container.errors import Source
from container.front.config.mistakes import BadDirective
from container.front.config.nginx import values
from container.front.config.nginx.directives import SPEAKS_HTTP_1
from container.front.config.nginx.locations import LocationReader
from container.front.config.nginx.model import Listen, Location, LogFormat, Map, Root, Server
from container.front.config.nginx.reader import Notebook
from container.front.config.nginx.syntax import Directive
from container.front.config.nginx.upstreams import Resolve, UpstreamReader, split_port
from container.front.config.nginx.values import Pattern, Template, template
from container.front.health import HealthCheck
from container.mpm.tls import MIN_VERSIONS

__all__ = ["HttpReader"]


class HttpReader:
    """Reads one http block."""

    def __init__(self, notebook: Notebook, resolve: Resolve) -> None:
        self.servers: list[Server] = []
        self.maps: dict[str, Map] = {}
        self.settings: dict[str, object] = {}
        """Of connections of clients, by the names of config.Settings."""
        self.checks: dict[str, HealthCheck] = {}
        self.upstreams = UpstreamReader(notebook, resolve)
        self._formats: dict[str, LogFormat] = {}
        self._notebook = notebook

    def read(self, http: Directive) -> None:
        block = http.block or ()
        # What others name comes first, wherever it stands.
        early = {"log_format": self._log_format, "map": self._map, "upstream": self.upstreams.read}
        for directive in block:
            if handler := early.get(directive.name):
                self._notebook.attempt(handler, directive)
        reader = self._locations(http.source)
        root = Root(template(f"{self._notebook.prefix}/html"))
        switches: dict[str, Any] = {}
        own = {**self._switches(switches), **dict.fromkeys(_OF_CONNECTIONS, self._of_connections)}
        everywhere, _ = reader.read(block, Location(source=http.source, root=root), own)
        for directive in block:
            if directive.name == "server":
                self._notebook.attempt(lambda found: self._server(found, everywhere, switches), directive)
        self._check_addresses()

    def _locations(self, source: Source) -> LocationReader:
        def group_of(scheme: str, host: str) -> str:
            return self.upstreams.group_of(scheme, host, source)

        return LocationReader(self._notebook, self._formats, group_of, self.checks)

    def _of_connections(self, directive: Directive) -> None:
        """What the connector is told before anybody knows which server is meant."""
        name, first = directive.name, directive.args[0]
        match name:
            case "large_client_header_buffers":
                size = values.size(directive.args[1])
                self.settings["max_request_line_bytes"] = size
                self.settings["max_header_bytes"] = values.number(first) * size
            case "keepalive_requests":
                self.settings["max_keepalive_requests"] = max(1, values.number(first))
            case "keepalive_timeout" if not values.seconds(first):
                self.settings["max_keepalive_requests"] = 1
            case _:
                self.settings[_OF_CONNECTIONS[name]] = values.seconds(first)

    # --- server ---------------------------------------------------------------------------------

    def _server(self, directive: Directive, everywhere: Location, above: Mapping[str, Any]) -> None:
        names: list[str | Pattern] = []
        listens: list[Listen] = []
        switches = dict(above)
        files: dict[str, list[str]] = {"ssl_certificate": [], "ssl_certificate_key": []}

        def server_name(found: Directive) -> None:
            names.extend(self._name(name) for name in found.args)

        def listen(found: Directive) -> None:
            for parameter in sorted({"http2", "quic"}.intersection(found.args[1:])):
                self._notebook.note(
                    found.source, f'"listen ... {parameter}" has no effect here: {SPEAKS_HTTP_1}'
                )
            for new in _listens(found):
                if any(new.address == known.address for known in listens):
                    raise BadDirective(f"a duplicate listen {new}", "Keep one of them")
                listens.append(new)

        def pem(found: Directive) -> None:
            path = self._notebook.path(found.args[0], found.source)
            if not path.constant:
                raise BadDirective(f'"{found}" is not supported', "Name a file without variables")
            files[found.name].append(path.text)

        own = {
            **self._switches(switches),
            "server_name": server_name,
            "listen": listen,
            "ssl_certificate": pem,
            "ssl_certificate_key": pem,
        }
        inherited = replace(everywhere, source=directive.source, operations=())
        location, named = self._locations(directive.source).read(directive.block or (), inherited, own)
        certificates, keys = files["ssl_certificate"], files["ssl_certificate_key"]
        if len(certificates) != len(keys):
            raise BadDirective(
                "each ssl_certificate needs an ssl_certificate_key", "Write the two one after the other"
            )
        if any(found.ssl for found in listens) and not (certificates or switches.get("rejects_handshake")):
            raise BadDirective(
                'no "ssl_certificate" is defined for the "listen ... ssl" directive',
                "Write ssl_certificate and ssl_certificate_key",
            )
        self.servers.append(
            Server(
                source=directive.source,
                names=tuple(names),
                listens=tuple(listens) or (Listen("", 80),),
                location=location,
                named=named,
                certificates=tuple(zip(certificates, keys, strict=True)),
                **switches,
            )
        )

    def _switches(self, target: dict[str, Any]) -> dict[str, Any]:
        """Directives of http and server that are not about a place."""

        def protocols(directive: Directive) -> None:
            if unknown := set(directive.args) - _PROTOCOLS:
                raise BadDirective(
                    f'invalid value "{min(unknown)}"', f"There are {', '.join(sorted(_PROTOCOLS))}"
                )
            offered = sorted(set(directive.args) & MIN_VERSIONS.keys())
            if not offered:
                raise BadDirective(
                    f'"{directive}" is not supported', "Add TLSv1.2 or TLSv1.3: older ones are broken"
                )
            if len(offered) < len(set(directive.args)):
                self._notebook.note(
                    directive.source, "of ssl_protocols only TLSv1.2 and TLSv1.3 are offered here"
                )
            target["tls_versions"] = (offered[0], offered[-1])

        def ciphers(directive: Directive) -> None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(directive.args[0])
            except ssl.SSLError:
                raise BadDirective(
                    f'"{directive}": there is none of them', "Write a list as `openssl ciphers` takes it"
                ) from None
            target["tls_ciphers"] = directive.args[0]

        return {
            **{
                name: lambda directive, name=name: target.__setitem__(name, values.flag(directive.args[0]))
                for name in ("merge_slashes", "underscores_in_headers")
            },
            "ssl_reject_handshake": lambda directive: target.__setitem__(
                "rejects_handshake", values.flag(directive.args[0])
            ),
            "ssl_protocols": protocols,
            "ssl_ciphers": ciphers,
        }

    def _name(self, text: str) -> str | Pattern:
        if text.startswith("~"):
            return self._notebook.pattern(text[1:], ignore_case=True)
        name = socket.gethostname() if text == "$hostname" else text
        if "*" in name[1:-1] or name in ("*", "*."):
            raise BadDirective(
                f'invalid server name or wildcard "{name}"',
                "A * can only stand at the beginning or the end, beside a dot",
            )
        return name.lower()

    def _check_addresses(self) -> None:
        defaults: dict[tuple[str, int, str], Server] = {}
        names: set[tuple[object, ...]] = set()
        for server in self.servers:
            for listen in server.listens:
                if listen.default_server and defaults.setdefault(listen.address, server) is not server:
                    self._notebook.problem(
                        server.source, f"a duplicate default server for {listen}", "Keep one default_server"
                    )
                for name in server.names or ("",):
                    key = (listen.address, name.text if isinstance(name, Pattern) else name)
                    if key in names:
                        self._notebook.note(
                            server.source, f'conflicting server name "{key[1]}" on {listen}, ignored'
                        )
                    names.add(key)

    def check_maps(self) -> None:
        """Refuse maps that need each other's value."""
        graph = {
            name: {used for text in table.texts for used in text.names if used in self.maps}
            for name, table in self.maps.items()
        }
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            names = " -> ".join(f"${name}" for name in error.args[1])
            self._notebook.problem(
                self.maps[error.args[1][0]].source, f"a cycle of map variables: {names}", "Break it"
            )

    # --- map and log_format ---------------------------------------------------------------------

    def _map(self, directive: Directive) -> None:
        subject, name = directive.args
        if not re.fullmatch(r"\$\w+", name, re.ASCII):
            raise BadDirective(f'invalid variable name "{name}"', "A variable is $name")
        exact: dict[str, Template] = {}
        hostnames: dict[str, Template] = {}
        patterns: list[tuple[Pattern, Template]] = []
        default = template("")
        with_hostnames = False
        for line in directive.block or ():
            key = line.name
            if key == "hostnames" and not line.args:
                with_hostnames = True
                continue
            if key == "volatile" and not line.args:
                continue
            if len(line.args) != 1:
                self._notebook.problem(
                    line.source, "invalid number of the map parameters", "Write VALUE RESULT;"
                )
                continue
            value = self._notebook.template(line.args[0], line.source)
            if key == "default":
                default = value
            elif key.startswith("~"):
                try:
                    pattern = self._notebook.pattern(key[1:].removeprefix("*"), ignore_case=key[1:2] == "*")
                except BadDirective as error:
                    self._notebook.problem(line.source, error.message, error.cure)
                    continue
                patterns.append((pattern, value))
            else:
                key = key.removeprefix("\\").lower()
                wild = with_hostnames and (key.startswith(("*.", ".")) or key.endswith(".*"))
                table = hostnames if wild else exact
                if key in table:
                    self._notebook.problem(line.source, f'conflicting parameter "{key}"', "Keep one of them")
                    continue
                table[key] = value
        name = name[1:].lower()
        self.maps[name] = Map(
            name,
            self._notebook.template(subject, directive.source),
            exact,
            tuple(patterns),
            default,
            hostnames,
            directive.source,
        )

    def _log_format(self, directive: Directive) -> None:
        name, *lines = directive.args
        if name in self._formats or name == "combined":
            raise BadDirective(f'duplicate "log_format" name "{name}"', "Choose another name")
        escape: Any = "default"
        if lines and lines[0].startswith("escape="):
            escape = lines.pop(0)[7:]
            if escape not in ("default", "json", "none"):
                raise BadDirective(f'unknown log format escaping "{escape}"', "Write default, json or none")
        self._formats[name] = LogFormat(self._notebook.template("".join(lines), directive.source), escape)


_OF_CONNECTIONS = {
    "client_body_timeout": "body_timeout_s",
    "client_header_timeout": "header_timeout_s",
    "keepalive_requests": "max_keepalive_requests",
    "keepalive_timeout": "idle_timeout_s",
    "large_client_header_buffers": "max_header_bytes",
    "send_timeout": "send_timeout_s",
}
_PROTOCOLS = values.words("SSLv2 SSLv3 TLSv1 TLSv1.1 TLSv1.2 TLSv1.3")
_IGNORED = re.compile(
    r"http2|spdy|deferred|bind|(setfib|fastopen|rcvbuf|sndbuf|accept_filter|so_keepalive)=.*|quic"
)


def _listens(directive: Directive) -> list[Listen]:
    """Read a listen directive; localhost may have two addresses."""
    where, *parameters = directive.args
    options: dict[str, Any] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        match name:
            case "default_server" | "default":
                options["default_server"] = True
            case "ssl":
                options["ssl"] = True
            case "reuseport":
                options["reuse_port"] = True
            case "backlog":
                options["backlog"] = values.number(value)
            case "ipv6only":
                options["ipv6_only"] = values.flag(value)
            case "proxy_protocol":
                raise BadDirective('"listen ... proxy_protocol" is not supported', "Remove proxy_protocol")
            case _ if not _IGNORED.fullmatch(parameter):
                raise BadDirective(
                    f'invalid parameter "{parameter}"',
                    "There are default_server, ssl, reuseport and backlog=",
                )
    if where.startswith("unix:"):
        return [Listen("", 0, where[5:], **options)]
    if where.isdigit():
        where = f"*:{where}"
    host, port = split_port(where)
    if port is None:
        port = 80
    if host == "*":
        return [Listen("", port, **options)]
    try:
        address = ipaddress.ip_address(host)
        return [Listen("" if str(address) == "0.0.0.0" else str(address), port, **options)]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise BadDirective(
            f'host not found in "{where}" of the "listen" directive', "Write an address of this machine, or *"
        ) from None
    return [Listen(str(a[4][0]), port, **options) for a in dict.fromkeys(found)]
