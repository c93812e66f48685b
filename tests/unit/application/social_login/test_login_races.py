"""Logins at other providers while other processes change the same user or identity."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from typing_extensions import override

from application.login.complete import LoggedIn
from application.ports import NO_EFFECTS, Effects, Stored
from application.social_login.policy import SocialPolicy
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import InvalidCredentials, LinkRequired, TokenRejected
from domain.request_context import UNKNOWN
from domain.session import Session
from domain.session_activity import SessionActivity
from domain.social_login.identity import Identity
from domain.social_login.rules import LinkingPolicy
from domain.user import NO_PASSWORD, User, UserId
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.social_login.identities import MemoryIdentities
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import PASSWORD
from tests.support.social_login import an_account, linked, with_provider
from tests.support.world import World

ADA = "ada@example.org"


async def _nothing() -> None:
    """Change nothing."""


@dataclass
class Meanwhile:
    """What another process does, once, at a certain moment."""

    act: Callable[[], Awaitable[object]] = _nothing
    has_acted: bool = False

    async def __call__(self) -> None:
        if not self.has_acted:
            self.has_acted = True
            await self.act()


class BusyUsers(MemoryUsers):
    """Users whom another process changes right before a change, or right after they were read."""

    def __init__(self) -> None:
        super().__init__()
        self.before_change, self.after_read = Meanwhile(), Meanwhile()
        self.before_search = Meanwhile(has_acted=True)

    @override
    async def by_email(self, email: Email) -> User | None:
        await self.before_search()
        return await super().by_email(email)

    @override
    async def add(self, user: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        await self.before_change()
        return await super().add(user, effects)

    @override
    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        await self.before_change()
        return await super().replace(old, new, effects)

    @override
    async def get(self, user_id: UserId) -> User | None:
        user = await super().get(user_id)
        await self.after_read()
        return user


@pytest.fixture
def users(world: World) -> BusyUsers:
    with_provider(world)
    world.users = users = BusyUsers()
    users.before_change.has_acted = users.after_read.has_acted = True
    world.__post_init__()
    return users


def set_off(moment: Meanwhile, act: Callable[[], Awaitable[object]]) -> None:
    moment.act, moment.has_acted = act, False


async def user_of(world: World, done: LoggedIn) -> User:
    return (await world.authenticate(done.tokens.access)).user


async def test_two_callbacks_for_one_new_person_make_one_user(
    world: World, users: BusyUsers
) -> None:
    other: list[LoggedIn] = []

    async def log_in() -> None:
        other.append(await world.login_with_identity(an_account()))

    set_off(users.before_change, log_in)
    done = await world.login_with_identity(an_account())

    assert await user_of(world, done) == await user_of(world, other[0])
    registrations = [each for each in world.events.events if each.type is EventType.REGISTER]
    assert len(registrations) == 1


async def test_a_person_whom_another_callback_has_just_registered_logs_in(
    world: World, users: BusyUsers
) -> None:
    """The account was unknown, but its address is not any more."""
    other: list[LoggedIn] = []

    async def log_in() -> None:
        other.append(await world.login_with_identity(an_account()))

    set_off(users.before_search, log_in)
    done = await world.login_with_identity(an_account())

    assert await user_of(world, done) == await user_of(world, other[0])


async def test_two_addresses_of_one_new_account_make_one_user(
    world: World, users: BusyUsers
) -> None:
    set_off(
        users.before_change,
        lambda: world.login_with_identity(an_account("changed@example.org")),
    )

    done = await world.login_with_identity(an_account())

    assert (await user_of(world, done)).email.address == "changed@example.org"
    assert await users.by_email(Email.parse(ADA)) is None


async def test_two_accounts_for_one_new_address_make_one_user(
    world: World, users: BusyUsers
) -> None:
    """The second one meets a verified user."""
    set_off(users.before_change, lambda: world.login_with_identity(an_account(subject="2")))

    with pytest.raises(LinkRequired):
        await world.login_with_identity(an_account())


async def test_a_registration_at_the_same_moment_is_taken_over(
    world: World, users: BusyUsers
) -> None:
    set_off(users.before_change, lambda: world.register("Eve", ADA, PASSWORD))

    done = await world.login_with_identity(an_account())

    user = await user_of(world, done)
    assert (user.name, user.password_hash, user.verified) == ("Eve", NO_PASSWORD, True)


@pytest.mark.usefixtures("users")
async def test_many_callbacks_in_parallel_agree(world: World) -> None:
    logins = (world.login_with_identity(an_account()) for _ in range(5))

    done = await asyncio.gather(*logins)

    assert len({(await user_of(world, each)).id for each in done}) == 1


async def test_nothing_is_linked_to_a_user_who_has_changed_meanwhile(
    world: World, users: BusyUsers
) -> None:
    world.social_policy = SocialPolicy(LinkingPolicy.VERIFIED)
    ada = await world.sign_up()
    await world.change(ada, verified=True)
    ada = replace(ada, verified=True)
    set_off(users.before_change, lambda: world.change(ada, disabled=True))

    with pytest.raises(LinkRequired):
        await world.login_with_identity(an_account())

    assert await world.identities.of_user(ada.id) == []


async def test_a_link_of_another_process_at_the_same_moment_counts(
    world: World, users: BusyUsers
) -> None:
    world.social_policy = SocialPolicy(LinkingPolicy.VERIFIED)
    ada, eve = await world.sign_up(), await world.sign_up("eve@example.org")
    await world.change(ada, verified=True)
    set_off(users.before_change, lambda: linked(world, eve, an_account()))

    done = await world.login_with_identity(an_account())

    assert (await user_of(world, done)).id == eve.id


async def test_an_account_that_a_stranger_links_at_the_same_moment_goes_with_the_rest(
    world: World, users: BusyUsers
) -> None:
    stranger = await world.sign_up()
    theirs = an_account(subject="theirs")
    set_off(users.before_change, lambda: linked(world, stranger, theirs))

    done = await world.login_with_identity(an_account())

    user = await user_of(world, done)
    assert user.id == stranger.id
    assert [each.subject for each in await world.identities.of_user(user.id)] == ["4711"]


async def test_a_proof_of_the_owner_at_the_same_moment_keeps_the_password(
    world: World, users: BusyUsers
) -> None:
    ada = await world.sign_up()
    set_off(users.before_change, lambda: world.change(ada, verified=True))

    with pytest.raises(LinkRequired):
        await world.login_with_identity(an_account())

    await world.log_in()


class FoundIdentities(MemoryIdentities):
    """Identities one of which another process unlinks right after it was found."""

    def __init__(self) -> None:
        super().__init__()
        self.after_find = Meanwhile()

    @override
    async def find(self, issuer: str, subject: str) -> Identity | None:
        found = await super().find(issuer, subject)
        await self.after_find()
        return found


class UsedIdentities(MemoryIdentities):
    """Identities whose use another process notes at the same moment."""

    @override
    async def replace(self, old: Identity, new: Identity) -> Stored[bool]:
        assert old.last_used_at is not None
        assert (await super().replace(old, replace(old, email="other@example.org"))).changed
        return await super().replace(old, new)


async def test_a_use_that_another_process_notes_first_refuses_no_login(world: World) -> None:
    with_provider(world)
    world.identities = UsedIdentities()
    world.__post_init__()
    ada = await world.sign_up()
    await linked(world, ada)
    world.clock.advance(timedelta(hours=1))

    done = await world.login_with_identity(an_account())

    assert (await user_of(world, done)).id == ada.id
    [identity] = await world.identities.of_user(ada.id)
    assert identity.email == "other@example.org"


class AddedSessions(MemorySessions):
    """Sessions at whose start another process unlinks the account."""

    def __init__(self) -> None:
        super().__init__()
        self.before_add = Meanwhile()

    @override
    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        await self.before_add()
        return await super().add(session, activity, effects)


@pytest.mark.parametrize("moment", ["found", "read", "started"])
async def test_an_account_that_is_unlinked_at_the_same_moment_does_not_log_in(
    world: World, users: BusyUsers, moment: str
) -> None:
    identities, sessions = FoundIdentities(), AddedSessions()
    world.identities, world.sessions = identities, sessions
    world.__post_init__()
    ada = await world.sign_up()
    identity = await linked(world, ada)
    stored = replace(ada, verified=True)
    await world.change(ada, verified=True)

    async def unlink() -> None:
        by = Effects().unlinking(identity)
        assert (await world.users.replace(stored, stored.without_sessions(), by)).changed

    moments = {
        "found": identities.after_find,
        "read": users.after_read,
        "started": sessions.before_add,
    }
    set_off(moments[moment], unlink)

    with pytest.raises(InvalidCredentials if moment == "started" else LinkRequired):
        await world.login_with_identity(an_account())

    assert await world.sessions.of_user(ada.id) == []


async def test_a_session_that_ends_at_the_same_moment_links_nothing(
    world: World, users: BusyUsers
) -> None:
    ada = await world.sign_up()
    me = await world.authenticate((await world.log_in()).access)
    set_off(users.before_change, lambda: world.change(ada, generation=ada.generation + 1))
    entry = world.audit.begin(EventType.LINK_IDENTITY, UNKNOWN)

    with pytest.raises(TokenRejected):
        await world.link_identity(me, an_account(), entry)

    assert await world.identities.of_user(ada.id) == []
