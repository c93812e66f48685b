"""GET of refresh and logout, which ``LEGACY_GET=off`` switches off."""

from dataclasses import replace

import pytest

from infrastructure.config.settings import Settings
from tests.http.client import LOGOUT, REFRESH, Client


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http=replace(settings.http, legacy_get=False))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
async def test_get_changes_nothing_when_it_is_switched_off(
    client: Client, path: str, method: str
) -> None:
    await client.sign_up()
    cookies = {**client.cookies}

    answer = await client.request(method, path)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert {**client.cookies} == cookies
    assert (await client.me()).status_code == 200


async def test_post_refreshes_and_logs_out_without_get(client: Client) -> None:
    await client.sign_up()

    assert (await client.refresh()).status_code == 200
    assert (await client.log_out()).status_code == 200


async def test_the_openapi_document_has_no_get_when_it_is_switched_off(client: Client) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    assert list(paths[REFRESH]) == list(paths[LOGOUT]) == ["post"]
