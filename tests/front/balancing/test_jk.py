"""The decisions of mod_jk's load balancer, rule by rule. What is marked "seen" is what mod_jk 1.2.48 did."""

from collections import Counter

import pytest

from container.front.balancer import Address, Ask, Exhausted, Failure, Pause, Sent
from container.front.jk import (
    Activation,
    LbRule,
    State,
    WorkerConfig,
    may_repeat,
    single,
)

AB = {"a": {}, "b": {}}
ABC = {"a": {}, "b": {}, "c": {}}
ONCE = {"retries": 1}


def factors(*values):
    return {"abcdef"[index]: {"lbfactor": value} for index, value in enumerate(values)}


def states(front):
    return [member.state for member in front.balancer.members]


class TestMethods:
    @pytest.mark.parametrize(
        ("given", "order"),
        [
            ((1, 1), "abababab"),
            ((3, 1), "abaabaaabaaa"),
            ((2, 1, 1), "abcabcaabcaa"),
            ((1, 1, 1), "abcabcabc"),
            ((5, 3), "ababaababaabaaba"),
            ((0, 1), "abab"),  # a factor below 1 is 1
            ((2, 1), "ababaabaabaabaa"),  # seen
        ],
    )
    def test_by_request(self, jk, given, order):
        assert jk(factors(*given)).gets(len(order)) == order.upper()

    def test_large_coprime_factors(self, jk):
        front = jk(factors(9973, 9967, 9949, 9941, 9931))
        assert Counter(front.gets(500)) == dict.fromkeys("ABCDE", 100)

    def test_requests_of_sessions_count_for_r(self, jk):
        front = jk(ABC)
        assert front.gets(6) + front.gets(5, "x.b") + front.gets(8) == "ABCABC" + "BBBBB" + "ACACACAC"

    @pytest.mark.parametrize("method", "SN")
    def test_by_session_only_new_ones_count(self, jk, method):
        front = jk(factors(3, 1), method=method)  # seen
        assert front.gets(9) == "ABAABAAAB"
        assert front.gets(3, "x.b") == "BBB"
        assert front.gets(6, "x") == "AAAAAA"
        assert front.gets(9) == "AAABAAABA"

    def test_sessions_count_as_new_where_nothing_is_sticky(self, jk):
        assert jk(AB, method="S", sticky_session=False).gets(4, "x.b") == "ABAB"

    def test_by_traffic(self, jk):
        front = jk(AB, method="T")
        attempts, letter = front.begin()
        assert letter == "A"
        attempts.succeeded(front.now_s, sent_bytes=100, received_bytes=900)
        assert front.gets(3) == "BBB"

    def test_by_busyness(self, jk):
        front = jk(factors(3, 1), method="B")
        assert front.gets(6) == "ABABAB"  # seen: idle ones take turns, whatever their factor
        held = [front.begin() for _ in range(8)]
        assert Counter(letter for _, letter in held) == {"A": 6, "B": 2}
        for attempts, _ in held:
            attempts.succeeded(front.now_s)
        assert [member.value for member in front.balancer.members] == [0, 0]

    def test_stateless_requests_rotate(self, jk):
        front = jk(factors(9, 1))
        assert front.gets(6, stateless=True) == "ABABAB"

    def test_the_nearest_first(self, jk):
        front = jk({"a": {"distance": 1}, "b": {}, "c": {}})  # seen
        assert front.gets(6) == "BCBCBC"
        front.stop("BC")
        assert front.gets(3) == "AAA"


class TestMaintenance:
    def test_values_are_halved(self, jk):
        front = jk(AB, maintain_s=10)
        front.gets(8)
        front.wait(10)
        assert [member.value for member in front.balancer.members] == [2, 2]
        front.balancer.maintain(front.now_s + 20)
        assert [member.value for member in front.balancer.members] == [0, 0]

    def test_n_subtracts_the_smallest(self, jk):
        front = jk(factors(1, 1), method="N", maintain_s=10)
        front.gets(7)
        front.wait(10)
        assert [member.value for member in front.balancer.members] == [1, 0]

    def test_busyness_never_decays(self, jk):
        front = jk(AB, method="B", maintain_s=10)
        attempts, _ = front.begin()
        front.wait(30)
        assert front.balancer.members[0].value == 1
        attempts.succeeded(front.now_s)

    def test_what_is_not_used_is_idle(self, jk):
        front = jk(AB, maintain_s=10)
        front.gets(1)
        assert states(front) == [State.OK, State.IDLE]
        front.wait(10)
        assert states(front) == [State.OK, State.IDLE]
        front.wait(10)
        assert states(front) == [State.IDLE, State.IDLE]

    def test_reply_timeouts_are_forgotten(self, jk):
        front = jk(AB, common={"recovery_options": 1}, max_reply_timeouts=2, maintain_s=10, read_timeout_s=1)
        front.set("A", "2")
        for _ in range(2):
            assert front.get("x.a").text == "504"
        front.wait(10)
        assert front.gets(1, "x.a") == "504"
        assert states(front)[0] is not State.ERROR
        assert [front.get("x.a").text for _ in range(2)] == ["504", "B"]


class TestRecovery:
    @pytest.fixture
    def front(self, jk):
        front = jk(AB, recover_time_s=6, maintain_s=2)
        front.gets(4)
        front.stop("A")
        front.gets(2)
        assert states(front)[0] is State.ERROR
        return front

    def test_only_maintenance_ends_an_error(self, front):
        front.start("A")
        assert front.gets(5) == "BBBBB"
        front.wait(6)
        assert states(front)[0] is State.ERROR
        front.wait(2)
        assert states(front)[0] is State.RECOVER
        assert front.balancer.members[0].value == max(member.value for member in front.balancer.members)

    def test_one_request_is_the_test(self, front):
        front.wait(8)
        taken = [front.begin() for _ in range(5)]
        assert "".join(letter for _, letter in taken).count("A") == 1
        assert front.balancer.status(front.now_s)[0].state == "ERR/PRB"
        assert any("a test after its error" in attempts.reason for attempts, _ in taken)
        for attempts, _ in taken:
            attempts.succeeded(front.now_s)
        assert states(front) == [State.OK, State.OK]

    def test_a_test_that_fails(self, front):
        front.wait(8)
        assert "A" not in front.gets(4)
        assert states(front)[0] is State.ERROR
        front.start("A")
        front.wait(6)
        assert states(front)[0] is State.ERROR

    def test_a_test_whose_client_leaves(self, front):
        front.wait(8)
        attempts, _ = front.begin("x.a")
        assert not attempts.failed(Failure.CLIENT, front.now_s)
        assert states(front)[0] is State.RECOVER
        front.start("A")
        assert front.gets(1, "x.a") == "A"

    def test_a_test_whose_client_leaves_between_two_tries(self, front):
        front.wait(8)
        attempts, _ = front.begin("x.a")
        assert attempts.failed(Failure.CONNECT, front.now_s)
        assert isinstance(attempts.next(front.now_s), Pause)
        assert states(front)[0] is State.RECOVER
        front.start("A")
        assert front.gets(1, "x.a") == "A"

    def test_without_maintenance_never(self, jk):
        front = jk(AB, recover_time_s=6, maintain_s=0)
        front.stop("A")
        front.gets(2)
        front.start("A")
        front.wait(600)
        assert front.gets(4) == "BBBB"


class TestEscalation:
    def test_while_others_are_answered_an_error_is_the_request_s_own(self, jk):
        front = jk(AB, common={"retries": 1, "recovery_options": 1}, recover_time_s=6, maintain_s=2)
        held, _ = front.begin("x.a")
        front.set("A", "dies")
        assert front.gets(3, "y.a") == "502 502 502"  # seen
        assert states(front)[0] is State.IDLE
        held.succeeded(front.now_s)
        assert front.gets(2, "y.a") == "502 B"  # seen

    def test_after_some_time_it_is_everybody_s(self, jk):
        front = jk(AB, common={"retries": 1, "recovery_options": 1}, recover_time_s=60, maintain_s=60)
        front.begin("x.a")
        front.set("A", "dies")
        assert front.gets(1, "y.a") == "502"
        front.now_s += 29
        assert front.gets(1, "y.a") == "502"
        front.now_s += 1
        assert front.gets(2, "y.a") == "502 B"

    def test_maintenance_does_it_too(self, jk):
        front = jk(AB, common={"retries": 1, "recovery_options": 1}, error_escalation_time_s=5, maintain_s=2)
        front.begin("x.a")
        front.set("A", "dies")
        front.gets(1, "y.a")
        front.wait(4)
        assert states(front)[0] is not State.ERROR
        front.wait(2)
        assert states(front)[0] is State.ERROR

    def test_escalation_time_0(self, jk):
        front = jk(AB, common={"retries": 1, "recovery_options": 1}, error_escalation_time_s=0)
        front.begin("x.a")
        front.set("A", "dies")
        assert front.gets(2, "y.a") == "502 B"


class TestForcedRecovery:
    def test_only_when_nobody_is_left(self, jk):
        front = jk(ABC, lb_retries=3)
        front.stop("AB")
        assert front.gets(4) == "CCCC"
        assert states(front)[:2] == [State.ERROR, State.ERROR]
        front.stop("C")
        front.start("A")
        answer = front.get()
        assert (answer.text, answer.reason) == ("A", "fewest requests for its weight, in spite of its error")

    def test_once_in_a_request(self, jk):
        front = jk(AB)
        front.stop("AB")
        front.get()
        assert front.get().tried == "AABB"

    def test_a_check_that_fails_is_not_overruled(self, jk):
        front = jk(AB)
        front.balancer.mark(front.member("A"), False, front.now_s)
        assert front.gets(3) == "BBB"
        front.balancer.mark(front.member("B"), False, front.now_s)
        answer = front.get()
        assert (answer.text, answer.tried, answer.took_s) == ("503", "", 0.1)
        assert "found unhealthy" in front.balancer.status(front.now_s)[0].detail
        front.balancer.mark(front.member("A"), True, front.now_s)
        assert front.gets(1) == "A"


class TestLoops:
    @pytest.mark.parametrize(
        ("more", "tried", "took_s"),
        [
            ({}, "AABBAABB", 0.5),
            ({"common": ONCE}, "ABAB", 0.1),
            ({"retries": 1}, "AABB", 0.2),
            ({"lb_retries": 1}, "AABB", 0.3),
            ({"retries": 3, "common": ONCE}, "ABAB", 0.2),
            ({"common": {"retries": 3}, "retries": 1}, "AAABBB", 0.4),
            ({"common": {"retry_interval_s": 0.0}, "retry_interval_s": 0.0}, "AABBAABB", 0.0),
        ],
    )
    def test_all_dead(self, jk, more, tried, took_s):
        front = jk(AB, **more)
        front.stop("AB")
        answer = front.get()
        assert (answer.text, answer.tried, answer.took_s) == ("503", tried, took_s)

    def test_the_third_of_three_is_reached_in_the_second_round(self, jk):
        front = jk(ABC)
        front.stop("AB")
        answer = front.get()
        assert (answer.text, answer.tried, answer.took_s) == ("C", "AABBC", 0.3)

    def test_a_dying_container_gets_even_a_post_twice(self, jk):
        front = jk(AB)
        front.set("A", "dies")
        assert front.get(method="POST").tried == "AAB"  # seen

    def test_late_answers(self, jk):
        front = jk(AB, read_timeout_s=0.4)
        front.set("AB", "1")
        answers = [front.get() for _ in range(3)]
        assert [(answer.text, answer.tried) for answer in answers] == [
            ("504", "AABBAABB"), ("503", "AABB"), ("503", "AABB"),
        ]  # fmt: skip  # seen

    def test_a_worker_by_itself(self):
        balancer = single(WorkerConfig("ajp13", Address("ajp", "127.0.0.1", 8009)))
        for failure, sent, status in (
            (Failure.CONNECT, Sent.NOTHING, 503),
            (Failure.READ, Sent.ALL, 502),
            (Failure.READ_TIMEOUT, Sent.ALL, 504),
            (Failure.CONNECT, Sent.NOTHING, 503),
        ):
            attempts = balancer.ask(Ask("GET", "127.0.0.1", sessions=("x.other",)), 1000.0)
            attempts.next(1000.0)
            assert attempts.failed(failure, 1000.0, sent=sent)
            assert attempts.next(1000.0) == Pause(0.1)
            attempts.next(1000.1)
            attempts.failed(failure, 1000.1, sent=sent)
            assert attempts.next(1000.1).status == status
        assert balancer.name == "ajp13"


class TestStatuses:
    def test_a_member_that_fails_on_a_status(self, jk):
        front = jk({"a": {"fail_on_status": (503,)}, "b": {}})
        front.set("A", "=503")
        answer = front.get()
        assert (answer.text, answer.tried, answer.took_s) == ("B", "AAB", 0.1)  # seen
        assert states(front)[0] is State.ERROR
        assert front.tries(3) == "B B B"

    def test_a_request_that_does(self, jk):
        front = jk({"a": {"fail_on_status": (-503,)}, "b": {}})
        front.set("A", "=503")
        assert front.tries(2, "x.a") == "AAB AAB"  # seen
        assert states(front)[0] is State.OK

    @pytest.mark.parametrize("options", [0, 1, 7])
    def test_even_a_post_and_whatever_the_options(self, jk, options):
        front = jk({"a": {"fail_on_status": (-503,), "recovery_options": options}, "b": {}})
        front.set("A", "=503")
        assert front.get("x.a", method="POST").tried == "AAB"  # seen

    def test_other_statuses_stand(self, jk):
        front = jk({"a": {"fail_on_status": (503,)}, "b": {}})
        front.set("A", "=500")
        assert front.gets(2, "x.a") == "500 500"
        assert states(front)[0] is State.OK

    def test_all_of_them(self, jk):
        front = jk(AB, common={"fail_on_status": (503,)}, retries=1)
        front.set("AB", "=503")
        answer = front.get()
        assert (answer.text, answer.tried) == ("503", "AABB")

    def test_what_cannot_be_repeated_still_does_not_stand(self, jk):
        front = jk(AB, common={"fail_on_status": (500,)})
        front.set("A", "=500")
        assert front.get(method="POST", replayable=False).text == "503"

    def test_a_rule_of_its_own(self, jk):
        front = jk(AB)
        front.set("A", "=404")
        rule = front.balancer.with_rule(LbRule(fail_on_status=(-404,)))
        assert front.get("x.a").text == "404"
        assert front.get("x.a", through=rule).text == "B"


class TestBusy:
    def test_no_slot(self, jk):
        front = jk(AB)
        held, _ = front.begin("x.a")
        attempts, letter = front.begin("y.a")
        assert letter == "A"
        assert attempts.failed(Failure.BUSY, front.now_s)
        assert states(front)[0] is State.BUSY
        assert front.letter(attempts.next(front.now_s)) == "B"
        attempts.succeeded(front.now_s)
        assert front.gets(3, "z.a") == "BBB"  # seen
        held.succeeded(front.now_s)
        assert front.gets(2, "z.a") == "AA"  # seen

    def test_busy_limit(self, jk):
        front = jk({"a": {"busy_limit": 1}, "b": {}})
        held, _ = front.begin("x.a")
        assert front.gets(2, "y.a") == "BB"  # seen
        held.failed(Failure.CLIENT, front.now_s)
        assert front.gets(1, "y.a") == "A"

    def test_all_of_them(self, jk):
        front = jk(AB, common={"busy_limit": 1})
        held = [front.begin()[0] for _ in range(2)]
        assert front.get().text == "503"
        for attempts in held:
            attempts.succeeded(front.now_s)
        assert front.gets(2) == "AB"

    def test_slots_that_others_hold(self, jk):
        front = jk(AB)
        attempts, _ = front.begin("x.a")
        attempts.failed(Failure.BUSY, front.now_s)
        assert states(front)[0] is State.IDLE  # or it would stay busy for ever


class TestActivation:
    def test_disabled_keeps_its_sessions(self, jk):
        front = jk({"a": {"activation": Activation.DISABLED}, "b": {}})
        assert front.gets(3) == "BBB"
        assert front.gets(3, "x.a") == "AAA"

    def test_stopped_keeps_nothing(self, jk):
        front = jk({"a": {"activation": Activation.STOPPED}, "b": {}})
        assert front.gets(3) + front.gets(3, "x.a") == "BBBBBB"

    def test_drain_and_back(self, jk):
        front = jk(AB)
        front.balancer.drain(front.member("A"))
        assert front.gets(3) + front.gets(3, "x.a") == "BBBAAA"
        assert front.balancer.status(front.now_s)[0].detail.startswith("DIS")
        front.balancer.drain(front.member("A"), False)
        assert "A" in front.gets(2)
        front.member("B").activation = Activation.STOPPED
        assert front.gets(3, "x.b") == "AAA"

    def test_by_a_rule(self, jk):
        front = jk(AB)
        rule = front.balancer.with_rule(LbRule(activation={"a": Activation.STOPPED}))
        assert front.gets(3, through=rule) == "BBB"
        assert "A" in front.gets(2)

    def test_the_only_one_when_disabled(self, jk):
        front = jk({"a": {"activation": Activation.DISABLED}})
        assert front.gets(1, "x.a") == "A"
        assert front.gets(1) == "503"


class TestSessions:
    def test_the_first_id_that_names_somebody(self, jk):
        front = jk(AB)
        ask = Ask("GET", "127.0.0.1", sessions=("x", "y.nobody", "z.b"))
        assert front.letter(front.balancer.ask(ask, 0).next(0)) == "B"

    def test_the_route_may_have_dots(self, jk):
        front = jk({"a": {"route": "r2"}, "b": {"route": "b.r2"}})
        assert front.gets(2, "x.b.r2") == "BB"

    def test_a_dotted_route_has_a_domain(self, jk):
        front = jk({"a": {"route": "west.1"}, "b": {"route": "east.1"}, "c": {"route": "east.2"}})
        front.stop("B")
        assert front.gets(3, "x.east.1") == "CCC"
        assert front.gets(2, "x.east.9") == "CC"

    def test_unknown_routes_are_new_clients(self, jk):
        assert jk(AB).gets(4, "x.gone") == "ABAB"

    def test_force(self, jk):
        front = jk(AB, sticky_session_force=True)
        answers = [front.get(session) for session in ("x", "x.gone", "x.a")]
        assert [(answer.text, answer.took_s) for answer in answers] == [
            ("503", 0.1),
            ("503", 0.1),
            ("A", 0),
        ]  # seen
        assert "sticky_session_force" in answers[0].reason
        assert front.gets(2) in ("AB", "BA")
        front.stop("A")
        answers = [front.get("x.a") for _ in range(3)]
        assert [(answer.text, answer.took_s) for answer in answers] == [
            ("503", 0.3),
            ("503", 0.2),
            ("503", 0.2),
        ]  # seen
        front.start("A")
        assert front.gets(3, "x.a") == "AAA"  # seen

    def test_a_stand_in_that_is_dead_too(self, jk):
        front = jk({"a": {"redirect": "b"}, "b": {"activation": Activation.DISABLED}, "c": {}}, lb_retries=3)
        front.stop("A")
        assert front.gets(2, "x.a") == "BB"
        front.stop("B")
        assert front.gets(2, "x.a") == "CC"

    def test_not_sticky(self, jk):
        assert jk(AB, sticky_session=False).gets(4, "x.b") == "ABAB"


class TestRepeating:
    @pytest.mark.parametrize(
        ("options", "method", "failure", "sent", "allowed"),
        [
            (0, "POST", Failure.READ, Sent.ALL, True),
            (1, "POST", Failure.READ, Sent.ALL, False),
            (1, "POST", Failure.READ, Sent.SOME, False),
            (1, "GET", Failure.READ_TIMEOUT, Sent.ALL, False),
            (1, "POST", Failure.CONNECT, Sent.NOTHING, True),
            (1, "POST", Failure.SEND, Sent.SOME, True),
            (9, "HEAD", Failure.READ, Sent.ALL, True),
            (9, "GET", Failure.READ, Sent.ALL, False),
            (17, "GET", Failure.READ, Sent.ALL, True),
            (17, "HEAD", Failure.READ, Sent.ALL, False),
            (25, "HEAD", Failure.READ, Sent.ALL, True),
            (25, "GET", Failure.READ, Sent.ALL, False),
            (25, "POST", Failure.READ, Sent.ALL, False),
            (0, "GET", Failure.BROKEN, Sent.ALL, False),
            (0, "GET", Failure.CLIENT, Sent.NOTHING, False),
        ],
    )
    def test_recovery_options(self, options, method, failure, sent, allowed):
        assert may_repeat(options, method, failure, sent, True) is allowed
        if sent:
            assert not may_repeat(options, method, failure, sent, False)

    def test_a_stale_connection_is_nobody_s_failure(self, jk):
        front = jk(AB, common=ONCE)
        attempts, _ = front.begin()
        for _ in range(5):
            assert attempts.failed(Failure.STALE, front.now_s, sent=Sent.ALL)
            assert front.letter(attempts.next(front.now_s)) == "A"
        attempts.succeeded(front.now_s)
        assert states(front)[0] is State.OK
        front = jk(AB, common={"recovery_options": 1})
        attempts, _ = front.begin(method="POST")
        assert not attempts.failed(Failure.STALE, front.now_s, sent=Sent.ALL)
        assert attempts.next(front.now_s).status == 502
        assert states(front)[0] is State.IDLE

    def test_an_answer_that_ends_too_early(self, jk):
        front = jk(AB)
        attempts, _ = front.begin()
        assert not attempts.failed(Failure.BROKEN, front.now_s, sent=Sent.ALL)
        assert isinstance(attempts.next(front.now_s), Exhausted)
        assert states(front)[0] is State.ERROR


def test_mistakes_of_the_caller(jk):
    front = jk(AB)
    attempts, _ = front.begin()
    with pytest.raises(RuntimeError, match="has not ended"):
        attempts.next(front.now_s)
    attempts.succeeded(front.now_s)
    with pytest.raises(RuntimeError, match="no attempt"):
        attempts.succeeded(front.now_s)


def test_status_and_the_last_picks(jk):
    front = jk(
        {"a": {"lbfactor": 2}, "b": {}},
        read_timeout_s=1,
        max_reply_timeouts=5,
        common={"recovery_options": 1},
    )
    front.stop("B")
    front.gets(2)
    front.set("A", "9")
    front.gets(1, "x.a")
    first, second = front.balancer.status(front.now_s + 3)
    assert (first.state, first.detail) == ("OK", "ACT, factor 2, value 3, 1 reply timeouts")
    assert (second.state, second.detail) == ("ERR", "ACT, factor 1, value 2, error 4 s ago")
    assert front.balancer.recent[-1] == ("a", "session of a")
    assert "lb" in repr(front.balancer)
