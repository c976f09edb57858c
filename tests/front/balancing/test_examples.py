"""Six configurations, and what clients of the real programs saw: nginx (N) and Apache with mod_jk (J)."""

import pytest

from container.front.jk import Activation
from container.front.upstream import NextUpstream


class TestN1:
    """Two equal servers, all defaults."""

    @pytest.fixture
    def front(self, nginx):
        return nginx({}, {})

    def test_in_turn(self, front):
        assert front.gets(4) == "ABAB"

    def test_one_stops_and_comes_back(self, front):
        front.gets(4)
        front.stop("A")
        assert front.tries(5) == "AB B B B B"
        front.start("A")
        assert front.gets(3) == "BBB"
        front.wait(11)
        assert front.gets(4) == "BBAB"
        assert front.gets(4) == "ABAB"

    def test_both_stop(self, front):
        front.stop("AB")
        assert front.tries(3) == "AB - -"
        assert front.gets(1) == "502"
        front.wait(11)
        assert len(front.tries(1)) == 2


class TestN2:
    """Weights, a spare server, limited retries."""

    @pytest.fixture
    def front(self, nginx):
        member = {"max_fails": 2, "fail_timeout_s": 5}
        policy = NextUpstream(frozenset({"error", "timeout", "http_503"}), tries=2)
        return nginx({"weight": 3, **member}, member, {"backup": True}, policy=policy, read_timeout_s=2)

    def test_one_after_the_other_stops_and_comes_back(self, front):
        assert front.gets(8) == "AABAAABA"
        front.stop("A")
        assert front.tries(8) == "AB B AB B B B B B"
        front.stop("B")
        assert front.tries(6) == "BC BC C C C C"
        front.start("A")
        front.wait(6)
        tries = front.tries(6).split()
        assert [each[-1] for each in tries] == ["A"] * 6
        assert [each for each in tries if each != "A"] in ([], ["BA"])
        front.start("B")
        front.wait(6)
        assert front.gets(16).count("B") == 4

    def test_both_die_at_the_same_moment(self, front):
        front.gets(8)
        front.stop("AB")
        assert front.tries(3) == "AB BA C"
        front.start("AB")
        front.wait(6)
        front.gets(8)
        front.stop("AB")
        assert front.gets(3) == "502 502 C"

    def test_a_listed_status(self, front):
        front.set("A", "=503")
        assert front.get(method="POST").text == "503"
        assert front.get().text == "B"

    def test_a_server_that_hangs(self, front):
        front.set("A", "60")
        answer = front.get()
        assert (answer.text, answer.took_s) == ("B", 2)
        assert front.balancer.members[0].fails == 1


class TestN3:
    """Stickiness by a map from the cookie's suffix to one group for each node."""

    def test_the_pool(self, nginx):
        assert nginx({}, {}, method="least_conn").gets(4) == "ABAB"

    def test_a_node_with_its_spare(self, nginx):
        front = nginx({"fail_timeout_s": 5}, {"backup": True})  # A is the second container
        assert front.gets(3) == "AAA"
        front.stop("A")
        assert front.tries(3) == "AB B B"
        assert front.get(method="POST").text == "B"
        front.start("A")
        front.wait(6)
        assert front.gets(3) == "AAA"

    def test_a_refused_connection_lets_even_the_first_post_move_on(self, nginx):
        front = nginx({"fail_timeout_s": 5}, {"backup": True})
        front.stop("A")
        answer = front.get(method="POST")
        assert (answer.text, answer.tried) == ("B", "AB")

    def test_the_only_server(self, nginx):
        front = nginx({}, policy=NextUpstream(frozenset()))
        front.stop("A")
        assert front.tries(3) == "A A A"
        assert front.gets(2) == "502 502"
        front.start("A")
        assert front.gets(2) == "AA"


class TestJ1:
    """The minimal cluster."""

    @pytest.fixture
    def front(self, jk):
        return jk({"was1": {}, "was2": {}}, recover_time_s=6, maintain_s=2)

    def test_in_turn_and_by_session(self, front):
        assert front.gets(4) == "ABAB"
        assert front.gets(3, "q.was2") == "BBB"

    def test_one_stops_and_comes_back(self, front):
        front.stop("B")
        first = front.get("q.was2")
        assert (first.text, first.took_s) == ("A", 0.1)
        assert front.gets(1, "q.was2") == "A"
        assert front.gets(4) == "AAAA"
        front.start("B")
        began_s = front.now_s
        seen = []
        while front.now_s < began_s + 9:
            front.wait(0.7)
            seen.append((front.now_s - began_s, front.get("q.was2").text))
        back_s = min(when for when, letter in seen if letter == "B")
        assert 6 < back_s < 6 + 2 + 1 + 0.7  # recover_time, maintenance, and how often we look
        assert "A" not in [letter for when, letter in seen if when >= back_s]

    def test_both_stop(self, front):
        front.stop("AB")
        answers = [front.get() for _ in range(3)]
        assert [answer.text for answer in answers] == ["503"] * 3
        assert [answer.took_s for answer in answers] == [0.5, 0.3, 0.3]
        assert [answer.tried for answer in answers] == ["AABBAABB", "AABB", "AABB"]
        front.start("A")
        answer = front.get()
        assert answer.text == "A"
        assert "in spite of its error" in answer.reason


class TestJ2:
    """A template, probes, no double POST, a hot standby."""

    @pytest.fixture
    def front(self, jk):
        return jk(
            {
                "blue": {"lbfactor": 2, "redirect": "spare"},
                "green": {"redirect": "spare"},
                "spare": {"activation": Activation.DISABLED},
            },
            common={"retries": 1, "recovery_options": 7},
            retries=1, lb_retries=3, max_reply_timeouts=1, maintain_s=60, read_timeout_s=1.5,
        )  # fmt: skip

    def test_in_turn_and_by_session(self, front):
        assert front.gets(15) == "ABABAABAABAABAA"
        assert front.gets(2, "1.spare") == "CC"

    def test_the_standby(self, front):
        front.stop("AB")
        assert front.gets(3) == "CCC"
        assert front.gets(2, "1.blue") == "CC"

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_request_that_was_read_is_not_repeated(self, front, method):
        front.set("A", "dies")
        answer = front.get("1.blue", method=method)
        assert (answer.text, answer.tried) == ("502", "A")
        assert front.get("1.blue").text == "C"

    def test_answers_that_are_late(self, front):
        front.set("A", "4")
        assert [front.get("1.blue").text for _ in range(3)] == ["504", "504", "C"]

    def test_without_a_reply_timeout(self, front):
        front.set("A", "4")
        front.read_timeout_s = 0
        answer = front.get("1.blue")
        assert (answer.text, answer.took_s) == ("A", 4)

    def test_no_answer_to_a_ping(self, front):
        front.set("A", "mute")
        answer = front.get()
        assert (answer.text, answer.tried, answer.took_s) == ("B", "AB", 0.5)


class TestJ3:
    """Domains, busyness, and forced stickiness."""

    @pytest.fixture
    def front(self, jk):
        return jk(
            {"n1": {"domain": "east"}, "n2": {"domain": "east"}, "n3": {"domain": "west"}},
            method="B", recover_time_s=5, maintain_s=2,
        )  # fmt: skip

    @pytest.fixture
    def old(self, jk):
        return jk({"l1": {"route": "old"}}, sticky_session_force=True, maintain_s=2)

    def test_idle_members_take_turns(self, front):
        assert front.gets(6) == "ABCABC"

    def test_a_session_stays_in_its_domain(self, front):
        assert front.gets(1, "s.n1") == "A"
        front.stop("A")
        assert front.gets(2, "s.n1") == "BB"
        front.stop("B")
        assert front.gets(2, "s.n1") == "CC"
        assert front.gets(2, "s.east") == "CC"

    def test_a_domain_as_a_route(self, front):
        assert front.gets(3, "s.west") == "CCC"
        assert set(front.gets(4, "s.east")) == {"A", "B"}

    @pytest.mark.parametrize("session", ["s.old", "s.n1", "s", ""])
    def test_one_member_ignores_routes(self, old, session):
        assert old.gets(2, session) == "AA"

    def test_and_is_tried_always(self, old):
        old.stop("A")
        assert old.gets(3, "s.old") == "503 503 503"
        old.start("A")
        assert old.gets(1) == "A"
