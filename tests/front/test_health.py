"""Health checks: rise and fall, how they are configured, how a member is asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from container.errors import ConfigError
from container.front.balancer import Address, Ask, Exhausted
from container.front.checker import HealthBoard, HealthFollower, probe
from container.front.configuration import load_front
from container.front.health import Checked, HealthCheck, Judge
from container.front.upstream import ServerConfig, Upstream, UpstreamConfig


@pytest.mark.parametrize(
    ("passes", "fails", "heard", "states"),
    [  # + well, - not; what it is after each
        (1, 1, "+-+-", "+-+-"),
        (1, 3, "--+---", "+++++-"),
        (2, 1, "-+-++", "----+"),
        (3, 2, "--++-+++", "+------+"),
    ],
)
def test_rise_and_fall(passes: int, fails: int, heard: str, states: str) -> None:
    judge = Judge(HealthCheck(passes=passes, fails=fails))
    found = ""
    before = "+"
    for sign in heard:
        changed = judge.heard(sign == "+")
        found += "+" if judge.healthy else "-"
        assert changed is (found[-1] != before)
        before = found[-1]
    assert found == states


def test_one_that_begins_unhealthy() -> None:
    judge = Judge(HealthCheck(passes=2), healthy=False)
    assert [judge.heard(True), judge.heard(True), judge.healthy] == [False, True, True]


# --- configurations -----------------------------------------------------------------------------


@pytest.fixture
def checks(tmp_path: Path) -> Callable[[str, str], dict[str, HealthCheck]]:
    """A function that reads a configuration; the checks by the names of the members."""

    def checks(name: str, text: str) -> dict[str, HealthCheck]:
        file = tmp_path / name
        file.write_text(text)
        return {each.member.name: each.check for each in load_front(file).checked}

    return checks


def nginx(location: str, server: str = "") -> str:
    return (
        "events {}\nhttp {\nupstream shop { server 127.0.0.1:8081; server 127.0.0.1:8082; }\n"
        f"server {{ listen 8080; {server} location / {{ {location} }} }}\n}}\n"
    )


def test_nginx_as_it_is_by_default(checks) -> None:
    found = checks("nginx.conf", nginx("proxy_pass http://shop; health_check;"))
    assert list(found) == ["127.0.0.1:8081", "127.0.0.1:8082"]
    assert found["127.0.0.1:8081"] == HealthCheck(host="shop", interval_s=5.0, timeout_s=5.0)


def test_nginx_with_everything(checks) -> None:
    text = nginx(
        "proxy_pass http://shop; proxy_set_header Host shop.test; proxy_read_timeout 2s;"
        "health_check interval=10 jitter=1s fails=3 passes=2 uri=/health?full port=9000;"
    )
    assert checks("nginx.conf", text)["127.0.0.1:8082"] == HealthCheck(
        target="/health?full",
        host="shop.test",
        interval_s=10.0,
        jitter_s=1.0,
        timeout_s=2.0,
        fails=3,
        passes=2,
        port=9000,
    )


def test_nginx_without_one_checks_nobody(checks) -> None:
    assert checks("nginx.conf", nginx("proxy_pass http://shop;")) == {}


@pytest.mark.parametrize(
    ("location", "wrong"),
    [
        ("proxy_pass http://shop; health_check match=ok;", '"match=ok" is not supported'),
        ("proxy_pass http://shop; health_check fails=0;", 'invalid value in "fails=0"'),
        ("proxy_pass http://shop; health_check uri=health;", '"uri=health" is not supported'),
        ("proxy_pass http://shop; health_check interval=0;", "an interval of 0"),
        ("root /srv; health_check;", "needs a proxy_pass"),
        (
            "proxy_pass http://shop; health_check;"
            "location /a { proxy_pass http://shop; health_check uri=/a; }",
            'a second health_check of the upstream "shop"',
        ),
    ],
)
def test_nginx_refused(checks, location: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        checks("nginx.conf", nginx(location))


def apache(members: str, more: str = "") -> str:
    return f"Listen 8080\n<Proxy balancer://shop>\n{members}\n</Proxy>\nProxyPass / balancer://shop/\n{more}"


def test_apache_each_member_has_its_own(checks) -> None:
    found = checks(
        "httpd.conf",
        apache(
            "BalancerMember http://127.0.0.1:8081 hcmethod=GET hcuri=/health "
            "hcinterval=10 hcpasses=2 hcfails=3\n"
            "BalancerMember http://127.0.0.1:8082 hcmethod=OPTIONS11 timeout=4\n"
            "BalancerMember http://127.0.0.1:8083\n"
            "BalancerMember ajp://127.0.0.1:8009 hcmethod=CPING hcinterval=500ms\n"
            "BalancerMember ajp://127.0.0.1:8010 hcmethod=TCP\n"
        ),
    )
    assert found == {
        "http://127.0.0.1:8081": HealthCheck(
            target="/health",
            host="127.0.0.1:8081",
            http_version="1.0",
            interval_s=10.0,
            timeout_s=10.0,
            passes=2,
            fails=3,
        ),
        "http://127.0.0.1:8082": HealthCheck(
            method="OPTIONS", target="*", host="127.0.0.1:8082", interval_s=30.0, timeout_s=4.0
        ),
        "ajp://127.0.0.1:8009": HealthCheck(
            kind="ping", host="127.0.0.1:8009", http_version="1.0", interval_s=0.5, timeout_s=0.5
        ),
        "ajp://127.0.0.1:8010": HealthCheck(
            kind="tcp", host="127.0.0.1:8010", http_version="1.0", interval_s=30.0, timeout_s=30.0
        ),
    }


def test_apache_a_proxy_pass_with_one_backend(checks) -> None:
    found = checks(
        "httpd.conf", "Listen 8080\nProxyPass /app http://127.0.0.1:8081/shop hcmethod=HEAD hcuri=/up\n"
    )
    assert found["http://127.0.0.1:8081/shop"].target == "/shop/up"


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ("hcmethod=PROVIDER", "write TCP, CPING, GET"),
        ("hcmethod=CPING", "CPING is for ajp://"),
        ("hcmethod=GET hcfails=0", "hcfails=0 is no number"),
        ("hcmethod=GET hcinterval=0", "hcinterval=0 is no interval"),
        ("hcmethod=GET hcexpr=ok", "hcexpr is not implemented"),
    ],
)
def test_apache_refused(checks, parameters: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        checks("httpd.conf", apache(f"BalancerMember http://127.0.0.1:8081 {parameters}"))


# --- what is known, and what follows ------------------------------------------------------------


def upstream() -> Upstream:
    servers = tuple(
        ServerConfig(name, Address("http", "127.0.0.1", port)) for port, name in enumerate("AB", 1)
    )
    return Upstream(UpstreamConfig("shop", servers))


def board(group: Upstream, before: HealthBoard | None = None) -> HealthBoard:
    return HealthBoard([Checked(group, member, HealthCheck()) for member in group.members], before)


def picks(group: Upstream, count: int) -> str:
    names = ""
    for _ in range(count):
        attempts = group.ask(Ask("GET", "127.0.0.1"), 0)
        member = attempts.next(0)
        if isinstance(member, Exhausted):
            names += "-"
        else:
            names += member.name
            attempts.succeeded(0)
    return names


def test_who_is_unhealthy_gets_nothing_until_it_is_well() -> None:
    group = upstream()
    known = board(group)
    follower = HealthFollower(known)
    follower.maintain(0)
    assert picks(group, 4) == "ABAB"
    known[0] = False
    follower.maintain(1)
    assert picks(group, 2) == "BB"
    assert [each.state for each in group.status(1)] == ["unhealthy", "up"]
    known[1] = False
    follower.maintain(2)
    assert picks(group, 1) == "-"
    known[0] = True
    follower.maintain(3)
    assert picks(group, 2) == "AA"


def test_a_new_configuration_knows_what_the_one_before_knew() -> None:
    group = upstream()
    known = board(group)
    known[1] = False
    fresh = upstream()
    after = board(fresh, known)
    assert [after[0], after[1]] == [True, False]
    HealthFollower(after).maintain(0)
    assert picks(fresh, 2) == "AA"


# --- asking -------------------------------------------------------------------------------------


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Callable[..., Address]]:
    """A function that starts a member which answers with what it is given; None: with nothing."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    asked: list[bytes] = []

    def serve(listener: socket.socket, answer: bytes | None) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                if answer is None:
                    connection.recv(1000)
                    connection.recv(1000)  # until it has gone
                    return
                asked.append(connection.recv(1000))
                connection.sendall(answer)

    def member(answer: bytes | None, protocol: str = "http", unix: bool = False) -> Address:
        path = str(tmp_path / "s") if unix else ""
        listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        listener.bind(path or ("127.0.0.1", 0))
        listener.listen()
        listeners.append(listener)
        threads.append(threading.Thread(target=serve, args=(listener, answer), daemon=True))
        threads[-1].start()
        if unix:
            return Address(protocol, "", 0, path)
        return Address(protocol, "127.0.0.1", listener.getsockname()[1])

    member.asked = asked
    yield member
    for listener in listeners:
        listener.close()
    for thread in threads:
        thread.join()


def ask(address: Address, **check: object) -> str:
    return asyncio.run(probe(address, HealthCheck(**{"timeout_s": 20.0, **check})))


@pytest.mark.socket
@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""),
        (b"HTTP/1.0 302 Found\r\n\r\n", ""),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "GET / is answered with 503"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "GET / is answered with 404"),
        (b"SSH-2.0-x\r\n", "no HTTP"),
        (b"", "without an answer"),
    ],
)
def test_an_answer(member, answer: bytes, wrong: str) -> None:
    found = ask(member(answer))
    assert wrong in found
    assert bool(found) is bool(wrong)


@pytest.mark.socket
def test_what_is_asked(member) -> None:
    address = member(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert ask(address, method="HEAD", target="/up?x", host="shop.test", http_version="1.0") == ""
    (request,) = member.asked
    lines = request.decode().split("\r\n")
    assert lines[0] == "HEAD /up?x HTTP/1.0"
    assert {"Host: shop.test", "Connection: close"} <= set(lines)


@pytest.mark.socket
def test_who_takes_too_long(member) -> None:
    assert ask(member(None), timeout_s=0.05) == "no answer within 0.05 s"


@pytest.mark.socket
def test_who_is_not_there(member) -> None:
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        assert ask(Address("http", "127.0.0.1", dead.getsockname()[1]))
    assert ask(Address("http", "", 0, "/nonexistent"))


@pytest.mark.socket
def test_a_connection_is_enough(member) -> None:
    assert ask(member(b""), kind="tcp") == ""


@pytest.mark.socket
def test_a_unix_socket(member) -> None:
    assert ask(member(b"HTTP/1.1 200 OK\r\n\r\n", unix=True)) == ""


@pytest.mark.socket
@pytest.mark.parametrize(
    ("answer", "is_well"),
    [(b"AB\0\1\x09", True), (b"AB\0\1\x05", False), (b"HTTP/1.1 400 x\r\n", False), (b"", False)],
)
def test_a_ping(member, answer: bytes, is_well: bool) -> None:
    address = member(answer, "ajp")
    assert (ask(address, kind="ping") == "") is is_well
    assert member.asked == [b"\x12\x34\0\1\x0a"]
