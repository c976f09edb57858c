"""HttpHeaderSecurityFilter. The answers are Tomcat 10.1.60's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PROXIED = {"trusted_proxies": ("127.0.0.1",)}
NAMES = ("Strict-Transport-Security", "X-Frame-Options", "X-Content-Type-Options", "X-XSS-Protection")


@pytest.mark.parametrize(
    ("parameters", "headers"),
    [
        ({}, ["max-age=0", "DENY", "nosniff", None]),
        ({"hstsMaxAgeSeconds": "100", "hstsIncludeSubDomains": "true", "hstsPreload": "true"},
         ["max-age=100;includeSubDomains;preload", "DENY", "nosniff", None]),
        ({"hstsMaxAgeSeconds": "-5", "antiClickJackingOption": "sameorigin",
          "blockContentTypeSniffingEnabled": "false"}, ["max-age=0", "SAMEORIGIN", None, None]),
        ({"antiClickJackingOption": "ALLOW-FROM", "antiClickJackingUri": "http://x.example/",
          "xssProtectionEnabled": "true"},
         ["max-age=0", "ALLOW-FROM http://x.example/", "nosniff", "1; mode=block"]),
        ({"hstsEnabled": "false", "antiClickJackingEnabled": "false"}, [None, None, "nosniff", None]),
    ],
)  # fmt: skip
def test_headers(filtered: Callable[..., Any], parameters: dict[str, str], headers: list[str | None]) -> None:
    app = filtered("HttpHeaderSecurityFilter", parameters, **PROXIED)
    secure = app.get("/", "X-Forwarded-Proto: https")
    assert [secure.header(name) for name in NAMES] == headers
    assert [app.get("/").header(name) for name in NAMES] == [None, *headers[1:]]


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"antiClickJackingOption": "NO"},
         'antiClickJackingOption is "NO": unknown. Write DENY, SAMEORIGIN or ALLOW'),
        ({"antiClickJackingOption": "ALLOW-FROM"}, "without a URI. Set antiClickJackingUri"),
        ({"antiClickJackingUri": "http://["}, "antiClickJackingUri.*no URI"),
        ({"hstsMaxAgeSeconds": "x"}, 'hstsMaxAgeSeconds is "x": no whole number'),
        ({"hstsEnabled": "perhaps"}, 'hstsEnabled is "perhaps": neither true nor false'),
        ({"hstsEnable": "true"},
         "HttpHeaderSecurityFilter has no such parameter. Did you mean hstsEnabled"),
    ],
)  # fmt: skip
def test_what_it_does_not_start_with(
    filtered: Callable[..., Any], matches: Callable[..., None], parameters: dict[str, str], problem: str
) -> None:
    matches(filtered("HttpHeaderSecurityFilter", parameters), problem)
