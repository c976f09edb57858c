"""Encodings as Java names and writes them."""

from __future__ import annotations

import pytest

from container.engine.charsets import charset_parameter, codec, java_name
from container.servlet import UnsupportedEncodingException


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x00a\x20\xac", "a€"),
        (b"\xfe\xff\x00a\x20\xac", "a€"),
        (b"\xff\xfea\x00\xac\x20", "a€"),
        (b"\xd8\x3d\xde\x00", "😀"),
        (b"", ""),
    ],
)
def test_utf_16_is_big_endian_unless_a_mark_says_otherwise(data: bytes, text: str):
    info = codec("UTF-16")
    assert info.decode(data, "strict") == (text, len(data))
    decoder = info.incrementaldecoder()
    assert (
        "".join(decoder.decode(data[i : i + 1]) for i in range(len(data))) + decoder.decode(b"", True) == text
    )


@pytest.mark.parametrize("data", [b"a", b"\x00aa", b"\xd8\x3d", b"\xfe\xff\xde\x00"])
def test_malformed_utf_16(data: bytes):
    with pytest.raises(UnicodeDecodeError):
        codec("utf-16").decode(data, "strict")


def test_utf_16_is_written_with_one_mark():
    encoder = codec("UTF-16").incrementalencoder()
    assert encoder.encode("") + encoder.encode("a") + encoder.encode("€", True) == b"\xfe\xff\x00a\x20\xac"
    assert codec("UTF-16").encode("a") == (b"\xfe\xff\x00a", 1)


@pytest.mark.parametrize("name", ["bogus", "", "rot13", "base64", "idna", "unicode_escape", "utf-8\0"])
def test_what_is_no_encoding_of_text(name: str):
    with pytest.raises(UnsupportedEncodingException):
        codec(name)


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html", None),
        ("text/html; charset=utf-8", "utf-8"),
        ('text/html ; CHARSET = "utf-8";x=y', "utf-8"),
        ('text/html;x=";charset=a";charset=b', "b"),
        (r'text/html;charset="ut\f\-8"', "utf-8"),
        ("text/html;charset=a;charset=b", "b"),
        ("text/html;;charset=a; ;", "a"),
        ("text/html;charset=", ""),
        ("text/html;charset", ""),
        ("text/html;xcharset=a", None),
        # What is no media type says nothing.
        ("", None),
        (";charset=a", None),
        ("text/plain,text/html;charset=a", None),
        ("text/html;charset=a b", None),
        ("text/html;charset=a,b", None),
        ("text/html;charset==a", None),
        ('text/html;charset="a', None),
        ('text/html;charset=a"', None),
        ("text/html" + 9999 * ";" + 9999 * " " + "\0", None),
    ],
)
def test_charset_of_a_content_type(content_type: str, charset: str | None):
    assert charset_parameter(content_type) == charset


@pytest.mark.parametrize(
    ("name", "java"),
    [
        ("utf8", "UTF-8"), ("latin1", "ISO-8859-1"), ("iso-8859-15", "ISO-8859-15"), ("ascii", "US-ASCII"),
        ("cp1252", "windows-1252"), ("sjis", "Shift_JIS"), ("koi8-r", "KOI8-R"), ("UTF-16LE", "UTF-16LE"),
        ("hp-roman8", "hp-roman8"),
    ],
)  # fmt: skip
def test_the_name_that_java_has_for_an_encoding(name: str, java: str):
    assert java_name(name) == java
