"""Give each process model of `was run` the same work; print what it costs, or write it into a document.

    python bench/process_models.py                 print: about two minutes
    python bench/process_models.py --seconds 1     a first look
    python bench/process_models.py --write         into docs/process-models.md, between its markers

Memory is PSS: a page that several processes share counts once, so copies of one another are not charged
twice. The load generator is wrk, with one thread. Everything listens on 127.0.0.1 and ends with this program.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "process-models.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
LIMIT_S = 60.0
LOADS = (1, 32, 256)  # connections
IDLE = 1000  # connections of which the memory of one is measured, where it is not a thread or a process
SLOW = 100  # clients that have not yet finished their request's head


@dataclass(frozen=True)
class Model:
    name: str
    flags: str
    capacity: int
    """Connections that it serves at once."""


MODELS = (
    Model("event, 1 process", "--mpm event", 10_000),
    Model("event, 2 processes", "--mpm event --worker-processes 2", 10_000),
    Model("worker, 2 x 25 threads", "--mpm worker --start-servers 2 --server-limit 2", 50),
    Model(
        "prefork, 40 processes",
        "--mpm prefork --start-servers 40 --max-request-workers 40 --max-spare-servers 40",
        40,
    ),
)


@dataclass
class Figures:
    processes: int = 0
    threads: int = 0
    start_s: float = 0.0
    memory_mb: float = 0.0
    kb_per_connection: float = 0.0
    rates: list[tuple[float, float]] = field(default_factory=list)
    """Requests per second and the slowest percentile in ms, for each of LOADS."""
    among_slow: tuple[float, float] = (0.0, 0.0)


class Running:
    def __init__(self, model: Model, folder: Path) -> None:
        self.log = folder / "log"
        command = [
            sys.executable, "-m", "container", "run", "--port", "0", "--webapps", str(HERE / "webapps"),
            "--work", str(folder / "work"), "--session-store", "sqlite", "--access-log", "off",
            "--log", str(folder / "was.log"), "--stop-timeout-s", "2", *model.flags.split(),
        ]  # fmt: skip
        environ = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        began_s = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        self.url = self._wait(self._url)
        self.address = ("127.0.0.1", int(self.url.rsplit(":", 1)[1]))
        self.work = folder / "work"
        self._wait(self._all_are_ready)
        self.start_s = time.perf_counter() - began_s

    def _wait(self, look: Callable[[], str]) -> str:
        limit_s = time.monotonic() + LIMIT_S
        while not (found := look()):
            if time.monotonic() > limit_s or self.process.poll() is not None:
                sys.exit(f"It does not start:\n{self.log.read_text()}")
            time.sleep(0.02)
        return found

    def _url(self) -> str:
        match = re.search(r"Ready after .* on (http://\S+)/\.", self.log.read_text())
        return match[1] if match else ""

    def _all_are_ready(self) -> str:
        from container.mpm.scoreboard import running_servers

        servers = running_servers(self.work)
        return "ready" if servers and all(each.state == "_" for each in servers[0].processes) else ""

    def pids(self) -> list[int]:
        """This one and its children."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, task.read_text().split())]

    def memory_kb(self) -> float:
        def pss(pid: int) -> int:
            match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            return int(match[1]) if match else 0

        return sum(map(pss, self.pids()))

    def threads(self) -> int:
        return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in self.pids())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()


@contextlib.contextmanager
def running(model: Model) -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as folder:
        server = Running(model, Path(folder))
        try:
            yield server
        finally:
            server.stop()


def wrk(url: str, connections: int, seconds: float) -> tuple[float, float]:
    """Requests per second, and the 99th percentile in ms of those that were answered."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    percentile = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", text)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
    return (
        float(rate[1]) if rate else 0.0,
        float(percentile[1]) * scale[percentile[2]] if percentile else 0.0,
    )


def idle_connections(server: Running, count: int) -> list[socket.socket]:
    """Connections with one request behind them."""
    connections = []
    for _ in range(count):
        connection = socket.create_connection(server.address, LIMIT_S)
        connection.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connections.append(connection)
    return connections


class SlowClients:
    """Send a request but for the end of its head, and wait."""

    def __init__(self, server: Running, count: int) -> None:
        self._sockets = [socket.create_connection(server.address, LIMIT_S) for _ in range(count)]
        for each in self._sockets:
            each.sendall(b"GET /hello HTTP/1.1\r\nX-Slow: ")

    def close(self) -> None:
        for each in self._sockets:
            each.close()


def measure(model: Model, seconds: float) -> Figures:
    figures = Figures()
    with running(model) as server:
        wrk(f"{server.url}/hello", 8, 1)
        figures.start_s = server.start_s
        figures.processes = len(server.pids())
        figures.memory_mb = server.memory_kb() / 1024
        for connections in LOADS:
            figures.rates.append(wrk(f"{server.url}/hello", connections, seconds))
        figures.threads = server.threads()
        if model.capacity >= IDLE:
            before_kb = server.memory_kb()
            idle = idle_connections(server, IDLE)
            figures.kb_per_connection = (server.memory_kb() - before_kb) / IDLE
            for connection in idle:
                connection.close()
        else:
            figures.kb_per_connection = 1024 * figures.memory_mb / model.capacity
    with running(model) as server:
        slow = SlowClients(server, SLOW)
        time.sleep(1)
        figures.among_slow = wrk(f"{server.url}/hello", 8, seconds)
        slow.close()
    return figures


def rate(figure: tuple[float, float]) -> str:
    per_second, slowest_ms = figure
    return f"{per_second:,.0f} ({slowest_ms:.1f} ms)" if per_second else "**none**"


def table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report(results: dict[Model, Figures]) -> str:
    costs = [
        [
            "model",
            "connections at once",
            "processes",
            "threads",
            "ready after",
            "memory",
            "of each connection",
        ]
    ]
    by_load = ["1 connection", *(f"{count} connections" for count in LOADS[1:])]
    work = [["model", *by_load, f"8, beside {SLOW} slow clients"]]
    for model, figures in results.items():
        costs.append(
            [
                model.name,
                f"{model.capacity:,}",
                str(figures.processes),
                str(figures.threads),
                f"{figures.start_s:.2f} s",
                f"{figures.memory_mb:.0f} MB",
                f"{figures.kb_per_connection:,.0f} KB",
            ]
        )
        work.append([model.name, *map(rate, figures.rates), rate(figures.among_slow)])
    flags = "\n".join(f"    {model.name:<24}was run {model.flags}" for model in results)
    return (
        f"{table(costs)}\n\n{table(work)}\n\n"
        f"Requests per second, and in brackets what 99 % of those answered took at most. "
        f"{os.cpu_count()} CPUs, shared with the load generator; Python {sys.version.split()[0]}.\n\n"
        f"{flags}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load (default 4)")
    parser.add_argument("--write", action="store_true", help=f"write into {DOCUMENT.name}")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.exit(1, "The load generator wrk is not here: apt install wrk\n")
    sys.path.insert(0, str(HERE.parent))
    results = {}
    for model in MODELS:
        print(f"{model.name} ...", file=sys.stderr, flush=True)
        results[model] = measure(model, options.seconds)
    text = report(results)
    print(text)
    if options.write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
