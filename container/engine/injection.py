"""What is done to a component before its first call and after its last one (rulebook §3.23).

    constructor ──> values of <injection-target> ──> post-construct ──> init ... destroy ──> pre-destroy

A component is a servlet, a filter or a listener that the container made. Methods are named by
<post-construct> and <pre-destroy>, or decorated with @PostConstruct and @PreDestroy; those of a base class
come first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from container.descriptor import model
from container.engine.holder import guarded
from container.engine.loader import ClassNotFound, Loader
from container.errors import Problem, Source
from container.servlet import PostConstruct, PreDestroy

__all__ = ["Injection", "env_value"]

log = logging.getLogger("container.engine")

_SIMPLE: dict[str, Callable[[str], object]] = {
    "java.lang.String": str,
    "java.lang.Character": str,
    "java.lang.Boolean": lambda text: text.lower() == "true",
    "java.lang.Byte": int,
    "java.lang.Short": int,
    "java.lang.Integer": int,
    "java.lang.Long": int,
    "java.lang.Float": float,
    "java.lang.Double": float,
}


_DECLARED = {"int": "java.lang.Integer", "float": "java.lang.Double", "bool": "java.lang.Boolean"}


def env_value(type_name: str, value: str, loader: Loader) -> object:
    """The Python value of an <env-entry> (DD-ENV-04). Raises whatever shows that it has none."""
    if type_name in _SIMPLE:
        return _SIMPLE[type_name](value)
    if type_name == "java.lang.Class":
        return loader.load_class(value)
    return getattr(loader.load_class(type_name), value)


class Injection:
    """The injections and callbacks of one web app. problems are what was found wrong with them."""

    def __init__(self, web_app: model.WebApp, loader: Loader) -> None:
        self.problems: list[Problem] = []
        self._loader = loader
        self._annotated = not web_app.metadata_complete  # DD-MC-01
        self._values = list(self._injected(web_app.env_entries))
        self._begin = dict(self._callbacks(web_app.post_constructs, "post-construct"))
        self._end = dict(self._callbacks(web_app.pre_destroys, "pre-destroy"))

    def begin(self, component: object) -> None:
        """Inject, then call post-construct. What raises here keeps the component out of service."""
        for owner, name, value in self._values:
            if isinstance(component, owner):
                setter = getattr(component, _setter(name), None)
                if callable(setter):
                    setter(value)
                else:
                    setattr(component, name, value)
        for method in self._methods(component, self._begin, PostConstruct):
            getattr(component, method)()

    def end(self, component: object) -> None:
        """Call pre-destroy; a failure is logged."""
        for method in self._methods(component, self._end, PreDestroy):
            guarded(f"pre-destroy method {method} of {component!r}", getattr(component, method))

    def _methods(self, component: object, declared: dict[type, str], annotation: type) -> Iterable[str]:
        """The names of the methods to call, base classes first, each once."""
        names: dict[str, None] = {}
        for base in reversed(type(component).__mro__):
            if base in declared:
                names[declared[base]] = None
            elif self._annotated and base is not object:
                noted = f"__{annotation.__name__}__"
                names |= {n: None for n, m in vars(base).items() if noted in getattr(m, "__dict__", ())}
        return names

    def _injected(self, entries: Iterable[model.EnvEntry]) -> Iterator[tuple[type, str, object]]:
        for entry in entries:
            if entry.value is None:  # nothing to inject (DD-ENV-05)
                continue
            for target in entry.injection_targets:
                owner = self._load(target.target_class, target.source)
                if owner is None:
                    continue
                if not _has_attribute(owner, target.target_name):
                    message = f"{target.target_class} has no attribute {target.target_name} to inject into"
                    cure = f"Declare it in the class: {target.target_name}: str."
                    self.problems.append(Problem(target.source, message, cure, code="WAS311"))
                    continue
                kind = entry.type or _declared_type(owner, target.target_name)
                try:
                    yield owner, target.target_name, env_value(kind, entry.value, self._loader)
                except (Exception, SystemExit) as error:  # noqa: BLE001  importing runs application code
                    message = f"<env-entry> {entry.name} has no value of type {kind}: {error}"
                    self.problems.append(Problem(entry.source, message.rstrip("."), code="WAS128"))

    def _callbacks(
        self, callbacks: Iterable[model.LifecycleCallback], element: str
    ) -> Iterator[tuple[type, str]]:
        for callback in callbacks:
            if callback.callback_class is None:
                message = f"<{element}> {callback.method} names no class, so it is never called"
                cure = "Add <lifecycle-callback-class>."
                self.problems.append(Problem(callback.source, message, cure, "warning", code="WAS311"))
                continue
            owner = self._load(callback.callback_class, callback.source)
            if owner is None:
                continue
            if callable(getattr(owner, callback.method, None)):
                yield owner, callback.method
            else:
                message = f"<{element}>: {callback.callback_class} has no method {callback.method}"
                self.problems.append(Problem(callback.source, message, "Correct the name.", code="WAS311"))

    def _load(self, name: str, source: Source) -> type | None:
        try:
            return self._loader.load_class(name)
        except ClassNotFound as error:
            self.problems.append(Problem(source, str(error).rstrip("."), code="WAS301"))
        except (Exception, SystemExit) as error:  # importing runs application code
            log.exception("the class %s cannot be loaded", name)
            message = f"the class {name} cannot be loaded: {type(error).__name__}: {error}"
            self.problems.append(
                Problem(source, message.rstrip("."), "The traceback is in the log.", code="WAS309")
            )
        return None


def _setter(name: str) -> str:
    return f"set{name[:1].upper()}{name[1:]}"


def _declared_type(owner: type, name: str) -> str:
    """The type of an attribute declared as "name: int" and so on; text where nothing is declared."""
    hints = (vars(base).get("__annotations__", {}).get(name) for base in owner.__mro__)
    declared: Any = next((hint for hint in hints if hint is not None), None)
    return _DECLARED.get(getattr(declared, "__name__", declared), "java.lang.String")


def _has_attribute(owner: type, name: str) -> bool:
    """Whether instances will have it: by the class, by an annotation, or because __init__ uses the name."""
    if hasattr(owner, name) or hasattr(owner, _setter(name)):
        return True
    inits = (vars(base).get("__init__") for base in owner.__mro__)
    codes: list[Any] = [getattr(init, "__code__", None) for init in inits]
    return any(name in vars(base).get("__annotations__", ()) for base in owner.__mro__) or any(
        code is not None and name in code.co_names for code in codes
    )
