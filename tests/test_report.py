"""What a server says when it is ready."""

from __future__ import annotations

import sys

import pytest

from container.config import Settings
from container.report import report_text

WRONG = ["shop: wrong"]
FAILED = {"rows": [["/shop/", "DID NOT START, answers 503"]], "problems": WRONG, "logged": WRONG}


def test_what_is_wrong_is_said_without_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as in a process whose standard output was closed
    assert "Found wrong:\n  shop: wrong" in report_text(Settings(), "http://a", FAILED, 0.0)
