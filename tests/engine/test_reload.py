"""What counts as a change of a web app, and what does not."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from container.engine.reload import FileWatcher

Changed = Callable[[], set[str]]


@pytest.fixture
def web_inf(tmp_path: Path) -> Path:
    for name in (
        "web.xml",
        "classes/shop/cart.py",
        "classes/shop/__init__.py",
        "classes/data.json",
        "lib/a.whl",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    return tmp_path


@pytest.fixture
def changed(web_inf: Path) -> Changed:
    """Ask for changes, a second later each time; paths relative to WEB-INF."""
    watcher = FileWatcher([web_inf / "classes", web_inf / "lib"], [web_inf / "web.xml"])
    clock = count(1.0)
    return lambda: {path.relative_to(web_inf).as_posix() for path in watcher.changed(next(clock))}


def touch(path: Path) -> None:
    """Change nothing but the time, to one later than any other."""
    os.utime(path, (3_000_000_000, 3_000_000_000))


def test_nothing_changed(changed: Changed) -> None:
    assert changed() == set()
    assert changed() == set()


@pytest.mark.parametrize("name", ["web.xml", "classes/shop/cart.py", "lib/a.whl"])
def test_a_changed_file_is_reported_once(web_inf: Path, changed: Changed, name: str) -> None:
    (web_inf / name).write_text("12")
    assert changed() == {name}
    assert changed() == set()
    touch(web_inf / name)
    assert changed() == {name}


@pytest.mark.parametrize(
    "name", ["classes/new.py", "classes/shop/new.py", "classes/other/deep/new.py", "lib/b.zip"]
)
def test_a_new_file_is_reported(web_inf: Path, changed: Changed, name: str) -> None:
    changed()
    (web_inf / name).parent.mkdir(parents=True, exist_ok=True)
    (web_inf / name).write_text("")
    assert changed() == {name}


def test_two_new_files_in_one_tick_of_the_clock(web_inf: Path, changed: Changed) -> None:
    (web_inf / "classes/one.py").write_text("")
    status = os.stat(web_inf / "classes")
    assert changed() == {"classes/one.py"}
    (web_inf / "classes/two.py").write_text("")
    os.utime(web_inf / "classes", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed() == {"classes/two.py"}


def test_removed_files_and_folders(web_inf: Path, changed: Changed) -> None:
    (web_inf / "web.xml").unlink()
    assert changed() == {"web.xml"}
    for file in (web_inf / "classes/shop").iterdir():
        file.unlink()
    (web_inf / "classes/shop").rmdir()
    assert changed() == {"classes/shop/cart.py", "classes/shop/__init__.py"}
    (web_inf / "web.xml").write_text("1")
    assert changed() == {"web.xml"}


@pytest.mark.parametrize(
    "name",
    [
        "classes/data.json",
        "classes/shop.db",
        "classes/__pycache__/cart.py",
        "classes/.cart.py",
        "classes/cart.py~",
    ],
)
def test_what_a_running_web_app_writes_is_no_change(web_inf: Path, changed: Changed, name: str) -> None:
    (web_inf / name).parent.mkdir(exist_ok=True)
    (web_inf / name).write_text("2")
    assert changed() == set()


def test_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    watcher = FileWatcher([tmp_path / "classes"], [tmp_path / "web.xml"])
    assert watcher.changed(1.0) == set()
    (tmp_path / "classes").mkdir()
    (tmp_path / "classes/a.py").write_text("")
    assert watcher.changed(2.0) == {tmp_path / "classes/a.py"}


def test_linked_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/circle").symlink_to(tmp_path / "source")
    (tmp_path / "WEB-INF").mkdir()
    (tmp_path / "WEB-INF/classes").symlink_to(tmp_path / "source")
    watcher = FileWatcher([tmp_path / "WEB-INF"])
    (tmp_path / "source/a.py").write_text("")
    assert watcher.changed(1.0) == {tmp_path / "WEB-INF/classes/a.py"}


def test_it_looks_at_most_once_in_its_interval(web_inf: Path) -> None:
    watcher = FileWatcher([web_inf / "classes"], interval_s=1.0)
    assert watcher.changed(10.0) == set()
    (web_inf / "classes/new.py").write_text("")
    assert watcher.changed(10.9) == set()
    assert watcher.changed(11.0) == {web_inf / "classes/new.py"}
