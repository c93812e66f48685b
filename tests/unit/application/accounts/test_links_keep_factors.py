"""No link of a mail removes a second factor or starts a session without it: a mailbox is none."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from application.accounts.email_verification import NO_PROOF, RegistrantProof
from domain.authentication import Method
from domain.errors import SecondFactorRequired, WrongPassword
from domain.mail.message import MailKind
from domain.user import NO_PASSWORD, User
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.factors import code_of_app, enrolled
from tests.support.passkeys import add, principal_of
from tests.support.world import World

ADA, NEW = "ada@example.org", "new@example.org"


@pytest.fixture
async def ada(world: World) -> User:
    return await enrolled(world, await world.sign_up(ADA))


async def token(world: World, kind: MailKind) -> str:
    [letter] = [each for each in await world.read_mail() if each.kind is kind]
    assert letter.token
    return letter.token


UseLink = Callable[[RegistrantProof], Awaitable[bool]]


async def proof(world: World) -> UseLink:
    await world.request_email_verification(ADA)
    link = await token(world, MailKind.EMAIL_VERIFICATION)
    return lambda shown: world.verify_email(link, shown)


async def change(world: World) -> UseLink:
    link = await _request_change(world, MailKind.EMAIL_CHANGE)
    return lambda shown: world.confirm_email_change(link, shown)


async def _request_change(world: World, kind: MailKind) -> str:
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login(ADA, PASSWORD)
    code = code_of_app(world)
    logged_in = await world.login_with_second_factor(refused.value.challenge, Method.TOTP, code)
    me = await world.authenticate(logged_in.tokens.access)
    session = await world.renew_session(me.session, me.user, is_step_up=True)
    me = await world.authenticate((await world.issue_tokens(session, me.user)).access)
    await world.request_email_change(me, NEW, PASSWORD)
    return await token(world, kind)


async def methods(world: World, user: User) -> Sequence[Method]:
    return (await world.find_factors(user)).methods


@pytest.mark.parametrize("request_link", [proof, change])
async def test_a_link_for_an_address_needs_the_password_where_there_is_a_second_factor(
    world: World, ada: User, request_link: Callable[[World], Awaitable[UseLink]]
) -> None:
    before = await methods(world, ada)
    use_link = await request_link(world)

    with pytest.raises(WrongPassword):
        await use_link(NO_PROOF)

    assert await world.users.get(ada.id) == ada
    await use_link(RegistrantProof(PASSWORD))
    user = await world.users.get(ada.id)
    assert user
    assert (user.verified, user.password_hash) == (True, ada.password_hash)
    assert await methods(world, ada) == before


async def test_a_user_with_a_passkey_gets_no_address_whose_reader_is_another_person(
    world: World,
) -> None:
    """The passkey would log in under the address of the reader, without the password."""
    mallory = await world.sign_up(ADA)
    me = await world.authenticate((await world.log_in(ADA)).access)
    me = await principal_of(world, await add(world, me, Authenticator()))
    await world.request_email_change(me, NEW, None)
    link = await token(world, MailKind.EMAIL_CHANGE)

    with pytest.raises(WrongPassword):
        await world.confirm_email_change(link)

    user = await world.users.get(mallory.id)
    assert user
    assert (user.email, user.verified) == (mallory.email, False)


async def test_an_undo_drops_the_password_and_keeps_the_factors(world: World, ada: User) -> None:
    before = await methods(world, ada)
    link = await _request_change(world, MailKind.EMAIL_CHANGE_REQUESTED)

    await world.undo_email_change(link)

    assert await methods(world, ada) == before
    user = await world.users.get(ada.id)
    assert user
    assert user.has_second_factor
    assert user.password_hash == NO_PASSWORD
    assert not [each for each in await world.sessions.of_user(ada.id) if each.is_good_for(user)]
    link = await token(world, MailKind.PASSWORD_RESET)
    with pytest.raises(SecondFactorRequired):
        await world.reset_password(link, "a better one than before")
