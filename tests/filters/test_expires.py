"""ExpiresFilter. The answers are Tomcat 10.1.60's, at another time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from container.filters.expires import ExpiresFilter

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
RULES = {
    "ExpiresByType text/html": "access plus 10 minutes",
    "ExpiresByType text": "now 1 hour 2 minutes",
    "ExpiresByType image/gif": "A100",
    "ExpiresByType text/xml;charset=UTF-8": "access 5 seconds",
    "ExpiresDefault": "access plus 1 month",
    "ExpiresExcludedResponseStatusCodes": "302, 404",
}


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExpiresFilter, "clock", staticmethod(NOW.timestamp))


def answer(request: Any, response: Any) -> None:
    """Do what the query asks for, in its order."""
    output: Any = None
    for word in (request.getQueryString() or "").split("&"):
        name, _, value = word.partition("=")
        if name == "type":
            response.setContentType(value)
        elif name == "cache":
            response.setHeader("Cache-Control", value)
        elif name == "expires":
            response.setHeader("Expires", "0")
        elif name == "status":
            response.setStatus(int(value))
        elif name == "error":
            response.sendError(int(value))
            return
        elif name == "redirect":
            response.sendRedirect("x")
            return
        elif name == "flush":
            response.flushBuffer()
        elif name == "stream":
            output = response.getOutputStream()
        elif name == "empty":
            return
    (output or response.getWriter()).print("x")


def caching(answer: Any) -> tuple[str | None, str | None]:
    return answer.header("Cache-Control"), answer.header("Expires")


def in_seconds(seconds: int, before: str = "") -> tuple[str, str]:
    at = datetime.fromtimestamp(NOW.timestamp() + seconds, UTC)
    return f"{before}max-age={seconds}", at.strftime("%a, %d %b %Y %H:%M:%S GMT")


MONTH = in_seconds(28 * 86400)  # the last day of January and one month is the last one of February
NOTHING = (None, None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=text/html", in_seconds(600)),
        ("type=TEXT/HTML", in_seconds(600)),
        ("type=text/html&stream", in_seconds(600)),
        ("type=text/html&empty", in_seconds(600)),
        ("type=text/plain", in_seconds(3720)),
        ("type=image/gif", in_seconds(100)),
        ("type=text/xml;charset=UTF-8", in_seconds(5)),
        ("type=text/xml", in_seconds(3720)),
        ("type=application/json", MONTH),
        ("stream", MONTH),
        ("type=text/html&cache=no-cache", in_seconds(600, "no-cache, ")),
        ("type=text/html&cache=private,no-cache", in_seconds(600, "private,no-cache, ")),
        ("type=text/html&cache=s-maxage=3", in_seconds(600, "s-maxage=3, ")),
        ("type=text/html&cache=max-age=3", ("max-age=3", None)),
        ("type=text/html&cache=no-store", ("no-store", None)),
        ("type=text/html&expires", (None, "0")),
        ("type=text/html&status=404", NOTHING),
        ("type=text/html&status=500", in_seconds(600)),
        ("error=500", NOTHING),
        ("error=404", NOTHING),
        ("redirect", NOTHING),
        ("type=text/html&flush", NOTHING),
    ],
)
def test_headers(filtered: Callable[..., Any], query: str, expected: tuple[str | None, str | None]) -> None:
    assert caching(filtered("ExpiresFilter", RULES, answer).get(f"/?{query}")) == expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [("HEAD", in_seconds(600)), ("POST", NOTHING), ("PUT", NOTHING), ("OPTIONS", NOTHING)],
)
def test_only_get_and_head(
    filtered: Callable[..., Any], method: str, expected: tuple[str | None, str | None]
) -> None:
    app = filtered("ExpiresFilter", RULES, answer)
    assert caching(app.request(method, "/?type=text/html")) == expected


def test_files(filtered: Callable[..., Any], deploy: Callable[..., Any], web_xml: Any) -> None:
    params = {"ExpiresByType text/plain": "modification plus 1 day"}
    app = deploy(
        web_xml("ExpiresFilter", params), files={"a.txt": "abc", "a.css": "x", "big.txt": "x" * 100_000}
    )
    found = app.get("/a.txt")
    modified = datetime.strptime(found.header("Last-Modified"), "%a, %d %b %Y %H:%M:%S GMT")
    expires = datetime.strptime(found.header("Expires"), "%a, %d %b %Y %H:%M:%S GMT")
    assert (found.text, (expires - modified).total_seconds()) == ("abc", 86400)
    assert found.header("Content-Length") == "3"
    assert app.get("/a.css").header("Expires") is None
    assert app.get("/a.txt", "If-None-Match: *").header("Expires") is None  # 304
    assert app.get("/a.txt", "Range: bytes=0-0").header("Expires") is not None
    assert app.get("/none").header("Expires") is None
    big = app.get("/big.txt")  # sent without reading it
    assert len(big.body) == 100_000
    assert big.header("Expires") is not None


@pytest.mark.parametrize(
    ("rule", "seconds"),
    [
        ("ACCESS PLUS 1 DAY", 86400),
        ("access plus -1 days", -86400),
        ("access 1 year 2 months", 424 * 86400),  # Jan 31 -> Jan 31 -> Mar 31
        ("access 2 weeks", 14 * 86400),
        ("modification plus 1 day 1 hour", 90000),  # nothing says when: from now
        ("M100", 100),
    ],
)
def test_rules(filtered: Callable[..., Any], rule: str, seconds: int) -> None:
    app = filtered("ExpiresFilter", {"ExpiresDefault": rule}, answer)
    assert caching(app.get("/")) == in_seconds(seconds)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("access plus 1", "a number or its unit is missing"),
        ("access plus one day", "one is no whole number"),
        ("tomorrow 1 day", "it has to begin with access"),
        ("access", "a number or its unit is missing"),
        ("access plus 1 fortnight", "fortnight is none of years, months, weeks"),
        ("access plus 1 dayz", "dayz is none of"),
        ("", "it has to begin with"),
        ("Ax", "it has to begin with"),
        ("a100 2 days", "it has to begin with"),
        ("access plus 10000 years", "beyond all calendars"),
    ],
)
def test_rules_that_are_none(
    filtered: Callable[..., Any], matches: Callable[..., None], rule: str, problem: str
) -> None:
    matches(filtered("ExpiresFilter", {"ExpiresDefault": rule}), f'ExpiresDefault is "{rule}": .*{problem}')


def test_the_case_of_names_means_nothing(filtered: Callable[..., Any]) -> None:
    parameters = {
        "expiresdefault": "A100", "EXPIRESBYTYPE Text/HTML": "A200",
        "expiresExcludedResponseStatusCodes": "500",
    }  # fmt: skip
    app = filtered("ExpiresFilter", parameters, answer)
    assert caching(app.get("/")) == in_seconds(100)
    assert caching(app.get("/?type=text/html")) == in_seconds(200)
    assert caching(app.get("/?status=500")) == NOTHING


def test_statuses_that_are_none(filtered: Callable[..., Any], matches: Callable[..., None]) -> None:
    app = filtered("ExpiresFilter", {"ExpiresExcludedResponseStatusCodes": "30x"})
    matches(app, 'is "30x": no list of status codes. Write for example 302, 500, 503')


@pytest.mark.parametrize("name", ["Nonsense", "ExpiresActive", "ExpiresByType"])
def test_unknown_parameters_are_logged(
    filtered: Callable[..., Any], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    assert filtered("ExpiresFilter", {name: "access plus 1 day"}, answer).get("/").header("Expires") is None
    assert f"no init-param {name}," in caplog.text
