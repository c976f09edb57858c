"""What an httpd.conf comes down to: servers, sections and the rules that they put on paths and files.

    Httpd ── servers: Server (the main one first, then each VirtualHost)
                        └── base: Rules, sections: Section(kind, pattern, Rules)

Rules are merged from the outside in: those of the server, of <Directory> by length, <DirectoryMatch>,
<Files>, <Location> in the order of the file. What is said later wins; lists grow.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Literal

from container.errors import Problem, Source
from container.front.config.apache.modjk import Workers
from container.front.config.apache.mounts import Mount

__all__ = [
    "Access", "Alias", "Allowed", "Balance", "HeaderRule", "Httpd", "Listen", "LogFile", "ProxyMember",
    "ProxyPass", "Redirect", "Requirement", "Rules", "Section", "Server", "SetIf", "VariableRule",
]  # fmt: skip

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Requirement:
    """One Require, or a container of some: any, all, none. negated: "Require not"."""

    kind: Literal["granted", "denied", "ip", "method", "env", "any", "all", "none"]
    negated: bool = False
    networks: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()
    children: tuple[Requirement, ...] = ()

    def holds(self, client: str, method: str, variables: Mapping[str, str]) -> bool:
        match self.kind:
            case "granted":
                return True
            case "denied":
                return False
            case "ip":
                return _is_in(client, self.networks)
            case "method":
                return method in self.names
            case "env":
                return any(name in variables for name in self.names)
        results = [(each.negated, each.holds(client, method, variables)) for each in self.children]
        if self.kind == "all":
            return all(negated is not held for negated, held in results)
        found = any(held and not negated for negated, held in results)
        return found if self.kind == "any" else not found


def _is_in(client: str, networks: Iterable[Network]) -> bool:
    try:
        address = ip_address(client)
    except ValueError:  # a Unix socket has none
        return False
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address.version == network.version and address in network for network in networks)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Order, Allow and Deny, the older way to say it."""

    allow_first: bool = False
    """Order Allow,Deny: who is not allowed is denied. Else who is not denied is allowed."""
    allow: tuple[Requirement, ...] = ()
    deny: tuple[Requirement, ...] = ()

    def holds(self, client: str, method: str, variables: Mapping[str, str]) -> bool:
        allowed = any(each.holds(client, method, variables) for each in self.allow)
        denied = any(each.holds(client, method, variables) for each in self.deny)
        return (allowed and not denied) if self.allow_first else (allowed or not denied)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in: both must hold if both are said."""

    required: Requirement | None = None
    allowed: Allowed | None = None

    @property
    def lets_everybody_in(self) -> bool:
        """Whether that can be seen from the rules alone."""
        everybody = Requirement("granted")
        open_door = self.required is None or self.required == Requirement("any", children=(everybody,))
        allowed = self.allowed or Allowed()
        return open_door and not allowed.deny and (not allowed.allow_first or everybody in allowed.allow)

    def holds(self, client: str, method: str, variables: Mapping[str, str]) -> bool:
        return all(
            each.holds(client, method, variables)
            for each in (self.required, self.allowed)
            if each is not None
        )


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """One Header or RequestHeader."""

    action: str
    name: str
    value: str = ""
    always: bool = False
    condition: str = ""
    """A variable that must be set, or with "!" must not be; "": always."""
    pattern: re.Pattern[str] | None = None
    """What edit looks for."""


@dataclass(frozen=True, slots=True)
class SetIf:
    """One SetEnvIf. variables: (name, value); the value None: unset."""

    attribute: str
    pattern: re.Pattern[str]
    variables: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class VariableRule:
    """One SetEnv, UnsetEnv or PassEnv: value None unsets."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Redirect:
    """One Redirect or RedirectMatch. path or pattern; location "": the status stands alone."""

    status: int
    location: str
    path: str = ""
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """Where files of some paths are. script: a folder of programs, which are never shown."""

    folder: str
    path: str = ""
    pattern: re.Pattern[str] | None = None
    script: bool = False


@dataclass(frozen=True, slots=True)
class ProxyMember:
    """One backend of mod_proxy. options: the parameters behind its URL, by lower-case name."""

    url: str
    options: Mapping[str, str]
    source: Source


@dataclass(slots=True)
class Balance:
    """One <Proxy balancer://name>."""

    name: str
    members: list[ProxyMember] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    source: Source | None = None
    is_empty: bool = True
    """False also if no member of those that are written can be used."""


@dataclass(frozen=True, slots=True)
class ProxyPass:
    """One ProxyPass or ProxyPassMatch; url None: these paths are not passed on."""

    url: str | None
    path: str = ""
    pattern: re.Pattern[str] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    nocanon: bool = False
    source: Source | None = None


@dataclass(slots=True)
class Rules:
    """What holds for some paths or files; None and empty: nothing is said."""

    access: Access | None = None
    directory_index: tuple[str, ...] | None = None
    directory_slash: bool | None = None
    charset: str | None = None
    force_type: str | None = None
    handler: str | None = None
    body_limit: int | None = None
    proxy_pass: ProxyPass | None = None
    error_override: bool | None = None
    variables: tuple[VariableRule, ...] = ()
    set_ifs: tuple[SetIf, ...] = ()
    headers: tuple[HeaderRule, ...] = ()
    request_headers: tuple[HeaderRule, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    error_documents: dict[int, str] = field(default_factory=dict)

    def merged(self, inner: Rules) -> Rules:
        """These rules, with what inner says otherwise."""
        result = Rules()
        for each in fields(Rules):
            ours, theirs = getattr(self, each.name), getattr(inner, each.name)
            if isinstance(ours, tuple) and isinstance(theirs, tuple) and each.name != "directory_index":
                merged: object = ours + theirs
            elif isinstance(ours, dict):
                merged = {**ours, **theirs}
            elif isinstance(ours, Access) and isinstance(theirs, Access):
                merged = Access(theirs.required or ours.required, theirs.allowed or ours.allowed)
            else:
                merged = ours if theirs is None else theirs
            setattr(result, each.name, merged)
        return result


@dataclass(slots=True)
class Section:
    """One <Directory>, <Files>, <Location> or their Match forms. inside: a <Directory> around a <Files>."""

    kind: Literal["directory", "files", "location"]
    pattern: str
    regex: re.Pattern[str] | None
    rules: Rules
    inside: Section | None = None

    def matches(self, subject: str) -> bool:
        """Whether a folder, a file's name or a path is meant."""
        if self.regex is not None:
            return self.regex.search(subject) is not None
        if self.kind == "files":
            return fnmatch.fnmatchcase(subject, self.pattern)
        bare = self.pattern.rstrip("/") or "/"
        if any(letter in bare for letter in "*?["):
            return _begins_with(bare, subject, exactly=self.kind == "location")
        if self.kind == "location" and self.pattern.endswith("/") and bare != "/":
            return subject.startswith(self.pattern)
        return bare == "/" or subject == bare or subject.startswith(bare + "/")


def _begins_with(pattern: str, path: str, *, exactly: bool) -> bool:
    """Whether path, or unless exactly a folder around it, is like pattern, segment by segment."""
    wanted, there = pattern.split("/"), path.split("/")
    if exactly and len(there) != len(wanted):
        return False
    return len(there) >= len(wanted) and all(
        fnmatch.fnmatchcase(segment, like) for segment, like in zip(there, wanted, strict=False)
    )


@dataclass(frozen=True, slots=True)
class Listen:
    """One Listen."""

    host: str
    """"" is every address, over IPv4 and IPv6; 0.0.0.0 is every one of IPv4."""
    port: int
    protocol: str = "http"


@dataclass(frozen=True, slots=True)
class LogFile:
    """One CustomLog: where, what, and on which condition."""

    file: str
    format: str
    condition: str = ""
    source: Source | None = None


@dataclass(slots=True)
class Server:
    """The main server or a VirtualHost, as it is written; complete fills in what the main one says."""

    source: Source | None = None
    addresses: tuple[tuple[str, str], ...] = ()
    """(host, port) of a VirtualHost; "*" is any."""
    name: str = ""
    port: int = 0
    aliases: tuple[str, ...] = ()
    """ServerAlias."""
    document_root: str | None = None
    base: Rules = field(default_factory=Rules)
    sections: list[Section] = field(default_factory=list)
    set_ifs: list[SetIf] = field(default_factory=list)
    folders: list[Alias] = field(default_factory=list)
    """Alias."""
    redirects: list[Redirect] = field(default_factory=list)
    proxy_passes: list[ProxyPass] = field(default_factory=list)
    reverses: list[tuple[str, str]] = field(default_factory=list)
    """ProxyPassReverse: (path, URL)."""
    logs: list[LogFile] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    """Timeout, KeepAlive, ProxyPreserveHost and the like, by lower-case name, as they are written."""
    certificate: str | None = None
    certificate_key: str | None = None
    tls: bool = False
    mounts: list[Mount] = field(default_factory=list)
    mount_file: Path | None = None
    mount_file_source: Source | None = None
    mount_copy: Literal["on", "off", "all"] | None = None
    auto_alias: str | None = None
    strip_session: str | None = None
    """The parameter that is cut off, None: none."""
    jk_options: frozenset[str] = frozenset()
    jk_variables: dict[str, str | None] = field(default_factory=dict)
    """JkEnvVar: name and default."""
    jk_names: dict[str, str] = field(default_factory=dict)
    """What the Jk…Indicator directives call JK_ROUTE and its like."""

    def value(self, name: str, default: str) -> str:
        return self.values.get(name, default)

    def complete(self, main: Server) -> Server:
        """This VirtualHost with what it inherits. Mounts are only copied if somebody says so."""
        copies = self.mount_copy == "on" or (self.mount_copy is None and main.mount_copy == "all")
        own = {mount.pattern for mount in self.mounts}
        mounts = self.mounts + [each for each in main.mounts if copies and each.pattern not in own]
        return Server(
            source=self.source,
            addresses=self.addresses,
            name=self.name or main.name,
            port=self.port or main.port,
            aliases=self.aliases,
            document_root=self.document_root or main.document_root,
            base=main.base.merged(self.base),
            sections=main.sections + self.sections,
            set_ifs=main.set_ifs + self.set_ifs,
            folders=self.folders + main.folders,
            redirects=self.redirects + main.redirects,
            proxy_passes=self.proxy_passes + main.proxy_passes,
            reverses=self.reverses + main.reverses,
            logs=self.logs or main.logs,
            formats={**main.formats, **self.formats},
            values={**main.values, **self.values},
            certificate=self.certificate or main.certificate,
            certificate_key=self.certificate_key or main.certificate_key,
            tls=self.tls,
            mounts=mounts,
            mount_file=self.mount_file or (main.mount_file if copies else None),
            mount_file_source=self.mount_file_source or (main.mount_file_source if copies else None),
            mount_copy=self.mount_copy,
            auto_alias=self.auto_alias or (main.auto_alias if copies else None),
            strip_session=self.strip_session if self.strip_session is not None else main.strip_session,
            jk_options=self.jk_options or main.jk_options,
            jk_variables={**main.jk_variables, **self.jk_variables},
            jk_names={**main.jk_names, **self.jk_names},
        )


@dataclass(slots=True)
class Httpd:
    """A whole configuration."""

    root: Path
    listen: list[Listen]
    main: Server
    hosts: list[Server]
    """Every VirtualHost, complete, in the order of the file."""
    workers: Workers | None
    balances: dict[str, Balance]
    mpm: dict[str, int]
    """StartServers, MaxRequestWorkers ... as they are written."""
    types: Mapping[str, str] | None
    """By extension; None: there was no TypesConfig."""
    modules: frozenset[str]
    jk: dict[str, str]
    """JkShmFile, JkWatchdogInterval, JkLogFile ...: by lower-case name."""
    files: list[str]
    problems: list[Problem]
    """Warnings: it starts, but perhaps not as it was meant."""
    ignored: list[Problem]
    """What is known and without effect here."""
