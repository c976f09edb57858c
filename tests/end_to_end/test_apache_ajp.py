"""Real Apache before our AJP connector, with mod_jk and with mod_proxy_ajp: one set of requests for both."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import programs
import pytest

from container.config import Settings
from container.connectors.ajp import AjpConnector
from container.engine.container import Container
from container.mpm.event import EventServer, open_listener
from container.mpm.executor import make_executor

pytestmark = [pytest.mark.socket, pytest.mark.program("apache2", "mod_jk", "mod_proxy_ajp")]

WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet><servlet-name>main</servlet-name><servlet-class>app.Main</servlet-class></servlet>
  <servlet-mapping>
    <servlet-name>main</servlet-name>
    <url-pattern>/main/*</url-pattern>
    <url-pattern>/clerk/*</url-pattern>
  </servlet-mapping>
  <servlet>
    <servlet-name>async</servlet-name><servlet-class>app.Later</servlet-class>
    <async-supported>true</async-supported>
  </servlet>
  <servlet-mapping><servlet-name>async</servlet-name><url-pattern>/later/*</url-pattern></servlet-mapping>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>clerk</web-resource-name><url-pattern>/clerk/*</url-pattern>
    </web-resource-collection>
    <auth-constraint><role-name>clerk</role-name></auth-constraint>
  </security-constraint>
  <login-config><auth-method>BASIC</auth-method></login-config>
  <security-role><role-name>clerk</role-name></security-role>
</web-app>
"""
APP = """
import hashlib
import json

from container.servlet import HttpServlet

class Main(HttpServlet):
    def service(self, request, response):
        getattr(self, request.getPathInfo()[1:])(request, response)

    def show(self, request, response):
        connection = request.getServletConnection()
        principal = request.getUserPrincipal()
        response.setContentType("application/json")
        response.getWriter().write(json.dumps({
            "method": request.getMethod(),
            "uri": request.getRequestURI(),
            "query": request.getQueryString(),
            "protocol": request.getProtocol(),
            "remote": [request.getRemoteAddr(), request.getRemotePort() > 0],
            "server": [request.getScheme(), request.getServerName(), request.getServerPort()],
            "local": request.getLocalAddr(),
            "headers": {name.lower(): list(request.getHeaders(name)) for name in request.getHeaderNames()},
            "cookies": {cookie.getName(): cookie.getValue() for cookie in request.getCookies() or ()},
            "attributes": {name: str(request.getAttribute(name)) for name in request.getAttributeNames()},
            "user": [request.getRemoteUser(), request.getAuthType(), principal and principal.getName()],
            "connection": connection.getConnectionId(),
            "connection protocol": connection.getProtocol(),
        }))

    def digest(self, request, response):
        body = request.getInputStream()
        digest, size = hashlib.sha256(), 0
        while piece := body.read(10000):
            digest.update(piece)
            size += len(piece)
        response.getWriter().write(f"{size} {digest.hexdigest()}")

    def ignore(self, request, response):
        response.getWriter().write("ignored")

    def form(self, request, response):
        response.getWriter().write(f"{request.getParameter('a')} {request.getParameter('b')}")

    def large(self, request, response):
        out = response.getOutputStream()
        for _ in range(500):
            out.write(b"0123456789" * 1000)

    def cookies(self, request, response):
        for number in range(30):
            response.addHeader("Set-Cookie", f"c{number}={number}")
        response.setHeader("X-Long", "v" * 5000)
        response.setStatus(299)

    def too_large(self, request, response):
        response.setHeader("X-Long", "v" * 9000)

    def missing(self, request, response):
        response.sendError(404, "gone fishing")

    def failing(self, request, response):
        raise RuntimeError("on purpose")

    def half(self, request, response):
        response.setContentLength(1000)
        response.getWriter().write("half")
        response.flushBuffer()
        raise RuntimeError("half way")

    def not_modified(self, request, response):
        response.setStatus(304)

    def session(self, request, response):
        session = request.getSession()
        session.setAttribute("count", (session.getAttribute("count") or 0) + 1)
        route = request.getServletContext().getAttribute("name")
        response.getWriter().write(f"{route} {session.getAttribute('count')} {session.getId()}")

    def steps(self, request, response):
        proceed = request.getServletContext().getAttribute("proceed")
        response.setContentType("text/plain")
        for word in ("one", "two", "three"):
            assert proceed.acquire(timeout=120)
            response.getWriter().write(word)
            response.flushBuffer()

    def endless(self, request, response):
        context = request.getServletContext()
        try:
            while True:
                response.getOutputStream().write(b"0" * 10000)
        except OSError:
            context.getAttribute("gone").set()
            raise

    def unread(self, request, response):
        try:
            while request.getInputStream().read(1000):
                pass
        except OSError:
            request.getServletContext().getAttribute("gone").set()
            raise

class Later(HttpServlet):
    async def doGet(self, request, response):
        response.getWriter().write("later")

    async def doPost(self, request, response):
        response.getWriter().write(str(len(request.getInputStream().read())))
"""


class Behind:
    """One of our containers, with its AJP connector and nothing else."""

    def __init__(self, webapps: Path, name: str | None = None, **settings: Any) -> None:
        self.settings = Settings(webapps=webapps, route=name, **settings)
        self.container = Container(self.settings)
        self.container.deploy_all(webapps)
        self.facade = self.container.contexts[""].facade
        self.proceed = threading.Semaphore(0)
        self.gone = threading.Event()
        for key, value in (("proceed", self.proceed), ("gone", self.gone), ("name", name)):
            self.facade.setAttribute(key, value)
        self.answered: list[Any] = []
        self.executor = make_executor(self.settings)
        listener = open_listener("127.0.0.1", 0, 64)
        self.port = listener.getsockname()[1]
        self.server = EventServer(
            [listener],
            lambda: AjpConnector(self.container, self.settings, self.executor, [self.answered.append]),
            self.settings,
        )
        self.server.start()

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, *error: object) -> None:
        self.server.stop()
        self.server.join()
        self.executor.stop(5)
        self.container.stop(5)


Start = Callable[..., programs.Program]
Connect = Callable[[programs.Program], "Client"]


def mod_jk(
    *behind: Behind, secret: str | None = None, config: str = "", packet_bytes: int = 0
) -> programs.Program:
    names = [each.settings.route or f"w{number}" for number, each in enumerate(behind)]
    lines = ["worker.list=lb", "worker.lb.type=lb", f"worker.lb.balance_workers={','.join(names)}"]
    for name, each in zip(names, behind, strict=True):
        lines += [f"worker.{name}.{line}" for line in ("type=ajp13", "host=127.0.0.1", f"port={each.port}")]
        lines += [
            f"worker.{name}.{line}"
            for line in ("ping_mode=A", "recovery_options=7", *([f"secret={secret}"] if secret else []))
        ]
        lines += [f"worker.{name}.max_packet_size={packet_bytes}"] if packet_bytes else []
    return programs.apache(
        f"JkMount /* lb\n{config}",
        workers="\n".join(lines) + "\n",
        modules=["auth_basic", "authn_file", "authz_user"],
    )


def mod_proxy_ajp(
    *behind: Behind, secret: str | None = None, config: str = "", packet_bytes: int = 0
) -> programs.Program:
    said = f" secret={secret}" if secret else ""
    members = "".join(
        f"  BalancerMember ajp://127.0.0.1:{each.port} ping=10{said}"
        f"{f' route={each.settings.route}' if each.settings.route else ''}\n"
        for each in behind
    )
    config += f"ProxyIOBufferSize {packet_bytes}\n" if packet_bytes else ""
    return programs.apache(
        f"<Proxy balancer://lb>\n{members}  ProxySet stickysession=JSESSIONID|jsessionid\n</Proxy>\n"
        f"ProxyPass / balancer://lb/\n{config}",
        modules=[
            *("proxy", "proxy_ajp", "proxy_balancer", "lbmethod_byrequests", "slotmem_shm"),
            *("auth_basic", "authn_file", "authz_user"),
        ],
    )


STARTS = {"mod_jk": mod_jk, "mod_proxy_ajp": mod_proxy_ajp}


@pytest.fixture(scope="module")
def webapps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ajp") / "webapps"
    classes = folder / "ROOT/WEB-INF/classes"
    classes.mkdir(parents=True)
    (folder / "ROOT/WEB-INF/web.xml").write_text(WEB_XML)
    (classes / "app.py").write_text(APP)
    (folder / "ROOT/file.bin").write_bytes(os.urandom(1_000_000))
    return folder


@pytest.fixture(scope="module")
def behind(webapps: Path) -> Iterator[Behind]:
    with Behind(webapps, ajp_allowed_request_attributes="SHOP_.*") as behind:
        yield behind


ENVIRONMENT = """SetEnv AJP_SHOP_A yes
SetEnv SHOP_A yes
"""


@pytest.fixture(scope="module", params=STARTS)
def apache(request: pytest.FixtureRequest, behind: Behind) -> Iterator[programs.Program]:
    config = ENVIRONMENT + ("JkEnvVar SHOP_A\n" if request.param == "mod_jk" else "")
    with STARTS[request.param](behind, config=config) as apache:
        apache.module = request.param
        yield apache


@pytest.fixture(params=STARTS)
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """A function that starts an Apache of its own before some of our containers."""
    with ExitStack() as stack:
        yield lambda *behind, **config: stack.enter_context(STARTS[request.param](*behind, **config))


class Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.reason = answer.reason
        self.headers = answer.headers
        self.body = answer.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client(http.client.HTTPConnection):
    def __init__(self, apache: programs.Program) -> None:
        super().__init__("127.0.0.1", apache.port, timeout=programs.LIMIT_S)

    def ask(
        self, method: str, target: str, body: Any = None, headers: dict | None = None, **how: bool
    ) -> Answer:
        self.request(method, target, body, headers or {}, **how)
        return Answer(self.getresponse())

    def get(self, target: str, **headers: str) -> Answer:
        return self.ask(
            "GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A function that makes a client of an Apache."""
    clients = []

    def connect(apache: programs.Program) -> Client:
        clients.append(Client(apache))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def client(apache: programs.Program, connect: Connect) -> Client:
    return connect(apache)


# --- requests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "BREW"])
def test_what_a_servlet_is_told(client: Client, method: str) -> None:
    shown = client.ask(method, "/main/show?q=%20&r", headers={"Host": "shop.test:81", "X-A": "b"}).json
    attributes = shown.pop("attributes")
    headers = shown.pop("headers")
    connection = shown.pop("connection")
    assert shown.pop("server")[:2] == ["http", "shop.test"]
    assert shown == {
        "method": method,
        "uri": "/main/show",
        "query": "q=%20&r",
        "protocol": "HTTP/1.1",
        "remote": ["127.0.0.1", True],
        "local": "127.0.0.1",
        "cookies": {},
        "user": [None, None, None],
        "connection protocol": "ajp",
    }
    assert headers["x-a"] == ["b"]
    assert headers["host"] == ["shop.test:81"]
    assert attributes["SHOP_A"] == "yes"
    assert connection.startswith("a")


def test_head(client: Client) -> None:
    answer = client.ask("HEAD", "/main/ignore")
    assert (answer.status, answer.body) == (200, b"")
    assert client.get("/main/ignore").body == b"ignored"


SIZES = [0, 1, 8186, 8187, 100_000, 5_000_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_length_known", [True, False])
def test_bodies(client: Client, size: int, is_length_known: bool) -> None:
    body = os.urandom(size)
    for _ in range(2):
        if is_length_known:
            answer = client.ask("POST", "/main/digest", body)
        else:
            pieces = [body[i : i + 10_000] for i in range(0, size, 10_000)]
            answer = client.ask(
                "POST", "/main/digest", iter(pieces), {"Transfer-Encoding": "chunked"}, encode_chunked=True
            )
        assert answer.body == f"{size} {hashlib.sha256(body).hexdigest()}".encode()


@pytest.mark.parametrize("size", SIZES)
def test_bodies_that_nobody_reads(client: Client, size: int) -> None:
    for _ in range(2):
        assert client.ask("POST", "/main/ignore", b"a" * size).body == b"ignored"


def test_a_form(client: Client) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.ask("POST", "/main/form?a=1", b"b=2", form).body == b"1 2"


def test_expect_continue(client: Client) -> None:
    client.connect()
    client.sock.sendall(
        b"POST /main/digest HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    assert client.sock.recv(1000).startswith(b"HTTP/1.1 100 ")
    client.sock.sendall(b"abc")
    answer = http.client.HTTPResponse(client.sock, method="POST")
    answer.begin()
    assert answer.read().startswith(b"3 ")


def test_large_headers_and_many_cookies(client: Client) -> None:
    cookies = {f"c{number}": "v" * 20 for number in range(100)}
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    shown = client.get("/main/show", Cookie=sent, X_Long="v" * 3000).json
    assert shown["cookies"] == cookies
    assert shown["headers"]["x-long"] == ["v" * 3000]


def test_cookie_fields_that_apache_joins(client: Client) -> None:
    client.putrequest("GET", "/main/show")
    client.putheader("Cookie", "a=1")
    client.putheader("Cookie", "b=2")
    client.endheaders()
    assert Answer(client.getresponse()).json["cookies"] == {"a": "1", "b": "2"}


def test_coroutines(client: Client) -> None:
    assert client.get("/later/").body == b"later"
    assert client.ask("POST", "/later/", b"a" * 50_000).body == b"50000"


# --- answers ------------------------------------------------------------------------------------------------


def test_a_large_answer(client: Client) -> None:
    assert client.get("/main/large").body == b"0123456789" * 500_000


def test_a_file(client: Client, webapps: Path) -> None:
    content = (webapps / "ROOT/file.bin").read_bytes()
    answer = client.get("/file.bin")
    assert (answer.status, answer.body == content) == (200, True)
    assert client.get("/file.bin", Range="bytes=10-19").body == content[10:20]
    assert client.get("/file.bin", If_None_Match=answer.headers["ETag"]).status == 304


def test_headers_of_an_answer(client: Client) -> None:
    answer = client.get("/main/cookies")
    assert answer.status == 299
    assert answer.headers.get_all("Set-Cookie") == [f"c{number}={number}" for number in range(30)]
    assert answer.headers["X-Long"] == "v" * 5000


@pytest.mark.parametrize(
    ("page", "status", "text"),
    [("missing", 404, b"gone fishing"), ("failing", 500, b""), ("too_large", 500, b"")],
)
def test_errors(client: Client, page: str, status: int, text: bytes) -> None:
    for _ in range(2):
        answer = client.get(f"/main/{page}")
        assert answer.status == status
        assert text in answer.body
    assert client.get("/main/ignore").body == b"ignored"


def test_larger_packets(webapps: Path, start: Start, connect: Connect) -> None:
    with Behind(webapps, ajp_packet_bytes=65536) as behind:
        client = connect(start(behind, packet_bytes=65536))
        answer = client.get("/main/too_large")
        assert (answer.status, answer.headers["X-Long"]) == (200, "v" * 9000)
        assert client.ask("POST", "/main/digest", b"a" * 200_000).body.startswith(b"200000 ")
        shown = client.get("/main/show", X_A="a" * 7000, X_B="b" * 7000).json["headers"]
        assert (shown["x-a"], shown["x-b"]) == (["a" * 7000], ["b" * 7000])
        assert client.get("/main/large").body == b"0123456789" * 500_000


def test_not_modified(client: Client) -> None:
    answer = client.get("/main/not_modified")
    assert (answer.status, answer.body) == (304, b"")


def test_an_answer_that_breaks_off_is_no_complete_one(client: Client) -> None:
    """The client sees an error, if Apache has sent nothing yet, or that the answer ends too early."""
    with pytest.raises((http.client.IncompleteRead, ConnectionError, AssertionError)):
        assert client.get("/main/half", Connection="close").status < 500


def test_what_is_flushed_arrives(client: Client, behind: Behind) -> None:
    client.request("GET", "/main/steps")
    behind.proceed.release()
    answer = client.getresponse()
    for word in (b"one", b"two", b"three"):
        assert answer.read(len(word)) == word
        behind.proceed.release()
    assert answer.read() == b""
    behind.proceed.acquire()


# --- connections --------------------------------------------------------------------------------------------


def test_connections_are_kept(apache: programs.Program, client: Client) -> None:
    used = {client.get("/main/show").json["connection"] for _ in range(50)}
    assert len(used) < 10


def test_a_client_that_leaves_ends_the_answer(client: Client, behind: Behind) -> None:
    behind.gone.clear()
    client.request("GET", "/main/endless")
    client.getresponse().read(100_000)
    client.close()
    assert behind.gone.wait(programs.LIMIT_S)


def test_a_client_that_leaves_inside_its_body(webapps: Path, start: Start, connect: Connect) -> None:
    with Behind(webapps, request_buffering=False) as behind:
        server = start(behind)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(
                b"POST /main/unread HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"a" * 50_000
            )
        assert behind.gone.wait(programs.LIMIT_S)
        assert connect(server).get("/main/ignore").body == b"ignored"


def test_many_clients_at_once(apache: programs.Program, connect: Connect) -> None:
    failed = []

    def visit() -> None:
        client = connect(apache)
        for size in (0, 10, 20_000):
            if client.ask("POST", "/main/digest", b"a" * size).body.split()[0] != str(size).encode():
                failed.append(size)

    threads = [threading.Thread(target=visit) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


# --- secrets, users, sessions -------------------------------------------------------------------------------


def test_secrets(webapps: Path, start: Start, connect: Connect) -> None:
    with Behind(webapps, ajp_secret="s3") as behind:
        for secret, status in (("s3", 200), ("S3", 403), (None, 403)):
            client = connect(start(behind, secret=secret))
            assert [client.get("/main/ignore").status for _ in range(2)] == [status] * 2


def test_attributes_that_are_not_allowed(webapps: Path, connect: Connect) -> None:
    with Behind(webapps) as behind:
        for module, more in (("mod_jk", "JkEnvVar SHOP_A\n"), ("mod_proxy_ajp", "")):
            with STARTS[module](behind, config=ENVIRONMENT + more) as apache:
                assert connect(apache).get("/main/ignore").status == 403


LOGIN = """<Location />
  AuthType Basic
  AuthName shop
  AuthUserFile @folder@/users
  Require valid-user
</Location>
"""
USERS = """<tomcat-users xmlns="http://tomcat.apache.org/xml">
  <user username="ann" roles="clerk"/>
</tomcat-users>
"""


@pytest.mark.parametrize(
    ("is_believed", "user", "clerk"), [(True, ["ann", "Basic", "ann"], 200), (False, [None, None, None], 401)]
)
def test_the_user_that_apache_has_logged_in(
    webapps: Path, start: Start, connect: Connect, is_believed: bool, user: list, clerk: int
) -> None:
    (webapps.parent / "users.xml").write_text(USERS)
    with Behind(webapps, ajp_remote_user=is_believed, users=webapps.parent / "users.xml") as behind:
        server = start(behind, config=LOGIN)
        hashes = "".join(f"{name}:{{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n" for name in ("ann", "bob"))
        (server.folder / "users").write_text(hashes)
        (server.folder / "users").chmod(0o644)
        client = connect(server)
        assert client.get("/main/show").status == 401
        ann, bob = "Basic YW5uOnBhc3N3b3Jk", "Basic Ym9iOnBhc3N3b3Jk"
        assert client.get("/main/show", Authorization=ann).json["user"] == user
        assert client.get("/clerk/ignore", Authorization=ann).status == clerk
        assert client.get("/clerk/ignore", Authorization=bob).status == (403 if is_believed else 401)


def test_sessions_find_their_container_again(webapps: Path, start: Start, connect: Connect) -> None:
    with Behind(webapps, "n1") as first, Behind(webapps, "n2") as second:
        server = start(first, second)
        seen = set()
        for _ in range(4):
            client = connect(server)
            answer = client.get("/main/session")
            route, count, session_id = answer.body.decode().split()
            assert count == "1"
            assert session_id.endswith(f".{route}")
            seen.add(route)
            for number in range(2, 6):
                answer = client.get("/main/session", Cookie=f"JSESSIONID={session_id}")
                assert answer.body.decode().split() == [route, str(number), session_id]
            path = f"/main/session;jsessionid={session_id}"
            assert client.get(path).body.decode().split() == [route, "6", session_id]
        assert seen == {"n1", "n2"}


def test_a_container_that_has_gone(webapps: Path, start: Start, connect: Connect) -> None:
    with Behind(webapps, "n1") as first:
        with Behind(webapps, "n2") as second:
            client = connect(start(first, second))
            ids = {}
            while len(ids) < 2:
                route, _, session_id = client.get("/main/session").body.decode().split()
                ids[route] = session_id
        answer = client.get("/main/session", Cookie=f"JSESSIONID={ids['n2']}")
        assert answer.body.decode().split()[:2] == ["n1", "1"]
