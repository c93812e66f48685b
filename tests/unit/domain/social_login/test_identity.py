"""Identities, and what the logins with them show."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.authentication import Method
from domain.social_login.identity import (
    Identity,
    IdentityId,
    is_identity_id,
    is_provider_name,
)
from doorward.conformance.support.examples import a_user
from tests.support.builders import NOW, new_id
from tests.support.social_login import ACME, an_account


def test_an_account_shows_one_method_or_several_factors() -> None:
    assert an_account().methods == {Method.FEDERATED}
    assert an_account(has_second_factor=True).methods == {Method.FEDERATED_MFA}


def test_an_identity_has_the_account_of_its_first_login() -> None:
    user, identity_id = a_user(), IdentityId(new_id())

    identity = Identity.of(an_account("Ada@example.org"), identity_id, user.id, NOW)

    assert identity == Identity(
        identity_id, "https://acme.example", "4711", user.id, ACME, NOW, "ada@example.org", NOW
    )


@pytest.mark.parametrize("email", ["new@example.org", None])
def test_a_use_moves_the_address_the_name_and_the_time(email: str | None) -> None:
    identity = Identity.of(an_account(), IdentityId(new_id()), a_user().id, NOW)
    later = NOW + timedelta(days=1)

    used = identity.used(an_account(email), later)

    assert used == replace(identity, email=email, last_used_at=later)


def test_an_identity_without_an_address_has_none() -> None:
    identity = Identity.of(an_account(None), IdentityId(new_id()), a_user().id, NOW)

    assert identity.email is None


def test_ids_and_names_have_one_form() -> None:
    assert is_identity_id(new_id())
    assert not is_identity_id("x" * 32)
    assert not is_identity_id("0" * 33)
    assert is_provider_name("acme-2")
    assert not is_provider_name("Acme")
    assert not is_provider_name("")
    assert not is_provider_name("a" * 31)
