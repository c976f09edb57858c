"""The same workers given to Apache with mod_jk and to ours: the same order, the same answers.

The steps are those of scripted.py.
"""

from __future__ import annotations

import programs
import pytest
import scripted

from container.front.balancer import Address
from container.front.jk import Activation, LbConfig, LoadBalancer, WorkerConfig

pytestmark = [pytest.mark.socket, pytest.mark.program("mod_jk")]
REPLY_TIMEOUT_MS = 600
DEAF = frozenset({"down"})

TWO = [{}, {}]
THREE = [{}, {}, {}]
DISABLED = {"activation": Activation.DISABLED}
STOPPED = {"activation": Activation.STOPPED}
EAST, WEST = {"domain": "east"}, {"domain": "west"}


def factors(*values):
    return [{"lbfactor": value} for value in values]


def both(count=2, **parameters):
    return [parameters] * count


SCENARIOS = [
    (factors(1, 1), {}, "8"),
    (factors(3, 1), {}, "12"),
    (factors(2, 1), {}, "15"),
    (factors(2, 1, 1), {}, "12"),
    (factors(1, 1, 1), {}, "9"),
    (factors(5, 3), {}, "16"),
    (factors(7, 2, 4), {}, "26"),
    (factors(3, 1), {"method": "S"}, "9 as:x.b as:x.b as:x.b as:x as:x as:x 9"),
    (factors(3, 1), {"method": "N"}, "9 as:x.b as:x.b as:x.b as:x as:x as:x 9"),
    (factors(3, 1), {"method": "B"}, "9 hold hold hold hold hold hold free:A 5 free:B 4"),
    (THREE, {"method": "B"}, "6 hold: hold: 5 free:A 4"),
    (THREE, {}, "6 as:x.b as:x.b as:x.b 8"),
    (TWO, {"sticky_session": False}, "as:x.b as:x.b as:x.b as:x.b"),
    (TWO, {}, "as:x.gone as:x.gone as:x as:x as:a.b.b as:x."),
    (TWO, {}, "4 -B as:x.b as:x.b 4 +B as:x.b 3"),
    (TWO, {}, "-A -B 3 +A 2 +B 2"),
    (THREE, {}, "-A -B 3 -C 2 +B 3"),
    (THREE, {"lb_retries": 3}, "-A -B 3 -C 2 +C 3"),
    (THREE, {"lb_retries": 1, "retries": 3}, "-A 3 -B 3"),
    ([{}], {}, "as:x.a as:x.gone -A 2 +A 2"),
    ([{}], {"sticky_session_force": True}, "as:x as:x.gone 1"),
    (TWO, {"sticky_session_force": True}, "as:x as:x.gone as:x.a 3 -A as:x.a as:x.a 2 +A as:x.a"),
    ([DISABLED, {}], {}, "3 as:x.a as:x.a"),
    ([STOPPED, {}], {}, "3 as:x.a as:x.a"),
    ([DISABLED], {}, "as:x.a 1"),
    ([STOPPED], {}, "as:x.a 1"),
    ([{"lbfactor": 2, "redirect": "c"}, {"redirect": "c"}, DISABLED], {"lb_retries": 3},
     "12 as:x.c -A 4 -B 3 as:x.a"),
    ([{"redirect": "b"}, DISABLED, {}], {"lb_retries": 3}, "4 -A as:x.a as:x.a 3 -B as:x.a 2"),
    ([EAST, EAST, WEST], {}, "as:x.a -A as:x.a as:x.a -B as:x.a as:x.east as:x.west"),
    ([EAST, EAST, WEST], {}, "as:x.east as:x.east as:x.east as:x.west as:x.west 6"),
    ([{"distance": 1}, {}, {}], {}, "6 -B -C 3"),
    ([{"distance": 1}, {"distance": 1}, {}], {}, "4 as:x.a -C 4"),
    (TWO, {}, "A! 1 post 2"),
    (TWO, {}, "A! post post"),
    (both(recovery_options=7), {}, "A! as:x.a as:x.a"),
    (both(recovery_options=7), {}, "A! postas:x.a postas:x.a"),
    (both(recovery_options=17), {}, "A! as:x.a"),
    (both(recovery_options=17), {}, "A! postas:x.a"),
    (both(recovery_options=25), {}, "A! as:x.a"),
    (both(retries=1), {"retries": 1}, "A! 3 B! 2"),
    (both(retries=3), {"retries": 1}, "-A -B 1 +A 1"),
    (TWO, {}, "A! B! 2"),
    (TWO, {}, "A? B? 2"),
    (both(recovery_options=3), {}, "A? as:x.a as:x.a"),
    (both(recovery_options=3), {"max_reply_timeouts": 1}, "A? as:x.a as:x.a as:x.a"),
    ([{"fail_on_status": (503,)}, {}], {}, "2 A=503 4 A=500 as:x.a"),
    ([{"fail_on_status": (-503,)}, {}], {}, "2 A=503 4 as:x.a"),
    ([{"fail_on_status": (503, -404)}, {}], {}, "A=404 as:x.a as:x.a A=503 as:x.a as:x.a"),
    (both(fail_on_status=(503,)), {}, "A=503 B=503 2"),
    (both(fail_on_status=(-503,)), {"retries": 1}, "A=503 B=503 2 +A 2"),
    ([{"fail_on_status": (-503,), "recovery_options": 7}, {}], {}, "A=503 postas:x.a as:x.a"),
    ([{"busy_limit": 1}, {}], {}, "hold:x.a as:x.a as:x.a 3 free:A as:x.a 2"),
    (both(recovery_options=1, retries=1), {}, "hold:x.a A! as:y.a as:y.a as:y.a 2 free:A as:y.a as:y.a"),
]  # fmt: skip


def _workers(number: int, servers, containers) -> list[WorkerConfig]:
    return [
        WorkerConfig(
            f"s{number}{container.letter}",
            Address("ajp", "127.0.0.1", container.port),
            **{"route": container.letter.lower(), "retry_interval_s": 0.01, **parameters},
        )
        for container, parameters in zip(containers.all, servers, strict=False)
    ]


def _lines(prefix: str, **directives) -> str:
    words = {True: "1", False: "0", **{each: each.name.lower() for each in Activation}}
    text = ""
    for name, value in directives.items():
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        text += f"{prefix}.{name}={words.get(value, value)}\n"
    return text


@pytest.fixture(scope="module")
def containers():
    with scripted.Containers(scripted.AjpContainer) as made:
        yield made


@pytest.fixture(scope="module")
def apache_port(containers):
    names = [f"s{number}" for number in range(len(SCENARIOS))]
    lines = f"worker.list={','.join(names)}\nworker.maintain=3600\n"
    for number, (servers, parameters, steps) in enumerate(SCENARIOS):
        workers = _workers(number, servers, containers)
        lines += f"worker.s{number}.type=lb\nworker.s{number}.retry_interval=10\n"
        lines += f"worker.s{number}.balance_workers={','.join(each.name for each in workers)}\n"
        lines += _lines(f"worker.s{number}", **parameters)
        for worker, own in zip(workers, servers, strict=True):
            prefix = f"worker.{worker.name}"
            lines += _lines(
                prefix, host="127.0.0.1", port=worker.address.port, retry_interval=10, route=worker.route
            )
            if "?" in steps:
                lines += _lines(prefix, reply_timeout=REPLY_TIMEOUT_MS)
            lines += _lines(prefix, **own)
    mounts = "".join(f"JkMount /{name}/* {name}\n" for name in names)
    one_process = (
        "StartServers 1\nServerLimit 1\nThreadsPerChild 12\nMaxRequestWorkers 12\nMaxSpareThreads 12\n"
    )
    with programs.apache(one_process + mounts, workers=lines) as program:
        yield program.port


@pytest.mark.parametrize(
    ("number", "scenario"), list(enumerate(SCENARIOS)), ids=[f"{at}" for at in range(len(SCENARIOS))]
)
def test_the_same_workers_in_the_same_order(apache_port, containers, before, number, scenario):
    servers, parameters, steps = scenario
    workers = tuple(_workers(number, servers, containers))
    config = LbConfig(f"s{number}", workers, **{"retry_interval_s": 0.01, "maintain_s": 0, **parameters})
    containers.reset()
    real = scripted.Real(containers, apache_port, f"/s{number}")
    ours = before(LoadBalancer(config), REPLY_TIMEOUT_MS / 1000, DEAF)
    seen = []
    try:
        for step in scripted.spell_out(steps):
            seen.append((step, scripted.take(real, step), scripted.take(ours, step)))
    finally:
        real.end()
    assert [(step, mine) for step, _, mine in seen] == [(step, given) for step, given, _ in seen]
    assert any(given for _, given, _ in seen)
