"""`was run --containers` with a front of several processes: what one loop does, all of them do."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import programs
import pytest
from load import is_gone, wait_until
from served import ask
from test_containers import HANG_S, leftovers, serve, stops_under_load, tmp

pytestmark = pytest.mark.socket
__all__ = ["serve", "tmp"]  # fixtures

MODELS = {
    "event": ["--worker-processes", "2"],
    "worker": ["--mpm", "worker", "--start-servers", "2", "--min-spare-threads", "1"],
    "prefork": [
        "--mpm", "prefork", "--start-servers", "8", "--min-spare-servers", "1", "--max-spare-servers", "10",
    ],
}  # fmt: skip


@pytest.fixture(params=list(MODELS))
def flags(request) -> list[str]:
    return MODELS[request.param]


def fronts(cluster) -> set[int]:
    """The processes that accept, from what they tell of their balancers."""
    return {group["process"] for group in cluster.status()["groups"]}


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_requests_sessions_and_files(flags: list[str], serve) -> None:
    cluster = serve(2, *flags, "--access-log", "access.log")
    assert cluster.get("/page.txt") == "static"
    for _ in range(4):
        session_id, count, pid = cluster.get("/main/count").split()
        assert count == "1"
        assert int(pid) == cluster.containers()[session_id.partition(".")[2]]
        for wanted in ("2", "3"):
            again = cluster.get("/main/count", {"Cookie": f"JSESSIONID={session_id}"}).split()
            assert again == [session_id, wanted, pid]
    wait_until(lambda: len(fronts(cluster)) >= 2)
    assert cluster.running.stop() == 0
    assert len((cluster.folder / "access.log").read_text().splitlines()) == 13


def test_a_killed_container_costs_no_idempotent_request_and_comes_back(flags: list[str], serve) -> None:
    cluster = serve(2, *flags)
    before = cluster.containers()
    with cluster.load() as load:
        load.go_on()
        os.kill(before["r1"], signal.SIGKILL)
        after = cluster.wait_for(lambda found: found.get("r1", before["r1"]) != before["r1"])
        load.go_on()
        wait_until(lambda: load.answers[str(after["r1"])] > 0)
    assert load.failures == []
    assert cluster.running.stop() == 0


def test_a_reload_under_load_fails_no_request(flags: list[str], serve) -> None:
    cluster = serve(2, *flags)
    before = cluster.containers()
    with cluster.load("GET", "PUT", "POST") as load:
        load.go_on()
        os.kill(cluster.pid, signal.SIGHUP)
        cluster.wait_for(lambda found: len(found) == 2 and not set(found.values()) & set(before.values()))
        wait_until(lambda: len(cluster.status()["containers"]) == 2)  # the old ones have gone
        load.go_on()
    assert load.failures == []
    assert cluster.running.stop() == 0


def test_a_killed_front_process_is_replaced_and_knows_the_containers(flags: list[str], serve) -> None:
    cluster = serve(2, *flags)
    cluster.get("/main/")
    wait_until(lambda: len(fronts(cluster)) >= 2)
    before = fronts(cluster)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in fronts(cluster) and fronts(cluster) - before)
    assert len({cluster.get("/main/") for _ in range(12)}) == 2
    assert cluster.get("/page.txt") == "static"
    assert cluster.running.stop() == 0


def test_a_stop_under_load_fails_no_request_and_leaves_nothing_behind(flags: list[str], serve) -> None:
    cluster = serve(2, *flags)
    stops_under_load(cluster, signal.SIGTERM, cluster.containers().values(), clients=3)


def test_a_second_signal_ends_all_at_once(serve, tmp: Path) -> None:
    cluster = serve(1, *MODELS["event"], "--stop-timeout-s", "600")
    pids = [*cluster.containers().values(), *children_of(cluster.pid)]
    slow = cluster.connect()
    slow.request("GET", "/main/wait")
    cluster.running.wait_for("waiting")
    cluster.running.process.send_signal(signal.SIGTERM)
    cluster.running.wait_for("Stopping")
    assert cluster.running.stop() == 128 + signal.SIGTERM
    slow.close()
    wait_until(lambda: all(map(is_gone, pids)))
    assert leftovers(tmp) == []


def test_all_end_when_the_first_process_is_killed_and_leave_nothing_behind(serve, tmp: Path) -> None:
    cluster = serve(1, *MODELS["event"])
    own = children_of(cluster.pid)
    below = [pid for child in own for pid in children_of(child)]
    os.kill(cluster.pid, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, own + below)))
    assert not list(tmp.glob("was-*"))


def test_all_end_when_the_fronts_master_is_killed(serve, tmp: Path) -> None:
    cluster = serve(1, *MODELS["event"])
    containers = set(cluster.containers().values())
    (master,) = set(children_of(cluster.pid)) - containers
    os.kill(master, signal.SIGKILL)
    assert cluster.running.wait() == 1
    wait_until(lambda: all(map(is_gone, containers)))
    assert leftovers(tmp) == []


def test_a_container_that_hangs_is_replaced(serve) -> None:
    cluster = serve(2, *MODELS["event"], "--hang-timeout-s", HANG_S)
    before = cluster.containers()
    os.kill(before["r1"], signal.SIGSTOP)
    after = cluster.wait_for(lambda found: found.get("r1", before["r1"]) != before["r1"])
    wait_until(lambda: cluster.get("/main/") == str(after["r1"]))


def test_new_code_changes_what_files_there_are(serve) -> None:
    cluster = serve(1, *MODELS["event"])
    assert cluster.get("/page.txt") == "static"
    web_xml = cluster.folder / "webapps" / "ROOT" / "WEB-INF" / "web.xml"
    web_xml.write_text(web_xml.read_text().replace("/main/*", "*.txt"))
    os.kill(cluster.pid, signal.SIGHUP)
    wait_until(lambda: cluster.get("/page.txt") != "static")


@pytest.mark.parametrize("limits", [(), ("--stop-timeout-s", "9", "--graceful-shutdown-timeout-s", "9")])
def test_readiness_and_draining(limits: tuple[str, ...], serve) -> None:
    (port,) = programs.free_ports(1)
    cluster = serve(1, *MODELS["event"], "--admin-port", str(port), "--drain-s", "1h", *limits)

    def readyz() -> tuple[int, str]:
        return ask(port, "/readyz")

    assert readyz() == (200, "ready\n")
    cluster.running.process.send_signal(signal.SIGTERM)
    wait_until(lambda: readyz() == (503, "not ready\n  draining\n"))
    assert cluster.get("/main/")
    cluster.running.stop()
