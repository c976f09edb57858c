"""Listening on a Unix socket."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from container.errors import ConfigError
from container.mpm.event import open_listener, url_of
from container.mpm.unix import remove_socket

pytestmark = pytest.mark.socket


def test_listens_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with open_listener(f"unix:{path}", 0, 5) as listener, socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(path))
        assert url_of(listener) == f"unix:{path}"
    remove_socket(f"unix:{path}")
    assert not path.exists()
    remove_socket(f"unix:{path}")
    remove_socket("127.0.0.1")


def test_a_socket_that_nobody_listens_at_is_in_nobodys_way(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'a.sock'}"
    open_listener(address, 0, 5).close()
    open_listener(address, 0, 5).close()


def test_what_is_in_use_or_no_socket_stays(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'a.sock'}"
    with open_listener(address, 0, 5), pytest.raises(ConfigError, match="another program listens there"):
        open_listener(address, 0, 5)
    with open_listener(f"unix:{tmp_path / 'b.sock'}", 0, 5):
        remove_socket(f"unix:{tmp_path / 'b.sock'}")
        assert (tmp_path / "b.sock").exists()
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ConfigError, match="there is a file of that name"):
        open_listener(f"unix:{tmp_path / 'file'}", 0, 5)
    assert (tmp_path / "file").read_text() == "precious"


def test_one_with_a_full_backlog_is_in_use_and_not_waited_for(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'a.sock'}"
    with open_listener(address, 0, 0), contextlib.ExitStack() as visitors:
        is_full = False
        while not is_full:
            visitor = visitors.enter_context(socket.socket(socket.AF_UNIX))
            visitor.setblocking(False)
            is_full = visitor.connect_ex(str(tmp_path / "a.sock")) != 0
        with pytest.raises(ConfigError, match="another program listens there"):
            open_listener(address, 0, 5)


@pytest.mark.parametrize(
    ("path", "cure"),
    [("missing/a.sock", "Make its folder"), ("x" * 200, "Name a shorter one: some 100 bytes")],
)
def test_what_cannot_be_is_said_with_the_cure(path: str, cure: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=cure):
        open_listener(f"unix:{tmp_path / path}", 0, 5)
