"""An Explanation as lines: the way of the request, from top to bottom.

sections(explanation) ──> Sections of Lines ──as_text──> station, what happens, the place that says so
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from itertools import groupby

from container.errors import Source
from container.learn.explain.model import Answer, ErrorPage, Explanation, Line, Section

__all__ = ["as_text", "sections"]

_PLACES_AT = 78  # the column in which places stand, unless a line is longer
_MARKS = {"": "  ", "yes": "+ ", "no": "- ", "error": "! "}
_COLORS = {"": "", "yes": "\x1b[32m", "no": "\x1b[2m", "error": "\x1b[31m"}
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_BEFORE_THE_CONTAINER = ("URL", "Front", "Web app", "Answer")
_MOST_UNMATCHED = 8  # more are counted only


def sections(explanation: Explanation) -> tuple[Section, ...]:
    """Every station that the request reaches, with at least one line."""
    parts = (
        ("URL", _url(explanation)),
        ("Front", _front(explanation)),
        ("Web app", _web_app(explanation)),
        ("Mapping", _mapping(explanation)),
        ("Security", _security(explanation)),
        ("Filters", _filters(explanation)),
        ("Servlet", _servlet(explanation)),
        ("Session", _session(explanation)),
        ("Errors", _errors(explanation)),
        ("Answer", _answer(explanation.answer)),
    )
    reached = (part for part in parts if not explanation.front.serves or part[0] in _BEFORE_THE_CONTAINER)
    return tuple(Section(title, found) for title, lines in reached if (found := tuple(lines)))


def as_text(explanation: Explanation, *, color: bool) -> str:
    """Errors of the web app first, then the stations, then warnings."""
    errors = [problem for problem in explanation.problems if problem.severity == "error"]
    warnings = [problem for problem in explanation.problems if problem.severity == "warning"]
    lines = [_painted(str(problem), _COLORS["error"], color) for problem in errors]
    lines += [""] if errors else []
    lines += [_painted(f"{explanation.method} {explanation.target}", _BOLD, color), ""]
    for section in sections(explanation):
        title = section.title
        for line in section.lines:
            lines.append(_line(title, line, color))
            title = ""
    if warnings:
        lines += ["", *(str(problem) for problem in warnings)]
    return "\n".join(lines) + "\n"


def _line(title: str, line: Line, color: bool) -> str:
    head = f"{title:<9}"
    text = _MARKS[line.mark] + line.text
    gap = " " * max(2, _PLACES_AT - len(head) - len(text)) if line.source else ""
    place = str(line.source) if line.source else ""
    painted = _painted(head, _BOLD, color) + _painted(text, _COLORS[line.mark], color)
    return (painted + gap + _painted(place, _DIM, color)).rstrip()


def _painted(text: str, escape: str, color: bool) -> str:
    return f"{escape}{text}{_PLAIN}" if color and escape and text else text


# --- stations ---------------------------------------------------------------------------------------------


def _url(explanation: Explanation) -> Iterator[Line]:
    url = explanation.url
    if url.path is None:
        yield Line(f"{url.sent} is refused", mark="no")
    elif url.changes or url.path != url.sent:
        yield Line(f"{url.sent} means the path {url.path}")
    else:
        yield Line(url.path)
    for change in url.changes:
        yield Line(change)


def _front(explanation: Explanation) -> Iterator[Line]:
    front = explanation.front
    if front.serves:
        yield Line(f"sends the file by itself, the container does not see it: {front.why}", mark="yes")
        return
    if explanation.web_app is None:
        return
    yield Line(f"hands it to the container: {front.why}{':' if front.reasons else ''}")
    yield from front.reasons


def _web_app(explanation: Explanation) -> Iterator[Line]:
    web_app = explanation.web_app
    if web_app is not None:
        yield Line(f"{web_app.path or 'ROOT'} in {web_app.folder}: {web_app.why}", web_app.source, "yes")
        yield from explanation.notes


def _mapping(explanation: Explanation) -> Iterator[Line]:
    for attempt in explanation.welcome:
        what = "file" if attempt.looked_for == "file" else "servlet mapping"
        found = "stands for the directory" if attempt.found else "is not there"
        yield Line(f"welcome {what} {attempt.path} {found}", attempt.source, "yes" if attempt.found else "no")
    mapping = explanation.mapping
    if mapping is not None:
        source = mapping.source
        own = {"file": "", "code": " (registered by code)", "container": " (the container's own)"}[mapping.by]
        yield Line(f"{_pattern(mapping.pattern)} -> {mapping.servlet}{own}: {mapping.why}", source, "yes")
    elif explanation.session is not None:
        yield Line("nothing answers: no servlet, and no filter sees the request", mark="no")
    for each in explanation.candidates:
        yield Line(f"{_pattern(each.pattern)} -> {each.servlet} {each.why}", each.source, "no")
    if mapping is None or mapping.rule == "default":
        for each in explanation.unmatched[:_MOST_UNMATCHED]:
            yield Line(
                f"{_pattern(each.pattern)} -> {each.servlet} does not match: {each.why}", each.source, "no"
            )
        if len(explanation.unmatched) > _MOST_UNMATCHED:
            yield Line(f"{len(explanation.unmatched) - _MOST_UNMATCHED} more do not match", mark="no")


def _pattern(pattern: str) -> str:
    return pattern or '""'


def _security(explanation: Explanation) -> Iterator[Line]:
    security = explanation.security
    if security is None:
        return
    who = {
        "permitted": "everybody may pass",
        "authenticated": "whoever has logged in may pass",
        "roles": f"needs one of the roles {', '.join(security.roles) or '(there is none)'}",
        "precluded": "nobody may pass",
    }[security.access]
    tls = ", over TLS only" if security.confidential else ""
    yield Line(f"{who}{tls}: {security.why}", mark="" if security.access == "permitted" else "yes")
    for each in security.constraints:
        roles = "no login" if each.roles is None else f"roles {', '.join(each.roles) or 'none'}"
        transport = "" if each.transport == "NONE" else f", {each.transport}"
        text = f"constraint on {_pattern(each.pattern)} ({each.methods}; {roles}{transport}): {each.why}"
        yield Line(text, each.source, "yes" if each.applies else "no")
    if security.login is not None:
        how = "there is no way to log in" if security.login == "NONE" else f"asked for by {security.login}"
        yield Line(f"login: {how}", security.login_source)


def _filters(explanation: Explanation) -> Iterator[Line]:
    for number, step in enumerate(explanation.filters, 1):
        yield Line(
            f"{number}. {step.filter} ({step.class_name}): {step.why}", step.source or step.declared, "yes"
        )
    for step in explanation.skipped_filters:
        yield Line(f"{step.filter}: {step.why}", step.source or step.declared, "no")


def _servlet(explanation: Explanation) -> Iterator[Line]:
    servlet = explanation.servlet
    if servlet is None:
        return
    is_own = servlet.class_name.startswith("container.")
    of_class = "" if servlet.name == servlet.class_name else f" is {servlet.class_name}"
    yield Line(f"{servlet.name}{of_class}", servlet.source, "yes")
    yield Line(f"servletPath {_quoted(servlet.servlet_path)}, pathInfo {_quoted(servlet.path_info)}")
    if servlet.calls is not None and not is_own:
        yield Line(f"calls {servlet.calls}", servlet.calls_source)
    if is_own:
        return
    if servlet.load_on_startup >= 0:
        yield Line(
            f"made when the web app starts (load-on-startup {servlet.load_on_startup})", servlet.source
        )
    else:
        yield Line("made at its first request (no load-on-startup)", servlet.source)
    is_async = "possible" if servlet.async_supported else "refused"
    yield Line(f"startAsync is {is_async}: {servlet.async_why}", servlet.source)
    if servlet.multipart is not None:
        limits = (f"{name} {value}" for name, value in servlet.multipart.items() if value not in ("", -1, 0))
        yield Line(
            f"takes multipart forms: {', '.join(limits) or 'without limits'}", servlet.multipart_source
        )


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _session(explanation: Explanation) -> Iterator[Line]:
    session = explanation.session
    if session is None:
        return
    ways = {
        "COOKIE": f"the cookie {session.cookie}",
        "URL": f"the path parameter ;{session.parameter}=",
        "SSL": "the TLS session",
    }
    tracking = " or ".join(ways[mode] for mode in session.tracking)
    yield Line(f"recognised by {tracking}", session.tracking_source)
    if "COOKIE" in session.tracking:
        attributes = "; ".join(
            f"{name}={value}" if value else name for name, value in session.cookie_attributes
        )
        yield Line(f"cookie: {session.cookie}=...; {attributes}", session.cookie_source)
    ends = (
        f"ends after {session.timeout_minutes} idle minutes"
        if session.timeout_minutes > 0
        else "does not end by itself"
    )
    yield Line(ends, session.timeout_source)


def _errors(explanation: Explanation) -> Iterator[Line]:
    for (location, why, servlet, filters, source), pages in groupby(explanation.error_pages, _shown):
        what = ", ".join(page.exception or str(page.status) for page in pages)
        shown = location or "the built-in page"
        if servlet is not None:
            behind = f" behind {', '.join(filters)}" if filters else ""
            shown += f" by servlet {servlet}{behind}"
        yield Line(f"{what} -> {shown}: {why}", source)


def _shown(page: ErrorPage) -> tuple[str | None, str, str | None, tuple[str, ...], Source | None]:
    return page.location, page.why, page.servlet, page.filters, page.source


def _answer(answer: Answer) -> Iterator[Line]:
    if answer.status is None:
        status = ""
    else:
        try:
            status = f"{answer.status} {HTTPStatus(answer.status).phrase} "
        except ValueError:
            status = f"{answer.status} "
    where = f", Location: {answer.location}" if answer.location and answer.by != "login page" else ""
    page = f", error page {answer.error_page}" if answer.error_page else ""
    if answer.by == "login page":
        where = f": {answer.location}"
    yield Line(f"{status}by the {answer.by}{where}{page}: {answer.why}", answer.source)
