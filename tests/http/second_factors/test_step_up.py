"""A step-up over HTTP: new tokens in the transport of the call, and the presented ones die."""

import asyncio
from datetime import timedelta

import pytest
from litestar import Litestar

from tests.http.client import (
    ME,
    MY_EXPORT,
    ORIGIN,
    SESSIONS,
    STEP_UP,
    Client,
    a_client,
    bearer,
)
from tests.http.failing_requests import problems_of
from tests.http.flows import VERIFIER
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock


async def test_a_step_up_with_a_bearer_token_answers_both_tokens_in_the_body(
    client: Client,
) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.step_up(tokens["access_token"])

    assert answer.status_code == 200
    assert answer.json().keys() == tokens.keys() - {"device_token"}
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    new = answer.json()
    assert (await client.me(new["access_token"])).status_code == 200
    assert (await client.refresh(new["refresh_token"])).status_code == 200


async def test_a_step_up_with_cookies_answers_no_token_in_the_body(client: Client) -> None:
    await client.sign_up()
    before = dict(client.cookies)

    answer = await client.step_up()

    assert answer.json() == {"status": "success", "expires_in": 900}
    assert [each.partition("=")[0] for each in answer.headers.get_list("set-cookie")] == [
        "access_token",
        "refresh_token",
        "logged_in",
    ]
    assert all(client.cookies[name] != before[name] for name in ("access_token", "refresh_token"))
    assert (await client.me()).status_code == 200
    assert (await client.refresh()).status_code == 200


async def test_a_copy_of_the_cookies_is_dead_after_a_step_up(
    client: Client, app: Litestar
) -> None:
    await client.sign_up()
    [session] = (await client.get(SESSIONS)).json()["data"]["sessions"]
    async with a_client(app, ORIGIN) as thief:
        thief.cookies.update(client.cookies)
        for _ in range(2):  # the second one from the cache
            assert (await thief.me()).status_code == 200

        assert (await client.step_up()).status_code == 200

        assert (await thief.me()).status_code == 401
        assert (await thief.refresh()).status_code == 401
        assert (await thief.step_up()).status_code == 401
    [renewed] = (await client.get(SESSIONS)).json()["data"]["sessions"]
    assert renewed["id"] != session["id"]
    assert renewed["isCurrent"]


async def test_a_stolen_session_cannot_step_up_without_the_password(client: Client) -> None:
    stolen = (await client.obtain_tokens())["access_token"]

    for members in ({"password": "not it"}, {"method": "totp", "code": "123456"}):
        answer = await client.step_up(stolen, **members)
        assert answer.status_code in {400, 401}
        assert answer.json()["code"] in {"wrong_password", "step_up_required"}

    assert (await client.get(MY_EXPORT, headers=bearer(stolen))).status_code == 401


async def test_a_refused_step_up_names_the_methods(client: Client) -> None:
    token = (await client.obtain_tokens())["access_token"]

    answer = await client.step_up(token, method="recovery_code", code="ABCD-EFGH")

    assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required")
    assert answer.json()["methods"] == ["password"]
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="doorward", error="insufficient_user_authentication", max_age="600"'
    )
    assert (await client.me(token)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": PASSWORD, "method": "totp", "code": "123456"},
        {"method": "totp"},
        {"code": "123456"},
        {"password": PASSWORD, "code": "123456"},
        {"code_verifier": VERIFIER},
        {"password": PASSWORD, "code": "of a login", "code_verifier": VERIFIER},
        {"method": "totp", "code": "123456", "code_verifier": VERIFIER},
    ],
    ids=str,
)
async def test_a_body_is_exactly_one_proof(client: Client, body: dict[str, str]) -> None:
    token = (await client.obtain_tokens())["access_token"]

    answer = await client.post(STEP_UP, json=body, headers=bearer(token))

    assert answer.status_code == 400
    [problem] = problems_of(answer)
    assert problem["field"] == "body"
    assert "method and code, or credential" in problem["message"]


async def test_a_step_up_by_a_page_of_another_site_is_refused(client: Client) -> None:
    await client.sign_up()
    before = dict(client.cookies)

    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = await client.post(STEP_UP, json={"password": PASSWORD}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
        assert "set-cookie" not in answer.headers

    assert dict(client.cookies) == before
    assert (await client.get(MY_EXPORT)).status_code == 401


async def test_of_parallel_step_ups_of_one_session_one_answers_tokens(client: Client) -> None:
    token = (await client.obtain_tokens())["access_token"]

    answers = await asyncio.gather(*(client.step_up(token) for _ in range(10)))

    assert sorted(each.status_code for each in answers) == [200] + [401] * 9
    [winner] = [each.json()["access_token"] for each in answers if each.is_success]
    listed = (await client.get(SESSIONS, headers=bearer(winner))).json()["data"]["sessions"]
    assert len(listed) == 1


async def test_a_refresh_keeps_a_step_up_and_does_not_prolong_it(
    client: Client, clock: SettableClock
) -> None:
    stepped_up = (await client.step_up((await client.obtain_tokens())["access_token"])).json()
    clock.advance(timedelta(minutes=9, seconds=59))

    new = (await client.refresh(stepped_up["refresh_token"])).json()

    export = await client.get(MY_EXPORT, headers=bearer(new["access_token"]))
    assert export.status_code == 200
    clock.advance(timedelta(seconds=1))
    export = await client.get(MY_EXPORT, headers=bearer(new["access_token"]))
    assert (export.status_code, export.json()["code"]) == (401, "step_up_required")
    assert (await client.get(ME, headers=bearer(new["access_token"]))).status_code == 200
