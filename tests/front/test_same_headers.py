"""Each request both ways: the front must answer what the engine would have answered, header by header."""

import zipfile
from types import SimpleNamespace

import pytest

from container.config import Settings
from container.engine.container import Container
from container.front.static import StaticFiles

WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <mime-mapping><extension>foo</extension><mime-type>application/x-foo</mime-type></mime-mapping>
  <mime-mapping><extension>utf</extension><mime-type>text/plain;charset=UTF-8</mime-type></mime-mapping>
</web-app>"""
ETAG = 'W/"10-1577836800000"'
DATE = "Wed, 01 Jan 2020 00:00:00 GMT"

CONDITIONS = [
    (),
    (("If-None-Match", ETAG),),
    (("If-None-Match", '"x"'),),
    (("If-None-Match", '"x"'), ("If-None-Match", "*")),
    (("If-Match", "*"),),
    (("If-Modified-Since", DATE),),
    (("If-Modified-Since", "Tue, 31 Dec 2019 00:00:00 GMT"),),
    (("If-Unmodified-Since", DATE),),
    (("Range", "bytes=2-4"),),
    (("Range", "bytes=-3"),),
    (("Range", "bytes=0-1,3-4"),),
    (("Range", "bytes=0-8,1-9"),),
    (("Range", "lines=1-2"),),
    (("Range", "bytes=2-4"), ("If-Range", DATE)),
    (("Range", "bytes=2-4"), ("If-Range", ETAG)),
    (("Accept-Encoding", "gzip"),),
    (("Accept-Encoding", "br;q=0.5, gzip"), ("If-None-Match", "*")),
    (("Accept-Encoding", "gzip, br"), ("Range", "bytes=0-1")),
    (("Accept-Encoding", "identity"),),
    (("Cookie", "JSESSIONID=x"), ("Authorization", "Basic eA==")),
]
FILES = [
    "/ten.txt",
    "/ten.txt?a=b",
    "/empty.txt",
    "/noext",
    "/app.js",
    "/dir/index.html",
    "/a.foo",
    "/large.bin",
]
ENGINES = [  # method, target, headers: never the front's
    ("POST", "/ten.txt", ()),
    ("OPTIONS", "/ten.txt", ()),
    ("PUT", "/ten.txt", ()),
    ("GET", "/nosuch", ()),
    ("GET", "/dir", ()),
    ("GET", "/ten.txt", (("Range", "bytes=50-"),)),
    ("GET", "/ten.txt", (("If-Match", '"x"'),)),
    ("GET", "/ten.txt", (("If-None-Match", ""),)),
    ("GET", "/a.utf", ()),
    ("GET", "/WEB-INF/secret.txt", ()),
]


@pytest.fixture
def sides(folder, write, make_exchange, tmp_path_factory):
    """Two functions that answer (method, target, headers): the front, and the engine without a front."""
    write("WEB-INF/web.xml", WEB_XML.encode())
    write("a.foo", b"foo")
    write("a.utf", "ä".encode())
    with zipfile.ZipFile(write("WEB-INF/lib/css.whl", b""), "w") as library:
        library.writestr("META-INF/resources/lib.css", "p {}")
    write("large.bin", bytes(range(256)) * 2048)
    container = Container(Settings(work=tmp_path_factory.mktemp("work")))
    context = container.deploy(folder, "/app")
    assert not context.problems
    files = StaticFiles(container.static_plan)

    def front(method, target, headers):
        exchange = make_exchange(method, b"/app" + target.encode(), headers, 1000.0)
        return exchange if files.serve(exchange) else None

    def engine(method, target, headers):
        exchange = make_exchange(method, b"/app" + target.encode(), headers, 1000.0)
        exchange.connection = SimpleNamespace(
            id="1",
            protocol="http/1.1",
            peer=("127.0.0.1", 1),
            local=("127.0.0.1", 80),
            secure=False,
            tls=None,
        )
        container.handle(exchange)
        return exchange

    yield front, engine
    container.stop()


def framing(exchange):
    """All headers; the connector adds a missing Content-Length: 0 itself, on both sides."""
    headers = sorted((name.lower(), value) for name, value in exchange.answer_headers)
    if not exchange.body and exchange.status not in (204, 304) and exchange.method != "HEAD":
        headers = sorted({*headers, ("content-length", "0")})
    return headers


@pytest.mark.parametrize("target", FILES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_front_and_engine_agree(sides, method, target):
    front, engine = sides
    answered = 0
    for headers in CONDITIONS:
        ours, theirs = front(method, target, headers), engine(method, target, headers)
        assert theirs.finished
        if ours is None:
            assert target == "/large.bin" or theirs.status >= 400, headers
            continue
        answered += 1
        assert (ours.status, framing(ours)) == (theirs.status, framing(theirs)), headers
        if method == "GET":
            assert ours.body == theirs.body, headers
    assert answered >= len(CONDITIONS) - 4  # not: errors, parts of a large file


@pytest.mark.parametrize(("method", "target", "headers"), ENGINES)
def test_the_rest_is_the_engines(sides, method, target, headers):
    front, engine = sides
    assert front(method, target, headers) is None
    assert engine(method, target, headers).status in (200, 302, 400, 404, 405, 412, 416)


def test_types_with_parameters(sides):
    _, engine = sides
    assert engine("GET", "/a.utf", ()).header["Content-Type"] == "text/plain;charset=UTF-8"
    assert engine("GET", "/a.utf", ()).body == "ä".encode()


def test_rt_def_02_files_of_libraries_are_the_engines(sides):
    front, engine = sides
    assert front("GET", "/lib.css", ()) is None
    answer = engine("GET", "/lib.css", ())
    assert (answer.status, answer.body) == (200, b"p {}")
    assert engine("GET", "/META-INF/resources/lib.css", ()).status == 404
