"""Of 20 parallel uses of one proof, one counts: on every backend of users, and with Redis."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from application.enrolment.totp import EnrolledTotp
from application.login.complete import LoggedIn
from domain.authentication import Method
from domain.errors import SecondFactorInvalid, SecondFactorRequired, TokenRejected
from domain.second_factors.factors import MAX_FAILURES
from domain.user import User
from doorward.conformance.support.opening import PATIENT
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.storage.stores import open_stores
from tests.conftest import schemes, url_for
from tests.support.builders import PASSWORD
from tests.support.factors import CODES, code_of_app, enrolled, stepped_up
from tests.support.world import World

ADA = "ada@example.org"
PLACES = [(scheme, scheme) for scheme in schemes("users")] + [("postgresql", "redis")]


@pytest.fixture(params=PLACES, ids="-".join)
async def world(request: pytest.FixtureRequest, signer: JwtSigner) -> AsyncIterator[World]:
    users, sessions = (url_for(each, request) for each in request.param)
    async with open_stores(users, sessions, PATIENT) as stores:
        yield World.on(signer, stores)


@pytest.fixture
async def ada(world: World) -> User:
    return await enrolled(world, await world.sign_up(ADA))


async def challenges(world: World, count: int) -> list[str]:
    found = []
    for _ in range(count):
        with pytest.raises(SecondFactorRequired) as refused:
            await world.login(ADA, PASSWORD)
        found.append(refused.value.challenge)
    return found


async def answers(
    world: World, challenges: Sequence[str], proofs: Sequence[tuple[Method, str]]
) -> list[LoggedIn | BaseException]:
    """Answer each challenge with the proof beside it, all at once."""
    return await asyncio.gather(
        *(
            world.login_with_second_factor(challenge, *proof)
            for challenge, proof in zip(challenges, proofs, strict=True)
        ),
        return_exceptions=True,
    )


async def check_one_login(
    world: World, ada: User, done: Sequence[LoggedIn | BaseException]
) -> None:
    assert [isinstance(each, LoggedIn) for each in done].count(True) == 1
    refusals = {type(each) for each in done if isinstance(each, BaseException)}
    assert refusals == {SecondFactorInvalid}
    assert len(await world.sessions.of_user(ada.id)) == 1


async def test_of_20_parallel_uses_of_a_code_at_20_challenges_one_logs_in(
    world: World, ada: User
) -> None:
    code = (Method.TOTP, code_of_app(world))

    done = await answers(world, await challenges(world, 20), [code] * 20)

    await check_one_login(world, ada, done)


async def test_of_20_parallel_uses_of_a_recovery_code_one_logs_in(world: World, ada: User) -> None:
    code = (Method.RECOVERY_CODE, CODES[0])

    done = await answers(world, await challenges(world, 20), [code] * 20)

    await check_one_login(world, ada, done)
    assert len((await world.second_factors.of_user(ada.id)).recovery_codes) == len(CODES) - 1


async def test_of_parallel_answers_to_one_challenge_one_logs_in(world: World, ada: User) -> None:
    codes = [(Method.RECOVERY_CODE, each) for each in CODES]
    [challenge] = await challenges(world, 1)

    done = await answers(world, [challenge] * 20, [*codes, *codes])

    await check_one_login(world, ada, done)


async def test_20_parallel_guesses_lock_the_second_factor(world: World, ada: User) -> None:
    wrong = (Method.TOTP, "000000")
    asked = await challenges(world, 21)

    done = await answers(world, asked[:20], [wrong] * 20)

    assert {type(each) for each in done} == {SecondFactorInvalid}
    stored = await world.second_factors.of_user(ada.id)
    assert stored.is_locked(world.clock()), f"{MAX_FAILURES} of them count"
    right = (Method.TOTP, code_of_app(world))
    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked[20], *right)


async def test_of_20_parallel_confirmations_one_enrols(world: World) -> None:
    await world.sign_up(ADA)
    me = await world.authenticate((await world.log_in(ADA)).access)
    me = await stepped_up(world, me)
    proposed = await world.propose_totp(me)
    code = code_of_app(world, proposed.secret)

    done = await asyncio.gather(
        *(world.confirm_totp(me, code) for _ in range(20)), return_exceptions=True
    )

    [won] = [each for each in done if isinstance(each, EnrolledTotp)]
    others = {type(each) for each in done if isinstance(each, BaseException)}
    assert others <= {SecondFactorInvalid, TokenRejected}
    [session] = await world.sessions.of_user(me.user.id)
    renewed = await world.authenticate(won.logged_in.tokens.access)
    assert renewed.session.id == session.id
    [challenge] = await challenges(world, 1)
    await world.login_with_second_factor(challenge, Method.RECOVERY_CODE, won.recovery_codes[0])


async def test_a_removal_beside_a_confirmation_leaves_the_user_as_the_factors_are(
    world: World, ada: User
) -> None:
    code = (Method.TOTP, code_of_app(world))
    [challenge] = await challenges(world, 1)
    logged_in = await world.login_with_second_factor(challenge, *code)
    me = await stepped_up(world, await world.authenticate(logged_in.tokens.access))
    proposed = await world.propose_totp(me)

    await asyncio.gather(
        world.remove_totp(me),
        world.confirm_totp(me, code_of_app(world, proposed.secret)),
        return_exceptions=True,
    )

    user = await world.users.get(ada.id)
    assert user
    assert user.has_second_factor == bool((await world.find_factors(user)).methods)
    good = [each for each in await world.sessions.of_user(ada.id) if each.is_good_for(user)]
    assert len(good) <= 1
