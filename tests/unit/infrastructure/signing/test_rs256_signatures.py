"""Forged signatures and other encodings: a token has one form."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from domain.authentication import Method
from domain.token import TokenKind
from infrastructure.signing.audiences import Audiences
from infrastructure.signing.jwt_signer import LONGEST_TOKEN, JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import LIFETIMES, a_session, claims_of
from tests.unit.infrastructure.signing.forgery import (
    Attack,
    Forger,
    assert_rejected,
    attacks,
    flipped,
    octets_of,
    rs256,
    segment,
    written,
)


@attacks(
    {
        "empty": lambda _: "",
        "one byte": lambda _: "AA",
        "zero": lambda _: segment(bytes(256)),
        "one": lambda _: segment(bytes(255) + b"\x01"),
        "first bit": lambda forger: flipped(forger.segments[2], 0, 7),
        "middle bit": lambda forger: flipped(forger.segments[2], 128, 3),
        "last bit": lambda forger: flipped(forger.segments[2], 255, 0),
        "truncated": lambda forger: segment(octets_of(forger.segments[2])[:-1]),
        "beheaded": lambda forger: segment(octets_of(forger.segments[2])[1:]),
        "longer": lambda forger: segment(octets_of(forger.segments[2]) + b"\x00"),
        "longer in front": lambda forger: segment(b"\x00" + octets_of(forger.segments[2])),
        "twice": lambda forger: segment(octets_of(forger.segments[2]) * 2),
        "of a strange key": lambda forger: rs256(
            ".".join(forger.segments[:2]), forger.strange.private
        ),
        "of the other kind's key": lambda forger: rs256(
            ".".join(forger.segments[:2]), forger.other.private
        ),
        "of another token": lambda forger: forger.with_claims(sid="0" * 32).split(".")[2],
    }
)
def test_a_token_needs_its_own_whole_signature(forger: Forger, attack: Attack) -> None:
    assert_rejected(forger.signer, ".".join([*forger.segments[:2], attack(forger)]))


def test_every_bit_of_the_payload_is_signed(forger: Forger) -> None:
    header, payload, signature = forger.segments
    for position in range(len(octets_of(payload))):
        altered = flipped(payload, position, position % 8)
        assert_rejected(forger.signer, f"{header}.{altered}.{signature}")


def test_no_second_number_is_the_same_signature(forger: Forger) -> None:
    """RSA works modulo n: without a check of its size, a signature plus n would verify."""
    modulus = forger.key.public.public_numbers().n
    for counter in range(1000):  # only small signatures have room for it
        *message, signature = forger.with_claims(jti=f"{counter:032x}").split(".")
        number = int.from_bytes(octets_of(signature), "big") + modulus
        if number < 1 << 2048:
            other = segment(number.to_bytes(256, "big"))
            assert_rejected(forger.signer, ".".join([*message, other]))
            return
    pytest.fail("no signature was small enough")


def standard_alphabet(forger: Forger) -> str:
    counter = 0
    token = forger.genuine
    while not set(token) & {"-", "_"}:
        counter += 1
        token = forger.with_claims(jti=f"{counter:032x}")
    return token.replace("-", "+").replace("_", "/")


def with_bits_to_spare(claims: dict[str, Any]) -> bytes:
    """Return the payload of a valid token, of a length that leaves bits in the last character."""
    payloads = (written(claims | {"roles": roles}) for roles in (["user"], ["admin"]))
    return next(each for each in payloads if len(each) % 3)


def next_in_alphabet(text: str) -> str:
    """Another last character, for the same octets: only bits that mean nothing differ."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
    assert octets_of(other) == octets_of(text)
    return other


def json_form(forger: Forger) -> str:
    protected, payload, signature = forger.segments
    return json.dumps({"protected": protected, "payload": payload, "signature": signature})


@attacks(
    {
        "nothing": lambda _: "",
        "one dot": lambda _: ".",
        "two dots": lambda _: "..",
        "three dots": lambda _: "...",
        "1 segment": lambda forger: forger.segments[0],
        "2 segments": lambda forger: ".".join(forger.segments[:2]),
        "4 segments": lambda forger: f"{forger.genuine}.{forger.segments[2]}",
        "4 segments, one empty": lambda forger: f"{forger.genuine}.",
        "5 segments": lambda forger: f"{forger.genuine}..",
        "empty segment in front": lambda forger: f".{forger.genuine}",
        "no header": lambda forger: ".".join(["", *forger.segments[1:]]),
        "no payload": lambda forger: forger.sign_segments(forger.segments[0], ""),
        "JSON form": json_form,
        "general JSON form": lambda forger: json.dumps(
            {
                "payload": forger.segments[1],
                "signatures": [{"protected": forger.segments[0], "signature": forger.segments[2]}],
            }
        ),
        "padded header": lambda forger: forger.genuine.replace(".", "=.", 1),
        "padded signature": lambda forger: f"{forger.genuine}==",
        "padded payload, signed": lambda forger: forger.sign_segments(
            forger.segments[0], forger.segments[1] + "=" * (-len(forger.segments[1]) % 4 or 4)
        ),
        "space in front": lambda forger: f" {forger.genuine}",
        "space behind": lambda forger: f"{forger.genuine} ",
        "line break behind": lambda forger: f"{forger.genuine}\n",
        "NUL behind": lambda forger: f"{forger.genuine}\x00",
        "line break inside": lambda forger: forger.genuine.replace(".", ".\n", 1),
        "space in the signature": lambda forger: f"{forger.genuine[:-9]} {forger.genuine[-9:]}",
        "space in the payload, signed": lambda forger: forger.sign_segments(
            forger.segments[0], f"{forger.segments[1][:8]} {forger.segments[1][8:]}"
        ),
        "scheme in front": lambda forger: f"Bearer {forger.genuine}",
        "quotes": lambda forger: f'"{forger.genuine}"',
        "standard alphabet": standard_alphabet,
        "last character of the signature": lambda forger: ".".join(
            [*forger.segments[:2], next_in_alphabet(forger.segments[2])]
        ),
        "last character of the payload, signed": lambda forger: forger.sign_segments(
            forger.segments[0],
            next_in_alphabet(segment(with_bits_to_spare(forger.claims))),
        ),
        "percent encoding": lambda forger: forger.genuine.replace(".", "%2E"),
        "full-width letters": lambda forger: forger.genuine.translate(
            {code: code + 0xFEE0 for code in range(ord("A"), ord("Z"))}
        ),
        "full-width dots": lambda forger: forger.genuine.replace(".", "\uff0e"),
        "letter beyond ASCII": lambda forger: f"{forger.genuine}é",
        "lone surrogate": lambda forger: f"{forger.genuine}\udc80",
    }
)
def test_a_token_has_one_canonical_form(forger: Forger, attack: Attack) -> None:
    token = attack(forger)

    assert token != forger.genuine
    assert_rejected(forger.signer, token)


def test_a_huge_token_is_refused_at_once(forger: Forger) -> None:
    header, payload, signature = forger.segments
    tokens = [
        "a" * 5_000_000,
        "." * 5_000_000,
        f"{header}.{'A' * 5_000_000}.{signature}",
        f"{header}.{payload}.{'A' * 5_000_000}",
        forger.sign(payload=b"[" * 3_750_000),
    ]
    before = time.process_time()
    for token in tokens:
        assert_rejected(forger.signer, token)

    assert time.process_time() - before < 0.1


def test_even_a_genuine_token_has_at_most_4_kib(keys: dict[TokenKind, SigningKey]) -> None:
    def with_issuer(length: int) -> tuple[JwtSigner, str]:
        audiences = Audiences("i" * length, "api", "refresh", "enrolment")
        signer = JwtSigner(KeyRingWatcher.fixed(keys), audiences, LIFETIMES.absolute)
        return signer, signer.sign(claims_of(a_session()))

    length = 1
    while len(with_issuer(length + 1)[1]) <= LONGEST_TOKEN:
        length += 256
    while len(with_issuer(length)[1]) > LONGEST_TOKEN:
        length -= 1
    longest, too_long = with_issuer(length), with_issuer(length + 1)

    assert LONGEST_TOKEN == 4096
    assert len(longest[1]) <= 4096 < len(too_long[1])
    assert longest[0].verify(longest[1], TokenKind.ACCESS).kind is TokenKind.ACCESS
    assert_rejected(*too_long)


def test_the_longest_access_token_fits_into_a_cookie(keys: dict[TokenKind, SigningKey]) -> None:
    """Browsers keep a name and a value of 4096 bytes together (RFC 6265bis, section 5.6)."""
    audiences = Audiences.under(f"https://{'i' * 255}/auth")
    signer = JwtSigner(KeyRingWatcher.fixed(keys), audiences, LIFETIMES.absolute)
    claims = claims_of(a_session(methods=frozenset(Method)))

    token = signer.sign(replace(claims, is_restricted=True))

    largest_signature = 4 * (4096 // 8) // 3 + 1  # of an RSA key of 4096 bits, in base64
    longer_key = largest_signature - len(token.rpartition(".")[2])
    assert len("__Host-prefix_access_token=") + len(token) + longer_key <= 4096
