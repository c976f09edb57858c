"""Session ids in URLs and cookies, and the routes in them."""

import pytest

from container.front.stickiness import route_of, session_ids


@pytest.mark.parametrize(
    ("target", "cookies", "ids"),
    [
        ("/cart", ["JSESSIONID=A1.n1"], ("A1.n1",)),
        ("/cart;jsessionid=A1.n2", [], ("A1.n2",)),
        ("/cart;jsessionid=A1.n2?x=1", [], ("A1.n2",)),
        ("/cart;jsessionid=A1.n2;v=1", [], ("A1.n2",)),
        ("/a;jsessionid=A1.n2/b", [], ("A1.n2",)),
        ("/cart;jsessionid=A1.n2", ["JSESSIONID=B7.n1"], ("A1.n2",)),  # the URL beats the cookie
        ("/cart?x=;jsessionid=A1.n2", [], ()),
        ("/cart;jsessionid=", ["JSESSIONID=B7.n1"], ()),
        ("/cart;JSESSIONID=A1.n2", [], ()),
        ("/", ['a=b; JSESSIONID="A1.n1"; c=d'], ("A1.n1",)),
        ("/", ["JSESSIONID=A1.n1; JSESSIONID=B7.n2"], ("A1.n1", "B7.n2")),
        ("/", ["JSESSIONID=A1.n1,JSESSIONID=B7.n2"], ("A1.n1", "B7.n2")),
        ("/", ["JSESSIONID=A1.n1", "JSESSIONID=B7.n2"], ("A1.n1", "B7.n2")),
        ("/", ["XJSESSIONID=A1.n1; JSESSIONIDX=2; jsessionid=3; JSESSIONID"], ()),
        ("/", ["JSESSIONID=; JSESSIONID=\"\""], ()),
    ],
)  # fmt: skip
def test_session_ids(target, cookies, ids):
    assert session_ids(target, cookies) == ids


def test_other_names():
    assert session_ids("/a;sid=1.x", [], "SID", "sid") == ("1.x",)
    assert session_ids("/a", ["SID=1.x"], "SID", "sid") == ("1.x",)


@pytest.mark.parametrize(("session", "route"), [("A1.n1", "n1"), ("a.b.r2", "b.r2"), ("A1", ""), ("A1.", "")])
def test_route_of(session, route):
    assert route_of(session) == route
