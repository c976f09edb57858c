"""Active health checks of a running `was front`: who is unhealthy gets no request, though it would answer."""

from __future__ import annotations

import http.server
import json
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import programs
import pytest
from load import LIMIT_S, wait_until
from scripted import AjpContainer, Containers

pytestmark = pytest.mark.socket

NGINX = """
events {{ }}
http {{
    access_log off;
    upstream shop {{ server {A}; server {B}; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://shop;
            health_check uri=/health interval=300ms fails=2 passes=2;
        }}
    }}
}}
"""
HTTPD = """
Listen 127.0.0.1:{port}
<Proxy balancer://shop>
    BalancerMember http://{A} hcmethod=GET hcuri=/health hcinterval=300ms hcfails=2 hcpasses=2
    BalancerMember http://{B} hcmethod=GET hcuri=/health hcinterval=300ms hcfails=2 hcpasses=2
</Proxy>
ProxyPass / balancer://shop/
"""


class Member(http.server.ThreadingHTTPServer):
    """Answers with its letter, whatever its health is."""

    daemon_threads = True

    def __init__(self, letter: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.letter = letter
        self.health = 200  # 0: it does not answer
        self.checks = 0
        self.stop = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Member

    def do_GET(self) -> None:
        status, body = 200, self.server.letter.encode()
        if self.path == "/health":
            self.server.checks += 1
            while not self.server.health and not self.server.stop.wait(0.01):
                pass
            status = self.server.health or 500
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def members() -> Iterator[dict[str, Member]]:
    members = {letter: Member(letter) for letter in "AB"}
    yield members
    for each in members.values():
        each.stop.set()
        each.shutdown()
        each.server_close()


@pytest.fixture
def serve(start, tmp_path: Path) -> Callable:
    """A function that starts a front, and one that asks it."""
    port = programs.free_ports(1)[0]

    def serve(text: str, addresses: dict[str, str], *flags: str, name: str = "nginx.conf"):
        (tmp_path / name).write_text(text.format(port=port, **addresses))
        running = start(
            "container", "front", "--config", name, "--work", "work", "--log", "front.log", *flags
        )
        running.wait_for(r"Ready after .* on http")
        running.url = f"http://127.0.0.1:{port}"
        return running

    return serve


def letters(running, count: int = 6) -> str:
    return "".join(running.get("/x")[1] for _ in range(count))


def addresses(members: dict[str, Member]) -> dict[str, str]:
    return {letter: member.address for letter, member in members.items()}


@pytest.mark.parametrize(("name", "text"), [("nginx.conf", NGINX), ("httpd.conf", HTTPD)])
@pytest.mark.parametrize("ill", [503, 0], ids=["status", "silence"])
def test_who_is_unhealthy_is_left_out_until_it_is_well(
    name: str, text: str, ill: int, serve, members
) -> None:
    front = serve(text, addresses(members), name=name)
    wait_until(lambda: members["A"].checks and members["B"].checks)
    wait_until(lambda: set(letters(front)) == {"A", "B"})
    members["A"].health = ill
    wait_until(lambda: letters(front) == "BBBBBB")
    members["A"].health = 200
    wait_until(lambda: "A" in letters(front))
    assert front.stop() == 0


MODELS = {
    "event": ["--worker-processes", "2"],
    "worker": [
        "--mpm",
        "worker",
        "--start-servers",
        "2",
        "--threads-per-child",
        "4",
        "--min-spare-threads",
        "1",
    ],
    "prefork": ["--mpm", "prefork", "--start-servers", "3", "--min-spare-servers", "1"],
}


@pytest.mark.parametrize("model", MODELS)
def test_one_process_asks_for_all(model: str, serve, members, tmp_path: Path) -> None:
    front = serve(NGINX, addresses(members), *MODELS[model])
    log = tmp_path / "front.log"
    of_b = f"shop: {members['B'].address} is "
    members["B"].health = 500
    wait_until(lambda: letters(front, 12) == "A" * 12)
    wait_until(lambda: f"{of_b}unhealthy: GET /health is answered with 500" in log.read_text())
    assert log.read_text().count(of_b) == 1
    members["B"].health = 200
    wait_until(lambda: "B" in letters(front, 12))
    wait_until(lambda: f"{of_b}healthy again" in log.read_text())
    assert front.stop() == 0


def test_a_reload_does_not_forget_who_is_unhealthy(serve, members, tmp_path: Path) -> None:
    text = NGINX.replace("interval=300ms", "interval=1h")  # from now on
    front = serve(NGINX.replace("interval=300ms", "interval=1s"), addresses(members))
    members["A"].health = 503
    wait_until(lambda: letters(front) == "BBBBBB")
    port = front.url.rpartition(":")[2]
    again = text.replace("location / {{", "location = /version {{ return 200 new; }}\n location / {{")
    (tmp_path / "nginx.conf").write_text(again.format(port=port, **addresses(members)))
    front.process.send_signal(signal.SIGHUP)
    wait_until(lambda: front.get("/version")[1] == "new")
    assert letters(front, 20) == "B" * 20
    assert front.stop() == 0


def test_a_reload_that_brings_the_first_checks(serve, members, tmp_path: Path) -> None:
    front = serve(NGINX.replace("health_check", "# health_check"), addresses(members))
    members["A"].health = 503
    assert members["A"].checks == 0
    port = front.url.rpartition(":")[2]
    (tmp_path / "nginx.conf").write_text(NGINX.format(port=port, **addresses(members)))
    front.process.send_signal(signal.SIGHUP)
    wait_until(lambda: letters(front) == "BBBBBB")
    assert front.stop() == 0


def test_with_nobody_healthy_the_answer_is_502(serve, members) -> None:
    front = serve(NGINX, addresses(members))
    for each in members.values():
        each.health = 500
    wait_until(lambda: front.get("/x")[0] == 502)
    members["B"].health = 200
    wait_until(lambda: front.get("/x") == (200, "B"))
    assert front.stop() == 0


def test_status_and_the_admin_address_show_it(serve, members) -> None:
    port = programs.free_ports(1)[0]
    front = serve(NGINX, addresses(members), "--admin-port", str(port))
    members["A"].health = 500

    def states() -> list[str]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/status", headers={"Accept": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            front_status = json.load(answer)["front"] or {"groups": []}
        return [member["state"] for group in front_status["groups"] for member in group["members"]]

    wait_until(lambda: states() == ["unhealthy", "up"])
    assert front.stop() == 0


def test_ajp_members_are_pinged(serve) -> None:
    with Containers(AjpContainer) as containers:
        ports = {each.letter: f"127.0.0.1:{each.port}" for each in containers.all}
        text = """
Listen 127.0.0.1:{port}
<Proxy balancer://shop>
    BalancerMember ajp://{A} hcmethod=CPING hcinterval=300ms retry=0
    BalancerMember ajp://{B} hcmethod=CPING hcinterval=300ms retry=0
</Proxy>
ProxyPass / balancer://shop/
"""
        front = serve(text, ports, name="httpd.conf")
        wait_until(lambda: set(letters(front)) == {"A", "B"})
        containers["A"].stop()
        wait_until(lambda: letters(front) == "BBBBBB")
        containers["A"].start()
        wait_until(lambda: "A" in letters(front))
        assert front.stop() == 0


def test_a_member_that_accepts_and_says_nothing(serve, members) -> None:
    """Its listener is there, its program hangs: the kernel takes the connections."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        both = {**addresses(members), "A": f"127.0.0.1:{silent.getsockname()[1]}"}
        front = serve(NGINX.replace("proxy_pass", "proxy_read_timeout 30s; proxy_pass"), both)

        def is_known() -> bool:
            try:
                for _ in range(4):
                    with urllib.request.urlopen(f"{front.url}/x", timeout=0.5) as answer:
                        assert answer.read() == b"B"
                return True
            except (TimeoutError, urllib.error.URLError):
                return False

        wait_until(is_known)
        front.stop()
