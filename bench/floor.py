"""The floor under every request: a protocol, a parser and the hop to a thread, without a single feature.

    python bench/floor.py --port 0 --threads 8

Answers "Hello, World!" to whatever arrives. It shows what Python can do on a machine before anything of ours
runs, so that our own figures can be given as a ratio taken in the same run. Not a server: no limits, no
errors, no timeouts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import threading
from collections import deque
from queue import SimpleQueue
from typing import Any

import httptools
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"


class Floor:
    """The threads, and the answers on their way back to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        self.loop = loop
        self.requests: SimpleQueue[Connection] = SimpleQueue()
        self.answers: deque[tuple[Connection, bytes]] = deque()
        self.flushing = False
        for _ in range(threads):
            threading.Thread(target=self.work, daemon=True).start()

    def work(self) -> None:
        while True:
            connection = self.requests.get()
            self.answers.append((connection, ANSWER))
            if not self.flushing:
                self.flushing = True
                self.loop.call_soon_threadsafe(self.flush)

    def flush(self) -> None:
        self.flushing = False
        while self.answers:
            connection, data = self.answers.popleft()
            if not connection.transport.is_closing():  # a write would raise, and its neighbours would wait
                connection.transport.write(data)


class Connection(asyncio.Protocol):
    def __init__(self, floor: Floor) -> None:
        self.requests = floor.requests
        self.parser = httptools.HttpRequestParser(self)
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_message_begin(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_message_complete(self) -> None:
        self.requests.put(self)


async def serve(port: int, threads: int) -> None:
    loop = asyncio.get_running_loop()
    floor = Floor(loop, threads)
    server = await loop.create_server(lambda: Connection(floor), "127.0.0.1", port, backlog=511)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--threads", type=int, default=8)
    options = arguments.parse_args()
    uvloop.install()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.threads))


if __name__ == "__main__":
    main()
