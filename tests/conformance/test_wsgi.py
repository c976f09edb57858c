"""Web apps under a WSGI server of somebody else: what PEP 3333 carries, and what it cannot (runtime, 20)."""

from __future__ import annotations

import io
import json
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from webtest import TestApp

from container.protocols.exchange import ClientDisconnected
from container.servlet import HttpServlet, IllegalStateException, ServletException


def show(request, response) -> None:
    """Answer with what the request says."""
    response.setContentType("application/json")
    facts = {
        "path": request.getServletPath() + (request.getPathInfo() or ""),
        "uri": request.getRequestURI(),
        "url": request.getRequestURL(),
        "context": request.getContextPath(),
        "query": request.getQueryString(),
        "method": request.getMethod(),
        "protocol": request.getProtocol(),
        "scheme": request.getScheme(),
        "secure": request.isSecure(),
        "remote": [request.getRemoteAddr(), request.getRemotePort()],
        "local": [request.getLocalAddr(), request.getLocalPort()],
        "user": [request.getRemoteUser(), request.getAuthType()],
        "headers": {name: list(request.getHeaders(name)) for name in request.getHeaderNames()},
        "type": request.getContentType(),
        "length": request.getContentLength(),
        "body": request.getInputStream().read().decode("latin-1"),
    }
    response.getWriter().write(json.dumps(facts))


@pytest.fixture
def wsgi(serve):
    """A function's web app as a WSGI application, checked by webtest's lint: wsgi(function, **deploy)."""

    def make(function=show, **arguments) -> TestApp:
        return TestApp(serve(function, **arguments).container)

    return make


def call(application: Any, **environ: Any) -> tuple[str, list[tuple[str, str]], bytes]:
    """Call a WSGI application without any help; environ replaces what is usual."""
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/app/",
        "SERVER_NAME": "server.example",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **environ,
    }
    started: list[Any] = []
    written: list[bytes] = []

    def start_response(status, headers, exc_info=None):
        assert not started, "start_response is called once"
        started.extend((status, headers))
        return written.append

    body = b"".join(application(environ, start_response))
    status, headers = started
    assert all(type(text) is str for text in (status, *sum(headers, ())))
    return status, headers, b"".join(written) + body


def facts(application: Any, **environ: Any) -> dict[str, Any]:
    status, _, body = call(application, **environ)
    assert status == "200 OK"
    return json.loads(body)


# --- the request ------------------------------------------------------------------------------------------


@pytest.mark.rules("RT-URI-04")
@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
def test_the_raw_target_is_used_when_the_server_offers_it(serve, name):
    application = serve(show).container
    seen = facts(application, **{name: "/app//a%20b;v=1/%C3%A4?q=%41", "PATH_INFO": "/app//a b;v=1/\xc3\xa4"})
    assert (seen["uri"], seen["path"]) == ("/app//a%20b;v=1/%C3%A4", "/a b/ä")
    assert seen["query"] == "q=%41"
    assert facts(application, **{name: "/app/?"})["query"] == ""
    assert facts(application, **{name: "http://server.example/app/x"})["uri"] == "/app/x"
    assert call(application, **{name: "/app/a%2Fb", "PATH_INFO": "/app/a/b"})[0] == "400 Bad Request"
    assert call(application, **{name: "/app/%2e%2e/b", "PATH_INFO": "/b"})[0] == "400 Bad Request"


@pytest.mark.rules("RT-URI-04")
def test_without_it_the_target_is_rebuilt(serve):
    application = serve(show).container
    seen = facts(application, PATH_INFO="/app/a b/\xc3\xa4%;x", QUERY_STRING="q=%41")
    assert (seen["uri"], seen["path"]) == ("/app/a%20b/%C3%A4%25;x", "/a b/ä%")
    assert seen["query"] == "q=%41"
    assert facts(application, PATH_INFO="/app/x", QUERY_STRING="")["query"] is None
    assert facts(application, PATH_INFO="/app/x")["query"] is None
    # An encoded slash cannot be told from a plain one any more; the rest is refused as always.
    assert facts(application, PATH_INFO="/app/a/b")["path"] == "/a/b"
    for path in "/app/../../x", "/app/a\\b", "/app/a\x00", "/app/\xff":
        assert call(application, PATH_INFO=path)[0] == "400 Bad Request"


@pytest.mark.rules("RT-URI-04")
def test_the_script_name_is_a_part_of_the_path(serve):
    """A web app for a container that is mounted at /shop is in the folder shop#app."""
    application = serve(show, name="shop#app").container
    seen = facts(application, SCRIPT_NAME="/shop", PATH_INFO="/app/x")
    assert (seen["context"], seen["path"], seen["uri"]) == ("/shop/app", "/x", "/shop/app/x")


def test_what_the_environ_says_of_the_request(serve):
    application = serve(show).container
    seen = facts(
        application,
        REQUEST_METHOD="POST",
        SERVER_PROTOCOL="HTTP/1.0",
        REMOTE_ADDR="192.0.2.7",
        REMOTE_PORT="4711",
        REMOTE_HOST="client.example",
        REMOTE_USER="mallory",
        AUTH_TYPE="Basic",
        HTTP_HOST="shop.example:8443",
        CONTENT_LENGTH="3",
        **{"wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(b"abcdef")},
    )
    assert seen["method"] == "POST"
    assert seen["protocol"] == "HTTP/1.0"
    assert (seen["scheme"], seen["secure"]) == ("https", True)
    assert seen["url"] == "https://shop.example:8443/app/"
    assert seen["remote"] == ["192.0.2.7", 4711]
    assert seen["local"] == ["server.example", 8080]
    assert seen["user"] == [None, None]  # nobody told us to trust the server's word
    assert seen["body"] == "abc"
    assert facts(application)["url"] == "http://server.example:8080/app/"


@pytest.mark.rules("RT-HDR-04")
def test_repeated_headers_stay_as_the_server_has_joined_them(serve):
    application = serve(show).container
    seen = facts(application, HTTP_X_MANY="a, b,c", HTTP_COOKIE="a=1; b=2", HTTP_ACCEPT="text/html, */*")
    assert seen["headers"] == {"X-Many": ["a, b,c"], "Cookie": ["a=1; b=2"], "Accept": ["text/html, */*"]}


@pytest.mark.rules("RT-HDR-05")
def test_content_type_and_length_have_their_own_variables(serve):
    application = serve(show).container
    body = {"wsgi.input": io.BytesIO(b"abc")}
    seen = facts(application, CONTENT_TYPE="text/plain;charset=UTF-8", CONTENT_LENGTH="3", **body)
    assert (seen["type"], seen["length"], seen["body"]) == ("text/plain;charset=UTF-8", 3, "abc")
    assert seen["headers"] == {"Content-Type": ["text/plain;charset=UTF-8"], "Content-Length": ["3"]}
    for variables in {"CONTENT_TYPE": "", "CONTENT_LENGTH": ""}, {}:
        seen = facts(application, **variables)
        assert (seen["type"], seen["length"], seen["body"], seen["headers"]) == (None, -1, "", {})
    doubled = {"HTTP_CONTENT_TYPE": "text/plain", "HTTP_CONTENT_LENGTH": "0"}
    assert facts(application, CONTENT_TYPE="text/plain", CONTENT_LENGTH="0", **doubled)["headers"] == {
        "Content-Type": ["text/plain"],
        "Content-Length": ["0"],
    }


def test_a_body_without_a_length_is_read_where_the_server_ends_it(serve):
    application = serve(show).container
    body = {"wsgi.input": io.BytesIO(b"abc"), "REQUEST_METHOD": "POST"}
    assert facts(application, **body, **{"wsgi.input_terminated": True})["body"] == "abc"
    assert facts(application, **body)["body"] == ""


def test_a_body_that_ends_too_early_breaks_the_answer_off(serve):
    application = serve(show).container
    with pytest.raises(ClientDisconnected):
        call(application, REQUEST_METHOD="POST", CONTENT_LENGTH="10", **{"wsgi.input": io.BytesIO(b"abc")})


# --- the answer -------------------------------------------------------------------------------------------


@pytest.mark.rules("RT-WSGI-01")
@pytest.mark.parametrize(
    ("status", "line"),
    [(200, "200 OK"), (201, "201 Created"), (421, "421 Misdirected Request"), (299, "299 Unknown")],
)
def test_the_status_line_has_a_reason(serve, status, line):
    application = serve(lambda request, response: response.setStatus(status)).container
    assert call(application)[0] == line


@pytest.mark.rules("RT-WSGI-01")
def test_an_unknown_error_has_one_too(serve):
    application = serve(lambda request, response: response.sendError(599, "so it is")).container
    assert call(application)[0] == "599 Unknown"


@pytest.mark.rules("RT-WSGI-02")
@pytest.mark.parametrize(
    ("value", "sent"),
    [("é", "é"), ("€", "?"), ("a\r\nb", "a  b"), ("日本", "??"), ("\ud800", "?")],
)
def test_header_values_are_latin_1(serve, value, sent):
    def handle(request, response) -> None:
        response.setHeader("X-Value", value)
        response.addHeader("X-Value", "second")

    _, headers, _ = call(serve(handle).container)
    assert [text for name, text in headers if name == "X-Value"] == [sent, "second"]
    sent.encode("latin-1")


@pytest.mark.rules("RT-WSGI-02")
@pytest.mark.parametrize("name", ["X-é", "X-€", "X A", "X:A", "X\nA"])
def test_header_names_are_tokens(serve, name):
    def handle(request, response) -> None:
        with pytest.raises(ValueError, match="name of a header"):
            response.setHeader(name, "value")

    assert call(serve(handle).container)[0] == "200 OK"


@pytest.mark.parametrize(
    ("status", "headers"),
    [(204, {}), (304, {}), (200, {"Content-Type": "text/plain;charset=UTF-8", "Content-Length": "1"})],
)
def test_no_header_is_there_that_may_not_be(wsgi, status, headers):
    def handle(request, response) -> None:
        response.setStatus(status)
        response.setContentType("text/plain;charset=UTF-8")
        response.setHeader("Connection", "close")
        response.getWriter().write("x")

    answer = wsgi(handle).get("/app/", status=status)
    assert dict(answer.headers) == headers
    assert answer.text == ("x" if status == 200 else "")


def test_head_has_no_body(wsgi):
    def handle(request, response) -> None:
        response.setContentType("text/plain")
        response.getWriter().write("abc")

    answer = wsgi(handle).head("/app/")
    assert (answer.body, answer.headers["Content-Length"]) == (b"", "3")


def test_what_is_flushed_goes_through_write(serve):
    order = []

    def handle(request, response) -> None:
        response.getWriter().write("a")
        response.flushBuffer()
        order.append("flushed")
        response.getWriter().write("b")

    status, headers, body = call(serve(handle).container)
    assert (status, body, order) == ("200 OK", b"ab", ["flushed"])
    assert "Content-Length" not in dict(headers)


def test_an_error_after_the_head_has_left_makes_the_server_close(serve):
    def handle(request, response) -> None:
        response.getWriter().write("a")
        response.flushBuffer()
        raise LookupError("a mistake")

    with pytest.raises(ClientDisconnected):
        call(serve(handle).container)


def test_what_the_environ_cannot_carry(serve):
    """No trailers, no upgrade, no push, no early hints, no ids of the connection's protocol."""

    def handle(request, response) -> None:
        with pytest.raises(IllegalStateException):
            response.setTrailerFields(lambda: {"X-Sum": "1"})
        with pytest.raises(ServletException):
            request.upgrade(object)
        response.setHeader("Link", "</a.css>; rel=preload")
        response.sendEarlyHints()
        words = request.newPushBuilder(), request.isTrailerFieldsReady(), request.getProtocolRequestId()
        response.getWriter().write(repr(words))

    status, _, body = call(serve(handle).container)
    assert (status, body) == ("200 OK", b"(None, True, '')")


@pytest.mark.rules("RT-WSGI-03")
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_files_come_whole_with_or_without_a_file_wrapper(deploy, web_xml, size):
    """The wrapper may be used and is not: it could not send a part of a file."""
    content = bytes(range(256)) * (size // 256 + 1)
    application = deploy(web_xml(""), files={"a.bin": content}).container
    for more in {}, {"wsgi.file_wrapper": FileWrapper}:
        status, headers, body = call(application, PATH_INFO="/app/a.bin", **more)
        assert (status, body, dict(headers)["Content-Length"]) == ("200 OK", content, str(len(content)))
        status, _, body = call(application, PATH_INFO="/app/a.bin", HTTP_RANGE="bytes=1-3", **more)
        assert (status, body) == ("206 Partial Content", content[1:4])


@pytest.mark.rules("RT-WSGI-04")
@pytest.mark.parametrize("multithread", [True, False])
@pytest.mark.parametrize("multiprocess", [True, False])
def test_what_the_server_says_of_threads_and_processes_changes_nothing(serve, multithread, multiprocess):
    """With several processes sessions need a shared store: see docs/conformance.md."""

    def handle(request, response) -> None:
        session = request.getSession()
        session.setAttribute("n", (session.getAttribute("n") or 0) + 1)
        response.getWriter().write(str(session.getAttribute("n")))

    application = serve(handle).container
    told = {"wsgi.multithread": multithread, "wsgi.multiprocess": multiprocess}
    _, headers, body = call(application, **told)
    cookie = dict(headers)["Set-Cookie"].partition(";")[0]
    assert (body, call(application, HTTP_COOKIE=cookie, **told)[2]) == (b"1", b"2")


@pytest.mark.parametrize(
    ("method", "status"), [("CONNECT", 501), ("get", 501), ("TRACE", 200), ("PATCH", 405)]
)
def test_methods(deploy, web_xml, method, status):
    class Main(HttpServlet):
        pass

    mapped = """<servlet><servlet-name>m</servlet-name><servlet-class>app.Main</servlet-class></servlet>
      <servlet-mapping><servlet-name>m</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>"""
    application = deploy(web_xml(mapped), classes=[Main]).container
    assert call(application, REQUEST_METHOD=method)[0].startswith(f"{status} ")
