"""Files of a document root: methods, validators, ranges, folders, and what is never served."""

from __future__ import annotations

import errno
import os

import pytest

from container.files import VARIANTS
from container.front.documents import Documents
from container.front.record import Record
from container.front.site import FileAction, FrontRequest, HeaderEdits

ETAG = '"5e0be100-a"'
DATE = "Wed, 01 Jan 2020 00:00:00 GMT"


class Root:
    """ask gives the answered exchange, or the problem."""

    def __init__(self, folder, make_exchange) -> None:
        self.folder = folder
        self.make_exchange = make_exchange
        self.documents = Documents()
        self.now_s = 1000.0

    def ask(self, method, path, *headers, query=None, **action):
        exchange = self.make_exchange(method, path.encode(), headers, self.now_s)
        fields = {name.lower(): value for name, value in headers}
        request = FrontRequest(exchange, "http", "", path, query, fields)
        problem = self.documents.serve(request, FileAction(str(self.folder), path, **action), Record())
        assert (problem is None) == exchange.finished
        return exchange if problem is None else problem

    def get(self, path, *headers, **action):
        return self.ask("GET", path, *headers, **action)


@pytest.fixture
def root(folder, make_exchange):
    return Root(folder, make_exchange)


def test_a_file(root):
    answer = root.get("/ten.txt")
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.header == {
        "Accept-Ranges": "bytes",
        "ETag": ETAG,
        "Last-Modified": DATE,
        "Content-Type": "text/plain",
        "Content-Length": "10",
    }
    head = root.ask("HEAD", "/ten.txt")
    assert (head.header, head.body) == (answer.header, b"")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("If-None-Match", f"W/{ETAG}")], 304),
        ([("If-None-Match", '"zzz"'), ("If-Modified-Since", DATE)], 200),
        ([("If-None-Match", ETAG), ("If-Modified-Since", "Tue, 01 Jan 2019 00:00:00 GMT")], 304),
        ([("If-Modified-Since", "Fri, 01 Jan 2021 00:00:00 GMT")], 304),
        ([("If-Match", f"W/{ETAG}")], 412),
        ([("If-Match", ETAG), ("If-Unmodified-Since", "Tue, 01 Jan 2019 00:00:00 GMT")], 200),
        ([("Range", "bytes=50-"), ("If-Match", '"x"')], 412),
        ([("Range", "bytes=0-3"), ("If-None-Match", ETAG)], 304),
        ([("Range", "bytes=0-3"), ("If-Range", f"W/{ETAG}")], 200),
        ([("Range", "bytes=0-3")], 206),
        ([("Range", "bytes=10-")], 416),
        ([("Range", "bytes=0-8,1-9")], 200),
    ],
)
def test_conditions_and_ranges(root, headers, status):
    answer = root.get("/ten.txt", *headers)
    assert (answer[0] if isinstance(answer, tuple) else answer.status) == status


def test_a_range_that_lies_outside_says_how_long_the_file_is(root):
    assert ("Content-Range", "bytes */10") in root.get("/ten.txt", ("Range", "bytes=10-"))[1]


@pytest.mark.parametrize(
    ("method", "path", "problem"),
    [
        ("POST", "/ten.txt", 405),
        ("POST", "/missing", 404),
        ("PUT", "/missing", 405),
        ("FOO", "/ten.txt", 405),
        ("OPTIONS", "/missing", 404),
    ],
)
def test_methods(root, method, path, problem):
    status, headers = root.ask(method, path)
    assert status == problem
    assert (("Allow", "GET, HEAD, OPTIONS") in headers) == (status == 405)


def test_options(root):
    answer = root.ask("OPTIONS", "/ten.txt")
    assert (answer.status, answer.header) == (204, {"Allow": "GET, HEAD, OPTIONS"})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/missing", 404),
        ("/ten.txt/", 404),
        ("/ten.txt/more", 404),
        ("/dir/", 403),
        ("/.hidden", 404),
        ("/WEB-INF/secret.txt", 404),
        ("/web-inf/secret.txt", 404),
        ("/META-INF/secret.txt", 404),
    ],
)
def test_what_is_not_served(root, path, status):
    assert root.get(path) == (status, ())


def test_a_folder_without_its_slash(root):
    assert root.get("/dir") == (301, (("Location", "/dir/"),))
    assert root.get("/dir", query="x=1") == (301, (("Location", "/dir/?x=1"),))


def test_types(root):
    assert root.get("/noext").header["Content-Type"] == "application/octet-stream"
    assert root.get("/noext", default_type="text/plain").header["Content-Type"] == "text/plain"
    assert root.get("/ten.txt", types={"txt": "text/x"}).header["Content-Type"] == "text/x"
    assert root.get("/ten.txt", content_type="a/b").header["Content-Type"] == "a/b"


@pytest.mark.parametrize(
    ("accepts", "body", "coding"),
    [
        (None, b"let x = 1;" * 10, None),
        ("gzip", b"gzipped", "gzip"),
        ("gzip, br", b"brotli", "br"),
        ("gzip;q=0", b"let x = 1;" * 10, None),
        ("*", b"brotli", "br"),
    ],
)
def test_precompressed_files(root, accepts, body, coding):
    headers = [("Accept-Encoding", accepts)] if accepts else []
    answer = root.get("/app.js", *headers, precompressed=VARIANTS)
    assert (answer.body, answer.header.get("Content-Encoding")) == (body, coding)
    assert answer.header["Vary"] == "Accept-Encoding"
    assert answer.header["Content-Type"] == "text/javascript"


def test_a_root_that_is_a_link_may_be_changed(root, folder):
    new = folder.parent / "new"
    new.mkdir()
    (new / "ten.txt").write_text("of the new release")
    current = folder.parent / "current"
    current.symlink_to(folder)
    root.folder = current
    assert root.get("/ten.txt").body == b"0123456789"
    current.unlink()
    current.symlink_to(new)
    root.now_s += 1.5
    assert root.get("/ten.txt").body == b"of the new release"


def test_links_stay_inside(root, folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.txt"
    outside.write_bytes(b"secret")
    (folder / "out.txt").symlink_to(outside)
    (folder / "in.txt").symlink_to("ten.txt")
    (folder / "web.txt").symlink_to("WEB-INF/secret.txt")
    assert root.get("/out.txt") == (404, ())
    assert root.get("/web.txt") == (404, ())
    assert root.get("/in.txt").body == b"0123456789"


def test_a_fifo_is_not_opened(root, folder):
    os.mkfifo(folder / "pipe")
    assert root.get("/pipe") == (404, ())


def test_a_file_that_may_not_be_read(root, folder, monkeypatch):
    (folder / "ten.txt").chmod(0)
    if os.geteuid() == 0:  # who may read everything: refuse as the kernel would

        def refuse(name, *_args, **_kwargs):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)

        monkeypatch.setattr(os, "open", refuse)
    assert root.get("/ten.txt") == (403, ())


def test_a_changed_file_is_seen_within_a_second(root, write):
    assert root.get("/ten.txt").body == b"0123456789"
    write("ten.txt", b"new")
    root.now_s += 1.5
    assert root.get("/ten.txt").body == b"new"


def test_a_large_file_is_sent_from_the_disk(root, write):
    data = os.urandom(300_000)
    write("large.bin", data)
    answer = root.get("/large.bin")
    assert (answer.body, answer.files_sent) == (data, 1)
    parts = root.get("/large.bin", ("Range", "bytes=0-0,299999-"))
    assert (parts.status, parts.files_sent) == (206, 2)
    assert len(parts.body) == int(parts.header["Content-Length"])


def test_an_error_page(root):
    """It is sent whatever was asked, with its status, as a whole."""
    answer = root.ask("POST", "/ten.txt", ("If-None-Match", ETAG), status=404)
    assert (answer.status, answer.body) == (404, b"0123456789")


def test_edits(root):
    edits = HeaderEdits(add=(("X-A", "1"),), remove=frozenset({"etag"}))
    answer = root.get("/ten.txt", edits=edits)
    assert answer.header["X-A"] == "1"
    assert "ETag" not in answer.header
