"""What HttpServlet does with the methods of HTTP (runtime, 4.2); tests/servlet has each case by itself."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from container.servlet import (
    Filter,
    HttpServlet,
    ServletException,
    ServletRequest,
    ServletResponse,
)

HANDLERS = {
    "GET": "doGet",
    "HEAD": "doHead",
    "POST": "doPost",
    "PUT": "doPut",
    "DELETE": "doDelete",
    "OPTIONS": "doOptions",
    "TRACE": "doTrace",
    "PATCH": "doPatch",
    "QUERY": "doQuery",
}


@pytest.fixture
def main(deploy, web_xml):
    """A web app with one servlet class for all paths: main(Main, init={...})."""

    def deploy_main(servlet: type, init=(), more: str = "", classes=(), **arguments):
        params = "".join(
            f"<init-param><param-name>{name}</param-name><param-value>{value}</param-value></init-param>"
            for name, value in dict(init).items()
        )
        body = f"""<servlet><servlet-name>m</servlet-name>
          <servlet-class>app.{servlet.__name__}</servlet-class>{params}</servlet>
          <servlet-mapping><servlet-name>m</servlet-name><url-pattern>/*</url-pattern></servlet-mapping>"""
        return deploy(web_xml(body + more), classes=[servlet, *classes], **arguments)

    return deploy_main


class Nothing(HttpServlet):
    """Overrides no method."""


def writes(*methods: str) -> type[HttpServlet]:
    """A servlet with these doXxx methods, each of which names itself."""

    def handler(name: str):
        def handle(self, request, response) -> None:
            response.setHeader("X-Called", name)
            response.getWriter().write(name)

        return handle

    return type("Main", (HttpServlet,), {name: handler(name) for name in methods})


@pytest.mark.rules("RT-HTTP-01")
@pytest.mark.parametrize(("method", "handler"), HANDLERS.items())
def test_each_method_has_its_handler(main, method, handler):
    assert main(writes(*HANDLERS.values())).request(method).header("X-Called") == handler


@pytest.mark.rules("RT-HTTP-02")
@pytest.mark.parametrize("method", ["FOO", "get", "Get", "PROPFIND", "M-SEARCH", "GETT"])
def test_other_methods_are_501(main, method):
    assert main(writes(*HANDLERS.values())).request(method).status == 501


@pytest.mark.rules("RT-HTTP-03")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(("version", "status"), [("HTTP/1.1", 405), ("HTTP/1.0", 400)])
def test_what_is_not_overridden_is_refused_with_an_error_page(main, method, version, status):
    page = f"<error-page><error-code>{status}</error-code><location>/page</location></error-page>"

    class Page(HttpServlet):
        def service(self, request, response) -> None:
            response.getWriter().write("the page")

    more = """<servlet><servlet-name>p</servlet-name><servlet-class>app.Page</servlet-class></servlet>
      <servlet-mapping><servlet-name>p</servlet-name><url-pattern>/page</url-pattern></servlet-mapping>"""
    answer = main(Nothing, more=page + more, classes=[Page]).request(method, version=version)
    assert (answer.status, answer.text) == (status, "" if method == "HEAD" else "the page")


@pytest.mark.rules("RT-HTTP-04")
@pytest.mark.parametrize("size", [1, 1000, 8192])
def test_head_is_a_get_without_its_body(main, size):
    class Main(HttpServlet):
        def doGet(self, request, response) -> None:
            response.setContentType("text/plain;charset=UTF-8")
            response.setHeader("X-Method", request.getMethod())
            response.getWriter().write("x" * size)

    app = main(Main)
    head, get = app.request("HEAD"), app.get()
    assert (head.body, get.body) == (b"", b"x" * size)
    assert (head.header("X-Method"), get.header("X-Method")) == ("HEAD", "GET")
    for name in "Content-Type", "Content-Length":
        assert head.header(name) == get.header(name) is not None


@pytest.mark.rules("RT-HTTP-04")
def test_head_of_more_than_the_buffer_has_no_length_and_no_body(main):
    class Main(HttpServlet):
        def doGet(self, request, response) -> None:
            for _ in range(3):
                response.getOutputStream().write(b"x" * 8000)

    app = main(Main)
    client = app.connect()
    for _ in range(2):  # on one connection: a body would be taken for the next answer
        client.send(b"HEAD /app/ HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.answer("HEAD")
        assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", None)


@pytest.mark.rules("RT-HTTP-05")
def test_the_legacy_head_measures_the_body_itself(main):
    class Main(HttpServlet):
        def doGet(self, request, response) -> None:
            response.setHeader("X-Length", str(response.getHeader("Content-Length")))
            for _ in range(3):
                response.getOutputStream().write(b"x" * 8000)
            response.setHeader("X-Committed", str(response.isCommitted()))

    app = main(Main, init={"jakarta.servlet.http.legacyDoHead": "true"})
    answer = app.request("HEAD")
    assert (answer.header("Content-Length"), answer.header("X-Committed")) == ("24000", "False")
    assert answer.body == b""


@pytest.mark.rules("RT-HTTP-06")
@pytest.mark.parametrize(
    ("methods", "allow"),
    [
        ([], "TRACE, OPTIONS"),
        (["doGet"], "GET, HEAD, TRACE, OPTIONS"),
        (["doHead"], "TRACE, OPTIONS"),
        (["doPost", "doDelete"], "POST, DELETE, TRACE, OPTIONS"),
        (
            ["doDelete", "doPut", "doPost", "doPatch", "doGet"],
            "GET, HEAD, PATCH, POST, PUT, DELETE, TRACE, OPTIONS",
        ),
        (["doQuery"], "TRACE, QUERY, OPTIONS"),
    ],
)
def test_allow_names_what_is_overridden(main, methods, allow):
    answer = main(writes(*methods)).request("OPTIONS")
    assert (answer.status, answer.header("Allow"), answer.body) == (200, allow, b"")


@pytest.mark.rules("RT-HTTP-06")
def test_what_a_base_class_overrides_counts(main):
    base = writes("doGet", "doPut")

    class Main(base):
        pass

    assert main(Main).request("OPTIONS").header("Allow") == "GET, HEAD, PUT, TRACE, OPTIONS"


@pytest.mark.rules("RT-HTTP-07")
def test_trace_sends_the_head_back(main):
    answer = main(Nothing).request("TRACE", "/a%20b?q=1", "X-A: 1", "X-B: 2", "x-a: 3", "Cookie: a=secret")
    assert (answer.status, answer.header("Content-Type")) == (200, "message/http")
    assert answer.header("Content-Length") == str(len(answer.body))
    first, *lines, last = answer.text.split("\r\n")
    assert (first, last) == ("TRACE /app/a%20b HTTP/1.1", "")
    sent = ["connection: close", "host: test.example", "x-a: 1", "x-a: 3", "x-b: 2"]
    assert sorted(line.lower() for line in lines) == sent


SENSITIVE = [
    "Authorization",
    "authorization-token",
    "Cookie",
    "COOKIE2",
    "X-Forwarded-For",
    "x-forwarded",
    "Forwarded",
    "Proxy-Authorization",
]


@pytest.mark.rules("RT-HTTP-08")
def test_trace_leaves_sensitive_headers_out(main):
    answer = main(Nothing).request(
        "TRACE", "/", *(f"{name}: secret" for name in SENSITIVE), "X-Cookie: shown"
    )
    assert "secret" not in answer.text
    assert "X-Cookie: shown" in answer.text


@pytest.mark.rules("RT-HTTP-08")
def test_a_servlet_may_decide_what_is_sensitive(main):
    class Main(HttpServlet):
        def isSensitiveHeader(self, headerName: str) -> bool:
            return headerName == "X-Secret"

    answer = main(Main).request("TRACE", "/", "X-Secret: secret", "Cookie: shown")
    assert ("secret" in answer.text, "shown" in answer.text) == (False, True)


# --- getLastModified --------------------------------------------------------------------------------------


def date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def modified(milliseconds: int, sets: int | None = None) -> type[HttpServlet]:
    class Main(HttpServlet):
        def getLastModified(self, request) -> int:
            return milliseconds

        def doGet(self, request, response) -> None:
            if sets is not None:
                response.setDateHeader("Last-Modified", sets)
            response.setHeader("X-Called", request.getMethod())

        def doPost(self, request, response) -> None:
            self.doGet(request, response)

    return Main


def conditional(answer) -> tuple[int, str | None, str | None]:
    return answer.status, answer.header("Last-Modified"), answer.header("X-Called")


@pytest.mark.rules("RT-HTTP-09")
def test_without_a_known_time_nothing_is_conditional(main):
    answer = main(writes("doGet")).get("/", f"If-Modified-Since: {date(2**31)}")
    assert (answer.status, answer.header("Last-Modified"), answer.text) == (200, None, "doGet")


@pytest.mark.rules("RT-HTTP-10")
@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (None, (200, date(1000), "GET")),
        (999, (200, date(1000), "GET")),
        (1000, (304, None, None)),
        (1001, (304, None, None)),
    ],
)
def test_a_get_with_a_known_time(main, since, expected):
    headers = [] if since is None else [f"If-Modified-Since: {date(since)}"]
    assert conditional(main(modified(1_000_000)).get("/", *headers)) == expected


@pytest.mark.rules("RT-HTTP-10")
def test_a_304_is_a_set_status_without_an_error_page(main):
    page = "<error-page><location>/page.txt</location></error-page>"
    answer = main(modified(1_000_000), more=page).get("/", f"If-Modified-Since: {date(1000)}")
    assert (answer.status, answer.body) == (304, b"")


@pytest.mark.rules("RT-HTTP-10")
def test_a_date_that_is_there_already_stays(main):
    class Dates(Filter):
        def doFilter(self, request, response, chain) -> None:
            response.setDateHeader("Last-Modified", 5_000)
            chain.doFilter(request, response)

    more = """<filter><filter-name>f</filter-name><filter-class>app.Dates</filter-class></filter>
      <filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"""
    answer = main(modified(1_000_000), more=more, classes=[Dates]).get()
    assert answer.all("Last-Modified") == [date(5)]


@pytest.mark.rules("RT-HTTP-11")
@pytest.mark.parametrize(("since", "status"), [(999, 200), (1000, 304)])
def test_fractions_of_a_second_do_not_count(main, since, status):
    app = main(modified(1_000_999))
    assert app.get("/", f"If-Modified-Since: {date(since)}").status == status
    assert app.get().header("Last-Modified") == date(1000)


@pytest.mark.rules("RT-HTTP-12")
@pytest.mark.parametrize("value", ["yesterday", "", "1000", "Thu, 99 Jan 1970 00:00:00 GMT", "\xff"])
def test_a_date_that_cannot_be_read_is_ignored(main, value):
    answer = main(modified(1_000_000)).get("/", f"If-Modified-Since: {value}")
    assert conditional(answer) == (200, date(1000), "GET")


@pytest.mark.rules("RT-HTTP-13")
@pytest.mark.parametrize("headers", [[], [f"If-Modified-Since: {date(2000)}"]])
def test_head_has_the_date_and_is_never_304(main, headers):
    assert conditional(main(modified(1_000_000)).request("HEAD", "/", *headers)) == (200, date(1000), "HEAD")


@pytest.mark.rules("RT-HTTP-14")
@pytest.mark.parametrize(("milliseconds", "shown"), [(0, date(0)), (-1, None), (-5000, None), (1, date(0))])
def test_negative_times_are_unknown(main, milliseconds, shown):
    assert main(modified(milliseconds)).get().header("Last-Modified") == shown


@pytest.mark.rules("RT-HTTP-10", "RT-HTTP-16")
@pytest.mark.parametrize("method", ["POST", "QUERY"])
def test_other_methods_are_not_conditional(main, method):
    class Main(modified(1_000_000)):
        def doQuery(self, request, response) -> None:
            self.doGet(request, response)

    answer = main(Main).request(method, "/", f"If-Modified-Since: {date(2000)}")
    assert conditional(answer) == (200, None, method)


@pytest.mark.rules("RT-HTTP-15")
def test_objects_that_are_not_of_http_are_refused(main):
    class Plain(ServletRequest, ServletResponse):
        pass

    class Main(HttpServlet):
        def doGet(self, request, response) -> None:
            for pair in (request, Plain()), (Plain(), response):
                with pytest.raises(ServletException):
                    self.service(*pair)
            response.getWriter().write("refused")

    assert main(Main).get().text == "refused"


@pytest.mark.rules("RT-HTTP-01")
@pytest.mark.parametrize(
    "raised", [ValueError, OSError, SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError, MemoryError]
)
@pytest.mark.parametrize("name", ["doGet", "getLastModified"])
def test_whatever_a_servlet_raises_is_a_500_and_the_next_request_is_served(main, raised, name):
    def fails(self, *arguments):
        if arguments[0].getParameter("fail"):
            raise raised("a mistake")
        return -1

    app = main(type("Main", (HttpServlet,), {"doGet": lambda *arguments: None, name: fails}))
    answer = app.get("/?fail=1")
    assert (answer.status, "Internal Server Error" in answer.text) == (500, True)
    assert app.get().status == 200
