"""Who gets requests that are passed on: the directives of mod_jk and of mod_proxy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from container.errors import ConfigError
from container.front.config.apache.model import ProxyMember, ProxyPass
from container.front.config.apache.modjk import parse
from container.front.config.apache.mounts import make_mounts
from container.front.config.apache.reader import (
    Reader,
    Row,
    Where,
    number_value,
    on,
    regex,
    switch_value,
    time_value,
)
from container.front.config.apache.syntax import Directive

__all__ = ["BACKENDS"]

# --- mod_jk ------------------------------------------------------------------------------------


def _workers_file(reader: Reader, where: Where, directive: Directive) -> None:
    reader.workers_file = (reader.tree.path(directive.args[0]), directive.source)


def _worker_property(reader: Reader, where: Where, directive: Directive) -> None:
    source = directive.source
    reader.properties += parse(" ".join(directive.args), source.file, reader.mistakes, source.line)


def _mount(reader: Reader, where: Where, directive: Directive) -> None:
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


def _mount_file(reader: Reader, where: Where, directive: Directive) -> None:
    where.server.mount_file = reader.tree.path(directive.args[0])
    where.server.mount_file_source = directive.source


def _mount_copy(reader: Reader, where: Where, directive: Directive) -> None:
    value = directive.args[0].lower()
    if value not in ("on", "off", "all") or (value == "all") > (where.server is reader.main):
        raise ConfigError(
            f"{directive.source}: JkMountCopy is On or Off in a VirtualHost, All in the main server."
        )
    where.server.mount_copy = value  # type: ignore[assignment]


def _auto_alias(reader: Reader, where: Where, directive: Directive) -> None:
    where.server.auto_alias = os.path.normpath(reader.tree.path(directive.args[0]))


def _strip_session(reader: Reader, where: Where, directive: Directive) -> None:
    name = directive.args[1] if len(directive.args) > 1 else ";jsessionid"
    where.server.strip_session = name if on(directive) else ""


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


def _jk_options(reader: Reader, where: Where, directive: Directive) -> None:
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


def _jk_env_var(reader: Reader, where: Where, directive: Directive) -> None:
    where.server.jk_variables[directive.args[0]] = directive.args[1] if len(directive.args) > 1 else None


def _jk_name(reader: Reader, where: Where, directive: Directive) -> None:
    where.server.jk_names[_JK_NAMES[directive.name.lower()]] = directive.args[0]


_JK_NAMES = {
    "jkactivationindicator": "JK_LB_ACTIVATION",
    "jkauthtypeindicator": "JK_AUTH_TYPE",
    "jklocalnameindicator": "JK_LOCAL_NAME",
    "jklocalportindicator": "JK_LOCAL_PORT",
    "jkremoteaddrindicator": "JK_REMOTE_ADDR",
    "jkremotehostindicator": "JK_REMOTE_HOST",
    "jkremoteportindicator": "JK_REMOTE_PORT",
    "jkremoteuserindicator": "JK_REMOTE_USER",
    "jkreplytimeoutindicator": "JK_REPLY_TIMEOUT",
    "jkrouteindicator": "JK_ROUTE",
    "jkstatelessindicator": "JK_STATELESS",
    "jkstickyignoreindicator": "JK_STICKY_IGNORE",
    "jkworkerindicator": "JK_WORKER_NAME",
}


def _jk_value(reader: Reader, where: Where, directive: Directive) -> None:
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


def _proxy_pass(reader: Reader, where: Where, directive: Directive) -> None:
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
        (section.regex if section and section.regex else regex(path, directive)) if is_regex else None,
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


def _proxy_pass_reverse(reader: Reader, where: Where, directive: Directive) -> None:
    args = list(directive.args)
    if where.section is not None:
        args.insert(0, where.section.pattern)
    if len(args) < 2:
        raise ConfigError(f"{directive.source}: ProxyPassReverse needs a path and a URL.")
    where.server.reverses.append((args[0], args[1]))


def _balancer_member(reader: Reader, where: Where, directive: Directive) -> None:
    args = directive.args
    if len(args) < 2 or not args[0].startswith("balancer://"):
        raise ConfigError(
            f"{directive.source}: a BalancerMember stands in <Proxy balancer://name>, with a URL."
        )
    balance = reader.balance(args[0])
    balance.is_empty = False
    _check_url(args[1], directive)
    balance.members.append(ProxyMember(args[1], _options_of(args[2:], directive), directive.source))


def _proxy_set(reader: Reader, where: Where, directive: Directive) -> None:
    args = directive.args
    if not args or not args[0].startswith("balancer://"):
        raise ConfigError(f"{directive.source}: ProxySet stands in <Proxy balancer://name> here.")
    reader.balance(args[0]).options.update(_options_of(args[1:], directive))


def _proxy_requests(reader: Reader, where: Where, directive: Directive) -> None:
    if on(directive):
        raise ConfigError(
            f"{directive.source}: ProxyRequests On would make an open proxy, which this is not. Write Off; "
            "ProxyPass does not need it."
        )


def _error_override(reader: Reader, where: Where, directive: Directive) -> None:
    where.rules.error_override = on(directive)


# --- the table ---------------------------------------------------------------------------------

BACKENDS: Mapping[str, Row] = {
    # mod_jk
    "jkworkersfile": Row(_workers_file, place="main"),
    "jkworkerproperty": Row(_worker_property, 1, None, "main"),
    "jkmount": Row(_mount, 1, 2),
    "jkunmount": Row(_mount, 1, 2),
    "jkmountfile": Row(_mount_file, place="server"),
    "jkmountfilereload": Row(number_value, place="server"),
    "jkmountcopy": Row(_mount_copy, place="server"),
    "jkautoalias": Row(_auto_alias, place="server"),
    "jkstripsession": Row(_strip_session, 1, 2, "server"),
    "jkoptions": Row(_jk_options, 1, None, "server"),
    "jkenvvar": Row(_jk_env_var, 1, 2, "server"),
    **dict.fromkeys(_JK_NAMES, Row(_jk_name, place="server")),
    "jkwatchdoginterval": Row(_jk_value, place="main"),
    "jkshmfile": Row(_jk_value, place="main"),
    "jkshmsize": Row(_jk_value, place="main"),
    "jklogfile": Row(_jk_value, place="server"),
    "jkloglevel": Row(_jk_value, place="server"),
    # mod_proxy
    "proxypass": Row(_proxy_pass, 1, None),
    "proxypassmatch": Row(_proxy_pass, 1, None),
    "proxypassreverse": Row(_proxy_pass_reverse, 1, 3),
    "proxypreservehost": Row(switch_value, place="server"),
    "proxyaddheaders": Row(switch_value, place="server"),
    "proxytimeout": Row(time_value, place="server"),
    "proxyrequests": Row(_proxy_requests, place="server"),
    "proxyerroroverride": Row(_error_override),
    "balancermember": Row(_balancer_member, 2, None, "server"),
    "proxyset": Row(_proxy_set, 2, None, "server"),
}
