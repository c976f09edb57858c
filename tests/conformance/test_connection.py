"""What a request tells of its connection (6.6)."""

from __future__ import annotations

import json

import pytest

from container.servlet import HttpServlet


@pytest.mark.rules("RT-CON-01")
@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("shop.example", ["shop.example", 80]),
        ("shop.example:8081", ["shop.example", 8081]),
        ("[::1]:81", ["[::1]", 81]),
        ("[::1]", ["[::1]", 80]),
    ],
)
def test_server_name_and_port_are_those_the_client_used(tell, host, found):
    assert tell(lambda r: [r.getServerName(), r.getServerPort()]).get("/", f"Host: {host}").json == found


@pytest.mark.rules("RT-CON-01")
def test_without_host_they_are_the_local_ones(tell):
    app = tell(lambda r: [r.getServerName(), r.getServerPort(), r.getProtocol()])
    assert app.send(b"GET /app/ HTTP/1.0\r\n\r\n")[0].json == ["127.0.0.1", app.server.port, "HTTP/1.0"]


@pytest.mark.rules("RT-CON-01")
def test_an_absolute_target(tell):
    app = tell(lambda r: [r.getServerName(), r.getServerPort(), r.getRequestURI()])
    request = b"GET http://a.example:82/app/x HTTP/1.1\r\nHost: a.example:82\r\nConnection: close\r\n\r\n"
    assert app.send(request)[0].json == ["a.example", 82, "/app/x"]


@pytest.mark.rules("RT-CON-02", "RT-CON-03")
def test_the_two_ends(tell):
    app = tell(
        lambda r: [r.getRemoteAddr(), r.getRemoteHost(), r.getRemotePort(),
                   r.getLocalAddr(), r.getLocalName(), r.getLocalPort()]
    )  # fmt: skip
    client = app.connect()
    client.send(b"GET /app/ HTTP/1.1\r\nHost: a\r\n\r\n")
    peer = client.socket.getsockname()[1]
    here = "127.0.0.1"
    assert client.answer().json == [here, here, peer, here, here, app.server.port]


@pytest.mark.rules("RT-CON-03")
def test_a_wsgi_server_tells_its_own_name_only(tell):
    app = tell(lambda r: [r.getLocalAddr(), r.getLocalName(), r.getLocalPort(), r.getRemoteAddr()])
    found = json.loads(app.call(SERVER_NAME="1.2.3.4", SERVER_PORT="81", REMOTE_ADDR="5.6.7.8"))
    assert found == ["1.2.3.4", "1.2.3.4", 81, "5.6.7.8"]


@pytest.mark.rules("RT-CON-04")
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_protocol_and_scheme(tell, version):
    app = tell(lambda r: [r.getProtocol(), r.getScheme(), r.isSecure()])
    assert app.request("GET", version=version).json == [version, "http", False]


@pytest.mark.rules("RT-CON-04", "RT-CON-06")
def test_https(tell):
    app = tell(
        lambda r: [r.getScheme(), r.isSecure(), r.getServletConnection().isSecure(), r.getServerPort()]
    )
    found = json.loads(app.call(HTTP_HOST="a.example", **{"wsgi.url_scheme": "https"}))
    assert found == ["https", True, True, 443]


@pytest.mark.rules("RT-CON-04")
@pytest.mark.parametrize("port", ["9" * 5000, "²"])
def test_a_port_that_is_none(tell, port):
    app = tell(lambda r: r.getServerPort())
    assert json.loads(app.call(HTTP_HOST=f"a.example:{port}")) == 80


@pytest.mark.rules("RT-CON-05")
def test_a_request_id_is_unique_and_the_same_in_every_dispatch(deploy):
    class Main(HttpServlet):
        def service(self, request, response):
            kind = request.getDispatcherType().name
            if kind == "REQUEST":
                request.setAttribute("outer", request.getRequestId())
                request.getRequestDispatcher("/x").forward(request, response)
                return
            response.getWriter().write(f"{request.getRequestId()} {request.getAttribute('outer')} ")
            if kind == "FORWARD":
                request.getRequestDispatcher("/x").include(request, response)

    mapped = (
        "<servlet><servlet-name>m</servlet-name><servlet-class>app.Main</servlet-class></servlet>"
        "<servlet-mapping><servlet-name>m</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>"
    )
    app = deploy(f"<web-app>{mapped}</web-app>", classes=[Main])
    found = [app.get("/").text.split() for _ in range(3)]
    client = app.connect()
    for _ in range(2):  # on one connection, too
        client.send(b"GET /app/x HTTP/1.1\r\nHost: a\r\n\r\n")
        found.append(client.answer().text.split())
    assert all(len(ids) == 4 and len(set(ids)) == 1 for ids in found)
    assert len({ids[0] for ids in found}) == 5


@pytest.mark.rules("RT-CON-05")
def test_http_1_has_no_ids_of_its_own(tell):
    assert tell(lambda r: r.getProtocolRequestId()).get("/").json == ""


@pytest.mark.rules("RT-CON-06")
def test_the_servlet_connection(tell):
    def ask(request):
        connection = request.getServletConnection()
        return [connection.getConnectionId(), connection.getProtocol(), connection.getProtocolConnectionId(),
                connection.isSecure()]  # fmt: skip

    app = tell(ask)
    client = app.connect()
    ids = set()
    for _ in range(2):
        client.send(b"GET /app/ HTTP/1.1\r\nHost: a\r\n\r\n")
        connection_id, *facts = client.answer().json
        ids.add(connection_id)
        assert facts == ["http/1.1", "", False]
    assert len(ids) == 1
    other, protocol, *_ = app.request("GET", version="HTTP/1.0").json
    assert (other not in ids, protocol) == (True, "http/1.0")


@pytest.mark.rules("RT-CON-06")
def test_the_servlet_connection_is_not_adjusted_for_proxies(tell):
    app = tell(lambda r: r.getServletConnection().isSecure())
    assert app.get("/", "X-Forwarded-Proto: https", "Forwarded: proto=https").json is False
