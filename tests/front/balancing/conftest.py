"""A front with a clock of its own, before containers that are up, down, hanging or dying."""

from __future__ import annotations

import string
from dataclasses import dataclass, field

import pytest

from container.front.balancer import Address, Ask, Balancer, Exhausted, Failure, Member, Pause, Sent
from container.front.jk import LbConfig, LoadBalancer, WorkerConfig
from container.front.upstream import NextUpstream, ServerConfig, Upstream, UpstreamConfig

ON = NextUpstream()
LETTERS = string.ascii_uppercase + string.ascii_lowercase


@dataclass
class Answer:
    """What a client got: a container's letter, or a status; and the containers that were tried for it."""

    text: str
    tried: str
    took_s: float
    reason: str


@dataclass
class Front:
    """Sends requests through a Balancer. Members are called A, B, C ... in the order of the configuration.

    A container's mode: "up", "down" (refuses), "mute" (no answer to a ping), "dies" (reads a request and
    closes), a number (takes so many seconds), or a status such as "=503".
    """

    balancer: Balancer
    now_s: float = 1000.0
    read_timeout_s: float = 0.0  # 0: none
    ping_timeout_s: float = 0.5
    modes: dict[str, str] = field(default_factory=dict)

    def letter(self, member: Member) -> str:
        return LETTERS[self.balancer.members.index(member)]

    def member(self, letter: str) -> Member:
        return self.balancer.members[LETTERS.index(letter)]

    def set(self, letters: str, mode: str) -> None:
        for letter in letters:
            self.modes[letter] = mode

    def stop(self, letters: str) -> None:
        self.set(letters, "down")

    def start(self, letters: str) -> None:
        self.set(letters, "up")

    def wait(self, seconds: float) -> None:
        """Let time pass, with maintenance once a second."""
        for second in range(int(self.now_s) + 1, int(self.now_s + seconds) + 1):
            self.balancer.maintain(second)
        self.now_s += seconds

    def get(
        self,
        session: str = "",
        *,
        method: str = "GET",
        client: str = "127.0.0.1",
        key: str = "",
        replayable: bool = True,
        stateless: bool = False,
        through: Balancer | None = None,
    ) -> Answer:
        began_s, tried = self.now_s, ""
        sessions = (session,) if session else ()
        ask = Ask(method, client, key, sessions, replayable, stateless)
        attempts = (through or self.balancer).ask(ask, self.now_s)
        while True:
            member = attempts.next(self.now_s)
            if isinstance(member, Pause):
                self.wait(member.seconds)
                continue
            if isinstance(member, Exhausted):
                return Answer(str(member.status), tried, round(self.now_s - began_s, 3), member.reason)
            letter = self.letter(member)
            tried += letter
            mode = self.modes.get(letter, "up")
            took = Answer(letter, tried, 0.0, attempts.reason)
            if mode == "down":
                attempts.failed(Failure.CONNECT, self.now_s)
            elif mode == "mute":
                self.wait(self.ping_timeout_s)
                attempts.failed(Failure.CONNECT, self.now_s)
            elif mode == "dies":
                attempts.failed(Failure.READ, self.now_s, sent=Sent.ALL)
            elif mode.startswith("="):
                if not attempts.failed(Failure.STATUS, self.now_s, sent=Sent.ALL, status=int(mode[1:])):
                    attempts.succeeded(self.now_s)
                    took.text = mode[1:]
                    return took
            else:
                seconds = 0.0 if mode == "up" else float(mode)
                if 0 < self.read_timeout_s < seconds:
                    self.wait(self.read_timeout_s)
                    attempts.failed(Failure.READ_TIMEOUT, self.now_s, sent=Sent.ALL)
                else:
                    self.wait(seconds)
                    attempts.succeeded(self.now_s)
                    took.took_s = round(self.now_s - began_s, 3)
                    return took

    def gets(self, count: int, session: str = "", **more) -> str:
        """What each of so many requests gets, one after the other; "A B 503"."""
        answers = [self.get(session, **more).text for _ in range(count)]
        return "".join(answers) if all(len(answer) == 1 for answer in answers) else " ".join(answers)

    def tries(self, count: int, session: str = "", **more) -> str:
        """Whom each of so many requests tried, as nginx logs it; "AB B B"."""
        return " ".join(self.get(session, **more).tried or "-" for _ in range(count))

    def begin(self, session: str = "", method: str = "GET"):
        """A request that stays under way: its attempts, and the letter of the first one's container."""
        attempts = self.balancer.ask(
            Ask(method, "127.0.0.1", sessions=(session,) if session else ()), self.now_s
        )
        member = attempts.next(self.now_s)
        return attempts, self.letter(member) if not isinstance(member, Exhausted | Pause) else "-"


def _address(index: int, protocol="http") -> Address:
    return Address(protocol, "127.0.0.1", 19301 + index)


class Ours:
    """Takes the steps of scripted.py with a simulated front.

    deaf: modes in which a container sees nothing of a request.
    """

    def __init__(self, front: Front, deaf: frozenset[str] = frozenset()) -> None:
        self.front = front
        self._deaf = deaf
        self._held = []

    def request(self, **more):
        answer = self.front.get(**more)
        heard = (each for each in answer.tried if self.front.modes.get(each) not in self._deaf)
        return answer.text, "".join(heard)

    def hold(self, session=""):
        attempts, letter = self.front.begin(session)
        self._held.append((letter, attempts))
        return letter, letter

    def free(self, letter: str) -> None:
        for at, attempts in self._held:
            if at == letter:
                attempts.succeeded(self.front.now_s)
        self._held = [each for each in self._held if each[0] != letter]

    def set(self, letter: str, mode: str) -> None:
        self.front.set(letter, mode)


@pytest.fixture
def before():
    """Make a simulated front before any balancer, that takes steps as a real one does."""

    def make(balancer, read_timeout_s=0.0, deaf=frozenset()) -> Ours:
        return Ours(Front(balancer, read_timeout_s=read_timeout_s), deaf)

    return make


@pytest.fixture
def nginx():
    """Make a front before an upstream; each server is given by its parameters."""

    def make(*servers, method="round_robin", policy=ON, read_timeout_s=0.0, draw=None) -> Front:
        configs = []
        for index, parameters in enumerate(servers):
            address = _address(index)
            configs.append(ServerConfig(**{"name": str(address), "address": address, **parameters}))
        config = UpstreamConfig("was", tuple(configs), method)
        upstream = Upstream(config, policy, draw) if draw else Upstream(config, policy)
        return Front(upstream, read_timeout_s=read_timeout_s)

    return make


@pytest.fixture
def jk():
    """Make a front before a load balancer; each worker is given by name and parameters."""

    def make(workers, *, read_timeout_s=0.0, now_s=1000.0, common=None, **lb) -> Front:
        configs = tuple(
            WorkerConfig(name, _address(index, "ajp"), **{**(common or {}), **parameters})
            for index, (name, parameters) in enumerate(workers.items())
        )
        front = Front(LoadBalancer(LbConfig("lb", configs, **lb)), now_s, read_timeout_s)
        front.balancer.maintain(now_s)
        return front

    return make
