"""The order of the libraries' fragments (§8.2.2), from what web.xml and they themselves ask for."""

from __future__ import annotations

import itertools

import pytest

from container.descriptor.model import WebApp
from container.descriptor.ordering import Fragment, Ordered, order
from container.descriptor.reader import read_descriptor
from container.errors import Source

NAMESPACE = "https://jakarta.ee/xml/ns/jakartaee"


def fragment(library: str, inside: str = "") -> Fragment:
    xml = f'<web-fragment xmlns="{NAMESPACE}" version="6.1">\n{inside}\n</web-fragment>'
    descriptor, problems = read_descriptor(xml.encode(), f"{library}/web-fragment.xml", fragment=True)
    assert problems == []
    return Fragment(library, descriptor, WebApp(Source(library)))


def fragments(asked: str) -> list[Fragment]:
    """Fragments as in "A after B others; C": their names and what they ask for. The library of A is A.whl."""
    return [a_fragment(*words.split()) for words in asked.split(";")]


def a_fragment(name: str, *wishes: str) -> Fragment:
    where, inside = "", {"before": "", "after": ""}
    for wish in wishes:
        if wish in inside:
            where = wish
        else:
            inside[where] += "<others/>" if wish == "others" else f"<name>{wish}</name>"
    ordering = "".join(f"<{where}>{names}</{where}>" for where, names in inside.items() if names)
    named = "" if name == "-" else f"<name>{name}</name>"
    return fragment(f"{name}.whl", named + (f"<ordering>{ordering}</ordering>" if ordering else ""))


def ordered(asked: str, absolute: str | None = None) -> Ordered:
    """Every order in which the libraries may be found gives the same."""
    web_app = WebApp(Source("web.xml"))
    if absolute is not None:
        names = "".join("<others/>" if n == "others" else f"<name>{n}</name>" for n in absolute.split())
        asking = f"<absolute-ordering>{names}</absolute-ordering>"
        xml = f'<web-app xmlns="{NAMESPACE}" version="6.1">{asking}</web-app>'
        web_app, _ = read_descriptor(xml.encode(), "web.xml")
    given = fragments(asked)
    found = order(given, web_app.absolute_ordering)
    for permutation in itertools.islice(itertools.permutations(given), 720):
        again = order(permutation, web_app.absolute_ordering)
        assert (names_of(again), again.problems) == (names_of(found), found.problems)
    return found


def names_of(found: Ordered) -> str:
    return " ".join(f.library.removesuffix(".whl") for f in found.fragments)


def excluded(found: Ordered) -> str:
    return " ".join(f.library.removesuffix(".whl") for f in found.excluded)


@pytest.mark.rules("DD-ORD-20", "DD-ORD-21", "DD-ORD-22", "DD-ORD-23", "DD-ORD-24", "DD-ORD-28")
@pytest.mark.parametrize(
    ("asked", "results"),
    [
        # the specification's examples A, C, D, E; where an order is free, every result that it allows
        ("M1 after M2; M2; M3 before others", ["M3 M2 M1"]),
        (
            "A after others C; B before others; C after others; D; E; F before others B",
            ["F B D E C A", "F B E D C A"],
        ),
        (
            "- after others before C; B before others; C; D after others; E before others; F",
            [f"{front} F {end}" for front in ("B E", "E B") for end in ("- C D", "- D C", "D - C")],
        ),
        ("A after B; B; C before others; D", ["C B D A", "C D B A", "C B A D"]),
        ("A; B; C", ["A B C"]),
        ("A after B; B after C; C", ["C B A"]),
        ("A after X; B before Y", ["A B"]),  # names that nobody has
        ("A before others after B; B; C", ["B A C"]),  # B must come before one of the front
        ("A; B before others; C before others B", ["C B A"]),
        ("A after others; B after others before A; C", ["C B A"]),
        ("A after others; B after A; C", ["C A B"]),  # B must come after one of the end
        ("A before B C; B; C after others", ["A B C"]),
        ("- before A; A", ["- A"]),
    ],
)
def test_fragments_are_ordered_as_they_ask(asked: str, results: list[str]) -> None:
    found = ordered(asked)
    assert found.problems == ()
    assert names_of(found) in results
    assert found.excluded == ()


@pytest.mark.rules("DD-ORD-26", "DD-ERR-10")
@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("A after B; B after A; C after B", '"A", "B" cannot'),
        ("A before B; B before C; C before A", '"A", "B", "C"'),
        ("A before A; B", '"A"'),
        ("A before others after B; B after others", '"A", "B"'),
        ("A before others; B after others before A", '"A", "B"'),
    ],
)
def test_a_circle_is_an_error(asked: str, named: str) -> None:
    [problem] = ordered(asked).problems
    assert problem.severity == "error"
    assert f"<ordering> is circular: {named}" in problem.message
    assert problem.source is not None
    assert problem.source.line == 2
    assert "<absolute-ordering>" in problem.cure


@pytest.mark.rules("DD-ORD-27")
def test_before_and_after_all_others_is_a_contradiction() -> None:
    [problem] = ordered("A before others after others; B").problems
    assert (problem.severity, str(problem.source)) == ("error", "A.whl/web-fragment.xml:2:15")


@pytest.mark.rules("DD-ORD-25", "DD-ERR-09")
def test_two_fragments_of_one_name_need_an_absolute_ordering() -> None:
    twins = [fragment("1.whl", "<name>A</name>"), fragment("2.whl", "<name>A</name>"), fragment("3.whl")]
    [problem] = order(twins, None).problems
    assert str(problem).startswith('2.whl/web-fragment.xml:1:1: <name> "A" is that of two fragments')
    assert "<absolute-ordering>" in problem.cure
    absolute = read_descriptor(
        f'<web-app xmlns="{NAMESPACE}" version="6.1"><absolute-ordering><others/><name>A</name>'
        "</absolute-ordering></web-app>".encode(),
        "web.xml",
    )[0].absolute_ordering
    found = order(twins, absolute)
    assert found.problems == ()
    assert [f.library for f in found.fragments] == ["3.whl", "1.whl", "2.whl"]


@pytest.mark.rules("DD-ORD-01", "DD-ORD-03", "DD-ORD-04", "DD-ORD-05", "DD-ORD-07", "DD-ORD-08")
@pytest.mark.parametrize(
    ("asked", "absolute", "result", "left_out"),
    [
        ("M1 after M2; M2; M3 before others", "M3 M2", "M3 M2", "M1"),  # the specification's example B
        ("A after B; B after A", "A B", "A B", ""),  # their own wishes do not count, not even bad ones
        ("A; B; C; -", "C others A", "C - B A", ""),
        ("A; B; -", "others", "- A B", ""),
        ("A; B; -", "B", "B", "- A"),
        ("A; B", "", "", "A B"),
        ("A; B; C", "B A B", "B A", "C"),
        ("A; B", "B others B A", "B A", ""),
    ],
)
def test_an_absolute_ordering_decides_order_and_presence(
    asked: str, absolute: str, result: str, left_out: str
) -> None:
    found = ordered(asked, absolute)
    assert (names_of(found), excluded(found), found.problems) == (result, left_out, ())


@pytest.mark.rules("DD-ORD-03")
def test_an_absolute_ordering_may_name_what_is_not_there() -> None:
    found = ordered("A", "X A")
    assert names_of(found) == "A"
    [problem] = found.problems
    assert problem.severity == "warning"
    assert 'names "X"' in problem.message


@pytest.mark.rules("DD-ORD-29")
@pytest.mark.parametrize(
    ("asked", "absolute", "used"),
    [
        ("A; B", None, False),
        ("A; B after A", None, True),
        ("A after X", None, True),
        ("A", "others", True),
        ("A", "", True),
        ("A after B; B after A", None, True),
    ],
)
def test_whether_anybody_asked_for_an_order_is_known(asked: str, absolute: str | None, used: bool) -> None:
    assert ordered(asked, absolute).ordering_used is used
