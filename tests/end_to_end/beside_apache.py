"""Apache and our front with the same configuration, asked the same: what the tests of that share.

Behind both stand the same containers, which answer with their letter and the target that they were sent.
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from contextlib import contextmanager, suppress

import programs

from container.config import Settings
from container.front.configuration import load_front
from container.front.program import FrontServer
from container.protocols.ajp13 import decode_request

# --- containers --------------------------------------------------------------------------------


class Backend:
    """Answers "A /target": over AJP, or over HTTP. Can be stopped and started again at its port."""

    def __init__(self, letter, protocol="ajp"):
        self.letter = letter
        self.talk = self._talk_ajp if protocol == "ajp" else self._talk_http
        self.mood = ""  # or "dying" of each request, "silent" after it, "mute" about pings
        self.port = 0
        self.requests = self.pings = 0
        self.start()

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.open = set()
        self.thread = threading.Thread(target=self._accept, args=(self.listener, self.open))
        self.thread.start()

    def stop(self):
        """No connection is taken, and those that are open end."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for each in list(self.open):
            with suppress(OSError):  # it has ended meanwhile
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener, connections):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.add(connection)
            threading.Thread(target=self._serve, args=(connection, connections), daemon=True).start()

    def _serve(self, connection, connections):
        try:
            with connection, connection.makefile("rb") as stream:
                while self.talk(connection, stream):
                    pass
        except OSError:
            pass
        finally:
            connections.discard(connection)

    def _talk_ajp(self, connection, stream):
        head = stream.read(4)
        if len(head) < 4:
            return False
        payload = stream.read(struct.unpack(">H", head[2:])[0])
        if payload[0] == 10:  # CPING
            if self.mood == "mute":
                return True
            self.pings += 1
            connection.sendall(b"AB\0\1\x09")
            return True
        if payload[0] != 2 or self.mood == "silent":
            return True
        self.requests += 1
        if self.mood == "dying":
            return False
        target = ajp_target(payload)
        told = ajp_facts(payload) if "facts" in target else ""
        body = f"{self.letter} {target}{told}".encode("latin-1")
        for packet in (
            b"\x04" + struct.pack(">HH", 200, 2) + b"OK\0\0\0",
            b"\x03" + struct.pack(">H", len(body)) + body + b"\0",
            b"\x05\x01",
        ):
            connection.sendall(b"AB" + struct.pack(">H", len(packet)) + packet)
        return True

    def _talk_http(self, connection, stream):
        target = stream.readline().decode("latin-1").split()[1:2]
        headers = []
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        if target:
            body = http_answer(self.letter, target[0], headers).encode("latin-1")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return bool(target)


def http_answer(letter, target, headers):
    """With the fields that mod_proxy sets, where the target asks for them."""
    told = ""
    if "fields" in target:
        wanted = ("host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-server", "x-more")
        told = "".join(
            sorted(f"|{name.lower()}={value}" for name, value in headers if name.lower() in wanted)
        )
    return f"{letter} {target}{told}"


def ajp_target(payload):
    """URI and query of a forward request."""
    at = 2

    def string():
        nonlocal at
        length = struct.unpack_from(">H", payload, at)[0]
        at += 2
        if length == 0xFFFF:
            return ""
        at += length + 1
        return payload[at - length - 1 : at - 1].decode("latin-1")

    string()  # protocol
    uri = string()
    for _ in range(3):
        string()
    at += 3  # server port, is_ssl
    count = struct.unpack_from(">H", payload, at)[0]
    at += 2
    for _ in range(count):
        if payload[at] == 0xA0:
            at += 2
        else:
            string()
        string()
    query = ""
    while payload[at] != 0xFF:
        kind = payload[at]
        at += 1
        if kind == 10:
            string()
            string()
        elif kind == 11:
            at += 2
        elif kind == 5:
            query = "?" + string()
        else:
            string()
    return uri + query


def ajp_facts(payload):
    """What a container is told beside the header; ports that cannot be the same are "some"."""
    request = decode_request(payload)
    facts = {
        "addr": request.remote_addr,
        "host": request.remote_host,
        "server": f"{request.server_name}:{request.server_port if request.server_port < 1024 else 'some'}",
        "user": request.remote_user,
        "auth": request.auth_type,
        "route": request.route,
        "secret": request.secret,
        **dict(request.attributes),
    }
    for name, value in request.headers:
        if name.lower() == b"transfer-encoding":
            facts["coding"] = value
    if int(facts["AJP_REMOTE_PORT"]) > 1024:
        facts["AJP_REMOTE_PORT"] = "some"
    return "".join(f"|{name}={value}" for name, value in facts.items() if value is not None)


# --- the two fronts ----------------------------------------------------------------------------


class Front:
    """Either of them, at a port."""

    def __init__(self, port):
        self.port = port

    def ask(self, method, target, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=programs.LIMIT_S)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            kept = {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()
        return answer.status, body.decode("latin-1"), kept


class Both:
    """Asks both, in the same order, and compares; the answer is returned."""

    def __init__(self, apache, ours, server):
        self.apache, self.ours, self.server = apache, ours, server
        self.count = 0

    def __iter__(self):
        return iter((self.apache, self.ours))

    def ask(self, target, host="www.example.test", headers=(), method="GET"):
        self.count += 1
        headers = [("Host", host), *headers]
        expected = self.comparable(method, *self.apache.ask(method, target, headers))
        assert self.comparable(method, *self.ours.ask(method, target, headers)) == expected, target
        return expected

    def comparable(self, method, status, body, fields):
        """Status and body, where to, and what Header has set.

        The text of an error page is each one's own; a malformed target is answered before a Site sees it.
        """
        location = fields.get("location", "").removeprefix("http://www.example.test")
        marks = {
            name: value
            for name, value in fields.items()
            if (name.startswith("x-") or name == "set-cookie") and status != 400
        }
        if (status >= 300 and "<!DOCTYPE" in body) or (status >= 300 and not body):
            body = ""
        kind = fields.get("content-type", "") if status == 200 and body and body[1:2] != " " else ""
        if kind == "application/octet-stream":
            kind = ""  # Apache says nothing where it knows no type
        return status, "" if method == "HEAD" else body, location, kind, marks

    def log(self, file, count):
        """The lines of a log, when so many have been written."""
        found = []

        def is_written():
            text = file.read_bytes().decode("latin-1") if file.exists() else ""
            found[:] = text.splitlines()
            return text.count("\n") >= count

        self.server.wait_until(is_written)
        return found

    def letters(self, count, target, *args, **more):
        return "".join(self.ask(target, *args, **more)[1][:1] or "-" for _ in range(count))


HOST = ("Host", "www.example.test")


def cookie(value):
    return [("Cookie", f"JSESSIONID={value}")]


MPM = """
StartServers 1
ServerLimit 1
ThreadLimit 8
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
"""


@contextmanager
def both(backends, config, workers, files=None, rules="", modules=()):
    for number, backend in enumerate(backends):
        config = config.replace(f"@{'abcp'[number]}@", str(backend.port))
        workers = workers.replace(f"@{'abcp'[number]}@", str(backend.port))
    configurations = {"uriworkermap.properties": rules} if rules else {}
    files = {name: content.encode() for name, content in (files or {}).items()}
    with (
        programs.apache(
            MPM + config, modules=modules, workers=workers, files=files, configurations=configurations
        ) as server,
        started_from(server) as ours,
    ):
        yield Both(Front(server.port), Front(ours), server)


@contextmanager
def started_from(server):
    """Start the front with what Apache was started with, at a port of its own."""
    (port,) = programs.free_ports(1)
    file = server.folder / "ours.conf"
    text = (server.folder / "httpd.conf").read_text().replace(f":{server.port}", f":{port}")
    file.write_text(text.replace("/logs/access.log", "/logs/ours.log"))
    front = FrontServer(Settings(), load_front(file))
    front.start()
    try:
        yield port
    finally:
        front.stop()
