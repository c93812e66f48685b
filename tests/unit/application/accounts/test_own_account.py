"""Changing one's profile, taking one's data along, and going for good."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from typing_extensions import override

from application.ports import NO_EFFECTS, Effects, Stored
from domain.actor import Operator, Principal
from domain.errors import (
    InvalidCredentials,
    InvalidInput,
    SecondFactorRequired,
    StepUpRequired,
    TokenRejected,
    Unavailable,
    WrongPassword,
)
from domain.outcome import Outcome
from domain.permissions import Role
from domain.rate_limit import TooManyRequests
from domain.user import UserId
from doorward.conformance.support.social_login import an_identity
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import PASSWORD
from tests.support.doubles import PausingSessions
from tests.support.factors import enrolled
from tests.support.social_login import linked
from tests.support.world import World
from tests.unit.application.attempts import ADA, GUESS, limited

NEW = "a better one than before"


async def test_users_choose_the_language_of_their_mails(world: World) -> None:
    user = await world.sign_up()
    me = await world.authenticate((await world.log_in()).access)

    changed = await world.change_profile(me, locale="de-AT")
    kept = await world.change_profile(me, name="Ada King")

    assert (user.locale, changed.locale, kept.locale) == (None, "de-AT", "de-AT")


async def test_name_and_photo_change_and_nothing_else(world: World, me: Principal) -> None:
    world.clock.advance(world.lifetimes.grace)

    changed = await world.change_profile(me, "  Ada King ", "https://example.org/ada.png")

    assert changed == replace(
        me.user, name="Ada King", photo="https://example.org/ada.png", updated_at=world.clock()
    )
    assert await world.users.get(me.user.id) == changed
    await world.login(ADA, PASSWORD)


async def test_omitted_members_stay_unchanged(world: World, me: Principal) -> None:
    await world.change_profile(me, photo="ada.png")
    changed = await world.change_profile(me, name="Ada King")

    assert (changed.name, changed.photo) == ("Ada King", "ada.png")


@pytest.mark.parametrize(
    ("name", "photo", "fields"),
    [
        ("", None, ["name"]),
        ("with\u202eoverride", None, ["name"]),
        (None, "", ["photo"]),
        (None, "javascript:alert(1)", ["photo"]),
        (None, "data:image/png;base64,AAAA", ["photo"]),
        (None, "../../etc/passwd", ["photo"]),
        (None, ".htaccess", ["photo"]),
        (None, "https://example.org/a b", ["photo"]),
        (None, "https://", ["photo"]),
        (None, "ada.png\n", ["photo"]),
        (None, "https://example.org/" + "a" * 236, ["photo"]),
        ("", "", ["name", "photo"]),
    ],
)
async def test_an_invalid_change_changes_nothing(
    world: World, me: Principal, name: str | None, photo: str | None, fields: list[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.change_profile(me, name, photo)

    assert [problem.field for problem in refused.value.problems] == fields
    assert await world.users.get(me.user.id) == me.user


async def test_a_change_beside_another_one_loses_neither(world: World, me: Principal) -> None:
    world.sessions = PausingSessions(world.sessions, lambda: asyncio.sleep(0))

    await asyncio.gather(
        world.change_profile(me, name="Ada King"), world.change_profile(me, photo="ada.png")
    )

    stored = await world.users.get(me.user.id)
    assert stored is not None
    assert (stored.name, stored.photo) == ("Ada King", "ada.png")


async def test_a_deleted_user_is_removed_from_every_store(world: World, me: Principal) -> None:
    tokens = await world.log_in(ADA)

    await world.delete_account(me, PASSWORD)

    assert await world.users.get(me.user.id) is None
    assert await world.users.by_email(me.user.email) is None
    assert await world.sessions.of_user(me.user.id) == []
    with pytest.raises(TokenRejected):
        await world.authenticate(tokens.access)
    with pytest.raises(TokenRejected):
        await world.refresh(tokens.refresh)
    with pytest.raises(InvalidCredentials):
        await world.login(ADA, PASSWORD)
    await world.sign_up(ADA)


class UndeletableUsers(MemoryUsers):
    """Users in a store that fails when one of them is deleted."""

    @override
    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        raise Unavailable("the users")


async def test_a_deletion_that_fails_leaves_no_user_without_the_second_factor(
    world: World,
) -> None:
    world.users = UndeletableUsers()
    ada = await enrolled(world, await world.sign_up(ADA))
    before = await world.find_factors(ada)

    with pytest.raises(Unavailable):
        await world.delete_user(Operator(), ada.id)

    assert await world.find_factors(ada) == before
    with pytest.raises(SecondFactorRequired):
        await world.login(ADA, PASSWORD)


async def test_the_second_factors_of_a_deleted_user_are_deleted(world: World) -> None:
    ada = await enrolled(world, await world.sign_up(ADA))

    await world.delete_user(Operator(), ada.id)

    assert not (await world.find_factors(ada)).methods


async def test_the_identities_of_a_deleted_user_are_deleted_after_the_user(
    world: World, me: Principal
) -> None:
    identity = an_identity(me.user)
    elsewhere = MemoryUsers()  # a store of users that does not delete the identities itself
    await elsewhere.add(me.user, Effects(linked=identity))
    world.identities = elsewhere.identities
    world.users = UndeletableUsers()
    await world.users.add(me.user)
    with pytest.raises(Unavailable):
        await world.delete_user(Operator(), me.user.id)
    assert await world.identities.of_user(me.user.id) == [identity]

    world.users = MemoryUsers()
    await world.users.add(me.user)
    await world.delete_user(Operator(), me.user.id)

    assert await world.identities.of_user(me.user.id) == []


async def test_a_wrong_password_deletes_nothing(world: World, me: Principal) -> None:
    world.limits = limited(3, "login_account")
    for _ in range(3):
        with pytest.raises(WrongPassword):
            await world.delete_account(me, GUESS)
    with pytest.raises(TooManyRequests):
        await world.delete_account(me, PASSWORD)

    assert await world.users.get(me.user.id) == me.user
    assert len(await world.sessions.of_user(me.user.id)) == 3


async def test_a_login_during_a_deletion_leaves_no_session(world: World, me: Principal) -> None:
    sessions = world.sessions
    world.sessions = PausingSessions(sessions, lambda: asyncio.sleep(0))

    await asyncio.gather(
        world.delete_account(me, PASSWORD),
        *(world.login(ADA, PASSWORD) for _ in range(5)),
        return_exceptions=True,
    )

    assert await world.users.get(me.user.id) is None
    assert await sessions.of_user(me.user.id) == []


async def test_an_export_has_all_data_about_the_user(world: World, me: Principal) -> None:
    me = await world.stepped_up(me)
    identity = await linked(world, me.user)

    export = await world.export_account(me)

    assert export.user == me.user
    assert export.identities == [identity]
    assert export.sessions == await world.list_sessions(me)
    assert len(export.sessions) == 3
    whats = [recorded.event.type for recorded in export.events]
    assert whats == ["step up", "login", "login", "login", "register"]


async def test_nothing_is_done_for_a_session_that_has_just_ended(
    world: World, me: Principal
) -> None:
    """A request may have been let in on a copy that is a moment old."""
    await world.sessions.delete(me.user.id, me.session.id)

    for call in (
        world.change_password(me, PASSWORD, NEW),
        world.change_profile(me, "Eve"),
        world.delete_account(me, PASSWORD),
        world.export_account(me),
    ):
        with pytest.raises(TokenRejected):
            await call

    assert await world.users.get(me.user.id) == me.user


NEW_EMAIL = "new@example.org"
SENSITIVE: dict[str, Callable[[World, Principal], Awaitable[object]]] = {
    "change the password": lambda world, me: world.change_password(me, None, NEW),
    "change the address": lambda world, me: world.request_email_change(
        me, "new@example.org", None
    ),
    "export the account": lambda world, me: world.export_account(me),
    "delete the account": lambda world, me: world.delete_account(me, None),
}


@pytest.mark.parametrize("act", SENSITIVE.values(), ids=SENSITIVE)
async def test_a_sensitive_step_needs_a_step_up_and_no_password_beside_it(
    world: World, me: Principal, act: Callable[[World, Principal], Awaitable[object]]
) -> None:
    with pytest.raises(StepUpRequired):
        await act(world, me)
    [refused] = world.events.events[-1:]
    assert refused.outcome is Outcome.STEP_UP_REQUIRED
    assert not refused.is_kept
    assert await world.users.get(me.user.id) == me.user

    await act(world, await world.stepped_up(me))

    assert world.events.events[-1].outcome is Outcome.SUCCESS


async def test_changes_that_cost_nothing_are_limited_for_each_user(
    world: World, me: Principal
) -> None:
    me = await world.stepped_up(me)
    world.limits = limited(3, "change_account")
    for _ in range(3):
        await world.change_profile(me, "Ada King")

    with pytest.raises(TooManyRequests):
        await world.change_profile(me, "Ada Lovelace")
    with pytest.raises(TooManyRequests):
        await world.export_account(me)

    await world.sign_up("eve@example.org")
    eve = await world.authenticate((await world.log_in("eve@example.org")).access)
    await world.export_account(await world.stepped_up(eve))


async def test_the_deletion_of_an_administrator_records_the_demotion(world: World) -> None:
    ada, eve = await world.sign_up(ADA), await world.sign_up("eve@example.org")
    for user in (ada, eve):
        await world.change(user, role=Role.ADMIN)
    admin = await world.authenticate((await world.log_in("eve@example.org")).access)
    admin = await world.stepped_up(admin)
    world.events.events.clear()

    await world.delete_user(admin, ada.id)

    recorded = [(event.type, event.detail, event.actor_id) for event in world.events.events]
    assert recorded == [("change user", "role user", eve.id), ("delete user", "", eve.id)]


async def test_acts_of_the_operator_are_distinguished_from_those_of_the_user(
    world: World, me: Principal
) -> None:
    await world.revoke_sessions_of(Operator(), me.user.id)

    assert world.events.events[-1].is_by_another
    assert not world.events.events[0].is_by_another
