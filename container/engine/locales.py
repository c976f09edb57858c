"""Accept-Language, by preference (Servlet 6.1 §3.12)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from container.servlet import Locale

__all__ = ["accepted_locales"]

_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


def accepted_locales(values: Iterable[str]) -> list[Locale]:
    """Return the locales of the header's lines by descending q, those of one q in order of appearance.

    "*", malformed tags and q=0 are skipped (RT-LOC-02).
    """
    found: list[tuple[float, Locale]] = []
    for value in values:
        for piece in value.split(","):
            tag, _, rest = piece.strip().partition(";")
            quality = _quality(rest)
            if quality > 0 and _TAG.fullmatch(tag.strip()):
                found.append((quality, Locale.forLanguageTag(tag.strip())))
    found.sort(key=lambda pair: -pair[0])
    return [locale for _, locale in found]


def _quality(rest: str) -> float:
    name, _, value = rest.partition("=")
    if not rest.strip():
        return 1.0
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(float(value.strip()), 1.0)
    except ValueError:
        return 0.0
