"""Pass a request on to a worker of mod_jk: who is asked for it, and what the member that is chosen is told.

    Mount, worker ──ToWorkers.action──> ProxyAction ──for_member──> its limits, route, activation, cookie

Variables of the environment (SetEnv, SetEnvIf) say for one request what else the configuration says:
JK_ROUTE, JK_REMOTE_USER and their like, by the names that the Jk…Indicator directives give them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from container.front.balancer import Ask, Member
from container.front.config.apache.groups import Groups
from container.front.config.apache.model import Server
from container.front.config.apache.modjk import AjpWorker, LbWorker
from container.front.config.apache.mounts import Extensions, Mount
from container.front.config.apache.rules import canonical, escaped
from container.front.origin import origin_of
from container.front.site import FrontRequest, HeaderEdits, ProxyAction, ProxyLimits
from container.front.stickiness import route_of, session_ids
from container.protocols.backend import Origin

__all__ = ["ToWorkers"]

_MOST_REPLAYED_BYTES = 8186  # the body that fits one AJP packet is kept for another attempt
_POOL = 64

Said = Callable[[str], str | None]
"""What a variable says, by its usual name; None: it is not set."""


class ToWorkers:
    """All requests of one server that go to workers."""

    def __init__(self, server: Server, groups: Groups) -> None:
        self._server = server
        self._groups = groups
        self._limits: dict[tuple[str, float, int, bool, bool], ProxyLimits] = {}

    def action(
        self,
        request: FrontRequest,
        path: str,
        mount: Mount,
        worker: AjpWorker | LbWorker,
        headers: tuple[tuple[str, str], ...],
        edits: HeaderEdits,
        max_body_bytes: int,
    ) -> ProxyAction:
        names, variables, extensions = self._server.jk_names, request.variables, mount.extensions
        exchange = request.exchange

        def said(name: str) -> str | None:
            return variables.get(names.get(name, name))

        sessions = _sessions(request, worker, extensions, headers, said)
        variables[names.get("JK_WORKER_NAME", "JK_WORKER_NAME")] = mount.worker
        length = exchange.content_length
        is_small = length is not None or "transfer-encoding" not in request.headers
        is_small = is_small and (length or 0) <= _MOST_REPLAYED_BYTES
        group = self._groups.jk_view(mount.worker, extensions)
        candidates = worker.members if isinstance(worker, LbWorker) else (worker,)
        members = {each.name: each for each in candidates}
        origin = _said_origin(origin_of(request), said)
        attributes = self._attributes(variables)
        activation_name = names.get("JK_LB_ACTIVATION", "JK_LB_ACTIVATION")

        def limits(member: AjpWorker) -> ProxyLimits:
            reply_s = _reply_timeout(member, extensions, said)
            errors = extensions.use_server_errors >= 400
            return self._limits_of(member, reply_s, max_body_bytes, is_small, errors)

        def for_member(member: Member) -> ProxyAction:
            ajp = members[member.name]
            activation = group.activation_of(member.name)
            if not isinstance(worker, LbWorker):
                own, own_edits = origin._replace(route=said("JK_ROUTE")), edits
            else:
                own = origin._replace(route=ajp.config.route)
                own_edits = _with_cookie(edits, worker, extensions, sessions, ajp.config.route)
            return replace(
                action,
                limits=limits(ajp),
                origin=own,
                edits=own_edits,
                attributes=((activation_name, activation.value), *attributes),
            )

        action = ProxyAction(
            group,
            Ask(
                exchange.method,
                exchange.connection.peer[0],
                sessions=sessions,
                replayable=is_small,
                stateless=extensions.stateless or _is_on(said("JK_STATELESS")),
            ),
            self._target(request, path),
            headers,
            limits(candidates[0]),
            edits,
            attributes,
            for_member=for_member,
        )
        return action

    def _limits_of(
        self, worker: AjpWorker, reply_s: float, body_bytes: int, buffered: bool, errors: bool
    ) -> ProxyLimits:
        """Made once: they depend on little of a request."""
        key = (worker.name, reply_s, body_bytes, buffered, errors)
        limits = self._limits.get(key)
        if limits is None:
            limits = self._limits[key] = ProxyLimits(
                connect_timeout_s=worker.connect_timeout_s,
                send_timeout_s=worker.socket_timeout_s,
                read_timeout_s=reply_s,
                request_buffering=buffered,
                response_buffering=False,
                max_body_bytes=body_bytes,
                keepalive=worker.pool_size or _POOL,
                keepalive_timeout_s=worker.pool_timeout_s,
                keepalive_requests=0,
                pool=f"worker {worker.name}",
                max_connections=worker.pool_size,
                acquire_timeout_s=worker.acquire_timeout_s,
                intercept_errors=errors,
                ajp_secret=worker.secret,
                ajp_packet_bytes=worker.max_packet_size,
                ajp_connect_ping_timeout_s=worker.connect_ping_s or worker.request_ping_s,
                ajp_ping_timeout_s=worker.request_ping_s,
            )
        return limits

    def _target(self, request: FrontRequest, path: str) -> bytes:
        """The URI for the container; JkOptions say how it is escaped."""
        options = self._server.jk_options
        if "forwarduricompatunparsed" in options and path == request.path:
            return request.exchange.target
        if "forwarduricompat" in options:
            target = os.fsencode(path)
        elif "forwarduriescaped" in options:
            target = escaped(path).encode("ascii")
        else:
            target = canonical(path).encode("ascii")
        if request.query is not None:
            target += b"?" + request.query.encode("latin-1", "replace")
        return target

    def _attributes(self, variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """JkEnvVar."""
        found = []
        for name, default in self._server.jk_variables.items():
            value = variables.get(name, default)
            if value is not None:
                found.append((name, value))
        return tuple(found)


def _is_on(value: str | None) -> bool:
    return value is not None and value != "0"


def _sessions(
    request: FrontRequest,
    worker: AjpWorker | LbWorker,
    extensions: Extensions,
    headers: tuple[tuple[str, str], ...],
    said: Said,
) -> tuple[str, ...]:
    if route := said("JK_ROUTE"):
        return (f".{route}",)
    if not isinstance(worker, LbWorker) or extensions.sticky_ignore or _is_on(said("JK_STICKY_IGNORE")):
        return ()
    return session_ids(
        request.exchange.target.decode("latin-1"),
        [value for name, value in headers if name.lower() == "cookie"],
        extensions.session_cookie or worker.session_cookie,
        (extensions.session_path or worker.session_path).lstrip(";"),
    )


def _with_cookie(
    edits: HeaderEdits, worker: LbWorker, extensions: Extensions, sessions: tuple[str, ...], route: str
) -> HeaderEdits:
    """Edits with the cookie that binds a client to the member of this route, unless it is bound to it."""
    is_wanted = worker.set_session_cookie or extensions.set_session_cookie
    if not is_wanted or len(worker.members) == 1:
        return edits
    if worker.config.sticky_session and any(route_of(session) == route for session in sessions):
        return edits
    path = f";PATH={worker.session_cookie_path}" if worker.session_cookie_path else ""
    cookie = ("Set-Cookie", f"{worker.session_cookie}=.{route}{path};HttpOnly")
    return replace(edits, add_always=(*edits.add_always, cookie))


def _said_origin(origin: Origin, said: Said) -> Origin:
    """The origin as the environment says it is. mod_jk reads JK_LOCAL_ADDR, and tells the real one."""
    changes: dict[str, Any] = {}
    for name, field in _ORIGIN_TEXTS.items():
        if (text := said(name)) is not None:
            changes[field] = text
    for name, field in _ORIGIN_PORTS.items():
        if (text := said(name)) is not None and text.isdecimal() and int(text) < 65536:
            changes[field] = int(text)
    return origin._replace(**changes) if changes else origin


_ORIGIN_TEXTS = {
    "JK_REMOTE_USER": "user",
    "JK_AUTH_TYPE": "auth_type",
    "JK_REMOTE_ADDR": "address",
    "JK_REMOTE_HOST": "host",
    "JK_LOCAL_NAME": "server_name",
}
_ORIGIN_PORTS = {"JK_REMOTE_PORT": "port", "JK_LOCAL_PORT": "server_port"}


def _reply_timeout(worker: AjpWorker, extensions: Extensions, said: Said) -> float:
    text = said("JK_REPLY_TIMEOUT") or ""
    if text.isdecimal():
        return int(text) / 1000
    if extensions.reply_timeout_s is not None:
        return extensions.reply_timeout_s or worker.socket_timeout_s
    return worker.reply_timeout_s or worker.socket_timeout_s
