"""The conformance tests of the last administrator, on each built-in backend."""

import pytest

from application.ports import UserRepository
from doorward.conformance.test_last_administrator import *  # noqa: F403


@pytest.fixture
def users(uncached_users: UserRepository) -> UserRepository:
    """The near cache passes all changes on."""
    return uncached_users
