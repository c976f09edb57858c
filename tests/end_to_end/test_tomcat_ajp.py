"""Our end of AJP as a web server's, with a real Tomcat."""

from __future__ import annotations

import time
from collections.abc import Iterator

import programs
import pytest
from ajp_front import AjpFront

from container.errors import ProtocolError
from container.protocols.ajp13 import ForwardRequest, NotAjpError
from container.protocols.ajp13_ends import AnswerEnd, AnswerHead, Flush, Pong

pytestmark = [pytest.mark.socket, pytest.mark.program("tomcat10")]

SHOW = b"""<%@page contentType="text/plain"%><%=request.getMethod()%> <%=request.getRequestURI()%> <%=
request.getQueryString()%> <%=request.getRemoteAddr()%> <%=request.getRemotePort()%> <%=
request.isSecure()%> <%=request.getServerName()%> <%=request.getServerPort()%> <%=
request.getHeader("X-A")%> <%=request.getAttribute("shop_a")%> <%=
request.getAttribute("jakarta.servlet.request.key_size")%>"""
COUNT = b"""<%
long count = 0, sum = 0;
byte[] buffer = new byte[5000];
for (int n; (n = request.getInputStream().read(buffer)) > 0; count += n)
    for (int i = 0; i < n; i++) sum += buffer[i] & 255;
out.print(count + " " + sum);
%>"""
FLUSH = b"""<% out.print("one"); out.flush(); response.flushBuffer(); out.print("two"); %>"""
LARGE = b"""<% for (int i = 0; i < 100000; i++) out.print("0123456789"); %>"""
HEADERS = b"""<% for (int i = 0; i < 20; i++) response.addHeader("Set-Cookie", "c" + i + "=" + i);
response.setStatus(299); %>"""
FILES = {
    "webapps/ROOT/show.jsp": SHOW,
    "webapps/ROOT/count.jsp": COUNT,
    "webapps/ROOT/flush.jsp": FLUSH,
    "webapps/ROOT/large.jsp": LARGE,
    "webapps/ROOT/headers.jsp": HEADERS,
    "webapps/ROOT/ignore.jsp": b"ignored",
}


@pytest.fixture(scope="module")
def tomcat() -> Iterator[programs.Program]:
    attributes = 'secret="s3" packetSize="16384" allowedRequestAttributesPattern="shop_.*"'
    with programs.tomcat(files=FILES, ajp=attributes) as tomcat:
        yield tomcat


@pytest.fixture
def front(tomcat: programs.Program) -> Iterator[AjpFront]:
    front = AjpFront(tomcat.ports[1], 16384)
    front.socket.settimeout(programs.LIMIT_S)  # the first request compiles a page
    yield front
    front.close()


def request(uri: str, *headers: tuple[bytes, bytes], **facts: object) -> ForwardRequest:
    facts = {
        "method": "GET",
        "uri": uri.encode(),
        "remote_addr": "10.0.0.9",
        "server_name": "shop.test",
        "server_port": 81,
        "secret": b"s3",
        **facts,
    }
    return ForwardRequest(headers=((b"host", b"shop.test:81"), *headers), **facts)


def test_a_request_and_its_facts(front: AjpFront) -> None:
    head, body, end = front.ask(
        request(
            "/show.jsp",
            (b"X-A", b"b"),
            method="POST",
            query=b"q=1",
            is_ssl=True,
            ssl_key_size=256,
            attributes=(("AJP_REMOTE_PORT", "34384"), ("shop_a", "c")),
        )
    )
    assert head.status == 200
    assert dict(head.headers)[b"Content-Type"].startswith(b"text/plain")
    assert body.split() == b"POST /show.jsp q=1 10.0.0.9 34384 true shop.test 81 b c 256".split()
    assert end == AnswerEnd(True)


@pytest.mark.parametrize("size", [0, 1, 8186, 8187, 16378, 16379, 100_000, 5_000_000])
@pytest.mark.parametrize("is_length_known", [True, False])
def test_bodies(front: AjpFront, size: int, is_length_known: bool) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    header = (
        (b"content-length", str(size).encode()) if is_length_known else (b"Transfer-Encoding", b"chunked")
    )
    for _ in range(2):
        head, answer, end = front.ask(request("/count.jsp", header, method="POST"), body)
        assert (head.status, answer, end) == (200, f"{size} {sum(body)}".encode(), AnswerEnd(True))


def test_a_body_that_nobody_reads_leaves_the_connection_usable(front: AjpFront) -> None:
    for _ in range(3):
        length = (b"content-length", b"100000")
        assert front.ask(request("/ignore.jsp", length, method="POST"), b"a" * 100_000)[1:] == (
            b"ignored",
            AnswerEnd(True),
        )


def test_pings_between_requests(front: AjpFront) -> None:
    for _ in range(3):
        front.socket.sendall(front.end.ping())
        assert front.next() == Pong()
        assert front.ask(request("/ignore.jsp"))[1] == b"ignored"


def test_flushes(front: AjpFront) -> None:
    front.send(request("/flush.jsp"))
    events = [front.next()]
    while not isinstance(events[-1], AnswerEnd):
        events.append(front.next())
    assert isinstance(events[0], AnswerHead)
    assert [event for event in events if event != Flush()][1:] == [b"one", b"two", AnswerEnd(True)]
    assert events[2] == Flush()


def test_a_large_answer(front: AjpFront) -> None:
    assert front.ask(request("/large.jsp"))[1] == b"0123456789" * 100_000


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_headers_that_are_repeated(front: AjpFront, method: str) -> None:
    head, body, end = front.ask(request("/headers.jsp", method=method))
    assert (head.status, body.strip(), end) == (299, b"", AnswerEnd(True))
    cookies = [value for name, value in head.headers if name == b"Set-Cookie"]
    assert [cookie for cookie in cookies if cookie.startswith(b"c")] == [
        b"c%d=%d" % (i, i) for i in range(20)
    ]


def test_large_headers(front: AjpFront) -> None:
    value = b"v" * 5000
    head, body, _ = front.ask(
        request("/show.jsp", (b"X-A", value), (b"cookie", b"; ".join([b"a=" + b"b" * 40] * 150)))
    )
    assert head.status == 200
    assert value in body
    with pytest.raises(ProtocolError) as refused:
        front.send(request("/show.jsp", (b"X-A", value * 4)))
    assert refused.value.status == 413
    assert front.ask(request("/ignore.jsp"))[1] == b"ignored"


def test_a_method_without_a_code(front: AjpFront) -> None:
    head, _, end = front.ask(request("/show.jsp", method="PATCH"))
    assert (head.status, end) == (405, AnswerEnd(True))  # no method of a JSP, but one that was understood


def test_what_is_not_there(front: AjpFront) -> None:
    head, _, end = front.ask(request("/nowhere"))
    assert (head.status, end) == (404, AnswerEnd(True))


@pytest.mark.parametrize(
    "facts",
    [{"secret": b"wrong"}, {"secret": None}, {"attributes": (("javax.servlet.include.path_info", "/"),)}],
)
def test_who_is_refused(front: AjpFront, facts: dict) -> None:
    head, _, end = front.ask(request("/ignore.jsp", **facts))
    assert (head.status, end) == (403, AnswerEnd(False))
    assert not front.end.is_idle


def test_a_hundred_requests_do_not_wait_for_anything(front: AjpFront) -> None:
    front.ask(request("/ignore.jsp"))
    began_s = time.monotonic()
    for _ in range(100):
        assert front.ask(request("/ignore.jsp"))[1] == b"ignored"
    assert time.monotonic() - began_s < programs.LIMIT_S


def test_tomcats_http_connector_is_no_ajp(tomcat: programs.Program) -> None:
    front = AjpFront(tomcat.ports[0])
    front.socket.settimeout(programs.LIMIT_S)
    with pytest.raises(NotAjpError, match="HTTP"):
        front.ask(request("/ignore.jsp"))
    front.close()
