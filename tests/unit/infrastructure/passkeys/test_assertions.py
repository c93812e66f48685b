"""What an assertion has to fulfil (Web Authentication, Level 3, section 7.2)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PasskeyInvalid
from domain.second_factors.passkey import Algorithm, Credential, Use
from infrastructure.passkeys.webauthn import WebAuthn
from tests.support.authenticator import (
    ORIGIN,
    RP_ID,
    VERIFIED,
    Authenticator,
    Flag,
    assertion_of,
    encode,
    registration_of,
)

CHALLENGE = encode(bytes(32))
OPTIONS = {"challenge": CHALLENGE, "user": {"id": encode(bytes(64))}}
WEBAUTHN = WebAuthn(RP_ID, frozenset({ORIGIN}))

Pair = tuple[Authenticator, Credential]


def registered(algorithm: Algorithm = Algorithm.ES256) -> Pair:
    device = Authenticator(algorithm)
    return device, WEBAUTHN.register(registration_of(device.create(OPTIONS)), CHALLENGE)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return registered()


def use(pair: Pair, **lies: Any) -> Use:
    device, credential = pair
    return WEBAUTHN.verify(assertion_of(device.get(OPTIONS, **lies)), CHALLENGE, credential)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_an_assertion_is_verified_with_the_key_of_the_registration(algorithm: Algorithm) -> None:
    device, credential = registered(algorithm)

    used = use((device, credential))

    assert used == Use(device.count, backup_eligible=False, backed_up=False)
    with pytest.raises(PasskeyInvalid):
        use((device, replace(registered(algorithm)[1], id=credential.id)))


def test_the_backup_flags_are_returned(pair: Pair) -> None:
    used = use(pair, flags=VERIFIED | Flag.BE | Flag.BS)

    assert (used.backup_eligible, used.backed_up) == (True, True)


@pytest.mark.parametrize(
    "lies",
    [
        {"type": "webauthn.create"},
        {"challenge": encode(bytes(31) + b"1")},
        {"origin": "https://evil.example"},
        {"origin": ORIGIN + "/"},
        {"crossOrigin": True},
        {"topOrigin": ORIGIN},
        {"id": b"another"},
        {"rp_id": "evil.example"},
        {"flags": VERIFIED & ~Flag.UP},
        {"flags": VERIFIED & ~Flag.UV},
        {"flags": VERIFIED | Flag.BS},
        {"flags": VERIFIED | Flag.AT},
        {"flags": VERIFIED | Flag.ED},
        {"extensions": b"\xa0\xa0"},
        {"signature": b""},
        {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"},
        {"data": b"short"},
    ],
)
def test_an_assertion_that_violates_a_rule_is_refused(pair: Pair, lies: dict[str, Any]) -> None:
    with pytest.raises(PasskeyInvalid):
        use(pair, **lies)


def test_the_signature_covers_the_client_data_and_the_authenticator_data(pair: Pair) -> None:
    device, credential = pair
    assertion = assertion_of(device.get(OPTIONS))
    blank = assertion.client_data.replace(b"{", b"{ ", 1)

    for changed in (
        replace(assertion, client_data=blank),
        replace(assertion, authenticator_data=assertion.authenticator_data[:-1] + b"\xff"),
    ):
        with pytest.raises(PasskeyInvalid):
            WEBAUTHN.verify(changed, CHALLENGE, credential)


def test_a_passkey_of_another_domain_is_refused(pair: Pair) -> None:
    device, credential = pair
    elsewhere = WebAuthn("example.org", frozenset({ORIGIN}))

    with pytest.raises(PasskeyInvalid):
        elsewhere.verify(assertion_of(device.get(OPTIONS)), CHALLENGE, credential)


@given(st.binary(max_size=200))
def test_no_authenticator_data_lead_to_another_error(pair: Pair, data: bytes) -> None:
    with pytest.raises(PasskeyInvalid):
        use(pair, data=data)
