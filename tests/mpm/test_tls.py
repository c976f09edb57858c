"""Certificates: chosen by name, read again when they have changed; handshakes without a socket."""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
from pathlib import Path
from typing import NoReturn

import pytest
import trustme

from container.errors import ConfigError
from container.mpm.tls import CertificateFiles, ServerTls
from container.protocols.x509 import names_of


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Pems:
    """Writes certificates, and shakes hands as a client that trusts who has issued them."""

    def __init__(self, authority: trustme.CA, folder: Path) -> None:
        self._authority = authority
        self._folder = folder
        self._age = 0

    def write(self, file: str, *names: str, **options) -> CertificateFiles:
        """Write file.pem, and file.key beside it."""
        made = self._authority.issue_cert(*names, **options)
        pair = CertificateFiles(self._folder / f"{file}.pem", self._folder / f"{file}.key")
        pair.certificate.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        pair.key.write_bytes(made.private_key_pem.bytes())
        self.touch(pair.certificate, pair.key)
        return pair

    def touch(self, *files: Path) -> None:
        """What is written within one tick of the file system's clock looks as before without."""
        self._age += 1
        for file in files:
            os.utime(file, (self._age, self._age))

    def client(self, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.maximum_version = most
        context.check_hostname = False
        self._authority.configure_trust(context)
        return context


@pytest.fixture
def pems(authority: trustme.CA, tmp_path: Path) -> Pems:
    return Pems(authority, tmp_path)


def shake_hands(
    server: ServerTls, client: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None = None
) -> ssl.SSLObject:
    """The client's side of a finished handshake."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname=name, session=session),
        server.context.wrap_bio(to_server, to_client, server_side=True),
    )
    waiting = list(sides)
    for side in (sides * 5)[:10]:
        try:
            side.do_handshake()
            waiting = [each for each in waiting if each is not side]
        except ssl.SSLWantReadError:
            pass
    assert not waiting
    return sides[0]


def names_got(server: ServerTls, client: ssl.SSLContext, name: str | None) -> list[str]:
    return names_of(shake_hands(server, client, name).getpeercert(binary_form=True))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("shop.example", "shop.example"),
        ("SHOP.example", "shop.example"),
        ("b.example", "b.example"),
        ("x.b.example", "*.b.example"),
        ("special.b.example", "special.b.example"),  # a name beats a star
        ("x.y.b.example", "shop.example"),  # a star is one label; the first certificate is for all others
        ("unknown.example", "shop.example"),
        (None, "shop.example"),
        ("127.0.0.1", "shop.example"),
    ],
)
def test_the_certificate_is_that_of_the_name_that_is_asked_for(
    pems: Pems, asked: str | None, got: str, version: ssl.TLSVersion
) -> None:
    server = ServerTls(
        [
            pems.write("a", "shop.example", "127.0.0.1"),
            pems.write("b", "b.example", "*.b.example"),
            pems.write("c", "special.b.example"),
        ]
    )
    assert server.names == ["shop.example", "b.example", "*.b.example", "special.b.example"]
    client = shake_hands(server, pems.client(version), asked)
    assert got in names_of(client.getpeercert(binary_form=True))
    assert client.version() == version.name.replace("_", ".")


def test_whoever_knows_better_chooses(pems: Pems) -> None:
    asked = []
    server = ServerTls(
        [pems.write("a", "a.example"), pems.write("b", "b.example")],
        choose=lambda name: asked.append(name) or (1 if name else None),
    )
    assert names_got(server, pems.client(), "A.example.") == ["b.example"]
    assert names_got(server, pems.client(), None) == ["a.example"]
    assert asked == ["a.example", ""]


def test_a_certificate_and_its_key_may_share_a_file(pems: Pems) -> None:
    pair = pems.write("a", "a.example")
    pair.certificate.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
    assert names_got(ServerTls([CertificateFiles(pair.certificate)]), pems.client(), None) == ["a.example"]


def test_a_certificate_without_a_list_of_names_is_for_its_subject(authority: trustme.CA) -> None:
    made = authority.issue_cert(common_name="old.example", key_type=trustme.KeyType.RSA)
    der = ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())
    assert names_of(der) == ["old.example"]


def test_http_1_1_is_agreed_on_and_nothing_else(pems: Pems) -> None:
    server = ServerTls([pems.write("a", "a.example")])
    client = pems.client()
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert shake_hands(server, client, None).selected_alpn_protocol() == "http/1.1"
    client.set_alpn_protocols(["h2"])
    assert shake_hands(server, client, None).selected_alpn_protocol() is None


@pytest.mark.parametrize(
    ("least", "most"),
    [("TLSv1.2", ssl.TLSVersion.TLSv1_1), ("TLSv1.3", ssl.TLSVersion.TLSv1_2)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_older_versions_are_refused(pems: Pems, least: str, most: ssl.TLSVersion) -> None:
    server = ServerTls([pems.write("a", "a.example")], min_version=least)
    client = pems.client()
    client.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    client.maximum_version = most
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        shake_hands(server, client, None)


def test_ciphers_have_forward_secrecy_and_ours_come_first(pems: Pems) -> None:
    server = ServerTls([pems.write("a", "a.example", key_type=trustme.KeyType.RSA)])
    client = pems.client(ssl.TLSVersion.TLSv1_2)
    client.set_ciphers("ECDHE+AES128:ECDHE+AES256")
    assert shake_hands(server, client, None).cipher()[0].startswith("ECDHE-RSA-AES256")
    client.set_ciphers("kRSA")
    with pytest.raises(ssl.SSLError):
        shake_hands(server, client, None)
    fewer = ServerTls([pems.write("a", "a.example")], ciphers="ECDHE+AES128")
    assert "AES128" in shake_hands(fewer, pems.client(ssl.TLSVersion.TLSv1_2), None).cipher()[0]
    with pytest.raises(ConfigError, match="ciphers NONE-SUCH: there is none of them"):
        ServerTls([pems.write("a", "a.example")], ciphers="NONE-SUCH")


def test_there_is_no_renegotiation(pems: Pems) -> None:
    server = ServerTls([pems.write("a", "a.example")])
    assert server.context.options & ssl.OP_NO_RENEGOTIATION
    assert server.context.options & ssl.OP_NO_COMPRESSION


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", [None, "b.example"])
def test_a_client_may_show_a_certificate_of_a_known_issuer(pems: Pems, tmp_path: Path, version, name) -> None:
    issuers, clients = tmp_path / "clients.pem", trustme.CA()
    clients.cert_pem.write_to_path(str(issuers))
    server = ServerTls([pems.write("a", "a.example"), pems.write("b", "b.example")], client_ca=issuers)

    def shown(authority: trustme.CA | None) -> list[str]:
        client = pems.client(version)
        if authority is not None:
            authority.issue_cert("ann.example").configure_cert(client)
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = server.context.wrap_bio(to_server, to_client, server_side=True)
        theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
        for side in [theirs, ours] * 3:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        der = ours.getpeercert(binary_form=True)
        return names_of(der) if der else []

    assert (shown(clients), shown(None)) == (["ann.example"], [])
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        shown(trustme.CA())


@pytest.mark.parametrize("text", ["", "nothing"])
def test_issuers_must_be_certificates(pems: Pems, tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.pem").write_text(text)
    with pytest.raises(ConfigError, match=r"empty\.pem: there is no certificate in PEM in it"):
        ServerTls([pems.write("a", "a.example")], client_ca=tmp_path / "empty.pem")


# New certificates -------------------------------------------------------------------------------------


def test_changed_files_are_used_as_soon_as_they_no_longer_change(pems: Pems, caplog) -> None:
    caplog.set_level("INFO", "container.server")
    server = ServerTls([pems.write("a", "old.example")])
    context = server.context
    assert not server.poll()
    pems.write("a", "new.example")
    assert not server.poll()  # a change is seen: the key may be still to come
    assert names_got(server, pems.client(), None) == ["old.example"]
    assert server.poll()
    assert names_got(server, pems.client(), None) == ["new.example"]
    assert not server.poll()
    assert server.context is context
    assert [record.message for record in caplog.records] == ["New certificates are in use, for new.example"]


def test_a_connection_keeps_the_certificate_it_has_begun_with(pems: Pems) -> None:
    server = ServerTls([pems.write("a", "old.example")])
    client = shake_hands(server, pems.client(), None)
    pems.write("a", "new.example")
    assert server.reload()
    assert names_of(client.getpeercert(binary_form=True)) == ["old.example"]


def test_sessions_are_resumed_also_with_new_certificates(pems: Pems) -> None:
    server = ServerTls([pems.write("a", "a.example"), pems.write("b", "b.example")])
    client = pems.client(ssl.TLSVersion.TLSv1_2)
    first = shake_hands(server, client, "b.example")
    assert not first.session_reused
    assert shake_hands(server, client, "b.example", first.session).session_reused
    pems.write("b", "b.example")
    assert server.reload()
    assert shake_hands(server, client, "b.example", first.session).session_reused


def test_the_old_certificates_go_on_when_the_new_ones_are_bad(pems: Pems, caplog) -> None:
    pair = pems.write("a", "old.example")
    server = ServerTls([pair])
    pair.key.write_text("rubbish")
    polls = [server.poll() for _ in range(5)]
    assert not any(polls)
    assert names_got(server, pems.client(), None) == ["old.example"]
    (record,) = caplog.records  # once, not each second
    assert record.levelname == "ERROR"
    assert "those before go on" in record.message
    assert "a.key: there is no key in PEM in it" in record.message
    pair.certificate.unlink()
    assert not server.reload()
    assert "a.pem: cannot be read: No such file" in caplog.records[-1].message
    pems.write("a", "new.example")
    polls = [server.poll() for _ in range(3)]
    assert any(polls)
    assert names_got(server, pems.client(), None) == ["new.example"]


# Mistakes ---------------------------------------------------------------------------------------------


def test_a_key_of_another_certificate_is_named(pems: Pems) -> None:
    a, b = pems.write("a", "a.example"), pems.write("b", "b.example")
    with pytest.raises(ConfigError, match=r"b\.key: the key is not that of the certificate .*a\.pem\."):
        ServerTls([CertificateFiles(a.certificate, b.key)])


def test_files_without_pem_are_named(pems: Pems, tmp_path: Path) -> None:
    pair = pems.write("a", "a.example")
    with pytest.raises(ConfigError, match=r"a\.key: there is no certificate in PEM in it\. .*`openssl req"):
        ServerTls([CertificateFiles(pair.key)])
    with pytest.raises(ConfigError, match=r"a\.pem: there is no key in PEM in it\. Name the key's file, too"):
        ServerTls([CertificateFiles(pair.certificate)])
    with pytest.raises(ConfigError, match=r"none\.pem: cannot be read: No such file or directory"):
        ServerTls([CertificateFiles(tmp_path / "none.pem")])
    with pytest.raises(ConfigError, match=r"none\.key: cannot be read: No such file or directory"):
        ServerTls([CertificateFiles(pair.certificate, tmp_path / "none.key")])
    pair.certificate.write_text("-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigError, match=r"a\.pem: cannot be used with the key .*a\.key: "):
        ServerTls([pair])


def test_a_key_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*args: object, **kwargs: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(ConfigError, match=r"a\.pem: .* denied\. Let the user who starts the server read it$"):
        ServerTls([CertificateFiles(Path("a.pem"))])


def test_an_encrypted_key_asks_nobody(pems: Pems) -> None:
    from cryptography.hazmat.primitives import serialization

    pair = pems.write("a", "a.example")
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    pair.key.write_bytes(key.private_bytes(*form))
    with pytest.raises(ConfigError, match=r"a\.key: the key is encrypted"):
        ServerTls([pair])


def test_an_expired_certificate_is_served_all_the_same(pems: Pems, caplog) -> None:
    """Whoever connects is told by their own program; no certificate at all would help nobody."""
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    server = ServerTls([pems.write("a", "a.example", not_after=past)])
    (message,) = caplog.messages
    assert "a.pem: the certificate has expired on 2020-01-01" in message
    client = pems.client()
    client.verify_mode = ssl.CERT_NONE
    assert names_got(server, client, None) == ["a.example"]
