"""The settings of new passwords reach the rule."""

import pytest

from domain.errors import InvalidInput
from domain.passwords.password import PasswordRule
from doorward.wiring.container import make_container
from infrastructure.config.settings import Settings


async def is_accepted(password: str, **environment: str) -> bool:
    container = make_container(Settings.read({"USERS_URL": "memory:", **environment}))
    try:
        (await container.get(PasswordRule)).choose(password, "Ada", "ada@example.org")
    except InvalidInput:
        return False
    finally:
        await container.close()
    return True


@pytest.mark.parametrize("password", ["Zorblax2024!", "zorblax-corp1", "Frobnitz99!"])
async def test_names_of_the_organisation_and_the_host_are_refused_in_passwords(
    password: str,
) -> None:
    assert await is_accepted(password)
    assert not await is_accepted(
        password, PASSWORD_WORDS="Zorblax Corp", PUBLIC_URL="https://id.frobnitz.example"
    )
