"""RemoteIpFilter. The tables are what Tomcat 10.1.60 told a servlet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FOR, PROTO, HOST, PORT = (f"X-Forwarded-{name}: " for name in ("For", "Proto", "Host", "Port"))
HOST_8080 = "Host: test.example:8080"
ALL = {
    "protocolHeader": "X-Forwarded-Proto",
    "portHeader": "X-Forwarded-Port",
    "hostHeader": "X-Forwarded-Host",
}
TRUSTED = {
    "internalProxies": r"127\.0\.0\.1",
    "trustedProxies": r"9\.9\.9\.\d+",
    "proxiesHeader": "X-By",
    "remoteIpHeader": "X-Real",
}


def tell(request: Any, response: Any) -> None:
    names = {name.lower() for name in request.getHeaderNames()}
    rest = ",".join(
        f"{name}={'|'.join(request.getHeaders(name))}"
        for name in ("x-forwarded-for", "x-forwarded-by", "x-real", "x-by")
        if request.getHeader(name) is not None
    )
    assert all((name in names) == (request.getHeader(name) is not None) for name in ("x-real", "x-by"))
    url = request.getRequestURL().removesuffix("/app/")
    assert (request.getScheme() == "https") == request.isSecure() == url.startswith("https")
    assert url.partition("://")[2].startswith(request.getServerName())
    assert request.getRemoteHost() == request.getRemoteAddr()
    response.getWriter().print(f"{request.getRemoteAddr()} {url} {rest}".strip())


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (["1.2.3.4"], "1.2.3.4"),
        (["1.2.3.4, 10.0.0.1"], "1.2.3.4"),
        (["1.2.3.4, 172.16.0.1, 100.64.0.1, 192.168.0.1, ::1, fe80::1, fd00::1"], "1.2.3.4"),
        (["1.2.3.4, 5.6.7.8"], "5.6.7.8 x-forwarded-for=1.2.3.4"),
        (["10.0.0.1"], "10.0.0.1"),
        (["1.1.1.1", "2.2.2.2"], "2.2.2.2 x-forwarded-for=1.1.1.1"),
        (["unknown"], "unknown"),
        (["1.2.3.4:55"], "1.2.3.4:55"),
        (["2001:db8::1"], "2001:db8::1"),
        ([""], "127.0.0.1"),
    ],
)
def test_the_client(filtered: Callable[..., Any], headers: list[str], told: str) -> None:
    app = filtered("RemoteIpFilter", {}, tell)
    text = app.get("/", HOST_8080, *(FOR + value for value in headers)).text.removesuffix(" x-forwarded-for=")
    assert text.replace(" http://test.example:8080", "") == told


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([PROTO + "https"], "https://test.example"),
        ([PROTO + "HTTPS"], "https://test.example"),
        ([PROTO + "http"], "http://test.example"),
        ([PROTO + "https,http"], "http://test.example"),
        ([PROTO + "https, https"], "https://test.example"),
        ([PROTO + "https", PROTO + "http"], "http://test.example"),
        ([PROTO + "ftp"], "http://test.example"),
        ([PROTO + ""], "http://test.example"),
        ([PROTO + "https", HOST + "front.example"], "https://front.example"),
        ([PROTO + "https", HOST + "front.example:99"], "https://front.example"),
        ([PROTO + "https", HOST + "front.example", PORT + "77"], "https://front.example:77"),
        ([PORT + "77"], "http://test.example:8080"),
        ([PROTO + "https", PORT + "x"], "https://test.example"),
        ([PROTO + "https", PORT + "77,78"], "https://test.example"),
        ([HOST + "a b"], "http://test.example:8080"),
        ([HOST + "a.example, b.example"], "http://test.example:8080"),
        ([HOST + ""], "http://test.example:8080"),
        ([HOST + "[::1]:90"], "http://[::1]:8080"),
        ([HOST + "front.example"], "http://front.example:8080"),
    ],
)
def test_scheme_host_and_port(filtered: Callable[..., Any], headers: list[str], told: str) -> None:
    assert filtered("RemoteIpFilter", ALL, tell).get("/", HOST_8080, *headers).text == f"127.0.0.1 {told}"


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (["X-Real: 1.2.3.4, 9.9.9.1, 127.0.0.1, 9.9.9.2"], "1.2.3.4 x-by=9.9.9.1,9.9.9.2"),
        (["X-Real: 1.2.3.4", "X-By: 3.3.3.3"], "1.2.3.4"),
        ([FOR + "1.2.3.4"], "127.0.0.1 x-forwarded-for=1.2.3.4"),
        (["X-Real: 9.9.9.1"], "9.9.9.1 x-by=9.9.9.1"),
        (["X-Real: 1.2.3.4, 5.5.5.5, 9.9.9.1"], "5.5.5.5 x-real=1.2.3.4,x-by=9.9.9.1"),
    ],
)
def test_trusted_proxies_are_told(filtered: Callable[..., Any], headers: list[str], told: str) -> None:
    text = filtered("RemoteIpFilter", TRUSTED, tell).get("/", *headers).text
    assert text.replace(" http://test.example", "") == told


@pytest.mark.parametrize("internal", [r"10\..*", "", "10.0.0.0/8,127.0.0.0/8"])
def test_who_is_no_proxy_is_not_heard(filtered: Callable[..., Any], internal: str) -> None:
    app = filtered("RemoteIpFilter", {**ALL, "internalProxies": internal}, tell)
    told = app.get("/", FOR + "1.2.3.4", PROTO + "https", HOST + "front.example").text
    assert told == "127.0.0.1 http://test.example x-forwarded-for=1.2.3.4"


@pytest.mark.parametrize(
    ("value", "told"), [("on", "https test.example:8444"), ("https", "http test.example:8081")]
)
def test_ports_and_local_side(filtered: Callable[..., Any], value: str, told: str) -> None:
    parameters = {
        **ALL, "httpServerPort": "8081", "httpsServerPort": "8444", "protocolHeaderHttpsValue": "on",
        "changeLocalPort": "true", "changeLocalName": "true",
    }  # fmt: skip

    def local(request: Any, response: Any) -> None:
        response.getWriter().print(
            f"{request.getScheme()} {request.getServerName()}:{request.getLocalPort()}"
        )
        response.getWriter().print(f" {request.getLocalName()}")

    app = filtered("RemoteIpFilter", parameters, local)
    assert app.get("/", PROTO + value).text == f"{told} 127.0.0.1"
    assert app.get("/", PROTO + value, HOST + "front.example").text.endswith(" front.example")


def test_a_new_sessions_cookie_is_secure(filtered: Callable[..., Any]) -> None:
    app = filtered("RemoteIpFilter", ALL, lambda request, response: request.getSession())
    assert "Secure" in app.get("/", PROTO + "https").header("Set-Cookie")
    assert "Secure" not in app.get("/", PROTO + "http").header("Set-Cookie")


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"internalProxies": "("}, r'internalProxies is "\(": no regular expression'),
        ({"httpServerPort": "x"}, 'httpServerPort is "x": no whole number. Write for example 80'),
        ({"changeLocalPort": "x"}, "neither true nor false"),
        ({"enableLookups": "true"}, "not offered"),
    ],
)
def test_what_it_does_not_start_with(
    filtered: Callable[..., Any], matches: Callable[..., None], parameters: dict[str, str], problem: str
) -> None:
    matches(filtered("RemoteIpFilter", parameters), problem)


def test_an_unknown_parameter_is_logged(
    filtered: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert filtered("RemoteIpFilter", {"protocolHeaders": "x"}).running
    assert "no init-param protocolHeaders, it has no effect. Did you mean protocolHeader?" in caplog.text
