"""The groups of backends that ProxyPass and <Proxy balancer://...> describe.

ProxyPass, Balance ──make_group──> ProxyBackend: a ProxyGroup, what its URL adds to paths, its limits
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from container.errors import ConfigError, Source
from container.front.balancer import Address
from container.front.config.apache.model import Balance, ProxyPass
from container.front.config.mistakes import Mistakes
from container.front.health import HealthCheck
from container.front.mod_proxy import BackendConfig, GroupConfig, Method, ProxyGroup
from container.front.site import ProxyLimits

__all__ = ["ProxyBackend", "make_group"]

_METHODS: Mapping[str, Method] = {
    "byrequests": "byrequests",
    "bybusyness": "bybusyness",
    "bytraffic": "bytraffic",
}
_USED = frozenset(
    {
        "loadfactor", "route", "redirect", "lbset", "retry", "status", "timeout", "connectiontimeout", "ping",
        "ttl", "max", "acquire", "secret", "upgrade", "disablereuse", "enablereuse", "stickysession",
        "lbmethod", "maxattempts", "nofailover", "forcerecovery", "failonstatus", "iobuffersize",
        "hcmethod", "hcinterval", "hcpasses", "hcfails", "hcuri",
    }
)  # fmt: skip
_WITHOUT_EFFECT = frozenset(
    {
        "min", "smax", "keepalive", "flushpackets", "flushwait", "receivebuffersize",
        "responsefieldsize", "failontimeout", "growth", "nonce", "scolonpathdelim", "stickysessionsep",
        "addressttl", "bgrowth", "iobuffersize",
    }
)  # fmt: skip
_OF_BALANCERS = frozenset(
    {
        "stickysession", "stickysessionsep", "scolonpathdelim", "lbmethod", "maxattempts", "timeout",
        "nofailover", "forcerecovery", "failonstatus", "failontimeout", "growth", "nonce",
    }
)  # fmt: skip
_PROTOCOLS: Mapping[str, Literal["http", "https", "ajp"]] = {
    "http": "http",
    "https": "https",
    "ajp": "ajp",
    "ws": "http",
    "wss": "https",
}
_PORTS = {"http": 80, "https": 443, "ajp": 8009, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class ProxyBackend:
    """What a ProxyPass leads to."""

    group: ProxyGroup
    members: Mapping[str, ProxyMemberUrl]
    """By their names, which are the URLs as they are written."""
    sticky: tuple[str, str] = ("", "")
    """Cookie and path parameter of stickysession."""


@dataclass(frozen=True, slots=True)
class ProxyMemberUrl:
    """What the URL of one member, and its parameters, say."""

    path: str
    """What is put before a path."""
    authority: str
    limits: ProxyLimits
    is_ajp: bool
    check: HealthCheck | None = None


@dataclass(frozen=True, slots=True)
class _Url:
    address: Address
    authority: str
    path: str
    upgrade: bool


def _parse(url: str, source: Source | None) -> _Url:
    socket_path = ""
    if url.startswith("unix:"):
        socket_path, _, url = url.removeprefix("unix:").partition("|")
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    try:
        port = parts.port or _PORTS[scheme]
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"{source}: {url!r} is no URL of a backend. Write http://host:port/path."
        ) from error
    if not parts.hostname:
        raise ConfigError(f"{source}: {url!r} names no host. Write http://host:port/path.")
    protocol = _PROTOCOLS[scheme]
    if socket_path:
        address = Address(protocol, "", 0, socket_path)
    else:
        address = Address(protocol, parts.hostname, port)
    return _Url(address, parts.netloc.rpartition("@")[2], parts.path, scheme in ("ws", "wss"))


def _seconds(text: str, source: Source | None, name: str) -> float:
    match = re.fullmatch(r"([0-9]+)(ms|s|min|h)?", text.lower())
    if match is None:
        raise ConfigError(f"{source}: {name}={text} is no time. Write seconds, or 500ms.")
    return int(match[1]) * {"ms": 0.001, "min": 60, "h": 3600}.get(match[2] or "s", 1)


def _number(
    options: Mapping[str, str], name: str, default: int, source: Source | None, least: int = 0
) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]+", text) or int(text) < least:
        raise ConfigError(f"{source}: {name}={text} is no number from {least} on. Write {name}=10.")
    return int(text)


def _check(options: Mapping[str, str], source: Source | None) -> None:
    for name in options:
        if name not in _USED and name not in _WITHOUT_EFFECT:
            raise ConfigError(
                f"{source}: the parameter {name} is not implemented. There are {', '.join(sorted(_USED))}."
            )


def make_group(
    rule: ProxyPass, balances: Mapping[str, Balance], timeout_s: float, mistakes: Mistakes
) -> ProxyBackend:
    """Describe what the rule's URL leads to.

    timeout_s: ProxyTimeout, or Timeout. mistakes: gets those of members; others are raised.
    """
    url = rule.url or ""
    if not url.lower().startswith("balancer://"):
        return _single(rule, url, timeout_s)
    name, _, base = url[len("balancer://") :].partition("/")
    balance = balances.get(name.lower())
    if balance is None or balance.is_empty:
        raise ConfigError(
            f"{rule.source}: {url} has no members. Write <Proxy balancer://{name}> with BalancerMember lines."
        )
    options = {**balance.options, **rule.options}
    for option in options:
        if option not in _OF_BALANCERS:
            raise ConfigError(
                f"{rule.source}: {option} is no parameter of a balancer. Write it behind each BalancerMember."
            )
    backends, members = [], {}
    for member in balance.members:
        with mistakes.kept():
            _check(member.options, member.source)
            parsed = _parse(member.url, member.source)
            backends.append(_backend(member.url, parsed.address, member.options, member.source))
            members[member.url] = ProxyMemberUrl(
                parsed.path.rstrip("/") + (f"/{base}" if base else ""),
                parsed.authority,
                _limits(f"{name} {member.url}", member.options, parsed, member.source, timeout_s),
                parsed.address.protocol == "ajp",
                _check_of(parsed, member.options, member.source),
            )
    method = options.get("lbmethod", "byrequests").lower()
    if method not in _METHODS:
        raise ConfigError(
            f"{rule.source}: lbmethod={method} is not implemented. Write {', '.join(_METHODS)}."
        )
    sticky = options.get("stickysession", "")
    cookie, _, parameter = sticky.partition("|")
    attempts = options.get("maxattempts", "")
    config = GroupConfig(
        f"balancer://{name.lower()}",
        tuple(backends),
        _METHODS[method],
        bool(sticky),
        int(attempts) if attempts.isdecimal() else None,
        options.get("nofailover", "off").lower() == "on",
        options.get("forcerecovery", "on").lower() == "on",
        frozenset(int(code) for code in re.findall(r"[0-9]+", options.get("failonstatus", ""))),
    )
    return ProxyBackend(ProxyGroup(config), members, (cookie, parameter or cookie.lower()))


def _single(rule: ProxyPass, url: str, timeout_s: float) -> ProxyBackend:
    _check(rule.options, rule.source)
    bare = re.sub(r"\$[0-9].*", "", url)
    parsed = _parse(bare, rule.source)
    backend = _backend(bare, parsed.address, rule.options, rule.source)
    member = ProxyMemberUrl(
        parsed.path,
        parsed.authority,
        _limits("", rule.options, parsed, rule.source, timeout_s),
        parsed.address.protocol == "ajp",
        _check_of(parsed, rule.options, rule.source),
    )
    config = GroupConfig(bare, (backend,), max_attempts=0, is_balancer=False)
    return ProxyBackend(ProxyGroup(config), {bare: member})


def _backend(url: str, address: Address, options: Mapping[str, str], source: Source | None) -> BackendConfig:
    try:
        factor = float(options.get("loadfactor", "1"))
        lbset = int(options.get("lbset", "0"))
    except ValueError as error:
        raise ConfigError(f"{source}: loadfactor and lbset are numbers. Write loadfactor=2.") from error
    if not 1 <= factor <= 100:
        raise ConfigError(f"{source}: loadfactor={factor:g} is not between 1 and 100.")
    status: set[str] = set()
    for sign, letter in re.findall(r"([+-]?)([A-Za-z])", options.get("status", "")):
        (status.discard if sign == "-" else status.add)(letter.upper())
    return BackendConfig(
        url,
        address,
        factor,
        options.get("route", ""),
        options.get("redirect", ""),
        lbset,
        _seconds(options.get("retry", "60"), source, "retry"),
        frozenset(status),
    )


_HTTP_CHECKS: Mapping[str, tuple[str, Literal["1.0", "1.1"]]] = {
    "get": ("GET", "1.0"),
    "head": ("HEAD", "1.0"),
    "options": ("OPTIONS", "1.0"),
    "get11": ("GET", "1.1"),
    "head11": ("HEAD", "1.1"),
    "options11": ("OPTIONS", "1.1"),
}


def _check_of(url: _Url, options: Mapping[str, str], source: Source | None) -> HealthCheck | None:
    """mod_proxy_hcheck's parameters; without hcmethod nobody is asked."""
    method = options.get("hcmethod", "none").lower()
    if method == "none":
        return None
    if method not in ("tcp", "cping", *_HTTP_CHECKS):
        raise ConfigError(
            f"{source}: hcmethod={method}: write TCP, CPING, GET, HEAD or OPTIONS, or GET11 ..."
        )
    is_ajp = url.address.protocol == "ajp"
    if (method == "cping") is not is_ajp and method != "tcp":
        raise ConfigError(f"{source}: hcmethod={method}: CPING is for ajp:// and the others for http://.")
    interval_s = _seconds(options.get("hcinterval", "30"), source, "hcinterval")
    if not interval_s:
        raise ConfigError(f"{source}: hcinterval=0 is no interval. Write hcinterval=5.")
    timeout_s = _seconds(options["timeout"], source, "timeout") if "timeout" in options else interval_s
    verb, version = _HTTP_CHECKS.get(method, ("GET", "1.0"))
    uri = options.get("hcuri", "")
    target = url.path.rstrip("/") + uri if uri else ("*" if verb == "OPTIONS" else url.path or "/")
    return HealthCheck(
        kind="tcp" if method == "tcp" else "ping" if is_ajp else "http",
        method=verb,
        target=target,
        host=url.authority,
        http_version=version,
        interval_s=interval_s,
        timeout_s=min(timeout_s, interval_s),
        passes=_number(options, "hcpasses", 1, source, least=1),
        fails=_number(options, "hcfails", 1, source, least=1),
    )


def _limits(
    pool: str, options: Mapping[str, str], url: _Url, source: Source | None, timeout_s: float
) -> ProxyLimits:
    timeout_s = _seconds(options["timeout"], source, "timeout") if "timeout" in options else timeout_s
    connect_s = timeout_s
    if "connectiontimeout" in options:
        connect_s = _seconds(options["connectiontimeout"], source, "connectiontimeout")
    reuse = options.get("disablereuse", "off").lower() != "on" and options.get("enablereuse", "on") != "off"
    most = _number(options, "max", 0, source)
    ping_s = _seconds(options.get("ping", "0"), source, "ping")
    return ProxyLimits(
        connect_timeout_s=connect_s,
        send_timeout_s=timeout_s,
        read_timeout_s=timeout_s,
        request_buffering=False,
        response_buffering=False,
        keepalive=(most or 64) if reuse else 0,
        keepalive_timeout_s=_seconds(options.get("ttl", "60"), source, "ttl"),
        pool=pool,
        max_connections=most,
        acquire_timeout_s=_number(options, "acquire", 0, source) / 1000,
        upgrade=url.upgrade or "upgrade" in options,
        ajp_secret=options.get("secret"),
        ajp_packet_bytes=max(8192, _number(options, "iobuffersize", 8192, source)),
        ajp_connect_ping_timeout_s=ping_s,
        ajp_ping_timeout_s=ping_s,
    )
