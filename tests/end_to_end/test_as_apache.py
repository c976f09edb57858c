"""The same httpd.conf, workers.properties and rule file, given to Apache with mod_jk and to our front.

Behind both stand the same containers, which answer with their letter and the target that they were sent.
"""

import http.client
import os
import socket
import struct
import threading
from contextlib import contextmanager, suppress

import programs
import pytest

from container.config import Settings
from container.front.configuration import load_front
from container.front.program import FrontServer

pytestmark = [pytest.mark.socket, pytest.mark.program("apache2", "mod_jk")]


# --- containers --------------------------------------------------------------------------------


class Backend:
    """Answers "A /target": over AJP, or over HTTP. Can be stopped and started again at its port."""

    def __init__(self, letter, protocol="ajp"):
        self.letter = letter
        self.talk = self._talk_ajp if protocol == "ajp" else self._talk_http
        self.port = 0
        self.start()

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.open = set()
        self.thread = threading.Thread(target=self._accept, args=(self.listener, self.open))
        self.thread.start()

    def stop(self):
        """No connection is taken, and those that are open end."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for each in list(self.open):
            with suppress(OSError):  # it has ended meanwhile
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener, connections):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.add(connection)
            threading.Thread(target=self._serve, args=(connection, connections), daemon=True).start()

    def _serve(self, connection, connections):
        try:
            with connection, connection.makefile("rb") as stream:
                while self.talk(connection, stream):
                    pass
        except OSError:
            pass
        finally:
            connections.discard(connection)

    def _talk_ajp(self, connection, stream):
        head = stream.read(4)
        if len(head) < 4:
            return False
        payload = stream.read(struct.unpack(">H", head[2:])[0])
        if payload[0] == 10:  # CPING
            connection.sendall(b"AB\0\1\x09")
            return True
        if payload[0] != 2:
            return True
        target = ajp_target(payload)
        body = f"{self.letter} {target}".encode("latin-1")
        for packet in (
            b"\x04" + struct.pack(">HH", 200, 2) + b"OK\0\0\0",
            b"\x03" + struct.pack(">H", len(body)) + body + b"\0",
            b"\x05\x01",
        ):
            connection.sendall(b"AB" + struct.pack(">H", len(packet)) + packet)
        return True

    def _talk_http(self, connection, stream):
        target = stream.readline().decode("latin-1").split()[1:2]
        headers = []
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        if target:
            body = http_answer(self.letter, target[0], headers).encode("latin-1")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return bool(target)


def http_answer(letter, target, headers):
    """With the fields that mod_proxy sets, where the target asks for them."""
    told = ""
    if "fields" in target:
        wanted = ("host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-server", "x-more")
        told = "".join(
            sorted(f"|{name.lower()}={value}" for name, value in headers if name.lower() in wanted)
        )
    return f"{letter} {target}{told}"


def ajp_target(payload):
    """URI and query of a forward request."""
    at = 2

    def string():
        nonlocal at
        length = struct.unpack_from(">H", payload, at)[0]
        at += 2
        if length == 0xFFFF:
            return ""
        at += length + 1
        return payload[at - length - 1 : at - 1].decode("latin-1")

    string()  # protocol
    uri = string()
    for _ in range(3):
        string()
    at += 3  # server port, is_ssl
    count = struct.unpack_from(">H", payload, at)[0]
    at += 2
    for _ in range(count):
        if payload[at] == 0xA0:
            at += 2
        else:
            string()
        string()
    query = ""
    while payload[at] != 0xFF:
        kind = payload[at]
        at += 1
        if kind == 10:
            string()
            string()
        elif kind == 11:
            at += 2
        elif kind == 5:
            query = "?" + string()
        else:
            string()
    return uri + query


# --- the two fronts ----------------------------------------------------------------------------


class Front:
    """Apache, or ours."""

    def __init__(self, port, folder, site=None):
        self.port = port
        self.folder = folder
        self.site = site

    def ask(self, method, target, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=programs.LIMIT_S)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            kept = {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()
        return answer.status, body.decode("latin-1"), kept


@contextmanager
def our_front(folder, port):
    """Our front with the configuration in folder, on a port of its own."""
    own = programs.free_ports(1)[0]
    file = folder / "ours.conf"
    file.write_text((folder / "httpd.conf").read_text().replace(f":{port}", f":{own}"))
    server = FrontServer(Settings(), load_front(file))
    server.start()
    try:
        yield Front(own, folder, server.config.site)
    finally:
        server.stop()


class Both:
    """Asks both, in the same order, and compares; the answer is returned."""

    def __init__(self, apache, ours):
        self.apache, self.ours = apache, ours
        self.count = 0

    def ask(self, target, host="www.example.test", headers=(), method="GET"):
        self.count += 1
        headers = [("Host", host), *headers]
        expected = self.comparable(method, *self.apache.ask(method, target, headers))
        assert self.comparable(method, *self.ours.ask(method, target, headers)) == expected, target
        return expected

    def comparable(self, method, status, body, fields):
        """Status and body, where to, and what Header has set.

        The text of an error page is each one's own; a malformed target is answered before a Site sees it.
        """
        location = fields.get("location", "").removeprefix("http://www.example.test")
        marks = {name: value for name, value in fields.items() if name.startswith("x-") and status != 400}
        if (status >= 300 and "<!DOCTYPE" in body) or (status >= 300 and not body):
            body = ""
        kind = fields.get("content-type", "") if status == 200 and body and body[1:2] != " " else ""
        if kind == "application/octet-stream":
            kind = ""  # Apache says nothing where it knows no type
        return status, "" if method == "HEAD" else body, location, kind, marks

    def letters(self, count, target, *args, **more):
        return "".join(self.ask(target, *args, **more)[1][:1] or "-" for _ in range(count))


MPM = """
StartServers 1
ServerLimit 1
ThreadLimit 8
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
"""


@pytest.fixture
def backends():
    found = [Backend("A"), Backend("B"), Backend("C"), Backend("P", "http")]
    yield found
    for backend in found:
        if backend.listener.fileno() >= 0:
            backend.stop()


@contextmanager
def both(backends, config, workers, files=None, rules="", modules=()):
    for number, backend in enumerate(backends):
        config = config.replace(f"@{'abcp'[number]}@", str(backend.port))
        workers = workers.replace(f"@{'abcp'[number]}@", str(backend.port))
    configurations = {"uriworkermap.properties": rules} if rules else {}
    files = {name: content.encode() for name, content in (files or {}).items()}
    with (
        programs.apache(
            MPM + config, modules=modules, workers=workers, files=files, configurations=configurations
        ) as server,
        our_front(server.folder, server.port) as ours,
    ):
        yield Both(Front(server.port, server.folder), ours)


# --- J1 ----------------------------------------------------------------------------------------

J1_WORKERS = """
worker.list=loadbalancer
worker.maintain=2
worker.was1.type=ajp13
worker.was1.host=127.0.0.1
worker.was1.port=@a@
worker.was1.lbfactor=1
worker.was2.type=ajp13
worker.was2.host=127.0.0.1
worker.was2.port=@b@
worker.was2.lbfactor=1
worker.loadbalancer.type=lb
worker.loadbalancer.balance_workers=was1,was2
worker.loadbalancer.sticky_session=true
worker.loadbalancer.recover_time=6
"""
J1 = """
JkWatchdogInterval 1
AddType text/css .css
<VirtualHost *:@port@>
    ServerName www.example.test
    DocumentRoot @folder@/docs
    JkMount /* loadbalancer
    JkUnMount /*.html loadbalancer
    JkUnMount /*.css loadbalancer
    JkUnMount /*.png loadbalancer
    JkUnMount /static/* loadbalancer
</VirtualHost>
"""
J1_FILES = {"docs/index.html": "index", "docs/f.css": "css", "docs/static/a.bin": "bin", "docs/x.txt": "x"}


def test_the_minimal_cluster(backends):
    with both(backends, J1, J1_WORKERS, J1_FILES) as fronts:
        assert fronts.letters(4, "/x") == "ABAB"
        assert fronts.letters(3, "/x", headers=[("Cookie", "JSESSIONID=q.was2")]) == "BBB"
        assert fronts.letters(2, "/x;jsessionid=q.was2", headers=[("Cookie", "JSESSIONID=q.was1")]) == "BB"
        assert fronts.ask("/f.css")[:2] == (200, "css")
        assert fronts.ask("/none.css")[0] == 404
        assert fronts.ask("/static/a.bin")[1] == "bin"
        assert fronts.ask("/static/")[0] == 404
        assert fronts.ask("/")[1][1:] == " /"
        assert fronts.ask("/x.txt")[1][1:] == " /x.txt"
        backends[1].stop()
        assert fronts.letters(2, "/x", headers=[("Cookie", "JSESSIONID=q.was2")]) == "AA"
        assert fronts.letters(4, "/x") == "AAAA"
        backends[0].stop()
        assert fronts.ask("/x")[0] == 503
        assert fronts.ask("/x")[0] == 503
        backends[0].start()
        assert fronts.letters(3, "/x") == "AAA"


# --- J2 ----------------------------------------------------------------------------------------

J2_WORKERS = """
worker.list=farm,jkstatus
worker.maintain=60
worker.tmpl.type=ajp13
worker.tmpl.host=127.0.0.1
worker.tmpl.secret=changeit
worker.tmpl.ping_mode=A
worker.tmpl.ping_timeout=500
worker.tmpl.socket_connect_timeout=500
worker.tmpl.connection_pool_timeout=60
worker.tmpl.reply_timeout=1500
worker.tmpl.retries=1
worker.tmpl.recovery_options=7
worker.blue.reference=worker.tmpl
worker.blue.port=@a@
worker.blue.lbfactor=2
worker.blue.redirect=spare
worker.green.reference=worker.tmpl
worker.green.port=@b@
worker.green.redirect=spare
worker.spare.reference=worker.tmpl
worker.spare.port=@c@
worker.spare.activation=disabled
worker.farm.type=lb
worker.farm.balance_workers=blue,green,spare
worker.farm.retries=1
worker.farm.lb_retries=3
worker.farm.max_reply_timeouts=1
worker.jkstatus.type=status
worker.jkstatus.read_only=true
"""
J2_RULES = """
/shop|/*=farm
!/shop/static/*=farm
/shop/report/*=farm;reply_timeout=0
/shop/login=farm;sticky_ignore=1
-/shop/off=farm
/only/blue=farm;stopped=green
"""
J2 = """
AddType text/html .html
<VirtualHost *:@port@>
    ServerName www.example.test
    DocumentRoot @folder@/docs
    JkMountFile @folder@/uriworkermap.properties
</VirtualHost>
"""


def test_templates_rules_and_a_hot_standby(backends):
    with both(backends, J2, J2_WORKERS, {"docs/shop/static/a": "static"}, J2_RULES) as fronts:
        assert fronts.letters(9, "/shop/x") == "ABABAABAA"
        assert fronts.letters(2, "/shop/x", headers=[("Cookie", "JSESSIONID=1.spare")]) == "CC"
        assert fronts.ask("/shop/static/a")[1] == "static"
        assert fronts.ask("/shop/static/none")[0] == 404
        assert fronts.ask("/shopping")[0] == 404
        assert fronts.ask("/shop")[0] == 200
        fronts.letters(2, "/shop/login", headers=[("Cookie", "JSESSIONID=1.green")])
        fronts.letters(3, "/only/blue")
        fronts.letters(3, "/shop/report/x")
        backends[0].stop()
        backends[1].stop()
        assert fronts.letters(3, "/shop/x") == "CCC"
        assert fronts.letters(2, "/shop/x", headers=[("Cookie", "JSESSIONID=1.blue")]) == "CC"


# --- J3 ----------------------------------------------------------------------------------------

J3_WORKERS = """
worker.list=java,legacy
worker.maintain=2
worker.n1.port=@a@
worker.n1.host=127.0.0.1
worker.n1.domain=east
worker.n2.port=@b@
worker.n2.host=127.0.0.1
worker.n2.domain=east
worker.n3.port=@c@
worker.n3.host=127.0.0.1
worker.n3.domain=west
worker.java.type=lb
worker.java.method=B
worker.java.balance_workers=n1,n2
worker.java.balance_workers=n3
worker.java.recover_time=5
worker.l1.reference=worker.n3
worker.l1.route=old
worker.legacy.type=lb
worker.legacy.balance_workers=l1
worker.legacy.sticky_session_force=true
"""
J3 = """
AddType text/plain .txt
AddType text/html .html
JkMount /common/* java
<VirtualHost *:@port@>
    ServerName portal.example.test
    DocumentRoot @folder@/docs/portal
    JkMountCopy On
    JkMount /app|/* java
    ProxyPassMatch ^/(.*\\.php)$ http://127.0.0.1:@p@/$1
</VirtualHost>
<VirtualHost *:@port@>
    ServerName old.example.test
    DocumentRoot @folder@/docs/old
    JkMount /* legacy
    SetEnvIf Request_URI "\\.(css|png|txt)$" no-jk
</VirtualHost>
"""
J3_FILES = {"docs/portal/i.html": "portal", "docs/old/ten.txt": "0123456789"}


def cookie(value):
    return [("Cookie", f"JSESSIONID={value}")]


def test_two_hosts_domains_and_forced_stickiness(backends):
    portal, old = "portal.example.test", "old.example.test"
    with both(backends, J3, J3_WORKERS, J3_FILES, modules=["proxy", "proxy_http"]) as fronts:
        assert fronts.letters(6, "/app/x", portal) == "ABCABC"
        assert fronts.ask("/common/x", portal)[1][1:] == " /common/x"
        assert fronts.ask("/common/x", old)[1] == "C /common/x"
        assert fronts.ask("/a/b.php?q=1", portal)[1] == "P /a/b.php?q=1"
        assert fronts.ask("/app/b.php", portal)[1] == "P /app/b.php"  # ProxyPass comes before a mount
        assert fronts.ask("/i.html", portal)[1] == "portal"
        assert fronts.ask("/ten.txt", old)[1] == "0123456789"
        assert fronts.ask("/none.txt", old)[0] == 404
        assert fronts.letters(2, "/app/x", portal, cookie("s.n1")) == "AA"
        assert fronts.letters(1, "/app/x", portal, cookie("s.west")) == "C"
        for value in ("s.old", "s.n1", "none"):
            assert fronts.letters(1, "/x", old, cookie(value)) == "C"
        backends[0].stop()
        assert fronts.letters(2, "/app/x", portal, cookie("s.n1")) == "BB"
        backends[1].stop()
        assert fronts.letters(2, "/app/x", portal, cookie("s.n1")) == "CC"
        assert fronts.letters(2, "/app/x", portal, cookie("s.east")) == "CC"
        backends[2].stop()
        assert fronts.ask("/x", old)[0] == 503


# --- everything else ---------------------------------------------------------------------------

WORKERS = """
worker.list=w,v,lb,st
worker.w.host=127.0.0.1
worker.w.port=@a@
worker.v.host=127.0.0.1
worker.v.port=@b@
worker.lb.type=lb
worker.lb.balance_workers=a,b,c
worker.lb.sticky_session_force=true
worker.a.reference=worker.w
worker.b.reference=worker.v
worker.c.host=127.0.0.1
worker.c.port=@c@
worker.c.lbfactor=2
worker.st.type=status
"""
CONFIG = """
AddType text/html .html
AddType text/plain .txt
<VirtualHost *:@port@>
    ServerName www.example.test
    DocumentRoot @folder@/docs
    DirectoryIndex index.jsp index.html
    AddDefaultCharset utf-8

    JkMount /m/* w
    JkMount /deep/er/* v
    JkMount /deep/* w
    JkMount /exact w
    JkMount /a?c w
    JkMount /*.jsp v
    JkMount /red/* w
    JkMount /al/* w
    JkMount /proxied/* w
    JkMount /nobody/* nobody
    JkMount /sticky/* lb
    JkMount /late/* w
    JkUnMount /m/static/* w
    JkUnMount /m/other/* v
    JkUnMount /deep/none/* *
    <Location /in/location>
        JkMount v
    </Location>

    Alias /al @folder@/docs/files
    Alias /files/ @folder@/docs/files/
    AliasMatch ^/matched/(.*)$ @folder@/docs/files/$1
    Redirect /red/here http://other.test/there
    Redirect permanent /moved /docs/moved
    Redirect gone /gone
    RedirectMatch 303 ^/match/(.*)\\.old$ http://other.test/$1.new
    ProxyPass /proxied/static !
    ProxyPass /proxied http://127.0.0.1:@p@/base
    ProxyPass /other/ http://127.0.0.1:@p@/

    <Location /m/secret>
        Require all denied
    </Location>
    <Location /late>
        SetEnv no-jk 1
    </Location>
    <Directory @folder@/docs/closed>
        Require all denied
    </Directory>
    <FilesMatch "\\.bak$">
        Require all denied
    </FilesMatch>
    <Location /m/mine>
        Header set X-Mine 1
    </Location>
    Header set X-Ok yes
    Header always set X-Always yes
    SetEnvIf X-Node (.+) JK_ROUTE=$1
    SetEnvIf Request_URI "^/m/here" no-jk
    ErrorDocument 404 /missing.txt
    ErrorDocument 403 "not for you"
</VirtualHost>
<VirtualHost *:@port@>
    ServerName two.example.test
    ServerAlias *.two.example.test
    DocumentRoot @folder@/docs/two
    JkMount /m/* v
</VirtualHost>
<VirtualHost *:@port@>
    ServerName three.example.test
    DocumentRoot @folder@/docs
    JkOptions +ForwardURICompatUnparsed
    JkStripSession On
    JkMount /m/* w
</VirtualHost>
<VirtualHost *:@port@>
    ServerName escaped.example.test
    JkOptions +ForwardURIEscaped +RejectUnsafeURI
    JkMount /m/* w
</VirtualHost>
<VirtualHost *:@port@>
    ServerName compat.example.test
    JkOptions +ForwardURICompat
    JkMount /m/* w
</VirtualHost>
"""
DOCS = {
    "docs/index.html": "index",
    "docs/missing.txt": "missing",
    "docs/t.txt": "text",
    "docs/unknown.xyz": "unknown",
    "docs/dir/index.html": "dir",
    "docs/jsp/index.jsp": "jsp source",
    "docs/empty/x.bak": "x",
    "docs/closed/t.txt": "closed",
    "docs/files/f.txt": "file",
    "docs/m/static/s.txt": "static",
    "docs/m/here.txt": "here",
    "docs/late/t.txt": "late",
    "docs/two/t.txt": "two",
    "docs/a b/c;d.txt": "odd",
}

REQUESTS = [
    # which path is whose
    *("/m/x", "/m/", "/m", "/m/x?q=1&r=%20", "/m/../m/x", "//m//x", "/;x/m/a", "/%6d/a", "/m;a=b/x;c=d"),
    *("/m/./x", "/m/a/..", "/m/..;/t.txt", "/x/..;/m/a", "/m/%2e%2e/t.txt", "/m/..%2fq", "/m/a%2Fb"),
    *("/..;/x", "/m/..;/..;/x", "/m/a%20b", "/m/%c3%a4", "/m/a%7Cb", "/m/a%3Fb", "/m/a%25b", "/m/'(~)*!"),
    *("/deep/x", "/deep/er/x", "/deep/none/x", "/exact", "/exact/", "/exact;v=1", "/abc", "/a/c", "/abbc"),
    *("/page.jsp", "/dir/page.jsp", "/page.jspx", "/PAGE.JSP", "/page.jsp;jsessionid=1", "/page.jsp/x"),
    *("/m/static/s.txt", "/m/static/none", "/m/other/x", "/in/location", "/in/location/x", "/nobody/x"),
    *("/m/secret", "/m/secret/x", "/m/secretly", "/m/here.txt", "/m/here", "/late/t.txt", "/m/mine"),
    # before and after mounts
    *("/al/f.txt", "/files/f.txt", "/files", "/files/", "/matched/f.txt", "/red/here", "/red/here/x?y"),
    *("/red/x", "/moved", "/moved/x%20y?z", "/gone", "/match/a/b.old", "/match/a/b.new", "/movedx"),
    *("/proxied/x?y", "/proxied", "/proxied/static/x", "/proxied/a%20b", "/other/x", "/other"),
    # files
    *("/", "/t.txt", "/t.txt?x", "/unknown.xyz", "/dir", "/dir?x=1", "/dir/", "/jsp/", "/jsp", "/empty/"),
    *("/empty/x.bak", "/closed/t.txt", "/closed/none", "/none", "/none/", "/t.txt/", "/t.txt;x", "/a%20b"),
    *("/a%20b/c;d.txt", "/%74.txt", "/./t.txt", "/dir/../t.txt", "//t.txt", "/../t.txt", "/t%2etxt"),
]


def test_the_same_answers(backends):
    modules = ["proxy", "proxy_http"]
    with both(backends, CONFIG, WORKERS, DOCS, modules=modules) as fronts:
        for target in REQUESTS:
            fronts.ask(target)
        for target in ("/m/x", "/t.txt", "/none", "/closed/t.txt"):
            fronts.ask(target, method="HEAD")
        for host in ("two.example.test", "a.two.example.test", "TWO.example.test:80", "unknown.test", "two"):
            fronts.ask("/m/x", host)
            fronts.ask("/t.txt", host)
        for target in ("//m/./x;a", "/m/%7e", "/t.txt;jsessionid=1.x", "/m/x;jsessionid=1.w"):
            fronts.ask(target, "three.example.test")
        for host in ("escaped.example.test", "compat.example.test"):
            for target in ("/m/a%20b;c=d", "/m/%c3%a4", "/m/a%7Cb", "/m/a~b'", "/m/a%25b", "/m/a%5cb"):
                fronts.ask(target, host)
        fronts.letters(8, "/sticky/x")
        fronts.letters(4, "/sticky/x", headers=[("Cookie", "JSESSIONID=1.b")])
        fronts.letters(4, "/sticky/x")
        fronts.letters(2, "/sticky/x;jsessionid=1.a", headers=[("Cookie", "JSESSIONID=1.b")])
        fronts.letters(2, "/sticky/x", headers=[("Cookie", 'A=b; JSESSIONID="1.c"')])
        fronts.letters(2, "/sticky/x", headers=[("Cookie", "XJSESSIONID=1.c")])
        fronts.letters(2, "/sticky/x", headers=[("Cookie", "JSESSIONID=none")])  # forced: 503
        fronts.letters(2, "/sticky/x", headers=[("Cookie", "JSESSIONID=a.b.c")])
        fronts.letters(2, "/sticky/x", headers=[("X-Node", "b")])
        assert fronts.count >= 100


BALANCED = """
AddType text/html .html
<VirtualHost *:@port@>
    ServerName www.example.test
    DocumentRoot @folder@/docs
    <Proxy balancer://farm>
        BalancerMember ajp://127.0.0.1:@a@ route=a loadfactor=3 retry=600
        BalancerMember ajp://127.0.0.1:@b@ route=b retry=600
        BalancerMember ajp://127.0.0.1:@c@ route=c status=+H retry=600
        ProxySet stickysession=JSESSIONID|jsessionid
    </Proxy>
    ProxyPass /none !
    ProxyPass /farm balancer://farm/base
    ProxyPass /page/fields.txt !
    ProxyPass /page http://127.0.0.1:@p@/page retry=0
    ProxyPassMatch ^/(.*\\.php)$ http://127.0.0.1:@p@
    ProxyPassMatch ^/x/(.)/(.*)$ http://127.0.0.1:@p@/$2/$1
    <Location /in/here>
        ProxyPass http://127.0.0.1:@p@/there
        RequestHeader set X-More more
    </Location>
    <Location /kept>
        ProxyPass http://127.0.0.1:@p@/kept
    </Location>
</VirtualHost>
<VirtualHost *:@port@>
    ServerName kept.example.test
    ProxyPreserveHost On
    ProxyPass / http://127.0.0.1:@p@/
</VirtualHost>
"""


def test_mod_proxy_and_its_balancer(backends):
    modules = ["proxy", "proxy_http", "proxy_ajp", "proxy_balancer", "lbmethod_byrequests", "slotmem_shm"]
    with both(backends, BALANCED, "worker.list=w\n", modules=modules) as fronts:
        assert fronts.letters(8, "/farm/x?y") == "AABAAABA"
        assert fronts.letters(2, "/farm/x", headers=[("Cookie", "JSESSIONID=1.b")]) == "BB"
        assert fronts.letters(2, "/farm/x;jsessionid=1.b", headers=[("Cookie", "JSESSIONID=1.a")]) == "BB"
        fronts.letters(2, "/farm/x", headers=[("Cookie", "JSESSIONID=1.none")])
        for target in (
            *(
                "/farm",
                "/farm/",
                "/farmer",
                "/farm/a%20b",
                "/farm/a;b=c",
                "/none/x",
                "/page",
                "/page/x?q=%20",
            ),
            *("/page/fields", "/page/fields.txt", "/a/b.php?q", "/x/1/fields", "/in/here/fields", "/kept/a"),
        ):
            fronts.ask(target)
        fronts.ask("/fields", "kept.example.test")
        fronts.ask("/page/fields", headers=[("X-Forwarded-For", "192.0.2.7"), ("X-More", "a")])
        backends[1].stop()
        assert fronts.letters(4, "/farm/x") == "AAAA"
        assert fronts.letters(2, "/farm/x", headers=[("Cookie", "JSESSIONID=1.b")]) == "AA"
        backends[0].stop()
        assert fronts.letters(3, "/farm/x") == "CCC"
        backends[2].stop()
        assert fronts.ask("/farm/x")[0] == 503
        backends[3].stop()
        assert fronts.ask("/page/x")[0] == 503


RULES_WORKERS = """
worker.list=w,down
worker.w.host=127.0.0.1
worker.w.port=@a@
worker.down.host=127.0.0.1
worker.down.port=1
worker.down.retries=1
"""
RULES = """
AddType text/plain .txt
AddType text/html .html
<VirtualHost *:@port@>
    ServerName www.example.test
    DocumentRoot @folder@/docs
    JkMount /w/* w
    JkMount /down/* down
    ErrorDocument 503 /sorry.html
    ErrorDocument 410 "it was here"
    ErrorDocument 403 http://other.test/login
    Redirect gone /gone

    <Directory @folder@/docs/closed>
        Require all denied
        <Files open.txt>
            Require all granted
        </Files>
    </Directory>
    <Directory @folder@/docs/*/deep>
        Require ip 192.0.2.0/24
    </Directory>
    <DirectoryMatch "/docs/m[0-9]">
        Require local
        Header set X-Match 1
    </DirectoryMatch>
    <Files "*.key">
        Require all denied
    </Files>
    <Location /w/ip>
        Require ip 127.0.0
    </Location>
    <Location /w/not>
        <RequireAll>
            Require all granted
            Require not ip 127.0.0.1
        </RequireAll>
    </Location>
    <Location /w/none>
        <RequireAll>
            <RequireNone>
                Require ip 192.0.2.1
            </RequireNone>
            Require env let-in
        </RequireAll>
    </Location>
    <Location /w/old/new>
        Require all granted
    </Location>
    <Location /w/method>
        Require method GET HEAD
    </Location>
    <Location /w/env>
        Require env let-in
    </Location>
    <Location /w/any>
        <RequireAny>
            Require ip 192.0.2.1
            <RequireAll>
                Require local
                Require env let-in
            </RequireAll>
        </RequireAny>
    </Location>
    <Location /w/old>
        Order deny,allow
        Deny from all
        Allow from 10.0.0.0/8 127.0.0.1
    </Location>
    <Location /w/old/shut>
        Require all denied
    </Location>
    <Location /w/older>
        Order allow,deny
        Allow from all
        Deny from env=keep-out
    </Location>
    <LocationMatch "^/w/r[0-9]+$">
        Header set X-Number yes
    </LocationMatch>
    <Location /w/r>
        Header set X-Wide r
    </Location>
    <Location /w/r/in>
        Header set X-Wide in
        Header unset X-Everywhere
    </Location>
    <Location "/w/*/star">
        Header set X-Star yes
    </Location>
    <Location /w/slash/>
        Header set X-Slash yes
    </Location>
    Header set X-Everywhere 1
    SetEnvIf X-Key "^secret$" let-in
    SetEnvIfNoCase X-Key "^OUT" keep-out=1 !let-in
    SetEnvIf Request_Method "^(.)" first=$1
    SetEnvIf Request_URI "/(w)/(.*)$" part=$2
    SetEnvIf part "^r(.)" then=$1
    BrowserMatch "Old/(.)" old=$1
    SetEnv later value
    Header set X-Env "%{first}e-%{part}e-%{then}e-%{old}e-%{later}e %%" env=part
    Header set X-No-Part none env=!part
    RequestHeader set X-More "<%{first}e>"
    RequestHeader append X-More b
    ProxyPass /p http://127.0.0.1:@p@/p
</VirtualHost>
"""
RULES_FILES = {
    "docs/sorry.html": "sorry",
    "docs/closed/open.txt": "open",
    "docs/closed/shut.txt": "shut",
    "docs/a/deep/x.txt": "x",
    "docs/a/b/deep/x.txt": "x",
    "docs/m1/x.txt": "x",
    "docs/x.key": "key",
    "docs/t.txt": "t",
}


def test_rules_of_sections(backends):
    secret, out, old = [("X-Key", "secret")], [("X-Key", "outside")], [("User-Agent", "Old/7")]
    modules = ["proxy", "proxy_http", "access_compat"]
    with both(backends, RULES, RULES_WORKERS, RULES_FILES, modules=modules) as fronts:
        for target in (
            *("/down/x", "/gone", "/t.txt", "/closed/open.txt", "/closed/shut.txt", "/closed/none", "/x.key"),
            *("/a/deep/x.txt", "/a/b/deep/x.txt", "/m1/x.txt", "/w/ip", "/w/not", "/w/not/x", "/w/nothing"),
            *(
                "/w/none",
                "/w/method",
                "/w/env",
                "/w/any",
                "/w/old",
                "/w/old/new",
                "/w/old/shut",
                "/w/older",
                "/w/r1",
                "/w/r1/x",
                "/w/r",
            ),
            *("/w/r/in", "/w/r/in/x", "/w/r/inner", "/w/a/star", "/w/a/b/star", "/w/a/star/x", "/w/slash"),
            *("/w/slash/x", "/p/fields", "/w/ip;x"),
        ):
            fronts.ask(target)
        for target in ("/w/env", "/w/any", "/w/none", "/w/older", "/t.txt", "/p/fields"):
            for headers in (secret, out, [*secret, *old], old):
                fronts.ask(target, headers=headers)
        fronts.ask("/w/method", method="DELETE")
        fronts.ask("/w/method", method="HEAD")


def test_files_are_found_under_the_folder_of_the_server(backends):
    """The Site reads the very files that Apache was started with."""
    with both(backends, J1, J1_WORKERS, J1_FILES) as fronts:
        root = fronts.ours.site.config.hosts[0].document_root
        assert os.path.samefile(root, fronts.apache.folder / "docs")
