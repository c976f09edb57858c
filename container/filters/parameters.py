"""Reads a filter's init parameters, and says what is wrong with one: its name, its value, the cure.

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

from container.servlet import GenericFilter, ServletException

__all__ = ["InitParameters"]

log = logging.getLogger("container.filters")

_JAVA_CLASSES = {"XDigit": "0-9A-Fa-f", "Digit": "0-9", "Alpha": "A-Za-z", "Alnum": "A-Za-z0-9"}


class InitParameters:
    """The init parameters of one filter. Every method raises ServletException for a value that cannot be."""

    def __init__(self, filter_: GenericFilter) -> None:
        self._filter = filter_
        self._known: set[str] = set()

    def given(self, name: str) -> str | None:
        """Return the parameter without surrounding space; None if it is not there."""
        self._known.add(name)
        value = self._filter.getInitParameter(name)
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
        raise ServletException(f'init-param {name} is "{self._filter.getInitParameter(name)}": {why}. {cure}')

    def finish(self, *, strict: bool = True) -> None:
        """Refuse, or only log, parameters that nobody has asked for."""
        for name in self._filter.getInitParameterNames():
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known, 1)
                known = ", ".join(sorted(self._known)) or "none"
                cure = f"Did you mean {near[0]}?" if near else f"There are: {known}."
                kind = type(self._filter).__name__
                if strict:
                    self.refuse(name, f"{kind} has no such parameter", cure)
                log.warning(
                    "%s: filter %s: %s has no init-param %s, it has no effect. %s",
                    self._filter.getServletContext().getContextPath() or "/",
                    self._filter.getFilterName(), kind, name, cure,
                )  # fmt: skip


def _java_class(match: re.Match[str]) -> str:
    return f"[{_JAVA_CLASSES[match[1]]}]"
