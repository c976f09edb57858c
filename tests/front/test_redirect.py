"""Clients without TLS are sent to where it is spoken."""

import pytest

from container.front.redirect import RedirectToTls
from container.protocols.exchange import Begin


class Behind:
    def begin(self, exchange):
        return Begin.STREAMED

    def handle(self, exchange):
        raise AssertionError


class Connection:
    local = ("::1", 8080)

    def __init__(self, peer="192.0.2.7", secure=False):
        self.peer = (peer, 50000)
        self.secure = secure


class Exchange:
    def __init__(self, target="/x", host="shop.example:8080", method="GET", **connection):
        self.target = target.encode("latin-1")
        self.headers = [] if host is None else [(b"HOST", host.encode())]
        self.method = method
        self.connection = Connection(**connection)
        self.answer = None

    def start(self, status, headers):
        self.answer = status, dict(headers)["Location"]

    def finish(self, data=b""):
        assert data == b""


def ask(exchange, port=8443, trusted=()):
    site = RedirectToTls(Behind(), port, trusted)
    assert site.begin(exchange) is (Begin.DONE if exchange.answer else Begin.STREAMED)
    return exchange.answer


@pytest.mark.parametrize(
    ("target", "host", "port", "location"),
    [
        ("/a%20b?c=d&e", "shop.example:8080", 8443, "https://shop.example:8443/a%20b?c=d&e"),
        ("/", "shop.example", 443, "https://shop.example/"),
        ("/", "[2001:db8::1]:80", 443, "https://[2001:db8::1]/"),
        ("/", "[2001:db8::1]", 8443, "https://[2001:db8::1]:8443/"),
        ("//elsewhere.example/", "shop.example", 443, "https://shop.example//elsewhere.example/"),
        ("http://shop.example:80/x?y", "shop.example:80", 443, "https://shop.example/x?y"),
        ("http://shop.example", "shop.example", 443, "https://shop.example/"),
        ("http://shop.example?y", "shop.example", 443, "https://shop.example/?y"),
        ("http://elsewhere.example:x@shop.example/", "shop.example", 443, "https://shop.example/"),
        ("/x", None, 8443, "https://[::1]:8443/x"),  # HTTP/1.0
        ("/x", "", 8443, "https://[::1]:8443/x"),
    ],
)
def test_the_same_place_with_tls(target, host, port, location):
    assert ask(Exchange(target, host), port) == (301, location)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 301), ("POST", 308), ("OPTIONS", 308)])
def test_the_method_stays(method, status):
    assert ask(Exchange(method=method)) == (status, "https://shop.example:8443/x")


def test_who_is_not_sent_away():
    assert ask(Exchange(secure=True)) is None
    assert ask(Exchange(peer="10.1.2.3"), trusted=["10.0.0.0/8"]) is None
    assert ask(Exchange(peer="192.0.2.7"), trusted=["10.0.0.0/8"])
    assert ask(Exchange("*", method="OPTIONS")) is None
    assert ask(Exchange("shop.example:443", method="CONNECT")) is None
