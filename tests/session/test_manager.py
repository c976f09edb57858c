"""The life of sessions in memory: RT-SES, and the session rows of RT-LST."""

from __future__ import annotations

import logging
import pickle
import re
import threading

import pytest

from container.servlet import (
    HttpSessionActivationListener,
    HttpSessionAttributeListener,
    HttpSessionBindingListener,
    HttpSessionIdListener,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContext,
)
from container.session.manager import Session, SessionListeners, SessionManager

CALLS_ON_AN_ENDED_SESSION = [
    ("getCreationTime", ()),
    ("getLastAccessedTime", ()),
    ("getAttribute", ("a",)),
    ("getAttributeNames", ()),
    ("setAttribute", ("a", 1)),
    ("setAttribute", ("a", None)),
    ("removeAttribute", ("a",)),
    ("invalidate", ()),
    ("isNew", ()),
    ("getAccessor", ()),
]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Recorder(HttpSessionListener, HttpSessionAttributeListener, HttpSessionIdListener):
    """Writes down what it is told."""

    def __init__(self, log: list[str], tag: str = "", fails: str = "") -> None:
        self.log, self.tag, self.fails = log, tag, fails

    def _say(self, what: str) -> None:
        self.log.append(self.tag + what)
        if self.fails and what.startswith(self.fails):
            raise RuntimeError(f"{self.tag} does not like {what}")

    def sessionCreated(self, se):
        self._say("created")

    def sessionDestroyed(self, se):
        readable = ",".join(
            f"{name}={se.getSession().getAttribute(name)}" for name in se.getSession().getAttributeNames()
        )
        self._say(f"destroyed {readable}".strip())

    def attributeAdded(self, event):
        self._say(f"added {event.getName()}={event.getValue()}")

    def attributeReplaced(self, event):
        self._say(f"replaced {event.getName()}={event.getValue()}")

    def attributeRemoved(self, event):
        self._say(f"removed {event.getName()}={event.getValue()}")

    def sessionIdChanged(self, event, oldSessionId):
        self._say(f"id {oldSessionId == event.getSession().getId()}")


class Bound(HttpSessionBindingListener):
    def __init__(self, log: list[str], tag: str) -> None:
        self.log, self.tag = log, tag

    def __repr__(self) -> str:
        return self.tag

    def valueBound(self, event):
        visible = event.getSession().getAttribute(event.getName())
        self.log.append(f"{self.tag} bound, visible: {visible}")

    def valueUnbound(self, event):
        visible = event.getSession().getAttribute(event.getName())
        self.log.append(f"{self.tag} unbound, visible: {visible}")


class Passenger(HttpSessionActivationListener):
    """Is told when it is pickled and unpickled; `told` does not travel."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        self.told = []

    def sessionWillPassivate(self, se):
        self.told.append("passivate")

    def sessionDidActivate(self, se):
        self.told.append("activate")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def manager(clock: Clock, log: list[str]) -> SessionManager:
    recorder = Recorder(log)
    return SessionManager(
        ServletContext(), SessionListeners([recorder], [recorder], [recorder]), clock=clock, timeout_s=60
    )


def begin(manager: SessionManager, session_id: str | None = None) -> Session:
    """What a request does at first: find its session, or make one."""
    session = manager.find(session_id) if session_id else manager.create()
    assert session is not None
    assert manager.access(session)
    return session


def test_rt_ses_07_ids_are_random_and_long(manager):
    ids = {manager.create().getId() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("[0-9A-F]{32}", i) for i in ids)


def test_ids_end_in_the_route_by_which_a_balancer_finds_them(clock):
    manager = SessionManager(ServletContext(), SessionListeners(), clock=clock, route="n1")
    session = begin(manager)
    first = session.getId()
    assert re.fullmatch("[0-9A-F]{32}\\.n1", first)
    assert manager.find(first) is session
    second = manager.change_id(session)
    assert re.fullmatch("[0-9A-F]{32}\\.n1", second)
    assert (manager.find(first), manager.find(second)) == (None, session)


def test_rt_ses_07_an_unknown_id_finds_nothing(manager):
    assert manager.find("A" * 32) is None


def test_rt_ses_03_another_context_has_other_sessions(manager, clock):
    other = SessionManager(ServletContext(), SessionListeners(), clock=clock)
    assert other.find(manager.create().getId()) is None


def test_session_knows_its_context(manager):
    assert manager.create().getServletContext() is manager.context


def test_rt_ses_08_new_until_the_client_returns_the_id(manager):
    session = begin(manager)
    assert session.isNew()
    manager.end_access(session)
    again = begin(manager, session.getId())
    assert again is session
    assert not again.isNew()


def test_rt_ses_08_a_session_nobody_has_accessed_is_new(manager):
    assert manager.create().isNew()


def test_rt_ses_31_last_accessed_is_the_request_before(manager, clock):
    session = begin(manager)
    assert session.getCreationTime() == session.getLastAccessedTime() == 1_000_000
    clock.now_s += 5
    manager.end_access(session)
    clock.now_s += 5
    begin(manager, session.getId())
    assert session.getLastAccessedTime() == 1_000_000
    manager.end_access(session)
    clock.now_s += 7
    begin(manager, session.getId())
    assert session.getLastAccessedTime() == 1_010_000
    session.setAttribute("a", 1)  # does not count
    assert session.getLastAccessedTime() == 1_010_000


def test_rt_ses_30_the_interval_is_seconds_and_the_default_can_change(manager):
    assert manager.create().getMaxInactiveInterval() == 60
    manager.timeout_s = -60
    assert manager.create().getMaxInactiveInterval() == -60


@pytest.mark.parametrize(("interval", "ends"), [(10, True), (11, False), (0, False), (-1, False)])
def test_rt_ses_30_idle_for_the_interval(manager, clock, interval, ends):
    session = begin(manager)
    session.setMaxInactiveInterval(interval)
    manager.end_access(session)
    clock.now_s += 10
    assert (manager.find(session.getId()) is None) == ends
    assert session.is_valid() != ends


def test_rt_ses_33_not_while_a_request_uses_it(manager, clock):
    first = begin(manager)
    second = begin(manager, first.getId())
    clock.now_s += 1000
    manager.end_access(second)
    clock.now_s += 1000
    assert manager.sweep(clock.now_s) == []
    assert manager.find(first.getId()) is first
    manager.end_access(first)
    clock.now_s += 59
    assert manager.find(first.getId()) is first  # idle counts from the end of the last request
    clock.now_s += 1
    assert manager.find(first.getId()) is None


def test_rt_ses_33_an_ending_session_is_not_seen(manager):
    seen = []

    class Looks(HttpSessionListener):
        def sessionDestroyed(self, se):
            seen.append(manager.find(se.getSession().getId()))
            seen.append(manager.access(se.getSession()))

    manager.listeners.session.append(Looks())
    manager.create().invalidate()
    assert seen == [None, False]


def test_rt_ses_41_sweep_ends_the_oldest_first(manager, clock, log):
    ids = []
    for _ in range(3):
        session = begin(manager)
        ids.append(session.getId())
        manager.end_access(session)
        clock.now_s += 10
    first = begin(manager, ids[0])  # now the youngest
    manager.end_access(first)
    clock.now_s += 50
    log.clear()
    assert manager.sweep(clock.now_s) == [ids[1], ids[2]]
    assert log == ["destroyed", "destroyed"]
    assert manager.sweep(clock.now_s) == []


def test_rt_ses_20_order_of_calls(manager, log):
    session = manager.create()
    log.clear()
    session.setAttribute("x", Bound(log, "one"))
    session.setAttribute("x", Bound(log, "two"))
    session.removeAttribute("x")
    assert log == [
        "one bound, visible: None",
        "added x=one",
        "two bound, visible: one",
        "one unbound, visible: two",
        "replaced x=one",
        "two unbound, visible: None",
        "removed x=two",
    ]


def test_rt_ses_22_the_same_object_again(manager, log):
    session = manager.create()
    value = Bound(log, "one")
    session.setAttribute("x", value)
    log.clear()
    session.setAttribute("x", value)
    assert log == ["replaced x=one"]


@pytest.mark.parametrize("remove", [lambda s: s.setAttribute("a", None), lambda s: s.removeAttribute("a")])
def test_rt_ses_21_and_23_removing(manager, log, remove):
    session = manager.create()
    session.setAttribute("a", 1)
    log.clear()
    remove(session)
    remove(session)
    assert log == ["removed a=1"]
    assert list(session.getAttributeNames()) == []


def test_rt_ses_21_a_name_is_needed(manager):
    with pytest.raises(IllegalArgumentException):
        manager.create().setAttribute(None, 1)


def test_attribute_names_are_a_snapshot(manager):
    session = manager.create()
    session.setAttribute("a", 1)
    names = session.getAttributeNames()
    session.setAttribute("b", 1)
    assert list(names) == ["a"]


@pytest.mark.parametrize(("method", "arguments"), CALLS_ON_AN_ENDED_SESSION)
def test_rt_ses_25_an_ended_session_refuses(manager, method, arguments):
    session = manager.create()
    session.invalidate()
    with pytest.raises(IllegalStateException):
        getattr(session, method)(*arguments)


def test_rt_ses_25_what_stays_possible(manager):
    session = manager.create()
    session_id = session.getId()
    session.invalidate()
    assert session.getId() == session_id
    assert session.getServletContext() is manager.context
    session.setMaxInactiveInterval(5)
    assert session.getMaxInactiveInterval() == 5


def test_rt_ses_40_invalidate_tells_in_reverse_then_unbinds(manager, log):
    listeners = manager.listeners
    listeners.session[:] = [Recorder(log, "A "), Recorder(log, "B ")]
    session = manager.create()
    session.setAttribute("a", 1)
    session.setAttribute("y", Bound(log, "one"))
    assert log[:2] == ["A created", "B created"]
    log.clear()
    session.invalidate()
    assert log == [
        "B destroyed a=1,y=one",
        "A destroyed a=1,y=one",
        "removed a=1",
        "one unbound, visible: None",
        "removed y=one",
    ]
    assert manager.find(session.getId()) is None


def test_a_listener_of_the_end_may_invalidate_again(manager):
    class Again(HttpSessionListener):
        def sessionDestroyed(self, se):
            se.getSession().invalidate()

    manager.listeners.session.append(Again())
    session = manager.create()
    session.invalidate()
    assert not session.is_valid()


def test_rt_ses_09_change_id(manager, log):
    session = begin(manager)
    session.setAttribute("a", 1)
    old_id = session.getId()
    new_id = manager.change_id(session)
    assert session.getId() == new_id != old_id
    assert log[-1] == "id False"
    assert manager.find(old_id) is None
    assert manager.find(new_id) is session
    assert session.getAttribute("a") == 1


def test_rt_ses_09_not_of_an_ended_session(manager):
    session = manager.create()
    session.invalidate()
    with pytest.raises(IllegalStateException):
        manager.change_id(session)


# --- exceptions of listeners ------------------------------------------------------------------------------


def test_rt_lst_09_an_attribute_listener_that_raises(manager, log):
    manager.listeners.attribute[:] = [Recorder(log, "A ", fails="added"), Recorder(log, "B ")]
    session = manager.create()
    log.clear()
    with pytest.raises(RuntimeError, match="A  does not like added"):
        session.setAttribute("a", 1)
    assert log == ["A added a=1"]
    assert session.getAttribute("a") == 1  # the event comes after the change (RT-LST-08)


def test_rt_lst_09_a_listener_that_refuses_the_creation(manager, log):
    manager.listeners.session[:] = [
        Recorder(log, "A "),
        Recorder(log, "B ", fails="created"),
        Recorder(log, "C "),
    ]
    with pytest.raises(RuntimeError):
        manager.create()
    assert log == ["A created", "B created", "A destroyed"]
    assert not manager.has_sessions()


def test_rt_lst_09_a_listener_that_raises_at_the_end(manager, log):
    manager.listeners.session[:] = [Recorder(log, "A "), Recorder(log, "B ", fails="destroyed")]
    session = manager.create()
    session.setAttribute("y", Bound(log, "one"))
    log.clear()
    with pytest.raises(RuntimeError):
        session.invalidate()
    assert log == ["B destroyed y=one", "one unbound, visible: None", "removed y=one"]
    assert not session.is_valid()
    assert manager.find(session.getId()) is None


def test_rt_lst_10_in_the_background_all_are_told_and_failures_logged(manager, clock, log, caplog):
    manager.listeners.session[:] = [Recorder(log, "A "), Recorder(log, "B ", fails="destroyed")]
    manager.create()
    clock.now_s += 60
    assert len(manager.sweep(clock.now_s)) == 1
    assert log[-2:] == ["B destroyed", "A destroyed"]
    assert "does not like destroyed" in caplog.text


# --- accessor, end, reload ---------------------------------------------------------------


def test_rt_ses_52_accessor_counts_as_a_request(manager, clock):
    session = begin(manager)
    accessor = session.getAccessor()
    manager.end_access(session)
    clock.now_s += 50
    seen = []
    accessor.access(seen.append)
    assert seen == [session]
    assert session.isNew()  # the client has not returned the id
    clock.now_s += 50
    assert manager.find(session.getId()) is session


@pytest.mark.parametrize("end", [lambda m, s: s.invalidate(), lambda m, s: m.change_id(s)])
def test_rt_ses_52_accessor_of_a_session_that_is_gone(manager, end):
    session = manager.create()
    accessor = session.getAccessor()
    end(manager, session)
    with pytest.raises(IllegalStateException):
        accessor.access(lambda s: None)


def test_rt_ses_52_a_consumer_that_raises_leaves_no_access(manager, clock):
    session = manager.create()
    with pytest.raises(ZeroDivisionError):
        session.getAccessor().access(lambda s: 1 / 0)
    clock.now_s += 60
    assert manager.find(session.getId()) is None


def test_rt_lst_11_stop_ends_all(manager, log):
    sessions = [begin(manager), begin(manager)]
    manager.stop()
    assert log[-2:] == ["destroyed", "destroyed"]
    assert not any(session.is_valid() for session in sessions)
    assert not manager.has_sessions()


def test_rt_ses_51_sessions_go_over_to_the_next_generation(manager, clock, log):
    session = begin(manager)
    passenger = Passenger()
    session.setAttribute("p", passenger)
    session.setAttribute("a", [1])
    session.notes["identity"] = ("alice",)
    session.setMaxInactiveInterval(7)
    log.clear()
    exported = manager.export()
    assert passenger.told == ["passivate", "activate"]  # it stays in use here until the new one runs
    manager.stop(passivate=True)
    assert log == []
    assert not session.is_valid()

    new = SessionManager(ServletContext(), SessionListeners(), clock=clock)
    new.import_(exported)
    moved = new.find(session.getId())
    assert moved.getAttribute("a") == [1]
    assert moved.getAttribute("p").told == ["activate"]
    assert moved.notes == {"identity": ("alice",)}
    assert moved.getMaxInactiveInterval() == 7
    assert not moved.isNew()
    clock.now_s += 7
    assert new.find(session.getId()) is None


def test_what_cannot_be_pickled_stays_behind(manager, clock, caplog):
    session = begin(manager)
    session.setAttribute("lock", threading.Lock())
    session.setAttribute("a", 1)
    new = SessionManager(ServletContext(), SessionListeners(), clock=clock)
    new.import_(manager.export())
    assert list(new.find(session.getId()).getAttributeNames()) == ["a"]
    assert "'lock'" in caplog.text


def test_what_cannot_be_loaded_is_left_out(manager, clock, caplog):
    session = begin(manager)
    session.setAttribute("a", 1)
    session.setAttribute("b", "gone")

    def loads(data: bytes) -> object:
        if b"gone" in data:
            raise AttributeError("module 'models' has no class Gone")
        return pickle.loads(data)

    new = SessionManager(ServletContext(), SessionListeners(), clock=clock)
    new.import_(manager.export(), loads)
    assert list(new.find(session.getId()).getAttributeNames()) == ["a"]
    assert "has no class Gone" in caplog.text


def test_notes_are_not_attributes(manager, log):
    session = manager.create()
    log.clear()
    session.notes["identity"] = 1
    assert list(session.getAttributeNames()) == []
    assert session.getAttribute("identity") is None
    assert log == []
    session.invalidate()
    assert session.notes == {}


def test_rt_ses_50_distributable_refuses_what_cannot_move(clock, log):
    recorder = Recorder(log)
    manager = SessionManager(
        ServletContext(), SessionListeners(attribute=[recorder]), clock=clock, distributable=True
    )
    session = manager.create()
    with pytest.raises(IllegalArgumentException, match="'a': a lock cannot be pickled"):
        session.setAttribute("a", threading.Lock())
    assert log == []
    assert session.getAttribute("a") is None
    session.setAttribute("a", {"any": ["thing"]})


def test_rt_ses_24_many_threads_lose_nothing(manager):
    session = manager.create()

    def work(tag: str) -> None:
        for n in range(200):
            assert manager.access(session)
            session.setAttribute(f"{tag}{n}", n)
            manager.end_access(session)

    threads = [threading.Thread(target=work, args=(f"t{n}-",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(session.getAttributeNames())) == 1600
    assert session._in_use == 0


def test_repr_shows_state_but_not_the_id(manager):
    session = begin(manager)
    assert session.getId() not in repr(session)
    assert "VALID" in repr(session)
    assert "1 sessions" in repr(manager)


def test_log_has_a_level_for_failures(manager, clock, log, caplog):
    manager.listeners.session[:] = [Recorder(log, fails="destroyed")]
    manager.create()
    manager.stop()
    assert caplog.records[-1].levelno == logging.ERROR
