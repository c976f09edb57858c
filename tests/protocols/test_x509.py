"""What is read from certificates: whom one is for, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from container.protocols.x509 import end_of, subject_of


def certificate(*relative_names: list[tuple[ObjectIdentifier, str]]) -> bytes:
    attributes = [[x509.NameAttribute(*pair) for pair in relative] for relative in relative_names]
    name = x509.Name([x509.RelativeDistinguishedName(relative) for relative in attributes])
    key, begin = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 1, 2, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=30))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("relative_names", "subject"),
    [
        ([[(NameOID.COMMON_NAME, "Ann")]], "CN=Ann"),
        (
            [[(NameOID.COUNTRY_NAME, "KR")], [(NameOID.ORGANIZATION_NAME, "Shop")],
             [(NameOID.COMMON_NAME, "Ann")]],
            "CN=Ann, O=Shop, C=KR",
        ),
        ([[(NameOID.ORGANIZATION_NAME, 'Ann, "Bob" + Co')]], 'O=Ann\\, \\"Bob\\" \\+ Co'),
        ([[(NameOID.COMMON_NAME, "안나 ")]], "CN=안나\\ "),
        ([[(NameOID.EMAIL_ADDRESS, "a@b.example")]], "EMAILADDRESS=a@b.example"),
        ([[(NameOID.COMMON_NAME, "Ann"), (NameOID.USER_ID, "7")]], "CN=Ann+UID=7"),
        ([[(ObjectIdentifier("2.999.1.300"), "x")]], "2.999.1.300=x"),
        ([], ""),
    ],
)  # fmt: skip
def test_the_subject(relative_names: list[list[tuple[ObjectIdentifier, str]]], subject: str) -> None:
    der = certificate(*relative_names)
    assert subject_of(der) == subject
    assert end_of(der) == datetime(2026, 2, 1, tzinfo=UTC)
