"""Client, scheme and host behind trusted proxies (runtime rules RT-CON)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from container.config import Settings
from container.connectors.http import HttpConnector
from container.connectors.wsgi import WsgiExchange
from container.engine.container import Container
from container.errors import ConfigError
from container.mpm.event import EventServer, open_listener

FOR, PROTO, HOST, PORT = (f"X-Forwarded-{name}: " for name in ("For", "Proto", "Host", "Port"))
TRUSTED = "127.0.0.1, 10.0.0.0/8"
SECURE_ONLY = """
<security-constraint>
  <web-resource-collection>
    <web-resource-name>all</web-resource-name><url-pattern>/*</url-pattern>
  </web-resource-collection>
  <user-data-constraint><transport-guarantee>CONFIDENTIAL</transport-guarantee></user-data-constraint>
</security-constraint>
"""


def tell(request: Any, response: Any) -> None:
    port = "peer" if request.getRemotePort() > 5000 else request.getRemotePort()
    response.getWriter().print(
        f"{request.getRemoteAddr()} {request.getRemoteHost()} {port} {request.isSecure()} "
        f"{request.getServerName()} {request.getServerPort()} {request.getRequestURL()}"
    )


@pytest.mark.rules("RT-CON-01", "RT-CON-02", "RT-CON-04")
@pytest.mark.parametrize(
    ("headers", "client", "url"),
    [
        ([], "127.0.0.1", "http://test.example"),
        ([FOR + "192.0.2.1"], "192.0.2.1", "http://test.example"),
        ([FOR + "192.0.2.1, 10.0.0.7"], "192.0.2.1", "http://test.example"),
        ([FOR + "192.0.2.1, 198.51.100.2, 10.0.0.7"], "198.51.100.2", "http://test.example"),
        ([FOR + "192.0.2.1", FOR + "198.51.100.2"], "198.51.100.2", "http://test.example"),
        ([FOR + "10.0.0.8, 10.0.0.7"], "10.0.0.8", "http://test.example"),  # all ours: the first one
        ([FOR + "2001:DB8::1"], "2001:db8::1", "http://test.example"),
        ([FOR + "192.0.2.1, , "], "192.0.2.1", "http://test.example"),
        ([PROTO + "https"], "127.0.0.1", "https://test.example"),
        ([PROTO + "HTTPS"], "127.0.0.1", "https://test.example"),
        ([PROTO + "https", "Host: test.example:8080"], "127.0.0.1", "https://test.example:8080"),
        ([PROTO + "https", PORT + "8443"], "127.0.0.1", "https://test.example:8443"),
        ([HOST + "shop.example"], "127.0.0.1", "http://shop.example"),
        ([HOST + "shop.example:81"], "127.0.0.1", "http://shop.example:81"),
        ([HOST + "shop.example:81", PORT + "82"], "127.0.0.1", "http://shop.example:82"),
        ([HOST + "shop.example", PROTO + "https"], "127.0.0.1", "https://shop.example"),
        # one item for each hop: the client's stands where the client does
        ([FOR + "198.51.100.9, 192.0.2.1, 10.0.0.7", PROTO + "https, https, http"],
         "192.0.2.1", "https://test.example"),
        ([FOR + "192.0.2.1", PROTO + "https, http"], "192.0.2.1", "http://test.example"),
        (["Forwarded: for=192.0.2.1;proto=https;host=shop.example"], "192.0.2.1", "https://shop.example"),
        (["Forwarded: for=198.51.100.9;proto=https, for=192.0.2.1;proto=http, for=10.0.0.7;proto=https"],
         "192.0.2.1", "http://test.example"),
        (['Forwarded: FOR="[2001:db8::1]:4711";host="shop.example:81"'],
         "2001:db8::1", "http://shop.example:81"),
        (['Forwarded: for="spoof, for=192.0.2.1'], "192.0.2.1", "http://test.example"),
        (["Forwarded: for=198.51.100.9", FOR + "192.0.2.1"], "192.0.2.1", "http://test.example"),
    ],
)  # fmt: skip
def test_what_a_trusted_proxy_says(
    serve: Callable[..., Any], headers: list[str], client: str, url: str
) -> None:
    app = serve(tell, trusted_proxies=TRUSTED)
    words = app.get("/a", *headers).text.split()
    assert (words[0], words[1], words[-1]) == (client, client, f"{url}/app/a")
    assert words[3] == str(url.startswith("https"))
    host, _, port = url.partition("://")[2].partition(":")
    assert words[4:6] == [host, port or ("443" if url.startswith("https") else "80")]


@pytest.mark.rules("RT-CON-01", "RT-CON-02")
@pytest.mark.parametrize(
    "headers",
    [
        [FOR + "unknown"],
        [FOR + "192.0.2.1, garbage"],
        [FOR + "192.0.2.1:99999"],
        [FOR + ""],
        [PROTO + "ftp"],
        [HOST + "a b"],
        [HOST + "a/b"],
        [HOST + "shop.example:99999"],
        [PORT + "0"],
        [PORT + "x"],
        [PORT + "65536"],
        ["Forwarded: for=unknown"],
        ["Forwarded: for=192.0.2.1;for=192.0.2.2"],
        ["Forwarded: nonsense"],
        ["Forwarded: "],
    ],
)
def test_what_is_malformed_is_ignored(serve: Callable[..., Any], headers: list[str]) -> None:
    words = serve(tell, trusted_proxies=TRUSTED).get("/a", *headers).text
    assert words == "127.0.0.1 127.0.0.1 peer False test.example 80 http://test.example/app/a"


@pytest.mark.rules("RT-CON-02")
def test_beyond_a_malformed_hop_nothing_is_believed(serve: Callable[..., Any]) -> None:
    app = serve(tell, trusted_proxies=TRUSTED)
    assert app.get("/", FOR + "192.0.2.1, garbage, 10.0.0.7").text.startswith("10.0.0.7 ")


@pytest.mark.rules("RT-CON-02")
def test_the_clients_port_if_it_is_told(serve: Callable[..., Any]) -> None:
    app = serve(tell, trusted_proxies=TRUSTED)
    assert app.get("/", FOR + "192.0.2.1:4711").text.split()[2] == "4711"
    assert app.get("/", FOR + "192.0.2.1").text.split()[2] == "peer"


@pytest.mark.rules("RT-CON-01", "RT-CON-02")
@pytest.mark.parametrize("trusted", ["none", "10.0.0.0/8"])
def test_nobody_else_is_believed(serve: Callable[..., Any], trusted: str) -> None:
    headers = [FOR + "192.0.2.1", PROTO + "https", HOST + "shop.example", PORT + "1"]
    words = serve(tell, trusted_proxies=trusted).get("/a", *headers, "Forwarded: for=192.0.2.1").text
    assert words == "127.0.0.1 127.0.0.1 peer False test.example 80 http://test.example/app/a"


@pytest.mark.parametrize(
    ("fields", "client"), [("x-forwarded", "192.0.2.1"), ("forwarded", "192.0.2.2"), ("auto", "192.0.2.1")]
)
def test_one_family_of_fields_counts(serve: Callable[..., Any], fields: str, client: str) -> None:
    app = serve(tell, trusted_proxies=TRUSTED, forwarded_headers=fields)
    assert app.get("/", FOR + "192.0.2.1", "Forwarded: for=192.0.2.2").text.startswith(client)


@pytest.mark.rules("RT-CON-06")
def test_the_connection_itself_stays_as_it_is(serve: Callable[..., Any]) -> None:
    def raw(request: Any, response: Any) -> None:
        facts = request.getServletConnection()
        response.getWriter().print(f"{facts.isSecure()} {facts.getProtocol()} {request.getLocalAddr()}")

    app = serve(raw, trusted_proxies=TRUSTED)
    assert app.get("/", FOR + "192.0.2.1", PROTO + "https").text == "False http/1.1 127.0.0.1"


def test_the_session_cookie_is_secure_behind_https(serve: Callable[..., Any]) -> None:
    app = serve(lambda request, response: request.getSession(), trusted_proxies=TRUSTED)
    assert "Secure" in app.get("/", PROTO + "https").header("Set-Cookie")
    assert "Secure" not in app.get("/", PROTO + "http").header("Set-Cookie")


def test_a_transport_guarantee_is_kept_by_the_proxys_tls(serve: Callable[..., Any]) -> None:
    app = serve(tell, SECURE_ONLY, trusted_proxies=TRUSTED)
    assert app.get("/", PROTO + "https").status == 200
    assert app.get("/").status == 403
    assert app.get("/", PROTO + "http").status == 403


def test_an_absolute_redirect_leads_back_to_the_proxy(serve: Callable[..., Any]) -> None:
    app = serve(
        lambda request, response: response.sendRedirect("/x"),
        trusted_proxies=TRUSTED, relative_redirects=False,
    )  # fmt: skip
    answer = app.get("/", PROTO + "https", HOST + "shop.example")
    assert answer.header("Location") == "https://shop.example/x"


def test_the_access_log_tells_the_clients_address(serve: Callable[..., Any], server: Any) -> None:
    app = serve(tell, files={"page.html": "static"})
    answered: list[Any] = []
    settings = Settings(access_log="off", trusted_proxies=("127.0.0.1",))
    listener = open_listener("127.0.0.1", 0, 4)
    events = EventServer(
        [listener], lambda: HttpConnector(server, settings, server.executor, [answered.append]), settings
    )
    own, app.server = app.server, type("Port", (), {"port": listener.getsockname()[1]})
    events.start()
    try:
        app.get("/", FOR + "192.0.2.1")
        app.get("/", FOR + "unknown")
        app.get("/")
    finally:
        app.server = own
        events.stop()
        events.join()
    assert [each.peer for each in answered] == ["192.0.2.1", "127.0.0.1", "127.0.0.1"]


def test_under_a_wsgi_server(tmp_path: Path) -> None:
    container = Container(Settings(webapps=tmp_path, trusted_proxies=("10.0.0.1",)))
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "10.0.0.1", "wsgi.url_scheme": "http",
        "HTTP_HOST": "test.example", "HTTP_X_FORWARDED_FOR": "192.0.2.1", "HTTP_X_FORWARDED_PROTO": "https",
    }  # fmt: skip
    origin = container.origins.origin(WsgiExchange(environ, None, 1))  # type: ignore[arg-type]
    assert (origin.remote_addr, origin.scheme, origin.server_port) == ("192.0.2.1", "https", 443)


@pytest.mark.parametrize("text", ["10.0.0.0/99", "proxy.example", "10.0.0.1/8"])
def test_a_network_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"trusted_proxies=.*write for example 127\.0\.0\.1, 10\.0\.0\.0/8"):
        Settings(trusted_proxies=text)  # type: ignore[arg-type]
