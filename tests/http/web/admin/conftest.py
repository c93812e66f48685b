"""Fixtures of the tests about pages for administrators."""

import pytest

from application.ports import UserRepository
from domain.permissions import Role
from domain.user import User
from tests.http.client import Client
from tests.http.web.admin.helpers import log_in_as, step_up
from tests.http.web.browser import Browser


@pytest.fixture
async def admin(browser: Browser, client: Client, users: UserRepository) -> User:
    """The administrator who is logged in."""
    return await log_in_as(browser, client, users, Role.ADMIN)


@pytest.fixture
async def stepped_up(admin: User, browser: Browser) -> User:
    """The same administrator, after a step-up."""
    await step_up(browser)
    return admin
