"""`was run --containers`: a front process and containers, as people start, reload, break and stop them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import programs
import pytest
from load import LIMIT_S, Load, is_gone, wait_until
from served import Served, ask

from container.front.status import read_status

pytestmark = pytest.mark.socket

HANG_S = "3"  # who only waits for a processor answers earlier
APP = """
import ctypes, os, time
from pathlib import Path
from container.servlet import HttpServlet

if Path("broken").exists():
    raise SystemExit(1)

class Main(HttpServlet):
    def init(self):
        print("started", os.getpid(), flush=True)
        if Path("hang").exists():
            print("hanging", os.getpid(), flush=True)
            time.sleep(3600)

    def doGet(self, request, response):
        match request.getPathInfo():
            case "/count":
                session = request.getSession()
                count = (session.getAttribute("count") or 0) + 1
                session.setAttribute("count", count)
                response.getWriter().write(f"{session.getId()} {count} {os.getpid()}")
            case "/wait":
                print("waiting", flush=True)
                while not Path("go").exists():
                    time.sleep(0.01)
                response.getWriter().write("waited")
            case "/freeze":
                print("freezing", os.getpid(), flush=True)
                ctypes.PyDLL(None).sleep(3600)  # with the interpreter's lock: nothing else runs
            case "/pieces":
                response.getOutputStream().write(b"first")
                response.flushBuffer()
                while not Path("go").exists():
                    time.sleep(0.01)
                response.getOutputStream().write(b"second")
            case "/who":
                names = ("Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP")
                said = [f"{name}: {request.getHeader(name)}" for name in names]
                said += [request.getRemoteAddr(), request.getScheme(), str(request.getRequestURL())]
                response.getWriter().write("|".join(said))
            case _:
                response.getWriter().write(str(os.getpid()))

    def doPut(self, request, response):
        response.getWriter().write(f"{os.getpid()} {len(request.getInputStream().read())}")

    doPost = doPut
"""


class Cluster(Served):
    """A running `was run --containers`."""

    flags = ()

    def __init__(self, running, folder: Path, tmp: Path) -> None:
        super().__init__(running, int(running.url.rpartition(":")[2]))
        self.folder = folder
        self.tmp = tmp

    def status(self) -> dict:
        """As the front has written it last."""
        return read_status(self.tmp / f"servlet-container-{os.getuid()}", self.pid) or {
            "containers": [],
            "groups": [],
        }

    def containers(self) -> dict[str, int]:
        """The process id of each route whose container is ready."""
        found = self.status()["containers"]
        return {each["route"]: each["pid"] for each in found if each["state"] == "ready"}

    def wait_for(self, is_so: Callable[[dict[str, int]], bool]) -> dict[str, int]:
        limit_s = time.monotonic() + LIMIT_S
        while not is_so(found := self.containers()):
            assert time.monotonic() < limit_s, (self.status(), self.running.said)
            time.sleep(0.05)
        return found

    def hanging(self) -> int:
        """Wait until a container hangs while it starts, and return its process id."""
        return int(self.running.wait_for(r"^hanging (\d+)")[1])

    def load(self, *methods: str, clients: int = 6) -> Load:
        return Load(self.connect, "/main/", methods or ("GET", "PUT"), clients=clients)


@pytest.fixture
def tmp(tmp_path: Path) -> Path:
    """What the processes take for the temporary folder."""
    folder = tmp_path / "t"
    folder.mkdir()
    return folder


@pytest.fixture
def serve(tmp_path: Path, tmp: Path, web_app, was_run) -> Iterator[Callable[..., Cluster]]:
    started = []

    def serve(count: int = 2, *flags: str, code: str = APP) -> Cluster:
        folder = web_app(code=code)
        (folder / "page.txt").write_text("static")
        running = was_run(
            "--containers", str(count), "--access-log", "off", *flags, TMPDIR=str(tmp), WAS_LOG="was.log"
        )
        started.append(Cluster(running, tmp_path, tmp))
        return started[-1]

    yield serve
    log = tmp_path / "was.log"
    if log.exists():
        print(log.read_text())  # noqa: T201  for whoever reads of a failure


def leftovers(tmp: Path) -> list[str]:
    """Everything in the temporary folder but the one for status files, which may stay empty."""
    return [
        str(path.relative_to(tmp))
        for path in tmp.rglob("*")
        if not path.name.startswith("servlet-container-")
    ]


def test_requests_spread_sessions_stick_and_files_are_served(serve) -> None:
    cluster = serve(2)
    assert len({cluster.get("/main/") for _ in range(4)}) == 2
    routes = set()
    for _ in range(4):
        session_id, count, pid = cluster.get("/main/count").split()
        assert count == "1"
        route = session_id.partition(".")[2]
        routes.add(route)
        assert int(pid) == cluster.containers()[route]
        for wanted in ("2", "3"):
            again = cluster.get("/main/count", {"Cookie": f"JSESSIONID={session_id}"}).split()
            assert again == [session_id, wanted, pid]
        assert cluster.get(f"/main/count;jsessionid={session_id}").split() == [session_id, "4", pid]
    assert routes == {"r1", "r2"}
    assert cluster.get("/page.txt") == "static"
    assert cluster.running.stop() == 0


def test_files_are_the_fronts_while_the_web_apps_say_so(serve) -> None:
    cluster = serve(1)
    (cluster.folder / "hang").touch()
    os.kill(cluster.containers()["r1"], signal.SIGKILL)
    cluster.wait_for(lambda found: not found)
    assert cluster.get("/page.txt") == "static"  # nobody else could say it
    stuck = cluster.hanging()
    (cluster.folder / "hang").unlink()
    os.kill(stuck, signal.SIGKILL)
    cluster.wait_for(lambda found: "r1" in found)
    web_xml = cluster.folder / "webapps" / "ROOT" / "WEB-INF" / "web.xml"
    web_xml.write_text(web_xml.read_text().replace("/main/*", "*.txt"))
    os.kill(cluster.pid, signal.SIGHUP)
    wait_until(lambda: cluster.get("/page.txt") != "static")


def test_what_a_servlet_flushes_reaches_the_client_at_once(serve) -> None:
    cluster = serve(1)
    connection = cluster.connect()
    connection.request("GET", "/main/pieces")
    answer = connection.getresponse()
    assert answer.read(5) == b"first"
    (cluster.folder / "go").touch()
    assert answer.read() == b"second"
    connection.close()


def test_each_container_reloads_what_is_changed_in_development(serve) -> None:
    cluster = serve(2, "--dev")
    before = cluster.containers()
    app = cluster.folder / "webapps" / "ROOT" / "WEB-INF" / "classes" / "app.py"
    app.write_text(APP.replace("str(os.getpid())", "f'new {os.getpid()}'"))
    wait_until(lambda: {cluster.get("/main/") for _ in range(2)} == {f"new {pid}" for pid in before.values()})


def test_a_custom_session_cookie_sticks_too(tmp_path: Path, serve, web_app) -> None:
    web_xml = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
      <servlet><servlet-name>main</servlet-name><servlet-class>app.Main</servlet-class></servlet>
      <servlet-mapping><servlet-name>main</servlet-name><url-pattern>/main/*</url-pattern></servlet-mapping>
      <session-config><cookie-config><name>SHOP</name></cookie-config></session-config>
    </web-app>"""
    web_app("shop", APP, web_xml)
    cluster = serve(2)
    session_id, _, pid = cluster.get("/shop/main/count").split()
    for wanted in ("2", "3", "4"):
        again = cluster.get("/shop/main/count", {"Cookie": f"SHOP={session_id}"}).split()
        assert again == [session_id, wanted, pid]


def test_a_container_believes_the_front_and_the_front_nobody(serve) -> None:
    cluster = serve(1)
    claims = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Real-IP": "1.2.3.4"}
    host = f"127.0.0.1:{cluster.port}"
    assert cluster.get("/main/who", claims).split("|") == [
        f"Host: {host}",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Proto: http",
        "X-Real-IP: None",
        "127.0.0.1",
        "http",
        f"http://{host}/main/who",
    ]


def test_a_front_behind_a_trusted_proxy_tells_what_that_says(serve) -> None:
    cluster = serve(1, "--trusted-proxies", "127.0.0.1")
    claims = {
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.test",
    }
    said = cluster.get("/main/who", claims).split("|")
    assert said[-3:] == ["1.2.3.4", "https", "https://shop.test/main/who"]


def replaced_under_load(cluster: Cluster, number: int) -> None:
    """The first of two containers gets a signal: another one takes its place, and no request fails."""
    before = cluster.containers()
    with cluster.load() as load:
        load.go_on()
        os.kill(before["r1"], number)
        after = cluster.wait_for(lambda found: found.get("r1", before["r1"]) != before["r1"])
        load.go_on()
        wait_until(lambda: load.answers[str(after["r1"])] > 0)
    assert load.failures == []
    assert after["r2"] == before["r2"]
    assert is_gone(before["r1"])


def test_a_killed_container_costs_no_idempotent_request_and_comes_back(serve) -> None:
    replaced_under_load(serve(2), signal.SIGKILL)


def test_while_one_is_dead_the_other_one_gets_its_sessions_too(serve) -> None:
    cluster = serve(2)
    before = cluster.containers()
    session_id, _, _ = cluster.get("/main/count", {"Cookie": "JSESSIONID=x.r1"}).split()
    assert session_id.endswith(".r1")
    (cluster.folder / "hang").touch()  # the one that is started now is not ready
    os.kill(before["r1"], signal.SIGKILL)
    cluster.wait_for(lambda found: "r1" not in found)
    for _ in range(3):
        assert cluster.get("/main/", {"Cookie": f"JSESSIONID={session_id}"}) == str(before["r2"])
    wait_until(lambda: bool(picks := cluster.status()["groups"][0]["picks"]) and picks[-1][0] == "r2")
    stuck = cluster.hanging()
    (cluster.folder / "hang").unlink()
    os.kill(stuck, signal.SIGKILL)
    after = cluster.wait_for(lambda found: "r1" in found)
    assert cluster.get("/main/", {"Cookie": f"JSESSIONID={session_id}"}) == str(after["r1"])
    wait_until(lambda: cluster.status()["groups"][0]["picks"][-1] == ["r1", "session of r1"])


def test_the_last_container_dies_and_the_front_says_503_until_it_is_back(serve) -> None:
    cluster = serve(1)
    (cluster.folder / "hang").touch()
    os.kill(cluster.containers()["r1"], signal.SIGKILL)
    cluster.wait_for(lambda found: not found)
    connection = cluster.connect()
    connection.request("GET", "/main/")
    answer = connection.getresponse()
    answer.read()
    assert (answer.status, answer.getheader("Retry-After")) == (503, "1")
    stuck = cluster.hanging()
    (cluster.folder / "hang").unlink()
    os.kill(stuck, signal.SIGKILL)
    cluster.wait_for(lambda found: "r1" in found)
    connection.request("GET", "/main/")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_container_that_hangs_costs_no_idempotent_request_and_is_replaced(serve) -> None:
    cluster = serve(2, "--hang-timeout-s", HANG_S)
    replaced_under_load(cluster, signal.SIGSTOP)
    log = (cluster.folder / "was.log").read_text()
    assert "The container of r1 does not answer: it gets no requests while others do" in log
    assert "The container of r1 is killed: it answers nothing any more" in log


def test_a_container_whose_interpreter_hangs_is_replaced_and_busy_ones_are_not(serve) -> None:
    cluster = serve(2, "--hang-timeout-s", HANG_S, "--threads", "1")
    before = cluster.containers()
    slow = cluster.connect()
    slow.request("GET", "/main/wait", headers={"Cookie": "JSESSIONID=x.r2"})  # all the threads that there are
    cluster.running.wait_for("waiting")
    stuck = cluster.connect()
    stuck.request("GET", "/main/freeze", headers={"Cookie": "JSESSIONID=x.r1"})
    cluster.running.wait_for("freezing")
    stuck.close()
    after = cluster.wait_for(lambda found: found.get("r1", before["r1"]) != before["r1"])
    assert after["r2"] == before["r2"]
    (cluster.folder / "go").touch()
    assert slow.getresponse().read() == b"waited"
    slow.close()


def test_a_container_that_was_only_slow_comes_back(serve) -> None:
    cluster = serve(2, "--hang-timeout-s", "12")
    before = cluster.containers()
    log = cluster.folder / "was.log"
    os.kill(before["r1"], signal.SIGSTOP)
    wait_until(lambda: "r1 does not answer" in log.read_text())
    assert {cluster.get("/main/") for _ in range(6)} == {str(before["r2"])}
    os.kill(before["r1"], signal.SIGCONT)
    wait_until(lambda: "The container of r1 answers again" in log.read_text())
    wait_until(lambda: cluster.get("/main/") == str(before["r1"]))


def test_readiness_tells_of_containers_and_of_draining(serve) -> None:
    (port,) = programs.free_ports(1)
    cluster = serve(1, "--admin-port", str(port), "--drain-s", "1h")

    def readyz() -> tuple[int, str]:
        return ask(port, "/readyz")

    assert readyz() == (200, "ready\n")
    (cluster.folder / "hang").touch()
    os.kill(cluster.containers()["r1"], signal.SIGKILL)
    wait_until(lambda: readyz() == (503, "not ready\n  no container is ready\n"))
    stuck = cluster.hanging()
    (cluster.folder / "hang").unlink()
    os.kill(stuck, signal.SIGKILL)
    wait_until(lambda: readyz()[0] == 200)
    cluster.running.process.send_signal(signal.SIGTERM)
    wait_until(lambda: readyz() == (503, "not ready\n  draining\n"))
    assert cluster.get("/main/")
    assert cluster.running.stop() == 128 + signal.SIGTERM  # the second signal


@pytest.mark.parametrize("count", [1, 3])
def test_a_reload_under_load_fails_no_request(count: int, serve) -> None:
    cluster = serve(count)
    before = cluster.containers()

    def are_all_new(found: dict[str, int]) -> bool:
        return len(found) == count and not set(found.values()) & set(before.values())

    with cluster.load("GET", "PUT", "POST") as load:
        load.go_on()
        for _ in range(2):
            os.kill(cluster.pid, signal.SIGHUP)
            after = cluster.wait_for(are_all_new)
            wait_until(lambda: len(cluster.status()["containers"]) == count)  # the old ones have gone
            load.go_on()
            before = after
        wait_until(lambda: set(load.answers) >= {str(pid) for pid in after.values()})
    assert load.failures == []
    assert cluster.running.stop() == 0


def test_a_reload_lets_running_requests_end(serve) -> None:
    cluster = serve(1)
    before = cluster.containers()["r1"]
    slow = cluster.connect()
    slow.request("GET", "/main/wait")
    cluster.running.wait_for("waiting")
    os.kill(cluster.pid, signal.SIGHUP)
    after = cluster.wait_for(lambda found: found.get("r1", before) != before)
    assert cluster.get("/main/") == str(after["r1"])
    assert not is_gone(before)
    (cluster.folder / "go").touch()
    assert slow.getresponse().read() == b"waited"
    slow.close()
    wait_until(lambda: is_gone(before))


def test_a_reload_starts_the_code_and_reads_the_settings_that_are_there_now(serve, web_app) -> None:
    cluster = serve(1)
    (cluster.folder / "was.toml").write_text("max-body-bytes = 2\n")
    app = cluster.folder / "webapps" / "ROOT" / "WEB-INF" / "classes" / "app.py"
    app.write_text(APP.replace("str(os.getpid())", "'new'"))
    os.kill(cluster.pid, signal.SIGHUP)
    wait_until(lambda: cluster.get("/main/") == "new")


def test_a_reload_that_cannot_start_leaves_the_old_ones(serve) -> None:
    cluster = serve(2)
    before = cluster.containers()
    (cluster.folder / "was.toml").write_text("port = no\n")
    os.kill(cluster.pid, signal.SIGHUP)
    log = cluster.folder / "was.log"
    wait_until(lambda: "The reload has failed" in log.read_text())
    assert cluster.get("/main/")
    (cluster.folder / "was.toml").unlink()
    (cluster.folder / "webapps" / "ROOT" / "WEB-INF" / "classes" / "app.py").write_text(
        "import os; os._exit(3)"
    )
    os.kill(cluster.pid, signal.SIGHUP)
    wait_until(lambda: "ended while it started (exit code 3)" in log.read_text())
    assert cluster.containers() == before
    assert {cluster.get("/main/") for _ in range(4)} == {str(pid) for pid in before.values()}


def test_the_reload_command(serve) -> None:
    cluster = serve(1)
    before = cluster.containers()
    assert cluster.command("reload") == f"Told process {cluster.pid} to reload.\n"
    cluster.wait_for(lambda found: bool(found) and found != before)


def stops_under_load(cluster: Cluster, number: int, pids: Iterable[int], clients: int) -> None:
    """A signal ends all these processes; no request fails, and nothing is left behind."""
    slow = cluster.connect()
    slow.request("GET", "/main/wait")
    cluster.running.wait_for("waiting")
    with cluster.load(clients=clients) as load:
        load.go_on()
        cluster.running.process.send_signal(number)
        cluster.running.wait_for("Stopping")
        (cluster.folder / "go").touch()
        assert slow.getresponse().read() == b"waited"
        slow.close()
        assert cluster.running.wait() == 0, cluster.running.said
    assert load.failures == []
    assert all(map(is_gone, pids))
    assert leftovers(cluster.tmp) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_fails_no_request_and_leaves_nothing_behind(number, serve) -> None:
    cluster = serve(2)
    stops_under_load(cluster, number, cluster.containers().values(), clients=4)


def test_a_request_that_does_not_end_is_given_up_at_the_deadline(serve, tmp: Path) -> None:
    cluster = serve(1, "--stop-timeout-s", "0.3")
    slow = cluster.connect()
    slow.request("GET", "/main/wait")
    cluster.running.wait_for("waiting")
    cluster.running.stop()
    with pytest.raises((OSError, http.client.HTTPException)):
        slow.getresponse().read()
    slow.close()
    assert leftovers(tmp) == []


def test_a_quit_waits_for_the_requests(serve, tmp: Path) -> None:
    cluster = serve(1, "--stop-timeout-s", "0")
    slow = cluster.connect()
    slow.request("GET", "/main/wait")
    cluster.running.wait_for("waiting")
    cluster.running.process.send_signal(signal.SIGQUIT)
    cluster.running.wait_for("Stopping when")
    (cluster.folder / "go").touch()
    assert slow.getresponse().read() == b"waited"
    slow.close()
    assert cluster.running.wait() == 0
    assert leftovers(tmp) == []


def test_a_second_signal_ends_all_at_once(serve, tmp: Path) -> None:
    cluster = serve(2, "--stop-timeout-s", "600")
    pids = cluster.containers().values()
    slow = cluster.connect()
    slow.request("GET", "/main/wait")
    cluster.running.wait_for("waiting")
    cluster.running.process.send_signal(signal.SIGTERM)
    cluster.running.wait_for("Stopping")
    assert cluster.running.stop() == 128 + signal.SIGTERM
    slow.close()
    assert all(map(is_gone, pids))
    assert leftovers(tmp) == []


def test_containers_whose_front_is_killed_end_and_leave_nothing_behind(serve, tmp: Path) -> None:
    cluster = serve(2)
    pids = cluster.containers().values()
    os.kill(cluster.pid, signal.SIGKILL)
    cluster.running.wait()
    wait_until(lambda: all(map(is_gone, pids)))
    assert not list(tmp.glob("was-*"))


def test_a_container_that_hangs_while_starting_ends_with_its_front(
    tmp_path: Path, tmp: Path, web_app, start
) -> None:
    web_app(code=APP)
    (tmp_path / "hang").touch()
    running = start(
        "container", "run", "--port", "0", "--containers", "1", "--stop-timeout-s", "0", TMPDIR=str(tmp)
    )
    pid = int(running.wait_for(r"^hanging (\d+)")[1])
    os.kill(running.process.pid, signal.SIGKILL)
    wait_until(lambda: is_gone(pid))
    running.wait()
    assert not list(tmp.glob("was-*"))


def test_none_that_starts_is_an_error_with_what_was_wrong(tmp_path: Path, tmp: Path, web_app, start) -> None:
    web_app()
    running = start(
        "container", "run", "--port", "0", "--containers", "2", "--users", "missing.xml", TMPDIR=str(tmp)
    )
    assert running.wait() == 2
    said = "".join(running.said)
    assert "missing.xml: the users file cannot be read" in said
    assert "None of 2 containers could be started; the last one ended with exit code 2" in said
    assert leftovers(tmp) == []


def test_who_dies_while_starting_is_tried_again_and_then_given_up(tmp: Path, web_app, start) -> None:
    web_app(code="import os; os._exit(3)")
    running = start("container", "run", "--port", "0", "--containers", "1", TMPDIR=str(tmp))
    assert running.wait() == 2
    said = "".join(running.said)
    assert said.count("Another one is started in") == 2
    assert "None of 1 containers could be started; the last one ended with exit code 3" in said


def test_one_that_starts_is_enough_and_the_other_one_is_tried_on(serve) -> None:
    """One of them finds the other one's mark, and ends."""
    app = """
import os
try:
    os.mkdir("mark")
except FileExistsError:
    if not os.path.exists("fine"):
        os._exit(3)
"""
    cluster = serve(2, code=app + APP)
    assert len(cluster.containers()) == 1
    (cluster.folder / "fine").touch()
    cluster.wait_for(lambda found: len(found) == 2)


def test_a_stop_before_anything_is_ready(tmp_path: Path, tmp: Path, web_app, start) -> None:
    web_app(code=APP)
    (tmp_path / "hang").touch()
    running = start(
        "container", "run", "--port", "0", "--containers", "2", "--stop-timeout-s", "0", TMPDIR=str(tmp)
    )
    pid = int(running.wait_for(r"started (\d+)")[1])
    running.stop()
    assert is_gone(pid)
    assert leftovers(tmp) == []


def test_sessions_in_sqlite_are_shared_and_outlive_a_reload(serve) -> None:
    cluster = serve(2, "--session-store", "sqlite", "--work", "work")
    front_status = lambda: read_status(cluster.folder / "work", cluster.pid)  # noqa: E731
    session_id, _, pid = cluster.get("/main/count").split()
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: cluster.get("/main/count", {"Cookie": f"JSESSIONID={session_id}"}).split()[2] != pid)
    wait_until(lambda: front_status() is not None)
    again = cluster.get("/main/count", {"Cookie": f"JSESSIONID={session_id}"}).split()
    assert again[0] == session_id
    assert int(again[1]) > 2


def test_status_shows_containers_members_and_picks(serve) -> None:
    cluster = serve(2)
    cluster.get("/main/")
    cluster.get("/main/", {"Cookie": "JSESSIONID=x.r2"})
    wait_until(lambda: len(cluster.status()["groups"][0]["picks"]) == 2)
    text = cluster.command("status")
    containers = cluster.containers()
    assert f"container r1: ready, process {containers['r1']}" in text
    assert "r1  OK " in text
    assert "r2  session of r2" in text
    (server,) = json.loads(cluster.command("status", "--json"))
    assert server["pid"] == cluster.pid
    assert [each["name"] for each in server["front"]["groups"][0]["members"]] == ["r1", "r2"]


@pytest.mark.parametrize(
    ("flags", "cure"),
    [
        (["--host", "unix:was.sock"], "Give --host an address"),
        (["--session-store", "sqlite"], "--work /var/lib/was"),
        (["--webapps", "missing"], "missing"),
        (["--ajp-port", "8009"], "with `was container --ajp`"),
    ],
)
def test_what_does_not_go_together_is_said_with_the_cure(flags: list[str], cure: str, web_app, start) -> None:
    web_app()
    running = start("container", "run", "--containers", "2", *flags)
    assert running.wait() == 2
    assert cure in "".join(running.said)


def test_a_container_alone_on_a_unix_socket(tmp_path: Path, web_app, start) -> None:
    web_app(code=APP)
    path = tmp_path / "n1.sock"
    running = start("container", "container", "--http", f"unix:{path}", "--route", "n1")
    running.wait_for("Ready")
    connection = http.client.HTTPConnection("shop.test")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(str(path))
    connection.request("GET", "/main/count")
    answer = connection.getresponse().read().decode()
    assert answer.split()[0].endswith(".n1")
    connection.close()
    assert running.stop() == 0
    assert not path.exists()
