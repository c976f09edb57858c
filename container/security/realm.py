"""Realms: who somebody is, and in which roles (Servlet 6.1 §13.2).

    UsersFileRealm   tomcat-users.xml, read again when it changes
    SqlRealm         two tables, through any DB-API driver
    LockOutRealm     wraps one of them: a name rests after too many wrong passwords

A realm is asked by an authenticator, from any thread. It answers with a Principal, or with None: never with
the reason, because whoever sent the password must not learn it. An unknown name costs as much time as a wrong
password.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from container.errors import ConfigError, ContainerError
from container.security.passwords import DECOY, Verifier, decoy_like, is_hashed, plain_digest
from container.security.users_file import User, read_users
from container.servlet import Principal as ServletPrincipal

__all__ = [
    "LockOutRealm",
    "PasswordRealm",
    "Principal",
    "Realm",
    "RealmError",
    "SqlRealm",
    "UsersFileRealm",
    "connector",
]

log = logging.getLogger(__name__)


class RealmError(ContainerError):
    """The realm cannot say who somebody is: its database does not answer."""


@dataclass(frozen=True, slots=True)
class Principal(ServletPrincipal):
    """Somebody who has proved who they are. Sessions keep it, so it can be pickled."""

    name: str
    roles: frozenset[str] = frozenset()

    def getName(self) -> str:  # noqa: N802  (Jakarta's name)
        return self.name

    def __str__(self) -> str:
        return self.name


class Realm(Protocol):
    """Who knows the users."""

    def authenticate(self, username: str, password: str) -> Principal | None:
        """Return who that is, if the password is right. Raises RealmError if it cannot be found out."""

    def authenticate_digest(
        self, username: str, realm_name: str, algorithm: str, charset: str, proves: Callable[[str], bool]
    ) -> Principal | None:
        """The same for DIGEST, where the password itself is not sent (RFC 7616).

        proves is given the hexadecimal digest of "username:realm_name:password" and says whether what the
        client sent could be made from it. A user whose password is stored as a hash can log in this way only
        if that is just this digest.
        """

    def find(self, username: str) -> Principal | None:
        """Return the user without asking for a password."""


_DIGESTS = {"MD5": "md5", "SHA-256": "sha256"}


class PasswordRealm(ABC):
    """What all realms share that know each user's stored password: a subclass only looks it up."""

    def __init__(self) -> None:
        self._verify = Verifier()
        self._decoy = DECOY
        self._undigestible: set[str] = set()

    @abstractmethod
    def lookup(self, username: str) -> User | None:
        """Return what is stored about a user."""

    def find(self, username: str) -> Principal | None:
        user = self.lookup(username)
        return _principal(user) if user is not None else None

    def authenticate(self, username: str, password: str) -> Principal | None:
        user = self.lookup(username)
        if user is not None and user.password is not None:
            if self._verify(password, user.password):
                return _principal(user)
            if decoy := decoy_like(user.password):
                self._decoy = decoy
                return None
        # A name that is unknown, or has a password in clear text, is refused after as long as any other.
        self._verify(password, self._decoy)
        return None

    def authenticate_digest(
        self, username: str, realm_name: str, algorithm: str, charset: str, proves: Callable[[str], bool]
    ) -> Principal | None:
        user = self.lookup(username)
        password = None if user is None else user.password
        digest = None if password is None else plain_digest(password, _DIGESTS[algorithm])
        if password is not None and digest is None and is_hashed(password):
            self._say_undigestible(username)
            password = None
        secret = f"{username}:{realm_name}:{password or ''}"
        data = secret.encode(charset, "replace")
        computed = hashlib.new(_DIGESTS[algorithm], data, usedforsecurity=False).hexdigest()
        proved = proves(digest or computed)
        return _principal(user) if user is not None and password is not None and proved else None

    def _say_undigestible(self, username: str) -> None:
        if username not in self._undigestible:
            self._undigestible.add(username)
            log.warning(
                "user %r has a hashed password, which DIGEST cannot use. Use BASIC or FORM over TLS",
                username,
            )


def _principal(user: User) -> Principal:
    return Principal(user.name, user.roles)


class UsersFileRealm(PasswordRealm):
    """The users of a file in the format of tomcat-users.xml.

    Raises ConfigError, with file and line, if it cannot be read at first. When it changes it is read again;
    if it is wrong then, the error is logged and the users stay as they were.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = os.fspath(path)
        self._lock = threading.Lock()  # guards reading the file again
        self._seen = self._stamp()
        self._users = read_users(self.path)

    def __repr__(self) -> str:
        return f"<UsersFileRealm {self.path}: {len(self._users)} users>"

    @property
    def roles(self) -> frozenset[str]:
        """Every role that some user has."""
        return frozenset().union(*(user.roles for user in self._users.values()))

    def lookup(self, username: str) -> User | None:
        if self._stamp() != self._seen:
            self._read_again()
        return self._users.get(username)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read_again(self) -> None:
        with self._lock:
            stamp = self._stamp()
            if stamp == self._seen:
                return  # another thread was faster
            self._seen = stamp
            try:
                self._users = read_users(self.path)
            except ContainerError as error:
                log.error("%s The users stay as they were", error)
            else:
                log.info("%s: read again, %d users", self.path, len(self._users))


class SqlRealm(PasswordRealm):
    """Users and roles in a database.

    connect makes a DB-API connection; it is called, and the connection closed, for each look-up, so give a
    pool's function where connecting is slow. The queries take one parameter, the user's name, in the driver's
    own style. Their defaults are the tables of Tomcat's documentation. Passwords are best stored as
    hash_password makes them.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        *,
        password_query: str = "SELECT user_pass FROM users WHERE user_name = ?",
        roles_query: str = "SELECT role_name FROM user_roles WHERE user_name = ?",
    ) -> None:
        super().__init__()
        self._connect = connect
        self._password_query = password_query
        self._roles_query = roles_query

    def lookup(self, username: str) -> User | None:
        try:
            with contextlib.closing(self._connect()) as connection:
                passwords = _rows(connection, self._password_query, username)
                roles = _rows(connection, self._roles_query, username)  # for nobody, too: it takes time
        except Exception as error:  # each driver has its own tree of exceptions
            raise RealmError(f"the users' database does not answer: {error}") from error
        if len(passwords) != 1:
            return None  # nobody, or nobody in particular
        password = None if passwords[0] is None else str(passwords[0])
        return User(username, password, frozenset(str(role).strip() for role in roles))


def connector(database: str) -> tuple[Callable[[], Any], str]:
    """Read "MODULE:DATABASE"; return what connects, and the driver's parameter in a query (PEP 249).

    Raises ConfigError, which does not repeat DATABASE: there may be a password in it.
    """
    name, colon, argument = database.partition(":")
    if not colon or not name or not argument:
        raise ConfigError("users_database: write MODULE:DATABASE, for example sqlite3:conf/users.db")
    try:
        module = importlib.import_module(name)
        connect, style = module.connect, module.paramstyle
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"users_database: {name} is no DB-API module that can be imported here: {error}. Install it"
        ) from error
    mark = {"qmark": "?", "numeric": ":1"}.get(style, "%s")
    if name == "sqlite3":  # which would make a file that is missing
        uri = f"{Path(argument).absolute().as_uri()}?mode=ro"
        return partial(connect, uri, uri=True), mark
    return partial(connect, argument), mark


def _rows(connection: Any, query: str, username: str) -> list[Any]:
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(query, (username,))
        return [row[0] for row in cursor.fetchall()]


@dataclass(slots=True)
class _Failures:
    """The wrong answers for one name, each once: a client that repeats an old password is not guessing."""

    guesses: set[bytes]
    last_s: float
    locked_until_s: float = 0.0


class LockOutRealm:
    """Lets a name rest after too many different wrong passwords (Tomcat's LockOutRealm, and its defaults).

    While it rests even the right password is refused, and further attempts do not make it longer. A right
    password before that starts the count again. Only names that the wrapped realm knows are counted, so
    memory is bounded by its users, and never more than size names.
    """

    def __init__(
        self,
        realm: Realm,
        *,
        failures: int = 5,
        lock_s: float = 300,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.realm = realm
        self.failures = failures
        self.lock_s = lock_s
        self._size = size
        self._clock = clock
        self._key = os.urandom(32)
        self._names: dict[str, _Failures] = {}  # the longest without a failure first
        self._lock = threading.Lock()  # guards _names and what is in it

    def __repr__(self) -> str:
        return f"<LockOutRealm {self.realm!r}: {len(self._names)} names with failures>"

    def find(self, username: str) -> Principal | None:
        return self.realm.find(username)

    def authenticate(self, username: str, password: str) -> Principal | None:
        principal = self.realm.authenticate(username, password)
        return self._judge(username, principal, password)

    def authenticate_digest(
        self, username: str, realm_name: str, algorithm: str, charset: str, proves: Callable[[str], bool]
    ) -> Principal | None:
        principal = self.realm.authenticate_digest(username, realm_name, algorithm, charset, proves)
        return self._judge(username, principal, None)

    def is_locked(self, username: str) -> bool:
        with self._lock:
            failures = self._names.get(username)
            return failures is not None and self._clock() < failures.locked_until_s

    def _judge(self, username: str, principal: Principal | None, guess: str | None) -> Principal | None:
        """Take note of an attempt. guess None: a digest, which does not show if the password was the same."""
        if self.is_locked(username):
            return None  # asked the realm all the same: the time that takes must not tell
        if principal is not None:
            with self._lock:
                self._names.pop(username, None)
            return principal
        if self.realm.find(username) is not None:
            self._note(username, guess)
        return None

    def _note(self, username: str, guess: str | None) -> None:
        now = self._clock()
        mark = os.urandom(16) if guess is None else hashlib.blake2b(guess.encode(), key=self._key).digest()
        with self._lock:
            failures = self._names.pop(username, None)
            if failures is None or now - failures.last_s >= self.lock_s:
                failures = _Failures(set(), now)
            failures.guesses.add(mark)
            failures.last_s = now
            self._names[username] = failures
            locked = len(failures.guesses) >= self.failures
            if locked:
                failures.locked_until_s = now + self.lock_s
                failures.guesses.clear()
            if len(self._names) > self._size:
                del self._names[next(iter(self._names))]
        if locked:
            log.warning(
                "user %r cannot log in for %g s after %d wrong passwords",
                username,
                self.lock_s,
                self.failures,
            )
