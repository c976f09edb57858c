"""`was run`: what it says, how it stops, and what a person sees of a mistake."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.socket

HELLO = """
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        response.getWriter().write("hello")
"""
BLOCKING = """
import threading
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        print("waiting", flush=True)
        threading.Event().wait()
"""
HANGING_IN_DESTROY = """
import threading
from container.servlet import HttpServlet

class Main(HttpServlet):
    def destroy(self):
        print("destroying", flush=True)
        threading.Event().wait()
"""
SLOW = """
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        response.getWriter().write("begun ")
        response.flushBuffer()
        print("begun", flush=True)
        while not self.getServletContext().getAttribute("go"):
            self.pause()
        response.getWriter().write("ended")

    def pause(self):
        import os, time
        time.sleep(0.01)
        if os.path.exists("go"):
            self.getServletContext().setAttribute("go", True)

    def destroy(self):
        print("destroyed", flush=True)
"""


def test_it_says_what_it_serves_what_is_wrong_and_where_it_logs(web_app, was_run) -> None:
    web_app("ROOT")
    web_app("a#b")
    web_app("broken", web_xml="<web-app>\n  <servlet>\n</web-app>")
    running = was_run()
    said = "".join(running.said)
    assert f"{running.url}/ " in said
    assert f"{running.url}/a/b/ " in said
    assert said.count(" 1 servlet  0 filters  started in ") == 2
    assert "DID NOT START, answers 503" in said
    assert said.count("broken/WEB-INF/web.xml:3:") == 1
    assert "/broken does not start: broken/WEB-INF/web.xml:3:" in said
    assert "Found wrong" not in said
    assert "What keeps a web app from starting stands above" in said
    assert "Access log: standard output. Log: standard error." in said

    assert running.get("/main")[0] == 200
    assert running.get("/a/b/main") == (200, "hello")
    assert running.get("/broken/")[0] == 503
    assert running.stop() == 0


def test_what_is_wrong_is_said_beside_a_log_in_a_file(tmp_path: Path, web_app, was_run) -> None:
    web_app("broken", web_xml="<web-app>\n  <servlet>\n</web-app>")
    running = was_run("--log", "was.log")
    assert "Found wrong:\n  broken/WEB-INF/web.xml:3:" in "".join(running.said)
    assert "/broken does not start: broken/WEB-INF/web.xml:3:" in (tmp_path / "was.log").read_text()
    assert running.stop() == 0


def test_an_empty_folder_is_served_too(tmp_path: Path, was_run) -> None:
    (tmp_path / "webapps").mkdir()
    running = was_run()
    assert any("`was new NAME`" in line for line in running.said)
    assert running.get("/")[0] == 404
    assert running.stop() == 0


def test_a_folder_that_is_not_there_is_named(start) -> None:
    running = start("container", "run", "--port", "0", "--webapps", "nowhere")
    assert running.wait() == 2
    assert running.said == [
        "nowhere: there is no such folder. Name the folder of your web apps with --webapps. [WAS134]\n"
    ]


def test_a_port_in_use_is_named(web_app, start) -> None:
    web_app()
    with socket.create_server(("127.0.0.1", 0)) as other:
        running = start("container", "run", "--port", str(other.getsockname()[1]))
        assert running.wait() == 2
    assert "address already in use" in running.said[0]
    assert len(running.said) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_lets_a_running_request_end_when_it_is_asked_to_stop(
    number, tmp_path: Path, web_app, was_run
) -> None:
    web_app(code=SLOW)
    running = was_run()
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 120) as client:
        client.sendall(b"GET /main HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        running.wait_for("^begun")
        running.process.send_signal(number)
        running.wait_for("^Stopping")
        (tmp_path / "go").touch()
        answer = b""
        while data := client.recv(65536):
            answer += data
    assert b"begun " in answer
    assert b"ended" in answer
    assert running.wait() == 0
    assert "destroyed\n" in running.said


@pytest.mark.parametrize("executor", ["pool", "per-request"])
def test_a_request_that_does_not_end_is_given_up_at_the_deadline(executor: str, web_app, was_run) -> None:
    web_app(code=BLOCKING)
    running = was_run("--stop-timeout-s", "0.2", "--executor", executor)
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 120) as client:
        client.sendall(b"GET /main HTTP/1.1\r\nHost: x\r\n\r\n")
        running.wait_for("^waiting")
        running.stop()


def test_a_web_app_that_cannot_be_stopped_is_given_up_at_the_deadline(web_app, was_run) -> None:
    web_app(code=HANGING_IN_DESTROY)
    running = was_run("--stop-timeout-s", "0.2")
    assert running.stop() == 1
    assert any("--stop-timeout-s" in line for line in running.said)


def test_a_second_signal_ends_it_at_once(web_app, was_run) -> None:
    web_app(code=HANGING_IN_DESTROY)
    running = was_run("--stop-timeout-s", "3600")
    running.process.send_signal(signal.SIGINT)
    running.wait_for("^destroying")
    assert running.stop(signal.SIGINT) == 128 + signal.SIGINT


def test_it_stops_when_nobody_reads_what_it_says(web_app, tmp_path: Path) -> None:  # was run | head -1
    web_app(code=HELLO)
    command = [
        sys.executable,
        "-m",
        "container",
        "run",
        "--port",
        "0",
        "--webapps",
        str(tmp_path / "webapps"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith("Ready") for line in process.stdout)
            process.stdout.close()
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_logs_go_to_files(tmp_path: Path, web_app, was_run) -> None:
    web_app()
    running = was_run(
        "--access-log", "logs/access.log", "--access-log-format", "common", "--log", "logs/was.log"
    )
    assert any("Access log: logs/access.log. Log: logs/was.log." in line for line in running.said)
    running.get("/main")
    running.get("/missing?q=1")
    assert running.stop() == 0
    lines = (tmp_path / "logs/access.log").read_text().splitlines()
    assert lines[0].endswith('"GET /main HTTP/1.1" 200 5')
    assert '"GET /missing?q=1 HTTP/1.1" 404 ' in lines[1]
    assert (tmp_path / "logs/was.log").exists()


def test_settings_come_from_the_environment_and_was_toml_too(tmp_path: Path, web_app, was_run) -> None:
    web_app()
    (tmp_path / "was.toml").write_text('access-log = "toml.log"\nlog = "toml.txt"\n')
    running = was_run(WAS_ACCESS_LOG="off")
    assert any("Access log: off. Log: toml.txt." in line for line in running.said)
    assert running.stop() == 0


def test_a_broken_users_file_is_named(tmp_path: Path, web_app, start) -> None:
    web_app()
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/tomcat-users.xml").write_text("<tomcat-users><user")
    running = start("container", "run", "--port", "0")
    assert running.wait() == 2
    assert re.search(r"/conf/tomcat-users\.xml:1: ", running.said[0])


def test_a_servlet_that_raises_shows_its_traceback_only_to_developers(web_app, was_run) -> None:
    web_app(code=HELLO.replace('response.getWriter().write("hello")', "1 / 0"))
    running = was_run()
    status, page = running.get("/main")
    assert status == 500
    assert "ZeroDivisionError" not in page
    assert running.stop() == 0
    assert any("ZeroDivisionError" in line for line in running.said)

    status, page = was_run("--dev").get("/main")
    assert status == 500
    assert "ZeroDivisionError" in page


# Reloading


COUNTING = """
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        session = request.getSession()
        session.setAttribute("visits", (session.getAttribute("visits") or 0) + 1)
        response.getWriter().write(f"first {session.getAttribute('visits')}")
"""


def changed(text: str) -> str:
    return COUNTING.replace("first", text)


def rewrite(file: Path, text: str) -> None:
    """Replace a file at once, so that nobody sees half of it."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def test_dev_reloads_a_changed_web_app_and_keeps_the_old_one_if_the_new_one_does_not_start(
    web_app: Callable[..., Path], was_run
) -> None:
    file = web_app(code=COUNTING) / "WEB-INF/classes/app.py"
    running = was_run("--dev", "--log", "-")
    assert running.get("/main") == (200, "first 1")

    rewrite(file, changed("second"))
    running.wait_for(r"reloaded in .* app\.py changed")
    assert running.get("/main") == (200, "second 2")  # the session has been kept

    rewrite(file, "from container.servlet import HttpServlet\nclass Main(HttpServlet:\n")
    running.wait_for("does not start; the one before goes on")
    assert running.get("/main") == (200, "second 3")
    running.wait_for(r"app\.py")  # the reason

    rewrite(file, changed("third"))
    running.wait_for("reloaded in")
    assert running.get("/main") == (200, "third 4")
    assert running.stop() == 0


def test_dev_starts_a_web_app_that_did_not_start_when_it_is_mended(web_app, was_run) -> None:
    descriptor = web_app(web_xml="<web-app>") / "WEB-INF/web.xml"
    running = was_run("--dev")
    assert running.get("/main")[0] == 503
    rewrite(
        descriptor,
        """<web-app version="6.1" xmlns="https://jakarta.ee/xml/ns/jakartaee">
          <servlet><servlet-name>m</servlet-name><servlet-class>app.Main</servlet-class></servlet>
          <servlet-mapping><servlet-name>m</servlet-name><url-pattern>/main</url-pattern></servlet-mapping>
        </web-app>""",
    )
    running.wait_for("reloaded in")
    assert running.get("/main") == (200, "hello")


def test_a_new_web_app_runs(tmp_path: Path, start, was_run) -> None:
    assert start("container", "new", "shop").wait() == 0
    running = was_run("--webapps", "shop/webapps")
    status, page = running.get("/shop/")
    assert status == 200
    assert "<h1>Hello, World!</h1>" in page
    assert running.get("/shop/style.css")[0] == 200
    assert running.get("/shop/WEB-INF/web.xml")[0] == 404
    assert running.stop() == 0
