"""container.servlet against the API's facts (api.txt): every type, base, method, parameter and constant."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import pytest

import container.servlet as api

KINDS = ("enum", "annotation", "exception")


@dataclass
class Fact:
    """One type of api.txt."""

    name: str
    kind: str
    bases: list[str]
    members: list[str] = field(default_factory=list)

    @property
    def type(self) -> type:
        return lookup(self.name)

    def __str__(self) -> str:
        return self.name


def lookup(name: str) -> type:
    found = reduce(getattr, name.split("."), api) if hasattr(api, name.split(".")[0]) else None
    return found if found is not None else getattr(__import__("builtins"), name)


def read_facts() -> list[Fact]:
    facts: list[Fact] = []
    for line in (Path(__file__).parent / "api.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith(" "):
            facts[-1].members.append(line.strip())
        else:
            kind, name, bases = re.fullmatch(r"(?:(\w+) )?([\w.]+)(?:\((.*)\))?", line).groups()
            facts.append(Fact(name, kind or "type", bases.split(", ") if bases else []))
    return facts


FACTS = read_facts()
METHODS = [
    (fact, *re.fullmatch(r"(\w*)\((.*)\)", member).groups())
    for fact in FACTS
    if fact.kind in ("type", "exception")
    for member in fact.members
    if "(" in member and " = " not in member
]
CONSTANTS = [
    (fact, *member.split(" = "))
    for fact in FACTS
    if fact.kind == "type"
    for member in fact.members
    if " = " in member
]
# The types with behaviour of their own; all others are interfaces.
CONCRETE = {
    "GenericServlet",
    "HttpServlet",
    "GenericFilter",
    "HttpFilter",
    "Cookie",
    "EventObject",
    "EventListener",
}
CONCRETE |= {fact.name for fact in FACTS if fact.name.endswith(("Event", "Wrapper", "Element"))}
# Interface methods that do something sensible: Java's defaults, and what blocking streams answer.
DEFAULTS = {
    (name, method)
    for name, methods in {
        "Filter": "init destroy",
        "HttpServletRequest": "newPushBuilder getTrailerFields isTrailerFieldsReady",
        "HttpServletResponse": "setTrailerFields getTrailerFields sendEarlyHints",
        "HttpSession": "getAccessor",
        "SessionCookieConfig": "setComment getComment",
        "ServletInputStream": "read readAllBytes readLine readNBytes isReady setReadListener",
        "ServletOutputStream": "print println isReady setWriteListener flush close",
    }.items()
    for method in methods.split()
}
ABSTRACT_LISTENERS = {"AsyncListener", "ReadListener", "WriteListener", "HttpSessionIdListener"}


def test_every_public_name_is_exported_once():
    assert api.__all__ == sorted(set(api.__all__))
    assert all(hasattr(api, name) for name in api.__all__)


@pytest.mark.parametrize("fact", FACTS, ids=str)
def test_type_exists_with_its_bases(fact: Fact):
    assert fact.name.split(".")[0] in api.__all__
    assert all(issubclass(fact.type, lookup(base)) for base in fact.bases)


@pytest.mark.parametrize(("fact", "name", "parameters"), METHODS, ids=lambda value: str(value))
def test_method_takes_its_parameters(fact: Fact, name: str, parameters: str):
    method = getattr(fact.type, name or "__init__")
    found = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
    expected = parameters.split(", ") if parameters else []
    assert len(found) == len(expected), f"{fact}.{name}{inspect.signature(method)}"
    for parameter, fact_says in zip(found, expected, strict=True):
        wanted = fact_says.strip("*=")
        assert wanted in ("_", parameter.name)
        assert (parameter.default is not parameter.empty) == fact_says.endswith("=")
        assert (parameter.kind is parameter.VAR_POSITIONAL) == fact_says.startswith("*")


@pytest.mark.parametrize(("fact", "name", "value"), CONSTANTS, ids=lambda value: str(value))
def test_constant_has_its_value(fact: Fact, name: str, value: str):
    assert getattr(fact.type, name) == ast.literal_eval(value)


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact.kind == "enum"], ids=str)
def test_enum_has_its_members_in_order(fact: Fact):
    names = fact.members[0].split()
    assert [member.name for member in fact.type.values()] == names
    assert [fact.type.valueOf(name) for name in names] == list(fact.type)
    with pytest.raises(api.IllegalArgumentException, match=f"NONSENSE.*{names[0]}"):
        fact.type.valueOf("NONSENSE")


REQUIRED = {  # attributes of an annotation that have no default
    "WebServlet": {"value": "/a"},
    "WebFilter": {"servletNames": "a"},
    "WebInitParam": {"name": "n", "value": "v"},
    "HttpMethodConstraint": {"value": "PUT"},
}
ENUM_MEMBERS = {
    member.name: member
    for enum in (api.DispatcherType, api.EmptyRoleSemantic, api.TransportGuarantee)
    for member in enum
}


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact.kind == "annotation"], ids=str)
def test_annotation_has_its_attributes_and_defaults(fact: Fact):
    required = REQUIRED.get(fact.name, {})
    annotation = fact.type(**required)
    facts = dict(member.partition(" = ")[::2] for member in fact.members)
    assert list(inspect.signature(fact.type).parameters) == list(facts)
    for name, default in facts.items():
        value = getattr(annotation, name)
        if name not in required:
            assert value == eval(default or "()", {"HttpConstraint": api.HttpConstraint, **ENUM_MEMBERS})


def interface_methods() -> list[tuple[Fact, str]]:
    return [
        (fact, name)
        for fact, name, _ in METHODS
        if fact.kind == "type" and fact.name not in CONCRETE and (fact.name, name) not in DEFAULTS
    ]


@pytest.mark.parametrize(("fact", "name"), interface_methods(), ids=lambda value: str(value))
def test_interface_method_is_not_implemented(fact: Fact, name: str):
    method = getattr(fact.type, name)
    parameters = [p for p in inspect.signature(method).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    arguments = [None] * (len(parameters) - 1)
    if fact.name.endswith("Listener") and fact.name not in ABSTRACT_LISTENERS:
        assert method(fact.type(), *arguments) is None  # RT-LST-01
    else:
        with pytest.raises(NotImplementedError):
            method(fact.type(), *arguments)


@pytest.mark.parametrize("fact", [f for f in FACTS if f.kind == "type" and f.name not in CONCRETE], ids=str)
def test_interface_costs_nothing(fact: Fact):
    """No metaclass: isinstance stays fast. No instance dictionary: the engine's classes need none."""
    assert type(fact.type) is type
    assert not hasattr(fact.type(), "__dict__")


def test_importing_the_api_loads_nothing_else_of_ours():
    """Checked on the sources: a fresh interpreter would load the container package around it."""
    for source in Path(api.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("container"):
                assert node.module.startswith("container.servlet")
