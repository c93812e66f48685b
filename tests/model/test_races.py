"""Two sets of stores on one database, as of two processes, with conflicting concurrent calls.

Each side has connections of its own, so the database decides who comes first; small pauses, drawn
at random, make it decide differently each time. The promise holds whichever call wins.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import pytest

from application.login.complete import LoggedIn, TokenPair
from application.ports import Devices, TokenSigner
from application.step_up import PasswordProof
from domain.actor import Operator, Principal
from domain.errors import InvalidCredentials, TokenRejected
from domain.request_context import RequestContext
from domain.session import Session
from domain.user import User
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.stores import open_stores
from tests.model.model import read
from tests.support.builders import PASSWORD
from tests.support.doubles import PausingSessions
from tests.support.world import World

PATIENT = StoreOptions(timeout=timedelta(seconds=60))  # a busy machine is no reason to fail
STACKS = {
    "sqlite": ("sqlite_url", "sqlite_url"),
    "postgresql": ("postgres_url", "postgres_url"),
    "redis": ("postgres_url", "redis_url"),
}
"""The databases of the users and of the sessions."""
ROUNDS = 14
"""Of each race on each of three stacks, unless a test needs fewer or more."""
NEW_PASSWORD = "an even better one than before"
THIEF = RequestContext("203.0.113.9", agent="curl")

_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass
class RacingUser:
    """A user with one session for each side of the race."""

    user: User
    mine: TokenPair
    other: TokenPair
    me: Principal


@dataclass
class TwoWorkers:
    """All use cases twice, as in two workers, on stores that were opened twice.

    :ivar rng: draws the pauses.
    :ivar is_racing: whether the stores pause. Before and after a race, nothing else happens.
    """

    one: World
    other: World
    rng: random.Random
    is_racing: bool = False

    async def pause(self) -> None:
        if self.is_racing:
            for _ in range(self.rng.randrange(8)):
                await asyncio.sleep(0)

    async def racing_user(self) -> RacingUser:
        email = f"{self.rng.getrandbits(64):x}@example.org"
        user = await self.one.sign_up(email)
        mine, other = await self.one.log_in(email), await self.other.log_in(email)
        return RacingUser(user, mine, other, await self.one.authenticate(mine.access))

    async def race(
        self, one: Awaitable[_T], other: Awaitable[_U]
    ) -> tuple[_T | BaseException, _U | BaseException]:
        """Run both concurrently, each after a random pause."""
        with self.racing():
            return await asyncio.gather(
                self._after_a_pause(one), self._after_a_pause(other), return_exceptions=True
            )

    @contextmanager
    def racing(self) -> Iterator[None]:
        self.is_racing = True
        yield
        self.is_racing = False

    async def _after_a_pause(self, call: Awaitable[_T]) -> _T:
        await self.pause()
        return await call

    async def is_revoked(self, pair: TokenPair) -> bool:
        """Check that both workers reject both tokens."""
        for world in (self.one, self.other):
            for use, token in ((world.authenticate, pair.access), (world.refresh, pair.refresh)):
                with pytest.raises(TokenRejected):
                    await use(token)
        return True

    async def remaining_sessions(self, user: User) -> list[str]:
        """Return the ids of the remaining sessions; check that both workers see the same."""
        seen: list[list[Session]] = [
            list(await world.sessions.of_user(user.id)) for world in (self.one, self.other)
        ]
        assert seen[0] == seen[1]
        return [session.id for session in seen[0]]


@pytest.fixture(params=STACKS)
async def workers(
    request: pytest.FixtureRequest, quick_signer: TokenSigner, devices: Devices
) -> AsyncIterator[TwoWorkers]:
    users_url, sessions_url = map(request.getfixturevalue, STACKS[request.param])
    rng = random.Random(request.node.name)
    async with AsyncExitStack() as stack:
        world = World(quick_signer, devices=devices)
        workers = TwoWorkers(world, world, rng)
        for side in ("one", "other"):
            stores = await stack.enter_async_context(open_stores(users_url, sessions_url, PATIENT))
            sessions = PausingSessions(stores.sessions, workers.pause)
            setattr(workers, side, replace(world, users=stores.users, sessions=sessions))
        yield workers


def session_of(pair: TokenPair) -> str:
    return str(read(pair.refresh)["sid"])


def pairs_in(*results: object) -> list[TokenPair]:
    """Return the issued tokens; fail if a call ended with anything but tokens or a refusal."""
    pairs = []
    for result in results:
        if isinstance(result, TokenPair):
            pairs.append(result)
        elif isinstance(result, LoggedIn):
            pairs.append(result.tokens)
        else:
            assert isinstance(result, TokenRejected | InvalidCredentials), result
    return pairs


async def test_a_logout_beats_a_refresh(workers: TwoWorkers) -> None:
    for number in range(ROUNDS):
        ada = await workers.racing_user()
        tokens = (ada.other.access, None) if number % 2 else (None, ada.other.refresh)

        logout, refresh = await workers.race(
            workers.one.logout(*tokens), workers.other.refresh(ada.other.refresh)
        )

        assert logout is None
        for pair in [ada.other, *pairs_in(refresh)]:
            assert await workers.is_revoked(pair)
        assert await workers.remaining_sessions(ada.user) == [session_of(ada.mine)]


async def test_a_theft_that_is_noticed_beats_a_refresh(workers: TwoWorkers) -> None:
    ada = await workers.racing_user()
    for _ in range(5 * ROUNDS):
        stolen = await workers.other.log_in(ada.user.email.address)
        spent = stolen.refresh
        good = await workers.other.refresh((await workers.other.refresh(spent)).refresh)

        theft, refresh = await workers.race(
            workers.one.refresh(spent, THIEF), workers.other.refresh(good.refresh)
        )

        assert isinstance(theft, TokenRejected)
        for pair in [stolen, good, *pairs_in(refresh)]:
            assert await workers.is_revoked(pair)
        assert set(await workers.remaining_sessions(ada.user)) == {
            session_of(ada.mine),
            session_of(ada.other),
        }


async def test_a_password_change_beats_a_login_with_the_old_one(workers: TwoWorkers) -> None:
    for _ in range(ROUNDS):
        ada = await workers.racing_user()

        change, login = await workers.race(
            workers.one.change_password(ada.me, PASSWORD, NEW_PASSWORD),
            workers.other.login(ada.user.email.address, PASSWORD),
        )

        [renewed] = pairs_in(change)
        for pair in [ada.mine, ada.other, *pairs_in(login)]:
            assert await workers.is_revoked(pair)
        assert await workers.remaining_sessions(ada.user) == [session_of(renewed)]
        await workers.other.authenticate(renewed.access)
        await workers.other.login(ada.user.email.address, NEW_PASSWORD)


async def test_a_password_change_beats_a_refresh(workers: TwoWorkers) -> None:
    for number in range(ROUNDS):
        ada = await workers.racing_user()

        copied = ada.other if number % 2 else ada.mine  # by a thief
        change, refresh = await workers.race(
            workers.one.change_password(ada.me, PASSWORD, NEW_PASSWORD),
            workers.other.refresh(copied.refresh),
        )

        [renewed] = pairs_in(change)
        for pair in [ada.mine, ada.other, *pairs_in(refresh)]:
            assert await workers.is_revoked(pair)
        assert await workers.remaining_sessions(ada.user) == [session_of(renewed)]


async def test_of_two_step_ups_from_two_sides_one_wins(workers: TwoWorkers) -> None:
    for _ in range(ROUNDS // 2):
        ada = await workers.racing_user()

        answers = await workers.race(
            workers.one.step_up(ada.me, PasswordProof(PASSWORD)),
            workers.other.step_up(ada.me, PasswordProof(PASSWORD)),
        )

        [stepped_up] = pairs_in(*answers)
        assert await workers.is_revoked(ada.mine)
        await workers.other.authenticate(stepped_up.access)
        assert set(await workers.remaining_sessions(ada.user)) == {
            session_of(ada.other),
            session_of(stepped_up),
        }


async def test_the_end_of_all_sessions_beats_a_step_up_and_a_refresh_does_not(
    workers: TwoWorkers,
) -> None:
    for number in range(ROUNDS):
        ada = await workers.racing_user()
        ends = number % 2 == 0

        stepped_up, other = await workers.race(
            workers.one.step_up(ada.me, PasswordProof(PASSWORD)),
            workers.other.revoke_sessions_of(Operator(), ada.user.id)
            if ends
            else workers.other.refresh(ada.mine.refresh),
        )

        pairs = pairs_in(stepped_up)
        for pair in [ada.mine, *(pairs if ends else pairs_in(other))]:
            assert await workers.is_revoked(pair)
        if not ends:
            [pair] = pairs
            await workers.other.authenticate(pair.access)


async def test_50_refreshes_from_two_sides_make_one_successor(workers: TwoWorkers) -> None:
    for _ in range(ROUNDS // 7):
        ada = await workers.racing_user()
        sides = [workers.one, workers.other] * 25

        with workers.racing():
            pairs = await asyncio.gather(*(world.refresh(ada.other.refresh) for world in sides))

        [successor] = set(pairs)
        assert session_of(successor) == session_of(ada.other)
        assert successor.refresh != ada.other.refresh
        await workers.one.authenticate(successor.access)
        await workers.other.refresh(successor.refresh)
        assert set(await workers.remaining_sessions(ada.user)) == {
            session_of(ada.mine),
            session_of(ada.other),
        }


async def test_two_refreshes_from_two_sides_make_one_successor(workers: TwoWorkers) -> None:
    for _ in range(ROUNDS):
        ada = await workers.racing_user()

        first, second = await workers.race(
            workers.one.refresh(ada.other.refresh), workers.other.refresh(ada.other.refresh)
        )

        assert isinstance(first, TokenPair)
        assert first == second
