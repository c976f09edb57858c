"""Which constraints apply and how they combine: RT-SEC-02 to 14, DD-SEC, RT-SSA. Pure."""

from __future__ import annotations

import pytest

from container.errors import Source
from container.security.constraints import Access, Constraints, Decision, constraints_of
from container.servlet import (
    EmptyRoleSemantic,
    HttpConstraintElement,
    HttpMethodConstraintElement,
    ServletSecurityElement,
    TransportGuarantee,
)

HERE = Source("shop.py", 7)
PERMITTED = Decision(Access.PERMITTED)
PRECLUDED = Decision(Access.PRECLUDED)
AUTHENTICATED = Decision(Access.AUTHENTICATED)


def roles(*names: str, confidential: bool = False) -> Decision:
    return Decision(Access.ROLES, frozenset(names), confidential)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b", "exact"),
        ("/a/b/", "prefix"),  # "/a/*"
        ("/a", "prefix"),
        ("/a/", "prefix"),
        ("/a/x.do", "prefix"),  # a prefix beats an extension
        ("/a/deep/x", "deep"),  # the longest prefix
        ("/a/deep", "deep"),
        ("/ab", "default"),  # a prefix ends at a segment
        ("/x.do", "extension"),
        ("/q/x.do", "extension"),
        ("/x.do/y", "default"),  # the extension is that of the last segment
        ("/X.DO", "default"),  # case counts
        ("/", "root"),
        ("", "root"),
        ("/other", "default"),
    ],
)
def test_rt_sec_02_the_most_specific_pattern(constraint, path, expected):
    patterns = {
        "/a/b": "exact",
        "/a/*": "prefix",
        "/a/deep/*": "deep",
        "*.do": "extension",
        "/": "default",
        "": "root",
    }
    constraints = Constraints([constraint(pattern, roles=[name]) for pattern, name in patterns.items()])
    assert constraints.decide(path, "GET") == roles(expected)


def test_rt_sec_02_the_widest_prefix(constraint):
    constraints = Constraints([constraint("/*", roles=["r"]), constraint("*.do", roles=["other"])])
    assert {constraints.decide(path, "GET") for path in ("", "/", "/a", "/a/x.do")} == {roles("r")}


def test_rt_sec_02_all_constraints_with_the_best_pattern_apply(constraint):
    constraints = Constraints([constraint("/a/*", roles=["one"]), constraint("/a/*", "/b", roles=["two"])])
    assert constraints.decide("/a/x", "GET") == roles("one", "two")
    assert constraints.decide("/b", "GET") == roles("two")


def test_rt_sec_03_a_method_that_does_not_fit_leads_to_no_wider_pattern(constraint):
    constraints = Constraints(
        [
            constraint("/a/b/*", methods=["GET"], roles=["r"]),
            constraint("/a/*", roles=["s"]),
            constraint("/", roles=["t"]),
        ]
    )
    assert constraints.decide("/a/b/c", "GET") == roles("r")
    assert constraints.decide("/a/b/c", "POST") == PERMITTED
    assert constraints.decide("/a/c", "POST") == roles("s")


def test_rt_sec_04_no_pattern_at_all(constraint):
    assert Constraints([constraint("/a", roles=["r"])], deny_uncovered=True).decide("/b", "GET") == PERMITTED


def test_rt_sec_04_dd_sec_19_uncovered_methods_can_be_denied(constraint):
    constraints = Constraints([constraint("/a", methods=["GET"], roles=["r"])], deny_uncovered=True)
    assert constraints.decide("/a", "GET") == roles("r")
    assert constraints.decide("/a", "HEAD") == PRECLUDED
    assert constraints.decide("/a", "FOO") == PRECLUDED


@pytest.mark.parametrize(
    ("methods", "omissions", "covered"),
    [
        ([], [], {"GET", "POST", "FOO"}),
        (["GET"], [], {"GET"}),
        ([], ["GET"], {"POST", "FOO"}),
        (["get"], [], set()),  # DD-SEC-04: case counts
    ],
)
def test_rt_sec_05_methods(constraint, methods, omissions, covered):
    constraints = Constraints([constraint("/a", methods=methods, omissions=omissions, roles=["r"])])
    assert {m for m in ("GET", "POST", "FOO") if constraints.decide("/a", m) == roles("r")} == covered


@pytest.mark.parametrize(
    ("all_roles", "expected"),
    [
        ([[], ["r"]], PRECLUDED),  # RT-SEC-10
        ([[], None], PRECLUDED),
        ([None, ["r"]], PERMITTED),  # RT-SEC-11
        ([None, ["**"]], PERMITTED),
        ([["**"], ["r"]], AUTHENTICATED),  # RT-SEC-12
        ([["**"], ["*"]], AUTHENTICATED),
        ([["r"], ["s", "t"]], roles("r", "s", "t")),  # RT-SEC-13
        ([["*"]], roles("d1", "d2")),
        ([["*", "r"]], roles("d1", "d2", "r")),  # DD-SEC-08
    ],
)
def test_rt_sec_10_to_13_combining(constraint, all_roles, expected):
    constraints = [constraint("/a", roles=names) for names in all_roles]
    for order in (constraints, constraints[::-1]):
        assert Constraints(order, ["d1", "d2"]).decide("/a", "GET") == expected


@pytest.mark.parametrize(
    ("guarantees", "confidential"),
    [
        (["CONFIDENTIAL"], True),
        (["INTEGRAL"], True),
        (["CONFIDENTIAL", "INTEGRAL"], True),
        (["NONE"], False),
        ([None], False),
        (["CONFIDENTIAL", None], False),
        (["CONFIDENTIAL", "NONE"], False),
    ],
)
def test_rt_sec_14_user_data(constraint, guarantees, confidential):
    constraints = Constraints(
        [constraint("/a", roles=["r"], transport=guarantee) for guarantee in guarantees]
    )
    assert constraints.decide("/a", "GET") == roles("r", confidential=confidential)


def test_rt_sec_14_without_a_login(constraint):
    decision = Constraints([constraint("/a", transport="CONFIDENTIAL")]).decide("/a", "GET")
    assert decision == Decision(Access.PERMITTED, confidential=True)


def test_rt_sec_10_precluded_needs_no_secure_connection(constraint):
    assert (
        Constraints([constraint("/a", roles=[], transport="CONFIDENTIAL")]).decide("/a", "GET") == PRECLUDED
    )


def test_the_example_of_the_specification(constraint):  # §13.8.2
    constraints = Constraints(
        [
            constraint("/acme/wholesale/*", omissions=["GET", "POST"], roles=[]),
            constraint("/acme/wholesale/*", methods=["GET", "PUT"], roles=["SALESCLERK"]),
            constraint(
                "/acme/wholesale/*", methods=["GET", "POST"], roles=["CONTRACTOR"], transport="CONFIDENTIAL"
            ),
        ]
    )
    path = "/acme/wholesale/list"
    assert constraints.decide(path, "GET") == roles("CONTRACTOR", "SALESCLERK")
    assert constraints.decide(path, "POST") == roles("CONTRACTOR", confidential=True)
    for method in ("PUT", "DELETE", "HEAD", "FOO"):
        assert constraints.decide(path, method) == PRECLUDED


def test_collections_of_one_constraint_have_their_own_methods(constraint, joined):
    constraints = Constraints(
        [joined(constraint("/m/*", methods=["GET"], roles=["r"]), constraint("/m/in/*", methods=["POST"]))]
    )
    assert constraints.decide("/m/x", "GET") == roles("r")
    assert constraints.decide("/m/x", "POST") == PERMITTED
    assert constraints.decide("/m/in/x", "POST") == roles("r")
    assert constraints.decide("/m/in/x", "GET") == PERMITTED


@pytest.mark.parametrize(
    ("decision", "user_roles", "allowed"),
    [
        (PERMITTED, set(), True),
        (AUTHENTICATED, set(), True),
        (roles("r", "s"), {"s", "t"}, True),
        (roles("r"), {"R"}, False),  # DD-SEC-11
        (roles(), {"r"}, False),
        (PRECLUDED, {"r"}, False),
    ],
)
def test_allows(decision, user_roles, allowed):
    assert decision.allows(frozenset(user_roles)) == allowed


def test_dd_sec_20_uncovered_methods_are_reported(constraint):
    constraints = Constraints(
        [
            constraint("/all", roles=["r"]),
            constraint("/some/*", methods=["POST", "GET"], roles=["r"]),
            constraint("/but", omissions=["TRACE"], roles=["r"]),
            constraint("/both", omissions=["GET"], roles=["r"]),
            constraint("/both", methods=["GET"], roles=["s"]),
            constraint("/open", methods=["GET"]),
        ]
    )
    assert list(map(str, constraints.uncovered())) == [
        "/some/*: every method but GET, POST",
        "/but: TRACE",
        "/open: every method but GET",
    ]


def test_patterns_and_truth(constraint):
    constraints = Constraints([constraint("/a", "/b/*", roles=["r"])])
    assert constraints
    assert not Constraints([])
    assert constraints.covers("/b/*")
    assert not constraints.covers("/b/c")
    assert constraints.patterns == {"/a", "/b/*"}


# --- constraints from code
# --------------------------------------------------------------------------------------


def element(*arguments, methods=()) -> ServletSecurityElement:
    return ServletSecurityElement(HttpConstraintElement(*arguments), list(methods))


DENY = EmptyRoleSemantic.DENY
PERMIT = EmptyRoleSemantic.PERMIT
TLS = TransportGuarantee.CONFIDENTIAL


@pytest.mark.parametrize(
    ("security", "get", "others"),
    [
        (element(), PERMITTED, PERMITTED),
        (
            element(TLS),
            Decision(Access.PERMITTED, confidential=True),
            Decision(Access.PERMITTED, confidential=True),
        ),
        (element(TransportGuarantee.NONE, "r"), roles("r"), roles("r")),
        (element(TLS, "r"), roles("r", confidential=True), roles("r", confidential=True)),
        (element(DENY), PRECLUDED, PRECLUDED),
        (element(TransportGuarantee.NONE, "**"), AUTHENTICATED, AUTHENTICATED),
        # RT-SSA-01: the methods that are named have their own
        (element(DENY, methods=[HttpMethodConstraintElement("GET")]), PERMITTED, PRECLUDED),
        (
            element(
                TransportGuarantee.NONE,
                "r",
                methods=[HttpMethodConstraintElement("GET", HttpConstraintElement(DENY))],
            ),
            PRECLUDED,
            roles("r"),
        ),
        # RT-SSA-02: a default value leaves the others uncovered
        (
            element(methods=[HttpMethodConstraintElement("GET", HttpConstraintElement(DENY))]),
            PRECLUDED,
            PERMITTED,
        ),
    ],
)
def test_rt_ssa_01_and_02(security, get, others):
    constraints = Constraints(constraints_of(security, ["/a", "/b/*"], HERE))
    for path in ("/a", "/b/c"):
        assert constraints.decide(path, "GET") == get
        assert constraints.decide(path, "POST") == others
        assert constraints.decide(path, "FOO") == others


def test_rt_ssa_02_uncovered_can_be_denied():
    security = element(methods=[HttpMethodConstraintElement("GET")])
    constraints = Constraints(constraints_of(security, ["/a"], HERE), deny_uncovered=True)
    assert constraints.decide("/a", "GET") == PERMITTED
    assert constraints.decide("/a", "POST") == PRECLUDED


def test_rt_ssa_06_star_has_no_special_meaning():
    constraints = Constraints(constraints_of(element(TransportGuarantee.NONE, "*"), ["/a"], HERE), ["r"])
    decision = constraints.decide("/a", "GET")
    assert decision.needs_login
    assert not decision.allows(frozenset({"r", "*"}))


def test_rt_ssa_04_nothing_is_left_to_constrain():
    assert constraints_of(element(DENY), [], HERE) == ()


def test_constraints_from_code_say_where_they_come_from():
    (made,) = constraints_of(element(DENY), ["/a"], HERE)
    assert made.source is HERE
