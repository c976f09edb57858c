"""Generated web apps start, wrong ones do not, and requests reach what the descriptor says."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container.errors import DeploymentError
from container.testing import Deploy
from container.testing.strategies import (
    Request,
    Servlet,
    WebApp,
    WrongWebApp,
    requests_near,
    urls_near,
    web_apps,
    wrong_web_apps,
)

some = settings(max_examples=40)


def with_requests(app: WebApp) -> st.SearchStrategy[tuple[WebApp, list[Request]]]:
    return st.tuples(st.just(app), st.lists(requests_near(app), min_size=4, max_size=8))


@some
@given(example=web_apps().flatmap(with_requests))
def test_web_apps_start_and_answer_whatever_is_asked(example: tuple[WebApp, list[Request]]) -> None:
    app, requests = example
    names = {servlet.name for servlet in app.servlets} | set(app.filters)
    with Deploy() as deploy:
        client = deploy(app.files)
        for request in requests:
            answer, steps = request.send(client)
            assert answer.status_int != 500 or "?do=" in request.path, request
            assert {step.name for step in steps} <= names


@some
@given(app=wrong_web_apps())
def test_wrong_web_apps_do_not_start_and_say_why(app: WrongWebApp) -> None:
    with Deploy() as deploy, pytest.raises(DeploymentError) as raised:
        deploy(app.files)
    (problem,) = raised.value.problems
    assert problem.code == app.code, (app.mistake, str(problem))
    assert problem.source is not None
    assert problem.source.line > 1


def test_requests_reach_every_kind_of_thing() -> None:
    """The strategies are of no use if everything they ask for is not there."""
    seen: Counter[str] = Counter()

    @settings(max_examples=150, database=None, derandomize=True)
    @given(example=web_apps().flatmap(with_requests))
    def count(example: tuple[WebApp, list[Request]]) -> None:
        app, requests = example
        with Deploy() as deploy:
            client = deploy(app.files)
            for request in requests:
                answer, steps = request.send(client)
                seen[str(answer.status_int)] += 1
                seen["file"] += answer.body.startswith(b"this is ")
                seen["user"] += bool(answer.headers.get("X-User"))
                seen["path info"] += any(step.path_info is not None for step in steps)
                for step in steps:
                    seen[f"{step.dispatcher} {step.kind}"] += 1

    count()
    statuses = {"200", "302", "400", "401", "403", "404", "405", "500"}
    things = {
        "REQUEST servlet",
        "REQUEST filter",
        "ERROR servlet",
        "ERROR filter",
        "file",
        "user",
        "path info",
    }
    assert {name for name in seen if seen[name] > 2} >= statuses | things, seen
    assert seen["REQUEST servlet"] > sum(seen[status] for status in statuses) // 4, seen


def test_urls_are_at_the_edges_of_the_patterns() -> None:
    app = WebApp(servlets=(Servlet("one", ("/b/*", "*.do", "/c")),))
    found: set[str] = set()

    @settings(max_examples=1000, database=None, derandomize=True)
    @given(urls_near(app))
    def collect(url: str) -> None:
        found.add(url)

    collect()
    assert found >= {"/b", "/b/", "/bx", "/b/x.do", "/x.do", "/a/x.do", "/c", "/c/", "/cx", "/C", "/zzz/../c"}
