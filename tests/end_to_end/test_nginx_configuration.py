"""The same nginx.conf, given to nginx and to our front, gives the same answers.

Where our front follows its own rules instead of nginx, the request stands in DIFFERENCES with the reason, and
with both answers.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from fronts import Answer, Backends, Front, OurFront, RealNginx, ask

pytestmark = [pytest.mark.program("nginx"), pytest.mark.socket]

FILES = {
    "docs/index.html": b"<h1>index</h1>",
    "docs/ten.txt": b"0123456789",
    "docs/a b.txt": b"space",
    "docs/caf\u00e9.txt": b"utf-8",
    "docs/percent%.txt": b"percent",
    "docs/UPPER.TXT": b"upper",
    "docs/noextension": b"nothing",
    "docs/page.html": b"<p>page</p>",
    "docs/picture.png": b"png",
    "docs/style.css": b"css",
    "docs/app.js": b"let x",
    "docs/app.js.gz": b"gzipped",
    "docs/old.php": b"source",
    "docs/dir/index.html": b"<h1>dir</h1>",
    "docs/dir/file.txt": b"in dir",
    "docs/dir/start.htm": b"start",
    "docs/empty/file.txt": b"no index here",
    "docs/with space/file.txt": b"x",
    "docs/deep/er/file.txt": b"deeper",
    "docs/maintenance.html": b"maintenance",
    "docs/errors/404.html": b"page of 404",
    "docs/errors/50x.html": b"page of 50x",
    "docs/errors/403.html": b"page of 403",
    "docs/app/index.html": b"single page",
    "docs/app/real.js": b"real",
    "images/cat.png": b"cat",
    "images/sub/dog.png": b"dog",
    "images/index.html": b"images",
    "cache/one/page.html": b"cached page",
    "other/other.txt": b"other",
    "other/index.html": b"other index",
    "docs/WEB-INF/web.xml": b"secret",
    "docs/dir/web-inf/web.xml": b"secret",
    "docs/.hidden": b"secret",
    "docs/dir/.git/config": b"secret",
    "secret.txt": b"secret",
}

CONFIG = (Path(__file__).parent / "nginx_front.conf").read_text()


class Ask(NamedTuple):
    target: str
    method: str = "GET"
    header: dict[str, str] = {}  # noqa: RUF012
    body: bytes = b""

    def __str__(self) -> str:
        extra = " ".join(f"{name}:{value}" for name, value in self.header.items())
        return f"{self.method} {self.target} {extra}".strip()


def at(host: str, target: str, **more: object) -> Ask:
    return Ask(target, header={"Host": host}, **more)  # type: ignore[arg-type]


def gets(*targets: str) -> list[Ask]:
    return [Ask(target) for target in targets]


LOCATIONS = [
    *gets("/exact", "/exact/", "/exactly", "/prefix", "/prefix/longer/x", "/prefixed", "/strong/a.strong"),
    *gets("/weak/a.strong", "/a.loud", "/a.LoUd", "/cap/abc/12", "/cap/ABC/12", "/order/second", "/nest"),
    *gets("/nest/x", "/nest/inner/x", "/nest/a.deep", "/nest/exact", "/nest/inner/a.deep", "/a.deep"),
    *gets("/outer/x.outer", "/outer/soft/x.outer", "/outer/hard/x.outer", "/prefix%2flonger", "/%70refix"),
    *gets("//prefix", "/x/../prefix", "/prefix/./longer", "/with%20space/file.txt", "/prefix?x=/exact"),
]
VARIABLES = [
    *gets("/vars", "/vars/a%20b?a=1&b=%20&c", "/vars?", "/request?x=1"),
    *gets("/shade", "/shade?color=red", "/shade?color=blue"),
    *gets("/shade?color=dark-Green", "/tenant", "/braces?x=9"),
    *gets("/quotes", "/forwarded", "/vars?A=upper&a=lower"),
    Ask("/vars", header={"Cookie": "a=1; c=3; d=4", "X-Test": "tested", "Content-Type": "x/y"}),
    Ask("/vars", "POST", body=b"12345"),
    Ask("/vars", header={"Host": "Site.TEST:80", "Authorization": "Basic YWxpY2U6c2VjcmV0"}),
    Ask("/forwarded", header={"X-Forwarded-For": "10.1.2.3"}),
    at("a.tenant.test", "/tenant"),
    at("tenant.test", "/tenant"),
    at("b.shop.test", "/tenant"),
    at("www.any.test", "/tenant"),
    at("exact.test", "/tenant"),
    at("alias.test", "/vars"),
]
RETURNS = gets(
    "/return/200",
    "/return/204",
    "/return/301",
    "/return/302?a=b",
    "/return/303",
    "/return/307",
    "/return/308",
    "/return/url",
    "/return/403",
    "/return/404text",
    "/return/418",
    "/return/500",
    "/return/444",
    "/return/json",
    "/return/page.html",
)
REWRITES = [
    *gets("/rw/last/a", "/rw/last/a?x=1", "/rw/break/file.txt", "/rw/none/z", "/rw/redirect/a?x=1"),
    *gets(
        "/rw/permanent/a", "/rw/host/x?y=1", "/rw/args/a%20b?more=1", "/rw/drop/a?x=1", "/rw/redirargs/v?x=1"
    ),
    *gets(
        "/rw/cycle", "/rw/nomatch", "/rw/breakthen", "/rw/named/alice/cart", "/rw/internal", "/secret/direct"
    ),
    *gets("/legacy/a", "/legacy/12", "/legacy/other", "/rw/redirect/a%20b", "/rw/args/a%26b"),
    *(
        at("rewriting.test", target)
        for target in ("/", "/old/thing", "/gone?x=1", "/?stop=1", "/old/x?stop=1")
    ),
]
IFS = [
    *gets(
        "/if/equal?a=yes",
        "/if/equal?a=no",
        "/if/unequal?a=yes",
        "/if/unequal",
        "/if/regex",
        "/if/notregex?a=12",
    ),
    *gets(
        "/if/notregex?a=x", "/if/true?a=1", "/if/true?a=0", "/if/true", "/if/method", "/if/set", "/if/set?a=1"
    ),
    *gets("/if/set?a=1&b=1", "/if/file?f=ten.txt", "/if/file?f=dir", "/if/file?f=none", "/if/exists?f=dir"),
    *gets(
        "/if/exists?f=none",
        "/if/rewrite?a=go",
        "/if/rewrite",
        "/if/header?a=1",
        "/if/header",
        "/if/proxy",
        "/if/proxy?b=1",
    ),
    Ask("/if/regex", header={"User-Agent": "ROBOT 17"}),
    Ask("/if/method", "POST", body=b"x"),
]
STATIC = [
    *gets("/", "/ten.txt", "/a%20b.txt", "/caf%C3%A9.txt", "/percent%25.txt", "/UPPER.TXT", "/noextension"),
    *gets("/missing", "/dir/", "/dir", "/dir?x=1", "/empty/"),
    *gets("/ten.txt/", "/missing/", "/style.css", "/with%20space/"),
    *gets("/plain/cat.png", "/plain/sub", "/images/cat.png"),
    *gets("/one-file", "/photo/sub/dog.png", "/photo/none.png"),
    *gets("/elsewhere/x", "/other/other.txt", "/other/"),
    *gets("/rooted/x?root=cache", "/starts/", "/fallback-index/"),
    *gets("/typed/ten.txt", "/typed/page.html", "/typed/noextension"),
    *gets("/charset/ten.txt", "/charset/page.html"),
    *gets("/charset/picture.png", "/zipped/app.js", "/../etc/passwd", "/%2e%2e/etc/passwd"),
    *gets("/..%2f..%2fetc/passwd", "/%zz", "/a%00b"),
    Ask("/zipped/app.js", header={"Accept-Encoding": "gzip"}),
    Ask("/zipped/ten.txt", header={"Accept-Encoding": "gzip"}),
    Ask("/ten.txt", "HEAD"),
    Ask("/ten.txt", "POST", body=b"x"),
    Ask("/missing", "POST", body=b"x"),
    Ask("/ten.txt", "PUT", body=b"x"),
    Ask("/missing", "DELETE"),
    Ask("/dir/", "POST", body=b"x"),
    Ask("/ten.txt", "TRACE"),
    at("nolocation.test", "/"),
    at("nolocation.test", "/ten.txt"),
    at("nolocation.test", "/nothing"),
]
TRY_FILES = [
    *gets(
        "/try",
        "/try/x",
        "/app/real.js",
        "/app/route/of/page",
        "/app",
        "/tried/x",
        "/trynamed/x?y=1",
        "/tryargs/z?q=1",
    ),
    *gets("/tryfirst", "/trycode", "/tryalias/cat.png", "/tryalias/sub", "/tryalias/", "/trydir"),
    *(at("shop.test", target) for target in ("/ten.txt", "/dir/", "/dir", "/x?y=%20", "/a%20b/c")),
    Ask("/ten.txt", "POST", {"Host": "shop.test"}, b"x"),
    Ask("/cart", "POST", {"Host": "shop.test"}, b"payload"),
]
ERROR_PAGES = [
    *gets("/err/x", "/err200/x", "/errpage/x?y=1", "/errnamed/x?y=1"),
    *gets("/errnamedkeep/x", "/errurl/x", "/errmissing/x"),
    *gets("/err403/x", "/errreturn/x", "/errgone/x"),
    *gets("/errgone2/x", "/intercept/status/404", "/intercept/status/500"),
    *gets("/intercept/status/403", "/intercept/fine", "/nointercept/status/404", "/errors/404.html"),
    Ask("/err405/ten.txt", "POST", body=b"x"),
    Ask("/errpage/x", "POST", body=b"x"),
    Ask("/err/x", "HEAD"),
    at("maintenance.test", "/"),
    at("maintenance.test", "/maintenance.html"),
    at("returning.test", "/a?b=1"),
]
HEADERS = gets(
    "/head/plain",
    "/head/error",
    "/head/redirect",
    "/head/empty",
    "/head/inherit/no",
    "/head/inherit/yes",
    "/head/upstream",
    "/head/upstream/status/404",
    "/expires/hour.txt",
    "/expires/epoch.txt",
    "/expires/max.txt",
    "/expires/minus.txt",
    "/expires/proxied",
    "/expires/proxied/status/404",
)
PROXY = [
    *gets("/px/plain/a%20b?x=1", "/px/plain/../plain/x", "/px/slash/a%20b?x=1"),
    *gets("/px/slash", "/px/base/a//b", "/px/base"),
    *gets("/px/join/x", "/px/joinx", "/px/exact?q"),
    *gets("/px/regex/a%2fb?x", "/px/var/a/b?x=1", "/px/varhost/y?z=1"),
    *gets("/px/varargs/ignored?q=7", "/px/requesturi/a%20b?c"),
    *gets("/px/rewritten/a?b=1", "/px/rewritten/a%20b%3f%23"),
    *gets("/px/rewrittenbase/x", "/px/address/x", "/px/slash/caf%C3%A9"),
    *gets("/px/slash/%7Btilde~%7D", "/px/slash/a%3Fb", "/px/slash/a+b"),
    *gets("/px/plain", "/px/nohost", "/px/hide", "/px/dead"),
    *gets("/px/dir", "/px/dir?x=1", "/px/noheaders", "/index.php?x=1"),
    *gets("/px/location/location?to=http://one/next", "/px/location/location?to=http://one.test/x"),
    *gets("/px/location/location?to=/relative", "/px/location-plain/location?to=http://one/next"),
    *gets("/px/location-off/location?to=http://one/next"),
    *gets("/px/location-own/location?to=http://back.test/next"),
    *gets("/px/plain/set-header?X-Accel-Buffering=no", "/px/plain/set-header?X-Pad=pad"),
    *gets("/px/plain/status/404", "/px/plain/status/500"),
    Ask("/px/plain", "POST", {"Content-Type": "text/plain"}, b"the body"),
    Ask("/px/plain", "PUT", body=b"put"),
    Ask("/px/plain", "DELETE"),
    Ask("/px/plain", "HEAD"),
    Ask("/px/plain", "OPTIONS"),
    Ask(
        "/px/headers?a=1",
        header={"X-Forwarded-For": "10.1.1.1", "Accept-Encoding": "gzip", "X-Other": "kept"},
    ),
    Ask("/px/headers", header={"X-Custom": "from the client", "Cookie": "a=b"}),
    Ask("/px/plain", header={"X_Under_Score": "dropped", "Te": "trailers", "Keep-Alive": "x"}),
    Ask("/px/upgrade", header={"X-Plain": "no upgrade"}),
    Ask("/px/method", "GET"),
    Ask("/px/nobody", "POST", body=b"kept back"),
    Ask("/px/small", "POST", body=b"12345678901"),
    Ask("/px/small", "POST", body=b"1234567890"),
]
ACCESS = [
    *gets("/allow/none", "/allow/local", "/allow/file", "/allow/other", "/.htaccess"),
    at("a.wild.test", "/"),
    at("b.a.wild.test", "/"),
    at("longer.wild.test", "/"),
    at("x.longer.wild.test", "/"),
    at("trail.example", "/"),
    at("dot.test", "/"),
    at("sub.dot.test", "/"),
    at("www.regex.test", "/"),
    at("two.parts.regex.test", "/"),
    at("unknown.test", "/exact"),
    at("SITE.test.", "/exact"),
    at("wild.test", "/exact"),
    at("unmerged.test", "//a//b"),
    at("absolute.test", "/go"),
    at("absolute.test", "/noport"),
    at("absolute.test", "/named"),
]


def zipped(targets: str, method: str = "GET", **header: str) -> list[Ask]:
    """Asks below /gz/ of a client that takes gzip; names of fields with _ for -."""
    fields = {name.replace("_", "-"): value for name, value in header.items()}
    return [Ask(f"/gz/{each}", method, {"Accept-Encoding": "gzip"} | fields) for each in targets.split()]


ZIPPED = [
    *zipped(
        "ten.txt page.html style.css picture.png missing plain/picture.png plain/ten.txt not/ten.txt dir/ dir"
    ),
    *zipped("static/app.js static/ten.txt text short gone new page redirect agent"),
    *zipped("px/x px/status/404 px/status/500 px/status/403 px/set-header?Content-Encoding=br"),
    *zipped("px/set-header?Vary=Cookie px/set-header?Accept-Ranges=bytes px/set-header?ETag=a"),
    *zipped("ten.txt picture.png text px/x", "HEAD"),
    *zipped("ten.txt picture.png px/x", Range="bytes=0-1"),
    *zipped("ten.txt", If_None_Match="*"),
    *zipped("px/x", "POST"),
    *(ask for agent in ("badbot/1", "MSIE 6.0", "x") for ask in zipped("agent", User_Agent=agent)),
    *(ask for number in (5, 6, 7) for ask in zipped("agent", User_Agent=f"MSIE {number}.0; SV1")),
    *zipped("ten.txt any/x via/x via/set-header?Cache-Control=No-Cache", Via="1.1 p"),
    *zipped("via/set-header?Cache-Control=public via/set-header?Cache-Control=no-store", Via="1.1 p"),
    *zipped("via/set-header?Cache-Control=max-age=1,private via/set-header?ETag=a", Via="1.1 p"),
    *zipped("via/set-header?Expires=0 via/set-header?Expires=Thu,01-Jan-1970", Via="1.1 p"),
    *zipped("via/set-header?Last-Modified=x", Via="1.1 p"),
    *zipped("via/set-header?Cache-Control=public", Via="1.1 p", Authorization="Basic YTpi"),
    *(ask for q in ("gzip;q=0", "gzip;q=0.5", "br, gzip", "") for ask in zipped("text", Accept_Encoding=q)),
    *(ask for q in ("identity", "deflate", "GZIP") for ask in zipped("text", Accept_Encoding=q)),
]
COOKIES = gets(
    *(
        f"/cookies/{place}set-header?Set-Cookie={cookie}"
        for place in ("", "off/", "flags/")
        for cookie in (
            *("one=1", "one=1;Path=/app/;Secure", "one=1;%20path=/app/x;Domain=back.test", "one=1;path=/app"),
            *("T=2;Path=/rex/y;HttpOnly;SameSite=Strict", "t=2;Domain=.back.test", "a=b;domain=BACK.test;x"),
            *("a=b;Domain=a.b.inner;path=/re/", "three=3;Secure;samesite=none", "one", "One=1;HttpOnly"),
        )
    ),
)
REDIRECTS = gets(
    *(
        f"/redirects/location?to={place}"
        for place in (
            *(
                "http://re.test:8080/a",
                "http://re.test/a",
                "/up/a",
                "/Up",
                "http://site.test/b",
                "/plain/c?d",
            ),
            *("/plain", "http://one/x", "http://site.test"),
        )
    ),
    "/redirects/set-header?Refresh=5;url=/up/a",
    "/redirects/set-header?Refresh=5",
)
EVERYTHING = [
    *COOKIES,
    *REDIRECTS,
    *ZIPPED,
    *LOCATIONS,
    *VARIABLES,
    *RETURNS,
    *REWRITES,
    *IFS,
    *STATIC,
    *TRY_FILES,
    *ERROR_PAGES,
    *HEADERS,
    *PROXY,
    *ACCESS,
]

SEQUENCES = {
    "weights 3, 1, 1": gets(*["/px/three"] * 10),
    "a backup": gets(*["/px/spare"] * 3),
    "one of two is dead": gets(*["/px/failing"] * 4),
    "consistent hash": gets(*(f"/px/hashed?key={n}" for n in range(12))),
    "hash": gets(*(f"/px/plainhash?{n}" for n in range(8))),
    "ip_hash": gets(*["/px/byip"] * 3),
    "least connections": gets(*["/px/least"] * 4),
    "round robin": gets(*["/px/switching"] * 4),
}

LOGGED = [
    *gets("/log/main?a=1", "/log/main/a%20b", "/log/main/caf%C3%A9", "/log/proxied/x", "/log/some/ten.txt"),
    *gets("/log/some/missing", "/log/two", "/log/two/off", "/log/page", "/log/json?a=said"),
    Ask("/log/main", header={"Referer": 'http://a.test/"x"\\y'}),
    Ask("/log/main", header={"Referer": "caf\u00e9"}),
    Ask("/log/json", header={"User-Agent": 'say "hi" \\ there'}),
    Ask("/log/main", "HEAD"),
    Ask("/log/proxied", "POST", body=b"abc"),
]

DIFFERENCES = [
    ("/WEB-INF/web.xml", 200, 404, "what is in WEB-INF is never shown"),
    ("/dir/web-inf/web.xml", 200, 404, "however it is spelt, wherever it is"),
    ("/px/plain/WEB-INF/web.xml", 200, 404, "nor asked a backend for"),
    ("/px/plain/WEB-INF;x=1/web.xml", 200, 404, "as the backend would take the parameter away"),
    ("/.hidden", 200, 404, "files that begin with a dot are not meant for others"),
    ("/dir/.git/config", 200, 404, "nor what is in folders that do"),
    ("/tried-by-name?f=../secret.txt", 200, 404, "no variable leads out of the document root"),
]
"""(target, nginx's status, ours, why). What else differs: a Location is relative unless absolute_redirect is
on; 405 has Allow; OPTIONS of a file is answered 204; fields that Connection names are not passed on."""


class Fronts(NamedTuple):
    nginx: Front
    nginx_port: int
    ours: Front
    our_port: int


@pytest.fixture(scope="module")
def fronts() -> Iterator[Fronts]:
    nginx, ours = RealNginx(), OurFront()
    with Backends("ABC") as backends:
        try:
            config = backends.fill(CONFIG)
            yield Fronts(nginx, nginx.start(config, FILES), ours, ours.start(config, FILES))
        finally:
            nginx.stop()
            ours.stop()


_UNCOMPARED = {
    *("date", "server", "connection", "etag", "content-length", "transfer-encoding", "accept-ranges"),
    *("keep-alive", "last-modified", "expires", "allow"),
}


def told(answer: Answer, front: Front, port: int) -> dict[str, object]:
    """What is compared of an answer: nothing that must differ."""

    def neutral(text: str) -> str:
        return text.replace(str(front.folder), "@folder@").replace(f":{port}", ":@port@")

    header = sorted(
        (name, _place(neutral(value))) for name, value in answer.header if name not in _UNCOMPARED
    )
    expires = any(name == "expires" for name, _ in answer.header)
    data = answer.body
    if answer["content-encoding"] == "gzip" and data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    body = neutral(data.decode("latin-1"))
    if f"<h1>{answer.status} " in body or answer.status in (301, 302, 303, 307, 308):
        body = "the front's own"
        header = [(name, value) for name, value in header if name != "content-type"]
    if body.startswith('{"letter"'):
        return {"status": answer.status, "header": header, "expires": expires, **json.loads(body)}
    return {"status": answer.status, "header": header, "expires": expires, "body": body}


def _place(value: str) -> str:
    """Without scheme and host of the front itself: a Location is relative here, see docs/nginx.md."""
    return re.sub(r"^http://[^/@]+:@port@(?=/)", "", value)


@pytest.mark.parametrize("request_", EVERYTHING, ids=str)
def test_same_answer(fronts: Fronts, request_: Ask) -> None:
    arguments = (request_.method, request_.target, request_.header, request_.body)
    theirs = told(ask(fronts.nginx_port, *arguments), fronts.nginx, fronts.nginx_port)
    ours = told(ask(fronts.our_port, *arguments), fronts.ours, fronts.our_port)
    assert ours == theirs


@pytest.mark.parametrize("name", SEQUENCES)
def test_same_choices(fronts: Fronts, name: str) -> None:
    choices = [
        [ask(port, request_.method, request_.target)["x-letter"] for request_ in SEQUENCES[name]]
        for port in (fronts.nginx_port, fronts.our_port)
    ]
    assert choices[1] == choices[0]


def test_what_is_compressed_has_no_length_and_a_weak_etag(fronts: Fronts) -> None:
    for port in (fronts.nginx_port, fronts.our_port):
        answer = ask(port, "GET", "/gz/ten.txt", {"Accept-Encoding": "gzip"})
        assert (answer["content-length"], answer["accept-ranges"]) == ("", "")
        assert answer["transfer-encoding"] == "chunked"
        assert answer["etag"].startswith('W/"')
        again = {"Accept-Encoding": "gzip", "If-None-Match": answer["etag"]}
        assert ask(port, "GET", "/gz/ten.txt", again).status == 304
        for tag, weak in (("a", ""), ("W/'a'", "W/'a'")):
            answer = ask(port, "GET", f"/gz/px/set-header?ETag={tag}", {"Accept-Encoding": "gzip"})
            assert (answer["etag"], answer["content-length"]) == (weak, "")


@pytest.mark.parametrize("status", [400, 404, 413, 500, 501, 503, 505])
def test_same_use_of_a_connection_after_a_backends_error(fronts: Fronts, status: int) -> None:
    stays = []
    for port in (fronts.nginx_port, fronts.our_port):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        client.request("GET", f"/px/plain/status/{status}", headers={"Host": "site.test"})
        answer = client.getresponse()
        assert (answer.status, bool(answer.read())) == (status, True)
        stays.append(client.sock is not None)
        client.close()
    assert stays == [True, True]


def test_same_logs(fronts: Fronts) -> None:
    for request_ in LOGGED:
        for port in (fronts.nginx_port, fronts.our_port):
            ask(port, request_.method, request_.target, request_.header, request_.body)
    for name, count in (("main", 9), ("json", 3), ("some", 1)):
        ours = _lines(fronts.ours.folder / "logs" / f"{name}.log", count)
        assert _lines(fronts.nginx.folder / "logs" / f"{name}.log", count) == ours


def _lines(file: Path, count: int) -> list[str]:
    """The lines of a log, without the sizes of error pages. nginx writes when the client has its answer."""
    deadline_s = time.monotonic() + 120
    while not file.exists() or file.read_text().count("\n") < count:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return [re.sub(r'" ([45]\d\d) \d+ ', r'" \1 ', line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(("target", "theirs", "ours", "why"), DIFFERENCES)
def test_differences(fronts: Fronts, target: str, theirs: int, ours: int, why: str) -> None:
    assert ask(fronts.nginx_port, "GET", target).status == theirs
    assert ask(fronts.our_port, "GET", target).status == ours, why


def test_fields_named_by_connection_are_not_passed_on(fronts: Fronts) -> None:
    def got(port: int) -> dict[str, str]:
        answer = ask(port, "GET", "/px/plain", {"X-Hop": "1", "X-End": "2", "Connection": "X-Hop"})
        return dict(json.loads(answer.body)["got"])

    assert got(fronts.nginx_port)["x-hop"] == "1"
    assert "x-hop" not in got(fronts.our_port)
    assert got(fronts.our_port)["x-end"] == "2"


def test_a_relative_location_becomes_absolute_on_demand(fronts: Fronts) -> None:
    def location(port: int, host: str, target: str) -> str:
        return ask(port, "GET", target, {"Host": host})["location"].replace(str(port), "PORT")

    assert location(fronts.nginx_port, "site.test", "/return/301") == "http://site.test:PORT/target"
    assert location(fronts.our_port, "site.test", "/return/301") == "/target"
    for target in ("/go", "/noport", "/named"):
        theirs, ours = (
            location(port, "absolute.test", target) for port in (fronts.nginx_port, fronts.our_port)
        )
        assert ours == theirs


def test_methods_of_files(fronts: Fronts) -> None:
    assert ask(fronts.nginx_port, "OPTIONS", "/ten.txt").status == 405
    ours = ask(fronts.our_port, "OPTIONS", "/ten.txt")
    assert (ours.status, ours["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert ask(fronts.our_port, "PUT", "/ten.txt")["allow"] == "GET, HEAD, OPTIONS"


def test_there_are_enough() -> None:
    assert len(EVERYTHING) + sum(map(len, SEQUENCES.values())) >= 150
    assert len({(*request_[:2], str(request_.header), request_.body) for request_ in EVERYTHING}) == len(
        EVERYTHING
    )
