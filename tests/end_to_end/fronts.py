"""One nginx configuration, given to real nginx and to what we make of it; backends that tell what they get.

    with Backends("AB") as backends, RealNginx() as nginx, OurSite() as ours:
        for front in (nginx, ours):
            port = front.start(backends.fill(CONFIG), files)
            answer = ask(port, "GET", "/x")

A Front starts with what stands inside http {}: ``@port@`` becomes its own port, ``@folder@`` its folder.
OurSite carries out the Actions of a Site one request at a time, in the plainest way, so that the decisions
can be compared without a proxy.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import programs

from container.config import Settings
from container.files import choose_encoding, mime_type, open_file
from container.front.balancer import Exhausted, Failure, Pause, Sent
from container.front.config import nginx as nginx_config
from container.front.config.nginx_paths import canonical_path
from container.front.config.nginx_site import NginxSite
from container.front.configuration import load_front
from container.front.program import FrontServer
from container.front.site import Action, Deny, FileAction, FixedAnswer, FrontRequest, HeaderEdits, ProxyAction

LIMIT_S = 30.0
CHANGED = {200, 201, 204, 206, 301, 302, 303, 304, 307, 308}


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


class OurSite:
    """A Site behind a server that does one thing after the other."""

    def __init__(self) -> None:
        self._server: _SiteServer | None = None
        self._temporary = tempfile.TemporaryDirectory(prefix="our-site-")
        self.folder = Path(self._temporary.name).resolve()

    def start(self, config: str, files: Mapping[str, bytes]) -> int:
        self._server = server = _SiteServer(("127.0.0.1", 0), _SiteHandler)
        text = "events {}\nhttp {\naccess_log off;\n" + config + "\n}\n"
        text = text.replace("@port@", str(server.server_port)).replace("@folder@", str(self.folder))
        (self.folder / "logs").mkdir()
        for name, data in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)
        path = self.folder / "nginx.conf"
        path.write_text(text)
        server.site = NginxSite(nginx_config.read(str(path)))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server.server_port

    def stop(self) -> None:
        if self._server:
            if self._server.site:
                self._server.shutdown()
            self._server.server_close()
        self._temporary.cleanup()


class _SiteServer(http.server.HTTPServer):
    site: NginxSite | None = None


@dataclass
class _Reply:
    status: int
    header: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class _SiteHandler(http.server.BaseHTTPRequestHandler):
    """Carries out Actions in the plainest way."""

    protocol_version = "HTTP/1.1"
    timeout = LIMIT_S
    server: _SiteServer

    def parse_request(self) -> bool:
        # The target as it came: the parent class would repair some.
        found = super().parse_request()
        if found:
            self.path = str(self.raw_requestline, "iso-8859-1").split(" ")[1]
        return found

    def handle_any(self) -> None:
        site = self.server.site
        assert site
        raw, mark, query = self.path.partition("?")
        path = canonical_path(raw.encode("latin-1"))
        if path is None:
            return self.reply(_Reply(400, [], b"<center>"))
        length = int(self.headers.get("Content-Length") or 0)
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        exchange: Any = SimpleNamespace(
            method=self.command,
            target=self.path.encode("latin-1"),
            version=self.request_version,
            headers=[(k.encode("latin-1"), v.encode("latin-1")) for k, v in self.headers.items()],
            content_length=length if "Content-Length" in self.headers else None,
            connection=SimpleNamespace(
                peer=self.client_address, local=self.request.getsockname(), tls=None, id="1", secure=False
            ),
        )
        host = re.sub(r":\d+$", "", headers.get("host", "").lower())
        request = FrontRequest(exchange, "http", host, path, query if mark else None, headers)
        action = site.decide(request)
        body = self.rfile.read(length)
        self.carry_out(site, request, action, body)
        return None

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_TRACE = handle_any  # noqa: N815

    def carry_out(self, site: NginxSite, request: FrontRequest, action: Action, body: bytes) -> None:
        facts: dict[str, str] = {}
        while isinstance(action, ProxyAction):
            found = _forward(action, body, facts)
            if isinstance(found, _Reply):
                reply = found
                facts["status"] = str(action.status or reply.status)
                if not (action.limits.intercept_errors and reply.status >= 300):
                    reply.status = action.status or reply.status
                    return self.reply(_edited(reply, action.edits, facts), request, facts)
                page = site.decide_error(request, reply.status, tuple(reply.header))
                if page is None:
                    return self.reply(_edited(reply, action.edits, facts), request, facts)
            else:
                page = site.decide_error(request, found)
            action = page or Deny(found.status if isinstance(found, _Reply) else found, action.edits)
        match action:
            case FixedAnswer(444):
                self.close_connection = True
                return None
            case FixedAnswer(status, data, content_type, header):
                fields = [*header, *([("Content-Type", content_type)] if content_type else [])]
                reply = _Reply(status, fields, data)
            case FileAction():
                reply = _read(action, self.headers)
            case Deny(status):
                reply = _Reply(status, [("Content-Type", "text/html")], b"<center>error</center>")
        facts["status"] = str(reply.status)
        return self.reply(_edited(reply, action.edits, facts), request, facts)

    def reply(
        self, reply: _Reply, request: FrontRequest | None = None, facts: Mapping[str, str] | None = None
    ) -> None:
        assert self.server.site
        if request is not None:  # before the client can look
            sent = "0" if self.command == "HEAD" else str(len(reply.body))
            for file, line in self.server.site.log_line(request, {**(facts or {}), "body_bytes_sent": sent}):
                with open(file, "a", encoding="utf-8", errors="surrogateescape") as log:
                    log.write(f"{line}\n")
        self.send_response_only(reply.status)
        for name, value in reply.header:
            self.send_header(name, value)
        self.send_header("Connection", "close")
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD" and reply.status not in (204, 304):
            self.wfile.write(reply.body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def _edited(reply: _Reply, edits: HeaderEdits, facts: Mapping[str, str]) -> _Reply:
    if edits.later:
        edits = edits.later(facts)
    gone = edits.remove | {name.lower() for name, _ in edits.replace}
    header = [(name, value) for name, value in reply.header if name.lower() not in gone]
    for index, (name, value) in enumerate(header):
        if name.lower() == "location":
            for source, target in edits.redirects:
                if value.startswith(source):
                    header[index] = name, target + value[len(source) :]
                    break
    header += [*edits.replace, *edits.add_always, *(edits.add if reply.status in CHANGED else ())]
    return replace(reply, header=header)


def _read(action: FileAction, asked: Any) -> _Reply:
    root = os.path.realpath(action.root)
    names = {coding: action.path + suffix for coding, suffix in action.precompressed}
    codings = {coding: name for coding, name in names.items() if os.path.isfile(root + name)}
    coding = choose_encoding(asked.get("Accept-Encoding", ""), codings) if codings else None
    opened = open_file(root, codings.get(coding or "", action.path))
    assert opened is not None, action
    assert opened.file is not None, action
    with opened.file as file:
        data = file.read()
    content_type = action.content_type or mime_type(action.path, action.types or {}) or action.default_type
    header = [("Content-Type", content_type or ""), ("Last-Modified", "then"), ("ETag", "tag")]
    if codings:
        header.append(("Vary", "Accept-Encoding"))
    if coding:
        header.append(("Content-Encoding", coding))
    return _Reply(action.status, header, data)


def _forward(action: ProxyAction, body: bytes, facts: dict[str, str]) -> _Reply | int:
    """Ask one after the other. Returns the status of the failure if nobody has answered."""
    attempts = action.group.ask(action.ask, time.monotonic())
    addresses: list[str] = []
    statuses: list[str] = []
    while True:
        member = attempts.next(time.monotonic())
        assert not isinstance(member, Pause)
        if isinstance(member, Exhausted):
            facts["upstream_addr"] = ", ".join(addresses) or action.group.name
            facts["upstream_status"] = ", ".join(statuses) or str(member.status)
            return member.status
        addresses.append(str(member.address))
        client = http.client.HTTPConnection(member.address.host, member.address.port, timeout=LIMIT_S)
        try:
            client.connect()
        except OSError:
            statuses.append("502")
            attempts.failed(Failure.CONNECT, time.monotonic())
            continue
        try:
            lines = [f"{action.ask.method} ".encode() + action.target + b" HTTP/1.1"]
            lines += [f"{name}: {value}".encode("latin-1") for name, value in action.headers]
            sent = body if action.send_body else b""
            if sent:
                lines.append(b"Content-Length: %d" % len(sent))
            assert client.sock
            client.sock.sendall(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + sent)
            response = http.client.HTTPResponse(client.sock, method=action.ask.method)
            response.begin()
            data = response.read()
        finally:
            client.close()
        statuses.append(str(response.status))
        skipped = {"connection", "content-length", "transfer-encoding"}
        header = [(name, value) for name, value in response.getheaders() if name.lower() not in skipped]
        again = response.status >= 400 and attempts.failed(
            Failure.STATUS, time.monotonic(), sent=Sent.ALL, status=response.status
        )
        if again:
            continue
        attempts.succeeded(time.monotonic())
        facts["upstream_addr"] = ", ".join(addresses)
        facts["upstream_status"] = ", ".join(statuses)
        facts.update({f"upstream_http_{k.lower().replace('-', '_')}": v for k, v in header})
        return _Reply(response.status, header, data)
