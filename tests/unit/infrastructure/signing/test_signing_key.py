"""Key pairs: which are fit to sign, and their ids."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers

from domain.token import TokenKind
from infrastructure.signing import signing_key as keys_module
from infrastructure.signing.algorithms import RS256, UnfitKey
from infrastructure.signing.sample_keys import SAMPLE_KEYS
from infrastructure.signing.signing_key import (
    SigningKey,
    key_in_text,
    thumbprint,
)
from tests.support.builders import a_signing_key, an_rsa_key, pem

# RFC 7638, section 3.1
RFC_MODULUS = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZ"
    "CiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJ"
    "ZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBn"
    "iIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)
RFC_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def refusal_of(private_pem: bytes, public_pem: bytes | None = None) -> str:
    with pytest.raises(UnfitKey) as refused:
        SigningKey.from_pem(private_pem, public_pem)
    return str(refused.value)


def an_encrypted_pem() -> bytes:
    return an_rsa_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def an_elliptic_pem() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


UNFIT: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "is not a private key in PEM form without a password"),
    "rubbish": (lambda: b"rubbish", "is not a private key in PEM form without a password"),
    "truncated": (
        lambda: pem(an_rsa_key())[:400],
        "is not a private key in PEM form without a password",
    ),
    "encrypted": (an_encrypted_pem, "is not a private key in PEM form without a password"),
    "a public key": (
        lambda: a_signing_key().public_pem(),
        "is not a private key in PEM form without a password",
    ),
    "an elliptic curve": (an_elliptic_pem, "is neither an RSA key nor an Ed25519 key"),
    "1024 bits": (lambda: pem(an_rsa_key(1024)), "has 1024 bits; at least 2048 are needed"),
    "2047 bits": (lambda: pem(an_rsa_key(2047)), "has 2047 bits; at least 2048 are needed"),
    "e=3": (
        lambda: pem(an_rsa_key(exponent=3)),
        "has an unusual public exponent; only 65537 is accepted",
    ),
}


@pytest.mark.parametrize(("make", "reason"), UNFIT.values(), ids=UNFIT)
def test_an_unfit_key_is_refused_with_its_reason(make: Callable[[], bytes], reason: str) -> None:
    assert refusal_of(make()) == reason


def test_a_published_sample_key_is_refused(
    keys: dict[TokenKind, SigningKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys[TokenKind.ACCESS]
    assert SigningKey.from_pem(key.private_pem()).kid == key.kid
    monkeypatch.setattr(keys_module, "SAMPLE_KEYS", frozenset({key.kid}))

    refusal = refusal_of(key.private_pem())
    assert refusal.startswith("is a published sample key")
    assert "doorward keys generate" in refusal


def test_sample_keys_are_listed_by_thumbprint() -> None:
    assert {len(base64.urlsafe_b64decode(f"{kid}=")) for kid in SAMPLE_KEYS} == {32}


def a_pem_of_two_keys() -> bytes:
    """Make an RSA key whose private exponent is that of another one."""
    one, other = (an_rsa_key().private_numbers() for _ in range(2))
    mixed = RSAPrivateNumbers(
        one.p, one.q, other.d, one.dmp1, one.dmq1, one.iqmp, one.public_numbers
    )
    return pem(mixed.private_key(unsafe_skip_rsa_key_validation=True))


def test_an_rsa_key_whose_numbers_do_not_belong_together_is_refused_each_time() -> None:
    wrong = a_pem_of_two_keys()

    for _ in range(2):
        assert refusal_of(wrong) == "is not a private key in PEM form without a password"


def test_the_numbers_of_a_key_that_was_checked_before_are_not_checked_again() -> None:
    assert SigningKey.from_pem(a_pem_of_two_keys(), is_checked=True).algorithm is RS256


def test_a_process_checks_the_numbers_of_a_key_once(monkeypatch: pytest.MonkeyPatch) -> None:
    load, skipped = serialization.load_pem_private_key, list[bool]()

    def loaded(*given: Any, **options: Any) -> Any:
        skipped.append(options["unsafe_skip_rsa_key_validation"])
        return load(*given, **options)

    monkeypatch.setattr(serialization, "load_pem_private_key", loaded)
    private_pem = pem(an_rsa_key())

    for _ in range(3):
        SigningKey.from_pem(private_pem)

    assert skipped == [False, True, True]


@pytest.mark.parametrize("form", ["PKCS#1", "SubjectPublicKeyInfo"])
def test_a_public_key_that_is_the_private_keys_is_accepted(form: str) -> None:
    private = an_rsa_key()
    formats = {
        "PKCS#1": serialization.PublicFormat.PKCS1,
        "SubjectPublicKeyInfo": serialization.PublicFormat.SubjectPublicKeyInfo,
    }
    public = private.public_key().public_bytes(serialization.Encoding.PEM, formats[form])

    assert SigningKey.from_pem(pem(private), public).public == private.public_key()


def test_a_public_key_of_another_pair_is_refused(keys: dict[TokenKind, SigningKey]) -> None:
    one, other = keys.values()

    refusal = refusal_of(one.private_pem(), other.public_pem())

    assert refusal == "does not belong to the private key"


@pytest.mark.parametrize("public_pem", [b"", b"rubbish"])
def test_a_public_key_that_cannot_be_read_is_refused(
    keys: dict[TokenKind, SigningKey], public_pem: bytes
) -> None:
    key = keys[TokenKind.ACCESS]

    assert refusal_of(key.private_pem(), public_pem) == "is not a public key in PEM form"


def test_pkcs1_and_pkcs8_are_the_same_key() -> None:
    private = an_rsa_key()
    one = SigningKey.from_pem(pem(private))
    other = SigningKey.from_pem(one.private_pem())

    assert pem(private).startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert one.private_pem().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert one.kid == other.kid


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    modulus = int.from_bytes(base64.urlsafe_b64decode(f"{RFC_MODULUS}=="), "big")
    key = RSAPublicNumbers(65537, modulus).public_key()

    assert RS256.members(key) == {"e": "AQAB", "kty": "RSA", "n": RFC_MODULUS}
    assert thumbprint(RS256.members(key)) == RFC_THUMBPRINT


def test_a_generated_key_has_3072_bits() -> None:
    key = SigningKey.generate()

    assert key.public.key_size == 3072
    assert key.public.public_numbers().e == 65537
    assert key.kid == thumbprint(RS256.members(key.public))


def test_the_repr_of_a_key_shows_no_private_part(keys: dict[TokenKind, SigningKey]) -> None:
    key = keys[TokenKind.ACCESS]

    assert repr(key) == f"SigningKey(kid='{key.kid}')"


def test_a_key_in_text_is_base64_of_its_pem(keys: dict[TokenKind, SigningKey]) -> None:
    key = keys[TokenKind.ACCESS]
    private = base64.b64encode(key.private_pem()).decode()
    public = base64.b64encode(key.public_pem()).decode()

    assert key_in_text(private, public).kid == key.kid


def test_a_key_in_text_may_have_line_breaks(keys: dict[TokenKind, SigningKey]) -> None:
    key = keys[TokenKind.ACCESS]
    wrapped = base64.encodebytes(key.private_pem()).decode()

    assert "\n" in wrapped
    assert key_in_text(wrapped, None).kid == key.kid


@pytest.mark.parametrize("text", ["not base64!", "AAAAA", "é", "-----BEGIN RSA PRIVATE KEY-----"])
def test_a_key_in_text_that_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(UnfitKey, match=r"^is not base64$"):
        key_in_text(text, None)


def test_a_private_key_whose_parts_do_not_belong_together_is_refused() -> None:
    one, other = an_rsa_key().private_numbers(), an_rsa_key().private_numbers()
    der = rsa_der(one.public_numbers.n, one.public_numbers.e, other)

    assert refusal_of(der) == "is not a private key in PEM form without a password"


def rsa_der(modulus: int, exponent: int, rest: rsa.RSAPrivateNumbers) -> bytes:
    """PKCS#1 (RFC 8017, A.1.2) as PEM, of numbers that need not fit."""

    def tagged(tag: int, octets: bytes) -> bytes:
        size = len(octets)
        if size < 128:
            return bytes([tag, size]) + octets
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        return bytes([tag, 128 | len(digits)]) + digits + octets

    numbers = [0, modulus, exponent, rest.d, rest.p, rest.q, rest.dmp1, rest.dmq1, rest.iqmp]
    body = b"".join(tagged(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in numbers)
    text = base64.encodebytes(tagged(0x30, body))
    return b"-----BEGIN RSA PRIVATE KEY-----\n" + text + b"-----END RSA PRIVATE KEY-----\n"
