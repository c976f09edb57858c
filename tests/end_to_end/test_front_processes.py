"""`was front` as several processes: models, reloads, signals, deaths, what the configuration says of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import programs
import pytest
import trustme
from fronts import Backends
from load import LIMIT_S, Load, is_gone, wait_until
from served import Processes, ask

pytestmark = pytest.mark.socket

MODELS = {
    "event": ["--worker-processes", "2"],
    "worker": [
        "--mpm", "worker", "--start-servers", "2", "--threads-per-child", "6", "--min-spare-threads", "6",
        "--max-spare-threads", "20", "--server-limit", "3",
    ],
    "prefork": [
        "--mpm", "prefork", "--start-servers", "4", "--min-spare-servers", "1", "--max-spare-servers", "8",
        "--max-request-workers", "8",
    ],
}  # fmt: skip
START = {"event": 2, "worker": 2, "prefork": 4}
NGINX = """
events { }
http {
    access_log @folder@/access.log;
    upstream shop { server @A@; server @B@; keepalive 8; }
    server {
        listen 127.0.0.1:@port@;
        location / { root @folder@/docs; }
        location /version { return 200 "one"; }
        location /shop/ { proxy_pass http://shop; }
        location /slow/ { proxy_pass http://@slow@; }
    }
}
"""


class Slow:
    """A backend that answers when it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.arrived = threading.Semaphore(0)
        self._may_go = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65536)
            self.arrived.release()
            self._may_go.wait(LIMIT_S)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nslow")

    def go(self) -> None:
        self._may_go.set()

    def close(self) -> None:
        self.go()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


class Front(Processes):
    """A running `was front`."""

    def __init__(self, running, folder: Path, file: Path, port: int) -> None:
        super().__init__(running, port)
        self.folder = folder
        self.file = file

    def reload(self, text: str | None = None) -> None:
        if text is not None:
            self.file.write_text(text)
        self.running.process.send_signal(signal.SIGHUP)


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.close()


@pytest.fixture
def fill(tmp_path: Path, slow: Slow) -> Iterator[Callable[[str], str]]:
    """A function that puts addresses and folders into a configuration."""
    port = programs.free_ports(1)[0]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("file")
    with Backends("AB") as backends:

        def fill(text: str) -> str:
            text = text.replace("@slow@", slow.address).replace("@folder@", str(tmp_path))
            return backends.fill(text.replace("@port@", str(port)))

        fill.port = port
        yield fill


@pytest.fixture
def serve(start, tmp_path: Path, fill) -> Callable[..., Front]:
    def serve(*flags: str, text: str = NGINX, name: str = "nginx.conf") -> Front:
        file = tmp_path / name
        file.write_text(fill(text))
        running = start("container", "front", "--config", str(file), "--work", "work", *flags)
        running.wait_for(r"Ready after .* on http")
        return Front(running, tmp_path, file, fill.port)

    return serve


@pytest.fixture(params=list(MODELS))
def model(request) -> str:
    return request.param


def test_requests_files_logs_and_status(model: str, serve) -> None:
    front = serve(*MODELS[model])
    front.wait_for(lambda pids: len(pids) >= START[model])
    assert front.ask("/a.txt") == (200, "file")
    letters = [json.loads(front.ask("/shop/x")[1])["letter"] for _ in range(6)]
    assert set(letters) <= {"A", "B"}

    def told() -> list[dict]:
        groups = (front.status()["front"] or {"groups": []})["groups"]
        return [each for each in groups if each["name"] == "shop"]

    wait_until(lambda: sum(m["picks"] for group in told() for m in group["members"]) == 6)
    assert {group["process"] for group in told()} <= {each["pid"] for each in front.status()["processes"]}
    assert [len(group["members"]) for group in told()] == [2] * len(told())
    assert all("round robin" in pick[1] for group in told() for pick in group["picks"])
    text = front.command("status")
    assert f"--mpm {model}, process {front.pid}" in text
    assert "group shop" in text
    assert "last choices, oldest first:" in text
    assert front.running.stop() == 0
    assert len((front.folder / "access.log").read_text().splitlines()) == 7
    assert not list((front.folder / "work").glob("was-*"))


def test_a_killed_child_is_replaced_and_only_its_connections_are_lost(model: str, serve) -> None:
    front = serve(*MODELS[model])
    before = front.wait_for(lambda pids: len(pids) >= START[model])
    with Load(front.connect, "/shop/x") as load:
        load.go_on()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        front.wait_for(lambda pids: victim not in pids and bool(pids - before))
        load.go_on()
    assert len(load.failures) <= {"prefork": 1}.get(model, 4), load.failures
    assert front.running.stop() == 0
    assert any("signal 9 (SIGKILL)" in line for line in front.running.said)


def test_a_reload_under_load_fails_no_request_and_takes_the_new_configuration(
    model: str, serve, fill
) -> None:
    front = serve(*MODELS[model])
    before = front.wait_for(lambda pids: len(pids) >= START[model])
    with Load(front.connect, "/shop/x") as load:
        load.go_on()
        front.reload(fill(NGINX.replace('"one"', '"two"')))
        front.wait_for(lambda pids: bool(pids) and not pids & before)
        wait_until(lambda: all(map(is_gone, before)))
        load.go_on()
        assert front.ask("/version") == (200, "two")
    assert load.failures == []
    assert front.running.stop() == 0


def test_a_request_under_way_ends_as_it_began(model: str, serve, slow: Slow, fill) -> None:
    front = serve(*MODELS[model])
    before = front.wait_for(lambda pids: len(pids) >= START[model])
    connection = front.connect()
    connection.request("GET", "/slow/")
    slow.arrived.acquire(timeout=LIMIT_S)
    front.reload(fill(NGINX.replace('"one"', '"two"').replace("location /slow/", "location /other/")))
    front.wait_for(lambda pids: bool(pids) and not pids & before)  # till then both answer
    wait_until(lambda: all(front.ask("/version") == (200, "two") for _ in range(8)))
    assert front.ask("/slow/")[0] == 404
    assert not all(map(is_gone, before))
    slow.go()
    assert connection.getresponse().read() == b"slow"
    connection.close()
    wait_until(lambda: all(map(is_gone, before)))


@pytest.mark.parametrize(
    ("good", "bad", "line", "message"),
    [
        ("root ", "roott ", 8, 'unknown directive "roott"'),
        ("/access.log", "/docs", 4, "the access log @folder@/docs cannot be written: Is a directory"),
    ],
)
def test_a_configuration_that_is_wrong_keeps_the_old_one_and_is_said(
    serve, fill, good: str, bad: str, line: int, message: str
) -> None:
    front = serve("--log", "front.log")
    before = front.pids()
    front.reload(fill(NGINX.replace(good, bad)))
    log = front.folder / "front.log"
    wait_until(lambda: "The reload has failed" in log.read_text())
    assert f"{front.file}:{line}: {fill(message)}" in log.read_text()
    assert front.ask("/a.txt") == (200, "file")
    assert front.pids() == before
    front.reload(fill(NGINX.replace('"one"', '"two"')))  # and it is not stuck
    wait_until(lambda: front.ask("/version") == (200, "two"))


def test_the_reload_command(serve, fill) -> None:
    front = serve()
    front.file.write_text(fill(NGINX.replace('"one"', '"two"')))
    assert front.command("reload") == f"Told process {front.pid} to reload.\n"
    wait_until(lambda: front.ask("/version") == (200, "two"))


def test_a_reload_opens_new_addresses_and_closes_old_ones(serve, fill) -> None:
    front = serve(*MODELS["event"])
    port = programs.free_ports(1)[0]
    path = front.folder / "front.sock"
    old = f"listen 127.0.0.1:{front.port};"
    both = f"{old} listen 127.0.0.1:{port}; listen unix:{path};"
    front.reload(fill(NGINX).replace(old, both))
    wait_until(path.exists)
    moved = Front(front.running, front.folder, front.file, port)
    wait_until(lambda: f"http://127.0.0.1:{port}" in front.command("status"))
    assert (front.ask("/a.txt"), moved.ask("/a.txt")) == ((200, "file"), (200, "file"))
    front.reload(fill(NGINX).replace(old, f"listen 127.0.0.1:{port};"))

    def is_refused() -> bool:
        try:
            socket.create_connection(("127.0.0.1", front.port)).close()
        except ConnectionRefusedError:
            return True
        return False

    wait_until(is_refused)
    wait_until(lambda: not path.exists())
    assert moved.ask("/a.txt") == (200, "file")
    assert front.running.stop() == 0


def test_a_reload_that_cannot_listen_changes_nothing(serve, fill) -> None:
    front = serve("--log", "front.log")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        old = f"listen 127.0.0.1:{front.port};"
        front.reload(fill(NGINX).replace(old, f"{old} listen 127.0.0.1:{port};"))
        log = front.folder / "front.log"
        wait_until(lambda: f"listen 127.0.0.1:{port}: address already in use" in log.read_text())
    assert front.ask("/version") == (200, "one")


def test_logs_are_reopened(model: str, serve) -> None:
    front = serve(*MODELS[model], "--log", "front.log")
    front.ask("/a.txt")
    log = front.folder / "access.log"
    wait_until(lambda: log.exists() and log.read_text().count("\n") == 1)
    log.rename(front.folder / "access.log.1")
    front.running.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: "opened anew" in (front.folder / "front.log").read_text())
    front.ask("/a.txt")
    wait_until(lambda: log.exists() and log.read_text().count("\n") == 1)
    assert (front.folder / "access.log.1").read_text().count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_stop_lets_running_requests_end(model: str, number, serve, slow: Slow) -> None:
    front = serve(*MODELS[model])
    pids = {process["pid"] for process in front.status()["processes"]}
    connection = front.connect()
    connection.request("GET", "/slow/")
    slow.arrived.acquire(timeout=LIMIT_S)
    front.running.process.send_signal(number)
    front.running.wait_for("^Stopping")
    slow.go()
    assert connection.getresponse().read() == b"slow"
    connection.close()
    assert front.running.wait() == 0
    assert all(map(is_gone, pids))
    assert not list((front.folder / "work").glob("was-*"))


def test_a_request_that_does_not_end_is_given_up_at_the_deadline(model: str, serve, slow: Slow) -> None:
    front = serve(*MODELS[model], "--stop-timeout-s", "0.1")
    pids = {process["pid"] for process in front.status()["processes"]}
    connection = front.connect()
    connection.request("GET", "/slow/")
    slow.arrived.acquire(timeout=LIMIT_S)
    front.running.stop()
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.getresponse()
    assert all(map(is_gone, pids))


def test_without_their_master_children_end(model: str, serve) -> None:
    front = serve(*MODELS[model])
    pids = {process["pid"] for process in front.status()["processes"]}
    os.kill(front.pid, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, pids)))


def test_nginx_conf_says_how_many(serve) -> None:
    front = serve(
        text="worker_processes 3;" + NGINX.replace("events { }", "events { worker_connections 4; }")
    )
    front.wait_for(lambda pids: len(pids) == 3)
    holders = [front.connect() for _ in range(12)]
    for each in holders:
        each.connect()
    late = front.connect()
    late.request("GET", "/a.txt")  # each process takes one more than it may, at most
    for each in holders:
        each.close()
    assert late.getresponse().read() == b"file"
    late.close()
    assert front.running.stop() == 0


def test_a_flag_beats_the_file(serve) -> None:
    front = serve("--worker-processes", "1", text="worker_processes 3;" + NGINX)
    assert len(front.wait_for(bool)) == 1


HTTPD = """
LoadModule mpm_@mpm@_module modules/mod_mpm_@mpm@.so
LoadModule authz_core_module modules/mod_authz_core.so
<IfModule mpm_prefork_module>
    StartServers 2
    MinSpareServers 1
    MaxSpareServers 3
    MaxRequestWorkers 4
</IfModule>
<IfModule mpm_worker_module>
    StartServers 1
    ThreadsPerChild 7
    MinSpareThreads 1
    MaxSpareThreads 20
    MaxRequestWorkers 14
</IfModule>
Listen 127.0.0.1:@port@
DocumentRoot @folder@/docs
<Directory @folder@/docs>
    Require all granted
</Directory>
"""


def test_httpd_conf_says_which_model_and_how_many(serve) -> None:
    front = serve(text=HTTPD.replace("@mpm@", "prefork"), name="httpd.conf")
    front.wait_for(lambda pids: len(pids) == 2)
    assert front.status()["mpm"] == "prefork"
    assert front.ask("/a.txt") == (200, "file")
    assert front.running.stop() == 0


def test_httpd_conf_with_the_worker_module(serve) -> None:
    front = serve(text=HTTPD.replace("@mpm@", "worker"), name="httpd.conf")
    front.wait_for(lambda pids: len(pids) == 1)
    (process,) = front.status()["processes"]
    assert len(process["threads"]) == 7
    assert front.ask("/a.txt") == (200, "file")
    assert front.running.stop() == 0


def test_tls_and_its_certificates_in_each_model(model: str, serve, tmp_path: Path) -> None:
    authority = trustme.CA()

    def issue() -> None:
        made = authority.issue_cert("localhost")
        made.private_key_pem.write_to_path(str(tmp_path / "a.key"))
        made.cert_chain_pems[0].write_to_path(str(tmp_path / "a.pem"))

    issue()
    text = NGINX.replace(
        "listen 127.0.0.1:@port@;",
        "listen 127.0.0.1:@port@ ssl; ssl_certificate @folder@/a.pem; ssl_certificate_key @folder@/a.key;",
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    front = serve(*MODELS[model], text=text)

    def ask() -> tuple[bytes, int]:
        with (
            socket.create_connection(("127.0.0.1", front.port), LIMIT_S) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as session,
        ):
            session.sendall(b"GET /shop/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while data := session.recv(65536):
                answer += data
            return answer, session.getpeercert()["serialNumber"]

    answer, before = ask()
    assert answer.startswith(b"HTTP/1.1 200")
    issue()
    front.reload()
    wait_until(lambda: ask()[1] != before)
    assert front.running.stop() == 0


def test_the_admin_address_is_the_masters(model: str, serve, slow: Slow) -> None:
    port = programs.free_ports(1)[0]
    front = serve(*MODELS[model], "--admin-port", str(port), "--drain-s", "1h")
    front.wait_for(lambda pids: len(pids) >= START[model])
    assert ask(port, "/healthz") == (200, "alive\n")
    assert ask(port, "/readyz") == (200, "ready\n")
    front.ask("/shop/x")
    wait_until(lambda: "round robin" in ask(port, "/status")[1])
    told = json.loads(ask(port, "/status", {"Accept": "application/json"})[1])
    assert told["pid"] == front.pid
    assert told["front"]["groups"][0]["name"] == "shop"
    os.kill(front.pid, signal.SIGTERM)
    wait_until(lambda: ask(port, "/readyz") == (503, "not ready\n  draining\n"))
    assert ask(port, "/healthz") == (200, "alive\n")
    kept = front.connect()
    while not told_to_close(kept):  # its process hears of it a little later
        pass
    assert ", draining" in front.command("status")
    os.kill(front.pid, signal.SIGTERM)  # at once
    assert front.running.wait() == 128 + signal.SIGTERM
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/healthz")


def told_to_close(connection: http.client.HTTPConnection) -> bool:
    connection.request("GET", "/a.txt")
    answer = connection.getresponse()
    assert answer.read() == b"file"
    return answer.getheader("Connection") == "close"


def test_the_admin_address_survives_its_process_and_a_reload(serve, fill) -> None:
    port = programs.free_ports(1)[0]
    front = serve("--admin-port", str(port), "--log", "front.log")
    children = Path(f"/proc/{front.pid}/task/{front.pid}/children").read_text().split()
    (helper,) = set(map(int, children)) - front.pids()
    os.kill(helper, signal.SIGKILL)
    log = front.folder / "front.log"
    wait_until(lambda: "another one takes its place" in log.read_text())
    assert ask(port, "/readyz") == (200, "ready\n")
    front.reload(fill(NGINX.replace('"one"', '"two"')))
    wait_until(lambda: front.ask("/version") == (200, "two"))
    assert ask(port, "/readyz") == (200, "ready\n")
    assert front.running.stop() == 0
