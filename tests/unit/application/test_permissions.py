"""Use cases ask for the permission themselves: they refuse also where no guard ran before them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from application.accounts.invitation import Invitee
from application.audit_log import ExportAuditLog, ShowAuditEvent, ShowAuditLogState
from application.figures.show import ShowFigures
from application.operation.settings import ShowSettings
from application.pagination import EventQuery, Page, UserQuery
from application.ports import NO_EFFECTS, SettingsInForce
from application.readiness import CheckReadiness
from application.signing_keys import ListSigningKeys
from domain.actor import Actor, Operator, Principal, Scheduler
from domain.errors import PermissionMissing, StepUpRequired
from domain.figures import Period
from domain.key_ring import Key, KeyId, KeyRing, KeyTimes
from domain.mail.message import MessageId
from domain.permissions import Role
from domain.session import STEP_UP_LIFETIME
from domain.token import TokenKind
from domain.user import User
from doorward.conformance.support.examples import a_message
from infrastructure.storage.memory.figures import MemoryFigures
from tests.support.builders import NOW, PASSWORD, a_session, a_user
from tests.support.key_commands import KeyCommands, MemoryKeys
from tests.support.world import World

ORDINARY = Principal(a_user(), a_session())

Act = Callable[[World, Actor, User], Awaitable[object]]
NEW = ("Eve", "eve@example.org", PASSWORD, Role.ADMIN)
OTHER = "another passphrase"


async def _end_session(world: World, actor: Actor, user: User) -> None:
    [session] = await world.sessions.of_user(user.id)
    await world.revoke_session_of(actor, user.id, session.id)


async def an_overview(world: World, actor: Actor) -> object:
    show = ShowFigures(
        MemoryFigures(),
        world.outbox,
        MemoryKeys(),
        KeyTimes(timedelta(minutes=5), {}),
        CheckReadiness({}),
        world.clock,
    )
    return await show(actor, Period.DAY)


A_KEY = Key(KeyId("a"), TokenKind.ACCESS, NOW, NOW)


def keys_of(world: World) -> KeyCommands:
    """Return the use cases of signing keys, on a store with one."""
    store = MemoryKeys(KeyRing(frozenset({A_KEY})))
    return KeyCommands(store, world.clock, world.events, world.audit_log, world.require_step_up)


async def _with_mail(
    world: World, actor: Actor, act: Callable[[Actor, MessageId], Awaitable[object]]
) -> object:
    await world.outbox.add(NO_EFFECTS.with_messages(message := a_message()))
    return await act(actor, message.id)


CHANGES: dict[str, Act] = {
    "invite a user": lambda world, actor, _: world.invite_user(actor, Invitee(*NEW[:2])),
    "create a user": lambda world, actor, _: world.create_user(actor, *NEW),
    "give a role": lambda world, actor, user: world.change_user(actor, user.id, Role.ADMIN),
    "disable a user": lambda world, actor, user: world.change_user(actor, user.id, disabled=True),
    "set a password": lambda world, actor, user: world.set_password(actor, user.id, OTHER),
    "send a password reset": lambda world, actor, user: world.send_password_reset(actor, user.id),
    "delete a user": lambda world, actor, user: world.delete_user(actor, user.id),
    "end a session": _end_session,
    "retry a mail": lambda world, actor, _: _with_mail(world, actor, world.retry_mail),
    "drop a mail": lambda world, actor, _: _with_mail(world, actor, world.drop_mail),
    "retry all mail": lambda world, actor, _: world.retry_all_mail(actor),
    "rotate keys": lambda world, actor, _: keys_of(world).rotate(actor),
    "revoke a key": lambda world, actor, _: keys_of(world).revoke(actor, A_KEY.id),
    "end sessions": lambda world, actor, user: world.revoke_sessions_of(actor, user.id),
}


READS: dict[str, Act] = {
    "list users": lambda world, actor, _: world.list_users(actor, UserQuery(), None, 10),
    "show a user": lambda world, actor, user: world.show_user(actor, user.id),
    "show all about a user": lambda world, actor, user: world.show_overview(actor, user.id),
    "read the audit log": lambda world, actor, _: world.list_audit_events(
        actor, EventQuery(), None, 10
    ),
    "show an audit event": lambda world, actor, _: ShowAuditEvent(world.audit_log)(actor, 1),
    "show the state of the audit log": lambda world, actor, _: ShowAuditLogState(world.audit_log)(
        actor
    ),
    "export the audit log": lambda world, actor, _: ExportAuditLog(
        world.audit_log, world.rate_limiting, world.audit
    )(actor, EventQuery()),
    "list sessions": lambda world, actor, user: world.list_sessions_of(actor, user.id),
    "see the figures": lambda world, actor, _: an_overview(world, actor),
    "show the settings": lambda _world, actor, _: ShowSettings(lambda: SettingsInForce({}, {}))(
        actor
    ),
    "list mail to a user": lambda world, actor, user: world.list_mail_to(actor, user.email, 10),
    "list mail": lambda world, actor, _: world.list_mail(actor, None, None, 10),
    "count mail": lambda world, actor, _: world.count_mail(actor),
    "show a mail": lambda world, actor, _: _with_mail(world, actor, world.show_mail),
    "list signing keys": lambda _world, actor, _: ListSigningKeys(MemoryKeys())(actor),
}
ACTS = CHANGES | READS

every_act = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)


@pytest.fixture
async def user(world: World) -> User:
    user = await world.sign_up()
    await world.log_in()
    world.events.events.clear()
    return user


@every_act
@pytest.mark.parametrize("actor", [ORDINARY, Scheduler()], ids=["user", "scheduler"])
async def test_an_actor_without_the_permission_is_refused(
    world: World, user: User, act: Act, actor: Actor
) -> None:
    with pytest.raises(PermissionMissing):
        await act(world, actor, user)

    assert await world.users.page(UserQuery(), None, 10) == Page([user])
    assert len(await world.sessions.of_user(user.id)) == 1


@every_act
@pytest.mark.parametrize("is_operator", [False, True], ids=["admin", "operator"])
async def test_an_actor_with_the_permission_is_allowed(
    world: World, user: User, act: Act, is_operator: bool
) -> None:
    await act(world, Operator() if is_operator else await world.administrator(), user)


@pytest.mark.parametrize("act", CHANGES.values(), ids=CHANGES)
async def test_an_administrator_changes_nothing_without_a_recent_step_up(
    world: World, user: User, act: Act
) -> None:
    admin = await world.administrator()
    world.clock.advance(STEP_UP_LIFETIME)

    with pytest.raises(StepUpRequired):
        await act(world, admin, user)

    assert await world.users.get(user.id) == user
    assert (await world.users.count(UserQuery())).count == 2
    [event] = world.events.events
    assert (event.outcome, event.actor) == ("step_up_required", admin.user.id)
    assert not event.is_kept


@pytest.mark.parametrize("act", READS.values(), ids=READS)
async def test_an_administrator_reads_without_a_step_up(
    world: World, user: User, act: Act
) -> None:
    admin = await world.administrator()
    world.clock.advance(STEP_UP_LIFETIME)

    await act(world, admin, user)


@pytest.mark.parametrize("act", CHANGES.values(), ids=CHANGES)
async def test_a_refused_change_is_announced_and_not_kept(
    world: World, user: User, act: Act
) -> None:
    with pytest.raises(PermissionMissing):
        await act(world, ORDINARY, user)

    [event] = world.events.events
    assert (event.outcome, event.actor) == ("permission_missing", ORDINARY.user.id)
    assert not event.is_kept
