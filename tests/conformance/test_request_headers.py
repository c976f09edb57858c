"""Headers of a request (6.4) and its locales (6.6)."""

from __future__ import annotations

import pytest

from container.servlet import Locale

SENT = ("X-A: 1, 2", "x-a: 3", "X-B:", "X-C:  spaces  inside  ")


@pytest.mark.rules("RT-HDR-01")
@pytest.mark.parametrize(
    ("ask", "found"),
    [
        (lambda r: r.getHeader("X-A"), "1, 2"),
        (lambda r: r.getHeader("x-a"), "1, 2"),
        (lambda r: list(r.getHeaders("X-a")), ["1, 2", "3"]),
        (lambda r: [r.getHeader("X-B"), list(r.getHeaders("X-B"))], ["", [""]]),
        (lambda r: r.getHeader("X-C"), "spaces  inside"),
        (lambda r: [r.getHeader("none"), list(r.getHeaders("none"))], [None, []]),
        (
            lambda r: [name.lower() for name in r.getHeaderNames()],
            ["host", "x-a", "x-b", "x-c", "connection"],
        ),
    ],
)
def test_headers(tell, ask, found):
    assert tell(ask).get("/", *SENT).json == found


@pytest.mark.rules("RT-HDR-01")
def test_a_header_is_iso_8859_1(tell):
    assert tell(lambda r: r.getHeader("X-A")).get("/", "X-A: caf\xe9").json == "café"


@pytest.mark.rules("RT-HDR-02")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("007", 7),
        (" 5 ", 5),
        ("2147483647", 2147483647),
        ("-2147483648", -2147483648),
        *((bad, "NumberFormatException") for bad in (
            "", "x", "1.5", "0x10", "1 2", "1,2", "1_000", "\xb2", "2147483648", "-2147483649", "9" * 5000,
        )),
    ],
)  # fmt: skip
def test_int_header(tell, value, found):
    assert tell(lambda r: [lambda: r.getIntHeader("X-A")]).get("/", f"X-A: {value}").json == [found]


@pytest.mark.rules("RT-HDR-02", "RT-HDR-03")
def test_absent_is_minus_one_and_the_first_of_several_counts(tell):
    app = tell(lambda r: [r.getIntHeader("I"), r.getDateHeader("D")])
    assert app.get("/").json == [-1, -1]
    dates = "D: Thu, 01 Jan 1970 00:00:01 GMT", "D: x"
    assert app.get("/", "I: 1", "I: x", *dates).json == [1, 1000]


@pytest.mark.rules("RT-HDR-03")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777000),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777000),
        ("Sun Nov  6 08:49:37 1994", 784111777000),
        ("sun, 06 nov 1994 08:49:37 gmt", 784111777000),
        ("SUN NOV  6 08:49:37 1994", 784111777000),
        ("Monday, 6 Nov 1994 08:49:37 GMT", 784111777000),
        ("Sun, 6-Nov-1994 08:49:37 GMT", 784111777000),
        ("Sun Nov 6 08:49:37 1994", 784111777000),
        ("Sun, 31 Feb 1994 08:49:37 GMT", 762684577000),
        *((bad, "IllegalArgumentException") for bad in (
            "", "x", "784111777", "06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37",
            "1994-11-06T08:49:37Z", "Sun, 06 Foo 1994 08:49:37 GMT",
        )),
    ],
)  # fmt: skip
def test_date_header(tell, value, found):
    assert tell(lambda r: [lambda: r.getDateHeader("X-A")]).get("/", f"X-A: {value}").json == [found]


@pytest.mark.rules("RT-HDR-04", "RT-HDR-05")
def test_a_wsgi_servers_headers(tell):
    app = tell(lambda r: [list(r.getHeaders(name)) for name in ("X-A", "Content-Type", "Content-Length")])
    assert app.call(HTTP_X_A="1,2", CONTENT_TYPE="a/b", CONTENT_LENGTH="0") == b'[["1,2"], ["a/b"], ["0"]]'
    assert app.call(CONTENT_TYPE="", CONTENT_LENGTH="") == b"[[], [], []]"


# Locales

DEFAULT = str(Locale.getDefault())


@pytest.mark.rules("RT-LOC-01")
@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("en", ["en"]),
        ("da, en-gb;q=0.8, en;q=0.7", ["da", "en-GB", "en"]),
        ("fr;q=0.3, de;q=0.9, en", ["en", "de", "fr"]),
        ("a1, de;q=0.5,en;q=0.5 , fr ; q = 0.5", ["de", "en", "fr"]),
        ("EN-us,sr-latn-rs", ["en-US", "sr-Latn-RS"]),
        ("en-US-x-twain", ["en-US-x-twain"]),
        ("i-klingon, zh-min-nan;q=0.5, no-bok;q=0.1", ["tlh", "nan", "nb"]),
        ("en;q=1.000,de;q=0.12345", ["en", "de"]),
        ("x-klingon, iw;q=0.5, zh-cmn-Hans-CN;q=0.4", ["x-klingon", "he", "cmn-Hans-CN"]),
    ],
)
def test_locales_by_preference(tell, header, tags):
    app = tell(lambda r: [r.getLocale().toLanguageTag(), [str(locale) for locale in r.getLocales()]])
    assert app.get("/", f"Accept-Language: {header}").json == [tags[0], tags]


@pytest.mark.rules("RT-LOC-01")
def test_several_headers_are_one_list(tell):
    app = tell(lambda r: [str(locale) for locale in r.getLocales()])
    assert app.get("/", "Accept-Language: de;q=0.5", "Accept-Language: en").json == ["en", "de"]
    assert app.get("/").json == [DEFAULT]


@pytest.mark.rules("RT-LOC-02")
@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("en;q=0, de", ["de"]),
        ("en, , de", ["en", "de"]),
        ("*, de;q=0.1", ["de"]),
        ("en;level=1;q=0.2, de", ["de"]),
        ("en;q=abc, de;q=1.5, fr;q=2, it;q=.5, es;q, pt;q=-1, ja", ["ja"]),
        ("e n, en_US, ünïcode, x, 12, abcdefghi, de", ["de"]),
        *((nothing, [DEFAULT]) for nothing in ("", "*", ",", "en;q=0", "en;q=0.000", "q=1", ";q=1")),
    ],
)
def test_what_is_skipped(tell, header, tags):
    app = tell(lambda r: [r.getLocale().toLanguageTag(), [str(locale) for locale in r.getLocales()]])
    assert app.get("/", f"Accept-Language: {header}").json == [tags[0], tags]
