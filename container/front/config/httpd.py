"""Read httpd.conf: every directive is implemented, known and without effect here, or an error.

    Tree (httpd_syntax) ──DIRECTIVES──> Httpd (httpd_model) ──httpd_site──> Site

A row of DIRECTIVES says how many arguments a directive takes, where it may stand and what it does. What is
known and without effect is listed in httpd_known.py, with the reason that `was check` shows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, TypeVar

from container.errors import ConfigError, Problem, Source
from container.front.config.httpd_known import KNOWN, MPM, REFUSED
from container.front.config.httpd_model import (
    Access,
    Alias,
    Allowed,
    Balance,
    HeaderRule,
    Httpd,
    Listen,
    LogFile,
    ProxyMember,
    ProxyPass,
    Redirect,
    Requirement,
    Rules,
    Section,
    Server,
    SetIf,
    VariableRule,
)
from container.front.config.httpd_syntax import Directive, Tree, read_tree
from container.front.config.modjk import Property, Workers, parse, read_workers
from container.front.config.mounts import Mount, make_mounts, parse_rules

__all__ = ["DIRECTIVES", "read_httpd"]

T = TypeVar("T")


def read_httpd(path: Path, environ: Mapping[str, str] = os.environ, *, defines: Iterable[str] = ()) -> Httpd:
    """Read a configuration with all that it names. Raises ConfigError where Apache would not start."""
    tree = read_tree(path, environ, defines=defines)
    reader = _Reader(tree, environ)
    for directive in tree.directives:
        reader.at_server(directive, reader.main)
    return reader.finish()


@dataclass(slots=True)
class _Where:
    """What a directive stands in. section None: directly in a server."""

    server: Server
    rules: Rules
    section: Section | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """A directive: its handler, how many arguments it takes, where it may stand."""

    apply: Callable[[_Reader, _Where, Directive], None]
    least: int = 1
    most: int | None = 1
    """None: any number."""
    place: Literal["main", "server", "any", "section"] = "any"


class _Reader:
    def __init__(self, tree: Tree, environ: Mapping[str, str]) -> None:
        self.tree = tree
        self.environ = environ
        self.main = Server()
        self.hosts: list[Server] = []
        self.listen: list[Listen] = []
        self.balances: dict[str, Balance] = {}
        self.mpm: dict[str, int] = {}
        self.types: dict[str, str] | None = None
        self.jk: dict[str, str] = {}
        self.workers_file: tuple[Path, Source] | None = None
        self.properties: list[Property] = []
        self.problems = tree.problems
        self.ignored: list[Problem] = []

    # --- walking the tree ----------------------------------------------------------------------

    def at_server(self, directive: Directive, server: Server) -> None:
        if directive.children is None:
            self.apply(directive, _Where(server, server.base))
            return
        name = directive.name.lower()
        if name == "virtualhost":
            self._virtual_host(directive, server)
        elif name == "proxy":
            self._proxy(directive, server)
        elif name in _SECTIONS:
            self._section(directive, server, None)
        else:
            raise _no_section(directive)

    def _virtual_host(self, directive: Directive, outer: Server) -> None:
        if outer is not self.main:
            raise ConfigError(
                f"{directive.source}: a VirtualHost cannot stand in another one. End that first."
            )
        if not directive.args:
            raise ConfigError(f"{directive.source}: {directive} names no address. Write <VirtualHost *:80>.")
        server = Server(source=directive.source, addresses=tuple(map(_address, directive.args)))
        self.hosts.append(server)
        for child in directive.children or ():
            self.at_server(child, server)

    def _section(self, directive: Directive, server: Server, around: Section | None) -> None:
        name = directive.name.lower()
        kind, is_regex = _SECTIONS[name]
        args = directive.args
        if args and args[0] == "~":
            args, is_regex = args[1:], True
        if len(args) != 1:
            raise ConfigError(f"{directive.source}: {directive} takes one argument.")
        pattern = args[0]
        if kind == "directory" and not is_regex:
            pattern = str(self.tree.path(pattern))
        regex = _regex(pattern, directive) if is_regex else None
        section = Section(kind, pattern, regex, Rules(), around)
        server.sections.append(section)
        where = _Where(server, section.rules, section)
        for child in directive.children or ():
            if child.children is None:
                self.apply(child, where)
            elif child.name.lower() in ("files", "filesmatch") and kind == "directory":
                self._section(child, server, section)
            elif child.name.lower() in _GROUPS:
                _require_group(self, where, child)
            else:
                raise _no_section(child)

    def _proxy(self, directive: Directive, server: Server) -> None:
        url = directive.args[0] if directive.args else ""
        balance = self.balance(url) if url.startswith("balancer://") else None
        where = _Where(server, Rules())
        for child in directive.children or ():
            name = child.name.lower()
            if name == "balancermember" and balance is not None:
                _balancer_member(self, where, replace(child, args=(url, *child.args)))
            elif name == "proxyset" and balance is not None:
                _proxy_set(self, where, replace(child, args=(url, *child.args)))
            elif child.children is None and name in ("require", "order", "allow", "deny"):
                self.apply(child, where)
            elif child.children is not None and name in _GROUPS:
                _require_group(self, where, child)
            elif name not in KNOWN:
                raise ConfigError(
                    f"{child.source}: {child} has no meaning inside {directive}. "
                    "BalancerMember, ProxySet and Require are what stands there."
                )
        if where.rules.access is not None and where.rules.access != _GRANTED:
            raise ConfigError(
                f"{directive.source}: access rules of {directive} are not looked at here. "
                "Put them into a <Location> with the path of the ProxyPass."
            )

    def apply(self, directive: Directive, where: _Where) -> None:
        name = directive.name.lower()
        row = DIRECTIVES.get(name)
        if row is None:
            self._without_row(directive)
            return
        if row.place != "any" and not _may_stand(row.place, where, self.main):
            places = {
                "main": "outside of every section and VirtualHost",
                "server": "in the main server or a VirtualHost, outside of sections",
                "section": "in a <Directory>, <Files> or <Location>",
            }
            raise ConfigError(f"{directive.source}: {directive.name} must stand {places[row.place]}.")
        count = len(directive.args)
        if count < row.least or (row.most is not None and count > row.most):
            wanted = (
                f"{row.least}" if row.least == row.most else f"{row.least} to {row.most or 'any number of'}"
            )
            raise ConfigError(f"{directive.source}: {directive.name} takes {wanted} arguments, not {count}.")
        row.apply(self, where, directive)

    def _without_row(self, directive: Directive) -> None:
        name = directive.name.lower()
        if reason := KNOWN.get(name):
            self.note(directive.source, f"{directive.name} has no effect here: {reason}")
        elif cure := REFUSED.get(name):
            raise ConfigError(f"{directive.source}: {directive.name} is not implemented. {cure}")
        else:
            near = get_close_matches(name, [*DIRECTIVES, *KNOWN], 1)
            hint = f"Did you mean {near[0]}?" if near else "Remove it, or correct its name."
            raise ConfigError(f"{directive.source}: {directive.name} is no directive that is known. {hint}")

    def warn(self, source: Source | None, message: str, cure: str = "") -> None:
        self.problems.append(Problem(source, message, cure, "warning"))

    def note(self, source: Source | None, message: str, cure: str = "") -> None:
        self.ignored.append(Problem(source, message, cure, "warning"))

    def balance(self, url: str, source: Source | None = None) -> Balance:
        name = url.removeprefix("balancer://").partition("/")[0].lower()
        return self.balances.setdefault(name, Balance(name, source=source))

    # --- the whole -----------------------------------------------------------------------------

    def finish(self) -> Httpd:
        workers = self._workers()
        hosts = [host.complete(self.main) for host in self.hosts]
        if workers is not None:
            self.problems += workers.problems
            mounts = [
                mount
                for pattern, worker, source in workers.mounts
                for mount in make_mounts(pattern, worker, source, rank=2)
            ]
            for server in (self.main, *hosts):
                server.mounts += mounts
        self._diagnose(workers, hosts)
        return Httpd(
            root=self.tree.root,
            listen=self.listen,
            main=self.main,
            hosts=hosts,
            workers=workers,
            balances=self.balances,
            mpm=self.mpm,
            types=self.types,
            modules=frozenset(self.tree.modules),
            jk=self.jk,
            files=self.tree.files,
            problems=self.problems,
            ignored=self.ignored,
        )

    def _workers(self) -> Workers | None:
        properties = self.properties
        if self.workers_file is not None:
            path, source = self.workers_file
            try:
                text = path.read_text("latin-1")
            except OSError as error:
                raise ConfigError(
                    f"{source}: {path}: {error.strerror}. JkWorkersFile names a workers.properties."
                ) from error
            properties = parse(text, str(path)) + properties
            self.tree.files.append(str(path))
        return read_workers(properties, self.environ) if properties else None

    def _diagnose(self, workers: Workers | None, hosts: list[Server]) -> None:
        """Say what starts and then is not what was meant (the usual mistakes with mod_jk)."""
        servers = [self.main, *hosts]
        if workers is None and any(server.mounts or server.mount_file for server in servers):
            mount = next((mount for server in servers for mount in server.mounts), None)
            self.warn(
                mount.source if mount else None,
                "paths are mounted, but there are no workers",
                "Write JkWorkersFile with the name of a workers.properties.",
            )
        seen: set[Source | None] = set()
        for server in servers:
            for mount in (*server.mounts, *read_mount_file(server)):
                if mount.source in seen:
                    continue
                seen.add(mount.source)
                if workers is not None and mount.worker not in workers.mounted:
                    self._unknown_worker(mount, workers)
        own = [mount for mount in self.main.mounts if mount.rank == 1]
        if own and hosts and self.main.mount_copy != "all":
            for raw, host in zip(self.hosts, hosts, strict=True):
                if raw.mount_copy is None:
                    self.warn(
                        own[0].source,
                        f"this JkMount of the main server does not hold in the VirtualHost at {host.source}",
                        "Write JkMountCopy On there, or JkMountCopy All in the main server.",
                    )
        for server in servers:
            sets = (*server.base.variables, *(v for s in server.sections for v in s.rules.variables))
            if (server.mounts or server.mount_file) and any(
                each.name == "no-jk" and each.value is not None for each in sets
            ):
                self.warn(
                    server.source,
                    "SetEnv sets no-jk when the path has been handed over already: it is answered with 404",
                    'Write SetEnvIf Request_URI "^/path" no-jk.',
                )
                break

    def _unknown_worker(self, mount: Mount, workers: Workers) -> None:
        if mount.exclusion and mount.worker == "*":
            return
        near = get_close_matches(mount.worker, workers.mounted, 1)
        self.warn(
            mount.source,
            f"the worker {mount.worker!r} of {mount.pattern} is not in worker.list"
            + ("" if mount.exclusion else ", so its requests are answered with 500"),
            f"Did you mean {near[0]}?"
            if near
            else f"Write worker.list={mount.worker} in workers.properties.",
        )


def read_mount_file(server: Server) -> list[Mount]:
    """The rules of a server's JkMountFile, empty without one."""
    if server.mount_file is None:
        return []
    try:
        text = server.mount_file.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise ConfigError(
            f"{server.mount_file_source}: {server.mount_file}: {error.strerror}. "
            "JkMountFile names a uriworkermap.properties."
        ) from error
    return parse_rules(text, str(server.mount_file))


def _may_stand(place: str, where: _Where, main: Server) -> bool:
    if place == "section":
        return where.section is not None
    return where.section is None and (place == "server" or where.server is main)


def _no_section(directive: Directive) -> ConfigError:
    cure = REFUSED.get(directive.name.lower(), "Put its directives where they hold in any case.")
    return ConfigError(f"{directive.source}: <{directive.name}> is not implemented here. {cure}")


# --- arguments ---------------------------------------------------------------------------------


def _address(text: str) -> tuple[str, str]:
    """Host and port of a VirtualHost, "*" for any."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9*]+))?", text)
    host, port = (match[1], match[2] or "*") if match else (text, "*")
    return ("*" if host in ("_default_", "*", "") else host.strip("[]").lower()), port


def _regex(text: str, directive: Directive, flags: int = 0) -> re.Pattern[str]:
    try:
        return re.compile(text, flags)
    except re.error as error:
        raise ConfigError(
            f"{directive.source}: {text!r} is no regular expression: {error}. "
            "Python's are read here; they lack a few forms of PCRE."
        ) from error


def _on(directive: Directive) -> bool:
    value = directive.args[0].lower()
    if value not in ("on", "off"):
        raise ConfigError(f"{directive.source}: {directive.name} is On or Off, not {directive.args[0]}.")
    return value == "on"


def _number(directive: Directive, text: str | None = None) -> int:
    text = directive.args[0] if text is None else text
    if not re.fullmatch(r"-?[0-9]+", text):
        raise ConfigError(f"{directive.source}: {directive.name} takes a whole number, not {text!r}.")
    return int(text)


# --- access ------------------------------------------------------------------------------------

_GROUPS = {"requireall": "all", "requireany": "any", "requirenone": "none"}
_LOCAL = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
_GRANTED = Access(Requirement("any", children=(Requirement("granted"),)))


def _networks(words: Iterable[str], directive: Directive) -> Requirement:
    found = []
    for word in words:
        text = word
        if re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,2}\.?", text):  # 10.1 is 10.1.0.0/16
            parts = text.rstrip(".").split(".")
            text = ".".join(parts + ["0"] * (4 - len(parts))) + f"/{8 * len(parts)}"
        try:
            found.append(ip_network(text, strict=False))
        except ValueError as error:
            raise ConfigError(
                f"{directive.source}: {word!r} is no address and no network. Write 10.1.0.0/16 or 127.0.0.1."
            ) from error
    return Requirement("ip", networks=tuple(found))


def _requirement(directive: Directive) -> Requirement:
    args = list(directive.args)
    negated = args[0].lower() == "not"
    if negated:
        args.pop(0)
    kind, *rest = (args[0].lower(), *args[1:]) if args else ("",)
    if kind == "all" and rest and rest[0].lower() in ("granted", "denied"):
        found = Requirement("granted" if rest[0].lower() == "granted" else "denied")
    elif kind == "ip" and rest:
        found = _networks(rest, directive)
    elif kind == "local":
        found = Requirement("ip", networks=_LOCAL)
    elif kind == "method" and rest:
        found = Requirement("method", names=tuple(rest))
    elif kind == "env" and rest:
        found = Requirement("env", names=tuple(rest))
    else:
        raise ConfigError(
            f"{directive.source}: {directive} cannot be checked here. Require all, ip, local, method and env "
            "can; let the container ask for a login."
        )
    return replace(found, negated=negated)


def _require(reader: _Reader, where: _Where, directive: Directive) -> None:
    _add_requirement(where, _requirement(directive))


def _add_requirement(where: _Where, requirement: Requirement) -> None:
    access = where.rules.access or Access()
    known = access.required.children if access.required else ()
    where.rules.access = replace(access, required=Requirement("any", children=(*known, requirement)))


def _require_group(reader: _Reader, where: _Where, directive: Directive) -> None:
    _add_requirement(where, _group(directive))


def _group(directive: Directive) -> Requirement:
    children = []
    for child in directive.children or ():
        if child.children is not None and child.name.lower() in _GROUPS:
            children.append(_group(child))
        elif child.name.lower() == "require" and child.args:
            children.append(_requirement(child))
        else:
            raise ConfigError(f"{child.source}: only Require stands in {directive}.")
    return Requirement(_GROUPS[directive.name.lower()], children=tuple(children))  # type: ignore[arg-type]


def _order(reader: _Reader, where: _Where, directive: Directive) -> None:
    access = where.rules.access or Access()
    allowed = access.allowed or Allowed()
    order = "".join(directive.args).lower()
    if order not in ("allow,deny", "deny,allow"):
        raise ConfigError(f"{directive.source}: write Order Allow,Deny or Order Deny,Allow.")
    where.rules.access = replace(access, allowed=replace(allowed, allow_first=order == "allow,deny"))


def _allow(reader: _Reader, where: _Where, directive: Directive) -> None:
    if directive.args[0].lower() != "from":
        raise ConfigError(f"{directive.source}: write {directive.name} from ...")
    found = []
    for word in directive.args[1:]:
        if word.lower() == "all":
            found.append(Requirement("granted"))
        elif word.lower().startswith("env="):
            found.append(Requirement("env", names=(word[4:],)))
        else:
            found.append(_networks([word], directive))
    access = where.rules.access or Access()
    allowed = access.allowed or Allowed()
    if directive.name.lower() == "allow":
        allowed = replace(allowed, allow=(*allowed.allow, *found))
    else:
        allowed = replace(allowed, deny=(*allowed.deny, *found))
    where.rules.access = replace(access, allowed=allowed)


def _satisfy(reader: _Reader, where: _Where, directive: Directive) -> None:
    if directive.args[0].lower() != "all":
        raise ConfigError(f"{directive.source}: only Satisfy All is implemented. Write the rules as Require.")


# --- servers -----------------------------------------------------------------------------------


def _listen(reader: _Reader, where: _Where, directive: Directive) -> None:
    match = re.fullmatch(r"(?:(\[[^\]]+\]|[^:\[\]]+):)?([0-9]+)", directive.args[0])
    if match is None or not 0 < int(match[2]) < 65536:
        raise ConfigError(
            f"{directive.source}: {directive.args[0]!r} is no port. Write Listen 80 or 10.0.0.1:80."
        )
    host, port = (match[1] or "").strip("[]"), int(match[2])
    protocol = directive.args[1].lower() if len(directive.args) > 1 else "https" if port == 443 else "http"
    reader.listen.append(Listen("" if host in ("*", "0.0.0.0", "::") else host, port, protocol))


def _server_name(reader: _Reader, where: _Where, directive: Directive) -> None:
    name = directive.args[0].partition("://")[2] or directive.args[0]
    host, _, port = name.partition(":") if not name.startswith("[") else (name, "", "")
    where.server.name = host.lower().rstrip(".")
    where.server.port = int(port) if port.isdecimal() else 0


def _server_alias(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.server.aliases += tuple(name.lower().rstrip(".") for name in directive.args)


def _document_root(reader: _Reader, where: _Where, directive: Directive) -> None:
    folder = reader.tree.path(directive.args[0])
    if not folder.is_dir():
        reader.warn(directive.source, f"DocumentRoot {folder} is no folder", "Make it, or correct its name.")
    where.server.document_root = os.path.realpath(folder)


def _value(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.server.values[directive.name.lower()] = directive.args[0]


def _number_value(reader: _Reader, where: _Where, directive: Directive) -> None:
    _number(directive)
    _value(reader, where, directive)


def _switch_value(reader: _Reader, where: _Where, directive: Directive) -> None:
    _on(directive)
    _value(reader, where, directive)


def _time_value(reader: _Reader, where: _Where, directive: Directive) -> None:
    match = re.fullmatch(r"([0-9]+)(ms|s|min|mi|h)?", directive.args[0].lower())
    if match is None:
        raise ConfigError(f"{directive.source}: {directive.args[0]!r} is no time. Write seconds, or 500ms.")
    seconds = int(match[1]) * {"ms": 0.001, "min": 60, "mi": 60, "h": 3600}.get(match[2] or "s", 1)
    where.server.values[directive.name.lower()] = f"{seconds:g}"


def _mpm(reader: _Reader, where: _Where, directive: Directive) -> None:
    reader.mpm[MPM[directive.name.lower()]] = _number(directive)


def _tls(reader: _Reader, where: _Where, directive: Directive) -> None:
    name, value = directive.name.lower(), directive.args[0]
    if name == "sslengine":
        where.server.tls = value.lower() == "on"
    elif name == "sslcertificatefile":
        where.server.certificate = str(reader.tree.path(value))
    else:
        where.server.certificate_key = str(reader.tree.path(value))


def _error_log(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.server.error_log = _log_file(reader, directive.args[0], directive)


def _log_file(reader: _Reader, name: str, directive: Directive) -> str:
    if name.startswith("|"):
        raise ConfigError(
            f"{directive.source}: logs are written to files, not to programs. Name a file; it may be rotated."
        )
    return name if name.startswith("syslog") else str(reader.tree.path(name))


def _log_format(reader: _Reader, where: _Where, directive: Directive) -> None:
    name = directive.args[1] if len(directive.args) > 1 else ""
    where.server.formats[name] = directive.args[0]


def _custom_log(reader: _Reader, where: _Where, directive: Directive) -> None:
    file = _log_file(reader, directive.args[0], directive)
    form = directive.args[1] if len(directive.args) > 1 else ""
    condition = directive.args[2] if len(directive.args) > 2 else ""
    if condition and not condition.lower().startswith("env="):
        raise ConfigError(f"{directive.source}: only env=NAME and env=!NAME are read as conditions of a log.")
    where.server.logs.append(LogFile(file, form, condition[4:]))


# --- paths and files ---------------------------------------------------------------------------


def _alias(reader: _Reader, where: _Where, directive: Directive) -> None:
    name, (path, folder) = directive.name.lower(), directive.args
    script = name.startswith("script")
    if script:
        reader.warn(directive.source, f"programs in {folder} are not run: {path} is answered with 404")
    if name.endswith("match"):
        where.server.folders.append(Alias(folder, pattern=_regex(path, directive), script=script))
        return
    if path.endswith("/") and not folder.endswith("/"):
        raise ConfigError(
            f'{directive.source}: {path} ends with "/" and {folder} does not, so {path}x would be the file '
            f'{folder}x. Write "{folder}/".'
        )
    where.server.folders.append(
        Alias(str(reader.tree.path(folder)) + "/" * folder.endswith("/"), path, script=script)
    )


_REDIRECTS = {"permanent": 301, "temp": 302, "seeother": 303, "gone": 410}


def _redirect(reader: _Reader, where: _Where, directive: Directive) -> None:
    name, args = directive.name.lower(), list(directive.args)
    status = {"redirectpermanent": 301, "redirecttemp": 302}.get(name, 302)
    if args[0].lower() in _REDIRECTS:
        status = _REDIRECTS[args.pop(0).lower()]
    elif re.fullmatch(r"[0-9]{3}", args[0]):
        status = int(args.pop(0))
    is_regex = name == "redirectmatch"
    if where.section is not None and len(args) == 1 and 300 <= status < 400:
        args.insert(0, "")  # inside a section the path may be left out
    elif not args:
        args.append("")
    path, location = args[0], args[1] if len(args) > 1 else ""
    if 300 <= status < 400 and not location:
        raise ConfigError(f"{directive.source}: {directive.name} with status {status} needs a URL to go to.")
    found = Redirect(status, location, path, _regex(path, directive) if is_regex else None)
    if where.section is not None:
        where.rules.redirects += (found,)
    else:
        where.server.redirects.append(found)


def _directory_index(reader: _Reader, where: _Where, directive: Directive) -> None:
    names = directive.args
    where.rules.directory_index = () if names == ("disabled",) else names


def _directory_slash(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.rules.directory_slash = _on(directive)


def _options(reader: _Reader, where: _Where, directive: Directive) -> None:
    if any(word.lower().lstrip("+") in ("indexes", "all") for word in directive.args):
        reader.note(directive.source, "Options Indexes has no effect here: folders are not listed")


def _allow_override(reader: _Reader, where: _Where, directive: Directive) -> None:
    if directive.args[0].lower() != "none":
        reader.note(
            directive.source,
            "AllowOverride has no effect here: .htaccess files are not read",
            "Move what they say into this file.",
        )


def _error_document(reader: _Reader, where: _Where, directive: Directive) -> None:
    code = _number(directive)
    if not 400 <= code < 600:
        raise ConfigError(f"{directive.source}: {code} is no error. Write a status from 400 to 599.")
    target = directive.args[1]
    if not target.startswith("/") and "://" not in target and target != "default":
        target = '"' + (target if len(directive.args) == 2 else " ".join(directive.args[1:])).lstrip('"')
    where.rules.error_documents[code] = target


def _header(reader: _Reader, where: _Where, directive: Directive) -> None:
    args = list(directive.args)
    request = directive.name.lower() == "requestheader"
    always = args[0].lower() == "always"
    if args[0].lower() in ("always", "onsuccess") and not request:
        args.pop(0)
    condition = ""
    if len(args) > 2 and args[-1].lower() == "early":
        args.pop()
    if len(args) > 2 and args[-1].lower().startswith("env="):
        condition = args.pop()[4:]
    action = args.pop(0).lower() if args else ""
    allowed = {"set", "add", "append", "merge", "unset"}
    if request:
        allowed |= {"edit", "edit*", "setifempty"}
    wanted = 1 if action == "unset" else 3 if action.startswith("edit") else 2
    if action not in allowed or len(args) != wanted or args[-1].startswith("expr="):
        raise ConfigError(
            f"{directive.source}: {directive} is not implemented. {directive.name} "
            f"{', '.join(sorted(allowed))} are, with env=NAME as the condition."
        )
    pattern = _regex(args.pop(1), directive) if action.startswith("edit") else None
    name = args[0].rstrip(":")
    rule = HeaderRule(action, name, args[1] if len(args) > 1 else "", always, condition, pattern)
    if request:
        where.rules.request_headers += (rule,)
    else:
        where.rules.headers += (rule,)


def _types_config(reader: _Reader, where: _Where, directive: Directive) -> None:
    path = reader.tree.path(directive.args[0])
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{directive.source}: {path}: {error.strerror}. Name a mime.types.") from error
    reader.types = {
        extension.lower(): kind
        for kind, *extensions in (line.split() for line in lines if line.strip() and line[0] != "#")
        for extension in extensions
    }


def _add_type(reader: _Reader, where: _Where, directive: Directive) -> None:
    for extension in directive.args[1:]:
        where.rules.types[extension.lower().removeprefix(".")] = directive.args[0]


def _force_type(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.rules.force_type = "" if directive.args[0].lower() == "none" else directive.args[0]


def _charset(reader: _Reader, where: _Where, directive: Directive) -> None:
    value = directive.args[0]
    where.rules.charset = {"off": "", "on": "iso-8859-1"}.get(value.lower(), value)


def _body_limit(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.rules.body_limit = _number(directive)


def _set_handler(reader: _Reader, where: _Where, directive: Directive) -> None:
    handler = directive.args[0].lower()
    if handler in ("server-status", "server-info", "ldap-status", "balancer-manager"):
        reader.note(directive.source, f"the page {handler} is not here: see `was status`")
    elif handler in ("none", "default-handler", "jakarta-servlet"):
        where.rules.handler = handler
    else:
        raise ConfigError(
            f"{directive.source}: there is no handler {directive.args[0]!r} here. Programs would be shown "
            "instead of being run: pass their paths on with ProxyPass or JkMount."
        )


def _add_handler(reader: _Reader, where: _Where, directive: Directive) -> None:
    if directive.args[0].lower() in ("type-map", "default-handler"):
        reader.note(directive.source, f"the handler {directive.args[0]} has no effect here")
    else:
        _set_handler(reader, where, directive)


# --- variables ---------------------------------------------------------------------------------


def _set_env(reader: _Reader, where: _Where, directive: Directive) -> None:
    value = directive.args[1] if len(directive.args) > 1 else ""
    where.rules.variables += (VariableRule(directive.args[0], value),)


def _unset_env(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.rules.variables += tuple(VariableRule(name, None) for name in directive.args)


def _pass_env(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.rules.variables += tuple(
        VariableRule(name, reader.environ[name]) for name in directive.args if name in reader.environ
    )


def _set_env_if(reader: _Reader, where: _Where, directive: Directive) -> None:
    name, args = directive.name.lower(), list(directive.args)
    if name.startswith("browsermatch"):
        args.insert(0, "User-Agent")
    if len(args) < 3:
        raise ConfigError(
            f"{directive.source}: {directive.name} needs something to look at, a pattern, a variable."
        )
    attribute, pattern, *rest = args
    flags = re.IGNORECASE if name.endswith("nocase") else 0
    variables = tuple(
        (word[1:], None) if word.startswith("!") else (word.partition("=")[0], word.partition("=")[2] or None)
        for word in rest
    )
    made = tuple(
        (key, value if value is not None or word.startswith("!") else ("" if "=" in word else "1"))
        for (key, value), word in zip(variables, rest, strict=True)
    )
    rule = SetIf(attribute, _regex(pattern, directive, flags), made)
    if where.section is not None:
        where.rules.set_ifs += (rule,)
    else:
        where.server.set_ifs.append(rule)


# --- mod_jk ------------------------------------------------------------------------------------


def _workers_file(reader: _Reader, where: _Where, directive: Directive) -> None:
    reader.workers_file = (reader.tree.path(directive.args[0]), directive.source)


def _worker_property(reader: _Reader, where: _Where, directive: Directive) -> None:
    line = " ".join(directive.args)
    reader.properties += [
        replace(item, source=directive.source) for item in parse(line, directive.source.file)
    ]


def _mount(reader: _Reader, where: _Where, directive: Directive) -> None:
    args = list(directive.args)
    section = where.section
    if section is not None:
        if section.kind != "location" or section.regex is not None:
            raise ConfigError(f"{directive.source}: {directive.name} stands in a server or a <Location>.")
        if len(args) == 1:
            args.insert(0, section.pattern)
    if len(args) != 2:
        raise ConfigError(f"{directive.source}: {directive.name} needs a pattern and a worker.")
    where.server.mounts += make_mounts(
        args[0], args[1], directive.source, exclusion=directive.name.lower() == "jkunmount"
    )


def _mount_file(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.server.mount_file = reader.tree.path(directive.args[0])
    where.server.mount_file_source = directive.source


def _mount_copy(reader: _Reader, where: _Where, directive: Directive) -> None:
    value = directive.args[0].lower()
    if value not in ("on", "off", "all") or (value == "all") > (where.server is reader.main):
        raise ConfigError(
            f"{directive.source}: JkMountCopy is On or Off in a VirtualHost, All in the main server."
        )
    where.server.mount_copy = value  # type: ignore[assignment]


def _auto_alias(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.server.auto_alias = os.path.realpath(reader.tree.path(directive.args[0]))


def _strip_session(reader: _Reader, where: _Where, directive: Directive) -> None:
    name = directive.args[1] if len(directive.args) > 1 else ";jsessionid"
    where.server.strip_session = name if _on(directive) else ""


_FORWARD = frozenset({"forwarduriproxy", "forwarduricompat", "forwarduricompatunparsed", "forwarduriescaped"})
_JK_OPTIONS = _FORWARD | {"rejectunsafeuri"}
_JK_OPTIONS_WITHOUT_EFFECT = {
    "forwarddirectories": "a folder whose index could be a worker's is forwarded in any case",
    "forwardkeysize": "the container is told the key size in any case",
    "forwardsslcertchain": "the container is told the client's own certificate",
    "forwardlocaladdress": "the client's address is forwarded",
    "forwardphysicaladdress": "the client's address is forwarded",
    "flushpackets": "what arrives is passed on at once",
    "flushheader": "what arrives is passed on at once",
    "disablereuse": "connections are kept as long as the pool's times say",
    "collapseslashesall": "slashes are merged in any case",
    "collapseslashesnone": "slashes are merged in any case",
    "collapseslashesunmount": "slashes are merged in any case",
}


def _jk_options(reader: _Reader, where: _Where, directive: Directive) -> None:
    options = set(where.server.jk_options)
    for word in directive.args:
        name = word.lstrip("+-").lower()
        if reason := _JK_OPTIONS_WITHOUT_EFFECT.get(name):
            reader.note(directive.source, f"JkOptions {word} has no effect here: {reason}")
        elif name not in _JK_OPTIONS:
            near = get_close_matches(name, [*_JK_OPTIONS, *_JK_OPTIONS_WITHOUT_EFFECT], 1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(_JK_OPTIONS))}."
            raise ConfigError(f"{directive.source}: JkOptions has no option {word!r}. {hint}")
        elif word.startswith("-"):
            options.discard(name)
        else:
            options -= _FORWARD if name in _FORWARD else set()
            options.add(name)
    where.server.jk_options = frozenset(options)


def _jk_env_var(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.server.jk_variables[directive.args[0]] = directive.args[1] if len(directive.args) > 1 else None


def _jk_value(reader: _Reader, where: _Where, directive: Directive) -> None:
    reader.jk[directive.name.lower()] = directive.args[0]


# --- mod_proxy ---------------------------------------------------------------------------------


def _options_of(words: Iterable[str], directive: Directive) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"{directive.source}: {word!r} is no parameter. Write name=value.")
        found[name.lower()] = value
    return found


def _proxy_pass(reader: _Reader, where: _Where, directive: Directive) -> None:
    args = [word for word in directive.args if word.lower() not in ("nocanon", "interpolate")]
    nocanon = any(word.lower() == "nocanon" for word in directive.args)
    section = where.section
    is_regex = directive.name.lower() == "proxypassmatch"
    if section is not None:
        if section.kind != "location":
            raise ConfigError(f"{directive.source}: {directive.name} stands in a server or a <Location>.")
        args.insert(0, section.pattern)
        is_regex = is_regex or section.regex is not None
    if len(args) < 2:
        raise ConfigError(f"{directive.source}: {directive.name} needs a path and a URL.")
    path, url, *options = args
    found = ProxyPass(
        None if url == "!" else url,
        path,
        (section.regex if section and section.regex else _regex(path, directive)) if is_regex else None,
        _options_of(options, directive),
        nocanon,
        directive.source,
    )
    if found.url is not None:
        _check_url(found.url, directive)
    if section is not None:
        where.rules.proxy_pass = found
    else:
        where.server.proxy_passes.append(found)


def _check_url(url: str, directive: Directive) -> None:
    scheme = url.partition("://")[0].lower()
    if url.startswith("unix:"):
        scheme = url.partition("|")[2].partition("://")[0].lower()
    if scheme not in ("http", "https", "ajp", "balancer", "ws", "wss"):
        raise ConfigError(
            f"{directive.source}: {url!r} cannot be reached from here. http, https, ajp and balancer can; "
            "a PHP or CGI program needs a server of its own that speaks HTTP."
        )


def _proxy_pass_reverse(reader: _Reader, where: _Where, directive: Directive) -> None:
    args = list(directive.args)
    if where.section is not None:
        args.insert(0, where.section.pattern)
    if len(args) < 2:
        raise ConfigError(f"{directive.source}: ProxyPassReverse needs a path and a URL.")
    where.server.reverses.append((args[0], args[1]))


def _balancer_member(reader: _Reader, where: _Where, directive: Directive) -> None:
    args = directive.args
    if len(args) < 2 or not args[0].startswith("balancer://"):
        raise ConfigError(
            f"{directive.source}: a BalancerMember stands in <Proxy balancer://name>, with a URL."
        )
    _check_url(args[1], directive)
    options = _options_of(args[2:], directive)
    reader.balance(args[0]).members.append(ProxyMember(args[1], options, directive.source))


def _proxy_set(reader: _Reader, where: _Where, directive: Directive) -> None:
    args = directive.args
    if not args or not args[0].startswith("balancer://"):
        raise ConfigError(f"{directive.source}: ProxySet stands in <Proxy balancer://name> here.")
    reader.balance(args[0]).options.update(_options_of(args[1:], directive))


def _proxy_requests(reader: _Reader, where: _Where, directive: Directive) -> None:
    if _on(directive):
        raise ConfigError(
            f"{directive.source}: ProxyRequests On would make an open proxy, which this is not. Write Off; "
            "ProxyPass does not need it."
        )


def _error_override(reader: _Reader, where: _Where, directive: Directive) -> None:
    where.rules.error_override = _on(directive)


# --- the table ---------------------------------------------------------------------------------

_SECTIONS: Mapping[str, tuple[Literal["directory", "files", "location"], bool]] = {
    "directory": ("directory", False),
    "directorymatch": ("directory", True),
    "files": ("files", False),
    "filesmatch": ("files", True),
    "location": ("location", False),
    "locationmatch": ("location", True),
}

DIRECTIVES: Mapping[str, _Row] = {
    "listen": _Row(_listen, 1, 2, "main"),
    "servername": _Row(_server_name, place="server"),
    "serveralias": _Row(_server_alias, 1, None, "server"),
    "documentroot": _Row(_document_root, place="server"),
    "timeout": _Row(_time_value, place="server"),
    "keepalive": _Row(_switch_value, place="server"),
    "keepalivetimeout": _Row(_time_value, place="server"),
    "maxkeepaliverequests": _Row(_number_value, place="server"),
    "limitrequestline": _Row(_number_value, place="server"),
    "limitrequestfields": _Row(_number_value, place="server"),
    "limitrequestfieldsize": _Row(_number_value, place="server"),
    "limitrequestbody": _Row(_body_limit),
    "allowencodedslashes": _Row(_value, place="server"),
    "sslengine": _Row(_tls, place="server"),
    "sslcertificatefile": _Row(_tls, place="server"),
    "sslcertificatekeyfile": _Row(_tls, place="server"),
    **{name: _Row(_mpm, place="main") for name in MPM},
    # who may come in
    "require": _Row(_require, 1, None),
    "order": _Row(_order, 1, 2),
    "allow": _Row(_allow, 2, None),
    "deny": _Row(_allow, 2, None),
    "satisfy": _Row(_satisfy),
    # files
    "alias": _Row(_alias, 2, 2, "server"),
    "aliasmatch": _Row(_alias, 2, 2, "server"),
    "scriptalias": _Row(_alias, 2, 2, "server"),
    "scriptaliasmatch": _Row(_alias, 2, 2, "server"),
    "redirect": _Row(_redirect, 1, 3),
    "redirectmatch": _Row(_redirect, 1, 3),
    "redirectpermanent": _Row(_redirect, 1, 2),
    "redirecttemp": _Row(_redirect, 1, 2),
    "directoryindex": _Row(_directory_index, 1, None),
    "directoryslash": _Row(_directory_slash),
    "options": _Row(_options, 1, None),
    "allowoverride": _Row(_allow_override, 1, None),
    "errordocument": _Row(_error_document, 2, None),
    "header": _Row(_header, 2, None),
    "requestheader": _Row(_header, 2, None),
    "typesconfig": _Row(_types_config, place="main"),
    "addtype": _Row(_add_type, 2, None),
    "forcetype": _Row(_force_type),
    "adddefaultcharset": _Row(_charset),
    "sethandler": _Row(_set_handler),
    "addhandler": _Row(_add_handler, 2, None),
    # variables and logs
    "setenv": _Row(_set_env, 1, 2),
    "unsetenv": _Row(_unset_env, 1, None),
    "passenv": _Row(_pass_env, 1, None),
    "setenvif": _Row(_set_env_if, 3, None),
    "setenvifnocase": _Row(_set_env_if, 3, None),
    "browsermatch": _Row(_set_env_if, 2, None),
    "browsermatchnocase": _Row(_set_env_if, 2, None),
    "errorlog": _Row(_error_log, place="server"),
    "logformat": _Row(_log_format, 1, 2, "server"),
    "customlog": _Row(_custom_log, 2, 3, "server"),
    "transferlog": _Row(_custom_log, 1, 1, "server"),
    # mod_jk
    "jkworkersfile": _Row(_workers_file, place="main"),
    "jkworkerproperty": _Row(_worker_property, 1, None, "main"),
    "jkmount": _Row(_mount, 1, 2),
    "jkunmount": _Row(_mount, 1, 2),
    "jkmountfile": _Row(_mount_file, place="server"),
    "jkmountfilereload": _Row(_number_value, place="server"),
    "jkmountcopy": _Row(_mount_copy, place="server"),
    "jkautoalias": _Row(_auto_alias, place="server"),
    "jkstripsession": _Row(_strip_session, 1, 2, "server"),
    "jkoptions": _Row(_jk_options, 1, None, "server"),
    "jkenvvar": _Row(_jk_env_var, 1, 2, "server"),
    "jkwatchdoginterval": _Row(_jk_value, place="main"),
    "jkshmfile": _Row(_jk_value, place="main"),
    "jkshmsize": _Row(_jk_value, place="main"),
    "jklogfile": _Row(_jk_value, place="server"),
    "jkloglevel": _Row(_jk_value, place="server"),
    # mod_proxy
    "proxypass": _Row(_proxy_pass, 1, None),
    "proxypassmatch": _Row(_proxy_pass, 1, None),
    "proxypassreverse": _Row(_proxy_pass_reverse, 1, 3),
    "proxypreservehost": _Row(_switch_value, place="server"),
    "proxyaddheaders": _Row(_switch_value, place="server"),
    "proxytimeout": _Row(_time_value, place="server"),
    "proxyrequests": _Row(_proxy_requests, place="server"),
    "proxyerroroverride": _Row(_error_override),
    "balancermember": _Row(_balancer_member, 2, None, "server"),
    "proxyset": _Row(_proxy_set, 2, None, "server"),
}
