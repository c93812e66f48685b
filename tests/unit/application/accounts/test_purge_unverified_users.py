"""Users who have registered and not proven their address are deleted after a while."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.accounts.email_verification import RegistrantProof
from application.ports import CHANGED, NO_EFFECTS, Effects, Stored
from application.registration_policy import EmailVerification, RegistrationPolicy
from domain.actor import Operator
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import Unavailable
from domain.permissions import Role
from domain.user import User, UserId
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import PASSWORD, SECOND
from tests.support.world import World

ADA, EVE = "ada@example.org", "eve@example.org"
DAY = timedelta(days=1)
POLICY = RegistrationPolicy(
    email_verification=EmailVerification.OPTIONAL, unverified_lifetime=30 * DAY
)


@pytest.fixture
async def user(world: World) -> User:
    world.policy = POLICY
    return await world.sign_up()


async def is_there(world: World, email: str = ADA) -> bool:
    return await world.users.by_email(Email.parse(email)) is not None


def purges(world: World) -> list[str]:
    events = world.events.events
    return [each.detail for each in events if each.type is EventType.PURGE_UNVERIFIED_USERS]


async def test_a_user_who_has_not_proven_the_address_in_time_is_deleted(
    world: World, user: User
) -> None:
    await world.sign_up(EVE)
    await world.log_in()

    world.clock.advance(30 * DAY)
    await world.purge_unverified_users()
    assert await is_there(world)

    world.clock.advance(SECOND)
    await world.purge_unverified_users()

    assert not await is_there(world)
    assert await world.sessions.of_user(user.id) == []
    assert purges(world) == ["2 users"]


async def test_a_verified_user_stays(world: World) -> None:
    world.policy = POLICY
    await world.sign_up()
    [letter] = await world.read_mail()
    assert letter.token
    await world.verify_email(letter.token, RegistrantProof(PASSWORD))

    world.clock.advance(31 * DAY)
    await world.purge_unverified_users()

    assert await is_there(world)
    assert purges(world) == []


@pytest.mark.parametrize("changes", [{"role": Role.ADMIN}, {"disabled": True}])
async def test_administrators_and_disabled_users_stay(
    world: World, user: User, changes: dict[str, Any]
) -> None:
    await world.change(user, **changes)

    world.clock.advance(31 * DAY)
    await world.purge_unverified_users()

    assert await is_there(world)


async def test_a_user_whom_the_operator_has_created_stays(world: World) -> None:
    world.policy = POLICY
    await world.create_user(Operator(), "Ada", ADA, PASSWORD)

    world.clock.advance(31 * DAY)
    await world.purge_unverified_users()

    assert await is_there(world)


@pytest.mark.parametrize(
    "policy",
    [
        replace(POLICY, unverified_lifetime=None),
        replace(POLICY, email_verification=EmailVerification.OFF),
    ],
)
async def test_nothing_is_purged_unless_configured(
    world: World, policy: RegistrationPolicy
) -> None:
    await world.sign_up()
    world.policy = policy

    world.clock.advance(31 * DAY)
    await world.purge_unverified_users()

    assert await is_there(world)


class VerifyingUsers(MemoryUsers):
    """Each user proves the address just before the purge changes the user."""

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        await super().replace(old, replace(old, verified=True))
        return await super().replace(old, new, effects)


async def test_a_proof_wins_over_a_purge(world: World) -> None:
    world.users, world.policy = VerifyingUsers(), POLICY
    await world.sign_up()

    world.clock.advance(31 * DAY)
    await world.purge_unverified_users()

    assert await is_there(world)
    assert purges(world) == []


class FailingUsers(MemoryUsers):
    """Deletes one user, and then fails."""

    deleted = 0

    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        if self.deleted:
            raise Unavailable("users")
        self.deleted += 1
        await super().delete(user_id, effects)
        return CHANGED


async def test_what_was_purged_before_an_outage_is_recorded(world: World) -> None:
    world.users, world.policy = FailingUsers(), POLICY
    for email in (ADA, EVE):
        await world.sign_up(email)

    world.clock.advance(31 * DAY)
    with pytest.raises(Unavailable):
        await world.purge_unverified_users()

    assert purges(world) == ["1 users"]
