"""web.xml.example is read, shows everything, and no damage to it makes the reader raise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from container.descriptor.checks import check
from container.descriptor.reader import WEB_APP, read_descriptor
from container.descriptor.shapes import Shape

EXAMPLE = Path(__file__).parents[2] / "web.xml.example"
LEAF = re.compile(rb"<([a-z-]+)>[^<]*</\1>|<[a-z-]+/>")


def elements(shape: Shape) -> Iterator[str]:
    """Every element of 6.1 that means something in a web.xml outside a full platform server."""
    for row in shape.rows.values():
        is_current = row.since <= "6.1" <= row.until and row.root != "web-fragment"
        if is_current and not row.platform and row.name != "comment":  # obsolete since 6.0
            yield row.name
            if isinstance(row.content, Shape):
                yield from elements(row.content)


def test_the_example_has_no_problems_but_what_is_not_provided_yet() -> None:
    web_app, problems = read_descriptor(EXAMPLE.read_bytes(), "web.xml.example")
    assert list(map(str, problems + check(web_app, complete=False))) == []
    found = check(web_app)
    assert {problem.severity for problem in found} == {"warning"}
    not_provided = ["<resource-ref>", "<resource-env-ref>", "<data-source>", "<mail-session>"]
    assert [problem.message.split()[0] for problem in found] == not_provided


@pytest.mark.parametrize("name", sorted(set(elements(WEB_APP))))
def test_the_example_shows(name: str) -> None:
    assert re.search(rf"<{name}[ />]", EXAMPLE.read_text(encoding="utf-8"))


def test_the_example_teaches() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 120
    web_app, _ = read_descriptor(text.encode(), "web.xml.example")
    cart, about = web_app.servlets
    assert (cart.servlet_class, about.jsp_file) == ("shop.cart.CartServlet", "/WEB-INF/pages/about.jinja")
    assert web_app.session_config is not None
    assert web_app.session_config.timeout_minutes == 30
    assert web_app.absolute_ordering is not None
    assert web_app.absolute_ordering.names == ("shop_common", None)


def test_cut_anywhere_it_is_one_problem() -> None:
    data = EXAMPLE.read_bytes().rstrip()
    for end in range(0, len(data), 13):
        _, problems = read_descriptor(data[:end], "cut")
        assert len(problems) == 1


@pytest.mark.parametrize("other", [b"", b"<x/>", b"<name/>", b"<name>a/../../b</name>"])
def test_without_any_one_leaf_nothing_is_raised(other: bytes) -> None:
    data = EXAMPLE.read_bytes()
    for leaf in LEAF.finditer(data):
        web_app, _ = read_descriptor(data[: leaf.start()] + other + data[leaf.end() :], "changed")
        check(web_app)


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "/a\r\n/b", "../..", "é" * 200, "&#13;*", "1e999", "99999999999999999999"]
)
def test_with_another_text_in_any_leaf_nothing_is_raised(text: str) -> None:
    data = EXAMPLE.read_bytes()
    for leaf in LEAF.finditer(data):
        if leaf[1]:
            changed = b"<%b>%b</%b>" % (leaf[1], text.encode(), leaf[1])
            web_app, problems = read_descriptor(
                data[: leaf.start()] + changed + data[leaf.end() :], "changed"
            )
            for problem in problems + check(web_app):
                assert "\n" not in str(problem)
                assert problem.source is not None
                assert problem.source.line > 0
