"""What a worker does that has not heard of a change yet: it may be late, and never unjust."""

from dataclasses import dataclass

import pytest

from application.authentication import TokenPair
from domain.errors import RefreshTokenReused, TokenRejected
from domain.user import User
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.users import NearCacheUsers
from tests.support.builders import LIFETIMES, PASSWORD, World
from tests.support.doubles import ManualFeed

ADA, NEW = "ada@example.org", "a better one than before"


@dataclass
class Pair:
    """Two workers on the same stores; the one that is deaf is told nothing.

    :ivar user: who is logged in, and has asked the deaf one.
    """

    hearing: World
    deaf: World
    user: User
    tokens: TokenPair


@pytest.fixture
async def pair(house: World) -> Pair:
    feed = ManualFeed()
    deaf = World(house.signer, clock=house.clock, devices=house.devices, hasher=house.hasher)
    deaf.users = NearCacheUsers(house.users, feed, 100)
    deaf.sessions = NearCacheSessions(house.sessions, feed, 100, house.clock)
    user = await house.sign_up(ADA)
    tokens = await house.come_in(ADA)
    await deaf.authenticate(tokens.access)
    return Pair(house, deaf, user, tokens)


async def test_the_successor_of_a_token_is_not_taken_for_a_reused_one(pair: Pair) -> None:
    successor = await pair.hearing.refresh(pair.tokens.refresh)

    again = await pair.deaf.refresh(successor.refresh)

    await pair.hearing.authenticate(again.access)


async def test_a_token_that_is_reused_is_noticed(pair: Pair) -> None:
    await pair.hearing.refresh(pair.tokens.refresh)
    pair.hearing.clock.advance(LIFETIMES.grace)

    with pytest.raises(RefreshTokenReused):
        await pair.deaf.refresh(pair.tokens.refresh)


async def test_who_has_a_new_password_is_let_in_though_only_the_user_is_known(
    pair: Pair,
) -> None:
    """The session was heard of, or read anew; the copy of the user is of before."""
    me = await pair.hearing.authenticate(pair.tokens.access)
    await pair.hearing.change_password(me, PASSWORD, NEW)
    stored = await pair.hearing.sessions.get(me.user.id, me.session.id)
    assert stored is not None
    assert not stored.is_good_for(me.user)
    pair.deaf.sessions = pair.hearing.sessions

    await pair.deaf.authenticate(pair.tokens.access)
    await pair.deaf.refresh(pair.tokens.refresh)


async def test_and_though_only_the_session_is_known(pair: Pair) -> None:
    me = await pair.hearing.authenticate(pair.tokens.access)
    await pair.hearing.change_password(me, PASSWORD, NEW)
    pair.deaf.users = pair.hearing.users

    for _ in range(3):
        await pair.deaf.authenticate(pair.tokens.access)
    assert pair.deaf.cached_sessions.cached(me.user.id, me.session.id) is not None
    assert (
        pair.deaf.authenticate_from_cache(pair.tokens.access) is None
    )  # no signature is remembered


async def test_who_is_enabled_again_is_let_in(pair: Pair) -> None:
    await pair.hearing.change(pair.user, disabled=True)
    feed_is_told = pair.deaf.users
    assert isinstance(feed_is_told, NearCacheUsers)
    await feed_is_told.get(pair.user.id)
    disabled = await pair.hearing.users.get(pair.user.id)
    assert disabled is not None
    with pytest.raises(TokenRejected):
        await pair.deaf.authenticate(pair.tokens.access)

    await pair.hearing.change(disabled, disabled=False)

    await pair.deaf.authenticate(pair.tokens.access)
