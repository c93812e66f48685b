"""What a registration has to fulfil (Web Authentication, Level 3, section 7.1)."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from fido2 import cbor
from hypothesis import given
from hypothesis import strategies as st

from application.ports import Registration
from domain.errors import PasskeyInvalid
from domain.second_factors.passkey import LONGEST_CREDENTIAL_ID, Algorithm
from infrastructure.passkeys.webauthn import WebAuthn
from tests.support.authenticator import (
    ORIGIN,
    RP_ID,
    VERIFIED,
    Authenticator,
    Flag,
    Json,
    cose_key,
    encode,
    new_key,
    registration_of,
)

CHALLENGE = encode(bytes(32))
OPTIONS = {"challenge": CHALLENGE, "user": {"id": encode(bytes(64))}}
APP = "android:apk-key-hash:abc"
WEBAUTHN = WebAuthn(RP_ID, frozenset({ORIGIN, APP}))
MADE = VERIFIED | Flag.AT


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


def accepted(registration: Registration) -> None:
    made = WEBAUTHN.register(registration, CHALLENGE)
    assert made.id == registration.credential_id


def refused(credential: Json) -> None:
    with pytest.raises(PasskeyInvalid):
        WEBAUTHN.register(registration_of(credential), CHALLENGE)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_registration_gives_a_credential(algorithm: Algorithm) -> None:
    aaguid = UUID("08987058-cadc-4b81-b6e1-30de50dcbe96")
    flags = VERIFIED | Flag.BE | Flag.BS
    device = Authenticator(algorithm, flags=flags, count=6, aaguid=aaguid.bytes)

    made = WEBAUTHN.register(registration_of(device.create(OPTIONS)), CHALLENGE)

    assert made.id == device.credential_id
    assert cbor.decode(made.public_key) == cose_key(device.key)
    assert (made.sign_count, made.aaguid) == (7, aaguid)
    assert (made.backup_eligible, made.backed_up) == (True, True)
    assert made.transports == ("internal", "hybrid")


def test_the_challenge_is_read_from_the_client_data(device: Authenticator) -> None:
    registration = registration_of(device.create(OPTIONS))

    assert WEBAUTHN.challenge_in(registration.client_data) == CHALLENGE


@pytest.mark.parametrize(
    "client_data",
    [b"", b"{}", b"[]", b"\xff", b'{"challenge": 1}', b"[" * 5000, b'"' + CHALLENGE.encode()],
)
def test_client_data_of_another_form_has_no_challenge(client_data: bytes) -> None:
    with pytest.raises(PasskeyInvalid):
        WEBAUTHN.challenge_in(client_data)


def test_an_app_may_have_an_origin_of_its_own(device: Authenticator) -> None:
    registration = registration_of(device.create(OPTIONS, origin=APP))

    accepted(registration)


@pytest.mark.parametrize(
    "lies",
    [
        {"type": "webauthn.get"},
        {"type": "payment.get"},
        {"challenge": encode(bytes(31) + b"1")},
        {"challenge": ""},
        {"origin": "http://localhost:8001"},
        {"origin": "https://localhost:8000"},
        {"origin": ORIGIN + "/"},
        {"origin": ORIGIN + ".evil.example"},
        {"origin": ORIGIN.upper()},
        {"crossOrigin": True},
        {"topOrigin": ORIGIN},
        {"topOrigin": "https://evil.example"},
        {"crossOrigin": "false"},
    ],
)
def test_a_registration_on_another_page_is_refused(
    device: Authenticator, lies: dict[str, Any]
) -> None:
    refused(device.create(OPTIONS, **lies))


@pytest.mark.parametrize(
    "lies",
    [
        {"rp_id": "evil.example"},
        {"rp_id": "sub.localhost"},
        {"flags": MADE & ~Flag.UP},
        {"flags": MADE & ~Flag.UV},
        {"flags": MADE | Flag.BS},
        {"flags": VERIFIED},
        {"flags": MADE | Flag.ED},
        {"extensions": b"\xa0\xa0"},
        {"extensions": b"\xa1"},
        {"attested_id": b"another"},
        {"attestation": b""},
        {"attestation": b"\xa0"},
        {"attestation": b"\x81" * 12_000},
        {"attestation": b"\xbb" + b"\xff" * 8},
        {"attestation": cbor.encode({"fmt": "none", "attStmt": {}, "authData": b"short"})},
    ],
)
def test_authenticator_data_that_violate_a_rule_are_refused(
    device: Authenticator, lies: dict[str, Any]
) -> None:
    refused(device.create(OPTIONS, **lies))


@pytest.mark.parametrize("length", [0, LONGEST_CREDENTIAL_ID + 1])
def test_a_credential_id_has_a_length_of_the_standard(length: int) -> None:
    refused(Authenticator(credential_id=bytes(length)).create(OPTIONS))


def test_extensions_that_are_signed_are_ignored(device: Authenticator) -> None:
    registration = registration_of(device.create(OPTIONS, extensions=cbor.encode({"x": True})))

    accepted(registration)


ES256, EDDSA, RS256 = (cose_key(new_key(algorithm)) for algorithm in Algorithm)
P384 = b"\1" * 48


@pytest.mark.parametrize(
    "key",
    [
        ES256 | {3: -35, -1: 2, -2: P384, -3: P384},  # ES384
        ES256 | {3: -47},  # ES256K
        ES256 | {3: 0},
        ES256 | {3: "ES256"},
        ES256 | {1: 1},
        ES256 | {-1: 2},
        ES256 | {-2: bytes(32)},  # not on the curve
        ES256 | {-2: ES256[-2] + b"\0"},
        ES256 | {-3: 1},
        EDDSA | {1: 2},
        EDDSA | {-1: 7},
        EDDSA | {-2: b"short"},
        RS256 | {1: 2},
        RS256 | {3: -37},  # PS256
        RS256 | {3: -65535},  # RS1
        RS256 | {-1: RS256[-1][:128]},  # 1024 bits
        RS256 | {-1: RS256[-1] * 3},
        RS256 | {-2: b"\3"},
        {},
    ],
)
def test_only_sound_keys_of_the_three_algorithms_are_accepted(
    device: Authenticator, key: dict[int, Any]
) -> None:
    refused(device.create(OPTIONS, cose=key))


def test_a_self_attestation_has_to_be_right(device: Authenticator) -> None:
    def statement(sign: Callable[[bytes], bytes], alg: int = -7) -> Callable[[bytes], Json]:
        return lambda signed: {"alg": alg, "sig": sign(signed)}

    right = device.create(OPTIONS, fmt="packed", statement=statement(device.sign))
    accepted(registration_of(right))

    another = Authenticator()
    refused(device.create(OPTIONS, fmt="packed", statement=statement(another.sign)))
    refused(device.create(OPTIONS, fmt="packed", statement=statement(device.sign, alg=-8)))
    refused(device.create(OPTIONS, fmt="packed", statement={}))


def test_nothing_is_concluded_from_an_attestation_that_was_not_asked_for(
    device: Authenticator,
) -> None:
    refused(device.create(OPTIONS, fmt="none", statement={"x5c": [b"a certificate"]}))

    for fmt in ("packed", "tpm", "apple"):
        statement = {"x5c": [b"a certificate"], "sig": b"", "alg": -7}
        sent = device.create(OPTIONS, fmt=fmt, statement=statement)
        accepted(registration_of(sent))


@given(st.binary(max_size=300))
def test_no_bytes_lead_to_another_error(octets: bytes) -> None:
    refused(Authenticator().create(OPTIONS, attestation=octets))


@given(st.data())
def test_no_changed_byte_leads_to_another_error(data: st.DataObject) -> None:
    registration = registration_of(Authenticator().create(OPTIONS))
    at = data.draw(st.integers(0, len(registration.attestation) - 1))
    octets = bytearray(registration.attestation)
    octets[at] ^= data.draw(st.integers(1, 255))

    with suppress(PasskeyInvalid):  # some bytes are free, such as the count
        WEBAUTHN.register(replace(registration, attestation=bytes(octets)), CHALLENGE)


def test_the_library_logs_no_credential_id(
    device: Authenticator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    WEBAUTHN.register(registration_of(device.create(OPTIONS)), CHALLENGE)

    assert not [each for each in caplog.records if each.name.startswith("fido2")]


def test_members_of_later_browsers_are_ignored(device: Authenticator) -> None:
    registration = registration_of(device.create(OPTIONS))
    client = json.loads(registration.client_data) | {"other_keys_can_be_added_here": "a text"}

    registration = replace(registration, client_data=json.dumps(client).encode())

    accepted(registration)
