"""Servlet 6.1 §3.5.2: one canonical path, or a refusal (RT-URI)."""

import pytest

from container.engine.uri import BadTarget, canonicalize, decode_path, resolve, split_target


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/a/b;x=1", "/a/b"),
        ("/a/b/;x=1", "/a/b/"),
        ("/a;/b/;/;", "/a/b/"),
        ("/a/b%25r", "/a/b%r"),
        ("/a/./b", "/a/b"),
        ("/./a/b", "/a/b"),
        ("/a/b/./;", "/a/b/"),
        ("/a/b/../;", "/a/"),
        ("/a/.b", "/a/.b"),
        ("/a/..b", "/a/..b"),
        ("/a/../b", "/b"),
        ("/a//b", "/a/b"),
        ("//a//b//", "/a/b/"),
        ("/a//../b", "/b"),
        ("/a%E2%82%ACb", "/a€b"),
        ("/a%20b", "/a b"),
        ("/", "/"),
        ("//", "/"),
        ("/.", "/"),
        ("/./", "/"),
        ("/a/b/.", "/a/b"),  # RT-URI-14
        ("/a/b/./", "/a/b/"),
        ("/a/b/..", "/a"),
        ("/a/b/../", "/a/"),
    ],
)
def test_rt_uri_10_canonical(raw, path):
    assert canonicalize(raw.encode()).path == path


@pytest.mark.parametrize(
    "raw",
    [
        "/a/;p/b", "/a%00", "/a%7Fb", "/a%2Fb", "/a;%2F/b", "/a/..%2Fb", "/a\\b", "/a%5Cb", "/a/%2e/b",
        "/a/b/%2e%2E/b", "/a/.;/b", "/a/..;/b", "/a/b/..;", "/a/../../b", "/../b", "/..", "/../", "/a%E2%82",
        "/a%E2%82b", "/a%-1", "/a%XX", "/a%/b", "/a/b%0", "/good%20/bad%/", "/a#f", "#f", "/;/", "a/b", "./a",
        ";/a",
    ],
)  # fmt: skip
def test_rt_uri_11_suspicious(raw):
    with pytest.raises(BadTarget):
        canonicalize(raw.encode())


def test_path_parameters_are_kept_in_order():
    assert canonicalize(b"/a;x=1;jsessionid=AB/b;y").parameters == (
        ("x", "1"),
        ("jsessionid", "AB"),
        ("y", ""),
    )


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/a?b=1", (b"/a", b"b=1")),
        (b"/a?", (b"/a", b"")),
        (b"/a", (b"/a", None)),
        (b"http://host:80/a?b", (b"/a", b"b")),
        (b"http://host", (b"/", None)),
        (b"http://host?q", (b"/", b"q")),
    ],
)
def test_rt_uri_01_forms_of_a_target(target, parts):
    assert split_target(target) == parts


def test_rt_rd_03_relative_paths_of_a_dispatcher():
    assert resolve("/garden/tools.html", "header.html") == "/garden/header.html"
    assert resolve("/a", "../../x") is None
    assert [resolve("/", path) for path in ("/a/b/.", "/a/b/..", "/a/b/../")] == ["/a/b", "/a", "/a/"]
    assert resolve("/", "\\a\\..\\b") == "/b"
    assert decode_path("/t;p=1/%41") == "/t/A"
    assert decode_path("/t/%zz") is None
