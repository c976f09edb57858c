"""The requests that Tomcat's answers were recorded for: (method, target, header lines, body).

X-Do tells the servlet what to do, X-Then what to do in a forward, include or error page; see Show.java.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

Case = tuple[str, str, tuple[str, ...], bytes]
FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=b"


def gets(targets: str, *lines: str) -> Iterator[Case]:
    for target in targets.split():
        yield ("GET", target, lines, b"")


def does(target: str, steps: Iterable[str], *lines: str) -> Iterator[Case]:
    for step in steps:
        yield ("GET", target, (f"X-Do: {step}", *lines), b"")


def basic(user: str, password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def part(disposition: str, content: str, *lines: str) -> str:
    return "\r\n".join(["--b", f"Content-Disposition: form-data; {disposition}", *lines, "", content, ""])


def all_cases() -> Iterator[Case]:
    # Which servlet, and the paths it sees.
    yield from gets(
        "/paths/exact /paths/exact/ /paths/exact?q=1 /paths/Exact /paths/pre /paths/pre/ /paths/pre/a/b"
        " /paths/pre/deep /paths/pre/deep/x /paths/pre/deeper /paths/pre/a.do /paths/a.do /paths/x/a.do"
        " /paths/a.do/x /paths/.do /paths/a.DO /paths /paths/ /paths/?q /paths/off /paths/none"
        " /paths/pre/a;x=1/b /paths/exact;jsessionid=abc /paths//exact /paths/pre/../exact /paths/pre/./a"
        " /paths/pre/a%20b /paths/pre/%C3%A9 /paths/pre/a+b /paths/pre/a%2Bb /paths/pre/..%2Fa"
        " /paths/pre/a%5Cb /paths/../paths/exact /../exact /paths/pre/%41 /paths/pre/a%zz /paths/pre/x?a=b?c"
        " /nowhere /show?a%20b"
    )
    # Files, folders and welcome files.
    yield from gets(
        "/paths/page.html /paths/ten.txt /paths/list.shop /paths/dir /paths/dir?q=1 /paths/dir/ /paths/empty/"
        " /paths/WEB-INF/web.xml /paths/web-inf/web.xml /paths/META-INF/x /paths/WEB-INF"
        " /paths/dir/start.html"
    )
    yield from gets("/paths/ten.txt", "Range: bytes=2-4")
    yield from gets("/paths/ten.txt", "Range: bytes=-3")
    yield from gets("/paths/ten.txt", "Range: bytes=20-")
    yield from gets("/paths/ten.txt", "If-Modified-Since: Fri, 01 Jan 2038 00:00:00 GMT")
    yield from gets("/paths/ten.txt", "If-None-Match: *")
    yield from gets("/paths/ten.txt", 'If-Match: "other"')
    for method in ("HEAD", "POST", "OPTIONS", "DELETE", "PUT"):
        yield (method, "/paths/ten.txt", (), b"")
        yield (method, "/paths/exact", (), b"")
    yield ("BREW", "/paths/ten.txt", (), b"")
    # The request.
    for query in ("a=1&b=2&a=3", "a", "a=&=b&&c=%20+x", "%C3%A9=%E2%82%AC", "a=1;b=2", "a=b=c"):
        yield from gets(f"/show?{query}", "X-Do: parameters")
    yield ("POST", "/show?a=q", (FORM, "X-Do: parameters"), b"a=f&b=%E9&c=x+y")
    yield ("POST", "/show", (FORM + ";charset=UTF-8", "X-Do: parameters"), b"a=%C3%A9")
    yield ("PUT", "/show", (FORM, "X-Do: parameters | body"), b"a=f")
    yield ("POST", "/show", ("Content-Type: text/plain", "X-Do: parameters | body"), b"a=f")
    parts = part('name="a"', "one") + part('name="f"; filename="x.txt"', "two", "Content-Type: text/plain")
    for target in ("/paths/upload", "/paths/exact"):
        yield ("POST", target, (MULTIPART, "X-Do: parts | parameters"), f"{parts}--b--\r\n".encode())
    yield from does(
        "/show",
        ["int X-N", "date X-D", "headers X-L", "headers X-None", "int X-None", "date X-None"],
        "X-N: 42",
        "X-D: Sun, 06 Nov 1994 08:49:37 GMT",
        "X-L: a, b",
        "X-L: c",
    )
    yield from does("/show", ["int X-N"], "X-N: many")
    for languages in ("de, en;q=0.5, fr;q=0.8", "en-GB", "de;q=0, en", "ko-KR;q=0.9, ko;q=0.9"):
        yield from does("/show", ["locales"], f"Accept-Language: {languages}")
    for cookies in ("a=1; b=2", "a=1; a=2", 'a="q q"', "a", "a=1;b", "=x; c=3"):
        yield from does("/show", ["cookies"], f"Cookie: {cookies}")
    yield from does("/show?x=1", ["where"])
    yield from does("/show", ["where"], "Host: shop.example")
    yield from does("/paths/exact", ["init colour", "init none", "mime a.html", "mime a.shop", "mime a.none"])
    yield from does("/paths/exact", ["resources /", "resources /dir", "session"])
    # The response.
    yield from does(
        "/show",
        [
            "type text/html | told | write x | told",
            "charset UTF-8 | type text/plain | told",
            "type text/html;charset=UTF-8 | charset ISO-8859-5 | told",
            "locale de | told",
            "write x | charset UTF-8 | told",
            "type application/json | told",
            "status 204",
            "status 418 | write tea",
            "header X-A 1 | header X-A 2 | write x",
            "cookie a 1 | cookie b 2",
            "length 3 | write abcdef",
            "write one | reset | write two",
            "write x | flush | write y",
            "redirect /show",
            "redirect other",
            "redirect ?q",
            "redirect http://shop.example/",
            "redirect ../x | write late",
            "write x | error 400 bad",
            "error 404",
            "error 503 busy | write late",
            "flush | error 400",
            "header X-B  | write x",
        ],
    )
    yield from does("/paths/exact", ["locale ja | type text/html | told"])
    # Dispatch.
    yield from does(
        "/paths/exact?a=1",
        [
            "forward /pre/x?b=2",
            "forward /pre/deep/",
            "include /pre/x?b=2 | show",
            "named prefix",
            "forward /none",
            "write before | forward /pre/x | write after",
            "include /page.html | write after",
            "include /none",
            "include /dir | write after",
            "include /empty/ | write after",
            "forward /pre/x#f",
            "forward /pre/x?b=2#f",
            "forward /pre/x/.",
            "forward /pre/x/y/..",
            "forward /pre\\x",
        ],
    )
    yield from does("/paths/exact", ["include /ten.txt"], "Range: bytes=2-4")
    yield from does("/paths/exact", ["include /ten.txt"], "Range: bytes=20-")
    yield from does("/paths/exact?a=1", ["forward /pre/x?a=2"], "X-Then: parameters")
    yield from does("/paths/pre/x/y", ["forward z", "forward ../z", "include /pre/deep/x | show"])
    yield from does("/paths/exact", ["forward /pre/x"], "X-Then: status 201 | header X-A 1 | write x")
    yield from does(
        "/paths/exact", ["include /pre/x | write y"], "X-Then: status 201 | header X-A 1 | write x"
    )
    # Errors.
    yield from gets("/errors/none /errors/none?q=1 /errors/show/x")
    yield from does(
        "/errors/show/x?q=1",
        [
            "error 404 gone",
            "error 500 broken",
            "error 409 twice",
            "error 410 no page",
            "raise state oops",
            "raise argument oops",
            "raise io oops",
            "raise wrapped oops",
            "raise servlet oops",
            "status 404 | write x",
            "write x | raise state oops",
        ],
    )
    # Filters.
    yield from gets("/filters/show/x /filters/other /filters/a.do /filters/show/in/x")
    yield from does("/filters/show/x", ["forward /show/in/y", "include /a.do", "named show", "error 404"])
    # Who may.
    for target in ("/staff/plan.txt", "/x.mgr", "/staff/closed/x", "/staff", "/staff/none"):
        yield from gets(target)
        yield from gets(target, basic("ada", "lovelace"))
        yield from gets(target, basic("bob", "builder"))
    yield from gets("/staff/plan.txt", basic("ada", "wrong"))
    yield from gets("/staff/plan.txt", "Authorization: Basic %%%")
    yield from does("/show", ["user"], basic("ada", "lovelace"))


CASES = tuple(all_cases())
