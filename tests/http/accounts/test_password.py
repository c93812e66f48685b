"""Changing the password over HTTP."""

from typing import Any

import pytest
from litestar import Litestar

from tests.http.client import (
    CLIENT_ORIGIN,
    EMAIL,
    MY_PASSWORD,
    NEW_PASSWORD,
    ORIGIN,
    SESSIONS,
    Client,
    a_client,
    bearer,
)
from tests.http.failing_requests import problems_of
from tests.support.builders import PASSWORD

BODY = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}


async def test_the_new_password_logs_in_and_the_old_one_does_not(client: Client) -> None:
    await client.sign_up()

    answer = await client.change_password()

    assert answer.status_code == 200
    assert answer.json() == {"status": "success", "expires_in": 900}
    assert [each.partition("=")[0] for each in answer.headers.get_list("set-cookie")] == [
        "access_token",
        "refresh_token",
        "logged_in",
        "device",
    ]
    assert (await client.log_in()).status_code == 400
    assert (await client.log_in(password=NEW_PASSWORD)).status_code == 200


async def test_a_copy_of_my_own_cookies_is_dead_after_the_change(
    client: Client, app: Litestar
) -> None:
    await client.sign_up()
    session_id = (await client.get(SESSIONS)).json()["data"]["sessions"][0]["id"]
    async with a_client(app, ORIGIN) as thief:
        thief.cookies.update(client.cookies)
        assert (await thief.me()).status_code == 200

        assert (await client.change_password()).status_code == 200

        assert (await thief.me()).status_code == 401
        assert (await thief.refresh()).status_code == 401
    [session] = (await client.get(SESSIONS)).json()["data"]["sessions"]
    assert session["id"] != session_id
    assert session["isCurrent"]


async def test_an_authorization_header_beside_cookies_decides_about_the_transport(
    client: Client,
) -> None:
    tokens = await client.obtain_tokens("eve@example.org")
    await client.sign_up()

    answer = await client.change_password(headers=bearer(tokens["access_token"]))

    assert answer.json().keys() == tokens.keys()
    assert "access_token" not in answer.cookies
    assert (await client.me()).json()["data"]["user"]["email"] == EMAIL  # the cookies still are


async def test_another_client_is_logged_out_and_mine_is_not(client: Client, app: Litestar) -> None:
    await client.sign_up()
    tokens = await client.obtain_tokens()
    async with a_client(app, ORIGIN) as other:
        await other.log_in()

        assert (await client.change_password()).status_code == 200

        assert (await other.me()).status_code == 401
        assert (await other.refresh()).status_code == 401
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401
    assert (await client.me()).status_code == 200
    assert (await client.refresh()).status_code == 200


async def test_a_bearer_token_is_enough_from_wherever_it_comes(client: Client) -> None:
    tokens = await client.obtain_tokens()
    headers = bearer(tokens["access_token"]) | {"Sec-Fetch-Site": "cross-site"}

    answer = await client.change_password(headers=headers)

    assert "set-cookie" not in answer.headers
    assert answer.json().keys() == tokens.keys()
    assert (await client.me(tokens["access_token"])).status_code == 401
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401
    assert (await client.me(answer.json()["access_token"])).status_code == 200
    assert (await client.refresh(answer.json()["refresh_token"])).status_code == 200
    assert (await client.log_in(password=NEW_PASSWORD)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Mode": "navigate"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
async def test_a_page_of_another_site_changes_nothing(
    client: Client, headers: dict[str, str]
) -> None:
    await client.sign_up()

    answer = await client.change_password(headers=headers)

    assert answer.status_code == 403
    assert answer.json()["code"] == "cross_site_request"
    assert (await client.log_in()).status_code == 200


@pytest.mark.parametrize("origin", [ORIGIN, CLIENT_ORIGIN])
async def test_a_page_of_the_own_origin_may_use_cookies(client: Client, origin: str) -> None:
    await client.sign_up()

    assert (await client.change_password(headers={"Origin": origin})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"), [({}, "not_logged_in"), (bearer("garbage"), "invalid_token")]
)
async def test_a_change_of_password_needs_a_login(
    client: Client, headers: dict[str, str], code: str
) -> None:
    await client.register()

    answer = await client.change_password(headers=headers)

    assert answer.status_code == 401
    assert answer.json()["code"] == code
    assert (await client.log_in()).status_code == 200


async def test_a_refresh_token_changes_nothing(client: Client) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.change_password(headers=bearer(tokens["refresh_token"]))

    assert answer.status_code == 401


async def test_a_wrong_current_password_is_said_to_be_wrong(client: Client, app: Litestar) -> None:
    await client.sign_up()
    async with a_client(app, ORIGIN) as other:
        await other.log_in()

        answer = await client.change_password(current="a guess")

        assert answer.status_code == 400
        assert answer.json() == {
            "status": "fail",
            "message": "The current password is wrong",
            "code": "wrong_password",
        }
        assert (await other.me()).status_code == 200
        assert (await other.log_in()).status_code == 200


PROBLEMS = {
    "short": "must be at least 8 characters long",
    "x" * 257: "must be at most 256 characters and 1024 bytes long",
    "password1": "is too easy to guess; choose another one",
    "Ada Lovelace": "is too easy to guess; choose another one",
    "a better\u202e one": "must not contain control characters",
}


@pytest.mark.parametrize(("new", "message"), PROBLEMS.items(), ids=lambda text: ascii(text)[:14])
async def test_the_response_names_the_problem_of_the_new_password(
    client: Client, new: str, message: str
) -> None:
    await client.sign_up()

    [problem] = problems_of(await client.change_password(new=new))

    assert problem["message"] == message
    assert (await client.log_in()).status_code == 200


@pytest.mark.parametrize(
    ("members", "field"),
    [({"new": "short"}, "new_password"), ({"current": "x" * 1025}, "current_password")],
)
async def test_a_problem_is_that_of_a_member_of_the_body(
    client: Client, members: dict[str, str], field: str
) -> None:
    await client.sign_up()

    [problem] = problems_of(await client.change_password(**members))

    assert problem["field"] == field


@pytest.mark.parametrize("member", BODY)
@pytest.mark.parametrize("value", [1, True, [], {}])
async def test_a_member_of_a_wrong_type_is_named(client: Client, member: str, value: Any) -> None:
    await client.sign_up()

    answer = await client.post(MY_PASSWORD, json=BODY | {member: value})

    assert problems_of(answer) == [{"field": member, "message": "has a wrong type or value"}]


async def test_the_new_password_is_required(client: Client) -> None:
    await client.sign_up()

    answer = await client.post(MY_PASSWORD, json={"current_password": PASSWORD})

    assert problems_of(answer) == [{"field": "new_password", "message": "is required"}]


async def test_the_current_password_is_not_needed_after_a_step_up(client: Client) -> None:
    await client.sign_up()
    refused = await client.post(MY_PASSWORD, json={"new_password": NEW_PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (401, "step_up_required")
    await client.step_up()

    answer = await client.post(MY_PASSWORD, json={"new_password": NEW_PASSWORD})

    assert answer.status_code == 200
    assert (await client.log_in(password=NEW_PASSWORD)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_it_is_done_by_post(client: Client, method: str) -> None:
    await client.sign_up()

    answer = await client.request(method, MY_PASSWORD)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"
