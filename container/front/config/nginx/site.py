"""Decide as nginx does: its phases, one after the other, for one request.

    server ──rewrite──> location ──rewrite──> access ──try_files──> content
      ^                    ^  └── the path has changed ──┘             │
      └── internal redirect (index, try_files, error_page) ────────────┘

What a phase wants is an Action, or to go on elsewhere: _Redirect, _Named. An error looks for its page and may
begin all over. The path may change ten times; then it is a cycle.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from container.front.balancer import Balancer
from container.front.config.nginx import files
from container.front.config.nginx.answers import Answers, content_type, log_lines, redirect_to
from container.front.config.nginx.model import (
    Config,
    If,
    Jump,
    Listen,
    Location,
    Operation,
    PeerRule,
    Return,
    Rewrite,
    Server,
    SetVariable,
    Test,
)  # fmt: skip
from container.front.config.nginx.paths import canonical_path, escape_args, escape_redirect
from container.front.config.nginx.proxying import NoSuchBackend, Proxying
from container.front.config.nginx.values import Pattern, Template
from container.front.config.nginx.variables import State, look_up_wildcard, octets
from container.front.site import Action, Deny, FixedAnswer, FrontRequest, Headers
from container.front.targets import is_secret

__all__ = ["NginxSite"]

_LOG = logging.getLogger("container.front")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_READS = frozenset({"GET", "HEAD"})
_ALLOWED = ("Allow", "GET, HEAD, OPTIONS")


class _Fail(Exception):  # noqa: N818  it is an answer
    """Answer an error, if there is no page for it."""

    def __init__(self, status: int, headers: Headers = ()) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class _Redirect:
    """Begin again with another path."""

    uri: str
    args: str


@dataclass(frozen=True, slots=True)
class _Named:
    """Go on at a named location, with the path as it is."""

    name: str


_Step = Action | _Redirect | _Named | None


class NginxSite:
    """The Site of a configuration. Belongs to the loop. clock: seconds since 1970."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self._clock = clock
        self._answers = Answers(config.maps)
        self._proxying = Proxying(config.groups, self._answers)
        self._addresses: dict[tuple[str, int, str], _Address] = {}
        for server in config.servers:
            for listen in server.listens:
                self._addresses.setdefault(listen.address, _Address()).add(server, listen)

    def __repr__(self) -> str:
        return f"<NginxSite {self.config.file} {len(self.config.servers)} servers>"

    @property
    def balancers(self) -> Mapping[str, Balancer]:
        """The groups by name, those that a proxy_pass made by itself among them."""
        return self._proxying.balancers

    # --- Site -----------------------------------------------------------------------------------

    def decide(self, request: FrontRequest) -> Action:
        """As Site.decide; a request that restarts is redirected internally to its path (X-Accel-Redirect)."""
        if request.restarts and isinstance(request.state, State):
            return self._answer(request.state, _Redirect(request.path, request.query or ""))
        state = self._begin(request)
        if state.method in ("TRACE", "CONNECT"):
            return self._answer(state, _Fail(405, (_ALLOWED,)))
        if not state.merge_slashes:
            raw = octets(state.target.partition("?")[0])
            state.uri = canonical_path(raw, merge_slashes=False) or state.uri
        return self._answer(state, None)

    def decide_error(self, request: FrontRequest, status: int, answer_headers: Headers = ()) -> Action | None:
        state = request.state if isinstance(request.state, State) else self._begin(request)
        page = self._error_page(state, status)
        if page is None:
            return None
        action = self._answer(state, page)
        if status == 401:
            challenges = tuple(field for field in answer_headers if field[0].lower() == "www-authenticate")
            edits = replace(action.edits, add_always=(*action.edits.add_always, *challenges))
            return replace(action, edits=edits)
        return action

    def log_line(self, request: FrontRequest, facts: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        state = request.state if isinstance(request.state, State) else self._begin(request)
        if not state.location.logs:
            return ()
        state.facts = facts
        return list(log_lines(state, state.location))

    # --- the server -----------------------------------------------------------------------------

    def _begin(self, request: FrontRequest) -> State:
        address = self._address(request)
        server, match = address.find(request.host)
        # As nginx reads paths and names of fields before it knows the host, the default server's word counts.
        state = State(request, server, address.default, self.config, self._clock)
        if match:
            state.capture(match)
        request.state = state
        return state

    def _address(self, request: FrontRequest) -> _Address:
        host, port = request.exchange.connection.local
        everywhere = "::" if ":" in host else ""
        for key in ((host, port, ""), (everywhere, port, ""), ("::", port, "")):
            if found := self._addresses.get(key):
                return found
        # A Unix socket has no address here, and a front may listen elsewhere than is written.
        for (_, _, path), found in self._addresses.items():
            if path and not port:
                return found
        return next(iter(self._addresses.values()))

    # --- the phases -----------------------------------------------------------------------------

    def _answer(self, state: State, step: _Step | _Fail) -> Action:
        """Go through the phases until something is decided; step: where to begin, None: with the server."""
        while True:
            try:
                if isinstance(step, _Fail):
                    failed, step = step, None
                    raise failed
                action = self._run(state, step)
            except _Fail as failed:
                page = self._error_page(state, failed.status)
                if page is None:
                    edits = self._answers.edits(state)
                    if failed.headers:
                        edits = replace(edits, add_always=(*edits.add_always, *failed.headers))
                    return Deny(failed.status, edits)
                if isinstance(page, FixedAnswer):
                    return page
                step = page
            else:
                return action

    def _run(self, state: State, step: _Step) -> Action:
        while True:
            match step:
                case _Named(name):
                    self._change(state)
                    location = state.server.named.get(name)
                    if location is None:
                        _LOG.error("could not find named location %r", name)
                        raise _Fail(500)
                    state.internal = True
                    state.location = location
                    step = self._at_location(state)
                case _Redirect(uri, args):
                    self._change(state)
                    state.uri, state.args = uri, args
                    state.internal = True
                    state.raw_path_valid = False
                    step = self._at_server(state)
                case None:
                    step = self._at_server(state)
                case _:
                    return step

    def _change(self, state: State) -> None:
        state.changes -= 1
        if state.changes == 0:
            _LOG.error("rewrite or internal redirection cycle at %s", state.uri)
            raise _Fail(500)

    def server_for(self, listen: Listen, host: str) -> Server:
        """The server of an address that answers for host."""
        return self._addresses[listen.address].find(host)[0]

    def _at_server(self, state: State) -> _Step:
        state.location_valid = True
        state.location = state.server.location
        answer = self._rewrite(state, state.location.operations)
        return answer or self._find(state)

    def _find(self, state: State) -> _Step:
        state.uri_changed = False
        top = state.location = state.server.location
        found, slash = find_location(state, top)
        location = state.location = found or top
        if location.internal and not state.internal:
            raise _Fail(404)
        if location.max_body_bytes:
            length = state.request.exchange.content_length
            if length is not None and length > location.max_body_bytes:
                raise _Fail(413)
        if slash:
            place = f"{location.name}?{state.args}" if state.args else location.name
            return self._moved(state, 301, place)
        return self._at_location(state)

    def _at_location(self, state: State) -> _Step:
        location = state.location
        if location is not state.server.location and location.operations:
            if answer := self._rewrite(state, location.operations):
                return answer
            if state.uri_changed:
                self._change(state)
                return self._find(state)
            location = state.location
        if is_secret(state.uri) or is_secret(state.request.path):
            raise _Fail(404)
        if location.peers and not _admitted(state.request.exchange.connection.peer[0], location.peers):
            raise _Fail(403)
        try:
            return self._try_files(state) or self._content(state)
        except files.Unreadable as error:
            raise _Fail(error.status) from error

    # --- rewrite --------------------------------------------------------------------------------

    def _rewrite(self, state: State, operations: Iterable[Operation]) -> Action | None:
        answer = self._operate(state, operations)
        return answer if isinstance(answer, FixedAnswer) else None

    def _operate(self, state: State, operations: Iterable[Operation]) -> FixedAnswer | bool:
        """Take the steps; True: no further ones, also not of the block around these."""
        for operation in operations:
            match operation:
                case If():
                    if _holds(state, operation.test):
                        if operation.location is not None:
                            state.location = operation.location
                        if ended := self._operate(state, operation.operations):
                            return ended
                case Return():
                    return self._return(state, operation)
                case Rewrite():
                    if ended := self._replace(state, operation):
                        return ended
                case SetVariable(name, value):
                    text = value(state)
                    if name == "args":
                        state.args = text
                    else:
                        state.request.variables[name] = text
                case Jump():
                    state.uri_changed = False
                    return True
        return False

    def _return(self, state: State, operation: Return) -> FixedAnswer:
        status, text = operation.status, operation.text
        if status >= 400 and status != 444 and text is None:
            raise _Fail(status)
        value = text(state) if text is not None else ""
        if status in _REDIRECTS:
            return self._moved(state, status, value)
        return FixedAnswer(
            state.error_status or status,
            octets(value),
            content_type(state.location, state.uri) if status not in (204, 304, 444) else None,
            edits=self._answers.edits(state),
        )

    def _replace(self, state: State, operation: Rewrite) -> FixedAnswer | bool:
        match = operation.pattern.regex.search(state.uri)
        if not match:
            return False
        state.capture(match)
        if operation.flag in ("redirect", "permanent"):
            place = _with_escaped_captures(state, operation.uri, escape_redirect)
            args = (
                None if operation.args is None else _with_escaped_captures(state, operation.args, escape_args)
            )
            place = place if args is None else f"{place}?{args}"
            if operation.keep_args and state.args:
                place += f"{'?' if args is None else '&'}{state.args}"
            return self._moved(state, 301 if operation.flag == "permanent" else 302, place)
        uri = operation.uri(state)
        args = None if operation.args is None else _with_escaped_captures(state, operation.args, escape_args)
        if args is not None:
            state.args = f"{args}&{state.args}" if operation.keep_args and state.args else args
        elif not operation.keep_args:
            state.args = ""
        if not uri:
            _LOG.error("the rewritten URI has a zero length")
            raise _Fail(500)
        state.uri = uri
        state.internal = True
        state.raw_path_valid = False
        if operation.flag == "break":
            state.location_valid = False
            state.uri_changed = False
            return True
        state.uri_changed = True
        return operation.flag == "last"

    # --- content --------------------------------------------------------------------------------

    def _try_files(self, state: State) -> _Step:
        tries = state.location.try_files
        if not tries:
            return None
        root = state.location.root
        before = state.uri[: root.cut] if root.is_alias and root.cut is not None else ""
        for candidate in tries[:-1]:
            text = candidate(state)
            wants_folder = candidate.text.endswith("/")
            if root.is_alias and root.cut is not None and text.startswith(before):
                text = text[len(before) :]
            uri = before + text
            if files.kind_of(state, uri) == ("folder" if wants_folder else "file"):
                # Of a folder only the slash remains that the path itself has had.
                state.uri = uri[:-1] if wants_folder else uri
                return None
        last = tries[-1]
        text = last(state)
        if last.text.startswith("="):
            status = int(last.text[1:])
            if status < 400:
                return FixedAnswer(status, edits=self._answers.edits(state))
            raise _Fail(status)
        if last.text.startswith("@"):
            return _Named(text)
        uri, _, args = text.partition("?")
        return _Redirect(uri, args)

    def _content(self, state: State) -> _Step:
        location = state.location
        if location.proxy is not None:
            try:
                return self._proxying.action(state, location.proxy)
            except NoSuchBackend as error:
                _LOG.error("%s: %s", location.source, error)
                raise _Fail(502) from error
        method = state.method
        if method not in ("GET", "HEAD", "POST", "OPTIONS"):
            raise _Fail(405, (_ALLOWED,))
        if state.uri.endswith("/"):
            return self._index(state)
        match files.kind_of(state, state.uri):
            case "folder":
                place = escape_redirect(state.uri) + "/"
                if place.startswith("//"):
                    place = "/" + place.lstrip("/")
                return self._moved(state, 301, f"{place}?{state.args}" if state.args else place)
            case "file":
                edits = self._answers.edits(state)
                if method == "OPTIONS":
                    return FixedAnswer(204, headers=(_ALLOWED,), edits=edits)
                if method == "POST":
                    raise _Fail(405, (_ALLOWED,))
                return files.file_action(state, location, edits)
        raise _Fail(404)

    def _index(self, state: State) -> _Step:
        is_folder: bool | None = None
        for candidate in state.location.index:
            name = candidate(state)
            if name.startswith("/"):
                return _Redirect(name, state.args)
            if name and files.kind_of(state, state.uri + name) in ("file", "folder"):
                return _Redirect(state.uri + name, state.args)
            if is_folder is None and not (is_folder := files.kind_of(state, state.uri) == "folder"):
                raise _Fail(404)
        raise _Fail(403)

    def _moved(self, state: State, status: int, place: str) -> FixedAnswer:
        headers = (("Location", redirect_to(state, place)),) if place else ()
        return FixedAnswer(status, headers=headers, edits=self._answers.edits(state))

    # --- errors ---------------------------------------------------------------------------------

    def _error_page(self, state: State, status: int) -> _Redirect | _Named | FixedAnswer | None:
        state.error_status = status
        location = state.location
        if state.error_page or not location.error_pages or state.changes <= 0:
            return None
        page = next((page for page in location.error_pages if page.status == status), None)
        state.error_page = not location.recursive_error_pages
        if page is None:
            return None
        if page.overwrite is not None:
            state.error_status = page.overwrite
        place = page.page(state)
        if place.startswith("@"):
            return _Named(place)
        if place.startswith("/"):
            if state.method != "HEAD":
                state.method = "GET"
            uri, _, args = place.partition("?")
            return _Redirect(uri, args)
        status = state.error_status if state.error_status in _REDIRECTS else 302
        return self._moved(state, status, place)


class _Address:
    """The servers of one listening address, and how a host finds its own."""

    def __init__(self) -> None:
        self._default: Server | None = None
        self._exact: dict[str, Server] = {}
        self._wild: dict[str, Server] = {}
        self._regexes: list[tuple[Pattern, Server]] = []
        self._first: Server | None = None

    def add(self, server: Server, listen: Listen) -> None:
        self._first = self._first or server
        if listen.default_server:
            self._default = server
        for name in server.names or ("",):
            if isinstance(name, Pattern):
                self._regexes.append((name, server))
            elif name.startswith(("*.", ".")) or name.endswith(".*"):
                self._wild.setdefault(name, server)
            else:
                self._exact.setdefault(name, server)

    @property
    def default(self) -> Server:
        assert self._first is not None
        return self._default or self._first

    def find(self, host: str) -> tuple[Server, re.Match[str] | None]:
        host = host.removesuffix(".")
        found = self._exact.get(host)
        if found is None and host and self._wild:
            found = look_up_wildcard(self._wild, host)
        if found is not None:
            return found, None
        for pattern, server in self._regexes if host else ():
            if match := pattern.regex.search(host):
                return server, match
        return self.default, None


def find_location(state: State, parent: Location) -> tuple[Location | None, bool]:
    """Find where the path belongs below parent; True with it: the path lacks only the slash at the end."""
    found, _, slash = _search(state, parent)
    return found, slash


def _search(state: State, parent: Location) -> tuple[Location | None, bool, bool]:
    uri = state.uri
    if exact := parent.exact.get(uri):
        return exact, True, False
    prefix = None
    for candidate in parent.prefixes:
        if uri.startswith(candidate.name):
            prefix = candidate
            break
    if (prefix is None or prefix.name != uri) and (redirecting := parent.slashed.get(uri)):
        return redirecting, True, True
    best, skip_regexes = prefix, False
    if prefix is not None:
        skip_regexes = prefix.kind == "^~"
        if prefix.exact or prefix.prefixes or prefix.regexes:
            inner, final, slash = _search(state, prefix)
            if final:
                return inner, final, slash
            best = inner or prefix
    if not skip_regexes:
        for candidate in parent.regexes:
            assert candidate.pattern is not None
            if match := candidate.pattern.regex.search(uri):
                state.capture(match)
                inner, _, slash = _search(state, candidate)
                return inner or candidate, True, slash
    return best, False, False


def _holds(state: State, test: Test) -> bool:
    subject = test.subject(state)
    match test.operator:
        case "":
            result = subject not in ("", "0")
        case "=":
            result = test.value is not None and subject == test.value(state)
        case "~":
            match = test.pattern.regex.search(subject) if test.pattern else None
            if match:
                state.capture(match)
            result = match is not None
        case _:
            result = files.test_file(subject, test.operator)
    return result is not test.negated


def _with_escaped_captures(state: State, text: Template, escape: Callable[[str], str]) -> str:
    """Fill in a text; what a capture has taken from a path with escapes is escaped again."""
    if not (state.quoted or state.plus) or not any(name.isdigit() for name in text.names):
        return text(state)
    captures = state.captures
    try:
        state.captures = tuple(value and escape(value) for value in captures)
        return text(state)
    finally:
        state.captures = captures


def _admitted(peer: str, rules: Iterable[PeerRule]) -> bool:
    for rule in rules:
        if rule.network == "" or (rule.network == "unix:" and not peer):
            return rule.allow
        if peer and rule.network != "unix:" and _is_in(peer, rule.network):
            return rule.allow
    return True


@lru_cache(4096)
def _is_in(peer: str, network: str) -> bool:
    return ipaddress.ip_address(peer.partition("%")[0]) in ipaddress.ip_network(network, strict=False)
