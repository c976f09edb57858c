"""Accept-Language, by preference (Servlet 6.1 §3.12)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from container.servlet import Locale

__all__ = ["accepted_locales"]

_RANGE = re.compile(
    r"[ \t]*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)[ \t]*"
    r"(?:;[ \t]*q[ \t]*=[ \t]*(0(?:\.[0-9]*)?|1(?:\.0*)?)[ \t]*|;[ \t]*)?"
)


def accepted_locales(values: Iterable[str]) -> list[Locale]:
    """Return the locales of the header's lines by descending q, those of one q in order of appearance.

    "*", q=0 and what is malformed are skipped: a tag, a q above 1, a parameter that is no q (RT-LOC-02).
    """
    found: list[tuple[float, Locale]] = []
    for value in values:
        for piece in value.split(","):
            if match := _RANGE.fullmatch(piece):
                tag, quality = match[1], float(match[2] or 1)
                locale = Locale.forLanguageTag(tag)
                if quality > 0 and (locale != "und" or tag.lower() == "und"):
                    found.append((quality, locale))
    found.sort(key=lambda pair: -pair[0])
    return [locale for _, locale in found]
