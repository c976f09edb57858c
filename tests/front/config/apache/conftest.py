"""Requests for a Site, and sites made of texts."""

from types import SimpleNamespace
from urllib.parse import unquote_to_bytes

import pytest

from container.front.config.apache.site import read_site
from container.front.site import FrontRequest


def make_request(target="/", host="www.example.test", method="GET", headers=(), peer="192.0.2.1", port=80):
    """A request as the front would make it: the path decoded once, without dots and double slashes."""
    raw = [(b"Host", host.encode()), *((name.encode(), value.encode()) for name, value in headers)]
    path, mark, query = target.partition("?")
    segments = []
    for segment in path.split("/"):
        text = unquote_to_bytes(segment).decode("utf-8", "surrogateescape")
        if text == "..":
            segments.pop()
        elif text not in ("", "."):
            segments.append(text)
    end = "/" if path.endswith(("/", "/.", "/..")) and segments else ""
    exchange = SimpleNamespace(
        method=method,
        target=target.encode("latin-1"),
        version="HTTP/1.1",
        headers=raw,
        content_length=None,
        user=None,
        id="1",
        connection=SimpleNamespace(peer=(peer, 4711), local=("127.0.0.1", port), secure=False, tls=None),
    )
    return FrontRequest(
        exchange,
        "http",
        host.partition(":")[0].lower(),
        "/" + "/".join(segments) + end,
        query if mark else None,
        {name.decode().lower(): value.decode() for name, value in raw},
    )


@pytest.fixture
def request_for():
    return make_request


class Front:
    """A site, and what it decides: short forms of actions."""

    def __init__(self, site):
        self.site = site

    def decide(self, target="/", *args, **more):
        return self.site.decide(make_request(target, *args, **more))

    def worker(self, target, *args, **more):
        """The name of the group that a request is passed on to; "" if it is not."""
        action = self.decide(target, *args, **more)
        return action.group.name if hasattr(action, "group") else ""

    def status(self, target, *args, **more):
        action = self.decide(target, *args, **more)
        return 0 if hasattr(action, "group") else action.status

    def pick(self, target, *args, **more):
        """The member that gets the request, which answers it well."""
        action = self.decide(target, *args, **more)
        attempts = action.group.ask(action.ask, self.site.now())
        member = attempts.next(self.site.now())
        attempts.succeeded(self.site.now())
        return member.name


@pytest.fixture
def make_front(tmp_path):
    """Make a site of an httpd.conf, a workers.properties and other files; @ is the folder."""

    def make(config, workers=None, files=(), now=lambda: 1000.0):
        for name, text in dict(files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if workers is not None:
            (tmp_path / "workers.properties").write_text(workers)
            config = "JkWorkersFile workers.properties\n" + config
        (tmp_path / "httpd.conf").write_text(config.replace("@", str(tmp_path)))
        return Front(read_site(tmp_path / "httpd.conf", {}, now=now))

    return make
