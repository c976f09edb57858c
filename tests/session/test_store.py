"""Stores, and managers that share one: each manager here stands for one process."""

from __future__ import annotations

import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from container.errors import ConfigError
from container.servlet import HttpSessionBindingListener, HttpSessionListener, ServletContext
from container.session.manager import Session, SessionListeners, SessionManager
from container.session.store import Change, Conflict, MemoryStore, SQLiteStore, StoredSession, StoreError

ID = "A" * 32


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "private" / "shop.sqlite")
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Process:
    """A SessionManager with its request ids and events."""

    def __init__(self, store, clock: Clock, timeout_s: int = 60) -> None:
        self.events: list[str] = []
        self.request_id = "?"
        outer = self

        class Listener(HttpSessionListener):
            def sessionDestroyed(self, se):
                names = sorted(se.getSession().getAttributeNames())
                outer.events.append(f"destroyed {','.join(names)}")

        self.manager = SessionManager(
            ServletContext(),
            SessionListeners([Listener()]),
            store=store,
            clock=clock,
            timeout_s=timeout_s,
            request_id=lambda: self.request_id,
        )

    def begin(self, session_id: str | None, request_id: str) -> Session:
        self.request_id = request_id
        session = self.manager.find(session_id) if session_id else self.manager.create()
        assert session is not None
        assert self.manager.access(session)
        return session

    def end(self, session: Session, request_id: str) -> None:
        self.request_id = request_id
        self.manager.end_access(session)


@pytest.fixture
def first(store, clock) -> Process:
    return Process(store, clock)


@pytest.fixture
def second(store, clock) -> Process:
    return Process(store, clock)


def stored(session_id: str = ID, accessed_s: float = 1000.0, max_inactive_s: int = 60) -> StoredSession:
    return StoredSession(session_id, 1000.0, accessed_s, max_inactive_s)


# --- the interface ----------------------------------------------------------------------------------------


def test_a_session_that_is_not_there(store):
    assert store.version(ID) is None
    assert store.load(ID) is None
    assert store.write(ID, [], 1.0, 1) is None
    assert not store.rename(ID, "B")
    assert not store.delete(ID)
    assert store.expired(1e12) == []


def test_create_write_load(store):
    store.create(stored())
    written = store.write(ID, [Change("a", b"1", 0, "r1"), Change("b", b"2", 0, "r1")], 1005.0, 70)
    assert (written.version, written.conflicts) == (1, ())
    loaded = store.load(ID)
    assert (loaded.accessed_s, loaded.max_inactive_s, loaded.version) == (1005.0, 70, 1)
    assert {name: (a.value, a.version, a.writer) for name, a in loaded.attributes.items()} == {
        "a": (b"1", 1, "r1"),
        "b": (b"2", 1, "r1"),
    }
    assert store.version(ID) == 1


def test_times_alone_are_no_new_version_and_never_go_back(store):
    store.create(stored())
    store.write(ID, [], 1010.0, 60)
    assert store.write(ID, [], 1005.0, 60).version == 0
    assert store.load(ID).accessed_s == 1010.0


def test_two_attributes_do_not_meet(store):
    store.create(stored())
    store.write(ID, [Change("a", b"1", 0, "r1")], 1000.0, 60)
    assert store.write(ID, [Change("b", b"2", 0, "r2")], 1000.0, 60).conflicts == ()
    assert {name: a.value for name, a in store.load(ID).attributes.items()} == {"a": b"1", "b": b"2"}


def test_the_last_writer_wins_and_the_conflict_names_both(store):
    store.create(stored())
    store.write(ID, [Change("a", b"1", 0, "r1")], 1000.0, 60)
    written = store.write(ID, [Change("a", b"2", 0, "r2")], 1000.0, 60)
    assert written.conflicts == (Conflict("a", "r2", "r1"),)
    assert store.load(ID).attributes["a"].value == b"2"


def test_no_conflict_with_what_was_seen_or_is_the_same(store):
    store.create(stored())
    store.write(ID, [Change("a", b"1", 0, "r1")], 1000.0, 60)
    assert store.write(ID, [Change("a", b"2", 1, "r2")], 1000.0, 60).conflicts == ()
    assert store.write(ID, [Change("a", b"2", 1, "r3")], 1000.0, 60).conflicts == ()


def test_a_removal_can_conflict_too(store):
    store.create(stored())
    store.write(ID, [Change("a", b"1", 0, "r1")], 1000.0, 60)
    store.write(ID, [Change("a", None, 1, "r2")], 1000.0, 60)
    assert store.load(ID).attributes["a"].value is None
    assert store.write(ID, [Change("a", b"3", 1, "r3")], 1000.0, 60).conflicts == (Conflict("a", "r3", "r2"),)


def test_rename_keeps_everything(store):
    store.create(stored())
    store.write(ID, [Change("a", b"1", 0, "r1")], 1000.0, 60)
    assert store.rename(ID, "B")
    assert store.load(ID) is None
    assert store.load("B").attributes["a"].value == b"1"


def test_only_one_deletes(store):
    store.create(stored())
    store.write(ID, [Change("a", b"1", 0, "r1")], 1000.0, 60)
    assert store.delete(ID)
    assert not store.delete(ID)
    store.create(stored())
    assert store.load(ID).attributes == {}


def test_expired_oldest_first(store):
    for session_id, accessed_s, max_inactive_s in [
        ("young", 1050.0, 60),
        ("old", 1000.0, 60),
        ("older", 990.0, 60),
        ("never", 0.0, 0),
        ("never either", 0.0, -1),
    ]:
        store.create(stored(session_id, accessed_s, max_inactive_s))
    assert store.expired(1060.0) == ["older", "old"]


# --- managers that share one ------------------------------------------------------------------------------


def test_a_session_is_found_in_another_process(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("a", [1])
    session.notes["identity"] = "alice"
    first.end(session, "r1")
    other = second.begin(session.getId(), "r2")
    assert other.getAttribute("a") == [1]
    assert other.notes == {"identity": "alice"}
    assert not other.isNew()
    assert other.getCreationTime() == session.getCreationTime()


def test_saved_before_the_answer_is_over(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("a", 1)
    first.manager.save(session)
    assert second.begin(session.getId(), "r2").getAttribute("a") == 1


def test_nothing_is_lost_because_another_attribute_was_written(first, second):
    session = first.begin(None, "r1")
    first.end(session, "r1")
    one = first.begin(session.getId(), "r2")
    two = second.begin(session.getId(), "r3")
    one.setAttribute("a", 1)
    two.setAttribute("b", 2)
    first.end(one, "r2")
    second.end(two, "r3")
    for process in (first, second):
        found = process.begin(session.getId(), "r4")
        assert {name: found.getAttribute(name) for name in found.getAttributeNames()} == {"a": 1, "b": 2}
        process.end(found, "r4")


def test_a_conflict_is_logged_with_both_requests(first, second, caplog):
    session = first.begin(None, "r1")
    first.end(session, "r1")
    one = first.begin(session.getId(), "r2")
    two = second.begin(session.getId(), "r3")
    one.setAttribute("cart", "one")
    two.setAttribute("cart", "two")
    first.end(one, "r2")
    assert caplog.records == []
    second.end(two, "r3")
    (record,) = caplog.records
    assert "request r3 has replaced the attribute 'cart', which request r2 had written" in record.getMessage()
    assert session.getId() not in record.getMessage()
    assert first.begin(session.getId(), "r4").getAttribute("cart") == "two"


def test_a_conflict_within_one_process_is_logged_too(first, caplog):
    session = first.begin(None, "r1")
    again = first.begin(session.getId(), "r2")
    assert again is session
    first.request_id = "r1"
    session.setAttribute("cart", "one")
    first.request_id = "r2"
    session.setAttribute("cart", "two")
    assert "request r2 has replaced the attribute 'cart', which request r1 had written" in caplog.text


def test_a_change_inside_a_value_is_written(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("cart", ["book"])
    first.end(session, "r1")
    session = first.begin(session.getId(), "r2")
    session.getAttribute("cart").append("pen")
    first.end(session, "r2")
    assert second.begin(session.getId(), "r3").getAttribute("cart") == ["book", "pen"]


def test_a_change_inside_by_the_longer_of_two_requests_is_written(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("cart", ["book"])
    first.end(session, "r1")
    first.begin(session.getId(), "r2")
    first.begin(session.getId(), "r3")
    cart = session.getAttribute("cart")
    first.end(session, "r2")
    cart.append("pen")
    first.end(session, "r3")
    assert second.begin(session.getId(), "r4").getAttribute("cart") == ["book", "pen"]


def test_a_value_that_a_request_holds_is_not_exchanged_under_it(first, second, caplog):
    session = first.begin(None, "r1")
    session.setAttribute("cart", [])
    first.end(session, "r1")
    held = first.begin(session.getId(), "r2")
    cart = held.getAttribute("cart")
    other = second.begin(session.getId(), "r3")
    other.setAttribute("cart", ["theirs"])
    other.setAttribute("more", 1)
    second.end(other, "r3")
    first.begin(session.getId(), "r4")
    assert held.getAttribute("cart") is cart
    assert held.getAttribute("more") == 1
    cart.append("ours")
    first.end(held, "r2")
    assert "request r2 has replaced the attribute 'cart', which request r3 had written" in caplog.text
    first.end(held, "r4")
    assert second.begin(session.getId(), "r5").getAttribute("cart") == ["ours"]


def test_a_value_that_was_only_read_is_brought_up_to_date(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("cart", [])
    first.end(session, "r1")
    held = first.begin(session.getId(), "r2")
    held.getAttribute("cart")
    other = second.begin(session.getId(), "r3")
    other.setAttribute("cart", ["theirs"])
    second.end(other, "r3")
    first.begin(session.getId(), "r4")
    first.end(held, "r2")
    first.end(held, "r4")
    assert first.begin(session.getId(), "r5").getAttribute("cart") == ["theirs"]


def test_a_removed_attribute_is_gone_everywhere(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("a", 1)
    first.end(session, "r1")
    other = second.begin(session.getId(), "r2")
    other.removeAttribute("a")
    second.end(other, "r2")
    assert first.begin(session.getId(), "r3").getAttribute("a") is None


def test_a_note_that_is_gone_is_gone_everywhere(first, second):
    session = first.begin(None, "r1")
    session.notes["identity"] = "alice"
    first.end(session, "r1")
    other = second.begin(session.getId(), "r2")
    del other.notes["identity"]
    second.end(other, "r2")
    assert first.begin(session.getId(), "r3").notes == {}


def test_a_note_that_changes_changes_everywhere(first, second):
    session = first.begin(None, "r1")
    session.notes["identity"] = "alice"
    first.end(session, "r1")
    other = second.begin(session.getId(), "r2")
    other.notes["identity"] = "bob"
    second.end(other, "r2")
    assert first.begin(session.getId(), "r3").notes == {"identity": "bob"}


def test_what_cannot_be_pickled_stays_in_its_process(first, second, caplog):
    session = first.begin(None, "r1")
    session.setAttribute("lock", threading.Lock())
    session.setAttribute("a", 1)
    first.end(session, "r1")
    first.end(first.begin(session.getId(), "r2"), "r2")
    assert [record for record in caplog.records if "'lock'" in record.getMessage()].__len__() == 1
    assert list(first.begin(session.getId(), "r3").getAttributeNames()) == ["lock", "a"]
    assert list(second.begin(session.getId(), "r4").getAttributeNames()) == ["a"]


def test_an_invalidated_session_ends_everywhere_with_its_events_once(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("a", 1)
    first.end(session, "r1")
    other = second.begin(session.getId(), "r2")
    second.end(other, "r2")
    session.invalidate()
    assert second.manager.find(session.getId()) is None
    assert not other.is_valid()
    assert (first.events, second.events) == (["destroyed a"], [])


def test_an_id_changes_everywhere(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("a", 1)
    first.end(session, "r1")
    old_id = session.getId()
    new_id = first.manager.change_id(session)
    assert second.manager.find(old_id) is None
    assert second.begin(new_id, "r2").getAttribute("a") == 1


def test_expiry_is_told_once_by_whoever_sweeps_first(first, second, clock):
    session = first.begin(None, "r1")
    session.setAttribute("a", 1)
    first.end(session, "r1")
    clock.now_s += 60
    assert second.manager.sweep(clock.now_s) == [session.getId()]
    assert first.manager.sweep(clock.now_s) == []
    assert first.manager.find(session.getId()) is None
    assert (first.events, second.events) == ([], ["destroyed a"])


def test_use_in_another_process_keeps_a_session_alive(first, second, clock):
    session = first.begin(None, "r1")
    first.end(session, "r1")
    clock.now_s += 50
    second.end(second.begin(session.getId(), "r2"), "r2")
    clock.now_s += 50
    assert first.manager.sweep(clock.now_s) == []
    assert first.manager.find(session.getId()) is session


def test_a_long_request_in_another_process_keeps_a_session_alive(first, second, clock):
    session = first.begin(None, "r1")
    first.end(session, "r1")
    second.begin(session.getId(), "r2")
    for _ in range(10):
        clock.now_s += 30
        second.manager.sweep(clock.now_s)
        assert first.manager.sweep(clock.now_s) == []


def test_a_changed_timeout_is_stored(first, second):
    session = first.begin(None, "r1")
    session.setMaxInactiveInterval(7)
    first.end(session, "r1")
    assert second.begin(session.getId(), "r2").getMaxInactiveInterval() == 7


def test_stopping_with_passivate_leaves_the_session_for_the_next_start(first, second):
    session = first.begin(None, "r1")
    session.setAttribute("a", 1)
    first.manager.stop(passivate=True)
    assert first.events == []
    assert second.begin(session.getId(), "r2").getAttribute("a") == 1


def test_stopping_with_passivate_goes_on_when_another_process_has_ended_a_session(first, second):
    told = []

    class Lost(HttpSessionBindingListener):
        def __reduce__(self):
            raise TypeError("a connection cannot be pickled")

        def valueUnbound(self, event):
            told.append(event.getName())

    for name in ("ended", "kept"):
        session = first.begin(None, name)
        session.setAttribute(name, Lost())
        first.end(session, name)
        if name == "ended":
            second.begin(session.getId(), name).invalidate()
            session.setAttribute("more", 1)  # to be saved
    first.manager.stop(passivate=True)
    assert told == ["ended", "kept"]


def test_sessions_without_a_store_move_into_one(store, clock, second):
    old = SessionManager(ServletContext(), SessionListeners(), clock=clock)
    session = old.create()
    session.setAttribute("a", 1)
    second.manager.import_(old.export())
    assert second.begin(session.getId(), "r1").getAttribute("a") == 1


class Broken(MemoryStore):
    """Fails when told to."""

    broken = False

    def version(self, session_id):
        if self.broken:
            raise StoreError("the disk is on fire")
        return super().version(session_id)

    def write(self, *args):
        if self.broken:
            raise StoreError("the disk is on fire")
        return super().write(*args)


def test_a_store_that_fails_for_a_while_loses_nothing(clock, caplog):
    store = Broken()
    process = Process(store, clock)
    session = process.begin(None, "r1")
    store.broken = True
    session.setAttribute("a", 1)
    process.end(session, "r1")
    assert "on fire" in caplog.text
    assert process.begin(session.getId(), "r2").getAttribute("a") == 1
    store.broken = False
    process.end(session, "r2")
    assert pickle.loads(store.load(session.getId()).attributes["a"].value) == 1


def test_a_store_that_fails_has_no_answer_about_strangers(clock):
    store = Broken()
    store.broken = True
    with pytest.raises(StoreError):
        Process(store, clock).manager.find(ID)


# --- SQLite -----------------------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private(tmp_path):
    umask = os.umask(0)
    try:
        path = tmp_path / "sessions" / "shop.sqlite"
        store = SQLiteStore(path)
        store.create(stored())
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["shop.sqlite", "shop.sqlite-shm", "shop.sqlite-wal"]
        assert mode(path.parent) == 0o700
        assert {mode(file) for file in files} == {0o600}
        store.close()
    finally:
        os.umask(umask)


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_what_others_could_have_written_is_refused(tmp_path, what):
    path = tmp_path / "sessions" / "shop.sqlite"
    path.parent.mkdir(mode=0o700)
    if what == "folder":
        path.parent.chmod(0o777)
    elif what == "file":
        path.touch()
        path.chmod(0o666)
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="others could have written"):
        SQLiteStore(path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="sessions cannot be stored there"):
        SQLiteStore(tmp_path / "file" / "shop.sqlite")


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "sessions" / "shop.sqlite"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"these are not the sessions you are looking for" * 100)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=r"shop\.sqlite: the session store failed"):
        SQLiteStore(path)


def test_another_format_is_refused(tmp_path):
    import sqlite3

    path = tmp_path / "sessions" / "shop.sqlite"
    SQLiteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="format 99"):
        SQLiteStore(path)


def test_a_closed_store_says_so(tmp_path):
    store = SQLiteStore(tmp_path / "private" / "shop.sqlite")
    store.close()
    with pytest.raises(StoreError):
        store.version(ID)


def test_two_connections_share_a_file(tmp_path, clock):
    path = tmp_path / "private" / "shop.sqlite"
    stores = [SQLiteStore(path), SQLiteStore(path)]
    one, two = (Process(store, clock) for store in stores)
    session = one.begin(None, "r1")
    session.setAttribute("a", 1)
    one.end(session, "r1")
    assert two.begin(session.getId(), "r2").getAttribute("a") == 1
    for store in stores:
        store.close()


KILLED = """
import os, signal, sys
from container.servlet import ServletContext
from container.session.manager import SessionListeners, SessionManager
from container.session.store import SQLiteStore

manager = SessionManager(ServletContext(), SessionListeners(), store=SQLiteStore(sys.argv[1]))
session = manager.create()
manager.access(session)
session.setAttribute("cart", ["book"])
manager.save(session)
print(session.getId(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_saved_survives_kill_9(tmp_path):
    path = tmp_path / "private" / "shop.sqlite"
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    store = SQLiteStore(path)
    manager = SessionManager(ServletContext(), SessionListeners(), store=store)
    assert manager.find(run.stdout.strip()).getAttribute("cart") == ["book"]
    store.close()
