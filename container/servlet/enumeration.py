"""Enumeration: what Java's API returns where Python would return an iterator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import TypeVar

__all__ = ["Enumeration"]

T = TypeVar("T")


class Enumeration(Iterator[T]):
    """An iterator over a snapshot of items: later changes of what they came from do not show in it."""

    __slots__ = ("_rest",)

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._rest = iter(tuple(items))

    def __next__(self) -> T:
        return next(self._rest)

    def hasMoreElements(self) -> bool:
        return length_hint(self._rest) > 0

    def nextElement(self) -> T:
        """Return the next item. Raises LookupError when there is none (Java: NoSuchElementException)."""
        for item in self._rest:
            return item
        raise LookupError("the Enumeration has no more elements. Ask hasMoreElements() first")
