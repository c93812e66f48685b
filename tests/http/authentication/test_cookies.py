"""The cookies that the service sets, to the letter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from infrastructure.config.settings import Settings
from tests.http.client import HTTPS_ORIGIN, LOGOUT, ME, ORIGIN, REFRESH, Client, bearer
from tests.support.doubles import SettableClock

at_each_site = pytest.mark.parametrize("origin_policy", [ORIGIN, HTTPS_ORIGIN], indirect=True)
at_https = pytest.mark.parametrize("origin_policy", [HTTPS_ORIGIN], indirect=True)

PLAIN_REMOVAL = [
    "access_token=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly",
    "refresh_token=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly",
    "logged_in=; Path=/; Max-Age=0; SameSite=Lax",
]
HTTPS_REMOVAL = [
    "__Host-access_token=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly; Secure",
    "__Host-refresh_token=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly; Secure",
    "logged_in=; Path=/; Max-Age=0; SameSite=Lax; Secure",
]


def set_cookies(answer: httpx.Response) -> list[str]:
    """Return the cookies of tokens that an answer sets."""
    assert answer.status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    return [cookie for cookie in cookies if "device=" not in cookie]


def values(answer: httpx.Response) -> list[tuple[str, int]]:
    """Value and Max-Age of the access, refresh and logged_in cookies."""
    parts = [cookie.split("; ") for cookie in set_cookies(answer)]
    return [
        (first.partition("=")[2], int(max_age.removeprefix("Max-Age=")))
        for first, _, max_age, *_ in parts
    ]


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return decoded


def check_ages(answer: httpx.Response) -> tuple[int, int]:
    """Check that Max-Age and the body have the token's own lifetime.

    :returns: those of the access and of the refresh token.
    """
    (access, access_age), (refresh, refresh_age), (logged_in, logged_in_age) = values(answer)
    for token, age in ((access, access_age), (refresh, refresh_age)):
        assert age == claims(token)["exp"] - claims(token)["iat"]
    assert (logged_in, logged_in_age) == ("true", access_age)
    assert answer.json()["expires_in"] == access_age
    return access_age, refresh_age


async def log_in(client: Client) -> httpx.Response:
    await client.register()
    return await client.log_in()


async def refresh(client: Client) -> httpx.Response:
    await client.sign_up()
    return await client.refresh()


async def refresh_by_get(client: Client) -> httpx.Response:
    await client.sign_up()
    return await client.get(REFRESH)


each_way = pytest.mark.parametrize("way", [log_in, refresh, refresh_by_get])


@each_way
async def test_the_cookies_under_http(client: Client, way: Any) -> None:
    answer = await way(client)

    (access, _), (renewal, _), _ = values(answer)
    assert set_cookies(answer) == [
        f"access_token={access}; Path=/; Max-Age=900; SameSite=Lax; HttpOnly",
        f"refresh_token={renewal}; Path=/; Max-Age=3600; SameSite=Lax; HttpOnly",
        "logged_in=true; Path=/; Max-Age=900; SameSite=Lax",
    ]


@at_https
@each_way
async def test_the_cookies_under_https(client: Client, way: Any) -> None:
    answer = await way(client)

    (access, _), (renewal, _), _ = values(answer)
    assert set_cookies(answer) == [
        f"__Host-access_token={access}; Path=/; Max-Age=900; SameSite=Lax; HttpOnly; Secure",
        f"__Host-refresh_token={renewal}; Path=/; Max-Age=3600; SameSite=Lax; HttpOnly; Secure",
        "logged_in=true; Path=/; Max-Age=900; SameSite=Lax; Secure",
    ]


@pytest.mark.parametrize(
    ("origin_policy", "removal"),
    [(ORIGIN, PLAIN_REMOVAL), (HTTPS_ORIGIN, HTTPS_REMOVAL)],
    indirect=["origin_policy"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_logout_removes_all_three(client: Client, removal: list[str], method: str) -> None:
    await client.sign_up()

    answer = await client.request(method, LOGOUT)

    assert set_cookies(answer) == removal
    assert not client.login_cookies


async def test_a_logout_by_bearer_removes_them_too(client: Client) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.log_out(headers=bearer(tokens["access_token"]))

    assert set_cookies(answer) == PLAIN_REMOVAL


@at_each_site
async def test_a_browser_stays_logged_in_with_these_cookies(client: Client) -> None:
    await client.sign_up()
    assert (await client.me()).status_code == 200
    assert (await client.refresh()).status_code == 200
    assert (await client.me()).status_code == 200
    assert (await client.log_out()).status_code == 200
    assert (await client.me()).status_code == 401


async def test_nothing_else_sets_a_cookie(client: Client) -> None:
    answers = [
        await client.register(),
        await client.log_in(password="another one"),
        await client.refresh(),
        await client.log_out(),
        await client.get("/nothing/here"),
        await client.get("/api/healthchecker"),
        await client.get("/docs"),
    ]
    assert (await client.log_in()).status_code == 200
    answers.append(await client.me())

    assert [answer.headers.get("set-cookie") for answer in answers] == [None] * 8


class TestNearTheAbsoluteEnd:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """A session that ends after 70 minutes, however often it is refreshed."""
        return replace(
            settings, tokens=replace(settings.tokens, session_lifetime=timedelta(minutes=70))
        )

    async def test_cookies_expire_with_their_session(
        self, client: Client, clock: SettableClock
    ) -> None:
        await client.register()
        assert check_ages(await client.log_in()) == (900, 3600)

        clock.advance(timedelta(minutes=30))
        assert check_ages(await client.refresh()) == (900, 2400)
        clock.advance(timedelta(minutes=30))
        assert check_ages(await client.refresh()) == (600, 600)
        clock.advance(timedelta(minutes=9))
        assert check_ages(await client.refresh()) == (60, 60)

    @pytest.mark.parametrize("left", [31, 30, 2, 1.5, 1, 0.9, 0.1, 0.000_001])
    async def test_cookies_of_the_last_seconds_expire_with_their_session(
        self, client: Client, clock: SettableClock, left: float
    ) -> None:
        await client.sign_up()
        clock.advance(timedelta(minutes=59))
        await client.refresh()
        clock.advance(timedelta(minutes=11, seconds=-left))

        access_age, refresh_age = check_ages(await client.refresh())

        assert access_age == refresh_age
        assert abs(access_age - left) < 1

    async def test_a_session_after_its_absolute_end_is_not_refreshed(
        self, client: Client, clock: SettableClock
    ) -> None:
        await client.sign_up()
        clock.advance(timedelta(minutes=59))
        await client.refresh()
        clock.advance(timedelta(minutes=11))

        answer = await client.refresh()

        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


async def test_a_repeated_refresh_sets_the_same_cookies(
    client: Client, clock: SettableClock
) -> None:
    tokens = await client.obtain_tokens()
    cookie = f"refresh_token={tokens['refresh_token']}"
    first = await client.with_cookies(REFRESH, cookie)
    client.cookies.clear()
    clock.advance(timedelta(seconds=9))

    again = await client.with_cookies(REFRESH, cookie)

    assert set_cookies(again) == set_cookies(first)
    assert check_ages(again) == (900, 3600)


async def test_a_login_and_a_refresh_by_cookie_only_leave_the_access_token_out_of_the_body(
    client: Client,
) -> None:
    await client.register()

    for answer in (
        await client.log_in(transport="cookie"),
        await client.post(REFRESH, json={"transport": "cookie"}),
    ):
        assert answer.json() == {"status": "success", "expires_in": 900}
        assert {"access_token", "refresh_token"} <= answer.cookies.keys()
    assert (await client.me()).status_code == 200


class TestWithACookiePrefix:
    """Two installations on one host: browsers send the cookies of both to both."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, http=replace(settings.http, cookie_prefix="shop_"))

    @pytest.mark.parametrize(
        ("origin_policy", "host"),
        [(ORIGIN, ""), (HTTPS_ORIGIN, "__Host-")],
        indirect=["origin_policy"],
    )
    async def test_every_cookie_begins_with_the_prefix(self, client: Client, host: str) -> None:
        await client.register()

        answer = await client.log_in()

        cookies = answer.headers.get_list("set-cookie")
        assert [each.partition("=")[0] for each in cookies] == [
            f"{host}shop_access_token",
            f"{host}shop_refresh_token",
            "shop_logged_in",
            f"{host}shop_device",
        ]
        for _ in range(2):  # the second answer comes from the cache
            assert (await client.me()).status_code == 200
        assert (await client.refresh()).status_code == 200
        document = (await client.get("/openapi.json")).json()
        schemes = document["components"]["securitySchemes"]
        assert schemes["access_cookie"]["name"] == f"{host}shop_access_token"

    async def test_cookies_of_the_other_installation_do_not_matter(self, client: Client) -> None:
        token = (await client.obtain_tokens())["access_token"]

        own = await client.with_cookies(ME, f"access_token=x; shop_access_token={token}")
        other = await client.with_cookies(ME, f"access_token={token}")

        assert (own.status_code, other.status_code) == (200, 401)
