"""A worker that has not received an invalidation may accept for a moment, never reject wrongly."""

from dataclasses import dataclass

import pytest

from application.login.complete import TokenPair
from domain.errors import RefreshTokenReused, TokenRejected
from domain.user import User
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.users import NearCacheUsers
from tests.support.builders import LIFETIMES, PASSWORD
from tests.support.doubles import ManualFeed
from tests.support.world import World

ADA, NEW = "ada@example.org", "a better one than before"


@dataclass
class Workers:
    """Two workers on the same stores; the stale one receives no invalidation.

    :ivar user: is logged in, and cached by the stale worker.
    """

    current: World
    stale: World
    user: User
    tokens: TokenPair


@pytest.fixture
async def workers(world: World) -> Workers:
    feed = ManualFeed()
    stale = World(world.signer, clock=world.clock, devices=world.devices, hasher=world.hasher)
    stale.users = NearCacheUsers(world.users, feed, 100)
    stale.sessions = NearCacheSessions(world.sessions, feed, 100, world.clock)
    user = await world.sign_up(ADA)
    tokens = await world.log_in(ADA)
    await stale.authenticate(tokens.access)
    return Workers(world, stale, user, tokens)


async def test_a_stale_worker_does_not_take_the_successor_of_a_token_for_a_reused_one(
    workers: Workers,
) -> None:
    successor = await workers.current.refresh(workers.tokens.refresh)

    again = await workers.stale.refresh(successor.refresh)

    await workers.current.authenticate(again.access)


async def test_a_stale_worker_detects_a_reused_token(workers: Workers) -> None:
    await workers.current.refresh(workers.tokens.refresh)
    workers.current.clock.advance(LIFETIMES.grace)

    with pytest.raises(RefreshTokenReused):
        await workers.stale.refresh(workers.tokens.refresh)


async def test_a_session_from_a_password_change_is_accepted_though_the_cached_user_is_older(
    workers: Workers,
) -> None:
    """The session is current, and the cached user from before the change."""
    me = await workers.current.authenticate(workers.tokens.access)
    tokens = (await workers.current.change_password(me, PASSWORD, NEW)).tokens
    [stored] = await workers.current.sessions.of_user(me.user.id)
    assert not stored.is_good_for(me.user)
    workers.stale.sessions = workers.current.sessions

    await workers.stale.authenticate(tokens.access)
    await workers.stale.refresh(tokens.refresh)


async def test_a_session_of_before_a_password_change_is_rejected_though_it_is_cached(
    workers: Workers,
) -> None:
    me = await workers.current.authenticate(workers.tokens.access)
    tokens = (await workers.current.change_password(me, PASSWORD, NEW)).tokens
    workers.stale.users = workers.current.users
    assert workers.stale.cached_sessions.cached(me.user.id, me.session.id) is not None

    with pytest.raises(TokenRejected):
        await workers.stale.authenticate(workers.tokens.access)
    await workers.stale.authenticate(tokens.access)


async def test_an_enabled_user_is_accepted_though_the_cached_one_is_disabled(
    workers: Workers,
) -> None:
    await workers.current.change(workers.user, disabled=True)
    cached_users = workers.stale.users
    assert isinstance(cached_users, NearCacheUsers)
    await cached_users.get(workers.user.id)
    disabled = await workers.current.users.get(workers.user.id)
    assert disabled is not None
    with pytest.raises(TokenRejected):
        await workers.stale.authenticate(workers.tokens.access)

    await workers.current.change(disabled, disabled=False)

    await workers.stale.authenticate(workers.tokens.access)


async def test_a_worker_accepts_cached_sessions_and_decides_nothing_else_from_the_cache(
    workers: Workers, quick_signer: JwtSigner
) -> None:
    stale, token = workers.stale, workers.tokens.access
    stale.signer = VerifiedTokenCache(quick_signer, 100, stale.clock)
    await stale.authenticate(token)
    principal = await stale.authenticate(token)

    assert stale.authenticate_from_cache(token) == principal
    assert stale.authenticate_from_cache(workers.tokens.refresh) is None

    assert (await stale.users.replace(workers.user, workers.user.disable(stale.clock()))).changed
    await stale.users.get(workers.user.id)  # caches the disabled user
    assert stale.authenticate_from_cache(token) is None


async def test_a_session_that_is_not_cached_is_not_accepted_from_the_cache(
    workers: Workers, quick_signer: JwtSigner
) -> None:
    stale, token = workers.stale, workers.tokens.access
    stale.signer = VerifiedTokenCache(quick_signer, 100, stale.clock)
    await stale.authenticate(token)
    stale.sessions = NearCacheSessions(workers.current.sessions, ManualFeed(), 100, stale.clock)

    assert stale.authenticate_from_cache(token) is None
