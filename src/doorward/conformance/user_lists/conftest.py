"""Fixtures of the tests of user lists."""

import pytest

from application.ports import UserRepository


@pytest.fixture
def users(uncached_users: UserRepository) -> UserRepository:
    """Return the users without the near cache, which passes lists, counts and additions on."""
    return uncached_users
