"""What single rules say about one request: variables, headers, prefixes, aliases. Pure."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import quote

from container.front.config.apache.model import Alias, HeaderRule, SetIf
from container.front.edits import on_one_line
from container.front.site import FrontRequest

__all__ = [
    "alias_place",
    "below",
    "canonical",
    "changed",
    "escaped",
    "expand",
    "expand_match",
    "holds",
    "known_address",
    "set_variables",
]

_KEPT = "~$-_.+!*'(),;:@&=/"
"""What mod_jk and mod_proxy do not escape in a path."""


def below(prefix: str, path: str) -> str | None:
    """What follows prefix in path, if it ends where a segment does; None: path is not there."""
    if not path.startswith(prefix):
        return None
    rest = path[len(prefix) :]
    return rest if not rest or prefix.endswith("/") or rest.startswith("/") else None


def alias_place(alias: Alias, path: str) -> tuple[str, str] | None:
    if alias.pattern is not None:
        match = alias.pattern.search(path)
        if match is None:
            return None
        name = os.path.normpath(expand_match(alias.folder, match))
        return os.path.dirname(name), "/" + os.path.basename(name)
    rest = below(alias.path, path)
    if rest is None:
        return None
    if not rest and not alias.path.endswith("/") and not os.path.isdir(alias.folder):
        return os.path.dirname(alias.folder), "/" + os.path.basename(alias.folder)
    if not rest.startswith("/") and path != alias.path.rstrip("/"):
        rest = "/" + rest
    return alias.folder.rstrip("/"), rest


def expand_match(text: str, match: re.Match[str], change: Callable[[str], str] = str) -> str:
    """Put groups in the place of $0 to $9, changed."""

    def of(reference: re.Match[str]) -> str:
        number = int(reference[1])
        return change(match[number] or "") if number <= match.re.groups else ""

    return re.sub(r"\$([0-9])", of, text)


def canonical(path: str) -> str:
    """A decoded path, escaped as in a target."""
    return quote(os.fsencode(path), safe=_KEPT)


def escaped(path: str) -> str:
    """As Apache escapes a path itself: in lower case."""
    return re.sub("%..", lambda match: match[0].lower(), canonical(path))


def holds(condition: str, variables: Mapping[str, str]) -> bool:
    if not condition:
        return True
    return (condition.lstrip("!") in variables) is not condition.startswith("!")


def expand(text: str, request: FrontRequest) -> str:
    """Fill in what a Header's value may name: variables, the time."""
    if "%" not in text:
        return text

    def of(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        if match[1] is not None:
            return _field_text(request.variables.get(match[1], "(null)"))
        if match[0] == "%t":
            return f"t={int(time.time() * 1_000_000)}"
        return "D=0"

    return re.sub(r"%%|%\{([^}]*)\}[es]|%t|%D", of, text)


def _field_text(text: str) -> str:
    """A variable as a field may have it: one octet a character, as those of other fields are."""
    text = on_one_line(text)
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:  # of a path, which is UTF-8 text
        text = os.fsencode(text).decode("latin-1")
    return text


def changed(headers: list[tuple[str, str]], rule: HeaderRule, value: str) -> list[tuple[str, str]]:
    """The header after one RequestHeader."""
    wanted = rule.name.lower()
    before = [old for name, old in headers if name.lower() == wanted]
    others = [(name, old) for name, old in headers if name.lower() != wanted]
    match rule.action:
        case "unset":
            return others
        case "set":
            return [*others, (rule.name, value)]
        case "setifempty":
            return headers if before else [*headers, (rule.name, value)]
        case "append":
            return [*others, (rule.name, ", ".join([*before, value]))]
        case "merge":
            there = any(value in (item.strip() for item in old.split(",")) for old in before)
            return headers if there else [*others, (rule.name, ", ".join([*before, value]))]
        case "edit" | "edit*" if rule.pattern is not None:
            count = 1 if rule.action == "edit" else 0
            replacement = re.sub(r"\$([0-9])", r"\\g<\1>", value.replace("\\", "\\\\"))
            return [
                (name, rule.pattern.sub(replacement, old, count=count) if name.lower() == wanted else old)
                for name, old in headers
            ]
    return [*headers, (rule.name, value)]


def set_variables(rules: Iterable[SetIf], request: FrontRequest, path: str) -> None:
    """Do what SetEnvIf says, in order: a later one sees what an earlier one has set."""
    for rule in rules:
        subject = _attribute(rule.attribute, request, path)
        match = rule.pattern.search(subject)
        if match is None:
            continue
        for name, value in rule.variables:
            if value is None:
                request.variables.pop(name, None)
            else:
                request.variables[name] = expand_match(value, match)


def _attribute(name: str, request: FrontRequest, path: str) -> str:
    exchange = request.exchange
    match name.lower():
        case "remote_addr" | "remote_host":
            return exchange.connection.peer[0]
        case "server_addr":
            return exchange.connection.local[0]
        case "request_method":
            return exchange.method
        case "request_protocol":
            return exchange.version
        case "request_uri":
            return path
    value = request.headers.get(name.lower())
    if value is None and re.search(r"[][^$*?()|\\.+]", name):  # the name is a pattern itself
        pattern = re.compile(name, re.IGNORECASE)
        value = next((text for key, text in request.headers.items() if pattern.search(key)), None)
    return request.variables.get(name, "") if value is None else value


def known_address(host: str) -> str:
    """An address; a name counts as any address, as it would have to be looked up."""
    try:
        return str(ip_address(host))
    except ValueError:
        return "*"
