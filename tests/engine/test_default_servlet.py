"""The default servlet by itself (RT-DEF), on fakes of request, response and context."""

import gzip
import os

import pytest

from container.engine.default_servlet import DefaultServlet
from container.files import mime_type
from container.servlet import (
    DispatcherType,
    HttpServletRequest,
    HttpServletResponse,
    IllegalStateException,
    RequestDispatcher,
    ServletConfig,
)

MTIME = 1577836800  # 2020-01-01T00:00:00Z
DATE = "Wed, 01 Jan 2020 00:00:00 GMT"
ETAG = 'W/"10-1577836800000"'
ALLOW = "GET, HEAD, POST, OPTIONS"


class FakeRequest(HttpServletRequest):
    def __init__(self, method, path, headers=(), kind="REQUEST", query=None, attributes=None, uri=None):
        self.method, self.path, self.query = method, path, query
        self.headers = list(headers)
        self.kind = DispatcherType[kind]
        self.attributes = attributes or {}
        self.uri = uri or "/app" + path

    def getMethod(self):
        return self.method

    def getServletPath(self):
        return self.path

    def getPathInfo(self):
        return None

    def getRequestURI(self):
        return self.uri

    def getQueryString(self):
        return self.query

    def getProtocol(self):
        return "HTTP/1.0"

    def getDispatcherType(self):
        return self.kind

    def getAttribute(self, name):
        return self.attributes.get(name)

    def getHeaders(self, name):
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def getHeader(self, name):
        return next(iter(self.getHeaders(name)), None)


class FakeResponse(HttpServletResponse):
    """Only what the default servlet uses. body is what was written, by stream, writer or file."""

    def __init__(self, status=200, written=b"", writer=False, charset=None):
        self.status = status
        self.headers = {}
        self.body = written
        self.error = self.redirect = None
        self.writer_taken = writer
        self.charset = charset

    def setStatus(self, sc):
        self.status = sc

    def getStatus(self):
        return self.status

    def setHeader(self, name, value):
        self.headers[name] = value
        if value is None:
            del self.headers[name]

    def containsHeader(self, name):
        return name in self.headers

    def setContentType(self, type):
        self.headers["Content-Type"] = type

    def getContentType(self):
        kind = self.headers.get("Content-Type")
        return kind and (f"{kind};charset={self.charset}" if self.charset else kind)

    def getCharacterEncoding(self):
        return self.charset or "ISO-8859-1"

    def setContentLengthLong(self, len):
        self.headers["Content-Length"] = str(len)

    def setBufferSize(self, size):
        if self.body:
            raise IllegalStateException("written")

    def sendError(self, sc, msg=None):
        self.status = self.error = sc

    def sendRedirect(self, location):
        self.status, self.redirect = 302, location

    def encodeRedirectURL(self, url):
        return url

    def getOutputStream(self):
        if self.writer_taken:
            raise IllegalStateException("writer")
        return self

    def getWriter(self):
        return self

    def write(self, data):
        if self.writer_taken:
            data = data.encode(self.getCharacterEncoding())
        self.body += data


class SendingResponse(FakeResponse):
    """As the container's own one."""

    sent = None

    def send_file(self, file, offset, count):
        self.sent = (offset, count)
        with file:
            self.body += os.pread(file.fileno(), count, offset)


class FakeContext:
    def __init__(self, folder, *libraries):
        self.folder = folder
        self.folders = (folder, *libraries)
        self.logged = []

    def getRealPath(self, path):
        found = (
            f"{folder}{path}"
            for folder in self.folders
            if "\0" not in path and os.path.exists(f"{folder}{path}")
        )
        return next(found, f"{self.folder}{path}")

    def getMimeType(self, name):
        return mime_type(name)

    def log(self, message, throwable=None):
        self.logged.append(message)


class FakeConfig(ServletConfig):
    def __init__(self, context, **params):
        self.context, self.params = context, params

    def getServletName(self):
        return "default"

    def getServletContext(self):
        return self.context

    def getInitParameter(self, name):
        return self.params.get(name)

    def getInitParameterNames(self):
        return list(self.params)


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "app", "ten.txt", b"0123456789")
    put(tmp_path / "app", "umlaut.txt", "ä€".encode())
    put(tmp_path / "app", "big.bin", bytes(range(256)) * 512)
    put(tmp_path / "app", "pic.png", b"PNG")
    put(tmp_path / "app", "app.js", b"let x = 1;")
    put(tmp_path / "app", "app.js.gz", gzip.compress(b"let x = 1;"))
    put(tmp_path / "app", "dir/a.html", b"<p>a</p>")
    put(tmp_path / "app", ".hidden", b"hidden")
    put(tmp_path / "app", "WEB-INF/view.html", b"<p>view</p>")
    put(tmp_path / "lib", "ten.txt", b"of the library")
    put(tmp_path / "lib", "lib.css", b"p {}")
    put(tmp_path / "lib", "lib.css.gz", b"gzip")
    put(tmp_path / "lib", "css/a.css", b"a {}")
    put(tmp_path / "lib", "WEB-INF/x.txt", b"data")
    return tmp_path / "app"


def put(folder, name, data):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (MTIME, MTIME))


@pytest.fixture
def make_servlet(folder):
    def make(**params):
        servlet = DefaultServlet()
        servlet.init(FakeConfig(FakeContext(folder, folder.parent / "lib"), **params))
        return servlet

    return make


@pytest.fixture
def ask(make_servlet):
    def ask(method, path, *headers, response=None, servlet=None, **request):
        response = response or FakeResponse()
        (servlet or make_servlet()).service(FakeRequest(method, path, headers, **request), response)
        return response

    return ask


def included(path):
    """What an include of path adds to a request, whose own path is another one."""
    return {
        "kind": "INCLUDE",
        "attributes": {
            RequestDispatcher.INCLUDE_REQUEST_URI: "/app" + path,
            RequestDispatcher.INCLUDE_SERVLET_PATH: path,
        },
    }


def test_rt_def_06_get_and_post(ask):
    for method in ("GET", "POST"):
        response = ask(method, "/ten.txt")
        assert (response.status, response.body) == (200, b"0123456789")
        assert response.headers == {
            "Accept-Ranges": "bytes",
            "Content-Length": "10",
            "Content-Type": "text/plain",
            "ETag": ETAG,
            "Last-Modified": DATE,
        }


def test_rt_def_06_head(ask):
    response = ask("HEAD", "/ten.txt")
    assert (response.body, response.headers) == (b"", ask("GET", "/ten.txt").headers)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/ten.txt", "/nosuch", "/dir/"])
def test_rt_def_06_other_methods(ask, method, path):
    response = ask(method, path)
    assert (response.error, response.headers) == (405, {"Allow": ALLOW})


def test_rt_def_06_options_and_unknown(ask):
    response = ask("OPTIONS", "/nosuch")
    assert (response.status, response.headers, response.body) == (200, {"Allow": ALLOW}, b"")
    assert ask("FOO", "/ten.txt").error == 501  # RT-HTTP-02
    assert ask("get", "/ten.txt").error == 501


def test_rt_def_06_conditions_and_ranges(ask):
    response = ask("GET", "/ten.txt", ("If-None-Match", '"x"'), ("If-None-Match", ETAG))
    assert (response.status, response.error, response.body, response.headers) == (
        304,
        None,
        b"",
        {"ETag": ETAG},
    )
    response = ask("GET", "/ten.txt", ("Range", "bytes=2-4"), ("Range", "bytes=0-0"))
    assert (response.status, response.body) == (206, b"234")
    assert response.headers["Content-Range"] == "bytes 2-4/10"
    response = ask("GET", "/ten.txt", ("Range", "bytes=0-1,3-4"))
    assert response.headers["Content-Type"].startswith("multipart/byteranges")
    assert len(response.body) == int(response.headers["Content-Length"])


@pytest.mark.parametrize(
    ("header", "status", "headers"),
    [
        (("Range", "bytes=50-"), 416, {"Accept-Ranges": "bytes", "Content-Range": "bytes */10"}),
        (("If-Match", '"x"'), 412, {}),
        (("If-None-Match", ""), 400, {}),
    ],
)
def test_rt_def_03_errors_by_send_error(ask, header, status, headers):
    response = ask("GET", "/ten.txt", header)
    assert (response.error, response.headers, response.body) == (status, headers, b"")


@pytest.mark.parametrize(
    "path", ["/nosuch", "/ten.txt/", "/ten.txt/x", "/dir/", "/", "/../app/ten.txt", "/a\0b", "/WEB-INF"]
)
def test_rt_def_03_missing(ask, path):
    assert ask("GET", path).error == 404


@pytest.mark.parametrize("path", ["/WEB-INF/view.html", "/web-inf/view.html", "/WEB-INF/", "/META-INF/x"])
def test_rt_def_01_never_for_clients(ask, path):
    assert ask("GET", path).error == 404


@pytest.mark.parametrize("kind", ["FORWARD", "ASYNC", "ERROR"])
def test_rt_def_01_dispatchers_reach_web_inf(ask, kind):
    assert ask("GET", "/WEB-INF/view.html", kind=kind).body == b"<p>view</p>"
    assert ask("GET", "/other", **included("/WEB-INF/view.html")).body == b"<p>view</p>"


def test_rt_def_02_libraries_come_second(ask):
    assert ask("GET", "/ten.txt").body == b"0123456789"
    assert ask("GET", "/lib.css").body == b"p {}"
    assert ask("GET", "/css").redirect == "/app/css/"
    assert ask("GET", "/lib.css", ("Accept-Encoding", "gzip")).headers["Content-Encoding"] == "gzip"
    assert ask("GET", "/WEB-INF/x.txt").error == 404


def test_rt_def_05_no_type_if_unknown(ask):
    response = ask("GET", "/.hidden")
    assert response.body == b"hidden"
    assert "Content-Type" not in response.headers


def test_rt_def_07_links_stay_inside(ask, folder):
    (folder / "out").symlink_to(folder.parent / "lib")
    (folder / "in").symlink_to("ten.txt")
    (folder / "inf").symlink_to("WEB-INF")
    assert ask("GET", "/out/lib.css").error == 404
    assert ask("GET", "/in").body == b"0123456789"
    assert ask("GET", "/inf/view.html").error == 404


def test_a_loop_of_links_is_forbidden(ask, folder):
    (folder / "loop").symlink_to("loop")
    assert ask("GET", "/loop").error == 403
    with pytest.raises(PermissionError):
        ask("GET", "/other", **included("/loop"))


def test_rt_wel_01_directory_without_slash(ask):
    assert ask("GET", "/dir").redirect == "/app/dir/"
    assert ask("GET", "/dir", query="x=1").redirect == "/app/dir/?x=1"
    assert ask("HEAD", "/dir", query="").redirect == "/app/dir/?"


def test_a_redirect_never_names_another_host(ask):
    assert ask("GET", "/dir", uri="//dir").redirect == "/dir/"


# --- include, forward, error pages ---


def test_rt_def_04_rt_inc_08_missing_in_an_include(ask):
    for path in ("/nosuch", "/nosuch/", "/ten.txt/"):
        with pytest.raises(FileNotFoundError):
            ask("GET", "/other", **included(path))


def test_an_include_is_neither_conditional_nor_compressed(ask):
    headers = ("If-None-Match", "*"), ("If-Match", '"x"'), ("Accept-Encoding", "gzip")
    response = ask("GET", "/other", *headers, **included("/app.js"))
    assert response.body == b"let x = 1;"
    assert ask("HEAD", "/other", **included("/app.js")).body == b"let x = 1;"  # RT-HTTP-04: its length counts


def test_a_range_counts_in_an_include_as_in_tomcat(ask):
    assert ask("GET", "/other", ("Range", "bytes=0-4"), **included("/ten.txt")).body == b"01234"
    assert ask("GET", "/other", ("Range", "bytes=50-"), **included("/ten.txt")).body == b""


def test_rt_inc_06_by_name_it_is_the_callers_path(ask):
    assert ask("GET", "/ten.txt", kind="INCLUDE").body == b"0123456789"


def test_rt_inc_09_text_goes_through_a_writer_that_was_taken(ask):
    response = ask(
        "GET", "/x", response=FakeResponse(writer=True, charset="UTF-8"), **included("/umlaut.txt")
    )
    assert response.body == "ä€".encode()
    with pytest.raises(IllegalStateException):
        ask("GET", "/x", response=FakeResponse(writer=True), **included("/pic.png"))


def test_rt_ep_30_error_pages_keep_the_status(ask):
    headers = ("If-None-Match", "*"), ("Range", "bytes=0-1")
    response = ask("GET", "/ten.txt", *headers, response=FakeResponse(status=403), kind="ERROR")
    assert (response.status, response.body) == (403, b"0123456789")
    assert response.headers == {"Content-Type": "text/plain", "Content-Length": "10"}


def test_rt_ep_31_missing_error_page(ask):
    status = {RequestDispatcher.ERROR_STATUS_CODE: 410}
    assert ask("GET", "/nosuch", kind="ERROR", attributes=status).error == 410


# --- what others have done to the response ---


def test_after_other_output_there_is_no_length_and_no_range(ask):
    response = ask("GET", "/ten.txt", ("Range", "bytes=0-1"), response=FakeResponse(written=b"<"))
    assert (response.status, response.body) == (200, b"<0123456789")
    assert "Content-Length" not in response.headers


def test_text_is_converted_to_a_chosen_encoding(ask, make_servlet):
    response = ask("GET", "/umlaut.txt", response=FakeResponse(charset="UTF-16LE"))
    assert response.body == "ä€".encode("UTF-16LE")
    assert response.headers["Content-Length"] == "4"
    assert ask("GET", "/umlaut.txt", response=FakeResponse(charset="utf8")).body == "ä€".encode()
    assert ask("GET", "/umlaut.txt", response=FakeResponse(charset="no-such")).body == "ä€".encode()
    latin = make_servlet(fileEncoding="ISO-8859-1")
    assert ask("GET", "/ten.txt", response=FakeResponse(charset="UTF-16LE"), servlet=latin).body[:2] == b"0\0"


def test_large_files_are_sent_by_the_container(ask):
    response = ask("GET", "/big.bin", response=SendingResponse())
    assert (response.sent, len(response.body)) == ((0, 131072), 131072)
    response = ask("GET", "/big.bin", ("Range", "bytes=1-100000"), response=SendingResponse())
    assert response.sent == (1, 100000)
    assert ask("GET", "/ten.txt", response=SendingResponse()).sent is None
    assert ask("GET", "/big.bin").body == bytes(range(256)) * 512


# --- init parameters ---


def test_precompressed(ask, make_servlet):
    accept = ("Accept-Encoding", "gzip")
    response = ask("GET", "/app.js", accept)
    assert gzip.decompress(response.body) == b"let x = 1;"
    assert (response.headers["Content-Encoding"], response.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert response.headers["Content-Type"] == "text/javascript"
    assert ask("GET", "/app.js").headers["Vary"] == "Accept-Encoding"
    off = ask("GET", "/app.js", accept, servlet=make_servlet(precompressed="false"))
    assert off.body == b"let x = 1;"
    assert "Vary" not in off.headers
