"""A web app's folder, and an exchange without a socket."""

import os

import pytest

from container.files import StaticPlan, static_root
from container.front.static import StaticFiles

MTIME = 1577836800  # 2020-01-01T00:00:00Z


class FakeExchange:
    """What a connector would hand over; keeps what it was answered."""

    front = None

    def __init__(self, method, target, headers, now_s):
        self.method = method
        self.target = target
        self.version = "HTTP/1.1"
        self.headers = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        self.started_s = now_s
        self.id = "1"
        self.can_send_trailers = False
        self.content_length = None
        self.status = 0
        self.answer_headers = ()
        self.body = b""
        self.files_sent = 0
        self.finished = False

    def start(self, status, headers, reason=""):
        assert not self.status
        self.status = status
        self.answer_headers = tuple(headers)

    def write(self, data):
        self.body += data

    def send_file(self, file, offset, count):
        self.files_sent += 1
        with file:
            self.body += os.pread(file.fileno(), count, offset)

    def finish(self, data=b"", trailers=None):
        assert not self.finished
        self.finished = True
        self.body += data

    @property
    def header(self):
        return dict(self.answer_headers)


@pytest.fixture
def make_exchange():
    return FakeExchange


@pytest.fixture
def folder(tmp_path):
    """A web app with some files."""
    put(tmp_path, "ten.txt", b"0123456789")
    put(tmp_path, "empty.txt", b"")
    put(tmp_path, "noext", b"no extension")
    put(tmp_path, "dir/index.html", b"<html>dir</html>")
    put(tmp_path, "app.js", b"let x = 1;" * 10)
    put(tmp_path, "app.js.gz", b"gzipped")
    put(tmp_path, "app.js.br", b"brotli")
    put(tmp_path, "page.jinja", b"source")
    put(tmp_path, ".hidden", b"hidden")
    put(tmp_path, "WEB-INF/secret.txt", b"secret")
    put(tmp_path, "META-INF/secret.txt", b"secret")
    return tmp_path


def put(folder, name, data, mtime=MTIME):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (mtime, mtime))
    return path


@pytest.fixture
def write(folder):
    """Put a file into the folder."""
    return lambda name, data, mtime=MTIME: put(folder, name, data, mtime)


class Site:
    """StaticFiles over one folder. get gives the answered exchange, or None if it is left to the engine."""

    def __init__(self, folder, context_path="", **rules):
        root = static_root(context_path, str(folder), **rules)
        self.files = StaticFiles(StaticPlan({context_path: root}))
        self.now_s = 1000.0

    def ask(self, method, target, *headers):
        target = target if isinstance(target, bytes) else target.encode()
        exchange = FakeExchange(method, target, headers, self.now_s)
        if self.files.serve(exchange):
            assert exchange.finished
            return exchange
        assert not exchange.status
        return None

    def get(self, target, *headers):
        return self.ask("GET", target, *headers)


@pytest.fixture
def make_site(folder):
    return lambda *args, **rules: Site(folder, *args, **rules)


@pytest.fixture
def site(make_site):
    return make_site()
