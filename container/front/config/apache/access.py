"""Who may come in: Require and its containers, and the older Order, Allow and Deny."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_network

from container.errors import ConfigError
from container.front.config.apache.model import Access, Allowed, Requirement
from container.front.config.apache.reader import Reader, Row, Where
from container.front.config.apache.syntax import Directive

__all__ = ["ACCESS"]

_GROUPS = {"requireall": "all", "requireany": "any", "requirenone": "none"}
_LOCAL = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))


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


def _require(reader: Reader, where: Where, directive: Directive) -> None:
    _add_requirement(where, _requirement(directive), directive)


def _add_requirement(where: Where, requirement: Requirement, directive: Directive) -> None:
    _check_positive(requirement, directive)
    access = where.rules.access or Access()
    known = access.required.children if access.required else ()
    where.rules.access = replace(access, required=Requirement("any", children=(*known, requirement)))


def _require_group(reader: Reader, where: Where, directive: Directive) -> None:
    _add_requirement(where, _group(directive), directive)


def _check_positive(requirement: Requirement, directive: Directive) -> None:
    """Where one of several is enough, "not" would let everybody else in."""
    if requirement.negated or requirement.kind == "none":
        raise ConfigError(
            f"{directive.source}: {directive} has no effect where one of several is enough. "
            "Put it into <RequireAll>, together with Require all granted."
        )


def _group(directive: Directive) -> Requirement:
    children = []
    for child in directive.children or ():
        if child.children is not None and child.name.lower() in _GROUPS:
            children.append(_group(child))
        elif child.name.lower() == "require" and child.args:
            children.append(_requirement(child))
        else:
            raise ConfigError(f"{child.source}: only Require stands in {directive}.")
        if directive.name.lower() != "requireall":
            _check_positive(children[-1], child)
    return Requirement(_GROUPS[directive.name.lower()], children=tuple(children))  # type: ignore[arg-type]


def _order(reader: Reader, where: Where, directive: Directive) -> None:
    access = where.rules.access or Access()
    allowed = access.allowed or Allowed()
    order = "".join(directive.args).lower()
    if order not in ("allow,deny", "deny,allow"):
        raise ConfigError(f"{directive.source}: write Order Allow,Deny or Order Deny,Allow.")
    where.rules.access = replace(access, allowed=replace(allowed, allow_first=order == "allow,deny"))


def _allow(reader: Reader, where: Where, directive: Directive) -> None:
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


def _satisfy(reader: Reader, where: Where, directive: Directive) -> None:
    if directive.args[0].lower() != "all":
        raise ConfigError(f"{directive.source}: only Satisfy All is implemented. Write the rules as Require.")


ACCESS: Mapping[str, Row] = {
    "require": Row(_require, 1, None),
    "requireall": Row(_require_group, 0, 0),
    "requireany": Row(_require_group, 0, 0),
    "requirenone": Row(_require_group, 0, 0),
    "order": Row(_order, 1, 2),
    "allow": Row(_allow, 2, None),
    "deny": Row(_allow, 2, None),
    "satisfy": Row(_satisfy),
}
