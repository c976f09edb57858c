"""Cookies a client sends (6.5) and cookies a servlet adds (RT-RHD)."""

from __future__ import annotations

import logging

import pytest

from container.servlet import Cookie


def pairs(request):
    cookies = request.getCookies()
    return cookies if cookies is None else [[cookie.getName(), cookie.getValue()] for cookie in cookies]


@pytest.mark.rules("RT-CKI-01", "RT-CKI-03")
@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("a=1; b=2", [["a", "1"], ["b", "2"]]),
        ("a=1;b=2", [["a", "1"], ["b", "2"]]),
        ("a=1; a=2; A=3", [["a", "1"], ["a", "2"], ["A", "3"]]),
        ("a=1=2", [["a", "1=2"]]),
        (" a =\t1 ;b", [["a", "1"], ["b", ""]]),
        ('a="1"; b=""; c="2', [["a", "1"], ["b", ""], ["c", "2"]]),
        ("$Version=0; __Host-a=1; a.b=%41", [["$Version", "0"], ["__Host-a", "1"], ["a.b", "%41"]]),
        ("a=1 2; b=x,y; c=\\z; d=3", [["d", "3"]]),
        ("a/b=1; a b=2; =3; c=4", [["c", "4"]]),
        ('a=1"; b="2"3; c="4', [["c", "4"]]),
        ("a=\xc3\xa9; b=\xe9", [["a", "é"], ["b", "\ufffd"]]),
        (";", None),
        ("", None),
        ("=", None),
        ("a=1,b=2", None),
    ],
)
def test_the_cookie_header(tell, sent, found):
    assert tell(pairs).get("/", f"Cookie: {sent}").json == found


@pytest.mark.rules("RT-CKI-01")
def test_no_cookies_are_none_and_the_list_is_a_copy(tell):
    app = tell(lambda r: [r.getCookies() and r.getCookies().clear(), pairs(r)])
    assert app.get("/").json == [None, None]
    assert app.get("/", "Cookie: a=1").json == [None, [["a", "1"]]]


@pytest.mark.rules("RT-CKI-03")
def test_several_headers_are_one_list(tell):
    assert tell(pairs).get("/", "Cookie: a=1", "Cookie: b=2").json == [["a", "1"], ["b", "2"]]


@pytest.mark.rules("RT-CKI-02")
def test_attributes_are_unset(tell):
    def ask(request):
        cookie = request.getCookies()[0]
        return [cookie.getPath(), cookie.getDomain(), cookie.getMaxAge(), cookie.getSecure(),
                cookie.isHttpOnly(), dict(cookie.getAttributes())]  # fmt: skip

    app = tell(ask)
    assert app.get("/", "Cookie: a=1; Path=/x; Secure").json == [None, None, -1, False, False, {}]


def test_too_many_cookies_are_refused_and_the_limit_is_named(tell, caplog):
    app = tell(pairs, max_cookie_count=2)
    with caplog.at_level(logging.WARNING, "container.engine"):
        assert [app.get("/", f"Cookie: {sent}").status for sent in ("a=1;b=2", "a=1;b=2;c=3")] == [200, 400]
    assert [r.getMessage().rpartition("is ")[2] for r in caplog.records] == ["--max-cookie-count"]


# The session's id

ID = "0123456789ABCDEF0123456789ABCDEF"


def id_facts(request):
    return [request.getRequestedSessionId(), request.isRequestedSessionIdFromCookie(),
            request.isRequestedSessionIdFromURL(), request.isRequestedSessionIdValid()]  # fmt: skip


BOTH = (
    "<session-config><tracking-mode>COOKIE</tracking-mode><tracking-mode>URL</tracking-mode></session-config>"
)


@pytest.mark.rules("RT-CKI-04", "RT-CKI-05")
@pytest.mark.parametrize(
    ("path", "cookie", "found"),
    [
        ("/", "", [None, False, False, False]),
        ("/", f"JSESSIONID={ID}", [ID, True, False, False]),
        (f"/x;jsessionid={ID}", "", [ID, False, True, False]),
        ("/x;jsessionid=other", f"JSESSIONID={ID}", [ID, True, False, False]),
        ("/", "JSESSIONID=what/ever", ["what/ever", True, False, False]),
        ("/", f"jsessionid={ID}", [None, False, False, False]),
        ("/", "JSESSIONID=", ["", True, False, False]),
        ("/", f"JSESSIONID=first; JSESSIONID={ID}", [ID, True, False, False]),
        ("/", "JSESSIONID=a b", [None, False, False, False]),
        (f"/x;jsessionid={ID}", "JSESSIONID=", ["", True, False, False]),
        ("/x;jsessionid=", "", ["", False, True, False]),
        ("/x;jsessionid=%41", "", ["%41", False, True, False]),
    ],
)
def test_the_id_that_the_client_sent(tell, path, cookie, found):
    headers = [f"Cookie: {cookie}"] if cookie else []
    assert tell(id_facts, BOTH).get(path, *headers).json == found


@pytest.mark.rules("RT-CKI-04", "RT-CKI-05")
def test_an_id_is_valid_while_its_session_lives(tell):
    def ask(request):
        if request.getPathInfo() == "/begin":
            return request.getSession().getId()
        if request.getPathInfo() == "/end":
            request.getSession().invalidate()
        return id_facts(request)

    app = tell(ask, BOTH)
    session_id = app.get("/begin").json
    cookie = f"Cookie: JSESSIONID={session_id}"
    assert app.get("/", cookie).json == [session_id, True, False, True]
    assert app.get(f"/;jsessionid={session_id}").json == [session_id, False, True, True]
    assert app.get("/end", cookie).json == [session_id, True, False, False]
    assert app.get("/", cookie).json == [session_id, True, False, False]


# What a servlet adds


def add(serve, *cookies, before=None):
    def service(request, response):
        if before is not None:
            before(response)
        for cookie in cookies:
            response.addCookie(cookie)

    return serve(service).get("/").all("Set-Cookie")


def cookie(value="1", **attributes):
    made = Cookie("a", value)
    for name, attribute in attributes.items():
        made.setAttribute(name.replace("_", "-"), attribute)
    return made


@pytest.mark.rules("RT-RHD-09")
def test_one_set_cookie_for_each_call_in_order(serve):
    again = cookie("3")
    assert add(serve, cookie("1"), Cookie("b", "2"), again, again) == ["a=1", "b=2", "a=3", "a=3"]


@pytest.mark.rules("RT-RHD-09")
def test_after_the_commit_it_is_too_late(serve):
    assert add(serve, cookie("1"), before=lambda response: response.flushBuffer()) == []


@pytest.mark.rules("RT-RHD-09")
def test_an_added_cookie_joins_a_header_that_was_set(serve):
    set_by_hand = add(serve, cookie("2"), before=lambda r: r.addHeader("Set-Cookie", "raw=1; Path=/"))
    assert set_by_hand == ["raw=1; Path=/", "a=2"]


@pytest.mark.rules("RT-RHD-10")
@pytest.mark.parametrize(
    ("made", "written"),
    [
        (cookie(), {"a=1"}),
        (cookie(""), {"a="}),
        (cookie(None), {"a="}),
        (cookie('"quoted"'), {'a="quoted"'}),
        (cookie("é"), {"a=\xc3\xa9"}),
        (cookie(Path="/x y", Domain="Example.ORG"), {"a=1", "Path=/x y", "Domain=Example.ORG"}),
        (cookie(Secure="", HttpOnly="", Partitioned=""), {"a=1", "Secure", "HttpOnly", "Partitioned"}),
        (cookie(SameSite="Lax", Priority="High"), {"a=1", "SameSite=Lax", "Priority=High"}),
        (cookie(max_age="60"), {"a=1", "Max-Age=60"}),
        (cookie(max_age="-1"), {"a=1"}),
        (cookie(Path=None), {"a=1"}),
    ],
)
def test_how_a_cookie_is_written(serve, made, written):
    (line,) = add(serve, made)
    pieces = line.split("; ")
    assert pieces[0] in written
    assert {piece for piece in pieces if not piece.startswith("Expires=")} == written


@pytest.mark.rules("RT-RHD-10")
def test_a_max_age_of_0_deletes_for_old_clients_too(serve):
    assert "Expires=Thu, 01 Jan 1970" in add(serve, cookie(Max_Age="0"))[0]


@pytest.mark.rules("RT-RHD-10")
@pytest.mark.parametrize(
    "bad",
    [
        cookie("a b"), cookie("a;b"), cookie("a,b"), cookie('a"b'), cookie("a\\b"), cookie("a\r\nb"),
        cookie("\0"),
        cookie(Path="a;b"), cookie(Path="/é"), cookie(X="a;b"), cookie(Domain="a\nb"), cookie(Domain=".a.b"),
        cookie(Domain="a..b"), cookie(Domain="a-.b"), cookie(Domain="a_b"), cookie(Domain="a.b."),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(serve, bad):
    def service(request, response):
        try:
            response.addCookie(bad)
        except ValueError as error:
            response.getWriter().write(type(error).__name__)

    answer = serve(service).get("/")
    assert answer.text == "IllegalArgumentException"
    assert answer.all("Set-Cookie") == []
