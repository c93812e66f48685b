"""The cookie by which a user is known on a device, to the letter."""

import httpx
import pytest

from tests.http.authentication.test_cookies import at_https
from tests.http.client import HTTPS_ORIGIN, ORIGIN, Client


def cookie_of_the_device(answer: httpx.Response) -> str:
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if "device=" in each]
    return str(cookie)


async def test_the_cookie_of_a_device_under_http(client: Client) -> None:
    await client.register()

    answer = await client.log_in()

    token = answer.cookies["device"]
    assert cookie_of_the_device(answer) == (
        f"device={token}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly"
    )


@at_https
async def test_the_cookie_of_a_device_under_https(client: Client) -> None:
    await client.register()

    answer = await client.log_in()

    token = answer.cookies["__Host-device"]
    assert cookie_of_the_device(answer) == (
        f"__Host-device={token}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly; Secure"
    )


@pytest.mark.parametrize("origin_policy", [ORIGIN, HTTPS_ORIGIN], indirect=True)
async def test_the_cookie_of_a_device_outlives_refreshes_and_logouts(client: Client) -> None:
    await client.register()
    token = (await client.log_in()).cookies
    [name] = [name for name in token if name.endswith("device")]
    for answer in (
        await client.refresh(),
        await client.log_out(),
        await client.log_in(password="a guess"),
    ):
        assert "device=" not in str(answer.headers.get_list("set-cookie"))
        assert client.cookies[name] == token[name]


async def test_a_new_password_renews_the_device_cookie(client: Client) -> None:
    await client.register()
    before = (await client.log_in()).cookies
    [name] = [name for name in before if name.endswith("device")]

    await client.change_password()

    assert client.cookies[name] not in {None, before[name]}


async def test_a_bearer_login_sets_no_cookie(client: Client) -> None:
    await client.register()

    answer = await client.log_in(transport="bearer")

    assert "set-cookie" not in answer.headers
