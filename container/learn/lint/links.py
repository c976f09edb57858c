"""Checks 710 to 712 and 718: where redirects, dispatches and forms lead."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from html.parser import HTMLParser

from container.errors import Problem, Source
from container.learn.lint.app import PAGES, App
from container.learn.lint.python import PythonClass, calls
from container.servlet import Filter, HttpServlet, Servlet
from container.servlet.servlet import METHODS

__all__ = ["check"]


def check(app: App) -> Iterator[Problem]:
    for found in app.sources.own_classes():
        if found.is_a(Servlet) or found.is_a(Filter):
            yield from _paths(app, found)
    yield from _forms(app)


def _paths(app: App, found: PythonClass) -> Iterator[Problem]:
    module = found.module
    for call in calls(found.node, "getRequestDispatcher", "sendRedirect"):
        path = call.args[0] if call.args else None
        is_redirect = isinstance(call.func, ast.Attribute) and call.func.attr == "sendRedirect"
        if path is not None and is_redirect and "WEB-INF/" in _texts(path):
            yield Problem(
                module.place(call),
                "sendRedirect() sends the browser to WEB-INF, where nobody gets from outside: 404",
                "Forward to it: request.getRequestDispatcher(path).forward(request, response).",
                "warning",
                code="WAS718",
            )
            continue
        if not (
            isinstance(path, ast.Constant) and isinstance(path.value, str) and path.value.startswith("/")
        ):
            continue
        text = path.value
        if is_redirect:
            if _is_ours(app, text):
                yield Problem(
                    module.place(path),
                    f'sendRedirect("{text}") leaves the web app: the path counts from the root of the server',
                    f'Write request.getContextPath() + "{text}".',
                    "warning",
                    code="WAS711",
                )
        elif not app.answers(text):
            yield Problem(
                module.place(path),
                f'there is no "{text}" in the web app, so the dispatch ends with 404',
                app.how_to_write(text, "Write a path from the root of the web app."),
                "warning",
                code="WAS712",
            )


def _texts(expression: ast.expr) -> str:
    """The texts that stand in an expression."""
    nodes = (node for node in ast.walk(expression) if isinstance(node, ast.Constant))
    return " ".join(node.value for node in nodes if isinstance(node.value, str))


def _is_ours(app: App, path: str) -> bool:
    """Whether a path from the root of the server is meant as one of the web app."""
    prefix = app.context_path
    if not prefix or path.startswith((f"{prefix}/", "//")) or path == prefix or path == "/":
        return False
    path = path.partition("?")[0]
    match = app.mapper.match_explicit(path)
    return app.has_page(path) or (match is not None and match.servlet_name not in PAGES)


class _Form(HTMLParser):
    """Keeps the place, method and action of each form."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[int, int, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            values = {name: value or "" for name, value in attrs}
            line, column = self.getpos()
            method = values.get("method", "get").upper()
            self.forms.append((line, column + 1, method, values.get("action", "")))


def _forms(app: App) -> Iterator[Problem]:
    for shown, path in app.pages():
        parser = _Form()
        parser.feed(path.read_text("utf-8", "replace"))
        inside = path.relative_to(app.folder).as_posix()
        for line, column, method, action in parser.forms:
            if not action or any(mark in action for mark in ("{", "$", ":", "//", "j_security_check")):
                continue
            yield from _form(app, Source(shown, line, column), method, action, f"/{inside}")


def _form(app: App, source: Source, method: str, action: str, page: str) -> Iterator[Problem]:
    target = action.partition("?")[0].partition("#")[0]
    prefix = app.context_path
    if target.startswith("/"):
        if _is_ours(app, target):
            yield Problem(
                source,
                f'<form> sends to "{target}" at the root of the server, not of the web app {prefix}',
                f'Write action="{prefix}{target}", or a path relative to the page.',
                "warning",
                code="WAS711",
            )
            return
        target = target.removeprefix(prefix)
    elif page.startswith("/WEB-INF/"):
        return  # shown for some other path
    else:
        target = f"{page.rpartition('/')[0]}/{target}"
    match = app.mapper.match_explicit(target)
    found = app.servlet_class(match.servlet_name) if match else None
    if match is None or found is None or found.is_opaque or not found.is_a(HttpServlet):
        return
    needed = METHODS.get(method)
    answers = needed is None or found.overrides(needed) or found.overrides("service")
    if not answers and any(
        map(found.overrides, METHODS.values())
    ):  # else it answers nothing, which is said already
        yield Problem(
            source,
            f'<form> sends {method} to servlet "{match.servlet_name}", whose class {found.name} has no '
            f"{needed}: 405",
            f"Add def {needed}(self, request, response) to the class, or change the form's method.",
            "warning",
            code="WAS710",
        )
