"""Request targets as canonical paths."""

from __future__ import annotations

import pytest

from container.errors import ProtocolError
from container.front.targets import encode_path, is_secret, read_target


@pytest.mark.parametrize(
    ("raw", "path", "query"),
    [
        (b"/", "/", None),
        (b"/a/b", "/a/b", None),
        (b"/a/", "/a/", None),
        (b"/a?x=%20&y", "/a", "x=%20&y"),
        (b"/a?", "/a", ""),
        (b"/%41", "/A", None),
        (b"/%2541", "/%41", None),  # once
        (b"//a///b", "/a/b", None),
        (b"/a/./b/../c", "/a/c", None),
        (b"/a/..", "/", None),
        (b"/a/b/..", "/a/", None),
        (b"/a/.", "/a/", None),
        (b"/a/%2e%2e/b", "/b", None),
        (b"/a%2fb", "/a/b", None),
        (b"/a%2f..%2fb", "/b", None),
        (b"/a;v=1/b", "/a;v=1/b", None),
        (b"/a...", "/a...", None),
        (b"/.a", "/.a", None),
        (b"/%C3%A9", "/é", None),
        (b"/%ff", "/\udcff", None),
        (b"/a\\b", "/a\\b", None),
        (b"*", "*", None),
    ],
)
def test_paths(raw, path, query):
    assert read_target(raw)[:2] == (path, query)


@pytest.mark.parametrize(
    "raw", [b"", b"a", b"/..", b"/a/../..", b"/%2e%2e", b"/..%2f", b"/%", b"/%zz", b"/%4", b"/a%00b", b"/a#b"]
)
def test_what_is_no_path(raw):
    with pytest.raises(ProtocolError) as error:
        read_target(raw)
    assert error.value.status == 400


@pytest.mark.parametrize(
    ("raw", "path", "authority"),
    [
        (b"http://a.example/x?y", "/x", "a.example"),
        (b"HTTP://u:p@a:81", "/", "a:81"),
        (b"https://a?x", "/", "a"),
    ],
)
def test_absolute_targets(raw, path, authority):
    target = read_target(raw)
    assert (target.path, target.authority) == (path, authority)


@pytest.mark.parametrize("path", ["/WEB-INF", "/a/web-inf/x", "/WEB-INF;x/y", "/META-INF./x", "/Meta-Inf /x"])
def test_secret_paths(path):
    assert is_secret(path)


@pytest.mark.parametrize("path", ["/", "/WEB-INFO", "/my-WEB-INF", "/INF"])
def test_paths_that_are_no_secret(path):
    assert not is_secret(path)


def test_encoding():
    assert encode_path("/a b/é/\udcff%") == "/a%20b/%C3%A9/%FF%25"
