"""The contract of the store of passkeys."""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.ports import Effects
from domain.second_factors.passkey import (
    HANDLE_BYTES,
    LONGEST_CREDENTIAL_ID,
    MAX_PASSKEYS,
    Credential,
    Passkey,
)
from domain.user import UserId
from doorward.conformance.support.examples import MICROSECOND, NOW, a_message, a_user, an_event
from doorward.conformance.support.opening import FactorStores

pytestmark = pytest.mark.asyncio


def a_passkey(user_id: UserId, **changes: Any) -> Passkey:
    """Return a passkey with every attribute; changes are attributes."""
    credential = Credential(
        secrets.token_bytes(LONGEST_CREDENTIAL_ID),
        bytes(range(256)),
        sign_count=2**32 - 1,
        aaguid=uuid4(),
        backup_eligible=True,
        backed_up=False,
        transports=("internal", "hybrid"),
    )
    passkey = Passkey(credential, user_id, "example.org", "My \N{KEY}", NOW, NOW + MICROSECOND)
    return replace(passkey, **changes)


async def a_holder(stores: FactorStores) -> UserId:
    """Return the id of a user with a handle."""
    user = a_user()
    await stores.passkeys.handle_of(user.id, secrets.token_bytes(HANDLE_BYTES))
    return user.id


async def test_passkeys_are_returned_as_stored_in_the_order_of_their_making(
    stores: FactorStores,
) -> None:
    ada, eve = await a_holder(stores), await a_holder(stores)
    second = a_passkey(ada)
    first = a_passkey(ada, created_at=NOW - MICROSECOND, last_used_at=None)
    for each in (second, first, a_passkey(eve)):
        assert (await stores.passkeys.add(each)).changed

    assert await stores.passkeys.of_user(ada) == [first, second]
    assert await stores.passkeys.by_id(first.id) == first
    assert await stores.passkeys.by_id(a_passkey(ada).id) is None
    assert await stores.passkeys.of_user(a_user().id) == []


async def test_a_credential_belongs_to_one_user(stores: FactorStores) -> None:
    ada, eve = await a_holder(stores), await a_holder(stores)
    passkey = a_passkey(ada)
    same = replace(passkey, user_id=eve)

    added = await asyncio.gather(*(stores.passkeys.add(each) for each in [passkey, same] * 5))

    assert [each.changed for each in added].count(True) == 1
    assert len([*await stores.passkeys.of_user(ada), *await stores.passkeys.of_user(eve)]) == 1


async def test_a_user_has_a_bounded_number_of_passkeys(stores: FactorStores) -> None:
    ada = await a_holder(stores)
    for _ in range(MAX_PASSKEYS - 1):
        await stores.passkeys.add(a_passkey(ada))

    added = await asyncio.gather(*(stores.passkeys.add(a_passkey(ada)) for _ in range(5)))

    assert [each.changed for each in added].count(True) == 1
    assert len(await stores.passkeys.of_user(ada)) == MAX_PASSKEYS


async def test_a_user_without_a_handle_gets_no_passkey(stores: FactorStores) -> None:
    ada = a_user().id

    assert not (await stores.passkeys.add(a_passkey(ada))).changed
    assert await stores.passkeys.of_user(ada) == []


@pytest.mark.parametrize(
    "change",
    [{"sign_count": 1}, {"backed_up": True}, {"transports": ()}],
)
async def test_only_the_stored_credential_is_replaced(
    stores: FactorStores, change: dict[str, Any]
) -> None:
    passkey = a_passkey(await a_holder(stores))
    changed = replace(passkey, credential=replace(passkey.credential, **change))
    await stores.passkeys.add(passkey)

    assert not (await stores.passkeys.replace(changed, passkey)).changed
    assert (await stores.passkeys.replace(passkey, changed)).changed
    assert await stores.passkeys.by_id(passkey.id) == changed


@pytest.mark.parametrize("change", [{"name": "Phone"}, {"last_used_at": None}])
async def test_only_the_stored_passkey_is_replaced(
    stores: FactorStores, change: dict[str, Any]
) -> None:
    passkey = a_passkey(await a_holder(stores))
    changed = replace(passkey, **change)
    await stores.passkeys.add(passkey)

    assert not (await stores.passkeys.replace(changed, passkey)).changed
    assert (await stores.passkeys.replace(passkey, changed)).changed
    assert await stores.passkeys.by_id(passkey.id) == changed
    await stores.passkeys.delete(changed)
    assert not (await stores.passkeys.replace(changed, passkey)).changed


async def test_of_parallel_replacements_of_a_passkey_one_wins(stores: FactorStores) -> None:
    passkey = a_passkey(await a_holder(stores))
    await stores.passkeys.add(passkey)

    used = await asyncio.gather(
        *(
            stores.passkeys.replace(
                passkey, replace(passkey, last_used_at=NOW + timedelta(seconds=each))
            )
            for each in range(1, 21)
        )
    )

    assert [each.changed for each in used].count(True) == 1


async def test_a_passkey_is_deleted_once_whatever_its_name(stores: FactorStores) -> None:
    passkey = a_passkey(await a_holder(stores))
    await stores.passkeys.add(passkey)
    await stores.passkeys.replace(passkey, replace(passkey, name="Phone"))

    deleted = await asyncio.gather(*(stores.passkeys.delete(passkey) for _ in range(5)))

    assert [each.changed for each in deleted].count(True) == 1
    assert await stores.passkeys.by_id(passkey.id) is None


async def test_a_passkey_of_another_user_is_not_deleted(stores: FactorStores) -> None:
    passkey = a_passkey(await a_holder(stores))
    await stores.passkeys.add(passkey)

    other = replace(passkey, user_id=await a_holder(stores))
    assert not (await stores.passkeys.delete(other)).changed
    assert await stores.passkeys.by_id(passkey.id) == passkey


async def test_of_parallel_deletions_that_keep_one_passkey_one_changes_nothing(
    stores: FactorStores,
) -> None:
    ada = await a_holder(stores)
    passkeys = [a_passkey(ada) for _ in range(5)]
    for each in passkeys:
        await stores.passkeys.add(each)

    deleted = await asyncio.gather(
        *(stores.passkeys.delete(each, not_last=True) for each in passkeys)
    )

    assert [each.changed for each in deleted].count(False) == 1
    [last] = await stores.passkeys.of_user(ada)
    assert (await stores.passkeys.delete(last)).changed


async def test_a_handle_stays_as_it_is(stores: FactorStores) -> None:
    ada, eve = a_user().id, a_user().id
    handles = [secrets.token_bytes(HANDLE_BYTES) for _ in range(20)]

    got = await asyncio.gather(*(stores.passkeys.handle_of(ada, each) for each in handles))

    assert len(set(got)) == 1
    assert got[0] in handles
    assert await stores.passkeys.handle_of(ada, secrets.token_bytes(HANDLE_BYTES)) == got[0]
    assert (
        await stores.passkeys.handle_of(eve, other := secrets.token_bytes(HANDLE_BYTES)) == other
    )


async def test_a_passkey_is_found_by_its_id_and_the_handle_of_its_user(
    stores: FactorStores,
) -> None:
    ada, eve = await a_holder(stores), await a_holder(stores)
    mine = a_passkey(ada)
    await stores.passkeys.add(mine)
    handle = await stores.passkeys.handle_of(ada, b"new")
    of_eve = await stores.passkeys.handle_of(eve, b"new")

    assert await stores.passkeys.find(mine.id, handle) == mine
    assert await stores.passkeys.find(mine.id, of_eve) is None
    assert await stores.passkeys.find(mine.id, b"unknown") is None
    assert await stores.passkeys.find(a_passkey(ada).id, handle) is None


async def test_passkeys_of_other_domains_are_counted(stores: FactorStores) -> None:
    ada = await a_holder(stores)
    for domain in ("b.example", "a.example", "c.example", "b.example"):
        await stores.passkeys.add(a_passkey(ada, rp_id=domain))

    others = stores.passkeys.of_other_domains
    assert await others({"b.example"}) == {"a.example": 1, "c.example": 1}
    assert await others({"a.example", "c.example"}) == {"b.example": 2}
    assert await others({"b.example", "c.example", "a.example", "d.example"}) == {}
    assert sum((await others({"example"})).values()) == 4


async def test_the_passkeys_and_the_handle_of_a_user_are_forgotten(stores: FactorStores) -> None:
    ada, eve = await a_holder(stores), await a_holder(stores)
    handle = await stores.passkeys.handle_of(ada, b"new")
    mine, hers = a_passkey(ada), a_passkey(eve)
    for each in (mine, hers):
        await stores.passkeys.add(each)

    for _ in range(2):
        await stores.passkeys.forget(ada)

    assert await stores.passkeys.of_user(ada) == []
    assert await stores.passkeys.by_id(mine.id) is None
    assert await stores.passkeys.handle_of(ada, b"another") == b"another" != handle
    await stores.passkeys.forget(ada)
    assert not (await stores.passkeys.add(a_passkey(ada))).changed
    assert await stores.passkeys.of_user(eve) == [hers]


async def test_the_effects_of_a_change_of_a_passkey_are_stored_with_it(
    stores: FactorStores,
) -> None:
    passkey = a_passkey(await a_holder(stores))
    renamed = replace(passkey, name="Phone")

    def effects() -> Effects:
        return Effects((an_event(),)).with_messages(a_message())

    changes = [
        await stores.passkeys.add(passkey, effects()),
        await stores.passkeys.replace(passkey, renamed, effects()),
        await stores.passkeys.delete(renamed, effects()),
    ]
    refused = [
        await stores.passkeys.add(a_passkey(a_user().id), effects()),
        await stores.passkeys.replace(passkey, renamed, effects()),
        await stores.passkeys.delete(renamed, effects()),
    ]

    assert [each.changed for each in changes + refused] == [True] * 3 + [False] * 3
    queued = await stores.outbox.page(None, None, 9)
    assert len(queued) == sum(each.effects_stored for each in changes)
