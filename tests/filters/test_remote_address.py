"""RemoteAddrFilter, RemoteHostFilter, RemoteCIDRFilter. The statuses for 127.0.0.1 are Tomcat 10.1.60's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("name", "parameters", "status"),
    [
        ("RemoteAddrFilter", {"allow": r"127\.\d+\.\d+\.\d+"}, 200),
        ("RemoteAddrFilter", {"deny": r"127\..*"}, 403),
        ("RemoteAddrFilter", {"deny": r"127\..*", "denyStatus": "404"}, 404),
        ("RemoteAddrFilter", {"allow": r"10\..*"}, 403),
        ("RemoteAddrFilter", {"deny": r"10\..*"}, 200),
        ("RemoteAddrFilter", {"deny": "127"}, 200),  # the whole address has to match
        ("RemoteAddrFilter", {"allow": ".*", "deny": r"127\..*"}, 403),
        ("RemoteAddrFilter", {"allow": r"\p{Digit}{3}[.0-9]*"}, 200),
        ("RemoteAddrFilter", {"allow": ""}, 403),
        ("RemoteAddrFilter", {}, 403),
        ("RemoteHostFilter", {"allow": r"localhost|127\.0\.0\.1"}, 200),
        ("RemoteHostFilter", {"allow": "example"}, 403),
        ("RemoteCIDRFilter", {"allow": "127.0.0.0/8, ::1"}, 200),
        ("RemoteCIDRFilter", {"allow": "127.0.0.1/8"}, 200),
        ("RemoteCIDRFilter", {"deny": "127.0.0.1"}, 403),
        ("RemoteCIDRFilter", {"allow": "10.0.0.0/8"}, 403),
        ("RemoteCIDRFilter", {"deny": "10.0.0.0/8"}, 200),
        ("RemoteCIDRFilter", {}, 403),
    ],
)
def test_who_comes_in(
    filtered: Callable[..., Any], name: str, parameters: dict[str, str], status: int
) -> None:
    assert filtered(name, parameters).get("/").status == status


@pytest.mark.parametrize(
    ("name", "parameters", "problem"),
    [
        ("RemoteAddrFilter", {"deny": "("}, r'deny is "\(": no regular expression'),
        ("RemoteAddrFilter", {"deny": r"\p{Nonsense}"}, "no regular expression"),
        ("RemoteAddrFilter", {"denyStatus": "x"}, 'denyStatus is "x": no whole number'),
        ("RemoteAddrFilter", {"alow": "x"}, "RemoteAddrFilter has no such parameter. Did you mean allow"),
        ("RemoteCIDRFilter", {"allow": "10.0.0.0/99"}, "10.0.0.0/99: .*Write for example 10.0.0.0/8, ::1"),
        ("RemoteCIDRFilter", {"allow": "nonsense"}, "Write for example 10.0.0.0/8, ::1"),
    ],
)
def test_what_they_do_not_start_with(
    filtered: Callable[..., Any],
    matches: Callable[..., None],
    name: str,
    parameters: dict[str, str],
    problem: str,
) -> None:
    matches(filtered(name, parameters), problem)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("10.0.0.1", 403),
        ("192.0.2.1", 200),
        ("unknown", 403),
        ("10.0.0.1:4711", 403),
        ("::ffff:10.0.0.1", 403),
    ],
)
def test_what_is_no_address_is_refused(filtered: Callable[..., Any], address: str, status: int) -> None:
    more = filter_xml("RemoteIpFilter")
    app = filtered("RemoteCIDRFilter", {"deny": "10.0.0.0/8"}, more=more)
    assert app.get("/", f"X-Forwarded-For: {address}").status == status


def filter_xml(name: str) -> str:
    return (
        f"<filter><filter-name>ip</filter-name><filter-class>container.filters.{name}</filter-class></filter>"
        "<filter-mapping><filter-name>ip</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )
