"""Fresh recovery codes in place of those that there are."""

import pytest

from domain.actor import Principal
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import (
    NotFound,
    SecondFactorInvalid,
    SecondFactorRequired,
    SecondFactorsOff,
    StepUpRequired,
)
from domain.mail.message import MailKind
from domain.rate_limit import TooManyRequests
from domain.second_factors.recovery_codes import canonical
from infrastructure.signing.factor_secrets import SealedFactors
from tests.support.factors import CODES, enrolled, stepped_up
from tests.support.world import World
from tests.unit.application.attempts import limited


@pytest.fixture
async def stepped(world: World, me: Principal) -> Principal:
    """A user with an authenticator app, in a session that was stepped up."""
    user = await enrolled(world, me.user)
    session = await world.renew_session(me.session, user)
    return await stepped_up(world, Principal(user, session))


async def log_in_with(world: World, code: str) -> None:
    with pytest.raises(SecondFactorRequired) as refused:
        await world.log_in()
    await world.login_with_second_factor(refused.value.challenge, Method.RECOVERY_CODE, code)


async def test_a_fresh_set_ends_the_former_one(world: World, stepped: Principal) -> None:
    codes = await world.renew_recovery_codes(stepped)

    assert len({canonical(each) for each in codes} - {None}) == 10
    with pytest.raises(SecondFactorInvalid):
        await log_in_with(world, CODES[0])
    await log_in_with(world, codes[9])


async def test_a_fresh_set_is_recorded_and_told(world: World, stepped: Principal) -> None:
    await world.renew_recovery_codes(stepped)

    assert world.events.events[-1].type is EventType.RENEW_RECOVERY_CODES
    assert world.events.events[-1].session_id == stepped.session.id
    messages = [each.message for each in await world.outbox.page(None, None, 9)]
    [notice] = [each for each in messages if each.kind is MailKind.SECOND_FACTORS_CHANGED]
    assert notice.facts == {"change": "codes_renewed"}


async def test_a_fresh_set_leaves_the_session(world: World, stepped: Principal) -> None:
    await world.renew_recovery_codes(stepped)

    assert await world.reload_principal(stepped) == stepped


async def test_only_digests_are_stored(world: World, stepped: Principal) -> None:
    codes = await world.renew_recovery_codes(stepped)

    stored = str((await world.second_factors.of_user(stepped.user.id)).recovery_codes)
    assert not [each for each in codes if each in stored or str(canonical(each)) in stored]


async def test_codes_without_a_factor_are_refused(world: World, me: Principal) -> None:
    with pytest.raises(NotFound):
        await world.renew_recovery_codes(await stepped_up(world, me))


async def test_codes_need_a_step_up(world: World, me: Principal) -> None:
    with pytest.raises(StepUpRequired):
        await world.renew_recovery_codes(me)


async def test_codes_need_a_secret_outside_the_database(world: World, stepped: Principal) -> None:
    world.factor_secrets = SealedFactors([])

    with pytest.raises(SecondFactorsOff):
        await world.renew_recovery_codes(stepped)


async def test_fresh_sets_are_limited(world: World, stepped: Principal) -> None:
    world.limits = limited(1, "change_account")
    await world.renew_recovery_codes(stepped)

    with pytest.raises(TooManyRequests):
        await world.renew_recovery_codes(stepped)
