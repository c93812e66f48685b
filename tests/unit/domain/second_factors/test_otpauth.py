"""Secrets of authenticator apps as other systems export them."""

from base64 import b32encode

import pytest

from domain.errors import InvalidInput
from domain.second_factors.otpauth import parse_exported
from domain.second_factors.totp import Issuer, text_of, uri_of

SECRET = b"12345678901234567890"
TEXT = text_of(SECRET)
KRATOS = f"otpauth://totp/Example:ada@example.org?algorithm=SHA1&digits=6&issuer=Example&period=30&secret={TEXT}"


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.lower(),
        f" {TEXT[:4]} {TEXT[4:8]}-{TEXT[8:]}\n",
        uri_of(SECRET, Issuer("Doorward"), "ada@example.org"),
        KRATOS,
        f"OTPAUTH://TOTP/?SECRET={TEXT}&Algorithm=sha1",
        f"otpauth://totp/Ada?secret={TEXT}",
    ],
)
def test_base32_and_uris_are_read(text: str) -> None:
    assert parse_exported(text) == SECRET


def test_padding_does_not_matter() -> None:
    secret = b"sixteen bytes ok"

    assert parse_exported(b32encode(secret).decode()) == secret
    assert parse_exported(b32encode(secret).decode().rstrip("=")) == secret


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("s3cret!", "base32"),
        ("0189", "base32"),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}" * 32, "base32"),
        (TEXT[:-2], "base32"),
        ("otpauth://totp/Ada", "16 to 128 bytes"),
        (text_of(SECRET[:15]), "16 to 128 bytes"),
        (text_of(b"x" * 129), "16 to 128 bytes"),
        ('{"key_id":"1","alg":"aes-gcm-hkdf","data":"s3cret"}', "encrypted"),
        (f"otpauth://hotp/Ada?secret={TEXT}&counter=1", "type totp"),
        (f"otpauth://totp/Ada?secret={TEXT}&secret={TEXT}", "each parameter once"),
        (f"otpauth://totp/Ada?secret={TEXT}&digits=6&Digits=8", "each parameter once"),
        (f"otpauth://totp/Ada?secret={TEXT}&algorithm=SHA256", "SHA-1"),
        (f"otpauth://totp/Ada?secret={TEXT}&digits=8", "6 digits"),
        (f"otpauth://totp/Ada?secret={TEXT}&period=60", "30 seconds"),
        (f"otpauth://totp/Ada?secret={TEXT}&period=", "30 seconds"),
        ("otpauth://[/", "an otpauth URI"),
        ("otpauth://totp/Ada?" + "&".join(f"a{n}=1" for n in range(30)), "an otpauth URI"),
    ],
)
def test_other_texts_are_refused_without_being_repeated(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_exported(text)

    [problem] = refused.value.problems
    assert problem.field == "totp"
    assert reason in problem.message
    assert text not in problem.message
