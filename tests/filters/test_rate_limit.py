"""RateLimitFilter. Counts, policies and statuses are Tomcat 10.1.60's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from container.filters.rate_limit import COUNT, RateLimitFilter

EXACT = "org.apache.catalina.util.ExactRateLimiter"
FAST = "org.apache.catalina.util.FastRateLimiter"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times = [0.0]
    monkeypatch.setattr(RateLimitFilter, "clock", staticmethod(lambda: times[-1]))
    return times


def count(request: Any, response: Any) -> None:
    response.getWriter().print(request.getAttribute(COUNT))


def test_more_than_the_limit_is_refused(filtered: Callable[..., Any]) -> None:
    parameters = {"bucketRequests": "5", "exposeHeaders": "true"}
    app = filtered("RateLimitFilter", parameters, count)
    answers = [app.get("/") for _ in range(7)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
    assert [answer.text for answer in answers[:5]] == ["1", "2", "3", "4", "5"]
    assert "Too many requests" in answers[-1].text
    rests = [answer.header("RateLimit") for answer in answers]
    assert rests == [f'"RateLimitFilter";r={rest}' for rest in (4, 3, 2, 1, 0, 0, 0)]
    assert {answer.header("RateLimit-Policy") for answer in answers} == {'"RateLimitFilter";q=5;w=65'}


def test_status_and_message(filtered: Callable[..., Any]) -> None:
    app = filtered("RateLimitFilter", {"bucketRequests": "1", "statusCode": "503", "statusMessage": "busy"})
    assert app.get("/").header("RateLimit") is None
    refused = app.get("/")
    assert refused.status == 503
    assert "busy" in refused.text


def test_without_enforce_it_only_counts(filtered: Callable[..., Any]) -> None:
    parameters = {"bucketRequests": "1", "enforce": "false", "policyName": "abc", "exposeHeaders": "true"}
    app = filtered("RateLimitFilter", parameters, count)
    assert [app.get("/").text for _ in range(3)] == ["1", "2", "3"]
    answer = app.get("/")
    assert answer.header("RateLimit-Policy") == '"abc";q=1;w=65'
    assert answer.header("RateLimit") is None


@pytest.mark.parametrize(
    ("requests", "duration", "limiter", "policy"),
    [
        ("300", "60", FAST, "q=328;w=65"),
        ("10", "1", FAST, "q=10;w=1"),
        ("10", "100", FAST, "q=13;w=131"),
        ("100", "10", FAST, "q=164;w=16"),
        ("1000", "3600", FAST, "q=1165;w=4194"),
        ("300", "60", EXACT, "q=300;w=60"),
    ],
)
def test_buckets(
    filtered: Callable[..., Any], requests: str, duration: str, limiter: str, policy: str
) -> None:
    parameters = {
        "bucketRequests": requests, "bucketDuration": duration, "rateLimitClassName": limiter,
        "exposeHeaders": "true", "policyName": "p",
    }  # fmt: skip
    assert filtered("RateLimitFilter", parameters).get("/").header("RateLimit-Policy") == f'"p";{policy}'


def test_a_new_bucket_begins_anew_and_forgets(filtered: Callable[..., Any], clock: list[float]) -> None:
    app = filtered("RateLimitFilter", {"bucketRequests": "1", "rateLimitClassName": EXACT}, count)
    assert [app.get("/").status for _ in range(2)] == [200, 429]
    clock.append(59.9)
    assert app.get("/").status == 429
    clock.append(60.0)
    assert [app.get("/").status for _ in range(2)] == [200, 429]
    assert list(app.context.filters["RateLimitFilter"].filter._counts) == ["127.0.0.1"]


def test_addresses_are_counted_apart(filtered: Callable[..., Any]) -> None:
    app = filtered("RateLimitFilter", {"bucketRequests": "1"}, count, trusted_proxies=("127.0.0.1",))
    for address in ("192.0.2.1", "192.0.2.2"):
        assert app.get("/", f"X-Forwarded-For: {address}").text == "1"
    assert app.get("/", "X-Forwarded-For: 192.0.2.1").status == 429


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"bucketRequests": "x"}, 'bucketRequests is "x": no whole number. Write for example 300'),
        ({"bucketRequests": "0"}, "too small. The least is 1"),
        ({"bucketDuration": "0"}, "too small. The least is 1"),
        ({"statusCode": "1"}, 'statusCode is "1": no HTTP status. Write for example 429'),
        ({"rateLimitClassName": "nonsense"}, f"unknown. Write {FAST} or {EXACT}"),
        ({"policyName": 'a"b'}, "not fit for a header"),
        ({"nonsense": "0"}, "RateLimitFilter has no such parameter. There are: bucketDuration"),
    ],
)
def test_what_it_does_not_start_with(
    filtered: Callable[..., Any], matches: Callable[..., None], parameters: dict[str, str], problem: str
) -> None:
    matches(filtered("RateLimitFilter", parameters), problem)
