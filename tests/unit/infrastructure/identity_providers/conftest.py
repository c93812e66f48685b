"""Providers that tests ask, and that they tell to lie."""

from collections.abc import AsyncIterator

import pytest

from tests.support.identity_provider import a_provider
from tests.unit.infrastructure.identity_providers.logins import Login


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with a_provider() as server:
        login = Login(server)
        yield login
        for each in login.made:
            await each.close()
