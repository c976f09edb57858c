"""GenericServlet and HttpServlet: init in both forms, dispatch by method, conditional GET, OPTIONS, TRACE."""

from __future__ import annotations

import pytest

from container.servlet import (
    Enumeration,
    GenericServlet,
    HttpServlet,
    HttpServletRequest,
    HttpServletResponse,
    IllegalArgumentException,
    IllegalStateException,
    PrintWriter,
    ServletConfig,
    ServletContext,
    ServletException,
    ServletOutputStream,
    ServletRequest,
    ServletResponse,
)

TEN_AM = 1_700_000_000_000  # epoch ms, a whole second


class Log(ServletContext):
    def __init__(self):
        self.lines = []

    def log(self, msg, throwable=None):
        self.lines.append((msg, throwable))


class Config(ServletConfig):
    def __init__(self, **parameters: str):
        self.parameters = parameters
        self.context = Log()

    def getServletName(self):
        return "cart"

    def getServletContext(self):
        return self.context

    def getInitParameter(self, name):
        return self.parameters.get(name.replace(".", "_"))

    def getInitParameterNames(self):
        return Enumeration(self.parameters)


class Request(HttpServletRequest):
    def __init__(self, method="GET", protocol="HTTP/1.1", headers=(), since=-1):
        self.method, self.protocol, self.headers, self.since = method, protocol, list(headers), since

    def getMethod(self):
        return self.method

    def getProtocol(self):
        return self.protocol

    def getRequestURI(self):
        return "/shop/cart%20;x=1"

    def getDateHeader(self, name):
        assert name == "If-Modified-Since"
        if isinstance(self.since, str):
            raise IllegalArgumentException(self.since)
        return self.since

    def getHeaderNames(self):
        return Enumeration(dict.fromkeys(name for name, _ in self.headers))

    def getHeaders(self, name):
        return Enumeration(value for key, value in self.headers if key == name)


class Stream(ServletOutputStream):
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


class Writer(PrintWriter):
    def write(self, text):
        return len(text)


class Response(HttpServletResponse):
    def __init__(self):
        self.status, self.headers, self.stream = 200, {}, Stream()

    def sendError(self, sc, msg=None):
        self.status, self.message = sc, msg

    def setStatus(self, sc):
        self.status = sc

    def setHeader(self, name, value):
        self.headers[name] = value

    def setDateHeader(self, name, ms):
        self.headers[name] = ms

    def containsHeader(self, name):
        return name in self.headers

    def setContentType(self, type):
        self.headers["Content-Type"] = type

    def setContentLength(self, len):
        self.headers["Content-Length"] = len

    def setContentLengthLong(self, len):
        self.headers["Content-Length"] = len

    def getCharacterEncoding(self):
        return "UTF-8"

    def getOutputStream(self):
        return self.stream

    def getWriter(self):
        return Writer()

    def resetBuffer(self):
        pass

    def reset(self):
        pass


def answer(servlet: HttpServlet, method="GET", **request) -> Response:
    servlet.service(Request(method, **request), response := Response())
    return response


# init


def test_init_with_config_stores_it():
    class Cart(GenericServlet):
        def init(self, config):
            super().init(config)
            self.currency = self.getInitParameter("currency")

    servlet = Cart()
    servlet.init(config := Config(currency="EUR"))
    assert servlet.getServletConfig() is config
    assert servlet.currency == "EUR"
    assert servlet.getServletName() == "cart"
    assert servlet.getServletContext() is config.context
    assert list(servlet.getInitParameterNames()) == ["currency"]
    assert servlet.getServletInfo() == ""
    assert servlet.destroy() is None


def test_init_without_parameter_finds_the_config_stored():
    class Cart(HttpServlet):
        def init(self):
            super().init()
            self.currency = self.getInitParameter("currency")

    servlet = Cart()
    servlet.init(Config(currency="EUR"))
    assert servlet.currency == "EUR"


def test_init_with_config_and_no_super_call_works_for_its_own_methods():
    class Cart(HttpServlet):
        def init(self, config):
            self.name = config.getServletName()

        def doGet(self, req, resp):
            resp.setHeader("X-Name", self.name)

    servlet = Cart()
    servlet.init(Config())
    assert answer(servlet).headers == {"X-Name": "cart"}
    assert servlet.getServletConfig() is None
    with pytest.raises(IllegalStateException, match=r"Cart.*super\(\)\.init\(config\)"):
        servlet.getInitParameter("currency")


def calls_of(*bodies: str) -> list[str]:
    """Build a line of classes, each with its form of init, and return whose init ran."""
    calls = []
    cls = GenericServlet

    def define(base: type, name: str, form: str) -> type:
        class Made(base):
            if form == "config":

                def init(self, config):
                    super().init(config)
                    calls.append(name)

            elif form == "hook+super":

                def init(self):
                    super().init()
                    calls.append(name)

            elif form == "hook":

                def init(self):
                    calls.append(name)

        return Made

    for name, form in zip("ABC", bodies, strict=False):
        cls = define(cls, name, form)
    servlet = cls()
    servlet.init(config := Config())
    assert servlet.getServletConfig() is config
    return calls


@pytest.mark.parametrize(
    ("forms", "calls"),
    [
        (["hook", "none"], ["A"]),  # inherited
        (["hook", "config"], ["A", "B"]),  # init(config) reaches the inherited hook
        (["config", "hook"], ["A", "B"]),  # init(config) calls the overriding hook, as in Java
        (["hook", "hook"], ["B"]),  # the hook is overridden
        (["hook", "hook+super"], ["A", "B"]),
        (["hook", "hook+super", "config"], ["A", "B", "C"]),
        (["config", "hook", "hook+super"], ["A", "B", "C"]),
    ],
)
def test_init_forms_mix_in_one_line_of_classes(forms: list[str], calls: list[str]):
    assert calls_of(*forms) == calls


def test_init_with_a_default_or_any_arguments_is_called_with_the_config():
    class Default(GenericServlet):
        def init(self, config=None):
            self.seen = config

    class Any(GenericServlet):
        def init(self, *args):
            (self.seen,) = args

    for cls in (Default, Any):
        servlet = cls()
        servlet.init(config := Config())
        assert servlet.seen is config


@pytest.mark.parametrize(
    "call",
    [
        GenericServlet.getServletName,
        GenericServlet.getServletContext,
        GenericServlet.getInitParameterNames,
        lambda servlet: servlet.getInitParameter("x"),
    ],
)
def test_before_init_is_illegal_state(call):
    assert GenericServlet().getServletConfig() is None
    with pytest.raises(IllegalStateException):
        call(GenericServlet())


def test_a_constructor_need_not_call_super():
    class Cart(HttpServlet):
        def __init__(self):
            self.items = []

    servlet = Cart()
    servlet.init(Config())
    assert servlet.getServletName() == "cart"


def test_log_has_the_servlets_name_before_it():
    servlet = GenericServlet()
    servlet.init(config := Config())
    servlet.log("hello")
    servlet.log("failed", error := OSError())
    assert config.context.lines == [("cart: hello", None), ("cart: failed", error)]


# service


class All(HttpServlet):
    """Answers every method with its handler's name."""


for name in ["doGet", "doHead", "doPost", "doPut", "doPatch", "doDelete", "doOptions", "doTrace", "doQuery"]:
    setattr(All, name, lambda self, req, resp, name=name: resp.setHeader("X-Did", name))


@pytest.mark.parametrize(  # RT-HTTP-01
    ("method", "handler"),
    [
        ("GET", "doGet"),
        ("HEAD", "doHead"),
        ("POST", "doPost"),
        ("PUT", "doPut"),
        ("DELETE", "doDelete"),
        ("OPTIONS", "doOptions"),
        ("TRACE", "doTrace"),
        ("PATCH", "doPatch"),
        ("QUERY", "doQuery"),
    ],
)
def test_rt_http_01_method_calls_its_handler(method: str, handler: str):
    assert answer(All(), method).headers["X-Did"] == handler


@pytest.mark.parametrize("method", ["PROPFIND", "get", "doGet", "", "CONNECT"])
def test_rt_http_02_other_methods_are_not_implemented(method: str):
    assert answer(All(), method).status == 501


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY"])
@pytest.mark.parametrize(
    ("protocol", "status"), [("HTTP/1.1", 405), ("HTTP/2.0", 405), ("HTTP/1.0", 400), ("HTTP/0.9", 400)]
)
def test_rt_http_03_what_is_not_overridden_is_refused(method: str, protocol: str, status: int):
    response = answer(HttpServlet(), method, protocol=protocol)
    assert response.status == status
    assert method in response.message


class Hello(HttpServlet):
    def doGet(self, req, resp):
        resp.getWriter().print("grüß")
        resp.setHeader("X-Did", "doGet")


def test_rt_http_04_head_does_as_get():
    assert answer(Hello(), "HEAD").headers == {"X-Did": "doGet"}


def test_rt_http_15_only_http_objects_are_served():
    for request, response in [(ServletRequest(), Response()), (Request(), ServletResponse())]:
        with pytest.raises(ServletException, match="Hello"):
            Hello().service(request, response)


def test_the_answer_of_a_handler_is_passed_on():
    """So that the container can await what ``async def doGet`` returns."""

    class Later(HttpServlet):
        async def doGet(self, req, resp):
            return None

    coroutine = Later().service(Request(), Response())
    assert coroutine.__name__ == "doGet"
    coroutine.close()


# legacyDoHead


def legacy(servlet: HttpServlet) -> HttpServlet:
    servlet.init(Config(jakarta_servlet_http_legacyDoHead="True"))
    return servlet


def test_rt_http_05_legacy_head_counts_the_body_of_get():
    class Both(HttpServlet):
        def doGet(self, req, resp):
            if req.getProtocol() == "HTTP/1.1":
                out = resp.getOutputStream()
                out.write(b"12345")
                out.write(0x36)
            else:
                with resp.getWriter() as out:
                    out.println("grüß")
                    out.flush()
                    assert not out.checkError()

    assert answer(legacy(Both()), "HEAD").headers == {"Content-Length": 6}
    assert answer(legacy(Both()), "HEAD", protocol="HTTP/1.0").headers == {"Content-Length": 7}


def test_rt_http_05_legacy_head_keeps_a_length_and_forgets_with_the_buffer():
    class Declared(HttpServlet):
        def doGet(self, req, resp):
            resp.setContentLength(3)
            resp.getOutputStream().write(b"12345")

    class Twice(HttpServlet):
        def doGet(self, req, resp):
            resp.getOutputStream().write(b"12345")
            resp.resetBuffer()
            resp.getOutputStream().write(b"1")
            resp.reset()
            resp.getOutputStream().write(b"12")

    assert answer(legacy(Declared()), "HEAD").headers == {"Content-Length": 3}
    assert answer(legacy(Twice()), "HEAD").headers == {"Content-Length": 2}


def test_rt_http_05_legacy_needs_the_parameter():
    servlet = Hello()
    servlet.init(Config(jakarta_servlet_http_legacyDoHead="yes"))
    assert "Content-Length" not in answer(servlet, "HEAD").headers


# OPTIONS and TRACE


@pytest.mark.parametrize(
    ("handlers", "allow"),
    [
        ([], "TRACE, OPTIONS"),
        (["doGet"], "GET, HEAD, TRACE, OPTIONS"),
        (["doHead"], "TRACE, OPTIONS"),
        (["doDelete", "doPut", "doPost", "doPatch"], "PATCH, POST, PUT, DELETE, TRACE, OPTIONS"),
        (["doGet", "doQuery", "doTrace", "doOptions"], "GET, HEAD, TRACE, QUERY, OPTIONS"),
    ],
)
def test_rt_http_06_allow_names_what_is_overridden(handlers: list[str], allow: str):
    base = type(
        "Base", (HttpServlet,), {name: getattr(All, name) for name in handlers if name != "doOptions"}
    )
    assert answer(type("Derived", (base,), {})(), "OPTIONS").headers == {"Allow": allow}


def test_rt_http_06_mixins_count():
    class Gets:
        def doGet(self, req, resp):
            pass

    class Mixed(Gets, HttpServlet):
        pass

    assert answer(Mixed(), "OPTIONS").headers["Allow"] == "GET, HEAD, TRACE, OPTIONS"


def test_rt_http_07_trace_sends_the_head_back():
    headers = [("Host", "x"), ("Accept", "a"), ("Accept", "b"), ("Cookie", "secret")]
    response = answer(HttpServlet(), "TRACE", headers=headers)
    expected = b"TRACE /shop/cart%20;x=1 HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\n"
    assert response.stream.data == expected
    assert response.headers == {"Content-Type": "message/http", "Content-Length": len(expected)}


@pytest.mark.parametrize(
    ("name", "sensitive"),
    [
        ("Authorization", True),
        ("AUTHORIZATION-x", True),
        ("cookie2", True),
        ("X-Forwarded-For", True),
        ("Forwarded", True),
        ("Proxy-Authorization", True),
        ("Set-Cookie", False),
        ("Host", False),
    ],
)
def test_rt_http_08_sensitive_headers(name: str, sensitive: bool):
    assert HttpServlet().isSensitiveHeader(name) is sensitive


# getLastModified


class Dated(Hello):
    modified = TEN_AM

    def getLastModified(self, req):
        return self.modified


def test_rt_http_09_without_a_time_nothing_is_conditional():
    class Unknown(Dated):
        modified = -1

    for servlet in (Hello(), Unknown()):
        assert answer(servlet, since=TEN_AM).headers == {"X-Did": "doGet"}


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (-1, 200),  # RT-HTTP-10: no header
        (TEN_AM - 1000, 200),
        (TEN_AM, 304),
        (TEN_AM + 1000, 304),
        ("next Tuesday", 200),  # RT-HTTP-12
    ],
)
@pytest.mark.parametrize("modified", [TEN_AM, TEN_AM + 999])  # RT-HTTP-11: fractions do not count
def test_rt_http_10_conditional_get(since: int | str, status: int, modified: int):
    servlet = Dated()
    servlet.modified = modified
    response = answer(servlet, since=since)
    assert response.status == status
    assert response.headers == ({} if status == 304 else {"Last-Modified": TEN_AM, "X-Did": "doGet"})


def test_rt_http_10_a_date_that_is_set_stays():
    Dated().service(Request(), response := Response())
    response.headers["Last-Modified"] = 1
    Dated().service(Request(), response)
    assert response.headers["Last-Modified"] == 1


def test_rt_http_13_head_has_the_date_and_no_condition():
    response = answer(Dated(), "HEAD", since=TEN_AM)
    assert (response.status, response.headers) == (200, {"Last-Modified": TEN_AM, "X-Did": "doGet"})


def test_rt_http_14_negative_times_are_unknown():
    servlet = Dated()
    servlet.modified = -5000
    assert answer(servlet, since=TEN_AM).headers == {"X-Did": "doGet"}


def test_subclasses_inherit_the_condition():
    class More(Dated):
        pass

    assert answer(More(), since=TEN_AM).status == 304
