"""Content type, character encoding and locale of an answer (Servlet 6.1 §5.6)."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

import pytest

from container.servlet import Locale, UnsupportedEncodingException

Calls = Callable[[Any], object]
LOCALES = "<locale-encoding-mapping-list>" + "".join(
    f"<locale-encoding-mapping><locale>{locale}</locale><encoding>{encoding}</encoding></locale-encoding-mapping>"
    for locale, encoding in (("ja", "euc-jp"), ("zh", "gb18030"), ("fr_CA", "windows-1252"))
) + "</locale-encoding-mapping-list>"  # fmt: skip
DEFAULT = "<response-character-encoding>UTF-8</response-character-encoding>"


@pytest.fixture
def after(serve: Any) -> Callable[..., tuple[Any, Any]]:
    """Return (getContentType(), getCharacterEncoding()) after these calls, and the answer. Once a test."""

    def run(*calls: Calls, more: str = LOCALES) -> tuple[Any, Any]:
        state: list[Any] = []

        def servlet(request: Any, response: Any) -> None:
            for call in calls:
                call(response)
            state.append((response.getContentType(), response.getCharacterEncoding()))

        answer = serve(servlet, more).get("/")
        return state[0], answer

    return run


def kind(value: str | None) -> Calls:
    return lambda r: r.setContentType(value)


def charset(value: Any) -> Calls:
    return lambda r: r.setCharacterEncoding(value)


def locale(value: Any) -> Calls:
    return lambda r: r.setLocale(value)


def writer(response: Any) -> None:
    response.getWriter()


def stream(response: Any) -> None:
    response.getOutputStream()


@pytest.mark.rules("RT-CT-01", "RT-CT-02", "RT-CT-03", "RT-CT-04", "RT-CT-07")
@pytest.mark.parametrize(
    ("calls", "content_type", "encoding"),
    [
        ([], None, "ISO-8859-1"),
        ([kind("text/html")], "text/html", "ISO-8859-1"),
        ([kind("text/html;charset=UTF-8")], "text/html;charset=UTF-8", "UTF-8"),
        ([charset("UTF-8")], None, "UTF-8"),
        ([charset("UTF-8"), kind("text/html")], "text/html;charset=UTF-8", "UTF-8"),
        ([kind("text/html"), charset("UTF-8")], "text/html;charset=UTF-8", "UTF-8"),
        ([charset(codecs.lookup("utf-8")), kind("text/html")], "text/html;charset=utf-8", "utf-8"),
        ([locale("ja")], None, "euc-jp"),
        ([kind("text/html"), locale("ja")], "text/html;charset=euc-jp", "euc-jp"),
        ([locale("ja"), locale("zh")], None, "gb18030"),
        ([charset("UTF-8"), locale("ja")], None, "UTF-8"),
        ([kind("a/b;charset=UTF-8"), locale("ja")], "a/b;charset=UTF-8", "UTF-8"),
        ([locale("ja"), charset("UTF-8")], None, "UTF-8"),
        ([charset("UTF-16"), kind("a/b;charset=UTF-8")], "a/b;charset=UTF-8", "UTF-8"),
        ([kind("a/b;charset=UTF-8"), charset("UTF-16")], "a/b;charset=UTF-16", "UTF-16"),
        ([kind("a/b;charset=UTF-8"), kind("c/d")], "c/d;charset=UTF-8", "UTF-8"),
    ],
)
def test_the_last_explicit_call_beats_the_locale(
    after: Any, calls: list[Calls], content_type: str | None, encoding: str
) -> None:
    assert after(*calls)[0] == (content_type, encoding)


@pytest.mark.rules("RT-CT-01")
@pytest.mark.parametrize(
    ("calls", "encoding"),
    [([], "UTF-8"), ([locale("de")], "UTF-8"), ([locale("ja")], "euc-jp"), ([charset("UTF-16")], "UTF-16")],
)
def test_the_web_apps_default_comes_after_the_locale(after: Any, calls: list[Calls], encoding: str) -> None:
    assert after(*calls, more=DEFAULT + LOCALES)[0][1] == encoding


@pytest.mark.rules("RT-CT-05", "RT-CT-13")
@pytest.mark.parametrize(
    ("call", "content_type"),
    [
        (charset("UTF-16"), "text/html;charset=UTF-8"),
        (locale("ja"), "text/html;charset=UTF-8"),
        (kind("text/css"), "text/css;charset=UTF-8"),
        (kind("text/css;charset=UTF-16"), "text/css;charset=UTF-8"),
        (lambda r: r.setHeader("Content-Type", "text/css;charset=UTF-16"), "text/css;charset=UTF-8"),
    ],
)
def test_from_the_writer_on_the_encoding_is_frozen_but_not_the_type(
    after: Any, call: Calls, content_type: str
) -> None:
    state, answer = after(kind("text/html;charset=UTF-8"), writer, call, lambda r: r.getWriter().write("é"))
    assert state == (content_type, "UTF-8")
    assert (answer.header("Content-Type"), answer.body) == (content_type, "é".encode())


@pytest.mark.rules("RT-CT-05")
def test_from_the_commit_on_nothing_changes(after: Any) -> None:
    state, answer = after(
        kind("text/html;charset=UTF-8"),
        lambda r: r.flushBuffer(),
        kind("text/css"),
        charset("UTF-16"),
        locale("ja"),
    )
    assert state == ("text/html;charset=UTF-8", "UTF-8")
    assert (answer.header("Content-Type"), answer.header("Content-Language")) == (state[0], None)


@pytest.mark.rules("RT-CT-06", "RT-CT-07", "RT-CT-08")
@pytest.mark.parametrize(
    ("calls", "content_type"),
    [
        ([kind("text/html"), writer], "text/html;charset=ISO-8859-1"),
        ([writer, kind("text/html")], "text/html;charset=ISO-8859-1"),
        ([kind("text/html"), stream], "text/html"),
        ([writer], None),
        ([charset("UTF-8"), stream], None),
        ([charset("UTF-8"), kind("text/html"), stream], "text/html;charset=UTF-8"),
    ],
)
def test_the_header_names_a_charset_when_a_writer_or_a_call_chose_one(
    after: Any, calls: list[Calls], content_type: str | None
) -> None:
    state, answer = after(*calls)
    assert (state[0], answer.header("Content-Type")) == (content_type, content_type)


@pytest.mark.rules("RT-CT-06")
def test_the_writer_uses_the_web_apps_default_and_says_so(after: Any) -> None:
    _, answer = after(kind("text/html"), lambda r: r.getWriter().write("é€"), more=DEFAULT)
    assert (answer.header("Content-Type"), answer.text) == ("text/html;charset=UTF-8", "é€")


@pytest.mark.rules("RT-CT-08")
def test_an_encoding_without_a_type_is_used_but_not_told(after: Any) -> None:
    _, answer = after(charset("UTF-8"), lambda r: r.getWriter().write("é"))
    assert (answer.header("Content-Type"), answer.text) == (None, "é")


@pytest.mark.rules("RT-CT-09")
@pytest.mark.parametrize(
    ("calls", "content_type", "encoding"),
    [
        ([kind("a/b;charset=UTF-16"), charset(None)], "a/b", "UTF-8"),
        ([charset("UTF-16"), charset(None)], None, "UTF-8"),
        ([locale("ja"), charset(None)], None, "UTF-8"),
        ([kind("a/b;charset=UTF-16"), kind(None)], None, "UTF-8"),
        ([locale("ja"), locale(None)], None, "UTF-8"),
        ([charset("UTF-16"), locale(None)], None, "UTF-16"),
        ([charset("UTF-16"), charset(None), locale("ja")], None, "euc-jp"),
        ([charset(None)], None, "UTF-8"),
    ],
)
def test_none_takes_back_what_was_set_but_not_the_default(
    after: Any, calls: list[Calls], content_type: str | None, encoding: str
) -> None:
    assert after(*calls, more=DEFAULT + LOCALES)[0] == (content_type, encoding)


@pytest.mark.rules("RT-CT-09", "RT-CT-11")
def test_the_locale_is_told_and_can_be_taken_back(after: Any) -> None:
    locales: list[Any] = []
    say: Calls = lambda r: locales.append(str(r.getLocale()))  # noqa: E731
    _, answer = after(say, locale(Locale.forLanguageTag("fr-CA")), say, locale(None), say, locale("de"), say)
    assert locales == [str(Locale.getDefault()), "fr-CA", str(Locale.getDefault()), "de"]
    assert answer.header("Content-Language") == "de"


@pytest.mark.rules("RT-CT-09")
def test_a_locale_that_was_taken_back_is_not_told(after: Any) -> None:
    assert after(locale("de"), locale(None))[1].header("Content-Language") is None


@pytest.mark.rules("RT-CT-11")
@pytest.mark.parametrize(
    ("tag", "encoding"),
    [("ja", "euc-jp"), ("ja-JP", "euc-jp"), ("fr-CA", "windows-1252"), ("fr", "ISO-8859-1"), ("de", "UTF-8")],
)
def test_language_and_country_then_language_then_the_containers_table(
    after: Any, tag: str, encoding: str
) -> None:
    assert after(locale(tag), more=DEFAULT + LOCALES)[0][1] == encoding


@pytest.mark.rules("RT-CT-10")
@pytest.mark.parametrize(
    "name",
    ["no-such", "", "'UTF-8'", "UTF 8", "hex", "rot13", "idna", "undefined", "ä", "x" * 300, "utf-8\0"],
)
def test_an_unknown_encoding_matters_to_the_writer_only(after: Any, name: str) -> None:
    def refused(response: Any) -> None:
        with pytest.raises(UnsupportedEncodingException):
            response.getWriter()

    state, answer = after(
        kind("text/plain"),
        charset(name),
        refused,
        lambda r: r.getOutputStream().write(b"bytes"),
        more=DEFAULT,
    )
    assert state == ("text/plain", name)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, b"bytes", "text/plain")


@pytest.mark.rules("RT-CT-12")
def test_the_sequence_of_the_tck(after: Any) -> None:
    seen: list[str] = []
    say: Calls = lambda r: seen.append(r.getCharacterEncoding())  # noqa: E731
    steps = [
        kind("text/html"), locale("ja"), locale("zh"), kind("text/html"), charset("utf-8"), locale("ja"),
        kind("text/html;charset=gb18030"), charset("utf-8"), writer, charset("ISO-8859-1"), locale("ja"),
    ]  # fmt: skip
    after(*(call for step in steps for call in (step, say)))
    assert seen == [
        "ISO-8859-1", "euc-jp", "gb18030", "gb18030", "utf-8", "utf-8",
        "gb18030", "utf-8", "utf-8", "utf-8", "utf-8",
    ]  # fmt: skip


@pytest.mark.rules("RT-CT-03", "RT-CT-07")
@pytest.mark.parametrize(
    ("given", "content_type", "encoding"),
    [
        ("text/html; charset=UTF-8", "text/html;charset=UTF-8", "UTF-8"),
        ('text/html;charset="UTF-8"', "text/html;charset=UTF-8", "UTF-8"),
        ("text/html ; CHARSET = UTF-8 ; a=b", "text/html;a=b;charset=UTF-8", "UTF-8"),
        ('a/b; x="y;charset=no"; charset=UTF-8', 'a/b;x="y;charset=no";charset=UTF-8', "UTF-8"),
        ("text/html;charset=UTF-16;charset=UTF-8", "text/html;charset=UTF-8", "UTF-8"),  # the last one wins
        (" text/html ", " text/html ", "ISO-8859-1"),  # without a charset it stays as it was written
        ("text/html; a=b", "text/html; a=b", "ISO-8859-1"),
        ("text/html;", "text/html;", "ISO-8859-1"),
        ("no type;charset=UTF-8", "no type;charset=UTF-8", "ISO-8859-1"),
        ("", "", "ISO-8859-1"),
    ],
)
def test_a_content_type_is_taken_apart_only_for_its_charset(
    after: Any, given: str, content_type: str, encoding: str
) -> None:
    assert after(kind(given))[0] == (content_type, encoding)


@pytest.mark.rules("RT-CT-06")
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("ISO-8859-1", b"a\xe9?b?"),
        ("UTF-8", "aé€bあ".encode()),
        ("UTF-16", b"\xfe\xff" + "aé€bあ".encode("utf-16-be")),  # one mark, big-endian
        ("UTF-16LE", "aé€bあ".encode("utf-16-le")),
        ("UTF-32", "aé€bあ".encode("utf-32-be")),
        ("US-ASCII", b"a??b?"),
        ("Shift_JIS", b"a??b\x82\xa0"),
    ],
)
def test_the_writer_encodes_and_what_it_cannot_becomes_a_question_mark(
    after: Any, encoding: str, body: bytes
) -> None:
    _, answer = after(
        charset(encoding), lambda r: r.getWriter().write("aé€"), lambda r: r.getWriter().write("bあ")
    )
    assert answer.body == body
