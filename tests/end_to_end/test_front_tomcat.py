"""Our front before a real Tomcat, over HTTP and over AJP: the same answers either way."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import programs
import pytest

from container.config import Settings
from container.front.balancer import Address, Ask
from container.front.configuration import FrontConfig, FrontListen
from container.front.program import FrontServer
from container.front.site import ProxyAction, ProxyLimits
from container.front.upstream import ServerConfig, Upstream, UpstreamConfig

pytestmark = [pytest.mark.socket, pytest.mark.program("tomcat10")]

SHOW = b"""<%@page contentType="text/plain"%><%=request.getMethod()%> <%=request.getRequestURI()%> <%=
request.getQueryString()%> <%=request.isSecure()%> <%=request.getServerName()%> <%=
request.getServerPort()%> <%=request.getHeader("X-A")%> <%=request.getHeader("Connection")%>"""
COUNT = b"""<%@page contentType="text/plain"%><%
long count = 0, sum = 0;
byte[] buffer = new byte[5000];
for (int n; (n = request.getInputStream().read(buffer)) > 0; count += n)
    for (int i = 0; i < n; i++) sum += buffer[i] & 255;
out.print(count + " " + sum);
%>"""
LARGE = b"""<%@page contentType="text/plain"%><%
for (int i = 0; i < 300000; i++) out.print("0123456789"); %>"""
COOKIES = b"""<% for (int i = 0; i < 5; i++) response.addHeader("Set-Cookie", "c" + i + "=" + i); %>"""
FILES = {
    "webapps/ROOT/show.jsp": SHOW,
    "webapps/ROOT/count.jsp": COUNT,
    "webapps/ROOT/large.jsp": LARGE,
    "webapps/ROOT/cookies.jsp": COOKIES,
    "webapps/ROOT/plain.txt": b"plain",
}


class ToTomcat:
    """Passes everything on to one address."""

    def __init__(self, address: Address, limits: ProxyLimits) -> None:
        self.group = Upstream(UpstreamConfig("tomcat", (ServerConfig("tomcat", address),)))
        self.limits = limits

    def decide(self, request):
        exchange = request.exchange
        ask = Ask(exchange.method, exchange.connection.peer[0])
        headers = tuple(request.headers.items())
        return ProxyAction(self.group, ask, exchange.target, headers, self.limits)

    def decide_error(self, request, status, answer_headers=()):
        return None

    def log_line(self, request, facts):
        return ()


@pytest.fixture(scope="module")
def tomcat() -> Iterator[programs.Program]:
    with programs.tomcat(files=FILES, ajp='secret="s3"') as tomcat:
        yield tomcat


@pytest.fixture(scope="module", params=["http", "ajp"])
def front(request, tomcat) -> Iterator[FrontServer]:
    port = tomcat.ports[0 if request.param == "http" else 1]
    limits = ProxyLimits(keepalive=4, ajp_secret="s3", ajp_ping_timeout_s=10, request_buffering=False)
    site = ToTomcat(Address(request.param, "127.0.0.1", port), limits)
    server = FrontServer(Settings(), FrontConfig(site, (FrontListen("127.0.0.1", 0),)))
    server.start()
    yield server
    server.stop()


def ask(front: FrontServer, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to the last request of a connection."""
    port = int(front.addresses[0].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=programs.LIMIT_S) as sock:
        sock.sendall(request)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return head, body
    pieces = []
    while size := int(body[: body.index(b"\r\n")], 16):
        start = body.index(b"\r\n") + 2
        pieces.append(body[start : start + size])
        body = body[start + size + 2 :]
    return head, b"".join(pieces)


def test_what_tomcat_sees(front):
    for _ in range(3):  # the connection to it is used again
        head, body = ask(
            front,
            b"GET /show.jsp?a=%20b HTTP/1.1\r\nHost: shop.example:81\r\nX-A: 1\r\nConnection: close\r\n\r\n",
        )
        assert head.startswith(b"HTTP/1.1 200")
        assert body.split() == b"GET /show.jsp a=%20b false shop.example 81 1 null".split()


@pytest.mark.parametrize("size", [0, 1, 8000, 8186, 8187, 100_000, 3_000_000])
def test_bodies(front, size):
    body = bytes(range(250)) * (size // 250) + b"\1" * (size % 250)
    head = b"POST /count.jsp HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size
    assert ask(front, head + body)[1].split() == [b"%d" % size, b"%d" % sum(body)]


CHUNKED = b"POST /%b.jsp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("size", [0, 3, 8186, 20_000, 300_000])
def test_a_chunked_body(front, size):
    chunks = b"".join(b"%x\r\n%b\r\n" % (n, b"a" * n) for n in [7000] * (size // 7000) + [size % 7000] if n)
    answer = ask(front, CHUNKED % b"count" + chunks + b"0\r\n\r\n")
    assert answer[1].split() == [b"%d" % size, b"%d" % (size * ord("a"))]


def test_a_chunked_body_that_nobody_reads(front):
    for _ in range(3):
        head, _ = ask(front, CHUNKED % b"show" + b"3\r\nabc\r\n0\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")


def test_a_large_answer(front):
    _, body = ask(front, b"GET /large.jsp HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert body == b"0123456789" * 300_000


def test_head_cookies_and_what_is_missing(front):
    head, body = ask(front, b"HEAD /plain.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"\r\nContent-Length: 5\r\n" in head + b"\r\n"
    assert body == b""
    head, _ = ask(front, b"GET /cookies.jsp HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert [b"c%d=%d" % (i, i) in head for i in range(5)] == [True] * 5
    head, _ = ask(front, b"GET /missing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
