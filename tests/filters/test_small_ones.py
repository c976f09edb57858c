"""FailedRequestFilter, RequestDumperFilter, SessionInitializerFilter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(("query", "status"), [("a=1", 200), ("", 200), ("a=%zz", 400), ("a=1&&b=2", 200)])
def test_parameters_that_cannot_be_read_are_400(
    filtered: Callable[..., Any], query: str, status: int
) -> None:
    app = filtered("FailedRequestFilter")
    assert app.get(f"/?{query}").status == status
    assert app.post("/", query).status == status


def test_too_long_a_form_is_413(filtered: Callable[..., Any]) -> None:
    assert filtered("FailedRequestFilter", max_form_bytes=10).post("/", "a=" + "x" * 20).status == 413


def test_failed_request_filter_has_no_parameters(
    filtered: Callable[..., Any], matches: Callable[..., None]
) -> None:
    matches(filtered("FailedRequestFilter", {"a": "b"}), "no such parameter. There are: none")


def test_requests_are_dumped(filtered: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    app = filtered("RequestDumperFilter", {}, lambda request, response: response.setStatus(202))
    assert app.post("/x?a=1&b=2%0Ax", "c=3", "Content-Type: application/x-www-form-urlencoded",
                    "Cookie: d=e", "X-A: 4").status == 202  # fmt: skip
    lines = [line.strip() for record in caplog.records for line in record.getMessage().splitlines()]
    for line in (
        "requestURI=/app/x", "authType=null", "contentLength=3", "cookie=d=e", "header=X-A=4", "method=POST",
        "parameter=a=1", r"parameter=b=2\nx", "parameter=c=3", "pathInfo=/x", "queryString=a=1&b=2%0Ax",
        "remoteAddr=127.0.0.1", "isSecure=false", "status=202",
    ):  # fmt: skip
        assert line in lines


def test_every_request_has_a_session(filtered: Callable[..., Any]) -> None:
    app = filtered("SessionInitializerFilter", {}, lambda request, response: response.flushBuffer())
    assert "JSESSIONID" in app.get("/").cookies
