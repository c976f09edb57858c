"""The decisions of an upstream block, method by method and rule by rule."""

from collections import Counter
from hashlib import md5

import pytest

from container.front.balancer import Address, Ask, Exhausted, Failure, Sent
from container.front.upstream import NextUpstream, ServerConfig, Upstream, UpstreamConfig, make_ring

PLAIN = {}
DEFAULT = NextUpstream()
ALL_STATUSES = frozenset(f"http_{status}" for status in (500, 502, 503, 504, 403, 404, 429))
WITH_STATUSES = NextUpstream(ALL_STATUSES | {"error", "timeout"})


def weights(*values):
    return [{"weight": value} for value in values]


@pytest.mark.parametrize(
    ("given", "cycle"),
    [((5, 1, 1), "AABACAA"), ((4, 2, 1), "ABACABA"), ((3, 1), "AABA"), ((1, 2), "BAB"), ((1, 1, 1), "ABC")],
)
def test_smooth_weighted_round_robin(nginx, given, cycle):
    assert nginx(*weights(*given)).gets(3 * len(cycle)) == 3 * cycle


class TestQuarantine:
    def test_it_lasts_whole_seconds_and_one_more(self, nginx):
        front = nginx(PLAIN, PLAIN)
        front.stop("A")
        assert front.tries(3) == "AB B B"
        front.start("A")
        front.wait(10.9)
        assert front.gets(4) == "BBBB"
        front.wait(0.2)
        assert "A" in front.gets(3)

    def test_failures_need_not_follow_each_other(self, nginx):
        front = nginx({"max_fails": 2}, PLAIN)
        front.stop("A")
        assert front.tries(1) == "AB"
        front.start("A")
        assert "A" in front.gets(4)
        front.stop("A")
        assert "AB" in front.tries(3).split()
        assert front.tries(8) == "B B B B B B B B"

    def test_one_request_is_the_test_and_others_keep_away(self, nginx):
        front = nginx(PLAIN, PLAIN)
        front.stop("A")
        front.gets(2)
        front.wait(11)
        taken = [front.begin() for _ in range(8)]
        assert "".join(letter for _, letter in taken).count("A") == 1
        assert any("test after its quarantine" in attempts.reason for attempts, _ in taken)
        front.start("A")
        for attempts, _ in taken:
            attempts.succeeded(front.now_s)
        assert front.gets(6).count("A") >= 2

    def test_a_failed_test_begins_another_quarantine(self, nginx):
        front = nginx(PLAIN, PLAIN)
        front.stop("A")
        front.gets(2)
        front.wait(11)
        assert front.gets(4) == "BBBB"  # one of them tried A first
        front.start("A")
        front.wait(9)
        assert front.gets(6) == "BBBBBB"

    def test_max_fails_0_is_never_left_out(self, nginx):
        front = nginx({"max_fails": 0}, PLAIN)
        front.stop("A")
        assert front.tries(6) == "AB B AB B AB B"

    def test_the_only_server_is_never_left_out(self, nginx):
        front = nginx(PLAIN)
        front.stop("A")
        assert front.tries(3) == "A A A"
        assert front.gets(3) == "502 502 502"
        front.start("A")
        assert front.gets(2) == "AA"
        assert front.balancer.status(front.now_s)[0].state == "up"

    def test_one_that_is_alone_but_for_a_backup_is(self, nginx):
        front = nginx(PLAIN, {"backup": True})
        front.stop("A")
        assert front.tries(3) == "AB B B"
        assert "backup" in front.get().reason
        front.start("A")
        front.wait(11)
        assert front.gets(2) == "AA"

    def test_one_that_is_alone_but_for_one_that_is_down_is(self, nginx):
        front = nginx(PLAIN, {"down": True})
        front.stop("A")
        assert [front.get().tried for _ in range(2)] == ["A", ""]

    def test_an_effective_weight_of_0_still_gets_requests(self, nginx):
        front = nginx(PLAIN, PLAIN)
        front.stop("AB")
        assert front.gets(1) == "502"
        assert [server.effective for server in front.balancer.members] == [0, 0]
        front.start("AB")
        front.wait(11)
        assert set(front.gets(6)) == {"A", "B"}
        assert [server.effective for server in front.balancer.members] == [1, 1]


class TestLimits:
    def test_a_full_server_is_skipped(self, nginx):
        front = nginx({"max_conns": 1}, PLAIN)
        attempts, letter = front.begin()
        assert letter == "A"
        assert front.gets(3) == "BBB"
        assert front.balancer.status(front.now_s)[0].state == "full"
        attempts.succeeded(front.now_s)
        assert "A" in front.gets(2)

    def test_a_full_only_server_is_not_live(self, nginx):
        front = nginx({"max_conns": 1})
        attempts, _ = front.begin()
        assert front.get().reason == "no live upstreams in was"
        attempts.succeeded(front.now_s)
        assert front.gets(1) == "A"

    def test_down(self, nginx):
        assert nginx({"down": True}, PLAIN, PLAIN).gets(4) == "BCBC"
        front = nginx({"down": True})
        assert front.gets(1) == "502"
        assert front.balancer.status(0)[0].state == "down"

    def test_drain_and_back(self, nginx):
        front = nginx(PLAIN, PLAIN)
        front.balancer.drain(front.member("A"))
        assert front.gets(3) == "BBB"
        assert front.balancer.status(front.now_s)[0].state == "draining"
        front.balancer.drain(front.member("A"), False)
        assert set(front.gets(2)) == {"A", "B"}

    def test_a_check_and_a_quarantine_both_keep_a_server_out(self, nginx):
        front = nginx(PLAIN, PLAIN)
        front.balancer.mark(front.member("A"), False, front.now_s)
        assert front.gets(3) == "BBB"
        assert front.balancer.status(front.now_s)[0].state == "unhealthy"
        front.balancer.mark(front.member("A"), True, front.now_s)
        front.stop("A")
        assert "AB" in front.tries(2).split()
        front.balancer.mark(front.member("A"), True, front.now_s)
        assert front.tries(3) == "B B B"


class TestBackup:
    def test_all_backups_take_turns(self, nginx):
        front = nginx(PLAIN, {"backup": True}, {"backup": True})
        front.stop("A")
        assert front.tries(4) == "AB C B C"

    def test_tries_may_be_too_few_to_reach_it(self, nginx):
        front = nginx(PLAIN, PLAIN, {"backup": True}, policy=NextUpstream(tries=2))
        front.stop("AB")
        assert front.tries(2) == "AB C"

    def test_nobody_is_left(self, nginx):
        front = nginx(PLAIN, {"backup": True})
        front.stop("AB")
        assert front.tries(2) == "AB -"
        assert front.get().reason == "no live upstreams in was"


class TestLeastConn:
    def test_idle_servers_take_turns(self, nginx):
        assert nginx(*weights(1, 1, 1), method="least_conn").gets(6) == "ABCABC"

    def test_connections_count_by_weight(self, nginx):
        front = nginx(*weights(2, 1), method="least_conn")
        assert Counter(front.begin()[1] for _ in range(9)) == {"A": 6, "B": 3}

    def test_the_one_with_fewest(self, nginx):
        front = nginx(PLAIN, PLAIN, method="least_conn")
        held = [front.begin() for _ in range(4)]
        for attempts, letter in held:
            if letter == "B":
                attempts.succeeded(front.now_s)
        assert front.gets(4) == "BBBB"

    def test_backups_too(self, nginx):
        front = nginx(PLAIN, {"backup": True}, {"backup": True}, method="least_conn")
        front.stop("A")
        assert "".join(front.get().text for _ in range(2)) == "BC"
        assert front.begin()[1] != front.begin()[1]


IP_HASHES = [
    ("127.0.0.1", [2, 2, 1], 0),
    ("10.0.0.7", [0, 1, 0], 1),
    ("192.168.1.20", [1, 2, 2], 0),
    ("203.0.113.9", [0, 2, 2], 0),
]


class TestIpHash:
    @pytest.mark.parametrize(("client", "of_three", "of_two"), IP_HASHES)
    def test_vectors(self, nginx, client, of_three, of_two):
        front = nginx(*weights(1, 1, 1), method="ip_hash")
        assert front.gets(3, client=client) == "ABC"[of_three[0]] * 3
        assert nginx(*weights(1, 1), method="ip_hash").gets(2, client=client) == "AB"[of_two] * 2
        # Each miss goes on hashing: what is down leaves the others in their places.
        tries = list(of_three)
        down = {tries[0]}
        expected = next((index for index in tries if index not in down), None)
        if expected is not None:
            servers = [{"down": index in down} for index in range(3)]
            assert nginx(*servers, method="ip_hash").gets(1, client=client) == "ABC"[expected]

    def test_a_network_of_ipv4_and_an_address_of_ipv6(self, nginx):
        front = nginx(*weights(1, 1, 1, 1, 1, 1, 1), method="ip_hash")
        assert len({front.get(client=f"10.1.2.{last}").text for last in range(40)}) == 1
        assert len({front.get(client=f"2001:db8::{last:x}").text for last in range(40)}) > 1
        assert len({front.get(client=name).text for name in ("", "unix:")}) == 1

    def test_after_twenty_misses_it_is_round_robin(self, nginx):
        front = nginx({"down": True, "weight": 10_000}, PLAIN, PLAIN, method="ip_hash")
        assert front.gets(4) == "BCBC"
        assert front.get().reason == "round robin"


class TestHash:
    def test_two_equal_members(self, nginx):
        front = nginx(PLAIN, PLAIN, method="hash")
        assert [front.get(key=key).text for key in "abcde"] == ["B", "A", "B", "B", "A"]

    @pytest.mark.parametrize(
        ("key", "tries"),
        [
            ("a", [0, 0, 0]),
            ("b", [1, 0, 0]),
            ("user1", [1, 0, 2]),
            ("user2", [2, 0, 0]),
            ("/index.html", [0, 2, 2]),
        ],
    )
    def test_vectors(self, nginx, key, tries):
        for index in dict.fromkeys(tries):
            earlier = set(tries[: tries.index(index)])
            servers = [{"weight": weight, "down": at in earlier} for at, weight in enumerate((3, 1, 1))]
            assert nginx(*servers, method="hash").get(key=key).text == "ABC"[index]

    def test_a_failed_server_is_followed_by_the_next_try(self, nginx):
        front = nginx(*weights(3, 1, 1), method="hash")
        front.stop("B")
        assert front.tries(1, key="user1") == "BA"
        front.stop("A")
        assert front.tries(1, key="user1") == "AC"

    def test_without_a_key_it_is_round_robin(self, nginx):
        assert nginx(PLAIN, PLAIN, method="hash").gets(4) == "ABAB"
        assert nginx(PLAIN, PLAIN, method="consistent").gets(4) == "ABAB"


def named(*names, weight=1):
    return [{"name": name, "weight": weight} for name in names]


class TestConsistent:
    TWO = named("127.0.0.1:19201", "127.0.0.1:19202")
    THREE = named("a.example:8080", "b.example:8080", "c.example:8080")

    def test_rings(self, nginx):
        ring = make_ring(nginx(*self.TWO).balancer.members)
        assert len(ring) == 320
        assert [point for point, _ in ring[:3]] == [0x008B77E9, 0x00993E8A, 0x0499E71C]
        ring = make_ring(nginx(*self.THREE).balancer.members)
        assert (len(ring), ring[0][0]) == (480, 0x0008AE0B)

    def test_two_members(self, nginx):
        front = nginx(*self.TWO, method="consistent")
        assert [front.get(key=key).text for key in "abcde"] == ["A", "B", "A", "B", "B"]

    @pytest.mark.parametrize(
        ("key", "letter"), [("a", "A"), ("b", "B"), ("user1", "C"), ("user2", "A"), ("/index.html", "A")]
    )
    def test_three_members(self, nginx, key, letter):
        assert nginx(*self.THREE, method="consistent").gets(2, key=key) == letter * 2

    def test_one_that_is_down_moves_only_its_own_keys(self, nginx):
        keys = [f"key{number}" for number in range(100)]
        whole = nginx(*self.THREE, method="consistent")
        without = nginx({**self.THREE[0], "down": True}, *self.THREE[1:], method="consistent")
        for key in keys:
            before = whole.get(key=key).text
            after = without.get(key=key).text
            assert after == before if before != "A" else after in "BC"

    def test_addresses_of_one_name_share_their_points(self, nginx):
        front = nginx(*named("a.example:80", "a.example:80", "b.example:80"), method="consistent")
        assert len(make_ring(front.balancer.members)) == 320
        assert {front.gets(4, key=key) for key in "abcdefgh"} == {"ABAB", "CCCC"}

    def test_the_port_is_part_of_the_name_but_of_no_socket(self, nginx):
        def points(name):
            return {point for point, _ in make_ring(nginx(*named(name)).balancer.members)}

        assert not points("h:80") & points("h:81")
        assert points("h") != points("h:80")
        assert len(points("unix:/run/a:1")) == 160


class TestRandom:
    def test_cumulative_weights(self, nginx):
        draws = iter([0, 1, 2, 3])
        front = nginx(*weights(3, 1), method="random", draw=lambda below: next(draws))
        assert front.gets(4) == "AAAB"

    def test_after_twenty_misses_it_is_round_robin(self, nginx):
        front = nginx({"down": True}, PLAIN, method="random", draw=lambda below: 0)
        assert front.get().reason == "round robin"
        front = nginx({"down": True}, PLAIN, method="random_two", draw=lambda below: 0)
        assert front.get().text == "B"

    def test_two_draws_and_the_less_busy_of_them(self, nginx):
        draws = iter([0, 1, 0, 0, 1, 1, 0])
        front = nginx(PLAIN, PLAIN, method="random_two", draw=lambda below: next(draws))
        assert [front.begin()[1] for _ in range(3)] == ["B", "A", "A"]  # of equals the second


class TestPassingOn:
    """proxy_next_upstream."""

    def ask(self, nginx, policy=DEFAULT, method="GET", replayable=True, servers=2):
        front = nginx(*([PLAIN] * servers), policy=policy)
        attempts = front.balancer.ask(Ask(method, "127.0.0.1", replayable=replayable), front.now_s)
        attempts.next(front.now_s)
        return attempts, front

    @pytest.mark.parametrize(
        ("failure", "again", "status"),
        [
            (Failure.CONNECT, True, 502),
            (Failure.CONNECT_TIMEOUT, True, 504),
            (Failure.SEND, True, 502),
            (Failure.READ, True, 502),
            (Failure.READ_TIMEOUT, True, 504),
            (Failure.INVALID_HEADER, False, 502),
        ],
    )
    def test_by_default(self, nginx, failure, again, status):
        attempts, front = self.ask(nginx)
        assert attempts.failed(failure, front.now_s) is again
        attempts, front = self.ask(nginx, servers=1)
        assert not attempts.failed(failure, front.now_s)
        over = attempts.next(front.now_s)
        assert isinstance(over, Exhausted)
        assert over.status == status
        attempts, front = self.ask(nginx, NextUpstream(frozenset()))
        assert not attempts.failed(failure, front.now_s)
        assert front.balancer.members[0].fails == 1  # it counts, whatever becomes of the request

    @pytest.mark.parametrize("method", ["POST", "LOCK", "PATCH"])
    def test_what_is_not_idempotent(self, nginx, method):
        for sent, again in ((Sent.NOTHING, True), (Sent.SOME, False), (Sent.ALL, False)):
            attempts, front = self.ask(nginx, method=method)
            assert attempts.failed(Failure.READ, front.now_s, sent=sent) is again
        willing = NextUpstream(frozenset({"error", "non_idempotent"}))
        attempts, front = self.ask(nginx, willing, method=method)
        assert attempts.failed(Failure.READ, front.now_s, sent=Sent.ALL)

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "WHATEVER"])
    def test_every_other_method_is(self, nginx, method):
        attempts, front = self.ask(nginx, method=method)
        assert attempts.failed(Failure.READ, front.now_s, sent=Sent.ALL)

    def test_a_body_that_is_not_at_hand(self, nginx):
        attempts, front = self.ask(nginx, method="PUT", replayable=False)
        assert not attempts.failed(Failure.READ, front.now_s, sent=Sent.SOME)
        assert "body" in attempts.next(front.now_s).reason
        attempts, front = self.ask(nginx, method="PUT", replayable=False)
        assert attempts.failed(Failure.CONNECT, front.now_s)

    def test_the_time_limit(self, nginx):
        policy = NextUpstream(timeout_s=3)
        attempts, front = self.ask(nginx, policy)
        assert attempts.failed(Failure.READ_TIMEOUT, front.now_s + 2.9, sent=Sent.ALL)
        attempts, front = self.ask(nginx, policy)
        assert not attempts.failed(Failure.READ_TIMEOUT, front.now_s + 3, sent=Sent.ALL)
        assert attempts.next(front.now_s + 3).status == 504

    def test_tries(self, nginx):
        front = nginx(*([PLAIN] * 4), policy=NextUpstream(tries=3))
        front.stop("ABCD")
        assert front.tries(1) == "ABC"

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
    def test_a_listed_status_is_a_failure(self, nginx, status):
        front = nginx(PLAIN, PLAIN, policy=WITH_STATUSES)
        front.set("A", f"={status}")
        assert front.tries(3) == "AB B B"
        front = nginx(PLAIN, PLAIN)
        front.set("A", f"={status}")
        assert front.gets(4) == f"{status} B {status} B"

    @pytest.mark.parametrize("status", [403, 404])
    def test_these_two_never_are(self, nginx, status):
        front = nginx(PLAIN, PLAIN, policy=WITH_STATUSES)
        front.set("A", f"={status}")
        assert front.tries(4) == "AB B AB B"
        assert front.balancer.members[0].fails == 0

    def test_the_last_such_answer_stands(self, nginx):
        front = nginx(PLAIN, PLAIN, policy=WITH_STATUSES)
        front.set("AB", "=503")
        answer = front.get()
        assert (answer.text, answer.tried) == ("503", "AB")
        assert front.balancer.members[1].fails == 0

    def test_who_is_only_in_quarantine_still_counts_as_a_try(self, nginx):
        front = nginx(PLAIN, PLAIN, policy=WITH_STATUSES)
        front.stop("A")
        front.get()
        front.set("B", "=503")
        answer = front.get()
        assert (answer.text, answer.tried) == ("502", "B")

    def test_a_post_that_got_a_listed_status(self, nginx):
        front = nginx(PLAIN, PLAIN, policy=WITH_STATUSES)
        front.set("A", "=503")
        assert front.get(method="POST").text == "503"

    def test_another_policy_for_the_same_servers(self, nginx):
        front = nginx(PLAIN, PLAIN)
        front.stop("A")
        off = front.balancer.with_policy(NextUpstream(frozenset()))
        assert front.get(through=off).text == "502"
        assert front.get().tried == "B"
        assert off.name == "was"


class TestStale:
    def test_the_next_server_gets_it_and_no_attempt_is_used_up(self, nginx):
        front = nginx(PLAIN, PLAIN, policy=NextUpstream(tries=1))
        attempts, letter = front.begin()
        assert letter == "A"
        assert attempts.failed(Failure.STALE, front.now_s, sent=Sent.ALL)
        assert front.letter(attempts.next(front.now_s)) == "B"
        assert [server.fails for server in front.balancer.members] == [0, 0]

    @pytest.mark.parametrize("servers", [[PLAIN], [PLAIN, {"down": True}]])
    def test_the_same_one_if_there_is_no_other(self, nginx, servers):
        front = nginx(*servers)
        attempts, _ = front.begin()
        assert attempts.failed(Failure.STALE, front.now_s, sent=Sent.ALL)
        assert front.letter(attempts.next(front.now_s)) == "A"
        assert not attempts.failed(Failure.CONNECT, front.now_s)

    def test_a_post_only_if_nothing_was_written(self, nginx):
        front = nginx(PLAIN, PLAIN, policy=NextUpstream(frozenset()))
        attempts, _ = front.begin(method="POST")
        assert attempts.failed(Failure.STALE, front.now_s)
        attempts.next(front.now_s)
        assert not attempts.failed(Failure.STALE, front.now_s, sent=Sent.SOME)
        assert attempts.next(front.now_s).status == 502


class TestEnds:
    @pytest.mark.parametrize("failure", [Failure.CLIENT, Failure.BROKEN])
    def test_nobody_is_to_blame_and_nothing_is_repeated(self, nginx, failure):
        front = nginx(PLAIN, PLAIN)
        attempts, _ = front.begin()
        assert not attempts.failed(failure, front.now_s, sent=Sent.ALL)
        assert isinstance(attempts.next(front.now_s), Exhausted)
        assert [(server.conns, server.fails) for server in front.balancer.members] == [(0, 0), (0, 0)]

    def test_a_client_that_leaves_has_tested_nothing(self, nginx):
        front = nginx(PLAIN, {"backup": True})
        front.stop("A")
        front.get()
        front.wait(11)
        attempts, letter = front.begin()
        assert letter == "A"
        attempts.failed(Failure.CLIENT, front.now_s)
        assert front.gets(2) == "BB"

    def test_mistakes_of_the_caller(self, nginx):
        front = nginx(PLAIN)
        attempts, _ = front.begin()
        with pytest.raises(RuntimeError, match="has not ended"):
            attempts.next(front.now_s)
        attempts.succeeded(front.now_s)
        with pytest.raises(RuntimeError, match="no attempt"):
            attempts.succeeded(front.now_s)


def test_status_and_the_last_picks(nginx):
    front = nginx({"weight": 2, "max_fails": 2, "max_conns": 9}, PLAIN)
    front.stop("A")
    front.gets(4)
    first, second = front.balancer.status(front.now_s)
    assert (first.state, first.busy, first.failures) == ("quarantine", 0, 2)
    assert first.detail == "weight 2, at present 1, 2 of 2 fails, tried again in 11 s, at most 9 at a time"
    assert (second.name, second.state, second.picks) == ("127.0.0.1:19302", "up", 4)
    assert front.balancer.recent[:2] == (
        ("127.0.0.1:19301", "round robin"),
        ("127.0.0.1:19302", "round robin, after 127.0.0.1:19301"),
    )
    assert "was" in repr(front.balancer)


def test_a_socket_is_a_server_too():
    address = Address("http", "", 0, "/run/a.sock")
    config = UpstreamConfig("u", (ServerConfig("unix:/run/a.sock", address),))
    member = Upstream(config).ask(Ask("GET", "127.0.0.1"), 0.0).next(0.0)
    assert member.address is address


def bound_to(upstream: Upstream, *routes: str, now_s: float = 0.0) -> str:
    """The port of the server that a client with these routes gets; it answers."""
    attempts = upstream.ask(Ask("GET", "192.0.2.7", sessions=routes), now_s)
    server = attempts.next(now_s)
    if isinstance(server, Exhausted):
        return ""
    attempts.succeeded(now_s)
    return str(server.address.port)


class TestSticky:
    def upstream(self, *servers: ServerConfig) -> Upstream:
        return Upstream(UpstreamConfig("shop", servers, sticky=True))

    def server(self, port: int, **more) -> ServerConfig:
        return ServerConfig(f"10.0.0.1:{port}", Address("http", "10.0.0.1", port), **more)

    def test_the_route_or_else_the_address_binds(self):
        upstream = self.upstream(self.server(1, route="one"), self.server(2))
        assert [bound_to(upstream, "one") for _ in range(3)] == ["1", "1", "1"]
        by_address = upstream.members[1].route
        assert by_address == md5(b"10.0.0.1:2").hexdigest()
        assert [bound_to(upstream, by_address) for _ in range(2)] == ["2", "2"]

    def test_who_is_bound_to_nobody_gets_whoever_is_next(self):
        upstream = self.upstream(self.server(1, route="a"), self.server(2, route="b"))
        assert "".join(bound_to(upstream) for _ in range(4)) == "1212"
        assert "".join(bound_to(upstream, "none") for _ in range(4)) == "1212"

    def test_a_drained_server_keeps_its_own(self):
        upstream = self.upstream(self.server(1, route="a", drain=True), self.server(2, route="b"))
        assert (bound_to(upstream, "a"), bound_to(upstream), bound_to(upstream)) == ("1", "2", "2")
        assert upstream.status(0)[0].state == "draining"

    def test_a_server_that_has_failed_loses_its_own_for_a_while(self):
        upstream = self.upstream(self.server(1, route="a"), self.server(2, route="b"))
        attempts = upstream.ask(Ask("GET", "192.0.2.7", sessions=("a",)), 0.0)
        attempts.next(0.0)
        assert attempts.failed(Failure.CONNECT, 0.0)
        assert attempts.next(0.0).address.port == 2
        attempts.succeeded(0.0)
        assert bound_to(upstream, "a", now_s=1.0) == "2"
        assert bound_to(upstream, "a", now_s=12.0) == "1"

    def test_a_server_that_is_down_has_no_own(self):
        upstream = self.upstream(self.server(1, route="a", down=True), self.server(2, route="b"))
        assert bound_to(upstream, "a") == "2"
