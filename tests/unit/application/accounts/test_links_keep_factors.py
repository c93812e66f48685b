"""No link of a mail removes a second factor or starts a session without it: a mailbox is none."""

from collections.abc import Awaitable, Callable

import pytest

from domain.authentication import Method
from domain.errors import SecondFactorRequired
from domain.mail.message import MailKind
from domain.user import User
from tests.support.builders import PASSWORD
from tests.support.factors import code_of_app, enrolled
from tests.support.world import World

ADA, NEW = "ada@example.org", "new@example.org"


@pytest.fixture
async def ada(world: World) -> User:
    return await enrolled(world, await world.sign_up(ADA))


async def token(world: World, kind: MailKind) -> str:
    [letter] = [each for each in await world.read_mail() if each.kind is kind]
    assert letter.token
    return letter.token


async def prove(world: World) -> None:
    """As a reader of the mailbox who has not registered."""
    await world.request_email_verification(ADA)
    await world.verify_email(await token(world, MailKind.EMAIL_VERIFICATION))


async def change_address(world: World) -> None:
    link = await _request_change(world, MailKind.EMAIL_CHANGE)
    await world.confirm_email_change(link)


async def undo_change(world: World) -> None:
    link = await _request_change(world, MailKind.EMAIL_CHANGE_REQUESTED)
    await world.undo_email_change(link)


async def _request_change(world: World, kind: MailKind) -> str:
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login(ADA, PASSWORD)
    code = code_of_app(world)
    logged_in = await world.login_with_second_factor(refused.value.challenge, Method.TOTP, code)
    me = await world.authenticate(logged_in.tokens.access)
    session = await world.renew_session(me.session, me.user, is_step_up=True)
    me = await world.authenticate(world.issue_tokens(session, me.user).access)
    await world.request_email_change(me, NEW, PASSWORD)
    return await token(world, kind)


@pytest.mark.parametrize("use_link", [prove, change_address, undo_change])
async def test_a_link_that_drops_the_password_keeps_the_factors(
    world: World, ada: User, use_link: Callable[[World], Awaitable[None]]
) -> None:
    before = await world.second_factors.of_user(ada.id)

    await use_link(world)

    after = await world.second_factors.of_user(ada.id)
    assert after.totp
    assert before.totp
    assert (after.totp.sealed, after.recovery_codes) == (
        before.totp.sealed,
        before.recovery_codes,
    )
    user = await world.users.get(ada.id)
    assert user
    assert user.has_second_factor
    assert not [each for each in await world.sessions.of_user(ada.id) if each.is_good_for(user)]
    link = await token(world, MailKind.PASSWORD_RESET)
    with pytest.raises(SecondFactorRequired):
        await world.reset_password(link, "a better one than before")
