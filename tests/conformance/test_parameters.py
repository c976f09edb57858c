"""Parameters (6.1): out of the query string and a form."""

from __future__ import annotations

import logging

import pytest

from container.servlet import HttpServlet


def everything(request):
    return {name: list(values) for name, values in request.getParameterMap().items()}


@pytest.mark.rules("RT-PAR-01")
def test_the_query_comes_before_the_form(tell):
    app = tell(everything)
    found = app.post("/?a=hello&c=1", "a=goodbye&a=world&b=2").json
    assert found == {"a": ["hello", "goodbye", "world"], "c": ["1"], "b": ["2"]}


@pytest.mark.rules("RT-PAR-02", "RT-PAR-03")
@pytest.mark.parametrize(
    ("method", "content_type", "parsed"),
    [
        ("POST", "application/x-www-form-urlencoded", True),
        ("POST", "application/x-www-form-urlencoded; charset=UTF-8; x=y", True),
        ("POST", "Application/X-WWW-Form-Urlencoded", True),
        ("POST", "application/x-www-form-urlencoded2", False),
        ("POST", "text/plain", False),
        ("POST", "multipart/form-data; boundary=x", False),
        ("PUT", "application/x-www-form-urlencoded", False),
        ("PATCH", "application/x-www-form-urlencoded", False),
        ("GET", "application/x-www-form-urlencoded", False),
    ],
)
def test_which_bodies_are_forms_and_the_others_stay_readable(tell, method, content_type, parsed):
    app = tell(lambda request: [request.getParameter("a"), request.getInputStream().read().decode()])
    found = app.request(method, "/", f"Content-Type: {content_type}", body="a=1&b=2").json
    assert found == (["1", ""] if parsed else [None, "a=1&b=2"])


@pytest.mark.rules("RT-PAR-03")
def test_a_form_nobody_asked_for_stays_readable(tell):
    app = tell(lambda request: request.getReader().read())
    assert app.post("/?a=0", "a=1").json == "a=1"


@pytest.mark.rules("RT-PAR-04")
@pytest.mark.parametrize("method", ["getInputStream", "getReader"])
def test_a_form_whose_stream_was_taken_is_not_parsed(tell, method):
    def ask(request):
        getattr(request, method)()
        return everything(request)

    assert tell(ask).post("/?q=1", "a=1").json == {"q": ["1"]}


@pytest.mark.rules("RT-PAR-05")
@pytest.mark.parametrize(
    ("ask", "found"),
    [
        (lambda r: r.getParameter("a"), "1"),
        (lambda r: r.getParameterValues("a"), ["1", "2"]),
        (lambda r: [r.getParameter("x"), r.getParameterValues("x")], [None, None]),
        (lambda r: r.getParameter("A"), None),
        (lambda r: list(r.getParameterNames()), ["a", "b"]),
        (lambda r: [lambda: r.getParameterMap().__setitem__("a", [])], ["AttributeError"]),
        (lambda r: [r.getParameterValues("a").clear(), r.getParameter("a")], [None, "1"]),
    ],
)
def test_the_four_methods(tell, ask, found):
    assert tell(ask).get("/?a=1&b&a=2").json == found


@pytest.mark.rules("RT-PAR-05")
def test_no_parameters_at_all(tell):
    app = tell(lambda r: [r.getParameter("a"), list(r.getParameterNames()), everything(r)])
    assert app.get("/").json == [None, [], {}]


@pytest.mark.rules("RT-PAR-06")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a", {"a": [""]}),
        ("a=", {"a": [""]}),
        ("a&a=&a=1", {"a": ["", "", "1"]}),
        ("a==&b=c=d", {"a": ["="], "b": ["c=d"]}),
        ("=1&&=&", {}),
        ("a+b=c+d&%20=%2B", {"a b": ["c d"], " ": ["+"]}),
        ("a;b=1", {"a;b": ["1"]}),
        ("a%3Db=%26", {"a=b": ["&"]}),
        ("a=%00", {"a": ["\0"]}),
    ],
)
def test_pairs(tell, query, found):
    app = tell(everything)
    assert app.get(f"/?{query}").json == found
    assert app.post("/", query).json == found


@pytest.mark.rules("RT-PAR-07")
def test_path_parameters_are_none(tell):
    assert tell(everything).get("/x;a=1/y;b=2?c=3").json == {"c": ["3"]}


@pytest.mark.rules("RT-PAR-08")
def test_the_query_is_utf_8_whatever_the_body_is(tell):
    app = tell(everything)
    answer = app.post(
        "/?q=%C3%A9", b"b=%E9", "Content-Type: application/x-www-form-urlencoded;charset=latin1"
    )
    assert answer.json == {"q": ["é"], "b": ["é"]}


@pytest.mark.rules("RT-PAR-09")
@pytest.mark.parametrize(
    ("charset", "body", "value"),
    [
        ("", b"a=%C3%A9", "Ã©"),
        ("", b"a=abc", "abc"),
        ("charset=UTF-8", b"a=%C3%A9", "é"),
        ("charset=UTF-8", "a=é".encode(), "é"),
        ("charset=ISO-8859-2", b"a=%E6", "ć"),
        ('charset="utf-8"', b"a=%C3%A9", "é"),
        ("charset=bogus", b"a=%C3%A9", "Ã©"),
    ],
)
def test_the_encoding_of_a_form(tell, charset, body, value):
    app = tell(lambda request: request.getParameter("a"))
    assert app.post("/", body, f"Content-Type: application/x-www-form-urlencoded;{charset}").json == value


ASKED = [
    lambda r: r.getParameter("a"),
    lambda r: r.getParameterValues("a"),
    lambda r: list(r.getParameterNames()),
    lambda r: dict(r.getParameterMap()),
]


@pytest.mark.rules("RT-PAR-10")
@pytest.mark.parametrize("data", ["a=%", "a=%zz", "%4=1", "b=1&a=%u0041", "a=%E9", "%C0%AF=1"])
@pytest.mark.parametrize("place", ["query", "form"])
def test_what_cannot_be_decoded_is_refused_by_each_of_the_four(tell, data, place):
    app = tell(lambda request: [lambda ask=ask: ask(request) for ask in ASKED * 2])
    if place == "query":
        answer = app.get(f"/?{data}")
    else:
        answer = app.post("/", data, "Content-Type: application/x-www-form-urlencoded;charset=utf-8")
    assert answer.json == ["IllegalStateException"] * 8


@pytest.mark.rules("RT-PAR-10")
@pytest.mark.parametrize(
    ("settings", "query", "body", "status", "limit"),
    [
        ({}, "a=%", "", 400, ""),
        ({"max_form_bytes": 7}, "", "a=1&b=22", 413, "--max-form-bytes"),
        ({"max_parameter_count": 2}, "a&b&c", "", 400, "--max-parameter-count"),
        ({"max_parameter_count": 2}, "a&b", "c=1", 400, "--max-parameter-count"),
    ],
)
def test_uncaught_it_is_the_clients_fault_and_a_limit_is_named(
    tell, caplog, settings, query, body, status, limit
):
    app = tell(everything, **settings)
    with caplog.at_level(logging.WARNING, "container.engine"):
        answer = app.post(f"/?{query}", body)
    assert answer.status == status
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [warning.rpartition("the limit is ")[2] for warning in warnings] == ([limit] if limit else [])


def test_only_the_containers_own_exceptions_say_what_is_answered(tell):
    class UpstreamError(Exception):
        status = 404

    def ask(request):
        raise UpstreamError

    assert tell(ask).get("/").status == 500


@pytest.mark.rules("RT-PAR-10")
def test_a_limit_of_a_chunked_form(tell):
    app = tell(everything, max_form_bytes=7)
    head = b"POST /app/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    statuses = [
        app.send(head + form + b"3\r\na=1\r\n" + rest + b"0\r\n\r\n", "POST")[0].status
        for rest in (b"4\r\n&b=2\r\n", b"5\r\n&b=22\r\n")
    ]
    assert statuses == [200, 413]


@pytest.mark.rules("RT-PAR-10")
def test_a_form_over_the_limit_stays_refused_and_is_logged_once(tell, caplog):
    app = tell(lambda request: [lambda ask=ask: ask(request) for ask in ASKED], max_form_bytes=7)
    with caplog.at_level(logging.WARNING, "container.engine"):
        assert app.post("/", "a=1&b=22").json == ["IllegalStateException"] * 4
    assert len(caplog.records) == 1


@pytest.mark.rules("RT-PAR-10")
def test_no_limits(tell):
    app = tell(lambda r: len(r.getParameterMap()), max_form_bytes=0, max_parameter_count=0)
    assert app.post("/", "&".join(f"p{n}={n}" for n in range(3000))).json == 3000


@pytest.mark.rules("RT-PAR-12")
def test_parameters_of_a_dispatchers_query_come_first_and_only_for_the_target(deploy):
    class Front(HttpServlet):
        def doPost(self, request, response):
            before = everything(request)
            request.getRequestDispatcher("/target?a=inner&b=2").include(request, response)
            response.getWriter().write(f"{before} {everything(request)}")

    class Target(HttpServlet):
        def doPost(self, request, response):
            response.getWriter().write(f"{everything(request)} ")

    mapped = "".join(
        f"<servlet><servlet-name>{name}</servlet-name><servlet-class>app.{name}</servlet-class></servlet>"
        f"<servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>/{name.lower()}</url-pattern>"
        "</servlet-mapping>"
        for name in ("Front", "Target")
    )
    answer = deploy(f"<web-app>{mapped}</web-app>", classes=[Front, Target]).post("/front?a=outer", "c=3")
    own = "{'a': ['outer'], 'c': ['3']}"
    assert answer.text == f"{{'a': ['inner', 'outer'], 'b': ['2'], 'c': ['3']}} {own} {own}"


@pytest.mark.rules("RT-PAR-12", "RT-PAR-10")
def test_a_bad_query_of_a_dispatcher_does_no_harm_after_it(tell):
    def ask(request):
        if request.getDispatcherType().name == "INCLUDE":
            return dict(request.getParameterMap())
        try:
            request.getRequestDispatcher("/x?a=%zz").include(request, request._response)
        except RuntimeError:
            return everything(request)

    assert tell(ask).get("/?q=1").json == {"q": ["1"]}
