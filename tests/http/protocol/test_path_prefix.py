"""The service below a path of a host, behind a proxy that strips the path or does not."""

import re
from dataclasses import replace

import pytest
from litestar import Litestar

from infrastructure.config.parsers import OWN_PATHS
from infrastructure.config.settings import Settings
from tests.http.client import (
    LOGIN,
    LOGOUT,
    ME,
    NEW_USER,
    REFRESH,
    REGISTER,
    VERIFY,
    Client,
)
from tests.http.documentation.test_api_docs import Links

ORIGIN = "https://example.org"

pytestmark = pytest.mark.parametrize("origin_policy", [ORIGIN], indirect=True)
behind_each_proxy = pytest.mark.parametrize("path", ["/auth", ""], ids=["kept", "stripped"])
"""What is left of the prefix when a request arrives."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http=replace(settings.http, public_url=f"{ORIGIN}/auth"))


@behind_each_proxy
async def test_a_journey_with_cookies_works(client: Client, path: str) -> None:
    browser = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    assert (await client.post(path + REGISTER, json=NEW_USER)).status_code == 200
    login = await client.post(path + LOGIN, json=NEW_USER)

    assert login.status_code == 200
    for cookie in login.headers.get_list("set-cookie"):
        assert "; Path=/; " in cookie  # as __Host- needs
    assert set(client.login_cookies) == {
        "__Host-access_token", "__Host-refresh_token", "logged_in"
    }  # fmt: skip
    assert (await client.get(path + ME)).status_code == 200
    assert (await client.get(path + VERIFY)).status_code == 204
    assert (await client.post(path + REFRESH, headers=browser)).status_code == 200
    assert (await client.post(path + LOGOUT, headers=browser)).status_code == 200
    assert client.login_cookies == {}


@behind_each_proxy
async def test_the_documentation_finds_its_files_and_the_routes(client: Client, path: str) -> None:
    page = await client.get(f"{path}/docs")

    for target in Links(page.text).targets:
        assert target.startswith("/auth/")
        assert (await client.get(path + target.removeprefix("/auth"))).status_code == 200
    document = (await client.get(f"{path}/openapi.json")).json()
    assert document["servers"][0]["url"] == "/auth"


@behind_each_proxy
async def test_the_pages_of_links_find_their_script(client: Client, path: str) -> None:
    page = await client.get(f"{path}/reset")

    [script] = re.findall(r'src="/auth(/assets/links[^"]+)"', page.text)
    assert (await client.get(path + script)).status_code == 200


@pytest.mark.parametrize(
    "path", ["/authentication/docs", "/auth/auth/docs", "/x/auth/docs", "/AUTH/docs", "/authdocs"]
)
async def test_only_one_whole_prefix_is_removed(client: Client, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_no_prefix_can_be_the_beginning_of_a_route(app: Litestar) -> None:
    first = {route.path.split("/")[1] for route in app.routes}

    assert first - {""} == set(OWN_PATHS)
