"""nginx's `listen ... ssl` and httpd's SSLEngine: each server with its own certificate."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from pathlib import Path

import pytest
import trustme
from programs import free_ports

from container.config import Settings
from container.errors import ConfigError
from container.front.configuration import load_front
from container.front.program import FrontServer

pytestmark = pytest.mark.socket
CONF = """
events {}
http {
  server {
    listen 127.0.0.1:PORT ssl;
    server_name localhost;
    ssl_certificate FOLDER/a.pem;
    ssl_certificate_key FOLDER/a.key;
    location / { return 200 "$scheme $ssl_protocol $host"; }
  }
  server {
    listen 127.0.0.1:PORT ssl;
    server_name *.b.example ~^c\\d+\\.example$;
    ssl_certificate FOLDER/b.pem;
    ssl_certificate_key FOLDER/b.key;
    location / { return 200 "the other"; }
  }
}
"""


HTTPD = """
Listen 127.0.0.1:PORT
<VirtualHost *:PORT>
  ServerName localhost
  SSLEngine on
  SSLCertificateFile FOLDER/a.pem
  SSLCertificateKeyFile FOLDER/a.key
  DocumentRoot FOLDER/docs
</VirtualHost>
<VirtualHost *:PORT>
  ServerName x.y.b.example
  ServerAlias c?.example
  SSLEngine on
  SSLCertificateFile FOLDER/b.pem
  SSLCertificateKeyFile FOLDER/b.key
</VirtualHost>
"""


@pytest.mark.parametrize(("name", "text"), [("nginx.conf", CONF), ("httpd.conf", HTTPD)])
def test_each_server_has_its_certificate(tmp_path: Path, name: str, text: str) -> None:
    authority = trustme.CA()
    for file, certificate in {"a": "localhost", "b": "certificate-of-b"}.items():
        made = authority.issue_cert(certificate)
        made.cert_chain_pems[0].write_to_path(str(tmp_path / f"{file}.pem"))
        made.private_key_pem.write_to_path(str(tmp_path / f"{file}.key"))
    port = free_ports(1)[0]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "about").write_text("https TLSv1.3 localhost")
    file = tmp_path / name
    file.write_text(text.replace("PORT", str(port)).replace("FOLDER", str(tmp_path)))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    server = FrontServer(Settings(), load_front(file))
    assert server.addresses == [f"https://127.0.0.1:{port}"]
    server.start()
    try:
        with urllib.request.urlopen(
            f"https://localhost:{port}/about", context=context, timeout=120
        ) as answer:
            assert answer.read() == b"https TLSv1.3 localhost"
        context.check_hostname = False
        for asked, certificate in {
            "localhost": "localhost",
            "x.y.b.example": "certificate-of-b",  # nginx's stars are not those of certificates
            "c7.example": "certificate-of-b",
            "unknown.example": "localhost",
        }.items():
            with (
                socket.create_connection(("127.0.0.1", port), 120) as sock,
                context.wrap_socket(sock, server_hostname=asked) as session,
            ):
                assert session.getpeercert()["subjectAltName"][0][1] == certificate
    finally:
        server.stop()


def test_certificates_of_two_kinds_and_protocols(tmp_path: Path) -> None:
    authority = trustme.CA()
    for kind in trustme.KeyType.RSA, trustme.KeyType.ECDSA:
        made = authority.issue_cert("localhost", key_type=kind)
        made.cert_chain_pems[0].write_to_path(str(tmp_path / f"{kind.name}.pem"))
        made.private_key_pem.write_to_path(str(tmp_path / f"{kind.name}.key"))
    port = free_ports(1)[0]
    pairs = "".join(
        f"ssl_certificate {tmp_path}/{kind}.pem; ssl_certificate_key {tmp_path}/{kind}.key;\n"
        for kind in ("RSA", "ECDSA")
    )
    file = tmp_path / "nginx.conf"
    file.write_text(
        "events {}\nhttp {\nssl_protocols TLSv1 TLSv1.2;\nserver {\n"
        f"listen 127.0.0.1:{port} ssl;\n{pairs}ssl_ciphers ECDHE+AESGCM;\nreturn 200 hello;\n}}\n}}\n"
    )
    config = load_front(file)
    assert "only TLSv1.2 and TLSv1.3 are offered" in str(config.notes[0])
    server = FrontServer(Settings(), config)
    server.start()
    try:
        for ciphers, expected in (
            ("ECDHE-RSA-AES256-GCM-SHA384", "RSA"),
            ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDSA"),
        ):
            context = ssl.create_default_context()
            authority.configure_trust(context)
            context.set_ciphers(ciphers)
            with (
                socket.create_connection(("127.0.0.1", port), 120) as sock,
                context.wrap_socket(sock, server_hostname="localhost") as session,
            ):
                assert session.version() == "TLSv1.2"
                assert expected in session.cipher()[0]
        context = ssl.create_default_context()
        authority.configure_trust(context)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with (
            socket.create_connection(("127.0.0.1", port), 120) as sock,
            pytest.raises(ssl.SSLError, match=r"(?i)version"),
        ):
            context.wrap_socket(sock, server_hostname="localhost")
    finally:
        server.stop()


def test_a_server_that_rejects_whoever_asks_for_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("localhost")
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "a.pem"))
    made.private_key_pem.write_to_path(str(tmp_path / "a.key"))
    port = free_ports(1)[0]
    file = tmp_path / "nginx.conf"
    file.write_text(
        "events {}\nhttp {\n"
        f"server {{ listen 127.0.0.1:{port} ssl default_server; ssl_reject_handshake on; }}\n"
        f"server {{ listen 127.0.0.1:{port} ssl; server_name localhost; return 200 hello;\n"
        f"ssl_certificate {tmp_path}/a.pem; ssl_certificate_key {tmp_path}/a.key; }}\n}}\n"
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.check_hostname = False
    server = FrontServer(Settings(), load_front(file))
    server.start()
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 120) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as session,
        ):
            assert session.version() == "TLSv1.3"
        for name in "other.example", None:
            with (
                socket.create_connection(("127.0.0.1", port), 120) as sock,
                pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"),
            ):
                context.wrap_socket(sock, server_hostname=name)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("directive", "message"),
    [
        ("ssl_protocols TLSv1", "older ones are broken"),
        ("ssl_protocols TLSv9", 'invalid value "TLSv9"'),
        ("ssl_ciphers NONE-OF-THEM", "there is none of them"),
    ],
)
def test_what_tls_does_not_offer(tmp_path: Path, directive: str, message: str) -> None:
    file = tmp_path / "nginx.conf"
    file.write_text(f"events {{}}\nhttp {{\n{directive};\nserver {{}}\n}}\n")
    with pytest.raises(ConfigError, match=f"nginx.conf:3: .*{message}"):
        load_front(file)
