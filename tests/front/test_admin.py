"""Pages for those who operate a server: paths, forms and statuses."""

import json

import pytest

from container.front.admin import AdminSite, Reply, health_pages
from container.protocols.exchange import Begin


class Exchange:
    def __init__(self, target, method="GET", accept=None):
        self.target = target.encode()
        self.method = method
        self.headers = [(b"Accept", accept.encode())] if accept else []

    def start(self, status, headers):
        self.status, self.head = status, dict(headers)

    def finish(self, data=b""):
        assert self.head["Content-Length"] == str(len(data))
        assert self.head["Cache-Control"] == "no-store"
        self.text = data.decode()


def ask(target, *, reasons=(), **how):
    pages = {**health_pages(lambda: reasons), "/more": lambda: Reply(200, "é\n", {"more": 1})}
    exchange = Exchange(target, **how)
    assert AdminSite(pages).begin(exchange) is Begin.DONE
    return exchange


def test_alive_whatever_is_wrong():
    assert (ask("/healthz").status, ask("/healthz", reasons=["starting"]).status) == (200, 200)


def test_ready_or_not_and_why():
    ready, busy = ask("/readyz?verbose"), ask("/readyz", reasons=["web app /a: failed", "web app /b: failed"])
    assert (ready.status, ready.text) == (200, "ready\n")
    assert (busy.status, busy.text) == (503, "not ready\n  web app /a: failed\n  web app /b: failed\n")


def test_json_for_who_accepts_it():
    answer = ask("/readyz", reasons=["draining"], accept="text/html, application/json;q=0.9")
    assert (answer.status, answer.head["Content-Type"]) == (503, "application/json")
    assert json.loads(answer.text) == {"ready": False, "reasons": ["draining"]}
    assert json.loads(ask("/readyz", accept="application/json").text) == {"ready": True, "reasons": []}
    assert ask("/readyz", accept="*/*").head["Content-Type"] == "text/plain;charset=utf-8"


def test_other_pages_have_their_place_here():
    assert ask("/more").text == "é\n"
    missing = ask("/")
    assert (missing.status, missing.text) == (404, "There is /healthz, /readyz, /more.\n")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_nothing_can_be_changed(method):
    answer = ask("/healthz", method=method)
    assert (answer.status, answer.head["Allow"]) == (405, "GET, HEAD")
    assert ask("/healthz", method="HEAD").status == 200
