"""Rate limits: the answer to too many attempts, and the owner's way in."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from litestar import Litestar

from api.security.origin_policy import OriginPolicy
from domain.rate_limit import RateLimit
from infrastructure.config.settings import Settings
from tests.http.client import (
    CLIENT_ORIGIN,
    EMAIL,
    LOGIN,
    ORIGIN,
    Client,
    a_client,
    visible_parts,
)
from tests.support.builders import MICROSECOND, PASSWORD, SECOND
from tests.support.doubles import SettableClock

WINDOW = timedelta(minutes=15)


def limited(settings: Settings, **limits: Any) -> Settings:
    return replace(settings, rate_limits=replace(settings.rate_limits, **limits))


PROXY, ELSEWHERE = "10.0.0.1", "198.51.100.7"
GUESS = {"email": EMAIL, "password": "a guess"}


async def guess(client: Client, forwarded_for: str | None = None) -> httpx.Response:
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for is not None else {}
    return await client.post(LOGIN, json=GUESS, headers=headers)


class TestAnAccount:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return limited(settings, login_account=RateLimit("login-account", 3, WINDOW))

    async def test_an_account_with_too_many_attempts_is_closed_for_a_while(
        self, client: Client
    ) -> None:
        await client.register()

        answers = [await guess(client) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [400] * 3 + [429]
        assert answers[3].headers["content-type"] == "application/json"
        assert answers[3].json() == {
            "status": "fail",
            "message": "Too many attempts, please wait",
            "code": "too_many_requests",
        }
        assert answers[3].headers["retry-after"] == "900"
        assert answers[3].headers["ratelimit-policy"] == '"login-account";q=3;w=900'
        assert answers[3].headers["ratelimit"] == '"login-account";r=0;t=900'
        assert "set-cookie" not in answers[3].headers

    async def test_a_refusal_by_a_limit_can_be_a_problem_document(self, client: Client) -> None:
        for _ in range(3):
            await guess(client)

        headers = {"Accept": "application/problem+json"}
        answer = await client.post(LOGIN, json=GUESS, headers=headers)

        assert answer.json() == {
            "type": "about:blank",
            "title": "Too Many Requests",
            "status": 429,
            "detail": "Too many attempts, please wait",
            "code": "too_many_requests",
        }
        assert answer.headers["retry-after"] == "900"

    @pytest.mark.parametrize(
        ("later", "seconds"),
        [
            (SECOND, 899),
            (MICROSECOND, 900),
            (SECOND / 2, 900),
            (WINDOW - SECOND, 1),
            (WINDOW - MICROSECOND, 1),
        ],
    )
    async def test_a_refusal_by_a_limit_has_the_seconds_to_wait_and_never_zero(
        self, client: Client, clock: SettableClock, later: timedelta, seconds: int
    ) -> None:
        for _ in range(3):
            await guess(client)
        clock.advance(later)

        answer = await guess(client)

        assert answer.headers["retry-after"] == str(seconds)
        assert answer.headers["ratelimit"] == f'"login-account";r=0;t={seconds}'

    async def test_a_closed_account_opens_again_after_the_stated_time(
        self, client: Client, clock: SettableClock
    ) -> None:
        await client.register()
        for _ in range(3):
            await guess(client)
        wait = int((await guess(client)).headers["retry-after"])

        clock.advance(wait * SECOND)

        assert (await client.log_in()).status_code == 200

    async def test_attempts_at_an_unknown_account_are_limited_alike(self, client: Client) -> None:
        await client.register("eve@example.org")

        for _ in range(5):
            known = await client.log_in("eve@example.org", password="a guess")
            unknown = await client.log_in("bob@example.org", password="a guess")
            assert visible_parts(known) == visible_parts(unknown)

    async def test_a_closed_account_lets_its_owner_in_on_a_known_device(
        self, client: Client, app: Litestar
    ) -> None:
        await client.sign_up()
        await client.log_out()
        async with a_client(app, ORIGIN, ELSEWHERE) as thief:
            for _ in range(10):
                await guess(thief)
            assert (await thief.log_in()).status_code == 429

            assert (await client.log_in()).status_code == 200
            assert (await client.me()).status_code == 200

    async def test_a_closed_account_lets_a_bearer_client_in_with_its_device_token(
        self, client: Client, app: Litestar
    ) -> None:
        token = (await client.obtain_tokens())["device_token"]
        async with a_client(app, ORIGIN, ELSEWHERE) as thief:
            for _ in range(10):
                await guess(thief)
            assert (await thief.log_in()).status_code == 429

            answer = await thief.log_in(transport="bearer", device_token=token)

        assert answer.status_code == 200
        assert answer.json()["device_token"] == token
        assert "set-cookie" not in answer.headers

    async def test_a_closed_account_is_not_opened_by_a_device_token_of_another_user(
        self, client: Client, app: Litestar
    ) -> None:
        await client.register()
        token = (await client.obtain_tokens("eve@example.org"))["device_token"]
        async with a_client(app, ORIGIN, ELSEWHERE) as thief:
            while (await guess(thief)).status_code == 400:
                pass

            for each in (token, "", "garbage", None):
                answer = await thief.log_in(transport="bearer", device_token=each)
                assert answer.status_code == 429

    async def test_a_closed_account_lets_its_owner_in_from_a_known_network(
        self, client: Client, app: Litestar
    ) -> None:
        await client.obtain_tokens()
        async with a_client(app, ORIGIN, ELSEWHERE) as thief:
            refused = [await guess(thief) for _ in range(4)][3]

        wrong = await guess(client)
        assert wrong.status_code == 429
        assert visible_parts(wrong) == visible_parts(refused)
        assert (await client.log_in(transport="bearer")).status_code == 200

    async def test_a_closed_account_is_not_opened_by_the_device_of_another_user(
        self, client: Client
    ) -> None:
        await client.register()
        await client.sign_up("eve@example.org")
        while (await guess(client)).status_code == 400:
            pass

        assert (await client.log_in("eve@example.org")).status_code == 200
        assert (await client.log_in()).status_code == 429

    @pytest.mark.parametrize(
        "cookie",
        ["device={0}; device={0}", "Device={0}; device={0}", "device={0}x", "device ={0}"],
    )
    async def test_a_closed_account_is_not_opened_by_a_lookalike_device_token(
        self, client: Client, cookie: str
    ) -> None:
        await client.sign_up()
        token = client.cookies["device"]
        client.cookies.clear()
        while (await guess(client)).status_code == 400:
            pass

        body = {"email": EMAIL, "password": PASSWORD}
        answer = await client.post(LOGIN, json=body, headers={"Cookie": cookie.format(token)})

        assert answer.status_code == 429


class TestAnAddress:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return limited(
            settings,
            login_account=None,
            login_address=RateLimit("login-address", 3, WINDOW),
            refresh_address=RateLimit("refresh-address", 3, WINDOW),
            register_address=RateLimit("register-address", 3, WINDOW),
        )

    @pytest.fixture
    def origin_policy(self) -> OriginPolicy:
        proxies = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
        return OriginPolicy(ORIGIN, frozenset({CLIENT_ORIGIN}), proxies)

    async def test_an_address_gains_no_attempts_by_naming_others(self, app: Litestar) -> None:
        async with a_client(app, ORIGIN, ELSEWHERE) as client:
            answers = [await guess(client, f"203.0.113.{number}") for number in range(5)]

        assert [answer.status_code for answer in answers] == [400] * 3 + [429] * 2

    async def test_an_address_behind_a_proxy_gains_no_attempts_by_naming_others(
        self, app: Litestar
    ) -> None:
        """The proxy appends the address that it sees to whatever the caller has sent."""
        async with a_client(app, ORIGIN, PROXY) as proxy:
            answers = [
                await guess(proxy, f"203.0.113.{number}, {ELSEWHERE}") for number in range(5)
            ]
            assert [answer.status_code for answer in answers] == [400] * 3 + [429] * 2
            assert (await guess(proxy, "203.0.113.0")).status_code == 400

    async def test_addresses_behind_a_proxy_have_attempts_of_their_own(
        self, app: Litestar
    ) -> None:
        async with a_client(app, ORIGIN, PROXY) as proxy:
            answers = [await guess(proxy, f"203.0.113.{number}") for number in range(5)]

        assert {answer.status_code for answer in answers} == {400}

    async def test_addresses_of_an_ipv6_network_share_attempts(self, app: Litestar) -> None:
        answers = []
        for number in range(5):
            async with a_client(app, ORIGIN, f"2001:db8:0:1::{number}") as client:
                answers.append(await guess(client))

        assert [answer.status_code for answer in answers] == [400] * 3 + [429] * 2

    async def test_every_kind_of_attempt_is_limited_for_an_address(self, client: Client) -> None:
        registered = [await client.register(f"{number}@example.org") for number in range(4)]
        token = (await client.obtain_tokens("0@example.org"))["refresh_token"]
        refreshed = [await client.refresh(token) for _ in range(4)]

        for answers, name in ((registered, "register-address"), (refreshed, "refresh-address")):
            assert [answer.status_code == 429 for answer in answers] == [False] * 3 + [True]
            assert answers[3].headers["ratelimit-policy"] == f'"{name}";q=3;w=900'
