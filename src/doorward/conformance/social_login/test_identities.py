"""The contract of the store of identities."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.ports import Effects
from doorward.conformance.support.examples import (
    MICROSECOND,
    NOW,
    a_message,
    a_user,
    an_event,
    new_id,
)
from doorward.conformance.support.opening import SocialStores
from doorward.conformance.support.social_login import a_stored_user, an_identity, link

pytestmark = pytest.mark.asyncio


async def test_identities_are_returned_as_stored_in_the_order_of_their_linking(
    social: SocialStores,
) -> None:
    ada, eve = await a_stored_user(social), await a_stored_user(social)
    second = an_identity(ada)
    first = an_identity(ada, created_at=NOW - MICROSECOND, email=None, last_used_at=None)
    await link(social, ada, second, first)
    await link(social, eve, an_identity(eve))

    assert await social.identities.of_user(ada.id) == [first, second]
    for each in (first, second):
        assert await social.identities.by_id(each.id) == each
        assert await social.identities.find(each.issuer, each.subject) == each
    assert await social.identities.by_id(an_identity(ada).id) is None
    assert list(await social.identities.of_user(a_user().id)) == []


async def test_an_account_is_compared_to_the_letter(social: SocialStores) -> None:
    ada = await a_stored_user(social)
    issuer, subject = "https://Accounts.example.org", "Ada"
    same_but_for_case = an_identity(ada, issuer=issuer, subject="ada")
    await link(social, ada, an_identity(ada, issuer=issuer, subject=subject), same_but_for_case)

    others = [
        (issuer, "ADA"),
        (issuer, "Ada "),
        (issuer, "A_a"),
        (issuer, "\N{FULLWIDTH LATIN CAPITAL LETTER A}da"),
        (issuer.lower(), subject),
        (f"{issuer}/", subject),
    ]
    assert [await social.identities.find(*each) for each in others] == [None] * len(others)
    assert await social.identities.find(issuer, "ada") == same_but_for_case


@pytest.mark.parametrize(
    "change", [{"last_used_at": None}, {"email": None}, {"email": "eve@example.org"}]
)
async def test_only_the_stored_identity_is_replaced(
    social: SocialStores, change: dict[str, Any]
) -> None:
    ada = await a_stored_user(social)
    identity = an_identity(ada)
    changed = replace(identity, **change)
    await link(social, ada, identity)

    assert not (await social.identities.replace(changed, identity)).changed
    assert (await social.identities.replace(identity, changed)).changed
    assert await social.identities.by_id(identity.id) == changed
    assert await social.identities.find(identity.issuer, identity.subject) == changed
    await social.identities.delete(changed)
    assert not (await social.identities.replace(changed, identity)).changed


async def test_of_parallel_replacements_of_an_identity_one_wins(social: SocialStores) -> None:
    ada = await a_stored_user(social)
    identity = an_identity(ada)
    await link(social, ada, identity)

    used = await asyncio.gather(
        *(
            social.identities.replace(
                identity, replace(identity, last_used_at=NOW + timedelta(seconds=each))
            )
            for each in range(1, 21)
        )
    )

    assert [each.changed for each in used].count(True) == 1


async def test_an_identity_is_deleted_once_whatever_its_last_use(social: SocialStores) -> None:
    ada = await a_stored_user(social)
    identity = an_identity(ada)
    await link(social, ada, identity)
    await social.identities.replace(identity, replace(identity, last_used_at=None))

    deleted = await asyncio.gather(*(social.identities.delete(identity) for _ in range(5)))

    assert [each.changed for each in deleted].count(True) == 1
    assert await social.identities.by_id(identity.id) is None
    assert await social.identities.find(identity.issuer, identity.subject) is None


async def test_an_identity_of_another_user_is_not_deleted(social: SocialStores) -> None:
    ada, eve = await a_stored_user(social), await a_stored_user(social)
    identity = an_identity(ada)
    await link(social, ada, identity)

    assert not (await social.identities.delete(replace(identity, user_id=eve.id))).changed
    assert await social.identities.by_id(identity.id) == identity


async def test_the_effects_of_a_deletion_of_an_identity_are_stored_with_it(
    social: SocialStores,
) -> None:
    ada = await a_stored_user(social)
    identity = an_identity(ada)
    await link(social, ada, identity)

    deleted, again = [
        await social.identities.delete(
            identity, Effects((an_event(),)).with_messages(a_message(id=new_id()))
        )
        for _ in range(2)
    ]

    assert (deleted.changed, again.changed) == (True, False)
    assert not again.effects_stored
    assert len(await social.outbox.page(None, None, 9)) == int(deleted.effects_stored)


async def test_the_identities_of_a_user_are_forgotten(social: SocialStores) -> None:
    ada, eve = await a_stored_user(social), await a_stored_user(social)
    mine, hers = [an_identity(ada), an_identity(ada)], an_identity(eve)
    await link(social, ada, *mine)
    await link(social, eve, hers)

    for _ in range(2):
        await social.identities.forget(ada.id)

    assert list(await social.identities.of_user(ada.id)) == []
    assert await social.identities.find(mine[0].issuer, mine[0].subject) is None
    assert await social.identities.of_user(eve.id) == [hers]
