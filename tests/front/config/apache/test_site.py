"""What a site decides: virtual hosts, mounts, files, redirects, headers, as Apache with mod_jk."""

import os
import re

import pytest

from container.errors import ConfigError
from container.front.config.apache.site import read_site
from container.front.site import Deny, FileAction, FixedAnswer

ONE = "worker.list=w,v,st\nworker.w.port=9001\nworker.v.port=9002\nworker.st.type=status\n"
FILES = {
    "www/index.html": "index",
    "www/a.txt": "a",
    "www/app/page.html": "page",
    "www/dir/index.html": "dir",
    "www/empty/x.bin": "x",
    "www/.secret": "s",
    "www/WEB-INF/web.xml": "w",
    "www/oops.html": "oops",
}
ROOT = "DocumentRoot @/www\nTypesConfig /dev/null\nAddType text/html .html\nAddType text/plain .txt\n"


def edits(action):
    return dict(action.edits.replace), dict(action.edits.add_always), action.edits.remove


# --- virtual hosts -----------------------------------------------------------------------------

HOSTS = """
ServerName main.test
JkMount /main/* w
<VirtualHost *:80>
    ServerName one.test
    ServerAlias *.one.test www?.one.example
    JkMount /one/* w
</VirtualHost>
<VirtualHost *:80>
    ServerName two.test
    JkMount /one/* v
</VirtualHost>
<VirtualHost *:8080>
    ServerName three.test
    JkMount /three/* w
</VirtualHost>
<VirtualHost 127.0.0.1:8080>
    ServerName four.test
    JkMount /three/* v
</VirtualHost>
"""


@pytest.mark.parametrize(
    ("host", "port", "path", "worker"),
    [
        ("one.test", 80, "/one/x", "w"),
        ("ONE.test:80", 80, "/one/x", "w"),
        ("a.one.test", 80, "/one/x", "w"),
        ("www1.one.example", 80, "/one/x", "w"),
        ("two.test", 80, "/one/x", "v"),
        ("two.test.", 80, "/one/x", "v"),
        ("unknown.test", 80, "/one/x", "w"),  # the first one
        ("three.test", 8080, "/three/x", "v"),  # an address beats "*"
        ("one.test", 9999, "/main/x", "w"),  # no VirtualHost for this port
        ("one.test", 9999, "/one/x", ""),
    ],
)
def test_addresses_decide_first_then_names(make_front, host, port, path, worker):
    assert make_front(HOSTS, ONE).worker(path, host, port=port) == worker


@pytest.mark.parametrize(
    ("main", "inside", "worker"),
    [
        ("", "", ""),  # mounts of the main server do not hold in a VirtualHost
        ("", "JkMountCopy On", "w"),
        ("JkMountCopy All", "", "w"),
        ("JkMountCopy All", "JkMountCopy Off", ""),
        ("JkMountCopy All", "JkMount /a/* v", "v"),  # never over one with the same pattern
    ],
)
def test_mounts_are_copied_where_it_is_said(make_front, main, inside, worker):
    front = make_front(f"JkMount /a/* w\n{main}\n<VirtualHost *:80>\n{inside}\n</VirtualHost>", ONE)
    assert front.worker("/a/x") == worker


def test_a_rule_file_is_copied_only_into_a_host_that_has_none(make_front):
    files = {"main.properties": "/a=w", "own.properties": "/b=w"}
    front = make_front(
        "JkMountFile main.properties\n<VirtualHost *:80>\nServerName one\nJkMountCopy On\n</VirtualHost>\n"
        "<VirtualHost *:80>\nServerName two\nJkMountCopy On\nJkMountFile own.properties\n</VirtualHost>",
        ONE,
        files,
    )
    assert (front.worker("/a", "one"), front.worker("/b", "one")) == ("w", "")
    assert (front.worker("/a", "two"), front.worker("/b", "two")) == ("", "w")


def test_a_rule_file_is_read_again_when_it_has_changed(make_front, tmp_path, caplog):
    clock = [1000.0]
    front = make_front("JkMountFile r.properties\n", ONE, {"r.properties": "/a=w"}, now=lambda: clock[0])
    file = tmp_path / "r.properties"
    file.write_text("/b=w")
    os.utime(file, (1, 1))
    clock[0] += 59
    assert (front.worker("/a"), front.worker("/b")) == ("w", "")
    clock[0] += 2
    assert (front.worker("/a"), front.worker("/b")) == ("", "w")
    file.write_text("rubbish")
    clock[0] += 61
    assert front.worker("/b") == "w"  # a broken file changes nothing
    assert "r.properties:1:1: 'rubbish' names no worker" in caplog.text


# --- the order of things -----------------------------------------------------------------------

ORDER = """
JkMount /app/* w
JkMount /redirected/* w
JkMount /aliased/* w
JkMount /proxied/* w
JkMount /no/* nobody
JkMount /*.jsp w
Alias /aliased @/www
Redirect /redirected http://other.test/r
ProxyPass /proxied http://127.0.0.1:9900/p
ProxyPass /files/static !
ProxyPass /files http://127.0.0.1:9900/
<Location /app/secret>
    Require all denied
</Location>
<Location /app/gone>
    Redirect gone /app/gone
</Location>
"""


@pytest.mark.parametrize(
    ("target", "worker"),
    [
        ("/app/x", "w"),
        ("/app;x/y", "w"),
        ("/app/%2e%2e/a.txt", ""),
        ("/aliased/a.txt", "w"),  # a mount before an Alias
        ("/proxied/x", "http://127.0.0.1:9900/p"),  # ProxyPass before a mount
        ("/files/x", "http://127.0.0.1:9900/"),
        ("/files/static/x", ""),
        ("/filesystem", ""),  # only whole segments
    ],
)
def test_who_gets_a_path(make_front, target, worker):
    assert make_front(ROOT + ORDER, ONE, FILES).worker(target) == worker


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/redirected/x", 302),  # a Redirect before a mount
        ("/app/secret", 403),
        ("/app;x/secret", 403),  # as the container would read it
        ("/app/gone", 410),
        ("/no/x", 500),
        ("/app/a%2fb", 404),
        ("/..;/x", 400),
        ("/a.txt", 200),
        ("/a.txt/", 404),
        ("/none", 404),
        ("/a.txt;v=1", 404),
        ("/.secret", 404),
        ("/WEB-INF/web.xml", 404),
        ("/app/web-inf/x", 404),
        ("/app/WEB-INF;x/x", 404),
    ],
)
def test_what_is_answered_here(make_front, target, status):
    assert make_front(ROOT + ORDER, ONE, FILES).status(target) == status


def test_a_redirect_keeps_rest_and_query(make_front):
    front = make_front("Redirect permanent /a http://other.test/b\nRedirectMatch 303 ^/m/(.*)x$ /n/$1\n")
    action = front.decide("/a/c%20d?q=1")
    assert (action.status, action.headers) == (301, (("Location", "http://other.test/b/c%20d?q=1"),))
    action = front.decide("/m/1x")
    assert (action.status, action.headers) == (303, (("Location", "/n/1"),))
    assert front.status("/ab") == 404


def test_what_a_redirect_takes_from_a_path_is_escaped_again(make_front):
    front = make_front("RedirectMatch (?s)^/m/(.*)$ /n/$1\n")
    assert front.decide("/m/a%20b%0d%0aX:%20y/%C3%A9").headers == (
        ("Location", "/n/a%20b%0D%0AX:%20y/%C3%A9"),
    )


def test_a_variable_does_not_end_a_field(make_front):
    front = make_front(
        'SetEnvIf Request_URI "(?s)^/(.*)$" P=$1\nHeader always set X-Path "%{P}e"\nRedirect /a /b\n'
    )
    edits = front.decide("/a/c%0d%0aSet-Cookie:%20x/%C3%A9%E2%82%AC").edits
    (header,) = edits.replace
    assert header == ("X-Path", "a/c%0D%0ASet-Cookie: x/" + "é€".encode().decode("latin-1"))


@pytest.mark.parametrize(
    ("options", "target", "passed"),
    [
        ("", "/app/a%2520b/%7ex?q=%41", b"/base/a%2520b/~x?q=%41"),
        ("nocanon", "/app/a%2520b/%7ex?q=%41", b"/base/a%2520b/%7ex?q=%41"),
        ("nocanon", "/app/a%20HTTP/1.1%0d%0aHost:%20x", b"/base/a%20HTTP/1.1%0d%0aHost:%20x"),
        # What was matched is not what was written, so the rest of that is not known.
        ("nocanon", "/%61pp/a%20b%0d%0a", b"/base/a%20b%0D%0A"),
        ("nocanon", "/x/../app/a%0a", b"/base/a%0A"),
    ],
)
def test_nocanon_passes_on_what_the_client_has_written(make_front, options, target, passed):
    front = make_front(f"ProxyPass /app http://127.0.0.1:9/base {options}\n")
    assert front.decide(target).target == passed


@pytest.mark.parametrize(
    ("config", "passed"),
    [
        ("ProxyPass /app http://127.0.0.1:9/base nocanon\n", b"/base/b"),
        ("JkMount /app/* w\nJkOptions +ForwardURICompatUnparsed\n", b"/app/b"),
    ],
)
def test_after_a_redirect_inside_the_front_the_clients_target_counts_no_more(
    make_front, request_for, config, passed
):
    request = request_for("/app/a")
    request.path, request.restarts = "/app/b", 1  # X-Accel-Redirect
    assert make_front(config, ONE).site.decide(request).target == passed


def test_an_absolute_target_is_forwarded_as_a_path(make_front, request_for):
    request = request_for("/app/%61")
    request.exchange.target = b"http://www.example.test/app/%61"
    front = make_front("JkMount /app/* w\nJkOptions +ForwardURICompatUnparsed\n", ONE)
    assert front.site.decide(request).target == b"/app/%61"


def test_a_pattern_with_nocanon_puts_no_line_end_into_a_target(make_front):
    front = make_front("ProxyPassMatch (?s)^/app/(.*)$ http://127.0.0.1:9/base/$1 nocanon\n")
    assert front.decide("/app/a%20HTTP/1.1%0d%0aHost:%20x").target == b"/base/a%20HTTP/1.1%0D%0AHost:%20x"


# --- files -------------------------------------------------------------------------------------


def test_a_file_has_its_type(make_front, tmp_path):
    action = make_front(ROOT, files=FILES).decide("/a.txt")
    assert isinstance(action, FileAction)
    assert (action.root, action.path, action.types["txt"]) == (str(tmp_path / "www"), "/a.txt", "text/plain")


def test_folders(make_front):
    front = make_front(ROOT, files=FILES)
    assert front.decide("/dir?x=1").headers == (("Location", "/dir/?x=1"),)
    assert front.decide("/dir/").path == "/dir/index.html"
    assert front.status("/empty/") == 404


def test_a_folder_without_index_is_forbidden_where_it_might_have_been_listed(make_front):
    front = make_front("LoadModule autoindex_module x.so\n" + ROOT, files=FILES)
    assert front.status("/empty/") == 403


def test_an_index_may_belong_to_a_worker(make_front):
    files = {**FILES, "www/jsp/index.jsp": "source"}
    config = "JkMount /*.jsp w\nDirectoryIndex index.jsp index.html\n"
    front = make_front(ROOT + config, ONE, files)
    assert front.worker("/jsp/") == "w"
    assert front.decide("/dir/").path == "/dir/index.html"


def test_aliases(make_front, tmp_path):
    files = {**FILES, "else/b.txt": "b", "single.txt": "s"}
    front = make_front(
        ROOT + "Alias /e @/else\nAlias /f/ @/else/\nAlias /s @/single.txt\nAliasMatch ^/g/(.*) @/else/$1\n"
        "ScriptAlias /cgi/ @/else/\n",
        files=files,
    )
    place = str(tmp_path / "else")
    for target in ("/e/b.txt", "/f/b.txt"):
        action = front.decide(target)
        assert (action.root, action.path) == (place, "/b.txt")
    assert front.decide("/g/b.txt").path == "/b.txt"
    assert front.decide("/s").path == "/single.txt"
    assert front.status("/else") == 404
    assert front.status("/cgi/b.txt") == 404


def test_an_alias_that_would_open_its_neighbours_is_refused(make_front):
    with pytest.raises(ConfigError, match=r'httpd\.conf:1:1: /f/ ends with "/"'):
        make_front("Alias /f/ @/else\n")


ACCESS = """
<Directory />
    Require all denied
</Directory>
<Directory @/www>
    Require all granted
</Directory>
<Directory @/www/dir>
    Require ip 10.0.0.0/8
</Directory>
<FilesMatch "\\.bak$">
    Require all denied
</FilesMatch>
<Location /empty>
    <RequireAll>
        Require all granted
        Require not ip 192.0.2
    </RequireAll>
</Location>
<Location /old>
    Order deny,allow
    Deny from all
    Allow from 192.0.2.1
</Location>
Alias /outside /usr/share
"""


@pytest.mark.parametrize(
    ("target", "peer", "status"),
    [
        ("/a.txt", "192.0.2.1", 200),
        ("/dir/", "10.1.2.3", 200),
        ("/dir/", "192.0.2.1", 403),
        ("/x.bak", "10.0.0.1", 403),
        ("/empty/x.bin", "192.0.2.1", 403),
        ("/empty/x.bin", "198.51.100.1", 200),
        ("/outside/", "10.0.0.1", 403),
        ("/old", "192.0.2.1", 404),
        ("/old", "192.0.2.2", 403),
    ],
)
def test_who_may_come_in(make_front, target, peer, status):
    front = make_front(ROOT + ACCESS, files={**FILES, "www/x.bak": "b"})
    assert front.status(target, peer=peer) == status


def test_sections_are_about_names_as_they_are_written(make_front, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "www")
    config = "DocumentRoot @/link\n<Directory @/link/dir>\nRequire all denied\n</Directory>\n"
    front = make_front(config, files=FILES)
    assert front.status("/dir/") == 403
    assert front.decide("/a.txt").root == str(tmp_path / "link")


def test_the_innermost_section_counts(make_front):
    front = make_front(
        ROOT + "<Location /app>\nForceType a/b\nHeader set X-A outer\n</Location>\n"
        "<Location /app/page.html>\nForceType c/d\nHeader set X-A inner\n</Location>\n",
        files=FILES,
    )
    action = front.decide("/app/page.html")
    assert action.content_type == "c/d"
    assert edits(action)[0] == {"X-A": "inner"}


# --- headers, variables, errors ----------------------------------------------------------------


def test_headers_of_answers(make_front):
    front = make_front(
        ROOT + "Header set X-Set 1\nHeader always set X-Always 2\nHeader add X-Add 3\nHeader unset X-Gone\n"
        'SetEnvIf Request_URI "txt$" is_text=yes\nHeader set X-Text "%{is_text}e" env=is_text\n',
        files=FILES,
    )
    assert edits(front.decide("/a.txt")) == (
        {"X-Set": "1", "X-Always": "2", "X-Text": "yes"},
        {"X-Add": "3"},
        {"x-gone"},
    )
    assert edits(front.decide("/none")) == ({"X-Always": "2"}, {}, frozenset())


def test_headers_of_requests(make_front):
    front = make_front(
        "JkMount /* w\nRequestHeader set X-Set 1\nRequestHeader append X-More b\nRequestHeader unset X-Gone\n"
        "RequestHeader edit X-Edit ^a(.) $1$1\n",
        ONE,
    )
    client = [("X-More", "a"), ("X-Gone", "x"), ("X-Edit", "abc"), ("X-Hop", "1"), ("Connection", "X-Hop")]
    assert dict(front.decide("/x", headers=client).headers) == {
        "Host": "www.example.test",
        "X-Set": "1",
        "X-More": "a, b",
        "X-Edit": "bbc",
    }


def test_variables_keep_a_path_here_or_route_it(make_front):
    front = make_front(
        ROOT + "JkMount /* w\n"
        'SetEnvIf Request_URI "\\.txt$" no-jk\nSetEnvIf X-Node (.+) JK_ROUTE=$1\n'
        "SetEnvIfNoCase ^x-nod B no-such\nJkEnvVar JK_ROUTE\nJkEnvVar OTHER fallback\n",
        ONE,
        FILES,
    )
    assert front.worker("/a.txt") == ""
    action = front.decide("/x", headers=[("X-Node", "n1")])
    assert action.ask.sessions == (".n1",)
    assert action.attributes == (("JK_ROUTE", "n1"), ("OTHER", "fallback"))


def test_no_jk_of_setenv_comes_too_late(make_front):
    front = make_front(
        ROOT + "JkMount /a.txt w\n<Location /a.txt>\nSetEnv no-jk 1\n</Location>\n", ONE, FILES
    )
    assert front.status("/a.txt") == 404
    assert any("SetEnv sets no-jk" in str(problem) for problem in front.site.config.problems)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('"not here"', FixedAnswer(404, b"not here", "text/html; charset=iso-8859-1")),
        ("http://x.test/e", FixedAnswer(302, b"", headers=(("Location", "http://x.test/e"),))),
        ("/none/either", Deny(404)),
    ],
)
def test_pages_of_errors(make_front, document, expected):
    assert make_front(f"ErrorDocument 404 {document}\n", files=FILES).decide("/none") == expected


def test_the_page_of_an_error_may_be_a_file(make_front):
    front = make_front(ROOT + "ErrorDocument 404 /oops.html\nErrorDocument 503 /oops.html\n", files=FILES)
    action = front.decide("/none")
    assert (action.path, action.status) == ("/oops.html", 404)


@pytest.mark.parametrize("rule", ["JkMount /page nobody", "Redirect gone /page", "Redirect 500 /page"])
def test_the_page_of_an_error_that_is_an_error_itself(make_front, rule):
    front = make_front(f"{rule}\nErrorDocument 500 /page\nErrorDocument 410 /page\n", ONE)
    assert front.status("/page") in (410, 500)


def test_an_error_of_a_worker_has_its_page(make_front, request_for):
    front = make_front(ROOT + "JkMount /x w\nErrorDocument 503 /oops.html\n", ONE, FILES)
    request = request_for("/x")
    front.site.decide(request)
    action = front.site.decide_error(request, 503)
    assert (action.path, action.status) == ("/oops.html", 503)
    assert front.site.decide_error(request, 502) is None


# --- mod_jk ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "target", "forwarded"),
    [
        ("", "/a%20b;c=d/%c3%a4?q=%20", b"/a%20b;c=d/%C3%A4?q=%20"),
        ("", "//a/./b", b"/a/b"),
        ("", '/a%7cb"', b"/a%7Cb%22"),
        ("+ForwardURICompatUnparsed", "//a/%7cb?q", b"//a/%7cb?q"),
        ("ForwardURICompat", "/a%20b", b"/a b"),
        ("ForwardURICompat -ForwardURICompat", "/a%20b", b"/a%20b"),
    ],
)
def test_the_forwarded_uri(make_front, option, target, forwarded):
    config = f"JkMount /* w\n{f'JkOptions {option}' if option else ''}\n"
    assert make_front(config, ONE).decide(target).target == forwarded


def test_a_mount_in_a_location_is_its_path_and_nothing_below(make_front):
    front = make_front("<Location /jk>\nJkMount w\n</Location>\n", ONE)
    assert (front.worker("/jk"), front.worker("/jk/x")) == ("w", "")


def test_the_url_beats_cookies_and_rules_may_ignore_both(make_front):
    workers = ONE + (
        "worker.list=lb\nworker.lb.type=lb\nworker.lb.balance_workers=w,v\nworker.lb.session_cookie=SID\n"
    )
    files = {"r.properties": "/ignore=lb;sticky_ignore=1\n/fresh=lb;stateless=1\n/own=lb;session_cookie=OWN"}
    front = make_front("JkMount /* lb\nJkMountFile r.properties\n", workers, files)
    cookies = [("Cookie", 'a=b; SID="1.v"; JSESSIONID=2.w; OWN=3.w')]
    assert front.decide("/x", headers=cookies).ask.sessions == ("1.v",)
    assert front.decide("/x;jsessionid=4.w", headers=cookies).ask.sessions == ("4.w",)
    assert front.decide("/ignore", headers=cookies).ask.sessions == ()
    assert front.decide("/own", headers=cookies).ask.sessions == ("3.w",)
    assert front.decide("/fresh").ask.stateless


def test_rules_change_activation_and_statuses_of_one_group(make_front):
    workers = (
        "worker.list=lb\nworker.lb.type=lb\nworker.lb.balance_workers=a,b\nworker.a.port=1\nworker.b.port=2\n"
    )
    front = make_front(
        "JkMountFile r.properties\nJkMount /* lb\n", workers, {"r.properties": "/b=lb;disabled=a"}
    )
    assert [front.pick("/b") for _ in range(3)] == ["b", "b", "b"]
    assert [front.pick("/x") for _ in range(3)] == ["a", "a", "a"]  # they share their counters


def test_reply_timeouts(make_front):
    workers = "worker.list=w\nworker.w.port=1\nworker.w.reply_timeout=2000\n"
    front = make_front(
        "JkMountFile r.properties\nJkMount /* w\nSetEnvIf X-Slow . JK_REPLY_TIMEOUT=9000\n",
        workers,
        {"r.properties": "/slow=w;reply_timeout=0"},
    )
    assert front.decide("/x").limits.read_timeout_s == 2
    assert front.decide("/slow").limits.read_timeout_s == 0
    assert front.decide("/x", headers=[("X-Slow", "1")]).limits.read_timeout_s == 9


def test_the_session_is_cut_off_where_it_is_said(make_front):
    assert make_front(ROOT, files=FILES).status("/a.txt;jsessionid=1.x") == 404
    assert (
        make_front(ROOT + "JkStripSession On\n", files=FILES).decide("/a.txt;jsessionid=1").path == "/a.txt"
    )


def test_files_of_applications(make_front, tmp_path):
    front = make_front("JkAutoAlias @/apps\nJkMount /shop/*.do w\n", ONE, {"apps/shop/x.css": "c"})
    assert front.decide("/shop/x.css").root == str(tmp_path / "apps")
    assert front.worker("/shop/x.do") == "w"
    assert front.status("/shop/WEB-INF/web.xml") == 404


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("mime=txt", "Ajp: name=w type=ajp13 host=localhost port=9001"),
        ("mime=prop", "worker.w.state=OK/IDLE"),
        ("mime=xml", '<jk:ajp name="w"'),
        ("", "<h1>JK Status Manager</h1>"),
        ("mime=txt&cmd=update&w=w&vwa=2", "the page is read only"),
    ],
)
def test_the_status_page(make_front, query, text):
    action = make_front("JkMount /status st\n", ONE).decide(f"/status?{query}")
    assert action.status == 200
    assert text in action.body.decode()


# --- mod_proxy ---------------------------------------------------------------------------------


def test_each_member_is_spoken_to_as_it_says(make_front):
    workers = (
        "worker.list=lb,a\nworker.lb.type=lb\nworker.lb.balance_workers=a,b\nworker.a.port=1\n"
        "worker.b.port=2\nworker.b.reply_timeout=3000\nworker.b.secret=s\nworker.b.ping_mode=P\n"
        "worker.b.connection_pool_size=4\nworker.b.connection_acquire_timeout=50\n"
    )
    front = make_front("JkMount /* lb\nJkMount /a a\n", workers)
    action = front.decide("/x")
    a, b = (action.for_member(member) for member in action.group.members)
    assert (a.limits.read_timeout_s, a.limits.ajp_secret, a.limits.max_connections) == (0, None, 0)
    assert (b.limits.read_timeout_s, b.limits.ajp_secret, b.limits.ajp_ping_timeout_s) == (3, "s", 10)
    assert (b.limits.max_connections, b.limits.acquire_timeout_s) == (4, 0.05)
    assert (a.origin.route, b.origin.route) == ("a", "b")
    assert a.limits.pool == front.decide("/a").limits.pool != b.limits.pool


BALANCER = """
<Proxy balancer://farm>
    BalancerMember http://127.0.0.1:9001 route=a loadfactor=2
    BalancerMember http://127.0.0.1:9002 route=b
    BalancerMember http://127.0.0.1:9003 status=+H
    ProxySet stickysession=JSESSIONID|jsessionid
</Proxy>
ProxyPass /app balancer://farm/base
ProxyPassReverse /app balancer://farm/base
ProxyPassMatch ^/(.*\\.php)$ http://127.0.0.1:9900/$1
<Location /ajp>
    ProxyPass ajp://127.0.0.1:8009/ajp secret=s timeout=7
</Location>
"""


def test_a_balancer(make_front):
    front = make_front(BALANCER)
    action = front.decide("/app/x%20y?q")
    assert action.target == b"/base/x%20y?q"
    assert action.edits.redirects[0] == ("http://127.0.0.1:9001/base", "http://www.example.test/app")
    assert [front.pick("/app/x")[-1] for _ in range(6)] == ["1", "2", "1", "1", "2", "1"]
    assert front.pick("/app/x", headers=[("Cookie", "JSESSIONID=1.b")])[-1] == "2"


def test_parameters_of_members_and_of_balancers(make_front):
    front = make_front(
        "<Proxy balancer://farm>\nBalancerMember http://10.0.0.1/one timeout=5 max=2 acquire=300\n"
        "BalancerMember ws://10.0.0.2:81/two\nProxySet timeout=1\n</Proxy>\n"
        "ProxyPass /app balancer://farm/x\n"
    )
    action = front.decide("/app/y")
    one, two = (action.for_member(member) for member in action.group.members)
    assert (one.target, two.target) == (b"/one/x/y", b"/two/x/y")
    assert (dict(one.headers)["Host"], dict(two.headers)["Host"]) == ("10.0.0.1", "10.0.0.2:81")
    assert (one.limits.read_timeout_s, two.limits.read_timeout_s) == (5, 60)
    assert (one.limits.max_connections, one.limits.acquire_timeout_s) == (2, 0.3)
    assert (one.limits.upgrade, two.limits.upgrade) == (False, True)
    with pytest.raises(ConfigError, match="secret is no parameter of a balancer"):
        make_front(
            "<Proxy balancer://farm>\nBalancerMember ajp://10.0.0.1\n</Proxy>\n"
            "ProxyPass /app balancer://farm secret=s\n"
        )


def test_proxies_may_be_open_to_all_but_not_to_some(make_front):
    make_front("<Proxy *>\nOrder deny,allow\nAllow from all\nAddDefaultCharset off\n</Proxy>\n")
    make_front("<Proxy *>\nRequire all granted\n</Proxy>\n")
    for rules in ("Require local", "Order allow,deny\nAllow from 10.0.0.1", "Deny from all"):
        with pytest.raises(ConfigError, match="Put them into a <Location>"):
            make_front(f"<Proxy *>\n{rules}\n</Proxy>\n")


def test_urls_of_proxypass(make_front):
    front = make_front(BALANCER)
    assert front.decide("/a/b.php?x").target == b"/a/b.php?x"
    action = front.decide("/ajp/x")
    assert (action.target, action.limits.ajp_secret, action.limits.read_timeout_s) == (b"/ajp/x", "s", 7)


def test_what_a_http_backend_is_told(make_front):
    front = make_front("ProxyPass / http://10.0.0.9:8080/\n")
    headers = dict(front.decide("/x", headers=[("X-Forwarded-For", "1.2.3.4")]).headers)
    assert headers == {
        "Host": "10.0.0.9:8080",
        "X-Forwarded-For": "1.2.3.4, 192.0.2.1",
        "X-Forwarded-Host": "www.example.test",
        "X-Forwarded-Server": "www.example.test",
        "X-Forwarded-Proto": "http",
    }
    front = make_front("ProxyPreserveHost On\nProxyAddHeaders Off\nProxyPass / http://10.0.0.9:8080/\n")
    assert dict(front.decide("/x").headers) == {"Host": "www.example.test"}


# --- logs --------------------------------------------------------------------------------------


def test_access_logs(make_front, request_for, tmp_path):
    front = make_front(
        'LogFormat "%h %u \\"%r\\" %>s %b %D %{JK_WORKER_NAME}n %{X}e %{User-Agent}i %%" mine\n'
        "CustomLog logs/access.log mine\nCustomLog logs/only.log common env=special\nJkMount /* w\n",
        ONE,
    )
    request = request_for('/a"b', headers=[("User-Agent", 'x"\\y')])
    front.site.decide(request)
    facts = {"status": "200", "body_bytes_sent": "0", "request_time": "0.002"}
    assert front.site.log_line(request, facts) == [
        (
            str(tmp_path / "logs/access.log"),
            r'192.0.2.1 - "GET /a\"b HTTP/1.1" 200 - 2000 w - x\"\\y %',
        )
    ]


# --- what is refused, what has no effect -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DocumentRot /x\n", r"httpd\.conf:1:1: DocumentRot is no directive .* Did you mean documentroot\?"),
        ("RewriteRule a b\n", "RewriteRule is not implemented"),
        ("<Location /a>\nRequire valid-user\n</Location>\n", r":2:1: Require valid-user cannot be checked"),
        ("<Location /a>\nRequire not ip 10.0.0.1\n</Location>\n", "has no effect where one of several"),
        ("Listen http\n", "is no port"),
        ("ProxyRequests On\n", "open proxy"),
        ("ProxyPass /a fcgi://127.0.0.1:9000/\n", "cannot be reached from here"),
        ("AddHandler cgi-script .cgi\n", "no handler 'cgi-script'"),
        ("<Location /a>\nListen 80\n</Location>\n", "must stand outside of every section"),
        ("<VirtualHost *:80>\nJkWorkersFile x\n</VirtualHost>\n", "must stand outside"),
        ("JkMount a w\n", "begins with a slash"),
        ("JkMountFile none.properties\n", "none.properties: No such file"),
        ("JkWorkersFile none.properties\n", "httpd.conf:1:1: .*none.properties: No such file"),
        ("SetEnvIf A ( b\n", "no regular expression"),
        ("<Limit GET>\n</Limit>\n", "<Limit> is not implemented"),
        ("ServerName\n", "ServerName takes 1 argument, not 0"),
        ('CustomLog "|rotate x" common\n', "not to programs"),
        ("ProxyPass /a balancer://none/\n", "has no members"),
        ("ProxyPass /a http://127.0.0.1:9/ max=many\n", r"httpd\.conf:1:1: max=many is no number .* max=10"),
        ("ProxyPass /a ajp://127.0.0.1:9/ acquire=-1\n", "acquire=-1 is no number from 0 on"),
        ('Header set X-Took "%D us"\n', "%D is not known before the answer is. Leave it out, or log it"),
        ("JkOptions +ForwardURL\n", "JkOptions has no option"),
    ],
)
def test_mistakes_say_where_what_and_the_cure(make_front, text, message):
    with pytest.raises(ConfigError, match=message):
        make_front(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("JkMount /a nobody\n", r"httpd\.conf:2:1: .*'nobody' of /a is not in worker\.list"),
        ("JkMount /a w\n<VirtualHost *:80>\n</VirtualHost>\n", "does not hold in the VirtualHost"),
        ("DocumentRoot /nowhere/at/all\n", "is no folder"),
    ],
)
def test_the_usual_mistakes_are_told(make_front, text, message):
    front = make_front(text, ONE)
    assert any(re.search(message, str(problem)) for problem in front.site.config.problems)


def test_what_has_no_effect_is_listed(make_front):
    front = make_front("ServerTokens Prod\nOptions Indexes\nAllowOverride All\nKeepAlive On\n")
    assert [str(note).partition("warning: ")[2].split(" has")[0] for note in front.site.config.ignored] == [
        "ServerTokens",
        "Options Indexes",
        "AllowOverride",
    ]


def test_settings_of_process_models_are_kept_by_their_names(tmp_path):
    (tmp_path / "httpd.conf").write_text(
        "StartServers 2\nMaxClients 9\n<IfModule mpm_event_module>\nThreadsPerChild 3\n</IfModule>\n"
        "Listen 81\nListen 10.0.0.1:82 https\n"
    )
    found = read_site(tmp_path / "httpd.conf", {}).config
    assert found.mpm == {"StartServers": 2, "MaxRequestWorkers": 9, "ThreadsPerChild": 3}
    assert [(each.host, each.port, each.protocol) for each in found.listen] == [
        ("", 81, "http"),
        ("10.0.0.1", 82, "https"),
    ]
