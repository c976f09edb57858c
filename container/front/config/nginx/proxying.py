"""Make the ProxyAction of a request at a location with proxy_pass: group, target, header, limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Literal

from container.files import format_http_date
from container.front.balancer import Address, Ask, Balancer, Member
from container.front.config.mistakes import BadDirective
from container.front.config.nginx.answers import Answers
from container.front.config.nginx.model import Group, Location, ProxyPass
from container.front.config.nginx.paths import escape_path
from container.front.config.nginx.upstreams import split_port
from container.front.config.nginx.values import words
from container.front.config.nginx.variables import State, octets, to_header
from container.front.fields import end_to_end
from container.front.site import HeaderEdits, Headers, ProxyAction, ProxyLimits
from container.front.upstream import NextUpstream, Server, ServerConfig, Upstream, UpstreamConfig

__all__ = ["NoSuchBackend", "Proxying"]

_CONTROLLED = words("connection content-length transfer-encoding te keep-alive expect upgrade")
"""Not sent when proxy_set_header says so either, but Connection and Upgrade together ask for an upgrade."""
_LAST_S = 2145916555  # Thu, 31 Dec 2037 23:55:55 GMT
_MOST_GROUPS = 1024  # that come from variables; their addresses may come from a client


class NoSuchBackend(Exception):  # noqa: N818  it is an answer
    """A proxy_pass with variables has led nowhere; the message is for the log."""


class Proxying:
    """The groups of a configuration while it runs."""

    def __init__(self, groups: Mapping[str, Group], answers: Answers) -> None:
        self.balancers: dict[str, Upstream] = {
            name: Upstream(group.upstream) for name, group in groups.items()
        }
        self._groups = dict(groups)
        self._answers = answers
        self._views: dict[tuple[str, NextUpstream], Balancer] = {}
        self._limits: dict[tuple[int, str, bool], ProxyLimits] = {}

    def action(self, state: State, proxy: ProxyPass) -> ProxyAction:
        """Raises NoSuchBackend where variables give no usable address."""
        location = state.location
        if proxy.upstream is not None:
            name, uri = proxy.upstream, proxy.uri
            state.proxy_host = proxy.host
            target = _target(state, proxy, uri)
        else:
            name, uri = self._resolve(state, proxy)
            target = _target(state, proxy, None) if uri is None else _on_one_line(uri)
        group = self._groups[name]
        headers, upgrade = _headers(state)
        sticky = group.sticky
        sessions = tuple(filter(None, (route(state) for route in sticky.routes)))[:1] if sticky else ()

        def for_member(server: Member) -> ProxyAction:
            assert isinstance(server, Server)
            return self._with_cookie(action, state, group, server.route)

        action = ProxyAction(
            group=self._view(name, location.next_upstream),
            ask=Ask(
                method=location.method(state) if location.method else state.method,
                client=state.request.exchange.connection.peer[0],
                key=group.key(state) if group.key else "",
                sessions=sessions,
                replayable=location.limits.request_buffering,
            ),
            target=target,
            headers=headers,
            limits=self._limits_of(location, group, upgrade),
            edits=self._answers.edits(state, proxied=True),
            status=state.error_status or 0,
            # An error page is read, whatever was to be done.
            send_body=location.pass_request_body and state.method == state.request.exchange.method,
            for_member=for_member if sticky and sticky.cookie else None,
        )
        return action

    def _with_cookie(self, action: ProxyAction, state: State, group: Group, route: str) -> ProxyAction:
        """The action with the cookie that binds the client to the server, unless it is bound to it."""
        sticky = group.sticky
        if sticky is None or action.ask.sessions == (route,):
            return action
        parts = [f"{sticky.cookie}={route}"]
        if sticky.max_age_s is not None:
            now_s = state.clock()
            parts.append(f"expires={format_http_date(min(now_s + sticky.max_age_s, _LAST_S))}")
            parts.append(f"max-age={sticky.max_age_s}")
        parts += [attribute(state) for attribute in sticky.attributes]
        cookie = ("Set-Cookie", to_header("; ".join(parts)))
        edits = action.edits
        if (later := edits.later) is not None:

            def with_cookie(facts: Mapping[str, str]) -> HeaderEdits:
                found = later(facts)
                return replace(found, add_always=(*found.add_always, cookie))

            return replace(action, edits=replace(edits, later=with_cookie))
        return replace(action, edits=replace(edits, add_always=(*edits.add_always, cookie)))

    def _view(self, name: str, policy: NextUpstream) -> Balancer:
        key = (name, policy)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self.balancers[name].with_policy(policy)
        return view

    def _limits_of(self, location: Location, group: Group, upgrade: bool) -> ProxyLimits:
        key = (id(location), group.upstream.name, upgrade)
        limits = self._limits.get(key)
        if limits is None:
            closes = location.limits.http_version == "1.0" or any(
                name.lower() == "connection" and value.text.lower() == "close"
                for name, value in location.set_headers
            )
            limits = self._limits[key] = replace(
                location.limits,
                keepalive=0 if closes else group.keepalive,
                keepalive_timeout_s=group.keepalive_timeout_s,
                keepalive_requests=group.keepalive_requests,
                upgrade=upgrade,
            )
        return limits

    def _resolve(self, state: State, proxy: ProxyPass) -> tuple[str, str | None]:
        """The group and the path of an address with variables."""
        url = proxy.url(state)
        match = re.fullmatch(r"(?i)(https?)://(unix:[^:]+|[^/?]+)(?<!:):?([/?].*)?", url, re.DOTALL)
        if not match:
            raise NoSuchBackend(f'invalid URL "{url}" in proxy_pass')
        scheme: Literal["http", "https"] = "https" if match[1].lower() == "https" else "http"
        host, uri = match[2], match[3]
        state.proxy_host = "localhost" if host.startswith("unix:") else host
        if uri and not uri.startswith("/"):
            uri = f"/{uri}"
        name = host if scheme == "http" else f"https://{host}"
        if host in self._groups:
            return host, uri
        if name not in self._groups:
            address = _literal(scheme, host)
            if len(self._groups) >= _MOST_GROUPS:
                raise NoSuchBackend(f"too many different addresses in proxy_pass: {host}")
            upstream = UpstreamConfig(name, (ServerConfig(host, address),))
            self._groups[name] = Group(source=state.location.source, upstream=upstream, implicit=True)
            self.balancers[name] = Upstream(upstream)
        return name, uri


def _literal(scheme: Literal["http", "https"], host: str) -> Address:
    if host.startswith("unix:"):
        return Address(scheme, "", 0, host[5:])
    try:
        name, port = split_port(host)
        return Address(scheme, str(ip_address(name)), port or (443 if scheme == "https" else 80))
    except (BadDirective, ValueError):
        raise NoSuchBackend(
            f"{host} in proxy_pass is neither an upstream nor an address, and names are not looked up "
            "while requests wait: name an upstream"
        ) from None


def _target(state: State, proxy: ProxyPass, uri: str | None) -> bytes:
    if uri is None and state.raw_path_valid:
        return octets(state.target)
    path = state.uri
    if uri is not None and state.location_valid:
        rest = path[len(proxy.location) :]
        path = uri + (escape_path(rest) if state.quoted or state.internal else rest)
    elif state.quoted or state.internal:
        path = escape_path(path)
    target = f"{path}?{state.args}" if state.args else path
    return _on_one_line(target)


def _on_one_line(target: str) -> bytes:
    """Escape what would end a target, or the line it stands in; variables may have brought it."""
    return re.sub(rb"[\x00-\x20\x7f]", lambda match: b"%%%02X" % match[0][0], octets(target))


def _headers(state: State) -> tuple[Headers, bool]:
    """The header for the backend, and whether an upgrade is asked for."""
    location = state.location
    headers: list[tuple[str, str]] = []
    said = {"host"} if not location.set_headers else set()
    own: dict[str, str] = {}
    for name, value in location.set_headers:
        lower = name.lower()
        said.add(lower)
        text = value(state)
        if lower in _CONTROLLED:
            own[lower] = text
        elif text:
            headers.append((name, to_header(text)))
    if "host" not in said or not location.set_headers:
        headers.insert(0, ("Host", to_header(state.proxy_host)))
        said.add("host")
    upgrade = bool(own.get("upgrade")) and "upgrade" in own.get("connection", "").lower()
    if location.pass_request_headers:
        for _, name, text in end_to_end(state.request.exchange.headers, said):
            if "_" not in name or state.underscores_in_headers:
                headers.append((name, text))
    return tuple(headers), upgrade
