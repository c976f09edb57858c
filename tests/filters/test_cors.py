"""CorsFilter. The tables are what Tomcat 10.1.60 answered to the same descriptor and requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

WANT = "Access-Control-Request-Headers: "
A = "Origin: http://a.example"
ASK = "Access-Control-Request-Method: "
NAMED = {
    "cors.allowed.origins": "http://a.example, https://b.example",
    "cors.exposed.headers": "X-One,X-Two",
    "cors.support.credentials": "true",
}
ANY = {"cors.allowed.origins": "*"}
CHOSEN = {
    **ANY,
    "cors.allowed.methods": "GET,POST,PUT",
    "cors.allowed.headers": "Content-Type,X-A",
    "cors.preflight.maxage": "-1",
    "cors.request.decorate": "false",
}


def attributes(request: Any, response: Any) -> None:
    names = ("cors.isCorsRequest", "cors.request.origin", "cors.request.type")
    response.getWriter().print(" ".join(str(request.getAttribute(name)) for name in names))


@pytest.mark.parametrize(
    ("method", "headers", "answers"),  # without parameters, NAMED, ANY, CHOSEN
    [
        ("GET", [], ["False None None"] * 3 + ["None None None"]),
        ("GET", [A], [403, "simple", "simple", "None None None"]),
        ("GET", ["Origin: http://c.example"], [403, 403, "simple", "None None None"]),
        ("GET", ["Origin: null"], [403, 403, "simple", "None None None"]),
        ("GET", ["Origin: "], [403] * 4),
        ("GET", ["Origin: http://a b"], [403] * 4),
        ("GET", ["Origin: http://test.example"], ["False None None"] * 3 + ["None None None"]),
        ("GET", ["Origin: http://test.example:80"], ["False None None"] * 3 + ["None None None"]),
        ("GET", ["Origin: http://TEST.example"], [403, 403, "simple", "None None None"]),
        ("GET", ["Origin: a.example"], [403] * 4),
        ("HEAD", [A], [403, 200, 200, 403]),
        ("POST", [A], [403, "simple", "simple", "None None None"]),
        ("POST", [A, "Content-Type: text/plain"], [403, "simple", "simple", "None None None"]),
        ("POST", [A, "Content-Type: text/plain; charset=utf-8"], [403, "simple", "simple", "None None None"]),
        ("POST", [A, "Content-Type: application/json"], [403, "actual", "actual", "None None None"]),
        ("PUT", [A], [403, 403, 403, "None None None"]),
        ("DELETE", [A], [403] * 4),
        ("PATCH", [A], [403] * 4),
        ("OPTIONS", [], ["False None None"] * 3 + ["None None None"]),
        ("OPTIONS", [A], [403, "actual", "actual", 403]),
        ("OPTIONS", [A, ASK + "GET"], [403, 200, 200, 200]),
        ("OPTIONS", [A, ASK + "PUT"], [403, 403, 403, 200]),
        ("OPTIONS", [A, ASK], [403] * 4),
        ("OPTIONS", [A, ASK + "NONSENSE"], [403] * 4),
        ("OPTIONS", [A, ASK + "POST", WANT + "content-type, X-A"], [403, 403, 403, 200]),
        ("OPTIONS", [A, ASK + "POST", WANT + "X-B"], [403] * 4),
        ("OPTIONS", [A, ASK + "POST", WANT], [403, 200, 200, 200]),
        ("OPTIONS", [A, ASK + "POST", WANT + "content-type,,content-type"], [403] * 4),
        ("OPTIONS", [A, ASK + " POST "], [403, 200, 200, 200]),
        ("OPTIONS", [A, ASK + "post"], [403] * 4),
        ("OPTIONS", ["Origin: http://c.example", ASK + "POST"], [403, 403, 200, 200]),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("column", "parameters"), list(enumerate([{}, NAMED, ANY, CHOSEN])))
def test_who_passes(
    filtered: Callable[..., Any],
    column: int,
    parameters: dict[str, str],
    method: str,
    headers: list[str],
    answers: list[int | str],
) -> None:
    expected = answers[column]
    answer = filtered("CorsFilter", parameters, attributes).request(method, "/", *headers)
    if expected in ("simple", "actual"):
        expected = f"True {headers[0].removeprefix('Origin: ')} {expected}"
    if isinstance(expected, int):
        assert (answer.status, answer.text) == (expected, "")
    else:
        assert (answer.status, answer.text) == (200, expected)
    if expected == 403:
        assert answer.header("Content-Type") == "text/plain"
        assert not [name for name, _ in answer.headers if name.startswith(("Access", "Vary"))]


def lists(answer: Any) -> dict[str, set[str]]:
    """The headers of CORS; the order in lists, and the case in Vary, mean nothing."""
    return {
        name: set(value.lower().replace(" ", "").split(","))
        for name, value in answer.headers
        if name.startswith(("Access-Control-", "Vary"))
    }


@pytest.mark.parametrize(
    ("parameters", "method", "headers", "expected"),
    [
        (NAMED, "GET", [], {"Vary": "Origin"}),
        (NAMED, "GET", ["Origin: http://test.example"], {"Vary": "Origin"}),
        (NAMED, "GET", [A], {
            "Vary": "Origin", "Allow-Origin": "http://a.example", "Allow-Credentials": "true",
            "Expose-Headers": "X-One,X-Two"}),
        (NAMED, "OPTIONS", [A, ASK + "GET"], {
            "Vary": "Origin,Access-Control-Request-Method,Access-Control-Request-Headers",
            "Allow-Origin": "http://a.example", "Allow-Credentials": "true", "Expose-Headers": "X-One,X-Two",
            "Max-Age": "1800", "Allow-Methods": "HEAD,POST,GET,OPTIONS",
            "Allow-Headers": "origin,x-requested-with,access-control-request-headers,content-type,"
                             "access-control-request-method,accept"}),
        (ANY, "GET", [], {}),
        (ANY, "GET", [A], {"Allow-Origin": "*"}),
        (CHOSEN, "OPTIONS", [A, ASK + "GET"], {
            "Vary": "Access-Control-Request-Method,Access-Control-Request-Headers", "Allow-Origin": "*",
            "Allow-Methods": "POST,GET,PUT", "Allow-Headers": "content-type,x-a"}),
    ],
)  # fmt: skip
def test_headers(
    filtered: Callable[..., Any],
    parameters: dict[str, str],
    method: str,
    headers: list[str],
    expected: dict[str, str],
) -> None:
    answer = filtered("CorsFilter", parameters).request(method, "/", *headers)
    assert answer.status == 200
    assert lists(answer) == {
        name if name == "Vary" else f"Access-Control-{name}": set(value.lower().split(","))
        for name, value in expected.items()
    }


def test_a_star_among_others_is_no_star(filtered: Callable[..., Any]) -> None:
    app = filtered("CorsFilter", {"cors.allowed.origins": "*,http://a.example", "cors.preflight.maxage": "0"})
    assert app.get("/", A).header("Access-Control-Allow-Origin") == "http://a.example"
    assert app.get("/", "Origin: http://b.example").status == 403
    assert app.request("OPTIONS", "/", A, ASK + "GET").header("Access-Control-Max-Age") is None


def test_an_own_vary_is_kept(filtered: Callable[..., Any]) -> None:
    more = (
        "<filter><filter-name>v</filter-name><filter-class>app.Vary</filter-class></filter>"
        "<filter-mapping><filter-name>v</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )

    class Vary:
        def init(self, config: Any) -> None: ...

        def destroy(self) -> None: ...

        def doFilter(self, request: Any, response: Any, chain: Any) -> None:
            response.addHeader("Vary", request.getHeader("X-Vary"))
            chain.doFilter(request, response)

    app = filtered("CorsFilter", NAMED, more=more, classes=[Vary])
    assert app.get("/", "X-Vary: Cookie").all("Vary") == ["Cookie, Origin"]
    assert app.get("/", "X-Vary: *").all("Vary") == ["*"]
    assert app.get("/", "X-Vary: origin").all("Vary") == ["origin"]


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({**ANY, "cors.support.credentials": "true"}, "credentials is .true.: browsers.*Name the origins"),
        ({"cors.preflight.maxage": "x"},
         'cors.preflight.maxage is "x": no whole number. Write for example 1800'),
        ({"cors.support.credentials": "maybe"}, 'is "maybe": neither true nor false'),
    ],
)  # fmt: skip
def test_what_it_does_not_start_with(
    filtered: Callable[..., Any], matches: Callable[..., None], parameters: dict[str, str], problem: str
) -> None:
    matches(filtered("CorsFilter", parameters), problem)


def test_an_unknown_parameter_is_only_logged(
    filtered: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert filtered("CorsFilter", {"cors.allowed.origin": "*"}).running
    assert "no init-param cors.allowed.origin" in caplog.text
    assert "Did you mean cors.allowed.origins?" in caplog.text
