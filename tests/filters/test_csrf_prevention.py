"""CsrfPreventionFilter and RestCsrfPreventionFilter. Statuses and URLs are Tomcat 10.1.60's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

NONCE = "org.apache.catalina.filters.CSRF_NONCE"
TOKEN = "X-CSRF-Token"


def link(request: Any, response: Any) -> None:
    url = request.getParameter("url")
    if url is not None:
        response.getWriter().print(f"{response.encodeURL(url)} {response.encodeRedirectURL(url)}")


class Visitor:
    """Keeps the session's cookie."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.headers: list[str] = []

    def ask(self, path: str, method: str = "GET", *headers: str) -> Any:
        answer = self.app.request(method, path, *self.headers, *headers)
        for name, value in answer.cookies.items():
            self.headers = [f"Cookie: {name}={value}"]
        return answer

    def nonce(self, path: str) -> str:
        answer = self.ask(path)
        assert answer.status == 200
        return re.search(
            r"=(\w{32})", answer.text.partition(" ")[0].partition("jsessionid=")[2] or answer.text
        )[1]


PARAMETERS = {"entryPoints": "/in, /two", "nonceCacheSize": "2", "nonceRequestParameterName": "tok"}


def test_a_nonce_is_handed_out_and_asked_for(filtered: Callable[..., Any]) -> None:
    visitor = Visitor(filtered("CsrfPreventionFilter", PARAMETERS, link))
    visitor.ask("/in")
    first = visitor.nonce("/in?url=/app/x")
    second = visitor.nonce(f"/x?tok={first}&url=/app/x")
    assert second != first
    assert visitor.ask(f"/x?tok={first}").status == 200  # the last two are known
    assert visitor.ask(f"/x?tok={first}").status == 403
    assert visitor.ask(f"/x?tok={second}").status == 200
    assert visitor.ask(f"/x?tok={second}").status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/in", 200),
        ("GET", "/two", 200),
        ("POST", "/in", 403),
        ("HEAD", "/in", 403),
        ("OPTIONS", "/in", 403),
        ("GET", "/in/sub", 403),
        ("GET", "/x", 403),
        ("GET", "/x?tok=AA", 403),
        ("GET", "/", 403),
        ("GET", "/a.css", 200),
        ("POST", "/a.css", 403),
    ],
)
def test_who_passes(filtered: Callable[..., Any], method: str, path: str, status: int) -> None:
    visitor = Visitor(filtered("CsrfPreventionFilter", PARAMETERS, link))
    visitor.ask("/in")
    assert visitor.ask(path, method).status == status


@pytest.mark.parametrize(
    ("path", "status"), [("/static/a", 200), ("/re12", 200), ("/re", 403), ("/a.css", 200), ("/a.js", 403)]
)
def test_plain_files(filtered: Callable[..., Any], path: str, status: int) -> None:
    parameters = {"noNonceURLPatterns": r"*.css, /static/*, /^\/re[0-9]+$/"}
    assert filtered("CsrfPreventionFilter", parameters, link).get(path).status == status


def test_status_and_enforce(filtered: Callable[..., Any]) -> None:
    assert filtered("CsrfPreventionFilter", {"denyStatus": "404"}).get("/").status == 404


def test_without_enforce_everybody_passes(filtered: Callable[..., Any]) -> None:
    assert filtered("CsrfPreventionFilter", {"enforce": "false"}).get("/").status == 200


@pytest.mark.parametrize(
    ("url", "encoded"),
    [
        ("/app/x", "/app/x?NONCE"),
        ("x", "x?NONCE"),
        ("/app/x?a=1", "/app/x?a=1&NONCE"),
        ("/app/x?a=1#f", "/app/x?a=1&NONCE#f"),
        ("/app/x#f", "/app/x?NONCE#f"),
        ("#f", "?NONCE#f"),
        ("?q=1", "?q=1&NONCE"),
        ("../x", "../x?NONCE"),
        ("http://test.example/app/x", "http://test.example/app/x?NONCE"),
        ("HTTP://TEST.example/app/x", "HTTP://TEST.example/app/x?NONCE"),
        ("//test.example/app/x", "//test.example/app/x?NONCE"),
        ("/app", "/app?NONCE"),
        ("/app/", "/app/?NONCE"),
        ("/app?", "/app?NONCE"),
        ("x.css?v=1", "x.css?v=1&NONCE"),
        ("/app/a.css", None),
        ("/appx", None),
        ("/x", None),
        ("http://other/", None),
        ("//other/app/x", None),
        ("https://test.example/app/x", None),
        ("http://test.example/other", None),
        ("http://test.example:81/app/x", None),
        ("http://[/app/x", None),
        ("mailto:x@y", None),
        ("javascript:1", None),
    ],
)
def test_urls(filtered: Callable[..., Any], url: str, encoded: str | None) -> None:
    def show(request: Any, response: Any) -> None:
        both = {response.encodeURL(url), response.encodeRedirectURL(url)}
        assert len(both) == 1
        nonce = request.getAttribute("org.apache.catalina.filters.CSRF_REQUEST_NONCE")
        assert request.getServletContext().getAttribute(f"{NONCE}_PARAM_NAME") == NONCE
        response.getWriter().print(both.pop().replace(f"{NONCE}={nonce}", "NONCE"))

    visitor = Visitor(filtered("CsrfPreventionFilter", {"entryPoints": "/in"}, show))
    visitor.ask("/in")  # from now on the session is in a cookie, not in the URL
    assert visitor.ask("/in").text == (url if encoded is None else encoded)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"nonsense": "x"}, "CsrfPreventionFilter has no such parameter"),
        ({"nonceCacheSize": "x"}, 'nonceCacheSize is "x": no whole number. Write for example 5'),
        ({"randomClass": "no.such.Class"}, "nonces come from the operating system"),
        ({"denyStatus": "x"}, "no whole number"),
        ({"enforce": "x"}, "neither true nor false"),
        ({"noNonceURLPatterns": "/a.css"}, r"/a.css is no pattern. Write \*.css, /static/\*"),
        ({"noNonceURLPatterns": "/^($/"}, "no regular expression"),
    ],
)
def test_what_it_does_not_start_with(
    filtered: Callable[..., Any], matches: Callable[..., None], parameters: dict[str, str], problem: str
) -> None:
    matches(filtered("CsrfPreventionFilter", parameters), problem)


def test_tomcats_random_classes_are_known(filtered: Callable[..., Any]) -> None:
    assert filtered("CsrfPreventionFilter", {"randomClass": "java.util.Random"}).running


# RestCsrfPreventionFilter


def test_rest_harmless_methods_pass_and_fetch(filtered: Callable[..., Any]) -> None:
    visitor = Visitor(filtered("RestCsrfPreventionFilter"))
    assert visitor.ask("/").status == 200
    assert visitor.ask("/").cookies == {}  # nothing is made unless it is asked for
    token = visitor.ask("/", "GET", f"{TOKEN}: Fetch").header(TOKEN)
    assert re.fullmatch("[0-9A-F]{32}", token)
    assert visitor.ask("/", "HEAD", f"{TOKEN}: fetch").header(TOKEN) == token
    assert visitor.ask("/", "OPTIONS").header(TOKEN) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "X"])
def test_rest_changes_need_the_nonce(filtered: Callable[..., Any], method: str) -> None:
    visitor = Visitor(filtered("RestCsrfPreventionFilter"))
    refused = visitor.ask("/", method)
    assert (refused.status, refused.header(TOKEN)) == (403, "Required")
    token = visitor.ask("/", "GET", f"{TOKEN}: Fetch").header(TOKEN)
    for headers, status in (
        ([], 403), ([f"{TOKEN}: {token}"], 200), ([f"{TOKEN}: no"], 403), ([f"{TOKEN}: {token}"], 200),
        ([f"{TOKEN}: Fetch"], 403),
    ):  # fmt: skip
        assert visitor.ask("/", method, *headers).status == status


@pytest.mark.parametrize(
    ("path", "copies", "status"), [("/x", 1, 200), ("/x", 2, 200), ("/z", 1, 404), ("/x", 0, 404)]
)
def test_rest_parameters(filtered: Callable[..., Any], path: str, copies: int, status: int) -> None:
    parameters = {"pathsAcceptingParams": "/x,/y", "denyStatus": "404"}
    visitor = Visitor(filtered("RestCsrfPreventionFilter", parameters))
    token = visitor.ask("/", "GET", f"{TOKEN}: Fetch").header(TOKEN)
    query = "&".join([f"{TOKEN}={token}"] * copies)
    assert visitor.ask(f"{path}?{query}", "POST").status == status
    assert visitor.ask(f"{path}?{query}&{TOKEN}=other", "POST").status == 404


def test_rest_unknown_parameter(filtered: Callable[..., Any], matches: Callable[..., None]) -> None:
    app = filtered("RestCsrfPreventionFilter", {"nonsense": "x"})
    matches(app, "RestCsrfPreventionFilter has no such parameter. There are: denyStatus, pathsAccepting")
