"""What of a client's header goes on to a backend."""

from __future__ import annotations

import pytest

from container.front.fields import end_to_end, has_secrets, read_field


@pytest.mark.parametrize(
    ("header", "without", "passed"),
    [
        ("A: 1\nTE: trailers\nKeep-Alive: 5\nProxy-Connection: x\nUpgrade: h2c\nb: 2", (), "A: 1\nb: 2"),
        ("Proxy-Authorization: x\nProxy-Authenticate: x\nTrailer: x\nProxy: evil", (), ""),
        ("Transfer-Encoding: chunked\nContent-Length: 1\nExpect: 100-continue", (), ""),
        ("A: 1\nconnection: close, a\nB: 2\nConnection: B , x\nC: 3", (), "C: 3"),
        ("Connection: \nA: 1", (), "A: 1"),
        ("Host: x\nA: 1", ("host",), "A: 1"),
        ("Via: 1.1 x\nX-Forwarded-For: 1.2.3.4\nCookie: a\nCookie: b", (),
         "Via: 1.1 x\nX-Forwarded-For: 1.2.3.4\nCookie: a\nCookie: b"),
    ],
)  # fmt: skip
def test_fields_of_the_connection_stay_here(header: str, without: tuple[str, ...], passed: str) -> None:
    raw = [tuple(line.encode().split(b": ")) for line in header.split("\n")]
    assert "\n".join(f"{name}: {value}" for _, name, value in end_to_end(raw, without)) == passed


def test_secrets_are_not_remembered() -> None:
    plain, secret = (b"Accept", b"*/*"), (b"cookie", b"JSESSIONID=1")
    assert read_field(plain) is read_field(plain)
    assert read_field(secret) is not read_field(secret)
    assert (has_secrets([plain]), has_secrets([plain, secret])) == (False, True)
