"""Reads init parameters of filters and servlets, and says what is wrong with one: name, value, cure.

parameters = InitParameters(self)
self._encoding = parameters.text("encoding", "UTF-8")
parameters.finish()                # a name that was not asked for keeps the web app from starting
parameters.finish(strict=False)    # ... is logged, where Tomcat does no more
"""

from __future__ import annotations

import codecs
import difflib
import logging
import re
from typing import NoReturn

from container.servlet import GenericFilter, GenericServlet, ServletException

__all__ = ["BadParameter", "InitParameters"]

log = logging.getLogger("container.filters")

_JAVA_CLASSES = {"XDigit": "0-9A-Fa-f", "Digit": "0-9", "Alpha": "A-Za-z", "Alnum": "A-Za-z0-9"}


class BadParameter(ServletException):
    """An init parameter to be corrected: the mistake is in the descriptor, so no traceback is of use."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(f"{problem}. {cure}")
        self.problem = problem
        self.cure = cure


class InitParameters:
    """The init parameters of one filter or servlet. What cannot be read raises BadParameter."""

    def __init__(self, owner: GenericFilter | GenericServlet) -> None:
        self._owner = owner
        self._known: set[str] = set()

    def given(self, name: str) -> str | None:
        """Return the parameter without surrounding space; None if it is not there."""
        self._known.add(name)
        value = self._owner.getInitParameter(name)
        return None if value is None else value.strip()

    def text(self, name: str, default: str = "") -> str:
        value = self.given(name)
        return default if value is None else value

    def items(self, name: str, default: str = "") -> list[str]:
        """Read a list with commas."""
        return [item.strip() for item in self.text(name, default).split(",") if item.strip()]

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, str(default)).lower()
        if value not in ("true", "false"):
            self.refuse(name, "neither true nor false", "Write one of the two.")
        return value == "true"

    def number(self, name: str, default: int, minimum: int | None = None) -> int:
        value = self.text(name, str(default))
        try:
            number = int(value)
        except ValueError:
            self.refuse(name, "no whole number", f"Write for example {default}.")
        if minimum is not None and number < minimum:
            self.refuse(name, "too small", f"The least is {minimum}.")
        return number

    def status(self, name: str, default: int) -> int:
        status = self.number(name, default)
        if not 100 <= status <= 999:
            self.refuse(name, "no HTTP status", f"Write for example {default}.")
        return status

    def choice(self, name: str, default: str, *choices: str) -> str:
        """Return one of the choices, in whatever case it was written."""
        value = self.text(name, default).upper()
        if value not in choices:
            self.refuse(name, "unknown", f"Write {', '.join(choices[:-1])} or {choices[-1]}.")
        return value

    def pattern(self, name: str) -> re.Pattern[str] | None:
        """Read a regular expression that has to match a whole value; None if there is none."""
        value = self.text(name)
        return self.compile(name, value) if value else None

    def compile(self, name: str, value: str) -> re.Pattern[str]:
        try:
            return re.compile(re.sub(r"\\p\{(\w+)\}", _java_class, value))
        except (re.error, KeyError) as error:
            self.refuse(name, f"no regular expression ({error})", "Python's syntax counts.")

    def charset(self, name: str, value: str) -> str:
        """Check the name of an encoding."""
        try:
            codecs.lookup(value)
        except (LookupError, ValueError):
            self.refuse(name, "no encoding that is known", "Write UTF-8.")
        return value

    def refuse(self, name: str, why: str, cure: str) -> NoReturn:
        problem = f'init-param {name} is "{self._owner.getInitParameter(name)}": {why}'
        raise BadParameter(problem, cure) from None

    def finish(self, *, strict: bool = True) -> None:
        """Refuse, or only log, parameters that nobody has asked for."""
        for name in self._owner.getInitParameterNames():
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known, 1)
                known = ", ".join(sorted(self._known)) or "none"
                cure = f"Did you mean {near[0]}?" if near else f"There are: {known}."
                kind = type(self._owner).__name__
                if strict:
                    self.refuse(name, f"{kind} has no such parameter", cure)
                self.warn(f"{kind} has no init-param {name}, it has no effect. {cure}")

    def without_effect(self, why: str, **defaults: str) -> None:
        """Accept parameters that can change nothing here; another value than Tomcat's default is logged."""
        for name, default in defaults.items():
            if self.text(name, default) != default:
                self.warn(f"init-param {name} has no effect: {why}")

    def warn(self, words: str) -> None:
        owner = self._owner
        if isinstance(owner, GenericFilter):
            name = f"filter {owner.getFilterName()}"
        else:
            name = f"servlet {owner.getServletName()}"
        log.warning("%s: %s: %s", owner.getServletContext().getContextPath() or "/", name, words)


def _java_class(match: re.Match[str]) -> str:
    return f"[{_JAVA_CLASSES[match[1]]}]"
