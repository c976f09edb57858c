"""TLS of a listener: certificates from PEM files, chosen by the name a client asks for, replaced at run time.

    CertificateFiles, ... ──> ServerTls ── context ──> whoever accepts: one SSLContext, for ever
                                  └── poll(), reload(): read the files again

The context has no certificate of its own. In each handshake, when the client has said which name it wants
(SNI), the connection is given the context of a certificate; reload replaces the table that it is taken from,
so a handshake sees the old certificates or the new ones, and connections that exist keep theirs.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from container.errors import ConfigError
from container.protocols.x509 import end_of, names_of

__all__ = ["MAKE_ONE", "MIN_VERSIONS", "REJECTED", "CertificateFiles", "Choose", "ServerTls"]

_log = logging.getLogger("container.server")

MIN_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}

MAKE_ONE = (
    "For a trial, `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem` makes one"
)


class CertificateFiles(NamedTuple):
    """Where a certificate is: PEM, followed by the certificates of those who issued it, without the root."""

    certificate: Path
    key: Path | None = None
    """None: in the certificate's file."""
    others: tuple[tuple[Path, Path | None], ...] = ()
    """More of them for the same names, with keys of other kinds: RSA beside EC. Each client gets one."""

    @property
    def pairs(self) -> tuple[tuple[Path, Path | None], ...]:
        return ((self.certificate, self.key), *self.others)


Choose = Callable[[str], "int | None"]
"""The number of the certificate for a name in lower case; None: the first; REJECTED: there is none for it."""
REJECTED = -1

_Look = tuple[tuple[int, int, int] | None, ...]


class ServerTls:
    """The TLS of a listener, or of several.

    Any thread may use it. TLS 1.2 is the least, there is no renegotiation, and the ciphers are Python's:
    those with forward secrecy, ours preferred.
    """

    def __init__(
        self,
        files: Sequence[CertificateFiles],
        *,
        min_version: str = "TLSv1.2",
        max_version: str = "TLSv1.3",
        ciphers: str | None = None,
        choose: Choose | None = None,
        client_ca: Path | None = None,
    ) -> None:
        """Read the files, of which the first is for names that no certificate has. Raises ConfigError.

        choose replaces the choice by the names in the certificates. With client_ca a client is asked for a
        certificate, which must be of one of its issuers; it may have none.
        """
        self._files = tuple(files)
        self._client_ca = client_ca
        self._min_version = MIN_VERSIONS[min_version]
        self._max_version = MIN_VERSIONS[max_version]
        self._ciphers = ciphers
        self._choose_number = choose
        self._lock = threading.Lock()  # guards reading the files again
        self._seen = self._tried = self._look()
        self._contexts, self._by_name = self._load()
        self.context = self._new_context()
        self.context.sni_callback = self._choose

    def __repr__(self) -> str:
        return f"<ServerTls {', '.join(self._by_name) or 'without names'}>"

    @property
    def names(self) -> list[str]:
        """What the certificates are for."""
        return list(self._by_name)

    def wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        """Put TLS on an accepted socket; the handshake is still to come."""
        return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    # In handshakes --------------------------------------------------------------------------------

    def _choose(
        self, session: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        context = self._context_for(name.lower().rstrip(".") if name else "")
        if context is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        session.context = context
        return None

    def _context_for(self, name: str) -> ssl.SSLContext | None:
        contexts, by_name = self._contexts, self._by_name
        if self._choose_number is not None:
            number = self._choose_number(name)
        elif (number := by_name.get(name)) is None:
            number = by_name.get(
                "*." + name.partition(".")[2]
            )  # a star is exactly one label (RFC 6125 §6.4.3)
        return None if number == REJECTED else contexts[number or 0]

    # Files ----------------------------------------------------------------------------------------

    def poll(self) -> bool:
        """Read the files again if they have changed and no longer change. For a call each second.

        A certificate and its key are two files, replaced one after the other: hence the wait. Returns whether
        there are new certificates.
        """
        now = self._look()
        is_calm, self._seen = now == self._seen, now
        return is_calm and now != self._tried and self.reload()

    def reload(self) -> bool:
        """Read the files again. If they cannot be used that is logged, and the old ones stay in use."""
        with self._lock:
            self._tried = self._look()
            try:
                self._contexts, self._by_name = self._load()
            except ConfigError as error:
                _log.error("The certificates have changed and cannot be used; those before go on: %s", error)
                return False
        _log.info("New certificates are in use, for %s", ", ".join(self._by_name) or "no name")
        return True

    def _look(self) -> _Look:
        pairs = [pair for files in self._files for pair in files.pairs]
        files = [self._client_ca, *(file for pair in pairs for file in pair)]
        return tuple(_signature(file) for file in files if file is not None)

    def _load(self) -> tuple[list[ssl.SSLContext], dict[str, int]]:
        contexts: list[ssl.SSLContext] = []
        by_name: dict[str, int] = {}
        for number, files in enumerate(self._files):
            pem = _read(files.certificate)
            context = self._new_context()
            for certificate, key in files.pairs:
                _read(certificate)
                if key is not None:
                    _read(key)
                _load_pair(context, certificate, key)
            contexts.append(context)
            der = _first_certificate(pem)
            if (end := end_of(der)) < datetime.now(UTC):
                what = "the certificate has expired on %s, so clients refuse it. Replace the file"
                _log.warning(f"%s: {what}: it is read again", files.certificate, end.date())
            for name in names_of(der):
                by_name.setdefault(name, number)
        return contexts, by_name

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._min_version
        context.maximum_version = self._max_version
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(["http/1.1"])
        if self._ciphers is not None:
            try:
                context.set_ciphers(self._ciphers)
            except ssl.SSLError:
                cure = "Write a list as `openssl ciphers` takes it"
                raise ConfigError(f"ciphers {self._ciphers}: there is none of them. {cure}") from None
        if self._client_ca is not None:
            _ask_client(context, self._client_ca)
        return context


def _signature(file: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except PermissionError as error:
        cure = "Let the user who starts the server read it"
        raise ConfigError(f"{file}: cannot be read: {error.strerror}. {cure}") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}. {MAKE_ONE}") from None


def _load_pair(context: ssl.SSLContext, certificate: Path, key_file: Path | None) -> None:
    key = key_file or certificate

    def password() -> str:
        raise ConfigError(f"{key}: the key is encrypted, and nobody is there to be asked. Decrypt it first")

    try:
        context.load_cert_chain(certificate, key_file, password)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        reason = getattr(error, "reason", None) or str(error)
        if reason == "KEY_VALUES_MISMATCH":
            message = f"{key}: the key is not that of the certificate {certificate}. Name the two that match"
        elif "-----BEGIN CERTIFICATE-----" not in _read(certificate):
            message = f"{certificate}: there is no certificate in PEM in it. {MAKE_ONE}"
        elif "PRIVATE KEY-----" not in _read(key):
            cure = "Name the key's file, too (--tls-key, ssl_certificate_key)"
            message = f"{key}: there is no key in PEM in it. {cure}"
        else:
            message = f"{certificate}: cannot be used with the key {key}: {reason}. {MAKE_ONE}"
        raise ConfigError(message) from None


def _ask_client(context: ssl.SSLContext, issuers: Path) -> None:
    context.verify_mode = ssl.CERT_OPTIONAL
    try:
        context.load_verify_locations(cadata=_read(issuers))
    except (ssl.SSLError, ValueError):  # ValueError: the file is empty
        raise ConfigError(
            f"{issuers}: there is no certificate in PEM in it. Name those of the issuers"
        ) from None


def _first_certificate(pem: str) -> bytes:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    body = pem.partition(begin)[2].partition(end)[0]
    return ssl.PEM_cert_to_DER_cert(f"{begin}{body}{end}")
