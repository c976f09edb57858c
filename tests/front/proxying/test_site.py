"""What a site may decide, and how it is carried out."""

from __future__ import annotations

import threading
import time

import pytest

from container.front.site import Deny, FileAction, FixedAnswer, HeaderEdits, ProxyAction

pytestmark = pytest.mark.socket
PATIENCE_S = 60.0  # only ever used up by a failure


class ByFunction:
    """A site made of functions."""

    def __init__(self, decide, decide_error=lambda request, status, headers=(): None, file="") -> None:
        self.decide = decide
        self.decide_error = decide_error
        self.file = file
        self.lines = []

    def log_line(self, request, facts):
        self.lines.append(dict(facts))
        return [(self.file, f"{request.path} {facts['status']}")] if self.file else []


def test_a_fixed_answer(run):
    edits = HeaderEdits(add_always=(("X-A", "1"),))
    answer = FixedAnswer(404, b"nope", "text/x", (("X-B", "2"),), edits)
    got = run(ByFunction(lambda request: answer)).get()
    assert (got.status, got.body, got["Content-Type"], got["X-A"], got["X-B"]) == (
        404,
        b"nope",
        "text/x",
        "1",
        "2",
    )
    assert run(ByFunction(lambda request: answer)).get(method="HEAD")["Content-Length"] == "4"


def test_no_answer_at_all(run):
    front = run(ByFunction(lambda request: FixedAnswer(444)))
    assert front.get().status == 0
    assert front.wait_for_line()["status"] == "444"


def test_what_is_denied_has_the_fronts_page(run):
    edits = HeaderEdits(add_always=(("X-A", "1"),), add=(("X-B", "2"),))
    answer = run(ByFunction(lambda request: Deny(403, edits))).get()
    assert (answer.status, answer["X-A"], answer["X-B"]) == (403, "1", None)
    assert b"403 Forbidden" in answer.body


def test_what_a_request_is(run):
    seen = []

    def decide(request):
        seen.append(request)
        return FixedAnswer(200)

    front = run(ByFunction(decide))
    client = front.connect(
        b"GET /a//%41/../b?x=1 HTTP/1.1\r\nHost: SHOP.example.:81\r\n"
        b"Cookie: a=1\r\nX-A: 1\r\nCookie: b=2\r\nX-A: 2\r\n\r\n"
    )
    client.answer()
    request = seen[0]
    assert (request.scheme, request.host, request.path, request.query) == (
        "http",
        "shop.example",
        "/a/b",
        "x=1",
    )
    assert (request.headers["cookie"], request.headers["x-a"]) == ("a=1; b=2", "1, 2")


@pytest.mark.parametrize(("trusted", "scheme"), [(("127.0.0.1",), "https"), ((), "http")])
def test_only_a_trusted_peer_is_believed(run, trusted, scheme):
    seen = []

    def decide(request):
        seen.append(request.scheme)
        return FixedAnswer(200)

    run(ByFunction(decide), trusted_proxies=trusted).get("/", "X-Forwarded-Proto: https")
    assert seen == [scheme]


def test_a_file_and_its_error_page(run, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"file")
    (tmp_path / "404.html").write_bytes(b"page")

    def decide_error(request, status, headers=()):
        return FileAction(str(tmp_path), "/404.html", status=status) if status == 404 else None

    front = run(ByFunction(lambda request: FileAction(str(tmp_path), request.path), decide_error))
    assert front.get("/a.txt").body == b"file"
    answer = front.get("/b.txt")
    assert (answer.status, answer.body) == (404, b"page")
    answer = front.get("/a.txt", method="DELETE")
    assert (answer.status, answer["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_large_file(run, tmp_path):
    data = bytes(range(256)) * 8192
    (tmp_path / "large").write_bytes(data)
    front = run(ByFunction(lambda request: FileAction(str(tmp_path), request.path)))
    assert front.get("/large").body == data


def answers(status, *lines, body=b"from the backend"):
    def serve(peer) -> None:
        while peer.read():
            peer.answer(body, status, *lines)

    return serve


def test_a_backends_error_is_replaced_where_the_site_says_so(before, stub, tmp_path):
    (tmp_path / "page").write_bytes(b"page")
    backend = stub(answers("401 No", "WWW-Authenticate: Basic"))
    for intercept, body in (True, b"page"), (False, b"from the backend"):
        front = before(backend, intercept_errors=intercept)
        front.site.decide_error = lambda request, status, headers=(): FileAction(
            str(tmp_path), "/page", status=status, edits=HeaderEdits(replace=tuple(headers))
        )
        answer = front.get()
        assert (answer.status, answer.body, answer["WWW-Authenticate"]) == (401, body, "Basic")


def test_an_error_page_from_a_backend(before, stub, nobody):
    """502, because nobody listens; its page comes from another group, with the status of the error."""
    pages = before(stub(answers("200 OK", body=b"sorry")))
    front = before(nobody)

    def decide_error(request, status, headers=()):
        action = pages.site.decide(request)
        return ProxyAction(
            action.group, action.ask, b"/sorry", action.headers, action.limits, status=status, send_body=False
        )

    front.site.decide_error = decide_error
    answer = front.get(method="POST", body=b"x")
    assert (answer.status, answer.body) == (502, b"sorry")


@pytest.mark.parametrize("size", [1, 300_000])
def test_who_stands_in_gets_the_body_too(before, stub, nobody, size):
    """As with error_page 502 @backup: the first group refuses, the second is sent the whole request."""

    def echo(peer) -> None:
        while request := peer.read():
            peer.answer(request[2])

    backup = before(stub(echo))
    front = before(nobody)
    front.site.decide_error = lambda request, status, headers=(): backup.site.decide(request)
    answer = front.get(method="POST", body=b"x" * size)
    assert (answer.status, answer.body) == (200, b"x" * size)


def test_an_error_of_the_error_page(before, stub, nobody):
    front = before(nobody)
    front.site.decide_error = lambda request, status, headers=(): front.site.decide(request)
    answer = front.get()
    assert answer.status == 502
    assert b"502 Bad Gateway" in answer.body


def test_a_backend_names_a_file(before, stub, tmp_path):
    (tmp_path / "secret.pdf").write_bytes(b"pdf")
    backend = answers(
        "200 OK", "X-Accel-Redirect: /inner/secret.pdf", "Content-Type: a/b", "Set-Cookie: a=1", "X-Other: 1"
    )
    front = before(stub(backend))
    decide = front.site.decide

    def with_inner(request):
        if request.restarts and request.path.startswith("/inner/"):
            return FileAction(str(tmp_path), request.path.removeprefix("/inner"))
        return decide(request)

    front.site.decide = with_inner
    answer = front.get("/download")
    assert (answer.status, answer.body) == (200, b"pdf")
    assert (answer["Content-Type"], answer["Set-Cookie"], answer["X-Other"]) == ("a/b", "a=1", None)


def test_edits_that_depend_on_the_backend(before, stub):
    later = HeaderEdits(later=lambda facts: HeaderEdits(add_always=(("X-Up", facts["upstream_addr"]),)))
    backend = stub(answers("200 OK"))
    assert before(backend, edits=later).get()["X-Up"] == str(backend.address)


def test_access_logs(run, tmp_path):
    log = tmp_path / "access.log"
    front = run(ByFunction(lambda request: FixedAnswer(200), file=str(log)))
    front.get("/a")
    front.get("/b")
    front.wait_for_line(2)
    front.front.close()
    assert sorted(log.read_text().splitlines()) == ["/a 200", "/b 200"]


def test_clients_cannot_have_any_number_of_logs_opened(run, tmp_path):
    """`access_log /var/log/$host.log` has a file for each name that clients think of."""
    site = ByFunction(lambda request: FixedAnswer(200))
    others = set(threading.enumerate())

    def log_line(request, facts):
        site.lines.append(dict(facts))
        return [(str(tmp_path / request.path[1:]), "line")]

    site.log_line = log_line
    front = run(site)
    for number in range(70):
        front.get(f"/{number}.log")
    front.get("/0.log")
    front.wait_for_line(71)
    deadline_s = time.monotonic() + PATIENCE_S
    while sum(each.name == "access-log" for each in set(threading.enumerate()) - others) > 64:
        assert time.monotonic() < deadline_s  # one that is closed may overlap with the next one
        time.sleep(0.01)
    wanted = {f"{number}.log": 1 + (number == 0) for number in range(70)}
    front.stop()
    front.front.close()
    assert {file.name: len(file.read_text().splitlines()) for file in tmp_path.glob("*.log")} == wanted


def test_a_header_that_cannot_be_sent(before, stub):
    """Such as a decoded path with a line end in it, put into a header by the configuration."""
    front = before(stub(answers("200 OK")))
    decide = front.site.decide

    def with_path(request):
        action = decide(request)
        return ProxyAction(
            action.group, action.ask, action.target, (("X-Path", request.path),), action.limits
        )

    front.site.decide = with_path
    assert front.get("/a%0d%0aX-Evil:%201").status == 400


def test_a_site_that_fails(run):
    def decide(request):
        raise RuntimeError("a mistake")

    assert run(ByFunction(decide)).get().status == 500
