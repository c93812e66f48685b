"""The names of authenticators."""

from uuid import UUID

import pytest

from domain.second_factors.authenticator_names import _NAMES, authenticator_name
from domain.second_factors.passkey import parse_passkey_name


@pytest.mark.parametrize(
    ("aaguid", "name"),
    [
        ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "Apple Passwords"),
        ("2FC0579F-8113-47EA-B116-BB5A8DB9202A", "YubiKey 5 NFC"),
        ("00000000-0000-0000-0000-000000000000", None),
    ],
)
def test_a_known_model_has_a_name(aaguid: str, name: str | None) -> None:
    assert authenticator_name(UUID(aaguid)) == name


@pytest.mark.parametrize(("aaguid", "name"), _NAMES.items())
def test_each_name_is_one_that_a_user_could_give(aaguid: str, name: str) -> None:
    assert str(UUID(aaguid)) == aaguid  # as the look-up writes it
    assert parse_passkey_name(name) == name
