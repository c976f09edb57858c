"""/healthz and /readyz of `was run`, from before the web apps start until they have stopped."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from programs import free_ports

pytestmark = pytest.mark.socket

SLOW_TO_START_AND_END = """
import os, time
from container.servlet import HttpServlet

def wait_for(file):
    while not os.path.exists(file):
        time.sleep(0.01)

class Main(HttpServlet):
    def init(self):
        print("starting", flush=True)
        wait_for("may-start")

    def doGet(self, request, response):
        response.getWriter().write("hello")

    def destroy(self):
        print("ending", flush=True)
        wait_for("may-end")
"""


@pytest.fixture
def admin() -> Callable[..., tuple[int, str]]:
    """A function that asks for a page; its port is admin.port."""

    def ask(path: str, accept: str = "*/*") -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{ask.port}{path}", headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    ask.port = free_ports(1)[0]
    return ask


def test_ready_between_starting_and_stopping_alive_all_the_time(
    web_app, start: Callable, admin, tmp_path: Path
) -> None:
    web_app(code=SLOW_TO_START_AND_END)
    running = start("container", "run", "--port", "0", "--admin-port", str(admin.port))
    running.wait_for("^starting")
    assert admin("/healthz") == (200, "alive\n")
    assert admin("/readyz") == (503, "not ready\n  starting\n")
    (tmp_path / "may-start").touch()
    running.wait_for(f"Health: http://127.0.0.1:{admin.port}/healthz and /readyz.")
    assert admin("/readyz") == (200, "ready\n")
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("^ending")
    assert admin("/healthz") == (200, "alive\n")
    status, text = admin("/readyz", "application/json")
    assert (status, json.loads(text)) == (503, {"ready": False, "reasons": ["stopping"]})
    (tmp_path / "may-end").touch()
    assert running.wait() == 0


def test_readiness_fails_first_and_requests_are_still_served(web_app, was_run, admin, tmp_path: Path) -> None:
    web_app()
    (tmp_path / "was.toml").write_text('drain-s = "1h"\n')
    running = was_run("--admin-port", str(admin.port))
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("^Stopping, within 3610 s")
    while admin("/readyz") == (200, "ready\n"):
        pass
    assert admin("/readyz") == (503, "not ready\n  draining\n")
    assert running.get("/main") == (200, "hello")
    running.stop()  # a second signal: at once


ALONE = {"event": [], "containers": ["--containers", "1"]}
MODELS = {
    "processes": ["--worker-processes", "2"],
    "worker": ["--mpm", "worker", "--start-servers", "1", "--min-spare-threads", "1"],
    "prefork": ["--mpm", "prefork", "--start-servers", "2", "--min-spare-servers", "1"],
}


@pytest.mark.parametrize("model", [*ALONE, *MODELS])
def test_while_draining_each_answer_is_the_last_of_its_connection(
    web_app, was_run, admin, model: str
) -> None:
    web_app()
    shared = ("--session-store", "sqlite", "--work", "work", "--drain-s", "1h", "--access-log", "off")
    flags = {**ALONE, **MODELS}[model]
    running = was_run(*flags, *shared, "--admin-port", str(admin.port))
    address = running.url.removeprefix("http://")
    before = http.client.HTTPConnection(address, timeout=120)
    before.request("GET", "/main")
    answer = before.getresponse()
    assert (answer.read(), answer.getheader("Connection")) == (b"hello", None)
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("^Stopping, within 3610 s")
    while admin("/readyz") == (200, "ready\n"):
        pass

    def ends(connection: http.client.HTTPConnection) -> bool:
        connection.request("GET", "/main")
        answer = connection.getresponse()
        assert answer.read() == b"hello"
        return answer.getheader("Connection") == "close"

    while not ends(before):  # a process may hear of it a little later than the admin address
        pass
    assert before.sock is None
    after = http.client.HTTPConnection(address, timeout=120)
    while not ends(after):
        pass
    running.stop()


def test_the_end_of_draining(web_app, was_run, admin) -> None:
    web_app()
    running = was_run("--admin-port", str(admin.port), "--drain-s", "100ms")
    assert running.stop() == 0
    with pytest.raises(urllib.error.URLError):
        admin("/healthz")


def test_a_web_app_that_does_not_start_is_a_reason(web_app, was_run, admin) -> None:
    web_app()
    web_app("broken", web_xml="<web-app>")
    running = was_run("--admin-port", str(admin.port))
    assert admin("/readyz") == (503, "not ready\n  web app /broken: failed\n")
    assert admin("/nothing")[0] == 404
    assert running.stop() == 0


@pytest.mark.parametrize("flags", MODELS.values(), ids=MODELS)
def test_the_admin_address_of_several_processes(web_app, was_run, admin, flags: list[str]) -> None:
    web_app()
    shared = ("--session-store", "sqlite", "--work", "work", "--drain-s", "1h", "--access-log", "off")
    running = was_run(*flags, *shared, "--admin-port", str(admin.port))
    assert f"Health: http://127.0.0.1:{admin.port}/healthz and /readyz" in "".join(running.said)
    assert admin("/healthz") == (200, "alive\n")
    assert admin("/readyz") == (200, "ready\n")
    status = json.loads(admin("/status", "application/json")[1])
    assert status["pid"] == running.process.pid
    assert f"process {running.process.pid}" in admin("/status")[1]
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("^Stopping, within 3610 s")
    while admin("/readyz") == (200, "ready\n"):
        pass
    assert admin("/readyz") == (503, "not ready\n  draining\n")
    assert running.get("/main") == (200, "hello")
    assert running.stop() == 128 + signal.SIGTERM
    with pytest.raises(urllib.error.URLError):
        admin("/healthz")


def test_web_apps_that_do_not_start_in_several_processes(web_app, was_run, admin) -> None:
    web_app()
    web_app("broken", web_xml="<web-app>")
    shared = ("--session-store", "sqlite", "--work", "work")
    running = was_run(*MODELS["processes"], *shared, "--admin-port", str(admin.port))
    assert admin("/readyz") == (503, "not ready\n  web apps that did not start: 1\n")
    assert running.stop() == 0


def test_an_admin_port_in_use_is_named(web_app, start: Callable) -> None:
    web_app()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        running = start("container", "run", "--port", "0", "--admin-port", str(port))
        assert running.wait() == 2
    assert running.said[0].startswith(f"--admin-port {port}: address already in use")
