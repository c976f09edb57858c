"""One nginx configuration, given to real nginx and to what we make of it; backends that tell what they get.

    with Backends("AB") as backends, RealNginx() as nginx, OurFront() as ours:
        for front in (nginx, ours):
            port = front.start(backends.fill(CONFIG), files)
            answer = ask(port, "GET", "/x")

A Front starts with what stands inside http {}: ``@port@`` becomes its own port, ``@folder@`` its folder.
"""

from __future__ import annotations

import http.client
import http.server
import json
import re
import socket
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import programs

from container.config import Settings
from container.front.configuration import load_front
from container.front.program import FrontServer

LIMIT_S = 120.0


# --- backends -----------------------------------------------------------------------------------


class _Backend(http.server.ThreadingHTTPServer):
    daemon_threads = True
    letter = ""


class _Echo(http.server.BaseHTTPRequestHandler):
    """Tells what it got. /status/503, /location?to= and /set-header?Name=value make it answer so."""

    protocol_version = "HTTP/1.1"
    server: _Backend

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hidden = {"connection", "content-length"}
        told = {
            "letter": self.server.letter,
            "request": self.requestline,
            "got": sorted(
                (name.lower(), value) for name, value in self.headers.items() if name.lower() not in hidden
            ),
            "body": body.decode("latin-1"),
        }
        path, _, query = self.path.partition("?")
        status = int(found[1]) if (found := re.search(r"/status/(\d+)", path)) else 200
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Letter", self.server.letter)
        if "/location" in path:
            self.send_header("Location", query.removeprefix("to="))
        if "/set-header" in path:
            name, _, value = query.partition("=")
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = handle_any  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


class Backends:
    """Servers with a letter each; @A@ in a configuration is the address of A, @dead@ one without a server."""

    def __init__(self, letters: str) -> None:
        self._servers: dict[str, _Backend] = {}
        for letter in letters:
            server = _Backend(("127.0.0.1", 0), _Echo)
            server.letter = letter
            self._servers[letter] = server
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self._dead = socket.socket()  # bound, never listening: nobody else can take the port
        self._dead.bind(("127.0.0.1", 0))

    def fill(self, config: str) -> str:
        for letter, server in self._servers.items():
            config = config.replace(f"@{letter}@", f"127.0.0.1:{server.server_port}")
        return config.replace("@dead@", f"127.0.0.1:{self._dead.getsockname()[1]}")

    def __enter__(self) -> Backends:
        return self

    def __exit__(self, *error: object) -> None:
        self._dead.close()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()


# --- clients ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    status: int
    header: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return ", ".join(value for key, value in self.header if key == name)


def ask(
    port: int, method: str, target: str, header: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Send one request exactly as it is given, on a connection of its own."""
    lines = [f"{method} {target} HTTP/1.1"]
    fields = {"Host": "site.test", **(header or {})}
    if body:
        fields.setdefault("Content-Length", str(len(body)))
    lines += [f"{name}: {value}" for name, value in fields.items()]
    lines += ["Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
        client.sendall("\r\n".join(lines).encode("latin-1") + body)
        response = http.client.HTTPResponse(client, method=method)
        try:
            response.begin()
        except (http.client.BadStatusLine, ConnectionResetError):
            return Answer(0, (), b"")  # closed without a word
        data = response.read()
        header_list = tuple((name.lower(), value) for name, value in response.getheaders())
        return Answer(response.status, header_list, data)


# --- fronts -------------------------------------------------------------------------------------


class Front(Protocol):
    folder: Path

    def start(self, config: str, files: Mapping[str, bytes]) -> int:
        """Start with what stands in http {}, and files in its folder; return the port."""

    def stop(self) -> None: ...


class RealNginx:
    def __init__(self) -> None:
        self._program: programs.Program | None = None
        self.folder = Path()

    def start(self, config: str, files: Mapping[str, bytes]) -> int:
        self._program = programs.nginx(config, files=files)
        self.folder = self._program.folder
        return self._program.port

    def stop(self) -> None:
        if self._program:
            self._program.__exit__()


class OurFront:
    """Our front as a program runs it."""

    def __init__(self) -> None:
        self._server: FrontServer | None = None
        self._temporary = tempfile.TemporaryDirectory(prefix="our-front-")
        self.folder = Path(self._temporary.name).resolve()

    def start(self, config: str, files: Mapping[str, bytes]) -> int:
        port = programs.free_ports(1)[0]
        text = "events {}\nhttp {\naccess_log off;\n" + config + "\n}\n"
        text = text.replace("@port@", str(port)).replace("@folder@", str(self.folder))
        (self.folder / "logs").mkdir()
        for name, data in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)
        path = self.folder / "nginx.conf"
        path.write_text(text)
        self._server = FrontServer(Settings(), load_front(path))
        self._server.start()
        return port

    def stop(self) -> None:
        if self._server:
            self._server.stop()
        self._temporary.cleanup()
