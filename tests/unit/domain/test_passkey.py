"""Passkeys: what an assertion may change, and what users may name them."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from domain.errors import InvalidInput, PasskeyInvalid
from domain.second_factors.passkey import (
    MAX_TRANSPORTS,
    PASSKEY_NAME_LENGTH,
    Passkey,
    Use,
    is_passkey_id,
    parse_passkey_name,
    parse_transports,
)
from doorward.conformance.second_factors.test_passkeys import a_passkey
from doorward.conformance.support.examples import NOW, a_user

LATER = NOW + timedelta(hours=1)


def counting(count: int) -> Passkey:
    passkey = a_passkey(a_user().id)
    return replace(passkey, credential=replace(passkey.credential, sign_count=count))


def use(count: int = 0, *, eligible: bool = True, backed_up: bool = True) -> Use:
    return Use(count, eligible, backed_up)


def test_a_use_changes_the_count_the_backup_state_and_the_time() -> None:
    passkey = counting(7)

    used = passkey.used(use(9), LATER)

    credential = replace(passkey.credential, sign_count=9, backed_up=True)
    assert used == replace(passkey, credential=credential, last_used_at=LATER)


def test_whether_a_passkey_may_be_synchronised_never_changes() -> None:
    with pytest.raises(PasskeyInvalid):
        counting(7).used(use(9, eligible=False, backed_up=False), LATER)


@pytest.mark.parametrize(
    ("before", "now", "is_back"),
    [(0, 0, False), (0, 1, False), (7, 8, False), (7, 7, True), (7, 6, True), (7, 0, True)],
)
def test_a_count_that_does_not_rise_is_noticed_and_refuses_nothing(
    before: int, now: int, is_back: bool
) -> None:
    passkey = counting(before)

    assert passkey.count_went_back(use(now)) is is_back
    assert passkey.used(use(now), LATER).credential.sign_count == now


def test_the_id_of_a_passkey_is_the_digest_of_its_credential_id() -> None:
    passkey = counting(0)

    assert passkey.id == sha256(passkey.credential.id).hexdigest()
    assert is_passkey_id(passkey.id)
    assert not any(map(is_passkey_id, ("", "0" * 63, "0" * 65, "G" * 64, "0" * 64 + "\n")))


def test_transports_of_later_standards_are_kept_and_other_texts_left_out() -> None:
    sent = ["usb", "smart-card", "usb", "", "a b", "x" * 21, "é", "hybrid"]

    assert parse_transports(sent) == ("usb", "smart-card", "hybrid")
    assert len(parse_transports([f"t{each}" for each in range(20)])) == MAX_TRANSPORTS


def test_a_name_is_normalised() -> None:
    assert parse_passkey_name("  Phone of Jose\u0301 ") == "Phone of Jos\u00e9"
    assert parse_passkey_name("x" * PASSKEY_NAME_LENGTH) == "x" * PASSKEY_NAME_LENGTH


@pytest.mark.parametrize(
    "name",
    ["", "  ", "x" * (PASSKEY_NAME_LENGTH + 1), "\u0344" * PASSKEY_NAME_LENGTH, "a\u202eb", "a\0"],
)
def test_a_name_that_misleads_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        parse_passkey_name(name)


def test_a_passkey_can_be_renamed() -> None:
    passkey = counting(0)

    assert passkey.renamed("Phone") == replace(passkey, name="Phone")
