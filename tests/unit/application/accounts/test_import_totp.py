"""Authenticator apps come with imported users: never a user without the factor."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from application.accounts.user_transfer.import_users import Imported
from application.accounts.user_transfer.records import Record
from application.ports import NO_EFFECTS, Effects, Stored
from domain.actor import Operator
from domain.authentication import Method
from domain.email import Email
from domain.errors import SecondFactorRequired, SecondFactorsOff
from domain.request_context import RequestContext
from domain.second_factors import totp
from domain.second_factors.factors import SecondFactors, Totp
from domain.user import User, UserId
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.storage.memory.second_factors import MemorySecondFactors
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.no_second_factors import NoSecondFactors
from tests.support.builders import PASSWORD, a_user
from tests.support.factors import SECRET
from tests.support.world import World

ID = UserId(UUID("0f8fad5b-d9cb-469f-a165-70867728950e"))
TEXT = totp.text_of(SECRET)
ADA = "ada@example.org"
APP = RequestContext("192.0.2.1", agent="an app")
HASH = "quick$1$salt$digest"


def a_record(**values: str) -> Record:
    return Record(2, {"email": ADA, "password_hash": HASH, "id": str(ID), "totp": TEXT} | values)


async def import_into(world: World, *records: Record) -> Imported:
    return await world.import_users(Operator(), records or [a_record()])


async def stored(world: World) -> User:
    user = await world.users.by_email(Email.parse(ADA))
    assert user is not None
    return user


async def secret_of(world: World) -> bytes | None:
    factors = await world.second_factors.of_user(ID)
    return world.factor_secrets.open(ID, factors.totp.sealed) if factors.totp else None


async def test_an_imported_user_logs_in_with_the_app(world: World) -> None:
    hashed = (await world.sign_up("eve@example.org")).password_hash
    imported = await import_into(world, a_record(password_hash=hashed))
    assert imported == Imported(1, 0, [], with_app=1)

    with pytest.raises(SecondFactorRequired) as asked:
        await world.login(ADA, PASSWORD, APP)

    assert asked.value.methods == [Method.TOTP]
    code = totp.code_at(SECRET, totp.step_at(world.clock()))
    await world.login_with_second_factor(asked.value.challenge, Method.TOTP, code, APP)


async def test_the_app_is_active_without_recovery_codes(world: World) -> None:
    await import_into(world)

    factors = await world.second_factors.of_user(ID)
    assert await secret_of(world) == SECRET
    assert (factors.pending, factors.recovery_codes) == (None, frozenset())
    assert (await stored(world)).has_second_factor


async def test_a_user_without_a_secret_has_no_factor(world: World) -> None:
    assert await import_into(world, a_record(totp=" ")) == Imported(1, 0, [])

    assert not (await stored(world)).has_second_factor
    assert await world.second_factors.of_user(ID) == SecondFactors(ID)


async def test_a_second_import_changes_no_factor(world: World) -> None:
    await import_into(world)
    await world.second_factors.forget(ID)  # the user has removed the app meanwhile

    assert await import_into(world) == Imported(0, 1, [])

    assert await world.second_factors.of_user(ID) == SecondFactors(ID)


@pytest.mark.parametrize("other", [{"email": ADA}, {"id": ID}], ids=["address", "id"])
async def test_a_user_who_is_there_gets_no_factor(world: World, other: dict[str, Any]) -> None:
    changes = other | {"email": Email.parse(str(other.get("email", "bob@example.org")))}
    there = a_user(**changes)
    await world.users.add(there)

    [rejected] = (await import_into(world)).rejected

    assert [each.field for each in rejected.problems] == ["email"]
    for each in (ID, there.id):
        assert await world.second_factors.of_user(each) == SecondFactors(each)


async def test_a_factor_of_an_interrupted_import_is_replaced(world: World) -> None:
    class Interrupted(MemoryUsers):
        async def add_all(self, *_: Any, **__: Any) -> Any:
            raise ConnectionError

    users = world.users
    world.users = Interrupted()
    with pytest.raises(ConnectionError):
        await import_into(world)
    assert await secret_of(world) == SECRET  # before its user

    world.users = users
    other = b"abcdefghijabcdefghij"
    assert (await import_into(world, a_record(totp=totp.text_of(other)))).new == 1
    assert await secret_of(world) == other


class Overtaken(MemoryUsers):
    """Another process adds a user between the factor and the user of an import."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self._user = user

    async def add_all(self, users: Any, effects: Effects = NO_EFFECTS) -> Any:
        await self.add(self._user)
        return await super().add_all(users, effects)


@pytest.mark.parametrize("has", [True, False], ids=["another import", "a registration"])
async def test_an_import_that_is_overtaken_takes_no_factor_of_another_one(
    world: World, *, has: bool
) -> None:
    user = a_user(id=ID, email=Email.parse(ADA), password_hash=HASH, has_second_factor=has)
    world.users = Overtaken(user)

    assert await import_into(world) == Imported(0, 1, [])

    assert (await secret_of(world) is not None) is has


async def test_a_factor_whose_address_is_taken_meanwhile_is_withdrawn(world: World) -> None:
    world.users = Overtaken(a_user(email=Email.parse(ADA)))

    assert len((await import_into(world)).rejected) == 1

    assert await world.second_factors.of_user(ID) == SecondFactors(ID)


async def test_factors_that_change_in_between_are_replaced(world: World) -> None:
    class Busy(MemorySecondFactors):
        is_busy = True

        async def replace(
            self, old: SecondFactors, new: SecondFactors, effects: Effects = NO_EFFECTS
        ) -> Stored[bool]:
            if self.is_busy:
                self.is_busy = False
                await super().replace(old, replace(old, totp=Totp("other")))
            return await super().replace(old, new, effects)

    world.second_factors = Busy()

    await import_into(world)

    assert await secret_of(world) == SECRET


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "import"])
@pytest.mark.parametrize(
    "values",
    [
        {"totp": "s3cret!"},
        {"totp": f"otpauth://totp/Ada?secret={TEXT}&digits=8"},
        {"totp": '{"alg": "aes-gcm-hkdf"}'},
    ],
    ids=["no secret", "other codes", "encrypted"],
)
async def test_a_record_whose_app_cannot_be_used_is_rejected_whole(
    world: World, values: dict[str, str], *, dry_run: bool
) -> None:
    records = [a_record(**values)]
    if dry_run:
        imported = await world.import_users.dry_run(Operator(), records, set())
    else:
        imported = await import_into(world, *records)

    [rejected] = imported.rejected
    assert [each.field for each in rejected.problems] == ["totp"]
    assert await world.users.by_email(Email.parse(ADA)) is None


async def test_without_a_secret_that_protects_it_an_app_is_rejected(world: World) -> None:
    world.factor_secrets = SealedFactors([])

    [rejected] = (await import_into(world)).rejected

    assert "DATA_SECRET" in rejected.problems[0].message


async def test_without_a_place_for_it_nothing_is_imported(world: World) -> None:
    world.second_factors = NoSecondFactors()

    with pytest.raises(SecondFactorsOff):
        await import_into(world)

    assert await world.users.by_email(Email.parse(ADA)) is None


async def test_a_dry_run_counts_apps_and_stores_none(world: World) -> None:
    imported = await world.import_users.dry_run(Operator(), [a_record()], set())

    assert imported == Imported(1, 0, [], with_app=1)
    assert await world.second_factors.of_user(ID) == SecondFactors(ID)


async def test_a_line_that_cannot_be_read_has_its_own_problem_only(world: World) -> None:
    record = Record(2, {"totp": "s3cret!"}, "must have 4 columns")

    [rejected] = (await import_into(world, record)).rejected

    assert [each.field for each in rejected.problems] == ["line"]
