"""Java's class names -> names of Python modules and classes.

com.acme.shop.web.CartServlet ──> web.CartServlet      one module for each package; what all packages
com.acme.shop.util.Clock      ──> util.Clock           have in common is left out
"""

from __future__ import annotations

import itertools
import keyword
import re
import sys
from collections.abc import Iterable, Sequence

import container.servlet

__all__ = ["python_names", "snake_case"]


def python_names(java_names: Iterable[str], module: str | None = None) -> dict[str, str]:
    """Return "module.Class" for each class; no two are the same. module: one for all of them."""
    names = sorted(set(java_names))
    packages = [name.split(".")[:-1] for name in names]
    common = _common(packages)
    taken: set[str] = set()
    found: dict[str, str] = {}
    for name, package in zip(names, packages, strict=True):
        parts = package[common:] or package[-1:] or ["servlets"]
        module_name = module or _free("_".join(map(snake_case, parts)))
        plain = class_name = _class_name(name.rpartition(".")[2])
        number = 2
        while f"{module_name}.{class_name}" in taken:
            class_name, number = f"{plain}{number}", number + 1
        found[name] = f"{module_name}.{class_name}"
        taken.add(found[name])
    return found


def _common(packages: Sequence[Sequence[str]]) -> int:
    """How many parts all packages begin with."""
    parts = itertools.takewhile(lambda part: len(set(part)) == 1, zip(*packages, strict=False))
    return sum(1 for _ in parts)


def snake_case(name: str) -> str:
    """Write compressionFilters as compression_filters, JSPViews as jsp_views."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"\W", "_", spaced).lower()


def _free(module: str) -> str:
    """A name that a web app's module may have without hiding another from its neighbours."""
    if not module.isidentifier():
        module = f"m_{module}"
    is_taken = keyword.iskeyword(module) or module in sys.stdlib_module_names or module == "container"
    return f"{module}_" if is_taken else module


def _class_name(name: str) -> str:
    plain = re.sub(r"\W", "", name.replace("$", ""))
    # The module imports the API's names, so its own must be others.
    return f"App{plain}" if plain in container.servlet.__all__ or keyword.iskeyword(plain) else plain
