"""Read nginx's upstream blocks, and the groups that a proxy_pass with a host name makes by itself."""

from __future__ import annotations

import difflib
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from container.errors import Source
from container.front.balancer import Address
from container.front.config.mistakes import BadDirective
from container.front.config.nginx import values
from container.front.config.nginx.model import Group, Sticky
from container.front.config.nginx.reader import Handler, Notebook
from container.front.config.nginx.syntax import Directive
from container.front.config.nginx.values import Template, template
from container.front.upstream import Method, ServerConfig, UpstreamConfig

__all__ = ["Resolve", "UpstreamReader", "resolve_by_dns", "split_port"]

Resolve = Callable[[str], list[str]]
"""The addresses of a host name; OSError if there are none."""

_NO_BACKUP = frozenset({"ip_hash", "hash", "consistent", "random", "random_two"})
_FOR_EVER_S = 315360000
_PORTS = {"http": 80, "https": 443}


def resolve_by_dns(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def split_port(text: str) -> tuple[str, int | None]:
    """Cut "host:port" or "[v6]:port"."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]+)(?::(\d+))?", text)
    if not match:
        raise BadDirective(f'invalid host or port in "{text}"', "Write HOST, HOST:PORT or [IPv6]:PORT")
    port = int(match[2]) if match[2] else None
    if port is not None and not 1 <= port <= 65535:
        raise BadDirective(f'invalid port in "{text}"', "Write a number from 1 to 65535")
    return match[1].strip("[]"), port


class UpstreamReader:
    """Collects the groups of one configuration."""

    def __init__(self, notebook: Notebook, resolve: Resolve) -> None:
        self.groups: dict[str, Group] = {}
        self._schemes: dict[str, str] = {}
        self._notebook = notebook
        self._resolve = resolve

    # --- upstream NAME { ... } ------------------------------------------------------------------

    def read(self, directive: Directive, scheme: Literal["http", "https"] = "http") -> None:
        name = directive.args[0]
        if name in self.groups:
            raise BadDirective(f'duplicate upstream "{name}"', "Keep one of them")
        draft: dict[str, Any] = {"servers": (), "method": None}
        self._notebook.read(directive.block or (), self._handlers(draft, scheme))
        servers = draft.pop("servers")
        method: Method = draft.pop("method") or "round_robin"
        if not any(each.name == "server" for each in directive.block or ()):
            raise BadDirective(f'no servers are inside upstream "{name}"', "Write server HOST:PORT in it")
        if method in _NO_BACKUP and any(server.backup for server in servers):
            raise BadDirective(
                'balancing method does not support parameter "backup"', "Remove backup, or use least_conn"
            )
        upstream = UpstreamConfig(name, servers, method, sticky="sticky" in draft)
        self.groups[name] = Group(source=directive.source, upstream=upstream, **draft)

    def _handlers(self, draft: dict[str, Any], scheme: Literal["http", "https"]) -> dict[str, Handler]:
        def server(directive: Directive) -> None:
            draft["servers"] += tuple(self._server(directive, scheme))

        def method(directive: Directive) -> None:
            if draft["method"]:
                self._notebook.note(directive.source, "load balancing method redefined")
            draft["method"], draft["key"] = self._method(directive)

        def keepalive(directive: Directive) -> None:
            draft["keepalive"] = values.number(directive.args[0])

        return {
            "server": server,
            "least_conn": method,
            "ip_hash": method,
            "hash": method,
            "random": method,
            "sticky": lambda directive: draft.__setitem__("sticky", self._sticky(directive)),
            "keepalive": keepalive,
            "keepalive_timeout": lambda d: draft.__setitem__(
                "keepalive_timeout_s", values.seconds(d.args[0])
            ),
            "keepalive_requests": lambda d: draft.__setitem__("keepalive_requests", values.number(d.args[0])),
        }

    def _method(self, directive: Directive) -> tuple[Method, Template | None]:
        match (directive.name, *directive.args):
            case ("least_conn",):
                return "least_conn", None
            case ("ip_hash",):
                return "ip_hash", None
            case ("hash", key):
                return "hash", self._notebook.template(key, directive.source)
            case ("hash", key, "consistent"):
                return "consistent", self._notebook.template(key, directive.source)
            case ("random",):
                return "random", None
            case ("random", "two") | ("random", "two", "least_conn"):
                return "random_two", None
        raise BadDirective(f'"{directive}" is not supported', "Write hash KEY [consistent] or random [two]")

    def _sticky(self, directive: Directive) -> Sticky:
        match directive.args:
            case ("route", *variables) if variables:
                return Sticky(tuple(self._notebook.template(each, directive.source) for each in variables))
            case ("cookie", name, *parameters):
                return self._sticky_cookie(name, parameters, directive.source)
        raise BadDirective(
            f'"{directive}" is not supported', "Write sticky cookie NAME, or sticky route $VARIABLE"
        )

    def _sticky_cookie(self, name: str, parameters: list[str], source: Source) -> Sticky:
        max_age_s: int | None = None
        attributes: dict[str, str] = {}
        for parameter in parameters:
            field, equals, value = parameter.partition("=")
            match field:
                case "expires" if equals:
                    max_age_s = _FOR_EVER_S if value == "max" else values.whole_seconds(value)
                case "domain" | "path" if equals:
                    attributes[field] = f"{field}={value}"
                case "httponly" | "secure" if not equals:
                    attributes[field] = field
                case "samesite" if value.startswith("$") or value.lower() in ("strict", "lax", "none"):
                    attributes[field] = f"{field}={value.lower()}"
                case _:
                    raise BadDirective(
                        f'invalid parameter "{parameter}"',
                        "There are expires, domain, path, httponly, secure and samesite",
                    )
        return Sticky(
            (template(f"$cookie_{name}"),),
            name,
            max_age_s,
            tuple(self._notebook.template(text, source) for text in attributes.values()),
        )

    def _server(self, directive: Directive, scheme: Literal["http", "https"]) -> Iterator[ServerConfig]:
        address, *parameters = directive.args
        fields: dict[str, Any] = {}
        for parameter in parameters:
            name, equals, value = parameter.partition("=")
            match name:
                case "backup" | "down" | "drain" if not equals:
                    fields[name] = True
                case "weight" | "max_fails" | "max_conns" if equals:
                    fields[name] = values.number(value)
                case "fail_timeout" if equals:
                    fields["fail_timeout_s"] = values.whole_seconds(value)
                case "route" if equals:
                    fields["route"] = value
                case "slow_start" | "resolve" | "service":
                    raise BadDirective(f'"{parameter}" is not supported', f"Remove {parameter}")
                case _:
                    raise BadDirective(
                        f'invalid parameter "{parameter}"',
                        "There are weight, max_fails, fail_timeout, max_conns, backup, down, drain and route",
                    )
        if fields.get("weight") == 0:
            raise BadDirective('invalid parameter "weight=0"', "Write down to leave a server out")
        for found in self._addresses(address, scheme):
            yield ServerConfig(address, found, **fields)

    # --- proxy_pass http://host -----------------------------------------------------------------

    def group_of(self, scheme: str, host: str, source: Source) -> str:
        """The group that a proxy_pass means: an upstream of that name, else the host's addresses."""
        protocol: Literal["http", "https"] = "https" if scheme == "https" else "http"
        if group := self.groups.get(host):
            if not group.implicit and self._schemes.setdefault(host, scheme) != scheme:
                raise BadDirective(
                    f'upstream "{host}" is used with http and with https', "Give each an upstream of its own"
                )
            return host
        name, _, port = host.rpartition(":")
        if port.isdigit() and name in self.groups and not self.groups[name].implicit:
            raise BadDirective(f'upstream "{name}" may not have port {port}', f"Write {scheme}://{name}")
        key = host if scheme == "http" else f"https://{host}"
        if key not in self.groups:
            servers = tuple(ServerConfig(host, found) for found in self._addresses(host, protocol))
            upstream = UpstreamConfig(key, servers)
            self.groups[key] = Group(source=source, upstream=upstream, implicit=True)
        return key

    def _addresses(self, text: str, protocol: Literal["http", "https"]) -> tuple[Address, ...]:
        if text.startswith("unix:"):
            return (Address(protocol, "", 0, text[5:]),)
        host, port = split_port(text)
        return tuple(Address(protocol, found, port or _PORTS[protocol]) for found in self._look_up(host))

    def _look_up(self, host: str) -> Iterable[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        try:
            return self._resolve(host)
        except OSError:
            explicit = [name for name, group in self.groups.items() if not group.implicit]
            near = difflib.get_close_matches(host, explicit, 1)
            cure = (
                f'Did you mean the upstream "{near[0]}"?'
                if near
                else "Name an upstream, or a host that DNS knows"
            )
            raise BadDirective(f'host not found in upstream "{host}"', cure) from None
