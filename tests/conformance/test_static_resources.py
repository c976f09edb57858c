"""The default servlet, as its clients and its callers see it (runtime, 4.1)."""

from __future__ import annotations

import os
import zipfile
from io import BytesIO

import pytest

from container.servlet import Filter, HttpServlet

MTIME = 1577836800
DATE = "Wed, 01 Jan 2020 00:00:00 GMT"
EARLIER, LATER = "Tue, 31 Dec 2019 00:00:00 GMT", "Thu, 02 Jan 2020 00:00:00 GMT"
ETAG = f'W/"10-{MTIME}000"'
TEXT = "0123456789"


class Dispatches(HttpServlet):
    """Forwards to or includes ?forward= or ?include=; reads ?resource=."""

    def service(self, request, response) -> None:
        if path := request.getParameter("resource"):
            with request.getServletContext().getResourceAsStream(path) as stream:
                response.getOutputStream().write(stream.read())
        elif path := request.getParameter("forward"):
            request.getRequestDispatcher(path).forward(request, response)
        else:
            response.getWriter().write("[")
            try:
                request.getRequestDispatcher(request.getParameter("include")).include(request, response)
            except FileNotFoundError as error:
                if request.getParameter("catch") is None:
                    raise
                response.getWriter().write(type(error).__name__)
            response.getWriter().write("]")


DISPATCHES = """
  <servlet><servlet-name>d</servlet-name><servlet-class>app.Dispatches</servlet-class></servlet>
  <servlet-mapping><servlet-name>d</servlet-name><url-pattern>/dispatch</url-pattern></servlet-mapping>
"""
PAGES = "".join(
    f"<error-page><error-code>{code}</error-code><location>/page.html</location></error-page>"
    for code in (403, 404, 405, 412, 416, 304)
)


@pytest.fixture
def app(deploy, web_xml):
    """A web app with files of ten bytes, a servlet that dispatches to them, and a few secrets."""

    def deploy_app(more: str = "", **arguments):
        files = {
            **dict.fromkeys(("a.txt", "b.unknown", "noext", "d/x.html", "c.data", ".dot"), TEXT),
            **dict.fromkeys(("WEB-INF/s.txt", "META-INF/s.txt", "WEB-INF/classes/it.py"), "secret"),
            "page.html": "the page",
            **arguments.pop("files", {}),
        }
        it = deploy(web_xml(more + DISPATCHES), classes=[Dispatches], files=files, **arguments)
        for name in "a.txt", "d/x.html":
            os.utime(it.context.folder / name, (MTIME, MTIME))
        return it

    return deploy_app


SECRETS = """
    /WEB-INF/s.txt /web-inf/s.txt /Web-Inf/web.xml /WEB-INF/classes/it.py /META-INF/s.txt /meta-inf/s.txt
    /WEB-INF /WEB-INF/ /META-INF /meta-INF/ /WEB-INF/missing //WEB-INF/s.txt /d/../WEB-INF/s.txt
    /WEB-INF;v=1/s.txt /%57EB-INF/s.txt /./web-inf/s.txt
"""


@pytest.mark.rules("RT-DEF-01")
@pytest.mark.parametrize("path", SECRETS.split())
def test_web_inf_and_meta_inf_do_not_exist_for_clients(app, path):
    it = app(PAGES)
    for method in "GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE":
        answer = it.request(method, path)
        assert (answer.status, answer.header("Allow"), answer.header("Location")) == (404, None, None)
        assert answer.text == ("" if method == "HEAD" else "the page")


@pytest.mark.rules("RT-DEF-01")
def test_not_even_a_servlet_is_reached_below_them(deploy, web_xml):
    class Main(HttpServlet):
        def service(self, request, response) -> None:
            pytest.fail("a servlet was called")

    mapped = """<servlet><servlet-name>m</servlet-name><servlet-class>app.Main</servlet-class></servlet>
      <servlet-mapping><servlet-name>m</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>"""
    it = deploy(web_xml(mapped), classes=[Main])
    assert it.get("/WEB-INF/web.xml").status == 404
    assert it.get("/meta-inf/").status == 404


@pytest.mark.rules("RT-DEF-01")
@pytest.mark.parametrize("path", ["/WEB-INF/s.txt", "/META-INF/s.txt"])
def test_the_web_app_itself_reaches_them(app, path):
    it = app()
    assert it.get(f"/dispatch?forward={path}").text == "secret"
    assert it.get(f"/dispatch?include={path}").text == "[secret]"
    assert it.get(f"/dispatch?resource={path}").text == "secret"


@pytest.mark.rules("RT-DEF-02")
def test_libraries_have_resources_second_to_the_web_apps_own(app):
    library = BytesIO()
    with zipfile.ZipFile(library, "w") as archive:
        for name in "a.txt", "lib/b.css", "WEB-INF/lib.txt", "d/WEB-INF/note.txt":
            archive.writestr(f"META-INF/resources/{name}", "from the library")
        archive.writestr("META-INF/other.txt", "no resource")
    it = app(files={"WEB-INF/lib/it-1-py3-none-any.whl": library.getvalue()})
    assert it.get("/a.txt").text == TEXT
    answer = it.get("/lib/b.css")
    assert (answer.text, answer.header("Content-Type")) == ("from the library", "text/css")
    assert it.get("/lib").header("Location") == "/app/lib/"
    assert it.get("/WEB-INF/lib.txt").status == 404
    assert it.get("/dispatch?resource=/WEB-INF/lib.txt").text == "from the library"
    assert it.get("/other.txt").status == 404


@pytest.mark.rules("RT-DEF-03")
@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/missing", [], 404),
        ("GET", "/a.txt/", [], 404),
        ("GET", "/a.txt/x", [], 404),
        ("PUT", "/a.txt", [], 405),
        ("GET", "/a.txt", ['If-Match: "other"'], 412),
        ("GET", "/a.txt", ["Range: bytes=10-"], 416),
    ],
)
def test_errors_have_the_web_apps_pages(app, method, path, headers, status):
    answer = app(PAGES).request(method, path, *headers)
    assert (answer.status, answer.text) == (status, "the page")


@pytest.mark.rules("RT-DEF-03")
def test_what_is_no_error_has_none(app):
    it = app(PAGES)
    answer = it.get("/a.txt", f"If-None-Match: {ETAG}")
    assert (answer.status, answer.body) == (304, b"")
    assert it.get("/a.txt", "Range: bytes=0-0").text == "0"


@pytest.mark.rules("RT-DEF-03")
def test_a_file_leaves_the_status_that_a_filter_has_set(deploy, web_xml):
    class Teapot(Filter):
        def doFilter(self, request, response, chain):
            response.setStatus(418)
            chain.doFilter(request, response)

    filtered = """<filter><filter-name>t</filter-name><filter-class>app.Teapot</filter-class></filter>
      <filter-mapping><filter-name>t</filter-name><url-pattern>/*</url-pattern></filter-mapping>"""
    it = deploy(web_xml(filtered), classes=[Teapot], files={"a.txt": TEXT})
    assert [it.get("/a.txt", *lines).status for lines in ([], ["Range: bytes=0-0"])] == [418, 206]


@pytest.mark.rules("RT-DEF-04")
def test_a_missing_file_in_an_include_is_file_not_found(app):
    it = app()
    assert it.get("/dispatch?include=/missing&catch").text == "[FileNotFoundError]"
    answer = it.get("/dispatch?include=/missing")
    assert answer.status == 500
    assert it.get("/dispatch?forward=/missing").status == 404


@pytest.mark.rules("RT-DEF-05")
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/a.txt", "text/plain"),
        ("/d/x.html", "text/html"),
        ("/b.unknown", None),
        ("/noext", None),
        ("/.dot", None),
        ("/c.data", "text/x-data;charset=utf-8"),
    ],
)
def test_the_content_type_is_the_one_of_get_mime_type(app, path, content_type):
    mapping = """<mime-mapping><extension>data</extension>
      <mime-type>text/x-data;charset=utf-8</mime-type></mime-mapping>"""
    it = app(mapping)
    answer = it.get(path)
    assert (answer.status, answer.header("Content-Type"), answer.text) == (200, content_type, TEXT)
    assert it.context.facade.getMimeType(path) == content_type


@pytest.mark.rules("RT-DEF-06")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 200),
        ([f"If-None-Match: {ETAG}"], 304),
        (["If-None-Match: *"], 304),
        (['If-None-Match: "other"'], 200),
        ([f'If-None-Match: "other", {ETAG}'], 304),
        ([f"If-Modified-Since: {DATE}"], 304),
        ([f"If-Modified-Since: {LATER}"], 304),
        ([f"If-Modified-Since: {EARLIER}"], 200),
        (["If-Modified-Since: yesterday"], 200),
        (['If-None-Match: "other"', f"If-Modified-Since: {LATER}"], 200),
        ([f"If-None-Match: {ETAG}", f"If-Modified-Since: {EARLIER}"], 304),
        ([f"If-Unmodified-Since: {EARLIER}"], 412),
        ([f"If-Unmodified-Since: {DATE}"], 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditional_requests(app, method, headers, status):
    answer = app().request(method, "/a.txt", *headers)
    assert answer.status == status
    if status != 412:
        assert answer.header("ETag") == ETAG
        assert answer.header("Last-Modified") == (DATE if status == 200 else None)
        assert answer.text == (TEXT if (method, status) == ("GET", 200) else "")


@pytest.mark.rules("RT-DEF-06")
@pytest.mark.parametrize(
    ("range_", "status", "content_range", "body"),
    [
        ("bytes=0-3", 206, "bytes 0-3/10", "0123"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-2", 206, "bytes 8-9/10", "89"),
        ("bytes=5-99", 206, "bytes 5-9/10", "56789"),
        ("bytes=10-", 416, "bytes */10", None),
        ("lines=1-2", 200, None, TEXT),  # an unknown unit is no range
    ],
)
def test_ranges(app, range_, status, content_range, body):
    answer = app().get("/a.txt", f"Range: {range_}")
    assert (answer.status, answer.header("Content-Range")) == (status, content_range)
    if body is not None:
        assert answer.text == body
        assert answer.header("Content-Length") == str(len(body))


@pytest.mark.rules("RT-DEF-06")
def test_several_ranges_are_parts_and_if_range_decides(app):
    it = app()
    answer = it.get("/a.txt", "Range: bytes=0-0,9-9")
    assert answer.header("Content-Type").startswith("multipart/byteranges;boundary=")
    assert b"Content-Range: bytes 0-0/10" in answer.body
    assert b"Content-Range: bytes 9-9/10" in answer.body
    assert it.get("/a.txt", "Range: bytes=0-0", f"If-Range: {EARLIER}").text == TEXT
    assert it.get("/a.txt", "Range: bytes=0-0", f"If-Range: {DATE}").text == "0"


@pytest.mark.rules("RT-DEF-06")
def test_head_has_the_headers_of_get_and_post_is_a_get(app):
    it = app()
    head, get, post = (it.request(method, "/a.txt") for method in ("HEAD", "GET", "POST"))
    fields = [{h for h in answer.headers if h[0] != "Date"} for answer in (head, get, post)]
    assert fields[0] == fields[1] == fields[2]
    assert (head.body, get.text, post.text) == (b"", TEXT, TEXT)
    assert head.header("Accept-Ranges") == "bytes"


@pytest.mark.rules("RT-DEF-06")
@pytest.mark.parametrize("path", ["/a.txt", "/missing", "/d/"])
def test_other_methods_are_405_with_allow(app, path):
    it = app()
    for method in "PUT", "DELETE", "PATCH", "TRACE":
        answer = it.request(method, path)
        assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD, POST, OPTIONS")
    options = it.request("OPTIONS", path)
    assert (options.status, options.header("Allow")) == (200, "GET, HEAD, POST, OPTIONS")
    assert it.request("FOO", path).status == 501
    assert (it.context.folder / "a.txt").read_text() == TEXT


@pytest.mark.rules("RT-DEF-07")
def test_links_are_followed_inside_the_root_only(app, tmp_path):
    it = app()
    (tmp_path / "outside.txt").write_text("outside")
    folder = it.context.folder
    (folder / "in.txt").symlink_to(folder / "a.txt")
    (folder / "out.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "secret.txt").symlink_to(folder / "WEB-INF" / "s.txt")
    (folder / "broken").symlink_to(folder / "nothing")
    assert it.get("/in.txt").text == TEXT
    for path in "/out.txt", "/up/outside.txt", "/up", "/secret.txt", "/broken":
        assert it.get(path).status == 404
    assert it.get("/dispatch?forward=/out.txt").status == 404
