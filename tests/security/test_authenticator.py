"""BASIC, DIGEST, FORM and no login at all: RT-AUTH, DD-SEC-14 to 17."""

from __future__ import annotations

import base64
import hashlib
import pickle
import re

import pytest

from container.descriptor import model
from container.errors import Source
from container.security.authenticator import (
    IDENTITY_NOTE,
    SAVED_REQUEST_NOTE,
    Basic,
    ClientCertificate,
    Digest,
    Form,
    Identity,
    NoLogin,
    SavedRequest,
    _Nonce,
    make_authenticator,
    mechanisms,
)
from container.security.realm import LockOutRealm, Principal

HERE = Source("web.xml", 3, 5)
CERTIFICATES = "jakarta.servlet.request.X509Certificate"
ALICE = Principal("alice", frozenset({"manager", "user"}))


class Clock:
    now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


# --- BASIC ------------------------------------------------------------------------------------------------


def basic(text: str, charset: str = "latin-1", scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(text.encode(charset)).decode()}"


@pytest.fixture
def ask(new_request, new_response, new_host):
    """Send one request with an Authorization header: host and response."""

    def ask(authenticator, authorization=None, session=None, headers=(), **facts):
        headers = [*headers, *([] if authorization is None else [("Authorization", authorization)])]
        request, response = new_request(headers=headers, **facts), new_response()
        host = new_host(request, session)
        principal = authenticator.authenticate(request, response, host)
        assert principal == (host.identity.principal if host.identity else None)
        return host, response

    return ask


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        (basic("alice:wonder"), "alice"),
        (basic("alice:wonder", scheme="bASIC"), "alice"),
        (basic("carol:p:w%d & <x>"), "carol"),  # split at the first colon
        (basic("dave:"), "dave"),
        (basic("zoë:naïve"), "zoë"),
        (basic("alice:wonder").rstrip("="), "alice"),
        (basic("dave:").rstrip("="), "dave"),
    ],
)
def test_rt_auth_01_basic_right(ask, realm, authorization, name):
    host, response = ask(Basic(realm, "Shop"), authorization)
    assert host.identity.principal.name == name
    assert host.identity.auth_type == "BASIC"
    assert response.status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic  ",
        basic("alice:wrong"),
        basic("alice:"),
        basic(":"),
        basic("alice"),  # no colon
        basic(" alice :wonder"),
        basic("alice: wonder "),
        basic("nobody:wonder"),
        basic("zoë:naïve", "utf-8"),
        "Basic YWxpY2U6d29uZGVy=",
        "Basic YWxpY2U6d29uZGVy YWxp",
        "Basic YWxpY2U6d29uZGVy!",
        "BasicYWxpY2U6d29uZGVy",
        "Bearer YWxpY2U6d29uZGVy",
        'Digest username="alice"',
        "Basic =",
    ],
)
def test_rt_auth_01_basic_wrong_or_malformed(ask, realm, authorization):
    host, response = ask(Basic(realm, "Shop"), authorization)
    assert host.identity is None
    assert response.status == 401
    assert response.getHeaders("WWW-Authenticate") == ['Basic realm="Shop"']


def test_rt_auth_01_basic_in_utf_8_says_so(ask, realm):
    authenticator = Basic(realm, "Shop", charset="UTF-8")
    host, _ = ask(authenticator, basic("zoë:naïve", "utf-8"))
    assert host.identity.principal.name == "zoë"
    _, response = ask(authenticator, basic("zoë:naïve"))
    assert response.getHeader("WWW-Authenticate") == 'Basic realm="Shop", charset="UTF-8"'


@pytest.mark.parametrize(
    ("name", "challenge"),
    [
        (None, 'Basic realm="Authentication required"'),  # DD-SEC-15
        ('a "b" \\', 'Basic realm="a \\"b\\" \\\\"'),
        ("日本", 'Basic realm="??"'),
    ],
)
def test_dd_sec_15_realm_name(ask, realm, name, challenge):
    _, response = ask(Basic(realm, name))
    assert response.getHeader("WWW-Authenticate") == challenge


def test_rt_auth_10_a_session_remembers_and_gets_another_id(ask, realm, new_session):
    session = new_session()
    ask(Basic(realm), basic("alice:wonder"), session)
    assert session.notes[IDENTITY_NOTE] == Identity(ALICE, "BASIC")
    assert session.number == 1  # RT-AUTH-09
    ask(Basic(realm), basic("alice:wrong"), session)
    assert session.number == 1


def test_basic_makes_no_session(ask, realm):
    host, _ = ask(Basic(realm), basic("alice:wonder"))
    assert host.session is None


def test_who_is_known_is_not_asked_again(realm, new_request, new_response, new_host):
    for authenticator in (Basic(realm), Digest(realm), Form(realm, "/login", "/fail"), NoLogin(realm)):
        request = new_request()
        host = new_host(request)
        host.identity = Identity(ALICE, "X")
        response = new_response()
        assert authenticator.authenticate(request, response, host) == ALICE
        assert response.status == 200


# --- DIGEST -----------------------------------------------------------------------------------------------


def challenge(response) -> dict[str, dict[str, str]]:
    """The challenges of an answer, by algorithm."""
    assert response.status == 401
    found = {}
    for header in response.getHeaders("WWW-Authenticate"):
        assert header.startswith("Digest ")
        values = dict(re.findall(r'(\w+)="?([^",]*)"?', header.removeprefix("Digest ")))
        found[values["algorithm"]] = values
    return found


def digest(
    given: dict[str, str], *, user="alice", password="wonder", method="GET", uri="/shop/mgr/x", nc="00000001",
    without=(), **changes,
) -> str:  # fmt: skip
    algorithm = given["algorithm"]

    def h(text: str) -> str:
        return hashlib.new({"MD5": "md5", "SHA-256": "sha256"}[algorithm], text.encode()).hexdigest()

    ha1, ha2 = h(f"{user}:{given['realm']}:{password}"), h(f"{method}:{uri}")
    values = {
        "username": f'"{user}"', "realm": f'"{given["realm"]}"', "nonce": f'"{given["nonce"]}"',
        "uri": f'"{uri}"',
        "algorithm": algorithm, "qop": "auth", "nc": nc, "cnonce": '"c"', "opaque": f'"{given["opaque"]}"',
        "response": f'"{h(":".join((ha1, given["nonce"], nc, "c", "auth", ha2)))}"',
    }  # fmt: skip
    values |= changes
    return "Digest " + ", ".join(f"{name}={value}" for name, value in values.items() if name not in without)


@pytest.fixture
def authenticator(realm, clock) -> Digest:
    return Digest(realm, "Shop", clock=clock)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize(("user", "password"), [("alice", "wonder"), ("dave", ""), ("zoë", "naïve")])
def test_rt_auth_02_digest_right(ask, authenticator, algorithm, user, password):
    _, response = ask(authenticator)
    given = challenge(response)
    assert list(given) == ["SHA-256", "MD5"]  # the better one first
    assert given[algorithm]["qop"] == "auth"
    assert given[algorithm]["realm"] == "Shop"
    host, response = ask(authenticator, digest(given[algorithm], user=user, password=password))
    assert host.identity == Identity(host.identity.principal, "DIGEST")
    assert host.identity.principal.name == user


def test_rt_auth_02_no_algorithm_is_md5(ask, authenticator):
    given = challenge(ask(authenticator)[1])["MD5"]
    assert ask(authenticator, digest(given, without=["algorithm"]))[0].identity


def test_rt_auth_02_query_and_absolute_uri(ask, authenticator):
    given = challenge(ask(authenticator)[1])["MD5"]
    with_query = "/shop/mgr/x?q=1&r=2"
    assert ask(authenticator, digest(given, uri=with_query), query="q=1&r=2")[0].identity
    absolute = digest(given, uri="http://shop.test:8080/shop/mgr/x", nc="00000002")
    assert ask(authenticator, absolute, headers=[("Host", "other.test")])[0].identity is None
    assert ask(authenticator, absolute, headers=[("Host", "shop.test:8080")])[0].identity


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong"},
        {"user": "nobody"},
        {"method": "POST"},
        {"uri": "/shop/other"},
        {"realm": '"Other"'},
        {"opaque": '"0"'},
        {"qop": "auth-int"},
        {"without": ["qop", "nc", "cnonce"]},
        {"without": ["qop"]},
        {"without": ["opaque"]},
        {"without": ["nonce"]},
        {"without": ["response"]},
        {"algorithm": "MD5-sess"},
        {"algorithm": "SHA-256"},
        {"nc": "1"},
        {"nc": "zzzzzzzz"},
        {"nonce": '"1:2"'},
        {"nonce": '""'},
        {"nonce": '"1000000000:abc:def"'},
        {"response": '"00"'},
        {"response": '"é"'},
    ],
)
def test_rt_auth_02_digest_wrong(ask, authenticator, changes):
    given = challenge(ask(authenticator)[1])["MD5"]
    host, response = ask(authenticator, digest(given, **changes))
    assert host.identity is None
    assert "stale" not in challenge(response)["MD5"]


@pytest.mark.parametrize(
    "authorization",
    [
        "Digest",
        "Digest ",
        'Digest username="alice"',
        "Digest garbage garbage",
        'Digest a="b',
        "Digest a=b, a=c",
        "Basic YTpi",
    ],
)
def test_rt_auth_02_malformed(ask, authenticator, authorization):
    host, response = ask(authenticator, authorization)
    assert host.identity is None
    assert response.status == 401


def test_rt_auth_02_each_count_once(ask, authenticator):
    given = challenge(ask(authenticator)[1])["MD5"]
    answer = digest(given)
    assert ask(authenticator, answer)[0].identity
    host, response = ask(authenticator, answer)
    assert host.identity is None
    assert challenge(response)["MD5"]["stale"] == "true"
    assert ask(authenticator, digest(given, nc="00000003"))[0].identity
    assert ask(authenticator, digest(given, nc="00000002"))[0].identity  # overtaken on its way


def test_rt_auth_02_an_old_nonce_is_stale(ask, authenticator, clock):
    given = challenge(ask(authenticator)[1])["MD5"]
    clock.now_s += 300
    assert ask(authenticator, digest(given))[0].identity
    clock.now_s += 1
    host, response = ask(authenticator, digest(given, nc="00000002"))
    assert host.identity is None
    again = challenge(response)["MD5"]
    assert again["stale"] == "true"
    assert ask(authenticator, digest(again))[0].identity


def test_rt_auth_02_an_old_nonce_with_a_wrong_password_is_just_wrong(ask, authenticator, clock):
    given = challenge(ask(authenticator)[1])["MD5"]
    clock.now_s += 301
    _, response = ask(authenticator, digest(given, password="wrong"))
    assert "stale" not in challenge(response)["MD5"]


def test_rt_auth_02_a_nonce_is_for_one_client(ask, authenticator):
    given = challenge(ask(authenticator)[1])["MD5"]
    assert ask(authenticator, digest(given), address="192.0.2.66")[0].identity is None


def test_rt_auth_02_a_nonce_is_ours(ask, authenticator, realm, clock):
    given = challenge(ask(Digest(realm, "Shop", clock=clock))[1])["MD5"]
    own = challenge(ask(authenticator)[1])["MD5"]
    assert ask(authenticator, digest(given | {"opaque": own["opaque"]}))[0].identity is None


def test_only_proved_nonces_take_memory_and_forgotten_ones_are_stale(ask, realm, clock):
    authenticator = Digest(realm, "Shop", clock=clock, size=2)
    given = []
    for _ in range(3):
        given.append(challenge(ask(authenticator)[1])["MD5"])
        clock.now_s += 1
    ask(authenticator, digest(given[0], password="wrong"))
    assert authenticator._nonces == {}
    for one in given:
        assert ask(authenticator, digest(one))[0].identity
    assert len(authenticator._nonces) == 2
    host, response = ask(authenticator, digest(given[0]))  # its count is not known any more
    assert host.identity is None
    assert challenge(response)["MD5"]["stale"] == "true"
    assert ask(authenticator, digest(given[2], nc="00000002"))[0].identity


def test_digest_locks_out(ask, realm, clock):
    authenticator = Digest(LockOutRealm(realm, clock=clock), "Shop", clock=clock)
    for _ in range(5):
        ask(authenticator, digest(challenge(ask(authenticator)[1])["MD5"], password="wrong"))
    assert ask(authenticator, digest(challenge(ask(authenticator)[1])["MD5"]))[0].identity is None


def test_counts_of_a_nonce():
    nonce = _Nonce(0)
    assert [nonce.use(count) for count in (5, 5, 3, 4, 3, 6)] == [True, False, True, True, False, True]
    assert nonce.use(1000)
    assert not nonce.use(1000 - 128)
    assert nonce.use(1000 - 127)


# --- FORM -------------------------------------------------------------------------------------------------

CHECK = "/shop/j_security_check"


@pytest.fixture
def form(realm) -> Form:
    return Form(realm, "/login", "/fail", max_body_bytes=100)


@pytest.fixture
def send(form, new_request, new_response, new_host):
    """Send a browser's request: host and response. The session tells who it is, as in enforce."""

    def send(session, method="GET", uri="/shop/mgr/x", authenticator=form, **facts):
        request, response = new_request(method, uri, **facts), new_response()
        host = new_host(request, session)
        host.identity = session.notes.get(IDENTITY_NOTE) if session is not None else None
        host.principal = authenticator.authenticate(request, response, host)
        return host, response

    return send


def credentials(user="alice", password="wonder"):
    return {"parameters": {"j_username": user, "j_password": password}}


def test_rt_auth_04_1_the_login_page_and_the_saved_request(send):
    host, response = send(None, "POST", query="q=1", headers=[("X-A", "kept")], body=b"a=1", secure=True)
    assert host.principal is None
    assert host.forwards == [("/login", "GET")]  # RT-AUTH-06
    assert response.status == 200
    assert response.getHeader("Cache-Control") == "no-store"
    assert host.session.number == 1  # the id is new
    assert host.session.notes[SAVED_REQUEST_NOTE] == SavedRequest(
        "POST", "/shop/mgr/x", "q=1", ((b"X-A", b"kept"),), b"a=1", True
    )


def test_a_saved_request_can_be_pickled(send):
    session = send(None)[0].session
    assert pickle.loads(pickle.dumps(session.notes)) == session.notes


def test_what_is_not_repeated(send):
    names = ["Cookie", "If-Modified-Since", "If-None-Match", "Range", "Content-Length", "Expect"]
    host, _ = send(None, headers=[(name, "x") for name in names] + [("Accept", "y")])
    assert host.session.notes[SAVED_REQUEST_NOTE].headers == ((b"Accept", b"y"),)


def test_a_body_too_long_to_keep(send):
    host, response = send(None, "POST", body=b"x" * 101)
    assert response.status == 403
    assert host.forwards == []
    assert host.session.notes == {}


@pytest.mark.parametrize(
    "parameters",
    [
        {"j_username": "alice", "j_password": "wrong"},
        {"j_username": "nobody", "j_password": "wonder"},
        {"j_username": "alice"},
        {"j_password": "wonder"},
        {},
    ],
)
def test_rt_auth_04_3_wrong(send, parameters):
    session = send(None)[0].session
    host, response = send(session, "POST", CHECK, parameters=parameters)
    assert host.forwards == [("/fail", "POST")]
    assert response.status == 200
    assert host.identity is None
    assert SAVED_REQUEST_NOTE in session.notes  # another try is possible


@pytest.mark.parametrize(("protocol", "status"), [("HTTP/1.1", 303), ("HTTP/1.0", 302)])
def test_rt_auth_04_4_right(send, protocol, status):
    session = send(None, query="q=1")[0].session
    number = session.number
    host, response = send(session, "POST", CHECK, protocol=protocol, **credentials())
    assert (response.status, response.getHeader("Location")) == (status, "/shop/mgr/x?q=1")
    assert host.principal is None  # the answer is written
    assert session.notes[IDENTITY_NOTE] == Identity(ALICE, "FORM")
    assert session.number == number + 1  # RT-AUTH-09


def test_rt_auth_04_the_check_may_be_anywhere(send):
    session = send(None)[0].session
    assert send(session, "POST", "/shop/deep/er/j_security_check", **credentials())[1].status == 303


def test_rt_auth_04_5_the_saved_request_takes_the_place_of_the_redirected_one(
    send, form, new_request, new_host
):
    session = send(None, "POST", query="q=1", headers=[("X-A", "kept"), ("Cookie", "old=1")], body=b"a=1")[
        0
    ].session
    send(session, "POST", CHECK, **credentials())
    probe = new_request(query="q=1")
    host = new_host(probe, session)
    host.identity = session.notes[IDENTITY_NOTE]
    assert form.claims(probe, host)  # RT-AUTH-05: whatever the constraints say of GET
    host, _ = send(session, query="q=1", headers=[("Cookie", "new=1")])
    request = host.request
    assert host.principal == ALICE
    assert (request.method, request.query, request.body) == ("POST", "q=1", b"a=1")
    assert request.headers == [("X-A", "kept"), ("Cookie", "new=1")]
    assert SAVED_REQUEST_NOTE not in session.notes
    again, _ = send(session, query="q=1")
    assert again.request.method == "GET"


@pytest.mark.parametrize(
    "facts",
    [{"uri": "/shop/other"}, {"query": "q=1"}, {"method": "POST"}, {"method": "PUT"}],
)
def test_rt_auth_04_5_another_request_keeps_its_own(send, facts):
    session = send(None, "POST", body=b"a=1")[0].session
    send(session, "POST", CHECK, **credentials())
    host, _ = send(session, **facts)
    assert host.principal == ALICE
    assert host.request.body == b""
    assert SAVED_REQUEST_NOTE in session.notes


def test_rt_auth_04_5_a_session_id_in_the_url_does_not_matter(send):
    session = send(None, uri="/shop/mgr/x;p=1", body=b"saved")[0].session
    send(session, "POST", CHECK, **credentials())
    host, _ = send(session, uri="/shop/mgr/x;p=1;jsessionid=ABC")
    assert host.request.body == b"saved"


@pytest.mark.parametrize("landing_page", [None, "/home"])
@pytest.mark.parametrize("has_session", [False, True])
def test_rt_auth_07_a_login_that_interrupted_nothing(send, realm, new_session, landing_page, has_session):
    authenticator = Form(realm, "/login", "/fail", landing_page=landing_page)
    session = new_session() if has_session else None
    host, response = send(session, "POST", CHECK, authenticator, **credentials())
    if landing_page and has_session:
        assert (response.status, response.getHeader("Location")) == (303, "/shop/home")
        assert session.notes[IDENTITY_NOTE] == Identity(ALICE, "FORM")
    else:
        assert response.status == 408
        assert host.identity is None


def test_the_check_needs_post(send):
    host, response = send(None, "GET", CHECK, **credentials())
    assert response.status == 400
    assert (host.identity, host.forwards) == (None, [])


def test_a_second_login_is_no_login(send, form, new_request, new_host):
    session = send(None)[0].session
    send(session, "POST", CHECK, **credentials())
    request = new_request("POST", CHECK)
    host = new_host(request, session)
    host.identity = session.notes[IDENTITY_NOTE]
    assert not form.claims(request, host)


def test_the_redirect_stays_on_this_host(send):
    session = send(None, uri="//evil.test/shop/mgr/x")[0].session
    _, response = send(session, "POST", CHECK, **credentials())
    assert response.getHeader("Location") == "/evil.test/shop/mgr/x"


def test_rt_sec_22_pages(form, realm):
    assert form.pages == {"/login", "/fail"}
    assert Basic(realm).pages == frozenset()


# --- none, and choosing -----------------------------------------------------------------------------------


def test_dd_sec_17_without_login_config_403(ask, realm):
    host, response = ask(NoLogin(realm), basic("alice:wonder"))
    assert host.identity is None
    assert response.status == 403
    assert response.headers == []


def test_without_login_config_login_still_works(realm):
    assert NoLogin(realm).login("alice", "wonder") == ALICE
    assert NoLogin(realm).auth_type == "NONE"
    assert NoLogin(None).login("alice", "wonder") is None


def test_no_login_keeps_who_is_known(realm, new_request, new_response, new_host):
    request = new_request()
    host = new_host(request)
    host.identity = Identity(ALICE, "NONE")
    NoLogin(realm).authenticate(request, new_response(), host)
    assert host.session.notes == {IDENTITY_NOTE: host.identity}


def test_rt_auth_03_what_is_no_certificate_is_nobodys(realm, new_request, new_response, new_host):
    request, response = new_request(), new_response()
    request.getAttribute = {CERTIFICATES: [b"0\x82\x01\x00no certificate"]}.get
    assert ClientCertificate(realm).authenticate(request, response, new_host(request)) is None
    assert response.status == 401


FORM_PAGES = model.FormLoginConfig("/login", "/fail", HERE)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (None, NoLogin),
        (model.LoginConfig(HERE), NoLogin),
        (model.LoginConfig(HERE, "BASIC", "Shop"), Basic),
        (model.LoginConfig(HERE, "CLIENT-CERT"), ClientCertificate),
        (model.LoginConfig(HERE, "DIGEST", "Shop"), Digest),
        (model.LoginConfig(HERE, "FORM", None, FORM_PAGES), Form),
    ],
)
def test_dd_sec_14_choosing(realm, config, kind):
    authenticator, problems = make_authenticator(config, realm, mechanisms(1024, 60))
    assert type(authenticator) is kind
    assert problems == []


@pytest.mark.parametrize(
    ("config", "with_realm", "message"),
    [
        (model.LoginConfig(HERE, "TOKEN"), True, "<auth-method> TOKEN is not supported"),
        (model.LoginConfig(HERE, "BASIC"), False, "there is nobody who could log in"),
    ],
)
def test_dd_sec_17_what_cannot_be_honoured_is_said(realm, config, with_realm, message):
    authenticator, (problem,) = make_authenticator(
        config, realm if with_realm else None, mechanisms(1024, 60)
    )
    assert isinstance(authenticator, NoLogin)
    assert str(problem).startswith(f"web.xml:3:5: warning: {message}")
    assert "answered 403" in str(problem)
