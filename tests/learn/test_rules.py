"""Each rule of `was check`: its bad example gives exactly its code, its good example gives none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from webtest import TestApp

import container
from container.config import Settings
from container.engine.container import Container
from container.errors import DeploymentError, Problem
from container.learn.lint import lint
from container.learn.lint.rules import AREAS, RULES, Example, files_of, rule_of

ROOT = Path(container.__file__).parents[1]
WITHOUT_EXAMPLE = ["WAS134", "WAS137"]  # permissions; a folder around a web app

examples = [
    pytest.param(rule.code, rule.severity, example, expected, rule.at_start, id=f"{rule.code}-{kind}")
    for rule in RULES
    for kind, example, expected in (("bad", rule.bad, [rule.code]), ("good", rule.good, []))
    if example
]


def write(folder: Path, example: Example) -> Path:
    """The web app "shop" below folder, or the one file of a front."""
    files = files_of(example)
    is_front = not any(name.startswith("WEB-INF") for name in files)
    for name, text in files.items():
        path = folder / (name if is_front else f"shop/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / (next(iter(files)) if is_front else "shop")


def start(folder: Path) -> list[Problem]:
    container = Container(Settings())
    try:
        return list(container.deploy(folder, "/shop").problems)
    except DeploymentError as error:
        return list(error.problems)
    finally:
        container.stop()


@pytest.mark.parametrize(("code", "severity", "example", "expected", "at_start"), examples)
def test_example(
    code: str, severity: str, example: Example, expected: list[str], at_start: bool, tmp_path: Path
) -> None:
    path = write(tmp_path, example)
    found = start(path) if at_start else list(lint(path).problems)
    assert list(dict.fromkeys(problem.code for problem in found)) == expected, "\n".join(map(str, found))
    assert all(problem.severity == severity for problem in found)
    if at_start:
        assert lint(path).problems == ()


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=f"{rule.code}-{kind}")
        for rule in RULES
        for kind, example in (("bad", rule.bad if rule.severity != "error" else {}), ("good", rule.good))
        if example and rule.code[3] != "8" and not (kind == "bad" and rule.at_start)
    ],
)
def test_what_is_right_starts_and_warnings_do_not_keep_it_from_starting(
    example: Example, tmp_path: Path
) -> None:
    found = start(write(tmp_path, example))
    assert [str(problem) for problem in found if problem.severity == "error"] == []


@pytest.mark.parametrize(
    ("code", "request_line", "bad", "good"),
    [
        ("WAS203", "GET /shop/On/line", 404, 200),
        ("WAS209", "GET /shop/cart", 404, 200),
        ("WAS212", "GET /shop/cart", 404, 200),
        ("WAS213", "GET /shop/cart", 404, 200),
        ("WAS214", "GET /shop/basket", 404, 200),
        ("WAS215", "GET /shop/cart/7", 404, 200),
        ("WAS301", "GET /shop/cart", 500, 200),
        ("WAS407", "GET /shop/cart", 500, 200),
        ("WAS503", "GET /shop/cart", 403, 403),  # there are no users here
        ("WAS605", "GET /shop/", 404, 200),
        ("WAS606", "GET /shop/about", 404, 200),
        ("WAS703", "GET /shop/cart", 405, 200),
        ("WAS704", "GET /shop/cart", 405, 200),
        ("WAS705", "GET /shop/cart", 500, 200),
        ("WAS709", "POST /shop/cart", 500, 415),
        ("WAS710", "POST /shop/cart", 405, 302),
        ("WAS711", "GET /shop/cart", "/cart", "/shop/cart"),
        ("WAS712", "GET /shop/cart", 404, 200),
        ("WAS713", "GET /shop/cart", 500, 200),
        ("WAS715", "GET /shop/cart", 500, 200),
        ("WAS716", "GET /shop/cart", b"??", "안녕".encode()),
        ("WAS717", "GET /shop/cart", b"??", "안녕".encode()),
        ("WAS718", "GET /shop/cart", 302, 200),
        ("WAS719", "GET /shop/cart", b"", b"empty"),
        ("WAS316", "GET /shop/cart", 500, 200),
        ("WAS211", "GET /shop/css/shop.css", b"empty", b"body { margin: 2em }\n"),
        ("WAS408", "GET /shop/cart", b"closed", b"empty"),
    ],
)
def test_what_is_said_is_what_happens(
    code: str, request_line: str, bad: object, good: object, tmp_path: Path
) -> None:
    rule = rule_of(code)
    for name, example, expected in (("bad", rule.bad, bad), ("good", rule.good, good)):
        container = Container(Settings())
        try:
            container.deploy(write(tmp_path / name, example), "/shop")
            method, target = request_line.split()
            answer = TestApp(container, lint=False).request(
                target, method=method, environ={"SERVER_PROTOCOL": "HTTP/1.1"}, expect_errors=True
            )
        finally:
            container.stop()
        location = answer.headers.get("Location", "").removeprefix("http://localhost:80")
        assert expected in (answer.status_int, answer.body, location)


def test_the_table_is_complete_and_in_order() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"WAS[1-8]\d\d", code) and code[3] in AREAS for code in codes)
    assert [rule.code for rule in RULES if not (rule.bad and rule.good)] == WITHOUT_EXAMPLE
    assert all(rule.title[-1] != "." and rule.why[-1] == "." and rule.cure[-1] == "." for rule in RULES)


def test_every_code_that_is_said_has_a_rule_and_every_rule_is_said() -> None:
    said = set()
    for path in Path(container.__file__).parent.rglob("*.py"):
        if path.parent.name != "rules":
            said |= set(re.findall(r'"(WAS\d{3})"', path.read_text(encoding="utf-8")))
    assert said == {rule.code for rule in RULES}
