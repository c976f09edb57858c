"""What the front decides when its containers stand behind it: who is asked, and what they are told."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from container.config import Settings
from container.files import StaticPlan, static_root
from container.front.balancer import Exhausted, Failure, Pause, Sent
from container.front.containers import ContainersSite, routes
from container.front.jk import REPEAT_IDEMPOTENT, may_repeat
from container.front.plans import plan_of_values, values_of_plan
from container.front.site import FrontRequest, ProxyAction

CONNECTION = SimpleNamespace(peer=("10.0.0.9", 4711), local=("192.0.2.1", 8080), secure=False)


def request(target: str = "/", headers: tuple[tuple[str, str], ...] = (("Host", "shop.test"),), **facts):
    raw = [(name.encode(), value.encode()) for name, value in headers]
    exchange = SimpleNamespace(
        target=target.encode(),
        headers=raw,
        method="GET",
        connection=SimpleNamespace(**{**vars(CONNECTION), **facts}),
    )
    return FrontRequest(exchange, "http", "shop.test", target, None, {n.lower(): v for n, v in headers})


def make_site(count: int = 2, admitted: bool = True, **settings) -> ContainersSite:
    site = ContainersSite(routes(count), Settings(**settings))
    if admitted:
        for route in routes(count):
            site.admit(route, f"/run/{route}.sock")
    return site


def decide(site: ContainersSite, *arguments, **facts) -> ProxyAction:
    action = site.decide(request(*arguments, **facts))
    assert isinstance(action, ProxyAction)
    return action


def pick(site: ContainersSite, *arguments) -> str:
    attempts = decide(site, *arguments).group.ask(decide(site, *arguments).ask, 0)
    while isinstance(choice := attempts.next(0), Pause):
        pass
    if isinstance(choice, Exhausted):
        return str(choice.status)
    attempts.succeeded(0)
    return f"{choice.name} {choice.address}"


def test_nobody_is_asked_before_somebody_is_admitted() -> None:
    site = make_site(admitted=False)
    assert pick(site) == "503"
    site.admit("r2", "/run/a.sock")
    assert [pick(site) for _ in range(3)] == ["r2 unix:/run/a.sock"] * 3


def test_who_is_silent_is_asked_only_if_nobody_else_is_there() -> None:
    site = make_site()
    site.suspect("r1", "/run/r1.sock")
    assert [pick(site)[:2] for _ in range(3)] == ["r2"] * 3
    site.withdraw("r2")
    assert pick(site)[:2] == "r1"
    site.withdraw("r1")
    assert pick(site) == "503"
    site.admit("r2", "/run/a.sock")
    site.suspect("r2", "/run/r2.sock")  # said of the one before
    assert [pick(site) for _ in range(3)] == ["r2 unix:/run/a.sock"] * 3


def test_idle_containers_take_turns() -> None:
    assert [pick(make_site())[:2] for _ in range(1)] == ["r1"]
    site = make_site(3)
    assert "".join(pick(site)[1] for _ in range(6)) == "123123"


@pytest.mark.parametrize(
    ("target", "cookie", "route"),
    [
        ("/a", "JSESSIONID=5A.r2", "r2"),
        ("/a;jsessionid=5A.r2?x=1", "", "r2"),
        ("/a", "x=1; JSESSIONID=5A.r9; JSESSIONID=5A.r2", "r2"),  # one of several that somebody knows
        ("/a", "SHOP=5A.r2", "r2"),  # what a web app calls it
        ("/a;SHOP=5A.r2", "", "r2"),
    ],
)
def test_a_session_stays_with_its_route(target: str, cookie: str, route: str) -> None:
    site = make_site(3)
    site.admit("r3", "/run/r3.sock", ["JSESSIONID", "SHOP"])
    headers = (("Host", "shop.test"), ("Cookie", cookie)) if cookie else (("Host", "shop.test"),)
    assert [pick(site, target, headers)[:2] for _ in range(3)] == [route] * 3


def test_whoever_is_withdrawn_gets_nothing_until_another_one_is_admitted() -> None:
    site = make_site()
    session = ("/", (("Cookie", "JSESSIONID=x.r1"),))
    site.withdraw("r1")
    assert pick(site, *session) == "r2 unix:/run/r2.sock"
    site.admit("r1", "/run/new.sock")
    assert pick(site, *session) == "r1 unix:/run/new.sock"


def test_a_failure_is_forgotten_when_another_process_is_admitted() -> None:
    site = make_site()
    action = decide(site, "/", (("Cookie", "JSESSIONID=x.r1"),))
    attempts = action.group.ask(action.ask, 0)
    assert attempts.next(0).name == "r1"
    assert attempts.failed(Failure.READ, 0, sent=Sent.ALL)
    assert attempts.next(0).name == "r2"
    attempts.succeeded(0)
    assert pick(site, "/", (("Cookie", "JSESSIONID=x.r1"),))[:2] == "r2"
    site.admit("r1", "/run/new.sock")
    assert pick(site, "/", (("Cookie", "JSESSIONID=x.r1"),))[:2] == "r1"


def test_a_request_that_nobody_has_got_is_tried_again_with_whoever_is_admitted_meanwhile() -> None:
    site = make_site(1)
    action = decide(site)
    attempts = action.group.ask(action.ask, 0)
    assert str(attempts.next(0).address) == "unix:/run/r1.sock"
    assert attempts.failed(Failure.CONNECT, 0)
    assert isinstance(attempts.next(0), Pause)
    site.admit("r1", "/run/new.sock")
    assert str(attempts.next(0).address) == "unix:/run/new.sock"


@pytest.mark.parametrize(
    ("method", "sent", "again"),
    [
        ("GET", Sent.ALL, True),
        ("PUT", Sent.ALL, True),
        ("DELETE", Sent.SOME, True),
        ("POST", Sent.NOTHING, True),
        ("POST", Sent.SOME, False),
        ("POST", Sent.ALL, False),
        ("PATCH", Sent.ALL, False),
        ("LOCK", Sent.ALL, False),
    ],
)
def test_only_what_may_be_repeated_is_sent_again(method: str, sent: Sent, again: bool) -> None:
    assert may_repeat(REPEAT_IDEMPOTENT, method, Failure.READ, sent, replayable=True) == again
    assert not may_repeat(REPEAT_IDEMPOTENT, "GET", Failure.BROKEN, sent, replayable=True)


def test_what_a_container_is_told() -> None:
    action = decide(
        make_site(),
        "/a%20b?x",
        (
            ("Host", "shop.test:81"),
            ("Connection", "keep-alive, X-Hop"),
            ("X-Hop", "1"),
            ("Keep-Alive", "300"),
            ("TE", "trailers"),
            ("Content-Length", "3"),
            ("X-Forwarded-For", "6.6.6.6"),
            ("Forwarded", "for=6.6.6.6"),
            ("X-Real-IP", "6.6.6.6"),
            ("Proxy", "http://evil"),
            ("Accept", "a"),
            ("accept", "b"),
        ),
    )
    assert action.target == b"/a%20b?x"
    assert action.headers == (
        ("Accept", "a"),
        ("accept", "b"),
        ("Host", "shop.test:81"),
        ("X-Forwarded-For", "10.0.0.9"),
        ("X-Forwarded-Proto", "http"),
    )


@pytest.mark.parametrize(
    ("local", "host"), [(("192.0.2.1", 8080), "192.0.2.1:8080"), (("::1", 80), "[::1]:80")]
)
def test_a_client_that_names_no_host_comes_to_our_address(local: tuple[str, int], host: str) -> None:
    assert ("Host", host) in decide(make_site(), "/", (), local=local).headers


def test_what_a_trusted_proxy_says_is_passed_on() -> None:
    action = decide(
        make_site(trusted_proxies=("10.0.0.9",)),
        "/",
        (
            ("Host", "inner"),
            ("X-Forwarded-For", "6.6.6.6, 192.0.2.7"),
            ("X-Forwarded-Host", "shop.test:8443"),
        ),
    )
    assert action.ask.client == "192.0.2.7"
    assert action.headers[1:] == (
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "shop.test"),
        ("X-Forwarded-Port", "8443"),
    )


def test_a_static_plan_survives_its_way(tmp_path) -> None:
    plan = StaticPlan(
        {"": static_root("", str(tmp_path), servlet_patterns=["/x/*", "*.do", "/y"]), "/all": None}
    )
    assert plan_of_values(json.loads(json.dumps(values_of_plan(plan)))) == plan


@pytest.mark.parametrize(("name", "is_kept"), [("Accept", True), ("Cookie", False), ("Authorization", False)])
def test_what_is_passed_on_is_remembered_unless_it_has_a_secret(name: str, is_kept: bool) -> None:
    asked = request(headers=(("Host", "shop.test"), (name, "JSESSIONID=1")))
    first, second = (make_site().decide(asked).headers for _ in range(2))
    assert first == second
    assert (first is second) == is_kept
