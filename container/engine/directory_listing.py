"""The page that lists a directory, for the default servlet's init parameter listings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from container.files import format_http_date

__all__ = ["Entry", "Order", "page", "read_order"]


class Entry(NamedTuple):
    """A file; or a directory, then name ends with "/"."""

    name: str
    size: int
    mtime_s: float

    @property
    def is_directory(self) -> bool:
        return self.name.endswith("/")


class Order(NamedTuple):
    """By what entries are sorted. column: N(ame), S(ize) or M(odified), as in Apache's listings."""

    column: str = "N"
    descending: bool = False


_COLUMNS = (("N", "Name"), ("S", "Size"), ("M", "Last Modified"))
_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:3rem auto;"
    "padding:0 1rem}table{width:100%;border-collapse:collapse}td,th{padding:.2rem .5rem;text-align:left}"
    "td+td,th+th{text-align:right}tr:nth-child(even) td{background:#8881}footer{color:#888;font-size:13px}"
)


def read_order(column: str | None, direction: str | None) -> Order:
    """Read ?C=S;O=D; what is unknown sorts by name."""
    known = column if column in ("N", "S", "M") else "N"
    return Order(known, (direction or ("A" if known == "N" else "D")) == "D")


def page(
    path: str,
    entries: Iterable[Entry],
    *,
    order: Order | None = None,
    directories_first: bool = False,
    readme: str = "",
    server: str = "",
) -> str:
    """Write the page of the directory at path, which ends with "/". Without order no column offers to sort.

    readme is HTML; everything else is escaped.
    """
    keys = {
        "N": lambda entry: entry.name,
        "S": lambda entry: (entry.size, entry.name),
        "M": lambda entry: (entry.mtime_s, entry.name),
    }
    chosen = order or Order()
    rows = sorted(entries, key=keys[chosen.column], reverse=chosen.descending)
    if directories_first:
        rows.sort(key=lambda entry: not entry.is_directory)
    title = escape(f"Directory Listing For [{path}]")
    up = "" if path == "/" else '<p><a href="../">Up</a></p>'
    heads = "".join(f"<th>{_head(code, words, order)}</th>" for code, words in _COLUMNS)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{up}<table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(map(_row, rows))}</tbody></table>{readme}"
        f"{f'<footer>{escape(server)}</footer>' if server else ''}</body></html>"
    )


def _head(code: str, words: str, order: Order | None) -> str:
    if order is None:
        return words
    descending = not order.descending if order.column == code else code != "N"
    return f'<a href="?C={code};O={"D" if descending else "A"}">{words}</a>'


def _row(entry: Entry) -> str:
    href = escape("./" + quote(entry.name, safe="/", errors="surrogateescape"))
    name = escape(entry.name.encode("utf-8", "replace").decode())
    size = "" if entry.is_directory else _size(entry.size)
    return f'<tr><td><a href="{href}">{name}</a></td><td>{size}</td><td>{_time(entry)}</td></tr>'


def _size(size: int) -> str:
    return f"{max(0.1, size / 1024):.1f} KiB" if size else "0 KiB"


def _time(entry: Entry) -> str:
    return format_http_date(entry.mtime_s)
