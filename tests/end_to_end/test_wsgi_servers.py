"""container.wsgi:application under WSGI servers of others, and make_application under a lint for PEP 3333."""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from programs import free_ports
from webtest import TestApp
from webtest.lint import middleware

import container

pytestmark = pytest.mark.socket

# How each one is started on 127.0.0.1:{port}, and what it says when it is ready.
SERVERS = {
    "gunicorn": (
        "--bind 127.0.0.1:{port} --worker-class gthread --threads 4 container.wsgi:application",
        "Booting worker",
    ),
    "waitress": ("--listen 127.0.0.1:{port} container.wsgi:application", "Serving on"),
    "granian": (
        "--interface wsgi --host 127.0.0.1 --port {port} --no-ws container.wsgi:application",
        "Started worker-1",
    ),
}
ECHO = """
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        session = request.getSession()
        session.setAttribute("n", (session.getAttribute("n") or 0) + 1)
        response.setContentType("text/plain;charset=UTF-8")
        words = request.getPathInfo(), request.getParameter("q"), session.getAttribute("n")
        response.getWriter().write(" ".join(map(str, words)))

    def doPost(self, request, response):
        body = request.getInputStream().read()
        response.setStatus(201)
        response.setHeader("X-Length", str(len(body)))
        response.getOutputStream().write(body[::-1])

    def destroy(self):
        open("destroyed", "w").close()
"""
ASYNC_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet><servlet-name>main</servlet-name><servlet-class>app.Main</servlet-class>
    <async-supported>true</async-supported></servlet>
  <servlet-mapping><servlet-name>main</servlet-name><url-pattern>/main/*</url-pattern></servlet-mapping>
  <servlet><servlet-name>sync</servlet-name><servlet-class>app.Main</servlet-class></servlet>
  <servlet-mapping><servlet-name>sync</servlet-name><url-pattern>/sync/*</url-pattern></servlet-mapping>
</web-app>"""
ASYNC = """
import asyncio, threading
from container.servlet import AsyncListener, DispatcherType, HttpServlet

class Main(HttpServlet):
    def doPut(self, request, response):
        response.getWriter().write("dispatched to " + request.getPathInfo())

    def doGet(self, request, response):
        if request.getDispatcherType() is DispatcherType.ASYNC:
            response.getWriter().write(f"dispatched, {request.getParameter('to')}")
            return
        context = request.startAsync()
        how = request.getPathInfo()
        if how == "/thread":
            def answer():
                writer = response.getWriter()
                for _ in range(50):
                    writer.write("0123456789" * 1000)
                    writer.flush()
                context.complete()
            context.start(answer)
        elif how == "/dispatch":
            context.start(lambda: context.dispatch("/main/x?to=there"))
        elif how == "/timeout":
            context.setTimeout(20)
        elif how == "/closed":
            def close():
                response.getWriter().write("closed")
                response.getWriter().close()
                context.complete()
            context.start(close)

    async def doPost(self, request, response):
        body = request.getInputStream().read()
        out = response.getOutputStream()
        for start in range(0, len(body), 1000):
            out.write(body[start:start + 1000])
            if start % 100000 == 0:
                out.flush()
                await asyncio.sleep(0)
"""


@pytest.mark.parametrize("name", SERVERS)
def test_the_web_apps_run_under_another_wsgi_server(name: str, tmp_path: Path, web_app, start) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install {name}")
    folder = web_app(code=ECHO)
    (folder / "file.txt").write_text("a file")
    arguments, ready = SERVERS[name]
    running = start(name, *arguments.format(port=(port := free_ports(1)[0])).split(), HOME=str(tmp_path))
    running.url = f"http://127.0.0.1:{port}"
    running.wait_for(ready)
    running.wait_until_it_listens()

    assert running.get("/main/a%20b?q=%C3%A9") == (200, "/a b é 1")
    assert running.get("/file.txt") == (200, "a file")
    assert running.get("/missing")[0] == 404
    assert running.get("/WEB-INF/web.xml")[0] == 404
    assert running.get("/main", b"abc") == (201, "cba")
    assert running.get("/main", b"x" * 1_000_000) == (201, "x" * 1_000_000)
    running.stop(signal.SIGINT)


@pytest.mark.rules("RT-ASY-54")
@pytest.mark.parametrize("name", SERVERS)
def test_asynchronous_requests_are_answered_under_another_wsgi_server(
    name: str, tmp_path: Path, web_app, start
) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install {name}")
    web_app(code=ASYNC, web_xml=ASYNC_XML)
    arguments, ready = SERVERS[name]
    running = start(name, *arguments.format(port=(port := free_ports(1)[0])).split(), HOME=str(tmp_path))
    running.url = f"http://127.0.0.1:{port}"
    running.wait_for(ready)
    running.wait_until_it_listens()

    assert running.get("/main/thread") == (200, "0123456789" * 50_000)
    assert running.get("/main/dispatch") == (200, "dispatched, there")
    assert running.get("/main/timeout")[0] == 500
    assert running.get("/main/closed") == (200, "closed")
    body = "0123456789" * 100_000
    assert running.get("/main", body.encode()) == (200, body)
    assert running.get("/sync", body.encode()) == (200, body)
    running.stop(signal.SIGINT)


@pytest.fixture
def browser(web_app: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (web_app(code=ECHO) / "file.txt").write_text("a file")
    application = container.make_application(webapps=tmp_path / "webapps")
    yield TestApp(middleware(application))
    application.stop()


def test_make_application_keeps_to_pep_3333(browser: TestApp, tmp_path: Path) -> None:
    assert browser.get("/main/a?q=b").text == "/a b 1"
    assert browser.get("/main/a?q=b").text == "/a b 2"  # webtest sends the session's cookie back
    assert browser.get("/file.txt").text == "a file"
    assert browser.head("/file.txt").headers["Content-Length"] == "6"
    assert browser.get("/file.txt", headers={"Range": "bytes=2-"}, status=206).text == "file"
    assert browser.get("/missing", status=404).content_type == "text/html"
    answer = browser.post("/main", b"body", content_type="application/octet-stream", status=201)
    assert (answer.headers["X-Length"], answer.body) == ("4", b"ydob")


def test_stop_ends_the_web_apps(web_app: Callable[..., Path], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    web_app(code=ECHO)
    application = container.make_application(webapps=tmp_path / "webapps")
    application.stop()
    assert (tmp_path / "destroyed").exists()
