"""A record as text, for terminals and failing tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from container.trace import CLIENT, CONTAINER, FRONT

__all__ = ["as_text"]

_LANES = (CLIENT, FRONT, CONTAINER)


def as_text(record: Mapping[str, Any]) -> str:
    """Record is what Record.to_json returns."""
    status = record["status"] or "no answer yet"
    lines = [f"{record['method']} {record['target']} -> {status} in {record['duration_us']:.1f} µs"]
    lines.append(f"  request {record['id']}; at and took in µs")
    for lane in _LANES:
        spans = [span for span in record["spans"] if span["lane"] == lane]
        if not spans:
            continue
        processes = ", ".join(dict.fromkeys(span["process"] for span in spans))
        lines.append(f"  {lane} (process {processes})")
        for span in spans:
            took = "..." if span["took_us"] is None else f"{span['took_us']:.1f}" if span["took_us"] else ""
            indent = "  " * span["depth"]
            lines.append(
                f"    {span['at_us']:>10.1f} {took:>10}  {indent}{_label(span)}".rstrip(),
            )
            lines += [
                f"{'':27}{indent}  {line['where']}: {line['text']}".rstrip() for line in span["because"]
            ]
    if record["dropped"]:
        lines.append(f"  {record['dropped']} more steps were not kept")
    return "\n".join(lines)


def _label(span: Mapping[str, Any]) -> str:
    facts = ", ".join(f"{key}={_shown(value)}" for key, value in span["facts"].items() if value != "")
    return " ".join(part for part in (span["what"], span["name"], f"({facts})" if facts else "") if part)


def _shown(value: object) -> str:
    return "yes" if value is True else "no" if value is False else str(value)
