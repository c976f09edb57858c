"""Authenticators: find out who sends a request, and ask when it does not say (Servlet 6.1 §13.6).

    Basic, Digest       the answer to a 401 comes with each request
    ClientCertificate   TLS has said it
    Form                a login page; who somebody is stays in the session
    NoLogin             there is no way to log in: nobody is anybody

An authenticator belongs to one web app and is used by all its threads. It sees requests and responses as the
API shows them, and through Host, which the engine implements, the few things that the API has no method for.
enforce.py calls it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import hashlib
import hmac
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Protocol

from container.descriptor.model import LoginConfig
from container.errors import ConfigError, Problem
from container.protocols.x509 import subject_of
from container.security.realm import Principal, Realm
from container.servlet import HttpServletRequest, HttpServletResponse

__all__ = [
    "Authenticator",
    "Basic",
    "ClientCertificate",
    "Digest",
    "Form",
    "Host",
    "Identity",
    "Mechanism",
    "NoLogin",
    "SavedRequest",
    "make_authenticator",
    "mechanisms",
    "remember",
]

DEFAULT_REALM_NAME = "Authentication required"
CHECK_ACTION = "/j_security_check"
IDENTITY_NOTE = "identity"
PROVED_NOTE = "proved"
SAVED_REQUEST_NOTE = "saved-request"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from, and how that was found out (getAuthType)."""

    principal: Principal
    auth_type: str


@dataclass(frozen=True, slots=True)
class SavedRequest:
    """A request that a login page interrupted, kept in the session until the client has logged in.

    uri is the undecoded path as it was sent. headers have no Cookie, and nothing that is about the connection
    or that would make the answer conditional: the client does not know that its next request is answered as
    this one.
    """

    method: str
    uri: str
    query: str | None = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)
    secure: bool

    @property
    def location(self) -> str:
        """Where to send the client after its login: never to another host, as "//host" would."""
        path = "/" + self.uri.lstrip("/")
        return path if self.query is None else f"{path}?{self.query}"


class Host(Protocol):
    """What the engine does for an authenticator, for one request. About six short methods."""

    identity: Identity | None
    """Who the request comes from: getUserPrincipal, getRemoteUser, getAuthType and isUserInRole use it."""

    def notes(self, create: bool = False) -> MutableMapping[str, object] | None:
        """Return the container's own notes in the request's session (Session.notes), unseen by applications.

        Without a valid session: None, or with create those of a new one.
        """

    def limit_session(self, seconds: int | None) -> None:
        """Let a session that this request has made end after so many idle seconds; None: as usual again."""

    def change_session_id(self) -> None:
        """Give the request's session, if it has one, another id; the cookie is sent again (RT-SES-09)."""

    def capture(self, max_body_bytes: int) -> SavedRequest | None:
        """Read the rest of the request and return all of it; None if its body is longer than that.

        headers are all of them, in order; the authenticator leaves out what is not to be repeated.
        """

    def replay(self, saved: SavedRequest) -> None:
        """Let the request be this one from now on: method, query, headers, body and what follows from them.

        The present body is discarded. The present Cookie lines stay and follow the saved headers;
        Content-Length is that of the saved body. Path, session, identity and everything about the connection
        stay.
        """

    def forward(self, path: str, method: str) -> None:
        """Forward to a page of the web app like RequestDispatcher.forward; getMethod() answers method there.

        No constraint is applied (RT-SEC-22), and the answer to HEAD still has no body.
        """


class Authenticator(Protocol):
    """One web app's way to find out who its callers are."""

    auth_type: str
    remembers: bool
    """Whether the session keeps who somebody is; otherwise each request has to prove it."""
    login_page: str | None
    pages: frozenset[str]
    """Paths that are part of the login: they stay open although a constraint covers them (RT-SEC-22)."""

    def authenticate(
        self, request: HttpServletRequest, response: HttpServletResponse, host: Host
    ) -> Principal | None:
        """Return the caller, host.identity from then on; None when the answer asks who it is."""

    def login(self, username: str, password: str) -> Principal | None:
        """Check a name and a password for HttpServletRequest.login."""

    def claims(self, request: HttpServletRequest, host: Host) -> bool:
        """Whether the request is about the login itself, so that authenticate is called in any case."""


def remember(host: Host, identity: Identity, in_session: bool = True) -> Principal:
    """Make somebody the caller of the request and, if it has a session, of those that follow it.

    The session gets a new id: the old one may have been planted by somebody else (RT-AUTH-09). Without
    in_session it does so for the first request of somebody, and those that follow have to prove it again.
    """
    host.identity = identity
    note = IDENTITY_NOTE if in_session else PROVED_NOTE
    if (notes := host.notes()) is not None and notes.get(note) != identity:
        host.change_session_id()
        host.limit_session(None)
        notes[note] = identity
    return identity.principal


class _PasswordAuthenticator:
    """What Basic, Digest, Form and NoLogin share."""

    auth_type = "NONE"
    remembers = True
    login_page: str | None = None
    pages: frozenset[str] = frozenset()

    def __init__(self, realm: Realm | None) -> None:
        self._realm = realm

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._realm!r}>"

    def login(self, username: str, password: str) -> Principal | None:
        return self._realm.authenticate(username, password) if self._realm is not None else None

    def claims(self, request: HttpServletRequest, host: Host) -> bool:
        return False


class NoLogin(_PasswordAuthenticator):
    """For a web app without <login-config>, or with one that cannot be honoured: 403 (DD-SEC-17).

    HttpServletRequest.login still works if there is a realm, and makes somebody the caller.
    """

    def authenticate(
        self, request: HttpServletRequest, response: HttpServletResponse, host: Host
    ) -> Principal | None:
        if host.identity is None:
            response.sendError(HttpServletResponse.SC_FORBIDDEN)
            return None
        if (notes := host.notes(create=True)) is not None:  # as Tomcat: they cannot be asked again
            notes[IDENTITY_NOTE] = host.identity
        return host.identity.principal


# --- BASIC (RFC 7617) -------------------------------------------------------------------------------------


class Basic(_PasswordAuthenticator):
    """Name and password in clear text in every request (RT-AUTH-01).

    charset decodes both. ISO-8859-1 is what clients use when nothing is said; anything else is announced in
    the challenge, where RFC 7617 knows only UTF-8.
    """

    auth_type = HttpServletRequest.BASIC_AUTH

    def __init__(self, realm: Realm, realm_name: str | None = None, *, charset: str = "ISO-8859-1") -> None:
        super().__init__(realm)
        self._charset = charset
        self._challenge = f"Basic realm={_quoted(realm_name or DEFAULT_REALM_NAME)}"
        if charset.upper() == "UTF-8":
            self._challenge += ', charset="UTF-8"'

    def authenticate(
        self, request: HttpServletRequest, response: HttpServletResponse, host: Host
    ) -> Principal | None:
        if host.identity is not None:
            return host.identity.principal
        credentials = _basic_credentials(request.getHeader("Authorization"), self._charset)
        if credentials is not None and (principal := self.login(*credentials)) is not None:
            return remember(host, Identity(principal, self.auth_type))
        response.setHeader("WWW-Authenticate", self._challenge)
        response.sendError(HttpServletResponse.SC_UNAUTHORIZED)
        return None


def _basic_credentials(header: str | None, charset: str) -> tuple[str, str] | None:
    """Return name and password; None if there are none, or not in the form of RFC 7617."""
    if header is None or header[:6].lower() != "basic ":
        return None
    encoded = header[6:]
    if "=" not in encoded:
        encoded += "=" * (-len(encoded) % 4)  # the padding is often forgotten
    if len(encoded) % 4:
        return None  # b64decode overlooks padding after a whole group
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode(charset).partition(":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None


# --- CLIENT-CERT (§13.6.4) --------------------------------------------------------------------------------


class ClientCertificate(_PasswordAuthenticator):
    """The certificate of the client's TLS connection (RT-AUTH-03). Its subject is the name of a user.

    Whether it is to be trusted has been decided where TLS ends: by our listener, or the front before it.
    """

    auth_type = HttpServletRequest.CLIENT_CERT_AUTH
    remembers = False

    def __init__(self, realm: Realm) -> None:
        super().__init__(realm)
        self._users = realm

    def authenticate(
        self, request: HttpServletRequest, response: HttpServletResponse, host: Host
    ) -> Principal | None:
        if host.identity is not None:
            return host.identity.principal
        try:
            certificates = request.getAttribute("jakarta.servlet.request.X509Certificate")
            name = subject_of(certificates[0]) if certificates else ""
        except ValueError:  # what a web server has sent by AJP is no certificate
            name = ""
        if name and (principal := self._users.find(name)) is not None:
            return remember(host, Identity(principal, self.auth_type), in_session=False)
        response.sendError(HttpServletResponse.SC_UNAUTHORIZED)
        return None


# --- DIGEST (RFC 7616) ------------------------------------------------------------------------------------

_PARAMETER = re.compile(
    r"""\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)"""
)
_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256"}
_COUNT = re.compile(r"[0-9a-fA-F]{8}")
_WINDOW = 128


@dataclass(slots=True)
class _Nonce:
    """Which counts of a nonce were used: the highest, and which a little below (requests overtake)."""

    issued_ms: int
    highest: int = 0
    seen: int = 0  # bit n: highest - n

    def use(self, count: int) -> bool:
        """Take a count; False if it is used already, or too old to tell."""
        if count > self.highest:
            self.seen = (self.seen << min(count - self.highest, _WINDOW) | 1) & ((1 << _WINDOW) - 1)
            self.highest = count
            return True
        bit = self.highest - count
        if bit >= _WINDOW or self.seen >> bit & 1:
            return False
        self.seen |= 1 << bit
        return True


class Digest(_PasswordAuthenticator):
    """A proof that the client knows the password, which is not sent (RT-AUTH-02). Only qop=auth.

    Name and password are digested in UTF-8, and no session remembers who it was, as in Tomcat.

    A nonce is good for nonce_s; each of its counts once. Nonces are signed, and remembered only once somebody
    has used one rightly, so nobody can fill the memory; if more than size are in use, the oldest become stale
    early.
    """

    auth_type = HttpServletRequest.DIGEST_AUTH
    remembers = False

    def __init__(
        self,
        realm: Realm,
        realm_name: str | None = None,
        *,
        algorithms: Iterable[str] = ("SHA-256", "MD5"),
        nonce_s: float = 300,
        size: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(realm)
        self._digest_realm = realm
        self._name = realm_name or DEFAULT_REALM_NAME
        self._algorithms = tuple(algorithms)
        self._nonce_ms = nonce_s * 1000
        self._size = size
        self._clock = clock
        self._key = os.urandom(32)
        self._opaque = os.urandom(16).hex()
        self._nonces: dict[str, _Nonce] = {}  # in the order of their first use
        self._stale_until_ms = 0  # nonces up to this time were forgotten, so their counts are not known
        self._lock = threading.Lock()  # guards the two above

    def authenticate(
        self, request: HttpServletRequest, response: HttpServletResponse, host: Host
    ) -> Principal | None:
        if host.identity is not None:
            return host.identity.principal
        stale = False
        answer = _parameters(request.getHeader("Authorization"))
        if answer is not None and self._fits(answer, request):
            principal = self._prove(answer, request.getMethod())
            if principal is not None:
                if self._use(answer):
                    return remember(host, Identity(principal, self.auth_type), self.remembers)
                stale = True
        self._challenge(request, response, stale)
        return None

    def _challenge(self, request: HttpServletRequest, response: HttpServletResponse, stale: bool) -> None:
        nonce = self._new_nonce(request.getRemoteAddr())
        for algorithm in self._algorithms:
            response.addHeader(
                "WWW-Authenticate",
                f'Digest realm={_quoted(self._name)}, qop="auth", nonce="{nonce}", opaque="{self._opaque}", '
                f"algorithm={algorithm}{', stale=true' if stale else ''}",
            )
        response.sendError(HttpServletResponse.SC_UNAUTHORIZED)

    def _new_nonce(self, address: str) -> str:
        text = f"{int(self._clock() * 1000)}:{os.urandom(8).hex()}"
        return f"{text}:{self._sign(text, address)}"

    def _sign(self, text: str, address: str) -> str:
        return hmac.new(self._key, f"{text}:{address}".encode(), "sha256").hexdigest()[:32]

    def _fits(self, answer: dict[str, str], request: HttpServletRequest) -> bool:
        """Whether an answer is to a challenge of ours and for this request, leaving the password aside."""
        if any(not answer.get(name) for name in ("username", "nonce", "nc", "cnonce", "response")):
            return False
        text, _, signature = answer["nonce"].rpartition(":")
        return (
            answer.get("realm") == self._name
            and answer.get("qop") == "auth"
            and answer.get("opaque") == self._opaque
            and answer.get("algorithm", "MD5") in self._algorithms
            and _COUNT.fullmatch(answer["nc"]) is not None
            and _is_target(answer.get("uri", ""), request)
            and hmac.compare_digest(signature.encode(), self._sign(text, request.getRemoteAddr()).encode())
        )

    def _prove(self, answer: dict[str, str], method: str) -> Principal | None:
        algorithm = answer.get("algorithm", "MD5")

        def digest(text: str) -> str:
            data = text.encode("latin-1")  # as the header came
            return hashlib.new(_ALGORITHMS[algorithm], data, usedforsecurity=False).hexdigest()

        def proves(secret: str) -> bool:
            parts = (
                secret,
                answer["nonce"],
                answer["nc"],
                answer["cnonce"],
                "auth",
                digest(f"{method}:{answer['uri']}"),
            )
            expected = digest(":".join(parts))
            return hmac.compare_digest(expected.encode(), answer["response"].lower().encode())

        name = answer["username"]
        with contextlib.suppress(UnicodeDecodeError):  # else it is ISO-8859-1: clients do either
            name = name.encode("latin-1").decode()
        return self._digest_realm.authenticate_digest(name, self._name, algorithm, "UTF-8", proves)

    def _use(self, answer: dict[str, str]) -> bool:
        """Take the count of a proved answer; False if the nonce is too old, or the count was used."""
        nonce = answer["nonce"]
        issued_ms = int(nonce.partition(":")[0])
        with self._lock:
            if issued_ms <= self._stale_until_ms or self._clock() * 1000 - issued_ms > self._nonce_ms:
                self._nonces.pop(nonce, None)
                return False
            counts = self._nonces.setdefault(nonce, _Nonce(issued_ms))
            if len(self._nonces) > self._size:
                forgotten = self._nonces.pop(next(iter(self._nonces)))
                self._stale_until_ms = max(self._stale_until_ms, forgotten.issued_ms)
            return counts.use(int(answer["nc"], 16))


def _parameters(header: str | None) -> dict[str, str] | None:
    """Read ``Digest name=value, ...``; None if it is anything else, or names something twice."""
    if header is None or header[:7].lower() != "digest ":
        return None
    parameters: dict[str, str] = {}
    position = 7
    while position < len(header):
        match = _PARAMETER.match(header, position)
        if match is None or match[1].lower() in parameters:
            return None
        quoted, plain = match[2], match[3]
        parameters[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if plain is None else plain
        position = match.end()
    return parameters


def _is_target(uri: str, request: HttpServletRequest) -> bool:
    """Whether uri is the request's target; some clients write the absolute one where they sent the path."""
    query = request.getQueryString()
    target = request.getRequestURI() if query is None else f"{request.getRequestURI()}?{query}"
    return uri == target or uri == f"{request.getScheme()}://{request.getHeader('Host')}{target}"


# --- FORM -------------------------------------------------------------------------------------------------

_NOT_REPEATED = frozenset(
    {
        b"connection", b"content-length", b"cookie", b"expect", b"if-match", b"if-modified-since",
        b"if-none-match", b"if-range", b"if-unmodified-since", b"keep-alive", b"range", b"te", b"trailer",
        b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip


class Form(_PasswordAuthenticator):
    """A login page, and the request that it interrupted (RT-AUTH-04 to 09).

    The pages are forwarded to. A body of up to max_body_bytes is kept for the time after the login; a longer
    one is answered 403, as Tomcat does. landing_page is where a login leads that interrupted nothing; without
    one it is answered 408. A session that is made for a login ends if that does not come within
    login_timeout_s.
    """

    auth_type = HttpServletRequest.FORM_AUTH

    def __init__(
        self,
        realm: Realm,
        login_page: str,
        error_page: str,
        *,
        max_body_bytes: int = 4096,
        login_timeout_s: int = 120,
        landing_page: str | None = None,
    ) -> None:
        super().__init__(realm)
        self.login_page = self._login_page = login_page
        self._error_page = error_page
        self.pages = frozenset((login_page, error_page))
        self._max_body_bytes = max_body_bytes
        self._login_timeout_s = login_timeout_s
        self._landing_page = landing_page

    def claims(self, request: HttpServletRequest, host: Host) -> bool:
        if _is_check(request):
            return host.identity is None
        return _interrupted(request, host) is not None

    def authenticate(
        self, request: HttpServletRequest, response: HttpServletResponse, host: Host
    ) -> Principal | None:
        if host.identity is not None:
            if (saved := _interrupted(request, host)) is not None:
                _notes(host).pop(SAVED_REQUEST_NOTE, None)
                host.replay(saved)
            return host.identity.principal
        if _is_check(request):
            self._check(request, response, host)
        else:
            self._ask(request, response, host)
        return None

    def _ask(self, request: HttpServletRequest, response: HttpServletResponse, host: Host) -> None:
        notes = host.notes(create=True)
        host.limit_session(self._login_timeout_s)
        host.change_session_id()  # whoever planted the id must not know the one that will be logged in
        saved = host.capture(self._max_body_bytes)
        if saved is None:
            response.sendError(
                HttpServletResponse.SC_FORBIDDEN, "too much to keep while you log in. Log in first"
            )
            return
        if notes is not None:
            headers = tuple(pair for pair in saved.headers if pair[0].lower() not in _NOT_REPEATED)
            notes[SAVED_REQUEST_NOTE] = dataclasses.replace(saved, headers=headers)
        response.setHeader("Cache-Control", "no-store")  # another page will be here after the login
        host.forward(self._login_page, "GET")

    def _check(self, request: HttpServletRequest, response: HttpServletResponse, host: Host) -> None:
        if request.getMethod() != "POST":  # a password in a URL would be in every log
            response.sendError(HttpServletResponse.SC_BAD_REQUEST, "a login form has to be posted")
            return
        username, password = request.getParameter("j_username"), request.getParameter("j_password")
        principal = self.login(username, password) if username is not None and password is not None else None
        if principal is None:
            host.forward(self._error_page, request.getMethod())
            return
        saved = _notes(host).get(SAVED_REQUEST_NOTE)
        if not isinstance(saved, SavedRequest) and (host.notes() is None or self._landing_page is None):
            response.sendError(
                HttpServletResponse.SC_REQUEST_TIMEOUT,
                "this login is too late, or came without its cookie. Open the page you want again",
            )
            return
        remember(host, Identity(principal, self.auth_type))
        if isinstance(saved, SavedRequest):
            location = saved.location
        else:
            location = f"{request.getContextPath()}{self._landing_page}"
        status = 302 if request.getProtocol() == "HTTP/1.0" else 303  # 1.0 does not know 303
        response.sendRedirect(response.encodeRedirectURL(location), status)


def _is_check(request: HttpServletRequest) -> bool:
    path = request.getServletPath() + (request.getPathInfo() or "")
    return path.endswith(CHECK_ACTION)


def _interrupted(request: HttpServletRequest, host: Host) -> SavedRequest | None:
    """Return the saved request if this one was sent to take its place, after the login."""
    if host.identity is None or request.getMethod() not in ("GET", "HEAD"):
        return None
    saved = _notes(host).get(SAVED_REQUEST_NOTE)
    if not isinstance(saved, SavedRequest) or saved.query != request.getQueryString():
        return None
    return saved if _without_parameters(saved.uri) == _without_parameters(request.getRequestURI()) else None


def _without_parameters(uri: str) -> str:
    """Drop path parameters: the redirect may have added the session's id. A "/" more at the start is none."""
    return "/" + re.sub(r";[^/]*", "", uri).lstrip("/")


def _notes(host: Host) -> MutableMapping[str, object]:
    notes = host.notes()
    return {} if notes is None else notes


# --- choosing one -----------------------------------------------------------------------------------------


Mechanism = Callable[[LoginConfig, Realm], Authenticator]


def mechanisms(max_body_bytes: int, login_timeout_s: int) -> dict[str, Mechanism]:
    """Return how each <auth-method> is made, with the settings of Form."""

    def form(config: LoginConfig, realm: Realm) -> Authenticator:
        if config.form is None:
            raise ConfigError("<auth-method> FORM needs <form-login-config>")
        return Form(
            realm,
            config.form.login_page,
            config.form.error_page,
            max_body_bytes=max_body_bytes,
            login_timeout_s=login_timeout_s,
        )

    return {
        "BASIC": lambda config, realm: Basic(realm, config.realm_name),
        "CLIENT-CERT": lambda config, realm: ClientCertificate(realm),
        "DIGEST": lambda config, realm: Digest(realm, config.realm_name),
        "FORM": form,
    }


def make_authenticator(
    config: LoginConfig | None, realm: Realm | None, known: Mapping[str, Mechanism]
) -> tuple[Authenticator, list[Problem]]:
    """Return what <login-config> asks for, or NoLogin and the reason why not (DD-SEC-14, 17, 22).

    known is how each <auth-method> is made. Problems are warnings: what the constraints protect is then
    refused to everybody. No <login-config> at all is no problem unless a constraint asks for a login, which
    the caller knows.
    """
    method = config.auth_method if config is not None else None
    if config is None or method is None:
        return NoLogin(realm), []
    if realm is None:
        reason, cure = "there is nobody who could log in: no users file was found", "See `was user --help`"
    elif method not in known:
        reason, cure = f"<auth-method> {method} is not supported", f"Use {', '.join(known)}"
    else:
        return known[method](config, realm), []
    return NoLogin(realm), [
        Problem(
            config.source,
            f"{reason}; whatever needs a login is answered 403",
            f"{cure} (§13.6).",
            "warning",
            code="WAS515",
        )
    ]


def _quoted(text: str) -> str:
    """Write a quoted-string; a header can carry ISO-8859-1 only."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.encode("latin-1", "replace").decode("latin-1")}"'
