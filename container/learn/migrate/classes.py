"""The Python modules of a skeleton: for each Java class one with the same methods, typed, still to be filled.

ToWrite ──> the text of each module, formatted as ruff would
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import container.servlet
from container.errors import Source
from container.learn.migrate.java import Annotation, Expression, Value
from container.learn.migrate.report import Report, ToWrite
from container.servlet import annotations as api

__all__ = ["modules", "quoted"]

LINE = 110
TO_BE = "is still to be written"
_HTTP = ["request: HttpServletRequest", "response: HttpServletResponse"]
_METHOD_DECORATORS = ("PostConstruct", "PreDestroy", "HandlesTypes")


def modules(report: Report) -> dict[str, str]:
    """Return the text of each module, by its name."""
    by_module: dict[str, list[ToWrite]] = {}
    for found in report.to_write:
        by_module.setdefault(found.python_name.partition(".")[0], []).append(found)
    return {name: _module(name, classes, report) for name, classes in sorted(by_module.items())}


def _module(name: str, classes: list[ToWrite], report: Report) -> str:
    used: set[str] = set()
    bodies = ["\n".join(_class(found, used, report)) for found in classes]
    if name == "stand_ins":
        about = "What Java libraries did, and is not there: these classes only let the web app start."
    else:
        packages = sorted({found.java_name.rpartition(".")[0] or "the default package" for found in classes})
        about = f"From {', '.join(packages)} of the Java web app."
    return "\n\n\n".join([f'"""{about}"""\n\n{_import(used)}'.rstrip(), *bodies]) + "\n"


def _import(used: set[str]) -> str:
    names = sorted(used & set(container.servlet.__all__))
    line = f"from container.servlet import {', '.join(names)}"
    if not names or len(line) <= LINE:
        return line if names else ""
    return "from container.servlet import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _class(found: ToWrite, used: set[str], report: Report) -> Iterator[str]:
    bases = [found.base, *found.listens] if found.base else list(found.listens)
    used.update(bases)
    yield from _decorators(found, used, report)
    yield f"class {found.python_name.partition('.')[2]}({', '.join(bases)}):"
    yield f'    """{_about(found, report)}"""'
    for name, parameters, body, source in _methods(found):
        used.update(re.findall(r"\w+", " ".join((*parameters, *body))))
        yield ""
        signature = _wrapped(f"def {name}(", ["self", *parameters], ") -> None:", 4)
        yield from (f"    {line}" for line in signature)
        if source:
            yield f"        # TODO: what {report.place(source)} does"
        yield from (f"        {line}" for line in body)


def _about(found: ToWrite, report: Report) -> str:
    if found.stand_in_for is not None:
        return f"Stands in for {found.java_name}: see TODO.md."
    return (
        f"{report.place(found.java.source)}, in Python." if found.java else f"{found.java_name}, in Python."
    )


def _methods(found: ToWrite) -> Iterator[tuple[str, list[str], list[str], Source | None]]:
    """Name, parameters, body and Java's place of each method."""
    there = dict(found.methods)
    name = found.python_name.partition(".")[2]
    if "init" in there:
        yield (
            "init",
            [],
            ['"""Prepare what all requests share; getInitParameter() works here."""'],
            there["init"],
        )
    if "servlet" in found.roles:
        answering = [m for m in there if m.startswith(("do", "service")) and m != "doFilter"] or ["doGet"]
        for method in answering:
            why = f"{name}.{method} {TO_BE}"
            if found.stand_in_for is not None:
                why = f"{found.java_name} has no counterpart here"
            yield method, _HTTP, _refusal("SC_NOT_IMPLEMENTED", why), there.get(method)
    if "filter" in found.roles:
        body = ["chain.doFilter(request, response)"]
        if found.guards:
            body = _refusal("SC_SERVICE_UNAVAILABLE", f"{name} {TO_BE}, and nobody may pass until then")
        yield "doFilter", [*_HTTP, "chain: FilterChain"], body, there.get("doFilter")
    if "destroy" in there:
        yield "destroy", [], ['"""Close what init opened."""'], there["destroy"]
    yield from _events(found)


def _events(found: ToWrite) -> Iterator[tuple[str, list[str], list[str], Source | None]]:
    """The methods of listeners. Where Java overloads one, Python has one for events of several kinds."""
    methods: dict[str, dict[str, str]] = {}
    interfaces: dict[str, list[str]] = {}
    for interface in found.listens:
        for method, function in vars(getattr(container.servlet, interface)).items():
            if method.startswith("_"):
                continue
            interfaces.setdefault(method, []).append(interface)
            types = {p.name: p.annotation for p in inspect.signature(function).parameters.values()}
            types.pop("self")
            if method in methods:
                known, [kind] = methods[method], types.values()
                methods[method] = {name: f"{union} | {kind}" for name, union in known.items()}
            else:
                methods[method] = types
    for method, types in methods.items():
        parameters = [f"{name}: {kind}" for name, kind in types.items()]
        yield method, parameters, [f'"""See {" and ".join(interfaces[method])}."""'], None


def _refusal(status: str, why: str) -> list[str]:
    return _wrapped("response.sendError(", [f"HttpServletResponse.{status}", quoted(why)], ")", 8)


def _wrapped(start: str, arguments: list[str], end: str, indent: int) -> list[str]:
    """A call or signature in one line, in three, or with a line for each argument: as ruff breaks it."""
    inside = ", ".join(arguments)
    if indent + len(start + inside + end) <= LINE:
        return [start + inside + end]
    if indent + 4 + len(inside) <= LINE:
        return [start, f"    {inside}", end]
    return [start, *(f"    {argument}," for argument in arguments), end]


# Annotations


_ARITHMETIC = re.compile(r"[\d_\s()*+-]+")


def _decorators(found: ToWrite, used: set[str], report: Report) -> Iterator[str]:
    if found.annotated and found.java is None:
        yield f"# TODO: its annotation in {report.place(found.source)} was not read: write it here."
    for annotation in found.java.annotations if found.java else ():
        if annotation.name in api.__all__ and annotation.name not in _METHOD_DECORATORS:
            name, arguments, unread = _call(annotation, used)
            yield from (f"# TODO: {what}" for what in unread)
            yield from _wrapped(f"@{name}(", arguments, ")", 0)


def _call(annotation: Annotation, used: set[str]) -> tuple[str, list[str], list[str]]:
    """Name and arguments in Python, and the arguments left out, as nobody knows what they come to."""
    used.add(annotation.name)
    arguments, unread = [], []
    for name, value in annotation.values.items():
        try:
            written = _value(value, used)
        except _UnreadError as e:
            unread.append(f"{name} = {e}")
            if annotation.name in ("WebServlet", "WebFilter") and name in ("value", "urlPatterns"):
                arguments.append(quoted(f"/TODO/{annotation.source.line}"))  # so that it can be imported
            continue
        arguments.append(written if name == "value" and not arguments else f"{name}={written}")
    return annotation.name, arguments, unread


class _UnreadError(Exception):
    """A Java expression that is no literal."""


def _value(value: Value, used: set[str]) -> str:
    if isinstance(value, Annotation):
        name, arguments, unread = _call(value, used)
        if unread:
            raise _UnreadError(", ".join(unread))
        return f"{name}({', '.join(arguments)})"
    if isinstance(value, tuple):
        return f"[{', '.join(_value(item, used) for item in value)}]"
    if isinstance(value, Expression):
        *outer, name = value.text.split(".")
        if outer and outer[-1] in container.servlet.__all__:  # DispatcherType.FORWARD
            used.add(outer[-1])
            return f"{outer[-1]}.{name}"
        number = re.sub(r"(?<=\d)[lL]\b", "", value.text)
        if _ARITHMETIC.fullmatch(number):  # 5 * 1024 * 1024
            return number
        raise _UnreadError(value.text)
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    return repr(text) if '"' in text else '"' + repr(text)[1:-1].replace("\\'", "'") + '"'
