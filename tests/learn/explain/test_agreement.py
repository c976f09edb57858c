"""What explain says is what the container does, for generated web apps and requests near their mappings."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container.config import Settings
from container.engine.container import Container, context_path_of
from container.engine.context import Context
from container.engine.lifecycle import State
from container.front.routes import EmbeddedFront
from container.learn.explain import Explanation, explain
from container.protocols.exchange import Begin
from container.security.realm import PasswordRealm
from container.testing.deployment import write_web_app
from container.testing.strategies import WebApp, requests_near, web_apps

LINEAGES = {  # what the probe raises, and which <exception-type> is nearest
    "app": ("probes.AppError", "LookupError", "java.lang.Exception"),
    "lookup": ("LookupError", "java.lang.Exception"),
    "value": ("java.lang.Exception",),
}
WEB_APPS = ["/app"] * 8 + ["/app/a", "", "/appx", "http://localhost/app", "https://localhost/app"]
TYPED = ["/ümlaut.txt", "/a b", "/a#here"]  # what a browser changes before it sends it


@st.composite
def examples(draw: st.DrawFn) -> tuple[WebApp, str | None, list[tuple[str, str]]]:
    """A web app, the name of another one beside it, and requests: method and target."""
    web_app = draw(web_apps())
    neighbour = draw(st.sampled_from([None, None, "ROOT", "app#a"]))
    requests = draw(st.lists(requests_near(web_app), min_size=10, max_size=20))
    targets = [draw(st.sampled_from(WEB_APPS)) + request.path for request in requests]
    typed = [("GET", f"/app{path}") for path in draw(st.lists(st.sampled_from(TYPED), max_size=1))]
    return web_app, neighbour, [*zip((r.method for r in requests), targets, strict=True), *typed]


class Nobody(PasswordRealm):
    def lookup(self, username: str) -> None:
        return None


@dataclass
class Connection:
    secure: bool
    id = "1"
    protocol = "http/1.1"
    peer = ("127.0.0.1", 50000)
    local = ("127.0.0.1", 80)
    tls: dict[str, object] | None = None


@dataclass
class Sent:
    """An Exchange in memory."""

    method: str
    target: bytes
    connection: Connection
    body: bytes = b""
    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    front: Any = None
    id = "1"
    version = "HTTP/1.1"
    headers = ((b"Host", b"localhost"),)
    started_s = 0.0
    content_length = 0
    can_send_trailers = False
    trailers = ()

    def read(self, size: int = -1) -> bytes:
        return b""

    def start(self, status: int, headers: Any, reason: str = "") -> None:
        self.status, self.fields = status, {name.lower(): value for name, value in headers}

    def write(self, data: bytes) -> None:
        self.body += data

    finish = lambda self, data=b"", trailers=None: self.write(data)  # noqa: E731

    def send_file(self, file: Any, offset: int, count: int) -> None:
        with file:
            file.seek(offset)
            self.write(file.read(count))

    def abort(self) -> None:
        self.status = -1


class Running:
    """One generated web app, twice: it runs, and it is examined only."""

    def __init__(self, web_app: WebApp, neighbour: str | None, folder: Path) -> None:
        app = folder / "app"
        write_web_app(app, web_app.files)
        folders = {"/app": app}
        if neighbour is not None:
            write_web_app(folder / neighbour, {"x.html": "this is a neighbour"})
            folders[context_path_of(neighbour)] = folder / neighbour
        self.runs, self.examined = (Container(Settings(access_log="off"), Nobody()) for _ in range(2))
        for path, each in folders.items():
            self.runs.deploy(each, path)
            self.examined.examine(each, path)
        self.context: Context = self.runs.contexts["/app"]
        assert self.context.state is State.RUNNING, (self.context.problems, web_app.xml)
        assert self.examined.contexts["/app"].state is State.EXAMINED
        self.front = EmbeddedFront(self.runs, self.runs.static_plan)

    def send(
        self, method: str, explanation: Explanation, secure: bool, query: str = ""
    ) -> tuple[Sent, bool, list[Any]]:
        """The answer, whether the front gave it, and what the probes saw."""
        seen: list[Any] = []
        self.context.facade.setAttribute("steps", seen)
        exchange = Sent(method, (explanation.url.sent + query).encode(), Connection(secure))
        by_front = self.front.begin(exchange) is Begin.DONE
        if not by_front:
            self.runs.handle(exchange)
        return exchange, by_front, seen

    def stop(self) -> None:
        self.runs.stop(0)
        self.examined.stop(0)


def check(running: Running, method: str, target: str) -> None:
    explanation = explain(running.context, method, target)
    of_examined = explain(running.examined.contexts["/app"], method, target)
    assert explanation.to_json() == of_examined.to_json()
    secure = target.startswith("https:")
    got, by_front, seen = running.send(method, explanation, secure)
    answer, found = explanation.answer, explanation.servlet
    assert explanation.front.serves is by_front
    if answer.status is not None:
        assert got.status == answer.status
        if answer.by != "login page":
            assert got.fields.get("location") == answer.location
    filters = [name for kind, what, name, *_ in seen if (kind, what) == ("REQUEST", "filter")]
    servlets = [tuple(called) for kind, what, *called in seen if (kind, what) == ("REQUEST", "servlet")]
    reached = answer.by in ("servlet", "default servlet")
    assert filters == ([step.filter for step in explanation.filters] if reached else [])
    if answer.by == "servlet" and answer.status is None and found is not None and found.calls is not None:
        is_probe = found.calls.startswith(("Probe.", "GetProbe."))
        assert servlets == ([(found.name, found.servlet_path, found.path_info)] if is_probe else [])
        if found.calls == "Probe.service" and "?" not in target:
            check_errors(running, method, explanation, secure)
    else:
        assert servlets == []
    if got.status >= 400 and explanation.session is not None and answer.status is not None:
        check_page(explanation, got.status, got, seen)


def check_errors(running: Running, method: str, explanation: Explanation, secure: bool) -> None:
    """Let the servlet fail in several ways."""
    for status in (403, 404, 500):
        got, _, seen = running.send(method, explanation, secure, f"?do={status}")
        check_page(explanation, status, got, seen)
    declared = {page.exception for page in explanation.error_pages}
    for name, lineage in LINEAGES.items():
        got, _, seen = running.send(method, explanation, secure, f"?do={name}")
        nearest = next((each for each in lineage if each in declared), None)
        check_page(explanation, 500, got, seen, nearest)


def check_page(
    explanation: Explanation, status: int, got: Sent, seen: list[Any], exception: str | None = None
) -> None:
    """The error page that is announced for a status or an exception is the one that was shown."""
    pages = {(page.exception or page.status): page for page in explanation.error_pages}
    page = pages.get(exception or status)
    if page is None:
        return  # neither usual nor declared
    assert got.status == (status if page.redirect is None else 302)
    location = got.fields.get("location")
    assert page.redirect is None or (location or "").partition("?")[0] == page.redirect.partition("?")[0]
    servlets = [name for kind, what, name, *_ in seen if (kind, what) == ("ERROR", "servlet")]
    filters = [name for kind, what, name, *_ in seen if (kind, what) == ("ERROR", "filter")]
    assert servlets == ([page.servlet] if page.servlet not in (None, "default", "jinja") else [])
    if page.servlet is not None:
        assert tuple(filters) == page.filters
    if got.method != "HEAD" and page.redirect is None:
        is_file = b"this is " in got.body
        assert is_file is (page.servlet in ("default", "jinja"))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(examples())
def test_what_is_explained_is_what_happens(example: tuple[WebApp, str | None, list[tuple[str, str]]]) -> None:
    web_app, neighbour, requests = example
    with tempfile.TemporaryDirectory() as folder:
        running = Running(web_app, neighbour, Path(folder))
        try:
            for method, target in requests:
                check(running, method, target)
        finally:
            running.stop()
