"""Finding a user by an address or an id."""

import pytest

from domain.actor import Operator
from domain.errors import NotFound
from tests.support.world import World


async def test_a_user_is_found_by_the_id_and_by_the_address(world: World) -> None:
    user = await world.sign_up("ada@example.org")

    for text in (str(user.id), user.id.hex, "ada@example.org", "ADA@EXAMPLE.ORG"):
        assert await world.find_user(Operator(), text) == user


@pytest.mark.parametrize(
    "text",
    ["", "ada", "eve@example.org", "00000000-0000-4000-8000-000000000000", "not an address\n"],
)
async def test_a_text_that_names_no_user_is_not_found(world: World, text: str) -> None:
    await world.sign_up("ada@example.org")

    with pytest.raises(NotFound):
        await world.find_user(Operator(), text)
