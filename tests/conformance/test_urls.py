"""From the request line to the one path that everything is decided on (runtime, chapter 1)."""

from __future__ import annotations

import json

import pytest

NOT_APPLICABLE = {
    "RT-URI-13": "there is no setting that accepts an encoded slash",
}


def show_paths(request, response) -> None:
    response.setContentType("application/json")
    paths = request.getServletPath() + (request.getPathInfo() or ""), request.getRequestURI()
    response.getWriter().write(json.dumps([*paths, request.getQueryString()]))


@pytest.fixture
def root(serve):
    """A web app at the root of the server that answers with the path it sees, the URI and the query."""
    return serve(show_paths, name="ROOT")


def paths(answer) -> list[str]:
    assert answer.status == 200
    return json.loads(answer.body)


@pytest.mark.rules("RT-URI-01")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/a/b?c", ["/a/b", "/a/b", "c"]),
        ("http://test.example/a/b?c", ["/a/b", "/a/b", "c"]),
        ("HTTP://Test.Example/a", ["/a", "/a", None]),
        ("http://user:word@test.example/a", ["/a", "/a", None]),
        ("http://test.example", ["/", "/", None]),
        ("http://test.example?q=/", ["/", "/", "q=/"]),
        ("/http://test.example/a", ["/http:/test.example/a", "/http://test.example/a", None]),
    ],
)
def test_scheme_and_authority_of_an_absolute_target_are_removed(root, target, expected):
    assert paths(root.get(target)) == expected


@pytest.mark.rules("RT-URI-01")
def test_other_forms_of_a_target_reach_no_servlet(root):
    asterisk = root.request("OPTIONS", "*")
    assert (asterisk.status, asterisk.header("Allow")) == (200, "GET, HEAD, POST, PUT, DELETE, OPTIONS")
    assert root.get("*").status == 400
    assert root.get("test.example:80").status == 400
    assert root.get("ftp://test.example/a").status == 400


@pytest.mark.rules("RT-URI-01")
@pytest.mark.parametrize("authority", ["user@test:x", "test:1:2", "[::1", "te_st", "-test"])
def test_a_malformed_authority_is_refused_even_without_host(root, authority):
    assert root.send(f"GET http://{authority}/ HTTP/1.0\r\n\r\n".encode())[0].status == 400


@pytest.mark.rules("RT-URI-02")
@pytest.mark.parametrize("target", ["/a", "test.example:443", "*", "http://test.example/a"])
def test_connect_is_not_implemented(serve, target):
    app = serve(lambda request, response: pytest.fail("a servlet was called"), name="ROOT")
    assert app.request("CONNECT", target).status == 501


@pytest.mark.rules("RT-URI-03")
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_both_versions_of_http_1(serve, version):
    app = serve(lambda request, response: response.getWriter().write(request.getProtocol()))
    assert app.request("GET", "/", version=version).text == version


CANONICAL = {
    "/a/b;x=1": "/a/b",
    "/a/b/;x=1": "/a/b/",
    "/a;/b;/;": "/a/b/",
    "/a;x=1;y=2/b": "/a/b",
    "/a/b%25r": "/a/b%r",
    "/a/b%252Fr": "/a/b%2Fr",
    "/a/./b": "/a/b",
    "/./a/b": "/a/b",
    "/a/b/./;": "/a/b/",
    "/a/b/../;": "/a/",
    "/a/.b": "/a/.b",
    "/a/..b": "/a/..b",
    "/a/...": "/a/...",
    "/a/../b": "/b",
    "/a/b/../../c": "/c",
    "/a//b": "/a/b",
    "//a//b//": "/a/b/",
    "/a//../b": "/b",
    "/a%E2%82%ACb": "/a€b",
    "/%c3%a4": "/ä",
    "/a%20b": "/a b",
    "/a+b": "/a+b",
    "/a%3Bb": "/a;b",
    "/a%3Fb": "/a?b",
    "/a%23b": "/a#b",
    "/": "/",
    "//": "/",
    "/.": "/",
    "/./": "/",
}
TRAILING = {"/a/b/.": "/a/b", "/a/b/./": "/a/b/", "/a/b/..": "/a", "/a/b/../": "/a/"}


@pytest.mark.rules("RT-URI-10")
@pytest.mark.parametrize(("raw", "canonical"), CANONICAL.items())
def test_the_path_is_canonical_and_the_uri_is_not(root, raw, canonical):
    assert paths(root.get(raw + "?q")) == [canonical, raw, "q"]


@pytest.mark.rules("RT-URI-14")
@pytest.mark.parametrize(("raw", "canonical"), TRAILING.items())
def test_dots_and_empty_segments_at_the_end(root, raw, canonical):
    assert paths(root.get(raw))[0] == canonical


@pytest.mark.rules("RT-URI-10")
def test_the_web_app_is_chosen_by_the_canonical_path(serve):
    app = serve(show_paths)
    assert paths(app.send(b"GET /x/%2561/../../ap%70;v=1/b HTTP/1.0\r\n\r\n")[0])[0] == "/b"


SUSPICIOUS = {
    "a fragment": r"/a#f /a?q#f #f /a%23# /a?#",
    "no slash at the beginning": r"a/b ./a ;/a ?q",
    "it leaves the root": r"/a/../../b /../b /.. /../",
    "an encoded slash": r"/a%2Fb /a%2fb /a;%2F/b /a;x=%2F /a/..%2Fb",
    "a dot segment with a parameter": r"/a/.;/b /a/..;/b /a/b/..; /a/.;x=1 /.; /a/..;/../b",
    "a dot segment with an encoded character": r"/a/%2e/b /a/%2e%2E/b /a/.%2e/b /%2E",
    "an empty segment with a parameter": r"/a/;p/b /;/ /;/a /a/;/;/b",
    "a backslash": r"/a\b /a%5Cb /a%5cb /a;%5C",
    "a control character": r"/a%00 /a%7Fb /a%0D%0Ab /a%1f /a;%00",
    "no escape": r"/a%-1 /a%XX /a%/b /a/b%0 /good%20/bad%/ /a;%zz /%",
    "not UTF-8": r"/a%E2%82 /a%E2%82b /%ff /%C0%AF /%ED%A0%80",
}


@pytest.mark.rules("RT-URI-11")
@pytest.mark.parametrize("target", " ".join(SUSPICIOUS.values()).split())
def test_what_is_suspicious_is_400_before_any_servlet(serve, target):
    app = serve(lambda request, response: pytest.fail("a servlet was called"), name="ROOT")
    answer = app.get(target)
    assert answer.status == 400
    assert app.get(target).status == 400  # a second time: nothing was remembered


@pytest.mark.rules("RT-URI-11")
@pytest.mark.parametrize("character", range(0x20))
def test_a_control_character_in_the_request_line_is_400(serve, character):
    app = serve(lambda request, response: pytest.fail("a servlet was called"), name="ROOT")
    target = b"/a" + bytes([character]) + b"b"
    assert app.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")[0].status == 400


@pytest.mark.rules("RT-URI-12")
def test_the_containers_own_page_answers_a_suspicious_path(deploy, web_xml):
    """An error page of the web app may be used; that would be one more way in for such a path."""
    page = "<error-page><error-code>400</error-code><location>/bad.txt</location></error-page>"
    app = deploy(web_xml(page), files={"bad.txt": "the web app's page"})
    answer = app.get("/a%2Fb")
    assert (answer.status, answer.header("Content-Type")) == (400, "text/html;charset=utf-8")
    assert "Bad Request" in answer.text
    assert "the web app's page" not in answer.text
