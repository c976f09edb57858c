"""`was run` with TLS, as browsers, curl and administrators meet it."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from programs import free_ports

pytestmark = pytest.mark.socket

ABOUT = """
import json
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        request.getSession()
        names = "secure_protocol", "cipher_suite", "key_size", "ssl_session_id", "X509Certificate"
        about = {name: request.getAttribute("jakarta.servlet.request." + name) for name in names}
        about["listed"] = [n for n in request.getAttributeNames() if n.startswith("jakarta.servlet.request.")]
        about["scheme"] = request.getScheme()
        about["secure"] = request.isSecure()
        about["url"] = str(request.getRequestURL())
        about["connection"] = request.getServletConnection().isSecure()
        response.getWriter().write(json.dumps(about))
"""
SECURED = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet><servlet-name>main</servlet-name><servlet-class>app.Main</servlet-class></servlet>
  <servlet-mapping><servlet-name>main</servlet-name><url-pattern>/main/*</url-pattern></servlet-mapping>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>all</web-resource-name><url-pattern>/main/*</url-pattern>
    </web-resource-collection>
    {constraint}
  </security-constraint>
  {more}
</web-app>
"""
CLIENT_CERT = SECURED.format(
    constraint="<auth-constraint><role-name>clerk</role-name></auth-constraint>",
    more="<login-config><auth-method>CLIENT-CERT</auth-method></login-config>"
    "<security-role><role-name>clerk</role-name></security-role>",
)
CONFIDENTIAL = SECURED.format(
    constraint="<user-data-constraint><transport-guarantee>CONFIDENTIAL</transport-guarantee>"
    "</user-data-constraint>",
    more="",
)
WHO = """
from container.servlet import HttpServlet

class Main(HttpServlet):
    def doGet(self, request, response):
        shown = request.getAttribute("jakarta.servlet.request.X509Certificate")
        about = request.getAuthType(), request.getRemoteUser(), request.isUserInRole("clerk"), len(shown)
        response.getWriter().write(str(about))
"""


class Https:
    """A certificate authority, and who trusts it."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.folder = folder
        self.client: trustme.LeafCert | None = None  # what a client shows
        self.port = free_ports(1)[0]
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))

    def issue(self, file: str, *names: str) -> str:
        made = self.authority.issue_cert(*names)
        path = self.folder / file
        made.private_key_and_cert_chain_pem.write_to_path(f"{path}.new")
        Path(f"{path}.new").replace(path)
        return str(path)

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if self.client is not None:
            self.client.configure_cert(context)
        return context

    def get(self, path: str) -> tuple[int, str, dict[str, str]]:
        """Of https://localhost."""
        request = urllib.request.Request(f"https://localhost:{self.port}{path}")
        try:
            with urllib.request.urlopen(request, context=self.context(), timeout=120) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode(), dict(answer.headers)

    def name_served(self, name: str) -> str:
        """The first name in the certificate that who asks for name gets."""
        context = self.context()
        context.check_hostname = False
        with (
            socket.create_connection(("127.0.0.1", self.port), 120) as sock,
            context.wrap_socket(sock, server_hostname=name) as session,
        ):
            return session.getpeercert()["subjectAltName"][0][1]


@pytest.fixture
def https(tmp_path: Path) -> Https:
    return Https(tmp_path)


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_) -> None:
        return None


def location(url: str, data: bytes | None = None) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.build_opener(NoRedirects).open(url, data, timeout=120)
    with raised.value as answer:
        return answer.code, answer.headers["Location"]


def test_a_request_knows_that_it_is_secure(web_app, was_run, https: Https) -> None:
    (web_app(code=ABOUT) / "large.bin").write_bytes(b"x" * 3_000_000)
    running = was_run("--tls-port", str(https.port), "--tls-certificate", https.issue("a.pem", "localhost"))
    assert any(f"https://127.0.0.1:{https.port}/ for localhost." in line for line in running.said)

    status, text, headers = https.get("/main")
    about = json.loads(text)
    assert status == 200
    assert (about["scheme"], about["secure"], about["connection"]) == ("https", True, True)
    assert about["url"] == f"https://localhost:{https.port}/main"
    assert (about["secure_protocol"], about["X509Certificate"]) == ("TLSv1.3", None)
    assert about["cipher_suite"].startswith("TLS_")
    assert about["key_size"] >= 128
    assert about["ssl_session_id"]
    assert len(about["listed"]) == 4
    assert "; Secure" in headers["Set-Cookie"]
    assert https.get("/large.bin")[1] == "x" * 3_000_000

    plain = json.loads(running.get("/main")[1])
    assert (plain["scheme"], plain["secure"], plain["connection"]) == ("http", False, False)
    assert plain["secure_protocol"] is None
    assert plain["listed"] == []
    assert running.stop() == 0


@pytest.mark.rules("RT-AUTH-03")
def test_a_client_logs_in_by_its_certificate(web_app, was_run, https: Https) -> None:
    web_app(code=WHO, web_xml=CLIENT_CERT)
    names = {"Ann": "clerk", "Bob": "guest"}
    users = "".join(
        f'<user username="CN={name}, OU=Desk, O=Shop" roles="{role}"/>' for name, role in names.items()
    )
    (https.folder / "users.xml").write_text(f"<tomcat-users>{users}</tomcat-users>")
    was_run(
        "--tls-port", str(https.port), "--tls-certificate", https.issue("a.pem", "localhost"),
        "--tls-client-ca", str(https.ca), "--users", str(https.folder / "users.xml"),
    )  # fmt: skip
    assert https.get("/main")[0] == 401
    for name, status in (("Ann", 200), ("Bob", 403), ("Eve", 401)):
        where = {"organization_name": "Shop", "organization_unit_name": "Desk"}
        https.client = https.authority.issue_cert("x.example", common_name=name, **where)
        got, text, _ = https.get("/main")
        assert got == status
        assert status != 200 or text == "('CLIENT_CERT', 'CN=Ann, OU=Desk, O=Shop', True, 1)"


def test_what_is_confidential_is_sent_to_the_tls_port(web_app, was_run, https: Https) -> None:
    web_app(web_xml=CONFIDENTIAL)
    running = was_run("--tls-port", str(https.port), "--tls-certificate", https.issue("a.pem", "localhost"))
    assert location(f"{running.url}/main?x=y") == (302, f"https://127.0.0.1:{https.port}/main?x=y")
    assert https.get("/main")[:2] == (200, "hello")
    assert running.stop() == 0


def test_everything_can_be_sent_there(web_app, was_run, https: Https) -> None:
    (web_app() / "file.txt").write_text("a file")
    certificate = https.issue("a.pem", "localhost")
    flags = "--tls-port", str(https.port), "--tls-certificate", certificate, "--tls-redirect"
    running = was_run(*flags)
    there = f"https://127.0.0.1:{https.port}"
    assert location(f"{running.url}/file.txt") == (301, f"{there}/file.txt")
    assert location(f"{running.url}/nowhere", b"body") == (308, f"{there}/nowhere")
    assert https.get("/file.txt")[:2] == (200, "a file")
    assert running.stop() == 0


def test_each_name_has_its_certificate_and_new_ones_are_used_at_once(
    web_app, was_run, https: Https, tmp_path: Path
) -> None:
    web_app()
    names = {"a.pem": "localhost", "b.pem": "*.shop.example"}
    files = [https.issue(file, name) for file, name in names.items()]
    (tmp_path / "was.toml").write_text(f"tls-port = {https.port}\ntls-certificate = {json.dumps([*names])}\n")
    running = was_run()
    assert [https.name_served(name) for name in ("localhost", "x.shop.example", "y.example")] == [
        "localhost",
        "*.shop.example",
        "localhost",
    ]

    https.issue("b.pem", "new.shop.example")  # noticed without a word
    running.wait_for("New certificates are in use, for localhost, new.shop.example")
    assert https.name_served("new.shop.example") == "new.shop.example"

    Path(files[1]).write_text("rubbish")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(r"cannot be used; those before go on: .*b\.pem: there is no certificate in PEM")
    assert https.name_served("new.shop.example") == "new.shop.example"
    https.issue("b.pem", "last.shop.example")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("New certificates are in use, for localhost, last.shop.example")
    assert https.name_served("last.shop.example") == "last.shop.example"
    assert https.get("/main")[:2] == (200, "hello")
    assert running.stop() == 0


@pytest.mark.parametrize(
    "model",
    [
        ["--mpm", "worker", "--server-limit", "1"],
        ["--mpm", "prefork"],
        ["--worker-processes", "2"],
    ],
    ids=["worker", "prefork", "event"],
)
def test_each_process_model_speaks_tls(web_app, was_run, https: Https, model: list[str]) -> None:
    (web_app(code=ABOUT) / "large.bin").write_bytes(b"x" * 3_000_000)
    certificate = https.issue("a.pem", "localhost")
    flags = ["--tls-port", str(https.port), "--tls-certificate", certificate, "--tls-redirect"]
    running = was_run(*flags, *model, "--session-store", "sqlite", "--work", str(https.folder / "work"))
    about = json.loads(https.get("/main")[1])
    assert (about["scheme"], about["secure"], about["secure_protocol"]) == ("https", True, "TLSv1.3")
    assert https.get("/large.bin")[1] == "x" * 3_000_000
    there = f"https://127.0.0.1:{https.port}"
    assert location(f"{running.url}/main") == (301, f"{there}/main")
    https.issue("a.pem", "new.example", "localhost")
    running.wait_for("New certificates are in use, for new.example, localhost")
    limit_s = time.monotonic() + 120  # other processes may take a moment longer
    while https.name_served("localhost") != "new.example":
        assert time.monotonic() < limit_s
    assert running.stop() == 0


def test_the_front_of_containers_speaks_tls(web_app, was_run, https: Https) -> None:
    (web_app(code=ABOUT) / "large.bin").write_bytes(b"x" * 3_000_000)
    certificate = https.issue("a.pem", "localhost")
    flags = ["--tls-port", str(https.port), "--tls-certificate", certificate, "--tls-redirect"]
    running = was_run(*flags, "--containers", "2")
    assert any(f"https://127.0.0.1:{https.port}/ for localhost." in line for line in running.said)
    _, text, headers = https.get("/main")
    about = json.loads(text)
    assert (about["scheme"], about["secure"]) == ("https", True)
    assert about["url"] == f"https://localhost:{https.port}/main"
    assert "; Secure" in headers["Set-Cookie"]
    assert https.get("/large.bin")[1] == "x" * 3_000_000
    assert location(f"{running.url}/main") == (301, f"https://127.0.0.1:{https.port}/main")
    https.issue("a.pem", "new.example", "localhost")
    running.wait_for("New certificates are in use, for new.example, localhost")
    assert https.name_served("localhost") == "new.example"
    assert running.stop() == 0


@pytest.mark.program("curl")
def test_curl(web_app, was_run, https: Https, tmp_path: Path) -> None:
    web_app()
    (tmp_path / "webapps" / "ROOT" / "large.bin").write_bytes(b"x" * 3_000_000)
    running = was_run("--tls-port", str(https.port), "--tls-certificate", https.issue("a.pem", "localhost"))

    def curl(*arguments: str) -> str:
        command = ["curl", "-q", "-sS", "--noproxy", "*", "--cacert", str(https.ca), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    url = f"https://localhost:{https.port}"
    assert curl("--tlsv1.3", f"{url}/main") == "hello"
    assert curl("--tls-max", "1.2", f"{url}/main", f"{url}/main") == "hellohello"
    form = "%{size_download} %{ssl_verify_result} %{num_connects}\\n"
    assert curl("-o", "/dev/null", "-w", form, f"{url}/large.bin") == "3000000 0 1\n"
    said = curl(f"http://localhost:{https.port}/main")
    assert said == "400 Bad Request\nThis port speaks TLS: use https.\n"
    assert running.stop() == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tls-port", "1"], "--tls-port 1: TLS needs --tls-certificate FILE. For a trial, `openssl req"),
        (["--tls-redirect"], "--tls-redirect: there is no --tls-port to redirect to. Name one"),
        (
            ["--tls-port", "1", "--tls-certificate", "a.pem, b.pem", "--tls-key", "a.key"],
            "--tls-key: 1 key for 2 certificates. Name one for each certificate, in the same order",
        ),
        (["--tls-port", "1", "--tls-certificate", "a.pem"], "a.pem: cannot be read: No such file"),
        (["--tls-min-version", "1.1"], "--tls-min-version 1.1: unknown; "),
    ],
)
def test_mistakes_are_named(web_app, start: Callable, flags: list[str], said: str) -> None:
    web_app()
    running = start("container", "run", "--port", "0", *flags)
    assert running.wait() == 2
    assert len(running.said) == 1
    assert running.said[0].startswith(said)


def test_a_tls_port_in_use_is_named(web_app, start: Callable, https: Https) -> None:
    web_app()
    certificate = https.issue("a.pem", "localhost")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        flags = "--tls-port", port, "--tls-certificate", certificate
        running = start("container", "run", "--port", "0", *flags)
        assert running.wait() == 2
    assert running.said == [
        f"--tls-port {port}: address already in use: another program listens there. Stop it, or "
        "choose another --tls-port.\n"
    ]
