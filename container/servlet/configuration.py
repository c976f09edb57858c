"""What GenericServlet and GenericFilter share: their config, and the two ways to override ``init``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import CO_VARARGS
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from container.servlet.exceptions import IllegalStateException

if TYPE_CHECKING:
    from container.servlet.context import ServletContext
    from container.servlet.enumeration import Enumeration
    from container.servlet.filter import FilterConfig
    from container.servlet.servlet import ServletConfig

__all__ = ["Configured"]

K = TypeVar("K", bound="ServletConfig | FilterConfig")


def in_either_form(init: Callable[..., None]) -> Callable[..., None]:
    """Let type checkers accept both ``init(self)`` and ``init(self, config)`` in a subclass."""
    return init


class Configured(Generic[K]):
    """Keeps the config that ``init`` is called with, and answers its questions.

    Java has two methods, ``init(config)`` and the hook ``init()``; here a subclass overrides either under the
    one name:

        def init(self): ...              # the config is stored before the call
        def init(self, config):
            super().init(config)         # stores it

    The container calls ``init(config)`` in both cases.
    """

    _config: K | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        init = cls.__dict__.get("init")
        if isinstance(init, FunctionType) and _takes_only_self(init):
            cls.init = _hook(cls, init)  # type: ignore[method-assign]

    @in_either_form
    def init(self, config: K | None = None) -> None:
        if config is not None:
            self._config = config

    def getServletContext(self) -> ServletContext:
        return self._configured().getServletContext()

    def getInitParameter(self, name: str) -> str | None:
        return self._configured().getInitParameter(name)

    def getInitParameterNames(self) -> Enumeration[str]:
        return self._configured().getInitParameterNames()

    def _configured(self) -> K:
        if self._config is None:
            raise IllegalStateException(
                f"{type(self).__name__} has no config yet. If it overrides init(self, config), "
                "that has to begin with super().init(config)"
            )
        return self._config


def _takes_only_self(function: FunctionType) -> bool:
    code = function.__code__
    return code.co_argcount == 1 and not code.co_flags & CO_VARARGS


def _hook(owner: type, init: Callable[[Any], None]) -> Callable[..., None]:
    """Let ``init(self)`` be called with a config too: the nearest init(config) above owner gets it first."""

    @functools.wraps(init)
    def hook(self: Any, config: Any = None) -> None:
        if config is not None:
            mro = type(self).__mro__
            above = (c.__dict__.get("init") for c in mro[mro.index(owner) + 1 :])
            next(f for f in above if f is not None and not hasattr(f, "_is_init_hook"))(self, config)
        init(self)

    hook._is_init_hook = True  # type: ignore[attr-defined]
    return hook
