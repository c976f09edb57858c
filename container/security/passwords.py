"""Passwords as they are stored, and whether one is right.

    hash_password("wonder")  ->  "scrypt$14$8$1$<salt>$<hash>"       what `was user add` writes
    verify("wonder", stored)     stored may be such a hash, a PBKDF2 one, or the clear text of
    tomcat-users.xml

A hash costs some 40 ms on purpose. A Verifier remembers which answers were right, because a BASIC client
sends its password with every request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from collections.abc import Callable

__all__ = ["Verifier", "hash_password", "is_hashed", "verify"]

_LOG2_N, _R, _P = 14, 8, 1  # 16 MiB and some 40 ms
_MAX_MEMORY_BYTES = 256 * 1024**2
_PBKDF2_ROUNDS_AT_MOST = 10_000_000
_SALT_BYTES = 16


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """Return what to store for a password. salt is for tests only."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    return _hash_scrypt(password, _LOG2_N, _R, _P, salt)


def is_hashed(stored: str) -> bool:
    """Whether stored is a hash, not a password in clear text."""
    scheme, _, rest = stored.partition("$")
    return scheme in _SCHEMES and bool(rest)


def verify(password: str, stored: str) -> bool:
    """Whether password is the one that stored stands for; a hash that cannot be read fits none.

    The comparison takes as long for a nearly right password as for a wrong one.
    """
    if not is_hashed(stored):
        return hmac.compare_digest(password.encode(), stored.encode())
    try:
        computed = _SCHEMES[stored.partition("$")[0]](password, stored)
    except (ValueError, TypeError, MemoryError, OverflowError):
        return False
    return hmac.compare_digest(computed, stored)


def _hash_scrypt(password: str, log2_n: int, r: int, p: int, salt: bytes) -> str:
    digest = hashlib.scrypt(
        password.encode(), salt=salt, n=1 << log2_n, r=r, p=p, maxmem=_MAX_MEMORY_BYTES, dklen=32
    )
    return f"scrypt${log2_n}${r}${p}${_text(salt)}${_text(digest)}"


def _scrypt_like(password: str, stored: str) -> str:
    _, log2_n, r, p, salt, _ = stored.split("$")
    return _hash_scrypt(password, min(int(log2_n), 30), int(r), int(p), _bytes(salt))


def _pbkdf2_like(password: str, stored: str) -> str:
    _, algorithm, rounds, salt, _ = stored.split("$")
    count = min(int(rounds), _PBKDF2_ROUNDS_AT_MOST)
    digest = hashlib.pbkdf2_hmac(algorithm, password.encode(), _bytes(salt), count)
    return f"pbkdf2${algorithm}${rounds}${salt}${_text(digest)}"


_SCHEMES: dict[str, Callable[[str, str], str]] = {"scrypt": _scrypt_like, "pbkdf2": _pbkdf2_like}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


class Verifier:
    """``verify``, without paying twice for the same right password.

    It keeps digests under a key of its own, not passwords, and at most size of them. A changed password is
    another stored value, so nothing has to be forgotten. Any thread may call it.
    """

    __slots__ = ("_key", "_lock", "_right", "_size")

    def __init__(self, size: int = 1000) -> None:
        self._size = size
        self._key = os.urandom(32)
        self._right: dict[bytes, None] = {}  # oldest first
        self._lock = threading.Lock()  # guards _right

    def __call__(self, password: str, stored: str) -> bool:
        if not is_hashed(stored):
            return verify(password, stored)
        answer = hashlib.blake2b(f"{stored}\0{password}".encode(), key=self._key).digest()
        if answer in self._right:
            return True
        if not verify(password, stored):
            return False
        with self._lock:
            self._right[answer] = None
            if len(self._right) > self._size:
                del self._right[next(iter(self._right))]
        return True
