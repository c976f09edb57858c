"""Give ours and its peers the same work in alternating rounds; print what each did, and the ratios.

    python bench/compare.py                          everything that is here, 3 rounds: about seven minutes
    python bench/compare.py --seconds 2 --rounds 1   a first look
    python bench/compare.py --only ours,floor --work hello

The load generator is wrk, with one thread. All servers run the whole time and one at a time is loaded.
Figures drift from machine to machine and from minute to minute: only a ratio taken inside one round says
something, so that is what the last columns show. All listen on 127.0.0.1 and end with this program.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import string
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / "peers"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0
WARM_UP_S = {"Tomcat": 20.0, "nginx+Tomcat": 20.0}  # the JIT needs it; the others are as fast at once
WARM_UP_DEFAULT_S = 2.0

TOMCAT = Path(os.environ.get("CATALINA_HOME", "/usr/share/tomcat10"))
SERVLET_API = Path(os.environ.get("SERVLET_API_JAR", "/usr/share/java/tomcat10-servlet-api.jar"))

WORKS = {
    "hello": ("/hello", 13),
    "proxied": ("/hello", 13),
    "1k": ("/1k.bin", 1024),
    "100k": ("/100k.bin", 100 * 1024),
}
"""Each work's path, and the length of the right answer. proxied: a web server and a container behind it."""


@dataclass(frozen=True)
class Command:
    arguments: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    name: str
    missing: Callable[[], str]
    """What to install, or ""."""
    command: Callable[[int, Path], Command]
    """How to start it on a port, with a private folder."""
    works: tuple[str, ...] = ("hello",)
    is_ours: bool = False
    """What the others are compared with, where they do the same work."""


def no_program(program: str, cure: str) -> str:
    return "" if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin") else cure


def no_module(*modules: str) -> str:
    return "" if all(map(importlib.util.find_spec, modules)) else "pip install '.[bench]'"


def no_tomcat() -> str:
    if (TOMCAT / "bin/catalina.sh").exists() and SERVLET_API.exists() and shutil.which("javac"):
        return ""
    return "apt install tomcat10 libtomcat10-java openjdk-17-jdk-headless"


def python(arguments: str, *more: str) -> list[str]:
    return [sys.executable, *arguments.split(), *more]


def write_files(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path, size in WORKS.values():
        if path != "/hello":
            (folder / path[1:]).write_bytes(b"x" * size)


def ours(port: int, folder: Path, more: str = "") -> Command:
    webapps = folder / "webapps"
    shutil.copytree(HERE / "webapps", webapps)
    write_files(webapps / "ROOT")
    return Command(
        python(
            f"-m container run --host 127.0.0.1 --port {port} --access-log off {more}",
            "--webapps",
            str(webapps),
        ),
        {"PYTHONPATH": str(HERE.parent)},
    )


def our_front_and_container(port: int, folder: Path) -> Command:
    return ours(port, folder, "--containers 1")


def floor(port: int, folder: Path) -> Command:
    return Command([sys.executable, str(HERE / "floor.py"), *f"--port {port} --threads 8".split()])


def tomcat(port: int, folder: Path) -> Command:
    root = folder / "webapps/ROOT"
    shutil.copytree(HERE / "webapps/ROOT", root)
    write_files(root)
    for name in ("logs", "temp", "work"):
        (folder / name).mkdir()
    shutil.copytree(TOMCAT / "etc", folder / "conf")
    fill_in(PEERS / "server.xml", folder / "conf/server.xml", port, folder)
    subprocess.run(
        ["javac", "-cp", str(SERVLET_API), "-d", str(root / "WEB-INF/classes"), str(PEERS / "Hello.java")],
        check=True,
    )
    return Command(
        [str(TOMCAT / "bin/catalina.sh"), "run"],
        {"CATALINA_HOME": str(TOMCAT), "CATALINA_BASE": str(folder), "CATALINA_TMPDIR": str(folder / "temp")},
    )


def nginx(port: int, folder: Path, location: str = "default_type text/plain;", upstream: str = "") -> Command:
    write_files(folder / "files")
    (folder / "files/hello").write_bytes(b"Hello, World!")
    folder.chmod(0o755)  # the worker of a root's nginx is somebody else
    fill_in(PEERS / "nginx.conf", folder / "nginx.conf", port, folder, location=location, upstream=upstream)
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin") or "nginx"
    return Command([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])


def no_nginx() -> str:
    return no_program("nginx", "apt install nginx")


def nginx_to_tomcat(port: int, folder: Path) -> Command:
    behind = free_port()
    container = tomcat(behind, folder / "tomcat")
    front = nginx(
        port,
        folder,
        'proxy_pass http://tomcat; proxy_http_version 1.1; proxy_set_header Connection "";',
        f"upstream tomcat {{ server 127.0.0.1:{behind}; keepalive 64; }}",
    )
    both = f"{shlex.join(container.arguments)} & exec {shlex.join(front.arguments)}"
    return Command(["sh", "-c", both], container.environ)


def granian(port: int, folder: Path) -> Command:
    return Command(
        python(
            f"-m granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 --no-access-log "
            "--log-level error falcon_app:application"
        ),
        {"PYTHONPATH": str(PEERS)},
    )


def gunicorn(port: int, folder: Path) -> Command:
    return Command(
        python(
            f"-m gunicorn --bind 127.0.0.1:{port} --worker-class gthread --workers 2 --threads 8 "
            "--keep-alive 75 --log-level error flask_app:application"
        ),
        {"PYTHONPATH": str(PEERS)},
    )


CONTENDERS = (
    Contender("ours", lambda: "", ours, ("hello", "1k", "100k"), is_ours=True),
    Contender("floor", lambda: "", floor),
    Contender("Tomcat", no_tomcat, tomcat, ("hello", "1k", "100k")),
    Contender("nginx", no_nginx, nginx, ("hello", "1k", "100k")),
    Contender("Granian+Falcon", lambda: no_module("granian", "falcon"), granian),
    Contender("gunicorn+Flask", lambda: no_module("gunicorn", "flask"), gunicorn),
    Contender("front+container", lambda: "", our_front_and_container, ("proxied",), is_ours=True),
    Contender("nginx+Tomcat", lambda: no_nginx() or no_tomcat(), nginx_to_tomcat, ("proxied",)),
)


def fill_in(template: Path, target: Path, port: int, folder: Path, **more: str) -> None:
    text = string.Template(template.read_text(encoding="utf-8"))
    target.write_text(text.substitute(more, port=port, folder=folder), encoding="utf-8")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


# A server while it runs


@dataclass
class Server:
    contender: Contender
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    start_s: float = 0.0
    memory_mb: float = 0.0

    @property
    def name(self) -> str:
        return self.contender.name

    def url(self, work: str) -> str:
        return f"http://127.0.0.1:{self.port}{WORKS[work][0]}"


@contextlib.contextmanager
def running(contender: Contender) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        port = free_port()
        command = contender.command(port, folder)
        log = folder / "output"
        with log.open("wb") as output:
            began_s = time.monotonic()
            process = subprocess.Popen(
                command.arguments,
                cwd=folder,
                env={**os.environ, **command.environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Server(contender, process, port, log)
        try:
            wait_for_all_works(server)
            server.start_s = time.monotonic() - began_s
            yield server
        finally:
            stop(process)


def wait_for_all_works(server: Server) -> None:
    limit_s = time.monotonic() + START_LIMIT_S
    for work in server.contender.works:
        while not answers(server.url(work), WORKS[work][1]):
            if server.process.poll() is not None or time.monotonic() > limit_s:
                text = server.log.read_text(encoding="utf-8", errors="replace")
                raise SystemExit(f"{server.name} does not answer {work}:\n{text[-3000:]}")
            time.sleep(0.01)


def answers(url: str, size: int) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return len(answer.read()) == size
    except (urllib.error.URLError, OSError):
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server, and what is left of the process group that was made for it."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def memory_mb(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of a server with its children, in MB; shared pages count in each."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pgid=,rss="], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split() for line in table.splitlines())
    return sum(int(rss) for group, rss in rows if int(group) == process.pid) / 1024


# Load


@dataclass(frozen=True)
class Result:
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def load(url: str, seconds: float, connections: int) -> Result:
    wrk = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", url]
    return read_wrk(subprocess.run(wrk, capture_output=True, text=True, check=True).stdout)


def read_wrk(text: str) -> Result:
    def number(pattern: str) -> float:
        match = re.search(pattern, text)
        return float(match[1]) if match else 0.0

    def latency_ms(percentile: int) -> float:
        match = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s|m)$", text, re.MULTILINE)
        return float(match[1]) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[match[2]] if match else 0.0

    requests_per_s = number(r"Requests/sec:\s+([\d.]+)")
    socket_errors = re.search(r"Socket errors: (.*)", text)
    errors = sum(map(int, re.findall(r"\d+", socket_errors[1] if socket_errors else "")))
    errors += int(number(r"Non-2xx or 3xx responses: (\d+)"))
    return Result(
        requests_per_s, latency_ms(50), latency_ms(99), errors if requests_per_s else max(1, errors)
    )


Results = dict[tuple[str, str], list[Result]]
"""By work and contender, one for each round."""


def measure(servers: Sequence[Server], works: Sequence[str], options: argparse.Namespace) -> Results:
    results: Results = {}
    for server in servers:
        warm_up_s = WARM_UP_S.get(server.name, WARM_UP_DEFAULT_S)
        own = [work for work in works if work in server.contender.works]
        for work in own:
            load(server.url(work), warm_up_s / len(own), options.connections)
    for number in range(options.rounds):
        order = [*servers[number % len(servers) :], *servers[: number % len(servers)]]
        for work in works:
            for server in order:
                if work in server.contender.works:
                    result = load(server.url(work), options.seconds, options.connections)
                    results.setdefault((work, server.name), []).append(result)
                    say(f"{number + 1}  {work:6} {server.name:15} {result.requests_per_s:9,.0f}/s")
    for server in servers:
        server.memory_mb = memory_mb(server.process)
    return results


def report(servers: Sequence[Server], works: Sequence[str], results: Results) -> None:
    for work in works:
        path, size = WORKS[work]
        print(f"\nGET {path} ({size} bytes)\n")
        print("| server | requests/s | p50 ms | p99 ms | errors | ours ÷ it | least | most |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|")
        ours_per_s = [
            result.requests_per_s
            for server in servers
            if server.contender.is_ours
            for result in results.get((work, server.name), [])
        ]
        for server in servers:
            if rounds := results.get((work, server.name)):
                ratios = [
                    a / r.requests_per_s for a, r in zip(ours_per_s, rounds, strict=False) if r.requests_per_s
                ]
                median = statistics.median
                cells = [
                    server.name + (" (a file)" if work == "hello" and server.name == "nginx" else ""),
                    f"{median(r.requests_per_s for r in rounds):,.0f}",
                    f"{median(r.p50_ms for r in rounds):.2f}",
                    f"{median(r.p99_ms for r in rounds):.2f}",
                    str(sum(r.errors for r in rounds)),
                    *([f"{f(ratios):.2f}" for f in (median, min, max)] if ratios else ["", "", ""]),
                ]
                print("| " + " | ".join(cells) + " |")
    print("\n| server | start s | memory MB, after the load |\n|---|--:|--:|")
    for server in servers:
        print(f"| {server.name} | {server.start_s:.2f} | {server.memory_mb:.0f} |")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds (default 3)")
    parser.add_argument("--seconds", type=float, default=5, help="load of each server in a round (default 5)")
    parser.add_argument("--connections", type=int, default=32, help="connections of wrk (default 32)")
    parser.add_argument("--only", default="", help="servers, separated by commas; default: all that are here")
    parser.add_argument("--work", default=",".join(WORKS), help=f"some of {','.join(WORKS)} (default: all)")
    options = parser.parse_args()
    works = options.work.split(",")
    names = [c.name for c in CONTENDERS]
    wanted = options.only.split(",") if options.only else names
    if unknown := [*(set(wanted) - set(names)), *(set(works) - set(WORKS))]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(names)} and {', '.join(WORKS)}")
    if cure := no_program("wrk", "apt install wrk"):
        parser.exit(1, f"The load generator wrk is not here: {cure}\n")
    chosen = []
    for contender in CONTENDERS:
        if contender.name in wanted and set(works) & set(contender.works):
            if cure := contender.missing():
                print(f"{contender.name}: not here: {cure}")
            else:
                chosen.append(contender)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwind, so that the servers end
    with contextlib.ExitStack() as stack:
        servers = []
        for contender in chosen:
            servers.append(stack.enter_context(running(contender)))
            say(f"{contender.name} answers after {servers[-1].start_s:.2f} s")
        report(servers, works, measure(servers, works, options))


if __name__ == "__main__":
    main()
