"""Answers that are compressed while they are sent."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from container.front.compression import Compression
from container.front.site import FileAction, FixedAnswer, HeaderEdits

pytestmark = pytest.mark.socket

EDITS = HeaderEdits(compression=Compression(frozenset({"text/plain"}), vary=True))
TAKES = "Accept-Encoding: gzip"
LARGE = random.Random(1).randbytes(1_500_000).hex().encode()


@pytest.fixture(params=[0, 2], ids=["loop", "threads"])
def settings(request):
    return {"in_threads": request.param}


class Always:
    def __init__(self, action):
        self.action = action

    def decide(self, request):
        return self.action

    def decide_error(self, request, status, answer_headers=()):
        return None

    def log_line(self, request, facts):
        return ()


def unpacked(answer) -> bytes:
    assert answer["Content-Encoding"] == "gzip"
    assert answer["Content-Length"] is None
    assert answer["Vary"] == "Accept-Encoding"
    assert answer.complete
    return gzip.decompress(answer.body)


def test_a_fixed_answer(run, settings):
    front = run(
        Always(FixedAnswer(200, b"a text that is long enough", "text/plain", edits=EDITS)), **settings
    )
    assert unpacked(front.get("/", TAKES)) == b"a text that is long enough"
    assert front.get("/", TAKES, method="HEAD")["Content-Encoding"] == "gzip"
    answer = front.get("/")
    assert (answer.body, answer["Vary"]) == (b"a text that is long enough", "Accept-Encoding")
    assert front.get("/", "Accept-Encoding: br, gzip;q=0")["Content-Encoding"] is None


def test_pages_of_the_front(run):
    front = run(Always(FixedAnswer(404, b"", edits=HeaderEdits(compression=Compression()))))
    assert front.get("/", TAKES)["Content-Encoding"] is None  # no type, no body


@pytest.mark.parametrize("size", [100, 300_000, len(LARGE)])
def test_a_file(run, settings, tmp_path, size):
    (tmp_path / "a.txt").write_bytes(LARGE[:size])
    front = run(Always(FileAction(str(tmp_path), "/a.txt", edits=EDITS)), **settings)
    assert unpacked(front.get("/", TAKES)) == LARGE[:size]
    assert unpacked(front.get("/", TAKES, "Range: bytes=0-3")) == LARGE[:size]
    assert front.get("/", "Range: bytes=0-3").body == LARGE[:4]
    answer = front.get("/", TAKES)
    assert front.get("/", TAKES, f"If-None-Match: {answer['ETag']}").status == 304


def test_a_slow_client_is_waited_for(run, tmp_path):
    (tmp_path / "a.txt").write_bytes(LARGE)
    front = run(Always(FileAction(str(tmp_path), "/a.txt", edits=EDITS)), kernel_buffer_bytes=4096)
    clients = [front.connect() for _ in range(3)]
    for client in clients:
        client.ask("/", TAKES)
    clients[0].close()  # in the middle of it
    for client in clients[1:]:
        assert unpacked(client.answer()) == LARGE


@pytest.mark.parametrize("in_threads", [0, 2])
def test_a_backends_answer(before, stub, in_threads):
    def serve(peer) -> None:
        while request := peer.read():
            peer.answer(
                LARGE[: int(request[0].split()[1][1:])], "200 OK", "Content-Type: text/plain; charset=a"
            )

    front = before(stub(serve), edits=EDITS, settings={"in_threads": in_threads})
    for size in 20, 3000, 300_000, len(LARGE):
        assert unpacked(front.get(f"/{size}", TAKES)) == LARGE[:size]
    assert front.get("/19", TAKES)["Content-Encoding"] is None
    assert front.get("/20", TAKES, method="HEAD")["Content-Encoding"] == "gzip"


def test_pieces_arrive_as_they_come(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
        )
        backend.released.wait(60)
        peer.send(b"3\r\ntwo\r\n0\r\n\r\n")

    backend = stub(serve)
    client = before(backend, edits=EDITS).connect()
    client.ask("/", TAKES)
    client.head()
    unpack = zlib.decompressobj(31)
    found = unpack.decompress(client.file.read(int(client.file.readline(), 16)))
    assert found == b"one"
    client.file.readline()
    backend.released.set()
    while size := int(client.file.readline(), 16):
        found += unpack.decompress(client.file.read(size))
        client.file.readline()
    assert (found, unpack.eof) == (b"onetwo", True)


def test_what_a_backend_has_compressed_stays_so(before, stub):
    def serve(peer) -> None:
        peer.read()
        peer.answer(gzip.compress(b"text"), "200 OK", "Content-Type: text/plain", "Content-Encoding: gzip")

    answer = before(stub(serve), edits=EDITS).get("/", TAKES)
    assert gzip.decompress(answer.body) == b"text"
