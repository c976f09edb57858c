"""What is read from certificates: whom one is for, and until when."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from container.protocols.x509 import end_of, names_of, subject_of


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


def test_half_a_certificate_is_none() -> None:
    der = certificate([(NameOID.ORGANIZATION_NAME, "Shop"), (NameOID.COMMON_NAME, "Ann")])
    for end in range(len(der)):
        with pytest.raises(ValueError):  # noqa: PT011  of Python or ours
            subject_of(der[:end])


def test_whatever_a_byte_is_changed_to_only_value_error_is_raised() -> None:
    der = certificate([(ObjectIdentifier("2.999.1.300"), "x")])
    for at in range(len(der)):
        for byte in (0x00, 0x01, 0x7F, 0x80, 0x84, 0xFF):
            changed = der[:at] + bytes((byte,)) + der[at + 1 :]
            for read in (subject_of, names_of, end_of):
                with contextlib.suppress(ValueError):
                    read(changed)
