"""The conformance tests of users, on each built-in backend, and tests of its technology."""

import pytest
from sqlalchemy import select

from doorward.conformance.support.examples import NOW, a_user
from doorward.conformance.support.opening import open_users
from doorward.conformance.test_users import *  # noqa: F403
from infrastructure.storage.sql.tables import users as table
from tests.conftest import url_for
from tests.contracts.conftest import by_hand


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
async def test_earlier_releases_find_no_password_of_a_user_with_a_second_factor(
    request: pytest.FixtureRequest, scheme: str
) -> None:
    url = url_for(scheme, request)
    async with open_users(url) as users:
        await users.add(user := a_user())
        factored = user.with_second_factor(has=True, now=NOW)
        assert (await users.replace(user, factored)).changed

        found = await by_hand(url, select(table.c.password_hash).where(table.c.id == user.id))
        assert found == [("",)]
        assert (await users.get(user.id)) == factored

        assert (await users.replace(factored, user)).changed
        found = await by_hand(url, select(table.c.password_hash).where(table.c.id == user.id))
        assert found == [(user.password_hash,)]
