"""Passwords as they are stored, and whether one is right. The forms are Tomcat's.

    hash_password("wonder")  ->  "<salt>$210000$<hash>"     what `was user add` writes
    verify("wonder", stored)     stored may be any of the forms below, or clear text

    <salt>$<rounds>$<hash>       SecretKeyCredentialHandler (PBKDF2) or MessageDigestCredentialHandler
    <hash>                       the latter without salt: MD5, SHA-1, SHA-256, SHA-384 or SHA-512
    {MD5}..., {SHA}..., {SSHA}   from a directory, in Base64

Salt and hash are hexadecimal. Tomcat keeps the algorithm in server.xml, not with the hash: so each that gives
a hash of this length is tried. A hash costs some 80 ms on purpose. A Verifier remembers which answers were
right, because a BASIC client sends its password with every request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import threading
from collections.abc import Callable, Iterator

__all__ = ["DECOY", "Verifier", "decoy_like", "hash_password", "is_hashed", "plain_digest", "verify"]

_ROUNDS = 210_000
_SALT_BYTES = 16
_MOST_PBKDF2_ROUNDS = 10_000_000
_MOST_DIGEST_ROUNDS = 100_000  # these run in Python: 40 ms
_DIGESTS = {16: "md5", 20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
DECOY = f"{'0' * _SALT_BYTES * 2}${_ROUNDS}${'0' * 128}"
"""The hash of no password; to verify it takes as long as one of hash_password."""


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """Return what to store for a password. salt is for tests only.

    Tomcat reads it with algorithm="PBKDF2WithHmacSHA512" on its SecretKeyCredentialHandler.
    """
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"{salt.hex()}${_ROUNDS}${digest.hex()}"


def is_hashed(stored: str) -> bool:
    """Whether stored is a hash, not a password in clear text."""
    return any(form.fullmatch(stored) for form in _FORMS)


def verify(password: str, stored: str) -> bool:
    """Whether password is the one that stored stands for; a hash that cannot be read fits none.

    The comparison takes as long for a nearly right password as for a wrong one.
    """
    for form, candidates in _FORMS.items():
        if match := form.fullmatch(stored):
            try:
                return any(hmac.compare_digest(*pair) for pair in candidates(password.encode(), match))
            except (ValueError, OverflowError):
                return False
    return hmac.compare_digest(password.encode(), stored.encode())


def decoy_like(stored: str) -> str | None:
    """Return a hash of no password that is as costly as stored; None if stored costs next to nothing."""
    match = _SALTED.fullmatch(stored)
    return f"{match[1]}${match[2]}${'0' * len(match[3])}" if match else None


def plain_digest(stored: str, algorithm: str) -> str | None:
    """Return stored if it is a bare hash of this algorithm (of hashlib), as DIGEST can use it."""
    is_one = _BARE.fullmatch(stored) and _DIGESTS[len(stored) // 2] == algorithm
    return stored.lower() if is_one else None


# --- the forms: what a password gives, and what it should -------------------------------------------------

_Pairs = Iterator[tuple[bytes, bytes]]


def _salted(password: bytes, match: re.Match[str]) -> _Pairs:
    salt, rounds, expected = bytes.fromhex(match[1]), int(match[2]), bytes.fromhex(match[3])
    length = len(expected)
    if length in _DIGESTS and 0 < rounds <= _MOST_DIGEST_ROUNDS:
        digest, new = salt + password, getattr(hashlib, _DIGESTS[length])
        for _ in range(rounds):
            digest = new(digest, usedforsecurity=False).digest()
        yield digest, expected
    for name in ("sha512",) if length == 64 else ("sha256", "sha512", "sha1"):
        if rounds <= _MOST_PBKDF2_ROUNDS:
            yield hashlib.pbkdf2_hmac(name, password, salt, rounds, length), expected


def _bare(password: bytes, match: re.Match[str]) -> _Pairs:
    expected = bytes.fromhex(match[0])
    yield hashlib.new(_DIGESTS[len(expected)], password, usedforsecurity=False).digest(), expected


def _from_directory(password: bytes, match: re.Match[str]) -> _Pairs:
    stored = base64.b64decode(match[2], validate=True)
    name, length = ("md5", 16) if match[1] == "MD5" else ("sha1", 20)
    salt = stored[length:] if match[1] == "SSHA" else b""
    yield hashlib.new(name, password + salt, usedforsecurity=False).digest() + salt, stored


_SALTED = re.compile(r"((?:[0-9a-fA-F]{2})*)\$([0-9]{1,9})\$((?:[0-9a-fA-F]{2})+)")
_BARE = re.compile("|".join(f"[0-9a-fA-F]{{{size * 2}}}" for size in _DIGESTS))
_FORMS: dict[re.Pattern[str], Callable[[bytes, re.Match[str]], _Pairs]] = {
    _SALTED: _salted,
    _BARE: _bare,
    re.compile(r"\{(MD5|SHA|SSHA)\}(.+)"): _from_directory,
}


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
