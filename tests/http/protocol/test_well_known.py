"""Where browsers and password managers look without being asked."""

from dataclasses import replace
from pathlib import Path

import pytest

from infrastructure.config.settings import Settings
from tests.http.client import Client

RELATED, PASSWORD = "/.well-known/webauthn", "/.well-known/change-password"
PAGE = "https://app.example.com/account/password"
CONFIGURED = {
    "PUBLIC_URL": "https://id.example.com/auth",
    "PASSKEY_DOMAIN": "example.com",
    "PASSKEY_ORIGINS": "https://app.example.com,https://example.de,https://example.fr:8443",
    "CHANGE_PASSWORD_URL": PAGE,
}
with_settings = pytest.mark.parametrize("given", [CONFIGURED], indirect=True)


@pytest.fixture
def given(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(getattr(request, "param", {}))


@pytest.fixture
def settings(settings: Settings, given: dict[str, str], tmp_path: Path) -> Settings:
    read = Settings.read(given | {"DOORWARD_DATA": str(tmp_path)})
    parts = {name: getattr(read, name) for name in ("http", "passkeys", "passwords", "pages")}
    return replace(settings, **parts)


@with_settings
@pytest.mark.parametrize("prefix", ["", "/auth"])
async def test_browsers_find_the_origins_outside_the_domain_of_passkeys(
    client: Client, prefix: str
) -> None:
    answer = await client.get(prefix + RELATED)

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.json() == {"origins": ["https://example.de", "https://example.fr:8443"]}


@with_settings
@pytest.mark.parametrize("prefix", ["", "/auth"])
async def test_password_managers_find_the_page_to_change_a_password(
    client: Client, prefix: str
) -> None:
    answer = await client.get(prefix + PASSWORD)

    assert answer.status_code == 302
    assert answer.headers["location"] == PAGE
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.content == b""


@pytest.mark.parametrize("given", [{"PUBLIC_URL": "https://id.example.com/auth"}], indirect=True)
async def test_the_page_is_the_own_one_unless_configured(client: Client) -> None:
    answer = await client.get(PASSWORD)

    assert answer.headers["location"] == "/auth/account/password"
    assert (await client.get(answer.headers["location"])).status_code != 404


@pytest.mark.parametrize("given", [{"PAGES": "off"}], indirect=True)
@pytest.mark.parametrize("path", [RELATED, PASSWORD])
async def test_what_is_not_configured_is_not_found(client: Client, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["cache-control"] == "no-store"


@with_settings
async def test_a_password_manager_learns_that_its_redirect_means_something(
    client: Client,
) -> None:
    """It asks for a path that cannot be there, and does not trust a site that has it."""
    path = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"

    assert (await client.get(path)).status_code == 404
