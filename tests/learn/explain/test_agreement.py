"""What explain says is what the container does, for generated web apps and requests near their mappings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container.config import Settings
from container.engine.container import Container
from container.engine.context import Context
from container.engine.lifecycle import State
from container.front.routes import EmbeddedFront
from container.learn.explain import Explanation, explain
from container.protocols.exchange import Begin
from container.security.realm import PasswordRealm

PROBES = """
from container.servlet import Filter, HttpServlet, ServletRequestListener

def note(request, *what):
    seen = request.getServletContext().getAttribute("seen")
    seen.append((request.getDispatcherType().name, *what))

class AppError(LookupError):
    pass

ERRORS = {"lookup": KeyError, "value": ValueError, "app": AppError}

class Probe(HttpServlet):
    def service(self, request, response):
        note(request, "servlet", self.getServletName(), request.getServletPath(), request.getPathInfo())
        if request.getDispatcherType().name == "REQUEST" and (what := request.getParameter("do")):
            if what in ERRORS:
                raise ERRORS[what]("as asked")
            response.sendError(int(what))

class GetProbe(HttpServlet):
    def doGet(self, request, response):
        note(request, "servlet", self.getServletName(), request.getServletPath(), request.getPathInfo())

class Through(Filter):
    def init(self, config):
        self.name = config.getFilterName()

    def doFilter(self, request, response, chain):
        note(request, "filter", self.name)
        chain.doFilter(request, response)

class Ears(ServletRequestListener):
    def requestInitialized(self, event):
        pass

    def requestDestroyed(self, event):
        pass
"""

PATTERNS = [
    "/a", "/a/*", "/a/b", "/a/b/*", "/*", "/", "", "*.do", "*.html", "/dir/*", "/dir/index.do", "/err",
    "/a/x.html", "*.txt", "/WEB-INF/*",
]  # fmt: skip
FILES = [
    "x.html", "a/x.html", "dir/index.html", "dir/page.do", "dir/sub/x.txt", "plain.txt", "err.html",
    ".hidden.txt", "p.jinja", "login.html", "a/b/c.do", "WEB-INF/secret.txt", "ümlaut.txt",
]  # fmt: skip
LINEAGES = {  # what the probe raises, and which <exception-type> is nearest
    "app": ("probes.AppError", "LookupError", "java.lang.Exception"),
    "lookup": ("LookupError", "java.lang.Exception"),
    "value": ("java.lang.Exception",),
}
METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FOO"]
ROLES = ["user", "admin", "*", "**", "undeclared"]
KINDS = ["REQUEST", "FORWARD", "INCLUDE", "ERROR"]
LOCATIONS = ["/err", "/err.html", "/missing", "/a/b", "/x.do?y=1", "/dir/"]


def element(name: str, *content: str) -> str:
    return f"<{name}>{''.join(content)}</{name}>"


def text(name: str, content: str) -> str:
    return element(name, escape(content))


def some(pool: list[str], most: int, least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(pool), min_size=least, max_size=most, unique=True)


@st.composite
def servlets(draw: st.DrawFn) -> Iterator[str]:
    parts = []
    names = [f"s{number}" for number in range(draw(st.integers(1, 5)))]
    free = draw(st.permutations(PATTERNS))
    for name in names:
        taken, free = free[: draw(st.integers(1, 3))], free[3:]
        probe = draw(st.sampled_from(["Probe", "Probe", "GetProbe"]))
        parts.append(
            element("servlet", text("servlet-name", name), text("servlet-class", f"probes.{probe}"))
            + element("servlet-mapping", text("servlet-name", name), *(text("url-pattern", p) for p in taken))
        )
    return "".join(parts), names


@st.composite
def filters(draw: st.DrawFn, names: list[str]) -> str:
    parts = []
    for number in range(draw(st.integers(0, 3))):
        name = text("filter-name", f"f{number}")
        parts.append(element("filter", name, text("filter-class", "probes.Through")))
        for _ in range(draw(st.integers(0, 2))):
            targets = [text("url-pattern", p) for p in draw(some(PATTERNS, 2))]
            targets += [text("servlet-name", n) for n in draw(some([*names, "*", "default"], 2))]
            kinds = [text("dispatcher", kind) for kind in draw(some(KINDS, 2))]
            if targets:
                parts.append(element("filter-mapping", name, *targets, *kinds))
    return "".join(parts)


@st.composite
def constraints(draw: st.DrawFn) -> str:
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        methods = [
            text(draw(st.sampled_from(["http-method", "http-method-omission"])), m)
            for m in draw(some(["GET", "POST", "PUT", "FOO"], 1))
        ]
        patterns = [text("url-pattern", p) for p in draw(some(PATTERNS, 2, 1))]
        parts.append(
            element(
                "security-constraint",
                element("web-resource-collection", text("web-resource-name", "x"), *patterns, *methods),
                element("auth-constraint", *(text("role-name", r) for r in draw(some(ROLES, 2))))
                if draw(st.booleans())
                else "",
                element("user-data-constraint", text("transport-guarantee", "CONFIDENTIAL"))
                if draw(st.integers(0, 3)) == 0
                else "",
            )
        )
    form = text("form-login-page", "/login.html") + text("form-error-page", "/err")
    logins = [
        "",
        text("auth-method", "BASIC"),
        text("auth-method", "FORM") + element("form-login-config", form),
    ]
    login = draw(st.sampled_from(logins))
    if login:
        parts.append(element("login-config", login))
    if parts and draw(st.integers(0, 3)) == 0:
        parts.append("<deny-uncovered-http-methods/>")
    parts += [element("security-role", text("role-name", role)) for role in ("user", "admin")]
    return "".join(parts)


@st.composite
def error_pages(draw: st.DrawFn) -> str:
    keys = [text("error-code", code) for code in ("401", "403", "404", "405", "500")]
    keys += [
        text("exception-type", name) for name in ("LookupError", "probes.AppError", "java.lang.Exception")
    ]
    keys.append("")
    chosen = draw(some(keys, 4))
    return "".join(
        element("error-page", k, text("location", draw(st.sampled_from(LOCATIONS)))) for k in chosen
    )


@dataclass
class WebApp:
    web_xml: str
    files: list[str]
    neighbour: str | None


@st.composite
def web_apps(draw: st.DrawFn) -> WebApp:
    mapped, names = draw(servlets())
    welcome = draw(st.none() | some(["index.html", "index.do", "page.do", "b", "nothing"], 3, 1))
    parts = [mapped, draw(filters(names)), draw(constraints()), draw(error_pages())]
    if welcome is not None:
        parts.append(element("welcome-file-list", *(text("welcome-file", name) for name in welcome)))
    if draw(st.integers(0, 9)) == 0:
        parts.append(element("listener", text("listener-class", "probes.Ears")))
    return WebApp(
        f'<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">{"".join(parts)}</web-app>',
        draw(some(FILES, len(FILES))),
        draw(st.sampled_from([None, None, "ROOT", "app#a"])),
    )


PLAIN_PATHS = [
    "/a/b/c", "/", "", "/a", "/a/", "/a/b", "/a/b/", "/a/bc", "/a/x.html", "/x.html", "/x.do",
    "/a/b/c.do", "/dir", "/dir/", "/dir/sub/", "/dir/index.do", "/dir/index.html", "/plain.txt",
    "/plain.TXT", "/err", "/.hidden.txt", "/p.jinja", "/WEB-INF/secret.txt", "/web-inf/secret.txt",
    "/none", "/login.html", "/a/j_security_check", "/%C3%BCmlaut.txt", "/ümlaut.txt", "/a b",
]  # fmt: skip
TWISTS = [
    lambda path: path,
    lambda path: path.replace("/a", "/%61", 1),
    lambda path: path + ";v=1",
    lambda path: path.replace("/", "//", 1),
    lambda path: "/." + path,
    lambda path: "/zzz/.." + path,
    lambda path: path + "/..",
    lambda path: path + "%2F",
    lambda path: path + "%zz",
    lambda path: path.upper(),
    lambda path: path + "?do=404",
    lambda path: path + "?x=/a/b",
    lambda path: path + "#here",
]
TARGETS = st.builds(
    lambda start, path, twist: start + twist(path),
    st.sampled_from(["/app"] * 8 + ["/app/a", "", "/appx", "http://localhost/app", "https://localhost/app"]),
    st.sampled_from(PLAIN_PATHS),
    st.sampled_from([TWISTS[0]] * 8 + TWISTS),
)
REQUESTS = st.tuples(st.sampled_from(METHODS), TARGETS)


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

    def __init__(self, web_app: WebApp, folder: Path) -> None:
        app = folder / "app"
        self._write(app / "WEB-INF" / "classes" / "probes.py", PROBES)
        self._write(app / "WEB-INF" / "web.xml", web_app.web_xml)
        for name in web_app.files:
            self._write(app / name, f"this is {name}")
        folders = {"/app": app}
        if web_app.neighbour is not None:
            self._write(folder / web_app.neighbour / "x.html", "this is a neighbour")
            folders["" if web_app.neighbour == "ROOT" else "/app/a"] = folder / web_app.neighbour
        self.runs, self.examined = (Container(Settings(access_log="off"), Nobody()) for _ in range(2))
        for path, each in folders.items():
            self.runs.deploy(each, path)
            self.examined.examine(each, path)
        self.context: Context = self.runs.contexts["/app"]
        assert self.context.state is State.RUNNING, (self.context.problems, web_app.web_xml)
        assert self.examined.contexts["/app"].state is State.EXAMINED
        self.front = EmbeddedFront(self.runs, self.runs.static_plan)

    @staticmethod
    def _write(path: Path, content: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def send(
        self, method: str, explanation: Explanation, secure: bool, query: str = ""
    ) -> tuple[Sent, bool, list[Any]]:
        """The answer, whether the front gave it, and what the probes saw."""
        seen: list[Any] = []
        self.context.facade.setAttribute("seen", seen)
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


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(web_apps(), st.lists(REQUESTS, min_size=10, max_size=20))
def test_what_is_explained_is_what_happens(web_app: WebApp, requests: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        running = Running(web_app, Path(folder))
        try:
            for method, target in requests:
                check(running, method, target)
        finally:
            running.stop()
