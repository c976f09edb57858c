"""Checks 6xx: files and pages that the descriptor names, static files, the session's length."""

from __future__ import annotations

from collections.abc import Iterator

from container.engine.mapper import matches
from container.errors import Problem, Source
from container.learn.lint.app import PAGES, App

__all__ = ["check", "check_descriptor"]


def check(app: App) -> Iterator[Problem]:
    yield from _error_pages(app)
    yield from _welcome_files(app)
    yield from _jsp_files(app)
    yield from _not_static(app)
    yield from _java_pages(app)


def _error_pages(app: App) -> Iterator[Problem]:
    for page in app.web_app.error_pages:
        if not app.answers(page.location):
            yield Problem(
                app.inside(page.source, "<location>"),
                f'<location> "{page.location}" of <error-page> does not exist: the plain error is shown '
                "instead",
                app.how_to_write(
                    page.location,
                    "Write a path of this web app, from its root: a file, a page or what a servlet answers.",
                ),
                "warning",
                code="WAS601",
            )


def _welcome_files(app: App) -> Iterator[Problem]:
    files = app.web_app.welcome_files or ()
    if not files or app.registers:
        return
    for file in files:
        match = app.mapper.match_explicit(f"/{file.path}")
        of_servlet = match is not None and match.servlet_name not in PAGES
        folder, _, name = file.path.rpartition("/")
        somewhere = any(path.is_file() for path in (app.folder / folder).rglob(name))
        if of_servlet or (somewhere and not file.servlet_only) or app.has_page(file.path):
            return
    names = ", ".join(file.path for file in files)
    yield Problem(
        files[0].source,
        f"<welcome-file>: nothing in the web app is called {names}, so a folder's path answers 404",
        "Write the name of a file, or the path of a servlet without the first slash (§10.10).",
        "warning",
        code="WAS605",
    )


def _jsp_files(app: App) -> Iterator[Problem]:
    for servlet in app.web_app.servlets:
        if servlet.jsp_file is not None and not app.has_page(servlet.jsp_file):
            yield Problem(
                app.inside(servlet.source, "<jsp-file>"),
                f'<jsp-file> "{servlet.jsp_file}" does not exist',
                "Write the path of a page of this web app, from its root.",
                "error",
                code="WAS606",
            )


def _not_static(app: App) -> Iterator[Problem]:
    """What the front could send by itself, if nobody wanted to see the request."""
    files = [path for path in app.static_files if _is_default(app, path)]
    for mapping in app.web_app.filter_mappings:
        pattern = mapping.url_pattern
        if pattern is None or "REQUEST" not in mapping.dispatchers:
            continue
        if seen := [path for path in files if matches(pattern, path)]:
            yield Problem(
                mapping.source,
                f'<filter-mapping> of "{mapping.filter_name}" covers {_count(seen)}: the front cannot send '
                "that by itself, each request goes to the container",
                "If the filter has nothing to do there, map it to the paths of the servlets.",
                "note",
                code="WAS607",
            )
    for constraint in app.web_app.security_constraints:
        patterns = [p for collection in constraint.collections for p in collection.url_patterns]
        if seen := [path for path in files if any(matches(pattern, path) for pattern in patterns)]:
            yield Problem(
                constraint.source,
                f"<security-constraint> covers {_count(seen)}: the front cannot send that by itself, each "
                "request goes to the container",
                "If they are no secret, put them below a path that is not constrained.",
                "note",
                code="WAS607",
            )


def _is_default(app: App, path: str) -> bool:
    match = app.match(path)
    return match is None or app.sends_files(match.servlet_name)


def _count(paths: list[str]) -> str:
    return (
        f"the static file {paths[0]}" if len(paths) == 1 else f"{len(paths)} static files such as {paths[0]}"
    )


def check_descriptor(app: App) -> Iterator[Problem]:
    """The session's length, which needs no other file."""
    config = app.web_app.session_config
    minutes = config.timeout_minutes if config else None
    if config is None or minutes is None or minutes < 600 or minutes % 300:
        return
    hours = minutes // 60
    long = f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
    yield Problem(
        app.inside(config.source, "<session-timeout>"),
        f"<session-timeout> {minutes} is in minutes, which is {long}: it looks like seconds",
        f"Write {minutes // 60} for {minutes} seconds, or <!-- was: ignore WAS608 --> if it is meant.",
        "warning",
        code="WAS608",
    )


def _java_pages(app: App) -> Iterator[Problem]:
    found = [
        path
        for path in sorted(app.folder.rglob("*.jsp*"))
        if path.suffix in (".jsp", ".jspx") and not path.with_suffix(".jinja").is_file()
    ]
    own = {m.url_pattern for m in app.mappings}
    if found and "*.jsp" not in own:
        yield Problem(
            Source(f"{app.shown}/{found[0].relative_to(app.folder).as_posix()}"),
            f"JSP pages do not run here, and there {'is one' if len(found) == 1 else f'are {len(found)}'}",
            "Write the page as a Jinja2 template, NAME.jinja; `was migrate` begins one for each.",
            "warning",
            code="WAS612",
        )
