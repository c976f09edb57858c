"""A static plan on its way from a container to a front in another process: values that JSON has, and back."""

from __future__ import annotations

import dataclasses
from typing import Any

from container.files import StaticPlan, StaticRoot

__all__ = ["plan_of_values", "values_of_plan"]

_SETS = ("exact", "prefixes", "extensions")


def values_of_plan(plan: StaticPlan) -> dict[str, Any]:
    return {path: None if root is None else _values(root) for path, root in plan.roots.items()}


def _values(root: StaticRoot) -> dict[str, Any]:
    values = {field.name: getattr(root, field.name) for field in dataclasses.fields(root)}
    return {**values, "mime_types": dict(root.mime_types), **{name: sorted(values[name]) for name in _SETS}}


def plan_of_values(values: dict[str, Any]) -> StaticPlan:
    return StaticPlan({path: None if root is None else _root(root) for path, root in values.items()})


def _root(values: dict[str, Any]) -> StaticRoot:
    return StaticRoot(**{**values, **{name: frozenset(values[name]) for name in _SETS}})
