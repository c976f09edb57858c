"""The process models as `was run --mpm` starts them: real processes, sockets and signals."""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
from pathlib import Path

import pytest
from load import LIMIT_S, Load, is_gone, wait_until
from served import Processes

pytestmark = pytest.mark.socket

MODELS = {
    "prefork": [
        "--mpm", "prefork", "--start-servers", "3", "--min-spare-servers", "1", "--max-spare-servers", "4",
        "--max-request-workers", "4",
    ],
    "worker": [
        "--mpm", "worker", "--start-servers", "2", "--threads-per-child", "5", "--min-spare-threads", "5",
        "--max-spare-threads", "20", "--server-limit", "3",
    ],
    "event": ["--mpm", "event", "--worker-processes", "2"],
}  # fmt: skip
START = {"prefork": 3, "worker": 2, "event": 2}
APP = """
import os, threading, time
from pathlib import Path
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        match request.getPathInfo():
            case "/count":
                session = request.getSession()
                count = (session.getAttribute("count") or 0) + 1
                session.setAttribute("count", count)
                response.getWriter().write(f"{count} {os.getpid()}")
            case "/wait":
                print("waiting", flush=True)
                while not Path("go").exists():
                    time.sleep(0.01)
                response.getWriter().write("waited")
            case "/later":
                context = request.startAsync()
                def answer():
                    context.getResponse().getWriter().write("later")
                    context.complete()
                threading.Timer(0.01, answer).start()
            case _:
                response.getWriter().write(str(os.getpid()))

    def doPost(self, request, response):
        response.getWriter().write(str(len(request.getInputStream().read())))
"""
WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet>
    <servlet-name>main</servlet-name>
    <servlet-class>app.Main</servlet-class>
    <load-on-startup>1</load-on-startup>
    <async-supported>true</async-supported>
  </servlet>
  <servlet-mapping>
    <servlet-name>main</servlet-name>
    <url-pattern>/main/*</url-pattern>
  </servlet-mapping>
</web-app>
"""


class Server(Processes):
    """A running `was run`."""

    def __init__(self, running, folder: Path) -> None:
        super().__init__(running, int(running.url.rpartition(":")[2]))
        self.folder = folder


@pytest.fixture
def serve(tmp_path: Path, web_app, was_run):
    """Start the test's web app under a process model."""

    def serve(model: str, *flags: str) -> Server:
        folder = web_app(code=APP, web_xml=WEB_XML)
        (folder / "page.txt").write_text("static")
        shared = ["--session-store", "sqlite", "--work", "work", "--access-log", "access.log"]
        return Server(was_run(*shared, *MODELS[model], *flags), tmp_path)

    return serve


@pytest.fixture(params=list(MODELS))
def model(request) -> str:
    return request.param


def test_requests_sessions_files_and_logs(model: str, serve) -> None:
    server = serve(model)
    assert len(server.wait_for(lambda pids: len(pids) >= START[model])) >= START[model]
    connection = server.connect()
    for _ in range(3):  # one connection, one process
        connection.request("GET", "/main")
        pid = connection.getresponse().read()
    connection.request("POST", "/main", bytes(100_000))
    assert connection.getresponse().read() == b"100000"
    connection.request("GET", "/page.txt")
    assert connection.getresponse().read() == b"static"
    connection.request("GET", "/main/later")
    assert connection.getresponse().read() == b"later"
    connection.request("GET", "/main")
    assert connection.getresponse().read() == pid
    connection.close()

    assert [int(server.running.get("/main/count")[1].split()[0]) for _ in range(4)] == [1, 2, 3, 4]
    assert server.running.stop() == 0
    lines = (server.folder / "access.log").read_text().splitlines()
    assert len(lines) == 11
    assert all(line.startswith("127.0.0.1 - ") for line in lines)


def test_pipelined_requests_are_answered_in_order(model: str, serve) -> None:
    server = serve(model)
    with socket.create_connection(("127.0.0.1", server.port), LIMIT_S) as client:
        client.sendall(b"GET /page.txt HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        client.sendall(b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = b""
        while data := client.recv(65536):
            answers += data
    assert answers.count(b"HTTP/1.1 200") == answers.count(b"\r\n\r\nstatic") == 5
    assert answers.rindex(b"HTTP/1.1 200") < answers.index(b"HTTP/1.1 404")


def test_a_killed_child_is_replaced_and_only_its_connections_are_lost(model: str, serve) -> None:
    server = serve(model)
    before = server.wait_for(lambda pids: len(pids) >= START[model])
    with Load(server.connect, "/main", keep_alive=False) as load:
        load.go_on()
        victim = int(server.get("/main"))
        before |= server.pids()  # the load may have brought more of them
        os.kill(victim, signal.SIGKILL)
        server.wait_for(lambda pids: victim not in pids and bool(pids - before))
        load.go_on()
    assert len(load.failures) <= {"prefork": 1}.get(model, 4), load.failures
    assert server.running.stop() == 0
    assert any("signal 9 (SIGKILL)" in line for line in server.running.said)


@pytest.mark.parametrize("keep_alive", [True, False])
def test_a_reload_under_load_fails_no_request(model: str, keep_alive: bool, serve) -> None:
    server = serve(model)
    before = server.wait_for(lambda pids: len(pids) >= START[model])
    with Load(server.connect, "/main", clients=3, keep_alive=keep_alive) as load:
        load.go_on()
        server.running.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda pids: bool(pids) and not pids & before)
        wait_until(lambda: all(map(is_gone, before)))
        load.go_on()
    assert load.failures == []
    assert server.running.stop() == 0


def test_a_reload_starts_the_code_that_is_there_now(serve) -> None:
    server = serve("worker")
    app = server.folder / "webapps" / "ROOT" / "WEB-INF" / "classes" / "app.py"
    app.write_text(APP.replace("str(os.getpid())", '"new"'))
    server.running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.get("/main") == "new")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_stop_lets_running_requests_end_and_leaves_nothing_behind(model: str, number, serve) -> None:
    server = serve(model)
    pids = {process["pid"] for process in server.status()["processes"]}
    connection = server.connect()
    connection.request("GET", "/main/wait")
    server.running.wait_for("^waiting")
    server.running.process.send_signal(number)
    server.running.wait_for("^Stopping")
    (server.folder / "go").touch()
    assert connection.getresponse().read() == b"waited"
    connection.close()
    assert server.running.wait() == 0
    assert all(map(is_gone, pids))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    assert server.status() == {"processes": []}
    assert not list((server.folder / "work").glob("was-*"))


def test_a_request_that_does_not_end_is_given_up_at_the_deadline(model: str, serve) -> None:
    server = serve(model, "--stop-timeout-s", "0.1")
    connection = server.connect()
    connection.request("GET", "/main/wait")
    server.running.wait_for("^waiting")
    server.running.stop()
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.getresponse()


def test_a_graceful_stop_has_a_deadline_of_its_own(serve) -> None:
    server = serve("event", "--stop-timeout-s", "0.1", "--graceful-shutdown-timeout-s", "3600")
    connection = server.connect()
    connection.request("GET", "/main/wait")
    server.running.wait_for("^waiting")
    server.running.process.send_signal(signal.SIGQUIT)
    server.running.wait_for("^Stopping")
    answered, _, _ = select.select([connection.sock], [], [], 1.0)
    assert not answered, "broken off after --stop-timeout-s"
    (server.folder / "go").touch()
    assert connection.getresponse().read() == b"waited"
    connection.close()
    assert server.running.wait() == 0


def test_a_second_signal_ends_all_at_once(model: str, serve) -> None:
    server = serve(model, "--stop-timeout-s", "3600")
    pids = server.pids()
    connection = server.connect()
    connection.request("GET", "/main/wait")
    server.running.wait_for("^waiting")
    server.running.process.send_signal(signal.SIGTERM)
    server.running.wait_for("^Stopping")
    assert server.running.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    assert all(map(is_gone, pids))
    connection.close()


def test_without_their_supervisor_children_end(model: str, serve) -> None:
    server = serve(model)
    pids = server.wait_for(lambda pids: len(pids) >= START[model])
    server.running.process.kill()
    wait_until(lambda: all(map(is_gone, pids)))
    wait_until(lambda: server.status() == {"processes": []})  # those too that have come since


def test_a_child_is_replaced_after_so_many_connections(model: str, serve) -> None:
    server = serve(model, "--max-connections-per-child", "5")
    before = server.wait_for(lambda pids: len(pids) >= START[model])
    served = [int(server.get("/main")) for _ in range(40)]
    most = 10 if model == "event" else 5  # a loop takes all connections of a turn
    assert max(map(served.count, set(served))) <= most
    wait_until(lambda: any(map(is_gone, before)))


def test_with_every_process_taken_a_connection_waits(serve) -> None:
    server = serve("prefork", "--max-request-workers", "2", "--min-spare-servers", "2")
    holders = [server.connect() for _ in range(2)]
    for holder in holders:
        holder.request("GET", "/main")
        holder.getresponse().read()  # the connection stays open, and with it its process
    late = server.connect()
    late.request("GET", "/main")
    server.running.wait_for("server reached MaxRequestWorkers")
    holders[0].close()
    assert late.getresponse().status == 200
    for each in (late, holders[1]):
        each.close()


def test_idle_processes_come_and_go(serve) -> None:
    server = serve("prefork", "--start-servers", "1", "--min-spare-servers", "2", "--max-spare-servers", "3")
    server.wait_for(lambda pids: len(pids) >= 2)
    holders = [server.connect() for _ in range(2)]
    for holder in holders:
        holder.request("GET", "/main")
        holder.getresponse().read()
    server.wait_for(lambda pids: len(pids) >= 4)  # two at work, two spare, or three
    for holder in holders:
        holder.close()
    server.wait_for(lambda pids: len(pids) == 3)


def test_what_cannot_start_is_said(web_app, start) -> None:
    web_app(code=APP, web_xml=WEB_XML)
    log = "webapps/ROOT/WEB-INF/web.xml/access.log"
    running = start(
        "container", "run", "--port", "0", "--session-store", "sqlite", "--work", "work", "--access-log", log,
        *MODELS["worker"],
    )  # fmt: skip
    assert running.wait() == 2
    assert any(line.startswith("access log ") for line in running.said)
    assert any("processes became ready; the last one: exit code 1" in line for line in running.said)


@pytest.mark.parametrize(
    ("flags", "cure"),
    [
        (MODELS["prefork"], "--session-store sqlite --work FOLDER, or have one process with --max-request-w"),
        (MODELS["worker"], "--session-store sqlite --work FOLDER, or have one process with --server-limit 1"),
        (
            MODELS["event"],
            "--session-store sqlite --work FOLDER, or have one process with --worker-processes",
        ),
        (
            ["--mpm", "worker", "--server-limit", "1", "--executor", "pool"],
            "Remove --executor, or use --mpm event",
        ),
    ],
)
def test_what_a_model_cannot_do_is_said_with_the_cure(flags: list[str], cure: str, web_app, start) -> None:
    web_app()
    running = start("container", "run", "--port", "0", *flags)
    assert running.wait() == 2
    assert cure in "".join(running.said)


def test_one_process_may_keep_its_sessions_in_memory(web_app, was_run) -> None:
    web_app(code=APP, web_xml=WEB_XML)
    running = was_run("--mpm", "worker", "--server-limit", "1")
    assert [int(running.get("/main/count")[1].split()[0]) for _ in range(3)] == [1, 2, 3]
    assert running.stop() == 0


def test_corrections_are_warnings(web_app, was_run) -> None:
    web_app(code=APP, web_xml=WEB_XML)
    running = was_run("--mpm", "worker", "--server-limit", "1", "--threads-per-child", "100")
    assert any(
        "ThreadsPerChild 100 is more than 64 (ThreadLimit): 64 is used" in line for line in running.said
    )


def test_status_shows_what_each_process_does(model: str, serve) -> None:
    server = serve(model)
    connection = server.connect()
    connection.request("GET", "/main/wait?for=a-sign")
    server.running.wait_for("^waiting")

    def busy() -> list[dict]:
        return [
            thread
            for process in server.status()["processes"]
            for thread in process["threads"]
            if thread["state"] == "W"
        ]

    wait_until(lambda: bool(busy()))
    (thread,) = busy()
    assert (thread["request"], thread["peer"]) == ("GET /main/wait?for=a-sign", "127.0.0.1")
    (server.folder / "go").touch()
    connection.getresponse().read()
    connection.close()


def test_one_process_reloads_its_web_apps_and_shows_its_status(web_app, was_run, tmp_path) -> None:
    app = web_app(code=APP, web_xml=WEB_XML) / "WEB-INF" / "classes" / "app.py"
    server = Server(was_run("--work", "work"), tmp_path)
    assert len(server.pids()) == 1
    app.write_text(APP.replace("str(os.getpid())", '"new"'))
    server.running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.get("/main") == "new")
    server.running.process.send_signal(signal.SIGUSR1)
    server.running.wait_for("opened anew")
    assert server.running.stop(signal.SIGQUIT) == 0
