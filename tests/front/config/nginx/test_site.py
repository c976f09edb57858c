"""What a Site decides: rules that comparing answers with nginx would not show."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from container.front.config.nginx.conf import Config, check, read
from container.front.site import Deny, FileAction, FixedAnswer, ProxyAction

Visit = Callable[..., Any]
PROXY = "location / { proxy_pass http://127.0.0.1:8001; %s }"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A document root."""
    for name in (
        "index.html",
        "a.txt",
        "a.txt.gz",
        "dir/index.html",
        "WEB-INF/web.xml",
        ".env",
        "x/.git/config",
    ):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text(name)
    (tmp_path / "docs/.well-known").mkdir()
    (tmp_path / "docs/.well-known/security.txt").write_text("public")
    return tmp_path / "docs"


# --- locations ----------------------------------------------------------------------------------

LOCATIONS = """
    location = / { return 200 A; }
    location / { return 200 B; }
    location /documents/ { return 200 C; }
    location ^~ /images/ { return 200 D; }
    location ~* \\.(gif|jpg|jpeg)$ { return 200 E; }
"""


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("/", b"A"),
        ("/index.html", b"B"),
        ("/documents/document.html", b"C"),
        ("/images/1.gif", b"D"),
        ("/documents/1.jpg", b"E"),
        ("/documents/1.JPG", b"E"),
        ("/?x=1", b"A"),
        ("/images%2f1.gif", b"D"),
        ("/documents/../images/1.gif", b"D"),
    ],
)
def test_the_example_of_the_manual(visit: Visit, target: str, answer: bytes) -> None:
    assert visit(LOCATIONS).ask(target).body == answer


def test_the_listening_address_decides_before_the_name(visit: Visit) -> None:
    visitor = visit("""
        server { listen 80; server_name site.test; return 200 eighty; }
        server { listen 8080; server_name other.test; return 200 first; }
        server { listen 8080 default_server; server_name third.test; return 200 default; }
        server { listen 192.0.2.1:8080; return 200 exact; }
    """)
    assert visitor.ask("/", port=80).body == b"eighty"
    assert visitor.ask("/", port=8080).body == b"exact"
    visitor = visit("""
        server { listen 8080; server_name other.test; return 200 first; }
        server { listen 8080 default_server; server_name third.test; return 200 default; }
    """)
    assert visitor.ask("/", port=8080).body == b"default"
    assert visitor.ask("/", header={"Host": "other.test:8080"}, port=8080).body == b"first"


def test_nothing_but_the_root_is_needed(visit: Visit, docs: Path) -> None:
    action = visit(f"root {docs};").ask("/a.txt")
    assert (action.root, action.path, action.status) == (str(docs), "/a.txt", 200)


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/WEB-INF/web.xml", 404),
        ("/web-inf/web.xml", 404),
        ("/WEB-INF", 404),
        ("/WEB-INF;v=1/web.xml", 404),
        ("/x/META-INF/MANIFEST.MF", 404),
        ("/.env", 404),
        ("/x/.git/config", 404),
        ("/x/", 403),
        ("/none/", 404),
        ("/a.txt/", 404),
    ],
)
def test_what_is_never_shown(visit: Visit, docs: Path, target: str, status: int) -> None:
    assert visit(f"root {docs};").ask(target) == Deny(status)


def test_a_well_known_file_is_public(visit: Visit, docs: Path) -> None:
    assert isinstance(visit(f"root {docs};").ask("/.well-known/security.txt"), FileAction)


def test_no_backend_is_asked_for_web_inf(visit: Visit) -> None:
    visitor = visit(
        f"{PROXY % ''} location /r {{ rewrite ^ /WEB-INF/x break; proxy_pass http://127.0.0.1; }}"
    )
    for target in ("/app/WEB-INF/web.xml", "/app/web-inf;x/web.xml", "/r"):
        assert visitor.ask(target).status == 404


def test_a_variable_does_not_lead_out_of_the_root(visit: Visit, docs: Path) -> None:
    (docs.parent / "secret").write_text("secret")
    visitor = visit(f"root {docs}; location / {{ try_files /$arg_f =404; }}")
    assert isinstance(visitor.ask("/?f=a.txt"), FileAction)
    assert visitor.ask("/?f=../secret") == Deny(404)
    visitor = visit(f"root {docs}/$arg_r;")
    assert isinstance(visitor.ask("/index.html?r=dir"), FileAction)
    assert visitor.ask("/secret?r=..") == Deny(404)


def test_a_file_that_may_not_be_read(visit: Visit, docs: Path) -> None:
    os.symlink("loop", docs / "loop")
    assert visit(f"root {docs};").ask("/loop") == Deny(403)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "CONNECT", "PATCH"])
def test_methods_of_files(visit: Visit, docs: Path, method: str) -> None:
    action = visit(f"root {docs};").ask("/a.txt", method)
    assert action.status == 405
    assert ("Allow", "GET, HEAD, OPTIONS") in action.edits.add_always


def test_types_and_codings(visit: Visit, docs: Path) -> None:
    action = visit(f"root {docs}; types {{ text/plain txt; }} charset utf-8; gzip_static on;").ask("/a.txt")
    assert action.types == {"txt": "text/plain; charset=utf-8"}
    assert action.precompressed == (("gzip", ".gz"),)
    assert visit(f"root {docs}; etag off;").ask("/a.txt").edits.remove == {"etag"}


# --- redirects ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("/dir", "/dir/"),
        ("/dir?a=1", "/dir/?a=1"),
        ("/line?u=%0d%0aX:y", "/%0d%0aX:y"),
        ("/path/%0d%0aX:%20y", "/moved/%0D%0AX:%20y"),
        ("/text/%0d%0aX:y", "/text/%0D%0AX:y"),
    ],
)
def test_a_location_cannot_break_the_header(visit: Visit, docs: Path, target: str, place: str) -> None:
    visitor = visit(f"""
        root {docs};
        location /line {{ return 302 /$arg_u; }}
        location /path {{ rewrite ^/path/([^?]*)$ /moved/$1 redirect; }}
        location /text {{ return 302 $uri; }}
    """)
    assert visitor.ask(target).headers == (("Location", place),)


def test_a_redirect_never_names_another_host(visit: Visit, docs: Path) -> None:
    (docs / "evil.test").mkdir()
    visitor = visit(f"merge_slashes off; root {docs};")
    assert visitor.ask("//evil.test").headers == (("Location", "/evil.test/"),)


def test_closing_without_a_word(visit: Visit) -> None:
    assert visit("return 444;").ask("/") == FixedAnswer(444)


@pytest.mark.parametrize(("length", "cycles"), [(10, True), (9, False)])
def test_ten_changes_are_enough(visit: Visit, length: int, cycles: bool) -> None:
    # "/x" loses one letter with each change.
    rules = "location /s/ { rewrite ^/s/x(.*)$ /s/$1 last; return 200 $uri; }"
    action = visit(rules).ask("/s/" + "x" * (length + 1))
    assert (action.status == 500) is cycles


# --- proxying -----------------------------------------------------------------------------------


def proxied(visit: Visit, directives: str = "", target: str = "/a", **more: Any) -> ProxyAction:
    action = visit(PROXY % directives).ask(target, **more)
    assert isinstance(action, ProxyAction)
    return action


def test_defaults_of_a_proxy(visit: Visit) -> None:
    action = proxied(visit, header={"Accept": "*/*"})
    assert action.headers == (("Host", "127.0.0.1:8001"), ("Accept", "*/*"))
    limits = action.limits
    assert (limits.connect_timeout_s, limits.read_timeout_s, limits.send_timeout_s) == (60, 60, 60)
    assert (limits.max_body_bytes, limits.keepalive, limits.upgrade) == (1024 * 1024, 32, False)
    assert action.ask.client == "192.0.2.7"
    assert action.ask.replayable
    assert {"date", "server", "x-pad", "x-accel-redirect", "x-accel-charset"} <= action.edits.remove


@pytest.mark.parametrize(
    ("directives", "field", "value"),
    [
        ("proxy_connect_timeout 1s;", "connect_timeout_s", 1.0),
        ("proxy_read_timeout 1m30s;", "read_timeout_s", 90.0),
        ("proxy_send_timeout 500ms;", "send_timeout_s", 0.5),
        ("proxy_buffering off;", "response_buffering", False),
        ("proxy_request_buffering off;", "request_buffering", False),
        ("proxy_http_version 1.0;", "http_version", "1.0"),
        ("proxy_http_version 1.0;", "keepalive", 0),
        ("proxy_set_header Connection close;", "keepalive", 0),
        ('proxy_set_header Connection "";', "keepalive", 32),
        ("client_max_body_size 2m;", "max_body_bytes", 2 * 1024 * 1024),
        ("client_max_body_size 0;", "max_body_bytes", 0),
        ("proxy_intercept_errors on;", "intercept_errors", True),
    ],
)
def test_limits(visit: Visit, directives: str, field: str, value: object) -> None:
    assert getattr(proxied(visit, directives).limits, field) == value


@pytest.mark.parametrize(
    ("header", "upgrade"), [({"Upgrade": "websocket", "Connection": "Upgrade"}, True), ({}, False)]
)
def test_an_upgrade_is_passed_on_where_it_is_configured(
    visit: Visit, header: dict[str, str], upgrade: bool
) -> None:
    asks = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    assert proxied(visit, asks, header=header).limits.upgrade is upgrade
    assert not proxied(visit, header=header).limits.upgrade


def test_headers_of_one_hop_are_dropped(visit: Visit) -> None:
    header = {
        "Connection": "close, X-Hop",
        "X-Hop": "1",
        "Proxy": "x",
        "TE": "trailers",
        "Upgrade": "h2c",
        "X-A": "1",
    }
    assert proxied(visit, header=header).headers == (("Host", "127.0.0.1:8001"), ("X-A", "1"))


def test_a_field_keeps_its_octets(visit: Visit) -> None:
    action = proxied(visit, "proxy_set_header X-Path $uri; proxy_set_header X-Seen $http_x_b;", "/caf%C3%A9",
                     header={"X-B": "\xe9"})  # fmt: skip
    assert ("X-Path", "/caf\xc3\xa9") in action.headers
    assert ("X-Seen", "\xe9") in action.headers


def test_the_body_may_be_kept_back(visit: Visit) -> None:
    assert proxied(visit).send_body
    assert not proxied(visit, "proxy_pass_request_body off;").send_body


def test_each_location_has_its_own_retries(visit: Visit) -> None:
    visitor = visit("""
        upstream pair { server 10.0.0.1; server 10.0.0.2; keepalive 7; keepalive_timeout 5s; }
        server {
            location / { proxy_pass http://pair; }
            location /twice { proxy_pass http://pair; proxy_next_upstream error http_503; }
            location /never { proxy_pass http://pair; proxy_next_upstream off; }
        }
    """)
    usual, twice, never = (visitor.ask(target) for target in ("/", "/twice", "/never"))
    assert usual.group.members == twice.group.members == never.group.members
    assert usual.group is not twice.group
    assert visitor.ask("/x").group is usual.group
    assert (usual.limits.keepalive, usual.limits.keepalive_timeout_s) == (7, 5.0)


def test_a_name_stands_for_all_its_addresses(visit: Visit) -> None:
    action = visit("location / { proxy_pass http://two.test:81; }").ask("/")
    assert [str(member.address) for member in action.group.members] == ["10.0.0.1:81", "10.0.0.2:81"]
    assert ("Host", "two.test:81") in action.headers


def test_unix_sockets(visit: Visit) -> None:
    action = visit("location /a/ { proxy_pass http://unix:/run/app.sock:/b/; }").ask("/a/c?d")
    assert action.group.members[0].address.path == "/run/app.sock"
    assert (action.target, action.headers[0]) == (b"/b/c?d", ("Host", "localhost"))


def test_an_address_from_variables(visit: Visit) -> None:
    visitor = visit("location / { proxy_pass http://$arg_to; }")
    assert str(visitor.ask("/?to=10.1.1.1:99").group.members[0].address) == "10.1.1.1:99"
    assert visitor.ask("/?to=10.1.1.1:99").group is visitor.ask("/?to=10.1.1.1:99").group
    for nonsense in ("", "nowhere.test", "a:b:c", "10.1.1.1:99999", "[::1"):
        assert visitor.ask(f"/?to={nonsense}") == Deny(502)


def test_a_variable_cannot_break_the_request_line(visit: Visit) -> None:
    visitor = visit(
        r"""
        location ~ ^/v/([^?]*)$ { proxy_pass http://10.0.0.1/$1; }
        location / { proxy_pass http://10.0.0.1/x; }
    """
    )
    assert visitor.ask("/v/a%20b%0d%0aX:y").target == b"/a%20b%0D%0AX:y"
    assert visitor.ask("/%0d%0a").target == b"/x%0D%0A"


def test_hash_keys(visit: Visit) -> None:
    visitor = visit("""
        upstream h { hash $cookie_JSESSIONID consistent; server 10.0.0.1; server 10.0.0.2; }
        server { location / { proxy_pass http://h; } }
    """)
    assert visitor.ask("/", header={"Cookie": "a=b; JSESSIONID=abc.n1"}).ask.key == "abc.n1"
    assert visitor.ask("/").ask.key == ""


def test_tls_backends(visit: Visit) -> None:
    address = visit("location / { proxy_pass https://10.0.0.1; }").ask("/").group.members[0].address
    assert (address.protocol, address.port) == ("https", 443)


# --- errors -------------------------------------------------------------------------------------

ERRORS = """
    error_page 502 504 /down.html;
    error_page 404 @other;
    error_page 401 /login;
    location = /down.html { return 200 "down"; }
    location /login { add_header X-A b always; return 200 "log in"; }
    location @other { proxy_pass http://10.0.0.9; }
    location / { proxy_pass http://10.0.0.1; proxy_intercept_errors on; }
"""


def test_a_page_for_a_failure(visit: Visit) -> None:
    visitor = visit(ERRORS)
    request = visitor.request("/x", "POST")
    assert isinstance(visitor.site.decide(request), ProxyAction)
    action = visitor.site.decide_error(request, 504)
    assert (action.status, action.body) == (504, b"down")
    assert visitor.site.decide_error(request, 502) is None  # one page for a request


def test_another_backend_for_a_failure(visit: Visit) -> None:
    visitor = visit(ERRORS)
    request = visitor.request("/x?y=1", "POST")
    visitor.site.decide(request)
    action = visitor.site.decide_error(request, 404)
    assert (action.status, action.ask.method, action.target) == (404, "POST", b"/x?y=1")
    assert str(action.group.members[0].address) == "10.0.0.9:80"


def test_a_challenge_survives_its_page(visit: Visit) -> None:
    visitor = visit(ERRORS)
    request = visitor.request("/x")
    visitor.site.decide(request)
    action = visitor.site.decide_error(request, 401, (("WWW-Authenticate", "Basic"), ("Other", "x")))
    assert action.status == 401
    assert action.edits.add_always == (("X-A", "b"), ("WWW-Authenticate", "Basic"))


def test_a_page_is_read_whatever_was_to_be_done(visit: Visit) -> None:
    visitor = visit("""
        error_page 502 /down; error_page 503 @other;
        location / { proxy_pass http://10.0.0.1; }
        location /down { proxy_pass http://10.0.0.2; }
        location @other { proxy_pass http://10.0.0.3; }
    """)
    for status, method, sends in ((502, "GET", False), (503, "POST", True)):
        request = visitor.request("/x", "POST")
        visitor.site.decide(request)
        action = visitor.site.decide_error(request, status)
        assert (action.ask.method, action.send_body) == (method, sends)


def test_no_page(visit: Visit) -> None:
    visitor = visit(ERRORS)
    request = visitor.request("/x")
    visitor.site.decide(request)
    assert visitor.site.decide_error(request, 503) is None


def test_an_error_before_any_decision(visit: Visit) -> None:
    visitor = visit("error_page 400 /bad; location /bad { return 200 bad; }")
    assert visitor.site.decide_error(visitor.request("/"), 400).body == b"bad"


def test_an_internal_redirect_of_a_backend(visit: Visit, docs: Path) -> None:
    visitor = visit(f"{PROXY % ''} location /files/ {{ internal; alias {docs}/; }}")
    request = visitor.request("/x")
    assert isinstance(visitor.site.decide(request), ProxyAction)
    request.path, request.query, request.restarts = "/files/a.txt", None, 1
    action = visitor.site.decide(request)
    assert (action.root, action.path) == (str(docs), "/a.txt")
    assert visitor.ask("/files/a.txt") == Deny(404)


def test_too_large_a_body(visit: Visit) -> None:
    visitor = visit("client_max_body_size 10; location / { proxy_pass http://10.0.0.1; }")
    assert visitor.ask("/", "POST", length=11) == Deny(413)
    assert isinstance(visitor.ask("/", "POST", length=10), ProxyAction)


# --- answers and logs ---------------------------------------------------------------------------


def test_edits_that_wait_for_the_answer(visit: Visit) -> None:
    action = proxied(visit, "add_header X-From $upstream_addr; add_header X-How $status always;")
    edits = action.edits.later({"upstream_addr": "10.0.0.1:80", "status": "200"})
    assert edits.add == (("X-From", "10.0.0.1:80"),)
    assert edits.add_always == (("X-How", "200"),)
    assert proxied(visit, "add_header X-Plain yes;").edits.later is None


def test_expires_replaces_what_a_backend_says(visit: Visit) -> None:
    edits = proxied(visit, "expires 1h;").edits
    assert edits.later({"status": "200"}).replace == (
        ("Expires", "Tue, 14 Nov 2023 23:13:20 GMT"),
        ("Cache-Control", "max-age=3600"),
    )
    assert edits.later({"status": "404"}).replace == ()


@pytest.mark.parametrize(
    ("value", "expires", "control"),
    [
        ("30d", "Thu, 14 Dec 2023 22:13:20 GMT", "max-age=2592000"),
        ("-1", "Tue, 14 Nov 2023 22:13:19 GMT", "no-cache"),
        ("0", "Tue, 14 Nov 2023 22:13:20 GMT", "max-age=0"),
        ("epoch", "Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"),
        ("max", "Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"),
        ("$arg_e", "Tue, 14 Nov 2023 22:14:20 GMT", "max-age=60"),
    ],
)
def test_expires(visit: Visit, value: str, expires: str, control: str) -> None:
    edits = visit(f"expires {value}; location / {{ return 200 x; }}").ask("/?e=1m").edits
    assert edits.add == (("Expires", expires), ("Cache-Control", control))


def test_a_line_of_a_log(visit: Visit, tmp_path: Path) -> None:
    visitor = visit("location / { access_log logs/a.log; return 200 x; }")
    request = visitor.request("/a?b", header={"User-Agent": 'x"\n', "Authorization": "Basic YWxpY2U6eA=="})
    visitor.site.decide(request)
    [(file, line)] = visitor.site.log_line(request, {"status": "200", "body_bytes_sent": "1"})
    assert file == str(tmp_path / "logs/a.log")
    head, _, rest = line.partition(" [")
    assert head == "192.0.2.7 - alice"
    assert rest.partition("] ")[2] == '"GET /a?b HTTP/1.1" 200 1 "-" "x\\x22\\x0A"'


def test_a_request_that_was_never_decided_is_logged(visit: Visit) -> None:
    visitor = visit("access_log a.log; location / { return 200 x; }")
    assert len(visitor.site.log_line(visitor.request("/"), {"status": "400"})) == 1
    assert visit("location / { return 200 x; }").site.log_line(visitor.request("/"), {}) == ()


# --- whole configurations -----------------------------------------------------------------------

SHOP = """
    upstream was { server 127.0.0.1:19301; server 127.0.0.1:19302; }
    server {
        listen 19300; server_name shop.test;
        root %s; index index.html;
        location / { try_files $uri $uri/index.html @was; }
        location ^~ /WEB-INF/ { return 404; }
        location @was {
            proxy_pass http://was;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }
    }
"""
PORTAL = r"""
    map $cookie_JSESSIONID $node { default java_pool; "~\.n1$" java_n1; "~\.n2$" java_n2; }
    upstream java_pool { least_conn; server 127.0.0.1:19301; server 127.0.0.1:19302; }
    upstream java_n1 { server 127.0.0.1:19301 max_fails=1 fail_timeout=5s; server 127.0.0.1:19302 backup; }
    upstream java_n2 { server 127.0.0.1:19302 max_fails=1 fail_timeout=5s; server 127.0.0.1:19301 backup; }
    upstream php { server 127.0.0.1:19303; }
    server {
        listen 19320; root %s; client_max_body_size 1k;
        location ~* \.(?:html|css|png|txt)$ { expires 1h; }
        location ~ \.php$ { proxy_pass http://php; proxy_next_upstream off; }
        location / { proxy_pass http://$node; proxy_set_header Host $host; }
    }
"""


def test_files_before_the_container(visit: Visit, docs: Path) -> None:
    visitor = visit(SHOP % docs)
    for target, path in (("/a.txt", "/a.txt"), ("/dir/", "/dir/index.html"), ("/dir", "/dir/index.html")):
        assert visitor.ask(target).path == path
    assert visitor.ask("/a.txt", "POST").status == 405
    assert visitor.ask("/WEB-INF/web.xml").status == 404
    action = visitor.ask("/cart?id=%31", header={"Host": "shop.test:19300", "X-Forwarded-For": "10.0.0.1"})
    assert action.target == b"/cart?id=%31"
    assert action.headers == (
        ("Host", "shop.test:19300"),
        ("X-Forwarded-For", "10.0.0.1, 192.0.2.7"),
        ("X-Forwarded-Proto", "http"),
    )


def test_a_route_in_the_session_id_chooses_the_group(visit: Visit, docs: Path) -> None:
    visitor = visit(PORTAL % docs)

    def group(target: str, cookie: str = "") -> str:
        return str(visitor.ask(target, header={"Cookie": cookie}).group.name)

    assert group("/app") == "java_pool"
    assert group("/app", "JSESSIONID=abc.n2") == "java_n2"
    assert group("/app", "x=y; JSESSIONID=abc.n9") == "java_pool"
    assert group("/i.php", "JSESSIONID=abc.n2") == "php"
    assert dict(visitor.ask("/a.txt").edits.add)["Cache-Control"] == "max-age=3600"
    assert visitor.ask("/app", "POST", length=2000) == Deny(413)


DEBIAN = Path("/etc/nginx/nginx.conf")


@pytest.mark.skipif(not DEBIAN.exists(), reason="nginx is not installed")
def test_the_stock_configuration_loads() -> None:
    config = read(str(DEBIAN))
    assert [str(listen) for listen in config.servers[0].listens] == ["0.0.0.0:80", "[::]:80"]
    assert config.worker_processes == 0
    assert config.worker_connections == 768
    assert config.servers[0].location.types["png"] == "image/png"
    assert all(problem.severity == "warning" for problem in check(str(DEBIAN)))


def test_listens_and_certificates(configure: Callable[..., Config], tmp_path: Path) -> None:
    config = configure("""
        server {
            listen 443 ssl http2 default_server;
            listen [::1]:8443 ssl backlog=10 reuseport;
            listen unix:/run/front.sock;
            ssl_certificate cert.pem;
            ssl_certificate_key /keys/key.pem;
            server_name shop.test www.shop.test;
        }
    """)
    server = config.servers[0]
    assert [str(listen) for listen in server.listens] == ["0.0.0.0:443", "[::1]:8443", "unix:/run/front.sock"]
    assert [(listen.ssl, listen.default_server) for listen in server.listens] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert server.certificates == ((str(tmp_path / "cert.pem"), "/keys/key.pem"),)
    assert server.name == "shop.test"


def test_each_address_is_listened_on_once(configure: Callable[..., Config]) -> None:
    config = configure("""
        server { listen 80; server_name a; }
        server { listen 80 default_server; listen 127.0.0.1:81; server_name b; }
    """)
    assert [str(listen) for listen in config.listens] == ["0.0.0.0:80", "127.0.0.1:81"]
    assert [server.name for server in config.servers_of(config.listens[0])] == ["b", "a"]


def test_a_location_is_complete(configure: Callable[..., Config]) -> None:
    config = configure("""
        client_max_body_size 2k; add_header A http; error_page 404 /n;
        server {
            proxy_read_timeout 5s; add_header A server;
            location /a { proxy_send_timeout 6s; location /a/b { proxy_connect_timeout 7s; } }
        }
    """)
    outer = config.servers[0].location.prefixes[0]
    inner = outer.prefixes[0]
    assert inner.limits == replace(outer.limits, connect_timeout_s=7.0)
    assert (inner.limits.send_timeout_s, inner.limits.read_timeout_s, inner.max_body_bytes) == (6, 5, 2048)
    assert [header.value.text for header in inner.add_headers] == ["server"]
    assert inner.error_pages[0].status == 404


# --- sticky ---------------------------------------------------------------------------------------

STICKY = """
upstream shop {{ {sticky}; server 10.0.0.1 route=one; server 10.0.0.2; }}
server {{ add_header X-Status $status; location / {{ proxy_pass http://shop; }} }}
"""


def test_a_cookie_binds_to_a_server(visit: Visit) -> None:
    parameters = "expires=1h domain=.$host path=/app httponly secure samesite=lax"
    visitor = visit(STICKY.format(sticky=f"sticky cookie node {parameters}"))
    action = visitor.ask("/")
    assert action.for_member is not None
    one, two = (action.for_member(member) for member in action.group.members)
    edits = one.edits.later({"status": "200"})
    assert edits.add_always == (
        (
            "Set-Cookie",
            "node=one; expires=Tue, 14 Nov 2023 23:13:20 GMT; max-age=3600; domain=.site.test; path=/app; "
            "httponly; secure; samesite=lax",
        ),
    )
    assert edits.add == (("X-Status", "200"),)
    assert two.edits.later({}).add_always[0][1].startswith(f"node={md5(b'10.0.0.2:80').hexdigest()}; ")
    action = visitor.ask("/", header={"Cookie": "node=one"})
    assert action.ask.sessions == ("one",)
    one, two = (action.for_member(member) for member in action.group.members)
    assert one.edits.later({}).add_always == ()
    assert len(two.edits.later({}).add_always) == 1


def test_a_variable_names_the_server(visit: Visit) -> None:
    sticky = "sticky route $cookie_node $arg_node"
    visitor = visit(STICKY.format(sticky=sticky))
    assert visitor.ask("/?node=one").ask.sessions == ("one",)
    assert visitor.ask("/?node=one", header={"Cookie": "node=two"}).ask.sessions == ("two",)
    action = visitor.ask("/")
    assert (action.ask.sessions, action.for_member) == ((), None)


# --- connections of clients -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("keepalive_timeout 65 60", {"idle_timeout_s": 65}),
        ("keepalive_timeout 0", {"max_keepalive_requests": 1}),
        ("keepalive_requests 500", {"max_keepalive_requests": 500}),
        ("client_header_timeout 1m", {"header_timeout_s": 60}),
        ("client_body_timeout 500ms", {"body_timeout_s": 0.5}),
        ("send_timeout 30", {"send_timeout_s": 30}),
        (
            "large_client_header_buffers 4 16k",
            {"max_request_line_bytes": 16384, "max_header_bytes": 65536},
        ),
    ],
)
def test_what_holds_for_all_connections(
    configure: Callable[..., Any], text: str, settings: dict[str, object]
) -> None:
    assert configure(f"{text};\nserver {{ }}").process_settings == settings
    config = configure(f"server {{ {text}; }}")
    assert config.process_settings == {}
    assert "counts in http { }, for all servers" in str(config.notes[0])
