"""`was user`: who can log in, as a person at a terminal and a script say it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import container
from container.security.realm import UsersFileRealm

ENVIRON = {"PATH": os.defpath, "PYTHONPATH": str(Path(container.__file__).parents[1]), "COLUMNS": "100"}
COMMAND = [sys.executable, "-m", "container", "user"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def was_user(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, text=True, timeout=120, env=ENVIRON
    )


@pytest.mark.parametrize("command", [(), ("add",), ("remove",), ("list",)])
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    result = was_user(*command, "--help")
    assert result.returncode == 0
    assert "Examples:\n    was user" in result.stdout


def test_add_list_remove() -> None:
    added = was_user("add", "alice", "--role", "b", "--role", "a", "--password-stdin", stdin="wonder\nmore\n")
    assert (added.returncode, added.stdout) == (0, "conf/tomcat-users.xml: alice added\n")
    users = Path("conf/tomcat-users.xml")
    assert users.stat().st_mode & 0o777 == 0o600
    assert "wonder" not in users.read_text()
    assert UsersFileRealm(users).authenticate("alice", "wonder").roles == {"a", "b"}
    assert was_user("list").stdout == "alice  a, b\n"
    changed = was_user("add", "alice", "--password-stdin", stdin="other")
    assert changed.stdout == "conf/tomcat-users.xml: alice changed\n"
    assert UsersFileRealm(users).authenticate("alice", "other").roles == {"a", "b"}
    assert was_user("remove", "alice").stdout == "conf/tomcat-users.xml: alice removed\n"
    assert was_user("list").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("add", "a", "--password-stdin"), "\n", "the password is empty. Give one"),
        (("add", "a"), "", "no terminal to ask for the password. Use --password-stdin"),
        (("add", "a:b", "--password-stdin"), "x", "'a:b': a name has at least one character and no colon"),
        (("add", "", "--password-stdin"), "x", "'': a name has"),
        (("add", "a", "--role", "x,y", "--password-stdin"), "x", "--role 'x,y': a role is a name without"),
        (("add", "a", "--password-stdin", "--file", "bad.xml"), "x", "bad.xml:2: the users file is no XML"),
        (("add", "a", "--password-stdin", "--file", "app.xml"), "x", "app.xml:1: <web-app> where <tomcat-"),
        (("list",), "", "conf/tomcat-users.xml: the users file cannot be read: No such file"),
        (("remove", "a", "--file", "good.xml"), "", "there is no user 'a'. `was user list` shows all"),
    ],
)
def test_mistakes_are_told_with_place_and_cure(arguments: tuple[str, ...], stdin: str, message: str) -> None:
    Path("bad.xml").write_text("<tomcat-users>\n<user")
    Path("app.xml").write_text("<web-app/>")
    Path("good.xml").write_text("<tomcat-users/>")
    result = was_user(*arguments, stdin=stdin)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown() -> None:
    master, slave = os.openpty()
    process = subprocess.Popen(
        # The first terminal that a new session opens is its own: getpass opens /dev/tty.
        ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(slave), *COMMAND, "add", "alice"],
        env=ENVIRON,
        start_new_session=True,
    )
    shown = b""
    for prompt in (b"Password for alice: ", b"Once more: "):
        while not shown.endswith(prompt):
            shown += os.read(master, 1024)
        os.write(master, b"wonder\n")
    os.close(slave)  # without the process there is nothing to wait for: OSError
    while b"alice added" not in shown:
        shown += os.read(master, 1024)
    assert process.wait(120) == 0
    os.close(master)
    assert b"wonder" not in shown
    assert UsersFileRealm("conf/tomcat-users.xml").authenticate("alice", "wonder")
