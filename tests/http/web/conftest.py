"""Fixtures of the tests about pages."""

import pytest

from tests.http.client import Client
from tests.http.web.browser import Browser


@pytest.fixture
def browser(client: Client) -> Browser:
    return Browser(client)
