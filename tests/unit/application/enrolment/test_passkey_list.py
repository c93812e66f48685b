"""Listing, renaming and removing passkeys."""

import asyncio
from dataclasses import replace

import pytest
from typing_extensions import override

from application.mail.messages import MailPolicy
from application.ports import NO_EFFECTS, Effects, Stored
from application.rate_limiting import RateLimits
from domain.actor import Operator, Principal
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import (
    InvalidInput,
    LastCredential,
    NotFound,
    PermissionMissing,
    StepUpRequired,
    TokenRejected,
)
from domain.outcome import Outcome
from domain.permissions import Role
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import UNKNOWN
from domain.second_factors.challenge import LIFETIME
from domain.second_factors.passkey import Passkey, PasskeyId
from domain.user import NO_PASSWORD, UserId
from doorward.conformance.second_factors.test_passkeys import a_passkey
from infrastructure.storage.memory.passkeys import MemoryPasskeys
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.factors import enrolled, stepped_up
from tests.support.passkeys import add, principal_of
from tests.support.social_login import linked, with_provider
from tests.support.world import World

Held = tuple[Principal, Passkey]


@pytest.fixture
async def held(world: World, me: Principal) -> Held:
    """A stepped-up user with a passkey, and the passkey."""
    done = await add(world, me, Authenticator())
    return await principal_of(world, done), done.passkey


async def another(world: World, me: Principal) -> tuple[Principal, Passkey]:
    done = await add(world, me, Authenticator())
    return await principal_of(world, done), done.passkey


async def an_administrator(world: World) -> Principal:
    admin = (await world.register("Root", "root@example.org", PASSWORD)).user
    await world.change(admin, role=Role.ADMIN)
    login = await world.log_in("root@example.org")
    return await stepped_up(world, await world.authenticate(login.access))


async def test_my_passkeys_are_listed(world: World, held: Held) -> None:
    me, passkey = held
    await world.passkeys.handle_of(UserId(passkey.credential.aaguid), b"other")

    assert await world.list_passkeys(me) == [passkey]


async def test_a_session_that_has_ended_lists_nothing(world: World, me: Principal) -> None:
    await world.change(me.user, generation=me.user.generation + 1)

    with pytest.raises(TokenRejected):
        await world.list_passkeys(me)


async def test_a_passkey_is_renamed_and_the_event_names_it(world: World, held: Held) -> None:
    me, passkey = held

    renamed = await world.rename_passkey(me, passkey.id, " Phone ")

    assert renamed == replace(passkey, name="Phone")
    assert await world.list_passkeys(me) == [renamed]
    event = world.events.events[-1]
    assert (event.type, event.outcome, event.detail) == (
        EventType.RENAME_PASSKEY, Outcome.SUCCESS, passkey.id,
    )  # fmt: skip


class UsedMeanwhile(MemoryPasskeys):
    """Stores a use of a passkey right before the first other change."""

    has_used = False

    @override
    async def replace(
        self, old: Passkey, new: Passkey, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        if not self.has_used:
            self.has_used = True
            await super().replace(old, replace(old, last_used_at=old.created_at))
        return await super().replace(old, new, effects)


async def test_a_use_at_the_same_moment_loses_no_name(world: World, me: Principal) -> None:
    world.passkeys = UsedMeanwhile()
    me, passkey = await another(world, me)

    renamed = await world.rename_passkey(me, passkey.id, "Phone")

    assert (renamed.name, renamed.last_used_at) == ("Phone", passkey.created_at)


async def test_a_name_is_checked_and_changes_are_counted(world: World, held: Held) -> None:
    me, passkey = held
    with pytest.raises(InvalidInput):
        await world.rename_passkey(me, passkey.id, "")

    world.limits = RateLimits(change_account=RateLimit("change", 1, LIFETIME))
    await world.rename_passkey(me, passkey.id, "Phone")
    with pytest.raises(TooManyRequests):
        await world.rename_passkey(me, passkey.id, "Phone")


async def test_the_passkey_of_another_user_is_not_found(world: World, held: Held) -> None:
    me, _ = held
    eve = (await world.register("Eve", "eve@example.org", PASSWORD)).user
    await world.passkeys.handle_of(eve.id, b"eve")
    hers = a_passkey(eve.id)
    await world.passkeys.add(hers)

    for passkey_id in (hers.id, PasskeyId("0" * 64), PasskeyId("unknown\0")):
        with pytest.raises(NotFound):
            await world.rename_passkey(me, passkey_id, "Phone")
        with pytest.raises(NotFound):
            await world.remove_passkey(me, passkey_id)
    assert await world.passkeys.by_id(hers.id) == hers


async def test_a_removal_ends_all_sessions_and_starts_a_new_one(world: World, held: Held) -> None:
    me, passkey = held
    await world.start_session(me.user, UNKNOWN, me.session.transport)

    done = await world.remove_passkey(me, passkey.id)

    [session] = await world.sessions.of_user(me.user.id)
    assert (await world.authenticate(done.tokens.access)).session == session
    assert not session.is_stepped_up
    assert await world.passkeys.of_user(me.user.id) == []
    event = [each for each in world.events.events if each.type is EventType.REMOVE_PASSKEY]
    assert [each.detail for each in event] == [passkey.id]
    queued = [each.message for each in await world.outbox.page(None, None, 99)]
    assert "passkey_removed" in [each.facts.get("change") for each in queued]


async def test_with_the_last_factor_the_recovery_codes_go_and_the_password_is_enough(
    world: World, held: Held
) -> None:
    me, passkey = held

    await world.remove_passkey(me, passkey.id)

    assert (await world.second_factors.of_user(me.user.id)).recovery_codes == frozenset()
    user = await world.users.get(me.user.id)
    assert user is not None
    assert not user.has_second_factor
    await world.log_in()


async def test_another_factor_stays_a_factor(world: World, held: Held) -> None:
    me, passkey = held
    user = await enrolled(world, me.user)
    me = await stepped_up(world, Principal(user, await world.renew_session(me.session, user)))

    await world.remove_passkey(me, passkey.id)

    user = await world.show_user(Operator(), me.user.id)
    assert user.has_second_factor
    assert (await world.find_factors(user)).methods == [Method.TOTP, Method.RECOVERY_CODE]


async def test_a_removal_needs_a_step_up(world: World, held: Held) -> None:
    me, passkey = held
    session = await world.renew_session(me.session, me.user)

    with pytest.raises(StepUpRequired):
        await world.remove_passkey(Principal(me.user, session), passkey.id)


async def without_password(world: World, me: Principal, *, verified: bool) -> Principal:
    await world.change(me.user, password_hash=NO_PASSWORD, verified=verified)
    return me


async def test_the_last_way_to_log_in_is_not_removed(world: World, held: Held) -> None:
    me, passkey = held
    me = await without_password(world, me, verified=False)

    with pytest.raises(LastCredential):
        await world.remove_passkey(me, passkey.id)

    assert await world.list_passkeys(me) == [passkey]
    assert world.events.events[-1].outcome is Outcome.LAST_CREDENTIAL


async def test_an_account_at_a_configured_provider_is_a_way(world: World, held: Held) -> None:
    me, passkey = held
    await linked(world, me.user)
    me = await without_password(world, me, verified=False)
    with pytest.raises(LastCredential):
        await world.remove_passkey(me, passkey.id)

    with_provider(world)
    await world.remove_passkey(me, passkey.id)


async def test_a_proven_address_is_a_way_only_where_mail_is_sent(
    world: World, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, passkey = held
    me = await without_password(world, me, verified=True)
    monkeypatch.setattr(world, "mail_policy", MailPolicy(is_on=False))
    with pytest.raises(LastCredential):
        await world.remove_passkey(me, passkey.id)

    monkeypatch.setattr(world, "mail_policy", MailPolicy())
    await world.remove_passkey(me, passkey.id)


async def test_of_two_passkeys_that_are_removed_in_parallel_one_stays(
    world: World, held: Held
) -> None:
    me, first = held
    me, second = await another(world, me)
    me = await without_password(world, me, verified=False)

    done = await asyncio.gather(
        world.remove_passkey(me, first.id),
        world.remove_passkey(me, second.id),
        return_exceptions=True,
    )

    assert [isinstance(each, BaseException) for each in done].count(True) == 1
    assert len(await world.passkeys.of_user(me.user.id)) == 1


async def test_a_passkey_that_is_removed_twice_at_once_is_not_found(
    world: World, held: Held
) -> None:
    me, passkey = held

    done = await asyncio.gather(
        *(world.remove_passkey(me, passkey.id) for _ in range(2)), return_exceptions=True
    )

    assert sum(isinstance(each, NotFound | TokenRejected) for each in done) == 1


async def test_an_administrator_lists_and_removes_the_passkeys_of_a_user(
    world: World, held: Held
) -> None:
    me, passkey = held
    me = await without_password(world, me, verified=False)
    admin = await an_administrator(world)

    assert await world.list_passkeys_of(admin, me.user.id) == [passkey]
    await world.remove_passkey_of(admin, me.user.id, passkey.id)

    assert await world.list_passkeys_of(admin, me.user.id) == []
    assert await world.sessions.of_user(me.user.id) == []
    event = world.events.events[-1]
    assert (event.type, event.user_id, event.actor_id) == (
        EventType.REMOVE_PASSKEY, me.user.id, admin.user.id,
    )  # fmt: skip
    assert event.detail == passkey.id
    with pytest.raises(NotFound):
        await world.remove_passkey_of(admin, me.user.id, passkey.id)


async def test_administrators_need_a_step_up_and_others_a_permission(
    world: World, held: Held
) -> None:
    me, passkey = held
    admin = await an_administrator(world)
    session = await world.renew_session(admin.session, admin.user)

    with pytest.raises(StepUpRequired):
        await world.remove_passkey_of(Principal(admin.user, session), me.user.id, passkey.id)
    with pytest.raises(PermissionMissing):
        await world.remove_passkey_of(me, admin.user.id, passkey.id)
    with pytest.raises(PermissionMissing):
        await world.list_passkeys_of(me, admin.user.id)


async def test_an_administrator_removes_no_passkey_of_their_own_so(world: World) -> None:
    admin = await an_administrator(world)
    done = await add(world, admin, Authenticator())
    admin = await principal_of(world, done)

    with pytest.raises(PermissionMissing):
        await world.remove_passkey_of(admin, admin.user.id, done.passkey.id)


class Gone(MemoryPasskeys):
    """Deletes a passkey right before it is deleted."""

    @override
    async def delete(
        self, passkey: Passkey, effects: Effects = NO_EFFECTS, *, not_last: bool = False
    ) -> Stored[bool]:
        await super().delete(passkey)
        return await super().delete(passkey, effects, not_last=not_last)


async def test_of_two_removals_by_administrators_the_second_finds_nothing(
    world: World, me: Principal
) -> None:
    world.passkeys = Gone()
    me, passkey = await another(world, me)
    admin = await an_administrator(world)

    with pytest.raises(NotFound):
        await world.remove_passkey_of(admin, me.user.id, passkey.id)
    with pytest.raises(NotFound):
        await world.remove_passkey(me, passkey.id)


class UserGone(MemoryPasskeys):
    """Deletes the user right after a passkey was deleted."""

    world: World

    @override
    async def delete(
        self, passkey: Passkey, effects: Effects = NO_EFFECTS, *, not_last: bool = False
    ) -> Stored[bool]:
        deleted = await super().delete(passkey, effects, not_last=not_last)
        await self.world.users.delete(passkey.user_id)
        return deleted


async def test_a_user_who_is_deleted_meanwhile_is_no_error_of_the_administrator(
    world: World, me: Principal
) -> None:
    world.passkeys = passkeys = UserGone()
    passkeys.world = world
    me, passkey = await another(world, me)
    admin = await an_administrator(world)

    await world.remove_passkey_of(admin, me.user.id, passkey.id)

    assert await world.users.get(me.user.id) is None
