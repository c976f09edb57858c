"""The parser of multipart/form-data, fed whole and byte by byte."""

from __future__ import annotations

import pytest

from container.errors import ProtocolError
from container.protocols.multipart import MultipartParser, PartEnd, PartHead

HEAD = b'Content-Disposition: form-data; name="a"'
A = [("Content-Disposition", 'form-data; name="a"')]


def parse(body: bytes, step: int, encoding: str = "utf-8", max_head_bytes: int = 200) -> list:
    """Return (headers, content) of each part."""
    parser = MultipartParser(b"xyz", encoding, max_head_bytes)
    parts: list = []
    content = b""
    for start in range(0, len(body), step):
        for event in parser.feed(body[start : start + step]):
            if isinstance(event, PartHead):
                headers, content = event.headers, b""
            elif isinstance(event, PartEnd):
                parts.append((headers, content))
            else:
                content += event
    parser.close()
    return parts


@pytest.fixture(params=[1, 2, 7, 10_000], ids="{} bytes".format)
def step(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"--xyz\r\n%s\r\n\r\n1\r\n--xyz--\r\n" % HEAD, [(A, b"1")]),
        (b"--xyz\r\n%s\r\n\r\n1\r\n--xyz--" % HEAD, [(A, b"1")]),
        (b"--xyz\r\n%s\r\n\r\n1\r\n--xyz" % HEAD, [(A, b"1")]),
        (b"--xyz\r\n%s\r\n\r\n\r\n--xyz--" % HEAD, [(A, b"")]),
        (b"preamble\r\n--xyz\r\n%s\r\n\r\n1\r\n--xyz--\r\nepilogue\r\n--xyz\r\n" % HEAD, [(A, b"1")]),
        (b"--xyz\n%s\r\n\r\n1\r\n--xyz--" % HEAD, [(A, b"1")]),
        (b"--xyz\r\n\r\n1\r\n--xyz--", [([], b"1")]),
        (b"--xyz\r\n%s\r\n\r\n--xy\r\n--xy\r\n\r\n--xyz--" % HEAD, [(A, b"--xy\r\n--xy\r\n")]),
        (b"--xyz\r\n\r\n1\r\n--xyz\r\n\r\n2\r\n--xyz--", [([], b"1"), ([], b"2")]),
        (b"--xyz\r\nno colon\r\n: no name\r\nA:  1 \r\nB: 1\r\n \t2\r\n\r\n\r\n--xyz--",
         [([("A", "1"), ("B", "1 2")], b"")]),
        (b"--xyz\r\nA: caf\xe9\r\n\r\n\r\n--xyz--", [([("A", "caf\ufffd")], b"")]),
        (b"--xyz--\r\n", []),
        (b"--xyz", []),
        (b"--xyzAAA", []),
        (b"garbage", []),
        (b"", []),
    ],
)  # fmt: skip
def test_parts(body: bytes, parts: list, step: int):
    assert parse(body, step) == parts


def test_headers_in_another_encoding(step: int):
    assert parse(b"--xyz\r\nA: caf\xe9\r\n\r\n\r\n--xyz--", step, "latin-1") == [([("A", "café")], b"")]


@pytest.mark.parametrize(
    "body",
    [
        b"--xyz\r\n",
        b"--xyz\r\n%s" % HEAD,
        b"--xyz\r\n%s\r\n\r\n1" % HEAD,
        b"--xyz\r\n%s\r\n\r\n1\r\n--xy" % HEAD,
        b"--xyz\r\n\r\n1\r\n--xyz trouble",
    ],
)
def test_a_body_that_breaks_off_or_goes_wrong(body: bytes, step: int):
    with pytest.raises(ProtocolError) as raised:
        parse(body, step)
    assert (raised.value.status, raised.value.setting) == (400, None)


@pytest.mark.parametrize("end", [b"\r\n\r\n\r\n--xyz--", b""])
def test_headers_over_the_limit(step: int, end: bytes):
    with pytest.raises(ProtocolError) as raised:
        parse(b"--xyz\r\nA: " + b"a" * 200 + end, step)
    assert (raised.value.status, raised.value.setting) == (413, "max_part_header_bytes")


def test_little_is_held_back():
    parser = MultipartParser(b"xyz", "utf-8", 200)
    list(parser.feed(b"--xyz\r\n\r\n"))
    size = sum(len(piece) for piece in parser.feed(bytes(100_000)))
    assert 100_000 - size < len(b"\r\n--xyz")
