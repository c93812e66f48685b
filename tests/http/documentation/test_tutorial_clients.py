"""Clients of the tutorial's server, with the settings that docs/moving.md names for them."""

from dataclasses import replace

import pytest

from infrastructure.config.settings import Settings
from tests.http.client import LOGIN, ME, REFRESH, REGISTER, Client

# As in the Postman collection that comes with the tutorial.
ADMIN = {
    "name": "Admin",
    "email": "admin@admin.com",
    "password": "password123",
    "passwordConfirm": "password123",
    "photo": "default.png",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    passwords = replace(settings.passwords, blocklist=False, min_length=6)
    return replace(settings, passwords=passwords)


async def test_the_collection_of_the_tutorial_works_without_the_blocklist(client: Client) -> None:
    credentials = {"email": ADMIN["email"], "password": ADMIN["password"]}

    answers = [
        await client.post(REGISTER, json=ADMIN),
        await client.post(LOGIN, json=credentials),
        await client.get(ME),
        await client.get(REFRESH),
        await client.get("/api/auth/logout"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 5


async def test_the_message_of_invalid_input_is_the_first_problem(client: Client) -> None:
    """The tutorial's page shows nothing but the message."""
    person = {"name": "", "email": "a@b.org", "password": "short"}

    answer = await client.post(REGISTER, json=person)

    assert answer.json()["message"] == "name must not be empty"
    assert [each["field"] for each in answer.json()["errors"]] == ["name", "password"]


async def test_the_message_of_a_short_password_says_how_long_it_must_be(client: Client) -> None:
    person = {"name": "A", "email": "a@b.org", "password": "12345"}

    answer = await client.post(REGISTER, json=person)

    assert answer.json()["message"] == "password must be at least 6 characters long"
