"""The contract of the store of challenges."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.authentication import Method
from domain.second_factors.challenge import Ceremony, Challenge, digest_of
from domain.session import Transport
from domain.user import UserId
from doorward.conformance.support.examples import MICROSECOND, NOW, a_user, new_id
from doorward.conformance.support.opening import FactorStores

pytestmark = pytest.mark.asyncio


def a_challenge(user_id: UserId | None = None) -> Challenge:
    return Challenge(
        digest_of(new_id()),
        Ceremony.SECOND_FACTOR,
        NOW + timedelta(minutes=5),
        user_id or a_user().id,
        7,
        "b" * 64,
        frozenset(Method),
        Transport.BEARER,
    )


def anonymous() -> Challenge:
    expires_at = NOW + timedelta(minutes=5)
    return Challenge(digest_of(new_id()), Ceremony.PASSKEY_ASSERTION, expires_at)


async def test_a_challenge_is_returned_as_stored(stores: FactorStores) -> None:
    by_cookie = replace(a_challenge(), transport=Transport.COOKIE, shows_access=True)
    for challenge in (a_challenge(), by_cookie, anonymous()):
        await stores.challenges.add(challenge)

        assert await stores.challenges.take(challenge.digest) == challenge
        assert await stores.challenges.take(challenge.digest) is None


async def test_parallel_attempts_have_different_numbers(stores: FactorStores) -> None:
    challenge = a_challenge()
    await stores.challenges.add(challenge)

    tried = await asyncio.gather(
        *(stores.challenges.count_try(challenge.digest) for _ in range(20))
    )

    assert sorted(each.tries for each in tried if each) == list(range(1, 21))
    assert await stores.challenges.take(challenge.digest) == replace(challenge, tries=20)
    assert await stores.challenges.count_try(challenge.digest) is None


async def test_of_parallel_calls_one_takes_a_challenge(stores: FactorStores) -> None:
    challenge = a_challenge()
    await stores.challenges.add(challenge)

    taken = await asyncio.gather(*(stores.challenges.take(challenge.digest) for _ in range(20)))

    assert [each for each in taken if each] == [challenge]


async def test_the_challenges_of_a_user_are_forgotten(stores: FactorStores) -> None:
    ada = a_user().id
    mine, others = [a_challenge(ada), a_challenge(ada)], [a_challenge(), anonymous()]
    for each in [*mine, *others]:
        await stores.challenges.add(each)

    await stores.challenges.forget(ada)

    assert [await stores.challenges.take(each.digest) for each in mine] == [None, None]
    assert [await stores.challenges.take(each.digest) for each in others] == others


async def test_expired_challenges_are_purged_in_steps(stores: FactorStores) -> None:
    old = [replace(a_challenge(), expires_at=NOW - MICROSECOND) for _ in range(3)]
    new = replace(a_challenge(), expires_at=NOW)
    for each in [*old, new]:
        await stores.challenges.add(each)

    assert [await stores.challenges.purge(NOW, 2) for _ in range(3)] == [2, 1, 0]

    assert await stores.challenges.take(new.digest) == new
