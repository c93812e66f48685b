"""Providers that tests ask, and that they tell to lie."""

from collections.abc import AsyncIterator

import pytest

from infrastructure.identity_providers.http import HttpClient
from tests.support.identity_provider import a_provider
from tests.unit.infrastructure.identity_providers.logins import Login


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with a_provider() as server:
        http = HttpClient()
        yield Login(server, http)
        await http.close()
