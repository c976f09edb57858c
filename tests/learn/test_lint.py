"""What `was check` prints: lines and JSON, which codes, what comments silence; docs/check.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import container
from container.config import Settings
from container.errors import ConfigError, Problem, Source
from container.learn.lint import Report, lint
from container.learn.lint.report import as_json, as_text
from container.learn.lint.rules import RULES, as_markdown, explain, rule_of
from container.report import served
from container.server import start_container

ROOT = Path(container.__file__).parents[1]
PAGE = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
{inside}
</web-app>
"""
BAD = "<distributable>no</distributable>"  # WAS122


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def web_app(inside: str, **classes: str) -> Path:
    folder = Path("shop", "WEB-INF", "classes")
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "web.xml").write_text(WEB_XML.format(inside=inside), encoding="utf-8")
    for name, text in classes.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return Path("shop")


def codes(path: Path, **options: object) -> list[str]:
    return [problem.code for problem in lint(path, **options).problems]


def test_a_war_in_a_folder_of_web_apps_is_told_of() -> None:
    web_app("")
    Path("shop.war").touch()  # has been unpacked
    Path("shop/old.war").touch()  # a file for whoever asks for it
    assert codes(Path()) == codes(Path("shop")) == []
    Path("bank.war").touch()
    (problem,) = lint(Path()).problems
    assert str(problem).startswith(
        "bank.war: warning: is not served: a web app is a folder here. `was migrate"
    )
    assert lint(Path()).summary() == "1 web app: 1 warning"


def test_a_folder_with_nothing_but_a_war() -> None:
    Path("bank.war").touch()
    assert codes(Path()) == ["WAS137"]


def test_for_a_class_of_a_known_framework_the_cure_is_what_does_the_same_here() -> None:
    spring = "org.springframework.web.filter.CharacterEncodingFilter"
    folder = web_app(
        f"<filter><filter-name>f</filter-name><filter-class>{spring}</filter-class></filter>"
        "<filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
    )
    (problem,) = lint(folder).problems
    assert problem.code == "WAS302"
    assert "org.apache.catalina.filters.SetCharacterEncodingFilter" in problem.cure


# Text


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [
        ("  <a>b</a> <c/>", 3, "  ^~~~~~~~"),
        ("  <a>b</a> <c/>", 12, "           ^~~~"),
        ("  <a x='1'>", 3, "  ^~~~~~~~~"),
        ("  <a", 3, "  ^"),
        ("\t<a/>", 2, "\t^~~~"),
        ("가나 <a/>", 4, "     ^~~~"),  # two columns each
        ("self.name = 1", 1, "^~~~~~~~~"),
        ("x = 'é'", 5, "    ^"),
        ("  gzip on;", 0, "  ^~~~~~~~"),  # no column: the whole line
        ("x", 7, None),
    ],
)
def test_the_place_is_underlined(line: str, column: int, expected: str | None) -> None:
    Path("f").write_text(line, encoding="utf-8")
    text = as_text(Report((Problem(Source("f", 1, column), "it", "Do.", "note", code="WAS999"),), "f"))
    first, excerpt, mark = text.splitlines()
    assert first == f"f:1{f':{column}' if column else ''}: note WAS999: it. Do."
    assert excerpt == f"    1 | {line}"
    assert expected is None or mark == f"      | {expected}"


def test_a_long_line_is_cut_around_the_place() -> None:
    Path("f").write_text("x" * 500 + "<a>b</a>" + "y" * 500)
    text = as_text(Report((Problem(Source("f", 1, 501), "it", code="WAS999"),), "f"))
    _, excerpt, mark = text.splitlines()
    assert len(excerpt) < 125
    assert excerpt[mark.index("^") :].startswith("<a>b</a>")


@pytest.mark.parametrize("source", [None, Source("f"), Source("f", 9, 1), Source("missing", 1, 1)])
def test_without_a_line_there_is_no_excerpt(source: Source | None) -> None:
    Path("f").write_text("x")
    (line,) = as_text(Report((Problem(source, "it", code="WAS999"),), "f")).splitlines()
    assert line.endswith("error WAS999: it.")


def test_colours_are_for_terminals_only() -> None:
    report = lint(web_app(BAD))
    assert "\033" not in as_text(report)
    assert "\033[33;1mwarning WAS122\033[0m" in as_text(report, color=True)
    assert re.sub(r"\033\[[\d;]*m", "", as_text(report, color=True)) == as_text(report)


def test_errors_come_first_then_files_and_lines() -> None:
    path = web_app(f"{BAD}<servlet/>\n<name>x</name>", cart="def x(:")
    assert codes(path) == ["WAS305", "WAS108", "WAS122", "WAS113"]
    assert lint(path).summary() == "1 web app: 2 errors, 2 warnings"


def test_where_nothing_can_be_trusted_nothing_else_is_said() -> None:
    assert codes(web_app("<a>", cart="def x(:")) == ["WAS101"]


# JSON


def test_json_has_the_shape_of_the_documentation() -> None:
    (example,) = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    found = json.loads(as_json(lint(web_app(BAD))))
    assert list(found) == list(example)
    assert list(found["problems"][0]) == list(example["problems"][0])
    assert (found["version"], found["counts"]) == (1, {"error": 0, "warning": 1, "note": 0})
    assert found["problems"][0]["code"] == "WAS122"
    assert (found["problems"][0]["line"], found["problems"][0]["column"]) == (2, 1)


def test_json_of_a_problem_without_a_place() -> None:
    (problem,) = json.loads(as_json(Report((Problem(None, "it", code="WAS999"),), "x")))["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == (None, None, None)


# Which


def test_select_and_ignore_take_codes_and_beginnings() -> None:
    path = web_app(f"{BAD}<session-config><session-timeout>1800</session-timeout></session-config>")
    assert codes(path) == ["WAS122", "WAS608"]
    assert codes(path, select=["was122"]) == ["WAS122"]
    assert codes(path, select=["WAS6,WAS7"]) == ["WAS608"]
    assert codes(path, ignore=["WAS1", "WAS608"]) == []
    assert codes(path, select=["WAS1"], ignore=["WAS122"]) == []


@pytest.mark.parametrize("option", ["select", "ignore"])
def test_an_unknown_code_is_an_error(option: str) -> None:
    with pytest.raises(ConfigError, match="WAS9: no such code"):
        lint(web_app(BAD), **{option: ["WAS9"]})


def test_strict_counts_warnings_and_never_notes() -> None:
    warning, note = (Problem(None, "it", "", kind, code="WAS999") for kind in ("warning", "note"))
    assert not Report((warning, note), "x").failed()
    assert Report((warning, note), "x").failed(strict=True)
    assert not Report((note,), "x").failed(strict=True)
    assert Report((Problem(None, "it", code="WAS999"),), "x").failed()


# Comments


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (f"<!-- was: ignore WAS122 -->\n{BAD}", []),
        (f"<!--was: ignore WAS101, WAS122-->{BAD}", []),
        (f"<!-- was: ignore WAS121 -->{BAD}", ["WAS122"]),
        (f"<!-- was: ignore WAS122 because it is so -->{BAD}", ["WAS122"]),
        (f"<!-- was: ignore WAS122 --><display-name>x</display-name>{BAD}", ["WAS122"]),
        (f"{BAD}<!-- was: ignore WAS122 -->", ["WAS122"]),
        (
            "<!-- was: ignore WAS608 -->\n<session-config>\n<session-timeout>1800</session-timeout>"
            "</session-config>",
            [],  # what is inside of the element, too
        ),
    ],
)
def test_comments_in_xml(inside: str, expected: list[str]) -> None:
    assert codes(web_app(inside)) == expected


def test_comments_in_python_and_nginx() -> None:
    code = "from container.servlet import HttpServlet\nclass A(HttpServlet):\n  def doGet(self, a, b):\n"
    inside = (
        "<servlet><servlet-name>a</servlet-name><servlet-class>a.A</servlet-class></servlet><servlet-mapping>"
        "<servlet-name>a</servlet-name><url-pattern>/a</url-pattern></servlet-mapping>"
    )
    assert codes(web_app(inside, a=f"{code}    self.a = 1\n")) == ["WAS701"]
    assert codes(web_app(inside, a=f"{code}    self.a = 1  # was: ignore[WAS701]\n")) == []
    assert codes(web_app(inside, a=f"{code}    self.a = 1  # was: ignore[WAS702]\n")) == ["WAS701"]
    conf = "events {}\nhttp {\ngunzip on;%s\nserver { listen 80; }\n}\n"
    for comment, expected in (("", ["WAS802"]), (" # was: ignore[WAS802]", [])):
        Path("nginx.conf").write_text(conf % comment)
        assert codes(Path("nginx.conf")) == expected


# What is not said


MAPPED = """<servlet><servlet-name>a</servlet-name><servlet-class>{0}</servlet-class></servlet>
<servlet-mapping><servlet-name>a</servlet-name><url-pattern>{1}</url-pattern></servlet-mapping>"""
ROLE = "<security-role><role-name>clerk</role-name></security-role>"


def test_the_default_servlet_under_another_name_sends_files() -> None:
    path = web_app(MAPPED.format("org.apache.catalina.servlets.DefaultServlet", "/"))
    Path("shop/x.css").write_text("")
    assert codes(path) == []


@pytest.mark.parametrize("page", ["page.jinja", "WEB-INF/page.jinja", "page.html"])
def test_names_that_pages_have_in_quotes_are_used(page: str) -> None:
    path = web_app(ROLE)
    assert codes(path) == ["WAS502"]
    Path("shop", page).write_text("{% if request.isUserInRole('clerk') %}")
    assert codes(path) == []


def test_code_that_registers_may_answer_every_path() -> None:
    error = "<error-page><location>/nowhere</location></error-page>"
    assert codes(web_app(error)) == ["WAS601"]
    assert codes(web_app(error, listen="def start(c): c.addServlet('a', 'b.C').addMapping('/nowhere')")) == []


@pytest.mark.parametrize(
    ("constraint", "inside", "expected"),
    [
        ("HttpConstraint(rolesAllowed=['boss'])", "", ["WAS503"]),
        ("HttpConstraint()", "", []),
        (
            "HttpConstraint(rolesAllowed=['boss'])",
            "<login-config><auth-method>BASIC</auth-method></login-config>",
            [],
        ),
    ],
)
def test_a_login_that_only_code_asks_for(constraint: str, inside: str, expected: list[str]) -> None:
    code = (
        "from container.servlet import *\n"
        f"@WebServlet('/a')\n@ServletSecurity({constraint})\n"
        "class A(HttpServlet):\n    def doGet(self, request, response): pass\n"
    )
    folder = web_app(inside, a=code)
    assert codes(folder) == expected
    container = start_container(Settings(webapps=Path(), dev=True))
    told = [line for line in served(container)["problems"] if "WAS503" in line]
    container.stop()
    assert len(told) == len(expected)  # its start has found it, too


def test_the_root_web_app_has_no_context_path() -> None:
    Path("ROOT/WEB-INF").mkdir(parents=True)
    Path("ROOT/WEB-INF/web.xml").write_text(WEB_XML.format(inside=MAPPED.format("a.A", "/ROOT/a")))
    assert codes(Path("ROOT")) == ["WAS301"]


def test_a_port_for_tls_is_what_confidential_needs() -> None:
    inside = """<security-constraint><web-resource-collection><web-resource-name>all</web-resource-name>
        <url-pattern>/*</url-pattern></web-resource-collection><user-data-constraint>
        <transport-guarantee>CONFIDENTIAL</transport-guarantee></user-data-constraint></security-constraint>"""
    assert codes(web_app(inside)) == ["WAS514"]
    assert codes(web_app(inside), https=True) == []


# Rules and their page


def test_rules_are_found_by_their_code() -> None:
    assert rule_of("was203") is rule_of("203") is next(rule for rule in RULES if rule.code == "WAS203")
    with pytest.raises(ConfigError, match=r"WAS20: no such code\. Did you mean WAS2"):
        rule_of("WAS20")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_explain_says_all_of_it(rule) -> None:
    text = explain(rule)
    assert text.startswith(f"{rule.code} ({rule.severity}): {rule.title}\n\n")
    assert ("Wrong:" in text) == ("Right:" in text) == bool(rule.bad)


def test_the_page_is_up_to_date() -> None:
    cure = "write what `was check --explain all` prints behind the introduction of ## Codes in docs/check.md"
    assert PAGE.endswith(f"\n\n{as_markdown()}"), cure


# Ours


@pytest.mark.parametrize("path", ["webapps", "web.xml.example", "bench/webapps", "bench/filtered"])
def test_our_own_are_clean(path: str) -> None:
    assert as_text(lint(ROOT / path)) == ""


def test_no_damage_to_the_example_makes_it_raise() -> None:
    data = (ROOT / "web.xml.example").read_text(encoding="utf-8")
    path = web_app("", cart="class CartServlet: pass")
    for number, leaf in enumerate(re.finditer(r">([^<>]+)</", data)):
        other = ("", "/", "*", "{x}", "é, /b", "a.b.C", "-1")[number % 7]
        Path("shop/WEB-INF/web.xml").write_text(data[: leaf.start(1)] + other + data[leaf.end(1) :], "utf-8")
        assert all(problem.code for problem in lint(path).problems)
