"""docs/balancing.md: its example runs, and its orders are the ones that come out."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs/balancing.md").read_text(encoding="utf-8")
ORDERS = re.findall(r"^\| ([\d, ]+) \| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)


def test_the_example():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/balancing.md", "exec"), {})


@pytest.mark.parametrize(("weights", "of_nginx", "of_mod_jk"), ORDERS)
def test_orders(nginx, jk, weights, of_nginx, of_mod_jk):
    values = [int(value) for value in weights.split(",")]
    assert nginx(*({"weight": value} for value in values)).gets(len(of_nginx)) == of_nginx
    workers = {f"w{index}": {"lbfactor": value} for index, value in enumerate(values)}
    assert jk(workers).gets(len(of_mod_jk)) == of_mod_jk


def test_there_are_some():
    assert len(ORDERS) == 5
