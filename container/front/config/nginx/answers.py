"""What an nginx location does to the answers given at it: header, types, redirects; and what it logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from container.files import format_http_date, mime_type
from container.front.config.mistakes import BadDirective
from container.front.config.nginx import values
from container.front.config.nginx.model import Expires, Location, LogFormat, Map, Replacement, with_charset
from container.front.config.nginx.rewriting import rewrites
from container.front.config.nginx.values import Template, words
from container.front.config.nginx.variables import State, is_late, octets, to_header
from container.front.site import NO_EDITS, HeaderEdits, Headers

__all__ = ["Answers", "content_type", "log_lines", "redirect_to"]

_CHANGED = frozenset({200, 201, 204, 206, 301, 302, 303, 304, 307, 308})
"""The statuses that add_header without always and expires count for."""
_OF_THE_REQUEST = values.template("$request")
_LONG_AGO = "Thu, 01 Jan 1970 00:00:01 GMT"
_FAR_AWAY = "Thu, 31 Dec 2037 23:55:55 GMT"

# Of a backend's answer; proxy_pass_header lets them through.
_HIDDEN = words(
    "date server x-pad x-accel-expires x-accel-redirect x-accel-limit-rate x-accel-buffering x-accel-charset"
)


class Answers:
    """Makes the edits of a configuration's locations; those that never change are made once."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        self._late = _late_maps(maps)
        self._known: dict[tuple[int, bool], HeaderEdits] = {}

    def edits(self, state: State, *, proxied: bool = False) -> HeaderEdits:
        """The edits of an answer given at the state's location."""
        key = (id(state.location), proxied)
        known = self._known.get(key)
        if known is not None:
            return known
        location = state.location
        templates = [header.value for header in location.add_headers]
        if location.expires:
            templates.append(location.expires.value)
        redirects = _redirects(location) if proxied else ()
        edits = _edits(state, location, redirects, proxied=proxied)
        if edits.rewrites:
            templates.append(_OF_THE_REQUEST)
        if location.expires is None and all(
            found.constant for found in (*templates, *(rule.target for rule in redirects))
        ):
            self._known[key] = edits
        elif (location.expires is not None and proxied) or any(self._is_late(found) for found in templates):
            return replace(
                edits, later=lambda facts: _edits(state, location, redirects, facts, proxied=proxied)
            )
        return edits

    def _is_late(self, found: Template) -> bool:
        return any(is_late(name) or name in self._late for name in found.names)


def _late_maps(maps: Mapping[str, Map]) -> frozenset[str]:
    late: set[str] = set()
    while True:
        more = {name for name, table in maps.items() if _depends(table, late)} - late
        if not more:
            return frozenset(late)
        late |= more


def _depends(table: Map, late: set[str]) -> bool:
    return any(is_late(name) or name in late for text in table.texts for name in text.names)


def _edits(
    state: State,
    location: Location,
    redirects: Sequence[Replacement],
    facts: Mapping[str, str] | None = None,
    *,
    proxied: bool,
) -> HeaderEdits:
    state.facts = facts or {}
    add: list[tuple[str, str]] = []
    always: list[tuple[str, str]] = []
    remove = set() if location.etag else {"etag"}
    replaced: Headers = ()
    for header in location.add_headers:
        value = to_header(header.value(state))
        if header.name.lower() == "last-modified":
            remove.add("last-modified")
        if value:
            (always if header.always else add).append((header.name, value))
    if location.expires:
        fields = _expires(location.expires, state)
        if not proxied:
            add[:0] = fields
        elif facts and facts.get("status", "").isdigit() and int(facts["status"]) in _CHANGED:
            replaced = fields
    if proxied:
        remove |= (_HIDDEN | location.hide_headers) - location.pass_headers
    is_plain = all(rule.is_plain for rule in redirects)
    edits = HeaderEdits(
        add=tuple(add),
        add_always=tuple(always),
        remove=frozenset(remove),
        replace=replaced,
        redirects=tuple((rule.source.text, to_header(rule.target(state))) for rule in redirects)
        if is_plain
        else (),
        rewrites=rewrites(state, location, () if is_plain else redirects) if proxied else {},
        compression=location.compression if location.gzip else None,
    )
    return NO_EDITS if edits == NO_EDITS else edits


def _redirects(location: Location) -> tuple[Replacement, ...]:
    """proxy_redirect; its default turns the backend's address into the location's name."""
    if location.redirects is not None:
        return location.redirects
    proxy = location.proxy
    if proxy is None or proxy.upstream is None:
        return ()
    if proxy.uri is None:
        return (Replacement(values.template(f"{proxy.url.text}/"), values.template("/")),)
    return (Replacement(proxy.url, Template(proxy.location, (proxy.location,))),)


def _expires(expires: Expires, state: State) -> Headers:
    text = expires.value(state)
    now = state.clock()
    if text in ("", "off"):
        return ()
    if text == "epoch":
        return (("Expires", _LONG_AGO), ("Cache-Control", "no-cache"))
    if text == "max":
        return (("Expires", _FAR_AWAY), ("Cache-Control", "max-age=315360000"))
    try:
        span = values.seconds(text.lstrip("+-@"))
    except BadDirective:
        return ()
    if text.startswith("@"):
        day = now - now % 86400
        span = (day + span if day + span > now else day + 86400 + span) - now
    elif text.startswith("-"):
        return (("Expires", format_http_date(now - span)), ("Cache-Control", "no-cache"))
    return (("Expires", format_http_date(now + span)), ("Cache-Control", f"max-age={int(span)}"))


def content_type(location: Location, uri: str) -> str:
    """The type that a text given at uri has, with the charset."""
    found = mime_type(uri, location.types) or location.default_type
    return with_charset(location, found)


def redirect_to(state: State, place: str) -> str:
    """What Location says; absolute only where the configuration asks for it."""
    location = state.location
    if place.startswith("/") and location.absolute_redirect:
        request = state.request
        host = state.server.name if location.server_name_in_redirect else request.host or state.server.name
        port = request.exchange.connection.local[1]
        usual = 443 if request.scheme == "https" else 80
        shown = f":{port}" if location.port_in_redirect and port and port != usual else ""
        place = f"{request.scheme}://{host}{shown}{place}"
    return to_header(place)


# --- logs ---------------------------------------------------------------------------------------

_DEFAULT_ESCAPES = re.compile(rb'["\\\x00-\x1f\x7f-\xff]')
_JSON_ESCAPES = re.compile(rb'["\\\x00-\x1f]')
_JSON = {
    b'"': b'\\"',
    b"\\": b"\\\\",
    b"\n": b"\\n",
    b"\r": b"\\r",
    b"\t": b"\\t",
    b"\b": b"\\b",
    b"\f": b"\\f",
}


def log_lines(state: State, location: Location) -> Iterator[tuple[str, str]]:
    """The lines of a request that is over, with the names of the files."""
    for log in location.logs:
        if log.condition is not None and log.condition(state) in ("", "0"):
            continue
        yield log.file(state), _line(log.format, state)


def _line(form: LogFormat, state: State) -> str:
    parts = list(form.line.parts)
    for index in range(1, len(parts), 2):
        value = values.value_of(parts[index], state)
        parts[index] = _escape(value, form.escape)
    return "".join(parts)


def _escape(value: str | None, form: str) -> str:
    if form == "default":
        if not value:
            return "-" if value is None else ""
        return _DEFAULT_ESCAPES.sub(lambda m: b"\\x%02X" % m[0][0], octets(value)).decode("ascii")
    if value is None:
        return ""
    if form == "none":
        return value
    escaped = _JSON_ESCAPES.sub(lambda m: _JSON.get(m[0]) or b"\\u%04x" % m[0][0], octets(value))
    return escaped.decode("utf-8", "surrogateescape")
