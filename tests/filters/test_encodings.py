"""SetCharacterEncodingFilter and AddDefaultCharsetFilter. The answers are Tomcat 10.1.60's."""

from __future__ import annotations

import locale
from collections.abc import Callable
from typing import Any

import pytest

FORM = "Content-Type: application/x-www-form-urlencoded"
LATIN = f"{FORM}; charset=ISO-8859-1"


def parameter(request: Any, response: Any) -> None:
    response.setContentType("text/plain;charset=UTF-8")
    response.getWriter().print(f"{request.getCharacterEncoding()} {request.getParameter('q')}")


@pytest.mark.parametrize(
    ("parameters", "plain", "latin"),
    [
        ({"encoding": "UTF-8"}, "UTF-8 ä", "ISO-8859-1 Ã¤"),
        ({"encoding": "ISO-8859-15", "ignore": "true"}, "ISO-8859-15 Ã€", "ISO-8859-15 Ã€"),
        ({}, "None Ã¤", "ISO-8859-1 Ã¤"),
        ({"encodign": "UTF-8"}, "None Ã¤", "ISO-8859-1 Ã¤"),  # unknown: logged
    ],
)
def test_the_encoding_of_a_form(
    filtered: Callable[..., Any], parameters: dict[str, str], plain: str, latin: str
) -> None:
    app = filtered("SetCharacterEncodingFilter", parameters, parameter)
    assert app.post("/", b"q=%C3%A4", FORM).text == plain
    assert app.post("/", b"q=%C3%A4", LATIN).text == latin


@pytest.mark.parametrize("name", ["SetCharacterEncodingFilter", "AddDefaultCharsetFilter"])
def test_an_encoding_that_is_none(
    filtered: Callable[..., Any], matches: Callable[..., None], name: str
) -> None:
    matches(filtered(name, {"encoding": "nonsense"}), f'{name}.*encoding is "nonsense": no encoding.*UTF-8')


def test_an_encoding_without_a_name(filtered: Callable[..., Any], matches: Callable[..., None]) -> None:
    matches(filtered("SetCharacterEncodingFilter", {"encoding": ""}), 'encoding is "": no encoding')


def typed(request: Any, response: Any) -> None:
    if encoding := request.getParameter("encoding"):
        response.setCharacterEncoding(encoding)
    if request.getParameter("header"):
        response.setHeader("Content-Type", request.getParameter("type"))
    else:
        response.setContentType(request.getParameter("type"))
    output = response.getOutputStream() if request.getParameter("stream") else response.getWriter()
    output.print("x")


@pytest.mark.parametrize(
    ("query", "default"),
    [
        ("type=text/html", "text/html;charset=ISO-8859-1"),
        ("type=text/html&header=1", "text/html;charset=ISO-8859-1"),
        ("type=text/plain&stream=1", "text/plain;charset=ISO-8859-1"),
        ("type=text/plain;charset=UTF-8", "text/plain;charset=UTF-8"),
        ("type=text/html&encoding=UTF-16", "text/html;charset=UTF-16"),
        ("type=application/json&stream=1", "application/json"),
    ],
)
def test_text_has_a_charset(filtered: Callable[..., Any], query: str, default: str) -> None:
    assert filtered("AddDefaultCharsetFilter", {}, typed).get(f"/?{query}").header("Content-Type") == default


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [("UTF-8", "UTF-8"), ("default", "ISO-8859-1"), ("system", locale.getencoding())],
)
def test_which_charset(filtered: Callable[..., Any], encoding: str, charset: str) -> None:
    app = filtered("AddDefaultCharsetFilter", {"encoding": encoding}, typed)
    assert app.get("/?type=text/html&stream=1").header("Content-Type") == f"text/html;charset={charset}"
