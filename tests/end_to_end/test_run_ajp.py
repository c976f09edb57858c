"""`was run --ajp-port`, in a process of its own."""

from __future__ import annotations

import http.client

import programs
import pytest
from ajp_front import AjpFront

from container.protocols.ajp13 import ForwardRequest

pytestmark = pytest.mark.socket
REQUEST = ForwardRequest(method="GET", uri=b"/main/", server_name="shop", secret=b"s3")
WITH_SESSION = """
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        response.getWriter().write(request.getSession().getId())
"""


def test_ajp_beside_http(was_run, web_app) -> None:
    web_app(code=WITH_SESSION)
    (port,) = programs.free_ports(1)
    running = was_run("--ajp-port", str(port), "--route", "n1", WAS_AJP_SECRET="s3")
    assert any(f"AJP for web servers on 127.0.0.1:{port}" in line for line in running.said)
    front = AjpFront(port)
    head, body, end = front.ask(REQUEST)
    assert (head.status, end.reuse) == (200, True)
    assert body.endswith(b".n1")
    assert b".n1;" in dict(head.headers)[b"Set-Cookie"]
    status, text = running.get("/main/")
    assert (status, text[-3:]) == (200, ".n1")
    assert running.stop() == 0
    assert front.next() is None  # an idle connection does not hold the process up
    front.close()


@pytest.mark.parametrize("model", [[], ["--mpm", "worker", "--server-limit", "1"]])
def test_a_container_with_ajp_alone(start, web_app, model: list[str]) -> None:
    web_app(code=WITH_SESSION)
    (port,) = programs.free_ports(1)
    flags = ["--ajp", f"127.0.0.1:{port}", *model]
    running = start("container", "container", *flags, "--route", "n1", "--work", "work", WAS_AJP_SECRET="s3")
    running.wait_for(rf"Ready after .* on ajp://127\.0\.0\.1:{port}/\.")
    assert "http://" not in "".join(running.said)
    front = AjpFront(port)
    head, body, _ = front.ask(REQUEST)
    assert (head.status, body[-3:]) == (200, b".n1")
    assert running.stop() == 0
    front.close()


@pytest.mark.parametrize("flags", [[], ["--containers", "2"]])
def test_without_http_there_has_to_be_ajp(start, web_app, flags: list[str]) -> None:
    web_app()
    running = start("container", "run", "--host", "off", *flags)
    assert running.wait() == 2
    assert "--host off: that is for --ajp-port alone." in "".join(running.said)


@pytest.mark.parametrize(
    ("flags", "cure"),
    [
        (["--ajp-host", "0.0.0.0"], "--ajp-secret"),
        (["--ajp-host", "nowhere.invalid"], "--ajp-host nowhere.invalid"),
        (["--ajp-allowed-request-attributes", "("], "--ajp-allowed-request-attributes"),
    ],
)
def test_what_does_not_start(start, web_app, flags: list[str], cure: str) -> None:
    web_app()
    (port,) = programs.free_ports(1)
    running = start("container", "run", "--port", "0", "--ajp-port", str(port), *flags)
    assert running.wait() == 2
    assert cure in "".join(running.said)


SHARED = ("--session-store", "sqlite", "--work", "work", "--access-log", "off")
MODELS = {
    "event": ("--worker-processes", "2"),
    "worker": (
        "--mpm",
        "worker",
        "--start-servers",
        "2",
        "--threads-per-child",
        "3",
        "--min-spare-threads",
        "1",
    ),
    "prefork": ("--mpm", "prefork", "--start-servers", "2", "--min-spare-servers", "1"),
}
COUNTS = """
import threading, time
from pathlib import Path
from container.servlet import HttpServlet

class Main(HttpServlet):
    def init(self):
        self.lock = threading.Lock()
        self.busy = self.most = 0

    def doGet(self, request, response):
        with self.lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
        if request.getPathInfo() == "/wait":
            print("waiting", flush=True)
            while not Path("go").exists():
                time.sleep(0.01)
        response.getWriter().write(str(self.most))
        with self.lock:
            self.busy -= 1

    def doPost(self, request, response):
        response.getWriter().write(str(len(request.getInputStream().read())))
"""


@pytest.mark.parametrize("model", MODELS)
def test_ajp_beside_http_in_several_processes(model: str, was_run, web_app) -> None:
    web_app(code=COUNTS)
    (port,) = programs.free_ports(1)
    running = was_run("--ajp-port", str(port), *SHARED, *MODELS[model], WAS_AJP_SECRET="s3")
    fronts = [AjpFront(port) for _ in range(6)]
    for front in fronts * 2:
        head, body, end = front.ask(REQUEST)
        assert (head.status, end.reuse) == (200, True)
        assert body.isdigit()
        post = ForwardRequest(
            method="POST",
            uri=b"/main/",
            server_name="shop",
            secret=b"s3",
            headers=[(b"Content-Length", b"50000")],
        )
        assert front.ask(post, bytes(50_000))[1] == b"50000"
    assert running.get("/main/")[0] == 200
    assert running.stop() == 0
    for front in fronts:
        assert front.next() is None  # an idle connection does not hold a process up
        front.close()


@pytest.mark.parametrize(
    ("flags", "most"),
    [
        (("--mpm", "prefork", "--max-request-workers", "1", "--start-servers", "1"), b"1"),
        (("--mpm", "worker", "--server-limit", "1", "--threads-per-child", "4"), b"2"),
    ],
    ids=["prefork", "worker"],
)
def test_a_process_of_prefork_does_one_thing_at_a_time(
    flags, most: bytes, was_run, web_app, tmp_path
) -> None:
    web_app(code=COUNTS)
    (port,) = programs.free_ports(1)
    running = was_run("--ajp-port", str(port), *flags, WAS_AJP_SECRET="s3")
    address = running.url.removeprefix("http://")
    slow = http.client.HTTPConnection(address, timeout=120)
    slow.request("GET", "/main/wait")
    running.wait_for("^waiting")
    front = AjpFront(port)
    front.send(REQUEST)
    if most == b"2":
        assert front.answer()[1] == b"2"
    (tmp_path / "go").touch()
    if most == b"1":
        assert front.answer()[1] == b"1"
    assert slow.getresponse().read() == most
    slow.close()
    front.close()
    assert running.stop() == 0


def test_a_process_with_ajp_ends_after_so_many_connections(was_run, web_app) -> None:
    web_app(code=COUNTS)
    (port,) = programs.free_ports(1)
    flags = (
        "--mpm",
        "worker",
        "--start-servers",
        "1",
        "--min-spare-threads",
        "1",
        "--max-connections-per-child",
        "3",
    )
    running = was_run("--ajp-port", str(port), *SHARED, *flags, WAS_AJP_SECRET="s3")
    for _ in range(10):  # three processes have ended, and the fourth does not yet
        assert running.get("/main/")[0] == 200
    front = AjpFront(port)
    assert front.ask(REQUEST)[0].status == 200
    front.close()
    assert running.stop() == 0
