"""``was explain``: what happens to a request, station by station, and which line of the web app says so.

    explain(context, method, target) ──> Explanation ──> to_text, to_json

Everything is asked of the engine that answers requests (mapper, filter choice, constraints, error pages,
static plan), so the two cannot disagree. No servlet, filter or listener of the web app is made or called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from container.engine.container import Refusal
from container.engine.context import Context, redirect_to_root
from container.engine.dispatch import Location
from container.engine.lifecycle import State
from container.engine.mapper import Match
from container.engine.uri import BadTarget, canonicalize, split_target
from container.errors import Problem
from container.front.static import StaticFiles
from container.learn.explain.errors import error_pages, with_error_page
from container.learn.explain.front import front, url_changes
from container.learn.explain.mapping import candidates, filters, unmatched, welcome
from container.learn.explain.model import Answer, Explanation, Front, Line, Section, Url, WebApp
from container.learn.explain.place import Place
from container.learn.explain.probe import ProbeExchange, probe
from container.learn.explain.security import at_security, constraints
from container.learn.explain.servlets import file_answer, servlet, servlet_answer, session
from container.servlet import DispatcherType

__all__ = ["Explanation", "Line", "Section", "explain"]

_SENT_AS_TYPED = "".join(map(chr, range(0x21, 0x7F)))
_SCHEME_AND_HOST = re.compile(r"(?i:(https?))://([^/?#]*)")


def explain(context: Context, method: str, target: str, *, folder: str | None = None) -> Explanation:
    """Say what happens to a request of somebody who has not logged in.

    context runs, or was examined (Container.examine). target is a path with its context path, or a whole URL;
    which web app it belongs to is looked for among all of context's container. folder is how places call the
    web app's folder; its path from the current directory unless it is given.
    """
    container = context.container
    written = _SCHEME_AND_HOST.match(target)
    secure, host = (written[1].lower() == "https", written[2]) if written else (False, "localhost")
    sent = quote(target, safe=_SENT_AS_TYPED).encode("ascii")
    exchange = ProbeExchange(method, sent, host, secure)
    raw_path, query = split_target(sent)
    try:
        canonical = canonicalize(raw_path)
        changes = tuple(url_changes(target, sent, raw_path, canonical))
        url = Url(sent.decode("ascii"), canonical.path, changes)
    except BadTarget:
        url = Url(sent.decode("ascii"), None)

    if method == "CONNECT" or raw_path == b"*":
        container.handle(exchange)
        why = "CONNECT is for proxies" if method == "CONNECT" else "* is the server itself, for OPTIONS only"
        return _by_container(method, target, url, exchange.status, why)
    location = container.locate(raw_path, query)
    if isinstance(location, Refusal):
        why = location.reason
        if location.status == 404 and container.contexts:
            why += f"; there is {_paths(container.contexts)}"
        url = url if location.status == 404 else replace(url, path=None, changes=())
        return _by_container(method, target, url, location.status, why)

    place = Place.of(location.context, folder if location.context is context else None)
    if location.context.state not in (State.RUNNING, State.EXAMINED):
        state = location.context.state.value
        why = "the web app does not start" if state == "failed" else f"the web app is {state}"
        return _in_web_app(_by_container(method, target, url, 503, why), place, location)
    if StaticFiles(container.static_plan).serve(exchange):
        sent_by = Front(True, "nothing of the web app could see this request, and the file exists")
        answer = Answer("front", exchange.status, f"the file {location.path}")
    else:
        sent_by = front(place, method, location, raw_path)
        answer = Answer("servlet", None, "the code of the web app decides")
    begun = Explanation(method=method, target=target, url=url, front=sent_by, answer=answer)
    entered = _in_web_app(begun, place, location)
    explained = _in_container(entered, place, location, exchange, query)
    return replace(explained, answer=answer) if sent_by.serves else explained


def _by_container(method: str, target: str, url: Url, status: int | None, why: str) -> Explanation:
    """An answer for which no web app is asked."""
    answer = Answer("container", status, why)
    return Explanation(method=method, target=target, url=url, front=Front(False, why), answer=answer)


def _with(problem: Problem, others: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """A start warns of the same class, as other requests are answered; this one is not."""
    same = (problem.source, problem.code)
    return (*(each for each in others if (each.source, each.code) != same), problem)


def _paths(paths: Iterable[str]) -> str:
    return ", ".join(path or "/" for path in paths)


def _in_web_app(begun: Explanation, place: Place, location: Location) -> Explanation:
    context = location.context
    others = [path for path in context.container.contexts if path != context.path]
    why = "the longest context path that the path begins with" if others else "the only web app here"
    notes: tuple[Line, ...] = ()
    if context.state is State.EXAMINED:
        words = "was not run; it may register more when the web app starts"
        notes = tuple(
            Line(f"{name} {words}", place.shown(source)) for name, source in context.code_at_start()
        )
    return replace(
        begun,
        problems=tuple(map(place.problem, context.problems)),
        web_app=WebApp(context.path, place.folder, location.path, why, place.shown(context.web_app.source)),
        notes=notes,
    )


def _in_container(
    entered: Explanation,
    place: Place,
    location: Location,
    exchange: ProbeExchange,
    query: bytes | None,
) -> Explanation:
    """Go the way inside the web app: mapping, security, filters, servlet."""
    context, method = location.context, exchange.method
    dispatch = context.map(location)
    if dispatch is None:
        redirect_to_root(exchange, location, query)
        why = "a context path needs a / behind it, unless something is mapped there"
        return replace(entered, answer=Answer("container", exchange.status, why, exchange.location))
    match = dispatch.mapping
    assert isinstance(match, Match)
    path = dispatch.servlet_path + (dispatch.path_info or "")
    asked = constraints(place, path, method)
    request = probe(exchange, location, query, dispatch)
    usual = {401, 403, 404, 500} if asked.login in ("BASIC", "DIGEST") else {403, 404, 500}
    explained = replace(
        entered,
        security=asked,
        session=session(place),
        error_pages=tuple(error_pages(place, request, usual)),
    )
    problem = None
    if dispatch.target.holder is not context.nothing_there:
        won, lost = candidates(place, match)
        steps = tuple(filters(place, DispatcherType.REQUEST, path, match.servlet_name))
        passed = tuple(step for step in steps if step.applies)
        called, problem = servlet(place, dispatch, method, passed)
        explained = replace(
            explained,
            problems=entered.problems if problem is None else _with(problem, entered.problems),
            mapping=won,
            candidates=lost,
            unmatched=tuple(unmatched(place, {won.pattern, *(c.pattern for c in lost)})),
            welcome=tuple(welcome(place, location.path)),
            filters=passed,
            skipped_filters=tuple(step for step in steps if not step.applies),
            servlet=called,
        )
    answer = at_security(place, request, path, asked)
    if answer is None and problem is not None:
        answer = Answer("servlet", 500, "its class cannot be loaded", source=problem.source)
    if answer is None:
        request = probe(exchange, location, query, dispatch)
        answer = file_answer(place, dispatch, request)
    if answer is None:
        answer = servlet_answer(place, dispatch, request)
    if answer is None:
        return explained
    return replace(explained, answer=with_error_page(place, request, answer))
