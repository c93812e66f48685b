"""The page of the signing keys."""

from application.ports import UserRepository
from domain.permissions import Role
from tests.http.client import Client
from tests.http.web.admin.test_access import log_in_as
from tests.http.web.browser import Browser


async def test_the_keys_are_listed_with_their_state(
    browser: Browser, client: Client, users: UserRepository
) -> None:
    published = {
        each["kid"] for each in (await client.get("/.well-known/jwks.json")).json()["keys"]
    }
    await log_in_as(browser, client, users, Role.AUDITOR)

    page = await browser.open("/admin/keys")

    assert all(key_id in page.text for key_id in published)
    assert "current" in page.text
