"""One server of an httpd.conf, ready to decide what happens to a request.

    path ──> ProxyPass? Redirect? mount? else a file ──> rules of sections ──> Action

The order is Apache's: ProxyPass before Redirect, Redirect before the mounts of mod_jk, those before Alias and
DocumentRoot. In a few places a rule of the front's stands above Apache (docs/apache.md lists them): hidden
files and WEB-INF are not found, whoever asks for them; redirects to folders are relative.
"""

from __future__ import annotations

import logging
import os
import posixpath
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from container.errors import ConfigError
from container.files import MIME_TYPES, is_hidden, is_protected
from container.front.balancer import Ask, Member
from container.front.config.apache.conf import read_mount_file
from container.front.config.apache.groups import Groups
from container.front.config.apache.log import COMMON, LogEntry, compile_format
from container.front.config.apache.model import (
    Httpd,
    LogFile,
    ProxyPass,
    Redirect,
    Rules,
    Section,
    Server,
)
from container.front.config.apache.modjk import StatusWorker
from container.front.config.apache.modjk_status import status_page
from container.front.config.apache.mounts import Mount, MountTable, clean
from container.front.config.apache.proxy import ProxyBackend
from container.front.config.apache.rules import (
    alias_place,
    below,
    canonical,
    changed,
    expand,
    expand_match,
    holds,
    known_address,
    set_variables,
)
from container.front.config.apache.to_workers import ToWorkers
from container.front.config.mistakes import Mistakes
from container.front.fields import end_to_end
from container.front.origin import origin_of
from container.front.site import (
    Action,
    Deny,
    FileAction,
    FixedAnswer,
    FrontRequest,
    HeaderEdits,
    ProxyAction,
)
from container.front.stickiness import route_of, session_ids
from container.front.targets import split_absolute

__all__ = ["Host"]

_log = logging.getLogger("container.front")

_BODY_LIMIT = 1024**3
_RELOAD_S = 60


@dataclass(frozen=True, slots=True)
class _Proxied:
    rule: ProxyPass
    backend: ProxyBackend | None
    """None: these paths are not passed on."""


class Host:
    """One server, ready to decide."""

    def __init__(
        self,
        config: Httpd,
        groups: Groups,
        server: Server,
        now: Callable[[], float],
        mistakes: Mistakes,
    ) -> None:
        self.config = config
        self.groups = groups
        self.now = now
        self.server = server
        self.addresses = [(known_address(host), port) for host, port in server.addresses]
        self._aliases = [
            re.compile(re.escape(alias).replace(r"\*", ".*").replace(r"\?", ".")) for alias in server.aliases
        ]
        self._timeout_s = float(server.value("proxytimeout", server.value("timeout", "60")))
        self._proxies: list[_Proxied] = []
        for rule in server.proxy_passes:
            with mistakes.kept():
                self._proxies.append(self._proxied(rule))
        self._location_proxies: dict[int, _Proxied] = {}
        for section in server.sections:
            if (of_section := section.rules.proxy_pass) is not None:
                with mistakes.kept():
                    self._location_proxies[id(of_section)] = self._proxied(of_section)
        plain = [section for section in server.sections if section.kind == "directory" and not section.regex]
        self._directories = [
            *sorted(plain, key=lambda section: section.pattern.rstrip("/").count("/")),
            *(section for section in server.sections if section.kind == "directory" and section.regex),
        ]
        self._files = [section for section in server.sections if section.kind == "files"]
        self._locations = [section for section in server.sections if section.kind == "location"]
        self._merged: dict[tuple[int, ...], Rules] = {}
        self._types: dict[int, tuple[Rules, Mapping[str, str]]] = {}
        self._to_workers = ToWorkers(server, groups)
        self._slashes_allowed = server.value("allowencodedslashes", "off").lower() != "off"
        self._mounts = MountTable(server.mounts)
        with mistakes.kept():
            self._mounts = MountTable([*server.mounts, *read_mount_file(server)])
        self._mounts_read = _mtime(server)
        self._mounts_checked_s = now()
        self._reload_s = int(server.value("jkmountfilereload", str(_RELOAD_S)))
        self._logs: list[tuple[LogFile, Callable[[LogEntry], str]]] = []
        for log in server.logs:
            form = server.formats.get(log.format, log.format) or server.formats.get("", COMMON)
            with mistakes.kept():
                self._logs.append((log, compile_format(form, f"{log.source}: LogFormat")))
        self._reverses = self._reverse_pairs()

    def is_called(self, name: str) -> bool:
        return name == self.server.name or any(alias.fullmatch(name) for alias in self._aliases)

    def _proxied(self, rule: ProxyPass) -> _Proxied:
        return _Proxied(rule, None if rule.url is None else self.groups.proxy_backend(rule, self._timeout_s))

    def _reverse_pairs(self) -> tuple[tuple[str, str], ...]:
        """(path, beginning of a Location), with the members of a balancer in place of its name."""
        pairs = []
        for path, url in self.server.reverses:
            name, _, rest = url.removeprefix("balancer://").partition("/")
            balance = self.config.balances.get(name.lower()) if url.startswith("balancer://") else None
            if balance is None:
                pairs.append((path, url))
            for member in balance.members if balance else ():
                pairs.append((path, f"{member.url.rstrip('/')}/{rest}" if rest else member.url))
        return tuple(pairs)

    # --- deciding ------------------------------------------------------------------------------

    def decide(self, request: FrontRequest) -> Action:
        set_variables(self.server.set_ifs, request, request.path)
        raw = request.exchange.target.partition(b"?")[0]
        if not self._slashes_allowed and b"%2f" in raw.lower():
            return self.error(request, request.path, 404)
        return self._decide(request, request.path)

    def _decide(self, request: FrontRequest, path: str, status: int = 0) -> Action:
        """Decide for a path; status is that of the error whose page is looked for, 0: there was none."""
        cleaned = clean(path)
        if cleaned is None:
            return self._fail(request, path, 400, status)
        if is_protected(cleaned):
            return self._fail(request, path, 404, status)
        location = self._rules(self._matching(path, cleaned))
        proxied = self._find_proxy(path, location)
        if proxied is None:
            for redirect in self.server.redirects:
                if (action := self._redirected(request, path, redirect, location, status)) is not None:
                    return action
            mount = None if "no-jk" in request.variables else self._table().find(cleaned)
            if mount is None and location.handler == "jakarta-servlet":
                name = self.server.jk_names.get("JK_WORKER_NAME", "JK_WORKER_NAME")
                mount = Mount(path, request.variables.get(name, ""))
            if mount is None:
                return self._file(request, path, cleaned, status)
        refused = self._enter(request, path, location, status)
        if refused is not None:
            return refused
        if proxied is not None:
            return self._pass_on(request, path, proxied, location)
        if "no-jk" in request.variables:  # too late: the path has been handed over, so it is no file
            return self._fail(request, path, 404, status)
        assert mount is not None
        return self._mounted(request, path, mount, location, status)

    def _enter(self, request: FrontRequest, path: str, rules: Rules, status: int) -> Action | None:
        """Check who may come in, then set what the rules set; None: go on."""
        set_variables(rules.set_ifs, request, path)
        exchange = request.exchange
        if (
            rules.access is not None
            and not status
            and not rules.access.holds(exchange.connection.peer[0], exchange.method, request.variables)
        ):
            return self.error(request, path, 403)
        for rule in rules.variables:
            if rule.value is None:
                request.variables.pop(rule.name, None)
            else:
                request.variables[rule.name] = rule.value
        for redirect in rules.redirects:
            if (action := self._redirected(request, path, redirect, rules, status)) is not None:
                return action
        return None

    def _fail(self, request: FrontRequest, path: str, found: int, status: int) -> Action:
        """Answer an error, unless that happened while the page of another one was looked for."""
        if status:
            return Deny(status)
        return self.error(request, path, found)

    def error(self, request: FrontRequest, path: str, status: int) -> Action:
        """The answer to an error, as ErrorDocument says."""
        cleaned = clean(path) or path
        rules = self._rules(self._matching(path, cleaned))
        document = rules.error_documents.get(status, "default")
        edits = self._edits(rules, request, errors=True)
        if document.startswith('"'):
            return FixedAnswer(
                status,
                document[1:].encode("utf-8", "surrogateescape"),
                "text/html; charset=iso-8859-1",
                edits=edits,
            )
        if "://" in document:
            return FixedAnswer(302, b"", headers=(("Location", document),), edits=edits)
        if document.startswith("/"):
            action = self._decide(request, document.partition("?")[0], status)
            if isinstance(action, FileAction):
                return replace(action, status=status)
            if isinstance(action, ProxyAction):
                return replace(action, status=status, send_body=False)
        return Deny(status, edits)

    # --- rules ---------------------------------------------------------------------------------

    def _matching(self, path: str, cleaned: str) -> list[Section]:
        """The <Location>s of a path. One that means what a container will read counts as well."""
        return [
            section
            for section in self._locations
            if section.matches(path) or (cleaned != path and section.matches(cleaned))
        ]

    def _file_sections(self, name: str, is_directory: bool) -> list[Section]:
        folder = name if is_directory else posixpath.dirname(name)
        found = [section for section in self._directories if section.matches(folder)]
        base = "" if is_directory else posixpath.basename(name)
        found += (
            section
            for section in self._files
            if base and section.matches(base) and (section.inside is None or section.inside.matches(folder))
        )
        return found

    def _rules(self, sections: Sequence[Section]) -> Rules:
        key = tuple(map(id, sections))
        rules = self._merged.get(key)
        if rules is None:
            rules = self.server.base
            for section in sections:
                rules = rules.merged(section.rules)
            self._merged[key] = rules
        return rules

    def _edits(self, rules: Rules, request: FrontRequest, *, errors: bool) -> HeaderEdits:
        """What Header says. errors: it is a page of our own, for which only "always" counts."""
        if not rules.headers:
            return HeaderEdits()
        add: list[tuple[str, str]] = []
        replaced: dict[str, str] = {}
        removed: set[str] = set()
        for rule in rules.headers:
            if (errors and not rule.always) or not holds(rule.condition, request.variables):
                continue
            value = expand(rule.value, request)
            if rule.action == "unset":
                removed.add(rule.name.lower())
                replaced.pop(rule.name, None)
            elif rule.action == "set":
                replaced[rule.name] = value
            else:
                add.append((rule.name, value))
        return HeaderEdits(add_always=tuple(add), remove=frozenset(removed), replace=tuple(replaced.items()))

    # --- redirects, proxies --------------------------------------------------------------------

    def _redirected(
        self, request: FrontRequest, path: str, redirect: Redirect, rules: Rules, status: int
    ) -> Action | None:
        location = redirect.location
        if redirect.pattern is not None:
            match = redirect.pattern.search(path)
            if match is None:
                return None
            location = expand_match(location, match, canonical)
        elif redirect.path:
            rest = below(redirect.path, path)
            if rest is None:
                return None
            location += canonical(rest)
        if not 300 <= redirect.status < 400:
            return self._fail(request, path, redirect.status, status)
        if request.query is not None and "?" not in location:
            location += f"?{request.query}"
        edits = self._edits(rules, request, errors=True)
        return FixedAnswer(redirect.status, b"", headers=(("Location", location),), edits=edits)

    def _find_proxy(self, path: str, rules: Rules) -> _Proxied | None:
        if rules.proxy_pass is not None:
            candidates = [self._location_proxies[id(rules.proxy_pass)], *self._proxies]
        else:
            candidates = self._proxies
        for proxied in candidates:
            rule = proxied.rule
            if rule.pattern.search(path) if rule.pattern else below(rule.path, path) is not None:
                return proxied if proxied.backend is not None else None
        return None

    def _pass_on(self, request: FrontRequest, path: str, proxied: _Proxied, rules: Rules) -> Action:
        rule, backend = proxied.rule, proxied.backend
        assert backend is not None
        rest = below(rule.path, path) or ""
        if rule.pattern is not None:
            match = rule.pattern.search(path)
            assert match is not None
            url = rule.url or ""
            expanded = expand_match(url, match)
            if expanded == url:
                expanded += path
            rest = expanded[len(re.sub(r"\$[0-9].*", "", url)) :]
        exchange, variables = request.exchange, request.variables
        headers = self._request_headers(request, rules)
        sessions: tuple[str, ...] = ()
        if backend.sticky[0]:
            cookies = [value for name, value in headers if name.lower() == "cookie"]
            sessions = session_ids(exchange.target.decode("latin-1"), cookies, *backend.sticky)
        edits = self._edits(rules, request, errors=False)
        public = f"{request.scheme}://{_header(request, 'host') or request.host}"
        edits = replace(edits, redirects=tuple((url, public + path) for path, url in self._reverses))
        body_bytes, intercepts = _body_limit(rules), bool(rules.error_override)

        def for_member(chosen: Member) -> ProxyAction:
            member = backend.members[chosen.name]
            action = ProxyAction(
                backend.group,
                ask,
                _backend_target(request, member.path, path, rest, rule),
                tuple(self._forwarded(request, headers, member.authority)),
                replace(member.limits, max_body_bytes=body_bytes, intercept_errors=intercepts),
                edits,
                for_member=for_member if len(backend.members) > 1 else None,
            )
            if not member.is_ajp:
                return action
            routes = [route for session in sessions if (route := route_of(session))]
            return replace(
                action,
                headers=tuple(_with_host(headers, request.host)),
                attributes=tuple((name[4:], text) for name, text in variables.items() if name[:4] == "AJP_"),
                origin=origin_of(request)._replace(
                    server_port=exchange.connection.local[1], route=routes[0] if routes else None
                ),
            )

        ask = Ask(
            exchange.method,
            exchange.connection.peer[0],
            sessions=sessions,
            has_query=request.query is not None,
        )
        return for_member(backend.group.members[0])

    def _request_headers(self, request: FrontRequest, rules: Rules) -> list[tuple[str, str]]:
        """The client's end-to-end header, as RequestHeader changes it."""
        headers = [(name, value) for _, name, value in end_to_end(request.exchange.headers)]
        for rule in rules.request_headers:
            if holds(rule.condition, request.variables):
                headers = changed(headers, rule, expand(rule.value, request))
        return headers

    def _forwarded(
        self, request: FrontRequest, headers: list[tuple[str, str]], authority: str
    ) -> list[tuple[str, str]]:
        """What mod_proxy_http adds, and the scheme."""
        host = next((value for name, value in headers if name.lower() == "host"), request.host)
        preserve = self.server.value("proxypreservehost", "off").lower() == "on"
        kept = [(name, value) for name, value in headers if name.lower() != "host"]
        kept.insert(0, ("Host", host if preserve else authority))
        if self.server.value("proxyaddheaders", "on").lower() == "off":
            return kept
        added = {
            "X-Forwarded-For": request.exchange.connection.peer[0],
            "X-Forwarded-Host": host,
            "X-Forwarded-Server": self.server.name or host,
        }
        for name, value in added.items():
            before = [old for key, old in kept if key.lower() == name.lower()]
            kept = [(key, old) for key, old in kept if key.lower() != name.lower()]
            kept.append((name, ", ".join([*before, value])))
        kept = [(key, old) for key, old in kept if key.lower() != "x-forwarded-proto"]
        return [*kept, ("X-Forwarded-Proto", request.scheme)]

    # --- mod_jk --------------------------------------------------------------------------------

    def _table(self) -> MountTable:
        """The mounts; those of JkMountFile are read again when the file has changed."""
        if self.server.mount_file is None or not self._reload_s:
            return self._mounts
        now_s = self.now()
        if now_s - self._mounts_checked_s >= self._reload_s:
            self._mounts_checked_s = now_s
            if (mtime := _mtime(self.server)) != self._mounts_read:
                self._mounts_read = mtime
                try:
                    self._mounts = MountTable([*self.server.mounts, *read_mount_file(self.server)])
                except ConfigError as error:
                    _log.error("%s The rules before go on until it is good again.", error)
        return self._mounts

    def _mounted(self, request: FrontRequest, path: str, mount: Mount, rules: Rules, status: int) -> Action:
        workers = self.config.workers
        worker = workers.mounted.get(mount.worker) if workers else None
        if worker is None:
            return self._fail(request, path, 500, status)
        if "rejectunsafeuri" in self.server.jk_options and ("%" in path or "\\" in path):
            return self._fail(request, path, 404, status)
        edits = self._edits(rules, request, errors=False)
        if isinstance(worker, StatusWorker):
            page = status_page(self.groups.jk, workers, worker, request, self.now())
            return replace(page, edits=edits)
        headers = tuple(self._request_headers(request, rules))
        return self._to_workers.action(request, path, mount, worker, headers, edits, _body_limit(rules))

    # --- files ---------------------------------------------------------------------------------

    def _file(self, request: FrontRequest, path: str, cleaned: str, status: int) -> Action:
        strip = self.server.strip_session
        if strip:
            path = path.partition(strip)[0] or "/"
        if is_hidden(path):
            return self._fail(request, path, 404, status)
        place = self._place(path)
        if place is None:
            return self._fail(request, path, 404, status)
        root, inside = place
        name = root + inside
        try:
            mode = os.stat(name).st_mode
        except PermissionError:
            mode = -1
        except (OSError, ValueError):
            mode = 0
        is_directory = mode > 0 and stat.S_ISDIR(mode)
        sections = self._file_sections(name.rstrip("/") or "/", is_directory)
        rules = self._rules([*sections, *self._matching(path, cleaned)])
        refused = self._enter(request, path, rules, status)
        if refused is not None:
            return refused
        if mode == -1:
            return self._fail(request, path, 403, status)
        edits = self._edits(rules, request, errors=False)
        if is_directory:
            return self._directory(request, path, name, rules, status)
        if not stat.S_ISREG(mode) or inside.endswith("/"):
            return self._fail(request, path, 404, status)
        return FileAction(
            root,
            inside,
            content_type=rules.force_type or None,
            types=self._type_table(rules),
            default_type="application/octet-stream",
            edits=edits,
        )

    def _directory(self, request: FrontRequest, path: str, name: str, rules: Rules, status: int) -> Action:
        if not path.endswith("/"):
            if rules.directory_slash is False:
                return self._fail(request, path, 403, status)
            location = canonical(path) + "/"
            if request.query is not None:
                location += f"?{request.query}"
            edits = self._edits(rules, request, errors=True)
            return FixedAnswer(301, b"", headers=(("Location", location),), edits=edits)
        names = ("index.html",) if rules.directory_index is None else rules.directory_index
        for index in names:
            candidate = index if index.startswith("/") else path + index
            place = self._place(candidate)
            if place is not None and os.path.isfile(place[0] + place[1]):
                return self._decide(request, candidate, status)
        # mod_jk takes over a folder, other than that of an Alias, whose index would have been a worker's.
        is_aliased = any(alias_place(alias, path) is not None for alias in self.server.folders)
        for index in () if is_aliased else names:
            mount = self._table().find(clean(path + index) or "/")
            if mount is not None and "no-jk" not in request.variables:
                return self._mounted(request, path, mount, rules, status)
        listing = "autoindex" in self.config.modules
        return self._fail(request, path, 403 if listing else 404, status)

    def _place(self, path: str) -> tuple[str, str] | None:
        """Document root, and the path inside it."""
        for alias in self.server.folders:
            found = alias_place(alias, path)
            if found is not None:
                return None if alias.script else found
        if self.server.auto_alias is not None:
            application = path.split("/", 2)[1]
            if application and os.path.isdir(f"{self.server.auto_alias}/{application}"):
                return self.server.auto_alias, path
        return None if self.server.document_root is None else (self.server.document_root, path)

    def _type_table(self, rules: Rules) -> Mapping[str, str]:
        """Types by extension: those of the file, of AddType, with AddDefaultCharset."""
        found = self._types.get(id(rules))
        if found is not None and found[0] is rules:
            return found[1]
        known = self.config.types
        table = {**(MIME_TYPES if known is None else known), **rules.types}
        if rules.charset:
            for extension, kind in table.items():
                if kind in ("text/html", "text/plain"):
                    table[extension] = f"{kind}; charset={rules.charset.lower()}"
        self._types[id(rules)] = (rules, table)
        return table

    # --- logs ----------------------------------------------------------------------------------

    def log_lines(self, request: FrontRequest, facts: Mapping[str, str]) -> list[tuple[str, str]]:
        entry = LogEntry(request, facts, self.server.name, self.server.port)
        return [
            (log.file, line(entry)) for log, line in self._logs if holds(log.condition, request.variables)
        ]


def _backend_target(request: FrontRequest, base: str, path: str, rest: str, rule: ProxyPass) -> bytes:
    """What follows the backend's path is canonical; with nocanon as it was written, where that is sure."""
    raw = None
    if rule.nocanon and rule.pattern is None and path == request.path and not request.restarts:
        written = split_absolute(request.exchange.target)[1].partition(b"?")[0].decode("latin-1")
        raw = below(rule.path, written)
    target = canonical(base + rest) if raw is None else canonical(base) + raw
    target = "/" + target.removeprefix("/")
    return (target if request.query is None else f"{target}?{request.query}").encode("latin-1")


def _mtime(server: Server) -> int:
    try:
        return os.stat(server.mount_file).st_mtime_ns if server.mount_file else 0
    except OSError:
        return 0


def _header(request: FrontRequest, name: str) -> str:
    return request.headers.get(name, "")


def _with_host(headers: list[tuple[str, str]], host: str) -> list[tuple[str, str]]:
    return headers if any(name.lower() == "host" for name, _ in headers) else [("Host", host), *headers]


def _body_limit(rules: Rules) -> int:
    return _BODY_LIMIT if rules.body_limit is None else rules.body_limit
