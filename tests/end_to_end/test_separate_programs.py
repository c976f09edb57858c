"""Front and containers as programs of their own: `was container` twice, behind `was front` and nginx."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import programs
import pytest

pytestmark = pytest.mark.socket
LIMIT_S = 180.0  # for whatever a test waits for; never how long it takes

APP = """
import os
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        id = request.getSession().getId() if request.getPathInfo() == "/count" else "-"
        response.getWriter().write(f"{os.getpid()} {id} {request.getRemoteAddr()} {request.getRequestURL()}")
"""
CONFIG = r"""
map $cookie_JSESSIONID $node { default pool; "~\.n1$" n1; "~\.n2$" n2; }
upstream pool { server N1; server N2; }
upstream n1 { server N1; server N2 backup; }
upstream n2 { server N2; server N1 backup; }
server {
    listen 127.0.0.1:@port@;
    location / {
        proxy_pass http://$node;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
}
"""


class Place:
    """Where the front is, and the containers behind it by their routes."""

    def __init__(self, port: int, containers: dict) -> None:
        self.port = port
        self.pids = {route: str(running.process.pid) for route, running in containers.items()}

    def get(self, target: str, session: str = "") -> list[str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        connection.request("GET", target, headers={"Cookie": f"JSESSIONID={session}"} if session else {})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        assert answer.status == 200, (answer.status, body)
        return body.split()


@pytest.fixture(params=["was front", pytest.param("nginx", marks=pytest.mark.program("nginx"))])
def place(request, tmp_path: Path, web_app: Callable, start: Callable):
    """Unix sockets behind our own front; nginx may run as a user who cannot open them."""
    web_app(code=APP)
    containers, addresses = {}, {}
    for route in ("n1", "n2"):
        if request.param == "nginx":
            address = addresses[route] = f"127.0.0.1:{programs.free_ports(1)[0]}"
            trusted = "127.0.0.1"
        else:
            address = addresses[route] = f"unix:{tmp_path / route}.sock"
            trusted = "unix:"
        flags = ["--http", address, "--route", route, "--trusted-proxies", trusted, "--access-log", "off"]
        containers[route] = start("container", "container", *flags)
    for running in containers.values():
        running.wait_for("Ready after")
    config = CONFIG.replace("N1", addresses["n1"]).replace("N2", addresses["n2"])
    with contextlib.ExitStack() as ends:
        if request.param == "nginx":
            port = ends.enter_context(programs.nginx(config)).port
        else:
            port = programs.free_ports(1)[0]
            file = tmp_path / "nginx.conf"
            file.write_text(f"events {{}}\nhttp {{ {config.replace('@port@', str(port))} }}\n")
            start("container", "front", "--config", str(file)).wait_for("Ready after")
        yield Place(port, containers)


def test_requests_spread_and_sessions_stick(place: Place) -> None:
    assert {place.get("/main/")[0] for _ in range(4)} == set(place.pids.values())
    for _ in range(2):
        pid, session, client, url = place.get("/main/count")
        assert (client, url) == ("127.0.0.1", f"http://127.0.0.1:{place.port}/main/count")
        assert place.pids[session.partition(".")[2]] == pid
        for _ in range(3):
            assert place.get("/main/count", session)[:2] == [pid, session]


def test_sessions_of_a_dead_container_go_to_the_other_one(place: Place) -> None:
    _, session, _, _ = place.get("/main/count", "x.n1")
    assert session.endswith(".n1")
    os.kill(int(place.pids["n1"]), signal.SIGKILL)
    limit_s = time.monotonic() + LIMIT_S
    while place.get("/main/", session)[0] != place.pids["n2"]:
        assert time.monotonic() < limit_s
    assert {place.get("/main/")[0] for _ in range(4)} == {place.pids["n2"]}
