"""A front on a real socket, before backends that do as a test says, with the balancer of nginx's rules."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from container.config import Settings
from container.connectors.http_blocking import BlockingHttpConnector
from container.front.balancer import Address, Ask
from container.front.front import Front
from container.front.program import FrontConnector
from container.front.site import FixedAnswer, ProxyAction, ProxyLimits
from container.front.upstream import NextUpstream, ServerConfig, Upstream, UpstreamConfig
from container.mpm.event import EventServer, open_listener
from container.mpm.executor import make_executor
from container.mpm.scoreboard import Scoreboard
from container.mpm.worker import WorkerServer

PATIENCE_S = 60.0  # only ever used up by a failure
HOP = frozenset(("connection", "content-length", "expect", "transfer-encoding"))


class Peer:
    """A backend's end of one connection."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.socket = sock
        self.number = number
        self.file = sock.makefile("rb")

    def read_head(self) -> tuple[str, dict[str, str]] | None:
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        while (header := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return line.decode("latin-1").strip(), headers

    def read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.file.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.file.readline(), 16):
            body += self.file.read(size)
            self.file.readline()
        self.file.readline()
        return body

    def read(self) -> tuple[str, dict[str, str], bytes] | None:
        head = self.read_head()
        return None if head is None else (*head, self.read_body(head[1]))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, body: bytes = b"", status: str = "200 OK", *lines: str) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""]
        self.send("\r\n".join(head).encode() + body)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


class Stub:
    """A backend: each connection is served by the function, in a thread of its own."""

    def __init__(self, serve: Callable[[Peer], object], family: int = socket.AF_INET, path: str = "") -> None:
        self.listener = socket.socket(family)
        self.listener.bind(path or ("127.0.0.1", 0))
        self.listener.listen(64)
        if path:
            self.address = Address("http", "", 0, path)
        else:
            self.address = Address("http", *self.listener.getsockname())
        self.serve = serve
        self.requests: list[tuple[str, dict[str, str], bytes]] = []  # for functions to fill
        self.connections = 0
        self.released = threading.Event()  # what those wait for that hang
        self.threads = [threading.Thread(target=self._accept)]
        self.sockets: list[socket.socket] = []
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(Peer(sock, self.connections),))
            self.threads.append(thread)
            thread.start()

    def _serve(self, peer: Peer) -> None:
        with peer.file, peer.socket, contextlib.suppress(OSError, ValueError):
            self.serve(peer)

    def stop(self) -> None:
        self.released.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(PATIENCE_S)


class PassOn:
    """A site that passes everything on to one group, as it came."""

    def __init__(self, group, limits: ProxyLimits, **action) -> None:
        self.group = group
        self.limits = limits
        self.action = action
        self.lines: list[dict[str, str]] = []  # the facts that logs get

    def decide(self, request):
        exchange = request.exchange
        headers = [(n, v) for n, v in request.headers.items() if n not in HOP]
        ask = Ask(exchange.method, exchange.connection.peer[0])
        return ProxyAction(self.group, ask, exchange.target, tuple(headers), self.limits, **self.action)

    def decide_error(self, request, status, answer_headers=()):
        return None

    def log_line(self, request, facts):
        self.lines.append(dict(facts))
        return ()


class RunningFront:
    """Under the event MPM, or under worker: then in_threads is how many threads there are."""

    def __init__(self, site, kernel_buffer_bytes=0, in_threads=0, **settings) -> None:
        self.site = site
        model = {"mpm": "worker", "threads_per_child": in_threads} if in_threads else {}
        self.settings = Settings(**{"stop_timeout_s": PATIENCE_S, **model, **settings})
        self.executor = make_executor(self.settings)
        self.front = Front(site, self.settings)
        listener = open_listener("127.0.0.1", 0, 1024)
        if kernel_buffer_bytes:  # small: a slow client is soon seen to be one
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, kernel_buffer_bytes)
        self.port = listener.getsockname()[1]
        if in_threads:
            self.connector = BlockingHttpConnector(self.front, self.settings, [self.front.report])
            board = Scoreboard.make(None, 1, in_threads, "worker", [])
            self.server = WorkerServer([listener], lambda: self.connector, self.settings, board.slot(0))
        else:
            self.connector = FrontConnector(self.front, self.settings, self.executor)
            self.server = EventServer([listener], lambda: self.connector, self.settings)
        is_ready = threading.Event()
        self.thread = threading.Thread(target=self.server.run, args=(is_ready.set,))
        self.thread.start()
        assert is_ready.wait(PATIENCE_S)
        self.clients: list[Client] = []

    def connect(self, data: bytes = b"") -> Client:
        client = Client(self.port)
        self.clients.append(client)
        client.socket.sendall(data)
        return client

    def get(self, target: str = "/", *lines: str, method: str = "GET", body: bytes = b"") -> Answer:
        """Ask on a connection of its own."""
        client = self.connect()
        client.ask(target, *lines, method=method, body=body)
        answer = client.answer(method)
        client.close()
        return answer

    def wait_for_line(self, count: int = 1) -> dict[str, str]:
        """The facts of the last of so many requests."""
        deadline_s = time.monotonic() + PATIENCE_S
        while len(self.site.lines) < count:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        return self.site.lines[count - 1]

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.server.stop()
        self.thread.join(2 * PATIENCE_S)
        assert not self.thread.is_alive()
        assert self.executor.stop(PATIENCE_S)
        self.front.close()


class Answer:
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes, *, complete: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.complete = complete

    def __getitem__(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Client:
    """Reads answers, and knows a broken one."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.file = self.socket.makefile("rb")

    def ask(self, target: str = "/", *lines: str, method: str = "GET", body: bytes = b"") -> None:
        length = [f"Content-Length: {len(body)}"] if body else []
        head = [f"{method} {target} HTTP/1.1", "Host: shop.example", *length, *lines, "", ""]
        self.socket.sendall("\r\n".join(head).encode() + body)

    def head(self) -> tuple[int, list[tuple[str, str]]]:
        line = self.file.readline()
        if not line:
            return 0, []
        headers = []
        while (header := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        return int(line.split()[1]), headers

    def answer(self, method: str = "GET") -> Answer:
        status, headers = self.head()
        fields = {name.lower(): value for name, value in headers}
        if method == "HEAD" or status in (0, 101, 204, 304):
            return Answer(status, headers, b"", complete=status > 0)
        body = b""
        try:
            if fields.get("transfer-encoding") == "chunked":
                while line := self.file.readline():
                    if not (size := int(line, 16)):
                        return Answer(status, headers, body, complete=self.file.readline() == b"\r\n")
                    body += self.file.read(size)
                    self.file.readline()
                return Answer(status, headers, body, complete=False)
            if "content-length" in fields:
                length = int(fields["content-length"])
                body = self.file.read(length)
                return Answer(status, headers, body, complete=len(body) == length)
            return Answer(status, headers, self.file.read(), complete=True)
        except ConnectionResetError:
            return Answer(status, headers, body, complete=False)

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def stub():
    """Start a backend: stub(serve) -> Stub."""
    stubs = []

    def start(serve: Callable[[Peer], object], **how) -> Stub:
        stubs.append(Stub(serve, **how))
        return stubs[-1]

    yield start
    for each in stubs:
        each.stop()


@pytest.fixture
def run():
    """Run a front with a site: run(site, **settings) -> RunningFront."""
    fronts = []

    def start(site, **settings) -> RunningFront:
        fronts.append(RunningFront(site, **settings))
        return fronts[-1]

    yield start
    for front in fronts:
        front.stop()


@pytest.fixture
def before(run):
    """Run a front that passes everything on to some backends: before(stub, ..., limits) -> RunningFront."""

    def start(*backends, conditions: str = "error timeout", method="round_robin", settings=None, **limits):
        servers = []
        for backend in backends:
            address = getattr(backend, "address", backend)
            servers.append(ServerConfig(str(address), address, max_fails=0))
        group = Upstream(
            UpstreamConfig("group", tuple(servers), method), NextUpstream(frozenset(conditions.split()))
        )
        action = {name: limits.pop(name) for name in ("edits", "status") if name in limits}
        limits = replace(ProxyLimits(keepalive=8), **limits)
        return run(PassOn(group, limits, **action), **(settings or {}))

    return start


@pytest.fixture
def nobody() -> Iterator[Address]:
    """Where nobody listens."""
    with socket.socket() as sock:  # bound, so that nobody else gets the port
        sock.bind(("127.0.0.1", 0))
        yield Address("http", *sock.getsockname())


def fixed(status: int = 200, body: bytes = b"") -> FixedAnswer:
    return FixedAnswer(status, body, "text/plain")
