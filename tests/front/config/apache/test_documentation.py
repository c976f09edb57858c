"""docs/apache.md is about all that is implemented."""

import re
from pathlib import Path

import pytest

from container.front.config.apache.directives import DIRECTIVES

PAGE = set(re.findall(r"[a-z]+", (Path(__file__).parents[4] / "docs/apache.md").read_text().lower()))


@pytest.mark.parametrize("name", sorted(DIRECTIVES))
def test_a_directive_is_on_the_page(name):
    assert name in PAGE
