"""Whether two url-patterns share a path, against the paths themselves and the engine's own matching."""

from __future__ import annotations

from itertools import product

import pytest

from container.engine.mapper import matches
from container.learn.lint.app import overlap

PATTERNS = ["/a", "/a/*", "/a/b", "/a/b/*", "/ab/*", "/*", "*.x", "*.y", "/a.x", "/a/b.x", "/a/", "/x.y/z"]
SEGMENTS = ["", "a", "b", "ab", "a.x", "b.x", "c.y", "x.y", "z"]
PATHS = [f"/{'/'.join(parts)}" for n in (1, 2, 3) for parts in product(SEGMENTS, repeat=n)]


@pytest.mark.parametrize(("one", "other"), list(product(PATTERNS, repeat=2)))
def test_overlap(one: str, other: str) -> None:
    assert overlap(one, other) == any(matches(one, path) and matches(other, path) for path in PATHS)


def test_the_default_pattern_meets_all() -> None:
    assert all(overlap("/", pattern) and overlap(pattern, "/") for pattern in PATTERNS)
