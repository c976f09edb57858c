"""The encoding of a request (6.2)."""

from __future__ import annotations

import codecs

import pytest

from container.servlet import UnsupportedEncodingException

FORM = "Content-Type: application/x-www-form-urlencoded"
DECLARED = "<request-character-encoding>UTF-16BE</request-character-encoding>"


@pytest.mark.rules("RT-ENC-01", "RT-ENC-02")
@pytest.mark.parametrize(
    ("content_type", "more", "encoding"),
    [
        ("text/plain", "", None),
        ("text/plain; charset=utf-8", "", "utf-8"),
        ('TEXT/PLAIN; x=y; CHARSET="Shift_JIS"', "", "Shift_JIS"),
        ("text/plain; charset=bogus", "", "bogus"),
        ("text/plain; charset=", "", ""),
        ("text/plain; xcharset=utf-8", "", None),
        ("text/plain charset=utf-8", "", None),
        ("text/plain", DECLARED, "UTF-16BE"),
        ("text/plain; charset=latin1", DECLARED, "latin1"),
        ("text/plain; charset=latin1; charset=utf-8", "", "utf-8"),
        ('text/plain; charset="latin1', DECLARED, "UTF-16BE"),
        ("text/plain, text/html; charset=latin1", "", None),
    ],
)
def test_where_the_encoding_comes_from(tell, content_type, more, encoding):
    app = tell(lambda request: request.getCharacterEncoding(), more)
    assert app.post("/", "x", f"Content-Type: {content_type}").json == encoding


@pytest.mark.rules("RT-ENC-01")
def test_what_the_servlet_sets_beats_all_others(tell):
    def ask(request):
        request.setCharacterEncoding("ISO-8859-7")
        return [request.getCharacterEncoding(), request.getParameter("a")]

    assert tell(ask, DECLARED).post("/", b"a=%E1", f"{FORM}; charset=utf-8").json == [
        "ISO-8859-7",
        "\N{GREEK SMALL LETTER ALPHA}",
    ]


@pytest.mark.rules("RT-ENC-01", "RT-ENC-05")
def test_a_charset_without_a_name_is_none_that_a_reader_could_use(tell):
    def ask(request):
        with pytest.raises(UnsupportedEncodingException):
            request.getReader()
        return request.getCharacterEncoding()

    assert tell(ask).post("/", "x", "Content-Type: text/plain;charset=").json == ""


@pytest.mark.rules("RT-ENC-01")
@pytest.mark.parametrize(("name", "told"), [("utf8", "UTF-8"), ("latin1", "ISO-8859-1")])
def test_an_encoding_that_was_set_is_told_by_its_usual_name(tell, name, told):
    def ask(request):
        request.setCharacterEncoding(name)
        return request.getCharacterEncoding()

    assert tell(ask).get("/").json == told


@pytest.mark.rules("RT-ENC-01")
def test_the_charset_overload(tell):
    def ask(request):
        request.setCharacterEncoding(codecs.lookup("utf-8"))
        return request.getReader().read()

    assert tell(ask).post("/", "é", "Content-Type: text/plain").json == "é"


@pytest.mark.rules("RT-ENC-01")
def test_the_contexts_encoding_decodes_forms_and_text(tell):
    app = tell(lambda r: r.getParameter("a") or r.getReader().read(), DECLARED.replace("16BE", "8"))
    assert app.post("/", b"a=%C3%A9").json == "é"
    assert app.post("/", "é", "Content-Type: text/plain").json == "é"


@pytest.mark.rules("RT-ENC-02")
def test_without_one_text_is_iso_8859_1(tell):
    app = tell(lambda r: [r.getCharacterEncoding(), r.getReader().read()])
    assert app.post("/", b"\xe9\xff", "Content-Type: text/plain").json == [None, "éÿ"]


@pytest.mark.rules("RT-ENC-03")
@pytest.mark.parametrize("first", [lambda r: r.getParameter("a"), lambda r: r.getReader()])
@pytest.mark.parametrize("encoding", ["UTF-8", "no-such-encoding"])
def test_it_is_too_late_after_parameters_or_reader(tell, first, encoding):
    def ask(request):
        first(request)
        request.setCharacterEncoding(encoding)
        return [request.getCharacterEncoding(), request.getParameter("a")]

    app = tell(ask)
    assert app.post("/?a=1", b"a=%C3%A9", f"{FORM};charset=latin1").json == ["latin1", "1"]


@pytest.mark.rules("RT-ENC-04")
@pytest.mark.parametrize("name", ["no-such-encoding", "", "rot13", "unicode_escape"])
def test_an_unknown_encoding(tell, name):
    app = tell(lambda r: [lambda: r.setCharacterEncoding(name), r.getCharacterEncoding()])
    answer = app.post("/", "x", "Content-Type: text/plain;charset=utf-8")
    assert answer.json == ["UnsupportedEncodingException", "utf-8"]


@pytest.mark.rules("RT-ENC-05")
def test_a_reader_in_an_unknown_encoding_and_the_stream_still_works(tell):
    app = tell(lambda r: [lambda: r.getReader(), lambda: r.getInputStream().read().decode()])
    answer = app.post("/", "x", "Content-Type: text/plain;charset=bogus")
    assert answer.json == ["UnsupportedEncodingException", "x"]


@pytest.mark.rules("RT-ENC-06")
def test_the_content_type_stays_as_sent(tell):
    def ask(request):
        request.setCharacterEncoding("UTF-8")
        return request.getContentType()

    assert tell(ask).post("/", "x", "Content-Type: Text/Plain; charset=latin1").json == (
        "Text/Plain; charset=latin1"
    )


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("utf-8", "é€".encode(), "é€"),
        ("UTF-16", b"\x00a\x20\xac", "a€"),
        ("UTF-16", b"\xff\xfea\x00", "a"),
        ("windows-1252", b"\x80", "€"),
        ("utf-8", b"ab\xff", "OSError"),
        ("utf-8", b"ab\xc3", "OSError"),
        ("UTF-16", b"abc", "OSError"),
        ("US-ASCII", b"\xe9", "OSError"),
    ],
)
def test_text_in_an_encoding_and_text_that_is_not_in_it(tell, charset, body, text):
    app = tell(lambda r: [lambda: r.getReader().read()])
    assert app.post("/", body, f"Content-Type: text/plain;charset={charset}").json == [text]


def test_uncaught_malformed_text_is_the_clients_fault(tell):
    app = tell(lambda request: request.getReader().read())
    assert app.post("/", b"\xff", "Content-Type: text/plain;charset=utf-8").status == 400


@pytest.mark.parametrize(
    ("charset", "written"),
    [
        ("UTF-16", b"\xfe\xff\x00a\x20\xac"),
        ("UTF-16BE", b"\x00a\x20\xac"),
        ("utf-8", b"a\xe2\x82\xac"),
        ("US-ASCII", b"a?"),
        ("ISO-2022-JP", b"a?"),
    ],
)
def test_text_that_is_written_in_pieces_is_one_text(serve, charset, written):
    def service(request, response):
        response.setContentType(f"text/plain;charset={charset}")
        response.getWriter().write("a")
        response.flushBuffer()
        response.getWriter().write("€")

    assert serve(service).get("/").body == written
