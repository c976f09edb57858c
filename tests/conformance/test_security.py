"""Security constraints, declared in web.xml and in code: RT-SEC, RT-SSA and DD-SEC."""

from __future__ import annotations

import base64
from http import HTTPStatus
from wsgiref.util import setup_testing_defaults

import pytest

from container.security.realm import PasswordRealm
from container.security.users_file import User
from container.servlet import (
    EmptyRoleSemantic,
    HttpConstraint,
    HttpConstraintElement,
    HttpMethodConstraint,
    HttpMethodConstraintElement,
    HttpServlet,
    IllegalArgumentException,
    IllegalStateException,
    ServletContextListener,
    ServletSecurity,
    ServletSecurityElement,
    TransportGuarantee,
)

PERMIT, DENY = EmptyRoleSemantic.PERMIT, EmptyRoleSemantic.DENY
NONE, CONFIDENTIAL = TransportGuarantee.NONE, TransportGuarantee.CONFIDENTIAL
USERS = {"alice": {"clerk", "boss"}, "bob": {"clerk"}, "carol": set(), "dave": {"*", "**"}}
BASIC = "<login-config><auth-method>BASIC</auth-method></login-config>"


class Realm(PasswordRealm):
    """The users above; everybody's password is "pw"."""

    def __init__(self):
        super().__init__()
        self._decoy = "in clear text, so that wrong passwords cost no time here"

    def lookup(self, username):
        return User(username, "pw", frozenset(USERS[username])) if username in USERS else None


def constraint(*patterns, methods=(), omissions=(), roles=None, transport=None):
    """A <security-constraint>; roles None: no <auth-constraint>, (): one that lets nobody in."""
    xml = "".join(f"<url-pattern>{pattern}</url-pattern>" for pattern in patterns)
    xml += "".join(f"<http-method>{method}</http-method>" for method in methods)
    xml += "".join(f"<http-method-omission>{method}</http-method-omission>" for method in omissions)
    xml = f"<web-resource-collection><web-resource-name>r</web-resource-name>{xml}</web-resource-collection>"
    if roles is not None:
        names = "".join(f"<role-name>{role}</role-name>" for role in roles)
        xml += f"<auth-constraint>{names}</auth-constraint>"
    if transport is not None:
        xml += f"<user-data-constraint><transport-guarantee>{transport}</transport-guarantee>"
        xml += "</user-data-constraint>"
    return f"<security-constraint>{xml}</security-constraint>"


def role(*names):
    return "".join(f"<security-role><role-name>{name}</role-name></security-role>" for name in names)


ROLES = role("clerk", "boss")


def as_user(name, password="pw"):
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def guarded(serve):
    """A web app whose every path answers "user method", behind constraints: guarded(xml, ...) -> App."""

    def make(xml, **arguments):
        def answer(request, response):
            response.getWriter().write(f"{request.getRemoteUser()} {request.getMethod()}")

        return serve(answer, xml, realm=Realm(), **arguments)

    return make


def who_may(app, method="GET", path="/x"):
    """Who gets an answer, by user name; "-" is somebody without credentials."""
    allowed = []
    for user in ("-", *USERS):
        answer = app.request(method, path, *(() if user == "-" else (as_user(user),)))
        assert answer.status in (200, 401, 403), answer
        assert user == "-" or answer.status != 401
        if answer.status == HTTPStatus.OK:
            allowed.append(user)
    return " ".join(allowed)


def over_tls(app, method, path, user=None):
    """The status of a request that came over TLS, by another way than our connector, which has none."""
    environ = {"REQUEST_METHOD": method, "PATH_INFO": "/app" + path, "wsgi.url_scheme": "https"}
    setup_testing_defaults(environ)
    if user is not None:
        environ["HTTP_AUTHORIZATION"] = as_user(user).partition(": ")[2]
    statuses = []
    b"".join(app.container(environ, lambda status, headers, error=None: statuses.append(status)))
    return int(statuses[-1][:3])


EVERYBODY = "- alice bob carol dave"
AUTHENTICATED = "alice bob carol dave"
NOBODY = ""


# --- which constraints apply ------------------------------------------------------------------------------


@pytest.mark.rules("RT-SEC-01")
def test_static_files_are_guarded_forwards_includes_and_error_pages_are_not(deploy, web_xml):
    class Main(HttpServlet):
        def doGet(self, request, response):
            kind = request.getParameter("kind")
            if kind == "error":
                response.sendError(404)
            else:
                getattr(request.getRequestDispatcher("/secret/page.txt"), kind)(request, response)

    app = deploy(
        web_xml(
            "<servlet><servlet-name>m</servlet-name><servlet-class>app.Main</servlet-class></servlet>"
            "<servlet-mapping><servlet-name>m</servlet-name><url-pattern>/m</url-pattern></servlet-mapping>"
            "<error-page><location>/secret/page.txt</location></error-page>"
            + constraint("/secret/*", roles=())
        ),
        classes=[Main],
        files={"secret/page.txt": "the page", "page.txt": "open"},
    )
    assert app.get("/secret/page.txt").status == 403
    assert app.get("/page.txt").text == "open"
    for kind, status in (("forward", 200), ("include", 200), ("error", 404)):
        answer = app.get(f"/m?kind={kind}")
        assert (answer.status, answer.text) == (status, "the page")


@pytest.mark.rules("RT-SEC-02")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b", "alice"),  # exact
        ("/a/b/", "alice bob"),
        ("/a/c", "alice bob"),  # the longest prefix
        ("/a", "alice bob"),
        ("/a/c.do", "alice bob"),  # a prefix beats an extension
        ("/c.do", AUTHENTICATED),  # an extension beats the default
        ("/c", EVERYBODY),
        ("/a/b;p=1", "alice"),
        ("/%61/b", "alice"),
        ("/z/../a/b", "alice"),
    ],
)
def test_the_most_specific_pattern_decides(guarded, path, expected):
    app = guarded(
        constraint("/a/b", roles=["boss"])
        + constraint("/a/*", roles=["clerk"])
        + constraint("*.do", roles=["**"])
        + constraint("/")
        + BASIC
        + ROLES
    )
    assert who_may(app, path=path) == expected


@pytest.mark.rules("RT-SEC-02")
def test_all_constraints_with_the_best_pattern_apply(guarded):
    app = guarded(
        constraint("/y", "/x", methods=["GET"], roles=["boss"])
        + constraint("/x", methods=["GET"], roles=["clerk"])
        + constraint("/*", roles=())
        + BASIC
        + ROLES
    )
    assert who_may(app) == "alice bob"


@pytest.mark.rules("RT-SEC-03")
@pytest.mark.parametrize("pattern", ["/*", "*.do", "/"])
def test_a_less_specific_pattern_never_applies_because_the_method_does_not_fit(guarded, pattern):
    app = guarded(constraint("/a/*", methods=["POST"], roles=()) + constraint(pattern, roles=()))
    assert app.get("/a/x.do").status == 200
    assert app.post("/a/x.do", "").status == 403


@pytest.mark.rules("RT-SEC-04", "DD-SEC-19")
@pytest.mark.parametrize(("deny", "uncovered"), [("", 200), ("<deny-uncovered-http-methods/>", 403)])
def test_uncovered_methods_are_open_or_denied(guarded, deny, uncovered):
    app = guarded(deny + constraint("/x", methods=["GET"]) + constraint("/all/*"))
    assert app.get("/x").status == 200
    assert app.post("/x", "").status == uncovered
    assert app.request("FOO", "/x").status == uncovered
    assert app.request("FOO", "/all/y").status == 200  # nothing is uncovered there
    assert app.request("FOO", "/elsewhere").status == 200  # no pattern matches


@pytest.mark.rules("RT-SEC-05", "DD-SEC-01", "DD-SEC-02", "DD-SEC-04")
@pytest.mark.parametrize(
    ("named", "denied"),
    [
        ({}, {"GET", "POST", "HEAD", "get", "FOO"}),
        ({"methods": ["GET", "FOO"]}, {"GET", "FOO"}),
        ({"omissions": ["GET", "FOO"]}, {"POST", "HEAD", "get"}),
    ],
)
def test_a_collection_covers_the_methods_it_names(guarded, named, denied):
    app = guarded(constraint("/x", roles=(), **named))
    methods = ("GET", "POST", "HEAD", "get", "FOO")
    assert {method for method in methods if app.request(method, "/x").status == 403} == denied


# --- combining --------------------------------------------------------------------------------------------


@pytest.mark.rules(
    "RT-SEC-10", "RT-SEC-11", "RT-SEC-12", "RT-SEC-13", "DD-SEC-06", "DD-SEC-07", "DD-SEC-08", "DD-SEC-11"
)
@pytest.mark.parametrize(
    ("combined", "expected"),
    [
        ([()], NOBODY),
        ([(), None], NOBODY),  # an empty one beats everything
        ([(), ["clerk"]], NOBODY),
        ([(), ["**"]], NOBODY),
        ([None], EVERYBODY),
        ([None, ["clerk"]], EVERYBODY),
        ([None, ["**"]], EVERYBODY),
        ([["**"]], AUTHENTICATED),
        ([["**"], ["clerk"]], AUTHENTICATED),
        ([["clerk"]], "alice bob"),
        ([["clerk"], ["boss"]], "alice bob"),
        ([["boss"]], "alice"),
        ([["Boss"]], NOBODY),  # names are case-sensitive
        ([["*"]], "alice bob"),  # all that are declared
        ([["*", "nobody's"]], "alice bob"),
        ([["nobody's"]], NOBODY),
    ],
)
def test_constraints_on_one_pattern_are_combined(guarded, combined, expected):
    app = guarded("".join(constraint("/x", roles=roles) for roles in combined) + BASIC + ROLES)
    assert who_may(app) == expected


@pytest.mark.rules("RT-SEC-14", "DD-SEC-12")
@pytest.mark.parametrize(
    ("guarantees", "status"),
    [
        (["CONFIDENTIAL"], 403),
        (["INTEGRAL"], 403),
        (["CONFIDENTIAL", "INTEGRAL"], 403),
        (["CONFIDENTIAL", None], 200),
        (["CONFIDENTIAL", "NONE"], 200),
        (["NONE"], 200),
        ([None], 200),
    ],
)
def test_user_data_constraints_are_combined(guarded, guarantees, status):
    app = guarded("".join(constraint("/x", transport=guarantee) for guarantee in guarantees))
    assert app.get("/x").status == status
    assert over_tls(app, "GET", "/x") == 200


@pytest.mark.rules("RT-SEC-10", "RT-SEC-13", "RT-SEC-14")
def test_the_example_of_the_specification(guarded):  # §13.8.2
    path = "/acme/wholesale/*"
    app = guarded(
        constraint(path, omissions=["GET", "POST"], roles=())
        + constraint(path, methods=["GET", "PUT"], roles=["boss"])
        + constraint(path, methods=["GET", "POST"], roles=["clerk"], transport="CONFIDENTIAL")
        + BASIC
        + ROLES
    )
    assert who_may(app, "GET", "/acme/wholesale/a") == "alice bob"
    assert who_may(app, "PUT", "/acme/wholesale/a") == NOBODY
    assert who_may(app, "DELETE", "/acme/wholesale/a") == NOBODY
    assert who_may(app, "POST", "/acme/wholesale/a") == NOBODY  # not over this connection
    for user, status in (("alice", 200), ("bob", 200), ("carol", 403)):
        assert over_tls(app, "POST", "/acme/wholesale/a", user) == status


# --- what happens to a request ----------------------------------------------------------------------------

PAGES = "<servlet><servlet-name>s</servlet-name><servlet-class>app.Page</servlet-class></servlet>"
PAGES += "<servlet-mapping><servlet-name>s</servlet-name><url-pattern>/page</url-pattern></servlet-mapping>"


class Page(HttpServlet):
    def service(self, request, response):
        status = request.getAttribute("jakarta.servlet.error.status_code")
        response.getWriter().write(f"page for {status}")


@pytest.mark.rules("RT-SEC-20")
def test_401_and_403_are_shown_by_error_pages_and_keep_the_challenge(guarded):
    app = guarded(
        PAGES
        + "<error-page><location>/page</location></error-page>"
        + constraint("/x", roles=["boss"])
        + BASIC
        + ROLES,
        classes=[Page],
    )
    asked = app.get("/x")
    assert (asked.status, asked.text) == (401, "page for 401")
    assert asked.header("WWW-Authenticate").startswith("Basic realm=")
    refused = app.get("/x", as_user("bob"))
    assert (refused.status, refused.text, refused.header("WWW-Authenticate")) == (403, "page for 403", None)


@pytest.mark.rules("RT-SEC-21", "RT-SEC-23")
def test_an_open_resource_needs_nothing_and_looks_at_no_credentials(guarded):
    app = guarded(constraint("/x", roles=["clerk"]) + BASIC + ROLES)
    assert app.get("/open").text == "None GET"
    assert app.get("/open", as_user("bob", "wrong")).text == "None GET"
    assert app.get("/open", "Authorization: nonsense").text == "None GET"


@pytest.mark.rules("RT-SEC-24")
def test_what_needs_a_login_is_kept_out_of_shared_caches(guarded):
    app = guarded(constraint("/x", roles=["clerk"]) + BASIC + ROLES)
    answer = app.get("/x", as_user("bob"))
    assert answer.header("Cache-Control") == "private"
    assert answer.header("Expires") == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert app.get("/open").header("Cache-Control") is None


@pytest.mark.parametrize(
    ("host", "port", "location"),
    [
        ("shop.test:8080", 443, "https://shop.test/app/x%20y;p?a=b&c"),
        ("shop.test", 8443, "https://shop.test:8443/app/x%20y;p?a=b&c"),
        ("[::1]:80", 443, "https://[::1]/app/x%20y;p?a=b&c"),
    ],
)
def test_an_insecure_request_is_redirected_to_the_redirect_port(guarded, host, port, location):
    app = guarded(constraint("/*", transport="CONFIDENTIAL"), redirect_port=port)
    for method in ("GET", "POST"):
        answer = app.request(method, "/x%20y;p?a=b&c", f"Host: {host}")
        assert (answer.status, answer.header("Location")) == (302, location)
    assert over_tls(app, "GET", "/x") == 200


def test_behind_a_proxy_that_ends_tls_a_redirect_leads_to_the_answer(guarded):
    xml = constraint("/*", transport="CONFIDENTIAL")
    app = guarded(xml, redirect_port=443, trusted_proxies="127.0.0.1")
    asked = app.get("/x", "Host: shop.test", "X-Forwarded-Proto: http")
    assert asked.header("Location") == "https://shop.test/app/x"
    assert app.get("/x", "Host: shop.test", "X-Forwarded-Proto: https").text == "None GET"


def test_without_a_redirect_port_or_where_nobody_may_go_the_answer_is_403(guarded):
    xml = constraint("/x", transport="CONFIDENTIAL") + constraint("/no", roles=(), transport="CONFIDENTIAL")
    assert guarded(xml).get("/x").status == 403
    app = guarded(xml, name="second", redirect_port=443)
    assert app.get("/no").status == 403


# --- the rest of the descriptor ---------------------------------------------------------------------------


@pytest.mark.rules("DD-SEC-09")
@pytest.mark.parametrize(("roles", "of_carol", "of_dave"), [(ROLES, True, True), (role("**"), False, True)])
def test_a_declared_role_named_star_star_is_an_ordinary_role(serve, roles, of_carol, of_dave):
    app = serve(
        lambda request, response: response.getWriter().write(str(request.isUserInRole("**"))),
        constraint("/*", roles=["**"]) + BASIC + roles,
        realm=Realm(),
    )
    assert app.get("/x", as_user("carol")).text == str(of_carol)
    assert app.get("/x", as_user("dave")).text == str(of_dave)


def starter(act):
    class Starter(ServletContextListener):
        def contextInitialized(self, event):
            act(event.getServletContext())

    return Starter


STARTER = "<listener><listener-class>app.Starter</listener-class></listener>"


@pytest.mark.rules("DD-SEC-10", "DD-SEC-08")
def test_an_undeclared_role_is_warned_of_and_code_can_declare_it(guarded):
    xml = constraint("/x", roles=["boss"]) + constraint("/all", roles=["*"]) + BASIC
    warned = guarded(xml + role("clerk"))
    (problem,) = [each for each in warned.problems if "undeclared role" in each]
    assert "warning" in problem
    assert who_may(warned, path="/all") == "alice bob"
    declared = guarded(
        STARTER + xml, name="second", classes=[starter(lambda context: context.declareRoles("boss"))]
    )
    assert [each for each in declared.problems if "undeclared role" in each] == []
    assert who_may(declared, path="/all") == "alice"


@pytest.mark.rules("DD-SEC-13", "DD-SEC-15")
@pytest.mark.parametrize(
    ("realm_name", "challenge"),
    [
        ("", 'Basic realm="Authentication required"'),
        ("<realm-name>The Shop</realm-name>", 'Basic realm="The Shop"'),
        ('<realm-name>"quoted" \\</realm-name>', r'Basic realm="\"quoted\" \\"'),
    ],
)
def test_the_realm_name_is_in_the_challenge(guarded, realm_name, challenge):
    login = f"<login-config><auth-method>BASIC</auth-method>{realm_name}</login-config>"
    app = guarded(constraint("/x", roles=["clerk"]) + login + ROLES)
    assert app.get("/x").header("WWW-Authenticate") == challenge


FORM_PAGES = "<form-login-page>{}</form-login-page><form-error-page>{}</form-error-page>"


@pytest.mark.rules(
    "DD-SEC-03", "DD-SEC-04", "DD-SEC-05", "DD-SEC-12", "DD-SEC-13", "DD-SEC-14", "DD-SEC-16", "DD-SEC-18"
)
@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (constraint("/x", methods=["GET"], omissions=["PUT"]), "http-method"),
        (constraint("/x", methods=["GE T"]), "GE T"),
        (constraint("x"), '"x"'),
        (constraint("/a*b/*/c*"), None),  # an exact pattern, if an odd one
        (constraint("/x", transport="SECRET"), "SECRET"),
        (BASIC.replace("</login", "<auth-method>FORM</auth-method></login"), "auth-method"),
        (BASIC.replace("BASIC", "NTLM"), "NTLM"),
        (BASIC.replace("BASIC", "FORM"), "FORM"),
        (
            BASIC.replace(
                "BASIC</auth-method>",
                f"FORM</auth-method><form-login-config>{FORM_PAGES.format('login', '/fail')}"
                "</form-login-config>",
            ),
            "login",
        ),
        ("<security-role/>", "role-name"),
    ],
)
def test_a_mistake_keeps_the_web_app_from_starting(guarded, xml, message):
    app = guarded(xml)
    errors = [problem for problem in app.problems if "warning" not in problem]
    assert app.running == (message is None)
    assert app.get("/x").status == (200 if app.running else 503)
    assert message is None or any(message in problem for problem in errors)


@pytest.mark.rules("DD-SEC-18")
def test_a_role_that_is_declared_twice_is_warned_of(guarded):
    app = guarded(constraint("/x", roles=["*"]) + BASIC + role("clerk", "clerk"))
    (problem,) = [each for each in app.problems if "declared twice" in each]
    assert "warning" in problem
    assert who_may(app) == "alice bob"


@pytest.mark.rules("DD-SEC-16")
def test_form_pages_are_ignored_with_another_method(guarded):
    pages = f"<form-login-config>{FORM_PAGES.format('/login', '/fail')}</form-login-config></login-config>"
    app = guarded(constraint("/x", roles=["clerk"]) + BASIC.replace("</login-config>", pages) + ROLES)
    assert app.get("/x").header("WWW-Authenticate") is not None


@pytest.mark.rules("DD-SEC-17")
@pytest.mark.parametrize("login", ["", "<login-config/>"])
def test_without_a_way_to_log_in_what_needs_one_is_refused_and_the_start_says_so(guarded, login):
    app = guarded(constraint("/x", roles=["clerk"]) + constraint("/any", roles=["**"]) + login + ROLES)
    assert who_may(app) == NOBODY
    assert who_may(app, path="/any") == NOBODY
    assert app.get("/x").status == 403
    assert who_may(app, path="/open") == EVERYBODY
    assert any("warning" in problem and "403" in problem for problem in app.problems)


@pytest.mark.rules("DD-SEC-17")
def test_a_login_that_only_code_asks_for_is_said_once(annotated):
    app = annotated(ServletSecurity(HttpConstraint(rolesAllowed=("clerk",))), ONE)
    assert app.get("/uno", as_user("bob")).status == 403
    (problem,) = [problem for problem in app.problems if "403" in problem]
    assert "warning: @ServletSecurity or setServletSecurity asks for a login" in problem


@pytest.mark.rules("DD-SEC-22")
def test_constraints_without_users_are_not_ignored(serve):
    xml = constraint("/x", roles=["clerk"]) + BASIC + ROLES
    app = serve(lambda request, response: None, xml)
    assert app.get("/x", as_user("bob")).status == 403
    assert app.get("/open").status == 200
    assert any("there is nobody who could log in" in problem for problem in app.problems)


@pytest.mark.rules("DD-SEC-20")
@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (constraint("/x", methods=["GET", "PUT"], roles=()), "/x: every method but GET, PUT"),
        (constraint("/x", omissions=["GET", "PUT"], roles=()), "/x: GET, PUT"),
        (
            constraint("/x", omissions=["GET"], roles=()) + constraint("/x", methods=["GET"], roles=()),
            None,
        ),
        (constraint("/x", roles=()), None),
        ("<deny-uncovered-http-methods/>" + constraint("/x", methods=["GET"], roles=()), None),
    ],
)
def test_uncovered_methods_are_reported_with_pattern_and_methods(guarded, xml, said):
    problems = [problem for problem in guarded(xml).problems if "no constraint covers" in problem]
    assert len(problems) == (said is not None)
    assert all(said in problem and "warning" in problem for problem in problems)


# --- @ServletSecurity and setServletSecurity --------------------------------------------------------------

ONE = "<servlet><servlet-name>s</servlet-name><servlet-class>app.One</servlet-class></servlet>"
ONE += "<servlet-mapping><servlet-name>s</servlet-name><url-pattern>/one/*</url-pattern>"
ONE += "<url-pattern>/uno</url-pattern></servlet-mapping>"


class Answer(HttpServlet):
    def service(self, request, response):
        response.getWriter().write(f"{request.getRemoteUser()} {request.getMethod()}")


def secured(annotation, base=Answer):
    return annotation(type("One", (base,), {}))


@pytest.fixture
def annotated(deploy, web_xml):
    """A web app with the servlet One at /one/* and /uno: annotated(annotation or act, xml) -> App."""

    def make(annotation=lambda servlet: servlet, xml=ONE + BASIC, act=None, base=Answer, **arguments):
        classes = [secured(annotation, base)]
        if act is not None:
            xml = STARTER + xml
            classes.append(starter(act))
        return deploy(web_xml(xml, **arguments), classes=classes, realm=Realm())

    return make


TABLE = [  # value, guarantee, roles; who may, over TLS or not at all
    ((PERMIT, NONE, ()), EVERYBODY, 200),
    ((PERMIT, CONFIDENTIAL, ()), NOBODY, 200),
    ((PERMIT, NONE, ("clerk",)), "alice bob", 401),
    ((PERMIT, CONFIDENTIAL, ("clerk",)), NOBODY, 401),
    ((DENY, NONE, ()), NOBODY, 403),
    ((PERMIT, NONE, ("**",)), AUTHENTICATED, 401),
]


@pytest.mark.rules("RT-SSA-01", "RT-SSA-03", "RT-SSA-06")
@pytest.mark.parametrize("how", ["annotation", "code"])
@pytest.mark.parametrize(("rule", "expected", "over_tls_status"), TABLE)
def test_one_constraint_for_all_methods(annotated, how, rule, expected, over_tls_status):
    value, guarantee, roles = rule
    if how == "annotation":
        app = annotated(
            ServletSecurity(HttpConstraint(value, transportGuarantee=guarantee, rolesAllowed=roles))
        )
    else:
        element = ServletSecurityElement(HttpConstraintElement(value, guarantee, *roles))
        app = annotated(act=lambda context: context.getServletRegistration("s").setServletSecurity(element))
    for path in ("/one/x", "/uno"):
        assert who_may(app, "GET", path) == who_may(app, "FOO", path) == expected
        assert over_tls(app, "GET", path) == over_tls_status
    assert app.get("/elsewhere/one").status == 404


@pytest.mark.rules("RT-SSA-01", "RT-SSA-02")
@pytest.mark.parametrize("how", ["annotation", "code"])
@pytest.mark.parametrize(
    ("general", "expected"),
    [
        (None, {"GET": "alice bob", "PUT": EVERYBODY, "POST": EVERYBODY}),  # uncovered
        (("boss",), {"GET": "alice bob", "PUT": EVERYBODY, "POST": "alice"}),
    ],
)
def test_methods_can_have_constraints_of_their_own(annotated, how, general, expected):
    roles = general or ()
    if how == "annotation":
        methods = [HttpMethodConstraint("GET", rolesAllowed=("clerk",)), HttpMethodConstraint("PUT")]
        app = annotated(ServletSecurity(HttpConstraint(rolesAllowed=roles), httpMethodConstraints=methods))
    else:
        element = ServletSecurityElement(
            HttpConstraintElement(NONE, *roles),
            [
                HttpMethodConstraintElement("GET", HttpConstraintElement(NONE, "clerk")),
                HttpMethodConstraintElement("PUT"),
            ],
        )
        app = annotated(act=lambda context: context.getServletRegistration("s").setServletSecurity(element))
    assert {method: who_may(app, method, "/uno") for method in expected} == expected
    reported = [problem for problem in app.problems if "no constraint covers" in problem]
    assert bool(reported) == (general is None)


@pytest.mark.rules("RT-SSA-03")
def test_a_subclass_inherits_the_annotation(annotated):
    base = ServletSecurity(HttpConstraint(DENY))(type("Base", (Answer,), {}))
    assert annotated(base=base).get("/uno").status == 403


@pytest.mark.rules("RT-SSA-03")
def test_all_patterns_of_all_servlets_of_the_class_are_constrained(annotated):
    second = ONE.replace(">s<", ">t<").replace("/one/*", "/two").replace("/uno", "*.one")
    app = annotated(ServletSecurity(HttpConstraint(DENY)), ONE + second)
    assert [app.get(path).status for path in ("/one/x", "/uno", "/two", "/x.one")] == [403] * 4


@pytest.mark.rules("RT-SSA-04", "DD-SEC-21")
@pytest.mark.parametrize("how", ["annotation", "code"])
def test_the_descriptor_is_authoritative_for_the_patterns_it_names(annotated, how):
    kept = []
    element = ServletSecurityElement(HttpConstraintElement(DENY))
    app = annotated(
        ServletSecurity(HttpConstraint(DENY)) if how == "annotation" else lambda servlet: servlet,
        ONE + constraint("/uno", roles=["boss"]) + BASIC + ROLES,
        None
        if how == "annotation"
        else lambda context: kept.append(context.getServletRegistration("s").setServletSecurity(element)),
    )
    assert who_may(app, path="/uno") == "alice"
    assert who_may(app, path="/one/x") == NOBODY
    assert kept == ([] if how == "annotation" else [{"/uno"}])


@pytest.mark.rules("RT-SSA-04")
def test_a_complete_descriptor_knows_no_annotations(annotated):
    app = annotated(ServletSecurity(HttpConstraint(DENY)), attributes='metadata-complete="true"')
    assert app.get("/uno").status == 200


@pytest.mark.rules("RT-SSA-05")
@pytest.mark.parametrize(("how", "status"), [("new", 200), ("createServlet", 403), ("class", 403)])
def test_the_annotation_counts_for_what_the_container_has_made(annotated, how, status):
    def act(context):
        servlet = context.getClassLoader().loadClass("app.One")
        if how == "new":
            servlet = servlet()
        elif how == "createServlet":
            servlet = context.createServlet(servlet)
        context.addServlet("added", servlet).addMapping("/added")

    app = annotated(ServletSecurity(HttpConstraint(DENY)), act=act)
    assert app.get("/added").status == status


@pytest.mark.rules("RT-SSA-06")
def test_a_star_in_an_annotation_is_no_role_that_anybody_has(annotated):
    app = annotated(ServletSecurity(HttpConstraint(rolesAllowed=("*",))), ONE + BASIC + ROLES)
    assert who_may(app, path="/uno") == NOBODY
    assert app.get("/uno").status == 401


@pytest.mark.rules("RT-SSA-07")
def test_a_method_has_one_constraint_and_denying_takes_no_roles():
    get = HttpMethodConstraintElement("GET")
    for make in (
        lambda: ServletSecurityElement([get, get]),
        lambda: ServletSecurityElement(HttpConstraintElement(), [get, get]),
        lambda: HttpConstraintElement(DENY, NONE, "clerk"),
        lambda: HttpMethodConstraintElement(""),
    ):
        with pytest.raises(IllegalArgumentException):
            make()


@pytest.mark.rules("RT-SSA-07")
def test_an_annotation_with_two_constraints_for_a_method_keeps_the_web_app_from_starting(annotated):
    get = HttpMethodConstraint("GET")
    app = annotated(ServletSecurity(httpMethodConstraints=[get, get]))
    assert not app.running
    assert app.get("/uno").status == 503


@pytest.mark.rules("RT-SSA-08")
def test_set_servlet_security_replaces_what_was_and_counts_for_later_mappings(annotated):
    outcome = []

    def act(context):
        registration = context.getServletRegistration("s")
        with pytest.raises(IllegalArgumentException):
            registration.setServletSecurity(None)
        outcome.append(registration.setServletSecurity(ServletSecurityElement(HttpConstraintElement(DENY))))
        element = ServletSecurityElement(HttpConstraintElement(NONE, "boss"))
        outcome.append(registration.setServletSecurity(element))
        registration.addMapping("/later")

    app = annotated(ServletSecurity(HttpConstraint(rolesAllowed=("clerk",))), act=act)
    assert outcome == [set(), set()]
    assert [who_may(app, path=path) for path in ("/uno", "/later")] == ["alice", "alice"]
    with pytest.raises(IllegalStateException):
        app.context.facade.getServletRegistration("s").setServletSecurity(ServletSecurityElement())


@pytest.mark.rules("DD-SEC-08")
def test_roles_that_code_names_are_declared(annotated):
    app = annotated(
        ServletSecurity(HttpConstraint(rolesAllowed=("boss",))),
        ONE + constraint("/all/*", "/one/all", roles=["*"]) + BASIC,
    )
    assert who_may(app, path="/one/all") == "alice"
