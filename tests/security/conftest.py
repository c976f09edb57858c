"""Fakes: a request, a response, and the host that an authenticator talks to."""

from __future__ import annotations

import dataclasses

import pytest

from container.descriptor import model
from container.errors import Source
from container.security.authenticator import SavedRequest
from container.security.realm import PasswordRealm
from container.security.users_file import User
from container.servlet import HttpServletRequest, HttpServletResponse

HERE = Source("web.xml", 1, 1)


class FakeRequest(HttpServletRequest):
    def __init__(
        self, method="GET", uri="/shop/mgr/x", *, query=None, headers=(), body=b"", parameters=None,
        secure=False, protocol="HTTP/1.1", address="192.0.2.1",
    ):  # fmt: skip
        self.method, self.uri, self.query, self.body = method, uri, query, body
        self.headers = list(headers)
        self.parameters = parameters or {}
        self.secure, self.protocol, self.address = secure, protocol, address

    def getMethod(self):
        return self.method

    def getRequestURI(self):
        return self.uri

    def getQueryString(self):
        return self.query

    def getContextPath(self):
        return "/shop"

    def getServletPath(self):
        return self.uri.partition(";")[0].removeprefix("/shop")

    def getPathInfo(self):
        return None

    def getHeader(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def getParameter(self, name):
        return self.parameters.get(name)

    def isSecure(self):
        return self.secure

    def getScheme(self):
        return "https" if self.secure else "http"

    def getServerName(self):
        return "shop.test"

    def getProtocol(self):
        return self.protocol

    def getRemoteAddr(self):
        return self.address


class FakeResponse(HttpServletResponse):
    def __init__(self):
        self.status = 200
        self.message = None
        self.headers: list[tuple[str, str]] = []
        self.committed = False

    def setHeader(self, name, value):
        self.headers = [pair for pair in self.headers if pair[0] != name] + [(name, value)]

    def addHeader(self, name, value):
        self.headers.append((name, value))

    def getHeaders(self, name):
        return [value for key, value in self.headers if key == name]

    def getHeader(self, name):
        return next(iter(self.getHeaders(name)), None)

    def sendError(self, sc, msg=None):
        self.status, self.message = sc, msg

    def sendRedirect(self, location, sc=302, clearBuffer=True):
        self.status = sc
        self.setHeader("Location", location)

    def encodeRedirectURL(self, url):
        return url

    def isCommitted(self):
        return self.committed


class FakeSession:
    """A client's session, over several requests."""

    def __init__(self, number=0):
        self.notes: dict[str, object] = {}
        self.number = number
        self.limit_s = None


class FakeHost:
    def __init__(self, request: FakeRequest, session: FakeSession | None = None):
        self.request = request
        self.session = session
        self.identity = None
        self.forwards: list[tuple[str, str]] = []

    def notes(self, create=False):
        if self.session is None and create:
            self.session = FakeSession()
        return None if self.session is None else self.session.notes

    def limit_session(self, seconds):
        if self.session is not None:
            self.session.limit_s = seconds

    def change_session_id(self):
        if self.session is not None:
            self.session.number += 1

    def capture(self, max_body_bytes):
        if len(self.request.body) > max_body_bytes:
            return None
        headers = tuple((name.encode(), value.encode()) for name, value in self.request.headers)
        return SavedRequest(
            self.request.method,
            self.request.uri,
            self.request.query,
            headers,
            self.request.body,
            self.request.secure,
        )

    def replay(self, saved):
        self.request.method, self.request.query, self.request.body = saved.method, saved.query, saved.body
        cookies = [pair for pair in self.request.headers if pair[0].lower() == "cookie"]
        self.request.headers = [(name.decode(), value.decode()) for name, value in saved.headers] + cookies

    def forward(self, path, method):
        self.forwards.append((path, method))


class FakeRealm(PasswordRealm):
    """The users of the dictionary: name -> (password, roles)."""

    def __init__(self, users: dict[str, tuple[str, set[str]]]):
        super().__init__()
        self.users = users
        self.lookups = 0

    def lookup(self, username):
        self.lookups += 1
        if username not in self.users:
            return None
        password, roles = self.users[username]
        return User(username, password, frozenset(roles))


@pytest.fixture(autouse=True)
def _cheap_decoy(monkeypatch):
    """Wrong passwords cost time on purpose; not here."""
    monkeypatch.setattr("container.security.realm.DECOY", "clear text")


@pytest.fixture
def realm() -> FakeRealm:
    return FakeRealm(
        {
            "alice": ("wonder", {"manager", "user"}),
            "bob": ("builder", {"user"}),
            "carol": ("p:w%d & <x>", {"guest"}),
            "dave": ("", {"user"}),
            "zoë": ("naïve", {"user"}),
        }
    )


def constraint(*patterns, methods=(), omissions=(), roles=None, transport=None) -> model.SecurityConstraint:
    """A <security-constraint>. roles: None for no <auth-constraint>, () for one that lets nobody in."""
    return model.SecurityConstraint(
        HERE,
        (model.WebResourceCollection("r", HERE, patterns, tuple(methods), tuple(omissions)),),
        None if roles is None else model.AuthConstraint(HERE, tuple(roles)),
        None if transport is None else model.UserDataConstraint(transport, HERE),
    )


def joined(first: model.SecurityConstraint, second: model.SecurityConstraint) -> model.SecurityConstraint:
    """One constraint with the collections of both."""
    return dataclasses.replace(first, collections=first.collections + second.collections)


@pytest.fixture(name="constraint")
def constraint_fixture():
    return constraint


@pytest.fixture(name="joined")
def joined_fixture():
    return joined


@pytest.fixture
def new_request():
    return FakeRequest


@pytest.fixture
def new_response():
    return FakeResponse


@pytest.fixture
def new_host():
    return FakeHost


@pytest.fixture
def new_session():
    return FakeSession


@pytest.fixture
def new_realm():
    return FakeRealm
