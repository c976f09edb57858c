"""Who somebody is: the mechanisms (RT-AUTH), and what the API says and does about it (RT-PSEC)."""

from __future__ import annotations

import base64
import hashlib
import re
import threading

import pytest

from container.security.authenticator import Identity, remember
from container.security.passwords import hash_password
from container.security.realm import LockOutRealm, PasswordRealm, Principal, RealmError
from container.security.users_file import User
from container.servlet import (
    Filter,
    HttpServlet,
    HttpSessionIdListener,
    HttpSessionListener,
    IllegalArgumentException,
    IllegalStateException,
    ServletContextListener,
    ServletException,
)

USERS = {
    "alice": ("wonder", {"clerk", "boss"}),
    "bob": ("builder:x", {"clerk"}),
    "carol": ("p:w%d & <x>", set()),
    "dave": ("", {"clerk"}),
    "zoë": ("naïve", {"clerk"}),
}


class Realm(PasswordRealm):
    def __init__(self):
        super().__init__()
        self._decoy = "in clear text, so that wrong passwords cost no time here"

    def lookup(self, username):
        if username == "down":
            raise RealmError("the users' database does not answer")
        found = USERS.get(username)
        return None if found is None else User(username, found[0], frozenset(found[1]))


def login_config(method, more=""):
    return f"<login-config><auth-method>{method}</auth-method>{more}</login-config>"


FORM = login_config(
    "FORM",
    "<form-login-config><form-login-page>/login</form-login-page>"
    "<form-error-page>/fail</form-error-page></form-login-config>",
)
BASIC = login_config("BASIC")
ROLES = "".join(f"<security-role><role-name>{name}</role-name></security-role>" for name in ("clerk", "boss"))


def constraint(pattern, roles="<role-name>clerk</role-name>", methods="", transport=""):
    if transport:
        transport = f"<transport-guarantee>{transport}</transport-guarantee>"
        transport = f"<user-data-constraint>{transport}</user-data-constraint>"
    return (
        "<security-constraint><web-resource-collection><web-resource-name>r</web-resource-name>"
        f"<url-pattern>{pattern}</url-pattern>{methods}</web-resource-collection>"
        f"<auth-constraint>{roles}</auth-constraint>{transport}</security-constraint>"
    )


def servlet(name, pattern, more=""):
    return (
        f"<servlet><servlet-name>{name}</servlet-name><servlet-class>app.{name}</servlet-class>{more}</servlet>"
        f"<servlet-mapping><servlet-name>{name}</servlet-name><url-pattern>{pattern}</url-pattern>"
        "</servlet-mapping>"
    )


class Login(HttpServlet):
    def service(self, request, response):
        response.getWriter().write(f"login page, {request.getMethod()}")


class Fail(HttpServlet):
    def service(self, request, response):
        response.getWriter().write("error page")


def tell(request, response):
    """Say everything that the API knows about who is calling."""
    response.setCharacterEncoding("UTF-8")
    principal = request.getUserPrincipal()
    name = None if principal is None else principal.getName()
    response.getWriter().write(
        f"{request.getRemoteUser()} {name} {request.getAuthType()} {request.isUserInRole('boss')}"
    )


@pytest.fixture
def guarded(serve):
    """A web app that wants a login for /in/*: guarded(login_config, answer=tell, more="") -> App."""

    def make(login, answer=tell, more="", guard=None, realm=None, **arguments):
        xml = more + (constraint("/in/*") if guard is None else guard) + login + ROLES
        classes = [Login, Fail, *arguments.pop("classes", ())]
        pages = servlet("Login", "/login") + servlet("Fail", "/fail")
        return serve(answer, pages + xml, classes=classes, realm=realm or Realm(), **arguments)

    return make


class Browser:
    """Keeps cookies; follows nothing by itself."""

    def __init__(self, app):
        self.app, self.cookies = app, {}

    def request(self, method, path, *headers, body=""):
        if self.cookies:
            headers = (*headers, "Cookie: " + "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        answer = self.app.request(method, path, *headers, body=body)
        self.cookies |= answer.cookies
        return answer

    def get(self, path, *headers):
        return self.request("GET", path, *headers)

    def post(self, path, body, *headers):
        form = "Content-Type: application/x-www-form-urlencoded"
        return self.request("POST", path, form, *headers, body=body)

    def log_in(self, user="alice", password="wonder", path="/j_security_check"):
        return self.post(path, f"j_username={user}&j_password={password}")

    def follow(self, answer):
        return self.get(answer.header("Location").removeprefix("/app"))


@pytest.fixture
def browser():
    return Browser


def basic(credentials):
    data = credentials if isinstance(credentials, bytes) else credentials.encode("latin-1")
    return "Authorization: Basic " + base64.b64encode(data).decode()


# --- BASIC ------------------------------------------------------------------------------------------------


@pytest.mark.rules("RT-AUTH-01", "RT-PSEC-02")
@pytest.mark.parametrize(
    ("header", "user"),
    [
        (basic("alice:wonder"), "alice"),
        (basic("bob:builder:x"), "bob"),  # the first colon separates
        (basic("dave:"), "dave"),
        (basic("zoë:naïve"), "zoë"),
        (basic("alice:wonder").replace("Basic ", "bAsIc   "), None),
        (basic("alice:wonder").replace("Basic", "bASIC"), "alice"),
        (basic("alice:wander"), None),
        (basic("Alice:wonder"), None),
        (basic("nobody:wonder"), None),
        (basic("alice"), None),
        (basic(":"), None),
        (basic(b"\xff\xfe:\0"), None),
        ("Authorization: Basic !!!", None),
        ("Authorization: Basic", None),
        ("Authorization: Digest username=alice", None),
        ("Authorization: Bearer x", None),
        ("X: y", None),
    ],
)
def test_basic(guarded, header, user):
    answer = guarded(BASIC).get("/in/x", header)
    if user is None:
        assert answer.status == 401
        assert answer.header("WWW-Authenticate") == 'Basic realm="Authentication required"'
    else:
        assert answer.text.split()[:3] == [user, user, "BASIC"]


# --- DIGEST -----------------------------------------------------------------------------------------------


def challenges(answer):
    return [dict(re.findall(r'(\w+)="?([^",]*)"?', line[7:])) for line in answer.all("WWW-Authenticate")]


def digest(
    asked, user="alice", password="wonder", *, uri="/app/in/x", method="GET", nc="00000001", **changes
):
    name = {"MD5": "md5", "SHA-256": "sha256"}[asked["algorithm"]]

    def hashed(*parts):
        return hashlib.new(name, ":".join(parts).encode()).hexdigest()

    secret = hashed(user, asked["realm"], password)
    response = hashed(secret, asked["nonce"], nc, "c", "auth", hashed(method, uri))
    fields = {
        "username": user, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri, "qop": "auth",
        "nc": nc, "cnonce": "c", "opaque": asked["opaque"], "algorithm": asked["algorithm"],
        "response": response,
    } | changes  # fmt: skip
    return "Authorization: Digest " + ", ".join(f'{k}="{v}"' for k, v in fields.items())


@pytest.mark.rules("RT-AUTH-02", "RT-PSEC-02")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest(guarded, algorithm):
    app = guarded(login_config("DIGEST", "<realm-name>Shop</realm-name>"))
    refused = app.get("/in/x")
    assert refused.status == 401
    (asked,) = [each for each in challenges(refused) if each["algorithm"] == algorithm]
    assert (asked["realm"], asked["qop"], "stale" in asked) == ("Shop", "auth", False)
    assert app.get("/in/x", digest(asked)).text == "alice alice DIGEST True"
    assert app.get("/in/x", digest(asked, "bob", "builder:x", nc="00000002")).text == "bob bob DIGEST False"
    zoe = digest(asked, "zoë", "naïve", nc="00000004")
    assert app.get("/in/x", zoe).text == "zoë zoë DIGEST False"
    assert app.get("/in/x", zoe.replace("0004", "0005")).status == 401  # the count is a part of the proof
    in_utf_8 = digest(asked, "zoë", "naïve", nc="00000006").replace("zoë", "zoë".encode().decode("latin-1"))
    assert app.get("/in/x", in_utf_8).text == "zoë zoë DIGEST False"
    for changes in (
        {"password": "wander"},
        {"user": "nobody"},
        {"nonce": "made up"},
        {"uri": "/app/in/y"},
        {"method": "POST"},
        {"opaque": "x"},
        {"response": ""},
    ):
        again = app.get("/in/x", digest(asked, nc="00000003", **changes))
        assert again.status == 401
        assert "stale" not in challenges(again)[0]


@pytest.mark.rules("RT-AUTH-02", "RT-AUTH-09")
def test_a_digest_is_proved_with_each_request_and_changes_a_sessions_id_once(guarded, browser):
    def answer(request, response):
        request.getSession()
        tell(request, response)

    visitor = browser(guarded(login_config("DIGEST"), answer))
    visitor.get("/open")
    before = visitor.cookies["JSESSIONID"]
    asked = challenges(visitor.get("/in/x"))[0]
    assert visitor.get("/in/x", digest(asked)).text == "alice alice DIGEST True"
    after = visitor.cookies["JSESSIONID"]
    assert visitor.get("/in/x", digest(asked, nc="00000002")).text == "alice alice DIGEST True"
    assert visitor.cookies["JSESSIONID"] == after != before  # others at the same time keep the session
    assert visitor.get("/open").text == "None None None False"
    assert visitor.get("/in/x").status == 401


@pytest.mark.rules("RT-AUTH-02")
def test_a_digest_that_was_used_or_is_old_is_stale(guarded):
    app = guarded(login_config("DIGEST"))
    asked = challenges(app.get("/in/x"))[0]
    assert app.get("/in/x", digest(asked)).status == 200
    replayed = app.get("/in/x", digest(asked))
    assert (replayed.status, challenges(replayed)[0]["stale"]) == (401, "true")
    now_s = app.context.security.authenticator._clock() + 301
    app.context.security.authenticator._clock = lambda: now_s
    old = app.get("/in/x", digest(asked, nc="00000002"))
    assert (old.status, challenges(old)[0]["stale"]) == (401, "true")
    assert app.get("/in/x", digest(challenges(old)[0])).status == 200


# --- FORM -------------------------------------------------------------------------------------------------


def echo(request, response):
    """Say what the servlet is given of a request."""
    parameters = {name: list(values) for name, values in sorted(request.getParameterMap().items())}
    response.getWriter().write(
        f"{request.getRemoteUser()} {request.getAuthType()} {request.getMethod()} {request.getRequestURI()} "
        f"{request.getQueryString()} {parameters} {request.getHeader('X-Kept')}"
    )


def read(request, response):
    response.setCharacterEncoding("UTF-8")
    response.getWriter().write(request.getReader().read() + f" {request.getContentType()}")


@pytest.mark.rules("RT-AUTH-04", "RT-AUTH-05", "RT-AUTH-06", "RT-PSEC-02")
@pytest.mark.parametrize(
    ("method", "body", "headers", "told"),
    [
        ("GET", "", ("X-Kept: yes",), "GET /app/in/a%20b q=1&q=2 {'q': ['1', '2']} yes"),
        (
            "POST",
            "p=3&q=4",
            ("Content-Type: application/x-www-form-urlencoded",),
            "POST /app/in/a%20b q=1&q=2 {'p': ['3'], 'q': ['1', '2', '4']} None",
        ),
        ("PUT", "text", ("X-Kept: no",), "PUT /app/in/a%20b q=1&q=2 {'q': ['1', '2']} no"),
    ],
)
def test_the_interrupted_request_goes_on_after_the_login(guarded, browser, method, body, headers, told):
    guard = constraint("/in/*", methods="<http-method-omission>TRACE</http-method-omission>")
    visitor = browser(guarded(FORM, echo, guard=guard))
    asked = visitor.request(method, "/in/a%20b?q=1&q=2", *headers, body=body)
    assert (asked.status, asked.text) == (200, "login page, GET")
    right = visitor.log_in()
    assert (right.status, right.header("Location")) == (303, "/app/in/a%20b?q=1&q=2")
    assert visitor.follow(right).text == f"alice FORM {told}"
    later = visitor.get("/in/a%20b?q=1&q=2")  # once only
    assert later.text == "alice FORM GET /app/in/a%20b q=1&q=2 {'q': ['1', '2']} None"


@pytest.mark.rules("RT-AUTH-05")
def test_the_interrupted_post_goes_on_although_get_needs_no_login(guarded, browser):
    guard = constraint("/in/*", methods="<http-method>POST</http-method>")
    visitor = browser(guarded(FORM, echo, guard=guard))
    assert visitor.get("/in/x").text.startswith("None None GET")
    visitor.post("/in/x", "a=1")
    assert visitor.follow(visitor.log_in()).text.startswith("alice FORM POST /app/in/x None {'a': ['1']}")


@pytest.mark.rules("RT-AUTH-04")
def test_the_body_is_kept_as_it_was(guarded, browser):
    visitor = browser(guarded(FORM, read))
    body = '{"ä": 1}\r\n'
    visitor.request("POST", "/in/x", "Content-Type: application/json;charset=UTF-8", body=body)
    assert visitor.follow(visitor.log_in()).text == body + " application/json;charset=UTF-8"


@pytest.mark.parametrize(("length", "status"), [(64, 200), (65, 403)])
def test_the_length_of_a_kept_body_is_a_setting(guarded, browser, length, status):
    visitor = browser(guarded(FORM, read, max_saved_body_bytes=64))
    assert visitor.request("POST", "/in/x", body="x" * length).status == status


@pytest.mark.rules("RT-AUTH-04")
@pytest.mark.parametrize(("version", "status"), [("HTTP/1.1", 303), ("HTTP/1.0", 302)])
def test_the_redirect_after_a_login_is_one_that_the_client_knows(guarded, browser, version, status):
    visitor = browser(guarded(FORM))
    visitor.get("/in/x")
    body = "j_username=alice&j_password=wonder"
    cookie = f"Cookie: JSESSIONID={visitor.cookies['JSESSIONID']}"
    form = "Content-Type: application/x-www-form-urlencoded"
    assert (
        visitor.app.request("POST", "/j_security_check", form, cookie, body=body, version=version).status
        == status
    )


@pytest.mark.rules("RT-AUTH-04")
@pytest.mark.parametrize(
    "body",
    ["j_username=alice&j_password=wander", "j_username=nobody&j_password=x", "j_username=alice", "", "a=b"],
)
def test_a_wrong_login_shows_the_error_page_and_can_be_repeated(guarded, browser, body):
    visitor = browser(guarded(FORM))
    visitor.get("/in/x")
    for _ in range(2):
        wrong = visitor.post("/j_security_check", body)
        assert (wrong.status, wrong.text) == (200, "error page")
    assert visitor.follow(visitor.log_in()).text == "alice alice FORM True"


@pytest.mark.rules("RT-AUTH-04")
def test_the_wrong_role_is_refused_after_the_login(guarded, browser):
    visitor = browser(guarded(FORM))
    visitor.get("/in/x")
    right = visitor.log_in("carol", "p%3Aw%25d+%26+%3Cx%3E", "/in/some/where/j_security_check")
    assert right.status == 303
    assert visitor.follow(right).status == 403


@pytest.mark.rules("RT-SEC-22")
@pytest.mark.parametrize("roles", ["<role-name>boss</role-name>", ""])
def test_login_and_error_page_are_open_although_everything_is_constrained(guarded, browser, roles):
    visitor = browser(guarded(FORM, guard=constraint("/*", roles)))
    assert visitor.get("/login").text == "login page, GET"
    assert visitor.get("/fail").text == "error page"
    assert visitor.get("/x").status == (200 if roles else 403)
    assert visitor.log_in(password="wrong").text == "error page"


@pytest.mark.rules("RT-AUTH-06")
@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE", "FOO"])
def test_the_login_page_is_got_whatever_was_asked_for(guarded, browser, method):
    answer = browser(guarded(FORM)).request(method, "/in/x")
    assert (answer.status, answer.text) == (200, "" if method == "HEAD" else "login page, GET")


@pytest.mark.rules("RT-AUTH-04")
@pytest.mark.parametrize("method", ["GET", "PUT", "FOO"])
def test_a_login_form_has_to_be_posted(guarded, browser, method):
    visitor = browser(guarded(FORM))
    visitor.get("/in/x")
    sent = visitor.request(method, "/j_security_check?j_username=alice&j_password=wonder")
    assert sent.status == 400
    assert visitor.get("/open").text == "None None None False"


@pytest.mark.parametrize(("begun", "limit"), [(False, "60"), (True, "1800")])
def test_a_session_for_a_login_ends_soon_unless_somebody_logs_in(guarded, browser, begun, limit):
    def answer(request, response):
        response.getWriter().write(
            f"{request.getRemoteUser()} {request.getSession().getMaxInactiveInterval()}"
        )

    visitor = browser(guarded(FORM, answer, login_timeout_s=60))
    if begun:
        visitor.get("/open")
    visitor.get("/in/x")
    assert visitor.get("/open").text == f"None {limit}"
    assert visitor.follow(visitor.log_in()).text == "alice 1800"
    assert visitor.get("/open").text == "alice 1800"


@pytest.mark.rules("RT-AUTH-07")
def test_a_login_without_an_interrupted_request_is_too_late(guarded, browser):
    visitor = browser(guarded(FORM))
    assert visitor.log_in().status == 408
    assert visitor.get("/in/x").text == "login page, GET"  # and has logged nobody in


@pytest.mark.rules("RT-AUTH-08")
def test_a_confidential_login_page_is_not_used_over_an_insecure_connection(guarded, browser):
    open_to_all = constraint("/login", "", transport="CONFIDENTIAL").replace(
        "<auth-constraint></auth-constraint>", ""
    )
    visitor = browser(guarded(FORM, guard=constraint("/in/*") + open_to_all))
    assert visitor.get("/login").status == 403
    assert visitor.get("/in/x").status == 403
    assert visitor.log_in().status == 403
    assert visitor.get("/x").status == 200


@pytest.mark.rules("RT-AUTH-08")
def test_what_was_asked_for_over_tls_is_not_logged_in_to_without(guarded, browser):
    app = guarded(FORM, redirect_port=8443)
    visitor = browser(app)
    visitor.get("/in/x")
    (session,) = app.context.sessions.manager._sessions.values()
    (note,) = [note for note in session.notes.values() if hasattr(note, "secure")]
    assert not note.secure
    object.__setattr__(note, "secure", True)  # as if the first request had come over TLS
    answer = visitor.log_in()
    assert answer.status == 302
    assert answer.header("Location") == "https://test.example:8443/app/j_security_check"


@pytest.mark.rules("RT-AUTH-09", "RT-SES-09")
@pytest.mark.parametrize("how", ["FORM", "BASIC", "login"])
def test_a_login_keeps_the_session_and_gives_it_another_id(guarded, browser, how):
    told = []

    class Ids(HttpSessionIdListener):
        def sessionIdChanged(self, event, oldSessionId):
            told.append(oldSessionId)

    def answer(request, response):
        session = request.getSession()
        if request.getParameter("set"):
            session.setAttribute("a", request.getParameter("set"))
        if request.getPathInfo() == "/login-here":
            request.login("alice", "wonder")
        response.getWriter().write(f"{request.getRemoteUser()} {session.getAttribute('a')} {session.getId()}")

    listeners = "<listener><listener-class>app.Ids</listener-class></listener>"
    app = guarded(FORM if how == "FORM" else BASIC, answer, listeners, classes=[Ids])
    visitor = browser(app)
    visitor.get("/begin?set=kept")
    before = visitor.cookies["JSESSIONID"]
    if how == "FORM":
        visitor.get("/in/x")
        after = visitor.follow(visitor.log_in())
    elif how == "BASIC":
        after = visitor.get("/in/x", basic("alice:wonder"))
    else:
        after = visitor.get("/login-here")
    user, value, session_id = after.text.split()
    assert (user, value) == ("alice", "kept")
    assert session_id == visitor.cookies["JSESSIONID"] != before
    assert told[0] == before
    planted = browser(app)
    planted.cookies["JSESSIONID"] = before
    assert planted.get("/look").text.startswith("None None")  # whoever knew the old id has nothing


@pytest.mark.rules("RT-AUTH-10", "RT-SES-43")
@pytest.mark.parametrize("end", ["invalidate", "timeout", "logout"])
def test_a_form_login_lasts_as_long_as_its_session(guarded, browser, end):
    def answer(request, response):
        if request.getPathInfo() == "/end":
            request.logout() if end == "logout" else request.getSession().invalidate()
        tell(request, response)

    app = guarded(FORM, answer)
    visitor = browser(app)
    visitor.get("/in/x")
    visitor.follow(visitor.log_in())
    assert visitor.get("/in/other").text == "alice alice FORM True"
    assert visitor.get("/open").text == "alice alice FORM True"  # known where nobody asks, too
    if end == "timeout":
        clock_s = app.context.sessions.manager._clock() + 1801
        app.context.sessions.manager._clock = lambda: clock_s
    else:
        visitor.get("/end")
    assert visitor.get("/open").text == "None None None False"
    assert visitor.get("/in/other").text == "login page, GET"


def test_a_form_login_survives_a_restart_where_sessions_do(guarded, browser, server, tmp_path):
    from container.engine.container import Container
    from container.front.routes import EmbeddedFront

    app = guarded(FORM, session_store="sqlite", work=tmp_path / "work")
    visitor = browser(app)
    visitor.post("/in/x", "a=1")
    app.stop()
    app.container = Container(app.container.settings, Realm())
    app.context = app.container.deploy(app.context.folder)
    server.handler = EmbeddedFront(app.container)
    assert visitor.follow(visitor.log_in()).text == "alice alice FORM True"
    app.stop()


@pytest.mark.rules("RT-AUTH-11")
def test_another_mechanism_can_be_plugged_in(guarded):
    class Token:
        """Whoever says their name in a header is believed: behind a proxy that has seen a certificate."""

        auth_type = "CLIENT_CERT"
        remembers = True
        login_page = None
        pages = frozenset()

        def authenticate(self, request, response, host):
            name = request.getHeader("X-Client")
            if name is None:
                response.sendError(401)
                return None
            return remember(host, Identity(Principal(name, frozenset({"clerk"})), self.auth_type))

        def login(self, username, password):
            return None

        def claims(self, request, host):
            return False

    app = guarded(login_config("CLIENT-CERT"))
    assert app.get("/in/x", "X-Client: eve").status == 401
    app.container.mechanisms["CLIENT-CERT"] = lambda config, realm: Token()
    app.context = app.container.reload(app.context)
    assert app.get("/in/x").status == 401
    assert app.get("/in/x", "X-Client: eve").text == "eve eve CLIENT_CERT False"


# --- what the API says and does ---------------------------------------------------------------------------


@pytest.mark.rules("RT-PSEC-01")
def test_nobody_has_neither_name_nor_role(guarded):
    def answer(request, response):
        roles = [request.isUserInRole(role) for role in ("clerk", "*", "**", "", None)]
        response.getWriter().write(
            f"{request.getRemoteUser()} {request.getUserPrincipal()} {request.getAuthType()} {roles}"
        )

    assert guarded(BASIC, answer).get("/x").text == f"None None None {[False] * 5}"


def ref(name, link):
    return (
        f"<security-role-ref><role-name>{name}</role-name><role-link>{link}</role-link></security-role-ref>"
    )


class Roles(HttpServlet):
    """Says in which roles the caller is; ?to=PATH includes another servlet, which says the same."""

    def service(self, request, response):
        roles = ("*", "**", "clerk", "boss", "head", "anybody")
        names = [role for role in roles if request.isUserInRole(role)]
        response.getWriter().write(f"{self.getServletName()}: {' '.join(names)}; ")
        if (path := request.getParameter("to")) and request.getAttribute("seen") is None:
            request.setAttribute("seen", True)
            request.getRequestDispatcher(path).include(request, response)


class Look(Filter):
    def doFilter(self, request, response, chain):
        response.getWriter().write(f"filter: {request.isUserInRole('head')}; ")
        chain.doFilter(request, response)


@pytest.mark.rules("RT-PSEC-03", "RT-PSEC-08")
@pytest.mark.parametrize(
    ("path", "user", "told"),
    [
        ("/in/a", "alice:wonder", "filter: True; A: ** clerk boss head; "),
        ("/in/a", "bob:builder:x", "filter: False; A: ** clerk; "),
        ("/in/b", "alice:wonder", "filter: True; B: ** clerk boss head; "),  # B means clerk by it
        ("/in/b", "bob:builder:x", "filter: True; B: ** clerk head; "),
        ("/in/a?to=/in/b", "bob:builder:x", "filter: False; A: ** clerk; B: ** clerk head; "),
        ("/in/plain", "alice:wonder", "filter: False; Plain: ** clerk boss; "),
    ],
)
def test_a_role_is_what_the_current_servlet_means_by_it(deploy, web_xml, path, user, told):
    classes = [type(name, (Roles,), {}) for name in ("A", "B", "Plain")]
    app = deploy(
        web_xml(
            "<filter><filter-name>f</filter-name><filter-class>app.Look</filter-class></filter>"
            "<filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
            + servlet("A", "/in/a", ref("head", "boss"))
            + servlet("B", "/in/b", ref("head", "clerk"))
            + servlet("Plain", "/in/plain")
            + constraint("/in/*")
            + BASIC
            + ROLES
        ),
        classes=[*classes, Look],
        realm=Realm(),
    )
    assert app.get(path, basic(user)).text == told


@pytest.mark.rules("RT-PSEC-03")
def test_a_role_named_star_star_is_everybody_unless_it_is_declared(guarded):
    def answer(request, response):
        response.getWriter().write(str([request.isUserInRole(role) for role in ("*", "**")]))

    assert guarded(BASIC, answer).get("/in/x", basic("bob:builder:x")).text == "[False, True]"


def calls(*steps):
    """A servlet that makes calls, one after the other, and says what came of each."""

    def answer(request, response):
        told = []
        for step in steps:
            try:
                told.append(step(request, response))
            except (ServletException, IllegalStateException) as error:
                told.append(type(error).__name__)
        if not response.isCommitted():
            response.getWriter().write(str(told))
        answer.told = told

    return answer


def who(request, response):
    return request.getRemoteUser(), request.getAuthType(), request.getUserPrincipal() is not None


@pytest.mark.rules("RT-PSEC-04", "RT-PSEC-05", "RT-PSEC-07")
@pytest.mark.parametrize(
    ("login", "auth_type"),
    [(BASIC, "BASIC"), (FORM, "FORM"), (login_config("DIGEST"), "DIGEST"), ("", "NONE")],
)
def test_login_and_logout(guarded, login, auth_type):
    answer = calls(
        who,
        lambda request, _: request.login("alice", "wander"),
        lambda request, _: request.login("nobody", "x"),
        lambda request, _: request.login(None, None),
        who,
        lambda request, _: request.login("alice", "wonder"),
        who,
        lambda request, _: request.login("bob", "builder:x"),  # somebody is logged in
        who,
        lambda request, _: request.logout(),
        who,
        lambda request, _: request.logout(),
        lambda request, _: request.login("bob", "builder:x"),
        who,
    )
    app = guarded(login, answer)
    nobody, alice = (None, None, False), ("alice", auth_type, True)
    refused = "ServletException"
    assert app.get("/x").text == str(
        [nobody, refused, refused, refused, nobody, None, alice, refused, alice, None, nobody, None, None,
         ("bob", auth_type, True)]
    )  # fmt: skip
    assert app.get("/elsewhere").text.startswith(str([nobody])[:-1])  # and nothing is left of it


@pytest.mark.rules("RT-PSEC-04", "RT-PSEC-05")
def test_a_login_is_remembered_by_the_session_until_logout(guarded, browser):
    def answer(request, response):
        request.getSession()
        if request.getPathInfo() == "/log-in":
            request.login("alice", "wonder")
        elif request.getPathInfo() == "/log-out":
            request.logout()
        tell(request, response)

    visitor = browser(guarded(FORM, answer))
    assert visitor.get("/log-in").text == "alice alice FORM True"
    assert visitor.get("/in/x").text == "alice alice FORM True"
    assert visitor.get("/log-out").text == "None None None False"
    assert visitor.get("/in/x").text == "login page, GET"


@pytest.mark.rules("RT-PSEC-04")
def test_login_without_anybody_who_knows_users_fails(serve):
    app = serve(calls(lambda request, _: request.login("alice", "wonder"), who))
    assert app.get("/x").text == str(["ServletException", (None, None, False)])


@pytest.mark.rules("RT-PSEC-06")
@pytest.mark.parametrize(
    ("login", "headers", "status", "told"),
    [
        (BASIC, (), 401, [False]),
        (BASIC, (basic("alice:wander"),), 401, [False]),
        (BASIC, (basic("alice:wonder"),), 200, [True]),
        (login_config("DIGEST"), (), 401, [False]),
        (FORM, (), 200, [False]),
        ("", (), 403, [False]),
    ],
)
def test_authenticate_asks_in_the_response_or_says_who_it_is(guarded, login, headers, status, told):
    answer = calls(lambda request, response: request.authenticate(response))
    assert guarded(login, answer).get("/x", *headers).status == status
    assert answer.told == told


@pytest.mark.rules("RT-PSEC-06")
def test_authenticate_needs_an_open_response_only_if_it_has_to_ask(guarded):
    answer = calls(
        lambda request, response: response.flushBuffer(),
        lambda request, response: request.authenticate(response),
        lambda request, response: request.login("alice", "wonder"),
        lambda request, response: request.authenticate(response),
    )
    guarded(BASIC, answer).get("/x")
    assert answer.told == [None, "IllegalStateException", None, True]


@pytest.mark.rules("RT-PSEC-07")
def test_who_it_is_stays_the_same_in_dispatches_and_async(deploy, web_xml):
    class Main(HttpServlet):
        def service(self, request, response):
            response.getWriter().write(f"{request.getDispatcherType().name} {request.getRemoteUser()}; ")
            if request.getDispatcherType().name == "REQUEST":
                request.getRequestDispatcher("/page").include(request, response)
                asynchronous = request.startAsync()
                done = threading.Event()

                def run():
                    response.getWriter().write(f"{request.getRemoteUser()} {request.isUserInRole('boss')}; ")
                    done.set()

                asynchronous.start(run)
                assert done.wait(10)
                asynchronous.dispatch("/page")

    more = "<async-supported>true</async-supported>"
    app = deploy(
        web_xml(servlet("Main", "/*", more) + constraint("/in/*") + BASIC + ROLES),
        classes=[Main],
        realm=Realm(),
    )
    told = app.get("/in/x", basic("alice:wonder")).text
    assert told == "REQUEST alice; INCLUDE alice; alice True; ASYNC alice; "


@pytest.mark.rules("RT-PSEC-09")
def test_run_as_does_not_change_who_is_calling(deploy, web_xml):
    class Main(HttpServlet):
        def service(self, request, response):
            tell(request, response)

    run_as = "<run-as><role-name>boss</role-name></run-as>"
    app = deploy(
        web_xml(servlet("Main", "/*", run_as) + constraint("/in/*") + BASIC + ROLES),
        classes=[Main],
        realm=Realm(),
    )
    assert app.get("/x").text == "None None None False"
    assert app.get("/in/x", basic("bob:builder:x")).text == "bob bob BASIC False"


@pytest.mark.rules("RT-PSEC-10")
def test_roles_are_declared_until_the_start_is_over(guarded):
    refused = []

    class Starter(ServletContextListener):
        def contextInitialized(self, event):
            context = event.getServletContext()
            for names in ((None,), ("",), ("ok", "")):
                try:
                    context.declareRoles(*names)
                except IllegalArgumentException:
                    refused.append(names)
            context.declareRoles("**", "boss")

    def answer(request, response):
        response.getWriter().write(str(request.isUserInRole("**")))

    listener = "<listener><listener-class>app.Starter</listener-class></listener>"
    app = guarded(BASIC, answer, listener, classes=[Starter])
    assert refused == [(None,), ("",), ("ok", "")]
    assert app.context.deployment.roles == ["clerk", "boss", "**"]
    assert app.get("/in/x", basic("alice:wonder")).text == "False"  # an ordinary role now
    with pytest.raises(IllegalStateException):
        app.context.facade.declareRoles("late")


# --- robustness -------------------------------------------------------------------------------------------


def test_too_many_wrong_passwords_lock_a_user_out_and_nobody_can_tell(guarded):
    app = guarded(BASIC, realm=LockOutRealm(Realm(), failures=3, lock_s=60, clock=lambda: 0.0))
    answers = [app.get("/in/x", basic(f"alice:guess-{n}")) for n in range(3)]
    locked = app.get("/in/x", basic("alice:wonder"))
    assert [answer.status for answer in (*answers, locked)] == [401] * 4
    assert locked.header("WWW-Authenticate") == answers[0].header("WWW-Authenticate")
    assert app.get("/in/x", basic("bob:builder:x")).status == 200


def test_users_who_cannot_be_looked_up_are_an_error_and_not_a_login(guarded, browser, caplog):
    app = guarded(FORM)
    visitor = browser(app)
    visitor.get("/in/x")
    assert visitor.log_in("down", "x").status == 500
    assert "does not answer" in caplog.text
    assert visitor.follow(visitor.log_in()).text == "alice alice FORM True"


@pytest.mark.parametrize("event", ["created", "id changed"])
@pytest.mark.parametrize("what", [ValueError, SystemExit])
def test_a_session_listener_that_fails_during_a_login_logs_nobody_in(guarded, browser, event, what):
    failing = []

    class Sessions(HttpSessionListener, HttpSessionIdListener):
        def sessionCreated(self, se):
            if "created" in failing:
                raise what("no")

        def sessionIdChanged(self, event, oldSessionId):
            if "id changed" in failing:
                raise what("no")

    listener = "<listener><listener-class>app.Sessions</listener-class></listener>"
    app = guarded(FORM, more=listener, classes=[Sessions])
    visitor = browser(app)
    if event == "id changed":
        visitor.get("/in/x")
    failing.append(event)
    assert (visitor.get("/in/x") if event == "created" else visitor.log_in()).status == 500
    failing.clear()
    assert visitor.get("/open").text == "None None None False"
    visitor.get("/in/x")
    assert visitor.follow(visitor.log_in()).text == "alice alice FORM True"


@pytest.mark.parametrize(
    "body",
    ["j_username=%FF&j_password=%", "j_username=a%00b&j_password=x", "&".join(f"p{n}" for n in range(2000))],
)
def test_a_broken_login_form_is_the_mistake_of_the_client(guarded, browser, body):
    visitor = browser(guarded(FORM))
    visitor.get("/in/x")
    answer = visitor.post("/j_security_check", body)
    assert answer.status == 400 or answer.text == "error page"
    assert visitor.follow(visitor.log_in()).status == 200


def test_passwords_and_hashes_are_in_no_log_and_no_repr(guarded, browser, caplog):
    caplog.set_level("DEBUG")
    app = guarded(FORM, users_database="psycopg:password=sesame")
    visitor = browser(app)
    visitor.get("/in/x")
    visitor.log_in(password="not-right")
    visitor.follow(visitor.log_in())
    app.get("/in/x", basic("alice:wonder"))
    notes = [session.notes for session in app.context.sessions.manager._sessions.values()]
    assert len(notes) == 2  # the last request waits for its login
    stored = hash_password("wonder")
    seen = [
        caplog.text, repr(app.container.settings), repr(app.container.realm), repr(notes),
        repr(User("alice", stored, frozenset())), repr(app.context.security.authenticator),
    ]  # fmt: skip
    for secret in ("wonder", "not-right", "sesame", "YWxpY2U6", stored, visitor.cookies["JSESSIONID"]):
        assert not any(secret in text for text in seen)
