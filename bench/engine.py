"""What one request costs in the engine alone: no socket, no parser, no other thread.

    python bench/engine.py

Two ways in: an Exchange, as a connector hands it over, and a WSGI environ (PEP 3333). Each is called in
rounds; the best round is the figure, since whatever else the machine does only adds to it. The hello servlet
is that of compare.py; the one of filtered/ reads its session, behind five filters. The last line is the first
one with the X-ray on.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from container import make_application
from container.config import Settings
from container.learn.xray import Recorder
from container.server import start_container

WEBAPPS = Path(__file__).parent / "webapps"
FILTERED = Path(__file__).parent / "filtered"
HEADERS = [(b"Host", b"localhost:8080"), (b"User-Agent", b"bench"), (b"Accept", b"*/*")]


class Connection:
    id = "1"
    protocol = "http/1.1"
    peer = ("127.0.0.1", 50000)
    local = ("127.0.0.1", 8080)
    secure = False
    tls = None


class Exchange:
    """The least that a handler needs; what it answers is kept."""

    __slots__ = ("answer", "body", "headers", "started_s", "user")

    method = "GET"
    target = b"/hello"
    version = "HTTP/1.1"
    connection = Connection()
    id = "1-1"
    content_length = 0
    trailers: Any = ()
    can_send_trailers = True
    front = None

    def __init__(self, headers: list[tuple[bytes, bytes]] = HEADERS) -> None:
        self.headers = headers
        self.started_s = 0.0
        self.user: str | None = None
        self.body = b""

    def read(self, size: int = -1) -> bytes:
        return b""

    def start(self, status: int, headers: Any, reason: str = "") -> None:
        self.answer = (status, headers)

    def write(self, data: bytes) -> None:
        self.body += data

    def finish(self, data: bytes = b"", trailers: Any = None) -> None:
        self.body += data

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        pass


class NumberedExchange(Exchange):
    """Each is another request for whoever keeps records by their ids."""

    __slots__ = ("id",)

    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.id = f"1-{next(self.numbers)}"


ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/hello",
    "RAW_URI": "/hello",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "8080",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "localhost:8080",
    "HTTP_USER_AGENT": "bench",
    "HTTP_ACCEPT": "*/*",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


def best_us(call: Callable[[], object], rounds: int, calls: int) -> float:
    """Return the microseconds of one call in the best round."""
    best_s = float("inf")
    for _ in range(rounds):
        gc.collect()
        began_s = time.perf_counter()
        for _ in range(calls):
            call()
        best_s = min(best_s, time.perf_counter() - began_s)
    return best_s / calls * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=20000, help="calls in a round")
    options = parser.parse_args()
    container = make_application(webapps=WEBAPPS)
    filtered = make_application(webapps=FILTERED)
    recorded = start_container(Settings(webapps=WEBAPPS), tracer=Recorder())
    heads: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        heads[:] = [status]
        return lambda data: None

    def handled(container: Any, exchange: Exchange) -> Exchange:
        container.begin(exchange)
        container.handle(exchange)
        return exchange

    def through_exchange() -> Exchange:
        return handled(container, Exchange())

    session = handled(filtered, Exchange()).answer[1]
    cookie = next(value for name, value in session if name == "Set-Cookie").partition(";")[0]
    with_cookie = [*HEADERS, (b"Cookie", cookie.encode())]

    def through_filters() -> Exchange:
        return handled(filtered, Exchange(with_cookie))

    def through_wsgi() -> bytes:
        return b"".join(container(dict(ENVIRON), start_response))

    def through_xray() -> Exchange:
        return handled(recorded, NumberedExchange())

    exchange = through_exchange()
    assert (exchange.answer[0], exchange.body) == (200, b"Hello, World!"), (exchange.answer, exchange.body)
    assert through_filters().body == b"Hello, World!"
    assert (through_wsgi(), heads) == (b"Hello, World!", ["200 OK"]), heads
    try:
        for name, call in {
            "engine alone, Exchange to finish": through_exchange,
            "as a PEP 3333 callable": through_wsgi,
            "five filters and a session": through_filters,
            "the first one, recorded by the X-ray": through_xray,
        }.items():
            us = best_us(call, options.rounds, options.calls)
            print(f"{name:36} {us:6.2f} µs a request, {1e6 / us:9,.0f} requests/s")
    finally:
        container.stop()
        filtered.stop()
        recorded.stop()


if __name__ == "__main__":
    main()
