"""What a front does with a request: the decisions that every way of configuring it comes down to.

    nginx.conf ── config/nginx/ ────────────────────────┐
    httpd.conf, workers.properties ── config/apache/ ───┼──> Site ──decide──> Action ── front.py ──> answer
    `was run --containers` ── containers.py ────────────┘

A Site decides and sends nothing. It may look at the file system (try_files, index), as what is there is what
it decides by. An Action is complete: whoever carries it out (documents.py, proxy.py) needs no configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from container.front.balancer import Ask, Balancer, Member
from container.front.compression import Compression
from container.protocols.backend import Origin
from container.protocols.exchange import Exchange

__all__ = [
    "NO_EDITS",
    "Action",
    "Deny",
    "FileAction",
    "FixedAnswer",
    "FrontRequest",
    "HeaderEdits",
    "ProxyAction",
    "ProxyLimits",
    "Site",
]

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class FrontRequest:
    """A request on its way through a Site; one for each, never reused."""

    exchange: Exchange
    scheme: str
    host: str
    """Lower case, without port; "" if the client has not said."""
    path: str
    """Decoded once, canonical, as surrogate-escaped text; what locations and files are matched against."""
    query: str | None
    headers: Mapping[str, str]
    """By lower-case name; several values joined as the protocol says."""
    variables: dict[str, str] = field(default_factory=dict)
    """What the configuration has set for this request, such as nginx's."""
    restarts: int = 0
    state: object = None
    """What the Site remembers between its answers about this request; nobody else's."""


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """What a site does to an answer on its way out. Each pair: (name, value); always: whatever the status."""

    add: Headers = ()
    add_always: Headers = ()
    remove: frozenset[str] = frozenset()
    replace: Headers = ()
    redirects: tuple[tuple[str, str], ...] = ()
    """Beginnings of Location and what takes their place (proxy_redirect, ProxyPassReverse)."""
    rewrites: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    """How the values of these fields are changed, by lower-case names."""
    later: Callable[[Mapping[str, str]], HeaderEdits] | None = None
    """These edits again, now that the facts about the answer are known: status, and upstream_… of a proxied
    one, by the names of log_line. None: they do not depend on them."""
    compression: Compression | None = None
    """None: the answer is sent as it is."""


NO_EDITS = HeaderEdits()


@dataclass(frozen=True, slots=True)
class FixedAnswer:
    """The site answers itself: return, redirects, errors. status 444: close without a word."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Headers = ()
    edits: HeaderEdits = NO_EDITS


@dataclass(frozen=True, slots=True)
class FileAction:
    """Serve a file below root, by the rules of a document root. path is relative to it and canonical."""

    root: str
    path: str
    status: int = 200
    content_type: str | None = None
    """None: by the name's extension in types, else default_type."""
    types: Mapping[str, str] | None = None
    default_type: str | None = None
    precompressed: tuple[tuple[str, str], ...] = ()
    """(content coding, how the file's name ends), the preferred one first."""
    edits: HeaderEdits = NO_EDITS


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """Times in seconds, sizes in bytes; 0: no limit."""

    connect_timeout_s: float = 60.0
    send_timeout_s: float = 60.0
    read_timeout_s: float = 60.0
    request_buffering: bool = True
    response_buffering: bool = True
    max_body_bytes: int = 0
    keepalive: int = 0
    """Idle connections kept in the pool; 0: none."""
    keepalive_timeout_s: float = 60.0
    keepalive_requests: int = 1000
    pool: str = ""
    """Whose connections these are; "": all members of the group share one pool."""
    max_connections: int = 0
    """Of the pool, busy ones; whoever wants one more waits for acquire_timeout_s."""
    acquire_timeout_s: float = 0.0
    upgrade: bool = False
    """Whether an upgrade that the client asks for is passed on."""
    intercept_errors: bool = False
    ajp_secret: str | None = None
    ajp_packet_bytes: int = 8192
    ajp_connect_ping_timeout_s: float = 0.0
    """0: no ping on a new connection."""
    ajp_ping_timeout_s: float = 0.0
    """0: no ping before a request on a kept connection."""
    http_version: str = "1.1"


@dataclass(slots=True)  # one for each request, and frozen it would take twice as long to make
class ProxyAction:
    """Pass the request on to one of a group."""

    group: Balancer
    ask: Ask
    target: bytes
    """The request target as the backend gets it."""
    headers: Headers
    """The complete end-to-end header for the backend, Host included; framing is the proxy's affair."""
    limits: ProxyLimits = ProxyLimits()
    edits: HeaderEdits = NO_EDITS
    attributes: Headers = ()
    """AJP request attributes (JkEnvVar)."""
    status: int = 0
    """What to answer instead of the backend's status (it gives an error page); 0: the backend's."""
    send_body: bool = True
    """Whether the backend gets the request's body."""
    origin: Origin | None = None
    """What an AJP container is told about where the request comes from; None: what the front itself sees."""
    for_member: Callable[[Member], ProxyAction] | None = None
    """This action for the member that has been chosen; None: it is the same for all of them. What is done
    with the request's body (max_body_bytes, request_buffering) does not depend on the member."""


@dataclass(frozen=True, slots=True)
class Deny:
    """Answer an error; the site's error pages have been asked already."""

    status: int
    edits: HeaderEdits = NO_EDITS


Action = FixedAnswer | FileAction | ProxyAction | Deny


class Site(Protocol):
    """Everything that one configuration says about requests of its listeners."""

    def decide(self, request: FrontRequest) -> Action:
        """What to do. Runs on the loop: may look at files, must not wait."""

    def decide_error(self, request: FrontRequest, status: int, answer_headers: Headers = ()) -> Action | None:
        """What to do instead of answering this status: an error page; None: the front's own page."""

    def log_line(self, request: FrontRequest, facts: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """The lines of the site's access logs: (file, line). facts: status, bytes, times, upstream_…."""
