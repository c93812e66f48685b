"""Users and administrators list, link and unlink accounts of other providers."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from application.login.complete import LoggedIn
from application.mail.messages import MailPolicy
from application.social_login.identities import ShownProvider
from domain.actor import Operator, Principal
from domain.audit.event import CauseOfEnd, EventType
from domain.errors import (
    IdentityTaken,
    InvalidInput,
    LastCredential,
    NotFound,
    PermissionMissing,
    StepUpRequired,
    TokenRejected,
)
from domain.mail.message import MailKind
from domain.permissions import Role
from domain.request_context import UNKNOWN
from domain.social_login.identity import (
    MAX_IDENTITIES,
    Identity,
    IdentityId,
    ProviderAccount,
    ProviderName,
)
from domain.user import NO_PASSWORD, User, UserId
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import PASSWORD, new_id
from tests.support.social_login import ACME, an_account, linked, stepped_up_now, with_provider
from tests.support.world import World

SECOND = an_account(subject="4712")


@pytest.fixture(autouse=True)
def provider(world: World) -> None:
    with_provider(world)


@pytest.fixture
async def owner(world: World, me: Principal) -> Principal:
    """A user in a session that was stepped up."""
    return await stepped_up_now(world, me)


async def link(world: World, me: Principal, account: ProviderAccount | None = None) -> Identity:
    async with world.audit.recording(EventType.LINK_IDENTITY, UNKNOWN) as entry:
        return await world.link_identity(me, account or an_account(), entry)


async def notices(world: World) -> list[tuple[str, str]]:
    await world.read_mail()
    return [
        (letter.facts["change"], letter.facts["provider"])
        for letter in world.mailbox.letters
        if letter.kind is MailKind.IDENTITIES_CHANGED
    ]


async def stored_of(world: World, me: Principal) -> User:
    stored = await world.users.get(me.user.id)
    assert stored is not None
    return stored


async def test_providers_are_listed_in_their_order(world: World) -> None:
    assert await world.list_providers() == [
        ShownProvider(ACME, "Acme Inc."),
        ShownProvider(ProviderName("umbrella"), "Umbrella"),
    ]


async def test_my_identities_are_listed(world: World, me: Principal) -> None:
    eve = await world.sign_up("eve@example.org")
    await linked(world, eve, SECOND)
    identity = await linked(world, me.user)

    assert await world.list_identities(me) == [identity]
    await world.change(me.user, disabled=True)
    with pytest.raises(TokenRejected):
        await world.list_identities(me)


async def test_a_link_is_an_event_and_a_notice_and_ends_no_session(
    world: World, me: Principal
) -> None:
    identity = await link(world, me)

    assert await world.list_identities(me) == [identity]
    event = world.events.events[-1]
    assert (event.type, event.detail, event.cause_of_end) == (
        EventType.LINK_IDENTITY, f"acme {identity.id}", None,
    )  # fmt: skip
    assert await notices(world) == [("linked", "Acme Inc.")]


async def test_linking_an_own_account_again_changes_nothing(world: World, me: Principal) -> None:
    identity = await link(world, me)
    before = await world.users.get(me.user.id)

    assert await link(world, me, an_account("new@example.org")) == identity

    assert await world.users.get(me.user.id) == before
    assert len(await notices(world)) == 1


async def test_the_account_of_another_user_is_taken(world: World, me: Principal) -> None:
    eve = await world.sign_up("eve@example.org")
    await linked(world, eve, an_account())

    with pytest.raises(IdentityTaken):
        await link(world, me)

    assert await world.list_identities(me) == []


async def test_the_account_of_a_deleted_user_is_free(world: World, me: Principal) -> None:
    eve = await world.sign_up("eve@example.org")
    identity = await linked(world, eve, an_account())
    world.users = MemoryUsers()  # which does not know her
    world.__post_init__()
    await world.users.add(me.user)

    mine = await link(world, me)

    assert await world.list_identities(me) == [mine]
    assert await world.identities.by_id(identity.id) is None


async def test_a_user_has_a_limited_number_of_identities(world: World, me: Principal) -> None:
    for number in range(MAX_IDENTITIES):
        await link(world, me, an_account(subject=f"n{number}"))

    with pytest.raises(InvalidInput) as refusal:
        await link(world, me)

    assert refusal.value.problems[0].field == "identities"


async def test_links_in_parallel_all_count(world: World, me: Principal) -> None:
    accounts = [an_account(subject=f"n{number}") for number in range(5)]

    await asyncio.gather(*(link(world, me, each) for each in [*accounts, *accounts]))

    assert len(await world.list_identities(me)) == 5


async def test_an_unlinked_account_logs_in_no_more_and_ends_all_sessions(
    world: World, owner: Principal
) -> None:
    identity = await link(world, owner)
    stranger = await world.login_with_identity(an_account())

    done = await world.unlink_identity(owner, identity.id)

    now = await world.authenticate(done.tokens.access)
    assert now.session.id != owner.session.id
    assert now.session.methods == owner.session.methods
    assert not now.session.is_stepped_up
    assert await world.list_identities(now) == []
    assert await world.sessions.of_user(owner.user.id) == [now.session]
    assert world.devices.recognise(done.device_token, now.user)
    assert world.devices.recognise(stranger.device_token, now.user) is None
    event = world.events.events[-1]
    assert (event.type, event.detail, event.session_id) == (
        EventType.UNLINK_IDENTITY, f"acme {identity.id}", owner.session.id,
    )  # fmt: skip
    assert event.cause_of_end is CauseOfEnd.IDENTITY
    assert (await notices(world))[-1] == ("unlinked", "Acme Inc.")


async def test_to_unlink_needs_a_step_up(world: World, me: Principal) -> None:
    identity = await link(world, me)

    with pytest.raises(StepUpRequired):
        await world.unlink_identity(me, identity.id)

    assert await world.list_identities(me) == [identity]


async def test_the_identity_of_another_user_is_not_found(world: World, owner: Principal) -> None:
    eve = await world.sign_up("eve@example.org")
    hers = await linked(world, eve, SECOND)

    for identity_id in (hers.id, IdentityId(new_id()), IdentityId("unknown\0")):
        with pytest.raises(NotFound):
            await world.unlink_identity(owner, identity_id)

    assert await world.identities.by_id(hers.id) == hers


@pytest.mark.parametrize(
    ("has_password", "is_verified", "has_mail", "has_other", "is_last"),
    [
        (False, True, False, False, True),
        (False, False, True, False, True),
        (False, True, True, False, False),
        (True, False, False, False, False),
        (False, False, False, True, False),
    ],
)
async def test_the_last_way_in_is_not_unlinked(
    world: World,
    owner: Principal,
    has_password: bool,
    is_verified: bool,
    has_mail: bool,
    has_other: bool,
    is_last: bool,
) -> None:
    identity = await link(world, owner)
    if has_other:
        await link(world, owner, SECOND)
    stored = await stored_of(world, owner)
    password_hash = stored.password_hash if has_password else NO_PASSWORD
    await world.change(stored, password_hash=password_hash, verified=is_verified)
    world.mail_policy = MailPolicy(is_on=has_mail)

    if is_last:
        with pytest.raises(LastCredential):
            await world.unlink_identity(owner, identity.id)
        assert await world.list_identities(owner) == [identity]
    else:
        await world.unlink_identity(owner, identity.id)


async def test_an_account_at_a_provider_that_is_gone_is_no_other_way_in(
    world: World, owner: Principal
) -> None:
    identity = await link(world, owner)
    await link(world, owner, replace(SECOND, provider=ProviderName("gone")))
    await world.change(await stored_of(world, owner), password_hash=NO_PASSWORD)
    world.mail_policy = MailPolicy(is_on=False)

    with pytest.raises(LastCredential):
        await world.unlink_identity(owner, identity.id)


async def test_of_two_last_identities_one_stays(world: World, owner: Principal) -> None:
    both = [await link(world, owner, each) for each in (an_account(), SECOND)]
    stored = await stored_of(world, owner)
    await world.change(stored, password_hash=NO_PASSWORD)
    world.mail_policy = MailPolicy(is_on=False)

    ends = await asyncio.gather(
        *(world.unlink_identity(owner, each.id) for each in both), return_exceptions=True
    )

    assert sum(isinstance(each, LoggedIn) for each in ends) == 1
    assert len(await world.identities.of_user(owner.user.id)) == 1


async def test_a_change_of_the_user_at_the_same_moment_is_kept(
    world: World, owner: Principal
) -> None:
    identity = await link(world, owner)

    await asyncio.gather(
        world.change_profile(owner, name="Countess"), world.unlink_identity(owner, identity.id)
    )

    stored = await stored_of(world, owner)
    assert stored.name == "Countess"
    assert await world.identities.of_user(owner.user.id) == []


async def an_administrator(world: World) -> Principal:
    admin = (await world.register("Root", "root@example.org", PASSWORD)).user
    await world.change(admin, role=Role.ADMIN)
    login = await world.log_in("root@example.org")
    return await stepped_up_now(world, await world.authenticate(login.access))


async def test_an_administrator_lists_and_unlinks_the_identities_of_a_user(
    world: World, me: Principal
) -> None:
    identity = await link(world, me, an_account(provider=ProviderName("gone")))
    await world.change(await stored_of(world, me), password_hash=NO_PASSWORD)
    admin = await an_administrator(world)

    assert await world.list_identities_of(admin, me.user.id) == [identity]
    await world.unlink_identity_of(admin, me.user.id, identity.id, reason="a lost account")

    assert await world.list_identities_of(Operator(), me.user.id) == []
    assert await world.sessions.of_user(me.user.id) == []
    with pytest.raises(TokenRejected):
        await world.reload_principal(me)
    event = world.events.events[-1]
    assert (event.type, event.user_id, event.actor_id, event.reason) == (
        EventType.UNLINK_IDENTITY, me.user.id, admin.user.id, "a lost account",
    )  # fmt: skip
    assert (await notices(world))[-1] == ("unlinked", "gone")


async def test_administrators_need_permission_a_step_up_and_another_user(
    world: World, me: Principal
) -> None:
    identity = await link(world, me)
    admin = await an_administrator(world)
    earlier = replace(admin.session, is_stepped_up=False)
    own = await linked(world, admin.user, SECOND)

    with pytest.raises(PermissionMissing):
        await world.unlink_identity_of(me, admin.user.id, own.id)
    with pytest.raises(PermissionMissing):
        await world.list_identities_of(me, admin.user.id)
    with pytest.raises(PermissionMissing):
        await world.unlink_identity_of(admin, admin.user.id, own.id)
    with pytest.raises(InvalidInput):
        await world.unlink_identity_of(admin, me.user.id, identity.id, reason="\0")
    await world.sessions.replace(admin.session, earlier)
    with pytest.raises(StepUpRequired):
        await world.unlink_identity_of(admin, me.user.id, identity.id)

    assert await world.list_identities(me) == [identity]


async def test_an_administrator_meets_no_unknown_user_or_identity(
    world: World, me: Principal
) -> None:
    nobody = UserId(UUID(int=0))

    with pytest.raises(NotFound):
        await world.list_identities_of(Operator(), nobody)
    with pytest.raises(NotFound):
        await world.unlink_identity_of(Operator(), nobody, IdentityId(new_id()))
    with pytest.raises(NotFound):
        await world.unlink_identity_of(Operator(), me.user.id, IdentityId(new_id()))
