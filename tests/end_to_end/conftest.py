"""`was run` in a process of its own, as people start it."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import programs
import pytest

import container

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LIMIT_S = 180.0  # for whatever a test waits for; never how long it takes
WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet>
    <servlet-name>main</servlet-name>
    <servlet-class>app.Main</servlet-class>
    <load-on-startup>1</load-on-startup>
  </servlet>
  <servlet-mapping>
    <servlet-name>main</servlet-name>
    <url-pattern>/main/*</url-pattern>
  </servlet-mapping>
</web-app>
"""
HELLO = """
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        response.getWriter().write("hello")
"""
# Not PYTHONUNBUFFERED: print writes a line and its end apart then, and another process or thread may write
# between the two.
ENVIRON = {
    "PATH": os.defpath,
    "PYTHONPATH": str(Path(container.__file__).parents[1]),
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Running:
    """A started process, and what it has said so far."""

    def __init__(self, command: list[str], folder: Path, environ: dict[str, str]) -> None:
        self._folder = folder
        self._environ = {**ENVIRON, **environ}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[str] = []
        self.url = ""
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the first line from now on that has pattern in it."""
        limit_s = time.monotonic() + LIMIT_S
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, limit_s - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                pytest.fail(f"{pattern!r} was not said, but:\n{''.join(self.said)}")
            self.said.append(line)
            if found := re.search(pattern, line):
                return found

    def command(self, *arguments: str) -> str:
        """What a `was` command prints that is given in the same folder and environment."""
        command = [sys.executable, "-m", "container", *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environ, capture_output=True, check=False, text=True
        )
        return done.stdout

    def get(self, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Return status and text; with a body it is a POST. All are one visitor, with cookies."""
        type = {"Content-Type": "application/octet-stream"} if body is not None else {}
        request = urllib.request.Request(self.url + path, body, type)
        try:
            with self._visitor.open(request, timeout=LIMIT_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    def wait_until_it_listens(self) -> None:
        """For servers that say they are ready a little early."""
        limit_s = time.monotonic() + LIMIT_S
        while True:
            try:
                self.get("/")
                return
            except OSError:
                if time.monotonic() > limit_s or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def wait(self) -> int:
        """Return the exit code; all that was said is in said then."""
        code = self.process.wait(LIMIT_S)
        self._reader.join()
        while (line := self._lines.get()) is not None:
            self.said.append(line)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it and its children, if it has not ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join()


@pytest.fixture(scope="session", autouse=True)
def _may_be_interrupted() -> None:
    """A shell's background job ignores SIGINT, and all children would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window; whatever a test expects of a page has LIMIT_S to come."""
    from playwright.sync_api import expect, sync_playwright  # slow to import, and few tests look at pages

    expect.set_options(timeout=LIMIT_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=programs.find("chromium"),
            args=list(programs.CHROMIUM_ARGUMENTS),
            timeout=LIMIT_S * 1000,
        )
        yield browser
        browser.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """A function that starts ``python -m MODULE ARGUMENTS`` in the test's folder."""
    started = []

    def start(*arguments: str, **environ: str) -> Running:
        started.append(Running([sys.executable, "-m", *arguments], tmp_path, environ))
        return started[-1]

    yield start
    for running in started:
        running.kill()


@pytest.fixture
def web_app(tmp_path: Path) -> Callable[..., Path]:
    """A function that makes a web app with a module app.py."""

    def web_app(name: str = "ROOT", code: str = HELLO, web_xml: str = WEB_XML) -> Path:
        folder = tmp_path / "webapps" / name
        (folder / "WEB-INF" / "classes").mkdir(parents=True)
        (folder / "WEB-INF" / "web.xml").write_text(web_xml)
        (folder / "WEB-INF" / "classes" / "app.py").write_text(code)
        return folder

    return web_app


@pytest.fixture
def was_run(start: Callable[..., Running]) -> Callable[..., Running]:
    """A function that serves the test's webapps on a free port and returns when it is ready."""

    def was_run(*flags: str, **environ: str) -> Running:
        running = start("container", "run", "--port", "0", *flags, **environ)
        running.url = running.wait_for(r"Ready after .* on (http://\S+)/\.")[1]
        return running

    return was_run
