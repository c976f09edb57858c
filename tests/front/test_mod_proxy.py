"""How mod_proxy chooses, without anything sent."""

import pytest

from container.front.balancer import Address, Ask, Exhausted, Failure, Sent
from container.front.mod_proxy import BackendConfig, GroupConfig, ProxyGroup


def group(*backends, protocol="http", **options):
    made = tuple(
        BackendConfig(name, Address(protocol, "127.0.0.1", port), **more)
        for port, (name, more) in enumerate(backends, 1)
    )
    return ProxyGroup(GroupConfig("farm", made, **options))


def pick(found, now_s=0.0, *, sessions=(), method="GET", failures=()):
    """Who is asked, one after the other; each fails as said, the last one answers."""
    attempts = found.ask(Ask(method, "192.0.2.1", sessions=sessions), now_s)
    names = ""
    for failure in (*failures, None):
        choice = attempts.next(now_s)
        if isinstance(choice, Exhausted):
            return f"{names}{choice.status}"
        names += choice.name
        if failure is None:
            attempts.succeeded(now_s)
        else:
            attempts.failed(failure, now_s, sent=Sent.ALL)
    return names


def picks(count, *args, **more):
    return "".join(pick(*args, **more) for _ in range(count))


A, B, C = ("a", {}), ("b", {}), ("c", {})
REFUSED, SILENT = Failure.CONNECT, Failure.READ


@pytest.mark.parametrize(
    ("factors", "order"),
    [
        ((5, 1, 1), "aabacaa"),
        ((4, 2, 1), "abacaba"),
        ((3, 1), "aaba"),
        ((1, 2), "bab"),
        ((1, 1, 1), "abcabc"),
    ],
)
def test_weights(factors, order):
    found = group(*((name, {"loadfactor": factor}) for name, factor in zip("abc", factors, strict=False)))
    assert picks(len(order), found) == order


def test_a_session_has_its_backend_and_counts():
    found = group(("a", {"route": "r1"}), ("b", {"route": "r2"}), sticky=True)
    assert picks(3, found, sessions=("x.r2",)) == "bbb"
    assert picks(3, found) == "aaa"  # it has caught up
    assert pick(found, sessions=("x.r9",)) in "ab"


def test_who_cannot_be_reached_is_left_out_until_the_retry():
    found = group(A, B)
    assert pick(found, failures=[REFUSED]) == "ab"
    assert picks(3, found, 59.0) == "bbb"
    assert "a" in picks(2, found, 60.0)


def test_a_single_backend_in_error_is_not_asked():
    found = group(A, max_attempts=0)
    assert pick(found, failures=[REFUSED]) == "a503"
    assert pick(found, 59.0) == "503"
    assert pick(found, 60.0) == "a"


def test_a_retry_of_none_asks_every_time():
    found = group(("a", {"retry_s": 0.0}), max_attempts=0)
    assert [pick(found, failures=[REFUSED]) for _ in range(2)] == ["a503", "a503"]


def test_when_all_are_in_error_all_are_asked_again():
    found = group(A, B)
    assert pick(found, failures=[REFUSED, REFUSED]) == "ab503"
    assert pick(found, 1.0) in "ab"
    found = group(A, B, force_recovery=False)
    assert pick(found, failures=[REFUSED, REFUSED]) == "ab503"
    assert pick(found, 1.0) == "503"


def test_attempts_are_limited():
    assert pick(group(A, B, C, max_attempts=1), failures=[REFUSED] * 3) == "ab503"
    assert pick(group(A, B, no_failover=True), failures=[REFUSED]) == "a503"


@pytest.mark.parametrize(("protocol", "failure", "asked"), [  # a query may change something
    ("ajp", SILENT, "a500"),
    ("ajp", REFUSED, "ab"),
    ("http", SILENT, "a502"),
])  # fmt: skip
def test_with_a_query_nothing_is_repeated_over_ajp(protocol, failure, asked):
    attempts = group(A, B, protocol=protocol).ask(Ask("GET", "192.0.2.1", has_query=True), 0.0)
    names = attempts.next(0.0).name
    attempts.failed(failure, 0.0, sent=Sent.NOTHING if failure is REFUSED else Sent.ALL)
    choice = attempts.next(0.0)
    assert names + (str(choice.status) if isinstance(choice, Exhausted) else choice.name) == asked


@pytest.mark.parametrize(
    ("protocol", "method", "asked"),
    [("http", "GET", "a502"), ("http", "POST", "a502"), ("ajp", "GET", "ab"), ("ajp", "POST", "a500")],
)
def test_who_gives_no_answer(protocol, method, asked):
    assert pick(group(A, B, protocol=protocol), method=method, failures=[SILENT]) == asked


@pytest.mark.parametrize(("method", "first"), [("GET", "ab"), ("POST", "a500")])
def test_over_ajp_who_gives_no_answer_is_in_error(method, first):
    found = group(A, B, protocol="ajp")
    assert pick(found, method=method, failures=[SILENT]) == first
    assert picks(3, found) == "bbb"
    assert sorted(picks(2, found, now_s=61.0)) == ["a", "b"]


def test_a_url_alone_is_in_error_only_if_it_cannot_be_reached():
    found = group(A, protocol="ajp", max_attempts=0, is_balancer=False)
    assert pick(found, failures=[SILENT]) == "a503"
    assert pick(found) == "a"
    assert pick(found, failures=[REFUSED]) == "a503"
    assert pick(found) == "503"


def test_a_dead_connection_is_no_attempt():
    found = group(A, max_attempts=0)
    assert pick(found, failures=[Failure.STALE]) == "aa"
    assert found.members[0].failures == 0


def test_standbys_and_spares_wait():
    found = group(A, ("r", {"status": frozenset("R")}), ("h", {"status": frozenset("H")}))
    assert picks(2, found) == "aa"
    assert pick(found, failures=[REFUSED]) == "ar"
    assert pick(found, failures=[REFUSED]) == "rh"


def test_lower_sets_first():
    found = group(("a", {"lbset": 1}), ("b", {"lbset": 0}))
    assert picks(2, found) == "bb"
    assert pick(found, failures=[REFUSED]) == "ba"


def test_who_is_off_or_draining():
    found = group(
        ("a", {"status": frozenset("D")}), ("b", {"status": frozenset("N"), "route": "r"}), C, sticky=True
    )
    assert picks(2, found) == "cc"
    assert pick(found, sessions=("x.r",)) == "b"
    found.drain(found.members[2])
    assert pick(found) == "503"
    found.drain(found.members[2], False)
    found.mark(found.members[2], False, 0.0)
    assert pick(found) == "503"


def test_a_redirect_names_the_stand_in():
    found = group(("a", {"route": "r1", "redirect": "r3"}), B, ("c", {"route": "r3"}), sticky=True)
    found.members[0].error_s = 0.0
    assert picks(2, found, 1.0, sessions=("x.r1",)) == "cc"


def test_listed_statuses_put_a_backend_in_error_but_stand():
    found = group(A, B, fail_on_status=frozenset({503}))
    attempts = found.ask(Ask("GET", "192.0.2.1"), 0.0)
    assert attempts.next(0.0).name == "a"
    assert attempts.failed(Failure.STATUS, 0.0, status=503) is False
    assert found.members[0].error_s == 0.0


def test_the_least_busy_and_the_least_loaded():
    found = group(A, B, method="bybusyness")
    found.members[0].busy = 1
    assert picks(2, found) == "bb"
    found = group(A, B, method="bytraffic")
    found.members[0].traffic = 100
    assert picks(2, found) == "bb"


def test_status():
    found = group(("a", {"route": "r"}))
    pick(found)
    (line,) = found.status(0.0)
    assert (line.name, line.state, line.picks, line.detail) == ("a", "Ok", 1, "loadfactor 1, route r")
