"""Two processes' worth of stores on one database, doing contrary things at the same moment.

Each side has connections of its own, so the database decides who comes first; small pauses, drawn
at random, make it decide differently each time. Whoever wins, the promise holds afterwards.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import pytest

from application.authentication import LoggedIn, TokenPair
from application.ports import Devices, TokenSigner
from domain.actor import Principal
from domain.errors import InvalidCredentials, TokenRejected
from domain.request_context import RequestContext
from domain.session import Session
from domain.user import User
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.stores import open_stores
from tests.model.model import read
from tests.support.builders import PASSWORD, World
from tests.support.doubles import PausingSessions

PATIENT = StoreOptions(timeout=timedelta(seconds=60))  # a busy machine is no reason to fail
STACKS = {
    "sqlite": ("sqlite_url", "sqlite_url"),
    "postgresql": ("postgres_url", "postgres_url"),
    "redis": ("postgres_url", "redis_url"),
}
"""Where the users and where the sessions are."""
ROUNDS = 14
"""Of each of five races on each of three stacks: 210 interleavings."""
NEW_PASSWORD = "an even better one than before"
THIEF = RequestContext("203.0.113.9", agent="curl")

_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass
class Somebody:
    """A user, and one session of hers for each side of the race."""

    user: User
    mine: TokenPair
    other: TokenPair
    me: Principal


@dataclass
class Arena:
    """
    :ivar one: and ``other``: all use cases, twice, on stores that were opened twice.
    """

    one: World
    other: World
    dice: random.Random

    async def pause(self) -> None:
        for _ in range(self.dice.randrange(8)):
            await asyncio.sleep(0)

    async def somebody(self) -> Somebody:
        email = f"{self.dice.getrandbits(64):x}@example.org"
        user = await self.one.sign_up(email)
        mine, other = await self.one.come_in(email), await self.other.come_in(email)
        return Somebody(user, mine, other, await self.one.authenticate(mine.access))

    async def race(
        self, one: Awaitable[_T], other: Awaitable[_U]
    ) -> tuple[_T | BaseException, _U | BaseException]:
        """Each starts a little later than now, and neither knows how much."""
        return await asyncio.gather(
            self._after_a_pause(one), self._after_a_pause(other), return_exceptions=True
        )

    async def _after_a_pause(self, call: Awaitable[_T]) -> _T:
        await self.pause()
        return await call

    async def is_dead(self, pair: TokenPair) -> bool:
        """Everywhere, and for both of its tokens."""
        for house in (self.one, self.other):
            for use, token in ((house.authenticate, pair.access), (house.refresh, pair.refresh)):
                with pytest.raises(TokenRejected):
                    await use(token)
        return True

    async def left_of(self, user: User) -> list[str]:
        """The ids of the sessions that are left, which both sides see alike."""
        seen: list[list[Session]] = [
            list(await house.sessions.of_user(user.id)) for house in (self.one, self.other)
        ]
        assert seen[0] == seen[1]
        return [session.id for session in seen[0]]


@pytest.fixture(params=STACKS)
async def arena(
    request: pytest.FixtureRequest, signer: TokenSigner, devices: Devices
) -> AsyncIterator[Arena]:
    users_url, sessions_url = map(request.getfixturevalue, STACKS[request.param])
    dice = random.Random(request.node.name)
    async with AsyncExitStack() as stack:
        house = World(signer, devices=devices)
        arena = Arena(house, house, dice)
        for side in ("one", "other"):
            stores = await stack.enter_async_context(open_stores(users_url, sessions_url, PATIENT))
            sessions = PausingSessions(stores.sessions, arena.pause)
            setattr(arena, side, replace(house, users=stores.users, sessions=sessions))
        yield arena


def session_of(pair: TokenPair) -> str:
    return str(read(pair.refresh)["sid"])


def pairs_in(*results: object) -> list[TokenPair]:
    """The tokens that somebody got; nobody got any other answer than those or a refusal."""
    pairs = []
    for result in results:
        if isinstance(result, TokenPair):
            pairs.append(result)
        elif isinstance(result, LoggedIn):
            pairs.append(result.tokens)
        else:
            assert isinstance(result, TokenRejected | InvalidCredentials), result
    return pairs


async def test_a_logout_beats_a_refresh(arena: Arena) -> None:
    for number in range(ROUNDS):
        ada = await arena.somebody()
        tokens = (ada.other.access, None) if number % 2 else (None, ada.other.refresh)

        logout, refresh = await arena.race(
            arena.one.logout(*tokens), arena.other.refresh(ada.other.refresh)
        )

        assert logout is None
        for pair in [ada.other, *pairs_in(refresh)]:
            assert await arena.is_dead(pair)
        assert await arena.left_of(ada.user) == [session_of(ada.mine)]


async def test_a_theft_that_is_noticed_beats_a_refresh(arena: Arena) -> None:
    for _ in range(5 * ROUNDS):
        ada = await arena.somebody()
        spent = ada.other.refresh
        good = await arena.other.refresh((await arena.other.refresh(spent)).refresh)

        theft, refresh = await arena.race(
            arena.one.refresh(spent, THIEF), arena.other.refresh(good.refresh)
        )

        assert isinstance(theft, TokenRejected)
        for pair in [ada.other, good, *pairs_in(refresh)]:
            assert await arena.is_dead(pair)
        assert await arena.left_of(ada.user) == [session_of(ada.mine)]


async def test_a_password_change_beats_a_login_with_the_old_one(arena: Arena) -> None:
    for _ in range(ROUNDS):
        ada = await arena.somebody()

        change, login = await arena.race(
            arena.one.change_password(ada.me, PASSWORD, NEW_PASSWORD),
            arena.other.login(ada.user.email.address, PASSWORD),
        )

        [renewed] = pairs_in(change)
        for pair in [ada.mine, ada.other, *pairs_in(login)]:
            assert await arena.is_dead(pair)
        assert await arena.left_of(ada.user) == [session_of(renewed)]
        await arena.other.authenticate(renewed.access)
        await arena.other.login(ada.user.email.address, NEW_PASSWORD)


async def test_a_password_change_beats_a_refresh(arena: Arena) -> None:
    for number in range(ROUNDS):
        ada = await arena.somebody()

        copied = ada.other if number % 2 else ada.mine  # by a thief
        change, refresh = await arena.race(
            arena.one.change_password(ada.me, PASSWORD, NEW_PASSWORD),
            arena.other.refresh(copied.refresh),
        )

        [renewed] = pairs_in(change)
        for pair in [ada.mine, ada.other, *pairs_in(refresh)]:
            assert await arena.is_dead(pair)
        assert await arena.left_of(ada.user) == [session_of(renewed)]


async def test_50_refreshes_from_two_sides_make_one_successor(arena: Arena) -> None:
    for _ in range(ROUNDS // 7):
        ada = await arena.somebody()
        houses = [arena.one, arena.other] * 25

        pairs = await asyncio.gather(*(house.refresh(ada.other.refresh) for house in houses))

        [successor] = set(pairs)
        assert session_of(successor) == session_of(ada.other)
        assert successor.refresh != ada.other.refresh
        await arena.one.authenticate(successor.access)
        await arena.other.refresh(successor.refresh)
        assert set(await arena.left_of(ada.user)) == {
            session_of(ada.mine),
            session_of(ada.other),
        }


async def test_two_refreshes_from_two_sides_make_one_successor(arena: Arena) -> None:
    for _ in range(ROUNDS):
        ada = await arena.somebody()

        first, second = await arena.race(
            arena.one.refresh(ada.other.refresh), arena.other.refresh(ada.other.refresh)
        )

        assert isinstance(first, TokenPair)
        assert first == second
