"""The contract of the store of second factors."""

import asyncio
from dataclasses import replace

import pytest

from application.ports import Effects
from domain.audit.event import Event
from domain.second_factors.factors import SecondFactors, Totp
from domain.session import SessionId
from domain.user import UserId
from doorward.conformance.support.examples import (
    MICROSECOND,
    NOW,
    a_message,
    a_user,
    an_event,
    new_id,
)
from doorward.conformance.support.opening import FactorStores

pytestmark = pytest.mark.asyncio


def all_factors(user_id: UserId) -> SecondFactors:
    """Return factors with every attribute."""
    factors = SecondFactors(
        user_id,
        totp=Totp("sealed", 2**40),
        recovery_codes=frozenset({"a" * 64, "b" * 64}),
        failures=3,
        failing_since=NOW + MICROSECOND,
        locked_until=NOW,
    )
    return factors.proposing("pending", SessionId(new_id()), NOW)


async def test_a_user_without_factors_has_empty_ones(stores: FactorStores) -> None:
    user = a_user()

    assert await stores.factors.of_user(user.id) == SecondFactors(user.id)


async def test_factors_are_returned_as_stored(stores: FactorStores) -> None:
    factors = all_factors(a_user().id)

    assert (await stores.factors.replace(SecondFactors(factors.user_id), factors)).changed

    assert await stores.factors.of_user(factors.user_id) == factors


@pytest.mark.parametrize(
    "change",
    [
        {"totp": Totp("sealed", 2**40 + 1)},
        {"totp": Totp("another", 2**40)},
        {"totp": None},
        {"pending": None},
        {"recovery_codes": frozenset({"a" * 64})},
        {"failures": 4},
        {"failing_since": None},
        {"locked_until": NOW + MICROSECOND},
    ],
)
async def test_only_what_is_stored_is_replaced(
    stores: FactorStores, change: dict[str, object]
) -> None:
    factors = all_factors(a_user().id)
    changed = replace(factors, **change)  # type: ignore[arg-type]
    await stores.factors.replace(SecondFactors(factors.user_id), factors)

    assert not (await stores.factors.replace(changed, factors)).changed
    assert (await stores.factors.replace(factors, changed)).changed
    assert await stores.factors.of_user(factors.user_id) == changed


async def test_of_parallel_replacements_one_wins(stores: FactorStores) -> None:
    none = SecondFactors(a_user().id)
    first = all_factors(none.user_id)

    added = await asyncio.gather(*(stores.factors.replace(none, first) for _ in range(20)))
    used = await asyncio.gather(
        *(
            stores.factors.replace(first, replace(first, totp=Totp("sealed", 2**41 + each)))
            for each in range(20)
        )
    )

    assert [each.changed for each in added].count(True) == 1
    assert [each.changed for each in used].count(True) == 1


async def test_the_last_factor_can_be_removed_and_added_again(stores: FactorStores) -> None:
    none = SecondFactors(a_user().id)
    factors = all_factors(none.user_id)
    await stores.factors.replace(none, factors)

    assert (await stores.factors.replace(factors, none)).changed
    assert not (await stores.factors.replace(factors, none)).changed
    assert not (await stores.factors.replace(none, none)).changed
    assert (await stores.factors.replace(none, factors)).changed


async def test_the_factors_of_a_user_are_forgotten(stores: FactorStores) -> None:
    ada, eve = all_factors(a_user().id), all_factors(a_user().id)
    for each in (ada, eve):
        await stores.factors.replace(SecondFactors(each.user_id), each)

    for _ in range(2):
        await stores.factors.forget(ada.user_id)

    assert await stores.factors.of_user(ada.user_id) == SecondFactors(ada.user_id)
    assert await stores.factors.of_user(eve.user_id) == eve


async def test_all_factors_are_listed_by_the_id_of_the_user(stores: FactorStores) -> None:
    stored = sorted((all_factors(a_user().id) for _ in range(5)), key=lambda each: each.user_id)
    for each in stored:
        await stores.factors.replace(SecondFactors(each.user_id), each)

    first = await stores.factors.page(None, 2)

    assert [*first, *await stores.factors.page(first[-1].user_id, 9)] == stored


async def test_the_effects_of_a_change_are_stored_with_it(stores: FactorStores) -> None:
    factors = all_factors(a_user().id)
    event: Event = an_event()
    effects = Effects((event,)).with_messages(a_message())

    stored = await stores.factors.replace(SecondFactors(factors.user_id), factors, effects)
    refused = await stores.factors.replace(SecondFactors(factors.user_id), factors, effects)

    assert not refused.changed
    queued = await stores.outbox.page(None, None, 9)
    assert len(queued) == stored.effects_stored
