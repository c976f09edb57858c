"""What holds whatever happens: any outcomes in any order, any number of requests at a time."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container.front.balancer import Address, Ask, Exhausted, Failure, Pause, Sent
from container.front.jk import Activation, LbConfig, LoadBalancer, State, WorkerConfig, may_repeat
from container.front.upstream import NextUpstream, ServerConfig, Upstream, UpstreamConfig

ADDRESS = Address("http", "127.0.0.1", 80)
METHODS = ("round_robin", "least_conn", "ip_hash", "hash", "consistent", "random", "random_two")
CONDITIONS = ("error", "timeout", "invalid_header", "http_503", "http_404", "non_idempotent")

servers = st.builds(
    lambda name, **more: ServerConfig(f"h{name}:80", ADDRESS, **more),
    st.integers(0, 5),
    weight=st.integers(1, 5),
    max_fails=st.integers(0, 3),
    fail_timeout_s=st.integers(0, 12),
    backup=st.booleans(),
    down=st.booleans(),
    max_conns=st.integers(0, 2),
)


@st.composite
def upstreams(draw):
    members = tuple(draw(st.lists(servers, max_size=4)))
    members += (ServerConfig("h9:80", ADDRESS),)
    policy = NextUpstream(frozenset(draw(st.sets(st.sampled_from(CONDITIONS)))), draw(st.integers(0, 3)))
    config = UpstreamConfig("u", members, draw(st.sampled_from(METHODS)))
    return Upstream(config, policy, draw(st.randoms(use_true_random=False)).randrange)


workers = st.builds(
    lambda **more: more,
    lbfactor=st.integers(1, 5),
    domain=st.sampled_from(["", "east", "west"]),
    distance=st.integers(0, 1),
    redirect=st.sampled_from(["", "w0", "w1", "nobody"]),
    activation=st.sampled_from(Activation),
    retries=st.integers(1, 3),
    recovery_options=st.integers(0, 31),
    fail_on_status=st.sampled_from([(), (503,), (-503,), (503, -404)]),
    busy_limit=st.integers(0, 2),
)


@st.composite
def load_balancers(draw):
    members = draw(st.lists(workers, min_size=1, max_size=4))
    return LoadBalancer(
        LbConfig(
            "lb",
            tuple(WorkerConfig(f"w{index}", ADDRESS, **each) for index, each in enumerate(members)),
            draw(st.sampled_from("RSNTB")),
            sticky_session_force=draw(st.booleans()),
            retries=draw(st.integers(1, 3)),
            lb_retries=draw(st.integers(1, 4)),
            recover_time_s=draw(st.integers(1, 10)),
            error_escalation_time_s=draw(st.none() | st.integers(0, 5)),
            max_reply_timeouts=draw(st.integers(0, 2)),
            maintain_s=draw(st.integers(1, 5)),
        )
    )


asks = st.builds(
    Ask,
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    client=st.sampled_from(["127.0.0.1", "10.1.2.3", "::1", ""]),
    key=st.sampled_from(["", "a", "b", "user1"]),
    sessions=st.lists(st.sampled_from(["x", "x.w0", "x.w1", "x.east", "x.gone"]), max_size=2).map(tuple),
    replayable=st.booleans(),
    stateless=st.booleans(),
)
outcomes = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(Failure), st.sampled_from(Sent), st.sampled_from([403, 404, 500, 503])),
)
# A move: how much time passes, which of the requests goes on, and what its attempt comes to.
moves = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), outcomes), max_size=40)


def play(balancer, asked, script, visit):
    """Let the requests go on as the script says; visit sees each choice and each end."""
    now_s = 100.0
    attempts = [balancer.ask(ask, now_s) for ask in asked]
    holding = dict.fromkeys(range(len(asked)))

    def end(index, outcome):
        member, holding[index] = holding[index], None
        if outcome is None:
            attempts[index].succeeded(now_s, sent_bytes=10, received_bytes=10)
            return
        failure, sent, status = outcome
        again = attempts[index].failed(failure, now_s, sent=sent, status=status)
        visit("failed", index, member, (failure, sent, again))
        if failure is Failure.STATUS and not again:
            attempts[index].succeeded(now_s)

    for seconds, which, outcome in script:
        now_s += seconds
        balancer.maintain(now_s)
        index = which % len(asked)
        if holding[index] is not None:
            end(index, outcome)
        else:
            chosen = attempts[index].next(now_s)
            assert attempts[index].reason or isinstance(chosen, Exhausted | Pause)
            if not isinstance(chosen, Exhausted | Pause):
                holding[index] = chosen
                visit("chosen", index, chosen, None)
        yield holding
    for index, member in holding.items():
        if member is not None:
            end(index, None)
    yield holding


ignore = lambda *event: None  # noqa: E731


@given(upstreams(), st.lists(asks, min_size=1, max_size=4), moves)
def test_connections_of_servers_are_counted(balancer, asked, script):
    for holding in play(balancer, asked, script, ignore):
        busy = Counter(map(id, filter(None, holding.values())))
        assert {id(each): each.conns for each in balancer.members if each.conns} == busy
        assert all(0 <= each.effective <= each.weight for each in balancer.members)
    assert not any(each.busy for each in balancer.status(200.0))


@given(load_balancers(), st.lists(asks, min_size=1, max_size=4), moves)
def test_requests_of_workers_are_counted(balancer, asked, script):
    for holding in play(balancer, asked, script, ignore):
        busy = Counter(map(id, filter(None, holding.values())))
        assert {id(each): each.busy for each in balancer.members if each.busy} == busy
        assert all(each.value >= 0 for each in balancer.members)
        assert all(each.busy for each in balancer.members if each.state in (State.PROBE, State.BUSY))
    if balancer._group.config.method == "B":
        assert not any(each.value for each in balancer.members)


@given(upstreams(), asks, moves)
def test_no_server_twice_in_a_request(balancer, ask, script):
    tried = []

    def visit(event, _index, member, detail):
        if event == "chosen":
            assert member not in tried
            tried.append(member)
        elif detail[0] is Failure.STALE:
            tried.remove(member)

    for _ in play(balancer, [ask], script, visit):
        pass


@given(upstreams(), asks, moves)
def test_nothing_is_sent_twice_that_must_not_be(balancer, ask, script):
    refused = False

    def visit(event, _index, _member, detail):
        nonlocal refused
        assert not (refused and event == "chosen")
        if event == "failed":
            failure, sent, again = detail
            willing = "non_idempotent" in balancer._policy.conditions
            post = ask.method == "POST" and not willing
            if sent and (post or not ask.replayable):
                assert not again
            refused = not again and failure is not Failure.STATUS

    for _ in play(balancer, [ask], script, visit):
        pass


@given(load_balancers(), asks, moves)
def test_nothing_is_sent_twice_against_recovery_options(balancer, ask, script):
    refused = False

    def visit(event, _index, member, detail):
        nonlocal refused
        assert not (refused and event == "chosen")
        if event == "failed":
            failure, sent, again = detail
            allowed = may_repeat(member.config.recovery_options, ask.method, failure, sent, ask.replayable)
            refused = (again or failure is not Failure.STATUS) and not allowed

    for _ in play(balancer, [ask], script, visit):
        pass


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_weights_are_respected_over_a_cycle(weights):
    config = UpstreamConfig(
        "u", tuple(ServerConfig(f"h{at}", ADDRESS, each) for at, each in enumerate(weights))
    )
    upstream = Upstream(config)
    for _ in range(2):
        for _ in range(sum(weights)):
            attempts = upstream.ask(Ask("GET", ""), 0.0)
            attempts.next(0.0)
            attempts.succeeded(0.0)
    assert [server.picks for server in upstream.members] == [2 * each for each in weights]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 300))
def test_factors_are_respected_in_the_long_run(factors, count):
    """mod_jk's order has no cycle of its own; no member is ever more than one request ahead of its share."""
    config = LbConfig("lb", tuple(WorkerConfig(f"w{at}", ADDRESS, each) for at, each in enumerate(factors)))
    balancer = LoadBalancer(config)
    for _ in range(count):
        attempts = balancer.ask(Ask("GET", ""), 0.0)
        attempts.next(0.0)
        attempts.succeeded(0.0)
    for worker, factor in zip(balancer.members, factors, strict=True):
        share = count * factor / sum(factors)
        assert share - factor - 1 <= worker.picks <= share + factor + 1


@settings(max_examples=50)
@given(load_balancers(), st.lists(st.sampled_from("ud"), min_size=4, max_size=4))
@pytest.mark.parametrize("session", ["", "x.w0"])
def test_every_request_comes_to_an_end(session, balancer, modes):
    """Attempts are bounded by retries of the member, of the balancer, and its rounds."""
    config = balancer._group.config
    attempts = balancer.ask(Ask("GET", "", sessions=(session,) if session else ()), 0.0)
    count = 0
    while not isinstance(chosen := attempts.next(0.0), Exhausted):
        if isinstance(chosen, Pause):
            continue
        if modes[balancer.members.index(chosen)] == "u":
            attempts.succeeded(0.0)
            break
        attempts.failed(Failure.CONNECT, 0.0)
        count += 1
    members = len(config.workers)
    visits = min(config.lb_retries, members) * config.retries
    assert count <= max(each.retries for each in config.workers) * (visits + members)
