"""Secrets are encrypted again after an exchange: each once, and none is lost on the way."""

from dataclasses import replace
from uuid import UUID

import pytest

from application.ports import NO_EFFECTS, Effects, Stored
from application.second_factors.reencrypt import CountFactors, FactorCounts, ReencryptSecrets
from domain.actor import Operator
from domain.authentication import Method
from domain.errors import SecondFactorInvalid, SecondFactorRequired
from domain.second_factors import totp
from domain.second_factors.factors import SecondFactors, Totp
from domain.session import SessionId
from domain.user import UserId
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.storage.memory.second_factors import MemorySecondFactors
from tests.support.builders import NOW, PASSWORD
from tests.support.factors import CODES, enrolled
from tests.support.factors import SECRET as APP_SECRET
from tests.support.key_commands import MemoryKeys
from tests.support.world import World

OLD, NEW = b"o" * 32, b"n" * 32
SECRET, PENDING = b"12345678901234567890", b"abcdefghijabcdefghij"
BEFORE, EXCHANGED = SealedFactors([OLD]), SealedFactors([NEW, OLD])
ADA, EVE = UserId(UUID(int=1)), UserId(UUID(int=2))


def factors_of(user_id: UserId, secrets: SealedFactors = BEFORE) -> SecondFactors:
    """Factors with a used code, a second secret that is not confirmed, and a recovery code."""
    sealed = secrets.seal(user_id, PENDING)
    proposed = SecondFactors(user_id).proposing(sealed, SessionId("0" * 32), NOW)
    totp = Totp(secrets.seal(user_id, SECRET), 7)
    return replace(proposed, totp=totp, recovery_codes=frozenset({"digest"}))


async def filled(*factors: SecondFactors) -> MemorySecondFactors:
    store = MemorySecondFactors()
    for each in factors:
        assert (await store.replace(SecondFactors(each.user_id), each)).changed
    return store


async def reencrypt(
    store: MemorySecondFactors, secrets: SealedFactors = EXCHANGED
) -> FactorCounts:
    reports: list[int] = []
    _, counts = await ReencryptSecrets(MemoryKeys(), store, secrets)(
        Operator(), lambda each: reports.append(each.users)
    )
    assert reports[-1:] == [counts.users]
    return counts


async def test_every_secret_is_encrypted_with_the_first_secret_and_nothing_else_changes() -> None:
    before = {each: factors_of(each) for each in (ADA, EVE)}
    store = await filled(*before.values())

    assert await reencrypt(store) == FactorCounts(users=2, outdated=2, with_codes=2)

    only_new = SealedFactors([NEW])
    for user_id, old in before.items():
        now = await store.of_user(user_id)
        assert [only_new.open(user_id, each) for each in now.sealed] == [SECRET, PENDING]
        assert now.resealed(lambda _: "") == old.resealed(lambda _: "")


async def test_a_second_run_changes_nothing() -> None:
    store = await filled(factors_of(ADA))
    await reencrypt(store)
    after_the_first = await store.of_user(ADA)

    assert await reencrypt(store) == FactorCounts(users=1, with_codes=1)
    assert await store.of_user(ADA) == after_the_first


@pytest.mark.parametrize("secrets", [[], [NEW]], ids=["no secret", "another"])
async def test_what_no_secret_opens_stays_and_is_counted(secrets: list[bytes]) -> None:
    store = await filled(factors_of(ADA))

    counts = await reencrypt(store, SealedFactors(secrets))

    assert (counts.lost, counts.outdated) == (1, 0)
    assert [BEFORE.open(ADA, each) for each in (await store.of_user(ADA)).sealed] == [
        SECRET,
        PENDING,
    ]


async def test_a_code_that_is_used_in_between_stays_used() -> None:
    class Interrupted(MemorySecondFactors):
        async def replace(
            self, old: SecondFactors, new: SecondFactors, effects: Effects = NO_EFFECTS
        ) -> Stored[bool]:
            current = await self.of_user(old.user_id)
            if current.totp and current.totp.last_step == 7:
                used = current.accepting_step(8)
                assert used is not None
                await super().replace(current, used)
            return await super().replace(old, new, effects)

    store = Interrupted()
    await MemorySecondFactors.replace(store, SecondFactors(ADA), factors_of(ADA))

    await reencrypt(store)

    totp = (await store.of_user(ADA)).totp
    assert totp is not None
    assert totp.last_step == 8
    assert SealedFactors([NEW]).open(ADA, totp.sealed) == SECRET


async def test_a_user_without_an_app_is_counted_for_the_recovery_codes_only() -> None:
    codes = SecondFactors(EVE, recovery_codes=frozenset({"digest"}))
    store = await filled(factors_of(ADA, EXCHANGED), codes)

    counts = await CountFactors(store, EXCHANGED)(Operator())

    assert counts == FactorCounts(users=1, with_codes=2)


@pytest.mark.parametrize("secrets", [[], [NEW]], ids=["no secret", "another"])
async def test_a_lost_secret_lets_the_password_alone_start_no_session(
    world: World, secrets: list[bytes]
) -> None:
    await enrolled(world, await world.sign_up())
    world.factor_secrets = SealedFactors(secrets)

    for method, code in (
        (Method.TOTP, totp.code_at(APP_SECRET, totp.step_at(world.clock()))),
        (Method.RECOVERY_CODE, CODES[0]),
    ):
        with pytest.raises(SecondFactorRequired) as asked:
            await world.login("ada@example.org", PASSWORD)
        with pytest.raises(SecondFactorInvalid):
            await world.login_with_second_factor(asked.value.challenge, method, code)
