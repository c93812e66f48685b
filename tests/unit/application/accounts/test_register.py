"""Registering."""

import asyncio
import dataclasses

import pytest

from application.ports import HashClient
from application.registration_policy import RegistrationPolicy
from domain.actor import Operator
from domain.email import Email
from domain.errors import EmailTaken, InvalidInput, RegistrationClosed
from domain.passwords.password import Password
from domain.permissions import Role
from domain.request_context import RequestContext
from tests.support.builders import CLIENT, PASSWORD
from tests.support.world import World


async def test_a_new_user_has_the_language_of_the_client(world: World) -> None:
    caller = RequestContext("192.0.2.1", locale="de")

    user = (await world.register("Ada", "ada@example.org", PASSWORD, caller)).user

    assert user.locale == "de"
    assert (await world.users.get(user.id)) == user


async def test_a_registered_user_is_stored(world: World) -> None:
    user = (await world.register(" Ada Lovelace ", "Ada@Example.org", PASSWORD)).user

    assert await world.users.by_email(Email.parse("ada@example.org")) == user
    assert (user.name, user.email.address) == ("Ada Lovelace", "ada@example.org")
    assert user.role is Role.USER
    assert user.created_at == user.updated_at == world.clock()
    assert user.id.version == 4


async def test_a_registration_has_the_share_of_its_own_network(world: World) -> None:
    await world.register("Ada", "ada@example.org", PASSWORD, RequestContext("2001:db8::1"))

    assert world.hasher.clients == [HashClient("2001:db8::1")]


async def test_only_a_hash_of_the_password_is_stored(world: World) -> None:
    user = (await world.register("Ada", "ada@example.org", PASSWORD)).user

    assert PASSWORD not in str(dataclasses.asdict(user))
    assert await world.hasher.verify(Password.parse(PASSWORD), user.password_hash, CLIENT)


async def test_another_spelling_of_a_taken_address_is_taken(world: World) -> None:
    await world.sign_up("ada@münchen.example")

    with pytest.raises(EmailTaken):
        await world.sign_up(" ADA@xn--mnchen-3ya.example.")


async def test_of_20_people_with_one_address_one_is_registered(world: World) -> None:
    results = await asyncio.gather(*(world.sign_up() for _ in range(20)), return_exceptions=True)

    assert [type(result) for result in results].count(EmailTaken) == 19


@pytest.mark.parametrize(
    ("field", "name", "email", "password"),
    [
        ("name", " ", "ada@example.org", PASSWORD),
        ("email", "Ada", "ada", PASSWORD),
        ("password", "Ada", "ada@example.org", "short"),
        ("password", "Ada", "ada@example.org", "password1"),
        ("password", "Ada Lovelace", "ada@example.org", "ada lovelace"),
    ],
)
async def test_invalid_input_is_named_and_no_user_is_stored(
    world: World, field: str, name: str, email: str, password: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.register(name, email, password)

    assert [problem.field for problem in refused.value.problems] == [field]
    assert await world.users.by_email(Email.parse("ada@example.org")) is None


async def test_the_same_password_never_has_the_same_hash(world: World) -> None:
    ada = await world.sign_up("ada@example.org")
    eve = await world.sign_up("eve@example.org")

    assert ada.password_hash != eve.password_hash


async def test_a_registration_reports_all_problems_at_once(world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.register("", "no address", "short")
    assert [problem.field for problem in refused.value.problems] == ["name", "email", "password"]


async def test_a_closed_registration_is_refused_before_anything_is_read(world: World) -> None:
    world.policy = RegistrationPolicy(is_open=False)

    with pytest.raises(RegistrationClosed):
        await world.register("", "no address", "")

    assert world.hasher.clients == []
    user = await world.create_user(Operator(), "Ada", "ada@example.org", PASSWORD)
    assert await world.users.get(user.id) == user
