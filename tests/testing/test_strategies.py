"""Generated web apps start, wrong ones do not, and requests reach what the descriptor says."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container.errors import DeploymentError
from container.testing import Deploy
from container.testing.strategies import (
    Ran,
    Request,
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
    names = {name for name, _ in app.servlets}
    with Deploy() as deploy:
        client = deploy(app.files)
        for request in requests:
            answer = request.send(client)
            assert answer.status_int < 500, request
            if ran := Ran.of(answer):
                assert ran.servlet in names
                assert set(ran.filters) <= set(app.filters)
                assert ran.user == (None if request.roles is None else "ann")


@some
@given(app=wrong_web_apps())
def test_wrong_web_apps_do_not_start_and_say_why(app: WrongWebApp) -> None:
    with Deploy() as deploy, pytest.raises(DeploymentError) as raised:
        deploy(app.files)
    (problem, *more) = raised.value.problems
    assert app.says in problem.message, (app.mistake, str(raised.value))
    assert problem.source is not None
    assert problem.source.line > 1
    assert not more


def test_requests_reach_every_kind_of_mapping_and_every_kind_of_answer() -> None:
    """The strategies are of no use if everything they ask for is not there."""
    seen: Counter[str] = Counter()

    @settings(max_examples=150, database=None, derandomize=True)
    @given(example=web_apps().flatmap(with_requests))
    def count(example: tuple[WebApp, list[Request]]) -> None:
        app, requests = example
        with Deploy() as deploy:
            client = deploy(app.files)
            for request in requests:
                answer = request.send(client)
                ran = Ran.of(answer)
                seen[str(answer.status_int)] += 1
                if ran is not None:
                    seen["servlet"] += 1
                    seen["path info"] += ran.path_info is not None
                    seen["filters"] += bool(ran.filters)
                    seen["user"] += ran.user is not None
                elif answer.body.startswith(b"file "):
                    seen["file"] += 1

    count()
    assert seen.keys() >= {
        "200",
        "302",
        "401",
        "403",
        "404",
        "servlet",
        "path info",
        "filters",
        "user",
        "file",
    }
    assert seen["servlet"] > sum(seen[str(status)] for status in range(200, 600)) // 4, seen


def test_urls_are_at_the_edges_of_the_patterns() -> None:
    app = WebApp(servlets=(("one", ("/a/*", "*.do", "/b")),))
    found: set[str] = set()

    @settings(max_examples=500, database=None, derandomize=True)
    @given(urls_near(app))
    def collect(url: str) -> None:
        found.add(url)

    collect()
    assert found >= {
        "/a",
        "/a/",
        "/a/a.do",
        "/ax",
        "/a/b.do",
        "/b",
        "/b/",
        "/bx",
        "/b/more",
        "/x/../b",
        "/b;p=1",
    }
