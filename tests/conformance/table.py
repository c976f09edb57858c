"""Say which rules are tested, do not apply, come later or are open: the table in docs/conformance.md.

    python tests/conformance/table.py            print the table and what is open
    python tests/conformance/table.py --write    write the page's table, and conformance-rules.md
    python tests/conformance/table.py RT-PAR-01  the tests of one rule

A test names its rules with @pytest.mark.rules("RT-PAR-01", ...), a module all of its tests with pytestmark.
A module may also say NOT_APPLICABLE = {"RT-…": "why"} and LATER = {"RT-…": "what happens instead"}. Nothing
is imported or run.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "conformance.md"
ALL_RULES = ROOT / "docs" / "conformance-rules.md"
BEGIN, END = "<!-- table: made by tests/conformance/table.py -->", "<!-- end of table -->"
STATES = ("tested", "not applicable", "later", "open")
DECLARED = {"NOT_APPLICABLE": "not applicable", "LATER": "later"}
ID = re.compile(r"(RT|DD)-[A-Z]+-\d+")


@dataclass
class Rules:
    """Every rule with its tests, or with the reason why it has none."""

    chapters: dict[str, list[str]] = field(default_factory=dict)
    tests: dict[str, list[str]] = field(default_factory=dict)
    reasons: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Rule -> (state, reason)."""
    wrong: list[str] = field(default_factory=list)

    def state(self, rule: str) -> str:
        if rule in self.tests:
            return "tested"
        return self.reasons.get(rule, ("open", ""))[0]


def collect() -> Rules:
    rules = Rules()
    for document, chapters in tomllib.loads((HERE / "rules.toml").read_text(encoding="utf-8")).items():
        for title, families in chapters.items():
            rules.chapters[f"{document}: {title}"] = [
                f"{family}-{number}" for family, numbers in families.items() for number in numbers.split()
            ]
    known = {rule for chapter in rules.chapters.values() for rule in chapter}
    for path in sorted(ROOT.glob("tests/**/test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        for kind, rule, text, line in declarations(ast.parse(path.read_text(encoding="utf-8"))):
            if rule not in known:
                rules.wrong.append(f"{name}:{line}: there is no rule {rule}")
            elif kind == "tested":
                rules.tests.setdefault(rule, []).append(f"{name}::{text}" if text else name)
            else:
                rules.reasons[rule] = (kind, text)
    rules.wrong += [
        f"{rule} is tested and {rules.reasons[rule][0]}" for rule in rules.reasons if rule in rules.tests
    ]
    return rules


def declarations(tree: ast.Module) -> Iterator[tuple[str, str, str, int]]:
    """Yield what a module says: (state, rule, name of the test or reason, line)."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = target.id if isinstance(target, ast.Name) else ""
            if name in DECLARED and isinstance(node.value, ast.Dict):
                for rule, reason in ast.literal_eval(node.value).items():
                    yield DECLARED[name], rule, reason, node.lineno
            elif name == "pytestmark" and node.value is not None:
                yield from marked(node.value, "")
        elif isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                yield from marked(decorator, node.name)
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    for decorator in member.decorator_list:
                        yield from marked(decorator, f"{node.name}::{member.name}")
        elif isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                yield from marked(decorator, node.name)


def marked(expression: ast.expr, test: str) -> Iterator[tuple[str, str, str, int]]:
    """Yield the rules of every pytest.mark.rules(...) in an expression, inside a pytest.param too."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "rules":
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    yield "tested", argument.value, test, node.lineno


def table(rules: Rules) -> str:
    lines = ["| Chapter | " + " | ".join(STATES) + " |", "|---|" + "--:|" * len(STATES)]
    totals = [0] * len(STATES)
    for chapter, ids in rules.chapters.items():
        counts = [sum(rules.state(rule) == state for rule in ids) for state in STATES]
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        lines.append(f"| {chapter} | " + " | ".join(str(count or "") for count in counts) + " |")
    lines.append("| **all** | " + " | ".join(f"**{total}**" for total in totals) + " |")
    for state in STATES[1:]:
        ids = [rule for chapter in rules.chapters.values() for rule in chapter if rules.state(rule) == state]
        if ids:
            lines += ["", f"{state.capitalize()}:", ""]
            lines += [f"- {rule}: {rules.reasons[rule][1] if rule in rules.reasons else '?'}" for rule in ids]
    return "\n".join(lines)


def every_rule(rules: Rules) -> str:
    lines = ["# The tests of each rule", "", "Made by `python tests/conformance/table.py --write`.", ""]
    for chapter, ids in rules.chapters.items():
        lines += [f"## {chapter}", ""]
        for rule in ids:
            tests = rules.tests.get(rule)
            said = (
                ", ".join(f"`{test.removeprefix('tests/')}`" for test in tests)
                if tests
                else ": ".join(rules.reasons.get(rule, ("open", "?")))
            )
            lines.append(f"- {rule}: {said}")
        lines.append("")
    return "\n".join(lines)


def page_with(made: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


def main(arguments: list[str]) -> int:
    rules = collect()
    asked = [argument for argument in arguments if ID.fullmatch(argument)]
    for rule in asked:
        print(f"{rule}: {rules.state(rule)}", *rules.tests.get(rule, rules.reasons.get(rule, ())), sep="\n  ")
    if "--write" in arguments:
        PAGE.write_text(page_with(table(rules)), encoding="utf-8")
        ALL_RULES.write_text(every_rule(rules), encoding="utf-8")
    elif not asked:
        print(table(rules))
    for line in rules.wrong:
        print(line, file=sys.stderr)
    return 1 if rules.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
