"""The same httpd.conf, workers.properties and rule file, given to Apache with mod_jk and to our front.

Both get the same requests in the same order, and their answers are compared. Behind both stand the same
containers, which answer with their letter and the target that they were sent.
"""

import pytest
from beside_apache import HOST, Backend, both, cookie

pytestmark = [pytest.mark.socket, pytest.mark.program("apache2", "mod_jk")]


@pytest.fixture
def backends():
    found = [Backend("A"), Backend("B"), Backend("C"), Backend("P", "http")]
    yield found
    for backend in found:
        if backend.listener.fileno() >= 0:
            backend.stop()


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


def test_a_container_that_comes_back_gets_its_sessions_again(backends):
    workers = J1_WORKERS.replace("recover_time=6", "recover_time=1").replace("maintain=2", "maintain=1")
    with both(backends, J1, workers) as fronts:
        backends[1].stop()
        assert fronts.letters(2, "/x", headers=cookie("q.was2")) == "AA"
        backends[1].start()
        for front in fronts:

            def is_back(front=front):
                return front.ask("GET", "/x", [HOST, *cookie("q.was2")])[1].startswith("B")

            fronts.server.wait_until(is_back)


# --- J2 ----------------------------------------------------------------------------------------

J2_WORKERS = """
worker.list=farm,jkstatus
worker.maintain=60
worker.tmpl.type=ajp13
worker.tmpl.host=127.0.0.1
worker.tmpl.secret=changeit
worker.tmpl.ping_mode=A
worker.tmpl.ping_timeout=10000
worker.tmpl.socket_connect_timeout=10000
worker.tmpl.connection_pool_timeout=60
worker.tmpl.reply_timeout=10000
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


def test_no_double_requests(backends):
    blue = backends[0]
    with both(backends, J2, J2_WORKERS, rules=J2_RULES) as fronts:
        blue.mood = "dying"
        answers = [front.ask("POST", "/shop/x", [HOST, *cookie("1.blue")])[0] for front in fronts]
        assert set(answers) <= {502, 504}
        assert blue.requests == 2  # one of each
        blue.mood = ""
        assert fronts.letters(2, "/shop/x", headers=cookie("1.blue")) == "CC"


def test_too_many_reply_timeouts(backends):
    blue = backends[0]
    workers = J2_WORKERS.replace("reply_timeout=10000", "reply_timeout=700")
    with both(backends, J2, workers, rules=J2_RULES) as fronts:
        blue.mood = "silent"
        assert [fronts.ask("/shop/x", headers=cookie("1.blue"))[0] for _ in range(3)] == [504, 504, 200]
        assert fronts.letters(1, "/shop/x", headers=cookie("1.blue")) == "C"


def test_a_container_that_accepts_and_says_nothing(backends):
    blue = backends[0]
    workers = J2_WORKERS.replace("ping_timeout=10000", "ping_timeout=700")
    with both(backends, J2, workers, rules=J2_RULES) as fronts:
        blue.mood = "mute"
        assert fronts.letters(3, "/shop/x", headers=cookie("1.blue")) == "CCC"
        assert "A" not in fronts.letters(3, "/shop/x")


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


LOGGED = """
LogFormat "%h %l %u \\"%r\\" %>s %v:%m %U%q %H \\"%{Referer}i\\" \\"%{User-Agent}i\\" %{mark}e %{c}C %%" mine
<VirtualHost *:@port@>
    ServerName www.example.test
    DocumentRoot @folder@/docs
    JkMount /w/* w
    JkMount /down/* down
    SetEnvIf X-Mark (.+) mark=<$1>
    CustomLog @folder@/logs/access.log mine
    CustomLog @folder@/logs/access.log "marked %!200,304{mark}e %404{X-Mark}i" env=mark
    ErrorDocument 404 /sorry.html
</VirtualHost>
"""


def test_the_same_lines_in_the_access_log(backends):
    with both(backends, LOGGED, RULES_WORKERS, RULES_FILES) as fronts:
        fields = [("Referer", 'http://x.test/"q"'), ("User-Agent", "a\\b\u00e9\t."), ("Cookie", "b=1; c=2")]
        for target in ("/t.txt", "/t.txt?q=%20", "/w/a%20b", "/none", "/down/x", "/closed", "/a%22b"):
            fronts.ask(target)
            fronts.ask(target, headers=fields)
            fronts.ask(target, headers=[("X-Mark", "m")])
        logs = fronts.server.folder / "logs"
        apaches, ours = (sorted(fronts.log(logs / name, 28)) for name in ("access.log", "ours.log"))
        assert ours == apaches  # Apache's threads write in any order


# --- what the members of a group are told ------------------------------------------------------

TOLD_WORKERS = """
worker.list=lb,alone,bound,idle,unsticky
worker.a.host=127.0.0.1
worker.a.port=@a@
worker.a.secret=of a
worker.b.host=127.0.0.1
worker.b.port=@b@
worker.b.route=r.b
worker.b.activation=disabled
worker.c.host=127.0.0.1
worker.c.port=@c@
worker.lb.type=lb
worker.lb.balance_workers=a,b,c
worker.lb.secret=of lb
worker.bound.type=lb
worker.bound.balance_workers=a,c
worker.bound.session_cookie=SID
worker.bound.set_session_cookie=true
worker.bound.session_cookie_path=/bound
worker.idle.type=lb
worker.idle.balance_workers=a
worker.idle.set_session_cookie=true
worker.unsticky.type=lb
worker.unsticky.balance_workers=a,c
worker.unsticky.sticky_session=false
worker.unsticky.set_session_cookie=true
worker.alone.host=127.0.0.1
worker.alone.port=@a@
"""
TOLD = """
<VirtualHost *:@port@>
    ServerName www.example.test
    DocumentRoot @folder@/docs
    JkMountFile @folder@/uriworkermap.properties
    JkEnvVar WHO nobody
    JkRemoteHostIndicator THE_HOST
    SetEnvIf X-User (.+) JK_REMOTE_USER=$1 JK_AUTH_TYPE=BASIC
    SetEnvIf X-Peer (.+) JK_REMOTE_ADDR=$1 JK_REMOTE_PORT=77 THE_HOST=peer.test JK_REMOTE_HOST=wrong
    SetEnvIf X-Local (.+) JK_LOCAL_NAME=$1 JK_LOCAL_PORT=99 JK_LOCAL_ADDR=10.0.0.8
    SetEnvIf X-Route (.+) JK_ROUTE=$1
</VirtualHost>
"""
TOLD_RULES = """
/lb/*=lb
/stop/*=lb;stopped=a
/alone/*=alone
/bound/*=bound
/free/*=bound;sticky_ignore=1
/renamed/*=bound;session_cookie=XID;session_cookie_path=/x
/one/*=lb;set_session_cookie=1
/word/*=lb;set_session_cookie=true
/idle/*=idle
/unsticky/*=unsticky
"""
SOMEBODY = [("X-User", "alice"), ("X-Peer", "192.0.2.9"), ("X-Local", "front.test")]


def test_what_containers_are_told(backends):
    with both(backends, TOLD, TOLD_WORKERS, rules=TOLD_RULES) as fronts:
        told = [fronts.ask("/lb/facts")[1] for _ in range(4)]
        assert {(text[0], text.partition("secret=")[2].partition("|")[0]) for text in told} == {
            ("A", "b'of a'"),
            ("C", "b'of lb'"),
        }
        assert "|route=b'r.b'|" in fronts.ask("/lb/facts", headers=cookie("1.r.b"))[1]
        assert "|JK_LB_ACTIVATION=DIS|" in fronts.ask("/lb/facts", headers=cookie("1.r.b"))[1]
        for target in ("/lb/facts", "/stop/facts", "/alone/facts"):
            fronts.ask(target)
            fronts.ask(target, "www.example.test:81")
            fronts.ask(target, headers=SOMEBODY)
            fronts.ask(target, headers=[("X-Route", "c")])
            fronts.ask(target, headers=cookie("1.none"))


def test_the_cookie_of_a_load_balancer(backends):
    with both(backends, TOLD, TOLD_WORKERS, rules=TOLD_RULES) as fronts:
        marks = fronts.ask("/bound/x")[4]
        assert marks == {"set-cookie": "SID=.a;PATH=/bound;HttpOnly"}
        for target in ("/bound/x", "/free/x", "/renamed/x", "/one/x", "/word/x", "/idle/x", "/unsticky/x"):
            for said in ("SID=1.a", "SID=1.c", "SID=1", "SID=1.none", "XID=1.a", "JSESSIONID=1.a", "A=b"):
                fronts.ask(target, headers=[("Cookie", said)])
            fronts.ask(f"{target};jsessionid=1.c")
        backends[2].stop()
        assert fronts.ask("/bound/x", headers=[("Cookie", "SID=1.c")])[4] == marks


PINGED_WORKERS = "worker.list=w\nworker.w.host=127.0.0.1\nworker.w.port=@a@\n"


@pytest.mark.parametrize(
    "how", ["ping_mode=C", "ping_mode=P", "ping_mode=A", "ping_mode=CP", "connect_timeout=900", "ping_mode="]
)
def test_when_a_container_is_pinged(backends, how):
    config = "<VirtualHost *:@port@>\nServerName www.example.test\nJkMount /* w\n</VirtualHost>\n"
    with both(backends, config, f"{PINGED_WORKERS}worker.w.{how}\n") as fronts:
        pings = []
        for front in fronts:
            before = backends[0].pings
            for _ in range(3):  # over one connection
                assert front.ask("GET", "/x", [HOST])[0] == 200
            pings.append(backends[0].pings - before)
        assert pings[1] == pings[0]


MEMBERS = """
<VirtualHost *:@port@>
    ServerName www.example.test
    SetEnvIf X-Told (.+) AJP_TOLD=$1
    <Proxy balancer://http>
        BalancerMember http://127.0.0.1:@a@/one
        BalancerMember http://localhost:@b@/two
    </Proxy>
    <Proxy balancer://ajp>
        BalancerMember ajp://127.0.0.1:@c@ route=c secret=of-c
        ProxySet stickysession=JSESSIONID|jsessionid
    </Proxy>
    ProxyPass /http balancer://http
    ProxyPass /ajp balancer://ajp
</VirtualHost>
"""


def test_what_the_members_of_a_balancer_are_told():
    members = [Backend("A", "http"), Backend("B", "http"), Backend("C")]
    modules = ["proxy", "proxy_http", "proxy_ajp", "proxy_balancer", "lbmethod_byrequests", "slotmem_shm"]
    try:
        with both(members, MEMBERS, "worker.list=w\n", modules=modules) as fronts:
            told = fronts.ask("/http/fields")[1] + fronts.ask("/http/fields")[1]
            assert f"A /one/fields|host=127.0.0.1:{members[0].port}|" in told
            assert f"B /two/fields|host=localhost:{members[1].port}|" in told
            fronts.ask("/ajp/facts")
            fronts.ask("/ajp/facts", headers=cookie("1.c"))
            fronts.ask("/ajp/facts;jsessionid=2.none", headers=[("X-Told", "it")])
    finally:
        for member in members:
            member.stop()
