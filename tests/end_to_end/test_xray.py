"""`was run --xray`: each request's way through all processes, asked for as the page does."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import free_ports

pytestmark = pytest.mark.socket
LIMIT_S = 180.0

APP = """
import time
from pathlib import Path
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        response.setContentType("text/plain")
        if request.getPathInfo() == "/wait":
            print("waiting", flush=True)
            while not Path("go").exists():
                time.sleep(0.01)
        request.getSession()
        names = [name for name in request.getHeaderNames() if name.lower().startswith("x-was")]
        response.getWriter().write(f"hello {names}")
"""


class Seen:
    """A running server and its X-ray."""

    def __init__(self, running) -> None:
        self.running = running
        said = "".join(running.said)
        self.page = said.partition("X-ray of each request: ")[2].partition("\n")[0]

    def get(self, path: str, **headers: str) -> tuple[int, str, list[str]]:
        """Status, text and the Server-Timing fields."""
        request = urllib.request.Request(self.running.url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return answer.status, answer.read().decode(), answer.headers.get_all("Server-Timing") or []

    def ask(self, path: str) -> Any:
        """What the page would get; the process of the page may be replaced meanwhile."""
        limit_s = time.monotonic() + LIMIT_S
        while self.running.process.poll() is None:
            with contextlib.suppress(ConnectionError, urllib.error.URLError):
                return self._ask(path)
            assert time.monotonic() < limit_s
            time.sleep(0.05)
        return self._ask(path)

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(self.page + path, timeout=LIMIT_S) as answer:
            return json.load(answer)

    def record(self, target: str, is_complete: Callable[[dict], object]) -> dict:
        """The record of a target, as soon as it is complete."""
        limit_s = time.monotonic() + LIMIT_S
        found: dict = {}
        while time.monotonic() < limit_s:
            for each in self.ask("/requests.json")["requests"]:
                if each["target"] == target:
                    found = self.ask(f"/requests/{urllib.request.quote(each['id'])}.json")
                    if is_complete(found):
                        return found
            time.sleep(0.02)
        raise AssertionError(found)


def steps(record: dict, lane: str) -> list[str]:
    return [span["what"] for span in record["spans"] if span["lane"] == lane]


def has(*what: str) -> Callable[[dict], bool]:
    return lambda record: {span["what"] for span in record["spans"]} >= set(what)


@pytest.fixture
def run(was_run, web_app) -> Iterator[Callable[..., Seen]]:
    started: list[Seen] = []

    def run(*flags: str) -> Seen:
        folder = web_app(code=APP)
        (folder / "a.css").write_text("p {}")
        started.append(Seen(was_run(*flags)))
        return started[-1]

    yield run
    for seen in started:
        if seen.running.process.poll() is None:
            seen.running.stop()  # killed, it could not remove its folders


def test_one_process(run):
    seen = run("--xray")
    status, text, timing = seen.get("/main/x")
    assert (status, text, len(timing)) == (200, "hello []", 1)
    assert {"front", "queue", "servlet", "total"} <= {
        each.partition(";")[0].strip() for each in timing[0].split(",")
    }
    record = seen.record("/main/x", has("answered", "destroyed"))
    assert steps(record, "client") == ["waits"]
    assert steps(record, "front") == ["accepted", "decide", "files", "delegated", "queue", "answered"]
    assert [what for what in steps(record, "container") if what != "session-load"] == [
        "thread", "context", "map", "created", "servlet", "finish", "session-save", "commit", "destroyed",
    ]  # fmt: skip
    [mapping] = [span for span in record["spans"] if span["what"] == "map"]
    assert mapping["because"] == [
        {"where": "ROOT/WEB-INF/web.xml:9:5", "text": "<url-pattern>/main/*</url-pattern>"}
    ]
    [thread] = [span for span in record["spans"] if span["what"] == "thread"]
    assert thread["facts"]["new"] is True
    assert seen.running.stop() == 0


def test_a_file_never_gets_to_the_container(run):
    seen = run("--xray")
    assert len(seen.get("/a.css")[2]) == 1
    record = seen.record("/a.css", has("answered"))
    assert (record["by"], steps(record, "container")) == ("front", [])
    assert steps(record, "front") == ["accepted", "decide", "files", "commit", "answered"]


def test_on_with_dev_unless_it_is_off(run, was_run):
    assert run("--dev").get("/main/x")[2]
    off = was_run("--dev", "--xray", "off")
    assert "X-ray" not in "".join(off.said)
    with urllib.request.urlopen(off.url + "/main/x", timeout=LIMIT_S) as answer:
        assert "Server-Timing" not in answer.headers


def test_beside_health_on_the_admin_port(run, tmp_path: Path):
    [port] = free_ports(1)
    seen = run("--xray", "--admin-port", str(port))
    assert seen.page == f"http://127.0.0.1:{port}/xray"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=LIMIT_S) as answer:
        assert answer.status == 200


def test_a_front_and_containers_make_one_record(run):
    seen = run("--xray", "--containers", "2")
    status, text, timing = seen.get("/main/x", **{"X-Was-Record": "77-7"})
    assert (status, text, len(timing)) == (200, "hello []", 2)
    names = [each.strip().partition(";")[0] for field in timing for each in field.split(",")]
    assert (names.count("container"), names.count("total"), len(set(names))) == (1, 1, len(names))
    record = seen.record("/main/x", has("destroyed", "session-save", "pass"))
    front, container = record["processes"]
    assert container in ("r1", "r2")
    assert {span["process"] for span in record["spans"] if span["lane"] == "container"} == {container}
    assert {span["process"] for span in record["spans"] if span["lane"] != "container"} == {front}
    assert [what for what in steps(record, "front") if what not in ("connect", "wait", "pass")] == [
        "accepted", "decide", "files", "delegated", "route", "backend", "commit", "answered",
    ]  # fmt: skip
    by_name = {span["what"]: span for span in record["spans"]}
    assert by_name["backend"]["name"] == container
    assert by_name["backend"]["facts"]["why"]
    inner, outer = by_name["servlet"], by_name["backend"]
    assert outer["at_us"] <= inner["at_us"]
    assert inner["at_us"] + inner["took_us"] <= outer["at_us"] + outer["took_us"]
    assert seen.running.stop() == 0


def test_a_request_that_goes_on_can_be_seen(run, tmp_path: Path):
    seen = run("--xray", "--containers", "1")
    waiting = urllib.request.Request(seen.running.url + "/main/wait")
    visitor = threading.Thread(target=lambda: urllib.request.urlopen(waiting, timeout=LIMIT_S).close())
    visitor.start()
    try:
        seen.running.wait_for("waiting")
        record = seen.record("/main/wait", has("servlet"))
        assert not record["is_over"]
        assert {span["what"] for span in record["spans"] if span["took_us"] is None} >= {"backend", "servlet"}
    finally:
        (tmp_path / "go").touch()
        visitor.join()
    assert seen.record("/main/wait", lambda record: record["is_over"])["status"] == 200


MORTAL = """
import os
from pathlib import Path
from container.servlet import HttpServlet, WebServlet

@WebServlet("/die")
class Main(HttpServlet):
    def doGet(self, request, response):
        if not Path("died").exists():
            Path("died").touch()
            os._exit(9)
        response.getWriter().write("lives")
"""


def test_a_container_that_dies_and_the_one_that_answers(was_run, web_app):
    web_app(code=MORTAL, web_xml='<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"/>')
    seen = Seen(was_run("--xray", "--containers", "2"))
    assert seen.get("/die")[1] == "lives"
    record = seen.record("/die", has("destroyed"))
    first, second = [span for span in record["spans"] if span["what"] == "backend"]
    assert (first["facts"]["failure"], "failure" in second["facts"]) == ("read", False)
    assert first["name"] != second["name"]
    assert record["processes"][-1] == second["name"]
    mapping = next(span for span in record["spans"] if span["what"] == "map")
    assert mapping["because"] == [
        {"where": "ROOT/WEB-INF/classes/app.py:7:1", "text": '@WebServlet("/die") class Main(HttpServlet):'}
    ]
    assert seen.running.stop() == 0


def test_a_reload_of_several_processes(run):
    seen = run("--xray", "--session-store", "sqlite", "--work", "work", "--worker-processes", "2")
    seen.get("/main/before")
    seen.record("/main/before", has("answered"))
    seen.running.process.send_signal(signal.SIGHUP)
    seen.running.wait_for("Reloaded")
    limit_s = time.monotonic() + LIMIT_S
    while not [each for each in seen.ask("/requests.json")["requests"] if each["target"] == "/main/after"]:
        assert time.monotonic() < limit_s
        seen.get("/main/after")  # an old process may have answered the one before, and have ended
        time.sleep(0.05)


@pytest.mark.parametrize(
    "model",
    [
        ("--mpm", "prefork", "--start-servers", "2", "--max-request-workers", "3"),
        ("--mpm", "worker", "--start-servers", "1", "--server-limit", "2"),
        ("--worker-processes", "2"),
    ],
)
def test_several_processes_have_one_page(run, model):
    seen = run("--xray", "--session-store", "sqlite", "--work", "work", *model)
    for number in range(6):
        seen.get(f"/main/{number}")
    for number in range(6):
        record = seen.record(f"/main/{number}", has("answered", "destroyed"))
        assert {"map", "servlet", "session-save"} <= set(steps(record, "container"))
        assert record["id"].startswith(f"{record['processes'][0]}~")
    assert seen.running.stop(signal.SIGINT) == 0
    with pytest.raises(urllib.error.URLError):
        seen.ask("/requests.json")


def test_the_page_ends_with_a_supervisor_that_is_killed(run):
    seen = run("--xray", "--mpm", "prefork", "--start-servers", "1", "--max-request-workers", "1")
    seen.running.process.kill()
    limit_s = time.monotonic() + LIMIT_S
    while True:
        try:
            seen.ask("/requests.json")
        except OSError:
            return
        assert time.monotonic() < limit_s
        time.sleep(0.05)
