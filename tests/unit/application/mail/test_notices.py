"""The notices: users learn by mail what has happened to their accounts."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from application.mail.messages import NOTICES, MailPolicy
from domain.actor import Operator, Principal
from domain.errors import WrongPassword
from domain.mail.message import MailKind
from domain.mail.one_time_token import Purpose
from domain.permissions import Role
from domain.request_context import RequestContext
from domain.user import User
from tests.support.builders import PASSWORD
from tests.support.world import World

ADA = "ada@example.org"
NEW = "a better one than before"

Act = Callable[[World, Principal], Awaitable[object]]


def by_admin(change: Callable[[World, Principal, User], Awaitable[object]]) -> Act:
    async def act(world: World, me: Principal) -> None:
        await change(world, await world.administrator(), me.user)

    return act


ACTS: dict[str, tuple[Act, MailKind, dict[str, str]]] = {
    "a change of the password": (
        lambda world, me: world.change_password(me, PASSWORD, NEW),
        MailKind.PASSWORD_CHANGED,
        {},
    ),
    "a password set by the operator": (
        lambda world, me: world.set_password(Operator(), me.user.id, NEW),
        MailKind.PASSWORD_CHANGED,
        {},
    ),
    "another role": (
        by_admin(lambda world, admin, user: world.change_user(admin, user.id, Role.ADMIN)),
        MailKind.ACCOUNT_CHANGED,
        {"role": "admin"},
    ),
    "a disabled account": (
        by_admin(lambda world, admin, user: world.change_user(admin, user.id, disabled=True)),
        MailKind.ACCOUNT_CHANGED,
        {"state": "disabled"},
    ),
    "sessions ended by an administrator": (
        by_admin(lambda world, admin, user: world.revoke_sessions_of(admin, user.id)),
        MailKind.ACCOUNT_CHANGED,
        {"sessions": "ended"},
    ),
    "the deletion of the own account": (
        lambda world, me: world.delete_account(me, PASSWORD),
        MailKind.ACCOUNT_DELETED,
        {},
    ),
    "a deletion by an administrator": (
        by_admin(lambda world, admin, user: world.delete_user(admin, user.id)),
        MailKind.ACCOUNT_DELETED,
        {},
    ),
}


@pytest.mark.parametrize(("act", "kind", "facts"), ACTS.values(), ids=ACTS)
async def test_users_get_a_notice_of(
    world: World, me: Principal, act: Act, kind: MailKind, facts: dict[str, str]
) -> None:
    await act(world, me)

    [letter] = await world.read_mail()

    assert (letter.to, letter.kind, letter.token) == (ADA, kind, None)
    assert letter.facts == facts


@pytest.mark.parametrize("act", [act for act, _, _ in ACTS.values()], ids=ACTS)
async def test_no_notice_is_sent_if_the_operator_wants_none_of(
    world: World, me: Principal, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "mail_policy", MailPolicy(notices=frozenset()))

    await act(world, me)

    assert await world.read_mail() == []


async def test_an_enabled_account_is_reported(world: World, me: Principal) -> None:
    await world.change(me.user, disabled=True)

    await world.change_user(Operator(), me.user.id, disabled=False)

    assert [each.facts for each in await world.read_mail()] == [{"state": "enabled"}]


async def test_a_change_to_the_present_state_is_not_reported(world: World, me: Principal) -> None:
    await world.change_user(Operator(), me.user.id, Role.USER, disabled=False)

    assert await world.read_mail() == []


async def test_a_change_that_fails_is_not_reported(world: World, me: Principal) -> None:
    with pytest.raises(WrongPassword):
        await world.change_password(me, "a wrong password", NEW)
    with pytest.raises(WrongPassword):
        await world.delete_account(me, "a wrong password")

    assert await world.read_mail() == []


async def test_the_deletion_of_an_administrator_is_one_notice(world: World, me: Principal) -> None:
    await world.change(me.user, role=Role.ADMIN)
    await world.create_user(Operator(), "Eve", "eve@example.org", PASSWORD, Role.ADMIN)

    await world.delete_account(await world.reload_principal(me), PASSWORD)

    assert [each.kind for each in await world.read_mail()] == [MailKind.ACCOUNT_DELETED]


async def test_a_deletion_forgets_the_mails_that_were_sent_to_the_address(
    world: World, me: Principal
) -> None:
    await world.revoke_sessions_of(Operator(), me.user.id)
    assert len(await world.read_mail()) == 1

    await world.delete_user(Operator(), me.user.id)

    [waiting] = await world.outbox.page(None, None, 10)
    assert waiting.message.kind is MailKind.ACCOUNT_DELETED


async def test_a_deletion_forgets_the_tokens_of_the_user(world: World, me: Principal) -> None:
    await world.request_email_change(me, "new@example.org", PASSWORD)
    reserved = me.user.email, Purpose.EMAIL_UNDO
    assert await world.tokens.unused(*reserved)

    await world.delete_user(Operator(), me.user.id)

    assert await world.tokens.unused(*reserved) == []


async def test_logins_are_not_reported_unless_configured(world: World, me: Principal) -> None:
    await world.log_in(me.user.email.address)

    assert await world.read_mail() == []


async def test_a_login_from_a_new_device_is_reported_if_configured(
    world: World, me: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = MailPolicy(notices=NOTICES | {MailKind.NEW_DEVICE})
    monkeypatch.setattr(world, "mail_policy", policy)
    caller = RequestContext("192.0.2.7")

    logged_in = await world.login(ADA, PASSWORD, caller)
    [letter] = await world.read_mail()
    known = replace(caller, device_token=logged_in.device_token)
    await world.login(ADA, PASSWORD, known)

    assert (letter.to, letter.kind) == (me.user.email.address, MailKind.NEW_DEVICE)
    assert letter.facts == {"address": "192.0.2.7"}
    assert await world.read_mail() == []
