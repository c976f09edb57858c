"""The same upstream blocks given to nginx and to ours: the same servers in the same order, the same answers.

A scenario's steps: "4" four GETs, "post", "key:a", "from:10.0.0.7"; "-A" the container refuses, "+A" it is
back, "A=503" it answers that, "A!" it reads and closes, "A?" it never answers; "hold" a GET that stays under
way, "free:A" those at A are answered, "later" their quarantine has passed.
"""

from __future__ import annotations

import http.client
import queue
import socket
import threading
import time

import programs
import pytest

from container.front.balancer import Address
from container.front.upstream import NextUpstream, ServerConfig, Upstream, UpstreamConfig

pytestmark = [pytest.mark.socket, pytest.mark.program("nginx")]
READ_TIMEOUT_S = 0.3
LETTERS = "ABCD"

ONE = [{}]
TWO = [{}, {}]
THREE = [{}, {}, {}]
FOUR = [{}, {}, {}, {}]
SPARE = {"backup": True}
DOWN = {"down": True}
SHORT = {"fail_timeout_s": 1}


def weights(*values):
    return [{"weight": value} for value in values]


def policy(*conditions, tries=0):
    return NextUpstream(frozenset(conditions), tries)


STATUSES = policy("error", "timeout", "http_503", "http_404", "http_500")

SCENARIOS = [
    ("round_robin", TWO, None, "9"),
    ("round_robin", weights(5, 1, 1), None, "21"),
    ("round_robin", weights(4, 2, 1), None, "21"),
    ("round_robin", weights(3, 1), None, "12"),
    ("round_robin", weights(1, 2), None, "9"),
    ("round_robin", weights(7, 3, 2, 5), None, "34"),
    ("round_robin", [{}, DOWN, {}], None, "6"),
    ("round_robin", [DOWN], None, "2"),
    ("round_robin", ONE, None, "1 -A 3 +A 2"),
    ("round_robin", TWO, None, "4 -A 5 +A 3"),
    ("round_robin", TWO, None, "1 -A -B 4 +A +B 3"),
    ("round_robin", weights(3, 1), None, "5 -A 4 post -B 2"),
    ("round_robin", [{"weight": 3, "max_fails": 2}, {"max_fails": 2}, SPARE],
     policy("error", "timeout", "http_503", tries=2), "8 -A 8 -B 6"),
    ("round_robin", [{"weight": 3, "max_fails": 2}, {"max_fails": 2}, SPARE],
     policy("error", "timeout", "http_503", tries=2), "8 -A -B 3"),
    ("round_robin", [{"max_fails": 3, "weight": 6}, {"weight": 4}], None, "3 -A 9 +A 12"),
    ("round_robin", [{"max_fails": 0}, {}], None, "2 -A 6 +A 4"),
    ("round_robin", [{}, SPARE, SPARE], None, "2 -A 4 -B 3"),
    ("round_robin", [{}, DOWN], None, "-A 3"),
    ("round_robin", FOUR, policy("error", tries=3), "-A -B -C -D 3"),
    ("round_robin", FOUR, policy(), "-A 6"),
    ("round_robin", TWO, STATUSES, "A=503 4"),
    ("round_robin", TWO, STATUSES, "A=404 6"),
    ("round_robin", TWO, STATUSES, "A=503 B=503 3"),
    ("round_robin", TWO, STATUSES, "-A 2 B=503 3"),
    ("round_robin", TWO, STATUSES, "A=503 post post post"),
    ("round_robin", TWO, policy("error", "http_503", "non_idempotent"), "A=503 post B! post"),
    ("round_robin", TWO, None, "A=503 4"),
    ("round_robin", TWO, None, "A! 3"),
    ("round_robin", TWO, None, "A! post post 2"),
    ("round_robin", TWO, None, "A? 3"),
    ("round_robin", TWO, None, "A? post post 2"),
    ("round_robin", ONE, None, "A? 1"),
    ("round_robin", TWO, policy("error"), "A? 4"),
    ("round_robin", [{"max_conns": 1}, {}], None, "hold 3 free:A 4"),
    ("round_robin", [{"max_conns": 2}], None, "hold hold 1 free:A 1"),
    ("round_robin", [SHORT, SHORT], None, "2 -A 3 +A later 8"),
    ("round_robin", [SHORT, {**SHORT, "weight": 3}], None, "2 -A -B 2 +B later 8"),
    ("least_conn", THREE, None, "6"),
    ("least_conn", weights(3, 1), None, "8"),
    ("least_conn", weights(2, 1), None, "hold hold hold hold hold hold free:A 4"),
    ("least_conn", weights(2, 3, 1), None, "hold hold 3 hold 3 hold hold hold free:B 5 -B 4"),
    ("least_conn", [{}, SPARE, SPARE], None, "1 -A 2 hold 2 hold 3"),
    ("ip_hash", THREE, None, "from:127.0.0.1 from:10.0.0.7 from:192.168.1.20 from:203.0.113.9"),
    ("ip_hash", THREE, None, "-C from:127.0.0.1 from:127.0.0.9 from:192.168.1.20 from:10.0.0.7"),
    ("ip_hash", weights(3, 1, 2), None, " ".join(f"from:10.{net}.7.1" for net in range(40))),
    ("ip_hash", [{}, DOWN, {}], None, " ".join(f"from:10.{net}.7.1" for net in range(20))),
    ("ip_hash", [{"down": True, "weight": 9000}, {}, {}], None, "6"),
    ("ip_hash", TWO, None, " ".join(f"from:2001:db8::{last:x}" for last in range(20))),
    ("hash", TWO, None, "key:a key:b key:c key:d key:e"),
    ("hash", weights(3, 1, 1), None, "key:user1 -B key:user1 -A key:user1 key:b key:/index.html"),
    ("hash", THREE, None, " ".join(f"key:{number}" for number in range(40))),
    ("hash", [{}, DOWN, {}], None, " ".join(f"key:{number}" for number in range(20))),
    ("hash", TWO, None, "4"),
    ("consistent", THREE, None, " ".join(f"key:{number}" for number in range(40))),
    ("consistent", weights(4, 1, 2), None, " ".join(f"key:{number}" for number in range(40))),
    ("consistent", THREE, None, "-B " + " ".join(f"key:{number}" for number in range(20))),
    ("consistent", [{}, DOWN, {}], None, " ".join(f"key:{number}" for number in range(20))),
    ("consistent", TWO, None, "4"),
]  # fmt: skip
METHODS = {"round_robin": "", "least_conn": "least_conn;", "ip_hash": "ip_hash;",
           "hash": "hash $arg_key;", "consistent": "hash $arg_key consistent;"}  # fmt: skip


class Container:
    """Answers with its letter. While it is stopped its port stays its own, and refuses."""

    def __init__(self, letter: str, arrivals: queue.SimpleQueue) -> None:
        self.letter = letter
        self.mode = "up"
        self.arrivals = arrivals  # the letters of those that hold a request
        self.free = threading.Event()
        self.address = ("127.0.0.1", 0)
        self._threads: list[threading.Thread] = []
        self._bind()
        self.address = self._socket.getsockname()
        self.start()

    def _bind(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(self.address)

    def start(self) -> None:
        self._is_stopped = False
        self._socket.listen()
        self._run(self._accept, self._socket)

    def stop(self) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._bind()

    def close(self) -> None:
        self.free.set()
        if not self._is_stopped:
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

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
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            line = lines.readline()
            length = 0
            while (field := lines.readline()) not in (b"\r\n", b""):
                if field.lower().startswith(b"content-length:"):
                    length = int(field.partition(b":")[2])
            lines.read(length)
            if b"/hold" in line:
                self.free.clear()
                self.arrivals.put(self.letter)
                self.free.wait(programs.LIMIT_S)
            if self.mode == "dies":
                return
            if self.mode == "60":
                connection.recv(1)  # until nginx has had enough
                return
            status = self.mode[1:] if self.mode.startswith("=") else "200"
            connection.sendall(f"HTTP/1.0 {status} X\r\n\r\n{self.letter}".encode())


@pytest.fixture(scope="module")
def containers():
    arrivals = queue.SimpleQueue()
    made = [Container(letter, arrivals) for letter in LETTERS]
    yield made
    for container in made:
        container.close()


def _configs(servers, containers):
    for parameters, container in zip(servers, containers, strict=False):
        host, port = container.address
        yield ServerConfig(name=f"{host}:{port}", address=Address("http", host, port), **parameters)


def _line(config: ServerConfig) -> str:
    words = [config.name, f"weight={config.weight}", f"max_fails={config.max_fails}"]
    words += [f"fail_timeout={config.fail_timeout_s}s", f"max_conns={config.max_conns}"]
    words += [word for word, on in (("backup", config.backup), ("down", config.down)) if on]
    return f"server {' '.join(words)};"


@pytest.fixture(scope="module")
def nginx_port(containers):
    upstreams, locations = "", ""
    for number, (method, servers, rules, _) in enumerate(SCENARIOS):
        lines = " ".join(map(_line, _configs(servers, containers)))
        upstreams += f"upstream s{number} {{ {METHODS[method]} {lines} }}\n"
        rules = rules or NextUpstream()
        locations += f"location /{number}/ {{ proxy_pass http://s{number}; "
        locations += f"proxy_next_upstream {' '.join(rules.conditions) or 'off'}; "
        locations += f"proxy_next_upstream_tries {rules.tries}; }}\n"
    server = f"""server {{ listen 127.0.0.1:@port@; proxy_read_timeout {READ_TIMEOUT_S * 1000:.0f}ms;
        set_real_ip_from 127.0.0.1; real_ip_header X-Client;
        add_header X-Tried $upstream_addr always;
        {locations} }}"""
    with programs.nginx(upstreams + server) as program:
        yield program.port


class Real:
    """Plays the steps with nginx."""

    def __init__(self, port: int, number: int, containers: list[Container]) -> None:
        self.port, self.number, self.containers = port, number, containers
        self.letters = {f"127.0.0.1:{each.address[1]}": each.letter for each in containers}
        self.held: list[tuple[str, threading.Thread]] = []

    def request(self, method="GET", path="", key="", client="127.0.0.1"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=programs.LIMIT_S)
        body = b"x" if method == "POST" else None
        try:
            connection.request(
                method, f"/{self.number}/{path}?key={key}", body, {"X-Client": client, "Connection": "close"}
            )
            answer = connection.getresponse()
            text = answer.read().decode()
            tried = "".join(self.letters.get(each, "") for each in answer.headers["X-Tried"].split(", "))
            return (text if answer.status == 200 else str(answer.status)), tried
        finally:
            connection.close()

    def hold(self):
        thread = threading.Thread(target=self.request, kwargs={"path": "hold"})
        thread.start()
        letter = self.containers[0].arrivals.get(timeout=programs.LIMIT_S)
        self.held.append((letter, thread))
        return letter, letter

    def free(self, letter: str) -> None:
        self.containers[LETTERS.index(letter)].free.set()
        for at, thread in self.held:
            if at == letter:
                thread.join()
        self.held = [each for each in self.held if each[0] != letter]

    def set(self, letter: str, mode: str) -> None:
        container = self.containers[LETTERS.index(letter)]
        if mode == "down":
            container.stop()
        elif container._is_stopped:
            container.start()
        container.mode = mode


class Ours:
    """Plays the steps with an Upstream."""

    def __init__(self, front) -> None:
        self.front = front
        self.held = []

    def request(self, **more):
        self.front.now_s = time.time()
        answer = self.front.get(**more)
        return answer.text, answer.tried

    def hold(self):
        self.front.now_s = time.time()
        attempts, letter = self.front.begin()
        self.held.append((letter, attempts))
        return letter, letter

    def free(self, letter: str) -> None:
        for at, attempts in self.held:
            if at == letter:
                attempts.succeeded(time.time())
        self.held = [each for each in self.held if each[0] != letter]

    def set(self, letter: str, mode: str) -> None:
        self.front.set(letter, mode)


def play(player, step: str):
    word, _, value = step.partition(":")
    if word == "post":
        return player.request(method="POST")
    if word == "key":
        return player.request(key=value)
    if word == "from":
        return player.request(client=value)
    if word == "hold":
        return player.hold()
    if word == "free":
        return player.free(value)
    if step[0] in "+-":
        return player.set(step[1], "up" if step[0] == "+" else "down")
    return player.set(step[0], {"!": "dies", "?": "60"}.get(step[1:], step[1:]))


@pytest.mark.parametrize(
    ("number", "scenario"),
    list(enumerate(SCENARIOS)),
    ids=[f"{number}-{method}" for number, (method, *_) in enumerate(SCENARIOS)],
)
def test_the_same_servers_in_the_same_order(nginx_port, containers, before, number, scenario):
    method, servers, rules, steps = scenario
    config = UpstreamConfig("s", tuple(_configs(servers, containers)), method)
    real = Real(nginx_port, number, containers)
    ours = Ours(before(Upstream(config, rules or NextUpstream()), READ_TIMEOUT_S))
    for each in LETTERS:
        real.set(each, "up")
    seen = []
    try:
        for step in steps.split():
            if step == "later":
                until_s = int(time.time()) + 1 + 1.05  # a quarantine of a second, in whole ones
                time.sleep(until_s - time.time())
                continue
            for each in ["get"] * int(step) if step.isdigit() else [step]:
                pair = [player.request() if each == "get" else play(player, each) for player in (real, ours)]
                seen.append((each, *pair))
    finally:
        for each in LETTERS:
            real.free(each)
    assert [(step, ours) for step, _, ours in seen] == [(step, real) for step, real, _ in seen]
    assert any(real for _, real, _ in seen)
