"""Invitations: accounts without a password, and the mail by which their users set one."""

from datetime import timedelta

import pytest

from application.accounts.invitation import Invitee
from application.mail.messages import MailPolicy
from domain.actor import Operator
from domain.audit.details import RoleGiven
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import (
    EmailTaken,
    InvalidCredentials,
    InvalidInput,
    MailOff,
    OneTimeTokenInvalid,
)
from domain.mail.message import MailKind
from domain.mail.one_time_token import Purpose
from domain.permissions import Role
from domain.user import User
from tests.support.builders import PASSWORD
from tests.support.world import World

EVE = "eve@example.org"
OPERATOR = Operator()


async def invite(world: World, role: Role = Role.USER, locale: str | None = None) -> User:
    invitee = Invitee("Eve", EVE, role, locale)
    return await world.invite_user(OPERATOR, invitee, reason="new in the team")


async def test_an_invited_user_is_stored_without_a_password_and_gets_a_mail(world: World) -> None:
    user = await invite(world, role=Role.AUDITOR, locale="de")

    assert await world.users.get(user.id) == user
    assert (user.role, user.locale, user.verified) == (Role.AUDITOR, "de", False)
    assert user.is_invited
    assert not user.self_registered
    [letter] = await world.read_mail()
    assert (letter.to, letter.kind, letter.locale) == (EVE, MailKind.INVITATION, "de")
    assert letter.expires_at - letter.created_at == timedelta(days=7)
    [event] = world.events.events
    assert (event.type, event.details, event.reason) == (
        EventType.REGISTER,
        RoleGiven(Role.AUDITOR),
        "new in the team",
    )
    with pytest.raises(InvalidCredentials):
        await world.log_in(EVE)


async def test_the_link_sets_the_first_password_and_proves_the_address_once(world: World) -> None:
    user = await invite(world)
    [letter] = await world.read_mail()
    assert letter.token is not None
    assert (await world.check_password_reset(letter.token)).is_first

    await world.reset_password(letter.token, PASSWORD)

    accepted = await world.users.get(user.id)
    assert accepted is not None
    assert accepted.verified
    assert not accepted.is_invited
    await world.log_in(EVE)
    with pytest.raises(OneTimeTokenInvalid):
        await world.reset_password(letter.token, PASSWORD)


async def test_an_invitation_is_sent_again_until_it_is_accepted(world: World) -> None:
    user = await invite(world)
    [first] = await world.read_mail()

    await world.send_password_reset(OPERATOR, user.id)
    [second] = await world.read_mail()
    assert (first.kind, second.kind) == (MailKind.INVITATION, MailKind.INVITATION)
    assert second.token is not None
    await world.reset_password(second.token, PASSWORD)
    await world.read_mail()
    await world.send_password_reset(OPERATOR, user.id)

    assert [each.kind for each in await world.read_mail()] == [MailKind.PASSWORD_RESET]
    assert first.token is not None
    with pytest.raises(OneTimeTokenInvalid):
        await world.find_token(first.token, Purpose.PASSWORD_RESET)


async def test_no_invitation_is_delivered_after_another_was_accepted(world: World) -> None:
    user = await invite(world)
    [letter] = await world.read_mail()
    await world.send_password_reset(OPERATOR, user.id)
    assert letter.token is not None
    await world.reset_password(letter.token, PASSWORD)

    kinds = [each.kind for each in await world.read_mail()]

    assert kinds == [MailKind.PASSWORD_CHANGED]


async def test_an_invitation_ends_when_its_user_is_disabled(world: World) -> None:
    user = await invite(world)
    [letter] = await world.read_mail()
    await world.change_user(OPERATOR, user.id, disabled=True)
    await world.change_user(OPERATOR, user.id, disabled=False)
    assert letter.token is not None

    with pytest.raises(OneTimeTokenInvalid):
        await world.reset_password(letter.token, PASSWORD)


async def test_no_invitation_is_delivered_to_a_user_who_was_deleted(world: World) -> None:
    user = await invite(world)
    await world.users.delete(user.id)

    assert await world.read_mail() == []


async def test_every_problem_is_named_and_nothing_is_stored(world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.invite_user(OPERATOR, Invitee("", "eve", locale="x"), reason="")

    fields = [each.field for each in refused.value.problems]
    assert fields == ["name", "email", "locale", "reason"]
    assert await world.read_mail() == []


async def test_an_address_that_is_taken_is_not_invited(world: World) -> None:
    await world.sign_up(EVE)

    with pytest.raises(EmailTaken):
        await invite(world)

    assert await world.read_mail() == []


async def test_without_mail_no_user_is_invited(world: World) -> None:
    world.mail_policy = MailPolicy(is_on=False)

    with pytest.raises(MailOff):
        await invite(world)

    assert await world.users.by_email(Email.parse(EVE)) is None
