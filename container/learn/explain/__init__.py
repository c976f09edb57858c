"""``was explain``: what happens to a request, station by station, and which line of the web app says so.

    explain(context, method, target) ──> Explanation ──> to_text, to_json

Everything is asked of the engine that answers requests (mapper, filter choice, constraints, error pages,
static plan), so the two cannot disagree. No servlet, filter or listener of the web app is made or called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote

from container.engine.container import Refusal
from container.engine.context import Context, redirect_to_root
from container.engine.dispatch import Location
from container.engine.lifecycle import State
from container.engine.mapper import Match
from container.engine.uri import BadTarget, canonicalize, split_target
from container.errors import Problem
from container.front.static import StaticFiles
from container.learn.explain import stations
from container.learn.explain.model import (
    Answer,
    Candidate,
    ErrorPage,
    Explanation,
    FilterStep,
    Front,
    Line,
    Section,
    Security,
    Servlet,
    Session,
    Url,
    WebApp,
    Welcome,
)
from container.learn.explain.probe import ProbeExchange
from container.servlet import DispatcherType

__all__ = ["Explanation", "Line", "Section", "explain"]

_SENT_AS_TYPED = "".join(map(chr, range(0x21, 0x7F)))
_SCHEME_AND_HOST = re.compile(r"(?i:(https?))://([^/?#]*)")


@dataclass(slots=True)
class _Found:
    """What is known so far; the fields are those of Explanation."""

    problems: tuple[Problem, ...] = ()
    web_app: WebApp | None = None
    mapping: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()
    unmatched: tuple[Candidate, ...] = ()
    welcome: tuple[Welcome, ...] = ()
    security: Security | None = None
    filters: tuple[FilterStep, ...] = ()
    skipped_filters: tuple[FilterStep, ...] = ()
    servlet: Servlet | None = None
    session: Session | None = None
    error_pages: tuple[ErrorPage, ...] = ()
    notes: tuple[Line, ...] = ()


def explain(context: Context, method: str, target: str, *, folder: str | None = None) -> Explanation:
    """Say what happens to a request.

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
    shown = sent.decode("ascii")
    found = _Found()

    def explained(url: Url, front: Front, answer: Answer) -> Explanation:
        values = {name: getattr(found, name) for name in _Found.__slots__}
        return Explanation(method=method, target=target, url=url, front=front, answer=answer, **values)

    if method == "CONNECT" or raw_path == b"*":
        container.handle(exchange)
        why = (
            "CONNECT is for proxies" if method == "CONNECT" else "* means the server itself, for OPTIONS only"
        )
        answer = Answer("container", exchange.status, why)
        return explained(Url(shown, None), Front(False, "no file is asked for"), answer)
    location = container.locate(raw_path, query)
    if isinstance(location, Refusal):
        try:
            canonical = canonicalize(raw_path)
            url = Url(shown, canonical.path, tuple(stations.url_changes(target, sent, raw_path, canonical)))
        except BadTarget:
            url = Url(shown, None)
        why = location.reason
        if location.status == 404 and (known := [path or "/" for path in container.contexts]):
            why += f"; there is {', '.join(known)}"
        answer = Answer("container", location.status, why)
        return explained(url, Front(False, "no web app has this path"), answer)

    canonical = canonicalize(raw_path)
    url = Url(shown, canonical.path, tuple(stations.url_changes(target, sent, raw_path, canonical)))
    place = stations.Place.of(location.context, folder if location.context is context else None)
    _enter(found, place, location)
    if location.context.state not in (State.RUNNING, State.EXAMINED):
        state = location.context.state.value
        why = "the web app does not start" if state == "failed" else f"the web app is {state}"
        return explained(url, Front(False, why), Answer("container", 503, why))
    serves = StaticFiles(container.static_plan).serve(exchange)
    if serves:
        front = Front(True, "only the default servlet would see this request, and the file exists")
    else:
        front = stations.front(place, method, location, canonical, raw_path)
    answer = _inside(found, place, location, exchange, query)
    if serves:
        answer = Answer("front", exchange.status, f"the file {location.path}")
    return explained(url, front, answer)


def _enter(found: _Found, place: stations.Place, location: Location) -> None:
    context = location.context
    others = [path or "/" for path in context.container.contexts if path != context.path]
    why = "the longest context path that the path begins with" if others else "the only web app here"
    source = place.shown(context.web_app.source)
    found.web_app = WebApp(context.path, place.folder, location.path, why, source)
    found.problems = tuple(map(place.problem, context.problems))
    if context.state is State.EXAMINED:
        found.notes = tuple(
            Line(f"{name} was not run; it may register more when the web app starts", place.shown(source))
            for name, source in context.code_at_start()
        )


def _inside(
    found: _Found,
    place: stations.Place,
    location: Location,
    exchange: ProbeExchange,
    query: bytes | None,
) -> Answer:
    """Go on inside the web app, and return what a client that is not logged in gets."""
    context, method = location.context, exchange.method
    dispatch = context.map(location)
    if dispatch is None:
        redirect_to_root(exchange, location, query)
        why = "a context path needs a / behind it, unless something is mapped there"
        return Answer("container", exchange.status, why, exchange.location)
    found.session = stations.session(place)
    match = dispatch.mapping
    assert isinstance(match, Match)
    path = dispatch.servlet_path + (dispatch.path_info or "")
    if dispatch.target.holder is not context.nothing_there:
        found.mapping, found.candidates = stations.candidates(place, match)
        kind = DispatcherType.REQUEST
        steps = tuple(stations.filters(place, kind, path, match.servlet_name))
        found.filters = tuple(step for step in steps if step.applies)
        found.skipped_filters = tuple(step for step in steps if not step.applies)
        if location.path.endswith("/") and context.mapper.match_explicit(location.path) is None:
            found.welcome = tuple(stations.welcome(place, location.path))
    matching = {each.pattern for each in (found.mapping, *found.candidates) if each is not None}
    found.unmatched = tuple(stations.unmatched(place, matching))
    found.security = stations.constraints(place, path, method)
    request = stations.probe(exchange, location, query, dispatch)
    asks = found.security.login in ("BASIC", "DIGEST")  # 401 is only to be expected where they do
    found.error_pages = tuple(
        stations.error_pages(place, request, {401, 403, 404, 500} if asks else {403, 404, 500})
    )
    answer = stations.at_security(place, request, path, found.security)
    problem = None
    if found.mapping is not None:
        names = tuple(step.filter for step in found.filters)
        found.servlet, problem = stations.servlet(place, dispatch, method, names)
        if problem is not None:
            found.problems += (problem,)
    if answer is None and problem is not None:
        answer = Answer("servlet", 500, "its class cannot be loaded", source=problem.source)
    if answer is None:
        request = stations.probe(exchange, location, query, dispatch)
        answer = stations.file_answer(place, dispatch, request)
    if answer is None:
        answer = stations.servlet_answer(place, dispatch, request)
    if answer is None:
        return Answer("servlet", None, "the code of the web app decides")
    if answer.status is None or answer.status < 400:
        return answer
    page = stations.error_page(place, request, answer.status)
    if page.redirect is not None:
        return replace(answer, status=302, location=page.redirect, error_page=page.location)
    return answer if page.servlet is None else replace(answer, error_page=page.location)
