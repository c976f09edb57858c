"""One set of requests through every web server that may stand before our containers: the same answers.

nginx, HAProxy, Apache with mod_jk, Apache with mod_proxy_ajp and our own front, each before the same two
containers; and our front with a Python and a Java app behind one address.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path

import programs
import pytest

from container.config import Settings
from container.front.configuration import load_front
from container.front.program import FrontServer
from container.server import Server

pytestmark = pytest.mark.socket

LIMIT_S = 120.0
APP = """
import json
from container.servlet import HttpServlet, WebServlet


@WebServlet("/show/*")
class Show(HttpServlet):
    def service(self, request, response):
        body = request.getInputStream().read()
        response.setContentType("application/json")
        response.addHeader("X-Two", "1")
        response.addHeader("X-Two", "2")
        response.getWriter().write(json.dumps([
            request.getMethod(), request.getRequestURI(), request.getPathInfo(), request.getQueryString(),
            request.getHeader("X-A"), request.getServerName(), len(body), sum(body),
            {name: request.getParameterValues(name) for name in sorted(request.getParameterNames())},
        ]))


@WebServlet("/answer/*")
class Answer(HttpServlet):
    def service(self, request, response):
        kind = request.getPathInfo()[1:]
        if kind == "error":
            response.sendError(410, "gone")
        elif kind == "redirect":
            response.sendRedirect("/show/x?a=1")
        elif kind == "large":
            response.getOutputStream().write(b"0123456789" * 50_000)
        elif kind == "empty":
            response.setStatus(204)
        elif kind == "flush":
            for each in ("one ", "two ", "three"):
                response.getWriter().write(each)
                response.flushBuffer()


@WebServlet("/visits")
class Visits(HttpServlet):
    def doGet(self, request, response):
        session = request.getSession()
        session.setAttribute("n", (session.getAttribute("n") or 0) + 1)
        response.getWriter().write(str(session.getAttribute("n")))
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REQUESTS = [
    ("GET", "/show/a/b?q=1&q=2", {"X-A": "x, y"}, b""),
    ("GET", "/show/a%20b/%C3%A9?x=%20y", {}, b""),
    ("GET", "/show/a;p=1/b", {}, b""),
    ("HEAD", "/show/x", {}, b""),
    ("POST", "/show/form", FORM, b"a=1&b=%C3%A9"),
    ("POST", "/show/body", {}, bytes(range(256)) * 400),
    ("PUT", "/show/put", {}, b"x" * 20_000),
    ("DELETE", "/show/delete?x", {}, b""),
    ("OPTIONS", "/show/x", {}, b""),
    ("GET", "/answer/error", {}, b""),
    ("GET", "/answer/redirect", {}, b""),
    ("GET", "/answer/large", {}, b""),
    ("GET", "/answer/empty", {}, b""),
    ("GET", "/answer/flush", {}, b""),
    ("GET", "/none", {}, b""),
    ("GET", "/file.txt", {}, b""),
    ("GET", "/file.txt", {"Range": "bytes=2-4"}, b""),
]
COMPARED = ("Content-Type", "Location", "X-Two", "Content-Range", "Accept-Ranges")


def ask(port: int, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request(method, target, body or None, {"Host": "shop.test", **headers})
        answer = connection.getresponse()
        content = answer.read()
        found = {name: answer.headers.get_all(name) for name in COMPARED}
        location = (found["Location"] or [""])[0].removeprefix("http://shop.test")
        # The page of an error names the request.
        return (answer.status, {**found, "Location": location}, b"" if answer.status >= 400 else content)
    finally:
        connection.close()


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    webapps = tmp_path_factory.mktemp("fronts") / "webapps"
    classes = webapps / "ROOT/WEB-INF/classes"
    classes.mkdir(parents=True)
    (classes / "app.py").write_text(APP)
    (webapps / "ROOT/file.txt").write_text("0123456789")
    servers = []
    for route in ("r1", "r2"):
        (ajp_port,) = programs.free_ports(1)
        settings = Settings(
            webapps=webapps, port=0, ajp_port=ajp_port, ajp_secret="s", access_log="off", route=route
        )
        servers.append(Server(settings))
        servers[-1].start()
    yield servers
    for server in servers:
        server.stop()


def http_ports(containers: list[Server]) -> list[int]:
    return [int(server.url.rpartition(":")[2]) for server in containers]


def nginx_conf(containers: list[Server], listen: str) -> str:
    servers = " ".join(f"server 127.0.0.1:{port};" for port in http_ports(containers))
    return (
        f"upstream was {{ {servers} }} server {{ listen {listen}; location / {{ proxy_pass http://was; "
        "proxy_set_header Host $host; client_max_body_size 0; } }"
    )


def nginx(containers: list[Server]) -> programs.Program:
    return programs.nginx(nginx_conf(containers, "127.0.0.1:@port@"))


def haproxy(containers: list[Server]) -> programs.Program:
    servers = "\n".join(f"  server r{n} 127.0.0.1:{port}" for n, port in enumerate(http_ports(containers), 1))
    return programs.haproxy(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"
        f"frontend all\n  bind 127.0.0.1:@port@\n  default_backend was\nbackend was\n{servers}\n"
    )


def mod_jk(containers: list[Server]) -> programs.Program:
    lines = ["worker.list=lb", "worker.lb.type=lb", "worker.lb.balance_workers=r1,r2"]
    for server in containers:
        name, settings = server.settings.route, server.settings
        lines += [
            f"worker.{name}.{line}"
            for line in ("type=ajp13", "host=127.0.0.1", f"port={settings.ajp_port}", "secret=s")
        ]
    return programs.apache("JkMount /* lb\n", workers="\n".join(lines) + "\n")


def mod_proxy_ajp(containers: list[Server]) -> programs.Program:
    members = "".join(
        f"  BalancerMember ajp://127.0.0.1:{s.settings.ajp_port} secret=s route={s.settings.route}\n"
        for s in containers
    )
    return programs.apache(
        f"<Proxy balancer://lb>\n{members}  ProxySet stickysession=JSESSIONID|jsessionid\n</Proxy>\n"
        "ProxyPass / balancer://lb/\nProxyPreserveHost On\n",
        modules=["proxy", "proxy_ajp", "proxy_balancer", "lbmethod_byrequests", "slotmem_shm"],
    )


class OurFront:
    """`was front` in this process, by an nginx.conf."""

    def __init__(self, text: str, port: int, folder: Path) -> None:
        path = folder / "nginx.conf"
        path.write_text(f"events {{}} http {{ access_log off; {text} }}")
        self._server = FrontServer(Settings(access_log="off"), load_front(path))
        self._server.start()
        self.port = port

    def __enter__(self) -> OurFront:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()


FRONTS: dict[str, tuple[tuple[str, ...], Callable[[list[Server]], programs.Program]]] = {
    "nginx": (("nginx",), nginx),
    "haproxy": (("haproxy",), haproxy),
    "mod_jk": (("apache2", "mod_jk"), mod_jk),
    "mod_proxy_ajp": (("apache2",), mod_proxy_ajp),
}


@pytest.fixture(
    scope="module",
    params=[*(pytest.param(name, marks=pytest.mark.program(*FRONTS[name][0])) for name in FRONTS), "ours"],
)
def port(request, containers, tmp_path_factory) -> Iterator[int]:
    if request.param == "ours":
        (free,) = programs.free_ports(1)
        text = nginx_conf(containers, f"127.0.0.1:{free}")
        with OurFront(text, free, tmp_path_factory.mktemp("ours")) as front:
            yield front.port
    else:
        with FRONTS[request.param][1](containers) as program:
            yield program.port


@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: f"{asked[0]} {asked[1]}")
def test_the_same_answer_as_from_the_container(port: int, containers: list[Server], asked: tuple) -> None:
    assert ask(port, *asked) == ask(http_ports(containers)[0], *asked)


@pytest.mark.program("nginx", "tomcat10")
def test_a_python_and_a_java_app_behind_one_address(containers: list[Server], tmp_path: Path) -> None:
    page = b'<%@page contentType="text/plain"%>java <%=request.getRequestURI()%>'
    requests = [
        ("GET", target, {}, b"") for target in ("/java/show.jsp", "/java/none", "/show/x", "/file.txt")
    ]
    with programs.tomcat(files={"webapps/java/show.jsp": page}) as tomcat:

        def conf(listen: str) -> str:
            java = f"location /java/ {{ proxy_pass http://127.0.0.1:{tomcat.port}; }}"
            return nginx_conf(containers, listen).replace("location / {", f"{java} location / {{")

        (free,) = programs.free_ports(1)
        with (
            programs.nginx(conf("127.0.0.1:@port@")) as nginx,
            OurFront(conf(f"127.0.0.1:{free}"), free, tmp_path) as ours,
        ):
            theirs = [ask(nginx.port, *request) for request in requests]
            assert [ask(ours.port, *request) for request in requests] == theirs
    assert [answer[0] for answer in theirs] == [200, 404, 200, 200]
    assert theirs[0][2] == b"java /java/show.jsp"
