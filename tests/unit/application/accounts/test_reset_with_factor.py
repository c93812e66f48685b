"""A mailbox is no second factor: a reset asks for the one that the user has."""

import pytest

from application.second_factors.verify import CodeProof
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import (
    InvalidCredentials,
    InvalidInput,
    SecondFactorInvalid,
    SecondFactorRequired,
)
from domain.mail.message import MailKind
from domain.outcome import Outcome
from domain.request_context import UNKNOWN
from domain.second_factors.factors import MAX_FAILURES
from domain.user import User
from tests.support.builders import PASSWORD, SECOND
from tests.support.factors import CODES, code_of_app, enrolled
from tests.support.world import World

ADA = "ada@example.org"
NEW = "a better one than before"
WRONG = CodeProof(Method.TOTP, "000000")


@pytest.fixture
async def ada(world: World) -> User:
    return await enrolled(world, await world.sign_up(ADA))


@pytest.fixture
async def link(world: World, ada: User) -> str:
    await world.request_password_reset(ada.email.address)
    [letter] = await world.read_mail()
    assert letter.token
    return letter.token


def shown(world: World) -> CodeProof:
    return CodeProof(Method.TOTP, code_of_app(world))


async def reset(world: World, link: str, factor: CodeProof | None, new: str = NEW) -> None:
    await world.reset_password(link, new, UNKNOWN, factor)


async def test_a_check_says_which_factors_the_reset_needs(world: World, link: str) -> None:
    pending = await world.check_password_reset(link)

    assert pending.methods == [Method.TOTP, Method.RECOVERY_CODE]


async def test_a_link_alone_sets_no_password_and_stays_usable(world: World, link: str) -> None:
    with pytest.raises(SecondFactorRequired) as refused:
        await reset(world, link, None)

    assert (refused.value.challenge, refused.value.methods) == (
        "",
        [Method.TOTP, Method.RECOVERY_CODE],
    )
    with pytest.raises(SecondFactorRequired):  # the former password is still right
        await world.login(ADA, PASSWORD)
    await reset(world, link, shown(world))


@pytest.mark.parametrize("method", [Method.TOTP, Method.RECOVERY_CODE])
async def test_a_link_and_a_factor_set_a_password(
    world: World, ada: User, link: str, method: Method
) -> None:
    code = CODES[0] if method is Method.RECOVERY_CODE else code_of_app(world)

    await reset(world, link, CodeProof(method, code))

    with pytest.raises(InvalidCredentials):
        await world.login(ADA, PASSWORD)
    with pytest.raises(SecondFactorRequired):  # the factors are kept
        await world.login(ADA, NEW)
    stored = await world.users.get(ada.id)
    assert stored
    assert stored.has_second_factor


async def test_a_wrong_factor_keeps_the_link(world: World, ada: User, link: str) -> None:
    with pytest.raises(SecondFactorInvalid):
        await reset(world, link, WRONG)

    assert (await world.second_factors.of_user(ada.id)).failures == 1
    event = world.events.events[-1]
    assert (event.type, event.outcome, event.user_id) == (
        EventType.RESET_PASSWORD,
        Outcome.SECOND_FACTOR_INVALID,
        ada.id,
    )
    queued = [each.message for each in await world.outbox.page(None, None, 9)]
    [notice] = [each for each in queued if each.kind is MailKind.SECOND_FACTOR_FAILED]
    assert notice.facts == {"during": "reset password"}
    await reset(world, link, shown(world))


async def test_a_refused_password_uses_up_neither_link_nor_code(world: World, link: str) -> None:
    with pytest.raises(InvalidInput):
        await reset(world, link, shown(world), "short")

    await reset(world, link, shown(world))


async def test_wrong_factors_lock_resets_and_logins_together(world: World, link: str) -> None:
    for _ in range(MAX_FAILURES):
        with pytest.raises(SecondFactorInvalid):
            await reset(world, link, WRONG)

    with pytest.raises(SecondFactorInvalid):
        await reset(world, link, shown(world))
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login(ADA, PASSWORD)
    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(
            refused.value.challenge, Method.TOTP, code_of_app(world)
        )


async def test_a_code_of_a_reset_does_not_log_in(world: World, link: str) -> None:
    code = code_of_app(world)
    await reset(world, link, CodeProof(Method.TOTP, code))
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login(ADA, NEW)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(refused.value.challenge, Method.TOTP, code)

    world.clock.advance(30 * SECOND)
    await world.login_with_second_factor(refused.value.challenge, Method.TOTP, code_of_app(world))


async def test_a_user_without_a_factor_needs_none(world: World) -> None:
    await world.sign_up("eve@example.org")
    await world.request_password_reset("eve@example.org")
    [letter] = await world.read_mail()

    await reset(world, str(letter.token), WRONG)

    await world.login("eve@example.org", NEW)
