"""Servlet 6.1, chapter 12: which servlet, and how the path is divided."""

import pytest

from container.descriptor.model import ServletMapping
from container.engine.mapper import Mapper, matches
from container.errors import Source
from container.servlet import MappingMatch


def mapper(**patterns):
    source = Source("web.xml", 1, 1)
    return Mapper(ServletMapping(name, pattern, source) for name, pattern in patterns.items())


@pytest.mark.parametrize(
    ("path", "servlet"),
    [  # §12.2.2
        ("/foo/bar/index.html", "servlet1"),
        ("/foo/bar/index.bop", "servlet1"),  # RT-MAP-17: a prefix beats an extension
        ("/foo/bar", "servlet1"),
        ("/baz", "servlet2"),
        ("/baz/index.html", "servlet2"),
        ("/catalog", "servlet3"),
        ("/catalog/index.html", "default"),  # RT-MAP-18
        ("/catalog/racecar.bop", "servlet4"),
        ("/index.bop", "servlet4"),
        ("/foo/barn", "default"),  # RT-MAP-11: only at a segment boundary
        ("/Catalog", "default"),  # RT-MAP-16
        ("/x.bop/y", "default"),  # RT-MAP-12: the last segment's extension
        ("/x.bop/", "default"),
    ],
)
def test_rt_map_example(path, servlet):
    table = mapper(
        servlet1="/foo/bar/*", servlet2="/baz/*", servlet3="/catalog", servlet4="*.bop", default="/"
    )
    assert table.match(path).servlet_name == servlet


@pytest.mark.parametrize(
    ("pattern", "path", "servlet_path", "path_info", "value", "kind"),
    [  # runtime rules, §2
        ("", "/", "", "/", "", MappingMatch.CONTEXT_ROOT),
        ("", "", "", "/", "", MappingMatch.CONTEXT_ROOT),
        ("/", "/x/y", "/x/y", None, "", MappingMatch.DEFAULT),
        ("/a", "/a", "/a", None, "a", MappingMatch.EXACT),
        ("/a/*", "/a", "/a", None, "", MappingMatch.PATH),
        ("/a/*", "/a/", "/a", "/", "", MappingMatch.PATH),
        ("/a/*", "/a/b/c", "/a", "/b/c", "b/c", MappingMatch.PATH),
        ("/*", "/b/c", "", "/b/c", "b/c", MappingMatch.PATH),
        ("*.do", "/b/c.do", "/b/c.do", None, "b/c", MappingMatch.EXTENSION),
    ],
)
def test_rt_path_and_rt_hsm_elements(pattern, path, servlet_path, path_info, value, kind):
    match = mapper(s=pattern).match(path)
    assert (match.servlet_path, match.path_info) == (servlet_path, path_info)
    assert (match.getMatchValue(), match.getPattern(), match.getServletName()) == (value, pattern, "s")
    assert match.getMappingMatch() is kind


def test_the_longest_prefix_wins():
    table = mapper(a="/a/*", ab="/a/b/*", all="/*")
    assert [table.match(p).servlet_name for p in ("/a/b/c", "/a/bc", "/b")] == ["ab", "a", "all"]


def test_nothing_matches():
    assert mapper(a="/a").match("/b") is None


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [  # RT-FLT-05
        ("/x/*", "/x", True), ("/x/*", "/x/y", True), ("/x/*", "/xy", False), ("/*", "/any", True),
        ("*.jsp", "/a/b.jsp", True), ("*.jsp", "/a.jsp/b", False), ("/x", "/x", True), ("/", "/", True),
        ("/", "/a", False), ("", "/", True),
    ],
)  # fmt: skip
def test_rt_flt_05_filter_patterns(pattern, path, expected):
    assert matches(pattern, path) is expected
