"""The steps of §13.8.3 in order, and the calls of a request: RT-SEC 17.3, RT-PSEC."""

from __future__ import annotations

import base64

import pytest

from container.security.authenticator import IDENTITY_NOTE, SAVED_REQUEST_NOTE, Basic, Form, Identity, NoLogin
from container.security.constraints import Constraints
from container.security.enforce import authenticate, enforce, is_in_role, login, logout
from container.security.realm import Principal
from container.servlet import IllegalStateException, NullPointerException, ServletException

ALICE = Principal("alice", frozenset({"manager", "user"}))
BOB = Principal("bob", frozenset({"user"}))
LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"


class Outcome:
    def __init__(self, passed, request, response, host):
        self.passed, self.request, self.response, self.host = passed, request, response, host

    def __repr__(self):
        return f"<passed {self.passed}, {self.response.status} {self.response.headers} {self.host.forwards}>"

    @property
    def status(self):
        return "passed" if self.passed else self.response.status


@pytest.fixture
def send(realm, constraint, new_request, new_response, new_host):
    """Send a request through enforce."""

    def send(
        constraints, path="/mgr/x", *, user=None, authenticator=None, session=None, secure_port=8443, **facts
    ):
        headers = []
        if user is not None:
            headers.append(("Authorization", "Basic " + base64.b64encode(user.encode()).decode()))
        request, response = new_request(uri="/shop" + path, headers=headers, **facts), new_response()
        host = new_host(request, session)
        passed = enforce(
            Constraints(constraints, ["manager", "user"]), authenticator or Basic(realm, "Shop"), request,
            response, host, path, secure_port,
        )  # fmt: skip
        return Outcome(passed, request, response, host)

    return send


@pytest.fixture
def form(realm) -> Form:
    return Form(realm, "/login", "/fail")


def test_rt_sec_23_nothing_is_needed_by_default(send):
    outcome = send([])
    assert outcome.passed
    assert outcome.response.headers == []


def test_rt_sec_21_credentials_are_not_looked_at_without_need(send, realm):
    assert send([], user="alice:wonder").host.identity is None
    assert realm.lookups == 0


@pytest.mark.parametrize(
    ("roles", "user", "status"),
    [
        (["manager"], None, 401),  # step 3
        (["manager"], "alice:wrong", 401),
        (["manager"], "bob:builder", 403),  # step 4
        (["manager"], "alice:wonder", "passed"),  # step 5
        (["*"], "bob:builder", "passed"),
        (["*"], "carol:p:w%d & <x>", 403),  # in none of the declared roles
        (["**"], "carol:p:w%d & <x>", "passed"),
        (["**"], None, 401),
        ([], None, 403),  # step 2
        ([], "alice:wonder", 403),
        (None, None, "passed"),
    ],
)
def test_rt_sec_17_3_steps(send, constraint, roles, user, status):
    assert send([constraint("/mgr/*", roles=roles)], user=user).status == status


def test_rt_sec_20_the_challenge_stays(send, constraint):
    outcome = send([constraint("/mgr/*", roles=["manager"])])
    assert outcome.response.getHeader("WWW-Authenticate") == 'Basic realm="Shop"'


def test_rt_sec_17_3_1_an_insecure_connection_is_redirected(send, constraint):
    confidential = [constraint("/mgr/*", roles=["manager"], transport="CONFIDENTIAL")]
    outcome = send(confidential, "/mgr/x;p=1", query="q=1")
    assert outcome.status == 302
    assert outcome.response.getHeader("Location") == "https://shop.test:8443/shop/mgr/x;p=1?q=1"
    assert send(confidential, method="POST").status == 302
    assert (
        send(confidential, secure_port=443).response.getHeader("Location") == "https://shop.test/shop/mgr/x"
    )
    assert send(confidential, secure_port=None).status == 403
    assert send(confidential, secure=True).status == 401
    assert send(confidential, secure=True, user="alice:wonder").passed


def test_rt_sec_17_3_1_without_a_login(send, constraint):
    confidential = [constraint("/mgr/*", transport="INTEGRAL")]
    assert send(confidential).status == 302
    assert send(confidential, secure=True).passed


def test_rt_sec_17_3_1_precluded_is_not_redirected(send, constraint):
    assert send([constraint("/mgr/*", roles=[], transport="CONFIDENTIAL")]).status == 403


def test_rt_sec_24_no_shared_caching(send, constraint):
    constrained = [constraint("/mgr/*", roles=["manager"])]
    headers = dict(send(constrained, user="alice:wonder").response.headers)
    assert headers == {"Cache-Control": "private", "Expires": LONG_AGO}
    assert send(constrained, user="alice:wonder", method="POST").response.headers == []


def test_dd_sec_17_no_login_config(send, constraint, realm):
    constrained = [constraint("/mgr/*", roles=["user"])]
    assert send(constrained, authenticator=NoLogin(realm), user="bob:builder").status == 403
    assert send(constrained, "/open", authenticator=NoLogin(realm)).passed


def test_rt_auth_10_the_session_knows(send, constraint, new_session):
    session = new_session()
    session.notes[IDENTITY_NOTE] = Identity(ALICE, "BASIC")
    assert send([constraint("/mgr/*", roles=["manager"])], session=session).passed
    outcome = send([], "/open", session=session)
    assert outcome.host.identity == Identity(ALICE, "BASIC")


# --- FORM -------------------------------------------------------------------------------------------------


def check(send, constraints, session, form, user="alice", password="wonder", **facts):
    return send(
        constraints, "/j_security_check", authenticator=form, session=session, method="POST",
        parameters={"j_username": user, "j_password": password}, **facts,
    )  # fmt: skip


def test_rt_auth_04_the_whole_way(send, constraint, form):
    constrained = [constraint("/mgr/*", roles=["manager"])]
    first = send(constrained, authenticator=form)
    assert not first.passed
    assert first.host.forwards == [("/login", "GET")]
    session = first.host.session
    assert check(send, constrained, session, form, password="wrong").host.forwards == [("/fail", "POST")]
    second = check(send, constrained, session, form)
    assert (second.status, second.response.getHeader("Location")) == (303, "/shop/mgr/x")
    assert send(constrained, authenticator=form, session=session).passed
    assert send([], "/open", authenticator=form, session=session).host.identity == Identity(ALICE, "FORM")


def test_rt_auth_04_6_the_wrong_role_after_the_login(send, constraint, form):
    constrained = [constraint("/mgr/*", roles=["manager"])]
    session = send(constrained, authenticator=form).host.session
    check(send, constrained, session, form, "bob", "builder")
    assert send(constrained, authenticator=form, session=session).status == 403


def test_rt_auth_05_a_saved_post_where_only_post_is_constrained(send, constraint, form):
    constrained = [constraint("/mgr/*", methods=["POST"], roles=["manager"])]
    first = send(constrained, authenticator=form, method="POST", body=b"a=1")
    session = first.host.session
    check(send, constrained, session, form, "bob", "builder")
    outcome = send(constrained, authenticator=form, session=session)
    assert outcome.request.method == "POST"
    assert outcome.status == 403  # judged as the POST that it has become
    logout(outcome.host)
    first = send(constrained, authenticator=form, session=session, method="POST", body=b"a=1")
    check(send, constrained, session, form)
    outcome = send(constrained, authenticator=form, session=session)
    assert outcome.passed
    assert outcome.request.body == b"a=1"


def test_the_check_is_open_though_everything_is_constrained(send, constraint, form):
    constrained = [constraint("/*", roles=["manager"])]
    session = send(constrained, authenticator=form).host.session
    assert check(send, constrained, session, form).status == 303


def test_rt_sec_22_login_and_error_page_stay_open(send, constraint, form):
    constrained = [constraint("/*", roles=["manager"])]
    for page in ("/login", "/fail"):
        assert send(constrained, page, authenticator=form).passed
    assert send(constrained, "/login/x", authenticator=form).host.forwards == [("/login", "GET")]
    assert send([constraint("/*", roles=[])], "/login", authenticator=form).passed
    assert send([constraint("/*", roles=[])], "/other", authenticator=form).status == 403


def test_rt_auth_08_a_confidential_login_page(send, constraint, form):
    constrained = [constraint("/mgr/*", roles=["manager"]), constraint("/login", transport="CONFIDENTIAL")]
    outcome = send(constrained, authenticator=form)
    assert outcome.response.getHeader("Location") == "https://shop.test:8443/shop/mgr/x"
    assert outcome.host.session is None
    session = send(constrained, authenticator=form, secure=True).host.session
    assert check(send, constrained, session, form).status == 302
    assert IDENTITY_NOTE not in session.notes
    assert check(send, constrained, session, form, secure=True).status == 303


def test_rt_auth_08_a_secure_request_was_interrupted(send, constraint, form):
    constrained = [constraint("/mgr/*", roles=["manager"])]
    session = send(constrained, authenticator=form, secure=True).host.session
    assert check(send, constrained, session, form).response.getHeader("Location").startswith("https://")
    assert send(constrained, authenticator=form, session=session).host.forwards == [("/login", "GET")]


def test_a_second_check_goes_on_to_nothing(send, form, new_session):
    session = new_session()
    session.notes[IDENTITY_NOTE] = Identity(ALICE, "FORM")
    assert check(send, [], session, form, "bob", "builder").passed  # the engine answers 404


# --- the calls of a request -------------------------------------------------------------------------------


@pytest.fixture
def host(new_request, new_host, new_session):
    return new_host(new_request(), new_session())


def test_rt_psec_04_login(host, realm):
    login(Basic(realm), host, "alice", "wonder")
    assert host.identity == Identity(ALICE, "BASIC")
    assert host.session.notes[IDENTITY_NOTE] == host.identity
    assert host.session.number == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong"), ("nobody", "x"), (None, None), ("alice", None), (None, "wonder")],
)
def test_rt_psec_04_login_that_fails(host, realm, name, password):
    with pytest.raises(ServletException):
        login(Basic(realm), host, name, password)
    assert host.identity is None
    assert host.session.number == 0


def test_rt_psec_04_only_if_nobody_is_logged_in(host, realm):
    login(Basic(realm), host, "alice", "wonder")
    with pytest.raises(ServletException, match="alice is logged in already"):
        login(Basic(realm), host, "bob", "builder")
    assert host.identity.principal == ALICE


def test_rt_psec_04_the_session_counts_as_logged_in(host, realm):
    host.session.notes[IDENTITY_NOTE] = Identity(ALICE, "BASIC")
    with pytest.raises(ServletException):
        login(Basic(realm), host, "bob", "builder")


def test_rt_psec_05_logout(host, realm):
    login(Basic(realm), host, "alice", "wonder")
    host.session.notes[SAVED_REQUEST_NOTE] = "x"
    logout(host)
    assert host.identity is None
    assert host.session.notes == {}
    logout(host)


def test_rt_psec_06_authenticate(host, realm, new_response):
    response = new_response()
    assert not authenticate(Basic(realm), host.request, response, host)
    assert response.status == 401
    login(Basic(realm), host, "alice", "wonder")
    response = new_response()
    assert authenticate(Basic(realm), host.request, response, host)
    assert response.status == 200


def test_rt_psec_06_too_late(host, realm, new_response):
    response = new_response()
    response.committed = True
    with pytest.raises(IllegalStateException):
        authenticate(Basic(realm), host.request, response, host)
    login(Basic(realm), host, "alice", "wonder")
    assert authenticate(Basic(realm), host.request, response, host)  # nothing has to be written


def test_rt_psec_06_the_response_is_needed(host, realm):
    with pytest.raises(NullPointerException):
        authenticate(Basic(realm), host.request, None, host)


@pytest.mark.parametrize(
    ("principal", "role", "declared", "expected"),
    [
        (None, "user", [], False),  # RT-PSEC-01
        (None, "**", [], False),
        (ALICE, "user", [], True),
        (ALICE, "User", [], False),
        (ALICE, "printer", ["printer"], False),
        (ALICE, "*", [], False),
        (ALICE, None, [], False),
        (ALICE, "**", [], True),
        (ALICE, "**", ["**"], False),  # DD-SEC-09
        (ALICE, "boss", [], True),  # linked to manager
        (BOB, "boss", [], False),
        (BOB, "worker", [], True),  # linked to user
        (BOB, "nolink", [], False),
        (BOB, "manager", [], False),
        (BOB, "guest", [], True),  # a reference goes before the role itself
    ],
)
def test_rt_psec_03_is_in_role(principal, role, declared, expected):
    refs = {"boss": "manager", "worker": "user", "nolink": None, "guest": "user"}
    assert is_in_role(principal, role, refs, declared) == expected
