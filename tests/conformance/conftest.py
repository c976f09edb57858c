"""Web apps made in a test, behind a real connector and front, and a client that shows every byte it gets.

- ``app = deploy(web_xml(SERVLETS), classes=[Main])``: a class of the test is "app.Main" in the descriptor
- ``app = deploy(files={"WEB-INF/classes/shop.py": SOURCE})``: files of a web app, text or bytes
- ``app = serve(lambda request, response: ...)``: one function as the servlet of every path
- ``app = tell(lambda request: ...)``: the same, answering with what it returns; ``app.get("/").json``
- ``app.get("/x", "Accept: text/plain").text``: paths are below the context, /app
- ``app.send(b"GET /app/x HTTP/1.1...")``: raw bytes; then every answer
"""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from container.config import Settings
from container.connectors.http_blocking import BlockingHttpConnector
from container.engine.container import Container
from container.engine.context import Context
from container.front.routes import EmbeddedFront
from container.mpm.event import EventServer
from container.mpm.scoreboard import Scoreboard
from container.mpm.worker import WorkerServer
from container.servlet import HttpServlet
from container.testing.processes import SocketServer

PATIENCE_S = 60.0  # only ever used up by a failure
NAMESPACE = "https://jakarta.ee/xml/ns/jakartaee"
MAIN = """
  <servlet>
    <servlet-name>main</servlet-name><servlet-class>app.Main</servlet-class>
    <async-supported>true</async-supported>
  </servlet>
  <servlet-mapping><servlet-name>main</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.socket)


class Answer:
    """One answer. headers: pairs in order; header: the values of one name."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.broken = False
        try:
            self.body = response.read()
        except (http.client.IncompleteRead, ConnectionError) as error:
            self.body = getattr(error, "partial", b"")
            self.broken = True
        """Whether the answer ended before its end."""
        self.status = response.status
        self.reason = response.reason
        self.headers = response.getheaders()
        self.will_close = response.will_close

    def __repr__(self) -> str:
        return f"<Answer {self.status} {self.headers} {self.body!r}>"

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> dict[str, str]:
        """Name and value of each Set-Cookie, without attributes."""
        pairs = (value.partition(";")[0].partition("=") for value in self.all("Set-Cookie"))
        return {name: value for name, _, value in pairs}


_MPM = os.environ.get("CONFORMANCE_MPM", "event")
if _MPM not in ("event", "worker"):
    raise pytest.UsageError(
        f"CONFORMANCE_MPM={_MPM}: the tests run in one process, under event or worker. What worker does with "
        "a connection prefork does too, with one of them in each process."
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if _MPM == "worker" and (mark := item.get_closest_marker("on_a_loop")):
        pytest.skip(f"not with a thread for each connection: {mark.args[0]}")


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, method: str = "GET") -> Answer:
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        return Answer(response)

    def close(self) -> None:
        self.socket.close()


class Server(SocketServer):
    """A connector for all tests; each test gives it the front to delegate to."""

    def __init__(self, **settings: Any) -> None:
        nobody: Any = None
        super().__init__(nobody, Settings(access_log="off", stop_timeout_s=PATIENCE_S, **settings))
        self.port = int(self.url.rpartition(":")[2])

    def make_mpm(self, listener: socket.socket) -> EventServer | WorkerServer:
        if _MPM == "event":
            return super().make_mpm(listener)
        slot = Scoreboard.make(None, 1, self.settings.threads_per_child, "worker", []).slot(0)
        connector = lambda: BlockingHttpConnector(self, self.settings)  # noqa: E731
        return WorkerServer([listener], connector, self.settings, slot)


class App:
    """A deployed web app. Requests made through it end the connection unless a client is opened for them."""

    def __init__(self, server: Server, container: Container, context: Context) -> None:
        self.server, self.container, self.context = server, container, context
        self.clients: list[Client] = []

    @property
    def problems(self) -> list[str]:
        """Everything found wrong at the start, as it is printed."""
        return [str(problem) for problem in self.context.problems]

    @property
    def running(self) -> bool:
        return self.context.state.value == "running"

    def serve_by(self, server: Server) -> None:
        """Be asked through another server from now on."""
        server.handler, self.server = self.server.handler, server

    def connect(self) -> Client:
        client = Client(self.server.port)
        self.clients.append(client)
        return client

    def request(
        self, method: str, path: str = "/", *headers: str, body: bytes | str = b"", version: str = "HTTP/1.1"
    ) -> Answer:
        """Ask for a path below the context's own. A body gets its Content-Length."""
        if isinstance(body, str):
            body = body.encode()
        lines = [f"{method} {self.context.encoded_path}{path} {version}", *headers]
        if not any(line.lower().startswith("host:") for line in headers):
            lines.insert(1, "Host: test.example")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        lines += ["Connection: close", "", ""]
        return self.send("\r\n".join(lines).encode("latin-1") + body, method)[0]

    def get(self, path: str = "/", *headers: str) -> Answer:
        return self.request("GET", path, *headers)

    def post(self, path: str, body: bytes | str, *headers: str) -> Answer:
        """Post a form, unless a Content-Type says otherwise."""
        if not any(line.lower().startswith("content-type:") for line in headers):
            headers = ("Content-Type: application/x-www-form-urlencoded", *headers)
        return self.request("POST", path, *headers, body=body)

    def send(self, data: bytes, *methods: str) -> list[Answer]:
        """Send raw bytes and read one answer for each method (default: one GET), then close."""
        client = self.connect()
        client.send(data)
        try:
            return [client.answer(method) for method in methods or ("GET",)]
        finally:
            client.close()

    def call(self, path: str = "/", *, body: bytes = b"", **environ: Any) -> bytes:
        """Ask as a WSGI server would (PEP 3333), and return the answer's body."""
        environ = {
            "REQUEST_METHOD": "POST" if body else "GET", "SCRIPT_NAME": "", "QUERY_STRING": "",
            "PATH_INFO": self.context.path + path, "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
            "SERVER_NAME": "test.example", "SERVER_PORT": "80", "wsgi.input": io.BytesIO(body), **environ,
        }  # fmt: skip
        return b"".join(self.container(environ, lambda *_: lambda data: None))

    def wait_idle(self) -> None:
        """Wait until every request has really ended: a client may have its answer before that."""
        deadline = time.monotonic() + PATIENCE_S
        while self.context._active:
            assert time.monotonic() < deadline, "a request does not end"
            time.sleep(0.001)

    def stop(self) -> None:
        self.container.stop(PATIENCE_S)


@pytest.fixture
def is_worker() -> bool:
    """Whether each connection has a thread, which also runs its requests."""
    return _MPM == "worker"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def web_xml(body: str, *, version: str = "6.1", attributes: str = "") -> str:
    return f'<web-app xmlns="{NAMESPACE}" version="{version}" {attributes}>{body}</web-app>'


@pytest.fixture(name="web_xml")
def web_xml_fixture() -> Callable[..., str]:
    return web_xml


Deploy = Callable[..., App]


@pytest.fixture
def deploy(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploy]:
    """Deploy a web app: deploy(descriptor, classes=[...], files={...}, name="app", **settings) -> App.

    The descriptor is text, or None for no web.xml. A web app that does not start is returned, too: see
    running and problems. A further call adds a web app to the same container; the last one is asked.
    """
    webapps = tmp_path / "webapps"
    apps: list[App] = []

    def deploy_one(
        descriptor: str | None = None,
        *,
        classes: Sequence[type] = (),
        files: Mapping[str, str | bytes] | None = None,
        name: str = "app",
        realm: Any = None,
        **settings: Any,
    ) -> App:
        folder = webapps / name
        put(folder, {} if descriptor is None else {"WEB-INF/web.xml": descriptor})
        put(folder, files or {})
        if classes:
            module = types.ModuleType("app")
            vars(module).update({each.__name__: each for each in classes})
            monkeypatch.setitem(sys.modules, "app", module)
        if apps:
            container = apps[0].container
        else:
            container = Container(Settings(webapps=webapps, access_log="off", **settings), realm)
        app = App(server, container, container.deploy(folder))
        apps.append(app)
        front = EmbeddedFront(container)
        container.on_static_plan(front.publish)
        server.handler = front
        return app

    yield deploy_one
    for app in apps:
        for client in app.clients:
            client.close()
    for app in apps[:1]:
        app.stop()


def put(folder: Path, files: Mapping[str, str | bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def serve(deploy: Deploy) -> Callable[..., App]:
    """Serve every path with one function of request and response: serve(function, extra_xml="", **deploy)."""

    def serve_one(function: Callable[[Any, Any], None], more: str = "", **arguments: Any) -> App:
        class Main(HttpServlet):
            def service(self, request: Any, response: Any) -> None:
                function(request, response)

        classes = [Main, *arguments.pop("classes", ())]
        return deploy(web_xml(MAIN + more), classes=classes, **arguments)

    return serve_one


@pytest.fixture
def tell(serve: Callable[..., App]) -> Callable[..., App]:
    """Serve what a function of the request returns, as JSON; a list may hold calls to make, see outcome."""

    def tell_one(function: Callable[[Any], Any], more: str = "", **arguments: Any) -> App:
        def service(request: Any, response: Any) -> None:
            found = function(request)
            if isinstance(found, list):
                found = [outcome(each) if callable(each) else each for each in found]
            response.setContentType("application/json;charset=UTF-8")
            response.getWriter().write(json.dumps(found, default=list))

        return serve(service, more, **arguments)

    return tell_one


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the name of the exception it raises."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001  whatever it is, the test compares its name
        return type(error).__name__


@pytest.fixture
def routes(deploy: Deploy) -> Callable[..., App]:
    """Serve each url-pattern with a function: routes({"/a/*": function}, extra_xml="", **deploy).

    The servlets are named by their patterns.
    """

    def serve_all(table: Mapping[str, Callable[[Any, Any], None]], more: str = "", **arguments: Any) -> App:
        classes, xml = list(arguments.pop("classes", ())), []
        for number, (pattern, function) in enumerate(table.items()):

            def service(self: Any, request: Any, response: Any, function: Any = function) -> None:
                function(request, response)

            classes.append(type(f"Route{number}", (HttpServlet,), {"service": service}))
            xml.append(
                f"<servlet><servlet-name>{pattern}</servlet-name><servlet-class>app.Route{number}</servlet-class>"
                "<async-supported>true</async-supported></servlet><servlet-mapping>"
                f"<servlet-name>{pattern}</servlet-name><url-pattern>{pattern}</url-pattern></servlet-mapping>"
            )
        return deploy(web_xml("".join(xml) + more), classes=classes, **arguments)

    return serve_all
