"""What is read from forwarding fields, whoever wrote them."""

import pytest

from container.protocols.forwarded import TrustedProxies, client_index, read_elements, read_host, read_node


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("192.0.2.1", ("192.0.2.1", None)),
        ("192.0.2.1:4711", ("192.0.2.1", 4711)),
        ("2001:DB8::1", ("2001:db8::1", None)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
        ("[2001:db8::1]:80", ("2001:db8::1", 80)),
        ("::ffff:192.0.2.1", ("192.0.2.1", None)),
        ("192.0.2.1:0", ("192.0.2.1", None)),
        ("fe80::1%eth0", None),
        ("192.0.2.256", None),
        ("192.0.2.1:123456", None),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        ("1", None),
    ],
)
def test_nodes(text: str, node: tuple[str, int | None] | None) -> None:
    assert read_node(text) == node


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("shop.example", ("shop.example", None)),
        ("shop.example:81", ("shop.example", 81)),
        ("[::1]:81", ("[::1]", 81)),
        ("a b", (None, None)),
        ("a/b", (None, None)),
        ("a@b", (None, None)),
        ("a:99999", (None, None)),
        ('a"', (None, None)),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_hosts(text: str | None, host: tuple[str | None, int | None]) -> None:
    assert read_host(text) == host


@pytest.mark.parametrize(
    ("values", "elements"),
    [
        (["for=192.0.2.43, for=198.51.100.17"], [{"for": "192.0.2.43"}, {"for": "198.51.100.17"}]),
        (['For="[2001:db8::17]:4711";proto=https;by=_x'],
         [{"for": "[2001:db8::17]:4711", "proto": "https", "by": "_x"}]),
        (["for=a", "for=b"], [{"for": "a"}, {"for": "b"}]),
        (['for="a,b", for=c'], [{"for": "a,b"}, {"for": "c"}]),
        (["for=a;for=b"], [None]),
        (["for=a; proto=http"], [{"for": "a", "proto": "http"}]),
        (["for"], [None]),
        (["for=a,,for=b"], [{"for": "a"}, {"for": "b"}]),
        (['for="evil, for=192.0.2.1'], [None, {"for": "192.0.2.1"}]),  # an open quote hides nothing after it
        (['for=x", for="192.0.2.1"'], [None, {"for": "192.0.2.1"}]),
    ],
)  # fmt: skip
def test_elements_of_forwarded(values: list[str], elements: list[dict[str, str] | None]) -> None:
    assert read_elements(values) == elements


def test_the_client_is_the_last_hop_that_is_not_trusted() -> None:
    trusted = {"p", "q"}.__contains__
    assert client_index(["a", "b", "p", "q"], trusted) == 1
    assert client_index(["a"], trusted) == 0
    assert client_index(["p", "q"], trusted) == 0


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("::1", True), ("11.0.0.1", False), ("", False)],
)
def test_only_a_trusted_peer_is_heard(peer: str, trusted: bool) -> None:
    proxies = TrustedProxies(["10.0.0.0/8", "::1"])
    claim = proxies.read(peer, [(b"X-Forwarded-For", b"192.0.2.1")])
    assert (claim is not None) is trusted


@pytest.mark.parametrize(("trusted", "believed"), [(("unix:",), True), (("10.0.0.0/8",), False), ((), False)])
def test_whoever_comes_by_a_unix_socket_has_no_address(trusted: tuple[str, ...], believed: bool) -> None:
    claim = TrustedProxies(trusted).read("", [(b"X-Forwarded-For", b"192.0.2.7")])
    assert (claim is not None) == believed
