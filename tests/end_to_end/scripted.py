"""Containers that do as they are told, over HTTP/1.0 or AJP, and steps to take a front through.

A step is "4" (four GETs), "post", "key:a", "from:10.0.0.7", "as:x.a" (a GET of that session), "postas:x.a";
"-A" (container A refuses), "+A" (it is well again), "A=503" (it answers that), "A!" (it reads and closes),
"A?" (it does not answer); "hold" (a GET that stays under way), "hold:x.a", "free:A" (A answers those).
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import struct
import threading
from collections.abc import Iterable

from programs import LIMIT_S

LETTERS = "ABCD"


class Container:
    """Answers with its letter. While it is stopped its port stays its own, and refuses."""

    def __init__(self, letter: str, arrivals: queue.SimpleQueue[str]) -> None:
        self.letter = letter
        self.mode = "up"
        self.hits: list[str] = []  # the containers of a set share one list
        self._arrivals = arrivals
        self._is_free = threading.Event()
        self._threads: list[threading.Thread] = []
        self._connections: set[socket.socket] = set()
        self._address = ("127.0.0.1", 0)
        self._bind()
        self._address = self._socket.getsockname()
        self.start()

    @property
    def port(self) -> int:
        return self._address[1]

    def _bind(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(self._address)

    def start(self) -> None:
        self.is_stopped = False
        self._socket.listen()
        self._run(self._accept, self._socket)

    def stop(self) -> None:
        if self.is_stopped:
            return
        self._end()
        self._bind()

    def close(self) -> None:
        self.free()
        if not self.is_stopped:
            self._end()
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def _end(self) -> None:
        self.is_stopped = True
        for each in (self._socket, *self._connections):
            with contextlib.suppress(OSError):  # the other end may have been faster
                each.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def free(self) -> None:
        self._is_free.set()

    def _run(self, function, *arguments) -> None:
        thread = threading.Thread(target=function, args=arguments)
        thread.start()
        self._threads.append(thread)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._connections.add(connection)
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), connection, connection.makefile("rb") as stream:
            self.talk(connection, stream)
        self._connections.discard(connection)

    def talk(self, connection: socket.socket, stream) -> None:
        raise NotImplementedError

    def behave(self, connection: socket.socket, target: bytes) -> int:
        """Do what is done before an answer; its status, 0: none."""
        self.hits.append(self.letter)
        if b"/hold" in target:
            self._is_free.clear()
            self._arrivals.put(self.letter)
            self._is_free.wait(LIMIT_S)
            return 200  # whatever has been said meanwhile
        if self.mode == "dies":
            return 0
        if self.mode == "60":
            connection.recv(1)  # until the front has had enough
            return 0
        return int(self.mode[1:]) if self.mode.startswith("=") else 200


class HttpContainer(Container):
    def talk(self, connection, stream) -> None:
        target = stream.readline()
        length = 0
        while (field := stream.readline()) not in (b"\r\n", b""):
            if field.lower().startswith(b"content-length:"):
                length = int(field.partition(b":")[2])
        stream.read(length)
        if status := self.behave(connection, target):
            connection.sendall(f"HTTP/1.0 {status} X\r\n\r\n{self.letter}".encode())


class AjpContainer(Container):
    def talk(self, connection, stream) -> None:
        while True:
            packet = self._packet(stream)
            if packet[0] == 10:
                self._send(connection, b"\x09")
                continue
            if packet[1] == 4:  # POST: its body follows at once
                self._packet(stream)
            status = self.behave(connection, packet)
            if not status:
                return
            body = self.letter.encode()
            self._send(connection, b"\x04" + struct.pack(">HH", status, 1) + b"X\0" + struct.pack(">H", 0))
            self._send(connection, b"\x03" + struct.pack(">H", len(body)) + body + b"\0")
            self._send(connection, b"\x05\x01")

    def _packet(self, stream) -> bytes:
        head = stream.read(4)
        if len(head) < 4:
            raise EOFError
        return stream.read(struct.unpack(">H", head[2:])[0])

    def _send(self, connection, payload: bytes) -> None:
        connection.sendall(b"AB" + struct.pack(">H", len(payload)) + payload)


class Containers:
    """Four of them, and what holds for all."""

    def __init__(self, kind: type[Container]) -> None:
        self.arrivals: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.all = [kind(letter, self.arrivals) for letter in LETTERS]
        self.hits: list[str] = []
        for each in self.all:
            each.hits = self.hits

    def __enter__(self) -> Containers:
        return self

    def __exit__(self, *error: object) -> None:
        for each in self.all:
            each.close()

    def __getitem__(self, letter: str) -> Container:
        return self.all[LETTERS.index(letter)]

    def reset(self) -> None:
        for each in self.all:
            each.free()
            if each.is_stopped:
                each.start()
            each.mode = "up"
        self.hits.clear()


class Real:
    """Takes the steps with a real front, before a set of containers. A request gives (answer, who had it)."""

    def __init__(self, containers: Containers, port: int, path: str) -> None:
        self.containers = containers
        self._port, self._path = port, path
        self._held: list[tuple[str, threading.Thread]] = []

    def request(self, method="GET", path="", key="", client="127.0.0.1", session=""):
        headers = {"X-Client": client, "Connection": "close"}
        if session:
            headers["Cookie"] = f"JSESSIONID={session}"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LIMIT_S)
        before = len(self.containers.hits)
        try:
            body = b"x" if method == "POST" else None
            connection.request(method, f"{self._path}/{path}?key={key}", body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            if (addresses := answer.headers["X-Tried"]) is None:
                tried = "".join(self.containers.hits[before:])
            else:
                ports = {f"127.0.0.1:{each.port}": each.letter for each in self.containers.all}
                tried = "".join(ports.get(each, "") for each in addresses.split(", "))
            return (text if answer.status == 200 else str(answer.status)), tried
        finally:
            connection.close()

    def hold(self, session=""):
        thread = threading.Thread(target=self.request, kwargs={"path": "hold", "session": session})
        thread.start()
        letter = self.containers.arrivals.get(timeout=LIMIT_S)
        self._held.append((letter, thread))
        return letter, letter

    def free(self, letter: str) -> None:
        self.containers[letter].free()
        for at, thread in self._held:
            if at == letter:
                thread.join()
        self._held = [each for each in self._held if each[0] != letter]

    def set(self, letter: str, mode: str) -> None:
        container = self.containers[letter]
        if mode == "down":
            container.stop()
        elif container.is_stopped:
            container.start()
        container.mode = mode

    def end(self) -> None:
        for letter in LETTERS:
            self.free(letter)


def take(player, step: str):
    """Let a player (a Real, or its like) take one step."""
    word, _, value = step.partition(":")
    requests = {"get": {}, "post": {"method": "POST"}, "key": {"key": value}, "from": {"client": value},
                "as": {"session": value}, "postas": {"method": "POST", "session": value}}  # fmt: skip
    if word in requests:
        return player.request(**requests[word])
    if word == "hold":
        return player.hold(value)
    if word == "free":
        return player.free(value)
    if step[0] in "+-":
        return player.set(step[1], "up" if step[0] == "+" else "down")
    return player.set(step[0], {"!": "dies", "?": "60"}.get(step[1:], step[1:]))


def spell_out(steps: str) -> Iterable[str]:
    for step in steps.split():
        yield from ["get"] * int(step) if step.isdigit() else [step]
