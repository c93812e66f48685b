"""A reset removes all factors of a user, and nothing that is in flight survives it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from application.ports import NO_EFFECTS, Effects, SecondFactorStore, Stored
from domain.actor import Actor, Operator, Principal, Scheduler
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import (
    InvalidCredentials,
    NotFound,
    PermissionMissing,
    SecondFactorInvalid,
    SecondFactorRequired,
    StepUpRequired,
)
from domain.outcome import Outcome
from domain.permissions import Role
from domain.request_context import RequestContext
from domain.second_factors import totp
from domain.second_factors.factors import SecondFactors
from domain.session import Session
from domain.session_activity import SessionActivity
from domain.user import User, UserId
from doorward.conformance.second_factors.test_passkeys import a_passkey
from infrastructure.storage.memory.second_factors import MemorySecondFactors
from infrastructure.storage.memory.sessions import MemorySessions
from tests.support.builders import PASSWORD
from tests.support.factors import SECRET, enrolled
from tests.support.world import World

ADA, BOSS = "ada@example.org", "boss@example.org"
APP = RequestContext("192.0.2.1", agent="an app")


@pytest.fixture
async def ada(world: World) -> User:
    """A user with an app, recovery codes and a passkey."""
    user = await enrolled(world, await world.sign_up(ADA))
    await world.passkeys.handle_of(user.id, bytes(64))
    assert (await world.passkeys.add(a_passkey(user.id))).changed
    return user


async def an_administrator(world: World) -> Principal:
    """Return an administrator whose session is stepped up."""
    boss = await world.sign_up(BOSS)
    await world.change(boss, role=Role.ADMIN)
    return await world.stepped_up(await world.authenticate((await world.log_in(BOSS)).access))


async def stored(world: World, user: User) -> User:
    found = await world.users.get(user.id)
    assert found is not None
    return found


async def methods(world: World, user: User) -> list[Method]:
    return list((await world.find_factors(user)).methods)


async def pending_login(world: World) -> SecondFactorRequired:
    with pytest.raises(SecondFactorRequired) as asked:
        await world.login(ADA, PASSWORD, APP)
    return asked.value


def code(world: World) -> str:
    return totp.code_at(SECRET, totp.step_at(world.clock()))


async def test_after_a_reset_the_password_alone_logs_in(world: World, ada: User) -> None:
    await world.reset_second_factors(await an_administrator(world), ada.id)

    assert await world.second_factors.of_user(ada.id) == SecondFactors(ada.id)
    assert await world.passkeys.of_user(ada.id) == []
    assert not (await stored(world, ada)).has_second_factor
    assert (await world.log_in(ADA)).access


async def test_a_reset_ends_the_sessions_of_the_user(world: World, ada: User) -> None:
    asked = await pending_login(world)
    await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)

    await world.reset_second_factors(Operator(), ada.id)

    assert await world.sessions.of_user(ada.id) == []
    assert (await stored(world, ada)).generation > ada.generation


async def test_a_reset_is_recorded_and_the_user_gets_a_notice(world: World, ada: User) -> None:
    boss = await an_administrator(world)
    await world.read_mail()

    await world.reset_second_factors(boss, ada.id)

    event = world.events.events[-1]
    assert (event.type, event.outcome) == (EventType.RESET_SECOND_FACTORS, Outcome.SUCCESS)
    assert (event.user_id, event.actor) == (ada.id, boss.user.id)
    [letter] = await world.read_mail()
    assert letter.to == ADA


async def test_a_user_without_factors_can_be_reset_twice(world: World) -> None:
    bob = await world.sign_up("bob@example.org")

    for _ in range(2):
        await world.reset_second_factors(Operator(), bob.id)

    recorded = [each.type for each in world.events.events]
    assert recorded.count(EventType.RESET_SECOND_FACTORS) == 2


async def test_only_those_who_may_change_users_reset_factors(world: World, ada: User) -> None:
    eve = await world.sign_up("eve@example.org")
    session = await world.authenticate((await world.log_in(eve.email.address)).access)
    for actor in (session, Scheduler()):
        with pytest.raises(PermissionMissing):
            await world.reset_second_factors(actor, ada.id)

    assert (await stored(world, ada)).has_second_factor


async def test_administrators_cannot_reset_their_own_factors(world: World) -> None:
    boss = await an_administrator(world)

    with pytest.raises(PermissionMissing):
        await world.reset_second_factors(boss, boss.user.id)

    assert (await stored(world, boss.user)).generation == boss.user.generation


async def test_an_administrator_needs_a_step_up(world: World, ada: User) -> None:
    await an_administrator(world)
    boss = await world.authenticate((await world.log_in(BOSS)).access)

    with pytest.raises(StepUpRequired):
        await world.reset_second_factors(boss, ada.id)

    assert await methods(world, ada) == [Method.PASSKEY, Method.TOTP, Method.RECOVERY_CODE]


async def test_the_operator_resets_the_last_administrator(world: World) -> None:
    boss = (await an_administrator(world)).user
    await enrolled(world, await stored(world, boss))

    await world.reset_second_factors(Operator(), boss.id)

    assert await methods(world, boss) == []


@pytest.mark.parametrize("actor", [None, Operator()], ids=["administrator", "operator"])
async def test_an_unknown_user_cannot_be_reset(world: World, actor: Actor | None) -> None:
    with pytest.raises(NotFound):
        await world.reset_second_factors(
            actor or await an_administrator(world), UserId(UUID(int=1))
        )


async def test_a_pending_login_does_not_survive_a_reset(world: World, ada: User) -> None:
    asked = await pending_login(world)

    await world.reset_second_factors(Operator(), ada.id)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)


async def test_a_login_whose_code_was_accepted_before_a_reset_starts_no_session(
    world: World, ada: User
) -> None:
    asked = await pending_login(world)
    world.sessions = SessionsAfter(lambda: world.reset_second_factors(Operator(), ada.id))

    with pytest.raises(InvalidCredentials):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)

    assert await world.sessions.of_user(ada.id) == []


async def test_an_enrolment_that_a_reset_overtakes_leaves_no_factor(
    world: World, ada: User
) -> None:
    """It marks the user between the first write of the reset and the deletion of the factor."""

    async def mark() -> None:
        user = await stored(world, ada)
        await world.change(user, has_second_factor=True)

    world.second_factors = await factors_after(mark, world.second_factors, ada)

    await world.reset_second_factors(Operator(), ada.id)

    assert not (await stored(world, ada)).has_second_factor
    assert await methods(world, ada) == []


@pytest.mark.parametrize("crash", ["challenges", "passkeys", "second_factors"])
async def test_after_a_crash_factors_are_asked_for_and_a_reset_can_be_repeated(
    world: World, ada: User, crash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        name = "replace" if crash == "second_factors" else "forget"
        patch.setattr(getattr(world, crash), name, fail)
        with pytest.raises(ConnectionError):
            await world.reset_second_factors(Operator(), ada.id)

    assert Method.TOTP in (await pending_login(world)).methods
    assert (await stored(world, ada)).has_second_factor  # or a node of 0.2.0 would log in
    await world.reset_second_factors(Operator(), ada.id)
    assert (await world.log_in(ADA)).access


class SessionsAfter(MemorySessions):
    """Before a session is stored, something else happens."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        await self._meanwhile()
        return await super().add(session, activity, effects)


async def factors_after(
    meanwhile: Callable[[], Awaitable[None]], before: SecondFactorStore, user: User
) -> MemorySecondFactors:
    """Return a store with the same factors. Before the first change something else happens."""
    happened: list[bool] = []

    class Factors(MemorySecondFactors):
        async def replace(
            self, old: SecondFactors, new: SecondFactors, effects: Effects = NO_EFFECTS
        ) -> Stored[bool]:
            if not happened:
                happened.append(True)
                await meanwhile()
                return Stored(False)
            return await super().replace(old, new, effects)

    store = Factors()
    await MemorySecondFactors.replace(store, SecondFactors(user.id), await before.of_user(user.id))
    return store
