"""The same upstream blocks given to nginx and to ours: the same servers in the same order, the same answers.

The steps are those of scripted.py; "later": the quarantines are over.
"""

from __future__ import annotations

import time

import programs
import pytest
import scripted

from container.front.balancer import Address
from container.front.upstream import NextUpstream, ServerConfig, Upstream, UpstreamConfig

pytestmark = [pytest.mark.socket, pytest.mark.program("nginx")]
READ_TIMEOUT_S = 0.6

ONE = [{}]
TWO = [{}, {}]
THREE = [{}, {}, {}]
FOUR = [{}, {}, {}, {}]
SPARE = {"backup": True}
DOWN = {"down": True}
SHORT = {"fail_timeout_s": 1}


def weights(*values):
    return [{"weight": value} for value in values]


def policy(*conditions, tries=0):
    return NextUpstream(frozenset(conditions), tries)


STATUSES = policy("error", "timeout", "http_503", "http_404", "http_500")

SCENARIOS = [
    ("round_robin", TWO, None, "9"),
    ("round_robin", weights(5, 1, 1), None, "21"),
    ("round_robin", weights(4, 2, 1), None, "21"),
    ("round_robin", weights(3, 1), None, "12"),
    ("round_robin", weights(1, 2), None, "9"),
    ("round_robin", weights(7, 3, 2, 5), None, "34"),
    ("round_robin", [{}, DOWN, {}], None, "6"),
    ("round_robin", [DOWN], None, "2"),
    ("round_robin", ONE, None, "1 -A 3 +A 2"),
    ("round_robin", TWO, None, "4 -A 5 +A 3"),
    ("round_robin", TWO, None, "1 -A -B 4 +A +B 3"),
    ("round_robin", weights(3, 1), None, "5 -A 4 post -B 2"),
    ("round_robin", [{"weight": 3, "max_fails": 2}, {"max_fails": 2}, SPARE],
     policy("error", "timeout", "http_503", tries=2), "8 -A 8 -B 6"),
    ("round_robin", [{"weight": 3, "max_fails": 2}, {"max_fails": 2}, SPARE],
     policy("error", "timeout", "http_503", tries=2), "8 -A -B 3"),
    ("round_robin", [{"max_fails": 3, "weight": 6}, {"weight": 4}], None, "3 -A 9 +A 12"),
    ("round_robin", [{"max_fails": 0}, {}], None, "2 -A 6 +A 4"),
    ("round_robin", [{}, SPARE, SPARE], None, "2 -A 4 -B 3"),
    ("round_robin", [{}, DOWN], None, "-A 3"),
    ("round_robin", FOUR, policy("error", tries=3), "-A -B -C -D 3"),
    ("round_robin", FOUR, policy(), "-A 6"),
    ("round_robin", TWO, STATUSES, "A=503 4"),
    ("round_robin", TWO, STATUSES, "A=404 6"),
    ("round_robin", TWO, STATUSES, "A=503 B=503 3"),
    ("round_robin", TWO, STATUSES, "-A 2 B=503 3"),
    ("round_robin", TWO, STATUSES, "A=503 post post post"),
    ("round_robin", TWO, policy("error", "http_503", "non_idempotent"), "A=503 post B! post"),
    ("round_robin", TWO, None, "A=503 4"),
    ("round_robin", TWO, None, "A! 3"),
    ("round_robin", TWO, None, "A! post post 2"),
    ("round_robin", TWO, None, "A? 3"),
    ("round_robin", TWO, None, "A? post post 2"),
    ("round_robin", ONE, None, "A? 1"),
    ("round_robin", TWO, policy("error"), "A? 4"),
    ("round_robin", [{"max_conns": 1}, {}], None, "hold 3 free:A 4"),
    ("round_robin", [{"max_conns": 2}], None, "hold hold 1 free:A 1"),
    ("round_robin", [SHORT, SHORT], None, "2 -A 3 +A later 8"),
    ("round_robin", [SHORT, {**SHORT, "weight": 3}], None, "2 -A -B 2 +B later 8"),
    ("least_conn", THREE, None, "6"),
    ("least_conn", weights(3, 1), None, "8"),
    ("least_conn", weights(2, 1), None, "hold hold hold hold hold hold free:A 4"),
    ("least_conn", weights(2, 3, 1), None, "hold hold 3 hold 3 hold hold hold free:B 5 -B 4"),
    ("least_conn", [{}, SPARE, SPARE], None, "1 -A 2 hold 2 hold 3"),
    ("ip_hash", THREE, None, "from:127.0.0.1 from:10.0.0.7 from:192.168.1.20 from:203.0.113.9"),
    ("ip_hash", THREE, None, "-C from:127.0.0.1 from:127.0.0.9 from:192.168.1.20 from:10.0.0.7"),
    ("ip_hash", weights(3, 1, 2), None, " ".join(f"from:10.{net}.7.1" for net in range(40))),
    ("ip_hash", [{}, DOWN, {}], None, " ".join(f"from:10.{net}.7.1" for net in range(20))),
    ("ip_hash", [{"down": True, "weight": 9000}, {}, {}], None, "6"),
    ("ip_hash", TWO, None, " ".join(f"from:2001:db8::{last:x}" for last in range(20))),
    ("hash", TWO, None, "key:a key:b key:c key:d key:e"),
    ("hash", weights(3, 1, 1), None, "key:user1 -B key:user1 -A key:user1 key:b key:/index.html"),
    ("hash", THREE, None, " ".join(f"key:{number}" for number in range(40))),
    ("hash", [{}, DOWN, {}], None, " ".join(f"key:{number}" for number in range(20))),
    ("hash", TWO, None, "4"),
    ("consistent", THREE, None, " ".join(f"key:{number}" for number in range(40))),
    ("consistent", weights(4, 1, 2), None, " ".join(f"key:{number}" for number in range(40))),
    ("consistent", THREE, None, "-B " + " ".join(f"key:{number}" for number in range(20))),
    ("consistent", [{}, DOWN, {}], None, " ".join(f"key:{number}" for number in range(20))),
    ("consistent", TWO, None, "4"),
]  # fmt: skip
METHODS = {"round_robin": "", "least_conn": "least_conn;", "ip_hash": "ip_hash;",
           "hash": "hash $arg_key;", "consistent": "hash $arg_key consistent;"}  # fmt: skip


@pytest.fixture(scope="module")
def containers():
    with scripted.Containers(scripted.HttpContainer) as made:
        yield made


def _configs(servers, containers):
    for parameters, container in zip(servers, containers.all, strict=False):
        address = Address("http", "127.0.0.1", container.port)
        yield ServerConfig(name=str(address), address=address, **parameters)


def _line(config: ServerConfig) -> str:
    words = [config.name, f"weight={config.weight}", f"max_fails={config.max_fails}"]
    words += [f"fail_timeout={config.fail_timeout_s}s", f"max_conns={config.max_conns}"]
    words += [word for word, on in (("backup", config.backup), ("down", config.down)) if on]
    return f"server {' '.join(words)};"


@pytest.fixture(scope="module")
def nginx_port(containers):
    upstreams, locations = "", ""
    for number, (method, servers, rules, steps) in enumerate(SCENARIOS):
        lines = " ".join(map(_line, _configs(servers, containers)))
        upstreams += f"upstream s{number} {{ {METHODS[method]} {lines} }}\n"
        rules = rules or NextUpstream()
        locations += f"location /{number}/ {{ proxy_pass http://s{number}; "
        if "?" in steps:
            locations += f"proxy_read_timeout {READ_TIMEOUT_S * 1000:.0f}ms; "
        locations += f"proxy_next_upstream {' '.join(rules.conditions) or 'off'}; "
        locations += f"proxy_next_upstream_tries {rules.tries}; }}\n"
    server = f"""server {{ listen 127.0.0.1:@port@;
        set_real_ip_from 127.0.0.1; real_ip_header X-Client;
        add_header X-Tried $upstream_addr always;
        {locations} }}"""
    with programs.nginx(upstreams + server) as program:
        yield program.port


@pytest.mark.parametrize(
    ("number", "scenario"),
    list(enumerate(SCENARIOS)),
    ids=[f"{number}-{method}" for number, (method, *_) in enumerate(SCENARIOS)],
)
def test_the_same_servers_in_the_same_order(nginx_port, containers, before, number, scenario):
    method, servers, rules, steps = scenario
    config = UpstreamConfig("s", tuple(_configs(servers, containers)), method)
    real = scripted.Real(containers, nginx_port, f"/{number}")
    ours = before(Upstream(config, rules or NextUpstream()), READ_TIMEOUT_S)
    containers.reset()
    seen = []
    try:
        for step in scripted.spell_out(steps):
            if step == "later":
                # A quarantine is a second in whole ones: the next second and the one after it.
                time.sleep(int(time.time()) + 2.05 - time.time())
                continue
            given = scripted.take(real, step)
            ours.front.now_s = time.time()
            seen.append((step, given, scripted.take(ours, step)))
    finally:
        real.end()
    assert [(step, mine) for step, _, mine in seen] == [(step, given) for step, given, _ in seen]
    assert any(given for _, given, _ in seen)
