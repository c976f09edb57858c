"""A connector behind a real socket, with a handler made of functions, and a client that reads answers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

import pytest
import trustme

from container.config import Settings
from container.connectors.http import HttpConnector
from container.connectors.http_blocking import BlockingHttpConnector
from container.mpm.event import EventServer, open_listener
from container.mpm.executor import make_executor
from container.mpm.scoreboard import Scoreboard
from container.mpm.tls import CertificateFiles, ServerTls
from container.mpm.worker import WorkerServer
from container.protocols.exchange import Begin

PATIENCE_S = 60.0  # only ever used up by a failure


class FunctionHandler:
    """Answers with whatever function the test gives; begin decides as the test says."""

    def __init__(self, handle, begin) -> None:
        self.handle = handle
        self.begin = begin if callable(begin) else lambda _: begin


class RunningConnector:
    """tls: the port is for TLS."""

    def __init__(
        self,
        handle,
        begin=Begin.BUFFERED,
        make=HttpConnector,
        *,
        tls: ServerTls | None = None,
        client_tls: ssl.SSLContext | None = None,
        new_loop=asyncio.new_event_loop,
        **settings,
    ) -> None:
        self.settings = Settings(**{"stop_timeout_s": PATIENCE_S, **settings})
        self.executor = make_executor(self.settings)
        self.answered = []
        self.connector = make(
            FunctionHandler(handle, begin), self.settings, self.executor, [self.answered.append]
        )
        listener = open_listener("127.0.0.1", 0, 16)
        self.port = listener.getsockname()[1]
        self.client_tls = client_tls
        self.server = EventServer(
            [] if tls else [listener],
            lambda: self.connector,
            self.settings,
            tls_listeners=[(listener, tls)] if tls else [],
            new_loop=new_loop,
        )
        self.server.start()
        self.clients = []

    def connect(self, data: bytes = b"") -> Client:
        client = Client(self.port, self.client_tls)
        self.clients.append(client)
        client.send(data)
        return client

    def on_loop(self, function):
        """What function returns, called in the loop's thread."""
        done, result = threading.Event(), []
        self.connector.call_on_loop(lambda: (result.append(function()), done.set()))
        assert done.wait(PATIENCE_S)
        return result[0]

    def sweep_until(self, later_s: float, is_done) -> None:
        """Pretend that later_s have passed, as soon as what was sent has been noticed."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not is_done():
            assert time.monotonic() < deadline_s
            self.on_loop(lambda: self.connector.sweep(time.monotonic() + later_s))

    def join(self) -> None:
        self.server.join()

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.server.stop()
        self.join()
        assert self.executor.stop(PATIENCE_S)


class RunningThreads(RunningConnector):
    """The same with a thread for each connection, for what a client cannot tell apart."""

    def __init__(
        self,
        handle,
        begin=Begin.BUFFERED,
        *,
        tls: ServerTls | None = None,
        client_tls: ssl.SSLContext | None = None,
        **settings,
    ) -> None:
        self.settings = Settings(**{"mpm": "worker", "stop_timeout_s": PATIENCE_S, **settings})
        self.answered = []
        self.connector = BlockingHttpConnector(
            FunctionHandler(handle, begin), self.settings, [self.answered.append]
        )
        listener = open_listener("127.0.0.1", 0, 16)
        self.port = listener.getsockname()[1]
        self.board = Scoreboard.make(None, 1, self.settings.threads_per_child, "worker", [])
        self.client_tls = client_tls
        self.server = WorkerServer(
            [] if tls else [listener],
            lambda: self.connector,
            self.settings,
            self.board.slot(0),
            tls_listeners=[(listener, tls)] if tls else [],
        )
        is_ready = threading.Event()
        self.thread = threading.Thread(target=self.server.run, args=(is_ready.set,))
        self.thread.start()
        assert is_ready.wait(PATIENCE_S)
        self.clients = []

    def join(self) -> None:
        self.thread.join(2 * PATIENCE_S)
        assert not self.thread.is_alive()

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.server.stop()
        self.join()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    trailers: list[bytes] = field(default_factory=list)


class Client:
    """One connection. Reads exactly one answer at a time, so that a surplus byte is noticed by the next."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def get(self, target: str = "/", *lines: str, method: str = "GET", version: str = "HTTP/1.1") -> None:
        self.send("\r\n".join([f"{method} {target} {version}", "Host: a", *lines, "", ""]).encode("ascii"))

    def read_head(self) -> tuple[int, dict[str, str]]:
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while (header := self._file.readline()) != b"\r\n":
            name, _, value = header.decode("latin-1").partition(":")
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value.strip()
        return int(line.split()[1]), headers

    def read_answer(self, *, has_body: bool = True) -> Answer:
        status, headers = self.read_head()
        answer = Answer(status, headers, b"")
        if not has_body or status < 200 or status in (204, 304):
            return answer
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self._file.readline(), 16):
                answer.body += self._file.read(size)
                assert self._file.readline() == b"\r\n"
            while (line := self._file.readline()) != b"\r\n":
                answer.trailers.append(line.strip())
        elif "content-length" in headers:
            answer.body = self._file.read(int(headers["content-length"]))
        else:
            answer.body = self._file.read()
        return answer

    def rest(self) -> bytes:
        """What is left until the server closes."""
        return self._file.read()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(file))
    return ServerTls([CertificateFiles(file)])


@pytest.fixture(scope="session")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def _running(kind):
    running = []

    def run_one(handle, begin=Begin.BUFFERED, *make, **options):
        running.append(kind(handle, begin, *make, **options))
        return running[-1]

    yield run_one
    for each in running:
        each.stop()


@pytest.fixture
def run():
    """Run a connector with a handler: run(handle, begin, **settings) -> RunningConnector."""
    yield from _running(RunningConnector)


@pytest.fixture
def run_threads():
    """The same with the blocking connector under the worker MPM."""
    yield from _running(RunningThreads)


@pytest.fixture(params=["loop", "threads"])
def run_either(request):
    """Each of them: what a client sees must not differ."""
    yield from _running({"loop": RunningConnector, "threads": RunningThreads}[request.param])
